//! Which values a body drops, in which order, between everything else that can be observed.
//!
//! ```text
//! drop(_5) -> [return: bb3, unwind: bb9];          bb2: drop of the type of `_5`, then bb3, or unwinding bb9
//! _7 = ConstValue(… {look::<u8>})(move _6) -> […]  a call of `look`
//! discriminant(_1) = 3; return;                    a suspension: it goes on where it resumes, or where it is dropped
//! ```
//!
//! Two bodies do the same to their values if whatever one of them can do in a row the other can, too. [`Drops::moved`]
//! compares them so, and says of which values that is not true.

mod instead;
mod observable;
mod same;
mod silent;

use super::assigned::{Operand, Source};
use super::coroutine::{BodyVariant, CoroutineBody, UpvarDebug};
use super::mir::{self, Place};
use super::names::{self, CoroutineName};
use super::type_sizes::AWAITEE;
pub use instead::{Instead, numbered, renumbered};
pub use observable::is_observable;
use observable::{told_by, without_boxes};
use rustc_hash::{FxHashMap, FxHashSet};
use same::same;
pub use silent::Silent;
use std::collections::{BTreeMap, BTreeSet};

/// A value that a body drops: what tells it apart in two texts of one body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    /// The name of its variable; none for a temporary.
    pub name: Option<String>,
    /// Its verbose type, without the boxes around and in it.
    pub ty: String,
    /// The function that made it, for a temporary.
    made_by: Option<String>,
}

/// What a body does that can be observed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Act {
    /// Calls this function, without generic arguments.
    Call(String),
    /// Checks something, and panics otherwise.
    Assert,
    Drop(Value),
    Suspend,
    Return,
    /// A drop flag of this number is set: what it is of has to be dropped, or not. Nobody notices.
    Flag(u32, bool),
}

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Way {
    Goes,
    /// The act before it panicked.
    Unwinds,
    /// The future was dropped while it waited.
    Cancelled,
}

/// Where it goes on, and what a drop flag has to be for that.
#[derive(Debug, Clone, Copy)]
struct Next {
    way: Way,
    to: u32,
    only_if: Option<(u32, bool)>,
}

#[derive(Debug, Default, Clone)]
struct Node {
    acts: Vec<Act>,
    next: Vec<Next>,
}

impl Node {
    fn goes(&mut self, way: Way, to: u32) {
        self.next.push(Next { way, to, only_if: None });
    }
}

/// All that one body does.
#[derive(Debug)]
pub struct Drops {
    /// By block; the first one begins. One more stands for the future that was never polled.
    nodes: Vec<Node>,
}

/// What two bodies do differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Nothing: every value is dropped where it was.
    Nothing,
    /// These values are dropped at another time.
    Values(Vec<Value>),
    /// Nobody can tell: one of the two is not understood.
    Unknown,
}

/// Of more values than this nobody finds out which ones have moved.
const MANY: usize = 64;

/// What the path of an `async fn`'s body ends with, behind the fn's.
const BODY: &str = "::{closure#0}";

/// Functions that an edit may call more or less often, and that nobody notices.
const UNNOTICED: &[&str] = &[
    "Box::new",
    "Box::pin",
    "Pin::new",
    "Pin::new_unchecked",
    "Pin::as_mut",
    "future::get_context",
    "IntoFuture>::into_future",
    "Future>::poll",
    "Deref>::deref",
    "DerefMut>::deref_mut",
    "Box::into_pin",
    "hint::must_use",
    "vec::from_elem",
];

impl Drops {
    /// Reads a dumped body. `None` if it is not understood.
    pub fn parse(text: &str) -> Option<Drops> {
        Self::parse_without(text, &[])
    }

    /// The same as if some futures were not awaited, but there at once: those of these paths, without generic arguments (see
    /// [`Drops::never_waits`]). To drop one that is done does nothing.
    pub fn parse_without(text: &str, at_once: &[String]) -> Option<Drops> {
        let body = CoroutineBody::parse(text)?;
        if body.unread.code || body.unread.layout {
            return None;
        }
        let flags = flags(&body, text);
        let known = Known::new(&body, text);
        let mut nodes: Vec<Node> = Vec::new();
        let mut block = None;
        for line in text.lines() {
            if line.starts_with("    bb") {
                block = mir::block_line(line).map(|(number, _)| number as usize);
                if let Some(number) = block {
                    nodes.resize_with(nodes.len().max(number + 1), Node::default);
                }
                continue;
            }
            let Some(node) = block.and_then(|block| nodes.get_mut(block)) else { continue };
            let Some(code) = statement(line) else { continue };
            let dropped = code.strip_prefix("drop").filter(|rest| rest.starts_with('('));
            if let Some(place) = dropped.and_then(|rest| Some(&rest[1..names::closing(rest)?])) {
                let value = value(&body, place, &known);
                targets(code, node, value.is_none());
                node.acts.extend(value.map(Act::Drop));
            } else if code == "return" || code == "coroutine_drop" {
                node.acts.push(Act::Return);
            } else if code.starts_with("assert(") {
                node.acts.push(Act::Assert);
                targets(code, node, false);
            } else if let Some((place, value)) = set_to_constant(code)
                && let Some(flag) = body.flow.operand_at(place).and_then(|it| flags.get(&it.place).copied())
            {
                node.acts.push(Act::Flag(flag, value));
            } else if let Some(place) = switched(code)
                && let Some(flag) = body.flow.operand_at(place).and_then(|it| flags.get(&it.place).copied())
            {
                let first = node.next.len();
                targets(code, node, false);
                // `[0: bb5, otherwise: bb4]`
                for (next, value) in node.next[first..].iter_mut().zip([false, true]) {
                    next.only_if = Some((flag, value));
                }
            } else if let Some((_, callee)) = call(code) {
                let path = names::skeleton(&callee);
                let is_noticed = !UNNOTICED.iter().any(|it| is_called(&path, it));
                node.acts.extend(is_noticed.then_some(Act::Call(path)));
                targets(code, node, !is_noticed);
            } else if code.contains(" -> ") {
                targets(code, node, false);
            }
        }
        let mut done: Vec<String> = Vec::new();
        for suspension in &body.flow.suspensions {
            let node = nodes.get_mut(suspension.block as usize)?;
            node.acts.retain(|act| *act != Act::Return);
            let state = body.variants.iter().find(|state| state.index == suspension.variant);
            if let Some(done_at_once) = state.and_then(|state| awaited(&body, state, at_once)) {
                // It never gets there.
                done.push(told_by(done_at_once));
                continue;
            }
            node.acts.push(Act::Suspend);
            node.goes(Way::Goes, suspension.resume?);
            // Nothing that it holds may have to be dropped.
            if let Some(dropped) = suspension.dropped {
                node.goes(Way::Cancelled, dropped);
            }
        }
        for node in &mut nodes {
            node.acts.retain(|act| !matches!(act, Act::Drop(value) if done.contains(&value.ty)));
            for act in &mut node.acts {
                // A block in what is a plain fn then is called so.
                if let Act::Drop(value) = act {
                    let within = at_once.iter().filter_map(|path| path.strip_suffix(BODY).zip(Some(path)));
                    for (function, path) in within {
                        value.ty = value.ty.replace(&format!("{path}::{{"), &format!("{function}::{{"));
                    }
                }
            }
        }
        let mut never_polled = Node::default();
        let mut upvars: Vec<_> = body.upvars.iter().collect();
        upvars.sort_by_key(|upvar| upvar.index);
        for upvar in upvars.into_iter().filter(|upvar| is_observable(upvar.ty)) {
            let parts = parts(&body, text, upvar, &known).unwrap_or_else(|| {
                let name = name_at(&body, Place::Upvar(upvar.index), &known);
                vec![Value { name, ty: told_by(upvar.ty), made_by: None }]
            });
            never_polled.acts.extend(parts.into_iter().map(Act::Drop));
        }
        let last = nodes.len() as u32;
        nodes.push(never_polled);
        // In front of everything else.
        let mut first = Node::default();
        first.goes(Way::Goes, 0);
        first.goes(Way::Cancelled, last);
        nodes.push(first);
        let count = nodes.len() as u32;
        nodes.iter().all(|node| node.next.iter().all(|next| next.to < count)).then_some(Drops { nodes })
    }

    /// Forgets which values were made by the fns whose futures were these: what a future gave was made by nobody.
    pub fn without_makers(mut self, at_once: &[String]) -> Drops {
        for act in self.nodes.iter_mut().flat_map(|node| &mut node.acts) {
            if let Act::Drop(value) = act {
                let is_made = |maker: &mut String| at_once.contains(&format!("{maker}{BODY}"));
                value.made_by.take_if(is_made);
            }
        }
        self
    }

    /// Types of captures that have no destructor: a body that has one to its end, and waits before, drops it if there is
    /// something to drop. They are told as those of [`Value::ty`].
    pub fn without_destructor(text: &str) -> Vec<String> {
        let Some(body) = CoroutineBody::parse(text) else { return Vec::new() };
        if body.unread.code || body.unread.layout || body.flow.suspensions.is_empty() {
            return Vec::new();
        }
        let known = Known::new(&body, text);
        let is_moved = |upvar: u32| {
            // An `async fn` begins with `let x = x;` for each argument.
            let own = Place::Upvar(upvar);
            let name = name_at(&body, own, &known);
            let steps = || body.flow.steps.iter().map(|step| (step, body.flow.source(step)));
            let variables: Vec<Place> = steps()
                .filter(|(_, source)| matches!(source, Source::Value(read) if read.place == own && read.is_whole()))
                .filter_map(|(step, _)| body.flow.operand_at(step.left).filter(Operand::is_whole))
                .map(|to| to.place)
                .filter(|to| name.is_some() && name_at(&body, *to, &known) == name)
                .collect();
            let is_own = |read: &Operand<'_>| read.place == own || variables.contains(&read.place);
            let moves = |read: &Operand<'_>| read.is_moved && is_own(read);
            steps().any(|(step, source)| match source {
                Source::Value(read) => {
                    let to = body.flow.operand_at(step.left);
                    moves(&read) && !to.is_some_and(|to| variables.contains(&to.place))
                }
                Source::Cast(read, _) => moves(&read),
                Source::Parts { parts, .. } => parts.iter().flatten().any(moves),
                Source::Call(call) => call.arguments.iter().flatten().any(moves),
                Source::Reference { .. } | Source::Other => false,
            })
        };
        let places = text.lines().filter_map(statement).filter_map(|code| code.strip_prefix("drop"));
        let dropped: Vec<Value> =
            places.filter_map(|place| value(&body, place.get(1..names::closing(place)?)?, &known)).collect();
        // What is dropped without a type may be anything.
        let is_dropped = |ty: &str| dropped.iter().any(|value| value.ty == ty || value.ty.is_empty());
        let kept = body.upvars.iter().filter(|upvar| is_observable(upvar.ty) && !is_moved(upvar.index));
        kept.map(|upvar| told_by(upvar.ty)).filter(|ty| !is_dropped(ty)).collect()
    }

    /// Without the values of these types.
    pub fn without_types(mut self, types: &[String]) -> Drops {
        for node in &mut self.nodes {
            node.acts.retain(|act| !matches!(act, Act::Drop(value) if types.contains(&value.ty)));
        }
        self
    }

    /// The path of a body, without generic arguments, if its future is done as soon as it is polled: it waits for nothing, or
    /// only for what is `at_once` itself. `None` if it is not, or not understood.
    pub fn never_waits(text: &str, at_once: &[String]) -> Option<String> {
        let body = CoroutineBody::parse(text)?;
        let waits = |state: &BodyVariant<'_>| {
            state.name.starts_with("Suspend") && awaited(&body, state, at_once).is_none()
        };
        if body.unread.code || body.unread.layout || body.variants.iter().any(waits) {
            return None;
        }
        let name = CoroutineName::parse(body.self_ty)?;
        Some(names::skeleton(name.path))
    }

    /// For a body as it was, and as it is where a fn borrows an argument. Other futures are told by their paths: what they
    /// capture is part of their types. And arguments do not count that are dropped only where the future was never polled:
    /// of a body that moves none of them that tells that there is nothing to drop, as of what can be copied.
    pub fn where_borrowed(mut self) -> Drops {
        for act in self.nodes.iter_mut().flat_map(|node| &mut node.acts) {
            if let Act::Drop(value) = act
                && let Some(path) = CoroutineName::parse(&value.ty).map(|name| format!("{{{}}}", name.path))
            {
                value.ty = path;
            }
        }
        let Some(never_polled) = self.nodes.len().checked_sub(2) else { return self };
        let others = self.nodes.iter().enumerate().filter(|(at, _)| *at != never_polled);
        let acts = others.flat_map(|(_, node)| &node.acts);
        let dropped = acts.filter_map(|act| if let Act::Drop(value) = act { Some(value) } else { None });
        let dropped: Vec<Value> = dropped.cloned().collect();
        let is_dropped = |value: &Value| dropped.iter().any(|it| it.ty == value.ty || it.name == value.name);
        self.nodes[never_polled].acts.retain(|act| !matches!(act, Act::Drop(value) if !is_dropped(value)));
        self
    }

    /// Does it drop nothing that can be observed?
    pub fn is_empty(&self) -> bool {
        self.values().is_empty()
    }

    /// What it drops once it has been polled, other than what it awaits.
    pub fn besides_awaitee(&self) -> BTreeSet<&Value> {
        // Of the future that was never polled there are blocks, too; no way leads there from the first one.
        let mut reached = vec![false; self.nodes.len()];
        let mut open = vec![0u32];
        while let Some(block) = open.pop() {
            let Some(node) = self.nodes.get(block as usize) else { continue };
            if !std::mem::replace(&mut reached[block as usize], true) {
                open.extend(node.next.iter().map(|next| next.to));
            }
        }
        let polled = self.nodes.iter().zip(reached).filter(|(_, is_reached)| *is_reached);
        let acts = polled.flat_map(|(node, _)| &node.acts);
        let dropped = acts.filter_map(|act| if let Act::Drop(value) = act { Some(value) } else { None });
        let dropped: BTreeSet<&Value> = dropped.collect();
        let is_awaitee = |value: &Value| value.name.as_deref() == Some(AWAITEE);
        let awaited: Vec<&str> =
            dropped.iter().filter(|it| is_awaitee(it)).map(|awaitee| &*awaitee.ty).collect();
        // On its way to where it is awaited it has no name.
        let on_its_way = |value: &Value| value.name.is_none() && awaited.contains(&&*value.ty);
        dropped.into_iter().filter(|value| !is_awaitee(value) && !on_its_way(value)).collect()
    }

    /// Without the values of futures that hold nothing that could be noticed.
    pub fn without(mut self, silent: &Silent<'_>) -> Drops {
        let is_kept = |act: &Act| !matches!(act, Act::Drop(value) if silent.is_silent(&value.ty));
        for node in &mut self.nodes {
            node.acts.retain(is_kept);
            for act in &mut node.acts {
                if let Act::Drop(value) = act
                    && let Some(ty) = silent.without_silent(&value.ty)
                {
                    value.ty = ty;
                }
            }
        }
        self
    }

    /// With the names of another body for values that have others there: where each has one value of a type that the
    /// other one does not know, it is the same value. A macro's variable may have become the user's.
    fn named_as_in(&self, other: &Drops) -> Drops {
        let (own, others) = (self.values(), other.values());
        let alone = |values: &BTreeSet<&Value>, known: &BTreeSet<&Value>, ty: &str| {
            let mut new = values.difference(known).filter(|value| value.ty == ty && !ty.is_empty());
            let first = new.next().map(|value| (*value).clone());
            first.filter(|_| new.next().is_none())
        };
        let mut nodes = self.nodes.clone();
        for act in nodes.iter_mut().flat_map(|node| &mut node.acts) {
            if let Act::Drop(value) = act
                && alone(&own, &others, &value.ty).as_ref() == Some(value)
                && let Some(known) = alone(&others, &own, &value.ty)
            {
                *value = known;
            }
        }
        Drops { nodes }
    }

    fn values(&self) -> BTreeSet<&Value> {
        let acts = self.nodes.iter().flat_map(|node| &node.acts);
        acts.filter_map(|act| if let Act::Drop(value) = act { Some(value) } else { None }).collect()
    }

    /// The values that `after` drops at another time than `before` does: relative to calls, panics, suspensions and the
    /// end, or to each other.
    pub fn moved(before: &Drops, after: &Drops) -> Moved {
        let after = &after.named_as_in(before);
        let values: Vec<&Value> = before.values().union(&after.values()).copied().collect();
        if values.is_empty() {
            return Moved::Nothing;
        }
        let same = |keep: &dyn Fn(&Act) -> bool| same(before, after, keep);
        let without_drops = same(&|act| !matches!(act, Act::Drop(_)));
        // Where an edit calls other functions, the order is told by what is left.
        let is_frame: &dyn Fn(&Act) -> bool = match without_drops {
            None => return Moved::Unknown,
            Some(true) => &|act| !matches!(act, Act::Drop(_)),
            Some(false) => &|act| matches!(act, Act::Suspend | Act::Return),
        };
        let are_same = |these: &[&Value]| {
            same(&|act| match act {
                Act::Drop(value) => these.contains(&value),
                act => is_frame(act),
            })
        };
        match are_same(&values) {
            Some(true) => return Moved::Nothing,
            Some(false) => {}
            None => return Moved::Unknown,
        }
        if values.len() > MANY {
            return Moved::Values(values.into_iter().cloned().collect());
        }
        let alone: Vec<&Value> =
            values.iter().copied().filter(|value| are_same(&[value]) != Some(true)).collect();
        if !alone.is_empty() {
            return Moved::Values(alone.into_iter().cloned().collect());
        }
        // Each is where it was, but not relative to the others.
        let mut moved: FxHashSet<&Value> = FxHashSet::default();
        for (at, one) in values.iter().enumerate() {
            for other in &values[at + 1..] {
                if are_same(&[one, other]) != Some(true) {
                    moved.extend([one, other]);
                }
            }
        }
        let is_one = |value: &&Value| moved.is_empty() || moved.contains(value);
        Moved::Values(values.into_iter().filter(is_one).cloned().collect())
    }
}

/// The type of what a state waits for, if that is a future of one of these paths.
fn awaited<'a>(body: &CoroutineBody<'a>, state: &BodyVariant<'a>, paths: &[String]) -> Option<&'a str> {
    let mut held = state.fields.iter().filter_map(|at| body.saved.get(*at as usize));
    let ty = held.find(|saved| saved.names.contains(&AWAITEE))?.ty?;
    paths.contains(&names::skeleton(CoroutineName::parse(ty)?.path)).then_some(ty)
}

/// The name of the variable at a place. What the compiler makes up for an argument that is taken apart, or that has no
/// name, becomes what an edit calls it that gives it one: `_arg0`.
fn name_at(body: &CoroutineBody<'_>, place: Place, known: &Known<'_>) -> Option<String> {
    let name = match place {
        Place::Saved(saved) => body.saved.get(saved as usize).and_then(|saved| saved.names.first().copied()),
        Place::Upvar(upvar) => body.upvars.iter().find(|it| it.index == upvar).map(|it| it.name),
        Place::Local(local) => {
            body.flow.local_names.iter().find(|(of, _)| *of == local).map(|(_, name)| *name)
        }
    }?;
    let argument = match place {
        Place::Upvar(upvar) => Some(upvar),
        _ => known.arguments.get(&place).copied(),
    };
    match (name, argument) {
        ("_", Some(argument)) => Some(format!("_arg{argument}")),
        _ if name.starts_with("__arg") => Some(name[1..].to_owned()),
        _ => Some(name.to_owned()),
    }
}

/// The parts that an argument has, in order, where the body takes it apart by a pattern: dropped as a whole, it drops
/// those, since it has no destructor of its own then. Only what can be observed; none if it is not taken apart.
fn parts(
    body: &CoroutineBody<'_>,
    text: &str,
    upvar: &UpvarDebug<'_>,
    known: &Known<'_>,
) -> Option<Vec<Value>> {
    if !upvar.name.starts_with("__arg") {
        return None;
    }
    let mut is_taken_apart = false;
    let flow = &body.flow;
    let mut places = vec![Place::Upvar(upvar.index)];
    let mut parts: BTreeMap<Vec<u32>, Value> = BTreeMap::new();
    for step in &flow.steps {
        let (Some(written), Source::Value(read)) = (flow.written(step), flow.source(step)) else { continue };
        if !places.contains(&read.place) || read.is_behind || read.is_element {
            continue;
        }
        if read.path.is_empty() && written.is_whole() && read.is_moved {
            places.push(written.place);
            continue;
        }
        is_taken_apart |= !read.path.is_empty();
        if let Some(ty) = read.ty.filter(|ty| is_observable(ty))
            && let Some(name) = name_at(body, written.place, known)
        {
            parts.insert(read.path, Value { name: Some(name), ty: told_by(ty), made_by: None });
        }
    }
    for place in text.lines().filter_map(statement).filter_map(|code| code.strip_prefix("drop")) {
        let Some(place) = names::closing(place).and_then(|end| place.get(1..end)) else { continue };
        let operand = body.flow.operand_at(place);
        let Some(operand) = operand.filter(|it| places.contains(&it.place) && !it.is_behind) else {
            continue;
        };
        match value(body, place, known) {
            // Whole, where it is not that of a future that was never polled: it may have a destructor of its own.
            Some(_) if operand.is_whole() && !matches!(operand.place, Place::Upvar(_)) => return None,
            Some(value) if !operand.path.is_empty() => _ = parts.entry(operand.path).or_insert(value),
            _ => {}
        }
    }
    is_taken_apart.then(|| parts.into_values().collect())
}

/// A statement's code, without `;` and comment.
fn statement(line: &str) -> Option<&str> {
    let code = line.strip_prefix("        ").filter(|code| !code.starts_with(' '))?;
    match mir::split_comment(line) {
        Some(parts) => Some(parts.code),
        None => code.trim_end().strip_suffix(';'),
    }
}

/// `PLACE` and the value of `PLACE = const true`.
fn set_to_constant(code: &str) -> Option<(&str, bool)> {
    let (place, value) = code.split_once(" = const ")?;
    match value {
        "false" | "ConstValue(Scalar(0x00): bool)" => Some((place, false)),
        "true" | "ConstValue(Scalar(0x01): bool)" => Some((place, true)),
        _ => None,
    }
}

/// `PLACE` of `switchInt(copy PLACE) -> …`
fn switched(code: &str) -> Option<&str> {
    let inside = code.strip_prefix("switchInt(")?;
    let place = &inside[..inside.find(") -> ")?];
    place.strip_prefix("copy ").or_else(|| place.strip_prefix("move "))
}

/// Drop flags: places without a name that are only ever set to constants. They have numbers below 64.
fn flags(body: &CoroutineBody<'_>, text: &str) -> FxHashMap<Place, u32> {
    let statements = || text.lines().filter_map(statement);
    let place = |text| body.flow.operand_at(text).filter(|operand| operand.is_whole()).map(|it| it.place);
    let is_named = |place: &Place| match place {
        Place::Saved(saved) => body.saved.get(*saved as usize).is_none_or(|saved| !saved.names.is_empty()),
        Place::Local(local) => body.flow.local_names.iter().any(|(of, _)| of == local),
        Place::Upvar(_) => true,
    };
    let set = statements().filter_map(set_to_constant).filter_map(|(text, _)| place(text));
    let mut found: BTreeSet<Place> = set.filter(|place| !is_named(place)).collect();
    for code in statements() {
        let Some((left, right)) = code.split_once(" = ") else { continue };
        if set_to_constant(code).is_none()
            && let Some(place) = place(left)
        {
            found.remove(&place);
        }
        // Somebody could change it.
        if let Some(place) =
            right.strip_prefix('&').and_then(|of| place(of.rsplit_once("} ").map_or(of, |it| it.1)))
        {
            found.remove(&place);
        }
    }
    found.into_iter().take(64).zip(0..).collect()
}

/// Types of the locals whose declarations are there, by number.
fn local_types(text: &str) -> FxHashMap<u32, &str> {
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("let "));
    let declared = lines.filter_map(|line| {
        let (local, rest) = line.trim_start_matches("mut ").strip_prefix('_')?.split_once(": ")?;
        let declaration = rest.rsplit_once("//").map_or(rest, |(declaration, _)| declaration);
        Some((local.parse().ok()?, declaration.trim_end().strip_suffix(';')?))
    });
    declared.collect()
}

/// What is known of the locals that are dropped.
#[derive(Debug, Default)]
struct Known<'a> {
    types: FxHashMap<u32, &'a str>,
    /// The functions that made them.
    makers: FxHashMap<Place, String>,
    /// Locals that are the pointers of boxes.
    pointers: FxHashMap<u32, Place>,
    /// Where captures are moved to as a whole, as those of an `async fn` are.
    arguments: FxHashMap<Place, u32>,
}

impl<'a> Known<'a> {
    fn new(body: &CoroutineBody<'a>, text: &'a str) -> Self {
        let mut known = Known { types: local_types(text), ..Known::default() };
        let mut boxed: Vec<(Place, Place)> = Vec::new();
        for step in &body.flow.steps {
            if let (Some(written), Source::Value(read)) = (body.flow.written(step), body.flow.source(step))
                && let Place::Upvar(upvar) = read.place
                && read.is_whole()
                && written.is_whole()
            {
                known.arguments.insert(written.place, upvar);
            }
        }
        // Blocks are in no certain order.
        for code in text.lines().filter_map(statement) {
            if let Some((left, callee)) = call(code) {
                if let Some(place) = body.flow.operand_at(left).filter(Operand::is_whole) {
                    let maker = names::skeleton(&callee);
                    let is_box = ["Box::new", "Box::pin"].iter().any(|it| is_called(&maker, it));
                    let argument = code.rsplit_once(") -> ").and_then(|(code, _)| code.rsplit_once("(move "));
                    let content = argument.and_then(|(_, content)| body.flow.operand_at(content));
                    if is_box && let Some(content) = content.filter(Operand::is_whole) {
                        boxed.push((place.place, content.place));
                    }
                    known.makers.insert(place.place, maker);
                }
            } else if let Some((left, right)) = code.split_once(" = ")
                && let Some(Place::Local(local)) = body.flow.operand_at(left).map(|it| it.place)
                && let Some(of) = body.flow.box_of(right)
            {
                known.pointers.insert(local, of);
            }
        }
        // Who made what is in a box: an edit may have put it there.
        for (place, content) in boxed {
            if let Some(maker) = known.makers.get(&content).cloned() {
                known.makers.insert(place, maker);
            }
        }
        known
    }
}

/// What is dropped at a place; nothing if nobody notices.
fn value(body: &CoroutineBody<'_>, place: &str, known: &Known<'_>) -> Option<Value> {
    let operand = body.flow.operand_at(place);
    let inner = place.strip_prefix('(').and_then(|place| place.strip_suffix(')'));
    let printed = inner.and_then(|inner| Some(&inner[names::find_outside(inner, ": ")? + ": ".len()..]));
    let mut base = operand.as_ref().map(|operand| operand.place);
    let of_base = match base {
        Some(Place::Local(local)) => known.types.get(&local).copied(),
        Some(Place::Saved(saved)) => body.saved.get(saved as usize).and_then(|saved| saved.ty),
        _ => None,
    };
    let is_whole = operand.as_ref().is_some_and(|operand| operand.is_whole());
    // `(*_5)`: what is left of a box.
    let is_content = operand.as_ref().is_some_and(|operand| operand.is_behind && operand.path.is_empty());
    let content = of_base.filter(|_| is_content).and_then(|ty| {
        let pointed = ["*const ", "*mut "].iter().find_map(|pointer| ty.strip_prefix(pointer));
        pointed.or_else(|| Some(without_boxes(ty)).filter(|inner| *inner != ty))
    });
    if let Some(Place::Local(local)) = base
        && let Some(of) = known.pointers.get(&local)
    {
        base = Some(*of);
    }
    let ty = printed.or(of_base.filter(|_| is_whole)).or(content);
    // Of what nobody says the type it may be anything.
    if ty.is_some_and(|ty| !is_observable(ty)) {
        return None;
    }
    let name = base.and_then(|base| name_at(body, base, known));
    let made_by = base.filter(|_| name.is_none()).and_then(|base| known.makers.get(&base).cloned());
    let ty = ty.map_or_else(String::new, told_by);
    Some(Value { name, ty, made_by })
}

/// `LEFT = CALLEE(…) -> …`: what is written, and the function's path.
fn call(code: &str) -> Option<(&str, String)> {
    let (left, right) = code.split_once(" = ")?;
    let callee = right.strip_prefix("ConstValue(").map(|_| &right["ConstValue".len()..]);
    let Some(callee) = callee else {
        // A function pointer: `_5 = move _6(…) -> [return: …]`.
        let is_call = right.contains(") -> [return: ") || right.contains(") -> unwind ");
        return is_call.then(|| (left, "_".to_owned()));
    };
    let callee = &callee[..=names::closing(callee)?];
    let path = callee.strip_suffix("})").and_then(|callee| {
        // The group in braces that ends there.
        let mut depth = 1usize;
        let at = callee.bytes().rposition(|byte| {
            match byte {
                b'}' => depth += 1,
                b'{' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        Some(&callee[at + 1..])
    });
    Some((left, path?.to_owned()))
}

/// Is a path, without generic arguments, that of this function, given by its end?
fn is_called(path: &str, function: &str) -> bool {
    path.strip_suffix(function)
        .is_some_and(|before| before.is_empty() || before.ends_with("::") || before.ends_with(' '))
}

/// Where a block goes on.
fn targets(code: &str, node: &mut Node, is_unnoticed: bool) {
    let Some((_, text)) = code.rsplit_once(" -> ") else { return };
    let number = |text: &str| text.strip_prefix("bb").and_then(|digits| digits.parse().ok());
    let Some(list) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        if let Some(block) = number(text) {
            node.goes(Way::Goes, block);
        }
        return;
    };
    for (label, block) in list.split(", ").filter_map(|target| target.split_once(": ")) {
        let Some(block) = number(block) else { continue };
        match label {
            "unwind" if is_unnoticed => {}
            "unwind" => node.goes(Way::Unwinds, block),
            "imaginary" | "drop" => {}
            _ => node.goes(Way::Goes, block),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::observable::{loud_part, without_any_boxes};
    use super::*;

    /// A body of these blocks; `bb1: drop(_5) -> [return: bb2, unwind: bb9]`.
    fn drops(blocks: &[(&str, &str)]) -> Drops {
        let text = text(blocks);
        Drops::parse(&text).unwrap_or_else(|| panic!("it is read:\n{text}"))
    }

    fn text(blocks: &[(&str, &str)]) -> String {
        let mut text = String::from(
            "// MIR for `f::{closure#0}` 0 coroutine_post-transform\n/* coroutine_layout = CoroutineLayout {\n    \
             field_tys: {\n    },\n    variant_fields: {\n        Unresumed(0): [],\n        Returned (1): [],\n        \
             Panicked (2): [],\n    },\n    storage_conflicts: BitMatrix(0x0) {\n    },\n} */\n\nfn f::{closure#0}(_1: \
             {static f::{closure#0} upvar_tys=() resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}, _2: &mut \
             Context<'_>) -> Poll<()> {\n    debug _task_context => _2; // in scope 0 at src/m.rs:1:1: 1:2\n    let mut \
             _0: std::task::Poll<()>; // return place in scope 0 at src/m.rs:1:1: 1:2\n    let _5: a::A; // in scope 0 at \
             src/m.rs:1:1: 1:2\n    let _6: a::B; // in scope 0 at src/m.rs:1:1: 1:2\n    let _7: std::vec::Vec<u8>; // in \
             scope 0 at src/m.rs:1:1: 1:2\n    let mut _8: bool; // in scope 0 at src/m.rs:1:1: 1:2\n    scope 1 {\n        \
             debug x => _5; // in scope 1 at src/m.rs:1:1: 1:2\n        debug y => _6; // in scope 1 at src/m.rs:1:1: \
             1:2\n    }\n",
        );
        for (number, (name, block)) in blocks.iter().enumerate() {
            let cleanup = if *name == "cleanup" { " (cleanup)" } else { "" };
            text.push_str(&format!("\n    bb{number}{cleanup}: {{\n"));
            for (at, code) in block.split("; ").enumerate() {
                text.push_str(&format!(
                    "        {code}; // bb{number}[{at}]: scope 1 at src/m.rs:1:1: 1:2\n"
                ));
            }
            text.push_str("    }\n");
        }
        text.push_str("}\n");
        text
    }

    fn moved(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
        match Drops::moved(&drops(before), &drops(after)) {
            Moved::Nothing => Vec::new(),
            Moved::Values(values) => values.into_iter().map(|value| value.name.unwrap_or(value.ty)).collect(),
            Moved::Unknown => vec!["unknown".to_owned()],
        }
    }

    const LOOK: &str =
        "_9 = ConstValue(ZeroSized: fn(u8) {look::<u8>})(move _3) -> [return: bb2, unwind: bb3]";
    const END: (&str, &str) = ("", "return");
    const PANICS: (&str, &str) = ("cleanup", "resume");

    #[test]
    fn a_capture_that_nobody_drops_has_no_destructor() {
        let types = |blocks: &[(&str, &str)]| {
            let text = text(blocks)
                .replace("upvar_tys=()", "upvar_tys=(a::A,)")
                .replace("debug x => _5;", "debug x => (_1.0: a::A);")
                .replace("Panicked (2): [],\n", "Panicked (2): [],\n        Suspend0 (3): [],\n");
            Drops::without_destructor(&text)
        };
        const WAITS: (&str, &str) = ("", "discriminant(_1) = 3; return");
        assert_eq!(types(&[WAITS]), ["a::A"]);
        assert_eq!(types(&[WAITS, ("", "_9 = copy (_1.0: a::A); return")]), ["a::A"]);
        assert!(types(&[END]).is_empty(), "it never waits");
        assert!(types(&[WAITS, ("", "_9 = move (_1.0: a::A); return")]).is_empty());
        // The argument's own variable; what that is moved to may drop it.
        const TAKEN: (&str, &str) = ("", "_6 = move (_1.0: a::A); return");
        let argument = |blocks: &[(&str, &str)]| {
            let text = text(blocks)
                .replace("upvar_tys=()", "upvar_tys=(a::A,)")
                .replace("debug x => _5;", "debug y => (_1.0: a::A);")
                .replace("let _6: a::B;", "let _6: a::A;")
                .replace("Panicked (2): [],\n", "Panicked (2): [],\n        Suspend0 (3): [],\n");
            Drops::without_destructor(&text)
        };
        assert_eq!(argument(&[TAKEN, WAITS]), ["a::A"]);
        assert!(argument(&[TAKEN, WAITS, ("", "_9 = move _6; return")]).is_empty());
        assert!(argument(&[TAKEN, WAITS, ("", "_9 = (move _6, const 1_u8); return")]).is_empty());
        assert!(argument(&[TAKEN, WAITS, ("", "drop(_6) -> [return: bb1, unwind: bb1]")]).is_empty());
        assert!(types(&[WAITS, ("", "drop((_1.0: a::A)) -> [return: bb0, unwind: bb0]")]).is_empty());
        assert!(types(&[WAITS, ("", "drop(_5) -> [return: bb0, unwind: bb0]")]).is_empty(), "that type");
        assert_eq!(types(&[WAITS, ("", "drop(_6) -> [return: bb0, unwind: bb0]")]), ["a::A"]);
    }

    #[test]
    fn what_is_dropped_in_front_of_a_call_has_moved() {
        let before =
            [("", "goto -> bb1"), ("", LOOK), ("", "drop(_5) -> [return: bb4, unwind: bb3]"), PANICS, END];
        let after = [("", "drop(_5) -> [return: bb1, unwind: bb3]"), ("", LOOK), END, PANICS];
        assert_eq!(moved(&before, &after), ["x"]);
        assert!(moved(&before, &before).is_empty());
        // In other blocks, and with steps between them that nobody notices.
        let same = [
            ("", LOOK.replace("bb2", "bb4").leak() as &str),
            END,
            ("", "goto -> bb1"),
            PANICS,
            ("", "drop(_5) -> [return: bb5, unwind: bb3]"),
            ("", "goto -> bb1"),
        ];
        assert!(moved(&before, &same).is_empty());
    }

    #[test]
    fn the_order_of_two_values_counts() {
        let drop =
            |local: u8, next: u8| format!("drop(_{local}) -> [return: bb{next}, unwind: bb3]").leak() as &str;
        let (one, other) = (
            [("", drop(5, 1)), ("", drop(6, 2)), END, PANICS],
            [("", drop(6, 1)), ("", drop(5, 2)), END, PANICS],
        );
        assert_eq!(moved(&one, &other), ["x", "y"]);
        // A vector of numbers only frees memory.
        let (one, other) = (
            [("", drop(5, 1)), ("", drop(7, 2)), END, PANICS],
            [("", drop(7, 1)), ("", drop(5, 2)), END, PANICS],
        );
        assert!(moved(&one, &other).is_empty());
    }

    #[test]
    fn a_drop_flag_says_which_way_is_taken() {
        let flagged = |value: &str| {
            [
                (
                    "",
                    format!("_8 = const {value}; switchInt(copy _8) -> [0: bb2, otherwise: bb1]").leak()
                        as &str,
                ),
                ("", "drop(_5) -> [return: bb2, unwind: bb3]"),
                END,
                PANICS,
            ]
        };
        let dropped = [("", "drop(_5) -> [return: bb1, unwind: bb2]"), END, PANICS];
        assert!(moved(&flagged("true"), &dropped).is_empty());
        assert_eq!(moved(&flagged("false"), &dropped), ["x"]);
        assert!(moved(&flagged("false"), &[("", "goto -> bb1"), END]).is_empty());
    }

    #[test]
    fn what_cannot_be_noticed() {
        for ty in [
            "u8",
            "&'{erased} a::A",
            "[u8; ValTree(Leaf(0x0000000000000005): usize)]",
            "std::vec::Vec<std::string::String>",
            "(std::boxed::Box<[u8]>, std::option::Option<std::path::PathBuf>)",
            "std::boxed::Box<[u8; 5], std::alloc::Global>",
            "*const a::A",
            "()",
        ] {
            assert!(!is_observable(ty), "{ty}");
        }
        for ty in [
            "a::A",
            "T",
            "std::vec::Vec<a::A>",
            "(u8, a::A)",
            "[a::A; 3]",
            "std::rc::Rc<u8>",
            "std::sync::Arc<u8>",
            "std::sync::MutexGuard<'{erased}, u8>",
            "std::boxed::Box<dyn a::T>",
            "{static f::{closure#0} upvar_tys=() resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}",
            "",
            "<",
        ] {
            assert!(is_observable(ty), "{ty}");
        }
        assert_eq!(without_boxes("std::pin::Pin<std::boxed::Box<a::A, std::alloc::Global>>"), "a::A");
        assert_eq!(loud_part("(u8, std::boxed::Box<(a::A, &'{erased} a::A)>)"), "a::A");
        assert_eq!(loud_part("(a::A, a::A)"), "(a::A, a::A)");
        assert_eq!(loud_part("(u8, u8)"), "(u8, u8)");
    }

    #[test]
    fn an_argument_that_is_taken_apart_is_dropped_as_its_parts() {
        let of = |name: &str, blocks: &[(&str, &str)]| -> Vec<String> {
            let context = "    debug _task_context => _2;";
            let upvar = format!("    debug {name} => (_1.0: (a::A, a::B)); // in scope 0 at no-location\n");
            let text = text(blocks).replacen(context, &format!("{upvar}{context}"), 1);
            let text = text.replace("upvar_tys=()", "upvar_tys=((a::A, a::B),)");
            let drops = Drops::parse(&text).unwrap_or_else(|| panic!("it is read:\n{text}"));
            let never_polled = &drops.nodes[drops.nodes.len() - 2].acts;
            let name = |act: &Act| match act {
                Act::Drop(value) => format!("{} {}", value.name.as_deref().unwrap_or_default(), value.ty),
                act => format!("{act:?}"),
            };
            never_polled.iter().map(name).collect()
        };
        let taken = "_9 = move (_1.0: (a::A, a::B)); _6 = move (_9.1: a::B); goto -> bb1";
        let apart = [("", taken), ("", "drop((_9.0: a::A)) -> [return: bb2, unwind: bb3]"), END, PANICS];
        assert_eq!(of("__arg0", &apart), [" a::A", "y a::B"], "in its own order");
        assert_eq!(of("pair", &apart), ["pair (a::A, a::B)"], "nobody took the pattern of a variable");
        let whole = [("", taken), ("", "drop(_9) -> [return: bb2, unwind: bb3]"), END, PANICS];
        assert_eq!(of("__arg0", &whole), ["_arg0 (a::A, a::B)"]);
        assert_eq!(of("_", &[END]), ["_arg0 (a::A, a::B)"], "as an edit calls it");
    }

    #[test]
    fn what_has_nothing_to_drop_may_be_borrowed() {
        const KIND: &str = "resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}";
        let of = |captured: &str, other: &str, dropped: &str| {
            let upvars = format!(
                "    debug x => (_1.0: a::A); // in scope 0 at no-location\n    debug z => (_1.1: {captured}); // in scope \
                 0 at no-location\n"
            );
            let awaitee = format!(
                "drop((_10: {{static g::{{closure#0}} upvar_tys=({other},) {KIND})) -> [return: bb1, unwind: bb3]"
            );
            let context = "    debug _task_context => _2;";
            let text = text(&[("", &awaitee), ("", dropped), END, PANICS]);
            let text = text.replacen(context, &format!("{upvars}{context}"), 1);
            let text = text.replacen("upvar_tys=()", &format!("upvar_tys=(a::A, {captured})"), 1);
            Drops::parse(&text).unwrap_or_else(|| panic!("it is read:\n{text}"))
        };
        let both = |before: &str, after: &str| {
            (of("a::B", "a::C", before), of("&'{erased} a::B", "&'{erased} a::C", after))
        };
        let moved = |before: &str, after: &str| {
            let (before, after) = both(before, after);
            Drops::moved(&before.where_borrowed(), &after.where_borrowed())
        };
        const X: &str = "drop(_5) -> [return: bb2, unwind: bb3]";
        const Z: &str = "drop((_11: a::B)) -> [return: bb2, unwind: bb3]";
        assert_eq!(moved(X, X), Moved::Nothing, "`z` is never dropped");
        assert!(matches!(moved(Z, "goto -> bb2"), Moved::Values(_)), "`z` is dropped");
        assert!(matches!(moved(X, "goto -> bb2"), Moved::Values(_)), "`x` is dropped");
        let (before, after) = both(X, X);
        assert!(matches!(Drops::moved(&before, &after), Moved::Values(_)), "nothing else tells");
    }

    #[test]
    fn a_value_may_have_another_name() {
        let before = [("", "drop(_5) -> [return: bb1, unwind: bb2]"), END, PANICS];
        let other = |ty: &str| {
            let drop = format!("drop((_10: {ty})) -> [return: bb1, unwind: bb2]").leak() as &str;
            moved(&before, &[("", drop), END, PANICS])
        };
        assert_eq!(other("a::A"), Vec::<String>::new());
        assert_eq!(other("a::B"), ["a::B", "x"]);
        // Nor is it dropped elsewhere.
        let early = [("", "drop((_10: a::A)) -> [return: bb1, unwind: bb3]"), ("", LOOK), END, PANICS];
        let late = [("", LOOK.replace("bb2", "bb1").leak() as &str), before[0], PANICS, END];
        assert_ne!(moved(&early, &late), Vec::<String>::new());
    }

    #[test]
    fn a_box_makes_no_other_value() {
        for (ty, without) in [
            ("m::Done<std::pin::Pin<std::boxed::Box<a::A, std::alloc::Global>>>", "m::Done<a::A>"),
            ("(std::boxed::Box<std::pin::Pin<std::boxed::Box<a::A>>>, std::boxed::Box<u8>)", "(a::A, u8)"),
            ("std::pin::Pin<&'{erased} mut a::A>", "std::pin::Pin<&'{erased} mut a::A>"),
            ("std::boxed::Box<a::A", "std::boxed::Box<a::A"),
            ("std::boxed::Box<", "std::boxed::Box<"),
        ] {
            assert_eq!(without_any_boxes(ty), without);
        }
        // Locals without names are told apart by who made them.
        let make = "_10 = ConstValue(ZeroSized: fn() -> a::B {make})() -> [return: bb1, unwind: bb4]";
        let pin = "_11 = ConstValue(ZeroSized: fn(a::B) -> Pin<Box<a::B>> {std::boxed::Box::<a::B>::pin})(move _10) -> \
                   [return: bb2, unwind: bb4]";
        let other = pin.replace("std::boxed::Box::<a::B>::pin", "m::wrap::<a::B>").leak() as &str;
        let before = [("", make), ("", "drop(_10) -> [return: bb2, unwind: bb4]"), END, END, PANICS];
        let after =
            |call| [("", make), ("", call), ("", "drop(_11) -> [return: bb3, unwind: bb4]"), END, PANICS];
        assert_eq!(moved(&before, &after(pin)), Vec::<String>::new());
        assert_ne!(moved(&before, &after(other)), Vec::<String>::new());
    }

    #[test]
    fn what_a_future_that_only_waits_has_to_drop_besides() {
        let of = |blocks: &[(&str, &str)]| -> Vec<String> {
            let drops = drops(blocks);
            drops.besides_awaitee().into_iter().map(|value| value.name.clone().unwrap_or_default()).collect()
        };
        let never_polled = ("", "drop(_6) -> [return: bb2, unwind: bb1]");
        let polled = |first| [("", first), PANICS, END, never_polled];
        assert_eq!(of(&polled("drop(_5) -> [return: bb2, unwind: bb1]")), ["x"]);
        assert_eq!(of(&polled("goto -> bb2")), [""; 0]);
    }

    /// What seven compilers print of one source is read whole, trimmed or not, and all of them drop the same.
    #[test]
    fn every_dialect_is_read() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let mut all: std::collections::BTreeMap<String, BTreeSet<String>> = Default::default();
        let mut count = 0;
        let compilers = std::fs::read_dir(folder).unwrap().flatten().filter(|it| it.path().is_dir());
        for file in compilers.flat_map(|it| std::fs::read_dir(it.path()).unwrap().flatten()) {
            let name = file.file_name().to_string_lossy().into_owned();
            if !name.ends_with(".mir") {
                continue;
            }
            let text = std::fs::read_to_string(file.path()).unwrap();
            let whole = Drops::parse(&text).unwrap_or_else(|| panic!("{} is read", file.path().display()));
            let short = Drops::parse(&crate::dump::coroutine::trimmed(&text)).expect("it is read trimmed");
            assert_eq!(Drops::moved(&whole, &short), Moved::Nothing, "{name}");
            assert_eq!(whole.values(), short.values(), "{name}");
            count += 1;
            // `leaf` awaits nothing; `held` only that, with a guard.
            let leaf = vec!["leaf::{closure#0}".to_owned()];
            let never = Drops::never_waits(&text, &[]);
            assert_eq!(never.is_some(), name.starts_with("golden.leaf-"), "{}", file.path().display());
            assert!(never.is_none_or(|path| path == leaf[0]));
            if name.starts_with("golden.held-") {
                let path = Drops::never_waits(&text, &leaf);
                assert_eq!(path.as_deref(), Some("held::{closure#0}"), "{}", file.path().display());
                let never = Drops::parse_without(&text, &leaf).expect("it is read");
                let waits = |drops: &Drops| drops.nodes.iter().any(|node| node.acts.contains(&Act::Suspend));
                assert!(waits(&whole) && !waits(&never));
                let is_awaitee = |value: &&Value| value.name.as_deref() == Some(AWAITEE);
                assert!(whole.values().iter().any(is_awaitee) && !never.values().iter().any(is_awaitee));
                assert!(!never.is_empty(), "the guard is dropped still");
            }
            // Types are not printed the same.
            let named: BTreeSet<String> =
                whole.values().iter().filter_map(|value| value.name.clone()).collect();
            let known = all.entry(name.clone()).or_insert_with(|| named.clone());
            assert_eq!(*known, named, "{}", file.path().display());
        }
        assert!(count >= 70, "{count}");
        assert!(all.values().any(|names| names.len() > 1), "something is dropped");
    }

    #[test]
    fn callees_are_told_by_their_paths() {
        let of = |code| call(code).map(|(left, path)| (left, names::skeleton(&path)));
        assert_eq!(of(LOOK), Some(("_9", "look".to_owned())));
        let poll = "_3 = ConstValue(ZeroSized: for<Region(BrAnon)> fn(A) -> B {<{static f::{closure#0} upvar_tys=()} as \
                    std::future::Future>::poll})(move _4, copy _5) -> [return: bb1, unwind: bb2]";
        let (_, path) = of(poll).unwrap();
        assert!(is_called(&path, "Future>::poll"), "{path}");
        assert!(is_called("std::boxed::Box::pin", "Box::pin") && !is_called("a::MyBox::pin", "Box::pin"));
        assert_eq!(of("_3 = copy _4"), None);
        assert_eq!(of("_3 = move _4(copy _5) -> [return: bb1, unwind: bb2]"), Some(("_3", "_".to_owned())));
    }
}
