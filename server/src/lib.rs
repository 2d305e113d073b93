//! What every `async fn` costs, measured by the compiler itself.
//!
//! `ARCHITECTURE.md` says how one save travels through these modules.

pub mod cli;
pub mod compiler;
pub mod dump;
pub mod engine;
pub mod features;
#[cfg(test)]
mod house;
pub mod incremental;
pub mod kept_text;
pub mod layout;
pub mod lsp;
mod parallel;
pub mod render;
pub mod source;
pub mod unit_id;

use std::process::ExitCode;

/// The program, whatever it is called: guard, compiler wrapper, language server or command.
pub fn start() -> ExitCode {
    compiler::set_self_as_program();
    if let Some(code) = compiler::guard() {
        return code;
    }
    // cargo starts this program in place of the compiler: nothing else may happen first.
    if let Ok(settings) = std::env::var(compiler::contract::ENV) {
        return compiler::wrapper::run(&settings, std::env::args_os().skip(1).collect());
    }
    cli::main()
}
