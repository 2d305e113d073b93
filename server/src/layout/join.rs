//! Joins the two dumps: sizes and offsets from `-Zprint-type-sizes`, names and places from the MIR dump.

use super::align::{self, Identity, Seen, TypeFacts};
use super::body::{Body, BodyState};
use super::body_index::{BodyIndex, Instance};
use super::states::{Interner, Of, Packing, Text, Thing};
use super::whatif::{Part, Parts};
use super::why::CopiedValue;
use super::{Future, HeldKind};
use crate::dump::names::{self, CoroutineName};
use crate::dump::type_sizes::{
    AWAITEE, FieldKind, FieldRecord, NAMELESS, TypeRecord, TypeSizes, VariantRecord,
};
use crate::unit_id::UnitId;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Where records come from.
pub struct Source<'a> {
    /// The compiler run: `CRATE-HASH`.
    pub origin: &'a UnitId,
    /// The package that is compiled.
    pub package: &'a str,
    /// `lib`, `bin NAME`, …
    pub unit: &'a str,
    /// Everything that run printed.
    pub sizes: &'a TypeSizes<'a>,
    /// The bodies of all measured crates.
    pub bodies: &'a BodyIndex,
}

/// Every future the compiler run printed: the crate's own, and those of other crates it makes use of.
pub fn futures(source: &Source<'_>) -> Vec<Future> {
    let types = &source.sizes.types;
    let coroutines = types.iter().filter_map(|ty| {
        // If its name does not tell that it is one, its states do.
        let by_states = || source.sizes.is_coroutine(ty).then_some(CoroutineName::raw(ty.name));
        Some((ty, CoroutineName::parse(ty.name).or_else(by_states)?))
    });
    let coroutines: Vec<_> = coroutines.collect();
    let names = Names::new(source);
    let facts = TypeFacts::new(source.sizes);
    let mut seen_from = HashMap::new();
    let mut seen = HashSet::new();
    let futures = coroutines.into_iter().map(|(ty, name)| names.future(ty, &name, &facts, &mut seen_from));
    let mut futures: Vec<Future> = futures.filter(|future| seen.insert(future.id.clone())).collect();
    let texts = names.texts.into_inner().finish();
    futures.iter_mut().for_each(|future| future.states.set_texts(&texts));
    futures
}

/// What compiler runs call things, in readable words.
pub(super) struct Names<'a> {
    source: &'a Source<'a>,
    /// Readable names of coroutines by verbose path; one coroutine is mentioned by many types.
    memo: RefCell<HashMap<String, Option<String>>>,
    /// By verbose type, what of it is kept: many things are of one type.
    types: RefCell<HashMap<String, Type>>,
    /// What the futures are told in.
    texts: RefCell<Interner>,
}

/// What is kept of a type.
#[derive(Clone, Copy)]
struct Type {
    readable: Option<Text>,
    /// The future stored in place.
    future: Option<Text>,
}

impl<'a> Names<'a> {
    pub fn new(source: &'a Source<'a>) -> Self {
        let (memo, types, texts) = Default::default();
        Names { source, memo, types, texts }
    }

    fn shared(&self, text: &str) -> Arc<str> {
        self.texts.borrow_mut().shared(text)
    }

    /// A type as people write it.
    pub fn readable(&self, verbose: &str) -> Arc<str> {
        let readable = names::readable(verbose, &|path| self.coroutine(path));
        self.shared(&readable)
    }

    fn ty(&self, verbose: &str) -> Type {
        if let Some(known) = self.types.borrow().get(verbose) {
            return *known;
        }
        let (readable, future) = (self.readable(verbose), self.stored(verbose));
        let text = |text: &str| self.texts.borrow_mut().text(text);
        let ty = Type { readable: text(&readable), future: future.and_then(|id| text(&id)) };
        self.types.borrow_mut().insert(verbose.to_owned(), ty);
        ty
    }

    /// How people write the coroutine with this verbose path, if its body was measured.
    fn coroutine(&self, path: &str) -> Option<String> {
        if let Some(known) = self.memo.borrow().get(path) {
            return known.clone();
        }
        let found = self.source.bodies.find(self.source.origin, path, None);
        let written = found.map(|found| self.written(&found.body, path));
        self.memo.borrow_mut().insert(path.to_owned(), written.clone());
        written
    }

    /// `{async fn body of PATH()}`, `{async block@SPAN}`, …
    fn written(&self, body: &Body, path: &str) -> String {
        let what = body.compiled.words();
        if body.compiled.source == names::CoroutineSource::Fn {
            let function = names::function_of(path).unwrap_or(path);
            return format!("{{{what} of {}()}}", self.readable(function));
        }
        match &body.header {
            Some(span) if body.origin == *self.source.origin => format!("{{{what}@{span}}}"),
            // As the compiler does: a span means nothing outside its own crate.
            _ => format!("{{{what}@{}}}", self.readable(path)),
        }
    }

    /// The future a type stores in place: the type itself, or the first one its arguments name.
    fn stored(&self, ty: &str) -> Option<Arc<str>> {
        const POINTERS: [&str; 6] =
            ["&", "*", "std::boxed::Box<", "std::pin::Pin<", "std::sync::Arc<", "std::rc::Rc<"];
        if POINTERS.iter().any(|pointer| ty.starts_with(pointer)) || ty.starts_with("fn(") {
            return None;
        }
        let start = ty.find('{')?;
        let end = start + names::closing(&ty[start..])?;
        let name = CoroutineName::parse(&ty[start..=end])?;
        // An argument may itself stand behind a pointer: `Timeout<Pin<Box<…>>>`.
        let before = &ty[..start];
        if POINTERS.iter().any(|pointer| before.contains(pointer)) {
            return None;
        }
        Some(self.identity(
            &name,
            self.source.bodies.find(self.source.origin, name.path, Some(name.upvars)).as_ref(),
        ))
    }

    /// Crate, definition path and arguments; for futures of crates that were not measured the path alone.
    pub fn identity(&self, name: &CoroutineName<'_>, found: Option<&Instance>) -> Arc<str> {
        match found {
            Some(Instance { body, arguments, .. }) => self.shared(&instance_id(&body.def_path, arguments)),
            None => self.readable(name.path),
        }
    }

    fn future<'f>(
        &self,
        ty: &TypeRecord<'_>,
        name: &CoroutineName<'_>,
        facts: &TypeFacts<'f>,
        seen_from: &mut HashMap<Arc<str>, TypeFacts<'f>>,
    ) -> Future {
        let source = self.source;
        let found = source.bodies.find(source.origin, name.path, Some(name.upvars));
        let found = found.filter(|found| !found.is_reexported || self.is_of(ty, &found.body));
        let facts = match &found {
            Some(Instance { body, .. }) if body.origin != *source.origin => seen_from
                .entry(body.krate.clone())
                .or_insert_with(|| facts.seen_from(source.bodies, &body.krate, source.origin)),
            _ => facts,
        };
        // A name that is a coroutine's, and other states than a coroutine has: one of the two is wrong.
        let is_whole = ty.is_whole && source.sizes.is_coroutine(ty);
        let variants = if is_whole { source.sizes.variants(ty) } else { &[] };
        let mut seen = Collected::new(found.as_ref(), name.upvars);
        let mut states = Packing::default();
        let is_read = found.as_ref().is_none_or(|found| {
            found.body.unread.layout || found.body.states.len() == variants.len() || !is_whole
        });
        let agree = variants.iter().fold(is_read, |agree, variant| {
            self.state(variant, found.as_ref(), facts, &mut seen, &mut states) && agree
        });
        if !agree {
            // One of the two dumps means something else than it says, and nobody knows which.
            (states, seen.body) = (Packing::default(), None);
        }
        let states = states.finish(found.as_ref().map(|found| found.body.clone()));
        let parts = if is_whole { self.parts(seen, ty, facts) } else { Parts::default() };
        let id = self.identity(name, found.as_ref());
        let (krate, future_name, kind, written, arguments);
        match &found {
            Some(Instance { body, arguments: bound, .. }) => {
                krate = body.krate.clone();
                arguments = bound
                    .iter()
                    .map(|(parameter, value)| (self.shared(parameter), self.readable(value)))
                    .collect::<Vec<(Arc<str>, Arc<str>)>>();
                (future_name, kind) = (body.name.clone(), body.kind);
                written = match body.is_raw {
                    true => self.shared(ty.name),
                    false => self.shared(&self.written(body, name.path)),
                };
            }
            None => {
                let path = id.clone();
                krate = self.shared(path.trim_start_matches('<').split("::").next().unwrap_or_default());
                arguments = Vec::new();
                let source = match names::function_of(name.path) {
                    Some(_) => names::CoroutineSource::Fn,
                    None => names::CoroutineSource::Block,
                };
                kind = names::CoroutineKind { resumption: name.resumption, source }.into();
                let function = names::function_of(&path).unwrap_or(&path);
                future_name = self.shared(&names::without_arguments(function));
                written = self.readable(ty.name);
            }
        }
        Future {
            name: future_name,
            kind,
            krate,
            package: self.shared(source.package),
            unit: self.shared(source.unit),
            ty: written,
            id,
            arguments,
            size: ty.size,
            align: ty.align,
            discriminant: if agree && is_whole { ty.discriminant.unwrap_or(0) } else { 0 },
            end_padding: if agree && is_whole { ty.end_padding } else { 0 },
            states,
            body: found.map(|found| found.body),
            parts,
        }
    }

    /// Could a record be of a body? Then both name the same things in the same states.
    fn is_of(&self, ty: &TypeRecord<'_>, body: &Body) -> bool {
        let variants = self.source.sizes.variants(ty);
        let is_state = |variant: &VariantRecord<'_>| {
            let mut states = body.states.iter();
            let state = states.find(|state| Some(&*state.name) == variant.name);
            let fields = self.source.sizes.fields(variant);
            let locals = fields.iter().filter(|field| field.kind != FieldKind::Upvar);
            let is_local = |field: &FieldRecord<'_>| {
                let of_name =
                    |saved: &super::body::Saved| saved.names.iter().any(|name| **name == *field.name);
                field.name.starts_with(NAMELESS)
                    || state.is_some_and(|state| {
                        let mut saved =
                            state.fields.iter().filter_map(|index| body.saved.get(*index as usize));
                        saved.any(of_name)
                    })
            };
            state.is_some_and(|state| state.fields.len() == locals.clone().count())
                && locals.clone().all(is_local)
        };
        variants.len() == body.states.len() && variants.iter().all(is_state)
    }

    /// Sizes and alignments of what was seen in all states.
    fn parts(&self, mut seen: Collected<'_>, ty: &TypeRecord<'_>, facts: &TypeFacts<'_>) -> Parts {
        if seen.body.is_none() {
            return Parts::default();
        }
        let identity = |name: &CoroutineName<'_>| {
            let found = self.source.bodies.find(self.source.origin, name.path, Some(name.upvars));
            Identity { id: self.identity(name, found.as_ref()), is_measured: found.is_some() }
        };
        for (part, ty) in seen.upvars.iter_mut().chain(seen.saved.iter_mut().flatten()) {
            part.align = part.align.or_else(|| facts.align(ty.as_deref()?, part.size));
        }
        let mut all: Vec<&mut Seen> =
            seen.upvars.iter_mut().chain(seen.saved.iter_mut().flatten()).map(|(part, _)| part).collect();
        align::deduce(&mut all, ty.align, ty.discriminant.unwrap_or(0));
        let part = |(part, text): (Seen, Option<String>)| -> Part {
            let embedded = text.map(|text| facts.embedded(&text, part.size, &identity));
            let (embedded, named) = embedded.unwrap_or_default();
            let most_align = align::most(&part, ty.align);
            Part {
                size: part.size,
                align: part.align,
                most_align,
                embedded: embedded.into(),
                named: named.into(),
            }
        };
        Parts {
            upvars: seen.upvars.into_iter().map(part).collect(),
            saved: seen.saved.into_iter().map(|saved| saved.map(part)).collect(),
            pointer: facts.pointer,
        }
    }

    /// Adds a state. False if the two dumps do not say the same about it.
    fn state(
        &self,
        variant: &VariantRecord<'_>,
        instance: Option<&Instance>,
        facts: &TypeFacts<'_>,
        seen: &mut Collected<'_>,
        states: &mut Packing,
    ) -> bool {
        let body = instance.map(|instance| &*instance.body);
        let name = variant.name.unwrap_or_default();
        let state = body.and_then(|body| body.states.iter().find(|state| *state.name == *name));
        let fields = self.source.sizes.fields(variant);
        let assigned = match (body, state) {
            (Some(body), Some(state)) => assign(fields, body, state, facts, &seen.saved),
            _ => vec![None; fields.len()],
        };
        let is_stored = |(field, index): (&FieldRecord<'_>, &Option<u32>)| {
            field.kind == FieldKind::Upvar
                || index.is_some_and(|index| state.is_some_and(|state| state.fields.contains(&index)))
        };
        let locals = fields.iter().filter(|field| field.kind != FieldKind::Upvar).count();
        let agree = body.is_none_or(|body| body.unread.layout)
            || state.is_some_and(|state| state.fields.len() == locals)
                && fields.iter().zip(&assigned).all(is_stored);
        for (field, index) in fields.iter().zip(assigned) {
            if field.kind == FieldKind::Upvar {
                states.hold(self.upvar(field, instance, seen));
                continue;
            }
            let saved = index.and_then(|index| body?.saved.get(index as usize));
            let kind = match field.name {
                AWAITEE => HeldKind::Awaitee,
                name if !name.starts_with(NAMELESS) => HeldKind::Local,
                _ if saved.is_some_and(|saved| saved.drop_flag) => HeldKind::Flag,
                _ => HeldKind::Temporary,
            };
            let ty = saved.and_then(|s| of_instance(s.ty.as_deref()?, instance));
            if let Some(index) = index {
                seen.saved(index, field, ty.as_deref());
            }
            states.hold(self.thing(field, kind, ty.as_deref(), index));
        }
        seen.upvars_done = true;
        if let (Some(instance), Some(state)) = (instance, state) {
            let copies = state.copies.iter().zip(0..);
            copies.filter(|(copied, _)| self.are_stored(copied, instance)).for_each(|(_, n)| states.copy(n));
            for (branch, number) in state.branches.iter().zip(0..) {
                let Some(ty) = of_instance(&branch.ty, Some(instance)) else { continue };
                let Type { readable: Some(readable), future } = self.ty(&ty) else { continue };
                states.branch(number, readable, future, facts.size(&ty));
            }
        }
        states.state(self.texts.borrow_mut().number(name), variant.size, variant.padding);
        agree
    }

    /// Are the bodies that a value has to be among the captures of those of `async fn`s? Only of them it is certain that
    /// they store what the fn is called with.
    fn are_stored(&self, copied: &CopiedValue, instance: &Instance) -> bool {
        copied.bodies.iter().all(|ty| {
            let ty = of_instance(ty, Some(instance)).unwrap_or_default();
            let name = CoroutineName::parse(&ty);
            let find = |name: CoroutineName<'_>| {
                self.source.bodies.find(&instance.body.origin, name.path, Some(name.upvars))
            };
            name.and_then(find).is_some_and(|found| found.body.kind == super::FutureKind::AsyncFn)
        })
    }

    fn upvar(&self, field: &FieldRecord<'_>, instance: Option<&Instance>, seen: &mut Collected<'_>) -> Thing {
        let upvars = instance.map_or(&[][..], |instance| &instance.body.upvars);
        // A closure's disjoint captures `x.a`, `x.b` print as `x__a`, `x__b`, those by reference as
        // `_ref__x__a`.
        let name = field.name.strip_prefix("_ref__").unwrap_or(field.name);
        let named = |name: &str| upvars.iter().position(|upvar| *upvar.name == *name);
        let whole = named(name);
        let upvar = whole.or_else(|| named(name.split("__").next()?));
        let ty = whole.and_then(|upvar| of_instance(&upvars[upvar].ty, instance));
        seen.upvar(field);
        self.thing(field, HeldKind::Upvar, ty.as_deref(), upvar.map(|upvar| upvar as u32))
    }

    /// `of` as in [`Thing::of`], but counted from zero.
    fn thing(&self, field: &FieldRecord<'_>, kind: HeldKind, ty: Option<&str>, of: Option<u32>) -> Thing {
        let ty = field.ty.or(ty).map(|ty| self.ty(ty));
        Thing {
            name: self.texts.borrow_mut().number(field.name),
            kind,
            size: field.size,
            offset: field.offset,
            ty: ty.and_then(|ty| ty.readable),
            future: ty.and_then(|ty| ty.future),
            of: of.and_then(|of| Of::new(of.saturating_add(1))),
        }
    }
}

/// A type in the generic body's words, in those of the instance.
fn of_instance<'a>(ty: &'a str, instance: Option<&Instance>) -> Option<Cow<'a, str>> {
    let arguments = &instance?.arguments;
    if arguments.is_empty() {
        return Some(ty.into());
    }
    Some(names::substitute(ty, arguments).into())
}

/// What was seen of a future's parts in its states so far.
struct Collected<'a> {
    body: Option<&'a Body>,
    /// The types of the captures as the future's own type lists them, by index.
    upvar_types: Vec<&'a str>,
    /// By index of the body's saved locals, with the verbose type.
    saved: Vec<Option<(Seen, Option<String>)>>,
    upvars: Vec<(Seen, Option<String>)>,
    /// They are repeated in every state.
    upvars_done: bool,
}

impl<'a> Collected<'a> {
    /// `upvars` are their types: `(A, B)`.
    fn new(instance: Option<&'a Instance>, upvars: &'a str) -> Self {
        let body = instance.map(|instance| &*instance.body);
        let list = upvars.strip_prefix('(').and_then(|list| list.strip_suffix(')'));
        Collected {
            body,
            upvar_types: list.map_or(Vec::new(), |list| names::arguments(list).collect()),
            saved: vec![None; body.map_or(0, |body| body.saved.len())],
            upvars: Vec::new(),
            upvars_done: false,
        }
    }

    fn saved(&mut self, index: u32, field: &FieldRecord<'_>, ty: Option<&str>) {
        let Some(known) = self.saved.get_mut(index as usize) else { return };
        let ty = || field.ty.or(ty).map(str::to_owned);
        let (seen, _) = known.get_or_insert_with(|| (seen(field), ty()));
        seen.align = seen.align.or(field.align);
    }

    fn upvar(&mut self, field: &FieldRecord<'_>) {
        let Some(body) = self.body.filter(|_| !self.upvars_done) else { return };
        // Captured by reference, a variable's name has this in front.
        let name = field.name.strip_prefix("_ref__").unwrap_or(field.name);
        let upvar = body.upvars.iter().find(|upvar| *upvar.name == *name);
        let ty = upvar.and_then(|upvar| self.upvar_types.get(upvar.index as usize));
        self.upvars.push((seen(field), ty.map(|ty| (*ty).to_owned())));
    }
}

fn seen(field: &FieldRecord<'_>) -> Seen {
    Seen { size: field.size, offset: field.offset, align: field.align }
}

/// The saved locals behind the printed fields of a state: by number if they have no name, else by name. Several
/// of one name (shadowing) are told apart by what other states showed, by what is left, and by their types.
fn assign(
    fields: &[FieldRecord<'_>],
    body: &Body,
    state: &BodyState,
    facts: &TypeFacts<'_>,
    seen: &[Option<(Seen, Option<String>)>],
) -> Vec<Option<u32>> {
    // A saved local never moves.
    let elsewhere = |index: u32, field: &FieldRecord<'_>| {
        seen[index as usize].as_ref().is_some_and(|(s, _)| (s.size, s.offset) != (field.size, field.offset))
    };
    let named = |index: u32, field: &FieldRecord<'_>| {
        body.saved[index as usize].names.iter().any(|name| **name == *field.name)
    };
    let mut candidates: Vec<Vec<u32>> = fields
        .iter()
        .map(|field| match field.name.strip_prefix(NAMELESS) {
            _ if field.kind == FieldKind::Upvar => Vec::new(),
            Some(index) => {
                index.parse().ok().filter(|&i: &u32| (i as usize) < body.saved.len()).into_iter().collect()
            }
            None => {
                let named = state.fields.iter().copied().filter(|&index| named(index, field));
                named.filter(|&index| !elsewhere(index, field)).collect()
            }
        })
        .collect();
    let mut assigned = vec![None; fields.len()];
    loop {
        let open = |at: &usize| assigned[*at].is_none() && !candidates[*at].is_empty();
        let certain = (0..fields.len()).filter(open).find(|at| candidates[*at].len() == 1);
        let Some(at) = certain.or_else(|| (0..fields.len()).find(open)) else { break };
        let fits = |index: &&u32| {
            let ty = body.saved[**index as usize].ty.as_deref();
            match fields[at].ty {
                Some(printed) => ty == Some(printed),
                None => ty.and_then(|ty| facts.size(ty)) == Some(fields[at].size),
            }
        };
        let index = candidates[at].iter().find(fits).or(candidates[at].first()).copied();
        assigned[at] = index;
        candidates.iter_mut().for_each(|others| others.retain(|other| Some(*other) != index));
    }
    assigned
}

/// Named by path, not by span, so that the identity survives line moves:
/// `crate::path::{closure#0}` and, for an instance of a generic body, what its parameters stand for.
fn instance_id(def_path: &str, arguments: &[(String, String)]) -> Arc<str> {
    if arguments.is_empty() {
        return def_path.into();
    }
    let arguments: Vec<String> =
        arguments.iter().map(|(name, ty)| format!("{name} = {}", names::readable(ty, &|_| None))).collect();
    format!("{def_path}<{}>", arguments.join(", ")).into()
}
