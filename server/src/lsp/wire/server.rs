//! The protocol's handlers: each turns a call into a message to the session.

use super::outbox;
use crate::lsp::config::Config;
use crate::lsp::convert;
use crate::lsp::protocol::LayoutParams;
use crate::lsp::session::Session;
use crate::lsp::session::message::{Abilities, Mail, Message, Out};
use crate::source::Encoding;
use lsp_types::*;
use std::path::PathBuf;
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::{Client, LanguageServer};

/// The command that measures everything again.
pub const REBUILD: &str = "futurelens.rebuild";

/// The command that says that the user trusts what is open.
pub const TRUST: &str = "futurelens.trust";

/// Speaks the protocol; knows nothing but how to reach the session.
pub struct Server {
    client: Client,
    sender: mpsc::UnboundedSender<Message>,
    /// Until `initialize` says what the editor can do.
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Message>>>,
}

impl Server {
    /// A server for one editor.
    pub fn new(
        client: Client,
        sender: mpsc::UnboundedSender<Message>,
        receiver: mpsc::UnboundedReceiver<Message>,
    ) -> Self {
        Server { client, sender, receiver: Mutex::new(Some(receiver)) }
    }

    /// Called before the first `await` of a handler, so that messages keep the order of the calls: the
    /// library runs handlers side by side.
    fn send(&self, message: Message) {
        let _ = self.sender.send(message);
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.send(message(reply));
        answer.await.map_err(|_| Error::internal_error())
    }

    /// `window/workDoneProgress/cancel`
    pub async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        self.send(Message::CancelProgress(params.token));
    }

    /// [`LAYOUT`](crate::lsp::protocol::LAYOUT)
    pub async fn layout(&self, params: LayoutParams) -> Result<Option<serde_json::Value>> {
        match params.wanted() {
            Some(wanted) => self.ask(|reply| Message::Layout(wanted, reply)).await,
            None => Err(Error::invalid_params("give `textDocument` and `position`, or `id`")),
        }
    }

    /// [`REPORT`](crate::lsp::protocol::REPORT); nothing can be wrong with parameters that say nothing.
    pub async fn report(&self, _: serde_json::Value) -> Result<Option<serde_json::Value>> {
        self.ask(Message::Report).await
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let abilities = abilities(&params.capabilities);
        let encoding = abilities.encoding;
        let out = outbox::start(self.client.clone());
        let (config, trouble) = match params.initialization_options.as_ref().map(Config::from_json) {
            Some(Ok(config)) => (config.unwrap_or_default(), None),
            Some(Err(error)) => (Config::default(), Some(error)),
            None => (Config::default(), None),
        };
        if let Some(error) = trouble {
            let text = format!("futurelens: setting not understood, the defaults hold: {error}");
            out.send(Out::Show(MessageType::WARNING, text));
        }
        // Also if the settings beside it are wrong.
        let trusted = params.initialization_options.as_ref().and_then(Config::trusted).unwrap_or(true);
        let mail = Mail::new(self.sender.clone(), move |message| out.send(message));
        let session = Session::new(mail, abilities, config, trusted, folders(&params));
        let receiver = self.receiver.lock().ok().and_then(|mut receiver| receiver.take());
        if let Some(receiver) = receiver {
            tokio::spawn(session.run(receiver));
        }
        Ok(InitializeResult {
            server_info: Some(ServerInfo {
                name: "futurelens".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            capabilities: ServerCapabilities {
                position_encoding: Some(match encoding {
                    Encoding::Utf8 => PositionEncodingKind::UTF8,
                    Encoding::Utf16 => PositionEncodingKind::UTF16,
                }),
                text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(TextDocumentSyncKind::INCREMENTAL),
                    save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                    ..TextDocumentSyncOptions::default()
                })),
                inlay_hint_provider: Some(OneOf::Right(InlayHintServerCapabilities::Options(
                    InlayHintOptions { resolve_provider: Some(true), ..InlayHintOptions::default() },
                ))),
                code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                    code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::REFACTOR_REWRITE]),
                    resolve_provider: Some(true),
                    work_done_progress_options: WorkDoneProgressOptions::default(),
                })),
                hover_provider: Some(HoverProviderCapability::Simple(true)),
                execute_command_provider: Some(ExecuteCommandOptions {
                    commands: vec![REBUILD.to_owned(), TRUST.to_owned()],
                    ..ExecuteCommandOptions::default()
                }),
                workspace: Some(WorkspaceServerCapabilities {
                    workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                        supported: Some(true),
                        change_notifications: Some(OneOf::Left(true)),
                    }),
                    file_operations: None,
                }),
                ..ServerCapabilities::default()
            },
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        self.send(Message::Initialized);
    }

    async fn shutdown(&self) -> Result<()> {
        self.ask(Message::Shutdown).await
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        self.send(Message::Open(params.text_document));
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.send(Message::Change(params));
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.send(Message::Save(params.text_document.uri));
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.send(Message::Close(params.text_document.uri));
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.send(Message::Configure(params.settings));
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.send(Message::Folders(params.event));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let files = params.changes.iter().filter_map(|change| convert::path(&change.uri)).collect();
        self.send(Message::ProjectFilesChanged(files));
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<serde_json::Value>> {
        match params.command.as_str() {
            REBUILD => {
                self.send(Message::Rebuild);
                Ok(None)
            }
            TRUST => {
                self.send(Message::Trust);
                Ok(None)
            }
            other => {
                let text = format!("unknown command `{other}`; there are `{REBUILD}` and `{TRUST}`");
                Err(Error::invalid_params(text))
            }
        }
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        self.ask(|reply| Message::Hints(params.text_document.uri, params.range, reply)).await
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let place = params.text_document_position_params;
        self.ask(|reply| Message::Hover(place.text_document.uri, place.position, reply)).await
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        self.ask(|reply| Message::CodeActions(Box::new(params), None, reply)).await
    }

    async fn code_action_resolve(&self, action: CodeAction) -> Result<CodeAction> {
        let resolved = self.ask(|reply| Message::ResolveAction(Box::new(action), None, reply)).await?;
        resolved.ok_or_else(|| Error {
            code: ErrorCode::ContentModified,
            message: "the text changed since this was offered: ask for the actions again".into(),
            data: None,
        })
    }

    async fn inlay_hint_resolve(&self, hint: InlayHint) -> Result<InlayHint> {
        self.ask(|reply| Message::ResolveHint(Box::new(hint), reply)).await
    }
}

fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    let folders = params.workspace_folders.iter().flatten().filter_map(|folder| convert::path(&folder.uri));
    let mut folders: Vec<PathBuf> = folders.collect();
    if folders.is_empty() {
        // Older clients.
        #[allow(deprecated)]
        folders.extend(params.root_uri.as_ref().and_then(convert::path));
    }
    folders
}

fn abilities(capabilities: &ClientCapabilities) -> Abilities {
    let workspace = capabilities.workspace.as_ref();
    let general = capabilities.general.as_ref();
    let encodings = general.and_then(|general| general.position_encodings.as_deref()).unwrap_or_default();
    let document = capabilities.text_document.as_ref();
    let hover = document.and_then(|document| document.hover.as_ref()?.content_format.as_ref());
    let hint = capabilities.text_document.as_ref().and_then(|document| document.inlay_hint.as_ref());
    let hint_resolves = |name: &str| {
        hint.and_then(|hint| hint.resolve_support.as_ref())
            .is_some_and(|support| support.properties.iter().any(|property| property == name))
    };
    Abilities {
        encoding: match encodings.contains(&PositionEncodingKind::UTF8) {
            true => Encoding::Utf8,
            false => Encoding::Utf16,
        },
        progress: capabilities.window.as_ref().and_then(|window| window.work_done_progress) == Some(true),
        refresh: workspace.and_then(|w| w.inlay_hint.as_ref()?.refresh_support) == Some(true),
        resolve_tooltip: hint_resolves("tooltip"),
        resolve_location: hint_resolves("label.location"),
        // An editor that does not say gets markdown, which is what most of them show.
        markdown_hover: hover.is_none_or(|formats| formats.contains(&MarkupKind::Markdown)),
        resolve_edit: document
            .and_then(|document| document.code_action.as_ref()?.resolve_support.as_ref())
            .is_some_and(|support| support.properties.iter().any(|property| property == "edit")),
        versioned_edits: workspace.and_then(|w| w.workspace_edit.as_ref()?.document_changes) == Some(true),
        status: capabilities
            .experimental
            .as_ref()
            .is_some_and(|experimental| experimental["futurelens"]["status"] == true),
        watch: workspace.and_then(|w| w.did_change_watched_files.as_ref()?.dynamic_registration)
            == Some(true),
    }
}
