//! Text as HTML.

/// Text that means itself, also inside of a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            character => html.push(character),
        }
    }
    html
}

/// Something to type or to read literally.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Text with `code` between backticks.
pub(super) fn sentence(text: &str) -> String {
    let mut parts = text.split('`');
    let mut html = escaped(parts.next().unwrap_or_default());
    while let Some(inside) = parts.next() {
        match parts.next() {
            Some(after) => html.push_str(&(code(inside) + &escaped(after))),
            None => html.push_str(&format!("`{}", escaped(inside))), // nothing closes it
        }
    }
    html
}

/// Text whose paragraphs have a blank line between them; nothing for no text.
pub(super) fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| format!("<p>{}</p>\n", sentence(paragraph)))
        .collect()
}

/// The beginning of a table with three columns.
pub(super) fn table_head(names: [&str; 3]) -> String {
    let cells: String = names.iter().map(|name| format!("<th>{name}</th>")).collect();
    format!("<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_come_in_pairs() {
        assert_eq!(sentence("a `b<` c"), "a <code>b&lt;</code> c");
        assert_eq!(sentence("`a``b`"), "<code>a</code><code>b</code>");
        assert_eq!(sentence("a ` b"), "a ` b");
        assert_eq!(paragraphs("a\nb\n\n\n\nc"), "<p>a\nb</p>\n<p>c</p>\n");
    }
}
