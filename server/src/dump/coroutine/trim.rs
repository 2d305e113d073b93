//! What is kept of a dumped body, and its places.

use super::super::mir;
use super::{block, comment};
use crate::dump::span::SpanRef;
use std::collections::HashSet;

/// A dumped body without what no reader looks at: half of it is the types of locals, explanations of constants and
/// white space. Both [`CoroutineBody::parse`](super::CoroutineBody::parse) and [`statement_spans`] find the same in it.
///
/// Types of futures are all still there, for who looks for one in the text.
pub fn trimmed(text: &str) -> String {
    let Some((header, code)) = split(text) else { return text.to_owned() };
    let mut out = String::with_capacity(text.len() / 3 * 2);
    out.push_str(header);
    let mut in_blocks = false;
    let mut declared = HashSet::new();
    let mut order = mir::Order::default();
    let dropped = dropped_locals(code);
    // As they are: a carriage return belongs to its line.
    for line in code.split('\n') {
        if line.starts_with("    bb") {
            in_blocks = true;
            // That it is all there tells only who sees the numbers.
            if !mir::block_line(line).is_some_and(|(number, _)| order.block(number)) {
                return text.to_owned();
            }
        }
        let is_read = match line.as_bytes() {
            [] => false,
            // The types of locals that are not dropped.
            bytes if !in_blocks => {
                let is_local = bytes.trim_ascii_start().starts_with(b"let ");
                let is_read = || {
                    let local = local_declared(line);
                    local.is_some_and(|local| local == "_0" || dropped.contains(local))
                };
                !is_local || line.contains("upvar_tys=") || is_read()
            }
            [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', first, ..] => *first != b' ',
            [b' ', b' ', b' ', b' ', b'b', ..] => true,
            // The ends of blocks, and constants' bytes.
            _ => false,
        };
        if !is_read {
            // Where something is declared may be the only place that tells which macro call it is of.
            let place = line.rfind(" at ").filter(|at| line[..*at].contains("scope "));
            if let Some(at) = place.filter(|at| declared.insert(&line[*at..])) {
                out.push_str("\n    let // scope _");
                out.push_str(&line[at..]);
            }
            continue;
        }
        out.push('\n');
        // `CODE;    // bb3[1]: scope 2 at …`: who reads this knows in which block it is.
        match mir::split_comment(line) {
            Some(parts) if in_blocks => {
                if !order.statement(&parts) {
                    return text.to_owned();
                }
                out.push_str(line[..parts.end].trim_end());
                out.push_str(" // bb]: ");
                out.push_str(parts.comment);
            }
            _ => out.push_str(line),
        }
    }
    if code.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// The locals, `_5`, that are dropped as a whole, or of which a box's content is.
fn dropped_locals(code: &str) -> HashSet<&str> {
    let found = memchr::memmem::find_iter(code.as_bytes(), b"        drop(");
    let locals = found.filter_map(|at| {
        let local = code[at + "        drop(".len()..].trim_start_matches(['(', '*']);
        local.find(')').map(|end| &local[..end])
    });
    locals.collect()
}

/// `_5` of `let mut _5: T;`.
pub(in crate::dump) fn local_declared(line: &str) -> Option<&str> {
    let rest = line.trim_ascii_start().strip_prefix("let ")?;
    let rest = rest.strip_prefix("mut ").unwrap_or(rest);
    rest.split_once(": ").map(|(local, _)| local)
}

/// What is kept as it is, and what comes behind it. `None` if the text is of no known form.
fn split(text: &str) -> Option<(&str, &str)> {
    if let Some(at) = memchr::memmem::find(text.as_bytes(), comment::END.as_bytes()) {
        return Some(text.split_at(at + comment::END.len()));
    }
    let (_, _, code) = block::split(&text[text.find("\nfn ")?..])?;
    Some(text.split_at(text.len() - code.len()))
}

/// The distinct source ranges of all statements of a dumped body, in order of first mention.
///
/// Slower than [`CoroutineBody::parse`](super::CoroutineBody::parse); needed only to find out which macro call made a body whose own
/// span points into the macro's definition.
pub fn statement_spans(text: &str) -> Vec<SpanRef<'_>> {
    let mut seen = HashSet::new();
    // What is stored is declared in the layout, in whatever form that is, and nowhere else.
    let code = split(text).map_or(text, |(_, code)| code);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("coroutine debug "));
    let spans = lines.filter_map(|line| {
        let at = line.rfind(" at ")?;
        line[..at].contains("scope ").then(|| SpanRef::parse(&line[at + 4..])).flatten()
    });
    spans.filter(|span| seen.insert(*span)).collect()
}

/// Where a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementPlace<'a> {
    /// Its block.
    pub block: u32,
    /// Its source scope.
    pub scope: u32,
    /// In the source.
    pub span: SpanRef<'a>,
}

/// The places of all statements of a dumped body in their order; those that run only while unwinding left out.
pub fn statement_places(text: &str) -> Vec<StatementPlace<'_>> {
    let mut block = None;
    let mut places = Vec::new();
    for line in split(text).map_or(text, |(_, code)| code).lines() {
        if line.starts_with("    bb") {
            block = mir::block_line(line).filter(|(_, cleanup)| !cleanup).map(|(number, _)| number);
        } else if let Some(block) = block
            && let [b' ', b' ', b' ', b' ', b' ', b' ', b' ', b' ', first, ..] = line.as_bytes()
            && *first != b' '
            && let Some((before, span)) = line.rsplit_once(" at ")
            && let Some((_, scope)) = before.rsplit_once("scope ")
            && let (Ok(scope), Some(span)) = (scope.parse(), SpanRef::parse(span))
        {
            places.push(StatementPlace { block, scope, span });
        }
    }
    places
}
