//! One compiler with its cargo: what it is, and how it is started.

use super::background;
use super::environment::without_own_heap;
use super::error::BuildError;
use super::flags::How;
use super::process::{Cancel, Guarded};
use std::path::Path;
use std::process::{Command, Stdio};

/// A compiler that can measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// rustup's name for it; `None` is whatever the project itself uses.
    pub name: Option<String>,
    /// Its first `-vV` line: `rustc 1.97.0-nightly (e50aa6fba 2026-05-19)`.
    pub version: String,
    /// The triple it runs on and builds for unless told otherwise.
    pub host: String,
    /// A stable compiler: the flags need `RUSTC_BOOTSTRAP=1`.
    pub bootstrap: bool,
    /// How it is asked.
    pub(super) how: How,
    /// All that it says of itself.
    pub(super) about: String,
}

impl Toolchain {
    /// Asks a toolchain what it is. `Ok(None)` if it ran and refused (rustup: not installed).
    ///
    /// # Errors
    /// [`BuildError::NoProgram`] without any rustc.
    pub fn ask(name: Option<&str>, dir: &Path) -> Result<Option<Self>, BuildError> {
        let mut rustc = Command::new("rustc");
        rustc.arg("-vV").current_dir(dir).stdin(Stdio::null());
        without_own_heap(&mut rustc);
        if let Some(name) = name {
            rustc.env("RUSTUP_TOOLCHAIN", name);
        }
        // rustup may have to download what the project asks for.
        let rustc = Guarded::new("rustc", &rustc, true)?.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = rustc.output(&Cancel::default())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let toolchain = Self::read(name, &text);
        Ok(toolchain.filter(|_| output.success))
    }

    /// Reads what `rustc -vV` prints.
    fn read(name: Option<&str>, text: &str) -> Option<Self> {
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let release = field("release: ")?;
        Some(Toolchain {
            name: name.map(str::to_owned),
            version: text.lines().next()?.to_owned(),
            host: field("host: ")?.to_owned(),
            bootstrap: !release.contains("nightly") && !release.contains("dev"),
            how: How::default(),
            about: text.to_owned(),
        })
    }

    /// `nightly-x86_64-unknown-linux-gnu (rustc 1.97.0-nightly …)`, or `the project's own rustc 1.95.0 (…)`.
    pub fn in_words(&self) -> String {
        in_words(self.name.as_deref(), &self.version)
    }

    /// `rustc 1.97.0-nightly (e50aa6fba 2026-05-19)` → `1.97.0-nightly`.
    pub fn release(&self) -> &str {
        self.version.split(' ').nth(1).unwrap_or(&self.version)
    }

    /// Is there no standard library of a target, for all that the compiler knows it? Asks the compiler.
    pub(super) fn lacks(&self, triple: &str) -> bool {
        let mut rustc = self.command("rustc");
        rustc.args(["--print", "target-libdir", "--target", triple]);
        let libraries = || {
            let rustc =
                Guarded::new("rustc", &rustc, true).ok()?.stdout(Stdio::piped()).stderr(Stdio::null());
            let output = rustc.output(&Cancel::default()).ok().filter(|output| output.success)?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        triple != self.host && libraries().is_some_and(|folder| !Path::new(&folder).is_dir())
    }

    /// What to do if it lacks the standard library of a target.
    pub fn target_advice(&self, triple: &str) -> String {
        let toolchain = self.name.as_ref().map(|name| format!(" --toolchain {name}")).unwrap_or_default();
        format!("the target {triple} is not installed for it: `rustup target add {triple}{toolchain}`")
    }

    /// 97 of `1.97.0-nightly`.
    pub(super) fn minor(&self) -> Option<u32> {
        self.release().split('.').nth(1)?.parse().ok()
    }

    /// The higher the newer: minor version and commit date. A nightly is older than the release of its version.
    pub(super) fn age(&self) -> (u32, &str) {
        let date = self.version.rsplit(' ').next().unwrap_or_default().trim_end_matches(')');
        (self.minor().unwrap_or(0), date)
    }

    /// A command that runs this toolchain's `program`.
    pub fn command(&self, program: &str) -> Command {
        self.env(Command::new(program))
    }

    /// The same at low priority.
    pub(super) fn background_command(&self, program: &str) -> Command {
        self.env(background::command(program))
    }

    fn env(&self, mut command: Command) -> Command {
        if let Some(name) = &self.name {
            command.env("RUSTUP_TOOLCHAIN", name);
        }
        own(command)
    }
}

/// A command that runs a program of the project's own toolchain.
pub(super) fn own_command(program: &str) -> Command {
    own(Command::new(program))
}

fn own(mut command: Command) -> Command {
    // Set by cargo for what it starts; would pin the compiler of whoever started us.
    command.env_remove("CARGO").env_remove("RUSTC").stdin(Stdio::null());
    without_own_heap(&mut command);
    command
}

pub(super) fn in_words(name: Option<&str>, version: &str) -> String {
    match name {
        Some(name) => format!("{name} ({version})"),
        None => format!("the project's own {version}"),
    }
}
