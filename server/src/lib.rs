//! What every `async fn` costs, measured by the compiler itself.
//!
//! `ARCHITECTURE.md` says how one save travels through these modules.

pub mod dump;
