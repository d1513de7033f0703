//! The message as it goes out: headers, plain text and HTML.

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use sha2::{Digest, Sha256};
use shared::language;
use shared::outbox::Failure;

use super::request::{Calendar, Method, Request, Template};
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
    let mut parts = MultiPart::alternative_plain_html(text, html);
    if let Some(calendar) = &request.calendar {
        parts = parts.singlepart(calendar_part(calendar)?);
    }
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(words.subject.as_str())
        .message_id(Some(message_id(from, dedup_key)))
        // Nobody's holiday notice answers it (RFC 3834, section 5).
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Content-Language", frame.language))
        .multipart(parts)
        .map_err(|_| failed("the mail could not be composed"))
}

/// The part that a calendar reads: the last alternative, with its method in the type (RFC 6047, section 2.4).
fn calendar_part(calendar: &Calendar) -> Result<SinglePart, Failure> {
    let kind = match calendar.method {
        Method::Publish => "text/calendar; method=PUBLISH; charset=utf-8",
        Method::Request => "text/calendar; method=REQUEST; charset=utf-8",
        Method::Cancel => "text/calendar; method=CANCEL; charset=utf-8",
    };
    let kind =
        ContentType::parse(kind).map_err(|_| Failure::Permanent("no type of a calendar".to_owned()))?;
    Ok(SinglePart::builder().header(kind).body(calendar.text.clone()))
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
    let mut words = words(&request.template);
    words.paragraphs.retain(|paragraph| !paragraph.is_empty());
    (words, frame)
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
            "lesson_confirmed",
            "lesson_moved",
            "lesson_canceled",
            "lesson_reminder",
            "series_confirmed",
            "time_offered",
            "package_paid",
            "payment_failed",
            "payment_refunded",
            "package_ends_soon",
            "package_ended",
        ];
        for template in templates {
            for locale in ["en", "de-AT", "zh-CN", "fr", ""] {
                let payload = json!({
                    "template": template, "to": "a@example.org", "locale": locale, "link": "https://a.example/x",
                    "new_email": "b@example.org", "expires_at": "2026-12-05T10:00:00Z", "erased_on": "2026-12-05", "way": "Google",
                    "starts": "2027-03-20T15:00", "ends": "2027-03-20T16:00", "zone": "Europe/Berlin", "with": "R. Vale",
                    "moved_from": "2027-03-19T15:00", "by": "teacher", "lesson_returned": true, "lessons_left": 3,
                    "ends_on": "2027-04-01", "held_until": "2027-03-20T14:30", "amount": "80.00", "currency": "EUR",
                    "is_time_lost": true, "lessons": if template == "package_paid" { json!(8) } else {
                        json!([{ "starts": "2027-03-20T15:00", "ends": "2027-03-20T16:00", "zone": "Europe/Berlin" }])
                    }
                });
                composed(payload).unwrap_or_else(|failure| panic!("{template} {locale}: {failure:?}"));
            }
        }
    }

    #[test]
    fn a_calendar_goes_along_as_a_part_with_its_method() {
        let text = "BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nEND:VCALENDAR\r\n";
        let payload = json!({
            "template": "lesson_canceled", "to": "a@example.org", "locale": "de", "starts": "2027-03-20T15:00",
            "ends": "2027-03-20T16:00", "zone": "Europe/Berlin", "with": "R. Vale\r\nBcc: eve@example.org", "by": "admin",
            "lesson_returned": true, "calendar": { "method": "CANCEL", "text": text }
        });
        let mail = composed(payload.clone()).unwrap();
        assert!(mail.contains("Content-Type: text/calendar; method=CANCEL; charset=utf-8\r\n"), "{mail}");
        assert!(mail.contains("METHOD:CANCEL"), "{mail}");
        assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
        let (words, _) = words_of(&Request::read(&payload).unwrap());
        let said = words.paragraphs.join(" ");
        assert!(
            said.contains("Samstag, 20. März 2027")
                && said.contains("15:00")
                && said.contains("Europe/Berlin"),
            "{said}"
        );
        let wrong = json!({"template": "lesson_canceled", "to": "a@example.org", "starts": "soon"});
        assert!(composed(wrong).is_err());
    }
}
