//! What the session is told and what it tells: it knows the editor by nothing else.

use super::actions::ActionReport;
use super::ahead::Prepared;
use super::unsaved::UnsavedReport;
use super::warm::EarlierNumbers;
use crate::compiler::{BuildError, Project};
use crate::engine::{self, Links, Measurement, Warm};
use crate::lsp::protocol::{Status, Wanted};
use crate::source::Encoding;
use lsp_types as lsp;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// What a handler or a task tells the session.
#[derive(Debug)]
pub enum Message {
    /// The editor is ready.
    Initialized,
    /// `textDocument/didOpen`.
    Open(lsp::TextDocumentItem),
    /// `textDocument/didChange`.
    Change(lsp::DidChangeTextDocumentParams),
    /// `textDocument/didSave`.
    Save(lsp::Url),
    /// `textDocument/didClose`.
    Close(lsp::Url),
    /// `workspace/didChangeConfiguration`.
    Configure(serde_json::Value),
    /// `workspace/didChangeWorkspaceFolders`.
    Folders(lsp::WorkspaceFoldersChangeEvent),
    /// `workspace/didChangeWatchedFiles`: what the build depends on besides the sources.
    ProjectFilesChanged(Vec<PathBuf>),
    /// `futurelens.rebuild`.
    Rebuild,
    /// `futurelens.trust`.
    Trust,
    /// The user's cancel button.
    CancelProgress(lsp::NumberOrString),
    /// `textDocument/inlayHint`.
    Hints(lsp::Url, lsp::Range, oneshot::Sender<Option<Vec<lsp::InlayHint>>>),
    /// The editor has waited long enough for its hints.
    AnswerHints,
    /// The editor may have missed that the hints changed.
    RefreshAgain,
    /// `inlayHint/resolve`.
    ResolveHint(Box<lsp::InlayHint>, oneshot::Sender<lsp::InlayHint>),
    /// `textDocument/hover`.
    Hover(lsp::Url, lsp::Position, oneshot::Sender<Option<lsp::Hover>>),
    /// `futurelens/layout`.
    Layout(Wanted, oneshot::Sender<Option<serde_json::Value>>),
    /// `futurelens/report`.
    Report(oneshot::Sender<Option<serde_json::Value>>),
    /// `textDocument/codeAction`; with the files that had to be read for it, if they were.
    CodeActions(
        Box<lsp::CodeActionParams>,
        Option<SavedFiles>,
        oneshot::Sender<Option<lsp::CodeActionResponse>>,
    ),
    /// `codeAction/resolve`; no answer if the text is not what it was. With the files that had to be read for it, if they
    /// were.
    ResolveAction(Box<lsp::CodeAction>, Option<SavedFiles>, oneshot::Sender<Option<lsp::CodeAction>>),
    /// `shutdown`: no build survives it.
    Shutdown(oneshot::Sender<()>),
    /// The file of a document was looked up: what waited for that goes on.
    LookedUp(lsp::Url, Lookup),
    /// The packages of folders and files were looked for. Are they to be built even if opening alone would not?
    Searched(Vec<Search>, bool),
    /// Links were followed.
    LinksFollowed(Box<Links>),
    /// A project was looked for, after so many changes of project files and settings.
    CargoSays(PathBuf, u64, Box<Result<Project, BuildError>>),
    /// In which target directory earlier numbers of a package could be was guessed, if there is one.
    Guessed(PathBuf, Option<PathBuf>),
    /// What an earlier session measured was read.
    EarlierNumbers(Box<EarlierNumbers>),
    /// Something is said about the workspace with this root.
    Workspace(PathBuf, WorkspaceEvent),
}

/// What is said about one workspace. Numbers are those of pauses and tasks: of older ones nothing counts.
#[derive(Debug)]
pub enum WorkspaceEvent {
    /// There are numbers that rode along with the user's own build.
    Riding,
    /// They were read; for which watch, so that those for earlier settings do not count.
    RodeAlong(u64, Option<Box<Warm>>),
    /// A pause after a save is over.
    PauseOver(u64),
    /// A build says something.
    BuildNews(u64, engine::News),
    /// It is time to tell how far a build is.
    TellProgress(u64),
    /// A build is over.
    Built(u64, Box<Result<Measurement, BuildError>>),
    /// What is found out about actions.
    Actions(u64, ActionReport),
    /// What open documents are part of was measured ahead.
    Prepared(u64, Prepared),
    /// Nothing was typed for a while.
    TypingPause(u64),
    /// Unsaved text was measured, or not.
    Unsaved(u64, Box<UnsavedReport>),
}

impl Message {
    /// Is it about more than one document? Then whatever came before about any of them has to be heard first: that one was
    /// saved, or that it is open, so that an edit of it has to name its version.
    pub fn is_about_all(&self) -> bool {
        matches!(
            self,
            Message::Report(_)
                | Message::Layout(Wanted::Id(_), _)
                | Message::CodeActions(..)
                | Message::ResolveAction(..)
        )
    }

    /// The document it is about, if it is about one: it waits while that one is being looked up.
    pub fn document(&self) -> Option<lsp::Url> {
        let in_data =
            |data: &Option<serde_json::Value>| lsp::Url::parse(data.as_ref()?.get("uri")?.as_str()?).ok();
        match self {
            Message::Open(document) => Some(document.uri.clone()),
            Message::Change(change) => Some(change.text_document.uri.clone()),
            Message::Save(uri)
            | Message::Close(uri)
            | Message::Hints(uri, ..)
            | Message::Hover(uri, ..)
            | Message::Layout(Wanted::At(uri, _), _) => Some(uri.clone()),
            Message::ResolveHint(hint, _) => in_data(&hint.data),
            _ => None,
        }
    }
}

/// What is known of a document's file after a look at the disk.
#[derive(Debug)]
pub enum Lookup {
    /// The document was opened.
    Opened {
        /// Its path without symbolic links.
        canonical: PathBuf,
        /// The nearest folder at or above the file with a `Cargo.toml`.
        package: Option<PathBuf>,
    },
    /// The document was saved.
    Saved {
        /// As of an opened one.
        package: Option<PathBuf>,
    },
}

/// A folder or an open file, and the package it is in.
#[derive(Debug)]
pub struct Search {
    /// The folder or file.
    pub path: PathBuf,
    /// Is it a folder of the editor's?
    pub is_folder: bool,
    /// The nearest folder at or above with a `Cargo.toml`.
    pub package: Option<PathBuf>,
}

/// What files have on disk; nothing for one that cannot be read.
pub type SavedFiles = HashMap<PathBuf, Option<String>>;

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

/// What the editor can do.
#[derive(Debug, Clone)]
pub struct Abilities {
    /// The negotiated position encoding.
    pub encoding: Encoding,
    /// `window/workDoneProgress`.
    pub progress: bool,
    /// `workspace/inlayHint/refresh`.
    pub refresh: bool,
    /// Tooltips may come later, by `inlayHint/resolve`.
    pub resolve_tooltip: bool,
    /// Where a click on a label leads may be told later, by `inlayHint/resolve`.
    pub resolve_location: bool,
    /// Hovers may be markdown.
    pub markdown_hover: bool,
    /// `futurelens/status`.
    pub status: bool,
    /// Files can be watched on request.
    pub watch: bool,
    /// The edit of a code action may come later, by `codeAction/resolve`.
    pub resolve_edit: bool,
    /// Edits may name the version of the document they are for.
    pub versioned_edits: bool,
}

/// Reaches the editor, and the session itself. Nobody waits for either.
#[derive(Clone)]
pub struct Mail {
    session: mpsc::UnboundedSender<Message>,
    editor: Arc<dyn Fn(Out) + Send + Sync>,
    /// One permit for each look at the disk that may be under way.
    looks: Arc<Semaphore>,
}

/// How many looks at the disk may be under way. Each takes a thread, and a thread of tokio's that was needed once
/// stays for as long as there is something to do now and then: without a bound, an editor that opens twenty files
/// at once leaves twenty threads behind.
const LOOKS: usize = 4;

impl Mail {
    /// `editor` takes what the editor is to be told, in order.
    pub fn new(
        session: mpsc::UnboundedSender<Message>,
        editor: impl Fn(Out) + Send + Sync + 'static,
    ) -> Self {
        Mail { session, editor: Arc::new(editor), looks: Arc::new(Semaphore::new(LOOKS)) }
    }

    /// Tells the editor.
    pub fn send(&self, out: Out) {
        (self.editor)(out);
    }

    /// Tells the session, from wherever.
    pub fn post(&self, message: Message) {
        let _ = self.session.send(message);
    }

    /// Tells the session after a pause.
    pub fn post_later(&self, pause: Duration, message: Message) {
        let session = self.session.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            let _ = session.send(message);
        });
    }

    /// Tells the session what only a look at the disk can tell, which may take a while. At most [`LOOKS`] are under
    /// way at a time, the others wait.
    pub fn post_from_disk(&self, look: impl FnOnce() -> Message + Send + 'static) {
        let (session, looks) = (self.session.clone(), self.looks.clone());
        tokio::spawn(async move {
            // The semaphore is never closed.
            let Ok(permit) = looks.acquire_owned().await else { return };
            tokio::task::spawn_blocking(move || {
                let _ = session.send(look());
                drop(permit);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(flavor = "multi_thread")]
    async fn few_look_at_the_disk_at_a_time_and_all_are_heard() {
        let (sender, mut session) = mpsc::unbounded_channel();
        let mail = Mail::new(sender, |_| ());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..50 {
            let (now, most) = (now.clone(), most.clone());
            mail.post_from_disk(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
                Message::Initialized
            });
        }
        for _ in 0..50 {
            assert!(session.recv().await.is_some());
        }
        assert!(most.load(Ordering::SeqCst) <= LOOKS);
    }
}
