//! One compiler run that measures: its files, and what they say.

use super::attempts::{Attempt, Plan};
use super::disk;
use super::flags::{self, How, Into, Refused};
use super::inputs::{Before, Included, Inputs};
use super::unit::{self, UnitError};
use crate::incremental::{Form, Printed};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// What the run before printed, being read.
pub(super) type Base = JoinHandle<Result<Printed, UnitError>>;

/// Texts that were written just before a run, which a coarse clock cannot tell from just after; by path as the compiler
/// prints it.
pub(super) type Written<'a> = BTreeMap<PathBuf, &'a str>;

/// What is known after a run that measured.
pub(super) struct Measured {
    /// All that holds.
    pub printed: Printed,
    /// The files that it read besides the sources.
    pub included: Included,
}

/// The files of one compiler run.
pub(super) struct Run {
    /// What it writes to standard output.
    pub sizes: PathBuf,
    /// What it writes to standard error.
    pub messages: PathBuf,
    bodies: PathBuf,
    before: Before,
    how: How,
    without: Vec<Refused>,
    /// The file for generated code, see [`Plan::generates`].
    generates: Option<PathBuf>,
}

impl Run {
    /// A run that begins now as planned, with a folder for its files, of a compiler that is asked so. `inputs` are the
    /// files that it will read, as far as known.
    pub fn new(
        scratch: &Path,
        inputs: impl Iterator<Item = PathBuf>,
        how: &How,
        plan: &Plan,
    ) -> io::Result<Run> {
        let bodies = scratch.join("mir");
        remove(&bodies)?;
        let (sizes, messages) = (scratch.join("sizes"), scratch.join("messages"));
        let before = Before::now(inputs, &messages)?;
        let generates = plan.generates.then(|| scratch.join("object.o"));
        Ok(Run {
            sizes,
            messages,
            bodies,
            before,
            how: how.clone(),
            without: plan.without.clone(),
            generates,
        })
    }

    /// Does it take generated code to find the instances of what this run of a crate's tests printed?
    fn needs_code(&self, printed: &Printed) -> bool {
        self.generates.is_none() && !self.without.iter().any(Refused::is_object) && printed.lacks_instances()
    }

    /// The compiler's arguments, made of cargo's. See [`Into`].
    pub fn arguments<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        form: Form,
        out_dir: Option<&Path>,
        incremental: &Path,
    ) -> Vec<OsString> {
        let into = Into { out_dir, bodies: &self.bodies, incremental, object: self.generates.as_deref() };
        let mut measuring = flags::measuring(args, form, &self.how, into);
        self.without.iter().for_each(|refused| refused.take_out(&mut measuring));
        measuring
    }

    /// A flag of ours that the compiler refuses, if the run failed over that; not one that it was run without.
    pub fn refused(&self) -> Option<Refused> {
        let said = std::fs::read(&self.messages).ok()?;
        Refused::find(&String::from_utf8_lossy(&said)).filter(|refused| !self.without.contains(refused))
    }

    /// What is known once it has succeeded: what it printed, put over what it built on. `dir` is the one it ran in.
    pub fn measured(
        &self,
        form: Form,
        is_tests: bool,
        dep_info: &Path,
        dir: &Path,
        written: &Written<'_>,
        base: Option<Base>,
    ) -> io::Result<Attempt<Measured>> {
        let before = match base.map(JoinHandle::join) {
            None => None,
            Some(Ok(Ok(before))) => Some(before),
            // Damaged: what the compiler has built on cannot be read any more.
            Some(_) => return Ok(Attempt::BaseUnusable),
        };
        let (printed, included) = self.printed(form, dep_info, dir, written, before.as_ref())?;
        // The compiler does not say if it cannot write what it dumps.
        disk::check(self.sizes.parent().unwrap_or(dir))?;
        let printed = match &before {
            Some(before) => printed.over(before),
            None => Some(printed),
        };
        Ok(match printed {
            None => Attempt::BaseUnusable,
            Some(printed) if is_tests && self.needs_code(&printed) => Attempt::NeedsCode,
            Some(printed) => Attempt::Ended(Measured { printed, included }),
        })
    }

    /// What it printed, and the files that it read besides the sources.
    fn printed(
        &self,
        form: Form,
        dep_info: &Path,
        dir: &Path,
        written: &Written<'_>,
        before: Option<&Printed>,
    ) -> io::Result<(Printed, Included)> {
        let stdout = std::fs::read(&self.sizes)?;
        let bodies = unit::read_bodies(&self.bodies)?;
        let Inputs { mut sources, included } = Inputs::read(dep_info, dir, &self.before)?;
        for (name, text) in &mut sources {
            if let Some(known) = written.get(Path::new(name)) {
                *text = Some((*known).to_owned());
            }
        }
        Ok((Printed::read(form, &String::from_utf8_lossy(&stdout), bodies, sources, before), included))
    }
}

/// Removes a folder if it is there.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
