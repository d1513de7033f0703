//! Passwords that a guesser tries before all others.

/// The 19,640 most common passwords of published breaches, in lower case, as Django ships them; see `common.txt.license`.
const LIST: &str = include_str!("common.txt");

/// 6,000 more, of 8 characters and more, as the strength meter zxcvbn ships them; see `more.txt.license`. With the 8,359 of
/// that length above that is far beyond the 3,000 that OWASP asks for (ASVS 5, 6.2.4).
const MORE: &str = include_str!("more.txt");

/// Walks along a keyboard or an alphabet, also backwards.
const WALKS: [&str; 9] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop[]",
    "qwertzuiopü+",
    "azertyuiop",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
];

/// A unit that repeats over the whole password is looked up by itself; a shorter one than this is no password at all.
const UNIT: usize = 4;

/// Digits and signs that people put before and behind a word, because somebody asks for them: a year, an exclamation mark.
const BEFORE: usize = 4;
const BEHIND: usize = 6;

/// Whether the text as a whole is a common password or one of the `own` words, in any case, backwards, in l33t, several times
/// over, or with a few digits or signs around it; or a walk or one short unit repeated. A text that only contains such a
/// thing is another matter.
pub(super) fn is_common(text: &str, own: &[&str]) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let unit = unit(&text);
    if unit.len() < UNIT {
        return true;
    }
    let mut forms: Vec<String> = Vec::new();
    for text in [&text[..], unit, word(&text)] {
        forms.extend([text.iter().collect(), text.iter().rev().collect()]);
        // A digit at the end is more often a digit than a letter.
        let head = text.len() - text.iter().rev().take_while(|letter| letter.is_ascii_digit()).count();
        for (one, end) in [('i', text.len()), ('l', text.len()), ('i', head), ('l', head)] {
            let letters = text[..end].iter().map(|letter| of_l33t(*letter, one));
            let plain: Vec<char> = letters.chain(text[end..].iter().copied()).collect();
            forms.extend([plain.iter().collect(), plain.iter().rev().collect()]);
        }
    }
    let is_walk = |form: &String| WALKS.iter().any(|walk| walk.contains(form.as_str()));
    forms.iter().any(is_walk)
        || own.iter().any(|word| forms.iter().any(|form| form == word))
        || LIST.lines().chain(MORE.lines()).any(|known| forms.iter().any(|form| form == known))
}

/// The text without the digits and signs around it; the whole one where little is left.
fn word(text: &[char]) -> &[char] {
    let is_adorned = |letter: &&char| !letter.is_alphabetic();
    let before = text.iter().take(BEFORE).take_while(is_adorned).count();
    let behind = text.iter().rev().take(BEHIND).take_while(is_adorned).count();
    text.get(before..text.len() - behind).filter(|word| word.len() >= UNIT).unwrap_or(text)
}

/// The shortest text that gives the whole one by repetition; the whole one, if nothing repeats.
fn unit(text: &[char]) -> &[char] {
    let repeats = |length: &usize| {
        text.len().is_multiple_of(*length) && text.chunks(*length).all(|chunk| chunk == &text[..*length])
    };
    let length = (1..=text.len()).find(repeats).unwrap_or(text.len());
    &text[..length]
}

/// The letter that a digit or sign stands for; `one` is what 1 is.
fn of_l33t(letter: char, one: char) -> char {
    match letter {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::is_common;

    #[test]
    fn what_is_tried_first_is_common() {
        let own = ["mia.keller@example.org", "mia.keller"];
        let first = [
            "password1",
            "12345678",
            "qwerty123",
            "iloveyou1",
            "Password1",
            "PASSWORD1",
            "p4ssw0rd",
            "P@$$w0rd",
            "!L0v3y0u1",
            "1drowssap",
            "drowssap",
            "aaaaaaaa",
            "        ",
            "abcabcabc",
            "abcdefgh",
            "hgfedcba",
            "3456789",
            "qwertyuiop",
            "poiuytre",
            "passwordpassword",
            "dragondragon",
            "mia.keller",
            "M1A.Keller",
            "mia.keller@example.org",
            "MIA.KELLER@EXAMPLE.ORG",
            "sunshine1",
            "Passw0rd!",
            "P4ssw0rd2026!",
            "!!dragon99",
            "monkey_2026",
            "mia.keller1990",
            "swordfis",
        ];
        let passed: Vec<&str> = first.into_iter().filter(|text| !is_common(text, &own)).collect();
        assert!(passed.is_empty(), "{passed:?}");
    }

    #[test]
    fn what_only_contains_it_is_not() {
        let uncommon = [
            "Str0ngPass",
            "correct horse battery",
            "mia.keller loves tea",
            "rT7#qp2L",
            "password of the day",
            "dragondragoness",
            "我的密码是长的句子",
            "2026-11-27 rain",
            "dragon 1234567",
            "x9!x7?x5#",
        ];
        let refused: Vec<&str> =
            uncommon.into_iter().filter(|text| is_common(text, &["mia.keller"])).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}
