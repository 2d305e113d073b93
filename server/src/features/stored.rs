//! The futures stored inside a future, level by level.

use super::report::relative;
use super::snapshot::{Placed, Snapshot};
use crate::dump::{Span, absolute};
use crate::layout::whatif::Embedded;
use crate::layout::{Future, Held, HeldKind};
use crate::render::size::exact;
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

impl Nested {
    /// See [`Node::own`].
    pub fn own(&self) -> u64 {
        let inside = self.children.iter().map(|child| child.node.size.saturating_sub(child.node.shared));
        self.node.size.saturating_sub(inside.fold(0, u64::saturating_add))
    }
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
    let mut children: Vec<((u64, u64), Nested)> = Vec::new();
    let mut seen: Vec<&Held> = Vec::new();
    for held in future.states.iter().flat_map(|state| &state.held) {
        let mut stored = futures_in(future, held);
        // What is larger than its place is behind a pointer there.
        stored.retain(|stored| {
            snapshot.future_for(stored.id, future).is_none_or(|placed| placed.future.size <= held.size)
        });
        let same = |other: &&Held| {
            (other.kind, &other.name, &other.declared, other.offset, other.size, &other.future)
                == (held.kind, &held.name, &held.declared, held.offset, held.size, &held.future)
        };
        if stored.is_empty() || seen.iter().any(same) {
            continue;
        }
        seen.push(held);
        let held_at = held.declared.as_ref().and_then(|span| at_line(snapshot, placed, span));
        let mut inner = |stored: &Stored<'_>, depth: usize| -> Nested {
            let known = snapshot.future_for(stored.id, future);
            let is_above = above.iter().any(|id| **id == *stored.id);
            let shown = known.filter(|_| depth > 0 && *nodes < MOST_NODES && !is_above);
            let Some(shown) = shown else {
                let ty = known.map(|placed| &*placed.future.ty).or(stored.ty).unwrap_or(stored.id);
                let name = short_type(ty, NAME_WIDTH);
                let at = snapshot.version_of(stored.id).map(str::to_owned);
                let node = Node { name, size: stored.size, at, ..Node::default() };
                return Nested { id: known.map(|known| known.future.id.clone()), node, children: Vec::new() };
            };
            above.push(stored.id.to_owned());
            let nested = below(snapshot, shown, depth - 1, above, nodes);
            above.pop();
            nested
        };
        let child = match &stored[..] {
            [only] => {
                let mut child = inner(only, depth);
                // A wrapper (`Timeout<…>`) is larger than the future in it.
                let wrapper =
                    (child.node.size < held.size).then(|| format!("{} B with its wrapper", exact(held.size)));
                child.node.note = [note(held), wrapper].into_iter().flatten().reduce(join);
                child.node.size = child.node.size.max(held.size);
                child.node.held_at = held_at;
                child
            }
            // A tuple, say.
            several => {
                let mut inside: Vec<Nested> =
                    several.iter().map(|stored| inner(stored, depth.saturating_sub(1))).collect();
                inside.sort_by_key(|nested| std::cmp::Reverse(nested.node.size));
                let fit = inside.iter().map(|nested| nested.node.size).fold(0u64, u64::saturating_add);
                if fit > held.size {
                    // One of them at a time: an enum.
                    for nested in inside.iter_mut().skip(1) {
                        nested.node.shared = nested.node.size;
                        nested.node.note = Some("shares its bytes".to_owned());
                    }
                }
                let ty = held.ty.as_deref().unwrap_or(&held.name);
                let (name, note) = (short_type(ty, NAME_WIDTH), note(held));
                let node = Node { name, size: held.size, held_at, note, ..Node::default() };
                Nested { id: None, node, children: inside }
            }
        };
        children.push(((held.offset, held.end()), child));
    }
    share(&mut children);
    let node = Node { name: short_type(&future.ty, NAME_WIDTH), size: future.size, at, ..Node::default() };
    let children = children.into_iter().map(|(_, child)| child).collect();
    Nested { id: Some(future.id.clone()), node, children }
}

/// Says of each how many of its bytes a larger one has, in another state.
fn share(children: &mut [((u64, u64), Nested)]) {
    children.sort_by_key(|(range, child)| (std::cmp::Reverse(child.node.size), *range));
    let mut taken: Vec<(u64, u64)> = Vec::new();
    for (range, child) in children {
        let free = free(*range, &taken);
        let shared = child.node.size.saturating_sub(free);
        if shared > 0 {
            let what = match shared == child.node.size {
                true => "shares its bytes".to_owned(),
                false => format!("shares {} B", exact(shared)),
            };
            child.node.note = [child.node.note.take(), Some(what)].into_iter().flatten().reduce(join);
        }
        child.node.shared = shared;
        taken.push(*range);
        taken.sort_unstable();
    }
}

/// The bytes of a range that none of the others has; these are in order.
fn free((start, end): (u64, u64), taken: &[(u64, u64)]) -> u64 {
    let (mut free, mut at) = (0u64, start);
    for (from, to) in taken {
        free = free.saturating_add((*from).min(end).saturating_sub(at));
        at = at.max(*to);
    }
    free.saturating_add(end.saturating_sub(at))
}

/// A future in something held.
struct Stored<'a> {
    id: &'a str,
    /// Bytes.
    size: u64,
    /// The type of what is held, if it is nothing else.
    ty: Option<&'a str>,
}

/// The futures that something held has in it, in place.
fn futures_in<'a>(future: &'a Future, held: &'a Held) -> Vec<Stored<'a>> {
    let part = match held.kind {
        HeldKind::Upvar => {
            let upvars = future.states.upvars();
            let at = upvars.iter().position(|upvar| (&upvar.name, upvar.offset) == (&held.name, held.offset));
            at.and_then(|at| future.parts.upvars.get(at))
        }
        _ => held.saved.and_then(|saved| future.parts.saved.get(saved as usize)?.as_ref()),
    };
    let embedded = part.map_or(&[][..], |part| &part.embedded);
    match (embedded, &held.future) {
        // Sizes that do not fit would be another type's.
        ([_, _, ..], _) if embedded.iter().all(|embedded| embedded.size <= held.size) => {
            let stored = |embedded: &'a Embedded| Stored { id: &embedded.id, size: embedded.size, ty: None };
            embedded.iter().map(stored).collect()
        }
        (_, Some(id)) => vec![Stored { id, size: held.size, ty: held.ty.as_deref() }],
        ([only], None) => vec![Stored { id: &only.id, size: only.size, ty: None }],
        _ => Vec::new(),
    }
}

fn join(note: String, more: String) -> String {
    format!("{note}, {more}")
}

/// Where it is kept if that is not where it is awaited.
fn note(held: &Held) -> Option<String> {
    let what = match held.kind {
        HeldKind::Awaitee => return held.copy_of.as_ref().map(|of| format!("moved here from `{of}`")),
        HeldKind::Local if held.is_made_of_branches() => return Some("polled together".to_owned()),
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
