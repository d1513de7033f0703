// What is for sale, as who runs the practice sees it.

import { all, patch, post } from "./api.js";
import { action, add, dialog, el, field, fill, form, heading, hidden, nothing } from "./dom.js";
import { money, typed } from "./money.js";
import { say } from "./words.js";

/** Plans: those for sale first. */
export async function plans(section) {
  const list = el("div", {});
  add(section, el("p", {}, action(say("new_plan"), () => list, () => edit(null), { class: "primary" })), list);
  let known = [];
  await load();

  async function load() {
    known = await all("billing/plans");
    const groups = [["on_sale", true], ["off_sale", false]].map(([word, isActive]) => {
      const theirs = known.filter((plan) => plan.is_active === isActive);
      if (!theirs.length) return isActive && [heading(2, say(word)), nothing("nothing_on_sale")];
      return [heading(2, say(word)), el("ul", { class: "cards" }, theirs.map(card))];
    });
    fill(list, groups);
  }

  async function loaded(id) {
    await load();
    document.getElementById(`plan-${id}`).focus();
  }

  function card(plan) {
    const node = el("li", { class: "card" });
    const change = (word, work, look) => action([say(word), hidden(`, ${plan.title}`)], () => node, work, look);
    return add(
      node,
      el("h3", { tabindex: "-1", id: `plan-${plan.id}` }, plan.title),
      el("p", { class: "when" }, el("strong", {}, money(plan.price_amount, plan.price_currency))),
      el("p", {}, say("plan_size", { lessons: plan.lessons_total, days: plan.duration_days })),
      plan.description && el("p", { class: "written" }, plan.description),
      el("p", { class: "row" }, change("change", () => edit(plan)),
        change(plan.is_active ? "off_sale_now" : "on_sale_now", async () => {
          await patch(`admin/plans/${plan.id}`, { is_active: !plan.is_active });
          await loaded(plan.id);
        })),
    );
  }

  /** A new plan, or the changes of one. What was bought already stays as it was. */
  function edit(plan) {
    dialog(say(plan ? "change_plan" : "new_plan"), (close) => {
      const number = (name, word, value, most) =>
        field(say(word), el("input", { type: "number", name, required: true, min: 1, max: most, value }));
      const currency = el("input", {
        name: "price_currency", required: true, maxlength: 3, pattern: "[A-Za-z]{3}", autocomplete: "off",
        value: (plan ?? known[0])?.price_currency ?? "EUR",
      });
      return form(
        [
          plan && el("p", { class: "quiet" }, say("bought_stays")),
          field(say("plan_title"), el("input", { name: "title", required: true, maxlength: 120, value: plan?.title ?? "" })),
          field(say("description"), el("textarea", { name: "description", maxlength: 2000, rows: 3 }, plan?.description ?? "")),
          el("div", { class: "row" }, number("lessons_total", "lessons", plan?.lessons_total ?? 8, 1000),
            number("duration_days", "days_usable", plan?.duration_days ?? 90, 3650)),
          el("div", { class: "row" },
            field(say("price"), el("input", { name: "price_amount", inputmode: "decimal", required: true, autocomplete: "off", value: plan?.price_amount ?? "" })),
            field(say("currency"), currency, say("currency_hint"))),
          el("p", { class: "row" }, el("button", { class: "primary" }, say("save")),
            el("button", { type: "button", click: close }, say("dismiss"))),
        ],
        async (given) => {
          const wanted = {
            ...given, lessons_total: Number(given.lessons_total), duration_days: Number(given.duration_days),
            price_amount: typed(given.price_amount), price_currency: given.price_currency.toUpperCase(),
          };
          const { id } = plan ? await patch(`admin/plans/${plan.id}`, wanted) : await post("admin/plans", wanted);
          close();
          await loaded(id);
        },
      );
    });
  }
}
