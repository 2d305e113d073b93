//! Every coroutine of a published crate is reported, with the compiler's numbers.
//!
//! Compared with what a plain full build prints, in both profiles: type, size, alignment, and each
//! state with everything it holds (name, size, offset, padding), of every coroutine whose body is in
//! the crate, generic instances included. And everything held is accounted for: its declaration line
//! holds its name, or the compiler or a macro made it.

use futurelens_tests::binary::say;
use futurelens_tests::layouts::{compare, declarations, instances_of_the_library};
use futurelens_tests::oracle;
use futurelens_tests::registry::checkout;
use futurelens_tests::report::{Future, Report, report};
use std::collections::BTreeMap;
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
    instances_of_the_library(&units, &report.futures, &mut faults);
    let placed = misplaced(&root, &report);
    table.push_str(&format!(
        "\n  placed: {} of {}",
        report.futures.len() - placed.len(),
        report.futures.len()
    ));
    let accounts = declarations(&root, &report.futures, &mut faults);
    table.push_str(&format!("\n  held: {accounts:?}"));
    assert!(accounts.get("named").is_some_and(|named| *named > 100), "{table}");
    say(&table);
    faults.extend(placed);
    assert!(faults.is_empty(), "{table}\n{} faults:\n{}", faults.len(), faults.join("\n"));
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
