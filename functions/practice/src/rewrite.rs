//! A better way to say one message of the learner.

use shared::ai::Sourced;
use shared::prelude::*;

text_enum! {
    /// How to rephrase.
    pub enum RewriteStyle {
        Neutral = "NEUTRAL",
    }
}

/// What to rephrase.
#[input]
pub struct NewRewrite {
    /// A message of the learner in this session.
    pub source_message_id: Uuid,
    /// How to rephrase it.
    pub rewrite_style: RewriteStyle,
}

/// A rewrite just made.
#[row]
pub struct RewriteCreated {
    /// Its id.
    pub rewrite_id: Uuid,
    /// The better way to say it.
    pub rewritten_content: String,
}

/// A rewrite as its owner sees it.
#[row]
pub struct Rewrite {
    /// Its id.
    pub rewrite_id: Uuid,
    /// The message that it rephrases.
    pub source_message_id: Uuid,
    /// How it rephrases.
    pub rewrite_style: RewriteStyle,
    /// The better way to say it.
    pub rewritten_content: String,
    /// Whether the learner took it; at most one of a message is.
    pub accepted: bool,
    /// When it was made.
    pub created_at: Time,
}

/// The rewrite of a path.
#[input]
pub struct RewritePath {
    /// The session's id.
    pub session_id: Uuid,
    /// The rewrite's id.
    pub rewrite_id: Uuid,
}

/// What the learner wrote in a message of the caller's session; 404 otherwise.
pub async fn get_source(tx: &Tx, user: &User, session_id: Uuid, message_id: Uuid) -> Result<String> {
    #[derive(FromRow)]
    struct Source {
        user_content: String,
    }
    let found: Option<Source> = tx
        .find(
            "select user_content from practice.turns where id = $1 and session_id = $2 and user_id = $3",
            &[&message_id, &session_id, &user.id],
        )
        .await?;
    found.map(|source| source.user_content).ok_or_else(|| not_found("source user message not found"))
}

/// The rewrite that is kept of a message in a style, and whether the model made it.
pub async fn find_kept(tx: &Tx, new: &NewRewrite) -> Result<Option<(RewriteCreated, bool)>> {
    #[derive(FromRow)]
    struct Kept {
        #[flatten]
        rewrite: RewriteCreated,
        is_by_model: bool,
    }
    let kept: Option<Kept> = tx
        .find(
            "select id as rewrite_id, rewritten_content, source = 'model' as is_by_model
             from practice.rewrites where turn_id = $1 and kept_as = $2",
            &[&new.source_message_id, &new.rewrite_style],
        )
        .await?;
    Ok(kept.map(|kept| (kept.rewrite, kept.is_by_model)))
}

/// Lets the rules' words give way to the model's, unless the learner has accepted them.
pub async fn give_way(tx: &Tx, new: &NewRewrite, rewritten: &Sourced) -> Result<u64> {
    let sql = "update practice.rewrites set kept_as = null
               where turn_id = $1 and kept_as = $2 and source = 'rules' and not accepted and $3 = 'model'";
    tx.execute(sql, &[&new.source_message_id, &new.rewrite_style, &rewritten.source.as_str()]).await
}

/// Keeps a rewrite of a message; none if one is kept already, which stays.
pub async fn keep(
    tx: &Tx,
    user: &User,
    session_id: Uuid,
    new: &NewRewrite,
    rewritten: &Sourced,
) -> Result<Option<RewriteCreated>> {
    let usage = rewritten.usage.as_ref();
    tx.find(
            "insert into practice.rewrites
                 (id, session_id, user_id, turn_id, rewrite_style, kept_as, rewritten_content, source, model, latency_ms,
                  tokens_in, tokens_out)
             values ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11)
             on conflict (turn_id, kept_as) do nothing
             returning id as rewrite_id, rewritten_content",
            &[
                &Uuid::now_v7(),
                &session_id,
                &user.id,
                &new.source_message_id,
                &new.rewrite_style,
                &rewritten.content,
                &rewritten.source.as_str(),
                &usage.map(|usage| usage.model.clone()),
                &usage.map(|usage| i32::try_from(usage.latency.as_millis()).unwrap_or(i32::MAX)),
                &usage.and_then(|usage| usage.tokens_in),
                &usage.and_then(|usage| usage.tokens_out),
            ],
        )
        .await
}

/// Takes a rewrite, and gives up any other of the same message. 404 unless it is the caller's and of this session.
pub async fn accept(tx: &Tx, user: &User, path: &RewritePath) -> Result<Rewrite> {
    let found = tx
        .find(
            "with taken as (
                 update practice.rewrites r set accepted = (r.id = $1)
                 from practice.rewrites chosen
                 where chosen.id = $1 and chosen.session_id = $2 and chosen.user_id = $3
                   and r.turn_id = chosen.turn_id
                 returning r.*
             )
             select id as rewrite_id, turn_id as source_message_id, rewrite_style, rewritten_content, accepted,
                    created_at
             from taken where id = $1",
            &[&path.rewrite_id, &path.session_id, &user.id],
        )
        .await?;
    found.ok_or_else(|| not_found("rewrite not found"))
}
