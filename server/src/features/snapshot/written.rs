//! What the user wrote of which a body came, and what the compiler made of that.
//!
//! An attribute may rename an `async fn`, run its body in a block, or put blocks around and in it. The fn keeps the name
//! and the kind that the user gave it; what else the macro made has those that the compiler gives it.

use crate::dump::names::{self, CoroutineKind, CoroutineSource};
use crate::layout::{Body, FutureKind};
use crate::source::{Outline, Placement, Site, SiteKind, TextRange};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What the compiler takes a body for, as far as its place and what it does with its captures tell. (Of `async` blocks
/// and `async fn`s without captures the dumps are the same.)
pub(super) fn compiled(body: &Body, place: &Placement, outline: &Outline) -> CoroutineKind {
    CoroutineKind { source: source(body, place, outline), ..body.compiled }
}

fn source(body: &Body, place: &Placement, outline: &Outline) -> CoroutineSource {
    let Some(site) = outline.sites().get(place.site) else { return body.compiled.source };
    let is_first = body.def_path.ends_with("::{closure#0}") && body.depth() == 1;
    match site.kind {
        SiteKind::AsyncFn | SiteKind::AttrFn | SiteKind::MacroCall if place.source == CoroutineSource::Fn => {
            // The body of an `async fn` is the first thing in it, and takes its arguments. What waits in the macro's own
            // code alone is a block around the user's fn.
            let is_around = || {
                let waits = body.states.iter().any(|state| state.suspended_at.is_some());
                site.kind == SiteKind::AsyncFn
                    && waits
                    && stands_at(body, place, outline) == Claim::Attribute
                    && !has_code_of(body, place, outline)
            };
            let is_fn = is_first && body.takes_arguments.unwrap_or_else(|| !is_around());
            if is_fn { CoroutineSource::Fn } else { CoroutineSource::Block }
        }
        SiteKind::AsyncFn if place.source == CoroutineSource::Block && is_first => {
            // So far by the attribute's name. `#[async_trait]`'s block takes the arguments as a fn does.
            let renamed = || !is_called(body, outline, site);
            let is_fn = match body.takes_arguments {
                Some(takes) => takes && !outline.is_in_async_trait(place.site),
                None => renamed() && stands_at(body, place, outline) == Claim::Exact,
            };
            if is_fn { CoroutineSource::Fn } else { CoroutineSource::Block }
        }
        _ => place.source,
    }
}

/// How certain it is that a body came of the fn at whose site it stands; least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// It is something within the fn.
    Inside,
    /// It stands at an attribute, or at a part of the signature.
    Attribute,
    /// It stands where the fn's own body does.
    Exact,
}

fn stands_at(body: &Body, place: &Placement, outline: &Outline) -> Claim {
    let Some(site) = outline.sites().get(place.site) else { return Claim::Inside };
    let span = body.span.as_ref().filter(|span| span.file == place.file);
    match span.and_then(|span| outline.range(span)) {
        Some(range) if range == site.body => Claim::Exact,
        Some(range) if site.body.contains_range(range) => Claim::Inside,
        _ => Claim::Attribute,
    }
}

/// Does the body wait in what the user wrote between the braces of the fn at the site?
fn has_code_of(body: &Body, place: &Placement, outline: &Outline) -> bool {
    let Some(site) = outline.sites().get(place.site) else { return false };
    let waits = body.states.iter().filter_map(|state| state.suspended_at.as_ref());
    let mut here = waits.filter(|span| span.file == place.file).filter_map(|span| outline.range(span));
    here.any(|range| site.body.contains_range(range))
}

/// Does the body's path end in the name of the fn at the site?
fn is_called(body: &Body, outline: &Outline, site: &Site) -> bool {
    item_of(body).is_some_and(|item| name_at(outline, site) == Some(item))
}

/// The innermost thing with a name that the body is in.
fn item_of(body: &Body) -> Option<&str> {
    let item = body.def_path.rsplit("::").find(|segment| !segment.starts_with('{')).map(without_raw);
    // A test has a constant of its name beside it, so it is the second one: `name#1`.
    item.and_then(|item| item.split('#').next())
}

fn name_at<'a>(outline: &'a Outline, site: &Site) -> Option<&'a str> {
    site.name.map(|name: TextRange| without_raw(&outline.text()[name]))
}

fn without_raw(name: &str) -> &str {
    name.trim_start_matches("r#")
}

/// What each body of a unit is in the source, and what it is called there. `texts`: all of the crate.
pub(super) fn name_all(
    bodies: &mut [&mut Arc<Body>],
    places: &HashMap<Arc<str>, Placement>,
    files: &BTreeMap<Arc<str>, Outline>,
    texts: &[&str],
) {
    let modules = std::cell::LazyCell::new(|| modules(texts));
    let mut sites: BTreeMap<(&str, usize), Vec<usize>> = BTreeMap::new();
    for (index, body) in bodies.iter().enumerate() {
        if let Some(place) = places.get(&body.def_path) {
            sites.entry((&place.file, place.site)).or_default().push(index);
        }
    }
    let mut written: HashMap<usize, (FutureKind, String)> = HashMap::new();
    let mut parts: HashMap<usize, Arc<str>> = HashMap::new();
    for ((file, index), here) in sites {
        let Some(outline) = files.get(file) else { continue };
        let Some(site) = outline.sites().get(index) else { continue };
        if !matches!(site.kind, SiteKind::AsyncFn | SiteKind::AttrFn) || name_at(outline, site).is_none() {
            continue;
        }
        let all: Vec<&Body> = here.iter().map(|&at| &**bodies[at]).collect();
        let claim = |body: &Body| {
            let place = places.get(&body.def_path);
            place.map_or(Claim::Inside, |place| stands_at(body, place, outline))
        };
        let has_code =
            |body: &Body| places.get(&body.def_path).is_some_and(|place| has_code_of(body, place, outline));
        let is_called = |body: &Body| is_called(body, outline, site);
        let Some(fns) = the_fn(&all, &claim, &[&has_code, &is_called]) else { continue };
        let body = all[fns];
        let kind = if site.kind == SiteKind::AsyncFn { FutureKind::AsyncFn } else { body.compiled.into() };
        let name = source_name(body, outline, site, &|name| modules.contains(without_raw(name)));
        let others = here.iter().filter(|&&at| at != here[fns] && claim(bodies[at]) != Claim::Inside);
        parts.extend(others.map(|&at| (at, Arc::from(&*name))));
        written.insert(here[fns], (kind, name));
    }
    for (index, body) in bodies.iter_mut().enumerate() {
        let compiled_name = body.compiled_name.as_ref().unwrap_or(&body.name);
        let (kind, name) =
            written.remove(&index).unwrap_or_else(|| (body.compiled.into(), compiled_name.to_string()));
        if (kind, &*name) != (body.kind, &*body.name) {
            // Nobody else has it yet, unless it is as it was measured before.
            Arc::make_mut(body).set_written(kind, Some(&name));
        }
        let part_of = parts.remove(&index);
        if part_of != body.part_of {
            Arc::make_mut(body).part_of = part_of;
        }
    }
}

/// Which of the bodies at a fn's site is the fn's. None if nothing tells: better two names of the compiler's than two
/// bodies of one name.
fn the_fn(
    bodies: &[&Body],
    claim: &dyn Fn(&Body) -> Claim,
    signs: &[&dyn Fn(&Body) -> bool],
) -> Option<usize> {
    let is_outer = |body: &Body| !bodies.iter().any(|other| body.is_inside(other));
    let mut left: Vec<usize> = (0..bodies.len()).filter(|&at| is_outer(bodies[at])).collect();
    left.retain(|&at| claim(bodies[at]) != Claim::Inside);
    let is_exact = |body: &Body| claim(body) == Claim::Exact;
    let is_fn = |body: &Body| FutureKind::from(body.compiled) == FutureKind::AsyncFn;
    let first: &dyn Fn(&Body) -> bool = &is_exact;
    for sign in [first].iter().chain(signs).chain([&(&is_fn as &dyn Fn(&Body) -> bool)]) {
        if left.len() > 1 && left.iter().any(|&at| sign(bodies[at])) {
            left.retain(|&at| sign(bodies[at]));
        }
    }
    match left[..] {
        [only] => Some(only),
        _ => None,
    }
}

/// The path of the fn at the site: as the compiler writes it if it is the body's own, else from the source: the modules
/// it is in, the type of the impl, its name.
fn source_name(body: &Body, outline: &Outline, site: &Site, is_module: &dyn Fn(&str) -> bool) -> String {
    let around = components(&site.path);
    let named: Vec<&str> = body.segments().into_iter().filter(|segment| !segment.starts_with('{')).collect();
    let before = named.len().checked_sub(2).map(|at| named[at]);
    let is_around = |name: &str| around.iter().any(|(_, other)| without_raw(other) == without_raw(name));
    // `main::main`: what a macro put into a fn of the same name.
    let is_direct =
        before.is_none_or(|name| is_module(name) || is_around(name) && named.last() != Some(&name));
    if is_called(body, outline, site) && is_direct {
        return body.item_name();
    }
    let modules = body.segments().into_iter().take_while(|name| !name.starts_with('{') && is_module(name));
    let mut name: Vec<String> = modules.take(named.len().saturating_sub(1)).map(str::to_owned).collect();
    name.extend(around.iter().filter_map(|(keyword, name)| match *keyword {
        "mod" => None,
        "impl" => Some(match name.split_once(" for ") {
            Some((of, own)) => format!("<{} as {}>", without_arguments(own), without_arguments(of)),
            None => without_arguments(name),
        }),
        _ => Some((*name).to_owned()),
    }));
    name.join("::")
}

fn without_arguments(ty: &str) -> String {
    names::without_arguments(ty).trim().to_owned()
}

/// `mod a::impl T for b::C::fn f` → (`mod`, `a`), (`impl`, `T for b::C`), (`fn`, `f`).
fn components(path: &str) -> Vec<(&str, &str)> {
    const KEYWORDS: [&str; 6] = ["mod ", "impl ", "fn ", "trait ", "const ", "static "];
    let starts = |at: usize| KEYWORDS.iter().any(|keyword| path[at..].starts_with(keyword));
    let mut found: Vec<usize> =
        path.match_indices("::").map(|(at, _)| at + 2).filter(|&at| starts(at)).collect();
    found.insert(0, 0);
    let ends = found.iter().skip(1).map(|at| at - 2).chain([path.len()]);
    found.iter().zip(ends).filter_map(|(&start, end)| path.get(start..end)?.split_once(' ')).collect()
}

/// The modules that are declared in these texts.
fn modules<'a>(texts: &[&'a str]) -> HashSet<&'a str> {
    let words =
        |text: &'a str| text.split(|char: char| !(matches!(char, '_' | '#') || char.is_alphanumeric()));
    let mut found = HashSet::new();
    for text in texts {
        let mut words = words(text).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            if word == "mod" {
                found.extend(words.peek().map(|name| without_raw(name)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_sites_are_taken_apart() {
        assert_eq!(
            components("mod a::impl fmt::Display for b::C::fn f"),
            [("mod", "a"), ("impl", "fmt::Display for b::C"), ("fn", "f")]
        );
        assert_eq!(components("fn main"), [("fn", "main")]);
        assert_eq!(components(""), []);
    }

    #[test]
    fn modules_are_what_is_declared_as_one() {
        let found =
            modules(&["pub mod net;\nmod a { pub(crate) mod b {} }", "#[path = \"x.rs\"] mod r#type;"]);
        let expected = ["net", "a", "b", "type"];
        assert_eq!(found, expected.into());
    }
}
