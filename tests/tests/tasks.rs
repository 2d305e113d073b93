//! Where memory is taken for futures, and how much, is what programs do when they run, and what is in binaries.

use futurelens_tests::binary::{cargo, fixture, futurelens, has_target, nightly, run, skip};
use futurelens_tests::project::Project;
use object::{Object as _, ObjectSymbol as _};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn tasks(root: &Path, arguments: &[&str]) -> Vec<Value> {
    let mut report = futurelens();
    report
        .arg("report")
        .arg(root)
        .args(["--tasks", "--format", "json", "--toolchain", "nightly"])
        .args(arguments);
    let report: Value =
        serde_json::from_str(&run(&mut report).expect_success().stdout).expect("report prints JSON");
    report["tasks"].as_array().expect("there are some").clone()
}

fn number(task: &Value, field: &str) -> u64 {
    task[field].as_u64().unwrap_or_else(|| panic!("{field} of {task}"))
}

fn name(task: &Value) -> &str {
    task["name"].as_str().expect("it has a name")
}

/// `NAME SIZE ALIGNMENT`, by line.
fn asked_for(text: &str) -> BTreeSet<(String, u64, u64)> {
    let line = |line: &str| {
        let [name, size, align] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (name.to_owned(), size.parse().expect("bytes"), align.parse().expect("bytes"))
    };
    text.lines().map(line).collect()
}

/// Every size that the program asks for is in the table, and every row of the table is asked for.
fn as_at_run_time(profile: &str) {
    let project = Project::copy_of(&fixture("allocations"));
    let mut program = cargo(nightly());
    program.args(["run", "--quiet", "--locked", "--profile", profile]).current_dir(project.root());
    let asked_for = asked_for(&run(&mut program).expect_success().stdout);
    assert!(asked_for.len() > 15, "{asked_for:?}");
    let tasks = tasks(project.root(), &["--profile", profile]);
    for (of, size, align) in &asked_for {
        let has_it = |task: &&Value| {
            let bytes = number(task, "size");
            // How many elements there are is not in the type.
            let is_it = if task["count"].is_null() { size % bytes == 0 } else { *size == bytes };
            name(task) == of && is_it && *align == number(task, "align")
        };
        assert!(
            tasks.iter().any(|task| has_it(&task)),
            "{profile}: {of} asks for {size}, aligned to {align}: {tasks:#?}"
        );
    }
    for task in tasks.iter().filter(|task| number(task, "size") > 1_000) {
        // The compiler made this allocation go away.
        if profile == "release" && name(task) == "in_mutex" {
            continue;
        }
        let size = number(task, "size");
        let is_it = |(of, bytes, _): &(String, u64, u64)| {
            of == name(task) && if task["count"].is_null() { bytes % size == 0 } else { *bytes == size }
        };
        assert!(asked_for.iter().any(is_it), "{profile}: nobody asks for {task}");
    }
    // Of a task of a box the box is one more allocation.
    let of_boxes = tasks.iter().filter(|task| task["points_to"] == true).map(name);
    let boxes: BTreeSet<&str> = tasks.iter().filter(|task| task["made_by"] == "Box").map(name).collect();
    assert!(of_boxes.clone().next().is_some());
    of_boxes.for_each(|of| assert!(boxes.contains(of), "{of}: {tasks:#?}"));
    let spawned = tasks.iter().find(|task| name(task) == "spawned").expect("it is spawned");
    let source = project.read("src/main.rs");
    let line =
        source.lines().position(|line| line.contains("tokio::spawn(spawned(1))")).expect("it is there") + 1;
    assert_eq!(number(&spawned["places"][0], "line"), line as u64);
}

#[test]
fn with_debug_assertions_as_the_program_asks() {
    as_at_run_time("dev");
}

#[test]
fn optimized_as_the_program_asks() {
    as_at_run_time("release");
}

/// Pools are symbols of the linked binary.
#[test]
fn static_pools_are_those_of_the_binary() {
    const THUMB: &str = "thumbv7em-none-eabihf";
    if !has_target(THUMB) {
        return skip(&format!("{THUMB} cannot be installed"));
    }
    let project = Project::copy_of(&fixture("firmware"));
    let mut build = cargo(nightly());
    run(build.args(["build", "--release", "--locked", "--quiet"]).current_dir(project.root()))
        .expect_success();
    let binary = project.root().join("target").join(THUMB).join("release/firmware");
    let binary = std::fs::read(binary).expect("it was just linked");
    let binary = object::File::parse(&*binary).expect("it is an ELF file");
    // `…8firmware3web4POOL`
    let pools: BTreeSet<(String, u64)> = binary
        .symbols()
        .filter_map(|symbol| {
            let path = symbol.name().ok()?.strip_suffix("4POOL")?;
            let at = path.rfind(|char: char| char.is_ascii_digit())? + 1;
            // The macro's name for `main`: `____embassy_main_task`.
            let name = path[at..].trim_start_matches('_').trim_start_matches("embassy_");
            Some((name.trim_end_matches("_task").to_owned(), symbol.size()))
        })
        .collect();
    let tasks = tasks(project.root(), &[]);
    let found = tasks.iter().filter(|task| task["static"] == true);
    let found: BTreeSet<(String, u64)> =
        found.map(|task| (name(task).to_owned(), number(task, "size"))).collect();
    assert_eq!(found, pools);
    assert!(found.contains(&("web".to_owned(), 31_296)), "{found:?}");
    let web = tasks.iter().find(|task| name(task) == "web").expect("it is there");
    assert_eq!((number(web, "future_size"), number(web, "count")), (3_896, 8));
}
