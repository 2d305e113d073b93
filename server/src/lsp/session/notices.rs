//! Messages in words, each of which the user sees once.

use super::message::{Mail, Out};
use lsp_types as lsp;
use std::collections::HashSet;

/// What the user was told.
pub struct Notices {
    mail: Mail,
    /// Messages that were shown or logged.
    shown: HashSet<String>,
    /// Compilers of which it was told that they print something in an unknown way.
    drifted: HashSet<String>,
}

impl Notices {
    /// Nothing was told yet.
    pub fn new(mail: Mail) -> Self {
        Notices { mail, shown: HashSet::new(), drifted: HashSet::new() }
    }

    /// Shows a message unless it was shown before.
    pub fn show_once(&mut self, level: lsp::MessageType, text: String) {
        if self.shown.insert(text.clone()) {
            self.mail.send(Out::Show(level, format!("futurelens: {text}")));
        }
    }

    /// The same in the log.
    pub fn log_once(&mut self, text: String) {
        if self.shown.insert(text.clone()) {
            self.mail.send(Out::Log(lsp::MessageType::INFO, text));
        }
    }

    /// Shows a message about what a compiler prints, unless there was one about this compiler before.
    pub fn show_drift_once(&mut self, compiler: String, text: impl FnOnce() -> String) {
        if self.drifted.insert(compiler) {
            self.show_once(lsp::MessageType::WARNING, text());
        }
    }

    /// If it happens again, that is news.
    pub fn forget(&mut self, text: &str) {
        self.shown.remove(text);
    }

    /// Things changed: whatever happens now is news.
    pub fn forget_all(&mut self) {
        self.shown.clear();
    }
}
