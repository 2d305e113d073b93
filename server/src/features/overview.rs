//! All futures of a workspace for a view in an editor, one short entry each. How a place is written is the
//! caller's affair.

use super::current_text::{CurrentTexts, Spot};
use super::snapshot::{Placed, Snapshot};
use crate::layout::{Future, FutureKind};
use serde::Serialize;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

/// Sizes by package and [`Future::id`](crate::layout::Future::id).
pub type Sizes = HashMap<(Arc<str>, Arc<str>), u64>;

/// One future. `L` is a place in the source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FutureSummary<'a, L> {
    /// Survives line moves.
    pub id: &'a str,
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
    /// Bytes.
    pub size: u64,
    /// Cache lines it touches at least.
    pub cache_lines: Option<u64>,
    /// The fn's name, or the token that makes the future.
    pub location: Option<L>,
    /// Bytes it may take.
    pub budget: Option<u64>,
    /// It takes more.
    pub over_budget: bool,
    /// The size in the measurement before, if that was another.
    pub before: Option<u64>,
    /// The number is not that of the current text.
    pub stale: bool,
}

/// What is needed to know besides the snapshot.
pub struct Circumstances<'a> {
    /// Bytes of a cache line; none where cache lines are not shown.
    pub cache_line: Option<NonZeroU64>,
    /// Bytes a future may take where the manifests say nothing.
    pub budget: Option<u64>,
    /// The measurement before.
    pub before: &'a Sizes,
}

/// The futures of the workspace, largest first.
pub fn overview<'a, L>(
    current: &CurrentTexts<'a>,
    circumstances: &Circumstances<'_>,
    location: &dyn Fn(Spot<'a>) -> L,
) -> Vec<FutureSummary<'a, L>> {
    let Circumstances { cache_line, budget, before } = circumstances;
    let entry = |placed: &'a Placed| {
        let future = &placed.future;
        let budget = current.snapshot.budgets.of(future, *budget);
        FutureSummary {
            id: &future.id,
            name: &future.name,
            kind: future.kind,
            krate: &future.krate,
            package: &future.package,
            unit: &future.unit,
            size: future.size,
            cache_lines: cache_line.map(|line| future.cache_lines(line)),
            location: current.home(placed).map(|home| location(home.spot())),
            budget,
            over_budget: budget.is_some_and(|budget| future.size > budget),
            before: before.get(&name_of(future)).copied().filter(|&before| before != future.size),
            stale: current.standing(placed).is_stale(),
        }
    };
    current.snapshot.futures(false).map(entry).collect()
}

/// The sizes of all futures of the workspace.
pub fn sizes(snapshot: &Snapshot) -> Sizes {
    // Of futures with the same identity the largest counts, here as everywhere.
    let mut sizes = Sizes::new();
    for placed in snapshot.futures(false) {
        sizes.entry(name_of(&placed.future)).or_insert(placed.future.size);
    }
    sizes
}

fn name_of(future: &Future) -> (Arc<str>, Arc<str>) {
    (future.package.clone(), future.id.clone())
}
