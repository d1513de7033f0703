//! Texts: their length, and what of Unicode they may hold.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};
use serde::Serialize;

use crate::problem::{Problems, problem};

/// A text of `MIN` to `MAX` Unicode characters, as the caller wrote it: not trimmed, not blank, without NUL (which
/// PostgreSQL cannot store).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

/// A [`Text`] that others read beside texts of other people, as a name: one line, and no character that turns the direction
/// of what follows it. Marks that belong to a script (U+200E, U+200F, U+061C) and joiners stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Name<const MIN: usize, const MAX: usize>(Text<MIN, MAX>);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Name<MIN, MAX> {
    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Whether nothing of a text is seen: it has white space, control characters, and what Unicode has programs show nothing
/// for (`Default_Ignorable_Code_Point`: joiners, marks of direction, variation selectors, fillers, tags), and no other.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(shows_nothing)
}

fn shows_nothing(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        // Braille's blank, the marks of annotations and an empty note head: signs whose picture is empty.
        || matches!(character, '\u{2800}' | '\u{fff9}'..='\u{fffb}' | '\u{1d159}')
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// Whether a character has no place in a name: controls, ends of lines, and what embeds, overrides or isolates a direction
/// (UAX 9), which without its end goes on in whatever stands beside the name.
fn is_no_part_of_a_name(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name that somebody else's system says, as far as it can be one: without what [`Name`] refuses, trimmed, at most
/// `longest` characters. None if nothing of it is seen.
pub fn name_within(text: &str, longest: usize) -> Option<String> {
    let kept: String = text.chars().filter(|character| !is_no_part_of_a_name(*character)).collect();
    let cut: String = kept.trim().chars().take(longest).collect();
    let name = cut.trim_end();
    (!is_blank(name)).then(|| name.to_owned())
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "character" } else { "characters" }
}

impl<const MIN: usize, const MAX: usize> Deserr<Problems> for Text<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let Value::String(text) = value else {
            return Err(problem(location, "type", "Input should be a valid string"));
        };
        let length = text.chars().count();
        if length < MIN {
            let sentence = format!("String should have at least {MIN} {}", plural(MIN));
            return Err(problem(location, "too_short", sentence));
        }
        if length > MAX {
            let sentence = format!("String should have at most {MAX} {}", plural(MAX));
            return Err(problem(location, "too_long", sentence));
        }
        if text.contains('\0') {
            return Err(problem(location, "nul", "String should not contain the NUL character"));
        }
        if !text.is_empty() && is_blank(&text) {
            return Err(problem(location, "blank", "String should not be blank"));
        }
        Ok(Text(text))
    }
}

impl<const MIN: usize, const MAX: usize> Deserr<Problems> for Name<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let text = Text::deserialize_from_value(value, location)?;
        if text.as_str().contains(is_no_part_of_a_name) {
            let sentence =
                "String should not contain control characters, line breaks or changes of direction";
            return Err(problem(location, "control", sentence));
        }
        Ok(Name(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Deserr<Problems>>(text: &str) -> Result<T, String> {
        let read = deserr::deserialize::<T, _, Problems>(serde_json::Value::from(text));
        read.map_err(|problems| problems.0[0].code.to_string())
    }

    #[test]
    fn a_text_that_shows_nothing_is_blank() {
        for text in [
            " ",
            "\u{3000}\t",
            "\u{200b}",
            "\u{feff}",
            "\u{2060}\u{200d}",
            "\u{2800}\u{2800}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{fe0f}",
            "\u{e0100}",
            "\u{ad}",
            "\u{34f}",
            "\u{180e}",
            "\u{202e}",
            "\u{2067}",
            "\u{e0041}\u{e007f}",
            "\u{1}",
            "\u{1d159}",
        ] {
            assert_eq!(read::<Text<1, 9>>(text), Err("blank".to_owned()), "{text:?}");
            assert_eq!(read::<Name<1, 9>>(text), Err("blank".to_owned()), "{text:?}");
        }
        assert_eq!(read::<Text<0, 9>>("").unwrap().as_str(), "");
        for text in ["a\u{200b}", "می‌خواهم", "👩‍💻", "❤️", "क्‍ष", "נ\u{200f}!", ".", "\u{301}"]
        {
            assert_eq!(read::<Text<1, 9>>(text).unwrap().as_str(), text);
            assert_eq!(read::<Name<1, 9>>(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_name_changes_no_direction_and_is_one_line() {
        for text in [
            "a\u{202e}b",
            "\u{2066}a\u{2069}",
            "a\u{2068}",
            "a\u{2069}",
            "a\nb",
            "a\u{7}",
            "a\u{2028}",
            "\u{9b}a",
        ] {
            assert_eq!(read::<Name<1, 9>>(text), Err("control".to_owned()), "{text:?}");
            assert!(read::<Text<1, 9>>(text).is_ok(), "{text:?}");
        }
        assert_eq!(name_within(" A\u{202e}d\na  Love\u{0}lace ", 8).as_deref(), Some("Ada  Lov"));
        assert_eq!(name_within("Ada Lovelace", 4).as_deref(), Some("Ada"));
        assert_eq!(name_within("\u{200b}\u{2800}\u{202e}", 9), None);
    }
}
