//! Which compiler measures: the first that builds the project and whose output is read; the others are named, with the
//! reason and what to do. Compilers are real ones, or real ones behind a script that says or prints something else.
#![cfg(unix)]

use futurelens_tests::binary::{
    Run, cache_dir, clean_command, fixture, futurelens, has_target, is_installed, nightly, run, rustup_home,
    say, skip,
};
use futurelens_tests::editor::{Editor, Setup, place_of};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A machine: a rustup home, and a cache directory.
struct Machine {
    project: Project,
    home: PathBuf,
    cache: PathBuf,
}

impl Machine {
    /// With these toolchains, see [`rustup_home`].
    fn new(project: Project, toolchains: &[(&str, &str)]) -> Self {
        let home = rustup_home(&project.beside("rustup"), toolchains);
        let cache = project.beside("cache");
        Machine { home, cache, project }
    }

    /// Adds a toolchain whose compiler is an installed one behind a script: `says` is a `sed` command for what it says of
    /// itself, `prints` one for the bodies it dumps.
    fn add(&self, name: &str, real: &str, says: &str, prints: &str) {
        let host = nightly().strip_prefix("nightly-").expect("it has the host in its name");
        let real = installed(real);
        let rustc = real.join("bin/rustc");
        let folder = self.home.join("toolchains").join(format!("{name}-{host}"));
        fs::create_dir_all(folder.join("bin")).expect("the folder is writable");
        symlink(real.join("lib"), folder.join("lib")).expect("links can be made");
        symlink(real.join("bin/cargo"), folder.join("bin/cargo")).expect("links can be made");
        let script = format!(
            r#"#!/bin/sh
dir=
for arg in "$@"; do
    case "$arg" in
        -Zdump-mir-dir=*) dir="${{arg#-Zdump-mir-dir=}}" ;;
        -vV|-V|--version) {rustc} "$@" | sed -e '{says}'; exit 0 ;;
    esac
done
{rustc} "$@"
status=$?
if [ -n "$dir" ] && [ -n '{prints}' ]; then
    for body in "$dir"/*.mir; do
        if [ -e "$body" ]; then
            sed -e '{prints}' "$body" > "$body.new"
            mv "$body.new" "$body"
        fi
    done
fi
exit $status
"#,
            rustc = rustc.display(),
        );
        let file = self.project.script(&format!("../rustup/toolchains/{name}-{host}/bin/rustc"), &script);
        assert!(file.exists());
    }

    fn futurelens(&self, arguments: &[&str]) -> Run {
        let mut command = futurelens();
        command.args(arguments).current_dir(self.project.root());
        run(command.env("RUSTUP_HOME", &self.home).env("XDG_CACHE_HOME", &self.cache))
    }

    fn editor(&self) -> Editor {
        let value = |path: &Path| path.to_str().expect("it is text").to_owned();
        let env = vec![
            ("RUSTUP_HOME".to_owned(), value(&self.home)),
            ("XDG_CACHE_HOME".to_owned(), value(&self.cache)),
        ];
        Editor::open(self.project.root(), Setup { env, ..Setup::default() })
    }

    fn report(&self, arguments: &[&str]) -> (Value, String) {
        let run = self.futurelens(&[&["report", "--format", "json"], arguments].concat()).expect_success();
        (serde_json::from_str(&run.stdout).expect("it is JSON"), run.stderr)
    }
}

fn compiler(report: &Value) -> &str {
    report["compiler"].as_str().expect("a report names its compiler")
}

fn small() -> Project {
    Project::lib("small", &format!("{PENDING_ONCE}{}", future_of("large", 100)))
}

/// Newer than any that there is.
const NEWER: &str = "s/-nightly ([0-9a-f]* [0-9-]*)/-nightly (0123abcde 2199-01-01)/; s/^commit-hash: .*/commit-hash: 0123abcde/; s/^commit-date: .*/commit-date: 2199-01-01/";
/// A keyword is another one.
const RENAMED: &str = "s/field_tys/saved_tys/; s/coroutine layout/coroutine storage/";

#[test]
fn one_that_is_not_read_is_passed_over_and_that_is_said_once() {
    let machine =
        Machine::new(Project::copy_of(&fixture("article")), &[("stable", "stable"), ("nightly", nightly())]);
    let (plain, said) = machine.report(&[]);
    assert_eq!(said, "", "there is nothing to say");
    machine.add("nightly-2199-01-01", nightly(), NEWER, RENAMED);
    let (report, said) = machine.report(&[]);
    assert_eq!(report, plain, "measured by the next");
    let notes: Vec<&str> = said.lines().filter(|line| line.starts_with("note: ")).collect();
    let [note] = notes[..] else { panic!("{said}") };
    for word in ["measures", "passed over: nightly-2199-01-01", "0123abcde", "only the sizes"] {
        assert!(note.contains(word), "`{word}` in: {note}");
    }
    // An explicit choice is obeyed.
    let (named, said) = machine.report(&["--toolchain", "nightly-2199-01-01"]);
    assert!(compiler(&named).contains("2199-01-01") && named.get("drift").is_some(), "{said}");

    let file = machine.project.root().join("src/buffers.rs");
    let mut editor = machine.editor();
    let opened = editor.now();
    editor.did_open(&file);
    editor.hints_when(&file, "the sizes", |hints| hints.iter().any(|hint| hint.label.contains("515 B")));
    editor.wait_for_work(opened);
    let saved = editor.now();
    editor.save_as(&file, &machine.project.read("src/buffers.rs").replace("[1u8; 256]", "[1u8; 300]"));
    editor.wait_for_work(saved);
    let shown = editor.shown(opened);
    assert_eq!(shown.iter().filter(|text| text.contains("passed over")).count(), 1, "{shown:#?}");
    editor.exit();

    // If there is no other, its sizes are better than nothing.
    let alone = Machine::new(small(), &[("stable", "stable")]);
    alone.remove_all();
    alone.add("stable", "stable", "", RENAMED);
    let (report, said) = alone.report(&[]);
    assert_eq!(report["futures"][0]["size"], 102, "{report}");
    assert!(
        said.contains("of whose output only the sizes are read") && said.contains("rustup toolchain install"),
        "{said}"
    );
}

#[test]
fn one_that_is_too_old_for_the_project_is_passed_over() {
    let machine = Machine::new(small(), &[("stable", "stable")]);
    // A nightly of before the project's own compiler.
    machine.add(
        "nightly",
        nightly(),
        "s/1\\.[0-9]*\\.0-nightly/1.90.0-nightly/; s/2[0-9-]*)$/2025-07-01)/",
        "",
    );
    let (report, said) = machine.report(&[]);
    assert!(!compiler(&report).contains("nightly"), "{said}");
    for word in ["the project's own", "passed over: nightly", "older than the project's own"] {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
    // One that its packages say they do not build with.
    let asks = manifest("small").replace("edition", "rust-version = \"1.96\"\nedition");
    let machine = Machine::new(small(), &[("stable", "stable")]);
    machine.remove_all();
    machine.project.write("Cargo.toml", &asks);
    let as_version = |version: &str| format!("s/1\\.[0-9]*\\.[0-9]*/{version}/");
    machine.add("stable", "stable", &as_version("1.96.1"), "");
    machine.add("nightly", nightly(), &as_version("1.95.0"), "");
    let (report, said) = machine.report(&[]);
    assert!(compiler(&report).contains("1.96.1"), "{said}");
    assert!(said.contains("passed over: nightly"), "{said}");
}

/// A newer one would come first, but has no standard library for the project's target.
#[test]
fn one_without_the_target_is_passed_over() {
    const THUMB: &str = "thumbv6m-none-eabi";
    if !has_target(THUMB) {
        return skip("there is no standard library for a small target");
    }
    let machine = Machine::new(Project::copy_of(&fixture("cases/targets")), &[("stable", "stable")]);
    machine.project.write(".cargo/config.toml", &format!("[build]\ntarget = \"{THUMB}\"\n"));
    machine.add("nightly-2199-01-01", nightly(), NEWER, "");
    let host = nightly().strip_prefix("nightly-").expect("it has the host in its name");
    let rustc = machine.home.join(format!("toolchains/nightly-2199-01-01-{host}/bin/rustc"));
    let script = fs::read_to_string(&rustc).expect("it was just written");
    let script =
        script.replacen("dir=\n", "case \"$*\" in *target-libdir*) echo /nowhere; exit 0 ;; esac\ndir=\n", 1);
    fs::write(&rustc, script).expect("it was written before");
    // None has it: what to do is said of the one that was to measure.
    let failed = machine.futurelens(&["report", "--toolchain", "stable"]);
    let advice = format!("rustup target add {THUMB} --toolchain stable");
    assert!(failed.code == Some(2) && failed.stderr.contains(&advice), "{failed:#?}");
    symlink(installed(nightly()), machine.home.join("toolchains").join(nightly()))
        .expect("links can be made");
    let (report, said) = machine.report(&[]);
    assert_eq!(report["target"], THUMB);
    assert!(!compiler(&report).contains("1.200"), "{said}");
    let advice = format!("rustup target add {THUMB} --toolchain nightly-2199-01-01-{host}");
    for word in ["passed over: nightly-2199-01-01", &advice] {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
}

/// Where an installed toolchain is.
fn installed(name: &str) -> PathBuf {
    let which = run(clean_command("rustup").args(["which", "rustc", "--toolchain", name])).expect_success();
    let rustc = PathBuf::from(which.stdout.trim());
    rustc.parent().and_then(Path::parent).expect("it is in a toolchain's `bin`").to_owned()
}

impl Machine {
    /// Removes the toolchains; which one is the default stays.
    fn remove_all(&self) {
        for toolchain in fs::read_dir(self.home.join("toolchains")).expect("it is there") {
            fs::remove_file(toolchain.expect("it is there").path()).expect("it is a link");
        }
    }

    /// A project with a dependency that looks whether the compiler is a nightly, and then does not compile.
    fn with_old_dependency() -> Self {
        let source = "pub async fn uses() -> u8 { dependency::value() }\n";
        let project = Project::lib("user", source);
        let manifest_of = |name: &str| manifest(name).replace("[workspace]", "");
        project
            .write(
                "Cargo.toml",
                &(manifest("user") + "\n[dependencies]\ndependency = { path = \"../dependency\" }\n"),
            )
            .write("../dependency/Cargo.toml", &manifest_of("dependency"))
            .write(
                "../dependency/src/lib.rs",
                "pub fn value() -> u8 { 1 }\n#[cfg(looks_new)]\ncompile_error!(\"no\");\n",
            )
            .write(
                "../dependency/build.rs",
                "fn main() {\n    let rustc = std::env::var(\"RUSTC\").unwrap();\n    \
                 let about = std::process::Command::new(rustc).arg(\"-vV\").output().unwrap().stdout;\n    \
                 println!(\"cargo::rustc-check-cfg=cfg(looks_new)\");\n    \
                 if String::from_utf8_lossy(&about).contains(\"nightly\") {\n        \
                 println!(\"cargo::rustc-cfg=looks_new\");\n    }\n}\n",
            );
        Machine::new(project, &[("stable", "stable"), ("nightly", nightly())])
    }
}

#[test]
fn where_a_dependency_does_not_compile_the_project_s_own_compiler_measures() {
    let machine = Machine::with_old_dependency();
    let expect = |said: &str| {
        for word in
            ["the project's own rustc", "passed over: nightly", "`dependency`", "does not compile with it"]
        {
            assert!(said.contains(word), "`{word}` in: {said}");
        }
    };
    let (report, said) = machine.report(&[]);
    assert!(!compiler(&report).contains("nightly"), "{said}");
    assert_eq!(report["futures"][0]["size"], 1, "{report}");
    expect(&said);
    // It is known now: no build by the nightly is tried.
    let before = fs::read_to_string(machine.project.root().join("target/futurelens/compilers-unfit.json"));
    assert!(before.is_ok_and(|text| text.contains("nightly")));
    machine.project.write("src/lib.rs", "pub async fn uses() -> u8 { dependency::value() + 1 }\n");
    // Nor by another one.
    machine.add("nightly-2199-01-01", nightly(), NEWER, "");
    let (report, said) = machine.report(&["-p", "user"]);
    assert!(!compiler(&report).contains("nightly"), "{said}");
    expect(&said);
    assert!(!said.contains("2199"), "{said}");
    let asked = machine.futurelens(&["doctor"]).expect_success().stdout;
    assert!(asked.contains("2199-01-01") && asked.contains("the project's own is taken"), "{asked}");
    // With another lock file it is tried again.
    machine.project.write("../dependency/src/lib.rs", "pub fn value() -> u8 { 1 }\n").write(
        "../dependency/Cargo.toml",
        &manifest("dependency").replace("[workspace]", "").replace("0.0.0", "0.0.1"),
    );
    // Cargo writes it during this run.
    machine.report(&[]);
    let (report, said) = machine.report(&[]);
    assert!(compiler(&report).contains("nightly"), "{said}");

    // An explicit choice is obeyed, and it is said what would work.
    let machine = Machine::with_old_dependency();
    let refused = machine.futurelens(&["report", "--toolchain", "nightly"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:#?}");
    for word in ["`dependency`", "nightly", "leave the toolchain to `auto`"] {
        assert!(refused.stderr.contains(word), "`{word}` in: {}", refused.stderr);
    }
}

#[test]
fn an_editor_goes_on_with_the_project_s_own_compiler() {
    let machine = Machine::with_old_dependency();
    let file = machine.project.root().join("src/lib.rs");
    let mut editor = machine.editor();
    let opened = editor.now();
    editor.did_open(&file);
    editor.hints_when(&file, "the size", |hints| hints.iter().any(|hint| hint.label.starts_with("1 B")));
    editor.wait_for_work(opened);
    let text = "pub async fn uses(a: [u8; 9]) -> u8 { dependency::value() + a[0] }\n";
    let saved = editor.now();
    editor.save_as(&file, text);
    editor.hints_when(&file, "the new size", |hints| hints.iter().any(|hint| hint.label.starts_with("10 B")));
    editor.wait_for_work(saved);
    let shown = editor.shown(opened);
    assert_eq!(shown.iter().filter(|text| text.contains("`dependency`")).count(), 1, "{shown:#?}");
    editor.exit();
}

/// What there is on a machine with one release and nothing else.
#[test]
fn a_release_alone_gives_everything() {
    let release = if is_installed("1.99.1") { "1.99.1" } else { "stable" };
    say(&format!("a release alone: {release}"));
    let machine = Machine::new(Project::copy_of(&fixture("article")), &[(release, release)]);
    let (report, said) = machine.report(&[]);
    assert!(!compiler(&report).contains("nightly") && report.get("drift").is_none(), "{said}");
    let futures = report["futures"].as_array().expect("there are futures");
    assert_eq!(futures.len(), 31);
    let held = futures.iter().flat_map(|future| future["states"].as_array().into_iter().flatten());
    let held: Vec<&Value> = held.flat_map(|state| state["held"].as_array().into_iter().flatten()).collect();
    assert!(
        held.len() > 70 && held.iter().all(|held| held.get("why").is_some() && held.get("line").is_some())
    );
    let explained = machine.futurelens(&["explain", "buffers_sequential"]).expect_success().stdout;
    for word in ["260 bytes", "Suspend0", "used later", "buffer"] {
        assert!(explained.contains(word), "`{word}` in:\n{explained}");
    }
    let fix = machine.futurelens(&["fix"]).expect_success().stdout;
    for kind in ["box-awaitee", "box-local", "desugar-async-fn"] {
        assert!(fix.contains(kind), "`{kind}` in:\n{fix}");
    }

    let file = machine.project.root().join("src/boxes.rs");
    let mut editor = machine.editor();
    editor.did_open(&file);
    editor.hints_when(&file, "the sizes", |hints| {
        hints.iter().any(|hint| hint.label.contains("65 cache lines"))
    });
    let text = machine.project.read("src/boxes.rs");
    let at = place_of(&text, "caller_inline()");
    let hover = editor.hover(&file, at).expect("there is a hover on a fn's name").text;
    assert!(hover.contains("Suspend0") && hover.contains("large_future"), "{hover}");
    let await_at = place_of(&text, "large_future().await");
    editor.code_actions_when(&file, await_at, "a box", |actions| {
        let titles = actions.iter().filter_map(|action| action["title"].as_str());
        titles.clone().any(|title| title.contains("Box::pin") && title.contains("saves 4084 B"))
    });
    editor.exit();
}

#[test]
fn doctor_says_what_measures_and_why() {
    let machine = Machine::new(small(), &[("stable", "stable"), ("nightly", nightly())]);
    machine.add("nightly-2199-01-01", nightly(), NEWER, RENAMED);
    let diagnosis = |arguments: &[&str]| -> Value {
        let run = machine.futurelens(&[&["doctor", "--format", "json"], arguments].concat()).expect_success();
        serde_json::from_str(&run.stdout).expect("it is JSON")
    };
    let healthy = diagnosis(&[]);
    assert_eq!(healthy["schema"], 1);
    let chosen = healthy["chosen"]["version"].as_str().expect("one is chosen");
    assert!(chosen.contains("nightly") && !chosen.contains("2199"), "{healthy}");
    let compilers = healthy["compilers"].as_array().expect("there are compilers");
    let read: Vec<&Value> = compilers.iter().map(|compiler| &compiler["read"]).collect();
    assert_eq!(read, [&json!("sizes"), &json!("whole"), &json!("whole")], "{healthy}");
    assert_eq!(compilers[1]["limits"], json!([]), "{healthy}");
    assert!(compilers[1]["dialect"].is_string(), "{healthy}");
    let marked = compilers.iter().map(|compiler| &compiler["chosen"]).collect::<Vec<_>>();
    assert_eq!(marked, [&json!(false), &json!(true), &json!(false)]);
    assert_eq!(healthy["project"]["units"], 0);
    machine.report(&[]);
    assert_eq!(diagnosis(&[])["project"]["units"], 1);
    let text = machine.futurelens(&["doctor"]).expect_success().stdout;
    for word in
        ["measured by", "2199-01-01", "sizes only", "all of its output is read", "kept in", "no problems"]
    {
        assert!(text.contains(word), "`{word}` in:\n{text}");
    }
    let named = diagnosis(&["--toolchain", "stable"]);
    assert_eq!(named["chosen"]["named"], true);

    // What is in the way.
    machine.project.write("rust-toolchain.toml", "[toolchain]\nchannel = \"1.2.3\"\n");
    let pinned = diagnosis(&[]);
    let problems = pinned["problems"].to_string();
    assert!(problems.contains("own toolchain does not run") && problems.contains("rustup"), "{pinned}");
    let untrusted = diagnosis(&["--untrusted"]);
    assert_eq!((&untrusted["chosen"], &untrusted["compilers"]), (&Value::Null, &json!([])));
    assert!(untrusted["problems"].to_string().contains("not trusted"), "{untrusted}");
    let nowhere = Project::empty();
    let nothing = run(futurelens().args(["doctor", "--format", "json"]).arg(nowhere.root())).expect_success();
    assert!(nothing.stdout.contains("no cargo project"), "{}", nothing.stdout);
}

#[test]
fn what_a_compiler_prints_is_found_out_once() {
    let machine = Machine::new(small(), &[("stable", "stable"), ("nightly", nightly())]);
    let kept = || futurelens_tests::project::files(&machine.cache);
    assert!(kept().is_empty());
    machine.report(&[]);
    let [file] = &kept()[..] else { panic!("{:?}", kept()) };
    let written = fs::metadata(file).and_then(|meta| meta.modified()).expect("it is there");
    machine.report(&[]);
    assert_eq!(fs::metadata(file).and_then(|meta| meta.modified()).ok(), Some(written));
    // What is damaged is found out again.
    fs::write(file, "{").expect("it is writable");
    let (report, said) = machine.report(&[]);
    assert!(compiler(&report).contains("nightly") && said.is_empty(), "{said}");
    assert!(fs::read_to_string(file).is_ok_and(|text| text.contains("whole")));
    assert!(file.starts_with(&machine.cache) && !file.starts_with(cache_dir()));
}
