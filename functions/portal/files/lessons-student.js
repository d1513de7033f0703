// Find a time, hold it and confirm it, or move a lesson there.

import { all, get, now, post } from "./api.js";
import { action, add, choice, dialog, el, failed, field, fill, form, heading, hidden, newId, nothing } from "./dom.js";
import { nameOf, teachers, when } from "./lessons-parts.js";
import { series } from "./lessons-series.js";
import { go, to } from "./shell.js";
import { clockChange, day, dayKey, laterDay, shortDay, span, stamp, startOfDay, zoneWords } from "./time.js";
import { say } from "./words.js";

const DAYS = 7; // on one screen
const LONGEST = 2 * 3_600_000; // what is free for longer is offered by the hour
const HOUR = 3_600_000;

/** Find a time; with `move` in the address, another time for a lesson. */
export async function find(section, { session, query }) {
  const moving = query.get("move");
  const [names, old, holds] = await Promise.all([
    teachers(),
    moving ? get(`booking/${moving}`) : null,
    get("booking/my", { status: "hold", limit: 100 }),
  ]);
  const box = el("div", {});
  const today = dayKey(now());
  const state = { teacher: query.get("teacher") ?? "", from: today };
  if (old) add(section, el("div", { class: "card" }, el("h2", {}, say("moving")), when(old.start_at, old.end_at)));
  const held = holds.items.filter((hold) => hold.student_id === session.id && !old);
  if (held.length) {
    add(section, el("p", { class: "notice" }, say("holds_wait"), " ", el("a", { href: to("lessons/mine") }, say("my_lessons"))));
  }
  add(section, box);

  function choose() {
    const teacher = choice({ name: "teacher" }, [["", say("all_teachers")], ...names], state.teacher);
    const first = el("input", { type: "date", name: "from", min: today, value: state.from, required: true });
    const results = el("div", { class: "results" });
    teacher.addEventListener("change", () => load(false));
    first.addEventListener("change", () => first.value && load(false));
    const turn = (days) => {
      const there = laterDay(first.value || today, days);
      first.value = there < today ? today : there;
      return load(true);
    };
    fill(
      box,
      el("div", { class: "row" }, field(say("teacher"), teacher), field(say("from_day"), first)),
      el("div", { class: "row" },
        action(say("earlier"), () => results, () => turn(-DAYS)),
        action(say("later"), () => results, () => turn(DAYS))),
      results,
    );
    let newest = 0;

    async function load(isStep) {
      newest += 1;
      const mine = newest;
      Object.assign(state, { teacher: teacher.value, from: first.value });
      const range = { teacher_id: state.teacher, from: startOfDay(state.from), to: startOfDay(laterDay(state.from, DAYS)) };
      const slots = await all("scheduling/slots/open", range);
      if (mine !== newest) return; // another choice was made meanwhile
      const title = heading(2, say("free_times", { from: shortDay(range.from), to: shortDay(startOfDay(laterDay(state.from, DAYS - 1))) }));
      fill(results, title, el("p", { class: "quiet" }, say("times_in", { zone: zoneWords(range.from) })), days(slots, names, offered));
      if (!slots.length) {
        await addNext(results, state, first, load);
        const wish = { teacher: state.teacher, from: state.from };
        if (!old) add(results, el("p", {}, el("a", { class: "button", href: to("lessons/waitlist", wish) }, say("wait_for_it"))));
      }
      if (isStep) title.focus();
    }

    load(false).catch((error) => failed(results, error));
  }

  function offered(time) {
    if (old) return confirmMove(old, time, names);
    pay(time).catch((error) => failed(box, error));
  }

  /** The second step: which package pays. */
  async function pay(time) {
    const theirs = await all(`billing/packages/students/${session.id}`);
    const usable = theirs.filter((one) => pays(one, time.start)).sort((one, other) => (one.expires_at < other.expires_at ? -1 : 1));
    const title = heading(2, say("choose_package"));
    const summary = el("div", { class: "card" }, when(time.start, time.end), el("p", {}, say("with", { teacher: time.name })));
    const back = action(say("other_time"), () => box, () => choose());
    fill(box, title, summary);
    const wish = { slot: time.slot, start: time.start, end: time.end, teacher: time.teacher };
    const buy = (kind) => el("a", { class: `button ${kind}`, href: to("lessons/buy", wish) }, say("buy_for_it"));
    if (!usable.length) {
      add(box, el("p", { class: "notice" }, say("no_package")), el("p", { class: "row" }, buy("primary"), back));
      return title.focus();
    }
    const options = usable.map((one, at) => {
      const input = el("input", { type: "radio", name: "package", value: one.id, id: newId("package"), checked: at === 0, required: true });
      const words = say("package_choice", { left: one.lessons_left - one.lessons_held, until: shortDay(one.expires_at) });
      return el("div", { class: "option" }, input, el("label", { for: input.id }, words));
    });
    const holding = form(
      [el("fieldset", {}, el("legend", {}, say("package")), options),
        el("p", { class: "row" }, el("button", { class: "primary" }, say("hold")),
          action(say("several"), () => holding, () => series(box, time, new FormData(holding).get("package"), () => pay(time))),
          buy(""), back)],
      async (given) => {
        const booking = await post("booking/hold", { slot_id: time.slot, package_id: given.package, ...time.part });
        keep(box, booking, time.name, choose);
      },
    );
    add(box, holding);
    title.focus();
  }

  choose();
}

/** Whether a package can pay for a lesson that begins then. */
function pays(one, start) {
  return one.status === "active" && !one.is_frozen && one.lessons_left > one.lessons_held && Date.parse(one.expires_at) > Date.parse(start);
}

/** Where a week has nothing free: the next time that is. */
async function addNext(results, state, first, load) {
  const next = await get("scheduling/slots/open", { teacher_id: state.teacher, from: startOfDay(state.from), limit: 1 });
  const [slot] = next.items;
  if (!slot) return;
  add(results, action(say("next_time", { day: day(slot.start_at) }), () => results, () => {
    first.value = dayKey(slot.start_at);
    return load(true);
  }));
}

/** What can be booked of a slot: all that is free of it, in hours where that is long. */
function* parts(slot) {
  for (const free of slot.free) {
    const [from, until] = [Date.parse(free.start_at), Date.parse(free.end_at)];
    const length = until - from > LONGEST ? HOUR : until - from;
    for (let start = from; start + length <= until; start += length) {
      if (start <= now()) continue;
      const time = { start: new Date(start).toISOString(), end: new Date(start + length).toISOString() };
      const isWhole = start === Date.parse(slot.start_at) && start + length === Date.parse(slot.end_at);
      yield { ...time, slot: slot.id, teacher: slot.teacher_id, part: isWhole ? {} : { start_at: time.start, end_at: time.end } };
    }
  }
}

/** Days as headings, their times as buttons. */
function days(slots, names, offered) {
  const times = slots.flatMap((slot) => [...parts(slot)].map((time) => ({ ...time, name: slot.teacher_name ?? nameOf(names, time.teacher) })));
  times.sort((one, other) => Date.parse(one.start) - Date.parse(other.start));
  if (!times.length) return nothing("no_times");
  const groups = Map.groupBy(times, (time) => dayKey(time.start));
  return [...groups.values()].map((group) => {
    const change = clockChange(group[0].start);
    return el(
      "section",
      { class: "day" },
      el("h3", {}, day(group[0].start)),
      change && el("p", { class: "notice" }, change),
      el("ul", { class: "times" }, group.map((time) => {
        const button = el(
          "button",
          { type: "button" },
          hidden(`${day(time.start)}, `),
          el("span", { class: "clock" }, span(time.start, time.end)),
          hidden(`, ${zoneWords(time.start)},`),
          " ",
          el("span", { class: "quiet" }, say("with", { teacher: time.name })),
        );
        button.addEventListener("click", () => offered(time));
        return el("li", {}, button);
      })),
    );
  });
}

/** The third step: the time is held, and a countdown runs. */
export function keep(box, booking, name, again) {
  const title = heading(2, say("held"));
  const left = el("strong", { class: "clock" });
  const late = el("p", { class: "hidden", role: "status" });
  const scope = el("div", { class: "card" });
  const until = Date.parse(booking.hold_expires_at);
  const other = () => (again ? again() : go("lessons/find"));
  const buttons = el(
    "p",
    { class: "row" },
    action(say("confirm"), () => scope, async () => {
      booked(box, await post(`booking/${booking.id}/confirm`), name);
    }, { class: "primary" }),
    action(say("give_up"), () => scope, async () => {
      await post(`booking/${booking.id}/cancel`, { reason: null });
      if (again) again();
      else go("lessons/mine");
    }),
  );
  add(scope, when(booking.start_at, booking.end_at), el("p", {}, say("with", { teacher: name })),
    el("p", { class: "timer" }, say("held_for"), " ", left), late, buttons);
  fill(box, title, scope);
  title.focus();
  let isNear = false;

  function tick() {
    if (!scope.isConnected) return clearInterval(timer);
    const seconds = Math.max(0, Math.ceil((until - now()) / 1000));
    left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    // Said once, not each second.
    if (seconds <= 60 && !isNear) {
      isNear = true;
      late.textContent = say("minute_left");
    }
    if (seconds > 0) return;
    clearInterval(timer);
    const over = heading(2, say("hold_over"));
    fill(box, over, el("p", {}, say("hold_over_text")), action(say("other_time"), () => box, other, { class: "primary" }));
    over.focus();
  }

  const timer = setInterval(tick, 1000);
  tick();
}

/** The last step. */
function booked(box, booking, name) {
  const title = heading(2, say("booked"));
  fill(
    box,
    title,
    el("div", { class: "card" }, when(booking.start_at, booking.end_at), el("p", {}, say("with", { teacher: name })),
      el("p", { class: "quiet" }, say("free_cancel_until", { time: stamp(booking.free_cancel_until) }))),
    el("p", { class: "row" }, el("a", { class: "button primary", href: to("lessons/mine") }, say("my_lessons")),
      action(say("another"), () => box, () => go("lessons/find"))),
  );
  title.focus();
}

/** Asks before a lesson is moved, with what it costs. */
function confirmMove(old, time, names) {
  dialog(say("move"), (close) => {
    const scope = el("div", {}, el("p", {}, say("from")), when(old.start_at, old.end_at), el("p", {}, say("to")), when(time.start, time.end),
      el("p", {}, say("with", { teacher: time.name })));
    const effect = old.cancel_now && !old.cancel_now.lesson_returned && el("p", { class: "notice" }, say("move_costs"));
    add(scope, effect, el("p", { class: "row" },
      action(say("move"), () => scope, async () => {
        const moved = await post(`booking/${old.id}/reschedule`, { new_slot_id: time.slot, ...time.part });
        close();
        go("lessons/mine", { moved: moved.id });
      }, { class: "primary" }),
      action(say("keep"), () => scope, close)));
    return scope;
  });
}
