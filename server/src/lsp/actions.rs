//! The actions of one workspace: found after each build, then tried on the compiler in the background, those
//! of open documents only. Never while a build runs.

use super::session::Message;
use crate::build::{BuildError, Cancel, Project};
use crate::engine::{Units, Verdict, Verifier};
use crate::features::Snapshot;
use crate::features::actions::{self, ActionKind, Candidate, Saving};
use crate::source::{self, Edit, Outline, TextRange};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Actions {
    /// By file.
    offers: HashMap<PathBuf, Vec<Offer>>,
    /// What was found out about candidates that looked the same.
    verdicts: HashMap<String, Verdict>,
    /// Counts what was begun; the reports of anything older do not count.
    number: u64,
    running: Option<Cancel>,
    /// The one of the last time, with what it has compiled.
    verifier: Option<Box<Verifier>>,
}

/// An action, and what the compiler said.
#[derive(Debug)]
struct Offer {
    candidate: Arc<Candidate>,
    verdict: Option<Verdict>,
}

/// An action at its place in today's text.
pub struct Found {
    /// The action.
    pub candidate: Arc<Candidate>,
    /// What it saves; none for one that makes the crate compile.
    pub saving: Option<Saving>,
    /// The edits of today's text.
    pub edits: Vec<Edit>,
}

/// What the background tells.
#[derive(Debug)]
pub enum News {
    /// These are the candidates of these files.
    Candidates(Vec<(PathBuf, Vec<Arc<Candidate>>)>),
    /// A candidate was tried.
    Verdict(Arc<Candidate>, Verdict),
    /// No more to try, or told to stop.
    Over(Option<Box<Verifier>>),
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
    /// Stops trying.
    pub fn stop(&mut self) {
        self.number += 1;
        if let Some(running) = self.running.take() {
            running.cancel();
        }
    }

    /// Forgets what was found: there are new numbers.
    pub fn clear(&mut self) {
        self.stop();
        self.offers.clear();
    }

    /// Looks for the actions of these files, and tries them.
    pub fn start(
        &mut self,
        root: &Path,
        ground: Ground,
        files: Vec<PathBuf>,
        sender: &mpsc::UnboundedSender<Message>,
    ) {
        self.stop();
        let files: Vec<PathBuf> = files.into_iter().filter(|file| ground.project.owns(file)).collect();
        if files.is_empty() {
            return;
        }
        let (number, cancel) = (self.number, Cancel::default());
        self.running = Some(cancel.clone());
        let (root, sender) = (root.to_owned(), sender.clone());
        let (known, verifier) = (self.verdicts.clone(), self.verifier.take());
        std::thread::spawn(move || {
            let tell = |news| {
                let _ = sender.send(Message::Actions(root.clone(), number, news));
            };
            let verifier = work(ground, files, &known, verifier, &cancel, &tell);
            tell(News::Over(verifier));
        });
    }

    /// Takes in what the background tells.
    pub fn hear(&mut self, number: u64, news: News) {
        if let News::Over(verifier) = news {
            // Of an old one too: what it has compiled is still of use.
            self.verifier = verifier.or(self.verifier.take());
            if number == self.number {
                self.running = None;
            }
            return;
        }
        if number != self.number {
            return;
        }
        match news {
            News::Candidates(files) => {
                let current: BTreeSet<String> =
                    files.iter().flat_map(|(_, all)| all).map(|c| key(c)).collect();
                let others = self.offers.iter().filter(|(file, _)| files.iter().all(|(new, _)| new != *file));
                let others: BTreeSet<String> =
                    others.flat_map(|(_, offers)| offers).map(|offer| key(&offer.candidate)).collect();
                self.verdicts.retain(|key, _| current.contains(key) || others.contains(key));
                for (file, candidates) in files {
                    let offer = |candidate: Arc<Candidate>| {
                        let verdict = self.verdicts.get(&key(&candidate)).cloned();
                        Offer { candidate, verdict }
                    };
                    self.offers.insert(file, candidates.into_iter().map(offer).collect());
                }
            }
            News::Verdict(candidate, verdict) => {
                self.verdicts.insert(key(&candidate), verdict.clone());
                let offers = self.offers.get_mut(&candidate.file).into_iter().flatten();
                for offer in offers.filter(|offer| offer.candidate.id == candidate.id) {
                    offer.verdict = Some(verdict.clone());
                }
            }
            News::Over(_) => {}
        }
    }

    /// Have the actions of this file been looked for?
    pub fn knows(&self, file: &Path) -> bool {
        self.offers.contains_key(file)
    }

    /// Is anything being tried?
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// What can be offered for a range of today's text, best first. None whose fn has changed.
    pub fn at(&self, file: &Path, today: &Outline, range: TextRange) -> Vec<Found> {
        let Some(offers) = self.offers.get(file) else { return Vec::new() };
        let mut places = Places { today, known: Vec::new() };
        let mut found: Vec<Found> = offers.iter().filter_map(|offer| places.found(offer, range)).collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.saving.as_ref().map_or(u64::MAX, Saving::bytes)));
        found
    }

    /// The action with this identity in today's text.
    pub fn with_id(&self, file: &Path, today: &Outline, id: &str) -> Option<Found> {
        let mut places = Places { today, known: Vec::new() };
        let offer = self.offers.get(file)?.iter().find(|offer| *offer.candidate.id == *id)?;
        places.placed(offer)
    }
}

/// Where the measured texts' sites are today.
struct Places<'a> {
    today: &'a Outline,
    known: Vec<(Outline, Vec<Option<source::Match>>)>,
}

impl Places<'_> {
    fn found(&mut self, offer: &Offer, range: TextRange) -> Option<Found> {
        let candidate = &offer.candidate;
        let name = candidate.site().name.unwrap_or(candidate.site().token);
        let anchors: Vec<TextRange> = candidate.anchors.iter().copied().chain([name]).collect();
        let touches = |at: TextRange| at.intersect(range).is_some();
        let is_here = anchors.into_iter().filter_map(|at| self.now(candidate, at)).any(touches);
        if is_here { self.placed(offer) } else { None }
    }

    fn placed(&mut self, offer: &Offer) -> Option<Found> {
        let candidate = &offer.candidate;
        let (saving, way) = match &offer.verdict {
            Some(Verdict::Saves { saving, way }) => (Some(saving.clone()), *way),
            Some(Verdict::Compiles { way }) => (None, *way),
            Some(Verdict::Refused(crate::engine::Refusal::MadeElsewhere)) | None => match candidate.kind {
                ActionKind::BoxRecursion => (None, 0),
                _ => (Some(candidate.predicted_saving()?), 0),
            },
            Some(Verdict::Refused(_)) => return None,
        };
        let edits: Option<Vec<Edit>> = candidate
            .ways
            .get(way)?
            .iter()
            .map(|edit| Some(Edit::replace(self.now(candidate, edit.range)?, edit.text.clone())))
            .collect();
        Some(Found { candidate: candidate.clone(), saving, edits: edits? })
    }

    /// Where a range of the candidate's text is today, if its site has not changed.
    fn now(&mut self, candidate: &Candidate, range: TextRange) -> Option<TextRange> {
        if candidate.text.text() == self.today.text() {
            return Some(range);
        }
        let same = |(text, _): &(Outline, _)| text.text() == candidate.text.text();
        let index = match self.known.iter().position(same) {
            Some(index) => index,
            None => {
                let now = source::relocate(&candidate.text, self.today);
                self.known.push((candidate.text.clone(), now));
                self.known.len() - 1
            }
        };
        let now = self.known[index].1.get(candidate.site).copied().flatten().filter(|now| !now.changed)?;
        let (old, new) = (candidate.site().range, self.today.sites().get(now.site)?.range);
        // White space and comments in it may have changed: then an edit may not fit any more.
        let is_same = candidate.text.text()[old] == self.today.text()[new];
        let is_inside = old.contains_range(range);
        (is_same && is_inside).then(|| range - old.start() + new.start())
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
    format!("{} {} {} {sizes:?} {edits:?}", candidate.id, candidate.file.display(), site.hash)
}

fn work(
    ground: Ground,
    files: Vec<PathBuf>,
    known: &HashMap<String, Verdict>,
    verifier: Option<Box<Verifier>>,
    cancel: &Cancel,
    tell: &dyn Fn(News),
) -> Option<Box<Verifier>> {
    let Ground { project, snapshot, units } = ground;
    let mut all = Vec::new();
    let mut by_file = Vec::new();
    for file in files {
        let found: Vec<Arc<Candidate>> =
            actions::candidates(&snapshot, &file).into_iter().map(Arc::new).collect();
        all.extend(found.iter().filter(|candidate| !known.contains_key(&key(candidate))).cloned());
        by_file.push((file, found));
    }
    tell(News::Candidates(by_file));
    if all.is_empty() || cancel.is_cancelled() {
        return verifier;
    }
    // The most worthwhile first.
    all.sort_by_key(|one| {
        std::cmp::Reverse(one.predicted_saving().map_or(u64::MAX, |saving| saving.bytes()))
    });
    let mut verifier = match verifier {
        Some(mut verifier) => {
            verifier.update(snapshot, units);
            verifier
        }
        None => match Verifier::new(&project, snapshot, units, true) {
            Ok(verifier) => Box::new(verifier),
            Err(error) => {
                tracing::warn!("actions cannot be tried: {error}");
                return None;
            }
        },
    };
    let candidates: Vec<&Candidate> = all.iter().map(|one| &**one).collect();
    let tried = verifier.verify(&candidates, cancel, &mut |index, verdict| {
        tell(News::Verdict(all[index].clone(), verdict));
    });
    match tried {
        Ok(()) | Err(BuildError::Cancelled) => {}
        Err(error) => tracing::warn!("actions cannot be tried: {error}"),
    }
    Some(verifier)
}
