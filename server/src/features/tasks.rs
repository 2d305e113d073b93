//! Where memory is really taken for futures: the tasks of executors, boxes, static pools. What an `async fn` takes counts
//! there, and nowhere else.

use super::report::{SCHEMA, relative};
use super::snapshot::{Placed, Snapshot};
use super::spawned;
use crate::dump::LineCol;
use crate::layout::{Allocation, Count, Future, Made};
use crate::render::size::{count as counted, exact};
use crate::render::{one_line, short_type};
use crate::source::spawns;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Columns for a type that stands in place of a name.
const NAME_WIDTH: usize = 60;

/// How many futures are looked at for one that the user wrote.
const MOST_INSIDE: usize = 1_000;

/// `report --tasks --format json`.
#[derive(Debug, Serialize)]
pub struct TaskReport<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `rustc -vV`'s first line.
    pub compiler: &'a str,
    /// The cargo profile.
    pub profile: &'a str,
    /// The triples that were measured, in the user's order.
    pub targets: Vec<&'a str>,
    /// What was not measured since it does not compile, as cargo calls it; absent if there is nothing of that kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Largest first.
    pub tasks: Vec<Task<'a>>,
}

/// One allocation, as a report has it. Lines and columns are one-based, paths relative to the workspace's root with forward
/// slashes.
#[derive(Debug, Serialize)]
pub struct Task<'a> {
    /// What makes it: `tokio task`, `embassy task pool`, `Box`, …
    pub made_by: &'static str,
    /// The future of the workspace that it is for, as [`Future::name`].
    pub name: &'a str,
    /// That future's identity.
    pub future: &'a str,
    /// Bytes of that future.
    pub future_size: u64,
    /// Bytes of the allocation as the compiler prints them; of each, if `count` is absent. What an allocator adds is not in
    /// it.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// So many futures are beside each other in it. Absent if only the running program knows how many there are: a `Vec`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// There from the start, in the binary's own memory.
    #[serde(rename = "static")]
    pub is_static: bool,
    /// An executor polls it on its own.
    pub is_task: bool,
    /// It has no more of the future than a pointer to it: that is boxed, and an allocation of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub points_to: bool,
    /// The executor boxes futures of more than so many bytes, and that is why this is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boxed_above: Option<u64>,
    /// The readable type of what is in it.
    #[serde(rename = "type")]
    pub ty: &'a str,
    /// The package of the unit.
    pub package: &'a str,
    /// The unit that was compiled: `lib`, `bin NAME`, …
    pub unit: &'a str,
    /// The triple that was measured for.
    pub target: &'a str,
    /// Where it is made: calls that hand the future to an executor; where the future is written, if no such call is found.
    pub places: Vec<Place>,
    /// Are these calls?
    pub is_spawned_there: bool,
}

/// A place in the source.
#[derive(Debug, Clone, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Relative to the workspace's root.
    pub file: String,
    /// One-based.
    pub line: u32,
    /// One-based, in characters.
    pub column: u32,
}

/// One report of what was measured for several targets, in this order. None without any.
pub fn task_report<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> Option<TaskReport<'a>> {
    let snapshots: Vec<&Snapshot> = snapshots.collect();
    let first = snapshots.first()?;
    let mut all: Vec<Task<'_>> = snapshots.iter().flat_map(|snapshot| tasks(snapshot)).collect();
    all.sort_by_key(|task| std::cmp::Reverse(task.size));
    Some(TaskReport {
        schema: SCHEMA,
        compiler: &first.compiler,
        profile: &first.profile,
        targets: snapshots.iter().map(|snapshot| &*snapshot.target).collect(),
        missing: Vec::new(),
        tasks: all,
    })
}

/// All allocations with a future of the workspace in them, largest first.
pub fn tasks(snapshot: &Snapshot) -> Vec<Task<'_>> {
    let calls = spawn_calls(snapshot);
    let mut found = Vec::new();
    for (origin, allocation) in snapshot.allocations() {
        let Some(root) = root(snapshot, allocation) else { continue };
        if !is_made(snapshot, allocation) {
            continue;
        }
        let future = &*root.future;
        // What is static stands where its task is written.
        let is_handed_over =
            allocation.maker.is_task() && !allocation.maker.is_static() || allocation.made != Made::Always;
        let calls = calls.get(&future.id).filter(|_| is_handed_over);
        let own = || root.location.iter().map(|at| place(snapshot, &at.file, at.at)).collect();
        let [package, unit] = snapshot.unit_name(origin).unwrap_or([&future.package, &future.unit]);
        found.push(Task {
            made_by: allocation.maker.name(),
            name: &future.name,
            future: &future.id,
            future_size: future.size,
            size: allocation.size,
            align: allocation.align,
            count: match allocation.count {
                Count::Known(count) => Some(count),
                Count::Unknown => None,
            },
            is_static: allocation.maker.is_static(),
            is_task: allocation.maker.is_task(),
            points_to: allocation.futures.is_empty(),
            boxed_above: match allocation.made {
                Made::IfLarge(threshold) => Some(threshold.most(snapshot.debug_assertions)),
                _ => None,
            },
            ty: &allocation.ty,
            package,
            unit,
            target: &snapshot.target,
            places: calls.cloned().unwrap_or_else(own),
            is_spawned_there: calls.is_some(),
        });
    }
    found
}

/// Executors decide by the size of what they are given. That is the whole future, with its wrappers; they are given
/// the boxed one, if it is larger than their threshold.
pub(super) fn is_made(snapshot: &Snapshot, allocation: &Allocation) -> bool {
    let of_pointed_to = || {
        let id = allocation.pointed_to.first()?;
        Some(snapshot.future(id)?.future.size)
    };
    let size = allocation.futures.first().map(|future| future.size).or_else(of_pointed_to);
    size.is_none_or(|size| allocation.made.is_made(size, snapshot.debug_assertions))
}

/// The future of the workspace that an allocation is for: what is in it, or the first in that which the user wrote.
fn root<'a>(snapshot: &'a Snapshot, allocation: &Allocation) -> Option<&'a Placed> {
    let ids = allocation.futures.iter().map(|future| &future.id).chain(&allocation.pointed_to);
    let mut queue: Vec<&Arc<str>> = ids.collect();
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    let mut at = 0;
    let mut next: Vec<Arc<str>> = queue.drain(..).cloned().collect();
    while let Some(id) = next.get(at).cloned().filter(|_| at < MOST_INSIDE) {
        at += 1;
        let Some(placed) = snapshot.future(&id) else { continue };
        if placed.location.is_some() || placed.is_own {
            return Some(placed);
        }
        let held = placed
            .future
            .states
            .iter()
            .flat_map(|state| state.held.iter().filter_map(|held| held.future.clone()));
        next.extend(held.filter(|id| seen.insert(id.clone())).collect::<Vec<_>>());
    }
    None
}

/// Where each future, by identity, is handed to an executor.
fn spawn_calls(snapshot: &Snapshot) -> HashMap<Arc<str>, Vec<Place>> {
    let mut calls: BTreeMap<(PathBuf, Place), Vec<&Arc<Future>>> = BTreeMap::new();
    for (file, views) in snapshot.files() {
        for view in views {
            for spawn in spawns(view.outline.text()) {
                let at_block = |at| {
                    let sites = view.sites.iter();
                    let mut there =
                        sites.filter(|(site, _)| view.outline.sites()[**site].token.start() == at);
                    there.next().map(|(_, site)| site.futures.iter().collect()).unwrap_or_default()
                };
                let futures = spawned::futures_of(snapshot, &spawn, at_block);
                let at = place(snapshot, file, view.outline.line_col(spawn.name.start()));
                calls.entry((file.to_owned(), at)).or_default().extend(futures);
            }
        }
    }
    let mut by_future: HashMap<Arc<str>, Vec<Place>> = HashMap::new();
    for ((_, at), futures) in calls {
        for future in futures {
            let places = by_future.entry(future.id.clone()).or_default();
            if places.last() != Some(&at) {
                places.push(at.clone());
            }
        }
    }
    by_future
}

fn place(snapshot: &Snapshot, file: &std::path::Path, at: LineCol) -> Place {
    Place { file: relative(&snapshot.root, file), line: at.line, column: at.col }
}

/// The table for people.
///
/// ```text
///    bytes   future  made by               where             name
///   31,296    3,896  embassy task pool ×8  src/main.rs:81:1  web
/// ```
pub fn table(tasks: &[Task<'_>]) -> String {
    let mut out = String::new();
    if tasks.is_empty() {
        return out;
    }
    let rows: Vec<[String; 5]> = tasks.iter().map(row).collect();
    let heading = ["bytes", "future", "made by", "where", "name"].map(str::to_owned);
    let width = |column: usize| {
        let all = rows.iter().chain([&heading]).map(|row| row[column].chars().count());
        all.max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    for row in std::iter::once(&heading).chain(&rows) {
        let [bytes, future, made_by, at, name] = row;
        let [a, b, c, d] = widths;
        let _ = writeln!(out, "{bytes:>a$}  {future:>b$}  {made_by:<c$}  {at:<d$}  {name}");
    }
    for (unit, (bytes, count)) in static_bytes(tasks) {
        let _ = writeln!(out, "\n{unit}: {} B static in {}", exact(bytes), counted(count, "task"));
    }
    out
}

/// Bytes of all that is there from the start, and how many allocations that is, by package and unit.
pub fn static_bytes(tasks: &[Task<'_>]) -> BTreeMap<String, (u64, usize)> {
    let mut sums: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.is_static) {
        let sum = sums.entry(format!("{} {}", task.package, task.unit)).or_default();
        *sum = (sum.0.saturating_add(task.size), sum.1 + 1);
    }
    sums
}

fn row(task: &Task<'_>) -> [String; 5] {
    let bytes = match task.count {
        Some(_) => exact(task.size),
        None => format!("{} each", exact(task.size)),
    };
    let made_by = match (task.count, task.boxed_above, task.points_to) {
        (Some(count), ..) if count != 1 => format!("{} ×{count}", task.made_by),
        (_, Some(most), false) => format!("{}, as above {} B", task.made_by, exact(most)),
        (_, _, true) => format!("{} of a box", task.made_by),
        _ => task.made_by.to_owned(),
    };
    let at = match task.places.split_first() {
        Some((first, rest)) => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            one_line(&format!("{}:{}:{}{more}", first.file, first.line, first.column))
        }
        None => String::new(),
    };
    let name = match task.name.is_empty() {
        true => short_type(task.ty, NAME_WIDTH),
        false => one_line(task.name),
    };
    [bytes, exact(task.future_size), made_by, at, name]
}
