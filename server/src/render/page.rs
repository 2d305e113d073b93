//! Text for people that is markdown in one place and plain in another.

use super::line::printable;
use std::fmt::Write as _;

/// Collects paragraphs. The same calls make markdown for a hover and plain text for a terminal or an
/// editor that knows no markdown.
#[derive(Debug)]
pub struct Page {
    markdown: bool,
    text: String,
}

impl Page {
    /// An empty page of markdown.
    pub fn markdown() -> Self {
        Page { markdown: true, text: String::new() }
    }

    /// An empty page of plain text.
    pub fn plain() -> Self {
        Page { markdown: false, text: String::new() }
    }

    /// Source text (a name, a type): nothing in it is taken for markup.
    pub fn code(&self, text: &str) -> String {
        let text: String = text.chars().map(printable).collect();
        if self.markdown && !text.is_empty() { format!("`{text}`") } else { text }
    }

    /// A file's name, with a line perhaps: as it is, unless something in it could be taken for markup.
    pub fn place(&self, text: &str) -> String {
        let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./: ".contains(c);
        // `__x__` would be bold, and `www.x.y` a link.
        let is_name = text.chars().all(harmless) && !text.contains("__") && !text.contains("www.");
        if is_name { text.to_owned() } else { self.code(text) }
    }

    /// Text in bold, for what the eye should find first.
    pub fn bold(&self, text: &str) -> String {
        if self.markdown { format!("**{text}**") } else { text.to_owned() }
    }

    /// `text`, leading to `target` where links work.
    pub fn link(&self, text: &str, target: Option<&str>) -> String {
        match target {
            Some(target) if self.markdown => format!("[{text}]({target})"),
            _ => text.to_owned(),
        }
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.gap();
        let _ = writeln!(self.text, "{text}");
    }

    /// One point of a list; points that follow each other make one list.
    pub fn point(&mut self, text: &str) {
        let _ = writeln!(self.text, "- {text}");
    }

    /// Begins a list under a heading.
    pub fn list(&mut self, heading: &str) {
        self.paragraph(heading);
        if self.markdown {
            self.text.push('\n');
        }
    }

    /// Text whose columns matter.
    pub fn picture(&mut self, text: &str) {
        self.gap();
        if self.markdown {
            let _ = write!(self.text, "```text\n{}\n```\n", text.trim_end());
        } else {
            let _ = writeln!(self.text, "{}", text.trim_end());
        }
    }

    fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// The page.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever a name is, it is one code span, or has nothing in it that markdown knows.
        #[test]
        fn any_text_is_only_text(text in "\\PC{0,12}|.{0,12}|[\\[\\]()!<>`*_~|$&;:/a w.\n\x1b\u{202e}-]{0,24}") {
            let page = Page::markdown();
            for (shown, plain) in [
                (page.code(&text), Page::plain().code(&text)),
                (page.place(&text), Page::plain().place(&text)),
            ] {
                prop_assert!(plain.chars().all(|c| printable(c) == c), "{plain:?}");
                match shown.strip_prefix('`') {
                    Some(span) => {
                        let span = span.strip_suffix('`');
                        prop_assert!(span.is_some_and(|span| span.chars().all(|c| printable(c) == c)), "{shown:?}");
                    }
                    None => {
                        let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./: ".contains(c);
                        let is_harmless = shown.chars().all(harmless) && !shown.contains("__") && !shown.contains("www.");
                        prop_assert!(is_harmless, "{shown:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn source_text_is_never_markup() {
        let page = Page::markdown();
        assert_eq!(page.code("a`b\n<img src=x>[x](command:y)"), "`a'b <img src=x>[x](command:y)`");
        assert_eq!(page.place("src/a_b-c.rs:12"), "src/a_b-c.rs:12");
        assert_eq!(page.place("src/[x](command:y).rs:1"), "`src/[x](command:y).rs:1`");
        assert_eq!(page.place("src/__b__/www.x.rs"), "`src/__b__/www.x.rs`");
        assert_eq!(Page::plain().place("src/\x1b[2J\n.rs"), "src/\u{fffd}[2J .rs");
    }
}
