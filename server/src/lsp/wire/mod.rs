//! Everything that exists because of the transport: pipes, the library that speaks the protocol (tower-lsp), and
//! what mends the library's requests. Nothing outside this room names the library.
//!
//! `transport` reads and writes messages; `server` turns calls into messages of the session; `outbox` talks to the editor, and
//! `log` to standard error, neither of which anyone waits for; `ending` tells what ends the server; `heap` sees to it that
//! freed memory is used again.

mod ending;
mod heap;
mod log;
mod outbox;
mod server;
mod transport;

use crate::lsp::protocol;
use crate::lsp::session::message::Message;
use ending::Ending;
use server::Server;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tower_lsp::jsonrpc::{Error, Request, Response};
use tower_lsp::{ExitedError, LspService};

/// Serves one editor on standard input and output until it leaves.
pub fn run() -> ExitCode {
    heap::share();
    // Standard output belongs to the protocol.
    let level = match std::env::var("FUTURELENS_LOG").as_deref() {
        Ok("trace") => tracing::Level::TRACE,
        Ok("debug") => tracing::Level::DEBUG,
        Ok("info") => tracing::Level::INFO,
        _ => tracing::Level::WARN,
    };
    let log = log::Log::start();
    let writer = log.clone();
    let _ = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_max_level(level).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("futurelens: cannot start: {error}");
            return ExitCode::from(2);
        }
    };
    let code = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout()));
    // Reading standard input cannot be interrupted: do not wait for it.
    runtime.shutdown_background();
    log.finish();
    ExitCode::from(code)
}

/// Serves one editor until it leaves; gives the process's exit code. Within a runtime of tokio's, with time.
pub async fn serve(input: impl AsyncRead + Unpin, output: impl AsyncWrite + Unpin + Send + 'static) -> u8 {
    let (sender, receiver) = mpsc::unbounded_channel();
    let to_session = sender.clone();
    let (service, socket) = LspService::build(|client| Server::new(client, sender, receiver))
        .custom_method("window/workDoneProgress/cancel", Server::cancel_progress)
        .custom_method(protocol::LAYOUT, Server::layout)
        .custom_method(protocol::REPORT, Server::report)
        .finish();
    let (ending, mut end) = Ending::new();
    let _listening = ending.listen_to_system();
    let service = Leaving { inner: service, ending: ending.clone() };
    let serving = transport::serve(input, output, socket, service);
    let code = tokio::select! {
        // The library goes on reading after `exit` for as long as the editor keeps the pipe open.
        code = end.recv() => code.unwrap_or(1),
        // The editor closed the pipe without a word.
        () = serving => ending.code(),
    };
    // No build outlives the server, nor what it has made for a while.
    let (done, wait) = oneshot::channel();
    if to_session.send(Message::Shutdown(done)).is_ok() {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), wait).await;
    }
    code
}

/// Notices on their way to the service what has to do with the end, and mends what the library makes of some requests.
struct Leaving<S> {
    inner: S,
    ending: Ending,
}

type Answer = Pin<Box<dyn Future<Output = Result<Option<Response>, ExitedError>> + Send>>;

impl<S> tower_service::Service<Request> for Leaving<S>
where
    S: tower_service::Service<Request, Response = Option<Response>, Error = ExitedError>,
    S::Future: Send + 'static,
{
    type Response = Option<Response>;
    type Error = ExitedError;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ExitedError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Answer {
        self.ending.hear(&request);
        // "No parameters" is sent as `null` by some editors, which the library refuses; as it refuses nothing
        // at all where parameters are declared.
        let request = match request.params() {
            None | Some(serde_json::Value::Null) if request.method() == protocol::REPORT => {
                with_params(&request, Some(serde_json::json!({})))
            }
            Some(serde_json::Value::Null) => with_params(&request, None),
            _ => request,
        };
        // What begins with `$/` and is not known the library passes over; a request wants an answer.
        let id = request.id().cloned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.or_else(|| Some(Response::from_error(id?, Error::method_not_found()))))
        })
    }
}

fn with_params(request: &Request, params: Option<serde_json::Value>) -> Request {
    let mut changed = Request::build(request.method().to_owned());
    if let Some(id) = request.id() {
        changed = changed.id(id.clone());
    }
    if let Some(params) = params {
        changed = changed.params(params);
    }
    changed.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::AsyncReadExt as _;

    /// The exit code of a server that gets all of this at once, and then the end of the pipe.
    fn code(messages: &[serde_json::Value]) -> u8 {
        serve_all(messages).0
    }

    /// The same, and what it says.
    fn serve_all(messages: &[serde_json::Value]) -> (u8, String) {
        let frame = |message: &serde_json::Value| {
            let text = message.to_string();
            format!("Content-Length: {}\r\n\r\n{text}", text.len())
        };
        let input: String = messages.iter().map(frame).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            // Wide enough for all that it says.
            let (output, mut heard) = tokio::io::duplex(1 << 20);
            let code = serve(std::io::Cursor::new(input.into_bytes()), output).await;
            let mut said = String::new();
            heard.read_to_string(&mut said).await.unwrap();
            (code, said)
        })
    }

    #[test]
    fn requests_that_nobody_knows_are_answered() {
        let begin =
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}});
        let unknown = json!({"jsonrpc": "2.0", "id": "x", "method": "$/unknown"});
        let (_, said) = serve_all(&[begin, unknown]);
        assert!(said.contains("-32601") && said.contains("\"id\":\"x\""), "{said}");
    }

    #[test]
    fn an_editor_without_a_process_is_not_watched() {
        for id in [json!(null), json!(0), json!(-1), json!(i64::MIN), json!(u64::MAX), json!("x")] {
            let params = json!({"processId": id, "capabilities": {}});
            let begin = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
            let goodbye = json!({"jsonrpc": "2.0", "id": 2, "method": "shutdown"});
            let (_, said) = serve_all(&[begin, goodbye]);
            assert!(said.contains("\"id\":2"), "{id}: {said}");
        }
    }

    #[test]
    fn who_says_goodbye_and_closes_the_pipe_at_once_has_said_goodbye() {
        let begin =
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}});
        let (shutdown, exit) = (
            json!({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}),
            json!({"jsonrpc": "2.0", "method": "exit"}),
        );
        for _ in 0..20 {
            assert_eq!(code(&[begin.clone(), shutdown.clone(), exit.clone()]), 0);
            assert_eq!(code(&[begin.clone(), exit.clone()]), 1, "without `shutdown`");
            assert_eq!(code(&[begin.clone(), shutdown.clone()]), 0, "it has said that it would go");
        }
    }
}
