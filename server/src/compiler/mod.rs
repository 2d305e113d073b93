//! Size builds: run cargo so that the compiler prints the layout of every future.
//!
//! A size build is `cargo check` in a target directory of its own, with futurelens as the compiler
//! wrapper. It hands on what the compiler printed as raw text ([`UnitOutput`]) and never looks inside.

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
