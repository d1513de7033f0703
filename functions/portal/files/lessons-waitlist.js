// The waitlist: who waits for a teacher's time is offered it, as a hold, when some comes free.

import { all, call, now, post } from "./api.js";
import { action, add, choice, done, el, field, fill, form, heading, hidden, nothing } from "./dom.js";
import { nameOf, teachers } from "./lessons-parts.js";
import { to } from "./shell.js";
import { dayKey, laterDay, shortDay, startOfDay } from "./time.js";
import { say } from "./words.js";

const DAYS = 6; // after the first one, if nothing else is said

/** What one waits for, and a way to wait for more. */
export async function waitlist(section, { session, query }) {
  const [names, packages] = await Promise.all([teachers(), all(`billing/packages/students/${session.id}`)]);
  const usable = packages.filter((one) => one.status === "active" && !one.is_frozen && one.lessons_left > one.lessons_held);
  const list = el("div", {});
  add(section, el("p", {}, say("waitlist_text")));
  if (usable.length && names.size) add(section, joining(names, usable, query, list));
  else add(section, el("p", { class: "notice" }, say("waitlist_package")), el("p", {}, el("a", { class: "button primary", href: to("lessons/buy") }, say("buy_package"))));
  add(section, list);
  await entries(list, names);
}

function joining(names, usable, query, list) {
  const today = dayKey(now());
  const first = query.get("from") ?? today;
  const options = usable.map((one) => [one.id, say("package_choice", { left: one.lessons_left - one.lessons_held, until: shortDay(one.expires_at) })]);
  const date = (name, value) => el("input", { type: "date", name, min: today, value, required: true });
  const join = form(
    [
      field(say("teacher"), choice({ name: "teacher_id", required: true }, [...names], query.get("teacher"))),
      el("div", { class: "row" },
        field(say("from_day"), date("from", first)),
        field(say("to_day"), date("to", laterDay(first, DAYS))),
        field(say("minutes"), el("input", { type: "number", name: "minutes", min: 15, max: 480, value: 60, required: true }))),
      field(say("package"), choice({ name: "package_id", required: true }, options)),
      el("p", {}, el("button", { class: "primary" }, say("wait_for_it"))),
    ],
    async (given) => {
      await post("scheduling/waitlist", {
        teacher_id: given.teacher_id, package_id: given.package_id, minutes: Number(given.minutes),
        from: startOfDay(given.from), to: startOfDay(laterDay(given.to, 1)),
      });
      await entries(list, names);
      done(join, say("waiting_now"));
    },
  );
  return join;
}

/** What one waits for and has waited for. */
async function entries(list, names) {
  const found = await all("scheduling/waitlist");
  const title = heading(2, say("waiting_for"));
  const cards = found.map((one) => {
    const teacher = one.teacher_name ?? nameOf(names, one.teacher_id);
    const range = `${shortDay(one.from)} – ${shortDay(Date.parse(one.to) - 1)}`;
    const card = el("li", { class: "card" });
    return add(
      card,
      el("h3", {}, teacher),
      el("p", {}, say("waits_for", { range, minutes: one.minutes })),
      el("p", {}, el("span", { class: "state" }, say(`wait_${one.status}`))),
      one.status === "offered" && el("p", {}, el("a", { class: "button primary", href: to("lessons/mine") }, say("go_on"))),
      one.status === "waiting" && el("p", {}, action([say("stop_waiting"), hidden(`, ${teacher}, ${range}`)], () => card, async () => {
        await call("DELETE", `scheduling/waitlist/${one.id}`);
        await entries(list, names);
        list.querySelector("h2").focus();
      })),
    );
  });
  fill(list, title, cards.length ? el("ul", { class: "cards" }, cards) : nothing("waits_for_nothing"));
}
