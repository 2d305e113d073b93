//! futurelens's own target directory.

use super::project::Project;
use crate::compiler::error::BuildError;
use crate::compiler::scratch::Scratch;
use crate::compiler::{disk, files};

/// How often cargo is run at most in one build: units may have to be compiled again, and somebody may change or remove
/// what it works on while it does.
pub(super) const ROUNDS: usize = 3;

impl Project {
    /// Makes futurelens's target directory and a folder in it that goes when the build is over.
    pub(in crate::compiler) fn prepare_target_dir(&self) -> Result<Scratch, BuildError> {
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
}
