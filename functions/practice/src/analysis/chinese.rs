//! The analysis of Chinese text. The lists and their order of precedence are fixed by published clients and
//! stored scores: a change here changes what people have been told about their sentences.

use super::digit::has_digit;
use super::{Findings, PartWording, Wording, status, trim};

const ABSOLUTES: &[&str] = &["总是", "从来", "根本", "一定", "每次都"];
const JUDGEMENTS: &[&str] = &["不专业", "糟糕", "垃圾", "无能", "离谱"];
const THREATS: &[&str] = &["升级到", "投诉", "追责", "后果自负", "马上滚"];
const SARCASM: &[&str] = &["真厉害", "可真行", "又来了"];
const OBSERVATIONS: &[&str] =
    &["我观察到", "我注意到", "过去", "本周", "昨天", "两次", "三次", "延期", "延迟"];
const FEELINGS: &[&str] = &["我感到", "我觉得", "焦虑", "紧张", "担心", "压力", "生气", "失望", "难过"];
const NEEDS: &[&str] = &["我需要", "希望", "期待", "对我来说重要", "确定性", "稳定"];
/// The question mark is the ASCII one only: the full-width ？ is no sign of a request.
const REQUESTS: &[&str] = &["你愿意", "可以", "能否", "可否", "请你", "是否可以", "?"];

/// A request of so many characters or fewer is too short to be concrete.
const SHORT_REQUEST: usize = 6;

/// Plain substrings of the trimmed text, case-sensitive, since Chinese has no word boundaries to respect.
pub(super) fn find(text: &str) -> Findings {
    let text = trim(text);
    let has = |list: &[&str]| list.iter().any(|word| text.contains(word));
    Findings {
        absolutes: has(ABSOLUTES),
        judgement: has(JUDGEMENTS),
        threat: has(THREATS),
        sarcasm: has(SARCASM),
        death: text.contains('死'),
        // 你 is also in 你们.
        observation: status(has(OBSERVATIONS) || has_digit(text), text.contains('你')),
        feeling: status(has(FEELINGS), false),
        need: status(has(NEEDS), text.contains("想要")),
        request: status(has(REQUESTS) && text.chars().count() > SHORT_REQUEST, has(&["能不能", "帮忙"])),
    }
}

pub(super) const WORDING: Wording = Wording {
    observation: PartWording {
        present: "说到了具体的事实，对方知道你指的是哪件事。",
        absent: "还没有客观事实，对方不容易知道具体发生了什么。",
        suggestion: "用事实和时间开头，例如“最近两周有两次延期”。",
    },
    feeling: PartWording {
        present: "说出了自己的感受。",
        absent: "还没有清楚地说出自己的感受。",
        suggestion: "加一句自己的感受，例如“我有些焦虑”或“我有些担心”。",
    },
    need: PartWording {
        present: "说明了自己的需要，对方知道你在意什么。",
        absent: "还没有说出感受背后最核心的需要。",
        suggestion: "加一句自己的需要，例如“我需要更稳定的交付节奏”。",
    },
    request: PartWording {
        present: "提出了具体的请求。",
        absent: "请求还比较模糊，或者还没有提出请求。",
        suggestion: "提一个对方当下做得到的请求，例如“今天 18:00 前，我们一起确认里程碑，可以吗？”",
    },
    triggers: ["绝对化表达", "人格/能力评判", "威胁性表达", "讽刺表达"],
};

#[cfg(test)]
mod tests {
    use crate::analysis::Status::{Good, Missing, Weak};
    use crate::analysis::{Analysis, Language, RiskLevel, Status, analyse};

    fn chinese(text: &str) -> Analysis {
        analyse(text, Language::Chinese)
    }

    fn statuses(text: &str) -> [Status; 4] {
        let ofnr = chinese(text).ofnr;
        [ofnr.observation.status, ofnr.feeling.status, ofnr.need.status, ofnr.request.status]
    }

    // The words stand here once more, because a test that read them from the lists could not miss one.
    #[test]
    fn every_harmful_word_gives_its_trigger_and_risk() {
        let lists: [(&[&str], &str, RiskLevel); 4] = [
            (&["总是", "从来", "根本", "一定", "每次都"], "绝对化表达", RiskLevel::Medium),
            (&["不专业", "糟糕", "垃圾", "无能", "离谱"], "人格/能力评判", RiskLevel::High),
            (&["升级到", "投诉", "追责", "后果自负", "马上滚"], "威胁性表达", RiskLevel::High),
            (&["真厉害", "可真行", "又来了"], "讽刺表达", RiskLevel::Medium),
        ];
        for (words, trigger, risk) in lists {
            for word in words {
                let analysis = chinese(&format!("这件事{word}啊"));
                assert_eq!(analysis.risk_triggers, [trigger], "{word}");
                assert_eq!(analysis.risk_level, risk, "{word}");
            }
        }
        let calm = chinese("这件事啊");
        assert_eq!((calm.risk_level, calm.risk_triggers.len()), (RiskLevel::Low, 0));
    }

    #[test]
    fn every_word_of_a_part_makes_it_good() {
        let lists: [&[&str]; 4] = [
            &["我观察到", "我注意到", "过去", "本周", "昨天", "两次", "三次", "延期", "延迟", "7", "７"],
            &["我感到", "我觉得", "焦虑", "紧张", "担心", "压力", "生气", "失望", "难过"],
            &["我需要", "希望", "期待", "对我来说重要", "确定性", "稳定"],
            &["你愿意", "可以", "能否", "可否", "请你", "是否可以", "?"],
        ];
        for (part, words) in lists.into_iter().enumerate() {
            for word in words {
                let found = statuses(&format!("关于这件事啊{word}"));
                for (other, status) in found.into_iter().enumerate() {
                    // 你愿意 and 请你 hold 你, which is a weak observation.
                    let rest = if other == 0 && word.contains('你') { Weak } else { Missing };
                    assert_eq!(status, if other == part { Good } else { rest }, "{word}, part {other}");
                }
            }
        }
        assert_eq!(statuses("关于这件事啊"), [Missing; 4]);
    }

    #[test]
    fn weak_only_where_not_good() {
        assert_eq!(statuses("你们来吧"), [Weak, Missing, Missing, Missing]);
        assert_eq!(statuses("你昨天来了"), [Good, Missing, Missing, Missing]);
        assert_eq!(statuses("想要结果"), [Missing, Missing, Weak, Missing]);
        assert_eq!(statuses("想要结果，期待结果"), [Missing, Missing, Good, Missing]);
        assert_eq!(statuses("能不能快点"), [Missing, Missing, Missing, Weak]);
        assert_eq!(statuses("帮忙看看"), [Missing, Missing, Missing, Weak]);
        assert_eq!(statuses("能不能快点?好吗"), [Missing, Missing, Missing, Good]);
    }

    #[test]
    fn a_request_needs_more_than_six_characters() {
        assert_eq!(statuses("明天可以来吗")[3], Missing);
        assert_eq!(statuses(" \u{3000}明天可以来吗\n\t")[3], Missing, "blanks around it do not count");
        assert_eq!(statuses("明天可以来一下")[3], Good);
        assert_eq!(statuses("😀😀😀😀可以")[3], Missing, "characters, not bytes or UTF-16 units");
        assert_eq!(statuses("能不能?")[3], Weak);
        assert_eq!(statuses("明天上午九点见？")[3], Missing, "the full-width mark is no request");
    }

    #[test]
    fn death_in_any_compound_is_high_without_a_trigger() {
        for text in ["死", "累死了", "死线到了", "数据库死锁"] {
            let analysis = chinese(text);
            assert_eq!(analysis.risk_level, RiskLevel::High, "{text}");
            assert!(analysis.risk_triggers.is_empty(), "{text}");
        }
        assert_eq!(chinese("the deadline, you never …").risk_level, RiskLevel::Low);
    }

    #[test]
    fn worked_examples() {
        let blunt = chinese("你们总是拖延，根本不专业");
        assert_eq!(statuses("你们总是拖延，根本不专业"), [Weak, Missing, Missing, Missing]);
        assert_eq!((blunt.risk_level, blunt.overall_score), (RiskLevel::High, 0));
        assert_eq!(blunt.risk_triggers, ["绝对化表达", "人格/能力评判"]);

        let full = chinese("过去两周评审改了两次时间，我有些焦虑，我需要稳定的节奏，你愿意今天定下来吗？");
        assert_eq!((full.risk_level, full.overall_score), (RiskLevel::Low, 100));
        assert!(full.risk_triggers.is_empty());

        let all = chinese("又来了！再这样我就投诉，你真是垃圾，总是这样");
        assert_eq!(all.risk_triggers, ["绝对化表达", "人格/能力评判", "威胁性表达", "讽刺表达"]);
    }

    #[test]
    fn the_reason_follows_the_status_and_the_advice_does_not() {
        let parts = |text| {
            let ofnr = chinese(text).ofnr;
            [ofnr.observation, ofnr.feeling, ofnr.need, ofnr.request]
        };
        let good = parts("昨天的事我担心，我需要稳定，可以吗");
        let missing = parts("嗯");
        let weak = parts("你想要帮忙");
        for ((good, missing), weak) in good.into_iter().zip(missing).zip(weak) {
            assert_eq!((good.status, missing.status), (Good, Missing));
            assert_ne!(good.reason, missing.reason);
            assert_eq!(weak.reason, missing.reason);
            assert_eq!(good.suggestion, missing.suggestion);
        }
    }
}
