//! Processes that can be stopped from another thread, with everything they have started.

use super::BuildError;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Stops what runs from another thread; also before it started.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    running: Vec<Process>,
    /// How many were started.
    started: u64,
}

#[derive(Debug)]
struct Process {
    number: u64,
    child: Child,
    own_group: bool,
}

impl Cancel {
    /// Ends what runs and, where that has a process group of its own, everything it started.
    pub fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        state.running.iter_mut().for_each(Process::kill);
    }

    /// Was [`Cancel::cancel`] called?
    pub fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Watches over a process that was just started.
    pub(super) fn begin(&self, child: Child, own_group: bool) -> Result<Running<'_>, BuildError> {
        let mut state = self.lock();
        state.started += 1;
        let mut process = Process { number: state.started, child, own_group };
        if state.cancelled {
            process.kill();
            let _ = process.child.wait();
            return Err(BuildError::Cancelled);
        }
        let number = process.number;
        state.running.push(process);
        Ok(Running { cancel: self, number })
    }
}

/// A process that is running; gone from [`Cancel`] when it ended.
pub(super) struct Running<'a> {
    cancel: &'a Cancel,
    number: u64,
}

impl Running<'_> {
    /// Waits for the end. Called once the pipes are closed, so that the lock is not held for long.
    pub(super) fn wait(self) -> Result<bool, BuildError> {
        let mut state = self.cancel.lock();
        let status = match state.running.iter_mut().find(|process| process.number == self.number) {
            Some(process) => process.child.wait(),
            None => return Err(BuildError::Cancelled),
        };
        if state.cancelled {
            return Err(BuildError::Cancelled);
        }
        let status = status.map_err(|source| BuildError::Io {
            context: "cannot wait for a process to end".into(),
            source,
        })?;
        Ok(status.success())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.cancel.lock();
        let place = state.running.iter().position(|process| process.number == self.number);
        let Some(mut process) = place.map(|place| state.running.swap_remove(place)) else { return };
        if !matches!(process.child.try_wait(), Ok(Some(_))) {
            process.kill();
            let _ = process.child.wait();
        }
    }
}

impl Process {
    fn kill(&mut self) {
        #[cfg(unix)]
        if self.own_group {
            let pid = rustix::process::Pid::from_child(&self.child);
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            return;
        }
        let _ = self.child.kill();
    }
}

/// Runs a command to its end: did it succeed, and what did it say on standard error?
pub(super) fn run_to_end(
    mut command: Command,
    own_group: bool,
    cancel: &Cancel,
) -> Result<(bool, String), BuildError> {
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    #[cfg(unix)]
    if own_group {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    let mut child = command.spawn().map_err(|source| BuildError::NoProgram { program: "rustc", source })?;
    let stderr = child.stderr.take();
    let running = cancel.begin(child, own_group)?;
    let mut messages = Vec::new();
    if let Some(mut stderr) = stderr {
        // It ends with the process; the status says whether all is well.
        let _ = stderr.read_to_end(&mut messages);
    }
    let success = running.wait()?;
    Ok((success, String::from_utf8_lossy(&messages).into_owned()))
}
