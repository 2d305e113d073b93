//! How deep a text may nest, told without parsing it.
//!
//! The parser recurses, and so does the release of its tree: a text that nests too deep would not
//! panic but overflow the stack, which ends the process. Machine-made code does nest like that.

/// Brackets may nest this deep.
const BRACKETS: usize = 1_000;

/// An upper bound for how deep the parser recurses on the text: the words and signs that stand
/// before a position and may still hold something open there. Far above the truth for ordinary
/// code, where it is in the hundreds. `usize::MAX` if brackets alone nest deeper than [`BRACKETS`].
pub(super) fn bound(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut open: Vec<(u8, usize)> = Vec::new();
    // What stands since the last end of a statement or list element, here and outside.
    let (mut run, mut outside, mut most) = (0usize, 0usize, 0usize);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        at += match (byte, next) {
            (b'/', Some(b'/')) => line_end(bytes, at) - at,
            (b'/', Some(b'*')) => find(bytes, at + 2, b"*/") - at,
            // A name, a number, or `r` before a raw text literal.
            (b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.., _) => {
                run += 1;
                let end = word_end(bytes, at);
                match raw_end(bytes, at, end) {
                    Some(end) => end - at,
                    None => end - at,
                }
            }
            (b'"', _) => text_end(bytes, at + 1) - at,
            // `'('`, not `'a`.
            (b'\'', Some(b'\\')) => 3,
            (b'\'', Some(_)) if bytes.get(at + 2) == Some(&b'\'') => 3,
            (b'(' | b'[' | b'{', _) => {
                open.push((byte, run));
                if open.len() > BRACKETS {
                    return usize::MAX;
                }
                outside += run + 1;
                run = 0;
                1
            }
            (b')' | b']' | b'}', _) => {
                let opener = match byte {
                    b')' => b'(',
                    b']' => b'[',
                    _ => b'{',
                };
                if let Some(&(last, before)) = open.last()
                    && last == opener
                {
                    open.pop();
                    outside -= before + 1;
                    run = before + 1;
                }
                if byte == b'}' && ends_statement(bytes, at + 1) {
                    run = 0;
                }
                1
            }
            (b';' | b',', _) => {
                run = 0;
                1
            }
            (b' ' | b'\t' | b'\r' | b'\n', _) => 1,
            _ => {
                run += 1;
                1
            }
        };
        most = most.max(outside + run);
    }
    most
}

/// Whether what follows a `}` begins something new, and does not go on as `else` or `.x` do.
fn ends_statement(bytes: &[u8], mut at: usize) -> bool {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    match bytes.get(at) {
        None | Some(b'}' | b'#' | b'/') => true,
        Some(byte) if byte.is_ascii_alphabetic() => {
            !matches!(&bytes[at..word_end(bytes, at)], b"else" | b"as" | b"where")
        }
        Some(_) => false,
    }
}

fn word_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|it| *it == b'_' || it.is_ascii_alphanumeric() || *it >= 0x80) {
        at += 1;
    }
    at
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|it| *it == b'\n').map_or(bytes.len(), |it| at + it)
}

/// Past the next occurrence.
fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(what.len()).position(|it| it == what).map_or(bytes.len(), |it| from + it + what.len())
}

/// Past the end of a text literal whose content starts at `at`.
fn text_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Past the end of a raw text literal whose prefix (`r`, `br`, `cr`) is the word from `at` to `end`.
fn raw_end(bytes: &[u8], at: usize, end: usize) -> Option<usize> {
    if !matches!(&bytes[at..end], b"r" | b"br" | b"cr") {
        return None;
    }
    let marks = bytes[end..].iter().take_while(|it| **it == b'#').count();
    (bytes.get(end + marks) == Some(&b'"')).then(|| {
        let mut close = vec![b'"'];
        close.resize(marks + 1, b'#');
        find(bytes, end + marks + 1, &close)
    })
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn ordinary_code_nests_little() {
        let item = "/// Docs ( with [ brackets.\nfn f(a: u8) -> u8 { if a { g(\"(\", '(') } else { h(r#\"\"(\"#) } }\n";
        assert!(bound(item) < 60, "{}", bound(item));
        assert_eq!(bound(&item.repeat(1000)), bound(item));
    }

    #[test]
    fn what_stays_open_counts() {
        for text in ["(", "[", "{", "!", "a = ", "|| ", "A<", "if a {} else ", "fn()->", "+1", ".a()"] {
            let deep = bound(&text.repeat(500));
            assert!(deep >= 500, "{text}: {deep}");
        }
    }

    #[test]
    fn separators_end_it() {
        assert!(bound(&"a, b; ".repeat(1000)) < 10);
    }

    #[test]
    fn brackets_alone_have_a_limit() {
        assert_eq!(bound(&"(".repeat(1001)), usize::MAX);
    }
}
