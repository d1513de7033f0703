//! Secret addresses under which a calendar program, which cannot sign in, reads a person's lessons.

use shared::error::Error;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::settings;

use crate::calendar::{self, Entry, Method};

/// An address for a calendar program, without its secret.
#[row]
pub struct Feed {
    /// Its id.
    pub id: Uuid,
    /// When it was made.
    pub created_at: Time,
    /// On which day (UTC) a program last read it.
    pub last_read_on: Option<Day>,
}

/// An address for a calendar program. This is the only answer that tells it.
#[answer]
pub struct NewFeed {
    /// Its id.
    pub id: Uuid,
    /// What the calendar program is given. Whoever has it reads the lessons.
    pub url: String,
    /// When it was made.
    pub created_at: Time,
}

/// The feed of a path.
#[input]
pub struct FeedPath {
    /// The feed's id.
    pub feed_id: Uuid,
}

/// The secret of a path.
#[input]
pub struct FeedLink {
    /// The secret, with `.ics` behind it or without.
    pub token: String,
}

/// A lesson as a feed has it; all null for a person without one.
#[derive(FromRow)]
struct FeedLesson {
    calendar_uid: Option<Uuid>,
    calendar_sequence: Option<i32>,
    starts_at: Option<Time>,
    ends_at: Option<Time>,
    is_canceled: Option<bool>,
    updated_at: Option<Time>,
    with_name: Option<String>,
    locale: String,
}

/// Makes an address. 409 for a sixth.
pub async fn insert(tx: &Tx, user: &User) -> Result<NewFeed> {
    #[derive(FromRow)]
    struct Made {
        id: Uuid,
        created_at: Time,
    }
    let token = OpaqueToken::generate()?;
    let sql = "insert into lessons.calendar_feeds (id, user_id, token_hash) values ($1, $2, $3) returning id, created_at";
    let made: Result<Made> = tx.one(sql, &[&Uuid::now_v7(), &user.id, &token.hash()]).await;
    let Made { id, created_at } = made.on_constraint("calendar_feeds_five", || {
        conflict("You have 5 addresses, which is as many as you may")
    })?;
    let api = settings::find("API_URL").unwrap_or_else(settings::app_url);
    let url = format!("{}/api/v1/calendar/{}.ics", api.trim_end_matches('/'), token.reveal());
    Ok(NewFeed { id, url, created_at })
}

/// The person's addresses, the newest first.
pub async fn list(tx: &Tx, user: &User) -> Result<Vec<Feed>> {
    let sql = "select id, created_at, last_read_on from lessons.calendar_feeds
               where user_id = $1 order by created_at desc, id desc";
    tx.list(sql, &[&user.id]).await
}

/// Ends an address of the person's; 404 otherwise.
pub async fn delete(tx: &Tx, user: &User, feed_id: Uuid) -> Result<()> {
    let sql = "delete from lessons.calendar_feeds where id = $1 and user_id = $2";
    match tx.execute(sql, &[&feed_id, &user.id]).await? {
        0 => Err(missing()),
        _ => Ok(()),
    }
}

/// The calendar of a secret; 404 for an unknown one.
pub async fn read(tx: &Tx, link: &FeedLink) -> Result<String> {
    let text = link.token.strip_suffix(".ics").unwrap_or(&link.token);
    let token = OpaqueToken::parse(text).ok_or_else(missing)?;
    let lessons: Vec<FeedLesson> = tx.list("select * from lessons.feed_of($1)", &[&token.hash()]).await?;
    if lessons.is_empty() {
        return Err(missing());
    }
    let titles: Vec<String> =
        lessons.iter().map(|lesson| calendar::title(&lesson.locale, lesson.with_name.as_deref())).collect();
    let entries: Vec<Entry<'_>> =
        lessons.iter().zip(&titles).filter_map(|(lesson, title)| lesson.entry(title)).collect();
    Ok(calendar::calendar(Method::Publish, &entries))
}

impl FeedLesson {
    fn entry<'a>(&self, title: &'a str) -> Option<Entry<'a>> {
        Some(Entry {
            uid: self.calendar_uid?,
            sequence: self.calendar_sequence?,
            starts_at: self.starts_at?,
            ends_at: self.ends_at?,
            is_canceled: self.is_canceled?,
            changed_at: self.updated_at?,
            summary: title,
            people: None,
        })
    }
}

fn missing() -> Error {
    not_found("calendar not found").by_rule("calendar_feed")
}
