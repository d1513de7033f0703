//! Calendar files as others read them: two readers that have nothing in common, calcard (a mail server's parser, written by
//! hand) and icalendar (a combinator grammar), find the same in every file, through a lesson's whole life.

use calcard::{
    common::IanaString as _,
    icalendar::{ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty},
};
use icalendar::{Calendar, CalendarDateTime, Component as _, DatePerhapsTime};
use local::testkit::Client;
use serde_json::{Value, json};

use crate::{
    create_calendar_feed,
    given::{self, Practice, cancel, reschedule},
};

/// What a program makes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    method: String,
    entries: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    uid: String,
    sequence: i64,
    status: String,
    /// In seconds of Unix time; both readers say that the moment is one of UTC.
    starts_at: i64,
    ends_at: i64,
    summary: String,
    /// Organizer and attendee; in a file that is only shown, nobody.
    people: Vec<String>,
    /// How many properties the entry has in all: a line that somebody smuggled in would be another one.
    properties: usize,
}

/// As calcard reads a file: as a whole, or not at all.
fn by_calcard(text: &str) -> Read {
    let calendar = ICalendar::parse(text).unwrap_or_else(|error| panic!("{error:?} in {text}"));
    let top = &calendar.components[0];
    assert_eq!(top.component_type, ICalendarComponentType::VCalendar, "{text}");
    let text_of = |component: &ICalendarComponent, property: &ICalendarProperty| {
        let found = component.property(property).and_then(|entry| entry.values.first());
        found.and_then(|value| value.as_text()).map(str::to_owned)
    };
    let entries = calendar.components[1..].iter().map(|event| {
        assert_eq!(event.component_type, ICalendarComponentType::VEvent, "{text}");
        let moment = |property: &ICalendarProperty| {
            let value = &event.property(property).expect("a moment").values[0];
            let time = value.as_partial_date_time().expect("a date with a time");
            assert_eq!((time.tz_hour, time.tz_minute), (Some(0), Some(0)), "not UTC: {text}");
            time.to_timestamp().expect("a moment")
        };
        let person = |property: &ICalendarProperty| text_of(event, property);
        Event {
            uid: event.uid().expect("a UID").to_owned(),
            sequence: event.property(&ICalendarProperty::Sequence).expect("a sequence").values[0]
                .as_integer()
                .expect("a number"),
            status: event.status().expect("a status").as_str().to_owned(),
            starts_at: moment(&ICalendarProperty::Dtstart),
            ends_at: moment(&ICalendarProperty::Dtend),
            summary: text_of(event, &ICalendarProperty::Summary).expect("a title"),
            people: [&ICalendarProperty::Organizer, &ICalendarProperty::Attendee]
                .into_iter()
                .filter_map(person)
                .collect(),
            properties: event.entries.len(),
        }
    });
    Read { method: text_of(top, &ICalendarProperty::Method).expect("a method"), entries: entries.collect() }
}

/// As icalendar reads it.
fn by_icalendar(text: &str) -> Read {
    let calendar: Calendar = text.parse().unwrap_or_else(|error| panic!("{error} in {text}"));
    let moment = |at: Option<DatePerhapsTime>| match at {
        Some(DatePerhapsTime::DateTime(CalendarDateTime::Utc(at))) => at.timestamp(),
        other => panic!("not UTC: {other:?} in {text}"),
    };
    let entries = calendar.components.iter().map(|component| {
        let event = component.as_event().unwrap_or_else(|| panic!("no event: {component:?}"));
        let multiple: usize = event.multi_properties().values().map(Vec::len).sum();
        let organizer = event.property_value("ORGANIZER").map(str::to_owned);
        let attendees = event.get_attendees().into_iter().map(|attendee| attendee.cal_address);
        Event {
            uid: event.get_uid().expect("a UID").to_owned(),
            sequence: event.get_sequence().expect("a sequence").into(),
            status: event.property_value("STATUS").expect("a status").to_owned(),
            starts_at: moment(event.get_start()),
            ends_at: moment(event.get_end()),
            summary: event.get_summary().expect("a title").to_owned(),
            people: organizer.into_iter().chain(attendees).collect(),
            properties: event.properties().len() + multiple,
        }
    });
    Read {
        method: calendar.property_value("METHOD").expect("a method").to_owned(),
        entries: entries.collect(),
    }
}

/// What both readers find in a file, whose lines are as the standard wants them.
fn read(text: &str) -> Read {
    assert!(text.ends_with("\r\n"), "{text:?}");
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let is_line = |line: &str| line.len() <= 75 && !line.contains(['\r', '\n']) && !line.is_empty();
    assert!(lines.all(is_line), "lines of 75 octets at most (RFC 5545, section 3.1): {text:?}");
    let (one, other) = (by_calcard(text), by_icalendar(text));
    assert_eq!(one, other, "{text}");
    one
}

/// The only entry of a file.
fn entry(read: &Read) -> &Event {
    assert_eq!(read.entries.len(), 1, "{read:?}");
    &read.entries[0]
}

/// Tells people, and gives what goes along with the mails to one of them that have not been sent: oldest first.
async fn of_mails(practice: &Practice, person: &Client) -> Vec<Read> {
    practice.stack.invoke("tell-people", json!({})).await;
    let sql = "select payload #>> '{calendar,text}' from platform.outbox
               where topic = 'mail' and payload ? 'calendar' and user_id = $1 order by id";
    let rows = practice.db.query(sql, &[&person.id()]).await.expect("mails");
    rows.iter().map(|row| read(row.get::<_, &str>(0))).collect()
}

/// An address that a calendar program reads for the person.
async fn feed_of(person: &Client) -> String {
    let made = person.post(create_calendar_feed::PATH, json!({})).await;
    made.assert_status(201);
    format!("/api/v1/calendar/{}", made.str("url").rsplit('/').next().expect("a path"))
}

/// A file's text.
async fn file(caller: &Client, path: &str) -> String {
    let file = caller.get(path).await;
    file.assert_status(200);
    file.text()
}

fn moment(booking: &Value, name: &str) -> i64 {
    let moment: jiff::Timestamp = booking[name].as_str().expect("a moment").parse().expect("a moment");
    moment.as_second()
}

#[tokio::test]
async fn one_entry_goes_through_confirm_two_moves_and_cancel() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let feeds = [feed_of(&practice.student).await, feed_of(&practice.teacher).await];
    let mut booking = practice.booked(100, &package).await;
    let mut uid = None;
    for sequence in 0..4 {
        match sequence {
            0 => {}
            3 => drop(cancel(&practice.student, &booking).await.assert_status(200)),
            _ => {
                let mover = if sequence == 1 { &practice.student } else { &practice.teacher };
                let moved = reschedule(mover, &booking, &practice.slot(100 + 50 * sequence).await).await;
                booking = moved.assert_status(200).str("id");
            }
        }
        let known = practice.student.get(&format!("/api/v1/booking/{booking}")).await.json();
        let is_canceled = sequence == 3;
        for (person, feed) in [&practice.student, &practice.teacher].into_iter().zip(&feeds) {
            let own = read(&file(person, &format!("/api/v1/booking/{booking}/calendar.ics")).await);
            let fed = read(&file(&practice.stack.anonymous(), feed).await);
            let mailed = of_mails(&practice, person).await.pop().expect("a mail");
            let method = |wanted: &'static str| if is_canceled { "CANCEL" } else { wanted };
            assert_eq!(
                (own.method.as_str(), fed.method.as_str(), mailed.method.as_str()),
                (method("PUBLISH"), "PUBLISH", method("REQUEST"))
            );
            assert_eq!(entry(&own), entry(&fed), "sequence {sequence}");
            let receiver = format!("mailto:{}@example.org", person.id());
            let people = vec!["mailto:no-reply@example.com".to_owned(), receiver];
            let Event { properties, .. } = *entry(&own);
            let asked = Event { people, properties: properties + 2, ..entry(&own).clone() };
            assert_eq!(*entry(&mailed), asked, "the mail's entry is the file's, and names two people");
            let Event { starts_at, ends_at, status, sequence: found, uid: same, .. } = entry(&own).clone();
            assert_eq!(*uid.get_or_insert(same.clone()), same, "one UID, on both sides");
            assert_eq!(found, sequence);
            assert_eq!(status, if is_canceled { "CANCELLED" } else { "CONFIRMED" });
            assert_eq!((starts_at, ends_at), (moment(&known, "start_at"), moment(&known, "end_at")));
        }
    }
}

#[tokio::test]
async fn a_name_comes_back_as_it_is_and_adds_nothing() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let feed = feed_of(&practice.student).await;
    let booking = practice.booked(100, &package).await;
    let path = format!("/api/v1/booking/{booking}/calendar.ics");
    let plain = read(&file(&practice.student, &path).await);
    let chinese = "长".repeat(120);
    let mixed = format!("{}\\;,\\n", "é🎸a".repeat(38));
    for (name, wanted) in [
        ("Ada; Lady Lovelace, \\ or \\n", None),
        ("🎸👩‍🏫 Zoë", None),
        ("BEGIN:VEVENT", None),
        ("\"quoted\": a=b;c", None),
        (" two  blanks ", None),
        (chinese.as_str(), None),
        (mixed.as_str(), None),
        // An end of a line is the standard's own sign for it, and a carriage return alone is no character of a text.
        (
            "Eve\r\nBEGIN:VEVENT\r\nUID:1\r\nATTENDEE:mailto:eve@example.org",
            Some("Eve\nBEGIN:VEVENT\nUID:1\nATTENDEE:mailto:eve@example.org"),
        ),
        ("Eve\rEND:VCALENDAR", Some("EveEND:VCALENDAR")),
        ("Eve\n DTSTART:19700101T000000Z", None),
        ("a\u{1}b\u{7f}c\u{85}d", Some("abcd")),
    ] {
        let sql = "update identity.users set display_name = $1 where id = $2";
        assert_eq!(practice.db.execute(sql, &[&name, &practice.teacher.id()]).await.expect("a name"), 1);
        let summary = format!("Lesson: {}", wanted.unwrap_or(name));
        let own = read(&file(&practice.student, &path).await);
        let named = Event { summary, ..entry(&plain).clone() };
        assert_eq!(own, Read { entries: vec![named.clone()], ..plain.clone() }, "{name:?}");
        let fed = read(&file(&practice.stack.anonymous(), &feed).await);
        assert_eq!(*entry(&fed), named, "{name:?}");
        // What was told before is told again, as if it had not been.
        let sql = "delete from platform.outbox where topic = 'mail';
                   delete from lessons.notifications;
                   update lessons.events set status = 'pending', processed_at = null";
        practice.db.batch_execute(sql).await.expect("events to tell");
        let mailed = of_mails(&practice, &practice.student).await;
        assert_eq!(mailed.len(), 1, "{name:?}");
        assert_eq!(entry(&mailed[0]).summary, named.summary, "{name:?}");
        assert_eq!(entry(&mailed[0]).properties, entry(&plain).properties + 2, "{name:?}");
    }
}
