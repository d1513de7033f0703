//! Sentences written by rule: the better sentence that goes with every feedback and stands in for the model's
//! rewrite, and the counterpart's reply when the model gives none.
//!
//! Nothing of the source's own wording is carried over: what hurt in it cannot come back. A few of its words
//! only choose among fixed clauses.

use crate::analysis::digit::has_digit;
use crate::analysis::words::Words;
use crate::analysis::{Language, trim};

/// A sentence in the four parts of nonviolent communication that fits `source`: observation, feeling and need,
/// then one full stop, then the request as a question. The action card divides it at the full stop.
pub fn rewrite(source: &str, language: Language) -> String {
    let blank = trim(source).is_empty();
    match language {
        Language::Chinese if blank => {
            "我观察到最近的进展有些起伏，我有些焦虑，因为我需要更稳定的节奏。你愿意和我确认接下来的计划吗？"
                .to_owned()
        }
        Language::English if blank => {
            "I noticed that progress has been going up and down, and I feel somewhat anxious, because I need \
             a steadier rhythm. Would you be willing to confirm the next plan with me?"
                .to_owned()
        }
        Language::Chinese => chinese(source),
        Language::English => english(source),
    }
}

/// What the counterpart answers when the model does not: understanding, and an offer to go on.
pub fn fallback_reply(language: Language) -> &'static str {
    match language {
        Language::Chinese => {
            "我明白你想把这件事往前推进，我们可以先对齐一下事实，再说说你希望的下一步是什么。"
        }
        Language::English => {
            "I understand that you want to move this forward; let's first agree on the facts, and then tell \
             me the next step you would like."
        }
    }
}

fn chinese(source: &str) -> String {
    let has = |words: &[&str]| words.iter().any(|word| source.contains(word));
    let observation = if has_digit(source) {
        "最近有几次变更或延期"
    } else if has(&["延期", "延迟"]) {
        "最近有延期的情况"
    } else {
        "最近有几次进度上的延误"
    };
    let feeling = if has(&["担心", "焦虑", "紧张", "压力"]) {
        "担心"
    } else if has(&["生气", "愤怒"]) {
        "着急"
    } else {
        "焦虑"
    };
    let need = if has(&["标准"]) {
        "更清晰的标准"
    } else if has(&["资源"]) {
        "明确的资源和优先级"
    } else {
        "更可预期的协作节奏"
    };
    let request = if has(&["明天"]) {
        "明天约 15 分钟对齐下一步"
    } else {
        "今天和我一起确认一个可以达成的里程碑"
    };
    format!("我观察到{observation}，我有些{feeling}，因为我需要{need}。你愿意{request}吗？")
}

fn english(source: &str) -> String {
    let words = Words::of(source);
    let observation = if has_digit(source) {
        "several changes or postponements lately"
    } else if words.has(&["postponed", "postpone", "rescheduled", "delayed", "delay", "delays"]) {
        "that things have been postponed lately"
    } else {
        "several delays lately"
    };
    let feeling = if words
        .has(&["worried", "worry", "anxious", "anxiety", "nervous", "tense", "pressure", "stressed"])
    {
        "worried"
    } else if words.has(&["angry", "furious"]) {
        "impatient"
    } else {
        "anxious"
    };
    let need = if words.has(&["standard", "standards"]) {
        "clearer standards"
    } else if words.has(&["resource", "resources"]) {
        "clear resources and priorities"
    } else {
        "a more predictable rhythm of working together"
    };
    let request = if words.has(&["tomorrow"]) {
        "set aside 15 minutes tomorrow to align on the next step"
    } else {
        "confirm one achievable milestone with me today"
    };
    format!(
        "I noticed {observation}, and I feel somewhat {feeling}, because I need {need}. \
         Would you be willing to {request}?"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Status::Good;
    use crate::analysis::{RiskLevel, analyse};

    fn assert_slot(language: Language, slot: &str, clause: &str, sources: &[&str]) {
        for source in sources {
            let sentence = rewrite(source, language);
            assert!(sentence.contains(clause), "{slot} of {source:?}: {sentence}");
        }
    }

    #[test]
    fn chinese_slots_and_their_precedence() {
        let zh = Language::Chinese;
        assert_eq!(
            rewrite("你总是拖延，根本不专业", zh),
            "我观察到最近有几次进度上的延误，我有些焦虑，因为我需要更可预期的协作节奏。\
             你愿意今天和我一起确认一个可以达成的里程碑吗？"
        );
        assert_slot(zh, "observation", "我观察到最近有延期的情况，", &["又延期了", "延迟了"]);
        assert_slot(zh, "observation", "几次变更或延期，", &["延期3次", "３ 天", "延迟到 18:00"]);
        assert_slot(zh, "feeling", "我有些着急，", &["我很生气", "愤怒"]);
        assert_slot(zh, "feeling", "我有些担心，", &["担心", "焦虑", "紧张", "压力", "生气，压力大"]);
        assert_slot(zh, "need", "我需要明确的资源和优先级。", &["资源不够"]);
        assert_slot(zh, "need", "我需要更清晰的标准。", &["标准不清", "资源和标准"]);
        assert_slot(zh, "request", "你愿意明天约 15 分钟对齐下一步吗？", &["明天吧"]);
    }

    #[test]
    fn english_slots_and_their_precedence() {
        let en = Language::English;
        assert_eq!(
            rewrite("You never deliver", en),
            "I noticed several delays lately, and I feel somewhat anxious, because I need a more predictable \
             rhythm of working together. Would you be willing to confirm one achievable milestone with me today?"
        );
        assert_slot(
            en,
            "observation",
            "that things have been postponed lately,",
            &["Delayed again", "A delay!"],
        );
        assert_slot(
            en,
            "observation",
            "several changes or postponements lately,",
            &["delayed 3 times", "2x"],
        );
        assert_slot(en, "feeling", "somewhat impatient,", &["I'm angry", "FURIOUS"]);
        assert_slot(en, "feeling", "somewhat worried,", &["I worry", "stressed and angry", "under pressure"]);
        assert_slot(en, "need", "I need clear resources and priorities.", &["No resources"]);
        assert_slot(en, "need", "I need clearer standards.", &["Which standard? Which resources?"]);
        assert_slot(en, "request", "15 minutes tomorrow", &["Tomorrow, then."]);
    }

    #[test]
    fn a_blank_source_gets_the_fixed_sentence() {
        for language in [Language::Chinese, Language::English] {
            let fixed = rewrite("", language);
            for source in [" ", "\n\t\u{3000}", "\u{1c}\u{1f}"] {
                assert_eq!(rewrite(source, language), fixed);
            }
            assert_ne!(rewrite("嗯", language), fixed);
        }
    }

    /// Texts from words that matter to the rules and from arbitrary characters, the same on every run.
    fn corpus() -> Vec<String> {
        const WORDS: &[&str] = &[
            "你们",
            "总是",
            "不专业",
            "投诉",
            "又来了",
            "昨天",
            "延期",
            "生气",
            "压力",
            "希望",
            "想要",
            "资源",
            "标准",
            "明天",
            "能不能",
            "可以",
            "死",
            "我感到",
            "。",
            "？",
            "?",
            "，",
            "3",
            "９",
            "½",
            " ",
            "\n",
            "\0",
            "\u{1c}",
            "\u{301}",
            "😀",
            "You’re",
            "never ",
            "DELAYED",
            " angry",
            "escalate to ",
            "die",
            "resources",
            " standard ",
            "tomorrow",
            "would you",
            ".",
            "'",
            "’",
            "| ",
            "-",
            "İ",
            "ß",
        ];
        // Numerical Recipes' linear congruential generator; its high bits are random enough.
        let mut state = 20_261_121_u32;
        let mut below = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % n
        };
        let mut texts = vec![String::new()];
        for _ in 0..3000 {
            let mut text = String::new();
            for _ in 0..below(12) {
                match below(4) {
                    0 => text.extend(char::from_u32(below(0x11_0000))),
                    _ => text.push_str(WORDS[below(WORDS.len() as u32) as usize]),
                }
            }
            texts.push(text);
        }
        texts
    }

    #[test]
    fn every_text_gets_a_score_in_range_and_a_sentence_of_the_shape() {
        for text in corpus() {
            for language in [Language::Chinese, Language::English] {
                let analysis = analyse(&text, language);
                assert!((0..=100).contains(&analysis.overall_score), "{text:?}");
                assert_eq!(analysis, analyse(&format!("\n{text}  "), language), "{text:?}");

                let sentence = rewrite(&text, language);
                let (stop, question, other) = match language {
                    Language::Chinese => ('。', '？', "."),
                    Language::English => ('.', '?', "。"),
                };
                assert_eq!(sentence.matches(stop).count(), 1, "{sentence}");
                assert_eq!(sentence.matches(question).count(), 1, "{sentence}");
                assert!(sentence.ends_with(question), "{sentence}");
                assert!(!sentence.contains(other) && !sentence.contains("我感到"), "{sentence}");
            }
        }
    }

    #[test]
    fn the_rules_approve_of_their_own_sentences() {
        for text in corpus() {
            for language in [Language::Chinese, Language::English] {
                let sentence = rewrite(&text, language);
                let analysis = analyse(&sentence, language);
                assert_eq!(analysis.risk_level, RiskLevel::Low, "{sentence}");
                // 着急 is the one feeling that the sentences know and the analysis does not.
                if !sentence.contains("着急") {
                    assert_eq!(analysis.ofnr.feeling.status, Good, "{sentence}");
                }
                for part in [analysis.ofnr.observation, analysis.ofnr.need, analysis.ofnr.request] {
                    assert_eq!(part.status, Good, "{sentence}");
                }
            }
        }
    }

    #[test]
    fn the_fallback_reply_is_one_calm_sentence() {
        for (language, stop) in [(Language::Chinese, '。'), (Language::English, '.')] {
            let reply = fallback_reply(language);
            assert_eq!(reply.matches(stop).count(), 1, "{reply}");
            assert!(reply.ends_with(stop), "{reply}");
            assert_eq!(analyse(reply, language).risk_level, RiskLevel::Low, "{reply}");
        }
    }
}
