//! Faults of the disk, the clock and the files: nothing hangs, nothing is lost, the right numbers come in the end, and
//! never a wrong one meanwhile.

use futurelens_tests::binary::{cargo, futurelens, nightly, run, skip};
use futurelens_tests::editor::{Editor, Hint, Moment, Setup};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of, manifest};
use futurelens_tests::report::{parse, report, run_report};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// `held`, whose future takes so many bytes, in the first line.
fn text_of(bytes: usize) -> String {
    format!("{}{PENDING_ONCE}", future_of("held", bytes - 2))
}

fn library(bytes: usize) -> (Project, PathBuf) {
    let project = Project::lib("faulty", &text_of(bytes));
    let file = project.root().join("src/lib.rs");
    (project, file)
}

fn open(project: &Project, options: Value) -> Editor {
    let experimental = json!({ "futurelens": { "status": true } });
    Editor::open(project.root(), Setup { options, experimental, ..Setup::default() })
}

fn is_size(hint: &Hint, bytes: usize) -> bool {
    hint.line == 0 && hint.label.starts_with(&format!("{bytes} B")) && !hint.is_stale()
}

#[track_caller]
fn expect_size(editor: &mut Editor, file: &Path, bytes: usize) {
    editor.hints_when(file, &format!("{bytes} B"), |hints| hints.iter().any(|hint| is_size(hint, bytes)));
}

/// Beside the text with a future of so many bytes there is its size, one that says that it is stale, or none.
#[track_caller]
fn expect_no_other(hints: &[Hint], bytes: usize) {
    for hint in hints {
        assert!(hint.is_stale() || is_size(hint, bytes), "{hint:?} beside the text of {bytes} bytes");
    }
}

#[track_caller]
fn leave(editor: &mut Editor) {
    editor.exit();
    assert!(!editor.stderr().contains("panicked"), "{}", editor.stderr());
    editor.expect_no_children();
}

/// Sets when a file says that it was written.
fn date(file: &Path, time: SystemTime) {
    let opened = fs::File::options().append(true).open(file).expect("it is writable");
    opened.set_modified(time).expect("its time can be set");
}

fn age(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|meta| meta.modified()).expect("it has a time")
}

const HOUR: Duration = Duration::from_secs(3600);

// The disk

/// A file system of its own, in memory; gone with the value.
struct Disk(PathBuf);

impl Disk {
    fn new(at: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&at).expect("the directory is writable");
        let disk = Self(at);
        disk.mount(&["-t", "tmpfs", "-o", options, "none"]).then_some(disk)
    }

    fn mount(&self, arguments: &[&str]) -> bool {
        let mut mount = Command::new("mount");
        let status = mount.args(arguments).arg(&self.0).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn change(&self, options: &str) {
        assert!(self.mount(&["-o", &format!("remount,{options}")]), "it can be mounted in another way");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).stderr(Stdio::null()).status();
    }
}

/// Runs the rest of a test, which mounts disks, where that is allowed: here as root, else in a name space in which we
/// are. False if the test is over.
fn may_mount(test: &str) -> bool {
    const INSIDE: &str = "FUTURELENS_TEST_MOUNTS";
    let probe = Project::empty();
    if cfg!(target_os = "linux") && Disk::new(probe.beside("probe"), "size=1m").is_some() {
        return true;
    }
    if cfg!(target_os = "linux") && std::env::var_os(INSIDE).is_none() {
        let tests = std::env::current_exe().expect("it runs");
        let mut inside = Command::new("unshare");
        let test = format!("faults_store::{test}");
        inside.arg("-rm").arg(tests).args(["--exact", &test, "--nocapture"]).env(INSIDE, "1");
        let can = Command::new("unshare").args(["-rm", "true"]).stderr(Stdio::null()).status();
        if can.is_ok_and(|status| status.success()) {
            assert!(inside.status().is_ok_and(|status| status.success()), "{test} failed in a name space");
            return false;
        }
    }
    skip(&format!("{test} needs to mount a disk"));
    false
}

#[test]
fn a_disk_of_any_size_gives_the_right_number_or_says_that_it_is_full() {
    if !may_mount("a_disk_of_any_size_gives_the_right_number_or_says_that_it_is_full") {
        return;
    }
    let (project, file) = library(100);
    let others: String = (0..30).map(|number| future_of(&format!("other{number}"), 10 + number)).collect();
    let disk = Disk::new(project.beside("disk"), "size=64k").expect("it could be done before");
    let target = disk.0.join("target");
    let target = target.to_str().expect("it is UTF-8");
    let (mut bytes, mut refused, mut measured) = (100, 0, 0);
    // What an attempt leaves the next one finds.
    let step = if std::env::var_os("FUTURELENS_LONG").is_some() { 16 } else { 200 };
    for size in (1..).map(|number| step * number).take_while(|size| *size < 8000) {
        disk.change(&format!("size={size}k"));
        bytes += 1;
        fs::write(&file, format!("{}{others}", text_of(bytes))).expect("it is writable");
        let ended = run_report(project.root(), &["--target-dir", target]);
        if ended.code == Some(0) {
            let (found, right) = (parse(&ended.stdout), report::<&str>(project.root(), &[]));
            assert_eq!(found.size_of("held"), bytes as u64);
            assert_eq!(found.facts(), right.facts(), "{size} KiB");
            measured += 1;
            if measured == 2 {
                break;
            }
            continue;
        }
        refused += 1;
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{size} KiB: {ended:#?}");
        for words in ["No space left", "disk/target", "--target-dir"] {
            assert!(ended.stderr.contains(words), "`{words}` with {size} KiB: {}", ended.stderr);
        }
    }
    assert!(refused > 3 && measured == 2, "{refused} refused, {measured} measured");
    drop(disk);
}

#[test]
fn the_user_hears_of_a_full_disk_once_each_time() {
    if !may_mount("the_user_hears_of_a_full_disk_once_each_time") {
        return;
    }
    let (project, file) = library(100);
    let disk = Disk::new(project.beside("disk"), "size=64m").expect("it could be done before");
    let target = disk.0.join("target");
    let mut editor = open(&project, json!({ "cargo": { "targetDir": target } }));
    editor.did_open(&file);
    assert_eq!(settled(&mut editor, Moment::start())["state"], "idle");
    expect_size(&mut editor, &file, 100);
    let ballast = disk.0.join("ballast");
    let mut refused = 0;
    // How much is left differs: at once nothing, or not enough on the way.
    for (round, left) in [0, 300, 500, 700].into_iter().enumerate() {
        let bytes = 200 + 10 * round;
        let _ = fs::write(&ballast, vec![1; 64 << 20]);
        let full = fs::metadata(&ballast).expect("it is there").len();
        let shorter = fs::File::options().write(true).open(&ballast).expect("it is there");
        shorter.set_len(full - (left << 10)).expect("it can be shorter");
        drop(shorter);
        let since = editor.now();
        editor.save_as(&file, &text_of(bytes));
        let mut status = settled(&mut editor, since);
        expect_no_other(&editor.hints(&file), bytes);
        if status["state"] == "error" {
            refused += 1;
            for _ in 0..2 {
                assert_eq!(status["state"], "error", "{status}");
                assert!(status["message"].as_str().is_some_and(|text| text.contains("No space")), "{status}");
                let shown = editor.shown(since);
                assert_eq!(shown.len(), 1, "once, with {left} KiB: {shown:#?}");
                assert!(shown[0].contains("No space left") && shown[0].contains("disk/target"), "{shown:#?}");
                let saved = editor.now();
                editor.did_save(&file);
                status = settled(&mut editor, saved);
                expect_no_other(&editor.hints(&file), bytes);
                if status["state"] != "error" {
                    break;
                }
            }
        }
        fs::remove_file(&ballast).expect("it is there");
        let saved = editor.now();
        editor.did_save(&file);
        assert_eq!(settled(&mut editor, saved)["state"], "idle");
        expect_size(&mut editor, &file, bytes);
    }
    assert!(refused > 0);
    leave(&mut editor);
    drop(disk);
}

/// How it is with the workspace after the build that begins now.
#[track_caller]
fn settled(editor: &mut Editor, since: Moment) -> Value {
    let mut has_begun = false;
    editor.wait(since, "the end of a build", |message| {
        let status = &message["params"];
        if message["method"] != "futurelens/status" {
            return None;
        }
        let is_building = status["state"] == "building";
        has_begun |= is_building;
        (has_begun && !is_building).then(|| status.clone())
    })
}

#[test]
fn a_target_directory_that_cannot_be_written_to() {
    let (project, file) = library(100);
    let target = project.beside("out");
    fs::write(&target, "a file").expect("it is writable");
    let mut editor = open(&project, json!({ "cargo": { "targetDir": target } }));
    let since = editor.now();
    editor.did_open(&file);
    editor.wait(since, "a message", |message| {
        let text =
            message["params"]["message"].as_str().filter(|_| message["method"] == "window/showMessage")?;
        (text.contains("/out`") && text.contains("targetDir")).then_some(())
    });
    assert_eq!(editor.hints(&file), []);
    fs::remove_file(&target).expect("it is there");
    editor.save_as(&file, &text_of(101));
    expect_size(&mut editor, &file, 101);
    leave(&mut editor);
    if !may_mount("a_target_directory_that_cannot_be_written_to") {
        return;
    }
    let disk = Disk::new(project.beside("disk"), "ro").expect("it could be done before");
    let target = disk.0.join("target");
    let arguments = ["--target-dir", target.to_str().expect("it is UTF-8")];
    let refused = run_report(project.root(), &arguments);
    assert_eq!((refused.code, &*refused.stdout), (Some(2), ""), "{refused:#?}");
    for words in ["Read-only", "disk/target", "--target-dir"] {
        assert!(refused.stderr.contains(words), "`{words}`: {}", refused.stderr);
    }
    disk.change("rw");
    assert_eq!(report(project.root(), &arguments).size_of("held"), 101);
    drop(disk);
}

/// Files that end too early, as a full disk or a machine that lost its power leaves them.
#[test]
fn files_of_the_store_that_are_cut_off() {
    let (project, file) = library(100);
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 100);
    let target = project.root().join("target/futurelens");
    let mut bytes = 101;
    for part in
        [".bin", ".lock", ".o", ".rmeta", ".d", ".json", ".futurelens", ".concrete", "incremental", "index"]
    {
        for eighths in [0, 5] {
            let is_it = |path: &PathBuf| {
                let path = path.to_string_lossy();
                path.ends_with(part) || !part.starts_with('.') && path.contains(part)
            };
            for cut in files(&target).into_iter().filter(is_it) {
                // Some are gone already: a build is being prepared.
                let Ok(opened) = fs::File::options().write(true).open(&cut) else { continue };
                let length = opened.metadata().expect("it is open").len();
                opened.set_len(length * eighths / 8).expect("it can be shorter");
            }
            editor.save_as(&file, &text_of(bytes));
            expect_no_other(&editor.hints(&file), bytes);
            let what = format!("{bytes} B with {part} cut off at {eighths}/8");
            editor.hints_when(&file, &what, |hints| {
                expect_no_other(hints, bytes);
                hints.iter().any(|hint| is_size(hint, bytes))
            });
            bytes += 1;
        }
    }
    leave(&mut editor);
    let kept = report::<&str>(project.root(), &[]);
    fs::remove_dir_all(&target).expect("it is there");
    assert_eq!(kept.facts(), report::<&str>(project.root(), &[]).facts());
}

// What goes during a build

/// Are these the names of what is meant?
type Names<'a> = &'a dyn Fn(&str) -> bool;

/// Removes what has such a name, in a folder or in one below it, while it may be written to.
fn remove(folder: &Path, is_it: Names) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if is_it(&name) {
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        } else if path.is_dir() {
            remove(&path, is_it);
        }
    }
}

#[test]
fn what_is_removed_during_a_build() {
    let (project, file) = library(100);
    project.write(
        "src/main.rs",
        "async fn of_the_binary() { faulty::held().await }\nfn main() { _ = of_the_binary(); }\n",
    );
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 100);
    let target = project.root().join("target");
    let parts: [(&str, Names); 8] = [
        ("everything", &|name| name == "futurelens"),
        ("scratch", &|name| name.starts_with("scratch-")),
        ("index", &|name| name == "index"),
        ("kept", &|name| name.ends_with(".futurelens") || name.ends_with(".concrete")),
        ("incremental", &|name| name.ends_with("incremental")),
        ("artifacts", &|name| name == "deps"),
        ("fingerprints", &|name| name == ".fingerprint"),
        ("metadata", &|name| name.ends_with(".rmeta") || name.ends_with(".d")),
    ];
    let long = std::env::var_os("FUTURELENS_LONG").is_some();
    let moments: &[u64] = if long { &[0, 50, 100, 150, 200, 300, 400, 600] } else { &[60, 250] };
    let mut bytes = 101;
    for (part, is_it) in parts {
        for moment in moments {
            let since = editor.now();
            editor.save_as(&file, &text_of(bytes));
            thread::sleep(Duration::from_millis(*moment));
            remove(&target, is_it);
            // Without another save.
            let deadline = Instant::now() + Duration::from_secs(100);
            loop {
                let hints = editor.hints(&file);
                expect_no_other(&hints, bytes);
                if hints.iter().any(|hint| is_size(hint, bytes)) {
                    break;
                }
                let said = (editor.shown(since), editor.notifications(since, "window/logMessage"));
                assert!(
                    Instant::now() < deadline,
                    "{part} after {moment} ms: {hints:?} {said:?}\n{}",
                    editor.stderr()
                );
                thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(editor.shown(since), Vec::<String>::new(), "{part} after {moment} ms");
            bytes += 1;
        }
    }
    // Nothing is missing either: the same as a report from nothing.
    editor.did_save(&file);
    leave(&mut editor);
    let kept = report::<&str>(project.root(), &[]);
    fs::remove_dir_all(&target).expect("it is there");
    assert_eq!(kept.facts(), report::<&str>(project.root(), &[]).facts());
}

#[test]
fn cargo_clean_between_and_during_builds() {
    let (project, file) = library(100);
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 100);
    let mut bytes = 101;
    for arguments in [&["clean"][..], &["clean", "-p", "faulty"], &["clean", "--release"]] {
        for moment in [None, Some(100)] {
            let mut clean = cargo(nightly());
            clean.args(arguments).current_dir(project.root()).stderr(Stdio::null());
            match moment {
                None => {
                    // Between builds: it prepares for the next save, too.
                    assert!(editor.is_quiet(Duration::from_secs(60)), "{:#?}", editor.children());
                    run(&mut clean).expect_success()
                }
                Some(moment) => {
                    editor.save_as(&file, &text_of(bytes));
                    thread::sleep(Duration::from_millis(moment));
                    // It fails if something is written where it has just removed something.
                    run(&mut clean)
                }
            };
            if moment.is_none() {
                editor.save_as(&file, &text_of(bytes));
            }
            expect_size(&mut editor, &file, bytes);
            bytes += 1;
        }
    }
    leave(&mut editor);
}

// What changes without a word

#[test]
fn files_change_while_the_compiler_reads_them_and_nobody_says_so() {
    let (project, file) = library(100);
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 100);
    let rounds = if std::env::var_os("FUTURELENS_LONG").is_some() { 100 } else { 14 };
    let mut bytes = 100;
    for round in 0..rounds {
        let (first, second) = (bytes + 1, bytes + 2);
        bytes = second;
        let since = editor.now();
        editor.save_as(&file, &text_of(first));
        // From before the compiler starts to after it has ended.
        thread::sleep(Duration::from_millis(15 * (round % 25)));
        fs::write(&file, text_of(second)).expect("it is writable");
        if round % 3 == 0 {
            // As if it had been there before.
            date(&file, SystemTime::now() - HOUR);
        }
        expect_no_other(&editor.hints(&file), first);
        editor.wait_for_work(since);
        expect_no_other(&editor.hints(&file), first);
        // The editor notices, and says nothing of a save.
        editor.did_change_all(&file, &text_of(second));
        expect_no_other(&editor.hints(&file), second);
        if round % 2 == 0 {
            editor.did_save(&file);
        } else {
            editor.request("workspace/executeCommand", json!({ "command": "futurelens.rebuild" }));
        }
        expect_size(&mut editor, &file, second);
    }
    leave(&mut editor);
}

/// Texts whose files say that they are older than the last build, or as old, or from tomorrow.
fn times(last: SystemTime) -> [SystemTime; 5] {
    let now = SystemTime::now();
    [now - HOUR, last, now + 24 * HOUR, SystemTime::UNIX_EPOCH + HOUR, now]
}

#[test]
fn a_save_is_measured_whatever_the_time_of_the_file() {
    let (project, file) = library(100);
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 100);
    for index in 0..5 {
        let (time, bytes) = (times(age(&file))[index], 101 + index);
        editor.did_change_all(&file, &text_of(bytes));
        fs::write(&file, text_of(bytes)).expect("it is writable");
        date(&file, time);
        editor.did_save(&file);
        expect_size(&mut editor, &file, bytes);
    }
    leave(&mut editor);
}

#[test]
fn a_command_and_a_new_session_measure_what_is_there_whatever_its_time() {
    // A constant from a file that is no source, and a second package that uses the first.
    let project = Project::empty();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"2\"\n");
    let package = |name: &str| manifest(name).replace("\n[workspace]\n", "");
    project.write("a/Cargo.toml", &package("a"));
    project.write("b/Cargo.toml", &format!("{}[dependencies]\na = {{ path = \"../a\" }}\n", package("b")));
    project
        .write("b/src/lib.rs", "pub async fn outer() {\n    a::held().await;\n    a::included().await\n}\n");
    let included = |bytes: usize| "x".repeat(bytes - 2);
    let source = |bytes: usize| {
        let other = future_of("included", 0).replace("[1u8; 0]", "[1u8; include_bytes!(\"n.txt\").len()]");
        format!("{}{other}", text_of(bytes))
    };
    project.write("a/src/lib.rs", &source(100)).write("a/src/n.txt", &included(100));
    let (file, text) = (project.root().join("a/src/lib.rs"), project.root().join("a/src/n.txt"));
    let sizes = |label: &str| {
        let report = report::<&str>(project.root(), &[]);
        (report.size_of("held"), report.size_of("included"), report.size_of("outer"), label.to_owned())
    };
    let (held, included_size, first, _) = sizes("at first");
    assert_eq!((held, included_size), (100, 100));
    for (index, label) in ["old", "the same", "tomorrow", "1970", "now"].into_iter().enumerate() {
        let bytes = 150 + 10 * index;
        let time = times(age(&file))[index];
        fs::write(&file, source(bytes)).expect("it is writable");
        date(&file, time);
        let outer = first + bytes as u64 - 100;
        assert_eq!(sizes(label), (bytes as u64, 100, outer, label.to_owned()));
    }
    for (index, label) in ["old", "the same", "tomorrow", "1970", "now"].into_iter().enumerate() {
        let bytes = 250 + 10 * index;
        let time = times(age(&text))[index];
        fs::write(&text, included(bytes)).expect("it is writable");
        date(&text, time);
        let (_, found, ..) = sizes(label);
        assert_eq!(found, bytes as u64, "{label}");
    }
    // A session that begins with what was kept.
    fs::write(&file, source(300)).expect("it is writable");
    date(&file, SystemTime::now() - HOUR);
    for every in files(&project.root().join("target/futurelens")) {
        // And the clock was wrong when it was written.
        date(&every, SystemTime::now() + 24 * HOUR);
    }
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 300);
    editor.save_as(&file, &source(310));
    expect_size(&mut editor, &file, 310);
    leave(&mut editor);
    assert_eq!(sizes("after it").0, 310);
}

/// A clock apart from that of the file system, for the server and all that it starts but the compiler, whose
/// allocator does not come to terms with it. It can be put forward and back while they run.
struct Clock {
    file: PathBuf,
    env: Vec<(String, String)>,
}

impl Clock {
    /// Right, at first. None where such clocks cannot be had.
    fn new(project: &Project) -> Option<Clock> {
        // Where Debian puts it, on any processor.
        let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut libraries = libraries.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
        let library = libraries.find(|library| library.exists())?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let compiler = folders.iter().map(|folder| folder.join("rustc")).find(|rustc| rustc.is_file());
        let script =
            format!("#!/bin/sh\nunset LD_PRELOAD\nexec {:?} \"$@\"\n", compiler.expect("there is one"));
        project.compile_with("rustc", &project.script("../bin/rustc", &script));
        folders.insert(0, project.beside("bin"));
        let path = std::env::join_paths(folders).expect("they were joined");
        let file = project.beside("clock");
        let env = [
            ("PATH", path),
            ("LD_PRELOAD", library.into()),
            ("FAKETIME_TIMESTAMP_FILE", file.clone().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            // Only what time it is jumps: not the times of files, nor what is waited for.
            ("NO_FAKE_STAT", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_string_lossy().into_owned()));
        let clock = Clock { file, env: env.into() };
        clock.jump("+0");
        Some(clock)
    }

    /// Ahead by so much (`+3d`), or behind.
    fn jump(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, offset).expect("it is ours");
        fs::rename(new, &self.file).expect("it is ours");
    }

    /// Seconds since 1970.
    fn now(&self) -> u64 {
        let date = run(Command::new("date").arg("+%s").envs(self.env.iter().cloned())).expect_success();
        date.stdout.trim().parse().expect("a number")
    }
}

#[test]
fn the_clock_jumps() {
    let (project, file) = library(100);
    let Some(clock) = Clock::new(&project) else {
        skip("the_clock_jumps needs faketime");
        return;
    };
    let right = clock.now();
    clock.jump("+3d");
    assert!(clock.now() >= right + 3 * 24 * 3600, "nothing jumps");
    let mut bytes = 100;
    for start in ["+0", "-30d", "+400d"] {
        clock.jump(start);
        let _ = fs::remove_dir_all(project.root().join("target"));
        let mut editor = Editor::open(project.root(), Setup { env: clock.env.clone(), ..Setup::default() });
        editor.did_open(&file);
        expect_size(&mut editor, &file, bytes);
        for offset in ["+3d", "-30d", "-1h", "+0", "+1h"] {
            bytes += 1;
            clock.jump(offset);
            editor.save_as(&file, &text_of(bytes));
            expect_size(&mut editor, &file, bytes);
            // And while a build is at work.
            bytes += 1;
            editor.save_as(&file, &text_of(bytes));
            thread::sleep(Duration::from_millis(100));
            clock.jump("-5d");
            expect_size(&mut editor, &file, bytes);
        }
        leave(&mut editor);
        let report = run(futurelens()
            .args(["report", "--format", "json"])
            .current_dir(project.root())
            .envs(clock.env.iter().cloned()));
        assert_eq!(parse(&report.expect_success().stdout).size_of("held"), bytes as u64);
    }
}

/// The futures of a package that was saved are measured ahead of cargo: but not with a package under it that has changed
/// without a word.
#[test]
fn what_a_saved_package_is_made_of_changes_without_a_word() {
    let project = Project::empty();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"2\"\n");
    let package = |name: &str| manifest(name).replace("\n[workspace]\n", "");
    project.write("a/Cargo.toml", &package("a")).write("a/src/lib.rs", &text_of(100));
    project.write("b/Cargo.toml", &format!("{}[dependencies]\na = {{ path = \"../a\" }}\n", package("b")));
    let outer = |bytes: usize| {
        format!(
            "pub async fn outer() {{\n    let kept = std::hint::black_box([1u8; {bytes}]);\n    \
             a::held().await;\n    std::hint::black_box(&kept);\n}}\n"
        )
    };
    project.write("b/src/lib.rs", &outer(50));
    let file = project.root().join("b/src/lib.rs");
    let mut editor = open(&project, json!({}));
    editor.did_open(&file);
    // The future of `a`, what is kept beside it, and in which state it is.
    let size = |inner: usize, bytes: usize| inner + bytes + 1;
    expect_size(&mut editor, &file, size(100, 50));
    for round in 0..6 {
        let (inner, bytes) = (110 + 10 * round, 60 + round);
        project.write("a/src/lib.rs", &text_of(inner));
        editor.save_as(&file, &outer(bytes));
        let right = size(inner, bytes);
        let deadline = Instant::now() + Duration::from_secs(100);
        loop {
            let (_, hints) = editor.shown_hints(&file);
            expect_no_other(&hints, right);
            if hints.iter().any(|hint| is_size(hint, right)) {
                break;
            }
            assert!(Instant::now() < deadline, "{right} B: {hints:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
    leave(&mut editor);
}

/// A checkout: many files with other texts, all older than the last build.
#[test]
fn many_files_change_to_older_ones() {
    let project = Project::empty();
    let names: Vec<String> = (0..12).map(|number| format!("m{number}")).collect();
    let modules: String = names.iter().map(|name| format!("pub mod {name};\n")).collect();
    project.write("Cargo.toml", &manifest("faulty")).write("src/lib.rs", &format!("{modules}{PENDING_ONCE}"));
    let checkout = |bytes: usize, at: SystemTime| {
        for (index, name) in names.iter().enumerate() {
            let path = format!("src/{name}.rs");
            project.write(&path, &format!("{}use crate::PendingOnce;\n", future_of("held", bytes + index)));
            date(&project.root().join(path), at);
        }
    };
    checkout(100, SystemTime::now());
    let mut editor = open(&project, json!({}));
    let opened: Vec<PathBuf> = [0, 5, 11].map(|at| project.root().join(format!("src/m{at}.rs"))).into();
    opened.iter().for_each(|file| editor.did_open(file));
    let sizes = |editor: &mut Editor, bytes: usize| {
        for (file, index) in opened.iter().zip([0, 5, 11]) {
            expect_size(editor, file, bytes + index + 2);
        }
    };
    sizes(&mut editor, 100);
    for (bytes, hours) in [(200, 1), (100, 2), (300, 50)] {
        checkout(bytes, SystemTime::now() - hours * HOUR);
        for file in &opened {
            editor.did_change_all(file, &fs::read_to_string(file).expect("it is readable"));
        }
        // One is saved; the others changed without a word.
        editor.did_save(&opened[1]);
        sizes(&mut editor, bytes);
    }
    leave(&mut editor);
    let all = report::<&str>(project.root(), &[]);
    let mut found: Vec<u64> = all.futures.iter().map(|future| future.size).collect();
    found.sort_unstable();
    assert_eq!(found, (302..314).collect::<Vec<u64>>());
}
