//! What can be read off a Rust file without compiling it: the route that a binary serves, and a file's modules.

use std::collections::BTreeSet;

/// What a binary's `main` hands to `serve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Served {
    /// `serve(post("/api/v1/scenes", create))`
    Route {
        /// Upper case.
        method: String,
        /// The path's template.
        path: String,
    },
    /// `serve(job(run))`, `serve(queue(run))`: no route.
    Other,
}

/// The first `serve(…)` of a source text; `None` when there is none whose route is written out.
pub(super) fn served(text: &str) -> Option<Served> {
    let code = without_comments(text);
    let call = code.find("serve(")? + "serve(".len();
    let argument = code[call..].trim_start();
    let open = argument.find('(')?;
    let name = argument[..open].rsplit("::").next()?.trim();
    if !["get", "post", "put", "patch", "delete", "head", "any"].contains(&name) {
        return Some(Served::Other);
    }
    let path = argument[open + 1..].trim_start().strip_prefix('"')?;
    Some(Served::Route { method: name.to_ascii_uppercase(), path: path[..path.find('"')?].to_owned() })
}

/// The modules that a source text declares as files: `mod name;`.
pub(super) fn modules(text: &str) -> BTreeSet<String> {
    let code = without_comments(text);
    let words = code.split_whitespace().collect::<Vec<_>>();
    let declared =
        words.windows(2).filter(|pair| pair[0] == "mod").filter_map(|pair| pair[1].split_once(';'));
    declared.map(|(name, _)| name.to_owned()).collect()
}

/// The text without its line comments. A `//` inside a string counts as none: paths and URLs hold it.
fn without_comments(text: &str) -> String {
    let code = |line: &str| {
        let comment =
            line.match_indices("//").find(|(at, _)| line[..*at].matches('"').count().is_multiple_of(2));
        comment.map_or(line.len(), |(at, _)| at)
    };
    text.lines().map(|line| &line[..code(line)]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str) -> Option<Served> {
        Some(Served::Route { method: method.to_owned(), path: path.to_owned() })
    }

    #[test]
    fn a_route_is_read_off_its_main() {
        let text = "//! serve(get(\"/other\", x))\nfn main() { serve(post(\"/api/v1/scenes\", create)) }";
        assert_eq!(served(text), route("POST", "/api/v1/scenes"));
        let text = "fn main() {\n    serve(\n        shared::patch(\n            \"/a/{b}\", f).or(409, \"late\"))\n}";
        assert_eq!(served(text), route("PATCH", "/a/{b}"));
    }

    #[test]
    fn a_job_is_no_route_and_a_computed_path_is_unknown() {
        assert_eq!(served("fn main() { serve(job(run)) }"), Some(Served::Other));
        assert_eq!(served("fn main() { serve(get(PATH, run)) }"), None);
        assert_eq!(served("fn main() {}"), None);
    }

    #[test]
    fn only_declared_files_are_modules() {
        let text = "mod one;\npub mod two;\n// mod three;\nmod four { }\n#[cfg(test)] mod five;";
        assert_eq!(modules(text).into_iter().collect::<Vec<_>>(), ["five", "one", "two"]);
    }
}
