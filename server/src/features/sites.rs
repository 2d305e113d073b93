//! The futures of a file, at their places in the current text.

use super::snapshot::{FileView, SiteView, Standing};
use crate::dump::Span;
use crate::layout::{Body, Future, State};
use crate::source::{Outline, Relocation, Site, SiteKind, TextRange, TextSize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One place in the current text where something was measured.
pub struct MeasuredSite<'a> {
    /// The path of the file as the compiler prints it.
    path: &'a str,
    relocation: Relocation<'a>,
    /// Index among the measured text's sites, and among the current one's.
    measured: usize,
    current: usize,
    /// What was measured there.
    pub found: &'a SiteView,
    /// Are the numbers those of the current text?
    pub standing: Standing,
}

/// All measured sites that still exist in the current text, in its order. Where units were measured on
/// different texts of the file, the one that is closest to it counts.
pub fn sites<'a>(views: &'a [FileView], current: &'a Outline) -> Vec<MeasuredSite<'a>> {
    let mut sites: BTreeMap<usize, MeasuredSite<'a>> = BTreeMap::new();
    for view in views {
        let relocation = Relocation::new(&view.outline, current);
        for (&measured, found) in &view.sites {
            let Some(now) = relocation.site(measured) else { continue };
            let standing = view.standing.in_text(now);
            if sites.get(&now.site).is_some_and(|known| known.standing <= standing) {
                continue;
            }
            let (path, relocation, current) = (&*view.path, relocation.clone(), now.site);
            sites.insert(now.site, MeasuredSite { path, relocation, measured, current, found, standing });
        }
    }
    sites.into_values().collect()
}

impl<'a> MeasuredSite<'a> {
    /// The site in the current text.
    pub fn site(&self) -> &'a Site {
        &self.relocation.current().sites()[self.current]
    }

    /// Does the span lie in this file, wherever?
    pub fn is_in_file(&self, span: &Span) -> bool {
        *span.file == *self.path
    }

    /// The current range of a span the compiler gave, if it lies in this site and its text still stands.
    pub fn range(&self, span: &Span) -> Option<TextRange> {
        if !self.is_in_file(span) {
            return None;
        }
        self.relocation.range(self.measured, self.relocation.measured().range(span)?)
    }

    /// The current range of what a state waits at: the `.await` with what stands before it, or the path of a macro that
    /// waits, without its arguments.
    pub fn awaits_at(&self, state: &State) -> Option<TextRange> {
        let range = self.range(state.awaiting.as_ref()?)?;
        let is_call = |site: &&Site| site.kind == SiteKind::MacroCall && site.range == range;
        Some(self.relocation.current().sites().iter().find(is_call).map_or(range, |call| call.token))
    }

    /// The current one-based line of a span.
    pub fn line(&self, span: &Span) -> Option<u32> {
        self.range(span).map(|range| self.relocation.current().line_col(range.start()).line)
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

/// The innermost measured site around a place in the current text.
pub fn innermost<'a>(views: &'a [FileView], current: &'a Outline, at: TextSize) -> Option<MeasuredSite<'a>> {
    let around = sites(views, current).into_iter().filter(|site| site.site().range.contains_inclusive(at));
    around.min_by_key(|site| site.site().range.len())
}

fn is_inside(body: &Body, bodies: &[Arc<Body>]) -> bool {
    bodies.iter().any(|outer| body.is_inside(outer))
}
