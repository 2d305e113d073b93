//! Diagnostics: what is worth a remark about a file's futures. One function each below.

use super::breakdown::stored_twice;
use super::hints::{HintSettings, called, largest_things, size_label};
use super::sites::{MeasuredSite, sites};
use super::snapshot::{FileView, Snapshot};
use super::spawned;
use crate::layout::{Future, HeldKind};
use crate::render::short_type;
use crate::render::size::{exact, in_full, short};
use crate::source::{Outline, TextRange, spawns};

/// A remark about a place in the current text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which remark.
    pub code: Code,
    /// Where, in the current text.
    pub range: TextRange,
    /// One sentence or two.
    pub message: String,
    /// What is to blame, in the same file.
    pub related: Vec<(TextRange, String)>,
}

/// The remarks there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The future is larger than its budget.
    OverBudget,
    /// An argument is stored twice.
    StoredTwice,
    /// tokio moves the future to the heap when it is spawned.
    BoxedByTokio,
    /// No remark: the size itself, where hints cannot say it.
    Size,
}

impl Code {
    /// All that find fault.
    pub const FAULTS: [Code; 3] = [Code::OverBudget, Code::StoredTwice, Code::BoxedByTokio];

    /// As shown beside the message.
    pub fn name(self) -> &'static str {
        match self {
            Code::OverBudget => "over-budget",
            Code::StoredTwice => "stored-twice",
            Code::BoxedByTokio => "boxed-by-tokio",
            Code::Size => "size",
        }
    }

    /// A page that says more.
    pub fn url(self) -> Option<&'static str> {
        Some(match self {
            Code::OverBudget => "https://rust-lang.github.io/rust-clippy/master/index.html#large_futures",
            Code::StoredTwice => "https://github.com/rust-lang/rust/issues/62958",
            Code::BoxedByTokio => "https://github.com/tokio-rs/tokio/blob/master/tokio/src/runtime/mod.rs",
            Code::Size => return None,
        })
    }
}

/// Arguments up to this many bytes may be stored twice without a word.
pub const SMALL_ARGUMENT: u64 = 256;

/// All remarks about a file. `budget` (bytes) holds where the manifests say nothing.
pub fn diagnostics(
    snapshot: &Snapshot,
    views: &[FileView],
    text: &Outline,
    budget: Option<u64>,
) -> Vec<Diagnostic> {
    let sites = sites(views, text);
    let mut found = Vec::new();
    // A remark about a number that may be wrong by now would only confuse.
    for site in sites.iter().filter(|site| !site.standing.is_stale()) {
        found.extend(over_budget(snapshot, site, budget));
        found.extend(arguments_stored_twice(site));
    }
    found.extend(boxed_by_tokio(snapshot, &sites, text));
    found.sort_by_key(|diagnostic| diagnostic.range.start());
    found
}

/// The size of every future of a file: its hint, on its name.
pub fn sizes(views: &[FileView], text: &Outline, settings: &HintSettings) -> Vec<Diagnostic> {
    let said = sites(views, text).into_iter().filter_map(|site| {
        let message = size_label(&site, settings)?;
        Some(Diagnostic { code: Code::Size, range: name_of(&site), message, related: Vec::new() })
    });
    said.collect()
}

fn name_of(site: &MeasuredSite<'_>) -> TextRange {
    site.site().name.unwrap_or(site.site().token)
}

/// ```text
/// async fn large() { … }      `large` is 16.0 KiB, 12.0 KiB over its budget of 4.0 KiB
///          ~~~~~
/// ```
fn over_budget(snapshot: &Snapshot, site: &MeasuredSite<'_>, default: Option<u64>) -> Option<Diagnostic> {
    let future = site.outermost().next()?;
    let budget = snapshot.budgets.of(future, default)?;
    let over = future.size.checked_sub(budget).filter(|&over| over > 0)?;
    let mut message = format!(
        "the future of `{}` takes {}, {} over its budget of {}",
        future.name,
        in_full(future.size),
        exact(over),
        exact(budget)
    );
    if !future.arguments.is_empty() {
        let arguments = future.arguments.iter();
        let arguments: Vec<String> =
            arguments.map(|(name, ty)| format!("{name} = {}", short_type(ty, 40))).collect();
        message.push_str(&format!(" (with {})", arguments.join(", ")));
    }
    Some(Diagnostic {
        code: Code::OverBudget,
        range: name_of(site),
        message,
        related: culprits(site, future),
    })
}

/// The declarations of the largest things held.
fn culprits(site: &MeasuredSite<'_>, future: &Future) -> Vec<(TextRange, String)> {
    let things = largest_things(future, 3).into_iter();
    let worth = things.filter(|held| held.size >= future.size.div_ceil(10));
    worth
        .filter_map(|held| {
            let range = site.range(held.declared.as_ref()?)?;
            let what = match held.kind {
                HeldKind::Awaitee => "this awaited future takes",
                HeldKind::Temporary => "this temporary takes",
                _ => return Some((range, format!("`{}` takes {}", called(held), short(held.size)))),
            };
            Some((range, format!("{what} {}", short(held.size))))
        })
        .collect()
}

/// ```text
/// async fn f(x: [u8; 8192]) { g().await; drop(x) }    `x` is stored twice in the future
///            ~
/// ```
fn arguments_stored_twice(site: &MeasuredSite<'_>) -> Vec<Diagnostic> {
    let Some(future) = site.outermost().next() else { return Vec::new() };
    let is_argument = |name: &str| future.states.upvars().iter().any(|upvar| *upvar.name == *name);
    stored_twice(future)
        .into_iter()
        .filter(|twice| twice.copy.size > SMALL_ARGUMENT && is_argument(&twice.copy.of))
        .filter_map(|twice| {
            let range = site.range(twice.held.declared.as_ref()?)?;
            let again = match twice.held.kind {
                HeldKind::Local if twice.copy.path.is_empty() => "as the variable used after an await",
                HeldKind::Awaitee => "in what is awaited here",
                _ => "in what it was moved into",
            };
            let message = format!(
                "`{}` is stored twice in the future of `{}`: as the argument it came in and {again}, {} bytes each",
                twice.copy.of,
                future.name,
                exact(twice.copy.size)
            );
            Some(Diagnostic { code: Code::StoredTwice, range, message, related: Vec::new() })
        })
        .collect()
}

/// ```text
/// tokio::spawn(async move { … })      this future takes 20.0 KiB: tokio will box it
///        ~~~~~
/// ```
///
/// tokio's own rule (`BOX_FUTURE_THRESHOLD` in `tokio/src/runtime/mod.rs`): above 16 KiB in builds without
/// debug assertions, above 2 KiB with them. That this tokio has it, the compiler's output shows: it made
/// the task type for the boxed future too.
fn boxed_by_tokio(snapshot: &Snapshot, sites: &[MeasuredSite<'_>], text: &Outline) -> Vec<Diagnostic> {
    let found = spawns(text.text()).into_iter().filter_map(|spawn| {
        let at_block = |at| {
            let mut there =
                sites.iter().filter(|site| site.site().token.start() == at && !site.standing.is_stale());
            there.next().map(|site| site.outermost().collect()).unwrap_or_default()
        };
        let futures = spawned::futures_of(snapshot, &spawn, at_block);
        let (future, threshold) = futures.into_iter().find_map(|future| {
            let threshold =
                snapshot.boxes_when_large(&future.id).filter(|threshold| threshold.executor == "tokio")?;
            Some((future, threshold.most(snapshot.debug_assertions)))
        })?;
        if future.size <= threshold {
            return None;
        }
        Some(Diagnostic {
            code: Code::BoxedByTokio,
            range: spawn.name,
            message: format!(
                "this future takes {} bytes: tokio boxes futures above {} bytes when they are spawned, after \
                 they were moved over the stack",
                exact(future.size),
                exact(threshold)
            ),
            related: Vec::new(),
        })
    });
    found.collect()
}
