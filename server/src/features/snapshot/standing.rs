//! Are numbers those of the text that they are shown beside?

use super::{FileView, Snapshot};
use crate::layout::Future;
use crate::source::Match;
use crate::unit_id::UnitId;

/// Which text measured numbers are of. Of two for one place, the lesser is closer to what the editor shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Of the text as it was saved last.
    #[default]
    Saved,
    /// Of text that is not saved.
    Unsaved,
    /// Of another one: the site's text has changed since, or its crate does not compile any more.
    Stale,
}

impl Standing {
    /// The same for a text in which the site is at `now`.
    pub fn in_text(self, now: Match) -> Standing {
        if now.changed { Standing::Stale } else { self }
    }

    /// Is it none of the text that is shown?
    pub fn is_stale(self) -> bool {
        self == Standing::Stale
    }

    /// What is said of such numbers in a word.
    pub fn mark(self) -> Option<&'static str> {
        match self {
            Standing::Saved => None,
            Standing::Unsaved => Some("unsaved"),
            Standing::Stale => Some("stale"),
        }
    }

    /// The same in a sentence.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Standing::Saved => None,
            Standing::Unsaved => Some("Measured on text that is not saved."),
            Standing::Stale => Some("Stale: measured before the last change. Save to measure again."),
        }
    }
}

impl Snapshot {
    /// Of a future's numbers beside the text that they were measured on.
    pub fn standing(&self, future: &Future) -> Standing {
        future.body.as_ref().map_or(Standing::Saved, |body| self.standing_of(&body.origin))
    }

    /// The same of all of one compiler run.
    pub(super) fn standing_of(&self, origin: &UnitId) -> Standing {
        if self.stale.contains(origin) {
            Standing::Stale
        } else if self.unsaved.contains(origin) {
            Standing::Unsaved
        } else {
            Standing::Saved
        }
    }

    /// Says of a unit that it was measured on text that is not saved.
    pub fn mark_unsaved(&mut self, origin: &UnitId) {
        self.unsaved.insert(origin.clone());
        let is_of_it = |view: &&mut FileView| {
            let mut bodies = view.sites.values().flat_map(|site| &site.bodies);
            bodies.any(|body| body.origin == *origin)
        };
        for view in self.files.values_mut().flatten().filter(is_of_it) {
            view.standing = view.standing.max(Standing::Unsaved);
        }
    }
}
