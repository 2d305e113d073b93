//! The files that compiler runs read: which of them were changed during a run, and which are others now.
//!
//! cargo looks at times alone: a file is as it was as long as it is no younger than what was made of it, whatever the
//! clock was then, and even if a tool has set the file's time. So the contents of the files are compared, too.

use super::dep_info;
use super::unit::{MeasuredUnit, UnitHead, UnitOutput};
use crate::incremental::Source;
use crate::kept_text::digest;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Tells one state of a file from the next, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// When the file was changed last.
    changed: SystemTime,
    /// The modification time, which tools may set.
    modified: SystemTime,
    len: u64,
    inode: u64,
}

/// Clocks of file systems are as coarse as this: what was changed twice in such a time may look as if it was once.
const COARSE: Duration = Duration::from_secs(2);

impl Mark {
    fn of(file: &Path) -> Option<Mark> {
        let meta = std::fs::metadata(file).ok()?;
        let (modified, len) = (meta.modified().ok()?, meta.len());
        // The time that tools may set is of no use: an unpacked file is older than it has been here.
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let nanos = u32::try_from(meta.ctime_nsec()).ok()?;
            let since = Duration::new(u64::try_from(meta.ctime()).ok()?, nanos);
            Some(Mark { changed: SystemTime::UNIX_EPOCH + since, modified, len, inode: meta.ino() })
        }
        #[cfg(not(unix))]
        Some(Mark { changed: modified, modified, len, inode: 0 })
    }

    /// Would it be another one if the file was changed now?
    fn is_settled(&self) -> bool {
        SystemTime::now().duration_since(self.changed).is_ok_and(|age| age > COARSE)
    }
}

/// How files were when a compiler run began, to tell which of them were changed meanwhile.
#[derive(Debug)]
pub(super) struct Before {
    started: SystemTime,
    known: HashMap<PathBuf, Mark>,
}

impl Before {
    /// Now. `files` are those that the run will read, as far as known. What time it is tells a new file, `clock`: the
    /// file system's may be another one than ours, and is the one that files have theirs from.
    ///
    /// # Errors
    /// If that file cannot be made.
    pub fn now(files: impl Iterator<Item = PathBuf>, clock: &Path) -> io::Result<Self> {
        let known = files.filter_map(|file| Some((Mark::of(&file)?, file)));
        let known = known.map(|(mark, file)| (file, mark)).collect();
        std::fs::File::create(clock)?;
        let started = Mark::of(clock).map_or_else(SystemTime::now, |mark| mark.changed);
        Ok(Before { started, known })
    }

    /// Is the file as it was, as far as can be told? Time matters only for files that were not known.
    fn holds_for(&self, file: &Path) -> bool {
        let Some(now) = Mark::of(file) else { return false };
        match self.known.get(file) {
            Some(before) => *before == now,
            None => now.changed < self.started,
        }
    }
}

/// Digests of files that are no sources, by path as the compiler prints it; none of one that was changed.
pub(super) type Included = Vec<(String, Option<u64>)>;

/// What a run read: the texts of its sources, and digests of other files; none of what was changed after the run had
/// started.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// By path as the compiler prints it.
    pub sources: Vec<Source>,
    /// By path as the compiler prints it.
    pub included: Included,
}

impl Inputs {
    /// Reads the files that are named by a run's dep-info.
    ///
    /// # Errors
    /// If there is no dep-info: somebody has removed it since the run, and without texts there are no numbers.
    pub fn read(dep_info: &Path, dir: &Path, before: &Before) -> io::Result<Self> {
        let files = dep_info::sources(&std::fs::read_to_string(dep_info)?);
        if files.is_empty() {
            return Err(io::Error::other("the compiler's list of the files that it read is empty"));
        }
        let mut inputs = Inputs::default();
        for file in files {
            let (path, name) = (dir.join(&file), file.to_string_lossy().into_owned());
            if file.extension() == Some(OsStr::new("rs")) {
                let text = std::fs::read_to_string(&path).ok().filter(|_| before.holds_for(&path));
                inputs.sources.push((name, text));
            } else {
                let bytes = std::fs::read(&path).ok().filter(|_| before.holds_for(&path));
                inputs.included.push((name, bytes.map(|bytes| digest(&bytes))));
            }
        }
        Ok(inputs)
    }
}

/// What the units of a project were made of. Files that were looked at and have not been touched since are not read
/// again. A clone shares what it knows.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownInputs(Arc<Mutex<HashMap<PathBuf, MadeOf>>>);

#[derive(Debug)]
struct MadeOf {
    /// Of the kept unit.
    stamp: u64,
    /// The folder of its package.
    package: Option<PathBuf>,
    /// What the compiler was told to compile for; none is its host.
    target: Option<String>,
    files: Vec<Input>,
}

#[derive(Debug)]
struct Input {
    path: PathBuf,
    digest: u64,
    /// As of when it was as measured.
    mark: Option<Mark>,
}

impl KnownInputs {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, MadeOf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is a file that the unit was made of another one now?
    pub fn has_changed(&self, unit: &MeasuredUnit, stamp: u64) -> bool {
        let mut known = self.lock();
        let is_new = known.get(&unit.file).is_none_or(|known| known.stamp != stamp);
        if is_new {
            let Ok(head) = UnitOutput::read_head(&unit.file) else { return false };
            known.insert(unit.file.clone(), MadeOf::new(&head, stamp));
        }
        known.get_mut(&unit.file).is_some_and(MadeOf::has_changed)
    }

    /// Is a file another one now that a unit of another package was made of?
    pub fn have_others_changed(&self, packages: &BTreeSet<&Path>) -> bool {
        let is_other =
            |made: &&mut MadeOf| made.package.as_deref().is_none_or(|folder| !packages.contains(folder));
        self.lock().values_mut().filter(is_other).any(MadeOf::has_changed)
    }

    /// What the units were compiled for; none is the compiler's host.
    pub fn targets(&self) -> BTreeSet<Option<String>> {
        self.lock().values().map(|made| made.target.clone()).collect()
    }

    /// Forgets all but these units.
    pub fn keep<'a>(&self, units: impl Iterator<Item = &'a MeasuredUnit>) {
        let kept: BTreeSet<&Path> = units.map(|unit| &*unit.file).collect();
        self.lock().retain(|file, _| kept.contains(&**file));
    }
}

impl MadeOf {
    fn new(head: &UnitHead, stamp: u64) -> Self {
        let package = head.invocation().and_then(|run| run.package()).map(Path::to_owned);
        let target = head.invocation().and_then(|run| run.target());
        let input = |(path, digest)| Input { path, digest, mark: None };
        MadeOf { stamp, package, target, files: head.inputs().map(input).collect() }
    }

    fn has_changed(&mut self) -> bool {
        self.files.iter_mut().any(Input::has_changed)
    }
}

impl Input {
    fn has_changed(&mut self) -> bool {
        let mark = Mark::of(&self.path);
        if mark.is_some() && mark == self.mark {
            return false;
        }
        let is_as_measured = std::fs::read(&self.path).is_ok_and(|bytes| digest(&bytes) == self.digest);
        self.mark = mark.filter(|mark| is_as_measured && mark.is_settled());
        !is_as_measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_after_the_run_began_has_no_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("a.rs"), "a").unwrap();
        std::fs::write(path("old.rs"), "old").unwrap();
        std::fs::write(path("n.txt"), "n").unwrap();
        std::fs::write(path("x.d"), "x: a.rs old.rs n.txt new.rs\n").unwrap();
        let read = |before: &Before| {
            let Inputs { sources, included } = Inputs::read(&path("x.d"), dir.path(), before).unwrap();
            let known = sources.into_iter().map(|(name, text)| (name, text.is_some()));
            known
                .chain(included.into_iter().map(|(name, digest)| (name, digest.is_some())))
                .collect::<Vec<_>>()
        };
        let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
        let date = |name: &str, time| {
            std::fs::File::options().append(true).open(path(name)).unwrap().set_modified(time).unwrap();
        };
        date("a.rs", tomorrow);
        let before = Before::now(["a.rs", "old.rs", "n.txt"].map(path).into_iter(), &path("clock")).unwrap();
        // As if it had been so for a day.
        std::fs::write(path("old.rs"), "OLD").unwrap();
        date("old.rs", SystemTime::UNIX_EPOCH);
        std::fs::write(path("new.rs"), "new").unwrap();
        let found = read(&before);
        let of = |name: &str| found.iter().find(|(found, _)| found == name).unwrap().1;
        assert!(of("a.rs") && of("n.txt") && !of("old.rs"), "{found:?}");
        assert!(Inputs::read(&path("gone.d"), dir.path(), &before).is_err());
        std::fs::write(path("x.d"), "").unwrap();
        assert!(Inputs::read(&path("x.d"), dir.path(), &before).is_err());
    }

    #[test]
    fn a_unit_is_as_it_was_as_long_as_its_files_are() {
        let dir = tempfile::tempdir().unwrap();
        let (source, file) = (dir.path().join("a.rs"), dir.path().join("a-1.futurelens"));
        std::fs::write(&source, "a").unwrap();
        let mut unit = UnitOutput::new("1", dir.path().to_owned());
        unit.push_source("a.rs".to_owned(), Some("a"));
        unit.write(&file).unwrap();
        let (known, measured) = (KnownInputs::default(), MeasuredUnit { file, ..MeasuredUnit::default() });
        assert!(!known.has_changed(&measured, 1) && !known.have_others_changed(&BTreeSet::new()));
        let times = std::fs::metadata(&source).unwrap().modified().unwrap();
        std::fs::write(&source, "b").unwrap();
        std::fs::File::options().append(true).open(&source).unwrap().set_modified(times).unwrap();
        assert!(known.has_changed(&measured, 1) && known.have_others_changed(&BTreeSet::new()));
        known.keep(std::iter::empty());
        assert!(!known.have_others_changed(&BTreeSet::new()));
    }
}
