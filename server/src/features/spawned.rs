//! Calls in the source that hand a future to an executor, and which future.

use super::snapshot::Snapshot;
use crate::layout::Future;
use crate::source::{Argument, Spawn, TextSize};
use std::sync::Arc;

/// The futures that a call hands over: instances of one body, largest first. `at_block` gives those of the block that begins
/// somewhere in the same text. None if the text does not tell.
pub fn futures_of<'a>(
    snapshot: &'a Snapshot,
    spawn: &Spawn,
    at_block: impl FnOnce(TextSize) -> Vec<&'a Arc<Future>>,
) -> Vec<&'a Arc<Future>> {
    match &spawn.argument {
        Argument::Block(at) => at_block(*at),
        Argument::Call(name) => called(snapshot, name),
    }
}

/// The futures of the fn that is called by this last name: instances of one body, largest first. None of several fns of one
/// name: nobody knows which is meant.
pub fn called<'a>(snapshot: &'a Snapshot, name: &str) -> Vec<&'a Arc<Future>> {
    let all = snapshot.futures(false).map(|placed| &placed.future);
    let named: Vec<&Arc<Future>> = all.filter(|future| last_name(future) == name).collect();
    let path = |future: &Arc<Future>| future.body.as_ref().map(|body| body.def_path.clone());
    match named.split_first() {
        Some((first, rest)) if rest.iter().all(|other| path(other) == path(first)) => named,
        _ => Vec::new(),
    }
}

/// What a fn is called without the path in front.
pub fn last_name(future: &Future) -> &str {
    future.name.rsplit("::").next().unwrap_or(&future.name)
}
