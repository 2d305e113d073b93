//! Is there room for what a build writes?

use std::io;
use std::path::Path;

/// A disk with fewer bytes left is full. A build that ends there may have been short of room on the way without
/// noticing: the compiler keeps quiet if it cannot write a dump.
#[cfg(unix)]
const LEAST: u64 = 256 * 1024;

/// An error as of a write for which there is no room, if there is none.
#[cfg(unix)]
pub(super) fn check(folder: &Path) -> io::Result<()> {
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    // Some file systems do not count.
    if disk.f_blocks > 0 && disk.f_bavail.saturating_mul(disk.f_frsize) < LEAST {
        return Err(rustix::io::Errno::NOSPC.into());
    }
    Ok(())
}

/// Nobody knows.
#[cfg(not(unix))]
pub(super) fn check(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Is that what an error is about?
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The error in what a program says, if it has found no room: cargo and the compiler name it in the operating
/// system's words, as ours would be.
pub(super) fn said(text: &str) -> Option<io::Error> {
    #[cfg(unix)]
    let codes = [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT].map(|error| error.raw_os_error());
    #[cfg(not(unix))]
    // ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL
    let codes = [112, 39];
    let errors = codes.map(io::Error::from_raw_os_error);
    errors.into_iter().find(|error| {
        let words = error.to_string();
        let words = words.split(" (os error").next().unwrap_or_default();
        text.contains(words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_is_noticed_in_what_programs_say() {
        let full =
            said("error: failed to write `x`\n\nCaused by:\n  No space left on device (os error 28)\n");
        #[cfg(unix)]
        assert!(full.is_some_and(|error| is_full(&error)));
        let _ = full;
        assert!(said("error: could not compile `x` (lib) due to 1 previous error").is_none());
        assert!(check(Path::new(".")).is_ok() && check(Path::new("not there")).is_ok());
    }
}
