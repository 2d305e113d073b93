//! The quick pass: a run that only checks one unit, and is over before the one that measures all.

use super::command::no_program;
use super::project::Project;
use crate::compiler::background;
use crate::compiler::contract::{self, Task};
use crate::compiler::error::BuildError;
use crate::compiler::invocation::Invocation;
use crate::compiler::process::{Cancel, Guarded, own_program};
use crate::compiler::unit::MeasuredUnit;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

impl Project {
    /// Measures the concrete futures of a unit whose text is on the disk, without asking cargo: so that the next
    /// save finds what it can build on, and before a build has come to it. `None` if it does not compile.
    ///
    /// # Errors
    /// [`BuildError::Cancelled`], or whatever keeps the compiler from running.
    pub fn quick_pass(
        &self,
        invocation: &Invocation,
        cancel: &Cancel,
    ) -> Result<Option<MeasuredUnit>, BuildError> {
        let scratch = self.prepare_target_dir()?;
        let success = self.quick_pass_command(invocation, scratch.path())?.start(cancel)?.wait()?;
        Ok(announced(scratch.path(), &mut BTreeSet::new()).pop().filter(|_| success))
    }

    pub(super) fn quick_pass_command(
        &self,
        invocation: &Invocation,
        scratch: &Path,
    ) -> Result<Guarded, BuildError> {
        let mut command = background::command(own_program().map_err(no_program)?);
        command.arg(&invocation.program).args(&invocation.args).current_dir(&invocation.dir);
        invocation.set_environment(&self.env, &mut command);
        command.env(contract::ENV, self.settings(Task::QuickPass, scratch).to_json()?);
        Ok(Guarded::new("rustc", &command, true)?.stdout(Stdio::null()).stderr(Stdio::null()))
    }
}

/// The units whose quick pass is over, but for those that are `known`.
pub(super) fn announced(scratch: &Path, known: &mut BTreeSet<OsString>) -> Vec<MeasuredUnit> {
    let entries = std::fs::read_dir(scratch.join(contract::QUICK_PASSES)).into_iter().flatten().flatten();
    let new = entries.filter(|entry| known.insert(entry.file_name()));
    let read = |entry: std::fs::DirEntry| serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok();
    new.filter_map(read).collect()
}
