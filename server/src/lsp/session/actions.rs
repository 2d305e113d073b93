//! The actions of one workspace: found after each build in open documents, then tried on the compiler in the
//! background: those the user asked about first, and the others if they save much. Never while a build runs.

use super::job::{Job, Task};
use crate::compiler::{BuildError, Cancel, Project};
use crate::engine::{Rejection, Units, Verdict, Verifier};
use crate::features::Snapshot;
use crate::features::actions::{self, ActionKind, Candidate, Saving};
use crate::source::{Edit, Outline, Relocation, TextRange};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module's documentation.
#[derive(Debug)]
pub struct Actions {
    /// By file.
    offers: HashMap<PathBuf, Vec<Offer>>,
    /// What was found out about candidates that looked the same.
    verdicts: HashMap<String, Verdict>,
    /// Identities of those that the user asked about.
    wanted: HashSet<Arc<str>>,
    /// What looks for candidates and tries them. The verifier keeps what it has compiled.
    job: Job<Verifier>,
}

/// An action, and what the compiler said.
#[derive(Debug)]
struct Offer {
    candidate: Arc<Candidate>,
    verdict: Option<Verdict>,
}

impl Offer {
    /// One that was compiled and does nothing but make its future smaller: what it saves, and which way it compiles.
    fn safe(&self) -> Option<(&Candidate, &Saving, usize)> {
        match &self.verdict {
            Some(Verdict::Saves { saving, way, drops_earlier })
                if drops_earlier.is_empty()
                    && self.candidate.does_otherwise.is_none()
                    && self.candidate.kind.shrinks_future()
                    && self.candidate.kind != ActionKind::AllSafe =>
            {
                Some((&self.candidate, saving, *way))
            }
            _ => None,
        }
    }
}

/// An action at its place in the current text.
pub struct PlacedAction {
    /// The action.
    pub candidate: Arc<Candidate>,
    /// What it saves; none for one that makes the crate compile.
    pub saving: Option<Saving>,
    /// The edits of the current text. Those of other files, whose texts are today what they were when they were measured, are
    /// the candidate's.
    pub edits: Vec<Edit>,
    /// The compiler has had its say.
    pub is_sure: bool,
}

impl PlacedAction {
    /// Does the program do the same as before? Of what has not been compiled that is not known; but a recursive call does
    /// not compile without its box.
    pub fn is_safe(&self) -> bool {
        let is_compiled = self.saving.as_ref().is_none_or(|saving| saving.measured);
        is_compiled && self.candidate.keeps_behaviour()
    }

    /// May an editor take it for what is meant, unasked? It is one edit, and safe.
    pub fn is_preferable(&self) -> bool {
        self.is_safe() && self.candidate.kind.shrinks_future() && self.candidate.kind != ActionKind::AllSafe
    }
}

/// Bytes: a predicted saving that is tried without being asked about.
const WORTH_A_TRY: u64 = 256;

/// What the background tells.
#[derive(Debug)]
pub enum ActionReport {
    /// These are the candidates of these files.
    Candidates(Vec<(PathBuf, Vec<Arc<Candidate>>)>),
    /// A candidate was tried.
    Verdict(Arc<Candidate>, Verdict),
    /// All is done that there was to do, it was told to stop, or it cannot be done.
    Over {
        /// With what it has compiled.
        verifier: Option<Box<Verifier>>,
        /// Whether there is any use in going on.
        gave_up: bool,
    },
}

/// What is needed to try something.
pub struct Ground {
    /// The project.
    pub project: Project,
    /// What was measured last.
    pub snapshot: Arc<Snapshot>,
    /// How.
    pub units: Units,
}

impl Actions {
    /// Those of a workspace that was just opened; see [`Job::new`].
    pub fn new(first: u64) -> Self {
        let (offers, verdicts, wanted) = Default::default();
        Actions { offers, verdicts, wanted, job: Job::new(first) }
    }

    /// Stops trying.
    pub fn stop(&mut self) {
        self.job.stop();
    }

    /// Leaves nothing behind; whether that is so already.
    pub fn leave(&mut self) -> bool {
        self.job.leave()
    }

    /// Forgets what was found: there are new numbers.
    pub fn clear(&mut self) {
        self.job.stop();
        self.job.retry();
        self.offers.clear();
        self.wanted.clear();
    }

    /// Were candidates looked for in this file?
    fn has_seen(&self, file: &Path) -> bool {
        self.offers.contains_key(file)
    }

    /// Goes on with whatever is to be done for these files, if nothing is being done. `tell` gets the news, and
    /// the number to hear them with.
    pub fn go_on(
        &mut self,
        files: Vec<PathBuf>,
        ground: impl FnOnce() -> Ground,
        tell: impl Fn(u64, ActionReport) + Send + 'static,
    ) {
        // What is left is asked after every message: not while something is at work.
        if !self.job.can_begin() {
            return;
        }
        let files: Vec<PathBuf> = files.into_iter().filter(|file| !self.has_seen(file)).collect();
        let untried = self.untried();
        let Some(idle) = self.job.idle().filter(|_| !files.is_empty() || !untried.is_empty()) else { return };
        let ground = ground();
        idle.begin(move |Task { number, cancel, tool }| {
            let tell = move |report| tell(number, report);
            let (verifier, gave_up) = if files.is_empty() {
                tried(ground, &untried, tool, &cancel, &tell)
            } else {
                tell(ActionReport::Candidates(found(&ground, files)));
                (tool, false)
            };
            tell(ActionReport::Over { verifier, gave_up });
        });
    }

    /// Those whose turn has come: asked about, or worth a try anyway.
    fn untried(&self) -> Vec<Arc<Candidate>> {
        let open = self.offers.values().flatten().filter(|offer| offer.verdict.is_none());
        let is_due = |candidate: &&Arc<Candidate>| {
            let saving = candidate.predicted_saving();
            self.wanted.contains(&candidate.id)
                || candidate.predicted.is_none()
                || saving.is_some_and(|saving| saving.bytes() >= WORTH_A_TRY)
        };
        let mut untried: Vec<Arc<Candidate>> =
            open.map(|offer| &offer.candidate).filter(is_due).cloned().collect();
        untried.sort_by_key(|candidate| {
            let saving = candidate.predicted_saving().map_or(0, |saving| saving.bytes());
            (std::cmp::Reverse((self.wanted.contains(&candidate.id), saving)), candidate.id.clone())
        });
        untried
    }

    /// Takes in what the background tells.
    pub fn hear(&mut self, number: u64, report: ActionReport) {
        match report {
            ActionReport::Over { verifier, gave_up } => {
                if self.job.end(number, verifier, gave_up) {
                    self.combine();
                }
            }
            _ if !self.job.is_current(number) => {}
            ActionReport::Candidates(files) => {
                for (file, candidates) in files {
                    let offer = |candidate: Arc<Candidate>| {
                        let verdict = self.verdicts.get(&key(&candidate)).cloned();
                        Offer { candidate, verdict }
                    };
                    self.offers.insert(file, candidates.into_iter().map(offer).collect());
                }
                let current: BTreeSet<String> =
                    self.offers.values().flatten().map(|offer| key(&offer.candidate)).collect();
                self.verdicts.retain(|key, _| current.contains(key));
            }
            ActionReport::Verdict(candidate, verdict) => {
                let verdict = self.only_if_more(&candidate, verdict);
                self.verdicts.insert(key(&candidate), verdict.clone());
                let offers = self.offers.get_mut(&candidate.file).into_iter().flatten();
                for offer in offers.filter(|offer| offer.candidate.id == candidate.id) {
                    offer.verdict = Some(verdict.clone());
                }
            }
        }
    }

    /// Offers the safe edits of each future as one, too, which then has to be tried itself.
    fn combine(&mut self) {
        for offers in self.offers.values_mut() {
            let mut safe: HashMap<&Arc<str>, Vec<(&Candidate, usize, u64)>> = HashMap::new();
            for (candidate, saving, way) in offers.iter().filter_map(Offer::safe) {
                safe.entry(&candidate.future).or_default().push((candidate, way, saving.after));
            }
            let all: Vec<Candidate> = safe.values().filter_map(|edits| actions::all_safe(edits)).collect();
            for candidate in all {
                let verdict = self.verdicts.get(&key(&candidate)).cloned();
                let is_same = |known: &Offer| known.candidate.id == candidate.id;
                let is_known = |known: &Offer| key(&known.candidate) == key(&candidate);
                if !offers.iter().any(|known| is_same(known) && is_known(known)) {
                    offers.retain(|known| !is_same(known));
                    offers.push(Offer { candidate: Arc::new(candidate), verdict });
                }
            }
        }
    }

    /// All safe edits together have to be safe, too, and to save more than one of them.
    fn only_if_more(&self, candidate: &Candidate, verdict: Verdict) -> Verdict {
        let Verdict::Saves { saving, drops_earlier, .. } = &verdict else { return verdict };
        let offers = self.offers.get(&candidate.file).into_iter().flatten();
        let others = offers.filter(|offer| offer.candidate.future == candidate.future);
        let best = others.filter_map(Offer::safe).map(|(_, saving, _)| saving.after).min();
        let is_more = drops_earlier.is_empty() && best.is_none_or(|best| saving.after < best);
        match candidate.kind == ActionKind::AllSafe && !is_more {
            true => Verdict::Refused(Rejection::DoesNotShrink),
            false => verdict,
        }
    }

    /// The user looks at these: they are tried before all others.
    pub fn want(&mut self, looked_at: &[PlacedAction]) {
        let mut is_new = false;
        for PlacedAction { candidate, .. } in looked_at.iter().filter(|found| !found.is_sure) {
            if self.offers.contains_key(&candidate.file) {
                is_new |= self.wanted.insert(candidate.id.clone());
            }
        }
        if is_new {
            self.stop();
        }
    }

    /// What can be offered for a range of the current text, best first. None whose fn has changed. `is_as` tells whether another
    /// file's text is that.
    pub fn at(
        &self,
        file: &Path,
        current: &Outline,
        range: TextRange,
        is_as: &dyn Fn(&Path, &str) -> bool,
    ) -> Vec<PlacedAction> {
        let Some(offers) = self.offers.get(file) else { return Vec::new() };
        let places = Places { current, is_as };
        let mut found: Vec<PlacedAction> =
            offers.iter().filter_map(|offer| places.found(offer, range)).collect();
        found.sort_by_key(|one| {
            let saving = one.saving.as_ref().map_or(u64::MAX, Saving::bytes);
            let is_all = one.candidate.kind == ActionKind::AllSafe;
            let is_beside = !one.candidate.kind.shrinks_future();
            (!one.candidate.keeps_behaviour(), is_beside, is_all, std::cmp::Reverse(saving))
        });
        found
    }

    /// Files besides this one that the actions for it edit, too.
    pub fn elsewhere<'a>(&'a self, file: &'a Path) -> impl Iterator<Item = &'a Path> {
        let offers = self.offers.get(file).into_iter().flatten();
        let others = offers.flat_map(|offer| offer.candidate.elsewhere.iter().map(|other| &*other.file));
        others.filter(move |other| *other != file)
    }

    /// The action with this identity in the current text; otherwise as [`Actions::at`].
    pub fn with_id(
        &self,
        file: &Path,
        current: &Outline,
        id: &str,
        is_as: &dyn Fn(&Path, &str) -> bool,
    ) -> Option<PlacedAction> {
        let places = Places { current, is_as };
        let offer = self.offers.get(file)?.iter().find(|offer| *offer.candidate.id == *id)?;
        places.placed(offer)
    }
}

/// Where the measured texts' sites are today.
struct Places<'a> {
    current: &'a Outline,
    /// Is this a file's text today?
    is_as: &'a dyn Fn(&Path, &str) -> bool,
}

impl Places<'_> {
    fn found(&self, offer: &Offer, range: TextRange) -> Option<PlacedAction> {
        let candidate = &offer.candidate;
        let name = candidate.site().name.unwrap_or(candidate.site().token);
        let anchors: Vec<TextRange> = candidate.anchors.iter().copied().chain([name]).collect();
        let touches = |at: TextRange| at.intersect(range).is_some();
        let is_here = anchors.into_iter().filter_map(|at| self.now(candidate, at)).any(touches);
        if is_here { self.placed(offer) } else { None }
    }

    fn placed(&self, offer: &Offer) -> Option<PlacedAction> {
        let candidate = &offer.candidate;
        let mut candidate = candidate.clone();
        let (saving, way) = match &offer.verdict {
            Some(Verdict::Saves { saving, way, drops_earlier }) => {
                if candidate.drops_earlier != *drops_earlier {
                    Arc::make_mut(&mut candidate).drops_earlier = drops_earlier.clone();
                }
                (Some(saving.clone()), *way)
            }
            Some(Verdict::Compiles { way }) => (None, *way),
            Some(Verdict::Refused(Rejection::MadeElsewhere | Rejection::NotTried)) | None => {
                match candidate.kind {
                    ActionKind::BoxRecursion => (None, 0),
                    _ => (Some(candidate.predicted_saving()?), 0),
                }
            }
            Some(Verdict::Refused(_)) => return None,
        };
        let edits: Option<Vec<Edit>> = candidate
            .ways
            .get(way)?
            .iter()
            .map(|edit| Some(Edit::replace(self.now(&candidate, edit.range)?, edit.text.clone())))
            .collect();
        let mut edits = edits?;
        for other in &offer.candidate.elsewhere {
            let text = other.text.text();
            if other.file == candidate.file {
                if text != self.current.text() {
                    return None;
                }
                edits.extend(other.edits.iter().cloned());
            } else if !(self.is_as)(&other.file, text) {
                return None;
            }
        }
        Some(PlacedAction { candidate, saving, edits, is_sure: offer.verdict.is_some() })
    }

    /// Where a range of the candidate's text is today, if its site has not changed.
    fn now(&self, candidate: &Candidate, range: TextRange) -> Option<TextRange> {
        Relocation::new(&candidate.text, self.current).unchanged_range(candidate.site, range)
    }
}

/// Tells a candidate from one of another text that is not the same any more.
fn key(candidate: &Candidate) -> String {
    let site = candidate.site();
    let edits: Vec<String> = candidate
        .ways
        .iter()
        .flatten()
        .map(|edit| {
            let at = u32::from(edit.range.start()).wrapping_sub(site.range.start().into());
            format!("{at}:{}:{}", u32::from(edit.range.len()), edit.text)
        })
        .collect();
    let sizes = (candidate.before, candidate.predicted.map(|p| p.size));
    // Of other fns their code, wherever it is.
    let elsewhere = candidate.elsewhere.iter().flat_map(|other| {
        let around = |edit: &Edit| other.text.innermost(edit.range.start(), |_| true);
        let hash = move |edit: &Edit| Some(other.text.sites().get(around(edit)?)?.hash);
        other.edits.iter().map(move |edit| (&other.file, hash(edit)))
    });
    let elsewhere: Vec<_> = elsewhere.collect();
    format!("{} {} {} {sizes:?} {edits:?} {elsewhere:?}", candidate.id, candidate.file.display(), site.hash)
}

fn found(ground: &Ground, files: Vec<PathBuf>) -> Vec<(PathBuf, Vec<Arc<Candidate>>)> {
    let candidates = |file: &PathBuf| match ground.project.owns(file) {
        true => {
            let all = actions::candidates(&ground.snapshot, file).into_iter();
            all.filter(|one| one.files().all(|file| ground.project.owns(file))).map(Arc::new).collect()
        }
        false => Vec::new(),
    };
    files.into_iter().map(|file| (file.clone(), candidates(&file))).collect()
}

fn tried(
    ground: Ground,
    candidates: &[Arc<Candidate>],
    verifier: Option<Box<Verifier>>,
    cancel: &Cancel,
    tell: &dyn Fn(ActionReport),
) -> (Option<Box<Verifier>>, bool) {
    let Ground { project, snapshot, units } = ground;
    let mut verifier = match verifier {
        Some(mut verifier) => {
            verifier.update(snapshot, units);
            verifier
        }
        None => match Verifier::new(&project, snapshot, units, true) {
            Ok(verifier) => Box::new(verifier),
            Err(error) => {
                tracing::warn!("actions cannot be tried: {error}");
                return (None, true);
            }
        },
    };
    let all: Vec<&Candidate> = candidates.iter().map(|one| &**one).collect();
    let result = verifier.verify(&all, cancel, &mut |index, verdict| {
        tell(ActionReport::Verdict(candidates[index].clone(), verdict));
    });
    verifier.forget();
    match result {
        Ok(()) | Err(BuildError::Cancelled) => (Some(verifier), false),
        Err(error) => {
            tracing::warn!("actions cannot be tried: {error}");
            (Some(verifier), true)
        }
    }
}
