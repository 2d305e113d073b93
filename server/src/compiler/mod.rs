//! Size builds: run cargo so that the compiler prints the layout of every future.
//!
//! A size build is `cargo check` in a target directory of its own, with futurelens as the compiler
//! wrapper. It hands on what the compiler printed as raw text ([`UnitOutput`]) and never looks inside.
//!
//! - `toolchain` is a compiler; `probe` tells what one is good for: a few lines are compiled by it and read; `choice` says
//!   which one measures.
//! - `cargo/` is the project as cargo sees it, and its builds.
//! - `wrapper` is what cargo starts in place of rustc; `contract` what the two say to each other; `user_wrapper` the
//!   wrapper that the user has set.
//! - `invocation` is a compiler run as cargo asked for it (`arguments` reads its arguments); `flags` is what makes it
//!   measure; `run` one that measures; `store` what it builds on and leaves; `attempts` when it is made again.
//! - `unit` is the kept file of one compiler run; `inputs` the files it was made of (`dep_info`); `index` which units are
//!   current.
//! - `overlay` compiles a unit again with changed text; `ride_along` records beside the user's own cargo.
//! - `process` starts what could outlive us, under a guard; `files` writes whole, by the umask, never through a link;
//!   `scratch` is a folder for a while; `disk` knows whether there is room.

mod arguments;
mod attempts;
mod background;
mod cargo;
mod cargo_config;
mod choice;
pub mod contract;
pub mod dep_info;
mod disk;
mod environment;
mod error;
pub mod files;
mod flags;
mod index;
mod inputs;
mod invocation;
mod overlay;
mod probe;
mod process;
pub mod ride_along;
mod run;
mod scratch;
mod store;
mod toolchain;
mod unit;
mod user_wrapper;
pub mod wrapper;

pub use cargo::{Awaited, Event, Manifest, Outcome, Project, Request, Selection};
pub use choice::{Because, Candidate, Candidates, Choice, Installed, Needs, PassedOver, Unfit};
pub use environment::OWN_HEAP;
pub use error::BuildError;
pub use flags::How;
pub use index::{Index, Indexed};
pub use invocation::Invocation;
pub use overlay::{Compiled, Overlay};
pub use probe::{Probed, ReadAs, cache_dir};
pub(crate) use process::set_self_as_program;
pub use process::{Cancel, Output, guard, output, set_program};

pub use toolchain::Toolchain;
pub use unit::{CurrentUnit, MeasuredUnit, UnitError, UnitFile, UnitHead, UnitOutput};
