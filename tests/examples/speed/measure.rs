//! One row of the table: cold, saves, warm, requests.

use super::Options;
use super::edits::{Target, busiest_files, targets};
use super::server::{Build, cpu, is_number, kept, open, paused};
use futurelens_tests::binary::{binary, cargo, clean_command, nightly, run};
use futurelens_tests::editor::{Editor, memory, uri, whole_file};
use futurelens_tests::oracle;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Titles and alignment.
pub const COLUMNS: [(&str, &str); 16] = [
    ("project", "---"),
    ("futures", "---:"),
    ("cold check, s", "---:"),
    ("first hints ÷ check", "---:"),
    ("all ÷ check", "---:"),
    ("all ÷ full build", "---:"),
    ("check after edit, s", "---:"),
    ("save: concrete ÷ check", "---:"),
    ("save: all ÷ check", "---:"),
    ("CPU per save, s: ours / check", "---:"),
    ("warm open, s", "---:"),
    ("inlayHint, ms", "---:"),
    ("hover, ms", "---:"),
    ("codeAction, ms", "---:"),
    ("memory, MB: build / saves / peak", "---:"),
    ("kept, MB", "---:"),
];

const NOTHING: &str = "–";

/// How many files an editor has open at first; some may hold nothing that is compiled here.
const OPENED_FILES: usize = 12;

/// How many with hints stay open.
const OPEN_FILES: usize = 4;

/// How long to wait for what runs in the background.
const CALM: Duration = Duration::from_secs(60);

/// All cells but the first.
pub fn measure(root: &Path, options: &Options) -> Vec<String> {
    let mut files = busiest_files(root, OPENED_FILES);
    assert!(!files.is_empty(), "no async fn in {}", root.display());
    binary();
    run(clean_command("cargo").arg("fetch").current_dir(root)).expect_success();

    eprintln!("  cargo check, cold");
    let (check, _) = timed(check_command(root)).expect("it compiles");
    eprintln!("  server, cold (check: {check:.2} s)");
    let cold = open(root, &files);
    let (first, all) = (cold.first.as_secs_f64(), cold.all.as_secs_f64());
    let mut editor = cold.editor;
    let (built, _) = memory(editor.pid());
    let mut left = 0;
    files.retain(|file| {
        let is_kept = left < OPEN_FILES && editor.shown_hints(file).1.iter().any(is_number);
        left += usize::from(is_kept);
        if !is_kept {
            editor.did_close(file);
        }
        is_kept
    });
    let workflow = (!options.skip_workflow).then(|| {
        editor.is_quiet(CALM);
        eprintln!("  a full build that prints type sizes (first hints: {first:.2} s, all: {all:.2} s)");
        paused(&editor, || workflow(root))
    });

    eprintln!("  {} saves", options.edits);
    let saves = saves(&mut editor, root, &files, options.edits);
    let (saved, peak) = memory(editor.pid());
    editor.exit();
    drop(editor);

    eprintln!("  server, warm");
    let warm = open(root, &files);
    let mut editor = warm.editor;
    let largest = largest(&files);
    if !editor.is_quiet(CALM) {
        eprintln!("  edits are still being tried while requests are answered");
    }
    eprintln!("  {} requests of each kind in {}", options.requests, largest.display());
    let latencies = requests(&mut editor, &largest, options.requests);
    let report = editor.request("futurelens/report", json!({}));
    let workspaces = report["workspaces"].as_array().into_iter().flatten();
    let futures: usize = workspaces.map(|one| one["futures"].as_array().map_or(0, Vec::len)).sum();
    editor.exit();

    let of = |part: fn(&Save) -> Option<f64>| median(saves.iter().filter_map(part).collect());
    let cell = |value: Option<f64>| value.map_or(NOTHING.to_owned(), |value| format!("{value:.2}"));
    let (ours, theirs) = (of(|save| save.cpu), of(|save| Some(save.check_cpu)));
    let mut cells = vec![futures.to_string(), cell(Some(check)), cell(Some(first / check))];
    cells.extend([cell(Some(all / check)), cell(workflow.map(|workflow| all / workflow))]);
    cells.push(cell(of(|save| Some(save.check))));
    cells.push(cell(of(|save| Some(save.concrete / save.check))));
    cells.push(cell(of(|save| Some(save.all / save.check))));
    cells.push(format!("{} / {}", cell(ours), cell(theirs)));
    cells.push(cell(Some(warm.first.as_secs_f64())));
    cells.extend(latencies);
    cells.push(format!("{built:.0} / {saved:.0} / {peak:.0}"));
    cells.push(format!("{:.1}", kept(root)));
    cells
}

/// What rust-analyzer runs on save, with the project's own toolchain.
fn check_command(root: &Path) -> Command {
    let mut command = clean_command("cargo");
    command.arg("check").current_dir(root);
    command
}

/// Seconds of the clock and of the CPU that a command takes, if it succeeds.
fn timed(mut command: Command) -> Option<(f64, f64)> {
    let before = cpu("self").children;
    let start = Instant::now();
    let done = run(&mut command);
    let seconds = start.elapsed().as_secs_f64();
    if done.code != Some(0) {
        eprintln!("{}", done.stderr);
    }
    (done.code == Some(0)).then(|| (seconds, cpu("self").children - before))
}

/// Seconds for today's way to the numbers: a full build of everything, one crate after the other, and a parser.
fn workflow(root: &Path) -> f64 {
    let target = tempfile::tempdir().expect("the temporary directory is writable");
    let mut command = cargo(nightly());
    command.args(["build", "--release", "-j", "1", "--target-dir"]).arg(target.path()).current_dir(root);
    command.env("RUSTFLAGS", "-Zprint-type-sizes");
    let start = Instant::now();
    let printed = run(&mut command).expect_success();
    assert!(!oracle::parse(&printed.stdout).is_empty(), "it printed sizes");
    start.elapsed().as_secs_f64()
}

/// What one save took, in seconds.
struct Save {
    /// `cargo check` of the same edit.
    check: f64,
    check_cpu: f64,
    /// Until the edited fn's new number was there.
    concrete: f64,
    /// Until the build was over.
    all: f64,
    /// Of the server and all that it started; none if something else ran in the background.
    cpu: Option<f64>,
}

fn saves(editor: &mut Editor, root: &Path, files: &[PathBuf], count: usize) -> Vec<Save> {
    let read = |file: &PathBuf| (file.clone(), fs::read_to_string(file).expect("it is a source"));
    let mut texts: BTreeMap<PathBuf, String> = files.iter().map(read).collect();
    let mut saves = Vec::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for number in 0..count * 2 {
        if saves.len() == count {
            break;
        }
        let mut targets = targets(editor, &texts);
        assert!(!targets.is_empty(), "no concrete async fn with an await in {files:?}");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let target = targets.swap_remove((random >> 33) as usize % targets.len());
        let old = texts[&target.file].clone();
        let new = target.edited(&old, number);
        let calm = editor.is_quiet(CALM);
        match save(editor, root, &target, &new, number / 2 % 2 == 0) {
            Some(mut save) => {
                save.cpu = save.cpu.filter(|_| calm);
                eprintln!(
                    "    check {:.2} s, concrete {:.2} s, all {:.2} s, CPU {:.2} s ({:.2} s)",
                    save.check,
                    save.concrete,
                    save.all,
                    save.cpu.unwrap_or(f64::NAN),
                    save.check_cpu
                );
                saves.push(save);
                texts.insert(target.file, new);
            }
            None => {
                eprintln!("    an edit that does not compile is taken back");
                let since = editor.now();
                editor.save_as(&target.file, &old);
                Build::after(since).wait(editor);
                editor.is_quiet(CALM);
                timed(check_command(root));
            }
        }
    }
    saves
}

/// Both see the edit for the first time, one after the other. Nothing if it does not compile.
fn save(editor: &mut Editor, root: &Path, target: &Target, new: &str, check_first: bool) -> Option<Save> {
    let check = |editor: &Editor| paused(editor, || timed(check_command(root)));
    editor.did_change_all(&target.file, new);
    editor.shown_hints(&target.file);
    fs::write(&target.file, new).expect("the copy is writable");
    let before = check_first.then(|| check(editor));
    if before == Some(None) {
        return None;
    }

    let changed = |editor: &mut Editor| {
        let (at, hints) = editor.shown_hints(&target.file);
        let hint = hints.into_iter().find(|hint| (hint.line, hint.character) == target.at);
        (at, hint.is_some_and(|hint| !hint.is_stale() && hint.label != target.label))
    };
    let total = |editor: &Editor| {
        let cpu = cpu(&editor.pid().to_string());
        cpu.own + cpu.children
    };
    let mut build = Build::after(editor.now());
    let cpu_before = total(editor);
    let start = Instant::now();
    editor.did_save(&target.file);
    let mut concrete = None;
    let over = loop {
        let (at, _) = build.next(editor);
        if concrete.is_none() {
            let (answered, is_new) = changed(editor);
            concrete = is_new.then_some(answered);
        }
        if build.is_over() {
            break at;
        }
    };
    let cpu = total(editor) - cpu_before;
    let concrete = concrete?;
    // Is the number still there when all is over?
    changed(editor).1.then_some(())?;
    let (check, check_cpu) = match before {
        Some(before) => before?,
        None => check(editor)?,
    };
    let seconds = |at: Instant| (at - start).as_secs_f64();
    let all = seconds(over.max(concrete));
    Some(Save { check, check_cpu, concrete: seconds(concrete), all, cpu: Some(cpu) })
}

/// The open file with the most lines.
fn largest(files: &[PathBuf]) -> PathBuf {
    let lines = |path: &&PathBuf| fs::read_to_string(path).map_or(0, |text| text.lines().count());
    files.iter().max_by_key(lines).expect("there are some").clone()
}

/// Latencies of the three requests: median and 99th percentile in milliseconds.
fn requests(editor: &mut Editor, file: &Path, count: usize) -> [String; 3] {
    let text = fs::read_to_string(file).expect("it is a source");
    let mut places = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (what, skip) in [("async fn ", 9), (".await", 1)] {
            let found = line.match_indices(what).filter(|(at, _)| line[..*at].is_ascii());
            places.extend(found.map(|(at, _)| json!({ "line": number, "character": at + skip })));
        }
    }
    let document = json!({ "uri": uri(file) });
    let at = |n: usize| &places[n * 7 % places.len()];
    let hover = |n: usize| json!({ "textDocument": document, "position": at(n) });
    let action = |n: usize| {
        let range = json!({ "start": at(n), "end": at(n) });
        json!({ "textDocument": document, "range": range, "context": { "diagnostics": [] } })
    };
    let mut latencies = |method: &str, params: &dyn Fn(usize) -> Value| {
        let mut times: Vec<f64> = (0..count)
            .map(|n| {
                let params = params(n);
                let start = Instant::now();
                let (answered, answer) = editor.timed_request(method, params);
                assert!(answer.is_ok(), "{method}: {answer:?}");
                (answered - start).as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let last = times.len().saturating_sub(1);
        let at = |share: f64| times.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN);
        format!("{:.2} / {:.2}", at(0.5), at(0.99))
    };
    [
        latencies("textDocument/inlayHint", &|_| whole_file(file)),
        latencies("textDocument/hover", &hover),
        latencies("textDocument/codeAction", &action),
    ]
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => Some((values.get(middle.checked_sub(1)?)? + values[middle]) / 2.0),
        _ => Some(values[middle]),
    }
}
