//! Guards where there are process groups and signals.
//!
//! The guard leads the process group of what it starts, or stays in the group of who started it. In both it ends
//! what has come of it, process by process, where the system tells whose child is whose; on Linux that cannot miss
//! any, since there the guard becomes the parent of those whose own has ended. Then it ends the group that it leads,
//! with itself. Elsewhere, without a group, what has lost its parent is not found.

use super::end::End;
use rustix::process::{
    Pid, RawPid, Signal, WaitOptions, getpid, kill_current_process_group, kill_process, kill_process_group,
    wait,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// What connects us with a guard. Nobody else has it, so that the guard notices our end.
#[derive(Debug, Clone)]
pub(super) struct Line(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    ours: UnixStream,
    cut: OnceLock<Instant>,
}

impl Line {
    /// Has the guard end everything.
    pub fn cut(&self) {
        self.0.cut.get_or_init(Instant::now);
        let _ = self.0.ours.shutdown(Shutdown::Write);
    }
}

/// Makes a command start in a process group of its own.
pub(super) fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Starts a guard.
pub(super) fn start(guard: &mut Command) -> io::Result<(Child, Line)> {
    // Not every system makes a socket and says that children do not inherit it in one step.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let (ours, theirs) = UnixStream::pair()?;
    let child = guard.stdin(OwnedFd::from(theirs)).spawn();
    // The command has the other end, too.
    guard.stdin(std::process::Stdio::null());
    Ok((child?, Line(Arc::new(Ends { ours, cut: OnceLock::new() }))))
}

/// Waits until a guard and all that it started are gone.
pub(super) fn watch(mut guard: Child, line: &Line) -> End {
    let end = told(line);
    // Nothing more is said: this waits for the guard's end.
    let _ = line.0.ours.set_read_timeout(Some(PATIENCE));
    let _ = (&line.0.ours).read(&mut [0]);
    // If it was killed, or is stopped, what it led is still there. Nobody else can have its number yet.
    let _ = kill_process_group(Pid::from_child(&guard), Signal::KILL);
    let _ = guard.kill();
    let _ = guard.wait();
    end
}

const SUCCESS: &str = "success";
const FAILURE: &str = "failure";

/// What a guard says about the end of what it started.
fn told(line: &Line) -> End {
    // From time to time it is looked whether the guard should have ended long since: it may have been stopped.
    let _ = line.0.ours.set_read_timeout(Some(PATIENCE / 10));
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"\n") {
        match (&line.0.ours).read(&mut byte) {
            Ok(1) => said.push(byte[0]),
            Err(error) if is_no_end(&error) => {
                if line.0.cut.get().is_some_and(|cut| cut.elapsed() > PATIENCE) {
                    return End::Unknown;
                }
            }
            _ => return End::Unknown,
        }
    }
    let said = String::from_utf8_lossy(&said);
    match said.trim_end() {
        SUCCESS => End::Ended { success: true },
        FAILURE => End::Ended { success: false },
        error => {
            let code = error.parse().map(io::Error::from_raw_os_error);
            End::NotStarted(code.unwrap_or_else(|_| io::Error::other("it cannot be started")))
        }
    }
}

fn is_no_end(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// Why a guard has nothing to watch any more.
enum WatchEnd {
    /// The program has ended.
    Ended(io::Result<ExitStatus>),
    /// The process that started the guard is gone, or wants it to end.
    Over,
}

/// The guard's part.
pub(super) fn guard(mut command: Command, leads: bool) -> ExitCode {
    // Nothing that is started has it: the program's own standard input is another.
    let Ok(line) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return ExitCode::FAILURE;
    };
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
    let (tell, told) = mpsc::channel();
    let said = match command.spawn() {
        Ok(mut child) => {
            let first = Pid::from_child(&child);
            survive(tell.clone());
            let (ended, mut over) = (tell.clone(), line.try_clone());
            std::thread::spawn(move || ended.send(WatchEnd::Ended(child.wait())));
            std::thread::spawn(move || {
                if let Ok(line) = &mut over {
                    let _ = line.read(&mut [0]);
                }
                tell.send(WatchEnd::Over)
            });
            let end = told.recv();
            let (said, first) = match end {
                Ok(WatchEnd::Ended(Ok(status))) if status.success() => (SUCCESS, None),
                Ok(WatchEnd::Ended(Ok(_))) => (FAILURE, None),
                _ => ("", Some(first)),
            };
            end_all(first);
            said.to_owned()
        }
        Err(error) => error.raw_os_error().unwrap_or_default().to_string(),
    };
    if !said.is_empty() {
        let _ = (&line).write_all(format!("{said}\n").as_bytes());
    }
    if leads {
        let _ = kill_current_process_group(Signal::KILL);
    }
    ExitCode::SUCCESS
}

/// Lives on when a terminal ends all of its programs, to see to it that nothing is left. What was started has no
/// part in this: it is there already, and signals that we were started to ignore it goes on to ignore.
fn survive(tell: Sender<WatchEnd>) {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        // Those others may mean something else to who started us.
        if signals.forever().any(|signal| signal == SIGTERM) {
            let _ = tell.send(WatchEnd::Over);
        }
    });
}

/// Ends whatever has come of this process, but for what has left for another session. `first` is what was
/// started, unless it has ended.
fn end_all(first: Option<Pid>) {
    if is_childless() {
        return;
    }
    let own = getpid();
    let below = || below(own, &processes());
    let begun = Instant::now();
    // All are stopped before the first is ended: then none starts another one meanwhile, and who was whose child can
    // still be seen.
    let mut found: Vec<Pid> = Vec::new();
    loop {
        let new: Vec<Pid> = below().into_iter().filter(|pid| !found.contains(pid)).collect();
        if new.is_empty() || begun.elapsed() > PATIENCE {
            break;
        }
        new.iter().for_each(|pid| _ = kill_process(*pid, Signal::STOP));
        found.extend(new);
    }
    // Where nobody says what runs, this is all there is.
    found.extend(first);
    let mut in_vain = 0;
    // What is listed changes meanwhile: a process whose parent ends between the two is found the next time.
    while in_vain < 3 && begun.elapsed() < PATIENCE {
        found.iter().for_each(|pid| _ = kill_process(*pid, Signal::KILL));
        if is_childless() {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
        found = below();
        in_vain = if found.is_empty() { in_vain + 1 } else { 0 };
    }
}

/// Is there no child any more, but such as have ended?
fn is_childless() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

/// A process. What is 0 is somewhere that cannot be seen from here, as in a container that somebody has entered from
/// outside: `Pid` has no 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: Pid,
    parent: RawPid,
    /// Its session, named after the process that began it.
    session: RawPid,
}

/// What has come of a process: its children in the same session, theirs, and so on.
fn below(pid: Pid, processes: &[Process]) -> Vec<Pid> {
    let Some(own) = processes.iter().find(|process| process.pid == pid) else { return Vec::new() };
    let (mut found, mut open) = (Vec::new(), vec![pid]);
    while let Some(parent) = open.pop() {
        let children = processes.iter().filter(|process| process.parent == parent.as_raw_pid());
        for child in children.filter(|child| child.session == own.session) {
            // Numbers are used again while they are listed: it could go in circles.
            if !found.contains(&child.pid) {
                found.push(child.pid);
                open.push(child.pid);
            }
        }
    }
    found
}

/// Everything that runs.
#[cfg(target_os = "linux")]
fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stat = |entry: std::fs::DirEntry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        process_in_stat(&std::fs::read_to_string(entry.path().join("stat")).ok()?)
    };
    entries.filter_map(stat).collect()
}

/// `4711 (the name) S 4242 4711 4200 …`: its number, its state, its parent, its group and its session; nothing of one
/// that has ended and waits to be asked about.
#[cfg(any(target_os = "linux", test))]
fn process_in_stat(stat: &str) -> Option<Process> {
    let (number, rest) = stat.split_once(" (")?;
    // The name may hold anything.
    let (_, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let (state, parent, _, session) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let pid = Pid::from_raw(number.parse().ok()?)?;
    let process = Process { pid, parent: parent.parse().ok()?, session: session.parse().ok()? };
    (!matches!(state, "Z" | "X")).then_some(process)
}

#[cfg(not(target_os = "linux"))]
fn processes() -> Vec<Process> {
    let ps = Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid=", "-o", "state="])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(ps) = ps else { return Vec::new() };
    let own = Pid::from_child(&ps);
    let Ok(listed) = ps.wait_with_output() else { return Vec::new() };
    let listed = String::from_utf8_lossy(&listed.stdout);
    let listed = listed.lines().filter_map(parent_in_list).filter(|(pid, _)| *pid != own);
    let with_session = |(pid, parent)| {
        let session = rustix::process::getsid(Some(pid)).ok()?.as_raw_pid();
        Some(Process { pid, parent, session })
    };
    listed.filter_map(with_session).collect()
}

/// `4711 4242 S`, as `ps` writes it.
#[cfg(any(not(target_os = "linux"), test))]
fn parent_in_list(line: &str) -> Option<(Pid, RawPid)> {
    let mut fields = line.split_whitespace();
    let (number, parent, state) = (fields.next()?, fields.next()?, fields.next()?);
    let is_alive = !state.starts_with('Z');
    is_alive.then_some((Pid::from_raw(number.parse().ok()?)?, parent.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: RawPid, parent: RawPid, session: RawPid) -> Process {
        Process { pid: Pid::from_raw(pid).unwrap(), parent, session }
    }

    #[test]
    fn what_runs_is_read_in_both_forms() {
        assert_eq!(process_in_stat("12 (a) (b) S 7 12 5 0 -1"), Some(process(12, 7, 5)));
        assert_eq!(process_in_stat("12 (a) S 7 0 0 0 -1"), Some(process(12, 7, 0)));
        assert_eq!(process_in_stat("12 (a) Z 7 12 12 0"), None);
        assert_eq!(process_in_stat("12 (a) S 7 12"), None);
        assert_eq!(process_in_stat("1 (init) S 0 0 0 0"), Some(process(1, 0, 0)));
        assert_eq!(process_in_stat("0 (idle) S 0 0 0 0"), None);
        let ours = process(12, 7, 0);
        assert_eq!(parent_in_list("   12     7 Ss+"), Some((ours.pid, ours.parent)));
        assert_eq!(parent_in_list("   12     7 Z"), None);
        assert_eq!(parent_in_list(""), None);
    }

    #[test]
    fn what_has_come_of_a_process_is_found_but_for_daemons() {
        for session in [0, 2] {
            let ours = [(2, 1), (3, 2), (4, 3), (5, 1), (7, 6), (8, 8)];
            let mut running = ours.map(|(pid, parent)| process(pid, parent, session)).to_vec();
            running.push(process(6, 2, 6));
            let two = running[0].pid;
            assert_eq!(below(two, &running), [running[1].pid, running[2].pid]);
            assert_eq!(below(two, &running[1..]), [], "who cannot see itself sees nothing");
        }
    }
}
