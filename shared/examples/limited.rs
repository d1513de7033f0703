//! A route for the tests of limits: it takes an attempt under the rules that its caller names.

use std::time::Duration;

use shared::limit::{Limits, Rule, ToldLimits};
use shared::prelude::*;

fn main() {
    serve(post("/limited/{act}", limited))
}

text_enum! {
    /// What the handler does.
    enum Act {
        Take = "take",
        TakeAndFail = "take-and-fail",
        Tell = "tell",
        TellAndFail = "tell-and-fail",
        Forget = "forget",
    }
}

#[input]
struct LimitedPath {
    act: Act,
}

text_enum! {
    /// A rule's name.
    enum Name {
        One = "one",
        Two = "two",
    }
}

#[input]
struct Body {
    rules: List<Limit, 4>,
}

#[input]
struct Limit {
    name: Name,
    /// The caller's network where there is none.
    key: Option<Text<1, 100>>,
    max: Int<0, 100>,
    /// Seconds.
    window: Int<1, 100_000>,
}

async fn limited(
    db: AccountsDb,
    limits: Limits,
    told: ToldLimits,
    client: Client,
    Path(path): Path<LimitedPath>,
    Json(body): Json<Body>,
) -> Result<NoContent> {
    let mut rules = Vec::new();
    for Limit { name, key, max, window } in body.rules.0 {
        rules.push(Rule {
            name: name.as_str(),
            key: key.map_or_else(|| client.network(), |key| key.as_str().to_owned()),
            max: u32::try_from(max.get())?,
            window: Duration::from_secs(u64::try_from(window.get())?),
        });
    }
    match path.act {
        Act::Take => limits.take(&db, &rules).await?,
        Act::TakeAndFail => {
            limits.take(&db, &rules).await?;
            return Err(conflict("what was limited failed"));
        }
        Act::Tell => told.take(&db, &rules).await?,
        Act::TellAndFail => {
            told.take(&db, &rules).await?;
            return Err(conflict("what was limited failed"));
        }
        Act::Forget => {
            for rule in &rules {
                limits.forget(&db, rule.name, &rule.key).await?;
            }
        }
    }
    Ok(NoContent)
}
