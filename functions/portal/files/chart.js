// Bars as inline SVG, with the same numbers in a table beside them.

import { el, newId, table } from "./dom.js";

/** Stacked bars: `rows` are `[label, values]`, one value for each of `series`. */
export function bars(title, first, series, rows) {
  const id = newId("chart");
  const most = Math.max(1, ...rows.map(([, values]) => values.reduce((sum, value) => sum + value, 0)));
  const [width, height, foot] = [360, 170, 26];
  const step = width / rows.length;
  const unit = (height - foot - 22) / most;
  const marks = rows.map(([label, values], at) => {
    let top = height - foot;
    const stack = values.map((value, kind) => {
      top -= value * unit;
      const size = { x: at * step + step * 0.2, y: top, width: step * 0.6, height: value * unit };
      return value > 0 && el("rect", { class: `series-${kind}`, ...size });
    });
    const sum = values.reduce((total, value) => total + value, 0);
    const middle = at * step + step / 2;
    return [
      stack,
      sum > 0 && el("text", { x: middle, y: top - 4, "text-anchor": "middle" }, sum),
      el("text", { x: middle, y: height - 8, "text-anchor": "middle" }, label.replace(/\d{4}年?\s*/, "").trim()),
    ];
  });
  const picture = el(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": id },
    el("title", { id }, title),
    el("line", { x1: 0, x2: width, y1: height - foot, y2: height - foot }),
    marks,
  );
  const legend = el("ul", { class: "legend" }, series.map((name, kind) =>
    el("li", {}, el("span", { class: `key series-${kind}`, "aria-hidden": "true" }), name)));
  const numbers = table(title, [first, ...series], rows.map(([label, values]) => [label, ...values.map(String)]));
  return el("div", { class: "chart" }, el("div", {}, picture, legend), numbers);
}

/** A bar for each row, beneath its label: `rows` are `[label, value, what is written of it]`. */
export function levels(title, first, second, rows) {
  const id = newId("chart");
  const [width, line] = [360, 44];
  const most = Math.max(1, ...rows.map(([, value]) => value));
  const marks = rows.map(([label, value, written], at) => [
    el("text", { x: 0, y: at * line + 16 }, label),
    el("text", { x: width, y: at * line + 16, "text-anchor": "end" }, written),
    value > 0 && el("rect", { class: "series-0", x: 0, y: at * line + 22, width: Math.max(1, (value / most) * width), height: 12 }),
    el("line", { x1: 0, x2: width, y1: at * line + 34, y2: at * line + 34 }),
  ]);
  const picture = el(
    "svg",
    { viewBox: `-12 -4 ${width + 24} ${rows.length * line + 4}`, role: "img", "aria-labelledby": id },
    el("title", { id }, title),
    marks,
  );
  const numbers = table(title, [first, second], rows.map(([label, , written]) => [label, written]));
  return el("div", { class: "chart" }, el("div", {}, picture), numbers);
}
