//! What an incremental compiler run printed, put over what was known of the run it built on.
//!
//! An incremental run prints the layouts and dumps the bodies that it computed anew. Whatever it computed
//! anew is there: the compiler prints while it computes, so that what is printed, places in the source
//! included, is part of what it has to compute again when it changes. (Layouts are not in its cache on disk: who
//! needs one that is as before computes it again, and it is printed again.) What it did *not* print is either as
//! before, or gone. To tell these apart,
//!
//! * the compiler lists every instance of a function in every run (`-Zprint-mono-items`), but for binaries: a
//!   type that the list mentioned before and does not mention now is gone, unless it is a body's own, which the
//!   compiler lays out whether or not anything uses it, or held by something that is still there. A type is
//!   mentioned by name, and an async fn's also where the fn is listed that makes it;
//! * a body that was not dumped is as it was if its text is, comments aside, on the lines that it was on; it is
//!   gone if its file is, if another body stands there now (closures are numbered: one less before it, and it has
//!   another name), if the body around it is gone or does not mention it, or if nothing has its fn's name;
//! * the instances of a body that is gone, or has other captures now, are gone, and so is what wraps them;
//! * the instances of a body that stores other things now would have been printed again.
//!
//! What is left are futures that never were in the list (see `layouts`). A body that a macro made stands in the
//! macro's definition, wherever the macro is called: its text tells nothing. Where none of this decides, the unit
//! is to be measured whole: [`Printed::over`] says so.
//!
//! Where only the futures that are not generic count ([`Form::QuickPass`]), what is left of others and of what macros
//! made stays, whether it is there or not.

mod bodies;
mod code;
mod instances;
mod layouts;
mod over;
mod printed;

pub use printed::{Form, Printed, Source};

#[cfg(test)]
mod tests;
