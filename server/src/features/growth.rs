//! What became larger or smaller between two measurements, and which of the things held is to blame.

use super::record::{Key, Recorded, Recording};
use crate::render::one_line;
use crate::render::size::{exact, in_full};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What happened to a future.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It takes more bytes.
    Grown,
    /// It takes less.
    Shrunk,
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
}

/// One future's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// What happened.
    pub what: What,
    /// Of the later measurement; of the earlier one for what is gone.
    pub key: &'a Key,
    /// Earlier.
    pub before: Option<&'a Recorded>,
    /// Later.
    pub after: Option<&'a Recorded>,
    /// What it holds that changed, the largest change first. Empty for what is new or gone.
    pub things: Vec<Thing<'a>>,
}

/// A thing held whose size changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Thing<'a> {
    /// The variable, or what is awaited.
    pub name: &'a str,
    /// Bytes; absent if it was not held, or too small to be recorded.
    pub before: Option<u64>,
    /// Bytes; absent as well.
    pub after: Option<u64>,
}

/// Two measurements, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// Every future whose size changed, that is new or gone: grown ones first, the largest change first.
    pub changes: Vec<Change<'a>>,
    /// Futures that have another path now and are otherwise what they were.
    pub renamed: usize,
    /// Futures of the same size.
    pub same: usize,
}

/// Why two measurements cannot be compared: their sizes differ anyway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{old}` cannot be compared with {what} `{new}`: sizes differ between {what}s anyway")]
pub struct Incomparable {
    what: &'static str,
    old: String,
    new: String,
}

/// Compares two measurements.
///
/// Futures are the same if package, unit and identity are. (If one side is of a futurelens that did not tell packages,
/// those of all packages are taken together: what is the same comes first.) Of what is left, those are that are called the same in another
/// module, and those that have another name and are otherwise as before. The numbers of closures shift when another
/// is put before them, so those of one fn are told apart by what they hold.
///
/// # Errors
///
/// If they are of different profiles or targets.
pub fn compare<'a>(old: &'a Recording, new: &'a Recording) -> Result<Comparison<'a>, Incomparable> {
    let (a, b) = (&old.measured, &new.measured);
    for (what, old, new) in [("profile", &a.profile, &b.profile), ("target", &a.target, &b.target)] {
        if old != new {
            return Err(Incomparable { what, old: old.clone(), new: new.clone() });
        }
    }
    let tells_packages =
        [old, new].iter().all(|record| record.futures.keys().all(|key| !key.package.is_empty()));
    let mut pairs = Pairs::new(old, new, tells_packages);
    pairs.of_the_same_fn();
    let certain = pairs.found.len();
    let package = |key: &Key| if tells_packages { key.package.clone() } else { String::new() };
    pairs.by(|key, _| Some((package(key), key.unit.clone(), key.krate().to_owned(), own_name(&key.id)?)));
    // Only what is large enough to be told by its size.
    pairs.by(|key, future| {
        (future.size > 16).then(|| (package(key), key.krate().to_owned(), future.size, future.held.clone()))
    });
    let mut comparison = Comparison { changes: Vec::new(), renamed: pairs.found.len() - certain, same: 0 };
    for (old_key, key) in &pairs.found {
        let (before, after) = (&old.futures[*old_key], &new.futures[*key]);
        let what = match before.size.cmp(&after.size) {
            std::cmp::Ordering::Less => What::Grown,
            std::cmp::Ordering::Equal => {
                comparison.same += 1;
                continue;
            }
            std::cmp::Ordering::Greater => What::Shrunk,
        };
        let things = things(before, after);
        comparison.changes.push(Change { what, key, before: Some(before), after: Some(after), things });
    }
    let (gone, come) = (&pairs.old, &pairs.new);
    comparison.changes.extend(come.iter().map(|(key, after)| Change {
        what: What::New,
        key,
        before: None,
        after: Some(after),
        things: Vec::new(),
    }));
    comparison.changes.extend(gone.iter().map(|(key, before)| Change {
        what: What::Gone,
        key,
        before: Some(before),
        after: None,
        things: Vec::new(),
    }));
    comparison.changes.sort_by_key(|change| (change.what, std::cmp::Reverse(change.bytes()), change.key));
    Ok(comparison)
}

/// More futures of one name are not compared each with each: by order, they are the same as often as not.
const MOST_PAIRS: usize = 1 << 20;

/// Futures of both sides, and which belong together.
struct Pairs<'a> {
    old: BTreeMap<&'a Key, &'a Recorded>,
    new: BTreeMap<&'a Key, &'a Recorded>,
    /// Both sides tell the packages of all futures.
    tells_packages: bool,
    found: Vec<(&'a Key, &'a Key)>,
}

impl<'a> Pairs<'a> {
    fn new(old: &'a Recording, new: &'a Recording, tells_packages: bool) -> Self {
        let (old, new) = (old.futures.iter().collect(), new.futures.iter().collect());
        Self { old, new, tells_packages, found: Vec::new() }
    }

    /// Those of one fn, or of methods of one name: the numbers of blocks and impls shift. First what is the same on
    /// both sides, then what has most in common, then by order.
    fn of_the_same_fn(&mut self) {
        let groups = |futures: &BTreeMap<&'a Key, &'a Recorded>| {
            let mut groups: BTreeMap<(&'a str, &'a str, String), Vec<&'a Key>> = BTreeMap::new();
            for &key in futures.keys() {
                let package = if self.tells_packages { &*key.package } else { "" };
                groups.entry((package, &key.unit, without_numbers(&key.id))).or_default().push(key);
            }
            for group in groups.values_mut() {
                group.sort_by_key(|key| (numbers(&key.id), *key));
            }
            groups
        };
        let (before, after) = (groups(&self.old), groups(&self.new));
        let mut found = Vec::new();
        for (name, mut old) in before {
            let Some(mut new) = after.get(&name).cloned() else { continue };
            for wanted in [Likeness::SameInPlace, Likeness::Same] {
                old.retain(|key| {
                    let at = new.iter().position(|other| self.likeness(key, other) >= wanted);
                    found.extend(at.map(|at| (*key, new.remove(at))));
                    at.is_none()
                });
            }
            // The most alike first; of equals the first. What has nothing in common, by order.
            let mut alike = Vec::new();
            if old.len() * new.len() <= MOST_PAIRS {
                let pairs = (0..old.len()).flat_map(|a| (0..new.len()).map(move |b| (a, b)));
                alike.extend(pairs.map(|(a, b)| (self.likeness(old[a], new[b]), a, b)));
            }
            alike.retain(|(likeness, ..)| *likeness != Likeness::Common(0, false));
            alike.sort_by_key(|&(likeness, a, b)| (std::cmp::Reverse(likeness), a, b));
            let (mut old, mut new): (Vec<_>, Vec<_>) =
                (old.into_iter().map(Some).collect(), new.into_iter().map(Some).collect());
            for (_, a, b) in alike {
                if let (Some(before), Some(after)) = (old[a], new[b]) {
                    (old[a], new[b]) = (None, None);
                    found.push((before, after));
                }
            }
            found.extend(old.into_iter().flatten().zip(new.into_iter().flatten()));
        }
        self.found.extend(found);
        self.take();
    }

    fn likeness(&self, old: &Key, new: &Key) -> Likeness {
        let (before, after) = (self.old[old], self.new[new]);
        let is_in_place = (&old.unit, &old.id) == (&new.unit, &new.id);
        match (before.size == after.size && things(before, after).is_empty(), is_in_place) {
            (true, true) => Likeness::SameInPlace,
            (true, false) => Likeness::Same,
            (false, is_in_place) => {
                let common = before.held.keys().filter(|name| after.held.contains_key(*name)).count();
                Likeness::Common(common, is_in_place)
            }
        }
    }

    /// Those of which there is one on each side with such a mark.
    fn by<M: Ord>(&mut self, mark: impl Fn(&Key, &Recorded) -> Option<M>) {
        let single = |futures: &BTreeMap<&'a Key, &'a Recorded>| {
            let mut single: BTreeMap<M, Option<&'a Key>> = BTreeMap::new();
            for (key, future) in futures {
                if let Some(mark) = mark(key, future) {
                    single.entry(mark).and_modify(|key| *key = None).or_insert(Some(*key));
                }
            }
            single
        };
        let (old, new) = (single(&self.old), single(&self.new));
        let pair = |(mark, key): (&M, &Option<&'a Key>)| Some(((*key)?, (*new.get(mark)?)?));
        self.found.extend(old.iter().filter_map(pair));
        self.take();
    }

    fn take(&mut self) {
        for (old, new) in &self.found {
            self.old.remove(old);
            self.new.remove(new);
        }
    }
}

/// How much two futures that are called the same have in common, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// So many names of things held; and are the numbers the same, too?
    Common(usize, bool),
    /// Everything but the numbers.
    Same,
    /// Everything.
    SameInPlace,
}

/// How the compiler writes the number of a closure, a block or an impl: `{closure#1}`.
const NUMBER: char = '#';

/// The identity without the numbers of closures: `f::{closure#0}::{closure#1}` becomes `f::{closure}::{closure}`.
fn without_numbers(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for (index, part) in id.split(NUMBER).enumerate() {
        let part = match index {
            0 => part,
            _ => part.trim_start_matches(|c: char| c.is_ascii_digit()),
        };
        out.push_str(part);
    }
    out
}

fn numbers(id: &str) -> Vec<u64> {
    let number = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().unwrap_or(u64::MAX)
    };
    id.split(NUMBER).skip(1).map(number).collect()
}

/// What a future is called inside its module: the last named segment and what follows it, `apply::{closure#0}<T = u8>`.
fn own_name(id: &str) -> Option<String> {
    let path = id.find("}<").map_or(id, |at| &id[..=at]);
    let mut start = path.len();
    loop {
        let segment = path[..start].rfind("::").map_or(0, |at| at + 2);
        if !path[segment..].starts_with('{') {
            return Some(id[segment..].to_owned());
        }
        start = segment.checked_sub(2)?;
    }
}

/// What is held in other sizes, the largest change first. What one side did not record because it is small is not
/// listed if it may have been as large there.
fn things<'a>(before: &'a Recorded, after: &'a Recorded) -> Vec<Thing<'a>> {
    let names: BTreeSet<&String> = before.held.keys().chain(after.held.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let (old, new) = (before.held.get(name).copied(), after.held.get(name).copied());
        let is_changed = match (old, new) {
            (Some(old), Some(new)) => old != new,
            (Some(size), None) => size >= after.least,
            (None, Some(size)) => size >= before.least,
            (None, None) => false,
        };
        is_changed.then_some(Thing { name, before: old, after: new })
    });
    let mut things: Vec<Thing<'_>> = changed.collect();
    things.sort_by_key(|thing| std::cmp::Reverse(thing.by().unsigned_abs()));
    things
}

impl Thing<'_> {
    fn by(&self) -> i64 {
        difference(self.before.unwrap_or(0), self.after.unwrap_or(0))
    }

    /// `buffer: 1,024 bytes, was 0`.
    pub fn text(&self) -> String {
        match (self.before, self.after) {
            (Some(before), Some(after)) => {
                format!("{}: {}, was {}", self.name, in_full(after), exact(before))
            }
            (None, after) => format!("{}: {}, new", self.name, in_full(after.unwrap_or(0))),
            (Some(before), None) => format!("{}: {}, gone", self.name, in_full(before)),
        }
    }
}

impl Change<'_> {
    /// What it is called.
    pub fn future(&self) -> Option<&Recorded> {
        self.after.or(self.before)
    }

    /// How many bytes more or less.
    pub fn bytes(&self) -> u64 {
        let size = |future: Option<&Recorded>| future.map_or(0, |future| future.size);
        size(self.before).abs_diff(size(self.after))
    }

    /// What is to blame for growth: the things that became larger; a sentence if none did.
    pub fn culprits(&self) -> Vec<String> {
        let larger: Vec<String> =
            self.things.iter().filter(|thing| thing.by() > 0).take(3).map(Thing::text).collect();
        match larger.is_empty() && self.what == What::Grown {
            true => vec!["nothing it holds is larger: more of it is held at the same time".to_owned()],
            false => larger,
        }
    }
}

/// Bytes more, or less below zero.
fn difference(before: u64, after: u64) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX).saturating_sub(i64::try_from(before).unwrap_or(i64::MAX))
}

/// `+1,024`, `-8`.
fn signed(before: u64, after: u64) -> String {
    let sign = if after < before { '-' } else { '+' };
    format!("{sign}{}", exact(before.abs_diff(after)))
}

/// `futurelens diff --format json`. Sizes in bytes.
#[derive(Debug, Serialize)]
pub struct Diff<'a> {
    schema: u32,
    profile: &'a str,
    target: &'a str,
    changes: Vec<DiffEntry<'a>>,
    renamed: usize,
    same: usize,
}

#[derive(Debug, Serialize)]
struct DiffEntry<'a> {
    what: What,
    name: &'a str,
    #[serde(rename = "crate")]
    krate: &'a str,
    package: &'a str,
    unit: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    held: &'a [Thing<'a>],
}

impl<'a> Comparison<'a> {
    /// For programs.
    pub fn diff(&'a self, new: &'a Recording) -> Diff<'a> {
        let changes = self.changes.iter().filter_map(|change| {
            let future = change.future()?;
            Some(DiffEntry {
                what: change.what,
                name: &future.name,
                krate: change.key.krate(),
                package: &change.key.package,
                unit: &change.key.unit,
                id: &change.key.id,
                file: future.place.as_ref().map(|place| &*place.file),
                line: future.place.as_ref().map(|place| place.line),
                before: change.before.map(|future| future.size),
                after: change.after.map(|future| future.size),
                held: &change.things,
            })
        });
        let (profile, target) = (&new.measured.profile, &new.measured.target);
        let changes = changes.collect();
        Diff {
            schema: super::report::SCHEMA,
            profile,
            target,
            changes,
            renamed: self.renamed,
            same: self.same,
        }
    }

    /// For people.
    ///
    /// ```text
    ///    change     before      after  future
    ///    +1,024        496      1,520  cmd::set::Set::apply  src/cmd/set.rs:128
    ///                                    buffer: 1,024 bytes, new
    /// ```
    pub fn table(&self) -> String {
        let mut out = String::new();
        if self.changes.is_empty() {
            return out;
        }
        let _ = writeln!(out, "{:>9}  {:>9}  {:>9}  future", "change", "before", "after");
        for change in &self.changes {
            let size = |future: Option<&Recorded>| future.map_or("-".to_owned(), |future| exact(future.size));
            let what = match change.what {
                What::New => "new".to_owned(),
                What::Gone => "gone".to_owned(),
                What::Grown | What::Shrunk => change.signed(),
            };
            let (before, after) = (size(change.before), size(change.after));
            let _ = writeln!(out, "{what:>9}  {before:>9}  {after:>9}  {}", one_line(&change.title()));
            for thing in change.things.iter().take(3) {
                let _ = writeln!(out, "{:35}{}", "", one_line(&thing.text()));
            }
        }
        let _ = writeln!(out, "{}", self.summary());
        out
    }

    /// For a comment on a pull request.
    pub fn markdown(&self) -> String {
        let mut out = format!("### Sizes of futures\n\n{}\n", self.summary());
        if self.changes.is_empty() {
            return out;
        }
        out.push_str("\n| change | before | after | future | held |\n|---:|---:|---:|---|---|\n");
        for change in &self.changes {
            let size = |future: Option<&Recorded>| future.map_or(String::new(), |future| exact(future.size));
            let what = match change.what {
                What::New => "new".to_owned(),
                What::Gone => "gone".to_owned(),
                What::Grown | What::Shrunk => change.signed(),
            };
            let things: Vec<String> = change.things.iter().take(3).map(|thing| cell(&thing.text())).collect();
            let (before, after) = (size(change.before), size(change.after));
            let title = cell(&change.title());
            let _ = writeln!(out, "| {what} | {before} | {after} | {title} | {} |", things.join("<br>"));
        }
        out
    }

    /// `1 grown, 0 shrunk, 2 new, 0 gone, 1 renamed, 40 as before`.
    pub fn summary(&self) -> String {
        let count = |what: What| self.changes.iter().filter(|change| change.what == what).count();
        let [grown, shrunk, new, gone] = [What::Grown, What::Shrunk, What::New, What::Gone].map(count);
        let Self { renamed, same, .. } = self;
        format!(
            "{grown} grown, {shrunk} shrunk, {new} new, {gone} gone, {renamed} renamed, {same} of the same size"
        )
    }
}

impl Change<'_> {
    fn signed(&self) -> String {
        let size = |future: Option<&Recorded>| future.map_or(0, |future| future.size);
        signed(size(self.before), size(self.after))
    }

    fn title(&self) -> String {
        let Some(future) = self.future() else { return String::new() };
        match &future.place {
            Some(place) => format!("{}  {}:{}", future.name, place.file, place.line),
            None => future.name.clone(),
        }
    }
}

/// Text from the source as code in a cell of a Markdown table.
fn cell(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'").replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::record::Measured;
    use proptest::prelude::*;

    /// Identity, bytes, what it holds.
    type Line<'a> = (&'a str, u64, &'a [(&'a str, u64)]);

    fn record(futures: &[Line<'_>]) -> Recording {
        let measured = Measured {
            compiler: "rustc".to_owned(),
            profile: "release".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
        };
        let future = |&(id, size, held): &Line<'_>| {
            let (package, id) = id.split_once('/').unwrap_or(("p", id));
            let key = Key { package: package.to_owned(), unit: "lib".to_owned(), id: id.to_owned() };
            let held = held.iter().map(|&(name, size)| (name.to_owned(), size)).collect();
            (key, Recorded { name: id.to_owned(), size, held, ..Recorded::default() })
        };
        Recording { measured, futures: futures.iter().map(future).collect() }
    }

    fn table(old: &Recording, new: &Recording) -> String {
        compare(old, new).map_or_else(|error| error.to_string(), |comparison| comparison.table())
    }

    #[test]
    fn what_grew_comes_first_with_what_is_to_blame() {
        let old = record(&[
            ("a::f::{closure#0}", 16, &[("x", 8)]),
            ("a::g::{closure#0}", 100, &[("y", 90)]),
            ("a::h::{closure#0}", 3, &[]),
            ("a::same::{closure#0}", 5, &[]),
        ]);
        let new = record(&[
            ("a::f::{closure#0}", 1040, &[("buffer", 1024), ("x", 8)]),
            ("a::g::{closure#0}", 20, &[("y", 10)]),
            ("a::i::{closure#0}", 4, &[]),
            ("a::same::{closure#0}", 5, &[]),
        ]);
        expect_test::expect![[r"
   change     before      after  future
   +1,024         16      1,040  a::f::{closure#0}
                                   buffer: 1,024 bytes, new
      -80        100         20  a::g::{closure#0}
                                   y: 10 bytes, was 90
      new          -          4  a::i::{closure#0}
     gone          3          -  a::h::{closure#0}
1 grown, 1 shrunk, 1 new, 1 gone, 0 renamed, 1 of the same size
"]]
        .assert_eq(&table(&old, &new));
    }

    #[test]
    fn a_block_before_another_does_not_make_it_grow() {
        let old = record(&[
            ("a::f::{closure#0}", 9, &[]),
            ("a::f::{closure#0}::{closure#0}", 400, &[]),
            ("a::f::{closure#0}::{closure#1}", 800, &[]),
        ]);
        let new = record(&[
            ("a::f::{closure#0}", 9, &[]),
            ("a::f::{closure#0}::{closure#0}", 500, &[]),
            ("a::f::{closure#0}::{closure#1}", 400, &[]),
            ("a::f::{closure#0}::{closure#2}", 800, &[]),
        ]);
        let comparison = compare(&old, &new).expect("they were measured alike");
        assert_eq!(comparison.summary(), "0 grown, 0 shrunk, 1 new, 0 gone, 0 renamed, 3 of the same size");
        let comparison = compare(&new, &old).expect("they were measured alike");
        assert_eq!(comparison.summary(), "0 grown, 0 shrunk, 0 new, 1 gone, 0 renamed, 3 of the same size");
    }

    #[test]
    fn impls_change_places() {
        let old = record(&[
            ("a::{impl#0}::run::{closure#0}", 100, &[("x", 90)]),
            ("a::{impl#1}::run::{closure#0}", 300, &[("y", 290)]),
            ("a::{impl#2}::run::{closure#0}", 50, &[("z", 40)]),
        ]);
        let new = record(&[
            ("a::{impl#0}::run::{closure#0}", 350, &[("y", 340)]),
            ("a::{impl#1}::run::{closure#0}", 50, &[("z", 40)]),
            ("a::{impl#2}::run::{closure#0}", 100, &[("x", 90)]),
            ("a::{impl#3}::run::{closure#0}", 7, &[]),
        ]);
        let comparison = compare(&old, &new).expect("they were measured alike");
        assert_eq!(comparison.summary(), "1 grown, 0 shrunk, 1 new, 0 gone, 0 renamed, 2 of the same size");
        assert_eq!(comparison.changes[0].culprits(), ["y: 340 bytes, was 290"]);
    }

    #[test]
    fn who_moves_to_another_module_is_still_watched() {
        let old = record(&[("a::one::{impl#0}::run::{closure#0}<T = u8>", 40, &[("x", 30)])]);
        let moved = record(&[("a::two::{impl#3}::run::{closure#0}<T = u8>", 50, &[("x", 40)])]);
        let comparison = compare(&old, &moved).expect("they were measured alike");
        assert_eq!(comparison.summary(), "1 grown, 0 shrunk, 0 new, 0 gone, 1 renamed, 0 of the same size");
        let renamed = record(&[("a::one::{impl#0}::walk::{closure#0}<T = u8>", 40, &[("x", 30)])]);
        let comparison = compare(&old, &renamed).expect("they were measured alike");
        assert_eq!(comparison.summary(), "0 grown, 0 shrunk, 0 new, 0 gone, 1 renamed, 1 of the same size");
        let other = record(&[("a::one::{impl#0}::walk::{closure#0}", 41, &[("x", 30)])]);
        let comparison = compare(&old, &other).expect("they were measured alike");
        assert_eq!(comparison.summary(), "0 grown, 0 shrunk, 1 new, 1 gone, 0 renamed, 0 of the same size");
    }

    #[test]
    fn many_impls_of_one_name_take_little_time() {
        let names: Vec<String> = (0..600).map(|n| format!("a::{{impl#{n}}}::call::{{closure#0}}")).collect();
        let of = |more: u64| {
            let sizes =
                names.iter().zip(0..).map(|(name, n)| (name.as_str(), 100 + n + more, &[("x", 50)][..]));
            record(&sizes.collect::<Vec<_>>())
        };
        let (old, new) = (of(0), of(1000));
        // Each grew, so that each could be any other: as they come, they are the same.
        let comparison = compare(&old, &new).unwrap();
        assert_eq!(comparison.changes.len(), 600);
        assert!(
            comparison.changes.iter().all(|change| change.bytes() == 1000),
            "{:?}",
            comparison.changes[0]
        );
    }

    #[test]
    fn packages_may_have_futures_of_one_name() {
        let old = record(&[("p/t::f::{closure#0}", 100, &[]), ("q/t::f::{closure#0}", 900, &[])]);
        let new = record(&[("p/t::f::{closure#0}", 800, &[]), ("q/t::f::{closure#0}", 900, &[])]);
        let summary =
            |old: &Recording, new: &Recording| compare(old, new).expect("they were measured alike").summary();
        assert_eq!(summary(&old, &new), "1 grown, 0 shrunk, 0 new, 0 gone, 0 renamed, 1 of the same size");
        let swapped = record(&[("p/t::f::{closure#0}", 900, &[]), ("q/t::f::{closure#0}", 100, &[])]);
        assert_eq!(
            summary(&old, &swapped),
            "1 grown, 1 shrunk, 0 new, 0 gone, 0 renamed, 0 of the same size"
        );
        // What did not tell packages knew one of them, the largest.
        let untold = record(&[("/t::f::{closure#0}", 900, &[])]);
        assert_eq!(summary(&untold, &old), "0 grown, 0 shrunk, 1 new, 0 gone, 0 renamed, 1 of the same size");
        let alone = record(&[("q/t::f::{closure#0}", 950, &[])]);
        assert_eq!(
            summary(&untold, &alone),
            "1 grown, 0 shrunk, 0 new, 0 gone, 0 renamed, 0 of the same size"
        );
    }

    #[test]
    fn profiles_are_not_compared() {
        let old = record(&[]);
        let mut new = record(&[]);
        new.measured.profile = "dev".to_owned();
        assert_eq!(
            table(&old, &new),
            "profile `release` cannot be compared with profile `dev`: sizes differ between profiles anyway"
        );
    }

    #[test]
    fn cells_hold_any_name() {
        assert_eq!(cell("a|b`c\n<T>"), "`a\\|b'c <T>`");
    }

    proptest! {
        /// Each future of either side is in exactly one place, whatever the names.
        #[test]
        fn nothing_is_lost(
            old in prop::collection::btree_map("(a|b)(::(f|\\{closure#[0-2]\\}|\\{impl#)){0,3}(<T>)?", 0u64..40, 0..8),
            new in prop::collection::btree_map("(a|b)(::(f|\\{closure#[0-2]\\}|\\{impl#)){0,3}(<T>)?", 0u64..40, 0..8),
        ) {
            let record = |futures: &BTreeMap<String, u64>| {
                let futures: Vec<Line<'_>> =
                    futures.iter().map(|(id, size)| (&**id, *size, &[][..])).collect();
                record(&futures)
            };
            let (old, new) = (record(&old), record(&new));
            let comparison = compare(&old, &new).expect("they were measured alike");
            let before = comparison.changes.iter().filter(|change| change.before.is_some()).count();
            let after = comparison.changes.iter().filter(|change| change.after.is_some()).count();
            prop_assert_eq!(before + comparison.same, old.futures.len());
            prop_assert_eq!(after + comparison.same, new.futures.len());
            let same = compare(&new, &new).expect("they were measured alike");
            prop_assert_eq!((same.changes.len(), same.renamed), (0, 0));
        }
    }
}
