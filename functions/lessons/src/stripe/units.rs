//! Stripe's units of money, which are not ISO 4217's.

use crate::money::Currency;

/// How many decimals amounts at Stripe have; none for a currency that it does not take. ISK and UGX have two there and none in
/// ISO 4217, the ariary the reverse. Source: docs.stripe.com/currencies.
fn decimals(currency: Currency) -> Option<usize> {
    match (currency.code(), currency.decimals()) {
        ("ISK" | "UGX", _) => Some(2),
        ("MGA", _) => Some(0),
        (_, decimals @ 0..=3) => Some(decimals),
        _ => None,
    }
}

/// An amount as Stripe writes it; none for one that cannot be said there. Of three decimals the last is a zero.
pub fn amount(currency: Currency, minor: i64) -> Option<i64> {
    let scaled = scale(minor, currency.decimals(), decimals(currency)?)?;
    (decimals(currency)? < 3 || scaled % 10 == 0).then_some(scaled)
}

/// An amount of Stripe's in the currency's smallest unit; none for one that cannot be said in it.
pub(super) fn minor(currency: Currency, amount: i64) -> Option<i64> {
    scale(amount, decimals(currency)?, currency.decimals())
}

fn scale(number: i64, from: usize, to: usize) -> Option<i64> {
    let factor = 10_i64.pow(u32::try_from(from.abs_diff(to)).ok()?);
    if to >= from {
        return number.checked_mul(factor);
    }
    (number % factor == 0).then_some(number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripe_has_factors_of_its_own() {
        let currency = |code| Currency::parse(code).unwrap();
        for (code, ours, theirs) in [
            ("EUR", 9950, Some(9950)),
            ("JPY", 8000, Some(8000)),
            ("ISK", 500, Some(50_000)),
            ("UGX", 500, Some(50_000)),
            ("MGA", 50_000, Some(500)),
            ("MGA", 50_020, None),
            ("KWD", 12_340, Some(12_340)),
            ("KWD", 12_345, None),
            ("CLF", 10_000, None),
        ] {
            assert_eq!(amount(currency(code), ours), theirs, "{ours} {code}");
            if let Some(theirs) = theirs {
                assert_eq!(minor(currency(code), theirs), Some(ours), "{theirs} {code}");
            }
        }
        assert_eq!(minor(currency("ISK"), 50_001), None, "a hundredth of a crown is nothing");
    }
}
