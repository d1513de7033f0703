//! Rephrase one of the caller's messages as observation, feeling, need and request. Asked for again, it is the same rewrite.

use practice::analysis::Language;
use practice::rewrite::{self, NewRewrite, RewriteCreated};
use practice::session::{self, SessionPath};
use practice::{counterpart, sentence};
use shared::limit::ToldLimits;
use shared::prelude::*;
use shared::{ai, identity};

fn main() {
    serve(
        post("/api/v1/sessions/{session_id}/rewrite", rewrite)
            .or(404, "session not found")
            .or(404, "source user message not found"),
    )
}

async fn rewrite(
    db: Db,
    user: User,
    ai: Ai,
    limits: ToldLimits,
    Path(path): Path<SessionPath>,
    Json(new): Json<NewRewrite>,
) -> Result<Json<RewriteCreated>> {
    if ai.has_model() {
        limits.take(&db, &[counterpart::limit(&user)]).await?;
    }
    let tx = db.begin(&user).await?;
    let ((), source, preferences, kept) = tokio::try_join!(
        biased; // in this order: a foreign session answers before its messages do
        session::must_exist(&tx, &user, path.session_id),
        rewrite::get_source(&tx, &user, path.session_id, new.source_message_id),
        identity::preferences(&tx, &user),
        rewrite::find_kept(&tx, &new),
    )?;
    // The model may do better than the rules did while it was not there.
    if let Some((rewrite, is_by_model)) = kept
        && (is_by_model || !ai.has_model())
    {
        return Ok(Json(rewrite));
    }
    let language = Language::of(&preferences.locale);
    let chat = counterpart::rewrite_chat(&source, language);
    let permit = ai.admit(&tx, user.id, "practice.rewrite", &chat).await?;
    if ai.has_model() {
        tx.commit().await?;
        db.release().await; // no connection is held while it speaks
    }
    let rewritten = ai.chat_or(permit, &chat, || sentence::rewrite(&source, language)).await;

    let tx = db.begin(&user).await?;
    let keep_and_settle = async |tx: &Tx| {
        tokio::try_join!(
            biased;
            rewrite::give_way(tx, &new, &rewritten),
            rewrite::keep(tx, &user, path.session_id, &new, &rewritten),
            ai::settle(tx, rewritten.called.as_ref()),
        )
    };
    let (_, made, ()) = tx.commit_with(keep_and_settle).await?;
    let kept = match made {
        Some(made) => Some(made),
        None => rewrite::find_kept(&db.begin(&user).await?, &new).await?.map(|(rewrite, _)| rewrite),
    };
    kept.map(Json).ok_or_else(|| internal("a rewrite is neither made nor kept"))
}
