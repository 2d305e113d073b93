//! Byte offsets, the compiler's lines and columns, and the editor's.

use std::sync::Arc;

use ra_ap_syntax::{TextRange, TextSize};

use crate::dump::{LineCol, Span};

/// In what unit an editor counts characters within a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Bytes of the UTF-8 text.
    Utf8,
    /// UTF-16 code units, the protocol's default.
    Utf16,
}

impl Encoding {
    /// How many units the character takes.
    fn units(self, c: char) -> u32 {
        match self {
            Encoding::Utf8 => c.len_utf8() as u32,
            Encoding::Utf16 => c.len_utf16() as u32,
        }
    }
}

/// An editor's position: **zero-based** line, **zero-based** character in units of an [`Encoding`].
///
/// A line ends at `\n`, `\r\n` or a lone `\r`, as the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pos {
    /// Zero-based line.
    pub line: u32,
    /// Zero-based character within the line.
    pub character: u32,
}

/// A text with tables of its lines. A clone shares both.
///
/// A byte order mark in the text has no column for the compiler, which removed it, and counts as
/// an ordinary character for the editor, which would not have sent it had it removed it.
#[derive(Clone, Debug)]
pub struct PositionMap {
    text: Arc<str>,
    /// Byte offsets where the compiler's lines start: after each `\n`.
    lines: Arc<[u32]>,
    /// Byte offsets where the editor's lines start: also after a lone `\r`.
    editor_lines: Arc<[u32]>,
}

const BOM: char = '\u{feff}';

impl PositionMap {
    /// Finds the lines of a text. Text past 4 GiB is cut off.
    pub fn new(text: Arc<str>) -> PositionMap {
        let text = if u32::try_from(text.len()).is_ok() {
            text
        } else {
            Arc::from(&text[..floor(&text, u32::MAX as usize)])
        };
        let bytes = text.as_bytes();
        let mut lines = vec![0];
        let mut lone = Vec::new();
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => lines.push(at as u32 + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => lone.push(at as u32 + 1),
                _ => (),
            }
        }
        let lines: Arc<[u32]> = lines.into();
        let editor_lines = if lone.is_empty() {
            lines.clone()
        } else {
            let mut all: Vec<u32> = lines.iter().copied().chain(lone).collect();
            all.sort_unstable();
            all.into()
        };
        PositionMap { text, lines, editor_lines }
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The byte offset of a position the compiler printed; `None` if the text has no such position.
    pub fn offset(&self, at: LineCol) -> Option<TextSize> {
        let line = at.line.checked_sub(1)? as usize;
        let col = at.col.checked_sub(1)? as usize;
        let start = self.compiler_line_start(line)?;
        let content = &self.text[start..self.compiler_line_end(line)];
        let within = content.char_indices().map(|(i, _)| i).chain(std::iter::once(content.len())).nth(col)?;
        Some(size(start + within))
    }

    /// The compiler's position of a byte offset, which is clamped to the text and moved back to
    /// the start of a character.
    pub fn line_col(&self, at: TextSize) -> LineCol {
        let at = floor(&self.text, at.into());
        let line = self.lines.partition_point(|&start| start as usize <= at) - 1;
        let start = self.compiler_line_start(line).unwrap_or(0);
        let end = at.min(self.compiler_line_end(line)).max(start);
        let col = self.text[start..end].chars().count();
        LineCol { line: line as u32 + 1, col: col as u32 + 1 }
    }

    /// The byte range of a span in this text, whatever file it names.
    pub fn range(&self, span: &Span) -> Option<TextRange> {
        let (start, end) = (self.offset(span.start)?, self.offset(span.end)?);
        (start <= end).then(|| TextRange::new(start, end))
    }

    /// The byte offset of an editor's position: a character past the end of its line is the
    /// line's end, a line past the end of the text is the text's end, and a position within a
    /// character is that character's start.
    pub fn offset_of(&self, pos: Pos, encoding: Encoding) -> TextSize {
        let line = pos.line as usize;
        let Some(&start) = self.editor_lines.get(line) else { return size(self.text.len()) };
        let next = self.editor_lines.get(line + 1).map_or(self.text.len(), |&it| it as usize);
        let content = without_line_end(&self.text[start as usize..next]);
        size(start as usize + units_to_bytes(content, pos.character, encoding))
    }

    /// The editor's position of a byte offset, which is clamped to the text and moved back to the
    /// start of a character. An offset within a line's end is the end of that line.
    pub fn pos(&self, at: TextSize, encoding: Encoding) -> Pos {
        let at = floor(&self.text, at.into());
        let line = self.editor_lines.partition_point(|&start| start as usize <= at) - 1;
        let start = self.editor_lines[line] as usize;
        let next = self.editor_lines.get(line + 1).map_or(self.text.len(), |&it| it as usize);
        let content = without_line_end(&self.text[start..next]);
        let within = &content[..(at - start).min(content.len())];
        let character = within.chars().map(|c| encoding.units(c)).sum();
        Pos { line: line as u32, character }
    }

    /// Where the compiler's line (zero-based) starts, without a byte order mark.
    fn compiler_line_start(&self, line: usize) -> Option<usize> {
        let start = *self.lines.get(line)? as usize;
        Some(if start == 0 && self.text.starts_with(BOM) { BOM.len_utf8() } else { start })
    }

    /// Where the compiler's line (zero-based) ends, without `\n` or `\r\n`.
    fn compiler_line_end(&self, line: usize) -> usize {
        let Some(&next) = self.lines.get(line + 1) else { return self.text.len() };
        let content = &self.text[self.lines[line] as usize..next as usize];
        let content = content.strip_suffix('\n').unwrap_or(content);
        let content = content.strip_suffix('\r').unwrap_or(content);
        self.lines[line] as usize + content.len()
    }
}

/// Applies one change as an editor sends it: `range` replaced by `new`, or the whole text when
/// there is no range.
///
/// Positions out of bounds are clamped as in [`PositionMap::offset_of`], and a range whose ends
/// are swapped is turned round.
pub fn apply_change(text: &mut String, range: Option<(Pos, Pos)>, new: &str, encoding: Encoding) {
    match range {
        None => {
            text.clear();
            text.push_str(new);
        }
        Some((start, end)) => {
            let (a, b) = (find(text, start, encoding), find(text, end, encoding));
            text.replace_range(a.min(b)..a.max(b), new);
        }
    }
}

/// [`PositionMap::offset_of`] for one look-up, without building the tables.
fn find(text: &str, pos: Pos, encoding: Encoding) -> usize {
    let bytes = text.as_bytes();
    let mut start = 0;
    for _ in 0..pos.line {
        match bytes[start..].iter().position(|&byte| matches!(byte, b'\n' | b'\r')) {
            Some(at) => start += at + 1,
            None => return text.len(),
        }
        if bytes[start - 1] == b'\r' && bytes.get(start) == Some(&b'\n') {
            start += 1;
        }
    }
    let rest = &text[start..];
    let content = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    start + units_to_bytes(content, pos.character, encoding)
}

/// How many bytes of one line's content come before the given number of units.
fn units_to_bytes(content: &str, units: u32, encoding: Encoding) -> usize {
    let mut seen = 0u32;
    for (at, c) in content.char_indices() {
        seen = seen.saturating_add(encoding.units(c));
        if seen > units {
            return at;
        }
    }
    content.len()
}

fn without_line_end(line: &str) -> &str {
    line.strip_suffix("\r\n").or_else(|| line.strip_suffix(['\n', '\r'])).unwrap_or(line)
}

/// The largest char boundary not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn size(at: usize) -> TextSize {
    // The text was cut to what fits.
    TextSize::new(at as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(text: &str) -> PositionMap {
        PositionMap::new(text.into())
    }

    fn at(line: u32, col: u32) -> LineCol {
        LineCol { line, col }
    }

    fn pos(line: u32, character: u32) -> Pos {
        Pos { line, character }
    }

    #[test]
    fn compiler_counts_chars() {
        let map = map("a\n\té😀 async\n");
        assert_eq!(map.offset(at(2, 5)), Some(TextSize::new(10)));
        assert_eq!(map.line_col(TextSize::new(10)), at(2, 5));
    }

    #[test]
    fn compiler_removed_the_byte_order_mark() {
        let map = map("\u{feff}async");
        assert_eq!(map.offset(at(1, 1)), Some(TextSize::new(3)));
        assert_eq!(map.line_col(TextSize::new(3)), at(1, 1));
        assert_eq!(map.line_col(TextSize::new(0)), at(1, 1));
    }

    #[test]
    fn compiler_does_not_see_carriage_returns_at_line_ends() {
        let map = map("ab\r\ncd\r\n");
        assert_eq!(map.offset(at(2, 3)), Some(TextSize::new(6)));
        assert_eq!(map.offset(at(2, 4)), None);
        assert_eq!(map.line_col(TextSize::new(7)), at(2, 3));
    }

    #[test]
    fn compiler_position_outside_the_text() {
        let map = map("ab\n");
        assert_eq!(map.offset(at(0, 1)), None);
        assert_eq!(map.offset(at(1, 0)), None);
        assert_eq!(map.offset(at(1, 4)), None);
        assert_eq!(map.offset(at(2, 1)), Some(TextSize::new(3)));
        assert_eq!(map.offset(at(3, 1)), None);
    }

    #[test]
    fn editor_counts_utf16_or_bytes() {
        let map = map("x\n😀é async");
        let offset = TextSize::new(9);
        assert_eq!(map.pos(offset, Encoding::Utf16), pos(1, 4));
        assert_eq!(map.pos(offset, Encoding::Utf8), pos(1, 7));
        assert_eq!(map.offset_of(pos(1, 4), Encoding::Utf16), offset);
        assert_eq!(map.offset_of(pos(1, 7), Encoding::Utf8), offset);
    }

    #[test]
    fn editor_position_within_a_character_is_its_start() {
        let map = map("😀");
        assert_eq!(map.offset_of(pos(0, 1), Encoding::Utf16), TextSize::new(0));
        assert_eq!(map.offset_of(pos(0, 3), Encoding::Utf8), TextSize::new(0));
    }

    #[test]
    fn editor_position_past_the_line_is_its_end() {
        let map = map("ab\r\ncd");
        assert_eq!(map.offset_of(pos(0, 9), Encoding::Utf16), TextSize::new(2));
        assert_eq!(map.offset_of(pos(9, 0), Encoding::Utf16), TextSize::new(6));
        assert_eq!(map.pos(TextSize::new(3), Encoding::Utf16), pos(0, 2));
    }

    #[test]
    fn lone_carriage_return_ends_the_editors_line_only() {
        let map = map("a\rb\nc");
        assert_eq!(map.pos(TextSize::new(2), Encoding::Utf16), pos(1, 0));
        assert_eq!(map.pos(TextSize::new(4), Encoding::Utf16), pos(2, 0));
        assert_eq!(map.line_col(TextSize::new(2)), at(1, 3));
        assert_eq!(map.line_col(TextSize::new(4)), at(2, 1));
    }

    #[test]
    fn a_change_replaces_its_range() {
        let mut text = "fn a() {}\r\nfn b() {}".to_owned();
        apply_change(&mut text, Some((pos(1, 3), pos(1, 4))), "ß", Encoding::Utf16);
        assert_eq!(text, "fn a() {}\r\nfn ß() {}");
        apply_change(&mut text, Some((pos(1, 0), pos(0, 99))), "", Encoding::Utf16);
        assert_eq!(text, "fn a() {}fn ß() {}");
        apply_change(&mut text, None, "new", Encoding::Utf16);
        assert_eq!(text, "new");
    }

    fn encoding() -> impl Strategy<Value = Encoding> {
        prop_oneof![Just(Encoding::Utf8), Just(Encoding::Utf16)]
    }

    /// Text with much of what is difficult.
    fn difficult() -> impl Strategy<Value = String> {
        prop_oneof!["[a\u{e9}\u{1f600}\u{feff}\t\r\n ]{0,40}", "\\PC{0,40}",]
    }

    /// One line per `\n`, `\r\n` or `\r`, each split into its units; the plainest reading of the
    /// protocol.
    fn naive(text: &str, at: Pos, encoding: Encoding) -> usize {
        let (mut line, mut units) = (0, 0);
        let mut chars = text.char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            if line == at.line && (matches!(c, '\r' | '\n') || units + encoding.units(c) > at.character) {
                return offset;
            }
            units += encoding.units(c);
            if c == '\r' && chars.peek().is_some_and(|it| it.1 == '\n') {
                chars.next();
            }
            if matches!(c, '\r' | '\n') {
                (line, units) = (line + 1, 0);
            }
        }
        text.len()
    }

    proptest! {
        #[test]
        fn positions_stay_in_bounds(text in difficult(), line in 0u32..8, col in 0u32..50, enc in encoding()) {
            let map = map(&text);
            let offset = usize::from(map.offset_of(pos(line, col), enc));
            prop_assert!(text.is_char_boundary(offset));
            prop_assert_eq!(offset, naive(&text, pos(line, col), enc));
            if let Some(offset) = map.offset(at(line, col)) {
                prop_assert!(text.is_char_boundary(offset.into()));
                prop_assert_eq!(map.line_col(offset), at(line, col));
            }
        }

        #[test]
        fn offsets_come_back(text in difficult(), offset in 0usize..200, enc in encoding()) {
            let map = map(&text);
            let there = map.pos(size(offset), enc);
            let back = usize::from(map.offset_of(there, enc));
            let offset = floor(&text, offset);
            // Within a line's end the end of the line is meant.
            prop_assert!(back == offset || text[back..offset].chars().all(|c| matches!(c, '\r' | '\n')));
            map.line_col(size(offset));
        }

        #[test]
        fn changes_equal_a_naive_model(
            text in difficult(),
            enc in encoding(),
            changes in prop::collection::vec(
                (prop::option::weighted(0.9, (0u32..6, 0u32..30, 0u32..6, 0u32..30)), difficult()), 0..8),
        ) {
            let (mut text, mut model) = (text.clone(), text);
            for (range, new) in changes {
                let range = range.map(|(a, b, c, d)| (pos(a, b), pos(c, d)));
                apply_change(&mut text, range, &new, enc);
                model = match range {
                    None => new,
                    Some((start, end)) => {
                        let (a, b) = (naive(&model, start, enc), naive(&model, end, enc));
                        format!("{}{new}{}", &model[..a.min(b)], &model[a.max(b)..])
                    }
                };
                prop_assert_eq!(&text, &model);
            }
        }
    }
}
