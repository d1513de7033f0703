//! The lines of the action card that a learner takes into the real talk.

use crate::analysis::Language;

/// The three lines of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardText {
    /// How to begin: what was observed, felt and needed.
    pub opening_line: String,
    /// What to ask for, with an ASCII question mark in every language.
    pub request_line: String,
    /// What to say if the moment is wrong.
    pub fallback_line: String,
}

/// Divides `next_best_sentence` at its full stop into the opening and the request. A sentence of one part is
/// all opening, and the request is then a fixed question. `language` is that of the fixed lines only: the
/// sentence shows by itself which stop it uses, as the person may have changed their locale since.
pub fn compose(next_best_sentence: &str, language: Language) -> CardText {
    let sentence = next_best_sentence.replace('？', "?");
    let stop = if sentence.contains('。') { "。" } else { ". " };
    let mut parts = sentence.split(stop).map(str::trim).filter(|part| !part.is_empty());
    let (request, fallback) = match language {
        Language::Chinese => {
            ("我们可以一起确认一下接下来的安排吗?", "如果现在不方便，我们可以另外约一个时间再聊。")
        }
        Language::English => (
            "Could we confirm the next arrangement together?",
            "If now is not a good moment, let's find another time to talk.",
        ),
    };
    CardText {
        opening_line: parts.next().unwrap_or(&sentence).to_owned(),
        request_line: parts.next().unwrap_or(request).to_owned(),
        fallback_line: fallback.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::rewrite;

    #[test]
    fn a_chinese_sentence_is_divided_at_its_stop() {
        let card = compose(&rewrite("明天又延期", Language::Chinese), Language::Chinese);
        assert_eq!(card.opening_line, "我观察到最近有延期的情况，我有些焦虑，因为我需要更可预期的协作节奏");
        assert_eq!(card.request_line, "你愿意明天约 15 分钟对齐下一步吗?");
        assert_eq!(card.fallback_line, "如果现在不方便，我们可以另外约一个时间再聊。");
    }

    #[test]
    fn an_english_sentence_is_divided_at_its_stop() {
        let card = compose(&rewrite("delayed", Language::English), Language::English);
        assert_eq!(
            card.opening_line,
            "I noticed that things have been postponed lately, and I feel somewhat anxious, because I need a \
             more predictable rhythm of working together"
        );
        assert_eq!(
            card.request_line,
            "Would you be willing to confirm one achievable milestone with me today?"
        );
        assert_eq!(card.fallback_line, "If now is not a good moment, let's find another time to talk.");
    }

    #[test]
    fn the_sentence_decides_the_stop_and_the_person_the_fixed_lines() {
        let card = compose(&rewrite("", Language::English), Language::Chinese);
        assert_eq!(card.request_line, "Would you be willing to confirm the next plan with me?");
        assert_eq!(card.fallback_line, compose("", Language::Chinese).fallback_line);
        let card = compose(&rewrite("", Language::Chinese), Language::English);
        assert_eq!(card.request_line, "你愿意和我确认接下来的计划吗?");
        assert_eq!(card.fallback_line, compose("", Language::English).fallback_line);
    }

    #[test]
    fn one_part_is_the_opening_and_more_than_two_are_cut() {
        let fixed = "我们可以一起确认一下接下来的安排吗?";
        for (sentence, opening, request) in [
            ("只有一句", "只有一句", fixed),
            (" 只有一句 。 。", "只有一句", fixed),
            ("好吗？", "好吗?", fixed),
            ("一。二？三。四", "一", "二?三"),
            ("。。", "。。", fixed),
            ("", "", fixed),
            ("We ship v1.5 now", "We ship v1.5 now", fixed),
        ] {
            let card = compose(sentence, Language::Chinese);
            assert_eq!(
                (card.opening_line.as_str(), card.request_line.as_str()),
                (opening, request),
                "{sentence:?}"
            );
        }
        let english = compose("We ship v1.5 now", Language::English);
        assert_eq!(english.request_line, "Could we confirm the next arrangement together?");
    }
}
