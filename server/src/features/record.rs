//! A measurement to compare with: read from a report's JSON, or from a baseline, a small text file that is meant to
//! be committed.
//!
//! ```text
//! # futurelens baseline 2: …
//! profile  release
//! target  x86_64-unknown-linux-gnu
//! compiler  rustc 1.97.0-nightly (…)
//! mini-redis  lib  mini_redis::cmd::set::{impl#0}::apply::{closure#0}  496  .await of Connection::write_frame=400
//! ```
//!
//! A future takes one line: the package and the unit, its identity, bytes, and the largest things it holds; the fields
//! stand between tabs. Form 1 did not name the package; it is read still. Lines are sorted and hold no line numbers of the source, so that a change touches only the lines of what it
//! changed and two branches seldom touch the same.

use super::report::{Report, SCHEMA, generic_arguments};
use crate::layout::Future;
use crate::render::short_type;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The first line of every baseline begins with it.
const HEAD: &str = "# futurelens baseline ";

/// The version of the baseline's form.
const VERSION: u32 = 2;

/// Columns for a type in the name of a thing held.
const TYPE_WIDTH: usize = 80;

/// Sizes of one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// What was measured with and for.
    pub measured: Measured,
    /// By package, unit and identity.
    pub futures: BTreeMap<Key, Recorded>,
}

/// What sizes depend on besides the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// `rustc -vV`'s first line.
    pub compiler: String,
    /// The cargo profile.
    pub profile: String,
    /// The triple.
    pub target: String,
}

/// Tells the futures of a workspace apart, and stays the same when lines move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// [`Future::package`](crate::layout::Future::package). Empty if an older futurelens did not say it.
    pub package: String,
    /// [`Future::unit`](crate::layout::Future::unit).
    pub unit: String,
    /// [`Future::id`](crate::layout::Future::id): crate, path, instance.
    pub id: String,
}

/// One future.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// For people: path and instance; the identity where only that is known.
    pub name: String,
    /// `async fn`, `async block`, …; empty if not known.
    pub kind: String,
    /// Where it is in the source, if that is known.
    pub place: Option<RecordedPlace>,
    /// Bytes.
    pub size: u64,
    /// Bytes of the largest thing of each name that it holds in any state.
    pub held: BTreeMap<String, u64>,
    /// Things smaller than so many bytes are not in `held`.
    pub least: u64,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPlace {
    /// Relative to the workspace, with forward slashes.
    pub file: String,
    /// One-based.
    pub line: u32,
    /// One-based.
    pub column: u32,
}

/// Why something is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Neither JSON of a report nor a baseline.
    #[error(
        "this is neither a baseline (`futurelens check --update-baseline` writes one) nor a report \
         (`futurelens report --format json`)"
    )]
    Unknown,
    /// Written by a later futurelens.
    #[error("it has form {found}, and this futurelens reads form {known}: use a newer futurelens")]
    Newer {
        /// The form's number in the file.
        found: u64,
        /// The latest one that is known here.
        known: u32,
    },
    /// A line of a baseline cannot be read.
    #[error("line {line}: {what}")]
    Line {
        /// One-based.
        line: usize,
        /// What is wrong, and what to do.
        what: String,
    },
    /// No report, although JSON.
    #[error("this is no report: {0}")]
    Json(String),
}

/// How a future of `size` bytes is kept in a baseline: without the things smaller than this.
fn least(size: u64) -> u64 {
    (size / 16).max(16)
}

impl Recording {
    /// What a report says.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON.
    pub fn of(report: &Report<'_>) -> Result<Self, RecordError> {
        let json = serde_json::to_value(report).map_err(|error| RecordError::Json(error.to_string()))?;
        Self::from_json(json)
    }

    /// Takes note of a future, under names as a baseline can hold them: what is sorted is what is written. Of
    /// futures with the same identity the largest counts, here as everywhere.
    fn add(&mut self, key: Key, mut future: Recorded) {
        let key = Key { package: field(&key.package), unit: field(&key.unit), id: field(&key.id) };
        let held = std::mem::take(&mut future.held).into_iter();
        future.held = largest(held.map(|(name, size)| (Some(field(&name)), size)));
        match self.futures.get(&key) {
            Some(known) if known.size >= future.size => {}
            _ => drop(self.futures.insert(key, future)),
        }
    }

    /// Reads a report's JSON or a baseline.
    ///
    /// # Errors
    ///
    /// [`RecordError`] says what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        match text.trim_start().starts_with('{') {
            true => Self::from_json(
                serde_json::from_str(text).map_err(|error| RecordError::Json(error.to_string()))?,
            ),
            false => Self::parse_baseline(text),
        }
    }

    /// Reads what was measured for one target or for several, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`RecordError`] says what is wrong with it, and where.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, RecordError> {
        match text.trim_start().starts_with('{') {
            true => {
                let json =
                    serde_json::from_str(text).map_err(|error| RecordError::Json(error.to_string()))?;
                of_each_target(json).into_iter().map(Self::from_json).collect()
            }
            false => sections(text).iter().map(|section| Self::parse_baseline(section)).collect(),
        }
    }

    /// The text of a baseline of several targets: what [`Recording::baseline`] gives of each, one after another.
    pub fn baseline_of_all<'a>(records: impl Iterator<Item = &'a Recording>) -> String {
        let texts = records.map(Recording::baseline).enumerate();
        let cut = |(index, text): (usize, String)| match (index, text.split_once('\n')) {
            (0, _) | (_, None) => text,
            (_, Some((_head, rest))) => rest.to_owned(),
        };
        texts.map(cut).collect()
    }

    fn from_json(json: Value) -> Result<Self, RecordError> {
        check_schema(&json)?;
        let file: ReportFile =
            serde_json::from_value(json).map_err(|error| RecordError::Json(error.to_string()))?;
        let measured = Measured { compiler: file.compiler, profile: file.profile, target: file.target };
        let mut record = Self { measured, futures: BTreeMap::new() };
        for entry in file.futures {
            let place = match (entry.file, entry.line, entry.column) {
                (Some(file), Some(line), Some(column)) => Some(RecordedPlace { file, line, column }),
                _ => None,
            };
            let things = entry.states.iter().flat_map(|state| &state.held);
            let name = |thing: &'_ ThingFile| thing.written.as_ref().unwrap_or(&thing.name).clone();
            let things = things.map(|held| (thing(&held.kind, &name(held), held.ty.as_deref()), held.size));
            let upvars = entry.upvars.iter().map(|upvar| (thing("upvar", &name(upvar), None), upvar.size));
            let future = Recorded {
                name: full_name(&entry.name, &entry.id),
                kind: entry.kind,
                place,
                size: entry.size,
                held: largest(upvars.chain(things)),
                // Without states nothing is known of what it holds.
                least: if entry.states.is_empty() { u64::MAX } else { 0 },
            };
            record.add(Key { package: entry.package, unit: entry.unit, id: entry.id }, future);
        }
        Ok(record)
    }

    fn parse_baseline(text: &str) -> Result<Self, RecordError> {
        let version = text.lines().next().and_then(|line| line.strip_prefix(HEAD));
        let version = version.ok_or(RecordError::Unknown)?;
        let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
        let form = version[..digits].parse::<u64>();
        match form {
            Ok(found) if found > VERSION.into() => {
                return Err(RecordError::Newer { found, known: VERSION });
            }
            Ok(1..) => {}
            _ => return Err(RecordError::Unknown),
        }
        let names_packages = form != Ok(1);
        let mut record = Self::default();
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: &str| RecordError::Line { line: index + 1, what: what.to_owned() };
            if line.starts_with("<<<<<<<") || line.starts_with("=======") || line.starts_with(">>>>>>>") {
                return Err(wrong(
                    "two versions were merged and conflict here; keep both sides' lines, or take either file and \
                     update it with `--update-baseline`",
                ));
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut fields = line.split('\t');
            let (first, second) = (fields.next().unwrap_or_default(), fields.next());
            let second = second.ok_or_else(|| wrong("fields that tabs stand between are expected"))?;
            let third = fields.next();
            let Some(third) = third else {
                match first {
                    "profile" => record.measured.profile = second.to_owned(),
                    "target" => record.measured.target = second.to_owned(),
                    "compiler" => record.measured.compiler = second.to_owned(),
                    _ => return Err(wrong("the future's size is missing")),
                }
                continue;
            };
            let (package, unit, id, size) = match names_packages {
                true => {
                    let size = fields.next().ok_or_else(|| wrong("the future's size is missing"))?;
                    (first, second, third, size)
                }
                false => ("", first, second, third),
            };
            let size = size.parse().map_err(|_| wrong(&format!("`{size}` is no number of bytes")))?;
            let mut held = BTreeMap::new();
            for field in fields {
                let (name, size) = field
                    .rsplit_once('=')
                    .and_then(|(name, size)| Some((name, size.parse().ok()?)))
                    .ok_or_else(|| wrong(&format!("`{field}` is not of the form NAME=BYTES")))?;
                held.insert(if names_packages { name.to_owned() } else { written(name) }, size);
            }
            let key = Key { package: package.to_owned(), unit: unit.to_owned(), id: id.to_owned() };
            if record.futures.contains_key(&key) {
                return Err(wrong(&format!("`{id}` is there a second time; delete one of the two")));
            }
            let name = id.to_owned();
            record
                .futures
                .insert(key, Recorded { name, size, held, least: least(size), ..Recorded::default() });
        }
        let Measured { profile, target, .. } = &record.measured;
        if profile.is_empty() || target.is_empty() {
            let what = "it does not say which profile and target were measured".to_owned();
            return Err(RecordError::Line { line: 1, what });
        }
        Ok(record)
    }

    /// The text of the baseline.
    pub fn baseline(&self) -> String {
        let mut out = format!(
            "{HEAD}{VERSION}: package, unit, future, bytes, and the largest things it holds. \
             `futurelens check --update-baseline` writes it; commit it.\n"
        );
        let Measured { compiler, profile, target } = &self.measured;
        let _ = writeln!(out, "profile\t{profile}\ntarget\t{target}\ncompiler\t{compiler}");
        for (key, future) in &self.futures {
            let _ = write!(out, "{}\t{}\t{}\t{}", key.package, key.unit, key.id, future.size);
            for (name, size) in future.held.iter().filter(|&(_, &size)| size >= least(future.size)) {
                let _ = write!(out, "\t{name}={size}");
            }
            out.push('\n');
        }
        out
    }
}

impl Key {
    /// As a record has it.
    pub fn of(future: &Future) -> Self {
        Key { package: field(&future.package), unit: field(&future.unit), id: field(&future.id) }
    }

    /// The crate the future is in.
    pub fn krate(&self) -> &str {
        self.id.split("::").next().unwrap_or_default()
    }
}

/// Takes a baseline of several targets apart: each part begins with its profile. Lines keep their numbers.
fn sections(text: &str) -> Vec<String> {
    let mut sections: Vec<String> = vec![String::new()];
    let (head, mut has_profile) = (text.lines().next().unwrap_or_default(), false);
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("profile\t") && std::mem::replace(&mut has_profile, true) {
            sections.push(format!("{head}{}", "\n".repeat(index)));
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}

/// Takes the report of several targets apart.
fn of_each_target(report: Value) -> Vec<Value> {
    let futures = report["futures"].as_array().into_iter().flatten();
    let of_futures = futures.clone().filter_map(|future| future["target"].as_str());
    if of_futures.clone().next().is_none() {
        return vec![report];
    }
    // In the report's own order, with those that have no futures.
    let mut targets: Vec<&str> = report["target"].as_str().unwrap_or_default().split(", ").collect();
    for target in of_futures {
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    let of = |target: &str| {
        let mut own = report.clone();
        let is_own = |future: &&Value| future["target"].as_str() == Some(target);
        own["futures"] = futures.clone().filter(is_own).cloned().collect();
        own["target"] = target.into();
        own
    };
    targets.iter().map(|target| of(target)).collect()
}

/// A name as a field of a baseline's line, which ends at a tab. It may come from a macro or another compiler.
fn field(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Everything read from a report's JSON. What is not named here is of no use for comparing.
#[derive(Deserialize)]
struct ReportFile {
    compiler: String,
    profile: String,
    target: String,
    futures: Vec<FutureFile>,
}

#[derive(Deserialize)]
struct FutureFile {
    name: String,
    kind: String,
    #[serde(default)]
    package: String,
    unit: String,
    id: String,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    size: u64,
    upvars: Vec<ThingFile>,
    states: Vec<StateFile>,
}

#[derive(Deserialize)]
struct StateFile {
    held: Vec<ThingFile>,
}

#[derive(Deserialize)]
struct ThingFile {
    name: String,
    written: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(rename = "type")]
    ty: Option<String>,
    size: u64,
}

/// Is this a report of a form that is known?
pub(super) fn check_schema(json: &Value) -> Result<(), RecordError> {
    match json["schema"].as_u64() {
        Some(found) if found > SCHEMA.into() => Err(RecordError::Newer { found, known: SCHEMA }),
        Some(_) => Ok(()),
        None => Err(RecordError::Json("it has no `schema`".to_owned())),
    }
}

fn full_name(name: &str, id: &str) -> String {
    format!("{name}{}", generic_arguments(id).unwrap_or_default())
}

fn largest(things: impl Iterator<Item = (Option<String>, u64)>) -> BTreeMap<String, u64> {
    let mut held = BTreeMap::new();
    for (name, size) in things {
        let Some(name) = name else { continue };
        let known: &mut u64 = held.entry(name).or_default();
        *known = size.max(*known);
    }
    held
}

/// What a thing held is called when two days are compared: without anything that changes when lines move, as the
/// compiler's numbers of unnamed things do.
fn thing(kind: &str, name: &str, ty: Option<&str>) -> Option<String> {
    let ty = || ty.map(|ty| short_type(&without_places(ty), TYPE_WIDTH));
    match kind {
        "awaitee" => Some(format!(".await of {}", ty()?)),
        "temporary" => Some(format!("a temporary {}", ty()?)),
        "upvar" => Some(format!("{name} (captured)")),
        "flag" => None,
        _ => Some(name.to_owned()),
    }
}

/// Form 1 had the compiler's names for parts of captures: `_ref__x__a (captured)` is `x.a (captured)`.
fn written(name: &str) -> String {
    match name.strip_suffix(" (captured)") {
        Some(_) => name.strip_prefix("_ref__").unwrap_or(name).replace("__", "."),
        None if name == "__self" => "self".to_owned(),
        None => name.to_owned(),
    }
}

/// `{async block@src/x.rs:128:89: 138:6}` becomes `{async block@src/x.rs}`.
fn without_places(ty: &str) -> String {
    let mut out = String::with_capacity(ty.len());
    let mut rest = ty;
    while let Some(at) = rest.find('@') {
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end);
        let span = &rest[at..end];
        let path = span.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':' || c == ' ');
        out.push_str(&rest[..at]);
        out.push_str(path);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record() -> Recording {
        let measured = Measured {
            compiler: "rustc 1.97.0-nightly".to_owned(),
            profile: "release".to_owned(),
            target: "x86_64-unknown-linux-gnu".to_owned(),
        };
        let key = |id: &str| Key { package: "p".to_owned(), unit: "lib".to_owned(), id: id.to_owned() };
        let future = |size, held: &[(&str, u64)]| Recorded {
            size,
            held: held.iter().map(|&(name, size)| (name.to_owned(), size)).collect(),
            ..Recorded::default()
        };
        let futures = [
            (key("a::f::{closure#0}"), future(1040, &[("buffer", 1024), ("small", 8)])),
            (key("a::g::{closure#0}<T = u8>"), future(2, &[])),
        ];
        Recording { measured, futures: futures.into() }
    }

    #[test]
    fn a_baseline_has_one_line_a_future() {
        let text = record().baseline();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "profile\trelease",
                "target\tx86_64-unknown-linux-gnu",
                "compiler\trustc 1.97.0-nightly",
                "p\tlib\ta::f::{closure#0}\t1040\tbuffer=1024",
                "p\tlib\ta::g::{closure#0}<T = u8>\t2",
            ]
        );
        let again = Recording::parse(&text).expect("it was just written");
        assert_eq!(again.baseline(), text);
        let first = again.futures.values().next().expect("there are two");
        assert_eq!((first.size, first.least, first.held.len()), (1040, 65, 1));
    }

    #[test]
    fn several_targets_are_taken_apart() {
        let mut other = record();
        other.measured.target = "thumbv6m-none-eabi".to_owned();
        other.futures.values_mut().next().expect("there are two").size = 4000;
        let text = Recording::baseline_of_all([&record(), &other].into_iter());
        assert_eq!(text.lines().filter(|line| line.starts_with(HEAD)).count(), 1);
        let both = Recording::parse_all(&text).expect("it was just written");
        assert_eq!(both.len(), 2);
        assert_eq!((both[0].baseline(), both[1].baseline()), (record().baseline(), other.baseline()));
        // A line that is wrong in the second part has its own number.
        let wrong = Recording::parse_all(&text.replace("\t4000", "\tmany")).expect_err("that is no size");
        assert!(wrong.to_string().starts_with("line 10: `many` is no number"), "{wrong}");
        let future = |target: &str, size: u64| {
            serde_json::json!({
                "name": "f", "kind": "async fn", "unit": "lib", "id": "a::f", "target": target, "size": size,
                "upvars": [], "states": [],
            })
        };
        let report = serde_json::json!({
            "schema": 1, "compiler": "c", "profile": "release", "target": "t, u, none",
            "futures": [future("u", 2), future("t", 1)],
        });
        let all = Recording::parse_all(&report.to_string()).expect("it is a report");
        let sizes = |record: &Recording| record.futures.values().map(|one| one.size).collect::<Vec<_>>();
        let of: Vec<_> = all.iter().map(|one| (&*one.measured.target, sizes(one))).collect();
        assert_eq!(of, [("t", vec![1]), ("u", vec![2]), ("none", vec![])]);
        assert_eq!(Recording::parse_all(&record().baseline()).map(|all| all.len()), Ok(1));
    }

    #[test]
    fn any_name_is_written_as_it_is_sorted() {
        let (one, other) = ("a::\u{b}f", "a::!f");
        let mut record = Recording { futures: BTreeMap::new(), ..record() };
        for name in [one, other] {
            let held = [(name.to_owned(), 9), (other.to_owned(), 9)].into();
            let key = Key { package: "p".to_owned(), unit: "lib".to_owned(), id: name.to_owned() };
            record.add(key, Recorded { size: 9, held, ..Recorded::default() });
        }
        let text = record.baseline();
        assert_eq!(Recording::parse(&text).expect("it was just written").baseline(), text);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good = record().baseline();
        let said = |text: &str| Recording::parse(text).expect_err(text).to_string();
        assert!(said("").contains("neither a baseline"));
        assert!(said("fn main() {}").contains("neither a baseline"));
        assert!(said(&good.replacen("baseline 2", "baseline 3", 1)).contains("newer futurelens"));
        assert!(said(&good.replace("\t1040", "\tmany")).starts_with("line 5: `many` is no number"));
        assert!(said(&good.replace("=1024", "")).starts_with("line 5: `buffer` is not of the form"));
        assert!(said(&format!("{good}<<<<<<< HEAD\n")).starts_with("line 7: two versions"));
        assert!(said(&format!("{good}p\tlib\ta::f::{{closure#0}}\t1\n")).contains("a second time"));
        assert!(
            said(&format!("{good}p\tlib\ta::h::{{closure#0}}\n")).starts_with("line 7: the future's size")
        );
        assert!(said(&good.replace("target\t", "tarte\t")).starts_with("line 3: the future's size"));
        assert!(said("{").contains("no report"));
        assert!(said("{}").contains("no `schema`"));
        assert!(said(r#"{"schema": 2}"#).contains("newer futurelens"));
        assert!(said(r#"{"schema": 1}"#).contains("missing field `compiler`"));
    }

    #[test]
    fn names_of_things_do_not_move_with_lines() {
        let ty = "{async block@src/x.rs:128:89: 138:6}";
        assert_eq!(
            without_places(&format!("Pin<{ty}, {ty}>")),
            "Pin<{async block@src/x.rs}, {async block@src/x.rs}>"
        );
        let name = |ty: &str| thing("awaitee", "__awaitee", Some(ty));
        assert_eq!(name(ty), name("{async block@src/x.rs:7:9: 8:6}"));
        assert_eq!(name("{async fn body of net::read()}").as_deref(), Some(".await of {async fn read()}"));
    }

    #[test]
    fn a_baseline_without_packages_is_read() {
        let old = record().baseline().replacen("baseline 2", "baseline 1", 1).replace("\np\tlib", "\nlib");
        let record = Recording::parse(&old).expect("it is of form 1");
        assert!(record.futures.keys().all(|key| key.package.is_empty() && key.unit == "lib"), "{record:?}");
        let sizes: Vec<u64> = record.futures.values().map(|future| future.size).collect();
        assert_eq!(sizes, [1040, 2]);
    }

    proptest! {
        #[test]
        fn readers_take_any_text(text in "(# futurelens baseline [12]\n)?[a-z\\t\\n=#{<0-9\"\\[\\]:,é]{0,80}") {
            if let Ok(record) = Recording::parse(&text) {
                prop_assert_eq!(Recording::parse(&record.baseline()).map(|again| again.baseline()), Ok(record.baseline()));
            }
        }
    }
}
