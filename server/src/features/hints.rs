//! Inlay hint: what a future costs, beside the text that makes it.
//!
//! ```text
//! async fn plain() -> u8 {            async fn plain() -> u8 «260 B · 5 cache lines» {
//! async fn generic<T>(x: T) {         async fn generic<T>(x: T) «64–1232 B · 1–20 cache lines (7 instances)» {
//! async fn unused<T>(x: T) {          async fn unused<T>(x: T) «generic» {
//! async move { … }                    async move «40 B · 1 cache line» { … }
//! ```

use super::drift::Missing;
use super::sites::{MeasuredSite, sites};
use super::snapshot::{FileView, Snapshot};
use crate::layout::{Branch, Future, Held, HeldKind, State};
use crate::render::Page;
use crate::render::size;
use crate::source::{Outline, TextRange, TextSize};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;

/// What the user can set about hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HintSettings {
    /// Futures smaller than this (bytes, largest instance) get no hint.
    pub min_bytes: u64,
    /// Bytes of a cache line; none where cache lines are not shown.
    pub cache_line: Option<NonZeroU64>,
    /// Which awaits get one.
    pub awaits: Awaits,
}

/// Which `.await`s get a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Awaits {
    /// Those whose awaitee is at least half of the future (in whole percent), and at least as large as [`LARGE_AWAITEE`].
    #[default]
    Large,
    /// Every one.
    All,
    /// None.
    Off,
}

/// Bytes: an awaitee below this is not worth a word, whatever its share. Four cache lines.
pub const LARGE_AWAITEE: u64 = 256;

impl Default for HintSettings {
    fn default() -> Self {
        HintSettings { min_bytes: 0, cache_line: NonZeroU64::new(64), awaits: Awaits::default() }
    }
}

/// A hint at a place in the current text.
pub struct Hint<'a> {
    /// Where it is shown, bytes into the text.
    pub at: TextSize,
    /// What is shown.
    pub label: String,
    /// The measured site it belongs to.
    pub site: Rc<MeasuredSite<'a>>,
    /// The awaited thing held, for a hint beside an `.await`.
    pub awaitee: Option<&'a Held>,
    /// The future that holds it.
    pub holder: Option<&'a Future>,
    /// The future polled, for a hint beside an arm of `select!` or an argument of `join!`.
    pub branch: Option<&'a Branch>,
}

/// The hints of a file by position. `views` are the futures measured in it, `text` is what the editor
/// shows now.
pub fn hints<'a>(views: &'a [FileView], text: &'a Outline, settings: &HintSettings) -> Vec<Hint<'a>> {
    let all = sites(views, text).into_iter().flat_map(|site| hints_of(site, settings));
    let mut hints: Vec<Hint<'a>> = all.collect();
    hints.sort_by_key(|hint| hint.at);
    hints
}

/// The first one of [`hints`] at a place: only those of the sites around it are made.
pub fn hint_at<'a>(
    views: &'a [FileView],
    text: &'a Outline,
    at: TextSize,
    settings: &HintSettings,
) -> Option<Hint<'a>> {
    let around = sites(views, text).into_iter().filter(|site| {
        let site = site.site();
        site.hint == at || site.range.contains_inclusive(at)
    });
    around.flat_map(|site| hints_of(site, settings)).find(|hint| hint.at == at)
}

/// The hints of a site: its own, then those of its awaits.
fn hints_of<'a>(site: MeasuredSite<'a>, settings: &HintSettings) -> Vec<Hint<'a>> {
    let site = Rc::new(site);
    let label = site_label(&site, settings).map(|label| with_mark(label, &site));
    let own = label.map(|label| {
        let (at, site) = (site.site().hint, site.clone());
        Hint { at, label, site, awaitee: None, holder: None, branch: None }
    });
    own.into_iter().chain(await_hints(&site, settings)).collect()
}

/// The hint of a site that has a size.
pub(super) fn size_label(site: &MeasuredSite<'_>, settings: &HintSettings) -> Option<String> {
    site.outermost().next()?;
    site_label(site, settings).map(|label| with_mark(label, site))
}

fn with_mark(label: String, site: &MeasuredSite<'_>) -> String {
    match site.standing.mark() {
        Some(mark) => format!("{label} · {mark}"),
        None => label,
    }
}

/// What is shown where a size could not be read.
pub(super) const UNREAD: &str = "size not read";

/// `260 B · 5 cache lines`, or `generic`; nothing for what is below the limit.
fn site_label(site: &MeasuredSite<'_>, settings: &HintSettings) -> Option<String> {
    let futures: Vec<&Arc<Future>> = site.outermost().collect();
    let Some(largest) = futures.first() else {
        let what = if site.found.unread { UNREAD } else { "generic" };
        return (!site.found.bodies.is_empty()).then(|| what.to_owned());
    };
    (largest.size >= settings.min_bytes).then(|| label(&futures, settings.cache_line))
}

/// `260 B · 5 cache lines`; with the range and number of instances if the future is generic.
pub fn label(futures: &[&Arc<Future>], cache_line: Option<NonZeroU64>) -> String {
    let sizes = || futures.iter().map(|future| future.size);
    let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
    let lines = cache_line.map(|line| (least.div_ceil(line.get()), most.div_ceil(line.get())));
    let mut label = format!("{}{}", size::range(least, most), size::and_cache_lines(lines));
    let n = futures.len();
    if futures.iter().any(|future| !future.arguments.is_empty()) {
        label.push_str(&format!(" ({n} instance{})", if n == 1 { "" } else { "s" }));
    } else if n > 1 {
        label.push_str(&format!(" ({n} futures)"));
    }
    label
}

/// `4.0 KiB held` beside the `.await`s of a site's largest instance.
///
/// ```text
/// large().await;            large().await «4.0 KiB held»;
/// ```
fn await_hints<'a>(site: &Rc<MeasuredSite<'a>>, settings: &HintSettings) -> Vec<Hint<'a>> {
    if settings.awaits == Awaits::Off {
        return Vec::new();
    }
    let mut hints: Vec<Hint<'a>> = Vec::new();
    // A macro's inner futures have awaits of their own in the same text: look at all of them.
    for future in &site.found.futures {
        for state in &future.states {
            let mut beside = |range: TextRange, size: u64, awaitee, branch| {
                let large = is_large(size, future.size, settings);
                let known = hints.iter().any(|hint| hint.at == range.end());
                if !known && (large || settings.awaits == Awaits::All) {
                    let label = with_mark(format!("{} held", size::short(size)), site);
                    let (at, site, holder) = (range.end(), site.clone(), Some(&**future));
                    hints.push(Hint { at, label, site, awaitee, holder, branch });
                }
            };
            for branch in state.held.iter().flat_map(|held| &held.branches) {
                let range = branch.at.as_ref().and_then(|at| site.range(at));
                if let (Some(range), Some(size)) = (range, branch.size) {
                    beside(range, size, None, Some(branch));
                }
            }
            if let Some((held, range)) = awaitee(site, state) {
                beside(range, held.size, Some(held), None);
            }
        }
    }
    hints
}

/// Whether an awaitee dominates its future: it is at least half of it, by the share that is printed.
fn is_large(awaitee: u64, future: u64, settings: &HintSettings) -> bool {
    size::percent(awaitee, future) >= 50 && awaitee >= settings.min_bytes.max(LARGE_AWAITEE)
}

/// What a state awaits, and where its `await` is in the current text.
pub fn awaitee<'a>(site: &MeasuredSite<'a>, state: &'a State) -> Option<(&'a Held, TextRange)> {
    let held = state.held.iter().find(|held| held.kind == HeldKind::Awaitee)?;
    Some((held, site.awaits_at(state)?))
}

/// Where a click on a hint leads: the declaration of the largest thing held.
pub fn target(hint: &Hint<'_>) -> Option<TextRange> {
    match (hint.awaitee, hint.branch) {
        (Some(held), _) => hint.site.range(held.declared.as_ref()?),
        (None, Some(branch)) => hint.site.range(branch.at.as_ref()?),
        (None, None) => {
            let future = hint.site.outermost().next()?;
            let mut held: Vec<&Held> = future.states.iter().flat_map(|state| &state.held).collect();
            held.sort_by_key(|held| std::cmp::Reverse(held.size));
            hint.site.range(held.first()?.declared.as_ref()?)
        }
    }
}

/// The breakdown behind a hint, as markdown that also reads as plain text.
pub fn tooltip(hint: &Hint<'_>, snapshot: &Snapshot, cache_line: Option<NonZeroU64>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let page = Page::markdown();
    let Some(largest) = hint.site.outermost().next() else {
        return match hint.site.found.unread {
            true => unread(snapshot),
            false => "Generic, and this build makes no instance of it.".to_owned(),
        };
    };
    if let Some(held) = hint.awaitee {
        let ty = held.ty.as_deref().unwrap_or_default();
        lines.push(page.code(ty));
        lines.push(format!(
            "is stored in the future while it is awaited: {} of {}.",
            size::exact(held.size),
            size::in_full(hint.holder.map_or(largest.size, |holder| holder.size))
        ));
        return lines.join("\n\n");
    }
    if let Some(branch) = hint.branch {
        lines.push(page.code(&branch.ty));
        lines.push(format!(
            "is stored in the future while it is polled here: {} of {}.",
            size::exact(branch.size.unwrap_or_default()),
            size::in_full(hint.holder.map_or(largest.size, |holder| holder.size))
        ));
        return lines.join("\n\n");
    }
    let cache_lines = cache_line.map(|line| {
        let lines = largest.cache_lines(line);
        format!(", {} of {line} bytes", size::cache_lines(lines, lines))
    });
    lines.push(format!(
        "{}: {}, aligned to {}{}",
        page.code(&largest.name),
        size::in_full(largest.size),
        largest.align,
        cache_lines.unwrap_or_default(),
    ));
    let arguments = largest.arguments.iter();
    lines.extend(
        arguments.map(|(name, ty)| format!("- largest with {}", page.code(&format!("{name} = {ty}")))),
    );
    lines.push(String::new());
    for held in largest_things(largest, 5) {
        let line = held.declared.as_ref().and_then(|span| hint.site.line(span));
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        let (size, what) = (size::exact(held.size), what(held));
        lines.push(format!("- {size} B {what} {}{line}", page.code(called(held))));
    }
    lines.push(String::new());
    if let Some(note) = Missing::note(largest, &snapshot.compiler) {
        lines.push(format!("{note}\n"));
    }
    if let Some(caveat) = hint.site.standing.caveat() {
        lines.push(format!("{caveat}\n"));
    }
    lines.push(format!("{} · {}", snapshot.profile, snapshot.compiler));
    lines.join("\n")
}

/// Why there is no size.
pub(super) fn unread(snapshot: &Snapshot) -> String {
    format!(
        "{} prints the size in a way that this version of futurelens does not read. {}",
        snapshot.compiler,
        super::drift::WHAT_TO_DO
    )
}

/// What a thing held is, in a word.
fn what(held: &Held) -> &'static str {
    match held.kind {
        HeldKind::Local if held.is_made_of_branches() => "polled together",
        HeldKind::Local => "local",
        HeldKind::Upvar => "captured",
        HeldKind::Awaitee => "awaited",
        HeldKind::Flag => "drop flag",
        HeldKind::Temporary => "temporary",
    }
}

/// What to call it: its name, or its type if it has none of the user's.
pub fn called(held: &Held) -> &str {
    match (held.kind, &held.ty) {
        (HeldKind::Awaitee | HeldKind::Temporary, Some(ty)) => ty,
        (HeldKind::Local, Some(ty)) if held.is_made_of_branches() => ty,
        _ => &held.name,
    }
}

/// The `n` largest different things held in any state.
pub fn largest_things(future: &Future, n: usize) -> Vec<&Held> {
    let mut things: Vec<&Held> = Vec::new();
    for held in future.states.iter().flat_map(|state| &state.held) {
        let same = |other: &&Held| {
            (other.kind, other.size, &other.declared) == (held.kind, held.size, &held.declared)
                && called(other) == called(held)
        };
        if held.size > 0 && !things.iter().any(same) {
            things.push(held);
        }
    }
    things.sort_by_key(|held| std::cmp::Reverse(held.size));
    things.truncate(n);
    things
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_what_is_printed_as_half() {
        let settings = HintSettings { min_bytes: 300, ..HintSettings::default() };
        // 50 %, 49.99 %, 49.49 %, too small, below what is asked for.
        let sizes = [(500, 1000), (4999, 10_000), (4949, 10_000), (255, 255), (299, 300)];
        assert_eq!(
            sizes.map(|(part, whole)| is_large(part, whole, &settings)),
            [true, true, false, false, false]
        );
    }

    #[test]
    fn a_label_without_cache_lines_is_bytes_alone() {
        assert_eq!(label(&[], None), "0 B");
        assert_eq!(label(&[], NonZeroU64::new(64)), "0 B · 0 cache lines");
    }
}
