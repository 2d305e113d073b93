//! Reads a compiler's arguments, as cargo gives them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The value of `--name VALUE` or `--name=VALUE`.
pub(super) fn option<S: AsRef<OsStr>>(args: &[S], name: &str) -> Option<OsString> {
    let mut args = args.iter().map(AsRef::as_ref);
    while let Some(arg) = args.next() {
        if arg == name {
            return args.next().map(OsStr::to_owned);
        }
        if let Some(value) = arg.to_str().and_then(|a| a.strip_prefix(name)?.strip_prefix('=')) {
            return Some(value.into());
        }
    }
    None
}

/// The value of `-C name=VALUE`.
pub(super) fn codegen_option<S: AsRef<OsStr>>(args: &[S], name: &str) -> Option<String> {
    let args = || args.iter().map(AsRef::as_ref);
    let values = args().zip(args().skip(1));
    let mut values = values.filter(|(flag, _)| *flag == "-C").filter_map(|(_, value)| value.to_str());
    values.find_map(|value| Some(value.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// `OUT_DIR/CRATE-HASH.any`: what a run's files are called, before the extension.
pub(super) fn artifact_stem<S: AsRef<OsStr>>(args: &[S]) -> PathBuf {
    let mut file = option(args, "--crate-name").unwrap_or_default();
    file.push(codegen_option(args, "extra-filename").unwrap_or_default());
    // A crate name has no dot, so a later `with_extension` replaces this one only.
    file.push(".d");
    Path::new(&option(args, "--out-dir").unwrap_or_default()).join(file)
}

/// Is a binary compiled, and not its tests? Those are an executable whatever else is said.
pub(super) fn is_binary<S: AsRef<OsStr>>(args: &[S]) -> bool {
    option(args, "--crate-type").is_some_and(|ty| ty == "bin") && !is_tests(args)
}

pub(super) fn is_tests<S: AsRef<OsStr>>(args: &[S]) -> bool {
    args.iter().any(|arg| arg.as_ref() == "--test")
}
