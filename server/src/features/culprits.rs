//! Which things held cost most where memory is taken: what would go, at tasks, boxes and outermost futures, if a thing took
//! nothing where it is held. One thing is often seen through many futures.

use super::report::{SCHEMA, relative};
use super::snapshot::{Placed, Snapshot};
use super::tasks::{self, Place};
use crate::dump::absolute;
use crate::layout::whatif::{self, Change, Prediction, Storage};
use crate::layout::{Allocation, Future, Held, HeldKind};
use crate::render::size::{count, exact};
use crate::render::{one_line, short_type};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// Columns for a type.
const TYPE_WIDTH: usize = 60;

/// Smaller things are nobody's worry, in bytes.
const LEAST: u64 = 64;

/// One thing held, and what it costs.
#[derive(Debug, Clone, Serialize)]
pub struct Culprit<'a> {
    /// The variable, as the user wrote it; for what is awaited the expression is at `at`.
    pub name: &'a str,
    /// What it is.
    pub kind: HeldKind,
    /// Its type, where the dumps name it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub ty: Option<&'a str>,
    /// Bytes it takes.
    pub size: u64,
    /// The future that holds it, as [`Future::name`]: the largest, if there are several instances.
    pub held_in: &'a str,
    /// That future's identity.
    pub future: &'a str,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// Why it is held, in words; absent where the dumps do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many futures would be smaller without it, the one that holds it among them.
    pub futures: usize,
    /// How many allocations would be.
    pub tasks: usize,
    /// Bytes that would go in all of these allocations together, and in outermost futures that are in none: one of each.
    pub saves: u64,
    /// The most that would go in one of them.
    pub saves_each: u64,
    /// The compiler's algorithm gives all of these futures as they are, so the numbers are certain.
    pub exact: bool,
}

/// `culprits --format json`.
#[derive(Debug, Serialize)]
pub struct CulpritReport<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `rustc -vV`'s first line.
    pub compiler: &'a str,
    /// The cargo profile.
    pub profile: &'a str,
    /// The triple that was measured for.
    pub target: &'a str,
    /// What was not measured since it does not compile, as cargo calls it; absent if there is nothing of that kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The worst first.
    pub culprits: &'a [Culprit<'a>],
}

impl<'a> CulpritReport<'a> {
    /// Of these.
    pub fn new(snapshot: &'a Snapshot, culprits: &'a [Culprit<'a>], missing: Vec<String>) -> Self {
        let Snapshot { compiler, profile, target, .. } = snapshot;
        CulpritReport { schema: SCHEMA, compiler, profile, target, missing, culprits }
    }
}

/// The list for people: what, where, and what it costs.
///
/// ```text
/// buffer: [u8; 65536], src/client.rs:66
///     27 futures, 9 tasks, 65,520 B each: 589,680 B
///     held in client::copy
/// ```
pub fn table(culprits: &[Culprit<'_>]) -> String {
    let mut out = String::new();
    for culprit in culprits {
        let what = match (culprit.kind, culprit.ty) {
            (HeldKind::Local | HeldKind::Upvar, Some(ty)) => {
                format!("{}: {}", culprit.name, short_type(ty, TYPE_WIDTH))
            }
            (HeldKind::Local | HeldKind::Upvar, None) => culprit.name.to_owned(),
            (kind, Some(ty)) => format!("{} {}", kind.name(), short_type(ty, TYPE_WIDTH)),
            (kind, None) => kind.name().to_owned(),
        };
        let at = culprit.at.as_ref().map(|at| format!(", {}:{}", at.file, at.line)).unwrap_or_default();
        let _ = writeln!(out, "{}", one_line(&format!("{what}{at}")));
        let about = if culprit.exact { "" } else { "≈ " };
        let each = match culprit.saves == culprit.saves_each {
            true => format!("{about}{} B", exact(culprit.saves)),
            false => format!(
                "at most {} B each, {about}{} B in all",
                exact(culprit.saves_each),
                exact(culprit.saves)
            ),
        };
        let (futures, tasks) = (count(culprit.futures, "future"), count(culprit.tasks, "allocation"));
        let _ = writeln!(out, "    {futures}, {tasks}, {each}");
        let _ = writeln!(out, "    held in {}\n", one_line(culprit.held_in));
    }
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Something held in the futures of one body: a stored local, or a capture with the local that it is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Saved(u32),
    Upvar(u32),
}

/// The `most` things of the workspace that cost most, the worst first.
pub fn culprits(snapshot: &Snapshot, most: usize) -> Vec<Culprit<'_>> {
    let futures: Vec<Arc<Future>> = snapshot.shared_futures();
    let storage = Storage::new(&futures);
    let roots = Roots::new(snapshot, &storage);
    let mut things: BTreeMap<(&str, Thing), Vec<&Placed>> = BTreeMap::new();
    for placed in snapshot.futures(false) {
        let Some(body) = &placed.future.body else { continue };
        for thing in things_of(&placed.future) {
            things.entry((&*body.def_path, thing)).or_default().push(placed);
        }
    }
    let mut weights: HashMap<&str, u64> = HashMap::new();
    let mut open: Vec<(u64, Thing, Vec<&Placed>)> = Vec::new();
    for ((_, thing), all) in things {
        // No more can go than it takes, wherever memory is taken with it inside.
        let mut bound = 0u64;
        for placed in &all {
            let future: &Future = &placed.future;
            let weight = weights.entry(&future.id).or_insert_with(|| roots.weight(&future.id, &storage));
            bound = bound.saturating_add(size_of(future, thing).saturating_mul(*weight));
        }
        open.push((bound, thing, all));
    }
    open.sort_by_key(|(bound, ..)| std::cmp::Reverse(*bound));
    let mut found: Vec<Culprit<'_>> = Vec::new();
    for (bound, thing, all) in open {
        // None of the rest can be worse than what was found.
        let worst_left = most.checked_sub(1).and_then(|last| found.get(last)).map_or(0, |last| last.saves);
        if bound <= worst_left {
            break;
        }
        let Some(culprit) = culprit(snapshot, &storage, &roots, thing, &all) else { continue };
        let at = found.partition_point(|other| other.saves >= culprit.saves);
        found.insert(at, culprit);
        found.truncate(most);
    }
    found
}

/// What a thing costs; `all` are the futures of one body that hold it, largest first. None if nothing would go.
fn culprit<'a>(
    snapshot: &'a Snapshot,
    storage: &Storage<'_, Arc<Future>>,
    roots: &Roots<'a>,
    thing: Thing,
    all: &[&'a Placed],
) -> Option<Culprit<'a>> {
    let first = *all.first()?;
    let mut saved = Saved { exact: true, ..Saved::default() };
    for placed in all {
        let future = &*placed.future;
        let Some(new) = whatif::predict(future, &without(future, thing)) else {
            saved.exact = false;
            continue;
        };
        if new.size >= future.size {
            continue;
        }
        roots.add(&future.id, future.size, new, &mut saved);
        for changed in storage.propagate(&future.id, new) {
            roots.add(&changed.id, changed.old, changed.new, &mut saved);
        }
    }
    if saved.bytes == 0 {
        return None;
    }
    let held = held(&first.future, thing)?;
    let at = held.declared.as_ref().map(|span| Place {
        file: relative(&snapshot.root, &absolute(&first.dir, &span.file)),
        line: span.start.line,
        column: span.start.col,
    });
    Some(Culprit {
        name: &held.name,
        kind: held.kind,
        ty: held.ty.as_deref(),
        size: size_of(&first.future, thing),
        held_in: &first.future.name,
        future: &first.future.id,
        at,
        why: None,
        futures: saved.futures.len(),
        tasks: saved.tasks,
        saves: saved.bytes,
        saves_each: saved.most,
        exact: saved.exact,
    })
}

/// What would go.
#[derive(Default)]
struct Saved {
    bytes: u64,
    most: u64,
    tasks: usize,
    futures: HashSet<Arc<str>>,
    exact: bool,
}

/// Where memory is taken.
struct Roots<'a> {
    /// By the future that is in it.
    allocations: HashMap<Arc<str>, Vec<&'a Allocation>>,
    /// Futures that nothing stores, and that are in no allocation: on a stack, or in what uses this crate.
    outermost: HashSet<Arc<str>>,
}

impl<'a> Roots<'a> {
    fn new(snapshot: &'a Snapshot, storage: &Storage<'_, Arc<Future>>) -> Self {
        let mut allocations: HashMap<Arc<str>, Vec<&Allocation>> = HashMap::new();
        for (_, allocation) in snapshot.allocations() {
            if let ([only], true) = (&allocation.futures[..], tasks::is_made(snapshot, allocation)) {
                allocations.entry(only.id.clone()).or_default().push(allocation);
            }
        }
        let futures = snapshot.futures(false).map(|placed| &placed.future.id);
        let is_outermost =
            |id: &&Arc<str>| !allocations.contains_key(*id) && storage.callers(id).next().is_none();
        let outermost = futures.filter(is_outermost).cloned().collect();
        Roots { allocations, outermost }
    }

    /// How often memory is taken for a future or one that stores it, one of each.
    fn weight(&self, id: &str, storage: &Storage<'_, Arc<Future>>) -> u64 {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut open = vec![id];
        let mut weight = 0u64;
        while let Some(id) = open.pop() {
            let counts = self.allocations.get(id).into_iter().flatten().map(|allocation| allocation.places());
            weight = counts.fold(weight, u64::saturating_add);
            weight = weight.saturating_add(u64::from(self.outermost.contains(id)));
            open.extend(storage.callers(id).map(|caller| &*caller.id).filter(|id| seen.insert(id)));
        }
        weight
    }

    /// Adds what goes if a future becomes smaller.
    fn add(&self, id: &Arc<str>, old: u64, new: Prediction, saved: &mut Saved) {
        saved.futures.insert(id.clone());
        saved.exact &= new.exact;
        let mut add = |bytes: u64| {
            saved.bytes = saved.bytes.saturating_add(bytes);
            saved.most = saved.most.max(bytes);
        };
        for allocation in self.allocations.get(id).into_iter().flatten() {
            let becomes = allocation.resized(id, new);
            add(becomes.map_or(0, |becomes| allocation.size.saturating_sub(becomes.size)));
            saved.exact &= becomes.is_some_and(|becomes| becomes.exact);
            saved.tasks += 1;
        }
        if self.outermost.contains(id) {
            add(old.saturating_sub(new.size));
        }
    }
}

/// The thing takes nothing.
fn without(future: &Future, thing: Thing) -> Vec<Change> {
    let local = |saved| Change::Resize { saved, size: 0, align: 1 };
    match thing {
        Thing::Saved(saved) => vec![local(saved)],
        Thing::Upvar(upvar) => {
            let copies = copies(future, upvar).into_iter().map(local);
            copies.chain([Change::ResizeUpvar { upvar, size: 0, align: 1 }]).collect()
        }
    }
}

/// The large things that a future holds and that are no futures of the workspace: what these hold is told of them.
fn things_of(future: &Future) -> Vec<Thing> {
    let is_own = |part: &whatif::Part| part.embedded.is_empty();
    let saved = future.parts.saved.iter().zip(0u32..);
    let saved =
        saved.filter(|(part, _)| part.as_ref().is_some_and(|part| part.size >= LEAST && is_own(part)));
    let upvars = future.parts.upvars.iter().zip(0u32..);
    let upvars = upvars.filter(|(part, _)| part.size >= LEAST && is_own(part));
    let copies: HashSet<u32> = upvars.clone().flat_map(|(_, index)| copies(future, index)).collect();
    let saved = saved.map(|(_, index)| index).filter(|index| !copies.contains(index));
    upvars.map(|(_, index)| Thing::Upvar(index)).chain(saved.map(Thing::Saved)).collect()
}

/// The stored locals that a capture is used as.
fn copies(future: &Future, upvar: u32) -> Vec<u32> {
    let Some(upvar) = future.states.upvars().get(upvar as usize) else { return Vec::new() };
    let held = future.states.iter().flat_map(|state| state.held.iter());
    let is_copy =
        |held: &&Held| held.kind == HeldKind::Local && held.name == upvar.name && held.size == upvar.size;
    let mut found: Vec<u32> = held.filter(is_copy).filter_map(|held| held.saved).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Bytes, with copies.
fn size_of(future: &Future, thing: Thing) -> u64 {
    match thing {
        Thing::Saved(index) => {
            let part = future.parts.saved.get(index as usize).and_then(Option::as_ref);
            part.map_or(0, |part| part.size)
        }
        Thing::Upvar(index) => {
            let size = future.parts.upvars.get(index as usize).map_or(0, |part| part.size);
            size.saturating_mul(1 + copies(future, index).len() as u64)
        }
    }
}

/// The thing as it is shown: where it is held.
fn held(future: &Future, thing: Thing) -> Option<&Held> {
    match thing {
        Thing::Saved(index) => {
            let mut all = future.states.iter().flat_map(|state| &state.held);
            all.find(|held| held.saved == Some(index))
        }
        Thing::Upvar(index) => future.states.upvars().get(index as usize),
    }
}
