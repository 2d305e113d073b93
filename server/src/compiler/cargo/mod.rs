//! The project as cargo sees it, and its builds.
//!
//! `request` is what is asked; `project` what cargo says of it (`metadata`, `targets`, `lock_file`, `target_dir`); `command`
//! the command line; `messages` one run of cargo and what it says; `measure` the rounds until all units are current;
//! `quick_pass` compiles saved files before cargo is asked.

mod command;
mod lock_file;
mod measure;
mod messages;
mod metadata;
mod project;
mod quick_pass;
mod request;
mod target_dir;
mod targets;

pub use measure::{Awaited, Outcome};
pub use messages::Event;
pub use metadata::Manifest;
pub use project::Project;
pub use request::{Request, Selection};
pub(super) use targets::triple;
