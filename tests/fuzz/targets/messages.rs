#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(init: futurelens_fuzz::expect_panics(), |data: &[u8]| {
    futurelens_fuzz::messages::any(&String::from_utf8_lossy(data))
});

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    let changed =
        (seed % 2 == 0).then(|| futurelens_fuzz::mutate::in_place(data, size, most, seed)).flatten();
    changed.unwrap_or_else(|| fuzzer_mutate(data, size, most))
});
