// Hours on a wall clock, as fields: a list that grows and shrinks.

import { el, field, hidden } from "./dom.js";
import { say } from "./words.js";

/** Midnight at the end of a day is 24:00 to the API, and 00:00 to a field for a time. */
const shown = (time) => (time === "24:00" ? "00:00" : time);
const meant = (until) => (until === "00:00" ? "24:00" : until);

/** Hours in words. */
export const inWords = (hours) => hours.map(({ from, until }) => `${from} – ${until}`).join(", ");

/** The hours of a day of the week, or of a date. `read` gives them; the place of each in the whole list is its field's name, by
 * which the API says what is wrong. */
export function windows(title, hours, without) {
  const list = el("ul", { class: "hours" });
  const none = el("p", { class: "quiet" }, say(without));
  const fields = [];
  const more = el("button", { type: "button" }, say("add_hours"), hidden(`, ${title}`));
  const count = () => { none.hidden = fields.length > 0; };
  const put = ({ from, until }) => {
    const time = (value) => el("input", { type: "time", required: true, value });
    const one = { from: time(from), until: time(shown(until)) };
    const next = el("span", { class: "quiet next" });
    const isNextDay = () => {
      const [start, end] = [one.from.value, one.until.value];
      next.textContent = start && end && end <= start ? say(end === "00:00" ? "until_midnight" : "until_next_day") : "";
    };
    for (const input of [one.from, one.until]) input.addEventListener("input", isNextDay);
    const row = el("li", { class: "row" });
    const remove = el("button", { type: "button" }, say("remove"), hidden(`, ${title}, ${from}`));
    remove.addEventListener("click", () => {
      fields.splice(fields.indexOf(one), 1);
      row.remove();
      count();
      more.focus();
    });
    const label = (word) => [hidden(`${title}, `), say(word)];
    row.append(field(label("from_time"), one.from), field(label("until_time"), one.until), remove, next);
    fields.push(one);
    list.append(row);
    isNextDay();
    count();
    return one;
  };
  more.addEventListener("click", () => put(fields.length ? { from: "", until: "" } : { from: "09:00", until: "17:00" }).from.focus());
  for (const one of hours) put(one);
  count();
  const node = el("fieldset", { class: "windows" }, el("legend", {}, title), none, list, el("p", {}, more));
  const read = (first = 0) => fields.map((one, number) => {
    one.from.name = String(first + number);
    return { from: one.from.value, until: meant(one.until.value) };
  });
  return { node, read };
}
