//! What a save measures is what a clean build measures, whatever was edited, broken or killed before.
//!
//! Small runs of the check that `--example edits-check` makes as long as one likes, with any crate and any seed.
//! The seeds are fixed here: what fails fails again.

use futurelens_tests::binary::say;
use futurelens_tests::edits::check::{Check, Options};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of};
use futurelens_tests::registry::checkout;
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
    holds("mini-redis", copied_mini_redis().root(), &[(4, 25), (1795421018, 15)], None);
}
