//! One coroutine body, and finding the body that a printed type is an instance of.

use super::FutureKind;
use super::conflicts::Conflicts;
use super::why::{self, BodyBranch, CopiedValue, Origin, Why};
use crate::dump::assigned::Source;
use crate::dump::coroutine::StatementPlace;
use crate::dump::mir::{Event, How, Place};
use crate::dump::names::{self, CoroutineKind, CoroutineName, CoroutineSource, Parameters};
use crate::dump::span::{SpanRef, is_of_std};
use crate::dump::type_sizes::AWAITEE;
use crate::dump::{CoroutineBody, Span, Unread, coroutine};
use crate::unit_id::UnitId;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// What the MIR dump says about a body, kept after the dump's text is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// The compiler run it was dumped by: `CRATE-HASH`. Two packages may have crates of one name.
    pub origin: UnitId,
    /// The package it is in. Empty as long as nobody has said which.
    pub package: Arc<str>,
    /// The crate it is in.
    pub krate: Arc<str>,
    /// Crate and definition path: `mini_redis::cmd::set::{impl#0}::apply::{closure#0}`.
    pub def_path: Arc<str>,
    /// What people call it: the path of the fn that the user wrote, without generic arguments; for a block that path and
    /// the closures in it, as the compiler numbers them.
    pub name: Arc<str>,
    /// What the compiler calls it, if a macro made that something else than [`Body::name`].
    pub compiled_name: Option<Arc<str>>,
    /// The fn that the user wrote where it stands, if a macro made it in or around that.
    pub part_of: Option<Arc<str>>,
    /// Its own verbose path and captures, in its own generic parameters' words.
    pub pattern: String,
    /// The names in the pattern that are generic parameters.
    pub parameters: Box<[Arc<str>]>,
    /// What it is in the source: what the user wrote, where a macro made something else of it.
    pub kind: FutureKind,
    /// What it is for the compiler.
    pub compiled: CoroutineKind,
    /// Whether each capture is moved to a variable of the same name, as the arguments of an `async fn` are. Not known
    /// if it captures nothing.
    pub takes_arguments: Option<bool>,
    /// What it waits for is the body of the one fn that it calls, as far as paths tell, and it waits for nothing else.
    pub awaits_what_it_calls: bool,
    /// Where the body stands as the compiler says; inside the macro's definition for macro-made ones.
    pub span: Option<Span>,
    /// The part plain type names mention: `async move`. Equals `span` if that is unknown.
    pub header: Option<Span>,
    /// The header of the `impl` it is in.
    pub impl_span: Option<Span>,
    /// Every place the body's declarations and awaits name, without repetition; nothing once it is placed.
    pub spans: Vec<Span>,
    /// Those in macros of other crates, of reasons too; nothing once it is placed.
    pub away: Vec<Away>,
    /// The files of all places that it names.
    pub files: Box<[Arc<str>]>,
    /// The locals it stores.
    pub saved: Vec<Saved>,
    /// Its states.
    pub states: Vec<BodyState>,
    /// Which of [`Body::saved`] are in storage at the same time.
    pub conflicts: Conflicts,
    /// Its captures.
    pub upvars: Vec<Upvar>,
    /// The patterns of arguments, by the names that the compiler makes up for them.
    pub patterns: Box<[(Arc<str>, Arc<str>)]>,
    /// What of the dump could not be read: there is nothing of that here.
    pub unread: Unread,
    /// Its type's name is not understood: [`Body::path`] is all of it, as the compiler printed it.
    pub is_raw: bool,
}

/// A stored local.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// Names in order of scope; none for a temporary.
    pub names: Box<[Arc<str>]>,
    /// Verbose type in the body's own words.
    pub ty: Option<Arc<str>>,
    /// Where it is declared.
    pub span: Option<Span>,
    /// Whether it is a drop flag.
    pub drop_flag: bool,
    /// What its value was moved or copied from, if that is stored too.
    pub origin: Option<Origin>,
}

/// A state: which of the saved locals it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyState {
    /// `Suspend0`, …
    pub name: Arc<str>,
    /// Indices into [`Body::saved`].
    pub fields: Box<[u32]>,
    /// Why each of them is held, where the dump tells.
    pub whys: Box<[Option<Why>]>,
    /// What of it is stored twice, if what it is in are bodies of `async fn`s where that is asked for.
    pub copies: Box<[CopiedValue]>,
    /// The futures that what it awaits polls, if it is made by `poll_fn`.
    pub branches: Box<[BodyBranch]>,
    /// The `await` at which it is entered, or the call of the macro that has it.
    pub suspended_at: Option<Span>,
}

/// A capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Upvar {
    /// Index among the captures; [`Origin::Upvar`] means this.
    pub index: u32,
    /// The variable's name.
    pub name: Arc<str>,
    /// Verbose type in the body's own words.
    pub ty: Arc<str>,
    /// Where it is declared.
    pub span: Option<Span>,
}

/// A place in a macro of another crate.
#[derive(Debug, Clone, PartialEq)]
pub struct Away {
    /// The place.
    pub span: Span,
    /// What is there.
    what: Foreign,
    /// And what it is called.
    pub name: Option<Arc<str>>,
    /// What the user wrote that runs just before it.
    pub before: Option<Span>,
    /// And just after it.
    pub after: Option<Span>,
}

/// What is at a place in a macro of another crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Foreign {
    /// The stored local of this index is declared there.
    Saved(usize),
    /// The state of this index is entered there.
    State(usize),
    /// Something else is declared or done there.
    Other,
}

/// What a name begins with that the compiler makes up for an argument with a pattern: `__arg0`.
const ARGUMENT: &str = "__arg";

impl Body {
    /// Takes what is needed out of a dumped body. `file_name` is the dump file's name, which spells the
    /// definition path: `CRATE.mod-{impl#0}-f-{closure#0}.-------.coroutine_post-transform.0.mir`.
    ///
    /// Kind and name are a first guess by the path, the generic parameters are by how names are written; who knows the
    /// source puts all three right.
    pub fn new(origin: &UnitId, krate: &str, file_name: &str, dump: &CoroutineBody<'_>) -> Option<Self> {
        let parsed = CoroutineName::parse(dump.self_ty);
        let own = parsed.unwrap_or(CoroutineName::raw(dump.self_ty));
        let mut paths = HashSet::new();
        let mut seen = HashSet::new();
        let spans = dump.spans().filter(|span| seen.insert(*span)).collect::<Vec<_>>();
        let mut span = |span: crate::dump::span::SpanRef<'_>| span.to_span(&mut paths);
        let why::Whys { states: whys, branches, copies, origins } = why::whys(dump, &mut span);
        let compiled = CoroutineKind {
            resumption: names::Resumption::of_body(dump.self_ty, dump.returns).unwrap_or(own.resumption),
            source: match names::function_of(own.path) {
                Some(_) if own.resumption == names::Resumption::Async => CoroutineSource::Fn,
                _ => CoroutineSource::Block,
            },
        };
        let mut body = Body {
            origin: origin.into(),
            package: "".into(),
            krate: krate.into(),
            def_path: definition_path(krate, file_name)?.into(),
            name: "".into(),
            compiled_name: None,
            part_of: None,
            pattern: pattern(&own),
            parameters: Box::default(),
            kind: compiled.into(),
            compiled,
            takes_arguments: takes_arguments(dump),
            awaits_what_it_calls: awaits_what_it_calls(dump),
            span: dump.span.map(&mut span),
            header: dump.span.map(&mut span),
            impl_span: dump.impl_span().map(&mut span),
            saved: dump
                .saved
                .iter()
                .zip(origins)
                .map(|(saved, origin)| Saved {
                    origin,
                    names: saved.names.iter().map(|name| (*name).into()).collect(),
                    ty: saved.ty.map(Into::into),
                    span: saved.span.map(&mut span),
                    drop_flag: saved.drop_flag,
                })
                .collect(),
            states: dump
                .variants
                .iter()
                .zip(whys)
                .zip(copies)
                .zip(branches)
                .map(|(((variant, whys), copies), branches)| BodyState {
                    whys: whys.into(),
                    branches: branches.into(),
                    copies: copies.into(),
                    name: variant.name.into(),
                    fields: variant.fields.as_slice().into(),
                    suspended_at: variant.suspended_at.map(&mut span),
                })
                .collect(),
            conflicts: Conflicts::new(dump.saved.len(), &dump.storage_conflicts),
            patterns: Box::default(),
            upvars: dump
                .upvars
                .iter()
                .map(|upvar| Upvar {
                    index: upvar.index,
                    name: upvar.name.into(),
                    ty: upvar.ty.into(),
                    span: upvar.span.map(&mut span),
                })
                .collect(),
            unread: dump.unread,
            is_raw: parsed.is_none(),
            spans: spans.into_iter().map(&mut span).collect(),
            away: Vec::new(),
            files: Box::default(),
        };
        body.files = body.all_files();
        body.set_compiled(compiled);
        body.set_parameters(|name| Parameters::AnyCapitalised.are_in(name));
        Some(body)
    }

    fn all_files(&self) -> Box<[Arc<str>]> {
        let mut files: Vec<Arc<str>> = Vec::new();
        for span in self.spans.iter().chain(&self.span).chain(&self.impl_span) {
            if !files.contains(&span.file) {
                files.push(span.file.clone());
            }
        }
        files.into()
    }

    /// Makes it as small as it can be, when it is placed: of each text it keeps the copy in `texts`, where there is
    /// one of each.
    pub fn pack(&mut self, texts: &mut HashSet<Arc<str>>) {
        self.spans = Vec::new();
        self.away = Vec::new();
        let mut share = |text: &mut Arc<str>| match texts.get(text) {
            Some(known) => *text = known.clone(),
            None => _ = texts.insert(text.clone()),
        };
        let files = self.span.iter_mut().chain(&mut self.header).chain(&mut self.impl_span);
        files.for_each(|span| share(&mut span.file));
        for text in [self.origin.text_mut(), &mut self.package, &mut self.krate, &mut self.name]
            .into_iter()
            .chain(&mut self.files)
        {
            share(text);
        }
        for saved in &mut self.saved {
            let file = saved.span.iter_mut().map(|span| &mut span.file);
            saved.names.iter_mut().chain(&mut saved.ty).chain(file).for_each(&mut share);
        }
        for upvar in &mut self.upvars {
            let file = upvar.span.iter_mut().map(|span| &mut span.file);
            [&mut upvar.name, &mut upvar.ty].into_iter().chain(file).for_each(&mut share);
        }
        for state in &mut self.states {
            let file = state.suspended_at.iter_mut().map(|span| &mut span.file);
            file.chain([&mut state.name]).for_each(&mut share);
            state.whys.iter_mut().flatten().for_each(|why| why.texts(&mut share));
            let branches = state.branches.iter_mut();
            branches.filter_map(|branch| branch.at.as_mut()).for_each(|at| share(&mut at.file));
        }
        self.pattern.shrink_to_fit();
    }

    /// Notes what lies in macros of other crates, and what of the user's is next to it. `is_own` knows the files of
    /// the crate; `text` is the body's `dump`.
    pub fn look_around(&mut self, dump: &CoroutineBody<'_>, text: &str, is_own: &dyn Fn(&str) -> bool) {
        let is_away = |span: &Span| !is_own(&span.file) && !is_of_workspace(&span.file);
        let mut away: Vec<(Foreign, &Span)> = Vec::new();
        let saved = self.saved.iter().zip(0..);
        away.extend(saved.filter_map(|(saved, index)| Some((Foreign::Saved(index), saved.span.as_ref()?))));
        let states = self.states.iter().zip(0..);
        away.extend(
            states.filter_map(|(state, index)| Some((Foreign::State(index), state.suspended_at.as_ref()?))),
        );
        away.extend(self.upvars.iter().filter_map(|upvar| Some((Foreign::Other, upvar.span.as_ref()?))));
        let whys = self.states.iter().flat_map(|state| &state.whys).flatten();
        let whys: Vec<Span> = whys.flat_map(Why::places).collect();
        away.extend(whys.iter().map(|span| (Foreign::Other, span)));
        away.retain(|(_, span)| is_away(span));
        if away.is_empty() {
            return;
        }
        let mut seen = HashSet::new();
        away.retain(|thing| seen.insert(*thing));
        let places = coroutine::statement_places(text);
        let mut paths: HashSet<Arc<str>> = self.files.iter().cloned().collect();
        let is_at = |place: &SpanRef<'_>, span: &Span| {
            (place.file, place.start, place.end) == (&*span.file, span.start, span.end)
        };
        let mut found = Vec::new();
        for (what, span) in away {
            let mut name = None;
            let at: Vec<usize> = match what {
                // Where something is done with it for the first time.
                Foreign::Saved(saved) => {
                    name = self.saved[saved].names.first().cloned();
                    let first = first_event(dump, saved);
                    let at = first
                        .and_then(|first| places.iter().position(|place| (place.block, place.span) == first));
                    at.into_iter().collect()
                }
                Foreign::State(state) => {
                    let variant = dump.variants.get(state).map(|variant| variant.index);
                    let mut all = dump.flow.suspensions.iter();
                    let block = all.find(|it| Some(it.variant) == variant).map(|it| it.block);
                    let is_there =
                        |place: &StatementPlace<'_>| Some(place.block) == block && is_at(&place.span, span);
                    places.iter().position(is_there).into_iter().collect()
                }
                Foreign::Other => (0..places.len()).filter(|at| is_at(&places[*at].span, span)).collect(),
            };
            for at in &at {
                let (before, after) = neighbours(&places, *at, is_own, &dump.flow.scopes);
                let mut own =
                    |place: Option<&StatementPlace<'_>>| place.map(|it| it.span.to_span(&mut paths));
                let (before, after) = (own(before), own(after));
                let (span, name) = (span.clone(), name.clone());
                found.push(Away { span, what, name, before, after });
            }
            if at.is_empty() {
                found.push(Away { span: span.clone(), what, name, before: None, after: None });
            }
        }
        self.away = found;
    }

    /// Puts what macros of other crates declare, and what happens in them, at the user's call of the macro. `call`
    /// finds the call that such a place is of; `made_by` is the one that made the whole body. What is in the standard
    /// library and of no call has no place.
    pub fn bring_home(&mut self, call: &dyn Fn(&Away) -> Option<Span>, made_by: Option<&Span>) {
        let all = std::mem::take(&mut self.away);
        if all.is_empty() {
            return;
        }
        let is_away = |span: &Span| all.iter().any(|away| away.span == *span);
        let home = |span: &Span, what: Foreign| {
            let one = all.iter().find(|it| what != Foreign::Other && it.what == what && it.span == *span);
            let found = match one {
                Some(away) => call(away),
                // One macro may be called several times: then it is not known which call it is.
                None => {
                    let same = all.iter().filter(|it| it.what == Foreign::Other && it.span == *span);
                    let mut calls = same.filter_map(call);
                    calls.next().filter(|first| calls.all(|other| other == *first))
                }
            };
            found.or_else(|| made_by.cloned())
        };
        let or_there = |span: &Span| (!is_of_std(&span.file)).then(|| span.clone());
        let mut homes: Vec<Option<Span>> = vec![None; self.saved.len()];
        for ((saved, index), kept) in self.saved.iter_mut().zip(0..).zip(&mut homes) {
            let Some(span) = saved.span.as_ref().filter(|span| is_away(span)) else { continue };
            *kept = home(span, Foreign::Saved(index));
            saved.span = kept.clone().or_else(|| or_there(span));
        }
        for upvar in &mut self.upvars {
            let Some(span) = upvar.span.as_ref().filter(|span| is_away(span)) else { continue };
            upvar.span = home(span, Foreign::Other).or_else(|| or_there(span));
        }
        for (state, index) in self.states.iter_mut().zip(0..) {
            let awaited = state.suspended_at.clone();
            if let Some(span) = awaited.as_ref().filter(|span| is_away(span)) {
                state.suspended_at = home(span, Foreign::State(index)).or_else(|| awaited.clone());
            }
            for (why, saved) in state.whys.iter_mut().zip(&state.fields) {
                let call = |span: &Span| {
                    let around = |at: &Span| {
                        let at = Some(at.clone());
                        let (span, before) = (span.clone(), at.clone());
                        call(&Away { span, what: Foreign::Other, name: None, before, after: at })
                    };
                    let kept = || homes.get(*saved as usize).cloned().flatten();
                    let here = || around(awaited.as_ref()?);
                    home(span, Foreign::Other).or_else(kept).or_else(here).or_else(|| or_there(span))
                };
                *why = why.take().map(|why| why.brought_home(&is_away, &call));
            }
        }
    }

    /// Has scopes end in the user's text: a macro around it has the end on its attribute, or in its definition. `end`
    /// is given where a variable is declared and where its scope ends, and tells where that is for the user, if it is
    /// another place.
    pub fn end_scopes(&mut self, end: &dyn Fn(&Span, &Span) -> Option<Span>) {
        for state in &mut self.states {
            for (why, saved) in state.whys.iter_mut().zip(&state.fields) {
                let declared = self.saved.get(*saved as usize).and_then(|saved| saved.span.as_ref());
                if let (Some(why), Some(declared)) = (why, declared) {
                    why.end_scope(&|at| end(declared, at));
                }
            }
        }
    }

    /// Adds places that the body's statements name.
    pub fn add_spans(&mut self, more: &[crate::dump::span::SpanRef<'_>]) {
        let mut paths: HashSet<Arc<str>> = self.spans.iter().map(|span| span.file.clone()).collect();
        for span in more {
            let span = span.to_span(&mut paths);
            if !self.spans.contains(&span) {
                self.spans.push(span);
            }
        }
        self.files = self.all_files();
    }

    /// Has arguments be called by their patterns, for which the compiler makes up names. `text` gives what stands at a
    /// place, if that is known.
    pub fn name_patterns(&mut self, text: &dyn Fn(&Span) -> Option<String>) {
        let of_saved = self.saved.iter().flat_map(|saved| saved.names.iter().map(|name| (name, &saved.span)));
        let all = self.upvars.iter().map(|upvar| (&upvar.name, &upvar.span)).chain(of_saved);
        let mut patterns: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        for (name, span) in all.filter(|(name, _)| name.starts_with(ARGUMENT)) {
            let pattern = span.as_ref().and_then(text);
            patterns.extend(pattern.map(|pattern| (name.clone(), pattern.into())));
        }
        self.patterns = patterns.into();
    }

    /// The user's name of what the compiler or a macro calls otherwise: the pattern of an argument; `self`, which
    /// `#[async_trait]` moves to a variable.
    pub fn written_name(&self, name: &str) -> Option<Arc<str>> {
        match name {
            "__self" => Some("self".into()),
            _ => Some(self.patterns.iter().find(|(of, _)| **of == *name)?.1.clone()),
        }
    }

    /// Says what the body is for the compiler. Until more is known, it is that in the source, too.
    pub fn set_compiled(&mut self, kind: CoroutineKind) {
        self.compiled = kind;
        self.set_written(kind.into(), None);
    }

    /// Says what the user wrote of which the body came: its kind, and its name if that is another one than the
    /// compiler's.
    pub fn set_written(&mut self, kind: FutureKind, name: Option<&str>) {
        let compiled = self.name_for_compiler();
        let is_other = name.is_some_and(|name| *name != *compiled);
        self.name = name.unwrap_or(&compiled).into();
        self.compiled_name = is_other.then(|| compiled.into());
        self.kind = kind;
    }

    /// The path without generic arguments and, for an `async fn`, without the closure that is its body.
    fn name_for_compiler(&self) -> String {
        let is_fn = self.compiled.source == CoroutineSource::Fn;
        if self.is_raw {
            // The definition path is certain.
            let path = self.def_path.split_once("::").map_or(&*self.def_path, |(_, path)| path);
            return path.strip_suffix("::{closure#0}").filter(|_| is_fn).unwrap_or(path).to_owned();
        }
        let path = self.path();
        readable_name(if is_fn { names::function_of(path).unwrap_or(path) } else { path })
    }

    /// The path with all closures in it, without generic arguments.
    pub fn path_name(&self) -> String {
        readable_name(if self.is_raw { &self.def_path } else { self.path() })
    }

    /// The path of the fn or other item that the body is in, however deep, without generic arguments: what is left
    /// without the closures at its end.
    pub fn item_name(&self) -> String {
        readable_name(item_path(if self.is_raw { &self.def_path } else { self.path() }))
    }

    /// How many closures its path ends in: 1 for what is straight in a fn, 2 for what is in that.
    pub fn depth(&self) -> usize {
        self.def_path.rsplit("::").take_while(|segment| is_closure(segment)).count()
    }

    /// Says which of the names that could be generic parameters are.
    pub fn set_parameters(&mut self, is_parameter: impl Fn(&str) -> bool) {
        let mut names: Vec<&str> =
            names::bare_names(&self.pattern).filter(|name| is_parameter(name)).collect();
        names.sort_unstable();
        names.dedup();
        self.parameters = names.into_iter().map(Into::into).collect();
    }

    /// The variable that something stored is, if it has a name.
    pub fn origin_name(&self, origin: Origin) -> Option<&Arc<str>> {
        match origin {
            Origin::Saved(index) => self.saved.get(index as usize)?.names.first(),
            Origin::Upvar(index) => Some(&self.upvars.iter().find(|upvar| upvar.index == index)?.name),
        }
    }

    /// The verbose path in the body's own words, `{closure#0}` included.
    pub fn path(&self) -> &str {
        self.pattern.split('\n').next().unwrap_or_default()
    }

    /// Is it a block or closure somewhere in the other body?
    pub fn is_inside(&self, outer: &Body) -> bool {
        self.def_path.strip_prefix(&*outer.def_path).is_some_and(|rest| rest.starts_with("::"))
    }

    /// Is it the same for all its callers, so that the compiler lays it out in any case?
    pub fn is_concrete(&self) -> bool {
        !self.is_raw && !Parameters::Declared(&self.parameters).are_in(&self.pattern)
    }

    /// Segments of the definition path without the crate.
    pub fn segments(&self) -> Vec<&str> {
        self.def_path.split("::").skip(1).collect()
    }
}

/// A path that is relative leads to another crate of the workspace, but for what `cargo vendor` put there.
fn is_of_workspace(file: &str) -> bool {
    let is_vendored = file.split(['/', '\\']).any(|part| part == "vendor");
    !is_vendored && !is_of_std(file) && Path::new(file).is_relative()
}

/// What the user wrote that runs just before and just after a statement: the statement itself, if he wrote that.
fn neighbours<'p, 'a>(
    places: &'p [StatementPlace<'a>],
    at: usize,
    is_own: &dyn Fn(&str) -> bool,
    scopes: &[u32],
) -> (Option<&'p StatementPlace<'a>>, Option<&'p StatementPlace<'a>>) {
    let own = |place: &&StatementPlace<'_>| is_own(place.span.file);
    if let Some(itself) = places.get(at).filter(own) {
        return (Some(itself), Some(itself));
    }
    let before = places[..at].iter().rev().find(own);
    let after = places[at..].iter().find(own);
    let is_within = |inner: u32, outer: u32| {
        let parent = |scope: &u32| scopes.get(*scope as usize).copied().filter(|parent| parent < scope);
        std::iter::successors(Some(inner), parent).any(|scope| scope == outer)
    };
    // What ran before is in a block that is over, what runs after is in the one that begins here. `format!` has a block
    // around its arguments, and what is made of it is used in no block of its own.
    let begins = before.zip(after).is_some_and(|(before, after)| {
        let here = places[at].scope;
        let is_of_one = is_within(before.scope, here) && after.scope == here;
        !is_within(here, before.scope) && is_within(after.scope, here) && !is_of_one
    });
    (before.filter(|_| !begins), after)
}

/// The first block in which something is done with a stored local, and where that is in the source.
fn first_event<'a>(dump: &CoroutineBody<'a>, saved: usize) -> Option<(u32, SpanRef<'a>)> {
    let place = Place::Saved(u32::try_from(saved).ok()?);
    (0..dump.flow.blocks.len() as u32).find_map(|block| {
        let events = dump.flow.events_of(block).iter().filter(|event| event.place == place);
        events.filter_map(Event::span).next().map(|span| (block, span))
    })
}

/// As people read it, without generic arguments.
fn readable_name(path: &str) -> String {
    names::without_arguments(&names::readable(path, &|_| None))
}

/// The path of the fn or other item that a body with this path is in: what is left without the closures at its end.
pub fn item_path(mut path: &str) -> &str {
    while let Some((item, _)) = path.rsplit_once("::").filter(|(_, last)| is_closure(last)) {
        path = item;
    }
    path
}

/// `{closure#1}`, or how the compiler calls the second body of an async closure.
fn is_closure(segment: &str) -> bool {
    segment.starts_with("{closure#") || segment.starts_with("{synthetic#")
}

/// See [`Body::takes_arguments`]. An `async fn` begins with `let x = x;` for each of its arguments; a block has no
/// reason to, unless a macro wrote that.
fn takes_arguments(dump: &CoroutineBody<'_>) -> Option<bool> {
    if dump.upvars.is_empty() || dump.unread.code {
        return None;
    }
    // Of the two only one is printed with its `r#`.
    let is_same = |a: &str, b: &str| a.trim_start_matches("r#") == b.trim_start_matches("r#");
    let is_called = |place: Place, name: &str| match place {
        Place::Saved(index) => dump
            .saved
            .get(index as usize)
            .is_some_and(|saved| saved.names.iter().any(|other| is_same(other, name))),
        Place::Local(local) => {
            dump.flow.local_names.iter().any(|(of, other)| *of == local && is_same(other, name))
        }
        Place::Upvar(_) => false,
    };
    let is_argument = |upvar: &coroutine::UpvarDebug<'_>| {
        let mut copies = dump.flow.copies.iter();
        copies.any(|copy| {
            copy.from == Place::Upvar(upvar.index) && copy.how == How::Value && is_called(copy.to, upvar.name)
        })
    };
    Some(dump.upvars.iter().all(is_argument))
}

/// See [`Body::awaits_what_it_calls`].
fn awaits_what_it_calls(dump: &CoroutineBody<'_>) -> bool {
    let [suspension] = &dump.flow.suspensions[..] else { return false };
    let states = dump.variants.iter().filter(|variant| variant.index == suspension.variant);
    let saved = states.flat_map(|state| &state.fields).filter_map(|&index| dump.saved.get(index as usize));
    let awaited = saved.filter(|saved| saved.names.contains(&AWAITEE)).filter_map(|saved| saved.ty);
    let bodies: Vec<&str> =
        awaited.filter_map(|ty| names::function_of(CoroutineName::parse(ty)?.path)).collect();
    // The await's own, and the way to what smart pointers point to.
    let is_own = |path: &str| {
        // Without the standard library it is all in `core`.
        let is_pin = ["std::pin::Pin::<", "core::pin::Pin::<"].iter().any(|pin| path.starts_with(pin));
        ["IntoFuture>::into_future", "Future>::poll"].iter().any(|end| path.ends_with(end))
            || path.contains("future::get_context")
            || is_pin && path.ends_with("::new_unchecked")
            || ["<std::sync::Arc<", "<std::rc::Rc<", "<alloc::sync::Arc<", "<alloc::rc::Rc<"]
                .iter()
                .any(|pointer| path.starts_with(pointer))
                && path.ends_with("Deref>::deref")
    };
    let steps = dump.flow.steps.iter().map(|step| dump.flow.source(step));
    let calls: Vec<&str> = steps
        .filter_map(|source| match source {
            Source::Call(call) if !is_own(call.path) => Some(call.path),
            _ => None,
        })
        .collect();
    // A call names its arguments behind `::`.
    let plain = |path: &str| path.replace("::<", "<");
    match (&bodies[..], &calls[..]) {
        ([body], [call]) => !dump.unread.code && plain(body) == plain(call),
        _ => false,
    }
}

/// What instances are compared with: path and captures.
fn pattern(name: &CoroutineName<'_>) -> String {
    format!("{}\n{}", name.path, name.upvars)
}

/// `CRATE.a-{impl#0}-f-{closure#0}.-------.…` → `CRATE::a::{impl#0}::f::{closure#0}`.
pub fn definition_path(krate: &str, file_name: &str) -> Option<String> {
    let rest = file_name.strip_prefix(krate)?.strip_prefix('.')?;
    let path = rest.split(".-------").next()?;
    Some(format!("{krate}::{}", path.replace('-', "::")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_paths_are_spelled_by_file_names() {
        assert_eq!(
            definition_path("a_b", "a_b.m-{impl#0}-f-{closure#0}.-------.coroutine_post-transform.0.mir"),
            Some("a_b::m::{impl#0}::f::{closure#0}".into())
        );
    }
}
