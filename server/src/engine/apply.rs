//! Actions written into the files of a project, with a compiler that has seen them all together.
//!
//! One crate after the other, libraries first. In an overlay, round by round, the actions that do most and
//! have nothing to do with each other are made; what does not compile or saves too little is taken back, and
//! the next round looks at the text as it is then. What is left is written, and the project is measured again:
//! if that fails, the files are as they were.

use super::verify::{
    Around, Built, EditedTexts, Verifier, blamed, makes_one_grow, overlap, saving, texts_with, touched,
};
use super::{Measurement, measure_project};
use crate::compiler::{BuildError, Cancel, Project, Request, files};
use crate::features::Snapshot;
use crate::features::actions::{ActionKind, Candidate, Saving, gains};
use crate::source::Edit;
use crate::unit_id::UnitId;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An action that was written.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The action, with ranges of the text as it was just before.
    pub candidate: Candidate,
    /// Which of its ways.
    pub way: usize,
    /// What it saved; none for one that made the crate compile.
    pub saving: Option<Saving>,
}

/// What was done to the files.
#[derive(Debug)]
pub struct Changes {
    /// In the order they were made.
    pub applied: Vec<Applied>,
    /// The project as it is now.
    pub measurement: Measurement,
    /// What was not tried or taken back, and why.
    pub notes: Vec<String>,
}

/// Why nothing, or no more, was written. All files are whole, and as they were if the text does not say
/// otherwise.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Measuring failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file is not what was measured.
    #[error("`{}` changed while it was measured: nothing was written to it; run the command again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Which actions are applied.
pub struct Wanted<'a> {
    /// Those alone are tried.
    pub is_wanted: &'a dyn Fn(&Candidate) -> bool,
    /// Bytes that one has to save of its own future.
    pub min_saving: u64,
    /// Those, too, after which values are dropped, or something is run, at another time.
    pub may_drop_earlier: bool,
}

/// Applies every action that is wanted.
///
/// # Errors
/// See [`ApplyError`].
pub fn apply(
    project: &Project,
    request: &Request,
    measurement: Measurement,
    wanted: &Wanted<'_>,
    cancel: &Cancel,
    on_progress: &mut dyn FnMut(&str),
) -> Result<Changes, ApplyError> {
    let mut changes = Changes { applied: Vec::new(), measurement, notes: Vec::new() };
    // What is asked for is edits of this workspace, wherever its links may lead.
    let files = changes.measurement.snapshot.paths().into_iter().filter(|file| project.owns(file));
    let outside: Vec<PathBuf> = files.filter(|file| !project.holds(file)).map(Path::to_owned).collect();
    let is_wanted = |one: &Candidate| {
        (wanted.is_wanted)(one) && !one.files().any(|file| outside.iter().any(|other| other == file))
    };
    let wanted = &Wanted { is_wanted: &is_wanted, ..*wanted };
    let leads_out = |file: &PathBuf| {
        format!("`{}` is a link to a file outside of the workspace: nothing is written to it", file.display())
    };
    changes.notes.extend(outside.iter().map(leads_out));
    let measure = |changes: &Changes| {
        measure_project(project, request, &changes.measurement.snapshot, cancel, None, &mut |_| {})
    };
    let recursive = first_of_each(super::candidates(project, &changes.measurement.snapshot), &is_wanted);
    if !recursive.is_empty() {
        let edits: Vec<(&Candidate, &[Edit])> =
            recursive.iter().map(|candidate| (candidate, &candidate.ways[0][..])).collect();
        let written = Written::write(&texts_with(&EditedTexts::new(), &edits), &originals(&recursive))?;
        let new = measure(&changes)?;
        // That the crate has other errors too is no reason to take it back; that it has this one is.
        if new.snapshot.recursions.is_empty() {
            changes.applied =
                recursive.into_iter().map(|candidate| Applied { candidate, way: 0, saving: None }).collect();
            changes.measurement = new;
        } else {
            written.undo()?;
            changes.notes.push(taken_back(&new.failure.unwrap_or_default()));
        }
    }
    if changes.measurement.failure.is_some() {
        return Ok(changes);
    }
    for origin in changes.measurement.snapshot.origins_libraries_first() {
        on_progress(origin.rsplit_once('-').map_or(&origin, |(krate, _)| krate));
        let snapshot = changes.measurement.snapshot.clone();
        let units = changes.measurement.units.clone();
        let mut rounds = Rounds {
            verifier: Verifier::new(project, snapshot.clone(), units, request.own_group)?,
            project,
            origin,
            wanted,
            refused: HashSet::new(),
            texts: EditedTexts::new(),
        };
        let applied = match rounds.run(snapshot, cancel) {
            Err(BuildError::NoOverlay { reason }) => {
                changes.notes.push(reason);
                continue;
            }
            applied => applied?,
        };
        if applied.is_empty() {
            continue;
        }
        // The first to touch a file tells what it was.
        let first: Vec<Candidate> = applied.iter().map(|one| one.candidate.clone()).collect();
        let written = Written::write(&rounds.texts, &originals(&first))?;
        let new = measure(&changes)?;
        match new.failure {
            None => {
                changes.applied.extend(applied);
                changes.measurement = new;
            }
            Some(failure) => {
                written.undo()?;
                changes.notes.push(taken_back(&failure));
                changes.measurement = measure(&changes)?;
            }
        }
    }
    Ok(changes)
}

fn taken_back(failure: &str) -> String {
    format!("some edits were taken back, the project did not compile with them:\n{}", failure.trim_end())
}

/// Of each fn one recursive call: that breaks the circle.
fn first_of_each(candidates: Vec<Candidate>, wanted: &dyn Fn(&Candidate) -> bool) -> Vec<Candidate> {
    let mut first: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let is_new = first.iter().all(|known| known.future != candidate.future);
        if candidate.kind == ActionKind::BoxRecursion && is_new && wanted(&candidate) {
            first.push(candidate);
        }
    }
    first
}

fn originals(candidates: &[Candidate]) -> EditedTexts {
    let mut texts = EditedTexts::new();
    for (file, text, _) in candidates.iter().flat_map(|candidate| candidate.edits(&[])) {
        texts.entry(file.to_owned()).or_insert_with(|| text.text().to_string());
    }
    texts
}

/// One crate.
struct Rounds<'a> {
    verifier: Verifier,
    project: &'a Project,
    origin: UnitId,
    wanted: &'a Wanted<'a>,
    refused: HashSet<String>,
    /// The files as they have become.
    texts: EditedTexts,
}

/// One that is being tried.
struct Chosen {
    candidate: Candidate,
    way: usize,
}

impl Rounds<'_> {
    fn run(&mut self, mut snapshot: Arc<Snapshot>, cancel: &Cancel) -> Result<Vec<Applied>, BuildError> {
        let mut applied = Vec::new();
        loop {
            let around = Around::new(&snapshot);
            let mut chosen = self.choose(&snapshot, &around);
            if chosen.is_empty() {
                return Ok(applied);
            }
            let mut done = None;
            while !chosen.is_empty() {
                let edits: Vec<(&Candidate, &[Edit])> =
                    chosen.iter().map(|one| (&one.candidate, &one.candidate.ways[one.way][..])).collect();
                let texts = texts_with(&self.texts, &edits);
                match self.verifier.compile(&self.origin, &texts, cancel)? {
                    Built::Broken(messages) => {
                        let dir = self.verifier.dir(&self.origin);
                        let blamed = match chosen.len() {
                            1 => HashSet::from([0]),
                            _ => blamed(&messages, &dir, &texts, &edits),
                        };
                        // The errors point nowhere: half of them may be told apart in the next round.
                        if blamed.is_empty() {
                            chosen.truncate(chosen.len() / 2);
                        }
                        let mut index = 0;
                        chosen.retain_mut(|one| {
                            let is_blamed = blamed.contains(&index);
                            index += 1;
                            if is_blamed && one.way + 1 < one.candidate.ways.len() {
                                one.way += 1;
                                return true;
                            }
                            if is_blamed {
                                self.refused.insert(key(&one.candidate));
                            }
                            !is_blamed
                        });
                    }
                    Built::Done(new) => {
                        let savings: Vec<Option<Saving>> =
                            chosen.iter().map(|one| saving(&one.candidate, &new.snapshot)).collect();
                        let edited = new.edited();
                        let drops: Vec<Vec<Arc<str>>> = chosen
                            .iter()
                            .map(|one| self.verifier.drops_earlier(&one.candidate, edited.as_ref()))
                            .collect();
                        let around = Around::new(&new.snapshot);
                        let grown: Vec<bool> = chosen
                            .iter()
                            .map(|one| {
                                makes_one_grow(&touched(&one.candidate, &snapshot, &new.snapshot, &around))
                            })
                            .collect();
                        let enough = |index: usize| {
                            let saving = &savings[index];
                            saving.as_ref().is_some_and(|it| it.bytes() >= self.wanted.min_saving.max(1))
                                && (self.wanted.may_drop_earlier || drops[index].is_empty())
                                && !grown[index]
                        };
                        if (0..savings.len()).all(enough) {
                            for (one, drops) in chosen.iter_mut().zip(drops) {
                                one.candidate.drops_earlier = drops;
                            }
                            self.texts = texts;
                            done = Some((new, savings));
                            break;
                        }
                        let mut index = 0;
                        chosen.retain(|one| {
                            let keep = enough(index);
                            index += 1;
                            if !keep {
                                self.refused.insert(key(&one.candidate));
                            }
                            keep
                        });
                    }
                }
            }
            // Refused ones make room for others.
            let Some((new, savings)) = done else { continue };
            let all = chosen.into_iter().zip(savings);
            applied.extend(all.map(|(Chosen { candidate, way }, saving)| Applied { candidate, way, saving }));
            snapshot = Arc::new(new.snapshot);
        }
    }

    /// The candidates that do most, none of which changes another's future.
    fn choose(&self, snapshot: &Snapshot, around: &Around) -> Vec<Chosen> {
        let candidates = super::candidates(self.project, snapshot);
        let futures = snapshot.shared_futures();
        let mut open: Vec<(u64, Candidate)> = candidates
            .into_iter()
            .filter(|one| one.origin == self.origin && one.kind != ActionKind::BoxRecursion)
            .filter(|one| (self.wanted.is_wanted)(one) && !self.refused.contains(&key(one)))
            .filter(|one| snapshot.is_made_by(&one.future, &self.origin))
            // What the compiler does not tell it cannot take back.
            .filter(|one| self.wanted.may_drop_earlier || one.does_otherwise.is_none())
            .filter_map(|one| {
                // What nobody can predict comes last, and is tried.
                let Some(prediction) = one.predicted else { return Some((0, one)) };
                let saving = one.before?.saturating_sub(prediction.size);
                let is_enough = saving >= self.wanted.min_saving.max(1) || !prediction.exact;
                let around = match one.kind.shrinks_future() {
                    true => gains(&futures, &one.future, prediction),
                    false => Vec::new(),
                };
                let all = around.iter().map(|(_, bytes)| bytes).sum::<u64>();
                is_enough.then_some((saving + all, one))
            })
            .collect();
        open.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
        let mut chosen: Vec<Chosen> = Vec::new();
        for (_, candidate) in open {
            let fits = |known: &Chosen| {
                let other = &known.candidate;
                // What edits several fns is written alone.
                candidate.elsewhere.is_empty()
                    && other.elsewhere.is_empty()
                    && !around.are_related(&candidate.future, &other.future)
                    && !overlap(&candidate, &candidate.ways[0], other, &other.ways[known.way])
            };
            if chosen.iter().all(fits) {
                chosen.push(Chosen { candidate, way: 0 });
            }
        }
        chosen
    }
}

/// Tells candidates apart across rounds: numbers and offsets change, what would stand there does not.
fn key(candidate: &Candidate) -> String {
    let site = candidate.site().range;
    let way: Vec<(u32, &str)> = candidate.ways[0]
        .iter()
        .map(|edit| (u32::from(edit.range.start()).wrapping_sub(site.start().into()), edit.text.as_str()))
        .collect();
    // Where they are may have moved.
    let texts = |edits: &[Edit]| edits.iter().map(|edit| edit.text.clone()).collect::<Vec<_>>();
    let elsewhere = candidate.elsewhere.iter();
    let elsewhere: Vec<_> =
        elsewhere.map(|other| (&other.file, &other.bodies, texts(&other.edits))).collect();
    let (kind, hash) = (candidate.kind.name(), candidate.site().hash);
    format!("{kind} {} {way:?} {hash} {elsewhere:?}", candidate.future)
}

/// Files that were replaced, and what they were.
struct Written(Vec<(PathBuf, String)>);

impl Written {
    /// Replaces files whose text still is what it was; none if one is not.
    fn write(texts: &EditedTexts, originals: &EditedTexts) -> Result<Self, ApplyError> {
        for file in texts.keys() {
            let now = std::fs::read_to_string(file).ok();
            if now.is_none() || now.as_ref() != originals.get(file) {
                return Err(ApplyError::Changed { path: file.clone() });
            }
        }
        let mut written = Written(Vec::new());
        for (file, text) in texts {
            let result = files::replace(file, text);
            written.0.push((file.clone(), originals.get(file).cloned().unwrap_or_default()));
            if let Err(source) = result {
                written.undo()?;
                return Err(ApplyError::Write { path: file.clone(), source });
            }
        }
        Ok(written)
    }

    fn undo(self) -> Result<(), ApplyError> {
        for (path, text) in self.0 {
            files::replace(&path, &text).map_err(|source| ApplyError::Write { path, source })?;
        }
        Ok(())
    }
}
