// Addresses under which a calendar program reads somebody's lessons.

import { call, get, post } from "./api.js";
import { action, add, el, field, fill, heading, hidden, nothing, table } from "./dom.js";
import { shortDay, stamp } from "./time.js";
import { say } from "./words.js";

/** The person's addresses. A secret is shown once, when it is made. */
export async function calendar(section) {
  const fresh = el("div", {});
  const list = el("div", {});
  const make = action(say("make_address"), () => fresh, async () => {
    const { url } = await post("calendar/feeds");
    const title = heading(2, say("new_address"));
    const shown = el("input", { type: "text", readonly: true, value: url });
    fill(fresh, el("div", { class: "card" }, title, field(say("address"), shown, say("address_once"))));
    await load();
    title.focus();
  }, { class: "primary" });
  add(section, el("p", {}, say("calendar_text")), el("p", {}, make), fresh, list);
  await load();

  async function load() {
    const feeds = await get("calendar/feeds");
    const rows = feeds.map((feed) => [
      stamp(feed.created_at),
      feed.last_read_on ? shortDay(`${feed.last_read_on}T12:00:00Z`) : "–",
      action([say("end_address"), hidden(`, ${stamp(feed.created_at)}`)], () => list, async () => {
        await call("DELETE", `calendar/feeds/${feed.id}`);
        fresh.replaceChildren();
        await load();
        make.focus();
      }),
    ]);
    fill(list, rows.length ? table(say("addresses"), [say("made_at"), say("last_read"), say("what")], rows) : nothing("no_addresses"));
  }
}
