//! Phrases in English text, matched on word boundaries whatever the case, the spacing and the apostrophes.

/// A text made ready for matching: lower-case words between single blanks, with `|` where a mark ends the
/// phrase before it. Commas, hyphens and quotation marks do not end a phrase: "Oh, great" is "oh great".
pub(crate) struct Words(String);

impl Words {
    /// Prepares `text` in one pass.
    pub(crate) fn of(text: &str) -> Self {
        let mut words = String::with_capacity(text.len() + 2);
        words.push(' ');
        let mut rest = text.chars().flat_map(char::to_lowercase).peekable();
        while let Some(c) = rest.next() {
            // An apostrophe belongs to a word only from inside it: "don’t", but not 'never'.
            let inside = words.ends_with(in_word) && rest.peek().is_some_and(|next| in_word(*next));
            if in_word(c) {
                words.push(c);
            } else if is_apostrophe(c) && inside {
                words.push('\'');
            } else {
                if !words.ends_with(' ') {
                    words.push(' ');
                }
                if !joins(c) && !words.ends_with("| ") {
                    words.push_str("| ");
                }
            }
        }
        words.push(' ');
        Self(words)
    }

    /// Whether one of `phrases` is in the text. A phrase is lower-case words with single blanks between.
    pub(crate) fn has(&self, phrases: &[&str]) -> bool {
        let bytes = self.0.as_bytes();
        phrases.iter().any(|phrase| {
            self.0.match_indices(phrase).any(|(start, _)| {
                // Blanks open and close the text, so a match has a neighbour on either side.
                bytes[start - 1] == b' ' && bytes[start + phrase.len()] == b' '
            })
        })
    }

    /// How many words the text has.
    pub(crate) fn count(&self) -> usize {
        self.0.split(' ').filter(|word| !word.is_empty() && *word != "|").count()
    }
}

/// Combining accents are neither letters nor digits, and yet no end of a word. One of the apostrophes is a
/// letter to Unicode.
fn in_word(c: char) -> bool {
    (c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)) && !is_apostrophe(c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | 'ʼ' | '＇')
}

fn joins(c: char) -> bool {
    c.is_whitespace()
        || is_apostrophe(c)
        || matches!(c, ',' | '-' | '‐' | '‑' | '"' | '‘' | '“' | '”' | '*' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(text: &str, phrase: &str) -> bool {
        Words::of(text).has(&[phrase])
    }

    #[test]
    fn a_word_is_found_at_its_boundaries_only() {
        for text in ["die", "Die!", "to die,", "(die)", "'die'", "do-or-die", "*die*", "DIE"] {
            assert!(has(text, "die"), "{text}");
        }
        for text in ["died", "deadline", "indie", "diet", "die's", "die\u{301}te", "die2", "", "d i e"] {
            assert!(!has(text, "die"), "{text}");
        }
        assert!(has("indie die", "die"), "a later match counts");
    }

    #[test]
    fn apostrophes_of_every_kind_are_one() {
        for text in ["You're", "you’re", "YOUʼRE", "you＇re"] {
            assert!(has(text, "you're"), "{text}");
            assert!(!has(text, "you"), "{text}");
        }
        assert!(has("the others' plan", "others"));
        assert!(has("‘never’", "never"));
    }

    #[test]
    fn phrases_cross_blanks_and_commas_but_no_sentence() {
        for text in ["every time", "Every\n  time", "every, time", "every-time", "“every” time"] {
            assert!(has(text, "every time"), "{text}");
        }
        for text in ["every. Time", "every? time", "every… time", "every (time)", "every | time"] {
            assert!(!has(text, "every time"), "{text}");
        }
        assert!(!has("every timeline", "every time"));
    }

    #[test]
    fn words_are_counted_without_the_marks() {
        assert_eq!(Words::of("").count(), 0);
        assert_eq!(Words::of(" ?! … ").count(), 0);
        assert_eq!(Words::of("Don't — just don’t, OK?").count(), 4);
    }
}
