//! The user's build configuration is theirs: what cargo honours in their builds, it honours in size
//! builds.

use futurelens_tests::binary::{Run, clean_command, fixture, futurelens, run, rustup_home};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of, manifest};
use futurelens_tests::report::{Report, parse, report, run_report};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What `rustc -vV` calls this machine.
fn host() -> String {
    let version = run(clean_command("rustc").arg("-vV")).expect_success();
    let host = version.stdout.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says its host").to_owned()
}

/// A library whose future `wide_or_not` is 12 bytes, and 102 with `--cfg wide` or the feature.
fn wide_or_not(name: &str) -> Project {
    let narrow = future_of("wide_or_not", 10);
    let wide = future_of("wide_or_not", 100);
    let condition = "any(wide, feature = \"wide\")";
    let project = Project::lib(
        name,
        &format!("{PENDING_ONCE}#[cfg(not({condition}))]\n{narrow}#[cfg({condition})]\n{wide}"),
    );
    project.write("Cargo.toml", &format!("{}\n[features]\nwide = []\n", manifest(name)));
    project
}

/// A library that fills its future from a dependency outside of its workspace, and the path where
/// the dependency is.
fn with_dependency(name: &str) -> Project {
    let project = Project::lib(
        name,
        &format!("{PENDING_ONCE}{}", future_of("with_dependency", 0).replace("[1u8; 0]", "outside::value()")),
    );
    project.write(
        "Cargo.toml",
        &format!("{}\n[dependencies]\noutside = {{ path = \"../outside\" }}\n", manifest(name)),
    );
    project.write("../outside/Cargo.toml", &manifest("outside"));
    project.write("../outside/src/lib.rs", "pub fn value() -> [u8; 30] {\n    [1; 30]\n}\n");
    project
}

fn default_report(project: &Project) -> Report {
    report::<&str>(project.root(), &[])
}

#[test]
fn without_configuration_it_is_narrow() {
    assert_eq!(default_report(&wide_or_not("plain")).size_of("wide_or_not"), 12);
}

#[test]
fn rustflags_of_the_config_file() {
    let project = wide_or_not("flags_in_file");
    project.write(".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"wide\"]\n");
    assert_eq!(default_report(&project).size_of("wide_or_not"), 102);
}

#[test]
fn rustflags_of_a_target_in_the_config_file() {
    let project = wide_or_not("flags_of_target");
    project.write(".cargo/config.toml", &format!("[target.{}]\nrustflags = [\"--cfg\", \"wide\"]\n", host()));
    assert_eq!(default_report(&project).size_of("wide_or_not"), 102);
}

#[test]
fn rustflags_of_the_environment() {
    let project = wide_or_not("flags_in_env");
    let mut command = futurelens();
    command.arg("report").arg(project.root()).args(["--format", "json"]);
    let plain = parse(&run(&mut command).expect_success().stdout);
    assert_eq!(plain.size_of("wide_or_not"), 12);
    // Set later on, in the same target directory: what was kept is not the answer any more.
    command.env("RUSTFLAGS", "--cfg wide");
    let wide = parse(&run(&mut command).expect_success().stdout);
    assert_eq!(wide.size_of("wide_or_not"), 102);
    // And taken back.
    command.env_remove("RUSTFLAGS");
    let plain = parse(&run(&mut command).expect_success().stdout);
    assert_eq!(plain.size_of("wide_or_not"), 12);
}

/// One of them has a space in it, which only this form can hold; and it is what counts of the two.
#[test]
fn encoded_rustflags_of_the_environment() {
    let project = wide_or_not("encoded_flags");
    let source = project.read("src/lib.rs");
    project.write("src/lib.rs", &source.replace("any(wide,", "any(how = \"very wide\","));
    let mut command = futurelens();
    command.arg("report").arg(project.root()).args(["--format", "json"]);
    command.env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}how=\"very wide\"").env("RUSTFLAGS", "--cfg wrong=");
    let wide = parse(&run(&mut command).expect_success().stdout);
    assert_eq!(wide.size_of("wide_or_not"), 102);
}

#[test]
fn features() {
    let project = wide_or_not("features");
    let wide = report(project.root(), &["--features", "wide"]);
    assert_eq!(wide.size_of("wide_or_not"), 102);
    let all = report(project.root(), &["--all-features"]);
    assert_eq!(all.size_of("wide_or_not"), 102);
    assert_eq!(default_report(&project).size_of("wide_or_not"), 12);
}

#[test]
fn the_profile_in_the_manifest() {
    let project = Project::lib(
        "profiled",
        &format!(
            "{PENDING_ONCE}#[cfg(debug_assertions)]\n{}#[cfg(not(debug_assertions))]\n{}",
            future_of("checked", 10),
            future_of("checked", 100)
        ),
    );
    let size = |profile: &str| report(project.root(), &["--profile", profile]).size_of("checked");
    assert_eq!((size("dev"), size("release")), (12, 102));
    let text = project.read("Cargo.toml");
    project.write("Cargo.toml", &format!("{text}\n[profile.release]\ndebug-assertions = true\n"));
    assert_eq!(size("release"), 12);
}

/// With a target set, cargo puts artifacts elsewhere and gives no flags to build scripts.
#[test]
fn a_target_in_the_config_file() {
    let project = wide_or_not("with_target");
    project.write(
        ".cargo/config.toml",
        &format!("[build]\ntarget = \"{}\"\nrustflags = [\"--cfg\", \"wide\"]\n", host()),
    );
    // A build script that only compiles if it gets no flags.
    project.write("build.rs", "#[cfg(wide)]\ncompile_error!(\"flags of the target\");\nfn main() {}\n");
    assert_eq!(default_report(&project).size_of("wide_or_not"), 102);
}

/// Without a target, cargo gives the user's flags to build scripts as well.
#[test]
fn flags_reach_build_scripts_only_if_the_user_sets_no_target() {
    let project = wide_or_not("without_target");
    project.write(".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"wide\"]\n");
    project.write("build.rs", "#[cfg(not(wide))]\ncompile_error!(\"no flags\");\nfn main() {}\n");
    assert_eq!(default_report(&project).size_of("wide_or_not"), 102);
}

#[test]
fn a_target_directory_in_the_config_file() {
    let project = wide_or_not("with_target_dir");
    project.write(".cargo/config.toml", "[build]\ntarget-dir = \"artifacts/here\"\n");
    default_report(&project);
    let written: Vec<String> = entries(&project.root().join("artifacts/here"));
    assert_eq!(written, ["futurelens"], "its own directory and no more");
    assert!(!project.root().join("target").exists(), "nothing where the user does not build");
}

/// The user's `target` is not touched, and what was built there is still fresh.
#[test]
fn the_users_own_build_is_not_disturbed() {
    let project = with_dependency("undisturbed");
    let mut build = clean_command("cargo");
    build.arg("build").current_dir(project.root());
    run(&mut build).expect_success();
    let own = |project: &Project| -> Vec<(PathBuf, SystemTime)> {
        let target = project.root().join("target");
        files(&target)
            .into_iter()
            .filter(|path| !path.starts_with(target.join("futurelens")))
            .map(|path| {
                let time = modified(&path);
                (path, time)
            })
            .collect()
    };
    let before = own(&project);
    let lock = modified(&project.root().join("Cargo.lock"));
    assert_eq!(report(project.root(), &["--profile", "dev"]).size_of("with_dependency"), 32);
    assert_eq!(own(&project), before);
    assert_eq!(modified(&project.root().join("Cargo.lock")), lock);
    let again = run(&mut build).expect_success();
    assert!(!again.stderr.contains("Compiling"), "{}", again.stderr);
}

fn entries(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A wrapper that writes down which crates it was called for, and calls on. Returns its path and
/// that of the list.
#[cfg(unix)]
fn logging_wrapper(project: &Project) -> (PathBuf, PathBuf) {
    let log = project.beside("wrapper.log");
    let text = format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec \"$@\"\n", log.display());
    (project.script("../wrapper.sh", &text), log)
}

/// The crates in the list of a wrapper, in the order compiled.
#[cfg(unix)]
fn compiled(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip_while(|word| *word != "--crate-name");
            words.nth(1).map(str::to_owned)
        })
        // `___` is how cargo asks the compiler about its targets.
        .filter(|name| name != "___")
        .collect()
}

#[cfg(unix)]
#[test]
fn a_wrapper_in_the_config_file() {
    let project = with_dependency("wrapped");
    let (script, log) = logging_wrapper(&project);
    project.compile_with("rustc-wrapper", &script);
    assert_eq!(default_report(&project).size_of("with_dependency"), 32);
    assert_eq!(compiled(&log), ["outside", "wrapped"]);
}

#[cfg(unix)]
#[test]
fn a_wrapper_of_the_environment() {
    let project = with_dependency("wrapped_by_env");
    let (script, log) = logging_wrapper(&project);
    let mut command = futurelens();
    command.arg("report").arg(project.root()).args(["--format", "json"]).env("RUSTC_WRAPPER", &script);
    let first = run(&mut command).expect_success();
    assert_eq!(parse(&first.stdout).size_of("with_dependency"), 32);
    assert_eq!(compiled(&log), ["outside", "wrapped_by_env"]);

    // Nothing changed: nothing is compiled, and nothing is missing.
    let second = run(&mut command).expect_success();
    assert_eq!(compiled(&log).len(), 2, "compiled again");
    assert_eq!(second.stdout, first.stdout);

    // Only the member changed.
    let text = project.read("src/lib.rs");
    project.write("src/lib.rs", &format!("{text}\n{}", future_of("added", 50)));
    let third = parse(&run(&mut command).expect_success().stdout);
    assert_eq!(third.size_of("added"), 52);
    assert_eq!(third.size_of("with_dependency"), 32);
    assert_eq!(compiled(&log), ["outside", "wrapped_by_env", "wrapped_by_env"]);
}

/// Workspace wrappers are for members only.
#[cfg(unix)]
#[test]
fn a_workspace_wrapper_of_the_environment() {
    let project = with_dependency("wrapped_twice");
    let (script, log) = logging_wrapper(&project);
    let measured = run(futurelens()
        .arg("report")
        .arg(project.root())
        .args(["--format", "json"])
        .env("RUSTC_WORKSPACE_WRAPPER", &script))
    .expect_success();
    assert_eq!(parse(&measured.stdout).size_of("with_dependency"), 32);
    assert_eq!(compiled(&log), ["wrapped_twice"]);
}

/// The files that hold what the compiler printed for each unit.
fn kept(project: &Project) -> Vec<PathBuf> {
    let mut kept = files(&project.root().join("target").join("futurelens"));
    kept.retain(|path| path.extension().is_some_and(|kind| kind == "futurelens"));
    kept
}

#[test]
fn a_lost_measurement_is_made_again() {
    let project = with_dependency("lost");
    let first = default_report(&project);
    let files = kept(&project);
    assert!(!files.is_empty(), "something is kept beside the artifacts");
    for file in &files {
        fs::remove_file(file).expect("it is ours");
    }
    let second = default_report(&project);
    assert_eq!(second.facts(), first.facts());
    assert_eq!(second.size_of("with_dependency"), 32);
    assert_eq!(kept(&project), files, "kept again");
}

#[test]
fn a_damaged_measurement_is_made_again() {
    let project = with_dependency("damaged");
    let first = default_report(&project);
    let files = kept(&project);
    assert!(!files.is_empty(), "something is kept beside the artifacts");
    for file in &files {
        let bytes = fs::read(file).expect("it is readable");
        fs::write(file, &bytes[..bytes.len() / 2]).expect("it is writable");
    }
    assert_eq!(default_report(&project).facts(), first.facts());
}

#[test]
fn one_member_that_does_not_compile() {
    let project = Project::empty();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"good\", \"bad\"]\nresolver = \"2\"\n");
    let member = |name: &str| manifest(name).replace("[workspace]\n", "");
    project.write("good/Cargo.toml", &member("good"));
    project.write("good/src/lib.rs", &format!("{PENDING_ONCE}{}", future_of("in_good", 20)));
    // `bad` needs `good`, so `good` has been measured when `bad` fails.
    project.write(
        "bad/Cargo.toml",
        &format!("{}[dependencies]\ngood = {{ path = \"../good\" }}\n", member("bad")),
    );
    let bad = format!("use good::PendingOnce;\n{}", future_of("in_bad", 40));
    project.write("bad/src/lib.rs", &bad.replace("[1u8; 40]", "missing()"));

    let failed = run_report::<&str>(project.root(), &[]);
    assert_eq!(failed.code, Some(3), "{failed:#?}");
    assert_eq!(parse(&failed.stdout).names(), ["in_good"], "what compiles is there");
    assert!(failed.stderr.contains("`bad` (lib)"), "and what does not is named: {}", failed.stderr);
    assert!(failed.stderr.contains("error[E0425]"), "{}", failed.stderr);
    let of_good: Vec<(PathBuf, SystemTime)> = kept(&project)
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("good-"))
        .map(|path| {
            let time = modified(&path);
            (path, time)
        })
        .collect();
    assert!(!of_good.is_empty(), "`good` was measured");

    project.write("bad/src/lib.rs", &bad);
    let repaired = default_report(&project);
    assert_eq!(repaired.size_of("in_good"), 22);
    assert_eq!(repaired.size_of("in_bad"), 42);
    for (path, time) in of_good {
        assert_eq!(modified(&path), time, "`good` was measured only once");
    }
    let only = report(project.root(), &["--package", "good"]);
    assert_eq!(only.names().len(), 1, "{:?}", only.names());
}

/// An error in the same crate: what the failed run printed is no measurement.
#[test]
fn numbers_after_an_error_are_those_of_a_clean_build() {
    let project = wide_or_not("broken_for_a_while");
    default_report(&project);
    let text = project.read("src/lib.rs");
    project
        .write("src/lib.rs", &format!("{}\nfn broken() -> u8 {{ \"\" }}\n", text.replace("; 10]", "; 70]")));
    let failed: Run = run_report::<&str>(project.root(), &[]);
    assert_eq!(failed.code, Some(2), "{failed:#?}");
    project.write("src/lib.rs", &text.replace("; 10]", "; 80]"));
    assert_eq!(default_report(&project).size_of("wide_or_not"), 82);
    project.write("src/lib.rs", &text);
    assert_eq!(default_report(&project).size_of("wide_or_not"), 12);
}

/// What is gone from the source is gone from the report, though the compiler does not say so.
#[test]
fn what_was_removed_is_not_reported() {
    let project = Project::lib(
        "removed",
        &format!("{PENDING_ONCE}{}{}", future_of("stays", 10), future_of("goes", 20)),
    );
    assert_eq!(default_report(&project).size_of("goes"), 22);
    project.write("src/lib.rs", &format!("{PENDING_ONCE}{}", future_of("stays", 10)));
    let report = default_report(&project);
    assert_eq!(report.names().len(), 1, "{:?}", report.names());
    assert_eq!(report.size_of("stays"), 12);
}

/// Where the user has no nightly, the project's own toolchain measures.
#[cfg(unix)]
#[test]
fn a_project_toolchain_without_any_nightly() {
    let project = Project::copy_of(&fixture("article"));
    project.write("rust-toolchain.toml", "[toolchain]\nchannel = \"stable\"\n");
    let with_nightly = default_report(&project);

    let only_stable = rustup_home(&project.beside("rustup"), &[("stable", "stable")]);
    let measured = run(futurelens()
        .arg("report")
        .arg(project.root())
        .args(["--format", "json"])
        .env("RUSTUP_HOME", &only_stable))
    .expect_success();
    let without_nightly = parse(&measured.stdout);

    assert!(with_nightly.compiler.contains("nightly"));
    assert!(!without_nightly.compiler.contains("nightly"));
    assert_eq!(without_nightly.facts(), with_nightly.facts());
}

/// `RUSTC_BOOTSTRAP` is for the measured units: a dependency that looks for a nightly compiler must
/// not find one that is none.
#[test]
fn only_measured_units_may_use_unstable_features() {
    let project = with_dependency("stable_outside");
    project.write(
        "../outside/build.rs",
        "fn main() {\n    assert!(std::env::var_os(\"RUSTC_BOOTSTRAP\").is_none());\n}\n",
    );
    let report = report(project.root(), &["--toolchain", "stable"]);
    assert_eq!(report.size_of("with_dependency"), 32);
}
