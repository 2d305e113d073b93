//! A project: its packages, its folders, and the compiler that measures it.

use super::lock_file::{UnfitCompilers, locked_versions};
use super::metadata::{
    Manifest, compiled, default_members, manifests, measurable, names_default_members, oldest,
    own_target_dir, project_dir, read_metadata, target_dir,
};
use super::request::{Request, Selection};
use super::targets::{triple, triples};
use crate::compiler::choice::{Because, Candidates, Choice, Installed, Needs};
use crate::compiler::error::BuildError;
use crate::compiler::inputs::KnownInputs;
use crate::compiler::toolchain::{self, Toolchain};
use crate::compiler::{cargo_config, user_wrapper};
use cargo_metadata::{Metadata, PackageId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

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
    pub(super) targets: Vec<String>,
    /// The user's own `rustc-wrapper`.
    pub(in crate::compiler) user_wrapper: Option<PathBuf>,
    /// Additional environment of cargo and the compiler, see [`Request::env`].
    pub(in crate::compiler) env: BTreeMap<String, String>,
    /// The workspace's packages: name and folder.
    pub(super) members: BTreeMap<PackageId, (String, PathBuf)>,
    /// The names of its `default-members`, if it has such and they are not all.
    pub(super) default_members: Option<BTreeSet<String>>,
    /// What is compiled of each package unless it takes features to be: as [`MeasuredUnit::unit`](crate::compiler::MeasuredUnit::unit) calls it.
    pub(super) compiled: BTreeMap<String, Vec<String>>,
    /// What was measured.
    pub(super) inputs: KnownInputs,
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
        let (oldest, unfit) = (oldest(&metadata), unfit_compilers(request, &metadata));
        let mut needs = Needs { oldest, unfit, targets: Vec::new() };
        let known = own.as_ref().ok().cloned();
        let choice = Choice::automatic(&dir, own, &installed, &needs)?;
        let project = Self::assemble(request, dir.clone(), metadata, choice);
        // For which target, cargo of the chosen toolchain was asked.
        needs.targets = project.triples(request);
        if !needs.targets.iter().any(|target| project.toolchain().lacks(target)) {
            return Ok(project);
        }
        // If none has it, cargo may be about to build it.
        let with_target = known.and_then(|own| Choice::automatic(&dir, Ok(own), &installed, &needs).ok());
        Ok(match with_target {
            Some(choice) => Project { choice, ..project },
            None => project,
        })
    }

    /// A project's folder, its own compiler, and what it asks of one, as far as that can be told.
    ///
    /// # Errors
    /// [`BuildError::NoProject`] if there is none.
    pub fn needs(request: &Request) -> Result<(PathBuf, Option<Toolchain>, Needs), BuildError> {
        let dir = project_dir(&request.dir)?;
        let own = Toolchain::ask(None, &dir).ok().flatten();
        let metadata = read_metadata(request, &dir, toolchain::own_command("cargo")).ok();
        let unfit = metadata.as_ref().map(|metadata| unfit_compilers(request, metadata));
        let oldest = metadata.as_ref().and_then(oldest);
        let targets = match (&request.selection.targets[..], &own) {
            ([], Some(own)) => triples(&cargo_config::targets(own, &dir, &request.env), &own.host),
            (targets, Some(own)) => triples(targets, &own.host),
            (_, None) => Vec::new(),
        };
        Ok((dir, own, Needs { oldest, unfit: unfit.unwrap_or_default(), targets }))
    }

    /// Finds the project as this toolchain sees it.
    pub(in crate::compiler) fn open_with(request: &Request, choice: Choice) -> Result<Self, BuildError> {
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
        let (inputs, env) = (KnownInputs::default(), request.env.clone());
        let (user_wrapper, targets) = std::thread::scope(|scope| {
            let user_wrapper = scope.spawn(|| user_wrapper::configured(&choice.toolchain, &dir, &env));
            let targets = cargo_config::targets(&choice.toolchain, &dir, &env);
            (user_wrapper.join().ok().flatten(), targets)
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
            user_wrapper,
            env,
            members,
            default_members,
            compiled,
            inputs,
        }
    }

    /// Is this member measured only if [`Selection::also`] names it?
    pub fn is_extra(&self, member: &str) -> bool {
        self.default_members.as_ref().is_some_and(|default| !default.contains(member))
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
    pub(in crate::compiler) fn triples_of(&self, targets: &[String]) -> Vec<String> {
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
        if let Err(error) = UnfitCompilers::new(&self.root, compilers).write(&self.target_dir) {
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
    pub fn part(&self) -> Option<&Path> {
        (self.dir != self.root).then_some(&*self.dir)
    }

    /// The folders of the workspace's packages.
    pub(in crate::compiler) fn member_folders(&self) -> Vec<PathBuf> {
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
}

/// The compilers that are known not to compile the project's dependencies, and why.
fn unfit_compilers(request: &Request, metadata: &Metadata) -> Vec<(String, String)> {
    let root = metadata.workspace_root.as_std_path();
    UnfitCompilers::read(&target_dir(request, metadata), root).known()
}
