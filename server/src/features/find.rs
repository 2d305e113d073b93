//! Finding the future a person means.

use super::snapshot::{Placed, Snapshot};
use std::collections::BTreeMap;

/// What a name stands for.
pub enum Found<'a> {
    /// One body: its instances, largest first.
    One(Vec<&'a Placed>),
    /// Several; one future of each.
    Ambiguous(Vec<&'a Placed>),
    /// None; what it may have been meant to be, likeliest first.
    Unknown(Vec<String>),
}

/// How many suggestions are made.
const SUGGESTIONS: usize = 5;

/// Looks for a future by its name, any end of it (`apply`, `Set::apply`), its type, its identity, or the
/// place it is at (`src/cmd/set.rs:128`).
pub fn find<'a>(snapshot: &'a Snapshot, wanted: &str) -> Found<'a> {
    let (given, whole) = (wanted, wanted.trim());
    let wanted = whole.trim_end_matches("()");
    let ends_in = |placed: &Placed| {
        placed.future.name.strip_suffix(wanted).is_some_and(|rest| rest.ends_with("::") && !wanted.is_empty())
    };
    let is_at = |placed: &Placed| {
        let Some((file, line)) = wanted.rsplit_once(':') else { return false };
        placed.location.as_ref().is_some_and(|location| {
            super::report::relative(&snapshot.root, &location.file) == file
                && line == location.at.line.to_string()
        })
    };
    let ways: [&dyn Fn(&Placed) -> bool; 4] = [
        // An identity may end in anything that a macro has made a name of.
        &|placed| [given, whole].iter().any(|all| *placed.future.id == **all || *placed.future.ty == **all),
        &|placed| *placed.future.name == *wanted,
        &ends_in,
        &is_at,
    ];
    for all in [false, true] {
        for way in ways {
            let mut bodies: BTreeMap<String, Vec<&Placed>> = BTreeMap::new();
            for placed in snapshot.futures(all).filter(|placed| way(placed)) {
                let body = placed.future.body.as_ref().map_or(&placed.future.id, |body| &body.def_path);
                bodies.entry(format!("{} {body}", placed.future.unit)).or_default().push(placed);
            }
            match bodies.len() {
                0 => {}
                1 => return Found::One(bodies.into_values().next().unwrap_or_default()),
                _ => {
                    return Found::Ambiguous(
                        bodies.into_values().filter_map(|b| b.first().copied()).collect(),
                    );
                }
            }
        }
    }
    Found::Unknown(suggestions(snapshot, wanted))
}

fn suggestions(snapshot: &Snapshot, wanted: &str) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let segments = wanted.split("::").count();
    // Compared with as many segments as were typed: `Handlr::rn` is like `Handler::run`, wherever that is.
    let likeness = |name: &str| {
        let all: Vec<&str> = name.split("::").collect();
        let end = all[all.len().saturating_sub(segments)..].join("::").to_lowercase();
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
