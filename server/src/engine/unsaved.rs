//! Sizes of text that is not saved: what the editor shows, compiled in an overlay.

use super::units::Units;
use crate::compiler::{BuildError, Cancel, Compiled, Overlay, Project};
use crate::features::Snapshot;
use std::path::{Path, PathBuf};

/// Measures unsaved text. Keeps what was compiled, so that the next time is fast.
#[derive(Debug)]
pub struct Unsaved {
    overlay: Overlay,
}

impl Unsaved {
    /// For a project; nothing was compiled yet.
    ///
    /// # Errors
    /// If the overlay's folder cannot be made.
    pub fn new(project: &Project) -> Result<Self, BuildError> {
        Ok(Unsaved { overlay: Overlay::new(project, true)? })
    }

    /// What was measured, with the units that these files (absolute paths) are part of measured as if they had
    /// these texts. `None` if that does not compile, or the files are part of no unit.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn measure(
        &mut self,
        measured: &Snapshot,
        units: &Units,
        texts: &[(PathBuf, String)],
        cancel: &Cancel,
    ) -> Result<Option<Snapshot>, BuildError> {
        let mut snapshot: Option<Snapshot> = None;
        for origin in measured.origins_libraries_first() {
            let files = texts.iter().filter(|(file, _)| units.has_file(&origin, file));
            let changed: Vec<(&Path, &str)> = files.map(|(file, text)| (&**file, text.as_str())).collect();
            if changed.is_empty() {
                continue;
            }
            let unit = match self.overlay.compile(&origin, units.invocation(&origin)?, &changed, cancel)? {
                Compiled::Done(unit) => unit,
                Compiled::Broken(_) => return Ok(None),
            };
            let mut updated = units.updated(snapshot.as_ref().unwrap_or(measured), &origin, &unit.into());
            updated.mark_unsaved(&origin);
            snapshot = Some(updated);
        }
        Ok(snapshot)
    }
}
