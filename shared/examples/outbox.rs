//! A route for the tests of the outbox: it puts a message in as its path says, and fails afterwards if that says so.

use shared::outbox::{self, Message};
use shared::prelude::*;

fn main() {
    serve(post("/outbox/{whom}", put))
}

text_enum! {
    /// Whom the message concerns.
    enum Whom {
        Caller = "caller",
        Other = "other",
        Nobody = "nobody",
        CallerAndFail = "caller-and-fail",
    }
}

#[input]
struct OutboxPath {
    whom: Whom,
}

#[input]
struct Body {
    dedup_key: Text<0, 300>,
}

async fn put(db: Db, user: User, Path(path): Path<OutboxPath>, Json(body): Json<Body>) -> Result<NoContent> {
    let tx = db.begin(&user).await?;
    shared::identity::ensure(&tx, &user).await?;
    let user_id = match path.whom {
        Whom::Caller | Whom::CallerAndFail => Some(user.id),
        Whom::Other => Some(Uuid::now_v7()),
        Whom::Nobody => None,
    };
    let payload = serde_json::json!({ "secret": "swordfish" });
    outbox::enqueue(&tx, &Message { topic: "mail", dedup_key: body.dedup_key.as_str(), user_id, payload })
        .await?;
    if matches!(path.whom, Whom::CallerAndFail) {
        return Err(conflict("changed my mind"));
    }
    tx.commit().await?;
    Ok(NoContent)
}
