//! What the server tells the editor, in order, without anyone waiting for the editor to read it.

use super::protocol::{Status, StatusNotification};
use lsp_types as lsp;
use std::time::Duration;
use tokio::sync::mpsc;
use tower_lsp::Client;

/// A message to the editor.
#[derive(Debug)]
pub enum Out {
    /// A progress begins; the editor is asked to make room for it first.
    ProgressBegin(lsp::NumberOrString, lsp::WorkDoneProgressBegin),
    /// It goes on.
    ProgressReport(lsp::NumberOrString, lsp::WorkDoneProgressReport),
    /// It is over.
    ProgressEnd(lsp::NumberOrString, lsp::WorkDoneProgressEnd),
    /// The hints changed: ask for them anew.
    RefreshHints,
    /// A message in front of the user's eyes.
    Show(lsp::MessageType, String),
    /// A line in the log.
    Log(lsp::MessageType, String),
    /// All diagnostics of a document, as of this version of it.
    Diagnostics(lsp::Url, Vec<lsp::Diagnostic>, Option<i32>),
    /// How it is with a workspace.
    Status(Status),
    /// Ask to be told about files.
    Watch(Vec<lsp::FileSystemWatcher>),
}

/// An editor that does not answer for this long does not hold up the rest.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts the sender.
pub fn start(client: Client) -> mpsc::UnboundedSender<Out> {
    let (sender, mut messages) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = messages.recv().await {
            send(&client, message).await;
        }
    });
    sender
}

async fn send(client: &Client, message: Out) {
    match message {
        Out::ProgressBegin(token, begin) => {
            let create = lsp::WorkDoneProgressCreateParams { token: token.clone() };
            let create = client.send_request::<lsp::request::WorkDoneProgressCreate>(create);
            let _ = tokio::time::timeout(PATIENCE, create).await;
            progress(client, token, lsp::WorkDoneProgress::Begin(begin)).await;
        }
        Out::ProgressReport(token, report) => {
            progress(client, token, lsp::WorkDoneProgress::Report(report)).await;
        }
        Out::ProgressEnd(token, end) => progress(client, token, lsp::WorkDoneProgress::End(end)).await,
        Out::RefreshHints => {
            // Nobody needs the answer.
            let client = client.clone();
            tokio::spawn(async move { client.inlay_hint_refresh().await });
        }
        Out::Show(level, text) => client.show_message(level, text).await,
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

async fn progress(client: &Client, token: lsp::NumberOrString, value: lsp::WorkDoneProgress) {
    let value = lsp::ProgressParamsValue::WorkDone(value);
    client.send_notification::<lsp::notification::Progress>(lsp::ProgressParams { token, value }).await;
}
