//! What lets a page read an answer, which is said in two places: by functions of their own answers, and by the template of
//! preflights and of the gateway's errors. A page reads either or neither.

use std::{collections::BTreeMap, fs};

use anyhow::Result;

use super::{Findings, Tree};
use crate::template::{Cors, GatewayResponse, ParameterSource, Template};

const TEMPLATE: &str = "template.yaml";

/// Where functions say which headers a page may read: `const EXPOSED: &str = "…";`.
const FUNCTIONS: &str = "shared/src/serve/http.rs";

/// The types whose words stand for every type without its own.
const DEFAULTS: [&str; 2] = ["DEFAULT_4XX", "DEFAULT_5XX"];

pub(super) fn check(tree: &Tree, found: &mut Findings) -> Result<()> {
    let exposed = fs::read_to_string(tree.root.join(FUNCTIONS)).ok();
    let exposed =
        exposed.as_deref().and_then(|text| text.split_once("const EXPOSED: &str = \"")?.1.split('"').next());
    let path = tree.root.join(TEMPLATE);
    // One origin, several, all of them: what is allowed differs.
    let has_origins = fs::read_to_string(&path).is_ok_and(|text| text.contains("\n  CorsOrigins:"));
    let origins = ["https://a.example", "https://a.example,https://b.example", "*"];
    for origins in origins.iter().filter(|_| has_origins) {
        let parameters = BTreeMap::from([("CorsOrigins".to_owned(), (*origins).to_owned())]);
        compare(&Template::functions_of(&path, &parameters)?, exposed, found);
    }
    if !has_origins {
        compare(&tree.template, exposed, found);
    }
    Ok(())
}

fn compare(template: &Template, exposed: Option<&str>, found: &mut Findings) {
    let Some(cors) = &template.api.cors else { return };
    for default in DEFAULTS.iter().filter(|default| !template.api.responses.contains_key(**default)) {
        found.add(
            TEMPLATE,
            format!("GatewayResponses lacks {default}: a page cannot read the errors it stands for"),
        );
    }
    let literal = |text: &str| ParameterSource::Literal(text.to_owned());
    let has_one_origin = cors.allow_credentials && cors.allow_origin != "*";
    for (kind, response) in &template.api.responses {
        let mut wanted = vec![
            ("Access-Control-Allow-Origin", Some(literal(&cors.allow_origin))),
            ("Access-Control-Allow-Credentials", has_one_origin.then(|| literal("true"))),
            ("X-Request-ID", Some(ParameterSource::Context("requestId".to_owned()))),
        ];
        if let Some(exposed) = exposed {
            wanted.push(("Access-Control-Expose-Headers", Some(literal(exposed))));
        }
        for (name, wanted) in wanted {
            let given = header(response, name);
            if given != wanted.as_ref() {
                let origin = origin(cors);
                let message = format!(
                    "with {origin}, GatewayResponses.{kind} has {given:?} for {name}, and preflights and functions {wanted:?}"
                );
                found.add(TEMPLATE, message);
            }
        }
    }
}

fn origin(cors: &Cors) -> String {
    format!("the origin {}", cors.allow_origin)
}

fn header<'a>(response: &'a GatewayResponse, name: &str) -> Option<&'a ParameterSource> {
    response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, source)| source)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;

    fn with(headers: &str) -> Vec<String> {
        let project = Project::in_order();
        let cors = format!(
            "Properties:\n      StageName: dev\n      Cors: {{AllowOrigin: \"'https://a.example'\", AllowCredentials: true}}\n      \
             GatewayResponses:\n        DEFAULT_4XX: {{ResponseParameters: {{Headers: {{{headers}}}}}}}\n        \
             DEFAULT_5XX: {{ResponseParameters: {{Headers: {{{RIGHT}}}}}}}\n"
        );
        let template = project.read("template.yaml").replacen("Properties: {StageName: dev}\n", &cors, 1);
        project.write("template.yaml", &template);
        project.write("shared/src/serve/http.rs", "const EXPOSED: &str = \"X-Request-ID\";");
        project.mismatches()
    }

    const RIGHT: &str = "Access-Control-Allow-Origin: \"'https://a.example'\", Access-Control-Allow-Credentials: \"'true'\", \
                         Access-Control-Expose-Headers: \"'X-Request-ID'\", X-Request-ID: context.requestId";

    #[test]
    fn the_gateways_errors_are_read_as_answers_are() {
        assert_eq!(with(RIGHT), Vec::<String>::new());
        let found = with("Access-Control-Allow-Origin: \"'*'\"");
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().all(|line| line.contains("GatewayResponses.DEFAULT_4XX")), "{found:?}");
        let found = with(&RIGHT.replace("'X-Request-ID'", "'X-Other'"));
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn types_without_words_of_their_own_have_a_default() {
        let project = Project::in_order();
        let cors = "Properties: {StageName: dev, Cors: \"'*'\"}\n";
        let template = project.read("template.yaml").replacen("Properties: {StageName: dev}\n", cors, 1);
        project.write("template.yaml", &template);
        let found = project.mismatches();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
