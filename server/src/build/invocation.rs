//! One compiler run as cargo asked for it: read, and turned into one that measures.

use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A compiler run that can be repeated. Kept with what the run printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// rustc, or the user's own wrapper; then rustc is the first argument.
    pub program: PathBuf,
    /// As cargo gave them, without those that make the compiler measure.
    pub args: Vec<String>,
    /// What cargo set: variables that are not in the environment of the futurelens that started the build,
    /// or differ from it. The rest of that environment is the user's, and not to be written down.
    pub env: Vec<(String, String)>,
    /// The directory the compiler ran in.
    pub dir: PathBuf,
}

impl Invocation {
    /// `CRATE-HASH`: names the compiler run.
    pub fn origin(&self) -> String {
        artifact_stem(&self.args).file_stem().unwrap_or_default().to_string_lossy().into_owned()
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

    /// The oldest compiler the package promises to work with.
    pub fn rust_version(&self) -> Option<&str> {
        let (_, version) = self.env.iter().find(|(name, _)| name == "CARGO_PKG_RUST_VERSION")?;
        (!version.is_empty()).then_some(version)
    }

    /// The arguments with another place for what the compiler makes.
    pub(super) fn args_into(&self, out_dir: &str) -> Vec<String> {
        let mut args = self.args.clone();
        let mut is_value = false;
        for arg in &mut args {
            if std::mem::take(&mut is_value) {
                *arg = out_dir.to_owned();
            } else if arg == "--out-dir" {
                is_value = true;
            } else if arg.starts_with("--out-dir=") {
                *arg = format!("--out-dir={out_dir}");
            }
        }
        args
    }
}

/// The flags that make the compiler print what we read.
///
/// * Names by definition path, never shortened, so that two things have two names.
/// * `-Zno-codegen` with an object file asked for: the compiler finds every instance of every generic
///   future without generating any code, and needs no more of the dependencies than `cargo check` makes.
/// * The list of these instances tells what is gone, see [`super::printed`].
const MEASURE: &[&str] = &[
    "-Zprint-type-sizes",
    "-Zprint-mono-items=yes",
    "-Zverbose-internals",
    "-Ztrim-diagnostic-paths=no",
    "-Zdump-mir=coroutine_post",
    "-Zmir-include-spans=yes",
    "-Zno-codegen",
    NO_OPTIMIZATION,
];

/// Layouts of coroutines are made before MIR is optimized, so that work is for nothing where no code is
/// generated. (`async-nats` with all dependencies: 58 s of processor time with it, 49 s without.)
pub(super) const NO_OPTIMIZATION: &str = "-Zmir-opt-level=1";

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

/// cargo's arguments with our flags. Bodies are dumped into a folder. Incremental compilation is ours, as the
/// compiler prints only what it computed anew: it uses and leaves what is in `incremental`, if given.
pub(super) fn measuring<S: AsRef<OsStr>>(
    args: &[S],
    bodies: &Path,
    incremental: Option<&Path>,
) -> Vec<OsString> {
    let mut measuring = Vec::with_capacity(args.len() + MEASURE.len() + 2);
    let mut args = args.iter().map(AsRef::as_ref).peekable();
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or_default();
        let next = args.peek().and_then(|arg| arg.to_str()).unwrap_or_default();
        if text.starts_with("-Cincremental=") {
            continue;
        }
        if text == "-C" && next.starts_with("incremental=") {
            args.next();
            continue;
        }
        if text == "--emit" {
            measuring.extend([arg.to_owned(), format!("{next},obj").into()]);
            args.next();
        } else if text.starts_with("--emit=") {
            measuring.push(format!("{text},obj").into());
        } else {
            measuring.push(arg.to_owned());
        }
    }
    measuring.extend(MEASURE.iter().map(OsString::from));
    let mut dump_dir = OsString::from("-Zdump-mir-dir=");
    dump_dir.push(bodies);
    measuring.push(dump_dir);
    if let Some(folder) = incremental {
        let mut incremental = OsString::from("-Cincremental=");
        incremental.push(folder);
        measuring.push(incremental);
    }
    measuring
}

/// cargo's arguments, turned into a run that only checks, prints what we read, says nothing about the code, and
/// writes into a folder of its own.
pub(super) fn recording(args: &[OsString], out_dir: &Path, bodies: &Path) -> Vec<OsString> {
    let mut recording = Vec::with_capacity(args.len() + MEASURE.len());
    let mut args = measuring(args, bodies, None).into_iter().filter(|arg| arg != "-Zno-codegen");
    let emit = "--emit=dep-info,metadata";
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or_default();
        let joined = |name: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        if text == "--out-dir" || text == "--emit" {
            args.next();
        }
        if text == "--out-dir" || joined("--out-dir") {
            recording.extend(["--out-dir".into(), out_dir.into()]);
        } else if text == "--emit" || joined("--emit") {
            recording.push(emit.into());
        } else {
            recording.push(arg);
        }
    }
    // Lints cost time, and nobody would hear of them.
    recording.push("--cap-lints=allow".into());
    recording
}

/// `OUT_DIR/CRATE-HASH.any`: what a run's files are called, before the extension.
pub(super) fn artifact_stem<S: AsRef<OsStr>>(args: &[S]) -> PathBuf {
    let mut file = option(args, "--crate-name").unwrap_or_default();
    file.push(codegen_option(args, "extra-filename").unwrap_or_default());
    // A crate name has no dot, so a later `with_extension` replaces this one only.
    file.push(".d");
    Path::new(&option(args, "--out-dir").unwrap_or_default()).join(file)
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
        assert_eq!(run.origin(), "a-1f");
        assert_eq!(artifact_stem(&run.args).with_extension("d"), Path::new("/t/deps/a-1f.d"));
        assert_eq!(option(&run.args_into("/o"), "--out-dir").unwrap(), "/o");
        let measuring = measuring(&run.args, Path::new("/m"), Some(Path::new("/n")));
        assert!(measuring.contains(&"--emit=dep-info,metadata,obj".into()));
        assert!(measuring.contains(&"-Zdump-mir-dir=/m".into()));
        assert!(measuring.contains(&"-Cincremental=/n".into()));
        assert!(!measuring.contains(&"incremental=/i".into()));
        let args: Vec<OsString> = run.args.iter().map(OsString::from).collect();
        let recording = recording(&args, Path::new("/o"), Path::new("/m"));
        assert_eq!(option(&recording, "--out-dir").unwrap(), "/o");
        assert_eq!(option(&recording, "--emit").unwrap(), "dep-info,metadata");
        assert!(
            recording.contains(&"-Zprint-type-sizes".into()) && !recording.contains(&"-Zno-codegen".into())
        );
        assert_eq!(invocation("a.txt").edition(), "2015");
        assert_eq!(invocation("a.txt").root(), None);
    }
}
