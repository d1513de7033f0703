//! Taking a message: which of several senders answers a turn, and who waits.

use std::time::{Duration, Instant};

use shared::ai::{self, Chat, Permit, Sourced};
use shared::prelude::*;
use shared::run::{self, Run};

use crate::analysis::Language;
use crate::counterpart;
use crate::turn::{self, NewMessage, Turn, TurnAnswer};

/// How long a sender waits for a turn that another one is answering. With the model's deadline after it the function
/// still ends in time.
const PATIENCE: Duration = Duration::from_secs(22);

/// What a turn's run is called.
pub const RUN: &str = "practice.turn";

/// What a reply of the model is for.
const FEATURE: &str = "practice.reply";

/// How a sender gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// When it is there.
    Whole,
    /// While it is written, as a run.
    Written,
}

/// What became of a message.
pub enum Reserved {
    /// It is answered: before, by this sender or another, or just now by the rules, because there is no model.
    Answered(Box<TurnAnswer>),
    /// Another sender of the same message is writing the answer in this run.
    Written(Uuid),
    /// The turn is this sender's to answer.
    Mine(Box<Mine>),
}

/// A turn that is this sender's to answer.
pub struct Mine {
    /// Whose turn it is.
    pub session_id: Uuid,
    /// The turn.
    pub turn: Turn,
    /// What the model is asked.
    pub chat: Chat,
    /// Whether it may be asked.
    pub permit: Permit,
    /// Of the answer.
    pub language: Language,
    /// In which it is written.
    pub run: Option<Run>,
}

/// Reserves a turn for the message, or finds the answer that it got before.
///
/// Without a model nothing is waited for between the message and its answer, so the rules answer here, in the same
/// transaction: nobody has to claim a turn that is never seen unanswered.
///
/// One turn of a session is in flight at a time, so that each reply knows the ones before it: another message waits,
/// without a connection. 404 if the session is not the caller's, 409 if it takes no more messages or if the id was used
/// for other content, 503 if the turn in flight takes too long.
pub async fn reserve(
    db: &Db,
    user: &User,
    ai: &Ai,
    session_id: Uuid,
    new: &NewMessage,
    delivery: Delivery,
) -> Result<Reserved> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        if let Some(reserved) = try_reserve(db, user, ai, session_id, new, delivery).await? {
            return Ok(reserved);
        }
        if started.elapsed() > PATIENCE {
            return Err(unavailable("another message of this session is being answered", 5));
        }
        // With the connection goes the look's transaction, and its lock on the session, which the sender that is
        // waited for needs.
        db.release().await;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

fn answered_by(answer: TurnAnswer) -> Reserved {
    Reserved::Answered(Box::new(answer))
}

/// Begins the run in which the turn's answer is written, if it is.
async fn begin(tx: &Tx, user: &User, turn_id: Uuid, delivery: Delivery) -> Result<Option<Run>> {
    match delivery {
        Delivery::Whole => Ok(None),
        Delivery::Written => run::begin(tx, user, RUN, turn_id).await.map(Some),
    }
}

/// Stores the reply to a turn that is this sender's, and gives the turn as it is stored: somebody else's answer where they have
/// taken the claim over.
pub async fn answer(
    db: &Db,
    user: &User,
    session_id: Uuid,
    turn: &Turn,
    reply: &Sourced,
    language: Language,
) -> Result<TurnAnswer> {
    let tx = db.begin(user).await?;
    let answer_and_settle = async |tx: &Tx| {
        tokio::try_join!(
            biased; // the session first, as when a turn is taken: else two would wait for each other
            turn::lock_session(tx, user, session_id),
            turn::answer(tx, turn.asked(), reply, language),
            ai::settle(tx, reply.called.as_ref()),
        )
    };
    let ((), answered, ()) = tx.commit_with(answer_and_settle).await?;
    let turn = match answered {
        Some(turn) => turn,
        None => turn::get(&db.begin(user).await?, turn.turn_id).await?,
    };
    turn.into_answer().ok_or_else(|| internal("an answered turn has no answer"))
}

/// As [`answer`], in a transaction that stores more.
pub async fn store(tx: &Tx, turn: &Turn, reply: &Sourced, language: Language) -> Result<TurnAnswer> {
    let (answered, ()) = tokio::try_join!(
        biased;
        turn::answer(tx, turn.asked(), reply, language),
        ai::settle(tx, reply.called.as_ref()),
    )?;
    let turn = match answered {
        Some(turn) => turn,
        None => turn::get(tx, turn.turn_id).await?,
    };
    turn.into_answer().ok_or_else(|| internal("an answered turn has no answer"))
}

/// One look, in one transaction; none means: wait for the turn in flight.
async fn try_reserve(
    db: &Db,
    user: &User,
    ai: &Ai,
    session_id: Uuid,
    new: &NewMessage,
    delivery: Delivery,
) -> Result<Option<Reserved>> {
    let tx = db.begin(user).await?;
    let ((), talk, known) = tokio::try_join!(
        biased;
        turn::lock_session(&tx, user, session_id),
        turn::find_talk(&tx, user, session_id),
        turn::list_known(&tx, session_id, new.client_message_id),
    )?;
    let talk = talk.ok_or_else(|| not_found("scene not found"))?;
    let language = Language::of(&talk.preferences.locale);
    let by_rules = turn::reply_by_rules(language);
    let (mut same, mut in_flight) = (None, None);
    for (is_same_message, turn) in known {
        if is_same_message { same = Some(turn) } else { in_flight = Some(turn) }
    }

    if let Some(turn) = same {
        if turn.user_content != new.content.as_str() {
            return Err(conflict("duplicate client message id"));
        }
        if turn.answer.is_some() {
            return Ok(turn.into_answer().map(answered_by));
        }
        if !turn.is_abandoned {
            let written = match delivery {
                Delivery::Whole => None,
                Delivery::Written => run::find(&tx, RUN, turn.turn_id).await?,
            };
            return Ok(written.filter(|run| run.is_written).map(|run| Reserved::Written(run.id)));
        }
        if !ai.has_model() {
            let answered =
                tx.commit_with(async |tx| turn::answer(tx, turn.asked(), &by_rules, language).await).await?;
            return Ok(answered.and_then(Turn::into_answer).map(answered_by));
        }
        let chat = counterpart::reply_chat(&talk, new.content.as_str(), language);
        // A run that is somebody's leaves all as it was.
        let (_, run) = tokio::try_join!(
            biased;
            turn::claim(&tx, turn.turn_id),
            begin(&tx, user, turn.turn_id, delivery),
        )?;
        let permit = tx.commit_with(async |tx| ai.admit(tx, user.id, FEATURE, &chat).await).await?;
        let mine = Mine { session_id, turn, chat, permit, language, run };
        return Ok(Some(Reserved::Mine(Box::new(mine))));
    }

    talk.state.must_be_active()?;
    match in_flight {
        None => {
            let turn_id = Uuid::now_v7();
            if ai.has_model() {
                let chat = counterpart::reply_chat(&talk, new.content.as_str(), language);
                let insert_and_begin = async |tx: &Tx| {
                    tokio::try_join!(
                        biased;
                        turn::insert(tx, user, session_id, turn_id, new),
                        begin(tx, user, turn_id, delivery),
                        ai.admit(tx, user.id, FEATURE, &chat),
                    )
                };
                let (turn, run, permit) = tx.commit_with(insert_and_begin).await?;
                let mine = Mine { session_id, turn, chat, permit, language, run };
                return Ok(Some(Reserved::Mine(Box::new(mine))));
            }
            let insert_and_answer = async |tx: &Tx| {
                tokio::try_join!(
                    biased;
                    turn::insert(tx, user, session_id, turn_id, new),
                    turn::answer(tx, (turn_id, new.content.as_str()), &by_rules, language),
                )
            };
            let (_, answered) = tx.commit_with(insert_and_answer).await?;
            Ok(answered.and_then(Turn::into_answer).map(answered_by))
        }
        Some(turn) if turn.is_abandoned => {
            // Its sender is gone; the rules finish it, and the next look finds the session as it is then.
            turn::answer(&tx, turn.asked(), &by_rules, language).await?;
            tx.commit().await?;
            Ok(None)
        }
        Some(_) => Ok(None),
    }
}
