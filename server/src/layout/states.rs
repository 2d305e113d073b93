//! The states of a future, packed until someone looks at them.
//!
//! A workspace has a hundred thousand futures, and at most a few hundred of them are looked at. What a state holds
//! is mostly said elsewhere already: captures are the same in every state, types and names the same in many
//! futures, and where and why a local is held the body knows. So only what the compiler printed is kept, with
//! numbers in place of texts, and unpacked when it is needed.

use super::body::Upvar as BodyUpvar;
use super::{Body, BodyState, Branch, Copy, Held, HeldKind, Origin, State, Why, is_suspended};
use crate::dump::Span;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// The states of a future, in the compiler's order. Unpacked when they are first looked at.
#[derive(Clone, Default)]
pub struct States {
    packed: Packed,
    /// Of those that were looked at.
    whole: OnceLock<Box<Whole>>,
}

#[derive(Debug, Clone)]
struct Whole {
    states: Vec<State>,
    upvars: Vec<Held>,
}

#[derive(Clone, Default)]
struct Packed {
    body: Option<Arc<Body>>,
    texts: Arc<[Arc<str>]>,
    states: Box<[PackedState]>,
    /// Indices into `things`, of one state after another.
    held: Box<[u32]>,
    things: Box<[Thing]>,
    /// State, and number of what it stores twice among [`BodyState::copies`](super::BodyState::copies).
    copies: Box<[(u32, u32)]>,
    branches: Box<[PackedBranch]>,
}

/// One of [`BodyState::branches`](super::BodyState::branches) in this future.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedBranch {
    state: u32,
    number: u32,
    ty: Text,
    future: Option<Text>,
    /// Bytes.
    size: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct PackedState {
    name: u32,
    /// Where those of [`Packed::held`] end that it holds.
    end: u32,
    size: u64,
    padding: u64,
}

/// Something held, as far as it is the same in every state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Thing {
    pub name: u32,
    pub kind: HeldKind,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub offset: u64,
    pub ty: Option<Text>,
    pub future: Option<Text>,
    /// Index of the stored local, or the place of the capture among [`Body::upvars`].
    pub of: Option<Of>,
}

/// Number of a text among [`Interner`], plus one.
pub(super) type Text = std::num::NonZeroU32;
/// An index plus one.
pub(super) type Of = std::num::NonZeroU32;

impl States {
    /// Captured variables and arguments; they are in every state.
    pub fn upvars(&self) -> &[Held] {
        &self.whole().upvars
    }

    fn whole(&self) -> &Whole {
        self.whole.get_or_init(|| Box::new(Whole::new(self.packed.unpack())))
    }
}

impl Deref for States {
    type Target = [State];

    fn deref(&self) -> &[State] {
        &self.whole().states
    }
}

impl<'a> IntoIterator for &'a States {
    type Item = &'a State;
    type IntoIter = std::slice::Iter<'a, State>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<State>> for States {
    fn from(states: Vec<State>) -> Self {
        States { packed: Packed::default(), whole: OnceLock::from(Box::new(Whole::new(states))) }
    }
}

impl PartialEq for States {
    fn eq(&self, other: &States) -> bool {
        **self == **other
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Held {
    /// Puts the user's name in place of one that the compiler or a macro made of it.
    fn call_as_written(&mut self, body: &Body, captured: Option<&BodyUpvar>) {
        let mut written = body.written_name(&self.name).unwrap_or_else(|| self.name.clone());
        if let Some(written_capture) = captured.and_then(|upvar| capture_as_written(&self.name, upvar)) {
            written = written_capture.into();
        }
        if written != self.name {
            self.printed = Some(std::mem::replace(&mut self.name, written));
        }
    }
}

/// Of a capture `x` the field `a` is printed as `x__a`, and what is captured by reference as `_ref__x__a`. How long the
/// variable's own name is tells the place where it is declared. (`x__a` may be a variable.)
fn capture_as_written(printed: &str, upvar: &BodyUpvar) -> Option<String> {
    let name = printed.strip_prefix("_ref__").unwrap_or(printed);
    let length =
        |span: &Span| span.end.col.checked_sub(span.start.col).filter(|_| span.start.line == span.end.line);
    let length = upvar.span.as_ref().and_then(length);
    let lengths =
        length.into_iter().flat_map(|length| [Some(length), length.checked_sub("mut ".len() as u32)]);
    let variable = lengths.flatten().find_map(|length| {
        let end = name.char_indices().map(|(at, _)| at).nth(length as usize).filter(|at| *at > 0)?;
        name[end..].starts_with("__").then_some(end)
    });
    match variable {
        Some(end) => Some(format!("{}{}", &name[..end], name[end..].replace("__", "."))),
        None => (name.len() < printed.len()).then(|| name.to_owned()),
    }
}

impl Whole {
    fn new(states: Vec<State>) -> Whole {
        let first = states.first().into_iter().flat_map(|state| &state.held);
        let upvars = first.filter(|held| held.kind == HeldKind::Upvar).cloned().collect();
        Whole { states, upvars }
    }
}

impl Packed {
    fn unpack(&self) -> Vec<State> {
        let mut start = 0;
        let state = |(packed, number): (&PackedState, u32)| {
            let name = self.texts[packed.name as usize].clone();
            let of_body = self.body.as_ref().and_then(|body| body.states.iter().find(|s| s.name == name));
            let held = self.held[start..packed.end as usize].iter();
            let held = held.map(|thing| {
                let thing = &self.things[*thing as usize];
                let mut held = self.held(thing);
                if thing.kind != HeldKind::Upvar
                    && let (Some(saved), Some(state)) = (held.saved, of_body)
                {
                    let field = state.fields.iter().position(|field| *field == saved);
                    held.why = field.and_then(|field| state.whys.get(field)?.clone());
                    if let (Some(why), Some(body)) = (&mut held.why, &self.body) {
                        why.texts(&mut |name| {
                            *name = body.written_name(name).unwrap_or_else(|| name.clone())
                        });
                    }
                }
                held
            });
            let mut held: Vec<Held> = held.collect();
            let copies = self.copies.iter().filter(|(state, _)| *state == number);
            copies.for_each(|(_, copy)| self.copied(of_body, *copy, &mut held));
            let branches = self.branches.iter().filter(|branch| branch.state == number);
            let branches = branches.filter_map(|branch| {
                let of_body = of_body?.branches.get(branch.number as usize)?;
                let text = |text: Text| self.texts[text.get() as usize - 1].clone();
                Some(Branch {
                    ty: text(branch.ty),
                    size: branch.size,
                    future: branch.future.map(text),
                    at: of_body.at.clone(),
                    is_lent: of_body.is_lent,
                })
            });
            if let Some(awaitee) = held.iter_mut().find(|held| held.kind == HeldKind::Awaitee) {
                awaitee.branches = branches.collect();
            }
            start = packed.end as usize;
            State {
                size: packed.size,
                padding: packed.padding,
                // The other states are entered where the body ends: nobody waits there.
                awaiting: of_body
                    .filter(|_| is_suspended(&name))
                    .and_then(|state| state.suspended_at.clone()),
                name,
                held,
            }
        };
        self.states.iter().zip(0..).map(state).collect()
    }

    /// Notes of the things held in a state that they are stored twice.
    fn copied(&self, of_body: Option<&BodyState>, copy: u32, held: &mut [Held]) {
        let (Some(body), Some(state)) = (&self.body, of_body) else { return };
        let Some(copied) = state.copies.get(copy as usize) else { return };
        let Some(name) = body.origin_name(copied.of) else { return };
        let is_first = |held: &Held| match copied.of {
            Origin::Saved(of) => held.saved == Some(of),
            Origin::Upvar(_) => {
                held.kind == HeldKind::Upvar && **held.printed.as_ref().unwrap_or(&held.name) == **name
            }
        };
        let Some(first) = held.iter().position(is_first) else { return };
        let Some(second) = held.iter().position(|held| held.saved == Some(copied.saved)) else { return };
        let (size, is_whole) = (held[first].size, copied.path.is_empty());
        if size == 0 || size > held[second].size || (is_whole && size != held[second].size) {
            return;
        }
        let again = held[second].name.clone();
        let name = body.written_name(name).unwrap_or_else(|| name.clone());
        let is_variable = held[second].kind == HeldKind::Local;
        if let (Some(Why::Capture { stored_again_as }), true) =
            (&mut held[first].why, is_whole && is_variable)
        {
            stored_again_as.get_or_insert(again);
        }
        let copy = Copy { of: name.clone(), size, path: copied.path.clone() };
        if is_whole {
            held[second].copy_of = Some(name);
        }
        held[second].copies.push(copy);
    }

    fn held(&self, thing: &Thing) -> Held {
        let text = |text: Option<Text>| Some(self.texts[text?.get() as usize - 1].clone());
        let mut held = Held {
            name: self.texts[thing.name as usize].clone(),
            printed: None,
            kind: thing.kind,
            saved: None,
            ty: text(thing.ty),
            size: thing.size,
            offset: thing.offset,
            declared: None,
            future: text(thing.future),
            why: None,
            copy_of: None,
            copies: Vec::new(),
            branches: Vec::new(),
        };
        let (Some(body), Some(of)) = (&self.body, thing.of) else { return held };
        held.call_as_written(
            body,
            body.upvars.get(of.get() as usize - 1).filter(|_| thing.kind == HeldKind::Upvar),
        );
        let index = of.get() - 1;
        if thing.kind == HeldKind::Upvar {
            let upvar = body.upvars.get(index as usize);
            held.declared = upvar.and_then(|upvar| upvar.span.clone());
            held.why = upvar.map(|_| Why::Capture { stored_again_as: None });
        } else {
            let saved = body.saved.get(index as usize);
            held.saved = Some(index);
            held.declared = saved.and_then(|saved| saved.span.clone());
        }
        held
    }
}

/// Interner that are mentioned by number. There is one of each.
#[derive(Debug, Default)]
pub(super) struct Interner {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Interner {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (number, text): (u32, Arc<str>) = (self.texts.len() as u32, text.into());
        self.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    /// Likewise, for where there may be none.
    pub fn text(&mut self, text: &str) -> Option<Text> {
        Text::new(self.number(text).saturating_add(1))
    }

    /// The one copy of a text.
    pub fn shared(&mut self, text: &str) -> Arc<str> {
        let number = self.number(text);
        self.texts[number as usize].clone()
    }

    /// All of them, by number.
    pub fn finish(self) -> Arc<[Arc<str>]> {
        self.texts.into()
    }
}

/// The states of one future in the making.
#[derive(Debug, Default)]
pub(super) struct Packing {
    states: Vec<PackedState>,
    held: Vec<u32>,
    things: Vec<Thing>,
    known: HashMap<Thing, u32>,
    copies: Vec<(u32, u32)>,
    branches: Vec<PackedBranch>,
}

impl Packing {
    /// Something that the state in the making holds.
    pub fn hold(&mut self, thing: Thing) {
        let number = *self.known.entry(thing).or_insert_with(|| {
            self.things.push(thing);
            self.things.len() as u32 - 1
        });
        self.held.push(number);
    }

    /// The state in the making stores something twice: which of those that the body may.
    pub fn copy(&mut self, number: u32) {
        self.copies.push((self.states.len() as u32, number));
    }

    /// The state in the making polls one of the body's branches.
    pub fn branch(&mut self, number: u32, ty: Text, future: Option<Text>, size: Option<u64>) {
        self.branches.push(PackedBranch { state: self.states.len() as u32, number, ty, future, size });
    }

    /// The state is complete; `size` and `padding` in bytes.
    pub fn state(&mut self, name: u32, size: u64, padding: u64) {
        self.states.push(PackedState { name, end: self.held.len() as u32, size, padding });
    }

    /// All states are complete. They can be looked at as soon as they have their texts.
    pub fn finish(self, body: Option<Arc<Body>>) -> States {
        let Packing { states, held, things, copies, branches, .. } = self;
        let (states, held, things) = (states.into(), held.into(), things.into());
        let (copies, branches) = (copies.into(), branches.into());
        let packed = Packed { body, texts: Arc::default(), states, held, things, copies, branches };
        States { packed, whole: OnceLock::new() }
    }
}

impl States {
    /// Gives them the texts they were made with.
    pub(super) fn set_texts(&mut self, texts: &Arc<[Arc<str>]>) {
        self.packed.texts = texts.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::LineCol;

    #[test]
    fn captures_are_called_what_the_user_wrote() {
        let written = |printed: &str, width: u32| {
            let at = |col| LineCol { line: 3, col };
            let span = Span { file: "src/lib.rs".into(), start: at(10), end: at(10 + width) };
            let upvar = BodyUpvar { index: 0, name: printed.into(), ty: "u8".into(), span: Some(span) };
            capture_as_written(printed, &upvar).unwrap_or_else(|| printed.to_owned())
        };
        for (printed, width, expected) in [
            ("x", 1, "x"),
            ("_ref__x", 1, "x"),
            ("_ref__x__a", 1, "x.a"),
            ("x__a__0", 1, "x.a.0"),
            ("self__options", 4, "self.options"),
            ("_ref__self", 5, "self"),
            // `mut x`
            ("x__a", 5, "x.a"),
            // Variables of such names, and a place that is a macro's.
            ("a__b", 4, "a__b"),
            ("a__b__c", 4, "a__b.c"),
            ("é__b", 1, "é.b"),
            ("x__a", 20, "x__a"),
            ("__x", 0, "__x"),
            ("_ref__x__a", 30, "x__a"),
        ] {
            assert_eq!(written(printed, width), expected, "{printed} {width}");
        }
    }
}
