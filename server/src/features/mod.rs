//! What the user sees, computed from a [`Snapshot`] and a text. Pure: nothing here touches the disk, a
//! compiler or an editor. One file each.
//!
//! `snapshot` is everything measured, placed in its text; `current_text` and `sites` find it in the current one. `actions/`
//! are edits that may make a future smaller, with a prediction. `called` tells what people call a future, and `find` which
//! one a name means. `record` reads an earlier measurement (a report or a baseline), `growth` compares two, `check` is what
//! fails one. `tasks` are the futures that memory is taken for. `drift` says what a compiler printed that is not read.

pub mod actions;
pub mod breakdown;
pub mod budget;
pub mod cache_line;
pub mod called;
pub mod check;
pub mod culprits;
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
pub mod spawned;
pub mod stored;
pub mod tasks;
pub mod unused_budgets;
pub mod webpage;

pub use snapshot::Snapshot;
