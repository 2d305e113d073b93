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

/// A fuzz target for a function of bytes.
#[macro_export]
macro_rules! fuzz_bytes {
    ($run:path) => {
        libfuzzer_sys::fuzz_target!(init: $crate::expect_panics(), |data: &[u8]| $run(data));
    };
}

/// A fuzz target for a function of text, which every other time is changed as text.
#[macro_export]
macro_rules! fuzz_text {
    ($run:path) => {
        libfuzzer_sys::fuzz_target!(init: $crate::expect_panics(), |data: &[u8]| {
            $run(&String::from_utf8_lossy(data))
        });

        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
            let changed = (seed % 2 == 0).then(|| $crate::mutate::in_place(data, size, most, seed)).flatten();
            changed.unwrap_or_else(|| libfuzzer_sys::fuzzer_mutate(data, size, most))
        });
    };
}
