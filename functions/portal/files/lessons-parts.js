// What several screens of lessons show: teachers by name, and a time in full.

import { all } from "./api.js";
import { el } from "./dom.js";
import { clockChange, day, span, zoneWords } from "./time.js";
import { say } from "./words.js";

/** Names of teachers by their ids, of those who show them. */
export async function teachers() {
  const cards = await all("teachers/profiles");
  return new Map(cards.map((card) => [card.user_id, card.display_name]));
}

export const nameOf = (names, id) => names.get(id) ?? say("teacher");

/** A lesson's time in full, with its zone and, where it matters, a word about the clocks. */
export function when(start, end) {
  const change = clockChange(start);
  return [
    el("p", { class: "when" }, el("strong", {}, day(start)), " ", el("span", { class: "clock" }, span(start, end))),
    el("p", { class: "quiet" }, zoneWords(start)),
    change && el("p", { class: "notice" }, change),
  ];
}
