// The API: one call, its errors in words, and the session's token against foreign pages.

import { language, say, sayError } from "./words.js";

const ROOT = new URL("../api/v1/", import.meta.url); // the stage is part of an API's own address

let csrf = null;
let person = null;
let skew = 0;
let ended = () => {};

/** What the API refuses, or that it cannot be reached. */
export class Failure extends Error {
  constructor(status, body, isOver = false) {
    super(body.message ?? "");
    this.status = status;
    this.code = body.error_code ?? "";
    this.fields = body.errors ?? [];
    this.isOver = isOver; // the page has gone elsewhere: nothing is left to say
  }

  words() {
    return sayError(this);
  }
}

/** What happens when the session is over, or has become another person's. */
export function onEnd(handler) {
  ended = handler;
}

/** Now by the server's clock, to the second. */
export function now() {
  return Date.now() + skew;
}

/** The person of the session, or none. */
export async function session() {
  try {
    const found = await send("GET", "auth/me");
    csrf = found.csrf_token ?? null;
    person = found.id;
    return found;
  } catch (error) {
    if (error.status !== 401) throw error;
    csrf = person = null;
    return null;
  }
}

/** The address of what a browser fetches by itself, such as a file. */
export const addressOf = (path) => new URL(path, ROOT).href;

/** Signs in, and gives the person. */
export async function signIn(email, password) {
  await send("POST", "auth/login", { body: { email, password } });
  return session();
}

/** Ends the session. */
export async function signOut() {
  await call("POST", "auth/logout", { body: {} });
  csrf = person = null;
}

/** One call as the person who is signed in. */
export async function call(method, path, options = {}) {
  const was = person;
  try {
    return await send(method, path, options);
  } catch (error) {
    if (error.status === 401 && was) {
      // Of several calls that meet the end of a session one says so: what is typed after that stays.
      if (person === was) {
        csrf = person = null;
        ended();
      }
      throw new Failure(401, {}, true);
    }
    const isToken = error.status === 403 && error.message === "missing or wrong CSRF token";
    if (!isToken || options.again) throw error;
    const found = await session();
    // Somebody else has signed in in another tab: what was to be written is not theirs.
    if (found?.id !== was) {
      ended();
      throw new Failure(401, {}, true);
    }
    return call(method, path, { ...options, again: true });
  }
}

export const get = (path, query) => call("GET", path, { query });
export const post = (path, body = {}, headers = {}) => call("POST", path, { body, headers });
export const patch = (path, body) => call("PATCH", path, { body });

/** All rows of a list with pages, `most` at most. */
export async function all(path, query = {}, most = 500) {
  const items = [];
  for (;;) {
    const page = await get(path, { ...query, limit: 100, offset: items.length });
    items.push(...page.items);
    if (!page.items.length || items.length >= page.total || items.length >= most) return items;
  }
}

async function send(method, path, { query = {}, body, headers = {} } = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(query)) if (value != null && value !== "") url.searchParams.set(name, value);
  const sent = { Accept: "application/json", "Accept-Language": language(), ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  if (csrf && method !== "GET") sent["X-CSRF-Token"] = csrf;
  let answer;
  let text;
  try {
    answer = await fetch(url, {
      method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin", cache: "no-store", redirect: "error",
    });
    text = await answer.text();
  } catch {
    throw new Failure(0, { message: say("unreachable") });
  }
  const date = Date.parse(answer.headers.get("date") ?? "");
  if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) < 2000 ? 0 : date - Date.now();
  let value = null;
  try {
    value = text && JSON.parse(text);
  } catch {
    if (answer.ok) throw new Failure(502, {});
  }
  if (!answer.ok) throw new Failure(answer.status, value || {});
  return value;
}
