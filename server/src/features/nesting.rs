//! The futures stored inside a future, level by level.

use super::report::relative;
use super::snapshot::{Placed, Snapshot};
use crate::dump::Span;
use crate::layout::{Held, HeldKind};
use crate::render::{Node, short_type};
use std::path::Path;

/// Columns for a type.
const NAME_WIDTH: usize = 60;

/// A tree wider than this is cut: a generic tower doubles with every level.
const MOST_NODES: usize = 2_000;

/// The tree below a future, `depth` levels deep.
pub fn tree(snapshot: &Snapshot, root: &Placed, depth: usize) -> Node {
    let mut nodes = 0;
    let mut above = vec![root.future.id.to_string()];
    node(snapshot, root, depth, &mut above, &mut nodes)
}

fn node(
    snapshot: &Snapshot,
    placed: &Placed,
    depth: usize,
    above: &mut Vec<String>,
    nodes: &mut usize,
) -> Node {
    *nodes += 1;
    let future = &placed.future;
    let at = match &placed.location {
        Some(location) => Some(format!("{}:{}", relative(&snapshot.root, &location.file), location.at.line)),
        None => snapshot.version_of(&future.id).map(str::to_owned),
    };
    let mut children = Vec::new();
    let mut seen: Vec<(&Held, &str)> = Vec::new();
    for held in future.states.iter().flat_map(|state| &state.held) {
        let Some(id) = &held.future else { continue };
        let same = |(other, _): &&(&Held, &str)| {
            (other.kind, &other.name, &other.declared) == (held.kind, &held.name, &held.declared)
        };
        if seen.iter().any(|other| same(&other) && other.1 == &**id) || above.contains(&id.to_string()) {
            continue;
        }
        seen.push((held, id));
        let held_at = held.declared.as_ref().and_then(|span| at_line(snapshot, placed, span));
        let note = note(held);
        let inner = snapshot.future(id).filter(|_| depth > 0 && *nodes < MOST_NODES);
        children.push(match inner {
            Some(inner) => {
                above.push(id.to_string());
                let inner = node(snapshot, inner, depth - 1, above, nodes);
                above.pop();
                // A wrapper (`Timeout<…>`) is larger than the future in it.
                let wraps = inner.size < held.size;
                let note =
                    if wraps { Some(join(note, format!("{} B with its wrapper", held.size))) } else { note };
                Node { held_at, note, size: held.size.max(inner.size), ..inner }
            }
            None => Node {
                name: short_type(held.ty.as_deref().unwrap_or(&held.name), NAME_WIDTH),
                size: held.size,
                at: snapshot.version_of(id).map(str::to_owned),
                held_at,
                children: Vec::new(),
                note,
            },
        });
    }
    Node {
        name: short_type(&future.ty, NAME_WIDTH),
        size: future.size,
        at,
        held_at: None,
        children,
        note: None,
    }
}

fn join(note: Option<String>, more: String) -> String {
    note.map_or(more.clone(), |note| format!("{note}, {more}"))
}

/// Where it is kept if that is not where it is awaited.
fn note(held: &Held) -> Option<String> {
    let what = match held.kind {
        HeldKind::Awaitee => return held.copy_of.as_ref().map(|of| format!("moved here from `{of}`")),
        HeldKind::Upvar => "argument or capture",
        HeldKind::Temporary => "temporary",
        HeldKind::Local | HeldKind::Flag => "local",
    };
    Some(match &held.copy_of {
        Some(of) => format!("{what} `{}`, a copy of `{of}`", held.name),
        None if held.kind == HeldKind::Temporary => what.to_owned(),
        None => format!("{what} `{}`", held.name),
    })
}

fn at_line(snapshot: &Snapshot, placed: &Placed, span: &Span) -> Option<String> {
    let file = relative(&snapshot.root, &placed.dir.join(&*span.file));
    (!Path::new(&file).is_absolute()).then(|| format!("{file}:{}", span.start.line))
}
