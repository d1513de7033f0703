// A student's packages and payments, as who runs the practice sees and changes them.

import { all, now, post } from "./api.js";
import { action, add, choice, dialog, el, failed, field, fill, form, heading, hidden, nothing, table } from "./dom.js";
import { payments } from "./lessons-payments.js";
import { named, people } from "./lessons-people.js";
import { money } from "./money.js";
import { dayKey, laterDay, shortDay, stamp, startOfDay } from "./time.js";
import { say } from "./words.js";

/** Whose account is looked at; with `student` in the address, theirs. */
export async function accounts(section, { query }) {
  const students = await people("student");
  if (!students.length) return add(section, nothing("nobody_learns"));
  const box = el("div", {});
  const open = async (id, isStep) => {
    const title = heading(2, students.find((one) => one.id === id)?.name ?? say("student"));
    const theirs = el("div", {});
    fill(box, title, theirs);
    await account(theirs, id);
    if (isStep) title.focus();
  };
  const search = form(
    [field(say("student"), choice({ name: "student" }, students.map(named), query.get("student"))),
      el("p", {}, el("button", {}, say("show")))],
    (given) => open(given.student, true),
  );
  add(section, search, box);
  if (query.get("student")) await open(query.get("student"), false);
}

/** Both lists; a change in one of them is read again in the other. */
async function account(box, student) {
  const [owned, paid] = [el("section", {}), el("section", {})];
  add(box, owned, paid);
  await load();

  async function load() {
    const [found, money] = await Promise.all([
      all(`billing/packages/students/${student}`), all(`billing/payments/students/${student}`)]);
    fill(owned, heading(3, say("packages")), found.length
      ? el("ul", { class: "cards" }, found.map((one) => card(one, load))) : nothing("none_of_theirs"));
    payments(paid, money, found, load);
  }
}

/** A package, its lines, and what can be done to it. */
function card(one, load) {
  const node = el("li", { class: "card" });
  const name = say("lessons_left", { left: one.lessons_left, total: one.lessons_total });
  const state = one.is_frozen && one.status === "active" ? "frozen" : one.status;
  const button = (kind, look) => action([say(`adjust_${kind}`), hidden(`, ${name}`)], () => node, () => adjust(one, kind, load), look);
  const isUsable = ["active", "expired"].includes(one.status);
  const lines = el("details", {}, el("summary", {}, say("where_lessons_went"), hidden(`, ${name}`)));
  lines.addEventListener("toggle", async () => {
    if (!lines.open || lines.children.length > 1) return;
    try {
      add(lines, entries(await all(`billing/packages/${one.id}/entries`)));
    } catch (error) {
      failed(node, error);
    }
  });
  return add(
    node,
    el("h4", { tabindex: "-1", id: `package-${one.id}` }, name),
    el("p", {}, el("span", { class: `state ${state}` }, say(`package_${state}`)), " ",
      one.status !== "pending" && say("usable_until", { day: shortDay(one.expires_at) })),
    one.price_amount && el("p", { class: "quiet" }, say("bought_for", { price: money(one.price_amount, one.price_currency), day: shortDay(one.created_at) })),
    one.lessons_held > 0 && el("p", { class: "quiet" }, say("lessons_held", { held: one.lessons_held })),
    one.status !== "canceled" && el("p", { class: "row" }, isUsable && [button("grant"), button("revoke"), button("extend")], button("cancel")),
    lines,
  );
}

const entries = (found) => table(say("lines"), [say("time"), say("what"), say("lessons"), say("reason")], found.map((line) => [
  stamp(line.created_at), say(`entry_${line.kind}`), line.lessons ? String(line.lessons) : "–",
  [line.reason, line.package_ends && say("lasts_until", { day: shortDay(line.package_ends) })].filter(Boolean).join("; ")]));

/** More lessons, fewer, longer, or the end, with the reason that the student reads too. */
function adjust(one, kind, load) {
  const ends = dayKey(new Date(one.expires_at) - 1);
  const later = [ends, dayKey(now())].sort().at(-1);
  dialog(say(`adjust_${kind}`), (close) => form(
    [
      el("p", {}, say("lessons_left", { left: one.lessons_left, total: one.lessons_total })),
      ["grant", "revoke"].includes(kind) && field(say("lessons"), el("input", {
        type: "number", name: "lessons", required: true, min: 1, max: kind === "grant" ? 1000 : one.lessons_left - one.lessons_held, value: 1 })),
      kind === "extend" && field(say("last_day"), el("input", {
        type: "date", name: "expires_at", required: true, min: laterDay(later, 1), value: laterDay(later, 14) })),
      kind === "cancel" && el("p", { class: "notice" }, say("adjust_cancel_text", { left: one.lessons_left })),
      field(say("reason"), el("input", { name: "reason", required: true, maxlength: 512 }), say("reason_hint")),
      el("p", { class: "row" }, el("button", { class: kind === "cancel" ? "danger" : "primary" }, say(`adjust_${kind}`)),
        el("button", { type: "button", click: close }, say("keep"))),
    ],
    async (given) => {
      await post(`admin/packages/${one.id}/adjust`, {
        action: kind, reason: given.reason,
        ...(given.lessons && { lessons: Number(given.lessons) }),
        ...(given.expires_at && { expires_at: startOfDay(laterDay(given.expires_at, 1)) }),
      });
      close();
      await load();
      document.getElementById(`package-${one.id}`).focus();
    },
  ));
}
