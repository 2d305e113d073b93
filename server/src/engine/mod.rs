//! One measurement from request to snapshot, and actions tried on the compiler: the only place that joins
//! `compiler` and `features`.
//!
//! `units` are the compiler runs that were measured; `warm` reads what an earlier session left, `quick_pass` measures what was
//! saved before cargo is done, `unsaved` text that is not saved, `links` knows what the compiler calls a file behind links.
//! `verify` tries actions on the compiler, `drops` compares what they drop, `apply` writes them. `doctor` tells what
//! measures, and what is in the way.

mod apply;
pub mod doctor;
mod drops;
mod links;
mod quick_pass;
mod units;
mod unsaved;
mod verify;
mod warm;

pub use apply::{Applied, ApplyError, Changes, Wanted, apply};
pub use links::Links;
pub use quick_pass::{QuickPass, prepare};
pub use units::Units;
pub use unsaved::Unsaved;
pub use verify::{Rejection, Verdict, Verifier};
pub use warm::Warm;

use crate::compiler::{BuildError, Cancel, Event, MeasuredUnit, Project, Request};
use crate::features::Snapshot;
use crate::features::actions::box_recursion::recursions;
use crate::features::actions::{self, Candidate};
use crate::features::budget::Budgets;
use crate::features::snapshot::Update;
use crate::unit_id::UnitId;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use warm::ReadAhead;

/// What a measurement gave.
#[derive(Debug)]
pub struct Measurement {
    /// All numbers that hold, new and old.
    pub snapshot: Arc<Snapshot>,
    /// The compiler's rendered errors if some crates did not compile; their old numbers are kept.
    pub failure: Option<String>,
    /// What has no numbers since it does not compile, as cargo calls it.
    pub missing: Vec<String>,
    /// Did nothing compile?
    pub is_nothing: bool,
    /// How each unit is compiled.
    pub units: Units,
    /// What was measured: another compiler than the chosen one may have been needed.
    pub project: Project,
}

/// What a measurement tells before it is over.
#[derive(Debug)]
pub enum News {
    /// How far it is.
    Progress {
        /// Units done.
        done: u32,
        /// Units in all.
        total: u32,
        /// What is being compiled now.
        crates: String,
    },
    /// All numbers, those of the units that are done among them.
    Numbers(Arc<Snapshot>),
}

/// The actions for all files of a project; of its own files, that is, not of what was generated.
pub fn candidates(project: &Project, snapshot: &Snapshot) -> Vec<Candidate> {
    let own = snapshot.paths().into_iter().filter(|file| project.owns(file));
    let all = own.flat_map(|file| actions::candidates(snapshot, file));
    all.filter(|candidate| candidate.files().all(|file| project.owns(file))).collect()
}

/// Measures a project, without a quick pass; see [`measure_project`].
///
/// # Errors
/// See [`BuildError`].
pub fn measure(
    request: &Request,
    previous: &Snapshot,
    cancel: &Cancel,
    on_news: &mut dyn FnMut(News),
) -> Result<Measurement, BuildError> {
    measure_project(&Project::open(request)?, request, previous, cancel, None, on_news)
}

/// Measures a project. `previous` gives the numbers of what did not change or does not compile. If numbers are
/// wanted as soon as they are there, `quick_pass` names what is waited for most.
///
/// If a dependency does not compile with the compiler that was chosen, the project's own measures, now and for as long
/// as the lock file stays as it is.
///
/// # Errors
/// See [`BuildError`].
pub fn measure_project(
    project: &Project,
    request: &Request,
    previous: &Snapshot,
    cancel: &Cancel,
    quick_pass: Option<&QuickPass>,
    on_news: &mut dyn FnMut(News),
) -> Result<Measurement, BuildError> {
    let (measured, dependency) = measure_with(project, request, previous, cancel, quick_pass, on_news)?;
    let Some(dependency) = dependency.filter(|_| !measured.lacks_target()) else {
        return Ok(measured.with_target_advice());
    };
    let Some(own) = project.with_own_compiler(&dependency) else {
        return Ok(measured.with_advice(&dependency));
    };
    tracing::info!("`{dependency}` does not compile with {}", project.toolchain().version);
    let (of_own, dependency) = measure_with(&own, request, previous, cancel, quick_pass, on_news)?;
    if dependency.is_some() {
        // Then it is nobody's fault but the dependency's.
        return Ok(measured);
    }
    own.remember_unfit();
    Ok(of_own)
}

/// The same with one compiler; second, a dependency that does not compile with it.
fn measure_with(
    project: &Project,
    request: &Request,
    previous: &Snapshot,
    cancel: &Cancel,
    quick_pass: Option<&QuickPass>,
    on_news: &mut dyn FnMut(News),
) -> Result<(Measurement, Option<String>), BuildError> {
    // Numbers of another compiler, profile or target are not comparable: start anew.
    let triple = project.triple(request);
    let is_comparable = previous.compiler == project.toolchain().version
        && previous.profile == request.profile
        && previous.target == triple
        && previous.root == project.root;
    let nothing = Snapshot::default();
    let mut circumstances = Snapshot::default();
    circumstances.root.clone_from(&project.root);
    circumstances.compiler.clone_from(&project.toolchain().version);
    circumstances.profile.clone_from(&request.profile);
    circumstances.target.clone_from(&triple);
    circumstances.budgets = budgets(project);
    circumstances.versions = project.versions();
    let update = if is_comparable { previous.update() } else { nothing.update() };
    let is_known = update.origins().next().is_some();
    let ahead = (!is_known).then(|| ReadAhead::begin(project, request));
    let numbers = RefCell::new(Numbers::new(update.under(circumstances), ahead));
    let mut on_event = |event| match event {
        Event::Progress { done, total, crates } => on_news(News::Progress { done, total, crates }),
        Event::Measured(unit) => {
            let Some(first) = quick_pass else { return };
            if let Some(snapshot) = numbers.borrow_mut().hear(unit, &first.packages, project) {
                on_news(News::Numbers(snapshot));
            }
        }
        Event::QuickPass(unit) => {
            if let Some(snapshot) = numbers.borrow_mut().hear_quick_pass(&unit, project) {
                on_news(News::Numbers(snapshot));
            }
        }
    };
    let mut take = |unit: &MeasuredUnit, stamp| numbers.borrow_mut().take(unit, stamp);
    let awaited = quick_pass.map(|first| first.awaited(project)).unwrap_or_default();
    let outcome = project.measure(request, &awaited, cancel, &mut take, &mut on_event)?;
    if cancel.is_cancelled() {
        return Err(BuildError::Cancelled);
    }
    let started = Instant::now();
    let Numbers { update, new, spent, .. } = numbers.into_inner();
    let current: BTreeSet<UnitId> = outcome.units.iter().map(|unit| unit.measured.origin()).collect();
    // A crate that does not compile is not among the units; its last good numbers stay, marked.
    let stale = match outcome.failure {
        Some(_) => update.origins().filter(|origin| !current.contains(origin)).collect(),
        None => BTreeSet::new(),
    };
    let mut snapshot = update.finish(&current, stale);
    // Of a project without a lock file the build has just made one.
    snapshot.versions = project.versions();
    if !outcome.targets.is_empty() && !outcome.targets.iter().eq([&triple]) {
        // The compiler's word: packages may have targets of their own.
        snapshot.target = outcome.targets.iter().cloned().collect::<Vec<_>>().join(", ");
    }
    snapshot.debug_assertions = outcome.units.iter().any(|unit| unit.measured.debug_assertions);
    let mut units = Units::default();
    for unit in &outcome.units {
        units.insert(unit.measured.clone());
    }
    for unit in &outcome.failed {
        let Some(origin) = units.insert_failed(unit) else { continue };
        let language = units::language(unit);
        let read = |file: &std::path::Path| std::fs::read_to_string(file).ok();
        snapshot.recursions.extend(recursions(unit.messages(), &origin, &language, &unit.dir, &read));
    }
    let (all, millis) = (outcome.units.len(), (spent + started.elapsed()).as_millis());
    tracing::info!("{}: {new} of {all} units are new, read in {millis} ms", project.root.display());
    warm::keep(project, request, &outcome, &snapshot);
    let (snapshot, project) = (Arc::new(snapshot), project.clone());
    let (is_nothing, missing) = (outcome.units.is_empty(), outcome.missing);
    let measured = Measurement { snapshot, failure: outcome.failure, missing, is_nothing, units, project };
    Ok((measured, outcome.dependency))
}

impl Measurement {
    /// Did it fail since there is no standard library of the target?
    fn lacks_target(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.contains("target may not be installed"))
    }

    /// Says what helps then: the compiler's own advice may be for another toolchain.
    fn with_target_advice(mut self) -> Self {
        let advice = self.lacks_target().then(|| {
            let toolchain = self.project.toolchain();
            format!(
                "\n{} measures; {}\n",
                toolchain.in_words(),
                toolchain.target_advice(&self.snapshot.target)
            )
        });
        if let (Some(failure), Some(advice)) = (&mut self.failure, advice) {
            failure.push_str(&advice);
        }
        self
    }

    /// Says what helps if a dependency does not compile with a compiler that was asked for.
    fn with_advice(mut self, dependency: &str) -> Self {
        if let Some(failure) = self.failure.as_mut().filter(|_| !self.project.choice.is_automatic) {
            let compiler = self.project.toolchain().in_words();
            let own = self.project.own_compiler().unwrap_or_else(|| "the project's own compiler".to_owned());
            failure.push_str(&format!(
                "\n`{dependency}`, which the project depends on, does not compile with {compiler}; if it does with {own}, \
                 leave the toolchain to `auto`\n"
            ));
        }
        self
    }
}

/// Numbers as they come in.
struct Numbers {
    update: Update,
    /// How many units were read.
    new: usize,
    /// Those that have all their numbers.
    complete: BTreeSet<UnitId>,
    /// It takes time to take numbers in, and a build may have hundreds of units: not before this, unless
    /// someone waits for them.
    not_before: Instant,
    waiting: Vec<MeasuredUnit>,
    spent: Duration,
    /// Where nothing was known.
    ahead: Option<ReadAhead>,
}

/// Taking numbers in early may take this part of the time of a build.
const SHARE: u32 = 20;

impl Numbers {
    fn new(update: Update, ahead: Option<ReadAhead>) -> Self {
        let (waiting, not_before) = (Vec::new(), Instant::now());
        Numbers {
            update,
            new: 0,
            complete: BTreeSet::new(),
            not_before,
            waiting,
            spent: Duration::ZERO,
            ahead,
        }
    }

    /// Hears of a unit while the build goes on; gives a snapshot if there is to be one now.
    fn hear(
        &mut self,
        unit: MeasuredUnit,
        first: &BTreeSet<String>,
        project: &Project,
    ) -> Option<Arc<Snapshot>> {
        let started = Instant::now();
        self.complete.insert(unit.origin());
        if self.update.stamp(&unit.origin()) == Some(unit.stamp()) {
            return None;
        }
        let is_awaited = first.contains(&unit.package);
        self.waiting.push(unit);
        if !is_awaited && started < self.not_before {
            return None;
        }
        // What cannot be read is measured again when the build is over.
        for unit in std::mem::take(&mut self.waiting) {
            self.take(&unit, unit.stamp());
        }
        let snapshot = self.snapshot(project);
        self.not_before = Instant::now() + started.elapsed() * SHARE;
        Some(snapshot)
    }

    /// Hears of the concrete futures of a unit; gives a snapshot with them, unless all its futures are known.
    fn hear_quick_pass(&mut self, unit: &MeasuredUnit, project: &Project) -> Option<Arc<Snapshot>> {
        let (started, origin) = (Instant::now(), unit.origin());
        if self.complete.contains(&origin) {
            return None;
        }
        if !units::add_kept(&mut self.update, unit, None) {
            return None;
        }
        self.update.debug_assertions |= unit.debug_assertions;
        self.spent += started.elapsed();
        Some(self.snapshot(project))
    }

    /// All that is known by now.
    fn snapshot(&mut self, project: &Project) -> Arc<Snapshot> {
        let begun = Instant::now();
        let update = std::mem::replace(&mut self.update, Snapshot::default().update());
        let mut snapshot = update.finish_early();
        if snapshot.versions.is_empty() {
            // Of a project without a lock file the build has just made one.
            snapshot.versions = project.versions();
        }
        let snapshot = Arc::new(snapshot);
        self.update = snapshot.update();
        self.spent += begun.elapsed();
        snapshot
    }

    /// Reads a unit unless it is known as it is; whether its numbers are there.
    fn take(&mut self, unit: &MeasuredUnit, stamp: u64) -> bool {
        let (started, origin) = (Instant::now(), unit.origin());
        if self.update.stamp(&origin) == Some(stamp) {
            return true;
        }
        let is_read =
            self.ahead.as_mut().is_some_and(|ahead| self.update.adopt(&origin, stamp, ahead.snapshot()));
        if !is_read && !units::add_kept(&mut self.update, unit, Some(stamp)) {
            return false;
        }
        self.update.debug_assertions |= unit.debug_assertions;
        self.new += 1;
        self.spent += started.elapsed();
        true
    }
}

fn budgets(project: &Project) -> Budgets {
    let manifests = project.manifests.iter().map(|m| (m.package.as_deref(), &m.settings));
    Budgets::read(project.packages.iter().map(String::as_str), manifests)
}
