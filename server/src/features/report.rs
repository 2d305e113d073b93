//! The table of all futures: as JSON for programs, as text for people.

use super::breakdown::duplicated;
use super::called::matches;
use super::drift::Drift;
use super::snapshot::{Placed, Snapshot};
use crate::dump::{Span, absolute};
use crate::layout::{Branch, Bytes, FutureKind, Held, HeldKind, Usage, Why, needs};
use crate::render::one_line;
use crate::render::size;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::path::Path;

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// `report --format json`. Lines and columns are one-based, sizes in bytes, paths relative to the
/// workspace's root with forward slashes.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `rustc -vV`'s first line.
    pub compiler: &'a str,
    /// The cargo profile.
    pub profile: &'a str,
    /// The triple; if several were measured, all of them with commas between, and each future names its own.
    pub target: Cow<'a, str>,
    /// What was not measured since it does not compile, as cargo calls it; absent if there is nothing of that kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What the compiler printed in a way that this version does not read; absent if there is nothing of that kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// Largest first; one entry per instance.
    pub futures: Vec<FutureEntry<'a>>,
}

/// One future.
#[derive(Debug, Serialize)]
pub struct FutureEntry<'a> {
    /// Path of the fn or block.
    pub name: &'a str,
    /// What it is in the source.
    pub kind: FutureKind,
    /// The crate its body is in.
    #[serde(rename = "crate")]
    pub krate: &'a str,
    /// The package of the unit. Two packages may have units of one name.
    pub package: &'a str,
    /// The unit that was compiled: `lib`, `bin NAME`, …
    pub unit: &'a str,
    /// The triple, if the report is of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<&'a str>,
    /// As plain `-Zprint-type-sizes` names it.
    #[serde(rename = "type")]
    pub ty: &'a str,
    /// Survives line moves.
    pub id: &'a str,
    /// Absent for futures of other crates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Of the `async` keyword, or of the macro that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// See `line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Lines of 64 bytes (or as configured) it touches at least. Absent where cache lines are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_lines: Option<u64>,
    /// Bytes of the tag. Absent, as are the next two, if there are no states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discriminant: Option<u64>,
    /// Bytes that no state uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<u64>,
    /// Bytes of things that are stored a second time. Absent also if it is not known why things are held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<u64>,
    /// Captures and arguments.
    pub upvars: Vec<UpvarEntry<'a>>,
    /// In the compiler's order. Empty if what was printed of them is not understood, see [`Report::drift`].
    pub states: Vec<StateEntry<'a>>,
}

/// A capture.
#[derive(Debug, Serialize)]
pub struct UpvarEntry<'a> {
    /// The variable.
    pub name: &'a str,
    /// See [`HeldEntry::written`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<&'a str>,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub offset: u64,
}

/// A state.
#[derive(Debug, Serialize)]
pub struct StateEntry<'a> {
    /// `Suspend0`, …
    pub name: &'a str,
    /// Bytes as the compiler prints them: up to the end of the last local, without the discriminant's.
    pub size: u64,
    /// Bytes of the holes before and between the things held, as the compiler prints them.
    pub padding: u64,
    /// What all bytes of the future are there for in this state: they add up to [`FutureEntry::size`].
    pub bytes: Bytes,
    /// What the future would take if it held nothing but captures and what this state holds: those with most decide
    /// its size. Absent for states that nobody waits in, and if the compiler's algorithm does not give its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<u64>,
    /// Where it waits; absent for `Unresumed`, `Returned` and `Panicked`.
    #[serde(rename = "await", skip_serializing_if = "Option::is_none")]
    pub awaiting: Option<PositionEntry>,
    /// By offset.
    pub held: Vec<HeldEntry<'a>>,
    /// The futures that what it awaits polls together: arms of `select!`, arguments of `join!`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<BranchEntry<'a>>,
}

/// One of several futures that are polled together.
#[derive(Debug, Serialize)]
pub struct BranchEntry<'a> {
    /// Readable type.
    #[serde(rename = "type")]
    pub ty: &'a str,
    /// Bytes, where the compiler printed them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The future in it, by identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future: Option<&'a str>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<PositionEntry>,
    /// Only a reference to it is handed over: it was stored before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lent: bool,
}

/// A place in the source.
#[derive(Debug, Serialize)]
pub struct PositionEntry {
    /// See [`FutureEntry::file`].
    pub file: String,
    /// One-based.
    pub line: u32,
    /// One-based, in characters.
    pub column: u32,
}

/// A thing held.
#[derive(Debug, Serialize)]
pub struct HeldEntry<'a> {
    /// The variable, or the compiler's name for it.
    pub name: &'a str,
    /// What the user calls it, if that is another name: `self` for `_ref__self`, `x.a` for `x__a`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<&'a str>,
    /// What it is.
    pub kind: HeldKind,
    /// Absent where the dumps do not name it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub ty: Option<&'a str>,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub offset: u64,
    /// Where it is declared; in `file` if that is not the future's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The declaration's file if it is another one than the future's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The variable its value was moved or copied from, if that is stored too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<&'a str>,
    /// The identity of the future it is, if that was measured, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future: Option<&'a str>,
    /// Absent where the dumps do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<WhyEntry<'a>>,
}

/// Why a thing is held.
#[derive(Debug, Default, Serialize)]
pub struct WhyEntry<'a> {
    /// `awaited`, `used-later`, `dropped`, `overwritten`, `borrowed`, `drop-flag`, `capture` or `temporary`.
    pub reason: &'static str,
    /// Where it is used, dropped or overwritten; where its scope ends if it is only `borrowed`; where the
    /// expression that a `temporary` is part of begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The file of `line` if it is another one than the future's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Only the next iteration of a loop uses it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub next_iteration: bool,
    /// The reference to it that is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<&'a str>,
    /// The line of the borrow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borrowed_line: Option<u32>,
    /// The line where it was moved out of before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_line: Option<u32>,
    /// The variable that a drop flag is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<&'a str>,
    /// The variable that a capture is stored in again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_again_as: Option<&'a str>,
    /// What happens to a temporary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<Box<WhyEntry<'a>>>,
}

/// `path`: from a span to the file's path, if it is not the future's own file.
fn why<'a>(why: &'a Why, path: &dyn Fn(&Span) -> Option<String>) -> WhyEntry<'a> {
    let at = |reason, span: Option<&Span>| WhyEntry {
        reason,
        line: span.map(|span| span.start.line),
        file: span.and_then(path),
        ..WhyEntry::default()
    };
    match why {
        Why::Awaited => at("awaited", None),
        Why::Polled => at("polled", None),
        Why::Lent { at: span } => at("lent", span.as_ref()),
        Why::UsedLater { at: span, next_iteration, through } => WhyEntry {
            next_iteration: *next_iteration,
            through: through.as_deref(),
            ..at("used-later", Some(span))
        },
        Why::Dropped { at: span, overwritten: false } => at("dropped", span.as_ref()),
        Why::Dropped { at: span, overwritten: true } => at("overwritten", span.as_ref()),
        Why::Borrowed { at: borrowed, until, moved } => WhyEntry {
            borrowed_line: borrowed.as_ref().map(|span| span.start.line),
            moved_line: moved.as_ref().map(|span| span.start.line),
            ..at("borrowed", until.as_ref())
        },
        Why::DropFlag { of, at: span } => WhyEntry { of: of.as_deref(), ..at("drop-flag", span.as_ref()) },
        Why::Capture { stored_again_as } => {
            WhyEntry { stored_again_as: stored_again_as.as_deref(), ..at("capture", None) }
        }
        Why::Temporary { of, then } => WhyEntry {
            then: then.as_deref().map(|then| Box::new(self::why(then, path))),
            ..at("temporary", of.as_ref())
        },
    }
}

/// What the report is sorted by, largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Bytes.
    #[default]
    Size,
    /// Bytes that no state uses.
    Padding,
    /// Bytes stored a second time.
    Duplicated,
}

/// What goes into the report.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The futures of dependencies too.
    pub all: bool,
    /// Bytes of a cache line; none where cache lines are not shown.
    pub cache_line: Option<NonZeroU64>,
    /// Order.
    pub sort: Sort,
    /// Only futures whose name or file holds this text; with `*` it must cover the whole of it.
    pub filter: Option<String>,
    /// Find out what each state needs, too: [`StateEntry::needs`]. It takes longer than all the rest.
    pub needs: bool,
}

/// Makes the report.
pub fn report<'a>(snapshot: &'a Snapshot, choice: &Choice) -> Report<'a> {
    let entries = snapshot.futures(choice.all).map(|placed| entry(snapshot, placed, choice));
    let mut futures: Vec<FutureEntry<'_>> = entries.filter(|entry| choice.takes(entry)).collect();
    choice.sort(&mut futures);
    Report {
        schema: SCHEMA,
        compiler: &snapshot.compiler,
        profile: &snapshot.profile,
        target: snapshot.target.as_str().into(),
        missing: Vec::new(),
        drift: snapshot.drift(),
        futures,
    }
}

/// Makes one report of what was measured for several targets, in this order. None without any.
pub fn report_of_all<'a>(
    snapshots: impl Iterator<Item = &'a Snapshot>,
    choice: &dyn Fn(&Snapshot) -> Choice,
) -> Option<Report<'a>> {
    let mut all = Vec::new();
    let mut last = None;
    for snapshot in snapshots {
        let choice = last.insert(choice(snapshot));
        let mut report = report(snapshot, choice);
        report.futures.iter_mut().for_each(|entry| entry.target = Some(&snapshot.target));
        all.push(report);
    }
    let mut joined = all.pop()?;
    if all.is_empty() {
        joined.futures.iter_mut().for_each(|entry| entry.target = None);
        return Some(joined);
    }
    let targets: Vec<&str> = all.iter().chain([&joined]).map(|one| &*one.target).collect();
    joined.target = targets.join(", ").into();
    let mut futures = Vec::new();
    for one in &mut all {
        joined
            .drift
            .extend(one.drift.drain(..).filter(|drift| !joined.drift.contains(drift)).collect::<Vec<_>>());
        futures.append(&mut one.futures);
    }
    futures.append(&mut joined.futures);
    futures.sort_by_key(|entry| std::cmp::Reverse(entry.size));
    last?.sort(&mut futures);
    Some(Report { futures, ..joined })
}

impl Choice {
    /// Sorts what is sorted by size. Stable: futures of equal worth stay so.
    fn sort(&self, futures: &mut [FutureEntry<'_>]) {
        match self.sort {
            Sort::Size => {}
            Sort::Padding => futures.sort_by_key(|entry| std::cmp::Reverse(entry.padding)),
            Sort::Duplicated => futures.sort_by_key(|entry| std::cmp::Reverse(entry.duplicated)),
        }
    }

    fn takes(&self, entry: &FutureEntry<'_>) -> bool {
        let Some(filter) = &self.filter else { return true };
        let fits = |text: &str| match filter.contains('*') {
            true => matches(filter, text),
            false => text.contains(&**filter),
        };
        fits(entry.name) || entry.file.as_deref().is_some_and(fits)
    }
}

/// What the compiler calls it, and what the user does if that is another name.
fn names(held: &Held) -> (&str, Option<&str>) {
    match &held.printed {
        Some(printed) => (printed, Some(&held.name)),
        None => (&held.name, None),
    }
}

fn entry<'a>(snapshot: &Snapshot, placed: &'a Placed, choice: &Choice) -> FutureEntry<'a> {
    let future = &*placed.future;
    let has_states = !future.states.is_empty();
    let is_traced = has_states && future.body.as_ref().map_or(!placed.is_own, |body| !body.unread.code);
    let usage = Usage::of(future);
    let needs = if choice.needs { needs(future) } else { Vec::new() };
    let path = |file: &Path| relative(&snapshot.root, file);
    let file = placed.location.as_ref().map(|location| path(&location.file));
    let held = |held: &'a Held| {
        let declared = held.declared.as_ref();
        let elsewhere = |span: &Span| {
            Some(path(&absolute(&placed.dir, &span.file))).filter(|path| Some(path) != file.as_ref())
        };
        let (name, written) = names(held);
        HeldEntry {
            name,
            written,
            kind: held.kind,
            ty: held.ty.as_deref(),
            size: held.size,
            offset: held.offset,
            line: declared.map(|span| span.start.line),
            file: declared.and_then(elsewhere),
            copy_of: held.copy_of.as_deref(),
            future: held.future.as_deref(),
            why: held.why.as_ref().map(|held| why(held, &elsewhere)),
        }
    };
    let position = |span: &Span| PositionEntry {
        file: path(&absolute(&placed.dir, &span.file)),
        line: span.start.line,
        column: span.start.col,
    };
    let branch = |branch: &'a Branch| BranchEntry {
        ty: &branch.ty,
        size: branch.size,
        future: branch.future.as_deref(),
        at: branch.at.as_ref().map(position),
        lent: branch.is_lent,
    };
    FutureEntry {
        name: &future.name,
        kind: future.kind,
        krate: &future.krate,
        package: &future.package,
        unit: &future.unit,
        target: None,
        ty: &future.ty,
        id: &future.id,
        line: placed.location.as_ref().map(|location| location.at.line),
        column: placed.location.as_ref().map(|location| location.at.col),
        size: future.size,
        align: future.align,
        cache_lines: choice.cache_line.map(|line| future.cache_lines(line)),
        discriminant: has_states.then_some(future.discriminant),
        padding: has_states.then(|| usage.padding()),
        duplicated: is_traced.then(|| duplicated(future)),
        upvars: future
            .states
            .upvars()
            .iter()
            .map(|upvar| {
                let (name, written) = names(upvar);
                UpvarEntry { name, written, size: upvar.size, offset: upvar.offset }
            })
            .collect(),
        states: future
            .states
            .iter()
            .enumerate()
            .map(|(index, state)| StateEntry {
                name: &state.name,
                size: state.size,
                padding: state.padding,
                bytes: usage.in_state(state),
                needs: needs.get(index).copied().flatten(),
                awaiting: state.awaiting.as_ref().map(position),
                held: state.held.iter().map(held).collect(),
                branches: state.held.iter().flat_map(|held| &held.branches).map(branch).collect(),
            })
            .collect(),
        file,
    }
}

/// Relative to the workspace with forward slashes; as it is if it lies outside.
pub fn relative(root: &Path, file: &Path) -> String {
    let path = file.strip_prefix(root).unwrap_or(file);
    path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// The report for people: one line a future, largest first.
///
/// ```text
///   bytes  lines  where                kind         name
///    4099     65  src/lib.rs:12:5      async fn     large_future
/// ```
///
/// Sorted by something else than size, that has a column too.
pub fn table(report: &Report<'_>, sort: Sort) -> String {
    let place = |future: &FutureEntry<'_>| match (&future.file, future.line, future.column) {
        (Some(file), Some(line), Some(column)) => one_line(&format!("{file}:{line}:{column}")),
        _ => format!("crate {}", future.krate),
    };
    let places: Vec<String> = report.futures.iter().map(place).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0).max(5);
    let mut out = String::new();
    if report.futures.is_empty() {
        return out;
    }
    let more = match sort {
        Sort::Size => None,
        Sort::Padding => Some("padding"),
        Sort::Duplicated => Some("stored twice"),
    };
    let more_width = more.map_or(0, |more| more.len() + 2);
    let heading = more.unwrap_or_default();
    let targets = report.futures.iter().filter_map(|future| future.target);
    let target_width = targets.map(|target| target.len() + 2).max().unwrap_or(0);
    let target = if target_width == 0 { "" } else { "  target" };
    let has_lines = report.futures.iter().any(|future| future.cache_lines.is_some());
    let column = |text: &str| if has_lines { format!("  {text:>6}") } else { String::new() };
    let _ = writeln!(
        out,
        "{:>8}{}{heading:>more_width$}{target:<target_width$}  {:<width$}  {:<13}  name",
        "bytes",
        column("lines"),
        "where",
        "kind"
    );
    for (future, place) in report.futures.iter().zip(&places) {
        let (kind, name) = (future.kind.name(), one_line(&future.full_name()));
        let size = size::exact(future.size);
        let lines = column(&future.cache_lines.map(size::exact).unwrap_or_default());
        let more = match sort {
            Sort::Size => String::new(),
            Sort::Padding => future.padding.map_or_else(|| "?".to_owned(), size::exact),
            Sort::Duplicated => future.duplicated.map_or_else(|| "?".to_owned(), size::exact),
        };
        let target = future.target.map(|target| format!("  {target}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "{size:>8}{lines}{more:>more_width$}{target:<target_width$}  {place:<width$}  {kind:<13}  {name}"
        );
    }
    out
}

impl FutureEntry<'_> {
    /// With the instance's arguments.
    pub fn full_name(&self) -> String {
        format!("{}{}", self.name, generic_arguments(self.id).unwrap_or_default())
    }
}

/// The `<T = u8>` at the end of an instance's identity.
pub(super) fn generic_arguments(id: &str) -> Option<&str> {
    // `…::{closure#0}<T = u8>`: the body's own path ends in a brace.
    let at = id.find("}<").map(|at| at + 1)?;
    Some(&id[at..])
}
