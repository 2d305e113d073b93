//! Which projects there are: folders and open files lead to packages, and packages to workspaces, as cargo says. Nothing of a
//! project is run before it is trusted.

use super::documents::package_folder;
use super::message::{Message, Search};
use super::notices::Notices;
use super::phase::When;
use super::warm::{self, EarlierNumbers, Taken, WarmStart};
use super::workspace::{Context, Workspace};
use crate::compiler::{BuildError, Project};
use crate::features::snapshot::Snapshot;
use crate::lsp::convert;
use lsp_types as lsp;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module's documentation.
pub struct Projects {
    /// Nothing of what is open is run before: not even a compiler that is asked for its version, since which one
    /// that is the project says.
    trusted: bool,
    /// The user said so in this session: settings that are sent again do not take it back.
    trusted_by_command: bool,
    folders: Vec<PathBuf>,
    /// By folder with a `Cargo.toml`.
    packages: HashMap<PathBuf, Package>,
    /// By the workspace's root.
    workspaces: BTreeMap<PathBuf, Workspace>,
    /// How many workspaces there were.
    opened: u64,
    /// Counts changes of project files and settings: what cargo was asked before the last one may not be so any
    /// more.
    changes: u64,
    /// How many searches for packages are at work.
    searches: usize,
    warm: WarmStart,
    /// A workspace was closed: its numbers are not shown any more.
    is_any_closed: bool,
    /// The server is about to end: nothing is begun any more.
    is_leaving: bool,
}

/// What is known of a folder with a `Cargo.toml`.
enum Package {
    /// cargo is being asked which workspace it belongs to. `build` when that is known?
    Asked { build: bool },
    /// It belongs to the workspace with this root.
    Of(PathBuf),
}

impl Package {
    fn root(&self) -> Option<&Path> {
        match self {
            Package::Of(root) => Some(root),
            Package::Asked { .. } => None,
        }
    }
}

impl Projects {
    /// Nothing was looked for yet.
    pub fn new(trusted: bool, folders: Vec<PathBuf>) -> Self {
        Projects {
            trusted,
            trusted_by_command: false,
            folders,
            packages: HashMap::new(),
            workspaces: BTreeMap::new(),
            opened: 0,
            changes: 0,
            searches: 0,
            warm: WarmStart::default(),
            is_any_closed: false,
            is_leaving: false,
        }
    }

    /// All workspaces, by root.
    pub fn workspaces(&self) -> &BTreeMap<PathBuf, Workspace> {
        &self.workspaces
    }

    /// All workspaces, to be changed.
    pub fn workspaces_mut(&mut self) -> impl Iterator<Item = &mut Workspace> {
        self.workspaces.values_mut()
    }

    /// The workspace with this root.
    pub fn workspace_mut(&mut self, root: &Path) -> Option<&mut Workspace> {
        self.workspaces.get_mut(root)
    }

    /// What is shown of each workspace.
    pub fn shown(&self) -> Vec<&Arc<Snapshot>> {
        self.workspaces.values().map(Workspace::shown).collect()
    }

    /// Is a project being looked for, or what was measured of it earlier?
    pub fn is_opening(&self) -> bool {
        self.searches > 0
            || self.packages.values().any(|package| matches!(package, Package::Asked { .. }))
            || self.workspaces.values().any(Workspace::is_opening)
    }

    // Searches.

    /// Folders and open files lead to projects. `build` them even if opening alone would not?
    pub fn look_for_all(&mut self, build: bool, context: &Context) {
        let folders = self.folders.iter().filter(|folder| !is_dependency(folder));
        let mut wanted: Vec<(PathBuf, bool)> = folders.map(|folder| (folder.clone(), true)).collect();
        wanted.extend(context.documents.paths().map(|file| (file, false)));
        self.searches += 1;
        context.mail.post_from_disk(move || {
            let search = |(path, is_folder): (PathBuf, bool)| {
                let package = package_folder(&path);
                Search { path, is_folder, package }
            };
            Message::Searched(wanted.into_iter().map(search).collect(), build)
        });
    }

    /// The packages of all folders and open files were looked for.
    pub fn searched(&mut self, found: Vec<Search>, build: bool, notices: &mut Notices, context: &Context) {
        self.searches = self.searches.saturating_sub(1);
        for Search { path, is_folder, package } in found {
            match package {
                // It was closed meanwhile.
                _ if is_folder && !self.folders.contains(&path) => {}
                _ if !is_folder && !context.documents.paths().any(|open| open == path) => {}
                package if !is_folder => self.look_for_file(&path, package, build, notices, context),
                Some(package) => self.look_for(package, build, notices, context),
                // A project further down shows itself when one of its files is opened.
                None => tracing::info!("no Cargo.toml at or above {}", path.display()),
            }
        }
    }

    /// An open file leads to the project of its package.
    pub fn look_for_file(
        &mut self,
        file: &Path,
        package: Option<PathBuf>,
        build: bool,
        notices: &mut Notices,
        context: &Context,
    ) {
        // Following a definition leads into other people's code: that is not ours to build.
        let inside = self.folders.is_empty() || self.folders.iter().any(|folder| file.starts_with(folder));
        if !inside || is_dependency(file) {
            return;
        }
        match package {
            Some(package) => self.look_for(package, build, notices, context),
            None => {
                let text = format!(
                    "`{}` is in no cargo project (there is no Cargo.toml in this folder or above), so the \
                     futures in it cannot be measured. Open a file of a cargo project.",
                    file.parent().unwrap_or(file).display()
                );
                notices.show_once(lsp::MessageType::WARNING, text);
            }
        }
    }

    fn look_for(&mut self, package: PathBuf, build: bool, notices: &mut Notices, context: &Context) {
        if !self.trusted {
            let text = format!(
                "nothing of `{}` is run, so nothing is measured: its settings say that it is not trusted. A size \
                 build runs the project's build scripts and proc macros. The command `futurelens.trust` says that \
                 you trust it.",
                package.display()
            );
            notices.show_once(lsp::MessageType::INFO, text);
            return;
        }
        match self.packages.get_mut(&package) {
            Some(Package::Asked { build: too }) => return *too |= build,
            Some(Package::Of(_)) => return,
            None if self.is_leaving => return,
            None => {}
        }
        self.packages.insert(package.clone(), Package::Asked { build });
        if !self.workspaces.keys().any(|root| package.starts_with(root)) {
            let (folder, request) = (package.clone(), context.config.request(&package));
            context.mail.post_from_disk(move || {
                let target_dir = warm::guess(&folder, &request);
                Message::Guessed(folder, target_dir)
            });
        }
        self.ask_cargo(package, context);
    }

    /// Asks cargo about the project in a folder.
    fn ask_cargo(&self, folder: PathBuf, context: &Context) {
        let (request, changes) = (context.config.request(&folder), self.changes);
        context.mail.post_from_disk(move || {
            let found = Project::open(&request);
            Message::CargoSays(folder, changes, Box::new(found))
        });
    }

    /// What cargo says about the project in a folder, asked after so many changes.
    pub fn cargo_says(
        &mut self,
        folder: PathBuf,
        changes: u64,
        result: Result<Project, BuildError>,
        notices: &mut Notices,
        context: &Context,
    ) {
        if !self.trusted || self.is_leaving {
            self.packages.remove(&folder);
        } else if changes != self.changes {
            self.ask_cargo(folder, context);
        } else {
            match result {
                Ok(project) => self.found(folder, project, context),
                Err(error) => self.not_found(&folder, &error, notices),
            }
        }
    }

    fn not_found(&mut self, folder: &Path, error: &BuildError, notices: &mut Notices) {
        // Asked again when something changes.
        self.packages.remove(folder);
        if let Some(workspace) = self.workspaces.get_mut(folder) {
            workspace.project_not_found(error.to_string());
        }
        notices.show_once(lsp::MessageType::ERROR, error.to_string());
    }

    fn found(&mut self, folder: PathBuf, project: Project, context: &Context) {
        let root = project.root.clone();
        if folder != root {
            // It may have been a workspace of its own until now.
            self.close(&folder, context);
        }
        let is_open = self.is_open(&folder, context);
        let asked = self.packages.insert(folder, Package::Of(root.clone()));
        let build = matches!(asked, Some(Package::Asked { build: true }));
        match self.workspaces.get_mut(&root) {
            Some(known) => {
                known.project_found(project);
                if build {
                    known.want_build(When::Now, &context.mail);
                }
            }
            // The folder was closed while cargo was asked.
            None if !is_open => self.packages.retain(|_, package| package.root() != Some(&root)),
            None => {
                self.opened += 1;
                let target_dir = project.target_dir.clone();
                let then_build = context.config.build.on_open || build;
                self.workspaces.insert(root.clone(), Workspace::new(project, then_build, self.opened << 32));
                self.read_earlier(target_dir, &root, context);
                self.open_workspaces(context);
            }
        }
    }

    /// Is anything open of a package in a folder?
    fn is_open(&self, package: &Path, context: &Context) -> bool {
        let is_in = |file: &Path| self.folders.iter().any(|folder| file.starts_with(folder));
        let leads_here = |folder: &PathBuf| folder.starts_with(package);
        let mut files = context.documents.paths();
        is_in(package)
            || self.folders.iter().any(leads_here)
            || files.any(|file| file.starts_with(package) && (self.folders.is_empty() || is_in(&file)))
    }

    // What earlier sessions measured.

    /// Where earlier numbers of a package could be was guessed: reading them begins before cargo has answered.
    pub fn guessed(&mut self, package: &Path, target_dir: Option<PathBuf>, context: &Context) {
        let is_asked = matches!(self.packages.get(package), Some(Package::Asked { .. }));
        if let Some(target_dir) = target_dir.filter(|_| is_asked) {
            self.read_earlier(target_dir, package, context);
        }
    }

    fn read_earlier(&mut self, target_dir: PathBuf, folder: &Path, context: &Context) {
        let mail = &context.mail;
        self.warm.begin(target_dir, &context.config.request(folder), |read| {
            mail.post_from_disk(move || Message::EarlierNumbers(Box::new(read())));
        });
    }

    /// What an earlier session measured was read.
    pub fn earlier_read(&mut self, read: EarlierNumbers, context: &Context) {
        self.warm.hear(read);
        self.open_workspaces(context);
        if !self.is_opening() {
            self.warm.clear();
        }
    }

    /// Opens workspaces whose earlier numbers were read.
    fn open_workspaces(&mut self, context: &Context) {
        for (root, workspace) in self.workspaces.iter_mut().filter(|(_, workspace)| workspace.is_opening()) {
            let request = context.config.request(root);
            if let Taken::Read(warm) = self.warm.take(&workspace.project().target_dir, &request) {
                workspace.opened(warm, context);
            }
        }
    }

    // Events.

    /// A file was saved. `package`: the nearest folder at or above it with a `Cargo.toml`.
    pub fn saved(&mut self, uri: &lsp::Url, package: PathBuf, notices: &mut Notices, context: &Context) {
        let root = self.packages.get(&package).and_then(Package::root);
        match root.and_then(|root| self.workspaces.get_mut(root)) {
            Some(workspace) => workspace.saved(uri, context),
            None => self.look_for(package, true, notices, context),
        }
    }

    /// Everything is measured again.
    pub fn rebuild(&mut self, notices: &mut Notices, context: &Context) {
        self.workspaces.values_mut().for_each(|one| one.project_changed(When::Now, &context.mail));
        // What could not be measured before may be mended now.
        notices.forget_all();
        self.look_for_all(true, context);
    }

    /// Folders came and went.
    pub fn change_folders(&mut self, change: &lsp::WorkspaceFoldersChangeEvent, context: &Context) {
        for removed in change.removed.iter().filter_map(|folder| convert::path(&folder.uri)) {
            self.folders.retain(|folder| *folder != removed);
            self.close_all(|root| root.starts_with(&removed), context);
        }
        self.folders.extend(change.added.iter().filter_map(|folder| convert::path(&folder.uri)));
        self.look_for_all(false, context);
    }

    /// Files changed that a build depends on besides the sources.
    pub fn project_files_changed(&mut self, files: &[PathBuf], notices: &mut Notices, context: &Context) {
        // Our own builds write below the target directory.
        let concerns = |root: &Path, workspace: &Workspace| {
            files.iter().any(|file| {
                !file.starts_with(&workspace.project().target_dir)
                    && (file.starts_with(root) || file.parent().is_some_and(|dir| root.starts_with(dir)))
            })
        };
        notices.forget_all();
        self.changes += 1;
        for (root, workspace) in &mut self.workspaces {
            if !concerns(root, workspace) {
                continue;
            }
            // A package may have been added, or moved to another workspace.
            self.packages.retain(|_, package| package.root() != Some(root));
            // Nothing is measured if the user wants to say when; cargo is asked about the project again all the same.
            if context.config.build.on_save {
                workspace.project_changed(When::AfterPause, &context.mail);
            }
        }
        self.look_for_all(false, context);
    }

    /// Settings changed that numbers depend on.
    pub fn settings_changed(&mut self, notices: &mut Notices, context: &Context) {
        notices.forget_all();
        self.changes += 1;
        if context.config.build.on_save || context.config.build.on_open {
            for workspace in self.workspaces.values_mut() {
                workspace.watch_rides(context);
                workspace.project_changed(When::AfterPause, &context.mail);
            }
        } else {
            // What is shown is not what is asked for now; perhaps that was measured earlier.
            self.close_all(|_| true, context);
        }
        self.look_for_all(false, context);
    }

    /// What is open is trusted from now on: the user said so, or the settings do.
    pub fn trust(&mut self, by_command: bool, context: &Context) {
        self.trusted_by_command |= by_command;
        if !std::mem::replace(&mut self.trusted, true) {
            self.look_for_all(false, context);
        }
    }

    /// What is open is trusted no more: nothing goes on, and nothing is shown of it.
    pub fn distrust(&mut self, context: &Context) {
        if self.trusted_by_command || !std::mem::replace(&mut self.trusted, false) {
            return;
        }
        self.close_all(|_| true, context);
        self.packages.clear();
        self.look_for_all(false, context);
    }

    fn close_all(&mut self, is_gone: impl Fn(&Path) -> bool, context: &Context) {
        let gone: Vec<PathBuf> = self.workspaces.keys().filter(|root| is_gone(root)).cloned().collect();
        gone.iter().for_each(|root| self.close(root, context));
    }

    /// Lets go of a workspace, if there is one, with everything that runs for it.
    fn close(&mut self, root: &Path, context: &Context) {
        let Some(workspace) = self.workspaces.remove(root) else { return };
        workspace.close(context);
        self.packages.retain(|_, package| package.root() != Some(root));
        self.is_any_closed = true;
    }

    // What the state asks for.

    /// Starts and stops what the state asks for, and tells how it is. Is something else shown now than before?
    pub fn settle(&mut self, context: &Context) -> bool {
        let mut is_other = std::mem::take(&mut self.is_any_closed);
        let mut asking = Vec::new();
        for (root, workspace) in &mut self.workspaces {
            if workspace.settle(context) {
                asking.push(root.clone());
            }
            is_other |= workspace.has_new_numbers();
        }
        asking.into_iter().for_each(|root| self.ask_cargo(root, context));
        is_other
    }

    /// Nothing is begun any more. Has everything ended that was at work?
    pub fn leave(&mut self) -> bool {
        self.is_leaving = true;
        let left: Vec<bool> = self.workspaces.values_mut().map(Workspace::leave).collect();
        left.into_iter().all(|left| left)
    }
}

/// Is this the source of a dependency or of the standard library, as cargo and rustup keep them?
pub fn is_dependency(path: &Path) -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let kept = home.is_some_and(|home| {
        [home.join("registry"), home.join("git")].iter().any(|folder| path.starts_with(folder))
    });
    let names: Vec<_> = path.components().map(|component| component.as_os_str()).collect();
    kept || names.windows(2).any(|pair| pair == ["rustlib", "src"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_people_s_code_is_not_built() {
        let home = std::env::home_dir().unwrap_or_default().join(".cargo");
        if std::env::var_os("CARGO_HOME").is_none() {
            assert!(is_dependency(&home.join("registry/src/index/tokio-1.0.0/src/lib.rs")));
        }
        assert!(is_dependency(Path::new("/t/lib/rustlib/src/rust/library/core/src/lib.rs")));
        assert!(!is_dependency(Path::new("/home/me/registry/src/lib.rs")));
    }
}
