//! The one owner of everything the server knows: documents, settings, and what was measured.
//!
//! Handlers send it messages; it answers from memory in the order they came, and never waits. Builds run
//! on threads of their own and report back with messages too.

use super::actions::{Actions, Found, Ground, News};
use super::ahead::{Ahead, Prepared};
use super::config::Config;
use super::convert;
use super::protocol::{self, State, Status, Wanted};
use super::unsaved::{self, Unsaved};
use super::warm::{self, Taken, WarmStart, Watch};
use super::wire::outbox::{Out, Outbox};
use crate::compiler::{BuildError, Cancel, Project};
use crate::engine::{self, Links, Measurement, QuickPass, Units, Warm};
use crate::features::diagnostics;
use crate::features::hints::{self, Hint};
use crate::features::hover::{self, HoverSettings};
use crate::features::layout;
use crate::features::overview::{self, Circumstances, Sizes};
use crate::features::snapshot::{FileView, Snapshot};
use crate::features::today::{Spot, Today};
use crate::features::{drift, unused_budgets};
use crate::source::{self, Encoding, Outline};
use lsp_types as lsp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What a handler or a build tells the session.
#[derive(Debug)]
pub enum Message {
    /// The editor is ready.
    Initialized,
    /// `textDocument/didOpen`.
    Open(lsp::TextDocumentItem),
    /// `textDocument/didChange`.
    Change(lsp::DidChangeTextDocumentParams),
    /// `textDocument/didSave`.
    Save(lsp::Url),
    /// `textDocument/didClose`.
    Close(lsp::Url),
    /// `workspace/didChangeConfiguration`.
    Configure(serde_json::Value),
    /// `workspace/didChangeWorkspaceFolders`.
    Folders(lsp::WorkspaceFoldersChangeEvent),
    /// `workspace/didChangeWatchedFiles`: what the build depends on besides the sources.
    ProjectFilesChanged(Vec<PathBuf>),
    /// `futurelens.rebuild`.
    Rebuild,
    /// `futurelens.trust`.
    Trust,
    /// The user's cancel button.
    CancelProgress(lsp::NumberOrString),
    /// `textDocument/inlayHint`.
    Hints(lsp::Url, lsp::Range, oneshot::Sender<Option<Vec<lsp::InlayHint>>>),
    /// The editor has waited long enough for its hints.
    AnswerHints,
    /// The editor may have missed that the hints changed.
    RefreshAgain,
    /// `inlayHint/resolve`.
    ResolveHint(Box<lsp::InlayHint>, oneshot::Sender<lsp::InlayHint>),
    /// `textDocument/hover`.
    Hover(lsp::Url, lsp::Position, oneshot::Sender<Option<lsp::Hover>>),
    /// `futurelens/layout`.
    Layout(Wanted, oneshot::Sender<Option<serde_json::Value>>),
    /// `futurelens/report`.
    Report(oneshot::Sender<Option<serde_json::Value>>),
    /// `textDocument/codeAction`.
    CodeActions(Box<lsp::CodeActionParams>, oneshot::Sender<Option<lsp::CodeActionResponse>>),
    /// `codeAction/resolve`; no answer if the text is not what it was.
    ResolveAction(Box<lsp::CodeAction>, oneshot::Sender<Option<lsp::CodeAction>>),
    /// `shutdown`: no build survives it.
    Shutdown(oneshot::Sender<()>),
    /// A project was looked for, after so many changes of project files and settings.
    Found(PathBuf, u64, Box<Result<Project, BuildError>>),
    /// What an earlier session measured was read.
    Kept(Box<warm::News>),
    /// There are numbers that rode along with the user's own build.
    Riding(PathBuf),
    /// They were read; for which watch, so that those for earlier settings do not count.
    RodeAlong(PathBuf, u64, Option<Box<Warm>>),
    /// The pause after a save is over.
    Due(PathBuf, u64),
    /// A build says something.
    News(PathBuf, u64, engine::News),
    /// It is time to tell how far a build is.
    Progress(PathBuf, u64),
    /// A build is over.
    Done(PathBuf, u64, Box<Result<Measurement, BuildError>>),
    /// What is found out about actions.
    Actions(PathBuf, u64, News),
    /// What open documents are part of was measured ahead.
    Prepared(PathBuf, Prepared),
    /// There was a pause after an edit.
    Pause(PathBuf, u64),
    /// Unsaved text was measured, or not.
    Unsaved(PathBuf, u64, Box<unsaved::Over>),
}

/// What the editor can do.
#[derive(Debug, Clone)]
pub struct Abilities {
    /// The negotiated position encoding.
    pub encoding: Encoding,
    /// `window/workDoneProgress`.
    pub progress: bool,
    /// `workspace/inlayHint/refresh`.
    pub refresh: bool,
    /// Tooltips may come later, by `inlayHint/resolve`.
    pub resolve_tooltip: bool,
    /// Where a click on a label leads may be told later, by `inlayHint/resolve`.
    pub resolve_location: bool,
    /// Hovers may be markdown.
    pub markdown_hover: bool,
    /// `futurelens/status`.
    pub status: bool,
    /// Files can be watched on request.
    pub watch: bool,
    /// The edit of a code action may come later, by `codeAction/resolve`.
    pub resolve_edit: bool,
    /// Edits may name the version of the document they are for.
    pub versioned_edits: bool,
}

/// A save is often followed by others (save all): the first one starts a build, the others wait this long for
/// more to come, and start another.
const DEBOUNCE: Duration = Duration::from_millis(40);

/// Progress about the same crates more often than this is flicker.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What is said if the compiler found errors; which ones, rust-analyzer shows.
const STALE: &str = "some crates do not compile; their numbers are stale";

struct Document {
    version: i32,
    /// As the compiler calls it: without symbolic links, but for those within a package, see [`Links`].
    file: Option<PathBuf>,
    outline: Outline,
    /// The editor shows diagnostics of ours for it.
    has_diagnostics: bool,
    /// They may not be right any more.
    unchecked: bool,
}

/// One cargo workspace.
struct Workspace {
    project: Project,
    snapshot: Arc<Snapshot>,
    /// The sizes as of the last build in which everything compiled, and as of the one before.
    sizes: Sizes,
    before: Sizes,
    /// What is shown is newer than `sizes`: of a build that is not over, or never was.
    is_early: bool,
    /// Packages of the documents that were open when the last build began.
    looked_at: BTreeSet<String>,
    /// How what was measured is compiled.
    units: Units,
    actions: Actions,
    ahead: Ahead,
    /// Files saved since everything was measured last.
    saved: BTreeSet<PathBuf>,
    /// The sizes of unsaved text.
    unsaved: Unsaved,
    /// What was measured earlier is being read, and shown before anything else happens. Is a build to follow?
    opening: Option<bool>,
    /// What is shown was measured earlier, and nothing happened since that is known to change it.
    is_warm: bool,
    /// Looks for numbers that ride along with the user's own builds; and how often such were looked for.
    watch: Option<Watch>,
    rides: u64,
    /// Counts builds asked for; a build with an older number is out of date. No two workspaces count alike, also if
    /// they are the same folder's that was closed meanwhile.
    wanted: u64,
    running: Option<Running>,
    /// A build is about to begin.
    is_due: bool,
    /// Something changed since the running build began.
    again: bool,
    /// `Cargo.toml`, the toolchain or the like changed: look at the project anew before building.
    reopen: bool,
    /// How it is when nothing is being built, and why.
    rest: (State, Option<String>),
    /// What the editor was told last.
    told: Option<Status>,
}

impl Workspace {
    /// What the editor shows: numbers of unsaved text where there are some.
    fn shown(&self) -> &Snapshot {
        self.unsaved.shown().unwrap_or(&self.snapshot)
    }
}

struct Running {
    number: u64,
    cancel: Cancel,
    token: lsp::NumberOrString,
    /// Is it busy with dependencies only? Then it is worth finishing what it has begun.
    in_dependencies: bool,
    /// When and about which crates the user was last told.
    last_report: (Instant, String),
    /// How far it is: units done, units in all, and the crates being compiled.
    progress: (u32, u32, String),
    /// Files that it measures as they were saved, unless they were saved again.
    saved: BTreeSet<PathBuf>,
    /// When the editor was last told, and whether it is about to be.
    last_status: Instant,
    status_due: bool,
    /// The user pressed cancel: no new build until the next save.
    cancelled_by_user: bool,
}

/// See the module's documentation.
pub struct Session {
    sender: mpsc::UnboundedSender<Message>,
    out: Outbox,
    abilities: Abilities,
    config: Config,
    /// Nothing of what is open is run before: not even a compiler that is asked for its version, since which one
    /// that is the project says.
    trusted: bool,
    /// The user said so in this session: settings that are sent again do not take it back.
    trusted_by_command: bool,
    folders: Vec<PathBuf>,
    documents: HashMap<lsp::Url, Document>,
    links: Links,
    /// By the workspace's root.
    workspaces: BTreeMap<PathBuf, Workspace>,
    /// By folder with a `Cargo.toml`.
    packages: HashMap<PathBuf, Package>,
    /// Counts changes of project files and settings: what cargo was asked before the last one may not be so any
    /// more.
    changes: u64,
    /// Messages that were shown; each is shown once.
    shown: HashSet<String>,
    /// Compilers of which it was told that they print something in an unknown way.
    drifted: HashSet<String>,
    /// Who waits for the end.
    leaving: Vec<oneshot::Sender<()>>,
    /// See [`Session::hints_wait`].
    held_hints: Vec<HeldHints>,
    /// When a request for hints was answered last.
    hints_answered: Option<Instant>,
    warm: WarmStart,
    /// How many workspaces there were.
    opened: u64,
}

/// A request for hints that is not answered yet.
struct HeldHints {
    uri: lsp::Url,
    range: lsp::Range,
    reply: oneshot::Sender<Option<Vec<lsp::InlayHint>>>,
}

/// Requests for hints are not held back longer: Helix gives up after 20 seconds.
const LONGEST_HOLD: Duration = Duration::from_secs(15);

/// So long an answer to a request for hints may be on its way. VS Code does not listen for changes between its request
/// and the answer: one that is told in that time is told once more.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

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

/// What travels with a hint until its tooltip is asked for.
#[derive(Serialize, Deserialize)]
struct HintData {
    uri: lsp::Url,
    at: u32,
}

/// What travels with a code action until its edit is asked for.
#[derive(Serialize, Deserialize)]
struct ActionData {
    uri: lsp::Url,
    version: i32,
    id: String,
}

impl Session {
    /// A session that has heard nothing yet.
    pub fn new(
        sender: mpsc::UnboundedSender<Message>,
        out: Outbox,
        abilities: Abilities,
        config: Config,
        trusted: bool,
        folders: Vec<PathBuf>,
    ) -> Self {
        Session {
            sender,
            out,
            abilities,
            config,
            trusted,
            trusted_by_command: false,
            folders,
            documents: HashMap::new(),
            links: Links::default(),
            workspaces: BTreeMap::new(),
            packages: HashMap::new(),
            changes: 0,
            shown: HashSet::new(),
            drifted: HashSet::new(),
            leaving: Vec::new(),
            held_hints: Vec::new(),
            hints_answered: None,
            warm: WarmStart::default(),
            opened: 0,
        }
    }

    /// Works until nobody can send messages any more.
    pub async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            self.handle(message);
            // In a burst of messages only the last state is worth a look.
            if messages.is_empty() {
                self.publish_diagnostics();
                self.answer_hints(false);
            }
        }
        self.cancel_all();
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Initialized => self.initialized(),
            Message::Open(document) => self.open(document),
            Message::Change(change) => self.change(change),
            Message::Save(uri) => {
                if self.config.build.on_save
                    && let Some(file) = convert::path(&uri)
                    && let Some(package) = package_folder(&file).filter(|_| !is_dependency(&file))
                {
                    match self.packages.get(&package).and_then(Package::root).map(Path::to_owned) {
                        Some(root) => {
                            self.note_saved(&root, &uri);
                            let idle = |w: &Workspace| w.running.is_none() && !w.is_due;
                            let is_idle = self.workspaces.get(&root).is_some_and(idle);
                            self.want_build(&root, if is_idle { Duration::ZERO } else { DEBOUNCE });
                        }
                        None => self.look_for_project(package, true),
                    }
                }
            }
            Message::Close(uri) => {
                if self.documents.remove(&uri).is_some_and(|document| document.has_diagnostics) {
                    self.send(Out::Diagnostics(uri, Vec::new(), None));
                }
                // What was typed and not saved is gone.
                let cleared: Vec<bool> =
                    self.workspaces.values_mut().map(|one| one.unsaved.clear()).collect();
                if cleared.contains(&true) {
                    self.refresh();
                }
            }
            Message::Configure(settings) => self.configure(&settings),
            Message::Folders(change) => self.change_folders(change),
            Message::ProjectFilesChanged(files) => self.project_files_changed(&files),
            Message::Trust => {
                self.trusted_by_command = true;
                self.trust();
            }
            Message::Rebuild => {
                for root in self.roots() {
                    self.reopen(&root);
                    self.want_build(&root, Duration::ZERO);
                }
                // What could not be measured before may be mended now.
                self.shown.clear();
                self.look_for_projects(true);
            }
            Message::CancelProgress(token) => {
                for workspace in self.workspaces.values_mut() {
                    if let Some(running) = workspace.running.as_mut().filter(|r| r.token == token) {
                        running.cancelled_by_user = true;
                        running.cancel.cancel();
                        workspace.again = false;
                    }
                }
            }
            Message::Hints(uri, range, reply) => {
                if self.hints_wait(&uri) {
                    self.held_hints.push(HeldHints { uri, range, reply });
                    send_later(&self.sender, LONGEST_HOLD, Message::AnswerHints);
                } else {
                    let _ = reply.send(self.hints(&uri, range));
                    self.hints_answered = Some(Instant::now());
                }
            }
            Message::AnswerHints => self.answer_hints(true),
            Message::RefreshAgain => self.send(Out::RefreshHints),
            Message::ResolveHint(hint, reply) => {
                let _ = reply.send(self.resolve(*hint));
            }
            Message::Hover(uri, at, reply) => {
                let _ = reply.send(self.hover(&uri, at));
            }
            Message::Layout(wanted, reply) => {
                let _ = reply.send(self.layout(&wanted));
            }
            Message::Report(reply) => {
                let _ = reply.send(self.report());
            }
            Message::CodeActions(params, reply) => {
                let found = self.found_actions(&params);
                let _ = reply.send(self.code_actions(&params, &found));
                for root in self.roots() {
                    let workspace = self.workspaces.get_mut(&root);
                    if workspace.is_some_and(|workspace| workspace.actions.want(&found)) {
                        self.look_for_actions(&root);
                    }
                }
            }
            Message::ResolveAction(action, reply) => {
                let _ = reply.send(self.resolve_action(*action));
            }
            Message::Shutdown(reply) => {
                self.cancel_all();
                self.leaving.push(reply);
                self.leave();
            }
            Message::Found(folder, ..) if !self.trusted => _ = self.packages.remove(&folder),
            Message::Found(folder, changes, _) if changes != self.changes => self.open_project(folder),
            Message::Found(folder, _, result) => self.found(folder, *result),
            Message::Kept(news) => {
                self.warm.hear(*news);
                for root in self.roots() {
                    self.warm_up(&root);
                }
                if !self.is_opening() {
                    self.warm.clear();
                }
            }
            Message::Riding(root) => self.read_ride(&root),
            Message::RodeAlong(root, number, warm) => self.rode_along(&root, number, warm),
            Message::Due(root, number) => {
                let workspace = self.workspaces.get_mut(&root);
                if let Some(workspace) = workspace.filter(|workspace| workspace.wanted == number) {
                    workspace.is_due = false;
                    self.build(&root);
                }
            }
            Message::News(root, number, news) => self.hear(&root, number, news),
            Message::Progress(root, number) => self.tell_progress(&root, number),
            Message::Done(root, number, result) => {
                self.done(&root, number, *result);
                self.leave();
            }
            Message::Actions(root, number, news) => {
                let is_over = matches!(news, News::Over { .. });
                if let Some(workspace) = self.workspaces.get_mut(&root) {
                    workspace.actions.hear(number, news);
                }
                if is_over {
                    // Documents may have been opened meanwhile.
                    self.look_for_actions(&root);
                    self.leave();
                }
            }
            Message::Prepared(root, prepared) => {
                if let Some(workspace) = self.workspaces.get_mut(&root) {
                    workspace.ahead.hear(prepared);
                }
                self.look_for_actions(&root);
                self.leave();
            }
            Message::Pause(root, number) => self.measure_unsaved(&root, number),
            Message::Unsaved(root, number, over) => {
                let Some(workspace) = self.workspaces.get_mut(&root) else { return };
                let (waiting, is_new) = workspace.unsaved.hear(number, *over);
                if is_new {
                    self.refresh();
                }
                if let Some(number) = waiting {
                    self.measure_unsaved(&root, number);
                }
                self.leave();
            }
        }
    }

    fn send(&self, out: Out) {
        self.out.send(out);
    }

    /// Shows a message unless it was shown before.
    fn show_once(&mut self, level: lsp::MessageType, text: String) {
        if self.shown.insert(text.clone()) {
            self.send(Out::Show(level, format!("futurelens: {text}")));
        }
    }

    fn log_once(&mut self, text: String) {
        if self.shown.insert(text.clone()) {
            self.send(Out::Log(lsp::MessageType::INFO, text));
        }
    }

    fn roots(&self) -> Vec<PathBuf> {
        self.workspaces.keys().cloned().collect()
    }

    /// If someone waits for the end: what was made for trying actions goes, too.
    fn leave(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let leave = |one: &mut Workspace| {
            let left = [one.actions.leave(), one.ahead.leave(), one.unsaved.leave(), one.running.is_none()];
            left == [true; 4]
        };
        let left: Vec<bool> = self.workspaces.values_mut().map(leave).collect();
        if left.into_iter().all(|left| left) {
            self.leaving.drain(..).for_each(|reply| _ = reply.send(()));
        }
    }

    fn cancel_all(&mut self) {
        for workspace in self.workspaces.values_mut() {
            workspace.actions.stop();
            workspace.ahead.stop();
            workspace.unsaved.typed();
            workspace.again = false;
            workspace.is_due = false;
            workspace.opening = None;
            workspace.wanted += 1;
            if let Some(running) = &workspace.running {
                running.cancel.cancel();
            }
        }
    }

    // Projects.

    fn initialized(&mut self) {
        if self.abilities.watch {
            let globs =
                ["**/Cargo.toml", "**/Cargo.lock", "**/rust-toolchain{,.toml}", "**/.cargo/config{,.toml}"];
            let watchers = globs.map(|glob| lsp::FileSystemWatcher {
                glob_pattern: lsp::GlobPattern::String(glob.to_owned()),
                kind: None,
            });
            self.send(Out::Watch(watchers.into()));
        }
        self.look_for_projects(false);
    }

    /// Folders and open files lead to projects. `build` them even if opening alone would not?
    fn look_for_projects(&mut self, build: bool) {
        for folder in self.folders.clone() {
            if is_dependency(&folder) {
                continue;
            }
            match package_folder(&folder) {
                Some(package) => self.look_for_project(package, build),
                // A project further down shows itself when one of its files is opened.
                None => tracing::info!("no Cargo.toml at or above {}", folder.display()),
            }
        }
        let files: Vec<PathBuf> = self.documents.keys().filter_map(convert::path).collect();
        for file in files {
            self.look_for_project_of(&file, build);
        }
    }

    fn look_for_project_of(&mut self, file: &Path, build: bool) {
        // Following a definition leads into other people's code: that is not ours to build.
        let inside = self.folders.is_empty() || self.folders.iter().any(|folder| file.starts_with(folder));
        if !inside || is_dependency(file) {
            return;
        }
        match package_folder(file) {
            Some(package) => self.look_for_project(package, build),
            None => {
                let text = format!(
                    "`{}` is in no cargo project (there is no Cargo.toml in this folder or above), so the \
                     futures in it cannot be measured. Open a file of a cargo project.",
                    file.parent().unwrap_or(file).display()
                );
                self.show_once(lsp::MessageType::WARNING, text);
            }
        }
    }

    fn look_for_project(&mut self, package: PathBuf, build: bool) {
        if !self.trusted {
            let text = format!(
                "nothing of `{}` is run, so nothing is measured: its settings say that it is not trusted. A size \
                 build runs the project's build scripts and proc macros. The command `futurelens.trust` says that \
                 you trust it.",
                package.display()
            );
            self.show_once(lsp::MessageType::INFO, text);
            return;
        }
        match self.packages.get_mut(&package) {
            Some(Package::Asked { build: too }) => return *too |= build,
            Some(Package::Of(_)) => return,
            None => {}
        }
        self.packages.insert(package.clone(), Package::Asked { build });
        let request = self.config.request(&package);
        if !self.workspaces.keys().any(|root| package.starts_with(root)) {
            self.warm.guess(&package, &request, kept(&self.sender));
        }
        self.open_project(package);
    }

    /// Asks cargo about the project in a folder.
    fn open_project(&self, folder: PathBuf) {
        let (request, changes) = (self.config.request(&folder), self.changes);
        let sender = self.sender.clone();
        tokio::task::spawn_blocking(move || {
            let found = Project::open(&request);
            let _ = sender.send(Message::Found(folder, changes, Box::new(found)));
        });
    }

    fn found(&mut self, package: PathBuf, result: Result<Project, BuildError>) {
        let project = match result {
            Ok(project) => project,
            Err(error) => {
                // Asked again when something changes.
                self.packages.remove(&package);
                self.workspaces.values_mut().for_each(|workspace| workspace.is_due = false);
                if let Some(workspace) = self.workspaces.get_mut(&package) {
                    workspace.rest = (State::Error, Some(error.to_string()));
                    self.tell(&package);
                }
                self.show_once(lsp::MessageType::ERROR, error.to_string());
                return;
            }
        };
        let root = project.root.clone();
        let is_open = self.is_open(&package);
        let asked = self.packages.insert(package, Package::Of(root.clone()));
        let build = matches!(asked, Some(Package::Asked { build: true }));
        match self.workspaces.get_mut(&root) {
            Some(known) => {
                known.project = project;
                if std::mem::take(&mut known.reopen) || build {
                    self.build(&root);
                }
            }
            // The folder was closed while cargo was asked.
            None if !is_open => self.packages.retain(|_, package| package.root() != Some(&root)),
            None => {
                self.opened += 1;
                let first = self.opened << 32;
                let workspace = Workspace {
                    project,
                    snapshot: Arc::default(),
                    sizes: Sizes::default(),
                    before: Sizes::default(),
                    is_early: false,
                    looked_at: BTreeSet::new(),
                    units: Units::default(),
                    actions: Actions::new(first),
                    ahead: Ahead::default(),
                    saved: BTreeSet::new(),
                    unsaved: Unsaved::new(first),
                    opening: Some(self.config.build.on_open || build),
                    is_warm: false,
                    watch: None,
                    rides: first,
                    wanted: first,
                    running: None,
                    is_due: false,
                    again: false,
                    reopen: false,
                    rest: (State::Idle, None),
                    told: None,
                };
                let target_dir = workspace.project.target_dir.clone();
                self.workspaces.insert(root.clone(), workspace);
                self.warm.begin(target_dir, &self.config.request(&root), kept(&self.sender));
                self.warm_up(&root);
            }
        }
    }

    /// Is anything open of a package in a folder?
    fn is_open(&self, package: &Path) -> bool {
        let is_in = |file: &Path| self.folders.iter().any(|folder| file.starts_with(folder));
        let leads_here = |folder: &PathBuf| folder.starts_with(package);
        let mut files = self.documents.keys().filter_map(convert::path);
        is_in(package)
            || self.folders.iter().any(leads_here)
            || files.any(|file| file.starts_with(package) && (self.folders.is_empty() || is_in(&file)))
    }

    /// Shows what was measured earlier, if a workspace was just opened and that was read. Then it is built.
    fn warm_up(&mut self, root: &Path) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        let Some(build) = workspace.opening else { return };
        let target_dir = &workspace.project.target_dir;
        let request = self.config.request(root);
        let Taken::Read(warm) = self.warm.take(target_dir, &request) else { return };
        workspace.opening = None;
        self.watch_rides(root);
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        let snapshot = warm.and_then(|warm| warm.of(&workspace.project, &request));
        let is_warm = snapshot.is_some();
        if let Some(snapshot) = snapshot {
            workspace.snapshot = Arc::new(snapshot);
            self.refresh();
        }
        if build {
            self.want_build(root, Duration::ZERO);
        } else {
            self.tell(root);
            self.look_for_actions(root);
        }
        if let Some(workspace) = self.workspaces.get_mut(root) {
            workspace.is_warm = is_warm;
        }
    }

    /// Looks for numbers that ride along with the user's own builds.
    fn watch_rides(&mut self, root: &Path) {
        let request = self.config.request(root);
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        workspace.rides += 1;
        let project = &workspace.project;
        let (sender, told) = (self.sender.clone(), root.to_owned());
        let tell = move || _ = sender.send(Message::Riding(told.clone()));
        let (folder, triple) = (project.ride_along.clone(), project.triple(&request));
        workspace.watch = Some(warm::watch(folder, &project.target_dir, &request, triple, tell));
    }

    fn read_ride(&mut self, root: &Path) {
        let request = self.config.request(root);
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        workspace.rides += 1;
        let (number, snapshot) = (workspace.rides, workspace.snapshot.clone());
        let triple = workspace.project.triple(&request);
        let (folder, sender, root) =
            (workspace.project.ride_along.clone(), self.sender.clone(), root.to_owned());
        tokio::task::spawn_blocking(move || {
            let warm = Warm::rode_along(&folder, &request, &triple, &snapshot).map(Box::new);
            let _ = sender.send(Message::RodeAlong(root, number, warm));
        });
    }

    /// Shows numbers that rode along, unless there are newer ones, or they are not those that are asked for.
    fn rode_along(&mut self, root: &Path, number: u64, warm: Option<Box<Warm>>) {
        let request = self.config.request(root);
        let Some(workspace) = self.workspaces.get_mut(root).filter(|w| w.rides == number) else { return };
        let Some(snapshot) = warm.and_then(|warm| warm.beside(&workspace.project, &request)) else { return };
        if !snapshot.is_comparable_to(&workspace.snapshot) {
            workspace.sizes.clear();
            workspace.before.clear();
        }
        workspace.rest = (State::Stale, Some(STALE.to_owned()));
        if !snapshot.has_stale() {
            workspace.before = std::mem::replace(&mut workspace.sizes, overview::sizes(&snapshot));
            workspace.rest = (State::Idle, None);
        }
        workspace.snapshot = Arc::new(snapshot);
        // How to compile them once more is not known: nothing of the dependencies was made for that.
        workspace.units = Units::default();
        workspace.actions.clear();
        workspace.is_warm = false;
        self.refresh();
        self.tell(root);
    }

    /// Has the project looked at anew before its next build.
    fn reopen(&mut self, root: &Path) {
        if let Some(workspace) = self.workspaces.get_mut(root) {
            workspace.reopen = true;
        }
    }

    fn change_folders(&mut self, change: lsp::WorkspaceFoldersChangeEvent) {
        for removed in change.removed.iter().filter_map(|folder| convert::path(&folder.uri)) {
            self.folders.retain(|folder| *folder != removed);
            let gone: Vec<PathBuf> = self.roots().into_iter().filter(|r| r.starts_with(&removed)).collect();
            gone.iter().for_each(|root| self.forget(root));
        }
        self.folders.extend(change.added.iter().filter_map(|folder| convert::path(&folder.uri)));
        self.look_for_projects(false);
        // What was shown of a folder that is gone goes too.
        self.refresh();
    }

    /// Lets go of a workspace, with everything that runs for it.
    fn forget(&mut self, root: &Path) {
        let Some(mut workspace) = self.workspaces.remove(root) else { return };
        workspace.actions.stop();
        workspace.ahead.stop();
        workspace.unsaved.typed();
        if let Some(running) = workspace.running {
            running.cancel.cancel();
            self.end_progress(running.token, "closed");
        }
        // Nothing is left that could take it back.
        if let Some(told) = workspace.told.filter(|told| told.state != State::Idle) {
            let (message, krate, done, total) = (None, None, 0, 0);
            self.send(Out::Status(Status { state: State::Idle, message, krate, done, total, ..told }));
        }
        self.packages.retain(|_, package| package.root() != Some(root));
    }

    /// What is open is trusted from now on.
    fn trust(&mut self) {
        if !std::mem::replace(&mut self.trusted, true) {
            self.look_for_projects(false);
        }
    }

    /// What is open is trusted no more: nothing goes on, and nothing is shown of it.
    fn distrust(&mut self) {
        if self.trusted_by_command || !std::mem::replace(&mut self.trusted, false) {
            return;
        }
        self.roots().iter().for_each(|root| self.forget(root));
        self.packages.clear();
        self.refresh();
        self.look_for_projects(false);
    }

    /// Something changed that numbers depend on. Nothing is measured if the user wants to say when; cargo is asked
    /// about the project again all the same.
    fn changed_around(&mut self, root: &Path) {
        if self.config.build.on_save {
            self.reopen(root);
            self.want_build(root, DEBOUNCE);
        }
    }

    fn project_files_changed(&mut self, files: &[PathBuf]) {
        // Our own builds write below the target directory.
        let concerns = |root: &PathBuf, workspace: &Workspace| {
            files.iter().any(|file| {
                !file.starts_with(&workspace.project.target_dir)
                    && (file.starts_with(root) || file.parent().is_some_and(|dir| root.starts_with(dir)))
            })
        };
        let roots: Vec<PathBuf> = self
            .workspaces
            .iter()
            .filter(|(root, w)| concerns(root, w))
            .map(|(root, _)| root.clone())
            .collect();
        self.shown.clear();
        self.changes += 1;
        // A package may have been added, or moved to another workspace.
        self.packages.retain(|_, package| package.root().is_none_or(|root| !roots.iter().any(|r| r == root)));
        roots.iter().for_each(|root| self.changed_around(root));
        self.look_for_projects(false);
    }

    fn configure(&mut self, settings: &serde_json::Value) {
        // What is not said stays: who forgets to say it again has not said the opposite.
        let trusted = Config::trusted(settings);
        if trusted == Some(false) {
            self.distrust();
        }
        match Config::from_json(settings) {
            Ok(Some(config)) if config != self.config => {
                let old = std::mem::replace(&mut self.config, config);
                let build = |config: &Config| (config.request(Path::new("")), config.build.clone());
                if build(&old) != build(&self.config) {
                    self.shown.clear();
                    self.changes += 1;
                    for root in self.roots() {
                        if self.config.build.on_save || self.config.build.on_open {
                            self.watch_rides(&root);
                            self.reopen(&root);
                            self.want_build(&root, DEBOUNCE);
                        } else {
                            // What is shown is not what is asked for now; perhaps that was measured earlier.
                            self.forget(&root);
                        }
                    }
                    self.look_for_projects(false);
                }
                self.refresh();
            }
            Ok(_) => {}
            Err(error) => {
                let text = format!("setting not understood, the earlier ones stay: {error}");
                self.show_once(lsp::MessageType::WARNING, text);
            }
        }
        if trusted == Some(true) {
            self.trust();
        }
    }

    // Builds.

    /// Has a build begin after a pause, unless it is asked for again until then.
    fn want_build(&mut self, root: &Path, pause: Duration) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        // Whatever is being tried is of yesterday's text, and in the way.
        workspace.actions.stop();
        workspace.ahead.stop();
        workspace.unsaved.typed();
        workspace.wanted += 1;
        workspace.is_due = true;
        workspace.is_warm = false;
        let due = Message::Due(root.to_owned(), workspace.wanted);
        send_later(&self.sender, pause, due);
    }

    /// Begins a build now, or sees to it that one follows the one that runs.
    fn build(&mut self, root: &Path) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        if let Some(build) = &mut workspace.opening {
            *build = true;
            return;
        }
        if let Some(running) = &workspace.running {
            workspace.again = true;
            // What is being compiled of the workspace is compiled again anyway after a save, so waiting
            // for it only delays the new numbers (a save one second into a build of `async-nats`: they
            // come after 0.6 of the time). A half-compiled dependency would be thrown away.
            if !running.in_dependencies {
                running.cancel.cancel();
            }
            return;
        }
        if workspace.reopen {
            workspace.is_due = true;
            self.open_project(root.to_owned());
            return;
        }
        workspace.again = false;
        workspace.is_due = false;
        workspace.actions.stop();
        workspace.ahead.stop();
        workspace.wanted += 1;
        let number = workspace.wanted;
        let cancel = Cancel::default();
        let token = lsp::NumberOrString::String(format!("futurelens/{number}/{}", root.display()));
        workspace.running = Some(Running {
            number,
            cancel: cancel.clone(),
            token: token.clone(),
            in_dependencies: true,
            last_report: (Instant::now(), String::new()),
            progress: (0, 0, String::new()),
            saved: workspace.saved.clone(),
            last_status: Instant::now(),
            status_due: false,
            cancelled_by_user: false,
        });
        let (project, snapshot) = (workspace.project.clone(), workspace.snapshot.clone());
        let files = self.documents.values().filter_map(|document| document.file.as_deref());
        let packages: BTreeSet<String> =
            files.filter_map(|file| project.package_of(file)).map(str::to_owned).collect();
        workspace.looked_at.clone_from(&packages);
        let mut request = self.config.request(root);
        // What someone looks at is measured, also if it is none of the workspace's default members.
        request.selection.also.clone_from(&packages);
        let quick_pass =
            QuickPass { packages, saved: workspace.saved.clone(), units: workspace.units.clone() };
        self.tell(root);
        let (sender, root) = (self.sender.clone(), root.to_owned());
        if self.abilities.progress {
            let name = root.file_name().unwrap_or_default().to_string_lossy();
            self.send(Out::ProgressBegin(
                token,
                lsp::WorkDoneProgressBegin {
                    title: format!("Measuring futures of {name}"),
                    cancellable: Some(true),
                    message: None,
                    percentage: Some(0),
                },
            ));
        }
        std::thread::spawn(move || {
            let mut on_news = |news| {
                let _ = sender.send(Message::News(root.clone(), number, news));
            };
            let result = engine::measure_project(
                &project,
                &request,
                &snapshot,
                &cancel,
                Some(&quick_pass),
                &mut on_news,
            );
            let _ = sender.send(Message::Done(root.clone(), number, Box::new(result)));
        });
    }

    /// A build goes on.
    fn hear(&mut self, root: &Path, number: u64, news: engine::News) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        if workspace.running.as_ref().is_none_or(|running| running.number != number) {
            return;
        }
        match news {
            engine::News::Progress { done, total, crates } => {
                self.progress(root, number, done, total, crates)
            }
            engine::News::Numbers(snapshot) => {
                if !snapshot.is_comparable_to(&workspace.snapshot) {
                    workspace.sizes.clear();
                    workspace.before.clear();
                }
                workspace.snapshot = snapshot;
                workspace.is_early = true;
                workspace.unsaved.clear();
                self.refresh();
            }
        }
    }

    fn progress(&mut self, root: &Path, number: u64, done: u32, total: u32, crates: String) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        let is_member = |name: &str| workspace.project.is_member(name.split('(').next().unwrap_or(name));
        let in_dependencies = !crates.is_empty() && crates.split(", ").all(|name| !is_member(name));
        let Some(running) = workspace.running.as_mut().filter(|r| r.number == number) else { return };
        running.in_dependencies = in_dependencies;
        if workspace.again && !in_dependencies {
            running.cancel.cancel();
        }
        running.progress = (done, total, crates.clone());
        if self.abilities.status && !std::mem::replace(&mut running.status_due, true) {
            let pause = PROGRESS_INTERVAL.saturating_sub(running.last_status.elapsed());
            send_later(&self.sender, pause, Message::Progress(root.to_owned(), number));
        }
        let (when, about) = &running.last_report;
        if !self.abilities.progress || (when.elapsed() < PROGRESS_INTERVAL && *about == crates) {
            return;
        }
        running.last_report = (Instant::now(), crates.clone());
        let token = running.token.clone();
        let report = lsp::WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(format!("{done}/{total}: {crates}")),
            percentage: Some((u64::from(done) * 100 / u64::from(total.max(1))) as u32),
        };
        self.send(Out::ProgressReport(token, report));
    }

    /// Tells the editor how far a build is, if that is the one that runs.
    fn tell_progress(&mut self, root: &Path, number: u64) {
        let running = self.workspaces.get_mut(root).and_then(|workspace| workspace.running.as_mut());
        if let Some(running) = running.filter(|running| running.number == number) {
            running.status_due = false;
            running.last_status = Instant::now();
            self.tell(root);
        }
    }

    /// Tells the editor how it is with a workspace, if it wants to know and does not know it already.
    fn tell(&mut self, root: &Path) {
        let Some(workspace) = self.workspaces.get_mut(root).filter(|_| self.abilities.status) else { return };
        let Some(uri) = convert::folder(root) else { return };
        let (state, message) = match workspace.running {
            Some(_) => (State::Building, None),
            None => workspace.rest.clone(),
        };
        let progress = workspace.running.as_ref().map(|running| running.progress.clone());
        let (done, total, crates) = progress.unwrap_or_default();
        let status = Status {
            root: uri,
            state,
            message,
            krate: Some(crates).filter(|crates| !crates.is_empty()),
            done,
            total,
            compiler: Some(workspace.project.toolchain().version.clone()),
        };
        if workspace.told.as_ref() != Some(&status) {
            workspace.told = Some(status.clone());
            self.send(Out::Status(status));
        }
    }

    fn end_progress(&self, token: lsp::NumberOrString, message: &str) {
        if self.abilities.progress {
            let message = Some(message.to_owned());
            self.send(Out::ProgressEnd(token, lsp::WorkDoneProgressEnd { message }));
        }
    }

    fn done(&mut self, root: &Path, number: u64, result: Result<Measurement, BuildError>) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        let Some(running) = workspace.running.take_if(|running| running.number == number) else { return };
        let again = std::mem::take(&mut workspace.again) && !running.cancelled_by_user;
        workspace.is_warm = false;
        let mut rest = workspace.rest.clone();
        if result.is_ok()
            && let (State::Error, Some(message)) = &rest
        {
            // If it happens again, that is news.
            self.shown.remove(message);
        }
        let end = match result {
            Ok(Measurement { snapshot, failure, missing, units, project, .. }) => {
                let empty = snapshot.has_no_bodies();
                let drift = snapshot.drift();
                if !snapshot.is_comparable_to(&workspace.snapshot) {
                    workspace.sizes.clear();
                    workspace.before.clear();
                }
                if failure.is_none() {
                    workspace.saved.retain(|file| !running.saved.contains(file));
                    workspace.is_early = false;
                    workspace.before = std::mem::replace(&mut workspace.sizes, overview::sizes(&snapshot));
                }
                workspace.snapshot = snapshot;
                workspace.rides += 1;
                workspace.units = units;
                // Another compiler than the chosen one may have been needed.
                workspace.project.choice = project.choice;
                let (note, is_expected) =
                    (workspace.project.choice.note(), workspace.project.choice.is_expected());
                workspace.actions.clear();
                workspace.ahead.clear();
                workspace.unsaved.clear();
                let compiler = workspace.snapshot.compiler.clone();
                let mut budget_errors = workspace.snapshot.budgets.errors.clone();
                if failure.is_none() {
                    budget_errors.extend(unused_budgets::unused(&workspace.snapshot));
                }
                let triples = workspace.project.triples(&self.config.request(root));
                self.refresh();
                if let Some(note) = note {
                    match is_expected {
                        true => self.log_once(note),
                        false => self.show_once(lsp::MessageType::INFO, note),
                    }
                }
                if let [first, others @ ..] = &triples[..]
                    && !others.is_empty()
                {
                    let text = format!(
                        "sizes are those for {first}; `futurelens.cargo.target` chooses another of {}",
                        others.join(", ")
                    );
                    self.show_once(lsp::MessageType::INFO, text);
                }
                for error in budget_errors {
                    self.show_once(lsp::MessageType::WARNING, error);
                }
                rest = match failure {
                    Some(_) if missing.is_empty() => (State::Stale, Some(STALE.to_owned())),
                    Some(_) => (State::Stale, Some(format!("{STALE}: {}", missing.join(", ")))),
                    None => (State::Idle, None),
                };
                match failure {
                    Some(message) => {
                        // The user sees the errors where rust-analyzer shows them.
                        self.send(Out::Log(lsp::MessageType::WARNING, message));
                        STALE
                    }
                    None => {
                        if empty {
                            let text = format!(
                                "no async fn, async block or async closure in `{}`: nothing to show",
                                root.display()
                            );
                            self.show_once(lsp::MessageType::INFO, text);
                        }
                        if !drift.is_empty() {
                            let text = drift::text(&drift, &compiler);
                            self.send(Out::Log(lsp::MessageType::WARNING, text));
                            rest.1 = Some(drift::message(&drift, &compiler));
                            if self.drifted.insert(compiler.clone()) {
                                self.show_once(lsp::MessageType::WARNING, drift::message(&drift, &compiler));
                            }
                        }
                        "done"
                    }
                }
            }
            Err(BuildError::Cancelled) => "cancelled",
            Err(error) => {
                rest = (State::Error, Some(error.to_string()));
                self.show_once(lsp::MessageType::ERROR, error.to_string());
                "cannot measure"
            }
        };
        self.end_progress(running.token, end);
        if let Some(workspace) = self.workspaces.get_mut(root) {
            workspace.rest = rest;
        }
        if again {
            self.build(root);
        } else {
            self.tell(root);
            self.look_for_actions(root);
            // What was typed meanwhile.
            if self.config.build.as_you_type
                && let Some(workspace) = self.workspaces.get_mut(root)
            {
                let number = workspace.unsaved.typed();
                self.measure_unsaved(root, number);
            }
        }
    }

    /// Takes note of a save: what it changed is measured ahead of a build.
    fn note_saved(&mut self, root: &Path, uri: &lsp::Url) {
        let file = self.documents.get(uri).and_then(|document| document.file.as_ref());
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        let Some(file) = file.filter(|file| workspace.project.owns(file)) else { return };
        workspace.saved.insert(file.clone());
        if let Some(running) = &mut workspace.running {
            running.saved.remove(file);
        }
    }

    /// Goes on with the actions of open documents, if no build is due.
    fn look_for_actions(&mut self, root: &Path) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        if workspace.running.is_some() || workspace.again || workspace.is_due {
            return;
        }
        // Only what was built in this session is compiled again: what lies in the target directory may be anyone's.
        if workspace.units.is_empty() {
            return;
        }
        let measured = workspace.snapshot.paths();
        let files = self.documents.values().filter_map(|document| document.file.clone());
        let files: Vec<PathBuf> =
            files.filter(|file| measured.binary_search(&file.as_path()).is_ok()).collect();
        let (sender, prepared) = (self.sender.clone(), root.to_owned());
        let tell = move |done| _ = sender.send(Message::Prepared(prepared, done));
        let open = files.iter().cloned().collect();
        workspace.ahead.go_on(open, &workspace.project, &workspace.units, tell);
        let (project, snapshot, units) = (&workspace.project, &workspace.snapshot, &workspace.units);
        let ground = || Ground { project: project.clone(), snapshot: snapshot.clone(), units: units.clone() };
        let (sender, root) = (self.sender.clone(), root.to_owned());
        let tell = move |number, news| _ = sender.send(Message::Actions(root.clone(), number, news));
        workspace.actions.go_on(files, ground, tell);
    }

    fn refresh(&mut self) {
        self.follow_links();
        for document in self.documents.values_mut() {
            document.unchecked = true;
        }
        if !self.abilities.refresh {
            return;
        }
        self.send(Out::RefreshHints);
        if self.hints_answered.is_some_and(|at| at.elapsed() < ON_ITS_WAY) {
            send_later(&self.sender, ON_ITS_WAY, Message::RefreshAgain);
        }
    }

    /// Is it better to answer a request for hints later? An editor that cannot be told to ask again would
    /// keep the numbers of now, or none, until the text is edited.
    fn hints_wait(&self, uri: &lsp::Url) -> bool {
        let is_busy = |workspace: &Workspace| workspace.running.is_some() || workspace.is_due;
        let is_waited_for = self.is_opening() || self.workspaces.values().any(is_busy);
        !self.abilities.refresh && is_waited_for && !self.has_warm_hints(uri)
    }

    /// Is a project being looked for, or what was measured of it earlier?
    fn is_opening(&self) -> bool {
        self.packages.values().any(|package| matches!(package, Package::Asked { .. }))
            || self.workspaces.values().any(|workspace| workspace.opening.is_some())
    }

    /// Are the hints of a document from an earlier session, and its text as it was then?
    fn has_warm_hints(&self, uri: &lsp::Url) -> bool {
        let Some((document, workspace, views)) = self.measured_in(uri) else { return false };
        let hints =
            || hints::hints(views, &document.outline, &self.config.hint_settings(&workspace.shown().target));
        workspace.is_warm && hints().iter().all(|hint| !hint.site.standing.is_stale())
    }

    /// Answers the requests for hints that were held back, `all` of them or those that need not wait any more.
    fn answer_hints(&mut self, all: bool) {
        for held in std::mem::take(&mut self.held_hints) {
            // The editor has taken it back.
            if held.reply.is_closed() {
                continue;
            }
            if !all && self.hints_wait(&held.uri) {
                self.held_hints.push(held);
            } else {
                let _ = held.reply.send(self.hints(&held.uri, held.range));
                self.hints_answered = Some(Instant::now());
            }
        }
    }

    // Documents.

    fn open(&mut self, document: lsp::TextDocumentItem) {
        let uri = document.uri;
        let outline = Outline::new(document.text.into());
        let version = document.version;
        let file = convert::path(&uri).map(|file| dunce::canonicalize(&file).unwrap_or(file));
        let document = Document { version, file, outline, has_diagnostics: false, unchecked: true };
        self.documents.insert(uri.clone(), document);
        self.follow_links();
        if let Some(file) = convert::path(&uri)
            && file.extension().is_some_and(|extension| extension == "rs")
        {
            self.look_for_project_of(&file, false);
            self.measure_extra(&uri);
            for root in self.roots() {
                self.look_for_actions(&root);
            }
        }
    }

    /// Has a file measured that was opened and lies in none of the workspace's default members.
    fn measure_extra(&mut self, uri: &lsp::Url) {
        if !self.config.build.on_open {
            return;
        }
        let Some(file) = self.documents.get(uri).and_then(|document| document.file.as_ref()) else { return };
        let is_new = |workspace: &Workspace| {
            let package = workspace.project.package_of(file).filter(|name| workspace.project.is_extra(name));
            // Else it is among what the first build looks at.
            workspace.opening.is_none()
                && package.is_some_and(|package| !workspace.looked_at.contains(package))
        };
        let roots: Vec<PathBuf> =
            self.workspaces.iter().filter(|(_, one)| is_new(one)).map(|(root, _)| root.clone()).collect();
        roots.iter().for_each(|root| self.want_build(root, DEBOUNCE));
    }

    /// Finds what was measured of open files that the compiler knows by another name.
    fn follow_links(&mut self) {
        let shown: Vec<&Snapshot> = self.workspaces.values().map(Workspace::shown).collect();
        let is_known = |file: &Path| shown.iter().any(|snapshot| !snapshot.file(file).is_empty());
        let files = self.documents.values_mut().filter_map(|document| document.file.as_mut());
        let mut unknown = files.filter(|file| !is_known(file)).peekable();
        if unknown.peek().is_none() {
            return;
        }
        shown.iter().for_each(|snapshot| self.links.follow(snapshot));
        for file in unknown {
            if let Some(compiled) = self.links.compiled(file) {
                *file = compiled.to_owned();
            }
        }
    }

    fn change(&mut self, change: lsp::DidChangeTextDocumentParams) {
        let Some(document) = self.documents.get_mut(&change.text_document.uri) else { return };
        let mut text = document.outline.text().to_string();
        for edit in change.content_changes {
            let range = edit.range.map(|range| (convert::pos(range.start), convert::pos(range.end)));
            source::apply_change(&mut text, range, &edit.text, self.abilities.encoding);
        }
        document.version = change.text_document.version;
        document.unchecked = true;
        document.outline = Outline::new(text.into());
        self.typed(&change.text_document.uri);
    }

    /// Has unsaved text measured when nothing more is typed for a while, if the user wants that.
    fn typed(&mut self, uri: &lsp::Url) {
        let file = self.documents.get(uri).and_then(|document| document.file.as_deref());
        let Some(file) = file.filter(|_| self.config.build.as_you_type) else { return };
        for (root, workspace) in &mut self.workspaces {
            if !workspace.project.owns(file) {
                continue;
            }
            let pause = Message::Pause(root.clone(), workspace.unsaved.typed());
            send_later(&self.sender, unsaved::PAUSE, pause);
        }
    }

    /// Measures the text of all documents that are not as on the disk. Not during a build: what it finds comes
    /// first, and is of a text that was saved.
    fn measure_unsaved(&mut self, root: &Path, number: u64) {
        let Some(workspace) = self.workspaces.get_mut(root) else { return };
        if workspace.running.is_some() || workspace.is_due || !workspace.unsaved.is_time(number) {
            return;
        }
        let documents = self.documents.values().filter_map(|document| {
            let file = document.file.as_ref().filter(|file| workspace.project.owns(file))?;
            let text = document.outline.text();
            let is_saved = std::fs::read_to_string(file).is_ok_and(|saved| *saved == **text);
            (!is_saved).then(|| (file.clone(), text.to_string()))
        });
        let texts: Vec<(PathBuf, String)> = documents.collect();
        if texts.is_empty() {
            if workspace.unsaved.clear() {
                self.refresh();
            }
            return;
        }
        // Both want the processor, and this one is waited for.
        workspace.actions.stop();
        let (project, snapshot, units) =
            (workspace.project.clone(), workspace.snapshot.clone(), workspace.units.clone());
        let (sender, root) = (self.sender.clone(), root.to_owned());
        let tell = move |number, over| _ = sender.send(Message::Unsaved(root, number, over));
        workspace.unsaved.begin(Ground { project, snapshot, units }, texts, tell);
    }

    // Requests.

    /// The document, and what is shown of the workspace that has measured something in it.
    fn measured(&self, uri: &lsp::Url) -> Option<(&Document, &Snapshot, &[FileView])> {
        let (document, workspace, views) = self.measured_in(uri)?;
        Some((document, workspace.shown(), views))
    }

    /// The document, and the workspace that has measured something in it.
    fn measured_in(&self, uri: &lsp::Url) -> Option<(&Document, &Workspace, &[FileView])> {
        let document = self.documents.get(uri)?;
        let file = document.file.as_deref()?;
        self.workspaces.values().find_map(|workspace| {
            let views = workspace.shown().file(file);
            (!views.is_empty()).then_some((document, workspace, views))
        })
    }

    fn hints(&self, uri: &lsp::Url, range: lsp::Range) -> Option<Vec<lsp::InlayHint>> {
        if !self.config.hints.enable {
            return None;
        }
        let (document, snapshot, views) = self.measured(uri)?;
        let outline = &document.outline;
        let encoding = self.abilities.encoding;
        let start = convert::offset(outline, range.start, encoding);
        let end = convert::offset(outline, range.end, encoding);
        let hints = hints::hints(views, outline, &self.config.hint_settings(&snapshot.target));
        let visible = hints.into_iter().filter(|hint| (start..=end).contains(&hint.at));
        let hint = |hint: Hint<'_>| {
            let data = HintData { uri: uri.clone(), at: hint.at.into() };
            let tooltip = (!self.abilities.resolve_tooltip).then(|| self.tooltip(snapshot, &hint));
            let target =
                (!self.abilities.resolve_location).then(|| self.target(uri, outline, &hint)).flatten();
            convert::inlay_hint(&hint, outline, encoding, tooltip, serde_json::to_value(data).ok(), target)
        };
        Some(visible.map(hint).collect())
    }

    fn hover(&self, uri: &lsp::Url, at: lsp::Position) -> Option<lsp::Hover> {
        let (document, snapshot, views) = self.measured(uri)?;
        let (outline, encoding) = (&document.outline, self.abilities.encoding);
        let settings = HoverSettings {
            cache_line: self.config.cache_line.bytes.on(&snapshot.target),
            markdown: self.abilities.markdown_hover,
            link: &convert::line_link,
        };
        let at = convert::offset(outline, at, encoding);
        let hover = hover::hover(snapshot, views, outline, at, &settings)?;
        Some(convert::hover(hover, outline, encoding, self.abilities.markdown_hover))
    }

    /// Everything about a future, as [`layout::Layout`].
    fn layout(&self, wanted: &Wanted) -> Option<serde_json::Value> {
        let (snapshot, placed) = match wanted {
            Wanted::Id(id) => self.workspaces.values().find_map(|workspace| {
                let snapshot = workspace.shown();
                Some((snapshot, snapshot.future(id)?))
            })?,
            Wanted::At(uri, at) => {
                let (document, snapshot, views) = self.measured(uri)?;
                let at = convert::offset(&document.outline, *at, self.abilities.encoding);
                (snapshot, layout::at(snapshot, views, &document.outline, at)?)
            }
        };
        let documents = self.documents_by_file();
        let open = |file: &Path| documents.get(file).map(|(_, outline)| *outline);
        let today = Today::new(snapshot, &open);
        let location = |spot| self.location(&spot, &documents);
        let layout =
            layout::layout(placed, &today, self.config.cache_line.bytes.on(&snapshot.target), &location);
        serde_json::to_value(layout).ok()
    }

    /// All futures, as [`protocol::Report`].
    fn report(&self) -> Option<serde_json::Value> {
        let documents = self.documents_by_file();
        let open = |file: &Path| documents.get(file).map(|(_, outline)| *outline);
        let location = |spot| self.location(&spot, &documents);
        let mut workspaces = Vec::new();
        for (root, workspace) in &self.workspaces {
            let snapshot = workspace.shown();
            let circumstances = Circumstances {
                cache_line: self.config.cache_line.bytes.on(&snapshot.target),
                budget: self.config.budget.bytes,
                before: if workspace.is_early { &workspace.sizes } else { &workspace.before },
            };
            let Some(root) = convert::folder(root) else { continue };
            let today = Today::new(snapshot, &open);
            workspaces.push(protocol::WorkspaceReport {
                root,
                compiler: &snapshot.compiler,
                profile: &snapshot.profile,
                target: &snapshot.target,
                futures: overview::overview(&today, &circumstances, &location),
            });
        }
        serde_json::to_value(protocol::Report { workspaces }).ok()
    }

    fn documents_by_file(&self) -> HashMap<&Path, (&lsp::Url, &Outline)> {
        let files = self
            .documents
            .iter()
            .filter_map(|(uri, document)| Some((uri, document, document.file.as_deref()?)));
        files.map(|(uri, document, file)| (file, (uri, &document.outline))).collect()
    }

    fn location(
        &self,
        spot: &Spot<'_>,
        documents: &HashMap<&Path, (&lsp::Url, &Outline)>,
    ) -> Option<lsp::Location> {
        let uri = documents.get(&*spot.file).map(|(uri, _)| *uri);
        convert::location(spot, uri, self.abilities.encoding)
    }

    /// What can be done in a range, best first.
    fn found_actions(&self, params: &lsp::CodeActionParams) -> Vec<Found> {
        let Some(document) = self.documents.get(&params.text_document.uri) else { return Vec::new() };
        let Some(file) = document.file.as_deref() else { return Vec::new() };
        let (outline, encoding) = (&document.outline, self.abilities.encoding);
        let start = convert::offset(outline, params.range.start, encoding);
        let end = convert::offset(outline, params.range.end, encoding).max(start);
        let range = source::TextRange::new(start, end);
        let is_as = |file: &Path, text: &str| self.is_as(file, text);
        let workspaces = self.workspaces.values();
        workspaces.flat_map(|workspace| workspace.actions.at(file, outline, range, &is_as)).collect()
    }

    /// Is this the text of a file: of all documents with it, or, if none is open, on disk?
    fn is_as(&self, file: &Path, text: &str) -> bool {
        let mut open = self.documents.values().filter(|it| it.file.as_deref() == Some(file)).peekable();
        match open.peek() {
            Some(_) => open.all(|document| **document.outline.text() == *text),
            None => std::fs::read_to_string(file).is_ok_and(|saved| saved == text),
        }
    }

    fn code_actions(
        &self,
        params: &lsp::CodeActionParams,
        found: &[Found],
    ) -> Option<lsp::CodeActionResponse> {
        let uri = &params.text_document.uri;
        let document = self.documents.get(uri)?;
        let preferred = found.iter().position(Found::is_preferable);
        let actions = found.iter().enumerate().filter_map(|(index, one)| {
            let mut action = convert::code_action(one, params)?;
            action.is_preferred = Some(Some(index) == preferred);
            if self.abilities.resolve_edit {
                let data = ActionData {
                    uri: uri.clone(),
                    version: document.version,
                    id: one.candidate.id.to_string(),
                };
                action.data = serde_json::to_value(data).ok();
            } else {
                action.edit = Some(self.workspace_edit(uri, document, one)?);
            }
            Some(action.into())
        });
        Some(actions.collect())
    }

    /// All edits of an action; none at all if one of the files has no address.
    fn workspace_edit(
        &self,
        uri: &lsp::Url,
        document: &Document,
        found: &Found,
    ) -> Option<lsp::WorkspaceEdit> {
        let own = convert::Edited {
            uri: uri.clone(),
            version: Some(document.version),
            outline: &document.outline,
            edits: &found.edits,
        };
        let others = found.candidate.elsewhere.iter().filter(|other| other.file != found.candidate.file);
        let others = others.map(|other| {
            let mut open = self.documents.iter().filter(|(_, it)| it.file.as_ref() == Some(&other.file));
            let (uri, version) = match open.next() {
                Some((uri, document)) => (uri.clone(), Some(document.version)),
                None => (lsp::Url::from_file_path(&other.file).ok()?, None),
            };
            Some(convert::Edited { uri, version, outline: &other.text, edits: &other.edits })
        });
        let documents = std::iter::once(Some(own)).chain(others).collect::<Option<Vec<_>>>()?;
        let is_versioned = self.abilities.versioned_edits;
        Some(convert::workspace_edit(&documents, is_versioned, self.abilities.encoding))
    }

    /// The edit of an action; none if the document is not what it was when the action was offered.
    fn resolve_action(&self, mut action: lsp::CodeAction) -> Option<lsp::CodeAction> {
        let ActionData { uri, version, id } = ActionData::deserialize(action.data.clone()?).ok()?;
        let document = self.documents.get(&uri).filter(|document| document.version == version)?;
        let file = document.file.as_deref()?;
        let is_as = |file: &Path, text: &str| self.is_as(file, text);
        let workspaces = self.workspaces.values();
        let mut found = workspaces.filter_map(|w| w.actions.with_id(file, &document.outline, &id, &is_as));
        action.edit = Some(self.workspace_edit(&uri, document, &found.next()?)?);
        Some(action)
    }

    /// Tells the editor about the diagnostics of documents that were touched.
    fn publish_diagnostics(&mut self) {
        let unchecked = self.documents.iter().filter(|(_, document)| document.unchecked);
        let unchecked: Vec<lsp::Url> = unchecked.map(|(uri, _)| uri.clone()).collect();
        for uri in unchecked {
            let found = self.diagnostics(&uri);
            let Some(document) = self.documents.get_mut(&uri) else { continue };
            document.unchecked = false;
            let had = std::mem::replace(&mut document.has_diagnostics, !found.is_empty());
            if had || !found.is_empty() {
                let version = Some(document.version);
                self.send(Out::Diagnostics(uri, found, version));
            }
        }
    }

    fn diagnostics(&self, uri: &lsp::Url) -> Vec<lsp::Diagnostic> {
        let Some((document, snapshot, views)) = self.measured(uri) else { return Vec::new() };
        let (outline, encoding) = (&document.outline, self.abilities.encoding);
        let budget = &self.config.budget;
        let mut found = diagnostics::diagnostics(snapshot, views, outline, budget.bytes);
        if self.config.hints.as_diagnostics {
            found.extend(diagnostics::sizes(views, outline, &self.config.hint_settings(&snapshot.target)));
        }
        found
            .into_iter()
            .filter_map(|found| convert::diagnostic(found, uri, outline, encoding, budget.severity))
            .collect()
    }

    fn tooltip(&self, snapshot: &Snapshot, hint: &Hint<'_>) -> String {
        hints::tooltip(hint, snapshot, self.config.cache_line.bytes.on(&snapshot.target))
    }

    /// Where a click on a hint leads.
    fn target(&self, uri: &lsp::Url, outline: &Outline, hint: &Hint<'_>) -> Option<lsp::Location> {
        let range = convert::range(outline, hints::target(hint)?, self.abilities.encoding);
        Some(lsp::Location { uri: uri.clone(), range })
    }

    fn resolve(&self, mut hint: lsp::InlayHint) -> lsp::InlayHint {
        let data = hint.data.clone().and_then(|data| HintData::deserialize(data).ok());
        if let Some(data) = data
            && let Some((document, snapshot, views)) = self.measured(&data.uri)
        {
            let hints = hints::hints(views, &document.outline, &self.config.hint_settings(&snapshot.target));
            if let Some(found) = hints.iter().find(|hint| u32::from(hint.at) == data.at) {
                let tooltip = convert::markdown(self.tooltip(snapshot, found));
                hint.tooltip = Some(lsp::InlayHintTooltip::MarkupContent(tooltip));
                hint.label = convert::label(found, self.target(&data.uri, &document.outline, found));
            }
        }
        hint
    }
}

/// Tells the session something after a pause.
fn send_later(sender: &mpsc::UnboundedSender<Message>, pause: Duration, message: Message) {
    let sender = sender.clone();
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        let _ = sender.send(message);
    });
}

/// How the session hears of what an earlier one measured.
fn kept(sender: &mpsc::UnboundedSender<Message>) -> impl Fn(warm::News) + Send + 'static {
    let sender = sender.clone();
    move |news| _ = sender.send(Message::Kept(Box::new(news)))
}

/// Is this the source of a dependency or of the standard library, as cargo and rustup keep them?
fn is_dependency(path: &Path) -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let kept = home.is_some_and(|home| {
        [home.join("registry"), home.join("git")].iter().any(|folder| path.starts_with(folder))
    });
    let names: Vec<_> = path.components().map(|component| component.as_os_str()).collect();
    kept || names.windows(2).any(|pair| pair == ["rustlib", "src"])
}

/// The nearest folder at or above `path` with a `Cargo.toml`.
fn package_folder(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.join("Cargo.toml").is_file()).map(Path::to_owned)
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
