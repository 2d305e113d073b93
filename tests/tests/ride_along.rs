//! `futurelens cargo` is cargo: what it says, how it ends and what it leaves in its target directory. The sizes of
//! what it checks are recorded beside that, and a running server shows them.

use futurelens_tests::binary::{Run, clean_command, futurelens, run};
use futurelens_tests::editor::{Editor, Hint, Moment, Setup};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of, manifest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// As rust-analyzer is told to in docs/editors.md.
const CHECK: [&str; 4] = ["check", "--workspace", "--message-format=json", "--all-targets"];

/// `first` of 260 bytes in lines 0 to 4, `second` of 100 bytes in lines 5 to 9, one that awaits both, and a use of
/// them in another crate of the workspace.
fn text() -> String {
    format!(
        "{}{}pub async fn outer() {{\n    first().await;\n    async {{ second().await }}.await;\n}}\n{PENDING_ONCE}",
        future_of("first", 258),
        future_of("second", 98)
    )
}

fn project() -> (Project, PathBuf) {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        &format!("{}members = [\"user\"]\n\n[dependencies]\nitoa = \"1\"\n", manifest("ridden")),
    );
    project.write(
        "user/Cargo.toml",
        "[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\nridden.path = \"..\"\n",
    );
    project.write(
        "user/src/main.rs",
        "pub async fn using() {\n    ridden::outer().await;\n}\n\nfn main() {\n    let _ = using();\n}\n",
    );
    project.write("src/lib.rs", &text());
    plain(&project, &["generate-lockfile"]).expect_success();
    let file = project.root().join("src/lib.rs");
    (project, file)
}

fn plain(project: &Project, args: &[&str]) -> Run {
    run(clean_command("cargo").args(args).current_dir(project.root()))
}

fn ridden(project: &Project, args: &[&str]) -> Run {
    run(futurelens().arg("cargo").args(args).current_dir(project.root()))
}

/// Without what differs between two runs of cargo itself: times, and which of two crates it is done with first.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> =
        text.lines().filter(|line| !line.contains("Finished") && !line.contains("Blocking")).collect();
    lines.sort_unstable();
    lines
}

/// Both from nothing, one after the other: same words, same end.
#[track_caller]
fn same_as_plain(project: &Project, args: &[&str]) -> Run {
    let (one, two) = (project.beside("one"), project.beside("two"));
    let with = |folder: &Path, run: fn(&Project, &[&str]) -> Run| {
        let _ = std::fs::remove_dir_all(folder);
        let folder = folder.display().to_string();
        run(project, &[args, &["-j1", "--target-dir", &folder]].concat())
    };
    let (plain, ridden) = (with(&one, plain), with(&two, ridden));
    let moved = |text: &str| text.replace(&*two.to_string_lossy(), &one.to_string_lossy());
    assert_eq!(lines(&moved(&ridden.stdout)), lines(&plain.stdout));
    assert_eq!(lines(&moved(&ridden.stderr)), lines(&plain.stderr));
    assert_eq!(ridden.code, plain.code);
    plain
}

#[test]
fn it_says_what_cargo_says() {
    let (project, file) = project();
    let run = same_as_plain(&project, &CHECK);
    assert_eq!(run.code, Some(0));

    // Messages with types in them: our flags would write those in another way.
    let warning =
        format!("{}#[must_use]\npub async fn lost() {{\n    first();\n    let x: u8;\n}}\n", text());
    std::fs::write(&file, &warning).expect("it is writable");
    let run = same_as_plain(&project, &CHECK);
    assert!(run.code == Some(0) && run.stdout.contains("unused"), "{}", run.stdout);
    same_as_plain(&project, &["clippy", "--message-format=json"]);
    same_as_plain(&project, &["check", "--workspace"]);
    same_as_plain(&project, &["check", "--color=always"]);

    std::fs::write(&file, format!("{warning}fn wrong() -> u8 {{\n    async {{ first().await }}\n}}\n"))
        .expect("it is writable");
    let run = same_as_plain(&project, &CHECK);
    assert!(run.code == Some(101) && run.stdout.contains("E0308"), "{}", run.stdout);
    same_as_plain(&project, &["check", "--no-such-flag"]);
}

#[test]
fn other_commands_pass() {
    let (project, _) = project();
    for args in [&["--version"][..], &["--list"], &["no-such-command"], &["metadata", "--format-version=1"]] {
        let (plain, ridden) = (plain(&project, args), ridden(&project, args));
        assert_eq!((ridden.stdout, ridden.code), (plain.stdout, plain.code), "{args:?}");
        assert_eq!(lines(&ridden.stderr), lines(&plain.stderr), "{args:?}");
    }
    assert!(!project.root().join("target").exists());
    let help = ridden(&project, &["--help"]).expect_success();
    assert!(help.stdout.contains("overrideCommand"), "{}", help.stdout);
    let nothing = ridden(&project, &[]);
    assert!(nothing.code == Some(2) && nothing.stdout.is_empty(), "{nothing:?}");
    assert!(nothing.stderr.contains("Usage: futurelens cargo"), "{nothing:?}");
}

/// What there is in a target directory, besides what has other names each time.
fn left(target: &Path) -> BTreeSet<PathBuf> {
    let all = files(target).into_iter().filter_map(|file| Some(file.strip_prefix(target).ok()?.to_owned()));
    let random = |file: &PathBuf| {
        file.components().any(|part| part.as_os_str() == "incremental") || file.ends_with(".rustc_info.json")
    };
    all.filter(|file| !random(file) && !file.starts_with("futurelens")).collect()
}

#[test]
fn the_target_directory_stays_the_user_s() {
    let (project, file) = project();
    let is_fresh = |run: Run| {
        let stderr = run.expect_success().stderr;
        assert!(!stderr.contains("Checking") && !stderr.contains("Compiling"), "{stderr}");
    };
    ridden(&project, &CHECK).expect_success();
    is_fresh(plain(&project, &CHECK));
    is_fresh(ridden(&project, &CHECK));
    std::fs::write(&file, text() + "// New.\n").expect("it is writable");
    plain(&project, &CHECK).expect_success();
    is_fresh(ridden(&project, &CHECK));
    is_fresh(plain(&project, &CHECK));

    let target = project.root().join("target");
    let ridden_left = left(&target);
    let other = project.beside("plain").display().to_string();
    let mut args = CHECK.to_vec();
    args.extend(["--target-dir", &other]);
    plain(&project, &args).expect_success();
    assert_eq!(ridden_left, left(Path::new(&other)));
}

/// Nothing is measured but by others.
fn recipe(profile: &str) -> Value {
    json!({ "profile": profile, "build": { "onOpen": false, "onSave": false } })
}

fn with(options: Value) -> Setup {
    Setup { options, ..Setup::default() }
}

fn shows(hints: &[Hint], line: usize, bytes: &str, stale: bool) -> bool {
    let mut found = hints.iter().filter(|hint| hint.line == line);
    found.next().is_some_and(|hint| hint.label.contains(bytes) && hint.is_stale() == stale)
}

#[test]
fn a_running_server_shows_what_rides_along() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), with(recipe("dev")));
    editor.did_open(&file);
    assert_eq!(editor.hints(&file), []);
    ridden(&project, &CHECK).expect_success();
    editor.hints_when(&file, "sizes", |hints| {
        shows(hints, 0, "260 B", false) && shows(hints, 5, "100 B", false)
    });
    editor.save_as(&file, &text().replace("258", "500"));
    assert!(shows(&editor.hints(&file), 0, "260 B", true));
    ridden(&project, &CHECK).expect_success();
    editor.hints_when(&file, "the new size", |hints| shows(hints, 0, "502 B", false));
    // One package alone: the others keep theirs.
    ridden(&project, &["check", "-p", "user", "--message-format=json"]).expect_success();
    assert!(shows(&editor.hints(&file), 0, "502 B", false));

    editor.save_as(&file, &text().replace("[1u8; 258]", "missing"));
    assert_eq!(ridden(&project, &CHECK).code, Some(101));
    editor.hints_when(&file, "marks", |hints| shows(hints, 0, "502 B", true));
    editor.save_as(&file, &text());
    ridden(&project, &CHECK).expect_success();
    editor.hints_when(&file, "sizes", |hints| shows(hints, 0, "260 B", false));
    assert_eq!(editor.children(), []);
    editor.exit();

    // They are there when the project is opened again.
    let mut editor = Editor::open(project.root(), with(recipe("dev")));
    editor.did_open(&file);
    editor.hints_when(&file, "sizes", |hints| shows(hints, 0, "260 B", false));
    assert!(!project.root().join("target/futurelens/debug").exists(), "nothing was built");
    editor.exit();
}

#[test]
fn what_was_checked_by_others_is_marked() {
    let (project, file) = project();
    ridden(&project, &CHECK).expect_success();
    std::fs::write(&file, text() + "// New.\n").expect("it is writable");
    plain(&project, &CHECK).expect_success();
    ridden(&project, &CHECK).expect_success();
    let mut editor = Editor::open(project.root(), with(recipe("dev")));
    editor.did_open(&file);
    editor.hints_when(&file, "marks", |hints| shows(hints, 0, "260 B", true));
    std::fs::write(&file, text() + "// Newer.\n").expect("it is writable");
    ridden(&project, &CHECK).expect_success();
    editor.hints_when(&file, "sizes", |hints| shows(hints, 0, "260 B", false));
    // A command line that cargo refuses says nothing about the code.
    let mut refused = CHECK.to_vec();
    refused.push("--no-such-flag");
    assert_eq!(ridden(&project, &refused).code, Some(1));
    thread::sleep(Duration::from_secs(1));
    assert!(shows(&editor.hints(&file), 0, "260 B", false));
    editor.exit();
}

#[test]
fn the_numbers_are_those_of_a_size_build() {
    let (project, file) = project();
    let using = project.root().join("user/src/main.rs");
    ridden(&project, &CHECK).expect_success();
    let labels = |options: Value, builds: bool| -> Vec<(usize, String)> {
        let mut editor = Editor::open(project.root(), with(options));
        if builds {
            editor.wait_for_work(Moment::start());
        }
        let mut labels = Vec::new();
        for file in [&file, &using] {
            editor.did_open(file);
            let hints = editor.hints_when(file, "sizes", |hints| !hints.is_empty());
            labels.extend(hints.into_iter().map(|hint| (hint.line, hint.label)));
        }
        editor.exit();
        labels
    };
    let recorded = labels(recipe("dev"), false);
    assert!(recorded.len() >= 5, "{recorded:?}");
    assert_eq!(recorded, labels(json!({ "profile": "dev", "toolchain": "stable" }), true));
}

#[test]
fn numbers_of_another_profile_are_not_shown() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), with(recipe("release")));
    editor.did_open(&file);
    ridden(&project, &CHECK).expect_success();
    thread::sleep(Duration::from_secs(1));
    assert_eq!(editor.hints(&file), []);
    let mut release = CHECK.to_vec();
    release.push("--release");
    ridden(&project, &release).expect_success();
    editor.hints_when(&file, "sizes", |hints| shows(hints, 0, "260 B", false));
    editor.exit();
}
