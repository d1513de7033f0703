// Every word of the portal in its three languages, and how errors of the API are said.

const LANGUAGES = [["en", "English"], ["de", "Deutsch"], ["zh-CN", "中文"]];

// A line for each key: English, German, Chinese. `{name}` stands for a value.
export const WORDS = {
  skip: ["Skip to content", "Zum Inhalt springen", "跳到内容"],
  language: ["Language", "Sprache", "语言"],
  navigation: ["Navigation", "Navigation", "导航"],
  offline: ["You are offline. What you see may be out of date, and nothing can be booked.", "Sie sind offline. Was Sie sehen, kann veraltet sein, und nichts lässt sich buchen.", "您已离线。所见内容可能不是最新，且无法预订。"],
  unreachable: ["The server cannot be reached. Check your connection and try again.", "Der Server ist nicht erreichbar. Prüfen Sie die Verbindung und versuchen Sie es noch einmal.", "无法连接服务器。请检查网络后重试。"],

  landing_title: ["A lesson, at a time that suits you", "Unterricht, wann es Ihnen passt", "在合适的时间上课"],
  landing_lead: ["See the free times of every teacher in your own time zone, hold one while you decide, and move it when life gets in the way.", "Sehen Sie die freien Zeiten aller Lehrkräfte in Ihrer Zeitzone, halten Sie eine fest, während Sie sich entscheiden, und verlegen Sie sie, wenn etwas dazwischenkommt.", "以您所在的时区查看每位老师的空闲时间，先保留再决定，有事时可以改期。"],
  open_portal: ["Open the portal", "Zum Portal", "打开门户"],
  landing_times: ["Times you can read", "Zeiten, die man versteht", "一目了然的时间"],
  landing_times_text: ["Weekday, date, hour and zone, and a word where the clocks change in between.", "Wochentag, Datum, Uhrzeit und Zone, und ein Hinweis, wenn die Uhren dazwischen umgestellt werden.", "星期、日期、时刻和时区；若期间时钟调整，会有提示。"],
  landing_packages: ["Packages that explain themselves", "Pakete, die sich erklären", "清清楚楚的课时包"],
  landing_packages_text: ["Every lesson that came, went or came back is a line of its own.", "Jede Stunde, die kam, ging oder zurückkam, ist eine eigene Zeile.", "每一课时的增加、使用和退回都有单独一行。"],
  landing_cancel: ["No surprise", "Keine Überraschung", "没有意外"],
  landing_cancel_text: ["Before you cancel you see whether the lesson comes back.", "Bevor Sie absagen, sehen Sie, ob die Stunde zurückkommt.", "取消之前，您会看到课时是否退回。"],
  landing_developers: ["For developers:", "Für Entwickler:", "开发者："],
  landing_docs: ["the API, with every route to try", "die API, mit jeder Route zum Ausprobieren", "可试用每个接口的 API"],

  sign_in: ["Sign in", "Anmelden", "登录"],
  sign_out: ["Sign out", "Abmelden", "退出"],
  sign_in_first: ["Please sign in; then you go on where you were.", "Bitte melden Sie sich an; danach geht es dort weiter, wo Sie waren.", "请先登录，之后会回到原来的页面。"],
  register: ["Register", "Registrieren", "注册"],
  no_account: ["No account yet? Register", "Noch kein Konto? Registrieren", "还没有账号？注册"],
  have_account: ["You have an account? Sign in", "Sie haben ein Konto? Anmelden", "已有账号？登录"],
  forgot: ["Forgot the password?", "Passwort vergessen?", "忘记密码？"],
  forgot_text: ["You get a mail with a link to choose another one.", "Sie bekommen eine E-Mail mit einem Link, um ein neues zu wählen.", "您将收到一封邮件，通过其中的链接设置新密码。"],
  send_link: ["Send the link", "Link senden", "发送链接"],
  link_sent: ["If there is an account with this address, a link is on its way.", "Falls es zu dieser Adresse ein Konto gibt, ist ein Link unterwegs.", "如果该邮箱有账号，链接已发出。"],
  new_password: ["Choose a password", "Passwort wählen", "设置密码"],
  starts_anew: ["Nobody has proven this address yet, so you begin with a new, empty account.", "Diese Adresse hat noch niemand bestätigt, Sie beginnen daher mit einem neuen, leeren Konto.", "此邮箱尚未验证，因此您将使用一个全新的空账号。"],
  keep_ways_in: ["Accounts elsewhere that go on opening this one", "Konten anderswo, die dieses weiter öffnen", "继续允许登录此账号的外部账号"],
  password_changed: ["The password is changed. Sign in with it.", "Das Passwort ist geändert. Melden Sie sich damit an.", "密码已更改，请用新密码登录。"],
  verify_email: ["Confirm your address", "Adresse bestätigen", "确认邮箱"],
  verify_text: ["Did you register here with this address? Then confirm it.", "Haben Sie sich hier mit dieser Adresse registriert? Dann bestätigen Sie sie.", "您是否用此邮箱注册？如果是，请确认。"],
  verify_proof: ["Give the password of the account, so that we know that it was you.", "Geben Sie das Passwort des Kontos an, damit wir wissen, dass Sie es waren.", "请输入账号密码，以确认是您本人。"],
  not_me: ["That was not me", "Das war ich nicht", "不是我"],
  email_verified: ["Your address is confirmed.", "Ihre Adresse ist bestätigt.", "邮箱已确认。"],
  email_disowned: ["The account is closed. Thank you for telling.", "Das Konto ist geschlossen. Danke für den Hinweis.", "该账号已关闭。感谢告知。"],
  confirm_email: ["Use the new address", "Neue Adresse verwenden", "使用新邮箱"],
  confirm_email_text: ["From then on you sign in with the new address.", "Ab dann melden Sie sich mit der neuen Adresse an.", "之后请使用新邮箱登录。"],
  email_changed: ["Your address is changed.", "Ihre Adresse ist geändert.", "邮箱已更改。"],
  go_on_portal: ["Go on", "Weiter", "继续"],
  email: ["E-mail", "E-Mail", "电子邮箱"],
  password: ["Password", "Passwort", "密码"],
  password_hint: ["8 characters or more, not one that everybody tries first", "Mindestens 8 Zeichen, keines, das alle zuerst versuchen", "至少 8 个字符，且不是常见密码"],
  name: ["Name", "Name", "姓名"],
  zone_hint: ["Times will be shown in {zone}. You can change that later.", "Zeiten werden in {zone} angezeigt. Das lässt sich später ändern.", "时间将按 {zone} 显示，之后可以更改。"],
  account: ["Account", "Konto", "账号"],
  roles: ["Roles", "Rollen", "角色"],
  role_student: ["student", "lernt", "学生"],
  role_teacher: ["teacher", "unterrichtet", "老师"],
  role_educator: ["educator", "bildet aus", "教育者"],
  role_coach: ["coach", "coacht", "教练"],
  role_admin: ["admin", "verwaltet", "管理员"],
  time_zone: ["Time zone", "Zeitzone", "时区"],
  zone_of_times: ["All times are shown in it, in mails too.", "Alle Zeiten werden darin angezeigt, auch in E-Mails.", "所有时间（包括邮件中）都按此时区显示。"],
  times_in: ["Times in {zone}", "Zeiten in {zone}", "时间所在时区：{zone}"],
  save: ["Save", "Speichern", "保存"],
  saved: ["Saved.", "Gespeichert.", "已保存。"],
  clocks_change: ["The clocks in {zone} change before then: from {now} to {then}.", "In {zone} werden die Uhren vorher umgestellt: von {now} auf {then}.", "在此之前，{zone} 的时钟会调整：从 {now} 变为 {then}。"],

  lessons: ["Lessons", "Unterricht", "课程"],
  find_time: ["Find a time", "Zeit finden", "查找时间"],
  my_lessons: ["My lessons", "Meine Stunden", "我的课程"],
  my_packages: ["My packages", "Meine Pakete", "我的课时包"],
  teacher: ["Teacher", "Lehrkraft", "老师"],
  student: ["Student", "Lernende", "学生"],
  all_teachers: ["All teachers", "Alle Lehrkräfte", "所有老师"],
  from_day: ["From", "Von", "从"],
  to_day: ["To", "Bis", "到"],
  earlier: ["Week before", "Woche davor", "上一周"],
  later: ["Week after", "Woche danach", "下一周"],
  free_times: ["Free times, {from} – {to}", "Freie Zeiten, {from} – {to}", "空闲时间：{from} – {to}"],
  no_times: ["Nothing is free in this week.", "In dieser Woche ist nichts frei.", "本周没有空闲时间。"],
  next_time: ["Go to the next free time: {day}", "Zur nächsten freien Zeit: {day}", "前往下一个空闲时间：{day}"],
  with: ["with {teacher}", "mit {teacher}", "老师：{teacher}"],
  holds_wait: ["You hold a time that is not confirmed yet:", "Sie halten eine Zeit, die noch nicht bestätigt ist:", "您有一个尚未确认的保留时间："],
  choose_package: ["Choose a package", "Paket wählen", "选择课时包"],
  package: ["Package", "Paket", "课时包"],
  package_choice: ["{left} lessons left, until {until}", "noch {left} Stunden, bis {until}", "剩余 {left} 课时，有效期至 {until}"],
  no_package: ["None of your packages can pay for this time.", "Keines Ihrer Pakete kann diese Zeit bezahlen.", "您的课时包都无法用于此时间。"],
  other_time: ["Choose another time", "Andere Zeit wählen", "选择其他时间"],
  hold: ["Hold this time", "Zeit festhalten", "保留此时间"],
  held: ["The time is held for you", "Die Zeit ist für Sie festgehalten", "已为您保留此时间"],
  held_for: ["Held for another", "Noch festgehalten:", "剩余保留时间："],
  minute_left: ["Less than a minute is left to confirm.", "Zum Bestätigen bleibt weniger als eine Minute.", "确认时间不足一分钟。"],
  hold_over: ["The hold is over", "Die Zeit ist abgelaufen", "保留已到期"],
  hold_over_text: ["Nobody has booked anything. The time is free again, for you too.", "Es wurde nichts gebucht. Die Zeit ist wieder frei, auch für Sie.", "未预订任何课程。该时间已重新开放，您也可以再次选择。"],
  confirm: ["Confirm", "Bestätigen", "确认"],
  give_up: ["Give it up", "Freigeben", "放弃"],
  go_on: ["Go on to confirm", "Weiter zum Bestätigen", "继续确认"],
  booked: ["Your lesson is booked", "Ihre Stunde ist gebucht", "课程已预订"],
  another: ["Book another", "Noch eine buchen", "再预订一节"],
  free_cancel_until: ["Canceled before {time}, the lesson comes back.", "Bei einer Absage vor {time} kommt die Stunde zurück.", "在 {time} 之前取消，课时会退回。"],
  free_cancel_over: ["Canceled now, the lesson is used.", "Bei einer Absage jetzt ist die Stunde verbraucht.", "现在取消，课时将被使用。"],
  moving: ["The lesson that you move", "Die Stunde, die Sie verlegen", "要改期的课程"],
  move: ["Move", "Verlegen", "改期"],
  moved: ["Your lesson has moved", "Ihre Stunde ist verlegt", "课程已改期"],
  move_costs: ["It is too late to move for free: this uses the lesson and takes another one.", "Für kostenloses Verlegen ist es zu spät: die Stunde ist verbraucht, und es wird eine weitere genommen.", "已过免费改期时间：此课时将被使用，并再扣一课时。"],
  from: ["From", "Von", "从"],
  to: ["To", "Auf", "改为"],
  keep: ["Leave it as it is", "So lassen", "保持不变"],
  call_off: ["Cancel lesson", "Stunde absagen", "取消课程"],
  call_off_title: ["Cancel this lesson?", "Diese Stunde absagen?", "取消这节课？"],
  lesson_returns: ["The lesson goes back into your package.", "Die Stunde kommt in Ihr Paket zurück.", "课时将退回您的课时包。"],
  lesson_is_used: ["It is too late for a free cancel: the lesson is used.", "Für eine kostenlose Absage ist es zu spät: die Stunde ist verbraucht.", "已过免费取消时间：课时将被使用。"],
  cancel_impossible: ["This lesson cannot be canceled any more.", "Diese Stunde kann nicht mehr abgesagt werden.", "这节课已不能取消。"],
  reason: ["Reason", "Grund", "原因"],
  canceled: ["The lesson is canceled", "Die Stunde ist abgesagt", "课程已取消"],
  lesson_returned: ["It is back in your package.", "Sie ist wieder in Ihrem Paket.", "课时已退回您的课时包。"],
  lesson_used: ["It was too late for a free cancel, and the lesson is used.", "Für eine kostenlose Absage war es zu spät, die Stunde ist verbraucht.", "已过免费取消时间，课时已使用。"],
  on_hold: ["Held, not confirmed", "Festgehalten, nicht bestätigt", "已保留，未确认"],
  coming: ["Coming", "Kommende", "即将开始"],
  past: ["Past", "Vergangene", "过往"],
  no_lessons: ["No lesson lies ahead.", "Keine Stunde steht an.", "没有即将开始的课程。"],
  no_past: ["No lesson yet.", "Noch keine Stunde.", "还没有上过课。"],
  by_month: ["Lessons by month", "Stunden nach Monat", "每月课程"],
  month: ["Month", "Monat", "月份"],
  topic: ["Topic", "Thema", "主题"],
  notes: ["Notes for the student", "Notizen für die Lernenden", "给学生的备注"],
  lesson_scheduled: ["planned", "geplant", "已安排"],
  lesson_completed: ["taken place", "stattgefunden", "已完成"],
  lesson_no_show: ["not attended", "nicht erschienen", "缺席"],
  lesson_canceled: ["canceled", "abgesagt", "已取消"],
  lesson_unmarked: ["not marked yet", "noch nicht abgeschlossen", "尚未标记"],
  no_packages: ["You have no package yet.", "Sie haben noch kein Paket.", "您还没有课时包。"],
  lessons_left: ["{left} of {total} lessons left", "Noch {left} von {total} Stunden", "剩余 {left} / {total} 课时"],
  lessons_held: ["{held} more are held for a booking.", "{held} weitere sind für eine Buchung festgehalten.", "另有 {held} 课时为预订保留。"],
  usable_until: ["usable until {day}", "nutzbar bis {day}", "有效期至 {day}"],
  where_lessons_went: ["Where the lessons went", "Wohin die Stunden gingen", "课时明细"],
  lines: ["Lines of the package", "Zeilen des Pakets", "课时包明细"],
  lasts_until: ["lasts until {day} since then", "gilt seitdem bis {day}", "有效期延至 {day}"],
  time: ["Time", "Zeit", "时间"],
  what: ["What", "Was", "事项"],
  entry_grant: ["came in", "gutgeschrieben", "增加"],
  entry_hold: ["held", "festgehalten", "保留"],
  entry_release: ["hold ended", "freigegeben", "解除保留"],
  entry_book: ["booked", "gebucht", "预订"],
  entry_return: ["came back", "zurückgekommen", "退回"],
  entry_use: ["used", "verbraucht", "使用"],
  entry_extend: ["lasts longer", "verlängert", "延长有效期"],
  entry_cancel: ["package ended", "Paket beendet", "课时包终止"],
  entry_revoke: ["taken back", "zurückgenommen", "收回"],
  package_pending: ["waits for its payment", "wartet auf Zahlung", "等待付款"],
  package_active: ["active", "aktiv", "有效"],
  package_expired: ["ended", "abgelaufen", "已过期"],
  package_canceled: ["taken back", "zurückgenommen", "已取消"],
  package_frozen: ["frozen", "eingefroren", "已冻结"],

  calendar: ["Calendar", "Kalender", "日历"],
  calendar_text: ["A calendar program reads your lessons at a secret address. Whoever has the address can read them; end it if it is known to others.", "Ein Kalenderprogramm liest Ihre Stunden unter einer geheimen Adresse. Wer die Adresse hat, kann sie lesen; beenden Sie sie, wenn andere sie kennen.", "日历程序可通过秘密地址读取您的课程。知道该地址的人都能看到；若已泄露，请将其停用。"],
  make_address: ["Make an address", "Adresse anlegen", "生成地址"],
  new_address: ["Your new address", "Ihre neue Adresse", "您的新地址"],
  address: ["Address", "Adresse", "地址"],
  address_once: ["It is shown this once. Copy it into your calendar program.", "Sie wird nur dieses eine Mal gezeigt. Kopieren Sie sie in Ihr Kalenderprogramm.", "仅显示这一次，请复制到您的日历程序。"],
  addresses: ["Your addresses", "Ihre Adressen", "您的地址"],
  no_addresses: ["You have no address yet.", "Sie haben noch keine Adresse.", "您还没有地址。"],
  made_at: ["Made", "Angelegt", "生成时间"],
  last_read: ["Last read", "Zuletzt gelesen", "上次读取"],
  end_address: ["End it", "Beenden", "停用"],
  calendar_file: ["Calendar file", "Kalenderdatei", "日历文件"],

  week: ["Week", "Woche", "本周"],
  week_before: ["Week before", "Woche davor", "上一周"],
  week_after: ["Week after", "Woche danach", "下一周"],
  no_lessons_week: ["No lesson in this week.", "Keine Stunde in dieser Woche.", "本周没有课程。"],
  students: ["Students", "Lernende", "学生名单"],
  no_students: ["You have no students yet.", "Sie haben noch keine Lernenden.", "您还没有学生。"],
  next_lesson: ["Next lesson", "Nächste Stunde", "下一节课"],
  mark_completed: ["Took place", "Hat stattgefunden", "已上课"],
  mark_no_show: ["Student did not come", "Nicht erschienen", "学生缺席"],
  mark_later: ["You can mark it from its start on.", "Ab ihrem Beginn können Sie sie abschließen.", "课程开始后即可标记。"],
  topic_and_notes: ["Topic and notes", "Thema und Notizen", "主题和备注"],

  publish_slot: ["Publish a time", "Zeit anbieten", "发布时间"],
  give_package: ["Give a package", "Paket geben", "发放课时包"],
  bookings: ["Bookings", "Buchungen", "预订"],
  operations: ["Operations", "Betrieb", "运营"],
  nobody_teaches: ["Nobody has the role of a teacher yet.", "Noch niemand hat die Rolle einer Lehrkraft.", "还没有人是老师。"],
  day: ["Day", "Tag", "日期"],
  begins: ["Begins", "Beginn", "开始"],
  minutes: ["Minutes", "Minuten", "分钟"],
  publish: ["Publish", "Anbieten", "发布"],
  published: ["Published: {day}, {time}.", "Angeboten: {day}, {time}.", "已发布：{day}，{time}。"],
  no_such_time: ["The clocks skip that time on this day. Choose another one.", "Diese Uhrzeit wird an dem Tag übersprungen. Wählen Sie eine andere.", "当天时钟会跳过该时刻，请选择其他时间。"],
  time_twice: ["The clocks show that time twice on this day; the first one is meant.", "Diese Uhrzeit kommt an dem Tag zweimal; gemeint ist die erste.", "当天该时刻出现两次，采用第一次。"],
  published_times: ["Published for the next four weeks", "Angeboten in den nächsten vier Wochen", "未来四周已发布的时间"],
  none_published: ["Nothing is published.", "Nichts ist angeboten.", "没有已发布的时间。"],
  slot_open: ["free", "frei", "空闲"],
  slot_hold: ["held", "festgehalten", "已保留"],
  slot_booked: ["booked", "gebucht", "已预订"],
  slot_canceled: ["taken off", "zurückgezogen", "已撤下"],
  slot_blocked: ["kept back", "zurückgehalten", "暂不开放"],
  keep_back: ["Keep back", "Zurückhalten", "暂不开放"],
  offer_again: ["Offer again", "Wieder anbieten", "重新开放"],
  take_off: ["Take off", "Zurückziehen", "撤下"],
  last_day: ["Last day", "Letzter Tag", "最后一天"],
  give: ["Give", "Geben", "发放"],
  given: ["A package of {lessons} lessons is given.", "Ein Paket mit {lessons} Stunden ist gegeben.", "已发放 {lessons} 课时的课时包。"],
  all: ["All", "Alle", "全部"],
  status: ["State", "Zustand", "状态"],
  show: ["Show", "Zeigen", "显示"],
  so_many: ["{from} to {to} of {total}", "{from} bis {to} von {total}", "第 {from} 到 {to} 条，共 {total} 条"],
  page_before: ["Page before", "Seite davor", "上一页"],
  page_after: ["Page after", "Seite danach", "下一页"],
  booking_hold: ["held", "festgehalten", "已保留"],
  booking_confirmed: ["confirmed", "bestätigt", "已确认"],
  booking_canceled: ["canceled", "abgesagt", "已取消"],
  booking_expired: ["not confirmed in time", "nicht rechtzeitig bestätigt", "未按时确认"],
  sweeps: ["Sweeps", "Aufräumen", "清理"],
  sweeps_text: ["A job does this anyway; nothing waits for it.", "Ein Dienst tut das ohnehin; nichts wartet darauf.", "后台任务会自动处理，无需等待。"],
  expire_holds: ["End holds that are over", "Abgelaufene Vormerkungen beenden", "结束到期的保留"],
  expire_packages: ["End packages that are over", "Abgelaufene Pakete beenden", "结束到期的课时包"],
  holds_expired: ["{count} holds ended.", "{count} Vormerkungen beendet.", "已结束 {count} 个保留。"],
  packages_expired: ["{count} packages ended.", "{count} Pakete beendet.", "已结束 {count} 个课时包。"],
  delivery: ["What people are told", "Was den Leuten gesagt wird", "通知情况"],
  notifications_total: ["Notifications", "Benachrichtigungen", "通知"],
  notifications_pending: ["waiting", "wartend", "等待中"],
  notifications_sent: ["sent", "gesendet", "已发送"],
  notifications_failed: ["failed", "gescheitert", "失败"],
  outbox_pending: ["Events that wait", "Wartende Ereignisse", "等待的事件"],
  outbox_processed: ["Events done", "Erledigte Ereignisse", "已处理的事件"],
  outbox_retryable_failed: ["Events tried again", "Ereignisse in Wiederholung", "重试的事件"],
  outbox_dead_letter: ["Events given up", "Aufgegebene Ereignisse", "已放弃的事件"],
  pending: ["Events that nobody was told of yet", "Ereignisse, von denen noch niemand weiß", "尚未通知的事件"],
  nothing_waits: ["Nothing waits.", "Nichts wartet.", "没有等待的事件。"],
  tries: ["Tries", "Versuche", "尝试次数"],

  error_input: ["Something in the form is not right.", "Etwas im Formular stimmt nicht.", "表单中有内容不正确。"],
  error_credentials: ["E-mail or password is wrong.", "E-Mail oder Passwort ist falsch.", "邮箱或密码错误。"],
  error_forbidden: ["You may not do this.", "Das dürfen Sie nicht.", "您无权执行此操作。"],
  error_proof: ["Please sign in again to do this.", "Bitte melden Sie sich dafür noch einmal an.", "请重新登录后再操作。"],
  error_missing: ["This is not there (any more).", "Das gibt es nicht (mehr).", "内容不存在或已删除。"],
  error_conflict: ["That is not possible any more.", "Das geht nicht mehr.", "该操作已不可行。"],
  error_rule: ["That is not possible.", "Das geht nicht.", "无法执行该操作。"],
  error_limit: ["Too many requests. Wait a little and try again.", "Zu viele Anfragen. Warten Sie etwas und versuchen Sie es noch einmal.", "请求过多，请稍后再试。"],
  error_server: ["Something went wrong on our side. Try again in a moment.", "Bei uns ist etwas schiefgegangen. Versuchen Sie es gleich noch einmal.", "服务器出错，请稍后再试。"],
  error_link: ["The link is not valid any more. Ask for a new one.", "Der Link gilt nicht mehr. Fordern Sie einen neuen an.", "链接已失效，请重新获取。"],
  error_elsewhere: ["The sign-in with the other account did not work. Try again, or use your password.", "Die Anmeldung mit dem anderen Konto hat nicht geklappt. Versuchen Sie es noch einmal oder nehmen Sie Ihr Passwort.", "外部账号登录失败，请重试或使用密码登录。"],
  error_email_taken: ["There is an account with this address.", "Zu dieser Adresse gibt es ein Konto.", "该邮箱已注册。"],
  error_taken: ["Somebody was faster: this time is not free any more. Choose another one.", "Jemand war schneller: die Zeit ist nicht mehr frei. Wählen Sie eine andere.", "该时间已被他人预订，请选择其他时间。"],
  error_busy: ["You have another lesson at this time.", "Sie haben zu dieser Zeit eine andere Stunde.", "您在该时间已有其他课程。"],
  error_holds: ["You hold three times already, which is as many as you may. Confirm one or give it up.", "Sie halten schon drei Zeiten fest, mehr geht nicht. Bestätigen Sie eine oder geben Sie eine frei.", "您已保留三个时间，达到上限。请先确认或放弃一个。"],
  error_none_left: ["No lesson is left in this package.", "In diesem Paket ist keine Stunde mehr.", "该课时包已无剩余课时。"],
  error_package_ends: ["The package ends before this lesson.", "Das Paket endet vor dieser Stunde.", "课时包在该课程之前到期。"],
  error_package_over: ["The package has ended.", "Das Paket ist abgelaufen.", "课时包已过期。"],
  error_hold_over: ["The hold is over. Choose the time again.", "Die Zeit ist abgelaufen. Wählen Sie sie noch einmal.", "保留已到期，请重新选择。"],
  error_past: ["This time lies behind.", "Diese Zeit liegt zurück.", "该时间已过。"],
  error_begun: ["The lesson has begun.", "Die Stunde hat begonnen.", "课程已开始。"],
  error_moves: ["This lesson has been moved five times, which is as often as it may be.", "Diese Stunde wurde fünfmal verlegt, öfter geht nicht.", "这节课已改期五次，达到上限。"],
  error_slot_exists: ["The teacher offers that time already.", "Die Lehrkraft bietet diese Zeit schon an.", "老师已发布该时间。"],
};

/** What the API says in English, by the words for it here. */
const SENTENCES = {
  "The link is not valid or has expired": "error_link",
  "User with this email already exists": "error_email_taken",
  "Slot is not available": "error_taken",
  "Slot not found": "error_taken",
  "You have another lesson at this time": "error_busy",
  "You hold 3 lessons, which is as many as you may": "error_holds",
  "No lessons left in package": "error_none_left",
  "The lesson begins after the package has ended": "error_package_ends",
  "Package is expired": "error_package_over",
  "Booking hold has expired": "error_hold_over",
  "Only HOLD booking can be confirmed": "error_hold_over",
  "Cannot book a slot in the past": "error_past",
  "Slot start_at must be in the future": "error_past",
  "The lesson has begun": "error_begun",
  "The lesson has not begun": "mark_later",
  "The lesson has been moved 5 times, which is as often as it may be": "error_moves",
  "the teacher has a slot at that time already": "error_slot_exists",
};

const CODES = {
  VALIDATION_ERROR: "error_input",
  UNAUTHORIZED: "error_credentials",
  FORBIDDEN: "error_forbidden",
  PROOF_REQUIRED: "error_proof",
  NOT_FOUND: "error_missing",
  CONFLICT: "error_conflict",
  UNPROCESSABLE: "error_rule",
  RATE_LIMITED: "error_limit",
};

/** The language that a tag is nearest to; English for all others. */
export function languageOf(tag) {
  const base = (tag ?? "").toLowerCase().split("-")[0];
  return LANGUAGES.map(([code]) => code).find((code) => code.split("-")[0] === base) ?? "en";
}

let chosen = languageOf(navigator.languages.find((tag) => LANGUAGES.some(([code]) => code.split("-")[0] === tag.split("-")[0])));

/** The language of the page. */
export const language = () => chosen;

export function useLanguage(code) {
  chosen = languageOf(code);
}

/** The words for a key, with values in their places. */
export function say(key, values = {}) {
  const words = WORDS[key][LANGUAGES.findIndex(([code]) => code === chosen)];
  return words.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

/** What the API refused, in the page's language; what has no words here is said as the API says it, too. */
export function sayError({ status, code, message }) {
  if (status === 0) return message;
  if (SENTENCES[message]) return say(SENTENCES[message]);
  const key = CODES[code] ?? "error_server";
  const isTelling = ["FORBIDDEN", "CONFLICT", "UNPROCESSABLE"].includes(code) && message;
  return isTelling ? `${say(key)} (${message})` : say(key);
}

/** Puts the words in the places of a page that name them. */
export function translate(page) {
  page.documentElement.lang = chosen;
  for (const place of page.querySelectorAll("[data-word]")) place.textContent = say(place.dataset.word);
}

/** Fills the page's choice of a language. */
export function languageChoice(select, changed) {
  for (const [code, name] of LANGUAGES) {
    const option = document.createElement("option");
    Object.assign(option, { value: code, textContent: name, lang: code });
    select.append(option);
  }
  select.value = chosen;
  select.addEventListener("change", () => {
    chosen = languageOf(select.value);
    changed();
  });
}
