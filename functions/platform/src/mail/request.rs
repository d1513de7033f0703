//! What a message of the outbox asks for: which mail, to whom, in which language.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde::Deserialize;
use serde_json::Value;
use shared::outbox::Failure;

/// A mail to be written. It has no `Debug`: addresses and links do not belong in a log.
#[derive(Deserialize)]
pub struct Request {
    /// The receiver's address.
    pub to: String,
    /// BCP 47; English where there is none or no translation.
    #[serde(default)]
    pub locale: String,
    /// A calendar file that goes along.
    #[serde(default)]
    pub calendar: Option<Calendar>,
    /// Which mail, with its values.
    #[serde(flatten)]
    pub template: Template,
}

/// A calendar file (RFC 5545) and what the receiver's calendar does with it (RFC 5546).
#[derive(Deserialize)]
pub struct Calendar {
    /// The file's own method.
    pub method: Method,
    /// The file.
    pub text: String,
}

/// What a calendar does with a file.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Shows it.
    Publish,
    /// Takes it in, or changes what it has.
    Request,
    /// Takes it out.
    Cancel,
}

/// The mails that there are. Links lead into the web application, or to a file.
#[derive(Deserialize)]
#[serde(tag = "template", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the values are named like the payload's members")]
pub enum Template {
    /// After registering.
    VerifyEmail {
        link: String,
        #[serde(default)]
        registered_at: Option<At>,
        #[serde(default)]
        program: Option<String>,
    },
    /// After asking for a new password.
    ResetPassword {
        link: String,
        #[serde(default)]
        starts_anew: bool,
    },
    /// To the new address, which counts once the link is followed.
    ChangeEmail { link: String, new_email: String },
    /// To the old address.
    EmailChanged {},
    /// After the password was changed or reset.
    PasswordChanged {},
    /// A refresh token came back that had been exchanged: somebody has a copy, and the sign-in has ended.
    RefreshTokenReused {},
    /// After an account elsewhere became a way in.
    WayInAdded { way: String },
    /// After an account elsewhere ceased to be one.
    WayInRemoved { way: String },
    /// The person's data is ready to be downloaded.
    ExportReady { link: String, expires_at: On },
    /// The person's data could not be gathered.
    ExportFailed {},
    /// The account will be erased; the link is where that can be stopped.
    DeletionRequested { link: String, erased_on: On },
    /// A lesson takes place.
    LessonConfirmed(Lesson),
    /// A lesson was moved.
    LessonMoved(Lesson),
    /// A lesson was called off.
    LessonCanceled(Lesson),
    /// A lesson is a day ahead.
    LessonReminder(Lesson),
    /// Lessons that were booked in one go.
    SeriesConfirmed { lessons: Vec<Lesson> },
    /// Time that somebody waited for has come free, and is held for a while.
    TimeOffered {
        #[serde(flatten)]
        lesson: Lesson,
        held_until: Wall,
    },
    /// The money of a package came. Where a time was held along and the money came too late for it, the mail says so.
    PackagePaid { amount: Line, currency: Line, lessons: i64, ends_on: On, is_time_lost: bool },
    /// The money of a payment did not come.
    PaymentFailed { amount: Line, currency: Line },
    /// So much of a payment has gone back.
    PaymentRefunded { amount: Line, currency: Line },
    /// Lessons that are left in a package can be used for a few days more.
    PackageEndsSoon { lessons_left: i64, ends_on: On },
    /// A package has ended.
    PackageEnded { lessons_left: i64 },
}

/// A lesson as its mail tells of it. Times are wall times in the receiver's zone.
#[derive(Deserialize)]
pub struct Lesson {
    /// When it begins.
    pub starts: Wall,
    /// When it ends.
    pub ends: Wall,
    /// The zone's IANA name.
    pub zone: String,
    /// Who else is there: a person's own words.
    #[serde(default)]
    pub with: Option<Line>,
    /// When it was to begin before it was moved.
    #[serde(default)]
    pub moved_from: Option<Wall>,
    /// Who moved it or called it off.
    #[serde(default)]
    pub by: Option<Party>,
    /// Whether the student has the lesson back; nothing for a teacher.
    #[serde(default)]
    pub lesson_returned: Option<bool>,
}

/// Who acts on a lesson.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Who learns.
    Student,
    /// Who teaches.
    Teacher,
    /// Who runs the practice.
    Admin,
    /// A rule.
    System,
}

/// A text of one line: characters that would begin another are left out.
#[derive(Deserialize)]
#[serde(from = "String")]
pub struct Line(String);

impl From<String> for Line {
    fn from(text: String) -> Line {
        Line(text.chars().filter(|character| !character.is_control()).collect())
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What clocks show.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Wall(pub DateTime);

impl Wall {
    /// The day.
    pub fn day(self) -> On {
        On(self.0.date())
    }

    /// The time of day, for example `09:05`.
    pub fn time(self) -> String {
        self.0.strftime("%H:%M").to_string()
    }

    /// The day of the week, from 0 for Monday.
    pub fn weekday(self) -> usize {
        usize::from(self.0.weekday().to_monday_zero_offset().unsigned_abs())
    }
}

impl TryFrom<String> for Wall {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Wall, Self::Error> {
        text.parse().map(Wall).map_err(|_| "no wall time")
    }
}

/// A day, given as a date or as a time of which the day in UTC counts.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct On(pub Date);

/// A moment.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct At(Timestamp);

impl At {
    /// Its day in UTC.
    pub fn day(self) -> On {
        On(self.0.to_zoned(TimeZone::UTC).date())
    }

    /// Its time of day in UTC, for example `09:05`.
    pub fn time(self) -> String {
        self.0.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string()
    }
}

impl TryFrom<String> for At {
    type Error = &'static str;

    fn try_from(text: String) -> Result<At, Self::Error> {
        text.parse().map(At).map_err(|_| "no moment")
    }
}

impl TryFrom<String> for On {
    type Error = &'static str;

    fn try_from(text: String) -> Result<On, Self::Error> {
        let of_time = || text.parse::<Timestamp>().map(|time| time.to_zoned(TimeZone::UTC).date());
        text.parse::<Date>()
            .ok()
            .filter(|_| text.len() == 10)
            .or_else(|| of_time().ok())
            .map(On)
            .ok_or("no day")
    }
}

impl Request {
    /// Reads a payload. One that cannot be read will never be.
    pub fn read(payload: &Value) -> Result<Request, Failure> {
        // The parser's message could quote a value.
        let request: Request = serde_json::from_value(payload.clone())
            .map_err(|_| Failure::Permanent("the payload is no mail".to_owned()))?;
        match request.template.link() {
            Some(link) if !link.starts_with("https://") && !link.starts_with("http://") => {
                Err(Failure::Permanent("the link is no web address".to_owned()))
            }
            _ => Ok(request),
        }
    }
}

impl Template {
    /// Where the mail's button leads.
    pub fn link(&self) -> Option<&str> {
        match self {
            Template::VerifyEmail { link, .. }
            | Template::ResetPassword { link, .. }
            | Template::ChangeEmail { link, .. }
            | Template::ExportReady { link, .. }
            | Template::DeletionRequested { link, .. } => Some(link),
            Template::EmailChanged {}
            | Template::PasswordChanged {}
            | Template::RefreshTokenReused {}
            | Template::WayInAdded { .. }
            | Template::WayInRemoved { .. }
            | Template::ExportFailed {}
            | Template::LessonConfirmed(_)
            | Template::LessonMoved(_)
            | Template::LessonCanceled(_)
            | Template::LessonReminder(_)
            | Template::SeriesConfirmed { .. }
            | Template::TimeOffered { .. }
            | Template::PackagePaid { .. }
            | Template::PaymentFailed { .. }
            | Template::PaymentRefunded { .. }
            | Template::PackageEndsSoon { .. }
            | Template::PackageEnded { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_is_a_date_or_a_time() {
        for text in
            ["2026-12-05", "2026-12-05T23:59:59Z", "2026-12-06T01:00:00+02:00", "2026-12-05T10:00:00.123456Z"]
        {
            assert!(
                On::try_from(text.to_owned()).is_ok_and(|on| on.0 == jiff::civil::date(2026, 12, 5)),
                "{text}"
            );
        }
        assert!(On::try_from("soon".to_owned()).is_err());
    }

    #[test]
    fn what_is_no_mail_is_dead_and_says_nothing_of_its_content() {
        for payload in [
            json!({}),
            json!({"template": "verify_email", "to": "secret@example.org"}),
            json!({"template": "greeting", "to": "secret@example.org"}),
            json!({"template": "verify_email", "to": "secret@example.org", "link": "javascript:secret"}),
            json!({"template": "export_ready", "to": "a@example.org", "link": "https://a", "expires_at": "secret"}),
        ] {
            let Err(Failure::Permanent(words)) = Request::read(&payload) else { panic!("{payload}") };
            assert!(!words.contains("secret"), "{words}");
        }
    }
}
