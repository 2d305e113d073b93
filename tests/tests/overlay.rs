//! Changed text compiled in an overlay gives the numbers that a build of a project with that text gives, and
//! touches nothing but futurelens's own target directory.

use futurelens::compiler::{
    Awaited, BuildError, Cancel, Compiled, Invocation, Overlay, Project as Opened, Request, UnitOutput,
    set_program,
};
use futurelens::features::Snapshot;
use futurelens::features::snapshot::PrintedUnit;
use futurelens::unit_id::UnitId;
use futurelens_tests::binary::{binary, fixture, futurelens, run, say};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of, manifest};
use futurelens_tests::registry::checkout;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Files of a project, by path relative to it, with other texts.
type Texts = BTreeMap<&'static str, String>;

/// A project that is measured as it is, and an overlay of its library.
struct Case {
    project: Project,
    overlay: Overlay,
    origin: UnitId,
    invocation: Invocation,
    measured: Vec<String>,
    /// The same project elsewhere, to build it with the changed texts.
    reference: Project,
    toolchain: &'static str,
    /// The library's root, as the compiler is given it.
    root: &'static str,
}

impl Case {
    fn new(project: Project, root: &'static str, toolchain: &'static str) -> Case {
        set_program(binary());
        let unit = measure(&project, root, toolchain);
        let reference = Project::copy_of(project.root());
        let mut request = Request::new(project.root().to_owned());
        request.toolchain = toolchain.to_owned();
        request.target_dir = Some(project.beside("target"));
        let overlay = Overlay::new(&Opened::open(&request).unwrap(), true).unwrap();
        let invocation = unit.invocation.clone().expect("all is UTF-8");
        let (origin, measured) = (invocation.origin(), shown(&unit));
        Case { project, overlay, origin, invocation, measured, reference, toolchain, root }
    }

    fn compile(&mut self, texts: &Texts, cancel: &Cancel) -> Result<Compiled, BuildError> {
        let files: Vec<(PathBuf, &String)> =
            texts.iter().map(|(file, text)| (self.project.root().join(file), text)).collect();
        let files: Vec<(&Path, &str)> = files.iter().map(|(file, text)| (&**file, text.as_str())).collect();
        self.overlay.compile(&self.origin, &self.invocation, &files, cancel)
    }

    fn done(&mut self, texts: &Texts) -> Vec<String> {
        match self.compile(texts, &Cancel::default()) {
            Ok(Compiled::Done(unit)) => {
                for (file, text) in unit.sources() {
                    let expected = match texts.get(file) {
                        Some(text) => text.clone(),
                        None => self.project.read(file),
                    };
                    assert_eq!(text, expected, "{file}");
                }
                shown(&unit)
            }
            other => panic!("{other:?}"),
        }
    }

    /// What a build of the project with these texts measures.
    fn expected(&self, texts: &Texts) -> Vec<String> {
        for (file, text) in texts {
            self.reference.write(file, text);
        }
        let expected = shown(&measure(&self.reference, self.root, self.toolchain));
        for file in texts.keys() {
            self.reference.write(file, &self.project.read(file));
        }
        expected
    }

    #[track_caller]
    fn assert_same(&mut self, what: &str, texts: &Texts) {
        let started = Instant::now();
        let done = self.done(texts);
        say(&format!("{what}: {} ms", started.elapsed().as_millis()));
        assert_lines(what, &done, &self.expected(texts));
    }

    #[track_caller]
    fn assert_broken(&mut self, texts: &Texts, message: &str) {
        match self.compile(texts, &Cancel::default()) {
            Ok(Compiled::Broken(messages)) => {
                assert!(messages.contains(message), "{messages}");
                for line in messages.lines() {
                    serde_json::from_str::<serde_json::Value>(line).expect("messages are JSON");
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Measures a project with the real binary; the unit with this root, as it was kept.
fn measure(project: &Project, root: &str, toolchain: &str) -> UnitOutput {
    let target = project.beside("target");
    let mut command = futurelens();
    command.arg("report").arg(project.root()).args(["--toolchain", toolchain, "--target-dir"]).arg(&target);
    run(&mut command).expect_success();
    kept(&target, root)
}

fn kept(target: &Path, root: &str) -> UnitOutput {
    let kept = files(target).into_iter().filter(|file| file.extension().is_some_and(|e| e == "futurelens"));
    let mut units = kept.map(|file| UnitOutput::read(&file).expect("the unit is whole"));
    let is_it = |unit: &UnitOutput| unit.invocation.as_ref().and_then(|run| run.root()) == Some(root);
    units.find(is_it).unwrap_or_else(|| panic!("no unit of {root}"))
}

/// Everything that is known of each future, in words, without where the project is.
fn shown(unit: &UnitOutput) -> Vec<String> {
    let origin = unit.invocation.as_ref().expect("all is UTF-8").origin();
    let text = PrintedUnit {
        origin: &"it".into(),
        stamp: 0,
        package: "",
        krate: origin.rsplit_once('-').expect("CRATE-HASH").0,
        unit: "lib",
        edition: "2021",
        rust_version: None,
        dir: &unit.dir,
        texts: std::sync::Arc::new(unit.clone()),
        bodies: unit.digests().collect(),
        without: &[],
        sources: unit.sources().collect(),
    };
    let snapshot = Snapshot::default().updated(&[text], &BTreeSet::from(["it".into()]), BTreeSet::new());
    assert_eq!(snapshot.drift(), []);
    let mut shown: Vec<String> = snapshot
        .futures(true)
        .map(|placed| {
            let future = &placed.future;
            let at =
                placed.location.as_ref().map(|l| (l.file.strip_prefix(&unit.dir).unwrap(), l.at, l.site));
            let boxed = snapshot.boxes_when_large(&future.id).is_some();
            format!(
                "{} {} {} at {at:?} boxed {boxed} holds {:?} {:?}",
                future.id,
                future.size,
                future.align,
                future.states.upvars(),
                future.states
            )
        })
        .collect();
    for (file, _) in unit.sources() {
        for view in snapshot.file(&unit.dir.join(file)) {
            for (site, at) in &view.sites {
                let bodies: Vec<_> = at.bodies.iter().map(|body| (&body.def_path, &body.span)).collect();
                shown.push(format!("{file} site {site}: {bodies:?}"));
            }
        }
    }
    shown.sort();
    shown
}

#[track_caller]
fn assert_lines(what: &str, found: &[String], expected: &[String]) {
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (found.iter().collect(), expected.iter().collect());
    let list = |a: &BTreeSet<&String>, b: &BTreeSet<&String>| {
        a.difference(b).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
    };
    assert!(
        found == expected,
        "{what}\nonly in the overlay:\n{}\nonly in the build:\n{}",
        list(&found, &expected),
        list(&expected, &found)
    );
}

fn texts(project: &Project, edits: &[(&'static str, &str, &str)]) -> Texts {
    let mut texts = Texts::new();
    for (file, from, to) in edits {
        let text = texts.entry(file).or_insert_with(|| project.read(file));
        assert!(text.contains(from), "{from} in {file}");
        *text = text.replacen(from, to, 1);
    }
    texts
}

/// A copy without what its binaries do: only the library is compared, and they may need what an edit takes.
fn library(from: &Path) -> Project {
    let project = Project::copy_of(from);
    for file in files(&project.root().join("src/bin")) {
        fs::write(file, "fn main() {}\n").unwrap();
    }
    project
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(dir).into_iter().map(|file| (file.clone(), fs::read(&file).unwrap_or_default())).collect()
}

fn scratch(target: &Path) -> usize {
    let entries = fs::read_dir(target).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("scratch-")).count()
}

#[test]
fn the_article_in_an_overlay() {
    let mut case = Case::new(library(&fixture("article")), "src/lib.rs", "auto");
    let before = contents(case.project.root());
    let edit = |edits: &[_]| texts(&case.project, edits);
    let steps = [
        ("a box", edit(&[("src/boxes.rs", "large_future().await", "Box::pin(large_future()).await")])),
        ("other instances", edit(&[("src/generics.rs", "keeps([1u8; 256])", "keeps([1u16; 128])")])),
        ("fewer instances", edit(&[("src/generics.rs", "    keeps(1u64).await;\n", "")])),
        (
            "two files, and lines that move",
            edit(&[
                ("src/nesting.rs", "use crate", "// One.\n// Two.\nuse crate"),
                ("src/boxes.rs", "large_future().await", "let n = 3u64; large_future().await; drop(n)"),
            ]),
        ),
        ("a body less", edit(&[("src/nesting.rs", "    level_4().await;\n", "")])),
        ("another name", edit(&[("src/nesting.rs", "fn level_5()", "fn level_five()")])),
        ("other captures", edit(&[("src/nesting.rs", "fn level_5()", "fn level_5(_: u64)")])),
        (
            "a private body that nothing uses",
            edit(&[("src/nesting.rs", "use crate", "async fn unused() { yield_now().await }\nuse crate")]),
        ),
        ("what others are made of", edit(&[("src/nesting.rs", "black_box(1u8)", "black_box([1u8; 9])")])),
    ];
    let unchanged = case.done(&Texts::new());
    assert_lines("unchanged", &unchanged, &case.measured);
    for (what, texts) in &steps {
        case.assert_same(what, texts);
    }
    assert_lines("back", &case.done(&Texts::new()), &unchanged);
    assert!(contents(case.project.root()) == before, "the project is as it was");
}

#[test]
fn mini_redis_in_an_overlay() {
    let mut case = Case::new(library(&checkout("mini-redis", "0.4.1")), "src/lib.rs", "auto");
    let before = contents(case.project.root());
    let beside: BTreeSet<PathBuf> = files(case.project.outside())
        .into_iter()
        .filter(|file| {
            !file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("scratch-"))
        })
        .collect();
    let edit = |edits: &[_]| texts(&case.project, edits);
    const CONNECT: &str = "TcpStream::connect(addr).await?";
    const BOXED: &str = "\n        Box::pin(TcpStream::connect(addr)).await?";
    let connect = edit(&[("src/client.rs", CONNECT, BOXED)]);
    let response =
        edit(&[("src/client.rs", "self.read_response().await?", "Box::pin(self.read_response()).await?")]);
    let handler = edit(&[("src/server.rs", "handler.run().await", "Box::pin(handler.run()).await")]);
    let spawned =
        edit(&[("src/server.rs", "tokio::spawn(async move {", "tokio::spawn(async move { let _n = 1u8;")]);
    let both = edit(&[
        ("src/client.rs", CONNECT, BOXED),
        (
            "src/cmd/get.rs",
            "dst.write_frame(&response).await?",
            "Box::pin(dst.write_frame(&response)).await?",
        ),
    ]);
    let syntax = edit(&[("src/client.rs", CONNECT, "TcpStream::connect(addr.await?")]);
    let mistyped = edit(&[("src/client.rs", CONNECT, "TcpStream::connect(addr)")]);

    // Ended before it has anything to build on.
    assert!(matches!(cancelled(&mut case, &connect, 300), Err(BuildError::Cancelled)));
    let started = Instant::now();
    let unchanged = case.done(&Texts::new());
    say(&format!("mini-redis, whole: {} ms", started.elapsed().as_millis()));
    assert_lines("unchanged", &unchanged, &case.measured);

    case.assert_same("connect boxed", &connect);
    case.assert_same("response boxed", &response);
    case.assert_broken(&syntax, "\"level\":\"error\"");
    case.assert_same("handler boxed", &handler);
    case.assert_broken(&mistyped, "E0308");
    let again = case.done(&connect);
    assert_lines("the same text twice in a row", &case.done(&connect), &again);
    case.assert_same("more in what is spawned", &spawned);
    for delay in [0, 40, 100, 160] {
        let ended = cancelled(&mut case, &both, delay);
        assert!(delay > 0 || matches!(ended, Err(BuildError::Cancelled)), "{ended:?}");
        say(&format!("cancelled after {delay} ms: {}", ended.is_err()));
        assert_lines("after one that was cancelled", &case.done(&connect), &again);
    }
    case.assert_same("two files", &both);
    assert_lines("back", &case.done(&Texts::new()), &unchanged);

    assert!(contents(case.project.root()) == before, "the project is as it was");
    let target = case.project.beside("target");
    assert_eq!(scratch(&target), 1);
    let Case { project, overlay, .. } = case;
    drop(overlay);
    assert_eq!(scratch(&target), 0);
    let left: BTreeSet<PathBuf> = files(project.outside()).into_iter().collect();
    assert!(left == beside, "nothing is left");
}

fn cancelled(case: &mut Case, texts: &Texts, delay: u64) -> Result<Compiled, BuildError> {
    let cancel = Cancel::default();
    if delay == 0 {
        cancel.cancel();
    }
    let other = cancel.clone();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(delay));
        other.cancel();
    });
    let ended = case.compile(texts, &cancel);
    canceller.join().unwrap();
    ended
}

/// A workspace with a member in a folder that uses another member.
fn workspace() -> Project {
    let project = Project::empty();
    let member = |name: &str| manifest(name).replace("\n[workspace]\n", "");
    project
        .write("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n")
        .write("crates/inner/Cargo.toml", &member("inner"))
        .write("crates/inner/src/lib.rs", &format!("{PENDING_ONCE}{}", future_of("inner", 100)))
        .write(
            "crates/outer/Cargo.toml",
            &format!("{}\n[dependencies]\ninner = {{ path = \"../inner\" }}\n", member("outer")),
        )
        .write("crates/outer/src/lib.rs", "mod called;\n#[path = \"../aside.rs\"]\npub mod aside;\n")
        .write("crates/outer/src/called.rs", "pub async fn outer() { inner::inner().await }\n")
        .write("crates/outer/aside.rs", "pub async fn aside() {}\n");
    project
}

#[test]
fn a_member_that_uses_another_in_an_overlay() {
    // Also with a compiler that is told to be a nightly.
    for toolchain in ["auto", "stable"] {
        let mut case = Case::new(workspace(), "crates/outer/src/lib.rs", toolchain);
        assert_eq!(case.invocation.dir, case.project.root());
        let unchanged = case.done(&Texts::new());
        assert_lines("unchanged", &unchanged, &case.measured);
        let boxed = texts(
            &case.project,
            &[("crates/outer/src/called.rs", "inner::inner()", "Box::pin(inner::inner())")],
        );
        case.assert_same("boxed", &boxed);
        assert_lines("back", &case.done(&Texts::new()), &unchanged);
    }
}

#[test]
fn what_would_be_the_users_file_is_refused() {
    let mut case = Case::new(workspace(), "crates/outer/src/lib.rs", "auto");
    let refused = |result| match result {
        Err(BuildError::NoOverlay { reason }) => reason,
        other => panic!("{other:?}"),
    };
    // By way of `src/..`, where `src` is a link.
    let aside = Texts::from([("crates/outer/aside.rs", "pub async fn other() {}\n".to_owned())]);
    if cfg!(unix) {
        assert!(refused(case.compile(&aside, &Cancel::default())).contains("another path"));
    }
    let outside = (Path::new("/elsewhere.rs"), "");
    let run = case.invocation.clone();
    let origin = case.origin.clone();
    let result = case.overlay.compile(&origin, &run, &[outside], &Cancel::default());
    assert!(refused(result).contains("outside"));
    for root in ["/w/src/lib.rs", "../src/lib.rs", "--test"] {
        let mut other = run.clone();
        for arg in other.args.iter_mut().filter(|arg| arg.ends_with("lib.rs")) {
            *arg = root.to_owned();
        }
        refused(case.overlay.compile(&origin, &other, &[], &Cancel::default()));
    }
    case.assert_same(
        "after all that",
        &texts(&case.project, &[("crates/outer/src/called.rs", "outer()", "renamed()")]),
    );
}

#[test]
fn the_callers_environment_is_not_written_down() {
    let project = Project::lib("secret", &format!("{PENDING_ONCE}{}", future_of("held", 3)));
    let target = project.beside("target");
    let mut command = futurelens();
    command.env("FUTURELENS_TEST_SECRET", "hunter-two").env("HTTP_TOKEN", "hunter-three");
    command.arg("report").arg(project.root()).arg("--target-dir").arg(&target);
    run(&mut command).expect_success();
    for (file, bytes) in contents(&target) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("hunter-") && !text.contains("TEST_SECRET"), "{}", file.display());
    }
    let run = kept(&target, "src/lib.rs").invocation.unwrap();
    let value = |name: &str| run.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(value("CARGO_PKG_NAME"), Some("secret"));
    for own in ["FUTURELENS_WRAPPER", "RUSTC_WRAPPER", "CARGO_MAKEFLAGS", "MAKEFLAGS"] {
        assert_eq!(value(own), None);
    }
    assert_eq!((run.edition(), run.rust_version()), ("2021", None));
    assert!(run.args.iter().all(|arg| !arg.starts_with("-Z") && !arg.contains("incremental")), "{run:?}");
}

#[test]
fn what_does_not_compile_says_why() {
    let project = Project::lib("broken", &format!("{PENDING_ONCE}pub fn f() -> u8 {{ PendingOnce(false) }}"));
    let mut request = Request::new(project.root().to_owned());
    request.target_dir = Some(project.beside("target"));
    set_program(binary());
    let opened = Opened::open(&request).unwrap();
    let outcome = opened
        .measure(&request, &Awaited::default(), &Cancel::default(), &mut |_, _| true, &mut |_| {})
        .unwrap();
    assert!(outcome.failure.is_some_and(|failure| failure.contains("E0308")));
    let [failed] = &outcome.failed[..] else { panic!("{:?}", outcome.failed) };
    assert!(failed.messages().contains("E0308"), "{}", failed.messages());
    for line in failed.messages().lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("messages are JSON");
    }
    assert_eq!(failed.invocation.as_ref().and_then(Invocation::root), Some("src/lib.rs"));
    assert!(failed.invocation.as_ref().unwrap().origin().starts_with("broken-"));
    assert_eq!(scratch(&project.beside("target")), 0);
}
