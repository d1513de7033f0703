// Lessons as who runs the practice sees them: times, packages, bookings, and what needs attention.

import { all, call, get, now, patch, post } from "./api.js";
import { action, add, choice, done, el, failed, field, fill, form, heading, hidden, table } from "./dom.js";
import { attention } from "./lessons-overview.js";
import { nameOf, named, people } from "./lessons-people.js";
import { to } from "./shell.js";
import { dayKey, laterDay, moments, shortDay, span, stamp, startOfDay, zoneWords } from "./time.js";
import { say } from "./words.js";

/** Publish a time of a teacher, and what is published of the next four weeks. Weekly hours have a screen of their own. */
export async function slots(section) {
  const teachers = await people("teacher");
  if (!teachers.length) return add(section, el("p", {}, say("nobody_teaches")));
  const list = el("div", {});
  const names = new Map(teachers.map((user) => [user.id, user.name ?? user.email]));
  const publish = form(
    [
      field(say("teacher"), choice({ name: "teacher_id", required: true }, teachers.map(named))),
      el("div", { class: "row" },
        field(say("day"), el("input", { type: "date", name: "day", required: true, value: laterDay(dayKey(now()), 1), min: dayKey(now()) })),
        field(say("begins"), el("input", { type: "time", name: "start_at", required: true, value: "10:00" })),
        field(say("minutes"), el("input", { type: "number", name: "end_at", required: true, min: 15, max: 1440, value: 60 }))),
      el("p", { class: "quiet" }, say("times_in", { zone: zoneWords() })),
      el("p", {}, el("button", { class: "primary" }, say("publish"))),
    ],
    async (given) => {
      const times = moments(given.day, given.start_at);
      if (!times.length) return failed(publish, { words: () => say("no_such_time") });
      const end = new Date(Date.parse(times[0]) + Number(given.end_at) * 60_000).toISOString();
      const made = await post("scheduling/slots", { teacher_id: given.teacher_id, start_at: times[0], end_at: end });
      const twice = times.length > 1 ? ` ${say("time_twice")}` : "";
      await published(list, names);
      done(publish, say("published", { day: shortDay(made.start_at), time: span(made.start_at, made.end_at) }) + twice);
    },
  );
  add(section, publish, list);
  await published(list, names);
}

/** What is published, and what can be done about it. */
async function published(list, names) {
  const from = new Date(now()).toISOString();
  const found = await all("admin/slots", { from, to: startOfDay(laterDay(dayKey(now()), 28)) });
  const theirs = found.filter((slot) => slot.status !== "canceled");
  const title = heading(2, say("published_times"));
  const rows = theirs.map((slot) => {
    const time = `${shortDay(slot.start_at)}, ${span(slot.start_at, slot.end_at)}`;
    const change = (word, work) => action([say(word), hidden(`, ${time}`)], () => list, async () => {
      await work();
      await published(list, names);
      list.querySelector("h2").focus();
    });
    const block = (isBlocked) => () => patch(`scheduling/slots/${slot.id}`, { is_blocked: isBlocked });
    return [time, names.get(slot.teacher_id) ?? slot.teacher_id.slice(-6), say(`slot_${slot.status}`), el("div", { class: "row" },
      slot.status === "open" && change("keep_back", block(true)),
      slot.status === "blocked" && change("offer_again", block(false)),
      ["open", "blocked"].includes(slot.status) && change("take_off", () => call("DELETE", `scheduling/slots/${slot.id}`)))];
  });
  fill(list, title, rows.length ? table(say("published_times"), [say("time"), say("teacher"), say("status"), say("what")], rows)
    : el("p", { class: "quiet" }, say("none_published")));
}

/** Give a student a package. What is sold has a screen of its own. */
export async function packages(section) {
  const students = await people("student");
  const give = form(
    [
      field(say("student"), choice({ name: "student_id", required: true }, students.map(named))),
      el("div", { class: "row" },
        field(say("lessons"), el("input", { type: "number", name: "lessons_total", required: true, min: 1, max: 1000, value: 8 })),
        field(say("last_day"), el("input", { type: "date", name: "expires_at", required: true, min: dayKey(now()), value: laterDay(dayKey(now()), 90) }))),
      el("p", {}, el("button", { class: "primary" }, say("give"))),
    ],
    async (given) => {
      const made = await post("billing/packages", {
        student_id: given.student_id,
        lessons_total: Number(given.lessons_total),
        expires_at: startOfDay(laterDay(given.expires_at, 1)),
      });
      done(give, say("given", { lessons: made.lessons_total }));
    },
  );
  add(section, give);
}

/** Bookings of everybody, a page at a time. */
export async function bookings(section) {
  const states = ["hold", "confirmed", "canceled", "expired"];
  const status = choice({ name: "status" }, [["", say("all")], ...states.map((state) => [state, say(`booking_${state}`)])]);
  const from = el("input", { type: "date", name: "from" });
  const until = el("input", { type: "date", name: "to" });
  const results = el("div", {});
  const show = async (offset) => {
    const page = await get("booking/my", {
      status: status.value, from: from.value && startOfDay(from.value),
      to: until.value && startOfDay(laterDay(until.value, 1)), limit: 20, offset,
    });
    const name = await nameOf(page.items.flatMap((one) => [one.student_id, one.teacher_id]));
    const last = offset + page.items.length;
    const title = heading(2, say("so_many", { from: page.items.length ? offset + 1 : 0, to: last, total: page.total }));
    const rows = page.items.map((one) => [
      `${shortDay(one.start_at)}, ${span(one.start_at, one.end_at)}`, say(`booking_${one.status}`),
      one.student_id ? el("a", { href: to("lessons/accounts", { student: one.student_id }) }, name(one.student_id)) : "–",
      name(one.teacher_id), one.cancellation_reason ?? "",
    ]);
    const turn = (word, there) => action(say(word), () => results, () => show(there));
    fill(
      results, title,
      table(say("bookings"), [say("time"), say("status"), say("student"), say("teacher"), say("reason")], rows),
      el("p", { class: "row" }, offset > 0 && turn("page_before", Math.max(0, offset - 20)), last < page.total && turn("page_after", last)),
    );
    title.focus();
  };
  const search = form(
    [el("div", { class: "row" }, field(say("status"), status), field(say("from_day"), from), field(say("to_day"), until)),
      el("p", {}, el("button", {}, say("show")))],
    () => show(0),
  );
  add(section, search, results);
}

/** What needs attention, what goes out, what waits, and the two sweeps, which a job does anyway. */
export async function operations(section) {
  const sweeps = el("div", { class: "card" });
  const sweep = (word, result, path) => action(say(word), () => sweeps, async () => {
    const count = await post(path);
    done(sweeps, say(result, { count }));
  });
  add(sweeps, el("h2", {}, say("sweeps")), el("p", { class: "quiet" }, say("sweeps_text")),
    el("p", { class: "row" }, sweep("expire_holds", "holds_expired", "booking/holds/expire"),
      sweep("expire_packages", "packages_expired", "billing/packages/expire")));
  const delivery = el("div", { class: "card" }, el("h2", {}, say("delivery")));
  const pending = el("div", { class: "card" }, el("h2", {}, say("pending")));
  const urgent = el("div", { class: "card" }, el("h2", {}, say("attention")));
  add(section, urgent, delivery, pending, sweeps);
  await Promise.all([
    attention(urgent).catch((error) => failed(urgent, error)),
    get("notifications/delivery/metrics").then((metrics) => add(delivery, el("dl", { class: "numbers" },
      ["notifications_total", "notifications_pending", "notifications_sent", "notifications_failed", "outbox_pending",
        "outbox_processed", "outbox_retryable_failed", "outbox_dead_letter"].map((name) =>
        el("div", {}, el("dt", {}, say(name)), el("dd", {}, String(metrics[name])))))), (error) => failed(delivery, error)),
    get("audit/outbox/pending", { limit: 50 }).then((events) => add(pending, events.length
      ? table(say("pending"), [say("time"), say("what"), say("tries")], events.map((event) => [
        stamp(event.occurred_at), event.event_type, String(event.retries)]))
      : el("p", { class: "quiet" }, say("nothing_waits"))), (error) => failed(pending, error)),
  ]);
}
