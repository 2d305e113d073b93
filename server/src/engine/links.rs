//! Files that the compiler knows by another name than the one without symbolic links: a link within a package, to a
//! file or a folder, leads to them.

use crate::features::Snapshot;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// What is known about such files.
#[derive(Debug, Default)]
pub struct Links {
    /// Each path is looked at once.
    seen: HashSet<PathBuf>,
    /// As the compiler calls them, by their paths without links.
    compiled: HashMap<PathBuf, PathBuf>,
}

impl Links {
    /// Takes note of what the files in which something was measured are without links.
    pub fn follow(&mut self, snapshot: &Snapshot) {
        for compiled in snapshot.paths() {
            if self.seen.contains(compiled) {
                continue;
            }
            self.seen.insert(compiled.to_owned());
            if let Ok(real) = dunce::canonicalize(compiled)
                && real != compiled
            {
                self.compiled.insert(real, compiled.to_owned());
            }
        }
    }

    /// What the compiler calls a file that is given without links, if that is another name.
    pub fn compiled(&self, real: &Path) -> Option<&Path> {
        self.compiled.get(real).map(PathBuf::as_path)
    }
}
