//! What is for sale: so many lessons, for so long, at a price.

use shared::error::Error;
use shared::prelude::*;

use crate::money::{self, Currency, Decimal};
use crate::package::Everything;

/// Something that is for sale.
#[row]
pub struct Plan {
    /// Its id.
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// What it is, in words.
    pub description: String,
    /// How many lessons.
    pub lessons_total: i32,
    /// How many days a package of it lasts, from the moment at which its money has come.
    pub duration_days: i32,
    /// What it costs, as a decimal number of the currency's decimals.
    #[read(|row| money::of_row(row, "price_minor"))]
    pub price_amount: String,
    /// What it costs, in the currency's smallest unit.
    #[serde(skip)]
    #[schemars(skip)]
    pub price_minor: i64,
    /// The currency's code.
    #[read(|row| row.get("currency"))]
    pub price_currency: String,
    /// Whether it can be bought.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What a new plan is made from.
#[input]
pub struct NewPlan {
    /// What it is called.
    pub title: Name<1, 120>,
    /// What it is, in words.
    pub description: Option<Text<0, 2000>>,
    /// How many lessons.
    pub lessons_total: Int<1, 1000>,
    /// How many days a package of it lasts.
    pub duration_days: Int<1, 3650>,
    /// What it costs.
    pub price_amount: Decimal,
    /// In which currency.
    pub price_currency: Currency,
}

/// What changes. What was bought already stays as it was.
#[input]
pub struct PlanPatch {
    /// What it is called.
    pub title: Option<Name<1, 120>>,
    /// What it is, in words.
    pub description: Option<Text<0, 2000>>,
    /// How many lessons.
    pub lessons_total: Option<Int<1, 1000>>,
    /// How many days a package of it lasts.
    pub duration_days: Option<Int<1, 3650>>,
    /// What it costs, together with the currency.
    pub price_amount: Option<Decimal>,
    /// In which currency, together with the amount.
    pub price_currency: Option<Currency>,
    /// Whether it can be bought.
    pub is_active: Option<Flag>,
}

/// The plan of a path.
#[input]
pub struct PlanPath {
    /// The plan's id.
    pub plan_id: Uuid,
}

/// Which plans a list shows: all that the caller sees.
pub type PlanFilter = Everything;

/// A page of plans, the cheapest of each currency first: what is for sale, and for an admin what is not any more.
pub async fn list(tx: &Tx, paging: Paging) -> Result<Page<Plan>> {
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.plans),
             page as (select * from lessons.plans order by is_active desc, currency, price_minor, id limit $1 offset $2)
             select * from counted left join page on true
             order by is_active desc, currency, price_minor, id",
            &[&paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// A plan that the caller sees; 404 otherwise.
pub async fn get(tx: &Tx, plan_id: Uuid) -> Result<Plan> {
    tx.find("select * from lessons.plans where id = $1", &[&plan_id]).await?.ok_or_else(missing)
}

/// Stores a plan, as an admin.
pub async fn insert(tx: &Tx, new: &NewPlan) -> Result<Plan> {
    let price = new.price_amount.minor(new.price_currency, "/price_amount")?;
    tx.one(
        "insert into lessons.plans (id, title, description, lessons_total, duration_days, price_minor, currency)
         values ($1, $2, $3, $4, $5, $6, $7)
         returning *",
        &[
            &Uuid::now_v7(),
            &new.title.as_str(),
            &new.description.as_ref().map_or("", Text::as_str),
            &new.lessons_total.get(),
            &new.duration_days.get(),
            &price,
            &new.price_currency.code(),
        ],
    )
    .await
}

/// Changes a plan, as an admin; 404 if there is none.
pub async fn update(tx: &Tx, plan_id: Uuid, changes: &PlanPatch) -> Result<Plan> {
    let price = match (&changes.price_amount, changes.price_currency) {
        (None, None) => None,
        (Some(amount), Some(currency)) => Some((amount.minor(currency, "/price_amount")?, currency.code())),
        (Some(_), None) => return Err(incomplete("/price_currency")),
        (None, Some(_)) => return Err(incomplete("/price_amount")),
    };
    let found = tx
        .find(
            "update lessons.plans
             set title = coalesce($2, title), description = coalesce($3, description),
                 lessons_total = coalesce($4, lessons_total), duration_days = coalesce($5, duration_days),
                 price_minor = coalesce($6, price_minor), currency = coalesce($7, currency),
                 is_active = coalesce($8, is_active), updated_at = now()
             where id = $1
             returning *",
            &[
                &plan_id,
                &changes.title.as_ref().map(Name::as_str),
                &changes.description.as_ref().map(Text::as_str),
                &changes.lessons_total.map(Int::get),
                &changes.duration_days.map(Int::get),
                &price.map(|(minor, _)| minor),
                &price.map(|(_, currency)| currency),
                &changes.is_active.map(Flag::get),
            ],
        )
        .await?;
    found.ok_or_else(missing)
}

fn incomplete(path: &str) -> Error {
    invalid_field(path, "missing", "A price is an amount and a currency: say both")
}

/// A plan that is not there for the caller.
pub fn missing() -> Error {
    not_found("Plan not found")
}
