//! A long session: an editor and a person at work in a crate, at random, and what becomes of the server meanwhile.
//!
//! The session goes in rounds. In each, the library and a module planted into it are edited ([`Edits`]) and saved,
//! now and then faster than can be measured; between saves the person hovers, asks for hints, layouts, reports and
//! code actions, accepts one of them, types what does not parse, opens and closes files, changes settings, cancels.
//! A round ends with the crate as it was published, nothing running, and the same two questions each time: is every
//! size the one that a clean build gives, and what does the server take: memory, files, threads.

use crate::binary::{Run, futurelens, run, say};
use crate::editor::{Editor, Moment, Setup, edited, memory, uri, zombies};
use crate::edits::check::compare;
use crate::edits::{Edits, Files, Random};
use crate::project::{Project, files};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the server takes when nothing is going on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Since the session began.
    pub at: Duration,
    /// Megabytes in memory, now and at most.
    pub memory: (f64, f64),
    /// Open files.
    pub files: usize,
    /// Threads.
    pub threads: usize,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Tally {
    /// How often, by kind.
    pub done: BTreeMap<&'static str, usize>,
    /// One after the first build, then one after each round.
    pub samples: Vec<Sample>,
}

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    /// For people.
    pub fn text(&self) -> String {
        let done = self.done.iter().map(|(what, count)| format!("{what} {count}"));
        format!("  done: {}\n{}", done.collect::<Vec<_>>().join(", "), self.table())
    }

    /// The samples, at most twenty of them.
    fn table(&self) -> String {
        let step = self.samples.len().div_ceil(20).max(1);
        let last = self.samples.len().saturating_sub(1);
        let shown = self.samples.iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last);
        let lines = shown.map(|(_, sample)| {
            let (now, most) = sample.memory;
            let (seconds, files, threads) = (sample.at.as_secs(), sample.files, sample.threads);
            format!(
                "  {seconds:5} s  {now:6.1} MB (at most {most:6.1})  {files:3} files  {threads:3} threads\n"
            )
        });
        lines.collect()
    }

    /// What grew in the course of the session, if something did.
    ///
    /// Memory is compared by quarters: its first rounds fill what is kept for reuse, and one round is as good as
    /// another only on average.
    pub fn growth(&self) -> Option<String> {
        let rounds = self.samples.get(1..).filter(|rounds| rounds.len() >= 4)?;
        let quarter = rounds.len() / 4;
        let (early, late) = (&rounds[quarter..quarter * 2], &rounds[rounds.len() - quarter..]);
        let least =
            |samples: &[Sample], of: fn(&Sample) -> f64| samples.iter().map(of).fold(f64::INFINITY, f64::min);
        let grown = |what: &str, of: fn(&Sample) -> f64, may: f64| {
            let (early, late) = (least(early, of), least(late, of));
            (late > early + may).then(|| format!("{what}: {early:.1}, then {late:.1}"))
        };
        grown("megabytes", |sample| sample.memory.0, 12.0)
            .or_else(|| grown("open files", |sample| sample.files as f64, 0.0))
            // Those of a pool stay for a while.
            .or_else(|| grown("threads", |sample| sample.threads as f64, 8.0))
            .map(|grown| format!("{grown}\n{}", self.table()))
    }
}

/// A session with a copy of a project.
#[derive(Debug)]
pub struct Soak {
    project: Project,
    editor: Editor,
    random: Random,
    started: Instant,
    /// The library's sources, as they were.
    original: Files,
    /// What the editor shows of each open file.
    open: Files,
    /// What is on the disk.
    written: Files,
    /// Sizes in a clean build of the project as it was, by unit and identity.
    expected: Sizes,
    /// What has come of the session.
    pub tally: Tally,
}

type Sizes = BTreeMap<(String, String), u64>;

impl Soak {
    /// Copies a project with a library, and opens it and some of its files.
    ///
    /// # Panics
    ///
    /// If it does not compile.
    pub fn open(original: &Path, seed: u64) -> Self {
        let project = Project::copy_of(original);
        fs::create_dir(project.beside("tmp")).expect("it is ours");
        let clean = clean_report(project.root(), &project.beside("target-clean")).expect_success();
        let expected = sizes_of(&serde_json::from_str(&clean.stdout).expect("report prints JSON"));
        let mut sources = Files::new();
        for file in files(&project.root().join("src")) {
            let path = file.strip_prefix(project.root()).expect("it was found below");
            let path = path.to_string_lossy().into_owned();
            sources.insert(path, fs::read_to_string(&file).expect("sources are UTF-8"));
        }
        let tmp = project.beside("tmp").to_string_lossy().into_owned();
        let setup = Setup {
            lazy_edits: true,
            experimental: json!({ "futurelens": { "status": true } }),
            env: vec![("TMPDIR".to_owned(), tmp)],
            ..Setup::default()
        };
        let mut editor = Editor::open(project.root(), setup);
        editor.patience = PATIENCE;
        let mut soak = Soak {
            project,
            editor,
            random: Random::new(seed),
            started: Instant::now(),
            written: sources.clone(),
            original: sources,
            open: Files::new(),
            expected,
            tally: Tally::default(),
        };
        for file in soak.original.keys().take(4).cloned().collect::<Vec<_>>() {
            soak.open_file(&file);
        }
        soak.rest();
        soak.sample();
        soak
    }

    /// One round of this many edits.
    ///
    /// # Errors
    ///
    /// In words: what is not as it must be.
    pub fn round(&mut self, edits: usize) -> Result<(), String> {
        let seed = self.random.below(1 << 31) as u64;
        let mut made = Edits::new(self.project.root(), seed);
        for _ in 0..edits {
            made.edit();
            self.write(&made.files());
            self.tally.count("edits");
            for _ in 0..self.random.below(6) {
                self.ask();
            }
            // Now and then the next save comes before this one is measured.
            if self.random.percent(70) {
                let compiled = self.build() == "idle";
                made.measured(compiled);
                self.tally.count(if compiled { "compiled" } else { "did not compile" });
                if compiled && self.random.percent(10) && self.rest() == "idle" {
                    self.accept()?;
                }
            }
        }
        let original = self.original.clone();
        self.write(&original);
        self.save_all();
        self.rest();
        self.check_report()?;
        self.sample();
        // In one edits are tried, in another one what is typed, for as long as the server runs.
        self.left_behind(2)
    }

    /// After the rounds: edits without a word of the server's between them, then its store against a clean build;
    /// then it leaves, and nothing of it stays.
    ///
    /// # Errors
    ///
    /// In words: what is not as it must be.
    pub fn end(&mut self, edits: usize) -> Result<(), String> {
        let mut made = Edits::new(self.project.root(), 11);
        for _ in 0..edits {
            made.edit();
            self.write(&made.files());
            let compiled = self.rest() == "idle";
            made.measured(compiled);
        }
        self.write(&made.last_good());
        self.save_all();
        self.rest();
        let root = self.project.root();
        let lived = clean_report(root, &root.join("target/futurelens")).expect_success();
        let clean = clean_report(root, &self.project.beside("target-clean-end")).expect_success();
        let read = |run: &Run| serde_json::from_str::<Value>(&run.stdout).expect("report prints JSON");
        if let Some(difference) = compare(&read(&lived), &read(&clean)) {
            return Err(format!("the store is not what a clean build gives:\n{difference}"));
        }
        self.editor.exit();
        self.editor.expect_no_children();
        self.left_behind(0)
    }

    // What a person does

    fn path(&self, file: &str) -> PathBuf {
        self.project.root().join(file)
    }

    fn open_file(&mut self, file: &str) {
        if !self.open.contains_key(file) {
            self.editor.did_open(&self.path(file));
            self.open.insert(file.to_owned(), self.written[file].clone());
        }
    }

    /// Types what is new in some files and saves them, one after another; what is not part of it is deleted.
    fn write(&mut self, wanted: &Files) {
        let gone: Vec<String> =
            self.written.keys().filter(|file| !self.is_wanted(file, wanted)).cloned().collect();
        for file in gone {
            self.close_file(&file);
            fs::remove_file(self.path(&file)).expect("it was written before");
            self.written.remove(&file);
        }
        for (file, text) in wanted {
            if self.written.get(file) != Some(text) || self.open.get(file).is_some_and(|open| open != text) {
                self.save(file, text);
            }
        }
    }

    /// The module that was planted is only there while it is edited; the library's other files always are.
    fn is_wanted(&self, file: &str, wanted: &Files) -> bool {
        wanted.contains_key(file) || self.original.contains_key(file)
    }

    fn save(&mut self, file: &str, text: &str) {
        let path = self.path(file);
        if !self.written.contains_key(file) {
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("it is ours");
            fs::write(&path, "").expect("it is ours");
            self.written.insert(file.to_owned(), String::new());
        }
        self.open_file(file);
        self.type_text(file, text);
        fs::write(&path, text).expect("it is ours");
        self.written.insert(file.to_owned(), text.to_owned());
        self.editor.did_save(&path);
        self.tally.count("saves");
    }

    /// Files that nothing says were changed are saved, too, as "save all" does.
    fn save_all(&mut self) {
        for file in self.open.keys().cloned().collect::<Vec<_>>() {
            let text = self.written[&file].clone();
            self.save(&file, &text);
        }
    }

    /// Replaces what differs, as one change.
    fn type_text(&mut self, file: &str, text: &str) {
        let shown = self.open[file].clone();
        if shown == text {
            return;
        }
        let same = |a: &mut dyn Iterator<Item = (char, char)>| -> usize {
            a.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum()
        };
        let start = same(&mut shown.chars().zip(text.chars()));
        let (old, new) = (&shown[start..], &text[start..]);
        let end = same(&mut old.chars().rev().zip(new.chars().rev()));
        let (from, to) = (place(&shown, start), place(&shown, shown.len() - end));
        self.editor.did_change(&self.path(file), from, to, &new[..new.len() - end]);
        self.open.insert(file.to_owned(), text.to_owned());
        self.tally.count("changes");
    }

    fn close_file(&mut self, file: &str) {
        if self.open.remove(file).is_some() {
            self.editor.did_close(&self.path(file));
        }
    }

    fn any_open(&mut self) -> (String, String) {
        let open: Vec<(String, String)> = self.open.clone().into_iter().collect();
        self.random.pick(&open).clone()
    }

    /// One of the many small things.
    fn ask(&mut self) {
        let (file, text) = self.any_open();
        let path = self.path(&file);
        let at = self.place_in(&text);
        match self.random.below(14) {
            0..3 => {
                self.editor.hover(&path, at);
                self.tally.count("hovers");
            }
            3..5 => {
                self.editor.shown_hints(&path);
                self.tally.count("hints");
            }
            5..8 => {
                self.editor.code_actions(&path, at, json!({ "diagnostics": [] }));
                self.tally.count("actions");
            }
            8 => {
                let params = json!({
                    "textDocument": { "uri": uri(&path) },
                    "position": { "line": at.0, "character": at.1 },
                });
                self.editor.request("futurelens/layout", params);
                self.tally.count("layouts");
            }
            9 => {
                self.editor.request("futurelens/report", json!({}));
                self.tally.count("reports");
            }
            10 => {
                // Half of something, in the middle of anything, and back.
                let halves = ["{ let x = ", "async move {", "\"", "/*", "}", "é😀("];
                let mut broken = text.clone();
                let at = floor(&broken, self.random.below(broken.len() + 1));
                broken.insert_str(at, halves[self.random.below(halves.len())]);
                self.type_text(&file, &broken);
                self.editor.shown_hints(&path);
                self.type_text(&file, &text);
            }
            11 => {
                let all: Vec<String> = self.written.keys().cloned().collect();
                let file = self.random.pick(&all).clone();
                if self.open.contains_key(&file) && self.open.len() > 2 {
                    self.close_file(&file);
                } else {
                    self.open_file(&file);
                }
                self.tally.count("opened or closed");
            }
            12 => {
                let (typed, least) = (self.random.percent(50), self.random.below(300));
                self.editor.configure(json!({
                    "build": { "asYouType": typed },
                    "hints": { "minBytes": least, "awaits": "all" },
                    "budget": { "bytes": 1000 + least },
                }));
                self.tally.count("settings");
            }
            _ => {
                let tokens = self.editor.notifications(Moment::start(), "window/workDoneProgress/create");
                if let Some(token) = tokens.last().map(|create| create["token"].clone()) {
                    self.editor.notify("window/workDoneProgress/cancel", json!({ "token": token }));
                    // A cancelled build leaves a save unmeasured, until the next.
                    self.editor.did_save(&path);
                    self.tally.count("cancelled");
                }
            }
        }
    }

    /// A place worth asking about, or any.
    fn place_in(&mut self, text: &str) -> (usize, usize) {
        let word = *self.random.pick(&["async", ".await", "fn ", "let ", ""]);
        let places: Vec<usize> = match word {
            "" => vec![floor(text, self.random.below(text.len() + 1))],
            word => text.match_indices(word).map(|(at, _)| at + word.len() - 1).collect(),
        };
        if places.is_empty() { (0, 0) } else { place(text, *self.random.pick(&places)) }
    }

    /// Accepts an action whose saving was measured: the code compiles afterwards.
    fn accept(&mut self) -> Result<(), String> {
        for _ in 0..10 {
            let (file, text) = self.any_open();
            let (path, at) = (self.path(&file), self.place_in(&text));
            let actions = self.editor.code_actions(&path, at, json!({ "diagnostics": [] }));
            let title = |action: &Value| action["title"].as_str().unwrap_or_default().to_owned();
            let sure = |action: &&Value| title(action).contains("saves ") && !title(action).contains('≈');
            let Some(action) = actions.iter().find(sure) else { continue };
            let Ok(resolved) = self.editor.try_request("codeAction/resolve", action.clone()) else {
                continue;
            };
            let mut changed = BTreeSet::new();
            for change in resolved["edit"]["documentChanges"].as_array().into_iter().flatten() {
                let of_it = |file: &&String| change["textDocument"]["uri"] == *uri(&self.path(file));
                let Some(file) = self.written.keys().find(of_it).cloned() else { continue };
                self.open_file(&file);
                let text = edited(&self.open[&file], &change["edits"], &self.editor.encoding);
                self.save(&file, &text);
                changed.insert(file);
            }
            if self.rest() != "idle" {
                let texts: Vec<&String> = changed.iter().map(|file| &self.written[file]).collect();
                return Err(format!("\"{}\" does not compile:\n{texts:#?}", title(action)));
            }
            self.tally.count("accepted");
            return Ok(());
        }
        Ok(())
    }

    // What has to hold

    /// Waits until what was saved is measured, as far as one can see; the state of the server then.
    fn build(&mut self) -> String {
        thread::sleep(Duration::from_millis(100));
        self.settle(false)
    }

    /// Waits until the server has nothing to do, no edit to try either; the state it is in then.
    fn rest(&mut self) -> String {
        self.settle(true)
    }

    fn settle(&mut self, quiet: bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A save has been heard when a later request is answered; a build that it leads to begins a moment later.
            self.editor.request("futurelens/report", json!({}));
            let quiet = !quiet || self.editor.is_quiet(PATIENCE);
            let states = self.editor.notifications(Moment::start(), "futurelens/status");
            let state = states.last().and_then(|status| status["state"].as_str()).unwrap_or_default();
            if quiet && matches!(state, "idle" | "stale") {
                return state.to_owned();
            }
            assert!(Instant::now() < deadline, "the server is still {state:?}: {}", self.editor.stderr());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server's sizes against those of a clean build.
    fn check_report(&mut self) -> Result<(), String> {
        let report = self.editor.request("futurelens/report", json!({}));
        let found = sizes_of(&report["workspaces"][0]);
        let stale = report["workspaces"][0]["futures"].as_array().into_iter().flatten();
        let stale = stale.filter(|future| future["stale"] == true).count();
        if found == self.expected && stale == 0 {
            return Ok(());
        }
        let of = |sizes: &Sizes, other: &Sizes| {
            let differ = sizes.iter().filter(|(id, size)| other.get(id) != Some(size));
            differ.map(|(id, size)| format!("\n  {id:?}: {size}")).collect::<String>()
        };
        let (found_only, clean_only) = (of(&found, &self.expected), of(&self.expected, &found));
        Err(format!("{stale} are stale; the server has{found_only}\na clean build has{clean_only}"))
    }

    fn sample(&mut self) {
        let proc = PathBuf::from(format!("/proc/{}", self.editor.pid()));
        let count = |name: &str| fs::read_dir(proc.join(name)).map_or(0, Iterator::count);
        self.tally.samples.push(Sample {
            at: self.started.elapsed(),
            memory: memory(self.editor.pid()),
            files: count("fd"),
            threads: count("task"),
        });
    }

    /// Processes and folders that should be gone; so many folders in the target directory may be there.
    fn left_behind(&mut self, scratch_folders: usize) -> Result<(), String> {
        let zombies = zombies(self.editor.pid());
        if zombies > 0 {
            return Err(format!("{zombies} processes that have ended are not waited for"));
        }
        let names = |folder: &Path| -> Vec<PathBuf> {
            fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
        };
        let scratch = names(&self.project.root().join("target/futurelens"));
        let is_scratch = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("scratch-"))
        };
        let mut left: Vec<PathBuf> = scratch.into_iter().filter(is_scratch).collect();
        if left.len() <= scratch_folders {
            left.clear();
        }
        left.extend(names(&self.project.beside("tmp")));
        if left.is_empty() { Ok(()) } else { Err(format!("left behind: {left:#?}")) }
    }
}

/// Rounds until the time is over, then the end. Says how it goes.
///
/// # Errors
///
/// In words: what is not as it must be.
pub fn run_for(original: &Path, seed: u64, time: Duration, edits: usize) -> Result<Tally, String> {
    let mut soak = Soak::open(original, seed);
    while soak.started.elapsed() < time {
        soak.round(edits)?;
        let sample = soak.tally.samples.last().expect("it was just taken");
        say(&format!("soak: {} s, {:.1} MB", sample.at.as_secs(), sample.memory.0));
    }
    soak.end(edits.min(10))?;
    match soak.tally.growth() {
        Some(growth) => Err(format!("the server grows: {growth}")),
        None => Ok(soak.tally),
    }
}

/// What a command reports that measures into this target directory.
fn clean_report(root: &Path, target: &Path) -> Run {
    let mut command = futurelens();
    command.arg("report").arg(root).args(["--format", "json", "--target-dir"]).arg(target);
    run(&mut command)
}

fn sizes_of(report: &Value) -> Sizes {
    let futures = report["futures"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    futures
        .map(|future| ((text(&future["unit"]), text(&future["id"])), future["size"].as_u64().unwrap_or(0)))
        .collect()
}

/// Zero-based line and UTF-16 column of an offset.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count(), before[start..].encode_utf16().count())
}

/// The next offset at or before this one that is between two characters.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_noise() {
        let sample = |number: usize, memory: f64, files: usize| Sample {
            at: Duration::from_secs(number as u64),
            memory: (memory, memory),
            files,
            threads: 9,
        };
        let tally = |memory: fn(usize) -> f64, files: fn(usize) -> usize| Tally {
            samples: (0..40).map(|number| sample(number, memory(number), files(number))).collect(),
            ..Tally::default()
        };
        assert_eq!(tally(|number| 50.0 + (number % 7) as f64, |_| 12).growth(), None);
        assert_eq!(tally(|number| 60.0 - 40.0 / (1.0 + number as f64), |_| 12).growth(), None);
        assert!(
            tally(|number| 50.0 + number as f64, |_| 12).growth().expect("it grows").contains("megabytes")
        );
        assert!(tally(|_| 50.0, |number| number).growth().expect("it grows").contains("open files"));
    }
}
