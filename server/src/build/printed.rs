//! What an incremental compiler run printed, put over what was known of the run it built on.
//!
//! An incremental run prints the layouts and dumps the bodies that it computed anew. Whatever it computed
//! anew is there: the compiler prints while it computes, so that what is printed, places in the source
//! included, is part of what it has to compute again when it changes. What it did *not* print is either as
//! before, or gone. To tell these apart,
//!
//! * the compiler lists every instance of a function in every run (`-Zprint-mono-items`): a type that the
//!   list mentioned before and does not mention now is gone, unless it is a body's own, which the compiler
//!   lays out whether or not anything uses it, or held by something that is still there; and a type with a body's
//!   type in it (an instance, or what wraps it) is there only if it is mentioned or held;
//! * a body that was not dumped is as it was if its text is, comments aside, on the lines that it was on; it is
//!   gone if its file is, if another body stands there now (closures are numbered: one less before it, and it has
//!   another name), if the body around it is gone or does not mention it, or if nothing has its fn's name;
//! * the instances of a body that was dumped again with other captures are other types now.
//!
//! A body that a macro made stands in the macro's definition, wherever the macro is called: its text tells
//! nothing. Where none of this decides, the unit is to be measured whole: [`Printed::over`] says so.

use super::unit::Unit;
use crate::dump::names::{self, CoroutineName};
use crate::dump::{CoroutineBody, Span, type_sizes};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What the lines of the list of instances begin with.
const INSTANCE: &str = "MONO_ITEM ";

/// What one run printed, or several of them together.
#[derive(Debug, Default)]
pub(super) struct Printed {
    /// The records of `-Zprint-type-sizes` by type; one name may be that of several types.
    records: HashMap<String, Vec<Record>>,
    /// Names of types that the list of instances mentions, as far as they were asked for.
    mentioned: HashSet<String>,
    /// By file name.
    bodies: BTreeMap<String, Body>,
    /// By path as the compiler prints it; no text if it was changed during the run.
    pub sources: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone)]
struct Body {
    text: Arc<str>,
    /// Its type, with the body's own parameters if it has any; then there is no record of it.
    ty: String,
    span: Option<Span>,
    /// The types of what it stores and captures that have a body's type in them.
    held: Vec<String>,
}

impl Body {
    fn new(text: String) -> Self {
        let Some(parsed) = CoroutineBody::parse(&text) else {
            return Body { text: text.into(), ty: String::new(), span: None, held: Vec::new() };
        };
        let stored = parsed.saved.iter().filter_map(|saved| saved.ty);
        let held = stored.chain(parsed.upvars.iter().map(|upvar| upvar.ty)).filter(|ty| ty.contains('{'));
        let held = held.map(str::to_owned).collect();
        let span = parsed.span.map(|span| span.to_span(&mut HashSet::new()));
        Body { ty: parsed.self_ty.to_owned(), span, held, text: text.into() }
    }
}

#[derive(Debug, Clone)]
struct Record {
    size: u64,
    lines: Arc<str>,
}

/// What became of a body that was not dumped again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    AsBefore,
    Gone,
    Unknown,
}

impl Printed {
    /// Reads a run. `before` is what its incremental compilation built on.
    pub fn read(
        stdout: &str,
        bodies: Vec<(String, String)>,
        sources: Vec<(String, Option<String>)>,
        before: Option<&Printed>,
    ) -> Printed {
        let records = records(stdout);
        let mut mentioned = HashSet::new();
        for line in stdout.lines().filter_map(|line| line.strip_prefix(INSTANCE)) {
            mentions(line, &mut |ty| {
                let is_known = || {
                    records.contains_key(ty) || before.is_some_and(|before| before.records.contains_key(ty))
                };
                if !mentioned.contains(ty) && is_known() {
                    mentioned.insert(ty.to_owned());
                }
            });
        }
        let bodies = bodies.into_iter().map(|(name, text)| (name, Body::new(text))).collect();
        Printed { records, mentioned, bodies, sources }
    }

    /// What is kept of a unit.
    pub fn of(unit: &Unit) -> Printed {
        Printed {
            records: records(unit.sizes()),
            mentioned: unit.mentioned().map(str::to_owned).collect(),
            bodies: unit.bodies().map(|(name, text)| (name.to_owned(), Body::new(text.to_owned()))).collect(),
            sources: unit.sources().map(|(name, text)| (name.to_owned(), Some(text.to_owned()))).collect(),
        }
    }

    /// Adds everything to a unit.
    pub fn push_to(&self, unit: &mut Unit) {
        unit.push_sizes(&self.sizes());
        self.bodies.iter().for_each(|(name, body)| unit.push_body(name.clone(), &body.text));
        self.sources.iter().for_each(|(name, text)| unit.push_source(name.clone(), text.as_deref()));
        let mut mentioned: Vec<&str> = self.mentioned.iter().map(String::as_str).collect();
        mentioned.sort_unstable();
        unit.push_mentioned(&mentioned);
    }

    /// All that holds now: this run's, and what is left of what it built on. `None` if that cannot be told.
    pub fn over(mut self, before: &Printed) -> Option<Printed> {
        let replaced = Replaced::new(before, &self);
        let fates = Fates::new(before, &self);
        let mut left = Vec::new();
        for (name, old) in before.bodies.iter().filter(|(name, _)| !self.bodies.contains_key(*name)) {
            match fates.of(name, old) {
                Fate::AsBefore => left.push((name.clone(), old.clone())),
                Fate::Gone => {}
                Fate::Unknown => return None,
            }
        }
        self.bodies.extend(left);
        let types = |bodies: &BTreeMap<String, Body>| -> HashSet<String> {
            bodies.values().map(|body| body.ty.clone()).collect()
        };
        let (had, has) = (types(&before.bodies), types(&self.bodies));
        let (mut kept, mut doubtful) = (Vec::new(), HashMap::new());
        for (name, records) in &before.records {
            if self.records.contains_key(name) || replaced.has_instance(name) {
                continue;
            }
            // A body's type has another name when its captures are others.
            if had.contains(name) && !has.contains(name) {
                continue;
            }
            let is_certain = has.contains(name) || self.mentioned.contains(name);
            if !is_certain && (name.contains('{') || before.mentioned.contains(name)) {
                doubtful.insert(name.as_str(), (name, records));
            } else {
                kept.push((name, records));
            }
        }
        // What is held by something that is there, or named in its type, is there.
        for ty in self.bodies.values().flat_map(|body| &body.held) {
            every_type(ty, &mut |ty| kept.extend(doubtful.remove(ty)));
        }
        for ty in self.records.iter().flat_map(|(name, records)| parts(name, records)) {
            every_type(ty, &mut |ty| kept.extend(doubtful.remove(ty)));
        }
        let mut at = 0;
        while let Some(&(name, records)) = kept.get(at) {
            for ty in parts(name, records) {
                every_type(ty, &mut |ty| kept.extend(doubtful.remove(ty)));
            }
            at += 1;
        }
        self.records.extend(kept.into_iter().map(|(name, records)| (name.clone(), records.clone())));
        Some(self)
    }

    fn text(&self, file: &str) -> Option<Option<&str>> {
        let (_, text) = self.sources.iter().find(|(name, _)| name == file)?;
        Some(text.as_deref())
    }

    /// All records as one run would have printed them: largest first.
    fn sizes(&self) -> String {
        let named = self.records.iter().flat_map(|(name, records)| records.iter().map(move |r| (name, r)));
        let mut records: Vec<(&String, &Record)> = named.collect();
        records.sort_by_key(|(name, record)| (Reverse(record.size), *name));
        records.into_iter().map(|(_, record)| &*record.lines).collect()
    }
}

impl Record {
    /// The types of what it holds, as far as the compiler prints them.
    fn held_types(&self) -> impl Iterator<Item = &str> {
        self.lines.lines().filter_map(|line| line.split_once(", type: ").map(|(_, ty)| ty.trim_end()))
    }
}

/// What became of bodies that were not dumped again.
struct Fates<'a> {
    before: &'a Printed,
    now: &'a Printed,
    /// Where bodies stand that did not stand there before: whatever did has another name now.
    taken: HashSet<&'a Span>,
    /// Of files that changed, by name.
    texts: HashMap<&'a str, Texts>,
}

/// A file's lines without comments, before and now.
struct Texts {
    before: Vec<String>,
    now: Vec<String>,
}

impl<'a> Fates<'a> {
    fn new(before: &'a Printed, now: &'a Printed) -> Self {
        let taken = now.bodies.iter().filter_map(|(name, body)| {
            let span = body.span.as_ref()?;
            let stood_there = before.bodies.get(name).is_some_and(|old| old.span.as_ref() == Some(span));
            (!stood_there).then_some(span)
        });
        let changed = before.sources.iter().filter_map(|(file, old)| {
            let (old, new) = (old.as_ref()?, now.text(file)??);
            let texts = || Texts { before: without_comments(old), now: without_comments(new) };
            (old != new).then(|| (file.as_str(), texts()))
        });
        Fates { before, now, taken: taken.collect(), texts: changed.collect() }
    }

    fn of(&self, name: &str, body: &Body) -> Fate {
        if self.now.mentioned.contains(&body.ty) || self.now.sources == self.before.sources {
            return Fate::AsBefore;
        }
        let by = [Self::by_place, Self::by_parent, Self::by_name];
        let fates = by.into_iter().map(|by| by(self, name, body));
        fates.into_iter().find(|fate| *fate != Fate::Unknown).unwrap_or(Fate::Unknown)
    }

    fn by_place(&self, _: &str, body: &Body) -> Fate {
        let Some(span) = &body.span else { return Fate::Unknown };
        // Of a file of another crate, or one whose text nobody knows.
        let Some(Some(old)) = self.before.text(&span.file) else { return Fate::Unknown };
        match self.now.text(&span.file) {
            None => return Fate::Gone,
            Some(None) => return Fate::Unknown,
            Some(Some(_)) => {}
        }
        if is_in_macro(span, old) {
            Fate::Unknown
        } else if self.taken.contains(span) {
            Fate::Gone
        } else if self.texts.get(&*span.file).is_none_or(|texts| texts.has_same(span)) {
            Fate::AsBefore
        } else {
            // Something about it is different, but not necessarily anything that the compiler looks at.
            Fate::Unknown
        }
    }

    /// A body within another one is there if that one mentions it.
    fn by_parent(&self, name: &str, body: &Body) -> Fate {
        let parent = name.split_once("}.").and_then(|(path, rest)| {
            let (parent, number) = path.rsplit_once("-{closure#")?;
            number.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{parent}.{rest}"))
        });
        let (Some(parent), Some(own)) = (parent, CoroutineName::parse(&body.ty)) else {
            return Fate::Unknown;
        };
        match (self.now.bodies.get(&parent), self.before.bodies.get(&parent)) {
            (Some(now), _) if now.text.contains(&format!("{} upvar_tys=", own.path)) => Fate::AsBefore,
            (Some(_), _) => Fate::Gone,
            (None, Some(before)) => self.of(&parent, before),
            (None, None) => Fate::Unknown,
        }
    }

    /// What has a name that is nowhere in the sources is not there.
    fn by_name(&self, name: &str, _: &Body) -> Fate {
        let path = name.split_once(".-").map_or(name, |(path, _)| path);
        let Some(name) = path.rsplit('-').find(|segment| !segment.starts_with('{')) else {
            return Fate::Unknown;
        };
        // A crate's name comes before the first segment, and stands nowhere.
        let is_named = path.split_once('.').is_some_and(|(_, path)| path.split('-').any(|part| part == name));
        let is_known = is_named && self.now.sources.iter().all(|(_, text)| text.is_some());
        let is_somewhere = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains(name));
        match is_known && !self.now.sources.iter().any(|(_, text)| is_somewhere(text)) {
            true => Fate::Gone,
            false => Fate::Unknown,
        }
    }
}

impl Texts {
    /// Does a body stand where it was, with the same text, the same header and the same attributes?
    fn has_same(&self, span: &Span) -> bool {
        // Lines count from one.
        let (first, last) = ((span.start.line as usize).saturating_sub(1), span.end.line as usize);
        let ends_something = |line: &&String| line.ends_with(['}', ';', '{']);
        let header = self.before.iter().take(first).rev().take_while(|line| !ends_something(line)).count();
        let lines = first - header..last;
        let before = self.before.get(lines.clone());
        before.is_some() && before == self.now.get(lines)
    }
}

/// The types of bodies that have other captures now.
struct Replaced<'a> {
    /// By what all instances have in common.
    own: HashMap<String, Vec<CoroutineName<'a>>>,
}

impl<'a> Replaced<'a> {
    fn new(before: &'a Printed, now: &Printed) -> Self {
        let mut own: HashMap<String, Vec<CoroutineName<'a>>> = HashMap::new();
        for (name, old) in &before.bodies {
            let is_other = now.bodies.get(name).is_some_and(|new| new.ty != old.ty);
            if let Some(ty) = CoroutineName::parse(&old.ty).filter(|_| is_other) {
                own.entry(names::skeleton(ty.path)).or_default().push(ty);
            }
        }
        Replaced { own }
    }

    /// Is a type an instance of one of them?
    fn has_instance(&self, ty: &str) -> bool {
        let Some(ty) = CoroutineName::parse(ty).filter(|_| !self.own.is_empty()) else { return false };
        let whole = |name: &CoroutineName<'_>| format!("{}\n{}", name.path, name.upvars);
        let own = self.own.get(&names::skeleton(ty.path)).into_iter().flatten();
        own.into_iter().any(|own| names::unify(&whole(own), &whole(&ty)).is_some())
    }
}

/// The lines of a text, with blanks in place of comments and none at the end.
fn without_comments(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut rest = text.chars().peekable();
    let mut is_in_word = false;
    // How deep in block comments.
    let mut depth = 0usize;
    // What ends the literal that this is in: its quote, and the number of `#` behind; none where `\` escapes.
    let mut literal: Option<(char, Option<usize>)> = None;
    while let Some(char) = rest.next() {
        if char == '\n' {
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            is_in_word = false;
            continue;
        }
        if depth > 0 {
            line.push(' ');
            let pair = (char, rest.peek().copied());
            if matches!(pair, ('/', Some('*')) | ('*', Some('/'))) {
                rest.next();
                line.push(' ');
                depth = if char == '/' { depth + 1 } else { depth - 1 };
            }
            continue;
        }
        if let Some((quote, hashes)) = literal {
            line.push(char);
            match hashes {
                None if char == '\\' => line.extend(rest.next_if(|next| *next != '\n')),
                _ if char == quote => {
                    let mut found = 0;
                    while found < hashes.unwrap_or(0) && rest.next_if_eq(&'#').is_some() {
                        line.push('#');
                        found += 1;
                    }
                    if found == hashes.unwrap_or(0) {
                        literal = None;
                    }
                }
                _ => {}
            }
            continue;
        }
        let was_in_word = std::mem::replace(&mut is_in_word, char.is_alphanumeric() || char == '_');
        match (char, rest.peek().copied()) {
            ('/', Some('/')) => while rest.next_if(|next| *next != '\n').is_some() {},
            ('/', Some('*')) => {
                rest.next();
                line.push_str("  ");
                depth = 1;
            }
            ('"', _) => {
                line.push(char);
                literal = Some(('"', None));
            }
            ('r', Some('"' | '#')) if !was_in_word || line.ends_with(['b', 'c']) => {
                line.push(char);
                let mut hashes = 0;
                while rest.next_if_eq(&'#').is_some() {
                    line.push('#');
                    hashes += 1;
                }
                if rest.next_if_eq(&'"').is_some() {
                    line.push('"');
                    literal = Some(('"', Some(hashes)));
                }
            }
            ('\'', Some(next)) => {
                line.push(char);
                // `'a'` is a character, `'a` a lifetime.
                let mut ahead = rest.clone();
                ahead.next();
                if next == '\\' || ahead.peek() == Some(&'\'') {
                    literal = Some(('\'', None));
                }
            }
            _ => line.push(char),
        }
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Is a place in a `macro_rules!`? Brackets are only counted, so that a bracket in a literal may make a macro
/// longer than it is.
fn is_in_macro(span: &Span, text: &str) -> bool {
    let mut depth = None;
    for (line, number) in text.split('\n').zip(1..) {
        if number == span.start.line {
            return depth.is_some() || line.contains("macro_rules!");
        }
        let rest = match (depth, line.find("macro_rules!")) {
            (None, None) => continue,
            (None, Some(at)) => &line[at..],
            (Some(_), _) => line,
        };
        let mut open = depth.unwrap_or(0i64);
        let mut seen = depth.is_some_and(|depth| depth > 0);
        for byte in rest.bytes() {
            match byte {
                b'{' | b'(' | b'[' => (open, seen) = (open + 1, true),
                b'}' | b')' | b']' => open -= 1,
                _ => {}
            }
        }
        depth = (!seen || open > 0).then_some(open);
    }
    false
}

fn records(stdout: &str) -> HashMap<String, Vec<Record>> {
    let mut records: HashMap<String, Vec<Record>> = HashMap::new();
    let mut current: Option<(&str, u64, String)> = None;
    let mut finish = |record: Option<(&str, u64, String)>| {
        if let Some((name, size, lines)) = record {
            let record = Record { size, lines: lines.into() };
            match records.get_mut(name) {
                Some(others) => others.push(record),
                None => _ = records.insert(name.to_owned(), vec![record]),
            }
        }
    };
    for line in stdout.lines() {
        let Some(rest) = line.strip_prefix(type_sizes::PREFIX) else { continue };
        if let Some((name, size)) = rest.strip_prefix("type: `").and_then(|rest| rest.rsplit_once("`: ")) {
            let digits = size.bytes().take_while(u8::is_ascii_digit).count();
            let size = size[..digits].parse().unwrap_or(0);
            finish(current.replace((name, size, String::new())));
        }
        if let Some((_, _, lines)) = &mut current {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    finish(current);
    records
}

/// What a type says about what is in it: its name, and the types of what it holds.
fn parts<'a>(name: &'a str, records: &'a [Record]) -> impl Iterator<Item = &'a str> {
    let named = Some(name).filter(|name| name.contains('{'));
    named.into_iter().chain(records.iter().flat_map(Record::held_types))
}

/// Hands out a type, and what may be types in it.
fn every_type<'a>(ty: &'a str, is_type: &mut impl FnMut(&'a str)) {
    types(ty, is_type);
    mentions(ty, is_type);
}

/// Hands out what may be types in a line: what is between brackets and commas, at every depth.
fn mentions<'a>(line: &'a str, is_type: &mut impl FnMut(&'a str)) {
    // Where the bracket is, and where what is in it begins.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' | b'(' | b'[' | b'{' => open.push((at, at + 1)),
            b',' | b';' => {
                if let Some((_, start)) = open.last_mut() {
                    types(&line[*start..at], is_type);
                    *start = at + 1;
                }
            }
            b'>' if at > 0 && matches!(bytes[at - 1], b'-' | b'=') => {}
            b'>' | b')' | b']' | b'}' => {
                let Some((bracket, start)) = open.pop() else { continue };
                types(&line[start..at], is_type);
                if matches!(byte, b'}' | b')' | b']') {
                    is_type(&line[bracket..=at]);
                }
            }
            _ => {}
        }
    }
}

/// A type, the one it refers to, and the one in `TYPE as TRAIT`.
fn types<'a>(text: &'a str, is_type: &mut impl FnMut(&'a str)) {
    let text = text.trim();
    is_type(text);
    let mut inner = text;
    while let Some(referred) = referred(inner) {
        is_type(referred);
        inner = referred;
    }
    if let Some((ty, _)) = text.rsplit_once(" as ") {
        is_type(ty);
    }
}

fn referred(ty: &str) -> Option<&str> {
    let ty = ty.strip_prefix('&')?;
    // `'{erased} `
    let ty = match ty.strip_prefix('\'') {
        Some(lifetime) => lifetime.split_once(' ')?.1,
        None => ty,
    };
    Some(ty.strip_prefix("mut ").unwrap_or(ty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::LineCol;

    fn run(stdout: &str, before: Option<&Printed>) -> Printed {
        Printed::read(stdout, Vec::new(), Vec::new(), before)
    }

    fn record(name: &str, size: u64) -> String {
        format!("print-type-size type: `{name}`: {size} bytes, alignment: 1 bytes\n{}.\n", type_sizes::PREFIX)
    }

    #[test]
    fn what_is_printed_replaces_and_what_is_not_mentioned_any_more_is_gone() {
        let items = |tys: &[&str]| -> String {
            tys.iter()
                .map(|ty| format!("MONO_ITEM fn std::ptr::drop_glue::<{ty}> @@ a[Internal]\n"))
                .collect()
        };
        let (kept, changed, gone, quiet) = ("{static k upvar_tys=()}", "a::B<u8>", "a::B<u16>", "a::Quiet");
        let twice = record("same", 2) + &record("same", 1);
        let first = [kept, changed, gone, quiet].map(|name| record(name, 9)).concat();
        let first = run(&(first + &twice + &items(&[kept, changed, gone])), None);
        assert_eq!(first.sizes().matches("`same`").count(), 2);
        let now = record(changed, 3) + &items(&[&format!("std::pin::Pin<&'{{erased}} mut {kept}>"), changed]);
        let sizes = run(&now, Some(&first)).over(&first).unwrap().sizes();
        assert!(sizes.contains(&record(kept, 9)) && sizes.contains(&record(quiet, 9)), "{sizes}");
        assert!(sizes.contains(&record(changed, 3)) && !sizes.contains(&record(changed, 9)), "{sizes}");
        assert!(!sizes.contains(gone), "{sizes}");
        assert_eq!(sizes.matches("`same`").count(), 2);
    }

    #[test]
    fn what_wraps_a_future_is_there_only_if_something_holds_it() {
        let boxed = "std::pin::Pin<std::boxed::Box<{static f::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}>>";
        let instance = "{static g<u8>::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}";
        let holder = "{static h::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}";
        let with = |held: &[&str], records: String| Printed {
            bodies: [(
                "h.mir".to_owned(),
                Body {
                    text: "".into(),
                    ty: holder.to_owned(),
                    span: None,
                    held: held.iter().map(|ty| (*ty).to_owned()).collect(),
                },
            )]
            .into(),
            ..run(&records, None)
        };
        let wrapped = format!("w::W<{instance}>");
        let all = || record(boxed, 8) + &record(instance, 9) + &record(&wrapped, 9) + &record(holder, 10);
        let before = with(&[boxed, &wrapped], all());
        let sizes = |held: &[&str]| with(held, String::new()).over(&before).unwrap().sizes();
        let all_held = sizes(&[boxed, &wrapped]);
        assert!([boxed, instance, &wrapped, holder].iter().all(|ty| all_held.contains(&format!("`{ty}`"))));
        let one_held = sizes(&[&wrapped]);
        assert!(!one_held.contains("Pin<"), "{one_held}");
        assert!(one_held.contains(&wrapped) && one_held.contains(&record(instance, 9)), "{one_held}");
        let none_held = sizes(&[]);
        assert_eq!(none_held.matches("type: `").count(), 1, "{none_held}");
    }

    #[test]
    fn instances_of_a_body_with_other_captures_are_gone() {
        let body = |upvars: &str| {
            let ty = format!(
                "{{static f<T>::{{closure#0}} upvar_tys={upvars} resume_ty=R yield_ty=() return_ty=()}}"
            );
            Body { text: "".into(), ty, span: None, held: Vec::new() }
        };
        let instance = |upvars: &str| {
            format!("{{static f<u8>::{{closure#0}} upvar_tys={upvars} resume_ty=R yield_ty=() return_ty=()}}")
        };
        let with = |upvars: &str, of: &str| Printed {
            bodies: [("f.mir".to_owned(), body(upvars))].into(),
            ..run(&record(&instance(of), 9), None)
        };
        // Nothing mentions them in the list of instances: nobody polls them.
        let (before, now) = (with("(T, u16)", "(u8, u16)"), with("(u16, T)", "(u16, u8)"));
        let sizes = now.over(&before).unwrap().sizes();
        assert!(sizes.contains(&instance("(u16, u8)")) && !sizes.contains(&instance("(u8, u16)")), "{sizes}");
        let holder = Body { held: vec![instance("(u8, u16)")], ..body("()") };
        let mut same = with("(T, u16)", "(u32, u16)");
        same.bodies.insert("g.mir".to_owned(), holder);
        let same = same.over(&before).unwrap().sizes();
        assert!(same.contains(&instance("(u8, u16)")), "its captures are as before: {same}");
    }

    #[test]
    fn types_are_found_at_every_depth() {
        let mut found = Vec::new();
        let line = "fn <a::B<(u8, c::D)> as e::F<fn() -> u16>>::g::<&'{erased} mut {static h<i::J>}> @@";
        mentions(line, &mut |ty| found.push(ty));
        for ty in ["a::B<(u8, c::D)>", "(u8, c::D)", "c::D", "u8", "{static h<i::J>}", "i::J"] {
            assert!(found.contains(&ty), "{ty} in {found:?}");
        }
    }

    #[test]
    fn what_a_macro_made_is_there_if_the_body_around_it_is() {
        let span = |file: &str, line| Span {
            file: file.into(),
            start: LineCol { line, col: 1 },
            end: LineCol { line, col: 9 },
        };
        let ty = |path: &str| format!("{{static {path} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}}");
        let (outer, inner) = ("f::{closure#0}", "f::{closure#0}::{closure#0}");
        let file = |path: &str| format!("a.{}.-------.pass.0.mir", path.replace("::", "-"));
        let body = |path: &str, text: &str, span| Body {
            text: text.into(),
            ty: ty(path),
            span: Some(span),
            held: Vec::new(),
        };
        let printed = |text: &str, bodies: Vec<(String, Body)>| Printed {
            bodies: bodies.into_iter().collect(),
            sources: vec![("a.rs".to_owned(), Some(text.to_owned()))],
            ..run("", None)
        };
        let made = || (file(inner), body(inner, "", span("other.rs", 7)));
        let around = |text: &str| (file(outer), body(outer, text, span("a.rs", 1)));
        let before = || printed("a\nb", vec![around(&ty(inner)), made()]);
        let names = |now: Option<Printed>| now.map(|now| now.bodies.into_keys().collect::<Vec<_>>());
        let both = vec![file(outer), file(inner)].into_iter().rev().collect::<Vec<_>>();
        // Not dumped again, and where it was.
        assert_eq!(names(printed("a\nc", vec![]).over(&before())), Some(both.clone()));
        // Dumped again.
        let dumped = |text: &str| printed("x\nb", vec![around(text)]);
        assert_eq!(names(dumped(&ty(inner)).over(&before())), Some(both));
        assert_eq!(names(dumped("").over(&before())), Some(vec![file(outer)]));
        // Nothing tells.
        let alone = printed("a\nb", vec![made()]);
        assert!(printed("a\nc", vec![]).over(&alone).is_none());
        assert!(printed("a\nb", vec![]).over(&alone).is_some(), "nothing has changed");
    }

    #[test]
    fn a_macro_is_found_by_its_brackets() {
        let text = "fn a() {}\nmacro_rules! m {\n    () => { async {} };\n}\nasync fn b() {}\n";
        let at = |line| Span {
            file: "a.rs".into(),
            start: LineCol { line, col: 1 },
            end: LineCol { line, col: 2 },
        };
        let found: Vec<bool> = (1..=5).map(|line| is_in_macro(&at(line), text)).collect();
        assert_eq!(found, [false, true, true, true, false]);
    }

    #[test]
    fn a_text_is_the_same_where_only_comments_differ() {
        let body = |start, end| Span {
            file: "a.rs".into(),
            start: LineCol { line: start, col: 1 },
            end: LineCol { line: end, col: 2 },
        };
        let is_same = |old: &str, new: &str, start, end| {
            let texts = Texts { before: without_comments(old), now: without_comments(new) };
            texts.has_same(&body(start, end))
        };
        let text = "fn a() {}\n\nfn b()\n{\n    1; // one\n}\nfn c() {}";
        assert!(is_same(text, text, 4, 6));
        assert!(is_same(text, &text.replace("one", "two"), 4, 6), "a comment in it");
        assert!(is_same(text, &text.replace("a()", "x()").replace("c()", "y()"), 4, 6), "text around it");
        assert!(!is_same(text, &text.replace("1;", "2;"), 4, 6), "its text");
        assert!(!is_same(text, &text.replace("b()", "x()"), 4, 6), "its header");
        assert!(!is_same(text, &text.replace("{}\n\n", "{}\n#[cfg(x)]\n"), 4, 6), "its attributes");
        assert!(!is_same(text, &format!("\n{text}"), 4, 6), "its place");
        assert!(!is_same(text, "", 4, 6));
    }

    #[test]
    fn comments_are_told_from_what_looks_like_one() {
        let lines = |text: &str| without_comments(text).join("\n");
        assert_eq!(lines("a // b\nc /* d\n /* e */ */ f"), "a\nc\n            f");
        for text in [
            r##"x("// no", "\"/*", r"\", r#"" // no"#, br"/*", b'"', '"', '\'', '/', "é")"##,
            "fn f<'a>(x: &'a str) -> &'static str",
            "let r = 1; for r in r {}",
            "let s = \"two\n// lines\"; x",
        ] {
            assert_eq!(lines(&format!("{text} // c")), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn comments_are_removed_from_any_text(text in "[ab'\"/*r#\\\\\n é]{0,40}") {
            let lines = without_comments(&text);
            proptest::prop_assert_eq!(lines.len(), text.split('\n').count());
        }
    }
}
