#![no_main]

futurelens_fuzz::fuzz_bytes!(futurelens_fuzz::front::any);
