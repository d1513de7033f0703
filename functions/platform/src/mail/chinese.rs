//! The mails in Chinese (simplified).

use super::request::{At, Lesson, On, Party, Template};
use super::words::{Frame, Words};

pub(super) const FRAME: Frame = Frame {
    language: "zh-CN",
    link_hint: "如果按钮无法点击，请将以下地址复制到浏览器中打开：",
    footer: "您的 Praxis 账户有新的操作，因此收到此邮件。请勿直接回复。",
};

pub(super) fn words(template: &Template) -> Words {
    let (subject, preview, paragraphs, button) = match template {
        Template::VerifyEmail { registered_at, program, .. } => (
            "请确认您的邮箱地址".to_owned(),
            "点击一下，账户即可使用。",
            vec![
                format!(
                    "有人{}使用此邮箱地址注册了 Praxis。如果是您本人，欢迎使用：请在已登录的设备上，或输入密码，确认此邮箱地址属于您。",
                    registered(*registered_at, program.as_deref())
                ),
                "如果不是您本人，请通过同一链接告知我们：该账户将被关闭，此邮箱地址不再被占用。".to_owned(),
            ],
            "确认邮箱",
        ),
        Template::ResetPassword { starts_anew: true, .. } => (
            "设置密码".to_owned(),
            "您将从一个新的空账户开始。",
            vec![
                "有人为使用此邮箱地址的账户申请了新密码。此邮箱地址从未确认过，因此无法判断该账户是否属于您。".to_owned(),
                "如果您在此设置密码，您将从一个新的空账户开始；现有账户中的内容仍归创建者所有。如果现有账户是您创建的，并且您仍在某处登录，请改为在那里确认邮箱地址。".to_owned(),
                "链接只能使用一次，并且很快失效。如果不是您本人，请忽略此邮件：不会有任何变化。".to_owned(),
            ],
            "设置密码",
        ),
        Template::ResetPassword { .. } => (
            "设置新密码".to_owned(),
            "链接只能使用一次，并且很快失效。",
            vec![
                "有人为您的账户申请了新密码。如果是您本人，请在此设置。".to_owned(),
                "链接只能使用一次，并且很快失效。如果不是您本人，请忽略此邮件：您的密码不会改变。".to_owned(),
            ],
            "设置新密码",
        ),
        Template::ChangeEmail { new_email, .. } => (
            "请确认您的新邮箱地址".to_owned(),
            "确认之前，原邮箱仍然有效。",
            vec![
                format!("您希望使用 {new_email} 登录 Praxis。请确认此邮箱地址属于您本人。"),
                "确认之前，原邮箱仍然有效。如果您没有提出此申请，请忽略此邮件。".to_owned(),
            ],
            "确认新邮箱",
        ),
        Template::EmailChanged {} => (
            "您的邮箱地址已更改".to_owned(),
            "今后请使用新邮箱登录。",
            vec![
                "您账户的邮箱地址已更改。今后请使用新邮箱登录，邮件也会发送到新邮箱。".to_owned(),
                "如果这不是您本人的操作，说明他人掌握了您的密码：请立即联系我们的客服。".to_owned(),
            ],
            "",
        ),
        Template::PasswordChanged {} => (
            "您的密码已更改".to_owned(),
            "如果这不是您本人的操作，请立即设置新密码。",
            vec![
                "您账户的密码已更改。".to_owned(),
                "如果这不是您本人的操作，请立即设置新密码：在登录页面选择“忘记密码”。".to_owned(),
            ],
            "",
        ),
        Template::RefreshTokenReused {} => (
            "我们结束了您的一次登录".to_owned(),
            "它可能已被他人复制。",
            vec![
                "有应用使用了一个已用过的密钥访问您的账户：他人可能持有它的副本。我们已结束该登录，任何人都不能再通过它进入。"
                    .to_owned(),
                "请重新登录。如果您不清楚原因，请查看您的登录列表，结束您不认识的登录，并设置新密码。".to_owned(),
            ],
            "",
        ),
        Template::WayInAdded { way } => (
            format!("{way} 现在可以登录您的账户"),
            "如果这不是您本人的操作，请立即移除。",
            vec![
                format!("您的账户新增了一种登录方式：{way} 账户。"),
                "如果这不是您本人的操作，请立即在账户的登录方式中将其移除，或在登录页面选择“忘记密码”。".to_owned(),
            ],
            "",
        ),
        Template::WayInRemoved { way } => (
            format!("{way} 不再能登录您的账户"),
            "如果这不是您本人的操作，请立即设置新密码。",
            vec![
                format!("您的账户移除了一种登录方式：{way} 账户。"),
                "如果这不是您本人的操作，请立即设置新密码：在登录页面选择“忘记密码”。".to_owned(),
            ],
            "",
        ),
        Template::ExportReady { expires_at, .. } => (
            "您的数据已准备好".to_owned(),
            "Praxis 保存的关于您的全部数据，现在可以下载。",
            vec![
                "您申请了 Praxis 保存的关于您的全部数据。数据已准备好，仅供您本人使用。".to_owned(),
                format!("您可以在{}之前下载，之后数据将被删除。", day(*expires_at)),
                "如果数据太大，一个文件放不下，其余文件的链接在第一个文件的 README 中。".to_owned(),
            ],
            "下载数据",
        ),
        Template::ExportFailed {} => (
            "您的数据未能导出".to_owned(),
            "请重新申请。",
            vec![
                "您申请了 Praxis 保存的关于您的全部数据。很抱歉，数据未能导出。".to_owned(),
                "请在您的账户中重新申请。如果再次失败，请联系我们的客服。".to_owned(),
            ],
            "",
        ),
        Template::DeletionRequested { erased_on, .. } => (
            format!("您的账户将于{}删除", day(*erased_on)),
            "在此之前，您可以改变主意。",
            vec![
                format!("您申请了删除账户。账户中的全部内容将于{}删除，无法恢复。", day(*erased_on)),
                "在此之前，您可以改变主意：登录并保留账户即可。".to_owned(),
            ],
            "保留账户",
        ),
        Template::LessonConfirmed(lesson) => (
            format!("您的课程：{} {}", day(lesson.starts.day()), lesson.starts.time()),
            "已预订。",
            vec![
                format!("您{}的课程时间为{}。", with(lesson), when(lesson)),
                "本邮件中的日历文件可将其加入您的日历。".to_owned(),
            ],
            "",
        ),
        Template::LessonMoved(lesson) => (
            format!("您的课程已改到 {} {}", day(lesson.starts.day()), lesson.starts.time()),
            "课程时间已更改。",
            vec![
                format!("{}更改了您{}的课程时间，现为{}。", who(lesson.by), with(lesson), when(lesson)),
                lesson
                    .moved_from
                    .map_or_else(String::new, |from| format!("原定时间：{} {}。", day(from.day()), from.time())),
            ],
            "",
        ),
        Template::LessonCanceled(lesson) => (
            format!("您 {} 的课程已取消", day(lesson.starts.day())),
            "该课程不再进行。",
            vec![
                format!("{}取消了您{}的课程（{}）。", who(lesson.by), with(lesson), when(lesson)),
                match lesson.lesson_returned {
                    Some(true) => "课时已退回您的课程包。".to_owned(),
                    Some(false) => "已过可退回课时的时间。".to_owned(),
                    None => String::new(),
                },
            ],
            "",
        ),
        Template::LessonReminder(lesson) => (
            format!("您的课程：{} {}", day(lesson.starts.day()), lesson.starts.time()),
            "还有一天。",
            vec![format!("提醒：您{}的课程时间为{}。", with(lesson), when(lesson))],
            "",
        ),
        Template::SeriesConfirmed { lessons } => (
            format!("您的 {} 节课已预订", lessons.len()),
            "所有时间都在这封邮件里。",
            std::iter::once(format!("您{}的课程时间：", lessons.first().map(with).unwrap_or_default()))
                .chain(lessons.iter().map(when))
                .chain(["邮件中的日历文件包含所有课程。".to_owned()])
                .collect(),
            "",
        ),
        Template::TimeOffered { lesson, held_until } => (
            format!("有空闲时间了：{} {}", day(lesson.starts.day()), lesson.starts.time()),
            "已为您短暂保留。",
            vec![
                format!("您{}等候的时间有空了：{}。", with(lesson), when(lesson)),
                format!(
                    "该时间为您保留至 {} {}。请在您的课程中确认；之后将提供给其他人。",
                    day(held_until.day()),
                    held_until.time()
                ),
            ],
            "",
        ),
        Template::PackagePaid { amount, currency, lessons, ends_on, is_time_lost } => (
            "我们已收到您的付款".to_owned(),
            "您可以预订课程了。",
            vec![
                format!("我们已收到 {amount} {currency}，谢谢。您的课程包中有 {lessons} 节课。"),
                if *is_time_lost {
                    "款项到达时，为您保留的时间已被释放。该节课在您的课程包中，请选择其他时间。".to_owned()
                } else {
                    String::new()
                },
                format!("课程包有效期至 {}。", day(*ends_on)),
            ],
            "",
        ),
        Template::PaymentFailed { amount, currency } => (
            "您的付款未成功".to_owned(),
            "没有扣款，也没有增加课程。",
            vec![
                format!("您的付款 {amount} {currency} 未成功，没有增加课程。"),
                "您可以随时再次购买。如果款项之后到达，课程仍归您所有。".to_owned(),
            ],
            "",
        ),
        Template::PaymentRefunded { amount, currency } => (
            format!("{amount} {currency} 正在退还给您"),
            "您的付款中已退还的部分。",
            vec![
                format!("您的付款中共有 {amount} {currency} 已退还给您。"),
                "银行显示可能需要几天。未使用的课程已按比例收回。".to_owned(),
            ],
            "",
        ),
        Template::PackageEndsSoon { lessons_left, ends_on } => (
            format!("您的课程包将于 {} 到期", day(*ends_on)),
            "其中还有课时。",
            vec![
                format!("您的课程包将于 {} 到期，剩余课时：{lessons_left}。", day(*ends_on)),
                "课程须在此之前开始，请及时预订。".to_owned(),
            ],
            "",
        ),
        Template::PackageEnded { lessons_left } => (
            "您的课程包已到期".to_owned(),
            "不能再用它预订课程。",
            vec![
                "您的课程包已到期，不能再用它预订课程；已预订的课程照常进行。".to_owned(),
                format!("随之失效的课时：{lessons_left}。"),
            ],
            "",
        ),
    };
    Words { subject, preview: preview.to_owned(), paragraphs, button }
}

/// When, and with what: behind "有人".
fn registered(at: Option<At>, program: Option<&str>) -> String {
    let on = at.map(|at| format!("于{} {}（UTC）", day(at.day()), at.time())).unwrap_or_default();
    let with = program.map(|program| format!("通过 {program} ")).unwrap_or_default();
    on + &with
}

fn day(on: On) -> String {
    format!("{}年{}月{}日", on.0.year(), on.0.month(), on.0.day())
}

fn with(lesson: &Lesson) -> String {
    lesson.with.as_ref().map(|name| format!("与 {name} ")).unwrap_or_default()
}

/// When a lesson takes place, with the zone by its name.
fn when(lesson: &Lesson) -> String {
    const DAYS: [&str; 7] = ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"];
    let (starts, ends) = (lesson.starts, lesson.ends);
    let weekday = DAYS.get(starts.weekday()).copied().unwrap_or_default();
    format!("{}（{weekday}）{} 至 {}（{}）", day(starts.day()), starts.time(), ends.time(), lesson.zone)
}

fn who(party: Option<Party>) -> &'static str {
    match party {
        Some(Party::Student) => "学生",
        Some(Party::Teacher) => "老师",
        Some(Party::Admin | Party::System) | None => "机构",
    }
}
