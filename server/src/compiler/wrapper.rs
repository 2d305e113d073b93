//! The compiler wrapper: what cargo starts in place of rustc during a size build.
//!
//! Three kinds of calls come in.
//! * Members of the workspace are *measured*: the compiler also prints type sizes and dumps coroutine
//!   bodies, into files of this run, which end up in one [`UnitOutput`] beside the unit's artifacts. They are
//!   compiled incrementally, in a folder of ours beside the unit; see [`crate::incremental`].
//! * Dependencies keep the MIR of their generic functions in their metadata, or the compiler could not
//!   instantiate them for a member (`cargo check` leaves it out: "missing optimized MIR").
//! * Everything else (cargo's questions to the compiler, build scripts, proc macros and what they are
//!   made of) passes through untouched.

use super::arguments;
use super::attempts::{Attempt, Plan};
use super::contract::{ENV, FAILED, FLAGS, GLANCE, QUICK_PASSES, REFUSED, Settings, TROUBLE, Task};
use super::flags::{OF_DEPENDENCIES, Refused};
use super::invocation::Invocation;
use super::run::Run;
use super::store::{Ended, Store};
use super::unit::{MeasuredUnit, UnitOutput};
use super::{disk, files, user_wrapper};
use crate::incremental::Form;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

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
        kind if settings.task == Task::RideAlong => {
            super::ride_along::compile(&settings, program, args, matches!(kind, Kind::Measured))
        }
        _ if settings.task == Task::QuickPass => call.quick_pass(&AtomicBool::new(false)),
        Kind::Untouched => call.command(true).status(),
        Kind::Dependency => call.compile_dependency(),
        Kind::Measured => call.measure(),
    };
    match result {
        Ok(status) => exit_code(status),
        Err(error) => fail(&format!("{TROUBLE} `{}`: {error}", program.display())),
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
        let Some(emit) = arguments::option(self.args, "--emit") else { return Kind::Untouched };
        let parts: Vec<&str> = emit.to_str().unwrap_or_default().split(',').collect();
        let is_unit = arguments::codegen_option(self.args, "extra-filename").is_some()
            && arguments::option(self.args, "--out-dir").is_some();
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
        match &self.settings.user_wrapper {
            Some(wrapper) if cached || !user_wrapper::is_cache(wrapper) => {
                let mut command = Command::new(wrapper);
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

    fn compile_dependency(&self) -> std::io::Result<ExitStatus> {
        Plan::default().follow(|plan| {
            let mut flags: Vec<OsString> = OF_DEPENDENCIES.iter().map(OsString::from).collect();
            plan.take_out(&mut flags);
            let mut command = self.command(true);
            command.args(&flags);
            self.unlock(&mut command);
            let status = command.status()?;
            if status.success() {
                return Ok(Attempt::Ended(status));
            }
            // Did it fail over our flags? Cargo has heard what it said, and we have not.
            let mut question = Command::new(self.program);
            question.args(&flags).args(["--print", "sysroot"]).stdin(Stdio::null());
            self.unlock(&mut question);
            let said = question.output()?.stderr;
            Ok(match Refused::find(&String::from_utf8_lossy(&said)) {
                Some(refused) if refused.is_needed => Attempt::Ended(self.refused(&refused)?),
                Some(refused) if refused.is_among(&flags) => Attempt::Refused(refused),
                _ => Attempt::Ended(status),
            })
        })
    }

    /// Lets the build know which flag the compiler does not know. That is for the build to tell.
    fn refused(&self, refused: &Refused) -> std::io::Result<ExitStatus> {
        std::fs::write(self.settings.scratch.join(REFUSED), &refused.flag)?;
        eprintln!("futurelens: the compiler does not know the flag `{}`", refused.flag);
        Ok(failure())
    }

    fn measure(&self) -> std::io::Result<ExitStatus> {
        let stop = AtomicBool::new(false);
        let is_quick_pass_sooner = self.is_quick_pass_sooner()?;
        std::thread::scope(|scope| {
            if is_quick_pass_sooner {
                scope.spawn(|| {
                    if let Err(error) = self.quick_pass(&stop) {
                        // The numbers come all the same, only later.
                        tracing::debug!("no quick pass: {error}");
                    }
                });
            }
            let status = self.measure_all();
            stop.store(true, Ordering::Relaxed);
            status
        })
    }

    /// Measures every future.
    fn measure_all(&self) -> std::io::Result<ExitStatus> {
        let scratch = tempfile::tempdir_in(&self.settings.scratch)?;
        let stem = arguments::artifact_stem(self.args);
        let store = Store::new(&stem, Form::Complete);
        let mut compile = |run: &Run, incremental: &Path| {
            self.measuring(run, Form::Complete, None, incremental)?.status().map(Some)
        };
        match store.measure(
            self.unit()?,
            &self.settings.how,
            scratch.path(),
            &stem.with_extension("d"),
            &mut compile,
        )? {
            Ended::Measured(run) => forward(&run.messages).map(|()| ExitStatus::default()),
            Ended::Failed(run, status) => self.failed(&run, status),
            Ended::Refused(refused) => self.refused(&refused),
            Ended::Stopped => Err(std::io::ErrorKind::Interrupted.into()),
        }
    }

    /// Does someone wait for the numbers of this package, and are the concrete ones there any sooner? A whole run
    /// takes longer than one that builds on another and measures all.
    fn is_quick_pass_sooner(&self) -> std::io::Result<bool> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
        let is_awaited = self.settings.awaited.iter().any(|awaited| awaited.as_os_str() == package);
        if !is_awaited || !self.settings.how.checks {
            return Ok(false);
        }
        let (stem, unit) = (arguments::artifact_stem(self.args), self.unit()?);
        let has_base = |form| Store::new(&stem, form).has_base(&unit);
        Ok(has_base(Form::QuickPass) || !has_base(Form::Complete))
    }

    /// Measures the concrete futures beside the run that measures all: checking alone takes less time. Tells the
    /// build when they are there. `stop` if they do not matter any more.
    fn quick_pass(&self, stop: &AtomicBool) -> std::io::Result<ExitStatus> {
        let stem = arguments::artifact_stem(self.args);
        let store = Store::new(&stem, Form::QuickPass);
        let scratch = tempfile::tempdir_in(&self.settings.scratch)?;
        let made = scratch.path().join(stem.file_name().unwrap_or_default());
        let mut compile = |run: &Run, incremental: &Path| {
            let mut command = self.measuring(run, Form::QuickPass, Some(scratch.path()), incremental)?;
            end_or_stop(command.stdin(Stdio::null()).spawn()?, stop)
        };
        match store.measure(
            self.unit()?,
            &self.settings.how,
            scratch.path(),
            &made.with_extension("d"),
            &mut compile,
        )? {
            Ended::Measured(_) => {
                announce(&self.settings.scratch, &self.measured_unit(store.kept()))?;
                Ok(ExitStatus::default())
            }
            Ended::Failed(_, status) => Ok(status),
            Ended::Refused(_) => Ok(failure()),
            Ended::Stopped => Err(std::io::ErrorKind::Interrupted.into()),
        }
    }

    /// The unit as the build knows it, as far as the compiler's arguments tell.
    fn measured_unit(&self, kept: &Path) -> MeasuredUnit {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let option = |name: &str| arguments::option(self.args, name).unwrap_or_default();
        let krate = option("--crate-name").to_string_lossy().into_owned();
        let unit = if option("--crate-type") == "bin" {
            format!("bin {}", std::env::var("CARGO_BIN_NAME").unwrap_or_else(|_| krate.clone()))
        } else {
            "lib".to_owned()
        };
        let is_test = self.args.iter().any(|arg| arg == "--test");
        let opt_level = arguments::codegen_option(self.args, "opt-level");
        let assertions = arguments::codegen_option(self.args, "debug-assertions");
        MeasuredUnit {
            package: variable("CARGO_PKG_NAME"),
            krate,
            unit: if is_test { format!("{unit} (test)") } else { unit },
            folder: std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default().into(),
            file: kept.to_owned(),
            // The compiler's own default.
            debug_assertions: assertions.map_or(opt_level.is_none_or(|level| level == "0"), |on| on == "on"),
        }
    }

    /// The compiler, with the arguments of a run that measures.
    fn measuring(
        &self,
        run: &Run,
        form: Form,
        out_dir: Option<&Path>,
        incremental: &Path,
    ) -> std::io::Result<Command> {
        let plain = self.command(false);
        let mut command = Command::new(plain.get_program());
        let args: Vec<&OsStr> = plain.get_args().collect();
        command.args(run.arguments(&args, form, out_dir, incremental));
        self.unlock(&mut command);
        // A compiler that crashes would leave a file in the user's folder.
        command.env("RUSTC_ICE", "0");
        command.stdout(File::create(&run.sizes)?).stderr(File::create(&run.messages)?);
        Ok(command)
    }

    /// Has the user told what does not compile.
    fn failed(&self, run: &Run, status: ExitStatus) -> std::io::Result<ExitStatus> {
        if let Err(error) = self.keep_failed(&run.messages) {
            // The messages are for suggestions only: the build goes on without them.
            tracing::debug!("nothing kept of a failed run: {error}");
        }
        // What it said may be cut off, and is about something else.
        disk::check(&self.settings.scratch)?;
        // Our flags change how types are written in messages: let the compiler say it in its own
        // words. If it is content without our flags, what it said with them is all there is.
        let plain = self.command(false).stdout(Stdio::null()).status()?;
        if plain.success() {
            forward(&run.messages)?;
        }
        Ok(if plain.success() { status } else { plain })
    }

    /// An empty unit of this run.
    fn unit(&self) -> std::io::Result<UnitOutput> {
        let dir = std::env::current_dir()?;
        let mut unit = UnitOutput::new(FLAGS, dir.clone());
        unit.invocation = self.invocation(dir);
        Ok(unit)
    }

    /// This run, to be repeated; `None` if something about it is not UTF-8.
    fn invocation(&self, dir: PathBuf) -> Option<Invocation> {
        let command = self.command(false);
        let args: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
        Invocation::recorded(self.settings, command.get_program(), &args, &dir)
    }

    /// Writes what the compiler said about code that does not compile where the build will look for it.
    fn keep_failed(&self, messages: &Path) -> std::io::Result<()> {
        let mut unit = self.unit()?;
        unit.push_messages(&String::from_utf8_lossy(&std::fs::read(messages)?));
        let folder = self.settings.scratch.join(FAILED);
        std::fs::create_dir_all(&folder)?;
        let stem = arguments::artifact_stem(self.args);
        unit.write(&folder.join(stem.with_extension("futurelens").file_name().unwrap_or_default()))
    }
}

/// How a program ends that has failed.
fn failure() -> ExitStatus {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::from_raw(1 << 8);
    #[cfg(windows)]
    return std::os::windows::process::ExitStatusExt::from_raw(1);
}

/// Waits for the end of a process, or ends it.
fn end_or_stop(mut child: Child, stop: &AtomicBool) -> std::io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if stop.load(Ordering::Relaxed) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(GLANCE);
    }
}

/// Lets the build know that the quick pass over a unit is over.
fn announce(scratch: &Path, unit: &MeasuredUnit) -> std::io::Result<()> {
    let folder = scratch.join(QUICK_PASSES);
    std::fs::create_dir_all(&folder)?;
    // The build polls the folder: a file appears in it whole.
    let written = scratch.join(format!("quick-pass-{}", unit.origin()));
    files::write(&written, |file| Ok(serde_json::to_writer(file, unit)?))?;
    std::fs::rename(written, folder.join(&*unit.origin()))
}

/// Hands the compiler's messages on to cargo, byte for byte.
fn forward(messages: &Path) -> std::io::Result<()> {
    std::io::copy(&mut File::open(messages)?, &mut std::io::stderr()).map(drop)
}
