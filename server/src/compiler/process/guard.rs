//! A face of this program that nobody sees: it starts another program and watches over it.
//!
//! Its standard input leads to who started it. When that is gone, whatever has ended it, the guard ends what it
//! started. It does so, too, when the program has ended by itself: what that left behind is nobody's. What has left
//! for a session of its own, as daemons do (a compiler cache's server, for one), stays, on systems that know
//! sessions.

use super::system;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// The first argument that makes this program a guard. No compiler and no command has such a name.
const FACE: &str = "--futurelens-guard";

/// The words that say how: what is started makes a process group of its own, or it stays in ours.
const OWN_GROUP: &str = "own-group";
const SAME_GROUP: &str = "same-group";

/// A command that has a guard start another one.
pub(super) fn command(program: &Path, command: &Command, own_group: bool) -> Command {
    let mut guard = Command::new(program);
    guard.arg(FACE).arg(if own_group { OWN_GROUP } else { SAME_GROUP });
    guard.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guard.env(name, value),
            None => guard.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        guard.current_dir(folder);
    }
    if own_group {
        system::own_group(&mut guard);
    }
    guard
}

/// Watches over a program, if the arguments say so.
pub fn run() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != FACE {
        return None;
    }
    let (how, program): (OsString, OsString) = (args.next()?, args.next()?);
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    Some(system::guard(command, how == OWN_GROUP))
}
