//! The one place where our types become the protocol's; nothing else knows about UTF-16.

use super::config::Severity;
use super::session::actions::PlacedAction;
use crate::features::actions::ActionKind;
use crate::features::current_text::Spot;
use crate::features::diagnostics::{Code, Diagnostic};
use crate::features::hints::Hint;
use crate::features::hover::Hover;
use crate::source::{Edit, Encoding, Outline, Pos, TextRange, TextSize};
use lsp_types as lsp;
use std::path::{Path, PathBuf};

/// Zero-based line and character in the negotiated encoding.
pub fn position(outline: &Outline, at: TextSize, encoding: Encoding) -> lsp::Position {
    let Pos { line, character } = outline.positions().pos(at, encoding);
    lsp::Position { line, character }
}

/// The byte offset of a position, clamped to the text.
pub fn offset(outline: &Outline, at: lsp::Position, encoding: Encoding) -> TextSize {
    outline.positions().offset_of(pos(at), encoding)
}

/// A byte range of the text the protocol's way.
pub fn range(outline: &Outline, range: TextRange, encoding: Encoding) -> lsp::Range {
    lsp::Range {
        start: position(outline, range.start(), encoding),
        end: position(outline, range.end(), encoding),
    }
}

/// The protocol's position as ours.
pub fn pos(at: lsp::Position) -> Pos {
    Pos { line: at.line, character: at.character }
}

/// A place in a document with this URI, or in the file itself.
pub fn location(spot: &Spot<'_>, uri: Option<&lsp::Url>, encoding: Encoding) -> Option<lsp::Location> {
    let uri = uri.cloned().or_else(|| lsp::Url::from_file_path(&spot.file).ok())?;
    Some(lsp::Location { uri, range: range(spot.text, spot.range, encoding) })
}

/// The URI of a folder, without a slash at its end.
pub fn folder(path: &Path) -> Option<lsp::Url> {
    lsp::Url::from_file_path(path).ok()
}

/// The path of a `file:` URI.
pub fn path(uri: &lsp::Url) -> Option<PathBuf> {
    uri.to_file_path().ok()
}

/// An inlay hint. `data` comes back when the editor asks for the tooltip.
pub fn inlay_hint(
    hint: &Hint<'_>,
    outline: &Outline,
    encoding: Encoding,
    tooltip: Option<String>,
    data: Option<serde_json::Value>,
    target: Option<lsp::Location>,
) -> lsp::InlayHint {
    lsp::InlayHint {
        position: position(outline, hint.at, encoding),
        label: label(hint, target),
        kind: None,
        text_edits: None,
        tooltip: tooltip.map(markdown).map(lsp::InlayHintTooltip::MarkupContent),
        padding_left: Some(true),
        padding_right: Some(false),
        data,
    }
}

/// A hint's label, and where a click on it leads. In parts in any case: the place may come later.
pub fn label(hint: &Hint<'_>, target: Option<lsp::Location>) -> lsp::InlayHintLabel {
    lsp::InlayHintLabel::LabelParts(vec![lsp::InlayHintLabelPart {
        value: hint.label.clone(),
        location: target,
        ..lsp::InlayHintLabelPart::default()
    }])
}

/// Text for a tooltip.
pub fn markdown(value: String) -> lsp::MarkupContent {
    lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value }
}

/// A hover with the text it is about.
pub fn hover(hover: Hover, outline: &Outline, encoding: Encoding, is_markdown: bool) -> lsp::Hover {
    let kind = if is_markdown { lsp::MarkupKind::Markdown } else { lsp::MarkupKind::PlainText };
    lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent { kind, value: hover.text }),
        range: Some(range(outline, hover.range, encoding)),
    }
}

/// A link to a line of a file, as editors understand it in markdown.
pub fn line_link(file: &Path, line: u32) -> Option<String> {
    let mut uri = lsp::Url::from_file_path(file).ok()?;
    uri.set_fragment(Some(&format!("L{line}")));
    // A bracket would end the markdown link.
    Some(uri.to_string().replace('(', "%28").replace(')', "%29"))
}

/// A diagnostic; nothing if they are switched off. A size is never louder than a hint, and has its own switch.
pub fn diagnostic(
    diagnostic: Diagnostic,
    uri: &lsp::Url,
    outline: &Outline,
    encoding: Encoding,
    severity: Severity,
) -> Option<lsp::Diagnostic> {
    let severity = match severity {
        _ if diagnostic.code == Code::Size => lsp::DiagnosticSeverity::HINT,
        Severity::Hint => lsp::DiagnosticSeverity::HINT,
        Severity::Information => lsp::DiagnosticSeverity::INFORMATION,
        Severity::Warning => lsp::DiagnosticSeverity::WARNING,
        Severity::Error => lsp::DiagnosticSeverity::ERROR,
        Severity::Off => return None,
    };
    let related = diagnostic.related.into_iter().map(|(at, message)| lsp::DiagnosticRelatedInformation {
        location: lsp::Location { uri: uri.clone(), range: range(outline, at, encoding) },
        message,
    });
    let href = diagnostic.code.url().and_then(|url| lsp::Url::parse(url).ok());
    Some(lsp::Diagnostic {
        range: range(outline, diagnostic.range, encoding),
        severity: Some(severity),
        code: Some(lsp::NumberOrString::String(diagnostic.code.name().to_owned())),
        code_description: href.map(|href| lsp::CodeDescription { href }),
        source: Some("futurelens".to_owned()),
        message: diagnostic.message,
        related_information: Some(related.collect()),
        ..lsp::Diagnostic::default()
    })
}

/// A code action without its edit; none if the editor asked for other kinds. It is a quick fix for the
/// diagnostics it was asked for that it does something about, and a rewrite otherwise.
pub fn code_action(found: &PlacedAction, params: &lsp::CodeActionParams) -> Option<lsp::CodeAction> {
    let helps = |diagnostic: &&lsp::Diagnostic| {
        let Some(lsp::NumberOrString::String(code)) = &diagnostic.code else { return false };
        match found.candidate.kind {
            ActionKind::BoxRecursion => code == "E0733",
            ActionKind::DesugarAsyncFn => Code::FAULTS.iter().any(|known| known.name() == code),
            _ => [Code::OverBudget, Code::BoxedByTokio].iter().any(|known| known.name() == code),
        }
    };
    let diagnostics: Vec<lsp::Diagnostic> =
        params.context.diagnostics.iter().filter(helps).cloned().collect();
    let is_fix = !diagnostics.is_empty() || found.candidate.kind == ActionKind::BoxRecursion;
    let kind = if is_fix { lsp::CodeActionKind::QUICKFIX } else { lsp::CodeActionKind::REFACTOR_REWRITE };
    // `refactor` asks for `refactor.rewrite` too.
    let is_wanted = |only: &lsp::CodeActionKind| {
        let rest = kind.as_str().strip_prefix(only.as_str());
        rest.is_some_and(|rest| only.as_str().is_empty() || rest.is_empty() || rest.starts_with('.'))
    };
    if params.context.only.as_ref().is_some_and(|only| !only.iter().any(is_wanted)) {
        return None;
    }
    Some(lsp::CodeAction {
        title: found.candidate.title(found.saving.as_ref()),
        kind: Some(kind),
        diagnostics: (!diagnostics.is_empty()).then_some(diagnostics),
        ..lsp::CodeAction::default()
    })
}

/// A document, and edits of its text.
pub struct Edited<'a> {
    /// The document.
    pub uri: lsp::Url,
    /// Its version, if it is open.
    pub version: Option<i32>,
    /// Its text.
    pub outline: &'a Outline,
    /// What is done to it.
    pub edits: &'a [Edit],
}

/// Edits of documents, for these versions of them; those of one without are for what is on disk. `is_versioned`: the editor
/// can take versions.
pub fn workspace_edit(
    documents: &[Edited<'_>],
    is_versioned: bool,
    encoding: Encoding,
) -> lsp::WorkspaceEdit {
    let edits = |document: &Edited<'_>| -> Vec<lsp::TextEdit> {
        let edit = |edit: &Edit| lsp::TextEdit {
            range: range(document.outline, edit.range, encoding),
            new_text: edit.text.clone(),
        };
        document.edits.iter().map(edit).collect()
    };
    if !is_versioned {
        let changes = documents.iter().map(|document| (document.uri.clone(), edits(document)));
        return lsp::WorkspaceEdit::new(changes.collect());
    }
    let change = |document: &Edited<'_>| lsp::TextDocumentEdit {
        text_document: lsp::OptionalVersionedTextDocumentIdentifier {
            uri: document.uri.clone(),
            version: document.version,
        },
        edits: edits(document).into_iter().map(lsp::OneOf::Left).collect(),
    };
    lsp::WorkspaceEdit {
        document_changes: Some(lsp::DocumentChanges::Edits(documents.iter().map(change).collect())),
        ..lsp::WorkspaceEdit::default()
    }
}
