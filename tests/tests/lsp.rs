//! The built server, driven over stdio as an editor drives it.

use futurelens_tests::editor::{Editor, Hint, Moment, PATIENCE, Setup, byte_offset, descendants, uri};
use futurelens_tests::project::{PENDING_ONCE, Project, future_of, manifest};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

/// Two futures at the top of the file: `first` of 260 bytes in lines 0 to 4, `second` of 100 bytes
/// in lines 5 to 9.
fn two_futures() -> String {
    format!("{}{}{PENDING_ONCE}", future_of("first", 258), future_of("second", 98))
}

fn project() -> (Project, PathBuf) {
    let project = Project::lib("demo_crate", &two_futures());
    let file = project.root().join("src/lib.rs");
    (project, file)
}

/// The hint in a line, if there is exactly one.
fn at(hints: &[Hint], line: usize) -> Option<&Hint> {
    let mut found = hints.iter().filter(|hint| hint.line == line);
    found.next().filter(|_| found.next().is_none())
}

/// Whether there is a hint in a line that begins with these bytes and is not stale.
fn fresh(hints: &[Hint], line: usize, bytes: &str) -> bool {
    at(hints, line).is_some_and(|hint| hint.label.contains(bytes) && !hint.is_stale())
}

/// Whether there is a hint in a line that has these bytes and says that they are old.
fn stale(hints: &[Hint], line: usize, bytes: &str) -> bool {
    at(hints, line).is_some_and(|hint| hint.label.contains(bytes) && hint.is_stale())
}

#[test]
fn an_editor_that_cannot_be_told_gets_its_hints_when_they_are_there() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), Setup { no_refresh: true, ..Setup::default() });
    editor.did_open(&file);
    // Asked once, before anything is measured.
    let hints = editor.hints(&file);
    assert!(fresh(&hints, 0, "260 B") && fresh(&hints, 5, "100 B"), "{hints:?}");
    let edited = two_futures().replace("258", "500");
    editor.did_change_all(&file, &edited);
    editor.save_as(&file, &edited);
    let hints = editor.hints(&file);
    assert!(fresh(&hints, 0, "502 B"), "{hints:?}");
}

#[test]
fn open_edit_save() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let hints = editor
        .hints_when(&file, "the first sizes", |hints| fresh(hints, 0, "260 B") && fresh(hints, 5, "100 B"));
    assert!(hints[0].label.contains("260 B · 5 cache lines"), "{hints:?}");
    assert_eq!(hints.len(), 2, "nothing else has a size: {hints:?}");
    assert!(hints[0].tooltip.contains("held"), "{hints:?}");

    // Where a click leads is told when it is asked for.
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let document = json!({ "uri": uri(&file) });
    let raw = editor.request("textDocument/inlayHint", json!({ "textDocument": document, "range": range }));
    assert!(raw[0]["label"][0]["location"].is_null(), "{raw}");
    let resolved = editor.request("inlayHint/resolve", raw[0].clone());
    assert_eq!(resolved["label"][0]["location"]["uri"], document["uri"], "{resolved}");
    assert_eq!(resolved["label"][0]["value"], raw[0]["label"][0]["value"]);

    // Text before it: the hint goes along, and the number is still that of this code.
    editor.did_change(&file, (0, 0), (0, 0), "// A comment.\n\n");
    let hints = editor.hints(&file);
    assert!(fresh(&hints, 2, "260 B"), "moved: {hints:?}");
    assert!(fresh(&hints, 7, "100 B"), "moved: {hints:?}");
    assert_eq!(hints.len(), 2, "{hints:?}");

    // The text of the function itself, not saved: this number is not that of this code.
    let edited = format!("// A comment.\n\n{}", two_futures()).replace("258", "500");
    editor.did_change_all(&file, &edited);
    let hints = editor.hints(&file);
    assert!(stale(&hints, 2, "260 B"), "changed: {hints:?}");
    assert!(fresh(&hints, 7, "100 B"), "not changed: {hints:?}");

    // Saved.
    fs::write(&file, &edited).expect("the file is writable");
    editor.did_save(&file);
    editor.hints_when(&file, "the new size", |hints| fresh(hints, 2, "502 B") && fresh(hints, 7, "100 B"));

    // The function is gone, and so is its hint.
    let removed = format!("{}{PENDING_ONCE}", future_of("second", 98));
    editor.did_change_all(&file, &removed);
    let hints = editor.hints(&file);
    assert_eq!(hints.len(), 1, "{hints:?}");
    assert!(fresh(&hints, 0, "100 B"), "{hints:?}");
    editor.exit();
}

/// A tooltip that is asked for late is not that of another text.
#[test]
fn a_hint_of_another_version_is_answered_as_it_came() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "the first sizes", |hints| fresh(hints, 0, "260 B"));
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let params = json!({ "textDocument": { "uri": uri(&file) }, "range": range });
    let hint = editor.request("textDocument/inlayHint", params)[0].clone();
    let resolved = editor.request("inlayHint/resolve", hint.clone());
    assert_ne!(resolved, hint);
    // Below it: the hint stays where it is.
    editor.did_change(&file, (20, 0), (20, 0), "// A comment.\n");
    assert_eq!(editor.request("inlayHint/resolve", hint.clone()), hint);
    editor.exit();
}

/// Which file a document is has to be looked up: what comes meanwhile is not lost, and in order.
#[test]
fn what_is_asked_right_after_opening_is_answered() {
    let project = Project::lib("demo_crate", &format!("mod other;\n{PENDING_ONCE}"));
    let text = |bytes| format!("use crate::PendingOnce;\n{}", future_of("elsewhere", bytes));
    project.write("src/other.rs", &text(258));
    let [lib, other] = ["src/lib.rs", "src/other.rs"].map(|file| project.root().join(file));
    let mut editor = Editor::open(project.root(), Setup::default());
    let since = editor.now();
    editor.did_open(&lib);
    editor.wait_for_work(since);
    for _ in 0..10 {
        editor.did_open(&other);
        let hover = editor.hover(&other, (1, 14)).expect("something is known of it");
        assert!(hover.text.contains("260"), "{hover:?}");
        editor.did_close(&other);
        editor.did_open(&other);
        let hints = editor.hints(&other);
        assert!(fresh(&hints, 1, "260 B"), "{hints:?}");
        editor.did_close(&other);
    }
    editor.did_open(&other);
    editor.save_as(&other, &text(500));
    editor.hints_when(&other, "the new size", |hints| fresh(hints, 1, "502 B"));
    editor.exit();
}

#[cfg(unix)]
#[test]
fn files_behind_links_are_files_of_their_package() {
    use futurelens_tests::binary::{futurelens, run};
    use std::os::unix::fs::symlink;

    let lib = format!("mod outside;\n#[path = \"linked/mod.rs\"]\nmod folder;\n{PENDING_ONCE}");
    let project = Project::lib("demo_crate", &lib);
    let root = project.root();
    let module = |name: &str| format!("use crate::PendingOnce;\n{}", future_of(name, 258));
    fs::create_dir(project.beside("theirs")).expect("it is ours");
    fs::write(project.beside("theirs/file.rs"), module("outside")).expect("it is ours");
    project.write("shared/mod.rs", &module("inside"));
    symlink(project.beside("theirs/file.rs"), root.join("src/outside.rs")).expect("it is ours");
    symlink("../shared", root.join("src/linked")).expect("it is ours");

    let mut editor = Editor::open(root, Setup::default());
    let files = ["src/outside.rs", "src/linked/mod.rs", "shared/mod.rs"].map(|file| root.join(file));
    for file in &files {
        editor.did_open(file);
        editor.hints_when(file, "hints", |hints| fresh(hints, 1, "260 B"));
    }
    editor.save_as(&files[0], &module("outside").replace("258", "500"));
    editor.hints_when(&files[0], "the new size", |hints| fresh(hints, 1, "502 B"));
    for file in ["src/outside.rs", "src/linked/mod.rs"] {
        let shown = run(futurelens().arg("hints").arg(file).current_dir(root)).expect_success();
        assert!(shown.stdout.contains(" «"), "{file}: {shown:?}");
    }
}

#[test]
fn code_that_does_not_compile_keeps_the_old_sizes() {
    let (project, file) = project();
    let good = two_futures();
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "the first sizes", |hints| fresh(hints, 0, "260 B"));

    let saved = editor.now();
    let bad = good.replace("[1u8; 258]", "[1u8; missing]");
    editor.save_as(&file, &bad);
    editor.wait_for_work(saved);
    let hints = editor.hints(&file);
    assert!(stale(&hints, 0, "260 B"), "the old one, marked: {hints:?}");
    assert!(
        at(&hints, 5).is_some_and(|hint| hint.label.contains("100 B")),
        "the other one is still there: {hints:?}"
    );

    editor.save_as(&file, &good.replace("258", "600"));
    editor.hints_when(&file, "the size after the repair", |hints| {
        fresh(hints, 0, "602 B") && fresh(hints, 5, "100 B")
    });
    editor.exit();
}

/// A build script that stands still until the test lets it go on: it holds a connection open, which
/// tells both sides when the other is gone.
struct Gate {
    listener: TcpListener,
}

impl Gate {
    fn in_front_of(project: &Project) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        project.write(
            "build.rs",
            &format!(
                "use std::io::Read;\n\nfn main() {{\n    \
                 println!(\"cargo:rerun-if-changed=src/lib.rs\");\n    \
                 let mut gate = std::net::TcpStream::connect((\"127.0.0.1\", {port})).unwrap();\n    \
                 let _ = gate.read(&mut [0]);\n}}\n"
            ),
        );
        Self { listener }
    }

    /// Waits until a build stands at the gate.
    #[track_caller]
    fn wait(&self) -> Waiting {
        let listener = self.listener.try_clone().expect("it is a socket");
        let (send, arrived) = mpsc::channel();
        thread::spawn(move || {
            // Nobody listens any more if the time ran out.
            let _ = send.send(listener.accept());
        });
        let (stream, _) =
            arrived.recv_timeout(PATIENCE).expect("a build has not begun").expect("the connection is made");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        Waiting(stream)
    }

    /// Lets every build through from now on.
    fn open(self) {
        thread::spawn(move || {
            for stream in self.listener.incoming().flatten() {
                Waiting(stream).go_on();
            }
        });
    }
}

/// A build that stands at the gate.
struct Waiting(TcpStream);

impl Waiting {
    fn go_on(mut self) {
        // It may have been cancelled.
        let _ = self.0.write_all(b"!");
    }

    /// Waits for the build script's end by another hand.
    #[track_caller]
    fn expect_killed(mut self) {
        match self.0.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            other => panic!("the build script lives on: {other:?}"),
        }
    }
}

#[test]
fn exit_in_the_middle_of_a_build_leaves_nothing_behind() {
    let (project, file) = project();
    let gate = Gate::in_front_of(&project);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let waiting = gate.wait();
    if cfg!(target_os = "linux") {
        let below = descendants(editor.pid());
        let is_there = |name: &str| below.iter().any(|process| process.name.contains(name));
        assert!(is_there("cargo"), "a build is running: {below:#?}");
        assert!(!editor.children().is_empty());
    }
    editor.exit();
    waiting.expect_killed();
    editor.expect_no_children();
}

#[test]
fn an_editor_that_vanishes_leaves_nothing_behind() {
    let (project, file) = project();
    let gate = Gate::in_front_of(&project);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let waiting = gate.wait();
    editor.hang_up();
    editor.wait_for_end();
    waiting.expect_killed();
    editor.expect_no_children();
}

#[test]
fn a_save_during_a_build_is_not_lost() {
    let (project, file) = project();
    let gate = Gate::in_front_of(&project);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let waiting = gate.wait();
    editor.save_as(&file, &two_futures().replace("258", "300"));
    editor.save_as(&file, &two_futures().replace("258", "400"));
    waiting.go_on();
    gate.open();
    editor.hints_when(&file, "the size last saved", |hints| fresh(hints, 0, "402 B"));
    editor.exit();
}

#[test]
fn cancel() {
    let (project, file) = project();
    let gate = Gate::in_front_of(&project);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    let waiting = gate.wait();
    let (token, value) = editor.wait(Moment::start(), "the begin of a progress", |message| {
        let params = &message["params"];
        (message["method"] == "$/progress" && params["value"]["kind"] == "begin")
            .then(|| (params["token"].clone(), params["value"].clone()))
    });
    assert_eq!(value["cancellable"], true, "{value}");
    editor.notify("window/workDoneProgress/cancel", json!({ "token": token }));
    waiting.expect_killed();
    editor.wait(Moment::start(), "its end", |message| {
        let params = &message["params"];
        (params["token"] == token && params["value"]["message"] == "cancelled").then_some(())
    });
    assert_eq!(editor.hints(&file), [], "nothing was measured");

    // It was only this build.
    rebuild(&mut editor);
    gate.wait().go_on();
    editor.hints_when(&file, "sizes after all", |hints| fresh(hints, 0, "260 B"));
    editor.exit();
}

fn rebuild(editor: &mut Editor) {
    editor.request("workspace/executeCommand", json!({ "command": "futurelens.rebuild", "arguments": [] }));
}

#[test]
fn nothing_is_built_before_it_is_asked_for() {
    let (project, file) = project();
    let options = json!({ "build": { "onOpen": false, "onSave": false } });
    let setup = Setup { options, ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    let commands = &editor.capabilities["executeCommandProvider"]["commands"];
    assert!(
        commands
            .as_array()
            .is_some_and(|commands| commands.iter().any(|command| command == "futurelens.rebuild")),
        "{commands}"
    );
    editor.did_open(&file);
    editor.did_save(&file);
    assert_eq!(editor.hints(&file), []);
    assert!(!project.root().join("target").exists(), "nothing was built");
    rebuild(&mut editor);
    editor.hints_when(&file, "sizes", |hints| fresh(hints, 0, "260 B"));
    editor.exit();
}

#[test]
fn progress_names_the_crates() {
    let (project, file) = project();
    project.write(
        "Cargo.toml",
        &format!(
            "{}\n[dependencies]\nneeded_first = {{ path = \"../needed_first\" }}\n",
            manifest("demo_crate")
        ),
    );
    project.write("../needed_first/Cargo.toml", &manifest("needed_first"));
    project.write("../needed_first/src/lib.rs", "");
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.wait_for_work(Moment::start());
    let said = editor.progress(Moment::start()).join("\n");
    for name in ["needed_first", "demo_crate"] {
        assert!(said.contains(name), "{name} in:\n{said}");
    }
    editor.exit();
}

#[test]
fn columns_in_utf_16() {
    columns(&[], "utf-16");
}

#[test]
fn columns_in_utf_8() {
    columns(&["utf-8", "utf-16"], "utf-8");
}

/// Emoji are two units of UTF-16 and four bytes. Whatever is agreed on, a hint behind them has its
/// place at the same character.
fn columns(encodings: &[&'static str], agreed: &str) {
    let text = format!("/* 😀😀 é */ {}{PENDING_ONCE}", future_of("first", 258));
    let project = Project::lib("columns", &text);
    let file = project.root().join("src/lib.rs");
    let setup = Setup { encodings: encodings.to_vec(), ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    assert_eq!(editor.encoding, agreed);
    editor.did_open(&file);
    let hints = editor.hints_when(&file, "the size", |hints| fresh(hints, 0, "260 B"));
    let line = text.lines().next().unwrap_or_default();
    let hint = &hints[0];
    let offset = byte_offset(line, hint.character, agreed);
    let before = &line[..offset];
    assert!(before.contains("*/"), "behind the comment: {before:?}");
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let splits_a_word = before.ends_with(word) && line[offset..].starts_with(word);
    assert!(!splits_a_word, "between two words: {before:?}");

    // A line break typed behind the emoji: the place of the edit is in the same units.
    let start = line.find("pub").expect("the function is there");
    let units = |text: &str| match agreed {
        "utf-8" => text.len(),
        _ => text.encode_utf16().count(),
    };
    let place = (0, units(&line[..start]));
    editor.did_change(&file, place, place, "\n");
    let hints = editor.hints(&file);
    assert!(fresh(&hints, 1, "260 B"), "in the next line: {hints:?}");
    assert_eq!(hints[0].character, units(&line[start..offset]));
    editor.exit();
}

#[test]
fn configuration_changes_while_it_runs() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "both sizes", |hints| hints.len() == 2);
    editor.configure(json!({ "hints": { "minBytes": 200 } }));
    editor.hints_when(&file, "only the large one", |hints| hints.len() == 1 && fresh(hints, 0, "260 B"));
    editor.configure(json!({ "hints": { "enable": false } }));
    editor.hints_when(&file, "no hints", <[Hint]>::is_empty);
    editor.configure(json!({}));
    editor.hints_when(&file, "both sizes again", |hints| hints.len() == 2);
    editor.exit();
}

/// VS Code does not hear of a change while an answer with hints is on its way to it: such a change is told once more.
#[test]
fn a_change_right_after_an_answer_is_told_again() {
    let (project, file) = project();
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.wait_for_work(Moment::start());
    editor.hints(&file);
    let asked = editor.now();
    editor.configure(json!({ "hints": { "minBytes": 200 } }));
    let mut told = 0;
    editor.wait(asked, "the change, twice", |message| {
        told += usize::from(message["method"] == "workspace/inlayHint/refresh");
        (told == 2).then_some(())
    });
    editor.exit();
}

/// What the server tells its own memory allocator is not for the user's build.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_server_has_one_heap_and_its_builds_do_not_know() {
    let (project, file) = project();
    let script = "fn main() {\n    for name in [\"MALLOC_ARENA_MAX\", \"FUTURELENS_ONE_HEAP\"] {\n        \
                  assert!(std::env::var_os(name).is_none());\n    }\n}\n";
    project.write("build.rs", script);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "both sizes", |hints| hints.len() == 2);
    let environment = fs::read(format!("/proc/{}/environ", editor.pid())).expect("it is still running");
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.split('\0').any(|variable| variable == "MALLOC_ARENA_MAX=1"));
    editor.exit();
}

#[test]
fn a_changed_manifest_is_measured() {
    let (project, file) = project();
    let text = format!(
        "#[cfg(not(feature = \"wide\"))]\n{}#[cfg(feature = \"wide\")]\n{}{PENDING_ONCE}",
        future_of("first", 258),
        future_of("first", 358)
    );
    project.write("src/lib.rs", &text);
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "the small one", |hints| fresh(hints, 1, "260 B"));
    let manifest_path = project.root().join("Cargo.toml");
    project.write(
        "Cargo.toml",
        &format!("{}\n[features]\ndefault = [\"wide\"]\nwide = []\n", manifest("demo_crate")),
    );
    editor.notify(
        "workspace/didChangeWatchedFiles",
        json!({ "changes": [{ "uri": uri(&manifest_path), "type": 2 }] }),
    );
    editor.hints_when(&file, "the large one", |hints| fresh(hints, 7, "360 B") && at(hints, 1).is_none());
    editor.exit();
}

#[test]
fn two_folders() {
    let (first, first_file) = project();
    let second = Project::lib("another_crate", &format!("{}{PENDING_ONCE}", future_of("elsewhere", 70)));
    let second_file = second.root().join("src/lib.rs");
    let setup = Setup { more_folders: vec![second.root().to_path_buf()], ..Setup::default() };
    let mut editor = Editor::open(first.root(), setup);
    editor.did_open(&first_file);
    editor.did_open(&second_file);
    editor.hints_when(&first_file, "sizes", |hints| fresh(hints, 0, "260 B"));
    editor.hints_when(&second_file, "sizes", |hints| fresh(hints, 0, "72 B"));
    editor.exit();
}

/// What cargo says of one folder has nothing to do with a build that another one waits for.
#[test]
fn a_folder_that_cargo_refuses_ends_no_wait_of_another() {
    let (good, file) = project();
    let refused = Project::lib("refused", "");
    refused.write("Cargo.toml", "[package\n");
    let more_folders = vec![refused.root().to_path_buf()];
    let mut editor = Editor::open(good.root(), Setup { no_refresh: true, more_folders, ..Setup::default() });
    editor.did_open(&file);
    let hints = editor.hints(&file);
    assert!(fresh(&hints, 0, "260 B"), "{hints:?}");
    for bytes in [500, 600, 700] {
        let edited = two_futures().replace("258", &bytes.to_string());
        editor.did_change_all(&file, &edited);
        fs::write(&file, &edited).expect("the file is writable");
        // Cargo is asked about both: about the good one it has more to say.
        rebuild(&mut editor);
        let hints = editor.hints(&file);
        assert!(fresh(&hints, 0, &format!("{} B", bytes + 2)), "{hints:?}");
    }
    editor.exit();
}

#[test]
fn a_folder_without_a_project_is_said_once() {
    let project = Project::empty();
    for name in ["alone.rs", "another.rs"] {
        project.write(name, "async fn f() {}\n");
    }
    said_once(&project, ["alone.rs", "another.rs"], Value::Null, "Cargo.toml");
}

#[test]
fn a_toolchain_that_is_not_installed_is_said_once() {
    let (project, _) = project();
    project.write("src/other.rs", "");
    let options = json!({ "toolchain": "no-such-toolchain" });
    said_once(&project, ["src/lib.rs", "src/other.rs"], options, "no-such-toolchain");
}

fn said_once(project: &Project, files: [&str; 2], options: Value, word: &str) {
    let setup = Setup { options, ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    let opened = editor.now();
    let [first, second] = files.map(|file| project.root().join(file));
    editor.did_open(&first);
    let message = editor.wait(opened, "a message", |message| {
        let shown = message["method"] == "window/showMessage";
        shown.then(|| message["params"]["message"].to_string())
    });
    assert!(message.contains(word), "{message}");
    editor.did_open(&second);
    editor.did_save(&first);
    assert_eq!(editor.hints(&first), []);
    assert_eq!(editor.hints(&second), []);
    editor.exit();
    let shown = editor.shown(opened);
    assert_eq!(shown.len(), 1, "{shown:#?}");
}

#[test]
fn unsaved_text_is_measured_if_wanted() {
    let (project, file) = project();
    let good = two_futures();
    let options = json!({ "build": { "asYouType": true } });
    let mut editor = Editor::open(project.root(), Setup { options, ..Setup::default() });
    editor.did_open(&file);
    editor.hints_when(&file, "the first sizes", |hints| fresh(hints, 0, "260 B"));

    let unsaved = |hints: &[Hint], line: usize, bytes: &str| {
        fresh(hints, line, bytes) && at(hints, line).is_some_and(|hint| hint.label.contains("unsaved"))
    };
    // In steps, as people type; the last one counts.
    for size in [259, 300, 500] {
        editor.did_change_all(&file, &good.replace("258", &size.to_string()));
    }
    let hints = editor.hints_when(&file, "the size of what was typed", |hints| unsaved(hints, 0, "502 B"));
    assert!(hints[0].tooltip.contains("not saved"), "{hints:?}");
    let text =
        editor.hover(&file, (0, good.find("first").expect("its name"))).expect("there is a future").text;
    assert!(text.contains("502 bytes") && text.contains("not saved"), "{text}");
    assert_eq!(project.read("src/lib.rs"), good, "nothing was written");

    // What does not compile is stale, and what is typed next is measured again.
    editor.did_change_all(&file, &good.replace("[1u8; 258]", "[1u8; missing]"));
    editor.hints_when(&file, "the old size, marked", |hints| stale(hints, 0, " B"));
    editor.did_change_all(&file, &good.replace("258", "600"));
    editor.hints_when(&file, "the next size", |hints| unsaved(hints, 0, "602 B"));

    // As it was saved: nothing is left of what was typed.
    editor.did_change_all(&file, &good);
    editor.hints_when(&file, "the saved size", |hints| fresh(hints, 0, "260 B") && !unsaved(hints, 0, "B"));
    editor.did_change_all(&file, &good.replace("258", "700"));
    editor.hints_when(&file, "the last size", |hints| unsaved(hints, 0, "702 B"));
    editor.save_as(&file, &good.replace("258", "700"));
    editor.hints_when(&file, "the saved size", |hints| fresh(hints, 0, "702 B") && !unsaved(hints, 0, "B"));
    editor.exit();
    editor.expect_no_children();
}
