//! The language server as an editor reaches it: the real service and session in this process, over streams in memory.
//!
//! No build starts: nothing is in a cargo project. Files that an input names are below a folder that is not there.

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::AsyncWriteExt as _;

/// The first byte says whether the rest is what the pipe carries, or what messages are made of.
pub fn any(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    if kind % 4 == 0 { bytes(data) } else { messages(data) }
}

/// Bytes on the pipe, and then an editor that takes its leave.
pub fn bytes(data: &[u8]) {
    // What may be a message of any length, and swallow what follows.
    let is_open_ended = data.windows(15).any(|part| part.eq_ignore_ascii_case(b"content-length:"));
    let mut editor = Editor::default();
    editor.send(data);
    editor.send(b"\r\n\r\n");
    if is_open_ended {
        editor.leave();
        return;
    }
    editor.begin();
    editor.request("bye", "shutdown");
    editor.send(&framed(&json!({"jsonrpc": "2.0", "method": "exit"}).to_string()));
    let (code, answers) = editor.leave();
    assert_eq!(code, 0, "it left in peace");
    let bye = answers.iter().find(|answer| answer["id"] == "bye");
    assert!(bye.is_some_and(|bye| bye["error"].is_null()), "{answers:?}");
}

/// Well-framed messages with odd contents, in any order. Each request gets its answer.
pub fn messages(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let mut editor = Editor::default();
    let mut asked = Vec::new();
    let before = u.int_in_range(0..=3).unwrap_or_default();
    let mut number = 0;
    while !u.is_empty() && number < 64 {
        // Without the answer to `initialize` an editor may say nothing else. Some do.
        if number == before {
            editor.begin();
        }
        number += 1;
        let Ok((message, is_request)) = message(&mut u, number) else { break };
        // What ends the session comes last, below.
        if matches!(message["method"].as_str(), Some("exit" | "shutdown")) {
            continue;
        }
        let text = message.to_string();
        // What nests too deep to be read has no number to answer to.
        if is_request && serde_json::from_str::<Value>(&text).is_ok() {
            asked.push(message["id"].clone());
        }
        editor.send(&framed(&text));
    }
    if number <= before {
        editor.begin();
    }
    editor.request("bye", "shutdown");
    asked.extend([json!("hello"), json!("hello again"), json!("bye")]);
    let (code, answers) = editor.leave();
    assert_eq!(code, 0, "it has been told that the editor would go");
    for id in asked {
        let own = answers.iter().filter(|answer| answer["id"] == id && answer.get("method").is_none());
        assert_eq!(own.count(), 1, "answers to {id} in {answers:?}");
    }
    let bye = answers.iter().find(|answer| answer["id"] == "bye").expect("it was counted");
    assert!(bye["error"].is_null(), "the session is gone: {bye}");
}

/// What one says to a server in this process.
#[derive(Default)]
struct Editor {
    /// Bytes, and whose answer is waited for then.
    steps: Vec<(Vec<u8>, Option<&'static str>)>,
}

impl Editor {
    fn send(&mut self, bytes: &[u8]) {
        match self.steps.last_mut() {
            Some((step, None)) => step.extend_from_slice(bytes),
            _ => self.steps.push((bytes.to_vec(), None)),
        }
    }

    fn request(&mut self, id: &'static str, method: &str) {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        self.send(&framed(&message.to_string()));
        self.steps.last_mut().into_iter().for_each(|step| step.1 = Some(id));
    }

    /// If it had been initialized before, or that went wrong, the second time tells.
    fn begin(&mut self) {
        for id in ["hello", "hello again"] {
            let params = json!({"capabilities": {}});
            let message = json!({"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params});
            self.send(&framed(&message.to_string()));
            self.steps.last_mut().into_iter().for_each(|step| step.1 = Some(id));
        }
    }

    /// Runs all of it. The server's exit code, and what it said.
    fn leave(self) -> (u8, Vec<Value>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let said = Said::default();
        let heard = said.clone();
        let (mut editor, theirs) = tokio::io::duplex(1 << 16);
        let steps = self.steps;
        let code = runtime.block_on(async {
            let write = async move {
                for (bytes, id) in steps {
                    // It may be gone by then.
                    let _ = editor.write_all(&bytes).await;
                    let Some(id) = id else { continue };
                    let answer = format!("\"id\":\"{id}\"");
                    let mut patience = 100_000;
                    while !heard.has(answer.as_bytes()) {
                        patience -= 1;
                        assert!(patience > 0, "no answer to {id}");
                        tokio::task::yield_now().await;
                    }
                }
                drop(editor);
            };
            tokio::join!(write, futurelens::lsp::serve(theirs, said.clone())).1
        });
        runtime.shutdown_background();
        let output = said.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (code, answers(&output))
    }
}

/// What the server wrote; it never waits to be read.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn has(&self, what: &[u8]) -> bool {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.windows(what.len()).any(|part| part == what)
    }
}

impl tokio::io::AsyncWrite for Said {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn framed(text: &str) -> Vec<u8> {
    format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

/// The messages that the server sent.
fn answers(mut output: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while !output.is_empty() {
        let text = output.strip_prefix(b"Content-Length: ").expect("a header");
        let end = text.windows(4).position(|part| part == b"\r\n\r\n").expect("an end of it");
        let length: usize = std::str::from_utf8(&text[..end]).expect("digits").parse().expect("a number");
        let body = &text[end + 4..][..length];
        found.push(serde_json::from_slice(body).expect("JSON"));
        output = &text[end + 4 + length..];
    }
    found
}

/// A message, and whether it is a request.
fn message(u: &mut Unstructured<'_>, number: usize) -> Result<(Value, bool)> {
    const REQUESTS: [&str; 12] = [
        "initialize",
        "shutdown",
        "textDocument/inlayHint",
        "inlayHint/resolve",
        "textDocument/hover",
        "textDocument/codeAction",
        "codeAction/resolve",
        "workspace/executeCommand",
        "futurelens/layout",
        "futurelens/report",
        "textDocument/definition",
        "$/futurelens/unreadable",
    ];
    const NOTIFICATIONS: [&str; 11] = [
        "initialized",
        "exit",
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didSave",
        "textDocument/didClose",
        "workspace/didChangeConfiguration",
        "workspace/didChangeWorkspaceFolders",
        "workspace/didChangeWatchedFiles",
        "window/workDoneProgress/cancel",
        "$/setTrace",
    ];
    // Documents change more often than anything else.
    let weights: [&str; 4] = ["textDocument/didChange", "textDocument/didOpen", "initialize", "initialized"];
    let kind = u.int_in_range(0..=9)?;
    let method = match kind {
        0..=2 => *u.choose(&weights)?,
        3..=5 => *u.choose(&NOTIFICATIONS)?,
        _ => *u.choose(&REQUESTS)?,
    };
    let is_request = REQUESTS.contains(&method);
    let mut params = params(u, method)?;
    if u.ratio(1, 6)? {
        spoil(u, &mut params)?;
    }
    let mut message = json!({"jsonrpc": "2.0", "method": method});
    if !params.is_null() || u.arbitrary()? {
        message["params"] = params;
    }
    if is_request {
        message["id"] = if u.arbitrary()? { json!(number) } else { json!(format!("é{number}")) };
    }
    // An answer that nobody waits for, or no message at all.
    match u.int_in_range(0..=40)? {
        0 => Ok((json!({"jsonrpc": "2.0", "id": number, "result": odd(u)?}), false)),
        1 => Ok((odd(u)?, false)),
        2 => {
            message["jsonrpc"] = odd(u)?;
            message["id"] = json!(format!("odd{number}"));
            let answered = message["jsonrpc"] != "2.0" || is_request;
            Ok((message, answered))
        }
        _ => Ok((message, is_request)),
    }
}

fn params(u: &mut Unstructured<'_>, method: &str) -> Result<Value> {
    let uri = uri(u)?;
    let document = json!({"uri": uri});
    Ok(match method {
        "initialize" => json!({
            "processId": null,
            "rootUri": if u.arbitrary()? { json!(uri) } else { Value::Null },
            "workspaceFolders": if u.arbitrary()? { json!([{"uri": uri, "name": "é"}]) } else { Value::Null },
            "initializationOptions": settings(u)?,
            "capabilities": {
                "general": {"positionEncodings": if u.arbitrary()? { json!(["utf-8"]) } else { json!(["utf-16", "utf-32"]) }},
                "window": {"workDoneProgress": u.arbitrary::<bool>()?},
                "workspace": {
                    "inlayHint": {"refreshSupport": u.arbitrary::<bool>()?},
                    "didChangeWatchedFiles": {"dynamicRegistration": u.arbitrary::<bool>()?},
                },
                "experimental": {"futurelens": {"status": u.arbitrary::<bool>()?}},
            },
        }),
        "textDocument/didOpen" => json!({"textDocument": {
            "uri": uri, "languageId": "rust", "version": number(u)?, "text": text(u)?,
        }}),
        "textDocument/didChange" => {
            let mut changes = Vec::new();
            for _ in 0..u.int_in_range(0..=4)? {
                let text = text(u)?;
                changes.push(match u.int_in_range(0..=7)? {
                    0 => json!({"text": text}),
                    1 => json!({"text": text, "range": range(u)?, "rangeLength": number(u)?}),
                    _ => json!({"text": text, "range": range(u)?}),
                });
            }
            json!({"textDocument": {"uri": uri, "version": number(u)?}, "contentChanges": changes})
        }
        "textDocument/didSave" => json!({"textDocument": document, "text": text(u)?}),
        "textDocument/didClose" => json!({"textDocument": document}),
        "textDocument/inlayHint" => json!({"textDocument": document, "range": range(u)?}),
        "textDocument/hover" | "textDocument/definition" => {
            json!({"textDocument": document, "position": position(u)?})
        }
        "textDocument/codeAction" => json!({"textDocument": document, "range": range(u)?, "context": {
            "diagnostics": [{"range": range(u)?, "message": text(u)?, "code": "over-budget"}], "only": [text(u)?],
        }}),
        "codeAction/resolve" => json!({"title": text(u)?, "data": data(u, &uri)?}),
        "inlayHint/resolve" => json!({"position": position(u)?, "label": text(u)?, "data": data(u, &uri)?}),
        "futurelens/layout" => match u.int_in_range(0..=2)? {
            0 => json!({"id": text(u)?}),
            1 => json!({"textDocument": document, "position": position(u)?}),
            _ => json!({"textDocument": document}),
        },
        "workspace/executeCommand" => {
            json!({"command": if u.arbitrary()? { "futurelens.rebuild" } else { "é" }, "arguments": [odd(u)?]})
        }
        "workspace/didChangeConfiguration" => json!({"settings": settings(u)?}),
        "workspace/didChangeWorkspaceFolders" => {
            let (added, removed) = (self::uri(u)?, self::uri(u)?);
            json!({"event": {"added": [{"uri": added, "name": ""}], "removed": [{"uri": removed, "name": ""}]}})
        }
        "workspace/didChangeWatchedFiles" => {
            json!({"changes": [{"uri": uri, "type": u.int_in_range(0..=4)?}]})
        }
        "window/workDoneProgress/cancel" => json!({"token": odd(u)?}),
        "initialized" => json!({}),
        _ => odd(u)?,
    })
}

/// Puts something else in the place of a part.
fn spoil(u: &mut Unstructured<'_>, value: &mut Value) -> Result<()> {
    let mut place = value;
    for _ in 0..u.int_in_range(0..=4)? {
        let next = u.arbitrary::<u8>()?;
        let is_inner = match &place {
            Value::Object(map) => map.is_empty(),
            Value::Array(list) => list.is_empty(),
            _ => true,
        };
        if is_inner {
            break;
        }
        place = match place {
            Value::Object(map) => {
                let key = map.keys().nth(usize::from(next) % map.len()).cloned().unwrap_or_default();
                if next > 230 {
                    map.remove(&key);
                    return Ok(());
                }
                &mut map[&key]
            }
            Value::Array(list) => {
                let at = usize::from(next) % list.len();
                &mut list[at]
            }
            _ => unreachable!("it has something in it"),
        };
    }
    *place = odd(u)?;
    Ok(())
}

fn odd(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=10)? {
        0 => Value::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(u.arbitrary::<i64>()?),
        3 => json!(u64::MAX),
        4 => json!(f64::from(u.arbitrary::<f32>()?.clamp(-1e30, 1e30))),
        5 => json!(text(u)?),
        6 => json!([]),
        7 => json!({}),
        8 => json!([odd(u)?, odd(u)?]),
        9 => json!({"uri": odd(u)?}),
        _ => {
            // As deep as JSON readers go, and deeper.
            let depth = *u.choose(&[3, 100, 126, 127, 128, 500])?;
            let mut value = Value::Null;
            for _ in 0..depth {
                value = json!([value]);
            }
            value
        }
    })
}

fn settings(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=5)? {
        0 => Value::Null,
        1 => json!({"hints": {"minBytes": number(u)?, "awaits": "all", "asDiagnostics": true}}),
        2 => json!({"futurelens": {"cacheLine": {"bytes": number(u)?}, "budget": {"bytes": number(u)?}}}),
        3 => {
            json!({"build": {"onOpen": u.arbitrary::<bool>()?, "onSave": u.arbitrary::<bool>()?, "asYouType": true}})
        }
        4 => json!({"toolchain": text(u)?, "cargo": {"features": [text(u)?], "targetDir": text(u)?}}),
        _ => odd(u)?,
    })
}

fn data(u: &mut Unstructured<'_>, uri: &str) -> Result<Value> {
    Ok(match u.int_in_range(0..=3)? {
        0 => json!({"uri": uri, "version": number(u)?, "id": text(u)?}),
        1 => json!({"uri": uri, "at": number(u)?}),
        _ => odd(u)?,
    })
}

fn uri(u: &mut Unstructured<'_>) -> Result<String> {
    const URIS: [&str; 12] = [
        "file:///futurelens-nowhere/src/lib.rs",
        "file:///futurelens-nowhere/src/main.rs",
        "file:///futurelens-nowhere/src/main.rs",
        "file:///futurelens-nowhere/%C3%A9%20%00.rs",
        "file:///futurelens-nowhere",
        "file:///futurelens-nowhere/../x.rs",
        "file://host/share/a.rs",
        "file:",
        "untitled:Untitled-1",
        "vscode-notebook-cell:/a#x",
        "no uri",
        "",
    ];
    let few = u.int_in_range(0..=19)?;
    Ok(URIS.get(few).unwrap_or(&URIS[0]).to_string())
}

fn number(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=9)? {
        0 => json!(u32::MAX),
        1 => json!(i32::MAX),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(0),
        _ => json!(u.int_in_range(0..=9)?),
    })
}

fn position(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(json!({"line": number(u)?, "character": number(u)?}))
}

fn range(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(json!({"start": position(u)?, "end": position(u)?}))
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    const TEXTS: [&str; 12] = [
        "",
        "async fn f() { g().await }\n",
        "é😀",
        "\r\n",
        "\r",
        "\u{feff}",
        "}",
        "{ async move {",
        "\n\n\n",
        "m!(async {})",
        "\0",
        "refactor.rewrite",
    ];
    let mut text = String::new();
    for _ in 0..u.int_in_range(0..=3)? {
        text.push_str(u.choose(&TEXTS)?);
    }
    Ok(text)
}
