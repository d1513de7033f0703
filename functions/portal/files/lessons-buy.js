// Buying a package, and what became of its payment.

import { all, get, now, post } from "./api.js";
import { action, add, el, failed, fill, heading, hidden, nothing } from "./dom.js";
import { nameOf, teachers, when } from "./lessons-parts.js";
import { money } from "./money.js";
import { go, to } from "./shell.js";
import { shortDay, stamp } from "./time.js";
import { say } from "./words.js";

/** What is for sale; with a time in the address, that is held along while one pays. */
export async function buy(section, { query }) {
  const [plans, names] = await Promise.all([all("billing/plans"), query.get("slot") ? teachers() : null]);
  const wish = names && { slot_id: query.get("slot"), start_at: query.get("start"), end_at: query.get("end") };
  if (wish) {
    add(section, el("div", { class: "card" }, when(wish.start_at, wish.end_at),
      el("p", {}, say("with", { teacher: nameOf(names, query.get("teacher")) })), el("p", {}, say("held_along"))));
  }
  const offered = plans.filter((plan) => plan.is_active);
  if (!offered.length) return add(section, nothing("no_plans"));
  add(section, el("ul", { class: "cards" }, offered.map((plan) => offer(section, plan, wish))));
  if (wish) add(section, el("p", {}, el("a", { href: to("lessons/find") }, say("other_time"))));
}

function offer(section, plan, wish) {
  const price = money(plan.price_amount, plan.price_currency);
  const card = el("li", { class: "card" });
  // One key for one purchase: pressed twice, or again after a failure that nobody knows the end of, it is the same one.
  let key = crypto.randomUUID();
  const purchase = (along) => post("billing/packages/purchase", { plan_id: plan.id, ...along }, { "Idempotency-Key": key });
  const work = async () => {
    const { payment } = await purchase(wish).catch((error) => {
      if (error.message !== PAID_BY_HAND) throw error;
      return purchase({});
    });
    if (payment.status === "pending") return bought(section, plan, payment, wish);
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
function bought(section, plan, payment, wish) {
  if (payment.checkout_url) return location.assign(payment.checkout_url);
  const title = heading(2, say("bought"));
  fill(section, section.firstElementChild, title,
    el("p", {}, say("bought_by_hand", { title: plan.title, price: money(payment.amount, payment.currency) })),
    wish && el("p", { class: "notice" }, say("not_held_along")),
    el("p", {}, el("a", { class: "button primary", href: to("lessons/packages") }, say("my_packages"))));
  title.focus();
}

/** What the API says where nobody knows when money comes. */
const PAID_BY_HAND = "A time is held along only where the package is paid at once";
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
  const [packages, bookings] = await Promise.all([
    all(`billing/packages/students/${session.id}`),
    all("booking/my", { from: new Date(now()).toISOString() }),
  ]);
  const usable = packages.find(({ id, status }) => id === one.package_id && status === "active");
  // What was held along was made together with the payment.
  const along = bookings.find((booking) => booking.package_id === one.package_id && booking.created_at === one.created_at);
  const isHeld = along?.status === "hold" && Date.parse(along.hold_expires_at) > now();
  const isBooked = along?.status === "confirmed";
  const text = one.status === "pending" && one.provider_name === "manual" ? "paid_by_hand" : `paid_${one.status}_text`;
  const link = (word, path, kind = "") => el("a", { class: `button ${kind}`, href: to(path) }, say(word));
  fill(
    state,
    el("h2", {}, say(`paid_${one.status}`)),
    el("p", {}, say("payment_of", { amount })),
    el("p", {}, say(text, { amount: money(one.refunded_amount, one.currency) })),
    (isHeld || isBooked) && [when(along.start_at, along.end_at),
      el("p", {}, isBooked ? say("booked") : say("held_until", { time: stamp(along.hold_expires_at) }))],
    along && usable && !along.confirmed_at && el("p", { class: "notice" }, say("lost_along")),
    usable && el("p", {}, say("package_ready", { left: usable.lessons_left - usable.lessons_held, day: shortDay(usable.expires_at) })),
    one.is_disputed && el("p", { class: "notice" }, say("payment_disputed")),
  );
  fill(
    ways,
    one.checkout_url && el("a", { class: "button primary", href: one.checkout_url }, say("go_on_paying")),
    isBooked && link("my_lessons", "lessons/mine", "primary"),
    usable && link("find_time", "lessons/find", isBooked ? "" : "primary"),
    ["failed", "expired"].includes(one.status) && link("buy_again", "lessons/buy", "primary"),
    link("my_packages", "lessons/packages"),
  );
}
