//! Send a message in a session: the counterpart replies, and the message is analysed.

use practice::sending::{self, Delivery, Mine, Reserved};
use practice::session::SessionPath;
use practice::turn::{NewMessage, TurnAnswer};
use practice::{counterpart, sentence};
use shared::limit::ToldLimits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/sessions/{session_id}/messages", send)
            .or(404, "session not found")
            .or(409, "session is completed")
            .or(409, "session is abandoned")
            .or(409, "duplicate client message id: it was used for other content")
            .or(503, "another message of this session is being answered"),
    )
}

async fn send(
    db: Db,
    user: User,
    ai: Ai,
    limits: ToldLimits,
    Path(path): Path<SessionPath>,
    Json(new): Json<NewMessage>,
) -> Result<Json<TurnAnswer>> {
    if ai.has_model() {
        limits.take(&db, &[counterpart::limit(&user)]).await?;
    }
    let Mine { session_id, turn, chat, permit, language, .. } =
        match sending::reserve(&db, &user, &ai, path.session_id, &new, Delivery::Whole).await? {
            Reserved::Answered(answer) => return Ok(Json(*answer)),
            Reserved::Mine(mine) => *mine,
            Reserved::Written(_) => return Err(internal("a whole answer was asked for")),
        };
    db.release().await; // no connection is held while the model speaks
    let reply = ai.chat_or(permit, &chat, || sentence::fallback_reply(language).to_owned()).await;
    sending::answer(&db, &user, session_id, &turn, &reply, language).await.map(Json)
}
