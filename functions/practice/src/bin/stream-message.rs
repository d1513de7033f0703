//! Send a message in a session, and read the counterpart's reply while it is written: the same turn as `send-message`, as events.
//!
//! `start` names the run, `delta` has the next words (`{"text": …}`), `anew` says that what came so far is void, `feedback` has the
//! analysis, `done` the whole turn and why it ends, and `error` what went wrong while it was written. Sent again with the same
//! `client_message_id`, here or there, the message has the same turn; with `Last-Event-ID` the events after that one follow.

use practice::analysis::Language;
use practice::sending::{self, Delivery, Mine, Reserved};
use practice::session::SessionPath;
use practice::turn::{self, Delta, Done, NewMessage, Nothing, Started, TurnAnswer};
use practice::{counterpart, sentence};
use shared::ai::Piece;
use shared::prelude::*;
use shared::run::{self, During, EventId, Followed, LastEvent, Writer};
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
    LastEvent(last): LastEvent,
    Path(path): Path<SessionPath>,
    Json(new): Json<NewMessage>,
) -> Result<Stream> {
    let reserved = sending::reserve(&db, &user, &ai, path.session_id, &new, Delivery::Written).await?;
    db.release().await; // no connection is held while the model speaks
    let caller = Caller { db, user, ai, session_id: path.session_id, new };
    Ok(Stream::new(move |events| async move { caller.write(reserved, last, events).await }))
}

/// Who sent the message, and what they need.
struct Caller {
    db: Db,
    user: User,
    ai: Ai,
    session_id: Uuid,
    new: NewMessage,
}

impl Caller {
    async fn write(&self, mut reserved: Reserved, mut last: Option<EventId>, events: Events) -> Result<()> {
        loop {
            let written = match reserved {
                Reserved::Answered(answer) => return self.tell(&answer, last, &events).await,
                Reserved::Written(run_id) => run_id,
                Reserved::Mine(mine) => {
                    let Some(place) = self.speak(*mine, events.clone()).await? else { return Ok(()) };
                    last = Some(place);
                    place.run
                }
            };
            if run::follow(&self.db, &self.user, written, last, &events).await? == Followed::Ended {
                return Ok(());
            }
            // Its writer died: somebody takes the turn over, and whoever reads here has words of the dead one.
            last = last.or(Some(EventId { run: written, attempt: 0, number: 0 }));
            let again = Delivery::Written;
            reserved =
                sending::reserve(&self.db, &self.user, &self.ai, self.session_id, &self.new, again).await?;
            self.db.release().await;
        }
    }

    /// Tells a turn that is answered: what is missing after `last`, if its run is kept, and else all of it.
    async fn tell(&self, answer: &TurnAnswer, last: Option<EventId>, events: &Events) -> Result<()> {
        if let Some(last) = last {
            let tx = self.db.begin(&self.user).await?;
            let kept = run::find(&tx, sending::RUN, answer.user_message_id).await?;
            drop(tx);
            if kept.is_some_and(|run| run.id == last.run)
                && run::follow(&self.db, &self.user, last.run, Some(last), events).await? == Followed::Ended
            {
                return Ok(());
            }
            events.send("anew", &Nothing {}).await?;
        }
        events.send("delta", &Delta { text: &answer.assistant_message.content }).await?;
        events.send("feedback", &answer.feedback).await?;
        events.send("done", &Done { turn: answer, finish: "stop" }).await
    }

    /// Writes the turn's answer. Gives where it was if somebody else has taken it over.
    async fn speak(&self, mine: Mine, events: Events) -> Result<Option<EventId>> {
        let Mine { talk, turn, run } = mine;
        let run = run.ok_or_else(|| internal("an answer that is written has a run"))?;
        let mut writer = Writer::new(self.db.clone(), self.user.clone(), run, events);
        if writer.is_repeated() {
            writer.send("anew", &Nothing {}).await?;
        }
        writer.send("start", &Started { run_id: writer.run_id(), user_message_id: turn.turn_id }).await?;
        let language = Language::of(&talk.preferences.locale);
        let by_rules = || sentence::fallback_reply(language).to_owned();
        let chat = counterpart::reply_chat(&talk, &turn.user_content, language);

        let mut said = String::new();
        let (reply, finish) = match writer.during(self.ai.pieces_or(&chat, by_rules)).await? {
            During::Lost => return Ok(Some(writer.place())),
            During::Stopped => (turn::reply_by_rules(language), "stopped"),
            During::Done(mut pieces) => loop {
                match writer.during(pieces.next()).await? {
                    During::Done(Some(Piece::Text(text))) => {
                        writer.send("delta", &Delta { text: &text }).await?;
                        said.push_str(&text);
                    }
                    During::Done(Some(Piece::Anew)) => {
                        writer.send("anew", &Nothing {}).await?;
                        said.clear();
                    }
                    During::Done(None) => break (pieces.into_sourced(), "stop"),
                    During::Stopped => break (pieces.stop(), "stopped"),
                    During::Lost => return Ok(Some(writer.place())),
                }
            },
        };

        let tx = self.db.begin(&self.user).await?;
        let (is_held, answer) = tokio::try_join!(
            biased;
            writer.hold(&tx),
            sending::store(&tx, &turn, &reply, language),
        )?;
        if !is_held {
            // Nothing is committed: what somebody else writes is the answer.
            return Ok(Some(writer.place()));
        }
        if answer.assistant_message.content != said {
            // Nothing was said before it was stopped, or somebody else has answered it meanwhile: what is stored counts.
            if !said.is_empty() {
                writer.keep("anew", &Nothing {})?;
            }
            writer.keep("delta", &Delta { text: &answer.assistant_message.content })?;
        }
        writer.keep("feedback", &answer.feedback)?;
        writer.keep("done", &Done { turn: &answer, finish })?;
        tx.commit_with(async |tx| writer.end(tx, finish == "stopped").await).await?;
        self.db.release().await;
        writer.send_kept().await;
        Ok(None)
    }
}
