//! Programs that end when we do, with everything they have started; and sooner if another thread wants it.
//!
//! Everything that could outlive us is started here, by a *guard* (see [`guard`]): this program once more, which
//! starts the other one, sees at once when we are gone, however we ended, and then ends what it started.

mod end;
mod guard;
#[cfg(unix)]
#[path = "process/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "process/windows.rs"]
mod system;

use super::error::BuildError;
use end::End;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

pub use guard::run as guard;

/// Where this program is, see [`set_program`].
static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Says that this process is the program itself: see [`set_program`].
pub(crate) fn set_self_as_program() {
    let _ = PROGRAM.set(None);
}

/// Names the `futurelens` program to a program that only uses this library: builds start it as their compiler
/// wrapper, and as the guard of what they start.
pub fn set_program(program: &Path) {
    let _ = PROGRAM.set(Some(program.to_owned()));
}

/// This program, also if its file was replaced since it started: an update must not end a server.
pub(super) fn own_program() -> io::Result<PathBuf> {
    match PROGRAM.get() {
        Some(Some(program)) => Ok(program.clone()),
        Some(None) => {
            let program = std::env::current_exe()?;
            let running = PathBuf::from(format!("/proc/{}/exe", std::process::id()));
            Ok(if cfg!(target_os = "linux") && !program.exists() { running } else { program })
        }
        None => Err(io::Error::other("`set_program` was not called")),
    }
}

/// Stops what runs from another thread; also before it started.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Mutex<RunningPrograms>>);

/// What [`Cancel`] ends.
#[derive(Debug, Default)]
struct RunningPrograms {
    cancelled: bool,
    running: Vec<(u64, system::Line)>,
    /// How many were started.
    started: u64,
}

impl Cancel {
    /// Ends what runs, and everything it started. Does not wait for it.
    pub fn cancel(&self) {
        let mut programs = self.lock();
        programs.cancelled = true;
        programs.running.iter().for_each(|(_, line)| line.cut());
    }

    /// Was [`Cancel::cancel`] called?
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RunningPrograms> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A program to be started.
pub(super) struct Guarded {
    name: &'static str,
    command: Command,
}

impl Guarded {
    /// Standard input is empty, and standard output and standard error go where ours go, unless told otherwise. What
    /// was said about them in `command` does not count.
    ///
    /// With an `own_group`, keys pressed in a terminal do not reach it: that is for where nobody sits in front of
    /// one. Who does may be asked for a password by what cargo starts, which takes being in the terminal's
    /// foreground.
    pub fn new(name: &'static str, command: &Command, own_group: bool) -> Result<Self, BuildError> {
        let program = own_program()
            .map_err(|source| BuildError::Io { context: "cannot find my own program".into(), source })?;
        Ok(Guarded { name, command: guard::command(&program, command, own_group) })
    }

    /// Where standard output goes.
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Where standard error goes.
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    /// Starts it.
    pub fn start(mut self, cancel: &Cancel) -> Result<Running<'_>, BuildError> {
        let no_program = |source| BuildError::NoProgram { program: self.name, source };
        let (mut child, line) = system::start(&mut self.command).map_err(no_program)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let watched = line.clone();
        let end = std::thread::spawn(move || system::watch(child, &watched));
        let mut programs = cancel.lock();
        programs.started += 1;
        let number = programs.started;
        if programs.cancelled {
            line.cut();
        }
        programs.running.push((number, line));
        drop(programs);
        Ok(Running { name: self.name, cancel, number, end: Some(end), stdout, stderr })
    }

    /// Runs it to its end, and reads what is piped.
    pub fn output(self, cancel: &Cancel) -> Result<Output, BuildError> {
        let mut running = self.start(cancel)?;
        let (stdout, stderr) = (running.stdout.take(), running.stderr.take());
        // They end with the process; the status says whether all is well.
        let (stdout, stderr) = std::thread::scope(|scope| {
            let stdout = scope.spawn(|| read(stdout));
            let stderr = read(stderr);
            (stdout.join().unwrap_or_default(), stderr)
        });
        Ok(Output { success: running.wait()?, stdout, stderr })
    }
}

/// Runs a program to its end that somebody waits for in front of a terminal.
///
/// # Errors
/// If it cannot be run.
pub fn output(command: &Command) -> io::Result<Output> {
    let guarded = Guarded::new("", command, false);
    let output =
        guarded.and_then(|one| one.stdout(Stdio::piped()).stderr(Stdio::piped()).output(&Cancel::default()));
    output.map_err(|error| match error {
        BuildError::NoProgram { source, .. } | BuildError::Io { source, .. } => source,
        other => io::Error::other(other.to_string()),
    })
}

/// What a program left that has ended.
#[derive(Debug)]
pub struct Output {
    /// It ended with 0.
    pub success: bool,
    /// All of its standard output, if that was piped.
    pub stdout: Vec<u8>,
    /// All of its standard error, if that was piped.
    pub stderr: Vec<u8>,
}

fn read(from: Option<impl io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.map(|mut from| from.read_to_end(&mut bytes));
    bytes
}

/// A program that is running; gone from [`Cancel`] when it ended. It is ended when the value is dropped.
pub(super) struct Running<'a> {
    name: &'static str,
    cancel: &'a Cancel,
    number: u64,
    end: Option<JoinHandle<End>>,
    /// If it is piped.
    pub stdout: Option<ChildStdout>,
    /// If it is piped.
    pub stderr: Option<ChildStderr>,
}

impl Running<'_> {
    /// Waits until it has ended, and everything that it started: did it succeed?
    pub fn wait(mut self) -> Result<bool, BuildError> {
        let end = self.end.take().map(JoinHandle::join);
        if self.cancel.is_cancelled() {
            return Err(BuildError::Cancelled);
        }
        match end {
            Some(Ok(End::Ended { success })) => Ok(success),
            Some(Ok(End::NotStarted(source))) => Err(BuildError::NoProgram { program: self.name, source }),
            _ => Err(BuildError::Io {
                context: format!("nobody knows how `{}` has ended", self.name),
                source: io::Error::other("what watched over it was ended from outside"),
            }),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut programs = self.cancel.lock();
        let place = programs.running.iter().position(|(number, _)| *number == self.number);
        let line = place.map(|place| programs.running.swap_remove(place).1);
        drop(programs);
        if let (Some(line), Some(end)) = (line, self.end.take()) {
            line.cut();
            let _ = end.join();
        }
    }
}
