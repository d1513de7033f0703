//! The mails in English.

use super::request::{At, Lesson, On, Party, Template};
use super::words::{Frame, Words};

pub(super) const FRAME: Frame = Frame {
    language: "en",
    link_hint: "If the button does not work, copy this address into your browser:",
    footer: "Praxis sends this mail because of something that was done with your account. Nobody reads replies to it.",
};

pub(super) fn words(template: &Template) -> Words {
    let (subject, preview, paragraphs, button) = match template {
        Template::VerifyEmail { registered_at, program, .. } => (
            "Confirm your e-mail address".to_owned(),
            "One click, and your account is ready.",
            vec![
                format!(
                    "Somebody registered with this address at Praxis{}. If it was you, welcome: please confirm that the \
                     address is yours, where you are signed in or with your password.",
                    registered(*registered_at, program.as_deref())
                ),
                "If it was not you, the same link lets you say so: the account is closed and the address is yours again."
                    .to_owned(),
            ],
            "Confirm address",
        ),
        Template::ResetPassword { starts_anew: true, .. } => (
            "Set a password".to_owned(),
            "You begin with a new, empty account.",
            vec![
                "Somebody asked for a new password for the account with this address, which was never confirmed. So nobody \
                 knows whether that account is yours."
                    .to_owned(),
                "If you set a password here, you begin with a new, empty account. What is in the present one stays with \
                 whoever made it. If that is you and you are still signed in somewhere, confirm the address there instead."
                    .to_owned(),
                "The link works once, and not for long. If it was not you, ignore this mail: nothing changes.".to_owned(),
            ],
            "Set a password",
        ),
        Template::ResetPassword { .. } => (
            "Set a new password".to_owned(),
            "The link works once, and not for long.",
            vec![
                "Somebody asked for a new password for your account. If it was you, set it here.".to_owned(),
                "The link works once, and not for long. If it was not you, ignore this mail: your password stays \
                 as it is."
                    .to_owned(),
            ],
            "Set a new password",
        ),
        Template::ChangeEmail { new_email, .. } => (
            "Confirm your new e-mail address".to_owned(),
            "Until then the old address counts.",
            vec![
                format!("You want to sign in to Praxis with {new_email}. Please confirm that this address is yours."),
                "Until then the old address counts. If you have not asked for this, ignore this mail.".to_owned(),
            ],
            "Confirm new address",
        ),
        Template::EmailChanged {} => (
            "Your e-mail address was changed".to_owned(),
            "From now on you sign in with the new one.",
            vec![
                "The e-mail address of your account was changed. From now on you sign in with the new one, and mails \
                 go there."
                    .to_owned(),
                "If this was not you, somebody else has your password: write to our support at once.".to_owned(),
            ],
            "",
        ),
        Template::PasswordChanged {} => (
            "Your password was changed".to_owned(),
            "If this was not you, set a new one now.",
            vec![
                "The password of your account was changed.".to_owned(),
                "If this was not you, set a new one now: choose “Forgot password” where you sign in.".to_owned(),
            ],
            "",
        ),
        Template::RefreshTokenReused {} => (
            "We ended one of your sign-ins".to_owned(),
            "Somebody may have copied it.",
            vec![
                "An app came with a key to your account that had been used before: somebody may have a copy of it. We \
                 ended that sign-in, and nobody gets in by it any more."
                    .to_owned(),
                "Sign in again. If you do not know why this happened, look at the list of your sign-ins, end those that \
                 you do not know, and set a new password."
                    .to_owned(),
            ],
            "",
        ),
        Template::WayInAdded { way } => (
            format!("{way} now signs in to your account"),
            "If this was not you, remove it now.",
            vec![
                format!("An account at {way} was added to the ways to sign in to your account."),
                "If this was not you, remove it now: in your account, under the ways to sign in, or by “Forgot password” \
                 where you sign in."
                    .to_owned(),
            ],
            "",
        ),
        Template::WayInRemoved { way } => (
            format!("{way} no longer signs in to your account"),
            "If this was not you, set a new password now.",
            vec![
                format!("An account at {way} was removed from the ways to sign in to your account."),
                "If this was not you, set a new password now: choose “Forgot password” where you sign in.".to_owned(),
            ],
            "",
        ),
        Template::ExportReady { expires_at, .. } => (
            "Your data is ready".to_owned(),
            "Everything that Praxis holds on you, to download.",
            vec![
                "You asked for everything that Praxis holds on you. Here it is, for you alone.".to_owned(),
                format!("You can download it until {}; then it is deleted.", day(*expires_at)),
                "If it is too large for one file, the README in this one has the links to the others.".to_owned(),
            ],
            "Download my data",
        ),
        Template::ExportFailed {} => (
            "Your data could not be gathered".to_owned(),
            "Please ask for it once more.",
            vec![
                "You asked for everything that Praxis holds on you. We are sorry: it could not be gathered.".to_owned(),
                "Please ask for it once more in your account. If it fails again, write to our support.".to_owned(),
            ],
            "",
        ),
        Template::DeletionRequested { erased_on, .. } => (
            format!("Your account will be deleted on {}", day(*erased_on)),
            "Until then you can change your mind.",
            vec![
                format!(
                    "You asked us to delete your account. On {} everything in it is erased, and nobody can bring it \
                     back.",
                    day(*erased_on)
                ),
                "Until then you can change your mind: sign in and keep the account.".to_owned(),
            ],
            "Keep my account",
        ),
        Template::LessonConfirmed(lesson) => (
            format!("Your lesson on {}, {}", day(lesson.starts.day()), lesson.starts.time()),
            "It is booked.",
            vec![
                format!("Your lesson{} takes place on {}.", with(lesson), when(lesson)),
                "The calendar file in this mail puts it into your calendar.".to_owned(),
            ],
            "",
        ),
        Template::LessonMoved(lesson) => (
            format!("Your lesson was moved to {}, {}", day(lesson.starts.day()), lesson.starts.time()),
            "It takes place at another time.",
            vec![
                format!("{} moved your lesson{}. It now takes place on {}.", who(lesson.by), with(lesson), when(lesson)),
                lesson.moved_from.map_or_else(String::new, |from| {
                    format!("It was to begin on {}, {}.", day(from.day()), from.time())
                }),
            ],
            "",
        ),
        Template::LessonCanceled(lesson) => (
            format!("Your lesson on {} was called off", day(lesson.starts.day())),
            "It does not take place.",
            vec![
                format!("{} called off your lesson{} on {}.", who(lesson.by), with(lesson), when(lesson)),
                match lesson.lesson_returned {
                    Some(true) => "The lesson is back in your package.".to_owned(),
                    Some(false) => "It was too late to give the lesson back to your package.".to_owned(),
                    None => String::new(),
                },
            ],
            "",
        ),
        Template::LessonReminder(lesson) => (
            format!("Your lesson on {}, {}", day(lesson.starts.day()), lesson.starts.time()),
            "It is a day ahead.",
            vec![format!("A reminder: your lesson{} takes place on {}.", with(lesson), when(lesson))],
            "",
        ),
        Template::SeriesConfirmed { lessons } => (
            format!("Your {} lessons are booked", lessons.len()),
            "All of their times are in this mail.",
            std::iter::once(format!("Your lessons{} take place on", lessons.first().map(with).unwrap_or_default()))
                .chain(lessons.iter().map(when))
                .chain(["The calendar file in this mail shows them all.".to_owned()])
                .collect(),
            "",
        ),
        Template::TimeOffered { lesson, held_until } => (
            format!("A time has come free: {}, {}", day(lesson.starts.day()), lesson.starts.time()),
            "It is held for you for a short while.",
            vec![
                format!("You wait for a time{}. One has come free on {}.", with(lesson), when(lesson)),
                format!(
                    "It is held for you until {}, {}. Confirm it among your lessons; after that it is offered to others.",
                    day(held_until.day()),
                    held_until.time()
                ),
            ],
            "",
        ),
        Template::PackagePaid { amount, currency, lessons, ends_on, is_time_lost } => (
            "Your payment has arrived".to_owned(),
            "Your lessons can be booked.",
            vec![
                format!("We have received {amount} {currency}. Thank you. Lessons in your package: {lessons}."),
                if *is_time_lost {
                    "The money came after the time that was held for you had been let go. The lesson is in your package: \
                     choose another time for it."
                        .to_owned()
                } else {
                    String::new()
                },
                format!("The package can be used until {}.", day(*ends_on)),
            ],
            "",
        ),
        Template::PaymentFailed { amount, currency } => (
            "Your payment did not go through".to_owned(),
            "Nothing was taken, and no lessons were added.",
            vec![
                format!("Your payment of {amount} {currency} did not go through. No lessons were added."),
                "You can buy the package again at any time. Should the money arrive after all, the lessons are yours.".to_owned(),
            ],
            "",
        ),
        Template::PaymentRefunded { amount, currency } => (
            format!("{amount} {currency} are on their way back to you"),
            "What of your payment has gone back.",
            vec![
                format!("Of your payment, {amount} {currency} in all have been sent back to you."),
                "Until your bank shows it, a few days may pass. Lessons that were not used went back in proportion.".to_owned(),
            ],
            "",
        ),
        Template::PackageEndsSoon { lessons_left, ends_on } => (
            format!("Your package ends on {}", day(*ends_on)),
            "Lessons are left in it.",
            vec![
                format!("Your package of lessons ends on {}. Lessons left in it: {lessons_left}.", day(*ends_on)),
                "A lesson has to begin before that. Book the rest in good time.".to_owned(),
            ],
            "",
        ),
        Template::PackageEnded { lessons_left } => (
            "Your package has ended".to_owned(),
            "Lessons cannot be booked with it any more.",
            vec![
                "Your package of lessons has ended. Lessons cannot be booked with it any more; those that are booked take \
                 place."
                    .to_owned(),
                format!("Lessons that lapsed with it: {lessons_left}."),
            ],
            "",
        ),
    };
    Words { subject, preview: preview.to_owned(), paragraphs, button }
}

/// When, and with what: behind "Somebody registered … at Praxis".
fn registered(at: Option<At>, program: Option<&str>) -> String {
    let on = at.map(|at| format!(" on {}, {} UTC", day(at.day()), at.time())).unwrap_or_default();
    let with = program.map(|program| format!(" ({program})")).unwrap_or_default();
    on + &with
}

fn day(on: On) -> String {
    on.0.strftime("%-d %B %Y").to_string()
}

fn with(lesson: &Lesson) -> String {
    lesson.with.as_ref().map(|name| format!(" with {name}")).unwrap_or_default()
}

/// When a lesson takes place, with the zone by its name.
fn when(lesson: &Lesson) -> String {
    let (starts, ends) = (lesson.starts, lesson.ends);
    let day = starts.0.strftime("%A, %-d %B %Y");
    format!("{day}, from {} to {} ({})", starts.time(), ends.time(), lesson.zone)
}

fn who(party: Option<Party>) -> &'static str {
    match party {
        Some(Party::Student) => "The student",
        Some(Party::Teacher) => "The teacher",
        Some(Party::Admin | Party::System) | None => "The practice",
    }
}
