#![no_main]

futurelens_fuzz::fuzz_text!(futurelens_fuzz::dumps::dep_info);
