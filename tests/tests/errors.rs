//! What cannot be measured is said: exit code 2, nothing on stdout, and on stderr a message from
//! which one knows what to do.

use futurelens_tests::binary::{Run, fixture, futurelens, run};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of};
use futurelens_tests::report::{report, run_report};
use std::fs;
use std::path::Path;

/// A run that could not measure.
#[track_caller]
fn expect_refusal(run: &Run, words: &[&str]) {
    assert_eq!(run.code, Some(2), "{run:#?}");
    assert_eq!(run.stdout, "", "nothing on stdout: {run:#?}");
    let said = run.stderr.to_lowercase();
    for word in words {
        assert!(said.contains(&word.to_lowercase()), "`{word}` in the message:\n{}", run.stderr);
    }
    assert!(!said.contains("panicked at"), "{}", run.stderr);
}

fn good_project() -> Project {
    Project::lib("good", &format!("{PENDING_ONCE}{}", future_of("small", 10)))
}

#[test]
fn the_project_they_share_can_be_measured() {
    let report = report::<&str>(good_project().root(), &[]);
    assert_eq!(report.size_of("small"), 12);
}

#[test]
fn a_toolchain_that_is_not_installed() {
    let refused = run_report(good_project().root(), &["--toolchain", "no-such-toolchain"]);
    expect_refusal(&refused, &["no-such-toolchain", "rustup toolchain"]);
}

#[test]
fn a_path_that_is_no_cargo_project() {
    let empty = Project::empty();
    let refused = run_report::<&str>(empty.root(), &[]);
    expect_refusal(&refused, &["Cargo.toml", &empty.root().to_string_lossy()]);
}

#[test]
fn a_path_that_does_not_exist() {
    let empty = Project::empty();
    let path = empty.beside("nothing-here");
    let refused = run_report::<&str>(&path, &[]);
    expect_refusal(&refused, &["nothing-here"]);
}

#[test]
fn a_broken_manifest() {
    let project = good_project();
    project.write("Cargo.toml", "[package\nname = 5\n");
    let refused = run_report::<&str>(project.root(), &[]);
    expect_refusal(&refused, &["Cargo.toml", "expected"]);
}

#[test]
fn a_package_that_is_not_there() {
    let refused = run_report(good_project().root(), &["--package", "no-such-package"]);
    expect_refusal(&refused, &["no-such-package"]);
}

#[test]
fn code_that_does_not_compile() {
    let project = good_project();
    project.write("src/lib.rs", "pub async fn f() -> u32 {\n    \"text\"\n}\n");
    let refused = run_report::<&str>(project.root(), &[]);
    // As the compiler renders it: code, message, place, the line itself.
    expect_refusal(&refused, &["error[E0308]", "mismatched types", "src/lib.rs:2:5", "\"text\""]);
}

#[test]
fn a_target_directory_below_a_file() {
    let project = good_project();
    let file = project.beside("a-file");
    fs::write(&file, "").expect("the directory is writable");
    let refused = report_into(&project, &file.join("target"));
    expect_refusal(&refused, &["a-file", "--target-dir"]);
}

#[cfg(unix)]
#[test]
fn a_target_directory_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt;

    let project = good_project();
    let dir = project.beside("read-only");
    fs::create_dir(&dir).expect("the directory is writable");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).expect("it is ours");
    let target_dir = dir.join("target");
    let refused = report_into(&project, &target_dir);
    if fs::create_dir_all(&target_dir).is_ok() {
        // To root, nothing is read-only: then it has to work instead.
        refused.expect_success();
    } else {
        expect_refusal(&refused, &["read-only", "--target-dir"]);
    }
}

fn report_into(project: &Project, target_dir: &Path) -> Run {
    run_report(project.root(), &["--target-dir", &target_dir.to_string_lossy()])
}

#[test]
fn hints_of_a_file_that_cannot_be_read() {
    let project = good_project();
    let file = project.root().join("src/missing.rs");
    let refused = run(futurelens().arg("hints").arg(file));
    expect_refusal(&refused, &["missing.rs"]);
}

#[test]
fn hints_of_a_directory() {
    let project = good_project();
    let refused = run(futurelens().arg("hints").arg(project.root().join("src")));
    expect_refusal(&refused, &["src"]);
}

#[test]
fn hints_of_a_file_of_no_project() {
    let project = Project::empty();
    project.write("alone.rs", "async fn f() {}\n");
    let refused = run(futurelens().arg("hints").arg(project.root().join("alone.rs")));
    expect_refusal(&refused, &["Cargo.toml"]);
}

/// Not a refusal, but what it should look like when nothing is wrong.
#[test]
fn hints_show_the_text_with_the_sizes_in_it() {
    let article = Project::copy_of(&fixture("article"));
    let file = article.root().join("src/buffers.rs");
    let shown = run(futurelens().arg("hints").arg(&file)).expect_success();
    let lines: Vec<&str> = shown.stdout.lines().filter(|line| line.contains("async fn")).collect();
    let wanted = [
        ("buffers_sequential", "260 B · 5 cache lines"),
        ("buffers_overlapping", "515 B · 9 cache lines"),
        ("self_referential", "17 cache lines"),
    ];
    assert_eq!(lines.len(), wanted.len(), "{}", shown.stdout);
    for (line, (name, hint)) in lines.iter().zip(wanted) {
        assert!(line.contains(name) && line.contains(hint), "{line}");
    }
    let lines = |text: &str| text.lines().count();
    assert_eq!(
        lines(&shown.stdout),
        lines(&article.read("src/buffers.rs")),
        "hints are in the lines, not between them"
    );
}

#[test]
fn futures_without_a_size_are_not_said_to_be_missing() {
    let project = Project::lib(
        "unused",
        "pub struct Pool<T>(T);\nimpl<T> Pool<T> {\n    pub async fn get(&self) {}\n    pub async fn put(&self, value: T) { drop(value) }\n}\n",
    );
    let run = run(futurelens().arg("report").arg(project.root())).expect_success();
    assert!(
        run.stderr.contains("all are generic (2), and nothing that was measured uses them"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("`--all-targets`"), "{}", run.stderr);
}
