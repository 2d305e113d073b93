//! All that is promised, one file for each promise (README.md lists them): one program, so that it is linked once,
//! and while one test waits for a compiler another one works.

#[path = "../examples/layout-check/check.rs"]
mod layout_check;

mod actions;
mod actions_arguments;
mod actions_attributes;
mod actions_borrow;
mod actions_desugar;
mod actions_examples;
mod actions_return;
mod actions_scope;
mod actions_several;
mod actions_unasync;
mod ahead;
mod any_input;
mod article;
mod binaries;
mod check;
mod config;
mod diagnostics;
mod docs;
mod drift;
mod drops;
mod edits;
mod errors;
mod explain;
mod faults;
mod faults_store;
mod fix;
mod floods;
mod held;
mod hover;
mod lsp;
mod manifest;
mod measured;
mod names;
mod overlay;
mod placement;
mod plain;
mod real_crates;
mod ride_along;
mod sccache;
mod security;
mod soak;
mod sums;
mod tasks;
mod together;
mod toolchains;
mod trimmed;
mod views;
mod warm;
mod what_if;
mod why;
