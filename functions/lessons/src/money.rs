//! Money: a whole number of a currency's smallest unit. How many decimals it has is the currency's matter (ISO 4217): a yen
//! has none, a dinar three. What cannot be said exactly is refused.

use std::borrow::Cow;

use deserr::{IntoValue, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::input::problem;
use shared::prelude::*;

/// The most that one price or payment may be, in smallest units.
const MOST: i64 = 1_000_000_000_000;

/// A currency that one can pay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

/// A decimal number as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(String);

impl Currency {
    /// Reads a code in any case; none for what ISO 4217 does not know, or gives no decimals, like gold.
    pub fn parse(code: &str) -> Option<Currency> {
        let currency = iso_currency::Currency::from_code(&code.to_ascii_uppercase())?;
        currency.exponent().map(|_| Currency(currency))
    }

    /// Its code, in upper case.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals it has.
    pub fn decimals(self) -> usize {
        usize::from(self.0.exponent().unwrap_or_default())
    }

    /// An amount as a decimal number: `8000` yen, `99.50` euros.
    pub fn write(self, minor: i64) -> String {
        let (decimals, sign, digits) =
            (self.decimals(), if minor < 0 { "-" } else { "" }, minor.unsigned_abs().to_string());
        if decimals == 0 {
            return format!("{sign}{digits}");
        }
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - decimals);
        format!("{sign}{whole}.{fraction}")
    }
}

impl Decimal {
    /// The amount in the currency's smallest unit; 400 for field `path` unless it is more than nothing and exact.
    pub fn minor(&self, currency: Currency, path: &str) -> Result<i64> {
        let exact = exact(&self.0, currency.decimals());
        match exact {
            Some(minor) if (1..=MOST).contains(&minor) => Ok(minor),
            Some(0) => Err(invalid_field(path, "too_small", "Input should be greater than 0")),
            Some(_) => Err(invalid_field(path, "too_large", "Input is more money than anything costs here")),
            None => {
                let (code, decimals) = (currency.code(), currency.decimals());
                let sentence =
                    format!("Input should be an amount of {code}, which has at most {decimals} decimals");
                Err(invalid_field(path, "decimal", sentence))
            }
        }
    }
}

/// Digits, and at most so many decimals that are not zeros at the end.
fn exact(text: &str, decimals: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let rest = fraction.trim_end_matches('0');
    if !is_digits(whole) || !is_digits(fraction) || rest.len() > decimals {
        return None;
    }
    // A number with more digits than an amount may have is too large, whatever they are.
    Some(format!("{whole}{rest:0<decimals$}").parse().unwrap_or(i64::MAX))
}

impl Deserr<Problems> for Currency {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Currency, Problems> {
        let known = match &value {
            deserr::Value::String(code) => Currency::parse(code),
            _ => None,
        };
        known.ok_or_else(|| problem(location, "currency", "Input should be a currency's code of ISO 4217"))
    }
}

impl JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z]{3}$", "description": "A code of ISO 4217." })
    }
}

impl Deserr<Problems> for Decimal {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Decimal, Problems> {
        let text = match value {
            deserr::Value::String(text) => text.trim().to_owned(),
            deserr::Value::Integer(number) => number.to_string(),
            // The shortest text that reads as this number again, which is what was written.
            deserr::Value::Float(number) if number.is_finite() => number.to_string(),
            deserr::Value::NegativeInteger(_) => "-".to_owned(),
            _ => return Err(problem(location, "type", "Decimal input should be a number or a text")),
        };
        match exact(&text, 18) {
            Some(_) if text.len() <= 40 => Ok(Decimal(text)),
            _ => Err(problem(
                location,
                "decimal",
                "Input should be a positive decimal number, for example 99.50",
            )),
        }
    }
}

impl JsonSchema for Decimal {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "pattern": "^[0-9]+([.][0-9]+)?$", "maxLength": 40 },
            { "type": "number", "exclusiveMinimum": 0, "description": "Also read." },
        ] })
    }
}

/// The amount in the column `minor` of the row's currency.
pub fn of_row(row: &Row, minor: &str) -> Result<String> {
    let code: String = row.get("currency")?;
    Ok(write(&code, row.get(minor)?))
}

/// An amount of a currency that the database holds.
pub fn write(code: &str, minor: i64) -> String {
    // One that ISO 4217 has given up since is shown in its smallest unit, rather than not at all.
    Currency::parse(code).map_or_else(|| minor.to_string(), |currency| currency.write(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, code: &str) -> Option<i64> {
        Decimal(text.to_owned()).minor(Currency::parse(code).unwrap(), "/amount").ok()
    }

    #[test]
    fn an_amount_has_its_currencys_decimals() {
        for (code, decimals) in [
            ("EUR", 2),
            ("JPY", 0),
            ("KWD", 3),
            ("CLF", 4),
            ("ISK", 0),
            ("UGX", 0),
            ("MGA", 2),
            ("HUF", 2),
            ("VND", 0),
        ] {
            assert_eq!(Currency::parse(code).unwrap().decimals(), decimals, "{code}");
        }
        for (text, code, minor) in [
            ("99.5", "EUR", 9950),
            ("99.50", "eur", 9950),
            ("0.01", "EUR", 1),
            ("8000", "JPY", 8000),
            ("8000.00", "JPY", 8000),
            ("1.234", "KWD", 1234),
            ("10000000000.00", "EUR", MOST),
        ] {
            assert_eq!(read(text, code), Some(minor), "{text} {code}");
        }
        for (text, code) in [
            ("0", "EUR"),
            ("0.00", "EUR"),
            ("0.001", "EUR"),
            ("80.5", "JPY"),
            ("1.2345", "KWD"),
            ("10000000000.01", "EUR"),
            ("99999999999999999999999999", "EUR"),
        ] {
            assert_eq!(read(text, code), None, "{text} {code}");
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        for code in ["EUR", "JPY", "KWD", "CLF"] {
            for minor in [1, 9, 10, 99, 100, 101, 12_345, 1_000_000, MOST] {
                assert_eq!(read(&write(code, minor), code), Some(minor), "{minor} {code}");
            }
        }
        assert_eq!((write("EUR", -5), write("JPY", -80)), ("-0.05".to_owned(), "-80".to_owned()));
    }

    #[test]
    fn what_is_no_currency_is_none() {
        for code in ["XXX", "XAU", "EURO", "", "EU", "€€€"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }
}
