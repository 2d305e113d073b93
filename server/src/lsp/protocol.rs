//! What futurelens adds to the protocol; `docs/protocol.md` describes it for those who write editors' parts.

use crate::features::overview::FutureSummary;
use lsp_types as lsp;
use serde::{Deserialize, Serialize};

/// The request for everything about one future.
pub const LAYOUT: &str = "futurelens/layout";

/// The request for all futures of all workspaces.
pub const REPORT: &str = "futurelens/report";

/// The parameters of [`LAYOUT`]: a place in a document, or a future's identity, which comes first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayoutParams {
    /// With `position`.
    pub text_document: Option<lsp::TextDocumentIdentifier>,
    /// With `textDocument`.
    pub position: Option<lsp::Position>,
    /// As other answers give it.
    pub id: Option<String>,
}

impl LayoutParams {
    /// What is asked for; none if that is not said.
    pub fn wanted(self) -> Option<Wanted> {
        match self {
            LayoutParams { id: Some(id), .. } => Some(Wanted::Id(id)),
            LayoutParams { text_document: Some(document), position: Some(position), .. } => {
                Some(Wanted::At(document.uri, position))
            }
            _ => None,
        }
    }
}

/// Which future is meant.
#[derive(Debug)]
pub enum Wanted {
    /// The one with this identity.
    Id(String),
    /// The one around this place.
    At(lsp::Url, lsp::Position),
}

/// The answer to [`REPORT`].
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// By root.
    pub workspaces: Vec<WorkspaceReport<'a>>,
}

/// The futures of one workspace.
#[derive(Debug, Serialize)]
pub struct WorkspaceReport<'a> {
    /// Its folder.
    pub root: lsp::Url,
    /// The compiler that measured: its `-vV` line. Empty, as the next two, if nothing is measured yet.
    pub compiler: &'a str,
    /// The cargo profile.
    pub profile: &'a str,
    /// The triple.
    pub target: &'a str,
    /// Largest first; one entry per instance.
    pub futures: Vec<FutureSummary<'a, Option<lsp::Location>>>,
}

/// `futurelens/status`, for editors that ask for it with `experimental.futurelens.status`.
pub enum StatusNotification {}

impl lsp::notification::Notification for StatusNotification {
    type Params = Status;
    const METHOD: &'static str = "futurelens/status";
}

/// How it is with one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its folder.
    pub root: lsp::Url,
    /// In a word.
    pub state: WorkspaceState,
    /// Why, of [`WorkspaceState::Stale`] and [`WorkspaceState::Error`].
    pub message: Option<String>,
    /// What is being compiled; more than one are separated by `, `.
    #[serde(rename = "crate")]
    pub krate: Option<String>,
    /// Units done.
    pub done: u32,
    /// Units in all; 0 if nothing is being built, or that is not known yet.
    pub total: u32,
    /// The compiler that measures: its `-vV` line.
    pub compiler: Option<String>,
}

/// What a workspace is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkspaceState {
    /// Nothing is going on, and all numbers hold.
    Idle,
    /// It is being measured.
    Building,
    /// Some crates do not compile.
    Stale,
    /// It could not be measured.
    Error,
}
