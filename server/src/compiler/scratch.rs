//! Temporary files, and what becomes of them when the process that made them is killed.

use super::files;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A folder for a while. It goes when the value is dropped; and if this process is killed, when another one needs
/// such a folder beside it.
#[derive(Debug)]
pub(super) struct Scratch {
    // Closed first: not every system removes what is open.
    _owned: Option<File>,
    folder: TempDir,
}

/// Scratch folders are called so.
const PREFIX: &str = "scratch-";

/// In a scratch folder, locked for as long as it has an owner: with the owner goes the lock, however that ends.
const OWNED: &str = "owned";

/// Locked while scratch folders are made or removed, so that none is taken for an orphan before it has an owner.
const TURN: &str = "scratch.lock";

impl Scratch {
    /// Makes one in this folder, and removes what others left there that were killed.
    pub fn new(beside: &Path) -> io::Result<Scratch> {
        let turn = files::lock(&beside.join(TURN))?;
        // Where files cannot be locked, an orphan is known by its age.
        let _ = turn.lock();
        remove_orphans(beside);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(beside)?;
        let owned = File::create(folder.path().join(OWNED))?;
        let is_locked = owned.lock().is_ok();
        Ok(Scratch { _owned: is_locked.then_some(owned), folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn remove_orphans(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) && is_orphan(&path) {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Has a scratch folder lost its owner?
fn is_orphan(folder: &Path) -> bool {
    let owned = File::options().write(true).open(folder.join(OWNED));
    match owned.map(|owned| owned.try_lock()) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock)) => false,
        // It cannot be told; a build that runs now is younger than a day.
        _ => {
            let modified = std::fs::metadata(folder).and_then(|meta| meta.modified()).ok();
            // A clock that was put right may have left something in the future.
            let away = |time| {
                let age = SystemTime::now().duration_since(time);
                age.unwrap_or_else(|ahead| ahead.duration())
            };
            modified.map(away).is_some_and(|away| away > Duration::from_secs(24 * 60 * 60))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_folders_without_an_owner_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let mine = Scratch::new(dir.path()).unwrap();
        let orphan = dir.path().join("scratch-orphan");
        std::fs::create_dir(&orphan).unwrap();
        std::fs::write(orphan.join(OWNED), "").unwrap();
        // It may be about to get an owner that does not know of locks.
        let unknown = dir.path().join("scratch-unknown");
        std::fs::create_dir(&unknown).unwrap();
        let another = Scratch::new(dir.path()).unwrap();
        assert!(mine.path().exists() && another.path().exists() && unknown.exists());
        assert!(!orphan.exists());
        drop((mine, another));
        assert_eq!(names(dir.path()), ["scratch-unknown", TURN]);
    }
}
