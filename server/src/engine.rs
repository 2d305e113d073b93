//! One measurement from request to snapshot: the only place that joins `build` and `features`.

use crate::build::{BuildError, Cancel, Event, MeasuredUnit, Outcome, Project, Request};
use crate::features::Snapshot;
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

    let known = |unit: &MeasuredUnit, stamp: u64| base.stamp(&origin(unit)) == Some(stamp);
    let outcome = project.measure(request, cancel, &known, on_event)?;
    if cancel.is_cancelled() {
        return Err(BuildError::Cancelled);
    }
    // Of a project without a lock file the build has just made one.
    base.versions = project.versions();
    base.debug_assertions = outcome.units.iter().any(|unit| unit.measured.debug_assertions);
    Ok(Measurement { snapshot: read(&base, &outcome), failure: outcome.failure })
}

/// `CRATE-HASH`: names a unit's compiler run.
fn origin(unit: &MeasuredUnit) -> String {
    unit.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(base: &Snapshot, outcome: &Outcome) -> Snapshot {
    let origins: Vec<String> = outcome.units.iter().map(|unit| origin(&unit.measured)).collect();
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
        .filter_map(|(unit, origin)| Some((unit, origin, unit.content.as_ref()?)))
        .map(|(unit, origin, content)| UnitText {
            origin,
            stamp: unit.stamp,
            krate: &unit.measured.krate,
            unit: &unit.measured.unit,
            dir: &content.dir,
            sizes: content.sizes(),
            bodies: content.bodies().collect(),
            sources: content.sources().collect(),
        })
        .collect();
    base.updated(&texts, &current, stale)
}
