//! What is asked of a build.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Which features, targets and packages; the words are cargo's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--package`; none is what the folder stands for: the whole workspace at its root, or its `default-members` where it
    /// has such, else one package.
    pub packages: Vec<String>,
    /// Members that are measured besides `default-members`; where all members are, this says nothing.
    pub also: BTreeSet<String>,
    /// `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// Tests, examples and benches too.
    pub all_targets: bool,
    /// `--target`; one measurement is for one of them, see [`Project::for_each_target`](crate::compiler::Project::for_each_target).
    pub targets: Vec<String>,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// A folder in the project.
    pub dir: PathBuf,
    /// Measure what the workspace's root stands for, whatever folder of it `dir` is.
    pub whole: bool,
    /// `auto` or a rustup toolchain, see [`Choice`](crate::compiler::Choice).
    pub toolchain: String,
    /// `release`, `dev`, or a profile of the project's own.
    pub profile: String,
    /// Which parts of the project.
    pub selection: Selection,
    /// futurelens's own target directory; default `futurelens` in the workspace's.
    pub target_dir: Option<PathBuf>,
    /// Additional environment of cargo and the compiler.
    pub env: BTreeMap<String, String>,
    /// Start cargo in a process group of its own, so that [`Cancel`](crate::compiler::Cancel) reaches everything it starts, and at low
    /// priority. Not wanted where a terminal's Ctrl-C should reach cargo, and someone waits for it.
    pub own_group: bool,
    /// Colour in the compiler's messages.
    pub color: bool,
}

impl Request {
    /// The default measurement of a folder: release profile, automatic toolchain.
    pub fn new(dir: PathBuf) -> Self {
        Request {
            dir,
            whole: false,
            toolchain: "auto".to_owned(),
            profile: "release".to_owned(),
            selection: Selection::default(),
            target_dir: None,
            env: BTreeMap::new(),
            own_group: false,
            color: false,
        }
    }
}
