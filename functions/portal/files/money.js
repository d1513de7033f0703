// Amounts of money: decimal texts of the currency's own decimals, as the API has them. Nothing is reckoned in fractions.

import { locale } from "./time.js";

/** How many decimals an amount is written with. */
const decimals = (amount) => (amount.split(".")[1] ?? "").length;

/** An amount as people read it, to its last decimal. */
export function money(amount, currency) {
  const digits = { minimumFractionDigits: decimals(amount), maximumFractionDigits: decimals(amount) };
  return new Intl.NumberFormat(locale(), { style: "currency", currency, ...digits }).format(amount);
}

/** What somebody typed, as the API reads it: a comma before the decimals is a point. */
export function typed(text) {
  return /^\s*\d+,\d+\s*$/.test(text) ? text.trim().replace(",", ".") : text.trim();
}

/** An amount in the smallest unit that `like` is written in; none for what is no such amount. */
export function minor(amount, like) {
  const [, whole, fraction = ""] = /^(\d+)(?:\.(\d*))?$/.exec(amount) ?? [];
  const rest = fraction.replace(/0+$/, "");
  if (!whole || rest.length > decimals(like)) return null;
  return BigInt(whole + rest.padEnd(decimals(like), "0"));
}

/** A number of smallest units as `like` is written. */
export function write(units, like) {
  const size = decimals(like);
  const digits = String(units).padStart(size + 1, "0");
  return size ? `${digits.slice(0, -size)}.${digits.slice(-size)}` : digits;
}
