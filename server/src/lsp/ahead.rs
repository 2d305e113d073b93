//! Between builds: what the open documents of one workspace are part of is measured ahead once, so that a save
//! finds what it can build on.

use crate::compiler::{BuildError, Cancel, Project};
use crate::engine::{self, Units};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Ahead {
    running: Option<Cancel>,
    /// Something is at work, even if it was told to stop.
    is_busy: bool,
    /// Files that were seen to since the last build.
    prepared: BTreeSet<PathBuf>,
    /// The server is about to end.
    is_leaving: bool,
}

impl Ahead {
    /// Stops: a build is due, and both want the processor.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.cancel();
        }
    }

    /// There was a build: how things are compiled may have changed.
    pub fn clear(&mut self) {
        self.prepared.clear();
    }

    /// Leaves nothing behind; whether that is so already.
    pub fn leave(&mut self) -> bool {
        self.stop();
        self.is_leaving = true;
        !self.is_busy
    }

    /// Goes on with files that were not seen to. `tell` when that is over.
    pub fn go_on(
        &mut self,
        files: BTreeSet<PathBuf>,
        project: &Project,
        units: &Units,
        tell: impl FnOnce(Prepared) + Send + 'static,
    ) {
        let files: BTreeSet<PathBuf> = files.difference(&self.prepared).cloned().collect();
        if self.is_busy || self.is_leaving || files.is_empty() {
            return;
        }
        self.is_busy = true;
        let (project, units, cancel) = (project.clone(), units.clone(), Cancel::default());
        self.running = Some(cancel.clone());
        std::thread::spawn(move || {
            let is_done = match engine::prepare(&project, &units, &files, &cancel) {
                Err(BuildError::Cancelled) => false,
                Err(error) => {
                    tracing::warn!("concrete futures cannot be measured ahead: {error}");
                    true
                }
                Ok(()) => true,
            };
            tell(Prepared(if is_done { files } else { BTreeSet::new() }));
        });
    }

    /// It is over.
    pub fn hear(&mut self, prepared: Prepared) {
        self.is_busy = false;
        self.running = None;
        self.prepared.extend(prepared.0);
    }
}

/// Files that were seen to.
#[derive(Debug)]
pub struct Prepared(BTreeSet<PathBuf>);
