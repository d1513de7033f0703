//! Tests of the landing page and the portal.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step is a failed test, also outside of the test's own function"
)]

mod files;
mod get_landing;
mod get_portal;
mod get_portal_file;
mod in_a_browser;
mod words;
