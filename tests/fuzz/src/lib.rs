//! What the fuzz targets do with an input, as plain functions: each panics if futurelens breaks a promise.
//!
//! `targets/` has a fuzz target for each. The same functions are run by `tests/tests/any_input.rs`, over inputs
//! that come from real dumps.

pub mod dumps;
pub mod edits;
pub mod front;
pub mod kept;
pub mod layouts;
pub mod measured;
pub mod messages;
pub mod mutate;

/// For fuzzers: a panic ends the process, as in theirs, but for those within the parser, which is asked so that
/// they do no harm.
pub fn expect_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::force_capture().to_string();
        if !trace.contains("futurelens::source::tree::with_tree") {
            eprintln!("{panic}\n{trace}");
            std::process::abort();
        }
    }));
}
