// The pages that links in mails open, and the way to such a mail for whoever has forgotten the password.

import { post } from "./api.js";
import { action, add, el, field, fill, form, heading, newId } from "./dom.js";
import { to } from "./shell.js";
import { say } from "./words.js";

/** Screens for anybody; a link's token stands in the address after `#`, which is sent to nobody. */
export const mailLinks = [
  { path: "forgot", word: "forgot", isOpen: true, isEntry: true, show: forgot },
  { path: "reset-password", word: "new_password", isOpen: true, show: reset },
  { path: "verify-email", word: "verify_email", isOpen: true, show: verify },
  { path: "confirm-email", word: "confirm_email", isOpen: true, show: confirm },
  { path: "restore", word: "keep_account", show: restore },
];

/** The last step of each: that it is done, and where to go on. */
function finish(section, key) {
  const title = heading(2, say(key));
  fill(section, section.firstElementChild, title, el("p", {}, el("a", { class: "button primary", href: to("") }, say("go_on_portal"))));
  title.focus();
}

function forgot(section) {
  const email = el("input", { type: "email", name: "email", autocomplete: "username", required: true });
  add(section, form(
    [el("p", {}, say("forgot_text")), field(say("email"), email), el("p", {}, el("button", { class: "primary" }, say("send_link")))],
    async (given) => {
      await post("identity/password/forgot", given);
      finish(section, "link_sent");
    },
  ), el("p", {}, el("a", { href: to("sign-in") }, say("sign_in"))));
}

/** Another password. Accounts elsewhere that open this one end with it, but for those that are kept. */
async function reset(section, { query }) {
  const token = query.get("token") ?? "";
  const { starts_anew: isAnew, ways_in: ways } = await post("identity/password/reset/preview", { token });
  const password = el("input", {
    type: "password", name: "password", autocomplete: "new-password", required: true, minlength: 8, maxlength: 128,
  });
  const kept = ways.map((way) => {
    const input = el("input", { type: "checkbox", id: newId("way"), value: way.id });
    return el("div", { class: "option" }, input, el("label", { for: input.id }, [way.kind, way.email].filter(Boolean).join(": ")));
  });
  add(section, form(
    [isAnew && el("p", { class: "notice" }, say("starts_anew")), field(say("password"), password, say("password_hint")),
      kept.length > 0 && el("fieldset", {}, el("legend", {}, say("keep_ways_in")), kept),
      el("p", {}, el("button", { class: "primary" }, say("save")))],
    async (given) => {
      const ids = kept.map((one) => one.querySelector("input")).filter((input) => input.checked).map((input) => input.value);
      await post("identity/password/reset", { token, password: given.password, keep_ways_in: ids });
      finish(section, "password_changed");
    },
  ));
}

/** That an address is the person's: who is not signed in gives the password, or says that it was somebody else. */
function verify(section, { query }) {
  const token = query.get("token") ?? "";
  const asked = el("div", {});
  const verification = form(
    [el("p", {}, say("verify_text")), asked, el("p", {}, el("button", { class: "primary" }, say("verify_email")))],
    async (given) => {
      try {
        await post("identity/email/verify", { token, password: given.password || null });
        finish(section, "email_verified");
      } catch (error) {
        if (error.code !== "PROOF_REQUIRED") throw error;
        const password = el("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
        fill(asked, el("p", { class: "notice" }, say("verify_proof")), field(say("password"), password),
          el("p", {}, action(say("not_me"), () => verification, async () => {
            await post("identity/email/disown", { token });
            finish(section, "email_disowned");
          })));
        password.focus();
      }
    },
  );
  add(section, verification);
}

function confirm(section, { query }) {
  const change = form(
    [el("p", {}, say("confirm_email_text")), el("p", {}, el("button", { class: "primary" }, say("confirm_email")))],
    async () => {
      await post("identity/email/confirm", { token: query.get("token") ?? "" });
      finish(section, "email_changed");
    },
  );
  add(section, change);
}

/** Whoever has asked to be forgotten may think better of it for a while. */
function restore(section) {
  const keeping = form(
    [el("p", {}, say("keep_account_text")), el("p", {}, el("button", { class: "primary" }, say("keep_account")))],
    async () => {
      await post("me/restore");
      finish(section, "account_kept");
    },
  );
  add(section, keeping);
}
