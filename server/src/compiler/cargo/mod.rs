//! The project as cargo sees it, and its builds.

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
