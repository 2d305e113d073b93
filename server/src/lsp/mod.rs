//! The language server: the protocol's library on the outside ([`wire`]), one owner of all state ([`session`]) on the
//! inside.

mod actions;
mod ahead;
pub mod config;
mod convert;
mod protocol;
mod session;
mod unsaved;
mod warm;
mod wire;

pub use wire::{run, serve};
