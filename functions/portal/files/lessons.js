// Lessons: which screens there are, and for whom. A screen is a function that fills a section.

import { accounts } from "./lessons-accounts.js";
import { bookings, operations, packages as givePackages, slots } from "./lessons-admin.js";
import { buy, payment } from "./lessons-buy.js";
import { calendar } from "./lessons-calendar.js";
import { hours } from "./lessons-hours.js";
import { mine } from "./lessons-mine.js";
import { journal, overview } from "./lessons-overview.js";
import { packages } from "./lessons-packages.js";
import { plans } from "./lessons-plans.js";
import { find } from "./lessons-student.js";
import { waitlist } from "./lessons-waitlist.js";
import { students, week } from "./lessons-teacher.js";

export const lessons = {
  word: "lessons",
  screens: [
    { path: "lessons/find", word: "find_time", roles: ["student"], show: find },
    { path: "lessons/mine", word: "my_lessons", roles: ["student"], show: mine },
    { path: "lessons/packages", word: "my_packages", roles: ["student"], show: packages },
    { path: "lessons/buy", word: "buy_package", roles: ["student"], show: buy },
    { path: "lessons/waitlist", word: "waitlist", roles: ["student"], show: waitlist },
    { path: "payment", word: "payment", roles: ["student"], isAside: true, show: payment },
    { path: "lessons/week", word: "week", roles: ["teacher"], show: week },
    { path: "lessons/hours", word: "hours", roles: ["teacher", "admin"], show: hours },
    { path: "lessons/students", word: "students", roles: ["teacher"], show: students },
    { path: "lessons/calendar", word: "calendar", roles: ["student", "teacher"], show: calendar },
    { path: "lessons/slots", word: "publish_slot", roles: ["admin"], show: slots },
    { path: "lessons/give", word: "give_package", roles: ["admin"], show: givePackages },
    { path: "lessons/plans", word: "plans", roles: ["admin"], show: plans },
    { path: "lessons/accounts", word: "accounts", roles: ["admin"], show: accounts },
    { path: "lessons/bookings", word: "bookings", roles: ["admin"], show: bookings },
    { path: "lessons/overview", word: "overview", roles: ["admin"], show: overview },
    { path: "lessons/operations", word: "operations", roles: ["admin"], show: operations },
    { path: "lessons/journal", word: "journal", roles: ["admin"], show: journal },
  ],
};
