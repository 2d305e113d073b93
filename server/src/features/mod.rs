//! What the user sees, computed from a [`Snapshot`] and a text. Pure: nothing here touches the disk, a
//! compiler or an editor. One file each.

pub mod actions;
pub mod breakdown;
pub mod budget;
pub mod cache_line;
pub mod called;
pub mod check;
pub mod current_text;
pub mod diagnostics;
pub mod drift;
pub mod explain;
pub mod find;
pub mod growth;
pub mod hints;
pub mod hover;
pub mod language;
pub mod layout;
pub mod merge;
pub mod overview;
pub mod record;
pub mod report;
pub mod sites;
pub mod snapshot;
pub mod stored;
pub mod unused_budgets;
pub mod webpage;

pub use snapshot::Snapshot;
