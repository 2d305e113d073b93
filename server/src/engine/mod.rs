//! One measurement from request to snapshot, and actions tried on the compiler: the only place that joins
//! `build` and `features`.

mod apply;
mod units;
mod unsaved;
mod verify;
mod warm;

pub use apply::{Applied, ApplyError, Changes, apply};
pub use units::Units;
pub use unsaved::Unsaved;
pub use verify::{Refusal, Verdict, Verifier};
pub use warm::Warm;

use crate::build::{BuildError, Cancel, Event, MeasuredUnit, Outcome, Project, Request};
use crate::features::Snapshot;
use crate::features::actions::box_recursion::recursions;
use crate::features::actions::{self, Candidate};
use crate::features::budget::Budgets;
use crate::features::snapshot::UnitText;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a measurement gave.
#[derive(Debug)]
pub struct Measurement {
    /// All numbers that hold, new and old.
    pub snapshot: Arc<Snapshot>,
    /// The compiler's rendered errors if some crates did not compile; their old numbers are kept.
    pub failure: Option<String>,
    /// How each unit is compiled.
    pub units: Units,
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
    own.flat_map(|file| actions::candidates(snapshot, file)).collect()
}

/// Measures a project, without early numbers; see [`measure_project`].
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
/// wanted as soon as a unit is done, `early` names the packages that are waited for most.
///
/// # Errors
/// See [`BuildError`].
pub fn measure_project(
    project: &Project,
    request: &Request,
    previous: &Snapshot,
    cancel: &Cancel,
    early: Option<&BTreeSet<String>>,
    on_news: &mut dyn FnMut(News),
) -> Result<Measurement, BuildError> {
    let mut base = previous.to_update();
    // Numbers of another compiler or profile are not comparable: start anew.
    if base.compiler != project.toolchain.version
        || base.profile != request.profile
        || base.root != project.root
    {
        base = Snapshot::default();
    }
    base.root = project.root.clone();
    base.compiler = project.toolchain.version.clone();
    base.profile = request.profile.clone();
    base.target = request.selection.target.clone().unwrap_or_else(|| project.toolchain.host.clone());

    base.budgets = budgets(project);
    base.versions = project.versions();

    let numbers = RefCell::new(Numbers::new(base));
    let known =
        |unit: &MeasuredUnit, stamp: u64| numbers.borrow().snapshot.stamp(&unit.origin()) == Some(stamp);
    let mut on_event = |event| match event {
        Event::Progress { done, total, crates } => on_news(News::Progress { done, total, crates }),
        Event::Measured(unit) => {
            let Some(first) = early else { return };
            let mut numbers = numbers.borrow_mut();
            if numbers.add(unit, first) {
                on_news(News::Numbers(numbers.snapshot.clone()));
            }
        }
    };
    let outcome = project.measure(request, cancel, &known, &mut on_event)?;
    if cancel.is_cancelled() {
        return Err(BuildError::Cancelled);
    }
    let started = Instant::now();
    let Numbers { snapshot, spent, .. } = numbers.into_inner();
    let mut base = snapshot.to_update();
    // Of a project without a lock file the build has just made one.
    base.versions = project.versions();
    base.debug_assertions = outcome.units.iter().any(|unit| unit.measured.debug_assertions);
    let new = outcome.units.iter().filter(|unit| unit.content.is_some()).count();
    tracing::debug!("{new} of {} units are new", outcome.units.len());
    let mut units = Units::default();
    for unit in &outcome.units {
        units.insert(unit.measured.clone());
    }
    let mut snapshot = read(&base, &outcome);
    warm::keep(project, request, &outcome, &snapshot);
    for unit in &outcome.failed {
        let Some(origin) = units.insert_failed(unit) else { continue };
        let measured = MeasuredUnit::default();
        let dialect = units::unit_text(&origin, 0, &measured, unit).dialect();
        let read = |file: &std::path::Path| std::fs::read_to_string(file).ok();
        snapshot.recursions.extend(recursions(unit.messages(), &origin, &dialect, &unit.dir, &read));
    }
    tracing::info!("read and placed the numbers in {} ms", (spent + started.elapsed()).as_millis());
    Ok(Measurement { snapshot: Arc::new(snapshot), failure: outcome.failure, units })
}

/// Numbers as they come in.
struct Numbers {
    snapshot: Arc<Snapshot>,
    /// Measured, but not in the snapshot yet.
    waiting: Vec<MeasuredUnit>,
    /// It takes time to take numbers in, and a build may have hundreds of units: not before this, unless
    /// someone waits for them.
    not_before: Instant,
    spent: Duration,
}

/// Taking numbers in may take this part of the time of a build.
const SHARE: u32 = 20;

impl Numbers {
    fn new(base: Snapshot) -> Self {
        Numbers {
            snapshot: Arc::new(base),
            waiting: Vec::new(),
            not_before: Instant::now(),
            spent: Duration::ZERO,
        }
    }

    /// Hears of a unit; is there a new snapshot now?
    fn add(&mut self, unit: MeasuredUnit, first: &BTreeSet<String>) -> bool {
        let started = Instant::now();
        let is_awaited = first.contains(&unit.package);
        if self.snapshot.stamp(&unit.origin()) == Some(unit.stamp()) {
            return false;
        }
        self.waiting.push(unit);
        if !is_awaited && started < self.not_before {
            return false;
        }
        let waiting = std::mem::take(&mut self.waiting);
        // What cannot be read is measured again when the build is over.
        let read = waiting.into_iter().filter_map(|measured| {
            let stamp = measured.stamp();
            Some((measured.origin(), stamp, measured.read().ok()?, measured))
        });
        let read: Vec<_> = read.collect();
        let texts: Vec<UnitText<'_>> = read
            .iter()
            .map(|(origin, stamp, content, measured)| units::unit_text(origin, *stamp, measured, content))
            .collect();
        self.snapshot = Arc::new(self.snapshot.with_units(&texts));
        let took = started.elapsed();
        self.not_before = Instant::now() + took * SHARE;
        self.spent += took;
        true
    }
}

fn budgets(project: &Project) -> Budgets {
    Budgets::read(project.manifests.iter().map(|m| (m.crates.as_deref(), &m.settings)))
}

fn read(base: &Snapshot, outcome: &Outcome) -> Snapshot {
    let origins: Vec<String> = outcome.units.iter().map(|unit| unit.measured.origin()).collect();
    let current: BTreeSet<Arc<str>> = origins.iter().map(|origin| origin.as_str().into()).collect();
    // A crate that does not compile is not among the units; its last good numbers stay, marked.
    let stale = match outcome.failure {
        Some(_) => base.origins().filter(|origin| !current.contains(origin)).collect(),
        None => BTreeSet::new(),
    };
    let texts: Vec<UnitText<'_>> = outcome
        .units
        .iter()
        .zip(&origins)
        .filter_map(|(unit, origin)| {
            Some(units::unit_text(origin, unit.stamp, &unit.measured, unit.content.as_ref()?))
        })
        .collect();
    base.updated(&texts, &current, stale)
}
