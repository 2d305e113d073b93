//! How what a guard has started came to its end.

use std::io;

/// How what a guard has started came to its end.
pub(super) enum End {
    /// It ended by itself.
    Ended {
        /// With 0.
        success: bool,
    },
    /// It could not be started.
    NotStarted(io::Error),
    /// It is not known: it was cancelled, or another process has ended the guard.
    Unknown,
}
