//! Where what is known of a unit is kept: measured again, it builds on that.

use super::arguments::{self, artifact_stem};
use super::attempts::{Attempt, Plan};
use super::files;
use super::flags::{How, Refused};
use super::invocation::Invocation;
use super::run::{Base, Measured, Run, Written, remove};
use super::unit::{UnitHead, UnitOutput};
use crate::incremental::{Form, Printed};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Where what is known of a unit is kept, and what its next run builds on.
pub(super) struct Store {
    kept: PathBuf,
    incremental: PathBuf,
    form: Form,
}

/// How a run ended.
pub(super) enum Ended {
    /// The store has what it printed.
    Measured(Run),
    /// It does not compile.
    Failed(Run, ExitStatus),
    /// The compiler does not know a flag that is needed.
    Refused(Refused),
    /// It was told to stop.
    Stopped,
}

impl Store {
    /// For a unit whose files have this stem, see [`artifact_stem`].
    pub fn new(stem: &Path, form: Form) -> Store {
        let (kept, incremental) = match form {
            Form::Complete => ("futurelens", "incremental"),
            Form::Checked => ("checked", "checked-incremental"),
            Form::QuickPass => ("concrete", "concrete-incremental"),
        };
        Store { kept: stem.with_extension(kept), incremental: stem.with_extension(incremental), form }
    }

    /// The file with what is known.
    pub fn kept(&self) -> &Path {
        &self.kept
    }

    /// Two runs at the same time would take each other's state for their own. Of those that measure all, cargo lets
    /// only one be. Where files cannot be locked, it is not to be helped.
    fn lock(&self) -> io::Result<Option<File>> {
        if self.form == Form::Complete {
            return Ok(None);
        }
        let lock = files::lock(&self.incremental.with_extension("lock"))?;
        let _ = lock.lock();
        Ok(Some(lock))
    }

    /// Can this run of the unit build on the last one?
    pub fn has_base(&self, unit: &UnitOutput) -> bool {
        let known = session(&self.incremental);
        known.is_some() && UnitOutput::read_head(&self.kept).is_ok_and(|head| head.is_base_of(unit, &known))
    }

    /// What was kept is read while the compiler runs; whether it is of use, its head tells.
    fn base(&self, unit: &UnitOutput) -> Option<Base> {
        let (kept, form) = (self.kept.clone(), self.form);
        self.has_base(unit)
            .then(|| std::thread::spawn(move || UnitOutput::read(&kept).and_then(|unit| unit.printed(form))))
    }

    /// Has the compiler run, and keeps what it printed: put over what was known if that can be, else measured
    /// whole. `unit` is empty yet. `how` is how the compiler is asked. `compile` runs it, given the folder for
    /// incremental compilation; `None` if it was told to stop.
    pub fn measure(
        &self,
        mut unit: UnitOutput,
        how: &How,
        scratch: &Path,
        dep_info: &Path,
        compile: &mut dyn FnMut(&Run, &Path) -> io::Result<Option<ExitStatus>>,
    ) -> io::Result<Ended> {
        let _lock = self.lock()?;
        let is_tests = self.form == Form::Complete && unit.is_tests();
        unit.generates = is_tests && UnitOutput::read_head(&self.kept).is_ok_and(|kept| kept.generates());
        let mut base = self.base(&unit);
        let mut plan = Plan { is_whole: base.is_none(), generates: unit.generates, ..Plan::default() };
        plan.follow(|plan| {
            if plan.is_whole {
                remove(&self.incremental)?;
            }
            let known = UnitOutput::read_head(&self.kept).ok();
            let inputs = known.iter().flat_map(UnitHead::inputs).map(|(file, _)| file);
            let run = Run::new(scratch, inputs, how, plan)?;
            let Some(status) = compile(&run, &self.incremental)? else {
                return Ok(Attempt::Ended(Ended::Stopped));
            };
            if !status.success() {
                return Ok(match run.refused() {
                    Some(refused) if refused.is_needed => Attempt::Ended(Ended::Refused(refused)),
                    Some(refused) => Attempt::Refused(refused),
                    // With errors in the code it ends with 1. Anything else may be the fault of what it built on.
                    None if !plan.is_whole && status.code() != Some(1) => Attempt::BaseUnusable,
                    None => Attempt::Ended(Ended::Failed(run, status)),
                });
            }
            let base = base.take().filter(|_| !plan.is_whole);
            let measured = run.measured(self.form, is_tests, dep_info, &unit.dir, &Written::new(), base)?;
            measured.try_map(|Measured { printed, included }| {
                unit.generates = plan.generates;
                unit.push_printed(&printed);
                unit.push_included(&included);
                // If a line was not understood, it cannot be told what the next incremental run would leave as it was.
                let is_base = is_base(&printed, &unit);
                unit.session = session(&self.incremental).filter(|_| is_base);
                unit.without = plan.flags_left_out();
                unit.write(&self.kept)?;
                Ok(Ended::Measured(run))
            })
        })
    }
}

impl Invocation {
    /// Was a quick pass made over it? Then the next takes no longer than checking.
    pub fn has_quick_pass(&self) -> bool {
        Store::new(&artifact_stem(&self.args), Form::QuickPass).kept().exists()
    }
}

/// Can another run build on what this one printed of a unit? Not without the list of instances, if there is to be one.
pub(super) fn is_base(printed: &Printed, unit: &UnitOutput) -> bool {
    printed.is_understood() && (printed.has_list() || !is_listed(unit))
}

/// Does the compiler list the instances in such a run? In those of libraries and binaries that have futures.
fn is_listed(unit: &UnitOutput) -> bool {
    let Some(invocation) = &unit.invocation else { return true };
    let args = &invocation.args;
    let is_library = arguments::option(args, "--crate-type").is_some_and(|ty| ty == "lib" || ty == "rlib");
    let has_list = arguments::is_binary(args) || is_library && !unit.is_tests() || unit.generates;
    has_list && unit.bodies().next().is_some()
}

/// Names what the last compiler run that succeeded has left for incremental compilation. None if that is not to be
/// recognized: then nothing is built on it.
fn session(incremental: &Path) -> Option<String> {
    // The compiler would write through a link: then it has to begin anew.
    if !files::is_own_folder(incremental) {
        return None;
    }
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let of_crates = folders(incremental).filter(is_folder);
    let sessions = of_crates.flat_map(|krate| folders(&krate.path()).collect::<Vec<_>>());
    // `s-TIME-RANDOM-HASH`, and ending in `-working` until the run has succeeded.
    let sessions = sessions.filter(is_folder);
    let names: Vec<String> = sessions.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let is_session = |name: &String| name.starts_with("s-") && name.split('-').count() == 4;
    if !names.iter().all(is_session) {
        return None;
    }
    let mut done: Vec<String> = names.into_iter().filter(|name| !name.ends_with("-working")).collect();
    done.sort();
    (!done.is_empty()).then(|| done.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_recognized_or_nothing_is_built_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let add = |name: &str| std::fs::create_dir_all(folder.path().join("a-1f2e").join(name)).unwrap();
        assert_eq!(session(folder.path()), None);
        add("s-hk3-0abc-working");
        assert_eq!(session(folder.path()), None);
        add("s-hk2-0abc-5d1");
        assert_eq!(session(folder.path()).as_deref(), Some("s-hk2-0abc-5d1"));
        add("sessions");
        assert_eq!(session(folder.path()), None);
    }
}
