//! One size build: which project, which command line, and what cargo says while it runs.

use super::inputs::Known;
use super::process::{Cancel, Guarded, Running, own_program};
use super::scratch::Scratch;
use super::toolchain::{self, Because, Candidates, Choice, Installed, Needs};
use super::unit::{Unit, UnitError, UnitFile};
use super::wrapper::{self, Settings, Task};
use super::{BuildError, Invocation, Toolchain, background, cargo_config, disk, files, inner_wrapper};
use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{Message, Metadata, PackageId, TargetKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

/// Which features, targets and packages; the words are cargo's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// `--package`; none is what the folder stands for: the whole workspace at its root, or its `default-members` where it
    /// has such, else one package.
    pub packages: Vec<String>,
    /// Members that are measured besides `default-members`; where all members are, this says nothing.
    pub also: BTreeSet<String>,
    /// `--features`.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// Tests, examples and benches too.
    pub all_targets: bool,
    /// `--target`; one measurement is for one of them, see [`Project::for_each_target`].
    pub targets: Vec<String>,
    /// `--locked`.
    pub locked: bool,
    /// `--offline`.
    pub offline: bool,
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// A folder in the project.
    pub dir: PathBuf,
    /// Measure what the workspace's root stands for, whatever folder of it `dir` is.
    pub whole: bool,
    /// `auto` or a rustup toolchain, see [`Choice`].
    pub toolchain: String,
    /// `release`, `dev`, or a profile of the project's own.
    pub profile: String,
    /// Which parts of the project.
    pub selection: Selection,
    /// futurelens's own target directory; default `futurelens` in the workspace's.
    pub target_dir: Option<PathBuf>,
    /// Additional environment of cargo and the compiler.
    pub env: BTreeMap<String, String>,
    /// Start cargo in a process group of its own, so that [`Cancel`] reaches everything it starts, and at low
    /// priority. Not wanted where a terminal's Ctrl-C should reach cargo, and someone waits for it.
    pub own_group: bool,
    /// Colour in the compiler's messages.
    pub color: bool,
}

impl Request {
    /// The default measurement of a folder: release profile, automatic toolchain.
    pub fn new(dir: PathBuf) -> Self {
        Request {
            dir,
            whole: false,
            toolchain: "auto".to_owned(),
            profile: "release".to_owned(),
            selection: Selection::default(),
            target_dir: None,
            env: BTreeMap::new(),
            own_group: false,
            color: false,
        }
    }
}

/// What happens during a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// cargo's own progress.
    Progress {
        /// Units done.
        done: u32,
        /// Units in all.
        total: u32,
        /// What is being compiled now.
        crates: String,
    },
    /// What the compiler printed of this unit is there, from this build or an earlier one.
    Measured(MeasuredUnit),
    /// What a run that only checks printed of this unit is there, ahead of the one that measures all.
    Ahead(MeasuredUnit),
}

/// What someone waits for.
#[derive(Debug, Clone, Default)]
pub struct Awaited {
    /// Packages: when such a one is compiled, its concrete futures are measured ahead, where that is sooner.
    pub packages: BTreeSet<String>,
    /// Compiler runs whose concrete futures are measured before cargo has come to them, if they were before.
    /// Nothing that they depend on may have changed.
    pub runs: Vec<Invocation>,
}

/// One measured compiler run.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MeasuredUnit {
    /// The package's name.
    pub package: String,
    /// The crate's name, with underscores.
    pub krate: String,
    /// `lib`, `bin NAME`, `test NAME`, …; `(test)` behind it if compiled with its unit tests.
    pub unit: String,
    /// The package's folder. Projects that share a target directory call the files of their units alike: what is kept
    /// may be that of another checkout.
    pub folder: PathBuf,
    /// The file with what the compiler printed, see [`UnitFile`].
    pub file: PathBuf,
    /// Whether its profile has debug assertions.
    pub debug_assertions: bool,
}

impl MeasuredUnit {
    /// `CRATE-HASH`: names its compiler run.
    pub fn origin(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Tells one measurement of the unit from the next. Zero if there is none.
    pub fn stamp(&self) -> u64 {
        stamp(&self.file)
    }

    /// Opens what the compiler printed.
    ///
    /// # Errors
    /// [`UnitError`] if that is not there, no unit file, of another project, or measured with other flags than ours.
    pub fn open(&self) -> Result<UnitFile, UnitError> {
        let unit = UnitFile::open(&self.file)?;
        if unit.head().flags() != wrapper::FLAGS {
            return Err(UnitError::OtherFlags);
        }
        if !unit.head().is_of(&self.folder) {
            return Err(UnitError::OtherProject(unit.head().dir().to_owned()));
        }
        Ok(unit)
    }
}

/// A unit whose numbers hold.
#[derive(Debug)]
pub struct KeptUnit {
    /// Which unit.
    pub measured: MeasuredUnit,
    /// Tells one measurement of the unit from the next.
    pub stamp: u64,
}

/// The end of a build.
#[derive(Debug)]
pub struct Outcome {
    /// Every unit whose numbers are those of a successful compiler run, whether now or earlier.
    pub units: Vec<KeptUnit>,
    /// Of each unit that did not compile its [`Unit::invocation`] and [`Unit::messages`], as far as known.
    pub failed: Vec<Unit>,
    /// The rendered errors if some crates did not compile.
    pub failure: Option<String>,
    /// A dependency that did not compile.
    pub dependency: Option<String>,
    /// The triples that the units were compiled for, as the compiler was told.
    pub targets: BTreeSet<String>,
    /// What was asked for and has no numbers since something does not compile, as cargo calls it: `` `app` (lib) ``.
    pub missing: Vec<String>,
}

/// What cargo is told to compile.
enum Asked<'a> {
    /// Every member.
    Workspace,
    /// The package of the folder.
    Folder,
    /// The workspace's `default-members`.
    Default,
    /// These.
    Packages(Vec<&'a String>),
}

/// What a manifest says to futurelens: `[package.metadata.futurelens]`, or `[workspace.metadata.futurelens]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The package it is about; `None` for the whole workspace.
    pub package: Option<String>,
    /// The table as cargo hands it on.
    pub settings: serde_json::Value,
}

/// A project as cargo sees it, and the toolchain that measures it.
#[derive(Debug, Clone)]
pub struct Project {
    /// The workspace's folder; reported paths start there.
    pub root: PathBuf,
    /// The folder cargo runs in.
    pub dir: PathBuf,
    /// futurelens's own target directory.
    pub target_dir: PathBuf,
    /// The compiler, and why not another.
    pub choice: Choice,
    /// The packages that can be measured: those that are more than a procedural macro.
    pub packages: Vec<String>,
    /// Budgets the manifests set, see [`Manifest`].
    pub manifests: Vec<Manifest>,
    /// Where what rides along with the user's own cargo is kept.
    pub ride_along: PathBuf,
    /// What the user's configuration names as `build.target`, in its order; empty is the compiler's host. What is
    /// asked for by [`Selection::targets`] comes before it.
    targets: Vec<String>,
    /// The user's own `rustc-wrapper`.
    pub(super) inner: Option<PathBuf>,
    /// Additional environment of cargo and the compiler, see [`Request::env`].
    pub(super) env: BTreeMap<String, String>,
    /// The workspace's packages: name and folder.
    members: BTreeMap<PackageId, (String, PathBuf)>,
    /// The names of its `default-members`, if it has such and they are not all.
    default_members: Option<BTreeSet<String>>,
    /// What is compiled of each package unless it takes features to be: as [`MeasuredUnit::unit`] calls it.
    compiled: BTreeMap<String, Vec<String>>,
    /// What was measured.
    inputs: Known,
}

impl Project {
    /// Finds the project and a compiler for it, see [`Choice`].
    ///
    /// # Errors
    /// See [`BuildError`]; nothing was built yet.
    pub fn open(request: &Request) -> Result<Self, BuildError> {
        let dir = project_dir(&request.dir)?;
        if request.toolchain != "auto" {
            let choice = Choice::named(&request.toolchain, &dir)?;
            let metadata = read_metadata(request, &dir, choice.toolchain.command("cargo"))?;
            return Ok(Self::assemble(request, dir, metadata, choice));
        }
        // Each takes a while, and the project is what its own cargo says it is.
        let (own, installed, metadata) = std::thread::scope(|scope| {
            let own = scope.spawn(|| Toolchain::ask(None, &dir));
            let installed = scope.spawn(|| Installed::look(&dir));
            let metadata = read_metadata(request, &dir, toolchain::own_command("cargo"));
            (
                own.join().unwrap_or_else(|_| Toolchain::ask(None, &dir)),
                installed.join().unwrap_or_default(),
                metadata,
            )
        });
        let metadata = match (&own, metadata) {
            (Ok(Some(_)), metadata) => metadata?,
            (_, Ok(metadata)) => metadata,
            // The project's own toolchain is not there: any other reads the project, too.
            (_, Err(error)) => match Candidates::new(&dir, None, &installed, &Needs::default()).next() {
                Some(other) => read_metadata(request, &dir, other.toolchain.command("cargo"))?,
                None => return Err(own.err().unwrap_or(error)),
            },
        };
        let needs =
            Needs { oldest: oldest(&metadata), unfit: UnfitCompilers::read(request, &metadata).known() };
        let choice = Choice::automatic(&dir, own, &installed, &needs)?;
        Ok(Self::assemble(request, dir, metadata, choice))
    }

    /// A project's folder, its own compiler, and what it asks of one, as far as that can be told.
    ///
    /// # Errors
    /// [`BuildError::NoProject`] if there is none.
    pub fn needs(request: &Request) -> Result<(PathBuf, Option<Toolchain>, Needs), BuildError> {
        let dir = project_dir(&request.dir)?;
        let own = Toolchain::ask(None, &dir).ok().flatten();
        let metadata = read_metadata(request, &dir, toolchain::own_command("cargo")).ok();
        let unfit = metadata.as_ref().map(|metadata| UnfitCompilers::read(request, metadata).known());
        let oldest = metadata.as_ref().and_then(oldest);
        Ok((dir, own, Needs { oldest, unfit: unfit.unwrap_or_default() }))
    }

    /// Finds the project as this toolchain sees it.
    pub(super) fn open_with(request: &Request, choice: Choice) -> Result<Self, BuildError> {
        let dir = project_dir(&request.dir)?;
        let metadata = read_metadata(request, &dir, choice.toolchain.command("cargo"))?;
        Ok(Self::assemble(request, dir, metadata, choice))
    }

    fn assemble(request: &Request, dir: PathBuf, metadata: Metadata, choice: Choice) -> Self {
        let members = metadata
            .workspace_packages()
            .into_iter()
            .filter_map(|p| {
                let folder = p.manifest_path.parent()?.as_std_path().to_owned();
                Some((p.id.clone(), (p.name.to_string(), folder)))
            })
            .collect();
        let manifests = manifests(&metadata);
        let packages = measurable(&metadata);
        let ride_along = own_target_dir(&metadata).join("ride-along");
        let target_dir = target_dir(request, &metadata);
        let compiled = compiled(&metadata, request.selection.all_targets);
        let root = metadata.workspace_root.as_std_path().to_owned();
        let is_at_root = dir == root;
        let dir = if request.whole { root.clone() } else { dir };
        let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
        let default_members = match dir == root && names_default_members(&manifest) {
            true if is_at_root => default_members(&metadata),
            true => read_metadata(request, &root, choice.toolchain.command("cargo"))
                .ok()
                .and_then(|metadata| default_members(&metadata)),
            false => None,
        };
        let (inputs, env) = (Known::default(), request.env.clone());
        let (inner, targets) = std::thread::scope(|scope| {
            let inner = scope.spawn(|| inner_wrapper::configured(&choice.toolchain, &dir, &env));
            let targets = cargo_config::targets(&choice.toolchain, &dir, &env);
            (inner.join().ok().flatten(), targets)
        });
        Project {
            root,
            dir,
            target_dir,
            ride_along,
            choice,
            packages,
            manifests,
            targets,
            inner,
            env,
            members,
            default_members,
            compiled,
            inputs,
        }
    }

    fn asked_packages<'a>(&'a self, selection: &'a Selection) -> Asked<'a> {
        if !selection.packages.is_empty() {
            return Asked::Packages(selection.packages.iter().collect());
        }
        if self.dir != self.root {
            return Asked::Folder;
        }
        let Some(default) = &self.default_members else { return Asked::Workspace };
        let also = selection.also.iter().filter(|name| !default.contains(*name) && self.is_member(name));
        match also.clone().next() {
            None => Asked::Default,
            Some(_) => Asked::Packages(default.iter().chain(also).collect()),
        }
    }

    /// Is this member measured only if [`Selection::also`] names it?
    pub fn is_extra(&self, member: &str) -> bool {
        self.default_members.as_ref().is_some_and(|default| !default.contains(member))
    }

    /// What a request asks for and was not measured, as cargo calls it: `` `app` (bin "app") ``.
    fn missing(&self, request: &Request, units: &[KeptUnit]) -> Vec<String> {
        let asked = self.asked_packages(&request.selection);
        let is_asked = |name: &String, folder: &Path| match &asked {
            Asked::Workspace => true,
            Asked::Folder => folder == self.dir,
            Asked::Default => !self.is_extra(name),
            Asked::Packages(packages) => packages.contains(&name),
        };
        let packages = self.members.values().filter(|(name, folder)| is_asked(name, folder));
        let mut missing = Vec::new();
        for (package, _) in packages {
            let is_there = |unit: &&String| {
                units.iter().any(|kept| kept.measured.package == *package && kept.measured.unit == **unit)
            };
            let compiled = self.compiled.get(package).into_iter().flatten();
            let gone = compiled.filter(|unit| !is_there(unit));
            missing.extend(gone.map(|unit| match unit.split_once(' ') {
                Some((kind, name)) => format!("`{package}` ({kind} \"{name}\")"),
                None => format!("`{package}` ({unit})"),
            }));
        }
        missing
    }

    /// The triples that a request is for, in the user's order: what it names, else what the user's configuration does,
    /// else the compiler's host. A measurement is for one of them.
    pub fn triples(&self, request: &Request) -> Vec<String> {
        self.triples_of(self.asked_targets(request))
    }

    /// The request, once for each of [`Project::triples`].
    pub fn for_each_target(&self, request: &Request) -> Vec<Request> {
        let host = &self.toolchain().host;
        let mut seen = BTreeSet::new();
        let targets = self.asked_targets(request).iter().filter(|target| seen.insert(triple(target, host)));
        let targets: Vec<&String> = targets.collect();
        if targets.len() < 2 {
            return vec![request.clone()];
        }
        let of = |target: &String| {
            let selection = Selection { targets: vec![target.clone()], ..request.selection.clone() };
            Request { selection, ..request.clone() }
        };
        targets.into_iter().map(of).collect()
    }

    /// The triples that cargo builds for when it is told so, or nothing.
    pub(super) fn triples_of(&self, targets: &[String]) -> Vec<String> {
        triples(if targets.is_empty() { &self.targets } else { targets }, &self.toolchain().host)
    }

    /// The triple that is measured for: the first one if there are several.
    pub fn triple(&self, request: &Request) -> String {
        self.triples(request).swap_remove(0)
    }

    fn asked_targets<'a>(&'a self, request: &'a Request) -> &'a [String] {
        match &request.selection.targets[..] {
            [] => &self.targets,
            targets => targets,
        }
    }

    /// The compiler that measures.
    pub fn toolchain(&self) -> &Toolchain {
        &self.choice.toolchain
    }

    /// Its own compiler, in words.
    pub fn own_compiler(&self) -> Option<String> {
        Toolchain::ask(None, &self.dir).ok().flatten().map(|own| own.in_words())
    }

    /// The same project with its own compiler, since the one that was chosen does not compile a dependency. `None` if
    /// that is no other one, or cannot measure.
    pub fn with_own_compiler(&self, dependency: &str) -> Option<Self> {
        if self.toolchain().name.is_none() || !self.choice.is_automatic {
            return None;
        }
        let own = Toolchain::ask(None, &self.dir).ok().flatten()?;
        let why = format!("`{dependency}`, which the project depends on, does not compile with it");
        let choice = self.choice.pass_over(own, &self.dir, why)?;
        Some(Project { choice, ..self.clone() })
    }

    /// Keeps for as long as the lock file stays as it is which compilers were passed over since a dependency does not
    /// compile with them.
    pub fn remember_unfit(&self) {
        let unfit = self.choice.passed_over.iter().filter(|one| one.because == Because::Dependency);
        let compilers = unfit.map(|one| (one.version.clone(), one.why.clone())).collect();
        let unfit = UnfitCompilers { lock: lock_digest(&self.root), compilers };
        let file = self.target_dir.join(UNFIT);
        if let Err(error) = files::write(&file, |file| Ok(serde_json::to_writer(file, &unfit)?)) {
            tracing::warn!("cannot keep which compilers are of no use here: {error}");
        }
    }

    /// `name version` of the packages in `Cargo.lock`, by crate name; nothing for those that are there in several
    /// versions. Empty if there is no such file.
    pub fn versions(&self) -> HashMap<String, String> {
        let lock = std::fs::read_to_string(self.root.join("Cargo.lock")).unwrap_or_default();
        locked_versions(&lock)
    }

    /// The package's folder, if cargo runs in one and not in the workspace's.
    pub(super) fn part(&self) -> Option<&Path> {
        (self.dir != self.root).then_some(&*self.dir)
    }

    /// The folders of the workspace's packages.
    pub(super) fn member_folders(&self) -> Vec<PathBuf> {
        self.members.values().map(|(_, folder)| folder.clone()).collect()
    }

    /// Is this the name of a package of the workspace?
    pub fn is_member(&self, name: &str) -> bool {
        self.members.values().any(|(member, _)| member == name)
    }

    /// The name of the package that a file is part of.
    pub fn package_of(&self, file: &Path) -> Option<&str> {
        let around = self.members.values().filter(|(_, folder)| file.starts_with(folder));
        around.max_by_key(|(_, folder)| folder.as_os_str().len()).map(|(name, _)| name.as_str())
    }

    /// Is this a file of one of the workspace's packages, and not one that a build made?
    pub fn owns(&self, file: &Path) -> bool {
        let generated = file.starts_with(&self.target_dir);
        !generated && self.members.values().any(|(_, folder)| file.starts_with(folder))
    }

    /// Does a file lie in the folder of one of the workspace's packages when links are followed? A package's folder may
    /// be a link itself: the workspace names it.
    pub fn holds(&self, file: &Path) -> bool {
        let Ok(file) = file.canonicalize() else { return false };
        let folders = self.members.values().filter_map(|(_, folder)| folder.canonicalize().ok());
        folders.into_iter().any(|folder| file.starts_with(folder))
    }

    /// Runs cargo until every selected unit has its numbers, or does not compile. `take` gets each unit and the
    /// stamp of its measurement, one after another, so that never more than one has to be in memory; it
    /// says whether the numbers are there ([`MeasuredUnit::open`]). If not, the unit is measured again. What is
    /// `awaited` is measured ahead.
    ///
    /// # Errors
    /// See [`BuildError`]. That some crates do not compile is no error here but [`Outcome::failure`].
    pub fn measure(
        &self,
        request: &Request,
        awaited: &Awaited,
        cancel: &Cancel,
        take: &mut dyn FnMut(&MeasuredUnit, u64) -> bool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome, BuildError> {
        self.make_lock_file(request, cancel)?;
        let runs = awaited.runs.iter().filter(|run| run.is_measured_ahead());
        let runs: Vec<Invocation> = runs.cloned().collect();
        let of_runs = runs.iter().filter_map(Invocation::package).collect();
        // Nobody has said so: then cargo has to see to it first.
        let is_alone = runs.is_empty() || !self.inputs.have_others_changed(&of_runs);
        let runs = if is_alone { &runs[..] } else { &[] };
        let ahead: BTreeSet<&Path> = runs.iter().filter_map(Invocation::package).collect();
        let of_awaited = self.members.values().filter(|(name, _)| awaited.packages.contains(name));
        let of_awaited = of_awaited.filter(|(_, folder)| !ahead.contains(&**folder));
        let of_awaited: Vec<PathBuf> = of_awaited.map(|(_, folder)| folder.clone()).collect();
        let mut round = 0;
        loop {
            round += 1;
            let is_last = round == ROUNDS;
            let scratch = self.prepare_target_dir()?;
            let settings = Settings {
                inner: self.inner.clone(),
                awaited: of_awaited.clone(),
                ..self.settings(Task::Measure, scratch.path())
            };
            let runs = if round == 1 { runs } else { &[] };
            let Ran { units: compiled, tools, failure } =
                self.run_cargo(request, &settings, runs, cancel, on_event)?;
            // Units that were made with tools of another checkout are compiled again after those.
            let strange = tools.iter().filter(|tool| !tool.is_of(&self.root)).inspect(|tool| tool.remove());
            let has_strange = strange.count() > 0;
            if let Ok(flag) = std::fs::read_to_string(scratch.path().join(wrapper::REFUSED)) {
                return Err(BuildError::UnknownFlag { compiler: self.toolchain().version.clone(), flag });
            }
            if let Some(failure) = &failure {
                if let Some(source) = failure.no_room() {
                    return Err(BuildError::NoRoom { path: self.target_dir.clone(), source });
                }
                // Somebody has cleaned up meanwhile.
                let is_gone = !scratch.path().is_dir();
                let is_ours = is_gone || failure.is_ours();
                if !is_last && is_ours || round == 1 && failure.is_trouble(&self.target_dir) {
                    continue;
                }
            }
            let (units, lost) = handed_over(compiled, take);
            // Fresh for cargo, but what the compiler printed is gone, damaged, or older than our flags: make
            // cargo compile those units again.
            lost.iter().for_each(|unit| forget(&unit.file, true));
            // Fresh for cargo, which looks at times alone, or changed while it was compiled.
            let has_changed = |unit: &&KeptUnit| self.inputs.has_changed(&unit.measured, unit.stamp);
            let changed: Vec<&KeptUnit> = units.iter().filter(has_changed).collect();
            if is_last || lost.is_empty() && changed.is_empty() && !has_strange {
                for unit in lost {
                    tracing::error!("{} was compiled, but its numbers cannot be read", unit.file.display());
                }
                self.inputs.keep(units.iter().map(|unit| &unit.measured));
                let host = &self.toolchain().host;
                let targets = self.inputs.targets().into_iter();
                let targets =
                    targets.map(|target| target.map_or(host.clone(), |target| triple(&target, host)));
                let targets = targets.collect();
                let dependency = failure.as_ref().and_then(|failure| failure.dependency.clone());
                let failure = failure.map(|failure| failure.text);
                let missing = failure.as_ref().map(|_| self.missing(request, &units)).unwrap_or_default();
                let failed = read_failed(scratch.path());
                return Ok(Outcome { units, failed, failure, dependency, targets, missing });
            }
            changed.iter().for_each(|unit| forget(&unit.measured.file, false));
        }
    }

    /// Where there is no `Cargo.lock` yet, the project's own cargo makes it: that of a newer compiler that measures
    /// may write it in a form that the project's own does not read.
    fn make_lock_file(&self, request: &Request, cancel: &Cancel) -> Result<(), BuildError> {
        let is_own = self.toolchain().name.is_none();
        if is_own || request.selection.locked || self.root.join("Cargo.lock").exists() {
            return Ok(());
        }
        let mut cargo = toolchain::own_command("cargo");
        cargo.current_dir(&self.root).arg("generate-lockfile").stdout(Stdio::null()).envs(&request.env);
        if request.selection.offline {
            cargo.arg("--offline");
        }
        // If it fails, the build says why; nothing is downloaded for it but what the lock file is made of.
        cargo.env("RUSTUP_AUTO_INSTALL", "0");
        Guarded::new("cargo", &cargo, request.own_group)?
            .stderr(Stdio::null())
            .start(cancel)?
            .wait()
            .map(drop)
    }

    fn settings(&self, task: Task, scratch: &Path) -> Settings {
        Settings {
            task,
            members: self.member_folders(),
            inner: None,
            bootstrap: self.toolchain().bootstrap,
            how: self.toolchain().how.clone(),
            scratch: scratch.to_owned(),
            environment: Settings::environment_with(&self.env),
            awaited: Vec::new(),
        }
    }

    /// Measures the concrete futures of a unit whose text is on the disk, without asking cargo: so that the next
    /// save finds what it can build on, and before a build has come to it. `None` if it does not compile.
    ///
    /// # Errors
    /// [`BuildError::Cancelled`], or whatever keeps the compiler from running.
    pub fn measure_ahead(
        &self,
        invocation: &Invocation,
        cancel: &Cancel,
    ) -> Result<Option<MeasuredUnit>, BuildError> {
        let scratch = self.prepare_target_dir()?;
        let success = self.ahead(invocation, scratch.path())?.start(cancel)?.wait()?;
        Ok(measured_ahead(scratch.path(), &mut BTreeSet::new()).pop().filter(|_| success))
    }

    fn ahead(&self, invocation: &Invocation, scratch: &Path) -> Result<Guarded, BuildError> {
        let mut command = background::command(own_program().map_err(no_program)?);
        command.arg(&invocation.program).args(&invocation.args).current_dir(&invocation.dir);
        invocation.set_environment(&self.env, &mut command);
        command.env(wrapper::ENV, self.settings(Task::Ahead, scratch).to_json()?);
        Ok(Guarded::new("rustc", &command, true)?.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Makes futurelens's target directory and a folder in it that goes when the build is over.
    pub(super) fn prepare_target_dir(&self) -> Result<Scratch, BuildError> {
        let mut made = self.make_target_dir();
        for _ in 1..ROUNDS {
            // Somebody is removing it right now.
            if made.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
                made = self.make_target_dir();
            }
        }
        let path = self.target_dir.clone();
        made.map_err(|source| match disk::is_full(&source) {
            true => BuildError::NoRoom { path, source },
            false => BuildError::TargetDir { path, source },
        })
    }

    fn make_target_dir(&self) -> std::io::Result<Scratch> {
        let path = &self.target_dir;
        if path.to_str().is_none() {
            return Err(std::io::Error::other("its path is not UTF-8, and the compiler takes no other"));
        }
        std::fs::create_dir_all(path)?;
        // Backup tools and searches pass such folders over; cargo marks its own the same way.
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n\
                   # This file is a cache directory tag created by futurelens.\n";
        files::write_once(&path.join("CACHEDIR.TAG"), tag)?;
        let scratch = Scratch::new(path)?;
        disk::check(path)?;
        Ok(scratch)
    }

    fn command(&self, request: &Request, settings: &Settings) -> Result<Command, BuildError> {
        let wrapper = own_program().map_err(no_program)?;
        let mut cargo = match request.own_group {
            true => self.toolchain().background_command("cargo"),
            false => self.toolchain().command("cargo"),
        };
        let format = if request.color { "json-diagnostic-rendered-ansi" } else { "json" };
        cargo.current_dir(&self.dir).args(["check", "--keep-going", "--message-format", format]);
        cargo.arg("--target-dir").arg(&self.target_dir);
        match request.profile.as_str() {
            "release" => cargo.arg("--release"),
            profile => cargo.args(["--profile", profile]),
        };
        let selection = &request.selection;
        match self.asked_packages(selection) {
            Asked::Workspace => _ = cargo.arg("--workspace"),
            // cargo knows which.
            Asked::Folder | Asked::Default => {}
            Asked::Packages(packages) => {
                packages.into_iter().for_each(|package| _ = cargo.args(["--package", package]));
            }
        }
        for feature in &selection.features {
            cargo.args(["--features", feature]);
        }
        // One measurement is of one target. What the configuration names alone is left to cargo.
        let configured = self.targets.first().filter(|_| self.targets.len() > 1);
        if let Some(target) = selection.targets.first().or(configured) {
            cargo.args(["--target", target]);
        }
        for (flag, on) in [
            ("--all-features", selection.all_features),
            ("--no-default-features", selection.no_default_features),
            ("--all-targets", selection.all_targets),
            ("--locked", selection.locked),
            ("--offline", selection.offline),
        ] {
            if on {
                cargo.arg(flag);
            }
        }
        cargo
            .envs(&request.env)
            .env("RUSTC_WRAPPER", wrapper)
            .env(wrapper::ENV, settings.to_json()?)
            // How members are compiled incrementally is the wrapper's business.
            .env("CARGO_INCREMENTAL", "0")
            // So that the progress can be read off standard error.
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "200")
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_VERBOSE", "false")
            .env("CARGO_TERM_QUIET", "false");
        Ok(cargo)
    }

    /// One run of cargo.
    fn run_cargo(
        &self,
        request: &Request,
        settings: &Settings,
        ahead: &[Invocation],
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Ran, BuildError> {
        let started = ahead.iter().map(|run| self.ahead(run, &settings.scratch)?.start(cancel));
        // They end with the build, at the latest.
        let ahead: Vec<Running<'_>> = started.collect::<Result<_, BuildError>>()?;
        let cargo = Guarded::new("cargo", &self.command(request, settings)?, request.own_group)?;
        let mut running = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).start(cancel)?;
        let (stdout, stderr) = (running.stdout.take(), running.stderr.take());

        let (mut units, mut tools) = (Vec::new(), Vec::new());
        let (mut errors, mut nowhere) = (String::new(), String::new());
        let (mut is_crate_missing, mut dependency) = (false, None);
        let (tell, told) = mpsc::channel();
        let is_over = AtomicBool::new(settings.awaited.is_empty() && ahead.is_empty());
        let is_over = &is_over;
        let said = std::thread::scope(|scope| {
            let (tell_measured, tell_ahead) = (tell.clone(), tell.clone());
            scope.spawn(move || {
                let mut known = BTreeSet::new();
                while !is_over.load(Ordering::Relaxed) {
                    for unit in measured_ahead(&settings.scratch, &mut known) {
                        let _ = tell_ahead.send(Event::Ahead(unit));
                    }
                    std::thread::sleep(wrapper::GLANCE);
                }
            });
            scope.spawn(|| {
                let tell = tell_measured;
                let Some(stdout) = stdout else { return };
                // A pipe that fails once fails for good.
                for message in Message::parse_stream(BufReader::new(stdout)).map_while(Result::ok) {
                    match message {
                        Message::CompilerArtifact(artifact) => {
                            let Some(unit) = self.unit(&artifact) else {
                                tools.extend(self.tool(&artifact));
                                continue;
                            };
                            units.push(unit.clone());
                            let _ = tell.send(Event::Measured(unit));
                        }
                        Message::CompilerMessage(message)
                            if matches!(
                                message.message.level,
                                DiagnosticLevel::Error | DiagnosticLevel::Ice
                            ) =>
                        {
                            is_crate_missing |= misses_crate(&message.message);
                            if !self.members.contains_key(&message.package_id) {
                                dependency.get_or_insert_with(|| {
                                    named(&message.package_id).unwrap_or(&message.target.name).to_owned()
                                });
                            }
                            let text = message.message.rendered.unwrap_or_default();
                            if message.message.spans.is_empty() {
                                nowhere.push_str(&text);
                            }
                            errors.push_str(&text);
                        }
                        _ => {}
                    }
                }
            });
            let said = scope.spawn(move || {
                let mut tell = |event| _ = tell.send(event);
                let said = stderr.map(|stderr| read_progress(stderr, &mut tell));
                is_over.store(true, Ordering::Relaxed);
                said
            });
            told.into_iter().for_each(on_event);
            said.join().ok().flatten().unwrap_or_default()
        });
        let success = running.wait()?;
        drop(ahead);
        if !success && errors.is_empty() {
            // cargo keeps the compiler's answers to its questions, and that there was none if the compiler was killed
            // over one: every later build would fail without asking again.
            let _ = std::fs::remove_file(self.target_dir.join(".rustc_info.json"));
        }
        let failure = (!success).then(|| Failure {
            text: match errors.is_empty() {
                true => said.clone(),
                false => format!("{}\n\n{said}", errors.trim_end()),
            },
            dependency: dependency.or_else(|| self.refused_dependency(&said)),
            of_no_code: nowhere + &said,
            misses_crate: is_crate_missing,
        });
        units.sort();
        units.dedup();
        Ok(Ran { units, tools, failure })
    }

    /// A build script or proc macro of a member, or what such is made of.
    fn tool(&self, artifact: &cargo_metadata::Artifact) -> Option<Tool> {
        let files = artifact.filenames.iter().map(|file| file.as_std_path().to_owned());
        let mut tool = Tool { files: files.collect() };
        if artifact.target.is_custom_build() {
            // It is named by a link; what cargo looks at lies beside it.
            let folder = tool.files.first().and_then(|file| file.parent());
            let beside =
                folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
            let is_program =
                |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("build_script_");
            let programs = beside.filter(is_program).map(|entry| entry.path());
            tool.files.extend(programs.collect::<Vec<_>>());
        }
        let is_ours = self.members.contains_key(&artifact.package_id) && !tool.files.is_empty();
        if is_ours && !artifact.fresh {
            tool.note(&self.root);
        }
        is_ours.then_some(tool)
    }

    /// The dependency whose build script failed, or that wants another compiler, as cargo says it.
    fn refused_dependency(&self, said: &str) -> Option<String> {
        let is_foreign = |name: &&str| !name.is_empty() && !self.is_member(name);
        let scripts = said.split("failed to run custom build command for `").skip(1);
        let of_script = scripts.filter_map(|rest| rest.split([' ', '`']).next()).find(is_foreign);
        let wants = said.split_once("is not supported by the following package");
        let mut wanting = wants.into_iter().flat_map(|(_, rest)| rest.lines().skip(1));
        // `  either@1.16.0 requires rustc 1.98`
        let of_version = || {
            wanting.find_map(|line| {
                line.split_once(" requires rustc ")?.0.trim().split('@').next().filter(is_foreign)
            })
        };
        of_script.or_else(of_version).map(str::to_owned)
    }

    /// The kept file of a member's library, binary, test, …; nothing for what is not measured.
    pub(super) fn unit(&self, artifact: &cargo_metadata::Artifact) -> Option<MeasuredUnit> {
        let (package, folder) = self.members.get(&artifact.package_id)?;
        let target = &artifact.target;
        let kind = unit_of(target)?;
        let in_tests =
            artifact.profile.test && !matches!(target.kind.first()?, TargetKind::Test | TargetKind::Bench);
        // A library also used by a build script is compiled a second time, for real; only what has
        // metadata alone is measured.
        let [file] = &artifact.filenames[..] else { return None };
        let stem = file.file_name()?.strip_prefix("lib")?.strip_suffix(".rmeta")?;
        Some(MeasuredUnit {
            package: package.clone(),
            krate: target.name.replace('-', "_"),
            unit: if in_tests { format!("{kind} (test)") } else { kind },
            folder: folder.clone(),
            file: file.parent()?.join(format!("{stem}.futurelens")).into(),
            debug_assertions: artifact.profile.debug_assertions,
        })
    }
}

/// The compilers that are known not to compile a project's dependencies.
#[derive(Debug, Default, Serialize, Deserialize)]
struct UnfitCompilers {
    /// Of the lock file that this was found out with.
    lock: u32,
    /// Their versions, and why.
    compilers: Vec<(String, String)>,
}

/// The file in the target directory that says so.
const UNFIT: &str = "compilers-unfit.json";

impl UnfitCompilers {
    fn read(request: &Request, metadata: &Metadata) -> Self {
        let file = target_dir(request, metadata).join(UNFIT);
        let read =
            std::fs::read(file).ok().and_then(|text| serde_json::from_slice::<UnfitCompilers>(&text).ok());
        let lock = lock_digest(metadata.workspace_root.as_std_path());
        read.filter(|unfit| unfit.lock == lock).unwrap_or_default()
    }

    fn known(self) -> Vec<(String, String)> {
        self.compilers
    }
}

/// `NAME@VERSION` of a package, where its identity has that: `registry+…#proc-macro2@1.0.56`.
fn named(package: &PackageId) -> Option<&str> {
    package.repr.rsplit_once('#').map(|(_, named)| named).filter(|named| named.contains('@'))
}

/// What a target is called that `--target` names, as the compiler calls it.
pub(super) fn triple(target: &str, host: &str) -> String {
    match target.strip_suffix(".json") {
        _ if target == "host-tuple" => host.to_owned(),
        Some(path) => path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned(),
        None => target.to_owned(),
    }
}

/// What a package's target is called as a unit; none of what is not measured.
fn unit_of(target: &cargo_metadata::Target) -> Option<String> {
    Some(match target.kind.first()? {
        TargetKind::CustomBuild | TargetKind::ProcMacro => return None,
        TargetKind::Bin => format!("bin {}", target.name),
        TargetKind::Test => format!("test {}", target.name),
        TargetKind::Bench => format!("bench {}", target.name),
        TargetKind::Example => format!("example {}", target.name),
        _ => "lib".to_owned(),
    })
}

/// See [`Project::compiled`].
fn compiled(metadata: &Metadata, all_targets: bool) -> BTreeMap<String, Vec<String>> {
    let is_compiled = |target: &&cargo_metadata::Target| {
        let is_always = !target.is_test() && !target.is_bench() && !target.is_example();
        target.required_features.is_empty() && (is_always || all_targets)
    };
    let units = |package: &cargo_metadata::Package| {
        package.targets.iter().filter(is_compiled).filter_map(unit_of).collect()
    };
    let packages = metadata.workspace_packages().into_iter();
    packages.map(|package| (package.name.to_string(), units(package))).collect()
}

/// The names of the `default-members`, if the workspace's manifest names such and they are not all. A package at the
/// root that is cargo's default only as nothing is named is none: the root stands for the whole workspace. `of_root` is
/// what cargo says there; in the folder of a member it would name that one.
fn default_members(of_root: &Metadata) -> Option<BTreeSet<String>> {
    if !of_root.workspace_default_members.is_available() {
        return None;
    }
    let default = of_root.workspace_default_packages();
    let is_part = !default.is_empty() && default.len() < of_root.workspace_members.len();
    is_part.then(|| default.into_iter().map(|package| package.name.to_string()).collect())
}

/// Does a manifest say which members are the default?
fn names_default_members(manifest: &str) -> bool {
    let said = |line: &str| line.split('#').next().is_some_and(|said| said.contains("default-members"));
    manifest.lines().any(said)
}

/// Each of these targets once, in this order; the host if there is none.
fn triples(targets: &[String], host: &str) -> Vec<String> {
    let mut triples: Vec<String> = Vec::new();
    for triple in targets.iter().map(|target| triple(target, host)) {
        if !triples.contains(&triple) {
            triples.push(triple);
        }
    }
    if triples.is_empty() {
        triples.push(host.to_owned());
    }
    triples
}

fn lock_digest(root: &Path) -> u32 {
    crc32fast::hash(&std::fs::read(root.join("Cargo.lock")).unwrap_or_default())
}

fn own_target_dir(metadata: &Metadata) -> PathBuf {
    metadata.target_directory.as_std_path().join("futurelens")
}

fn target_dir(request: &Request, metadata: &Metadata) -> PathBuf {
    request.target_dir.as_ref().map_or_else(|| own_target_dir(metadata), |dir| request.dir.join(dir))
}

/// The highest `rust-version` of the workspace's packages, as minor version.
fn oldest(metadata: &Metadata) -> Option<u32> {
    let packages = metadata.workspace_packages().into_iter();
    packages.filter_map(|package| u32::try_from(package.rust_version.as_ref()?.minor).ok()).max()
}

/// Has cargo say what it knows of the project.
fn read_metadata(request: &Request, dir: &Path, mut command: Command) -> Result<Metadata, BuildError> {
    command.current_dir(dir).args(["metadata", "--format-version=1", "--no-deps"]);
    // Or cargo would note this compiler's version in the user's target directory.
    command.env("CARGO_CACHE_RUSTC_INFO", "0");
    for (flag, on) in [("--locked", request.selection.locked), ("--offline", request.selection.offline)] {
        if on {
            command.arg(flag);
        }
    }
    let cargo = Guarded::new("cargo", &command, true)?.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = cargo.output(&Cancel::default())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let json = text.lines().find(|line| line.starts_with('{')).filter(|_| output.success);
    json.and_then(|json| cargo_metadata::MetadataCommand::parse(json).ok()).ok_or_else(|| {
        BuildError::Metadata { message: String::from_utf8_lossy(&output.stderr).trim_end().to_owned() }
    })
}

/// How often cargo is run at most in one build: units may have to be compiled again, and somebody may change or remove
/// what it works on while it does.
const ROUNDS: usize = 3;

/// What came of one run of cargo.
struct Ran {
    /// Those that compiled.
    units: Vec<MeasuredUnit>,
    tools: Vec<Tool>,
    /// What went wrong if some did not.
    failure: Option<Failure>,
}

/// What cargo made of a member to build others with. Where checkouts of a project share a target directory, cargo may take
/// what it has made of one for the other's: it looks at times alone. So there is a note beside it of whose it is.
struct Tool {
    files: Vec<PathBuf>,
}

impl Tool {
    fn mark(&self) -> Option<PathBuf> {
        let first = self.files.first()?;
        let mut name = first.file_name()?.to_owned();
        name.push(".checkout");
        Some(first.with_file_name(name))
    }

    /// Notes that it is of the project with this root.
    fn note(&self, root: &Path) {
        let text = root.as_os_str().as_encoded_bytes();
        let Some(mark) = self.mark().filter(|mark| std::fs::read(mark).ok().as_deref() != Some(text)) else {
            return;
        };
        if let Err(error) = files::write(&mark, |file| file.write_all(text)) {
            // Then it is made again the next time.
            tracing::debug!("cannot note whose {} is: {error}", mark.display());
        }
    }

    fn is_of(&self, root: &Path) -> bool {
        let noted = self.mark().and_then(|mark| std::fs::read(mark).ok());
        noted.as_deref() == Some(root.as_os_str().as_encoded_bytes())
    }

    /// Has cargo make it again.
    fn remove(&self) {
        for file in self.files.iter().filter(|file| file.exists()) {
            if let Err(error) = std::fs::remove_file(file) {
                tracing::warn!("cannot remove {}: {error}", file.display());
            }
        }
    }
}

/// What cargo and the compiler said when a build failed.
struct Failure {
    /// All of it, rendered.
    text: String,
    /// What is about no place in the code.
    of_no_code: String,
    /// A dependency that does not compile.
    dependency: Option<String>,
    /// See [`misses_crate`].
    misses_crate: bool,
}

impl Failure {
    /// The error if there was no room for something.
    fn no_room(&self) -> Option<std::io::Error> {
        disk::said(&self.of_no_code)
    }

    /// Could a unit not be measured that compiles?
    fn is_ours(&self) -> bool {
        self.of_no_code.contains(wrapper::TROUBLE)
    }

    /// Is it perhaps not the code's fault, but that of what happened to the files of the build?
    fn is_trouble(&self, target_dir: &Path) -> bool {
        let has = |words: &str| self.of_no_code.contains(words);
        self.misses_crate || has("(os error") && has(&target_dir.to_string_lossy())
    }
}

/// Does the compiler say that what was made of another crate is not there, or not whole?
fn misses_crate(message: &cargo_metadata::diagnostic::Diagnostic) -> bool {
    let code = message.code.as_ref().map_or("", |code| &code.code);
    ["E0460", "E0463", "E0786"].contains(&code) || message.message.starts_with("extern location for")
}

fn no_program(source: std::io::Error) -> BuildError {
    BuildError::Io { context: "cannot find my own program".into(), source }
}

fn measurable(metadata: &cargo_metadata::Metadata) -> Vec<String> {
    let packages = metadata.workspace_packages().into_iter();
    packages
        .filter(|package| package.targets.iter().any(|target| unit_of(target).is_some()))
        .map(|it| it.name.to_string())
        .collect()
}

fn manifests(metadata: &cargo_metadata::Metadata) -> Vec<Manifest> {
    let own = |value: &serde_json::Value| value.get("futurelens").cloned();
    let workspace = own(&metadata.workspace_metadata).map(|settings| Manifest { package: None, settings });
    let packages = metadata.workspace_packages().into_iter().filter_map(|package| {
        Some(Manifest { package: Some(package.name.to_string()), settings: own(&package.metadata)? })
    });
    workspace.into_iter().chain(packages).collect()
}

/// Reads `name` and `version` of each `[[package]]`: cargo writes them on lines of their own.
fn locked_versions(lock: &str) -> HashMap<String, String> {
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(rest.strip_suffix('"')?.to_owned())
    };
    let mut versions: HashMap<String, String> = HashMap::new();
    let mut name = None;
    for line in lock.lines() {
        if line.starts_with("[[") {
            name = None;
        } else if let Some(found) = value(line, "name") {
            name = Some(found);
        } else if let (Some(version), Some(name)) = (value(line, "version"), &name) {
            let entry = versions.entry(name.replace('-', "_"));
            entry.and_modify(String::clear).or_insert_with(|| format!("{name} {version}"));
        }
    }
    versions
}

/// The folder of the nearest `Cargo.toml` at or above `path`.
fn project_dir(path: &Path) -> Result<PathBuf, BuildError> {
    let no_project = || BuildError::NoProject { path: path.to_owned() };
    // Not in the form that begins with `\\?\`, which Windows has too: few programs take it.
    let path = dunce::canonicalize(path).map_err(|_| no_project())?;
    let mut folders = path.ancestors();
    let dir = folders.find(|dir| dir.join("Cargo.toml").is_file()).ok_or_else(no_project)?;
    Ok(dir.to_owned())
}

/// Hands the units over; second, those that were not taken.
fn handed_over(
    units: Vec<MeasuredUnit>,
    take: &mut dyn FnMut(&MeasuredUnit, u64) -> bool,
) -> (Vec<KeptUnit>, Vec<MeasuredUnit>) {
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for measured in units {
        let stamp = measured.stamp();
        match take(&measured, stamp) {
            true => kept.push(KeptUnit { measured, stamp }),
            false => lost.push(measured),
        }
    }
    (kept, lost)
}

/// Reads what the compiler wrapper left of runs that failed.
fn read_failed(scratch: &Path) -> Vec<Unit> {
    let entries = std::fs::read_dir(scratch.join(wrapper::FAILED)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().filter_map(|file| Unit::read(file).ok()).collect()
}

/// What was measured ahead, but for what is `known`.
fn measured_ahead(scratch: &Path, known: &mut BTreeSet<OsString>) -> Vec<MeasuredUnit> {
    let entries = std::fs::read_dir(scratch.join(wrapper::AHEAD)).into_iter().flatten().flatten();
    let new = entries.filter(|entry| known.insert(entry.file_name()));
    let read = |entry: std::fs::DirEntry| serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok();
    new.filter_map(read).collect()
}

/// Tells one write of a file from the next. Zero if there is no file.
pub(super) fn stamp(file: &Path) -> u64 {
    let modified = std::fs::metadata(file).and_then(|meta| Ok((meta.modified()?, meta.len())));
    modified.map_or(0, |(time, len)| {
        let nanos = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        nanos ^ len.rotate_left(40)
    })
}

/// Makes cargo consider a unit stale: it looks whether a unit's outputs are there. What the compiler printed goes too if
/// it is `lost`; else the next run can build on it.
fn forget(file: &Path, lost: bool) {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let metadata = file.with_file_name(format!("lib{stem}.rmeta"));
    for path in [Some(metadata), lost.then(|| file.to_owned())].into_iter().flatten() {
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", path.display());
        }
    }
}

/// Reads cargo's standard error: progress becomes events, the rest is returned.
fn read_progress(stderr: impl Read, on_event: &mut dyn FnMut(Event)) -> String {
    let mut reader = BufReader::new(stderr);
    let (mut said, mut line) = (String::new(), Vec::new());
    loop {
        line.clear();
        // A progress line ends in a carriage return, everything else in a line feed.
        match read_until_either(&mut reader, &mut line) {
            Ok(0) | Err(_) => return said,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if let Some(event) = progress(text) {
            on_event(event);
        } else if !text.is_empty() && !is_routine(text) {
            said.push_str(text);
            said.push('\n');
        }
    }
}

fn read_until_either(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(line.len());
        }
        if let Some(end) = buffer.iter().position(|b| matches!(b, b'\r' | b'\n')) {
            line.extend_from_slice(&buffer[..=end]);
            reader.consume(end + 1);
            return Ok(line.len());
        }
        let len = buffer.len();
        line.extend_from_slice(buffer);
        reader.consume(len);
    }
}

/// `    Building [=====>     ] 34/100: memchr(build.rs), syn`
fn progress(text: &str) -> Option<Event> {
    let text = text.trim_start().strip_prefix("Building [")?;
    let (count, crates) = text.split_once("] ")?.1.split_once(':')?;
    let (done, total) = count.split_once('/')?;
    let (done, total) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
    Some(Event::Progress { done, total, crates: crates.trim().to_owned() })
}

/// `   Compiling serde v1.0.0`: news while it happens, noise in an error message.
fn is_routine(text: &str) -> bool {
    let word = text.trim_start().split(' ').next().unwrap_or_default();
    text.starts_with(' ')
        && matches!(
            word,
            "Compiling"
                | "Checking"
                | "Finished"
                | "Updating"
                | "Locking"
                | "Downloading"
                | "Downloaded"
                | "Adding"
                | "Blocking"
                | "Fresh"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_from_what_cargo_says() {
        let text = "   Compiling a v1.0.0\n    Building [==>  ] 34/100: memchr(build.rs), syn\r    Building [=====] 99/100: a(bin)\rerror: could not compile `a`\n";
        let mut events = Vec::new();
        let said = read_progress(text.as_bytes(), &mut |event| events.push(event));
        assert_eq!(said, "error: could not compile `a`\n");
        let crates = "memchr(build.rs), syn".to_owned();
        assert_eq!(events[0], Event::Progress { done: 34, total: 100, crates });
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn versions_are_read_from_the_lock_file() {
        let package = |name: &str, version: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n")
        };
        let lock = package("async-nats", "0.51.0") + &package("syn", "1.0.0") + &package("syn", "2.0.0");
        let versions = locked_versions(&format!("version = 4\n\n{lock}"));
        assert_eq!(versions["async_nats"], "async-nats 0.51.0");
        // It is a crate's name, and nobody knows which version's.
        assert_eq!((versions.len(), &*versions["syn"]), (2, ""));
    }

    #[test]
    fn a_target_is_the_same_however_it_is_named() {
        let of =
            |targets: &[&str]| triples(&targets.iter().map(|t| t.to_string()).collect::<Vec<_>>(), "h-o-s");
        assert_eq!(of(&[]), ["h-o-s"]);
        assert_eq!(of(&["host-tuple", "thumb", "h-o-s", "boards/b.json"]), ["h-o-s", "thumb", "b"]);
    }

    #[test]
    fn what_another_checkout_has_measured_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a-1.futurelens");
        let mut unit = Unit::new(wrapper::FLAGS, "/one".into());
        let env = vec![("CARGO_MANIFEST_DIR".to_owned(), "/one/a".to_owned())];
        unit.invocation =
            Some(Invocation { program: "rustc".into(), args: Vec::new(), env, dir: "/one".into() });
        unit.write(&file).unwrap();
        let open = |folder: &str| {
            MeasuredUnit { file: file.clone(), folder: folder.into(), ..MeasuredUnit::default() }.open()
        };
        assert!(open("/one/a").is_ok());
        assert!(matches!(open("/two/a"), Err(UnitError::OtherProject(dir)) if dir == Path::new("/one")));
        // Where it is not known how it was compiled, the folder that the compiler ran in tells.
        unit.invocation = None;
        unit.write(&file).unwrap();
        assert!(open("/one/a").is_ok() && open("/two/a").is_err());
    }

    #[test]
    fn a_folder_without_a_project_is_said_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let error = project_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no Cargo.toml"), "{error}");
    }
}
