//! What the bytes of a future are there for in each of its states.
//!
//! ```text
//! size = held + tag + padding + free
//! ```
//!
//! *Held* is what things stored in the state take; captures are in every state, since that is how the compiler lays
//! them out, even where their value was moved away. The *tag* says which state it is. *Padding* is what no state
//! stores anything in: it is there because of alignments, between things or at the end. What is left is *free* in
//! this state: other states store something there. So tag and padding are the same in all states.
//!
//! What the compiler prints as a state's size is another number: where the last local ends, the holes before it and
//! what lies in them included (a tag perhaps), but not the captures behind it.

use super::whatif::Without;
use super::{Future, Held, HeldKind, State};
use serde::Serialize;
use std::collections::HashMap;

/// What the bytes of one state are there for. They add up to the future's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Bytes {
    /// Things stored in this state.
    pub held: u64,
    /// Which state it is.
    pub tag: u64,
    /// Nothing in any state.
    pub padding: u64,
    /// Things of other states.
    pub free: u64,
}

/// Where a future stores anything at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    size: u64,
    tag: u64,
    /// From and to, by offset, without overlaps: bytes that some state holds something in.
    taken: Vec<(u64, u64)>,
    /// Where the last thing ends that is certainly laid out together with the tag.
    prefix: u64,
}

impl Usage {
    /// Looks at all states.
    pub fn of(future: &Future) -> Usage {
        let things = future.states.iter().flat_map(|state| &state.held);
        let taken = union(things.map(|held| (held.offset, held.end())).collect());
        Usage { size: future.size, tag: future.discriminant, taken, prefix: prefix(future) }
    }

    /// Where the tag is: bytes from the start of the future. The compiler does not print it; None where it does not
    /// follow from what it prints.
    ///
    /// The compiler lays out captures, the tag and what several states hold first, together, by falling alignment. As
    /// sizes are multiples of alignments there is nothing between them. So the first bytes that no state holds anything
    /// in are the tag's, and all of those things lie without another hole before and behind it.
    pub fn tag_at(&self) -> Option<u64> {
        let holes = self.holes();
        let &(from, to) = holes.first().filter(|_| self.tag > 0)?;
        let fits = from % self.tag == 0 && to - from >= self.tag;
        let is_last = self.prefix <= from;
        let is_between = to - from == self.tag && holes.get(1).is_none_or(|next| self.prefix <= next.0);
        (fits && (is_last || is_between)).then_some(from)
    }

    /// What the bytes are there for in a state.
    pub fn in_state(&self, state: &State) -> Bytes {
        let held = sum(&union(state.held.iter().map(|held| (held.offset, held.end())).collect()));
        Bytes { held, tag: self.tag, padding: self.padding(), free: sum(&self.taken).saturating_sub(held) }
    }

    /// Bytes that no state uses, in every state.
    pub fn padding(&self) -> u64 {
        self.size.saturating_sub(sum(&self.taken)).saturating_sub(self.tag)
    }

    /// From and to, by offset: where no state holds anything. The tag is in one of them, the rest is padding.
    pub fn holes(&self) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        let mut free = 0;
        for &(start, end) in self.taken.iter().chain([&(self.size, self.size)]) {
            if free < start.min(self.size) {
                holes.push((free, start.min(self.size)));
            }
            free = free.max(end);
        }
        holes
    }
}

/// Where the last of those things ends that are laid out together with the tag: captures, and locals that several states
/// hold.
fn prefix(future: &Future) -> u64 {
    let mut states_of: HashMap<u32, u32> = HashMap::new();
    for saved in future.states.iter().flat_map(|state| &state.held).filter_map(|held| held.saved) {
        *states_of.entry(saved).or_default() += 1;
    }
    let is_in_several = |held: &&Held| held.saved.is_some_and(|saved| states_of[&saved] > 1);
    let things = future.states.iter().flat_map(|state| &state.held).filter(|held| held.size > 0);
    let prefix = things.filter(|held| held.kind == HeldKind::Upvar || is_in_several(held));
    prefix.map(Held::end).max().unwrap_or(0)
}

/// The same bytes, each once.
fn union(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    ranges.dedup_by(|next, before| {
        let joined = next.0 <= before.1;
        if joined {
            before.1 = before.1.max(next.1);
        }
        joined
    });
    ranges
}

fn sum(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().fold(0, |sum, (start, end)| sum.saturating_add(end - start))
}

/// What each state would take alone, by the compiler's own algorithm: the future's size in bytes if it held nothing but
/// captures and what the state holds. By index of [`Future::states`].
///
/// None of those that nobody waits in. Empty if the algorithm does not give the future's printed size.
pub fn needs(future: &Future) -> Vec<Option<u64>> {
    let Some(without) = Without::new(future) else { return Vec::new() };
    let states = future.states.iter().enumerate();
    states.map(|(index, state)| without.others(index).filter(|_| state.is_suspended())).collect()
}

/// The states that a future owes its size to, as indices into [`Future::states`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Largest {
    /// Those that need most: one, or several that need the same.
    pub states: Vec<usize>,
    /// The next largest.
    pub next: Option<usize>,
    /// Bytes that the next largest needs less.
    pub less: u64,
    /// Bytes that all others add, since what is held across several awaits has its place in all states. So much at
    /// most can be saved by shrinking what the largest do not hold.
    pub others: u64,
}

impl Largest {
    /// From what each of them needs. None where that is not known.
    pub fn of(size: u64, needs: &[Option<u64>]) -> Option<Largest> {
        let most = needs.iter().flatten().copied().max()?;
        let of = |need: u64| move |(index, of): (usize, &Option<u64>)| (*of == Some(need)).then_some(index);
        let less = needs.iter().flatten().copied().filter(|&need| need < most).max();
        Some(Largest {
            states: needs.iter().enumerate().filter_map(of(most)).collect(),
            next: less.and_then(|less| needs.iter().enumerate().find_map(of(less))),
            less: less.map_or(0, |less| most - less),
            others: size.saturating_sub(most),
        })
    }
}
