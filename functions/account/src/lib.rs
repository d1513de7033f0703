//! The person behind every domain: their sign-ins and profile, the administration of everybody's accounts, the audit log,
//! and the export and erasure of all that is held on them.

pub mod accept;
pub mod access_token;
pub mod administration;
pub mod audit;
pub mod browser_session;
pub mod credentials;
pub mod disowning;
pub mod email;
pub mod erasure;
pub mod expiry;
pub mod export;
pub mod logout;
pub mod mail_link;
pub mod mailbox;
pub mod oidc;
pub mod optional_caller;
pub mod password;
pub mod password_change;
pub mod person;
pub mod profile;
pub mod program;
pub mod public_profile;
pub mod recent_proof;
pub mod refresh_token;
pub mod registration;
pub mod sign_in;
pub mod takeover;
pub mod way_in;
