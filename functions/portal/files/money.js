// Amounts of money: decimal texts of the currency's own decimals, as the API has them. Nothing is reckoned in fractions.

import { locale } from "./time.js";

/** How many decimals an amount is written with. */
const decimals = (amount) => (amount.split(".")[1] ?? "").length;

/** An amount as people read it, to its last decimal. */
export function money(amount, currency) {
  const digits = { minimumFractionDigits: decimals(amount), maximumFractionDigits: decimals(amount) };
  return new Intl.NumberFormat(locale(), { style: "currency", currency, ...digits }).format(amount);
}
