//! Diagnostics: budgets, arguments stored twice, futures that tokio boxes. And the hints beside awaits,
//! which say the same in passing.

use futurelens_tests::editor::{Diagnostic, Editor, Setup, place_of, text_at, uri};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use serde_json::json;
use std::fs;

/// Code and the text it is about, in the order published.
fn about<'a>(found: &'a [Diagnostic], text: &'a str) -> Vec<(&'a str, &'a str)> {
    found.iter().map(|found| (found.code.as_str(), text_at(text, found.range))).collect()
}

const OVER: &str = "over-budget";
const TWICE: &str = "stored-twice";
const BOXED: &str = "boxed-by-tokio";

/// `first` 1202 bytes, `second` 260, `quiet::loud` 5002, `caller` 1203.
fn sources() -> String {
    format!(
        "{}{}pub mod quiet {{\nuse super::PendingOnce;\n{}}}\n\
         pub async fn caller() {{\n    first().await;\n    second().await;\n}}\n\
         pub async fn twice(large: [u8; 257], small: [u8; 256]) {{\n    second().await;\n    \
         std::hint::black_box((&large, &small));\n}}\n{PENDING_ONCE}",
        future_of("first", 1200),
        future_of("second", 258),
        future_of("loud", 5000)
    )
}

#[test]
fn budgets() {
    let text = sources();
    let project = Project::lib("demo", &text);
    let file = project.root().join("src/lib.rs");
    let options = json!({ "budget": { "bytes": 1202, "severity": "warning" } });
    let mut editor = Editor::open(project.root(), Setup { options, ..Setup::default() });
    editor.did_open(&file);

    let by_setting = [(OVER, "loud"), (OVER, "caller"), (OVER, "twice"), (TWICE, "large")];
    // 1286 bytes: both arguments twice, 260 of the awaited one, and the discriminant.
    let expected = |found: &[Diagnostic]| about(found, &text) == by_setting;
    let found = editor.diagnostics_when(&file, "what is over 1202 bytes", expected);
    assert!(found.iter().all(|found| found.severity == 2), "{found:#?}");
    let loud = &found[0];
    for wanted in ["`quiet::loud`", "5,002 bytes", "3,800 over its budget of 1,202"] {
        assert!(loud.message.contains(wanted), "{wanted} in {loud:#?}");
    }
    assert!(loud.url.starts_with("https://"), "{loud:#?}");
    let [(in_file, range, said)] = loud.related.as_slice() else { panic!("one culprit: {loud:#?}") };
    assert_eq!((in_file.as_str(), text_at(&text, *range)), (uri(&file).as_str(), "held"));
    assert_eq!(range.0.0, loud.range.0.0 + 1, "the one of this fn");
    assert!(said.contains("`held`") && said.contains("4.9 KiB"), "{said}");
    let caller = found[1].related.iter().map(|(_, range, _)| text_at(&text, *range));
    assert!(caller.clone().any(|text| text.contains("first()")), "{:#?}", found[1]);
    let twice = &found[3];
    assert!(twice.message.contains("`large` is stored twice"), "{twice:#?}");
    assert!(twice.message.contains("257 bytes each") && twice.url.starts_with("https://"), "{twice:#?}");

    // Louder, silent, quieter again.
    for (severity, number) in [("error", 1), ("information", 3), ("off", 0), ("hint", 4)] {
        editor.configure(json!({ "budget": { "bytes": 1202, "severity": severity } }));
        editor.diagnostics_when(&file, severity, |found| match number {
            0 => found.is_empty(),
            _ => expected(found) && found.iter().all(|found| found.severity == number),
        });
    }
    // Without a budget.
    editor.configure(json!({}));
    editor.diagnostics_when(&file, "no budget", |found| about(found, &text) == [(TWICE, "large")]);

    awaits(&mut editor, &file, &text);
    in_the_manifest(&mut editor, &project, &text);

    // Mended, line by line: not while that is not saved, and not a moment longer.
    let mended = text.replace("[1u8; 1200]", "[1u8; 600]");
    editor.did_change_all(&file, &mended);
    let without = |name: &'static str| {
        move |found: &[Diagnostic], text: &str| about(found, text).iter().all(|(_, about)| *about != name)
    };
    editor.diagnostics_when(&file, "what was changed is not accused", |found| {
        without("first")(found, &mended) && !found.is_empty()
    });
    fs::write(&file, &mended).expect("the file is writable");
    editor.did_save(&file);
    editor.diagnostics_when(&file, "measured again", |found| {
        without("first")(found, &mended) && without("caller")(found, &mended) && !found.is_empty()
    });
    editor.did_close(&file);
    editor.diagnostics_when(&file, "nothing about a closed file", <[Diagnostic]>::is_empty);
    editor.exit();
}

fn awaits(editor: &mut Editor, file: &std::path::Path, text: &str) {
    let line = |needle: &str| place_of(text, needle).0;
    let (large, small) = (line("    first().await"), line("    second().await;\n}"));
    let held = |editor: &mut Editor, awaits: &str| -> Vec<(usize, String)> {
        editor.configure(json!({ "hints": { "awaits": awaits } }));
        let hints = editor.hints(file).into_iter();
        hints.filter(|hint| hint.label.contains("held")).map(|hint| (hint.line, hint.label)).collect()
    };
    // At least half of its future; of `twice` the awaited one is a fifth.
    assert_eq!(held(editor, "large"), [(large, "1202 B held".to_owned())]);
    let all = held(editor, "all");
    assert!(all.contains(&(large, "1202 B held".to_owned())), "{all:?}");
    assert!(all.contains(&(small, "260 B held".to_owned())), "{all:?}");
    // One beside each of the six.
    assert_eq!(all.len(), text.matches(".await").count(), "{all:?}");
    assert_eq!(held(editor, "off"), []);
}

fn in_the_manifest(editor: &mut Editor, project: &Project, text: &str) {
    let file = project.root().join("src/lib.rs");
    let cargo_toml = project.root().join("Cargo.toml");
    let package = manifest("demo");
    let mut tables = |tables: &str| {
        fs::write(&cargo_toml, format!("{package}\n{tables}")).expect("it is writable");
        editor.did_change_watched(&cargo_toml);
    };
    tables(
        "[workspace.metadata.futurelens]\nbudget = 1202\n\n\
         [workspace.metadata.futurelens.budgets]\n\"quiet::*\" = false\n\"seco*\" = 100\n",
    );
    let expected = [(OVER, "second"), (OVER, "caller"), (OVER, "twice"), (TWICE, "large")];
    editor.diagnostics_when(&file, "the workspace's budgets", |found| about(found, text) == expected);

    // The setting is for where the manifests say nothing; the package's word comes before the
    // workspace's, and what is said about one fn before what is said about all.
    editor.configure(json!({ "budget": { "bytes": 1 } }));
    let mut tables = |tables: &str| {
        fs::write(&cargo_toml, format!("{package}\n{tables}")).expect("it is writable");
        editor.did_change_watched(&cargo_toml);
    };
    tables(
        "[workspace.metadata.futurelens]\nbudget = 2\n\n\
         [package.metadata.futurelens]\nbudget = false\n\n\
         [package.metadata.futurelens.budgets]\n\"quiet::loud\" = 4000\n\"demo::first\" = 1201\n",
    );
    let expected = [(OVER, "first"), (OVER, "loud"), (TWICE, "large")];
    editor.diagnostics_when(&file, "the package's budgets", |found| about(found, text) == expected);

    // What is not understood is said, once, and the rest counts.
    let begin = editor.now();
    for comment in ["# One.\n", "# Two.\n"] {
        let before = editor.now();
        let wrong = format!(
            "{package}\n{comment}[package.metadata.futurelens]\nbudget = \"large\"\n\n\
             [package.metadata.futurelens.budgets]\n\"first\" = 1\n\"*\" = false\n"
        );
        fs::write(&cargo_toml, wrong).expect("it is writable");
        editor.did_change_watched(&cargo_toml);
        editor.wait_for_work(before);
    }
    editor.diagnostics_when(&file, "the rest counts", |found| {
        about(found, text) == [(OVER, "first"), (TWICE, "large")]
    });
    let rebuilt = editor.now();
    editor.did_save(&file);
    editor.wait_for_work(rebuilt);
    let again: Vec<String> = editor.shown(rebuilt);
    assert_eq!(again, Vec::<String>::new(), "it was said before");
    let said: Vec<String> =
        editor.shown(begin).into_iter().filter(|said| said.contains("`budget`")).collect();
    assert!(!said.is_empty() && said[0].contains("[package.metadata.futurelens]"), "{said:?}");
}

#[test]
fn boxed_by_tokio() {
    let futures = [("huge", 20_000), ("over", 16_383), ("edge", 16_382), ("middle", 2_047), ("tiny", 2_046)];
    let futures: String = futures.map(|(name, bytes)| future_of(name, bytes)).concat();
    let text = format!(
        "{futures}
pub mod threads {{
    pub fn huge() -> impl FnOnce() + Send + 'static {{
        || ()
    }}
}}

pub async fn spawns(set: &mut tokio::task::JoinSet<()>, rt: &tokio::runtime::Runtime) {{
    tokio::spawn(async move {{ huge().await }}); // both: a block
    tokio::spawn(huge()); // both: a call
    set.spawn(over()); // both: a set
    tokio::spawn(edge()); // dev: exactly at the threshold
    rt.block_on(huge()); // both: to the end
    rt.block_on(middle()); // dev: to the end
    set.spawn(async {{ middle().await }}); // dev: a block
    tokio::spawn(tiny()); // none: exactly at the threshold
    std::thread::spawn(|| ()); // none: a thread
    std::thread::spawn(threads::huge()); // none: a thread too
    std::thread::spawn(move || drop(huge())); // none: a thread again
}}
{PENDING_ONCE}"
    );
    let project = Project::lib("demo", &text);
    let dependency = "tokio = { version = \"1\", default-features = false, features = [\"rt\"] }";
    project.write("Cargo.toml", &format!("{}\n[dependencies]\n{dependency}\n", manifest("demo")));
    let file = project.root().join("src/lib.rs");
    let lines_with = |marks: &[&str]| -> Vec<usize> {
        let lines = text.lines().enumerate();
        lines.filter(|(_, line)| marks.iter().any(|mark| line.contains(mark))).map(|(at, _)| at).collect()
    };
    let boxed = |found: &[Diagnostic]| -> Vec<usize> {
        found.iter().filter(|found| found.code == BOXED).map(|found| found.range.0.0).collect()
    };

    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let found =
        editor.diagnostics_when(&file, "boxed in release", |found| boxed(found) == lines_with(&["// both"]));
    for found in found.iter().filter(|found| found.code == BOXED) {
        assert!(["spawn", "block_on"].contains(&text_at(&text, found.range)), "{found:#?}");
        assert!(found.message.contains("16,384 bytes") && found.url.contains("tokio"), "{found:#?}");
    }
    editor.configure(json!({ "profile": "dev" }));
    let found = editor
        .diagnostics_when(&file, "boxed in dev", |found| boxed(found) == lines_with(&["// both", "// dev"]));
    assert!(found.iter().all(|found| found.message.contains("2,048 bytes")), "{found:#?}");
    editor.exit();
}
