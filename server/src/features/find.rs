//! Finding the future a person means.

use super::called::Called;
use super::report::relative;
use super::snapshot::{Placed, Snapshot};
use crate::layout::Body;
use std::collections::BTreeMap;

/// What a name stands for.
pub enum Meaning<'a> {
    /// One body: its instances, largest first.
    One(Vec<&'a Placed>),
    /// Several; one future of each.
    Ambiguous(Vec<&'a Placed>),
    /// A fn that is no future, but has several in it; one of each.
    Inside(Vec<&'a Placed>),
    /// None; what it may have been meant to be, likeliest first.
    Unknown(Vec<String>),
}

/// How many suggestions are made.
const SUGGESTIONS: usize = 5;

/// Looks for a future by its name, with or without the crate, any end of it (`apply`, `Set::apply`), its type, its
/// identity, the place it is at (`src/cmd/set.rs:128`), or the fn that it is in.
pub fn find<'a>(snapshot: &'a Snapshot, wanted: &str) -> Meaning<'a> {
    let (given, whole) = (wanted, wanted.trim());
    let wanted = whole.trim_end_matches("()");
    let called = |placed: &'a Placed| Called::future(&placed.future);
    let is_at = |placed: &Placed| {
        let Some(location) = &placed.location else { return false };
        let place = format!("{}:{}", relative(&snapshot.root, &location.file), location.at.line);
        wanted == place || wanted == format!("{place}:{}", location.at.col)
    };
    let ways: [&dyn Fn(&'a Placed) -> bool; 6] = [
        // An identity may end in anything that a macro has made a name of.
        &|placed| [given, whole].iter().any(|all| *placed.future.id == **all || *placed.future.ty == **all),
        &|placed| called(placed).is(wanted),
        &|placed| called(placed).is_for_compiler(wanted),
        &|placed| called(placed).ends_in(wanted),
        &is_at,
        &|placed| called(placed).ends_in_for_compiler(wanted),
    ];
    for all in [false, true] {
        for way in ways {
            let bodies = one_of_each(snapshot.futures(all).filter(|placed| way(placed)));
            match bodies.len() {
                0 => {}
                1 => return Meaning::One(bodies.into_iter().flatten().collect()),
                _ => return Meaning::Ambiguous(firsts(bodies)),
            }
        }
    }
    let is_in = |body: &Body| {
        let item = body.item_name();
        let called = Called::item(body, &item);
        called.is(wanted) || called.ends_in(wanted)
    };
    let inside = snapshot.futures(false).filter(|placed| placed.future.body.as_deref().is_some_and(is_in));
    let bodies = one_of_each(inside);
    match bodies.len() {
        0 => Meaning::Unknown(suggestions(snapshot, wanted)),
        1 => Meaning::One(bodies.into_iter().flatten().collect()),
        _ => Meaning::Inside(firsts(bodies)),
    }
}

/// The futures of each body.
fn one_of_each<'a>(futures: impl Iterator<Item = &'a Placed>) -> Vec<Vec<&'a Placed>> {
    let mut bodies: BTreeMap<(&str, &str, &str), Vec<&Placed>> = BTreeMap::new();
    for placed in futures {
        let future = &placed.future;
        let body = future.body.as_ref().map_or(&future.id, |body| &body.def_path);
        bodies.entry((&future.package, &future.unit, body)).or_default().push(placed);
    }
    bodies.into_values().collect()
}

fn firsts(bodies: Vec<Vec<&Placed>>) -> Vec<&Placed> {
    bodies.into_iter().filter_map(|futures| futures.first().copied()).collect()
}

/// One line for each of several futures, no two alike: name and place; where that is not enough the crate and where it
/// is compiled; and the identity.
pub fn told_apart(snapshot: &Snapshot, futures: &[&Placed]) -> Vec<String> {
    let line = |placed: &Placed, detail: usize| {
        let future = &placed.future;
        let place = placed.location.as_ref().map(|location| {
            let column = if detail > 0 { format!(":{}", location.at.col) } else { String::new() };
            format!("{}:{}{column}", relative(&snapshot.root, &location.file), location.at.line)
        });
        let place = place.or_else(|| Some(format!("crate {}", future.krate)));
        let unit = (detail > 1).then(|| format!("{} of {}", future.unit, future.package));
        let id = (detail > 2).then(|| future.id.to_string());
        let details: Vec<String> = [place, unit, id].into_iter().flatten().collect();
        format!("{}  ({})", future.name, details.join(", "))
    };
    let mut lines: Vec<String> = futures.iter().map(|placed| line(placed, 0)).collect();
    for detail in 1..=3 {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        lines.iter().for_each(|line| *counts.entry(line.clone()).or_default() += 1);
        for (placed, text) in futures.iter().zip(&mut lines) {
            if counts.get(text).is_some_and(|count| *count > 1) {
                *text = line(placed, detail);
            }
        }
    }
    lines
}

/// Names of futures that are like the one that was asked for, likeliest first.
pub fn suggestions(snapshot: &Snapshot, wanted: &str) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let segments = wanted.split("::").count();
    // Compared with as many segments as were typed: `Handlr::rn` is like `Handler::run`, wherever that is.
    let likeness = |name: &str| {
        let all: Vec<&str> = name.split("::").collect();
        let end = all[all.len().saturating_sub(segments)..].join("::").to_lowercase();
        // `<Handler as Run>::run` is called `Handler::run`, too.
        let end = match end.strip_prefix('<').and_then(|rest| rest.split_once(" as ")) {
            Some((own, rest)) => format!("{own}{}", rest.find(">::").map_or("", |at| &rest[at + 1..])),
            None => end,
        };
        strsim::normalized_damerau_levenshtein(&end, &wanted)
    };
    let mut names: Vec<(f64, &str)> = snapshot
        .futures(false)
        .map(|placed| (likeness(&placed.future.name), &*placed.future.name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    names.dedup_by_key(|(_, name)| *name);
    names.into_iter().take(SUGGESTIONS).map(|(_, name)| name.to_owned()).collect()
}
