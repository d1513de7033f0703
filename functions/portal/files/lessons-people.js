// People as an admin knows them: by role, and by name.

import { get } from "./api.js";

const MOST = 1000; // of a list that somebody chooses from

/** Everybody with a role, the newest first. */
export async function people(role) {
  const found = [];
  let cursor;
  do {
    const page = await get("admin/users", { role, is_active: true, limit: 100, cursor });
    found.push(...page.users);
    cursor = page.next_cursor;
  } while (cursor && found.length < MOST);
  return found;
}

/** What a person is called in a choice. */
export const named = ({ id, name, email }) => [id, name ? `${name} (${email})` : email];

const names = new Map();

/** What people are called, by their ids. Names are asked for once; who is not among the newest thousand keeps the end of the id. */
export async function nameOf(ids) {
  const wanted = new Set(ids.filter((id) => id && !names.has(id)));
  let cursor;
  for (let seen = 0; wanted.size && seen < MOST; seen += 100) {
    const page = await get("admin/users", { limit: 100, cursor });
    for (const { id, name, email } of page.users) {
      names.set(id, name ?? email);
      wanted.delete(id);
    }
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  for (const id of wanted) names.set(id, `…${id.slice(-6)}`);
  return (id) => (id ? names.get(id) : "–");
}
