// Days that are not as their weekday is, and time off.

import { call, get, now, post } from "./api.js";
import { action, add, el, failed, field, fill, form, heading, hidden, nothing, table } from "./dom.js";
import { changesOf } from "./lessons-changes.js";
import { inWords, windows } from "./lessons-windows.js";
import { date, dayKey, laterDay, moments, shortDay, stamp, startOfDay, zoneWords } from "./time.js";
import { say } from "./words.js";

const AHEAD = 60; // days that are asked for at once; the API takes 62

/** The list, and the two ways to add to it. `changed` is told after each change. Gives the way to read the list again. */
export async function daysOff(section, path, { version, timezone }, changed) {
  const list = el("div", {});
  const outcome = el("div", {});
  fill(section, heading(2, say("days_off")), el("p", { class: "quiet" }, say("days_off_text")));
  if (!version) {
    add(section, nothing("hours_first"));
    return () => {};
  }
  const today = dayKey(now(), timezone);
  let until = laterDay(today, AHEAD);
  add(section, list, outcome, aDate(), timeOff());
  await load();
  return load;

  async function load() {
    const found = new Map();
    for (let from = today; from < until; from = laterDay(from, AHEAD)) {
      const range = { from: startOfDay(from, timezone), to: startOfDay(laterDay(from, AHEAD), timezone) };
      for (const one of (await get(path, range)).exceptions) found.set(one.id, one);
    }
    const ahead = [...found.values()].filter((one) => (one.date ?? dayKey(one.end_at, timezone)) >= today);
    const rows = ahead.map((one) => {
      const what = one.date ? date(one.date) : `${stamp(one.start_at)} – ${stamp(one.end_at)}`;
      const remove = action([say("remove"), hidden(`, ${what}`)], () => list, async () => {
        await tell(await call("DELETE", `${path}/exceptions/${one.id}`), "day_removed");
      });
      return [what, one.date ? (one.hours.length ? inWords(one.hours) : say("closed")) : say("time_off"), remove];
    });
    const more = action(say("look_further", { day: shortDay(startOfDay(until, timezone)) }), () => list, async () => {
      until = laterDay(until, AHEAD);
      await load();
      list.querySelector("h3").focus();
    });
    fill(list, heading(3, say("until_day", { day: shortDay(startOfDay(until, timezone)) })),
      rows.length ? table(say("days_off"), [say("day"), say("what"), say("change")], rows) : nothing("no_days_off"), el("p", {}, more));
  }

  /** The list anew, what the change did, and the focus on it. */
  async function tell(changes, word) {
    await Promise.all([load(), changed()]);
    const title = heading(3, say(word));
    fill(outcome, el("div", { class: "card" }, title, changesOf(changes)));
    title.focus();
  }

  function aDate() {
    const day = el("input", { type: "date", name: "date", required: true, min: today, value: laterDay(today, 1) });
    const hours = windows(say("hours_of_date"), [], "closed_all_day");
    const edit = form(
      [field(say("day"), day), hours.node, el("p", {}, el("button", {}, say("add_day")))],
      async (given) => {
        const made = await post(`${path}/exceptions`, { date: given.date, hours: hours.read() });
        await tell(made.changes, "day_added");
      },
    );
    return el("div", { class: "card" }, heading(3, say("one_date")), edit);
  }

  function timeOff() {
    const moment = (name, word, value) => el("div", { class: "row" },
      field(say(`${word}_day`), el("input", { type: "date", name, required: true, value })),
      field([say("time"), hidden(`, ${say(`${word}_day`)}`)], el("input", { type: "time", name: `${name}_time`, required: true, value: "00:00" })));
    const edit = form(
      [moment("start_at", "from", laterDay(today, 1)), moment("end_at", "to", laterDay(today, 2)),
        el("p", {}, el("button", {}, say("add_time_off")))],
      async (given) => {
        const [start] = moments(given.start_at, given.start_at_time, timezone);
        const end = moments(given.end_at, given.end_at_time, timezone).at(-1); // all of an hour that comes twice
        if (!start || !end) return failed(edit, { words: () => say("no_such_time") });
        const made = await post(`${path}/exceptions`, { start_at: start, end_at: end });
        await tell(made.changes, "day_added");
      },
    );
    return el("div", { class: "card" }, heading(3, say("time_off")),
      el("p", { class: "quiet" }, say("times_in", { zone: zoneWords(now(), timezone) })), edit);
  }
}
