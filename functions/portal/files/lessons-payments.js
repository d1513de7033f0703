// Payments: what is noted of them by hand, and money that goes back.

import { all, call, Failure, patch } from "./api.js";
import { action, add, dialog, el, failed, field, fill, form, heading, hidden, nothing } from "./dom.js";
import { minor, money, typed, write } from "./money.js";
import { stamp } from "./time.js";
import { say } from "./words.js";

/** A student's payments. `load` reads them and their packages again. */
export function payments(section, list, packages, load) {
  fill(section, heading(3, say("payments")), list.length
    ? el("ul", { class: "cards" }, list.map((one) => card(one, list, packages.find(({ id }) => id === one.package_id), load)))
    : nothing("no_payments"));
}

function card(one, list, bought, load) {
  const node = el("li", { class: "card" });
  const amount = money(one.amount, one.currency);
  const isBack = minor(one.refunded_amount, one.amount) > 0n;
  const again = async () => {
    await load();
    document.getElementById(`payment-${one.id}`).focus();
  };
  const note = (word, status, look) => action([say(word), hidden(`, ${amount}`)], () => node, async () => {
    await patch(`billing/payments/${one.id}/status`, { status });
    await again();
  }, look);
  const isManual = one.provider_name === "manual";
  const canRefund = ["succeeded", "partially_refunded"].includes(one.status) && !one.is_disputed;
  return add(
    node,
    el("h4", { tabindex: "-1", id: `payment-${one.id}` }, amount),
    el("p", {}, el("span", { class: `state payment-${one.status}` }, say(`payment_${one.status}`))),
    one.is_disputed && el("p", { class: "notice" }, say("disputed")),
    el("dl", {},
      line("provider", say(`provider_${one.provider_name}`)),
      line("made_at", stamp(one.created_at)),
      one.paid_at && line("paid_at", stamp(one.paid_at)),
      isBack && line("given_back", money(one.refunded_amount, one.currency)),
      one.external_reference && line("reference", one.external_reference),
      bought && line("package", say("lessons_left", { left: bought.lessons_left, total: bought.lessons_total }))),
    el("p", { class: "row" },
      isManual && ["pending", "failed"].includes(one.status) && note("money_came", "succeeded", { class: "primary" }),
      isManual && one.status === "pending" && note("money_failed", "failed"),
      canRefund && action([say("give_back"), hidden(`, ${amount}`)], () => node, () => refund(one, list, bought, again))),
  );
}

const line = (word, text) => [el("dt", {}, say(word)), el("dd", {}, text)];

/** Refunds of which nobody knows what became of them, by their payments: the same key goes on with the same refund. */
const unknown = new Map();

/** Gives money back, after saying which lessons go with it. */
async function refund(one, list, bought, again) {
  const entries = bought ? await all(`billing/packages/${bought.id}/entries`) : [];
  const begun = unknown.get(one.id);
  const rest = minor(one.amount, one.amount) - minor(one.refunded_amount, one.amount);
  dialog(say("give_back"), (close) => {
    const amount = el("input", {
      name: "amount", inputmode: "decimal", required: true, autocomplete: "off", readonly: Boolean(begun),
      value: begun?.amount ?? write(rest, one.amount),
    });
    const outcome = el("div", { role: "status" });
    const tell = () => fill(outcome, preview(one, minor(typed(amount.value), one.amount), rest, isPurchase(one, list, bought), bought, entries));
    amount.addEventListener("input", tell);
    tell();
    const edit = form(
      [
        el("p", {}, say("rest_of_payment", { rest: money(write(rest, one.amount), one.currency), amount: money(one.amount, one.currency) })),
        begun && el("p", { class: "notice" }, say("refund_unknown")),
        field(say("amount_in", { currency: one.currency }), amount),
        outcome,
        field(say("reason"), el("input", { name: "reason", maxlength: 512, value: begun?.reason ?? "", readonly: Boolean(begun) })),
        el("p", { class: "row" }, el("button", { class: "danger" }, say("give_back")),
          el("button", { type: "button", click: close }, say("keep"))),
      ],
      async (given) => {
        const asked = unknown.get(one.id) ?? { key: crypto.randomUUID(), amount: typed(given.amount), reason: given.reason };
        unknown.set(one.id, asked);
        let made;
        try {
          made = await call("POST", `billing/payments/${one.id}/refund`, {
            body: { amount: asked.amount, reason: asked.reason || null }, headers: { "Idempotency-Key": asked.key },
          });
        } catch (error) {
          // What was refused has not begun; of everything else nobody knows, so that the next press must mean the same refund.
          if (error.status >= 400 && error.status < 500) unknown.delete(one.id);
          else for (const input of edit.querySelectorAll("input")) input.readOnly = true;
          throw error;
        }
        unknown.delete(one.id);
        if (made.refund.status === "failed") return failed(edit, new Failure(422, { message: "The provider refused the refund" }));
        close();
        await again();
      },
    );
    return edit;
  });
}

/** Whether lessons came with it: the first payment of a package that was bought. Those that are noted beside it move none. */
function isPurchase(one, list, bought) {
  const theirs = list.filter((other) => other.package_id === one.package_id);
  return Boolean(bought?.plan_id) && theirs.every((other) => other.created_at >= one.created_at);
}

/** What goes back with so much money, as `lessons.settle_payment` reckons: in proportion, rounded down, and only what is unused. */
function preview(one, amount, rest, hasLessons, bought, entries) {
  if (amount === null || amount <= 0n || amount > rest) return null;
  const all = minor(one.amount, one.amount);
  const back = all - rest + amount;
  if (!hasLessons) return el("p", { class: "notice" }, say("refund_no_lessons"));
  const own = entries.filter((entry) => !entry.reason); // what an admin gave or took has a reason
  const sum = (kind) => own.filter((entry) => entry.kind === kind).reduce((total, entry) => total + entry.lessons, 0);
  const total = own.find((entry) => entry.kind === "grant")?.lessons ?? 0;
  const wanted = total - Number((BigInt(total) * back) / all);
  const due = Math.max(0, sum("grant") - sum("revoke") - wanted);
  const free = bought.lessons_left - (back === all ? 0 : bought.lessons_held);
  const going = Math.min(due, free);
  return el("p", { class: "notice" }, say("refund_lessons", { lessons: going, left: bought.lessons_left - going }),
    going < due && ` ${say("refund_booked_stay", { lessons: due - going })}`, back === all && ` ${say("refund_ends")}`);
}
