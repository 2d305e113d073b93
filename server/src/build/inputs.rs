//! The files that compiler runs read: which of them were changed during a run, and which are others now.
//!
//! cargo looks at times alone: a file is as it was as long as it is no younger than what was made of it, whatever the
//! clock was then, and whoever has set the file's time. So what is in the files is compared, too.

use super::unit::{Unit, UnitHead, digest};
use super::{MeasuredUnit, dep_info};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Tells one state of a file from the next, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// When the file was changed last.
    changed: SystemTime,
    /// When whoever wrote it says that it was.
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
    /// Now. `files` are those that the run will read, as far as known.
    pub fn now(files: impl Iterator<Item = PathBuf>) -> Self {
        let known = files.filter_map(|file| Some((Mark::of(&file)?, file)));
        let known = known.map(|(mark, file)| (file, mark)).collect();
        Before { started: SystemTime::now(), known }
    }

    /// Is the file as it was, as far as can be told? The clock matters only for files that were not known.
    fn holds_for(&self, file: &Path) -> bool {
        let Some(now) = Mark::of(file) else { return false };
        match self.known.get(file) {
            Some(before) => *before == now,
            None => now.changed < self.started,
        }
    }
}

/// What a run read: the texts of its sources, and digests of other files; none of what was changed after the run had
/// started.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// By path as the compiler prints it.
    pub sources: Vec<(String, Option<String>)>,
    /// By path as the compiler prints it.
    pub included: Vec<(String, Option<u64>)>,
}

impl Inputs {
    /// Reads the files that are named by a run's dep-info.
    pub fn read(dep_info: &Path, dir: &Path, before: &Before) -> Self {
        let mut inputs = Inputs::default();
        for file in dep_info::sources(&std::fs::read_to_string(dep_info).unwrap_or_default()) {
            let (path, name) = (dir.join(&file), file.to_string_lossy().into_owned());
            if file.extension() == Some(OsStr::new("rs")) {
                let text = std::fs::read_to_string(&path).ok().filter(|_| before.holds_for(&path));
                inputs.sources.push((name, text));
            } else {
                let bytes = std::fs::read(&path).ok().filter(|_| before.holds_for(&path));
                inputs.included.push((name, bytes.map(|bytes| digest(&bytes))));
            }
        }
        inputs
    }
}

/// What the units of a project were made of. Files that were looked at and have not been touched since are not read
/// again. A clone shares what it knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<HashMap<PathBuf, MadeOf>>>);

#[derive(Debug)]
struct MadeOf {
    /// Of the kept unit.
    stamp: u64,
    /// The folder of its package.
    package: Option<PathBuf>,
    files: Vec<Input>,
}

#[derive(Debug)]
struct Input {
    path: PathBuf,
    digest: u64,
    /// As of when it was as measured.
    mark: Option<Mark>,
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, MadeOf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is a file that the unit was made of another one now?
    pub fn has_changed(&self, unit: &MeasuredUnit, stamp: u64) -> bool {
        let mut known = self.lock();
        let is_new = known.get(&unit.file).is_none_or(|known| known.stamp != stamp);
        if is_new {
            let Ok(head) = Unit::read_head(&unit.file) else { return false };
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

    /// Forgets all but these units.
    pub fn keep<'a>(&self, units: impl Iterator<Item = &'a MeasuredUnit>) {
        let kept: BTreeSet<&Path> = units.map(|unit| &*unit.file).collect();
        self.lock().retain(|file, _| kept.contains(&**file));
    }
}

impl MadeOf {
    fn new(head: &UnitHead, stamp: u64) -> Self {
        let package = head.invocation().and_then(|run| run.package()).map(Path::to_owned);
        let input = |(path, digest)| Input { path, digest, mark: None };
        MadeOf { stamp, package, files: head.inputs().map(input).collect() }
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
