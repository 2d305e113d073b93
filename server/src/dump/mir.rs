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

use super::span::SpanRef;
use memchr::memmem;

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

/// Reads a body line by line into a [`Flow`].
pub(super) struct Reader<'a> {
    pub flow: Flow<'a>,
    /// The local that holds what the coroutine was last resumed with, if it has a name: the task context. Else it is
    /// [`Reader::ARGUMENT`] or what that is moved into first thing.
    pub resume: Option<u32>,
    /// Saved locals by variant's index and field.
    fields: Vec<Vec<u32>>,
    /// Where the text of a stored local begins: `(_1 as variant#`.
    saved: memmem::Finder<'static>,
    /// The block being read.
    current: u32,
    /// Locals whose storage the block being read ends.
    dead: Vec<u32>,
    /// The state the block being read enters.
    entered: Option<u32>,
    /// (block that suspends, locals whose storage it ends), in order of [`Flow::suspensions`].
    ended: Vec<Vec<u32>>,
    /// Blocks that may resume: they take the resume argument.
    takes: Vec<(u32, u32)>,
    /// Blocks that end the storage of locals first thing.
    ends: Vec<(u32, u32)>,
    /// Are all statements there?
    order: Order,
}

/// Whether blocks and statements come one after another as the compiler numbers them: if it leaves out some, or
/// prints them elsewhere, what the others do is not what it looks like.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// How many blocks there are so far.
    blocks: u32,
    /// How many statements there are in the last one so far.
    statements: u32,
    /// The last one has an end.
    is_closed: bool,
    is_broken: bool,
}

impl Order {
    /// Is this block the one that comes next?
    pub fn block(&mut self, number: u32) -> bool {
        self.is_broken |= number != self.blocks || (self.blocks > 0 && !self.is_closed);
        (self.blocks, self.statements, self.is_closed) = (self.blocks.saturating_add(1), 0, false);
        !self.is_broken
    }

    /// Is this the one that comes next? Where numbers were left out ([`super::coroutine::trimmed`]) it is.
    pub fn statement(&mut self, parts: &Parts<'_>) -> bool {
        let is_next = parts
            .number
            .is_none_or(|number| self.blocks.checked_sub(1) == Some(number.0) && self.statements == number.1);
        self.is_broken |= !is_next || self.is_closed;
        self.statements = self.statements.saturating_add(1);
        self.is_closed = is_end(parts.code);
        !self.is_broken
    }
}

/// `    bb3: {` or `    bb3 (cleanup): {`: the number, and whether it cleans up.
pub(super) fn block_line(line: &str) -> Option<(u32, bool)> {
    let (number, rest) = digits(line.strip_prefix("    bb")?);
    let number = number.filter(|number| *number < ABSURD)?;
    match rest {
        ": {" => Some((number, false)),
        " (cleanup): {" => Some((number, true)),
        _ => None,
    }
}

/// Does a block end with it?
fn is_end(code: &str) -> bool {
    let first = code.split(['(', ' ']).next().unwrap_or_default();
    matches!(first, "goto" | "return" | "resume" | "unreachable" | "coroutine_drop" | "terminate" | "abort")
        || code.rfind(" -> ").is_some_and(|at| {
            let targets = &code[at + " -> ".len()..];
            let is_list = targets.starts_with('[') && targets.ends_with(']') && targets.contains(": bb");
            is_list || targets.starts_with("unwind ") || targets.strip_prefix("bb").is_some_and(is_number)
        })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words that statements begin with that are no assignments.
const STATEMENTS: [&str; 24] = [
    "StorageLive",
    "StorageDead",
    "nop",
    "goto",
    "drop",
    "discriminant",
    "PlaceMention",
    "switchInt",
    "assert",
    "falseEdge",
    "falseUnwind",
    "return",
    "unreachable",
    "coroutine_drop",
    "resume",
    "terminate",
    "abort",
    "Retag",
    "Deinit",
    "Coverage",
    "assume",
    "copy_nonoverlapping",
    "ConstEvalCounter",
    "asm!",
];

/// The names of the places where a terminator may go on, besides the values of a `switchInt`.
const TARGETS: [&str; 7] = ["return", "unwind", "otherwise", "success", "real", "imaginary", "drop"];

/// How the right side of an assignment may begin where that is a word in lower case with an operand behind it.
const OPERANDS: [&str; 5] = ["move", "copy", "deref_copy", "const", "no_retag"];

/// Higher block, variant and field numbers than any real body has are not believed.
const ABSURD: u32 = 1 << 20;

impl<'a> Reader<'a> {
    /// What the coroutine is resumed with comes in this local.
    const ARGUMENT: u32 = 2;

    /// `variants`: the discriminant's value and the stored locals of each state.
    pub fn new<'b>(variants: impl Iterator<Item = (u32, &'b [u32])>) -> Self {
        let mut fields: Vec<Vec<u32>> = Vec::new();
        for (index, saved) in variants.filter(|(index, _)| *index < ABSURD) {
            if fields.len() <= index as usize {
                fields.resize(index as usize + 1, Vec::new());
            }
            fields[index as usize] = saved.to_vec();
        }
        Reader {
            flow: Flow::default(),
            resume: None,
            fields,
            saved: memmem::Finder::new(SAVED),
            current: 0,
            dead: Vec::new(),
            entered: None,
            ended: Vec::new(),
            takes: Vec::new(),
            ends: Vec::new(),
            order: Order::default(),
        }
    }

    /// `scope 3 {` inside the scope `parent`. False if there is no such scope.
    pub fn scope(&mut self, scope: u32, parent: u32) -> bool {
        if scope >= ABSURD {
            return false;
        }
        let scopes = &mut self.flow.scopes;
        if scopes.len() <= scope as usize {
            scopes.resize(scope as usize + 1, 0);
        }
        scopes[scope as usize] = parent;
        true
    }

    /// Takes the line that begins a block, see [`block_line`]. False if it is none.
    pub fn block(&mut self, line: &str) -> bool {
        let Some((number, cleanup)) = block_line(line) else { return false };
        self.close();
        self.order.block(number);
        self.current = number;
        let blocks = &mut self.flow.blocks;
        if blocks.len() <= number as usize {
            blocks.resize(number as usize + 1, Block::default());
        }
        let (events, edges) = (self.flow.events.len() as u32, self.flow.edges.len() as u32);
        let steps = self.flow.steps.len() as u32;
        let (events, edges, steps) = ((events, events), (edges, edges), (steps, steps));
        blocks[number as usize] = Block { events, edges, steps, cleanup };
        true
    }

    /// The block is complete.
    fn close(&mut self) {
        if let Some(variant) = self.entered.take() {
            let block = self.current;
            self.flow.suspensions.push(Suspension { variant, block, resume: None, dropped: None });
            self.ended.push(std::mem::take(&mut self.dead));
        } else if let Some(first) = self.dead.first() {
            self.ends.push((self.current, *first));
        }
        self.dead.clear();
        if let Some(block) = self.flow.blocks.get_mut(self.current as usize) {
            block.events.1 = self.flow.events.len() as u32;
            block.edges.1 = self.flow.edges.len() as u32;
            block.steps.1 = self.flow.steps.len() as u32;
        }
    }

    /// The body is complete. `None` if something of it is missing.
    pub fn finish(mut self) -> Option<Flow<'a>> {
        self.close();
        let is_there = |edge: &u32| (*edge as usize) < self.flow.blocks.len();
        if self.order.is_broken || !self.order.is_closed || !self.flow.edges.iter().all(is_there) {
            return None;
        }
        let mut entered = vec![false; self.flow.blocks.len()];
        for block in &self.flow.blocks {
            for edge in &self.flow.edges[block.edges.0 as usize..block.edges.1 as usize] {
                if let Some(entered) = entered.get_mut(*edge as usize) {
                    *entered = true;
                }
            }
        }
        let orphan = |block: u32| {
            let exists = self.flow.blocks.get(block as usize).is_some_and(|block| !block.cleanup);
            exists && block != 0 && !entered[block as usize]
        };
        let takes: Vec<_> = self.takes.into_iter().filter(|(block, _)| orphan(*block)).collect();
        let ends: Vec<_> = self.ends.into_iter().filter(|(block, _)| orphan(*block)).collect();
        for (suspension, ended) in self.flow.suspensions.iter_mut().zip(&self.ended) {
            let linked = |list: &[(u32, u32)], not: Option<u32>| {
                let mut found = list.iter().filter(|(block, local)| {
                    Some(*block) != not && ended.contains(local) && takes_part(&takes, *block, ended)
                });
                let first = found.next().map(|(block, _)| *block);
                // Two would mean that this is not what it looks like.
                first.filter(|first| found.all(|(block, _)| block == first))
            };
            suspension.resume = linked(&takes, None);
            suspension.dropped = linked(&ends, suspension.resume);
        }
        self.flow.fields = self.fields;
        Some(self.flow)
    }

    /// One statement or terminator. False if it is of an unknown form.
    pub fn statement(&mut self, parts: Parts<'a>) -> bool {
        let Parts { code, comment, .. } = parts;
        let is_known = match code.as_bytes() {
            [b'_' | b'(', ..] => true,
            _ => STATEMENTS.contains(&code.split(['(', ' ', ':']).next().unwrap_or_default()),
        };
        let scope = comment.strip_prefix("scope ").map(digits);
        let has_scope = scope.is_some_and(|(scope, rest)| scope.is_some() && rest.starts_with(" at "));
        if !self.order.statement(&parts) || !has_scope || !is_known {
            return false;
        }
        let event = |place, action| Event { place, action, comment };
        match code.as_bytes() {
            [b'S', b't', ..] => {
                if let Some(local) = code.strip_prefix("StorageDead(_").and_then(|rest| digits(rest).0) {
                    self.dead.push(local);
                }
            }
            [b'n', b'o', b'p'] => self.flow.events.push(event(Place::Local(0), Action::Marker)),
            [b'g', b'o', b't', b'o', ..] => self.targets(code),
            [b'd', b'r', b'o', b'p', b'(', ..] => {
                if let Some((pointers, place)) = self.leading(&code["drop(".len()..]) {
                    let dropped = event(place, Action::Drop);
                    // What a pointer points to is dropped when it is assigned to; a `Box`'s content also
                    // at the end of the scope, which is named by its last character.
                    let used = pointers > 0 && !dropped.span().is_some_and(SpanRef::is_end);
                    let action = if used { Action::Use } else { Action::Drop };
                    self.flow.events.push(Event { action, ..dropped });
                }
                self.targets(code);
            }
            [b'd', b'i', b's', ..] => {
                let Some((place, value)) = code["disc".len()..].rsplit_once(" = ") else { return false };
                if matches!(place, "riminant(_1)" | "riminant((*_1))") {
                    // Unresumed, returned and panicked are states too, but none that is resumed.
                    self.entered = value.parse().ok().filter(|state| *state > 2);
                } else {
                    self.mentions(place, Action::Use, comment);
                }
            }
            [b'P', b'l', ..] => self.mentions(code, Action::Mention, comment),
            [b's', b'w', ..] => {
                self.mentions(code, Action::Switch, comment);
                self.targets(code);
            }
            [b'a', b's', b's', b'e', ..] | [b'f', b'a', b'l', b's', ..] => {
                self.mentions(code, Action::Use, comment);
                self.targets(code);
            }
            [b'_' | b'(', ..] => return self.assignment(code, comment),
            b"return" | b"unreachable" | b"coroutine_drop" | b"resume" => {}
            [b't', b'e', b'r', ..] | [b'r', b'e', b's', ..] => {}
            // `assume(…)`, `Retag(…)`, `Deinit(…)`, `Coverage::…`, …
            _ => {
                self.mentions(code, Action::Use, comment);
                self.targets(code);
            }
        }
        true
    }

    fn assignment(&mut self, code: &'a str, comment: &'a str) -> bool {
        let (left, rest) = if code.starts_with('(') {
            let Some(end) = super::names::closing(code) else { return false };
            code.split_at(end + 1)
        } else {
            code.split_at(code.find([' ', '[']).unwrap_or(code.len()))
        };
        let is_cleanup = self.flow.blocks.get(self.current as usize).is_some_and(|block| block.cleanup);
        if let Some(at) = rest.find(" = ").filter(|_| !is_cleanup) {
            let (left, right) = (&code[..left.len() + at], &rest[at + " = ".len()..]);
            self.flow.steps.push(Step { left, right, comment });
        }
        let Some(right) = rest.strip_prefix(" = ") else {
            // `_3[_5] = …`, or something else altogether.
            self.mentions(code, Action::Use, comment);
            return rest.contains(" = ");
        };
        let word = right.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_').count();
        if right.as_bytes().get(word) == Some(&b' ') && word > 0 && !OPERANDS.contains(&&right[..word]) {
            return false;
        }
        let to = match left.as_bytes() {
            [b'_', ..] => plain_place(left),
            _ => self.bare_saved(left),
        };
        let reference = right.starts_with('&');
        let action = if reference {
            Action::Borrow
        } else if right.starts_with("discriminant(") {
            Action::Discriminant
        } else {
            Action::Use
        };
        self.mentions(right, action, comment);
        if to.is_none() {
            self.mentions(left, Action::Use, comment);
        }
        if let Some(to) = to {
            if let Some((from, how)) = self.source(right, reference) {
                self.flow.copies.push(Copied { to, from, how });
                if let (Place::Local(to), Place::Local(argument)) = (to, from) {
                    let is_first = self.current == 0 && argument == Self::ARGUMENT;
                    if is_first && self.resume.is_none() {
                        self.resume = Some(to);
                    }
                    if to == self.resume.unwrap_or(Self::ARGUMENT) {
                        self.takes.push((self.current, argument));
                    }
                }
            }
            if is_aggregate(right) {
                self.parts(to, right);
            }
            if let Place::Saved(_) = to {
                self.flow.events.push(Event { place: to, action: Action::Overwrite, comment });
            }
        }
        if right.ends_with(']') {
            self.targets(right);
        }
        true
    }

    /// The operands that a struct, tuple, array or closure is made of.
    fn parts(&mut self, to: Place, right: &str) {
        for keyword in ["move ", "copy "] {
            for at in memmem::find_iter(right.as_bytes(), keyword) {
                let operand = &right[at + keyword.len()..];
                let from = match self.leading(operand) {
                    Some((0, from)) => from,
                    _ => continue,
                };
                self.flow.copies.push(Copied { to, from, how: How::Part });
            }
        }
    }

    /// What a right side takes its value from, if it is as simple as that.
    fn source(&self, right: &str, reference: bool) -> Option<(Place, How)> {
        if reference {
            // Behind the region and `mut`, neither of which has a parenthesis or an underscore.
            let (stars, found) = self.leading(&right[right.find(['(', '_'])?..])?;
            let how = match stars {
                0 => How::Reference,
                1 => How::Reborrow,
                _ => return None,
            };
            return Some((found, how));
        }
        let right = right.strip_prefix("no_retag ").unwrap_or(right);
        // Compilers before 1.89 have a word of their own for the copy of a pointer that is looked through.
        let operand = ["move ", "copy ", "deref_copy "].iter().find_map(|word| right.strip_prefix(word));
        let operand = match operand {
            Some(operand) => operand,
            // The desugared `.await`; the identity for what is a future already.
            None => {
                let (_, rest) = right.split_once("IntoFuture>::into_future})(move ")?;
                rest.split_once(") -> ")?.0
            }
        };
        let place = match operand.as_bytes() {
            [b'_', ..] => {
                let (number, rest) = digits(&operand[1..]);
                // A cast is a value still: `move _5 as …`.
                (rest.is_empty() || rest.starts_with(" as ")).then_some(Place::Local(number?))?
            }
            [b'(', b'(', b'_', ..] => self.bare_saved(operand)?,
            [b'(', b'_', b'1', b'.', ..] => {
                let end = super::names::closing(operand)?;
                if end + 1 != operand.len() {
                    return None;
                }
                Place::Upvar(digits(&operand["(_1.".len()..]).0?)
            }
            _ => return None,
        };
        Some((place, How::Value))
    }

    /// `((_1 as variant#3).0: T)` and nothing behind it.
    fn bare_saved(&self, text: &str) -> Option<Place> {
        let saved = self.saved_in(text)?;
        (super::names::closing(text)? + 1 == text.len()).then_some(saved)
    }

    /// The stored local that `text` begins with: `((_1 as variant#3).0…`.
    fn saved_in(&self, text: &str) -> Option<Place> {
        let rest = text.strip_prefix("((_1 as variant#")?;
        self.numbered(rest).map(Place::Saved)
    }

    /// The place that `text` begins with, and how many pointers lie between it and what is meant:
    /// `((*_3).2: T)`, `(((_1 as variant#3).0: T).1: U)`.
    fn leading(&self, text: &str) -> Option<(usize, Place)> {
        let lead = text.bytes().take_while(|byte| matches!(byte, b'(' | b'*')).count();
        let stars = text[..lead].bytes().filter(|byte| *byte == b'*').count();
        let rest = &text[lead..];
        let place = match rest.strip_prefix("_1 as variant#") {
            Some(rest) => Place::Saved(self.numbered(rest)?),
            None => plain_place(rest)?,
        };
        Some((stars, place))
    }

    /// `3).0…`
    fn numbered(&self, text: &str) -> Option<u32> {
        let (variant, rest) = digits(text);
        let (field, _) = digits(rest.strip_prefix(").")?);
        self.fields.get(variant? as usize)?.get(field? as usize).copied()
    }

    /// Every stored local that `text` mentions. A borrow or a look at the discriminant through a pointer
    /// in it is no more than a use.
    fn mentions(&mut self, text: &'a str, action: Action, comment: &'a str) {
        let bytes = text.as_bytes();
        let mut from = 0;
        while let Some(found) = self.saved.find(&bytes[from..]) {
            let at = from + found;
            from = at + SAVED.len();
            let Some(saved) = self.numbered(&text[from..]) else {
                self.order.is_broken = true;
                continue;
            };
            let lead = bytes[..at].iter().rev().take_while(|byte| matches!(byte, b'(' | b'*')).count();
            let behind_pointer = bytes[at - lead..at].contains(&b'*');
            self.order.is_broken |= !is_operand(&text[..at - lead]);
            let action = match action {
                Action::Borrow | Action::Discriminant if behind_pointer => Action::Use,
                action => action,
            };
            self.flow.events.push(Event { place: Place::Saved(saved), action, comment });
        }
    }

    /// `-> bb4` or `-> [return: bb4, unwind: bb7]`, `[0: bb1, otherwise: bb2]`.
    fn targets(&mut self, code: &str) {
        let Some(at) = memmem::rfind(code.as_bytes(), b" -> ") else { return };
        let text = &code[at + " -> ".len()..];
        let Some(list) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
            self.flow.edges.extend(text.strip_prefix("bb").and_then(|rest| digits(rest).0));
            return;
        };
        for target in list.split(", ") {
            let Some((label, block)) = target.split_once(": bb") else { continue };
            let is_value = label.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            if !is_value && !TARGETS.contains(&label) {
                self.order.is_broken = true;
            }
            // `imaginary` edges are for the borrow checker, `drop` is where a dropped future goes on.
            if !matches!(label, "unwind" | "imaginary" | "drop") {
                self.flow.edges.extend(digits(block).0.filter(|block| *block < ABSURD));
            }
        }
    }
}

const SAVED: &[u8] = b"(_1 as variant#";

/// Told apart from operators by what stands before the operands: `Pair { … }`, `Option::<T>::Some(…)`
/// and not `Eq(…)`.
fn is_aggregate(right: &str) -> bool {
    match right.as_bytes() {
        [b'(' | b'[' | b'{', ..] => true,
        [first, ..] if right.starts_with("ConstValue(") || !first.is_ascii_alphabetic() => false,
        _ if right.starts_with("move ") || right.starts_with("copy ") || right.starts_with("const ") => false,
        _ => {
            let name = right.split(['(', '{']).next().unwrap_or_default();
            name.contains("::") || name.ends_with(' ')
        }
    }
}

/// Does what stands before a place say how it is used, if it says anything in a word?
fn is_operand(before: &str) -> bool {
    let Some(before) = before.strip_suffix(' ') else { return true };
    let word =
        before.len() - before.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    matches!(
        &before[word..],
        "" | "move" | "copy" | "deref_copy" | "no_retag" | "mut" | "const" | "raw" | "fake" | "shallow"
    )
}

/// A block that takes a resume argument takes part only in the suspension that this argument is of.
fn takes_part(takes: &[(u32, u32)], block: u32, ended: &[u32]) -> bool {
    takes.iter().all(|(other, argument)| *other != block || ended.contains(argument))
}

/// `_5…` or `_1.2…`.
fn plain_place(text: &str) -> Option<Place> {
    let (local, rest) = digits(text.strip_prefix('_')?);
    match local? {
        1 => digits(rest.strip_prefix('.')?).0.map(Place::Upvar),
        local => Some(Place::Local(local)),
    }
}

/// The number at the start of a text, and what follows it.
fn digits(text: &str) -> (Option<u32>, &str) {
    let (number, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    (number.parse().ok(), rest)
}

/// `CODE; // bb3[1]: scope 2 at …`
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    /// Without the `;`.
    pub code: &'a str,
    /// Where the code ends in the line, white space included.
    pub end: usize,
    /// The block's number and the statement's in it; none if they were left out.
    pub number: Option<(u32, u32)>,
    /// From `scope` on.
    pub comment: &'a str,
}

/// Takes a statement's line apart.
pub(super) fn split_comment(line: &str) -> Option<Parts<'_>> {
    let end = memmem::rfind(line.as_bytes(), b"// bb")?;
    let (number, comment) = line[end + "// bb".len()..].split_once("]: ")?;
    let number = match number {
        "" => None,
        number => {
            let (block, statement) = number.split_once('[')?;
            Some((block.parse().ok()?, statement.parse().ok()?))
        }
    };
    let code = line[..end].trim_end().strip_suffix(';')?;
    Some(Parts { code: code.trim_start(), end, number, comment })
}
