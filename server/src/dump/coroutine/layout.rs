//! What every dialect says about the stored locals, and what must hold of it, whoever said it.

use super::{BodyVariant, Saved};
use std::collections::HashSet;

/// What a coroutine's body stores, in which states, and what is in storage at the same time.
#[derive(Debug, Default)]
pub(super) struct Layout<'a> {
    /// `_s0`, `_s1`, … in order.
    pub saved: Vec<Saved<'a>>,
    /// The states in order of their discriminant.
    pub variants: Vec<BodyVariant<'a>>,
    /// See [`CoroutineBody::storage_conflicts`](super::CoroutineBody::storage_conflicts).
    pub conflicts: Vec<(u32, u32)>,
    /// Nothing of it is certain.
    pub is_unread: bool,
    /// The conflicts are not certain.
    pub are_conflicts_unread: bool,
    /// The first line that was not as expected.
    pub example: Option<&'a str>,
}

/// The states in which it does not wait, in order of their discriminant.
const UNSUSPENDED: [&str; 3] = ["Unresumed", "Returned", "Panicked"];

impl<'a> Layout<'a> {
    /// Notes that nothing is certain because of a line.
    pub fn unread(&mut self, line: &'a str) {
        self.is_unread = true;
        self.example.get_or_insert(line);
    }

    /// Notes that the conflicts are not certain because of a line.
    pub fn unread_conflicts(&mut self, line: &'a str) {
        self.are_conflicts_unread = true;
        self.example.get_or_insert(line);
    }

    /// Adds the stored local of that number, as `line` says. It must be the next one.
    pub fn add_saved(&mut self, number: Option<usize>, saved: Saved<'a>, line: &'a str) {
        if number != Some(self.saved.len()) {
            self.unread(line);
        }
        self.saved.push(saved);
    }

    /// Adds `Suspend0 (3): [_s0, _s1]`, where locals are named by `prefix` and number. It must be the state that comes
    /// next.
    pub fn add_variant(&mut self, text: &'a str, prefix: &str, line: &'a str) {
        match variant(text, prefix, self.saved.len()) {
            Some(variant) => {
                if !is_variant(&variant, self.variants.len()) {
                    self.unread(line);
                }
                self.variants.push(variant);
            }
            None => self.unread(line),
        }
    }

    /// Adds `(_s0, _s1)`.
    pub fn add_conflict(&mut self, text: &str, prefix: &str, line: &'a str) {
        match conflict(text, prefix, self.saved.len()) {
            Some(conflict) => self.conflicts.push(conflict),
            None => self.unread_conflicts(line),
        }
    }

    /// Checks it against itself when all of it is read. `line` is an example of what it was read from.
    pub fn check(&mut self, line: &'a str) {
        let stored = |saved: usize| self.variants.iter().any(|v| v.fields.contains(&(saved as u32)));
        let mut saved = self.saved.iter().enumerate();
        let is_whole = self.variants.len() >= UNSUSPENDED.len()
            && saved.all(|(index, saved)| saved.span.is_some() && stored(index));
        if !is_whole {
            self.unread(line);
        } else if !self.has_all_conflicts() {
            self.unread_conflicts(line);
        }
    }

    /// The states in which it waits.
    pub fn suspended<'b>(variants: &'b [BodyVariant<'a>]) -> impl Iterator<Item = &'b BodyVariant<'a>> {
        variants.iter().skip(UNSUSPENDED.len())
    }

    /// Each local conflicts with itself, with what it shares a state with, and with whatever conflicts with it; but
    /// one that is always in storage conflicts with all, which need not conflict with it. Are those pairs there?
    fn has_all_conflicts(&self) -> bool {
        let pairs: HashSet<(u32, u32)> = self.conflicts.iter().copied().collect();
        let count = self.saved.len() as u32;
        let is_always_there = |row: u32| (0..count).all(|column| pairs.contains(&(row, column)));
        let together = |fields: &[u32]| {
            let pair = |a: u32, b: u32| pairs.contains(&(a, b)) || pairs.contains(&(b, a));
            fields.iter().enumerate().all(|(at, &a)| fields[at + 1..].iter().all(|&b| pair(a, b)))
        };
        (0..count).all(|saved| pairs.contains(&(saved, saved)))
            && pairs.iter().all(|&(row, column)| pairs.contains(&(column, row)) || is_always_there(row))
            && self.variants.iter().all(|variant| together(&variant.fields))
    }
}

/// `Suspend0 (3): [_s0, _s1]`
fn variant<'a>(text: &'a str, prefix: &str, saved: usize) -> Option<BodyVariant<'a>> {
    let (name, rest) = text.trim_start().split_once('(')?;
    let (index, rest) = rest.split_once("): [")?;
    let fields = rest
        .strip_suffix(']')?
        .split(", ")
        .filter(|field| !field.is_empty())
        .map(|field| field.strip_prefix(prefix)?.parse().ok().filter(|&n| (n as usize) < saved))
        .collect::<Option<Vec<u32>>>()?;
    Some(BodyVariant { name: name.trim_end(), index: index.parse().ok()?, fields, suspended_at: None })
}

/// Is this the state with that discriminant, as the compiler numbers them?
fn is_variant(variant: &BodyVariant<'_>, index: usize) -> bool {
    let is_named = match UNSUSPENDED.get(index) {
        Some(name) => variant.name == *name && variant.fields.is_empty(),
        None => {
            let number = variant.name.strip_prefix("Suspend").and_then(|number| number.parse().ok());
            number == Some(index - UNSUSPENDED.len())
        }
    };
    is_named && variant.index as usize == index && variant.fields.is_sorted_by(|a, b| a < b)
}

/// `(_s0, _s1)`
fn conflict(text: &str, prefix: &str, saved: usize) -> Option<(u32, u32)> {
    let (row, column) = text.trim_start().strip_prefix('(')?.strip_suffix(')')?.split_once(", ")?;
    let known =
        |local: &str| local.strip_prefix(prefix)?.parse().ok().filter(|&n: &u32| (n as usize) < saved);
    Some((known(row)?, known(column)?))
}
