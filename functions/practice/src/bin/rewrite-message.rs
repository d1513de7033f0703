//! Rephrase one of the caller's messages as observation, feeling, need and request.

use practice::analysis::Language;
use practice::rewrite::{self, NewRewrite, RewriteCreated};
use practice::session::{self, SessionPath};
use practice::{counterpart, sentence};
use shared::identity;
use shared::prelude::*;

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
    Path(path): Path<SessionPath>,
    Json(new): Json<NewRewrite>,
) -> Result<Json<RewriteCreated>> {
    let tx = db.begin(&user).await?;
    let ((), source, preferences) = tokio::try_join!(
        biased; // in this order: a foreign session answers before its messages do
        session::must_exist(&tx, &user, path.session_id),
        rewrite::get_source(&tx, &user, path.session_id, new.source_message_id),
        identity::preferences(&tx, &user),
    )?;
    drop(tx);
    if ai.has_model() {
        db.release().await; // no connection is held while it speaks
    }
    let language = Language::of(&preferences.locale);
    let chat = counterpart::rewrite_chat(&source, language);
    let rewritten = ai.chat_or(&chat, || sentence::rewrite(&source, language)).await;

    let tx = db.begin(&user).await?;
    let insert = async |tx: &Tx| rewrite::insert(tx, &user, path.session_id, &new, &rewritten).await;
    tx.commit_with(insert).await.map(Json)
}
