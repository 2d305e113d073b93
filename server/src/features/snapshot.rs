//! Everything measured, placed in the source it was measured on. Immutable; each build makes a new one
//! that shares what did not change.

mod ahead;
mod standing;
mod words;
mod written;

use super::actions::box_recursion::Recursion;
use super::drift::{self, Drift, Missing};
use super::language::Language;
use crate::dump::{CoroutineBody, LineCol, Span, TypeSizes, Unread, absolute, names};
use crate::layout::{self, Away, Bodies, Body, BodyIndex, Future};
use crate::parallel;
use crate::source::{self, Outline, SiteKind, TextRange};
pub use standing::Standing;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    units: BTreeMap<Arc<str>, Arc<Unit>>,
    /// Runs that would fail now.
    stale: BTreeSet<Arc<str>>,
    /// Runs on text that is not saved.
    unsaved: BTreeSet<Arc<str>>,
    /// Each future once, largest first.
    futures: Vec<Placed>,
    /// Indices into `futures`, largest first: crates of one name have futures of one identity.
    by_id: HashMap<Arc<str>, Vec<usize>>,
    /// By absolute path. More than one view if units were measured on different texts of a file.
    files: HashMap<PathBuf, Vec<FileView>>,
}

/// What one compiler run printed, read. See [`UnitText`].
#[derive(Debug)]
struct Unit {
    stamp: u64,
    /// Its package, and which of its targets it is: `lib`, `bin NAME`, …
    name: [Arc<str>; 2],
    language: Language,
    /// Other crates can make use of its bodies.
    is_library: bool,
    /// Where relative paths start.
    dir: Arc<Path>,
    bodies: Arc<Bodies>,
    futures: Vec<Arc<Future>>,
    /// Identities of futures that tokio boxes if they are large.
    boxed_when_large: HashSet<Arc<str>>,
    /// Texts as they were measured, by path as the compiler prints it.
    files: BTreeMap<Arc<str>, Outline>,
    /// The words of all other texts, as hashes in order.
    other_words: Box<[u64]>,
    /// Of the bodies, by definition path.
    places: HashMap<Arc<str>, source::Placement>,
    /// By name of the dump's file.
    dumps: HashMap<Arc<str>, Dump>,
    /// Bodies that have no future although each has to be laid out, by definition path.
    unread: HashSet<Arc<str>>,
    /// What is declared in the crate; nothing once its futures are known.
    declared: HashSet<Box<str>>,
    /// Identities of futures of the crate whose body is not known.
    own: HashSet<Arc<str>>,
    /// What could not be read.
    drift: Vec<Drift>,
}

/// A dump of a body that was read.
#[derive(Debug, Clone)]
struct Dump {
    digest: u64,
    body: Option<Arc<Body>>,
    /// The first line that was not as expected.
    example: Option<Box<str>>,
}

/// Where the large texts of a unit are. They are tens of megabytes, nearly all of it dumps that were read before:
/// one is asked for only if it is needed, and not kept.
pub trait Texts: std::fmt::Debug + Send + Sync {
    /// `-Zprint-type-sizes`. `None` if it cannot be had.
    fn sizes(&self) -> Option<Cow<'_, str>>;
    /// One dump, by its index in [`UnitText::bodies`]. `None` if it cannot be had.
    fn body(&self, index: usize) -> Option<Cow<'_, str>>;
}

/// What one compiler run printed, and what was compiled.
pub struct UnitText<'a> {
    /// Names the compiler run: `CRATE-HASH`.
    pub origin: &'a str,
    /// Changes whenever the unit is measured again.
    pub stamp: u64,
    /// The package's name.
    pub package: &'a str,
    /// The crate's name.
    pub krate: &'a str,
    /// `lib`, `bin NAME`, …
    pub unit: &'a str,
    /// The edition of the language: `2021`.
    pub edition: &'a str,
    /// The oldest compiler its package is for, if it says so: `1.75`.
    pub rust_version: Option<&'a str>,
    /// Where relative paths in the dumps start.
    pub dir: &'a Path,
    /// The dumps.
    pub texts: Arc<dyn Texts>,
    /// `-Zdump-mir`: file name, and a digest of the text. Of one name and digest there is one text.
    pub bodies: Vec<(&'a str, u64)>,
    /// Source files as compiled: path as the compiler prints it, and text.
    pub sources: Vec<(&'a str, &'a str)>,
    /// Flags that its compiler does not know, and that it was measured without.
    pub without: &'a [String],
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

impl UnitText<'_> {
    /// How an edit of the crate has to be written.
    fn language(&self) -> Language {
        Language::new(self.edition, self.rust_version, self.sources.iter().map(|(_, text)| *text))
    }
}

impl Snapshot {
    /// The same workspace after a build. `texts` are the units measured now, `current` names all units
    /// whose numbers hold, `stale` those that do not compile as they are now; a unit in none of them is
    /// gone. One whose texts cannot be had is as it was before.
    pub fn updated(
        &self,
        texts: &[UnitText<'_>],
        current: &BTreeSet<Arc<str>>,
        stale: BTreeSet<Arc<str>>,
    ) -> Snapshot {
        let mut update = self.update();
        texts.iter().for_each(|text| _ = update.add(text));
        update.finish(current, stale)
    }

    /// The same, unit by unit, so that the text of one is not needed any more when the next one comes.
    pub fn update(&self) -> Update {
        Update {
            units: self.units.clone(),
            stale: self.stale.clone(),
            unsaved: self.unsaved.clone(),
            debug_assertions: self.debug_assertions,
            circumstances: self.circumstances(),
            recursions: self.recursions.clone(),
            read: Vec::new(),
        }
    }

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
    pub fn stamp(&self, origin: &str) -> Option<u64> {
        self.units.get(origin).map(|unit| unit.stamp)
    }

    /// The compiler runs whose numbers these are.
    pub fn origins(&self) -> impl Iterator<Item = Arc<str>> {
        self.units.keys().cloned()
    }

    /// Does a crate not compile as it is now?
    pub fn has_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// Those of them that would fail now.
    pub fn stale_origins(&self) -> impl Iterator<Item = Arc<str>> {
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

    /// The futures of the workspace, for [`layout::whatif`].
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
    pub fn is_made_by(&self, id: &str, origin: &str) -> bool {
        self.units.get(origin).is_some_and(|unit| unit.futures.iter().any(|future| *future.id == *id))
    }

    /// The compiler runs, those of libraries first.
    pub fn origins_libraries_first(&self) -> Vec<Arc<str>> {
        let mut origins: Vec<Arc<str>> = self.origins().collect();
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
    pub fn future_in(&self, id: &str, origin: &str) -> Option<&Placed> {
        let is_its_own =
            |placed: &&Placed| placed.future.body.as_ref().is_some_and(|body| *body.origin == *origin);
        self.with_id(id).find(is_its_own).or_else(|| self.future(id))
    }

    fn with_id(&self, id: &str) -> impl Iterator<Item = &Placed> {
        self.by_id.get(id).into_iter().flatten().map(|&index| &self.futures[index])
    }

    /// Does tokio box this future when it is spawned, if it is above tokio's threshold?
    pub fn is_boxed_when_large(&self, id: &str) -> bool {
        self.units.values().any(|unit| unit.boxed_when_large.contains(id))
    }

    /// What matters to someone who edits the crate of a compiler run.
    pub fn language(&self, origin: &str) -> Option<&Language> {
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
    pub fn is_library(&self, origin: &str) -> bool {
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

    /// The views of a file, by its absolute path.
    pub fn file(&self, path: &Path) -> &[FileView] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }

    fn place_futures(&mut self) {
        // Libraries first: an instance that a library and a binary both use is the library's. A library
        // and the same library with its unit tests are two runs with the same futures.
        let mut units: Vec<&Arc<Unit>> = self.units.values().collect();
        units.sort_by_key(|unit| (!unit.is_library, &unit.name));
        let mut seen_bodies = HashSet::new();
        for unit in &units {
            for body in unit.bodies.iter() {
                if let Some(location) = unit.location(body)
                    && seen_bodies.insert((&unit.name[0], body.def_path.clone(), location.file.clone()))
                    && let Some((path, outline)) = unit.text_of(body)
                {
                    let standing = self.standing_of(&body.origin);
                    let view = view_of(&mut self.files, &location.file, path, outline, standing);
                    let site = view.sites.entry(location.site).or_default();
                    site.unread |= unit.unread.contains(&body.def_path);
                    site.bodies.push(body.clone());
                }
            }
        }
        let mut seen = HashSet::new();
        let is_own = |unit: &Unit, future: &Future| {
            let own = unit.bodies.first();
            future.body.as_ref().is_some_and(|body| own.is_some_and(|own| own.origin == body.origin))
        };
        // What several units print is of the one that its body is in, if that is among them.
        for own in [true, false] {
            let futures = units.iter().flat_map(|unit| unit.futures.iter().map(move |future| (unit, future)));
            for (unit, future) in futures.filter(|(unit, future)| is_own(unit, future) == own) {
                let owner = match &future.body {
                    Some(body) => match self.units.get(&body.origin) {
                        Some(owner) => owner,
                        None => continue,
                    },
                    None => unit,
                };
                let location = future.body.as_ref().and_then(|body| owner.location(body));
                let file = location.as_ref().map(|location| location.file.clone());
                // Two packages may have crates of one name, even one file in both. Of what is in neither, there is one.
                let package = future.body.as_ref().map(|_| &owner.name[0]);
                if !seen.insert((package, future.id.clone(), file)) {
                    continue;
                }
                if let (Some(location), Some(body)) = (&location, &future.body)
                    && let Some((path, outline)) = owner.text_of(body)
                {
                    let standing = self.standing_of(&body.origin);
                    let view = view_of(&mut self.files, &location.file, path, outline, standing);
                    view.sites.entry(location.site).or_default().futures.push(future.clone());
                }
                let is_own = future.body.is_none() && unit.is_own(future);
                self.futures.push(Placed {
                    future: future.clone(),
                    location,
                    dir: owner.dir.clone(),
                    is_own,
                });
            }
        }
        let by_size = |future: &Future| (std::cmp::Reverse(future.size), future.id.clone());
        self.futures.sort_by_cached_key(|placed| by_size(&placed.future));
        for (index, placed) in self.futures.iter().enumerate() {
            self.by_id.entry(placed.future.id.clone()).or_default().push(index);
        }
        for site in self.files.values_mut().flatten().flat_map(|view| view.sites.values_mut()) {
            site.futures.sort_by_cached_key(|future| by_size(future));
            site.bodies.sort_by(|a, b| a.def_path.cmp(&b.def_path));
        }
    }
}

/// A snapshot in the making, see [`Snapshot::update`].
#[derive(Debug)]
pub struct Update {
    /// See [`Snapshot::debug_assertions`].
    pub debug_assertions: bool,
    units: BTreeMap<Arc<str>, Arc<Unit>>,
    stale: BTreeSet<Arc<str>>,
    unsaved: BTreeSet<Arc<str>>,
    circumstances: Snapshot,
    recursions: Vec<Recursion>,
    /// Units of which the bodies were read.
    read: Vec<Added>,
}

/// A unit without its futures, and what is needed to make them.
#[derive(Debug)]
struct Added {
    origin: Arc<str>,
    /// The package's name, and `lib`, `bin NAME`, …
    name: (String, String),
    texts: Arc<dyn Texts>,
    unit: Unit,
    /// Only its concrete futures are known, see [`Update::add_ahead`].
    is_ahead: bool,
}

impl Update {
    /// For these circumstances: by what, for what and of what it is measured.
    pub fn under(self, circumstances: Snapshot) -> Self {
        Update { circumstances, ..self }
    }

    /// The compiler runs that are known.
    pub fn origins(&self) -> impl Iterator<Item = Arc<str>> {
        self.units.keys().cloned()
    }

    /// Reads a unit that was measured now. False if its texts cannot be had; nothing is changed then.
    pub fn add(&mut self, text: &UnitText<'_>) -> bool {
        self.read(text, false)
    }

    /// Reads a unit of which the concrete futures were measured now, those that are not generic. The others are
    /// as they were measured before, if their bodies are still there. False if its texts cannot be had.
    pub fn add_ahead(&mut self, text: &UnitText<'_>) -> bool {
        self.read(text, true)
    }

    fn read(&mut self, text: &UnitText<'_>, is_ahead: bool) -> bool {
        // They are read when the bodies of all units are known: by then it is too late to do without.
        let has_sizes = text.texts.sizes().is_some();
        let before = self.units.get(text.origin).map(|unit| &**unit);
        let Some(mut unit) = Unit::read(text, before).filter(|_| has_sizes) else { return false };
        if is_ahead {
            unit.stamp = ahead::STAMP;
        }
        self.read.retain(|known| *known.origin != *text.origin);
        let name = (text.package.to_owned(), text.unit.to_owned());
        let texts = text.texts.clone();
        self.read.push(Added { origin: text.origin.into(), name, texts, unit, is_ahead });
        true
    }

    /// The stamp of a unit, as measured now or as it was.
    pub fn stamp(&self, origin: &str) -> Option<u64> {
        let read = self.read.iter().find(|read| *read.origin == *origin).map(|read| read.unit.stamp);
        read.or_else(|| self.units.get(origin).map(|unit| unit.stamp))
    }

    /// The snapshot with what was read so far, while the build goes on.
    pub fn finish_early(self) -> Snapshot {
        let read: BTreeSet<Arc<str>> = self.read.iter().map(|read| read.origin.clone()).collect();
        let stale = self.stale.difference(&read).cloned().collect();
        let current = self.units.keys().cloned().chain(read).collect();
        let recursions = self.recursions.clone();
        Snapshot { recursions, ..self.finish(&current, stale) }
    }

    /// The snapshot, see [`Snapshot::updated`].
    pub fn finish(self, current: &BTreeSet<Arc<str>>, stale: BTreeSet<Arc<str>>) -> Snapshot {
        let Update { mut units, mut unsaved, debug_assertions, circumstances, read, .. } = self;
        units.retain(|run, _| current.contains(run) || stale.contains(run));
        // With all their futures.
        let mut old = HashMap::new();
        for read in &read {
            let last = units.remove(&read.origin).filter(|unit| unit.stamp != ahead::STAMP);
            let before = units.remove(&*ahead::before(&read.origin));
            old.insert(read.origin.clone(), last.or(before));
            unsaved.remove(&read.origin);
        }
        // All bodies first, since a unit may instantiate those of another.
        let mut index = BodyIndex::among(circumstances.versions.keys());
        for unit in units.values().map(|unit| &**unit).chain(read.iter().map(|read| &read.unit)) {
            index.insert(unit.bodies.clone(), unit.is_library);
        }
        let runs = units.iter().map(|(origin, unit)| (origin, &**unit));
        for (origin, unit) in runs.chain(read.iter().map(|read| (&read.origin, &read.unit))) {
            if let Some((krate, _)) = origin.rsplit_once('-').filter(|_| unit.is_library) {
                index.insert_library(krate);
            }
        }
        for Added { origin, name, texts, mut unit, is_ahead } in read {
            // They were there when it was added. Without numbers it is as if it had never been measured.
            let Some(sizes) = texts.sizes() else { continue };
            let sizes = TypeSizes::parse(&sizes);
            let (package, unit_name) = (&*name.0, &*name.1);
            let source =
                layout::Source { origin: &origin, package, unit: unit_name, sizes: &sizes, bodies: &index };
            unit.futures = layout::futures(&source).into_iter().map(Arc::new).collect();
            unit.boxed_when_large = layout::boxed_when_large(&source);
            unit.compare(&sizes, &index);
            if is_ahead {
                let known = old.get(&origin).and_then(|known| known.as_deref());
                let rest = ahead::split(&mut unit, &origin, known);
                units.extend(rest.map(|rest| (ahead::before(&origin), Arc::new(rest))));
            }
            units.insert(origin, Arc::new(unit));
        }
        let mut snapshot = Snapshot { units, stale, unsaved, debug_assertions, ..circumstances };
        snapshot.place_futures();
        snapshot
    }
}

fn view_of<'a>(
    files: &'a mut HashMap<PathBuf, Vec<FileView>>,
    file: &Path,
    path: &Arc<str>,
    outline: &Outline,
    standing: Standing,
) -> &'a mut FileView {
    let views = files.entry(file.to_owned()).or_default();
    let same = |view: &FileView| view.standing == standing && view.outline.text() == outline.text();
    let index = views.iter().position(same).unwrap_or_else(|| {
        let (path, outline, sites) = (path.clone(), outline.clone(), BTreeMap::new());
        views.push(FileView { path, outline, standing, sites });
        views.len() - 1
    });
    &mut views[index]
}

impl Unit {
    /// Reads and places the bodies; the futures come when all bodies are known. What was read before and did
    /// not change since is not read again. `None` if a dump cannot be had.
    fn read(text: &UnitText<'_>, before: Option<&Unit>) -> Option<Unit> {
        let before = before.map(|unit| Before::new(unit, text));
        let dumps: Vec<(usize, &str, u64)> =
            text.bodies.iter().enumerate().map(|(index, (name, digest))| (index, *name, *digest)).collect();
        let own: HashSet<&str> = text.sources.iter().map(|(file, _)| *file).collect();
        let read = parallel::map(&dumps, |&(index, name, digest)| {
            if let Some((name, dump)) = before.as_ref().and_then(|before| before.dump(name, digest)) {
                return Some((name.clone(), dump.clone(), None));
            }
            let (body, example) = read_body(text, &own, name, &text.texts.body(index)?);
            Some((name.into(), Dump { digest, body: None, example }, body))
        });
        let read = read.into_iter().collect::<Option<Vec<_>>>()?;
        let mut fresh: Vec<(usize, Body)> = Vec::new();
        let take = |(index, (name, dump, body)): (usize, (Arc<str>, Dump, Option<Body>))| {
            fresh.extend(body.map(|body| (index, body)));
            (name, dump)
        };
        let mut read: Vec<(Arc<str>, Dump)> = read.into_iter().enumerate().map(take).collect();
        let known = read.iter().filter_map(|(_, dump)| dump.body.as_deref());
        let files = outlines(text, known.chain(fresh.iter().map(|(_, body)| body)), before.as_ref());
        let mut places = HashMap::new();
        if let Some(before) = &before {
            let known = read.iter().filter_map(|(_, dump)| dump.body.as_deref());
            let known = known.filter_map(|body| before.unit.places.get_key_value(&body.def_path));
            places.extend(known.map(|(path, place)| (path.clone(), place.clone())));
        }
        // One copy of each text in all that was read now.
        let mut texts: HashSet<Arc<str>> = files.keys().cloned().collect();
        let declared = declared_in(text.sources.iter().map(|(_, text)| *text));
        let others = text.sources.iter().filter(|(file, _)| !files.contains_key(*file));
        let other_words = words::all(others.map(|(_, text)| *text));
        for (index, mut body) in fresh {
            let place = place(&files, &mut body);
            set_parameters(&files, &mut body, place.as_ref(), |name| declared.contains(name));
            body.name_patterns(&|span| written(&files, span));
            let place = place.and_then(|mut place| {
                let (file, outline) = files.get_key_value(&place.file)?;
                place.file = file.clone();
                Some((place, outline))
            });
            let made_by = place.as_ref().and_then(|(place, outline)| {
                let site = outline.sites().get(place.site)?;
                let is_foreign = body.span.as_ref().is_some_and(|span| !own.contains(&*span.file));
                let range = match site.kind {
                    SiteKind::MacroCall => site.range,
                    // `async || m!()`
                    SiteKind::AsyncClosure if is_foreign => site.body,
                    _ if is_foreign => site.token,
                    _ => return None,
                };
                Some(outline.span(&place.file, range))
            });
            let call = |away: &Away| {
                let (before, after) = (away.before.as_ref(), away.after.as_ref());
                source::call_of(&files, &away.span.file, away.name.as_deref(), before, after)
            };
            body.bring_home(&call, made_by.as_ref());
            if let Some((place, _)) = place {
                body.end_scopes(&|declared, at| {
                    source::scope_end(&files, (&place.file, place.site), declared, at)
                });
                places.insert(body.def_path.clone(), place);
            }
            body.pack(&mut texts);
            read[index].1.body = Some(Arc::new(body));
        }
        let mut bodies: Vec<&mut Arc<Body>> =
            read.iter_mut().filter_map(|(_, dump)| dump.body.as_mut()).collect();
        let crate_texts: Vec<&str> = text.sources.iter().map(|(_, text)| *text).collect();
        written::name_all(&mut bodies, &places, &files, &crate_texts);
        let mut unit = Unit {
            stamp: text.stamp,
            language: text.language(),
            name: [text.package, text.unit].map(Into::into),
            is_library: text.unit.starts_with("lib"),
            dir: text.dir.into(),
            bodies: Arc::new(Bodies::new(read.iter().filter_map(|(_, dump)| dump.body.clone()).collect())),
            futures: Vec::new(),
            boxed_when_large: HashSet::new(),
            files,
            places,
            dumps: read.into_iter().collect(),
            unread: HashSet::new(),
            other_words,
            declared,
            own: HashSet::new(),
            drift: Vec::new(),
        };
        unit.look_at_bodies(text);
        Some(unit)
    }

    /// Notes what of the bodies could not be read, and what was not even asked for.
    fn look_at_bodies(&mut self, text: &UnitText<'_>) {
        let all = self.dumps.len();
        let mut note = |missing, is_it: &dyn Fn(&Dump) -> bool| {
            let unread: Vec<&Dump> = self.dumps.values().filter(|dump| is_it(dump)).collect();
            if let Some(first) = unread.iter().min_by_key(|dump| &dump.example) {
                self.drift.push(Drift::new(missing, (unread.len(), all), first.example.as_deref()));
            }
        };
        let unread = |dump: &Dump| dump.body.as_ref().map_or(Unread::default(), |body| body.unread);
        note(Missing::Places, &|dump| dump.body.is_none() || unread(dump).place);
        note(Missing::Declarations, &|dump| unread(dump).layout);
        note(Missing::Reasons, &|dump| unread(dump).code && !unread(dump).layout);
        note(Missing::Predictions, &|dump| unread(dump).conflicts && !unread(dump).layout);
        note(Missing::Names, &|dump| dump.body.as_ref().is_some_and(|body| body.is_raw));
        if all > 0 && text.sources.is_empty() {
            self.drift.push(Drift::new(Missing::Sources, (1, 1), None));
        }
        for flag in text.without {
            let missing = match flag.as_str() {
                flag if flag.starts_with("-Zprint-mono-items") => Missing::Instances,
                "--emit=obj" => {
                    let of_executable = "the tests of a crate, of which this compiler lists no instances";
                    self.drift.push(Drift::new(Missing::Generic, (1, 1), Some(of_executable)));
                    continue;
                }
                flag if flag.starts_with("-Zdump-mir") || flag.starts_with("-Zmir-include") => {
                    Missing::Places
                }
                _ => continue,
            };
            let known = self.drift.iter_mut().find(|drift| drift.missing == missing);
            let example = format!("error: unknown unstable option: {flag}");
            match known {
                Some(known) => known.example = example,
                None if missing == Missing::Instances => {
                    self.drift.push(Drift::new(missing, (1, 1), Some(&example)));
                }
                // Of how many futures, is known when they are.
                None => self.drift.push(Drift::new(missing, (0, 0), Some(&example))),
            }
        }
    }

    /// Compares what was read of sizes with itself and with the bodies.
    fn compare(&mut self, sizes: &TypeSizes<'_>, bodies: &BodyIndex) {
        let all = self.futures.len();
        let unread: Vec<&Arc<Future>> =
            self.futures.iter().filter(|future| future.states.is_empty()).collect();
        if !unread.is_empty() {
            let differ = "the two dumps differ about what the states hold";
            let example = sizes.example.or(Some(differ));
            let drift = Drift::new(Missing::States, (unread.len(), all), example);
            self.drift.push(drift.with_futures(unread.into_iter()));
        }
        let measured: HashSet<&Arc<str>> =
            self.futures.iter().filter_map(|future| Some(&future.body.as_ref()?.def_path)).collect();
        let lost: HashSet<Arc<str>> = self
            .bodies
            .iter()
            .filter(|body| body.is_concrete() && !measured.contains(&body.def_path))
            .map(|body| body.def_path.clone())
            .collect();
        // A body may be there that nothing lays out, for a reason that is not known here: not all can be of that kind.
        let is_raw = |future: &Arc<Future>| future.body.is_none() && future.id.starts_with("{static ");
        let is_lost = sizes.example.is_some() || all == 0 || self.futures.iter().any(is_raw);
        if is_lost && (sizes.skipped > 0 || !lost.is_empty()) {
            let count = lost.len().max(1);
            let of = self.bodies.len().max(count);
            self.drift.push(Drift::new(Missing::Futures, (count, of), sizes.example));
            self.unread = lost;
        }
        if sizes.types.iter().any(|ty| !ty.is_whole)
            && self.drift.iter().all(|drift| !matches!(drift.missing, Missing::States | Missing::Predictions))
        {
            // Of other types only alignments and wrappers are needed.
            self.drift.push(Drift::new(Missing::Predictions, (all, all), sizes.example));
        }
        let raw = self.futures.iter().filter(|future| is_raw(future));
        let raw: Vec<Arc<Future>> = raw.cloned().collect();
        if !raw.is_empty() && self.drift.iter().all(|drift| drift.missing != Missing::Names) {
            let drift = Drift::new(Missing::Names, (raw.len(), all), Some(&raw[0].ty));
            self.drift.push(drift.with_futures(raw.iter()));
        }
        self.own = self.find_own(bodies);
        self.declared = HashSet::new();
        let is_placed = |body: &Body| self.places.contains_key(&body.def_path) || body.is_raw;
        let of_this =
            |body: &&Arc<Body>| self.bodies.first().is_some_and(|first| first.origin == body.origin);
        let is_nowhere = |future: &&Arc<Future>| match &future.body {
            Some(body) => Some(body).filter(of_this).is_some_and(|body| !is_placed(body)),
            None => self.is_own(future),
        };
        let own: Vec<&Arc<Future>> = self.futures.iter().filter(is_nowhere).collect();
        let known = self.drift.iter().position(|drift| drift.missing == Missing::Places && drift.of == 0);
        let without = known.map(|known| self.drift.remove(known).example);
        if !own.is_empty() {
            let first: Vec<&str> = own.iter().take(3).map(|future| &*future.id).collect();
            let named = first.join("`, `");
            let example = without.as_deref().or(Some(&named));
            let drift = Drift::new(Missing::Places, (own.len(), all), example);
            let drift = drift.with_futures(own.into_iter());
            self.drift.retain(|drift| drift.missing != Missing::Places);
            self.drift.push(drift);
        }
    }

    /// Identities of the futures that are of the workspace, for all that no body is theirs. If all bodies are known,
    /// their paths tell: what they name is declared here. Else it has to do that they begin with something that is.
    fn find_own(&self, bodies: &BodyIndex) -> HashSet<Arc<str>> {
        let is_known = |dump: &Dump| dump.body.as_ref().is_some_and(|body| !body.is_raw);
        let is_whole = !self.dumps.is_empty() && self.dumps.values().all(is_known);
        let is_declared = |name: &str| self.declared.contains(name);
        let is_own = |future: &&Arc<Future>| {
            let is_raw = future.id.starts_with("{static ");
            let path = future.id.trim_start_matches("{static ");
            let path = names::defining_names(path);
            match path.first() {
                // Of those that are not generic the library tells itself.
                Some(first) if bodies.has_library(first) => future.id.trim_start_matches('<').contains('<'),
                Some(_) if is_whole && !is_raw => path.into_iter().all(is_declared),
                Some(first) => is_declared(first),
                None => false,
            }
        };
        let without_body = self.futures.iter().filter(|future| future.body.is_none());
        without_body.filter(is_own).map(|future| future.id.clone()).collect()
    }

    fn is_own(&self, future: &Future) -> bool {
        self.own.contains(&future.id)
    }

    /// The text a body is placed in, and the compiler's path of it.
    fn text_of(&self, body: &Body) -> Option<(&Arc<str>, &Outline)> {
        self.files.get_key_value(&self.places.get(&body.def_path)?.file)
    }

    fn location(&self, body: &Body) -> Option<Location> {
        let place = self.places.get(&body.def_path)?;
        let outline = self.files.get(&place.file)?;
        let token = outline.sites().get(place.site)?.token;
        Some(Location {
            file: absolute(&self.dir, &place.file),
            at: outline.line_col(token.start()),
            site: place.site,
        })
    }
}

/// A unit as it was measured before, and which of its files have not changed since.
struct Before<'a> {
    unit: &'a Unit,
    unchanged: HashSet<&'a str>,
}

impl<'a> Before<'a> {
    fn new(unit: &'a Unit, text: &UnitText<'_>) -> Self {
        let now: HashMap<&str, &str> = text.sources.iter().copied().collect();
        let is_unchanged =
            |(path, outline): &(&Arc<str>, &Outline)| now.get(&***path) == Some(&&**outline.text());
        let unchanged = unit.files.iter().filter(is_unchanged).map(|(path, _)| &**path).collect();
        Before { unit, unchanged }
    }

    /// A dump that is as it was, of a body that is where it was: not one that a macro of another file made.
    fn dump(&self, name: &str, digest: u64) -> Option<(&'a Arc<str>, &'a Dump)> {
        let (name, dump) = self.unit.dumps.get_key_value(name).filter(|(_, dump)| dump.digest == digest)?;
        let body = dump.body.as_deref()?;
        let place = self.unit.places.get(&body.def_path)?;
        let is_its_own = body.span.as_ref().is_some_and(|span| span.file == place.file);
        let is_unchanged = body.files.iter().all(|file| self.unchanged.contains(&**file));
        (is_its_own && is_unchanged).then_some((name, dump))
    }

    fn outline(&self, path: &str) -> Option<(&'a Arc<str>, &'a Outline)> {
        self.unit.files.get_key_value(path).filter(|_| self.unchanged.contains(path))
    }
}

/// The names of modules, functions and types that are declared anywhere in these texts.
fn declared_in<'a>(texts: impl Iterator<Item = &'a str>) -> HashSet<Box<str>> {
    const KEYWORDS: [&str; 6] = ["mod", "fn", "struct", "enum", "union", "trait"];
    let words = texts.flat_map(|text| text.split(|char: char| !(char == '_' || char.is_alphanumeric())));
    let mut words = words.filter(|word| !word.is_empty()).peekable();
    let mut found = HashSet::new();
    while let Some(word) = words.next() {
        if KEYWORDS.contains(&word) {
            found.extend(words.peek().map(|name| Box::from(*name)));
        }
    }
    found
}

/// What the user wrote at a place, on one line. In a macro's definition a part of it may be the macro's.
fn written(files: &BTreeMap<Arc<str>, Outline>, span: &Span) -> Option<String> {
    let outline = files.get(&span.file)?;
    let words = outline.text()[outline.range(span)?].split_whitespace();
    Some(words.collect::<Vec<_>>().join(" ")).filter(|text| !text.contains('$'))
}

/// Tells a body which of the names in its type are generic parameters: those that the items around it declare. Of what a
/// macro made the items may be the macro's. There a name that is no type of the crate is one, if it is written like one.
fn set_parameters(
    files: &BTreeMap<Arc<str>, Outline>,
    body: &mut Body,
    place: Option<&source::Placement>,
    is_type: impl Fn(&str) -> bool,
) {
    let of_place = place.and_then(|place| {
        let outline = files.get(&place.file)?;
        Some((outline, outline.sites().get(place.site)?.body.start()))
    });
    let of_span = |span: &Span| {
        let outline = files.get(&span.file)?;
        Some((outline, outline.offset(span.start)?))
    };
    let around = [of_place, body.span.as_ref().and_then(of_span), body.impl_span.as_ref().and_then(of_span)];
    let names = around.into_iter().flatten().flat_map(|(outline, at)| outline.generics_around(at));
    // A trait's own methods are of it.
    let names: HashSet<String> = names.chain(["Self"]).map(str::to_owned).collect();
    let is_macros = place.is_none_or(|place| place.made_by_macro);
    let could_be = |name: &str| is_macros && name.starts_with(char::is_uppercase) && !is_type(name);
    body.set_parameters(|name| names.contains(name) || could_be(name));
}

/// Reads one dump; second, the first line that was not as expected. `own` are the files of its crate.
fn read_body(
    text: &UnitText<'_>,
    own: &HashSet<&str>,
    name: &str,
    dump: &str,
) -> (Option<Body>, Option<Box<str>>) {
    let first_line = || dump.lines().next().unwrap_or("an empty dump").into();
    let Some(parsed) = CoroutineBody::parse(dump) else { return (None, Some(first_line())) };
    let Some(mut body) = Body::new(text.origin, text.krate, name, &parsed) else {
        return (None, Some(first_line()));
    };
    body.package = text.package.into();
    body.look_around(&parsed, dump, &|file| own.contains(file));
    if body.span.as_ref().is_some_and(|span| !own.contains(&*span.file)) {
        // Made by another crate's macro: which call made it, only its statements tell.
        body.add_spans(&crate::dump::coroutine::statement_spans(dump));
    }
    (Some(body), parsed.example.map(Into::into))
}

/// Places a body, and puts right what the source tells about it.
fn place(files: &BTreeMap<Arc<str>, Outline>, body: &mut Body) -> Option<source::Placement> {
    let span = body.span.clone()?;
    let segments = body.segments();
    let query = source::CompiledBody {
        span: &span,
        spans: &body.spans,
        path: &segments,
        impl_span: body.impl_span.as_ref(),
        type_path: body.path(),
    };
    let place = source::place(files, &query)?;
    let header = source::header_span(files, &query);
    body.header = Some(header);
    let outline = files.get(&place.file)?;
    body.set_compiled(written::compiled(body, &place, outline));
    Some(place)
}

/// Outlines of the texts a place could be in: those that a body mentions. If a body was made by another
/// crate's macro and mentions none, all of them.
fn outlines<'a>(
    text: &UnitText<'_>,
    bodies: impl Iterator<Item = &'a Body>,
    before: Option<&Before<'_>>,
) -> BTreeMap<Arc<str>, Outline> {
    let sources: HashSet<&str> = text.sources.iter().map(|(file, _)| *file).collect();
    let mut named: HashSet<&str> = HashSet::new();
    let mut everything = false;
    for body in bodies {
        named.extend(body.files.iter().map(|file| &**file));
        everything |= body.files.iter().all(|file| !sources.contains(&**file));
    }
    let wanted = text.sources.iter().filter(|(file, _)| everything || named.contains(file));
    let outline = |(file, text): &(&str, &str)| match before.and_then(|before| before.outline(file)) {
        Some((file, outline)) => (file.clone(), outline.clone()),
        None => ((*file).into(), Outline::new((*text).into())),
    };
    let wanted: Vec<(&str, &str)> = wanted.copied().collect();
    parallel::map(&wanted, outline).into_iter().collect()
}
