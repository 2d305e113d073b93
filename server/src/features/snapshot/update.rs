//! A snapshot in the making: units are taken in one by one, then every future gets its place.

use super::unit::{PrintedTexts, ReadUnit};
use super::{FileView, Placed, PrintedUnit, Recursion, Snapshot, Standing, quick_pass};
use crate::dump::TypeSizes;
use crate::layout::{self, BodyIndex, Future};
use crate::source::Outline;
use crate::unit_id::UnitId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Snapshot {
    /// The same workspace after a build. `texts` are the units measured now, `current` names all units
    /// whose numbers hold, `stale` those that do not compile as they are now; a unit in none of them is
    /// gone. One whose texts cannot be had is as it was before.
    pub fn updated(
        &self,
        texts: &[PrintedUnit<'_>],
        current: &BTreeSet<UnitId>,
        stale: BTreeSet<UnitId>,
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

    fn place_futures(&mut self) {
        // Libraries first: an instance that a library and a binary both use is the library's. A library
        // and the same library with its unit tests are two runs with the same futures.
        let mut units: Vec<&Arc<ReadUnit>> = self.units.values().collect();
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
        let is_own = |unit: &ReadUnit, future: &Future| {
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
    units: BTreeMap<UnitId, Arc<ReadUnit>>,
    stale: BTreeSet<UnitId>,
    unsaved: BTreeSet<UnitId>,
    circumstances: Snapshot,
    recursions: Vec<Recursion>,
    /// Units of which the bodies were read.
    read: Vec<Added>,
}

/// A unit without its futures, and what is needed to make them.
#[derive(Debug)]
struct Added {
    origin: UnitId,
    /// The package's name, and `lib`, `bin NAME`, …
    name: (String, String),
    texts: Arc<dyn PrintedTexts>,
    unit: ReadUnit,
    /// Only its concrete futures are known, see [`Update::add_quick_pass`].
    is_quick_pass: bool,
}

impl Update {
    /// For these circumstances: by what, for what and of what it is measured.
    pub fn under(self, circumstances: Snapshot) -> Self {
        Update { circumstances, ..self }
    }

    /// The compiler runs that are known.
    pub fn origins(&self) -> impl Iterator<Item = UnitId> {
        self.units.keys().cloned()
    }

    /// Reads a unit that was measured now. False if its texts cannot be had; nothing is changed then.
    pub fn add(&mut self, text: &PrintedUnit<'_>) -> bool {
        self.read(text, false)
    }

    /// Takes a unit as another snapshot has it, with its futures. False if that has not this measurement of it; nothing is
    /// changed then.
    pub fn adopt(&mut self, origin: &UnitId, stamp: u64, other: &Snapshot) -> bool {
        let Some(unit) = other.units.get(origin).filter(|unit| unit.stamp == stamp) else { return false };
        self.read.retain(|known| known.origin != *origin);
        self.units.remove(&*quick_pass::before(origin));
        self.units.insert(origin.clone(), unit.clone());
        self.unsaved.remove(origin);
        true
    }

    /// Reads a unit of which the concrete futures were measured now, those that are not generic. The others are
    /// as they were measured before, if their bodies are still there. False if its texts cannot be had.
    pub fn add_quick_pass(&mut self, text: &PrintedUnit<'_>) -> bool {
        self.read(text, true)
    }

    fn read(&mut self, text: &PrintedUnit<'_>, is_quick_pass: bool) -> bool {
        // They are read when the bodies of all units are known: by then it is too late to do without.
        let has_sizes = text.texts.sizes().is_some();
        let before = self.units.get(text.origin).map(|unit| &**unit);
        let Some(mut unit) = ReadUnit::read(text, before).filter(|_| has_sizes) else { return false };
        if is_quick_pass {
            unit.stamp = quick_pass::STAMP;
        }
        self.read.retain(|known| known.origin != *text.origin);
        let name = (text.package.to_owned(), text.unit.to_owned());
        let texts = text.texts.clone();
        self.read.push(Added { origin: text.origin.into(), name, texts, unit, is_quick_pass });
        true
    }

    /// The stamp of a unit, as measured now or as it was.
    pub fn stamp(&self, origin: &UnitId) -> Option<u64> {
        let read = self.read.iter().find(|read| read.origin == *origin).map(|read| read.unit.stamp);
        read.or_else(|| self.units.get(origin).map(|unit| unit.stamp))
    }

    /// The snapshot with what was read so far, while the build goes on.
    pub fn finish_early(self) -> Snapshot {
        let read: BTreeSet<UnitId> = self.read.iter().map(|read| read.origin.clone()).collect();
        let stale = self.stale.difference(&read).cloned().collect();
        let current = self.units.keys().cloned().chain(read).collect();
        let recursions = self.recursions.clone();
        Snapshot { recursions, ..self.finish(&current, stale) }
    }

    /// The snapshot, see [`Snapshot::updated`].
    pub fn finish(self, current: &BTreeSet<UnitId>, stale: BTreeSet<UnitId>) -> Snapshot {
        let Update { mut units, mut unsaved, debug_assertions, circumstances, read, .. } = self;
        units.retain(|run, _| current.contains(run) || stale.contains(run));
        // With all their futures.
        let mut old = HashMap::new();
        for read in &read {
            let last = units.remove(&read.origin).filter(|unit| unit.stamp != quick_pass::STAMP);
            let before = units.remove(&*quick_pass::before(&read.origin));
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
        for Added { origin, name, texts, mut unit, is_quick_pass } in read {
            // They were there when it was added. Without numbers it is as if it had never been measured.
            let Some(sizes) = texts.sizes() else { continue };
            let sizes = TypeSizes::parse(&sizes);
            let (package, unit_name) = (&*name.0, &*name.1);
            let source =
                layout::Source { origin: &origin, package, unit: unit_name, sizes: &sizes, bodies: &index };
            unit.futures = layout::futures(&source).into_iter().map(Arc::new).collect();
            if !is_quick_pass {
                // Those of executors are instances: a quick pass has none.
                unit.allocations = layout::allocations(&source);
            }
            unit.compare(&sizes, &index);
            if is_quick_pass {
                let known = old.get(&origin).and_then(|known| known.as_deref());
                let rest = quick_pass::split(&mut unit, &origin, known);
                units.extend(rest.map(|rest| (quick_pass::before(&origin), Arc::new(rest))));
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
