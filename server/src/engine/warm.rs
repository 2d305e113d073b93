//! What an earlier session measured, read back before anything is built.

use super::units;
use crate::compiler::{Index, Indexed, MeasuredUnit, Outcome, Project, Request, ride_along};
use crate::features::Snapshot;
use crate::unit_id::UnitId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// The numbers that were kept for a request. They hold for a project only if that is the one they were measured
/// in, see [`Warm::of`].
#[derive(Debug)]
pub struct Warm {
    target_dir: PathBuf,
    snapshot: Snapshot,
}

/// Which units of an index are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those that did not compile in the end, too.
    All,
    /// Those that did.
    Current,
}

impl Warm {
    /// Reads what was kept in a target directory for a request for a whole workspace; none if there is nothing.
    pub fn read(target_dir: &Path, request: &Request) -> Option<Self> {
        let index = Index::read(target_dir, request, None)?;
        let read = Self::units(index, target_dir, &request.profile, &Snapshot::default(), Which::All);
        // Nothing to show yet.
        Some(read).filter(|warm| warm.snapshot.origins().next().is_some())
    }

    /// Reads what rode along with the user's own builds of the same profile, for a target. What `base` has is not
    /// read again.
    pub fn rode_along(folder: &Path, request: &Request, triple: &str, base: &Snapshot) -> Option<Self> {
        let request = ride_along::request(request, triple);
        let index = Index::read(folder, &request, None)?;
        let (compiler, root, profile) = (&base.compiler, &base.root, &base.profile);
        let is_base = (&index.compiler, &index.root, &request.profile) == (compiler, root, profile)
            && index.target == base.target;
        let nothing = Snapshot::default();
        Some(Self::units(index, folder, &request.profile, if is_base { base } else { &nothing }, Which::All))
    }

    fn units(index: Index, target_dir: &Path, profile: &str, base: &Snapshot, which: Which) -> Self {
        // Whose a body is depends on which crates there are.
        let mut circumstances = Snapshot::default();
        circumstances.versions.clone_from(&index.versions);
        let mut update = base.update().under(circumstances);
        update.debug_assertions = false;
        let (mut current, mut stale) = (BTreeSet::new(), BTreeSet::new());
        let units = index.units(target_dir).into_iter().filter(|unit| which == Which::All || !unit.stale);
        for Indexed { measured, stamp, stale: is_stale } in units {
            let origin = measured.origin();
            // What is damaged is measured again when something is built.
            if base.stamp(&origin) != Some(stamp) && !units::add_kept(&mut update, &measured, Some(stamp)) {
                continue;
            }
            update.debug_assertions |= measured.debug_assertions;
            let set = if is_stale { &mut stale } else { &mut current };
            set.insert(origin);
        }
        let mut snapshot = update.finish(&current, stale);
        snapshot.profile = profile.to_owned();
        (snapshot.root, snapshot.compiler) = (index.root, index.compiler);
        (snapshot.target, snapshot.versions) = (index.target, index.versions);
        Warm { target_dir: target_dir.to_owned(), snapshot }
    }

    /// The numbers, if they were measured in this project by the compiler that measures it now, for the same target.
    pub fn of(self, project: &Project, request: &Request) -> Option<Snapshot> {
        let is_it = self.target_dir == project.target_dir
            && self.snapshot.target == project.triple(request)
            && self.snapshot.compiler == project.toolchain().version
            && self.snapshot.root == project.root;
        is_it.then(|| self.with_budgets(project))
    }

    /// The numbers that rode along, if they are of this project and target, and of the compiler that is asked for if one
    /// is.
    pub fn beside(self, project: &Project, request: &Request) -> Option<Snapshot> {
        let is_it = self.snapshot.root == project.root
            && self.snapshot.target == project.triple(request)
            && (request.toolchain == "auto" || self.snapshot.compiler == project.toolchain().version);
        is_it.then(|| self.with_budgets(project))
    }

    fn with_budgets(self, project: &Project) -> Snapshot {
        let mut snapshot = self.snapshot;
        snapshot.budgets = super::budgets(project);
        snapshot
    }
}

/// What was kept, read while cargo is asked what of it is current: that takes as long.
#[derive(Debug)]
pub(super) struct ReadAhead {
    reading: Option<JoinHandle<Snapshot>>,
    read: Snapshot,
}

impl ReadAhead {
    /// Begins to read what the last build of a request has left, if the project and its compiler are as they were then.
    pub fn begin(project: &Project, request: &Request) -> Self {
        let is_it = |index: &Index| {
            index.root == project.root
                && index.compiler == project.toolchain().version
                && index.target == project.triple(request)
                && index.versions == project.versions()
        };
        let index = Index::read(&project.target_dir, request, project.part()).filter(is_it);
        let (target_dir, profile) = (project.target_dir.clone(), request.profile.clone());
        let reading = index.map(|index| {
            std::thread::spawn(move || {
                Warm::units(index, &target_dir, &profile, &Snapshot::default(), Which::Current).snapshot
            })
        });
        ReadAhead { reading, read: Snapshot::default() }
    }

    /// What was read.
    pub fn snapshot(&mut self) -> &Snapshot {
        if let Some(reading) = self.reading.take() {
            // Without it everything is read when its turn comes.
            self.read = reading.join().unwrap_or_default();
        }
        &self.read
    }
}

/// Keeps for the next session which units were measured.
pub(super) fn keep(project: &Project, request: &Request, outcome: &Outcome, snapshot: &Snapshot) {
    let stale: BTreeSet<UnitId> = snapshot.stale_origins().collect();
    let measured = outcome.units.iter().map(|unit| Indexed {
        measured: unit.measured.clone(),
        stamp: unit.stamp,
        stale: false,
    });
    let fate = |unit: &MeasuredUnit| stale.contains(&*unit.origin()).then_some(true);
    let index = Index::new(project, request, &snapshot.target, measured, &fate);
    if let Err(error) = index.write(&project.target_dir) {
        // The next session measures before it shows anything.
        tracing::warn!("cannot keep which units were measured: {error}");
    }
}
