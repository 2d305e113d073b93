//! The quick pass over what was just saved: a run that only checks, before cargo has come to it.

use super::Units;
use crate::compiler::{Awaited, BuildError, Cancel, Invocation, Project};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a quick pass is made for when a build begins, and what is known about it.
#[derive(Debug, Clone, Default)]
pub struct QuickPass {
    /// Packages with documents that are looked at.
    pub packages: BTreeSet<String>,
    /// Files that were saved since everything was measured last.
    pub saved: BTreeSet<PathBuf>,
    /// How everything was compiled then.
    pub units: Units,
}

impl QuickPass {
    /// What the build begins with.
    pub(super) fn awaited(&self, project: &Project) -> Awaited {
        Awaited { packages: self.packages.clone(), runs: self.runs(project).unwrap_or_default() }
    }

    /// The runs that compile what was saved. None if more than one package is concerned: one may depend on the
    /// other, and cargo alone knows in which order they come.
    fn runs(&self, project: &Project) -> Option<Vec<Invocation>> {
        let runs = self.units.of_files(project, &self.saved);
        let first = runs.first()?.package();
        let is_alone = runs.iter().all(|run| run.package() == first);
        let depends = |run: &Invocation| {
            let origins = runs.iter().map(|other| other.origin());
            origins
                .into_iter()
                .any(|origin| run.args.iter().any(|arg| arg.contains(&format!("lib{origin}."))))
        };
        let runs: Vec<Invocation> =
            runs.iter().filter(|run| !depends(run)).map(|run| (*run).clone()).collect();
        is_alone.then_some(runs)
    }
}

/// Makes a quick pass over what these files are part of, so that after a save the next takes no longer than checking.
/// Where one was made before, nothing is done.
///
/// # Errors
/// See [`Project::quick_pass`].
pub fn prepare(
    project: &Project,
    units: &Units,
    files: &BTreeSet<PathBuf>,
    cancel: &Cancel,
) -> Result<(), BuildError> {
    for run in units.of_files(project, files).into_iter().filter(|run| !run.has_quick_pass()) {
        project.quick_pass(run, cancel)?;
    }
    Ok(())
}
