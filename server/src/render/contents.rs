//! What every picture of a future shows: its things with their letters, and its states in rows.

use crate::dump::type_sizes::NAMELESS;
use crate::layout::{Bytes, Future, Held, HeldKind, State, Usage};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;

/// More rows than this nobody compares.
const STATES: usize = 40;
/// More letters than this nobody looks up.
const THINGS: usize = 20;
/// The letter of what is held beyond that.
pub(super) const OTHER: char = '*';

/// Something held, the same in every state that holds it.
pub(super) struct Thing<'a> {
    pub held: &'a Held,
    pub letter: char,
}

/// What there is to draw.
pub(super) struct Contents<'a> {
    pub future: &'a Future,
    /// Largest first.
    pub things: Vec<Thing<'a>>,
    /// For each state its things by offset, as indices.
    states: Vec<(&'a State, Vec<usize>)>,
    usage: Usage,
    /// Where no state holds anything.
    pub holes: Vec<(u64, u64)>,
    /// Where the tag is, as far as that is certain.
    pub tag: Option<u64>,
    /// Bytes that are padding in every state.
    pub padding: u64,
    /// Bytes the bars stand for.
    pub extent: u64,
}

impl<'a> Contents<'a> {
    pub fn of(future: &'a Future) -> Self {
        let identity = |held: &'a Held| (&held.name, held.kind, held.offset, held.size, &held.ty);
        let mut things: Vec<&Held> = Vec::new();
        let mut known = HashMap::new();
        for held in future.states.iter().flat_map(|state| &state.held) {
            known.entry(identity(held)).or_insert_with(|| {
                things.push(held);
                things.len() - 1
            });
        }
        let mut order: Vec<usize> = (0..things.len()).collect();
        order.sort_by_key(|&i| (Reverse(things[i].size), things[i].offset));
        let mut rank = vec![0; things.len()];
        for (place, &thing) in order.iter().enumerate() {
            rank[thing] = place;
        }
        let states = future.states.iter().map(|state| {
            let mut held: Vec<usize> =
                state.held.iter().filter_map(|held| Some(rank[*known.get(&identity(held))?])).collect();
            held.sort_by_key(|&thing| (things[order[thing]].offset, thing));
            held.dedup();
            (state, held)
        });
        let states = states.collect();
        let mut letters = letters(order.iter().map(|&thing| things[thing].kind)).into_iter();
        let things: Vec<Thing<'_>> = order
            .iter()
            .map(|&thing| Thing { held: things[thing], letter: letters.next().unwrap_or(OTHER) })
            .collect();
        let used = things.iter().map(|thing| thing.held.end()).max().unwrap_or(0);
        let extent = future.size.max(used);
        let usage = Usage::of(future);
        let (holes, padding) = (usage.holes(), usage.padding());
        let tag = usage.tag_at();
        Contents { future, things, states, usage, holes, tag, padding, extent }
    }

    pub fn held(&self, thing: usize) -> &'a Held {
        self.things[thing].held
    }
}

/// The letters of things given largest first.
fn letters(kinds: impl Iterator<Item = HeldKind>) -> Vec<char> {
    let kinds: Vec<HeldKind> = kinds.collect();
    // A long body awaits something else in each state. That must not take the letters of all that is held
    // in many: half of them are kept for it.
    let awaited = kinds.iter().filter(|&&kind| kind == HeldKind::Awaitee).count();
    let mut awaitees = awaited.min(THINGS - (kinds.len() - awaited).min(THINGS / 2));
    let mut rest = THINGS - awaitees;
    let mut alphabet = 'a'..='z';
    let letter = |kind| {
        let left = if kind == HeldKind::Awaitee { &mut awaitees } else { &mut rest };
        let Some(less) = left.checked_sub(1) else { return OTHER };
        *left = less;
        alphabet.next().unwrap_or(OTHER)
    };
    kinds.into_iter().map(letter).collect()
}

/// States that hold the same things.
pub(super) struct Row<'a> {
    pub states: Vec<&'a State>,
    pub things: Vec<usize>,
    /// What the bytes are there for.
    pub bytes: Bytes,
    pub label: String,
    /// The label names the first of the states only.
    pub note: bool,
}

pub(super) struct Rows<'a> {
    pub shown: Vec<Row<'a>>,
    /// How many states have no bar, and the bytes of the largest of them.
    pub left_out: Option<(usize, u64)>,
}

pub(super) fn rows<'a>(contents: &Contents<'a>) -> Rows<'a> {
    let mut shown: Vec<Row<'a>> = Vec::new();
    let mut known: HashMap<&[usize], usize> = HashMap::new();
    for (state, things) in &contents.states {
        let row = *known.entry(things.as_slice()).or_insert_with(|| {
            let (things, bytes) = (things.clone(), contents.usage.in_state(state));
            shown.push(Row { states: Vec::new(), things, bytes, label: String::new(), note: false });
            shown.len() - 1
        });
        shown[row].states.push(state);
    }
    let mut left_out = None;
    if shown.len() > STATES {
        let mut sizes: Vec<(Reverse<u64>, usize)> =
            shown.iter().enumerate().map(|(i, row)| (Reverse(row.bytes.held), i)).collect();
        sizes.sort_unstable();
        let rest = sizes.split_off(STATES);
        let largest = rest.first().map_or(0, |(size, _)| size.0);
        let mut keep = vec![true; shown.len()];
        for (_, row) in rest {
            keep[row] = false;
        }
        let mut keep = keep.into_iter();
        let before: usize = shown.iter().map(|row| row.states.len()).sum();
        shown.retain(|_| keep.next().unwrap_or(true));
        let after: usize = shown.iter().map(|row| row.states.len()).sum();
        left_out = Some((before - after, largest));
    }
    for row in &mut shown {
        (row.label, row.note) = label(&row.states, contents.future);
    }
    Rows { shown, left_out }
}

/// `Suspend0 :14`, `Suspend0-2 :14…`, `Unresumed`; and whether other states than those named are meant too.
fn label(states: &[&State], future: &Future) -> (String, bool) {
    let first = &states[0].name;
    let numbers: Option<Vec<u64>> =
        states.iter().map(|state| state.name.strip_prefix("Suspend")?.parse().ok()).collect();
    let (mut label, note) = match numbers {
        _ if states.len() == 1 => (first.to_string(), false),
        Some(numbers) => (format!("Suspend{}", ranges(&numbers)), false),
        None => (first.to_string(), true),
    };
    // A line of a macro's file would be taken for one of the user's.
    let file = future.body.as_ref().and_then(|body| body.span.as_ref()).map(|span| &span.file);
    let awaits = states.iter().filter_map(|state| state.awaiting.as_ref());
    let mut lines: Vec<u32> =
        awaits.filter(|at| file.is_none_or(|file| *file == at.file)).map(|at| at.start.line).collect();
    lines.dedup();
    if let Some(line) = lines.first() {
        let _ = write!(label, " :{line}{}", if lines.len() > 1 { "…" } else { "" });
    }
    (label, note)
}

/// `0-2,5`
fn ranges(numbers: &[u64]) -> String {
    let mut out = String::new();
    let mut i = 0;
    while i < numbers.len() {
        let mut last = i;
        while last + 1 < numbers.len() && Some(numbers[last + 1]) == numbers[last].checked_add(1) {
            last += 1;
        }
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{}", numbers[i]);
        if last > i {
            let _ = write!(out, "-{}", numbers[last]);
        }
        i = last + 1;
    }
    out
}

/// The name it goes by. `.coroutine_field3`, which says nothing, is `_s3` in the compiler's MIR.
pub(super) fn name(held: &Held) -> Cow<'_, str> {
    match held.name.strip_prefix(NAMELESS) {
        Some(number) => Cow::Owned(format!("_s{number}")),
        None => Cow::Borrowed(&held.name),
    }
}
