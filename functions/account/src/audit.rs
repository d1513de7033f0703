//! Reading the audit log, which `shared::audit` writes.
//!
//! No role of the application may change a row, nor delete one before its time (`purge-expired` asks a definer function, which
//! refuses all that is younger than 90 days), and row-level security, forced on the owner of the tables
//! too, lets nobody see one to change. What is left: the owner, which only `migrate` signs in as, could empty the table, drop
//! it or lift its security, and a superuser can do anything. Against them only a copy elsewhere helps: the server's backups
//! and its log of statements.

use std::borrow::Cow;

use deserr::{IntoValue, Value, ValuePointerRef};
use jiff::Timestamp;
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::input::problem;
use shared::keyset::{Keyset, KeysetPage, KeysetPaging, Place};
use shared::prelude::*;

/// One act.
#[row]
pub struct AuditRow {
    /// The row's id.
    pub id: Uuid,
    /// Who did it; null for the system and for somebody who was not signed in.
    pub actor_id: Option<Uuid>,
    /// What was done, for example `user.roles_changed`.
    pub action: String,
    /// The kind of thing it was done to, for example `user`.
    pub entity_type: String,
    /// Which one.
    pub entity_id: Option<String>,
    /// What changed: ids and states, never names, addresses or content.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub payload: serde_json::Value,
    /// When it was done.
    pub created_at: Time,
}

/// Which acts a list shows; all filters must hold.
#[input]
pub struct AuditFilter {
    /// Only what this person did.
    pub actor_id: Option<Uuid>,
    /// Only acts of this name.
    pub action: Option<Text<1, 128>>,
    /// Only what was done to this kind of thing.
    pub entity_type: Option<Text<1, 128>>,
    /// Only what was done to this one.
    pub entity_id: Option<Text<1, 128>>,
    /// Only what was done at this moment or later, RFC 3339 (`2026-11-16T09:00:00Z`).
    pub from: Option<Moment>,
    /// Only what was done before this moment.
    pub to: Option<Moment>,
}

impl Keyset for AuditRow {
    const LIST: &'static str = "AuditPage";

    fn place(&self) -> Place {
        Place { at: self.created_at, id: self.id }
    }
}

/// A page of the log. Must be a transaction of the service.
pub async fn list(
    tx: &Tx,
    filter: &AuditFilter,
    paging: KeysetPaging<AuditRow>,
) -> Result<KeysetPage<AuditRow>> {
    let rows = tx
        .list(
            "select id, actor_id, action, entity_type, entity_id, payload, occurred_at as created_at
             from identity.audit_log
             where ($1::uuid is null or actor_id = $1)
               and ($2::text is null or action = $2)
               and ($3::text is null or entity_type = $3)
               and ($4::text is null or entity_id = $4)
               and ($5::timestamptz is null or occurred_at >= $5)
               and ($6::timestamptz is null or occurred_at < $6)
               and ($7::timestamptz is null or (occurred_at, id) < ($7, $8))
             order by occurred_at desc, id desc
             limit $9",
            &[
                &filter.actor_id,
                &filter.action,
                &filter.entity_type,
                &filter.entity_id,
                &filter.from.map(|moment| moment.0),
                &filter.to.map(|moment| moment.0),
                &paging.after_time(),
                &paging.after_id(),
                &paging.rows(),
            ],
        )
        .await?;
    Ok(paging.page(rows))
}

impl AuditFilter {
    /// 400 if the range of moments is the wrong way round.
    pub fn must_be_a_range(&self) -> Result<()> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from.0 > to.0 => {
                Err(invalid_field("/from", "range", "from must be less than or equal to to"))
            }
            _ => Ok(()),
        }
    }
}

/// A moment of the years 1 to 9999, as RFC 3339 writes it: with `Z` or an offset.
#[derive(Debug, Clone, Copy)]
pub struct Moment(Time);

impl Moment {
    fn parse(text: &str) -> Option<Moment> {
        let moment: Timestamp = text.parse().ok()?;
        (1..=9999).contains(&moment.to_zoned(jiff::tz::TimeZone::UTC).year()).then_some(Moment(Time(moment)))
    }
}

impl Deserr<Problems> for Moment {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Moment, Problems> {
        let moment = match value {
            Value::String(text) => Moment::parse(&text),
            _ => None,
        };
        moment.ok_or_else(|| {
            problem(location, "date_time", "Input should be a moment like 2026-11-16T09:00:00Z")
        })
    }
}

impl JsonSchema for Moment {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_says_which_one_it_is() {
        for text in ["2026-11-16T09:00:00Z", "2026-11-16T10:00:00+01:00", "2026-11-16 09:00:00.5Z"] {
            assert!(Moment::parse(text).is_some(), "{text}");
        }
        for text in ["", "2026-11-16", "2026-11-16T09:00:00", "-000001-01-01T00:00:00Z", "now", "1794819600"]
        {
            assert!(Moment::parse(text).is_none(), "{text}");
        }
    }
}
