//! One compiler run as cargo asked for it, to be repeated.

use super::arguments::{self, artifact_stem, option};
use super::contract::{self, Settings, checksum};
use super::environment::without_own_heap;
use crate::unit_id::UnitId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A compiler run that can be repeated. Kept with what the run printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// rustc, or the user's own wrapper; then rustc is the first argument.
    pub program: PathBuf,
    /// As cargo gave them, without those that make the compiler measure.
    pub args: Vec<String>,
    /// What cargo set: variables that are not in the environment of the futurelens that started the build,
    /// or differ from it. The rest of that environment is the user's, as is what their settings add to it: both
    /// may be secret, and are not to be written down.
    pub env: Vec<(String, String)>,
    /// The directory the compiler ran in.
    pub dir: PathBuf,
}

impl Invocation {
    /// A run, to be repeated; `None` if something about it is not UTF-8.
    pub(super) fn recorded(
        settings: &Settings,
        program: &OsStr,
        args: &[OsString],
        dir: &Path,
    ) -> Option<Self> {
        let args = args.iter().map(|arg| arg.to_str().map(str::to_owned)).collect::<Option<_>>()?;
        let mut env = Vec::new();
        for (name, value) in std::env::vars_os() {
            let known = settings.environment.get(&*name.to_string_lossy());
            if known != Some(&checksum(&value)) && !contract::OF_THE_BUILD.iter().any(|own| name == *own) {
                env.push((name.into_string().ok()?, value.into_string().ok()?));
            }
        }
        env.sort();
        // It is written as JSON, which knows no other paths.
        dir.to_str()?;
        Some(Invocation { program: program.to_str()?.into(), args, env, dir: dir.to_owned() })
    }

    /// `CRATE-HASH`: names the compiler run.
    pub fn origin(&self) -> UnitId {
        artifact_stem(&self.args).file_stem().unwrap_or_default().to_string_lossy().into_owned().into()
    }

    /// The folder of the package that is compiled.
    pub fn package(&self) -> Option<&Path> {
        let folder = self.env.iter().find(|(name, _)| name == "CARGO_MANIFEST_DIR");
        folder.map(|(_, folder)| Path::new(folder))
    }

    /// Gives a program the environment that the run had; `more` is what the user's settings add.
    pub(super) fn set_environment(&self, more: &BTreeMap<String, String>, command: &mut Command) {
        contract::OF_THE_BUILD.iter().for_each(|name| _ = command.env_remove(name));
        without_own_heap(command);
        command.env_remove("RUSTC").envs(more).envs(self.env.iter().map(|(name, value)| (name, value)));
    }

    /// The edition, as the compiler writes it.
    pub fn edition(&self) -> &str {
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            if let Some(edition) = arg.strip_prefix("--edition=") {
                return edition;
            }
            if arg == "--edition" {
                return args.next().map_or("2015", String::as_str);
            }
        }
        "2015"
    }

    /// The file the crate begins in, as given to the compiler: relative to [`Invocation::dir`], or absolute.
    pub fn root(&self) -> Option<&str> {
        // cargo gives it before everything that could take such a file as its value.
        let mut files = self.args.iter().filter(|arg| arg.ends_with(".rs") && !arg.starts_with('-'));
        files.next().map(String::as_str)
    }

    /// Is a crate compiled with its tests? Then it is an executable, whatever else is said.
    pub(super) fn is_tests(&self) -> bool {
        arguments::is_tests(&self.args)
    }

    /// What it compiles for, as the compiler is told; none is the compiler's host.
    pub fn target(&self) -> Option<String> {
        option(&self.args, "--target")?.into_string().ok()
    }

    /// The oldest compiler the package promises to work with.
    pub fn rust_version(&self) -> Option<&str> {
        let (_, version) = self.env.iter().find(|(name, _)| name == "CARGO_PKG_RUST_VERSION")?;
        (!version.is_empty()).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(args: &str) -> Invocation {
        Invocation {
            program: "rustc".into(),
            args: args.split(' ').map(str::to_owned).collect(),
            env: vec![("CARGO_PKG_RUST_VERSION".into(), "1.80".into())],
            dir: "/w".into(),
        }
    }

    #[test]
    fn a_command_line_is_read() {
        let run = invocation(
            "--crate-name a --edition=2021 src/lib.rs --emit=dep-info,metadata -C extra-filename=-1f \
             -C incremental=/i --out-dir /t/deps --extern b=/t/libb.rmeta",
        );
        assert_eq!(
            (run.edition(), run.root(), run.rust_version()),
            ("2021", Some("src/lib.rs"), Some("1.80"))
        );
        assert_eq!(&*run.origin(), "a-1f");
        assert_eq!(artifact_stem(&run.args).with_extension("d"), Path::new("/t/deps/a-1f.d"));
        assert_eq!(invocation("a.txt").edition(), "2015");
        assert_eq!(invocation("a.txt").root(), None);
    }
}
