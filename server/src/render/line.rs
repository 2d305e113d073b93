//! One line of output that cannot become wider than it may be.

/// How text looks where colours are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Dim,
    Blue,
    Green,
    Magenta,
    Cyan,
    Yellow,
}

impl Style {
    fn ansi(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Blue => "34",
            Style::Green => "32",
            Style::Magenta => "35",
            Style::Cyan => "36",
            Style::Yellow => "33",
        }
    }
}

/// What all lines of one text have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paper {
    /// Columns; nothing is written past them.
    pub width: usize,
    /// Whether styles become ANSI escapes.
    pub color: bool,
    /// Whether the glyphs drawn are ASCII. Names stay as they are.
    pub ascii: bool,
}

impl Paper {
    pub fn line(self) -> Line {
        Line { paper: self, text: String::new(), columns: 0, spaces: 0 }
    }

    /// The mark for text left out, one column.
    pub fn ellipsis(self) -> &'static str {
        if self.ascii { "~" } else { "…" }
    }

    /// [`elide`] with this paper's ellipsis.
    pub fn elide(self, text: &str, max: usize) -> String {
        let elided = elide(text, max);
        if self.ascii { elided.replace('…', "~") } else { elided }
    }

    /// Words on as many lines as they need; lines after the first begin `indent` columns in.
    pub fn wrap(self, out: &mut String, indent: usize, style: Style, text: &str) {
        self.wrap_after(self.line(), out, indent, style, text);
    }

    /// Words after what stands on `line`, then as [`Paper::wrap`].
    pub fn wrap_after(self, mut line: Line, out: &mut String, indent: usize, style: Style, text: &str) {
        let mut first = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if !first && line.column() + 1 + columns(word) > self.width {
                line.end(out);
                line = self.line();
                line.to(indent);
            } else if !first {
                line.gap(1);
            }
            let word = self.elide(word, line.room());
            line.put(style, &word);
            first = false;
        }
        line.end(out);
    }
}

/// A line being written. What does not fit is cut; spaces at the end are not written.
#[derive(Debug)]
pub(super) struct Line {
    paper: Paper,
    text: String,
    columns: usize,
    /// Spaces that are written only if something follows.
    spaces: usize,
}

impl Line {
    /// Columns used, spaces included.
    pub fn column(&self) -> usize {
        self.columns + self.spaces
    }

    pub fn is_empty(&self) -> bool {
        self.columns == 0
    }

    /// Columns left.
    pub fn room(&self) -> usize {
        self.paper.width.saturating_sub(self.column())
    }

    pub fn gap(&mut self, columns: usize) {
        self.spaces += columns.min(self.room());
    }

    /// Spaces up to `column`.
    pub fn to(&mut self, column: usize) {
        self.gap(column.saturating_sub(self.column()));
    }

    pub fn put(&mut self, style: Style, text: &str) {
        let ansi = if self.paper.color { style.ansi() } else { "" };
        let mut open = false;
        for c in text.chars().map(printable) {
            if c == ' ' {
                self.gap(1);
                continue;
            }
            if self.room() < width(c) {
                break;
            }
            self.text.extend(std::iter::repeat_n(' ', self.spaces));
            self.columns += self.spaces + width(c);
            self.spaces = 0;
            if !open && !ansi.is_empty() {
                self.text.push_str("\x1b[");
                self.text.push_str(ansi);
                self.text.push('m');
                open = true;
            }
            self.text.push(c);
        }
        if open {
            self.text.push_str("\x1b[0m");
        }
    }

    /// `text` with its end at `column`, or as soon after as there is room. Half a number is a wrong one, so
    /// what has to be left out is seen to be.
    pub fn put_right(&mut self, column: usize, style: Style, text: &str) {
        self.to(column.saturating_sub(columns(text)));
        let text = self.paper.elide(text, self.room());
        self.put(style, &text);
    }

    /// Appends the line to a text.
    pub fn end(self, out: &mut String) {
        out.push_str(&self.text);
        out.push('\n');
    }
}

/// `c`, or what stands for it where it would do more than be seen: control characters, invisible ones,
/// those that turn the writing direction, and the backtick that could end a code fence.
pub(super) fn printable(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' | '\u{a0}' | '\u{2028}' | '\u{2029}' => ' ',
        '`' => '\'',
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => '\u{fffd}',
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// Text from a project on one line of a terminal or a message: nothing in it moves the cursor, changes colours, ends
/// the line, or turns the writing direction. Backticks are what they are there.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c == '`' { c } else { printable(c) }).collect()
}

/// Columns a terminal gives to `c`, or one more: rather a gap than a line too wide. Compilers let only
/// letters into names, so the blocks of wide scripts do.
fn width(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}' | '\u{231a}'..='\u{231b}' | '\u{23e9}'..='\u{23f3}' => 2,
        '\u{2600}'..='\u{27bf}' | '\u{2b1b}'..='\u{2b55}' | '\u{2e80}'..='\u{a4cf}' => 2,
        '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 2,
        '\u{fe10}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' => 2,
        '\u{16fe0}'..='\u{1b2ff}' | '\u{1f000}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Columns of a text once it is [`printable`].
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(|c| width(printable(c))).sum()
}

/// At most `max` columns of `text`; what is left out is left out in the middle.
pub(super) fn elide(text: &str, max: usize) -> String {
    let text: String = text.chars().map(printable).collect();
    if columns(&text) <= max {
        return text;
    }
    let Some(room) = max.checked_sub(1) else { return String::new() };
    // What a thing is stands at its head; what tells it from its like, at its tail.
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        chars
            .take_while(|&c| {
                used += width(c);
                used <= room
            })
            .collect::<Vec<char>>()
    };
    let head = take(&mut text.chars(), room.div_ceil(2));
    let tail = take(&mut text.chars().rev(), room / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAPER: Paper = Paper { width: 10, color: false, ascii: false };

    #[test]
    fn a_line_never_grows_too_wide() {
        let mut line = PAPER.line();
        line.put(Style::Bold, "future");
        line.put_right(10, Style::Plain, "4,099 B");
        let mut out = String::new();
        line.end(&mut out);
        assert_eq!(out, "future4,…B\n");
    }

    #[test]
    fn names_cannot_leave_their_line() {
        let mut line = Paper { color: true, ..PAPER }.line();
        line.put(Style::Bold, "a\x1b[2J\n``\u{202e}b");
        line.gap(3);
        let mut out = String::new();
        line.end(&mut out);
        assert_eq!(out, "\x1b[1ma\u{fffd}[2J ''\u{fffd}b\x1b[0m\n");
    }

    #[test]
    fn text_is_elided_in_the_middle() {
        assert_eq!(elide("Mutex<State>", 12), "Mutex<State>");
        assert_eq!(elide("Mutex<State>", 9), "Mute…ate>");
        assert_eq!(elide("変数変数", 6), "変…数");
        assert_eq!([elide("ab", 1), elide("ab", 0)], ["…", ""]);
    }

    proptest! {
        #[test]
        fn elided_text_fits(text in "\\PC{0,30}|.{0,30}", max in 0usize..40) {
            prop_assert!(columns(&elide(&text, max)) <= max);
        }
    }
}
