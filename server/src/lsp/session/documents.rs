//! The open documents: their texts, and which files they are. Which file it is only the disk knows, and nobody waits for
//! that here: what comes for a document meanwhile waits with it, in order.

use super::message::{Lookup, Mail, Message};
use crate::engine::Links;
use crate::features::Snapshot;
use crate::lsp::convert;
use crate::source::{self, Encoding, Outline};
use lsp_types as lsp;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One open document.
pub struct Document {
    /// The editor's number of this text.
    pub version: i32,
    /// As the compiler calls it: without symbolic links, but for those within a package, see [`Links`]. None if it is no
    /// file, or that is being looked up.
    pub file: Option<PathBuf>,
    /// The text, and what is in it.
    pub outline: Outline,
    /// The editor shows diagnostics of ours for it.
    pub has_diagnostics: bool,
    /// They may not be right any more.
    pub unchecked: bool,
}

/// See the module's documentation.
pub struct Documents {
    open: HashMap<lsp::Url, Document>,
    /// What came for documents that are being looked up.
    held: HashMap<lsp::Url, Vec<Message>>,
    links: LinksState,
}

/// Which files the compiler knows by another name is found out on a thread of its own.
enum LinksState {
    /// All links of what is shown were followed.
    Followed(Links),
    /// What is shown changed since then.
    Outdated(Links),
    /// They are being followed. Did what is shown change meanwhile?
    Following {
        /// It did.
        again: bool,
    },
}

impl Documents {
    /// Nothing is open.
    pub fn new() -> Self {
        Documents {
            open: HashMap::new(),
            held: HashMap::new(),
            links: LinksState::Followed(Links::default()),
        }
    }

    /// An open document.
    pub fn get(&self, uri: &lsp::Url) -> Option<&Document> {
        self.open.get(uri)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, uri: &lsp::Url) -> Option<&mut Document> {
        self.open.get_mut(uri)
    }

    /// All open documents.
    pub fn iter(&self) -> impl Iterator<Item = (&lsp::Url, &Document)> {
        self.open.iter()
    }

    /// Their files, as the compiler calls them.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.open.values().filter_map(|document| document.file.as_deref())
    }

    /// Their files, as the editor calls them.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.open.keys().filter_map(convert::path)
    }

    /// By file, as the compiler calls it.
    pub fn by_file(&self) -> HashMap<&Path, (&lsp::Url, &Outline)> {
        let files = self.open.iter().filter_map(|(uri, it)| Some((it.file.as_deref()?, (uri, &it.outline))));
        files.collect()
    }

    /// What is open with this file.
    pub fn with_file(&self, file: &Path) -> impl Iterator<Item = (&lsp::Url, &Document)> {
        self.open.iter().filter(move |(_, document)| document.file.as_deref() == Some(file))
    }

    /// Opens a document, and looks up its file.
    pub fn open(&mut self, document: lsp::TextDocumentItem, mail: &Mail) {
        let lsp::TextDocumentItem { uri, version, text, .. } = document;
        let outline = Outline::new(text.into());
        let document = Document { version, file: None, outline, has_diagnostics: false, unchecked: true };
        self.open.insert(uri.clone(), document);
        if let Some(file) = convert::path(&uri) {
            self.look_up(uri, mail, move || {
                let package = package_folder(&file);
                Lookup::Opened { canonical: dunce::canonicalize(&file).unwrap_or(file), package }
            });
        }
    }

    /// Looks for the package of a file that was saved.
    pub fn look_up_saved(&mut self, uri: lsp::Url, file: PathBuf, mail: &Mail) {
        self.look_up(uri, mail, move || Lookup::Saved { package: package_folder(&file) });
    }

    fn look_up(&mut self, uri: lsp::Url, mail: &Mail, look: impl FnOnce() -> Lookup + Send + 'static) {
        self.held.entry(uri.clone()).or_default();
        mail.post_from_disk(move || Message::LookedUp(uri, look()));
    }

    /// Which document is being looked up that this message has to wait for?
    pub fn is_looking_up(&self, message: &Message) -> Option<lsp::Url> {
        if self.held.is_empty() {
            return None;
        }
        if message.is_about_all() {
            // When that one is known, this is asked again.
            return self.held.keys().next().cloned();
        }
        message.document().filter(|uri| self.held.contains_key(uri))
    }

    /// Is any document being looked up?
    pub fn is_looking_up_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// Keeps a message until the document was looked up.
    pub fn hold(&mut self, uri: &lsp::Url, message: Message) {
        if let Some(held) = self.held.get_mut(uri) {
            held.push(message);
        }
    }

    /// A document was looked up: what came meanwhile, in order.
    pub fn release(&mut self, uri: &lsp::Url) -> Vec<Message> {
        self.held.remove(uri).unwrap_or_default()
    }

    /// Takes note of the file of a document that was opened.
    pub fn set_file(&mut self, uri: &lsp::Url, canonical: PathBuf, shown: &[&Arc<Snapshot>]) {
        if let Some(document) = self.open.get_mut(uri) {
            document.file = Some(canonical);
            document.unchecked = true;
        }
        self.rename_linked(shown);
    }

    /// Closes a document; whether it had diagnostics.
    pub fn close(&mut self, uri: &lsp::Url) -> bool {
        self.open.remove(uri).is_some_and(|document| document.has_diagnostics)
    }

    /// Edits a document; false if there is no such document.
    pub fn change(&mut self, change: lsp::DidChangeTextDocumentParams, encoding: Encoding) -> bool {
        let Some(document) = self.open.get_mut(&change.text_document.uri) else { return false };
        let mut text = document.outline.text().to_string();
        for edit in change.content_changes {
            let range = edit.range.map(|range| (convert::pos(range.start), convert::pos(range.end)));
            source::apply_change(&mut text, range, &edit.text, encoding);
        }
        document.version = change.text_document.version;
        document.unchecked = true;
        document.outline = Outline::new(text.into());
        true
    }

    /// Other numbers are shown, or other settings hold: nothing that was told of documents is right any more.
    pub fn uncheck(&mut self) {
        self.open.values_mut().for_each(|document| document.unchecked = true);
        let following = LinksState::Following { again: true };
        self.links = match std::mem::replace(&mut self.links, following) {
            LinksState::Followed(links) | LinksState::Outdated(links) => LinksState::Outdated(links),
            LinksState::Following { .. } => LinksState::Following { again: true },
        };
    }

    // Links.

    /// Is it being found out whether the compiler knows a document by another name?
    pub fn is_being_named(&self, uri: &lsp::Url, shown: &[&Arc<Snapshot>]) -> bool {
        let is_followed = matches!(self.links, LinksState::Followed(_));
        let file = self.open.get(uri).and_then(|document| document.file.as_deref());
        !is_followed && !shown.is_empty() && file.is_some_and(|file| !is_known(file, shown))
    }

    /// Begins to follow the links of what is shown, if that could tell what the compiler calls an open document.
    pub fn follow_links(&mut self, shown: &[&Arc<Snapshot>], mail: &Mail) {
        if !matches!(self.links, LinksState::Outdated(_)) || self.files().all(|file| is_known(file, shown)) {
            return;
        }
        let state = std::mem::replace(&mut self.links, LinksState::Following { again: false });
        let LinksState::Outdated(mut links) = state else { return };
        let shown: Vec<Arc<Snapshot>> = shown.iter().map(|one| Arc::clone(one)).collect();
        mail.post_from_disk(move || {
            shown.iter().for_each(|snapshot| links.follow(snapshot));
            Message::LinksFollowed(Box::new(links))
        });
    }

    /// Links were followed; whether a document has another name than before.
    pub fn links_followed(&mut self, links: Links, shown: &[&Arc<Snapshot>]) -> bool {
        let is_outdated = matches!(self.links, LinksState::Following { again: true });
        self.links = if is_outdated { LinksState::Outdated(links) } else { LinksState::Followed(links) };
        self.rename_linked(shown)
    }

    fn rename_linked(&mut self, shown: &[&Arc<Snapshot>]) -> bool {
        let (LinksState::Followed(links) | LinksState::Outdated(links)) = &self.links else { return false };
        let mut is_renamed = false;
        for document in self.open.values_mut() {
            let Some(file) = document.file.as_mut().filter(|file| !is_known(file, shown)) else { continue };
            if let Some(compiled) = links.compiled(file) {
                *file = compiled.to_owned();
                document.unchecked = true;
                is_renamed = true;
            }
        }
        is_renamed
    }
}

/// Was anything measured in this file?
fn is_known(file: &Path, shown: &[&Arc<Snapshot>]) -> bool {
    shown.iter().any(|snapshot| !snapshot.file(file).is_empty())
}

/// The nearest folder at or above `path` with a `Cargo.toml`. Looks at the disk.
pub fn package_folder(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.join("Cargo.toml").is_file()).map(Path::to_owned)
}
