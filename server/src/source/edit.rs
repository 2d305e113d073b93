//! Changes of a text.

use ra_ap_syntax::{TextRange, TextSize};

/// Puts `text` in the place of `range`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edit {
    /// Bytes of the text as it is.
    pub range: TextRange,
    /// What comes there.
    pub text: String,
}

impl Edit {
    /// Puts a text somewhere.
    pub fn insert(at: TextSize, text: impl Into<String>) -> Self {
        Edit::replace(TextRange::empty(at), text)
    }

    /// Takes a range away.
    pub fn delete(range: TextRange) -> Self {
        Edit::replace(range, "")
    }

    /// Puts a text in the place of a range.
    pub fn replace(range: TextRange, text: impl Into<String>) -> Self {
        Edit { range, text: text.into() }
    }
}

/// The text with the edits made, all of which speak of the text as it is. What is inserted at one place
/// comes in the order given. `None` if two overlap, or one is outside the text or within a character.
pub fn edited(text: &str, edits: &[Edit]) -> Option<String> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut at = 0;
    for edit in sorted {
        out.push_str(text.get(at..usize::from(edit.range.start()))?);
        out.push_str(&edit.text);
        text.get(std::ops::Range::<usize>::from(edit.range))?;
        at = edit.range.end().into();
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit(start: u32, end: u32, text: &str) -> Edit {
        Edit::replace(TextRange::new(start.into(), end.into()), text)
    }

    #[test]
    fn edits_speak_of_the_text_as_it_was() {
        let edits = [edit(4, 5, "!"), edit(0, 0, "<"), edit(0, 0, "("), edit(2, 4, "")];
        assert_eq!(edited("abcde", &edits).as_deref(), Some("<(ab!"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(edited("abcde", &[edit(0, 3, ""), edit(2, 4, "")]), None, "overlap");
        assert_eq!(edited("abcde", &[edit(4, 6, "")]), None, "outside");
        assert_eq!(edited("é", &[edit(1, 2, "")]), None, "within a character");
    }

    proptest! {
        #[test]
        fn nothing_else_changes(text in "[aé\\n]{0,20}", edits in prop::collection::vec((0u32..24, 0u32..6, "[xü]{0,2}"), 0..4)) {
            let edits: Vec<Edit> = edits.into_iter().map(|(at, len, new)| edit(at, at + len, &new)).collect();
            if let Some(new) = edited(&text, &edits) {
                let gone: usize = edits.iter().map(|edit| usize::from(edit.range.len())).sum();
                let come: usize = edits.iter().map(|edit| edit.text.len()).sum();
                prop_assert_eq!(new.len() + gone, text.len() + come);
            }
        }
    }
}
