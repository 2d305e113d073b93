//! Does an action compile, and what does it save? Asked of the compiler, in a shadow of the project.
//!
//! Several candidates are compiled at once where none can have a part in the size of another's future. If
//! they do not compile together, those that the errors point at are out; if the errors point nowhere, halves
//! are tried.

use super::{Units, drops};
use crate::build::{BuildError, Cancel, Compiled, Project, Shadow, Unit};
use crate::dump::{absolute, diagnostics};
use crate::features::Snapshot;
use crate::features::actions::{ActionKind, Candidate, Saving, gains};
use crate::layout::Future;
use crate::layout::whatif::Prediction;
use crate::source::{Edit, PositionMap, TextRange, TextSize, edited};
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
    Refused(Refusal),
}

/// Why a candidate is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No way to write it compiles.
    DoesNotCompile,
    /// The future stays as large as it is, or grows.
    DoesNotShrink,
    /// The future is not among those that its own crate makes: only a crate that depends on it does.
    MadeElsewhere,
    /// Its crate cannot be compiled in a shadow.
    NotTried,
}

/// Compiles candidates in a shadow of a project. Keeps what was compiled, so that the next is fast.
#[derive(Debug)]
pub struct Verifier {
    shadow: Shadow,
    snapshot: Arc<Snapshot>,
    units: Units,
    around: Around,
    futures: Vec<Arc<Future>>,
}

/// A text of a file in the shadow.
pub(super) type Texts = BTreeMap<PathBuf, String>;

impl Verifier {
    /// For candidates of this snapshot. `own_group` as in [`crate::build::Request`].
    ///
    /// # Errors
    /// If the shadow's folder cannot be made.
    pub fn new(
        project: &Project,
        snapshot: Arc<Snapshot>,
        units: Units,
        own_group: bool,
    ) -> Result<Self, BuildError> {
        let shadow = Shadow::new(project, own_group)?;
        let mut verifier = Verifier {
            shadow,
            snapshot: Arc::default(),
            units: Units::default(),
            around: Around::default(),
            futures: Vec::new(),
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

    /// Finds the verdict on each candidate; `on_verdict` gets its index. They come in no certain order.
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
                    on_verdict(index, Verdict::Refused(Refusal::MadeElsewhere));
                }
                _ => open.push(Try { index, way: 0, alone: false }),
            }
        }
        while !open.is_empty() {
            let batch = self.independent(candidates, &mut open);
            self.verify_batch(candidates, batch, &mut open, cancel, on_verdict)?;
        }
        Ok(())
    }

    /// Takes candidates out of `open` that can be compiled together.
    fn independent(&self, candidates: &[&Candidate], open: &mut Vec<Try>) -> Vec<Try> {
        let mut batch: Vec<Try> = Vec::new();
        let mut rest = Vec::new();
        for one in open.drain(..) {
            let candidate = candidates[one.index];
            // Where the prediction is certain, a number that others had a part in would show.
            let is_certain = candidate.predicted.is_some_and(|prediction| prediction.exact);
            let alone = one.alone || !is_certain;
            let fits = |other: &Try| {
                let known = candidates[other.index];
                !alone
                    && !other.alone
                    && candidates[other.index].predicted.is_some_and(|prediction| prediction.exact)
                    && candidate.origin == known.origin
                    && !self.around.are_related(&candidate.future, &known.future)
                    && !overlap(candidate, &candidate.ways[one.way], known, &known.ways[other.way])
            };
            if batch.iter().all(fits) { batch.push(one) } else { rest.push(one) }
        }
        *open = rest;
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
        let texts = texts_with(&Texts::new(), &edits);
        let built = match self.compile(&origin, &texts, cancel) {
            Err(BuildError::NotShadowable { reason }) => {
                tracing::info!("{origin}: {reason}");
                batch.iter().for_each(|one| on_verdict(one.index, Verdict::Refused(Refusal::NotTried)));
                return Ok(());
            }
            built => built?,
        };
        match built {
            Built::Done(after) => {
                for one in &batch {
                    let candidate = candidates[one.index];
                    let verdict = self.judge(candidate, one.way, &after);
                    let saved = |verdict: &Verdict| match verdict {
                        Verdict::Saves { saving, .. } => Some(saving.after),
                        _ => None,
                    };
                    let as_predicted = saved(&verdict) == candidate.predicted.map(|p| p.size);
                    if batch.len() > 1 && !as_predicted {
                        open.push(Try { alone: true, ..*one });
                    } else {
                        on_verdict(one.index, verdict);
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
                for (place, one) in batch.into_iter().enumerate() {
                    if !blamed.contains(&place) {
                        open.push(one);
                    } else if one.way + 1 < candidates[one.index].ways.len() {
                        open.push(Try { way: one.way + 1, ..one });
                    } else {
                        on_verdict(one.index, Verdict::Refused(Refusal::DoesNotCompile));
                    }
                }
            }
        }
        Ok(())
    }

    /// What a candidate did, if nothing else had a part in it.
    fn judge(&self, candidate: &Candidate, way: usize, after: &After) -> Verdict {
        let Some(mut saving) = saving(candidate, &after.snapshot) else {
            return Verdict::Refused(Refusal::MadeElsewhere);
        };
        if saving.after >= saving.before {
            return Verdict::Refused(Refusal::DoesNotShrink);
        }
        let align =
            after.snapshot.future_in(&candidate.future, &candidate.origin).map_or(1, |it| it.future.align);
        let new = Prediction { size: saving.after, align, exact: true };
        let gains = gains(&self.futures, &candidate.future, new);
        saving.outermost = gains.into_iter().next();
        Verdict::Saves { saving, way, drops_earlier: self.drops_earlier(candidate, after) }
    }

    /// What a candidate drops at another time than the program that was measured.
    pub(super) fn drops_earlier(&self, candidate: &Candidate, after: &After) -> Vec<Arc<str>> {
        let body = self.around.body(&candidate.future);
        after.unit.as_ref().map_or_else(Vec::new, |unit| drops::moved(&self.units, candidate, &body, unit))
    }

    /// Is the future, or what it would become, printed by another unit's compiler run than the one that the
    /// edit is in?
    fn is_made_elsewhere(&self, candidate: &Candidate) -> bool {
        !self.snapshot.is_made_by(&candidate.future, &candidate.origin)
    }

    /// Compiles a unit with these texts, and the other units that they are part of.
    pub(super) fn compile(
        &mut self,
        origin: &Arc<str>,
        texts: &Texts,
        cancel: &Cancel,
    ) -> Result<Built, BuildError> {
        let changed: Vec<(&Path, &str)> =
            texts.iter().map(|(file, text)| (file.as_path(), text.as_str())).collect();
        let mut after = After::default();
        for unit in self.units.with_files(origin, texts.keys()) {
            match self.shadow.compile(&unit, self.units.invocation(&unit)?, &changed, cancel)? {
                Compiled::Broken(messages) => return Ok(Built::Broken(messages)),
                Compiled::Done(content) if unit == *origin => {
                    let content: Arc<Unit> = content.into();
                    after.snapshot = self.units.updated(&self.snapshot, origin, &content);
                    after.unit = Some(content);
                }
                Compiled::Done(_) => {}
            }
        }
        Ok(Built::Done(Box::new(after)))
    }

    /// Where relative paths of a unit start.
    pub(super) fn dir(&self, origin: &str) -> PathBuf {
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
        let texts = texts_with(&Texts::new(), &chosen);
        let built = match self.compile(&candidate.origin, &texts, cancel) {
            Err(BuildError::NotShadowable { .. }) => return Ok(Verdict::Refused(Refusal::NotTried)),
            built => built?,
        };
        Ok(match built {
            Built::Done(_) => Verdict::Compiles { way: 0 },
            // Other errors may be left; those of this fn must be gone.
            Built::Broken(messages) => {
                let dir = self.units.dir(&candidate.origin);
                match blamed(&messages, &dir, &texts, &chosen[..1]).is_empty() {
                    true => Verdict::Compiles { way: 0 },
                    false => Verdict::Refused(Refusal::DoesNotCompile),
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
    unit: Option<Arc<Unit>>,
}

/// What came out of the shadow.
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
    /// Not together with others.
    alone: bool,
}

pub(super) fn overlap(a: &Candidate, a_edits: &[Edit], b: &Candidate, b_edits: &[Edit]) -> bool {
    // An edit within another fn that is edited too would be taken for that one's.
    a.file == b.file
        && (a.site().range.intersect(b.site().range).is_some_and(|both| !both.is_empty())
            || a_edits.iter().any(|a| b_edits.iter().any(|b| a.range.intersect(b.range).is_some())))
}

/// The files with edits made, on top of texts that stay as they are.
pub(super) fn texts_with(base: &Texts, edits: &[(&Candidate, &[Edit])]) -> Texts {
    let mut by_file: BTreeMap<&Path, (&Candidate, Vec<Edit>)> = BTreeMap::new();
    for (candidate, edits) in edits {
        let entry = by_file.entry(&candidate.file).or_insert_with(|| (candidate, Vec::new()));
        entry.1.extend(edits.iter().cloned());
    }
    let mut texts = base.clone();
    for (file, (candidate, edits)) in by_file {
        if let Some(text) = edited(candidate.text.text(), &edits) {
            texts.insert(file.to_owned(), text);
        }
    }
    texts
}

/// Which of the edited places the compiler's errors are in.
pub(super) fn blamed(
    messages: &str,
    dir: &Path,
    texts: &Texts,
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
    let moved = |at: TextSize, with_own: bool| {
        let mut now = i64::from(u32::from(at));
        for (_, edits) in edits.iter().filter(|(other, _)| other.file == candidate.file) {
            for edit in edits.iter() {
                let counts = if with_own { edit.range.end() <= at } else { edit.range.end() < at };
                if counts {
                    now += edit.text.len() as i64 - i64::from(u32::from(edit.range.len()));
                }
            }
        }
        TextSize::new(u32::try_from(now).unwrap_or(0))
    };
    let (start, end) = (moved(site.start(), false), moved(site.end(), true));
    TextRange::new(start, end.max(start))
}

/// What became of a candidate's future. `None` if it is not there any more.
pub(super) fn saving(candidate: &Candidate, after: &Snapshot) -> Option<Saving> {
    let future = &after.future_in(&candidate.future, &candidate.origin)?.future;
    Some(Saving { before: candidate.before?, after: future.size, measured: true, outermost: None })
}

/// Which bodies' futures are stored in which. An edit changes every instance of a body.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// By a future's identity: its body's path.
    bodies: HashMap<Arc<str>, Arc<str>>,
    /// By body: those whose futures store one of its futures in place.
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
            for embedded in placed.future.parts.all().flat_map(|part| &part.embedded) {
                let inner = around.body(&embedded.id);
                around.direct.entry(inner).or_default().insert(outer.clone());
            }
        }
        around
    }

    fn body(&self, id: &Arc<str>) -> Arc<str> {
        self.bodies.get(id).unwrap_or(id).clone()
    }

    /// All bodies whose futures store one of its futures, directly or in others.
    fn of(&self, body: &Arc<str>) -> HashSet<Arc<str>> {
        let mut found = HashSet::new();
        let mut open = vec![body];
        while let Some(outers) = open.pop().map(|body| self.direct.get(body)) {
            for outer in outers.into_iter().flatten() {
                if found.insert(outer.clone()) {
                    open.push(outer);
                }
            }
        }
        found
    }

    /// Does a change of one future's body change the other?
    pub(super) fn are_related(&self, a: &Arc<str>, b: &Arc<str>) -> bool {
        let (a, b) = (self.body(a), self.body(b));
        a == b || self.of(&a).contains(&b) || self.of(&b).contains(&a)
    }
}
