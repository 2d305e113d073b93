//! Measured places in the current texts: those of open documents, and the measured ones where none is open.

use super::snapshot::{Placed, Snapshot, Standing};
use crate::dump::{Span, absolute};
use crate::source::{Outline, Relocation, Site, TextRange};
use std::path::{Path, PathBuf};

/// Finds places of one snapshot.
pub struct CurrentTexts<'a> {
    /// Everything measured.
    pub snapshot: &'a Snapshot,
    /// The text of an open document, by absolute path.
    open: &'a dyn Fn(&Path) -> Option<&'a Outline>,
}

/// A place in a text.
pub struct Spot<'a> {
    /// Absolute path.
    pub file: PathBuf,
    /// The current text if the document is open, else the measured one.
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
    /// Are the numbers those of that text?
    pub standing: Standing,
}

impl<'a> Home<'a> {
    /// The fn's name, or the token that makes the future.
    pub fn spot(self) -> Spot<'a> {
        Spot { range: self.site.name.unwrap_or(self.site.token), file: self.file, text: self.text }
    }
}

impl<'a> CurrentTexts<'a> {
    /// `open` gives the text of an open document by its absolute path.
    pub fn new(snapshot: &'a Snapshot, open: &'a dyn Fn(&Path) -> Option<&'a Outline>) -> Self {
        CurrentTexts { snapshot, open }
    }

    /// Where a future is; none if it is in no text of the workspace, or not any more.
    pub fn home(&self, placed: &Placed) -> Option<Home<'a>> {
        let place = self.snapshot.place(&placed.future)?;
        let measured = self.snapshot.text(&placed.future, &place.file)?;
        let file = absolute(&placed.dir, &place.file);
        let text = (self.open)(&file).unwrap_or(measured);
        let now = Relocation::new(measured, text).site(place.site)?;
        let standing = self.snapshot.standing(&placed.future).in_text(now);
        Some(Home { file, text, site: text.sites().get(now.site)?, standing })
    }

    /// Are the future's numbers those of the current text?
    pub fn standing(&self, placed: &Placed) -> Standing {
        match self.home(placed) {
            Some(home) => home.standing,
            None if placed.location.is_some() => Standing::Stale,
            None => self.snapshot.standing(&placed.future),
        }
    }

    /// Where a place of a future is; none if it is in no text of its crate, or stands no more.
    pub fn spot(&self, placed: &Placed, span: &Span) -> Option<Spot<'a>> {
        let measured = self.snapshot.text(&placed.future, &span.file)?;
        let file = absolute(&placed.dir, &span.file);
        let range = measured.range(span)?;
        let text = (self.open)(&file).unwrap_or(measured);
        let own = self.snapshot.place(&placed.future).filter(|place| place.file == span.file);
        let range = Relocation::new(measured, text).range_near(own.map(|place| place.site), range)?;
        Some(Spot { file, text, range })
    }

    /// The one-based line of a place of a future, as the compiler said it where no document is open.
    pub fn line(&self, placed: &Placed, span: &Span) -> Option<u32> {
        if (self.open)(&absolute(&placed.dir, &span.file)).is_none() {
            return Some(span.start.line);
        }
        self.spot(placed, span).map(|spot| spot.text.line_col(spot.range.start()).line)
    }
}
