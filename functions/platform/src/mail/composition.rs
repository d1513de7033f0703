//! The message as it goes out: headers, plain text and HTML.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use sha2::{Digest, Sha256};
use shared::language;
use shared::outbox::Failure;

use super::request::{Request, Template};
use super::words::{Frame, Words};
use super::{chinese, english, german, layout};

/// Composes the mail. What cannot be composed now never can.
pub(super) fn compose(from: &Mailbox, dedup_key: &str, request: &Request) -> Result<Message, Failure> {
    let failed = |words: &str| Failure::Permanent(words.to_owned());
    // As an address, never as a header's text: a line break or a second address in it is refused.
    let to: Address = request.to.parse().map_err(|_| failed("the address is none"))?;
    let (words, frame) = words_of(request);
    let link = request.template.link();
    let html = layout::html(&words, frame, link).map_err(|_| failed("the mail could not be rendered"))?;
    let text = layout::text(&words, frame, link);
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(words.subject.as_str())
        .message_id(Some(message_id(from, dedup_key)))
        // Nobody's holiday notice answers it (RFC 3834, section 5).
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Content-Language", frame.language))
        .multipart(MultiPart::alternative_plain_html(text, html))
        .map_err(|_| failed("the mail could not be composed"))
}

/// The words in the receiver's language, English where there is no translation.
fn words_of(request: &Request) -> (Words, &'static Frame) {
    let locale = language::or_instead(request.locale.clone(), language::default_locale);
    let primary = locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let (words, frame): (fn(&Template) -> Words, _) = match primary.as_str() {
        "de" => (german::words, &german::FRAME),
        "zh" => (chinese::words, &chinese::FRAME),
        _ => (english::words, &english::FRAME),
    };
    (words(&request.template), frame)
}

/// The same for every delivery of a message, so that a mailbox can tell a repeated one (RFC 5322, section 3.6.4).
fn message_id(from: &Mailbox, dedup_key: &str) -> String {
    let hash = Sha256::digest(dedup_key.as_bytes());
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("<{hex}@{}>", from.email.domain())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn composed(payload: serde_json::Value) -> Result<String, Failure> {
        let from = "Praxis <no-reply@praxis.example>".parse().unwrap();
        let mail = compose(&from, "verify_email:1", &Request::read(&payload)?)?;
        Ok(String::from_utf8(mail.formatted()).unwrap())
    }

    #[test]
    fn one_key_has_one_message_id() {
        let payload = json!({"template": "password_changed", "to": "a@example.org", "locale": "zh-CN"});
        let (one, other) = (composed(payload.clone()).unwrap(), composed(payload).unwrap());
        let id = |mail: &str| mail.lines().find(|line| line.starts_with("Message-ID: <")).unwrap().to_owned();
        assert_eq!(id(&one), id(&other));
        assert!(id(&one).ends_with("@praxis.example>"));
        for header in ["Date: ", "Auto-Submitted: auto-generated\r\n", "Content-Language: zh-CN\r\n"] {
            assert!(one.contains(header), "{header} in {one}");
        }
        assert!(!one.contains("List-Unsubscribe"));
    }

    #[test]
    fn an_address_adds_no_header_and_no_second_receiver() {
        for to in
            ["a@example.org\r\nBcc: b@example.org", "a@example.org, b@example.org", "a", "A <a@example.org>"]
        {
            let payload = json!({"template": "password_changed", "to": to});
            assert_eq!(
                composed(payload),
                Err(Failure::Permanent("the address is none".to_owned())),
                "{to:?}"
            );
        }
    }

    #[test]
    fn the_first_mail_says_when_and_with_what_somebody_registered() {
        let payload = json!({
            "template": "verify_email", "to": "a@example.org", "locale": "en", "link": "https://a.example/x",
            "registered_at": "2026-12-05T10:07:59Z", "program": "Firefox, Windows"
        });
        let said = |payload: &serde_json::Value| {
            let (words, _) = words_of(&Request::read(payload).unwrap());
            words.paragraphs.join(" ")
        };
        let words = said(&payload);
        assert!(
            words.contains("5 December 2026, 10:07 UTC") && words.contains("Firefox, Windows"),
            "{words}"
        );
        let mut reset =
            json!({"template": "reset_password", "to": "a@example.org", "link": "https://a.example/x"});
        assert!(!said(&reset).contains("never confirmed"));
        reset["starts_anew"] = json!(true);
        assert!(said(&reset).contains("never confirmed"));
    }

    #[test]
    fn every_mail_in_every_language_is_composed() {
        let templates = [
            "verify_email",
            "reset_password",
            "change_email",
            "email_changed",
            "password_changed",
            "refresh_token_reused",
            "way_in_added",
            "way_in_removed",
            "export_ready",
            "export_failed",
            "deletion_requested",
        ];
        for template in templates {
            for locale in ["en", "de-AT", "zh-CN", "fr", ""] {
                let payload = json!({
                    "template": template, "to": "a@example.org", "locale": locale, "link": "https://a.example/x",
                    "new_email": "b@example.org", "expires_at": "2026-12-05T10:00:00Z", "erased_on": "2026-12-05", "way": "Google"
                });
                composed(payload).unwrap_or_else(|failure| panic!("{template} {locale}: {failure:?}"));
            }
        }
    }
}
