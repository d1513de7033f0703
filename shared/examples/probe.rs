//! A route for the tests of serving: it does what its path says, also what a handler should not do.

use std::time::Duration;

use shared::prelude::*;

fn main() {
    serve(post("/probe/{behaviour}", probe))
}

text_enum! {
    /// What the handler does.
    enum Behaviour {
        Answer = "answer",
        Panic = "panic",
        Hang = "hang",
        ForeignError = "foreign-error",
        SwallowError = "swallow-error",
        LeaveOpen = "leave-open",
        CommitWith = "commit-with",
        CommitWithFailure = "commit-with-failure",
        LateStatement = "late-statement",
        Sleep = "sleep",
        Wait = "wait",
        Outlive = "outlive",
    }
}

#[input]
struct ProbePath {
    behaviour: Behaviour,
}

#[input]
struct Body {
    word: Option<Text<1, 10>>,
    count: Option<Int<5, 8>>,
    flag: Option<Flag>,
    id: Option<Uuid>,
    day: Option<Day>,
    words: Option<List<Text<1, 3>, 2>>,
}

#[answer]
struct Seen {
    word: Option<Text<1, 10>>,
    count: Option<Int<5, 8>>,
    flag: Option<Flag>,
    id: Option<Uuid>,
    day: Option<Day>,
    words: Option<List<Text<1, 3>, 2>>,
    role: String,
    person: Option<Uuid>,
    at: Time,
    timeouts: Vec<String>,
}

#[derive(FromRow)]
struct Who {
    role: String,
    person: Option<Uuid>,
    at: Time,
    timeouts: Vec<String>,
}

const INSERT: &str = "insert into identity.users (id) values ($1)";

async fn probe(
    db: Db,
    user: User,
    Path(path): Path<ProbePath>,
    Json(body): Json<Body>,
) -> Result<Json<Seen>> {
    let tx = db.begin(&user).await?;
    let who: Who = tx
        .one(
            "select current_user::text as role, identity.request_user_id() as person,
                    '2026-03-02T07:05:10.5Z'::timestamptz as at,
                    array[current_setting('statement_timeout'), current_setting('lock_timeout'),
                          current_setting('idle_in_transaction_session_timeout')] as timeouts",
            &[],
        )
        .await?;
    match path.behaviour {
        Behaviour::Answer => {}
        Behaviour::Panic => panic!("a secret word: {:?}", body.word),
        Behaviour::Hang => tokio::time::sleep(Duration::from_secs(3600)).await,
        Behaviour::ForeignError => {
            "not a number".parse::<u8>()?;
        }
        Behaviour::SwallowError => {
            let _ = tx.execute("select 1 / 0", &[]).await;
            tx.commit().await?;
        }
        Behaviour::LeaveOpen => {
            tx.execute(INSERT, &[&user.id]).await?;
        }
        Behaviour::CommitWith => {
            tx.commit_with(async |tx| tx.execute(INSERT, &[&user.id]).await).await?;
        }
        Behaviour::CommitWithFailure => {
            tx.commit_with(async |tx| {
                let insert = async { tx.execute(INSERT, &[&user.id]).await };
                tokio::try_join!(biased; insert, tx.execute("select 1 / 0", &[]))
            })
            .await?;
        }
        Behaviour::Sleep => {
            tx.execute("select pg_sleep(60)", &[]).await?;
        }
        Behaviour::Wait => {
            tx.execute("update identity.users set display_name = 'late' where id = $1", &[&user.id]).await?;
        }
        Behaviour::Outlive => {
            tx.execute(INSERT, &[&user.id]).await?;
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                drop(tx);
            });
        }
        Behaviour::LateStatement => {
            tx.commit_with(async |tx| {
                tx.execute(INSERT, &[&user.id]).await?;
                tx.execute("select 1", &[]).await
            })
            .await?;
        }
    }
    let Body { word, count, flag, id, day, words } = body;
    Ok(Json(Seen {
        word,
        count,
        flag,
        id,
        day,
        words,
        role: who.role,
        person: who.person,
        at: who.at,
        timeouts: who.timeouts,
    }))
}
