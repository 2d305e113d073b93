//! Everything about one future for a view in an editor. How a place is written is the caller's affair.

use super::breakdown::{self, Context};
use super::current_text::{CurrentTexts, Spot};
use super::explain::{self, ExplainSettings};
use super::sites;
use super::snapshot::{FileView, Placed, Snapshot};
use super::stored::{Nested, nested};
use crate::dump::Span;
use crate::layout::{Bytes, FutureKind, Held, HeldKind, Usage, needs};
use crate::render::{Page, PictureOptions};
use crate::source::{Outline, TextSize};
use serde::Serialize;
use std::num::NonZeroU64;

/// Deeper trees are cut: readers of JSON give up somewhere.
const MOST_LEVELS: usize = 24;

/// One future. `L` is a place in the source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout<'a, L> {
    /// Survives line moves.
    pub id: &'a str,
    /// Path of the fn or block.
    pub name: &'a str,
    /// What it is in the source.
    pub kind: FutureKind,
    /// The readable type.
    #[serde(rename = "type")]
    pub ty: &'a str,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
    /// Bytes of a cache line, as configured.
    pub cache_line: Option<NonZeroU64>,
    /// Bytes of the tag.
    pub discriminant: u64,
    /// The numbers are not those of the current text.
    pub stale: bool,
    /// The fn's name, or the token that makes the future.
    pub location: Option<L>,
    /// All futures made there, largest first, this one too.
    pub instances: Vec<Instance<'a>>,
    /// In the compiler's order.
    pub states: Vec<StateView<'a, L>>,
    /// Captures and arguments.
    pub upvars: Vec<Thing<'a, L>>,
    /// The futures stored in it.
    pub nested: Tree,
    /// What `futurelens explain` prints.
    pub text: String,
}

/// One instance of a generic future.
#[derive(Debug, Serialize)]
pub struct Instance<'a> {
    /// See [`Layout::id`].
    pub id: &'a str,
    /// Bytes.
    pub size: u64,
    /// Parameter and type.
    pub arguments: Vec<(&'a str, &'a str)>,
}

/// One state.
#[derive(Debug, Serialize)]
pub struct StateView<'a, L> {
    /// `Suspend0`, …
    pub name: &'a str,
    /// Bytes as the compiler prints them: up to the end of the last local, without the discriminant's.
    pub size: u64,
    /// Bytes of the holes before and between the things held, as the compiler prints them.
    pub padding: u64,
    /// What all bytes of the future are there for in this state: they add up to [`Layout::size`].
    pub bytes: Bytes,
    /// What the future would take if it held nothing but captures and what this state holds: those with most decide
    /// its size. None for states that nobody waits in, and if the compiler's algorithm does not give its size.
    pub needs: Option<u64>,
    /// The `await` it waits at.
    pub location: Option<L>,
    /// By offset.
    pub held: Vec<Thing<'a, L>>,
}

/// A thing held.
#[derive(Debug, Serialize)]
pub struct Thing<'a, L> {
    /// The variable, or the compiler's name for it.
    pub name: &'a str,
    /// What it is.
    pub kind: HeldKind,
    /// Where the dumps name it.
    #[serde(rename = "type")]
    pub ty: Option<&'a str>,
    /// Bytes.
    pub size: u64,
    /// Bytes from the start of the future.
    pub offset: u64,
    /// In words; none where the kind says it, or nobody knows.
    pub why: Option<String>,
    /// Where it is declared.
    pub location: Option<L>,
    /// The identity of the future in it, if that was measured.
    pub future: Option<&'a str>,
}

/// A future and the futures stored in it.
#[derive(Debug, Serialize)]
pub struct Tree {
    /// None if it was not measured.
    pub id: Option<String>,
    /// The readable type, shortened.
    pub name: String,
    /// Bytes, a wrapper's included.
    pub size: u64,
    /// Bytes that none of the futures in it has.
    pub own: u64,
    /// Bytes that a larger future beside it has too, in another state.
    pub shared: u64,
    /// The futures it stores, in any state.
    pub children: Vec<Tree>,
}

/// The largest future of the innermost site around a place in the current text.
pub fn at<'a>(
    snapshot: &'a Snapshot,
    views: &'a [FileView],
    text: &'a Outline,
    at: TextSize,
) -> Option<&'a Placed> {
    let site = sites::innermost(views, text, at)?;
    let largest = site.outermost().next()?;
    snapshot.future_for(&largest.id, largest)
}

/// Everything about a future.
pub fn layout<'a, L>(
    placed: &'a Placed,
    current: &CurrentTexts<'a>,
    cache_line: Option<NonZeroU64>,
    location: &dyn Fn(Spot<'a>) -> L,
) -> Layout<'a, L> {
    let (snapshot, future) = (current.snapshot, &placed.future);
    let place = |span: &Span| explain::place(current, placed, span);
    let context = Context {
        snapshot,
        cache_line,
        place: &place,
        link: &|_| None,
        picture: PictureOptions { cache_line, ..PictureOptions::default() },
        full_types: false,
    };
    let (usage, needs) = (Usage::of(future), needs(future));
    let page = Page::plain();
    let at = |span: &Option<Span>| current.spot(placed, span.as_ref()?).map(location);
    let thing = |held: &'a Held| Thing {
        name: &held.name,
        kind: held.kind,
        ty: held.ty.as_deref(),
        size: held.size,
        offset: held.offset,
        why: held
            .why
            .as_ref()
            .map(|why| breakdown::reason(&page, why, &context))
            .filter(|why| !why.is_empty()),
        location: at(&held.declared),
        future: held.future.as_deref().filter(|id| snapshot.future(id).is_some()),
    };
    let instances = instances(snapshot, placed);
    // The text is about its first future.
    let is_largest = instances.first().is_some_and(|first| first.future.id == future.id);
    let explained = if is_largest { &instances[..] } else { &[placed] };
    let settings = ExplainSettings { picture: context.picture.clone(), ..ExplainSettings::default() };
    Layout {
        id: &future.id,
        name: &future.name,
        kind: future.kind,
        ty: &future.ty,
        size: future.size,
        align: future.align,
        cache_line,
        discriminant: future.discriminant,
        stale: current.standing(placed).is_stale(),
        location: current.home(placed).map(|home| location(home.spot())),
        instances: instances
            .iter()
            .map(|instance| Instance {
                id: &instance.future.id,
                size: instance.future.size,
                arguments: instance.future.arguments.iter().map(|(name, ty)| (&**name, &**ty)).collect(),
            })
            .collect(),
        states: future
            .states
            .iter()
            .enumerate()
            .map(|(index, state)| StateView {
                name: &state.name,
                size: state.size,
                padding: state.padding,
                bytes: usage.in_state(state),
                needs: needs.get(index).copied().flatten(),
                location: at(&state.awaiting),
                held: state.held.iter().map(thing).collect(),
            })
            .collect(),
        upvars: future.states.upvars().iter().map(thing).collect(),
        nested: nested(snapshot, placed, MOST_LEVELS).into(),
        text: explain::explain(current, explained, &settings),
    }
}

/// The futures made at the same place, largest first, as a hover lists them; the future itself at least.
fn instances<'a>(snapshot: &'a Snapshot, placed: &'a Placed) -> Vec<&'a Placed> {
    let id = &placed.future.id;
    let here = placed.location.as_ref().and_then(|location| {
        let found = snapshot.file(&location.file).iter().filter_map(|view| view.sites.get(&location.site));
        let mut all = found.map(|found| sites::outermost(found).collect::<Vec<_>>());
        all.find(|all| all.iter().any(|future| future.id == *id))
    });
    match here {
        Some(here) => here.into_iter().filter_map(|future| snapshot.future_for(&future.id, future)).collect(),
        // One that another one here holds: those of its own body.
        None => {
            let path = |of: &Placed| of.future.body.as_ref().map(|body| body.def_path.clone());
            let own = path(placed);
            let same =
                |of: &&Placed| own.is_some() && path(of) == own && of.future.unit == placed.future.unit;
            let all: Vec<&Placed> = snapshot.futures(false).filter(same).collect();
            if all.is_empty() { vec![placed] } else { all }
        }
    }
}

impl From<Nested> for Tree {
    fn from(nested: Nested) -> Tree {
        let own = nested.own();
        let children: Vec<Tree> = nested.children.into_iter().map(Tree::from).collect();
        Tree {
            id: nested.id.map(|id| id.to_string()),
            name: nested.node.name,
            size: nested.node.size,
            shared: nested.node.shared,
            own,
            children,
        }
    }
}
