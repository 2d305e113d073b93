//! Between builds: what the open documents of one workspace are part of is measured ahead once, so that a save
//! finds what it can build on.

use super::job::{Job, Task};
use crate::compiler::{BuildError, Project};
use crate::engine::{self, Units};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// See the module's documentation.
#[derive(Debug)]
pub struct Ahead {
    job: Job<()>,
    /// Files that were seen to since the last build.
    prepared: BTreeSet<PathBuf>,
}

impl Ahead {
    /// Of a workspace that was just opened; see [`Job::new`].
    pub fn new(first: u64) -> Self {
        Ahead { job: Job::new(first), prepared: BTreeSet::new() }
    }

    /// Stops: a build is due, and both want the processor.
    pub fn stop(&mut self) {
        self.job.stop();
    }

    /// There was a build: how things are compiled may have changed.
    pub fn clear(&mut self) {
        self.prepared.clear();
    }

    /// Leaves nothing behind; whether that is so already.
    pub fn leave(&mut self) -> bool {
        self.job.leave()
    }

    /// Was this file seen to?
    fn has_seen(&self, file: &Path) -> bool {
        self.prepared.contains(file)
    }

    /// Goes on with files that were not seen to. `tell` when that is over, with the number to hear it with.
    pub fn go_on(
        &mut self,
        files: &[PathBuf],
        project: &Project,
        units: &Units,
        tell: impl FnOnce(u64, Prepared) + Send + 'static,
    ) {
        let files: BTreeSet<PathBuf> = files.iter().filter(|file| !self.has_seen(file)).cloned().collect();
        let Some(idle) = self.job.idle().filter(|_| !files.is_empty()) else { return };
        let (project, units) = (project.clone(), units.clone());
        idle.begin(move |Task { number, cancel, .. }| {
            let is_done = match engine::prepare(&project, &units, &files, &cancel) {
                Err(BuildError::Cancelled) => false,
                Err(error) => {
                    tracing::warn!("concrete futures cannot be measured ahead: {error}");
                    true
                }
                Ok(()) => true,
            };
            tell(number, Prepared(if is_done { files } else { BTreeSet::new() }));
        });
    }

    /// It is over.
    pub fn hear(&mut self, number: u64, Prepared(files): Prepared) {
        if self.job.end(number, None, false) {
            self.prepared.extend(files);
        }
    }
}

/// Files that were seen to.
#[derive(Debug)]
pub struct Prepared(BTreeSet<PathBuf>);
