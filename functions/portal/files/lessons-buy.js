// Buying a package, and what became of its payment.

import { all, get, post } from "./api.js";
import { action, add, el, failed, fill, heading, hidden, nothing } from "./dom.js";
import { money } from "./money.js";
import { go, to } from "./shell.js";
import { shortDay } from "./time.js";
import { say } from "./words.js";

/** What is for sale. */
export async function buy(section) {
  const plans = (await all("billing/plans")).filter((plan) => plan.is_active);
  if (!plans.length) return add(section, nothing("no_plans"));
  add(section, el("ul", { class: "cards" }, plans.map((plan) => offer(section, plan))));
}

function offer(section, plan) {
  const price = money(plan.price_amount, plan.price_currency);
  const card = el("li", { class: "card" });
  // One key for one purchase: pressed twice, or again after a failure that nobody knows the end of, it is the same one.
  let key = crypto.randomUUID();
  const work = async () => {
    const { payment } = await post("billing/packages/purchase", { plan_id: plan.id }, { "Idempotency-Key": key });
    if (payment.status === "pending") return bought(section, plan, payment);
    // Come back to by the browser's own way, after it was paid.
    key = crypto.randomUUID();
    go("payment", { id: payment.id });
  };
  return add(
    card,
    el("h2", {}, plan.title),
    el("p", { class: "price" }, price),
    el("p", {}, say("plan_lessons", { lessons: plan.lessons_total, days: plan.duration_days })),
    plan.description && el("p", { class: "written" }, plan.description),
    el("p", {}, action([say("buy"), hidden(`, ${plan.title}, ${price}`)], () => card, work, { class: "primary" })),
  );
}

/** Goes where it is paid; where nothing is paid online, says how it goes on. */
function bought(section, plan, payment) {
  if (payment.checkout_url) return location.assign(payment.checkout_url);
  const title = heading(2, say("bought"));
  fill(section, section.firstElementChild, title,
    el("p", {}, say("bought_by_hand", { title: plan.title, price: money(payment.amount, payment.currency) })),
    el("p", {}, el("a", { class: "button primary", href: to("lessons/packages") }, say("my_packages"))));
  title.focus();
}

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/** Where one comes back to from paying: says what is known, and goes on asking while more may be. */
export async function payment(section, { session, query }) {
  const path = `billing/payments/${encodeURIComponent(query.get("id") ?? "")}`;
  const state = el("div", { class: "card", role: "status" });
  const ways = el("p", { class: "row" });
  let one = await get(path);
  add(section, state, ways);
  await tell(state, ways, one, session);
  for (let wait = FIRST_WAIT; ["pending", "processing"].includes(one.status); wait = Math.min(2 * wait, LONGEST_WAIT)) {
    await new Promise((done) => setTimeout(done, wait));
    if (!section.isConnected) return;
    let next;
    try {
      next = await get(path);
    } catch (error) {
      if (error.status) return failed(section, error);
      continue; // no network at the moment
    }
    if (next.status !== one.status) await tell(state, ways, next, session);
    one = next;
  }
}

/** What a payment's state means, and where to go from there. */
async function tell(state, ways, one, session) {
  const amount = money(one.amount, one.currency);
  const isOver = ["succeeded", "partially_refunded", "refunded"].includes(one.status);
  const packages = isOver ? await all(`billing/packages/students/${session.id}`) : [];
  const usable = packages.find(({ id, status }) => id === one.package_id && status === "active");
  const link = (word, path, kind = "") => el("a", { class: `button ${kind}`, href: to(path) }, say(word));
  const again = ["failed", "expired"].includes(one.status) && link("buy_again", "lessons/buy", "primary");
  fill(
    state,
    el("h2", {}, say(`paid_${one.status}`)),
    el("p", {}, say("payment_of", { amount })),
    el("p", {}, say(`paid_${one.status}_text`, { amount: money(one.refunded_amount, one.currency) })),
    usable && el("p", {}, say("package_ready", { left: usable.lessons_left - usable.lessons_held, day: shortDay(usable.expires_at) })),
    one.is_disputed && el("p", { class: "notice" }, say("payment_disputed")),
  );
  fill(
    ways,
    one.checkout_url && el("a", { class: "button primary", href: one.checkout_url }, say("go_on_paying")),
    usable && link("find_time", "lessons/find", "primary"),
    again,
    link("my_packages", "lessons/packages"),
  );
}
