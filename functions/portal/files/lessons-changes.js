// What a change of a teacher's hours did to the times that are on offer, and which bookings lie outside of them now.

import { el, table } from "./dom.js";
import { shortDay, span } from "./time.js";
import { say } from "./words.js";

const time = ({ start_at: start, end_at: end }) => `${shortDay(start)}, ${span(start, end)}`;

/** What was made, taken off and cut; the bookings outside are said in full, because somebody has to look at them. */
export function changesOf({ made, withdrawn, cut, outside }) {
  const listed = (words, slots) => slots.length > 0 && el("details", {}, el("summary", {}, words),
    el("ul", {}, slots.map((slot) => el("li", {}, time(slot)))));
  return [
    !made.length && !withdrawn.length && !cut.length && el("p", {}, say("nothing_changed")),
    listed(say("slots_made", { count: made.length }), made),
    withdrawn.length > 0 && el("p", {}, say("slots_withdrawn", { count: withdrawn.length })),
    listed(say("slots_cut", { count: cut.length }), cut),
    outside.length > 0 && [
      el("p", { class: "notice" }, say("bookings_outside", { count: outside.length })),
      table(say("outside"), [say("time"), say("status")], outside.map((one) => [time(one), say(`booking_${one.status}`)])),
    ],
  ];
}
