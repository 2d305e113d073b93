//! As much of Rust's syntax as it takes to edit a text in random places: where its strings and comments
//! are, its fns, its items.

use std::ops::Range;

/// The text with spaces for every byte of a comment, literal or lifetime. A line break that is left is between
/// two tokens.
pub fn mask(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => find(bytes, at, b"\n").unwrap_or(bytes.len()),
            b'/' if bytes[at..].starts_with(b"/*") => end_of_comment(bytes, at),
            b'"' => end_of_string(bytes, at),
            b'r' if (at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b') => {
                let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
                match bytes.get(at + 1 + hashes) {
                    Some(b'"') => {
                        let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
                        find(bytes, at + 2 + hashes, &closing).map_or(bytes.len(), |end| end + closing.len())
                    }
                    _ => at,
                }
            }
            b'\'' => end_of_quote(text, at),
            _ => at,
        };
        out[at..end].fill(b' ');
        at = end.max(at + 1);
    }
    out
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes[from..].windows(what.len()).position(|window| window == what).map(|at| from + at)
}

fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        let pair = &bytes[at..bytes.len().min(at + 2)];
        depth += i32::from(pair == b"/*") - i32::from(pair == b"*/");
        at += if matches!(pair, b"/*" | b"*/") { 2 } else { 1 };
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    bytes.len().min(at + 1)
}

/// Of a character or a lifetime.
fn end_of_quote(text: &str, start: usize) -> usize {
    let rest = &text[start + 1..];
    let first = rest.chars().next().map_or(0, char::len_utf8);
    match rest.as_bytes() {
        [b'\\', _, ..] => rest[2..].find('\'').map_or(text.len(), |end| start + 1 + 2 + end + 1),
        bytes if bytes.get(first) == Some(&b'\'') => start + 1 + first + 1,
        bytes => start + 1 + bytes.iter().take_while(|byte| is_word(**byte)).count(),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Identifiers, keywords and numbers.
pub fn words(mask: &[u8], within: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = within.start;
    std::iter::from_fn(move || {
        while at < within.end && !is_word(mask[at]) {
            at += 1;
        }
        let start = at;
        while at < within.end && is_word(mask[at]) {
            at += 1;
        }
        (start < at).then_some(start..at)
    })
}

/// Every place of a word.
pub fn places_of(mask: &[u8], within: Range<usize>, word: &str) -> Vec<Range<usize>> {
    words(mask, within).filter(|place| &mask[place.clone()] == word.as_bytes()).collect()
}

/// The byte before a place, and the one behind it, without white space.
pub fn around(mask: &[u8], place: &Range<usize>) -> (u8, u8) {
    let is_text = |byte: &&u8| !byte.is_ascii_whitespace();
    let before = mask[..place.start].iter().rev().find(is_text);
    let behind = mask[place.end..].iter().find(is_text);
    (before.copied().unwrap_or(b' '), behind.copied().unwrap_or(b' '))
}

fn depth(byte: u8) -> i32 {
    match byte {
        b'(' | b'[' | b'{' => 1,
        b')' | b']' | b'}' => -1,
        _ => 0,
    }
}

/// The bracket that closes the one here.
fn closing(mask: &[u8], open: usize) -> Option<usize> {
    let mut level = 0;
    let ends = |byte: &u8| {
        level += depth(*byte);
        level == 0
    };
    Some(open + mask[open..].iter().position(ends)?)
}

/// A fn with a body.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name.
    pub name: Range<usize>,
    /// `async fn`.
    pub is_async: bool,
    /// Whatever its visibility is, it has one.
    pub is_pub: bool,
    /// Between its braces.
    pub body: Range<usize>,
}

/// Every fn that has a body, but for those in unit tests.
pub fn functions(text: &str, mask: &[u8]) -> Vec<Function> {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let mut found = Vec::new();
    let mut words = words(mask, 0..end).peekable();
    while let Some(word) = words.next() {
        if &mask[word.clone()] != b"fn" {
            continue;
        }
        let Some(name) = words.peek().cloned() else { break };
        // `$name`, or the type `fn(u8)`.
        if mask[word.end..name.start].iter().any(|byte| !byte.is_ascii_whitespace()) {
            continue;
        }
        let mut level = 0;
        let head = mask[name.end..].iter().position(|byte| {
            let ends = level == 0 && matches!(byte, b'{' | b';');
            level += depth(*byte);
            ends
        });
        let Some(open) = head.map(|at| name.end + at).filter(|at| mask[*at] == b'{') else { continue };
        let Some(close) = closing(mask, open) else { continue };
        let start = mask[..word.start].iter().rposition(|byte| matches!(byte, b';' | b'{' | b'}' | b']'));
        let before = start.map_or(0, |start| start + 1)..word.start;
        let has = |keyword| !places_of(mask, before.clone(), keyword).is_empty();
        found.push(Function { name, is_async: has("async"), is_pub: has("pub"), body: open + 1..close });
    }
    found
}

/// An item with everything above it that belongs to it.
#[derive(Debug, Clone)]
pub struct Item {
    /// From the end of the item before.
    pub range: Range<usize>,
    /// `fn`, `impl`, …; empty for a macro call.
    pub keyword: String,
    /// Between its braces, if it ends with one.
    pub inside: Option<Range<usize>>,
}

const KEYWORDS: [&str; 11] =
    ["use", "static", "type", "mod", "struct", "enum", "fn", "impl", "trait", "macro_rules", "const"];

/// The items of a file, or of a block.
pub fn items(mask: &[u8], within: Range<usize>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut start = within.start;
    while let Some(item) = item(mask, start..within.end) {
        start = item.range.end;
        items.push(item);
    }
    items
}

fn item(mask: &[u8], within: Range<usize>) -> Option<Item> {
    let mut keyword = String::new();
    let (mut level, mut open) = (0, within.start);
    let mut at = within.start;
    while at < within.end {
        let byte = mask[at];
        if is_word(byte) && level == 0 {
            let word = words(mask, at..within.end).next()?;
            let text = String::from_utf8_lossy(&mask[word.clone()]);
            if KEYWORDS.contains(&&*text) && matches!(keyword.as_str(), "" | "const") {
                keyword = text.into_owned();
            }
            at = word.end;
            continue;
        }
        if level == 0 && byte == b'{' {
            open = at + 1;
        }
        level += depth(byte);
        let item = |inside| Item { range: within.start..at + 1, keyword: keyword.clone(), inside };
        match byte {
            b';' if level == 0 => return Some(item(None)),
            b'}' if level == 0 && !matches!(keyword.as_str(), "use" | "static" | "type" | "const") => {
                return Some(item(Some(open..at)));
            }
            _ => at += 1,
        }
    }
    None
}

/// Behind the first statement of a body that awaits something, if it is one of the body's own.
pub fn behind_an_await(mask: &[u8], body: &Range<usize>) -> Option<usize> {
    let mut awaits = places_of(mask, body.clone(), "await").into_iter();
    let first = awaits.next()?;
    let mut level: i32 = mask[body.start..first.start].iter().map(|byte| depth(*byte)).sum();
    if level != 0 {
        return None;
    }
    let ends = |byte: &u8| {
        level += depth(*byte);
        level == 0 && *byte == b';'
    };
    Some(first.end + mask[first.end..body.end].iter().position(ends)? + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"//! fn no() {}
use a::{b, c};

/// A `fn`.
#[inline]
pub(crate) async fn first<'a>(x: &'a str) -> [u8; 2] {
    let quote = '"';
    call("fn { \" }", r#"}"#).await?;
    { inner().await; }
    *b"ok"
}
impl<'a> A<'a> {
    fn method(&self) -> char { '\'' }
}
const B: A = A { b: 1 };
"##;

    #[test]
    fn what_is_no_code_is_hidden() {
        let mask = String::from_utf8(mask(TEXT)).expect("it is ASCII");
        assert!(!mask.contains("no()") && !mask.contains('"') && !mask.contains('\''), "{mask}");
        assert_eq!(mask.matches('{').count(), mask.matches('}').count());
        assert_eq!(mask.len(), TEXT.len());
    }

    #[test]
    fn fns_and_items_are_found() {
        let mask = mask(TEXT);
        let functions = functions(TEXT, &mask);
        let told: Vec<_> = functions.iter().map(|f| (&TEXT[f.name.clone()], f.is_async, f.is_pub)).collect();
        assert_eq!(told, [("first", true, true), ("method", false, false)]);
        let items = items(&mask, 0..TEXT.len());
        let told: Vec<&str> = items.iter().map(|item| item.keyword.as_str()).collect();
        assert_eq!(told, ["use", "fn", "impl", "const"]);
        assert!(TEXT[items[1].range.clone()].trim().starts_with("/// A `fn`"));
        let behind = behind_an_await(&mask, &functions[0].body).expect("there is one");
        assert!(TEXT[..behind].ends_with(".await?;"));
    }
}
