//! The compiler runs that were measured: what each compiles, and how.

use crate::compiler::{
    BuildError, Invocation, MeasuredUnit, Project, UnitError, UnitFile, UnitHead, UnitOutput,
};
use crate::dump::absolute;
use crate::features::Snapshot;
use crate::features::language::Language;
use crate::features::snapshot::{PrintedTexts, PrintedUnit, Update};
use crate::unit_id::UnitId;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// By `CRATE-HASH`.
#[derive(Debug, Clone, Default)]
pub struct Units(BTreeMap<UnitId, Arc<Known>>);

#[derive(Debug)]
struct Known {
    measured: MeasuredUnit,
    /// Read from the kept file when first needed; none if that is not possible.
    compiled: OnceLock<Option<HowCompiled>>,
}

#[derive(Debug)]
struct HowCompiled {
    /// Where relative paths start.
    dir: PathBuf,
    invocation: Invocation,
    /// Absolute paths.
    sources: BTreeSet<PathBuf>,
}

impl HowCompiled {
    fn new<'a>(
        dir: &Path,
        invocation: Option<&Invocation>,
        sources: impl Iterator<Item = &'a str>,
    ) -> Option<Self> {
        let sources = sources.map(|file| absolute(dir, file)).collect();
        Some(HowCompiled { dir: dir.to_owned(), invocation: invocation?.clone(), sources })
    }

    fn of(unit: &UnitOutput) -> Option<Self> {
        Self::new(&unit.dir, unit.invocation.as_ref(), unit.sources().map(|(file, _)| file))
    }

    fn of_kept(unit: &UnitHead) -> Option<Self> {
        Self::new(unit.dir(), unit.invocation(), unit.sources())
    }
}

impl Units {
    /// Is it not known how anything is compiled?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one that was measured.
    pub(super) fn insert(&mut self, measured: MeasuredUnit) {
        let known = Known { measured, compiled: OnceLock::new() };
        self.0.insert(known.measured.origin(), Arc::new(known));
    }

    /// Adds one that does not compile, and gives its name.
    pub(super) fn insert_failed(&mut self, unit: &UnitOutput) -> Option<UnitId> {
        let compiled = HowCompiled::of(unit)?;
        let origin = compiled.invocation.origin();
        let krate = origin.crate_name().to_owned();
        let file = format!("{origin}.futurelens").into();
        let measured = MeasuredUnit { krate, file, ..MeasuredUnit::default() };
        self.0.insert(origin.clone(), Arc::new(Known { measured, compiled: OnceLock::from(Some(compiled)) }));
        Some(origin)
    }

    fn compiled(&self, origin: &UnitId) -> Option<&HowCompiled> {
        let known = self.0.get(origin)?;
        // Not as somebody else has compiled it meanwhile who shares the target directory.
        let read = || HowCompiled::of_kept(known.measured.open().ok()?.head());
        known.compiled.get_or_init(read).as_ref()
    }

    /// How a unit is compiled.
    pub(super) fn invocation(&self, origin: &UnitId) -> Result<&Invocation, BuildError> {
        let compiled = self.compiled(origin).map(|compiled| &compiled.invocation);
        compiled.ok_or_else(|| BuildError::NoOverlay {
            reason: format!("how `{origin}` is compiled is not known"),
        })
    }

    /// Where relative paths of a unit start.
    pub(super) fn dir(&self, origin: &UnitId) -> PathBuf {
        self.compiled(origin).map(|compiled| compiled.dir.clone()).unwrap_or_default()
    }

    /// Is a file part of a unit?
    pub(super) fn has_file(&self, origin: &UnitId, file: &Path) -> bool {
        self.compiled(origin).is_some_and(|compiled| compiled.sources.contains(file))
    }

    /// How the units are compiled that one of the project's files is part of.
    pub(super) fn of_files(&self, project: &Project, files: &BTreeSet<PathBuf>) -> Vec<&Invocation> {
        let packages: BTreeSet<&str> = files.iter().filter_map(|file| project.package_of(file)).collect();
        let of_packages = self.0.iter().filter(|(_, known)| packages.contains(&*known.measured.package));
        let compiled = of_packages.filter_map(|(origin, _)| self.compiled(origin));
        let with_files = compiled.filter(|compiled| !compiled.sources.is_disjoint(files));
        with_files.map(|compiled| &compiled.invocation).collect()
    }

    /// The unit, and all others that one of the files is part of.
    pub(super) fn with_files<'a>(
        &self,
        origin: &UnitId,
        files: impl Iterator<Item = &'a PathBuf> + Clone,
    ) -> Vec<UnitId> {
        let others = self.0.keys().filter(|other| *other != origin);
        let others = others.filter(|other| files.clone().any(|file| self.has_file(other, file)));
        std::iter::once(origin).chain(others).cloned().collect()
    }

    /// The snapshot with one unit as it came out of a compile.
    pub(super) fn updated(&self, base: &Snapshot, origin: &UnitId, content: &Arc<UnitOutput>) -> Snapshot {
        let Some(known) = self.0.get(origin) else { return base.clone() };
        let all = base.origins().chain([origin.clone()]).collect();
        base.updated(&[unit_text(origin, &known.measured, content)], &all, BTreeSet::new())
    }

    /// The dumped bodies of a unit as it was measured whose files have such names. `None` if they cannot be read.
    pub(super) fn bodies(
        &self,
        origin: &UnitId,
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Option<BTreeMap<String, String>> {
        let known = self.0.get(origin)?;
        let kept = told(&known.measured.file, known.measured.open())?;
        let wanted = kept.digests().enumerate().filter(|(_, (name, _))| is_wanted(name));
        let read = |(index, (name, _)): (usize, (&str, u64))| {
            Some((name.to_owned(), told(&known.measured.file, kept.body(index))?))
        };
        wanted.map(read).collect()
    }
}

/// They are all in memory.
impl PrintedTexts for UnitOutput {
    fn sizes(&self) -> Option<Cow<'_, str>> {
        Some(UnitOutput::sizes(self).into())
    }

    fn body(&self, index: usize) -> Option<Cow<'_, str>> {
        UnitOutput::body(self, index).map(Cow::Borrowed)
    }
}

/// Each is read when it is asked for.
impl PrintedTexts for UnitFile {
    fn sizes(&self) -> Option<Cow<'_, str>> {
        told(self.path(), UnitFile::sizes(self)).map(Cow::Owned)
    }

    fn body(&self, index: usize) -> Option<Cow<'_, str>> {
        told(self.path(), UnitFile::body(self, index)).map(Cow::Owned)
    }
}

/// Tells why a kept unit is of no use.
fn told<T>(file: &Path, read: Result<T, UnitError>) -> Option<T> {
    read.inspect_err(|error| tracing::info!("{}: {error}", file.display())).ok()
}

/// How an edit of a unit's crate has to be written.
pub(super) fn language(unit: &UnitOutput) -> Language {
    let invocation = unit.invocation.as_ref();
    let edition = invocation.map_or("", |invocation| invocation.edition());
    let rust_version = invocation.and_then(|invocation| invocation.rust_version());
    Language::new(edition, rust_version, unit.sources().map(|(_, text)| text))
}

/// What a snapshot is made of, from a unit in memory.
pub(super) fn unit_text<'a>(
    origin: &'a UnitId,
    measured: &'a MeasuredUnit,
    content: &'a Arc<UnitOutput>,
) -> PrintedUnit<'a> {
    PrintedUnit {
        bodies: content.digests().collect(),
        sources: content.sources().collect(),
        without: &content.without,
        ..without_texts(origin, measured, &content.dir, content.invocation.as_ref(), content.clone())
    }
}

/// Adds a kept unit to a snapshot in the making; without a stamp it is one of which only the concrete futures were
/// measured. False if what is kept is of no use.
pub(super) fn add_kept(update: &mut Update, measured: &MeasuredUnit, stamp: Option<u64>) -> bool {
    let Some(kept) = told(&measured.file, measured.open()).map(Arc::new) else { return false };
    let (origin, head) = (measured.origin(), kept.head());
    if !head.is_text_known() && update.stamp(&origin).is_some() {
        // Saved while it was compiled: the next build is due, and numbers without their text cannot be shown.
        return true;
    }
    let Some(sources) = told(&measured.file, kept.sources()) else { return false };
    let text = PrintedUnit {
        stamp: stamp.unwrap_or_default(),
        bodies: kept.digests().collect(),
        sources: sources.iter().map(|(file, text)| (*file, text.as_str())).collect(),
        without: head.without(),
        ..without_texts(&origin, measured, head.dir(), head.invocation(), kept.clone())
    };
    let is_added = if stamp.is_some() { update.add(&text) } else { update.add_quick_pass(&text) };
    // Its sizes are read when the bodies of all units are known.
    kept.put_away();
    is_added
}

fn without_texts<'a>(
    origin: &'a UnitId,
    measured: &'a MeasuredUnit,
    dir: &'a Path,
    invocation: Option<&'a Invocation>,
    texts: Arc<dyn PrintedTexts>,
) -> PrintedUnit<'a> {
    PrintedUnit {
        origin,
        stamp: 0,
        package: &measured.package,
        krate: &measured.krate,
        unit: &measured.unit,
        edition: invocation.map_or("", |invocation| invocation.edition()),
        rust_version: invocation.and_then(|invocation| invocation.rust_version()),
        dir,
        texts,
        bodies: Vec::new(),
        sources: Vec::new(),
        without: &[],
    }
}
