//! Which values are stored twice when a body suspends.
//!
//! ```text
//! async fn f(x: [u8; 4200]) {
//!     inner(x).await;      // the capture `x`, and the one of `inner` in what is awaited
//! }
//! ```
//!
//! Followed forwards through moves and copies, into tuples, structs and blocks, into what a call makes of a future, and
//! into the captures of an `async fn` that is called: those are its arguments, in order. What is said at a suspension
//! holds on every way there. After a copy both values can be changed; then they are two values.

use super::Origin;
use super::lent::Assigned;
use crate::dump::CoroutineBody;
use crate::dump::assigned::{Call, Operand, Source};
use crate::dump::mir::Place;
use crate::dump::names::{self, CoroutineName, function_of};
use rustc_hash::{FxHashMap, FxHashSet};

/// The value of one thing that a state stores is in another one, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The stored local that has it as a whole, or in it.
    pub saved: u32,
    /// Where it was before, and is still stored.
    pub of: Origin,
    /// Where in the stored local; nothing if it is all of it.
    pub path: Box<[u32]>,
    /// Verbose types of the coroutines whose captures it has to be among: true if they are bodies of `async fn`s.
    pub bodies: Box<[Box<str>]>,
}

/// Deeper ways into a value are not followed.
const LONGEST: usize = 6;

/// `place` has the value of `of` at `path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fact<'a> {
    place: Place,
    of: Place,
    path: Vec<Step<'a>>,
    /// Both may be used still.
    is_copy: bool,
}

/// A step on the way into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step<'a> {
    Field(u32),
    /// An argument of a call of this function with so many: if it is an `async fn`, that capture of its body.
    Argument {
        index: u32,
        of: u32,
        function: &'a str,
    },
    /// The future in what a call makes of it, such as `MaybeDone<F>`.
    Wrapped,
}

type Facts<'a> = FxHashSet<Fact<'a>>;

/// For each suspending block, what is stored there twice: only facts about stored locals.
pub(super) fn copies<'a>(
    dump: &CoroutineBody<'a>,
    assigned: &Assigned<'a>,
    successors: &dyn Fn(u32) -> Vec<u32>,
    steps: &mut usize,
) -> FxHashMap<u32, Vec<Copied>> {
    let flow = &dump.flow;
    let mut found = FxHashMap::default();
    if flow.blocks.is_empty() {
        return found;
    }
    // What only one statement reads is not used again behind it, be it copied there.
    let mut reads: FxHashMap<Place, u32> = FxHashMap::default();
    for place in assigned.reads() {
        *reads.entry(place).or_default() += 1;
    }
    let is_last = |place: Place| reads.get(&place) == Some(&1);
    let mut at_start: Vec<Option<Facts<'a>>> = vec![None; flow.blocks.len()];
    at_start[0] = Some(Facts::default());
    let mut open = vec![0u32];
    while let Some(block) = open.pop() {
        let mut facts = at_start[block as usize].clone().unwrap_or_default();
        let (from, to) = flow.blocks[block as usize].steps;
        let cost = (to - from) as usize * (facts.len() + 1) + 1;
        if *steps < cost {
            return FxHashMap::default();
        }
        *steps -= cost;
        for step in from..to {
            if let Some((written, source)) = assigned.step(step as usize) {
                forward(written, source, &is_last, &mut facts);
            }
        }
        for next in successors(block) {
            let known = &mut at_start[next as usize];
            match known {
                None => *known = Some(facts.clone()),
                Some(known) => {
                    let count = known.len();
                    known.retain(|fact| facts.contains(fact));
                    if known.len() == count {
                        continue;
                    }
                }
            }
            open.push(next);
        }
        if flow.suspension(block).is_some() {
            let mut here: Vec<Copied> = facts.iter().filter_map(|fact| stored(dump, fact)).collect();
            here.sort_by(|a, b| (a.saved, &a.path, a.of).cmp(&(b.saved, &b.path, b.of)));
            found.insert(block, here);
        }
    }
    found
}

/// Over one assignment.
fn forward<'a>(
    written: Option<&Operand<'a>>,
    source: &Source<'a>,
    is_last: &dyn Fn(Place) -> bool,
    facts: &mut Facts<'a>,
) {
    let mut gained: Vec<Fact<'a>> = Vec::new();
    let mut gain = |operand: &Operand<'a>, step: Option<Step<'a>>| {
        let fields: Vec<Step<'a>> = operand.path.iter().copied().map(Step::Field).collect();
        if operand.is_behind || operand.is_element {
            return;
        }
        let is_copy = !operand.is_moved && !is_last(operand.place);
        let mut add = |of: Place, path: &[Step<'a>], was_copy: bool| {
            let path: Vec<Step<'a>> = step.iter().chain(path).copied().collect();
            if path.len() <= LONGEST {
                gained.push(Fact { place: operand.place, of, path, is_copy: is_copy || was_copy });
            }
        };
        if fields.is_empty() && !matches!(operand.place, Place::Local(_)) {
            add(operand.place, &[], false);
        }
        for fact in facts.iter().filter(|fact| fact.place == operand.place) {
            if let Some(path) = fact.path.strip_prefix(&fields[..]) {
                add(fact.of, path, fact.is_copy);
            }
        }
    };
    match source {
        Source::Value(operand) => gain(operand, None),
        Source::Parts { parts, .. } => {
            for (part, index) in parts.iter().zip(0..) {
                part.iter().for_each(|part| gain(part, Some(Step::Field(index))));
            }
        }
        Source::Call(Call { path, arguments, .. }) if path.ends_with("IntoFuture>::into_future") => {
            arguments.iter().flatten().for_each(|argument| gain(argument, None));
        }
        Source::Call(Call { path, parameters, arguments, result }) => {
            let of = arguments.len() as u32;
            let future = wrapped(result);
            for (argument, index) in arguments.iter().zip(0..) {
                let is_wrapped = future.is_some() && parameters.get(index as usize).copied() == future;
                let step = match is_wrapped {
                    true => Step::Wrapped,
                    false => Step::Argument { index, of, function: path },
                };
                argument.iter().for_each(|argument| gain(argument, Some(step)));
            }
        }
        Source::Reference { of, is_mutable: true } if !of.is_behind => {
            facts.retain(|fact| !fact.is_copy || (fact.place != of.place && fact.of != of.place));
        }
        Source::Reference { .. } | Source::Cast(..) | Source::Other => {}
    }
    let Some(written) = written.filter(|written| !written.is_behind) else { return };
    if written.is_whole() {
        facts.retain(|fact| fact.place != written.place && fact.of != written.place);
        gained.retain(|fact| fact.of != written.place);
        facts.extend(gained.into_iter().map(|fact| Fact { place: written.place, ..fact }));
    } else {
        // A part of it is another value now.
        let changed =
            |fact: &Fact<'a>| fact.of == written.place || (fact.is_copy && fact.place == written.place);
        facts.retain(|fact| !changed(fact));
    }
}

/// What a fact says of two stored things, if the types agree.
fn stored(dump: &CoroutineBody<'_>, fact: &Fact<'_>) -> Option<Copied> {
    let Place::Saved(saved) = fact.place else { return None };
    let (of, ty) = match fact.of {
        Place::Saved(of) => (Origin::Saved(of), dump.saved.get(of as usize)?.ty?),
        Place::Upvar(of) => (Origin::Upvar(of), dump.upvars.iter().find(|upvar| upvar.index == of)?.ty),
        Place::Local(_) => return None,
    };
    let mut around = dump.saved.get(saved as usize)?.ty?;
    let (mut path, mut bodies) = (Vec::new(), Vec::new());
    for step in &fact.path {
        // `into_future` may have made another type of it.
        let parts = || parts_of(around);
        let index = match step {
            Step::Wrapped => 0,
            Step::Field(index) => *index,
            Step::Argument { index, of, function } => {
                let name = CoroutineName::parse(around)?;
                // A call names its arguments behind `::`.
                let is_body = function_of(name.path)
                    .is_some_and(|path| path.replace("::<", "<") == function.replace("::<", "<"));
                if !is_body || parts()?.len() != *of as usize {
                    return None;
                }
                bodies.push(around.into());
                *index
            }
        };
        path.push(index);
        around = match step {
            Step::Wrapped => wrapped(around)?,
            _ => parts()?.get(index as usize)?,
        };
    }
    (around == ty).then(|| Copied { saved, of, path: path.into(), bodies: bodies.into() })
}

/// The only future that a type has among its generic arguments, if it is no pointer to that: `F` of `MaybeDone<F>`.
fn wrapped(ty: &str) -> Option<&str> {
    let open = ty.find('<').filter(|_| ty.starts_with(|c: char| c.is_ascii_alphabetic()))?;
    let last = ty[..open].rsplit("::").next()?;
    if ["Arc", "Box", "Pin", "Rc", "Vec"].contains(&last)
        || names::closing(&ty[open..])? + open + 1 != ty.len()
    {
        return None;
    }
    let mut futures = names::arguments(&ty[open + 1..ty.len() - 1]).filter_map(|argument| {
        // In the words of a signature.
        let itself = argument.strip_suffix(" as std::future::IntoFuture>::IntoFuture");
        let future = itself.and_then(|itself| itself.strip_prefix('<')).unwrap_or(argument);
        CoroutineName::parse(future).map(|_| future)
    });
    futures.next().filter(|_| futures.next().is_none())
}

/// The types of the parts of a tuple, or of what a closure or coroutine captured.
fn parts_of(ty: &str) -> Option<Vec<&str>> {
    let list = match CoroutineName::parse(ty) {
        Some(name) => return Some(name.captures().collect()),
        None => match ty.strip_prefix('(').and_then(|list| list.strip_suffix(')')) {
            Some(list) => list,
            None => {
                let inner = ty.strip_prefix('{')?.strip_suffix('}')?;
                let list = &inner[names::find_outside(inner, " upvar_tys=")? + " upvar_tys=".len()..];
                list.get(1..names::closing(list)?)?
            }
        },
    };
    Some(names::arguments(list).collect())
}
