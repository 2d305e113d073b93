//! Measured places in the texts of today: those of open documents, and the measured ones where none is open.

use super::snapshot::{Placed, Snapshot};
use crate::dump::{Span, absolute};
use crate::source::{self, Match, Outline, Site, TextRange};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Finds places of one snapshot.
pub struct Today<'a> {
    /// Everything measured.
    pub snapshot: &'a Snapshot,
    /// The text of an open document, by absolute path.
    open: &'a dyn Fn(&Path) -> Option<&'a Outline>,
    /// Where the sites of a measured text are.
    matches: RefCell<HashMap<Measured, Matches>>,
    /// Where places of futures are: many states hold the same things.
    ranges: RefCell<HashMap<Inside, Option<TextRange>>>,
}

/// A measured text: its compiler run and path.
type Measured = (Arc<str>, Arc<str>);

/// A place of the future with this identity.
type Inside = (Arc<str>, Span);

type Matches = Rc<[Option<Match>]>;

/// A place in a text.
pub struct Spot<'a> {
    /// Absolute path.
    pub file: PathBuf,
    /// Today's text if the document is open, else the measured one.
    pub text: &'a Outline,
    /// Where in it.
    pub range: TextRange,
}

/// Where a future is.
pub struct Home<'a> {
    /// Absolute path.
    pub file: PathBuf,
    /// As in [`Spot::text`].
    pub text: &'a Outline,
    /// The site in that text.
    pub site: &'a Site,
    /// The numbers were measured on another text of this site.
    pub changed: bool,
}

impl<'a> Home<'a> {
    /// The fn's name, or the token that makes the future.
    pub fn spot(self) -> Spot<'a> {
        Spot { range: self.site.name.unwrap_or(self.site.token), file: self.file, text: self.text }
    }
}

impl<'a> Today<'a> {
    /// `open` gives the text of an open document by its absolute path.
    pub fn new(snapshot: &'a Snapshot, open: &'a dyn Fn(&Path) -> Option<&'a Outline>) -> Self {
        Today { snapshot, open, matches: RefCell::default(), ranges: RefCell::default() }
    }

    /// Where a future is; none if it is in no text of the workspace, or not any more.
    pub fn home(&self, placed: &Placed) -> Option<Home<'a>> {
        let place = self.snapshot.place(&placed.future)?;
        let measured = self.snapshot.text(&placed.future, &place.file)?;
        let file = absolute(&placed.dir, &place.file);
        let (text, site, changed) = match (self.open)(&file) {
            Some(text) => {
                let now = (*self.matches(placed, &place.file, measured, text).get(place.site)?)?;
                (text, now.site, now.changed)
            }
            None => (measured, place.site, false),
        };
        Some(Home { file, text, site: text.sites().get(site)?, changed })
    }

    /// Are the future's numbers not those of today's text?
    pub fn is_stale(&self, placed: &Placed) -> bool {
        let is_gone_or_changed = || self.home(placed).is_none_or(|home| home.changed);
        self.snapshot.is_stale(&placed.future) || (placed.location.is_some() && is_gone_or_changed())
    }

    /// Where a place of a future is; none if it is in no text of its crate, or stands no more.
    pub fn spot(&self, placed: &Placed, span: &Span) -> Option<Spot<'a>> {
        let measured = self.snapshot.text(&placed.future, &span.file)?;
        let file = absolute(&placed.dir, &span.file);
        let range = measured.range(span)?;
        match (self.open)(&file) {
            Some(text) => {
                let key = (placed.future.id.clone(), span.clone());
                let known = self.ranges.borrow().get(&key).copied();
                let range = known.unwrap_or_else(|| {
                    let range = self.carried(placed, &span.file, measured, text, range);
                    self.ranges.borrow_mut().insert(key, range);
                    range
                });
                Some(Spot { file, text, range: range? })
            }
            None => Some(Spot { file, text: measured, range }),
        }
    }

    /// The one-based line of a place of a future, as the compiler said it where no document is open.
    pub fn line(&self, placed: &Placed, span: &Span) -> Option<u32> {
        if (self.open)(&absolute(&placed.dir, &span.file)).is_none() {
            return Some(span.start.line);
        }
        self.spot(placed, span).map(|spot| spot.text.line_col(spot.range.start()).line)
    }

    fn carried(
        &self,
        placed: &Placed,
        path: &Arc<str>,
        measured: &Outline,
        text: &Outline,
        range: TextRange,
    ) -> Option<TextRange> {
        if measured.text() == text.text() {
            return Some(range);
        }
        let matches = self.matches(placed, path, measured, text);
        let own = self.snapshot.place(&placed.future).filter(|place| place.file == *path);
        let around = measured.innermost(range.start(), |site| site.range.contains_range(range));
        let mut sites = own.map(|place| place.site).into_iter().chain(around);
        sites.find_map(|site| {
            let now = matches.get(site).copied().flatten()?;
            source::carry(measured, site, text, now, range)
        })
    }

    fn matches(&self, placed: &Placed, path: &Arc<str>, measured: &Outline, text: &Outline) -> Matches {
        let origin = placed.future.body.as_ref().map(|body| body.origin.clone()).unwrap_or_default();
        let key = (origin, path.clone());
        let known = self.matches.borrow().get(&key).cloned();
        known.unwrap_or_else(|| {
            let found: Matches = source::relocate(measured, text).into();
            self.matches.borrow_mut().insert(key, found.clone());
            found
        })
    }
}
