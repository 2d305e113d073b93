//! Answers to what the editor asks, from a view that nobody changes meanwhile.

use super::actions::PlacedAction;
use super::documents::Document;
use super::message::SavedFiles;
use super::workspace::{Context, Workspace};
use crate::features::current_text::{CurrentTexts, Spot};
use crate::features::diagnostics;
use crate::features::hints::{self, Hint};
use crate::features::hover::{self, HoverSettings};
use crate::features::layout;
use crate::features::overview::{self, Circumstances};
use crate::features::snapshot::{FileView, Snapshot};
use crate::lsp::convert;
use crate::lsp::protocol::{self, Wanted};
use crate::source::{self, Outline};
use lsp_types as lsp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// What travels with a hint until its tooltip is asked for.
#[derive(Serialize, Deserialize)]
struct HintData {
    uri: lsp::Url,
    /// Of the document that the hint is for.
    version: i32,
    at: u32,
}

/// What travels with a code action until its edit is asked for.
#[derive(Serialize, Deserialize)]
struct ActionData {
    uri: lsp::Url,
    version: i32,
    id: String,
}

/// What answers are made of.
pub struct View<'a> {
    /// Documents and settings.
    pub context: &'a Context,
    /// What was measured, by root.
    pub workspaces: &'a BTreeMap<PathBuf, Workspace>,
}

impl View<'_> {
    /// The document, and what is shown of the workspace that has measured something in it.
    fn measured(&self, uri: &lsp::Url) -> Option<(&Document, &Snapshot, &[FileView])> {
        let (document, workspace, views) = self.measured_in(uri)?;
        Some((document, workspace.shown(), views))
    }

    /// The document, and the workspace that has measured something in it.
    fn measured_in(&self, uri: &lsp::Url) -> Option<(&Document, &Workspace, &[FileView])> {
        let document = self.context.documents.get(uri)?;
        let file = document.file.as_deref()?;
        self.workspaces.values().find_map(|workspace| {
            let views = workspace.shown().file(file);
            (!views.is_empty()).then_some((document, workspace, views))
        })
    }

    /// The hints in a range of a document.
    pub fn hints(&self, uri: &lsp::Url, range: lsp::Range) -> Option<Vec<lsp::InlayHint>> {
        if !self.context.config.hints.enable {
            return None;
        }
        let (document, snapshot, views) = self.measured(uri)?;
        let outline = &document.outline;
        let encoding = self.context.abilities.encoding;
        let start = convert::offset(outline, range.start, encoding);
        let end = convert::offset(outline, range.end, encoding);
        let hints = hints::hints(views, outline, &self.context.config.hint_settings(&snapshot.target));
        let visible = hints.into_iter().filter(|hint| (start..=end).contains(&hint.at));
        let hint = |hint: Hint<'_>| {
            let data = HintData { uri: uri.clone(), version: document.version, at: hint.at.into() };
            let tooltip = (!self.context.abilities.resolve_tooltip).then(|| self.tooltip(snapshot, &hint));
            let target = (!self.context.abilities.resolve_location)
                .then(|| self.target(uri, outline, &hint))
                .flatten();
            convert::inlay_hint(&hint, outline, encoding, tooltip, serde_json::to_value(data).ok(), target)
        };
        Some(visible.map(hint).collect())
    }

    /// What is told of a place in a document.
    pub fn hover(&self, uri: &lsp::Url, at: lsp::Position) -> Option<lsp::Hover> {
        let (document, snapshot, views) = self.measured(uri)?;
        let (outline, encoding) = (&document.outline, self.context.abilities.encoding);
        let settings = HoverSettings {
            cache_line: self.context.config.cache_line.bytes.on(&snapshot.target),
            markdown: self.context.abilities.markdown_hover,
            link: &convert::line_link,
        };
        let at = convert::offset(outline, at, encoding);
        let hover = hover::hover(snapshot, views, outline, at, &settings)?;
        Some(convert::hover(hover, outline, encoding, self.context.abilities.markdown_hover))
    }

    /// Everything about a future, as [`layout::Layout`].
    pub fn layout(&self, wanted: &Wanted) -> Option<serde_json::Value> {
        let (snapshot, placed) = match wanted {
            Wanted::Id(id) => self.workspaces.values().find_map(|workspace| {
                let snapshot = &**workspace.shown();
                Some((snapshot, snapshot.future(id)?))
            })?,
            Wanted::At(uri, at) => {
                let (document, snapshot, views) = self.measured(uri)?;
                let at = convert::offset(&document.outline, *at, self.context.abilities.encoding);
                (snapshot, layout::at(snapshot, views, &document.outline, at)?)
            }
        };
        let documents = self.context.documents.by_file();
        let open = |file: &Path| documents.get(file).map(|(_, outline)| *outline);
        let current = CurrentTexts::new(snapshot, &open);
        let location = |spot| self.location(&spot, &documents);
        let layout = layout::layout(
            placed,
            &current,
            self.context.config.cache_line.bytes.on(&snapshot.target),
            &location,
        );
        serde_json::to_value(layout).ok()
    }

    /// All futures, as [`protocol::Report`].
    pub fn report(&self) -> Option<serde_json::Value> {
        let documents = self.context.documents.by_file();
        let open = |file: &Path| documents.get(file).map(|(_, outline)| *outline);
        let location = |spot| self.location(&spot, &documents);
        let mut workspaces = Vec::new();
        for (root, workspace) in self.workspaces {
            let snapshot = workspace.shown();
            let circumstances = Circumstances {
                cache_line: self.context.config.cache_line.bytes.on(&snapshot.target),
                budget: self.context.config.budget.bytes,
                before: workspace.sizes_before(),
            };
            let Some(root) = convert::folder(root) else { continue };
            let current = CurrentTexts::new(snapshot, &open);
            workspaces.push(protocol::WorkspaceReport {
                root,
                compiler: &snapshot.compiler,
                profile: &snapshot.profile,
                target: &snapshot.target,
                futures: overview::overview(&current, &circumstances, &location),
            });
        }
        serde_json::to_value(protocol::Report { workspaces }).ok()
    }

    fn location(
        &self,
        spot: &Spot<'_>,
        documents: &HashMap<&Path, (&lsp::Url, &Outline)>,
    ) -> Option<lsp::Location> {
        let uri = documents.get(&*spot.file).map(|(uri, _)| *uri);
        convert::location(spot, uri, self.context.abilities.encoding)
    }

    /// Files that have to be read before the actions of a document are known: they are edited, too, and not open.
    pub fn files_to_read(&self, uri: &lsp::Url) -> Vec<PathBuf> {
        let Some(file) = self.context.documents.get(uri).and_then(|document| document.file.as_deref()) else {
            return Vec::new();
        };
        let elsewhere = self.workspaces.values().flat_map(|workspace| workspace.actions().elsewhere(file));
        let mut files: Vec<PathBuf> = elsewhere
            .filter(|file| self.context.documents.with_file(file).next().is_none())
            .map(Path::to_owned)
            .collect();
        files.sort();
        files.dedup();
        files
    }

    /// What can be done in a range, best first. `saved` has what [`View::files_to_read`] named.
    pub fn found_actions(&self, params: &lsp::CodeActionParams, saved: &SavedFiles) -> Vec<PlacedAction> {
        let Some(document) = self.context.documents.get(&params.text_document.uri) else { return Vec::new() };
        let Some(file) = document.file.as_deref() else { return Vec::new() };
        let (outline, encoding) = (&document.outline, self.context.abilities.encoding);
        let start = convert::offset(outline, params.range.start, encoding);
        let end = convert::offset(outline, params.range.end, encoding).max(start);
        let range = source::TextRange::new(start, end);
        let is_as = |file: &Path, text: &str| self.is_as(file, text, saved);
        let workspaces = self.workspaces.values();
        workspaces.flat_map(|workspace| workspace.actions().at(file, outline, range, &is_as)).collect()
    }

    /// Is this the text of a file: of all documents with it, or, if none is open, on disk?
    fn is_as(&self, file: &Path, text: &str, saved: &SavedFiles) -> bool {
        let mut open = self.context.documents.with_file(file).peekable();
        match open.peek() {
            Some(_) => open.all(|(_, document)| **document.outline.text() == *text),
            None => saved.get(file).is_some_and(|saved| saved.as_deref() == Some(text)),
        }
    }

    /// The same for the editor.
    pub fn code_actions(
        &self,
        params: &lsp::CodeActionParams,
        found: &[PlacedAction],
    ) -> Option<lsp::CodeActionResponse> {
        let uri = &params.text_document.uri;
        let document = self.context.documents.get(uri)?;
        let preferred = found.iter().position(PlacedAction::is_preferable);
        let actions = found.iter().enumerate().filter_map(|(index, one)| {
            let mut action = convert::code_action(one, params)?;
            action.is_preferred = Some(Some(index) == preferred);
            if self.context.abilities.resolve_edit {
                let data = ActionData {
                    uri: uri.clone(),
                    version: document.version,
                    id: one.candidate.id.to_string(),
                };
                action.data = serde_json::to_value(data).ok();
            } else {
                action.edit = Some(self.workspace_edit(uri, document, one)?);
            }
            Some(action.into())
        });
        Some(actions.collect())
    }

    /// All edits of an action; none at all if one of the files has no address.
    fn workspace_edit(
        &self,
        uri: &lsp::Url,
        document: &Document,
        found: &PlacedAction,
    ) -> Option<lsp::WorkspaceEdit> {
        let own = convert::Edited {
            uri: uri.clone(),
            version: Some(document.version),
            outline: &document.outline,
            edits: &found.edits,
        };
        let others = found.candidate.elsewhere.iter().filter(|other| other.file != found.candidate.file);
        let others = others.map(|other| {
            let (uri, version) = match self.context.documents.with_file(&other.file).next() {
                Some((uri, document)) => (uri.clone(), Some(document.version)),
                None => (lsp::Url::from_file_path(&other.file).ok()?, None),
            };
            Some(convert::Edited { uri, version, outline: &other.text, edits: &other.edits })
        });
        let documents = std::iter::once(Some(own)).chain(others).collect::<Option<Vec<_>>>()?;
        let is_versioned = self.context.abilities.versioned_edits;
        Some(convert::workspace_edit(&documents, is_versioned, self.context.abilities.encoding))
    }

    /// The document of an action that was offered, unless it is not what it was then.
    fn offered_in(&self, action: &lsp::CodeAction) -> Option<(ActionData, &Document)> {
        let data = ActionData::deserialize(action.data.as_ref()?).ok()?;
        let document =
            self.context.documents.get(&data.uri).filter(|document| document.version == data.version)?;
        Some((data, document))
    }

    /// What [`View::files_to_read`] names for an action that was offered.
    pub fn files_to_resolve(&self, action: &lsp::CodeAction) -> Vec<PathBuf> {
        self.offered_in(action).map(|(data, _)| self.files_to_read(&data.uri)).unwrap_or_default()
    }

    /// The edit of an action; none if the document is not what it was when the action was offered. `saved` has what
    /// [`View::files_to_resolve`] named.
    pub fn resolve_action(&self, mut action: lsp::CodeAction, saved: &SavedFiles) -> Option<lsp::CodeAction> {
        let (ActionData { uri, id, .. }, document) = self.offered_in(&action)?;
        let file = document.file.as_deref()?;
        let is_as = |file: &Path, text: &str| self.is_as(file, text, saved);
        let workspaces = self.workspaces.values();
        let mut found =
            workspaces.filter_map(|one| one.actions().with_id(file, &document.outline, &id, &is_as));
        action.edit = Some(self.workspace_edit(&uri, document, &found.next()?)?);
        Some(action)
    }

    /// All diagnostics of a document.
    pub fn diagnostics(&self, uri: &lsp::Url) -> Vec<lsp::Diagnostic> {
        let Some((document, snapshot, views)) = self.measured(uri) else { return Vec::new() };
        let (outline, encoding) = (&document.outline, self.context.abilities.encoding);
        let budget = &self.context.config.budget;
        let mut found = diagnostics::diagnostics(snapshot, views, outline, budget.bytes);
        if self.context.config.hints.as_diagnostics {
            found.extend(diagnostics::sizes(
                views,
                outline,
                &self.context.config.hint_settings(&snapshot.target),
            ));
        }
        found
            .into_iter()
            .filter_map(|found| convert::diagnostic(found, uri, outline, encoding, budget.severity))
            .collect()
    }

    fn tooltip(&self, snapshot: &Snapshot, hint: &Hint<'_>) -> String {
        hints::tooltip(hint, snapshot, self.context.config.cache_line.bytes.on(&snapshot.target))
    }

    /// Where a click on a hint leads.
    fn target(&self, uri: &lsp::Url, outline: &Outline, hint: &Hint<'_>) -> Option<lsp::Location> {
        let range = convert::range(outline, hints::target(hint)?, self.context.abilities.encoding);
        Some(lsp::Location { uri: uri.clone(), range })
    }

    /// A hint with its tooltip, and where a click on it leads; as it came if the document is not what it was then.
    pub fn resolve_hint(&self, mut hint: lsp::InlayHint) -> lsp::InlayHint {
        let Some(HintData { uri, version, at }) =
            hint.data.as_ref().and_then(|data| HintData::deserialize(data).ok())
        else {
            return hint;
        };
        let measured = self.measured(&uri).filter(|(document, ..)| document.version == version);
        let Some((document, snapshot, views)) = measured else { return hint };
        let settings = self.context.config.hint_settings(&snapshot.target);
        if let Some(found) = hints::hint_at(views, &document.outline, at.into(), &settings) {
            let tooltip = convert::markdown(self.tooltip(snapshot, &found));
            hint.tooltip = Some(lsp::InlayHintTooltip::MarkupContent(tooltip));
            hint.label = convert::label(&found, self.target(&uri, &document.outline, &found));
        }
        hint
    }

    /// Are the hints of a document from an earlier session, and its text as it was then?
    pub fn has_warm_hints(&self, uri: &lsp::Url) -> bool {
        let Some((document, workspace, views)) = self.measured_in(uri) else { return false };
        let hints = || {
            hints::hints(
                views,
                &document.outline,
                &self.context.config.hint_settings(&workspace.shown().target),
            )
        };
        workspace.is_warm() && hints().iter().all(|hint| !hint.site.standing.is_stale())
    }
}
