//! What `Cargo.lock` says, and what is known for as long as it says the same.

use crate::compiler::files;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// The compilers that are known not to compile a project's dependencies.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct UnfitCompilers {
    /// Of the lock file that this was found out with.
    lock: u32,
    /// Their versions, and why.
    compilers: Vec<(String, String)>,
}

/// The file in the target directory that says so.
const UNFIT: &str = "compilers-unfit.json";

impl UnfitCompilers {
    /// Of the lock file in a workspace's folder, as it is now.
    pub fn new(root: &Path, compilers: Vec<(String, String)>) -> Self {
        UnfitCompilers { lock: lock_digest(root), compilers }
    }

    /// What was kept in a target directory; nothing if that was about another lock file than the workspace's.
    pub fn read(target_dir: &Path, root: &Path) -> Self {
        let read = std::fs::read(target_dir.join(UNFIT)).ok();
        let read = read.and_then(|text| serde_json::from_slice::<UnfitCompilers>(&text).ok());
        let lock = lock_digest(root);
        read.filter(|unfit| unfit.lock == lock).unwrap_or_default()
    }

    /// Keeps it there.
    pub fn write(&self, target_dir: &Path) -> io::Result<()> {
        files::write(&target_dir.join(UNFIT), |file| Ok(serde_json::to_writer(file, self)?))
    }

    /// Versions, and why.
    pub fn known(self) -> Vec<(String, String)> {
        self.compilers
    }
}

fn lock_digest(root: &Path) -> u32 {
    crc32fast::hash(&std::fs::read(root.join("Cargo.lock")).unwrap_or_default())
}

/// Reads `name` and `version` of each `[[package]]`: cargo writes them on lines of their own.
pub(super) fn locked_versions(lock: &str) -> HashMap<String, String> {
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(rest.strip_suffix('"')?.to_owned())
    };
    let mut versions: HashMap<String, String> = HashMap::new();
    let mut name = None;
    for line in lock.lines() {
        if line.starts_with("[[") {
            name = None;
        } else if let Some(found) = value(line, "name") {
            name = Some(found);
        } else if let (Some(version), Some(name)) = (value(line, "version"), &name) {
            let entry = versions.entry(name.replace('-', "_"));
            entry.and_modify(String::clear).or_insert_with(|| format!("{name} {version}"));
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock_file() {
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
        };
        let lock = package("async-nats", "0.51.0") + &package("syn", "1.0.0") + &package("syn", "2.0.0");
        let versions = locked_versions(&format!("version = 4\n\n{lock}"));
        assert_eq!(versions["async_nats"], "async-nats 0.51.0");
        // The crate's name does not tell which version it is.
        assert_eq!((versions.len(), &*versions["syn"]), (2, ""));
    }
}
