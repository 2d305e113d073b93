//! Which records hold still that were not printed again.

use super::code::{MacroLines, without_comments};
use super::instances::Instances;
use super::printed::{DumpedBody, Printed};
use crate::dump::names::{self, CoroutineName};
use crate::dump::records::Record;
use crate::dump::types::{every_type, has_body, is_boxed_future, is_named};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Which records of before hold still, of those that were not printed again.
///
/// A future that is nobody's own, that the list does not mention and that no body's and no type's text names as
/// held is laid out because of
/// * a local in a plain fn: the compiler lays out what a fn has as locals when it looks for mistakes in it, but for
///   `async fn`s. In a library that fn is one that nothing calls, or it would be in the list with what it makes; a
///   binary has no list.
/// * a named local in a future of another crate: the compiler prints its size, but no type.
pub(super) struct Doubts<'a> {
    before: &'a Printed,
    now: &'a Printed,
    /// All that there are now, by file name.
    bodies: BTreeMap<&'a str, &'a DumpedBody>,
    /// The types of these.
    own: HashSet<&'a str>,
    /// The types of bodies that are there no more, and what has other captures now.
    gone: Instances<'a>,
    there: Instances<'a>,
}

/// A type, and the layouts of all that have its name.
type Layouts<'a> = (&'a String, &'a Vec<Record>);

impl<'a> Doubts<'a> {
    /// `left` are the bodies that were not dumped again and are there.
    pub fn new(before: &'a Printed, now: &'a Printed, left: &'a [(String, DumpedBody)]) -> Self {
        let left = left.iter().map(|(name, body)| (name.as_str(), body));
        let bodies: BTreeMap<&str, &DumpedBody> =
            now.bodies.iter().map(|(name, body)| (name.as_str(), body)).chain(left).collect();
        let own: HashSet<&str> = bodies.values().map(|body| body.ty.as_str()).collect();
        let gone = before.bodies.values().map(|body| body.ty.as_str()).filter(|ty| !own.contains(ty));
        let gone = Instances::new(gone);
        let there = Instances::new(own.iter().copied());
        Doubts { before, now, bodies, own, gone, there }
    }

    /// The records that hold still if what they are about is there.
    pub fn unless_gone(&self) -> Vec<Layouts<'a>> {
        let mut gone_parts = HashMap::new();
        let old = self.before.records.iter().filter(|(name, _)| !self.now.records.contains_key(*name));
        old.filter(|(name, _)| self.own.contains(name.as_str()) || !self.has_gone_part(name, &mut gone_parts))
            .collect()
    }

    /// The records that hold still; `None` if that cannot be told.
    pub fn settle(&self) -> Option<Vec<Layouts<'a>>> {
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
            let there: Vec<Layouts<'a>> = there.copied().collect();
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
        let all: Vec<Layouts<'_>> = self.before.records.iter().collect();
        held.any(|held| is_named(held, ty)) || self.held_by_instances(&all).contains(ty)
    }

    /// Of a future that nothing is known to hold.
    fn is_there(&self, (name, records): &Layouts<'a>, kept: &[Layouts<'a>]) -> bool {
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
        let could_hold = |(other, records): &Layouts<'_>| {
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
        let lines = |printed: &Printed| -> Option<Vec<String>> {
            let mut lines = Vec::new();
            for (_, text) in &printed.sources {
                let text = text.as_deref()?;
                if !text.contains(function) {
                    continue;
                }
                let macros = MacroLines::of(text);
                for (line, number) in without_comments(text).iter().zip(1..).filter(|(line, _)| has_it(line))
                {
                    // What is made by a macro also depends on where that is called.
                    if macros.has(number) {
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
    fn held_by_instances(&self, kept: &[Layouts<'_>]) -> HashSet<String> {
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

/// What a type says about what is in it: its name, and the types of what it holds.
fn parts<'a>(name: &'a str, records: &'a [Record]) -> impl Iterator<Item = &'a str> {
    let named = Some(name).filter(|name| has_body(name));
    named.into_iter().chain(records.iter().flat_map(Record::held_types))
}
