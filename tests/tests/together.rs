//! Futures that are stored or polled together: arms of `select!` and `join!` are told one by one, a tree of futures adds up,
//! and what is stored twice in one state is counted, and nothing else.

use futurelens_tests::binary::{fixture, futurelens, run};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of};
use futurelens_tests::report::run_report;
use serde_json::Value;
use std::fs;

/// One project of three fixtures, so that it is measured once.
fn project() -> Project {
    let project = Project::copy_of(&fixture("cases/select"));
    let source = |name: &str| fs::read_to_string(fixture("cases").join(name)).expect("the fixture is there");
    let main = project.read("src/main.rs");
    project
        .write(
            "src/main.rs",
            &format!("#[allow(dead_code)]\nmod stored_twice;\n#[allow(dead_code)]\nmod tree;\n{main}"),
        )
        .write("src/stored_twice.rs", &source("stored-twice/src/lib.rs"))
        .write("src/tree.rs", &source("tree/src/lib.rs"));
    project
}

/// A branch: type, bytes, line, and whether it is only lent.
type Arm = (&'static str, u64, u64, bool);

#[test]
fn together() {
    let project = project();
    let report = run_report(project.root(), &["--profile", "release"]).expect_success().stdout;
    let report: Value = serde_json::from_str(&report).expect("the report is JSON");
    stored_twice(&report);
    arms(&project, &report);
    trees(&project);
}

/// The largest future of that name.
#[track_caller]
fn future<'r>(report: &'r Value, name: &str) -> &'r Value {
    let futures = report["futures"].as_array().expect("there are futures");
    futures.iter().find(|future| future["name"] == name).unwrap_or_else(|| panic!("{name} is missing"))
}

fn stored_twice(report: &Value) {
    for (name, duplicated) in [
        // Only the argument of one byte.
        ("windows", 1),
        ("apart", 1),
        ("inner", 4200),
        ("handed_on", 4200),
        ("in_a_block", 4200),
        ("in_a_tuple", 8400),
        ("changed", 4200),
        ("replaced", 24),
        ("two_values", 0),
        ("one_value", 500),
        ("made_anew", 0),
        ("one_of_two", 0),
    ] {
        let future = future(report, &format!("stored_twice::{name}"));
        assert_eq!(future["duplicated"], duplicated, "{name}: {future:#}");
    }
    for (name, duplicated) in [
        ("argument_in_an_arm", 4200),
        ("argument_in_a_join", 4200),
        ("argument_in_a_wrapper", 4200),
        // What is in the box is not in the future.
        ("argument_behind_a_pointer", 0),
    ] {
        assert_eq!(future(report, &format!("arms::{name}"))["duplicated"], duplicated, "{name}");
    }
    // Three places for one argument, two of them at once; and the other argument.
    assert_eq!(future(report, "tree::with_cache")["duplicated"], 4003);
    let states = future(report, "stored_twice::replaced")["states"].as_array().expect("there are states");
    let copies: Vec<&Value> = states.iter().flat_map(|state| state["held"].as_array().unwrap()).collect();
    let copies = copies.iter().filter(|held| held["copy_of"] == "x").count();
    assert_eq!(copies, 1, "behind the assignment it is another value: {states:#?}");
}

fn arms(project: &Project, report: &Value) {
    // Type, bytes, line, and whether it was stored before.
    let expected: [(&str, &[Arm]); 6] = [
        ("one_pinned", &[("large()", 9024, 18, true), ("yield_now", 16, 19, false)]),
        ("std_pinned", &[("large()", 9024, 27, true), ("yield_now", 16, 28, false)]),
        ("arms::in_place", &[("large()", 9024, 16, false), ("small()", 120, 17, false)]),
        ("arms::joined", &[("small()", 128, 24, false), ("large()", 9032, 25, false)]),
        ("arms::tried", &[("async block", 136, 31, false), ("async block", 8, 31, false)]),
        ("arms::argument_in_an_arm", &[("holds()", 8424, 37, false), ("small()", 120, 38, false)]),
    ];
    for (name, expected) in expected {
        let states = future(report, name)["states"].as_array().expect("there are states");
        let branches: Vec<&Value> =
            states.iter().flat_map(|state| state["branches"].as_array()).flatten().collect();
        assert_eq!(branches.len(), expected.len(), "{name}: {branches:#?}");
        for (branch, (ty, size, line, lent)) in branches.iter().zip(expected) {
            assert!(branch["type"].as_str().is_some_and(|found| found.contains(ty)), "{name}: {branch:#}");
            assert_eq!(branch["size"], *size, "{name}: {branch:#}");
            assert_eq!(branch["at"]["line"], *line, "{name}: {branch:#}");
            assert_eq!(branch["lent"].as_bool().unwrap_or(false), *lent, "{name}: {branch:#}");
        }
        let polled = states.iter().flat_map(|state| state["held"].as_array().unwrap());
        let polled = polled.filter(|held| held["why"]["reason"] == "polled").count();
        assert!(polled > 0, "{name} polls what it stores");
    }
    let text = explain(project, &["arms::in_place"]);
    for wanted in [
        "line 15 for 2 futures that it polls together: ",
        "9,024 B {async fn large()}, line 16",
        "120 B {async fn small()}, line 17",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
    // Nobody can put a box around what `select!` awaits.
    for unwanted in ["PollFn<{in_place", "local futures", "in a macro", "Predicted: with"] {
        assert!(!text.contains(unwanted), "{unwanted:?} in\n{text}");
    }
    let file = project.root().join("src/arms.rs");
    let hints = run(futurelens().arg("hints").arg(&file)).expect_success().stdout;
    for wanted in ["x = large(1) «8.8 KiB held», if c", "y = small(2) => y", "large(2) «8.8 KiB held»"] {
        assert!(hints.contains(wanted), "no {wanted:?} in\n{hints}");
    }
}

fn explain(project: &Project, arguments: &[&str]) -> String {
    run(futurelens().arg("explain").arg(arguments[0]).arg(project.root()).args(&arguments[1..]))
        .expect_success()
        .stdout
}

/// A line of a tree: its level, bytes in total, its own, and the rest.
type Row = (usize, u64, u64, String);

fn rows(text: &str) -> Vec<Row> {
    let (_, tree) = text.split_once("Futures stored in it:").expect("there is a tree");
    let number = |text: &str| text.trim().replace(',', "").parse::<u64>().ok();
    let row = |line: &str| {
        let (total, rest) = line.split_once(" B ")?;
        let (own, rest) = rest.split_once(" B ")?;
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let level = rest.chars().take_while(|c| " │├└─|'-".contains(*c)).count() / 3;
        Some((level, number(total)?, number(own)?, rest.to_owned()))
    };
    tree.lines().filter_map(row).collect()
}

/// What a row shares with larger ones beside it.
fn shared(row: &Row) -> u64 {
    let (_, total, _, text) = row;
    match text.split_once("shares ") {
        Some((_, rest)) if rest.starts_with("its bytes") => *total,
        Some((_, rest)) => rest.split(" B").next().unwrap().replace(',', "").parse().unwrap(),
        None => 0,
    }
}

fn trees(project: &Project) {
    for (name, expected) in [
        ("in_a_tuple", &[(0, 10_009, 3), (1, 6_004, 0), (2, 4_002, 4_001), (2, 2_002, 2_001)][..]),
        ("in_two_locals", &[(0, 6_024, 20), (1, 4_002, 4_001), (1, 2_002, 2_001)]),
        ("passes", &[(0, 12_009, 1), (1, 12_008, 1), (2, 8_005, 1), (3, 4_002, 4_001), (2, 4_002, 4_001)]),
        ("cached", &[(0, 8_011, 2), (1, 8_009, 4), (2, 4_002, 4_001)]),
        ("in_place", &[(0, 9_168, 24), (1, 9_144, 0), (2, 9_024, 9_008), (2, 120, 104)]),
        ("argument_in_an_arm", &[(1, 8_544, 0), (2, 8_424, 8_408), (2, 120, 104)]),
    ] {
        let name = if name == "in_a_tuple" { "tree::in_a_tuple" } else { name };
        let text = explain(project, &[name, "--depth", "9", "--width", "200"]);
        let rows = rows(&text);
        for expected in expected {
            let is_it = |row: &Row| (row.0, row.1, row.2) == *expected;
            assert!(rows.iter().any(is_it), "{name} has no {expected:?}:\n{text}");
        }
        for (at, (level, total, own, _)) in rows.iter().enumerate() {
            let below = rows[at + 1..].iter().take_while(|row| row.0 > *level);
            let inside: u64 = below.filter(|row| row.0 == level + 1).map(|row| row.1 - shared(row)).sum();
            assert_eq!(inside + own, *total, "{name}, row {at}:\n{text}");
        }
    }
}

/// Without an allocator there is no box to predict anything of.
#[test]
fn no_box_is_predicted_where_there_is_none() {
    let source = format!(
        "{}\npub async fn outer() {{\n    large().await;\n}}\n{PENDING_ONCE}",
        future_of("large", 4096)
    );
    let text = explain(&Project::lib("demo", &source), &["outer"]);
    assert!(text.contains("Predicted: with Box::pin around what is awaited"), "{text}");
    let source = format!("#![no_std]\n{}", source.replace("std::", "core::"));
    let text = explain(&Project::lib("demo", &source), &["outer"]);
    assert!(text.contains("Held across this await") && !text.contains("Predicted: with"), "{text}");
}
