//! Why each thing is held across an await: `tests/fixtures/why`, one function for each cause and trap.
//!
//! Marks are comments `//~`, several on a line with commas between. `here` stands at the await that the
//! function is about. What is said of a thing stands at the line that the reason names:
//!
//! ```text
//! async fn f() {
//!     let x = plain();
//!     look(&x);           //~ x: borrowed here
//!     tick().await;       //~ here, not held: y, upvar z: capture
//! }                       //~ x: borrowed
//! ```
//!
//! Reasons are the words of the report, with `in the next iteration`, `through NAME`, `of NAME`,
//! `stored again as NAME` and `then REASON` behind them. A reason without a line stands at the await, and so
//! does `unlisted`: then the macro's own locals may be held too. Otherwise every local must have a mark.

use futurelens_tests::binary::fixture;
use futurelens_tests::project::Project;
use futurelens_tests::report::run_report;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// What one function's marks say.
#[derive(Debug, Default)]
struct Marks {
    function: String,
    /// Line of the await.
    here: u64,
    /// Name, what is said of it, and the line.
    said: BTreeSet<(String, String, u64)>,
    not_held: BTreeSet<String>,
    unlisted: bool,
}

#[test]
fn every_reason() {
    let marks = marks(&fs::read_to_string(fixture("why").join("src/lib.rs")).expect("the fixture is there"));
    assert!(marks.len() >= 40, "{} functions with marks", marks.len());
    let project = Project::copy_of(&fixture("why"));
    for profile in ["dev", "release"] {
        let report = run_report(project.root(), &["--profile", profile]).expect_success().stdout;
        let report: Value = serde_json::from_str(&report).expect("the report is JSON");
        let faults: Vec<String> = marks.iter().filter_map(|marks| fault(marks, &report)).collect();
        assert!(faults.is_empty(), "{profile}, {} faults:\n{}", faults.len(), faults.join("\n"));
    }
}

fn marks(text: &str) -> Vec<Marks> {
    let mut found: Vec<Marks> = Vec::new();
    for (line, number) in text.lines().zip(1u64..) {
        if let Some((_, rest)) = line.split_once("pub ").filter(|(before, _)| before.is_empty())
            && let Some((_, name)) = rest.split_once("fn ")
        {
            let function = name.split(['(', '<']).next().unwrap_or_default().to_owned();
            found.push(Marks { function, ..Marks::default() });
        }
        let Some((_, comment)) = line.split_once("//~") else { continue };
        let marks = found.last_mut().expect("marks are in functions");
        let mut said: Option<(String, String, u64)> = None;
        for mark in comment.split(", ").map(str::trim).filter(|mark| !mark.is_empty()) {
            match mark.split_once(": ") {
                None if mark == "here" => marks.here = number,
                None if mark == "unlisted" => marks.unlisted = true,
                // `x: used-later, copy of x` is one statement.
                None => said.as_mut().expect("a mark is about something").1 += &format!(", {mark}"),
                Some(("not held", name)) => {
                    marks.not_held.insert(name.to_owned());
                }
                Some((name, what)) => {
                    marks.said.extend(said.replace((name.to_owned(), what.to_owned(), number)));
                }
            }
        }
        marks.said.extend(said);
    }
    found.retain(|marks| marks.here > 0);
    found
}

/// What is wrong with one function, if anything.
fn fault(marks: &Marks, report: &Value) -> Option<String> {
    let of_function = |future: &&Value| {
        let name = future["name"].as_str().unwrap_or_default();
        name.split("::").any(|segment| segment == marks.function)
    };
    let futures: Vec<&Value> =
        report["futures"].as_array().into_iter().flatten().filter(of_function).collect();
    let states = futures.iter().flat_map(|future| future["states"].as_array().into_iter().flatten());
    // An await in a macro is reported in the macro's file; then it is the only one.
    let states: Vec<&Value> = states.filter(|state| state["await"].is_object()).collect();
    let here = |state: &&&Value| state["await"]["line"] == marks.here;
    let Some(state) = states.iter().find(here).or(states.first().filter(|_| marks.unlisted)) else {
        return Some(format!("{}: no await in line {}", marks.function, marks.here));
    };
    let mut said = BTreeSet::new();
    let mut not_held = marks.not_held.clone();
    for held in state["held"].as_array().into_iter().flatten() {
        let (name, kind) = (text(&held["name"]), text(&held["kind"]));
        let name = match &*kind {
            "temporary" => "(temporary)".to_owned(),
            "flag" => "(flag)".to_owned(),
            "upvar" => format!("upvar {name}"),
            _ => name,
        };
        if not_held.remove(&name) {
            return Some(format!("{}: {name} is held", marks.function));
        }
        let named = marks.said.iter().any(|(marked, ..)| *marked == name);
        if !named && (marks.unlisted || kind != "local") {
            continue;
        }
        let why = &held["why"];
        let mut reason = spelled(why);
        if let Some(origin) = held["copy_of"].as_str() {
            reason += &format!(", copy of {origin}");
        }
        said.insert((name.clone(), reason, why["line"].as_u64().unwrap_or(marks.here)));
        for (what, line) in [("borrowed here", "borrowed_line"), ("moved here", "moved_line")] {
            let here = (name.clone(), what.to_owned(), why[line].as_u64().unwrap_or(0));
            if marks.said.contains(&here) {
                said.insert(here);
            }
        }
    }
    let listed = |said: BTreeSet<(String, String, u64)>| {
        let lines = said.iter().map(|(name, what, line)| format!("\n    line {line}, {name}: {what}"));
        lines.collect::<String>()
    };
    let (missing, unexpected) = (listed(&marks.said - &said), listed(&said - &marks.said));
    (marks.said != said).then(|| {
        format!(
            "{}, await in line {}\n  missing{missing}\n  reported{unexpected}",
            marks.function, marks.here
        )
    })
}

/// A reason in the marks' words.
fn spelled(why: &Value) -> String {
    let mut spelled = why["reason"].as_str().unwrap_or("nothing").to_owned();
    if why["next_iteration"] == true {
        spelled += " in the next iteration";
    }
    for (key, word) in [("through", "through"), ("of", "of"), ("stored_again_as", "stored again as")] {
        if let Some(name) = why[key].as_str() {
            spelled += &format!(" {word} {name}");
        }
    }
    if why["then"].is_object() {
        spelled += &format!(" then {}", self::spelled(&why["then"]));
    }
    spelled
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
