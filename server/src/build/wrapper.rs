//! The compiler wrapper: what cargo starts in place of rustc during a size build.
//!
//! Three kinds of calls come in.
//! * Members of the workspace are *measured*: the compiler also prints type sizes and dumps coroutine
//!   bodies, into files of this run, which end up in one [`Unit`] beside the unit's artifacts. They are
//!   compiled incrementally, in a folder of ours beside the unit; see [`super::printed`].
//! * Dependencies keep the MIR of their generic functions in their metadata, or the compiler could not
//!   instantiate them for a member (`cargo check` leaves it out: "missing optimized MIR").
//! * Everything else (cargo's questions to the compiler, build scripts, proc macros and what they are
//!   made of) passes through untouched.

use super::inner_wrapper;
use super::invocation::{self, Invocation};
use super::printed::Printed;
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
    /// The build is the user's own: see [`super::ride_along`].
    pub ride_along: bool,
}

impl Settings {
    /// This process's environment, for [`Settings::environment`].
    pub fn own_environment() -> BTreeMap<String, u32> {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), checksum(&value)))
            .collect()
    }
}

pub(super) fn checksum(value: &OsStr) -> u32 {
    crc32fast::hash(value.as_encoded_bytes())
}

/// The folder in [`Settings::scratch`] with what is kept of runs that failed.
pub(super) const FAILED: &str = "failed";

/// Variables that mean something only while this build runs.
pub(super) const OF_THE_BUILD: &[&str] = &[ENV, "RUSTC_WRAPPER", "CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"];

/// For dependencies, see the module's documentation.
const KEEP_MIR: &str = "-Zalways-encode-mir";

/// Names the flags and the file format; a kept unit of another version is measured again.
pub const FLAGS: &str = "4";

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
        kind if settings.ride_along => {
            super::ride_along::compile(&settings, program, args, matches!(kind, Kind::Measured))
        }
        Kind::Untouched => call.command(true).status(),
        Kind::Dependency => {
            let mut command = call.command(true);
            command.args([KEEP_MIR, invocation::NO_OPTIMIZATION]);
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
        let stem = invocation::artifact_stem(self.args);
        let folder = incremental(&stem);
        let mut unit = self.unit()?;
        let known = session(&folder);
        // What was kept is read while the compiler runs; whether it is of use, its head tells.
        let kept = stem.with_extension("futurelens");
        let is_base =
            known.is_some() && Unit::read_head(&kept).is_ok_and(|head| head.is_base_of(&unit, &known));
        let mut base =
            is_base.then(|| std::thread::spawn(move || Unit::read(&kept).map(|u| Printed::of(&u))));
        loop {
            if base.is_none() {
                remove(&folder)?;
            }
            let run = Run::new(scratch.path())?;
            let status = self.run(&run, &folder)?;
            if !status.success() {
                // With errors in the code it ends with 1. Anything else may be the fault of what it built on.
                if base.take().is_some() && status.code() != Some(1) {
                    continue;
                }
                return self.failed(&run, status);
            }
            let before = match base.take().map(|base| base.join()) {
                None => None,
                Some(Ok(Ok(before))) => Some(before),
                // Damaged: the compiler has built on what nobody knows any more.
                Some(_) => continue,
            };
            let Some(printed) = self.printed(&run, before.as_ref())? else { continue };
            printed.push_to(&mut unit);
            unit.session = session(&folder);
            unit.write(&stem.with_extension("futurelens"))?;
            forward(&run.messages)?;
            return Ok(status);
        }
    }

    /// Runs the compiler, measuring.
    fn run(&self, run: &Run, incremental: &Path) -> std::io::Result<ExitStatus> {
        let plain = self.command(false);
        let mut command = Command::new(plain.get_program());
        let args: Vec<&OsStr> = plain.get_args().collect();
        command.args(invocation::measuring(&args, &run.bodies, Some(incremental)));
        self.unlock(&mut command);
        // A compiler that crashes would leave a file in the user's folder.
        command.env("RUSTC_ICE", "0");
        command.stdout(File::create(&run.sizes)?).stderr(File::create(&run.messages)?);
        command.status()
    }

    /// Has the user told what does not compile.
    fn failed(&self, run: &Run, status: ExitStatus) -> std::io::Result<ExitStatus> {
        if let Err(error) = self.keep_failed(&run.messages) {
            // Who wants to know more than cargo says has to do without.
            tracing::debug!("nothing kept of a failed run: {error}");
        }
        // Our flags change how types are written in messages: let the compiler say it in its own
        // words. If it is content without our flags, what it said with them is all there is.
        let plain = self.command(false).stdout(Stdio::null()).status()?;
        if plain.success() {
            forward(&run.messages)?;
        }
        Ok(if plain.success() { status } else { plain })
    }

    /// What holds after a run that succeeded; nothing if that cannot be told from it.
    fn printed(&self, run: &Run, before: Option<&Printed>) -> std::io::Result<Option<Printed>> {
        let stdout = std::fs::read(&run.sizes)?;
        let bodies = unit::read_bodies(&run.bodies)?;
        let dep_info = invocation::artifact_stem(self.args).with_extension("d");
        let sources = unit::read_sources(&dep_info, &std::env::current_dir()?, run.started);
        let printed = Printed::read(&String::from_utf8_lossy(&stdout), bodies, sources, before);
        Ok(match before {
            Some(before) => printed.over(before),
            None => Some(printed),
        })
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
        let args: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
        recorded(self.settings, command.get_program(), &args, &dir)
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

/// The files of one compiler run.
struct Run {
    sizes: PathBuf,
    messages: PathBuf,
    bodies: PathBuf,
    started: SystemTime,
}

impl Run {
    fn new(scratch: &Path) -> std::io::Result<Run> {
        let bodies = scratch.join("mir");
        remove(&bodies)?;
        let (sizes, messages) = (scratch.join("sizes"), scratch.join("messages"));
        Ok(Run { sizes, messages, bodies, started: SystemTime::now() })
    }
}

/// Where a unit's incremental compilation keeps what it needs, given what its files are called.
pub(super) fn incremental(stem: &Path) -> PathBuf {
    stem.with_extension("incremental")
}

/// Names what the last compiler run that succeeded has left for incremental compilation.
fn session(incremental: &Path) -> Option<String> {
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let of_crates = folders(incremental).filter(|entry| entry.path().is_dir());
    let sessions = of_crates.flat_map(|krate| folders(&krate.path()).collect::<Vec<_>>());
    // `s-TIME-RANDOM-HASH`, and ending in `-working` until the run has succeeded.
    let sessions = sessions.filter(|entry| entry.path().is_dir());
    let names = sessions.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut done: Vec<String> = names.filter(|name| !name.ends_with("-working")).collect();
    done.sort();
    (!done.is_empty()).then(|| done.join(" "))
}

/// Removes a folder if it is there.
pub(super) fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A run, to be repeated; `None` if something about it is not UTF-8.
pub(super) fn recorded(
    settings: &Settings,
    program: &OsStr,
    args: &[OsString],
    dir: &Path,
) -> Option<Invocation> {
    let args = args.iter().map(|arg| arg.to_str().map(str::to_owned)).collect::<Option<_>>()?;
    let mut env = Vec::new();
    for (name, value) in std::env::vars_os() {
        let known = settings.environment.get(&*name.to_string_lossy());
        if known != Some(&checksum(&value)) && !OF_THE_BUILD.iter().any(|own| name == *own) {
            env.push((name.into_string().ok()?, value.into_string().ok()?));
        }
    }
    env.sort();
    // It is written as JSON, which knows no other paths.
    dir.to_str()?;
    Some(Invocation { program: program.to_str()?.into(), args, env, dir: dir.to_owned() })
}

/// Hands the compiler's messages on to cargo, byte for byte.
fn forward(messages: &Path) -> std::io::Result<()> {
    std::io::copy(&mut File::open(messages)?, &mut std::io::stderr()).map(drop)
}
