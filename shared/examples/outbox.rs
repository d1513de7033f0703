//! A route for the tests of the outbox: it puts a message in as its path says, and fails afterwards if that says so.

use shared::outbox::{self, Message};
use shared::prelude::*;

fn main() {
    serve(post("/outbox/{how}", put))
}

text_enum! {
    /// How the message is put in.
    enum How {
        Service = "service",
        ServiceThatFails = "service-that-fails",
        Request = "request",
    }
}

#[input]
struct OutboxPath {
    how: How,
}

#[input]
struct Body {
    dedup_key: Text<0, 300>,
}

async fn put(
    db: AccountsDb,
    user: User,
    Path(path): Path<OutboxPath>,
    Json(body): Json<Body>,
) -> Result<NoContent> {
    let tx = db.begin(&user).await?;
    shared::identity::ensure(&tx, &user).await?;
    tx.commit().await?;
    let tx = match path.how {
        How::Request => db.begin(&user).await?,
        How::Service | How::ServiceThatFails => db.begin_service().await?,
    };
    let payload = serde_json::json!({ "secret": "swordfish" });
    let dedup_key = body.dedup_key.as_str();
    outbox::enqueue(&tx, &Message { topic: "mail", dedup_key, user_id: Some(user.id), payload }).await?;
    if matches!(path.how, How::ServiceThatFails) {
        return Err(conflict("changed my mind"));
    }
    tx.commit().await?;
    Ok(NoContent)
}
