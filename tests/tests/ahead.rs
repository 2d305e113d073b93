//! After a save the concrete futures are there before the build has found every instance of generic ones, and they
//! are those that the build ends with.

use futurelens_tests::binary::say;
use futurelens_tests::editor::{Editor, Hint, Moment, Setup};
use futurelens_tests::edits::{Edits, Files};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A library, and a gate: while that is shut, no run begins that finds all instances; but not for longer than ten
/// seconds.
struct Gated {
    project: Project,
    editor: Editor,
    file: PathBuf,
}

impl Gated {
    /// Opens it, and waits until the first build and what follows it are over.
    fn open(project: Project) -> Self {
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *-Zno-codegen*) n=0; while [ -e '{}' ] && [ $n -lt 500 ]; do sleep 0.02; n=$((n+1)); \
             done;; esac\nexec \"$@\"\n",
            project.beside("shut").display()
        );
        project.compile_with("rustc-wrapper", &project.script("../gate.sh", &script));
        let mut editor = Editor::open(project.root(), Setup::default());
        let file = project.root().join("src/lib.rs");
        editor.did_open(&file);
        let mut gated = Gated { project, editor, file };
        gated.editor.wait_for_work(Moment::start());
        gated.wait_for_state();
        gated
    }

    /// What the next save builds on is there.
    fn wait_for_state(&self) {
        let start = Instant::now();
        let is_state = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "concrete");
        while !files(&self.project.root().join("target/futurelens")).iter().any(is_state) {
            assert!(start.elapsed() < Duration::from_secs(120), "nothing was measured ahead");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn shut(&self) {
        fs::write(self.project.beside("shut"), "").expect("the temporary directory is writable");
    }

    fn unlock(&self) {
        fs::remove_file(self.project.beside("shut")).expect("it is shut");
    }

    /// Lets the build that began since come to its end. On a busy machine the gate may have opened by itself.
    fn unlock_and_wait(&mut self, since: Moment) {
        self.unlock();
        self.editor.wait(since, "the end", |m| (m["params"]["value"]["kind"] == "end").then_some(()));
    }

    /// What is known when the early numbers are there; or when the build is over, and there were none. A future whose
    /// text was changed is stale until then: that is told too, and sooner if the file is looked up first.
    fn early_or_end(&mut self, mut since: Moment) -> (bool, Report) {
        loop {
            let (next, _, is_refresh) =
                self.editor.wait_for(since, "early numbers, or the end", &mut |message| {
                    let is_refresh = message["method"] == "workspace/inlayHint/refresh";
                    let is_end = message["params"]["value"]["kind"] == "end";
                    (is_refresh || is_end).then_some(is_refresh)
                });
            since = next;
            let report = self.report();
            let is_stale = report.iter().any(|(id, known)| known.is_stale && !id.contains('<'));
            if !is_refresh || !is_stale {
                return (is_refresh, report);
            }
        }
    }

    /// The report as it is now: size and line by identity.
    fn report(&mut self) -> Report {
        let report = self.editor.request("futurelens/report", json!({}));
        let futures = report["workspaces"][0]["futures"].as_array().cloned().unwrap_or_default();
        let entry = |entry: &Value| {
            let line = entry["location"]["range"]["start"]["line"].as_u64();
            let id = entry["id"].as_str()?.to_owned();
            let known = Known { size: entry["size"].as_u64()?, line, is_stale: entry["stale"] == true };
            Some((id, known))
        };
        futures.iter().filter_map(entry).collect()
    }
}

type Report = BTreeMap<String, Known>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    size: u64,
    line: Option<u64>,
    is_stale: bool,
}

fn label(hints: &[Hint], line: usize) -> &str {
    hints.iter().find(|hint| hint.line == line).map_or("", |hint| &hint.label)
}

/// `plain` in line 0, `generic` in line 5, `caller` in line 10.
fn source(plain: usize, generic: &str) -> String {
    format!(
        "{}pub async fn generic<T>(value: T) {{\n    {generic}\n    PendingOnce(false).await;\n    drop(value);\n}}\n\
         pub async fn caller() {{\n    generic(1u8).await;\n    generic([1u8; 30]).await;\n}}\n\
         pub fn unpolled() {{ drop(generic([1u8; 60])); }}\n{PENDING_ONCE}",
        future_of("plain", plain)
    )
}

#[test]
fn concrete_futures_are_there_before_all_are() {
    let mut gated = Gated::open(Project::lib("gated", &source(100, "")));
    let file = gated.file.clone();
    let hints = gated.editor.hints(&file);
    assert_eq!(label(&hints, 0), "102 B · 2 cache lines");
    let generic = label(&hints, 5).to_owned();
    assert!(generic.contains("3 instances"), "{hints:?}");

    // A concrete one changes, and everything below it moves.
    gated.shut();
    let since = gated.editor.now();
    gated.editor.save_as(&file, &format!("\n{}", source(200, "")));
    let hints = gated.editor.hints_when(&file, "new number", |hints| label(hints, 1).contains("202 B"));
    assert_eq!(label(&hints, 6), generic, "{hints:?}");
    gated.unlock_and_wait(since);
    let hints = gated.editor.hints(&file);
    assert_eq!((label(&hints, 1), label(&hints, 6)), ("202 B · 4 cache lines", &*generic));

    // A generic one changes: its number is of yesterday until all instances are known.
    gated.shut();
    let held = "let _held = String::new();";
    let since = gated.editor.now();
    gated.editor.save_as(&file, &source(300, held));
    let hints = gated.editor.hints_when(&file, "new number", |hints| label(hints, 0).contains("302 B"));
    assert_eq!(label(&hints, 5), format!("{generic} · stale"), "{hints:?}");
    gated.unlock_and_wait(since);
    let hints = gated.editor.hints(&file);
    assert!(label(&hints, 5).contains("3 instances") && label(&hints, 5) != generic, "{hints:?}");

    // What is gone is gone, and what does not compile says nothing.
    gated.shut();
    gated.editor.save_as(&file, &source(300, held).replacen("async fn plain", "async fn other", 1));
    let there = |report: &Report, name: &str| report.keys().any(|id| id.contains(name));
    let report = loop {
        let since = gated.editor.now();
        gated.editor.wait(since, "early numbers", |message| {
            (message["method"] == "workspace/inlayHint/refresh").then_some(())
        });
        let report = gated.report();
        // That of the build before may be told once more.
        if there(&report, "::other::") {
            break report;
        }
    };
    assert!(!there(&report, "::plain::"), "{report:?}");
    gated.editor.exit();
    gated.unlock();
}

/// Every concrete number that comes early is one that the build ends with, or one of the build before.
#[test]
fn early_numbers_are_those_of_the_end() {
    let source = format!("//! A library.\n{PENDING_ONCE}\n{}", future_of("held", 100));
    let project = Project::lib("random", &source);
    let mut edits = Edits::new(project.root(), 11);
    let mut written = edits.files();
    written.iter().for_each(|(file, text)| _ = project.write(file, text));
    let mut gated = Gated::open(project);
    let (mut changes, mut early_changes, mut compiled) = (0, 0, 0);
    let mut before = gated.report();
    for number in 0..12 {
        let edit = edits.edit();
        let changed = write(&gated.project, &edits.files(), &mut written);
        let Some(file) = changed.first() else {
            edits.measured(true);
            continue;
        };
        gated.shut();
        let since = gated.editor.now();
        gated.editor.did_open(file);
        gated.editor.did_save(file);
        let (early, report) = gated.early_or_end(since);
        match early {
            true => gated.unlock_and_wait(since),
            false => gated.unlock(),
        }
        let after = gated.report();
        let good = after.values().all(|known| !known.is_stale);
        edits.measured(good);
        say(&format!("{number}: {}: {}, early {early}, compiles {good}", edit.kind, edit.what));
        if !early || !good {
            before = after;
            continue;
        }
        compiled += 1;
        for (id, known) in report.iter().filter(|(id, known)| !known.is_stale && !id.contains('<')) {
            let is_of_the_end = after.get(id).is_some_and(|end| end == known);
            let is_of_before = before.get(id).is_some_and(|old| old.size == known.size);
            assert!(is_of_the_end || is_of_before, "{id}: {known:?}, at the end {:?}", after.get(id));
        }
        for (id, end) in after.iter().filter(|(id, _)| !id.contains('<')) {
            if before.get(id).is_none_or(|old| old.size != end.size) {
                changes += 1;
                let is_early = report.get(id).is_some_and(|known| known.size == end.size);
                early_changes += usize::from(is_early);
                if !is_early {
                    say(&format!("  not early: {id} {:?} {:?}", report.get(id), end));
                }
            }
        }
        before = after;
    }
    say(&format!("{early_changes} of {changes} changed numbers came early, {compiled} edits"));
    assert!(compiled >= 6 && changes > 0 && early_changes * 10 >= changes * 8);
    gated.editor.exit();
}

/// Brings the files on disk to what they should be; says which were changed.
fn write(project: &Project, files: &Files, written: &mut Files) -> Vec<PathBuf> {
    let changed: Vec<&String> =
        files.iter().filter(|(file, text)| written.get(*file) != Some(text)).map(|(file, _)| file).collect();
    for file in &changed {
        project.write(file, &files[*file]);
    }
    for file in written.keys().filter(|file| !files.contains_key(*file)) {
        fs::remove_file(project.root().join(file)).expect("it was written before");
    }
    let changed = changed.into_iter().map(|file| project.root().join(file)).collect();
    *written = files.clone();
    changed
}
