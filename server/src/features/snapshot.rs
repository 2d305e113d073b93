//! Everything measured, placed in the source it was measured on. Immutable; each build makes a new one
//! that shares what did not change.

mod quick_pass;
mod recursion;
mod standing;
mod unit;
mod update;
mod words;
mod written;

use super::drift::{self, Drift};
use super::language::Language;
use crate::dump::{LineCol, absolute};
use crate::layout::{Allocation, Body, Future, Threshold};
use crate::source::{self, Outline, TextRange};
use crate::unit_id::UnitId;
pub use recursion::Recursion;
pub use standing::Standing;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unit::ReadUnit;
pub use unit::{PrintedTexts, PrintedUnit};
pub use update::Update;

/// All futures of a workspace as of the last measurement of each of its units.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The workspace's folder; reported paths start there.
    pub root: PathBuf,
    /// The compiler that measured: its `-vV` line.
    pub compiler: String,
    /// The cargo profile.
    pub profile: String,
    /// The triple measured for.
    pub target: String,
    /// Whether the profile has debug assertions.
    pub debug_assertions: bool,
    /// `name version` of the packages in `Cargo.lock`, by crate name; nothing where there are several versions.
    pub versions: HashMap<String, String>,
    /// What the manifests allow.
    pub budgets: super::budget::Budgets,
    /// What keeps crates from compiling: of the last build only.
    pub recursions: Vec<Recursion>,
    /// By compiler run.
    units: BTreeMap<UnitId, Arc<ReadUnit>>,
    /// Runs that would fail now.
    stale: BTreeSet<UnitId>,
    /// Runs on text that is not saved.
    unsaved: BTreeSet<UnitId>,
    /// Each future once, largest first.
    futures: Vec<Placed>,
    /// Indices into `futures`, largest first: crates of one name have futures of one identity.
    by_id: HashMap<Arc<str>, Vec<usize>>,
    /// By absolute path. More than one view if units were measured on different texts of a file.
    files: HashMap<PathBuf, Vec<FileView>>,
}

/// A measured future and where it is.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The future.
    pub future: Arc<Future>,
    /// Where it is shown; `None` for futures of other crates.
    pub location: Option<Location>,
    /// Where relative paths in its spans start.
    pub dir: Arc<Path>,
    /// It is of the workspace, for all that its body is not known.
    pub is_own: bool,
}

impl Placed {
    /// Is it a future of the workspace? Those whose body is unknown are, too.
    fn is_of_workspace(&self) -> bool {
        self.future.body.is_some() || self.is_own
    }
}

/// A place in the source as it was measured.
#[derive(Debug, Clone)]
pub struct Location {
    /// Absolute path.
    pub file: PathBuf,
    /// The user's token: `async`, or the macro or attribute that made the future.
    pub at: LineCol,
    /// Index among the sites of the file's measured text.
    pub site: usize,
}

/// One text of a file as it was measured, and the futures in it.
#[derive(Debug, Clone)]
pub struct FileView {
    /// The path as the compiler prints it in spans.
    pub path: Arc<str>,
    /// The text.
    pub outline: Outline,
    /// Is it the text of now? Never [`Standing::Stale`] because of an edit: that [`Standing::in_text`] tells.
    pub standing: Standing,
    /// What was measured at each site.
    pub sites: BTreeMap<usize, SiteView>,
}

/// What was measured at one place in the source.
#[derive(Debug, Clone, Default)]
pub struct SiteView {
    /// Every body placed here; more than one where a macro made them.
    pub bodies: Vec<Arc<Body>>,
    /// Every instance of them, largest first.
    pub futures: Vec<Arc<Future>>,
    /// There is a future here, but what the compiler printed of it is not understood.
    pub unread: bool,
}

impl Snapshot {
    /// By what, for what and of what was measured; nothing that was.
    fn circumstances(&self) -> Snapshot {
        Snapshot {
            root: self.root.clone(),
            compiler: self.compiler.clone(),
            profile: self.profile.clone(),
            target: self.target.clone(),
            debug_assertions: self.debug_assertions,
            versions: self.versions.clone(),
            budgets: self.budgets.clone(),
            ..Snapshot::default()
        }
    }

    /// Were both measured by the same compiler, for the same profile and target?
    pub fn is_comparable_to(&self, other: &Snapshot) -> bool {
        (&self.compiler, &self.profile, &self.target) == (&other.compiler, &other.profile, &other.target)
    }

    /// The stamp of a unit as it is in this snapshot.
    pub fn stamp(&self, origin: &UnitId) -> Option<u64> {
        self.units.get(origin).map(|unit| unit.stamp)
    }

    /// The compiler runs whose numbers these are.
    pub fn origins(&self) -> impl Iterator<Item = UnitId> {
        self.units.keys().cloned()
    }

    /// Does a crate not compile as it is now?
    pub fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Those of them that would fail now.
    pub fn stale_origins(&self) -> impl Iterator<Item = UnitId> {
        self.stale.iter().cloned()
    }

    /// What the compiler printed in a way that is not understood, and what is therefore not shown.
    pub fn drift(&self) -> Vec<Drift> {
        drift::sum(self.units.values().flat_map(|unit| &unit.drift))
    }

    /// Was no future found in any crate of the workspace?
    pub fn has_no_bodies(&self) -> bool {
        self.units.values().all(|unit| unit.bodies.is_empty() && unit.drift.is_empty())
    }

    /// Every future once, largest first. `all`: those of crates that are not in the workspace too.
    pub fn futures(&self, all: bool) -> impl Iterator<Item = &Placed> {
        self.futures.iter().filter(move |placed| all || placed.is_of_workspace())
    }

    /// The packages of which at least one unit was measured.
    pub fn packages(&self) -> BTreeSet<&str> {
        self.units.values().map(|unit| &*unit.name[0]).collect()
    }

    /// All bodies of the workspace, be they instantiated or not.
    pub fn bodies(&self) -> impl Iterator<Item = &Arc<Body>> {
        self.units.values().flat_map(|unit| unit.bodies.iter())
    }

    /// The futures of the workspace, for [`crate::layout::whatif`].
    pub fn shared_futures(&self) -> Vec<Arc<Future>> {
        self.futures(false).map(|placed| placed.future.clone()).collect()
    }

    /// The files with futures in them, by absolute path, sorted.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = self.files.keys().map(PathBuf::as_path).collect();
        paths.extend(self.recursions.iter().map(|recursion| recursion.file.as_path()));
        paths.sort();
        paths.dedup();
        paths
    }

    /// Does this compiler run make the future, given by its identity?
    pub fn is_made_by(&self, id: &str, origin: &UnitId) -> bool {
        self.units.get(origin).is_some_and(|unit| unit.futures.iter().any(|future| *future.id == *id))
    }

    /// The compiler runs, those of libraries first.
    pub fn origins_libraries_first(&self) -> Vec<UnitId> {
        let mut origins: Vec<UnitId> = self.origins().collect();
        origins.sort_by_key(|origin| self.units.get(origin).is_none_or(|unit| !unit.is_library));
        origins
    }

    /// A future by its identity, see [`Future::id`]; the largest, if there are several.
    pub fn future(&self, id: &str) -> Option<&Placed> {
        self.with_id(id).next()
    }

    /// The future that another one means by an identity: that of its own unit or package, if there are several.
    pub fn future_for(&self, id: &str, other: &Future) -> Option<&Placed> {
        let all = || self.with_id(id).map(|placed| (&placed.future, placed));
        let of_package = |(future, _): &(&Arc<Future>, _)| future.package == other.package;
        let of_unit = all().filter(of_package).find(|(future, _)| future.unit == other.unit);
        let found = of_unit.or_else(|| all().find(of_package)).or_else(|| all().next());
        found.map(|(_, placed)| placed)
    }

    /// The future that a compiler run's crate means by an identity.
    pub fn future_in(&self, id: &str, origin: &UnitId) -> Option<&Placed> {
        let is_its_own =
            |placed: &&Placed| placed.future.body.as_ref().is_some_and(|body| body.origin == *origin);
        self.with_id(id).find(is_its_own).or_else(|| self.future(id))
    }

    fn with_id(&self, id: &str) -> impl Iterator<Item = &Placed> {
        self.by_id.get(id).into_iter().flatten().map(|&index| &self.futures[index])
    }

    /// From which size on the executor that a future is given to boxes it; none if it is given to none that does.
    pub fn boxes_when_large(&self, id: &str) -> Option<&'static Threshold> {
        let mut all = self.units.values().flat_map(|unit| &unit.allocations);
        all.find_map(|allocation| allocation.made.threshold().filter(|_| allocation.is_of(id)))
    }

    /// Where memory is taken for futures: each once, with the unit it is made in, largest first.
    pub fn allocations(&self) -> Vec<(&UnitId, &Allocation)> {
        let mut units: Vec<(&UnitId, &Arc<ReadUnit>)> = self.units.iter().collect();
        units.sort_by_key(|(_, unit)| (!unit.is_library, &unit.name));
        let mut seen = HashSet::new();
        let all = units
            .into_iter()
            .flat_map(|(origin, unit)| unit.allocations.iter().map(move |one| (origin, one)));
        let mut all: Vec<(&UnitId, &Allocation)> = all.filter(|(_, one)| seen.insert(one.key())).collect();
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.size));
        all
    }

    /// What matters to someone who edits the crate of a compiler run.
    pub fn language(&self, origin: &UnitId) -> Option<&Language> {
        self.units.get(origin).map(|unit| &unit.language)
    }

    /// The package (`tokio 1.52.0`) that a future of another crate is from, by the future's identity.
    pub fn version_of(&self, id: &str) -> Option<&str> {
        let krate = id.trim_start_matches(['<', '{']).split("::").next()?;
        self.versions.get(krate).map(String::as_str).filter(|version| !version.is_empty())
    }

    /// Where a future's body is placed; the path is as the compiler prints it.
    pub fn place(&self, future: &Future) -> Option<&source::Placement> {
        let body = future.body.as_ref()?;
        self.units.get(&body.origin)?.places.get(&body.def_path)
    }

    /// The text that a future's spans with this path are in, as it was measured.
    pub fn text(&self, future: &Future, path: &str) -> Option<&Outline> {
        self.units.get(&future.body.as_ref()?.origin)?.files.get(path)
    }

    /// Can other crates make use of what a compiler run's crate has?
    pub fn is_library(&self, origin: &UnitId) -> bool {
        self.units.get(origin).is_some_and(|unit| unit.is_library)
    }

    /// The texts of all compiler runs that a file is part of, as they were measured, by absolute path: those in which there
    /// are futures. `None` if one file was measured as two texts, if a run would fail now, or if any of the other texts
    /// has a word in it.
    pub fn texts_around(&self, file: &Path, word: &str) -> Option<BTreeMap<PathBuf, &Outline>> {
        let mut texts: BTreeMap<PathBuf, &Outline> = BTreeMap::new();
        for (origin, unit) in &self.units {
            let all = unit.files.iter().map(|(path, text)| (absolute(&unit.dir, path), text));
            let all: Vec<(PathBuf, &Outline)> = all.collect();
            if !all.iter().any(|(path, _)| path == file) {
                continue;
            }
            if self.stale.contains(origin) || unit.other_words.binary_search(&words::hash(word)).is_ok() {
                return None;
            }
            for (path, text) in all {
                let known = texts.entry(path).or_insert(text);
                if known.text() != text.text() {
                    return None;
                }
            }
        }
        Some(texts)
    }

    /// How many places have a future without a size: generic ones that nothing measured uses.
    pub fn unused_generics(&self) -> usize {
        let places: HashSet<(&Path, TextRange)> = self
            .files
            .iter()
            .flat_map(|(file, views)| views.iter().map(move |view| (file, view)))
            .flat_map(|(file, view)| view.sites.iter().map(move |(site, found)| (file, view, *site, found)))
            .filter(|(.., found)| !found.bodies.is_empty() && found.futures.is_empty() && !found.unread)
            .map(|(file, view, site, _)| (file.as_path(), view.outline.sites()[site].token))
            .collect();
        places.len()
    }

    /// All files with their views, by absolute path.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[FileView])> {
        self.files.iter().map(|(path, views)| (path.as_path(), views.as_slice()))
    }

    /// The package of a compiler run, and which of its targets it is: `lib`, `bin NAME`, …
    pub fn unit_name(&self, origin: &UnitId) -> Option<[&str; 2]> {
        self.units.get(origin).map(|unit| [&*unit.name[0], &*unit.name[1]])
    }

    /// The views of a file, by its absolute path.
    pub fn file(&self, path: &Path) -> &[FileView] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }
}
