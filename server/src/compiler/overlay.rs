//! Compiling changed text, as if it were in the user's files.
//!
//! An overlay repeats one measured compiler run ([`Invocation`]) in a folder that looks like the directory it ran in, but
//! for the changed files ([`linked`]). Neither
//! cargo nor the project's files nor what was measured of them is touched.
//!
//! The first run of a unit is a whole one, and kept. Each later run builds on a copy of what that one left
//! for incremental compilation, and prints what differs, see [`crate::incremental`]. So the result depends on the first
//! run and the changed text, and not on what was compiled, failed or killed in between.

mod linked;

use super::arguments::artifact_stem;
use super::attempts::{Attempt, Plan};
use super::cargo::Project;
use super::contract::FLAGS;
use super::error::BuildError;
use super::flags::{How, Refused};
use super::invocation::Invocation;
use super::process::{Cancel, Guarded};
use super::run::{Measured, Run, remove};
use super::scratch::Scratch;
use super::store::is_base;
use super::unit::UnitOutput;
use super::{background, dep_info};
use crate::incremental::Form;
use crate::unit_id::UnitId;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// A place to compile changed text in, unit by unit. Gone, with everything in it, when the value is dropped.
#[derive(Debug)]
pub struct Overlay {
    folder: Scratch,
    bootstrap: bool,
    how: How,
    env: BTreeMap<String, String>,
    own_group: bool,
    origins: HashMap<UnitId, Origin>,
    /// How many folders were made for origins.
    made: usize,
}

/// One unit.
#[derive(Debug)]
struct Origin {
    folder: PathBuf,
    invocation: Invocation,
    /// What the whole run printed, once one succeeded: a unit file, since it is tens of megabytes.
    whole: Option<PathBuf>,
    /// See [`Plan::generates`].
    generates: bool,
}

/// The end of a compiler run.
#[derive(Debug)]
pub enum Compiled {
    /// It compiles; this is what [`Project::measure`] would keep of it.
    Done(Box<UnitOutput>),
    /// It does not compile: the compiler's messages as JSON, one in each line.
    Broken(String),
}

impl Origin {
    /// What the whole run left for incremental compilation.
    fn base(&self) -> PathBuf {
        self.folder.join("base")
    }

    /// What the run that is going on makes of it.
    fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// What looks like the directory that the compiler ran in.
    fn overlay(&self) -> PathBuf {
        self.folder.join("overlay")
    }
}

impl Overlay {
    /// Makes the folder, inside futurelens's own target directory. For `own_group` see
    /// [`Request::own_group`](crate::compiler::Request::own_group).
    ///
    /// # Errors
    /// [`BuildError::TargetDir`] if the folder cannot be made.
    pub fn new(project: &Project, own_group: bool) -> Result<Overlay, BuildError> {
        let folder = project.prepare_target_dir()?;
        Ok(Overlay {
            folder,
            bootstrap: project.toolchain().bootstrap,
            how: project.toolchain().how.clone(),
            env: project.env.clone(),
            own_group,
            origins: HashMap::new(),
            made: 0,
        })
    }

    /// Compiles a unit (`origin` is its `CRATE-HASH`) as if these files, given by absolute path, had these
    /// texts. All others are as they are on disk.
    ///
    /// # Errors
    /// [`BuildError::NoOverlay`] if the result would not be that of the changed text,
    /// [`BuildError::Cancelled`], or whatever else keeps the compiler from running.
    pub fn compile(
        &mut self,
        origin: &UnitId,
        invocation: &Invocation,
        changed: &[(&Path, &str)],
        cancel: &Cancel,
    ) -> Result<Compiled, BuildError> {
        check(invocation)?;
        let files: BTreeMap<PathBuf, &str> = changed
            .iter()
            .map(|(file, text)| Ok((relative(file, &invocation.dir)?, *text)))
            .collect::<Result<_, BuildError>>()?;
        let io = |source| BuildError::Io { context: "cannot prepare to compile changed text".into(), source };
        let scratch = tempfile::tempdir_in(self.folder.path()).map_err(io)?;
        let (bootstrap, own_group, env) = (self.bootstrap, self.own_group, self.env.clone());
        let how = self.how.clone();
        let origin = self.origin(origin, invocation).map_err(io)?;
        let (folder, work) = (origin.overlay(), origin.work());
        linked::make(&folder, &invocation.dir, &files).map_err(io)?;
        let out = scratch.path();
        let made = out.join(artifact_stem(&invocation.args).file_name().unwrap_or_default());

        let is_tests = invocation.is_tests();
        let generates = is_tests && origin.generates;
        let mut plan = Plan { is_whole: origin.whole.is_none(), generates, ..Plan::default() };
        plan.follow(|plan| {
            let base = origin.whole.clone().filter(|_| !plan.is_whole);
            remove(&work).map_err(io)?;
            match &base {
                Some(_) => copy(&origin.base(), &work).map_err(io)?,
                None => std::fs::create_dir(&work).map_err(io)?,
            }
            let run = Run::new(out, std::iter::empty(), &how, plan).map_err(io)?;
            let mut command = command(invocation, &env, own_group, bootstrap);
            command
                .args(run.arguments(&invocation.args, Form::Complete, Some(out), &work))
                .current_dir(&folder);
            let compiler = Guarded::new("rustc", &command, own_group)?;
            let compiler = compiler.stdout(File::create(&run.sizes).map_err(io)?).stderr(Stdio::piped());
            // It is read while the compiler runs.
            let read = |file: PathBuf| UnitOutput::read(&file).and_then(|unit| unit.printed(Form::Complete));
            let base = base.map(|file| std::thread::spawn(move || read(file)));
            let ended = compiler.output(cancel)?;
            if !ended.success {
                return failed(String::from_utf8_lossy(&ended.stderr).into_owned(), plan);
            }
            let io =
                |source| BuildError::Io { context: "cannot read what the compiler printed".into(), source };
            let dep_info = made.with_extension("d");
            let dep_info_text = std::fs::read_to_string(&dep_info).map_err(io)?;
            check_read(&dep_info_text, &folder, &invocation.dir, &files)?;
            let measured =
                run.measured(Form::Complete, is_tests, &dep_info, &folder, &files, base).map_err(io)?;
            if matches!(measured, Attempt::NeedsCode) {
                (origin.generates, origin.whole) = (true, None);
            }
            measured.try_map(|measured| {
                let mut done = unit_of(invocation, &measured);
                done.without = plan.flags_left_out();
                if origin.whole.is_none() && is_base(&measured.printed, &done) {
                    let whole = origin.folder.join("whole.futurelens");
                    done.write(&whole).map_err(io)?;
                    // Of a run that generated no code.
                    remove(&origin.base()).map_err(io)?;
                    std::fs::rename(&work, origin.base()).map_err(io)?;
                    origin.whole = Some(whole);
                }
                Ok(Compiled::Done(Box::new(done)))
            })
        })
    }

    /// What is there for a unit; nothing of another invocation of it.
    fn origin(&mut self, origin: &UnitId, invocation: &Invocation) -> io::Result<&mut Origin> {
        if let Some(known) = self.origins.get(origin)
            && known.invocation != *invocation
        {
            remove(&known.folder)?;
            self.origins.remove(origin);
        }
        Ok(match self.origins.entry(origin.to_owned()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let folder = self.folder.path().join(self.made.to_string());
                std::fs::create_dir(&folder)?;
                self.made += 1;
                place.insert(Origin { folder, invocation: invocation.clone(), whole: None, generates: false })
            }
        })
    }
}

/// The compiler without its arguments.
fn command(
    invocation: &Invocation,
    env: &BTreeMap<String, String>,
    in_background: bool,
    bootstrap: bool,
) -> Command {
    let program = &invocation.program;
    let mut command = if in_background { background::command(program) } else { Command::new(program) };
    invocation.set_environment(env, &mut command);
    // A compiler that crashes would leave a file in the user's folder.
    command.env("RUSTC_ICE", "0");
    if bootstrap {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command
}

/// What comes of a run that has failed, by what the compiler said.
fn failed(messages: String, plan: &Plan) -> Result<Attempt<Compiled>, BuildError> {
    if let Some(refused) = Refused::find(&messages).filter(|refused| plan.can_do_without(refused)) {
        return Ok(Attempt::Refused(refused));
    }
    if !plan.is_whole && messages.contains("internal compiler error") {
        // Perhaps it is the fault of what it built on.
        return Ok(Attempt::BaseUnusable);
    }
    // Without a message it was not the compiler that failed, or not over the text.
    if messages.lines().any(|line| line.starts_with('{')) {
        Ok(Attempt::Ended(Compiled::Broken(messages)))
    } else {
        let source = io::Error::other(messages.trim_end().to_owned());
        Err(BuildError::Io { context: "the compiler gave up".into(), source })
    }
}

fn unit_of(invocation: &Invocation, measured: &Measured) -> UnitOutput {
    let mut unit = UnitOutput::new(FLAGS, invocation.dir.clone());
    unit.invocation = Some(invocation.clone());
    unit.push_printed(&measured.printed);
    unit.push_included(&measured.included);
    unit
}

fn no_overlay(reason: impl Into<String>) -> BuildError {
    BuildError::NoOverlay { reason: reason.into() }
}

/// Can this run be repeated in a folder that looks like its directory?
fn check(invocation: &Invocation) -> Result<(), BuildError> {
    let root = invocation.root().ok_or_else(|| no_overlay("the compiler was given no source file"))?;
    let inside = Path::new(root).components().all(|part| matches!(part, Component::Normal(_)));
    match inside {
        true => Ok(()),
        false => Err(no_overlay(format!("`{root}` is outside of `{}`", invocation.dir.display()))),
    }
}

fn relative(file: &Path, dir: &Path) -> Result<PathBuf, BuildError> {
    let outside = || no_overlay(format!("`{}` is outside of `{}`", file.display(), dir.display()));
    // The compiler's directory has no links in it.
    let real = || {
        let folder = dunce::canonicalize(file.parent()?).ok()?;
        folder.join(file.file_name()?).strip_prefix(dir).ok().map(Path::to_owned)
    };
    let relative = file.strip_prefix(dir).ok().map(Path::to_owned).or_else(real).ok_or_else(outside)?;
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && !relative.as_os_str().is_empty()).then_some(relative).ok_or_else(outside)
}

/// Was each changed file read in the overlay only? An absolute path in the code, or one that leaves a folder
/// through a link, leads to the user's file.
fn check_read(
    dep_info: &str,
    overlay: &Path,
    dir: &Path,
    changed: &BTreeMap<PathBuf, &str>,
) -> Result<(), BuildError> {
    let originals: Vec<PathBuf> =
        changed.keys().filter_map(|file| dir.join(file).canonicalize().ok()).collect();
    let read =
        dep_info::sources(dep_info).into_iter().filter_map(|file| overlay.join(file).canonicalize().ok());
    for file in read {
        if originals.contains(&file) {
            return Err(no_overlay(format!("`{}` is read by another path", file.display())));
        }
    }
    Ok(())
}

/// Copies a folder of what incremental compilation keeps. By links where possible: the compiler writes new
/// files and removes old ones, it never changes one.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else if std::fs::hard_link(entry.path(), &to).is_err() {
            std::fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}
