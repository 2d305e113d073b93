//! Messages between the editor's pipes and the service.
//!
//! The library has a transport of its own, which ends at the first message that it cannot read, and has no more than
//! four requests at work: an editor whose hints are held back could not even tell of an edit. This one answers
//! what it cannot read, or passes it over, and goes on; and it never holds more than it has been told to, however
//! slowly the editor reads or answers.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::sync::{Semaphore, mpsc};
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tower_lsp::{ClientSocket, ExitedError};
use tower_service::Service;

/// Requests of the editor that are not answered yet. No more are read until one is: an editor that does not read its
/// answers has to wait, too.
const AT_WORK: usize = 1024;

/// Messages that wait until the editor reads.
const WAITING: usize = 64;

/// Requests to the editor that it has not answered. Some never do; the oldest ones are given up.
const UNANSWERED: usize = 256;

/// Bytes of a line of a message's head.
const LONGEST_LINE: u64 = 4096;

/// Bytes of a message. More is no message but a damaged head, and would have us wait for ever.
const LONGEST_MESSAGE: u64 = 1 << 30;

/// How long the answers may take to what was asked before the editor closed its pipe.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Serves until the editor closes its pipe, or has said `exit`.
pub async fn serve<S>(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
    socket: ClientSocket,
    mut service: S,
) where
    S: Service<Request, Response = Option<Response>, Error = ExitedError>,
    S::Future: Send + Unpin + 'static,
{
    let (sender, messages) = mpsc::channel(WAITING);
    let mut writing = tokio::spawn(write(output, messages));
    let (mut requests, mut responses) = socket.split();
    let asked = Arc::new(Mutex::new(VecDeque::new()));
    let (to_editor, unanswered) = (sender.clone(), asked.clone());
    let asking = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(id) = request.id() {
                lock(&unanswered).push_back(id.clone());
            }
            if to_editor.send(serde_json::to_vec(&request).unwrap_or_default()).await.is_err() {
                return;
            }
        }
    });
    let at_work = Arc::new(Semaphore::new(AT_WORK));
    let mut input = BufReader::new(input);
    let mut is_written = true;
    while is_written && let Ok(Some(body)) = read(&mut input).await {
        is_written = match received(&body) {
            Received::Request(request) => {
                if std::future::poll_fn(|context| service.poll_ready(context)).await.is_err() {
                    break;
                }
                let mut call = service.call(request);
                // Up to its first `await` a handler runs before the next message is looked at, so that what it tells
                // the session comes in the order of the messages.
                match futures_util::poll!(&mut call) {
                    std::task::Poll::Ready(answer) => respond(&sender, answer).await,
                    std::task::Poll::Pending => {
                        let Ok(permit) = at_work.clone().acquire_owned().await else { break };
                        let sender = sender.clone();
                        tokio::spawn(async move {
                            respond(&sender, call.await).await;
                            drop(permit);
                        });
                        true
                    }
                }
            }
            Received::Response(response) => {
                lock(&asked).retain(|id| id != response.id());
                responses.send(response).await.is_ok()
            }
            Received::Nothing => true,
            Received::Wrong(id, error) => {
                tracing::warn!("a message of the editor is not understood: {error}");
                respond(&sender, Ok(Some(Response::from_error(id, error)))).await
            }
        };
        while let Some(id) = given_up(&asked) {
            if responses.send(Response::from_error(id, Error::request_cancelled())).await.is_err() {
                break;
            }
        }
    }
    let all = at_work.acquire_many(AT_WORK as u32);
    let _ = tokio::time::timeout(LAST_ANSWERS, all).await;
    asking.abort();
    drop(sender);
    let _ = tokio::time::timeout(LAST_ANSWERS, &mut writing).await;
    writing.abort();
}

fn lock(asked: &Mutex<VecDeque<Id>>) -> std::sync::MutexGuard<'_, VecDeque<Id>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The oldest request to the editor, if there are too many that it has not answered.
fn given_up(asked: &Mutex<VecDeque<Id>>) -> Option<Id> {
    let mut asked = lock(asked);
    if asked.len() > UNANSWERED { asked.pop_front() } else { None }
}

/// Sends an answer; false if nobody reads it any more.
async fn respond(sender: &mpsc::Sender<Vec<u8>>, answer: Result<Option<Response>, ExitedError>) -> bool {
    match answer {
        Ok(Some(response)) => sender.send(serde_json::to_vec(&response).unwrap_or_default()).await.is_ok(),
        _ => true,
    }
}

async fn write(mut output: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(body) = messages.recv().await {
        let mut message = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        message.extend(body);
        if output.write_all(&message).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

/// Reads the next message; nothing at the end. What is no message's head is passed over.
async fn read(input: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut *input).take(LONGEST_LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        match (content_length(&line), length) {
            (Some(found), _) => length = Some(found),
            (None, Some(length)) if line.trim_ascii().is_empty() => {
                let mut body = Vec::new();
                let read = (&mut *input).take(length).read_to_end(&mut body).await?;
                return Ok((read as u64 == length).then_some(body));
            }
            _ => {}
        }
    }
}

/// The length that a line of a message's head tells. Something may stand in front of it: the rest of a message that
/// was longer than it said.
fn content_length(line: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let at = line.windows(NAME.len()).rposition(|part| part.eq_ignore_ascii_case(NAME))?;
    let length = std::str::from_utf8(&line[at + NAME.len()..]).ok()?.trim().parse().ok()?;
    (length <= LONGEST_MESSAGE).then_some(length)
}

/// What a message is.
#[derive(Debug)]
enum Received {
    /// Also a notification.
    Request(Request),
    Response(Response),
    /// Not to be answered.
    Nothing,
    /// To be answered with this error.
    Wrong(Id, Error),
}

fn received(body: &[u8]) -> Received {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Received::Wrong(Id::Null, Error::parse_error());
    };
    let Value::Object(fields) = &message else {
        return Received::Wrong(Id::Null, Error::invalid_request());
    };
    let id = fields.get("id").map(|id| serde_json::from_value::<Id>(id.clone()));
    let has_method = fields.contains_key("method");
    let is_answer = fields.contains_key("result") || fields.contains_key("error");
    match (id, has_method) {
        (Some(Err(_)), true) => Received::Wrong(Id::Null, Error::invalid_request()),
        (id, true) => match serde_json::from_value(message) {
            Ok(request) => Received::Request(request),
            Err(_) => match id {
                Some(Ok(id)) => Received::Wrong(id, Error::invalid_request()),
                // There is nobody to tell.
                _ => Received::Nothing,
            },
        },
        (Some(Ok(id)), false) if is_answer => {
            let error =
                Error { code: ErrorCode::InternalError, message: "not understood".into(), data: None };
            Received::Response(
                serde_json::from_value(message).unwrap_or_else(|_| Response::from_error(id, error)),
            )
        }
        (_, false) if is_answer => Received::Nothing,
        (id, false) => {
            let id = id.and_then(Result::ok).unwrap_or(Id::Null);
            Received::Wrong(id, Error::invalid_request())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bodies(mut stream: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        while let Ok(Some(body)) = read(&mut stream).await {
            found.push(String::from_utf8_lossy(&body).into_owned());
        }
        found
    }

    #[tokio::test]
    async fn messages_are_found_again_behind_garbage() {
        let stream = b"Content-Length: 2\r\n\r\n{}content-length:3\r\nContent-Type: x\r\n\r\n[ ]";
        assert_eq!(bodies(stream).await, ["{}", "[ ]"]);
        let stream = b"what?\r\n\r\nContent-Length: x\r\n\r\nabc\xff\nContent-Length: 99999999999\r\n\r\n\
                       }Content-Length: 2\r\n\r\n{}Content-Length: 9\r\n\r\n{";
        assert_eq!(bodies(stream).await, ["{}"]);
    }

    #[test]
    fn what_is_wrong_is_answered_where_someone_waits_for_an_answer() {
        let of = |text: &str| format!("{:?}", received(text.as_bytes()));
        assert!(of(r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#).starts_with("Request("));
        assert!(of(r#"{"jsonrpc":"2.0","method":"x"}"#).starts_with("Request("));
        assert!(of(r#"{"jsonrpc":"2.0","id":"a","result":null}"#).starts_with("Response("));
        assert!(of(r#"{"jsonrpc":"2.0","id":7,"error":{"code":"no"}}"#).contains("not understood"));
        assert!(of(r#"{"jsonrpc":"1.0","id":7,"method":"x"}"#).starts_with("Wrong(Number(7)"));
        assert!(of(r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#).starts_with("Wrong(Null"));
        assert_eq!(of(r#"{"jsonrpc":"2.0","id":1.5,"result":0}"#), "Nothing");
        for text in ["", "{", "[]", "7", "{}", "\u{0}", &"[".repeat(10_000)] {
            assert!(of(text).starts_with("Wrong(Null"), "{text}");
        }
    }
}
