//! The compiler wrapper: what cargo starts in place of rustc during a size build.
//!
//! Three kinds of calls come in.
//! * Members of the workspace are *measured*: the compiler also prints type sizes and dumps coroutine
//!   bodies, into files of this run, which end up in one [`Unit`] beside the unit's artifacts.
//! * Dependencies keep the MIR of their generic functions in their metadata, or the compiler could not
//!   instantiate them for a member (`cargo check` leaves it out: "missing optimized MIR").
//! * Everything else (cargo's questions to the compiler, build scripts, proc macros and what they are
//!   made of) passes through untouched.

use super::inner_wrapper;
use super::invocation::{self, Invocation};
use super::unit::{self, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::SystemTime;

/// Set for the compiler wrapper, holds [`Settings`] as JSON; tells the wrapper's face from the others.
pub const ENV: &str = "FUTURELENS_WRAPPER";

/// What a size build tells its compiler wrapper.
#[derive(Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Folders of the packages to measure, as cargo puts them into `CARGO_MANIFEST_DIR`.
    pub members: Vec<PathBuf>,
    /// The user's own `rustc-wrapper`.
    pub inner: Option<PathBuf>,
    /// The compiler is not a nightly.
    pub bootstrap: bool,
    /// For files that live only as long as the build.
    pub scratch: PathBuf,
    /// The environment of the futurelens that started the build: names, and checksums of the values, so that
    /// a run can tell what cargo has set.
    pub environment: BTreeMap<String, u32>,
}

impl Settings {
    /// This process's environment, for [`Settings::environment`].
    pub fn own_environment() -> BTreeMap<String, u32> {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), checksum(&value)))
            .collect()
    }
}

fn checksum(value: &OsStr) -> u32 {
    crc32fast::hash(value.as_encoded_bytes())
}

/// The folder in [`Settings::scratch`] with what is kept of runs that failed.
pub(super) const FAILED: &str = "failed";

/// Variables that mean something only while this build runs.
pub(super) const OF_THE_BUILD: &[&str] = &[ENV, "RUSTC_WRAPPER", "CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// For dependencies, see the module's documentation.
const KEEP_MIR: &str = "-Zalways-encode-mir";

/// Names the flags and the file format; a kept unit of another version is measured again.
pub const FLAGS: &str = "2";

/// Runs the compiler as cargo asked, measuring where that is wanted. `args` are the process's own,
/// without its name: `[workspace-wrapper] RUSTC ARG…`.
pub fn run(settings: &str, args: Vec<OsString>) -> ExitCode {
    let settings: Settings = match serde_json::from_str(settings) {
        Ok(settings) => settings,
        Err(error) => return fail(&format!("{ENV} is set, but not by this version of futurelens: {error}")),
    };
    let Some((program, args)) = args.split_first() else {
        return fail(&format!("{ENV} is set, but no compiler is named"));
    };
    let call = Call { settings: &settings, program, args };
    let result = match call.kind() {
        Kind::Untouched => call.command(true).status(),
        Kind::Dependency => {
            let mut command = call.command(true);
            command.arg(KEEP_MIR);
            call.unlock(&mut command);
            command.status()
        }
        Kind::Measured => call.measure(),
    };
    match result {
        Ok(status) => exit_code(status),
        Err(error) => fail(&format!("cannot run `{}`: {error}", program.display())),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("futurelens: {message}");
    ExitCode::from(2)
}

fn exit_code(status: ExitStatus) -> ExitCode {
    // Killed by a signal: no code, but certainly no success.
    ExitCode::from(status.code().map_or(101, |code| u8::try_from(code & 0xff).unwrap_or(1)))
}

enum Kind {
    Untouched,
    Dependency,
    Measured,
}

struct Call<'a> {
    settings: &'a Settings,
    program: &'a OsStr,
    args: &'a [OsString],
}

impl Call<'_> {
    fn kind(&self) -> Kind {
        // `cargo check` asks for metadata alone exactly for what ends up in the program. Build scripts
        // that probe the compiler may ask for the same, but give no unit's hash.
        let Some(emit) = invocation::option(self.args, "--emit") else { return Kind::Untouched };
        let parts: Vec<&str> = emit.to_str().unwrap_or_default().split(',').collect();
        let is_unit = invocation::codegen_option(self.args, "extra-filename").is_some()
            && invocation::option(self.args, "--out-dir").is_some();
        if !is_unit || !parts.contains(&"metadata") || parts.contains(&"link") {
            return Kind::Untouched;
        }
        match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(dir) if self.settings.members.iter().any(|m| m.as_os_str() == dir) => Kind::Measured,
            _ => Kind::Dependency,
        }
    }

    /// The compiler with cargo's arguments, behind the user's own wrapper unless that would be `cached`
    /// and must not be.
    fn command(&self, cached: bool) -> Command {
        match &self.settings.inner {
            Some(inner) if cached || !inner_wrapper::is_cache(inner) => {
                let mut command = Command::new(inner);
                command.arg(self.program).args(self.args);
                command
            }
            _ => {
                let mut command = Command::new(self.program);
                command.args(self.args);
                command
            }
        }
    }

    /// Lets a stable compiler take our flags, for this run only.
    fn unlock(&self, command: &mut Command) {
        if self.settings.bootstrap {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
    }

    fn measure(&self) -> std::io::Result<ExitStatus> {
        let scratch = tempfile::tempdir_in(&self.settings.scratch)?;
        let sizes = scratch.path().join("sizes");
        let messages = scratch.path().join("messages");
        let bodies = scratch.path().join("mir");
        let started = SystemTime::now();

        let plain = self.command(false);
        let mut command = Command::new(plain.get_program());
        let args: Vec<&OsStr> = plain.get_args().collect();
        command.args(invocation::measuring(&args, &bodies));
        self.unlock(&mut command);
        command.stdout(File::create(&sizes)?).stderr(File::create(&messages)?);
        let status = command.status()?;
        if !status.success() {
            if let Err(error) = self.keep_failed(&messages) {
                // Who wants to know more than cargo says has to do without.
                tracing::debug!("nothing kept of a failed run: {error}");
            }
            // Our flags change how types are written in messages: let the compiler say it in its own
            // words. If it is content without our flags, what it said with them is all there is.
            let plain = self.command(false).stdout(Stdio::null()).status()?;
            if plain.success() {
                forward(&messages)?;
            }
            return Ok(if plain.success() { status } else { plain });
        }
        self.keep(&sizes, &bodies, started)?;
        forward(&messages)?;
        Ok(status)
    }

    /// An empty unit of this run.
    fn unit(&self) -> std::io::Result<Unit> {
        let dir = std::env::current_dir()?;
        let mut unit = Unit::new(FLAGS, dir.clone());
        unit.invocation = self.invocation(dir);
        Ok(unit)
    }

    /// This run, to be repeated; `None` if something about it is not UTF-8.
    fn invocation(&self, dir: PathBuf) -> Option<Invocation> {
        let command = self.command(false);
        let args = command.get_args().map(|arg| arg.to_str().map(str::to_owned)).collect::<Option<_>>()?;
        let mut env = Vec::new();
        for (name, value) in std::env::vars_os() {
            let known = self.settings.environment.get(&*name.to_string_lossy());
            if known != Some(&checksum(&value)) && !OF_THE_BUILD.iter().any(|own| name == *own) {
                env.push((name.into_string().ok()?, value.into_string().ok()?));
            }
        }
        env.sort();
        // It is written as JSON, which knows no other paths.
        dir.to_str()?;
        let program = command.get_program().to_str()?.into();
        Some(Invocation { program, args, env, dir })
    }

    /// Writes the unit beside the artifacts that cargo is about to consider fresh.
    fn keep(&self, sizes: &Path, bodies: &Path, started: SystemTime) -> std::io::Result<()> {
        let mut unit = self.unit()?;
        unit.push_sizes(&String::from_utf8_lossy(&std::fs::read(sizes)?));
        for (name, text) in unit::read_bodies(bodies)? {
            unit.push_body(name, &text);
        }
        let stem = invocation::artifact_stem(self.args);
        for (name, text) in unit::read_sources(&stem.with_extension("d"), &unit.dir, started) {
            unit.push_source(name, text.as_deref());
        }
        unit.write(&stem.with_extension("futurelens"))
    }

    /// Writes what the compiler said about code that does not compile where the build will look for it.
    fn keep_failed(&self, messages: &Path) -> std::io::Result<()> {
        let mut unit = self.unit()?;
        unit.push_messages(&String::from_utf8_lossy(&std::fs::read(messages)?));
        let folder = self.settings.scratch.join(FAILED);
        std::fs::create_dir_all(&folder)?;
        let stem = invocation::artifact_stem(self.args);
        unit.write(&folder.join(stem.with_extension("futurelens").file_name().unwrap_or_default()))
    }
}

/// Hands the compiler's messages on to cargo, byte for byte.
fn forward(messages: &Path) -> std::io::Result<()> {
    std::io::copy(&mut File::open(messages)?, &mut std::io::stderr()).map(drop)
}
