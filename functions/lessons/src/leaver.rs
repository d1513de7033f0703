//! People who leave: who has asked to be erased, is locked out, or teaches no more. Their lessons to come are called off as the
//! practice's own doing, the other side gets the lesson back and is told, long before anything is erased.

use shared::prelude::*;

/// Somebody who leaves and still has lessons or offers to come.
#[derive(FromRow)]
pub struct Leaver {
    /// The person.
    pub id: Uuid,
}

/// Everybody who leaves and has something to come.
pub async fn list(tx: &Tx) -> Result<Vec<Leaver>> {
    tx.list("select id from lessons.leavers() as leaver (id) order by id limit 200", &[]).await
}

/// Withdraws what the person offers and calls off what they have; gives the number of bookings.
pub async fn release(tx: &Tx, leaver: &Leaver) -> Result<i64> {
    #[derive(FromRow)]
    struct Released {
        bookings: i64,
    }
    Ok(tx.one::<Released>("select lessons.release($1) as bookings", &[&leaver.id]).await?.bookings)
}
