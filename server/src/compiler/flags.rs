//! The flags that make a compiler measure, and what becomes of those that it does not know.

use super::arguments::is_binary;
use crate::incremental::Form;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The flags that make the compiler print what we read: names by definition path, never shortened, so that two
/// things have two names.
const MEASURE: &[&str] = &[
    "-Zprint-type-sizes",
    "-Zverbose-internals",
    "-Ztrim-diagnostic-paths=no",
    "-Zdump-mir=coroutine_post",
    "-Zmir-include-spans=yes",
    NO_OPTIMIZATION,
];

/// The flags of [`Form::Complete`]. The list of instances, see [`How::list`], tells what is gone, see
/// [`crate::incremental`].
const COMPLETE: &[&str] = &[NO_CODE, MONO_ITEMS];

const NO_CODE: &str = "-Zno-codegen";

/// Where code has to be generated, it never runs: no passes over it, and nothing for a debugger.
const AS_LITTLE_CODE: &[&str] =
    &["-Cno-prepopulate-passes", "-Cdebuginfo=0", "-Ccodegen-units=1", "-Clto=off", "-Cembed-bitcode=no"];

const MONO_ITEMS: &str = "-Zprint-mono-items=";

/// What is measured of a binary is measured as if it were a library whose every item is used: for binaries, newer
/// compilers find no instances when they generate no code, and older ones want dependencies that were compiled for
/// real. That nothing uses `main` then is nothing that anybody should hear of.
const AS_LIBRARY: &[&str] = &["-Clink-dead-code", "--cap-lints=allow"];

/// How one compiler is asked, as far as compilers differ. What an individual one wants, its probe tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct How {
    /// The value of `-Zprint-mono-items` with which it lists every instance; none if there is no such value. From 1.86
    /// to 1.88 it is `eager`, later `yes`.
    pub list: Option<String>,
    /// A run that only checks prints the layout of every future that is not generic. From 1.86 on it does.
    pub checks: bool,
}

impl Default for How {
    fn default() -> Self {
        How { list: Some("yes".to_owned()), checks: true }
    }
}

/// The flags of runs that only check. Lints cost time, and their messages would be discarded.
const CHECKED: &[&str] = &["--cap-lints=allow"];

/// Layouts of coroutines are made before MIR is optimized, so that work is for nothing where no code is
/// generated. (`async-nats` with all dependencies: 58 s of processor time with it, 49 s without.)
const NO_OPTIMIZATION: &str = "-Zmir-opt-level=1";

/// Those of our flags that can be done without, for a price: without names and places, or slower. All others are
/// needed for every number.
const OPTIONAL: &[&str] = &["-Zdump-mir", "-Zmir-include-spans", "-Zprint-mono-items", "-Zmir-opt-level"];

/// For dependencies: with it, their metadata keeps the MIR of their generic functions, or the compiler could not
/// instantiate them for a member (`cargo check` leaves it out: "missing optimized MIR").
pub(super) const KEEP_MIR: &str = "-Zalways-encode-mir";

/// The flags that dependencies get.
pub(super) const OF_DEPENDENCIES: &[&str] = &[KEEP_MIR, NO_OPTIMIZATION];

/// A flag of ours that a compiler refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// As it was given.
    pub flag: String,
    /// Nothing can be measured without it.
    pub is_needed: bool,
}

impl Refused {
    /// Finds it in what the compiler said, as text or JSON. None if it failed over something else, or over a flag of
    /// the user's.
    pub fn find(said: &str) -> Option<Refused> {
        if said.contains("required to be available in rlib format") {
            return Some(Refused { flag: OBJECT.to_owned(), is_needed: false });
        }
        const SIGNS: [&str; 3] = ["unknown unstable option: `", "for unstable option `", "unstable option `"];
        if said.contains("the option `Z` is only accepted on the nightly compiler") {
            return Some(Refused { flag: "-Z".to_owned(), is_needed: true });
        }
        let name = SIGNS.iter().find_map(|sign| said.split_once(sign)?.1.split('`').next())?;
        let name = name.replace('_', "-");
        let own = MEASURE.iter().chain(COMPLETE).chain(OF_DEPENDENCIES).chain(&[MIR_FOLDER]);
        let is_it =
            |flag: &&&str| flag.strip_prefix("-Z").and_then(|flag| flag.split('=').next()) == Some(&name);
        let flag = own.into_iter().find(is_it)?;
        let is_needed = !OPTIONAL.iter().any(|optional| flag.starts_with(optional));
        Some(Refused { flag: (*flag).to_owned(), is_needed })
    }

    /// Does it want no object file?
    pub fn is_object(&self) -> bool {
        self.flag == OBJECT
    }

    /// Is it one of these arguments?
    pub fn is_among(&self, args: &[OsString]) -> bool {
        args.iter().any(|arg| arg.to_str().is_some_and(|arg| arg.starts_with(&self.flag)))
    }

    /// Takes the flag out of a compiler's arguments; the folder of dumps goes with the dumps, or they would end up in
    /// the user's.
    pub fn take_out(&self, args: &mut Vec<OsString>) {
        if self.flag == OBJECT {
            for arg in args.iter_mut() {
                if let Some(without) = arg.to_str().and_then(|arg| arg.strip_suffix(",obj")) {
                    *arg = without.into();
                }
            }
            args.retain(|arg| {
                COMPLETE.iter().all(|flag| !arg.to_str().is_some_and(|arg| arg.starts_with(flag)))
            });
            return;
        }
        let stem = if self.flag.starts_with("-Zdump-mir") { "-Zdump-mir" } else { &self.flag };
        args.retain(|arg| !arg.to_str().is_some_and(|arg| arg.starts_with(stem)));
    }
}

/// Stands for asking for an object file, and with it for every instance: compilers before 1.87 want that the dependencies
/// of an executable were compiled for real.
const OBJECT: &str = "--emit=obj";

/// With the folder behind it.
const MIR_FOLDER: &str = "-Zdump-mir-dir=";

/// Where a run that measures leaves its files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Into<'a> {
    /// What the compiler makes; `None` for where cargo wants it.
    pub out_dir: Option<&'a Path>,
    /// Dumped bodies.
    pub bodies: &'a Path,
    /// What incremental compilation uses and leaves. It is ours, as the compiler prints only what it computed
    /// anew.
    pub incremental: &'a Path,
    /// The code; `None` if none is generated.
    pub object: Option<&'a Path>,
}

/// cargo's arguments, turned into those of a run that measures.
pub(super) fn measuring<S: AsRef<OsStr>>(args: &[S], form: Form, how: &How, into: Into<'_>) -> Vec<OsString> {
    let mut measuring = Vec::with_capacity(args.len() + MEASURE.len() + 8);
    let is_library = form == Form::Complete && is_binary(args);
    let mut args = args.iter().map(AsRef::as_ref).peekable();
    while let Some(arg) = args.next() {
        let text = arg.to_str().unwrap_or_default();
        let mut value = |name: &str| match text.strip_prefix(name)? {
            "" => args.next().map(OsStr::to_owned),
            joined => joined.strip_prefix('=').map(OsString::from),
        };
        if let Some(emit) = value("--emit") {
            let emit = emit.to_str().unwrap_or_default();
            let mut emit = OsString::from(match form {
                Form::Complete => format!("--emit={emit},obj"),
                Form::Checked | Form::QuickPass => "--emit=dep-info,metadata".to_owned(),
            });
            if let Some(object) = into.object {
                emit.push("=");
                emit.push(object);
            }
            measuring.push(emit);
        } else if let Some(out_dir) = value("--out-dir") {
            measuring.extend(["--out-dir".into(), into.out_dir.map_or(out_dir, OsString::from)]);
        } else if is_library && value("--crate-type").is_some() {
            measuring.push("--crate-type=rlib".into());
        } else if text.starts_with("-Cincremental=") {
            continue;
        } else if text == "-C" && is_incremental(args.peek()) {
            args.next();
        } else {
            measuring.push(arg.to_owned());
        }
    }
    let own = if form == Form::Complete { COMPLETE } else { CHECKED };
    let is_known = |flag: &&&str| **flag != MONO_ITEMS && (**flag != NO_CODE || into.object.is_none());
    measuring.extend(MEASURE.iter().chain(own).filter(is_known).map(OsString::from));
    if into.object.is_some() {
        measuring.extend(AS_LITTLE_CODE.iter().map(OsString::from));
    }
    if let Some(list) = how.list.as_ref().filter(|_| form == Form::Complete) {
        measuring.push(format!("{MONO_ITEMS}{list}").into());
    }
    if is_library {
        measuring.extend(AS_LIBRARY.iter().map(OsString::from));
    }
    for (flag, folder) in [(MIR_FOLDER, into.bodies), ("-Cincremental=", into.incremental)] {
        let mut flag = OsString::from(flag);
        flag.push(folder);
        measuring.push(flag);
    }
    measuring
}

fn is_incremental(arg: Option<&&OsStr>) -> bool {
    arg.and_then(|arg| arg.to_str()).is_some_and(|arg| arg.starts_with("incremental="))
}

#[cfg(test)]
mod tests {
    use super::super::arguments::option;
    use super::*;

    #[test]
    fn a_flag_that_is_refused_is_found_and_taken_out() {
        let refused = |said: &str| Refused::find(said).map(|refused| (refused.flag, refused.is_needed));
        let unknown = r#"{"message":"unknown unstable option: `print-type-sizes`","code":null}"#;
        assert_eq!(refused(unknown), Some(("-Zprint-type-sizes".to_owned(), true)));
        let value =
            "error: incorrect value `yes` for unstable option `mir-include-spans` - nothing was expected";
        assert_eq!(refused(value), Some(("-Zmir-include-spans=yes".to_owned(), false)));
        assert_eq!(refused("error: unknown unstable option: `of-the-user`"), None);
        assert_eq!(refused("error[E0308]: mismatched types"), None);
        let into =
            Into { out_dir: None, bodies: Path::new("/m"), incremental: Path::new("/n"), object: None };
        let mut args = measuring(&["--emit=metadata"], Form::Complete, &How::default(), into);
        Refused::find("unknown unstable option: `dump-mir-dir`").unwrap().take_out(&mut args);
        assert!(!args.iter().any(|arg| arg.to_str().unwrap().contains("dump-mir")), "{args:?}");
        assert!(args.contains(&"-Zmir-include-spans=yes".into()));
    }

    #[test]
    fn a_binary_is_measured_as_a_library() {
        let args: Vec<&str> = "--crate-name a --crate-type bin --emit=metadata".split(' ').collect();
        let into =
            Into { out_dir: None, bodies: Path::new("/m"), incremental: Path::new("/n"), object: None };
        let has = |args: &[OsString], flag: &str| args.contains(&flag.into());
        let complete = measuring(&args, Form::Complete, &How::default(), into);
        assert!(has(&complete, "--crate-type=rlib") && !has(&complete, "bin"), "{complete:?}");
        assert!(has(&complete, "-Clink-dead-code") && has(&complete, "-Zprint-mono-items=yes"));
        let concrete = measuring(&args, Form::QuickPass, &How::default(), into);
        assert!(has(&concrete, "bin") && !has(&concrete, "--crate-type=rlib"), "{concrete:?}");
        let old = How { list: None, checks: false };
        let mut tests = measuring(&[&args[..], &["--test"]].concat(), Form::Complete, &old, into);
        assert!(has(&tests, "bin") && has(&tests, "--emit=metadata,obj") && has(&tests, "-Zno-codegen"));
        assert!(!tests.iter().any(|arg| arg.to_str().unwrap().contains("mono-items")), "{tests:?}");
        let object = Into { object: Some(Path::new("/x.o")), ..into };
        let code = measuring(&[&args[..], &["--test"]].concat(), Form::Complete, &How::default(), object);
        assert!(has(&code, "--emit=metadata,obj=/x.o") && !has(&code, "-Zno-codegen"), "{code:?}");
        assert!(has(&code, "-Cno-prepopulate-passes") && has(&code, "-Zprint-mono-items=yes"));
        let said = "error: crate `a` required to be available in rlib format, but was not found in this form";
        Refused::find(said).unwrap().take_out(&mut tests);
        assert!(has(&tests, "--emit=metadata") && !has(&tests, "-Zno-codegen"), "{tests:?}");
    }

    #[test]
    fn a_run_measures_where_it_is_told_and_nothing_of_cargo_s_is_left_out() {
        let args: Vec<&str> =
            "--crate-name a --edition=2021 src/lib.rs --emit=dep-info,metadata -C incremental=/i \
                               --out-dir /t/deps"
                .split_whitespace()
                .collect();
        let into =
            |out_dir| Into { out_dir, bodies: Path::new("/m"), incremental: Path::new("/n"), object: None };
        let complete = measuring(&args, Form::Complete, &How::default(), into(None));
        assert_eq!(option(&complete, "--emit").unwrap(), "dep-info,metadata,obj");
        assert_eq!(option(&complete, "--out-dir").unwrap(), "/t/deps");
        assert!(complete.contains(&"-Zdump-mir-dir=/m".into()));
        assert!(complete.contains(&"-Cincremental=/n".into()));
        assert!(!complete.contains(&"incremental=/i".into()));
        let concrete = measuring(&args, Form::QuickPass, &How::default(), into(Some(Path::new("/o"))));
        assert_eq!(option(&concrete, "--out-dir").unwrap(), "/o");
        assert_eq!(option(&concrete, "--emit").unwrap(), "dep-info,metadata");
        let has = |flag: &str| concrete.contains(&flag.into());
        assert!(has("-Zprint-type-sizes") && !has("-Zno-codegen"));
    }
}
