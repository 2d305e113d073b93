//! Code actions: edits that may make a future smaller. One file each.
//!
//! Candidates are found in the text that was measured, by its syntax and by what the compiler says is held and why. What an
//! edit saves is predicted here; [`crate::engine`] compiles the edit and measures it.
//!
//! The doc comment of each file says what the edit does, with the code before and after. It is the file's first test, and
//! `docs/actions.md` is generated from it (`manual`).

mod all_safe;
pub mod borrow_argument;
pub mod box_argument;
pub mod box_awaitee;
mod box_capture;
pub mod box_local;
mod box_parameter;
mod box_pinned;
pub mod box_recursion;
pub mod box_several;
pub mod box_spawned;
mod call_sites;
mod callers;
mod captured;
pub mod desugar_async_fn;
#[cfg(test)]
mod examples;
pub mod hoist_scrutinee;
pub mod list;
mod local;
mod macro_arguments;
mod made;
#[cfg(test)]
mod manual;
mod naming;
pub mod pin_argument;
pub mod return_inner;
pub mod scope_block;
mod signature;
#[cfg(test)]
mod texts;
pub mod unasync;

pub use all_safe::all_safe;

use super::language::Language;
use super::snapshot::{FileView, Snapshot};
use crate::unit_id::UnitId;

use crate::dump::Span;
use crate::layout::whatif::{self, Change, Prediction};
use crate::layout::{Future, State};
use crate::source::{Edit, Outline, Site, SiteKind, TextRange, TextSize, with_tree};
use ra_ap_syntax::SourceFile;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// See [`box_awaitee`].
    BoxAwaitee,
    /// See [`scope_block`].
    ScopeBlock,
    /// See [`box_recursion`].
    BoxRecursion,
    /// See [`desugar_async_fn`].
    DesugarAsyncFn,
    /// See [`box_local`].
    BoxLocal,
    /// See [`box_several`].
    BoxSeveral,
    /// See [`pin_argument`].
    PinArgument,
    /// See [`hoist_scrutinee`].
    HoistScrutinee,
    /// See [`return_inner`].
    ReturnInner,
    /// See [`unasync`].
    Unasync,
    /// See [`box_argument`].
    BoxArgument,
    /// See [`borrow_argument`].
    BorrowArgument,
    /// See [`box_spawned`].
    BoxSpawned,
    /// See [`all_safe()`].
    AllSafe,
}

impl ActionKind {
    /// All of them but what is made of others.
    pub const ALL: [ActionKind; 13] = [
        ActionKind::BoxAwaitee,
        ActionKind::ScopeBlock,
        ActionKind::BoxRecursion,
        ActionKind::DesugarAsyncFn,
        ActionKind::BoxLocal,
        ActionKind::BoxSeveral,
        ActionKind::PinArgument,
        ActionKind::HoistScrutinee,
        ActionKind::ReturnInner,
        ActionKind::Unasync,
        ActionKind::BoxArgument,
        ActionKind::BorrowArgument,
        ActionKind::BoxSpawned,
    ];

    /// As it is written in JSON and on the command line: `box-awaitee`.
    pub fn name(self) -> &'static str {
        match self {
            ActionKind::BoxAwaitee => "box-awaitee",
            ActionKind::ScopeBlock => "scope-block",
            ActionKind::BoxRecursion => "box-recursion",
            ActionKind::DesugarAsyncFn => "desugar-async-fn",
            ActionKind::BoxLocal => "box-local",
            ActionKind::BoxSeveral => "box-several",
            ActionKind::PinArgument => "pin-argument",
            ActionKind::HoistScrutinee => "hoist-scrutinee",
            ActionKind::ReturnInner => "return-inner",
            ActionKind::Unasync => "unasync",
            ActionKind::BoxArgument => "box-argument",
            ActionKind::BorrowArgument => "borrow-argument",
            ActionKind::BoxSpawned => "box-spawned",
            ActionKind::AllSafe => "all-safe",
        }
    }
}

impl ActionKind {
    /// Does it make a future smaller? Otherwise only what is passed by value, and it is offered to those who ask for it.
    pub fn shrinks_future(self) -> bool {
        self != ActionKind::BoxSpawned
    }

    /// May such an edit drop values at another time?
    fn may_move_drops(self) -> bool {
        use ActionKind::{
            BorrowArgument, BoxArgument, DesugarAsyncFn, HoistScrutinee, PinArgument, ReturnInner, ScopeBlock,
        };
        matches!(
            self,
            BorrowArgument
                | BoxArgument
                | DesugarAsyncFn
                | HoistScrutinee
                | PinArgument
                | ReturnInner
                | ScopeBlock
        )
    }
}

/// An edit of a measured text that may make a future smaller.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which action.
    pub kind: ActionKind,
    /// Names it among all candidates of a project. Stable across line moves.
    pub id: Arc<str>,
    /// What it does, for a title: `Box this future with Box::pin`.
    pub label: String,
    /// The future that gets smaller, see [`Future::id`]; of one that does not compile, its path.
    pub future: Arc<str>,
    /// That future's name.
    pub name: Arc<str>,
    /// The compiler run that compiles the text: `CRATE-HASH`.
    pub origin: UnitId,
    /// Absolute path.
    pub file: PathBuf,
    /// The text all ranges are of.
    pub text: Outline,
    /// Index among the text's sites: all of [`Candidate::ways`] is in it, attributes and docs excepted.
    pub site: usize,
    /// Where it is offered, besides at the site's name.
    pub anchors: Vec<TextRange>,
    /// The ways to write it, likeliest first: each is tried until one compiles. Never empty.
    pub ways: Vec<Vec<Edit>>,
    /// What has to change outside of the site, whichever way it is. One entry per file; that may be the site's.
    pub elsewhere: Vec<Elsewhere>,
    /// Bytes of the future as it is; none if it does not compile.
    pub before: Option<u64>,
    /// What it would be; none if nobody can tell without compiling.
    pub predicted: Option<Prediction>,
    /// Values whose destructors would run earlier, in words for a title: `` `x` ``. As the source shows them, until the
    /// compiler has told.
    pub drops_earlier: Vec<Arc<str>>,
    /// What else the program may do otherwise, or at another time, in words for a title: `runs at the call …`.
    pub does_otherwise: Option<Arc<str>>,
    /// The future that is there instead afterwards, see [`Future::id`]; none if it is still [`Candidate::future`].
    pub becomes: Option<Arc<str>>,
    /// The definition path of the body that is no coroutine's any more, where an `async fn` becomes a plain one.
    pub plain: Option<Arc<str>>,
}

/// Edits outside of a candidate's site, of one file.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// Absolute path.
    pub file: PathBuf,
    /// The text all ranges are of, as it was measured.
    pub text: Outline,
    /// Never empty.
    pub edits: Vec<Edit>,
    /// Definition paths of the bodies that they are in.
    pub bodies: Vec<Arc<str>>,
}

/// What an action has been found to do, or is thought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saving {
    /// Bytes of the future as it is.
    pub before: u64,
    /// Bytes after the edit.
    pub after: u64,
    /// The compiler said so; otherwise it is a prediction.
    pub measured: bool,
    /// The largest of the futures around it that would get smaller too: name and bytes saved. A prediction.
    pub outermost: Option<(Arc<str>, u64)>,
}

impl Saving {
    /// What it saves of the largest future that gets smaller by it, in bytes: that is the memory that is really taken.
    pub fn worth(&self) -> u64 {
        self.outermost.as_ref().map_or(0, |(_, bytes)| *bytes).max(self.bytes())
    }

    /// Bytes.
    pub fn bytes(&self) -> u64 {
        self.before.saturating_sub(self.after)
    }
}

impl Candidate {
    /// `Box this future with Box::pin (saves 4083 B)`
    pub fn title(&self, saving: Option<&Saving>) -> String {
        let mut notes = Vec::new();
        if let Some(saving) = saving.filter(|_| !self.kind.shrinks_future()) {
            notes.push(format!("passes {} B instead of {} B", saving.after, saving.before));
        } else if let Some(saving) = saving {
            let about = if saving.measured { "" } else { "≈ " };
            notes.push(format!("saves {about}{} B", saving.bytes()));
            if let Some((name, bytes)) = &saving.outermost
                && *bytes != saving.bytes()
            {
                notes.push(format!("≈ {bytes} B in `{name}`"));
            }
        }
        let is_compiled = saving.is_none_or(|saving| saving.measured);
        if !self.drops_earlier.is_empty() {
            notes.push(format!("drops {} earlier", self.drops_earlier.join(", ")));
        } else if !is_compiled && self.kind.may_move_drops() {
            notes.push("not compiled: may drop values earlier".to_owned());
        }
        notes.extend(self.does_otherwise.iter().map(|words| words.to_string()));
        match notes.is_empty() {
            true => self.label.clone(),
            false => format!("{} ({})", self.label, notes.join(", ")),
        }
    }

    /// May code elsewhere not compile after it, or mean another type by the fn's name?
    pub fn changes_type(&self) -> bool {
        use ActionKind::{AllSafe, DesugarAsyncFn, ReturnInner, Unasync};
        self.changes_parameter() || matches!(self.kind, DesugarAsyncFn | ReturnInner | Unasync | AllSafe)
    }

    /// Does a fn take an argument of another type after it, which its callers store?
    pub fn changes_parameter(&self) -> bool {
        match self.kind {
            ActionKind::BorrowArgument => true,
            ActionKind::BoxArgument => self.site().kind == SiteKind::AsyncFn,
            _ => false,
        }
    }

    /// Does the program do the same as before, at the same time?
    pub fn keeps_behaviour(&self) -> bool {
        self.drops_earlier.is_empty() && self.does_otherwise.is_none()
    }

    /// The files that are edited one way: path, text as it was measured, and all edits. Its own file comes first.
    pub fn edits<'a>(&'a self, way: &'a [Edit]) -> Vec<(&'a Path, &'a Outline, Vec<Edit>)> {
        let mut files = vec![(self.file.as_path(), &self.text, way.to_vec())];
        for other in &self.elsewhere {
            match files.iter_mut().find(|(file, ..)| *file == other.file) {
                Some((_, _, edits)) => edits.extend(other.edits.iter().cloned()),
                None => files.push((&other.file, &other.text, other.edits.clone())),
            }
        }
        files
    }

    /// The files that are edited.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.file.as_path()).chain(self.elsewhere.iter().map(|other| other.file.as_path()))
    }

    /// The site in its text.
    pub fn site(&self) -> &Site {
        &self.text.sites()[self.site]
    }

    /// Could it save so many bytes? Where nothing is predicted, or only estimated, in doubt yes.
    pub fn may_save(&self, bytes: u64) -> bool {
        let Some(before) = self.before else { return true };
        let most = match self.predicted {
            None => before,
            Some(new) if new.exact => before.saturating_sub(new.size),
            // By experience an estimate is seldom off by more.
            Some(new) => before.saturating_sub(new.size).saturating_mul(2).saturating_add(ABOUT),
        };
        most >= bytes
    }

    /// What is predicted, if that is a saving.
    pub fn predicted_saving(&self) -> Option<Saving> {
        let (before, after) = (self.before?, self.predicted?.size);
        (after < before).then_some(Saving { before, after, measured: false, outermost: None })
    }
}

/// Bytes.
const ABOUT: u64 = 64;

/// Everything that may be worth doing in a file. What is certain to save nothing is left out.
pub fn candidates(snapshot: &Snapshot, file: &Path) -> Vec<Candidate> {
    let views = snapshot.file(file).iter().filter(|view| !view.standing.is_stale());
    let mut found: Vec<Candidate> = views.flat_map(|view| in_view(snapshot, file, view)).collect();
    // Of what does not compile there is no view, or an old one.
    let mut recursions = box_recursion::candidates(&snapshot.recursions, file);
    number(&mut recursions);
    found.extend(recursions);
    found
}

/// What the futures around one save if it becomes `new`: name and bytes, the largest future first.
pub fn gains(futures: &[Arc<Future>], changed: &str, new: Prediction) -> Vec<(Arc<str>, u64)> {
    let around = whatif::propagate(futures, changed, new);
    let name = |id: &str| futures.iter().find(|future| *future.id == *id).map(|future| future.name.clone());
    around.into_iter().filter_map(|one| Some((name(&one.id)?, one.old.checked_sub(one.new.size)?))).collect()
}

fn in_view(snapshot: &Snapshot, file: &Path, view: &FileView) -> Vec<Candidate> {
    // All offsets would be shifted by a byte order mark.
    if view.outline.text().starts_with('\u{feff}') {
        return Vec::new();
    }
    let look = |tree: &SourceFile| {
        let mut found: Vec<Candidate> = Vec::new();
        for context in contexts(snapshot, file, view, tree) {
            found.extend(box_awaitee::candidates(&context));
            found.extend(box_pinned::candidates(&context));
            found.extend(box_several::candidates(&context));
            found.extend(pin_argument::candidates(&context));
            found.extend(desugar_async_fn::candidates(&context));
            found.extend(scope_block::candidates(&context));
            found.extend(box_local::candidates(&context));
            found.extend(hoist_scrutinee::candidates(&context));
            found.extend(return_inner::candidates(&context));
            found.extend(unasync::candidates(&context));
            found.extend(box_argument::candidates(&context));
            found.extend(box_parameter::candidates(&context));
            found.extend(borrow_argument::candidates(&context));
            found.extend(box_spawned::candidates(&context));
        }
        found
    };
    let mut found = with_tree(view.outline.text(), look).unwrap_or_default();
    found.retain(|candidate| {
        let useless = |prediction: Prediction| {
            prediction.exact && candidate.before.is_some_and(|before| prediction.size >= before)
        };
        !candidate.ways.is_empty() && !candidate.predicted.is_some_and(useless)
    });
    number(&mut found);
    found
}

/// Tells candidates of one kind in one future apart, where they do not say themselves what they are about.
fn number(found: &mut [Candidate]) {
    let mut counts = std::collections::HashMap::<String, usize>::new();
    for candidate in found.iter_mut().filter(|candidate| candidate.id.is_empty()) {
        let id = format!("{}/{}", candidate.kind.name(), candidate.future);
        let count = counts.entry(id.clone()).or_default();
        *count += 1;
        candidate.id = format!("{id}#{count}").into();
    }
}

fn contexts<'a>(
    snapshot: &'a Snapshot,
    file: &'a Path,
    view: &'a FileView,
    tree: &'a SourceFile,
) -> Vec<Context<'a>> {
    let mut contexts = Vec::new();
    for (&site, found) in &view.sites {
        let is_inside = |inner: &Future, outer: &Future| {
            inner.body.as_ref().zip(outer.body.as_ref()).is_some_and(|(inner, outer)| inner.is_inside(outer))
        };
        // Of each body its largest instance.
        let mut largest: Vec<&Arc<Future>> = Vec::new();
        for future in &found.futures {
            let body = |future: &Future| future.body.as_ref().map(|body| body.def_path.clone());
            if !largest.iter().any(|known| body(known) == body(future)) {
                largest.push(future);
            }
        }
        for &future in &largest {
            let Some(body) = &future.body else { continue };
            let Some(language) = snapshot.language(&body.origin) else { continue };
            // The one whose size is shown at this place.
            let around = largest.iter().copied().filter(|outer| is_inside(future, outer));
            let around: Vec<&Arc<Future>> = around.collect();
            let shown = around.first().copied().unwrap_or(future);
            contexts.push(Context { snapshot, file, view, tree, site, future, shown, around, language });
        }
    }
    contexts
}

/// One future whose body an action looks at.
pub(super) struct Context<'a> {
    pub snapshot: &'a Snapshot,
    file: &'a Path,
    view: &'a FileView,
    /// Of the measured text.
    pub tree: &'a SourceFile,
    site: usize,
    /// The largest instance.
    pub future: &'a Arc<Future>,
    /// The one at this site that holds it: `#[instrument]` puts a block into a fn's own future.
    pub shown: &'a Arc<Future>,
    /// All at this site that it is inside of: `#[instrument(err)]` puts a block into a block.
    around: Vec<&'a Arc<Future>>,
    pub language: &'a Language,
}

impl<'a> Context<'a> {
    pub fn text(&self) -> &'a str {
        self.view.outline.text()
    }

    pub fn site(&self) -> &'a Site {
        &self.view.outline.sites()[self.site]
    }

    /// A future that this one may have in it.
    pub fn future_with_id(&self, id: &str) -> Option<&'a Future> {
        let own = self.future.body.as_ref();
        let found =
            own.map_or_else(|| self.snapshot.future(id), |own| self.snapshot.future_in(id, &own.origin));
        Some(&found?.future)
    }

    /// The range of a span the compiler gave, if it is within this site's text.
    pub fn range(&self, span: &Span) -> Option<TextRange> {
        let range = self.view.outline.range(span).filter(|_| span.file == self.view.path)?;
        self.site().range.contains_range(range).then_some(range)
    }

    /// Is this the innermost future that the offset is in? A macro call is none of its own.
    pub fn is_innermost(&self, at: TextSize) -> bool {
        let innermost = self.view.outline.innermost(at, |site| site.kind != SiteKind::MacroCall);
        innermost == Some(self.site)
    }

    /// The states in which the future waits, with their indices.
    pub fn suspended(&self) -> impl Iterator<Item = (u32, &'a State)> {
        let states = self.future.states.iter().enumerate();
        states.filter(|(_, state)| state.is_suspended()).map(|(index, state)| (index as u32, state))
    }

    /// What becomes of the future that is shown if the one looked at changes.
    pub fn predict(&self, changes: &[Change]) -> Option<Prediction> {
        let new = whatif::predict(self.future, changes)?;
        if self.shown.id == self.future.id {
            return Some(new);
        }
        let around: Vec<&Future> = self.around.iter().map(|outer| &***outer).collect();
        let propagated = whatif::propagate(&around, &self.future.id, new);
        let shown = propagated.iter().find(|propagated| *propagated.id == *self.shown.id);
        let unchanged = Prediction { size: self.shown.size, align: self.shown.align, exact: new.exact };
        Some(shown.map_or(unchanged, |propagated| propagated.new))
    }

    /// A candidate for this future. `anchors` are where it is offered, besides at the future's name.
    pub fn candidate(&self, kind: ActionKind, label: String, anchors: Vec<TextRange>) -> Candidate {
        Candidate {
            kind,
            id: "".into(),
            label,
            future: self.shown.id.clone(),
            name: self.shown.name.clone(),
            origin: self.future.body.as_ref().map_or("".into(), |body| body.origin.clone()),
            file: self.file.to_owned(),
            text: self.view.outline.clone(),
            site: self.site,
            anchors,
            ways: Vec::new(),
            elsewhere: Vec::new(),
            before: Some(self.shown.size),
            predicted: None,
            drops_earlier: Vec::new(),
            does_otherwise: None,
            becomes: None,
            plain: None,
        }
    }
}
