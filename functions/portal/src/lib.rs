//! The landing page and the portal: files in `files/`, which a browser runs as they are, and the answers that carry them.

pub mod file;
