//! Attributes that may be macros and so may make, wrap or rename a future.

use ra_ap_syntax::TextRange;

use super::tokens::Tokens;

/// One outer attribute that is not the compiler's own.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    /// From `#` to `]`.
    pub(super) range: TextRange,
    /// The last path segments it names; several in `cfg_attr` and `derive`.
    pub(super) names: Vec<String>,
}

/// Attributes of the compiler, and of tools that change no code. The first path segment counts.
const BUILTIN: &[&str] = &[
    "allow",
    "automatically_derived",
    "bench",
    "cfg",
    "clippy",
    "cold",
    "coverage",
    "deny",
    "deprecated",
    "diagnostic",
    "doc",
    "expect",
    "export_name",
    "feature",
    "forbid",
    "global_allocator",
    "ignore",
    "inline",
    "instruction_set",
    "link",
    "link_name",
    "link_section",
    "macro_export",
    "macro_use",
    "miri",
    "must_use",
    "naked",
    "no_mangle",
    "non_exhaustive",
    "optimize",
    "panic_handler",
    "path",
    "proc_macro",
    "proc_macro_attribute",
    "proc_macro_derive",
    "repr",
    "rustfmt",
    "should_panic",
    "stable",
    "target_feature",
    "track_caller",
    "unsafe",
    "unstable",
    "used",
    "warn",
];

/// Derives of the standard library, which make no future.
const STANDARD_DERIVES: &[&str] = &[
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    // So common that looking at them would only cost.
    "Deserialize",
    "Serialize",
];

impl Attribute {
    /// Whether it turns the `async fn` it stands on into a plain fn that runs an async block
    /// (`#[tokio::main]`, `#[tokio::test]`, `#[async_recursion]`).
    pub(super) fn makes_block(&self) -> bool {
        self.names.iter().any(|name| matches!(name.as_str(), "main" | "test" | "async_recursion"))
    }

    /// Whether it turns every `async fn` of a trait or an impl into one that boxes an async block.
    pub(super) fn is_async_trait(&self) -> bool {
        self.names.iter().any(|name| name.contains("async_trait"))
    }
}

/// The attributes that stand before the item whose first keyword is token `first`, and that may
/// be macros; in order.
pub(super) fn before(tokens: &Tokens<'_>, first: usize) -> Vec<Attribute> {
    let mut at = first;
    // `pub`, `pub(crate)`, `crate`
    if at > 1
        && tokens.word(at - 1) == ")"
        && let Some(open) = tokens.partner(at - 1)
        && open > 0
        && open < at
        && tokens.word(open - 1) == "pub"
    {
        at = open - 1;
    } else if at > 0 && tokens.word(at - 1) == "pub" {
        at -= 1;
    }
    let mut found = Vec::new();
    while at > 1
        && tokens.word(at - 1) == "]"
        && let Some(open) = tokens.partner(at - 1)
        && open > 0
        && open < at
        && tokens.word(open - 1) == "#"
    {
        let names = names(tokens, open + 1, at - 1);
        if !names.is_empty() {
            found.push(Attribute { range: tokens.cover(open - 1, at - 1), names });
        }
        at = open - 1;
    }
    found.reverse();
    found
}

/// The last segments of the macros an attribute's tokens name.
fn names(tokens: &Tokens<'_>, first: usize, end: usize) -> Vec<String> {
    match tokens.word(first) {
        "cfg_attr" => parts(tokens, first + 1).skip(1).flat_map(|at| names(tokens, at, end)).collect(),
        "derive" => parts(tokens, first + 1)
            .filter_map(|at| last_segment(tokens, at, end))
            .filter(|name| !STANDARD_DERIVES.contains(&name.as_str()))
            .collect(),
        "test" if tokens.word(first + 1) == "]" => Vec::new(),
        word if BUILTIN.contains(&word) || word.starts_with("rustc_") => Vec::new(),
        _ => last_segment(tokens, first, end).into_iter().collect(),
    }
}

/// Where the comma-separated parts in the brackets at `open` start.
fn parts<'a>(tokens: &'a Tokens<'_>, open: usize) -> impl Iterator<Item = usize> + 'a {
    let close = tokens.group(open, "(").unwrap_or(open);
    let mut at = open + 1;
    std::iter::from_fn(move || {
        if at >= close {
            return None;
        }
        let start = at;
        while at < close && tokens.word(at) != "," {
            at = tokens.group(at, "([{").unwrap_or(at) + 1;
        }
        at += 1;
        Some(start)
    })
}

/// The last segment of the path that starts at `at`.
fn last_segment(tokens: &Tokens<'_>, mut at: usize, end: usize) -> Option<String> {
    let mut last = None;
    while at < end {
        if tokens.word(at).starts_with(':') {
            at += 1;
        } else if last.is_none() || tokens.word(at - 1).starts_with(':') {
            if tokens.word(at).starts_with(|c: char| c.is_alphabetic() || c == '_') {
                last = Some(tokens.word(at).trim_start_matches("r#").to_owned());
            } else {
                break;
            }
            at += 1;
        } else {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use crate::source::{Outline, SiteKind};

    /// The attributes on the fn that may be macros.
    fn attributes(text: &str) -> Vec<String> {
        let text = format!("{text} fn f() {{}}");
        let outline = Outline::new(text.as_str().into());
        let sites = outline.sites().iter().filter(|site| site.kind == SiteKind::AttrFn);
        sites.map(|site| text[site.token].to_owned()).collect()
    }

    #[test]
    fn the_compilers_own_are_none() {
        let none: [String; 0] = [];
        assert_eq!(attributes("#[inline] #[cfg(test)] #[test] #[must_use = \"x\"] #[rustfmt::skip]"), none);
    }

    #[test]
    fn macros_by_path() {
        assert_eq!(
            attributes("#[inline] #[tokio::main(flavor = \"x\")] pub(crate)"),
            ["#[tokio::main(flavor = \"x\")]"]
        );
    }

    #[test]
    fn under_a_condition() {
        assert_eq!(
            attributes("#[cfg_attr(all(a, b), inline, x::test)]"),
            ["#[cfg_attr(all(a, b), inline, x::test)]"]
        );
        assert_eq!(attributes("#[cfg_attr(a, inline)]").len(), 0);
    }
}
