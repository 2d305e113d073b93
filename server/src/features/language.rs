//! What decides how an edit of a crate has to be written.

/// What matters to someone who edits a crate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Language {
    /// `2021`; empty if unknown.
    pub edition: String,
    /// The oldest compiler its package is for, as minor version: 75 for `1.75`.
    pub oldest_compiler: Option<u32>,
    /// Where `Box` is.
    pub heap: Heap,
}

/// Where a crate has its `Box` from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Heap {
    /// In scope everywhere.
    #[default]
    Std,
    /// `#![no_std]` with `extern crate alloc`.
    Alloc,
    /// `#![no_std]` without.
    None,
}

impl Language {
    /// Of a crate: its edition, the `rust-version` of its package (`1.75`), and its sources.
    pub fn new<'a>(
        edition: &str,
        rust_version: Option<&str>,
        sources: impl Iterator<Item = &'a str>,
    ) -> Language {
        let minor = |version: &str| version.split('.').nth(1)?.parse().ok();
        Language {
            edition: edition.to_owned(),
            oldest_compiler: rust_version.and_then(minor),
            heap: Heap::of(sources),
        }
    }
}

impl Heap {
    /// Of a crate with these sources. The attribute stands in the crate's root and nowhere else.
    fn of<'a>(sources: impl Iterator<Item = &'a str>) -> Heap {
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        let mut roots = sources.filter(|text| text.contains("no_std"));
        let Some(root) = roots.find(|text| squeezed(text).contains("#![no_std]")) else { return Heap::Std };
        if squeezed(root).contains("externcratealloc") { Heap::Alloc } else { Heap::None }
    }
}
