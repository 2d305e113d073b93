//! What the compiler printed in a way that this version does not read.
//!
//! Both dumps are unstable formats. The readers check what they read against itself: the parts of a record add up to
//! its size, statements are numbered, the two dumps agree about every state. What does not is left out, and here it
//! is told what that is, of which futures, and what to do:
//!
//! ```text
//! warning: rustc 1.99.0 prints some things in a way that this version of futurelens does not read
//!   3 of 57 futures: only the size is shown, not the states and what they hold
//!     such as `print-type-size     niche: 3 bytes`
//!   update futurelens, or choose another toolchain: `--toolchain` (`futurelens.toolchain` in an editor)
//! ```

use crate::layout::Future;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The futures themselves: there is a body, and nothing says how large it is.
    Futures,
    /// States, and what they hold and where. Size and alignment are there.
    States,
    /// Where the futures are, and what follows from it.
    Places,
    /// Where what is held is declared, where the future waits, and why things are held.
    Declarations,
    /// Why things are held.
    Reasons,
    /// What edits would save.
    Predictions,
    /// The source that was compiled.
    Sources,
    /// Names as people write them.
    Names,
    /// Nothing, but time: each save is measured whole.
    Instances,
    /// Instances of generic futures, but for those that are laid out where a crate is only checked.
    Generic,
}

impl Missing {
    /// In words, after `3 of 57 futures: `.
    fn words(self) -> &'static str {
        match self {
            Missing::Futures => "no size is known",
            Missing::States => "only the size is shown, not the states and what they hold",
            Missing::Places => {
                "only what is printed of sizes is shown, not where they are in the source, nor why things are held"
            }
            Missing::Declarations => {
                "not shown where things held are declared, where they wait, nor why things are held; no edits are offered"
            }
            Missing::Reasons => "not shown why things are held; no edits are offered that depend on it",
            Missing::Predictions => "not told what edits would save before they were tried",
            Missing::Sources => "not shown beside the source: which files were compiled is not known",
            Missing::Names => "named as the compiler writes them",
            Missing::Instances => "measured whole after each save, which takes longer",
            Missing::Generic => "shown without most instances of generic futures",
        }
    }

    /// What is not shown of a future, worst first; nothing if all of it is.
    pub fn of(future: &Future) -> Option<Missing> {
        let unread = future.body.as_ref().map(|body| body.unread).unwrap_or_default();
        if future.states.is_empty() {
            Some(Missing::States)
        } else if unread.layout {
            Some(Missing::Declarations)
        } else if unread.code {
            Some(Missing::Reasons)
        } else {
            unread.conflicts.then_some(Missing::Predictions)
        }
    }

    /// The same in a sentence, for who looks at the future. `compiler` is the one that measured.
    pub fn note(future: &Future, compiler: &str) -> Option<String> {
        let what = match Missing::of(future)? {
            Missing::States => "States are not shown",
            Missing::Declarations => "Where things are declared and why they are held is not shown",
            Missing::Reasons => "Why things are held is not shown",
            _ => "What edits would save is not predicted",
        };
        Some(format!(
            "{what}: {compiler} prints that in a way this version of futurelens does not read. {WHAT_TO_DO}"
        ))
    }
}

/// Where something is not understood.
pub(super) const WHAT_TO_DO: &str = "Update futurelens, or choose another toolchain (`--toolchain`, or `futurelens.toolchain` in an \
     editor).";

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// What is therefore not shown.
    pub missing: Missing,
    /// Of how many futures (of how many compiler runs, for what is not told of a single one).
    pub unread: usize,
    /// Of all of how many.
    pub of: usize,
    /// The first line that was not as expected, shortened; or the compiler's own words.
    pub example: String,
    /// Which futures, by identity, as far as that is known.
    pub futures: Vec<String>,
}

/// Longer lines are cut.
const EXAMPLE: usize = 160;

impl Drift {
    /// Something that could not be read, with an example.
    pub fn new(missing: Missing, (unread, of): (usize, usize), example: Option<&str>) -> Self {
        let line = example.unwrap_or_default().trim_end();
        let mut example: String = line.chars().take(EXAMPLE).collect();
        if example.len() < line.len() {
            example.push('…');
        }
        Drift { missing, unread, of, example, futures: Vec::new() }
    }

    /// Says which futures these are.
    pub fn with_futures<'a>(self, futures: impl Iterator<Item = &'a Arc<Future>>) -> Self {
        Drift { futures: futures.map(|future| future.id.to_string()).collect(), ..self }
    }
}

/// One for each thing that is missing, of all compiler runs together.
pub(super) fn sum<'a>(all: impl Iterator<Item = &'a Drift>) -> Vec<Drift> {
    let mut sums: BTreeMap<Missing, Drift> = BTreeMap::new();
    for drift in all {
        match sums.get_mut(&drift.missing) {
            None => _ = sums.insert(drift.missing, drift.clone()),
            Some(sum) => {
                sum.unread += drift.unread;
                sum.of += drift.of;
                sum.futures.extend(drift.futures.iter().cloned());
                if sum.example.is_empty() {
                    sum.example.clone_from(&drift.example);
                }
            }
        }
    }
    let mut sums: Vec<Drift> = sums.into_values().collect();
    for sum in &mut sums {
        sum.futures.sort();
        sum.futures.dedup();
    }
    sums
}

/// All of it in words, with what to do; several lines. Empty if there is nothing to say.
pub fn text(drift: &[Drift], compiler: &str) -> String {
    let mut text = headline(drift, compiler);
    for Drift { missing, unread, of, example, .. } in drift {
        let what = match missing {
            Missing::Sources | Missing::Instances | Missing::Generic => "crates",
            _ => "futures",
        };
        let _ = write!(text, "\n  {unread} of {of} {what}: {}", missing.words());
        if !example.is_empty() {
            let _ = write!(text, "\n    such as `{}`", example.trim_start());
        }
    }
    if !drift.is_empty() {
        text.push_str(
            "\n  update futurelens, or choose another toolchain: `--toolchain` (`futurelens.toolchain` in an editor)",
        );
    }
    text
}

fn headline(drift: &[Drift], compiler: &str) -> String {
    match drift {
        [] => String::new(),
        _ => format!("{compiler} prints some things in a way that this version of futurelens does not read"),
    }
}

/// The same in one message, the same one for as long as the same things are missing.
pub fn message(drift: &[Drift], compiler: &str) -> String {
    let words: Vec<&str> = drift.iter().map(|drift| drift.missing.words()).collect();
    format!("{}. Of some futures: {}. {WHAT_TO_DO}", headline(drift, compiler), words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Snapshot;
    use crate::features::report::{Choice, report};
    use crate::features::snapshot::{Texts, UnitText};
    use crate::layout::whatif::{Change, predict};
    use serde_json::Value;
    use std::borrow::Cow;
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, BuildHasherDefault};
    use std::path::Path;

    /// What nightly of 2026-05-19 printed of `drift/source.rs`, explanations of constants left out.
    const SOURCE: &str = include_str!("drift/source.rs");
    const SIZES: &str = include_str!("drift/sizes.txt");
    const BODIES: [(&str, &str); 3] = [
        ("d.held-{closure#0}.-------.coroutine_post-transform.0.mir", include_str!("drift/held.txt")),
        ("d.leaf-{closure#0}.-------.coroutine_post-transform.0.mir", include_str!("drift/leaf.txt")),
        ("d.outer-{closure#0}.-------.coroutine_post-transform.0.mir", include_str!("drift/outer.txt")),
    ];

    #[derive(Debug)]
    struct Dumps {
        sizes: String,
        bodies: Vec<String>,
    }

    impl Texts for Dumps {
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
        let text = UnitText {
            origin: "d-1",
            stamp: 1,
            krate: "d",
            unit: "lib",
            edition: "2021",
            rust_version: None,
            dir: Path::new("/w"),
            texts: Arc::new(texts),
            bodies: bodies.iter().map(|(name, text)| (*name, digest(text))).collect(),
            sources: vec![("src/lib.rs", SOURCE)],
            without,
        };
        before.updated(&[text], &["d-1".into()].into(), BTreeSet::new())
    }

    fn whole() -> Snapshot {
        snapshot(&Snapshot::default(), SIZES, &BODIES, &[])
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
        let choice = Choice { all: true, cache_line: 64, ..Choice::default() };
        let report = serde_json::to_value(report(snapshot, &choice)).unwrap();
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for future in report["futures"].as_array().unwrap() {
            let mut facts = BTreeSet::new();
            flatten("", future, &mut facts);
            let id = future["id"].as_str().unwrap();
            let known = &snapshot.future(id).unwrap().future;
            for saved in 0..known.parts.saved.len() as u32 {
                if let Some(new) = predict(known, &[Change::Box { saved }]) {
                    facts.insert(format!("boxed {saved}: {new:?}"));
                }
            }
            all.insert(id.to_owned(), facts);
        }
        all
    }

    /// Compares with what the whole dumps give: nothing else may be shown, and if there is less, it is said.
    fn check(whole: &BTreeMap<String, BTreeSet<String>>, doctored: &Snapshot) -> Result<(), String> {
        let shown = facts(doctored);
        for (id, facts) in &shown {
            let wrong = |whole: &BTreeSet<String>| facts.difference(whole).next().cloned();
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
        match shown != *whole && doctored.drift().is_empty() {
            true => Err("less is shown, and nothing is said".to_owned()),
            false => Ok(()),
        }
    }

    /// The text with each line doctored in each way, and what was done.
    fn doctored<'a>(text: &'a str, keywords: &'a [&'a str]) -> impl Iterator<Item = (String, String)> + 'a {
        let lines: Vec<&str> = text.lines().collect();
        let joined = |lines: &[&str]| lines.join("\n") + "\n";
        // Of statements, which are many and all alike, a few.
        let of_interest = (0..lines.len()).filter({
            let lines = lines.clone();
            move |at| !lines[*at].is_empty() && (at % 5 == 0 || !lines[*at].contains("// bb"))
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
        doctored: &[(String, String)],
        check: &(dyn Fn(&str) -> Result<(), String> + Sync),
    ) {
        let failures = crate::features::parallel::map(doctored, |(what, text)| {
            check(text).err().map(|wrong| format!("{what}\n    {wrong}"))
        });
        let failures: Vec<String> = failures.into_iter().flatten().collect();
        let shown: Vec<&str> = failures.iter().map(String::as_str).take(40).collect();
        let count = (failures.len(), doctored.len());
        assert!(failures.is_empty(), "{} of {}:\n{}", count.0, count.1, shown.join("\n"));
    }

    #[test]
    fn what_the_compiler_prints_today_is_read_whole() {
        let whole = whole();
        assert_eq!(whole.drift(), []);
        let facts = facts(&whole);
        assert_eq!(facts.len(), 3);
        let held = &facts["d::held::{closure#0}"];
        for what in ["why.reason = \"used-later\"", "copy_of", "boxed", "drop-flag", "borrowed"] {
            assert!(held.iter().any(|fact| fact.contains(what)), "{what}: {held:#?}");
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
            "__awaitee",
            "upvar_tys",
        ];
        let base = whole();
        let whole = facts(&base);
        // Two things that are held in one state only, the other way round: so could another future be laid out.
        let is_another_future = |what: &str| {
            let mut lines = what.lines().filter(|_| what.contains("swapped"));
            lines.clone().count() == 2
                && lines.all(|line| {
                    line.contains("local `.")
                        && ["__awaitee", "large", "wrapped"].iter().any(|n| line.contains(n))
                })
        };
        let doctored: Vec<_> =
            doctored(SIZES, &KEYWORDS).filter(|(what, _)| !is_another_future(what)).collect();
        expect_no_failures(&doctored, &|text| check(&whole, &snapshot(&base, text, &BODIES, &[])));
    }

    #[test]
    fn whatever_line_of_a_body_is_different_no_number_is_wrong() {
        const KEYWORDS: [&str; 33] = [
            "// MIR for",
            "coroutine_layout",
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
        let base = whole();
        let whole = facts(&base);
        let doctored: Vec<_> = doctored(BODIES[0].1, &KEYWORDS).collect();
        expect_no_failures(&doctored, &|text| {
            let mut bodies = BODIES;
            bodies[0].1 = text;
            check(&whole, &snapshot(&base, SIZES, &bodies, &[]))
        });
    }
}
