//! An editor, as far as a language server can tell: an LSP client over stdio.
//!
//! It behaves like the common ones. It answers what the server asks, asks for hints again only if
//! the server says that they have changed, and measures columns in the encoding that was agreed on.

use crate::binary::{binary, clean_command, futurelens, kill};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may take for anything, a size build of a small crate included.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The variable that marks the server and everything that it starts, see [`marked`].
pub const MARK: &str = "FUTURELENS_TEST_EDITOR";

/// A running server, with an editor at the other end.
#[derive(Debug)]
pub struct Editor {
    child: Child,
    stdin: Option<ChildStdin>,
    arriving: Receiver<(Instant, Value)>,
    /// Everything the server has sent, but for answers that were taken out ([`Editor::timed_request`]).
    log: Vec<Value>,
    /// When each of it came.
    arrived: Vec<Instant>,
    stderr: Arc<Mutex<String>>,
    next_id: u64,
    mark: String,
    /// What the server can do.
    pub capabilities: Value,
    /// `utf-8` or `utf-16`.
    pub encoding: String,
    /// How long to wait for a message.
    pub patience: Duration,
    versions: BTreeMap<String, i64>,
    options: Value,
    /// How it answers what the server asks.
    pub answering: Answering,
    /// What the server asked and has got no answer to.
    unanswered: Vec<Value>,
    reading: Arc<Gate>,
}

/// How an editor answers what the server asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answering {
    /// As the protocol says.
    #[default]
    Right,
    /// Not until [`Editor::answer_late`].
    Late,
    /// With an error.
    Errors,
    /// With what is no answer at all, and with answers to what nobody asked.
    Garbage,
}

/// Holds a thread up while it is closed.
#[derive(Debug, Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, is_closed: bool) {
        *self.is_closed.lock().expect("nobody panics with it") = is_closed;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let mut is_closed = self.is_closed.lock().expect("nobody panics with it");
        while *is_closed {
            is_closed = self.opened.wait(is_closed).expect("nobody panics with it");
        }
    }
}

/// A place in the log of what the server has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(usize);

impl Moment {
    /// Before everything.
    pub fn start() -> Self {
        Self(0)
    }
}

/// An inlay hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Zero-based.
    pub line: usize,
    /// Zero-based, in the units that were agreed on.
    pub character: usize,
    /// What is shown, its parts joined.
    pub label: String,
    /// What is shown on demand: of the hint, or of the parts of its label.
    pub tooltip: String,
}

impl Hint {
    /// Whether it says that its number is from before the last change.
    pub fn is_stale(&self) -> bool {
        format!("{} {}", self.label, self.tooltip).to_lowercase().contains("stale")
    }
}

/// A hover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// `markdown` or `plaintext`.
    pub kind: String,
    /// What is shown.
    pub text: String,
    /// What it is about: two zero-based places (line, character).
    pub range: Range,
}

/// Two zero-based places (line, character).
pub type Range = ((usize, usize), (usize, usize));

/// A diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What it is about.
    pub range: Range,
    /// 1 (error) to 4 (hint).
    pub severity: u64,
    /// As shown beside the message.
    pub code: String,
    /// Where there is more about the code.
    pub url: String,
    /// What is wrong.
    pub message: String,
    /// What has to do with it: where in which file (its URI), and a message.
    pub related: Vec<(String, Range, String)>,
}

/// How an editor is set up.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// What the client offers as `general.positionEncodings`; nothing leaves it out.
    pub encodings: Vec<&'static str>,
    /// What the user has configured, without the `futurelens.` in front.
    pub options: Value,
    /// Folders of the workspace besides the first one.
    pub more_folders: Vec<PathBuf>,
    /// Set for the server and everything it starts.
    pub env: Vec<(String, String)>,
    /// What the client offers as `textDocument.hover.contentFormat`; nothing leaves it out.
    pub hover_formats: Vec<&'static str>,
    /// The client takes the edit of a code action later, and for one version of the document.
    pub lazy_edits: bool,
    /// The client cannot be told that hints have changed.
    pub no_refresh: bool,
    /// What the client offers as `experimental`.
    pub experimental: Value,
    /// A program that starts the server, and its first arguments.
    pub under: Vec<OsString>,
    /// The editor's process, if that is not this one.
    pub process_id: Option<u32>,
}

impl Editor {
    /// Starts the server on a folder and goes through the greeting.
    pub fn open(root: &Path, setup: Setup) -> Self {
        let mut command = match setup.under.split_first() {
            Some((program, arguments)) => {
                let mut command = clean_command(program);
                command.args(arguments).arg(binary());
                command
            }
            None => futurelens(),
        };
        command.envs(setup.env.iter().cloned()).current_dir(root);
        let mut editor = Self::start(command);
        editor.options = setup.options.clone();
        let folder = uri(root);
        let mut folders = vec![json!({ "uri": folder, "name": "project" })];
        for folder in &setup.more_folders {
            folders.push(json!({ "uri": uri(folder), "name": "another" }));
        }
        let mut general = json!({});
        if !setup.encodings.is_empty() {
            general = json!({ "positionEncodings": setup.encodings });
        }
        let mut hover = json!({});
        if !setup.hover_formats.is_empty() {
            hover = json!({ "contentFormat": setup.hover_formats });
        }
        let mut action = json!({ "codeActionLiteralSupport": { "codeActionKind": { "valueSet": [] } } });
        if setup.lazy_edits {
            action["dataSupport"] = json!(true);
            action["resolveSupport"] = json!({ "properties": ["edit"] });
        }
        let answer = editor.request(
            "initialize",
            json!({
                "processId": setup.process_id.unwrap_or_else(std::process::id),
                "clientInfo": { "name": "futurelens-tests" },
                "rootUri": folder,
                "workspaceFolders": folders,
                "initializationOptions": setup.options,
                "capabilities": {
                    "general": general,
                    "workspace": {
                        "inlayHint": { "refreshSupport": !setup.no_refresh },
                        "workspaceFolders": true,
                        "workspaceEdit": { "documentChanges": setup.lazy_edits },
                        "configuration": true,
                        "didChangeWatchedFiles": { "dynamicRegistration": true },
                    },
                    "textDocument": {
                        "synchronization": { "didSave": true },
                        "hover": hover,
                        "codeAction": action,
                        "publishDiagnostics": {
                            "relatedInformation": true, "codeDescriptionSupport": true,
                        },
                        "inlayHint": {
                            "resolveSupport": { "properties": ["tooltip", "label.tooltip", "label.location"] },
                        },
                    },
                    "window": { "workDoneProgress": true },
                    "experimental": setup.experimental,
                },
            }),
        );
        editor.capabilities = answer["capabilities"].clone();
        if let Some(encoding) = editor.capabilities["positionEncoding"].as_str() {
            editor.encoding = encoding.to_owned();
        }
        editor.notify("initialized", json!({}));
        editor
    }

    fn start(mut command: Command) -> Self {
        let mark = format!("{}-{:?}", std::process::id(), Instant::now());
        let mut child = command
            .env(MARK, &mark)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (send, arriving) = mpsc::channel();
        let reading = Arc::<Gate>::default();
        let gate = Arc::clone(&reading);
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(body) = read_body(&mut stdout) {
                gate.pass();
                // Reading a long answer is not the server's time.
                let now = Instant::now();
                let Ok(message) = serde_json::from_slice(&body) else { break };
                if send.send((now, message)).is_err() {
                    break;
                }
            }
        });
        let stderr = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&stderr);
        let gate = Arc::clone(&reading);
        thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                gate.pass();
                if let Ok(mut written) = written.lock() {
                    written.push_str(&line);
                }
                line.clear();
            }
        });
        Self {
            child,
            stdin,
            arriving,
            log: Vec::new(),
            arrived: Vec::new(),
            stderr,
            next_id: 0,
            mark,
            capabilities: Value::Null,
            encoding: "utf-16".to_owned(),
            patience: PATIENCE,
            versions: BTreeMap::new(),
            options: Value::Null,
            answering: Answering::Right,
            unanswered: Vec::new(),
            reading,
        }
    }

    /// Starts the server, and says nothing to it yet.
    pub fn connect() -> Self {
        Self::start(futurelens())
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the server has written on stderr up to now.
    pub fn stderr(&self) -> String {
        self.stderr.lock().map(|text| text.clone()).unwrap_or_default()
    }

    // Messages

    /// Now: to wait for what comes after something, take this before doing it.
    pub fn now(&mut self) -> Moment {
        while let Ok((at, message)) = self.arriving.try_recv() {
            self.take(at, message);
        }
        Moment(self.log.len())
    }

    /// Sends a request and waits for its result.
    ///
    /// # Panics
    ///
    /// If the answer is an error, or does not come.
    #[track_caller]
    pub fn request(&mut self, method: &str, params: Value) -> Value {
        self.try_request(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a request and waits for its result or its error.
    #[track_caller]
    pub fn try_request(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.timed_request(method, params).1
    }

    /// As [`Editor::try_request`], and when the answer came.
    #[track_caller]
    pub fn timed_request(&mut self, method: &str, params: Value) -> (Instant, Result<Value, Value>) {
        self.next_id += 1;
        let id = self.next_id;
        let since = self.now();
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let mut is_answer =
            |message: &Value| (message["id"] == id && message["method"].is_null()).then_some(());
        let (Moment(next), at, ()) = self.wait_for(since, method, &mut is_answer);
        // A long session asks much, and nobody else wants to know.
        let mut answer = std::mem::take(&mut self.log[next - 1]);
        let result = match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        };
        (at, result)
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a message, whatever it says.
    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    /// Sends bytes that may be no message.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            // If the server is gone, waiting for its answer says so, with what it wrote.
            let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
        }
    }

    /// Sends a request, and gives its id: the answer is for [`Editor::answer`].
    pub fn ask(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Waits for the result of a request, or its error.
    #[track_caller]
    pub fn answer(&mut self, since: Moment, id: u64) -> Result<Value, Value> {
        self.wait(since, &format!("the answer to {id}"), |message| {
            let is_answer = message["id"] == id && message["method"].is_null();
            is_answer.then(|| match message.get("error") {
                Some(error) => Err(error.clone()),
                None => Ok(message["result"].clone()),
            })
        })
    }

    /// Reads nothing more of what the server says and logs (but for what is on its way), or goes on.
    pub fn set_reading(&mut self, is_reading: bool) {
        self.reading.set(!is_reading);
    }

    /// Answers everything that the server has asked meanwhile.
    pub fn answer_late(&mut self) {
        self.now();
        self.answering = Answering::Right;
        for message in std::mem::take(&mut self.unanswered) {
            self.reply(&message);
        }
    }

    /// Waits for a message that was sent after `since`; answers what the server asks meanwhile.
    ///
    /// # Panics
    ///
    /// After [`Editor::patience`], or if the server ends, with all that it said.
    #[track_caller]
    pub fn wait<T>(&mut self, since: Moment, what: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
        self.wait_for(since, what, &mut wanted).2
    }

    /// As [`Editor::wait`]; also where to go on from, and when the message came.
    #[track_caller]
    pub fn wait_for<T>(
        &mut self,
        since: Moment,
        what: &str,
        wanted: &mut dyn FnMut(&Value) -> Option<T>,
    ) -> (Moment, Instant, T) {
        let deadline = Instant::now() + self.patience;
        let mut at = since.0;
        loop {
            while at < self.log.len() {
                if let Some(found) = wanted(&self.log[at]) {
                    return (Moment(at + 1), self.arrived[at], found);
                }
                at += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.arriving.recv_timeout(left) {
                Ok((at, message)) => self.take(at, message),
                Err(RecvTimeoutError::Timeout) => self.fail(since, what, "did not come"),
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(since, what, "did not come before the server ended")
                }
            }
        }
    }

    /// Has a message like that come between two moments?
    pub fn has(&self, since: Moment, before: Moment, wanted: impl Fn(&Value) -> bool) -> bool {
        self.log[since.0.min(before.0)..before.0].iter().any(wanted)
    }

    #[track_caller]
    fn fail(&self, since: Moment, what: &str, how: &str) -> ! {
        let messages: Vec<String> = self.log[since.0..].iter().map(Value::to_string).collect();
        panic!("{what} {how}; messages since:\n{}\nstderr:\n{}", messages.join("\n"), self.stderr())
    }

    fn take(&mut self, at: Instant, message: Value) {
        if !message["id"].is_null() && !message["method"].is_null() {
            let id = message["id"].clone();
            match self.answering {
                Answering::Right => self.reply(&message),
                Answering::Late => self.unanswered.push(message.clone()),
                Answering::Errors => {
                    let error = json!({ "code": -32603, "message": "this editor has a bad day" });
                    self.send(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
                }
                Answering::Garbage => {
                    self.send(&json!({ "jsonrpc": "2.0", "id": 987_654, "result": null }));
                    self.send(&json!({ "jsonrpc": "2.0", "id": null, "result": null }));
                    self.send(&json!({ "jsonrpc": "2.0", "id": "x", "error": { "code": "no" } }));
                    self.send(&json!({ "jsonrpc": "2.0", "id": id, "error": 7 }));
                    self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": [1] }));
                    self.send(&json!({ "id": id }));
                }
            }
        }
        self.log.push(message);
        self.arrived.push(at);
    }

    fn reply(&mut self, message: &Value) {
        if let Some(method) = message["method"].as_str() {
            let result = match method {
                "window/workDoneProgress/create"
                | "workspace/inlayHint/refresh"
                | "client/registerCapability"
                | "client/unregisterCapability"
                | "window/showMessageRequest" => Some(Value::Null),
                "workspace/configuration" => {
                    let items = message["params"]["items"].as_array().cloned();
                    let values = items.unwrap_or_default().into_iter().map(|item| {
                        if item["section"] == "futurelens" { self.options.clone() } else { Value::Null }
                    });
                    Some(values.collect())
                }
                _ => None,
            };
            let id = &message["id"];
            let answer = match result {
                Some(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
                None => json!({
                    "jsonrpc": "2.0",
                    "id": id,
                    "error": { "code": -32601, "message": "not known to this editor" },
                }),
            };
            self.send(&answer);
        }
    }

    /// Waits until the server says that a piece of work, such as a size build, has ended that began since. One that
    /// was cancelled, as a newer one takes its place, is not the end.
    #[track_caller]
    pub fn wait_for_work(&mut self, since: Moment) {
        let mut begun: Vec<Value> = Vec::new();
        self.wait(since, "the end of a progress", |message| {
            let token = &message["params"]["token"];
            match progress_kind(message) {
                Some("begin") => begun.push(token.clone()),
                Some("end") if begun.contains(token) => {
                    return (message["params"]["value"]["message"] != "cancelled").then_some(());
                }
                _ => {}
            }
            None
        });
    }

    /// What progress notifications have said since: titles and messages.
    pub fn progress(&mut self, since: Moment) -> Vec<String> {
        self.now();
        self.log[since.0..]
            .iter()
            .filter(|message| progress_kind(message).is_some())
            .flat_map(|message| {
                let value = &message["params"]["value"];
                [&value["title"], &value["message"]]
                    .into_iter()
                    .filter_map(|text| text.as_str().map(str::to_owned))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// The parameters of every notification of this kind that the server has sent since.
    pub fn notifications(&mut self, since: Moment, method: &str) -> Vec<Value> {
        self.now();
        let sent = self.log[since.0..].iter().filter(|message| message["method"] == method);
        sent.map(|message| message["params"].clone()).collect()
    }

    // Documents

    /// Opens a file with the text that it has on disk.
    pub fn did_open(&mut self, path: &Path) {
        let text = fs::read_to_string(path).expect("the file is there");
        let uri = uri(path);
        self.versions.insert(uri.clone(), 1);
        self.notify(
            "textDocument/didOpen",
            json!({ "textDocument": {
                "uri": uri, "languageId": "rust", "version": 1, "text": text,
            } }),
        );
    }

    /// Types: replaces what is between two zero-based places (line, character).
    pub fn did_change(&mut self, path: &Path, start: (usize, usize), end: (usize, usize), text: &str) {
        self.did_change_with(
            path,
            json!({
                "range": {
                    "start": { "line": start.0, "character": start.1 },
                    "end": { "line": end.0, "character": end.1 },
                },
                "text": text,
            }),
        );
    }

    /// Replaces the whole text.
    pub fn did_change_all(&mut self, path: &Path, text: &str) {
        self.did_change_with(path, json!({ "text": text }));
    }

    fn did_change_with(&mut self, path: &Path, change: Value) {
        let uri = uri(path);
        let version = self.versions.entry(uri.clone()).or_insert(1);
        *version += 1;
        let params = json!({
            "textDocument": { "uri": uri, "version": *version },
            "contentChanges": [change],
        });
        self.notify("textDocument/didChange", params);
    }

    /// Closes a file.
    pub fn did_close(&mut self, path: &Path) {
        self.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri(path) } }));
    }

    /// Says that a watched file, such as a `Cargo.toml`, was changed on disk.
    pub fn did_change_watched(&mut self, path: &Path) {
        let change = json!({ "uri": uri(path), "type": 2 });
        self.notify("workspace/didChangeWatchedFiles", json!({ "changes": [change] }));
    }

    /// Says that the file was saved. Writing it is the caller's part.
    pub fn did_save(&mut self, path: &Path) {
        self.notify("textDocument/didSave", json!({ "textDocument": { "uri": uri(path) } }));
    }

    /// Types a whole new text, writes it, and says that it was saved.
    pub fn save_as(&mut self, path: &Path, text: &str) {
        self.did_change_all(path, text);
        fs::write(path, text).expect("the file is writable");
        self.did_save(path);
    }

    /// The user changes the configuration: all of it, without the `futurelens.` in front.
    pub fn configure(&mut self, options: Value) {
        self.options = options.clone();
        self.notify("workspace/didChangeConfiguration", json!({ "settings": { "futurelens": options } }));
    }

    /// Every text that the server has shown to the user since.
    pub fn shown(&mut self, since: Moment) -> Vec<String> {
        self.now();
        self.log[since.0..]
            .iter()
            .filter(|message| {
                message["method"] == "window/showMessage" || message["method"] == "window/showMessageRequest"
            })
            .filter_map(|message| message["params"]["message"].as_str().map(str::to_owned))
            .collect()
    }

    // Hints

    /// The hints that the server has for a file now, in the order of the text.
    #[track_caller]
    pub fn hints(&mut self, path: &Path) -> Vec<Hint> {
        let params = whole_file(path);
        let resolves = self.capabilities["inlayHintProvider"]["resolveProvider"] == true;
        let hints = self.request("textDocument/inlayHint", params);
        let hints = hints.as_array().cloned().unwrap_or_default();
        let mut hints: Vec<Hint> = hints
            .into_iter()
            .map(|hint| {
                if resolves && hint["tooltip"].is_null() {
                    hint_of(&self.request("inlayHint/resolve", hint))
                } else {
                    hint_of(&hint)
                }
            })
            .collect();
        hints.sort_by_key(|hint| (hint.line, hint.character));
        hints
    }

    /// The hints as an editor shows them, without those tooltips that have to be asked for, and when they came.
    #[track_caller]
    pub fn shown_hints(&mut self, path: &Path) -> (Instant, Vec<Hint>) {
        let (at, answer) = self.timed_request("textDocument/inlayHint", whole_file(path));
        let hints = answer.unwrap_or_else(|error| panic!("hints: {error}"));
        let mut hints: Vec<Hint> = hints.as_array().into_iter().flatten().map(hint_of).collect();
        hints.sort_by_key(|hint| (hint.line, hint.character));
        (at, hints)
    }

    /// Asks for the hints, and asks again whenever the server says that they have changed, until
    /// they are as wanted.
    ///
    /// # Panics
    ///
    /// If they are not, and the server says nothing more for [`PATIENCE`].
    #[track_caller]
    pub fn hints_when(&mut self, path: &Path, what: &str, wanted: impl Fn(&[Hint]) -> bool) -> Vec<Hint> {
        loop {
            let asked = self.now();
            let hints = self.hints(path);
            if wanted(&hints) {
                return hints;
            }
            let what = format!("{what} (the hints were {hints:#?}); a refresh");
            self.wait(asked, &what, |message| {
                (message["method"] == "workspace/inlayHint/refresh").then_some(())
            });
        }
    }

    // Hovers

    /// What is shown when the pointer rests on a zero-based place (line, character).
    #[track_caller]
    pub fn hover(&mut self, path: &Path, at: (usize, usize)) -> Option<Hover> {
        let params = json!({
            "textDocument": { "uri": uri(path) },
            "position": { "line": at.0, "character": at.1 },
        });
        let answer = self.request("textDocument/hover", params);
        let contents = &answer["contents"];
        (!answer.is_null()).then(|| Hover {
            kind: contents["kind"].as_str().expect("a hover has markup").to_owned(),
            text: contents["value"].as_str().expect("a hover has a text").to_owned(),
            range: range_of(&answer["range"]),
        })
    }

    // Code actions

    /// What is offered at a zero-based place (line, character). `context` is the protocol's: diagnostics, and
    /// which kinds are wanted.
    #[track_caller]
    pub fn code_actions(&mut self, path: &Path, at: (usize, usize), context: Value) -> Vec<Value> {
        let at = json!({ "line": at.0, "character": at.1 });
        let params = json!({
            "textDocument": { "uri": uri(path) },
            "range": { "start": at, "end": at },
            "context": context,
        });
        let answer = self.request("textDocument/codeAction", params);
        answer.as_array().cloned().unwrap_or_default()
    }

    /// As [`Editor::code_actions`], asked again until they are as wanted: trying them takes time.
    ///
    /// # Panics
    ///
    /// If they are not after [`PATIENCE`].
    #[track_caller]
    pub fn code_actions_when(
        &mut self,
        path: &Path,
        at: (usize, usize),
        what: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let begin = Instant::now();
        loop {
            let found = self.code_actions(path, at, json!({ "diagnostics": [] }));
            if wanted(&found) {
                return found;
            }
            assert!(begin.elapsed() < PATIENCE, "{what} did not come; the actions are {found:#?}");
            thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    // Diagnostics

    /// The diagnostics of a file as they are once they are as wanted: those that were published last,
    /// or will be.
    ///
    /// # Panics
    ///
    /// If they are not, and the server publishes nothing more for [`PATIENCE`].
    #[track_caller]
    pub fn diagnostics_when(
        &mut self,
        path: &Path,
        what: &str,
        wanted: impl Fn(&[Diagnostic]) -> bool,
    ) -> Vec<Diagnostic> {
        let uri = uri(path);
        let is_about =
            |m: &Value| m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == *uri;
        loop {
            let now = self.now();
            let last = self.log.iter().rev().find(|message| is_about(message));
            let last = last.and_then(|message| message["params"]["diagnostics"].as_array());
            let found: Vec<Diagnostic> = last.into_iter().flatten().map(diagnostic_of).collect();
            if wanted(&found) {
                return found;
            }
            let what = format!("{what} (the diagnostics were {found:#?}); new diagnostics");
            self.wait(now, &what, |message| is_about(message).then_some(()));
        }
    }

    // The end

    /// Says goodbye as the protocol wants it, keeps stdin open, and waits for the process to end.
    ///
    /// # Panics
    ///
    /// If it has not ended after [`PATIENCE`].
    #[track_caller]
    pub fn exit(&mut self) {
        self.request("shutdown", Value::Null);
        self.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
        self.wait_for_end();
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub fn wait_for_end(&mut self) {
        let ended = until(PATIENCE, || matches!(self.child.try_wait(), Ok(Some(_))).then_some(()));
        assert!(ended.is_some(), "the server does not end");
    }

    /// Waits for the process to end by itself; its exit code, or none if a signal ended it.
    #[track_caller]
    pub fn exit_code(&mut self) -> Option<i32> {
        self.wait_for_end();
        self.child.wait().expect("it is ours").code()
    }

    /// Ends the server's process as nothing can prevent, and waits for that.
    pub fn kill(&mut self) {
        kill(self.pid());
        self.wait_for_end();
    }

    /// Closes stdin, as an editor that crashed does.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// Everything alive that the server has started, directly or not, also if its parent is gone:
    /// all of them have inherited a variable. Linux only; empty elsewhere.
    pub fn children(&self) -> Vec<Process> {
        marked(&self.mark).into_iter().filter(|process| process.pid != self.pid()).collect()
    }

    /// Waits until the server has nothing running, such as edits being tried. Is it so?
    pub fn is_quiet(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut calm = 0;
        while calm < 5 {
            calm = if self.children().is_empty() { calm + 1 } else { 0 };
            if Instant::now() > end {
                return false;
            }
            thread::sleep(Duration::from_millis(30));
        }
        true
    }

    /// Waits until nothing that the server has started is alive.
    ///
    /// # Panics
    ///
    /// If something still is after a minute.
    #[track_caller]
    pub fn expect_no_children(&self) {
        let gone = until(Duration::from_secs(60), || self.children().is_empty().then_some(()));
        assert!(gone.is_some(), "left behind: {:#?}", self.children());
    }
}

impl Drop for Editor {
    /// A test that failed leaves nothing behind either.
    fn drop(&mut self) {
        self.reading.set(false);
        for process in self.children() {
            kill(process.pid);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again: the end of another process is no event for those who are not its parent.
pub fn until<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > deadline {
            return answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The id of its parent.
    pub parent: u32,
    /// The name of its program, cut to 15 bytes by the kernel.
    pub name: String,
}

impl Process {
    /// What it was started with, its own name first. Nothing if it is gone.
    pub fn arguments(&self) -> Vec<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.split_terminator('\0').map(str::to_owned).collect()
    }
}

/// Everything alive, as `/proc` shows it. Those that have ended and wait for their parent to ask
/// are not alive.
pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name is in parentheses and may hold anything.
            let (start, rest) = stat.rsplit_once(')')?;
            let (_, name) = start.split_once('(')?;
            let mut fields = rest.split_whitespace();
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            let alive = !matches!(state, "Z" | "X");
            alive.then(|| Process { pid, parent, name: name.to_owned() })
        })
        .collect()
}

/// Processes that a process has started and that have ended, without its having asked how. Linux only; none
/// elsewhere.
pub fn zombies(pid: u32) -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let of_it = |stat: &String| {
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let mut fields = fields.split_whitespace();
        fields.next() == Some("Z") && fields.next().is_some_and(|parent| parent == pid.to_string())
    };
    stats.filter(of_it).count()
}

/// Megabytes of a process in memory: now, and at most. Linux only; nothing elsewhere.
pub fn memory(pid: u32) -> (f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        number.unwrap_or(0.0) / 1024.0
    };
    (value("VmRSS:"), value("VmHWM:"))
}

/// Everything alive that was started with [`MARK`] set to this, or by something that was. Linux only; empty elsewhere.
pub fn marked(mark: &str) -> Vec<Process> {
    let wanted = format!("{MARK}={mark}");
    let is_marked = |process: &Process| {
        fs::read(format!("/proc/{}/environ", process.pid)).is_ok_and(|environment| {
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
        })
    };
    processes().into_iter().filter(is_marked).collect()
}

/// Everything alive below a process, as `/proc` shows it. Linux only; empty elsewhere.
pub fn descendants(pid: u32) -> Vec<Process> {
    let all = processes();
    let mut parents = vec![pid];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// `file:///…` of a path.
pub fn uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(byte.into());
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// The byte offset in a line of a character counted in an encoding.
///
/// # Panics
///
/// If the place is inside of a character, or past the end of the line.
#[track_caller]
pub fn byte_offset(line: &str, character: usize, encoding: &str) -> usize {
    let width = |c: char| match encoding {
        "utf-8" => c.len_utf8(),
        _ => c.len_utf16(),
    };
    let mut passed = 0;
    for (at, c) in line.char_indices() {
        if passed == character {
            return at;
        }
        passed += width(c);
    }
    assert_eq!(passed, character, "no place of {line:?} is at character {character} in {encoding}");
    line.len()
}

/// The text with the edits of one document of a `WorkspaceEdit` made.
///
/// # Panics
///
/// If a place is not in the text.
#[track_caller]
pub fn edited(text: &str, edits: &Value, encoding: &str) -> String {
    let offset = |(line, character): (usize, usize)| {
        let mut lines = text.split_inclusive('\n');
        let before: usize = lines.by_ref().take(line).map(str::len).sum();
        before + byte_offset(lines.next().unwrap_or_default(), character, encoding)
    };
    let edits = edits.as_array().expect("edits are a list").iter();
    let mut edits: Vec<(usize, usize, &str)> = edits
        .map(|edit| {
            let (start, end) = range_of(&edit["range"]);
            (offset(start), offset(end), edit["newText"].as_str().expect("a text"))
        })
        .collect();
    edits.sort();
    let mut text = text.to_owned();
    for (start, end, new) in edits.into_iter().rev() {
        text.replace_range(start..end, new);
    }
    text
}

/// Asks about all of a file.
pub fn whole_file(path: &Path) -> Value {
    json!({
        "textDocument": { "uri": uri(path) },
        "range": {
            "start": { "line": 0, "character": 0 },
            "end": { "line": 100_000, "character": 0 },
        },
    })
}

/// `begin`, `report` or `end` of a progress notification.
fn progress_kind(message: &Value) -> Option<&str> {
    if message["method"] != "$/progress" {
        return None;
    }
    message["params"]["value"]["kind"].as_str()
}

fn hint_of(hint: &Value) -> Hint {
    let text = |value: &Value| -> String {
        let text = value.as_str().or_else(|| value["value"].as_str());
        text.unwrap_or_default().to_owned()
    };
    let mut label = text(&hint["label"]);
    let mut tooltip = text(&hint["tooltip"]);
    for part in hint["label"].as_array().into_iter().flatten() {
        label.push_str(&text(part));
        tooltip.push_str(&text(&part["tooltip"]));
    }
    let place = |key: &str| {
        let number = hint["position"][key].as_u64();
        usize::try_from(number.expect("a hint has a position")).expect("it is in a text")
    };
    Hint { line: place("line"), character: place("character"), label, tooltip }
}

#[track_caller]
fn range_of(range: &Value) -> Range {
    let number = |value: &Value| {
        let number = value.as_u64().unwrap_or_else(|| panic!("{range} is a range"));
        usize::try_from(number).expect("it is in a text")
    };
    let place = |place: &Value| (number(&place["line"]), number(&place["character"]));
    (place(&range["start"]), place(&range["end"]))
}

fn diagnostic_of(diagnostic: &Value) -> Diagnostic {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let related = diagnostic["relatedInformation"].as_array().into_iter().flatten();
    assert_eq!(diagnostic["source"], "futurelens", "{diagnostic}");
    Diagnostic {
        range: range_of(&diagnostic["range"]),
        severity: diagnostic["severity"].as_u64().unwrap_or_default(),
        code: text(&diagnostic["code"]),
        url: text(&diagnostic["codeDescription"]["href"]),
        message: text(&diagnostic["message"]),
        related: related
            .map(|related| {
                let location = &related["location"];
                (text(&location["uri"]), range_of(&location["range"]), text(&related["message"]))
            })
            .collect(),
    }
}

/// The zero-based place (line, character) of a needle in a text of ASCII.
///
/// # Panics
///
/// If it is not there exactly once.
#[track_caller]
pub fn place_of(text: &str, needle: &str) -> (usize, usize) {
    let mut found = text.match_indices(needle);
    let (at, _) = found.next().unwrap_or_else(|| panic!("no {needle:?} in:\n{text}"));
    assert_eq!(found.next(), None, "{needle:?} is there more than once in:\n{text}");
    let before = &text[..at];
    (before.matches('\n').count(), at - before.rfind('\n').map_or(0, |end| end + 1))
}

/// What is between two places of a text of ASCII, in one line.
#[track_caller]
pub fn text_at(text: &str, range: Range) -> &str {
    let ((line, start), (last, end)) = range;
    assert_eq!(line, last, "in one line");
    &text.lines().nth(line).expect("the line is there")[start..end]
}

/// The next message of a stream, unread; nothing at its end, or if it is not LSP.
fn read_body(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("Content-Length") {
            length = Some(value.trim().parse().ok()?);
        }
    }
    let mut body = vec![0; length?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_both_encodings() {
        let line = "/* 😀 */ fn";
        assert_eq!(byte_offset(line, 9, "utf-16"), 11);
        assert_eq!(byte_offset(line, 11, "utf-8"), 11);
        assert_eq!(byte_offset(line, 11, "utf-16"), line.len());
    }

    #[test]
    fn reads_one_message_after_the_other() {
        let mut stream: &[u8] = b"Content-Length: 8\r\n\r\n{\"a\": 1}content-length: 2\r\nX: y\r\n\r\n{}";
        assert_eq!(read_body(&mut stream).as_deref(), Some(&b"{\"a\": 1}"[..]));
        assert_eq!(read_body(&mut stream).as_deref(), Some(&b"{}"[..]));
        assert_eq!(read_body(&mut stream), None);
    }

    #[test]
    fn uris_hold_no_spaces() {
        assert_eq!(uri(Path::new("/a b/é.rs")), "file:///a%20b/%C3%A9.rs");
    }
}
