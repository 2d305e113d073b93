//! After every edit: what a save measures is what a clean build measures.
//!
//! The same project is measured into two target directories. One lives through all edits, as an editor's does.
//! In the other one only the dependencies stay built: what is kept of the project's own crates is removed
//! before each measurement. Then everything futurelens says has to be the same, to the byte.

use super::{Edit, Edits, Files, Random};
use crate::binary::{Run, cache_dir, futurelens, kill_group, own_group, run, say};
use crate::project::{Project, copy, files};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// What is measured, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Measured now and then besides the release profile. Costs a build of the dependencies.
    pub other_profile: Option<&'static str>,
    /// Both measurements at the same time: faster, but their times say nothing.
    pub together: bool,
}

/// What came of a run of edits.
#[derive(Debug, Default)]
pub struct Summary {
    /// Measured, and equal.
    pub edits: usize,
    /// Of those.
    pub compiled: usize,
    /// Should have compiled, but did not: kind and place.
    pub wrong: Vec<String>,
    /// How long the measurements took of what compiled.
    pub incremental: Vec<Duration>,
    /// As [`Summary::incremental`], clean.
    pub clean: Vec<Duration>,
    /// How many edits found the state of an incremental compiler run. If none did, all was measured whole.
    pub with_state: usize,
    /// Something went wrong before the measurement, by kind.
    pub troubles: BTreeMap<&'static str, usize>,
    /// By kind: all edits, and those that compiled.
    pub kinds: BTreeMap<&'static str, (usize, usize)>,
}

impl Summary {
    /// For people.
    pub fn text(&self, seed: u64) -> String {
        let median = |times: &[Duration]| {
            let mut times = times.to_vec();
            times.sort();
            times.get(times.len() / 2).map_or(0, Duration::as_millis)
        };
        let (edits, compiled) = (self.edits, self.compiled);
        let share = 100 * compiled / edits.max(1);
        let kinds = self.kinds.iter().map(|(kind, (all, good))| format!("{kind} {good}/{all}"));
        let troubles = self.troubles.iter().map(|(kind, count)| format!("{kind} {count}"));
        let wrong = self.wrong.iter().map(|wrong| format!("\n  did not compile: {wrong}"));
        format!(
            "  kinds: {}\n  troubles: {}{}\n  {} edits were measured beside the state of an incremental run\n\
             {edits} edits: {compiled} compiled ({share} %), {edits} equal, seed {seed}; \
             median {} ms incremental, {} ms clean",
            kinds.collect::<Vec<_>>().join(", "),
            troubles.collect::<Vec<_>>().join(", "),
            wrong.collect::<String>(),
            self.with_state,
            median(&self.incremental),
            median(&self.clean),
        )
    }
}

/// What may happen to a measurement, or to what is kept of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// Two edits between two measurements.
    Twice,
    /// The measurement is killed and repeated.
    Killed,
    /// The measurement is killed, and more is edited before it is repeated.
    KilledAndEdited,
    UnitLost,
    UnitDamaged,
    /// As if it had been killed between the compiler's end and the new file.
    UnitOld,
    StateLost,
    StateDamaged,
    StateOld,
    Profile,
}

const TROUBLES: [(Trouble, &str); 10] = [
    (Trouble::Twice, "two edits"),
    (Trouble::Killed, "killed"),
    (Trouble::KilledAndEdited, "killed and edited"),
    (Trouble::UnitLost, "unit lost"),
    (Trouble::UnitDamaged, "unit damaged"),
    (Trouble::UnitOld, "unit old"),
    (Trouble::StateLost, "state lost"),
    (Trouble::StateDamaged, "state damaged"),
    (Trouble::StateOld, "state old"),
    (Trouble::Profile, "other profile"),
];

/// Files with their bytes.
type Bytes = BTreeMap<PathBuf, Vec<u8>>;

/// A project that is edited and measured.
#[derive(Debug)]
pub struct Check {
    name: String,
    original: PathBuf,
    seed: u64,
    options: Options,
    project: Project,
    edits: Edits,
    /// For everything but the edits.
    random: Random,
    written: Files,
    /// The target directory of the measurements that are checked.
    lived: PathBuf,
    /// That of those they are checked with.
    clean: PathBuf,
    /// Of some measurement before.
    old_units: Bytes,
    old_states: Bytes,
    summary: Summary,
}

/// One measurement in one of the target directories.
struct Measured {
    run: Run,
    took: Duration,
}

impl Check {
    /// Copies a project with a library, plants into it, and measures it twice.
    ///
    /// # Panics
    ///
    /// If that does not compile.
    pub fn new(original: &Path, seed: u64, options: Options) -> Self {
        let project = Project::copy_of(original);
        let edits = Edits::new(project.root(), seed);
        let name = original.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (lived, clean) = (project.beside("target-lived"), project.beside("target-clean"));
        let mut check = Check {
            name,
            original: original.to_owned(),
            seed,
            options,
            project,
            edits,
            random: Random::new(seed),
            written: Files::new(),
            lived,
            clean,
            old_units: Bytes::new(),
            old_states: Bytes::new(),
            summary: Summary::default(),
        };
        check.write(&[]);
        check.report(&check.lived, &[]).run.expect_success();
        copy_with_times(&check.lived, &check.clean);
        check
    }

    /// Back to the project as it was copied, with other edits to come. What is kept of the measurements stays.
    pub fn start_again(&mut self, seed: u64) {
        fs::remove_dir_all(self.project.root().join("src")).expect("there are sources");
        copy(&self.original, self.project.root());
        self.seed = seed;
        self.edits = Edits::new(self.project.root(), seed);
        self.written = Files::new();
        self.old_units = Bytes::new();
        self.old_states = Bytes::new();
        self.summary = Summary::default();
        self.write(&[]);
    }

    /// Makes and measures this many edits.
    ///
    /// # Errors
    ///
    /// A readable difference, and where everything was saved.
    pub fn run(&mut self, edits: usize) -> Result<&Summary, String> {
        for _ in 0..edits {
            self.step()?;
        }
        Ok(&self.summary)
    }

    fn step(&mut self) -> Result<(), String> {
        let mut told = Vec::new();
        let number = self.summary.edits + 1;
        // Anew, so that no edit depends on how fast the machine is.
        self.random = Random::new(self.seed ^ ((number as u64) << 40));
        let (trouble, trouble_name) = match self.random.percent(50) {
            true => *self.random.pick(&TROUBLES),
            false => (Trouble::None, ""),
        };
        let mut made = vec![self.edits.edit()];
        if trouble == Trouble::Twice {
            made.push(self.edits.edit());
        }
        let mut changed = self.write(&made);
        let done = self.make(trouble, &mut made, &mut changed);
        if let Some(done) = done {
            *self.summary.troubles.entry(trouble_name).or_default() += 1;
            told.push(format!("[{trouble_name}{done}]"));
        }
        self.summary.with_state += usize::from(!states(&self.lived).is_empty());

        let last = made.last().expect("there is at least one").clone();
        let kinds: Vec<&str> = made.iter().map(|edit| edit.kind).collect();
        let what = format!("{}: {} {}", kinds.join(", "), last.what, told.join(" "));
        let extra = (trouble == Trouble::Profile).then_some(self.options.other_profile).flatten();
        let mut compiled = false;
        for profile in extra.into_iter().chain(["release"]) {
            let (here, there) = self.both(&["--all", "--profile", profile]);
            compiled = here.run.code == Some(0);
            let line = |equal| {
                let (compiled, profile) =
                    (if compiled { "compiled" } else { "broken  " }, extra.map(|_| profile));
                format!(
                    "{number:4} {compiled} {:5} ms {:5} ms {equal} {what} {}",
                    here.took.as_millis(),
                    there.took.as_millis(),
                    profile.unwrap_or_default()
                )
            };
            if let Some(difference) = self.difference(&here.run, &there.run, &changed, profile) {
                say(&line("DIFFERENT"));
                return Err(self.save(number, &here.run, &there.run, &difference));
            }
            say(&line("equal"));
            if compiled {
                self.summary.incremental.push(here.took);
                self.summary.clean.push(there.took);
            }
        }

        self.edits.measured(compiled);
        self.summary.edits = number;
        self.summary.compiled += usize::from(compiled);
        if made.iter().all(|edit| edit.compiles) && !compiled {
            self.summary.wrong.push(what);
        }
        for edit in &made {
            let (all, good) = self.summary.kinds.entry(edit.kind).or_default();
            *all += 1;
            *good += usize::from(compiled);
        }
        if self.random.percent(30) || self.old_units.is_empty() {
            self.old_units = units(&self.lived).iter().map(|file| (file.clone(), bytes(file))).collect();
            self.old_states = states(&self.lived)
                .iter()
                .flat_map(|state| files(state))
                .map(|file| (file.clone(), bytes(&file)))
                .collect();
        }
        Ok(())
    }

    /// Brings the files on disk to what they should be; says which were changed.
    fn write(&mut self, made: &[Edit]) -> Vec<String> {
        let files = self.edits.files();
        let mut changed = Vec::new();
        for (file, text) in &files {
            let touched = made.iter().any(|edit| edit.kind == "touch" && edit.what == *file);
            if touched || self.written.get(file) != Some(text) {
                self.project.write(file, text);
                changed.push(file.clone());
            }
        }
        for file in self.written.keys().filter(|file| !files.contains_key(*file)) {
            fs::remove_file(self.project.root().join(file)).expect("it was written before");
        }
        self.written = files;
        changed
    }

    /// Makes trouble before the measurement; none if there is nothing to do it to.
    fn make(&mut self, trouble: Trouble, made: &mut Vec<Edit>, changed: &mut Vec<String>) -> Option<String> {
        let (units, states) = (units(&self.lived), states(&self.lived));
        match trouble {
            Trouble::None => return None,
            Trouble::Twice => {}
            Trouble::Profile => return self.options.other_profile.map(|_| String::new()),
            Trouble::Killed | Trouble::KilledAndEdited => {
                let usual = self.summary.incremental.last().map_or(1000, |took| took.as_millis());
                let delay = self.random.below(usual as usize + 50) as u64;
                let mut command = self.command("report", &self.lived);
                command.arg(self.project.root()).arg("--all");
                own_group(&mut command);
                let mut child = command
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("futurelens starts");
                thread::sleep(Duration::from_millis(delay));
                let ended = child.try_wait().is_ok_and(|status| status.is_some());
                kill_group(child.id());
                child.wait().expect("the child is ours");
                if trouble == Trouble::KilledAndEdited {
                    made.push(self.edits.edit());
                    let more = self.write(made);
                    changed.extend(more);
                }
                return Some(format!(" after {delay} ms{}", if ended { ", too late" } else { "" }));
            }
            Trouble::UnitLost | Trouble::UnitDamaged => {
                let files = units.iter().filter(|_| self.random.percent(60)).collect::<Vec<_>>();
                files.first()?;
                for file in files {
                    if trouble == Trouble::UnitLost {
                        fs::remove_file(file).expect("it was just found");
                    } else {
                        damage(file, &mut self.random);
                    }
                }
            }
            Trouble::UnitOld => {
                for (file, bytes) in self.old_units.iter().filter(|(file, _)| file.exists()) {
                    fs::write(file, bytes).expect("it is a file of ours");
                    let _ = fs::remove_file(metadata_of(file));
                }
            }
            Trouble::StateLost | Trouble::StateDamaged => {
                let state = (!states.is_empty()).then(|| self.random.pick(&states).clone())?;
                let files = files(&state);
                if trouble == Trouble::StateDamaged {
                    let file = self.random.pick::<PathBuf>(&files).clone();
                    damage(&file, &mut self.random);
                } else if self.random.percent(50) {
                    fs::remove_dir_all(&state).expect("it was just found");
                } else {
                    fs::remove_file(self.random.pick::<PathBuf>(&files)).expect("it was just found");
                }
            }
            Trouble::StateOld => {
                if self.old_states.is_empty() {
                    return None;
                }
                for state in &states {
                    fs::remove_dir_all(state).expect("it was just found");
                }
                for (file, bytes) in &self.old_states {
                    fs::create_dir_all(file.parent().expect("it is in a folder"))
                        .and_then(|()| fs::write(file, bytes))
                        .expect("it is a file of ours");
                }
            }
        }
        Some(String::new())
    }

    fn command(&self, command: &str, target: &Path) -> std::process::Command {
        let mut futurelens = futurelens();
        futurelens.arg(command).arg("--target-dir").arg(target);
        futurelens
    }

    fn report(&self, target: &Path, arguments: &[&str]) -> Measured {
        let mut command = self.command("report", target);
        command.arg(self.project.root()).args(["--format", "json"]).args(arguments);
        let started = Instant::now();
        let run = run(&mut command);
        Measured { run, took: started.elapsed() }
    }

    /// Measures in both target directories.
    fn both(&self, arguments: &[&str]) -> (Measured, Measured) {
        let clean = || {
            forget(&self.clean);
            self.report(&self.clean, arguments)
        };
        if !self.options.together {
            return (self.report(&self.lived, arguments), clean());
        }
        thread::scope(|scope| {
            let there = scope.spawn(clean);
            let here = self.report(&self.lived, arguments);
            (here, there.join().expect("it does not panic"))
        })
    }

    /// What differs between two reports, or between what else there is to say about what was measured.
    fn difference(&mut self, here: &Run, there: &Run, changed: &[String], profile: &str) -> Option<String> {
        if here.code != there.code {
            let text = |run: &Run| format!("exit {:?}\n{}", run.code, run.stderr);
            return Some(format!("measured:\n{}\nclean:\n{}", text(here), text(there)));
        }
        if here.code != Some(0) {
            let errors = |run: &Run| -> BTreeSet<String> {
                run.stderr.lines().filter(|line| line.starts_with("error")).map(str::to_owned).collect()
            };
            let told = errors(here) == errors(there) && here.code == Some(2);
            return (!told).then(|| format!("measured:\n{}\nclean:\n{}", here.stderr, there.stderr));
        }
        let value = |run: &Run| serde_json::from_str(&run.stdout).expect("report prints JSON");
        let (found, expected): (Value, Value) = (value(here), value(there));
        if let Some(difference) = compare(&found, &expected) {
            return Some(difference);
        }
        if here.stderr != there.stderr {
            return Some(format!("measured:\n{}\nclean:\n{}", here.stderr, there.stderr));
        }

        // The rest reads what is kept.
        let mut commands: Vec<Vec<String>> = Vec::new();
        let root = self.project.root().to_string_lossy().into_owned();
        let changed: Vec<&String> = changed.iter().filter(|file| self.written.contains_key(*file)).collect();
        if self.random.percent(30) {
            commands.push(["report", &root, "--format", "json"].map(str::to_owned).to_vec());
        }
        if self.random.percent(40) && !changed.is_empty() {
            let file = self.project.root().join(self.random.pick(&changed));
            let file = file.to_string_lossy();
            commands.push(["hints", &file, "--awaits", "all"].map(str::to_owned).to_vec());
        }
        let futures = found["futures"].as_array().expect("futures are a list");
        if self.random.percent(40) && !futures.is_empty() {
            let future = self.random.pick(futures);
            let name = match self.random.percent(50) {
                true => future["name"].as_str().unwrap_or_default().to_owned(),
                false => format!("{}:{}", future["file"].as_str().unwrap_or_default(), future["line"]),
            };
            commands.push(["explain", &name, &root, "--width", "100"].map(str::to_owned).to_vec());
        }
        commands.iter().find_map(|command| {
            let [here, there] = [&self.lived, &self.clean].map(|target| {
                let mut run_it = self.command(&command[0], target);
                run(run_it.args(&command[1..]).args(["--profile", profile]))
            });
            let same = (here.code, &here.stdout, &here.stderr) == (there.code, &there.stdout, &there.stderr);
            (!same).then(|| {
                let lines = lines(&(here.stdout + &here.stderr), &(there.stdout + &there.stderr));
                format!("{}\n{lines}", command.join(" "))
            })
        })
    }

    /// Keeps everything there is to find out what went wrong.
    fn save(&self, number: usize, here: &Run, there: &Run, difference: &str) -> String {
        let name = format!("{}-{}-{number}", self.name, self.seed);
        let folder = cache_dir().join("edits").join(name);
        let _ = fs::remove_dir_all(&folder);
        copy(self.project.root(), &folder.join("project"));
        let before = Project::empty();
        for (file, text) in self.edits.last_good() {
            before.write(&file, &text);
        }
        copy(before.root(), &folder.join("before"));
        for (side, target, run) in [("measured", &self.lived, here), ("clean", &self.clean, there)] {
            let side = folder.join(side);
            fs::create_dir_all(&side).expect("the cache is writable");
            for unit in units(target) {
                let name = unit.file_name().expect("it is a file");
                fs::copy(&unit, side.join(name)).expect("the cache is writable");
            }
            fs::write(side.join("report.json"), &run.stdout).expect("the cache is writable");
            fs::write(side.join("stderr"), &run.stderr).expect("the cache is writable");
        }
        fs::write(folder.join("difference"), difference).expect("the cache is writable");
        format!("edit {number}, seed {}:\n{difference}\nSaved in {}", self.seed, folder.display())
    }
}

/// The kept files of the members, of every profile.
fn units(target: &Path) -> Vec<PathBuf> {
    files(target).into_iter().filter(|file| file.extension().is_some_and(|e| e == "futurelens")).collect()
}

/// Folders with what incremental compiler runs leave to each other.
fn states(target: &Path) -> Vec<PathBuf> {
    let graphs = files(target).into_iter().filter(|file| file.ends_with("dep-graph.bin"));
    let states: BTreeSet<PathBuf> =
        graphs.filter_map(|graph| Some(graph.parent()?.parent()?.to_owned())).collect();
    states.into_iter().collect()
}

/// What cargo looks for before it calls a unit fresh.
fn metadata_of(unit: &Path) -> PathBuf {
    let stem = unit.file_stem().unwrap_or_default().to_string_lossy();
    unit.with_file_name(format!("lib{stem}.rmeta"))
}

/// Removes everything kept of the members, so that they are measured whole.
fn forget(target: &Path) {
    for unit in units(target) {
        let _ = fs::remove_file(metadata_of(&unit));
        fs::remove_file(&unit).expect("it was just found");
    }
    for state in states(target) {
        fs::remove_dir_all(&state).expect("it was just found");
    }
}

fn bytes(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Cuts a file off, or overwrites it.
fn damage(file: &Path, random: &mut Random) {
    let mut bytes = bytes(file);
    match random.below(3) {
        0 => bytes.truncate(random.below(bytes.len() + 1)),
        1 => bytes.clear(),
        _ => bytes.fill(b'x'),
    }
    fs::write(file, bytes).expect("it is a file of ours");
}

/// Copies a target directory so that cargo finds it as fresh as it was.
fn copy_with_times(from: &Path, to: &Path) {
    for file in files(from) {
        let to = to.join(file.strip_prefix(from).expect("it was found below"));
        let copied = fs::create_dir_all(to.parent().expect("it is below"))
            .and_then(|()| fs::copy(&file, &to))
            .and_then(|_| fs::metadata(&file)?.modified())
            .and_then(|time| fs::File::options().append(true).open(&to)?.set_modified(time));
        copied.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// The most lines of a difference.
const SHOWN: usize = 60;

/// What differs between two reports, in words; nothing if they are the same.
pub fn compare(found: &Value, expected: &Value) -> Option<String> {
    if found == expected {
        return None;
    }
    let by_id = |report: &Value| -> BTreeMap<String, Vec<Value>> {
        let mut futures: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for future in report["futures"].as_array().into_iter().flatten() {
            let key = format!("{} ({})", future["id"].as_str().unwrap_or_default(), future["unit"]);
            futures.entry(key).or_default().push(future.clone());
        }
        futures
    };
    let (here, there) = (by_id(found), by_id(expected));
    let mut out = Vec::new();
    for id in here.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
        let size = |futures: &[Value]| format!("{} bytes", futures[0]["size"]);
        match (here.get(id), there.get(id)) {
            (Some(here), None) => out.push(format!("only measured: {id}, {}", size(here))),
            (None, Some(there)) => out.push(format!("only in the clean build: {id}, {}", size(there))),
            (Some(here), Some(there)) if here != there => {
                out.push(format!("{id}:"));
                fields("", &Value::from(here.clone()), &Value::from(there.clone()), &mut out);
            }
            _ => {}
        }
    }
    for key in ["schema", "compiler", "profile", "target"] {
        fields(key, &found[key], &expected[key], &mut out);
    }
    if out.is_empty() {
        let ids = |report: &Value| -> String {
            let futures = report["futures"].as_array().into_iter().flatten();
            futures.map(|future| format!("{} {}\n", future["size"], future["id"])).collect()
        };
        out.push(format!("only the order differs:\n{}", lines(&ids(found), &ids(expected))));
    }
    let more = out.len().saturating_sub(SHOWN);
    out.truncate(SHOWN);
    if more > 0 {
        out.push(format!("and {more} lines more"));
    }
    Some(out.join("\n"))
}

fn fields(path: &str, here: &Value, there: &Value, out: &mut Vec<String>) {
    match (here, there) {
        (here, there) if here == there => {}
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                fields(&format!("{path}.{key}"), &here[key], &there[key], out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                fields(&format!("{path}[{at}]"), a, b, out);
            }
        }
        _ => out.push(format!("  {path}: {here}, clean {there}")),
    }
}

/// The lines that only one of two texts has.
fn lines(here: &str, there: &str) -> String {
    let pairs = here.lines().zip(there.lines()).filter(|(here, there)| here != there);
    let mut out: Vec<String> = pairs.take(20).map(|(a, b)| format!("- {b}\n+ {a}")).collect();
    let (a, b) = (here.lines().count(), there.lines().count());
    if a != b {
        out.push(format!("{a} lines, {b} in the clean build"));
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::compare;
    use serde_json::json;

    #[test]
    fn what_differs_is_said() {
        let report = |size: u64, line: u64| {
            let held = json!([{"name": "kept", "line": line}]);
            json!({"schema": 1, "futures": [
                {"id": "a::b", "unit": "lib", "size": size, "states": [{"held": held}]},
                {"id": "a::c", "unit": "lib", "size": 8, "states": []},
            ]})
        };
        assert_eq!(compare(&report(8, 1), &report(8, 1)), None);
        let said = |here, there| compare(&here, &there).expect("they differ");
        assert!(said(report(8, 1), report(9, 1)).contains(".size: 8, clean 9"));
        assert!(said(report(8, 1), report(8, 2)).contains(".states[0].held[0].line: 1, clean 2"));
        let mut less = report(8, 1);
        less["futures"].as_array_mut().expect("a list").pop();
        assert!(said(less.clone(), report(8, 1)).contains("only in the clean build: a::c"));
        assert!(said(report(8, 1), less).contains("only measured: a::c"));
        let mut turned = report(8, 1);
        turned["futures"].as_array_mut().expect("a list").reverse();
        assert!(said(turned, report(8, 1)).contains("only the order differs"));
    }
}
