//! A unit of which only the concrete futures are known yet: a run that checks has printed them, and the one that
//! finds every instance of generic ones is still at work.
//!
//! Until that is over, generic futures stay as they were measured before, beside the text of then: as a unit of
//! their own, so that they are found in the current text like everything that was measured earlier.

use super::unit::ReadUnit;
use crate::layout::{Bodies, Body, Future};
use crate::unit_id::UnitId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The stamp of a unit without all of its futures: that of no file.
pub(super) const STAMP: u64 = 0;

/// Names what is left of the last measurement of a compiler run.
pub(super) fn before(origin: &UnitId) -> UnitId {
    format!("{origin} (before)").into()
}

/// Leaves the concrete futures in a unit, and gives the others as they were `known` before. `known` is all that
/// was measured last, or what was left of it.
pub(super) fn split(unit: &mut ReadUnit, origin: &UnitId, known: Option<&ReadUnit>) -> Option<ReadUnit> {
    let concrete: HashSet<Arc<str>> = unit
        .futures
        .iter()
        .filter(|future| future.arguments.is_empty())
        .filter_map(|future| future.body.as_ref())
        .filter(|body| body.origin == *origin && stands_in_its_text(unit, body))
        .map(|body| body.def_path.clone())
        .collect();
    let is_concrete = |future: &Future| {
        let body = future.body.as_ref().filter(|body| body.origin == *origin);
        future.arguments.is_empty() && body.is_some_and(|body| concrete.contains(&body.def_path))
    };
    unit.futures.retain(|future| is_concrete(future));
    let there: HashSet<Arc<str>> = unit.bodies.iter().map(|body| body.def_path.clone()).collect();
    let bodies = unit.bodies.iter().filter(|body| concrete.contains(&body.def_path)).cloned();
    unit.bodies = Arc::new(Bodies::new(bodies.collect()));
    let known = known?;
    let before = before(origin);
    let is_left = |body: &&Arc<Body>| !concrete.contains(&body.def_path) && there.contains(&body.def_path);
    let moved = |body: &Arc<Body>| match body.origin == before {
        true => body.clone(),
        false => Arc::new(Body { origin: before.clone(), ..(**body).clone() }),
    };
    let bodies: HashMap<Arc<str>, Arc<Body>> =
        known.bodies.iter().filter(is_left).map(|body| (body.def_path.clone(), moved(body))).collect();
    let left = |future: &Arc<Future>| match &future.body {
        Some(body) if body.origin == *origin || body.origin == before => {
            let body = bodies.get(&body.def_path)?.clone();
            Some(Arc::new(Future { body: Some(body), ..(**future).clone() }))
        }
        // Of another crate: which of them there are, only the run that finds all tells.
        _ => Some(future.clone()),
    };
    let futures = known.futures.iter().filter_map(left).collect();
    Some(ReadUnit {
        stamp: STAMP,
        name: known.name.clone(),
        language: known.language.clone(),
        is_library: known.is_library,
        dir: known.dir.clone(),
        bodies: Arc::new(Bodies::new(bodies.into_values().collect())),
        futures,
        allocations: known.allocations.clone(),
        files: known.files.clone(),
        other_words: known.other_words.clone(),
        places: known.places.clone(),
        dumps: HashMap::new(),
        unread: HashSet::new(),
        declared: HashSet::new(),
        own: HashSet::new(),
        drift: Vec::new(),
    })
}

/// Is a body where its own text is? Of one that a macro made only the run that finds all tells whether it is
/// still there.
fn stands_in_its_text(unit: &ReadUnit, body: &Body) -> bool {
    let stands = || {
        let (place, span) = (unit.places.get(&body.def_path)?, body.span.as_ref()?);
        let outline = unit.files.get(&place.file).filter(|_| place.file == span.file)?;
        Some(outline.is_at(place.site, outline.range(span)?))
    };
    stands().unwrap_or(false)
}
