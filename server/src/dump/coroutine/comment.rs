//! The dialect of compilers up to 1.97: the layout is a comment in front of the body.
//!
//! ```text
//! /* coroutine_layout = CoroutineLayout {
//!     field_tys: {
//!         _s0: CoroutineSavedTy { ty: …, source_info: SourceInfo { span: src/client.rs:9:5: 9:20 (#0), … }, … },
//!     },
//!     variant_fields: {
//!         Suspend0 (3): [_s0],
//!     },
//!     storage_conflicts: BitMatrix(1x1) { (_s0, _s0), },
//! } */
//! ```
//!
//! Each value stands on a line of its own. Compilers before 1.89 name the stored locals `_0`, `_1`.

use super::layout::Layout;
use super::{Saved, SpanRef};

/// Behind it comes the body as MIR.
pub(super) const END: &str = "\n} */";

#[derive(Clone, Copy, PartialEq)]
enum In {
    Nothing,
    Fields,
    Variants,
    Conflicts,
}

/// Reads what stands in front of [`END`].
pub(super) fn read(header: &str) -> Layout<'_> {
    let mut layout = Layout::default();
    let prefix = if header.contains("\n        _s0: ") { "_s" } else { "_" };
    let mut section = In::Nothing;
    let mut sections = Vec::new();
    for line in header.lines() {
        match line {
            "    field_tys: {" => section = In::Fields,
            "    field_tys: {}," => sections.push(In::Fields),
            "    variant_fields: {" => section = In::Variants,
            "    }," => section = In::Nothing,
            _ if line.starts_with("    storage_conflicts: ") => {
                section = In::Conflicts;
                let matrix = format!("    storage_conflicts: BitMatrix({0}x{0}) {{", layout.saved.len());
                let rest = line.strip_prefix(&*matrix);
                if !matches!((rest, layout.saved.len()), (Some("},"), 0) | (Some(""), 1..)) {
                    layout.unread_conflicts(line);
                }
            }
            _ => match section {
                In::Nothing => {}
                In::Fields => field(line, prefix, &mut layout),
                In::Variants => match line.strip_suffix(',') {
                    Some(text) => layout.add_variant(text, prefix, line),
                    None => layout.unread(line),
                },
                In::Conflicts => match line.strip_suffix(',') {
                    Some(text) => layout.add_conflict(text, prefix, line),
                    None => layout.unread_conflicts(line),
                },
            },
        }
        if section != In::Nothing && sections.last() != Some(&section) {
            sections.push(section);
        }
    }
    let first = header.lines().next().unwrap_or_default();
    if !sections.starts_with(&[In::Fields, In::Variants]) {
        layout.unread(first);
    } else if sections.get(2) != Some(&In::Conflicts) {
        layout.unread_conflicts(first);
    }
    layout.check(first);
    layout
}

/// A line of a stored local.
fn field<'a>(line: &'a str, prefix: &str, layout: &mut Layout<'a>) {
    let name = line.strip_prefix("        ").filter(|name| name.starts_with('_'));
    if let Some(name) = name {
        let number = name.strip_prefix(prefix).and_then(|name| name.strip_suffix(": CoroutineSavedTy {"));
        layout.add_saved(number.and_then(|number| number.parse().ok()), Saved::default(), line);
    } else if let Some(span) = line.strip_prefix("                span: ")
        && let Some(saved) = layout.saved.last_mut()
    {
        saved.span = SpanRef::parse(span.trim_end_matches(','));
        if saved.span.is_none() {
            layout.unread(line);
        }
    }
}
