#![no_main]

futurelens_fuzz::fuzz_bytes!(futurelens_fuzz::edits::any);
