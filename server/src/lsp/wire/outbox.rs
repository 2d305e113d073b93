//! What the server tells the editor, in order, without anyone waiting for the editor to read it.

use crate::lsp::protocol::StatusNotification;
use crate::lsp::session::message::Out;
use crate::render::one_line;
use lsp_types as lsp;
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tower_lsp::Client;

/// An editor that does not answer for this long does not hold up the rest.
const PATIENCE: Duration = Duration::from_secs(5);

/// Messages that wait are looked through from this number on for those that later ones made needless.
const MANY: usize = 256;

/// Of messages in words the last ones are kept.
const WORDS: usize = 64;

/// Where the session puts what the editor is to be told.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Out>,
    /// How many there were after the last look.
    left: usize,
}

impl Outbox {
    /// Tells the editor, as soon as it reads.
    pub fn send(&self, out: Out) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.queue.push_back(out);
        if waiting.queue.len() >= MANY.max(2 * waiting.left) {
            waiting.queue = needed(std::mem::take(&mut waiting.queue));
            waiting.left = waiting.queue.len();
        }
        drop(waiting);
        self.0.news.notify_one();
    }

    async fn next(&self) -> Out {
        loop {
            let first = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).queue.pop_front();
            match first {
                Some(first) => return first,
                None => self.0.news.notified().await,
            }
        }
    }
}

/// What is still of use to an editor that has not read for a while.
fn needed(queue: VecDeque<Out>) -> VecDeque<Out> {
    let begun: HashSet<lsp::NumberOrString> = queue
        .iter()
        .filter_map(|out| match out {
            Out::ProgressBegin(token, _) => Some(token.clone()),
            _ => None,
        })
        .collect();
    let (mut ended, mut reported) = (HashSet::new(), HashSet::new());
    let (mut documents, mut workspaces) = (HashSet::new(), HashSet::new());
    let (mut is_refreshed, mut is_watched, mut words) = (false, false, 0);
    let mut is_needed = |out: &Out| match out {
        // An editor that does not know of it need not hear that it is over.
        Out::ProgressEnd(token, _) => {
            ended.insert(token.clone());
            !begun.contains(token)
        }
        Out::ProgressBegin(token, _) => !ended.contains(token),
        Out::ProgressReport(token, _) => !ended.contains(token) && reported.insert(token.clone()),
        Out::RefreshHints => !std::mem::replace(&mut is_refreshed, true),
        Out::Watch(_) => !std::mem::replace(&mut is_watched, true),
        Out::Diagnostics(uri, ..) => documents.insert(uri.clone()),
        Out::Status(status) => workspaces.insert(status.root.clone()),
        Out::Show(..) | Out::Log(..) => {
            words += 1;
            words <= WORDS
        }
    };
    let mut kept: VecDeque<Out> = VecDeque::new();
    for out in queue.into_iter().rev() {
        if is_needed(&out) {
            kept.push_front(out);
        }
    }
    kept
}

/// Starts the sender.
pub fn start(client: Client) -> Outbox {
    let outbox = Outbox(Arc::default());
    let sending = outbox.clone();
    tokio::spawn(async move {
        loop {
            let message = sending.next().await;
            send(&client, message).await;
        }
    });
    outbox
}

/// Whoever asks the editor waits for the answer, however late it comes, or never: the library panics if there is one
/// that nobody waits for. So each question has a task of its own.
async fn send(client: &Client, message: Out) {
    match message {
        Out::ProgressBegin(token, mut begin) => {
            begin.title = unlinked(&begin.title);
            let create = lsp::WorkDoneProgressCreateParams { token: token.clone() };
            let asking = client.clone();
            let asked = tokio::spawn(async move {
                _ = asking.send_request::<lsp::request::WorkDoneProgressCreate>(create).await;
            });
            let _ = tokio::time::timeout(PATIENCE, asked).await;
            progress(client, token, lsp::WorkDoneProgress::Begin(begin)).await;
        }
        Out::ProgressReport(token, mut report) => {
            report.message = report.message.as_deref().map(unlinked);
            progress(client, token, lsp::WorkDoneProgress::Report(report)).await;
        }
        Out::ProgressEnd(token, end) => progress(client, token, lsp::WorkDoneProgress::End(end)).await,
        Out::RefreshHints => {
            // Nobody needs the answer.
            let client = client.clone();
            tokio::spawn(async move { client.inlay_hint_refresh().await });
        }
        Out::Show(level, text) => client.show_message(level, unlinked(&text)).await,
        Out::Log(level, text) => client.log_message(level, text).await,
        Out::Diagnostics(uri, diagnostics, version) => {
            client.publish_diagnostics(uri, diagnostics, version).await;
        }
        Out::Status(status) => client.send_notification::<StatusNotification>(status).await,
        Out::Watch(watchers) => {
            let options = lsp::DidChangeWatchedFilesRegistrationOptions { watchers };
            let registration = lsp::Registration {
                id: "futurelens-watch".to_owned(),
                method: "workspace/didChangeWatchedFiles".to_owned(),
                register_options: serde_json::to_value(options).ok(),
            };
            let client = client.clone();
            tokio::spawn(async move { client.register_capability(vec![registration]).await });
        }
    }
}

/// Text of a message, as text and nothing else: names and compiler output are the project's, and VS Code draws
/// `[text](command:…)` in a message as a link that runs a command, and `$(name)` as an icon.
fn unlinked(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(one_line).collect();
    lines.join("\n").replace("](", "] (").replace("$(", "$ (")
}

async fn progress(client: &Client, token: lsp::NumberOrString, value: lsp::WorkDoneProgress) {
    let value = lsp::ProgressParamsValue::WorkDone(value);
    client.send_notification::<lsp::notification::Progress>(lsp::ProgressParams { token, value }).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_message_is_a_link_or_moves_the_cursor(text in "\\PC{0,12}|.{0,12}|[\\]($)\\[x\n\x1b]{0,24}") {
            let shown = unlinked(&text);
            prop_assert!(!shown.contains("](") && !shown.contains("$("), "{shown:?}");
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        }
    }

    #[test]
    fn an_editor_that_does_not_read_is_told_only_what_still_matters() {
        let outbox = Outbox(Arc::default());
        let token = |number: i32| lsp::NumberOrString::Number(number);
        let uri = lsp::Url::parse("file:///a.rs").unwrap();
        let begin = || lsp::WorkDoneProgressBegin::default();
        for number in 0..1000 {
            outbox.send(Out::ProgressBegin(token(number), begin()));
            outbox.send(Out::ProgressReport(token(number), lsp::WorkDoneProgressReport::default()));
            outbox.send(Out::RefreshHints);
            outbox.send(Out::Diagnostics(uri.clone(), Vec::new(), Some(number)));
            outbox.send(Out::Log(lsp::MessageType::LOG, number.to_string()));
            outbox.send(Out::ProgressEnd(token(number), lsp::WorkDoneProgressEnd::default()));
        }
        outbox.send(Out::ProgressBegin(token(1000), begin()));
        let queue = std::mem::take(&mut outbox.0.waiting.lock().unwrap().queue);
        assert!(queue.len() < MANY, "{}", queue.len());
        let kept = needed(queue);
        assert_eq!(kept.len(), WORDS + 3, "{kept:#?}");
        assert!(matches!(kept.back(), Some(Out::ProgressBegin(last, _)) if *last == token(1000)));
        let last = |out: &Out| matches!(out, Out::Diagnostics(_, _, Some(999)));
        assert!(kept.iter().any(last));
        assert!(kept.iter().any(|out| matches!(out, Out::Log(_, text) if text == "999")));
    }

    #[test]
    fn a_message_is_no_link() {
        assert_eq!(
            unlinked("error in `[x](command:y)`:\n\x1b[1ma$(b)\u{202e}"),
            "error in `[x] (command:y)`:\n\u{fffd}[1ma$ (b)\u{fffd}"
        );
    }
}
