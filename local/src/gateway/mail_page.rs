//! `/_local/mail`: the mails of the local stack, which no deployment has.

use std::{fmt::Write as _, path::Path};

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use super::page::{escaped, page, respond};
use crate::mails::{self, Mail};

/// The page's address.
pub(super) const PATH: &str = "/_local/mail";

/// Answers a request for the page; `None` when `path` is another.
pub(super) fn answer(folder: &Path, path: &str) -> Option<Response<Body>> {
    let rest = path.strip_prefix(PATH)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let mails = match mails::read(folder) {
        Ok(mails) => mails,
        Err(error) => {
            return Some(page(StatusCode::INTERNAL_SERVER_ERROR, "Mail", &escaped(&error.to_string())));
        }
    };
    // A name is looked for among those that there are, so it never becomes a path.
    let mail = |name: &str| mails.iter().find(|mail| mail.name == name);
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    Some(match parts.as_slice() {
        [] => page(StatusCode::OK, "Mail", &list(&mails)),
        [name] if let Some(mail) = mail(name) => page(StatusCode::OK, &mail.subject, &one(mail)),
        [name, "html"] if let Some(mail) = mail(name) => html_part(mail),
        _ => page(StatusCode::NOT_FOUND, "Mail", "<p>There is no such mail.</p>"),
    })
}

fn list(mails: &[Mail]) -> String {
    if mails.is_empty() {
        return "<p>No mails yet. What a route sends is here two seconds later; reload.</p>".to_owned();
    }
    let mut rows = String::new();
    for mail in mails {
        let _ = write!(
            rows,
            "<tr><td>{}</td><td><a href=\"{PATH}/{}\">{}</a></td><td>{}</td></tr>",
            escaped(&mail.to),
            escaped(&mail.name),
            escaped(&mail.subject),
            written(mail),
        );
    }
    format!("<table>{rows}</table>")
}

fn one(mail: &Mail) -> String {
    let mut headers = String::new();
    for (name, value) in
        [("To", &mail.to), ("From", &mail.from), ("Date", &written(mail)), ("File", &mail.name)]
    {
        let _ = write!(headers, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    format!(
        "<p><a href=\"{PATH}\">All mails</a></p><dl>{headers}</dl>
         <iframe sandbox=\"allow-popups allow-popups-to-escape-sandbox\" src=\"{PATH}/{}/html\" title=\"HTML part\"></iframe>
         <h2>Plain text</h2><pre>{}</pre>",
        escaped(&mail.name),
        linked(&mail.text),
    )
}

/// The mail's own markup, in which nothing runs and which loads nothing, also when it is opened by itself.
fn html_part(mail: &Mail) -> Response<Body> {
    let mut answer = respond(StatusCode::OK, mail.html.clone());
    let policy =
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'";
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    answer
}

fn written(mail: &Mail) -> String {
    let time = jiff::Timestamp::try_from(mail.written).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The text with its web addresses as links.
fn linked(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let space = &piece[word.len()..];
        if word.starts_with("http://") || word.starts_with("https://") {
            let word = escaped(word);
            let _ = write!(
                out,
                "<a href=\"{word}\" target=\"_blank\" rel=\"noopener noreferrer\">{word}</a>{space}"
            );
        } else {
            out.push_str(&escaped(piece));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn mails_are_listed_and_shown_without_running_anything() {
        let folder = std::env::temp_dir().join(format!("praxis-mail-page-{}", uuid::Uuid::new_v4()));
        let text = async |path: &str| {
            let answer = answer(&folder, path).expect("an answer");
            let (parts, body) = answer.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            (parts, String::from_utf8(body.to_vec()).unwrap())
        };
        assert!(text("/_local/mail").await.1.contains("No mails yet"));
        std::fs::create_dir(&folder).unwrap();
        let mail = "From: P <p@example.org>\r\nTo: a@example.org\r\nSubject: <b>Hi\r\nContent-Type: \
                    multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nsee \
                    https://a.example/?a=1&b=2\r\n--x\r\nContent-Type: text/html\r\n\r\n<p>part</p>\r\n--x--\r\n";
        std::fs::write(folder.join("verify_email:1.eml"), mail).unwrap();
        std::fs::write(folder.join(".unfinished.tmp"), "x").unwrap();

        let (_, list) = text("/_local/mail").await;
        assert!(
            list.contains("a@example.org") && list.contains("&lt;b&gt;Hi") && !list.contains("unfinished"),
            "{list}"
        );
        let (_, one) = text("/_local/mail/verify_email:1").await;
        assert!(one.contains(r#"<a href="https://a.example/?a=1&amp;b=2""#), "{one}");
        assert!(one.contains("<iframe sandbox=\"allow-popups"));
        let (parts, html) = text("/_local/mail/verify_email:1/html").await;
        assert!(html.contains("<p>part</p>"));
        let read_by_others = header::ACCESS_CONTROL_ALLOW_ORIGIN;
        assert!(!parts.headers.contains_key(read_by_others), "no page of another origin reads mails");
        let policy = parts.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("sandbox") && policy.contains("default-src 'none'"));
        for path in ["/_local/mail/x", "/_local/mail/../mail/x", "/_local/mail/verify_email:1/raw"] {
            assert_eq!(text(path).await.0.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert!(super::answer(&folder, "/_local/mails").is_none() && super::answer(&folder, "/").is_none());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
