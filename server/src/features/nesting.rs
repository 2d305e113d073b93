//! The futures stored inside a future, level by level.

use super::report::relative;
use super::snapshot::{Placed, Snapshot};
use crate::dump::{Span, absolute};
use crate::layout::{Held, HeldKind};
use crate::render::{Node, short_type};
use std::path::Path;
use std::sync::Arc;

/// Columns for a type.
const NAME_WIDTH: usize = 60;

/// A tree wider than this is cut: a generic tower doubles with every level.
const MOST_NODES: usize = 2_000;

/// A future and the futures that are stored in it.
#[derive(Debug, Clone)]
pub struct Nested {
    /// Its identity, if it was measured.
    pub id: Option<Arc<str>>,
    /// What is drawn of it; without children.
    pub node: Node,
    /// The futures it stores, in any state.
    pub children: Vec<Nested>,
}

impl From<Nested> for Node {
    fn from(nested: Nested) -> Node {
        Node { children: nested.children.into_iter().map(Node::from).collect(), ..nested.node }
    }
}

/// The tree below a future, `depth` levels deep, to be drawn.
pub fn tree(snapshot: &Snapshot, root: &Placed, depth: usize) -> Node {
    nested(snapshot, root, depth).into()
}

/// The tree below a future, `depth` levels deep.
pub fn nested(snapshot: &Snapshot, root: &Placed, depth: usize) -> Nested {
    let mut nodes = 0;
    let mut above = vec![root.future.id.to_string()];
    below(snapshot, root, depth, &mut above, &mut nodes)
}

fn below(
    snapshot: &Snapshot,
    placed: &Placed,
    depth: usize,
    above: &mut Vec<String>,
    nodes: &mut usize,
) -> Nested {
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
        let known = snapshot.future(id);
        let inner = known.filter(|_| depth > 0 && *nodes < MOST_NODES);
        children.push(match inner {
            Some(inner) => {
                above.push(id.to_string());
                let Nested { node, id: inner_id, children } = below(snapshot, inner, depth - 1, above, nodes);
                above.pop();
                // A wrapper (`Timeout<…>`) is larger than the future in it.
                let wraps = node.size < held.size;
                let note =
                    if wraps { Some(join(note, format!("{} B with its wrapper", held.size))) } else { note };
                let node = Node { held_at, note, size: held.size.max(node.size), ..node };
                Nested { id: inner_id, node, children }
            }
            None => Nested {
                id: known.map(|placed| placed.future.id.clone()),
                node: Node {
                    name: short_type(held.ty.as_deref().unwrap_or(&held.name), NAME_WIDTH),
                    size: held.size,
                    at: snapshot.version_of(id).map(str::to_owned),
                    held_at,
                    children: Vec::new(),
                    note,
                },
                children: Vec::new(),
            },
        });
    }
    let node = Node {
        name: short_type(&future.ty, NAME_WIDTH),
        size: future.size,
        at,
        held_at: None,
        children: Vec::new(),
        note: None,
    };
    Nested { id: Some(future.id.clone()), node, children }
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
    let file = relative(&snapshot.root, &absolute(&placed.dir, &span.file));
    (!Path::new(&file).is_absolute()).then(|| format!("{file}:{}", span.start.line))
}
