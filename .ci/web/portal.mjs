// Uses the portal in Chromium as a student, a teacher and an admin do, by keyboard, and looks at every screen with axe.
// Usage: node portal.mjs <address of the API> <folder for the pictures> <JSON: password and people>
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, pictures, given] = process.argv.slice(2);
const { password, student, teacher, admin, buyer, leaver, links } = JSON.parse(given);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

// What the network says of an answer that is expected here is no complaint.
const ANSWER = /^Failed to load resource: (the server responded with a status of (400|401|403|409|412|422)|net::ERR_INTERNET_DISCONNECTED)/;

async function visitor(options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 }, locale: "en-GB", timezoneId: "Europe/Berlin", ...options,
  });
  context.complaints = [];
  context.asked = [];
  await context.exposeFunction("reportToTest", (text) => context.complaints.push(text));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => window.reportToTest(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on("request", (request) => context.asked.push(request));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !ANSWER.test(message.text())) context.complaints.push(message.text());
  });
  context.on("weberror", (error) => context.complaints.push(String(error.error())));
  return context;
}

async function leave(context) {
  assert.deepEqual(context.complaints, []);
  for (const request of context.asked) assert.ok(request.url().startsWith(`${address}/`), `asked elsewhere: ${request.url()}`);
  await context.close();
}

// Whether everybody can use what is shown: narrow and wide, light and dark, with text twice as large.
async function inspect(page, name) {
  const before = page.viewportSize();
  await page.evaluate(axe);
  for (const width of [320, 1280]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const violations = await page.evaluate(async () => {
        const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
        return violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`);
      });
      assert.deepEqual(violations, [], `axe on ${name} at ${width}, ${colorScheme}`);
      await fits(page, `${name} at ${width}`);
      await page.screenshot({ path: `${pictures}/portal-${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
  }
  await page.setViewportSize({ width: 640, height: 900 });
  await page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
  await fits(page, `${name} with text twice as large`);
  await page.evaluate(() => { document.documentElement.style.fontSize = ""; });
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(before);
}

async function fits(page, what) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${what} is ${overflow} pixels wider than its window`);
}

// Goes by Tab to what a screen reader would call so, and gives its name in full.
async function reach(page, role, name, within = page) {
  const wanted = within.getByRole(role, { name }).first();
  await wanted.waitFor();
  for (let steps = 0; steps < 120; steps += 1) {
    if (await wanted.evaluate((node) => node === document.activeElement)) return wanted;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${role} ${name} cannot be reached by keyboard`);
}

async function press(page, role, name, within) {
  await reach(page, role, name, within);
  await page.keyboard.press("Enter");
}

async function type(page, name, text) {
  await reach(page, "textbox", name);
  await page.keyboard.type(text);
}

// The heading that has the focus after a step.
async function arrived(page, name) {
  await page.waitForFunction((text) => document.activeElement?.matches("h1,h2,h3,h4") && document.activeElement.textContent.includes(text), name);
}

async function signIn(page, email) {
  await arrived(page, "Sign in");
  await type(page, "E-mail", email);
  await type(page, "Password", password);
  await page.keyboard.press("Enter");
}

const posts = (context, end) => context.asked.filter((request) => request.method() === "POST" && request.url().endsWith(end)).length;

async function landing() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await inspect(page, "landing");
  await page.getByRole("combobox", { name: "Language" }).selectOption("de");
  await page.getByRole("heading", { name: "Unterricht, wann es Ihnen passt" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await page.keyboard.press("Tab");
  await press(page, "link", "Zum Portal");
  await page.waitForURL("**/portal#/sign-in");
  await leave(context);
}

async function studentsWay() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal`);
  await arrived(page, "Sign in");
  await inspect(page, "sign-in");
  // The first stop is the way past everything.
  const first = await page.evaluate(() => document.querySelector("a, button, input, select").textContent);
  assert.equal(first, "Skip to content");
  await press(page, "link", "Skip to content");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");

  await type(page, "E-mail", student);
  await type(page, "Password", "not the password");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "E-mail or password is wrong." }).waitFor();
  await reach(page, "textbox", "Password");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");

  await arrived(page, "Find a time");
  const time = page.getByRole("button", { name: /with Ada Teacher/ });
  await time.first().waitFor();
  await inspect(page, "find");
  // Weekday, date, time, zone and teacher, in the name of each time.
  const named = await (await reach(page, "button", /with Ada Teacher/)).evaluate((node) => node.textContent);
  assert.match(named, /^\w+day,? \d+ \w+ \d{4}, \d\d:\d\d – \d\d:\d\d, Europe\/Berlin \(UTC[+]\d\d:\d\d\), with Ada Teacher$/);
  await page.keyboard.press("Enter");
  await arrived(page, "Choose a package");
  await inspect(page, "package");
  await press(page, "button", "Hold this time");
  await arrived(page, "The time is held for you");
  await page.getByText(/^\d+:\d\d$/).waitFor();
  await inspect(page, "held");
  // Twice is once.
  await reach(page, "button", "Confirm");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await arrived(page, "Your lesson is booked");
  assert.equal(posts(context, "/confirm"), 1);
  await inspect(page, "booked");

  // Held elsewhere too: a double click, and another tab that goes on.
  await press(page, "button", "Book another");
  await arrived(page, "Find a time");
  await time.first().click();
  await page.getByRole("button", { name: "Hold this time" }).dblclick();
  await arrived(page, "The time is held for you");
  assert.equal(posts(context, "/hold"), 2);
  const other = await context.newPage();
  await other.goto(`${address}/portal#/lessons/mine`);
  await other.getByRole("button", { name: "Go on to confirm" }).click();
  await other.getByRole("button", { name: "Confirm" }).dblclick();
  await arrived(other, "Your lesson is booked");
  await page.bringToFront();
  await page.getByRole("button", { name: "Confirm" }).click();
  await arrived(page, "Your lesson is booked");
  await other.close();

  await press(page, "link", "My lessons");
  await arrived(page, "My lessons");
  await page.getByRole("heading", { name: "Lessons by month" }).waitFor();
  await inspect(page, "mine");
  const download = page.waitForEvent("download");
  await press(page, "link", /^Calendar file/);
  assert.match(readFileSync(await (await download).path(), "utf8"), /^BEGIN:VCALENDAR\r\n/);
  assert.equal(await page.getByRole("button", { name: /^Cancel lesson/ }).count(), 2);

  // Move the first, by keyboard.
  await press(page, "link", /^Move\b/);
  await arrived(page, "Find a time");
  await page.getByRole("heading", { name: "The lesson that you move" }).waitFor();
  await press(page, "button", /with Ada Teacher/);
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await inspect(page, "move");
  await press(page, "button", "Move", dialog);
  await arrived(page, "Your lesson has moved");

  // Cancel it with the preview. The lesson lies days ahead, so it comes back.
  await press(page, "button", /^Cancel lesson/);
  await dialog.getByText("The lesson goes back into your package.").waitFor();
  await inspect(page, "cancel");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await press(page, "button", /^Cancel lesson/);
  await type(page, "Reason", "<b>a cold</b>");
  await press(page, "button", "Cancel lesson", dialog);
  await arrived(page, "The lesson is canceled");
  await page.getByText("It is back in your package.").waitFor();

  await press(page, "link", "My packages");
  await arrived(page, "My packages");
  const lines = page.getByRole("listitem").filter({ hasText: "of 8 lessons left" }).locator("summary");
  await lines.waitFor();
  await lines.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("cell", { name: "came back" }).first().waitFor();
  await inspect(page, "packages");

  await press(page, "link", "Calendar");
  await arrived(page, "Calendar");
  await press(page, "button", "Make an address");
  await arrived(page, "Your new address");
  assert.match(await page.getByRole("textbox", { name: "Address" }).inputValue(), /\/api\/v1\/calendar\/.+\.ics$/);
  await inspect(page, "calendar");
  await press(page, "button", /^End it/);
  await page.getByText("You have no address yet.").waitFor();

  await press(page, "link", "Sam Student");
  await arrived(page, "Account");
  await inspect(page, "account");
  await page.getByRole("combobox", { name: "Time zone" }).selectOption("America/New_York");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/^Times in America\/New York/).waitFor();

  // Every language, on the same screen and with the server's errors.
  for (const [code, title] of [["de", "Konto"], ["zh-CN", "账号"], ["en", "Account"]]) {
    await page.locator("#language").selectOption(code);
    await arrived(page, title);
    if (code !== "en") await inspect(page, `account-${code}`);
  }

  // Without a network that is said, and nothing is lost.
  await page.getByRole("link", { name: "Find a time" }).click();
  await time.first().waitFor();
  await context.setOffline(true);
  await page.getByText(/^You are offline/).waitFor();
  await time.first().click();
  await page.getByText(/^The server cannot be reached/).waitFor();
  await context.setOffline(false);
  await time.first().click();
  await arrived(page, "Choose a package");

  // A session that ended elsewhere leads to the sign-in and back to the same screen.
  await page.getByRole("link", { name: "My packages" }).click();
  await arrived(page, "My packages");
  await context.clearCookies();
  await page.getByRole("link", { name: "My lessons" }).click();
  await arrived(page, "Sign in");
  await page.getByText("Please sign in; then you go on where you were.").waitFor();
  await signIn(page, student);
  await arrived(page, "My lessons");

  // Another tab that signs out takes this one along; one that signs in as somebody else never writes as them.
  const second = await context.newPage();
  await second.goto(`${address}/portal`);
  await second.getByRole("button", { name: "Sign out" }).click();
  await arrived(second, "Sign in");
  await arrived(page, "Sign in");
  await leave(context);
}

async function lapse() {
  const context = await visitor();
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(`${address}/portal#/lessons/find`);
  await signIn(page, student);
  await page.getByRole("button", { name: /with Ada Teacher/ }).first().click();
  await page.getByRole("button", { name: "Hold this time" }).click();
  await arrived(page, "The time is held for you");
  await page.clock.fastForward("09:30");
  await page.getByText("Less than a minute is left to confirm.").waitFor();
  await page.clock.fastForward("01:00");
  await arrived(page, "The hold is over");
  await leave(context);
}

// Somebody without a package buys one: leaves the page where it is paid, comes back, pays by a slow method, and books.
async function buyersWay() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal`);
  await signIn(page, buyer);
  await arrived(page, "Find a time");
  await press(page, "button", /with Ada Teacher/);
  await arrived(page, "Choose a package");
  await page.getByText("None of your packages can pay for this time.").waitFor();
  await inspect(page, "no-package");
  await press(page, "link", "Buy a package for it");
  await arrived(page, "Buy a package");
  await page.getByText("€280.00", { exact: true }).waitFor();
  await page.getByText(/^This time is held for you/).waitFor();
  await inspect(page, "buy");
  await press(page, "button", /^Buy\b.*Eight lessons/);
  await page.waitForURL("**/_local/pay/*");
  await page.getByRole("heading", { name: "Pay" }).waitFor();
  await page.getByText("280.00 EUR").waitFor();
  await inspect(page, "pay");
  await press(page, "link", "Leave without paying");
  await arrived(page, "Your payment");
  await page.getByRole("status").getByRole("heading", { name: "Not paid yet" }).waitFor();
  await page.getByText(/^Held for you until/).waitFor();
  await inspect(page, "payment-pending");
  await press(page, "link", "My lessons");
  await arrived(page, "My lessons");
  await page.getByRole("heading", { name: "Held, not confirmed" }).waitFor();
  await inspect(page, "held-unpaid");
  await press(page, "link", "Go on to pay");
  await arrived(page, "Your payment");
  await press(page, "link", "Go on to pay");
  await page.waitForURL("**/_local/pay/*");
  const where = page.url();
  await press(page, "button", "Pay by a slow method");
  await arrived(page, "Your payment");
  await page.getByRole("heading", { name: "Your money is on its way" }).waitFor();
  await inspect(page, "payment-processing");
  // The money arrives while one looks: the page says so by itself.
  const bank = await context.newPage();
  await bank.goto(where);
  await press(bank, "button", "The money arrives");
  await arrived(bank, "Your payment");
  await bank.close();
  await page.getByRole("heading", { name: "Thank you, it is paid" }).waitFor();
  await page.getByText("Your lesson is booked").waitFor();
  await page.getByText(/^7 lessons are ready, until/).waitFor();
  await inspect(page, "payment-succeeded");
  await press(page, "link", "Find a time");
  await arrived(page, "Find a time");
  // Others need the times of this week.
  await press(page, "button", "Week after");
  await arrived(page, "Free times");
  await press(page, "button", /with Ada Teacher/);
  await arrived(page, "Choose a package");
  await press(page, "button", "Hold this time");
  await arrived(page, "The time is held for you");
  await press(page, "button", "Confirm");
  await arrived(page, "Your lesson is booked");

  // Another one, pressed twice, is one; its payment fails.
  await press(page, "link", "Buy a package");
  await arrived(page, "Buy a package");
  await page.getByRole("button", { name: /^Buy\b.*Eight lessons/ }).dblclick();
  await page.waitForURL("**/_local/pay/*");
  await press(page, "button", "Let the payment fail");
  await arrived(page, "Your payment");
  await page.getByRole("heading", { name: "The payment did not work" }).waitFor();
  await inspect(page, "payment-failed");
  await press(page, "link", /^My packages/);
  await arrived(page, "My packages");
  await page.getByRole("heading", { name: "6 of 8 lessons left" }).waitFor();
  assert.equal(await page.getByRole("heading", { name: "€280.00" }).count(), 2);
  await inspect(page, "payments");

  // As where nothing is paid online: the practice notes that the money came.
  await page.route("**/billing/packages/purchase", (route) => route.continue({
    postData: JSON.stringify({ ...route.request().postDataJSON(), provider_name: "manual" }),
  }));
  await press(page, "link", "Buy a package");
  await arrived(page, "Buy a package");
  await press(page, "button", /^Buy\b.*Eight lessons/);
  await arrived(page, "Your package waits for its payment");
  await page.getByText(/the practice notes it when your money has come/).waitFor();
  await inspect(page, "bought-by-hand");
  await leave(context);
}

// Lessons of several weeks in one go, and the waitlist where nothing is free.
async function seriesWay() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal#/lessons/find`);
  await signIn(page, buyer);
  await arrived(page, "Find a time");
  for (let weeks = 0; weeks < 2; weeks += 1) {
    await press(page, "button", "Week after");
    await arrived(page, "Free times");
  }
  await press(page, "button", /with Ada Teacher/);
  await arrived(page, "Choose a package");
  await press(page, "button", "Book several weeks");
  await arrived(page, "Book several weeks");
  await inspect(page, "series");
  await press(page, "button", "Show the dates");
  await arrived(page, "3 of 4 lessons can be booked");
  await page.getByRole("listitem").filter({ hasText: "not offered" }).waitFor();
  await inspect(page, "series-dates");
  await reach(page, "button", "Book 3 lessons");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await arrived(page, "3 lessons are booked");
  await inspect(page, "series-booked");
  await press(page, "link", "My packages");
  await page.getByRole("heading", { name: "3 of 8 lessons left" }).waitFor();

  await press(page, "link", "Find a time");
  await arrived(page, "Find a time");
  for (let weeks = 0; weeks < 5; weeks += 1) {
    await press(page, "button", "Week after");
    await arrived(page, "Free times");
  }
  await page.getByText("Nothing is free in this week.").waitFor();
  await inspect(page, "nothing-free");
  await press(page, "link", "Tell me when time comes free");
  await arrived(page, "Waitlist");
  await page.getByText("You wait for nothing.").waitFor();
  await press(page, "button", "Tell me when time comes free");
  await page.getByRole("status").filter({ hasText: "You are on the waitlist." }).waitFor();
  await inspect(page, "waitlist");
  await press(page, "button", "Tell me when time comes free");
  await page.getByRole("alert").filter({ hasText: "You wait for this already." }).waitFor();
  await press(page, "button", /^Stop waiting/);
  await arrived(page, "What you wait for");
  await page.getByText("You wait for nothing.").waitFor();
  await leave(context);
}

async function teachersWay() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal#/lessons/week`);
  await signIn(page, teacher);
  await arrived(page, "Week");
  const mark = page.getByRole("button", { name: /^Took place/ });
  // The lesson began an hour ago, which may have been last week.
  await page.getByRole("heading", { level: 2 }).waitFor();
  if (!(await mark.count())) await page.getByRole("button", { name: "Week before" }).click();
  await mark.waitFor();
  await inspect(page, "week");
  await press(page, "button", /^Took place/);
  await page.waitForFunction(() => document.activeElement?.matches("h4"));
  await page.getByText("taken place").waitFor();
  await page.locator("summary").first().focus();
  await page.keyboard.press("Enter");
  await type(page, "Topic", "Past <tense>");
  await type(page, "Notes for the student", "Read chapter 3.");
  await press(page, "button", "Save");
  await page.getByRole("status").filter({ hasText: "Saved." }).waitFor();
  await inspect(page, "week-marked");
  await press(page, "link", "Students");
  await arrived(page, "Students");
  await page.getByRole("cell", { name: "Sam Student" }).waitFor();
  await inspect(page, "students");
  await weeklyHours(context, page);
  await studentsFindHours();

  // Who holds a time of a day that becomes free is told to the teacher.
  await (await reach(page, "textbox", /^Day$/)).fill(ahead(9).key);
  await press(page, "button", "Add this day");
  await page.getByText("Bookings that lie outside the hours now: 1.").waitFor();
  await arrived(page, "It is added");
  await page.getByRole("row", { name: /09:00 – 10:00 held/ }).waitFor();
  await inspect(page, "hours-outside");

  const words = await page.evaluate(async (module) => (await import(module)).clockChanges("2027-03-22", 14, "Europe/Berlin"), `${address}/portal/time.js`);
  assert.deepEqual(words, ["Sun, 28 Mar 2027: the clocks in Europe/Berlin change from UTC+01:00 to UTC+02:00."]);
  await leave(context);
}

// So many days from now, as fields and people write the date.
function ahead(days) {
  const date = new Date(Date.now() + days * 86_400_000);
  const part = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", ...options }).format(date);
  const key = new Intl.DateTimeFormat("en-CA", { timeZone: "Europe/Berlin" }).format(date);
  return { key, weekday: part({ weekday: "long" }) };
}

// The weekday of the day after tomorrow, on which nothing else is on offer, with one of its days off.
async function weeklyHours(context, page) {
  const { weekday, key } = ahead(2);
  await press(page, "link", "Hours");
  await arrived(page, "Hours");
  await page.getByText("Save hours of a week first.").waitFor();
  await inspect(page, "hours-none");
  // How a time is typed is a matter of the browser's own language, so that only the way there goes by keyboard.
  const write = async (number, from, until) => {
    await press(page, "button", new RegExp(`^Add hours.*${weekday}$`));
    const fields = ["From", "Until"].map((name) => page.getByLabel(`${weekday}, ${name}`).nth(number));
    assert.ok(await fields[0].evaluate((node) => node === document.activeElement));
    await fields[0].fill(from);
    while (!(await fields[1].evaluate((node) => node === document.activeElement))) await page.keyboard.press("Tab");
    await fields[1].fill(until);
  };
  await write(0, "09:00", "12:00");
  await write(1, "11:30", "00:00");
  await page.getByText("until midnight").waitFor();
  await press(page, "button", "Save hours");
  await page.getByText("These hours overlap others.").waitFor();
  await inspect(page, "hours-overlap");
  const second = page.getByLabel(`${weekday}, From`).nth(1);
  assert.ok(await second.evaluate((node) => node === document.activeElement));
  await second.fill("22:00");
  await press(page, "button", "Save hours");
  await arrived(page, "The hours are saved");
  await page.getByText("Times on offer now: 18").waitFor(); // two on each of nine days
  await inspect(page, "hours");
  const cell = page.getByRole("cell", { name: "09:00 – 12:00" });
  await page.getByRole("heading", { name: "What is offered" }).waitFor();
  if (!(await cell.count())) await press(page, "button", "Week after");
  await cell.waitFor();

  // What another tab changes is said, and what was typed here is not lost.
  const other = await context.newPage();
  await other.goto(`${address}/portal#/lessons/hours`);
  await other.getByLabel("Break after a lesson, in minutes").fill("15");
  await other.getByRole("button", { name: "Save hours" }).click();
  await arrived(other, "The hours are saved");
  await other.getByText("No time on offer has changed.").waitFor();
  await other.close();
  await page.bringToFront();
  await (await reach(page, "textbox", `${weekday}, Until`)).fill("13:00");
  await press(page, "button", "Save hours");
  await arrived(page, "Somebody has changed the hours meanwhile");
  await page.getByRole("cell", { name: "09:00 – 13:00, 22:00 – 24:00" }).waitFor();
  assert.equal(await page.getByLabel(`${weekday}, Until`).first().inputValue(), "12:00");
  assert.equal(await page.getByLabel("Break after a lesson, in minutes").inputValue(), "15");
  await inspect(page, "hours-changed");
  await press(page, "button", "Put mine into the form");
  await press(page, "button", "Save hours");
  await arrived(page, "The hours are saved");

  await (await reach(page, "textbox", /^Day$/)).fill(key);
  await press(page, "button", "Add this day");
  await arrived(page, "It is added");
  await page.getByText("Times no more on offer: 2").waitFor();
  await inspect(page, "hours-day-off");
  await press(page, "button", "Add this day");
  await page.getByRole("alert").filter({ hasText: "This day is in the list already." }).waitFor();
  // A day off is a change of the hours, too, and one that this page knows of.
  await press(page, "button", "Save hours");
  await arrived(page, "The hours are saved");
}

async function studentsFindHours() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal#/lessons/find`);
  await signIn(page, student);
  const time = page.getByRole("button", { name: /with Ada Teacher/ });
  await time.first().waitFor();
  // Nine in Berlin, in the zone that the student has chosen.
  const zone = /^Times in (.+) \(/.exec(await page.getByText(/^Times in/).first().textContent())[1].replaceAll(" ", "_");
  const at = (days) => {
    const nine = ["+01:00", "+02:00"].map((offset) => new Date(`${ahead(days).key}T09:00:00${offset}`))
      .find((date) => date.toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" }) === "09:00:00");
    const part = (options) => nine.toLocaleString("en-GB", { timeZone: zone, ...options });
    const words = part({ day: "numeric", month: "long", year: "numeric" });
    return time.filter({ hasText: `${words}, ${part({ hour: "2-digit", minute: "2-digit" })} – ` });
  };
  assert.equal(await at(2).count(), 0);
  await page.getByRole("button", { name: "Week after" }).click();
  await at(9).click();
  await page.getByRole("button", { name: "Hold this time" }).click();
  await arrived(page, "The time is held for you");
  await leave(context);
}

async function adminsWay() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal#/lessons/slots`);
  await signIn(page, admin);
  await arrived(page, "Publish a time");
  await page.getByRole("button", { name: "Publish" }).waitFor();
  await inspect(page, "slots");
  const field = await reach(page, "textbox", "Day");
  await field.fill("2099-06-01");
  await press(page, "button", "Publish");
  await page.getByRole("status").filter({ hasText: /^Published: 1 June? 2099, 10:00 – 11:00/ }).waitFor();
  await press(page, "button", "Publish");
  await page.getByRole("alert").filter({ hasText: "The teacher offers that time already." }).waitFor();

  await press(page, "button", /^Keep back/);
  await arrived(page, "Published for the next four weeks");
  await page.getByRole("cell", { name: "kept back" }).waitFor();
  await press(page, "button", /^Offer again/);
  await page.getByRole("cell", { name: "kept back" }).waitFor({ state: "detached" });
  await press(page, "button", /^Take off/);
  await arrived(page, "Published for the next four weeks");

  await press(page, "link", "Give a package");
  await arrived(page, "Give a package");
  await press(page, "button", "Give");
  await page.getByRole("status").filter({ hasText: "A package of 8 lessons is given." }).waitFor();
  await inspect(page, "give");

  await press(page, "link", "Bookings");
  await arrived(page, "Bookings");
  await press(page, "button", "Show");
  await page.getByRole("heading", { name: /^1 to \d+ of \d+$/ }).waitFor();
  await page.getByRole("cell", { name: "Ada Teacher" }).first().waitFor();
  await page.getByRole("link", { name: "Sam Student" }).nth(1).waitFor();
  await inspect(page, "bookings");

  await press(page, "link", "Hours");
  await arrived(page, "Hours");
  await press(page, "button", "Show");
  await arrived(page, "Ada Teacher");
  await inspect(page, "hours-admin");
  await sells(page);
  await givesBack(context, page);

  await press(page, "link", "Operations");
  await arrived(page, "Operations");
  await page.getByRole("row", { name: /^Payments that have waited for more than two hours \d+$/ }).waitFor();
  await press(page, "button", "End holds that are over");
  await page.getByRole("status").filter({ hasText: "0 holds ended." }).waitFor();
  await press(page, "button", "End packages that are over");
  await page.getByRole("status").filter({ hasText: "0 packages ended." }).waitFor();
  await inspect(page, "operations");

  await press(page, "link", "Journal");
  await arrived(page, "Journal");
  await page.getByRole("row", { name: /Alan Admin payment.refund/ }).waitFor();
  await inspect(page, "journal");
  await leave(context);
}

// Plans: a price has its currency's decimals.
async function sells(page) {
  await press(page, "link", "Plans and prices");
  await arrived(page, "Plans and prices");
  await press(page, "button", "New plan");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  const write = async (name, text) => {
    await reach(page, "textbox", name, dialog);
    await page.keyboard.press("Control+a");
    await page.keyboard.type(text);
  };
  await write("Title", "Twelve <lessons>");
  await write("Price", "80,50");
  await write("Currency", "JPY");
  await press(page, "button", "Save", dialog);
  await page.getByText("This is no amount of that currency").waitFor();
  await inspect(page, "plan-wrong");
  await write("Currency", "eur");
  await press(page, "button", "Save", dialog);
  await arrived(page, "Twelve <lessons>");
  const card = page.getByRole("listitem").filter({ hasText: "Twelve <lessons>" });
  await card.getByText("€80.50").waitFor();
  await press(page, "button", "Change", card);
  await write("Price", "96");
  await press(page, "button", "Save", dialog);
  await card.getByText("€96.00").waitFor();
  await press(page, "button", "Take off sale", card);
  await card.getByRole("button", { name: "Put on sale" }).waitFor();
  await arrived(page, "Twelve <lessons>");
  await inspect(page, "plans");
  await press(page, "button", "Put on sale", card);
  await card.getByRole("button", { name: "Take off sale" }).waitFor();
}

// A purchase that waits for its transfer: it comes, and a part of it goes back, once, though the first answer is lost.
async function givesBack(context, page) {
  await press(page, "link", "Packages and payments");
  await arrived(page, "Packages and payments");
  await page.getByRole("combobox", { name: "Student" }).selectOption({ label: `Sam Student (${student})` });
  await press(page, "button", "Show");
  await arrived(page, "Sam Student");
  await press(page, "button", /^It did not come.*£80/);
  await arrived(page, "£80.00");
  await press(page, "button", /^The money came.*£80/);
  await arrived(page, "£80.00");
  await page.getByRole("heading", { name: "8 of 8 lessons left" }).first().waitFor();
  await inspect(page, "accounts");

  await press(page, "button", /^Give money back.*£80/);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Lessons that go back with it: 8. That leaves 0 in the package. The package ends").waitFor();
  await reach(page, "textbox", "Amount in GBP", dialog);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("39,99");
  await dialog.getByText("Lessons that go back with it: 3. That leaves 5 in the package.").waitFor();
  await inspect(page, "refund");
  let isLost = true;
  await page.route("**/refund", async (route) => {
    if (!isLost) return route.continue();
    isLost = false;
    await route.fetch();
    await route.abort("internetdisconnected");
  });
  await press(page, "button", "Give money back", dialog);
  await dialog.getByRole("alert").filter({ hasText: "The server cannot be reached" }).waitFor();
  assert.equal(await dialog.getByRole("textbox", { name: "Amount in GBP" }).getAttribute("readonly"), "");
  await press(page, "button", "Give money back", dialog);
  await arrived(page, "£80.00");
  const keys = context.asked.filter((request) => request.url().endsWith("/refund")).map((request) => request.headers()["idempotency-key"]);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  const payment = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "£80.00" }) });
  await payment.getByText("partly given back").waitFor();
  await payment.getByText("£39.99").waitFor();
  const left = page.getByRole("heading", { name: /^5 of / });
  await left.waitFor();

  const bought = page.getByRole("listitem").filter({ has: left });
  await press(page, "button", /^Give lessons/, bought);
  await reach(page, "textbox", "Reason", dialog);
  await page.keyboard.type("a <b>gift</b>");
  await inspect(page, "adjust");
  await press(page, "button", "Give lessons", dialog);
  await arrived(page, "6 of");
  await page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: /^6 of / }) }).locator("summary").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("cell", { name: "a <b>gift</b>" }).waitFor();

  await press(page, "link", "Numbers");
  await arrived(page, "Numbers");
  await page.getByRole("img", { name: "Amount in GBP" }).waitFor();
  for (const row of ["came £80.00", "given back £39.99", "is left £40.01"]) await page.getByRole("row", { name: row }).waitFor();
  await inspect(page, "overview");
}

async function somebodyNew() {
  const context = await visitor({ locale: "de-DE", timezoneId: "Asia/Shanghai" });
  const page = await context.newPage();
  await page.goto(`${address}/portal#/register`);
  await arrived(page, "Registrieren");
  await inspect(page, "register");
  await type(page, "Name", "Neue");
  await type(page, "E-Mail", "neue@example.org");
  await type(page, "Passwort", "password1");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "Etwas im Formular stimmt nicht." }).waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Passwort" }).getAttribute("aria-invalid"), "true");
  await inspect(page, "register-wrong");
  await reach(page, "textbox", "Passwort");
  await page.keyboard.press("Control+a");
  await page.keyboard.type(password);
  await page.keyboard.press("Enter");
  await arrived(page, "Zeit finden");
  await page.getByText(/^Zeiten in Asia\/Shanghai \(UTC[+]08:00\)$/).first().waitFor();
  await page.getByRole("link", { name: "Meine Pakete" }).click();
  await page.getByText("Sie haben noch kein Paket.").waitFor();
  await leave(context);
}

// Mails lead to pages of the portal where its address is the application's; the token is in no request for a page.
async function mailsWay() {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto(`${address}/portal/verify-email#token=${links.verify}`);
  await arrived(page, "Confirm your address");
  assert.equal(new URL(page.url()).hash, `#/verify-email?token=${links.verify}`);
  assert.ok(context.asked.every((request) => request.method() === "POST" || !request.url().includes(links.verify)));
  await press(page, "button", "Confirm your address");
  await page.getByText("Give the password of the account").waitFor();
  await inspect(page, "verify-email");
  await type(page, "Password", password);
  await page.keyboard.press("Enter");
  await arrived(page, "Your address is confirmed.");

  await page.goto(`${address}/portal#/forgot`);
  await arrived(page, "Forgot the password?");
  await type(page, "E-mail", "nobody@example.org");
  await page.keyboard.press("Enter");
  await arrived(page, "If there is an account with this address, a link is on its way.");
  await inspect(page, "forgot");

  await page.goto(`${address}/portal/reset-password#token=${links.reset}`);
  await arrived(page, "Choose a password");
  await inspect(page, "reset-password");
  await type(page, "Password", "another long pass phrase");
  await page.keyboard.press("Enter");
  await arrived(page, "The password is changed. Sign in with it.");
  await page.goto(`${address}/portal/reset-password#token=${links.reset}`);
  await page.getByRole("alert").filter({ hasText: "The link is not valid any more." }).waitFor();
  await page.goto(`${address}/portal/sign-in?error=signed_out`);
  await page.getByText("The sign-in with the other account did not work.").waitFor();

  // Who has asked to be forgotten follows the mail's link, signs in, and is back there.
  await page.goto(`${address}/portal/restore`);
  await signIn(page, leaver);
  await arrived(page, "Keep my account");
  await inspect(page, "restore");
  await press(page, "button", "Keep my account");
  await arrived(page, "Your account stays.");
  await leave(context);
}

try {
  for (const way of [landing, studentsWay, lapse, buyersWay, seriesWay, teachersWay, adminsWay, somebodyNew, mailsWay]) {
    console.log(way.name);
    await way();
  }
  console.log("ok");
} finally {
  await browser.close();
}
