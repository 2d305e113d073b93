//! What is lent to the future that a state awaits.
//!
//! ```text
//! _8 = &buf;  _7 = Wrapper { inner: move _8 };  _5 = read(move _7);  __awaitee = move _5
//! ```
//!
//! Followed from the awaitee back to the references in it: through moves, casts, and what is made of parts, where it is
//! certain that the reference comes along; and through calls whose result may carry a reference that an argument has,
//! by the regions in the signature. To the borrow checker, too, the reference is in use as long as the result is.

use crate::dump::CoroutineBody;
use crate::dump::assigned::{Call, Operand, Source, has_region, may_carry};
use crate::dump::mir::Place;
use crate::dump::names::{self, CoroutineName};
use crate::dump::span::SpanRef;
use rustc_hash::FxHashSet;

/// A stored local that what is awaited has a reference to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loan<'a> {
    pub saved: u32,
    /// It is a future that is polled through that reference.
    pub is_polled: bool,
    /// Where the reference is made.
    pub at: Option<SpanRef<'a>>,
}

/// What happens to the value of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It gets another one, as a whole or in part.
    Written,
    /// It is moved elsewhere.
    Moved,
}

/// All assignments of a body, read.
pub(super) struct Assigned<'a> {
    /// Parallel to the steps of the body's flow.
    steps: Vec<(Option<Operand<'a>>, Source<'a>)>,
}

/// Longer ways into a value are not told apart.
const LONGEST: usize = 4;

/// A value, or a part of one, that gets into the awaitee.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Item {
    place: Place,
    /// The fields on the way to the part.
    path: Vec<u32>,
    /// It is a reference that gets there in a `Pin`.
    is_pinned: bool,
    /// It is a `Box`, and what gets there is a reference to what is in it.
    is_box: bool,
}

impl<'a> Assigned<'a> {
    pub fn new(dump: &CoroutineBody<'a>) -> Self {
        let flow = &dump.flow;
        Assigned { steps: flow.steps.iter().map(|step| (flow.written(step), flow.source(step))).collect() }
    }

    /// What a step writes, and where that comes from.
    pub fn step(&self, step: usize) -> Option<(Option<&Operand<'a>>, &Source<'a>)> {
        let (written, source) = self.steps.get(step)?;
        Some((written.as_ref(), source))
    }

    /// Where in the body's own text a stored value, or the part of it at `path`, comes from: that of its last assignment
    /// on the way there that stands there, if there is one way only.
    pub fn made_at(&self, dump: &CoroutineBody<'a>, saved: u32, path: &[u32]) -> Option<SpanRef<'a>> {
        const DEEPEST: usize = 16;
        let home = dump.span?.file;
        let (mut place, mut path) = (Place::Saved(saved), path.to_vec());
        for _ in 0..DEEPEST {
            let is_it = |written: &Option<Operand<'_>>| {
                written.as_ref().is_some_and(|written| written.place == place && written.is_whole())
            };
            let mut steps = self.steps.iter().enumerate().filter(|(_, (written, _))| is_it(written));
            let (index, (_, source)) = steps.next()?;
            if steps.next().is_some() {
                return None;
            }
            if let Some(at) = dump.flow.steps[index].span().filter(|at| at.file == home) {
                return Some(at);
            }
            let operand = match source {
                Source::Value(operand) | Source::Cast(operand, _) => operand,
                Source::Parts { parts, .. } if !path.is_empty() => {
                    parts.get(path.remove(0) as usize)?.as_ref()?
                }
                Source::Parts { parts: list, .. } | Source::Call(Call { arguments: list, .. }) => {
                    let [Some(only)] = &list[..] else { return None };
                    path.clear();
                    only
                }
                Source::Reference { of, .. } => of,
                Source::Other => return None,
            };
            path = operand.path.iter().chain(&path).copied().collect();
            place = operand.place;
        }
        None
    }

    /// The places that all steps read, one for each time.
    pub fn reads(&self) -> impl Iterator<Item = Place> {
        self.steps.iter().flat_map(|(_, source)| read_by(source).into_iter().map(|operand| operand.place))
    }

    /// What a step does with the value of a place as a whole; nothing if it leaves it as it is.
    pub fn change(&self, step: usize, place: Place) -> Option<Change> {
        let (written, source) = self.steps.get(step)?;
        let is_moved =
            |operand: &&Operand<'_>| operand.place == place && operand.is_moved && operand.is_whole();
        let mut operands = match source {
            Source::Reference { .. } => Vec::new(),
            source => read_by(source),
        };
        operands.retain(is_moved);
        match written {
            Some(written) if written.place == place => Some(Change::Written),
            _ if !operands.is_empty() => Some(Change::Moved),
            _ => None,
        }
    }

    /// Everything lent to the `awaitee` when `block` suspends. `before` are the predecessors of each block, `steps` is
    /// how many steps may still be taken; nothing is lent if they do not suffice.
    pub fn loans(
        &self,
        dump: &CoroutineBody<'a>,
        block: u32,
        awaitee: u32,
        before: &[Vec<u32>],
        steps: &mut usize,
    ) -> Vec<Loan<'a>> {
        let mut loans: Vec<Loan<'a>> = Vec::new();
        let mut at_end: Vec<FxHashSet<Item>> = vec![FxHashSet::default(); dump.flow.blocks.len()];
        let first = Item { place: Place::Saved(awaitee), path: Vec::new(), is_pinned: false, is_box: false };
        let Some(start) = at_end.get_mut(block as usize) else { return loans };
        let awaited = dump.saved.get(awaitee as usize).and_then(|saved| saved.ty);
        let is_poll_fn = awaited.is_some_and(is_poll_fn);
        start.insert(first);
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            let mut items = at_end[block as usize].clone();
            let (from, to) = dump.flow.blocks[block as usize].steps;
            let range = from as usize..to as usize;
            let cost = range.len() * items.len().max(1) + 1;
            if *steps < cost {
                return Vec::new();
            }
            *steps -= cost;
            for index in range.rev() {
                let Some((Some(written), source)) = self.steps.get(index) else { continue };
                let at = dump.flow.steps[index].span();
                self.back(written, source, at, &mut items, &mut |saved, at, is_mutable, is_pinned| {
                    let lent = dump.saved.get(saved as usize);
                    let ty = lent.and_then(|saved| saved.ty);
                    // `join!` and `select!` put what they poll into a tuple of their own.
                    let is_of_macro =
                        |span: SpanRef<'_>| dump.span.is_some_and(|body| body.file != span.file);
                    let is_of_macro =
                        is_poll_fn && lent.and_then(|saved| saved.span).is_some_and(is_of_macro);
                    let is_future =
                        ty.is_some_and(|ty| contains_future(ty) || is_of_macro && ty.starts_with('('));
                    let is_polled = is_mutable && (is_pinned || is_future);
                    lend(&mut loans, Loan { saved, is_polled, at });
                });
            }
            for before in &before[block as usize] {
                let known = &mut at_end[*before as usize];
                let count = known.len();
                known.extend(items.iter().cloned());
                if known.len() > count {
                    open.push(*before);
                }
            }
        }
        loans
    }

    /// Over one assignment: from what gets into the awaitee behind it to what does in front of it. `lend` is told of each
    /// stored local that a reference is made to: where, whether it may be changed through it, and whether it is pinned.
    fn back(
        &self,
        written: &Operand<'a>,
        source: &Source<'a>,
        at: Option<SpanRef<'a>>,
        items: &mut FxHashSet<Item>,
        lend: &mut dyn FnMut(u32, Option<SpanRef<'a>>, bool, bool),
    ) {
        // What is behind a pointer is followed from where its address was taken, not from here.
        if written.is_behind || written.is_element || !items.iter().any(|item| item.place == written.place) {
            return;
        }
        let is_written = |item: &Item| {
            item.place == written.place
                && (item.path.starts_with(&written.path) || written.path.starts_with(&item.path))
        };
        let hit: Vec<Item> = items.iter().filter(|item| is_written(item)).cloned().collect();
        // Of something that is written in part the rest is not followed: it is not told apart.
        items.retain(|item| !is_written(item));
        for mut item in hit {
            // The way into what is written.
            item.path = item.path.get(written.path.len()..).unwrap_or_default().to_vec();
            match source {
                // The pointer of a `Box` is read from a copy: of the variable itself, or of what a reference is to.
                Source::Value(of) if item.is_box && !of.is_moved => {
                    if let (Place::Saved(saved), false) = (of.place, of.is_behind) {
                        lend(saved, at, false, item.is_pinned);
                    }
                    items.insert(Item { place: of.place, path: of.path.clone(), is_box: false, ..item });
                }
                Source::Value(operand) => items.extend(Self::value(operand, &item)),
                Source::Cast(operand, ty) if has_region(ty) => items.extend(Self::value(operand, &item)),
                Source::Reference { of, is_mutable } => {
                    let reborrowed = Item {
                        place: of.place,
                        path: of.path.clone(),
                        is_pinned: item.is_pinned && *is_mutable && of.is_behind,
                        is_box: of.is_in_box,
                    };
                    if let (Place::Saved(saved), false) = (of.place, of.is_behind) {
                        lend(saved, at, *is_mutable, item.is_pinned);
                    }
                    // What it holds can be reached through it.
                    items.insert(reborrowed);
                }
                Source::Parts { name, parts } => match item.path.split_first() {
                    None => {
                        let parts = parts.iter().flatten();
                        item.is_pinned |= name.contains("pin::Pin::<");
                        items.extend(parts.filter_map(|part| Self::value(part, &item)));
                    }
                    Some((field, path)) => {
                        let part = parts.get(*field as usize).and_then(Option::as_ref);
                        let item = Item { path: path.to_vec(), ..item.clone() };
                        items.extend(part.and_then(|part| Self::value(part, &item)));
                    }
                },
                Source::Call(call) => items.extend(Self::called(call, &item)),
                Source::Cast(..) | Source::Other => {}
            }
        }
    }

    /// The same part of what it was moved or copied from.
    fn value(operand: &Operand<'a>, item: &Item) -> Option<Item> {
        // What is read from behind a pointer or out of a list is a reference only if its type says so.
        let is_hidden = operand.is_behind || operand.is_element;
        if operand.ty.map_or(is_hidden, |ty| !has_region(ty)) {
            return None;
        }
        let rest = if is_hidden { &[][..] } else { &item.path };
        let path: Vec<u32> = operand.path.iter().chain(rest).copied().collect();
        (path.len() <= LONGEST).then_some(Item { place: operand.place, path, ..item.clone() })
    }

    /// The arguments that the result may have a reference of.
    fn called(call: &Call<'a>, item: &Item) -> Vec<Item> {
        let is_itself = call.path.ends_with("IntoFuture>::into_future");
        // `Pin::new_unchecked`, and whatever else makes a pinned reference of a reference.
        let pinned = call
            .result
            .split_once("Pin<&")
            .filter(|(path, _)| matches!(*path, "" | "std::pin::" | "core::pin::"));
        let pins = pinned.is_some_and(|(_, rest)| is_mutable(rest));
        let arguments = call.parameters.iter().zip(&call.arguments);
        let carried = arguments.filter_map(|(ty, argument)| {
            let argument = argument.as_ref().filter(|_| may_carry(ty, call.result))?;
            let path = if is_itself { item.path.clone() } else { Vec::new() };
            let pins = pins && ty.strip_prefix('&').is_some_and(is_mutable);
            Self::value(
                argument,
                &Item { path, is_pinned: pins || (is_itself && item.is_pinned), ..item.clone() },
            )
        });
        carried.collect()
    }
}

/// What polls itself: by a closure that was given to `poll_fn`.
pub fn is_poll_fn(ty: &str) -> bool {
    ty.split_once('<').is_some_and(|(path, _)| path.ends_with("::PollFn"))
}

/// The type that a reference, pinned or not, is to in the end; else the type itself.
pub(super) fn behind_references(ty: &str) -> &str {
    let mut ty = ty;
    loop {
        let pinned = ["std::pin::Pin<", "core::pin::Pin<"].iter().find_map(|pin| ty.strip_prefix(pin));
        let pinned =
            pinned.and_then(|pinned| pinned.strip_suffix('>')).filter(|inside| inside.starts_with('&'));
        match pinned.unwrap_or(ty).strip_prefix("&'{erased} mut ") {
            Some(inside) => ty = inside,
            None => return ty,
        }
    }
}

/// `'a mut T`, behind the `&`.
fn is_mutable(reference: &str) -> bool {
    match names::find_outside(reference, " ") {
        Some(at) => reference[at..].starts_with(" mut "),
        None => false,
    }
}

/// The operands of a right side.
fn read_by<'s, 'a>(source: &'s Source<'a>) -> Vec<&'s Operand<'a>> {
    match source {
        Source::Value(operand) | Source::Cast(operand, _) | Source::Reference { of: operand, .. } => {
            vec![operand]
        }
        Source::Parts { parts: list, .. } | Source::Call(Call { arguments: list, .. }) => {
            list.iter().flatten().collect()
        }
        Source::Other => Vec::new(),
    }
}

/// One loan for each local: the one that polls it, else that found first.
fn lend<'a>(loans: &mut Vec<Loan<'a>>, loan: Loan<'a>) {
    match loans.iter_mut().find(|known| known.saved == loan.saved) {
        Some(known) if loan.is_polled && !known.is_polled => *known = loan,
        Some(_) => {}
        None => loans.push(loan),
    }
}

/// Can only be polled, whoever has a `&mut` to it: a future, a pinned one, a reference to one, or a tuple with one.
fn contains_future(ty: &str) -> bool {
    let ty = ty.trim_start_matches("&'{erased} mut ");
    let is_one = |ty: &str| {
        let pins = ["std::pin::Pin<", "core::pin::Pin<"];
        CoroutineName::parse(ty).is_some() || pins.iter().any(|pin| ty.starts_with(pin))
    };
    let parts = ty.strip_prefix('(').and_then(|parts| parts.strip_suffix(')'));
    let mut parts = parts.into_iter().flat_map(names::arguments);
    is_one(ty) || parts.any(|part| is_one(part.trim_start_matches("&'{erased} mut ")))
}
