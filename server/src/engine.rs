//! One measurement from request to snapshot: the only place that joins `build` and `features`.

use crate::build::{BuildError, Cancel, Event, MeasuredUnit, Outcome, Project, Request, Unit};
use crate::features::Snapshot;
use crate::features::snapshot::UnitText;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

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
    let outcome = project.measure(request, cancel, on_event)?;
    if cancel.is_cancelled() {
        return Err(BuildError::Cancelled);
    }
    Ok(Measurement { snapshot: read(project, request, &outcome, previous), failure: outcome.failure })
}

fn read(project: &Project, request: &Request, outcome: &Outcome, previous: &Snapshot) -> Snapshot {
    let mut base = previous.clone();
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

    let mut current: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut read: Vec<(&MeasuredUnit, String, u64, Unit)> = Vec::new();
    for measured in &outcome.units {
        let origin = measured.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        current.insert(origin.as_str().into());
        let stamp = stamp(&measured.file);
        if base.stamp(&origin) == Some(stamp) {
            continue;
        }
        match Unit::read(&measured.file) {
            Ok(unit) => read.push((measured, origin, stamp, unit)),
            Err(error) => tracing::warn!("{}: {error}", measured.file.display()),
        }
    }
    // A crate that does not compile is not among the units; its last good numbers stay, marked.
    let stale = match outcome.failure {
        Some(_) => base.origins().filter(|origin| !current.contains(origin)).collect(),
        None => BTreeSet::new(),
    };
    let texts: Vec<UnitText<'_>> = read
        .iter()
        .map(|(measured, origin, stamp, unit)| UnitText {
            origin,
            stamp: *stamp,
            krate: &measured.krate,
            unit: &measured.unit,
            dir: &unit.dir,
            sizes: unit.sizes(),
            bodies: unit.bodies().collect(),
            sources: unit.sources().collect(),
        })
        .collect();
    base.updated(&texts, &current, stale)
}

/// Tells one write of a file from the next. Zero if there is no file.
fn stamp(file: &Path) -> u64 {
    let modified = std::fs::metadata(file).and_then(|meta| Ok((meta.modified()?, meta.len())));
    modified.map_or(0, |(time, len)| {
        let nanos = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        nanos ^ len.rotate_left(40)
    })
}
