//! Editors that say too much, nonsense, or nothing: everything is answered, nothing panics, and the right numbers come
//! in the end.

use futurelens_tests::editor::{Answering, Editor, Hint, Moment, Setup, uri, whole_file};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// `held`, whose future takes so many bytes, in the first line.
fn text_of(bytes: usize) -> String {
    format!("{}{PENDING_ONCE}", future_of("held", bytes - 2))
}

fn opened(bytes: usize, options: Value) -> (Project, PathBuf, Editor) {
    let project = Project::lib("flooded", &text_of(bytes));
    let file = project.root().join("src/lib.rs");
    let mut editor = Editor::open(project.root(), Setup { options, ..Setup::default() });
    editor.did_open(&file);
    (project, file, editor)
}

fn is_size(hint: &Hint, line: usize, bytes: usize) -> bool {
    hint.line == line && hint.label.starts_with(&format!("{bytes} B")) && !hint.is_stale()
}

#[track_caller]
fn expect_size(editor: &mut Editor, file: &Path, line: usize, bytes: usize) {
    let what = format!("{bytes} B in line {line}");
    editor.hints_when(file, &what, |hints| hints.iter().any(|hint| is_size(hint, line, bytes)));
}

/// No handler and no thread of the server has panicked, and it ends as it should.
#[track_caller]
fn leave(editor: &mut Editor) {
    editor.exit();
    assert!(!editor.stderr().contains("panicked"), "{}", editor.stderr());
    editor.expect_no_children();
}

/// Bytes of memory that the server has. Linux only.
fn memory(editor: &Editor) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", editor.pid())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Edits as an editor sends them, and the text that they lead to by the protocol's words.
struct Typist {
    lines: Vec<String>,
    seed: u64,
    encoding: &'static str,
}

impl Typist {
    fn random(&mut self, below: usize) -> usize {
        // xorshift: the same edits each time.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % below as u64) as usize
    }

    fn units(&self, text: &str) -> usize {
        if self.encoding == "utf-8" { text.len() } else { text.encode_utf16().count() }
    }

    /// Where a place in a line is, in bytes: one within a character is before it, one past the end is the end.
    fn at(&self, line: &str, units: usize) -> usize {
        let mut starts = line.char_indices().map(|(at, _)| at).chain([line.len()]);
        starts.rfind(|at| self.units(&line[..*at]) <= units).unwrap_or_default()
    }

    /// Every edit is within one line of a comment: `// aé😀b`, and changes no number of lines. Its ends may be the
    /// wrong way round, within a character or past the end.
    fn edit(&mut self) -> Value {
        let line = self.random(self.lines.len());
        let text = self.lines[line].clone();
        let length = self.units(&text);
        let (start, mut end) = (3 + self.random(length - 2), 3 + self.random(length - 2));
        let new = ["", "x", "é", "😀", "ab"][self.random(5)];
        if self.random(8) == 0 {
            end = length + 1 + self.random(1_000_000);
        }
        let (from, to) = (self.at(&text, start.min(end)), self.at(&text, start.max(end)));
        self.lines[line] = format!("{}{new}{}", &text[..from], &text[to..]);
        json!({
            "range": { "start": { "line": line, "character": start }, "end": { "line": line, "character": end } },
            "text": new,
        })
    }
}

#[test]
fn ten_thousand_edits_while_a_build_runs() {
    edits(8000, "utf-16");
    edits(2000, "utf-8");
}

fn edits(count: u64, encoding: &'static str) {
    let project = Project::lib("flooded", &text_of(100));
    let file = project.root().join("src/lib.rs");
    let mut editor = Editor::open(project.root(), Setup { encodings: vec![encoding], ..Setup::default() });
    assert_eq!(editor.encoding, encoding);
    editor.did_open(&file);
    expect_size(&mut editor, &file, 0, 100);
    let begin = editor.now();
    let comments: Vec<String> = (0..20).map(|line| format!("// {line}é😀b")).collect();
    let code = text_of(200);
    editor.save_as(&file, &format!("{}\n{code}", comments.join("\n")));
    let before = memory(&editor);
    let mut typist = Typist { lines: comments, seed: 88_172_645_463_325_252, encoding };
    let mut asked = Vec::new();
    let uri = uri(&file);
    for number in 0..count {
        let changes = [typist.edit()];
        editor.notify(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": 10 + number }, "contentChanges": changes }),
        );
        if number % 100 == 0 {
            asked.push(editor.ask("textDocument/inlayHint", whole_file(&file)));
            let at = json!({ "line": 20, "character": 15 });
            let params = json!({ "textDocument": { "uri": uri }, "position": at });
            asked.push(editor.ask("textDocument/hover", params));
        }
    }
    // What is past the end of the text is its end; what is the wrong way round is turned round.
    let odd = |start: (u32, u32), end: (u32, u32), text: &str| {
        json!({ "range": {
            "start": { "line": start.0, "character": start.1 }, "end": { "line": end.0, "character": end.1 },
        }, "text": text })
    };
    let changes = [
        odd((u32::MAX, u32::MAX), (u32::MAX, 0), "// the end"),
        odd((0, 2), (0, 0), "///"),
        odd((0, 0), (0, 1), ""),
    ];
    let document = json!({ "uri": uri, "version": 20_000 });
    editor.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    let text = format!("{}\n{code}// the end", typist.lines.join("\n"));
    for id in asked {
        editor.answer(begin, id).expect("an answer");
    }
    expect_size(&mut editor, &file, 20, 200);
    if let (Some(before), Some(after)) = (before, memory(&editor)) {
        assert!(after < before + (256 << 20), "{before} bytes before, {after} after");
    }
    // The server has the very text: were it another one, its places would be others.
    fs::write(&file, &text).expect("it is writable");
    let saved = editor.now();
    editor.did_save(&file);
    editor.wait_for_work(saved);
    let hints = editor.hints(&file);
    assert!(hints.len() == 1 && is_size(&hints[0], 20, 200), "{hints:?}");
    let hover = editor.hover(&file, (20, 15)).expect("a hover");
    assert_eq!(hover.range, ((20, 13), (20, 17)));
    leave(&mut editor);
}

#[test]
fn a_save_every_100_ms() {
    let (project, file, mut editor) = opened(100, json!({}));
    expect_size(&mut editor, &file, 0, 100);
    let rounds = if std::env::var_os("FUTURELENS_LONG").is_some() { 600 } else { 80 };
    let begun = editor.now();
    let mut at_once = 0;
    for round in 0..rounds {
        editor.save_as(&file, &text_of(101 + round));
        thread::sleep(Duration::from_millis(100));
        editor.now();
        let children = editor.children();
        at_once = at_once.max(children.iter().filter(|process| process.name == "cargo").count());
        // What is shown is of some text that was saved, and not beside another one.
        for hint in editor.hints(&file) {
            let is_of_now = is_size(&hint, 0, 101 + round);
            assert!(is_of_now || hint.is_stale(), "{hint:?} beside the text of {} bytes", 101 + round);
        }
    }
    expect_size(&mut editor, &file, 0, 100 + rounds);
    // One for the build, and one that was just told to stop.
    assert!(at_once <= 2, "{at_once} builds at once");
    let progress = editor.progress(begun);
    let builds = progress.iter().filter(|text| text.starts_with("Measuring")).count();
    assert!(builds <= rounds + 2, "{builds} builds for {rounds} saves");
    leave(&mut editor);
    drop(project);
}

#[test]
fn an_editor_that_answers_late_or_nonsense() {
    for answering in [Answering::Late, Answering::Errors, Answering::Garbage] {
        let project = Project::lib("flooded", &text_of(100));
        let file = project.root().join("src/lib.rs");
        let mut editor = Editor::open(project.root(), Setup::default());
        editor.answering = answering;
        editor.did_open(&file);
        expect_size(&mut editor, &file, 0, 100);
        // Longer than the server waits.
        let pause = if answering == Answering::Late { 6 } else { 0 };
        editor.save_as(&file, &text_of(150));
        let end = Instant::now() + Duration::from_secs(pause);
        expect_size(&mut editor, &file, 0, 150);
        thread::sleep(end.saturating_duration_since(Instant::now()));
        editor.answer_late();
        editor.save_as(&file, &text_of(200));
        expect_size(&mut editor, &file, 0, 200);
        leave(&mut editor);
    }
}

#[test]
fn an_editor_that_does_not_read_for_a_while() {
    let many: String = (0..100).map(|number| future_of(&format!("f{number}"), 48)).collect();
    let project = Project::lib("flooded", &format!("{many}{PENDING_ONCE}"));
    let file = project.root().join("src/lib.rs");
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    expect_size(&mut editor, &file, 0, 50);
    let since = editor.now();
    let before = memory(&editor);
    editor.set_reading(false);
    // Far more than a pipe holds.
    let asked: Vec<u64> = (0..600).map(|_| editor.ask("textDocument/inlayHint", whole_file(&file))).collect();
    // The log is not read either.
    for _ in 0..2000 {
        editor.send(&json!({ "jsonrpc": "2.0", "id": 424_242, "result": "to a question that nobody asked" }));
    }
    for round in 0..5 {
        let text = format!("{many}{PENDING_ONCE}// {round}\n");
        fs::write(&file, text).expect("it is writable");
        editor.did_save(&file);
        thread::sleep(Duration::from_millis(300));
    }
    if let (Some(before), Some(now)) = (before, memory(&editor)) {
        assert!(now < before + (256 << 20), "{before} bytes before, {now} now");
    }
    editor.set_reading(true);
    for id in asked {
        let hints = editor.answer(since, id).expect("an answer");
        assert_eq!(hints.as_array().map(Vec::len), Some(100));
    }
    editor.save_as(&file, &text_of(300));
    expect_size(&mut editor, &file, 0, 300);
    leave(&mut editor);
}

/// Every request that the server knows.
const REQUESTS: [&str; 9] = [
    "textDocument/inlayHint",
    "inlayHint/resolve",
    "textDocument/hover",
    "textDocument/codeAction",
    "codeAction/resolve",
    "workspace/executeCommand",
    "futurelens/layout",
    "futurelens/report",
    "no/such/method",
];

/// Every notification that the server knows.
const NOTIFICATIONS: [&str; 9] = [
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didSave",
    "textDocument/didClose",
    "workspace/didChangeConfiguration",
    "workspace/didChangeWatchedFiles",
    "workspace/didChangeWorkspaceFolders",
    "window/workDoneProgress/cancel",
    "$/cancelRequest",
];

#[test]
fn documents_and_parameters_that_make_no_sense() {
    let (project, file, mut editor) = opened(100, json!({}));
    let other = project.root().join("src/other.rs");
    fs::write(&other, "async fn other() {}\n").expect("it is writable");
    expect_size(&mut editor, &file, 0, 100);
    let long = format!("file:///{}.rs", "a/".repeat(5000));
    let deleted = project.root().join("src/deleted.rs");
    let (file_uri, other_uri, deleted_uri) = (uri(&file), uri(&other), uri(&deleted));
    let uris = [
        "untitled:Untitled-1",
        "http://example.org/a.rs",
        "file:///a%00b.rs",
        "file:///%ff%fe/%80.rs",
        "file:///a%2Fb%5Cc%3F.rs",
        "file:///",
        "file:",
        "file://host/share/a.rs",
        "src/lib.rs",
        "",
        "::",
        "file:///no/such/folder/a.rs",
        "file:///proc/self/mem",
        &long,
        &other_uri,
        &deleted_uri,
        &file_uri,
    ];
    let whole = |number: Value| json!({ "line": number, "character": number });
    let numbers = [
        json!(0),
        json!(7),
        json!(u32::MAX),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("1"),
        json!(null),
    ];
    let since = editor.now();
    let mut asked = Vec::new();
    for uri in uris {
        let document = json!({ "uri": uri });
        for method in ["textDocument/didSave", "textDocument/didClose"].iter().filter(|_| *uri != *file_uri) {
            editor.notify(method, json!({ "textDocument": document }));
        }
        for (at, number) in numbers.iter().enumerate() {
            let range =
                json!({ "start": whole(number.clone()), "end": whole(numbers[(at + 3) % 8].clone()) });
            if uri != file_uri {
                let versioned = json!({ "uri": uri, "version": number });
                let change = json!({ "range": range, "text": "async fn a() {}" });
                let params = json!({ "textDocument": versioned, "contentChanges": [change] });
                editor.notify("textDocument/didChange", params);
            }
            let place = json!({ "textDocument": document, "position": whole(number.clone()) });
            asked.push(editor.ask("textDocument/hover", place.clone()));
            asked.push(editor.ask("futurelens/layout", place));
            let params = json!({ "textDocument": document, "range": range });
            asked.push(editor.ask("textDocument/inlayHint", params));
            let context = json!({ "diagnostics": [], "only": ["refactor"] });
            let params = json!({ "textDocument": document, "range": range, "context": context });
            asked.push(editor.ask("textDocument/codeAction", params));
            let hint =
                json!({ "position": whole(json!(1)), "label": "x", "data": { "uri": uri, "at": number } });
            asked.push(editor.ask("inlayHint/resolve", hint));
            let data = json!({ "uri": uri, "version": number, "id": "x" });
            asked.push(editor.ask("codeAction/resolve", json!({ "title": "x", "data": data })));
        }
        if uri != file_uri && uri != other_uri && uri != deleted_uri {
            let document =
                json!({ "uri": uri, "languageId": "rust", "version": 1, "text": "async fn a() {}" });
            editor.notify("textDocument/didOpen", json!({ "textDocument": document }));
            editor.notify("textDocument/didOpen", json!({ "textDocument": document }));
            asked.push(editor.ask(
                "textDocument/inlayHint",
                json!({ "textDocument": { "uri": uri },
                "range": { "start": whole(json!(0)), "end": whole(json!(9)) } }),
            ));
        }
    }
    let nonsense = [
        json!(null),
        json!([]),
        json!([1, 2]),
        json!({}),
        json!({ "textDocument": 1 }),
        json!({ "textDocument": { "uri": file_uri }, "contentChanges": 5, "position": [], "range": {} }),
        json!({ "token": {}, "id": {}, "event": 1, "changes": {}, "settings": 3, "command": 1 }),
        json!({ "id": "x\u{0}", "command": "no.such.command", "arguments": [1], "token": -1 }),
        json!({ "id": -5, "token": "nobody", "settings": { "futurelens": { "profile": 5 } } }),
        json!("text"),
        json!(7),
    ];
    for params in &nonsense {
        for method in REQUESTS {
            asked.push(editor.ask(method, params.clone()));
        }
        for method in NOTIFICATIONS {
            editor.notify(method, params.clone());
        }
    }
    // Without any parameters, and without being either a message or an answer.
    for method in REQUESTS {
        editor.send(&json!({ "jsonrpc": "2.0", "id": format!("{method} without"), "method": method }));
    }
    for body in ["", "{", "[]", "null", "\"\u{0}\"", "{\"jsonrpc\":\"2.0\"}", "{\"id\":1.5,\"method\":\"x\"}"]
    {
        editor.send_bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }
    editor.send_bytes(b"Content-Length: 3\r\n\r\n\xff\xfe\xfd");
    editor.send_bytes(b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n");
    editor.send_bytes(b"Content-Length: -1\r\n\r\nContent-Length: 99999999999999\r\n\r\n\x00\x00\n");
    for id in asked {
        if let Err(error) = editor.answer(since, id) {
            assert!(error["code"].is_i64(), "{error}");
        }
    }
    for method in REQUESTS {
        let id = format!("{method} without");
        editor.wait(since, &id, |message| (message["id"] == *id).then_some(()));
    }
    // Twice what should be once.
    editor.did_open(&file);
    editor.did_close(&file);
    editor.did_close(&file);
    editor.did_save(&file);
    editor.did_open(&file);
    editor.did_open(&file);
    editor.save_as(&file, &text_of(200));
    expect_size(&mut editor, &file, 0, 200);
    // A message for each folder that is in no project, and no more.
    let shown = editor.shown(Moment::start());
    let different: BTreeSet<&String> = shown.iter().collect();
    assert!(different.len() == shown.len() && shown.len() < 20, "{shown:#?}");
    leave(&mut editor);
}

#[test]
fn before_the_greeting_twice_and_after_the_farewell() {
    let mut editor = Editor::connect();
    for method in REQUESTS.iter().chain(&["shutdown"]) {
        let answer = editor.try_request(method, json!({}));
        assert!(answer.is_err(), "{method}: {answer:?}");
    }
    for method in NOTIFICATIONS {
        editor.notify(method, json!({}));
    }
    assert!(editor.try_request("initialize", json!({ "capabilities": 5 })).is_err());
    assert!(editor.try_request("initialize", json!([])).is_err());
    let project = Project::lib("flooded", &text_of(100));
    let file = project.root().join("src/lib.rs");
    let params = json!({ "rootUri": uri(project.root()), "capabilities": {
        "window": { "workDoneProgress": true },
        "workspace": { "inlayHint": { "refreshSupport": true } },
    } });
    editor.capabilities = editor.request("initialize", params.clone())["capabilities"].clone();
    assert!(editor.try_request("initialize", params).is_err());
    editor.notify("initialized", json!({}));
    editor.notify("initialized", json!({}));
    editor.did_open(&file);
    expect_size(&mut editor, &file, 0, 100);
    editor.request("shutdown", Value::Null);
    for method in REQUESTS.iter().chain(&["shutdown", "initialize"]) {
        let answer = editor.try_request(method, json!({ "textDocument": { "uri": uri(&file) } }));
        assert!(answer.is_err(), "{method}: {answer:?}");
    }
    editor.did_save(&file);
    editor.notify("exit", Value::Null);
    editor.wait_for_end();
    assert!(!editor.stderr().contains("panicked"), "{}", editor.stderr());
    editor.expect_no_children();
}

#[test]
fn requests_that_are_taken_back() {
    // An editor that cannot be told that hints have changed waits for them: they can be taken back.
    for no_refresh in [false, true] {
        let project = Project::lib("flooded", &text_of(100));
        project.write("build.rs", "fn main() { std::thread::sleep(std::time::Duration::from_secs(2)); }");
        let file = project.root().join("src/lib.rs");
        let mut editor = Editor::open(project.root(), Setup { no_refresh, ..Setup::default() });
        editor.did_open(&file);
        let since = editor.now();
        let document = json!({ "uri": uri(&file) });
        let at = json!({ "line": 0, "character": 14 });
        let range = json!({ "start": at, "end": at });
        let mut asked = Vec::new();
        for _ in 0..150 {
            let context = json!({ "diagnostics": [] });
            for (method, params) in [
                ("textDocument/inlayHint", whole_file(&file)),
                ("textDocument/hover", json!({ "textDocument": document, "position": at })),
                ("futurelens/layout", json!({ "textDocument": document, "position": at })),
                (
                    "textDocument/codeAction",
                    json!({ "textDocument": document, "range": range, "context": context }),
                ),
            ] {
                let id = editor.ask(method, params);
                editor.notify("$/cancelRequest", json!({ "id": id }));
                asked.push(id);
            }
        }
        // And what was never asked, or is answered.
        for id in [json!(999_999), json!("x"), json!(null), json!(asked[0])] {
            editor.notify("$/cancelRequest", json!({ "id": id }));
        }
        let mut taken_back = 0;
        for id in asked {
            if let Err(error) = editor.answer(since, id) {
                assert_eq!(error["code"], -32800, "{error}");
                taken_back += 1;
            }
        }
        assert!(taken_back > 0 || !no_refresh, "hints wait for the build");
        if no_refresh {
            editor.wait_for_work(Moment::start());
            let hints = editor.hints(&file);
            assert!(hints.iter().any(|hint| is_size(hint, 0, 100)), "{hints:?}");
        } else {
            expect_size(&mut editor, &file, 0, 100);
        }
        leave(&mut editor);
    }
}

/// Hints that are held back keep nothing else waiting.
#[test]
fn many_requests_that_wait_for_a_build() {
    let project = Project::lib("flooded", &text_of(100));
    project.write(
        "build.rs",
        "fn main() {\n    println!(\"cargo:rerun-if-changed=gate\");\n    \
         while !std::path::Path::new(\"gate\").exists() {\n        \
         std::thread::sleep(std::time::Duration::from_millis(20));\n    }\n}\n",
    );
    let file = project.root().join("src/lib.rs");
    let mut editor = Editor::open(project.root(), Setup { no_refresh: true, ..Setup::default() });
    editor.did_open(&file);
    let since = editor.now();
    let asked: Vec<u64> = (0..100).map(|_| editor.ask("textDocument/inlayHint", whole_file(&file))).collect();
    editor.did_change(&file, (0, 0), (0, 0), "// above\n");
    assert_eq!(editor.hover(&file, (1, 14)), None, "nothing is known yet, and that is an answer");
    project.write("gate", "");
    for id in asked {
        let hints = editor.answer(since, id).expect("an answer");
        assert_eq!(hints[0]["position"]["line"], 1, "{hints}");
    }
    leave(&mut editor);
}

#[test]
fn folders_come_and_go_during_a_build() {
    let (project, file, mut editor) = opened(100, json!({}));
    let folder = json!([{ "uri": uri(project.root()), "name": "project" }]);
    let rounds = 12;
    for round in 0..rounds {
        editor.save_as(&file, &text_of(101 + round));
        // From the first question to cargo to long after the end of the build.
        thread::sleep(Duration::from_millis(60 * round as u64));
        editor.notify(
            "workspace/didChangeWorkspaceFolders",
            json!({ "event": { "added": [], "removed": folder } }),
        );
        thread::sleep(Duration::from_millis(20 * (round % 3) as u64));
        editor.notify(
            "workspace/didChangeWorkspaceFolders",
            json!({ "event": { "added": folder, "removed": [] } }),
        );
        if round % 2 == 1 {
            expect_size(&mut editor, &file, 0, 101 + round);
        }
    }
    expect_size(&mut editor, &file, 0, 100 + rounds);
    // What is closed while cargo is asked about it stays closed.
    let another = Project::lib("another", &text_of(60));
    let elsewhere = another.root().join("src/lib.rs");
    editor.did_open(&elsewhere);
    for _ in 0..5 {
        let there = json!([{ "uri": uri(another.root()), "name": "another" }]);
        for event in [json!({ "added": there, "removed": [] }), json!({ "added": [], "removed": there })] {
            editor.notify("workspace/didChangeWorkspaceFolders", json!({ "event": event }));
        }
    }
    editor.save_as(&file, &text_of(300));
    expect_size(&mut editor, &file, 0, 300);
    assert_eq!(editor.hints(&elsewhere), []);
    assert!(!another.root().join("target").exists(), "nothing was built there");
    leave(&mut editor);
}

#[test]
fn project_files_break_and_are_mended_during_a_build() {
    let (project, file, mut editor) = opened(100, json!({}));
    expect_size(&mut editor, &file, 0, 100);
    let cargo_toml = project.root().join("Cargo.toml");
    let lock = project.root().join("Cargo.lock");
    let broken: [&dyn Fn(); 3] = [
        &|| fs::write(&cargo_toml, "[package\nname = 5\n").expect("it is writable"),
        &|| fs::remove_file(&cargo_toml).expect("it is there"),
        &|| fs::write(&cargo_toml, "").expect("it is writable"),
    ];
    let mut bytes = 101;
    for (round, broken) in broken.iter().cycle().take(9).enumerate() {
        editor.save_as(&file, &text_of(bytes));
        thread::sleep(Duration::from_millis(120 * (round as u64 / 3)));
        broken();
        editor.did_change_watched(&cargo_toml);
        thread::sleep(Duration::from_millis(50 * (round as u64 % 4)));
        if round % 2 == 0 {
            editor.did_save(&file);
        }
        fs::write(&cargo_toml, manifest("flooded")).expect("it is writable");
        editor.did_change_watched(&cargo_toml);
        expect_size(&mut editor, &file, 0, bytes);
        bytes += 1;
    }
    editor.save_as(&file, &text_of(bytes));
    let _ = fs::remove_file(&lock);
    editor.did_change_watched(&lock);
    expect_size(&mut editor, &file, 0, bytes);
    // A toolchain that is not there, and then one that is.
    let toolchain = project.root().join("rust-toolchain.toml");
    fs::write(&toolchain, "[toolchain]\nchannel = \"no-such-toolchain-1\"\n").expect("it is writable");
    editor.did_change_watched(&toolchain);
    editor.save_as(&file, &text_of(bytes + 1));
    thread::sleep(Duration::from_millis(300));
    fs::write(&toolchain, "[toolchain]\nchannel = \"stable\"\n").expect("it is writable");
    editor.did_change_watched(&toolchain);
    expect_size(&mut editor, &file, 0, bytes + 1);
    leave(&mut editor);
}
