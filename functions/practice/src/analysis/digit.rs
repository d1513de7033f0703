//! Decimal digits of every script. `char::is_numeric` is too wide for this (½, ② and Ⅳ are numeric, and none
//! of them is a digit) and `char::is_ascii_digit` too narrow (the full-width ３ is one).

/// Whether `text` holds a decimal digit (Unicode's general category Nd).
pub(crate) fn has_digit(text: &str) -> bool {
    text.chars().any(is_decimal_digit)
}

fn is_decimal_digit(c: char) -> bool {
    // The digits of a script stand in a row from its zero, so the last zero up to `c` tells.
    match ZEROS.partition_point(|zero| *zero <= c) {
        0 => false,
        n => u32::from(c) - u32::from(ZEROS[n - 1]) < 10,
    }
}

/// The zero of each row of digits, ascending; Unicode 15.1, DerivedGeneralCategory.txt.
#[rustfmt::skip]
const ZEROS: [char; 68] = [
    '\u{30}', '\u{660}', '\u{6F0}', '\u{7C0}', '\u{966}', '\u{9E6}', '\u{A66}', '\u{AE6}', '\u{B66}',
    '\u{BE6}', '\u{C66}', '\u{CE6}', '\u{D66}', '\u{DE6}', '\u{E50}', '\u{ED0}', '\u{F20}', '\u{1040}',
    '\u{1090}', '\u{17E0}', '\u{1810}', '\u{1946}', '\u{19D0}', '\u{1A80}', '\u{1A90}', '\u{1B50}',
    '\u{1BB0}', '\u{1C40}', '\u{1C50}', '\u{A620}', '\u{A8D0}', '\u{A900}', '\u{A9D0}', '\u{A9F0}',
    '\u{AA50}', '\u{ABF0}', '\u{FF10}', '\u{104A0}', '\u{10D30}', '\u{11066}', '\u{110F0}', '\u{11136}',
    '\u{111D0}', '\u{112F0}', '\u{11450}', '\u{114D0}', '\u{11650}', '\u{116C0}', '\u{11730}', '\u{118E0}',
    '\u{11950}', '\u{11C50}', '\u{11D50}', '\u{11DA0}', '\u{11F50}', '\u{16A60}', '\u{16AC0}', '\u{16B50}',
    '\u{1D7CE}', '\u{1D7D8}', '\u{1D7E2}', '\u{1D7EC}', '\u{1D7F6}', '\u{1E140}', '\u{1E2F0}', '\u{1E4F0}',
    '\u{1E950}', '\u{1FBF0}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_count() {
        for text in ["0", "9", "第3次", "３", "٣", "१", "𝟗", "\u{1FBF9}", "a7b"] {
            assert!(has_digit(text), "{text}");
        }
    }

    #[test]
    fn other_numerals_do_not() {
        for text in ["", "三", "〇", "½", "②", "²", "Ⅳ", "/", ":", "\u{FF0F}", "\u{FF1A}", "\u{1FBFA}"]
        {
            assert!(!has_digit(text), "{text}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_numeric() {
        assert!(ZEROS.windows(2).all(|pair| u32::from(pair[1]) - u32::from(pair[0]) >= 10));
        for zero in ZEROS {
            for n in 0..10 {
                let digit = char::from_u32(u32::from(zero) + n).unwrap();
                assert!(digit.is_numeric(), "{digit:?}");
            }
        }
    }
}
