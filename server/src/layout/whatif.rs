//! What a future's size would be with other things in it, by the compiler's own algorithm.
//!
//! `ra-ap-rustc_abi` is the compiler's layout code as a library. It is fed with what the compiler dumped: the
//! states, the stored locals and which of them are in storage at the same time. A future whose printed size and
//! alignment come out of that is understood, and predictions for it are exact; otherwise they are estimates.
//!
//! Only sizes and alignments are taken from it. Offsets are not: they depend on niches, which nothing prints.

use super::{Body, Future};
use ra_ap_rustc_abi::{
    Align, LayoutCalculator, LayoutData, Primitive, Scalar, Size, TargetDataLayout, WrappingRange,
};
use ra_ap_rustc_index::IndexVec;
use ra_ap_rustc_index::bit_set::BitMatrix;
use rustc_hash::FxHashMap;
use std::borrow::Borrow;
use std::sync::Arc;

/// Sizes and alignments of everything stored in a future.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// By index of [`Body::saved`]; none where the two dumps did not fit together.
    pub saved: Box<[Option<Part>]>,
    /// The captures, by offset.
    pub upvars: Box<[Part]>,
    /// Bytes of a thin pointer; none if nothing that was printed tells.
    pub pointer: Option<u64>,
}

/// A stored local or a capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Bytes.
    pub size: u64,
    /// Bytes; none where several are possible.
    pub align: Option<u64>,
    /// The largest alignment possible, in bytes.
    pub most_align: u64,
    /// The futures stored in it in place.
    pub embedded: Box<[Embedded]>,
    /// Other futures on whose layout its own may depend, by identity: where they are in it, nothing tells.
    pub named: Box<[Arc<str>]>,
}

/// A future stored in a part: the part itself, or inside a wrapper such as `Timeout<…>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// Which future, see [`Future::id`].
    pub id: Arc<str>,
    /// Its size in bytes when it was measured.
    pub size: u64,
    /// Its alignment in bytes when it was measured.
    pub align: u64,
    /// What is around it, outermost first; none if the records do not tell.
    pub layers: Option<Box<[Layer]>>,
}

/// A struct or enum around a future.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Bytes of the field that the future is in.
    pub inner: u64,
    /// Bytes of the other fields beside it.
    pub rest: u64,
    /// Bytes of the tag, if it is an enum that has one.
    pub tag: u64,
    /// Where the largest other variant ends, in bytes.
    pub floor: u64,
}

impl Layer {
    /// Size, alignment, and whether that is certain, if the field in it were of this size and alignment.
    pub(super) fn resized(&self, size: u64, align: u64, old_align: u64) -> Option<(u64, u64, bool)> {
        let mut exact = true;
        let outer_align = if align == old_align || (align < old_align && old_align < self.align) {
            self.align
        } else if align >= self.align || (self.rest == 0 && self.floor == 0 && self.tag <= align) {
            align
        } else {
            exact = false;
            self.align
        };
        // Without a tag the fields are ordered by alignment, so that there is no padding between them.
        let mut end = size.checked_add(self.rest)?;
        if self.tag > 0 {
            end = end.checked_add(self.tag.checked_next_multiple_of(align)?)?;
            exact &= self.rest == 0;
        } else {
            // Beside the space that tells the variants apart, all others still have to fit.
            exact &= self.floor == 0;
        }
        Some((end.max(self.floor).checked_next_multiple_of(outer_align)?, outer_align, exact))
    }
}

impl Embedded {
    /// What becomes of a part of `part` bytes if the future in it gets another size and alignment. Whether that
    /// is certain comes third.
    pub(super) fn resized(&self, part: &Part, size: u64, align: u64) -> Option<(u64, u64, bool)> {
        let Some(layers) = &self.layers else {
            let size = part.size.checked_sub(self.size)?.checked_add(size)?;
            let align = part.align.unwrap_or(part.most_align).max(align);
            return Some((size.checked_next_multiple_of(align)?, align, false));
        };
        let mut now = (size, align, true);
        let mut old_align = self.align;
        for layer in layers.iter().rev() {
            let (size, align, exact) = layer.resized(now.0, now.1, old_align)?;
            now = (size, align, exact && now.2);
            old_align = layer.align;
        }
        Some(now)
    }
}

/// The size and alignment that come out of the compiler's algorithm, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recomputed {
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
}

/// What a future's size would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prediction {
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// The algorithm gives the future's printed size and alignment as it is, and everything about the change
    /// is known. Otherwise this is an estimate.
    pub exact: bool,
}

/// A change of what a future stores. Locals are indices into [`Body::saved`] (see [`super::Held::saved`]), states
/// into [`Future::states`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A local or awaitee moves behind a `Pin<Box<_>>`.
    Box {
        /// The local.
        saved: u32,
    },
    /// A local's storage ends before these states, as a block around it would make it.
    Remove {
        /// The local.
        saved: u32,
        /// The states that no longer hold it.
        states: Vec<u32>,
        /// Locals that get their value before its storage ends, such as those that leave the block. They matter
        /// only if it is still held in some state.
        beside: Vec<u32>,
    },
    /// A local gets another size and alignment.
    Resize {
        /// The local.
        saved: u32,
        /// Bytes.
        size: u64,
        /// Bytes.
        align: u64,
    },
    /// A capture gets another size and alignment.
    ResizeUpvar {
        /// Index into [`Parts::upvars`].
        upvar: u32,
        /// Bytes.
        size: u64,
        /// Bytes.
        align: u64,
    },
    /// The arguments and captures that are stored a second time are used where they are.
    DropUpvarCopy,
}

/// Lays the future out as it is. `None` without a body, or if an alignment is not known for certain.
pub fn recompute(future: &Future) -> Option<Recomputed> {
    let model = Model::new(future)?;
    if !model.certain {
        return None;
    }
    model.lay_out()
}

/// Whether the algorithm gives the printed size and alignment: predictions are exact.
pub fn is_understood(future: &Future) -> bool {
    recompute(future) == Some(Recomputed { size: future.size, align: future.align })
}

/// Lays the future out with changes. `None` without a body, or if a change does not fit the future.
pub fn predict(future: &Future, changes: &[Change]) -> Option<Prediction> {
    let mut model = Model::new(future)?;
    for change in changes {
        model.apply(future, change)?;
    }
    let Recomputed { size, align } = model.lay_out()?;
    Some(Prediction { size, align, exact: is_understood(future) })
}

/// What a future would take if things were not there, for [`super::needs`]. Only of one that is understood.
pub(super) struct Without<'a> {
    future: &'a Future,
    body: &'a Body,
    model: Model,
}

/// Stored locals times states: of more, it would take too long.
const MOST_TRIED: usize = 1 << 18;

impl<'a> Without<'a> {
    pub fn new(future: &'a Future) -> Option<Self> {
        let (model, body) = (Model::new(future)?, future.body.as_deref()?);
        let tried = model.saved.len().saturating_mul(model.states.len());
        let now = (model.certain && tried <= MOST_TRIED).then(|| model.lay_out())??;
        let is_understood = now == Recomputed { size: future.size, align: future.align };
        is_understood.then_some(Without { future, body, model })
    }

    /// Bytes without anything but captures that the state, an index into [`Future::states`], does not hold.
    pub fn others(&self, state: usize) -> Option<u64> {
        let name = &self.future.states.get(state)?.name;
        let fields = &self.body.states.iter().find(|state| state.name == *name)?.fields;
        if fields.len() == self.model.saved.len() {
            return Some(self.future.size);
        }
        let mut saved = vec![Slot { size: 0, align: 1 }; self.model.saved.len()];
        for &held in fields {
            *saved.get_mut(held as usize)? = self.model.saved[held as usize];
        }
        Some(self.model.lay_out_with(&saved)?.size)
    }
}

/// A future that changes because one that is stored in it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Propagated {
    /// Which, see [`Future::id`].
    pub id: Arc<str>,
    /// Its size in bytes as measured.
    pub old: u64,
    /// What it would be.
    pub new: Prediction,
}

/// What becomes of all futures that store the edited one, and of those that store them, if the edited one
/// becomes `new`: see [`Storage::propagate`].
pub fn propagate<F: Borrow<Future>>(futures: &[F], edited: &str, new: Prediction) -> Vec<Propagated> {
    Storage::new(futures).propagate(edited, new)
}

/// Which futures are stored in which.
pub struct Storage<'f, F> {
    futures: &'f [F],
    /// Of several with one identity the first.
    by_id: FxHashMap<&'f str, usize>,
    /// Who stores a future in place.
    callers: FxHashMap<&'f str, Vec<usize>>,
}

impl<'f, F: Borrow<Future>> Storage<'f, F> {
    /// Of these futures.
    pub fn new(futures: &'f [F]) -> Self {
        let by_id: FxHashMap<&str, usize> =
            futures.iter().enumerate().rev().map(|(index, future)| (&*future.borrow().id, index)).collect();
        let mut callers: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for &index in by_id.values() {
            for embedded in futures[index].borrow().parts.all().flat_map(|part| &part.embedded) {
                callers.entry(&embedded.id).or_default().push(index);
            }
        }
        Storage { futures, by_id, callers }
    }

    /// The futures that store this one in place.
    pub fn callers(&self, id: &str) -> impl Iterator<Item = &'f Future> {
        self.callers.get(id).into_iter().flatten().map(|&index| self.futures[index].borrow())
    }

    /// What becomes of all futures that store the edited one, and of those that store them, if the edited one
    /// becomes `new`. Futures that stay as they are, are left out. Largest first.
    ///
    /// The edited future itself is never given: if it stores itself through others, those are behind a pointer.
    /// Futures without a dumped body are not laid out again, and what only they store in place is not reached.
    pub fn propagate(&self, edited: &str, new: Prediction) -> Vec<Propagated> {
        let mut changed: FxHashMap<&str, Prediction> = FxHashMap::default();
        changed.insert(edited, new);
        let mut open = vec![edited];
        // A future cannot store itself, so this ends; the limit is for dumps that say otherwise.
        let mut steps = self.futures.len().saturating_mul(16).max(64);
        while let Some(id) = open.pop() {
            for future in self.callers(id).filter(|caller| *caller.id != *edited) {
                let Some(new) = with_futures(future, &changed) else { continue };
                let before = changed.get(&*future.id);
                let is_new = match before {
                    Some(before) => *before != new,
                    None => (new.size, new.align) != (future.size, future.align),
                };
                steps = steps.saturating_sub(1);
                if is_new && steps > 0 {
                    changed.insert(&future.id, new);
                    if !open.contains(&&*future.id) {
                        open.insert(0, &future.id);
                    }
                }
            }
        }
        let mut out: Vec<Propagated> = changed
            .into_iter()
            .filter(|(id, _)| *id != edited)
            .filter_map(|(id, new)| {
                let future = self.futures[*self.by_id.get(id)?].borrow();
                let same = (new.size, new.align) == (future.size, future.align);
                (!same).then(|| Propagated { id: future.id.clone(), old: future.size, new })
            })
            .collect();
        out.sort_by(|a, b| b.old.cmp(&a.old).then_with(|| a.id.cmp(&b.id)));
        out
    }
}

/// The future with those that are stored in it as they have become.
fn with_futures(future: &Future, changed: &FxHashMap<&str, Prediction>) -> Option<Prediction> {
    let mut exact = true;
    let mut resized = |part: &Part| -> Option<(u64, u64)> {
        let mut now = part.clone();
        let mut changes = part.embedded.iter().filter_map(|e| Some((e, changed.get(&*e.id)?)));
        let (embedded, new) = changes.next()?;
        let (size, align, certain) = embedded.resized(&now, new.size, new.align)?;
        (now.size, now.align) = (size, Some(align));
        exact &= certain && new.exact;
        // Of several futures in one thing each changes it; how they share padding is not known.
        for (embedded, new) in changes {
            let layers = None;
            let alone = Embedded { layers, ..embedded.clone() };
            let (size, align, _) = alone.resized(&now, new.size, new.align)?;
            (now.size, now.align) = (size, Some(align));
            exact = false;
        }
        Some((now.size, now.align?))
    };
    let mut changes = Vec::new();
    for (index, part) in future.parts.saved.iter().enumerate() {
        if let Some((size, align)) = part.as_ref().and_then(&mut resized) {
            changes.push(Change::Resize { saved: index as u32, size, align });
        }
    }
    for (index, part) in future.parts.upvars.iter().enumerate() {
        if let Some((size, align)) = resized(part) {
            changes.push(Change::ResizeUpvar { upvar: index as u32, size, align });
        }
    }
    let predicted = predict(future, &changes)?;
    Some(Prediction { exact: exact && predicted.exact, ..predicted })
}

impl Parts {
    /// The captures and all stored locals.
    pub fn all(&self) -> impl Iterator<Item = &Part> {
        self.upvars.iter().chain(self.saved.iter().flatten())
    }
}

/// Bytes and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    size: u64,
    align: u64,
}

/// What the algorithm works on.
#[derive(Debug, Clone)]
struct Model {
    saved: Vec<Slot>,
    upvars: Vec<Slot>,
    /// By state: indices into `saved`.
    states: Vec<Vec<u32>>,
    conflicts: BitMatrix<usize, usize>,
    /// What became of the body's stored locals: where in `saved` they are now.
    now_at: Vec<Option<u32>>,
    /// All alignments are known.
    certain: bool,
}

impl Model {
    fn new(future: &Future) -> Option<Model> {
        let body: &Body = future.body.as_deref()?;
        if future.states.is_empty() || body.unread.layout || body.unread.conflicts {
            return None;
        }
        let parts = &future.parts;
        let mut certain = true;
        let mut slot = |part: &Part| {
            certain &= part.align.is_some();
            Slot { size: part.size, align: part.align.unwrap_or(part.most_align) }
        };
        let saved: Option<Vec<Slot>> = parts.saved.iter().map(|part| Some(slot(part.as_ref()?))).collect();
        let saved = saved.filter(|saved| saved.len() == body.saved.len())?;
        let upvars = parts.upvars.iter().map(&mut slot).collect();
        Some(Model {
            now_at: (0..saved.len() as u32).map(Some).collect(),
            saved,
            upvars,
            states: body.states.iter().map(|state| state.fields.to_vec()).collect(),
            conflicts: body.conflicts.0.clone(),
            certain,
        })
    }

    fn apply(&mut self, future: &Future, change: &Change) -> Option<()> {
        match *change {
            Change::Box { saved } => {
                let pointer = future.parts.pointer?;
                *self.slot(saved)? = Slot { size: pointer, align: pointer };
            }
            Change::Resize { saved, size, align } => *self.slot(saved)? = Slot { size, align },
            Change::ResizeUpvar { upvar, size, align } => {
                *self.upvars.get_mut(upvar as usize)? = Slot { size, align };
            }
            Change::Remove { saved, ref states, ref beside } => {
                let now = self.now(saved)?;
                let body = future.body.as_ref()?;
                for &state in states {
                    // The two dumps list them in different orders.
                    let name = &future.states.get(state as usize)?.name;
                    let state = body.states.iter().position(|state| state.name == *name)?;
                    self.states.get_mut(state)?.retain(|held| *held != now);
                }
                let beside: Vec<u32> = beside.iter().filter_map(|beside| self.now(*beside)).collect();
                self.shorten(saved, &beside)?;
            }
            Change::DropUpvarCopy => {
                for (index, saved) in future.body.as_ref()?.saved.iter().enumerate() {
                    if !matches!(saved.origin, Some(super::Origin::Upvar(_))) {
                        continue;
                    }
                    let Some(now) = self.now(index as u32) else { continue };
                    self.states.iter_mut().for_each(|state| state.retain(|held| *held != now));
                    self.shorten(index as u32, &[])?;
                }
            }
        }
        Some(())
    }

    fn now(&self, saved: u32) -> Option<u32> {
        *self.now_at.get(saved as usize)?
    }

    fn slot(&mut self, saved: u32) -> Option<&mut Slot> {
        let now = self.now(saved)?;
        self.saved.get_mut(now as usize)
    }

    /// After a local was taken out of states: it is in conflict only with those it still shares one with, and
    /// those `beside` it. If it is in none, it is gone, and those after it move up.
    fn shorten(&mut self, saved: u32, beside: &[u32]) -> Option<()> {
        let gone = self.now(saved)?;
        let count = self.saved.len();
        if count != self.conflicts.rows().count() {
            return None;
        }
        let shares = |other: u32| {
            beside.contains(&other)
                || self.states.iter().any(|state| state.contains(&gone) && state.contains(&other))
        };
        let shared: Vec<bool> = (0..count as u32).map(shares).collect();
        let is_held = self.states.iter().flatten().any(|held| *held == gone);
        let at = |old: usize| old - usize::from(!is_held && old > gone as usize);
        let left = count - usize::from(!is_held);
        let mut conflicts = BitMatrix::new(left, left);
        for row in self.conflicts.rows() {
            for column in self.conflicts.iter(row) {
                let (a, b) = (row == gone as usize, column == gone as usize);
                let keep = match (a, b) {
                    (false, false) => true,
                    (true, true) => is_held,
                    (true, false) => is_held && shared[column],
                    (false, true) => is_held && shared[row],
                };
                if keep {
                    conflicts.insert(at(row), at(column));
                }
            }
        }
        self.conflicts = conflicts;
        if !is_held {
            self.saved.remove(gone as usize);
            for held in self.states.iter_mut().flatten().filter(|held| **held > gone) {
                *held -= 1;
            }
            for now in &mut self.now_at {
                *now = now.filter(|now| *now != gone).map(|now| now - u32::from(now > gone));
            }
        }
        Some(())
    }

    fn lay_out(&self) -> Option<Recomputed> {
        self.lay_out_with(&self.saved)
    }

    /// Runs the compiler's algorithm, with stored locals of these sizes. It asserts what always holds in the compiler,
    /// so all of that is looked at first.
    fn lay_out_with(&self, saved: &[Slot]) -> Option<Recomputed> {
        // Far below what a pointer can address, so that no sum overflows.
        const MOST_BYTES: u64 = 1 << 40;
        let total = saved.iter().chain(&self.upvars).try_fold(0u64, |sum, slot| {
            let is_possible = slot.align.is_power_of_two()
                && slot.align <= 1 << 29
                && slot.size < MOST_BYTES
                && slot.size % slot.align == 0;
            is_possible.then(|| sum + slot.size).filter(|sum| *sum < MOST_BYTES)
        });
        total?;
        let count = saved.len();
        if self.states.is_empty() || self.states.len() > 1 << 16 || self.conflicts.rows().count() != count {
            return None;
        }
        let mut seen_in = vec![usize::MAX; count];
        for (state, held) in self.states.iter().enumerate() {
            for &held in held {
                let seen = seen_in.get_mut(held as usize)?;
                if std::mem::replace(seen, state) == state {
                    return None;
                }
            }
        }

        let target = TargetDataLayout::default();
        let max_discr = (self.states.len() - 1) as u128;
        let tag = Scalar::Initialized {
            value: Primitive::Int(ra_ap_rustc_abi::Integer::fit_unsigned(max_discr), false),
            valid_range: WrappingRange { start: 0, end: max_discr },
        };
        let tag = LayoutData::<usize, usize>::scalar(&target, tag);
        let layouts = |slots: &[Slot]| -> Option<Vec<LayoutData<usize, usize>>> {
            slots
                .iter()
                .map(|slot| {
                    let align = Align::from_bytes(slot.align).ok()?;
                    let mut layout = LayoutData::unit(&target, true);
                    layout.size = Size::from_bytes(slot.size);
                    layout.align.abi = align;
                    layout.unadjusted_abi_align = align;
                    Some(layout)
                })
                .collect()
        };
        let (saved, upvars) = (layouts(saved)?, layouts(&self.upvars)?);
        let saved: IndexVec<usize, Borrowed<'_>> = saved.iter().map(Borrowed).collect();
        let prefix: IndexVec<usize, Borrowed<'_>> = upvars.iter().map(Borrowed).collect();
        let states: IndexVec<usize, IndexVec<usize, usize>> =
            self.states.iter().map(|state| state.iter().map(|held| *held as usize).collect()).collect();
        let calculator = LayoutCalculator::new(&target);
        let layout =
            calculator.coroutine(&saved, prefix, &states, &self.conflicts, |_| Borrowed(&tag)).ok()?;
        Some(Recomputed { size: layout.size.bytes(), align: layout.align.abi.bytes() })
    }
}

/// A layout as the calculator wants to have it: it dereferences to a reference.
#[derive(Debug, Clone, Copy)]
struct Borrowed<'a>(&'a LayoutData<usize, usize>);

impl<'a> std::ops::Deref for Borrowed<'a> {
    type Target = &'a LayoutData<usize, usize>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::conflicts::Conflicts;
    use super::*;
    use crate::dump::{CoroutineBody, TypeSizes};
    use crate::layout::{self, BodyIndex};
    use proptest::prelude::*;

    /// `a` is held across both awaits, `b` and `c` across one each; `b` and `c` are never in storage together.
    const BODY: &str = "// MIR for `f::{closure#0}` 0 coroutine_post-transform
/* coroutine_layout = CoroutineLayout {
    field_tys: {
        _s0: CoroutineSavedTy {
            source_info: SourceInfo {
                span: src/lib.rs:2:1: 2:2 (#0),
            },
        },
        _s1: CoroutineSavedTy {
            source_info: SourceInfo {
                span: src/lib.rs:3:1: 3:2 (#0),
            },
        },
        _s2: CoroutineSavedTy {
            source_info: SourceInfo {
                span: src/lib.rs:4:1: 4:2 (#0),
            },
        },
    },
    variant_fields: {
        Unresumed(0): [],
        Returned (1): [],
        Panicked (2): [],
        Suspend0 (3): [_s0, _s1],
        Suspend1 (4): [_s0, _s2],
    },
    storage_conflicts: BitMatrix(3x3) {
        (_s0, _s0),
        (_s0, _s1),
        (_s0, _s2),
        (_s1, _s0),
        (_s1, _s1),
        (_s2, _s0),
        (_s2, _s2),
    },
} */

fn f::{closure#0}(_1: {static f::{closure#0} upvar_tys=(u64,) resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}, _2: &'{erased} mut std::task::Context<'{erased}>) -> std::task::Poll<()> {
    debug n => (_1.0: u64);  // in scope 0 at src/lib.rs:1:1: 1:2
    let mut _0: std::task::Poll<()>; // return place in scope 0 at src/lib.rs:1:1: 9:2
    scope 1 {
        debug a => ((_1 as variant#4).0: u64); // in scope 1 at src/lib.rs:2:1: 2:2
        debug b => ((_1 as variant#3).1: [u8; 100]); // in scope 1 at src/lib.rs:3:1: 3:2
        debug c => ((_1 as variant#4).1: [u32; 30]); // in scope 1 at src/lib.rs:4:1: 4:2
    }

    bb0: {
        ((_1 as variant#3).0: u64) = copy (_1.0: u64); // bb0[0]: scope 1 at src/lib.rs:2:1: 2:2
        discriminant(_1) = 3;  // bb0[1]: scope 1 at src/lib.rs:5:1: 5:2
        return;                // bb0[2]: scope 1 at src/lib.rs:5:1: 5:2
    }

    bb1: {
        discriminant(_1) = 4;  // bb1[0]: scope 1 at src/lib.rs:6:1: 6:2
        return;                // bb1[1]: scope 1 at src/lib.rs:6:1: 6:2
    }
";

    const SIZES: &str = "\
print-type-size type: `{static f::{closure#0} upvar_tys=(u64,) resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}`: 144 bytes, alignment: 8 bytes
print-type-size     discriminant: 1 bytes
print-type-size     variant `Unresumed`: 7 bytes
print-type-size         upvar `.n`: 8 bytes, offset: 0 bytes, alignment: 8 bytes
print-type-size     variant `Suspend0`: 123 bytes
print-type-size         upvar `.n`: 8 bytes, offset: 0 bytes, alignment: 8 bytes
print-type-size         local `.a`: 8 bytes
print-type-size         padding: 8 bytes
print-type-size         local `.b`: 100 bytes, alignment: 1 bytes
print-type-size     variant `Suspend1`: 143 bytes
print-type-size         upvar `.n`: 8 bytes, offset: 0 bytes, alignment: 8 bytes
print-type-size         local `.a`: 8 bytes
print-type-size         padding: 8 bytes
print-type-size         local `.c`: 120 bytes, alignment: 4 bytes
print-type-size     variant `Returned`: 7 bytes
print-type-size         upvar `.n`: 8 bytes, offset: 0 bytes, alignment: 8 bytes
print-type-size     variant `Panicked`: 7 bytes
print-type-size         upvar `.n`: 8 bytes, offset: 0 bytes, alignment: 8 bytes
print-type-size type: `std::boxed::Box<u8>`: 8 bytes, alignment: 8 bytes
";

    fn future() -> Future {
        let dump = CoroutineBody::parse(BODY).unwrap();
        let file = "x.f-{closure#0}.-------.coroutine_post-transform.0.mir";
        let mut bodies = BodyIndex::default();
        let body = Arc::new(Body::new(&"x-1".into(), "x", file, &dump).unwrap());
        bodies.insert(Arc::new(layout::Bodies::new(vec![body])), true);
        let sizes = TypeSizes::parse(SIZES);
        assert_eq!((dump.example, sizes.example), (None, None));
        let source = layout::Source {
            origin: &"x-1".into(),
            package: "x",
            unit: "lib",
            sizes: &sizes,
            bodies: &bodies,
        };
        layout::futures(&source).pop().unwrap()
    }

    fn size(changes: &[Change]) -> Option<u64> {
        let predicted = predict(&future(), changes)?;
        assert!(predicted.exact);
        Some(predicted.size)
    }

    #[test]
    fn what_was_printed_comes_out() {
        let future = future();
        let aligns: Vec<_> = future.parts.all().map(|part| part.align).collect();
        assert_eq!(aligns, [Some(8), Some(8), Some(1), Some(4)]);
        assert_eq!(recompute(&future), Some(Recomputed { size: 144, align: 8 }));
        assert!(is_understood(&future));
    }

    #[test]
    fn changes_are_laid_out() {
        // 8 + 8 for `n` and `a`, 1 for the tag, rounded up to 24; then `b` or `c`.
        assert_eq!(size(&[Change::Box { saved: 2 }]), Some(128), "b: 24 + 100");
        assert_eq!(size(&[Change::Box { saved: 1 }]), Some(144), "c is still there");
        assert_eq!(size(&[Change::Box { saved: 1 }, Change::Box { saved: 2 }]), Some(32));
        assert_eq!(size(&[Change::Resize { saved: 2, size: 160, align: 32 }]), Some(192));
        assert_eq!(size(&[Change::ResizeUpvar { upvar: 0, size: 0, align: 1 }]), Some(136));
        assert_eq!(size(&[Change::DropUpvarCopy]), Some(136), "8 + 1, rounded up, and 120");
    }

    #[test]
    fn a_local_out_of_all_states_is_gone() {
        let gone =
            |saved, states: &[u32]| Change::Remove { saved, states: states.to_vec(), beside: Vec::new() };
        assert_eq!(
            size(&[gone(2, &[2])]),
            Some(120),
            "one state is left with a local of its own: no rounding"
        );
        assert_eq!(size(&[gone(1, &[1])]), Some(144));
        assert_eq!(size(&[gone(0, &[1, 2])]), Some(136));
        assert_eq!(size(&[gone(0, &[1, 2]), Change::Box { saved: 2 }]), Some(120), "counted as before");
        assert_eq!(size(&[gone(0, &[1, 2]), Change::Box { saved: 0 }]), None, "it is not there");
        assert_eq!(size(&[gone(9, &[1])]), None);
        assert_eq!(size(&[gone(0, &[9])]), None);
        assert_eq!(size(&[Change::Resize { saved: 0, size: 3, align: 2 }]), None, "there is no such type");
    }

    #[test]
    fn a_local_that_leaves_a_state_may_share_its_bytes_there() {
        // In the second state alone, `a` is no longer in the way of `b`.
        let only_second = Change::Remove { saved: 0, states: vec![1], beside: Vec::new() };
        assert_eq!(size(&[only_second, Change::Resize { saved: 1, size: 128, align: 1 }]), Some(144));
        assert_eq!(size(&[Change::Resize { saved: 1, size: 128, align: 1 }]), Some(152));
    }

    #[test]
    fn what_is_not_certain_is_not_called_exact() {
        let mut future = future();
        future.size += 8;
        assert!(!predict(&future, &[Change::Box { saved: 2 }]).unwrap().exact);
        future.size -= 8;
        future.parts.saved[1].as_mut().unwrap().align = None;
        assert_eq!(recompute(&future), None);
        assert!(!predict(&future, &[Change::Box { saved: 2 }]).unwrap().exact);
        future.parts.saved[1] = None;
        assert_eq!(predict(&future, &[]), None);
    }

    fn layer(size: u64, rest: u64, tag: u64, floor: u64) -> Layer {
        Layer { size, align: 8, inner: size - rest - tag, rest, tag, floor }
    }

    #[test]
    fn wrappers_change_with_what_is_in_them() {
        let part = Part {
            size: 120,
            align: Some(8),
            most_align: 8,
            embedded: Box::default(),
            named: Box::default(),
        };
        let embedded = |layers: Option<Vec<Layer>>| Embedded {
            id: "x".into(),
            size: 100,
            align: 4,
            layers: layers.map(Into::into),
        };
        let plain = embedded(Some(vec![layer(120, 20, 0, 0)]));
        assert_eq!(
            plain.resized(&part, 5, 1),
            Some((32, 8, true)),
            "25, and what else is in it is aligned to 8"
        );
        assert_eq!(plain.resized(&part, 32, 16), Some((64, 16, true)));
        let with_tag = Layer { align: 4, ..layer(104, 0, 4, 20) };
        assert_eq!(
            embedded(Some(vec![with_tag.clone()])).resized(&part, 4, 4),
            Some((20, 4, true)),
            "others"
        );
        assert_eq!(embedded(Some(vec![with_tag])).resized(&part, 40, 4), Some((44, 4, true)));
        assert_eq!(embedded(Some(vec![layer(120, 20, 0, 8)])).resized(&part, 4, 4), Some((24, 8, false)));
        assert_eq!(embedded(None).resized(&part, 4, 4), Some((24, 8, false)));
    }

    /// Two futures, the second with the first in place of its `c`.
    fn nested() -> [Future; 2] {
        let inner = Future { id: "inner".into(), size: 120, align: 4, ..future() };
        let mut outer = future();
        outer.parts.saved[2].as_mut().unwrap().embedded =
            Box::new([Embedded { id: "inner".into(), size: 120, align: 4, layers: Some(Box::default()) }]);
        [inner, outer]
    }

    #[test]
    fn callers_change_with_what_they_store() {
        let futures = nested();
        let new = |size| Prediction { size, align: 4, exact: true };
        let propagated = propagate(&futures, "inner", new(60));
        let [outer] = &propagated[..] else { panic!("{propagated:?}") };
        assert_eq!((&*outer.id, outer.old), (&*futures[1].id, 144));
        assert_eq!(outer.new, Prediction { size: 128, align: 8, exact: true });
        assert_eq!(propagate(&futures, "inner", new(120)), []);
        assert_eq!(propagate(&futures, "nobody", new(1)), []);
    }

    #[test]
    fn a_dump_in_which_futures_store_each_other_ends() {
        let mut futures = nested();
        futures[0].parts = futures[1].parts.clone();
        futures[0].parts.saved[2].as_mut().unwrap().embedded[0].id = futures[1].id.clone();
        let new = Prediction { size: 1 << 20, align: 4, exact: true };
        let propagated = propagate(&futures, "inner", new);
        assert!(propagated.iter().all(|p| &*p.id != "inner"));
        let mut third = future();
        third.id = "third".into();
        third.parts = futures[1].parts.clone();
        let [a, b] = futures;
        propagate(&[a, b, third], "third", new);
    }

    fn slots() -> impl Strategy<Value = Vec<Slot>> {
        let size = prop_oneof![0u64..70, Just(4096), Just(u64::MAX), any::<u64>()];
        let align = prop_oneof![Just(1u64), Just(2), Just(8), Just(16), Just(4096), any::<u64>()];
        // Mostly possible ones, so that the algorithm is reached.
        let slot = (size, align, 0..20u8).prop_map(|(size, align, odd)| match odd {
            0 => Slot { size, align },
            _ => {
                let align = if align.is_power_of_two() { align.min(1 << 12) } else { 4 };
                Slot { size: (size % (1 << 20)) / align * align, align }
            }
        });
        proptest::collection::vec(slot, 0..8)
    }

    proptest! {
        #[test]
        fn never_panics(
            saved in slots(),
            upvars in slots(),
            states in proptest::collection::vec(proptest::collection::vec(0u32..9, 0..6), 0..6),
            conflicts in proptest::collection::vec((0u32..9, 0u32..9), 0..40),
            remove in proptest::collection::vec((0u32..9, 0u32..7), 0..4),
            odd in 0..10u8,
        ) {
            let mut states = states;
            for state in &mut states {
                if odd > 0 {
                    state.sort_unstable();
                    state.dedup();
                    state.retain(|held| (*held as usize) < saved.len());
                }
            }
            let mut model = Model {
                now_at: (0..saved.len() as u32).map(Some).collect(),
                conflicts: Conflicts::new(saved.len(), &conflicts).0,
                saved,
                upvars,
                states,
                certain: true,
            };
            if let Some(laid_out) = model.lay_out() {
                prop_assert!(laid_out.size % laid_out.align == 0);
                let held = model.upvars.iter().map(|slot| slot.size).sum::<u64>();
                prop_assert!(laid_out.size > held);
            }
            let future = future();
            for (saved, state) in remove {
                let _ = model.apply(&future, &Change::Remove { saved, states: vec![state], beside: vec![saved / 2, 3] });
                let _ = model.lay_out();
            }
        }
    }
}
