//! What happens to a thing that is held: after the resumption, and before the suspension.

use super::lent::{self, Assigned, Loan, is_poll_fn};
use super::twice::{self, Copied as CopiedValue};
use super::{BodyBranch, Origin, Why};
use crate::dump::coroutine::BodyVariant;
use crate::dump::mir::{Action, Copied, Event, Flow, How, Place};
use crate::dump::names;
use crate::dump::span::{LineCol, SpanRef};
use crate::dump::type_sizes::AWAITEE;
use crate::dump::{CoroutineBody, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// What was found out about a body.
pub(in crate::layout) struct Whys {
    /// Parallel to the body's states and their fields.
    pub states: Vec<Vec<Option<Why>>>,
    /// Parallel to the body's states: the futures that what is awaited polls.
    pub branches: Vec<Vec<BodyBranch>>,
    /// Parallel to the body's states: what each stores twice.
    pub copies: Vec<Vec<CopiedValue>>,
    /// Parallel to the stored locals.
    pub origins: Vec<Option<Origin>>,
}

/// Finds the reasons. `span` makes spans that outlive the dump.
pub(in crate::layout) fn whys<'a>(
    dump: &CoroutineBody<'a>,
    span: &mut dyn FnMut(SpanRef<'a>) -> Span,
) -> Whys {
    let flow = &dump.flow;
    if dump.saved.len().max(1) * (flow.copies.len() + flow.blocks.len()) > MOST_STEPS {
        let states = dump.variants.iter().map(|variant| vec![None; variant.fields.len()]).collect();
        let (copies, branches) =
            (vec![Vec::new(); dump.variants.len()], vec![Vec::new(); dump.variants.len()]);
        return Whys { states, branches, copies, origins: vec![None; dump.saved.len()] };
    }
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
    let copies = body.copies();
    let branches = dump.variants.iter().map(|variant| body.branches(variant, span)).collect();
    Whys { states, branches, copies, origins }
}

/// More steps than this are not taken through one body; real ones need a hundredth.
const MOST_STEPS: usize = 1 << 24;

/// Of more loops in one body it is not told what is in their next iterations.
const MOST_LOOPS: usize = 64;

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
    /// By edge that begins the next iteration of a loop of the user's: which loop.
    back: FxHashMap<(u32, u32), usize>,
    /// The blocks of each loop.
    loops: Vec<FxHashSet<u32>>,
    /// Where stored locals are dropped or their storage ends.
    ends: FxHashSet<&'a str>,
    /// Which reference is to which stored local: (referred to, reference).
    references: Vec<(u32, u32)>,
    /// By stored local, the place where its storage ends; found out when first needed.
    storage: Option<Vec<Option<SpanRef<'a>>>>,
    /// All assignments; read when first needed.
    assigned: Option<Assigned<'a>>,
    /// By suspending block, what is lent to what is awaited there; found out when first needed.
    loans: FxHashMap<u32, Vec<Loan<'a>>>,
    /// Predecessors of each block.
    before: Vec<Vec<u32>>,
    /// Which walk has seen a block: outside the next iteration of any loop, and inside that of each.
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
            back: FxHashMap::default(),
            loops: Vec::new(),
            ends: FxHashSet::default(),
            references: references(flow),
            storage: None,
            assigned: None,
            loans: FxHashMap::default(),
            before: vec![Vec::new(); flow.blocks.len()],
            seen: Vec::new(),
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
        for block in 0..flow.blocks.len() as u32 {
            for next in body.successors(block) {
                body.before[next as usize].push(block);
            }
        }
        body.find_loops();
        body.seen = vec![0; flow.blocks.len() * (body.loops.len() + 1)];
        let ends = flow.events.iter().filter(|event| matches!(event.action, Action::Drop | Action::Marker));
        body.ends = ends.filter(|event| event.span().is_some_and(SpanRef::is_end)).map(Event::key).collect();
        body
    }

    fn is_awaitee(&self, saved: u32) -> bool {
        self.dump.saved.get(saved as usize).is_some_and(|saved| saved.names.contains(&AWAITEE))
    }

    /// Where a block goes on, suspensions included.
    fn successors(&self, block: u32) -> impl Iterator<Item = u32> + use<'d, 'a> {
        let flow = self.flow;
        let next = flow.successors(block).iter().copied().chain(self.resumes.get(&block).copied());
        next.filter(|next| flow.blocks.get(*next as usize).is_some_and(|block| !block.cleanup))
    }

    /// A loop is what can get to an edge back to its first block without passing that block.
    fn find_loops(&mut self) {
        let mut back: Vec<(u32, u32)> = self.back_edges().into_iter().collect();
        back.sort_by_key(|(from, to)| (*to, *from));
        for edges in back.chunk_by(|a, b| a.1 == b.1).take(MOST_LOOPS) {
            let mut blocks = FxHashSet::from_iter([edges[0].1]);
            let mut open: Vec<u32> = edges.iter().map(|(from, _)| *from).collect();
            while let Some(block) = open.pop() {
                if blocks.insert(block) {
                    open.extend(&self.before[block as usize]);
                }
            }
            self.back.extend(edges.iter().map(|edge| (*edge, self.loops.len())));
            self.loops.push(blocks);
        }
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
        let loan = self.loan(saved, found.block, held);
        if loan.is_some_and(|loan| loan.is_polled) {
            return Some(Why::Polled);
        }
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
                if let Some((at, reference)) = self.first(&candidates, found.at) {
                    let name = |saved: u32| self.dump.saved.get(saved as usize)?.names.first();
                    return Some(Why::UsedLater {
                        at: span(at),
                        next_iteration: iteration == 1,
                        through: reference.and_then(name).map(|name| (*name).into()),
                    });
                }
            }
        }
        if let Some(loan) = loan {
            return Some(Why::Lent { at: loan.at.map(span) });
        }
        // A loop without an end never gets to the end of the scope; a future dropped while it waits does.
        let drops = met.drops.into_iter().find(|drops| !drops.is_empty());
        let drops = drops.or_else(|| {
            let [drops, _] = self.walk(saved, found.dropped?).drops;
            Some(drops).filter(|drops| !drops.is_empty())
        });
        if let Some(drops) = drops {
            let drops: Vec<_> = drops.into_iter().map(|event| (event, ())).collect();
            let (at, overwritten) = match self.first(&drops, found.at) {
                Some((at, ())) => (Some(at), self.is_overwritten(saved, at)),
                None => (None, false),
            };
            return Some(Why::Dropped { at: at.map(span), overwritten });
        }
        let borrows = self.borrows_before(saved, found.block);
        if borrows.is_empty() {
            return None;
        }
        let at = borrows.iter().filter_map(Event::span).min_by_key(|at| {
            // Code of macros stands in files of their own.
            (Some(at.file) != found.at.map(|at| at.file), at.start)
        });
        let moved = self.moved_before(saved, found.block).map(&mut *span);
        Some(Why::Borrowed {
            at: at.map(&mut *span),
            until: self.storage_end(saved, found.at).map(span),
            moved,
        })
    }

    /// The futures that what a state awaits polls, if that is made by `poll_fn`, as those of `select!` and `join!` are.
    fn branches(
        &mut self,
        variant: &BodyVariant<'a>,
        span: &mut dyn FnMut(SpanRef<'a>) -> Span,
    ) -> Vec<BodyBranch> {
        let dump = self.dump;
        let awaitee = variant.fields.iter().find(|saved| self.is_awaitee(**saved));
        let ty = |saved: u32| dump.saved.get(saved as usize)?.ty;
        let Some(found) = self.awaits.get(&variant.index).copied() else { return Vec::new() };
        if !awaitee.is_some_and(|awaitee| ty(*awaitee).is_some_and(is_poll_fn)) {
            return Vec::new();
        }
        let is_polled = |body: &mut Self, saved: &u32| {
            body.loan(*saved, found.block, &variant.fields).is_some_and(|loan| loan.is_polled)
        };
        let polled: Vec<u32> =
            variant.fields.iter().copied().filter(|saved| is_polled(self, saved)).collect();
        let Some(assigned) = &self.assigned else { return Vec::new() };
        let mut branch = |saved: u32, path: &[u32], stored: &str| {
            let ty = lent::behind_references(stored);
            let at = assigned.made_at(dump, saved, path).map(&mut *span);
            BodyBranch { ty: ty.into(), at, is_lent: ty.len() < stored.len() }
        };
        // A macro's own tuple has all of them.
        for saved in &polled {
            let parts = ty(*saved).and_then(|ty| ty.strip_prefix('(')?.strip_suffix(')'));
            if let Some(parts) = parts {
                let parts = names::arguments(parts).zip(0..);
                return parts.map(|(part, index)| branch(*saved, &[index], part)).collect();
            }
        }
        // What is polled through a pinned reference that is stored is stored, too.
        let stored = polled.iter().filter_map(|saved| Some((*saved, ty(*saved)?)));
        let stored = stored.filter(|(_, ty)| lent::behind_references(ty).len() == ty.len());
        stored.map(|(saved, ty)| branch(saved, &[], ty)).collect()
    }

    /// What each state stores twice.
    fn copies(&mut self) -> Vec<Vec<CopiedValue>> {
        let dump = self.dump;
        let mut left = MOST_STEPS.saturating_sub(self.steps);
        let assigned = self.assigned.get_or_insert_with(|| Assigned::new(dump));
        let (flow, resumes) = (self.flow, &self.resumes);
        let successors = |block: u32| {
            let next = flow.successors(block).iter().copied().chain(resumes.get(&block).copied());
            next.filter(|next| flow.blocks.get(*next as usize).is_some_and(|block| !block.cleanup)).collect()
        };
        let found = twice::copies(dump, assigned, &successors, &mut left);
        self.steps = MOST_STEPS - left;
        let states = dump.variants.iter().map(|variant| {
            let here = self.awaits.get(&variant.index).and_then(|found_at| found.get(&found_at.block));
            let is_held = |copied: &&CopiedValue| {
                variant.fields.contains(&copied.saved)
                    && match copied.of {
                        Origin::Saved(of) => variant.fields.contains(&of),
                        Origin::Upvar(_) => true,
                    }
            };
            here.into_iter().flatten().filter(is_held).cloned().collect()
        });
        states.collect()
    }

    /// Is a local lent to what is awaited where `block` suspends? `held` is all that is stored then.
    fn loan(&mut self, saved: u32, block: u32, held: &[u32]) -> Option<Loan<'a>> {
        if !self.loans.contains_key(&block) {
            let awaitee = held.iter().copied().find(|saved| self.is_awaitee(*saved));
            let assigned = self.assigned.get_or_insert_with(|| Assigned::new(self.dump));
            let mut left = MOST_STEPS.saturating_sub(self.steps);
            let loans = awaitee
                .map(|awaitee| assigned.loans(self.dump, block, awaitee, &self.before, &mut left))
                .unwrap_or_default();
            self.steps = MOST_STEPS - left;
            self.loans.insert(block, loans);
        }
        self.loans[&block].iter().copied().find(|loan| loan.saved == saved)
    }

    /// Walks from a block on until the local is used, dropped or overwritten.
    fn walk(&mut self, saved: u32, from: u32) -> Met<'a> {
        let mut met = Met::default();
        self.walks += 1;
        // The loop in whose next iteration the block is reached.
        let mut open = std::collections::VecDeque::from([(from, None::<usize>)]);
        while let Some((block, iteration)) = open.pop_front() {
            let index = block as usize * (self.loops.len() + 1) + iteration.map_or(0, |index| index + 1);
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
            let later = usize::from(iteration.is_some());
            match own.find(|event| !matches!(event.action, Action::Mention | Action::Marker)) {
                Some(Event { action: Action::Overwrite, .. }) => continue,
                Some(event) if self.is_drop(event) => met.drops[later].push(*event),
                Some(event) => met.uses[later].push(*event),
                None => open.extend(self.successors(block).map(|next| {
                    // What comes behind a loop is no iteration of it, however often it went round.
                    let still = iteration.filter(|index| self.loops[*index].contains(&next));
                    (next, still.or_else(|| self.back.get(&(block, next)).copied()))
                })),
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

    /// Is the drop at `at` followed at once by a new value, with no storage marker in between?
    fn is_overwritten(&self, saved: u32, at: SpanRef<'a>) -> bool {
        let place = Place::Saved(saved);
        // Only names are that short.
        !at.is_end()
            || (0..self.flow.blocks.len() as u32).any(|block| {
                let last = self.flow.events_of(block).last();
                let dropped = last.is_some_and(|event| {
                    (event.place, event.action, event.span()) == (place, Action::Drop, Some(at))
                });
                let next = |block: &u32| {
                    let mut events = self.flow.events_of(*block).iter();
                    events.find(|event| event.place == place || event.action == Action::Marker)
                };
                let mut next = self.flow.successors(block).iter().filter_map(next);
                dropped && next.any(|event| event.action == Action::Overwrite)
            })
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
                // A `match` on what is left of an enum may stand before the drop itself.
                let ends = |event: &&Event<'_>| {
                    matches!(event.action, Action::Drop)
                        || event.action == Action::Discriminant && self.ends.contains(event.key())
                };
                let dropped = events.iter().find(ends)?;
                // Anything else would be a way around it.
                let known = |event: &Event<'_>| {
                    matches!(event.action, Action::Marker | Action::Overwrite) || ends(&event)
                };
                events.iter().all(known).then(|| self.name(dropped.place)).flatten()
            })
        });
        let met: Vec<_> = met.into_iter().map(|event| (event, ())).collect();
        let at = self.first(&met, found.at).map(|(at, ())| span(at));
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

    /// Borrows of a local before the suspension. To the compiler a new value does not end them, only the
    /// end of the storage does; those of the present value are the better answer, if there are any.
    fn borrows_before(&mut self, saved: u32, block: u32) -> Vec<Event<'a>> {
        self.walks += 1;
        let [mut present, mut past] = [Vec::new(), Vec::new()];
        let mut open = vec![(block, false)];
        while let Some((block, mut overwritten)) = open.pop() {
            match self.seen.get_mut(block as usize * (self.loops.len() + 1)) {
                Some(seen) if *seen != self.walks => *seen = self.walks,
                _ => continue,
            }
            let events = self.flow.events_of(block);
            self.steps += events.len() + 1;
            if self.steps > MOST_STEPS {
                return Vec::new();
            }
            for event in events.iter().rev().filter(|event| event.place == Place::Saved(saved)) {
                match event.action {
                    Action::Borrow if overwritten => past.push(*event),
                    Action::Borrow => present.push(*event),
                    Action::Overwrite => overwritten = true,
                    _ => {}
                }
            }
            open.extend(self.before[block as usize].iter().map(|before| (*before, overwritten)));
        }
        if present.is_empty() { past } else { present }
    }

    /// Where a local was moved out of before the suspension, if it was on every way there.
    fn moved_before(&mut self, saved: u32, block: u32) -> Option<SpanRef<'a>> {
        let place = Place::Saved(saved);
        self.walks += 1;
        let assigned = self.assigned.get_or_insert_with(|| Assigned::new(self.dump));
        let mut moved = Vec::new();
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            match self.seen.get_mut(block as usize * (self.loops.len() + 1)) {
                Some(seen) if *seen != self.walks => *seen = self.walks,
                _ => continue,
            }
            let (from, to) = self.flow.blocks[block as usize].steps;
            self.steps += (to - from) as usize + 1;
            if self.steps > MOST_STEPS {
                return None;
            }
            let last = (from..to).rev().find_map(|step| {
                let change = assigned.change(step as usize, place)?;
                Some((change, self.flow.steps[step as usize].span()))
            });
            match last {
                Some((lent::Change::Moved, at)) => moved.extend(at),
                Some((lent::Change::Written, _)) => return None,
                // Without a value at all, or with one from nobody knows where.
                None if self.before[block as usize].is_empty() => return None,
                None => open.extend(&self.before[block as usize]),
            }
        }
        moved.into_iter().min_by_key(|at| at.start)
    }

    /// The end of a local's scope, behind the await.
    fn storage_end(&mut self, saved: u32, at: Option<SpanRef<'a>>) -> Option<SpanRef<'a>> {
        if self.storage.is_none() {
            self.storage = Some(self.storage_ends());
        }
        let end = *self.storage.as_ref()?.get(saved as usize)?;
        // Attributes put scopes around the body that end in the attribute.
        end.filter(|end| at.is_none_or(|at| end.file != at.file || end.start >= at.start))
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
            // Drop flags have no storage markers; they stand where what they are for is dropped.
            if let Some(span) = saved.span
                && !saved.drop_flag
            {
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
        let (Some(at), Some(body)) = (found.at, self.dump.span) else { return own };
        // A value that a macro of another crate made: where the user's code touches it.
        let own = own.filter(|own| own.file == body.file).or_else(|| {
            let events = self.flow.events.iter().filter(|event| event.place == Place::Saved(saved));
            events.filter_map(Event::span).find(|span| span.file == body.file && !span.is_end()).or(own)
        })?;
        let events = self.flow.events.iter().filter_map(Event::span);
        let known = events.chain(found.expression).chain(self.dump.saved.iter().filter_map(|s| s.span));
        let around = known.filter(|span| {
            *span != own && contains(*span, own) && contains(*span, at) && !contains(*span, body)
        });
        Some(
            around
                .min_by_key(|span| (span.end.line.abs_diff(span.start.line), span.end, span.start))
                .unwrap_or(own),
        )
    }

    /// Of the events that come first on their paths, the one to name: the first behind the await in the
    /// text, or if none is (macros), the one met first in the body's own file.
    fn first<T: Copy>(&self, events: &[(Event<'a>, T)], at: Option<SpanRef<'a>>) -> Option<(SpanRef<'a>, T)> {
        let home = self.dump.span.map(|span| span.file);
        let spans = || events.iter().filter_map(|(event, with)| Some((event.span()?, *with)));
        let at = at.filter(|at| home == Some(at.file));
        let behind = at.and_then(|at| {
            let behind = spans().filter(|(span, _)| span.file == at.file && span.start >= at.start);
            behind.min_by_key(|(span, _)| span.start)
        });
        let at_home = || spans().find(|(span, _)| Some(span.file) == home);
        behind.or_else(at_home).or_else(|| spans().next())
    }
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
                (How::Reference, Place::Saved(referred))
                    if referred != reference && !found.contains(&(referred, reference)) =>
                {
                    found.push((referred, reference));
                }
                (How::Reference, _) => {}
                (How::Value | How::Reborrow | How::Part, from) if depth < DEEPEST => {
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
