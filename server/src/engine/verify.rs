//! Does an action compile, and what does it save? Asked of the compiler, in an overlay of the project.
//!
//! Many candidates are compiled at once. What became of a future counts if nothing in it was changed by another one:
//! what the compiler printed then tells what is stored in it. The others have their turn later. If they do not compile
//! together, those that the errors point at are out; if the errors point nowhere, halves are tried.

use super::{Units, drops};
use crate::compiler::{BuildError, Cancel, Compiled, Overlay, Project, UnitOutput};
use crate::dump::{absolute, diagnostics};
use crate::features::Snapshot;
use crate::features::actions::{ActionKind, Candidate, Saving, gains};
use crate::layout::Future;
use crate::layout::whatif::Prediction;
use crate::source::{Edit, Outline, PositionMap, SiteKind, TextRange, TextSize, edited, has_word};
use crate::unit_id::UnitId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the compiler says to a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It compiles and makes the future smaller.
    Saves {
        /// By how much, as measured.
        saving: Saving,
        /// Which of [`Candidate::ways`] it was.
        way: usize,
        /// What it drops at another time, as [`Candidate::drops_earlier`]; here the compiler says so.
        drops_earlier: Vec<Arc<str>>,
    },
    /// What did not compile does now.
    Compiles {
        /// Which of [`Candidate::ways`] it was.
        way: usize,
    },
    /// It is not to be offered.
    Refused(Rejection),
}

/// Why a candidate is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The edit does not compile, in any of the ways to write it.
    DoesNotCompile,
    /// The future does not shrink, or another future that the edit changes grows.
    DoesNotShrink,
    /// The future's own crate makes no instance of it: only a crate that depends on it does.
    MadeElsewhere,
    /// The crate cannot be compiled apart from the project.
    NotTried,
}

/// Compiles candidates in an overlay of a project. Keeps what was compiled, so that the next is fast.
#[derive(Debug)]
pub struct Verifier {
    overlay: Overlay,
    snapshot: Arc<Snapshot>,
    units: Units,
    around: Around,
    futures: Vec<Arc<Future>>,
    runs: usize,
}

/// So many candidates are tried as the first ones of those that are compiled together.
const STARTS: usize = 16;

/// A text of a file in the overlay.
pub(super) type EditedTexts = BTreeMap<PathBuf, String>;

impl Verifier {
    /// For candidates of this snapshot. `own_group` as in [`crate::compiler::Request`].
    ///
    /// # Errors
    /// If the overlay's folder cannot be made.
    pub fn new(
        project: &Project,
        snapshot: Arc<Snapshot>,
        units: Units,
        own_group: bool,
    ) -> Result<Self, BuildError> {
        let overlay = Overlay::new(project, own_group)?;
        let mut verifier = Verifier {
            overlay,
            snapshot: Arc::default(),
            units: Units::default(),
            around: Around::default(),
            futures: Vec::new(),
            runs: 0,
        };
        verifier.update(snapshot, units);
        Ok(verifier)
    }

    /// Goes on with what was measured since.
    pub fn update(&mut self, snapshot: Arc<Snapshot>, units: Units) {
        self.around = Around::new(&snapshot);
        self.futures = snapshot.shared_futures();
        self.snapshot = snapshot;
        self.units = units;
    }

    /// Forgets what was measured until [`Verifier::update`], not what it has compiled: nobody knows when the next
    /// candidate comes, and all that was measured before it would be kept for that.
    pub fn forget(&mut self) {
        self.update(Arc::default(), Units::default());
    }

    /// How often the compiler has run.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Finds the verdict on each candidate; `on_verdict` gets its index. Those that come first are tried first.
    ///
    /// # Errors
    /// See [`BuildError`]; the verdicts so far hold.
    pub fn verify(
        &mut self,
        candidates: &[&Candidate],
        cancel: &Cancel,
        on_verdict: &mut dyn FnMut(usize, Verdict),
    ) -> Result<(), BuildError> {
        let mut open: Vec<Try> = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            match candidate.kind {
                ActionKind::BoxRecursion => {
                    let verdict = self.verify_recursion(candidate, candidates, cancel)?;
                    on_verdict(index, verdict);
                }
                _ if self.is_made_elsewhere(candidate) => {
                    on_verdict(index, Verdict::Refused(Rejection::MadeElsewhere));
                }
                _ => open.push(Try { index, way: 0, with: With::Any }),
            }
        }
        while !open.is_empty() {
            let batch = self.together(candidates, &mut open);
            self.verify_batch(candidates, batch, &mut open, cancel, on_verdict)?;
        }
        Ok(())
    }

    /// Takes candidates out of `open` that can be compiled together: as many as can be found, the first one with
    /// them if that makes no difference.
    fn together(&self, candidates: &[&Candidate], open: &mut Vec<Try>) -> Vec<Try> {
        let fits = |one: &Try, other: &Try| {
            let (candidate, known) = (candidates[one.index], candidates[other.index]);
            let is_one_careful = one.with == With::Unrelated || other.with == With::Unrelated;
            one.with != With::None
                && other.with != With::None
                && (one.with == With::Any || !names_changed_type(candidate, known))
                && (other.with == With::Any || !names_changed_type(known, candidate))
                && candidate.origin == known.origin
                && !(is_one_careful && self.around.are_related(&candidate.future, &known.future))
                && !overlap(candidate, &candidate.ways[one.way], known, &known.ways[other.way])
        };
        let from = |first: usize| {
            let mut batch: Vec<usize> = Vec::new();
            for place in (first..open.len()).chain(0..first) {
                if batch.iter().all(|&other| fits(&open[place], &open[other])) {
                    batch.push(place);
                }
            }
            batch
        };
        let step = open.len().div_ceil(STARTS).max(1);
        let batches = (0..open.len()).step_by(step).map(from);
        let most = batches.reduce(|best, next| if next.len() > best.len() { next } else { best });
        let mut most = most.unwrap_or_default();
        most.sort_unstable();
        let batch = most.iter().map(|&place| open[place]).collect();
        for place in most.into_iter().rev() {
            open.remove(place);
        }
        batch
    }

    fn verify_batch(
        &mut self,
        candidates: &[&Candidate],
        batch: Vec<Try>,
        open: &mut Vec<Try>,
        cancel: &Cancel,
        on_verdict: &mut dyn FnMut(usize, Verdict),
    ) -> Result<(), BuildError> {
        let Some(first) = batch.first() else { return Ok(()) };
        let origin = candidates[first.index].origin.clone();
        let edits: Vec<(&Candidate, &[Edit])> = batch
            .iter()
            .map(|one| (candidates[one.index], &candidates[one.index].ways[one.way][..]))
            .collect();
        let texts = texts_with(&EditedTexts::new(), &edits);
        let built = match self.compile(&origin, &texts, cancel) {
            Err(BuildError::NoOverlay { reason }) => {
                tracing::info!("{origin}: {reason}");
                batch.iter().for_each(|one| on_verdict(one.index, Verdict::Refused(Rejection::NotTried)));
                return Ok(());
            }
            built => built?,
        };
        match built {
            Built::Done(after) => {
                let around = Around::new(&after.snapshot);
                let body = |one: &Try| self.around.body(&candidates[one.index].future);
                let changed_by = |one: &Try| self.around.changed_by(candidates[one.index]);
                let changed: HashSet<Arc<str>> = batch.iter().flat_map(changed_by).collect();
                let edited = after.edited();
                for one in &batch {
                    let candidate = candidates[one.index];
                    let touched = touched(candidate, &self.snapshot, &after.snapshot, &around);
                    let verdict = self.judge(candidate, one.way, &after.snapshot, &touched, edited.as_ref());
                    // What is there in its place may have been edited itself.
                    let now = candidate.becomes.as_ref().map_or_else(|| body(one), |id| around.body(id));
                    let is_disturbed = candidate.becomes.is_some() && changed.contains(&now)
                        || around.is_made_of(&now, &changed)
                        || {
                            let others = batch.iter().filter(|other| other.index != one.index);
                            let others = others.flat_map(changed_by).collect();
                            touched.iter().any(|(future, _)| around.is_touched(future, &others))
                        };
                    let (fewer, careful) = (one.with.fewer(), one.with.fewer().max(With::Unrelated));
                    let again = match &verdict {
                        _ if batch.len() == 1 => None,
                        _ if is_disturbed => Some(careful),
                        // Perhaps it has another name, by what others have made of theirs.
                        Verdict::Refused(Rejection::MadeElsewhere) => Some(fewer),
                        // Who made this instance may do so no more, and what it was is printed still.
                        Verdict::Refused(Rejection::DoesNotShrink)
                            if one.with != With::Unrelated
                                && self.is_instance_of_others(candidates, &batch, one) =>
                        {
                            Some(careful)
                        }
                        Verdict::Saves { drops_earlier, .. }
                            if !drops_earlier.is_empty() && meets_changed_type(candidates, &batch, one) =>
                        {
                            Some(fewer)
                        }
                        _ => None,
                    };
                    match again {
                        Some(with) => open.push(Try { with, ..*one }),
                        None => on_verdict(one.index, verdict),
                    }
                }
            }
            Built::Broken(messages) => {
                let blamed = match batch.len() {
                    1 => HashSet::from([0]),
                    _ => blamed(&messages, &self.units.dir(&origin), &texts, &edits),
                };
                if blamed.is_empty() {
                    let (left, right) = batch.split_at(batch.len() / 2);
                    self.verify_batch(candidates, left.to_vec(), open, cancel, on_verdict)?;
                    return self.verify_batch(candidates, right.to_vec(), open, cancel, on_verdict);
                }
                let mut others = Vec::new();
                for (place, &one) in batch.iter().enumerate() {
                    if !blamed.contains(&place) {
                        others.push(one);
                    } else if meets_changed_type(candidates, &batch, &one) {
                        // It may be the other's fault.
                        open.push(Try { with: With::Still, ..one });
                    } else if one.way + 1 < candidates[one.index].ways.len() {
                        open.push(Try { way: one.way + 1, ..one });
                    } else {
                        on_verdict(one.index, Verdict::Refused(Rejection::DoesNotCompile));
                    }
                }
                return self.verify_batch(candidates, others, open, cancel, on_verdict);
            }
        }
        Ok(())
    }

    /// Is a candidate's future an instance of a generic body, and another one of the batch in a future that stores it?
    fn is_instance_of_others(&self, candidates: &[&Candidate], batch: &[Try], one: &Try) -> bool {
        let candidate = candidates[one.index];
        let placed = self.snapshot.future_in(&candidate.future, &candidate.origin);
        placed.is_some_and(|placed| !placed.future.arguments.is_empty())
            && batch
                .iter()
                .filter(|other| other.index != one.index)
                .flat_map(|other| {
                    let other = candidates[other.index];
                    other.elsewhere.iter().flat_map(|it| &it.bodies).chain([&other.future])
                })
                .any(|other| self.around.are_related(&candidate.future, other))
    }

    /// What a candidate did, if nothing else had a part in it.
    fn judge(
        &self,
        candidate: &Candidate,
        way: usize,
        after: &Snapshot,
        touched: &[(&Future, u64)],
        edited: Option<&drops::Edited<'_>>,
    ) -> Verdict {
        let Some((mut saving, future)) = saving(candidate, after).zip(result(candidate, after)) else {
            return Verdict::Refused(Rejection::MadeElsewhere);
        };
        if saving.after >= saving.before || makes_one_grow(touched) {
            return Verdict::Refused(Rejection::DoesNotShrink);
        }
        let new = Prediction { size: saving.after, align: future.align, exact: true };
        saving.outermost = match candidate.changes_parameter() {
            _ if !candidate.kind.shrinks_future() => None,
            // What calls it has been changed, too.
            true => largest_smaller(candidate, touched),
            false => gains(&self.futures, &candidate.future, new).into_iter().next(),
        };
        Verdict::Saves { saving, way, drops_earlier: self.drops_earlier(candidate, edited) }
    }

    /// What a candidate drops at another time than the program that was measured.
    pub(super) fn drops_earlier(
        &self,
        candidate: &Candidate,
        edited: Option<&drops::Edited<'_>>,
    ) -> Vec<Arc<str>> {
        let body = self.around.body(&candidate.future);
        edited.map_or_else(Vec::new, |edited| drops::moved(&self.units, candidate, &body, edited))
    }

    /// Is the future, or what it would become, printed by another unit's compiler run than the one that the
    /// edit is in?
    fn is_made_elsewhere(&self, candidate: &Candidate) -> bool {
        !self.snapshot.is_made_by(&candidate.future, &candidate.origin)
    }

    /// Compiles a unit with these texts, and the other units that they are part of.
    pub(super) fn compile(
        &mut self,
        origin: &UnitId,
        texts: &EditedTexts,
        cancel: &Cancel,
    ) -> Result<Built, BuildError> {
        let changed: Vec<(&Path, &str)> =
            texts.iter().map(|(file, text)| (file.as_path(), text.as_str())).collect();
        let mut after = After::default();
        for unit in self.units.with_files(origin, texts.keys()) {
            self.runs += 1;
            match self.overlay.compile(&unit, self.units.invocation(&unit)?, &changed, cancel)? {
                Compiled::Broken(messages) => return Ok(Built::Broken(messages)),
                Compiled::Done(content) if unit == *origin => {
                    let content: Arc<UnitOutput> = content.into();
                    after.snapshot = self.units.updated(&self.snapshot, origin, &content);
                    after.unit = Some(content);
                }
                Compiled::Done(_) => {}
            }
        }
        Ok(Built::Done(Box::new(after)))
    }

    /// Where relative paths of a unit start.
    pub(super) fn dir(&self, origin: &UnitId) -> PathBuf {
        self.units.dir(origin)
    }

    /// Several may be needed before the crate compiles: of all others the first is taken along.
    fn verify_recursion(
        &mut self,
        candidate: &Candidate,
        all: &[&Candidate],
        cancel: &Cancel,
    ) -> Result<Verdict, BuildError> {
        let mut chosen: Vec<(&Candidate, &[Edit])> = vec![(candidate, &candidate.ways[0])];
        for other in all.iter().filter(|other| other.kind == ActionKind::BoxRecursion) {
            let new = other.origin == candidate.origin
                && chosen.iter().all(|(known, _)| known.future != other.future);
            if new {
                chosen.push((other, &other.ways[0]));
            }
        }
        let texts = texts_with(&EditedTexts::new(), &chosen);
        let built = match self.compile(&candidate.origin, &texts, cancel) {
            Err(BuildError::NoOverlay { .. }) => return Ok(Verdict::Refused(Rejection::NotTried)),
            built => built?,
        };
        Ok(match built {
            Built::Done(_) => Verdict::Compiles { way: 0 },
            // Other errors may be left; those of this fn must be gone.
            Built::Broken(messages) => {
                let dir = self.units.dir(&candidate.origin);
                match blamed(&messages, &dir, &texts, &chosen[..1]).is_empty() {
                    true => Verdict::Compiles { way: 0 },
                    false => Verdict::Refused(Rejection::DoesNotCompile),
                }
            }
        })
    }
}

/// The project as it would be.
#[derive(Debug, Default)]
pub(super) struct After {
    /// Everything measured, with the unit as it would be.
    pub snapshot: Snapshot,
    /// That unit.
    unit: Option<Arc<UnitOutput>>,
}

impl After {
    /// That unit, to tell what is dropped in it.
    pub fn edited(&self) -> Option<drops::Edited<'_>> {
        self.unit.as_deref().map(drops::Edited::new)
    }
}

/// What came out of the overlay.
pub(super) enum Built {
    /// It compiles.
    Done(Box<After>),
    /// The compiler's messages.
    Broken(String),
}

/// A candidate whose turn is yet to come.
#[derive(Debug, Clone, Copy)]
struct Try {
    index: usize,
    way: usize,
    with: With,
}

/// Which others it may be compiled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum With {
    Any,
    /// Those that leave the type of every fn that it names as it is.
    Still,
    /// Of those the ones whose future has nothing to do with its own.
    Unrelated,
    None,
}

impl With {
    fn fewer(self) -> Self {
        match self {
            With::Any => With::Still,
            With::Still => With::Unrelated,
            With::Unrelated | With::None => With::None,
        }
    }
}

/// Does another one of a batch change the type of a fn that this one's text names?
fn meets_changed_type(candidates: &[&Candidate], batch: &[Try], one: &Try) -> bool {
    let mut others = batch.iter().filter(|other| other.index != one.index);
    others.any(|other| names_changed_type(candidates[one.index], candidates[other.index]))
}

/// Does the other one change the type of a fn that this one's text names?
fn names_changed_type(candidate: &Candidate, other: &Candidate) -> bool {
    let name = || other.site().name.map(|name| &other.text.text()[name]);
    let text = || &candidate.text.text()[candidate.site().range];
    other.changes_type() && name().is_none_or(|name| has_word(text(), name.trim_start_matches("r#")))
}

/// Can they not be made together?
pub(super) fn overlap(a: &Candidate, a_edits: &[Edit], b: &Candidate, b_edits: &[Edit]) -> bool {
    // An edit within another fn that is edited too would be taken for that one's.
    let edits_site = |edits: &[(&Path, &Outline, Vec<Edit>)], of: &Candidate| {
        let site = of.site().range;
        let mut edits = edits.iter().filter(|(file, ..)| *file == of.file).flat_map(|(.., edits)| edits);
        edits.any(|edit| site.intersect(edit.range).is_some())
    };
    let bodies = |of: &Candidate| of.elsewhere.iter().flat_map(|other| other.bodies.clone()).collect();
    let (a_bodies, b_bodies): (HashSet<Arc<str>>, HashSet<Arc<str>>) = (bodies(a), bodies(b));
    let sites_meet = || {
        let both = a.site().range.intersect(b.site().range);
        a.file == b.file && both.is_some_and(|both| !both.is_empty())
    };
    renames(a, b)
        || renames(b, a)
        || sites_meet()
        || !a_bodies.is_disjoint(&b_bodies)
        || edits_site(&a.edits(a_edits), b)
        || edits_site(&b.edits(b_edits), a)
}

/// Is another one's future called otherwise after an edit, or the one that it becomes? Without a block, those behind it in
/// the same fn have other numbers.
fn renames(one: &Candidate, other: &Candidate) -> bool {
    let is_gone = one.becomes.is_some() && one.site().kind == SiteKind::AsyncBlock;
    let path = one.future.split('<').next().unwrap_or_default();
    let around = path.rfind("{closure#").map(|at| &path[..at]);
    let is_beside = |id: &Arc<str>| around.is_some_and(|around| id.starts_with(around));
    is_gone && (is_beside(&other.future) || other.becomes.as_ref().is_some_and(is_beside))
}

/// The files with edits made, on top of texts that stay as they are.
pub(super) fn texts_with(base: &EditedTexts, edits: &[(&Candidate, &[Edit])]) -> EditedTexts {
    let mut by_file: BTreeMap<&Path, (&Outline, Vec<Edit>)> = BTreeMap::new();
    for (file, text, edits) in edits.iter().flat_map(|(candidate, edits)| candidate.edits(edits)) {
        by_file.entry(file).or_insert((text, Vec::new())).1.extend(edits);
    }
    let mut texts = base.clone();
    for (file, (text, edits)) in by_file {
        if let Some(text) = edited(text.text(), &edits) {
            texts.insert(file.to_owned(), text);
        }
    }
    texts
}

/// Which of the edited places the compiler's errors are in.
pub(super) fn blamed(
    messages: &str,
    dir: &Path,
    texts: &EditedTexts,
    edits: &[(&Candidate, &[Edit])],
) -> HashSet<usize> {
    let mut places: HashMap<&Path, PositionMap> = HashMap::new();
    for (file, text) in texts {
        places.insert(file, PositionMap::new(text.as_str().into()));
    }
    let mut blamed = HashSet::new();
    for error in diagnostics::errors(messages) {
        for span in error.spans.iter().filter(|span| span.primary) {
            let file = absolute(dir, &span.span.file);
            let Some(range) = places.get(&*file).and_then(|map| map.range(&span.span)) else { continue };
            for (index, (candidate, _)) in edits.iter().enumerate() {
                if candidate.file == file && now_at(candidate, edits).contains_range(range) {
                    blamed.insert(index);
                }
            }
        }
    }
    blamed
}

/// Where a candidate's site is when all edits have been made.
fn now_at(candidate: &Candidate, edits: &[(&Candidate, &[Edit])]) -> TextRange {
    let site = candidate.site().range;
    let all: Vec<Edit> = edits
        .iter()
        .flat_map(|(other, edits)| other.edits(edits))
        .filter(|(file, ..)| *file == candidate.file)
        .flat_map(|(.., edits)| edits)
        .collect();
    let moved = |at: TextSize, with_own: bool| {
        let mut now = i64::from(u32::from(at));
        for edit in &all {
            let counts = if with_own { edit.range.end() <= at } else { edit.range.end() < at };
            if counts {
                now += edit.text.len() as i64 - i64::from(u32::from(edit.range.len()));
            }
        }
        TextSize::new(u32::try_from(now).unwrap_or(0))
    };
    let (start, end) = (moved(site.start(), false), moved(site.end(), true));
    TextRange::new(start, end.max(start))
}

/// What became of a candidate's future. `None` if it is not there any more.
fn result<'a>(candidate: &Candidate, after: &'a Snapshot) -> Option<&'a Future> {
    let id = candidate.becomes.as_ref().unwrap_or(&candidate.future);
    Some(&after.future_in(id, &candidate.origin)?.future)
}

/// What that saves; where it makes no future smaller, of what is passed by value: it is a pointer then.
pub(super) fn saving(candidate: &Candidate, after: &Snapshot) -> Option<Saving> {
    let future = result(candidate, after)?;
    let after = match candidate.kind.shrinks_future() {
        true => future.size,
        false => future.parts.pointer?,
    };
    Some(Saving { before: candidate.before?, after, measured: true, outermost: None })
}

/// Where an edit may make other futures of the compiler run grow: all in which something has been edited, as they were, and
/// their sizes now. `around`: what is stored in which now.
pub(super) fn touched<'a>(
    candidate: &Candidate,
    before: &'a Snapshot,
    after: &Snapshot,
    around: &Around,
) -> Vec<(&'a Future, u64)> {
    // What a fn takes in another way its callers store.
    if !candidate.changes_parameter() {
        return Vec::new();
    }
    let changed = around.changed_by(candidate);
    before
        .futures(false)
        .map(|placed| &*placed.future)
        .filter(|future| future.body.as_ref().is_some_and(|body| body.origin == candidate.origin))
        .filter(|future| around.is_touched(future, &changed))
        .filter_map(|future| Some((future, after.future_in(&future.id, &candidate.origin)?.future.size)))
        .collect()
}

/// Does an edit make a future smaller at the cost of one of those that it touches?
pub(super) fn makes_one_grow(touched: &[(&Future, u64)]) -> bool {
    touched.iter().any(|(future, size)| *size > future.size)
}

/// The largest other future that is smaller now, and by how much.
fn largest_smaller(candidate: &Candidate, touched: &[(&Future, u64)]) -> Option<(Arc<str>, u64)> {
    let others = touched.iter().filter(|(it, _)| it.id != candidate.future);
    let smaller = others.filter(|(future, size)| *size < future.size);
    let (future, size) = smaller.max_by_key(|(it, size)| (it.size, it.size - size))?;
    Some((future.name.clone(), future.size - size))
}

/// Which bodies' futures are stored in which. An edit changes every instance of a body.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// By a future's identity: its body's path.
    bodies: HashMap<Arc<str>, Arc<str>>,
    /// By body: those of which one of its futures stores one in place.
    direct: HashMap<Arc<str>, HashSet<Arc<str>>>,
}

impl Around {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut around = Around::default();
        for placed in snapshot.futures(false) {
            if let Some(body) = &placed.future.body {
                around.bodies.insert(placed.future.id.clone(), body.def_path.clone());
            }
        }
        for placed in snapshot.futures(false) {
            let Some(outer) = around.bodies.get(&placed.future.id).cloned() else { continue };
            let parts = placed.future.parts.all();
            let ids = parts.flat_map(|part| part.embedded.iter().map(|one| &one.id).chain(&part.named));
            let inner: Vec<Arc<str>> = ids.map(|id| around.body(id)).collect();
            around.direct.entry(outer).or_default().extend(inner);
        }
        around
    }

    /// The body of a future, given by its identity.
    fn body(&self, id: &Arc<str>) -> Arc<str> {
        self.bodies.get(id).unwrap_or(id).clone()
    }

    /// The bodies that a candidate edits.
    fn changed_by(&self, candidate: &Candidate) -> HashSet<Arc<str>> {
        let elsewhere = candidate.elsewhere.iter().flat_map(|other| &other.bodies).cloned();
        elsewhere.chain([self.body(&candidate.future)]).collect()
    }

    /// Is a future one of these bodies', or of a block in them, or made of one?
    fn is_touched(&self, future: &Future, changed: &HashSet<Arc<str>>) -> bool {
        let body = self.body(&future.id);
        paths_to(&body).any(|path| changed.contains(path)) || self.is_made_of(&body, changed)
    }

    /// The bodies of all futures that a body's futures store, directly or in others.
    fn inside(&self, body: &str) -> HashSet<&Arc<str>> {
        let of = |body: &str| self.direct.get(body).into_iter().flatten();
        let mut open: Vec<&Arc<str>> = of(body).collect();
        let mut found: HashSet<&Arc<str>> = open.iter().copied().collect();
        while let Some(body) = open.pop() {
            open.extend(of(body).filter(|inner| found.insert(*inner)));
        }
        found
    }

    /// Is one of a body's futures made of a future of one of these bodies, or of a block in them?
    fn is_made_of(&self, body: &Arc<str>, others: &HashSet<Arc<str>>) -> bool {
        self.inside(body)
            .into_iter()
            .any(|inner| paths_to(inner).any(|path| path != &**body && others.contains(path)))
    }

    /// Does a change of one future's body change the other?
    pub(super) fn are_related(&self, a: &Arc<str>, b: &Arc<str>) -> bool {
        let (a, b) = (self.body(a), self.body(b));
        a == b || self.inside(&a).contains(&b) || self.inside(&b).contains(&a)
    }
}

/// A definition path, and those of all that it is in.
fn paths_to(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices("::").map(|(end, _)| end).chain([path.len()]).map(|end| &path[..end])
}
