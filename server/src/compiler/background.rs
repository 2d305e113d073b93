//! Programs at low priority: nobody waits for them in front of a screen.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A command that starts a program, and everything that starts in turn, at low priority: for the processor by
/// `nice`, for the disk by `ionice`, as far as they are there.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    static PREFIX: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let prefix = PREFIX.get_or_init(|| {
        let nice = on_path("nice").map(|nice| vec![nice, "-n".into(), "10".into()]);
        // Idle, that is; and no complaints where the system knows no such thing.
        let ionice = on_path("ionice").map(|ionice| vec![ionice, "-c".into(), "3".into(), "-t".into()]);
        nice.into_iter().chain(ionice).flatten().collect()
    });
    let mut words = prefix.iter().map(|word| word.as_os_str()).chain([program.as_ref()]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").filter(|_| cfg!(unix))?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_gives_way() {
        let nice = |mut command: Command| {
            let output = command.args(["-c", "ps -o ni= -p $$ || nice"]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim().parse::<i32>().unwrap()
        };
        let (ours, theirs) = (nice(Command::new("sh")), nice(command("sh")));
        assert!(theirs >= (ours + 10).min(19), "{theirs}, started by {ours}");
    }
}
