//! From something that happened to those whom it concerns: a notification each, and a mail where mail reaches them, in their
//! language, with times in their zone. One transaction for each event, so that nobody is told twice and one that cannot be
//! told keeps no other from being.

mod money_mail;

use serde_json::{Value, json};
use shared::error::Error;
use shared::outbox::{self, Message};
use shared::prelude::*;
use shared::recipient::{self, Recipient};
use shared::settings::{self, SettingError};

use crate::booking::Party;
use crate::calendar::{self, Entry, Method};

/// Something that happened, locked by whoever tells of it.
#[derive(FromRow)]
pub struct Due {
    /// Its id.
    pub id: Uuid,
    event_type: String,
    aggregate_id: Uuid,
    student_id: Option<Uuid>,
    payload: Value,
    retries: i32,
}

/// After so many attempts an event is dead.
const MAX_ATTEMPTS: i32 = 5;

/// A lesson as one of its people is told of it. Wall times are the person's.
#[derive(FromRow)]
struct Told {
    user_id: Uuid,
    is_teacher: bool,
    /// The other's name.
    with_name: Option<String>,
    starts_at: Time,
    ends_at: Time,
    starts_local: String,
    ends_local: String,
    time_zone: String,
    calendar_uid: Uuid,
    calendar_sequence: i32,
    updated_at: Time,
    is_live: bool,
    /// Until when it is held, if it is.
    held_until_local: Option<String>,
    is_ahead: bool,
    /// The beginning of the lesson that was moved to this one.
    moved_from_local: Option<String>,
}

/// What is said of a lesson.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    Confirmed,
    Moved,
    Canceled,
    Reminder,
    Offered,
}

/// The sender of mails, whom calendars know as who invites: `MAIL_FROM`.
pub fn organizer() -> Result<String, SettingError> {
    let from = settings::find("MAIL_FROM").unwrap_or_else(|| "no-reply@praxis.example".to_owned());
    let address = from.rsplit_once('<').map_or(from.as_str(), |(_, address)| address.trim_end_matches('>'));
    match address.trim() {
        address if address.contains('@') => Ok(address.to_owned()),
        _ => Err("MAIL_FROM must be an address".to_owned()),
    }
}

/// The oldest event that is due and that nobody else is telling of, locked until the transaction ends.
pub async fn next(tx: &Tx) -> Result<Option<Due>> {
    tx.find(
        "select id, event_type, aggregate_id, student_id, payload, retries from lessons.events
         where (status = 'pending' or status = 'failed' and retries < $1) and due_at <= now()
         order by due_at, occurred_at, id
         limit 1
         for update skip locked",
        &[&MAX_ATTEMPTS],
    )
    .await
}

/// Tells of it, and marks it as told. Must be the transaction that locked it.
pub async fn tell(tx: &Tx, due: &Due) -> Result<()> {
    match due.event_type.as_str() {
        "booking.confirmed" => tell_of_lesson(tx, due, due.aggregate_id, News::Confirmed).await?,
        "booking.rescheduled" => tell_of_lesson(tx, due, due.aggregate_id, News::Moved).await?,
        "lesson.reminder" => tell_of_lesson(tx, due, due.aggregate_id, News::Reminder).await?,
        "waitlist.offered" => tell_of_lesson(tx, due, due.aggregate_id, News::Offered).await?,
        "booking.series.confirmed" => tell_of_series(tx, due).await?,
        // Of a hold that was given up, nobody had heard.
        "booking.canceled" if due.payload["was"] != "hold" => {
            tell_of_lesson(tx, due, due.aggregate_id, News::Canceled).await?;
        }
        // Given by an admin.
        "billing.package.created" => {
            let body = format!("Your package {} is active.", due.aggregate_id);
            tell_student(tx, due, "Package created", &body, None).await?;
        }
        // Paid for, however late.
        "billing.package.activated" => {
            let body = format!("Your package {} is active.", due.aggregate_id);
            let mail = money_mail::receipt(tx, due.aggregate_id).await?;
            tell_student(tx, due, "Package created", &body, mail).await?;
        }
        "billing.package.adjusted" => {
            let body = format!("Your package {} was changed.", due.aggregate_id);
            tell_student(tx, due, "Package changed", &body, None).await?;
        }
        "billing.package.expired" => {
            let body = format!("Your package {} has expired.", due.aggregate_id);
            let mail = json!({ "template": "package_ended", "lessons_left": due.payload["lessons_left"] });
            tell_student(tx, due, "Package expired", &body, Some(mail)).await?;
        }
        "billing.package.ends_soon" => {
            let body = format!("Your package {} ends soon.", due.aggregate_id);
            let mail = json!({
                "template": "package_ends_soon",
                "lessons_left": due.payload["lessons_left"],
                "ends_on": due.payload["ends_on"],
            });
            tell_student(tx, due, "Package ends soon", &body, Some(mail)).await?;
        }
        "billing.payment.status.updated" => {
            let to = due.payload["to_status"].as_str().unwrap_or("unknown");
            let body = format!("Payment {} status is now {to}.", due.aggregate_id);
            let mail = money_mail::payment(tx, due.aggregate_id, to).await?;
            tell_student(tx, due, "Payment status changed", &body, mail).await?;
        }
        _ => {}
    }
    let sql = "update lessons.events set status = 'processed', processed_at = now(), error_message = null, updated_at = now()
               where id = $1";
    tx.execute(sql, &[&due.id]).await.map(drop)
}

/// Notes that telling of it failed: it is due again after a wait that doubles, and dead after the last attempt.
pub async fn fail(tx: &Tx, due: &Due, error: &Error) -> Result<()> {
    let seconds = f64::from(30_u32 << due.retries.clamp(0, 4));
    tracing::warn!(event = %due.id, kind = due.event_type, cause = error.cause(), place = error.place(), "event not told");
    tx.execute(
        "update lessons.events
         set status = 'failed', retries = retries + 1, due_at = now() + $2 * interval '1 second',
             error_message = left($3, 500), updated_at = now()
         where id = $1 and status <> 'processed'",
        &[&due.id, &seconds, &error.message()],
    )
    .await
    .map(drop)
}

async fn tell_of_lesson(tx: &Tx, due: &Due, booking_id: Uuid, news: News) -> Result<()> {
    for told in people_of(tx, booking_id).await? {
        // Looked at now, not when the event was written: nobody is reminded of a lesson that is no more, and a move or a
        // cancel that came after this event tells its own story.
        let is_stale = match news {
            News::Reminder => !told.is_live || !told.is_ahead || told.is_teacher,
            News::Confirmed | News::Moved => !told.is_live,
            News::Canceled => told.is_live,
            News::Offered => told.held_until_local.is_none() || told.is_teacher,
        };
        if is_stale {
            continue;
        }
        let (title, body) = match news {
            News::Confirmed => {
                ("Booking confirmed", format!("Your booking {booking_id} has been confirmed."))
            }
            News::Canceled => ("Booking canceled", format!("Your booking {booking_id} has been canceled.")),
            News::Moved => {
                let old = due.payload["old_booking_id"].as_str().unwrap_or("unknown").to_owned();
                ("Booking rescheduled", format!("Booking moved from {old} to {booking_id}."))
            }
            News::Reminder => ("Lesson tomorrow", format!("Your lesson of booking {booking_id} is near.")),
            News::Offered => ("Time held for you", format!("Booking {booking_id} is held for you.")),
        };
        if let Some(recipient) = notify(tx, due, (told.user_id, title, &body), true).await? {
            let mail = lesson_mail(due, &told, news, &recipient)?;
            send(tx, due, told.user_id, &recipient, mail).await?;
        }
    }
    Ok(())
}

/// One mail for all lessons of a series, with one calendar file.
async fn tell_of_series(tx: &Tx, due: &Due) -> Result<()> {
    let mut lessons = people_of(tx, due.aggregate_id).await?;
    lessons.retain(|told| told.is_live && told.is_ahead);
    for is_teacher in [false, true] {
        let theirs: Vec<&Told> = lessons.iter().filter(|told| told.is_teacher == is_teacher).collect();
        let Some(first) = theirs.first() else { continue };
        let body = format!("{} lessons have been booked.", theirs.len());
        let told = (first.user_id, "Lessons booked", body.as_str());
        if let Some(recipient) = notify(tx, due, told, true).await? {
            send(tx, due, first.user_id, &recipient, series_mail(&theirs, &recipient)).await?;
        }
    }
    Ok(())
}

/// Of one booking, or of all of a series: each lesson as each of its people, who are still there, is told of it.
async fn people_of(tx: &Tx, booking_or_series: Uuid) -> Result<Vec<Told>> {
    tx.list(
        "select person.id as user_id, person.id = booking.teacher_id as is_teacher, other.display_name as with_name,
                booking.starts_at, booking.ends_at,
                to_char(booking.starts_at at time zone person.timezone, 'YYYY-MM-DD\"T\"HH24:MI') as starts_local,
                to_char(booking.ends_at at time zone person.timezone, 'YYYY-MM-DD\"T\"HH24:MI') as ends_local,
                person.timezone as time_zone, booking.calendar_uid, booking.calendar_sequence, booking.updated_at,
                booking.state = 'confirmed' as is_live, booking.starts_at > now() as is_ahead,
                case when booking.state = 'hold' and booking.hold_expires_at > now()
                     then to_char(booking.hold_expires_at at time zone person.timezone, 'YYYY-MM-DD\"T\"HH24:MI') end
                    as held_until_local,
                to_char(before.starts_at at time zone person.timezone, 'YYYY-MM-DD\"T\"HH24:MI') as moved_from_local
         from lessons.bookings as booking
         join identity.users as person on person.id in (booking.student_id, booking.teacher_id)
             and person.deactivated_at is null
         left join identity.users as other on other.id in (booking.student_id, booking.teacher_id) and other.id <> person.id
         left join lessons.bookings as before on before.id = booking.rescheduled_from
         where booking.id = $1 or booking.series_id = $1
         order by is_teacher, booking.starts_at",
        &[&booking_or_series],
    )
    .await
}

fn lesson_mail(due: &Due, told: &Told, news: News, recipient: &Recipient) -> Result<Value> {
    if let (News::Offered, Some(until)) = (news, &told.held_until_local) {
        return Ok(json!({
            "template": "time_offered", "starts": told.starts_local, "ends": told.ends_local, "zone": told.time_zone,
            "with": told.with_name, "held_until": until,
        }));
    }
    let is_canceled = news == News::Canceled;
    let method = if is_canceled { Method::Cancel } else { Method::Request };
    let organizer = organizer().map_err(internal)?;
    let text = calendar::calendar(
        method,
        &[Entry {
            uid: told.calendar_uid,
            sequence: told.calendar_sequence,
            starts_at: told.starts_at,
            ends_at: told.ends_at,
            is_canceled,
            changed_at: told.updated_at,
            summary: &calendar::title(&recipient.locale, told.with_name.as_deref()),
            people: Some((&organizer, &recipient.email)),
        }],
    );
    let by = due.payload["canceled_as"].as_str().or_else(|| due.payload["moved_as"].as_str());
    let returned = (!told.is_teacher).then(|| due.payload["refund_returned"].as_bool()).flatten();
    Ok(json!({
        "template": match news {
            News::Confirmed => "lesson_confirmed",
            News::Moved => "lesson_moved",
            News::Canceled => "lesson_canceled",
            News::Reminder => "lesson_reminder",
            News::Offered => return Err(internal("an offer without an end")),
        },
        "starts": told.starts_local,
        "ends": told.ends_local,
        "zone": told.time_zone,
        "with": told.with_name,
        "moved_from": told.moved_from_local,
        "by": by.and_then(Party::parse).map(Party::as_str),
        "lesson_returned": returned,
        "calendar": { "method": method, "text": text },
    }))
}

fn series_mail(lessons: &[&Told], recipient: &Recipient) -> Value {
    let title =
        calendar::title(&recipient.locale, lessons.first().and_then(|told| told.with_name.as_deref()));
    let entries: Vec<Entry<'_>> = lessons
        .iter()
        .map(|told| Entry {
            uid: told.calendar_uid,
            sequence: told.calendar_sequence,
            starts_at: told.starts_at,
            ends_at: told.ends_at,
            is_canceled: false,
            changed_at: told.updated_at,
            summary: &title,
            people: None,
        })
        .collect();
    // An invitation is to one entry (RFC 5546, section 3.2.2); many are published.
    let text = calendar::calendar(Method::Publish, &entries);
    let times: Vec<Value> = lessons
        .iter()
        .map(|told| {
            json!({
                "starts": told.starts_local, "ends": told.ends_local, "zone": told.time_zone, "with": told.with_name,
            })
        })
        .collect();
    json!({
        "template": "series_confirmed",
        "lessons": times,
        "calendar": { "method": Method::Publish, "text": text },
    })
}

async fn tell_student(tx: &Tx, due: &Due, title: &str, body: &str, mail: Option<Value>) -> Result<()> {
    let Some(student) = due.student_id else { return Ok(()) };
    let told = (student, title, body);
    let recipient = notify(tx, due, told, mail.is_some()).await?;
    match (recipient, mail) {
        (Some(recipient), Some(mail)) => send(tx, due, student, &recipient, mail).await,
        _ => Ok(()),
    }
}

/// Stores what a person is told (title and body), once; gives where the mail about it goes, if there is to be one, mail
/// reaches the person, and they had not been told before. What no mail is sent of is told with that.
async fn notify(tx: &Tx, due: &Due, told: (Uuid, &str, &str), has_mail: bool) -> Result<Option<Recipient>> {
    let (user, title, body) = told;
    let recipient = if has_mail { recipient::find(tx, user).await? } else { None };
    let recipient = recipient.filter(|recipient| recipient.takes_notices);
    let stored = tx
        .execute(
            "insert into lessons.notifications (id, user_id, event_id, channel, title, body, status, sent_at)
             values ($1, $2, $3, case when $6 then 'email' else 'app' end, $4, $5,
                     case when $6 then 'pending' else 'sent' end, case when not $6 then now() end)
             on conflict do nothing",
            &[&Uuid::now_v7(), &user, &due.id, &title, &body, &recipient.is_some()],
        )
        .await?;
    Ok(recipient.filter(|_| stored == 1))
}

async fn send(tx: &Tx, due: &Due, user: Uuid, recipient: &Recipient, mut mail: Value) -> Result<()> {
    mail["to"] = json!(recipient.email);
    mail["locale"] = json!(recipient.locale);
    let dedup_key = format!("lessons:{}:{user}", due.id);
    let message = Message { topic: "mail", dedup_key: &dedup_key, user_id: Some(user), payload: mail };
    outbox::enqueue(tx, &message).await
}

/// Notes which notifications' mails have gone out, were given up, or were held back because their address had had enough.
pub async fn settle(tx: &Tx) -> Result<u64> {
    tx.execute(
        "update lessons.notifications as told
         set status = case when mail.state = 'done' then 'sent' else 'failed' end,
             sent_at = case when mail.state = 'done' then mail.done_at end, updated_at = now()
         from lessons.notifications as waiting
         left join platform.outbox as mail
             on mail.topic = 'mail' and mail.dedup_key = 'lessons:' || waiting.event_id || ':' || waiting.user_id
         where told.id = waiting.id and waiting.status = 'pending' and waiting.channel = 'email'
           and waiting.event_id is not null and (mail.id is null or mail.state in ('done', 'dead'))",
        &[],
    )
    .await
}

/// Puts in a reminder for each lesson that begins within a day and was confirmed before that, once; gives their number. A late
/// run reminds all the same, as long as the lesson is ahead.
pub async fn remind(tx: &Tx) -> Result<u64> {
    tx.execute(
        "with due as (
             select id from lessons.bookings
             where state = 'confirmed' and reminded_at is null and starts_at > now()
               and starts_at <= now() + interval '24 hours'
             order by starts_at limit 500
             for update skip locked
         ), noted as (
             update lessons.bookings set reminded_at = now() from due where bookings.id = due.id
             returning bookings.id, student_id, teacher_id,
                       confirmed_at <= starts_at - interval '24 hours' as is_to_remind
         )
         insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, teacher_id, payload)
         select gen_random_uuid(), 'lesson.reminder', 'booking', id, student_id, teacher_id, jsonb_build_object('booking_id', id)
         from noted where is_to_remind",
        &[],
    )
    .await
}

/// Puts in a word for each package that has lessons left and ends within a week, once; gives their number.
pub async fn warn(tx: &Tx) -> Result<u64> {
    tx.execute(
        "with due as (
             select id from lessons.packages
             where state = 'active' and warned_at is null and expires_at > now() and expires_at <= now() + interval '7 days'
               and created_at < now() - interval '1 day' and lessons_left > held
             order by expires_at limit 500
             for update skip locked
         ), noted as (
             update lessons.packages set warned_at = now() from due where packages.id = due.id
             returning packages.id, student_id, lessons_left - held as lessons_left, expires_at
         )
         insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, payload)
         select gen_random_uuid(), 'billing.package.ends_soon', 'billing', noted.id, student_id,
                jsonb_build_object('package_id', noted.id, 'lessons_left', lessons_left,
                                   'ends_on', to_char(expires_at at time zone users.timezone, 'YYYY-MM-DD'))
         from noted join identity.users on users.id = student_id",
        &[],
    )
    .await
}
