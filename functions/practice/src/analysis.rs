//! What a learner's message says and how it may land: the four parts of nonviolent communication
//! (observation, feeling, need, request), the risk that it does harm, and a score.
//!
//! The rules are word lists and arithmetic, so that the same text always gets the same feedback, at once and
//! without a model. Each language has its own lists and its own matching; what follows from them is the same.

use std::borrow::Cow;

use shared::prelude::*;

mod chinese;
pub(crate) mod digit;
mod english;
#[cfg(test)]
mod evaluation;
pub(crate) mod words;

/// Judges `text` by the rules of `language`. Any text is allowed, also an empty one.
pub fn analyse(text: &str, language: Language) -> Analysis {
    let (findings, wording) = match language {
        Language::Chinese => (chinese::find(text), &chinese::WORDING),
        Language::English => (english::find(text), &english::WORDING),
    };
    let risk_level = findings.risk_level();
    Analysis {
        overall_score: findings.score(risk_level),
        risk_level,
        ofnr: Ofnr {
            observation: wording.observation.dimension(findings.observation),
            feeling: wording.feeling.dimension(findings.feeling),
            need: wording.need.dimension(findings.need),
            request: wording.request.dimension(findings.request),
        },
        risk_triggers: findings.triggers(&wording.triggers),
    }
}

/// The language of an analysis and of the sentences written for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese in any script or region. The word lists are in simplified characters.
    Chinese,
    /// English, which also serves every locale that has no lists of its own.
    English,
}

impl Language {
    /// The language for a person's locale, a BCP 47 tag. Only the language subtag counts, in any case:
    /// `zh`, `zh-CN`, `ZH-Hant-TW` are Chinese. The underscore of POSIX locales (`zh_CN`) is accepted too.
    pub fn of(locale: &str) -> Self {
        let subtag = locale.trim().split(['-', '_']).next().unwrap_or_default();
        if subtag.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }
}

/// The feedback on one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// 0 to 100: 25 for a good part, 12 for a weak one, less 8 for medium and 15 for high risk.
    pub overall_score: i16,
    /// How likely the message is to hurt the talk.
    pub risk_level: RiskLevel,
    /// The four parts, each with its verdict and advice.
    pub ofnr: Ofnr,
    /// Labels of the harmful patterns found, each at most once, in the language of the analysis and always in
    /// this order: absolutes, judgement, threat, sarcasm.
    pub risk_triggers: Vec<String>,
}

/// The four parts of a message in the sense of nonviolent communication.
#[answer]
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Ofnr {
    /// What happened, as a camera would have seen it.
    pub observation: Dimension,
    /// What the speaker feels about it.
    pub feeling: Dimension,
    /// The need behind the feeling.
    pub need: Dimension,
    /// What the speaker asks of the other person.
    pub request: Dimension,
}

/// The verdict on one of the four parts. The texts are in the language of the analysis.
#[answer]
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dimension {
    /// Whether the part is there.
    pub status: Status,
    /// Why it got this status.
    pub reason: Cow<'static, str>,
    /// How to say it better; the same advice whatever the status.
    pub suggestion: Cow<'static, str>,
}

/// How well a part is expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Nothing of it is there.
    Missing,
    /// There is a trace of it.
    Weak,
    /// It is there.
    Good,
}

impl Status {
    fn points(self) -> i16 {
        match self {
            Self::Missing => 0,
            Self::Weak => 12,
            Self::Good => 25,
        }
    }
}

shared::text_enum! {
    /// How likely a message is to hurt the talk. It is a label: nothing is blocked because of it.
    pub enum RiskLevel {
        /// , no harmful pattern.
        Low = "LOW",
        /// , absolutes or sarcasm.
        Medium = "MEDIUM",
        /// , judgement of the person, a threat, or talk of death.
        High = "HIGH",
    }
}

impl RiskLevel {
    fn penalty(self) -> i16 {
        match self {
            Self::Low => 0,
            Self::Medium => 8,
            Self::High => 15,
        }
    }
}

/// What the lists of a language find in a text.
struct Findings {
    absolutes: bool,
    judgement: bool,
    threat: bool,
    sarcasm: bool,
    /// Talk of death raises the risk without a trigger of its own.
    death: bool,
    observation: Status,
    feeling: Status,
    need: Status,
    request: Status,
}

impl Findings {
    fn risk_level(&self) -> RiskLevel {
        if self.death || self.threat || self.judgement {
            RiskLevel::High
        } else if self.absolutes || self.sarcasm {
            RiskLevel::Medium
        } else {
            RiskLevel::Low
        }
    }

    fn score(&self, risk_level: RiskLevel) -> i16 {
        let points: i16 =
            [self.observation, self.feeling, self.need, self.request].into_iter().map(Status::points).sum();
        (points - risk_level.penalty()).clamp(0, 100)
    }

    fn triggers(&self, labels: &[&str; 4]) -> Vec<String> {
        let found = [self.absolutes, self.judgement, self.threat, self.sarcasm];
        labels.iter().zip(found).filter(|(_, found)| *found).map(|(label, _)| (*label).to_owned()).collect()
    }
}

/// What a language says about its findings.
struct Wording {
    observation: PartWording,
    feeling: PartWording,
    need: PartWording,
    request: PartWording,
    /// Labels for absolutes, judgement, threat and sarcasm.
    triggers: [&'static str; 4],
}

/// What a language says about one of the four parts.
struct PartWording {
    /// The reason when the part is good.
    present: &'static str,
    /// The reason when it is weak or missing.
    absent: &'static str,
    suggestion: &'static str,
}

impl PartWording {
    fn dimension(&self, status: Status) -> Dimension {
        let reason = if status == Status::Good { self.present } else { self.absent };
        Dimension { status, reason: Cow::Borrowed(reason), suggestion: Cow::Borrowed(self.suggestion) }
    }
}

/// Good if `good`, else weak if `weak`, else missing.
fn status(good: bool, weak: bool) -> Status {
    if good {
        Status::Good
    } else if weak {
        Status::Weak
    } else {
        Status::Missing
    }
}

/// The text without blanks around it. The separators U+001C to U+001F count as blank, as they did in the
/// service whose scores these must equal, though Unicode's White_Space leaves them out.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Findings whose parts are `good` times good, then `weak` times weak, then missing.
    fn findings(good: usize, weak: usize) -> Findings {
        let part = |n: usize| status(n < good, n < good + weak);
        Findings {
            absolutes: false,
            judgement: false,
            threat: false,
            sarcasm: false,
            death: false,
            observation: part(0),
            feeling: part(1),
            need: part(2),
            request: part(3),
        }
    }

    #[test]
    fn the_language_subtag_decides() {
        for locale in ["zh", "zh-CN", "zh-Hant", "zh-Hans-SG", "ZH-tw", "zh_CN", " zh "] {
            assert_eq!(Language::of(locale), Language::Chinese, "{locale}");
        }
        for locale in ["en", "en-GB", "de", "za", "zha", "fr-CN", "x-zh", "", "-", "中文"] {
            assert_eq!(Language::of(locale), Language::English, "{locale}");
        }
    }

    #[test]
    fn every_combination_of_parts_and_risk_has_its_score() {
        let rows = [
            // good, weak, then the score at low, medium and high risk
            (0, 0, [0, 0, 0]),
            (0, 1, [12, 4, 0]),
            (0, 2, [24, 16, 9]),
            (0, 3, [36, 28, 21]),
            (0, 4, [48, 40, 33]),
            (1, 0, [25, 17, 10]),
            (1, 1, [37, 29, 22]),
            (1, 2, [49, 41, 34]),
            (1, 3, [61, 53, 46]),
            (2, 0, [50, 42, 35]),
            (2, 1, [62, 54, 47]),
            (2, 2, [74, 66, 59]),
            (3, 0, [75, 67, 60]),
            (3, 1, [87, 79, 72]),
            (4, 0, [100, 92, 85]),
        ];
        for (good, weak, scores) in rows {
            for (risk, score) in [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High].into_iter().zip(scores)
            {
                assert_eq!(findings(good, weak).score(risk), score, "{good} good, {weak} weak, {risk:?}");
            }
        }
    }

    #[test]
    fn the_worst_finding_decides_the_risk() {
        let none = || findings(0, 0);
        assert_eq!(none().risk_level(), RiskLevel::Low);
        assert_eq!(Findings { absolutes: true, ..none() }.risk_level(), RiskLevel::Medium);
        assert_eq!(Findings { sarcasm: true, ..none() }.risk_level(), RiskLevel::Medium);
        assert_eq!(Findings { judgement: true, ..none() }.risk_level(), RiskLevel::High);
        assert_eq!(Findings { threat: true, ..none() }.risk_level(), RiskLevel::High);
        assert_eq!(Findings { death: true, ..none() }.risk_level(), RiskLevel::High);
        let both = Findings { absolutes: true, sarcasm: true, death: true, ..none() };
        assert_eq!(both.risk_level(), RiskLevel::High);
    }

    #[test]
    fn triggers_keep_their_order_and_death_has_none() {
        let labels = ["a", "j", "t", "s"];
        let all =
            Findings { absolutes: true, judgement: true, threat: true, sarcasm: true, ..findings(0, 0) };
        assert_eq!(all.triggers(&labels), ["a", "j", "t", "s"]);
        let two = Findings { absolutes: true, sarcasm: true, ..findings(0, 0) };
        assert_eq!(two.triggers(&labels), ["a", "s"]);
        assert!(Findings { death: true, ..findings(0, 0) }.triggers(&labels).is_empty());
    }

    #[test]
    fn wire_texts_are_upper_case_and_read_back() {
        for level in [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High] {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
            assert_eq!(RiskLevel::parse(level.as_str()), Some(level));
        }
        assert_eq!(RiskLevel::parse("low"), None);

        let ofnr = analyse("你来吧", Language::Chinese).ofnr;
        let json = serde_json::to_value(&ofnr).unwrap();
        assert_eq!(json["observation"]["status"], "WEAK");
        assert_eq!(json["feeling"]["status"], "MISSING");
        assert_eq!(serde_json::from_value::<Ofnr>(json).unwrap(), ofnr);
    }

    #[test]
    fn separators_are_trimmed_like_blanks() {
        assert_eq!(trim("\u{3000}\u{1c} 好\u{1f}\n"), "好");
        assert_eq!(trim("\u{1c}\u{85}\u{a0}"), "");
        assert_eq!(trim("\u{200b}"), "\u{200b}");
    }
}
