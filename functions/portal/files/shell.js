// The shell: who is signed in, where they are, and how they get elsewhere.

import * as api from "./api.js";
import { add, choice, done, el, failed, field, fill, form, heading } from "./dom.js";
import { mailLinks } from "./mail-links.js";
import { deviceZone, useZone, zone, zoneWords } from "./time.js";
import { language, languageChoice, languageOf, say, translate, useLanguage } from "./words.js";

const place = (id) => document.getElementById(id);
const tabs = new BroadcastChannel("praxis");

let screens = [];
let domains = [];
let session = null;
let profile = null;
let current = null;

/** Starts the portal with its domains. */
export async function start(all) {
  domains = all;
  screens = [
    { path: "sign-in", word: "sign_in", isOpen: true, isEntry: true, show: signIn },
    { path: "register", word: "register", isOpen: true, isEntry: true, show: register },
    { path: "account", word: "account", show: account },
    ...mailLinks,
    ...all.flatMap((domain) => domain.screens),
  ];
  languageChoice(place("language"), changeLanguage);
  arriveByLink();
  api.onEnd(() => restore(true));
  tabs.onmessage = () => restore(true);
  // The address after `#` names a screen, so this is no address.
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    place("main").focus();
  });
  addEventListener("hashchange", () => show());
  for (const kind of ["online", "offline"]) addEventListener(kind, connection);
  connection();
  await restore(false);
}

/** A link of a mail, or the end of a sign-in elsewhere, names its page before the `#` and its secret after. */
function arriveByLink() {
  const given = new URLSearchParams(location.search);
  const path = given.get("open");
  if (!path) return;
  given.delete("open");
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) given.set(name, value);
  history.replaceState(null, "", `${location.pathname}${to(path, Object.fromEntries(given))}`);
}

/** Reads who is signed in, and shows the place that the address names. */
async function restore(isChange) {
  const before = session?.id;
  try {
    take(await api.session());
    profile = session && (await api.get("me"));
  } catch (error) {
    frame();
    place("main").replaceChildren();
    return failed(place("main"), error);
  }
  if (profile) {
    useZone(profile.timezone);
    useLanguage(languageOf(profile.locale));
    place("language").value = language();
  }
  if (isChange && before === session?.id) return frame();
  show();
}

function take(found) {
  session = found;
  if (!found) profile = null;
}

function connection() {
  place("offline").textContent = navigator.onLine ? "" : say("offline");
}

/** The place that the address names. */
function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path, query: new URLSearchParams(query) };
}

/** The way to a place of the portal. */
export function to(path, query = {}) {
  const words = new URLSearchParams(query).toString();
  return `#/${path}${words && `?${words}`}`;
}

/** Goes there; where one is already, anew. */
export function go(path, query) {
  const hash = to(path, query);
  if (location.hash === hash) show();
  else location.hash = hash;
}

const allowed = (screen) => !screen.roles || screen.roles.some((role) => session?.roles.includes(role));

function home() {
  return screens.find((screen) => screen.roles && allowed(screen)) ?? screens.find((screen) => screen.path === "account");
}

function show() {
  const { path, query } = address();
  let screen = screens.find((one) => one.path === path);
  if (!session && !screen?.isOpen) {
    const back = path ? { back: location.hash.slice(2) } : {};
    history.replaceState(null, "", to("sign-in", back));
    return show();
  }
  if (session && (!screen || screen.isEntry || !allowed(screen))) {
    screen = home();
    history.replaceState(null, "", to(screen.path));
    return show();
  }
  current = screen;
  frame();
  const title = heading(1, say(screen.word));
  const section = el("section", {}, title);
  document.title = `${say(screen.word)} – Praxis`;
  fill(place("main"), section);
  title.focus({ preventScroll: false });
  scrollTo(0, 0);
  const view = { session, profile, query: screen.path === path ? query : new URLSearchParams() };
  Promise.resolve(screen.show(section, view)).catch((error) => failed(section, error));
}

/** What stands around a screen. */
function frame() {
  translate(document);
  connection();
  const links = domains.map((domain) => {
    const theirs = session ? domain.screens.filter((screen) => allowed(screen) && !screen.isAside) : [];
    if (!theirs.length) return null;
    return el("ul", { "aria-label": say(domain.word) }, theirs.map((screen) => el("li", {}, el(
      "a", { href: to(screen.path), "aria-current": screen === current && "page" }, say(screen.word)))));
  });
  const navigation = fill(place("navigation"), links);
  navigation.setAttribute("aria-label", say("navigation"));
  navigation.hidden = !navigation.children.length;
  place("zone").textContent = say("times_in", { zone: zoneWords() });
  fill(place("account"), session ? whoever() : visitor());
}

function visitor() {
  return ["sign-in", "register"].map((path) => {
    const screen = screens.find((one) => one.path === path);
    return el("a", { href: to(path), "aria-current": screen === current && "page" }, say(screen.word));
  });
}

function whoever() {
  const name = el("a", { href: to("account"), "aria-current": current?.path === "account" && "page" }, session.username);
  const out = el("button", { type: "button", class: "plain" }, say("sign_out"));
  out.addEventListener("click", async () => {
    if (out.getAttribute("aria-disabled")) return;
    out.setAttribute("aria-disabled", "true");
    try {
      await api.signOut();
    } catch (error) {
      out.removeAttribute("aria-disabled");
      return failed(place("main"), error);
    }
    take(null);
    tabs.postMessage("signed out");
    history.replaceState(null, "", to("sign-in"));
    show();
  });
  return [name, out];
}

async function changeLanguage() {
  if (session) profile = await api.patch("me", { locale: language() }).catch(() => profile);
  show();
}

async function arrive(found, view) {
  take(found);
  tabs.postMessage("signed in");
  profile = await api.get("me");
  useZone(profile.timezone);
  useLanguage(languageOf(profile.locale));
  place("language").value = language();
  history.replaceState(null, "", `#/${view.query.get("back") ?? ""}`);
  show();
}

function signIn(section, view) {
  const email = el("input", { type: "email", name: "email", autocomplete: "username", required: true });
  const password = el("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
  add(
    section,
    view.query.get("error") && el("p", { class: "note failed" }, say("error_elsewhere")),
    view.query.get("back") && el("p", { class: "notice" }, say("sign_in_first")),
    form(
      [field(say("email"), email), field(say("password"), password),
        el("p", {}, el("button", { class: "primary" }, say("sign_in")))],
      async (given) => arrive(await api.signIn(given.email, given.password), view),
    ),
    el("p", {}, el("a", { href: to("forgot") }, say("forgot"))),
    el("p", {}, el("a", { href: to("register", Object.fromEntries(view.query)) }, say("no_account"))),
  );
}

function register(section, view) {
  const name = el("input", { name: "display_name", autocomplete: "name", required: true, maxlength: 120 });
  const email = el("input", { type: "email", name: "email", autocomplete: "username", required: true });
  const password = el("input", {
    type: "password", name: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 128,
  });
  add(
    section,
    form(
      [field(say("name"), name), field(say("email"), email), field(say("password"), password, say("password_hint")),
        el("p", { class: "quiet" }, say("zone_hint", { zone: zoneWords() })),
        el("p", {}, el("button", { class: "primary" }, say("register")))],
      async (given) => {
        await api.call("POST", "identity/auth/register", { body: { ...given, timezone: deviceZone(), locale: language() } });
        await arrive(await api.signIn(given.email, given.password), view);
      },
    ),
    el("p", {}, el("a", { href: to("sign-in", Object.fromEntries(view.query)) }, say("have_account"))),
  );
}

function account(section) {
  const zones = Intl.supportedValuesOf("timeZone");
  const known = [...new Set([zone(), "UTC", ...zones])].sort().map((name) => [name, name.replaceAll("_", " ")]);
  const name = el("input", { name: "display_name", autocomplete: "name", maxlength: 120, required: true, value: profile.display_name ?? "" });
  const mine = form(
    [field(say("name"), name), field(say("time_zone"), choice({ name: "timezone" }, known, zone()), say("zone_of_times")),
      el("p", {}, el("button", { class: "primary" }, say("save")))],
    async (given) => {
      profile = await api.patch("me", given);
      session = { ...session, username: profile.display_name ?? session.username };
      useZone(profile.timezone);
      frame();
      done(mine, say("saved"));
    },
  );
  add(
    section,
    el("dl", {}, el("dt", {}, say("email")), el("dd", {}, session.email ?? "–"),
      el("dt", {}, say("roles")), el("dd", {}, session.roles.map((role) => say(`role_${role}`)).join(", "))),
    mine,
  );
}
