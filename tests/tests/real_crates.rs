//! Every coroutine of a published crate is reported, with the compiler's numbers.
//!
//! Compared with what a plain full build prints, in both profiles: type, size, alignment and states
//! of every coroutine whose body is in the crate, generic instances included.
//!
//! The name of a block is the place of its tokens. If a macro wrote it, that place can be somewhere
//! in the macro's own file, or in a token that has nothing to do with it (the block that
//! `#[tokio::main]` makes is named after the last token of the function). Those names cannot always
//! be made again from a definition path, so blocks whose names are not on both sides are compared
//! by everything else: file, size, alignment and states.

use futurelens_tests::binary::say;
use futurelens_tests::oracle::{self, Coroutine, Unit};
use futurelens_tests::registry::checkout;
use futurelens_tests::report::{Future, Report, last_segment, report};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[test]
fn mini_redis_dev() {
    everything_is_reported("mini-redis", "0.4.1", "dev");
}

#[test]
fn mini_redis_release() {
    everything_is_reported("mini-redis", "0.4.1", "release");
}

#[test]
fn async_nats_dev() {
    everything_is_reported("async-nats", "0.51.0", "dev");
}

#[test]
fn async_nats_release() {
    everything_is_reported("async-nats", "0.51.0", "release");
}

fn everything_is_reported(name: &str, version: &str, profile: &str) {
    let root = checkout(name, version);
    let target_dir = tempfile::tempdir().expect("the temporary directory is writable");
    let target_dir_argument = target_dir.path().to_string_lossy();
    let report = report(&root, &["--profile", profile, "--target-dir", &target_dir_argument]);
    let units = oracle::measure_published(name, version, profile);

    let mut faults = Vec::new();
    let mut table = format!("\n{name} {version}, {profile}: printed, reported, same");
    for unit in &units {
        let reported: Vec<&Future> = report
            .futures
            .iter()
            .filter(|future| future.is_of_unit(&unit.name))
            .filter(|future| future.crate_name == unit.crate_name)
            .collect();
        let same = compare(unit, &reported, &mut faults);
        let (printed, reported) = (unit.own.len(), reported.len());
        table.push_str(&format!("\n  {:24} {printed:4} {reported:4} {same:4}", unit.name));
        assert!(printed > 0, "the oracle sees futures in {}", unit.name);
    }
    instances_of_the_library(&units, &report, &mut faults);
    let placed = misplaced(&root, &report);
    table.push_str(&format!(
        "\n  placed: {} of {}",
        report.futures.len() - placed.len(),
        report.futures.len()
    ));
    say(&table);
    faults.extend(placed);
    assert!(faults.is_empty(), "{table}\n{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// What identifies a coroutine but its name. The compiler prints equal records once, and a report
/// has one entry for each instance: how often does not matter.
type Facts = (u64, u64, BTreeSet<(String, u64)>);

fn facts_printed(coroutine: &Coroutine) -> Facts {
    (coroutine.size, coroutine.align, coroutine.suspended())
}

fn facts_reported(future: &Future) -> Facts {
    (future.size, future.align, future.suspended())
}

/// Adds what differs to `faults`, and returns how many of the printed coroutines are reported.
fn compare(unit: &Unit, reported: &[&Future], faults: &mut Vec<String>) -> usize {
    let mut printed_by_name: BTreeMap<&str, BTreeSet<Facts>> = BTreeMap::new();
    for coroutine in &unit.own {
        let facts = printed_by_name.entry(&coroutine.ty).or_default();
        facts.insert(facts_printed(coroutine));
    }
    let mut reported_by_name: BTreeMap<&str, BTreeSet<Facts>> = BTreeMap::new();
    for future in reported {
        let facts = reported_by_name.entry(&future.ty).or_default();
        facts.insert(facts_reported(future));
    }

    let is_block = |name: &str| name.contains('@');
    // Blocks that only one side knows by this name.
    let mut unnamed_printed: Vec<&Coroutine> = Vec::new();
    let mut unnamed_reported: Vec<&Future> = Vec::new();
    let mut same = 0;
    for coroutine in &unit.own {
        let name = coroutine.ty.as_str();
        match reported_by_name.get(name) {
            Some(facts) if facts.contains(&facts_printed(coroutine)) => same += 1,
            Some(facts) => faults.push(format!(
                "{}: {name} is {:?}, reported as {facts:?}",
                unit.name,
                facts_printed(coroutine)
            )),
            None if is_block(name) => unnamed_printed.push(coroutine),
            None => faults.push(format!("{}: {name} is not reported", unit.name)),
        }
    }
    for future in reported {
        let name = future.ty.as_str();
        match printed_by_name.get(name) {
            Some(facts) if facts.contains(&facts_reported(future)) => {}
            // Said above if no reported one is right.
            Some(_) => faults.push(format!(
                "{}: {name} was never printed as {:?}",
                unit.name,
                facts_reported(future)
            )),
            None if is_block(name) => unnamed_reported.push(future),
            None => faults.push(format!("{}: {name} was never printed", unit.name)),
        }
    }

    for coroutine in unnamed_printed {
        let of_macro = coroutine.file().is_none_or(|file| Path::new(file).is_absolute());
        let at = unnamed_reported.iter().position(|future| {
            facts_reported(future) == facts_printed(coroutine)
                && (of_macro || coroutine.file() == Some(&future.file))
        });
        match at {
            Some(at) => {
                unnamed_reported.remove(at);
                same += 1;
            }
            None => faults.push(format!(
                "{}: {} of {:?} is not reported under any name",
                unit.name,
                coroutine.ty,
                facts_printed(coroutine)
            )),
        }
    }
    faults.extend(unnamed_reported.iter().map(|future| {
        let facts = facts_reported(future);
        format!("{}: no block like {} {facts:?}", unit.name, future.ty)
    }));
    same
}

/// A generic function of the library can have instances that only a binary makes. Their body is in
/// the crate too. The binary's compiler run knows the library from outside, by other paths, so they
/// are compared by the function's own name.
fn instances_of_the_library(units: &[Unit], report: &Report, faults: &mut Vec<String>) {
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
            let found = report.futures.iter().any(|future| {
                future.crate_name == library.crate_name
                    && future.last_name() == name
                    && facts_reported(future) == facts_printed(coroutine)
            });
            if !found {
                faults.push(format!(
                    "{}: {} of the library, {:?}, is not reported",
                    unit.name,
                    coroutine.ty,
                    facts_printed(coroutine)
                ));
            }
        }
    }
}

/// Futures on whose line there is neither `async`, nor a macro call, nor an attribute.
fn misplaced(root: &Path, report: &Report) -> Vec<String> {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    let mut faults = Vec::new();
    for future in &report.futures {
        let text = texts
            .entry(&future.file)
            .or_insert_with(|| fs::read_to_string(root.join(&future.file)).unwrap_or_default());
        let line = text.lines().nth(future.line - 1);
        if !line.is_some_and(makes_a_future) {
            faults.push(format!(
                "{} is placed at {}:{}, which is {line:?}",
                future.ty, future.file, future.line
            ));
        }
    }
    faults
}

fn makes_a_future(line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let keyword = line.split(|c| !is_word(c)).any(|word| word == "async");
    let call = line.match_indices('!').any(|(at, _)| {
        line[..at].ends_with(is_word) && line[at + 1..].trim_start().starts_with(['(', '[', '{'])
    });
    keyword || call || line.contains("#[")
}

#[test]
fn lines_that_make_a_future() {
    for line in ["    pub async fn x() {", "stream! {", "join ! [", "#[instrument]"] {
        assert!(makes_a_future(line.replace(" !", "!").as_str()), "{line}");
    }
    for line in ["fn asynchronous() {", "if a != (b) {", "    !(x)", "}"] {
        assert!(!makes_a_future(line), "{line}");
    }
}
