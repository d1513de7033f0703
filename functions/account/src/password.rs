//! Passwords: what may be one, and its Argon2id hash.

mod common;
mod rules;

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use shared::describe::Operation;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::settings::{self, Environment, SettingError};

pub use rules::{NewPassword, Password};

static HASHER: OnceLock<Argon2<'static>> = OnceLock::new();

/// Hashes and checks passwords, as a handler's parameter. A hash takes tens of milliseconds of a whole processor: no
/// transaction may be open meanwhile. It blocks the sandbox's one thread, which has one request and nothing else to do.
pub struct Passwords {
    hasher: &'static Argon2<'static>,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or there is none.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, hashed with other parameters than today's: hash it again.
    RightButStale,
}

/// OWASP's equivalent minima of memory in KiB and iterations, at a parallelism of 1.
/// Source: <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>
const MINIMA: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

impl Passwords {
    /// The hash of a new password in PHC's string format, with a salt of its own.
    pub fn hash(&self, password: &Password) -> Result<String> {
        let hash: PasswordHash = self.hasher.hash_password(password.as_bytes())?;
        Ok(hash.to_string())
    }

    /// Whether `password` is the one behind `hash`. Without a hash it works as long as with one, for nothing, so that
    /// the time does not tell whether there is such an account.
    pub fn verify(&self, password: &Password, hash: Option<&str>) -> Result<Verdict> {
        let Some(hash) = hash else {
            let _: PasswordHash = self.hasher.hash_password_with_salt(password.as_bytes(), &[0; 16])?;
            return Ok(Verdict::Wrong);
        };
        let hash = PasswordHash::new(hash)?;
        match self.hasher.verify_password(password.as_bytes(), &hash) {
            Ok(()) if Params::try_from(&hash)? == *self.hasher.params() => Ok(Verdict::Right),
            Ok(()) => Ok(Verdict::RightButStale),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
            Err(cause) => Err(cause.into()),
        }
    }
}

/// The parameters of today's hashes: `ARGON2_MEMORY_KIB` (19456), `ARGON2_ITERATIONS` (2), `ARGON2_PARALLELISM` (1).
/// Less than OWASP's minimum fails the start, except in development and tests.
fn params(environment: Environment, get: &dyn Fn(&str) -> Option<String>) -> Result<Params, SettingError> {
    let number = |name: &str, default: u32| match get(name) {
        None => Ok(default),
        Some(text) => text.parse::<u32>().map_err(|_| format!("{name} must be a whole number")),
    };
    let memory = number("ARGON2_MEMORY_KIB", Params::DEFAULT_M_COST)?;
    let iterations = number("ARGON2_ITERATIONS", Params::DEFAULT_T_COST)?;
    let parallelism = number("ARGON2_PARALLELISM", Params::DEFAULT_P_COST)?;
    let is_enough = MINIMA.iter().any(|(least, rounds)| memory >= *least && iterations >= *rounds);
    if environment == Environment::Production && !is_enough {
        return Err("ARGON2_MEMORY_KIB and ARGON2_ITERATIONS are below OWASP's minimum".to_owned());
    }
    // The length of the output is written out because a stored hash says it too, and both are compared.
    Params::new(memory, iterations, parallelism, Some(Params::DEFAULT_OUTPUT_LEN))
        .map_err(|cause| format!("ARGON2_MEMORY_KIB, ARGON2_ITERATIONS or ARGON2_PARALLELISM: {cause}"))
}

impl FromRequest for Passwords {
    fn start() -> Result<(), SettingError> {
        let params = params(Environment::current(), &settings::find)?;
        HASHER.get_or_init(|| Argon2::new(Algorithm::Argon2id, Version::V0x13, params));
        Ok(())
    }

    async fn from_request(_: &mut Request) -> Result<Passwords> {
        let hasher = HASHER.get().ok_or_else(|| internal("the settings of passwords were not read"))?;
        Ok(Passwords { hasher })
    }

    fn describe(_: &mut Operation) {}
}

/// Gives the person a password, or another one.
pub async fn set(tx: &Tx, user_id: Uuid, hash: &str) -> Result<()> {
    tx.execute(
        "insert into identity.passwords (user_id, password_hash) values ($1, $2)
         on conflict (user_id) do update set password_hash = excluded.password_hash, updated_at = now()",
        &[&user_id, &hash],
    )
    .await?;
    Ok(())
}

/// Puts another hash in the place of one that was checked. False if that one is no longer the person's: somebody
/// changed the password in the meantime.
pub async fn replace(tx: &Tx, user_id: Uuid, checked: &str, hash: &str) -> Result<bool> {
    let replaced = tx
        .execute(
            "update identity.passwords set password_hash = $3, updated_at = now()
             where user_id = $1 and password_hash = $2",
            &[&user_id, &checked, &hash],
        )
        .await?;
    Ok(replaced == 1)
}

/// Whether a hash that was checked is still the person's; it stays so until the transaction ends.
pub async fn is_still(tx: &Tx, user_id: Uuid, checked: &str) -> Result<bool> {
    let sql = "select from identity.passwords where user_id = $1 and password_hash = $2 for share";
    Ok(tx.execute(sql, &[&user_id, &checked]).await? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(memory: u32) -> Passwords {
        let params = Params::new(memory, 1, 1, Some(32)).unwrap();
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Passwords { hasher: Box::leak(Box::new(hasher)) }
    }

    #[test]
    fn a_hash_is_checked_and_tells_when_it_is_stale() {
        let (old, new) = (passwords(16), passwords(24));
        let (right, wrong) = (Password::from("correct horse"), Password::from("correct house"));
        let hash = old.hash(&right).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=16,t=1,p=1$"), "{hash}");
        assert_ne!(hash, old.hash(&right).unwrap(), "each hash has its own salt");
        assert_eq!(old.verify(&right, Some(&hash)).unwrap(), Verdict::Right);
        assert_eq!(old.verify(&wrong, Some(&hash)).unwrap(), Verdict::Wrong);
        assert_eq!(old.verify(&right, None).unwrap(), Verdict::Wrong);
        assert_eq!(new.verify(&right, Some(&hash)).unwrap(), Verdict::RightButStale);
        assert_eq!(new.verify(&wrong, Some(&hash)).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn production_refuses_less_than_owasp_s_minimum() {
        let with = |environment, pairs: &'static [(&str, &str)]| {
            params(environment, &|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let (production, test) = (Environment::Production, Environment::Test);
        let usual = with(production, &[]).unwrap();
        assert_eq!((usual.m_cost(), usual.t_cost(), usual.p_cost()), (19_456, 2, 1));
        assert!(with(production, &[("ARGON2_MEMORY_KIB", "12288"), ("ARGON2_ITERATIONS", "3")]).is_ok());
        for weak in [
            &[("ARGON2_MEMORY_KIB", "19455")][..],
            &[("ARGON2_ITERATIONS", "1")],
            &[("ARGON2_MEMORY_KIB", "4096"), ("ARGON2_ITERATIONS", "9")],
        ] {
            assert!(with(production, weak).unwrap_err().contains("OWASP"), "{weak:?}");
            assert!(with(test, weak).is_ok(), "{weak:?}");
        }
        for wrong in [&[("ARGON2_ITERATIONS", "two")][..], &[("ARGON2_PARALLELISM", "0")]] {
            assert!(with(test, wrong).unwrap_err().contains(wrong[0].0), "{wrong:?}");
        }
    }
}
