//! E-mail and password as proof of who somebody is, with the limits that make guessing hopeless.

use std::time::Duration;

use shared::limit::{Limits, Rule};
use shared::prelude::*;

use crate::email::Email;
use crate::password::{self, Password, Passwords, Verdict};
use crate::person;

/// What somebody signs in with.
#[input]
pub struct Credentials {
    /// The address, in any case.
    pub email: Email,
    /// The password.
    pub password: Password,
}

/// A person whose password was right.
pub struct Proven {
    /// The person.
    pub user_id: Uuid,
    /// The hash that it was checked against.
    checked: String,
    /// The hash with today's parameters, if that one has others.
    fresh: Option<String>,
}

const MINUTE: Duration = Duration::from_secs(60);
const QUARTER: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Failures of one account from one network.
const PAIR: &str = "login:account_network";
/// Attempts on one account from all networks that are strange to it, or from one that is not.
const ACCOUNT: &str = "login:account";

#[derive(FromRow)]
struct Account {
    user_id: Option<Uuid>,
    password_hash: Option<String>,
    is_known_network: bool,
}

/// The person with these credentials; 401 in the same words and the same time whatever is wrong, 429 after too many
/// attempts.
///
/// Each network has 10 attempts a minute, and 5 failures in 15 minutes on one account. One account has 50 attempts an hour,
/// successes included: from all networks together where the person has not signed in during the last 30 days, and from each
/// of the others by itself. A guesser with many addresses is stopped, and the person at home is not.
pub async fn verify(
    db: &AccountsDb,
    limits: &Limits,
    passwords: &Passwords,
    client: &Client,
    given: &Credentials,
) -> Result<Proven> {
    let tx = db.begin_service().await?;
    let account = tx.commit_with(async |tx| find(tx, &given.email, client).await).await?;
    let email = given.email.as_str();
    let pair = pair(email, client);
    // A known network has a count of its own, so that the number of statements does not tell whether it is one.
    let account_key = if account.is_known_network { pair.clone() } else { email.to_owned() };
    let mut rules = Rule::of_network("login:network", client, 10, MINUTE);
    rules.push(Rule { name: PAIR, key: pair.clone(), max: 5, window: QUARTER });
    rules.push(Rule { name: ACCOUNT, key: account_key, max: 50, window: HOUR });
    limits.take(db, &rules).await.map_err(|error| error.about(email))?;
    let verdict = passwords.verify(&given.password, account.password_hash.as_deref())?;
    let (Some(user_id), Some(checked), Verdict::Right | Verdict::RightButStale) =
        (account.user_id, account.password_hash, verdict)
    else {
        return Err(unauthorized("invalid e-mail or password").by_rule("login:password").about(email));
    };
    let fresh = match verdict {
        Verdict::RightButStale => Some(passwords.hash(&given.password)?),
        _ => None,
    };
    limits.forget(db, PAIR, &pair).await?;
    Ok(Proven { user_id, checked, fresh })
}

/// The caller proves once more who they are, before what a stolen token must not do. Gives the hash that the password was
/// checked against; 403 for a wrong one and for an account without one, 429 after 5 failures in 15 minutes of one sign-in
/// from one network, 20 attempts an hour of one sign-in, or 100 of one person.
///
/// By sign-in, because whoever holds a stolen one must not lock the person out of changes: who signs in anew begins anew,
/// and for that the thief lacks the password.
pub async fn verify_again(
    db: &AccountsDb,
    limits: &Limits,
    passwords: &Passwords,
    client: &Client,
    user: &User,
    given: &Password,
) -> Result<String> {
    const AGAIN: &str = "password:sign_in_network";
    let sign_in = user.sign_in.unwrap_or(user.id);
    let key = format!("{sign_in} {}", client.network());
    person::must_be_active(db, user).await?;
    let rules = [
        Rule { name: AGAIN, key: key.clone(), max: 5, window: QUARTER },
        // A thief may have many networks, and with a stolen account elsewhere many sign-ins.
        Rule { name: "password:sign_in", key: sign_in.to_string(), max: 20, window: HOUR },
        Rule { name: "password:person", key: user.id.to_string(), max: 100, window: HOUR },
    ];
    limits.take(db, &rules).await?;
    let tx = db.begin_service().await?;
    let hash = tx.commit_with(async |tx| find_hash(tx, user.id).await).await?;
    match (passwords.verify(given, hash.as_deref())?, hash) {
        (Verdict::Right | Verdict::RightButStale, Some(hash)) => {
            limits.forget(db, AGAIN, &key).await?;
            Ok(hash)
        }
        _ => Err(forbidden("wrong password").by_rule("password:again")),
    }
}

/// Forgets the attempts of strangers on an account, and those from the network of its person, who has shown that the
/// mailbox is theirs.
pub async fn unlock(db: &AccountsDb, limits: &Limits, client: &Client, email: &str) -> Result<()> {
    limits.forget(db, ACCOUNT, email).await?;
    limits.forget(db, PAIR, &pair(email, client)).await
}

/// What failures of one account from one network count under.
fn pair(email: &str, client: &Client) -> String {
    format!("{email} {}", client.network())
}

impl Proven {
    /// Within the transaction that signs the person in: 401 if somebody has changed the password since it was checked.
    /// Brings the hash up to date. What else that transaction does waits for nobody who changes the password later.
    pub async fn must_still_hold(&self, tx: &Tx) -> Result<()> {
        let holds = match &self.fresh {
            Some(fresh) => password::replace(tx, self.user_id, &self.checked, fresh).await?,
            None => password::is_still(tx, self.user_id, &self.checked).await?,
        };
        if holds { Ok(()) } else { Err(unauthorized("invalid e-mail or password")) }
    }
}

/// The account of an address, or one of nobody: one row and the same work in both cases.
async fn find(tx: &Tx, email: &Email, client: &Client) -> Result<Account> {
    tx.one(
        "select e.user_id, p.password_hash,
                exists (select from identity.sign_ins s
                        where s.user_id = e.user_id and s.created_at > now() - interval '30 days'
                          and s.ip <<= network(set_masklen($2::inet, case family($2::inet) when 4 then 32 else 64 end))
                       ) as is_known_network
         from (select $1::text as email) as given
         left join identity.emails e using (email)
         left join identity.passwords p on p.user_id = e.user_id",
        &[email, &client.ip.to_canonical()],
    )
    .await
}

async fn find_hash(tx: &Tx, user_id: Uuid) -> Result<Option<String>> {
    #[derive(FromRow)]
    struct Hash {
        password_hash: String,
    }
    let sql = "select password_hash from identity.passwords where user_id = $1";
    Ok(tx.find(sql, &[&user_id]).await?.map(|Hash { password_hash }| password_hash))
}
