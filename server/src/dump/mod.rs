//! Readers of what the compiler printed.
//!
//! Pure functions on `&str`: they never touch the disk, never panic, and leave out (and
//! say so) whatever depends on something they do not know, because both formats are unstable by nature. Everything they return borrows from the text.
//!
//! - `record_lines` reads each line of `-Zprint-type-sizes`, [`type_sizes`] what they say together, [`records`] keeps them as
//!   text.
//! - [`coroutine`] reads `-Zdump-mir`: a file for each dialect of a coroutine's layout, and `layout` for what must hold in
//!   all; [`mir`] the code of a body, [`assigned`] what is moved, borrowed and called in it.
//! - [`drops`] tells what a body drops, in which order, and whether another body does the same.
//! - [`mono_items`] is the list of instances; [`names`] and [`types`] are verbose type names; [`diagnostics`] JSON messages.
//! - [`normal`] makes the same text of what compilers print differently although nothing is different.

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
