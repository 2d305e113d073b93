//! Which site a compiled body belongs to.
//!
//! The compiler gives a body one span. For what the user wrote himself it is the fn's `{..}`, the
//! whole `async {..}`, or the closure's body. What a macro made has a span in the macro's
//! definition, in another crate's file, on the attribute, or on some token the macro was given:
//! then the other spans of the body and its definition path tell which call made it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ra_ap_syntax::TextRange;

use super::calls::{Call, calls, crate_of, has_word, is_standard};
use super::collect::{FnItem, SiteKind};
use super::outline::{Outline, Site, last_segment};
use crate::dump::Span;
use crate::dump::names::CoroutineSource;

/// What the compiler said about one coroutine's body.
#[derive(Clone, Copy, Debug)]
pub struct CompiledBody<'a> {
    /// The span of the return place `_0` in the MIR dump.
    pub span: &'a Span,
    /// Other spans in that body, of any file.
    pub spans: &'a [Span],
    /// The definition path without the crate: `client`, `{impl#0}`, `get`, `{closure#0}`.
    pub path: &'a [&'a str],
    /// From `<impl at FILE:L:C: L:C>` in the body's header.
    pub impl_span: Option<&'a Span>,
    /// The path in its type's name: `<m::Mono as Clock>::delay::{closure#0}` tells of which type it is a method.
    pub type_path: &'a str,
}

/// Where a future is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// A key of the map that was searched.
    pub file: Arc<str>,
    /// Index into [`Outline::sites`].
    pub site: usize,
    /// What the compiler made the future of, even if it stands at a macro.
    ///
    /// Neither the MIR dump nor names by definition path say this. It follows from the text; for an
    /// attribute or a macro of another crate that we do not know it is a guess, and a plain name
    /// (`{async block@..}`) knows better.
    pub source: CoroutineSource,
    /// The site is not what the compiler made the future from: it is a macro call or an attribute,
    /// or an `async fn` around which an attribute put another future.
    pub made_by_macro: bool,
}

/// Finds the site of a body in the crate's measured texts, whose keys are paths as the compiler
/// prints them. `None` if nothing in them can have made it.
pub fn place(files: &BTreeMap<Arc<str>, Outline>, body: &CompiledBody<'_>) -> Option<Placement> {
    let search = Search::new(files, body);
    search.closure_around_macro().or_else(|| search.own_text()).or_else(|| search.foreign_macro())
}

/// The span by which plain `-Zprint-type-sizes` names the body: an async block's `async move` if
/// its text is at hand (a macro definition's too), otherwise the whole span of the body.
///
/// What is not at hand, and keeps its whole span: a block that a `macro_rules!` of another crate
/// makes.
pub fn header_span(files: &BTreeMap<Arc<str>, Outline>, body: &CompiledBody<'_>) -> Span {
    if Search::new(files, body).closure_around_macro().is_some() {
        return body.span.clone();
    }
    let header = files.get(&body.span.file).and_then(|outline| {
        let range = outline.range(body.span)?;
        let site = exact(outline, range, closures_at_end(body.path))?;
        let (extra, site) = (outline.extra(site), &outline.sites()[site]);
        let header = match site.kind {
            // Names of types leave parentheses out.
            SiteKind::AsyncBlock | SiteKind::GenBlock | SiteKind::Coroutine if site.body != range => {
                TextRange::new(site.range.start(), site.hint)
            }
            // `#[tokio::main]` as it was for years gave its `async` the span of the last token.
            SiteKind::AsyncFn => extra.last?,
            _ => return None,
        };
        Some((outline, header))
    });
    match header {
        Some((outline, range)) => Span {
            file: body.span.file.clone(),
            start: outline.line_col(range.start()),
            end: outline.line_col(range.end()),
        },
        None => body.span.clone(),
    }
}

/// How many closures end a definition path: 1 for an `async fn`'s body, 2 for what is in it.
fn closures_at_end(path: &[&str]) -> u32 {
    let is_closure = |it: &&&str| it.starts_with("{closure") || it.starts_with("{synthetic");
    path.iter().rev().take_while(is_closure).count() as u32
}

/// The site of which the compiler gives exactly this span to the body.
fn exact(outline: &Outline, range: TextRange, depth: u32) -> Option<usize> {
    let is_block = |i: usize, site: &Site| {
        range.contains_range(site.range) && outline.extra(i).parenthesized.contains_range(range)
    };
    let is_it = |i: usize, site: &Site| match site.kind {
        SiteKind::AsyncBlock | SiteKind::GenBlock | SiteKind::Coroutine => is_block(i, site),
        SiteKind::AsyncFn | SiteKind::AsyncClosure | SiteKind::GenFn | SiteKind::GenClosure => {
            site.body == range
        }
        SiteKind::MacroCall | SiteKind::AttrFn => false,
    };
    (0..outline.sites().len())
        .filter(|&i| is_it(i, &outline.sites()[i]))
        // `async || async {}`: the closure's body and the block have one span, and only the number
        // of closures in the path tells them apart.
        .min_by_key(|&i| outline.extra(i).depth.abs_diff(depth))
}

struct Search<'a> {
    files: &'a BTreeMap<Arc<str>, Outline>,
    body: &'a CompiledBody<'a>,
    depth: u32,
}

impl<'a> Search<'a> {
    fn new(files: &'a BTreeMap<Arc<str>, Outline>, body: &'a CompiledBody<'a>) -> Self {
        Search { files, body, depth: closures_at_end(body.path) }
    }

    /// The body's span lies in one of the texts.
    fn own_text(&self) -> Option<Placement> {
        let (file, outline) = self.files.get_key_value(&self.body.span.file)?;
        let range = outline.range(self.body.span)?;
        let site = exact(outline, range, self.depth);
        if let Some(definition) = self.definition(outline, range) {
            return self.local_macro(outline, definition, site).or_else(|| {
                let site = site.or_else(|| innermost(outline, range, |site| is_future(site.kind)))?;
                Some(self.at(file, outline, site, true))
            });
        }
        if let Some(site) = site {
            return Some(self.at(file, outline, site, false));
        }
        if let Some(site) = self.by_attribute(outline, range) {
            return Some(self.at(file, outline, site, true));
        }
        // `#[async_trait]` gives the block the span of the fn's `async`; others take the name.
        let header = innermost(outline, range, |site| {
            site.kind == SiteKind::AsyncFn && range.end() <= site.body.start()
        });
        // A body that was given to a macro: `make_fn!(name, { .. })`.
        let call = || innermost(outline, range, |site| site.kind == SiteKind::MacroCall);
        let around = || innermost(outline, range, |site| is_future(site.kind));
        let site = header.or_else(call).or_else(around)?;
        Some(self.at(file, outline, site, true))
    }

    /// `async || todo!()`: the body is nothing but a macro call, and its span what the macro makes of it, wherever that
    /// is. The numbers in the path tell which closure it is.
    fn closure_around_macro(&self) -> Option<Placement> {
        let is_alone = |outline: &Outline, closure: &Site| {
            let is_call = |site: &Site| site.kind == SiteKind::MacroCall && site.range == closure.body;
            closure.kind == SiteKind::AsyncClosure && outline.sites().iter().any(is_call)
        };
        let last = self.body.path.iter().rposition(|it| !it.starts_with('{'))?;
        let numbers = self.body.path[last + 1..].iter().map(|it| number(it)).collect::<Option<Vec<_>>>()?;
        let [(file, outline, item)] = self.named_fns()[..] else { return None };
        if !outline.sites().iter().any(|it| item.body.contains_range(it.range) && is_alone(outline, it)) {
            return None;
        }
        let own = outline.sites().iter().position(|it| it.body == item.body && is_future(it.kind));
        // The first number is that of an `async fn`'s body; an attribute may have put another block around that.
        let skipped = match own {
            Some(own) if !outline.extra(own).attributes.is_empty() => 1..=2,
            Some(_) => 1..=1,
            None => 0..=0,
        };
        for skip in skipped {
            let Some(numbers) = numbers.get(skip..) else { continue };
            let site = numbered(outline, item, numbers).filter(|&it| is_alone(outline, &outline.sites()[it]));
            if let Some(site) = site {
                return Some(self.at(file, outline, site, false));
            }
        }
        None
    }

    /// The index of the innermost macro definition that holds the range.
    fn definition(&self, outline: &Outline, range: TextRange) -> Option<usize> {
        let all = outline.definitions().iter().enumerate();
        all.filter(|(_, it)| it.range.contains_range(range))
            .min_by_key(|(_, it)| it.range.len())
            .map(|(i, _)| i)
    }

    /// The span lies in an attribute: on an `async fn`, on another item, or on the impl or trait
    /// that holds the fn.
    fn by_attribute(&self, outline: &Outline, range: TextRange) -> Option<usize> {
        let sites = outline.sites();
        let on_fn = (0..sites.len()).find(|&i| {
            is_future(sites[i].kind) && outline.extra(i).attributes.iter().any(|it| it.contains_range(range))
        });
        on_fn.or_else(|| {
            let attribute = sites
                .iter()
                .position(|site| site.kind == SiteKind::AttrFn && site.token.contains_range(range))?;
            let name = self.fn_name()?;
            let inside = sites.iter().position(|site| {
                site.kind == SiteKind::AsyncFn
                    && sites[attribute].range.contains_range(site.range)
                    && site.name.is_some_and(|it| raw(&outline.text()[it]) == name)
            });
            inside.or(Some(attribute))
        })
    }

    /// The call of a macro of this crate that made the body.
    fn local_macro(&self, home: &Outline, definition: usize, made: Option<usize>) -> Option<Placement> {
        let name = home.definitions()[definition].name.as_str();
        let names = self.callers(name);
        let calls: Vec<Call<'_>> = calls(self.files).filter(|call| names.contains(&call.name())).collect();
        let best = self
            .most_spans(&calls)
            .or_else(|| self.given_name(&calls))
            .or_else(|| self.given_owner(&calls))
            .or_else(|| self.in_named_fn(&calls, home, definition))
            .or_else(|| (calls.len() == 1).then(|| calls[0]))
            .or_else(|| self.only_one(&calls))?;
        let mut place = self.at(best.file, best.outline, best.index, true);
        if let Some(made) = made {
            place.source = self.source(home, made);
        }
        Some(place)
    }

    /// The body's span lies in a file of another crate.
    fn foreign_macro(&self) -> Option<Placement> {
        let origin = crate_of(&self.body.span.file);
        let all: Vec<Call<'_>> = calls(self.files).filter(|call| !makes_no_future(call.name())).collect();
        let ours: Vec<Call<'_>> = all
            .iter()
            .copied()
            .filter(|call| origin.as_deref().is_some_and(|it| call.comes_from(it)))
            .collect();
        let fns = self.named_fns();
        let within = |calls: &[Call<'a>]| -> Option<Call<'a>> {
            let inside: Vec<_> = calls.iter().copied().filter(|call| is_within(call, &fns)).collect();
            // Nothing of the user's text is left in the body: take the macros of the fn in order.
            let number = self.body.path.last().and_then(|it| number(it)).unwrap_or(0);
            inside.get(number.min(inside.len().wrapping_sub(1))).copied()
        };
        let call = self
            .most_spans(&ours)
            .or_else(|| within(&ours))
            .or_else(|| self.most_spans(&all))
            .or_else(|| within(&all))
            .or_else(|| self.given_name(&all));
        if let Some(call) = call {
            return Some(self.at(call.file, call.outline, call.index, true));
        }
        // An attribute on the fn.
        let by_attribute = fns.iter().find_map(|&(file, outline, item)| {
            let site = outline.sites().iter().position(|site| match site.kind {
                SiteKind::AsyncFn => site.body == item.body,
                SiteKind::AttrFn => site.body == item.body,
                _ => false,
            })?;
            Some(self.at(file, outline, site, true))
        });
        let by_call = || {
            let call = self.given_owner(&ours).or_else(|| self.given_owner(&all));
            let call = call.or_else(|| self.only_one(&ours)).or_else(|| self.only_one(&all))?;
            Some(self.at(call.file, call.outline, call.index, true))
        };
        by_attribute.or_else(by_call)
    }

    /// The call that was given the name of the type, or of the trait, that the body's fn is of. Of several the one in
    /// the body's module.
    fn given_owner(&self, calls: &[Call<'a>]) -> Option<Call<'a>> {
        let is_own = |word: &&str| self.body.path.iter().any(|it| raw(it) == *word);
        let words = self.body.type_path.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let is_name = |word: &&str| word.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let words: Vec<&str> = words
            .filter(is_name)
            .filter(|it| !is_own(it) && !matches!(*it, "as" | "closure" | "impl"))
            .collect();
        let given = calls.iter().filter(|call| words.iter().any(|it| has_word(call.arguments(), it)));
        self.best_fit(given.copied())
    }

    /// The only call outside of fns, in the body's module, that can have made it.
    fn only_one(&self, calls: &[Call<'a>]) -> Option<Call<'a>> {
        self.best_fit(calls.iter().copied().filter(|call| !is_in_fn(call)))
    }

    /// Of some calls the one that fits the body's path best; none if several do.
    fn best_fit(&self, calls: impl Iterator<Item = Call<'a>>) -> Option<Call<'a>> {
        let fit = |call: Call<'a>| Some((self.fit(&call)?, call));
        let mut found: Vec<(usize, Call<'a>)> = calls.filter_map(fit).collect();
        found.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
        match found[..] {
            [(_, only)] => Some(only),
            [(first, best), (second, _), ..] if first > second => Some(best),
            _ => None,
        }
    }

    /// How many modules of the body's path the call is in, by its text and its file; none if it is in something that
    /// is not in the path.
    fn fit(&self, call: &Call<'_>) -> Option<usize> {
        let is_in_path = |name: &str| self.body.path.iter().any(|it| raw(it) == raw(name));
        let mut fit = 0;
        for part in call.site.path.split("::") {
            let name = ["mod ", "fn ", "trait "].iter().find_map(|word| part.strip_prefix(word));
            match name.map(is_in_path) {
                Some(false) => return None,
                Some(true) => fit += 2,
                None => {}
            }
        }
        let parts: Vec<&str> = call.file.split(['/', '\\']).collect();
        let below = parts.iter().rposition(|it| *it == "src").map_or(0, |at| at + 1);
        let modules = parts[below.min(parts.len())..].iter().map(|it| it.trim_end_matches(".rs"));
        let (inside, outside): (Vec<&str>, Vec<&str>) =
            modules.filter(|it| !matches!(*it, "lib" | "main" | "mod")).partition(|it| is_in_path(it));
        // A file may be called otherwise than its module is.
        Some(2 * (fit + inside.len()) + usize::from(outside.is_empty()))
    }

    fn at(&self, file: &Arc<str>, outline: &Outline, site: usize, made_by_macro: bool) -> Placement {
        let source = self.source(outline, site);
        let made_by_macro = made_by_macro
            || (outline.sites()[site].kind == SiteKind::AsyncFn && source == CoroutineSource::Block);
        Placement { file: file.clone(), site, source, made_by_macro }
    }

    fn source(&self, outline: &Outline, site: usize) -> CoroutineSource {
        match outline.sites()[site].kind {
            SiteKind::AsyncBlock | SiteKind::GenBlock => CoroutineSource::Block,
            SiteKind::AsyncClosure | SiteKind::GenClosure | SiteKind::Coroutine => CoroutineSource::Closure,
            SiteKind::GenFn => CoroutineSource::Fn,
            // `#[instrument]` puts a block into the fn, `#[tokio::main]` and `#[async_trait]` make
            // the fn's body one.
            SiteKind::AsyncFn if self.depth >= 2 || outline.extra(site).is_block => CoroutineSource::Block,
            SiteKind::AsyncFn => CoroutineSource::Fn,
            SiteKind::MacroCall | SiteKind::AttrFn if self.depth >= 2 => CoroutineSource::Block,
            // A macro within the fn that the path names makes a block, one that makes the fn a fn.
            SiteKind::MacroCall => {
                let range = outline.sites()[site].range;
                let is_in_fn = outline
                    .fns()
                    .iter()
                    .any(|it| Some(raw(&it.name)) == self.fn_name() && it.body.contains_range(range));
                if is_in_fn { CoroutineSource::Block } else { CoroutineSource::Fn }
            }
            SiteKind::AttrFn => CoroutineSource::Fn,
        }
    }

    /// A macro of this crate and those that call it in their own definitions.
    fn callers(&self, name: &'a str) -> Vec<&'a str> {
        let mut names = vec![name];
        let mut next = 0;
        while let Some(&name) = names.get(next) {
            next += 1;
            for outline in self.files.values() {
                for (index, site) in outline.sites().iter().enumerate() {
                    let Some(within) = outline.extra(index).definition else { continue };
                    let caller = outline.definitions()[within as usize].name.as_str();
                    if site.kind == SiteKind::MacroCall
                        && outline.macro_name(site) == name
                        && !names.contains(&caller)
                    {
                        names.push(caller);
                    }
                }
            }
        }
        names
    }

    /// The call that holds most of the body's spans; of two with as many, the inner one.
    fn most_spans(&self, calls: &[Call<'a>]) -> Option<Call<'a>> {
        let mut counts = vec![0usize; calls.len()];
        for span in self.body.spans {
            let Some(outline) = self.files.get(&span.file) else { continue };
            let Some(range) = outline.range(span) else { continue };
            for (call, count) in calls.iter().zip(&mut counts) {
                // The whole call is the span of everything some procedural macros make.
                if *call.file == span.file && call.site.range.contains_range(range) {
                    *count += 1;
                }
            }
        }
        let best = (0..calls.len())
            .filter(|&i| counts[i] > 0)
            .max_by_key(|&i| (counts[i], std::cmp::Reverse(calls[i].site.range.len())))?;
        Some(calls[best])
    }

    /// The only call that was given the name of the fn that the body is in, or of a module or trait around that.
    fn given_name(&self, calls: &[Call<'a>]) -> Option<Call<'a>> {
        let names = self.body.path.iter().rev().filter(|it| !it.starts_with('{')).map(|it| raw(it));
        names.zip(0..).find_map(|(name, outer)| {
            // What is called in a fn makes no module.
            let is_possible = |call: &&Call<'_>| outer == 0 || !is_in_fn(call);
            let mut given = calls.iter().filter(is_possible).filter(|call| has_word(call.arguments(), name));
            let first = given.next()?;
            given.next().is_none().then_some(*first)
        })
    }

    /// The call within the fn that the path names.
    fn in_named_fn(&self, calls: &[Call<'a>], home: &Outline, definition: usize) -> Option<Call<'a>> {
        let fns = self.named_fns();
        let inside: Vec<_> = calls.iter().copied().filter(|call| is_within(call, &fns)).collect();
        match (&*inside, &*fns) {
            ([only], _) => Some(*only),
            ([_, ..], &[(_, outline, item)]) => {
                let index = self.nth_call(&inside, outline, item, home, definition)?;
                inside.get(index).copied()
            }
            _ => None,
        }
    }

    /// Which of several calls of one macro in one fn made the body, from the number in its
    /// `{closure#N}`: the compiler numbers the closures and async blocks that stand in the fn
    /// first, then those of macros in the order of their calls. Only where nothing else can have
    /// taken a number.
    fn nth_call(
        &self,
        calls: &[Call<'a>],
        outline: &Outline,
        item: &FnItem,
        home: &Outline,
        definition: usize,
    ) -> Option<usize> {
        let count_of = |definition: usize| {
            let sites = home.sites().iter().enumerate();
            sites
                .filter(|&(i, site)| {
                    is_future(site.kind) && home.extra(i).definition == Some(definition as u32)
                })
                .count()
        };
        let text = &home.text()[home.definitions()[definition].range];
        if count_of(definition) != 1 || text.contains('|') {
            return None;
        }
        let sites = || {
            outline
                .sites()
                .iter()
                .filter(|site| item.body.contains_range(site.range) && site.range != item.range)
        };
        let others = sites().filter(|site| {
            site.kind == SiteKind::MacroCall && calls.iter().all(|call| call.site.range != site.range)
        });
        for other in others {
            let name = outline.text()[other.token].trim_end_matches('!').trim_end();
            if !is_standard(last_segment(name)) || outline.text()[other.body].contains('|') {
                return None;
            }
        }
        if sites().any(|site| {
            is_future(site.kind) && calls.iter().any(|it| it.site.body.contains_range(site.range))
        }) {
            return None;
        }
        let is_async = outline.sites().iter().any(|it| it.body == item.body && is_future(it.kind));
        if self.depth != u32::from(is_async) + 1 {
            return None;
        }
        let blocks: Vec<TextRange> = sites()
            .filter(|site| is_future(site.kind))
            .map(|site| site.range)
            .chain(outline.closures().iter().copied().filter(|it| item.body.contains_range(*it)))
            .chain(
                outline
                    .fns()
                    .iter()
                    .map(|it| it.range)
                    .filter(|it| item.body.contains_range(*it) && *it != item.range),
            )
            .collect();
        let is_direct =
            |range: TextRange| blocks.iter().all(|outer| *outer == range || !outer.contains_range(range));
        if !calls.iter().all(|call| is_direct(call.site.range)) {
            return None;
        }
        let is_fn = |range: TextRange| outline.fns().iter().any(|it| it.range == range);
        let before = blocks.iter().filter(|it| is_direct(**it) && !is_fn(**it)).count();
        let number = self.body.path.last().and_then(|it| number(it))?;
        number.checked_sub(before)
    }

    /// The name of the innermost fn (or const, or static) of the path.
    fn fn_name(&self) -> Option<&'a str> {
        self.body.path.iter().rev().find(|it| !it.starts_with('{')).map(|it| raw(it))
    }

    /// The fns that the path can mean.
    fn named_fns(&self) -> Vec<(&'a Arc<str>, &'a Outline, &'a FnItem)> {
        let Some(name) = self.fn_name() else { return Vec::new() };
        let in_impl = self.body.path.iter().any(|it| it.starts_with("{impl"));
        let mut best = 0;
        let mut found = Vec::new();
        for (file, outline) in self.files {
            for item in outline.fns() {
                let is_it = raw(&item.name) == name
                    && item.definition.is_none()
                    && item.path.contains("impl ") == in_impl;
                if !is_it {
                    continue;
                }
                let score = self.score(file, outline, item);
                if score > best || found.is_empty() {
                    found.clear();
                    best = score;
                }
                if score == best {
                    found.push((file, outline, item));
                }
            }
        }
        found
    }

    /// How well a fn fits the path and the impl: the impl that starts last before it counts most,
    /// then each module of the path that its text or file has.
    fn score(&self, file: &str, outline: &Outline, item: &FnItem) -> usize {
        let mut score = 0;
        if let Some(span) = self.body.impl_span
            && &*span.file == file
            && let Some(header) = outline.range(span)
            && header.start() <= item.range.start()
        {
            // Less than 4 GiB away: nearer is more.
            let distance = usize::from(item.range.start() - header.start());
            score += (u32::MAX as usize - distance) * 64;
        }
        for segment in self.body.path.iter().filter(|it| !it.starts_with('{')) {
            let segment = raw(segment);
            let is_in_text = item.path.split("::").any(|it| {
                ["mod ", "fn ", "trait "]
                    .iter()
                    .any(|word| it.strip_prefix(word).is_some_and(|it| raw(it) == segment))
            });
            let is_in_file = file.split(['/', '\\']).any(|it| it.trim_end_matches(".rs") == segment);
            score += usize::from(is_in_text || is_in_file);
        }
        score
    }
}

/// What these numbers lead to from the fn's body on: the compiler counts the closures and async blocks that stand in
/// the text of each body, those in the arguments of macros left out.
fn numbered(outline: &Outline, item: &FnItem, numbers: &[usize]) -> Option<usize> {
    let (mut numbers, mut body) = (numbers.iter(), item.body);
    let sites = outline.sites();
    let calls: Vec<TextRange> =
        sites.iter().filter(|it| it.kind == SiteKind::MacroCall).map(|it| it.range).collect();
    if calls.iter().any(|call| call.contains_range(item.range)) && has_bars(outline, item) {
        // Which closures stand there is not known.
        return None;
    }
    loop {
        let number = *numbers.next()?;
        let is_in_text = |range: TextRange| {
            let is_around = |outer: TextRange| body.contains_range(outer) && outer.contains_range(range);
            body.contains_range(range)
                && range != body
                && !calls.iter().any(|call| is_around(*call))
                && !outline.fns().iter().any(|it| it.body != item.body && is_around(it.range))
        };
        let of_site = |(i, site): (usize, &Site)| {
            let is_one = is_future(site.kind) && !is_fn(site.kind) && site.path == item.path;
            (is_one && is_in_text(site.range)).then_some((site.range, Some(i)))
        };
        let closures = outline.closures().iter().filter(|it| is_in_text(**it)).map(|it| (*it, None));
        let mut found: Vec<(TextRange, Option<usize>)> =
            sites.iter().enumerate().filter_map(of_site).chain(closures).collect();
        found.sort_by_key(|(range, _)| (range.start(), std::cmp::Reverse(range.end())));
        // Only those that are in no other.
        let mut end = body.start();
        found.retain(|(range, _)| {
            let is_direct = range.start() >= end;
            end = end.max(range.end());
            is_direct
        });
        let (range, site) = *found.get(number)?;
        let Some(site) = site else {
            body = range;
            continue;
        };
        body = sites[site].body;
        // A closure's body is a future in itself.
        if matches!(sites[site].kind, SiteKind::AsyncClosure | SiteKind::GenClosure)
            && numbers.next() != Some(&0)
        {
            return None;
        }
        if numbers.len() == 0 {
            return Some(site);
        }
    }
}

/// Whether there is a `|` in a fn besides those of async closures.
fn has_bars(outline: &Outline, item: &FnItem) -> bool {
    let text = &outline.text()[item.body];
    let bars = |text: &str| text.matches('|').count();
    let closures = outline.sites().iter().filter(|it| it.kind == SiteKind::AsyncClosure);
    let closures = closures.filter(|it| item.body.contains_range(it.range));
    let headers = closures.map(|it| TextRange::new(it.range.start(), it.hint));
    bars(text) > headers.map(|it| bars(&outline.text()[it])).sum()
}

/// Whether a call is in the body of any fn.
fn is_in_fn(call: &Call<'_>) -> bool {
    call.outline.fns().iter().any(|it| it.body.contains_range(call.site.range))
}

fn is_within(call: &Call<'_>, fns: &[(&Arc<str>, &Outline, &FnItem)]) -> bool {
    fns.iter().any(|&(file, _, item)| file == call.file && item.body.contains_range(call.site.range))
}

fn is_future(kind: SiteKind) -> bool {
    !matches!(kind, SiteKind::MacroCall | SiteKind::AttrFn)
}

fn is_fn(kind: SiteKind) -> bool {
    matches!(kind, SiteKind::AsyncFn | SiteKind::GenFn)
}

/// The smallest site that holds the range.
fn innermost(outline: &Outline, range: TextRange, wanted: impl Fn(&Site) -> bool) -> Option<usize> {
    let sites = outline.sites().iter().enumerate();
    sites
        .filter(|(_, site)| site.range.contains_range(range) && wanted(site))
        .min_by_key(|(_, site)| site.range.len())
        .map(|(i, _)| i)
}

/// A name without `r#`.
fn raw(name: &str) -> &str {
    name.trim_start_matches("r#")
}

/// The number in `{closure#3}`.
fn number(segment: &str) -> Option<usize> {
    segment.split_once('#')?.1.trim_end_matches('}').parse().ok()
}

/// Well-known macros that make no future of their own, whatever is in their arguments.
fn makes_no_future(name: &str) -> bool {
    is_standard(name)
        || matches!(
            name,
            "anyhow"
                | "bail"
                | "debug"
                | "debug_span"
                | "ensure"
                | "error"
                | "error_span"
                | "event"
                | "info"
                | "info_span"
                | "join"
                | "json"
                | "log"
                | "pin"
                | "select"
                | "span"
                | "trace"
                | "trace_span"
                | "try_join"
                | "warn"
                | "warn_span"
        )
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::dump::LineCol;

    /// Where a future is shown whose body has the span between `/*<*/` and `/*>*/`, or outside the
    /// text if there are no such marks. `/*-*/` before and after another span of the body.
    fn check(text: &str, path: &[&str], expected: Expect) {
        check_method("", text, path, expected);
    }

    /// The same for a body whose type's name has the given path.
    fn check_method(type_path: &str, text: &str, path: &[&str], expected: Expect) {
        let (file, outside): (Arc<str>, Arc<str>) =
            ("src/lib.rs".into(), "/r/some-macros-1.2.3/src/lib.rs".into());
        let outline = Outline::new(text.into());
        let span = |open: &str, close: &str| {
            let (start, end) = (text.find(open)? + open.len(), text.rfind(close)?);
            Some(Span {
                file: file.clone(),
                start: outline.line_col((start as u32).into()),
                end: outline.line_col((end as u32).into()),
            })
        };
        let one = LineCol { line: 1, col: 1 };
        let own = span("/*<*/", "/*>*/").unwrap_or(Span { file: outside, start: one, end: one });
        let others: Vec<Span> = span("/*-*/", "/*-*/").into_iter().collect();
        let body = CompiledBody { span: &own, spans: &others, path, impl_span: None, type_path };
        let files = BTreeMap::from([(file, outline)]);
        let shown = match place(&files, &body) {
            None => "nowhere".to_owned(),
            Some(it) => {
                let site = &files[&it.file].sites()[it.site];
                let at = files[&it.file].line_col(site.token.start());
                let by = if it.made_by_macro { ", made by a macro" } else { "" };
                format!("{}:{} {:?} at {}{by}", at.line, at.col, it.source, &text[site.token])
            }
        };
        let header = header_span(&files, &body);
        expected.assert_eq(&format!("{shown}; header {header}\n"));
    }

    #[test]
    fn coroutine() {
        check(
            "fn f() { #[coroutine] /*<*/static || { yield 1 }/*>*/ }",
            &["f", "{closure#0}"],
            expect![[r#"
                1:10 Closure at #[coroutine]; header src/lib.rs:1:28: 1:37
            "#]],
        );
        check(
            "fn f() { m!(#[coroutine] /*<*/static || { yield 1 }/*>*/) }",
            &["f", "{closure#0}"],
            expect![[r#"
                1:13 Closure at #[coroutine]; header src/lib.rs:1:31: 1:40
            "#]],
        );
    }

    #[test]
    fn async_fn() {
        check(
            "async fn f() -> u8 /*<*/{ 1 }/*>*/",
            &["f", "{closure#0}"],
            expect![[r#"
            1:1 Fn at async; header src/lib.rs:1:25: 1:30
        "#]],
        );
    }

    #[test]
    fn async_block() {
        check(
            "fn f() { g(/*<*/async move { 1 }/*>*/) }",
            &["f", "{closure#0}"],
            expect![[r#"
            1:17 Block at async; header src/lib.rs:1:17: 1:27
        "#]],
        );
    }

    #[test]
    fn async_closure() {
        let path = ["f", "{closure#0}", "{closure#0}"];
        check(
            "fn f() { let g = async |x: u8| /*<*/x + 1/*>*/; }",
            &path,
            expect![[r#"
            1:18 Closure at async; header src/lib.rs:1:37: 1:42
        "#]],
        );
    }

    #[test]
    fn closure_and_block_with_one_span() {
        let text = "fn f() { async || /*<*/async { 1 }/*>*/; }";
        check(
            text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
            1:10 Closure at async; header src/lib.rs:1:24: 1:35
        "#]],
        );
        check(
            text,
            &["f", "{closure#0}", "{closure#0}", "{closure#0}"],
            expect![[r#"
            1:24 Block at async; header src/lib.rs:1:24: 1:29
        "#]],
        );
    }

    #[test]
    fn attribute_around_the_body() {
        let text = "#[instrument]\nasync fn f() /*<*/{ 1 }/*>*/";
        check(
            text,
            &["f", "{closure#0}"],
            expect![[r#"
            2:1 Fn at async; header src/lib.rs:2:19: 2:24
        "#]],
        );
        check(
            text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
            2:1 Block at async, made by a macro; header src/lib.rs:2:19: 2:24
        "#]],
        );
        let text = "/*<*/#[instrument]/*>*/\nasync fn f() { 1 }";
        check(
            text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
            2:1 Block at async, made by a macro; header src/lib.rs:1:6: 1:19
        "#]],
        );
    }

    #[test]
    fn attribute_that_runs_a_block() {
        check(
            "/*<*/#[tokio::main]/*>*/\nasync fn main() {}",
            &["main", "{closure#0}"],
            expect![[r#"
            2:1 Block at async, made by a macro; header src/lib.rs:1:6: 1:20
        "#]],
        );
        check(
            "#[tokio::main]\nasync fn main() /*<*/{ f(); g(1) }/*>*/",
            &["main", "{closure#0}"],
            expect![[r#"
                2:1 Block at async, made by a macro; header src/lib.rs:2:30: 2:33
            "#]],
        );
    }

    #[test]
    fn async_trait() {
        let text = "#[async_trait]\nimpl A for B {\n/*<*/async/*>*/ fn f() {} }";
        check(
            text,
            &["{impl#0}", "f", "{closure#0}"],
            expect![[r#"
            3:6 Block at async, made by a macro; header src/lib.rs:3:6: 3:11
        "#]],
        );
        let text = "/*<*/#[some_trait]/*>*/\nimpl A for B {\nasync fn f() {} }";
        check(
            text,
            &["{impl#0}", "f", "{closure#0}"],
            expect![[r#"
            3:1 Fn at async, made by a macro; header src/lib.rs:1:6: 1:19
        "#]],
        );
    }

    #[test]
    fn attribute_on_a_plain_fn() {
        check(
            "/*<*/#[maybe_async]/*>*/\nfn f() {}",
            &["f", "{closure#0}"],
            expect![[r#"
            1:6 Fn at #[maybe_async], made by a macro; header src/lib.rs:1:6: 1:20
        "#]],
        );
    }

    #[test]
    fn block_in_macro_arguments() {
        check(
            "fn f() { m!(a, /*<*/async { 1 }/*>*/); }",
            &["f", "{closure#0}"],
            expect![[r#"
            1:21 Block at async; header src/lib.rs:1:21: 1:26
        "#]],
        );
    }

    const DEFINITION: &str = "macro_rules! m { ($($n:tt)*) => { /*<*/async { $($n)* }/*>*/ } }\n";

    #[test]
    fn local_macro_by_a_span_in_its_arguments() {
        let text = format!("{DEFINITION}fn f() {{ m!(1);\nm!(/*-*/2/*-*/); m!(3) }}");
        check(
            &text,
            &["f", "{closure#1}"],
            expect![[r#"
            3:1 Block at m!, made by a macro; header src/lib.rs:1:40: 1:45
        "#]],
        );
    }

    #[test]
    fn local_macro_by_the_fns_name() {
        let text = "macro_rules! m { ($n:ident) => { async fn $n() /*<*/{ }/*>*/ } }\nm!(f);\nm!(g);";
        check(
            text,
            &["g", "{closure#0}"],
            expect![[r#"
            3:1 Fn at m!, made by a macro; header src/lib.rs:1:53: 1:56
        "#]],
        );
    }

    #[test]
    fn local_macro_by_the_fn_it_is_in() {
        let text = format!("{DEFINITION}fn f() {{ m!(1) }}\nfn g() {{ m!(2) }}");
        check(
            &text,
            &["g", "{closure#0}"],
            expect![[r#"
            3:10 Block at m!, made by a macro; header src/lib.rs:1:40: 1:45
        "#]],
        );
    }

    #[test]
    fn local_macro_by_its_number() {
        let text = format!("{DEFINITION}fn f() {{ m!(1);\nasync {{}};\nm!(2) }}");
        check(
            &text,
            &["f", "{closure#1}"],
            expect![[r#"
                2:10 Block at m!, made by a macro; header src/lib.rs:1:40: 1:45
            "#]],
        );
        check(
            &text,
            &["f", "{closure#2}"],
            expect![[r#"
                4:1 Block at m!, made by a macro; header src/lib.rs:1:40: 1:45
            "#]],
        );
        // What the other macro makes is not known, so no number tells anything.
        let text = format!("{DEFINITION}fn f() {{ other!();\nm!(1);\nm!(2) }}");
        check(
            &text,
            &["f", "{closure#1}"],
            expect![[r#"
            1:40 Block at async, made by a macro; header src/lib.rs:1:40: 1:45
        "#]],
        );
    }

    #[test]
    fn local_macro_called_by_another() {
        let text = format!("{DEFINITION}macro_rules! n {{ ($x:tt) => {{ m!($x) }} }}\nfn f() {{ n!(1) }}");
        check(
            &text,
            &["f", "{closure#0}"],
            expect![[r#"
            3:10 Block at n!, made by a macro; header src/lib.rs:1:40: 1:45
        "#]],
        );
    }

    #[test]
    fn block_given_to_a_macro() {
        let text = "macro_rules! m { ($b:block) => { async fn f() $b } }\nm!(/*<*/{ 1 }/*>*/);";
        check(
            text,
            &["f", "{closure#0}"],
            expect![[r#"
            2:1 Fn at m!, made by a macro; header src/lib.rs:2:9: 2:14
        "#]],
        );
    }

    #[test]
    fn foreign_macro_by_a_span_in_its_arguments() {
        let text = "fn f() { a!(1);\nb! { println!(\"{}\", /*-*/2/*-*/) } }";
        check(
            text,
            &["f", "{closure#0}"],
            expect![[r#"
            2:1 Block at b!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
    }

    #[test]
    fn foreign_macro_of_the_crate_the_span_is_in() {
        let text = "use some_macros::stream;\nfn f() { a!(\nstream!(other!(/*-*/1/*-*/))) }";
        check(
            text,
            &["f", "{closure#0}"],
            expect![[r#"
            3:1 Block at stream!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        let text = "fn f() { a!(1);\nsome_macros::stream!() }";
        check(
            text,
            &["f", "{closure#0}"],
            expect![[r#"
            2:1 Block at some_macros::stream!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
    }

    #[test]
    fn foreign_macro_that_makes_the_fn() {
        check(
            "a!(f);\na!(g);",
            &["g", "{closure#0}"],
            expect![[r#"
            2:1 Fn at a!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
    }

    #[test]
    fn parentheses_around_a_block() {
        check(
            "fn f() { /*<*/(async move { 1 })/*>*/.instrument(s) }",
            &["f", "{closure#0}"],
            expect![[r#"
                1:16 Block at async; header src/lib.rs:1:16: 1:26
            "#]],
        );
        let text = "async fn f() {\n/*<*/((/* a */ async { 1 } /* b */))/*>*/.instrument(s) }";
        check(
            text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
            2:16 Block at async; header src/lib.rs:2:16: 2:21
        "#]],
        );
        check(
            "fn f() { m!(return /*<*/(async { 1 })/*>*/) }",
            &["f", "{closure#0}"],
            expect![[r#"
            1:26 Block at async; header src/lib.rs:1:26: 1:31
        "#]],
        );
        // Those of a call are no part of the block: a macro may give them to something of its own.
        check(
            "fn f() { m!/*<*/(async { 1 })/*>*/ }",
            &["f", "{closure#0}"],
            expect![[r#"
            1:10 Block at m!, made by a macro; header src/lib.rs:1:17: 1:30
        "#]],
        );
        check(
            "fn f() { m!(g/*<*/(async { 1 })/*>*/) }",
            &["f", "{closure#0}"],
            expect![[r#"
            1:10 Block at m!, made by a macro; header src/lib.rs:1:19: 1:32
        "#]],
        );
        check(
            "fn f() { m!(g::<T>/*<*/(async { 1 })/*>*/) }",
            &["f", "{closure#0}"],
            expect![[r#"
            1:10 Block at m!, made by a macro; header src/lib.rs:1:24: 1:37
        "#]],
        );
    }

    #[test]
    fn closure_whose_body_is_a_macro_call() {
        let text = "fn f() { let a = |x| async {};\nlet b = async || todo!(); }";
        let path = &["f", "{closure#1}", "{closure#0}"];
        check(
            text,
            path,
            expect![[r#"
            2:9 Closure at async; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // What stands in the arguments of a macro has higher numbers.
        let text = "async fn f() { g!(async {});\nlet b = async |x| (h!(x));\nlet c = async || todo!();\n async {} }";
        check(
            text,
            &["f", "{closure#0}", "{closure#1}", "{closure#0}"],
            expect![[r#"
            3:9 Closure at async; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        check(
            text,
            &["f", "{closure#0}", "{closure#2}"],
            expect![[r#"
            2:20 Block at h!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // An attribute has put another block around the body.
        let text = "#[instrument]\nasync fn f() { let b = async || todo!(); }";
        check(
            text,
            &["f", "{closure#0}", "{closure#0}", "{closure#0}", "{closure#0}"],
            expect![[r#"
            2:24 Closure at async; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // The block that a macro is given, and the closure that it is the body of, have one span.
        let text = "fn f() { let b = async || m!(/*<*/async { 1 }/*>*/); }";
        check(
            text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
                1:18 Closure at async; header src/lib.rs:1:35: 1:46
            "#]],
        );
        check(
            text,
            &["f", "{closure#0}", "{closure#0}", "{closure#0}"],
            expect![[r#"
            1:35 Block at async; header src/lib.rs:1:35: 1:40
        "#]],
        );
        let text = format!("{DEFINITION}fn f() {{ let b = async || m!(1); }}");
        check(
            &text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
                2:18 Closure at async; header src/lib.rs:1:40: 1:56
            "#]],
        );
        check(
            &text,
            &["f", "{closure#0}", "{closure#0}", "{closure#0}"],
            expect![[r#"
            2:27 Block at m!, made by a macro; header src/lib.rs:1:40: 1:45
        "#]],
        );
        // A fn in the arguments of a macro: there it is not known what a `|` is.
        let text = "m! { fn f() { let b = async |x| todo!(); } }";
        check(
            text,
            &["f", "{closure#0}", "{closure#0}"],
            expect![[r#"
            1:23 Closure at async; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        let text = "m! { fn f() { let a = |x| x; let b = async || todo!(); } }";
        check(
            text,
            &["f", "{closure#1}", "{closure#0}"],
            expect![[r#"
            1:1 Block at m!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
    }

    #[test]
    fn macro_that_makes_the_method_of_a_type() {
        let path = &["{impl#1}", "delay", "{closure#0}"];
        check_method(
            "Direct::delay::{closure#0}",
            "clock!(Mono);\nclock!(Direct);",
            path,
            expect![[r#"
            2:1 Fn at clock!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        check_method(
            "<b::Mono as Clock>::delay::{closure#0}",
            "a!(Other);\na!(Mono);",
            path,
            expect![[r#"
            2:1 Fn at a!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // Two of one name: the one in the body's module.
        let text = "clock!(Mono);\nmod m { clock!(Mono); }\nmod n { clock!(Mono); }";
        let path = &["m", "{impl#0}", "delay", "{closure#0}"];
        check_method(
            "m::Mono::delay::{closure#0}",
            text,
            path,
            expect![[r#"
            2:9 Fn at clock!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        let path = &["{impl#0}", "delay", "{closure#0}"];
        check_method(
            "Mono::delay::{closure#0}",
            text,
            path,
            expect![[r#"
            1:1 Fn at clock!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // The module that it makes around the fn.
        let path = &["b", "f", "{closure#0}"];
        check_method(
            "b::f::{closure#0}",
            "m!(a);\nm!(b);",
            path,
            expect![[r#"
            2:1 Fn at m!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // Of this crate.
        let text =
            "macro_rules! m { ($t:ty) => { impl $t { async fn f() /*<*/{ 1 }/*>*/ } } }\nm!(A);\nm!(B);";
        check_method(
            "B::f::{closure#0}",
            text,
            &["{impl#1}", "f", "{closure#0}"],
            expect![[r#"
            3:1 Fn at m!, made by a macro; header src/lib.rs:1:59: 1:64
        "#]],
        );
    }

    #[test]
    fn macro_that_is_given_nothing() {
        let path = &["f", "{closure#0}"];
        check(
            "mod m { fixed!(); }\nfixed!();\nfn g() { other!() }",
            path,
            expect![[r#"
            2:1 Fn at fixed!, made by a macro; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
        // It may be either.
        check(
            "fixed!();\nfixed_too!();",
            path,
            expect![[r#"
            nowhere; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
    }

    #[test]
    fn attributes_in_the_arguments_of_a_macro() {
        let path = &["f", "{closure#0}"];
        check(
            "cfg_if! { if #[cfg(unix)] { /*<*/#[task]/*>*/\nasync fn f() {} } }",
            path,
            expect![[r#"
            2:1 Fn at async, made by a macro; header src/lib.rs:1:34: 1:41
        "#]],
        );
        check(
            "cfg_if! { if #[cfg(unix)] { /*<*/#[task]/*>*/\npub unsafe fn f() {} } }",
            path,
            expect![[r#"
            1:34 Fn at #[task], made by a macro; header src/lib.rs:1:34: 1:41
        "#]],
        );
        let path = &["{impl#0}", "f", "{closure#0}"];
        check(
            "m! { /*<*/#[some_trait]/*>*/\nunsafe impl A for B {\nasync fn f() {} } }",
            path,
            expect![[r#"
            3:1 Fn at async, made by a macro; header src/lib.rs:1:11: 1:24
        "#]],
        );
    }

    #[test]
    fn nothing_fits() {
        check(
            "fn g() {}",
            &["f", "{closure#0}"],
            expect![[r#"
            nowhere; header /r/some-macros-1.2.3/src/lib.rs:1:1: 1:1
        "#]],
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_text(
            text in super::super::outline::tests::rusty(),
            places in prop::collection::vec((0u32..4, 0u32..80, 0u32..4, 0u32..80, prop::bool::ANY), 1..6),
            path in prop::sample::subsequence(
                vec!["f", "{impl#0}", "x", "{closure#0}", "{closure#1}", "{closure#18446744073709551615}"], 0..6),
        ) {
            let file: Arc<str> = "src/lib.rs".into();
            let files = BTreeMap::from([(file.clone(), Outline::new(text.as_str().into()))]);
            let mut spans: Vec<Span> = places.iter().map(|&(a, b, c, d, here)| Span {
                file: if here { file.clone() } else { "/r/m-1.0.0/src/lib.rs".into() },
                start: LineCol { line: a, col: b },
                end: LineCol { line: c, col: d },
            }).collect();
            // What can really be hit.
            let outline = &files[&file];
            for site in outline.sites() {
                for range in [site.range, site.body, site.token] {
                    let (start, end) = (outline.line_col(range.start()), outline.line_col(range.end()));
                    spans.push(Span { file: file.clone(), start, end });
                }
            }
            for span in &spans {
                let body = CompiledBody { span, spans: &spans, path: &path, impl_span: spans.last(), type_path: text.as_str() };
                header_span(&files, &body);
                if let Some(it) = place(&files, &body) {
                    prop_assert!(it.site < files[&it.file].sites().len());
                }
            }
        }
    }
}
