//! How a mail looks: one calm column with the words, one button, a footer. And the same as plain text.

use std::collections::HashMap;

use mrml::prelude::render::RenderOptions;
use shared::error::{Result, internal};

use super::words::{Frame, Words};

const LAYOUT: &str = include_str!("layout.mjml");

/// The mail in HTML, which no value can add markup to.
pub(super) fn html(words: &Words, frame: &Frame, link: Option<&str>) -> Result<String> {
    let mut body = String::new();
    let (first, rest) = words.paragraphs.split_first().ok_or_else(|| internal("a mail without words"))?;
    body += &paragraph(first);
    if let Some(link) = link {
        body += &format!(
            r##"<mj-button href="{}" align="left" background-color="#1d5fa8" color="#ffffff" border-radius="6px" font-size="16px" font-weight="600" inner-padding="12px 24px" padding="8px 0 24px">{}</mj-button>"##,
            escaped(link),
            escaped(words.button),
        );
    }
    rest.iter().for_each(|text| body += &paragraph(text));
    if let Some(link) = link {
        let link = escaped(link);
        body += &format!(
            r##"<mj-text font-size="13px" color="#5c6475">{}<br /><a href="{link}" style="color:#1d5fa8;word-break:break-all;">{link}</a></mj-text>"##,
            escaped(frame.link_hint),
        );
    }
    let mjml = filled(
        LAYOUT,
        &[
            ("language", frame.language),
            ("subject", &escaped(&words.subject)),
            ("preview", &escaped(&words.preview)),
            ("body", &body),
            ("footer", &escaped(frame.footer)),
        ],
    );
    // The errors of both could quote the mail.
    let parsed = mrml::parse(&mjml).map_err(|_| internal("the mail's MJML cannot be parsed"))?;
    // No fonts from elsewhere: a mail that loads something tells when it was read.
    let options = RenderOptions { fonts: HashMap::new(), ..RenderOptions::default() };
    parsed.element.render(&options).map_err(|_| internal("the mail's MJML cannot be rendered"))
}

/// The mail as text.
pub(super) fn text(words: &Words, frame: &Frame, link: Option<&str>) -> String {
    let mut parts = vec![words.subject.clone()];
    let (first, rest) = words.paragraphs.split_at(words.paragraphs.len().min(1));
    parts.extend_from_slice(first);
    parts.extend(link.map(|link| format!("{}:\n{link}", words.button)));
    parts.extend_from_slice(rest);
    parts.push(format!("-- \n{}", frame.footer));
    parts.join("\n\n") + "\n"
}

fn paragraph(text: &str) -> String {
    format!("<mj-text>{}</mj-text>", escaped(text))
}

/// The text for HTML and XML, inside elements and attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// The template with its `{{name}}`s replaced, in one pass: a value that looks like a name stays as it is.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_not_read_again() {
        let words = Words {
            subject: "<b>S</b> {{footer}}".to_owned(),
            preview: "p".to_owned(),
            paragraphs: vec!["<script>alert('1')</script> & {{link}}".to_owned()],
            button: "Go",
        };
        let html =
            html(&words, &super::super::english::FRAME, Some("https://a.example/?a=1&b=\"><img src=x>"))
                .unwrap();
        assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; {{link}}"), "{html}");
        assert!(html.contains("&lt;b&gt;S&lt;/b&gt; {{footer}}"));
        assert!(html.contains(r#"href="https://a.example/?a=1&amp;b=&quot;&gt;&lt;img src=x&gt;""#));
        assert!(!html.contains("<script") && !html.contains("<img src=x") && !html.contains("<b>S"));
        assert!(!html.contains("googleapis"), "a mail loads nothing");
    }
}
