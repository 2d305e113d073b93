//! From the measured text to the current one: the one place where measured positions become current ones.

use std::sync::{Arc, OnceLock};

use ra_ap_syntax::TextRange;

use super::carry::Alignment;
use super::matches::{Match, Matches};
use super::outline::Outline;
use super::relocate::relocate;

/// A measured text, the current one, and where what was measured is now.
///
/// Cheap to make again: what it found out is kept with the current text, which is another value for each version of a
/// document.
#[derive(Clone, Debug)]
pub struct Relocation<'a> {
    measured: &'a Outline,
    current: &'a Outline,
    /// None if the texts are the same.
    matches: Option<Arc<Matches>>,
}

impl<'a> Relocation<'a> {
    /// Follows the sites of `measured` into `current`.
    pub fn new(measured: &'a Outline, current: &'a Outline) -> Self {
        let matches = current.relocation_from(measured, || {
            (measured.text() != current.text()).then(|| {
                let sites = relocate(measured, current);
                Matches { alignments: sites.iter().map(|_| OnceLock::new()).collect(), sites }
            })
        });
        Relocation { measured, current, matches }
    }

    /// The measured text.
    pub fn measured(&self) -> &'a Outline {
        self.measured
    }

    /// The current text.
    pub fn current(&self) -> &'a Outline {
        self.current
    }

    /// Where a measured site is in the current text, and whether it changed; none if it is gone.
    pub fn site(&self, site: usize) -> Option<Match> {
        match &self.matches {
            None => (site < self.measured.sites().len()).then_some(Match { site, changed: false }),
            Some(matches) => *matches.sites.get(site)?,
        }
    }

    /// The current range of one in a measured site; none if it is not within the site, or was edited.
    ///
    /// White space and comments may have changed freely. In a site whose text changed, what stands before the
    /// first and behind the last change is still found; what lies between is not.
    pub fn range(&self, site: usize, range: TextRange) -> Option<TextRange> {
        let (from, to, alignment) = self.around(site, range)?;
        Some(alignment.carry(range - from.start())? + to.start())
    }

    /// Where an edit of the measured site goes: none unless the whole text is as it was, or the edit is within the site
    /// and that is as it was, white space and comments included.
    pub fn unchanged_range(&self, site: usize, range: TextRange) -> Option<TextRange> {
        if self.matches.is_none() {
            return Some(range);
        }
        let (from, to, alignment) = self.around(site, range)?;
        match alignment {
            Alignment::Same => Some(range - from.start() + to.start()),
            Alignment::Edited(_) => None,
        }
    }

    /// The current range of a measured one that is in the site `own`, or in whatever site is around it.
    pub fn range_near(&self, own: Option<usize>, range: TextRange) -> Option<TextRange> {
        if self.matches.is_none() {
            return Some(range);
        }
        let around = self.measured.innermost(range.start(), |site| site.range.contains_range(range));
        own.into_iter().chain(around).find_map(|site| self.range(site, range))
    }

    /// A measured site's range with the current one, if `range` is in it; and both texts of it, lined up.
    fn around(&self, site: usize, range: TextRange) -> Option<(TextRange, TextRange, &Alignment)> {
        let now = self.site(site)?;
        let from = self.measured.sites().get(site)?.range;
        let to = self.current.sites().get(now.site)?.range;
        if !from.contains_range(range) {
            return None;
        }
        let Some(matches) = &self.matches else { return Some((from, to, &Alignment::Same)) };
        let make = || Alignment::new(&self.measured.text()[from], &self.current.text()[to]);
        Some((from, to, matches.alignments.get(site)?.get_or_init(make)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ra_ap_syntax::TextSize;

    #[test]
    fn what_was_found_out_of_two_texts_is_kept_with_the_current_one() {
        let measured = Outline::new("async fn f() { g().await }".into());
        let current = Outline::new("\nasync fn f() { g().await }".into());
        let kept = || Relocation::new(&measured, &current).matches.unwrap();
        assert!(Arc::ptr_eq(&kept(), &kept()));
        let again = Outline::new("\nasync fn f() { g().await }".into());
        assert!(!Arc::ptr_eq(&kept(), &Relocation::new(&measured, &again).matches.unwrap()));
    }

    #[test]
    fn texts_that_are_gone_are_not_kept() {
        let current = Outline::new("\nasync fn f() {}".into());
        let kept = |text: &str| {
            let measured = Outline::new(text.into());
            Arc::downgrade(&Relocation::new(&measured, &current).matches.unwrap())
        };
        let first = kept("async fn f() {}");
        kept("async fn g() {}");
        assert!(first.upgrade().is_none());
    }

    #[test]
    fn an_edit_fits_only_a_site_that_is_as_it_was() {
        let text = "async fn f() { g().await }\nasync fn h() { g().await }";
        let measured = Outline::new(text.into());
        let current = Outline::new(text.replace("f() { g()", "f() {  g()").into());
        let relocation = Relocation::new(&measured, &current);
        let site = |index: usize| measured.sites()[index].range;
        assert_eq!(relocation.unchanged_range(0, site(0)), None);
        assert!(relocation.range(0, site(0)).is_some());
        assert_eq!(relocation.unchanged_range(1, site(1)), Some(site(1) + TextSize::new(1)));
    }
}
