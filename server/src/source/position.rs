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
