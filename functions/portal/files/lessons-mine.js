// The lessons of a student: what is held, what comes, what was; a lesson is moved or called off from here.

import { addressOf, all, get, now, post } from "./api.js";
import { bars } from "./chart.js";
import { action, add, dialog, el, field, form, heading, hidden, nothing } from "./dom.js";
import { nameOf, teachers, when } from "./lessons-parts.js";
import { keep } from "./lessons-student.js";
import { go, to } from "./shell.js";
import { clock, clockChange, day, month, monthKey, span, stamp, startOfDay, zoneWords } from "./time.js";
import { say } from "./words.js";

const DAY = 24 * 3_600_000;

/** My lessons: what is held, what comes, what was, and how it adds up. */
export async function mine(section, { session, query }) {
  const yesterday = new Date(now() - DAY).toISOString();
  const since = monthsFrom(monthKey(now()), -6);
  const [names, held, coming, lessons] = await Promise.all([
    teachers(),
    all("booking/my", { status: "hold" }),
    all("booking/my", { status: "confirmed", from: yesterday }),
    all("lessons/my", { from: startOfDay(`${since}-01`) }, 2000),
  ]);
  const own = (one) => one.student_id === session.id;
  const byBooking = new Map(lessons.map((lesson) => [lesson.booking_id, lesson]));
  const byStart = (one, other) => Date.parse(one.start_at) - Date.parse(other.start_at);
  const next = coming.filter((one) => own(one) && Date.parse(one.end_at) > now()).sort(byStart);
  const past = lessons.filter((one) => own(one) && (Date.parse(one.scheduled_end_at) <= now() || one.status !== "scheduled"));
  const moved = next.find((one) => one.id === query.get("moved"));
  if (moved) {
    const title = heading(2, say("moved"));
    add(section, title, el("div", { class: "card" }, when(moved.start_at, moved.end_at)));
    title.focus();
  }
  if (query.get("canceled")) {
    const title = heading(2, say("canceled"));
    add(section, title, el("p", {}, say(query.get("canceled") === "returned" ? "lesson_returned" : "lesson_used")));
    title.focus();
  }
  const holds = held.filter((one) => own(one) && Date.parse(one.hold_expires_at) > now()).sort(byStart);
  if (holds.length) add(section, el("h2", {}, say("on_hold")));
  const payments = holds.length ? await all(`billing/payments/students/${session.id}`) : [];
  for (const hold of holds) {
    const box = el("div", { class: "card" });
    // Held along with a purchase: it becomes a lesson when the money comes, and cannot be confirmed before.
    const unpaid = payments.find((one) => one.package_id === hold.package_id && one.provider_name !== "manual" && !one.paid_at);
    const giveUp = () => post(`booking/${hold.id}/cancel`, { reason: null }).then(() => go("lessons/mine"));
    add(section, box);
    add(box, when(hold.start_at, hold.end_at), el("p", {}, say("with", { teacher: nameOf(names, hold.teacher_id) })),
      unpaid ? el("p", { class: "row" },
        el("a", { class: "button", href: to("payment", { id: unpaid.id }) }, say(unpaid.status === "pending" ? "go_on_paying" : "payment")),
        action(say("give_up"), () => box, giveUp))
        : action(say("go_on"), () => box, () => keep(box, hold, nameOf(names, hold.teacher_id))));
  }
  add(section, el("h2", {}, say("coming")));
  if (!next.length) add(section, nothing("no_lessons"), el("p", {}, el("a", { class: "button primary", href: to("lessons/find") }, say("find_time"))));
  add(section, el("ul", { class: "cards" }, next.map((booking) => upcoming(booking, byBooking.get(booking.id), names))));
  add(section, el("h2", {}, say("past")));
  if (!past.length) add(section, nothing("no_past"));
  add(section, el("ul", { class: "cards" }, past.reverse().slice(0, 50).map((lesson) => el(
    "li",
    { class: "card" },
    el("h3", {}, day(lesson.scheduled_start_at)),
    el("p", {}, el("span", { class: "clock" }, span(lesson.scheduled_start_at, lesson.scheduled_end_at)), " ",
      say("with", { teacher: nameOf(names, lesson.teacher_id) }), " ", el("span", { class: `state ${lesson.status}` }, say(lesson.status === "scheduled" ? "lesson_unmarked" : `lesson_${lesson.status}`))),
    lesson.topic && el("p", {}, el("strong", {}, say("topic"), ": "), lesson.topic),
    lesson.notes && el("p", { class: "written" }, lesson.notes),
  ))));
  add(section, el("h2", {}, say("by_month")), perMonth(lessons.filter(own), since));
}

function upcoming(booking, lesson, names) {
  const isAhead = Date.parse(booking.start_at) > now();
  const card = el("li", { class: "card" });
  const full = `${day(booking.start_at)}, ${clock(booking.start_at)}`;
  return add(
    card,
    el("h3", {}, day(booking.start_at)),
    el("p", {}, el("span", { class: "clock" }, span(booking.start_at, booking.end_at)), " ",
      say("with", { teacher: nameOf(names, booking.teacher_id) })),
    el("p", { class: "quiet" }, zoneWords(booking.start_at)),
    clockChange(booking.start_at) && el("p", { class: "notice" }, clockChange(booking.start_at)),
    lesson?.topic && el("p", {}, el("strong", {}, say("topic"), ": "), lesson.topic),
    isAhead && el("p", { class: "quiet" }, Date.parse(booking.free_cancel_until) > now()
      ? say("free_cancel_until", { time: stamp(booking.free_cancel_until) }) : say("free_cancel_over")),
    isAhead && el(
      "p",
      { class: "row" },
      el("a", { class: "button", href: to("lessons/find", { move: booking.id, teacher: booking.teacher_id ?? "" }) }, say("move"), hidden(`, ${full}`)),
      el("a", { class: "button", download: "", href: addressOf(`booking/${booking.id}/calendar.ics`) }, say("calendar_file"), hidden(`, ${full}`)),
      action([say("call_off"), hidden(`, ${full}`)], () => card, () => callOff(booking)),
    ),
  );
}

/** The dialog of a cancel: first what it would do, then whether. */
async function callOff({ id }) {
  const booking = await get(`booking/${id}`);
  dialog(say("call_off_title"), (close) => {
    const effect = booking.cancel_now;
    const words = !effect ? say("cancel_impossible") : effect.lesson_returned ? say("lesson_returns") : say("lesson_is_used");
    const reason = el("textarea", { name: "reason", maxlength: 512, rows: 3 });
    return form(
      [when(booking.start_at, booking.end_at), el("p", { class: "notice" }, words),
        effect && field(say("reason"), reason),
        el("p", { class: "row" },
          effect && el("button", { class: "danger" }, say("call_off")),
          el("button", { type: "button", click: close }, say("keep")))],
      async (given) => {
        const canceled = await post(`booking/${id}/cancel`, { reason: given.reason || null });
        close();
        go("lessons/mine", { canceled: canceled.refund_returned ? "returned" : "used" });
      },
    );
  });
}

/** The month so many months after one. */
function monthsFrom(key, months) {
  const [year, number] = key.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + months, 15)).toISOString().slice(0, 7);
}

/** Half a year back, this month and the next. */
function perMonth(lessons, since) {
  const kinds = ["completed", "no_show", "scheduled"];
  const rows = Array.from({ length: 8 }, (_, at) => monthsFrom(since, at)).map((key) => {
    const theirs = lessons.filter((lesson) => monthKey(lesson.scheduled_start_at) === key);
    return [month(`${key}-15T12:00:00Z`), kinds.map((kind) => theirs.filter((lesson) => lesson.status === kind).length)];
  });
  return bars(say("by_month"), say("month"), kinds.map((kind) => say(`lesson_${kind}`)), rows);
}
