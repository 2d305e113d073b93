//! Requests for hints that are better answered later, and editors that may have missed that the hints changed.

use super::message::{Abilities, Mail, Message, Out};
use lsp_types as lsp;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Requests for hints are not held back longer: Helix gives up after 20 seconds.
const LONGEST_HOLD: Duration = Duration::from_secs(15);

/// So long an answer to a request for hints may be on its way. VS Code does not listen for changes between its request
/// and the answer: one that is told in that time is told once more.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// A request for hints that is not answered yet.
pub struct HintRequest {
    /// The document.
    pub uri: lsp::Url,
    /// Where in it.
    pub range: lsp::Range,
    /// Who asks.
    pub reply: oneshot::Sender<Option<Vec<lsp::InlayHint>>>,
}

/// See the module's documentation.
#[derive(Default)]
pub struct PendingHints {
    held: Vec<HintRequest>,
    /// When one was answered last.
    answered: Option<Instant>,
}

impl PendingHints {
    /// Keeps a request until there is something better to answer, but not too long.
    pub fn hold(&mut self, request: HintRequest, mail: &Mail) {
        self.held.push(request);
        mail.post_later(LONGEST_HOLD, Message::AnswerHints);
    }

    /// All that are held, to be answered or held again; without those that the editor has taken back.
    pub fn take(&mut self) -> Vec<HintRequest> {
        let held = std::mem::take(&mut self.held);
        held.into_iter().filter(|request| !request.reply.is_closed()).collect()
    }

    /// Holds some of what was taken once more.
    pub fn hold_again(&mut self, request: HintRequest) {
        self.held.push(request);
    }

    /// Answers a request.
    pub fn answer(&mut self, request: HintRequest, hints: Option<Vec<lsp::InlayHint>>) {
        let _ = request.reply.send(hints);
        self.answered = Some(Instant::now());
    }

    /// Tells the editor that the hints changed, if it can be told.
    pub fn refresh(&self, abilities: &Abilities, mail: &Mail) {
        if !abilities.refresh {
            return;
        }
        mail.send(Out::RefreshHints);
        if self.answered.is_some_and(|at| at.elapsed() < ON_ITS_WAY) {
            mail.post_later(ON_ITS_WAY, Message::RefreshAgain);
        }
    }
}
