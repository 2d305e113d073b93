//! Which units a request's last build measured, so that the next session can show their numbers before it
//! builds anything: what is current only cargo knows, and asking it takes a build.
//!
//! One small file for each request, `TARGET/index/HASH`, written in one step. What it says holds only as far as
//! the kept units bear it out: see [`Index::units`].
//!
//! ```text
//! futurelens index 1
//! 0123abcd
//! {"flags":"…","request":{…},"units":[…],…}
//! ```

use super::cargo::{Project, Request};
use super::contract::{FLAGS, checksum};
use super::files;
use super::unit::{MeasuredUnit, stamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

const MAGIC: &str = "futurelens index 1";

/// The units of a request, and what was measured besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// [`FLAGS`] of the units.
    flags: String,
    request: Key,
    /// The workspace's folder.
    pub root: PathBuf,
    /// The compiler that measured.
    pub compiler: String,
    /// The triple measured for.
    pub target: String,
    /// As [`Project::versions`] was.
    pub versions: HashMap<String, String>,
    /// The files are relative to the target directory.
    units: Vec<Indexed>,
}

/// A unit as it was after the build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Indexed {
    /// Which unit.
    pub measured: MeasuredUnit,
    /// Tells one measurement of the unit from the next.
    pub stamp: u64,
    /// It did not compile any more: these are its last good numbers.
    pub stale: bool,
}

/// What tells one request's numbers from another's, in one target directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    toolchain: String,
    profile: String,
    packages: Vec<String>,
    features: Vec<String>,
    all_features: bool,
    no_default_features: bool,
    all_targets: bool,
    targets: Vec<String>,
    /// Names, and checksums of the values: those may be secret.
    env: BTreeMap<String, u32>,
    /// The package that the folder stands for, unless it stands for the workspace: its folder.
    part: Option<PathBuf>,
}

impl Key {
    fn new(request: &Request, part: Option<&Path>) -> Self {
        let selection = &request.selection;
        Key {
            toolchain: request.toolchain.clone(),
            profile: request.profile.clone(),
            packages: selection.packages.clone(),
            features: selection.features.clone(),
            all_features: selection.all_features,
            no_default_features: selection.no_default_features,
            all_targets: selection.all_targets,
            targets: selection.targets.clone(),
            env: request
                .env
                .iter()
                .map(|(name, value)| (name.clone(), checksum(OsStr::new(value))))
                .collect(),
            part: part.filter(|_| selection.packages.is_empty()).map(Path::to_owned),
        }
    }

    /// Two requests with one name overwrite each other's index; nothing worse, since it says whose it is.
    fn file(&self, target_dir: &Path) -> PathBuf {
        let json = serde_json::to_vec(self).unwrap_or_default();
        target_dir.join("index").join(format!("{:08x}", crc32fast::hash(&json)))
    }
}

impl Index {
    /// The index of a build that is over. Of the one that it replaces those other units stay that have a `fate`:
    /// whether they are stale now.
    pub fn new(
        project: &Project,
        request: &Request,
        target: &str,
        measured: impl Iterator<Item = Indexed>,
        fate: &dyn Fn(&MeasuredUnit) -> Option<bool>,
    ) -> Self {
        let inside = |mut unit: Indexed| {
            unit.measured.file = unit.measured.file.strip_prefix(&project.target_dir).ok()?.to_owned();
            Some(unit)
        };
        let mut units: Vec<Indexed> = measured.filter_map(inside).collect();
        let before = Index::read(&project.target_dir, request, project.part());
        // Of another checkout, compiler or target it says nothing about this project.
        let compiler = &project.toolchain().version;
        let is_same = |index: &Index| {
            (&index.root, &index.compiler, &*index.target) == (&project.root, compiler, target)
        };
        for unit in before.filter(is_same).into_iter().flat_map(|before| before.units) {
            let is_here = units.iter().any(|one| one.measured.file == unit.measured.file);
            if let Some(stale) = fate(&unit.measured).filter(|_| !is_here) {
                units.push(Indexed { stale: stale || unit.stale, ..unit });
            }
        }
        Index {
            flags: FLAGS.to_owned(),
            request: Key::new(request, project.part()),
            root: project.root.clone(),
            compiler: project.toolchain().version.clone(),
            target: target.to_owned(),
            versions: project.versions(),
            units,
        }
    }

    /// Is there one for a request? `part` is the package's folder if not the whole workspace is asked for.
    pub fn is_there(target_dir: &Path, request: &Request, part: Option<&Path>) -> bool {
        Key::new(request, part).file(target_dir).is_file()
    }

    /// When the index of a request for a whole workspace was last written.
    pub fn written(target_dir: &Path, request: &Request) -> Option<std::time::SystemTime> {
        std::fs::metadata(Key::new(request, None).file(target_dir)).and_then(|meta| meta.modified()).ok()
    }

    /// Reads the index of a request. None if it is missing, damaged, of other flags, or another request's.
    pub fn read(target_dir: &Path, request: &Request, part: Option<&Path>) -> Option<Self> {
        let key = Key::new(request, part);
        let text = std::fs::read_to_string(key.file(target_dir)).ok()?;
        let index = Index::parse(&text).filter(|index| index.flags == FLAGS && index.request == key);
        if index.is_none() {
            tracing::info!("the index {} is damaged or another's", key.file(target_dir).display());
        }
        index
    }

    /// Reads the text of an index, whoever's it is. None if it is damaged.
    pub fn parse(text: &str) -> Option<Self> {
        let (crc, json) = text.strip_prefix(MAGIC)?.strip_prefix('\n')?.split_once('\n')?;
        let json = json.strip_suffix('\n')?;
        let whole = u32::from_str_radix(crc, 16).ok()? == crc32fast::hash(json.as_bytes());
        whole.then(|| serde_json::from_str(json).ok()).flatten()
    }

    /// Writes it in one step.
    ///
    /// # Errors
    /// Whatever the file system says; the old one is untouched then.
    pub fn write(&self, target_dir: &Path) -> std::io::Result<()> {
        let path = self.request.file(target_dir);
        let folder = target_dir.join("index");
        files::folder(&folder)?;
        let json = serde_json::to_string(self)?;
        let text = format!("{MAGIC}\n{:08x}\n{json}\n", crc32fast::hash(json.as_bytes()));
        // Most builds change no unit.
        if std::fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            files::remove_unfinished(&path);
            return Ok(());
        }
        files::write(&path, |file| file.write_all(text.as_bytes()))
    }

    /// The units that are as they were. What is missing or was measured again is left out.
    pub fn units(&self, target_dir: &Path) -> Vec<Indexed> {
        let here = |unit: &Indexed| {
            let is_inside = unit.measured.file.components().all(|part| matches!(part, Component::Normal(_)));
            let file = target_dir.join(&unit.measured.file);
            let is_as_it_was = is_inside && stamp(&file) == unit.stamp;
            let measured = MeasuredUnit { file, ..unit.measured.clone() };
            is_as_it_was.then(|| Indexed { measured, ..unit.clone() })
        };
        self.units.iter().filter_map(here).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(request: &Request) -> Index {
        let measured = MeasuredUnit { file: "release/deps/a-1.futurelens".into(), ..MeasuredUnit::default() };
        Index {
            flags: FLAGS.to_owned(),
            request: Key::new(request, None),
            root: "/w".into(),
            compiler: "rustc".to_owned(),
            target: "t".to_owned(),
            versions: HashMap::new(),
            units: vec![Indexed { measured, stamp: 7, stale: false }],
        }
    }

    #[test]
    fn each_request_finds_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let request = Request::new("/w".into());
        let index = sample(&request);
        index.write(dir.path()).unwrap();
        assert_eq!(Index::read(dir.path(), &request, None), Some(index));
        let dev = Request { profile: "dev".to_owned(), ..request.clone() };
        assert_eq!(Index::read(dir.path(), &dev, None), None);
        assert_eq!(Index::read(dir.path(), &request, Some(Path::new("a"))), None);
    }

    #[test]
    fn damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let request = Request::new("/w".into());
        sample(&request).write(dir.path()).unwrap();
        let file = Key::new(&request, None).file(dir.path());
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(Index::read(dir.path(), &request, None), None, "byte {at}");
            std::fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(Index::read(dir.path(), &request, None), None, "cut at {at}");
        }
    }

    #[test]
    fn nothing_outside_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::create_dir(&target).unwrap();
        let outside = dir.path().join("a.futurelens");
        crate::compiler::UnitOutput::new(FLAGS, "/w".into()).write(&outside).unwrap();
        let mut index = sample(&Request::new("/w".into()));
        index.units[0].stamp = stamp(&outside);
        for file in ["../a.futurelens".into(), outside] {
            index.units[0].measured.file = file;
            assert!(index.units(&target).is_empty());
        }
    }
}
