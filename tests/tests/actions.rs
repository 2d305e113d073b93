//! Code actions in an editor: offered where the user looks, measured before they are sure, and refused where
//! they would not fit.

use futurelens_tests::editor::{Editor, Setup, edited, place_of, uri};
use futurelens_tests::project::{DEFER, PENDING_ONCE, Project, future_of};
use futurelens_tests::report::report;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `outer` awaits a future of 4098 bytes.
fn source() -> String {
    format!(
        "{}\npub async fn outer() {{\n    // Comments stay.\n    large().await;\n}}\n{PENDING_ONCE}",
        future_of("large", 4096)
    )
}

fn project(source: &str) -> (Project, PathBuf) {
    let project = Project::lib("demo", source);
    let file = project.root().join("src/lib.rs");
    (project, file)
}

fn titles(actions: &[Value]) -> Vec<&str> {
    actions.iter().filter_map(|action| action["title"].as_str()).collect()
}

const SURE: &str = "Box this future with Box::pin (saves 4083 B)";

/// An editor that takes edits late, with the await on screen whose boxing has been measured, and that action.
fn with_sure_action(project: &Project, file: &Path) -> (Editor, (usize, usize), Value) {
    let mut editor = Editor::open(project.root(), Setup { lazy_edits: true, ..Setup::default() });
    editor.did_open(file);
    let at = place_of(&source(), "large().await");
    let is_sure = |found: &[Value]| titles(found).contains(&SURE);
    let actions = editor.code_actions_when(file, at, "a measured saving", is_sure);
    let action = actions.into_iter().find(|action| action["title"] == SURE).expect("it is there");
    (editor, at, action)
}

#[test]
fn an_awaited_future_is_boxed_and_the_hint_says_what_was_promised() {
    let (project, file) = project(&source());
    let (mut editor, at, action) = with_sure_action(&project, &file);
    assert_eq!(action["kind"], "refactor.rewrite");
    assert_eq!(action["isPreferred"], true);
    assert!(action["edit"].is_null(), "it comes when asked for");
    // At the name too.
    let at_name = editor.code_actions(&file, place_of(&source(), "outer"), json!({ "diagnostics": [] }));
    assert!(titles(&at_name).contains(&SURE), "{at_name:?}");
    // Nowhere else.
    let elsewhere =
        editor.code_actions(&file, place_of(&source(), "PendingOnce(false)"), json!({ "diagnostics": [] }));
    assert_eq!(titles(&elsewhere), Vec::<&str>::new());

    let resolved = editor.request("codeAction/resolve", action.clone());
    let changes = &resolved["edit"]["documentChanges"][0];
    assert_eq!(changes["textDocument"]["uri"], uri(&file));
    assert_eq!(changes["textDocument"]["version"], 1);
    let text = edited(&source(), &changes["edits"], "utf-16");
    assert_eq!(text, source().replace("large().await", "Box::pin(large()).await"));
    editor.did_change_all(&file, &text);
    editor.save_as(&file, &text);
    let outer = place_of(&text, "outer").0;
    let hints = editor.hints_when(&file, "the new size", |hints| {
        hints.iter().any(|hint| hint.line == outer && hint.label.starts_with("16 B") && !hint.is_stale())
    });
    assert!(!hints.is_empty());
    let done = editor.code_actions_when(&file, at, "nothing more", |found| found.is_empty());
    assert_eq!(done.len(), 0);
}

#[test]
fn an_offer_for_a_text_that_moved_on_is_refused() {
    let (project, file) = project(&source());
    let (mut editor, at, action) = with_sure_action(&project, &file);
    // A line above: the offer as it was does not fit, a new one does.
    editor.did_change(&file, (0, 0), (0, 0), "// A comment.\n");
    let error = editor.try_request("codeAction/resolve", action).expect_err("the text moved on");
    assert_eq!(error["code"], -32801, "{error}");
    let moved = editor.code_actions(&file, (at.0 + 1, at.1), json!({ "diagnostics": [] }));
    let again = moved.iter().find(|action| action["title"] == SURE).expect("it moved along");
    let resolved = editor.request("codeAction/resolve", again.clone());
    let text = format!("// A comment.\n{}", source());
    let new = edited(&text, &resolved["edit"]["documentChanges"][0]["edits"], "utf-16");
    assert_eq!(new, text.replace("large().await", "Box::pin(large()).await"));
    // In the fn itself: what was measured is not what stands there.
    editor.did_change(&file, (at.0 + 1, at.1), (at.0 + 1, at.1), "drop(()); ");
    let stale = editor.code_actions(&file, (at.0 + 1, at.1 + 10), json!({ "diagnostics": [] }));
    assert_eq!(titles(&stale), Vec::<&str>::new());
}

#[test]
fn a_diagnostic_has_its_quick_fix() {
    let (project, file) = project(&source());
    let options = json!({ "budget": { "bytes": 1000, "severity": "warning" } });
    let mut editor = Editor::open(project.root(), Setup { options, ..Setup::default() });
    editor.did_open(&file);
    let at = place_of(&source(), "outer");
    editor.code_actions_when(&file, at, "a measured saving", |found| titles(found).contains(&SURE));
    let diagnostic = json!({
        "range": { "start": { "line": at.0, "character": at.1 }, "end": { "line": at.0, "character": at.1 + 5 } },
        "code": "over-budget", "source": "futurelens", "message": "",
    });
    let quick = json!({ "diagnostics": [diagnostic], "only": ["quickfix"] });
    let actions = editor.code_actions(&file, at, quick);
    let action = actions.iter().find(|action| action["title"] == SURE).expect("the fix is offered");
    assert_eq!(action["kind"], "quickfix");
    assert_eq!(action["diagnostics"][0]["code"], "over-budget");
    // This editor did not say that it would ask for the edit, nor that it knows versions.
    let edits = &action["edit"]["changes"][uri(&file)];
    assert_eq!(
        edited(&source(), edits, "utf-16"),
        source().replace("large().await", "Box::pin(large()).await")
    );
    // Without the diagnostic it is no quick fix, and other kinds are not wanted.
    for only in ["quickfix", "source.organizeImports"] {
        let none = editor.code_actions(&file, at, json!({ "diagnostics": [], "only": [only] }));
        assert_eq!(titles(&none), Vec::<&str>::new());
    }
    let rewrite = editor.code_actions(&file, at, json!({ "diagnostics": [], "only": ["refactor"] }));
    assert!(titles(&rewrite).contains(&SURE), "{rewrite:?}");
}

#[test]
fn recursion_without_a_box_has_its_quick_fix() {
    let source = "pub async fn down(n: u32) -> u32 {\n    if n == 0 {\n        return 0;\n    }\n    \
                  down(n - 1).await + 1\n}\n";
    let (project, file) = project(source);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let at = place_of(source, "down(n - 1)");
    let title = "Box the recursive call with Box::pin";
    let actions = editor.code_actions_when(&file, at, "the fix", |found| titles(found).contains(&title));
    let action = actions.iter().find(|action| action["title"] == title).expect("it is there");
    assert_eq!(action["kind"], "quickfix");
    assert_eq!(action["isPreferred"], true);
    let text = edited(source, &action["edit"]["changes"][uri(&file)], "utf-16");
    assert_eq!(text, source.replace("down(n - 1).await", "Box::pin(down(n - 1)).await"));
    editor.did_change_all(&file, &text);
    editor.save_as(&file, &text);
    editor.hints_when(&file, "a size", |hints| hints.iter().any(|hint| hint.line == 0 && !hint.is_stale()));
}

#[test]
fn a_small_saving_is_measured_when_it_is_asked_about() {
    let source = source().replace("4096", "100");
    let (project, file) = project(&source);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let at = place_of(&source, "large().await");
    // A prediction at first, most likely; sure a moment later.
    let wanted = |found: &[Value]| titles(found).contains(&"Box this future with Box::pin (saves 87 B)");
    editor.code_actions_when(&file, at, "a measured saving", wanted);
}

#[test]
fn trying_stops_when_a_save_comes() {
    // Many candidates, so that trying them takes a while.
    let mut text = future_of("large", 4096);
    for n in 0..40 {
        text +=
            &format!("pub async fn outer_{n}() {{\n    large().await;\n    PendingOnce(false).await;\n}}\n");
    }
    text += PENDING_ONCE;
    let (project, file) = project(&text);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let size = |editor: &mut Editor, bytes: &str| {
        editor.hints_when(&file, bytes, |hints| {
            hints.iter().any(|hint| hint.line == 0 && hint.label.starts_with(bytes) && !hint.is_stale())
        });
    };
    size(&mut editor, "4.0 KiB");
    for bytes in [500, 600, 700] {
        let new = text.replace("4096", &bytes.to_string());
        editor.did_change_all(&file, &new);
        editor.save_as(&file, &new);
        size(&mut editor, &format!("{} B", bytes + 2));
    }
    let at = place_of(&text, "outer_7");
    editor.code_actions_when(&file, at, "a measured saving", |found| {
        titles(found).iter().any(|title| title.contains("(saves 687 B)"))
    });
    editor.exit();
    editor.expect_no_children();
    let left = std::fs::read_dir(project.root().join("target/futurelens")).expect("it was built there");
    let left: Vec<String> =
        left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.starts_with("scratch-")), "{left:?}");
}

#[test]
fn what_is_dropped_earlier_is_said_and_never_preferred() {
    let source = format!(
        "{PENDING_ONCE}{DEFER}pub async fn deferred() {{
    let bytes = [1u8; 300];
    defer! {{ println!(\"bye\") }}
    std::hint::black_box(&bytes);
    PendingOnce(false).await;
}}
"
    );
    let (project, file) = project(&source);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let at = place_of(&source, "bytes = ");
    let is_there = |found: &[Value]| {
        titles(found).iter().any(|title| title.ends_with("drops a value made by `defer!` earlier)"))
    };
    let actions = editor.code_actions_when(&file, at, "a block", is_there);
    let block = actions.iter().find(|action| is_there(std::slice::from_ref(action))).expect("it is there");
    assert_eq!(block["isPreferred"], false, "{actions:#?}");
}

#[test]
fn all_safe_edits_of_a_future_are_one_action() {
    let awaits = "    let page = [0u8; 3000];\n    first().await;\n    look(&page).await;\n";
    let source = format!(
        "{}pub async fn look(page: &[u8]) -> usize {{\n    PendingOnce(false).await;\n    page.len()\n}}\n\
         pub async fn both() {{\n{awaits}}}\n{PENDING_ONCE}",
        future_of("first", 3500)
    );
    let (project, file) = project(&source);
    let mut editor = Editor::open(project.root(), Setup { lazy_edits: true, ..Setup::default() });
    editor.did_open(&file);
    let at = place_of(&source, "both");
    let all = "Make all 2 edits that change nothing but the size of `both`";
    let is_all = |action: &Value| action["title"].as_str().is_some_and(|title| title.starts_with(all));
    let actions = editor.code_actions_when(&file, at, "all of them", |found| found.iter().any(is_all));
    let action = actions.iter().find(|action| is_all(action)).expect("it is there");
    assert_eq!(action["isPreferred"], false);
    assert_eq!(actions[0]["isPreferred"], true);
    let resolved = editor.request("codeAction/resolve", action.clone());
    let text = edited(&source, &resolved["edit"]["documentChanges"][0]["edits"], "utf-16");
    let new =
        source.replace("first().await", "Box::pin(first()).await").replace("[0u8; 3000]", "vec![0u8; 3000]");
    assert_eq!(text, new.replace("look(&page)", "look(&page[..])"));
    // What it says is what becomes of it.
    let size = || report(project.root(), &[] as &[&str]).size_of("both");
    let before = size();
    project.write("src/lib.rs", &text);
    let saves = format!("(saves {} B)", before - size());
    let title = action["title"].as_str().expect("a title");
    assert!(title.ends_with(&saves), "{title}, {saves}");
}

#[test]
fn an_edit_of_several_files_is_one_edit_of_all() {
    let lib = format!(
        "mod page;\npub async fn send() -> usize {{\n    // Ünïcode stays.\n    page::checksum([1; 500]).await\n}}\n{PENDING_ONCE}"
    );
    let page = "pub(crate) async fn checksum(page: [u8; 500]) -> usize {\n    page.len()\n}\n";
    let (project, file) = project(&lib);
    project.write("src/page.rs", page);
    let other = project.root().join("src/page.rs");
    let mut editor = Editor::open(project.root(), Setup { lazy_edits: true, ..Setup::default() });
    editor.did_open(&other);
    let at = place_of(page, "checksum");
    let sure = "Make `checksum` a plain fn: it awaits nothing (saves 501 B)";
    let is_there = |found: &[Value]| titles(found).contains(&sure);
    let take = |found: Vec<Value>| found.into_iter().find(|it| it["title"] == sure).expect("it is there");
    let action = take(editor.code_actions_when(&other, at, "a measured saving", is_there));
    let changes = |resolved: &Value| {
        let changes = resolved["edit"]["documentChanges"].as_array().expect("a list").clone();
        let of = |file: &Path| {
            let of_file = changes.iter().find(|it| it["textDocument"]["uri"] == uri(file));
            of_file.expect("it is changed").clone()
        };
        assert_eq!(changes.len(), 2);
        (of(&other), of(&file))
    };
    let (new_page, new_lib) = (page.replace("async fn", "fn"), lib.replace("]).await", "])"));
    // The other file is on disk only.
    let (own, others) = changes(&editor.request("codeAction/resolve", action.clone()));
    assert_eq!(own["textDocument"]["version"], 1);
    assert_eq!(others["textDocument"]["version"], Value::Null);
    assert_eq!(edited(page, &own["edits"], "utf-16"), new_page);
    assert_eq!(edited(&lib, &others["edits"], "utf-16"), new_lib);
    // As it is open.
    editor.did_open(&file);
    let (_, others) = changes(&editor.request("codeAction/resolve", action.clone()));
    assert_eq!(others["textDocument"]["version"], 1);
    assert_eq!(edited(&lib, &others["edits"], "utf-16"), new_lib);
    // Its text is not what was measured: nothing is offered any more, though nothing has changed here.
    editor.did_change(&file, (0, 0), (0, 0), "// A comment.\n");
    assert_eq!(titles(&editor.code_actions(&other, at, json!({ "diagnostics": [] }))), Vec::<&str>::new());
    editor.try_request("codeAction/resolve", action).expect_err("the other text moved on");
    // Undone, and here it has changed.
    editor.did_change_all(&file, &lib);
    assert!(is_there(&editor.code_actions(&other, at, json!({ "diagnostics": [] }))));
    editor.did_change_all(&file, &new_lib);
    editor.did_change_all(&other, &new_page);
    editor.save_as(&file, &new_lib);
    editor.save_as(&other, &new_page);
    let line = place_of(&new_lib, "send").0;
    editor.hints_when(&file, "the new size", |hints| {
        hints.iter().any(|hint| hint.line == line && hint.label.starts_with("1 B") && !hint.is_stale())
    });
}
