//! A build: cargo is run until every unit has its numbers, or does not compile.

use super::messages::{Event, Ran};
use super::project::Project;
use super::request::Request;
use super::target_dir::ROUNDS;
use super::targets::triple;
use crate::compiler::contract::{self, Settings, Task};
use crate::compiler::error::BuildError;
use crate::compiler::invocation::Invocation;
use crate::compiler::process::{Cancel, Guarded};
use crate::compiler::toolchain;
use crate::compiler::unit::{CurrentUnit, MeasuredUnit, UnitOutput};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What someone waits for.
#[derive(Debug, Clone, Default)]
pub struct Awaited {
    /// Packages: when such a one is compiled, a quick pass is made beside it where that is over sooner.
    pub packages: BTreeSet<String>,
    /// Compiler runs over which a quick pass is made before cargo has come to them, if one was made before.
    /// Nothing that they depend on may have changed.
    pub runs: Vec<Invocation>,
}

/// The end of a build.
#[derive(Debug)]
pub struct Outcome {
    /// Every unit whose numbers are those of a successful compiler run, whether now or earlier.
    pub units: Vec<CurrentUnit>,
    /// Of each unit that did not compile its [`UnitOutput::invocation`] and [`UnitOutput::messages`], as far as known.
    pub failed: Vec<UnitOutput>,
    /// The rendered errors if some crates did not compile.
    pub failure: Option<String>,
    /// A dependency that did not compile.
    pub dependency: Option<String>,
    /// The triples that the units were compiled for, as the compiler was told.
    pub targets: BTreeSet<String>,
    /// What was asked for and has no numbers since something does not compile, as cargo calls it: `` `app` (lib) ``.
    pub missing: Vec<String>,
}

impl Project {
    /// Runs cargo until every selected unit has its numbers, or does not compile. `take` gets each unit and the
    /// stamp of its measurement, one after another, so that never more than one has to be in memory; it
    /// says whether the numbers are there ([`MeasuredUnit::open`]). If not, the unit is measured again. What is
    /// `awaited` gets a quick pass.
    ///
    /// # Errors
    /// See [`BuildError`]. That some crates do not compile is no error here but [`Outcome::failure`].
    pub fn measure(
        &self,
        request: &Request,
        awaited: &Awaited,
        cancel: &Cancel,
        take: &mut dyn FnMut(&MeasuredUnit, u64) -> bool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome, BuildError> {
        self.make_lock_file(request, cancel)?;
        let runs = awaited.runs.iter().filter(|run| run.has_quick_pass());
        let runs: Vec<Invocation> = runs.cloned().collect();
        let of_runs = runs.iter().filter_map(Invocation::package).collect();
        // Has another package changed, without a save in the editor? Then cargo has to compile that one first.
        let is_alone = runs.is_empty() || !self.inputs.have_others_changed(&of_runs);
        let runs = if is_alone { &runs[..] } else { &[] };
        let passed: BTreeSet<&Path> = runs.iter().filter_map(Invocation::package).collect();
        let of_awaited = self.members.values().filter(|(name, _)| awaited.packages.contains(name));
        let of_awaited = of_awaited.filter(|(_, folder)| !passed.contains(&**folder));
        let of_awaited: Vec<PathBuf> = of_awaited.map(|(_, folder)| folder.clone()).collect();
        let mut round = 0;
        loop {
            round += 1;
            let is_last = round == ROUNDS;
            let scratch = self.prepare_target_dir()?;
            let settings = Settings {
                user_wrapper: self.user_wrapper.clone(),
                awaited: of_awaited.clone(),
                ..self.settings(Task::Measure, scratch.path())
            };
            let runs = if round == 1 { runs } else { &[] };
            let Ran { units: compiled, tools, failure } =
                self.run_cargo(request, &settings, runs, cancel, on_event)?;
            // Units that were made with tools of another checkout are compiled again after those.
            let strange = tools.iter().filter(|tool| !tool.is_of(&self.root)).inspect(|tool| tool.remove());
            let has_strange = strange.count() > 0;
            if let Ok(flag) = std::fs::read_to_string(scratch.path().join(contract::REFUSED)) {
                return Err(BuildError::UnknownFlag { compiler: self.toolchain().version.clone(), flag });
            }
            if let Some(failure) = &failure {
                if let Some(source) = failure.no_room() {
                    return Err(BuildError::NoRoom { path: self.target_dir.clone(), source });
                }
                // Somebody has cleaned up meanwhile.
                let is_gone = !scratch.path().is_dir();
                let is_ours = is_gone || failure.is_ours();
                if !is_last && is_ours || round == 1 && failure.is_trouble(&self.target_dir) {
                    continue;
                }
            }
            let (units, lost) = handed_over(compiled, take);
            // Fresh for cargo, but what the compiler printed is gone, damaged, or older than our flags: make
            // cargo compile those units again.
            lost.iter().for_each(|unit| forget(&unit.file, true));
            // Fresh for cargo, which looks at times alone, or changed while it was compiled.
            let has_changed = |unit: &&CurrentUnit| self.inputs.has_changed(&unit.measured, unit.stamp);
            let changed: Vec<&CurrentUnit> = units.iter().filter(has_changed).collect();
            if is_last || lost.is_empty() && changed.is_empty() && !has_strange {
                for unit in lost {
                    tracing::error!("{} was compiled, but its numbers cannot be read", unit.file.display());
                }
                self.inputs.keep(units.iter().map(|unit| &unit.measured));
                let host = &self.toolchain().host;
                let targets = self.inputs.targets().into_iter();
                let targets =
                    targets.map(|target| target.map_or(host.clone(), |target| triple(&target, host)));
                let targets = targets.collect();
                let dependency = failure.as_ref().and_then(|failure| failure.dependency.clone());
                let failure = failure.map(|failure| failure.text);
                let missing = failure.as_ref().map(|_| self.missing(request, &units)).unwrap_or_default();
                let failed = read_failed(scratch.path());
                return Ok(Outcome { units, failed, failure, dependency, targets, missing });
            }
            changed.iter().for_each(|unit| forget(&unit.measured.file, false));
        }
    }

    /// Where there is no `Cargo.lock` yet, the project's own cargo makes it: that of a newer compiler that measures
    /// may write it in a form that the project's own does not read.
    fn make_lock_file(&self, request: &Request, cancel: &Cancel) -> Result<(), BuildError> {
        let is_own = self.toolchain().name.is_none();
        if is_own || request.selection.locked || self.root.join("Cargo.lock").exists() {
            return Ok(());
        }
        let mut cargo = toolchain::own_command("cargo");
        cargo.current_dir(&self.root).arg("generate-lockfile").stdout(Stdio::null()).envs(&request.env);
        if request.selection.offline {
            cargo.arg("--offline");
        }
        // If it fails, the build says why; nothing is downloaded for it but what the lock file is made of.
        cargo.env("RUSTUP_AUTO_INSTALL", "0");
        Guarded::new("cargo", &cargo, request.own_group)?
            .stderr(Stdio::null())
            .start(cancel)?
            .wait()
            .map(drop)
    }
}

/// Hands the units over; second, those that were not taken.
pub(super) fn handed_over(
    units: Vec<MeasuredUnit>,
    take: &mut dyn FnMut(&MeasuredUnit, u64) -> bool,
) -> (Vec<CurrentUnit>, Vec<MeasuredUnit>) {
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for measured in units {
        let stamp = measured.stamp();
        match take(&measured, stamp) {
            true => kept.push(CurrentUnit { measured, stamp }),
            false => lost.push(measured),
        }
    }
    (kept, lost)
}

/// Reads what the compiler wrapper left of runs that failed.
pub(super) fn read_failed(scratch: &Path) -> Vec<UnitOutput> {
    let entries = std::fs::read_dir(scratch.join(contract::FAILED)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().filter_map(|file| UnitOutput::read(file).ok()).collect()
}

/// Makes cargo consider a unit stale: it looks whether a unit's outputs are there. What the compiler printed goes too if
/// it is `lost`; else the next run can build on it.
pub(super) fn forget(file: &Path, lost: bool) {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let metadata = file.with_file_name(format!("lib{stem}.rmeta"));
    for path in [Some(metadata), lost.then(|| file.to_owned())].into_iter().flatten() {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", path.display());
        }
    }
}
