//! One cargo workspace: what was measured of it, the build at work, and its other tasks.

use super::actions::{Actions, Ground, PlacedAction};
use super::ahead::Ahead;
use super::documents::Documents;
use super::job::{Job, Task};
use super::message::{Abilities, Mail, Message, Out, WorkspaceEvent};
use super::notices::Notices;
use super::phase::{Builds, Next, Rest, When};
use super::unsaved::{self, Unsaved};
use super::warm::{self, Watch};
use crate::compiler::{BuildError, Project};
use crate::engine::{self, Measurement, QuickPass, Units, Warm};
use crate::features::overview::{self, Sizes};
use crate::features::snapshot::Snapshot;
use crate::features::{drift, unused_budgets};
use crate::lsp::config::Config;
use crate::lsp::convert;
use crate::lsp::protocol::{Status, WorkspaceState};
use lsp_types as lsp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A save is often followed by others (save all): the first one starts a build, the others wait this long for
/// more to come, and start another.
const DEBOUNCE: Duration = Duration::from_millis(40);

/// Progress about the same crates more often than this is flicker.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What is said if the compiler found errors; which ones, rust-analyzer shows.
const STALE: &str = "some crates do not compile; their numbers are stale";

/// What all rooms of the session look at, and only the session itself changes.
pub struct Context {
    /// Reaches everybody.
    pub mail: Mail,
    /// The settings.
    pub config: Config,
    /// What the editor can do.
    pub abilities: Abilities,
    /// What is open.
    pub documents: Documents,
}

/// See the module's documentation.
pub struct Workspace {
    root: PathBuf,
    project: Project,
    builds: Builds<Run>,
    build: Job<()>,
    snapshot: Arc<Snapshot>,
    /// The sizes as of the last build in which everything compiled, and as of the one before.
    sizes: Sizes,
    before: Sizes,
    /// What is shown is newer than `sizes`: of a build that is not over, or never was.
    is_early: bool,
    /// How what was measured is compiled.
    units: Units,
    /// Packages of the documents that were open when the last build began.
    looked_at: BTreeSet<String>,
    /// Files saved since everything was measured last.
    saved: BTreeSet<PathBuf>,
    actions: Actions,
    ahead: Ahead,
    /// The sizes of unsaved text.
    unsaved: Unsaved,
    /// Looks for numbers that ride along with the user's own builds; and how often such were looked for.
    watch: Option<Watch>,
    rides: u64,
    /// What the editor was told last: how it is, and which numbers there are.
    told: Option<Status>,
    told_shown: Arc<Snapshot>,
}

/// How far a build is: units done, units in all, and the crates being compiled.
#[derive(Debug, Clone, Default)]
struct Progress {
    done: u32,
    total: u32,
    crates: String,
}

/// The build at work.
#[derive(Debug)]
struct Run {
    token: lsp::NumberOrString,
    /// Is it busy with dependencies only? Then it is worth finishing what it has begun.
    in_dependencies: bool,
    /// When and about which crates the user was last told.
    last_report: (Instant, String),
    progress: Progress,
    /// As the status tells it; when that was, and whether it is about to be told again.
    told: Progress,
    last_status: Instant,
    status_due: bool,
    /// Files that it measures as they were saved, unless they were saved again.
    saved: BTreeSet<PathBuf>,
}

impl Workspace {
    /// One that was just opened: its earlier numbers are being read. `first`: numbers of its tasks begin behind this. No two
    /// workspaces count alike, also if they are the same folder's that was closed meanwhile.
    pub fn new(project: Project, then_build: bool, first: u64) -> Self {
        let snapshot = Arc::<Snapshot>::default();
        Workspace {
            root: project.root.clone(),
            project,
            builds: Builds::opening(then_build, first),
            build: Job::new(first),
            told_shown: snapshot.clone(),
            snapshot,
            sizes: Sizes::default(),
            before: Sizes::default(),
            is_early: false,
            units: Units::default(),
            looked_at: BTreeSet::new(),
            saved: BTreeSet::new(),
            actions: Actions::new(first),
            ahead: Ahead::new(first),
            unsaved: Unsaved::new(first),
            watch: None,
            rides: first,
            told: None,
        }
    }

    // What others see.

    /// What cargo said.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// What the editor shows: numbers of unsaved text where there are some.
    pub fn shown(&self) -> &Arc<Snapshot> {
        self.unsaved.shown().unwrap_or(&self.snapshot)
    }

    /// The sizes that the ones shown are compared to.
    pub fn sizes_before(&self) -> &Sizes {
        if self.is_early { &self.sizes } else { &self.before }
    }

    /// What is known about actions.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// The user looks at these actions: they are tried before all others.
    pub fn want_actions(&mut self, looked_at: &[PlacedAction]) {
        self.actions.want(looked_at);
    }

    /// Are earlier numbers being read?
    pub fn is_opening(&self) -> bool {
        self.builds.is_opening()
    }

    /// Will there be other numbers soon?
    pub fn is_busy(&self) -> bool {
        !self.builds.is_resting()
    }

    /// Is what is shown from an earlier session, and nothing known that changed it?
    pub fn is_warm(&self) -> bool {
        *self.builds.rest() == Rest::Warm
    }

    // Events.

    /// Earlier numbers were read, if there are any.
    pub fn opened(&mut self, warm: Option<Box<Warm>>, context: &Context) {
        let request = context.config.request(&self.root);
        let snapshot = warm.and_then(|warm| warm.of(&self.project, &request));
        self.builds.opened(snapshot.is_some());
        if let Some(snapshot) = snapshot {
            self.snapshot = Arc::new(snapshot);
        }
        self.watch_rides(context);
    }

    /// A file was saved: what it changed is measured ahead of a build.
    pub fn saved(&mut self, uri: &lsp::Url, context: &Context) {
        let file = context.documents.get(uri).and_then(|document| document.file.as_ref());
        if let Some(file) = file.filter(|file| self.project.owns(file)) {
            self.saved.insert(file.clone());
            if let Some(run) = self.builds.run_mut() {
                run.saved.remove(file);
            }
        }
        let when = if self.builds.is_resting() { When::Now } else { When::AfterPause };
        self.want_build(when, &context.mail);
    }

    /// A file was opened that lies in none of the workspace's default members: it is measured.
    pub fn opened_extra(&mut self, file: &Path, context: &Context) {
        let package = self.project.package_of(file).filter(|name| self.project.is_extra(name));
        // Else it is among what the first build looks at.
        let is_new = package.is_some_and(|package| !self.looked_at.contains(package));
        if is_new && !self.is_opening() {
            self.want_build(When::AfterPause, &context.mail);
        }
    }

    /// Something changed that numbers depend on besides the sources.
    pub fn project_changed(&mut self, when: When, mail: &Mail) {
        self.builds.project_changed();
        self.want_build(when, mail);
    }

    /// A build is wanted that begins after this.
    pub fn want_build(&mut self, when: When, mail: &Mail) {
        if let Some(number) = self.builds.want(when) {
            mail.post_later(DEBOUNCE, self.event(WorkspaceEvent::PauseOver(number)));
        }
    }

    /// What was begun for the workspace reports.
    pub fn hear(&mut self, event: WorkspaceEvent, notices: &mut Notices, context: &Context) {
        match event {
            WorkspaceEvent::Riding => self.read_ride(context),
            WorkspaceEvent::RodeAlong(number, warm) => self.rode_along(number, warm, context),
            WorkspaceEvent::PauseOver(number) => self.builds.pause_over(number),
            WorkspaceEvent::BuildNews(number, news) => self.build_news(number, news, context),
            WorkspaceEvent::TellProgress(number) => self.show_progress(number),
            WorkspaceEvent::Built(number, result) => self.built(number, *result, notices, context),
            WorkspaceEvent::Actions(number, report) => self.actions.hear(number, report),
            WorkspaceEvent::Prepared(number, prepared) => self.ahead.hear(number, prepared),
            WorkspaceEvent::TypingPause(number) => self.unsaved.pause_over(number),
            WorkspaceEvent::Unsaved(number, report) => self.unsaved.hear(number, *report),
        }
    }

    fn event(&self, event: WorkspaceEvent) -> Message {
        Message::Workspace(self.root.clone(), event)
    }

    /// Cargo has told about the project as it is.
    pub fn project_found(&mut self, project: Project) {
        self.project = project;
        self.builds.project_found();
    }

    /// Cargo cannot tell about the project.
    pub fn project_not_found(&mut self, why: String) {
        self.builds.project_not_found(why);
    }

    /// A file of the workspace was edited; it is measured after a pause in typing.
    pub fn typed(&mut self, file: &Path, mail: &Mail) {
        if self.project.owns(file) {
            let pause = WorkspaceEvent::TypingPause(self.unsaved.typed());
            mail.post_later(unsaved::PAUSE, self.event(pause));
        }
    }

    /// A document was closed: what was typed and not saved is gone.
    pub fn document_closed(&mut self) {
        self.unsaved.clear();
    }

    /// The user's cancel button.
    pub fn cancel_by_user(&mut self, token: &lsp::NumberOrString) {
        if self.builds.run().is_some_and(|run| run.token == *token) {
            self.builds.cancelled_by_user();
            self.build.cancel();
        }
    }

    /// The server is about to end. Has everything ended that was at work?
    pub fn leave(&mut self) -> bool {
        self.builds.leave();
        self.build.cancel();
        let left = [self.actions.leave(), self.ahead.leave(), self.unsaved.leave(), !self.build.is_at_work()];
        left == [true; 4]
    }

    /// The workspace was closed: stops everything that runs for it, and takes back what was told of it.
    pub fn close(mut self, context: &Context) {
        self.actions.stop();
        self.ahead.stop();
        self.unsaved.stop();
        self.build.cancel();
        if let Some(run) = self.builds.run_mut() {
            end_progress(run.token.clone(), "closed", context);
        }
        // Nothing is left that could take it back.
        if let Some(told) = self.told.filter(|told| told.state != WorkspaceState::Idle) {
            let (message, krate, done, total) = (None, None, 0, 0);
            let state = WorkspaceState::Idle;
            context.mail.send(Out::Status(Status { state, message, krate, done, total, ..told }));
        }
    }

    // What the state asks for.

    /// Starts and stops what the state asks for, and tells how it is. Doing it twice is doing it once. True if cargo is to be
    /// asked about the project.
    #[must_use]
    pub fn settle(&mut self, context: &Context) -> bool {
        let next = self.builds.next();
        if !self.builds.is_resting() {
            // Whatever is being tried is of text that is out of date, and in the way.
            self.actions.stop();
            self.ahead.stop();
            self.unsaved.stop();
        }
        if next == Some(Next::Build) {
            self.begin_build(context);
        }
        // What is being compiled of the workspace is compiled again anyway after a save, so waiting
        // for it only delays the new numbers (a save one second into a build of `async-nats`: they
        // come after 0.6 of the time). A half-compiled dependency would be thrown away.
        if self.builds.overtaken().is_some_and(|run| !run.in_dependencies) {
            self.build.cancel();
        }
        if self.builds.is_resting() {
            self.measure_unsaved(context);
        }
        self.tell_status(context);
        next == Some(Next::AskCargo)
    }

    /// Are other numbers shown than the editor was told of? They are told of now.
    pub fn has_new_numbers(&mut self) -> bool {
        let shown = self.shown().clone();
        !Arc::ptr_eq(&std::mem::replace(&mut self.told_shown, shown.clone()), &shown)
    }

    /// Goes on with what is done for open documents between builds.
    pub fn settle_documents(&mut self, context: &Context) {
        // Only what was built in this session is compiled again: what lies in the target directory may be anyone's.
        if !self.builds.is_resting() || self.units.is_empty() {
            return;
        }
        let recursions = &self.snapshot.recursions;
        let is_measured = |file: &&Path| {
            !self.snapshot.file(file).is_empty() || recursions.iter().any(|it| it.file == **file)
        };
        let files: Vec<PathBuf> = context.documents.files().filter(is_measured).map(Path::to_owned).collect();
        let (mail, root) = (context.mail.clone(), self.root.clone());
        let tell =
            move |number, done| mail.post(Message::Workspace(root, WorkspaceEvent::Prepared(number, done)));
        self.ahead.go_on(&files, &self.project, &self.units, tell);
        // Both want the processor, and unsaved text is waited for.
        if self.unsaved.is_at_work() {
            return self.actions.stop();
        }
        let (project, snapshot, units) = (&self.project, &self.snapshot, &self.units);
        let ground = || Ground { project: project.clone(), snapshot: snapshot.clone(), units: units.clone() };
        let (mail, root) = (context.mail.clone(), self.root.clone());
        let tell = move |number, report| {
            mail.post(Message::Workspace(root.clone(), WorkspaceEvent::Actions(number, report)));
        };
        self.actions.go_on(files, ground, tell);
    }

    /// Measures the text of all documents that are not as on the disk, if that is wanted now. Not during a build: what it
    /// finds comes first, and is of a text that was saved.
    fn measure_unsaved(&mut self, context: &Context) {
        let (project, snapshot, units) = (&self.project, &self.snapshot, &self.units);
        let ground = || Ground { project: project.clone(), snapshot: snapshot.clone(), units: units.clone() };
        let texts = || {
            let documents = context.documents.iter().filter_map(|(_, document)| {
                let file = document.file.as_ref().filter(|file| project.owns(file))?;
                Some((file.clone(), document.outline.text().clone()))
            });
            documents.collect()
        };
        let (mail, root) = (context.mail.clone(), self.root.clone());
        let tell = move |number, report| {
            mail.post(Message::Workspace(root, WorkspaceEvent::Unsaved(number, report)))
        };
        self.unsaved.go_on(ground, texts, tell);
    }

    fn begin_build(&mut self, context: &Context) {
        let Some(idle) = self.build.idle() else { return };
        let (project, snapshot) = (self.project.clone(), self.snapshot.clone());
        let files = context.documents.files();
        let packages: BTreeSet<String> =
            files.filter_map(|file| project.package_of(file)).map(str::to_owned).collect();
        self.looked_at.clone_from(&packages);
        let mut request = context.config.request(&self.root);
        // What someone looks at is measured, also if it is none of the workspace's default members.
        request.selection.also.clone_from(&packages);
        let early = QuickPass { packages, saved: self.saved.clone(), units: self.units.clone() };
        let (mail, root) = (context.mail.clone(), self.root.clone());
        let number = idle.begin(move |Task { number, cancel, .. }| {
            let tell = |event| mail.post(Message::Workspace(root.clone(), event));
            let mut on_news = |news| tell(WorkspaceEvent::BuildNews(number, news));
            let result =
                engine::measure_project(&project, &request, &snapshot, &cancel, Some(&early), &mut on_news);
            tell(WorkspaceEvent::Built(number, Box::new(result)));
        });
        let token = lsp::NumberOrString::String(format!("futurelens/{number}/{}", self.root.display()));
        self.builds.began(Run {
            token: token.clone(),
            in_dependencies: true,
            last_report: (Instant::now(), String::new()),
            progress: Progress::default(),
            told: Progress::default(),
            last_status: Instant::now(),
            status_due: false,
            saved: self.saved.clone(),
        });
        if context.abilities.progress {
            let name = self.root.file_name().unwrap_or_default().to_string_lossy();
            let begin = lsp::WorkDoneProgressBegin {
                title: format!("Measuring futures of {name}"),
                cancellable: Some(true),
                message: None,
                percentage: Some(0),
            };
            context.mail.send(Out::ProgressBegin(token, begin));
        }
    }

    /// Tells the editor how it is with the workspace, if it wants to know and does not know it already.
    fn tell_status(&mut self, context: &Context) {
        let Some(root) = convert::folder(&self.root).filter(|_| context.abilities.status) else { return };
        let Some((state, message)) = self.builds.status() else { return };
        let Progress { done, total, crates } =
            self.builds.run().map(|run| run.told.clone()).unwrap_or_default();
        let status = Status {
            root,
            state,
            message: message.map(str::to_owned),
            krate: Some(crates).filter(|crates| !crates.is_empty()),
            done,
            total,
            compiler: Some(self.project.toolchain().version.clone()),
        };
        if self.told.as_ref() != Some(&status) {
            self.told = Some(status.clone());
            context.mail.send(Out::Status(status));
        }
    }

    // The build at work.

    /// A build goes on.
    fn build_news(&mut self, number: u64, news: engine::News, context: &Context) {
        if !self.build.is_current(number) {
            return;
        }
        match news {
            engine::News::Progress { done, total, crates } => {
                self.progress(number, Progress { done, total, crates }, context);
            }
            engine::News::Numbers(snapshot) => {
                self.replace(snapshot);
                self.is_early = true;
                self.unsaved.clear();
            }
        }
    }

    fn progress(&mut self, number: u64, progress: Progress, context: &Context) {
        let is_member = |name: &str| self.project.is_member(name.split('(').next().unwrap_or(name));
        let crates = &progress.crates;
        let in_dependencies = !crates.is_empty() && crates.split(", ").all(|name| !is_member(name));
        let Some(run) = self.builds.run_mut() else { return };
        run.in_dependencies = in_dependencies;
        run.progress = progress;
        if context.abilities.status && !std::mem::replace(&mut run.status_due, true) {
            let pause = PROGRESS_INTERVAL.saturating_sub(run.last_status.elapsed());
            let root = self.root.clone();
            let tell = Message::Workspace(root, WorkspaceEvent::TellProgress(number));
            context.mail.post_later(pause, tell);
        }
        let Progress { done, total, crates } = &run.progress;
        let (when, about) = &run.last_report;
        if !context.abilities.progress || (when.elapsed() < PROGRESS_INTERVAL && about == crates) {
            return;
        }
        let report = lsp::WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(format!("{done}/{total}: {crates}")),
            percentage: Some((u64::from(*done) * 100 / u64::from((*total).max(1))) as u32),
        };
        run.last_report = (Instant::now(), crates.clone());
        context.mail.send(Out::ProgressReport(run.token.clone(), report));
    }

    /// It is time that the status tells how far a build is.
    fn show_progress(&mut self, number: u64) {
        if let Some(run) = self.builds.run_mut().filter(|_| self.build.is_current(number)) {
            run.status_due = false;
            run.last_status = Instant::now();
            run.told = run.progress.clone();
        }
    }

    /// A build is over.
    fn built(
        &mut self,
        number: u64,
        result: Result<Measurement, BuildError>,
        notices: &mut Notices,
        context: &Context,
    ) {
        if !self.build.end(number, None, false) {
            return;
        }
        let Some(run) = self.builds.run_mut() else { return };
        let (token, saved) = (run.token.clone(), std::mem::take(&mut run.saved));
        let (rest, end) = match result {
            Ok(measurement) => {
                if let Rest::Failed(message) = self.builds.rest() {
                    notices.forget(message);
                }
                let (rest, end) = self.measured(measurement, &saved, notices, context);
                (Some(rest), end)
            }
            Err(BuildError::Cancelled) => (None, "cancelled"),
            Err(error) => {
                notices.show_once(lsp::MessageType::ERROR, error.to_string());
                (Some(Rest::Failed(error.to_string())), "cannot measure")
            }
        };
        end_progress(token, end, context);
        self.builds.ended(rest);
        if context.config.build.as_you_type {
            self.unsaved.built();
        }
    }

    /// Takes in what a build measured of these saved files: how it is now, and what is said of it.
    fn measured(
        &mut self,
        measurement: Measurement,
        saved: &BTreeSet<PathBuf>,
        notices: &mut Notices,
        context: &Context,
    ) -> (Rest, &'static str) {
        let Measurement { snapshot, failure, missing, units, project, .. } = measurement;
        self.replace(snapshot);
        if failure.is_none() {
            self.saved.retain(|file| !saved.contains(file));
            self.is_early = false;
            self.before = std::mem::replace(&mut self.sizes, overview::sizes(&self.snapshot));
        }
        self.rides += 1;
        self.units = units;
        // Another compiler than the chosen one may have been needed.
        self.project.choice = project.choice;
        self.actions.clear();
        self.ahead.clear();
        self.unsaved.clear();
        if let Some(note) = self.project.choice.note() {
            match self.project.choice.is_expected() {
                true => notices.log_once(note),
                false => notices.show_once(lsp::MessageType::INFO, note),
            }
        }
        if let [first, others @ ..] = &self.project.triples(&context.config.request(&self.root))[..]
            && !others.is_empty()
        {
            let text = format!(
                "sizes are those for {first}; `futurelens.cargo.target` chooses another of {}",
                others.join(", ")
            );
            notices.show_once(lsp::MessageType::INFO, text);
        }
        let unused = failure.is_none().then(|| unused_budgets::unused(&self.snapshot));
        for error in self.snapshot.budgets.errors.iter().cloned().chain(unused.into_iter().flatten()) {
            notices.show_once(lsp::MessageType::WARNING, error);
        }
        if let Some(message) = failure {
            // The user sees the errors where rust-analyzer shows them.
            context.mail.send(Out::Log(lsp::MessageType::WARNING, message));
            let which = match missing.is_empty() {
                true => STALE.to_owned(),
                false => format!("{STALE}: {}", missing.join(", ")),
            };
            return (Rest::Stale(which), STALE);
        }
        if self.snapshot.has_no_bodies() {
            let root = self.root.display();
            let text = format!("no async fn, async block or async closure in `{root}`: nothing to show");
            notices.show_once(lsp::MessageType::INFO, text);
        }
        let drift = self.snapshot.drift();
        if drift.is_empty() {
            return (Rest::Fresh, "done");
        }
        let compiler = self.snapshot.compiler.clone();
        context.mail.send(Out::Log(lsp::MessageType::WARNING, drift::text(&drift, &compiler)));
        let message = drift::message(&drift, &compiler);
        notices.show_drift_once(compiler, || message.clone());
        (Rest::Drifted(message), "done")
    }

    /// Shows other numbers; sizes that are not comparable to them are forgotten.
    fn replace(&mut self, snapshot: Arc<Snapshot>) {
        if !snapshot.is_comparable_to(&self.snapshot) {
            self.sizes.clear();
            self.before.clear();
        }
        self.snapshot = snapshot;
    }

    // Numbers that ride along with the user's own builds.

    /// Looks for them, as the settings are now.
    pub fn watch_rides(&mut self, context: &Context) {
        let request = context.config.request(&self.root);
        self.rides += 1;
        let (mail, root) = (context.mail.clone(), self.root.clone());
        let tell = move || mail.post(Message::Workspace(root.clone(), WorkspaceEvent::Riding));
        let (folder, triple) = (self.project.ride_along.clone(), self.project.triple(&request));
        self.watch = Some(warm::watch(folder, &self.project.target_dir, &request, triple, tell));
    }

    /// There are some: they are read.
    fn read_ride(&mut self, context: &Context) {
        let request = context.config.request(&self.root);
        self.rides += 1;
        let (number, snapshot, root) = (self.rides, self.snapshot.clone(), self.root.clone());
        let (folder, triple) = (self.project.ride_along.clone(), self.project.triple(&request));
        context.mail.post_from_disk(move || {
            let warm = Warm::rode_along(&folder, &request, &triple, &snapshot).map(Box::new);
            Message::Workspace(root, WorkspaceEvent::RodeAlong(number, warm))
        });
    }

    /// Shows numbers that rode along, unless there are newer ones, or they are not those that are asked for.
    fn rode_along(&mut self, number: u64, warm: Option<Box<Warm>>, context: &Context) {
        let request = context.config.request(&self.root);
        let warm = warm.filter(|_| self.rides == number);
        let Some(snapshot) = warm.and_then(|warm| warm.beside(&self.project, &request)) else { return };
        self.replace(Arc::new(snapshot));
        let rest = match self.snapshot.has_stale() {
            true => Rest::Stale(STALE.to_owned()),
            false => {
                self.before = std::mem::replace(&mut self.sizes, overview::sizes(&self.snapshot));
                Rest::Fresh
            }
        };
        self.builds.set_rest(rest);
        // How to compile them once more is not known: nothing of the dependencies was made for that.
        self.units = Units::default();
        self.actions.clear();
    }
}

fn end_progress(token: lsp::NumberOrString, message: &str, context: &Context) {
    if context.abilities.progress {
        let end = lsp::WorkDoneProgressEnd { message: Some(message.to_owned()) };
        context.mail.send(Out::ProgressEnd(token, end));
    }
}
