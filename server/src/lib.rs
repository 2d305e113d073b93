//! What every `async fn` costs, measured by the compiler itself.
//!
//! `ARCHITECTURE.md` says how one save travels through these modules.

pub mod build;
pub mod cli;
pub mod dump;
pub mod engine;
pub mod features;
pub mod layout;
pub mod lsp;
pub mod render;
pub mod source;
