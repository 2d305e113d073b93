//! The dialect of compilers from 1.98 on: the layout is a block at the beginning of the body, and the names of stored
//! locals stand in their scopes.
//!
//! ```text
//! fn get::{closure#0}(_1: {static …}, _2: std::future::ResumeTy) -> std::task::Poll<()> {
//!     coroutine layout {
//!         field _s0: [u8; 4];              // in scope 1 at src/client.rs:9:5: 9:20
//!         variant_fields = {
//!             Suspend0 (3): [_s0],         // in scope 2 at src/client.rs:9:15: 9:20
//!         }
//!         storage_conflicts = BitMatrix(1x1) {(_s0, _s0)}
//!     }
//!     scope 1 {
//!         coroutine debug key => _s0;      // in scope 1 at src/client.rs:9:5: 9:20
//! ```

use super::Saved;
use super::layout::Layout;

const BEGIN: &str = "\n    coroutine layout {\n";
const END: &str = "\n    }\n";
const PREFIX: &str = "_s";

/// What stands in front of the block, the lines in it, and what stands behind it. `None` if there is none.
pub(super) fn split(code: &str) -> Option<(&str, &str, &str)> {
    let at = memchr::memmem::find(code.as_bytes(), BEGIN.as_bytes())?;
    // Not one in the middle of the code.
    let before = &code[..at];
    if before.lines().filter(|line| !line.is_empty()).count() > 1 {
        return None;
    }
    let rest = &code[at + BEGIN.len()..];
    let end = memchr::memmem::find(rest.as_bytes(), END.as_bytes())?;
    // With the end of the block's last line.
    Some((before, &rest[..end], &rest[end + END.len() - 1..]))
}

/// Reads the lines in the block.
pub(super) fn read(block: &str) -> Layout<'_> {
    let mut layout = Layout::default();
    let first = block.lines().next().unwrap_or_default();
    let mut lines = block.lines().peekable();
    while let Some(line) = lines.next_if(|line| line.starts_with("        field ")) {
        match field(line) {
            Some((number, saved)) => layout.add_saved(Some(number), saved, line),
            None => layout.unread(line),
        }
    }
    if lines.next() != Some("        variant_fields = {") {
        layout.unread(first);
    }
    while let Some(line) = lines.next_if(|line| line.starts_with("            ")) {
        match line.split_once("// in scope ").and_then(|(text, _)| text.trim_end().strip_suffix(',')) {
            Some(text) => layout.add_variant(text, PREFIX, line),
            None => layout.unread(line),
        }
    }
    if lines.next() != Some("        }") {
        layout.unread(first);
    }
    match lines.next() {
        Some(line) => conflicts(line, &mut layout),
        None => layout.unread_conflicts(first),
    }
    if let Some(line) = lines.next() {
        layout.unread(line);
    }
    layout.check(first);
    layout
}

/// `        field _s0: [u8; 4];              // in scope 1 at src/client.rs:9:5: 9:20`
fn field(line: &str) -> Option<(usize, Saved<'_>)> {
    let (text, _) = line.trim_start().strip_prefix("field _s")?.rsplit_once("// in scope ")?;
    let (number, ty) = text.trim_end().strip_suffix(';')?.split_once(": ")?;
    let span = super::comment_span(line, "// in scope ");
    Some((number.parse().ok()?, Saved { span: Some(span?), ty: Some(ty), ..Saved::default() }))
}

/// `        storage_conflicts = BitMatrix(2x2) {(_s0, _s0), (_s1, _s1)}`
fn conflicts<'a>(line: &'a str, layout: &mut Layout<'a>) {
    let matrix = format!("        storage_conflicts = BitMatrix({0}x{0}) {{", layout.saved.len());
    let Some(pairs) = line.strip_prefix(&*matrix).and_then(|rest| rest.strip_suffix('}')) else {
        // What it is instead is not known.
        return match line.trim_start().starts_with("storage_conflicts") {
            true => layout.unread_conflicts(line),
            false => layout.unread(line),
        };
    };
    for pair in pairs.split_inclusive("), ").filter(|pair| !pair.is_empty()) {
        layout.add_conflict(pair.strip_suffix(", ").unwrap_or(pair), PREFIX, line);
    }
}

/// `coroutine debug NAME => _s0; // in scope 1 at SPAN`: the variable's name and the stored local. The second part is
/// none if the variable is not all of what is stored.
pub(super) fn debug_line(line: &str) -> Option<(&str, Option<usize>)> {
    let (name, rest) = line.strip_prefix("coroutine debug ")?.split_once(" => ")?;
    let (place, rest) = rest.split_once(';')?;
    let saved = match place.strip_prefix(PREFIX) {
        Some(number) => Some(number.parse().ok()?),
        None if place.starts_with('(') => None,
        None => return None,
    };
    rest.trim_start().starts_with("// in scope ").then_some((name, saved))
}
