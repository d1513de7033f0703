//! Which language somebody is written to in until they choose one: what their request says, else what the setting says.

use std::cmp::Reverse;

use http::{HeaderMap, header};

use crate::settings::{self, SettingError};

/// The languages that mails, and most of them feedback, are written in: primary subtags of BCP 47. Whoever prefers another
/// one gets the first of these that they take too.
pub const LANGUAGES: [&str; 3] = ["de", "en", "zh"];

/// The longest language tag: RFC 5646, section 4.4.1, has tags of up to 35 characters fit everywhere.
pub const TAG_LENGTH: usize = 35;

/// A locale that says nothing: BCP 47's "undetermined", which a row has that nobody's request has made.
pub const UNDETERMINED: &str = "und";

/// More ranges than any browser sends; the rest of a longer list is passed over.
const MOST_RANGES: usize = 64;

/// Reads `DEFAULT_LOCALE`, for the cold start.
pub fn start() -> Result<(), SettingError> {
    match settings::find("DEFAULT_LOCALE") {
        Some(text) if !is_tag(&text) => Err("DEFAULT_LOCALE must be a language tag like en-GB".to_owned()),
        _ => Ok(()),
    }
}

/// The locale of people whose request prefers no language that is spoken here: `DEFAULT_LOCALE`, else `en`.
pub fn default_locale() -> String {
    settings::find("DEFAULT_LOCALE").filter(|text| is_tag(text)).unwrap_or_else(|| "en".to_owned())
}

/// The locale that a request prefers by its `Accept-Language`: the caller's own tag, as `de-CH`, of the first language in
/// order of weight that is spoken here; else the default (RFC 9110, section 12.5.4; RFC 4647, section 3.4).
pub fn of_request(headers: &HeaderMap) -> String {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
    preferred(lines).unwrap_or_else(default_locale)
}

/// The locale of a row, or what stands for it where the row says nothing.
pub fn or_instead(stored: String, instead: impl FnOnce() -> String) -> String {
    if stored.eq_ignore_ascii_case(UNDETERMINED) { instead() } else { stored }
}

/// Whether a text is a language tag in the shape of BCP 47 (RFC 5646): subtags of letters and digits, the first one of
/// letters. The subtags themselves are not looked up, because the registry grows.
pub fn is_tag(text: &str) -> bool {
    let mut subtags = text.split('-');
    let language = subtags.next().unwrap_or_default();
    text.len() <= TAG_LENGTH
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// Several lines of the header are one list. `*` is whatever there is, so it ends the search; weight 0 means "not this".
fn preferred<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut ranges: Vec<(&str, u16)> = lines
        .flat_map(|line| line.split(','))
        .take(MOST_RANGES)
        .filter_map(range)
        .filter(|(_, weight)| *weight > 0)
        .collect();
    ranges.sort_by_key(|(_, weight)| Reverse(*weight)); // stable: of one weight the first comes first
    let wanted = ranges.into_iter().map(|(range, _)| range);
    wanted.take_while(|range| *range != "*").find(|range| is_spoken(range)).map(str::to_owned)
}

fn is_spoken(range: &str) -> bool {
    let primary = range.split('-').next().unwrap_or_default();
    is_tag(range) && LANGUAGES.iter().any(|language| language.eq_ignore_ascii_case(primary))
}

/// `de-CH;q=0.8`: the range and its weight in thousandths. None for a weight that is none.
fn range(element: &str) -> Option<(&str, u16)> {
    let mut parts = element.split(';').map(str::trim);
    let range = parts.next()?;
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| thousandths(value.trim()))
    });
    Some((range, weight.unwrap_or(Some(1000))?))
}

/// A weight of RFC 9110, section 12.4.2: `0` or `1`, with at most three decimals.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if !matches!(whole, "0" | "1")
        || decimals.len() > 3
        || !decimals.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let thousandths = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_spoken_language_by_weight_is_preferred() {
        let of = |lines: &[&str]| preferred(lines.iter().copied());
        for (list, wanted) in [
            ("de-CH", Some("de-CH")),
            ("fr-FR, de-AT;q=0.8, en;q=0.5", Some("de-AT")),
            ("en;q=0.5,zh-Hant-TW;q=0.501", Some("zh-Hant-TW")),
            ("en-GB, de", Some("en-GB")),
            ("DE;Q=1.000 , en", Some("DE")),
            ("fr, *;q=0.5, en;q=0.4", None),
            ("*", None),
            ("de;q=0, en;q=0.001", Some("en")),
            ("de;q=0", None),
            ("de;q=2, en;q=0.1", Some("en")),
            ("de;q=0.1234, zh;q=x, en;q=.5, den", None),
            ("de_CH, d, de-, german", None),
            (";;;,,, de ;q=0.5", Some("de")),
            ("", None),
        ] {
            assert_eq!(of(&[list]).as_deref(), wanted, "{list}");
        }
        assert_eq!(of(&["fr;q=0.9", "zh;q=0.8"]).as_deref(), Some("zh"), "several lines are one list");
        let long = format!("{}de", "fr,".repeat(10_000));
        assert_eq!(of(&[&long]), None, "a list that long is nobody's");
    }

    #[test]
    fn a_locale_is_a_language_tag() {
        for tag in ["zh-CN", "en", "sr-Latn-RS", "de-CH-1901", "ast", "zh-yue-HK", UNDETERMINED] {
            assert!(is_tag(tag), "{tag}");
        }
        let long = "de-CH-abcdefgh-abcdefgh-abcdefgh-abcde";
        for text in ["", "z", "1a", "zh_CN", "zh-", "-CN", "zh--CN", "zh-abcdefghi", "中文", "zh-CN\n", long]
        {
            assert!(!is_tag(text), "{text}");
        }
    }
}
