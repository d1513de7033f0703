// A teacher's hours: what is offered each week, days off, and what both are in the weeks to come.

import { call, get, now } from "./api.js";
import { action, add, choice, el, failed, field, fill, form, heading, nothing, table } from "./dom.js";
import { changesOf } from "./lessons-changes.js";
import { daysOff } from "./lessons-days-off.js";
import { named, people } from "./lessons-people.js";
import { inWords, windows } from "./lessons-windows.js";
import { clockChanges, date, dayKey, laterDay, monday, shortDay, span, startOfDay, weekday, zone, zoneWords } from "./time.js";
import { say } from "./words.js";

const WEEK = [0, 1, 2, 3, 4, 5, 6];

/** One's own hours, or as an admin anybody's who teaches. */
export async function hours(section, { session, profile }) {
  const box = el("div", {});
  if (!session.roles.includes("admin")) {
    add(section, box);
    return teachersHours(box, session.id, profile.timezone);
  }
  const teachers = await people("teacher");
  if (!teachers.length) return add(section, nothing("nobody_teaches"));
  const pick = form(
    [field(say("teacher"), choice({ name: "teacher" }, teachers.map(named))), el("p", {}, el("button", {}, say("show")))],
    async ({ teacher }) => {
      const title = heading(2, teachers.find((one) => one.id === teacher).name ?? say("teacher"));
      const theirs = el("div", {});
      fill(box, title, theirs);
      await teachersHours(theirs, teacher, zone());
      title.focus();
    },
  );
  add(section, pick, box);
}

/** The schedule of a teacher; an empty one for an admin who is the first to make it. */
async function read(teacher, query) {
  try {
    return await get(`scheduling/teachers/${teacher}/schedule`, query);
  } catch (error) {
    if (error.status !== 404) throw error;
    return { version: 0, windows: [], exceptions: [], offered: [], break_minutes: 0, notice_minutes: 0, horizon_days: 60 };
  }
}

async function teachersHours(box, teacher, theirZone) {
  const schedule = { known: await read(teacher) }; // what the form was filled from: the version that a save changes
  const path = `scheduling/teachers/${teacher}/schedule`;
  const [week, off, coming] = [el("section", {}), el("section", {}), el("section", {})];
  add(box, week, off, coming);
  let listOff = () => {};
  drawWeek(schedule.known);
  await Promise.all([drawOff(), drawComing()]);

  /** The form, filled with what is saved or what somebody had typed; `lost` was typed over what somebody else changed. */
  function drawWeek(shown, lost) {
    const zones = [...new Set(["UTC", zone(), shown.timezone ?? theirZone, ...Intl.supportedValuesOf("timeZone")])].sort();
    const days = WEEK.map((number) =>
      windows(weekday(number), shown.windows.filter((one) => one.weekday === number), "closed"));
    const number = (name, value, most, hint) =>
      field(say(name), el("input", { type: "number", name, required: true, min: name === "horizon_days" ? 1 : 0, max: most, value }), hint);
    const made = el("div", {});
    const edit = form(
      [
        field(say("time_zone"), choice({ name: "timezone" }, zones.map((name) => [name, name.replaceAll("_", " ")]),
          shown.version ? shown.timezone : theirZone), say("zone_of_hours")),
        el("div", { class: "week" }, days.map((day) => day.node)),
        el("div", { class: "row" }, number("break_minutes", shown.break_minutes, 240),
          number("notice_minutes", shown.notice_minutes, 20160), number("horizon_days", shown.horizon_days, 180)),
        el("p", {}, el("button", { class: "primary" }, say("save_hours"))),
      ],
      async (given) => {
        const wanted = typedIn(given);
        let saved;
        try {
          saved = await call("PUT", path, { body: wanted, headers: { "If-Match": `"${schedule.known.version}"` } });
        } catch (error) {
          if (error.status !== 412) throw error;
          await take(await read(teacher));
          drawWeek(schedule.known, wanted);
          return week.querySelector(".lost h3").focus();
        }
        const title = heading(3, say("hours_saved"));
        fill(made, el("div", { class: "card" }, title, changesOf(saved.changes)));
        await Promise.all([take(saved), drawComing()]);
        title.focus();
      },
    );
    fill(week, heading(2, say("weekly_hours")), lost && lostWords(lost), edit, made);

    function typedIn(given) {
      const all = [];
      for (const [number, day] of days.entries()) {
        for (const one of day.read(all.length)) all.push({ weekday: number, ...one });
      }
      const rules = ["break_minutes", "notice_minutes", "horizon_days"].map((name) => [name, Number(given[name])]);
      return { timezone: given.timezone, windows: all, ...Object.fromEntries(rules) };
    }
  }

  /** What somebody had typed when another's change came first. */
  function lostWords(lost) {
    const rows = WEEK.map((number) => [weekday(number), lost.windows.filter((one) => one.weekday === number)])
      .filter(([, theirs]) => theirs.length).map(([day, theirs]) => [day, inWords(theirs)]);
    const card = el("div", { class: "card lost" });
    const back = action(say("put_back"), () => card, () => {
      drawWeek({ ...lost, version: schedule.known.version || 1 });
      week.querySelector("h2").focus();
    });
    return add(card, heading(3, say("changed_meanwhile")), el("p", {}, say("changed_meanwhile_text")),
      table(say("you_had_typed"), [say("day"), say("time")], rows), el("p", {}, back));
  }

  /** Days off change the version too; what is in the form goes on unless the hours themselves have become others. */
  async function changed() {
    const found = await read(teacher);
    const rules = ({ timezone, windows, break_minutes, notice_minutes, horizon_days }) =>
      JSON.stringify([timezone, windows, break_minutes, notice_minutes, horizon_days]);
    if (rules(found) === rules(schedule.known)) schedule.known = found;
    await drawComing();
  }

  /** Another version to change from. What somebody is typing below stays, unless it was meant in another zone. */
  async function take(found) {
    const { timezone, version } = schedule.known;
    schedule.known = found;
    await (version && timezone === found.timezone ? listOff() : drawOff());
  }

  async function drawOff() {
    try {
      listOff = await daysOff(off, path, schedule.known, changed);
    } catch (error) {
      failed(off, error);
    }
  }

  /** A week of what is offered, in the reader's zone. */
  async function drawComing() {
    const list = el("div", {});
    let first = monday(dayKey(now()));
    const turn = (days) => action(say(days < 0 ? "week_before" : "week_after"), () => list, async () => {
      first = [laterDay(first, days), monday(dayKey(now()))].sort().at(-1); // what lies behind is not offered
      (await load()).focus();
    });
    fill(coming, heading(2, say("hours_meaning")), el("p", { class: "row" }, turn(-7), turn(7)), list);
    await load().catch((error) => failed(list, error));

    async function load() {
      const [from, to] = [startOfDay(first), startOfDay(laterDay(first, 7))];
      const ahead = new Date(Math.max(now(), Date.parse(from))).toISOString();
      const { offered, timezone, version } = await read(teacher, { from: ahead, to });
      const title = heading(3, `${shortDay(from)} – ${shortDay(startOfDay(laterDay(first, 6)))}`);
      const days = Map.groupBy(offered, (one) => dayKey(one.start_at));
      const rows = [...days].map(([day, theirs]) => [date(day), theirs.map((one) => el("div", {}, span(one.start_at, one.end_at)))]);
      fill(
        list, title, el("p", { class: "quiet" }, say("times_in", { zone: zoneWords(from) })),
        version > 0 && timezone !== zone() && el("p", { class: "quiet" }, say("hours_in_zone", { zone: timezone.replaceAll("_", " ") })),
        version > 0 && clockChanges(first, 7, timezone).map((words) => el("p", { class: "notice" }, words)),
        rows.length ? table(say("hours_meaning"), [say("day"), say("time")], rows) : nothing("nothing_offered"),
      );
      return title;
    }
  }
}
