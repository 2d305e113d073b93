//! What `futurelens fix` offers, held to its word: each action alone in a fresh copy, compiled and measured
//! by a plain build that prints type sizes.

use crate::binary::{Run, cargo, clean_command, futurelens, nightly, run};
use crate::oracle;
use crate::project::{Project, copy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// One action of `fix --format json`.
#[derive(Debug, Clone)]
pub struct Action {
    /// Its identity.
    pub id: String,
    /// `box-awaitee`, …
    pub kind: String,
    /// What the user reads.
    pub title: String,
    /// The name of the future.
    pub future: String,
    /// Bytes; none if it does not compile.
    pub before: Option<u64>,
    /// Bytes; none if it did not compile before.
    pub after: Option<u64>,
    /// What it drops at another time than before.
    pub drops_earlier: Vec<String>,
    /// What else it does otherwise than before.
    pub does_otherwise: Option<String>,
    /// File, start, end, text; bytes of the file as it is.
    pub edits: Vec<(String, usize, usize, String)>,
}

/// Runs `fix --format json` with more arguments, and reads what it says: everything, however little it saves.
pub fn offered(root: &Path, arguments: &[&str]) -> Vec<Action> {
    let mut command = futurelens();
    command.arg("fix").arg(root).args(["--format", "json"]).args(arguments);
    if !arguments.contains(&"--min-saving") {
        command.args(["--min-saving", "0"]);
    }
    read(&run(&mut command).expect_success())
}

/// Has all edits of one kind written, however little they save, but those that may change what the program does.
pub fn write_all(root: &Path, kind: &str, arguments: &[&str]) {
    let mut command = futurelens();
    command.arg("fix").arg(root).args(["--apply", "--allow-dirty", "--kind", kind, "--min-saving", "1"]);
    run(command.args(arguments)).expect_success();
}

/// Reads the JSON, strictly: every field of the contract must be there.
pub fn read(run: &Run) -> Vec<Action> {
    let list: Value = serde_json::from_str(&run.stdout).expect("fix prints JSON");
    assert_eq!(list["schema"], 1);
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("text, not {value}")).to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a number, not {value}"));
    let action = |value: &Value| Action {
        id: text(&value["id"]),
        kind: text(&value["kind"]),
        title: text(&value["title"]),
        future: text(&value["future"]),
        before: value["before"].as_u64(),
        after: value["after"].as_u64(),
        drops_earlier: value["drops_earlier"].as_array().into_iter().flatten().map(text).collect(),
        does_otherwise: value["does_otherwise"].as_str().map(str::to_owned),
        edits: value["edits"]
            .as_array()
            .expect("edits are a list")
            .iter()
            .map(|edit| {
                let (start, end) = (number(&edit["start"]) as usize, number(&edit["end"]) as usize);
                (text(&edit["file"]), start, end, text(&edit["text"]))
            })
            .collect(),
    };
    list["actions"].as_array().expect("actions are a list").iter().map(action).collect()
}

/// Makes the edits of all these actions in the files below a folder. None overlaps with another.
pub fn apply(actions: &[&Action], root: &Path) {
    let mut by_file: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (file, start, end, text) in actions.iter().flat_map(|action| &action.edits) {
        by_file.entry(file).or_default().push((*start, *end, text));
    }
    for (file, mut edits) in by_file {
        let path = root.join(file);
        let mut content = fs::read_to_string(&path).expect("the file is there");
        edits.sort();
        for (start, end, text) in edits.into_iter().rev() {
            content.replace_range(start..end, text);
        }
        fs::write(&path, content).expect("the file is writable");
    }
}

impl Action {
    /// Makes the edits in the files below a folder.
    pub fn apply(&self, root: &Path) {
        apply(&[self], root);
    }

    /// The file edited, and its lines from the first edit to two behind the last.
    fn lines(&self, root: &Path) -> (String, RangeInclusive<usize>) {
        let (file, first, ..) = self.edits.iter().min_by_key(|edit| edit.1).expect("there are edits");
        let last = self.edits.iter().map(|edit| edit.2).max().unwrap_or(*first);
        let text = fs::read_to_string(root.join(file)).expect("the file is there");
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        (file.clone(), line(*first)..=line(last) + 2)
    }

    /// Bytes, as promised.
    pub fn saving(&self) -> u64 {
        self.before.zip(self.after).map_or(0, |(before, after)| before - after)
    }
}

/// What came of all actions of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// By `fix`.
    pub offered: usize,
    /// Alone in a fresh copy.
    pub compiled: usize,
    /// The future is smaller after it.
    pub shrank: usize,
    /// To the byte.
    pub as_promised: usize,
}

/// What came of all actions of a project.
#[derive(Debug, Default)]
pub struct Outcome {
    /// By kind.
    pub kinds: BTreeMap<String, Tally>,
    /// What did not hold, one line each.
    pub broken: Vec<String>,
}

impl Outcome {
    /// All kinds together.
    pub fn total(&self) -> Tally {
        self.kinds.values().fold(Tally::default(), |all, one| Tally {
            offered: all.offered + one.offered,
            compiled: all.compiled + one.compiled,
            shrank: all.shrank + one.shrank,
            as_promised: all.as_promised + one.as_promised,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let line = |name: &str, one: &Tally| {
            format!(
                "{name:<17} {:>8} {:>9} {:>7} {:>12}\n",
                one.offered, one.compiled, one.shrank, one.as_promised
            )
        };
        let mut out = format!(
            "{:<17} {:>8} {:>9} {:>7} {:>12}\n",
            "kind", "offered", "compiled", "shrank", "as promised"
        );
        for (kind, tally) in &self.kinds {
            out.push_str(&line(kind, tally));
        }
        out + &line("all", &self.total())
    }
}

/// Takes every action that `fix` offers for a project, at the release profile.
pub fn try_all(original: &Path) -> Outcome {
    try_offered(original, &[])
}

/// As [`try_all`], of what `fix` offers with more arguments.
pub fn try_offered(original: &Path, arguments: &[&str]) -> Outcome {
    let actions = offered(original, arguments);
    let types = types(original);
    let bench = Bench::new(original);
    let mut outcome = Outcome::default();
    for action in actions {
        let tally = outcome.kinds.entry(action.kind.clone()).or_default();
        tally.offered += 1;
        bench.restore(original);
        action.apply(bench.project.root());
        let Some(sizes) = bench.sizes() else {
            outcome.broken.push(format!("does not compile: {} ({})", action.title, action.id));
            continue;
        };
        tally.compiled += 1;
        // `KIND/FUTURE#N`
        let future = action.id.split_once('/').and_then(|(_, rest)| Some(rest.rsplit_once('#')?.0));
        let ty = future.and_then(|future| types.get(future)).expect("the future was reported");
        // An `async fn` becomes a fn with a block in it, which is named by its place.
        let in_place = (action.kind == "desugar-async-fn").then(|| action.lines(original));
        let with_name = |sizes: &BTreeMap<String, Vec<u64>>| {
            // What is returned or handed over instead may be any other.
            let is_gone = action.kind == "box-argument" && !action.title.starts_with("Let ");
            if is_gone || action.kind == "return-inner" {
                let others = sizes.iter().filter(|(other, _)| **other != without_end(ty));
                return others.flat_map(|(_, all)| all.clone()).collect();
            }
            if let Some((file, lines)) = &in_place {
                let is_there = |(ty, _): &(&String, &Vec<u64>)| {
                    let line = ty.strip_prefix("{async block@").and_then(|ty| ty.strip_prefix(file.as_str()));
                    let line = line.and_then(|rest| rest.strip_prefix(':')?.split(':').next()?.parse().ok());
                    line.is_some_and(|line| lines.contains(&line))
                };
                return sizes.iter().filter(is_there).flat_map(|(_, all)| all.clone()).collect();
            }
            let named = sizes.get(&without_end(ty)).cloned();
            let is_like = |(other, _): &(&String, &Vec<u64>)| without_places(other) == without_places(ty);
            named.unwrap_or_else(|| sizes.iter().filter(is_like).flat_map(|(_, all)| all.clone()).collect())
        };
        let mut found = with_name(&sizes);
        let (before, after) = (action.before.expect("it compiles"), action.after.expect("it compiles"));
        if !found.contains(&after) {
            // Instances that no concrete future holds are printed only by who collects all of them.
            found = with_name(&bench.all_sizes());
        }
        // Two blocks of one macro share a name.
        if found.iter().any(|size| *size < before) {
            tally.shrank += 1;
        }
        if found.contains(&after) {
            tally.as_promised += 1;
        } else {
            outcome.broken.push(format!(
                "{before} to {after} bytes were promised for {ty}, found {found:?}: {} ({})",
                action.title, action.id
            ));
        }
    }
    outcome
}

/// Readable types by identity, as `report` gives them.
fn types(root: &Path) -> BTreeMap<String, String> {
    let report = run(futurelens().arg("report").arg(root).args(["--format", "json"])).expect_success();
    let report: Value = serde_json::from_str(&report.stdout).expect("report prints JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let futures = report["futures"].as_array().expect("futures are a list");
    futures.iter().map(|future| (text(&future["id"]), text(&future["type"]))).collect()
}

/// Without any place, for blocks whose own line was edited.
fn without_places(ty: &str) -> String {
    let mut out = String::new();
    let mut rest = ty;
    while let Some(at) = rest.find('@') {
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end);
        let file = rest[at..end].split(':').next().unwrap_or_default();
        out.push_str(&rest[..at]);
        out.push_str(file);
        rest = &rest[end..];
    }
    out + rest
}

/// A block is named by where it begins and ends; the end moves when something in it is edited.
fn without_end(ty: &str) -> String {
    let mut out = String::new();
    let mut rest = ty;
    while let Some(at) = rest.find('@') {
        let place = rest[at..].find('}').map_or(rest.len(), |end| at + end);
        let span = &rest[at..place];
        let kept = span.rfind(": ").map_or(span, |end| &span[..end]);
        out.push_str(&rest[..at]);
        out.push_str(kept);
        rest = &rest[place..];
    }
    out + rest
}

/// A copy to edit, and a target directory that keeps the dependencies.
struct Bench {
    project: Project,
    target: PathBuf,
}

impl Bench {
    fn new(original: &Path) -> Self {
        let project = Project::copy_of(original);
        let target = project.beside("plain-target");
        Bench { project, target }
    }

    fn restore(&self, original: &Path) {
        fs::remove_dir_all(self.project.root().join("src")).expect("there are sources");
        copy(original, self.project.root());
    }

    /// Sizes by type in a plain check; none if it does not compile.
    fn sizes(&self) -> Option<BTreeMap<String, Vec<u64>>> {
        self.printed("check", "")
    }

    /// As [`Bench::sizes`], of every instance.
    fn all_sizes(&self) -> BTreeMap<String, Vec<u64>> {
        self.printed("build", "-full").unwrap_or_default()
    }

    fn printed(&self, command: &str, target: &str) -> Option<BTreeMap<String, Vec<u64>>> {
        let mut target_dir = self.target.clone().into_os_string();
        target_dir.push(target);
        let mut cargo = cargo(nightly());
        cargo.args([command, "--release", "--quiet", "--workspace"]).arg("--target-dir").arg(target_dir);
        cargo.current_dir(self.project.root()).env("RUSTFLAGS", "-Zprint-type-sizes");
        let printed = run(&mut cargo);
        (printed.code == Some(0)).then(|| {
            let mut sizes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
            for coroutine in oracle::parse(&printed.stdout) {
                sizes.entry(without_end(&coroutine.ty)).or_default().push(coroutine.size);
            }
            sizes
        })
    }
}

/// Runs a project's own tests with the stable compiler.
pub fn own_tests(root: &Path, target: &Path, arguments: &[&str]) -> Run {
    let mut cargo = clean_command("cargo");
    cargo.args(["test", "--target-dir"]).arg(target).args(arguments).current_dir(root);
    run(&mut cargo)
}
