//! The ground that the integration tests stand on.
//!
//! The tests in `tests/tests/` hold futurelens to its promises from outside: they run the built
//! binary, drive the server over stdio, and compare with what a plain compiler run says. Nothing
//! here uses the `futurelens` library: what it checks must not also be what it checks with.
//!
//! | module | what it gives |
//! |---|---|
//! | [`binary`] | the built binary, and a way to run it free of what `cargo test` leaks to its children |
//! | [`registry`] | published crates as projects of their own |
//! | [`oracle`] | today's workflow: a plain full build that prints type sizes, and a reader for it |
//! | [`layouts`] | what was reported against what was printed |
//! | [`plain`] | every future of every target of a workspace against a plain build, field by field |
//! | [`report`] | `report --format json`, as far as tests look at it |
//! | [`scale`] | synthetic workspaces of any size |
//! | [`project`] | small cargo projects in temporary directories |
//! | [`kept`] | what futurelens keeps of a measured fixture |
//! | [`actions`] | what `fix` offers, each tried alone |
//! | [`edits`] | random edits of a library, and a check that what is measured after each is what a clean build gives |
//! | [`editor`] | an editor: an LSP client over stdio |
//! | [`soak`] | a long session at random, and what it does to the server |

pub mod actions;
pub mod binary;
pub mod editor;
pub mod edits;
pub mod kept;
pub mod layouts;
pub mod oracle;
pub mod plain;
pub mod project;
pub mod registry;
pub mod report;
pub mod scale;
pub mod soak;
