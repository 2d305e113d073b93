//! Which compiler measures.
//!
//! The dumps need a nightly compiler, or a stable one that is told to behave like one
//! (`RUSTC_BOOTSTRAP=1`, set for the compiler runs that need it and nothing else).

use super::{BuildError, Cancel, Guarded, background};
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
}

impl Toolchain {
    /// `auto`: the project's own toolchain if it is a nightly, else the newest installed nightly, else the
    /// project's own with `RUSTC_BOOTSTRAP=1`. Anything else is a rustup toolchain's name.
    ///
    /// # Errors
    /// [`BuildError::NoToolchain`] if the named one is missing, [`BuildError::NoProgram`] without any rustc.
    pub fn choose(wanted: &str, dir: &Path) -> Result<Self, BuildError> {
        if wanted != "auto" {
            let name = wanted.trim_start_matches('+');
            return match Self::probe(Some(name), dir) {
                // Without rustup the name means nothing: the only compiler there is would answer.
                Ok(Some(toolchain)) if installed().is_some() => Ok(toolchain),
                _ => Err(BuildError::NoToolchain { name: name.to_owned() }),
            };
        }
        // Each question takes a while, and none needs the answer to another.
        let (own, mut probed) = std::thread::scope(|scope| {
            let own = scope.spawn(|| Self::probe(None, dir));
            let nightlies = installed().unwrap_or_default();
            let nightlies: Vec<_> = nightlies
                .into_iter()
                .filter(|name| name.starts_with("nightly"))
                .map(|name| scope.spawn(move || Self::probe(Some(&name), dir).ok().flatten()))
                .collect();
            let probed = nightlies.into_iter().filter_map(|one| one.join().ok().flatten());
            let probed: Vec<Toolchain> = probed.collect();
            let own = own.join().unwrap_or_else(|_| Self::probe(None, dir));
            (own, probed)
        });
        if let Ok(Some(own)) = &own
            && !own.bootstrap
        {
            return Ok(own.clone());
        }
        probed.sort_by(|a, b| a.commit_date().cmp(b.commit_date()));
        if let Some(newest) = probed.pop() {
            return Ok(newest);
        }
        match own {
            Ok(Some(own)) => Ok(own),
            Ok(None) => Err(BuildError::NoToolchain { name: "the project's own".to_owned() }),
            Err(error) => Err(error),
        }
    }

    /// One by rustup's name, or the project's own.
    pub(super) fn named(name: Option<&str>, dir: &Path) -> Option<Self> {
        Self::probe(name, dir).ok().flatten()
    }

    /// Asks a toolchain what it is. `Ok(None)` if it ran and refused (rustup: not installed).
    fn probe(name: Option<&str>, dir: &Path) -> Result<Option<Self>, BuildError> {
        let mut rustc = Command::new("rustc");
        rustc.arg("-vV").current_dir(dir).stdin(Stdio::null());
        super::without_own_heap(&mut rustc);
        if let Some(name) = name {
            rustc.env("RUSTUP_TOOLCHAIN", name);
        }
        // rustup may have to download what the project asks for.
        let rustc = Guarded::new("rustc", &rustc, true)?.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = rustc.output(&Cancel::default())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let field = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let (Some(version), Some(release), Some(host)) =
            (text.lines().next(), field("release: "), field("host: "))
        else {
            return Ok(None);
        };
        Ok(output.success.then(|| Toolchain {
            name: name.map(str::to_owned),
            version: version.to_owned(),
            host: host.to_owned(),
            bootstrap: !release.contains("nightly") && !release.contains("dev"),
        }))
    }

    /// `rustc 1.97.0-nightly (e50aa6fba 2026-05-19)` → `2026-05-19`.
    fn commit_date(&self) -> &str {
        self.version.rsplit(' ').next().unwrap_or_default().trim_end_matches(')')
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
        // Set by cargo for what it starts; would pin the compiler of whoever started us.
        command.env_remove("CARGO").env_remove("RUSTC").stdin(Stdio::null());
        super::without_own_heap(&mut command);
        command
    }
}

/// The names of rustup's toolchains; `None` without rustup.
fn installed() -> Option<Vec<String>> {
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "list"]).stdin(Stdio::null());
    super::without_own_heap(&mut rustup);
    let rustup = Guarded::new("rustup", &rustup, true).ok()?.stdout(Stdio::piped()).stderr(Stdio::null());
    let output = rustup.output(&Cancel::default()).ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    output.success.then(|| names.map(str::to_owned).collect())
}
