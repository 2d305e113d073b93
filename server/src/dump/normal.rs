//! What compilers print differently although nothing is different.
//!
//! * Numbers of definitions, `DefId(0:13 ~ …)`, shift when anything before them comes or goes: the compiler takes what
//!   differs in nothing else for unchanged, and does not print it again.
//! * Compilers before 1.89 name in the types of coroutines what these store, as far as that is known when types are
//!   checked: `{static f::{closure#0} upvar_tys=() … return_ty=() witness={f::{closure#0}}}`. Later ones do not, and
//!   nobody reads it.

use super::names;
use std::borrow::Cow;

const DEFINITION: &str = "DefId(";

/// In front of a witness; a type in braces follows.
const WITNESSES: [&str; 2] = [" witness={", " coroutine_witness_ty={"];

/// The text in which the same is printed in the same way.
pub fn normal(text: &str) -> Cow<'_, str> {
    match without_witnesses(text) {
        Cow::Borrowed(text) => without_indices(text),
        Cow::Owned(text) => without_indices(&text).into_owned().into(),
    }
}

fn without_indices(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), DEFINITION.as_bytes()) {
        let (before, after) = rest.split_at(at + DEFINITION.len());
        if out.is_empty() {
            out.reserve(text.len());
        }
        out.push_str(before);
        rest = after.trim_start_matches(|char: char| char.is_ascii_digit() || char == ':');
    }
    if out.is_empty() {
        return text.into();
    }
    out.push_str(rest);
    out.into()
}

fn without_witnesses(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for witness in WITNESSES {
        let mut out = String::new();
        let mut rest = &*text;
        while let Some(at) = memchr::memmem::find(rest.as_bytes(), witness.as_bytes()) {
            let bracket = at + witness.len() - 1;
            // One that is not closed on its line is not what it looks like.
            let line = rest[bracket..].lines().next().unwrap_or_default();
            let (before, end) = match names::closing(line) {
                Some(end) => (&rest[..at], bracket + end + 1),
                None => (&rest[..=bracket], bracket + 1),
            };
            out.push_str(before);
            rest = &rest[end..];
        }
        if !out.is_empty() {
            out.push_str(rest);
            text = out.into();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_the_same_whatever_number_the_compiler_gives_it() {
        assert_eq!(normal("DefId(1:2 ~ a) DefId(3:45 ~ b)"), "DefId( ~ a) DefId( ~ b)");
        assert!(matches!(normal("Def(1:2)"), Cow::Borrowed("Def(1:2)")));
    }

    #[test]
    fn a_coroutine_is_the_same_whatever_it_is_said_to_store() {
        let text = "`{static f<T>::{closure#0} upvar_tys=({static g upvar_tys=() return_ty=u8 witness={g<fn() -> T>::{closure#0}}},) \
                    return_ty=() witness={f<T>::{closure#0}}}`: 8 bytes";
        let expected = "`{static f<T>::{closure#0} upvar_tys=({static g upvar_tys=() return_ty=u8},) return_ty=()}`: 8 bytes";
        assert_eq!(normal(text), expected);
        let closure = "{f::{closure#0} upvar_tys=() coroutine_captures_by_ref_ty=fn() coroutine_witness_ty={f::{closure#0}}}";
        assert_eq!(normal(closure), "{f::{closure#0} upvar_tys=() coroutine_captures_by_ref_ty=fn()}");
        let open = "a witness={f\n} b witness={f}";
        assert_eq!(normal(open), "a witness={f\n} b");
    }
}
