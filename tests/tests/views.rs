//! What an editor's own views are made of: the layout of one future, the report of all, the status of a
//! workspace, and sizes as diagnostics.

use futurelens_tests::binary::{futurelens, run};
use futurelens_tests::editor::{Diagnostic, Editor, Moment, Setup, place_of, text_at, uri};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// `first` 260 bytes, `second` 100, `caller` 301, `generic` of a `u8` and of 64 bytes, `unused` without a
/// size.
fn source() -> String {
    format!(
        "{}{}pub async fn caller() {{\n    let buffer = std::hint::black_box([1u8; 40]);\n    \
         second().await;\n    first().await;\n    std::hint::black_box(&buffer);\n}}\n\
         pub async fn generic<T>(value: T) {{\n    PendingOnce(false).await;\n    \
         std::hint::black_box(&value);\n}}\n\
         pub async fn instances() {{\n    generic(1u8).await;\n    generic([1u8; 64]).await;\n}}\n\
         pub async fn unused<T>(value: T) {{\n    PendingOnce(false).await;\n    drop(value);\n}}\n\
         pub fn no_future() -> u8 {{\n    7\n}}\n{PENDING_ONCE}",
        future_of("first", 258),
        future_of("second", 98),
    )
}

fn project() -> (Project, PathBuf) {
    let project = Project::lib("demo", &source());
    let file = project.root().join("src/lib.rs");
    (project, file)
}

fn measured(project: &Project, file: &Path, setup: Setup) -> Editor {
    let mut editor = Editor::open(project.root(), setup);
    editor.did_open(file);
    // Not only for the first sizes: instances of generic futures come last.
    editor.wait_for_work(Moment::start());
    editor
}

fn layout_at(editor: &mut Editor, file: &Path, (line, character): (usize, usize)) -> Value {
    let position = json!({ "line": line, "character": character });
    editor.request("futurelens/layout", json!({ "textDocument": { "uri": uri(file) }, "position": position }))
}

fn layout_of(editor: &mut Editor, id: &Value) -> Value {
    editor.request("futurelens/layout", json!({ "id": id }))
}

/// What a location is about, all in one line.
#[track_caller]
fn text_of<'a>(location: &Value, file: &Path, text: &'a str) -> &'a str {
    assert_eq!(location["uri"], *uri(file), "{location}");
    let place = |place: &Value| {
        let number =
            |key: &str| usize::try_from(place[key].as_u64().expect("a number")).expect("it is small");
        (number("line"), number("character"))
    };
    text_at(text, (place(&location["range"]["start"]), place(&location["range"]["end"])))
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default();
    keys.sort_unstable();
    keys
}

#[test]
fn layout() {
    let (project, file) = project();
    let text = source();
    let mut editor = measured(&project, &file, Setup::default());

    let layout = layout_at(&mut editor, &file, place_of(&text, "caller()"));
    assert_eq!(
        keys(&layout),
        [
            "align",
            "cacheLine",
            "discriminant",
            "id",
            "instances",
            "kind",
            "location",
            "name",
            "nested",
            "size",
            "stale",
            "states",
            "text",
            "type",
            "upvars"
        ]
    );
    assert_eq!((&layout["name"], &layout["kind"]), (&json!("caller"), &json!("async fn")), "{layout:#}");
    assert_eq!(layout["size"], 301, "260 of the larger awaitee, 40 of the buffer, 1: {layout:#}");
    assert_eq!(
        (&layout["cacheLine"], &layout["align"], &layout["stale"]),
        (&json!(64), &json!(1), &json!(false))
    );
    assert_eq!(text_of(&layout["location"], &file, &text), "caller");
    assert_eq!(layout["instances"], json!([{ "id": layout["id"], "size": 301, "arguments": [] }]));
    assert_eq!(layout["upvars"], json!([]));

    let states = layout["states"].as_array().expect("a list");
    let names: Vec<&str> = states.iter().filter_map(|state| state["name"].as_str()).collect();
    assert_eq!(names, ["Unresumed", "Suspend0", "Suspend1", "Returned", "Panicked"]);
    assert_eq!(states[0]["location"], Value::Null);
    assert_eq!(states[1]["location"]["range"]["start"]["line"], place_of(&text, "second().await").0);
    let held = states[2]["held"].as_array().expect("a list");
    let buffer = held.iter().find(|held| held["name"] == "buffer").expect("it is held");
    assert_eq!(keys(buffer), ["future", "kind", "location", "name", "offset", "size", "type", "why"]);
    assert_eq!(
        (&buffer["kind"], &buffer["type"], &buffer["size"]),
        (&json!("local"), &json!("[u8; 40]"), &json!(40))
    );
    assert_eq!(text_of(&buffer["location"], &file, &text), "buffer");
    let line = place_of(&text, "(&buffer)").0 + 1;
    assert_eq!(buffer["why"], format!("used later, line {line}"));
    let awaited = held.iter().find(|held| held["kind"] == "awaitee").expect("it is held");
    assert_eq!(awaited["why"], Value::Null, "the kind says it");

    // From one to the next by identity, also by that of the tree.
    let inner = layout_of(&mut editor, &awaited["future"]);
    assert_eq!((&inner["name"], &inner["size"]), (&json!("first"), &json!(260)), "{inner:#}");
    let nested = &layout["nested"];
    assert_eq!((&nested["id"], &nested["size"], &nested["own"]), (&layout["id"], &json!(301), &json!(41)));
    let below: Vec<&Value> =
        nested["children"].as_array().into_iter().flatten().map(|c| &c["size"]).collect();
    assert_eq!(below, [260, 100], "largest first: {nested:#}");
    assert_eq!(nested["children"][0]["id"], inner["id"]);
    assert_eq!(layout_of(&mut editor, &layout["id"]), layout, "by place or by identity");

    // The same words as in a terminal.
    let explained = run(futurelens().args(["explain", "caller"]).arg(project.root())).expect_success().stdout;
    assert_eq!(layout["text"], explained);

    // On the keyword, in the body, at its end; and not behind it.
    let (line, _) = place_of(&text, "pub async fn caller");
    for at in [(line, 5), place_of(&text, "second().await"), (line + 5, 0)] {
        assert_eq!(layout_at(&mut editor, &file, at)["name"], "caller", "{at:?}");
    }
    for at in [place_of(&text, "no_future"), place_of(&text, "struct PendingOnce"), (10_000, 10_000)] {
        assert_eq!(layout_at(&mut editor, &file, at), Value::Null, "{at:?}");
    }

    let generic = layout_at(&mut editor, &file, place_of(&text, "generic<T>"));
    let instances = generic["instances"].as_array().expect("a list");
    let arguments: Vec<&Value> = instances.iter().map(|instance| &instance["arguments"]).collect();
    assert_eq!(arguments, [&json!([["T", "[u8; 64]"]]), &json!([["T", "u8"]])], "{generic:#}");
    assert_eq!(generic["id"], instances[0]["id"], "the largest one");
    let small = layout_of(&mut editor, &instances[1]["id"]);
    assert_eq!((&small["id"], &small["size"]), (&instances[1]["id"], &instances[1]["size"]));
    assert_eq!(small["instances"], generic["instances"]);
    assert!(small["text"].as_str().is_some_and(|text| text.contains("T = u8") && !text.contains("64]")));
    assert_eq!(small["upvars"][0]["type"], "u8", "{small:#}");
    assert_eq!(layout_at(&mut editor, &file, place_of(&text, "unused<T>")), Value::Null, "it has no size");

    places_of_today(&mut editor, &project, &file, &text, &layout);
    nonsense(&mut editor, &file);
    editor.exit();
}

/// Places go along with the text, those that stand no more are not given, and numbers say that they are old.
fn places_of_today(editor: &mut Editor, project: &Project, file: &Path, text: &str, before: &Value) {
    let moved = format!("// é😀\n\n{text}")
        .replace("second().await;\n    first", "/* 😀 */ second().await;\n    first");
    editor.did_change_all(file, &moved);
    let layout = layout_of(editor, &before["id"]);
    assert_eq!(layout["stale"], false, "only moved");
    assert_eq!(layout["location"]["range"]["start"]["line"], place_of(text, "caller()").0 + 2);
    let awaiting = &layout["states"][1]["location"]["range"]["start"];
    let was = &before["states"][1]["location"]["range"]["start"];
    assert_eq!(awaiting["line"], was["line"].as_u64().expect("a number") + 2);
    assert_eq!(awaiting["character"], was["character"].as_u64().expect("a number") + 9, "in UTF-16");
    let why = layout["states"][2]["held"].as_array().into_iter().flatten();
    let why = why.filter_map(|held| held["why"].as_str()).collect::<String>();
    assert_eq!(why, format!("used later, line {}", place_of(text, "(&buffer)").0 + 3));

    let edited = text.replace("let buffer = std::hint::black_box([1u8; 40]);", "let other = [1u8; 4];");
    editor.did_change_all(file, &edited);
    let layout = layout_of(editor, &before["id"]);
    assert_eq!(layout["stale"], true);
    assert!(layout["text"].as_str().is_some_and(|text| text.contains("Stale")), "{layout:#}");
    let held = layout["states"][2]["held"].as_array().into_iter().flatten();
    let places: Vec<(&Value, bool)> = held
        .map(|held| (&held["name"], held["location"].is_null()))
        .filter(|(name, _)| **name == "buffer")
        .collect();
    assert_eq!(places, [(&json!("buffer"), true)], "it stands no more");
    assert_eq!(text_of(&layout["location"], file, &edited), "caller");

    // The whole fn is gone; its numbers can still be asked for.
    let start = text.find("pub async fn caller").expect("it is there");
    let end = text.find("pub async fn generic").expect("it is there");
    editor.did_change_all(file, &format!("{}{}", &text[..start], &text[end..]));
    let layout = layout_of(editor, &before["id"]);
    assert_eq!((&layout["location"], &layout["stale"]), (&Value::Null, &json!(true)));

    // Of a file that is not open it is the measured text that counts.
    editor.did_close(file);
    assert_eq!(layout_of(editor, &before["id"]), *before);
    let closed = layout_at(editor, file, place_of(text, "caller()"));
    assert_eq!(closed, Value::Null, "the server does not know what is shown of it");
    fs::write(file, text).expect("it is writable");
    editor.did_open(file);
    assert_eq!(project.read("src/lib.rs"), text);
}

/// Nothing that is sent ends the server.
fn nonsense(editor: &mut Editor, file: &Path) {
    let document = json!({ "uri": uri(file) });
    for wrong in [
        json!({}),
        json!([]),
        Value::Null,
        json!({ "id": 7 }),
        json!({ "position": { "line": 0, "character": 0 } }),
        json!({ "textDocument": document }),
        json!({ "textDocument": document, "position": { "line": -1, "character": 0 } }),
        json!({ "textDocument": { "uri": "no uri" }, "position": { "line": 0, "character": 0 } }),
    ] {
        let answer = editor.try_request("futurelens/layout", wrong.clone());
        assert_eq!(answer.expect_err("it is an error")["code"], -32602, "{wrong}");
    }
    for unknown in ["", "caller", "demo::caller", "\u{0}😀", "{closure#0}<T = u8>"] {
        assert_eq!(layout_of(editor, &json!(unknown)), Value::Null, "{unknown:?}");
    }
    for uri in ["file:///no/such/file.rs", "untitled:one", "http://localhost/a.rs"] {
        let position = json!({ "line": 4_000_000_000u32, "character": 4_000_000_000u32 });
        let params = json!({ "textDocument": { "uri": uri }, "position": position });
        assert_eq!(editor.request("futurelens/layout", params), Value::Null, "{uri}");
    }
    for params in [json!({}), json!([]), json!([1, 2]), json!({ "what": "ever" }), Value::Null] {
        assert_eq!(
            editor.request("futurelens/report", params)["workspaces"].as_array().map(Vec::len),
            Some(1)
        );
    }
}

#[test]
fn report() {
    let (project, file) = project();
    let manifest_text =
        format!("{}\n[package.metadata.futurelens.budgets]\nsecond = 99\nfirst = 260\n", manifest("demo"));
    project.write("Cargo.toml", &manifest_text);
    let text = source();
    let mut editor = measured(&project, &file, Setup::default());
    let report = editor.request("futurelens/report", json!({}));
    let [workspace] = report["workspaces"].as_array().expect("a list").as_slice() else {
        panic!("one: {report:#}")
    };
    assert_eq!(keys(workspace), ["compiler", "futures", "profile", "root", "target"]);
    assert_eq!((&workspace["root"], &workspace["profile"]), (&json!(uri(project.root())), &json!("release")));
    assert!(
        workspace["compiler"].as_str().is_some_and(|compiler| compiler.starts_with("rustc ")),
        "{workspace:#}"
    );
    assert!(workspace["target"].as_str().is_some_and(|target| target.contains('-')), "{workspace:#}");

    let futures = workspace["futures"].as_array().expect("a list");
    let names: Vec<&str> = futures.iter().filter_map(|future| future["name"].as_str()).collect();
    assert_eq!(names, ["caller", "first", "instances", "generic", "second", "generic"]);
    let sizes: Vec<u64> = futures.iter().filter_map(|future| future["size"].as_u64()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "largest first: {sizes:?}");
    let first = &futures[1];
    assert_eq!(text_of(&first["location"], &file, &text), "first");
    let mut rest = first.clone();
    let id = rest["id"].take();
    rest["location"].take();
    assert_eq!(
        rest,
        json!({
            "id": null, "name": "first", "kind": "async fn", "package": "demo", "crate": "demo", "unit": "lib", "size": 260,
            "cacheLines": 5, "location": null, "budget": 260, "overBudget": false, "before": null,
            "stale": false,
        })
    );
    assert_eq!(layout_of(&mut editor, &id)["size"], 260);
    let of = |report: &Value, name: &str| -> Value {
        let futures = report["workspaces"][0]["futures"].as_array().cloned().unwrap_or_default();
        futures.into_iter().find(|future| future["name"] == *name).unwrap_or_default()
    };
    let second = of(&report, "second");
    assert_eq!((&second["budget"], &second["overBudget"]), (&json!(99), &json!(true)));
    assert_eq!(
        (&of(&report, "caller")["budget"], &of(&report, "caller")["overBudget"]),
        (&Value::Null, &json!(false))
    );

    // Edited, then saved.
    let edited = text.replace("[1u8; 258]", "[1u8; 300]");
    editor.did_change_all(&file, &edited);
    let report = editor.request("futurelens/report", json!({}));
    assert_eq!((&of(&report, "first")["stale"], &of(&report, "first")["size"]), (&json!(true), &json!(260)));
    assert_eq!(of(&report, "second")["stale"], false);
    let saved = editor.now();
    editor.save_as(&file, &edited);
    editor.wait_for_work(saved);
    let report = editor.request("futurelens/report", json!({}));
    let first = of(&report, "first");
    assert_eq!(
        (&first["size"], &first["before"], &first["stale"]),
        (&json!(302), &json!(260), &json!(false))
    );
    assert_eq!(first["overBudget"], true);
    assert_eq!(of(&report, "caller")["before"], 301);
    assert_eq!(of(&report, "second")["before"], Value::Null, "it is what it was");

    // A build with errors is no measurement to compare with.
    let now = editor.now();
    editor.save_as(&file, &edited.replace("7\n", "missing\n"));
    editor.wait_for_work(now);
    let broken = editor.request("futurelens/report", json!({}));
    assert_eq!(
        (&of(&broken, "first")["before"], &of(&broken, "first")["stale"]),
        (&json!(260), &json!(true))
    );
    // Another profile is another thing.
    let now = editor.now();
    editor.save_as(&file, &edited);
    editor.wait_for_work(now);
    let now = editor.now();
    editor.configure(json!({ "profile": "dev" }));
    editor.wait_for_work(now);
    let report = editor.request("futurelens/report", json!({}));
    assert_eq!(report["workspaces"][0]["profile"], "dev");
    assert!(
        report["workspaces"][0]["futures"]
            .as_array()
            .is_some_and(|all| all.iter().all(|f| f["before"].is_null()))
    );
    editor.exit();
}

#[test]
fn a_report_before_there_is_anything_to_report() {
    let (project, file) = project();
    let options = json!({ "build": { "onOpen": false } });
    let setup =
        Setup { options, experimental: json!({ "futurelens": { "status": true } }), ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    let opened = editor.now();
    assert!(editor.request("futurelens/report", json!({}))["workspaces"].is_array());
    editor.did_open(&file);
    wait_for(&mut editor, opened, "idle");
    let report = editor.request("futurelens/report", json!({}));
    assert_eq!(report["workspaces"][0]["futures"], json!([]));
    assert_eq!(layout_at(&mut editor, &file, (0, 14)), Value::Null);
    assert_eq!(states(&mut editor, opened), ["idle"], "nothing was built");
    editor.exit();
}

#[track_caller]
fn wait_for(editor: &mut Editor, since: Moment, state: &str) -> Value {
    editor.wait(since, state, |message| {
        let is_it = message["method"] == "futurelens/status" && message["params"]["state"] == *state;
        is_it.then(|| message["params"].clone())
    })
}

/// The states since, each as often as it began.
fn states(editor: &mut Editor, since: Moment) -> Vec<String> {
    let all = editor.notifications(since, "futurelens/status");
    let mut states: Vec<String> =
        all.iter().filter_map(|status| status["state"].as_str().map(str::to_owned)).collect();
    states.dedup();
    states
}

#[test]
fn status() {
    let (project, file) = project();
    let text = source();
    let setup = Setup { experimental: json!({ "futurelens": { "status": true } }), ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    let opened = editor.now();
    editor.did_open(&file);
    let idle = wait_for(&mut editor, opened, "idle");
    assert_eq!(states(&mut editor, opened), ["building", "idle"]);
    let compiler = &idle["compiler"];
    assert!(compiler.as_str().is_some_and(|compiler| compiler.starts_with("rustc ")), "{idle}");
    assert_eq!(
        idle,
        json!({
            "root": uri(project.root()), "state": "idle", "message": null, "crate": null, "done": 0,
            "total": 0, "compiler": compiler,
        })
    );
    let all = editor.notifications(opened, "futurelens/status");
    let compiled: Vec<&Value> = all.iter().filter(|status| status["crate"] == "demo").collect();
    assert!(compiled.iter().all(|status| status["total"].as_u64() > Some(0)), "{all:#?}");

    let saved = editor.now();
    editor.save_as(&file, &text.replace("7\n", "missing\n"));
    let stale = wait_for(&mut editor, saved, "stale");
    assert!(stale["message"].as_str().is_some_and(|message| message.contains("do not compile")), "{stale}");
    assert_eq!(states(&mut editor, saved), ["building", "stale"]);

    let saved = editor.now();
    editor.save_as(&file, &text);
    wait_for(&mut editor, saved, "idle");
    assert_eq!(states(&mut editor, saved), ["building", "idle"]);

    // It cannot be measured at all, and then it can.
    let cargo_toml = project.root().join("Cargo.toml");
    let now = editor.now();
    project.write("Cargo.toml", "[package\n");
    editor.did_change_watched(&cargo_toml);
    let error = wait_for(&mut editor, now, "error");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("Cargo.toml")), "{error}");
    let now = editor.now();
    project.write("Cargo.toml", &manifest("demo"));
    editor.did_change_watched(&cargo_toml);
    wait_for(&mut editor, now, "idle");
    editor.exit();
}

/// A build that would take ten minutes: it says what it is at, and can be stopped.
#[test]
fn status_of_a_build_that_is_cut_short() {
    let (project, file) = project();
    project
        .write("build.rs", "fn main() {\n    std::thread::sleep(std::time::Duration::from_secs(600));\n}\n");
    let setup = Setup { experimental: json!({ "futurelens": { "status": true } }), ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    let opened = editor.now();
    editor.did_open(&file);
    let begin = |editor: &mut Editor, since: Moment| -> Value {
        let token = editor.wait(since, "a progress", |message| {
            let begins = message["method"] == "$/progress" && message["params"]["value"]["kind"] == "begin";
            begins.then(|| message["params"]["token"].clone())
        });
        editor.wait(since, "a crate", |message| {
            (message["method"] == "futurelens/status" && message["params"]["crate"].is_string()).then_some(())
        });
        token
    };
    let token = begin(&mut editor, opened);
    let all = editor.notifications(opened, "futurelens/status");
    let last = all.last().expect("there is one");
    assert_eq!((&last["state"], &last["message"]), (&json!("building"), &Value::Null));
    assert!(last["crate"].as_str().is_some_and(|name| name.starts_with("demo")), "{last}");
    assert!(last["total"].as_u64() > last["done"].as_u64(), "{last}");
    editor.notify("window/workDoneProgress/cancel", json!({ "token": token }));
    let idle = wait_for(&mut editor, opened, "idle");
    assert_eq!((&idle["crate"], &idle["total"]), (&Value::Null, &json!(0)));

    // The folder is closed in the middle of another one.
    let now = editor.now();
    editor.did_save(&file);
    begin(&mut editor, now);
    let folder = json!({ "uri": uri(project.root()), "name": "project" });
    let event = json!({ "added": [], "removed": [folder] });
    editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": event }));
    wait_for(&mut editor, now, "idle");
    assert_eq!(editor.request("futurelens/report", json!({})), json!({ "workspaces": [] }));
    editor.exit();
}

#[test]
fn no_status_for_those_who_do_not_ask() {
    for experimental in
        [json!(null), json!({ "futurelens": { "status": "yes" } }), json!([1]), json!("futurelens")]
    {
        let (project, file) = project();
        let mut editor = Editor::open(project.root(), Setup { experimental, ..Setup::default() });
        let opened = editor.now();
        editor.did_open(&file);
        editor.hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.label.contains("260 B")));
        assert_eq!(editor.notifications(opened, "futurelens/status"), [Value::Null; 0]);
        editor.exit();
    }
}

#[test]
fn sizes_as_diagnostics() {
    let (project, file) = project();
    let text = source();
    let sizes = |found: &[Diagnostic], text: &str| -> Vec<(String, String)> {
        let sizes = found.iter().filter(|found| found.code == "size");
        sizes.map(|found| (text_at(text, found.range).to_owned(), found.message.clone())).collect()
    };
    // They have a switch of their own: neither the hints' nor the remarks'.
    let on = json!({ "hints": { "asDiagnostics": true, "enable": false }, "budget": { "severity": "off" } });
    let mut editor = Editor::open(project.root(), Setup { options: on.clone(), ..Setup::default() });
    editor.did_open(&file);
    let expected = |first: &str| -> Vec<(String, String)> {
        [
            ("first", first),
            ("second", "100 B · 2 cache lines"),
            ("caller", "301 B · 5 cache lines"),
            ("generic", "4–130 B · 1–3 cache lines (2 instances)"),
            ("instances", "131 B · 3 cache lines"),
        ]
        .map(|(name, size)| (name.to_owned(), size.to_owned()))
        .into()
    };
    let found = editor
        .diagnostics_when(&file, "sizes", |found| sizes(found, &text) == expected("260 B · 5 cache lines"));
    assert!(found.iter().all(|found| found.severity == 4), "{found:#?}");

    editor.configure(json!({}));
    editor.diagnostics_when(&file, "none", <[Diagnostic]>::is_empty);
    editor.configure(on);
    editor.diagnostics_when(&file, "again", |found| found.len() == 5);

    let edited = text.replace("[1u8; 258]", "[1u8; 200]");
    editor.did_change_all(&file, &edited);
    editor.diagnostics_when(&file, "an old one", |found| {
        sizes(found, &edited) == expected("260 B · 5 cache lines · stale")
    });
    fs::write(&file, &edited).expect("it is writable");
    editor.did_save(&file);
    editor.diagnostics_when(&file, "the new one", |found| {
        sizes(found, &edited).contains(&("first".to_owned(), "202 B · 4 cache lines".to_owned()))
    });
    editor.exit();
}
