//! Send a message in a session, and read the counterpart's reply while it is written: the same turn as `send-message`, as events.
//!
//! `start` names the run, `delta` has the next words (`{"text": …}`), `anew` says that what came so far is void, `feedback` has the
//! analysis, `done` the whole turn and why it ends, and `error` what went wrong while it was written. Sent again with the same
//! `client_message_id`, here or there, the message has the same turn; with `Last-Event-ID` the events after that one follow.

use practice::sending::{self, Delivery, Mine, Reserved};
use practice::session::SessionPath;
use practice::turn::{self, Delta, Done, NewMessage, Nothing, Started, TurnAnswer};
use practice::{counterpart, sentence};
use shared::ai::{self, Called, Piece, Sourced};
use shared::limit::ToldLimits;
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
    limits: ToldLimits,
    LastEvent(last): LastEvent,
    Path(path): Path<SessionPath>,
    Json(new): Json<NewMessage>,
) -> Result<Stream> {
    // Who reads on asks for nothing new: the run that they name is this message's.
    let reads_on = match last {
        Some(last) => turn::is_written_in(&db.begin(&user).await?, path.session_id, &new, last.run).await?,
        None => false,
    };
    if ai.has_model() && !reads_on {
        limits.take(&db, &[counterpart::limit(&user)]).await?;
    }
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
                    let Some(place) = Box::pin(self.speak(*mine, events.clone())).await? else {
                        return Ok(());
                    };
                    last = Some(place);
                    place.run
                }
            };
            match run::follow(&self.db, &self.user, written, last, &events).await? {
                Followed::Ended => return Ok(()),
                // Its writer died: somebody takes the turn over, and whoever reads here has words of the dead one.
                Followed::Partial(place) => last = Some(place),
            }
            let again = Delivery::Written;
            reserved =
                sending::reserve(&self.db, &self.user, &self.ai, self.session_id, &self.new, again).await?;
            self.db.release().await;
        }
    }

    /// Tells a turn that is answered: what is missing after `last`, if its run is kept, and else all of it, as three events whose
    /// ids are of the turn itself.
    async fn tell(&self, answer: &TurnAnswer, last: Option<EventId>, events: &Events) -> Result<()> {
        let turn_id = answer.user_message_id;
        let mut has = 0;
        match last {
            Some(last) if last.run == turn_id => has = last.number,
            Some(last) => {
                let tx = self.db.begin(&self.user).await?;
                let kept = run::find(&tx, sending::RUN, turn_id).await?;
                drop(tx);
                if kept.is_some_and(|run| run.id == last.run)
                    && run::follow(&self.db, &self.user, last.run, Some(last), events).await?
                        == Followed::Ended
                {
                    return Ok(());
                }
                events.send("anew", &Nothing {}).await?;
            }
            None => {}
        }
        let id = |number| EventId { run: turn_id, attempt: 0, number };
        if has < 1 {
            events.send_as(id(1), "delta", &Delta { text: &answer.assistant_message.content }).await?;
        }
        if has < 2 {
            events.send_as(id(2), "feedback", &answer.feedback).await?;
        }
        events.send_as(id(3), "done", &Done { turn: answer, finish: "stop" }).await
    }

    /// Settles a call whose answer is not stored: somebody else's is.
    async fn settle_apart(&self, called: Option<&Called>) -> Result<()> {
        if called.is_none() {
            return Ok(());
        }
        let tx = self.db.begin(&self.user).await?;
        tx.commit_with(async |tx| ai::settle(tx, called).await).await
    }

    /// Writes the turn's answer. Gives where it was if somebody else has taken it over.
    async fn speak(&self, mine: Mine, events: Events) -> Result<Option<EventId>> {
        let Mine { session_id, turn, chat, permit, language, run } = mine;
        let unheard = permit.unheard();
        let run = run.ok_or_else(|| internal("an answer that is written has a run"))?;
        let mut writer = Writer::new(self.db.clone(), self.user.clone(), run, events);
        if writer.is_repeated() {
            writer.send("anew", &Nothing {}).await?;
        }
        writer.send("start", &Started { run_id: writer.run_id(), user_message_id: turn.turn_id }).await?;
        let by_rules = || sentence::fallback_reply(language).to_owned();

        let mut said = String::new();
        let (reply, finish) = match writer.during(self.ai.pieces_or(permit, &chat, by_rules)).await? {
            During::Lost => {
                self.settle_apart(unheard.as_ref()).await?;
                return Ok(Some(writer.place()));
            }
            During::Stopped => (Sourced { called: unheard, ..turn::reply_by_rules(language) }, "stopped"),
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
                    During::Done(None) => {
                        let reply = pieces.into_sourced();
                        let finish = if reply.is_truncated { "length" } else { "stop" };
                        break (reply, finish);
                    }
                    During::Stopped => break (pieces.stop(), "stopped"),
                    During::Lost => {
                        self.settle_apart(pieces.stop().called.as_ref()).await?;
                        return Ok(Some(writer.place()));
                    }
                }
            },
        };

        let tx = self.db.begin(&self.user).await?;
        let ((), is_held, answer) = tokio::try_join!(
            biased; // the session first, as when a turn is taken: else two would wait for each other
            turn::lock_session(&tx, &self.user, session_id),
            writer.hold(&tx),
            sending::store(&tx, &turn, &reply, language),
        )?;
        if !is_held {
            // Nothing is committed: what somebody else writes is the answer.
            drop(tx);
            self.settle_apart(reply.called.as_ref()).await?;
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
