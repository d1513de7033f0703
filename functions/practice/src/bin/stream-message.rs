//! Send a message in a session, and read the counterpart's reply while it is written: the same turn as `send-message`, as events.
//!
//! `delta` has the next words (`{"text": …}`), `anew` says that what came so far is void, `feedback` has the analysis, `done` the
//! whole turn, and `error` what went wrong while it was written. Sent again with the same `client_message_id`, here or
//! there, the message has the same turn.

use practice::analysis::Language;
use practice::sending::{self, Reserved};
use practice::session::SessionPath;
use practice::turn::{Delta, NewMessage, Nothing, TurnAnswer};
use practice::{counterpart, sentence};
use shared::ai::Piece;
use shared::prelude::*;
use shared::stream::{Events, Stream};

fn main() {
    serve(
        post("/api/v1/sessions/{session_id}/messages/stream", send)
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
    Path(path): Path<SessionPath>,
    Json(new): Json<NewMessage>,
) -> Result<Stream> {
    let reserved = sending::reserve(&db, &user, &ai, path.session_id, &new).await?;
    db.release().await; // no connection is held while the model speaks
    Ok(Stream::new(move |events| write(db, user, ai, reserved, events)))
}

async fn write(db: Db, user: User, ai: Ai, reserved: Reserved, events: Events) -> Result<()> {
    let (talk, turn) = match reserved {
        Reserved::Answered(answer) => {
            events.send("delta", &Delta { text: &answer.assistant_message.content }).await?;
            return end(&events, &answer).await;
        }
        Reserved::Mine(talk, turn) => (talk, turn),
    };
    let language = Language::of(&talk.preferences.locale);
    let chat = counterpart::reply_chat(&talk, &turn.user_content, language);
    let mut pieces = ai.pieces_or(&chat, || sentence::fallback_reply(language).to_owned()).await;
    while let Some(piece) = pieces.next().await {
        match piece {
            Piece::Text(text) => events.send("delta", &Delta { text: &text }).await?,
            Piece::Anew => events.send("anew", &Nothing {}).await?,
        }
    }
    let reply = pieces.into_sourced();
    let answer = sending::answer(&db, &user, &turn, &reply, language).await?;
    if answer.assistant_message.content != reply.text {
        // Somebody else has answered it meanwhile: theirs is what is kept.
        events.send("anew", &Nothing {}).await?;
        events.send("delta", &Delta { text: &answer.assistant_message.content }).await?;
    }
    end(&events, &answer).await
}

async fn end(events: &Events, answer: &TurnAnswer) -> Result<()> {
    events.send("feedback", &answer.feedback).await?;
    events.send("done", answer).await
}
