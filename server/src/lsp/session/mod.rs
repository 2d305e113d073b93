//! The one owner of everything the server knows: documents, settings, and what was measured.
//!
//! It is a loop: a message changes the state ([`Session::handle`]), then the state is settled ([`Session::settle`]):
//! what it asks for is started, and the editor is told. Requests are answered from memory in the order they came.
//! Nothing here waits, and nothing here looks at the disk: what does so runs on a thread of its own and reports back with a
//! message, too.
//!
//! `documents` knows what is open and which files that is; `projects` leads from folders and files to packages and
//! workspaces; `workspace` is one cargo workspace, and `phase` says when it is built; `requests` answers from a read-only
//! view; `pending` holds requests for hints that come too early; `notices` is what the user is told once. `job` is one
//! background task: `actions` finds out about edits, `unsaved` measures text as it is typed, `ahead` prepares for the next
//! save; `warm` reads what an earlier session measured, and what rode along.

pub mod actions;
mod ahead;
mod documents;
mod job;
pub mod message;
mod notices;
mod pending;
mod phase;
mod projects;
mod requests;
mod unsaved;
mod warm;
mod workspace;

use super::config::Config;
use super::convert;
use documents::Documents;
use lsp_types as lsp;
use message::{Abilities, Lookup, Mail, Message, Out, SavedFiles};
use notices::Notices;
use pending::{HintRequest, PendingHints};
use projects::{Projects, is_dependency};
use requests::View;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};
use workspace::Context;

/// See the module's documentation.
pub struct Session {
    context: Context,
    projects: Projects,
    notices: Notices,
    hints: PendingHints,
    /// The hints are not what the editor was told last, besides for other numbers.
    is_view_changed: bool,
    /// The server is about to end; who waits for that.
    leaving: Option<Vec<oneshot::Sender<()>>>,
}

impl Session {
    /// A session that has heard nothing yet.
    pub fn new(
        mail: Mail,
        abilities: Abilities,
        config: Config,
        trusted: bool,
        folders: Vec<PathBuf>,
    ) -> Self {
        Session {
            notices: Notices::new(mail.clone()),
            context: Context { mail, abilities, config, documents: Documents::new() },
            projects: Projects::new(trusted, folders),
            hints: PendingHints::default(),
            is_view_changed: false,
            leaving: None,
        }
    }

    /// Works until nobody can send messages any more.
    pub async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            self.handle(message);
            self.settle(messages.is_empty());
        }
        self.projects.leave();
    }

    /// Changes the state.
    fn handle(&mut self, message: Message) {
        // What is about a document waits until it is known which file that is.
        if let Some(uri) = self.context.documents.is_looking_up(&message) {
            return self.context.documents.hold(&uri, message);
        }
        match message {
            Message::Initialized => self.initialized(),
            Message::Open(document) => self.context.documents.open(document, &self.context.mail),
            Message::Change(change) => self.change(change),
            Message::Save(uri) => {
                let file = convert::path(&uri)
                    .filter(|file| self.context.config.build.on_save && !is_dependency(file));
                if let Some(file) = file {
                    self.context.documents.look_up_saved(uri, file, &self.context.mail);
                }
            }
            Message::Close(uri) => {
                if self.context.documents.close(&uri) {
                    self.context.mail.send(Out::Diagnostics(uri, Vec::new(), None));
                }
                self.projects.workspaces_mut().for_each(|one| one.document_closed());
            }
            Message::Configure(settings) => self.configure(&settings),
            Message::Folders(change) => self.projects.change_folders(&change, &self.context),
            Message::ProjectFilesChanged(files) => {
                self.projects.project_files_changed(&files, &mut self.notices, &self.context);
            }
            Message::Trust => self.projects.trust(true, &self.context),
            Message::Rebuild => self.projects.rebuild(&mut self.notices, &self.context),
            Message::CancelProgress(token) => {
                self.projects.workspaces_mut().for_each(|workspace| workspace.cancel_by_user(&token));
            }
            Message::Hints(uri, range, reply) => {
                let request = HintRequest { uri, range, reply };
                match self.is_too_early(&request.uri) {
                    true => self.hints.hold(request, &self.context.mail),
                    false => self.answer(request),
                }
            }
            Message::AnswerHints => self.answer_held(true),
            Message::RefreshAgain => self.context.mail.send(Out::RefreshHints),
            Message::ResolveHint(hint, reply) => _ = reply.send(self.view().resolve_hint(*hint)),
            Message::Hover(uri, at, reply) => _ = reply.send(self.view().hover(&uri, at)),
            Message::Layout(wanted, reply) => _ = reply.send(self.view().layout(&wanted)),
            Message::Report(reply) => _ = reply.send(self.view().report()),
            Message::CodeActions(params, saved, reply) => self.code_actions(params, saved, reply),
            Message::ResolveAction(action, saved, reply) => self.resolve_action(action, saved, reply),
            Message::Shutdown(reply) => self.leaving.get_or_insert_default().push(reply),
            Message::LookedUp(uri, lookup) => self.looked_up(&uri, lookup),
            Message::Searched(found, build) => {
                self.projects.searched(found, build, &mut self.notices, &self.context);
            }
            Message::LinksFollowed(links) => {
                self.is_view_changed |= self.context.documents.links_followed(*links, &self.projects.shown());
            }
            Message::CargoSays(folder, changes, result) => {
                self.projects.cargo_says(folder, changes, *result, &mut self.notices, &self.context);
            }
            Message::Guessed(package, target_dir) => {
                self.projects.guessed(&package, target_dir, &self.context);
            }
            Message::EarlierNumbers(read) => self.projects.earlier_read(*read, &self.context),
            Message::Workspace(root, event) => {
                if let Some(workspace) = self.projects.workspace_mut(&root) {
                    workspace.hear(event, &mut self.notices, &self.context);
                }
            }
        }
    }

    /// Starts what the state asks for, and tells the editor what is not as it was told. Doing it twice is doing it once.
    /// `is_last`: no other message waits. In a burst of messages only the last state is worth a close look.
    fn settle(&mut self, is_last: bool) {
        let has_left = self.leaving.is_some() && self.projects.leave();
        if self.projects.settle(&self.context) | std::mem::take(&mut self.is_view_changed) {
            self.context.documents.uncheck();
            self.hints.refresh(&self.context.abilities, &self.context.mail);
        }
        if is_last {
            self.context.documents.follow_links(&self.projects.shown(), &self.context.mail);
            self.publish_diagnostics();
            self.answer_held(false);
            if self.leaving.is_none() {
                let context = &self.context;
                self.projects.workspaces_mut().for_each(|workspace| workspace.settle_documents(context));
            }
        }
        if has_left && let Some(waiting) = &mut self.leaving {
            waiting.drain(..).for_each(|reply| _ = reply.send(()));
        }
    }

    fn view(&self) -> View<'_> {
        View { context: &self.context, workspaces: self.projects.workspaces() }
    }

    fn initialized(&mut self) {
        if self.context.abilities.watch {
            let globs =
                ["**/Cargo.toml", "**/Cargo.lock", "**/rust-toolchain{,.toml}", "**/.cargo/config{,.toml}"];
            let watchers = globs.map(|glob| lsp::FileSystemWatcher {
                glob_pattern: lsp::GlobPattern::String(glob.to_owned()),
                kind: None,
            });
            self.context.mail.send(Out::Watch(watchers.into()));
        }
        self.projects.look_for_all(false, &self.context);
    }

    fn configure(&mut self, settings: &serde_json::Value) {
        // What is not said stays: who forgets to say it again has not said the opposite.
        let trusted = Config::trusted(settings);
        if trusted == Some(false) {
            self.projects.distrust(&self.context);
        }
        match Config::from_json(settings) {
            Ok(Some(config)) if config != self.context.config => {
                let old = std::mem::replace(&mut self.context.config, config);
                let build = |config: &Config| (config.request(Path::new("")), config.build.clone());
                if build(&old) != build(&self.context.config) {
                    self.projects.settings_changed(&mut self.notices, &self.context);
                }
                self.is_view_changed = true;
            }
            Ok(_) => {}
            Err(error) => {
                let text = format!("setting not understood, the earlier ones stay: {error}");
                self.notices.show_once(lsp::MessageType::WARNING, text);
            }
        }
        if trusted == Some(true) {
            self.projects.trust(false, &self.context);
        }
    }

    // Documents.

    /// It is known which file a document is, or which package a saved one is of. What came for it meanwhile goes on.
    fn looked_up(&mut self, uri: &lsp::Url, lookup: Lookup) {
        let held = self.context.documents.release(uri);
        match lookup {
            Lookup::Opened { canonical, package } => {
                self.context.documents.set_file(uri, canonical, &self.projects.shown());
                self.opened(uri, package);
            }
            Lookup::Saved { package: Some(package) } => {
                self.projects.saved(uri, package, &mut self.notices, &self.context);
            }
            Lookup::Saved { package: None } => {}
        }
        held.into_iter().for_each(|message| self.handle(message));
    }

    /// An opened file leads to a project, and may be of a package that is not measured unless someone looks at it.
    fn opened(&mut self, uri: &lsp::Url, package: Option<PathBuf>) {
        let is_rust = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
        let Some(path) = convert::path(uri).filter(is_rust) else { return };
        self.projects.look_for_file(&path, package, false, &mut self.notices, &self.context);
        let file = self.context.documents.get(uri).and_then(|document| document.file.as_deref());
        if let Some(file) = file.filter(|_| self.context.config.build.on_open) {
            let context = &self.context;
            self.projects.workspaces_mut().for_each(|workspace| workspace.opened_extra(file, context));
        }
    }

    fn change(&mut self, change: lsp::DidChangeTextDocumentParams) {
        let uri = change.text_document.uri.clone();
        self.context.documents.change(change, self.context.abilities.encoding);
        let file = self.context.documents.get(&uri).and_then(|document| document.file.as_deref());
        if let Some(file) = file.filter(|_| self.context.config.build.as_you_type) {
            self.projects.workspaces_mut().for_each(|workspace| workspace.typed(file, &self.context.mail));
        }
    }

    /// Tells the editor about the diagnostics of documents that were touched.
    fn publish_diagnostics(&mut self) {
        let unchecked = self.context.documents.iter().filter(|(_, document)| document.unchecked);
        let unchecked: Vec<lsp::Url> = unchecked.map(|(uri, _)| uri.clone()).collect();
        for uri in unchecked {
            let found = self.view().diagnostics(&uri);
            let Some(document) = self.context.documents.get_mut(&uri) else { continue };
            document.unchecked = false;
            let had = std::mem::replace(&mut document.has_diagnostics, !found.is_empty());
            if had || !found.is_empty() {
                let version = Some(document.version);
                self.context.mail.send(Out::Diagnostics(uri, found, version));
            }
        }
    }

    // Hints.

    /// Is it better to answer a request for hints later? An editor that cannot be told to ask again would
    /// keep the numbers of now, or none, until the text is edited.
    fn is_too_early(&self, uri: &lsp::Url) -> bool {
        if self.leaving.is_some() {
            return false;
        }
        let is_waited_for = || {
            self.context.documents.is_looking_up_any()
                || self.projects.is_opening()
                || self.projects.workspaces().values().any(|workspace| workspace.is_busy())
        };
        self.context.documents.is_being_named(uri, &self.projects.shown())
            || (!self.context.abilities.refresh && is_waited_for() && !self.view().has_warm_hints(uri))
    }

    fn answer(&mut self, request: HintRequest) {
        let hints = self.view().hints(&request.uri, request.range);
        self.hints.answer(request, hints);
    }

    /// Answers the requests for hints that were held back, `all` of them or those that need not wait any more.
    fn answer_held(&mut self, all: bool) {
        for request in self.hints.take() {
            match !all && self.is_too_early(&request.uri) {
                true => self.hints.hold_again(request),
                false => self.answer(request),
            }
        }
    }

    // Actions.

    fn code_actions(
        &mut self,
        params: Box<lsp::CodeActionParams>,
        saved: Option<SavedFiles>,
        reply: oneshot::Sender<Option<lsp::CodeActionResponse>>,
    ) {
        let saved = match known(saved, || self.view().files_to_read(&params.text_document.uri)) {
            Ok(saved) => saved,
            Err(files) => {
                let again = move || Message::CodeActions(params, Some(read(files)), reply);
                return self.context.mail.post_from_disk(again);
            }
        };
        let found = self.view().found_actions(&params, &saved);
        let _ = reply.send(self.view().code_actions(&params, &found));
        self.projects.workspaces_mut().for_each(|workspace| workspace.want_actions(&found));
    }

    fn resolve_action(
        &self,
        action: Box<lsp::CodeAction>,
        saved: Option<SavedFiles>,
        reply: oneshot::Sender<Option<lsp::CodeAction>>,
    ) {
        let saved = match known(saved, || self.view().files_to_resolve(&action)) {
            Ok(saved) => saved,
            Err(files) => {
                let again = move || Message::ResolveAction(action, Some(read(files)), reply);
                return self.context.mail.post_from_disk(again);
            }
        };
        let _ = reply.send(self.view().resolve_action(*action, &saved));
    }
}

/// What was read for a request. If nothing was yet, and there are files to be read for it: those.
fn known(
    saved: Option<SavedFiles>,
    files: impl FnOnce() -> Vec<PathBuf>,
) -> Result<SavedFiles, Vec<PathBuf>> {
    match saved {
        Some(saved) => Ok(saved),
        None => Some(files()).filter(|files| !files.is_empty()).map_or_else(|| Ok(SavedFiles::new()), Err),
    }
}

/// What these files have on disk.
fn read(files: Vec<PathBuf>) -> SavedFiles {
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).ok();
        (file, text)
    };
    files.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
