//! Types as short as they can be and still be recognised.

use super::line::{elide, printable};

/// The type with only the last segment of each path, at most `max` columns wide.
///
/// ```text
/// std::vec::Vec<std::string::String>              Vec<String>
/// {async fn body of cmd::set::Set::apply()}       {async fn Set::apply()}
/// {async block@src/cmd/set.rs:128:89: 138:6}      {async block@set.rs:128:89}
/// <net::Conn as std::future::Future>::Output      <Conn as Future>::Output
/// std::pin::Pin<std::boxed::Box<{async fn …  }>>  Pin<Box<{async … connect()}>>
/// ```
///
/// A segment in front of the last one stays where the last one means little without it: the type of an
/// associated item, and the fn that a `{closure#0}` is in.
pub fn short_type(ty: &str, max: usize) -> String {
    elide(&shorten(ty), max)
}

/// The compiler's words in front of a fn's path in a coroutine's name.
const FN_BODY: &str = "{async fn body of ";

fn shorten(text: &str) -> String {
    let text: String = text.chars().map(printable).collect();
    let brackets = Brackets::of(&text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if rest.starts_with(FN_BODY) {
            out.push_str("{async fn ");
            at += FN_BODY.len();
        } else if let Some((short, end)) = place(&text, at, &brackets) {
            out.push_str(&short);
            at = end;
        } else if c == '\'' {
            // A lifetime's name is no path.
            let name = ident_len(&rest[1..]);
            out.push_str(&rest[..1 + name]);
            at += 1 + name;
        } else if ident_len(rest) > 0 {
            let end = at + ident_len(rest);
            if stays(&text, at, &brackets) {
                out.push_str(&text[at..end]);
                at = end;
            } else {
                at = brackets.segment_end(&text, at) + "::".len();
            }
        } else {
            out.push(c);
            at += c.len_utf8();
        }
    }
    out
}

/// Whether the path segment at `at` is shown.
fn stays(text: &str, at: usize, brackets: &Brackets) -> bool {
    let Some(next) = after_colons(text, brackets.segment_end(text, at)) else { return true };
    let last = after_colons(text, brackets.segment_end(text, next)).is_none();
    last && (text[next..].starts_with('{') || text[at..].starts_with(char::is_uppercase))
}

/// Where the next segment of a path starts if the one before ended at `end`.
fn after_colons(text: &str, end: usize) -> Option<usize> {
    let rest = text[end..].strip_prefix("::")?;
    (ident_len(rest) > 0 || rest.starts_with('{')).then_some(end + 2)
}

/// Bytes of the identifier or number that `text` begins with.
fn ident_len(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

/// `@DIR/FILE:LINE:COL: LINE:COL` inside braces as `@FILE:LINE:COL`, and where it ends.
fn place(text: &str, at: usize, brackets: &Brackets) -> Option<(String, usize)> {
    let place = text[at..].strip_prefix('@')?;
    // The directory may hold any character, so the brace is found from the span's numbers on.
    let limit = brackets.brace_around(at).map_or(text.len(), |end| end.max(at + 1));
    let place = &place[..limit - at - 1];
    let (start, end) = place.rsplit_once(": ")?;
    let mut numbers = start.rsplitn(3, ':');
    let (column, line, file) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (end_line, end_column) = end.split_once(':')?;
    if ![column, line, end_line, end_column].into_iter().all(number) {
        return None;
    }
    let file = file.rsplit(['/', '\\']).next()?;
    Some((format!("@{file}:{line}:{column}"), limit))
}

/// Which bracket closes which, found in one pass: types of combinators can be very long and deep.
struct Brackets {
    /// Opening and closing byte, by opening byte.
    pairs: Vec<(usize, usize)>,
}

impl Brackets {
    fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut open, mut pairs) = (Vec::new(), Vec::new());
        for (i, byte) in bytes.iter().enumerate() {
            match byte {
                b'(' | b'[' | b'{' | b'<' => open.push(i),
                b'>' if i > 0 && matches!(bytes[i - 1], b'-' | b'=') => {}
                b')' | b']' | b'}' | b'>' => {
                    if let Some(start) = open.pop() {
                        pairs.push((start, i));
                    }
                }
                _ => {}
            }
        }
        pairs.sort_unstable();
        Brackets { pairs }
    }

    fn closing(&self, open: usize) -> Option<usize> {
        let at = self.pairs.binary_search_by_key(&open, |pair| pair.0).ok()?;
        Some(self.pairs[at].1)
    }

    /// The end of the innermost pair of brackets around `at`.
    fn brace_around(&self, at: usize) -> Option<usize> {
        let before = self.pairs.partition_point(|pair| pair.0 < at);
        self.pairs[..before].iter().rev().map(|pair| pair.1).find(|&end| end > at)
    }

    /// Where the path segment at `at` ends, its generic arguments included.
    fn segment_end(&self, text: &str, at: usize) -> usize {
        let mut end = at + ident_len(&text[at..]);
        if end == at && text[at..].starts_with('{') {
            end = self.closing(at).map_or(at + 1, |close| close + 1);
        }
        let arguments = if text[end..].starts_with("::<") { end + 2 } else { end };
        if text[arguments..].starts_with('<')
            && let Some(close) = self.closing(arguments)
        {
            end = close + 1;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn short(ty: &str) -> String {
        short_type(ty, usize::MAX)
    }

    #[test]
    fn paths_keep_their_last_segment() {
        let cases = [
            ("u8", "u8"),
            ("std::vec::Vec<std::string::String>", "Vec<String>"),
            ("std::collections::HashMap<a::b::K, std::vec::Vec<(c::D, e::F)>>", "HashMap<K, Vec<(D, F)>>"),
            ("[std::mem::MaybeUninit<u8>; 4096]", "[MaybeUninit<u8>; 4096]"),
            ("&'a mut tokio::net::TcpStream", "&'a mut TcpStream"),
            ("&'static [core::primitive::u8]", "&'static [u8]"),
            ("*const core::ffi::c_void", "*const c_void"),
            (
                "std::boxed::Box<dyn std::future::Future<Output = std::io::Result<()>> + std::marker::Send>",
                "Box<dyn Future<Output = Result<()>> + Send>",
            ),
            ("for<'a> fn(&'a std::string::String) -> a::B", "for<'a> fn(&'a String) -> B"),
            ("fn(a::B) -> std::option::Option<c::D> {e::f::g}", "fn(B) -> Option<D> {g}"),
            ("(a::B, (), c::D)", "(B, (), D)"),
            ("<a::Conn as std::future::Future>::Output", "<Conn as Future>::Output"),
            ("T::Item", "T::Item"),
            ("std::sync::Mutex::<a::B>::Guard", "Mutex::<B>::Guard"),
            ("a::outer<b::C>::inner<d::E>", "inner<E>"),
        ];
        for (long, expected) in cases {
            assert_eq!(short(long), expected, "{long}");
        }
    }

    #[test]
    fn coroutines_and_closures_keep_what_names_them() {
        let cases = [
            ("{async fn body of yield_now::yield_now()}", "{async fn yield_now()}"),
            ("{async fn body of cmd::set::Set::apply()}", "{async fn Set::apply()}"),
            ("{async fn body of generics::keeps<[u8; 256]>()}", "{async fn keeps<[u8; 256]>()}"),
            ("{async fn body of <cmd::Set as cmd::Apply>::apply()}", "{async fn <Set as Apply>::apply()}"),
            ("{async block@src/cmd/set.rs:128:89: 138:6}", "{async block@set.rs:128:89}"),
            (r"{async block@src\cmd\set.rs:128:89: 138:6}", "{async block@set.rs:128:89}"),
            ("{async block@a::b::f::{closure#0}}", "{async block@f::{closure#0}}"),
            (
                "std::pin::Pin<std::boxed::Box<{async block@/a b/x.rs:1:2: 3:4}>>",
                "Pin<Box<{async block@x.rs:1:2}>>",
            ),
            ("{closure@src/x.rs:3:4: 3:9}", "{closure@x.rs:3:4}"),
            ("a::Map<b::F, {closure@src/x.rs:3:4: 3:9}>", "Map<F, {closure@x.rs:3:4}>"),
            ("a::Set::apply::{closure#0}", "apply::{closure#0}"),
        ];
        for (long, expected) in cases {
            assert_eq!(short(long), expected, "{long}");
        }
    }

    #[test]
    fn broken_types_stay_readable() {
        let cases = [
            ("", ""),
            ("a::", "a::"),
            ("a::b<", "b<"),
            ("a::b>>::c", "b>>::c"),
            ("{async fn body of ", "{async fn "),
            ("{closure@", "{closure@"),
            ("a\n::b\u{7}", "a ::b\u{fffd}"),
        ];
        for (long, expected) in cases {
            assert_eq!(short(long), expected, "{long:?}");
        }
        assert_eq!(short_type("std::vec::Vec<std::string::String>", 9), "Vec<…ing>");
        // Deep nesting costs neither stack nor patience.
        let deep = "a::B<".repeat(20_000) + &">".repeat(20_000);
        assert_eq!(short_type(&deep, 11), "B<B<B…>>>>>");
    }

    proptest! {
        #[test]
        fn any_text_is_shortened(ty in "([a-zA-Z_]{0,3}|::|[<>{}()\\[\\]@:;,&' `/]|dyn|->|[0-9]{1,3}|.){0,40}", max in 0usize..60) {
            prop_assert!(super::super::line::columns(&short_type(&ty, max)) <= max);
        }
    }
}
