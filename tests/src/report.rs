//! `futurelens report --format json`, read as a user's script would read it.

use crate::binary::{Run, futurelens, run};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

/// A whole report.
#[derive(Debug)]
pub struct Report {
    /// The compiler that measured.
    pub compiler: String,
    /// The profile that was measured.
    pub profile: String,
    /// Every future, in the order reported.
    pub futures: Vec<Future>,
}

/// One future of a report.
#[derive(Clone, Debug)]
pub struct Future {
    /// Its path, for people.
    pub name: String,
    /// `async fn`, `async block`, …
    pub kind: String,
    /// The package that its body is in.
    pub package: String,
    /// The crate that its body is in.
    pub crate_name: String,
    /// The unit that was measured: `lib`, or something that ends with the binary's name.
    pub unit: String,
    /// The name the compiler prints.
    pub ty: String,
    /// What identifies it between runs.
    pub id: String,
    /// Relative to the workspace.
    pub file: String,
    /// One-based.
    pub line: usize,
    /// One-based.
    pub column: usize,
    /// In bytes.
    pub size: u64,
    /// In bytes.
    pub align: u64,
    /// How many lines of 64 bytes it takes; none on a target without a data cache.
    pub cache_lines: Option<u64>,
    /// Bytes that no state uses.
    pub padding: u64,
    /// Bytes of what is stored a second time.
    pub duplicated: u64,
    /// In the compiler's order.
    pub states: Vec<State>,
    /// Name and size of everything held, in any state.
    pub held: BTreeSet<(String, u64)>,
}

/// One state of a future.
#[derive(Clone, Debug)]
pub struct State {
    /// `Unresumed`, `Suspend0`, …
    pub name: String,
    /// In bytes, without the discriminant.
    pub size: u64,
    /// Bytes between the things held.
    pub padding: u64,
    /// The line of its `await`, one-based.
    pub awaits: Option<u64>,
    /// Everything stored in it.
    pub held: Vec<Held>,
}

/// A thing held.
#[derive(Clone, Debug)]
pub struct Held {
    /// The variable, or the compiler's name for it.
    pub name: String,
    /// `local`, `upvar`, `awaitee`, `flag` or `temporary`.
    pub kind: String,
    /// In bytes.
    pub size: u64,
    /// In bytes, from the start of the future.
    pub offset: u64,
    /// Where it is declared: the file, and the one-based line.
    pub declared: Option<(String, usize)>,
}

impl Future {
    /// The last segment of its path, without generic arguments.
    pub fn last_name(&self) -> &str {
        last_segment(&self.name)
    }

    /// The states in which it is suspended.
    pub fn suspended(&self) -> BTreeSet<(String, u64)> {
        let suspended = self.states.iter().filter(|state| state.name.starts_with("Suspend"));
        suspended.map(|state| (state.name.clone(), state.size)).collect()
    }

    /// Whether it was measured in this unit: `lib`, or the name of a binary.
    pub fn is_of_unit(&self, unit: &str) -> bool {
        match unit {
            "lib" => self.unit == "lib",
            bin => self.unit != "lib" && self.unit.ends_with(bin),
        }
    }
}

/// Type, size, alignment and suspended states of a future.
pub type Facts = (String, u64, u64, BTreeSet<(String, u64)>);

/// `apply` of `cmd::set::Set::apply` and of `<Set as Apply>::apply::<u8>`.
pub fn last_segment(path: &str) -> &str {
    let mut depth = 0;
    let mut last = "";
    let mut start = 0;
    for (at, c) in path.char_indices().chain([(path.len(), ':')]) {
        let before = depth;
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        // A segment ends at a colon, or where its generic arguments begin.
        if before == 0 && matches!(c, ':' | '<') {
            if start < at {
                last = &path[start..at];
            }
            start = at + 1;
        } else if depth == 0 && before > 0 {
            start = at + 1;
        }
    }
    last
}

/// Runs `futurelens report ROOT --format json` with these arguments added, in a clean environment.
pub fn run_report<S: AsRef<OsStr>>(root: &Path, arguments: &[S]) -> Run {
    run(futurelens().arg("report").arg(root).args(["--format", "json"]).args(arguments))
}

/// The report of a project.
///
/// # Panics
///
/// If the run fails, or if what it prints is not what is documented.
#[track_caller]
pub fn report<S: AsRef<OsStr>>(root: &Path, arguments: &[S]) -> Report {
    parse(&run_report(root, arguments).expect_success().stdout)
}

/// The sizes of a project's futures in the dev profile, by name.
///
/// # Panics
///
/// As [`report`].
#[track_caller]
pub fn sizes(root: &Path) -> BTreeMap<String, u64> {
    let report = report(root, &["--profile", "dev"]);
    report.futures.into_iter().map(|future| (future.name, future.size)).collect()
}

/// Reads a report.
///
/// # Panics
///
/// If a documented field is missing.
#[track_caller]
pub fn parse(text: &str) -> Report {
    let value: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in the report:\n{text}"));
    assert_eq!(value["schema"], 1, "the report says its schema");
    assert!(value["target"].is_string(), "the report says its target");
    Report {
        compiler: string(&value, "compiler"),
        profile: string(&value, "profile"),
        futures: list(&value, "futures").iter().map(future).collect(),
    }
}

fn future(value: &Value) -> Future {
    // What has no place has none of the three.
    let position = |key| match value.get("file") {
        Some(_) => usize::try_from(number(value, key)).expect("a line or column"),
        None => 0,
    };
    let (line, column) = (position("line"), position("column"));
    assert!(value.get("file").is_none() || line > 0 && column > 0, "one-based: {value}");
    let file = value.get("file").map_or_else(String::new, |_| string(value, "file"));
    let states: Vec<State> = list(value, "states").iter().map(|value| state(value, &file)).collect();
    let held = states.iter().flat_map(|state| &state.held);
    Future {
        name: string(value, "name"),
        kind: string(value, "kind"),
        package: string(value, "package"),
        crate_name: string(value, "crate"),
        unit: string(value, "unit"),
        ty: string(value, "type"),
        id: string(value, "id"),
        line,
        column,
        size: number(value, "size"),
        align: number(value, "align"),
        cache_lines: value["cache_lines"].as_u64(),
        padding: number(value, "padding"),
        duplicated: number(value, "duplicated"),
        held: held.map(|held| (held.name.clone(), held.size)).collect(),
        states,
        file,
    }
}

fn state(value: &Value, file: &str) -> State {
    State {
        name: string(value, "name"),
        size: number(value, "size"),
        padding: number(value, "padding"),
        awaits: value["await"]["line"].as_u64(),
        held: list(value, "held").iter().map(|value| held(value, file)).collect(),
    }
}

fn held(value: &Value, file: &str) -> Held {
    let line = value["line"].as_u64().map(|line| usize::try_from(line).expect("a line"));
    let file = value["file"].as_str().unwrap_or(file);
    Held {
        name: string(value, "name"),
        kind: string(value, "kind"),
        size: number(value, "size"),
        offset: number(value, "offset"),
        declared: line.map(|line| (file.to_owned(), line)),
    }
}

fn string(value: &Value, key: &str) -> String {
    let text = value[key].as_str();
    text.unwrap_or_else(|| panic!("no text `{key}` in {value}")).to_owned()
}

fn number(value: &Value, key: &str) -> u64 {
    let number = value[key].as_u64();
    number.unwrap_or_else(|| panic!("no number `{key}` in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value[key].as_array();
    list.unwrap_or_else(|| panic!("no list `{key}` in {value}"))
}

impl Report {
    /// The one future whose path ends with this name.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    #[track_caller]
    pub fn only(&self, name: &str) -> &Future {
        let found: Vec<&Future> = self.futures.iter().filter(|future| future.last_name() == name).collect();
        match found.as_slice() {
            [future] => future,
            _ => panic!("{} futures `{name}` in {:#?}", found.len(), self.names()),
        }
    }

    /// The size of the one future whose path ends with this name.
    #[track_caller]
    pub fn size_of(&self, name: &str) -> u64 {
        self.only(name).size
    }

    /// Every name, for messages.
    pub fn names(&self) -> Vec<&str> {
        self.futures.iter().map(|future| future.name.as_str()).collect()
    }

    /// What has to be the same in two reports of the same code: type, size, alignment and states.
    pub fn facts(&self) -> BTreeSet<Facts> {
        self.futures
            .iter()
            .map(|future| (future.ty.clone(), future.size, future.align, future.suspended()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::last_segment;

    #[test]
    fn last_segments() {
        for (path, last) in [
            ("apply", "apply"),
            ("cmd::set::Set::apply", "apply"),
            ("<Set as a::Apply>::apply", "apply"),
            ("keeps<[u8; 256]>", "keeps"),
            ("a::keeps<std::vec::Vec<u8>>", "keeps"),
            ("a::keeps::<u8>", "keeps"),
            ("Set<a::b>::apply", "apply"),
        ] {
            assert_eq!(last_segment(path), last, "{path}");
        }
    }
}
