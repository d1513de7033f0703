// How the practice does, what needs attention, and the journal of those who run it.

import { get } from "./api.js";
import { levels } from "./chart.js";
import { action, add, el, fill, heading, nothing, table } from "./dom.js";
import { nameOf } from "./lessons-people.js";
import { money } from "./money.js";
import { stamp } from "./time.js";
import { say } from "./words.js";

const STATES = {
  lesson: ["scheduled", "completed", "no_show", "canceled"],
  booking: ["hold", "confirmed", "canceled", "expired"],
  package: ["pending", "active", "expired", "canceled"],
  payment: ["pending", "processing", "succeeded", "failed", "expired", "partially_refunded", "refunded"],
};

/** The numbers: money by currency, and everything else by its state. */
export async function overview(section) {
  const kpi = await get("admin/kpi/overview");
  const number = (word, value) => el("div", {}, el("dt", {}, say(word)), el("dd", {}, String(value)));
  add(
    section,
    el("p", { class: "quiet" }, say("counted_at", { time: stamp(kpi.generated_at) })),
    heading(2, say("people")),
    el("dl", { class: "numbers" }, number("everybody", kpi.users_total), number("students", kpi.users_students),
      number("teachers", kpi.users_teachers), number("admins", kpi.users_admins)),
    heading(2, say("money")),
    kpi.revenue.length ? kpi.revenue.map(revenue) : nothing("no_money"),
    Object.entries(STATES).map(([kind, states]) => {
      const word = { lesson: "lessons", booking: "bookings", package: "packages", payment: "payments" }[kind];
      const count = (state) => kpi[`${word}_${state}`];
      const rows = states.map((state) => [say(`${kind}_${state}`), count(state), String(count(state))]);
      return [heading(2, say(word)), levels(say(word), say("status"), say("how_many"), rows)];
    }),
  );
}

/** What came and went in a currency. */
function revenue({ currency, ...amounts }) {
  const rows = ["succeeded", "refunded", "disputed", "net"].map((kind) => {
    const amount = amounts[`${kind}_amount`];
    return [say(`money_${kind}`), Number(amount), money(amount, currency)];
  });
  return levels(say("amount_in", { currency }), say("what"), say("amount_in", { currency }), rows);
}

const ATTENTION = [
  "stuck_payments", "stuck_refunds", "disputed_payments", "mismatched_payment_events", "failed_payment_events", "ledger_mismatches",
  "unfinished_lessons", "notifications_failed", "outbox_failed_dead_letter", "outbox_failed_retryable",
  "stale_booking_holds", "overdue_active_packages",
];

/** What needs attention: what there is some of first. */
export async function attention(card) {
  const found = await get("admin/ops/overview");
  const rows = ATTENTION.map((name) => [name, found[name]]).sort(([, one], [, other]) => (other > 0) - (one > 0));
  const count = rows.filter(([, value]) => value > 0).length;
  add(
    card,
    el("p", { class: count ? "notice" : "quiet" }, count ? say("so_much_attention", { count }) : say("no_attention")),
    table(say("attention"), [say("what"), say("how_many")], rows.map(([name, value]) => [
      say(`attention_${name}`), el("span", { class: value > 0 ? "state no_show" : "" }, value === null ? "–" : String(value))])),
    el("p", { class: "quiet" }, found.ledgers_checked_at
      ? say("ledgers_checked", { time: stamp(found.ledgers_checked_at) }) : say("ledgers_unchecked")),
  );
}

/** What admins did, the newest first, a page at a time. */
export async function journal(section) {
  const box = el("div", {});
  add(section, el("p", { class: "quiet" }, say("journal_text")), box);
  await show(0);

  async function show(offset, isStep) {
    const page = await get("admin/actions", { limit: 20, offset });
    const name = await nameOf(page.items.map((line) => line.admin_id));
    const last = offset + page.items.length;
    const title = heading(2, say("so_many", { from: page.items.length ? offset + 1 : 0, to: last, total: page.total }));
    const turn = (word, there) => action(say(word), () => box, () => show(there, true));
    fill(
      box, title,
      table(say("journal"), [say("time"), say("name"), say("what"), say("about")], page.items.map((line) => [
        stamp(line.created_at), name(line.admin_id), line.action,
        [line.target_type, line.target_id && ` …${line.target_id.slice(-6)}`, el("details", {}, el("summary", {}, say("details")),
          el("code", {}, JSON.stringify(line.payload)))]])),
      el("p", { class: "row" }, offset > 0 && turn("page_before", Math.max(0, offset - 20)), last < page.total && turn("page_after", last)),
    );
    if (isStep) title.focus();
  }
}
