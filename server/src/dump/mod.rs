//! Readers of what the compiler printed.
//!
//! Pure functions on `&str`: they never touch the disk, never panic, and leave out (and
//! say so) whatever depends on something they do not know, because both formats are unstable by nature. Everything they return borrows from the text.

pub mod coroutine;
pub mod diagnostics;
pub mod mir;
pub mod names;
pub mod span;
pub mod type_sizes;

pub use coroutine::{CoroutineBody, Unread};
pub use span::{LineCol, Span};
pub use type_sizes::TypeSizes;
