//! The repository a project lies in.

use super::CliError;
use crate::compiler::{self, files};
use crate::features::report::relative;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the git repository that `root` lies in; else `root`.
pub(super) fn git_top(root: &Path) -> &Path {
    root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(root)
}

/// Where `root` lies in its repository, with a slash at the end; empty if at the top.
pub(super) fn folder_in_repository(root: &Path) -> String {
    let folder = relative(git_top(root), root);
    if folder.is_empty() { folder } else { folder + "/" }
}

/// A revision's files in a folder of their own; gone when dropped.
pub(super) struct Worktree {
    repository: PathBuf,
    /// Where the files are.
    pub tree: PathBuf,
    _lock: std::fs::File,
}

impl Worktree {
    /// Checks `revision` out below `folder`. It is the same place each time, so that cargo knows what it built there.
    pub fn new(root: &Path, revision: &str, folder: &Path) -> Result<Self, CliError> {
        let repository = git_top(root).to_owned();
        let commit = format!("{revision}^{{commit}}");
        let ask = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit].map(OsStr::new);
        let commit = git(&repository, &ask)
            .map_err(|error| CliError::Other(format!("git knows no revision `{revision}`{error}")))?;
        let file = |what, path: &Path| {
            let path = path.to_owned();
            move |source| CliError::File { what, path, source }
        };
        files::folder(folder).map_err(file("make", folder))?;
        let lock = folder.join("lock");
        let lock =
            files::lock(&lock).and_then(|file| file.lock().map(|()| file)).map_err(file("lock", &lock))?;
        let worktree = Self { repository, tree: folder.join("tree"), _lock: lock };
        // One that was killed has left its own.
        worktree.remove();
        let add = ["worktree", "add", "--quiet", "--detach", "--force"].map(OsStr::new);
        let place = [worktree.tree.as_os_str(), commit.trim().as_ref()];
        git(&worktree.repository, &[&add[..], &place].concat())
            .map_err(|error| CliError::Other(format!("git cannot check out `{revision}`{error}")))?;
        Ok(worktree)
    }

    fn remove(&self) {
        // Only ours: `git worktree prune` would forget those of the user that are on a disk which is not there now.
        let remove = ["worktree", "remove", "--force", "--force"].map(OsStr::new);
        let _ = git(&self.repository, &[&remove[..], &[self.tree.as_os_str()]].concat());
        // What git does not know as a worktree is still in the way. Of a link only the link goes.
        let _ = std::fs::remove_dir_all(&self.tree);
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        self.remove();
    }
}

/// What git prints; an error begins with what belongs between a sentence and git's own words.
fn git(repository: &Path, arguments: &[&OsStr]) -> Result<String, String> {
    let mut git = Command::new("git");
    // Nobody's hooks are asked about a worktree that is no one's work.
    git.current_dir(repository).args(["-c", "core.hooksPath=/dev/null"]).args(arguments);
    let output = compiler::output(&git).map_err(|error| format!(": `git` does not run: {error}"))?;
    if output.success {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim()) })
}
