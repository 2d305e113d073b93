//! What was reported against what was printed: every state of every coroutine, and everything in it.

use crate::oracle::{Coroutine, Unit};
use crate::report::{Future, last_segment};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A thing held: offset, size, name.
pub type Held = (u64, u64, String);

/// A state: name, size, padding, and everything held by offset.
pub type State = (String, u64, u64, Vec<Held>);

/// What identifies a coroutine but its name: size, alignment, states. The compiler prints equal
/// records once, and a report has one entry for each instance: how often does not matter.
pub type Layout = (u64, u64, Vec<State>);

/// As the compiler printed it.
pub fn printed(coroutine: &Coroutine) -> Layout {
    let states = coroutine.states.iter().map(|state| {
        let held = state.held.iter().map(|held| (held.offset, held.size, held.name.clone()));
        (state.name.clone(), state.size, state.padding, held.collect())
    });
    (coroutine.size, coroutine.align, states.collect())
}

/// As it was reported.
pub fn reported(future: &Future) -> Layout {
    let states = future.states.iter().map(|state| {
        let held = state.held.iter().map(|held| (held.offset, held.size, held.name.clone()));
        let mut held: Vec<Held> = held.collect();
        held.sort();
        (state.name.clone(), state.size, state.padding, held)
    });
    (future.size, future.align, states.collect())
}

/// Adds what differs to `faults`, and returns how many of the printed coroutines are reported.
///
/// The name of a block is the place of its tokens. If a macro wrote it, that place can be somewhere
/// in the macro's own file, or in a token that has nothing to do with it (the block that
/// `#[tokio::main]` makes is named after the last token of the function). Those names cannot always
/// be made again from a definition path, so blocks whose names are not on both sides are compared
/// by everything else: file and layout.
pub fn compare(unit: &Unit, futures: &[&Future], faults: &mut Vec<String>) -> usize {
    let mut printed_by_name: BTreeMap<&str, BTreeSet<Layout>> = BTreeMap::new();
    for coroutine in &unit.own {
        printed_by_name.entry(&coroutine.ty).or_default().insert(printed(coroutine));
    }
    let mut reported_by_name: BTreeMap<&str, BTreeSet<Layout>> = BTreeMap::new();
    for future in futures {
        reported_by_name.entry(&future.ty).or_default().insert(reported(future));
    }

    let is_block = |name: &str| name.contains('@');
    // Blocks that only one side knows by this name.
    let mut unnamed_printed: Vec<&Coroutine> = Vec::new();
    let mut unnamed_reported: Vec<&Future> = Vec::new();
    let mut same = 0;
    for coroutine in &unit.own {
        let name = coroutine.ty.as_str();
        match reported_by_name.get(name) {
            Some(layouts) if layouts.contains(&printed(coroutine)) => same += 1,
            Some(layouts) => faults.push(format!(
                "{}: {name} is {:?}, reported as {layouts:?}",
                unit.name,
                printed(coroutine)
            )),
            None if is_block(name) => unnamed_printed.push(coroutine),
            None => faults.push(format!("{}: {name} is not reported", unit.name)),
        }
    }
    for future in futures {
        let name = future.ty.as_str();
        match printed_by_name.get(name) {
            Some(layouts) if layouts.contains(&reported(future)) => {}
            // Said above if no reported one is right.
            Some(_) => {
                faults.push(format!("{}: {name} was never printed as {:?}", unit.name, reported(future)));
            }
            None if is_block(name) => unnamed_reported.push(future),
            None => faults.push(format!("{}: {name} was never printed", unit.name)),
        }
    }

    for coroutine in unnamed_printed {
        let of_macro = coroutine.file().is_none_or(|file| Path::new(file).is_absolute());
        let layout = printed(coroutine);
        let at = unnamed_reported.iter().position(|future| {
            reported(future) == layout && (of_macro || coroutine.file() == Some(&future.file))
        });
        match at {
            Some(at) => {
                unnamed_reported.remove(at);
                same += 1;
            }
            None => faults.push(format!(
                "{}: {} of {layout:?} is not reported under any name",
                unit.name, coroutine.ty,
            )),
        }
    }
    faults.extend(unnamed_reported.iter().map(|future| {
        let layout = reported(future);
        format!("{}: no block like {} {layout:?}", unit.name, future.ty)
    }));
    same
}

/// A generic function of the library can have instances that only a binary makes. Their body is in
/// the crate too. The binary's compiler run knows the library from outside, by other paths, so they
/// are compared by the function's own name.
pub fn instances_of_the_library(units: &[Unit], futures: &[Future], faults: &mut Vec<String>) {
    let Some(library) = units.iter().find(|unit| unit.name == "lib") else {
        return;
    };
    let body = format!("{{async fn body of {}::", library.crate_name);
    for unit in units {
        for coroutine in &unit.foreign {
            let Some(path) = coroutine.ty.strip_prefix(&body) else {
                continue;
            };
            let name = last_segment(path.trim_end_matches("()}"));
            let layout = printed(coroutine);
            let found = futures.iter().any(|future| {
                future.crate_name == library.crate_name
                    && future.last_name() == name
                    && reported(future) == layout
            });
            if !found {
                faults.push(format!(
                    "{}: {} of the library, {layout:?}, is not reported",
                    unit.name, coroutine.ty,
                ));
            }
        }
    }
}

/// Counts how each thing held is accounted for; adds those that are not to `faults`.
///
/// * `named`: its declaration line holds its name.
/// * `compiler-made`: the report says so, by its kind: an awaited future, a drop flag, a temporary.
/// * `for loop`: the iterator of a `for` loop, which the compiler calls `iter`; declared on the line of
///   the loop's expression.
/// * `?`: what a question mark takes apart, `val` and `residual`; declared on its line.
/// * `macro`: a macro of another crate declares it. Then it is on the line of the user's call of that macro; or, where
///   there is none, in that macro's own text: on its line is its name, or the call of a procedural macro that made a name
///   with two underscores in front; or that text is not here (the standard library's sources may not be installed).
pub fn declarations(
    root: &Path,
    futures: &[Future],
    faults: &mut Vec<String>,
) -> BTreeMap<&'static str, usize> {
    let mut texts: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for future in futures {
        for (state, held) in future.states.iter().flat_map(|state| state.held.iter().map(move |h| (state, h)))
        {
            let line = held.declared.as_ref().map(|(file, line)| {
                let text = texts.entry(file).or_insert_with(|| fs::read_to_string(root.join(file)).ok());
                let line = text.as_ref().and_then(|text| text.lines().nth(line - 1));
                (Path::new(file).is_absolute(), line)
            });
            match account(held, line) {
                Some(account) => *counts.entry(account).or_default() += 1,
                None => faults.push(format!(
                    "{} {}: {} `{}` is declared at {:?}, which is {line:?}",
                    future.ty, state.name, held.kind, held.name, held.declared
                )),
            }
        }
    }
    counts
}

/// How a thing is accounted for. `line` is its declaration: whether it is outside of the workspace, and
/// the text, if it can be read.
fn account(held: &crate::report::Held, line: Option<(bool, Option<&str>)>) -> Option<&'static str> {
    match held.kind.as_str() {
        "awaitee" => (held.name == "__awaitee").then_some("compiler-made"),
        "flag" | "temporary" => held.name.starts_with(".coroutine_field").then_some("compiler-made"),
        "local" | "upvar" => {
            let (outside, text) = line?;
            let Some(text) = text else { return outside.then_some("macro") };
            // A closure's disjoint captures `x.a`, `x.b` print as `x__a`, `x__b`, those by reference as
            // `_ref__x__a`.
            let captured = held.name.strip_prefix("_ref__").unwrap_or(&held.name);
            let variable = captured.split("__").next()?;
            let words: Vec<&str> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            let named = words.contains(&held.name.as_str())
                || held.kind == "upvar" && !variable.is_empty() && words.contains(&variable);
            match held.name.as_str() {
                _ if named && outside => Some("macro"),
                name if outside && name.starts_with("__") && text.contains('!') => Some("macro"),
                _ if named => Some("named"),
                "iter" if words.contains(&"for") => Some("for loop"),
                "val" | "residual" if text.contains('?') => Some("?"),
                name if (held.kind == "local" || name.starts_with("__")) && has_macro_call(text) => {
                    Some("macro")
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Is there a `name!(`, with any bracket?
fn has_macro_call(line: &str) -> bool {
    line.match_indices('!').any(|(at, _)| {
        let is_name = line[..at].ends_with(|c: char| c == '_' || c.is_alphanumeric());
        is_name && line[at + 1..].trim_start().starts_with(['(', '[', '{'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_accounted_for() {
        let held = |name: &str, kind: &str| crate::report::Held {
            name: name.to_owned(),
            kind: kind.to_owned(),
            size: 1,
            offset: 1,
            declared: None,
        };
        let here = |text| Some((false, Some(text)));
        for (name, kind, line, found) in [
            ("x", "local", here("let x = 1;"), Some("named")),
            ("x", "local", here("let xy = 1;"), None),
            ("x", "local", None, None),
            ("x", "local", Some((false, None)), None),
            ("x", "local", Some((true, None)), Some("macro")),
            ("x", "local", Some((true, Some("let x = 1;"))), Some("macro")),
            ("x", "local", Some((true, Some("let y = 1;"))), None),
            ("context__client", "upvar", here("let context = 1;"), Some("named")),
            ("context__client", "local", here("let context = 1;"), None),
            ("_ref__self__options", "upvar", here("fn f(&self) {"), Some("named")),
            ("__tx", "upvar", Some((true, Some("inner!($($tt)*)"))), Some("macro")),
            ("__tx", "upvar", here("inner!($($tt)*)"), Some("macro")),
            ("tx", "upvar", here("inner!($($tt)*)"), None),
            ("disabled", "local", here("tokio::select! {"), Some("macro")),
            ("disabled", "local", here("if a != (b) {"), None),
            ("iter", "local", here("for x in y {"), Some("for loop")),
            ("iter", "local", here("let x = y;"), None),
            ("val", "local", here("x()?;"), Some("?")),
            ("__awaitee", "awaitee", None, Some("compiler-made")),
            ("x", "temporary", here("let x = 1;"), None),
            (".coroutine_field1", "flag", None, Some("compiler-made")),
            (".coroutine_field1", "local", here("let x = 1;"), None),
        ] {
            assert_eq!(account(&held(name, kind), line), found, "{kind} {name} {line:?}");
        }
    }
}
