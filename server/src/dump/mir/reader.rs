//! Reads the text of a dumped body, line by line.

use super::{Action, Block, Copied, Event, Flow, How, Place, Step, Suspension};
use crate::dump::names;
use crate::dump::span::SpanRef;
use memchr::memmem;

/// Reads a body line by line into a [`Flow`].
pub(in crate::dump) struct Reader<'a> {
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
pub(in crate::dump) struct Order {
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

    /// Is this the one that comes next? Where numbers were left out ([`crate::dump::coroutine::trimmed`]) it is.
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
pub(in crate::dump) fn block_line(line: &str) -> Option<(u32, bool)> {
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
            let Some(end) = names::closing(code) else { return false };
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
                let end = names::closing(operand)?;
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
        (names::closing(text)? + 1 == text.len()).then_some(saved)
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
pub(in crate::dump) struct Parts<'a> {
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
pub(in crate::dump) fn split_comment(line: &str) -> Option<Parts<'_>> {
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
