//! How the rules do on the ten cases of the evaluation set `ofnr_evalset_v0.1`. The set's own sentences are not
//! at hand: the messages here are written from their gist, the expectations are the set's.
//!
//! It records where rules of this kind stop, rather than asking for success: they miss demands, hidden
//! judgement and blame. The counts are the ones known for these rules on the original sentences.

use super::RiskLevel::{self, High, Low, Medium};
use super::Status::{self, Good, Missing, Weak};
use super::{Language, analyse};
use crate::sentence::rewrite;

struct Case {
    message: &'static str,
    risk: RiskLevel,
    ofnr: [Status; 4],
    /// The set's labels, in our words where we have a trigger for them.
    must_flag: &'static [&'static str],
    rewrite_contains: &'static [&'static str],
}

const CASES: [Case; 10] = [
    Case {
        message: "你们总是拖延，根本不专业。",
        risk: High,
        ofnr: [Weak, Missing, Missing, Missing],
        must_flag: &["绝对化表达", "人格/能力评判"],
        rewrite_contains: &["我观察到", "我感到", "我需要", "你愿意"],
    },
    Case {
        message: "我现在压力很大，你最好尽快给我加人。",
        risk: Medium,
        ofnr: [Missing, Good, Weak, Weak],
        must_flag: &["命令式请求"],
        rewrite_contains: &["我观察到", "我感到压力", "希望", "是否可以"],
    },
    Case {
        message: "过去一个月评审改期三次，我有些紧张，因为我需要稳定的安排。你愿意把评审固定在周二下午吗？",
        risk: Low,
        ofnr: [Good; 4],
        must_flag: &[],
        rewrite_contains: &["每周二下午"],
    },
    Case {
        message: "你们这周再不交付，我就升级到总监那里。",
        risk: High,
        ofnr: [Weak, Missing, Missing, Weak],
        must_flag: &["威胁性表达"],
        rewrite_contains: &["我观察到", "我担心", "我需要", "你愿意"],
    },
    Case {
        message: "这份文档让我崩溃，你能不能改一下。",
        risk: Medium,
        ofnr: [Missing, Good, Weak, Weak],
        must_flag: &["请求不具体"],
        rewrite_contains: &["具体指出", "修改时间"],
    },
    Case {
        message: "本周我收到三个紧急需求，我有些焦虑，我需要清楚的优先级。可以今天帮我选出最先做的两项吗？",
        risk: Low,
        ofnr: [Good; 4],
        must_flag: &[],
        rewrite_contains: &["最重要的两项"],
    },
    Case {
        message: "真厉害，你又把测试环境弄坏了。",
        risk: High,
        ofnr: [Weak, Missing, Missing, Missing],
        must_flag: &["讽刺表达", "人格化归因"],
        rewrite_contains: &["我观察到", "我担心", "一起确认"],
    },
    Case {
        message: "你要是能稍微守时一点就好了。",
        risk: Medium,
        ofnr: [Weak, Missing, Weak, Weak],
        must_flag: &["隐性评判", "请求模糊"],
        rewrite_contains: &["过去两次", "我需要", "你愿意下次提前"],
    },
    Case {
        message: "昨天接口没有通知就变更了，我很担心，我需要提前知道改动。能否在 17:00 前发我一份清单？",
        risk: Low,
        ofnr: [Good; 4],
        must_flag: &[],
        rewrite_contains: &["17:00前", "变更清单"],
    },
    Case {
        message: "这次评级我觉得不公平，我需要更清楚的标准，可以用 30 分钟说明一下依据吗？",
        risk: Low,
        ofnr: [Weak, Good, Good, Good],
        must_flag: &[],
        rewrite_contains: &["逐条", "评分依据"],
    },
];

#[test]
fn the_rules_meet_as_many_expectations_as_is_known() {
    let mut missed_risks = Vec::new();
    let (mut parts, mut flags, mut phrases) = (0, 0, 0);
    for (number, case) in (1..).zip(&CASES) {
        let analysis = analyse(case.message, Language::Chinese);
        let ofnr = analysis.ofnr;
        let found = [ofnr.observation.status, ofnr.feeling.status, ofnr.need.status, ofnr.request.status];
        let sentence = rewrite(case.message, Language::Chinese);
        if analysis.risk_level != case.risk {
            missed_risks.push(number);
        }
        parts += found.iter().zip(case.ofnr).filter(|(found, expected)| **found == *expected).count();
        flags +=
            case.must_flag.iter().filter(|flag| analysis.risk_triggers.iter().any(|t| t == *flag)).count();
        phrases += case.rewrite_contains.iter().filter(|phrase| sentence.contains(**phrase)).count();
    }
    assert_eq!(missed_risks, [2, 5, 7, 8]);
    assert_eq!(CASES.len() * 4, 40);
    assert_eq!(parts, 30);
    assert_eq!((flags, CASES.iter().map(|case| case.must_flag.len()).sum::<usize>()), (4, 9));
    assert_eq!((phrases, CASES.iter().map(|case| case.rewrite_contains.len()).sum::<usize>()), (10, 26));
}
