//! Inlay hint: what a future costs, beside the text that makes it.
//!
//! ```text
//! async fn plain() -> u8 {            async fn plain() -> u8 «260 B · 5 cache lines» {
//! async fn generic<T>(x: T) {         async fn generic<T>(x: T) «64–1232 B · 1–20 cache lines (7 instances)» {
//! async fn unused<T>(x: T) {          async fn unused<T>(x: T) «generic» {
//! async move { … }                    async move «40 B · 1 cache line» { … }
//! ```

use super::bytes;
use super::snapshot::FileView;
use crate::dump::Span;
use crate::layout::{Future, HeldKind};
use crate::source::{self, Outline, TextSize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the user can set about hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintSettings {
    /// Futures smaller than this (bytes, largest instance) get no hint.
    pub min_bytes: u64,
    /// Bytes of a cache line.
    pub cache_line: u64,
}

impl Default for HintSettings {
    fn default() -> Self {
        HintSettings { min_bytes: 0, cache_line: 64 }
    }
}

/// A hint at a place in today's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Where it is shown, bytes into the text.
    pub at: TextSize,
    /// What is shown.
    pub label: String,
    /// The number was measured on another text than this.
    pub stale: bool,
    /// The futures it stands for, largest first.
    pub futures: Vec<Arc<Future>>,
    /// How many lines the text moved down (or up) since it was measured.
    pub moved: i64,
}

/// The hints of a file. `views` are the futures measured in it, `text` is what the editor shows now.
pub fn hints(views: &[FileView], text: &Outline, settings: &HintSettings) -> Vec<Hint> {
    /// What all views say about one site of today's text.
    struct Found<'a> {
        stale: bool,
        generic: bool,
        moved: i64,
        futures: Vec<&'a Arc<Future>>,
    }
    let mut found: BTreeMap<usize, Found<'_>> = BTreeMap::new();
    for view in views {
        let now = source::relocate(&view.outline, text);
        for (&site, measured) in &view.sites {
            let Some(Some(place)) = now.get(site) else { continue };
            let (Some(then), Some(today)) = (view.outline.sites().get(site), text.sites().get(place.site))
            else {
                continue;
            };
            let line = |outline: &Outline, at| i64::from(outline.line_col(at).line);
            let stale = place.changed || view.stale;
            let new = Found {
                stale,
                generic: !measured.bodies.is_empty(),
                moved: line(text, today.token.start()) - line(&view.outline, then.token.start()),
                futures: outermost(measured),
            };
            match found.get_mut(&place.site) {
                // Of two measurements the one on today's text holds.
                Some(old) if old.stale == stale => old.futures.extend(new.futures),
                Some(old) if old.stale => *old = new,
                Some(_) => {}
                None => {
                    found.insert(place.site, new);
                }
            }
        }
    }
    let hint = |(site, found): (usize, Found<'_>)| {
        let at = text.sites()[site].hint;
        let mut futures: Vec<Arc<Future>> = found.futures.into_iter().cloned().collect();
        futures.sort_by_key(|future| std::cmp::Reverse(future.size));
        let mut label = match label(&futures, settings) {
            Some(label) => label,
            None if found.generic => "generic".to_owned(),
            None => return None,
        };
        if futures.first().is_some_and(|largest| largest.size < settings.min_bytes) {
            return None;
        }
        if found.stale {
            label.push_str(" · stale");
        }
        Some(Hint { at, label, stale: found.stale, futures, moved: found.moved })
    };
    found.into_iter().filter_map(hint).collect()
}

/// Of the bodies at one place, the futures of those nobody else there holds: `#[instrument]` puts a block
/// into the fn's own future, and the fn's is the one the caller pays for.
fn outermost(site: &super::snapshot::SiteView) -> Vec<&Arc<Future>> {
    let inner = |path: &str| {
        site.bodies
            .iter()
            .any(|outer| path.strip_prefix(&*outer.def_path).is_some_and(|rest| rest.starts_with("::")))
    };
    let outer = |future: &&Arc<Future>| !future.body.as_ref().is_some_and(|body| inner(&body.def_path));
    site.futures.iter().filter(outer).collect()
}

/// `260 B · 5 cache lines`; with the range and number of instances if the future is generic.
fn label(futures: &[Arc<Future>], settings: &HintSettings) -> Option<String> {
    let sizes = || futures.iter().map(|future| future.size);
    let (least, most) = (sizes().min()?, sizes().max()?);
    let lines = |size: u64| size.div_ceil(settings.cache_line.max(1));
    let mut label =
        format!("{} · {}", bytes::range(least, most), bytes::cache_lines(lines(least), lines(most)));
    let is_generic = futures.iter().any(|future| !future.arguments.is_empty());
    if is_generic {
        let n = futures.len();
        label.push_str(&format!(" ({n} instance{})", if n == 1 { "" } else { "s" }));
    } else if futures.len() > 1 {
        label.push_str(&format!(" ({} futures)", futures.len()));
    }
    Some(label)
}

/// The thing held that takes most, and where it is declared.
pub fn largest_held(future: &Future) -> Option<&crate::layout::Held> {
    let held = future.states.iter().flat_map(|state| &state.held);
    held.max_by_key(|held| held.size)
}

/// The breakdown behind a hint, as markdown that also reads as plain text.
pub fn tooltip(hint: &Hint, compiler: &str, profile: &str, cache_line: u64) -> String {
    let mut out = String::new();
    let Some(largest) = hint.futures.first() else {
        return "Generic, and no instance of it is made in this build.".to_owned();
    };
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "`{}`: {} bytes, aligned to {}, {} of {cache_line} bytes",
        code(&largest.name),
        bytes::exact(largest.size),
        largest.align,
        bytes::cache_lines(largest.cache_lines(cache_line), largest.cache_lines(cache_line)),
    ));
    for (parameter, ty) in &largest.arguments {
        line(format!("- largest with `{} = {}`", code(parameter), code(ty)));
    }
    line(String::new());
    for (size, name, what, at) in largest_things(largest, 5) {
        let at = at.map(|span| format!(", line {}", i64::from(span.start.line) + hint.moved));
        line(format!("- {} B {what} `{}`{}", bytes::exact(size), code(name), at.unwrap_or_default()));
    }
    line(String::new());
    if hint.stale {
        line("Stale: measured before the last change; save to measure again.".to_owned());
    }
    line(format!("{profile} · {compiler}"));
    out
}

/// Source text in a code span: a backtick would end it.
fn code(text: &str) -> String {
    text.replace('`', "'").replace('\n', " ")
}

type Thing<'a> = (u64, &'a str, &'static str, Option<&'a Span>);

/// The `n` largest different things held in any state.
fn largest_things(future: &Future, n: usize) -> Vec<Thing<'_>> {
    let mut things: Vec<Thing<'_>> = Vec::new();
    for held in future.states.iter().flat_map(|state| &state.held) {
        let what = match held.kind {
            HeldKind::Local => "local",
            HeldKind::Upvar => "captured",
            HeldKind::Awaitee => "awaited",
            HeldKind::Flag => "drop flag",
            HeldKind::Temporary => "temporary",
        };
        let name = match (held.kind, &held.ty) {
            (HeldKind::Awaitee | HeldKind::Temporary, Some(ty)) => ty,
            _ => &held.name,
        };
        let thing = (held.size, &**name, what, held.declared.as_ref());
        if !things.contains(&thing) {
            things.push(thing);
        }
    }
    things.sort_by_key(|thing| std::cmp::Reverse(thing.0));
    things.truncate(n);
    things
}
