//! Source texts line by line: what the compiler looks at in a line, and which lines define a macro.

use ra_ap_parser::{Edition, LexedStr, SyntaxKind};
use std::ops::RangeInclusive;

/// The lines of a text, with blanks in place of comments and none at the end.
pub(super) fn without_comments(text: &str) -> Vec<String> {
    let lexed = LexedStr::new(Edition::CURRENT, text);
    let mut code = String::with_capacity(text.len());
    for token in 0..lexed.len() {
        match lexed.kind(token) {
            SyntaxKind::COMMENT => {
                let blank = |char| if char == '\n' { '\n' } else { ' ' };
                code.extend(lexed.text(token).chars().map(blank));
            }
            _ => code.push_str(lexed.text(token)),
        }
    }
    code.split('\n').map(|line| line.trim_end().to_owned()).collect()
}

/// The lines of a text that define macros with `macro_rules!`.
#[derive(Debug, Default)]
pub(super) struct MacroLines(Vec<RangeInclusive<u32>>);

impl MacroLines {
    /// Finds them. A definition ends with its bracket, or with a text in which that is missing.
    pub fn of(text: &str) -> Self {
        // Most texts define none.
        if memchr::memmem::find(text.as_bytes(), b"macro_rules").is_none() {
            return MacroLines::default();
        }
        let lexed = LexedStr::new(Edition::CURRENT, text);
        let mut found = Vec::new();
        let mut line = 1;
        // The first line of the definition that this is in, and how many brackets are open in it.
        let mut definition: Option<(u32, u32)> = None;
        for token in 0..lexed.len() {
            match (lexed.kind(token), &mut definition) {
                (SyntaxKind::IDENT, None)
                    if lexed.text(token) == "macro_rules" && is_called(&lexed, token) =>
                {
                    definition = Some((line, 0));
                }
                (SyntaxKind::L_CURLY | SyntaxKind::L_PAREN | SyntaxKind::L_BRACK, Some((_, open))) => {
                    *open += 1;
                }
                (SyntaxKind::R_CURLY | SyntaxKind::R_PAREN | SyntaxKind::R_BRACK, Some((first, open))) => {
                    *open = open.saturating_sub(1);
                    if *open == 0 {
                        found.push(*first..=line);
                        definition = None;
                    }
                }
                _ => {}
            }
            let breaks = memchr::memchr_iter(b'\n', lexed.text(token).as_bytes()).count();
            line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        }
        found.extend(definition.map(|(first, _)| first..=line));
        MacroLines(found)
    }

    /// Is a line, the first being 1, one of them?
    pub fn has(&self, line: u32) -> bool {
        self.0.iter().any(|lines| lines.contains(&line))
    }
}

/// Does `!` come next that is code?
fn is_called(lexed: &LexedStr<'_>, token: usize) -> bool {
    let next = (token + 1..lexed.len()).map(|next| lexed.kind(next)).find(|kind| !kind.is_trivia());
    next == Some(SyntaxKind::BANG)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each line, whether it defines a macro.
    fn macros(text: &str) -> Vec<bool> {
        let lines = MacroLines::of(text);
        (1..).zip(text.split('\n')).map(|(line, _)| lines.has(line)).collect()
    }

    #[test]
    fn a_macro_is_found_by_its_brackets() {
        let text = "fn a() {}\nmacro_rules! m {\n    () => { async {} };\n}\nasync fn b() {}\n";
        assert_eq!(macros(text), [false, true, true, true, false, false]);
        assert_eq!(macros("macro_rules! m {\n    (\n"), [true; 3], "it does not end");
        assert_eq!(
            macros("macro_rules! m (\n);\nmacro_rules !\nn\n[]\n"),
            [true, true, true, true, true, false]
        );
    }

    #[test]
    fn what_only_looks_like_a_bracket_or_a_macro_is_none() {
        for bracket in ["'{'", "\"{\"", "r#\"\"{\"#", "b'{'", "/* { */ 1", "1 // {"] {
            let text = format!("macro_rules! m {{\n    () => {{ {bracket}\n }};\n}}\nasync fn b() {{}}\n");
            assert_eq!(macros(&text), [true, true, true, true, false, false], "{text}");
        }
        assert_eq!(macros("// As macro_rules! would.\nfn a() {\n}\n"), [false; 4]);
        assert_eq!(macros("const NAME: &str = \"macro_rules!\";\nfn a() {}"), [false; 2]);
    }

    #[test]
    fn comments_are_told_from_what_looks_like_one() {
        let lines = |text: &str| without_comments(text).join("\n");
        assert_eq!(lines("a // b\nc /* d\n /* e */ */ f"), "a\nc\n            f");
        for text in [
            r##"x("// no", "\"/*", r"\", r#"" // no"#, br"/*", b'"', '"', '\'', '/', "é")"##,
            "fn f<'a>(x: &'a str) -> &'static str",
            "let r = 1; for r in r {}",
            "let s = \"two\n// lines\"; x",
            "#!/usr/bin/env -S cargo +nightly -Zscript https://a.b\nfn a() {}",
            r##"let r#type = cr#"// "no"#; r#x"##,
            r"let c = '\u{2f}'; '/'; b'\'' ; 'a: loop {}",
        ] {
            assert_eq!(lines(&format!("{text} // c")), text);
            assert_eq!(lines(&format!("{text} /* é */ + 1")), format!("{text}         + 1"));
        }
    }

    proptest::proptest! {
        #[test]
        fn comments_are_removed_from_any_text(text in "[ab'\"/*r#\\\\\n é]{0,40}") {
            let lines = without_comments(&text);
            proptest::prop_assert_eq!(lines.len(), text.split('\n').count());
        }

        #[test]
        fn lines_of_any_text_are_counted(text in "(macro_rules|!|[ab'\"/*r#{}()\\[\\]\\\\\n é]){0,40}") {
            let lines = MacroLines::of(&text);
            let count = text.split('\n').count() as u32;
            proptest::prop_assert!(!lines.has(0) && !lines.has(count + 1));
        }
    }
}
