//! Readers of what the compiler printed.
//!
//! Pure functions on `&str`: they never touch the disk, never panic, and leave out (and
//! say so) whatever depends on something they do not know, because both formats are unstable by nature. Everything they return borrows from the text.

pub mod assigned;
pub mod coroutine;
pub mod diagnostics;
pub mod drops;
pub mod mir;
pub mod mono_items;
pub mod names;
mod normal;
pub mod record_lines;
pub mod records;
pub mod span;
pub mod type_sizes;
pub mod types;

pub use coroutine::{CoroutineBody, Dialect, Unread};
pub use normal::normal;
pub use span::{LineCol, Span, absolute};
pub use type_sizes::TypeSizes;
