//! Do all compilers give the same? Measures three fixtures and `mini-redis` with each compiler that is named, each in a
//! rustup home in which there is no other, and compares futures, what they hold, where and why, and the edits that are
//! offered; and lays out every future again.
//!
//! ```text
//! cargo run --release -p futurelens-tests --example compilers -- 1.85.0 1.95.0 1.99.1 nightly-2026-10-15
//! ```
//!
//! Give them oldest first. With `--edits` before them, edits of `places` and `mini-redis` are tried, too, which takes
//! some minutes. What differs is a failure unless [`CHANGES`] explains it. Exits with 1 if anything does.

#[path = "../layout-check/check.rs"]
mod check;
mod differences;

use differences::{CHANGES, Difference};
use futurelens_tests::binary::{Run, fixture, futurelens, is_installed, run, rustup_home};
use futurelens_tests::project::Project;
use futurelens_tests::registry::checkout;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

/// What one compiler says of one project.
struct Said {
    compiler: String,
    /// By identity and unit, without what is called otherwise by each compiler.
    futures: BTreeMap<String, Value>,
    /// Kind, future, edits, and the sizes before and after.
    edits: BTreeSet<String>,
    /// Futures laid out again, and how many of them to the byte.
    laid_out: (usize, usize),
    /// What could not be read.
    drift: Option<Value>,
}

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let all_edits = names.first().is_some_and(|name| name == "--edits");
    if all_edits {
        names.remove(0);
    }
    if names.len() < 2 || names.iter().any(|name| name.starts_with('-')) {
        eprintln!("usage: compilers [--edits] NAME NAME…");
        return ExitCode::from(2);
    }
    if let Some(missing) = names.iter().find(|name| !is_installed(name)) {
        eprintln!("`{missing}` is not installed: rustup toolchain install {missing} --profile minimal");
        return ExitCode::from(2);
    }
    let projects = [
        ("article", Project::copy_of(&fixture("article"))),
        ("places", Project::copy_of(&fixture("places"))),
        ("why", Project::copy_of(&fixture("why"))),
        ("mini-redis", Project::copy_of(&checkout("mini-redis", "0.4.1"))),
    ];
    let work = tempfile::tempdir().expect("the temporary directory is writable");
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    println!(
        "{:<20} {:<11} {:>7} {:>6} {:>9} {:>11} {:>5} {:>9}",
        "compiler", "project", "futures", "held", "with line", "with reason", "edits", "laid out"
    );
    for (project_name, project) in &projects {
        let mut before: Option<(&String, Said)> = None;
        for name in &names {
            let edits = all_edits || matches!(*project_name, "article" | "why");
            let said = ask(name, project, edits, &work.path().join(name));
            said.print(name, project_name);
            if let Some(drift) = &said.drift {
                wrong.push(format!("{name} {project_name}: {drift}"));
            }
            if let Some((old, before)) = &before {
                for difference in before.differences(&said) {
                    let change = CHANGES.iter().position(|change| {
                        change.project == *project_name
                            && change.is_between(&before.compiler, &said.compiler)
                            && change.explains(&difference)
                    });
                    match change {
                        Some(change) => _ = used.insert(change),
                        None => {
                            wrong.push(format!("{old} and {name} differ about {project_name}: {difference}"))
                        }
                    }
                }
            }
            before = Some((name, said));
        }
    }
    for (index, change) in CHANGES.iter().enumerate().filter(|(index, _)| used.contains(index)) {
        println!("{}. since 1.{} {}: {}", index + 1, change.since, change.project, change.why);
    }
    wrong.iter().for_each(|wrong| eprintln!("{wrong}"));
    println!(
        "{} compilers, {} projects: {} differences without a reason",
        names.len(),
        projects.len(),
        wrong.len()
    );
    ExitCode::from(u8::from(!wrong.is_empty()))
}

fn ask(name: &str, project: &Project, edits: bool, work: &Path) -> Said {
    let home = rustup_home(&work.join("rustup"), &[(name, name)]);
    let target = work.join("target");
    let ask = |arguments: &[&str]| -> Run {
        let mut command = futurelens();
        command.args(arguments).args(["--format", "json", "--target-dir"]).arg(&target);
        // A lock file that only newer ones read would be made anew.
        run(command.current_dir(project.root()).env("RUSTUP_HOME", &home)).expect_success()
    };
    let read = |run: Run| -> Value { serde_json::from_str(&run.stdout).expect("it is JSON") };
    let report = read(ask(&["report"]));
    let edits = if edits { read(ask(&["fix"])) } else { Value::Null };
    let check = check::check(&check::read(&target));
    for other in &check.others {
        eprintln!("{name}: {other}");
    }
    std::fs::remove_dir_all(&target).expect("it is ours");
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let futures = list(&report, "futures").into_iter().map(|mut future| {
        let key = format!(
            "{} in {}",
            future["id"].as_str().unwrap_or_default(),
            future["unit"].as_str().unwrap_or_default()
        );
        differences::without_numbers_of_closures(&mut future);
        (differences::without_numbers(&key), future)
    });
    let edits = list(&edits, "actions").into_iter().map(|edit| {
        let of = ["kind", "future", "before", "after", "edits"].map(|key| edit[key].to_string());
        of.join(" ")
    });
    Said {
        compiler: report["compiler"].as_str().unwrap_or_default().to_owned(),
        futures: futures.collect(),
        edits: edits.collect(),
        laid_out: (check.futures, check.same),
        drift: report.get("drift").cloned(),
    }
}

impl Said {
    fn print(&self, name: &str, project: &str) {
        let held = || {
            let states = self.futures.values().filter_map(|future| future["states"].as_array()).flatten();
            states.filter_map(|state| state["held"].as_array()).flatten()
        };
        let with = |key: &str| held().filter(|held| held.get(key).is_some()).count();
        let (all, same) = self.laid_out;
        println!(
            "{name:<20} {project:<11} {:>7} {:>6} {:>9} {:>11} {:>5} {:>9}",
            self.futures.len(),
            held().count(),
            with("line"),
            with("why"),
            self.edits.len(),
            format!("{:.1} %", 100.0 * same as f64 / all.max(1) as f64)
        );
    }

    fn differences(&self, other: &Said) -> Vec<Difference> {
        let mut found = Vec::new();
        let ids: BTreeSet<&String> = self.futures.keys().chain(other.futures.keys()).collect();
        for id in ids {
            match (self.futures.get(id), other.futures.get(id)) {
                (Some(old), Some(new)) if old == new => {}
                (Some(old), Some(new)) => found.push(Difference::of_future(id, old, new)),
                (Some(_), None) => found.push(Difference::gone(id)),
                (None, _) => found.push(Difference::new(id)),
            }
        }
        let edits = self.edits.symmetric_difference(&other.edits);
        found.extend(edits.map(|edit| Difference::of_edit(edit, other.edits.contains(edit))));
        found
    }
}
