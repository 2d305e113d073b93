//! Guards where there are job objects: the guard is in one, with everything that comes of it, and has the only
//! handle. However the guard ends, the system closes the handle and ends what is in the job.

use super::end::End;
use std::io::{self, Read as _};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use win32job::{ExtendedLimitInfo, Job};

/// What connects us with a guard: its standard input. Nobody else has it, so that the guard notices our end.
#[derive(Debug, Clone)]
pub(super) struct Line(Arc<Mutex<Option<ChildStdin>>>);

impl Line {
    /// Has the guard end everything.
    pub fn cut(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Keys pressed in a terminal reach all that is in it.
pub(super) fn own_group(_: &mut Command) {}

/// A guard's exit status if it could not start the program: this, and the system's reason in the last two bytes.
/// Programs do not end with such a number.
const NOT_STARTED: u32 = 0x2f75_0000;

/// The same if the program was not to end by itself.
const OVER: u32 = 0x2f76_0000;

/// Starts a guard.
pub(super) fn start(guard: &mut Command) -> io::Result<(Child, Line)> {
    let mut child = guard.stdin(Stdio::piped()).spawn()?;
    let line = child.stdin.take();
    Ok((child, Line(Arc::new(Mutex::new(line)))))
}

/// Waits until a guard is gone, and with it all that it started.
pub(super) fn watch(mut guard: Child, _: &Line) -> End {
    end(guard.wait().ok().and_then(|status| status.code()))
}

fn end(code: Option<i32>) -> End {
    let Some(code) = code.map(|code| code as u32) else { return End::Unknown };
    match code & 0xffff_0000 {
        OVER => End::Unknown,
        NOT_STARTED => End::NotStarted(io::Error::from_raw_os_error((code & 0xffff) as i32)),
        _ => End::Ended { success: code == 0 },
    }
}

/// The guard's part.
pub(super) fn guard(mut command: Command, _leads: bool) -> ExitCode {
    let mut info = ExtendedLimitInfo::new();
    info.limit_kill_on_job_close();
    let job = Job::create_with_limit_info(&info);
    let is_in_job = job.as_ref().is_ok_and(|job| job.assign_current_process().is_ok());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => exit(NOT_STARTED | error.raw_os_error().map_or(0, |code| code as u32 & 0xffff)),
    };
    let child_id = child.id();
    std::thread::spawn(move || {
        let _ = io::stdin().read(&mut [0]);
        if !is_in_job {
            // Better than nothing.
            let _ = Command::new("taskkill").args(["/T", "/F", "/PID", &child_id.to_string()]).output();
        }
        exit(OVER)
    });
    let status = child.wait().ok().and_then(|status| status.code());
    exit(status.map_or(OVER, |code| code as u32))
}

/// Ends this process, which closes the job.
fn exit(code: u32) -> ! {
    std::process::exit(code as i32)
}
