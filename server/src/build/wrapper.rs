//! The compiler wrapper: what cargo starts in place of rustc during a size build.
//!
//! Three kinds of calls come in.
//! * Members of the workspace are *measured*: the compiler also prints type sizes and dumps coroutine
//!   bodies, into files of this run, which end up in one [`Unit`] beside the unit's artifacts.
//! * Dependencies keep the MIR of their generic functions in their metadata, or the compiler could not
//!   instantiate them for a member (`cargo check` leaves it out: "missing optimized MIR").
//! * Everything else (cargo's questions to the compiler, build scripts, proc macros and what they are
//!   made of) passes through untouched.

use super::unit::Unit;
use super::{dep_info, inner_wrapper};
use serde::{Deserialize, Serialize};
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
    /// For files that live only as long as one compiler run.
    pub scratch: PathBuf,
}

/// The flags that make the compiler print what we read.
///
/// * Names by definition path, never shortened, so that two things have two names.
/// * `-Zno-codegen` with an object file asked for: the compiler finds every instance of every generic
///   future without generating any code, and needs no more of the dependencies than `cargo check` makes.
const MEASURE: &[&str] = &[
    "-Zprint-type-sizes",
    "-Zverbose-internals",
    "-Ztrim-diagnostic-paths=no",
    "-Zdump-mir=coroutine_post",
    "-Zmir-include-spans=yes",
    "-Zno-codegen",
];

/// For dependencies, see the module's documentation.
const KEEP_MIR: &str = "-Zalways-encode-mir";

/// Names the flags and the file format; a kept unit of another version is measured again.
pub const FLAGS: &str = "1";

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
        let Some(emit) = self.option("--emit") else { return Kind::Untouched };
        let parts: Vec<&str> = emit.to_str().unwrap_or_default().split(',').collect();
        let is_unit = self.codegen_option("extra-filename").is_some() && self.option("--out-dir").is_some();
        if !is_unit || !parts.contains(&"metadata") || parts.contains(&"link") {
            return Kind::Untouched;
        }
        match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(dir) if self.settings.members.iter().any(|m| m.as_os_str() == dir) => Kind::Measured,
            _ => Kind::Dependency,
        }
    }

    /// The value of `--name VALUE` or `--name=VALUE`.
    fn option(&self, name: &str) -> Option<OsString> {
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            if arg == name {
                return args.next().cloned();
            }
            if let Some(value) = arg.to_str().and_then(|a| a.strip_prefix(name)?.strip_prefix('=')) {
                return Some(value.into());
            }
        }
        None
    }

    /// The value of `-C name=VALUE`.
    fn codegen_option(&self, name: &str) -> Option<String> {
        let values = self.args.iter().zip(self.args.iter().skip(1));
        let mut values = values.filter(|(flag, _)| *flag == "-C").filter_map(|(_, value)| value.to_str());
        values.find_map(|value| Some(value.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
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

        let mut command = self.measuring_command(&bodies);
        command.stdout(File::create(&sizes)?).stderr(File::create(&messages)?);
        let status = command.status()?;
        if !status.success() {
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

    /// cargo's command line with our flags and without incremental compilation, which would print only
    /// what it computed anew.
    fn measuring_command(&self, bodies: &Path) -> Command {
        let mut command = self.command(false);
        let args: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
        let program = command.get_program().to_owned();
        command = Command::new(program);
        let mut args = args.into_iter().peekable();
        while let Some(arg) = args.next() {
            let text = arg.to_str().unwrap_or_default();
            let next = args.peek().and_then(|a| a.to_str()).unwrap_or_default();
            if text.starts_with("-Cincremental=") {
                continue;
            }
            if text == "-C" && next.starts_with("incremental=") {
                args.next();
                continue;
            }
            if text == "--emit" {
                command.arg(arg).arg(format!("{next},obj"));
                args.next();
            } else if text.starts_with("--emit=") {
                command.arg(format!("{text},obj"));
            } else {
                command.arg(arg);
            }
        }
        let mut dump_dir = OsString::from("-Zdump-mir-dir=");
        dump_dir.push(bodies);
        command.args(MEASURE).arg(dump_dir);
        self.unlock(&mut command);
        command
    }

    /// Writes the unit beside the artifacts that cargo is about to consider fresh.
    fn keep(&self, sizes: &Path, bodies: &Path, started: SystemTime) -> std::io::Result<()> {
        let dir = std::env::current_dir()?;
        let mut unit = Unit::new(FLAGS, dir.clone());
        unit.push_sizes(&String::from_utf8_lossy(&std::fs::read(sizes)?));
        if bodies.is_dir() {
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(bodies)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
            files.sort();
            for file in files {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                unit.push_body(name, &String::from_utf8_lossy(&std::fs::read(&file)?));
            }
        }
        let stem = self.artifact_stem();
        let dep_info = std::fs::read_to_string(stem.with_extension("d")).unwrap_or_default();
        for file in dep_info::sources(&dep_info) {
            if file.extension() != Some(OsStr::new("rs")) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(dir.join(&file)) else { continue };
            let modified = std::fs::metadata(dir.join(&file)).and_then(|meta| meta.modified());
            let unchanged = modified.is_ok_and(|time| time < started);
            unit.push_source(file.to_string_lossy().into_owned(), unchanged.then_some(&text));
        }
        unit.write(&stem.with_extension("futurelens"))
    }

    /// `OUT_DIR/CRATE-HASH.any`: what this unit's files are called, before the extension.
    fn artifact_stem(&self) -> PathBuf {
        let name = self.option("--crate-name").unwrap_or_default();
        let mut file = name;
        file.push(self.codegen_option("extra-filename").unwrap_or_default());
        // A crate name has no dot, so a later `with_extension` replaces this one only.
        file.push(".d");
        Path::new(&self.option("--out-dir").unwrap_or_default()).join(file)
    }
}

/// Hands the compiler's messages on to cargo, byte for byte.
fn forward(messages: &Path) -> std::io::Result<()> {
    std::io::copy(&mut File::open(messages)?, &mut std::io::stderr()).map(drop)
}
