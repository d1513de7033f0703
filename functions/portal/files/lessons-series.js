// Lessons in one go: every week or every few, at one time of the clock. First which dates these are, then whether.

import { post } from "./api.js";
import { action, add, choice, el, field, fill, form, heading } from "./dom.js";
import { go, to } from "./shell.js";
import { day, span, startOfDay, zone, zoneWords } from "./time.js";
import { say } from "./words.js";

/** How many and how often, from a time on that a package pays for; `back` leads to the step before. */
export function series(box, time, chosen, back) {
  const title = heading(2, say("several"));
  const dates = el("div", {});
  const weeks = [1, 2, 3, 4].map((number) => [String(number), number === 1 ? say("every_week") : say("every_weeks", { number })]);
  const asking = form(
    [
      el("div", { class: "row" },
        field(say("how_many_lessons"), el("input", { type: "number", name: "count", min: 2, max: 26, value: 4, required: true })),
        field(say("how_often"), choice({ name: "every_weeks" }, weeks, "1"))),
      el("p", { class: "quiet" }, say("series_zone", { zone: zoneWords(time.start) })),
      el("p", { class: "row" }, el("button", { class: "primary" }, say("show_dates")), action(say("one_lesson"), () => box, back)),
    ],
    async (given) => {
      const wanted = {
        slot_id: time.slot, start_at: time.start, end_at: time.end, package_id: chosen,
        count: Number(given.count), every_weeks: Number(given.every_weeks), timezone: zone(),
      };
      const found = await post("booking/series", { ...wanted, skip: true, dry_run: true });
      preview(box, dates, wanted, found.occurrences);
    },
  );
  fill(box, title, el("p", {}, el("strong", {}, day(time.start)), " ", span(time.start, time.end), " ", say("with", { teacher: time.name })), asking, dates);
  title.focus();
}

/** What would be booked, and the button that does it. */
function preview(box, dates, wanted, occurrences) {
  const free = occurrences.filter((one) => !one.obstacle).length;
  const title = heading(3, say("series_dates", { free, all: occurrences.length }));
  // One key for what is shown: pressed again after a failure that nobody knows the end of, nothing is booked twice.
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const book = action(say("book_series", { count: free }), () => dates, async () => {
    const made = await post("booking/series", { ...wanted, skip: free < occurrences.length }, headers);
    booked(box, made.occurrences);
  }, { class: "primary" });
  fill(dates, title, list(occurrences), free > 0 && el("p", {}, book));
  title.focus();
}

/** The last step. */
function booked(box, occurrences) {
  const count = occurrences.filter((one) => one.booking).length;
  const title = heading(2, say("series_booked", { count }));
  fill(box, title, list(occurrences), el("p", { class: "row" },
    el("a", { class: "button primary", href: to("lessons/mine") }, say("my_lessons")),
    action(say("another"), () => box, () => go("lessons/find"))));
  title.focus();
}

/** The dates, with what keeps each from being booked, and a word where clocks change on the way. */
function list(occurrences) {
  const items = occurrences.map((one, at) => {
    const isChange = one.clocks_changed && !occurrences[at - 1]?.clocks_changed;
    const item = el("li", {}, el("strong", {}, day(one.start_at ?? startOfDay(one.date))));
    if (one.start_at) add(item, " ", el("span", { class: "clock" }, span(one.start_at, one.end_at)));
    if (one.obstacle) add(item, " ", el("span", { class: "state left-out" }, say(`obstacle_${one.obstacle}`)));
    if (isChange && one.start_at) add(item, el("p", { class: "notice" }, say("series_clocks", { zone: zoneWords(one.start_at) })));
    return item;
  });
  return el("ol", { class: "card dates" }, items);
}
