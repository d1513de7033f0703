// Lessons as a teacher sees them: the week, what became of each lesson, and what is noted of it.

import { all, now, patch, post } from "./api.js";
import { action, add, done, el, field, fill, form, heading, hidden, nothing, table } from "./dom.js";
import { clock, day, dayKey, laterDay, monday, shortDay, span, stamp, startOfDay, zoneWords } from "./time.js";
import { say } from "./words.js";

/** The week, from its Monday on. Weekly hours and days off get screens of their own. */
export async function week(section, { session }) {
  const box = el("div", {});
  const students = await all("booking/teacher/students");
  const names = new Map(students.map((student) => [student.student_id, student.display_name]));
  let first = monday(dayKey(now()));
  const turn = (days) => action(say(days < 0 ? "week_before" : "week_after"), () => box, () => {
    first = laterDay(first, days);
    return load(true);
  });
  add(section, el("p", { class: "row" }, turn(-7), turn(7)), box);
  await load(false);

  async function load(isStep) {
    const [from, until] = [startOfDay(first), startOfDay(laterDay(first, 7))];
    const lessons = (await all("lessons/my", { from, to: until })).filter((lesson) => lesson.teacher_id === session.id);
    const title = heading(2, `${shortDay(from)} – ${shortDay(startOfDay(laterDay(first, 6)))}`);
    const groups = Map.groupBy(lessons, (lesson) => dayKey(lesson.scheduled_start_at));
    fill(
      box,
      title,
      el("p", { class: "quiet" }, say("times_in", { zone: zoneWords(from) })),
      !lessons.length && el("p", {}, say("no_lessons_week")),
      [...groups.values()].map((group) => el("section", { class: "day" }, el("h3", {}, day(group[0].scheduled_start_at)),
        el("ul", { class: "cards" }, group.map((lesson) => one(el("li", { class: "card" }), lesson, names))))),
    );
    if (isStep) title.focus();
  }
}

/** A lesson's card, which is filled anew after each change. */
function one(card, lesson, names, isStep) {
  const { id, scheduled_start_at: start, scheduled_end_at: end, status } = lesson;
  const title = el("h4", { tabindex: "-1" }, hidden(`${day(start)}, `), el("span", { class: "clock" }, span(start, end)));
  const canMark = status === "scheduled" && Date.parse(start) <= now();
  const mark = (word, way, look) => action([say(word), hidden(`, ${day(start)}, ${clock(start)}`)], () => card, async () => {
    one(card, await post(`lessons/${id}/${way}`), names, true);
  }, look);
  const notes = form(
    [field(say("topic"), el("input", { name: "topic", maxlength: 255, value: lesson.topic ?? "" })),
      field(say("notes"), el("textarea", { name: "notes", maxlength: 20000, rows: 4 }, lesson.notes ?? "")),
      el("p", {}, el("button", {}, say("save")))],
    async (given) => {
      lesson = await patch(`lessons/${id}`, { topic: given.topic || null, notes: given.notes || null });
      done(notes, say("saved"));
    },
  );
  fill(
    card,
    title,
    el("p", {}, names.get(lesson.student_id) ?? say("student"), " ",
      el("span", { class: `state ${status}` }, say(`lesson_${status}`))),
    canMark && el("p", { class: "row" }, mark("mark_completed", "complete", { class: "primary" }), mark("mark_no_show", "no-show")),
    status === "scheduled" && !canMark && el("p", { class: "quiet" }, say("mark_later")),
    status !== "canceled" && el("details", {}, el("summary", {}, say("topic_and_notes")), notes),
  );
  if (isStep) title.focus();
  return card;
}

/** Whom the teacher teaches. */
export async function students(section) {
  const theirs = await all("booking/teacher/students");
  add(section, theirs.length ? table(say("students"), [say("name"), say("coming"), say("lesson_completed"), say("next_lesson")], theirs.map((one) => [
    one.display_name ?? say("student"), String(one.lessons_ahead), String(one.lessons_completed),
    one.next_lesson_at ? stamp(one.next_lesson_at) : "–"])) : nothing("no_students"));
}
