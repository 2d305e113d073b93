//! What a dumped coroutine body does with the locals it stores, block by block.
//!
//! `coroutine_post` is dumped after a suspension became "set the discriminant and return", but before the
//! switch that resumes was put in front:
//!
//! ```text
//!     bb11: {
//!         _0 = std::task::Poll::<()>::Pending; // bb11[7]: scope 1 at src/client.rs:288:39: 288:44
//!         StorageDead(_26);                // bb11[13]: …
//!         discriminant(_1) = 3;            // bb11[16]: …
//!         return;                          // bb11[17]: …
//!     }
//!
//!     bb12: {
//!         StorageDead(_27);                // bb12[0]: …
//!         _2 = move _26;                   // bb12[1]: …
//!         goto -> bb4;                     // bb12[4]: …
//!     }
//! ```
//!
//! so the block where a state resumes is one without predecessors that takes the resume argument (`_26`)
//! whose storage the suspending block ended; another without predecessors is where the future is dropped
//! in that state. Storage markers of stored locals have become `nop`, but keep their source range.

mod reader;

use super::span::SpanRef;
pub(super) use reader::{Order, Reader, block_line, split_comment};

/// Control flow of a body, and every mention of a stored local in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Flow<'a> {
    /// By number; empty where the dump skips a number.
    pub blocks: Vec<Block>,
    /// Of all blocks, in order; see [`Block::events`].
    pub events: Vec<Event<'a>>,
    /// Of all blocks, unwinding left out; see [`Block::edges`].
    pub edges: Vec<u32>,
    /// Where each state is entered and left.
    pub suspensions: Vec<Suspension>,
    /// Values moved or copied from one place to another, and references made.
    pub copies: Vec<Copied>,
    /// All assignments but those of unwinding, in order; see [`Block::steps`].
    pub steps: Vec<Step<'a>>,
    /// Saved locals by variant's index and field.
    pub(super) fields: Vec<Vec<u32>>,
    /// Variables in locals that are not stored: `debug x => _4`.
    pub local_names: Vec<(u32, &'a str)>,
    /// The enclosing source scope of each source scope.
    pub scopes: Vec<u32>,
}

/// A basic block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// First and one past the last of [`Flow::events`].
    pub events: (u32, u32),
    /// First and one past the last of [`Flow::edges`].
    pub edges: (u32, u32),
    /// First and one past the last of [`Flow::steps`].
    pub steps: (u32, u32),
    /// Runs only while unwinding.
    pub cleanup: bool,
}

/// What a statement does with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The place, without projections.
    pub place: Place,
    /// What happens to it.
    pub action: Action,
    /// The statement's comment: `scope 1 at FILE:…`.
    comment: &'a str,
}

/// A place without its projections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `_sN`.
    Saved(u32),
    /// The capture `_1.N`.
    Upvar(u32),
    /// Any other local, `_N`.
    Local(u32),
}

/// What a statement does with a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Reads it, moves out of it, or writes to a part of it.
    Use,
    /// Takes its address, or that of a part of it.
    Borrow,
    /// Reads its discriminant: a `match`, or the compiler on its way to drop it.
    Discriminant,
    /// `PlaceMention`: named, but not read.
    Mention,
    /// Gives it a new value as a whole.
    Overwrite,
    /// Drops it or what is left of it.
    Drop,
    /// Decides by it where to go on.
    Switch,
    /// A storage marker of some stored local; which one is not dumped. The place means nothing.
    Marker,
}

/// Where a state is entered and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspension {
    /// The discriminant's value.
    pub variant: u32,
    /// The block that suspends.
    pub block: u32,
    /// Where it goes on when polled again.
    pub resume: Option<u32>,
    /// Where it goes on when the future is dropped in that state.
    pub dropped: Option<u32>,
}

/// `to = from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Written as a whole.
    pub to: Place,
    /// The place read, or a part of what it refers to.
    pub from: Place,
    /// How.
    pub how: How,
}

/// `left = right`, a call's result included. What the two mean [`super::assigned`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// The place that is written.
    pub left: &'a str,
    /// Where its value comes from.
    pub right: &'a str,
    /// The statement's comment: `scope 1 at FILE:…`.
    comment: &'a str,
}

impl<'a> Step<'a> {
    /// Where in the source. None for code without a place.
    pub fn span(&self) -> Option<SpanRef<'a>> {
        SpanRef::parse(self.comment.split_once(" at ")?.1)
    }
}

/// How a value comes from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `move x` or `copy x`, or `IntoFuture::into_future(move x)`.
    Value,
    /// `&x`, `&mut x.field`, …
    Reference,
    /// `&*x`: refers to what `x` refers to.
    Reborrow,
    /// `(x, y)`, `Pair { left: x, .. }`, a closure that captures `x`.
    Part,
}

impl<'a> Event<'a> {
    /// Where in the source. None for code without a place.
    pub fn span(&self) -> Option<SpanRef<'a>> {
        SpanRef::parse(self.comment.split_once(" at ")?.1)
    }

    /// Number of the source scope.
    pub fn scope(&self) -> Option<u32> {
        self.comment.strip_prefix("scope ")?.split(' ').next()?.parse().ok()
    }

    /// Equal if and only if place and scope in the source are.
    pub fn key(&self) -> &'a str {
        self.comment
    }
}

impl<'a> Flow<'a> {
    /// What a block does with stored locals, in order.
    pub fn events_of(&self, block: u32) -> &[Event<'a>] {
        let range = self.blocks.get(block as usize).map(|b| b.events.0 as usize..b.events.1 as usize);
        range.and_then(|range| self.events.get(range)).unwrap_or_default()
    }

    /// What a block assigns, in order.
    pub fn steps_of(&self, block: u32) -> &[Step<'a>] {
        let range = self.blocks.get(block as usize).map(|b| b.steps.0 as usize..b.steps.1 as usize);
        range.and_then(|range| self.steps.get(range)).unwrap_or_default()
    }

    /// All events of a place.
    pub fn events_at(&self, place: Place) -> impl Iterator<Item = &Event<'a>> {
        self.events.iter().filter(move |event| event.place == place)
    }

    /// Where a block goes on, unwinding left out.
    pub fn successors(&self, block: u32) -> &[u32] {
        let range = self.blocks.get(block as usize).map(|b| b.edges.0 as usize..b.edges.1 as usize);
        range.and_then(|range| self.edges.get(range)).unwrap_or_default()
    }

    /// The suspension at which a block returns.
    pub fn suspension(&self, block: u32) -> Option<&Suspension> {
        self.suspensions.iter().find(|suspension| suspension.block == block)
    }
}
