#![no_main]

libfuzzer_sys::fuzz_target!(init: futurelens_fuzz::expect_panics(), |data: &[u8]| {
    futurelens_fuzz::kept::any(data)
});
