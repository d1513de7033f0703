// Packages of a student, with the lines that explain each, and what was paid for them.

import { all } from "./api.js";
import { add, el, failed, fill, hidden, nothing, table } from "./dom.js";
import { money } from "./money.js";
import { to } from "./shell.js";
import { shortDay, stamp } from "./time.js";
import { say } from "./words.js";

/** Packages that can or could be used, and all payments. */
export async function packages(section, { session }) {
  const [theirs, payments] = await Promise.all([
    all(`billing/packages/students/${session.id}`),
    all(`billing/payments/students/${session.id}`),
  ]);
  // What waits for its money stands with the payments.
  const usable = theirs.filter((one) => one.status !== "pending");
  if (!usable.length) add(section, nothing("no_packages"));
  add(section, el("ul", { class: "cards" }, usable.map(onePackage)),
    el("p", {}, el("a", { class: "button primary", href: to("lessons/buy") }, say("buy_package"))));
  if (!payments.length) return;
  add(section, el("h2", {}, say("payments")), el("ul", { class: "cards" }, payments.map(onePayment)));
}

function onePayment(one) {
  const isOpen = one.status === "pending" && one.checkout_url;
  const made = stamp(one.paid_at ?? one.created_at);
  return el(
    "li",
    { class: "card" },
    el("h3", {}, money(one.amount, one.currency)),
    el("p", {}, el("span", { class: `state payment-${one.status}` }, say(`payment_${one.status}`)), " ", made),
    Number(one.refunded_amount) > 0 && el("p", {}, say("went_back", { amount: money(one.refunded_amount, one.currency) })),
    one.is_disputed && el("p", { class: "notice" }, say("payment_disputed")),
    isOpen && el("p", {}, el("a", { class: "button", href: to("payment", { id: one.id }) }, say("go_on_paying"), hidden(`, ${made}`))),
  );
}

function onePackage(one) {
  const lines = el("div", {});
  const details = el("details", {}, el("summary", {}, say("where_lessons_went")), lines);
  details.addEventListener("toggle", async () => {
    if (!details.open || lines.childNodes.length) return;
    try {
      const entries = await all(`billing/packages/${one.id}/entries`);
      fill(lines, table(say("lines"), [say("time"), say("what"), say("lessons"), say("reason")], entries.map((entry) => [
        stamp(entry.created_at), say(`entry_${entry.kind}`), String(entry.lessons),
        [entry.reason, entry.package_ends && say("lasts_until", { day: shortDay(entry.package_ends) })].filter(Boolean).join(" "),
      ])));
    } catch (error) {
      failed(lines, error);
    }
  });
  const state = one.is_frozen ? "frozen" : one.status;
  return el(
    "li",
    { class: "card" },
    el("h2", {}, say("lessons_left", { left: one.lessons_left - one.lessons_held, total: one.lessons_total })),
    el("p", {}, el("span", { class: `state ${state}` }, say(`package_${state}`)), " ", say("usable_until", { day: shortDay(one.expires_at) })),
    one.lessons_held > 0 && el("p", {}, say("lessons_held", { held: one.lessons_held })),
    details,
  );
}
