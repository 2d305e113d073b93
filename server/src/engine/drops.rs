//! Which values an edit drops at another time than the program as it was: told by the compiler, which has compiled both.

use super::Units;
use crate::compiler::UnitOutput;
use crate::dump::drops::{Drops, Instead, Moved, Silent, Value, numbered, renumbered};
use crate::dump::names;
use crate::features::actions::{ActionKind, Candidate};
use crate::layout::{definition_path, item_path};
use crate::source::SiteKind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A unit as it was compiled with edits.
pub(super) struct Edited<'a> {
    unit: &'a UnitOutput,
    silent: Silent<'a>,
}

impl<'a> Edited<'a> {
    pub fn new(unit: &'a UnitOutput) -> Self {
        Edited { unit, silent: Silent::new(unit.bodies().map(|(_, text)| text)) }
    }
}

/// What a candidate drops at another time, in words for a title. `body` is the definition path of a body of the edited
/// fn.
///
/// Of a fn that becomes a plain one nothing is compared: the compiler dumps no body that is no coroutine's. It makes that of
/// an `async fn` such that it drops everything in a plain fn's order. What calls it is compared.
pub(super) fn moved(units: &Units, candidate: &Candidate, body: &str, edited: &Edited<'_>) -> Vec<Arc<str>> {
    let Edited { unit: after, silent } = edited;
    let krate = body.split("::").next().unwrap_or_default();
    let bodies = candidate.elsewhere.iter().flat_map(|other| &other.bodies);
    let items: BTreeSet<&str> =
        std::iter::once(body).chain(bodies.map(|body| &**body)).map(item_path).collect();
    let is_of_item = |name: &str| {
        let is_of = |path: &str, item: &str| {
            path.strip_prefix(item).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        definition_path(krate, name).is_some_and(|path| {
            let is_plain_now = candidate.plain.as_ref().is_some_and(|plain| is_of(&path, item_path(plain)));
            !is_plain_now && items.iter().any(|item| is_of(&path, item))
        })
    };
    let new: BTreeMap<&str, &str> = after.bodies().filter(|(name, _)| is_of_item(name)).collect();
    let Some(mut old) = units.bodies(&candidate.origin, &is_of_item) else { return unknown(candidate) };
    let mut found: Vec<Arc<str>> = Vec::new();
    let mut is_unknown = false;
    // What a box drops that had no destructor itself, nobody sees.
    let boxed: Vec<String> = match candidate.kind {
        ActionKind::BoxArgument => {
            let is_own = |name: &str| definition_path(krate, name).as_deref() == Some(body);
            let own = old.iter().filter(|(name, _)| is_own(name));
            own.flat_map(|(_, text)| Drops::without_destructor(text)).collect()
        }
        _ => Vec::new(),
    };
    let parse = |text: &str| Some(Drops::parse(text)?.without(silent).without_types(&boxed));
    if candidate.becomes.is_some() {
        let Some(ended) = ended(candidate, body, &old) else { return unknown(candidate) };
        found.extend(ended.dropped);
        old = ended.others;
    }
    let gone = old.iter().filter(|(name, _)| !new.contains_key(&***name)).map(|(_, text)| text.as_str());
    let added = new.iter().filter(|(name, _)| !old.contains_key(**name)).map(|(_, text)| *text);
    for text in gone.chain(added) {
        is_unknown |= parse(text).is_none_or(|drops| !drops.is_empty());
    }
    let Some(at_once) = at_once(units, candidate, krate, after) else { return unknown(candidate) };
    for (name, text) in &old {
        let Some(new) = new.get(&**name).filter(|new| **new != text.as_str()) else { continue };
        let before =
            Drops::parse_without(text, &at_once).map(|drops| drops.without(silent).without_types(&boxed));
        let after = parse(new).map(|drops| drops.without_makers(&at_once));
        let (Some(before), Some(after)) = (before, after) else {
            is_unknown = true;
            continue;
        };
        // What is borrowed instead was moved by nobody.
        let (before, after) = match candidate.kind {
            ActionKind::BorrowArgument => (before.where_borrowed(), after.where_borrowed()),
            _ => (before, after),
        };
        match Drops::moved(&before, &after) {
            Moved::Nothing => {}
            Moved::Unknown => is_unknown = true,
            Moved::Values(values) => {
                for value in values {
                    let words: Arc<str> = words(candidate, &value).into();
                    if !found.contains(&words) {
                        found.push(words);
                    }
                }
            }
        }
    }
    if is_unknown && found.is_empty() {
        return unknown(candidate);
    }
    found
}

/// The paths of futures that are not there any more, and kept nobody waiting while they were: of each `async fn` that has
/// become a plain one. `None` if that cannot be read.
fn at_once(units: &Units, candidate: &Candidate, krate: &str, after: &UnitOutput) -> Option<Vec<String>> {
    if candidate.plain.is_none() {
        return Some(Vec::new());
    }
    let new: BTreeSet<&str> = after.bodies().map(|(name, _)| name).collect();
    let is_gone = |name: &str| {
        // A block in it may be called now what it was called.
        let is_plain_now = || definition_path(krate, name).as_deref() == candidate.plain.as_deref();
        !new.contains(name) || is_plain_now()
    };
    let gone = units.bodies(&candidate.origin, &is_gone)?;
    let mut found: Vec<String> = Vec::new();
    loop {
        // What only waited for these did not wait either.
        let all: Vec<String> = gone.values().filter_map(|text| Drops::never_waits(text, &found)).collect();
        if all.len() == found.len() {
            return Some(found);
        }
        found = all;
    }
}

/// What becomes of the bodies of a fn without the body that only waited for another one's future.
struct Ended {
    dropped: Vec<Arc<str>>,
    /// The other bodies, as they would be dumped.
    others: BTreeMap<String, String>,
}

/// What is dropped at the call, where a future is there that another one only waited for: all that this one, whose body it
/// is, still had to drop besides; and what the source shows of the future that is never polled. `None` if nobody can tell.
fn ended(candidate: &Candidate, body: &str, old: &BTreeMap<String, String>) -> Option<Ended> {
    let krate = body.split("::").next().unwrap_or_default();
    let mut dropped = candidate.drops_earlier.clone();
    let mut others = BTreeMap::new();
    let mut instead = None;
    for (name, text) in old {
        let path = definition_path(krate, name)?;
        let Some(inside) = path.strip_prefix(body).filter(|rest| rest.is_empty() || rest.starts_with("::"))
        else {
            others.insert(name.clone(), text.clone());
            continue;
        };
        let drops = Drops::parse(text)?;
        if !inside.is_empty() {
            drops.is_empty().then_some(())?;
            continue;
        }
        instead = Instead::parse(text);
        for value in drops.besides_awaitee() {
            let words: Arc<str> = words(candidate, value).into();
            if !dropped.contains(&words) {
                dropped.push(words);
            }
        }
    }
    // The only body of an `async fn` is its own one's; a block is one of several.
    if candidate.site().kind == SiteKind::AsyncBlock && !others.is_empty() {
        let instead = instead?;
        let (parent, number) = numbered(body)?;
        let parent = parent.strip_prefix(krate)?.strip_prefix("::")?.replace("::", "-");
        let parent = format!("{krate}.{parent}");
        let renamed = others.iter().map(|(name, text)| {
            // A name begins with the crate's.
            (renumbered(name, &parent, number), instead.within(text))
        });
        others = renamed.collect();
    }
    Some(Ended { dropped, others })
}

/// Where the compiler does not tell, what the source shows; and that it was not told.
fn unknown(candidate: &Candidate) -> Vec<Arc<str>> {
    match candidate.drops_earlier.is_empty() {
        true => vec!["values".into()],
        false => candidate.drops_earlier.clone(),
    }
}

/// `` `x` ``; `` a value made by `defer!` ``, which has no name in the user's text; `` a temporary `Guard` ``.
fn words(candidate: &Candidate, value: &Value) -> String {
    let text = candidate.text.text();
    let site = candidate.site().range;
    let others = candidate.elsewhere.iter().map(|other| &**other.text.text());
    let texts: Vec<&str> = std::iter::once(&text[site]).chain(others).collect();
    let is_there = |name: &str| {
        let words = |text: &&str| {
            let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '#'));
            words.any(|word| word == name)
        };
        texts.iter().any(words)
    };
    // The edit gives a name to what had none.
    let name = value.name.as_ref().filter(|name| !is_new(candidate, name));
    if let Some(name) = name
        && is_there(name)
    {
        return format!("`{name}`");
    }
    let calls = candidate.text.sites().iter().filter(|it| it.kind == SiteKind::MacroCall);
    let called = calls.filter(|it| site.contains_range(it.range)).map(|it| candidate.text.macro_name(it));
    let mut macros: Vec<&str> = called.filter(|name| !QUIET.contains(name)).collect();
    macros.sort_unstable();
    macros.dedup();
    let ty = names::readable(&value.ty, &|_| None);
    let ty = names::without_arguments(&ty);
    let ty = ty.rsplit("::").next().unwrap_or_default();
    if value.name.as_ref().is_some_and(|name| name.starts_with("_arg")) {
        return "an argument without a name".to_owned();
    }
    match (name, &macros[..]) {
        (Some(_), [only]) => format!("a value made by `{only}!`"),
        (Some(_), _) => "a value made by a macro".to_owned(),
        (None, _) if ty.is_empty() || ty.contains(['{', ' ', ')', ']']) => "a temporary".to_owned(),
        (None, _) => format!("a temporary `{ty}`"),
    }
}

/// Is it the variable that an edit makes of a temporary?
fn is_new(candidate: &Candidate, name: &str) -> bool {
    candidate.kind == ActionKind::HoistScrutinee
        && candidate.ways.iter().flatten().any(|edit| {
            ["let ", "let mut "].iter().any(|word| edit.text.contains(&format!("{word}{name} = ")))
        })
}

/// Macros that declare nothing of their own.
const QUIET: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "eprintln",
    "format",
    "matches",
    "panic",
    "print",
    "println",
    "todo",
    "unreachable",
    "vec",
    "write",
    "writeln",
];
