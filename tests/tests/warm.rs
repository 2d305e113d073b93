//! What was measured is there when the editor starts again: before anything is built, and only beside the code it
//! was measured on.

use futurelens_tests::binary::{futurelens, kill, run};
use futurelens_tests::editor::{Editor, Hint, Moment, Setup};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// `first` of 260 bytes in lines 0 to 4, `second` of 100 bytes in lines 5 to 9.
fn two_futures() -> String {
    format!("{}{}{PENDING_ONCE}", future_of("first", 258), future_of("second", 98))
}

/// A project that was measured once, and its file.
fn measured() -> (Project, PathBuf) {
    let project = Project::lib("warm_crate", &two_futures());
    // It compiles for as long as a test wants it to.
    project.write("gate", "open").write(
        "build.rs",
        "fn main() {\n    println!(\"cargo:rerun-if-changed=gate\");\n    \
         println!(\"cargo:rerun-if-changed=src\");\n    \
         while std::fs::read_to_string(\"gate\").unwrap() != \"open\" {\n        \
         std::thread::sleep(std::time::Duration::from_millis(20));\n    }\n}\n",
    );
    run(futurelens().arg("report").arg(project.root())).expect_success();
    let file = project.root().join("src/lib.rs");
    (project, file)
}

/// Nothing is built.
fn idle() -> Value {
    json!({ "build": { "onOpen": false, "onSave": false } })
}

/// An editor in which no build can be the source of a number. It is told nothing later, so what it gets is all
/// there is.
fn open_idle(project: &Project, options: Value, env: Vec<(String, String)>) -> Editor {
    Editor::open(project.root(), Setup { options, env, no_refresh: true, ..Setup::default() })
}

fn shows(hints: &[Hint], line: usize, bytes: &str, stale: bool) -> bool {
    let mut found = hints.iter().filter(|hint| hint.line == line);
    found.next().is_some_and(|hint| hint.label.contains(bytes) && hint.is_stale() == stale)
}

/// Every file of size builds, and when it was written.
fn written(project: &Project) -> Vec<(PathBuf, Option<SystemTime>)> {
    let time = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    files(&project.root().join("target")).into_iter().map(|path| (path.clone(), time(&path))).collect()
}

fn kept(project: &Project, is_it: impl Fn(&PathBuf) -> bool) -> PathBuf {
    let mut found = files(&project.root().join("target/futurelens")).into_iter().filter(is_it);
    let file = found.next().expect("it was kept");
    assert_eq!(found.next(), None);
    file
}

fn unit(project: &Project) -> PathBuf {
    kept(project, |file| file.extension().is_some_and(|extension| extension == "futurelens"))
}

fn index(project: &Project) -> PathBuf {
    kept(project, |file| file.parent().is_some_and(|folder| folder.ends_with("index")))
}

#[test]
fn nothing_is_built_or_written_for_it() {
    let (project, file) = measured();
    let before = written(&project);
    let mut editor = open_idle(&project, idle(), Vec::new());
    editor.did_open(&file);
    let hints = editor.hints(&file);
    assert!(shows(&hints, 0, "260 B", false) && shows(&hints, 5, "100 B", false), "{hints:?}");
    assert!(editor.hover(&file, (0, 15)).is_some());
    assert_eq!(editor.children(), Vec::new());
    editor.exit();
    assert_eq!(written(&project), before);
}

#[test]
fn the_first_build_comes_after_it_and_reads_nothing_twice() {
    let (project, file) = measured();
    project.write("gate", "closed");
    let env = vec![("FUTURELENS_LOG".to_owned(), "debug".to_owned())];
    let begin = Instant::now();
    let mut editor = open_idle(&project, json!({}), env);
    editor.did_open(&file);
    let hints = editor.hints(&file);
    assert!(shows(&hints, 0, "260 B", false), "{hints:?}");
    // Hints that wait for a build wait so long.
    assert!(begin.elapsed() < Duration::from_secs(14), "{:?}", begin.elapsed());
    project.write("gate", "open");
    editor.wait_for_work(Moment::start());
    editor.exit();
    // The build script ran again, and so did the compiler; the second time nothing does.
    let env = vec![("FUTURELENS_LOG".to_owned(), "debug".to_owned())];
    let mut editor = Editor::open(project.root(), Setup { env, ..Setup::default() });
    editor.did_open(&file);
    editor.wait_for_work(Moment::start());
    assert!(shows(&editor.hints(&file), 0, "260 B", false));
    editor.exit();
    assert!(editor.stderr().contains("0 of 1 units are new"), "{}", editor.stderr());
}

#[test]
fn text_that_changed_meanwhile_moves_its_numbers_or_marks_them() {
    let (project, file) = measured();
    project.write("src/lib.rs", &format!("// New.\n{}", two_futures().replace("98]", "400]")));
    let mut editor = open_idle(&project, idle(), Vec::new());
    editor.did_open(&file);
    let hints = editor.hints(&file);
    assert!(shows(&hints, 1, "260 B", false), "moved: {hints:?}");
    assert!(shows(&hints, 6, "100 B", true), "changed: {hints:?}");
    editor.exit();
    // An editor that cannot be told gets the new number, not the old one.
    let mut editor = open_idle(&project, json!({}), Vec::new());
    editor.did_open(&file);
    let hints = editor.hints(&file);
    assert!(shows(&hints, 6, "402 B", false), "measured: {hints:?}");
    editor.exit();
}

#[test]
fn last_good_numbers_of_what_does_not_compile_are_marked() {
    let (project, file) = measured();
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "sizes", |hints| shows(hints, 0, "260 B", false));
    editor.save_as(&file, &two_futures().replace("[1u8; 98]", "[1u8; missing]"));
    editor.hints_when(&file, "marks", |hints| shows(hints, 0, "260 B", true));
    editor.exit();
    let mut editor = open_idle(&project, idle(), Vec::new());
    editor.did_open(&file);
    let hints = editor.hints(&file);
    assert!(shows(&hints, 0, "260 B", true) && shows(&hints, 5, "100 B", true), "{hints:?}");
    editor.exit();
}

#[test]
fn a_damaged_unit_is_measured_again() {
    let (project, file) = measured();
    let path = unit(&project);
    let modified = fs::metadata(&path).and_then(|meta| meta.modified()).expect("it has a time");
    let mut bytes = fs::read(&path).expect("it is readable");
    // In the sizes: what the server does not read it does not check.
    let sizes = bytes.windows(15).position(|window| window == b"print-type-size").expect("they are there");
    bytes[sizes + 40] ^= 1;
    fs::write(&path, bytes).expect("it is writable");
    let written = fs::File::options().append(true).open(&path).expect("it is writable");
    written.set_modified(modified).expect("its time can be set");
    damaged(&project, &file);
}

#[test]
fn a_unit_that_is_gone_is_measured_again() {
    let (project, file) = measured();
    fs::remove_file(unit(&project)).expect("it is there");
    damaged(&project, &file);
}

#[test]
fn a_damaged_index_is_written_again() {
    let (project, file) = measured();
    let path = index(&project);
    let text = fs::read_to_string(&path).expect("it is readable");
    fs::write(&path, text.replace("warm_crate", "cold_crate")).expect("it is writable");
    damaged(&project, &file);
    fs::write(&path, &text[..text.len() / 2]).expect("it is writable");
    damaged(&project, &file);
}

/// There are no numbers, no message, and numbers after the next build.
#[track_caller]
fn damaged(project: &Project, file: &Path) {
    for (options, measures) in [(idle(), false), (json!({}), true), (idle(), true)] {
        let mut editor = open_idle(project, options, Vec::new());
        let opened = editor.now();
        editor.did_open(file);
        let hints = editor.hints(file);
        assert_eq!(shows(&hints, 0, "260 B", false), measures, "{hints:?}");
        assert_eq!(editor.shown(opened), Vec::<String>::new());
        editor.exit();
    }
}

#[test]
fn a_report_of_what_was_kept_is_that_of_what_is_there() {
    let (project, file) = measured();
    let here = || run(futurelens().args(["report", "--format", "json"]).arg(project.root())).expect_success();
    let fresh = || {
        let target = project.beside("fresh");
        let _ = fs::remove_dir_all(&target);
        let mut command = futurelens();
        command.args(["report", "--format", "json", "--target-dir"]).arg(&target).arg(project.root());
        run(&mut command).expect_success().stdout
    };
    assert_eq!(here().stdout, fresh(), "all of it was kept");
    fs::write(&file, two_futures().replacen("first", "changed", 1)).expect("it is writable");
    let changed = here().stdout;
    assert!(changed.contains("changed") && !changed.contains("first"), "{changed}");
    assert_eq!(changed, fresh(), "what was kept is of another text");
    // Damaged, with the index as it was: it is measured again.
    let unit = unit(&project);
    let mut bytes = fs::read(&unit).expect("it is there");
    let middle = bytes.len() - 100;
    bytes[middle] ^= 1;
    let time = fs::metadata(&unit).and_then(|meta| meta.modified()).expect("it has a time");
    fs::write(&unit, bytes).expect("it is writable");
    let opened = fs::File::options().append(true).open(&unit).expect("it is writable");
    opened.set_modified(time).expect("its time can be set");
    assert_eq!(here().stdout, changed);
}

#[test]
fn another_profile_or_compiler_has_numbers_of_its_own() {
    let (project, file) = measured();
    let with = |key: &str, value: Value| {
        let mut options = idle();
        options[key] = value;
        options
    };
    for (options, env) in [
        (with("profile", "dev".into()), Vec::new()),
        (with("toolchain", "stable".into()), Vec::new()),
        (with("cargo", json!({ "allTargets": true })), Vec::new()),
        (idle(), vec![("PATH".to_owned(), updated_compiler(&project))]),
    ] {
        let mut editor = open_idle(&project, options.clone(), env);
        editor.did_open(&file);
        assert_eq!(editor.hints(&file), [], "{options}");
        editor.exit();
    }
    // They do not push each other out.
    let dev = ["--profile", "dev"];
    run(futurelens().arg("report").arg(project.root()).args(dev)).expect_success();
    for options in [with("profile", "dev".into()), idle()] {
        let mut editor = open_idle(&project, options, Vec::new());
        editor.did_open(&file);
        assert!(shows(&editor.hints(&file), 0, "260 B", false));
        editor.exit();
    }
}

/// A `PATH` with a `rustc` that says it is another one, as after an update of the toolchain.
fn updated_compiler(project: &Project) -> String {
    let path = std::env::var("PATH").expect("there is one");
    let script =
        format!("#!/bin/sh\nPATH='{path}' rustc \"$@\" | sed 's/(.* ....-..-..)/(1234567 1999-12-31)/'\n");
    project.script("../updated/rustc", &script);
    format!("{}:{path}", project.beside("updated").display())
}

#[test]
fn a_killed_server_leaves_numbers_that_can_be_read() {
    let (project, file) = measured();
    for (round, pause) in [0, 30, 150, 400].into_iter().enumerate() {
        let mut editor = Editor::open(project.root(), Setup::default());
        editor.did_open(&file);
        editor.hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.line == 0));
        editor.save_as(&file, &two_futures().replace("258", &(300 + round).to_string()));
        thread::sleep(Duration::from_millis(pause));
        kill(editor.pid());
        editor.wait_for_end();
        // cargo may still be at it.
        editor.expect_no_children();

        let mut editor = open_idle(&project, idle(), Vec::new());
        let opened = editor.now();
        editor.did_open(&file);
        for hint in editor.hints(&file).iter().filter(|hint| hint.line == 0 && !hint.is_stale()) {
            assert!(hint.label.starts_with(&format!("{} B", 302 + round)), "{hint:?}");
        }
        assert_eq!(editor.shown(opened), Vec::<String>::new());
        editor.exit();
    }
    let mut editor = open_idle(&project, json!({}), Vec::new());
    editor.did_open(&file);
    assert!(shows(&editor.hints(&file), 0, "305 B", false));
    editor.exit();
}
