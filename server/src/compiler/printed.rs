//! What an incremental compiler run printed, put over what was known of the run it built on.
//!
//! An incremental run prints the layouts and dumps the bodies that it computed anew. Whatever it computed
//! anew is there: the compiler prints while it computes, so that what is printed, places in the source
//! included, is part of what it has to compute again when it changes. (Layouts are not in its cache on disk: who
//! needs one that is as before computes it again, and it is printed again.) What it did *not* print is either as
//! before, or gone. To tell these apart,
//!
//! * the compiler lists every instance of a function in every run (`-Zprint-mono-items`), but for binaries: a
//!   type that the list mentioned before and does not mention now is gone, unless it is a body's own, which the
//!   compiler lays out whether or not anything uses it, or held by something that is still there. A type is
//!   mentioned by name, and an async fn's also where the fn is listed that makes it;
//! * a body that was not dumped is as it was if its text is, comments aside, on the lines that it was on; it is
//!   gone if its file is, if another body stands there now (closures are numbered: one less before it, and it has
//!   another name), if the body around it is gone or does not mention it, or if nothing has its fn's name;
//! * the instances of a body that is gone, or has other captures now, are gone, and so is what wraps them;
//! * the instances of a body that stores other things now would have been printed again.
//!
//! What is left are futures that never were in the list (see [`Doubts`]). A body that a macro made stands in the
//! macro's definition, wherever the macro is called: its text tells nothing. Where none of this decides, the unit
//! is to be measured whole: [`Printed::over`] says so.
//!
//! Where only the futures that are not generic count ([`Form::Concrete`]), what is left of others and of what macros
//! made stays, whether it is there or not.

use super::inputs::Inputs;
use super::invocation::Form;
use super::unit::Unit;
use crate::dump::mono_items::{self, as_in_types, makers};
use crate::dump::names::{self, CoroutineName, Parameters};
use crate::dump::records::{Record, records};
use crate::dump::types::{every_type, has_body, is_boxed_future, is_named, mentions};
use crate::dump::{self, CoroutineBody, LineCol, Span, type_sizes};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What one run printed, or several of them together.
#[derive(Debug)]
pub struct Printed {
    form: Form,
    /// The records of `-Zprint-type-sizes` by type; one name may be that of several types.
    records: HashMap<String, Vec<Record>>,
    /// Names of types that the list of instances mentions, as far as they were asked for.
    mentioned: HashSet<String>,
    /// Of these, the futures that it only has the fn of that makes them. Not kept.
    made: HashSet<String>,
    /// Is there a list of instances? The compiler makes none for a binary.
    has_list: bool,
    /// By file name.
    bodies: BTreeMap<String, Body>,
    /// By path as the compiler prints it; no text if it was changed during the run.
    pub sources: Vec<(String, Option<String>)>,
    /// Digests of the other files that were read, the same way.
    included: Vec<(String, Option<u64>)>,
    /// Every line is of a known form.
    is_understood: bool,
}

#[derive(Debug, Clone)]
struct Body {
    text: Arc<str>,
    /// Its type, with the body's own parameters if it has any; then there is no record of it.
    ty: String,
    span: Option<Span>,
    /// The types of what it stores and captures that have a body's type in them.
    held: Vec<String>,
    is_understood: bool,
}

impl Body {
    fn new(text: Arc<str>) -> Self {
        let Some(parsed) = CoroutineBody::parse(&text) else {
            return Body { text, ty: String::new(), span: None, held: Vec::new(), is_understood: false };
        };
        let stored = parsed.saved.iter().filter_map(|saved| saved.ty);
        let held = stored.chain(parsed.upvars.iter().map(|upvar| upvar.ty)).filter(|ty| has_body(ty));
        let held = held.map(str::to_owned).collect();
        let span = parsed.span.map(|span| span.to_span(&mut HashSet::new()));
        let is_understood = parsed.example.is_none() && CoroutineName::parse(parsed.self_ty).is_some();
        Body { ty: parsed.self_ty.to_owned(), span, held, is_understood, text }
    }
}

impl Body {
    /// Is what it stores something else, or stored elsewhere, for certain?
    fn stores_other_than(&self, other: &Body) -> bool {
        let (Some(a), Some(b)) = (CoroutineBody::parse(&self.text), CoroutineBody::parse(&other.text)) else {
            return false;
        };
        // Not of every local the type is known.
        let differ = |(a, b): (Option<&str>, Option<&str>)| a.is_some() && b.is_some() && a != b;
        let mut types = a.saved.iter().zip(&b.saved).map(|(a, b)| (a.ty, b.ty));
        let fields = |body: &CoroutineBody<'_>| -> Vec<Vec<u32>> {
            body.variants.iter().map(|variant| variant.fields.clone()).collect()
        };
        a.saved.len() != b.saved.len()
            || types.any(differ)
            || fields(&a) != fields(&b)
            || a.storage_conflicts != b.storage_conflicts
    }
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
        form: Form,
        stdout: &str,
        bodies: Vec<(String, String)>,
        inputs: Inputs,
        before: Option<&Printed>,
    ) -> Printed {
        let stdout = &*dump::normal(stdout);
        let records = records(stdout);
        let (mut mentioned, mut made) = (HashSet::new(), HashSet::new());
        let mut has_list = false;
        let sizes = type_sizes::TypeSizes::parse(stdout);
        let mut is_understood = sizes.example.is_none();
        let known = records.keys().chain(before.into_iter().flat_map(|before| before.records.keys()));
        let makers = makers(known.map(String::as_str));
        for instance in mono_items::instances(stdout) {
            has_list = true;
            is_understood &= instance.is_understood;
            mentions(instance.line, &mut |ty| {
                let is_known = || {
                    records.contains_key(ty) || before.is_some_and(|before| before.records.contains_key(ty))
                };
                if !mentioned.contains(ty) && is_known() {
                    mentioned.insert(ty.to_owned());
                }
            });
            let of_it = instance.function.and_then(|maker| makers.get(&as_in_types(maker)));
            made.extend(of_it.into_iter().flatten().map(|ty| (*ty).to_owned()));
        }
        made.retain(|ty| !mentioned.contains(ty));
        mentioned.extend(made.iter().cloned());
        let bodies = bodies.into_iter().map(|(name, text)| (name, Body::new(dump::normal(&text).into())));
        let bodies: BTreeMap<String, Body> = bodies.collect();
        is_understood &= bodies.values().all(|body| body.is_understood);
        let Inputs { sources, included } = inputs;
        Printed { form, records, mentioned, made, has_list, bodies, sources, included, is_understood }
    }

    /// What is kept of a unit.
    pub fn of(unit: &Unit, form: Form) -> Printed {
        Printed {
            form,
            records: records(unit.sizes()),
            mentioned: unit.mentioned().map(str::to_owned).collect(),
            made: HashSet::new(),
            has_list: false,
            bodies: unit.bodies().map(|(name, text)| (name.to_owned(), Body::new(text.into()))).collect(),
            sources: unit.sources().map(|(name, text)| (name.to_owned(), Some(text.to_owned()))).collect(),
            // Nobody asks for those of an earlier run.
            included: Vec::new(),
            // Or nothing would be built on it.
            is_understood: true,
        }
    }

    /// Can another run build on this one?
    pub fn is_understood(&self) -> bool {
        self.is_understood
    }

    /// Did the compiler list the instances, if it was to?
    pub fn has_list(&self) -> bool {
        self.has_list || self.form != Form::Complete
    }

    /// Is there a body of which no instance is known, although each instance would be printed here?
    pub fn lacks_instances(&self) -> bool {
        let generic = self.bodies.values().filter(|body| !self.records.contains_key(&body.ty));
        let generic = Instances::new(generic.map(|body| &*body.ty));
        let known = self.records.keys().flat_map(|name| generic.all(name)).map(|(pattern, _)| pattern);
        let known: HashSet<&str> = known.collect();
        generic.own.values().flatten().any(|(pattern, _)| !known.contains(pattern))
    }

    /// Adds everything to a unit.
    pub fn push_to(&self, unit: &mut Unit) {
        unit.push_sizes(&self.sizes());
        self.bodies.iter().for_each(|(name, body)| unit.push_body(name.clone(), &body.text));
        self.sources.iter().for_each(|(name, text)| unit.push_source(name.clone(), text.as_deref()));
        self.included.iter().for_each(|(name, digest)| unit.push_included(name.clone(), *digest));
        let mut mentioned: Vec<&str> = self.mentioned.iter().map(String::as_str).collect();
        mentioned.sort_unstable();
        unit.push_mentioned(&mentioned);
    }

    /// All that holds now: this run's, and what is left of what it built on. `None` if that cannot be told.
    pub fn over(mut self, before: &Printed) -> Option<Printed> {
        if !self.is_understood {
            return None;
        }
        let fates = Fates::new(before, &self);
        let mut left = Vec::new();
        for (name, old) in before.bodies.iter().filter(|(name, _)| !self.bodies.contains_key(*name)) {
            match fates.of(name, old) {
                Fate::AsBefore => left.push((name.clone(), old.clone())),
                Fate::Gone => {}
                Fate::Unknown if self.form == Form::Concrete && fates.is_macro_made(old) => {
                    left.push((name.clone(), old.clone()));
                }
                Fate::Unknown => return None,
            }
        }
        let doubts = Doubts::new(before, &self, &left);
        let kept = match self.form {
            Form::Concrete => doubts.unless_gone(),
            Form::Complete | Form::Checked => doubts.settle()?,
        };
        let kept = kept.into_iter().map(|(name, records)| (name.clone(), records.clone()));
        let kept: Vec<(String, Vec<Record>)> = kept.collect();
        self.records.extend(kept);
        self.bodies.extend(left);
        Some(self)
    }

    fn text(&self, file: &str) -> Option<Option<&str>> {
        let (_, text) = self.sources.iter().find(|(name, _)| name == file)?;
        Some(text.as_deref())
    }

    /// All records as one run would have printed them: largest first.
    pub fn sizes(&self) -> String {
        let named = self.records.iter().flat_map(|(name, records)| records.iter().map(move |r| (name, r)));
        let mut records: Vec<(&String, &Record)> = named.collect();
        records.sort_by_key(|(name, record)| (Reverse(record.size), *name));
        records.into_iter().map(|(_, record)| &*record.lines).collect()
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
        let is_named = self.now.mentioned.contains(&body.ty) && !self.now.made.contains(&body.ty);
        if is_named || self.now.sources == self.before.sources {
            return Fate::AsBefore;
        }
        let by = [Self::by_place, Self::by_parent, Self::by_name];
        let fates = by.into_iter().map(|by| by(self, name, body));
        fates.into_iter().find(|fate| *fate != Fate::Unknown).unwrap_or(Fate::Unknown)
    }

    /// Does a body stand in a macro's definition, or in no file of the crate?
    fn is_macro_made(&self, body: &Body) -> bool {
        let Some(span) = &body.span else { return false };
        self.before.text(&span.file).is_none_or(|text| text.is_some_and(|text| is_in_macro(span, text)))
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

/// Which records of before hold still, of those that were not printed again.
///
/// A future that is nobody's own, that the list does not mention and that no body's and no type's text names as
/// held is laid out because of
/// * a local in a plain fn: the compiler lays out what a fn has as locals when it looks for mistakes in it, but for
///   `async fn`s. In a library that fn is one that nothing calls, or it would be in the list with what it makes; a
///   binary has no list.
/// * a named local in a future of another crate: the compiler prints its size, but no type.
struct Doubts<'a> {
    before: &'a Printed,
    now: &'a Printed,
    /// All that there are now, by file name.
    bodies: BTreeMap<&'a str, &'a Body>,
    /// The types of these.
    own: HashSet<&'a str>,
    /// The types of bodies that are there no more, and what has other captures now.
    gone: Instances<'a>,
    there: Instances<'a>,
}

type Entry<'a> = (&'a String, &'a Vec<Record>);

impl<'a> Doubts<'a> {
    /// `left` are the bodies that were not dumped again and are there.
    fn new(before: &'a Printed, now: &'a Printed, left: &'a [(String, Body)]) -> Self {
        let left = left.iter().map(|(name, body)| (name.as_str(), body));
        let bodies: BTreeMap<&str, &Body> =
            now.bodies.iter().map(|(name, body)| (name.as_str(), body)).chain(left).collect();
        let own: HashSet<&str> = bodies.values().map(|body| body.ty.as_str()).collect();
        let gone = before.bodies.values().map(|body| body.ty.as_str()).filter(|ty| !own.contains(ty));
        let gone = Instances::new(gone);
        let there = Instances::new(own.iter().copied());
        Doubts { before, now, bodies, own, gone, there }
    }

    /// The records that hold still if what they are about is there.
    fn unless_gone(&self) -> Vec<Entry<'a>> {
        let mut gone_parts = HashMap::new();
        let old = self.before.records.iter().filter(|(name, _)| !self.now.records.contains_key(*name));
        old.filter(|(name, _)| self.own.contains(name.as_str()) || !self.has_gone_part(name, &mut gone_parts))
            .collect()
    }

    /// The records that hold still; `None` if that cannot be told.
    fn settle(&self) -> Option<Vec<Entry<'a>>> {
        let (mut kept, mut open) = (Vec::new(), HashMap::new());
        let mut gone_parts = HashMap::new();
        for (name, records) in &self.before.records {
            if self.now.records.contains_key(name) {
                continue;
            }
            if self.own.contains(name.as_str()) {
                kept.push((name, records));
                continue;
            }
            let has_body = has_body(name);
            if has_body && self.has_gone_part(name, &mut gone_parts) {
                continue;
            }
            let is_mentioned = self.now.mentioned.contains(name);
            if is_mentioned && CoroutineName::parse(name).is_some() {
                if !self.is_laid_out_anew(name) {
                    open.insert(name.as_str(), (name, records));
                }
            } else if !is_mentioned && (has_body || self.before.mentioned.contains(name)) {
                open.insert(name.as_str(), (name, records));
            } else {
                kept.push((name, records));
            }
        }
        // What is held by something that is there, or named in its type, is there.
        for ty in self.bodies.values().flat_map(|body| &body.held) {
            every_type(ty, &mut |ty| kept.extend(open.remove(ty)));
        }
        for ty in self.now.records.iter().flat_map(|(name, records)| parts(name, records)) {
            every_type(ty, &mut |ty| kept.extend(open.remove(ty)));
        }
        let mut at = 0;
        loop {
            while let Some(&(name, records)) = kept.get(at) {
                for ty in parts(name, records) {
                    every_type(ty, &mut |ty| kept.extend(open.remove(ty)));
                }
                at += 1;
            }
            let futures = open.values().copied().filter(|(name, _)| self.is_open(name)).collect::<Vec<_>>();
            if futures.is_empty() {
                break;
            }
            let held = self.held_by_instances(&kept);
            let there =
                futures.iter().filter(|future| held.contains(future.0) || self.is_there(future, &kept));
            let there: Vec<Entry<'a>> = there.copied().collect();
            if there.is_empty() {
                return None;
            }
            kept.extend(there.iter().filter_map(|(name, _)| open.remove(name.as_str())));
        }
        // What is left is gone, or wraps what is there: nobody asks for it unless the compiler does, too.
        let gone: HashSet<&str> =
            open.keys().copied().filter(|name| CoroutineName::parse(name).is_some()).collect();
        for (name, records) in open.into_values().filter(|(name, _)| !self.before.mentioned.contains(*name)) {
            let mut is_there = true;
            every_type(name, &mut |ty| is_there &= !gone.contains(ty));
            if is_there {
                kept.push((name, records));
            }
        }
        Some(kept)
    }

    /// Is it a future that is not gone just because it left the list?
    fn is_open(&self, name: &str) -> bool {
        let has_left = self.before.mentioned.contains(name) && !self.now.mentioned.contains(name);
        !has_left && (CoroutineName::parse(name).is_some() || is_boxed_future(name))
    }

    /// Did anything hold it, or name it as what it holds?
    fn was_held(&self, ty: &str) -> bool {
        let by_bodies = self.before.bodies.values().flat_map(|body| &body.held).map(String::as_str);
        let records = self.before.records.iter().filter(|(name, _)| *name != ty);
        let mut held = by_bodies.chain(records.flat_map(|(name, records)| parts(name, records)));
        let all: Vec<Entry<'_>> = self.before.records.iter().collect();
        held.any(|held| is_named(held, ty)) || self.held_by_instances(&all).contains(ty)
    }

    /// Of a future that nothing is known to hold.
    fn is_there(&self, (name, records): &Entry<'a>, kept: &[Entry<'a>]) -> bool {
        if self.now.mentioned.contains(*name) {
            // That it is in the list is no reason to lay it out; but if there was another one, it still holds.
            return !self.was_held(name);
        }
        // A body was compiled again, or it has printed the layouts of its locals.
        if self.now.records.is_empty() && self.now.bodies.is_empty() {
            return true;
        }
        let mut bodies = Vec::new();
        every_type(name, &mut |part| {
            if let Some(of) = CoroutineName::parse(part)
                && (self.own.contains(part) || self.there.has(part))
            {
                bodies.push(names::skeleton(of.path));
            }
        });
        if !bodies.is_empty() {
            return self.is_made_as_before(&bodies);
        }
        // A future of another crate has it. One that is printed again would have it printed, too.
        let size = records.iter().map(|record| record.size).min().unwrap_or(0);
        let could_hold = |(other, records): &Entry<'_>| {
            *other != *name
                && CoroutineName::parse(other).is_some()
                && !self.own.contains(other.as_str())
                && records.iter().any(|record| record.has_unknown(size))
        };
        let kept: HashSet<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        let mut holders = self.before.records.iter().filter(could_hold).peekable();
        self.now.has_list && holders.peek().is_some() && holders.all(|(name, _)| kept.contains(name.as_str()))
    }

    /// Do all plain fns that make instances of these bodies make what they made? They do if their text is the same,
    /// and they were not compiled again: that prints what they make now.
    fn is_made_as_before(&self, bodies: &[String]) -> bool {
        let mut is_printed = false;
        for name in self.now.records.keys().filter(|name| has_body(name)) {
            every_type(name, &mut |part| {
                let of = CoroutineName::parse(part).map(|of| names::skeleton(of.path));
                is_printed |= of.is_some_and(|of| bodies.contains(&of));
            });
        }
        let mut makers =
            bodies.iter().map(|body| body.rsplit("::").find(|segment| !segment.starts_with('{')));
        !is_printed && makers.all(|maker| maker.is_some_and(|maker| self.is_called_as_before(maker)))
    }

    /// Are the lines that have a fn's name the same as before, wherever they are?
    fn is_called_as_before(&self, function: &str) -> bool {
        let is_word = |char: char| char == '_' || char.is_alphanumeric();
        let has_it = |line: &str| line.split(|char| !is_word(char)).any(|word| word == function);
        // What is made by a macro also depends on where that is called.
        let is_macros = |file: &str, text: &str, number: usize| {
            let place = LineCol { line: u32::try_from(number).unwrap_or(u32::MAX), col: 1 };
            is_in_macro(&Span { file: file.into(), start: place, end: place }, text)
        };
        let lines = |printed: &Printed| -> Option<Vec<String>> {
            let mut lines = Vec::new();
            for (file, text) in &printed.sources {
                let text = text.as_deref()?;
                if !text.contains(function) {
                    continue;
                }
                for (line, number) in without_comments(text).iter().zip(1..).filter(|(line, _)| has_it(line))
                {
                    if is_macros(file, text, number) {
                        return None;
                    }
                    lines.push(line.trim().to_owned());
                }
            }
            lines.sort_unstable();
            Some(lines)
        };
        self.now.sources == self.before.sources
            || lines(self.before).is_some_and(|before| lines(self.now) == Some(before))
    }

    /// Every type that instances of generic bodies hold, of those that are as before. Of a named local no type is
    /// printed; the body knows it.
    fn held_by_instances(&self, kept: &[Entry<'_>]) -> HashSet<String> {
        let mut held = HashSet::new();
        for (name, _) in kept.iter().filter(|(name, _)| !self.own.contains(name.as_str())) {
            for (pattern, arguments) in self.there.all(name) {
                let arguments: Vec<(String, String)> =
                    arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
                let bodies = self.before.bodies.values().filter(|body| body.ty == pattern);
                for ty in bodies.flat_map(|body| &body.held) {
                    every_type(&names::substitute(ty, &arguments), &mut |ty| _ = held.insert(ty.to_owned()));
                }
            }
        }
        held
    }

    /// Is something in a type gone, or it itself? `known` is what was found out before.
    fn has_gone_part(&self, ty: &'a str, known: &mut HashMap<&'a str, bool>) -> bool {
        let mut found = false;
        every_type(ty, &mut |part| {
            if part.starts_with('{') && !self.gone.own.is_empty() {
                found |= *known.entry(part).or_insert_with(|| {
                    self.gone.has(part) && !self.own.contains(part) && !self.there.has(part)
                });
            }
        });
        found
    }

    /// Is a type an instance of a body that stores other things than before? Then it is printed if it is there.
    fn is_laid_out_anew(&self, ty: &str) -> bool {
        let is_other = |pattern: &str| {
            let mut dumped = self.now.bodies.iter().filter(|(_, body)| body.ty == pattern);
            dumped.any(|(name, new)| {
                let old = self.before.bodies.get(name);
                old.is_some_and(|old| old.text != new.text && old.stores_other_than(new))
            })
        };
        let patterns: Vec<&str> = self.there.all(ty).into_iter().map(|(pattern, _)| pattern).collect();
        !patterns.is_empty() && patterns.into_iter().all(is_other)
    }
}

/// Types of bodies, to find what is an instance of one.
struct Instances<'a> {
    /// By what all instances have in common: the type, and what of it differs from instance to instance.
    own: HashMap<String, Vec<(&'a str, String)>>,
}

impl<'a> Instances<'a> {
    fn new(types: impl Iterator<Item = &'a str>) -> Self {
        let mut own: HashMap<String, Vec<(&str, String)>> = HashMap::new();
        for ty in types {
            if let Some(name) = CoroutineName::parse(ty) {
                own.entry(names::skeleton(name.path)).or_default().push((ty, Self::whole(&name)));
            }
        }
        Instances { own }
    }

    fn whole(name: &CoroutineName<'_>) -> String {
        format!("{}\n{}", name.path, name.upvars)
    }

    fn has(&self, ty: &str) -> bool {
        !self.all(ty).is_empty()
    }

    /// The bodies' types that a type may be an instance of, with what their parameters stand for in it.
    fn all(&self, ty: &str) -> Vec<(&'a str, Vec<(String, String)>)> {
        let Some(name) = CoroutineName::parse(ty).filter(|_| !self.own.is_empty()) else { return Vec::new() };
        let own = self.own.get(&names::skeleton(name.path)).into_iter().flatten();
        let whole = Self::whole(&name);
        let found = own.filter_map(|(ty, pattern)| {
            let arguments = names::unify(pattern, &whole, Parameters::AnyCapitalised)?.into_iter();
            Some((*ty, arguments.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
        });
        found.collect()
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

/// What a type says about what is in it: its name, and the types of what it holds.
fn parts<'a>(name: &'a str, records: &'a [Record]) -> impl Iterator<Item = &'a str> {
    let named = Some(name).filter(|name| has_body(name));
    named.into_iter().chain(records.iter().flat_map(Record::held_types))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stdout: &str, before: Option<&Printed>) -> Printed {
        Printed::read(Form::Complete, stdout, Vec::new(), Inputs::default(), before)
    }

    fn record(name: &str, size: u64) -> String {
        let prefix = type_sizes::PREFIX;
        format!(
            "{prefix}type: `{name}`: {size} bytes, alignment: 1 bytes\n{prefix}    field `.0`: {size} bytes\n"
        )
    }

    /// A list of instances.
    fn listed(functions: &[&str]) -> String {
        functions
            .iter()
            .map(|function| format!("{}fn {function} @@ a[Internal]\n", mono_items::PREFIX))
            .collect()
    }

    fn coroutine(path: &str) -> String {
        format!("{{static {path}::{{closure#0}} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}}")
    }

    fn body(ty: &str, held: &[&str]) -> Body {
        let held = held.iter().map(|ty| (*ty).to_owned()).collect();
        Body { text: "".into(), ty: ty.to_owned(), span: None, held, is_understood: true }
    }

    fn with_bodies(printed: Printed, bodies: &[(&str, Body)]) -> Printed {
        let bodies = bodies.iter().map(|(name, body)| ((*name).to_owned(), body.clone()));
        Printed { bodies: bodies.collect(), ..printed }
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
                    is_understood: true,
                },
            )]
            .into(),
            ..run(&records, None)
        };
        let wrapped = format!("w::W<{instance}>");
        let all = || record(boxed, 8) + &record(instance, 9) + &record(&wrapped, 9) + &record(holder, 10);
        let list = listed(&[
            "std::boxed::Box::<{static f::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}>::pin",
            "g::<u8>",
        ]);
        let before = with(&[boxed, &wrapped], all() + &list);
        let sizes = |held: &[&str]| with(held, listed(&["h"])).over(&before).unwrap().sizes();
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
            Body { text: "".into(), ty, span: None, held: Vec::new(), is_understood: true }
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
    fn a_future_is_there_if_the_list_has_the_fn_that_makes_it() {
        let (future, other) = (coroutine("a::B<u8>::g<c::D>"), record("other", 1));
        let list = listed(&["a::B::<u8>::g::<c::D>"]);
        let boxed = format!("std::pin::Pin<std::boxed::Box<{future}>>");
        let pin = listed(&[&format!("std::boxed::Box::<{future}>::pin")]);
        let before = run(&(record(&future, 9) + &record(&boxed, 8) + &list + &pin), None);
        let over = |now: &str| run(&(other.clone() + now), Some(&before)).over(&before);
        let both = over(&(list.clone() + &pin)).unwrap().sizes();
        assert!(both.contains(&record(&future, 9)) && both.contains(&record(&boxed, 8)), "{both}");
        assert_eq!(over(&listed(&["a::B::<u8>::g::<c::E>"])).unwrap().sizes(), other);
        // The list is no reason to lay it out. If there was another one, that may be gone.
        let (holder, list) = (coroutine("h"), listed(&["a::B::<u8>::g::<c::D>", "h"]));
        let held = run(&(record(&future, 9) + &record(&holder, 10) + &list), None);
        let held = with_bodies(held, &[("h.mir", body(&holder, &[&future]))]);
        let now = |holds: &[&str]| {
            with_bodies(run(&(other.clone() + &list), Some(&held)), &[("h.mir", body(&holder, holds))])
        };
        assert!(now(&[&future]).over(&held).is_some());
        assert!(now(&[]).over(&held).is_none());
        assert!(over(&list).is_none(), "perhaps the box was why");
    }

    #[test]
    fn instances_go_with_their_body_and_take_along_what_wraps_them() {
        let (generic, instance) = (coroutine("f<T>"), coroutine("f<u8>"));
        let wrapped = format!("w::W<{instance}>");
        let sources = |files: &[&str]| -> Vec<(String, Option<String>)> {
            files.iter().map(|file| ((*file).to_owned(), Some(String::new()))).collect()
        };
        let place = LineCol { line: 1, col: 1 };
        let span = Some(Span { file: "gone.rs".into(), start: place, end: place });
        let before = run(&(record(&instance, 9) + &record(&wrapped, 9)), None);
        let before = with_bodies(before, &[("f.mir", Body { span, ..body(&generic, &[]) })]);
        let before = Printed { sources: sources(&["gone.rs", "lib.rs"]), ..before };
        // The fn is there still, without the block in it.
        let now = run(&listed(&["f::<u8>"]), Some(&before));
        let now = Printed { sources: sources(&["lib.rs"]), ..now };
        assert_eq!(now.over(&before).unwrap().sizes(), "");
    }

    #[test]
    fn instances_of_a_body_that_stores_other_things_would_be_printed() {
        let (generic, instance) = (coroutine("f<T>"), coroutine("f<u8>"));
        let text = |stores: bool| {
            let (fields, held, conflicts) = match stores {
                false => ("},".to_owned(), "", "BitMatrix(0x0) {},".to_owned()),
                true => {
                    let span = "            source_info: SourceInfo {\n                span: src/lib.rs:1:1: 1:2 (#0),\n";
                    let field =
                        format!("        _s0: CoroutineSavedTy {{\n{span}            }},\n        }},\n");
                    let conflicts = "BitMatrix(1x1) {\n        (_s0, _s0),\n    },".to_owned();
                    (format!("\n{field}    }},"), "_s0", conflicts)
                }
            };
            format!(
                "// MIR for `f::{{closure#0}}` 0 coroutine_post-transform\n/* coroutine_layout = CoroutineLayout \
                 {{\n    field_tys: {{{fields}\n    variant_fields: {{\n        Unresumed(0): [],\n        \
                 Returned (1): [],\n        Panicked (2): [],\n        Suspend0 (3): [{held}],\n    }},\n    \
                 storage_conflicts: {conflicts}\n}} */\n\n\
                 fn f::{{closure#0}}(_1: {generic}, _2: u8) -> () {{\n    \
                 let mut _0: (); // return place in scope 0 at src/lib.rs:1:1: 1:2\n\n    bb0: {{\n        \
                 discriminant(_1) = 3; // bb0[0]: scope 0 at src/lib.rs:1:1: 1:2\n        \
                 return; // bb0[1]: scope 0 at src/lib.rs:1:1: 1:2\n    }}\n"
            )
        };
        let list = record("other", 1) + &listed(&["f::<u8>"]);
        let of = |stdout: &str, text: &str, before: Option<&Printed>| {
            let bodies = vec![("f.mir".to_owned(), text.to_owned())];
            Printed::read(Form::Complete, stdout, bodies, Inputs::default(), before)
        };
        let before = of(&(record(&instance, 9) + &listed(&["f::<u8>"])), &text(true), None);
        assert_eq!(before.bodies["f.mir"].ty, generic);
        let has_it = |text: &str| {
            of(&list, text, Some(&before)).over(&before).unwrap().sizes().contains(&record(&instance, 9))
        };
        assert!(has_it(&text(true)));
        assert!(has_it(&text(true).replace("_2: u8", "_2: u16")), "it stores what it stored");
        assert!(!has_it(&text(false)));
    }

    #[test]
    fn what_an_instance_holds_in_a_named_local_is_there() {
        let (generic, instance) = (coroutine("f<T>"), coroutine("f<u8>"));
        let (held, other) = (coroutine("g<(u8, T)>"), coroutine("g<(u8, u8)>"));
        let list = listed(&["f::<u8>"]);
        let bodies = [("f.mir", body(&generic, &[&held])), ("g.mir", body(&coroutine("g<T>"), &[]))];
        let of = |text: &str, printed: Printed| Printed {
            sources: vec![("lib.rs".to_owned(), Some(text.to_owned()))],
            ..with_bodies(printed, &bodies)
        };
        let before = of("fn a() { g(1) }", run(&(record(&instance, 9) + &record(&other, 7) + &list), None));
        let over = |now: String| of("fn a() { g(2) }", run(&(now + &list), Some(&before))).over(&before);
        assert!(over(record("other", 1)).unwrap().sizes().contains(&record(&other, 7)));
        // Who holds it would have had it printed again.
        assert!(over(record("other", 1) + &record(&instance, 9)).is_none());
    }

    #[test]
    fn a_future_that_only_another_crate_knows_is_there_if_whatever_could_hold_it_is() {
        let (holder, held, list) = (coroutine("other::h"), coroutine("other::f"), listed(&["main"]));
        let holding = |bytes: u64| {
            let local = format!("{}    local `.kept`: {bytes} bytes\n", type_sizes::PREFIX);
            record(&holder, 9) + &local
        };
        let over = |bytes: u64, now: String| {
            // `holder` is there as a fn of this crate holds it.
            let (own, ty) = (coroutine("main"), coroutine("other::h"));
            let own = ("main.mir", body(&own, &[&ty]));
            let before = run(&(holding(bytes) + &record(&held, 2) + &list), None);
            let before = with_bodies(before, &[own]);
            run(&now, Some(&before)).over(&before).map(|over| over.sizes().contains(&record(&held, 2)))
        };
        assert_eq!(over(2, record("printed", 1) + &list), Some(true));
        assert_eq!(over(1, record("printed", 1) + &list), None, "too small to hold it");
        assert_eq!(over(2, holding(2) + &list), None, "it does not hold it any more");
        assert_eq!(over(2, record("printed", 1)), None, "no list: it could be in any fn of a binary");
        assert_eq!(over(1, String::new()), Some(true), "nothing was compiled again");
    }

    #[test]
    fn an_instance_that_a_plain_fn_makes_is_there_if_its_text_is() {
        let (generic, instance) = (coroutine("a::f<T>"), coroutine("a::f<u8>"));
        let text = "fn main() {\n    f(1);\n    g();\n}\n";
        let of = |stdout: &str, text: &str, before: Option<&Printed>| Printed {
            sources: vec![("main.rs".to_owned(), Some(text.to_owned()))],
            ..with_bodies(run(stdout, before), &[("f.mir", body(&generic, &[]))])
        };
        let before = of(&record(&instance, 9), text, None);
        let over = |printed: &str, text: &str| {
            let now = of(&record(printed, 1), text, Some(&before));
            now.over(&before).map(|over| over.sizes().contains(&record(&instance, 9)))
        };
        let moved = "\n// f\nfn main() {\n    h();\n        f(1); // f\n}\n";
        assert_eq!(over("printed", text), Some(true));
        assert_eq!(over("printed", moved), Some(true));
        assert_eq!(over("printed", &text.replace("f(1)", "f(1u16)")), None);
        assert_eq!(over("printed", &text.replace("f(1);", "")), None);
        assert_eq!(over("printed", &text.replace("f(1)", "/* f(1) */")), None);
        assert_eq!(over(&coroutine("a::f<u16>"), moved), None, "that may be what it makes now");
        let made = "macro_rules! m {\n    () => {\n        f(1)\n    };\n}\n";
        let in_macro = of(&record(&instance, 9), made, None);
        let now = of(&record("printed", 1), &format!("{made}\nfn g() {{}}\n"), Some(&in_macro));
        assert!(now.over(&in_macro).is_none());
    }

    #[test]
    fn a_type_is_the_same_whatever_number_the_compiler_gives_its_definition() {
        let ty = |number: u32| format!("w::W<fn(DefId(0:{number} ~ a[1f]::f::'_))>");
        let before = run(&record(&ty(7), 9), None);
        let sizes = run(&record(&ty(18), 9), Some(&before)).over(&before).unwrap().sizes();
        assert_eq!(sizes.matches("type: ").count(), 1, "{sizes}");
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
            is_understood: true,
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
