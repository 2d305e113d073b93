//! Futures that would contain themselves: what keeps a crate from being measured.

use crate::features::language::Language;
use crate::source::{Outline, TextRange};
use crate::unit_id::UnitId;
use std::path::PathBuf;

/// Calls in one file by which a future would contain itself, as the compiler has refused them.
#[derive(Debug, Clone)]
pub struct Recursion {
    /// The compiler run: `CRATE-HASH`.
    pub origin: UnitId,
    /// What matters to someone who edits the crate.
    pub language: Language,
    /// Absolute path.
    pub file: PathBuf,
    /// Its text.
    pub text: Outline,
    /// The awaits: `count(n - 1).await`. Each of them alone could be what breaks the circle.
    pub calls: Vec<TextRange>,
}
