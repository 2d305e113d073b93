//! The futures of a file, at their places in today's text.

use super::snapshot::{FileView, SiteView};
use crate::dump::Span;
use crate::layout::{Body, Future, State};
use crate::source::{self, Match, Outline, Site, SiteKind, TextRange, TextSize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One place in today's text where something was measured.
pub struct MeasuredSite<'a> {
    view: &'a FileView,
    /// Index among the measured text's sites.
    measured: usize,
    /// Where that is today.
    now: Match,
    today: &'a Outline,
    /// What was measured there.
    pub found: &'a SiteView,
    /// The numbers were measured on another text of this site, or its crate does not compile now.
    pub stale: bool,
    /// They were measured on text that is not saved.
    pub unsaved: bool,
}

/// What is said of numbers that are not those of today's text.
pub const STALE: &str = "Stale: measured before the last change. Save to measure again.";

/// All measured sites that still exist in today's text, in its order. Where units were measured on
/// different texts of the file, the one that is not stale counts.
pub fn sites<'a>(views: &'a [FileView], today: &'a Outline) -> Vec<MeasuredSite<'a>> {
    let mut sites: BTreeMap<usize, MeasuredSite<'a>> = BTreeMap::new();
    for view in views {
        let now = source::relocate(&view.outline, today);
        for (&measured, found) in &view.sites {
            let Some(Some(place)) = now.get(measured) else { continue };
            let stale = place.changed || view.stale;
            let unsaved = view.unsaved;
            let site = MeasuredSite { view, measured, now: *place, today, found, stale, unsaved };
            match sites.get(&place.site) {
                Some(known) if (known.stale, known.unsaved) <= (stale, unsaved) => {}
                _ => {
                    sites.insert(place.site, site);
                }
            }
        }
    }
    sites.into_values().collect()
}

impl<'a> MeasuredSite<'a> {
    /// The site in today's text.
    pub fn site(&self) -> &'a Site {
        &self.today.sites()[self.now.site]
    }

    /// What the numbers are not, in a word: those of the text as it was saved last.
    pub fn mark(&self) -> Option<&'static str> {
        match (self.stale, self.unsaved) {
            (true, _) => Some("stale"),
            (false, true) => Some("unsaved"),
            (false, false) => None,
        }
    }

    /// The same in a sentence.
    pub fn caveat(&self) -> Option<&'static str> {
        match (self.stale, self.unsaved) {
            (true, _) => Some(STALE),
            (false, true) => Some("Measured on text that is not saved."),
            (false, false) => None,
        }
    }

    /// Does the span lie in this file, wherever?
    pub fn is_in_file(&self, span: &Span) -> bool {
        span.file == self.view.path
    }

    /// Today's range of a span the compiler gave, if it lies in this site and its text still stands.
    pub fn range(&self, span: &Span) -> Option<TextRange> {
        if !self.is_in_file(span) {
            return None;
        }
        let range = self.view.outline.range(span)?;
        source::carry(&self.view.outline, self.measured, self.today, self.now, range)
    }

    /// Today's range of what a state waits at: the `.await` with what stands before it, or the path of a macro that
    /// waits, without its arguments.
    pub fn awaits_at(&self, state: &State) -> Option<TextRange> {
        let range = self.range(state.awaiting.as_ref()?)?;
        let is_call = |site: &&Site| site.kind == SiteKind::MacroCall && site.range == range;
        Some(self.today.sites().iter().find(is_call).map_or(range, |call| call.token))
    }

    /// Today's one-based line of a span.
    pub fn line(&self, span: &Span) -> Option<u32> {
        self.range(span).map(|range| self.today.line_col(range.start()).line)
    }

    /// Of the bodies here, those that no other one here holds: `#[instrument]` puts a block into the fn's
    /// own future, and the fn's is the one its caller pays for.
    pub fn outermost_bodies(&self) -> impl Iterator<Item = &'a Arc<Body>> {
        let bodies = &self.found.bodies;
        bodies.iter().filter(move |body| !is_inside(body, bodies))
    }

    /// The instances of [`MeasuredSite::outermost_bodies`], largest first.
    pub fn outermost(&self) -> impl Iterator<Item = &'a Arc<Future>> {
        outermost(self.found)
    }
}

/// The instances of the bodies at a site that no other one there holds, largest first.
pub fn outermost(found: &SiteView) -> impl Iterator<Item = &Arc<Future>> {
    let outer = |future: &&Arc<Future>| match &future.body {
        Some(body) => !is_inside(body, &found.bodies),
        None => true,
    };
    found.futures.iter().filter(outer)
}

/// The innermost measured site around a place in today's text.
pub fn innermost<'a>(views: &'a [FileView], today: &'a Outline, at: TextSize) -> Option<MeasuredSite<'a>> {
    let around = sites(views, today).into_iter().filter(|site| site.site().range.contains_inclusive(at));
    around.min_by_key(|site| site.site().range.len())
}

fn is_inside(body: &Body, bodies: &[Arc<Body>]) -> bool {
    bodies.iter().any(|outer| body.is_inside(outer))
}
