//! Why nothing could be measured.

use std::path::PathBuf;

/// Why nothing could be measured. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// rustup does not have the toolchain that was asked for.
    #[error(
        "toolchain `{name}` is not installed\n  install it with `rustup toolchain install {name}`, \
         or name another one with `--toolchain` (`futurelens.toolchain` in an editor)"
    )]
    NoToolchain {
        /// As the user wrote it.
        name: String,
    },
    /// There is no cargo or rustc at all.
    #[error(
        "`{program}` cannot be run: {source}\n  install Rust (rustup is the usual way), \
         or put `{program}` on the PATH"
    )]
    NoProgram {
        /// `cargo` or `rustc`.
        program: &'static str,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// There is no `Cargo.toml` at or above the path.
    #[error(
        "no cargo project at `{}`: there is no Cargo.toml in this folder or above it\n  \
         name a folder inside a cargo project",
        path.display()
    )]
    NoProject {
        /// As the user wrote it.
        path: PathBuf,
    },
    /// `cargo metadata` refused the project; cargo's own words.
    #[error("cargo cannot read the project:\n{message}")]
    Metadata {
        /// cargo's standard error.
        message: String,
    },
    /// The code does not compile, or cargo gave up before it got that far.
    #[error("the size build failed, so nothing can be reported:\n{message}")]
    Failed {
        /// The compiler's rendered errors, and cargo's closing lines.
        message: String,
    },
    /// The compiler does not know a flag that nothing can be measured without.
    #[error(
        "{compiler} does not know the flag `{flag}`, without which nothing can be measured\n  \
         choose another toolchain with `--toolchain` (`futurelens.toolchain` in an editor), or update futurelens"
    )]
    UnknownFlag {
        /// The compiler's version.
        compiler: String,
        /// As it was given.
        flag: String,
    },
    /// A compiler gives no sizes that are read.
    #[error(
        "{compiler} cannot measure: {why}\n  \
         {}",
        match other {
            Some(other) => format!("{other} can: leave the toolchain to `auto`, or name that one"),
            None => "install one that can with `rustup toolchain install nightly`, or update futurelens".to_owned(),
        }
    )]
    CannotMeasure {
        /// The compiler's version.
        compiler: String,
        /// What is in the way.
        why: String,
        /// One that would work.
        other: Option<String>,
    },
    /// The target directory cannot be written.
    #[error(
        "cannot write to the target directory `{}`: {source}\n  \
         name another one with `--target-dir` (`futurelens.cargo.targetDir` in an editor)",
        path.display()
    )]
    TargetDir {
        /// futurelens's own target directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// There is no room for what a build writes.
    #[error(
        "there is no room for the target directory `{}`: {source}\n  \
         make room on its disk, or name another one with `--target-dir` (`futurelens.cargo.targetDir` in an editor)",
        path.display()
    )]
    NoRoom {
        /// futurelens's own target directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Something about running cargo itself went wrong.
    #[error("{context}: {source}")]
    Io {
        /// What was being done.
        context: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Changed text cannot be compiled in place of the files it is for.
    #[error("cannot be compiled apart from the project: {reason}")]
    NoOverlay {
        /// What stands in the way.
        reason: String,
    },
    /// Someone asked the build to stop.
    #[error("the size build was cancelled")]
    Cancelled,
}
