//! Why a thing is held across an await.
//!
//! The compiler stores a local across a suspension if its storage has not ended, it has not been moved
//! out, and it is read or dropped later or was ever borrowed (`locals_live_across_suspend_points` in
//! rustc's coroutine transform). So the reasons are looked for in this order: what happens to it after the
//! resumption, then what happened to it before. Where the dump shows neither, there is no reason given.

use crate::dump::mir::{Action, Copied, Event, Flow, How, Place};
use crate::dump::span::{LineCol, SpanRef};
use crate::dump::{CoroutineBody, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Why something is held in one state. Spans are where the compiler says it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is what is awaited.
    Awaited,
    /// It is used after the resumption.
    UsedLater {
        /// The first use.
        at: Span,
        /// Only the next iteration of a loop around the await gets there.
        next_iteration: bool,
        /// The use is of this reference to it, which is held too.
        through: Option<Arc<str>>,
    },
    /// It is not used again, only dropped.
    Dropped {
        /// The end of its scope; none if what the compiler names is no place in a file.
        at: Option<Span>,
        /// It is dropped because it is assigned to, at `at`, not because its scope ends there.
        overwritten: bool,
    },
    /// It is neither used nor dropped again; its storage stays because its address was taken.
    Borrowed {
        /// The first borrow before the suspension.
        at: Option<Span>,
        /// The end of its scope, if the dump tells.
        until: Option<Span>,
    },
    /// A drop flag: whether another variable that may have been moved out still has to be dropped.
    DropFlag {
        /// That variable.
        of: Option<Arc<str>>,
        /// Where it is looked at.
        at: Option<Span>,
    },
    /// An argument or capture: it lives as long as the future.
    Capture {
        /// The variable it is stored in a second time.
        stored_again_as: Option<Arc<str>>,
    },
    /// A value without a name in the middle of a larger expression.
    Temporary {
        /// The expression that keeps it: of those the dump names, the smallest around it and the await. The
        /// value's own if none is known.
        of: Option<Span>,
        /// What happens to it later.
        then: Option<Box<Why>>,
    },
}

/// Where the value of a stored local comes from: another thing that is stored too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This stored local.
    Saved(u32),
    /// This capture.
    Upvar(u32),
}

/// What was found out about a body.
pub(super) struct Whys {
    /// Parallel to the body's states and their fields.
    pub states: Vec<Vec<Option<Why>>>,
    /// Parallel to the stored locals.
    pub origins: Vec<Option<Origin>>,
}

/// Finds the reasons. `span` makes spans that outlive the dump.
pub(super) fn whys<'a>(dump: &CoroutineBody<'a>, span: &mut dyn FnMut(SpanRef<'a>) -> Span) -> Whys {
    let origins: Vec<_> = (0..dump.saved.len() as u32).map(|saved| origin(dump, saved)).collect();
    let mut body = Analysis::new(dump);
    let states = dump
        .variants
        .iter()
        .map(|variant| {
            let awaits = body.awaits.get(&variant.index).copied();
            variant.fields.iter().map(|saved| body.why(*saved, awaits?, &variant.fields, span)).collect()
        })
        .collect();
    Whys { states, origins }
}

/// More steps than this are not taken through one body; real ones need a hundredth.
const MOST_STEPS: usize = 1 << 24;

/// Deeper chains of temporaries are not followed.
const DEEPEST: usize = 8;

/// One state's suspension.
#[derive(Clone, Copy)]
struct Await<'a> {
    /// The block that suspends.
    block: u32,
    resume: Option<u32>,
    dropped: Option<u32>,
    /// The `await` itself.
    at: Option<SpanRef<'a>>,
    /// The awaited expression with its `.await`.
    expression: Option<SpanRef<'a>>,
}

struct Analysis<'d, 'a> {
    dump: &'d CoroutineBody<'a>,
    flow: &'d Flow<'a>,
    /// By discriminant.
    awaits: FxHashMap<u32, Await<'a>>,
    /// By suspending block: where the state resumes.
    resumes: FxHashMap<u32, u32>,
    /// Edges that begin the next iteration of a loop of the user's.
    back: FxHashSet<(u32, u32)>,
    /// Where stored locals are dropped or their storage ends.
    ends: FxHashSet<&'a str>,
    /// Which reference is to which stored local: (referred to, reference).
    references: Vec<(u32, u32)>,
    /// By stored local, the place where its storage ends; found out when first needed.
    storage: Option<Vec<Option<SpanRef<'a>>>>,
    /// Predecessors of each block; found out when first needed.
    before: Option<Vec<Vec<u32>>>,
    /// Which walk has seen a block, twice for each: in this iteration and in a later one.
    seen: Vec<u32>,
    walks: u32,
    steps: usize,
}

/// What a walk from the resumption on has met first on its paths.
#[derive(Default)]
struct Met<'a> {
    /// In this iteration and in later ones.
    uses: [Vec<Event<'a>>; 2],
    drops: [Vec<Event<'a>>; 2],
}

impl<'d, 'a> Analysis<'d, 'a> {
    fn new(dump: &'d CoroutineBody<'a>) -> Self {
        let flow = &dump.flow;
        let mut body = Analysis {
            dump,
            flow,
            awaits: FxHashMap::default(),
            resumes: FxHashMap::default(),
            back: FxHashSet::default(),
            ends: FxHashSet::default(),
            references: references(flow),
            storage: None,
            before: None,
            seen: vec![0; flow.blocks.len() * 2],
            walks: 0,
            steps: 0,
        };
        for suspension in &flow.suspensions {
            let Some(variant) = dump.variants.iter().find(|v| v.index == suspension.variant) else {
                continue;
            };
            let awaitee = variant.fields.iter().find(|saved| body.is_awaitee(**saved));
            let found = Await {
                block: suspension.block,
                resume: suspension.resume,
                dropped: suspension.dropped,
                at: variant.suspended_at,
                expression: awaitee.and_then(|saved| dump.saved[*saved as usize].span),
            };
            body.awaits.entry(suspension.variant).or_insert(found);
            body.resumes.extend(suspension.resume.map(|resume| (suspension.block, resume)));
        }
        body.back = body.back_edges();
        let ends = flow.events.iter().filter(|event| matches!(event.action, Action::Drop | Action::Marker));
        body.ends = ends.filter(|event| event.span().is_some_and(is_end)).map(Event::key).collect();
        body
    }

    fn is_awaitee(&self, saved: u32) -> bool {
        self.dump.saved.get(saved as usize).is_some_and(|saved| saved.names.contains(&"__awaitee"))
    }

    /// Where a block goes on, suspensions included.
    fn successors(&self, block: u32) -> impl Iterator<Item = u32> + use<'d, 'a> {
        let flow = self.flow;
        let next = flow.successors(block).iter().copied().chain(self.resumes.get(&block).copied());
        next.filter(|next| flow.blocks.get(*next as usize).is_some_and(|block| !block.cleanup))
    }

    /// Edges to a block that is still being visited in a depth-first walk.
    fn back_edges(&self) -> FxHashSet<(u32, u32)> {
        #[derive(Clone, Copy, PartialEq)]
        enum Visit {
            Not,
            Open,
            Done,
        }
        let mut back = FxHashSet::default();
        let mut visits = vec![Visit::Not; self.flow.blocks.len()];
        let mut open: Vec<(u32, Vec<u32>)> = Vec::new();
        if let Some(first) = visits.first_mut() {
            *first = Visit::Open;
            open.push((0, self.successors(0).collect()));
        }
        while let Some((block, next)) = open.last_mut() {
            let block = *block;
            let Some(next) = next.pop() else {
                visits[block as usize] = Visit::Done;
                open.pop();
                continue;
            };
            match visits[next as usize] {
                Visit::Not => {
                    visits[next as usize] = Visit::Open;
                    open.push((next, self.successors(next).collect()));
                }
                Visit::Open => {
                    back.insert((block, next));
                }
                Visit::Done => {}
            }
        }
        // An await is itself a loop: resumed, it polls again. That is no iteration of the user's.
        for found in self.awaits.values().filter(|found| found.expression.is_some()) {
            let Some(mut block) = found.resume else { continue };
            for _ in 0..self.flow.blocks.len() {
                let mut next = self.successors(block);
                let (Some(only), None) = (next.next(), next.next()) else { break };
                if back.remove(&(block, only)) {
                    break;
                }
                block = only;
            }
        }
        back
    }

    fn why(
        &mut self,
        saved: u32,
        found: Await<'a>,
        held: &[u32],
        span: &mut dyn FnMut(SpanRef<'a>) -> Span,
    ) -> Option<Why> {
        if self.is_awaitee(saved) {
            return Some(Why::Awaited);
        }
        let why = self.later(saved, found, held, span);
        let local = self.dump.saved.get(saved as usize)?;
        if local.drop_flag {
            return self.flag(saved, found, span);
        }
        if local.names.is_empty() {
            let of = self.around(saved, found).map(span);
            return (of.is_some() || why.is_some()).then(|| Why::Temporary { of, then: why.map(Box::new) });
        }
        why
    }

    fn later(
        &mut self,
        saved: u32,
        found: Await<'a>,
        held: &[u32],
        span: &mut dyn FnMut(SpanRef<'a>) -> Span,
    ) -> Option<Why> {
        let met = found.resume.map(|resume| self.walk(saved, resume));
        let met = met.unwrap_or_default();
        let mut through: [Vec<(Event<'a>, u32)>; 2] = Default::default();
        if met.uses[0].is_empty() {
            let references: Vec<u32> = self.references_to(saved, held);
            for reference in references {
                let Some(resume) = found.resume else { break };
                let met = self.walk(reference, resume);
                for (uses, met) in through.iter_mut().zip(met.uses) {
                    uses.extend(met.into_iter().map(|event| (event, reference)));
                }
            }
        }
        for iteration in 0..2 {
            let direct = met.uses[iteration].iter().map(|event| (*event, None));
            let through = through[iteration].iter().map(|(event, reference)| (*event, Some(*reference)));
            for candidates in [direct.collect::<Vec<_>>(), through.collect()] {
                if let Some((at, reference)) = first(&candidates, found.at) {
                    let name = |saved: u32| self.dump.saved.get(saved as usize)?.names.first();
                    return Some(Why::UsedLater {
                        at: span(at),
                        next_iteration: iteration == 1,
                        through: reference.and_then(name).map(|name| (*name).into()),
                    });
                }
            }
        }
        // A loop without an end never gets to the end of the scope; a future dropped while it waits does.
        let drops = met.drops.into_iter().find(|drops| !drops.is_empty());
        let drops = drops.or_else(|| {
            let [drops, _] = self.walk(saved, found.dropped?).drops;
            Some(drops).filter(|drops| !drops.is_empty())
        });
        if let Some(drops) = drops {
            let drops: Vec<_> = drops.into_iter().map(|event| (event, ())).collect();
            let at = first(&drops, found.at).map(|(at, ())| at);
            return Some(Why::Dropped { at: at.map(span), overwritten: at.is_some_and(|at| !is_end(at)) });
        }
        let borrows = self.borrows_before(saved, found.block);
        if borrows.is_empty() {
            return None;
        }
        let at = borrows.iter().filter_map(Event::span).min_by_key(|at| {
            // Code of macros stands in files of their own.
            (Some(at.file) != found.at.map(|at| at.file), at.start)
        });
        Some(Why::Borrowed { at: at.map(&mut *span), until: self.storage_end(saved, found.at).map(span) })
    }

    /// Walks from a block on until the local is used, dropped or overwritten.
    fn walk(&mut self, saved: u32, from: u32) -> Met<'a> {
        let mut met = Met::default();
        self.walks += 1;
        let mut open = std::collections::VecDeque::from([(from, false)]);
        while let Some((block, later)) = open.pop_front() {
            let index = block as usize * 2 + usize::from(later);
            match self.seen.get_mut(index) {
                Some(seen) if *seen != self.walks => *seen = self.walks,
                _ => continue,
            }
            let flow = self.flow;
            let events = flow.events_of(block);
            self.steps += events.len() + 1;
            if self.steps > MOST_STEPS {
                return Met::default();
            }
            let mut own = events.iter().filter(|event| event.place == Place::Saved(saved));
            match own.find(|event| !matches!(event.action, Action::Mention | Action::Marker)) {
                Some(Event { action: Action::Overwrite, .. }) => continue,
                Some(event) if self.is_drop(event) => met.drops[usize::from(later)].push(*event),
                Some(event) => met.uses[usize::from(later)].push(*event),
                None => {
                    let next = self.successors(block);
                    open.extend(next.map(|next| (next, later || self.back.contains(&(block, next)))));
                }
            }
        }
        met
    }

    /// Also what drop elaboration does on the way to the drop itself: at the very end of a scope it looks
    /// at the discriminant of an enum that was moved out of in part, or takes a `Box` apart.
    fn is_drop(&self, event: &Event<'a>) -> bool {
        match event.action {
            Action::Drop => true,
            Action::Use | Action::Borrow | Action::Discriminant => {
                self.ends.contains(event.key())
                    && (event.action == Action::Discriminant
                        || self.flow.events.iter().any(|other| {
                            (other.action, other.place, other.key())
                                == (Action::Drop, event.place, event.key())
                        }))
            }
            _ => false,
        }
    }

    /// Held references to a local.
    fn references_to(&self, saved: u32, held: &[u32]) -> Vec<u32> {
        let mut found: Vec<u32> = vec![saved];
        let mut next = 0;
        // References to references count too.
        while let Some(referred) = found.get(next).copied() {
            next += 1;
            for (to, reference) in &self.references {
                let new = *to == referred && held.contains(reference) && !found.contains(reference);
                if new && !self.is_awaitee(*reference) {
                    found.push(*reference);
                }
            }
        }
        found.split_off(1)
    }

    fn flag(
        &mut self,
        saved: u32,
        found: Await<'a>,
        span: &mut dyn FnMut(SpanRef<'a>) -> Span,
    ) -> Option<Why> {
        let looks = |events: &[Event<'a>]| -> Vec<Event<'a>> {
            events.iter().filter(|event| event.action == Action::Switch).copied().collect()
        };
        let mut met = Vec::new();
        if let Some(resume) = found.resume {
            let [now, later] = self.walk(saved, resume).uses;
            met = looks(&[now, later].concat());
        }
        if met.is_empty()
            && let Some(dropped) = found.dropped
        {
            met = looks(&self.walk(saved, dropped).uses[0]);
        }
        // What is dropped behind a switch on the flag is the same at every one of them.
        let of = (0..self.flow.blocks.len() as u32).find_map(|block| {
            let switches =
                |event: &Event<'_>| (event.place, event.action) == (Place::Saved(saved), Action::Switch);
            if !self.flow.events_of(block).iter().any(switches) {
                return None;
            }
            self.flow.successors(block).iter().find_map(|next| {
                let events = self.flow.events_of(*next);
                let dropped = events.iter().find(|event| event.action == Action::Drop)?;
                // Anything before it would be a way around it.
                let other = events
                    .iter()
                    .any(|event| !matches!(event.action, Action::Drop | Action::Marker | Action::Overwrite));
                (!other).then(|| self.name(dropped.place)).flatten()
            })
        });
        let met: Vec<_> = met.into_iter().map(|event| (event, ())).collect();
        let at = first(&met, found.at).map(|(at, ())| span(at));
        (of.is_some() || at.is_some()).then_some(Why::DropFlag { of, at })
    }

    fn name(&self, place: Place) -> Option<Arc<str>> {
        let dump = self.dump;
        let name = match place {
            Place::Saved(saved) => dump.saved.get(saved as usize)?.names.first().copied(),
            Place::Upvar(index) => dump.upvars.iter().find(|u| u.index == index).map(|u| u.name),
            Place::Local(local) => self.flow.local_names.iter().find(|l| l.0 == local).map(|l| l.1),
        };
        name.map(Into::into)
    }

    /// Borrows of a local from its last assignment to the suspension.
    fn borrows_before(&mut self, saved: u32, block: u32) -> Vec<Event<'a>> {
        if self.before.is_none() {
            let mut before = vec![Vec::new(); self.flow.blocks.len()];
            for block in 0..self.flow.blocks.len() as u32 {
                for next in self.successors(block) {
                    before[next as usize].push(block);
                }
            }
            self.before = Some(before);
        }
        let before = self.before.as_deref().unwrap_or_default();
        self.walks += 1;
        let mut borrows = Vec::new();
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            match self.seen.get_mut(block as usize * 2) {
                Some(seen) if *seen != self.walks => *seen = self.walks,
                _ => continue,
            }
            let events = self.flow.events_of(block);
            self.steps += events.len() + 1;
            if self.steps > MOST_STEPS {
                return Vec::new();
            }
            let mut assigned = false;
            for event in events.iter().rev().filter(|event| event.place == Place::Saved(saved)) {
                match event.action {
                    Action::Borrow => borrows.push(*event),
                    Action::Overwrite => {
                        assigned = true;
                        break;
                    }
                    _ => {}
                }
            }
            if !assigned {
                open.extend(&before[block as usize]);
            }
        }
        borrows
    }

    /// The end of a local's scope, behind the await.
    fn storage_end(&mut self, saved: u32, at: Option<SpanRef<'a>>) -> Option<SpanRef<'a>> {
        if self.storage.is_none() {
            self.storage = Some(self.storage_ends());
        }
        let end = *self.storage.as_ref()?.get(saved as usize)?;
        end.filter(|end| at.is_none_or(|at| end.file == at.file && end.start >= at.start))
    }

    /// The markers of stored locals do not say whose they are. One that begins storage stands where the
    /// local is declared. One that ends it stands where the scope ends, in the source scope that the
    /// declaration was in, and scopes end in the opposite order of their beginnings.
    fn storage_ends(&self) -> Vec<Option<SpanRef<'a>>> {
        /// What is known of a local's storage end.
        #[derive(Clone, Copy, PartialEq)]
        enum End<'a> {
            Unknown,
            At(&'a str, SpanRef<'a>),
            Contradictory,
        }
        let count = self.dump.saved.len();
        let mut ends = vec![End::Unknown; count];
        let mut by_declaration: FxHashMap<SpanRef<'a>, Vec<u32>> = FxHashMap::default();
        for (index, saved) in self.dump.saved.iter().enumerate() {
            if let Some(span) = saved.span {
                by_declaration.entry(span).or_default().push(index as u32);
            }
        }
        let mut seen = vec![false; self.flow.blocks.len()];
        // Stored locals whose storage has begun, and the source scope it began in.
        let mut open: Vec<(u32, Vec<(u32, u32)>)> = vec![(0, Vec::new())];
        let mut steps = 0;
        while let Some((block, mut live)) = open.pop() {
            match seen.get_mut(block as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            for event in self.flow.events_of(block) {
                steps += live.len() + 1;
                if event.action != Action::Marker {
                    continue;
                }
                let (Some(span), Some(scope)) = (event.span(), event.scope()) else { continue };
                let declared = by_declaration.get(&span).into_iter().flatten();
                let begins = declared.copied().find(|saved| live.iter().all(|(other, _)| other != saved));
                if let Some(saved) = begins {
                    live.push((saved, scope));
                    continue;
                }
                let is_known = |(saved, _): &(u32, u32)| match ends[*saved as usize] {
                    End::At(key, _) => key == event.key(),
                    _ => false,
                };
                let may_be = |(saved, began): &(u32, u32)| {
                    let declared = self.dump.saved[*saved as usize].span;
                    ends[*saved as usize] == End::Unknown
                        && self.encloses(scope, *began)
                        && declared.is_none_or(|d| d.file != span.file || d.start <= span.start)
                };
                let ending = live
                    .iter()
                    .rposition(is_known)
                    .or_else(|| live.iter().rposition(|local| local.1 == scope && may_be(local)));
                let ending = ending.or_else(|| live.iter().rposition(may_be));
                match ending {
                    Some(index) => {
                        let (saved, _) = live.remove(index);
                        let end = &mut ends[saved as usize];
                        if *end == End::Unknown {
                            *end = End::At(event.key(), span);
                        }
                    }
                    // Whose it is would be a guess, and so is now the order of the others.
                    None => {
                        for (saved, _) in &live {
                            ends[*saved as usize] = End::Contradictory;
                        }
                    }
                }
            }
            if steps > MOST_STEPS {
                return vec![None; count];
            }
            let suspension = self.flow.suspension(block);
            let dropped = suspension.and_then(|suspension| suspension.dropped);
            open.extend(self.successors(block).chain(dropped).map(|next| (next, live.clone())));
        }
        ends.into_iter()
            .map(|end| match end {
                End::At(_, span) => Some(span),
                _ => None,
            })
            .collect()
    }

    /// Is source scope `inner` in `outer`, or the same?
    fn encloses(&self, outer: u32, inner: u32) -> bool {
        let mut scope = inner;
        for _ in 0..=self.flow.scopes.len() {
            if scope == outer {
                return true;
            }
            match self.flow.scopes.get(scope as usize) {
                Some(parent) if *parent != scope => scope = *parent,
                _ => break,
            }
        }
        false
    }

    /// The expression that a nameless value is part of.
    fn around(&self, saved: u32, found: Await<'a>) -> Option<SpanRef<'a>> {
        let own = self.dump.saved.get(saved as usize)?.span;
        let Some(at) = found.at else { return own };
        // A value that a macro of another crate made: where the user's code touches it.
        let own = own.filter(|own| own.file == at.file).or_else(|| {
            let events = self.flow.events.iter().filter(|event| event.place == Place::Saved(saved));
            events.filter_map(Event::span).find(|span| span.file == at.file && !is_end(*span)).or(own)
        })?;
        if own.file != at.file || contains(own, at) {
            return Some(own);
        }
        let events = self.flow.events.iter().filter_map(Event::span);
        let known = events.chain(found.expression).chain(self.dump.saved.iter().filter_map(|s| s.span));
        let around = known.filter(|span| *span != own && contains(*span, own) && contains(*span, at));
        Some(around.min_by_key(|span| (span.end.line - span.start.line, span.end, span.start)).unwrap_or(own))
    }
}

/// Of the events that come first on their paths, the one to name: the first behind the await in the text,
/// or if none is (macros), the one met first.
fn first<'a, T: Copy>(events: &[(Event<'a>, T)], at: Option<SpanRef<'a>>) -> Option<(SpanRef<'a>, T)> {
    let spans = || events.iter().filter_map(|(event, with)| Some((event.span()?, *with)));
    let behind = at.and_then(|at| {
        let behind = spans().filter(|(span, _)| span.file == at.file && span.start >= at.start);
        behind.min_by_key(|(span, _)| span.start)
    });
    let same_file = || at.and_then(|at| spans().find(|(span, _)| span.file == at.file));
    behind.or_else(same_file).or_else(|| spans().next())
}

/// Ends of scopes are named by their last character.
fn is_end(span: SpanRef<'_>) -> bool {
    span.start.line == span.end.line && span.end.col.saturating_sub(span.start.col) <= 1
}

fn contains(outer: SpanRef<'_>, inner: SpanRef<'_>) -> bool {
    let range = |span: SpanRef<'_>| -> (LineCol, LineCol) { (span.start, span.end) };
    let ((start, end), (from, to)) = (range(outer), range(inner));
    outer.file == inner.file && start <= from && to <= end
}

/// What each place is made from.
fn made_from(flow: &Flow<'_>, place: Place) -> impl Iterator<Item = Copied> {
    flow.copies.iter().copied().filter(move |copied| copied.to == place)
}

/// Every pair of a stored local and a stored reference to it.
fn references(flow: &Flow<'_>) -> Vec<(u32, u32)> {
    let mut by_target: FxHashMap<Place, Vec<Copied>> = FxHashMap::default();
    for copied in &flow.copies {
        by_target.entry(copied.to).or_default().push(*copied);
    }
    let mut found = Vec::new();
    for copied in flow.copies.iter().filter(|copied| matches!(copied.to, Place::Saved(_))) {
        let Place::Saved(reference) = copied.to else { continue };
        let mut open = vec![(*copied, 0)];
        while let Some((copied, depth)) = open.pop() {
            match (copied.how, copied.from) {
                (How::Reference, Place::Saved(referred)) if referred != reference => {
                    if !found.contains(&(referred, reference)) {
                        found.push((referred, reference));
                    }
                }
                (How::Reference, _) => {}
                (How::Value | How::Reborrow, from) if depth < DEEPEST => {
                    let made = by_target.get(&from).into_iter().flatten();
                    open.extend(made.map(|made| (*made, depth + 1)));
                }
                _ => {}
            }
            if open.len() > 64 {
                break;
            }
        }
    }
    found
}

/// What else of the future the value of a stored local was moved or copied from.
fn origin(dump: &CoroutineBody<'_>, saved: u32) -> Option<Origin> {
    let ty = dump.saved.get(saved as usize)?.ty?;
    let mut place = Place::Saved(saved);
    for _ in 0..DEEPEST {
        let mut sources = made_from(&dump.flow, place).filter(|copied| copied.how == How::Value);
        let source = sources.next()?.from;
        if sources.any(|other| other.from != source) {
            return None;
        }
        // `into_future` may have made another type of it.
        match source {
            Place::Upvar(index) => {
                let upvar = dump.upvars.iter().find(|upvar| upvar.index == index)?;
                return (upvar.ty == ty).then_some(Origin::Upvar(index));
            }
            Place::Saved(other) if other != saved => {
                let other_ty = dump.saved.get(other as usize)?.ty?;
                return (other_ty == ty).then_some(Origin::Saved(other));
            }
            Place::Saved(_) => return None,
            Place::Local(_) => place = source,
        }
    }
    None
}
