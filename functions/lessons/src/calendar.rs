//! Lessons as calendars read them: iCalendar (RFC 5545), sent about by iTIP (RFC 5546).
//!
//! Times are in UTC, which every program reads alike. A lesson keeps its UID through all moves, and its SEQUENCE grows with
//! each, so that a calendar changes the entry that it has instead of adding one.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use shared::prelude::*;

text_enum! {
    /// What a calendar does with what it gets.
    pub enum Method {
        /// Nothing but show it.
        Publish = "PUBLISH",
        /// Take it in, or change what it has.
        Request = "REQUEST",
        /// Take it out.
        Cancel = "CANCEL",
    }
}

/// An entry of a calendar.
pub struct Entry<'a> {
    /// The same through all moves.
    pub uid: Uuid,
    /// How often it was changed.
    pub sequence: i32,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
    /// Whether it was called off.
    pub is_canceled: bool,
    /// When it was last changed.
    pub changed_at: Time,
    /// Its title, in words.
    pub summary: &'a str,
    /// Who invites and who is invited, by their addresses; in a file that is only shown, nobody.
    pub people: Option<(&'a str, &'a str)>,
}

/// The most octets of a line without its end. Source: RFC 5545, section 3.1.
const LINE: usize = 75;

/// The calendar with these entries.
pub fn calendar(method: Method, entries: &[Entry<'_>]) -> String {
    let mut text = String::new();
    line(&mut text, "BEGIN:VCALENDAR");
    line(&mut text, "VERSION:2.0");
    line(&mut text, "PRODID:-//Praxis//Lessons//EN");
    line(&mut text, "CALSCALE:GREGORIAN");
    line(&mut text, &format!("METHOD:{}", method.as_str()));
    for entry in entries {
        event(&mut text, entry);
    }
    line(&mut text, "END:VCALENDAR");
    text
}

fn event(text: &mut String, entry: &Entry<'_>) {
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:{}", entry.uid));
    line(text, &format!("SEQUENCE:{}", entry.sequence));
    line(text, &format!("DTSTAMP:{}", moment(entry.changed_at.0)));
    line(text, &format!("DTSTART:{}", moment(entry.starts_at.0)));
    line(text, &format!("DTEND:{}", moment(entry.ends_at.0)));
    line(text, &format!("SUMMARY:{}", escaped(entry.summary)));
    line(text, if entry.is_canceled { "STATUS:CANCELLED" } else { "STATUS:CONFIRMED" });
    line(text, "TRANSP:OPAQUE");
    if let Some((organizer, attendee)) = entry.people {
        line(text, &format!("ORGANIZER:mailto:{}", address(organizer)));
        line(text, &format!("ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:{}", address(attendee)));
    }
    line(text, "END:VEVENT");
}

/// A content line, folded between characters so that no line is longer than the standard's.
fn line(text: &mut String, content: &str) {
    let mut room = LINE;
    for character in content.chars() {
        if character.len_utf8() > room {
            text.push_str("\r\n ");
            room = LINE - 1;
        }
        room -= character.len_utf8();
        text.push(character);
    }
    text.push_str("\r\n");
}

fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text value: what would end it or its line is escaped, other control characters are left out. Source: RFC 5545, section
/// 3.3.11.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '\\' | ';' | ',' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            control if control.is_control() => {}
            other => text.push(other),
        }
    }
    text
}

/// An address in a `mailto:`: what is neither a letter, a digit nor usual in addresses is percent-encoded (RFC 6068).
fn address(address: &str) -> String {
    let mut text = String::with_capacity(address.len());
    for byte in address.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'@' | b'.' | b'-' | b'_' | b'+' => {
                text.push(byte.into())
            }
            other => drop(write!(text, "%{other:02X}")),
        }
    }
    text
}

/// What a lesson is called in a calendar, in the language of its owner.
pub fn title(locale: &str, with: Option<&str>) -> String {
    let primary = locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let lesson = match primary.as_str() {
        "de" => "Unterricht",
        "zh" => "课程",
        _ => "Lesson",
    };
    match with {
        Some(name) => format!("{lesson}: {name}"),
        None => lesson.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(summary: &str) -> Entry<'_> {
        let at = |text: &str| Time(text.parse().unwrap());
        Entry {
            uid: Uuid::from_u128(7),
            sequence: 2,
            starts_at: at("2027-03-20T14:00:00Z"),
            ends_at: at("2027-03-20T15:00:00Z"),
            is_canceled: false,
            changed_at: at("2027-03-01T09:00:00.123456Z"),
            summary,
            people: Some(("no-reply@praxis.example", "mia@example.org")),
        }
    }

    #[test]
    fn an_entry_has_what_calendars_go_by() {
        let text = calendar(Method::Request, &[entry("Lesson: R. Vale")]);
        assert!(
            text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n") && text.ends_with("END:VCALENDAR\r\n")
        );
        for line in [
            "METHOD:REQUEST",
            "UID:00000000-0000-0000-0000-000000000007",
            "SEQUENCE:2",
            "DTSTAMP:20270301T090000Z",
            "DTSTART:20270320T140000Z",
            "DTEND:20270320T150000Z",
            "SUMMARY:Lesson: R. Vale",
            "STATUS:CONFIRMED",
            "ORGANIZER:mailto:no-reply@praxis.example",
            "ATTENDEE;PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:mia@example.org",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
        }
    }

    #[test]
    fn a_name_adds_no_line_and_no_line_is_too_long() {
        let name = format!("A;B,C\\D\r\nATTENDEE:mailto:eve@example.org\n{}", "长🎸".repeat(60));
        let text = calendar(Method::Publish, &[entry(&name)]);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines.iter().all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{text}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("ATTENDEE")).count(), 1);
        let unfolded = text.replace("\r\n ", "");
        let summary = unfolded.lines().find(|line| line.starts_with("SUMMARY:")).unwrap();
        assert!(
            summary.starts_with("SUMMARY:A\\;B\\,C\\\\D\\nATTENDEE:mailto:eve@example.org\\n长🎸"),
            "{summary}"
        );
    }

    #[test]
    fn an_address_stays_one() {
        assert_eq!(address("a\r\nX:b@example.org"), "a%0D%0AX%3Ab@example.org");
    }
}
