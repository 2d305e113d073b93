//! One measurement from request to snapshot, and actions tried on the compiler: the only place that joins
//! `build` and `features`.

mod apply;
mod units;
mod verify;

pub use apply::{Applied, ApplyError, Changes, apply};
pub use units::Units;
pub use verify::{Refusal, Verdict, Verifier};

use crate::build::{BuildError, Cancel, Event, MeasuredUnit, Outcome, Project, Request};
use crate::features::Snapshot;
use crate::features::actions::box_recursion::recursions;
use crate::features::actions::{self, Candidate};
use crate::features::budget::Budgets;
use crate::features::snapshot::UnitText;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a measurement gave.
#[derive(Debug)]
pub struct Measurement {
    /// All numbers that hold, new and old.
    pub snapshot: Snapshot,
    /// The compiler's rendered errors if some crates did not compile; their old numbers are kept.
    pub failure: Option<String>,
    /// How each unit is compiled.
    pub units: Units,
}

/// The actions for all files of a project; of its own files, that is, not of what was generated.
pub fn candidates(project: &Project, snapshot: &Snapshot) -> Vec<Candidate> {
    let own = snapshot.paths().into_iter().filter(|file| project.owns(file));
    own.flat_map(|file| actions::candidates(snapshot, file)).collect()
}

/// Measures a project. `previous` gives the numbers of what did not change or does not compile.
///
/// # Errors
/// See [`BuildError`].
pub fn measure(
    request: &Request,
    previous: &Snapshot,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(Event),
) -> Result<Measurement, BuildError> {
    measure_project(&Project::open(request)?, request, previous, cancel, on_event)
}

/// As [`measure`], for a project that was opened before.
///
/// # Errors
/// See [`BuildError`].
pub fn measure_project(
    project: &Project,
    request: &Request,
    previous: &Snapshot,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(Event),
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

    let manifests = project.manifests.iter();
    base.budgets = Budgets::read(manifests.map(|m| (m.crates.as_deref(), &m.settings)));

    let known = |unit: &MeasuredUnit, stamp: u64| base.stamp(&unit.origin()) == Some(stamp);
    let outcome = project.measure(request, cancel, &known, on_event)?;
    if cancel.is_cancelled() {
        return Err(BuildError::Cancelled);
    }
    // Of a project without a lock file the build has just made one.
    base.versions = project.versions();
    base.debug_assertions = outcome.units.iter().any(|unit| unit.measured.debug_assertions);
    let mut units = Units::default();
    for unit in &outcome.units {
        units.insert(unit.measured.clone());
    }
    let mut snapshot = read(&base, &outcome);
    for unit in &outcome.failed {
        let Some(origin) = units.insert_failed(unit) else { continue };
        let measured = MeasuredUnit::default();
        let dialect = units::unit_text(&origin, 0, &measured, unit).dialect();
        let read = |file: &std::path::Path| std::fs::read_to_string(file).ok();
        snapshot.recursions.extend(recursions(unit.messages(), &origin, &dialect, &unit.dir, &read));
    }
    Ok(Measurement { snapshot, failure: outcome.failure, units })
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
