//! Random texts for the tests of actions, and what has to hold of every edit of one.

use crate::source::{Edit, Outline, Site, edited, with_tree};
use proptest::prelude::*;
use ra_ap_syntax::{Edition, SourceFile};

/// Up to eight of these, with white space of any sort behind each.
pub(super) fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = (prop::sample::select(of), prop::sample::select(&[" ", "\n    ", "\r\n\t", ""][..]));
    prop::collection::vec(piece, 0..9)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, space)| format!("{piece}{space}")).collect())
}

/// Every way to edit a site of a text fits, stays within the site, and leaves a text that parses if it did.
pub(super) fn check_ways(
    text: &str,
    ways: impl Fn(&SourceFile, &Site) -> Vec<Vec<Edit>> + Sync,
) -> Result<(), TestCaseError> {
    let errors = |text: &str| SourceFile::parse(text, Edition::Edition2021).errors().len();
    let before = errors(text);
    for site in Outline::new(text.into()).sites() {
        let looked = match text.starts_with('\u{feff}') {
            true => None,
            false => with_tree(text, |tree| ways(tree, site)),
        };
        for way in looked.unwrap_or_default() {
            let new = edited(text, &way);
            prop_assert!(new.is_some());
            prop_assert!(before > 0 || errors(&new.unwrap()) == 0, "{text}");
            prop_assert!(way.iter().all(|edit| site.range.contains_range(edit.range)));
        }
    }
    Ok(())
}
