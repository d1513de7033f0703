// Elements out of data. Text is always text: nothing here reads markup.

import { say, sayFault } from "./words.js";

const SVG = new Set(["svg", "g", "rect", "line", "text", "title", "desc"]);

/** An element: attributes (functions are listeners, `false` and `null` are left out), then children, texts among them. */
export function el(tag, attributes = {}, ...children) {
  const node = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  add(node, ...children);
  return node;
}

/** Appends what there is: nodes, texts, lists of both. */
export function add(node, ...children) {
  for (const child of children.flat(Infinity)) if (child != null && child !== false) node.append(child);
  return node;
}

/** Puts something in the place of all that is in it. */
export function fill(node, ...children) {
  node.replaceChildren();
  return add(node, ...children);
}

/** A heading that can take the focus when a step is done. */
export function heading(level, ...children) {
  return el(`h${level}`, { tabindex: "-1" }, ...children);
}

/** Words that only a screen reader says. */
export function hidden(...children) {
  return el("span", { class: "hidden" }, ...children);
}

let ids = 0;

/** An id that no other element of the page has. */
export function newId(name) {
  ids += 1;
  return `${name}-${ids}`;
}

/** A control with its label, and a place for what is wrong with it. */
export function field(label, control, hint) {
  control.id ||= newId("field");
  const wrong = el("span", { class: "wrong", id: `${control.id}-wrong` });
  const hinted = hint && el("span", { class: "quiet", id: `${control.id}-hint` }, hint);
  control.setAttribute("aria-describedby", [hinted?.id, wrong.id].filter(Boolean).join(" "));
  return el("div", { class: "field" }, el("label", { for: control.id }, label), hinted, control, wrong);
}

/** A choice among `[value, text]`. */
export function choice(attributes, options, chosen) {
  return el("select", attributes, options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
}

/** A button that does something once at a time: while it works, nothing else in `scope` does. What goes wrong is said there. */
export function action(text, scope, work, attributes = {}) {
  const button = el("button", { type: "button", ...attributes }, text);
  button.addEventListener("click", () => once(button, scope(), work));
  return button;
}

/** A form whose only way is `work`, once at a time. */
export function form(children, work) {
  const node = el("form", {}, ...children);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    once(node, node, () => work(Object.fromEntries(new FormData(node))));
  });
  return node;
}

/** Runs `work` unless something in `scope` runs. Buttons keep the focus meanwhile, so they are not `disabled`. */
async function once(owner, scope, work) {
  if (scope.getAttribute("aria-busy") === "true") return;
  const buttons = [...scope.querySelectorAll("button"), ...(owner.tagName === "BUTTON" ? [owner] : [])];
  scope.setAttribute("aria-busy", "true");
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  clear(scope);
  try {
    await work();
  } catch (error) {
    failed(scope, error);
  } finally {
    scope.removeAttribute("aria-busy");
    for (const button of buttons) button.removeAttribute("aria-disabled");
  }
}

function clear(scope) {
  for (const note of scope.querySelectorAll(":scope > .note")) note.remove();
  for (const wrong of scope.querySelectorAll(".wrong")) wrong.textContent = "";
  for (const control of scope.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

/** Says in `scope` what went wrong, at the fields that are to blame where there are any. */
export function failed(scope, error) {
  if (!(error?.words instanceof Function)) throw error; // a fault of ours belongs in the console
  if (error.isOver) return;
  clear(scope);
  let first;
  for (const fault of error.fields ?? []) {
    const control = scope.querySelector(`[name="${CSS.escape(fault.path.split("/").pop())}"]`);
    const wrong = control && document.getElementById(`${control.id}-wrong`);
    if (!wrong) continue;
    control.setAttribute("aria-invalid", "true");
    const { text, lang } = sayFault(fault);
    fill(wrong, el("span", { lang }, text));
    first ??= control;
  }
  scope.append(el("p", { class: "note failed", role: "alert" }, error.words()));
  first?.focus();
}

/** Says in `scope` that something is done. */
export function done(scope, text) {
  clear(scope);
  const note = el("p", { class: "note done", role: "status" });
  scope.append(note);
  note.textContent = text; // after it is there: readers say what changes in a region
}

/** A dialog of the browser's own, which keeps the focus in it and gives it back. `build` gets the way to close it. */
export function dialog(title, build) {
  const id = newId("dialog");
  const node = el("dialog", { "aria-labelledby": id });
  const close = () => node.close();
  add(node, el("h2", { id }, title), build(close, node));
  node.addEventListener("close", () => node.remove());
  document.body.append(node);
  node.showModal();
  return node;
}

/** A table with its caption, in a box that scrolls by keyboard too where it is too wide. */
export function table(caption, heads, rows) {
  const head = el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)));
  const body = rows.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, cell))));
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, body)),
  );
}

/** What stands in the place of a list that has nothing in it. */
export function nothing(key) {
  return el("p", { class: "quiet" }, say(key));
}
