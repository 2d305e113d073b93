use super::*;
use crate::dump::type_sizes::AWAITEE;
use crate::dump::{CoroutineBody, coroutine, normal};
use crate::features::Snapshot;
use crate::features::report::{Choice, report};
use crate::features::snapshot::{PrintedTexts, PrintedUnit};
use crate::layout::whatif::{Change, predict};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::path::{Path, PathBuf};

/// The source that the dumps in `server/golden` are of, see `tests/goldens.sh`.
const SOURCE: &str = include_str!("../../../golden/source.rs");

/// What a compiler printed of it.
struct Golden {
    /// Its folder's name.
    name: String,
    /// 97 for 1.97.
    minor: u32,
    sizes: String,
    /// Names and texts.
    bodies: Vec<(String, String)>,
}

/// Of all compilers, oldest first.
fn goldens() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all
    };
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let read = |file: &Path| normal(&std::fs::read_to_string(file).unwrap()).into_owned();
    let golden = |folder: PathBuf| {
        let bodies =
            entries(&folder).into_iter().filter(|file| file.extension().is_some_and(|is| is == "mir"));
        Golden {
            name: name(&folder),
            minor: read(&folder.join("version.txt")).split('.').nth(1).unwrap().parse().unwrap(),
            sizes: read(&folder.join("sizes.txt")),
            bodies: bodies.map(|file| (name(&file), read(&file))).collect(),
        }
    };
    let folders = entries(&folder).into_iter().filter(|path| path.is_dir());
    let mut goldens: Vec<Golden> = folders.map(golden).collect();
    goldens.sort_by_key(|golden| golden.minor);
    assert!(goldens.len() >= 7, "one for each dialect and release");
    goldens
}

impl Golden {
    fn bodies(&self) -> Vec<(&str, &str)> {
        self.bodies.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }

    fn whole(&self) -> Snapshot {
        snapshot(&Snapshot::default(), &self.sizes, &self.bodies(), &[])
    }

    /// The part that is doctored, with something of everything in its first body.
    fn part(&self) -> Golden {
        let names = ["held", "leaf", "outer"];
        let body = |name: &&str| {
            let of_it = format!("golden.{name}-");
            self.bodies.iter().find(|(file, _)| file.starts_with(&of_it)).unwrap().clone()
        };
        let others = ["generic<", "mixed::", "instances::", "::run::", "Pair"];
        let records = self.sizes.split_inclusive('\n').collect::<Vec<_>>();
        let records = records.chunk_by(|_, line| !line.starts_with("print-type-size type: "));
        let records = records.map(|lines| lines.concat());
        Golden {
            name: self.name.clone(),
            minor: self.minor,
            sizes: records.filter(|record| !others.iter().any(|other| record.contains(other))).collect(),
            bodies: names.iter().map(body).collect(),
        }
    }

    /// What is doctored in it: of the newest compiler of each dialect everything, of the others each seventh thing.
    fn chosen(&self, doctored: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
        let is_newest = matches!(&*self.name, "nightly-2026-05-20" | "nightly-2026-10-15");
        doctored.step_by(if is_newest { 1 } else { 7 }).collect()
    }
}

#[derive(Debug)]
struct Dumps {
    sizes: String,
    bodies: Vec<String>,
}

impl PrintedTexts for Dumps {
    fn sizes(&self) -> Option<Cow<'_, str>> {
        Some(self.sizes.as_str().into())
    }

    fn body(&self, index: usize) -> Option<Cow<'_, str>> {
        Some(self.bodies[index].as_str().into())
    }
}

/// What is made of these dumps. What is as in `before` is not read again.
fn snapshot(before: &Snapshot, sizes: &str, bodies: &[(&str, &str)], without: &[String]) -> Snapshot {
    let digest = |text: &str| {
        BuildHasherDefault::<std::collections::hash_map::DefaultHasher>::default().hash_one(text)
    };
    let texts = Dumps {
        sizes: sizes.to_owned(),
        bodies: bodies.iter().map(|(_, text)| (*text).to_owned()).collect(),
    };
    let origin = "golden-1".into();
    let text = PrintedUnit {
        origin: &origin,
        stamp: 1,
        package: "golden",
        krate: "golden",
        unit: "lib",
        edition: "2021",
        rust_version: None,
        dir: Path::new("/w"),
        texts: Arc::new(texts),
        bodies: bodies.iter().map(|(name, text)| (*name, digest(text))).collect(),
        sources: vec![("src/lib.rs", SOURCE)],
        without,
    };
    before.updated(&[text], &["golden-1".into()].into(), BTreeSet::new())
}

/// What a future has itself and what each future in it does not share with a larger one make its size, at every level; and
/// no future that is stored in place is left out.
#[test]
fn trees_add_up_whatever_compiler_measured() {
    use crate::features::stored::{Nested, nested};
    fn check(nested: &Nested, name: &str) -> usize {
        let inside = nested.children.iter().map(|child| child.node.size - child.node.shared).sum::<u64>();
        assert_eq!(nested.own() + inside, nested.node.size, "{name}: {nested:#?}");
        1 + nested.children.iter().map(|child| check(child, name)).sum::<usize>()
    }
    for golden in goldens() {
        let snapshot = golden.whole();
        let mut most = 0;
        for placed in snapshot.futures(true) {
            let tree = nested(&snapshot, placed, 9);
            most = most.max(check(&tree, &golden.name));
            let stored = placed.future.states.iter().flat_map(|state| &state.held);
            let stored: BTreeSet<&str> = stored.filter_map(|held| held.future.as_deref()).collect();
            let mut found = BTreeSet::new();
            let mut open: Vec<&Nested> = tree.children.iter().collect();
            while let Some(nested) = open.pop() {
                match &nested.id {
                    Some(id) => _ = found.insert(&**id),
                    None => open.extend(&nested.children),
                }
            }
            let missing: Vec<_> =
                stored.iter().filter(|id| snapshot.future(id).is_some() && !found.contains(*id)).collect();
            assert!(missing.is_empty(), "{}, {}: {missing:?}", golden.name, placed.future.name);
        }
        assert!(most > 3, "{}: there are futures in futures", golden.name);
    }
}

/// Every number and reason that is shown of each future, by identity: what a report has, and what boxing what is
/// awaited is predicted to give.
fn facts(snapshot: &Snapshot) -> BTreeMap<String, BTreeSet<String>> {
    fn flatten(path: &str, value: &Value, facts: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, facts));
            }
            Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(at, value)| flatten(&format!("{path}[{at}]"), value, facts));
            }
            // Which of two things without a name it is.
            Value::String(text) if text == "temporary" || text == "flag" => {}
            // How things are called, and in which file where that is not known of the future.
            Value::String(_)
                if path.ends_with(".type") || path.ends_with(".future") || path.ends_with(".file") => {}
            // How the future itself is called.
            Value::String(_) if !path.contains('[') => {}
            other => _ = facts.insert(format!("{path} = {other}")),
        }
    }
    let cache_line = std::num::NonZeroU64::new(64);
    let choice = Choice { all: true, cache_line, needs: true, ..Choice::default() };
    let report = serde_json::to_value(report(snapshot, &choice)).unwrap();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for future in report["futures"].as_array().unwrap() {
        let mut facts = BTreeSet::new();
        flatten("", future, &mut facts);
        let id = future["id"].as_str().unwrap();
        let known = &snapshot.future(id).unwrap().future;
        for saved in 0..known.parts.saved.len() as u32 {
            if let Some(new) = predict(known, &[Change::Box { saved }]) {
                // What is not exact says so.
                facts.insert(match new.exact {
                    true => format!("{BOXED}{saved}: {new:?}"),
                    false => format!("{BOXED}{saved}: about"),
                });
            }
        }
        all.insert(id.to_owned(), facts);
    }
    all
}

/// Are two things swapped that are held in one state only? So could another future be laid out.
fn is_another_future(what: &str, sizes: &str) -> bool {
    let Some(number) = what.strip_prefix("line ").and_then(|what| what.split_once(" swapped")) else {
        return false;
    };
    let number: usize = number.0.parse().unwrap();
    let lines: Vec<&str> = sizes.lines().collect();
    let is_type = |line: &&str| line.starts_with("print-type-size type: ");
    let start = lines[..number].iter().rposition(is_type).unwrap_or(0);
    let end = lines[number..].iter().position(is_type).map_or(lines.len(), |end| number + end);
    let (swapped, record) = (&lines[number - 1..=number], &lines[start..end]);
    let is_in_one_state = |line: &&str| record.iter().filter(|other| *other == line).count() == 1;
    swapped.iter().all(|line| line.contains(" local `.") && is_in_one_state(line))
}

/// What is predicted of a future if a thing were in a box.
const BOXED: &str = "boxed ";

/// Compares with what the whole dumps give: nothing else may be shown, and if there is less, it is said.
fn check(whole: &BTreeMap<String, BTreeSet<String>>, doctored: &Snapshot) -> Result<(), String> {
    let shown = facts(doctored);
    for (id, facts) in &shown {
        let is_about = |fact: &&String| fact.starts_with(BOXED) && fact.ends_with("about");
        let wrong = |whole: &BTreeSet<String>| facts.difference(whole).find(|fact| !is_about(fact)).cloned();
        match whole.get(id) {
            Some(whole) => {
                if let Some(fact) = wrong(whole) {
                    return Err(format!("{id}: {fact}"));
                }
            }
            // Its name is shown as it was printed.
            None if whole.values().any(|whole| {
                facts.iter().filter(|fact| !fact.contains("id =")).all(|fact| whole.contains(fact))
            }) => {}
            None => return Err(format!("a future that is not there: {id}")),
        }
    }
    // Predictions are there still, but are not exact.
    let told = |all: &BTreeMap<String, BTreeSet<String>>| -> Vec<String> {
        let facts = all.iter().flat_map(|(id, facts)| facts.iter().map(move |fact| (id, fact)));
        facts
            .map(|(id, fact)| match fact.starts_with(BOXED) {
                true => format!("{id} {}", fact.split(':').next().unwrap_or_default()),
                false => format!("{id} {fact}"),
            })
            .collect()
    };
    match told(&shown) != told(whole) && doctored.drift().is_empty() {
        true => Err("less is shown, and nothing is said".to_owned()),
        false => Ok(()),
    }
}

/// The text with each line doctored in each way, and what was done; of statements, which are many and all alike, every
/// fifth: which of the five, says a number.
fn doctored<'a>(
    text: &'a str,
    keywords: &'a [&'a str],
    number: usize,
) -> impl Iterator<Item = (String, String)> + 'a {
    let lines: Vec<&str> = text.lines().collect();
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    let of_interest = (0..lines.len()).filter({
        let lines = lines.clone();
        move |at| !lines[*at].is_empty() && ((at + number).is_multiple_of(5) || !lines[*at].contains("// bb"))
    });
    let one_by_one = of_interest.flat_map(move |at| {
        let (before, line, after) = (&lines[..at], lines[at], &lines[at + 1..]);
        let with = |new: &[&str]| joined(&[before, new, after].concat());
        let indent = &line[..line.len() - line.trim_start().len()];
        let prefix = if let Some(rest) = line.strip_prefix("print-type-size ") {
            format!("print-type-size {}", &rest[..rest.len() - rest.trim_start().len()])
        } else {
            indent.to_owned()
        };
        let unknown = format!("{prefix}novelty: 3 bytes");
        let mut all = vec![
            (format!("line {} dropped: {line}", at + 1), with(&[])),
            (format!("line {} twice: {line}", at + 1), with(&[line, line])),
            (format!("an unknown line before line {}: {line}", at + 1), with(&[&unknown, line])),
        ];
        if let [next, rest @ ..] = after {
            let swapped = joined(&[before, &[*next, line], rest].concat());
            all.push((format!("line {} swapped with the next: {line}\n  {next}", at + 1), swapped));
        }
        for keyword in keywords.iter().filter(|keyword| line.contains(**keyword)) {
            let renamed = line.replacen(keyword, &format!("{keyword}x"), 1);
            all.push((format!("`{keyword}` renamed in line {}: {line}", at + 1), with(&[&renamed])));
        }
        all
    });
    let everywhere = keywords.iter().map(move |keyword| {
        (format!("`{keyword}` renamed everywhere"), text.replace(keyword, &format!("{keyword}x")))
    });
    one_by_one.chain(everywhere)
}

#[track_caller]
fn expect_no_failures(
    name: &str,
    doctored: &[(String, String)],
    check: &(dyn Fn(&str) -> Result<(), String> + Sync),
) {
    let failures = crate::parallel::map(doctored, |(what, text)| {
        check(text).err().map(|wrong| format!("{what}\n    {wrong}"))
    });
    let failures: Vec<String> = failures.into_iter().flatten().collect();
    let shown: Vec<&str> = failures.iter().map(String::as_str).take(40).collect();
    let count = (failures.len(), doctored.len());
    assert!(failures.is_empty(), "{name}: {} of {}:\n{}", count.0, count.1, shown.join("\n"));
}

#[test]
fn what_compilers_print_is_read_whole() {
    for golden in goldens() {
        let whole = golden.whole();
        assert_eq!(whole.drift(), [], "{}", golden.name);
        let facts = facts(&whole);
        assert_eq!(facts.len(), 11, "{}: {:?}", golden.name, facts.keys());
        let held = &facts["golden::held::{closure#0}"];
        for what in ["why.reason = \"used-later\"", "copy_of", "boxed", "drop-flag", "borrowed"] {
            assert!(held.iter().any(|fact| fact.contains(what)), "{}: {what}: {held:#?}", golden.name);
        }
        for (name, text) in golden.bodies() {
            let trimmed = coroutine::trimmed(text);
            assert!(trimmed.len() < text.len(), "{}: {name}", golden.name);
            assert_eq!(CoroutineBody::parse(&trimmed), CoroutineBody::parse(text), "{}: {name}", golden.name);
        }
    }
}

/// Futures that a compiler lays out otherwise than the one before it: since which minor version, and why.
const CHANGES: [(u32, &str, &str); 1] = [(
    99,
    "golden::mixed::{closure#0}",
    "a `for` does not store the `Option` any more that it took from its iterator",
)];

/// Every number, name, place and reason is the same, whichever compiler said it and in which form.
#[test]
fn all_compilers_say_the_same() {
    let goldens = goldens();
    let mut expected = facts(&goldens[0].whole());
    let mut minor = goldens[0].minor;
    for golden in &goldens[1..] {
        let facts = facts(&golden.whole());
        assert_eq!(facts.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{}", golden.name);
        for (id, facts) in facts {
            let known = expected.insert(id.clone(), facts.clone()).unwrap();
            let is_change =
                |change: &(u32, &str, &str)| minor < change.0 && change.0 <= golden.minor && change.1 == id;
            if CHANGES.iter().any(is_change) {
                assert_ne!(facts, known, "{}: `{id}` is laid out as before", golden.name);
                continue;
            }
            let more: Vec<&String> = facts.difference(&known).collect();
            let less: Vec<&String> = known.difference(&facts).collect();
            assert!(more.is_empty() && less.is_empty(), "{} {id}:\n+ {more:#?}\n- {less:#?}", golden.name);
        }
        minor = golden.minor;
    }
}

#[test]
fn a_future_whose_body_is_nowhere_is_said_by_name() {
    let golden = &goldens()[0];
    let whole = golden.whole();
    for (missing, _) in &golden.bodies {
        let others: Vec<(&str, &str)> =
            golden.bodies().into_iter().filter(|(name, _)| name != missing).collect();
        let without = snapshot(&Snapshot::default(), &golden.sizes, &others, &[]);
        let sizes = |snapshot: &Snapshot| -> Vec<u64> {
            snapshot.futures(false).map(|placed| placed.future.size).collect()
        };
        // The closure's second body is that of the same futures.
        if sizes(&without).len() < sizes(&whole).len() || without.drift().is_empty() {
            assert!(missing.contains("{closure#1}"), "{missing}: nothing is said");
            continue;
        }
        assert_eq!(sizes(&without), sizes(&whole), "{missing}");
        let nowhere = without.drift().into_iter().find(|drift| drift.missing == Missing::Places);
        let nowhere = nowhere.unwrap_or_else(|| panic!("{missing}: {:?}", without.drift()));
        let lost = without.futures(false).filter(|placed| placed.future.body.is_none());
        let lost: Vec<&str> = lost.map(|placed| &*placed.future.id).collect();
        assert!(!lost.is_empty() && lost.iter().all(|id| nowhere.futures.iter().any(|said| said == id)));
        assert!(lost.iter().any(|id| nowhere.example.contains(id)), "{}", nowhere.example);
    }
}

#[test]
fn whatever_line_of_the_sizes_is_different_no_number_is_wrong() {
    const KEYWORDS: [&str; 17] = [
        "print-type-size",
        "type",
        "bytes",
        "alignment",
        "discriminant",
        "variant",
        "upvar",
        "local",
        "field",
        "padding",
        "end",
        "offset",
        "Unresumed",
        "Suspend",
        "Returned",
        AWAITEE,
        "upvar_tys",
    ];
    for (number, golden) in goldens().iter().enumerate() {
        let golden = golden.part();
        let base = golden.whole();
        let whole = facts(&base);
        let doctored = doctored(&golden.sizes, &KEYWORDS, number);
        let doctored = golden.chosen(doctored.filter(|(what, _)| !is_another_future(what, &golden.sizes)));
        let bodies = golden.bodies();
        let check = |text: &str| check(&whole, &snapshot(&base, text, &bodies, &[]));
        expect_no_failures(&golden.name, &doctored, &check);
    }
}

#[test]
fn whatever_line_of_a_body_is_different_no_number_is_wrong() {
    const KEYWORDS: [&str; 37] = [
        "// MIR for",
        "coroutine_layout",
        "coroutine layout",
        "coroutine debug",
        "field ",
        "_task_context",
        "field_tys",
        "CoroutineSavedTy",
        "source_info",
        "span",
        "variant_fields",
        "Unresumed",
        "Suspend",
        "storage_conflicts",
        "BitMatrix",
        "_s",
        "fn ",
        "debug",
        "let ",
        "scope ",
        "return place",
        "=>",
        "StorageDead",
        "StorageLive",
        "nop",
        "goto",
        "drop",
        "discriminant",
        "switchInt",
        "return",
        "unwind",
        "otherwise",
        "variant#",
        "move",
        "copy",
        "const",
        "upvar_tys",
    ];
    for (number, golden) in goldens().iter().enumerate() {
        let golden = golden.part();
        let base = golden.whole();
        let whole = facts(&base);
        let bodies = golden.bodies();
        let doctored = golden.chosen(doctored(bodies[0].1, &KEYWORDS, number));
        let check = |text: &str| {
            let mut bodies = bodies.clone();
            bodies[0].1 = text;
            check(&whole, &snapshot(&base, &golden.sizes, &bodies, &[]))
        };
        expect_no_failures(&golden.name, &doctored, &check);
    }
}

/// A compiler that lays coroutines out by other rules, be it because it is newer or told so by a flag: its sizes are
/// shown, and what is predicted says that it is no more than that.
#[test]
fn where_a_layout_follows_other_rules_predictions_are_not_exact() {
    for golden in goldens() {
        let exact = |snapshot: &Snapshot| {
            let outer = snapshot.future("golden::outer::{closure#0}").unwrap();
            let saved = outer
                .future
                .parts
                .saved
                .iter()
                .position(|part| part.as_ref().is_some_and(|part| part.size > 100));
            let change = Change::Box { saved: saved.unwrap() as u32 };
            (outer.future.size, predict(&outer.future, &[change]).unwrap().exact)
        };
        let whole = golden.whole();
        let (size, is_exact) = exact(&whole);
        assert!(is_exact, "{}", golden.name);
        let record = "print-type-size type: `{static outer::";
        let (before, after) = golden.sizes.split_once(record).unwrap();
        let (own, rest) = after.split_at(after.find("print-type-size type: ").unwrap());
        let own = own.replacen(&format!("`: {size} bytes"), &format!("`: {} bytes", size + 8), 1);
        let own = own.replace("end padding: 3 bytes", "end padding: 11 bytes");
        let sizes = format!("{before}{record}{own}{rest}");
        let larger = snapshot(&whole, &sizes, &golden.bodies(), &[]);
        assert_eq!(exact(&larger), (size + 8, false), "{}", golden.name);
        assert_eq!(larger.drift(), [], "{}: all of it is read", golden.name);
    }
}
