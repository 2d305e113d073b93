//! What makes up a future, in words: for the hover and for `explain`.

use super::drift::Missing;
use super::language::Heap;
use super::snapshot::{Placed, Snapshot};
use crate::dump::Span;
use crate::dump::type_sizes::AWAITEE;
use crate::layout::whatif::{Change, Prediction, predict};
use crate::layout::{
    Bytes, Copy, Future, FutureKind, Held, HeldKind, Largest, State, Usage, Why, is_poll_fn, needs,
};
use crate::render::size::{cache_lines, exact, in_full, percent};
use crate::render::{Page, PictureOptions, picture, short_type};
use std::num::NonZeroU64;
use std::sync::Arc;

/// Columns for a type in running text.
const TYPE_WIDTH: usize = 60;

/// How many of the largest things are listed.
const LARGEST: usize = 5;

/// How many instances, awaits or things held are listed before the rest is counted.
const MANY: usize = 40;

/// What the words need to know besides the future.
pub struct Context<'a> {
    /// Everything measured.
    pub snapshot: &'a Snapshot,
    /// Bytes of a cache line; none where cache lines are not shown.
    pub cache_line: Option<NonZeroU64>,
    /// `line 12` of the current text, or `src/other.rs:12`; nothing for what is in no text of the user's.
    pub place: &'a dyn Fn(&Span) -> Option<String>,
    /// What a link to a future's definition leads to, where links work.
    pub link: &'a dyn Fn(&Placed) -> Option<String>,
    /// How the picture is drawn.
    pub picture: PictureOptions,
    /// Types in full.
    pub full_types: bool,
}

impl Context<'_> {
    fn ty(&self, ty: &str) -> String {
        if self.full_types { ty.to_owned() } else { short_type(ty, TYPE_WIDTH) }
    }

    /// Where that is, as it stands on a page.
    fn place(&self, page: &Page, span: &Span) -> Option<String> {
        (self.place)(span).map(|place| page.place(&place))
    }

    fn at(&self, page: &Page, span: &Option<Span>) -> String {
        let place = span.as_ref().and_then(|span| self.place(page, span));
        place.map(|place| format!(", {place}")).unwrap_or_default()
    }
}

/// Everything about one future: its instances if it is generic, then the largest of them in detail.
/// `futures` are the instances, largest first.
pub fn future(page: &mut Page, futures: &[&Arc<Future>], caveat: Option<&str>, context: &Context<'_>) {
    let Some(largest) = futures.first() else { return };
    let lines = context.cache_line.map(|line| largest.cache_lines(line));
    let lines = lines.map(|lines| format!(", {}", cache_lines(lines, lines))).unwrap_or_default();
    page.paragraph(&format!(
        "{} {}: {}{lines}, aligned to {}",
        largest.kind.name(),
        page.code(&largest.name),
        page.bold(&in_full(largest.size)),
        largest.align,
    ));
    if let Some(caveat) = caveat {
        page.paragraph(caveat);
    }
    instances(page, futures);
    if let Some(note) = Missing::note(largest, &context.snapshot.compiler) {
        page.paragraph(&note);
    }
    if !largest.states.is_empty() {
        awaits(page, largest, context);
        largest_held(page, largest, context);
        waste(page, largest, context);
        page.picture(&picture(largest, &context.picture));
    }
    page.paragraph(&format!("{} · {}", context.snapshot.profile, context.snapshot.compiler));
}

/// `T = u8` of each instance, largest first.
fn instances(page: &mut Page, futures: &[&Arc<Future>]) {
    let generic = futures.iter().any(|future| !future.arguments.is_empty());
    if futures.len() < 2 && !generic {
        return;
    }
    let what = if generic { "instance" } else { "future" };
    let plural = if futures.len() == 1 { "" } else { "s" };
    page.list(&format!("{} {what}{plural}, largest first; what follows is about the first:", futures.len()));
    for future in futures.iter().take(MANY) {
        let arguments: Vec<String> = future
            .arguments
            .iter()
            .map(|(name, ty)| page.code(&format!("{name} = {}", short_type(ty, TYPE_WIDTH))))
            .collect();
        let which = if generic { arguments.join(", ") } else { page.code(&future.name) };
        page.point(&format!("{} B {which}", exact(future.size)));
    }
    more(page, futures.len());
}

fn more(page: &mut Page, of: usize) {
    if of > MANY {
        page.point(&format!("and {} more", of - MANY));
    }
}

/// Where it waits, for what, and how much it holds then; and what of its bytes is there for nothing of that.
fn awaits(page: &mut Page, future: &Future, context: &Context<'_>) {
    let usage = Usage::of(future);
    let states: Vec<&State> = future.states.iter().filter(|state| state.is_suspended()).collect();
    let mut is_free = false;
    if !states.is_empty() {
        page.list(match states.len() {
            1 => "It can wait at one place:",
            _ => "Where it can wait:",
        });
    }
    for state in states.iter().take(MANY) {
        let what = match awaitee(state) {
            Some(held) if !held.branches.is_empty() => {
                let count = held.branches.len();
                match count {
                    1 => " for a future that it polls".to_owned(),
                    _ => format!(" for {count} futures that it polls together"),
                }
            }
            Some(held) => format!(" for {}", awaited(page, held, context)),
            None => String::new(),
        };
        let Bytes { held, free, .. } = usage.in_state(state);
        let free = match free {
            0 => String::new(),
            free => format!(", {} B free", exact(free)),
        };
        is_free |= !free.is_empty();
        let place = waiting(page, future, state, context);
        page.point(&format!("{place}{what}: {} B held{free}", exact(held)));
    }
    more(page, states.len());
    let mut rest = Vec::new();
    if future.discriminant > 0 {
        rest.push(format!("Tag: {} B.", exact(future.discriminant)));
    }
    if usage.padding() > 0 {
        rest.push(format!("Padding: {} B that no state uses.", exact(usage.padding())));
    }
    if is_free {
        rest.push("Free: what only other states use.".to_owned());
    }
    if !rest.is_empty() {
        page.paragraph(&rest.join(" "));
    }
    decides(page, future, context);
    for state in states.iter().take(MANY) {
        branches(page, state, context);
    }
}

/// Where a state waits, in a list.
fn waiting(page: &Page, future: &Future, state: &State, context: &Context<'_>) -> String {
    place_of(page, state, context).unwrap_or_else(|| match future.body {
        Some(_) => "in a macro".to_owned(),
        // Of a crate outside the workspace nothing is known but what it is made of.
        None => format!("in crate {}", page.code(&future.krate)),
    })
}

/// Where a state waits. `select!` and `join!` wait in a file of their own; what they wait for stands here.
fn place_of(page: &Page, state: &State, context: &Context<'_>) -> Option<String> {
    let place = state.awaiting.as_ref().and_then(|span| context.place(page, span));
    let branches = awaitee(state).into_iter().flat_map(|held| &held.branches);
    place.or_else(|| branches.filter_map(|branch| context.place(page, branch.at.as_ref()?)).next())
}

/// Which of the states that it waits in the size comes from, and how far the next one is.
fn decides(page: &mut Page, future: &Future, context: &Context<'_>) {
    let suspended = future.states.iter().filter(|state| state.is_suspended()).count();
    // Where it waits at one place only, there is nothing to choose from.
    if suspended < 2 {
        return;
    }
    let Some(largest) = Largest::of(future.size, &needs(future)) else { return };
    let name = |page: &Page, state: usize| {
        let state = &future.states[state];
        place_of(page, state, context).unwrap_or_else(|| page.code(&state.name))
    };
    let count = largest.states.len();
    let mut names: Vec<String> =
        largest.states.iter().take(LARGEST).map(|&state| name(page, state)).collect();
    let s = if count == 1 { "s" } else { "" };
    let takes = match largest.others {
        0 => format!("decide{s} the size"),
        others => {
            format!("need{s} {} of {} B", exact(future.size.saturating_sub(others)), exact(future.size))
        }
    };
    let (what, whose) = match names.pop() {
        _ if count == suspended => (format!("All states it waits in {takes}"), "only some of them hold"),
        Some(only) if names.is_empty() => (format!("The largest state ({only}) {takes}"), "it does not hold"),
        last => {
            let last = if count > LARGEST { Some(format!("{} more", count - names.len())) } else { last };
            let names = format!("{} and {}", names.join(", "), last.unwrap_or_default());
            (format!("The {count} largest states ({names}) {takes}"), "only some of them hold")
        }
    };
    let saves = match largest.others {
        0 => "nothing".to_owned(),
        others => format!("{} B at most", exact(others)),
    };
    let next = match largest.next {
        Some(next) => {
            format!("; the next largest ({}) needs {} B less", name(page, next), exact(largest.less))
        }
        None => String::new(),
    };
    page.paragraph(&format!("{what}: shrinking what {whose} saves {saves}{next} (predicted)."));
}

/// ``9,024 B `{async fn body of large()}`, line 28`` for each arm of `select!` or argument of `join!`.
fn branches(page: &mut Page, state: &State, context: &Context<'_>) {
    let Some(held) = awaitee(state).filter(|held| !held.branches.is_empty()) else { return };
    let at = place_of(page, state, context).map(|place| format!(" ({place})")).unwrap_or_default();
    page.list(&format!("Polled together{at}:"));
    for branch in held.branches.iter().take(MANY) {
        let size = branch.size.map(|size| format!("{} B ", exact(size))).unwrap_or_default();
        let ty = named(page, &branch.ty, branch.future.as_deref(), context);
        let lent = if branch.is_lent { ", by reference: it was stored before" } else { "" };
        page.point(&format!("{size}{ty}{}{lent}", context.at(page, &branch.at)));
    }
    more(page, held.branches.len());
}

fn awaitee(state: &State) -> Option<&Held> {
    state.held.iter().find(|held| held.kind == HeldKind::Awaitee)
}

/// The awaited type, leading to the definition of the future in it.
fn awaited(page: &Page, held: &Held, context: &Context<'_>) -> String {
    named(page, held.ty.as_deref().unwrap_or(&held.name), held.future.as_deref(), context)
}

/// A type, leading to the definition of the future in it.
fn named(page: &Page, ty: &str, future: Option<&str>, context: &Context<'_>) -> String {
    let ty = page.code(&context.ty(ty));
    let Some(id) = future else { return ty };
    match context.snapshot.future(id).filter(|placed| placed.location.is_some()) {
        Some(placed) => page.link(&ty, (context.link)(placed).as_deref()),
        None => match context.snapshot.version_of(id) {
            Some(version) => format!("{ty} ({})", page.place(version)),
            None => ty,
        },
    }
}

fn largest_held(page: &mut Page, future: &Future, context: &Context<'_>) {
    let things = super::hints::largest_things(future, LARGEST);
    if things.is_empty() {
        return;
    }
    page.list("Largest things held:");
    for held in things {
        let share = percent(held.size, future.size);
        let line = thing(page, held, future, context);
        page.point(&format!("{} B ({share} %) {line}", exact(held.size)));
    }
}

/// ``local `x`: `Vec<u8>`, line 12``
fn thing(page: &Page, held: &Held, future: &Future, context: &Context<'_>) -> String {
    let ty = held.ty.as_deref().map(|ty| page.code(&context.ty(ty)));
    let what = match held.kind {
        HeldKind::Local if held.is_made_of_branches() => {
            let ty = ty.unwrap_or_default();
            return format!("polled together {ty}{}", context.at(page, &held.declared));
        }
        HeldKind::Local => "local",
        HeldKind::Upvar if future.kind == FutureKind::AsyncFn => "argument",
        HeldKind::Upvar => "captured",
        HeldKind::Awaitee => {
            return format!("awaited {}{}", awaited(page, held, context), context.at(page, &held.declared));
        }
        HeldKind::Flag => "drop flag",
        HeldKind::Temporary => {
            let ty = ty.unwrap_or_else(|| "value".to_owned());
            return format!("temporary {ty}{}", context.at(page, &held.declared));
        }
    };
    let name =
        if held.kind == HeldKind::Flag { String::new() } else { format!(" {}", page.code(&held.name)) };
    let ty = ty.filter(|_| held.kind != HeldKind::Flag).map(|ty| format!(": {ty}")).unwrap_or_default();
    format!("{what}{name}{ty}{}", context.at(page, &held.declared))
}

/// What is stored twice.
fn waste(page: &mut Page, future: &Future, context: &Context<'_>) {
    let twice = stored_twice(future);
    if !twice.is_empty() {
        page.list("Stored twice:");
        for twice in twice.iter().take(MANY) {
            let (name, of) = (page.code(&twice.held.name), page.code(&twice.copy.of));
            let is_whole = twice.copy.path.is_empty();
            let what = match twice.held.kind {
                HeldKind::Awaitee if is_whole => format!("{of} is kept where it was before it is awaited"),
                HeldKind::Awaitee => format!("{of} is kept, and again in what is awaited"),
                _ if !is_whole => format!("{of} is kept, and again in {name}"),
                _ if twice.copy.of == twice.held.name => {
                    format!("{name} is kept as an argument and again as a local")
                }
                _ => format!("{of} is kept, and again as {name}"),
            };
            page.point(&format!(
                "{} B: {what}{}",
                exact(twice.copy.size),
                context.at(page, &twice.held.declared)
            ));
        }
    }
}

/// A value that a state stores in two places.
#[derive(Debug, Clone, PartialEq)]
pub struct Twice<'a> {
    /// The second place: it is the value, or has it in it.
    pub held: &'a Held,
    /// The first: an argument, a capture or a local.
    pub copy: &'a Copy,
}

/// What is stored in two places in one state, whatever moved it there: an argument that is a local too or was handed on
/// to what is awaited, say. Largest first; each once, in however many states it is.
pub fn stored_twice(future: &Future) -> Vec<Twice<'_>> {
    let mut found: Vec<Twice<'_>> = Vec::new();
    for held in future.states.iter().flat_map(|state| &state.held) {
        for copy in &held.copies {
            // Of several first places one is named.
            let known = found.iter().any(|twice| {
                twice.copy.path == copy.path
                    && (twice.held.saved, &twice.held.declared) == (held.saved, &held.declared)
            });
            if !known {
                found.push(Twice { held, copy });
            }
        }
    }
    found.sort_by_key(|twice| std::cmp::Reverse(twice.copy.size));
    found
}

/// Bytes stored twice, in the state that has most of them.
pub fn duplicated(future: &Future) -> u64 {
    let of_state =
        |state: &State| state.held.iter().map(Held::stored_elsewhere).fold(0u64, u64::saturating_add);
    future.states.iter().map(of_state).max().unwrap_or(0)
}

/// Everything held across one await. `is_alone`: nothing else is said about the future on this page.
pub fn one_await(
    page: &mut Page,
    future: &Future,
    state: &State,
    caveat: Option<&str>,
    is_alone: bool,
    context: &Context<'_>,
) {
    let place = state.awaiting.as_ref().and_then(|span| context.place(page, span));
    let at = place.map(|place| format!(", {place}")).unwrap_or_default();
    let bytes = Usage::of(future).in_state(state);
    page.paragraph(&format!(
        "Held across this await of {}{at}: {} of {}",
        page.code(&future.name),
        page.bold(&exact(bytes.held)),
        in_full(future.size),
    ));
    if let Some(caveat) = caveat {
        page.paragraph(caveat);
    }
    branches(page, state, context);
    let mut held: Vec<&Held> = state.held.iter().collect();
    held.sort_by_key(|held| std::cmp::Reverse(held.size));
    page.list("Largest first, with the offset in the future:");
    for &held in held.iter().take(MANY) {
        let why = held.why.as_ref().map(|why| reason(page, why, context)).filter(|why| !why.is_empty());
        let why = why.map(|why| format!("; {why}")).unwrap_or_default();
        let what = thing(page, held, future, context);
        page.point(&format!("{} B at {}: {what}{why}", exact(held.size), exact(held.offset)));
    }
    if let Some(rest) = held.get(MANY..).filter(|rest| !rest.is_empty()) {
        let bytes = rest.iter().fold(0u64, |sum, held| sum.saturating_add(held.size));
        page.point(&format!("{} B: {} more", exact(bytes), rest.len()));
    }
    let Bytes { tag, padding, free, .. } = bytes;
    let rest = [("tag", tag, ""), ("padding", padding, ""), ("free", free, " (what only other states use)")];
    let rest = rest.iter().filter(|(_, bytes, _)| *bytes > 0);
    let rest: Vec<String> =
        rest.map(|(name, bytes, what)| format!("{name} {} B{what}", exact(*bytes))).collect();
    if !rest.is_empty() {
        page.paragraph(&format!("And {}.", rest.join(", ")));
    }
    if is_alone {
        decides(page, future, context);
    }
    let boxed = boxed_awaitee(future, state).filter(|_| can_be_boxed(future, state, context.snapshot));
    if let Some(Prediction { size, exact: certain, .. }) = boxed {
        let about = if certain { "" } else { "about " };
        page.paragraph(&format!(
            "Predicted: with {} around what is awaited the future would take {about}{}, {} less.",
            page.code("Box::pin"),
            in_full(size),
            exact(future.size.saturating_sub(size))
        ));
    }
    page.paragraph(&format!("{} · {}", context.snapshot.profile, context.snapshot.compiler));
}

/// What the future would take if the awaitee of this state were boxed; nothing if that saves nothing (an
/// equally large state remains, or it is a pointer already).
fn boxed_awaitee(future: &Future, state: &State) -> Option<Prediction> {
    let body = future.body.as_ref()?;
    let fields = &body.states.iter().find(|of_body| of_body.name == state.name)?.fields;
    let is_awaitee = |&&saved: &&u32| {
        body.saved.get(saved as usize).is_some_and(|saved| saved.names.iter().any(|name| &**name == AWAITEE))
    };
    let saved = *fields.iter().find(is_awaitee)?;
    let prediction = predict(future, &[Change::Box { saved }])?;
    (prediction.size < future.size).then_some(prediction)
}

/// Could anybody put a box around what a state awaits? Not without an allocator, and not around what `select!` or `join!`
/// makes to poll others.
fn can_be_boxed(future: &Future, state: &State, snapshot: &Snapshot) -> bool {
    let language = future.body.as_ref().and_then(|body| snapshot.language(&body.origin));
    let is_of_macro = |held: &Held| !held.branches.is_empty() || held.ty.as_deref().is_some_and(is_poll_fn);
    language.is_none_or(|language| language.heap != Heap::None) && !awaitee(state).is_some_and(is_of_macro)
}

/// Why something is held, in a few words. Empty where the kind says it already.
pub fn reason(page: &Page, why: &Why, context: &Context<'_>) -> String {
    let at = |span: &Option<Span>| context.at(page, span);
    match why {
        Why::Awaited => String::new(),
        Why::Polled => "polled here".to_owned(),
        Why::Lent { at: span } => format!("lent to what is awaited{}", at(span)),
        Why::UsedLater { at: span, next_iteration, through } => {
            let through = match through {
                Some(name) => format!(" through {}", page.code(name)),
                None => String::new(),
            };
            let when = if *next_iteration { "used in the next iteration" } else { "used later" };
            format!("{when}{through}{}", context.at(page, &Some(span.clone())))
        }
        Why::Dropped { at: span, overwritten: true } => format!("dropped when it is assigned to{}", at(span)),
        Why::Dropped { at: span, overwritten: false } => {
            format!("not used again, but dropped at the end of its scope{}", at(span))
        }
        Why::Borrowed { at: borrowed, until, moved } => {
            let idle = match moved {
                Some(_) => format!("moved away{}", at(moved)),
                None => "not used again".to_owned(),
            };
            let mut text = format!("{idle}, but it was borrowed{}", at(borrowed));
            text.push_str(&format!(", so its storage lasts to the end of its scope{}", at(until)));
            text
        }
        Why::DropFlag { of, at: span } => match of {
            Some(name) => format!("says whether {} still has to be dropped{}", page.code(name), at(span)),
            None => String::new(),
        },
        Why::Capture { stored_again_as } => match stored_again_as {
            Some(name) => format!("lives as long as the future, and is stored again as {}", page.code(name)),
            None => "lives as long as the future".to_owned(),
        },
        Why::Temporary { of, then } => {
            let mut text = match of.as_ref().and_then(|span| context.place(page, span)) {
                Some(place) => format!("part of the expression at {place}"),
                None => "part of a larger expression".to_owned(),
            };
            if let Some(then) = then {
                let then = reason(page, then, context);
                if !then.is_empty() {
                    text.push_str(&format!(" ({then})"));
                }
            }
            text
        }
    }
}
