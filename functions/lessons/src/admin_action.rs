//! The journal of those who run the practice, in their own words.

use std::borrow::Cow;

use deserr::{IntoValue, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use shared::input::problem;
use shared::prelude::*;

/// A line of the journal.
#[row]
pub struct AdminAction {
    /// Its id.
    pub id: Uuid,
    /// Who wrote it; null if they have left.
    pub admin_id: Option<Uuid>,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub target_type: String,
    /// To which one.
    pub target_id: Option<String>,
    /// What else there is to say.
    pub payload: Value,
    /// When it was written.
    pub created_at: Time,
    /// When it was written.
    pub updated_at: Time,
}

/// What a new line is made from.
#[input]
pub struct NewAdminAction {
    /// What was done.
    pub action: Name<1, 128>,
    /// To what kind of thing.
    pub target_type: Name<1, 128>,
    /// To which one.
    pub target_id: Option<Text<0, 128>>,
    /// What else there is to say: an object of at most 20,000 bytes.
    #[default]
    pub payload: Details,
}

/// A JSON object of at most 20,000 bytes.
pub struct Details(Value);

impl Default for Details {
    fn default() -> Details {
        Details(json!({}))
    }
}

impl Deserr<Problems> for Details {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Details, Problems> {
        let value = match value {
            deserr::Value::Map(_) => Value::from(value),
            _ => return Err(problem(location, "type", "Input should be an object")),
        };
        if value.to_string().len() > 20_000 {
            return Err(problem(location, "too_long", "Object should have at most 20000 bytes"));
        }
        Ok(Details(value))
    }
}

impl JsonSchema for Details {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Details".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": true })
    }
}

/// Which lines a list shows: all.
#[input]
pub struct AdminActionFilter {}

/// Writes a line.
pub async fn insert(tx: &Tx, admin: &User, new: &NewAdminAction) -> Result<AdminAction> {
    tx.one(
        "insert into lessons.admin_actions (id, admin_id, action, target_type, target_id, payload)
         values ($1, $2, $3, $4, $5, $6)
         returning id, admin_id, action, target_type, target_id, payload, created_at, created_at as updated_at",
        &[
            &Uuid::now_v7(),
            &admin.id,
            &new.action.as_str(),
            &new.target_type.as_str(),
            &new.target_id.as_ref().map(Text::as_str),
            &new.payload.0,
        ],
    )
    .await
}

/// Notes what an admin did to a thing of the practice, with the ids and states of it. Pipeline it with what did it.
pub async fn note(
    tx: &Tx,
    admin: &User,
    action: &str,
    (target_type, target_id): (&str, Option<Uuid>),
    payload: &Value,
) -> Result<()> {
    let sql = "insert into lessons.admin_actions (id, admin_id, action, target_type, target_id, payload)
               values ($1, $2, $3, $4, $5, $6)";
    let target_id = target_id.map(|id| id.to_string());
    tx.execute(sql, &[&Uuid::now_v7(), &admin.id, &action, &target_type, &target_id, payload]).await.map(drop)
}

/// A page of the journal, the newest line first.
pub async fn list(tx: &Tx, paging: Paging) -> Result<Page<AdminAction>> {
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.admin_actions),
             page as (
                 select id, admin_id, action, target_type, target_id, payload, created_at, created_at as updated_at
                 from lessons.admin_actions
                 order by created_at desc, id desc
                 limit $1 offset $2
             )
             select * from counted left join page on true
             order by created_at desc, id desc",
            &[&paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}
