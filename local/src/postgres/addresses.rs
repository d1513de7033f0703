//! As whom the functions of a stack come to their database.

/// One database's addresses by login, with the passwords.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Of routes that work as their caller.
    pub requests: String,
    /// Of sign-in and administration.
    pub accounts: String,
    /// Of jobs.
    pub jobs: String,
    /// Of whoever owns the tables.
    pub owner: String,
}

impl Addresses {
    /// One login for everything.
    pub fn one(url: &str) -> Self {
        Self {
            requests: url.to_owned(),
            accounts: url.to_owned(),
            jobs: url.to_owned(),
            owner: url.to_owned(),
        }
    }

    /// All of them, each changed.
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        let [requests, accounts, jobs, owner] =
            [&self.requests, &self.accounts, &self.jobs, &self.owner].map(|url| change(url));
        Self { requests, accounts, jobs, owner }
    }

    /// The functions' settings with them.
    pub fn settings(&self) -> [(&'static str, &str); 4] {
        [
            ("DATABASE_URL", &self.requests),
            ("DATABASE_ACCOUNTS_URL", &self.accounts),
            ("DATABASE_JOBS_URL", &self.jobs),
            ("DATABASE_OWNER_URL", &self.owner),
        ]
    }
}
