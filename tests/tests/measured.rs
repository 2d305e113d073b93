//! What is measured is what the user means: this checkout, these packages with these features, this target, and whatever
//! compiles.

use futurelens::compiler::{Project as Opened, Request, Selection, set_program};
use futurelens::engine::Warm;
use futurelens::features::Snapshot;
use futurelens_tests::binary::{Run, binary, cargo, fixture, futurelens, has_target, nightly, run, skip};
use futurelens_tests::editor::{Editor, Hint, Setup};
use futurelens_tests::project::{Project, copy};
use futurelens_tests::report::{parse, report};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

fn case(name: &str) -> Project {
    Project::copy_of(&fixture("cases").join(name))
}

/// A command in a folder.
fn in_folder(folder: &Path, args: &[&str]) -> Run {
    run(futurelens().current_dir(folder).args(args))
}

fn sizes<const N: usize>(run: &Run, names: [&str; N]) -> [u64; N] {
    let report = parse(&run.stdout);
    names.map(|name| report.size_of(name))
}

/// Two checkouts of one project, of which cargo takes the files of the second for those that it has compiled for the
/// first: its times are as old, and it compiles into the same folder.
#[test]
fn checkouts_that_share_a_target_directory() {
    let project = case("features");
    let library = project.read("lib/src/lib.rs");
    let scripted = "pub async fn scripted() -> u8 { let b = [0u8; include!(concat!(env!(\"OUT_DIR\"), \"/n\"))]; \
                    std::future::ready(()).await; b[0] }\n";
    project.write("lib/src/lib.rs", &(library + scripted));
    project.write("lib/n", "70");
    project.write(
        "lib/build.rs",
        "fn main() {\n    println!(\"cargo:rerun-if-changed=n\");\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
         std::fs::copy(\"n\", out + \"/n\").unwrap();\n}\n",
    );
    let (one, two) = (project.root().to_owned(), project.beside("two"));
    copy(&one, &two);
    let changed = |file: &str, from: &str, to: &str| {
        let file = two.join(file);
        let text = fs::read_to_string(&file).expect("it was just copied");
        fs::write(&file, text.replace(from, to)).expect("it is writable");
    };
    changed("lib/src/lib.rs", "900", "500");
    // What its build script makes is another text, too.
    changed("lib/n", "70", "50");
    for file in futurelens_tests::project::files(project.outside()) {
        let file = fs::File::options().append(true).open(file).expect("it is writable");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("it is ours");
    }
    let in_checkout = |root: &Path, args: &[&str]| {
        let mut command = futurelens();
        command.current_dir(root).args(args).env("CARGO_TARGET_DIR", project.beside("target"));
        run(&mut command)
    };
    let report = ["report", "--format", "json"];
    let names = ["g", "f", "scripted"];
    let of_one = in_checkout(&one, &report).expect_success();
    assert_eq!(sizes(&of_one, names), [902, 302, 72]);
    assert_eq!(sizes(&in_checkout(&two, &report).expect_success(), names), [502, 302, 52]);
    // The paths, too, are those of the one that is asked about.
    assert_eq!(parse(&of_one.stdout).only("g").file, "lib/src/lib.rs");
    assert_eq!(sizes(&in_checkout(&one, &report).expect_success(), names), [902, 302, 72]);

    // What `report` measures at the root is what `hints` shows of a file, wherever that is: its package alone would
    // have other features.
    for (file, shown) in [("lib/src/lib.rs", "«902 B"), ("lib/src/local.rs", "«302 B")] {
        let hints = in_checkout(project.outside(), &["hints", &one.join(file).to_string_lossy()]);
        let hints = hints.expect_success();
        assert!(hints.stdout.contains(shown), "{hints:#?}");
        assert!(!hints.stderr.contains("no future was measured"), "{}", hints.stderr);
    }
}

#[test]
fn default_members_and_what_does_not_compile() {
    let project = case("default-members");
    copy(&fixture("cases/outside"), &project.beside("outside"));
    let root = project.root();
    let names = ["here", "here2"];
    let default = report::<&str>(root, &[]);
    assert_eq!(names.map(|name| default.size_of(name)), [1120, 1124]);

    // `b` does not compile: what does is there, and `b` is named.
    let both = ["-p", "a", "-p", "b"];
    let part = in_folder(root, &[&["report", "--format", "json"], &both[..]].concat());
    assert_eq!(part.code, Some(3), "{part:#?}");
    assert_eq!(sizes(&part, names), [1120, 1124]);
    let named =
        |run: &Run| run.stderr.contains("not measured: `b` (lib)") && run.stderr.contains("the board");
    assert!(named(&part), "{}", part.stderr);
    let missing = |run: &Run| {
        let said: Value = serde_json::from_str(&run.stdout).expect("it is JSON");
        (said["passed"].clone(), said["missing"].clone())
    };
    assert_eq!(missing(&part), (Value::Null, json!(["`b` (lib)"])));

    // Alone it is as ever: nothing could be measured.
    let nothing = in_folder(root, &["report", "-p", "b"]);
    assert_eq!((nothing.code, &*nothing.stdout), (Some(2), ""), "{nothing:#?}");

    // A check of a part fails or says that it is one; it never passes, and is no baseline.
    let check = |more: &[&str]| in_folder(root, &[&["check"], &both[..], more].concat());
    let large = check(&["--budget", "1000"]);
    assert_eq!(large.code, Some(1), "{large:#?}");
    assert!(large.stdout.contains("here") && named(&large), "{large:#?}");
    let fine = ["--budget", "4096", "--baseline", "b.txt", "--update-baseline", "--format", "json"];
    let fine = check(&fine);
    assert_eq!((fine.code, missing(&fine)), (Some(3), (json!(false), json!(["`b` (lib)"]))), "{fine:#?}");
    assert!(named(&fine) && !root.join("b.txt").exists(), "{fine:#?}");

    let hints = in_folder(root, &["hints", "b/src/lib.rs"]);
    assert!(hints.code == Some(3) && named(&hints), "a file of no default member: {hints:#?}");
    let hints = in_folder(root, &["hints", "a/src/lib.rs"]).expect_success();
    assert!(hints.stdout.contains("«1120 B"), "{}", hints.stdout);

    // One binary that does not compile hides no other. Now the editor, too, where `b` is measured once it is open.
    project.write("a/src/bin/broken.rs", "fn main() { missing() }\n");
    let broken = in_folder(root, &["report", "--format", "json"]);
    assert_eq!(broken.code, Some(3), "{broken:#?}");
    assert_eq!(sizes(&broken, names), [1120, 1124]);
    assert!(broken.stderr.contains("not measured: `a` (bin \"broken\")\n"), "{}", broken.stderr);
    let extra = "pub async fn there() -> u8 { let b = [1u8; 70]; std::future::ready(()).await; b[0] }\n";
    project.write("b/src/lib.rs", extra);
    let mut editor = Editor::open(root, Setup::default());
    let shows = |hints: &[Hint], line: usize, bytes: &str| {
        hints.iter().any(|hint| hint.line == line && hint.label.contains(bytes) && !hint.is_stale())
    };
    let (of_a, of_b) = (root.join("a/src/lib.rs"), root.join("b/src/lib.rs"));
    editor.did_open(&of_a);
    editor.hints_when(&of_a, "its size", |hints| shows(hints, 0, "1120 B"));
    assert_eq!(editor.hints(&of_b), [], "nobody has asked for it");
    editor.did_open(&of_b);
    editor.hints_when(&of_b, "its size", |hints| shows(hints, 0, "72 B"));
    assert!(shows(&editor.hints(&of_a), 0, "1120 B"));
    editor.exit();
}

const THUMB: &str = "thumbv6m-none-eabi";

/// Target and size of each `holds` of a report.
fn targets(run: &Run) -> Vec<(String, u64)> {
    let report: Value = serde_json::from_str(&run.stdout).expect("it is JSON");
    let futures = report["futures"].as_array().expect("it has futures");
    let holds = futures.iter().filter(|future| future["name"] == "holds");
    let mut found: Vec<(String, u64)> = holds
        .map(|future| {
            let target = future["target"].as_str().or(report["target"].as_str());
            (target.expect("a triple").to_owned(), future["size"].as_u64().expect("bytes"))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn the_target_that_was_measured() {
    if !has_target(THUMB) {
        return skip("there is no standard library for a small target");
    }
    let project = case("targets");
    let root = project.root();
    let host = nightly().strip_prefix("nightly-").expect("the triple follows").to_owned();
    // Eight words, a slice, the awaited future and the tag: 88 bytes where a word has eight, else 44.
    let (on_thumb, on_host) = ((THUMB.to_owned(), 44), (host.clone(), 88));
    let command = |args: &[&str]| {
        let mut command = futurelens();
        command.current_dir(root).args(args);
        command
    };
    let json = ["report", "--format", "json"];
    let with = |args: &[&str], more: &[&str]| run(&mut command(&[args, more].concat()));

    // However it is named.
    let both = vec![on_thumb.clone(), on_host.clone()];
    assert_eq!(targets(&with(&json, &[]).expect_success()), std::slice::from_ref(&on_host));
    assert_eq!(targets(&with(&json, &["--target", THUMB]).expect_success()), std::slice::from_ref(&on_thumb));
    assert_eq!(targets(&with(&json, &["--target", THUMB, "--target", &host]).expect_success()), both);
    let set = run(command(&json).env("CARGO_BUILD_TARGET", THUMB)).expect_success();
    assert_eq!(targets(&set), std::slice::from_ref(&on_thumb));
    let update = ["check", "--baseline", "b.txt", "--update-baseline"];
    with(&update, &["--target", &host]).expect_success();
    let check = ["check", "--baseline", "b.txt"];
    with(&check, &[]).expect_success();
    let other = with(&check, &["--target", THUMB]);
    assert!(other.code == Some(2) && other.stderr.contains("cannot be compared"), "{other:#?}");

    // A list is of all its targets, each by its name.
    project.write(".cargo/config.toml", &format!("[build]\ntarget = [\"{THUMB}\", \"host-tuple\"]\n"));
    let all = with(&json, &[]).expect_success();
    assert_eq!(targets(&all), both);
    let table = with(&["report"], &[]).expect_success();
    let line =
        |target: &str| table.stdout.lines().find(|line| line.contains(target) && line.contains("holds"));
    assert!(line(THUMB).is_some_and(|line| line.trim_start().starts_with("44 ")), "{}", table.stdout);
    assert!(line(&host).is_some_and(|line| line.trim_start().starts_with("88 ")), "{}", table.stdout);
    let missing = with(&check, &[]);
    assert!(missing.code == Some(2) && missing.stderr.contains(THUMB), "not in the baseline: {missing:#?}");
    with(&update, &["--target", THUMB]).expect_success();
    with(&check, &[]).expect_success();
    let text = project.read("b.txt");
    project.write("b.txt", &text.replace("\t44\t", "\t40\t"));
    let grown = with(&check, &["--format", "json"]);
    let outcome: Value = serde_json::from_str(&grown.stdout).expect("it is JSON");
    let fails = |index: usize| outcome["targets"][index]["findings"].as_array().map(Vec::len);
    assert_eq!((grown.code, &outcome["passed"]), (Some(1), &json!(false)), "{grown:#?}");
    assert_eq!([0, 1].map(|index| outcome["targets"][index]["target"].as_str()), [Some(THUMB), Some(&*host)]);
    assert_eq!((fails(0), fails(1)), (Some(1), Some(0)), "{}", grown.stdout);
    let shown = with(&["hints", "src/lib.rs"], &[]).expect_success();
    assert!(shown.stdout.contains("«44 B") && shown.stderr.contains(THUMB), "{shown:#?}");

    // What rides along with the user's own build is shown for its target only, however that is named.
    project.write(".cargo/config.toml", "");
    let ride = ["cargo", &format!("+{}", nightly()), "check", "--message-format=json", "--target", THUMB];
    run(&mut command(&ride)).expect_success();
    set_program(binary());
    let rode_along = |targets: &[&str]| {
        let selection = Selection {
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            ..Selection::default()
        };
        let request = Request { profile: "dev".to_owned(), selection, ..Request::new(root.to_owned()) };
        let opened = Opened::open(&request).expect("it was just measured");
        let triple = opened.triple(&request);
        let warm = Warm::rode_along(&opened.ride_along, &request, &triple, &Snapshot::default());
        warm.and_then(|warm| warm.beside(&opened, &request)).map(|snapshot| snapshot.target)
    };
    assert_eq!(rode_along(&[THUMB]).as_deref(), Some(THUMB));
    assert_eq!(rode_along(&[]), None);
    project.write(".cargo/config.toml", &format!("[build]\ntarget = \"{THUMB}\"\n"));
    assert_eq!(rode_along(&[]).as_deref(), Some(THUMB));
    assert_eq!(rode_along(&[&host]), None);
    // Cargo takes no offence at what is in its target directory.
    run(cargo(nightly()).current_dir(root).arg("check")).expect_success();
}
