//! The domain: futures, their states, and what is held in each.
//!
//! Knows neither an editor's protocol nor how the dumps look on disk. Words are the compiler's:
//! a *future* is a coroutine type, a *state* one variant of it, *held* is what a state stores, an
//! *instance* is one monomorphization of a generic body.

mod align;
mod allocation;
mod body;
mod body_index;
mod conflicts;
mod join;
mod states;
mod usage;
pub mod whatif;
mod why;

pub use allocation::{Allocation, Count, Known, Made, Maker, Memory, Threshold, allocations};
pub use body::{Away, Body, BodyState, Saved, Upvar as BodyUpvar, definition_path, item_path};
pub use body_index::{Bodies, BodyIndex, Instance};
pub use join::{Source, futures};
pub use states::States;
pub use usage::{Bytes, Largest, Usage, needs};
pub use whatif::Parts;
pub use why::{BodyBranch, CopiedValue, Origin, Why, is_poll_fn};

use crate::dump::Span;
use crate::dump::names::{CoroutineKind, CoroutineSource, Resumption};
use serde::Serialize;
use std::num::NonZeroU64;
use std::sync::Arc;

/// Which construct in the source a future comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum FutureKind {
    /// The body of an `async fn`.
    #[serde(rename = "async fn")]
    AsyncFn,
    /// An `async` block, written by the user or by a macro.
    #[serde(rename = "async block")]
    AsyncBlock,
    /// The body of an `async` closure.
    #[serde(rename = "async closure")]
    AsyncClosure,
    /// A `gen` or `async gen` block, fn or closure.
    #[serde(rename = "gen")]
    Gen,
    /// A `#[coroutine]` closure.
    #[serde(rename = "coroutine")]
    Coroutine,
}

impl From<CoroutineKind> for FutureKind {
    fn from(kind: CoroutineKind) -> Self {
        match (kind.resumption, kind.source) {
            (Resumption::Async, CoroutineSource::Fn) => FutureKind::AsyncFn,
            (Resumption::Async, CoroutineSource::Block) => FutureKind::AsyncBlock,
            (Resumption::Async, CoroutineSource::Closure) => FutureKind::AsyncClosure,
            (Resumption::Gen | Resumption::AsyncGen, _) => FutureKind::Gen,
            (Resumption::Coroutine | Resumption::StaticCoroutine, _) => FutureKind::Coroutine,
        }
    }
}

impl FutureKind {
    /// As reports write it.
    pub fn name(self) -> &'static str {
        match self {
            FutureKind::AsyncFn => "async fn",
            FutureKind::AsyncBlock => "async block",
            FutureKind::AsyncClosure => "async closure",
            FutureKind::Gen => "gen",
            FutureKind::Coroutine => "coroutine",
        }
    }
}

/// One future: one instance of one coroutine body, as the compiler laid it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Future {
    /// Path of the fn, or of the block inside it, without generic arguments: `cmd::set::Set::apply`.
    pub name: Arc<str>,
    /// What it is in the source.
    pub kind: FutureKind,
    /// The crate its body is in.
    pub krate: Arc<str>,
    /// The package of the unit. Two packages may have units, and so futures, of one name.
    pub package: Arc<str>,
    /// The unit whose compiler run printed it: `lib`, `bin NAME`, …
    pub unit: Arc<str>,
    /// The readable type, as plain `-Zprint-type-sizes` names it.
    pub ty: Arc<str>,
    /// Stable across line moves: crate, definition path, and the instance's arguments.
    pub id: Arc<str>,
    /// The instance's generic arguments: parameter and readable type. Empty if it has none.
    pub arguments: Vec<(Arc<str>, Arc<str>)>,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Bytes of the tag that says which state it is in.
    pub discriminant: u64,
    /// Bytes after the largest state.
    pub end_padding: u64,
    /// The states in the compiler's order: `Unresumed`, `Suspend0`, …, `Returned`, `Panicked`; and the captures.
    /// None at all if what was printed of them is not understood: then only size and alignment are certain.
    pub states: States,
    /// The body it is an instance of; `None` for futures of crates that were not measured.
    pub body: Option<Arc<Body>>,
    /// What it is made of, for [`whatif`]. Empty without a body.
    pub parts: Parts,
}

impl Future {
    /// The cache lines of so many bytes that it touches at least, if it starts on one.
    pub fn cache_lines(&self, line: NonZeroU64) -> u64 {
        self.size.div_ceil(line.get())
    }
}

/// One variant of a future.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `Unresumed`, `Suspend0`, …
    pub name: Arc<str>,
    /// Bytes as the compiler prints them: up to the end of the last local (of the last capture, if it holds no local),
    /// without the discriminant's. What they are there for, [`Usage`] tells.
    pub size: u64,
    /// Bytes of the holes before and between the things held, as the compiler prints them. Other states may store
    /// something there, and the discriminant may be in one.
    pub padding: u64,
    /// The `await` (or `yield`) this state waits at.
    pub awaiting: Option<Span>,
    /// Everything stored in it, by offset. Upvars too: the compiler prints them for every state.
    pub held: Vec<Held>,
}

impl State {
    /// Does the future wait in this state? Not in `Unresumed`, `Returned` and `Panicked`.
    pub fn is_suspended(&self) -> bool {
        is_suspended(&self.name)
    }
}

/// By a state's name as both dumps print it.
fn is_suspended(name: &str) -> bool {
    name.starts_with("Suspend")
}

/// What a thing held is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldKind {
    /// A variable of the body.
    Local,
    /// A captured variable or an argument.
    Upvar,
    /// The future being awaited.
    Awaitee,
    /// A drop flag: whether a variable that may have been moved out still has to be dropped.
    Flag,
    /// A value without a name.
    Temporary,
}

impl HeldKind {
    /// As reports write it.
    pub fn name(self) -> &'static str {
        match self {
            HeldKind::Local => "local",
            HeldKind::Upvar => "upvar",
            HeldKind::Awaitee => "awaitee",
            HeldKind::Flag => "flag",
            HeldKind::Temporary => "temporary",
        }
    }
}

/// A local, argument or awaitee stored in a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The variable's name, as the user wrote it: `self`, `x.a`. The compiler's own (`__awaitee`, `.coroutine_field3`)
    /// where it has none.
    pub name: Arc<str>,
    /// The name that the compiler printed, if that is another one: `_ref__self`, `x__a`.
    pub printed: Option<Arc<str>>,
    /// What it is.
    pub kind: HeldKind,
    /// Which of the body's saved locals it is; none for captures.
    pub saved: Option<u32>,
    /// Readable type, where the dumps name it. In a generic body's words unless the compiler printed it.
    pub ty: Option<Arc<str>>,
    /// Bytes.
    pub size: u64,
    /// Bytes from the start of the future.
    pub offset: u64,
    /// Where it is declared; for an awaitee the awaited expression.
    pub declared: Option<Span>,
    /// The future stored in it, by identity: itself, or the one a wrapper (`Timeout<…>`) holds in place.
    /// Not one behind a pointer.
    pub future: Option<Arc<str>>,
    /// Why it is held in this state, where the dump tells.
    pub why: Option<Why>,
    /// The argument, capture or local that its value was moved or copied from and that this state stores too.
    pub copy_of: Option<Arc<str>>,
    /// All values that it has in it, or is, and that this state stores elsewhere too.
    pub copies: Vec<Copy>,
    /// Of what is awaited: the futures that it polls, if those are stored elsewhere, as `select!` and `join!` do it.
    pub branches: Vec<Branch>,
}

/// One of several futures that are polled together: an arm of `select!`, an argument of `join!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Readable type.
    pub ty: Arc<str>,
    /// Bytes, where the compiler printed them.
    pub size: Option<u64>,
    /// The future in it, by identity.
    pub future: Option<Arc<str>>,
    /// Where it stands in the text.
    pub at: Option<Span>,
    /// Only a reference to it is handed over: it was stored before.
    pub is_lent: bool,
}

/// A value that is in something held and, in the same state, in another thing held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// That other thing's name.
    pub of: Arc<str>,
    /// Bytes.
    pub size: u64,
    /// Which part of what is held it is: the fields on the way to it. Empty if it is all of it.
    pub path: Box<[u32]>,
}

impl Held {
    /// Bytes of it that this state stores elsewhere too.
    pub fn stored_elsewhere(&self) -> u64 {
        let first = |at: usize| self.copies[..at].iter().all(|other| other.path != self.copies[at].path);
        let parts = (0..self.copies.len()).filter(|at| first(*at)).map(|at| self.copies[at].size);
        parts.fold(0u64, u64::saturating_add).min(self.size)
    }

    /// Is it the tuple that `select!` or `join!` keeps its futures in? Nobody but the macro calls it by its name.
    pub fn is_made_of_branches(&self) -> bool {
        self.why == Some(Why::Polled) && self.ty.as_ref().is_some_and(|ty| ty.starts_with('('))
    }

    /// Where it ends: bytes from the start of the future.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }
}
