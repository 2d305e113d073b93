//! A source range as rustc prints it.

use std::collections::HashSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A position as rustc prints it: **one-based** line, **one-based** column counted in `char`s.
///
/// rustc counts after it removed a leading byte order mark and turned `\r\n` into `\n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineCol {
    /// One-based line.
    pub line: u32,
    /// One-based column in `char`s.
    pub col: u32,
}

/// `FILE:LINE:COL: LINE:COL`, the end exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The path as printed: relative to the compiler's working directory, or absolute.
    pub file: Arc<str>,
    /// First character.
    pub start: LineCol,
    /// One past the last character.
    pub end: LineCol,
}

/// A [`Span`] that borrows its path from the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanRef<'a> {
    /// The path as printed.
    pub file: &'a str,
    /// First character.
    pub start: LineCol,
    /// One past the last character.
    pub end: LineCol,
}

/// Is a file one of the standard library's? Where the compiler knows its sources (the component `rust-src`) they lie in
/// the toolchain's folder, else they have a path that is on no disk.
pub fn is_of_std(file: &str) -> bool {
    let has = |part: &str| file.contains(part) || file.contains(&part.replace('/', "\\"));
    (file.starts_with("/rustc/") && has("/library/")) || has("/lib/rustlib/src/rust/library/")
}

/// A file that the compiler names, which ran in `dir`. By `#[path = "../shared.rs"]` it names a file of `src` as one of
/// `src/bin/..`.
pub fn absolute(dir: &Path, file: &str) -> PathBuf {
    let path = dir.join(file);
    if !file.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
        return path;
    }
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match short.components().next_back() {
                Some(Component::Normal(_)) => _ = short.pop(),
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => short.push(part),
            },
            _ => short.push(part),
        }
    }
    short
}

impl<'a> SpanRef<'a> {
    /// Reads `FILE:LINE:COL: LINE:COL`, with or without a macro context ` (#N)` behind it.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = match text.rsplit_once(" (#") {
            Some((span, context)) if context.ends_with(')') => span,
            _ => text,
        };
        let (start, end) = text.rsplit_once(": ")?;
        let (end_line, end_col) = end.split_once(':')?;
        let (start, start_col) = start.rsplit_once(':')?;
        let (file, start_line) = start.rsplit_once(':')?;
        Some(SpanRef {
            file,
            start: LineCol { line: start_line.parse().ok()?, col: start_col.parse().ok()? },
            end: LineCol { line: end_line.parse().ok()?, col: end_col.parse().ok()? },
        })
    }

    /// Is it one character long? That is how the compiler names the end of a scope: `}`, `;`, `)`.
    pub fn is_end(self) -> bool {
        self.start.line == self.end.line && self.end.col.saturating_sub(self.start.col) <= 1
    }

    /// The owned form; `paths` keeps one copy of each path.
    pub fn to_span(self, paths: &mut HashSet<Arc<str>>) -> Span {
        let file = match paths.get(self.file) {
            Some(file) => file.clone(),
            None => {
                let file: Arc<str> = self.file.into();
                paths.insert(file.clone());
                file
            }
        };
        Span { file, start: self.start, end: self.end }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { file, start, end } = self;
        write!(f, "{file}:{}:{}: {}:{}", start.line, start.col, end.line, end.col)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_span_with_and_without_macro_context() {
        let at = |line, col| LineCol { line, col };
        let span = SpanRef { file: "src/a b.rs", start: at(3, 5), end: at(4, 16) };
        assert_eq!(SpanRef::parse("src/a b.rs:3:5: 4:16"), Some(span));
        assert_eq!(SpanRef::parse("src/a b.rs:3:5: 4:16 (#8411)"), Some(span));
        assert_eq!(SpanRef::parse("C:\\x\\a.rs:3:5: 4:16 (#0)").unwrap().file, "C:\\x\\a.rs");
        assert_eq!(SpanRef::parse("no-location"), None);
    }

    #[test]
    fn a_file_has_one_path() {
        let of = |file| absolute(Path::new("/w"), file);
        for (file, path) in [
            ("src/lib.rs", "/w/src/lib.rs"),
            ("src/bin/../shared.rs", "/w/src/shared.rs"),
            ("src/a/../../b/./c.rs", "/w/b/c.rs"),
            ("../../../x.rs", "/x.rs"),
            ("/r/a/../b.rs", "/r/b.rs"),
            ("src/a..b.rs", "/w/src/a..b.rs"),
        ] {
            assert_eq!(of(file).as_os_str(), Path::new(path).as_os_str());
        }
    }

    #[test]
    fn std_s_sources_are_known_wherever_they_lie() {
        for file in [
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/macros.rs",
            "/home/me/.rustup/toolchains/nightly/lib/rustlib/src/rust/library/core/src/pin.rs",
            r"C:\Users\me\.rustup\toolchains\stable\lib\rustlib\src\rust\library\std\src\macros.rs",
        ] {
            assert!(is_of_std(file), "{file}");
        }
        assert!(!is_of_std("src/library/std.rs") && !is_of_std("/rustc/src/main.rs"));
    }
}
