//! Hover: what a future is made of, on the fn's name or `async`; what is held, on an `.await`.

use super::breakdown::{self, Context};
use super::sites::{MeasuredSite, sites};
use super::snapshot::{FileView, Placed, Snapshot};
use crate::dump::Span;
use crate::layout::{Future, State};
use crate::render::{Page, PictureOptions};
use crate::source::{Outline, TextRange, TextSize};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

/// A hover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// What it is about, in the current text.
    pub range: TextRange,
    /// Markdown or plain text, as asked for.
    pub text: String,
}

/// How the editor wants it.
pub struct HoverSettings<'a> {
    /// Bytes of a cache line; none where cache lines are not shown.
    pub cache_line: Option<NonZeroU64>,
    /// Whether it can show markdown.
    pub markdown: bool,
    /// What a link to a line of a file leads to.
    pub link: &'a dyn Fn(&Path, u32) -> Option<String>,
}

/// What there is to say about the place `at` in the current text of a file; nothing for most places.
pub fn hover(
    snapshot: &Snapshot,
    views: &[FileView],
    text: &Outline,
    at: TextSize,
    settings: &HoverSettings<'_>,
) -> Option<Hover> {
    let sites = sites(views, text);
    // Innermost first: an await in a block is the block's, even if the block is in a fn.
    let mut around: Vec<&MeasuredSite<'_>> =
        sites.iter().filter(|site| site.site().range.contains_inclusive(at)).collect();
    around.sort_by_key(|site| site.site().range.len());
    for site in around {
        let mut page = if settings.markdown { Page::markdown() } else { Page::plain() };
        let place = |span: &Span| place(site, snapshot, span);
        let link = |placed: &Placed| {
            let location = placed.location.as_ref()?;
            (settings.link)(&location.file, location.at.line)
        };
        let context = Context {
            snapshot,
            cache_line: settings.cache_line,
            place: &place,
            link: &link,
            picture: PictureOptions { cache_line: settings.cache_line, ..PictureOptions::default() },
            full_types: false,
        };
        if let Some((future, state, range)) = await_at(site, at) {
            breakdown::one_await(&mut page, future, state, site.standing.caveat(), true, &context);
            return Some(Hover { range, text: page.finish() });
        }
        let named = site.site().name.filter(|name| name.contains_inclusive(at));
        let token = Some(site.site().token).filter(|token| token.contains_inclusive(at));
        let Some(range) = named.or(token) else { continue };
        let futures: Vec<&Arc<Future>> = site.outermost().collect();
        if futures.is_empty() {
            match site.found.unread {
                true => page.paragraph(&super::hints::unread(snapshot)),
                false => {
                    page.paragraph(
                        "Generic, and this build makes no instance of it: there is no size to show.",
                    );
                }
            }
        }
        breakdown::future(&mut page, &futures, site.standing.caveat(), &context);
        return Some(Hover { range, text: page.finish() });
    }
    None
}

/// The state that waits at the `await` at this place, in the largest future that has one there.
fn await_at<'a>(site: &MeasuredSite<'a>, at: TextSize) -> Option<(&'a Future, &'a State, TextRange)> {
    site.found.futures.iter().find_map(|future| {
        let suspended = future.states.iter().filter(|state| state.is_suspended());
        suspended
            .filter_map(|state| Some((&**future, state, site.awaits_at(state)?)))
            .find(|(_, _, range)| range.contains_inclusive(at))
    })
}

/// `line 12` in this file's current text, `src/other.rs:12` in another of the workspace.
fn place(site: &MeasuredSite<'_>, snapshot: &Snapshot, span: &Span) -> Option<String> {
    if let Some(line) = site.line(span) {
        return Some(format!("line {line}"));
    }
    if site.is_in_file(span) {
        // Its text has changed since.
        return None;
    }
    let file = Path::new(&*span.file);
    let relative = file.strip_prefix(&snapshot.root).unwrap_or(file);
    relative.is_relative().then(|| format!("{}:{}", relative.display(), span.start.line))
}
