//! A body as it would be if a block in it were what the block awaits.
//!
//! ```text
//! {static f::{closure#1} upvar_tys=(A,) … return_ty=()}      {static g::{closure#0} upvar_tys=(A,) … return_ty=()}
//! {closure@f::{closure#2} …}                                 {closure@f::{closure#1} …}
//! ```
//!
//! The compiler counts the closures and blocks in a fn: those behind the block have other numbers without it.

use super::super::coroutine::CoroutineBody;
use super::super::names::{self, CoroutineName};
use super::super::type_sizes::AWAITEE;

/// A block's future, and the one that is there instead.
#[derive(Debug, PartialEq, Eq)]
pub struct Instead {
    /// The block's verbose path: `f::{closure#1}`.
    path: String,
    /// The verbose type of what it awaits.
    awaited: String,
}

impl Instead {
    /// Reads the block's dumped body. `None` if it is not understood, or awaits nothing or several things.
    pub fn parse(text: &str) -> Option<Instead> {
        let body = CoroutineBody::parse(text)?;
        let path = CoroutineName::parse(body.self_ty)?.path.to_owned();
        numbered(&path)?;
        let mut awaited = body.saved.iter().filter(|saved| saved.names.contains(&AWAITEE));
        let awaited = awaited.next().filter(|_| awaited.next().is_none())?.ty?.to_owned();
        Some(Instead { path, awaited })
    }

    /// Another body of the same fn, as it would be dumped.
    pub fn within(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(&self.path) {
            let behind = &rest[at + self.path.len()..];
            let start = ["{static ", "{"].iter().find_map(|open| rest[..at].strip_suffix(open)).map(str::len);
            let end = start.filter(|_| behind.starts_with(" upvar_tys=")).and_then(|start| {
                let end = names::closing(&rest[start..])?;
                Some((start, start + end + 1))
            });
            let (kept, next) = match end {
                Some((start, end)) => {
                    out.push_str(&rest[..start]);
                    out.push_str(&self.awaited);
                    ("", &rest[end..])
                }
                None => (&rest[..at + self.path.len()], behind),
            };
            out.push_str(kept);
            rest = next;
        }
        out.push_str(rest);
        match numbered(&self.path) {
            Some((parent, number)) => renumbered(&out, parent, number),
            None => out,
        }
    }
}

/// The path of what a closure or block is in, with the sign behind it, and its number: `f::` and 1 of `f::{closure#1}`.
pub fn numbered(path: &str) -> Option<(&str, u32)> {
    let (parent, number) = path.strip_suffix('}')?.rsplit_once("{closure#")?;
    Some((parent, number.parse().ok()?))
}

/// A text in which what is behind the closure of this number is counted as if that were not there. `parent` is how the text
/// calls what they are in, with the sign behind it: `f::`.
pub fn renumbered(text: &str, parent: &str, number: u32) -> String {
    let first = format!("{parent}{{closure#");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&first) {
        let (before, behind) = rest.split_at(at + first.len());
        let digits = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_part = rest[..at].ends_with(|c: char| c == '_' || c == ':' || c.is_alphanumeric());
        out.push_str(before);
        match behind[..digits].parse::<u32>() {
            Ok(other) if other > number && !is_part => out.push_str(&(other - 1).to_string()),
            _ => out.push_str(&behind[..digits]),
        }
        rest = &behind[digits..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instead() -> Instead {
        Instead {
            path: "f<T>::{closure#0}::{closure#1}".to_owned(),
            awaited: "{static g::{closure#0} upvar_tys=(A,) return_ty=()}".to_owned(),
        }
    }

    #[test]
    fn the_awaited_is_there_instead() {
        let text = "let _3: Timeout<{static f<T>::{closure#0}::{closure#1} upvar_tys=(A, (B,)) return_ty=C}>; // f\n\
                    _4 = {f<T>::{closure#0}::{closure#1} upvar_tys=()}; _5 = f<T>::{closure#0}::{closure#1};";
        let expected = "let _3: Timeout<{static g::{closure#0} upvar_tys=(A,) return_ty=()}>; // f\n\
                        _4 = {static g::{closure#0} upvar_tys=(A,) return_ty=()}; _5 = f<T>::{closure#0}::{closure#1};";
        assert_eq!(instead().within(text), expected);
    }

    #[test]
    fn those_behind_it_are_counted_anew() {
        let text = "f<T>::{closure#0}::{closure#0} {static f<T>::{closure#0}::{closure#2}::{closure#3} upvar_tys=()} \
                    of::f<T>::{closure#0}::{closure#2} f::{closure#2}";
        let expected =
            text.replace("{static f<T>::{closure#0}::{closure#2}", "{static f<T>::{closure#0}::{closure#1}");
        assert_eq!(instead().within(text), expected);
        assert_eq!(renumbered("x.f-{closure#10}-{closure#12}.", "x.f-", 9), "x.f-{closure#9}-{closure#12}.");
    }

    proptest! {
        #[test]
        fn never_panics(text in "(f|::|\\{closure#[0-9]{0,12}\\}|\\{static |\\{|\\}| upvar_tys=|<|>|é|\\(|\\)){0,20}", number in 0u32..3) {
            let instead = Instead { path: "f::{closure#1}".to_owned(), awaited: "g".to_owned() };
            instead.within(&text);
            renumbered(&text, "f::", number);
            Instead::parse(&text);
        }
    }
}
