// Moments as people read them: in the person's zone, and the zone is named.

import { language, say } from "./words.js";
import { now } from "./api.js";

const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
let chosen = own;

/** The zone of the device. */
export const deviceZone = () => own;
/** The zone in which times are shown. */
export const zone = () => chosen;

/** Takes a zone of the person's, if this browser knows it. */
export function useZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    chosen = name;
  } catch {
    chosen = own;
  }
}

/** English without a country is shown as most of the world writes it: the day before the month, 24 hours. */
export function locale() {
  const code = language();
  const theirs = navigator.languages.find((tag) => tag.split("-")[0] === code.split("-")[0] && tag.includes("-"));
  return theirs ?? (code === "en" ? "en-GB" : code);
}

function format(moment, options) {
  return new Intl.DateTimeFormat(locale(), { timeZone: chosen, ...options }).format(new Date(moment));
}

export const day = (moment) => format(moment, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
export const shortDay = (moment) => format(moment, { day: "numeric", month: "short", year: "numeric" });
export const month = (moment) => format(moment, { month: "short", year: "numeric" });
export const clock = (moment) => format(moment, { hour: "2-digit", minute: "2-digit" });
export const stamp = (moment) => format(moment, { dateStyle: "medium", timeStyle: "short" });

/** A date of a calendar, which is that date in every zone. */
export function date(key) {
  return format(`${key}T12:00:00Z`, { timeZone: "UTC", weekday: "short", day: "numeric", month: "short", year: "numeric" });
}

/** What a day of the week is called: 0 is Monday. */
export const weekday = (number) => format(`2024-01-0${number + 1}T12:00:00Z`, { timeZone: "UTC", weekday: "long" });

/** From when to when, and the second day where midnight lies between. */
export function span(start, end) {
  const last = dayKey(start) === dayKey(new Date(end) - 1) ? clock(end) : `${clock(end)} (${day(end)})`;
  return `${clock(start)} – ${last}`;
}

/** The zone by its name and what it is ahead of UTC at a moment. */
export function zoneWords(moment = now(), name = chosen) {
  return `${name.replaceAll("_", " ")} (${offsetWords(moment, name)})`;
}

/** The calendar day of a moment in the zone, `2027-03-28`. */
export function dayKey(moment, name = chosen) {
  return new Intl.DateTimeFormat("en-CA", { timeZone: name, year: "numeric", month: "2-digit", day: "2-digit" })
    .format(new Date(moment));
}

/** The month of a moment in the zone, `2027-03`. */
export const monthKey = (moment) => dayKey(moment).slice(0, 7);

/** So many days after a day, as the calendar counts. */
export function laterDay(key, days) {
  const date = new Date(`${key}T12:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** The Monday of a day's week. */
export function monday(key) {
  return laterDay(key, -((new Date(`${key}T12:00:00Z`).getUTCDay() + 6) % 7));
}

function offsetWords(moment, name = chosen) {
  const parts = new Intl.DateTimeFormat("en", { timeZone: name, timeZoneName: "longOffset" }).formatToParts(new Date(moment));
  const ahead = parts.find((part) => part.type === "timeZoneName").value.replace("GMT", "UTC");
  return ahead === "UTC" ? "UTC+00:00" : ahead;
}

/** What the zone is ahead of UTC at a moment, in milliseconds. */
function offset(moment, name) {
  const [, sign, hours, minutes] = /([+-])(\d+):(\d+)/.exec(offsetWords(moment, name));
  return Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** The moments at which the zone's clocks show a day and a time: none in a gap, two where an hour comes twice. */
export function moments(key, time, name = chosen) {
  const wall = Date.parse(`${key}T${time}:00Z`);
  if (Number.isNaN(wall)) return [];
  const offsets = new Set([offset(wall - 86_400_000, name), offset(wall + 86_400_000, name)]);
  const found = [...offsets].map((ahead) => wall - ahead).filter((moment) => moment + offset(moment, name) === wall);
  return found.sort((one, other) => one - other).map((moment) => new Date(moment).toISOString());
}

/** When a day begins: at midnight, or where the clocks skip that, right after. */
export function startOfDay(key, name = chosen) {
  for (const time of ["00:00", "00:30", "01:00", "02:00"]) {
    const [first] = moments(key, time, name);
    if (first) return first;
  }
  return `${key}T00:00:00Z`;
}

/** A word where the clocks change between now and a moment; else nothing. */
export function clockChange(moment) {
  if (offset(now()) === offset(moment)) return null;
  return say("clocks_change", { zone: chosen.replaceAll("_", " "), now: offsetWords(now()), then: offsetWords(moment) });
}

/** A word for each day, of so many from one on, on which the clocks of a zone change. */
export function clockChanges(key, days, name) {
  const found = [];
  for (let number = 0; number < days; number += 1) {
    const day = laterDay(key, number);
    const [was, is] = [offsetWords(startOfDay(day, name), name), offsetWords(startOfDay(laterDay(day, 1), name), name)];
    if (was !== is) found.push(say("clocks_change_on", { day: date(day), zone: name.replaceAll("_", " "), was, is }));
  }
  return found;
}
