//! The language server: the protocol's library on the outside (`wire`), one owner of all state (`session`) on the
//! inside.

pub mod config;
mod convert;
mod protocol;
mod session;
mod wire;

pub use wire::{run, serve};
