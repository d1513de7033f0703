//! The words of the portal: each in three languages, each used, and none missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// Keys of which a part is a value: `say(`lesson_${status}`)`.
const FAMILIES: [&str; 14] = [
    "adjust_",
    "attention_",
    "booking_",
    "entry_",
    "lesson_",
    "money_",
    "obstacle_",
    "package_",
    "paid_",
    "payment_",
    "provider_",
    "role_",
    "slot_",
    "wait_",
];

fn sources() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("files");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

fn words() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("files/words.js")).unwrap();
    let list = text.split("export const WORDS = {\n").nth(1).unwrap().split("\n};\n").next().unwrap();
    let mut words = BTreeMap::new();
    for line in list.lines().filter(|line| !line.is_empty()) {
        let (key, texts) = line.trim().strip_suffix(',').unwrap().split_once(": ").unwrap();
        let texts: Vec<String> =
            serde_json::from_str(texts).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(words.insert(key.to_owned(), texts).is_none(), "{key} is there twice");
    }
    words
}

fn places(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
}

#[test]
fn every_key_has_three_languages_with_the_same_values() {
    for (key, texts) in words() {
        assert_eq!(texts.len(), 3, "{key}");
        for text in &texts {
            assert!(!text.trim().is_empty() && text == text.trim(), "{key}");
            assert_eq!(places(text), places(&texts[0]), "{key}");
        }
    }
}

#[test]
fn every_key_that_is_said_is_there_and_every_one_there_is_said() {
    let (words, sources) = (words(), sources());
    for opening in ["say(\"", "data-word=\"", "word: \"", "nothing(\""] {
        for rest in sources.split(opening).skip(1) {
            let key = rest.split('"').next().unwrap();
            assert!(words.contains_key(key), "{key} is said and has no words");
        }
    }
    for key in words.keys() {
        let is_said = sources.contains(&format!("\"{key}\""));
        assert!(is_said || FAMILIES.iter().any(|family| key.starts_with(family)), "nobody says {key}");
    }
}

/// What the API may answer as one of a family has words.
#[test]
fn every_state_of_the_api_has_words() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json")).unwrap();
    let schemas: Value = serde_json::from_str(&text).unwrap();
    let words = words();
    let states = [
        ("adjust_", "Adjustment"),
        ("booking_", "BookingStatus"),
        ("entry_", "EntryKind"),
        ("lesson_", "LessonStatus"),
        ("obstacle_", "Obstacle"),
        ("package_", "PackageStatus"),
        ("paid_", "PaymentStatus"),
        ("payment_", "PaymentStatus"),
        ("provider_", "Provider"),
        ("role_", "Role"),
        ("slot_", "SlotStatus"),
        ("wait_", "WaitStatus"),
    ];
    for (family, schema) in states {
        let values =
            schemas["components"]["schemas"][schema]["enum"].as_array().unwrap_or_else(|| panic!("{schema}"));
        for value in values {
            let key = format!("{family}{}", value.as_str().unwrap());
            assert!(words.contains_key(&key), "{key} has no words");
        }
    }
}
