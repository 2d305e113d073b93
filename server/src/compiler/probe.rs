//! What a compiler prints of a few lines of code, and whether that is read: found out once for each compiler, and kept
//! in the user's cache directory.

use super::attempts::{Attempt, Plan};
use super::contract::FLAGS;
use super::flags::{self, How, Into, KEEP_MIR, Refused};
use super::process::{Cancel, Guarded};
use super::toolchain::Toolchain;
use super::{files, unit};
use crate::dump::names::CoroutineName;
use crate::dump::{self, CoroutineBody, Dialect, TypeSizes, Unread, mono_items};
use crate::incremental::Form;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// One of each shape: what is stored is a local, an argument, a temporary, a drop flag, what is awaited.
const SOURCE: &str = include_str!("probe/source.rs");

/// The futures in it, by their fns, and how often each waits.
const BODIES: [(&str, usize); 6] =
    [("leaf", 0), ("held", 2), ("outer", 1), ("generic", 1), ("caller", 2), ("caller::{closure#0}", 1)];

/// What must be known by name in `held`.
const NAMES: [&str; 5] = ["guard", "text", "large", "byte", dump::type_sizes::AWAITEE];

/// What a compiler is good for here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// What is read of what it prints.
    pub read: ReadAs,
    /// How it is asked.
    pub how: How,
    /// In which form it dumps the layout of a coroutine.
    pub dialect: Option<Dialect>,
    /// All instances are found in the tests of a crate that use another crate, too. From 1.87 on they are.
    pub lists_tests: bool,
}

/// How much of a compiler's output is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadAs {
    /// All of it.
    Whole,
    /// Sizes; the line is the first that was not as expected.
    Sizes(String),
    /// Nothing, for this reason.
    Nothing(String),
}

/// Begins the reason if a compiler does not take a flag.
const REFUSED: &str = "it does not know `";

/// Compilers are asked again after this has changed.
const VERSION: &str = "2";

impl Toolchain {
    /// What it is good for: as it was found out earlier, or else by compiling a few lines with it. `dir` is the project's
    /// folder.
    pub(super) fn probe(&self, dir: &Path) -> Probed {
        let kept = kept(&self.about);
        let read = |file: &PathBuf| serde_json::from_slice(&std::fs::read(file).ok()?).ok();
        if let Some(probed) = kept.as_ref().and_then(read) {
            return probed;
        }
        match self.try_out(dir) {
            Ok(probed) => {
                // Whatever else has gone wrong may go well the next time.
                let is_lasting = !matches!(&probed.read, ReadAs::Nothing(why) if !why.starts_with(REFUSED));
                if let Some(kept) = kept.filter(|_| is_lasting)
                    && let Err(error) = keep(&kept, &probed)
                {
                    // It is found out again.
                    tracing::debug!("cannot keep what {} prints: {error}", self.version);
                }
                probed
            }
            // That says nothing about the compiler.
            Err(error) => {
                let why = format!("it could not be tried: {error}");
                Probed { read: ReadAs::Nothing(why), how: How::default(), dialect: None, lists_tests: false }
            }
        }
    }

    fn try_out(&self, dir: &Path) -> io::Result<Probed> {
        let folder = tempfile::Builder::new().prefix("futurelens-probe-").tempdir()?;
        let source = folder.path().join("probe.rs");
        std::fs::write(&source, SOURCE)?;
        let mut how = How::default();
        let (complete, checked) = std::thread::scope(|scope| {
            let checked = scope.spawn(|| self.compile(dir, &source, Form::Checked, &How::default()));
            let complete = self.compile(dir, &source, Form::Complete, &how);
            (complete, checked.join().unwrap_or_else(|_| Err(io::Error::other("its thread has ended"))))
        });
        let mut complete = complete?;
        if complete.said.contains("unknown codegen-item collection mode") {
            how.list = Some("eager".to_owned());
            complete = self.compile(dir, &source, Form::Complete, &how)?;
        }
        if !complete.lists_all() {
            how.list = None;
        }
        how.checks = checked?.missing().is_none();
        let dialect = complete.bodies.iter().find_map(|body| CoroutineBody::parse(body)?.dialect);
        let lists_tests = self.lists_tests(dir, &source)?;
        Ok(Probed { read: complete.read(), how, dialect, lists_tests })
    }

    /// Compiles tests that use a crate of which there is no more than `cargo check` makes.
    fn lists_tests(&self, dir: &Path, source: &Path) -> io::Result<bool> {
        let folder = tempfile::tempdir_in(source.parent().unwrap_or(source))?;
        let library = folder.path().join("libprobe.rmeta");
        let tests = folder.path().join("tests.rs");
        std::fs::write(&tests, "#[test]\nfn test() { drop(probe::leaf()) }\n")?;
        let run = |mut args: Vec<OsString>| {
            args.extend(["--edition=2021", "--cap-lints=allow"].map(OsString::from));
            self.run(dir, &args, Stdio::null(), Stdio::null())
        };
        let output = |file: &Path| ["-o".into(), file.into()];
        let library_args =
            [source.into(), "--crate-type=lib".into(), "--emit=metadata".into(), KEEP_MIR.into()];
        let mut made = OsString::from("--extern=probe=");
        made.push(&library);
        let test_args =
            [tests.into(), "--test".into(), "--emit=metadata,obj".into(), "-Zno-codegen".into(), made];
        let is_made = run(library_args
            .into_iter()
            .chain(output(&library))
            .chain(["--crate-name=probe".into()])
            .collect())?;
        Ok(is_made && run(test_args.into_iter().chain(output(&folder.path().join("tests"))).collect())?)
    }

    /// Runs the compiler; did it succeed?
    fn run(
        &self,
        dir: &Path,
        args: &[OsString],
        stdout: impl std::convert::Into<Stdio>,
        stderr: impl std::convert::Into<Stdio>,
    ) -> io::Result<bool> {
        let mut command = self.command("rustc");
        // The project's own is the one that is found in its folder.
        command.args(args).env("RUSTC_ICE", "0").current_dir(dir);
        if self.bootstrap {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        let rustc = Guarded::new("rustc", &command, true).map_err(io::Error::other)?;
        let rustc = rustc.stdout(stdout).stderr(stderr);
        rustc.start(&Cancel::default()).and_then(|one| one.wait()).map_err(io::Error::other)
    }

    /// Compiles a file and reads what is printed.
    fn compile(&self, dir: &Path, source: &Path, form: Form, how: &How) -> io::Result<Printed> {
        let folder = tempfile::tempdir_in(source.parent().unwrap_or(source))?;
        let (bodies, incremental) = (folder.path().join("mir"), folder.path().join("incremental"));
        let (sizes, said) = (folder.path().join("sizes"), folder.path().join("said"));
        let args: Vec<OsString> = ["--crate-name", "probe", "--edition=2021", "--crate-type", "lib"]
            .map(OsString::from)
            .into_iter()
            .chain([
                source.into(),
                "--emit=dep-info,metadata".into(),
                "--out-dir".into(),
                folder.path().into(),
            ])
            .collect();
        let into = Into { out_dir: None, bodies: &bodies, incremental: &incremental, object: None };
        let mut args = flags::measuring(&args, form, how, into);
        if form == Form::Complete {
            // What dependencies get.
            args.push(KEEP_MIR.into());
        }
        Plan::default().follow(|plan| {
            let mut args = args.clone();
            plan.take_out(&mut args);
            let success = self.run(dir, &args, File::create(&sizes)?, File::create(&said)?)?;
            let said = String::from_utf8_lossy(&std::fs::read(&said)?).into_owned();
            let refused = Refused::find(&said).filter(|refused| !success && plan.can_do_without(refused));
            if let Some(refused) = refused {
                return Ok(Attempt::Refused(refused));
            }
            let sizes = String::from_utf8_lossy(&std::fs::read(&sizes)?).into_owned();
            let bodies = unit::read_bodies(&bodies)?;
            let bodies = bodies.into_iter().map(|(_, text)| dump::normal(&text).into_owned()).collect();
            Ok(Attempt::Ended(Printed { success, said, sizes: dump::normal(&sizes).into_owned(), bodies }))
        })
    }
}

/// Where what a compiler is good for is kept; `about` is what it says of itself. None where there is no such place.
fn kept(about: &str) -> Option<PathBuf> {
    let own = (env!("CARGO_PKG_VERSION"), FLAGS, VERSION);
    let name = crc32fast::hash(format!("{about}\n{own:?}").as_bytes());
    Some(cache_dir()?.join("compilers").join(format!("{name:08x}.json")))
}

/// futurelens's folder in the user's cache directory.
pub fn cache_dir() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("futurelens"))
}

fn keep(file: &Path, probed: &Probed) -> io::Result<()> {
    std::fs::create_dir_all(file.parent().unwrap_or(file))?;
    files::write(file, |file| Ok(serde_json::to_writer(file, probed)?))
}

/// What a compiler printed of [`SOURCE`].
struct Printed {
    success: bool,
    said: String,
    sizes: String,
    bodies: Vec<String>,
}

impl Printed {
    /// The futures that it knows the size of, by path.
    fn futures(&self) -> (BTreeSet<&str>, Option<&str>) {
        let sizes = TypeSizes::parse(&self.sizes);
        let names = sizes.types.iter().filter_map(|record| CoroutineName::parse(record.name));
        (names.map(|name| name.path).collect(), sizes.example)
    }

    /// A future that is not generic and whose size it does not know.
    fn missing(&self) -> Option<&'static str> {
        let (futures, _) = self.futures();
        let mut concrete = BODIES.iter().map(|(name, _)| *name).filter(|name| *name != "generic");
        concrete.find(|name| !futures.contains(&*format!("{name}::{{closure#0}}")))
    }

    /// Does it list all instances, those of futures too?
    fn lists_all(&self) -> bool {
        let listed: BTreeSet<&str> =
            mono_items::instances(&self.sizes).filter_map(|instance| instance.function).collect();
        let is_listed = |name: &str| listed.contains(&*format!("{name}::{{closure#0}}"));
        BODIES.iter().filter(|(name, _)| *name != "generic").all(|(name, _)| is_listed(name))
            && listed.iter().any(|path| path.starts_with("generic::<") && path.ends_with("::{closure#0}"))
    }

    /// How much of it is read.
    fn read(&self) -> ReadAs {
        let line = |text: &str| text.lines().next().unwrap_or_default().trim().chars().take(160).collect();
        if !self.success {
            let refused = Refused::find(&self.said).map(|refused| format!("{REFUSED}{}`", refused.flag));
            return ReadAs::Nothing(
                refused.unwrap_or_else(|| format!("it does not compile: {}", line(&self.said))),
            );
        }
        if let Some(missing) = self.missing() {
            return ReadAs::Nothing(format!("no size of `{missing}` is read"));
        }
        let (futures, example) = self.futures();
        if let Some(example) = example {
            return ReadAs::Sizes(line(example));
        }
        if !futures.iter().any(|path| path.starts_with("generic<")) {
            return ReadAs::Sizes("no instance of `generic` is read".to_owned());
        }
        for (name, waits) in BODIES {
            let path = format!("{name}{}::{{closure#0}}", if name == "generic" { "<T>" } else { "" });
            let parsed = self.bodies.iter().filter_map(|text| CoroutineBody::parse(text));
            let mut of_it = parsed
                .filter(|body| CoroutineName::parse(body.self_ty).is_some_and(|name| name.path == path));
            let Some(body) = of_it.next() else {
                return ReadAs::Sizes(format!("no body of `{name}` is read"));
            };
            if let Some(example) = body.example.filter(|_| body.unread != Unread::default()) {
                return ReadAs::Sizes(line(example));
            }
            let resumed = body.flow.suspensions.iter().filter(|suspension| suspension.resume.is_some());
            let names = || body.saved.iter().flat_map(|saved| &saved.names);
            let has_names = name != "held"
                || NAMES.iter().all(|name| names().any(|known| known == name))
                    && body.saved.iter().any(|saved| saved.drop_flag);
            if resumed.count() != waits || !has_names {
                return ReadAs::Sizes(format!("not all of `{name}` is read"));
            }
        }
        ReadAs::Whole
    }
}
