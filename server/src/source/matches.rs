//! Which sites of two texts are the same.

use super::carry::Alignment;
use std::sync::OnceLock;

/// Where a measured site is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Index into the current outline's sites.
    pub site: usize,
    /// Its text differs from what was measured, so what was measured is stale.
    pub changed: bool,
}

/// Where each site of a measured text is.
#[derive(Debug)]
pub(super) struct Matches {
    pub(super) sites: Vec<Option<Match>>,
    pub(super) alignments: Vec<OnceLock<Alignment>>,
}
