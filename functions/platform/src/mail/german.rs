//! The mails in German.

use super::request::{At, Lesson, On, Party, Template};
use super::words::{Frame, Words};

pub(super) const FRAME: Frame = Frame {
    language: "de",
    link_hint: "Falls die Schaltfläche nicht funktioniert, öffnen Sie diese Adresse im Browser:",
    footer: "Praxis schickt diese Mail, weil mit Ihrem Konto etwas geschehen ist. Antworten darauf liest niemand.",
};

pub(super) fn words(template: &Template) -> Words {
    let (subject, preview, paragraphs, button) = match template {
        Template::VerifyEmail { registered_at, program, .. } => (
            "Bestätigen Sie Ihre E-Mail-Adresse".to_owned(),
            "Ein Klick, und Ihr Konto ist bereit.",
            vec![
                format!(
                    "Jemand hat sich{} bei Praxis mit dieser Adresse registriert. Waren Sie das, dann willkommen: Bitte \
                     bestätigen Sie, dass die Adresse Ihnen gehört, wo Sie angemeldet sind oder mit Ihrem Passwort.",
                    registered(*registered_at, program.as_deref())
                ),
                "Waren Sie das nicht, dann können Sie es über denselben Link sagen: Das Konto wird geschlossen, und die \
                 Adresse ist wieder frei."
                    .to_owned(),
            ],
            "Adresse bestätigen",
        ),
        Template::ResetPassword { starts_anew: true, .. } => (
            "Passwort festlegen".to_owned(),
            "Sie beginnen mit einem neuen, leeren Konto.",
            vec![
                "Jemand hat für das Konto mit dieser Adresse ein neues Passwort angefordert. Die Adresse wurde nie \
                 bestätigt; daher weiß niemand, ob das Konto Ihres ist."
                    .to_owned(),
                "Legen Sie hier ein Passwort fest, dann beginnen Sie mit einem neuen, leeren Konto. Was im jetzigen ist, \
                 bleibt bei dem, der es angelegt hat. Waren Sie das und sind noch irgendwo angemeldet, dann bestätigen Sie \
                 stattdessen dort die Adresse."
                    .to_owned(),
                "Der Link gilt einmal und nicht lange. Falls Sie das nicht waren, ignorieren Sie diese Mail: Es ändert sich \
                 nichts."
                    .to_owned(),
            ],
            "Passwort festlegen",
        ),
        Template::ResetPassword { .. } => (
            "Neues Passwort festlegen".to_owned(),
            "Der Link gilt einmal und nicht lange.",
            vec![
                "Jemand hat für Ihr Konto ein neues Passwort angefordert. Falls Sie das waren, legen Sie hier eines fest."
                    .to_owned(),
                "Der Link gilt einmal und nicht lange. Falls Sie das nicht waren, ignorieren Sie diese Mail: Ihr \
                 Passwort bleibt, wie es ist."
                    .to_owned(),
            ],
            "Neues Passwort festlegen",
        ),
        Template::ChangeEmail { new_email, .. } => (
            "Bestätigen Sie Ihre neue E-Mail-Adresse".to_owned(),
            "Bis dahin gilt die alte Adresse.",
            vec![
                format!(
                    "Sie möchten sich bei Praxis mit {new_email} anmelden. Bitte bestätigen Sie, dass diese Adresse \
                     Ihnen gehört."
                ),
                "Bis dahin gilt die alte Adresse. Haben Sie das nicht veranlasst, ignorieren Sie diese Mail."
                    .to_owned(),
            ],
            "Neue Adresse bestätigen",
        ),
        Template::EmailChanged {} => (
            "Ihre E-Mail-Adresse wurde geändert".to_owned(),
            "Ab jetzt melden Sie sich mit der neuen an.",
            vec![
                "Die E-Mail-Adresse Ihres Kontos wurde geändert. Ab jetzt melden Sie sich mit der neuen an, und Mails \
                 gehen dorthin."
                    .to_owned(),
                "Falls Sie das nicht waren, kennt jemand anderes Ihr Passwort: Schreiben Sie sofort unserem Support."
                    .to_owned(),
            ],
            "",
        ),
        Template::PasswordChanged {} => (
            "Ihr Passwort wurde geändert".to_owned(),
            "Falls Sie das nicht waren, legen Sie jetzt ein neues fest.",
            vec![
                "Das Passwort Ihres Kontos wurde geändert.".to_owned(),
                "Falls Sie das nicht waren, legen Sie jetzt ein neues fest: Wählen Sie bei der Anmeldung „Passwort \
                 vergessen“."
                    .to_owned(),
            ],
            "",
        ),
        Template::RefreshTokenReused {} => (
            "Wir haben eine Ihrer Anmeldungen beendet".to_owned(),
            "Jemand könnte sie kopiert haben.",
            vec![
                "Eine App kam mit einem Schlüssel zu Ihrem Konto, der schon benutzt war: Jemand könnte eine Kopie davon \
                 haben. Wir haben diese Anmeldung beendet, und niemand kommt mehr durch sie hinein."
                    .to_owned(),
                "Melden Sie sich neu an. Falls Sie nicht wissen, wie es dazu kam, sehen Sie die Liste Ihrer Anmeldungen \
                 durch, beenden Sie die fremden und legen Sie ein neues Passwort fest."
                    .to_owned(),
            ],
            "",
        ),
        Template::WayInAdded { way } => (
            format!("{way} öffnet jetzt Ihr Konto"),
            "Falls Sie das nicht waren, entfernen Sie den Zugang jetzt.",
            vec![
                format!("Ein Konto bei {way} gehört jetzt zu den Wegen, sich in Ihrem Konto anzumelden."),
                "Falls Sie das nicht waren, entfernen Sie es jetzt: in Ihrem Konto unter den Anmeldewegen, oder über \
                 „Passwort vergessen“ bei der Anmeldung."
                    .to_owned(),
            ],
            "",
        ),
        Template::WayInRemoved { way } => (
            format!("{way} öffnet Ihr Konto nicht mehr"),
            "Falls Sie das nicht waren, legen Sie jetzt ein neues Passwort fest.",
            vec![
                format!("Ein Konto bei {way} gehört nicht mehr zu den Wegen, sich in Ihrem Konto anzumelden."),
                "Falls Sie das nicht waren, legen Sie jetzt ein neues Passwort fest: Wählen Sie bei der Anmeldung \
                 „Passwort vergessen“."
                    .to_owned(),
            ],
            "",
        ),
        Template::ExportReady { expires_at, .. } => (
            "Ihre Daten liegen bereit".to_owned(),
            "Alles, was Praxis über Sie gespeichert hat, zum Herunterladen.",
            vec![
                "Sie haben alles angefordert, was Praxis über Sie gespeichert hat. Hier ist es, nur für Sie.".to_owned(),
                format!("Sie können es bis zum {} herunterladen; dann wird es gelöscht.", day(*expires_at)),
                "Passt es nicht in eine Datei, dann stehen die Links zu den weiteren in der README dieser ersten."
                    .to_owned(),
            ],
            "Daten herunterladen",
        ),
        Template::ExportFailed {} => (
            "Ihre Daten konnten nicht zusammengestellt werden".to_owned(),
            "Bitte fordern Sie sie noch einmal an.",
            vec![
                "Sie haben alles angefordert, was Praxis über Sie gespeichert hat. Es tut uns leid: Es konnte nicht \
                 zusammengestellt werden."
                    .to_owned(),
                "Bitte fordern Sie Ihre Daten in Ihrem Konto noch einmal an. Falls das wieder scheitert, schreiben Sie \
                 unserem Support."
                    .to_owned(),
            ],
            "",
        ),
        Template::DeletionRequested { erased_on, .. } => (
            format!("Ihr Konto wird am {} gelöscht", day(*erased_on)),
            "Bis dahin können Sie es sich anders überlegen.",
            vec![
                format!(
                    "Sie möchten Ihr Konto löschen. Am {} wird alles darin gelöscht, und niemand kann es \
                     zurückholen.",
                    day(*erased_on)
                ),
                "Bis dahin können Sie es sich anders überlegen: Melden Sie sich an und behalten Sie das Konto."
                    .to_owned(),
            ],
            "Konto behalten",
        ),
        Template::LessonConfirmed(lesson) => (
            format!("Ihr Unterricht am {}, {} Uhr", day(lesson.starts.day()), lesson.starts.time()),
            "Der Termin ist gebucht.",
            vec![
                format!("Ihr Unterricht{} findet statt am {}.", with(lesson), when(lesson)),
                "Die Kalenderdatei in dieser Mail trägt ihn in Ihren Kalender ein.".to_owned(),
            ],
            "",
        ),
        Template::LessonMoved(lesson) => (
            format!("Ihr Unterricht ist nun am {}, {} Uhr", day(lesson.starts.day()), lesson.starts.time()),
            "Er findet zu einer anderen Zeit statt.",
            vec![
                format!("{} hat Ihren Unterricht{} verschoben. Er ist nun am {}.", who(lesson.by), with(lesson), when(lesson)),
                lesson.moved_from.map_or_else(String::new, |from| {
                    format!("Beginnen sollte er am {}, {} Uhr.", day(from.day()), from.time())
                }),
            ],
            "",
        ),
        Template::LessonCanceled(lesson) => (
            format!("Ihr Unterricht am {} fällt aus", day(lesson.starts.day())),
            "Er findet nicht statt.",
            vec![
                format!("{} hat Ihren Unterricht{} am {} abgesagt.", who(lesson.by), with(lesson), when(lesson)),
                match lesson.lesson_returned {
                    Some(true) => "Die Stunde ist wieder in Ihrem Paket.".to_owned(),
                    Some(false) => "Für eine Rückgabe der Stunde in Ihr Paket war es zu spät.".to_owned(),
                    None => String::new(),
                },
            ],
            "",
        ),
        Template::LessonReminder(lesson) => (
            format!("Ihr Unterricht am {}, {} Uhr", day(lesson.starts.day()), lesson.starts.time()),
            "Er ist in einem Tag.",
            vec![format!("Zur Erinnerung: Ihr Unterricht{} findet statt am {}.", with(lesson), when(lesson))],
            "",
        ),
        Template::SeriesConfirmed { lessons } => (
            format!("Ihre {} Unterrichtsstunden sind gebucht", lessons.len()),
            "Alle Termine stehen in dieser Mail.",
            std::iter::once(format!("Ihr Unterricht{} findet statt am", lessons.first().map(with).unwrap_or_default()))
                .chain(lessons.iter().map(when))
                .chain(["Die Kalenderdatei in dieser Mail zeigt alle Termine.".to_owned()])
                .collect(),
            "",
        ),
        Template::TimeOffered { lesson, held_until } => (
            format!("Ein Termin ist frei geworden: {}, {} Uhr", day(lesson.starts.day()), lesson.starts.time()),
            "Er ist kurze Zeit für Sie vorgemerkt.",
            vec![
                format!("Sie warten auf einen Termin{}. Einer ist frei geworden: {}.", with(lesson), when(lesson)),
                format!(
                    "Er ist für Sie vorgemerkt bis zum {}, {} Uhr. Bestätigen Sie ihn bei Ihrem Unterricht; danach wird er \
                     anderen angeboten.",
                    day(held_until.day()),
                    held_until.time()
                ),
            ],
            "",
        ),
        Template::PackagePaid { amount, currency, lessons, ends_on, is_time_lost } => (
            "Ihre Zahlung ist da".to_owned(),
            "Sie können Ihre Stunden buchen.",
            vec![
                format!("Wir haben {amount} {currency} erhalten. Vielen Dank. Stunden in Ihrem Paket: {lessons}."),
                if *is_time_lost {
                    "Das Geld kam, nachdem der vorgemerkte Termin schon wieder freigegeben war. Die Stunde ist in Ihrem \
                     Paket: Wählen Sie dafür einen anderen Termin."
                        .to_owned()
                } else {
                    String::new()
                },
                format!("Das Paket gilt bis zum {}.", day(*ends_on)),
            ],
            "",
        ),
        Template::PaymentFailed { amount, currency } => (
            "Ihre Zahlung hat nicht geklappt".to_owned(),
            "Es wurde nichts abgebucht, und es kamen keine Stunden dazu.",
            vec![
                format!("Ihre Zahlung von {amount} {currency} hat nicht geklappt. Es kamen keine Stunden dazu."),
                "Sie können das Paket jederzeit noch einmal kaufen. Kommt das Geld doch noch an, gehören die Stunden Ihnen."
                    .to_owned(),
            ],
            "",
        ),
        Template::PaymentRefunded { amount, currency } => (
            format!("{amount} {currency} gehen an Sie zurück"),
            "Was von Ihrer Zahlung zurückgegangen ist.",
            vec![
                format!("Von Ihrer Zahlung wurden insgesamt {amount} {currency} an Sie zurückgesandt."),
                "Bis Ihre Bank es zeigt, können einige Tage vergehen. Ungenutzte Stunden gingen im Verhältnis zurück.".to_owned(),
            ],
            "",
        ),
        Template::PackageEndsSoon { lessons_left, ends_on } => (
            format!("Ihr Paket endet am {}", day(*ends_on)),
            "Darin sind noch Stunden.",
            vec![
                format!("Ihr Paket endet am {}. Stunden, die noch darin sind: {lessons_left}.", day(*ends_on)),
                "Eine Stunde muss vorher beginnen. Buchen Sie den Rest rechtzeitig.".to_owned(),
            ],
            "",
        ),
        Template::PackageEnded { lessons_left } => (
            "Ihr Paket ist abgelaufen".to_owned(),
            "Damit lassen sich keine Stunden mehr buchen.",
            vec![
                "Ihr Paket ist abgelaufen. Damit lassen sich keine Stunden mehr buchen; gebuchte finden statt.".to_owned(),
                format!("Stunden, die damit verfallen sind: {lessons_left}."),
            ],
            "",
        ),
    };
    Words { subject, preview: preview.to_owned(), paragraphs, button }
}

/// When, and with what: behind "Jemand hat sich".
fn registered(at: Option<At>, program: Option<&str>) -> String {
    let on = at.map(|at| format!(" am {}, {} Uhr UTC", day(at.day()), at.time())).unwrap_or_default();
    let with = program.map(|program| format!(" ({program})")).unwrap_or_default();
    on + &with
}

fn day(on: On) -> String {
    const MONTHS: [&str; 12] = [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ];
    let month = usize::from(on.0.month().unsigned_abs()) - 1;
    format!("{}. {} {}", on.0.day(), MONTHS[month], on.0.year())
}

fn with(lesson: &Lesson) -> String {
    lesson.with.as_ref().map(|name| format!(" mit {name}")).unwrap_or_default()
}

/// When a lesson takes place, with the zone by its name.
fn when(lesson: &Lesson) -> String {
    const DAYS: [&str; 7] = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"];
    let (starts, ends) = (lesson.starts, lesson.ends);
    let weekday = DAYS.get(starts.weekday()).copied().unwrap_or_default();
    format!("{weekday}, {}, {} bis {} Uhr ({})", day(starts.day()), starts.time(), ends.time(), lesson.zone)
}

fn who(party: Option<Party>) -> &'static str {
    match party {
        Some(Party::Student) => "Die Schülerin oder der Schüler",
        Some(Party::Teacher) => "Die Lehrkraft",
        Some(Party::Admin | Party::System) | None => "Die Praxis",
    }
}
