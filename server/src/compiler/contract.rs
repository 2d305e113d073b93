//! What a build and its compiler wrapper say to each other.

use super::error::BuildError;
use super::flags::How;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

/// Set for the compiler wrapper, holds [`Settings`] as JSON; tells the wrapper's face from the others.
pub const ENV: &str = "FUTURELENS_WRAPPER";

/// Names the flags and the file format; a kept unit of another version is measured again.
pub const FLAGS: &str = "8";

/// What a size build tells its compiler wrapper.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Folders of the packages to measure, as cargo puts them into `CARGO_MANIFEST_DIR`.
    pub members: Vec<PathBuf>,
    /// The user's own `rustc-wrapper`.
    pub user_wrapper: Option<PathBuf>,
    /// The compiler is not a nightly.
    pub bootstrap: bool,
    /// How it is asked.
    pub how: How,
    /// For files that live only as long as the build.
    pub scratch: PathBuf,
    /// The environment of the futurelens that started the build, and what the user has it add: names, and checksums
    /// of the values, so that a run can tell what cargo has set.
    pub environment: BTreeMap<String, u32>,
    /// What it is all for.
    pub task: Task,
    /// Folders of the packages whose numbers someone waits for: a quick pass is made over them.
    pub awaited: Vec<PathBuf>,
}

/// What the compiler wrapper is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// A size build.
    Measure,
    /// The build is the user's own: see [`crate::compiler::ride_along`].
    RideAlong,
    /// The quick pass over one unit: see [`Project::quick_pass`](crate::compiler::Project::quick_pass).
    QuickPass,
}

impl Settings {
    /// For [`ENV`].
    pub(super) fn to_json(&self) -> Result<String, BuildError> {
        serde_json::to_string(self)
            .map_err(|error| BuildError::Io { context: "a path is not UTF-8".into(), source: error.into() })
    }

    /// This process's environment and what the user adds to it, for [`Settings::environment`].
    pub(super) fn environment_with(more: &BTreeMap<String, String>) -> BTreeMap<String, u32> {
        let more = more.iter().map(|(name, value)| (name.clone(), checksum(OsStr::new(value))));
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), checksum(&value)))
            .chain(more)
            .collect()
    }
}

/// Tells one value of a variable from another, without writing down what may be secret.
pub(super) fn checksum(value: &OsStr) -> u32 {
    crc32fast::hash(value.as_encoded_bytes())
}

/// Variables that mean something only while this build runs.
pub(super) const OF_THE_BUILD: &[&str] = &[ENV, "RUSTC_WRAPPER", "CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// The folder in [`Settings::scratch`] with what is kept of runs that failed.
pub(super) const FAILED: &str = "failed";

/// The file in [`Settings::scratch`] with the flag that the compiler does not know.
pub(super) const REFUSED: &str = "refused";

/// The folder in [`Settings::scratch`] with the units whose quick pass is over.
pub(super) const QUICK_PASSES: &str = "quick-passes";

/// Begins what is said if it is not the code's fault that a unit cannot be measured.
pub(super) const TROUBLE: &str = "cannot run or measure with";

/// How often a process or a folder is polled.
pub(super) const GLANCE: Duration = Duration::from_millis(3);
