//! The analysis of English text, list by list the mirror of the Chinese one. It mirrors by meaning rather than
//! by dictionary: "at all" (根本) is left out, since "at all possible" is polite, and so is "I think" (我觉得),
//! since a thought is no feeling.

use super::digit::has_digit;
use super::words::Words;
use super::{Findings, PartWording, Wording, status};

const ABSOLUTES: &[&str] = &[
    "always",
    "never",
    "absolutely",
    "totally",
    "definitely",
    "constantly",
    "every time",
    "every single time",
    "all the time",
    "not once",
];
const JUDGEMENTS: &[&str] = &[
    "unprofessional",
    "terrible",
    "garbage",
    "rubbish",
    "incompetent",
    "incompetence",
    "useless",
    "outrageous",
    "ridiculous",
    "pathetic",
    "lazy",
    "stupid",
    "idiot",
    "idiots",
];
/// English puts an object into "escalate to", so the usual ones are spelt out.
const THREATS: &[&str] = &[
    "escalate to",
    "escalate this",
    "escalate it",
    "go over your head",
    "file a complaint",
    "make a complaint",
    "report you",
    "hold you accountable",
    "hold you responsible",
    "bear the consequences",
    "face the consequences",
    "there will be consequences",
    "or else",
    "get out now",
    "get lost",
    "you will regret",
    "you'll regret",
];
const SARCASM: &[&str] = &[
    "how impressive",
    "oh great",
    "nice going",
    "way to go",
    "big surprise",
    "thanks for nothing",
    "here we go again",
];
const DEATH: &[&str] = &["die", "dies", "died", "dying", "dead", "death", "kill you", "kill yourself"];
const OBSERVATIONS: &[&str] = &[
    "i observed",
    "i've observed",
    "i have observed",
    "i noticed",
    "i've noticed",
    "i have noticed",
    "i saw",
    "i've seen",
    "i have seen",
    "in the past",
    "over the past",
    "this week",
    "last week",
    "yesterday",
    "twice",
    "two times",
    "three times",
    "postponed",
    "rescheduled",
    "delayed",
];
const FEELINGS: &[&str] = &[
    "i feel",
    "i felt",
    "i'm feeling",
    "i am feeling",
    "anxious",
    "nervous",
    "worried",
    "worry",
    "pressure",
    "stressed",
    "overwhelmed",
    "angry",
    "frustrated",
    "upset",
    "disappointed",
    "sad",
];
const NEEDS: &[&str] = &[
    "i need",
    "hope",
    "hoping",
    "wish",
    "look forward to",
    "looking forward to",
    "important to me",
    "matters to me",
    "certainty",
    "stable",
    "stability",
];
const REQUESTS: &[&str] = &[
    "would you",
    "are you willing",
    "could you",
    "could we",
    "could i",
    "may i",
    "may we",
    "shall we",
    "please",
    "is it possible",
    "would it be possible",
];

/// The second person in all its forms, as the one character 你 has them.
const YOU: &[&str] =
    &["you", "your", "yours", "yourself", "yourselves", "you're", "you've", "you'll", "you'd"];
const WEAK_NEEDS: &[&str] = &["want", "wants", "wanted", "i'd like", "would like"];
const WEAK_REQUESTS: &[&str] = &["can you", "can't you", "help out", "help me"];

/// A request of so many words or fewer is too short to be concrete: about the six characters of the Chinese
/// rule.
const SHORT_REQUEST: usize = 3;

/// Whole words and phrases, whatever their case.
pub(super) fn find(text: &str) -> Findings {
    let words = Words::of(text);
    Findings {
        absolutes: words.has(ABSOLUTES),
        judgement: words.has(JUDGEMENTS),
        threat: words.has(THREATS),
        sarcasm: words.has(SARCASM),
        death: words.has(DEATH),
        observation: status(words.has(OBSERVATIONS) || has_digit(text), words.has(YOU)),
        feeling: status(words.has(FEELINGS), false),
        need: status(words.has(NEEDS), words.has(WEAK_NEEDS)),
        request: status(
            (words.has(REQUESTS) || text.contains('?')) && words.count() > SHORT_REQUEST,
            words.has(WEAK_REQUESTS),
        ),
    }
}

pub(super) const WORDING: Wording = Wording {
    observation: PartWording {
        present: "You point to concrete facts, so the other person knows what you mean.",
        absent: "There are no objective facts yet, so it is hard to see what actually happened.",
        suggestion: "Start with facts and times, for example “there were two delays in the last two weeks”.",
    },
    feeling: PartWording {
        present: "You say how you feel.",
        absent: "You do not clearly say how you feel yet.",
        suggestion: "Add how you feel, for example “I feel anxious” or “I feel worried”.",
    },
    need: PartWording {
        present: "You say what you need, so the other person knows what matters to you.",
        absent: "The need behind your feeling is not stated yet.",
        suggestion: "Add what you need, for example “I need a steadier delivery rhythm”.",
    },
    request: PartWording {
        present: "You make a concrete request.",
        absent: "The request is vague or not there yet.",
        suggestion: "Ask for something doable, for example “Could we confirm the milestones together before \
                     18:00 today?”",
    },
    triggers: ["Absolute wording", "Judging character or ability", "Threatening wording", "Sarcasm"],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Status::{Good, Missing, Weak};
    use crate::analysis::{Analysis, Language, RiskLevel, Status, analyse};

    fn english(text: &str) -> Analysis {
        analyse(text, Language::English)
    }

    fn statuses(text: &str) -> [Status; 4] {
        let ofnr = english(text).ofnr;
        [ofnr.observation.status, ofnr.feeling.status, ofnr.need.status, ofnr.request.status]
    }

    // These lists are ours to grow, so the tests read them: what they check is that every phrase is written in
    // the form that matching expects and belongs to one harmful list only.
    #[test]
    fn every_harmful_phrase_gives_its_trigger_and_risk() {
        let lists = [
            (ABSOLUTES, WORDING.triggers[0], RiskLevel::Medium),
            (JUDGEMENTS, WORDING.triggers[1], RiskLevel::High),
            (THREATS, WORDING.triggers[2], RiskLevel::High),
            (SARCASM, WORDING.triggers[3], RiskLevel::Medium),
        ];
        for (phrases, trigger, risk) in lists {
            for phrase in phrases {
                let analysis = english(&format!("Well, {}!", phrase.to_uppercase().replace('\'', "’")));
                assert_eq!(analysis.risk_triggers, [trigger], "{phrase}");
                assert_eq!(analysis.risk_level, risk, "{phrase}");
            }
        }
        for phrase in DEATH {
            let analysis = english(&format!("Well, {phrase}."));
            assert_eq!((analysis.risk_level, analysis.risk_triggers.len()), (RiskLevel::High, 0), "{phrase}");
        }
    }

    #[test]
    fn every_phrase_of_a_part_makes_it_good() {
        let parts = [OBSERVATIONS, FEELINGS, NEEDS, REQUESTS];
        for (part, phrases) in parts.into_iter().enumerate() {
            for phrase in phrases {
                let text = format!("About the report: {}", phrase.replace('\'', "’"));
                assert_eq!(statuses(&text)[part], Good, "{phrase}");
            }
        }
        assert_eq!(statuses("About the report from the team"), [Missing; 4]);
        assert_eq!(statuses("About the 2 reports from the team"), [Good, Missing, Missing, Missing]);
        assert_eq!(statuses("The report from the team?"), [Missing, Missing, Missing, Good]);
    }

    #[test]
    fn weak_only_where_not_good() {
        for form in YOU {
            assert_eq!(statuses(form)[0], Weak, "{form}");
        }
        for phrase in WEAK_NEEDS {
            assert_eq!(statuses(phrase)[2], Weak, "{phrase}");
        }
        for phrase in WEAK_REQUESTS {
            assert_eq!(statuses(phrase)[3], Weak, "{phrase}");
        }
        assert_eq!(statuses("You postponed it, I want it and I need it."), [Good, Missing, Good, Missing]);
        assert_eq!(statuses("Can you send the plan today?")[3], Good);
    }

    #[test]
    fn a_request_needs_more_than_three_words() {
        assert_eq!(statuses("Please — do it!")[3], Missing);
        assert_eq!(statuses("Can you come?")[3], Weak);
        assert_eq!(statuses("Please do it today")[3], Good);
    }

    #[test]
    fn harmless_words_that_hold_harmful_ones() {
        for text in [
            "The deadline for the diet plan is near, see the indie studio.",
            "Nevertheless the stabled horses hoped.",
            "Get out. Now we go.",
            "The report: your copy.",
        ] {
            let analysis = english(text);
            assert_eq!((analysis.risk_level, analysis.risk_triggers.len()), (RiskLevel::Low, 0), "{text}");
            assert_eq!(analysis.ofnr.need.status, Missing, "{text}");
        }
    }

    #[test]
    fn worked_examples() {
        let blunt = "You guys always drag your feet. Simply unprofessional!";
        assert_eq!(statuses(blunt), [Weak, Missing, Missing, Missing]);
        let blunt = english(blunt);
        assert_eq!((blunt.risk_level, blunt.overall_score), (RiskLevel::High, 0));
        assert_eq!(blunt.risk_triggers, [WORDING.triggers[0], WORDING.triggers[1]]);

        let full = english(
            "The review moved twice this week. I feel anxious because I need to plan my days. \
             Would you be willing to fix the time before Friday?",
        );
        assert_eq!((full.risk_level, full.overall_score), (RiskLevel::Low, 100));
        assert!(full.risk_triggers.is_empty());

        let all = english("Oh, great: you NEVER deliver, it's garbage, and I’ll file a complaint.");
        assert_eq!(all.risk_triggers, WORDING.triggers);
    }

    #[test]
    fn the_reason_follows_the_status_and_the_advice_does_not() {
        let good = english("Yesterday I was worried, and I need a plan. Could you send it?").ofnr;
        let missing = english("Hm").ofnr;
        let pairs = [
            (good.observation, missing.observation),
            (good.feeling, missing.feeling),
            (good.need, missing.need),
            (good.request, missing.request),
        ];
        for (good, missing) in pairs {
            assert_eq!((good.status, missing.status), (Good, Missing));
            assert_ne!(good.reason, missing.reason);
            assert_eq!(good.suggestion, missing.suggestion);
        }
    }
}
