//! Everything about one future, as one text: what `futurelens explain` prints.

use super::breakdown::{self, Context};
use super::current_text::CurrentTexts;
use super::report::relative;
use super::snapshot::{Placed, Snapshot};
use super::stored;
use crate::dump::{Span, absolute};
use crate::layout::Future;
use crate::render::size::exact;
use crate::render::{Page, PictureOptions, TreeOptions, tree};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// How it is written.
#[derive(Debug, Clone, Default)]
pub struct ExplainSettings {
    /// How the picture is drawn, and the tree as wide. Its cache line counts for the text too.
    pub picture: PictureOptions,
    /// Types in full.
    pub full_types: bool,
    /// Draw the tree of the futures stored in it, this many levels deep.
    pub depth: Option<usize>,
}

/// Explains the first of the `instances`, which are sorted by size.
pub fn explain(current: &CurrentTexts<'_>, instances: &[&Placed], settings: &ExplainSettings) -> String {
    let Some(&first) = instances.first() else { return String::new() };
    let snapshot = current.snapshot;
    let place = |span: &Span| place(current, first, span);
    let context = Context {
        snapshot,
        cache_line: settings.picture.cache_line,
        place: &place,
        link: &|_| None,
        picture: settings.picture.clone(),
        full_types: settings.full_types,
    };
    let mut page = Page::plain();
    if let Some(home) = current.home(first) {
        let line = home.text.line_col(home.site.token.start()).line;
        let place = page.place(&format!("{}:{line}", relative(&snapshot.root, &home.file)));
        page.paragraph(&place);
    }
    let futures: Vec<&Arc<Future>> = instances.iter().map(|placed| &placed.future).collect();
    breakdown::future(&mut page, &futures, current.standing(first).caveat(), &context);
    for state in first.future.states.iter().filter(|state| state.is_suspended()) {
        breakdown::one_await(&mut page, &first.future, state, None, false, &context);
    }
    inside(&mut page, snapshot, first, &place);
    if let Some(depth) = settings.depth {
        let PictureOptions { width, color, ascii, .. } = settings.picture;
        page.paragraph("Futures stored in it:");
        let options = TreeOptions { width, depth, color, ascii };
        page.picture(&tree(&stored::tree(snapshot, first, depth), &options));
    }
    page.finish()
}

/// The blocks and closures in a body, largest first: they have names of the compiler's, which nobody would guess.
fn inside(page: &mut Page, snapshot: &Snapshot, outer: &Placed, place: &dyn Fn(&Span) -> Option<String>) {
    let Some(body) = &outer.future.body else { return };
    let mut seen = HashSet::new();
    let inside = snapshot.futures(false).filter(|placed| {
        let other = placed.future.body.as_ref();
        other.is_some_and(|other| {
            other.origin == body.origin && other.is_inside(body) && seen.insert(&other.def_path)
        })
    });
    let inside: Vec<&Placed> = inside.collect();
    if inside.is_empty() {
        return;
    }
    page.list("Futures in it, which have a future of their own:");
    for placed in inside {
        let future = &placed.future;
        let span = future.body.as_ref().and_then(|body| body.span.as_ref());
        let place = span.and_then(place).map(|place| format!(", {}", page.place(&place))).unwrap_or_default();
        page.point(&format!(
            "{} B {} {}{place}",
            exact(future.size),
            future.kind.name(),
            page.code(&future.name)
        ));
    }
}

/// `line 12` in the future's own file, `src/other.rs:12` in another of the workspace.
pub fn place(current: &CurrentTexts<'_>, placed: &Placed, span: &Span) -> Option<String> {
    let own = placed.future.body.as_ref().and_then(|body| body.span.as_ref()).map(|span| &span.file);
    let line = current.line(placed, span)?;
    if Some(&span.file) == own {
        return Some(format!("line {line}"));
    }
    let file = relative(&current.snapshot.root, &absolute(&placed.dir, &span.file));
    (!Path::new(&file).is_absolute()).then(|| format!("{file}:{line}"))
}
