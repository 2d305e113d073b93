//! What became of bodies that were not dumped again.

use super::code::{MacroLines, without_comments};
use super::printed::{DumpedBody, Printed};
use crate::dump::Span;
use crate::dump::names::CoroutineName;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

/// What became of a body that was not dumped again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    AsBefore,
    Gone,
    Unknown,
}

/// What became of bodies that were not dumped again.
pub(super) struct Fates<'a> {
    before: &'a Printed,
    now: &'a Printed,
    /// Where bodies stand that did not stand there before: whatever did has another name now.
    taken: HashSet<&'a Span>,
    /// Of files that changed, by name.
    texts: HashMap<&'a str, ChangedText>,
    /// Which lines of the texts of before define macros, by file.
    macros: OnceCell<HashMap<&'a str, MacroLines>>,
}

/// A file's lines without comments, before and now.
pub(super) struct ChangedText {
    pub before: Vec<String>,
    pub now: Vec<String>,
}

impl<'a> Fates<'a> {
    pub fn new(before: &'a Printed, now: &'a Printed) -> Self {
        let taken = now.bodies.iter().filter_map(|(name, body)| {
            let span = body.span.as_ref()?;
            let stood_there = before.bodies.get(name).is_some_and(|old| old.span.as_ref() == Some(span));
            (!stood_there).then_some(span)
        });
        let changed = before.sources.iter().filter_map(|(file, old)| {
            let (old, new) = (old.as_ref()?, now.text(file)??);
            let texts = || ChangedText { before: without_comments(old), now: without_comments(new) };
            (old != new).then(|| (file.as_str(), texts()))
        });
        Fates { before, now, taken: taken.collect(), texts: changed.collect(), macros: OnceCell::new() }
    }

    pub fn of(&self, name: &str, body: &DumpedBody) -> Fate {
        let is_named = self.now.mentioned.contains(&body.ty) && !self.now.made.contains(&body.ty);
        if is_named || self.now.sources == self.before.sources {
            return Fate::AsBefore;
        }
        let by = [Self::by_place, Self::by_parent, Self::by_name];
        let fates = by.into_iter().map(|by| by(self, name, body));
        fates.into_iter().find(|fate| *fate != Fate::Unknown).unwrap_or(Fate::Unknown)
    }

    /// Does a body stand in a macro's definition, or in no file of the crate?
    pub fn is_macro_made(&self, body: &DumpedBody) -> bool {
        let Some(span) = &body.span else { return false };
        self.before.text(&span.file).is_none_or(|_| self.is_in_macro(span))
    }

    /// Does a body stand in a macro's definition, in a text of before?
    fn is_in_macro(&self, span: &Span) -> bool {
        let macros = self.macros.get_or_init(|| {
            let texts = self.before.sources.iter().filter_map(|(file, text)| Some((file, text.as_ref()?)));
            texts.map(|(file, text)| (file.as_str(), MacroLines::of(text))).collect()
        });
        macros.get(&*span.file).is_some_and(|lines| lines.has(span.start.line))
    }

    fn by_place(&self, _: &str, body: &DumpedBody) -> Fate {
        let Some(span) = &body.span else { return Fate::Unknown };
        // Of a file of another crate, or one whose text nobody knows.
        let Some(Some(_)) = self.before.text(&span.file) else { return Fate::Unknown };
        match self.now.text(&span.file) {
            None => return Fate::Gone,
            Some(None) => return Fate::Unknown,
            Some(Some(_)) => {}
        }
        if self.is_in_macro(span) {
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
    fn by_parent(&self, name: &str, body: &DumpedBody) -> Fate {
        let parent = name.split_once("}.").and_then(|(path, rest)| {
            let (parent, number) = path.rsplit_once("-{closure#")?;
            number.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{parent}.{rest}"))
        });
        let (Some(parent), Some(own)) = (parent, CoroutineName::parse(&body.ty)) else {
            return Fate::Unknown;
        };
        match (self.now.bodies.get(&parent), self.before.bodies.get(&parent)) {
            (Some(now), _) if now.mentions(&format!("{} upvar_tys=", own.path)) => Fate::AsBefore,
            (Some(_), _) => Fate::Gone,
            (None, Some(before)) => self.of(&parent, before),
            (None, None) => Fate::Unknown,
        }
    }

    /// What has a name that is nowhere in the sources is not there.
    fn by_name(&self, name: &str, _: &DumpedBody) -> Fate {
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

impl ChangedText {
    /// Does a body stand where it was, with the same text, the same header and the same attributes?
    pub fn has_same(&self, span: &Span) -> bool {
        // Lines count from one.
        let (first, last) = ((span.start.line as usize).saturating_sub(1), span.end.line as usize);
        let ends_something = |line: &&String| line.ends_with(['}', ';', '{']);
        let header = self.before.iter().take(first).rev().take_while(|line| !ends_something(line)).count();
        let lines = first - header..last;
        let before = self.before.get(lines.clone());
        before.is_some() && before == self.now.get(lines)
    }
}
