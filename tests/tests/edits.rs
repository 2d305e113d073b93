//! What a save measures is what a clean build measures, whatever was edited, broken or killed before.
//!
//! Small runs of the check that `--example edits-check` makes as long as one likes, with any crate and any seed.
//! The seeds are fixed here: what fails fails again.

use futurelens_tests::binary::{futurelens, run, say};
use futurelens_tests::edits::check::{Check, Options, compare};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of};
use futurelens_tests::registry::checkout;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Runs of edits, each from the project as it is: seed, and how many.
#[track_caller]
fn holds(what: &str, root: &Path, runs: &[(u64, usize)], other_profile: Option<&'static str>) {
    let started = Instant::now();
    let mut check = Check::new(root, runs[0].0, Options { other_profile, together: true });
    say(&format!("{what}: planted and measured in {} s", started.elapsed().as_secs()));
    for (at, &(seed, edits)) in runs.iter().enumerate() {
        say(&format!("{what}: {edits} edits, seed {seed}"));
        if at > 0 {
            check.start_again(seed);
        }
        let started = Instant::now();
        let summary = check.run(edits).unwrap_or_else(|difference| panic!("{difference}"));
        let took = started.elapsed().as_secs();
        say(&format!("{what}: {}, {took} s", summary.text(seed)));
        // Edits that break what others mend are no proof.
        assert!(summary.compiled * 10 >= edits * 6, "{} of {edits} edits compiled", summary.compiled);
    }
}

/// A copy of mini-redis with binaries that do nothing: they would be compiled after every edit, too.
fn copied_mini_redis() -> Project {
    let project = Project::copy_of(&checkout("mini-redis", "0.4.1"));
    for file in files(&project.root().join("src/bin")) {
        fs::write(file, "fn main() {}\n").expect("it is a copy");
    }
    project
}

#[test]
fn a_crate_of_the_planted_module_alone() {
    let source = format!(
        "//! A library.\n{PENDING_ONCE}\n{}\npub struct Kept {{\n    bytes: [u8; 7],\n}}\n\nimpl Kept {{\n    \
         pub fn new() -> Self {{\n        Kept {{ bytes: [0; 7] }}\n    }}\n\n    async fn keeping(&self) -> u8 \
         {{\n        let first = self.bytes[0];\n        PendingOnce(false).await;\n        first\n    }}\n\n    \
         pub async fn twice(&self) -> u8 {{\n        let sum = self.keeping().await;\n        \
         sum + self.keeping().await\n    }}\n}}\n",
        future_of("held", 100)
    );
    let project = Project::lib("alone", &source);
    holds("planted", project.root(), &[(7, 12), (1795421017, 8)], Some("dev"));
}

#[test]
fn mini_redis() {
    holds("mini-redis", copied_mini_redis().root(), &[(4, 16), (1795421018, 10)], None);
}

/// After each of these edits of the library, from one text to another, a save measures what a clean build does.
#[track_caller]
fn holds_after(project: &Project, edits: &[(&str, &str)]) {
    let report = |target: &str| -> Value {
        let mut command = futurelens();
        command.arg("report").arg(project.root()).args(["--all", "--format", "json", "--target-dir"]);
        let run = run(command.arg(project.beside(target))).expect_success();
        serde_json::from_str(&run.stdout).expect("report prints JSON")
    };
    report("lived");
    for (number, (from, to)) in edits.iter().enumerate() {
        let text = project.read("src/lib.rs");
        assert!(text.contains(from), "`{from}` in {text}");
        project.write("src/lib.rs", &text.replace(from, to));
        let difference = compare(&report("lived"), &report(&format!("clean-{number}")));
        assert_eq!(difference, None, "after `{from}` became `{to}`");
    }
}

#[test]
fn what_only_a_binary_lays_out_of_the_library() {
    // By the name it is exported under its body is not found, so that it is told of once more, as the binary's.
    let held = "impl Held {\n    pub async fn write(&self) {\n        \
                let _block = async move { PendingOnce(false).await };\n        \
                PendingOnce(false).await;\n    }\n\n    pub async fn read(&self) {\n        \
                let kept = [0u8; 10];\n        PendingOnce(false).await;\n        \
                std::hint::black_box(&kept);\n    }\n}\n";
    let source = format!(
        "{PENDING_ONCE}\nmod held {{\nuse super::PendingOnce;\npub struct Held;\n\n{held}}}\n\npub use held::Held;\n\n\
         pub fn other() -> u8 {{\n    1\n}}\n"
    );
    let project = Project::lib("laid_out_there", &source);
    project.write(
        "src/main.rs",
        "use laid_out_there::Held;\n\nasync fn both() {\n    Held.write().await;\n    \
         Held.read().await;\n}\n\nfn main() {\n    drop(both());\n    laid_out_there::other();\n}\n",
    );
    // What the binary holds is as before, then it is not, then the block is gone.
    let block = "let _block = async move { PendingOnce(false).await };";
    holds_after(&project, &[("    1\n", "    2\n"), ("[0u8; 10]", "[0u8; 20]"), (block, "let _block = 1;")]);
}

#[test]
fn instances_that_nothing_holds() {
    let source = format!(
        "{PENDING_ONCE}\nuse std::future::Future;\n\npub async fn generic<T>(value: T) -> T {{\n    \
         PendingOnce(false).await;\n    value\n}}\n\npub trait Send {{\n    \
         fn send(&self) -> impl Future<Output = u64>;\n}}\n\nimpl Send for u64 {{\n    \
         fn send(&self) -> impl Future<Output = u64> {{\n        generic(*self)\n    }}\n}}\n\n\
         pub fn drops() {{\n    let _ = generic(1u8);\n}}\n\npub async fn awaits() {{\n    \
         generic(1u16).await;\n}}\n\nfn is_never_called() {{\n    let _ = generic(1u32);\n}}\n\n\
         pub async fn other() {{\n    let kept = [0u8; 10];\n    PendingOnce(false).await;\n    \
         std::hint::black_box(&kept);\n}}\n"
    );
    holds_after(
        &Project::lib("held_by_nothing", &source),
        &[
            ("[0u8; 10]", "[0u8; 20]"),
            ("generic(1u16).await", "let _ = generic(1u16)"),
            ("[0u8; 20]", "[0u8; 30]"),
            ("let _ = generic(1u16)", "let _ = generic(1i16)"),
            ("generic(*self)", "generic({ *self })"),
            ("    let _ = generic(1u8);\n", ""),
            ("generic(1u32)", "generic(1i32)"),
            ("    value\n", "    PendingOnce(false).await;\n    value\n"),
        ],
    );
}
