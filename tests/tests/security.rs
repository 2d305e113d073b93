//! What a project, a name or a link in it may not do: run before it is trusted, be taken for a command or for markup,
//! or have something written outside of futurelens's own folder.
#![cfg(target_os = "linux")]

use futurelens_tests::binary::{Run, binary, clean_command, futurelens, run, skip};
use futurelens_tests::editor::{Editor, Moment, Setup, place_of, uri};
use futurelens_tests::project::{PENDING_ONCE, Project, copy, files, future_of, manifest};
use futurelens_tests::report::{parse, report};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// `small` takes 102 bytes, `large` 4,002, and `caller` holds each in turn: a box around `large` makes it smaller.
fn library() -> String {
    let caller = "pub async fn caller() {\n    small().await;\n    large().await;\n}\n";
    format!("{PENDING_ONCE}{}{}{caller}", future_of("small", 100), future_of("large", 4000))
}

const CALLER: u64 = 4003;

fn project() -> Project {
    let project = Project::lib("plain", &library());
    project.write(".gitignore", "target\n");
    project
}

#[track_caller]
fn ok(folder: &Path, arguments: &[&str]) -> String {
    run(futurelens().args(arguments).current_dir(folder)).expect_success().stdout
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = clean_command("git");
    git.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments);
    run(&mut git).expect_success();
}

fn commit(folder: &Path) {
    git(folder, &["init", "-q"]);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-qm", "first"]);
}

// What programs do, as the kernel sees it

/// Which calls of a program are written down.
const CALLS: &str = "trace=execve,execveat,open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,\
                     symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,truncate,ftruncate,chmod,fchmod,fchmodat,chown,\
                     fchown,lchown,fchownat,utimensat,mknod,mknodat,setxattr,lsetxattr,fsetxattr";

/// A place to write down what a program and everything that it starts does; none where that cannot be had.
struct Trace {
    log: PathBuf,
}

impl Trace {
    fn new(log: PathBuf) -> Option<Self> {
        let works =
            Command::new("strace").args(["-f", "-e", "trace=execve", "-o", "/dev/null", "true"]).output();
        if works.is_ok_and(|output| output.status.success()) {
            return Some(Trace { log });
        }
        skip("strace is missing, or may not trace");
        None
    }

    /// What starts a program under observation.
    fn prefix(&self) -> Vec<OsString> {
        let options = ["strace", "-f", "-y", "-s", "4096", "-ttt", "-e", CALLS, "-o"].map(OsString::from);
        options.into_iter().chain([self.log.clone().into()]).collect()
    }

    #[track_caller]
    fn run(&self, folder: &Path, arguments: &[&str]) -> Run {
        let prefix = self.prefix();
        run(clean_command(&prefix[0]).args(&prefix[1..]).arg(binary()).args(arguments).current_dir(folder))
    }

    /// The calls that succeeded: when, and what.
    fn calls(&self) -> Vec<(f64, String)> {
        let log = String::from_utf8_lossy(&fs::read(&self.log).expect("strace wrote it")).into_owned();
        let mut begun: BTreeMap<String, String> = BTreeMap::new();
        let mut calls = Vec::new();
        for line in log.lines() {
            let Some((process, rest)) = line.split_once(' ') else { continue };
            let Some((time, call)) = rest.trim_start().split_once(' ') else { continue };
            // A call that others came between is in two parts.
            let call = if let Some(start) = call.strip_suffix(" <unfinished ...>") {
                begun.insert(process.to_owned(), start.to_owned());
                continue;
            } else if let Some((_, end)) = call.split_once(" resumed>") {
                begun.remove(process).unwrap_or_default() + end
            } else {
                call.to_owned()
            };
            let succeeded = call.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-'));
            if succeeded {
                calls.push((time.parse().expect("seconds"), call));
            }
        }
        assert!(!calls.is_empty(), "nothing was traced");
        calls
    }

    /// The programs that were started: when, and which.
    fn programs(&self) -> Vec<(f64, String)> {
        let started = self.calls().into_iter().filter(|(_, call)| call.starts_with("execve"));
        started.map(|(time, call)| (time, quoted(&call).swap_remove(0))).collect()
    }

    /// Every path that was made, changed or removed.
    fn changed(&self) -> BTreeSet<PathBuf> {
        let mut changed = BTreeSet::new();
        for (_, call) in self.calls() {
            let (name, rest) = call.split_once('(').expect("a call");
            match name {
                "execve" | "execveat" => {}
                "open" | "openat" | "openat2" | "creat" => {
                    let flags = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"];
                    if name == "creat" || flags.iter().any(|flag| rest.contains(flag)) {
                        // `= 3</path>`: where it is, links followed.
                        changed
                            .extend(call.rsplit_once('<').map(|(_, path)| path.trim_end_matches('>').into()));
                    }
                }
                // Both names change; of a link only the second, what it leads to is not touched.
                "rename" | "renameat" | "renameat2" => changed.extend(paths(rest)),
                "link" | "linkat" | "symlink" | "symlinkat" => changed.extend(paths(rest).pop()),
                name if name.starts_with('f') => {
                    changed.extend(rest.split_once('<').and_then(|(_, r)| Some(r.split_once('>')?.0.into())));
                }
                _ => changed.extend(paths(rest).into_iter().next()),
            }
        }
        changed
    }
}

/// The texts in quotes, as they are in the log.
fn quoted(call: &str) -> Vec<String> {
    call.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The paths in the arguments of a call, made absolute: `AT_FDCWD</folder>, "file"`.
fn paths(arguments: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pieces = arguments.split('"');
    let mut before = pieces.next().unwrap_or_default();
    while let (Some(path), after) = (pieces.next(), pieces.next()) {
        let folder =
            before.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(f, _)| f);
        found.push(Path::new(folder).join(path));
        before = after.unwrap_or_default();
    }
    found
}

/// What cargo keeps of its own, and what is no file.
fn is_cargos(path: &Path) -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| std::env::home_dir().expect("there is a home").join(".cargo"));
    path.starts_with(home)
        || path.starts_with("/dev")
        || path.to_string_lossy().starts_with("pipe:")
        || path.starts_with("/proc")
}

/// What was changed of a project that is none of ours to change.
fn beyond(trace: &Trace, target_dir: &Path) -> Vec<PathBuf> {
    let changed = trace.changed();
    assert!(changed.iter().any(|path| path.starts_with(target_dir)), "{changed:#?}");
    changed.into_iter().filter(|path| !is_cargos(path) && !path.starts_with(target_dir)).collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

// Trust

/// A project whose every compiler run, and whose build script, leave traces.
fn trap() -> Project {
    let project = project();
    let script = "#!/bin/sh\ntouch \"$(dirname \"$0\")/wrapped\"\nexec \"$@\"\n";
    project.script("wrap.sh", script);
    project.compile_with("rustc-wrapper", Path::new("./wrap.sh"));
    project.write("build.rs", "fn main() {\n    std::fs::write(\"built\", \"\").unwrap();\n}\n");
    project
}

fn has(project: &Project, name: &str) -> bool {
    project.root().join(name).exists()
}

fn command(editor: &mut Editor, name: &str) {
    editor.request("workspace/executeCommand", json!({ "command": name, "arguments": [] }));
}

#[test]
fn nothing_of_a_folder_is_run_before_it_is_trusted() {
    let project = trap();
    let Some(trace) = Trace::new(project.beside("trace")) else { return };
    let file = project.root().join("src/lib.rs");
    let setup = Setup { options: json!({ "trusted": false }), under: trace.prefix(), ..Setup::default() };
    let mut editor = Editor::open(project.root(), setup);
    editor.did_open(&file);
    let place = place_of(&library(), "large() {");
    assert_eq!(editor.hover(&file, place), None);
    editor.save_as(&file, &library());
    editor.did_change_watched(&project.root().join("Cargo.toml"));
    editor.configure(json!({ "profile": "dev", "build": { "asYouType": true } }));
    editor.did_change_all(&file, &library());
    command(&mut editor, "futurelens.rebuild");
    assert_eq!(editor.code_actions(&file, place, json!({ "diagnostics": [] })), Vec::<Value>::new());
    assert_eq!(editor.request("futurelens/report", json!({})), json!({ "workspaces": [] }));
    assert_eq!(editor.hints(&file), []);
    let said = editor.shown(Moment::start()).join("\n");
    assert!(said.contains("futurelens.trust"), "{said}");

    let trusted = now();
    command(&mut editor, "futurelens.trust");
    editor.hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.label.starts_with("4003 B ·")));
    assert!(has(&project, "wrapped") && has(&project, "built"), "else the trap is none");
    // Settings that are sent again do not take back what the user said.
    editor.configure(json!({ "profile": "dev", "trusted": false }));
    assert!(!editor.hints(&file).is_empty());
    editor.exit();

    let before: Vec<(f64, String)> =
        trace.programs().into_iter().filter(|(time, _)| *time < trusted).collect();
    assert!(!before.is_empty());
    let own = binary().to_string_lossy();
    let others = before.iter().filter(|(_, program)| **program != *own && !program.starts_with("/proc/"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&(f64, String)>::new());
}

#[test]
fn a_folder_that_is_trusted_no_more_is_let_go_of() {
    let project = project();
    let file = project.root().join("src/lib.rs");
    let mut editor = Editor::open(project.root(), Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "sizes", |hints| !hints.is_empty());
    editor.configure(json!({ "trusted": false }));
    editor.hints_when(&file, "nothing", |hints| hints.is_empty());
    editor.save_as(&file, &library());
    editor.configure(json!({ "hints": { "awaits": "all" } }));
    assert_eq!(editor.hints(&file), [], "who does not say it again has not said the opposite");
    editor.configure(json!({ "trusted": true }));
    editor.hints_when(&file, "sizes again", |hints| !hints.is_empty());
    editor.exit();
    editor.expect_no_children();
}

#[test]
fn nothing_is_built_unless_the_user_asks_if_that_is_set() {
    let project = trap();
    let file = project.root().join("src/lib.rs");
    let build = json!({ "onOpen": false, "onSave": false });
    let mut editor =
        Editor::open(project.root(), Setup { options: json!({ "build": build }), ..Setup::default() });
    editor.did_open(&file);
    // cargo was asked about the project when it is in the report.
    while editor.request("futurelens/report", json!({}))["workspaces"] == json!([]) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // A build that is wrongly begun would have begun by then; if not, the test only sees less.
    let pause = || std::thread::sleep(std::time::Duration::from_millis(300));
    editor.save_as(&file, &library());
    pause();
    editor.did_change_watched(&project.root().join("Cargo.toml"));
    pause();
    editor.configure(json!({ "profile": "dev", "build": build }));
    pause();
    assert_eq!(editor.hints(&file), []);
    assert_eq!(editor.progress(Moment::start()), Vec::<String>::new());
    assert!(!has(&project, "built"));
    while editor.request("futurelens/report", json!({}))["workspaces"] == json!([]) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    command(&mut editor, "futurelens.rebuild");
    editor.hints_when(&file, "sizes", |hints| !hints.is_empty());
    assert!(has(&project, "built"));
    editor.exit();
}

// What is written

#[test]
fn commands_write_nothing_but_into_their_own_folder() {
    let project = project();
    let root = project.root();
    let Some(trace) = Trace::new(project.beside("trace")) else { return };
    let own = root.join("target/futurelens");
    let lock = root.join("Cargo.lock");

    // Without a lock file there is none to disturb: it is made, by the project's own cargo.
    trace.run(root, &["report"]).expect_success();
    let made = beyond(&trace, &own);
    assert!(made.iter().all(|path| *path == lock || *path == root.join("target")), "{made:#?}");
    let own_cargo =
        run(clean_command("rustup").args(["which", "cargo"]).current_dir(root)).expect_success().stdout;
    let programs: Vec<String> = trace.programs().into_iter().map(|(_, program)| program).collect();
    assert!(
        programs.iter().any(|program| *program == own_cargo.trim()),
        "{own_cargo} is none of {programs:#?}"
    );

    commit(root);
    let before = stamps(root);
    let edits = ok(root, &["fix"]);
    assert!(edits.contains("box-awaitee"), "{edits}");
    for arguments in [
        &["report", "--format", "html"][..],
        &["report", "--profile", "dev", "--all-targets"],
        &["hints", "src/lib.rs"],
        &["explain", "large"],
        &["explain", "large", "--format", "svg"],
        &["check"],
        &["fix"],
    ] {
        trace.run(root, arguments).expect_success();
        assert_eq!(beyond(&trace, &own), Vec::<PathBuf>::new(), "{arguments:?}");
    }
    // A worktree is git's to know while it is there.
    trace.run(root, &["diff", "--git", "HEAD"]).expect_success();
    let mut by_git = beyond(&trace, &own);
    // git makes folders by names from where it is.
    by_git.retain(|path| path.is_absolute());
    assert!(by_git.iter().all(|path| path.starts_with(root.join(".git"))), "{by_git:#?}");
    assert!(!root.join(".git/worktrees").exists());
    assert_eq!(stamps(root), before, "nothing of the project was touched");

    // What cargo has to add to a lock file it adds, unless it is told not to.
    project.write("other/Cargo.toml", &manifest("other").replace("\n[workspace]\n", ""));
    project.write("other/src/lib.rs", "");
    project.write("Cargo.toml", &(manifest("plain") + "\n[dependencies]\nother = { path = \"other\" }\n"));
    let refused = trace.run(root, &["report", "--locked"]);
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(refused.stderr.contains("--locked"), "{refused:#?}");
    assert_eq!(beyond(&trace, &own), Vec::<PathBuf>::new());

    commit(root);
    trace.run(root, &["fix", "--apply", "--kind", "box-awaitee"]).expect_success();
    let written = beyond(&trace, &own);
    let is_known = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        *path == lock
            || path.parent() == Some(&root.join("src")) && (name == "lib.rs" || name.starts_with(".futurelens-"))
            // `git status` puts its index in order.
            || path.starts_with(root.join(".git"))
    };
    assert!(written.contains(&root.join("src/lib.rs")) && written.iter().all(is_known), "{written:#?}");
    let sources: Vec<PathBuf> = files(&root.join("src"));
    assert_eq!(sources, [root.join("src/lib.rs")], "nothing is left beside it");
}

/// When each file that is not ours was last changed.
fn stamps(root: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let theirs = files(root).into_iter().filter(|file| {
        !file.starts_with(root.join("target/futurelens")) && !file.starts_with(root.join(".git"))
    });
    theirs
        .map(|file| (file.clone(), fs::symlink_metadata(&file).and_then(|m| m.modified()).expect("a time")))
        .collect()
}

#[test]
fn a_server_writes_nothing_but_into_its_own_folder() {
    let project = project();
    let root = project.root();
    let Some(trace) = Trace::new(project.beside("trace")) else { return };
    ok(root, &["report"]);
    let before = stamps(root);
    let file = root.join("src/lib.rs");
    let setup = Setup {
        options: json!({ "build": { "asYouType": true } }),
        under: trace.prefix(),
        ..Setup::default()
    };
    let mut editor = Editor::open(root, setup);
    editor.did_open(&file);
    editor.hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.label.starts_with("4003 B ·")));
    assert!(editor.hover(&file, place_of(&library(), "caller()")).is_some());
    let at = place_of(&library(), "large().await");
    editor.code_actions_when(&file, at, "a measured action", |actions| {
        actions.iter().any(|action| action["title"].as_str().is_some_and(|title| title.contains("saves 3")))
    });
    editor.did_change_all(&file, &library().replace("4000", "5000"));
    editor.hints_when(&file, "sizes of unsaved text", |hints| {
        hints.iter().any(|hint| hint.label.starts_with("4.9 KiB ·") && hint.label.contains("unsaved"))
    });
    editor.did_change_all(&file, &library());
    let saved = editor.now();
    editor.did_save(&file);
    editor.wait_for_work(saved);
    editor.exit();
    assert_eq!(beyond(&trace, &root.join("target/futurelens")), Vec::<PathBuf>::new());
    assert_eq!(stamps(root), before);
}

#[test]
fn secrets_in_settings_are_not_written_down() {
    let project = project();
    let root = project.root();
    let secret = "correct horse battery staple";
    // The compiler needs it each time, also where it compiles an edit or text that is not saved.
    let text = library() + "pub const LENGTH: usize = env!(\"SECRET\").len();\n";
    project.write("src/lib.rs", &text);
    let file = root.join("src/lib.rs");
    let options = json!({ "cargo": { "extraEnv": { "SECRET": secret } }, "build": { "asYouType": true } });
    let mut editor = Editor::open(root, Setup { options, ..Setup::default() });
    editor.did_open(&file);
    editor.hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.label.starts_with("4003 B ·")));
    editor.code_actions_when(&file, place_of(&text, "large().await"), "a measured action", |actions| {
        actions.iter().any(|action| action["title"].as_str().is_some_and(|title| title.contains("saves 3")))
    });
    editor.did_change_all(&file, &text.replace("4000", "5000"));
    editor.hints_when(&file, "sizes of unsaved text", |hints| {
        hints.iter().any(|hint| hint.label.starts_with("4.9 KiB ·") && hint.label.contains("unsaved"))
    });
    let saved = editor.now();
    editor.save_as(&file, &text.replace("4000", "5000"));
    editor.wait_for_work(saved);
    let written = files(&root.join("target/futurelens"));
    let has_it = |file: &PathBuf| {
        let bytes = fs::read(file).unwrap_or_default();
        // What cargo and the compiler write down of code that reads the variable is theirs.
        let is_theirs =
            ["rmeta", "d", "bin", "o"].iter().any(|end| file.extension().is_some_and(|e| e == *end))
                || file.iter().any(|name| name == ".fingerprint");
        !is_theirs && bytes.windows(secret.len()).any(|text| text == secret.as_bytes())
    };
    assert!(written.iter().any(|file| file.extension().is_some_and(|e| e == "futurelens")));
    assert_eq!(written.iter().find(|file| has_it(file)), None);
    editor.exit();
}

// Links

#[test]
fn links_in_the_target_directory_lead_nowhere() {
    let project = project();
    let root = project.root();
    commit(root);
    let outside = project.beside("outside");
    fs::create_dir_all(outside.join("folder/below")).expect("it is ours");
    fs::write(outside.join("folder/below/file"), "theirs").expect("it is ours");
    let own = root.join("target/futurelens");
    // Everything that is there: a build from nothing, one that builds on it, and what other commands leave.
    let file = root.join("src/lib.rs");
    let mut editor = Editor::open(root, Setup::default());
    editor.did_open(&file);
    let opened = editor
        .hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.label.starts_with("4003 B ·")));
    editor.save_as(&file, &library());
    editor.hints_when(&file, "sizes", |hints| hints == opened);
    editor.exit();
    ok(root, &["diff", "--git", "HEAD"]);
    let check = ["cargo", "check", "--message-format=json", "--quiet"];
    ok(root, &check);

    let mut planted = 0;
    let mut plant = |at: PathBuf| {
        let meta = fs::symlink_metadata(&at).ok();
        // Where there is a file one that is there, where there is none also one that is not.
        let to = match &meta {
            Some(meta) if meta.is_dir() => {
                fs::remove_dir_all(&at).expect("it is ours");
                outside.join("folder")
            }
            Some(_) => {
                fs::remove_file(&at).expect("it is ours");
                planted += 1;
                let to = outside.join(planted.to_string());
                fs::write(&to, "theirs").expect("it is ours");
                to
            }
            None => outside.join("nothing"),
        };
        symlink(to, &at).expect("it is ours");
    };
    let is_ours = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ours = [".futurelens", ".concrete", ".checked", ".lock"];
        ours.iter().any(|end| name.ends_with(end))
            || name == "CACHEDIR.TAG"
            || path.starts_with(own.join("index"))
    };
    let folders: Vec<PathBuf> = fs::read_dir(own.join("release/deps"))
        .expect("it was built")
        .chain(fs::read_dir(own.join("ride-along")).expect("it rode along"))
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(
        folders.iter().filter(|path| path.to_string_lossy().ends_with("incremental")).count() > 2,
        "{folders:#?}"
    );
    let ours: Vec<PathBuf> = files(&own).into_iter().filter(|file| is_ours(file)).collect();
    assert!(ours.len() > 6, "{ours:#?}");
    for file in ours {
        plant(file);
    }
    for folder in folders {
        plant(folder);
    }
    plant(own.join("index"));
    plant(own.join("revision"));
    plant(own.join("scratch-old"));
    let before = tree(&outside);

    assert_eq!(parse(&ok(root, &["report", "--format", "json"])).size_of("caller"), CALLER);
    ok(root, &["diff", "--git", "HEAD"]);
    ok(root, &check);
    let edits = ok(root, &["fix"]);
    assert!(edits.contains("box-awaitee"), "{edits}");
    let mut editor = Editor::open(root, Setup::default());
    editor.did_open(&file);
    editor.hints_when(&file, "sizes", |hints| *hints == opened);
    editor.save_as(&file, &library().replace("4000", "5000"));
    editor.hints_when(&file, "sizes", |hints| hints.iter().any(|hint| hint.label.starts_with("4.9 KiB ·")));
    editor.exit();
    // A tag that leads nowhere, and a folder for what rides along.
    fs::remove_file(own.join("CACHEDIR.TAG")).expect("it is there");
    symlink(outside.join("nothing"), own.join("CACHEDIR.TAG")).expect("it is ours");
    fs::remove_dir_all(own.join("ride-along")).expect("it is there");
    symlink(outside.join("folder"), own.join("ride-along")).expect("it is ours");
    fs::write(&file, library()).expect("it is ours");
    ok(root, &check);
    ok(root, &["report"]);
    assert_eq!(tree(&outside), before, "nothing outside was written, emptied or removed");
}

/// Every file and folder with its text.
fn tree(folder: &Path) -> BTreeMap<PathBuf, String> {
    files(folder)
        .into_iter()
        .map(|file| (file.clone(), fs::read_to_string(&file).unwrap_or_default()))
        .collect()
}

#[test]
fn a_target_directory_may_be_a_link() {
    let project = project();
    let real = project.beside("fast-disk");
    fs::create_dir(&real).expect("it is ours");
    fs::create_dir(project.root().join("target")).expect("it is ours");
    symlink(&real, project.root().join("target/futurelens")).expect("it is ours");
    assert_eq!(report::<&str>(project.root(), &[]).size_of("caller"), CALLER);
    assert!(real.join("CACHEDIR.TAG").is_file() && real.join("release").is_dir());
    assert!(project.root().join("target/futurelens").is_symlink());
}

#[test]
fn edits_do_not_leave_the_workspace() {
    let project = project();
    let root = project.root();
    // In the workspace a link is followed, and stays; another name of the same file keeps the old text.
    let module = format!(
        "use crate::PendingOnce;\n{}pub async fn inner() {{\n    large().await;\n}}\n",
        future_of("large", 4000)
    );
    project.write("src/inner/real.rs", &module);
    symlink("inner/real.rs", root.join("src/linked.rs")).expect("it is ours");
    fs::hard_link(root.join("src/inner/real.rs"), project.beside("backup.rs")).expect("one file system");
    // And out of it, it is not.
    let theirs = project.beside("theirs.rs");
    fs::write(&theirs, module.replace("inner", "outer")).expect("it is ours");
    symlink(&theirs, root.join("src/outside.rs")).expect("it is ours");
    project.write("src/lib.rs", &format!("pub mod linked;\npub mod outside;\n{PENDING_ONCE}"));
    fs::set_permissions(root.join("src/inner/real.rs"), fs::Permissions::from_mode(0o640))
        .expect("it is ours");

    let applied = run(futurelens().args(["fix", "--apply", "--kind", "box-awaitee"]).current_dir(root))
        .expect_success();
    assert!(applied.stdout.contains("inner"), "{applied:#?}");
    assert!(applied.stderr.contains("outside.rs` is a link to a file outside"), "{applied:#?}");
    assert!(project.read("src/inner/real.rs").contains("Box::pin(large())"));
    assert!(root.join("src/linked.rs").is_symlink() && root.join("src/outside.rs").is_symlink());
    let mode = fs::metadata(root.join("src/inner/real.rs")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(fs::read_to_string(project.beside("backup.rs")).expect("it is there"), module);
    assert_eq!(fs::read_to_string(&theirs).expect("it is there"), module.replace("inner", "outer"));
}

// Permissions

#[test]
fn files_are_as_readable_as_the_umask_says() {
    for (umask, file_mode) in [("022", 0o644), ("077", 0o600)] {
        let project = project();
        let root = project.root();
        let with_umask = |arguments: &[&str]| {
            let mut shell = clean_command("sh");
            shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")]).arg(binary()).args(arguments);
            run(shell.current_dir(root)).expect_success().stdout
        };
        with_umask(&["report", "--format", "json", "--output", "report.json"]);
        with_umask(&["check", "--baseline", "baseline", "--update-baseline"]);
        with_umask(&["cargo", "check", "--message-format=json", "--quiet"]);
        let mode = |file: &Path| fs::metadata(file).expect("it is there").permissions().mode() & 0o7777;
        assert_eq!(
            [mode(&root.join("report.json")), mode(&root.join("baseline"))],
            [file_mode; 2],
            "{umask}"
        );
        let own = files(&root.join("target/futurelens"));
        let kept =
            own.iter().filter(|file| file.extension().is_some_and(|e| e == "futurelens" || e == "checked"));
        let index = own.iter().filter(|file| file.parent().is_some_and(|folder| folder.ends_with("index")));
        let ours: Vec<&PathBuf> = kept.chain(index).collect();
        assert!(ours.len() >= 4, "{own:#?}");
        for file in ours {
            assert_eq!(mode(file), file_mode, "{umask}: {}", file.display());
        }
        let mask = u32::from_str_radix(umask, 8).expect("octal");
        for path in own
            .iter()
            .flat_map(|file| file.ancestors().take_while(|path| path.starts_with(root.join("target"))))
        {
            assert_eq!(mode(path) & mask, 0, "{umask}: {}", path.display());
        }
    }
    // What is there keeps its mode, a device stays one.
    let project = project();
    project.write("report.txt", "old");
    let file = project.root().join("report.txt");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).expect("it is ours");
    ok(project.root(), &["report", "--output", "report.txt"]);
    assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o7777, 0o664);
    assert!(project.read("report.txt").contains("caller"));
    let shown = ok(project.root(), &["report", "--output", "/dev/stdout"]);
    assert!(shown.contains("caller"));
}

// Names

/// What a shell, make, cargo, a terminal, a browser or a URI could take for something else.
const PLACE: &str = "-a b'\"\n$(touch pwned)`touch pwned`;touch pwned;%20#é😀\u{202e}&|*?[x](y)<i>\\";

#[test]
fn a_path_is_never_a_command() {
    let plain = project();
    commit(plain.root());
    let odd = Project::empty();
    let root = odd.root().join(PLACE);
    fs::create_dir(&root).expect("any name will do");
    copy(plain.root(), &root);
    fs::remove_dir_all(root.join(".git")).expect("it was copied");
    commit(&root);
    let both = [plain.root(), &root];
    let same = |what: &str, answers: [String; 2]| {
        let [plain, odd] = answers;
        assert!(!plain.is_empty() && plain == odd, "{what}: {plain}\nand {odd}");
    };
    let target = format!("{PLACE}/t");
    let target_option = format!("--target-dir={target}");
    for arguments in [
        &["report", "--format", "json"][..],
        &["report", &target_option],
        &["hints", "src/lib.rs"],
        &["explain", "caller"],
        &["explain", "caller", "--format", "svg"],
        &["check"],
        &["fix", "--format", "json"],
    ] {
        same(arguments[0], both.map(|root| ok(root, arguments)));
    }
    let changed = format!("{}pub async fn more() {{\n    small().await;\n}}\n", library());
    for root in both {
        fs::write(root.join("src/lib.rs"), &changed).expect("it is ours");
    }
    same("diff", both.map(|root| ok(root, &["diff", "--git", "HEAD"])));
    same(
        "check",
        both.map(|root| {
            let ride = ["cargo", "check", "--message-format=json", "--quiet"];
            let said = ok(root, &ride);
            let finished = said.lines().last().unwrap_or_default().to_owned();
            assert!(files(&root.join("target/futurelens/ride-along")).len() > 1);
            finished
        }),
    );
    same(
        "what a server shows",
        both.map(|root| {
            let env = json!({ "ODD": PLACE });
            let options = json!({ "cargo": { "extraEnv": env, "targetDir": target } });
            let mut editor = Editor::open(root, Setup { options, ..Setup::default() });
            let file = root.join("src/lib.rs");
            editor.did_open(&file);
            let hints = editor.hints_when(&file, "sizes", |hints| {
                hints.iter().any(|hint| hint.label.starts_with("4003 B ·"))
            });
            let hover = editor.hover(&file, place_of(&changed, "caller()")).expect("a hover").text;
            let at = place_of(&changed, "large().await");
            let actions = editor.code_actions_when(&file, at, "a measured action", |actions| {
                actions
                    .iter()
                    .any(|action| action["title"].as_str().is_some_and(|title| title.contains("saves 3")))
            });
            let edit = &actions[0]["edit"]["changes"][uri(&file)][0];
            assert!(edit["newText"].is_string(), "{actions:#?}");
            editor.exit();
            let hover = without_links(&hover);
            format!("{hints:?} {hover:?} {edit}")
        }),
    );
    // By name and edits; it is the files that count.
    same(
        "fix --apply",
        both.map(|root| {
            ok(root, &["fix", "--apply", "--allow-dirty"]);
            fs::read_to_string(root.join("src/lib.rs")).expect("it is there")
        }),
    );
    let pwned =
        |folder: &Path| files(folder).into_iter().any(|file| file.file_name() == Some("pwned".as_ref()));
    assert!(!pwned(plain.outside()) && !pwned(odd.outside()));

    // A colon cannot be in a list of folders, which cargo needs: it says so.
    let colon = odd.root().join("a:b");
    copy(plain.root(), &colon);
    let refused = run(futurelens().arg("report").current_dir(&colon));
    assert_eq!((refused.code, &*refused.stdout), (Some(2), ""), "{refused:#?}");
    assert!(refused.stderr.contains("contains separator `:`"), "{refused:#?}");

    // Words that cargo refuses are refused in its words.
    for option in ["--features", "--package", "--profile", "--target", "--toolchain"] {
        for value in ["$(touch pwned)", "a;touch pwned", "--offline", "a b'\"`touch pwned`"] {
            let refused =
                run(futurelens().arg("report").arg(format!("{option}={value}")).current_dir(plain.root()));
            assert_eq!((refused.code, &*refused.stdout), (Some(2), ""), "{option} {value}: {refused:#?}");
            assert!(!refused.stderr.contains("panicked"), "{refused:#?}");
        }
    }
    assert!(!pwned(plain.outside()));
}

/// A hover leads to places in the project, wherever that is: this is what stands around them.
fn without_links(markdown: &str) -> String {
    let mut parts = markdown.split("](file://");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest))
}

#[test]
fn what_is_not_utf_8_is_said() {
    let plain = project();
    let refuse = |run: Run, words: &str| {
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:#?}");
        assert!(run.stderr.contains(words) && !run.stderr.contains("panicked"), "{words}: {run:#?}");
    };
    let bad = OsString::from_vec(b"caf\xe9".to_vec());
    let odd = Project::empty();
    let root = odd.root().join(&bad);
    fs::create_dir(&root).expect("any name will do");
    copy(plain.root(), &root);
    for arguments in [&["report"][..], &["hints", "src/lib.rs"], &["explain", "caller"], &["check"], &["fix"]]
    {
        refuse(run(futurelens().args(arguments).current_dir(&root)), "invalid UTF-8");
    }
    let arguments = [OsStr::new("report"), "--target-dir".as_ref(), &bad];
    let refused = run(futurelens().args(arguments).current_dir(plain.root()));
    assert!(refused.stderr.contains("--target-dir"), "{refused:#?}");
    refuse(refused, "not UTF-8");

    // Neither the environment nor a name beside the sources is of interest.
    fs::write(plain.root().join("src").join(&bad), b"\xe9").expect("any name will do");
    fs::create_dir(plain.root().join(OsStr::from_bytes(b"\xff"))).expect("any name will do");
    let with_odd_env =
        run(futurelens().args(["report", "--format", "json"]).env("ODD", &bad).current_dir(plain.root()));
    assert_eq!(parse(&with_odd_env.expect_success().stdout).size_of("caller"), CALLER);
    let edits =
        run(futurelens().args(["fix"]).env("ODD", &bad).current_dir(plain.root())).expect_success().stdout;
    assert!(edits.contains("box-awaitee"), "{edits}");

    // The compiler says what it reads.
    plain.write("src/lib.rs", &(library() + "mod other;\n"));
    fs::write(plain.root().join("src/other.rs"), b"pub async fn f() { let _ = \"\xe9\"; }\n")
        .expect("it is ours");
    refuse(run(futurelens().arg("report").current_dir(plain.root())), "UTF-8");
}

/// File names that are markup, links, escapes or commands to somebody.
const NAMES: &[&str] = &[
    "[x](command:evil)",
    "<img src=x onerror=alert(1)>",
    "![x](http:⁄⁄example.com)",
    "a`b``c```d",
    "a|b",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "::warning file=a,line=1::b%0A",
    "%25%2F..#?",
    "-rf",
    "\u{202e}gpj.exe",
    "*bold* __x__ ~~y~~",
    "'\"&lt;",
    "\u{2028}\u{85}\u{200b}",
];

#[test]
fn names_are_text_wherever_they_are_shown() {
    let project = Project::empty();
    let root = project.root();
    let mut text = format!("{PENDING_ONCE}\npub struct Tag<const C: char>;\n");
    let mut calls = String::new();
    for (index, name) in NAMES.iter().enumerate() {
        let file = format!("{name}.rs");
        text.push_str(&format!("#[path = {file:?}]\npub mod m{index};\n"));
        // Blocks are named by their file where types are written for people.
        let module = format!(
            "use crate::{{PendingOnce, Tag}};\npub async fn f{index}() {{\n    let tag = std::hint::black_box(Tag::<'\\u{{202e}}'>);\n    \
             let block = async {{\n        let held = std::hint::black_box([1u8; {}]);\n        PendingOnce(false).await;\n        \
             std::hint::black_box(&held);\n    }};\n    block.await;\n    std::hint::black_box(&tag);\n}}\n",
            100 + index
        );
        project.write(&format!("src/{name}.rs"), &module);
        calls.push_str(&format!("    m{index}::f{index}().await;\n"));
    }
    text.push_str(&format!("pub async fn all() {{\n{calls}}}\n"));
    project
        .write("Cargo.toml", &manifest("names"))
        .write("src/lib.rs", &text)
        .write(".gitignore", "target\n");
    commit(root);

    let json = ok(root, &["report", "--format", "json"]);
    let value: Value = serde_json::from_str(&json).expect("JSON");
    let futures = value["futures"].as_array().expect("futures");
    assert_eq!(futures.len(), 2 * NAMES.len() + 1);
    let placed: BTreeSet<&str> = futures.iter().filter_map(|future| future["file"].as_str()).collect();
    let expected: BTreeSet<String> = NAMES.iter().map(|name| format!("src/{name}.rs")).collect();
    assert!(expected.iter().all(|file| placed.contains(&**file)), "{placed:?}");

    // A terminal: text and line ends.
    let many = 2 * NAMES.len() + 1;
    fs::write(project.beside("old.json"), json.replace("\"size\": 1", "\"size\": 2")).expect("it is ours");
    let old = project.beside("old.json").to_string_lossy().into_owned();
    fs::write(project.beside("new.json"), &json).expect("it is ours");
    let new = project.beside("new.json").to_string_lossy().into_owned();
    let failed = |arguments: &[&str]| {
        let failed = run(futurelens().args(arguments).current_dir(root));
        assert_eq!(failed.code, Some(1), "{failed:#?}");
        failed.stdout
    };
    let budget = ["check", "--budget", "1"];
    let mut shown = vec![
        ("report", ok(root, &["report"])),
        ("explain", ok(root, &["explain", "all", "--depth", "3"])),
        ("fix", ok(root, &["fix"])),
        ("diff", ok(root, &["diff", &old, &new])),
        ("markdown", ok(root, &["diff", &old, &new, "--format", "markdown"])),
        ("check", failed(&budget)),
        ("github", failed(&[&budget[..], &["--format", "github"]].concat())),
        ("ambiguous", run(futurelens().args(["explain", "block"]).current_dir(root)).stderr),
    ];
    for index in 0..NAMES.len() {
        shown.push(("explain", ok(root, &["explain", &format!("f{index}")])));
    }
    for (what, text) in &shown {
        let odd = text.chars().find(|&c| (c.is_control() && c != '\n') || is_unseen(c));
        assert_eq!(odd, None, "{what}: {text}");
    }
    let of = |wanted: &str| {
        shown.iter().find(|(what, _)| *what == wanted).map(|(_, text)| &**text).expect("shown")
    };
    assert_eq!(of("report").lines().count(), many + 1);

    // A runner reads a line for each finding, and where.
    let github = of("github");
    let commands: Vec<&str> = github.lines().filter(|line| line.contains("::")).collect();
    assert_eq!(commands.len(), many, "{github}");
    for line in &commands {
        let (properties, _) =
            line.strip_prefix("::error ").and_then(|line| line.split_once("::")).expect("a command");
        let names: Vec<&str> =
            properties.split(',').filter_map(|one| one.split_once('=')).map(|(name, _)| name).collect();
        assert_eq!(names, ["file", "line", "col", "title"], "{line}");
    }

    // A log's URIs lead back to the files, and nothing in it is a link.
    let sarif = failed(&[&budget[..], &["--format", "sarif"]].concat());
    assert!(!sarif.contains("]("), "{sarif}");
    let sarif: Value = serde_json::from_str(&sarif).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let files: BTreeSet<String> = results
        .iter()
        .filter_map(|one| one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str())
        .map(|uri| {
            assert!(
                uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)),
                "{uri}"
            );
            decoded(uri)
        })
        .collect();
    assert!(expected.iter().all(|file| files.contains(file)), "{files:?}");

    // A table has its columns.
    let rows: Vec<&str> = of("markdown").lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > NAMES.len(), "{}", of("markdown"));
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
        let outside: String = row.split('`').step_by(2).collect();
        assert!(row.matches('`').count() % 2 == 0 && !outside.contains(['[', '*', '_']), "{row}");
    }

    // A page has the elements that it has with any names.
    let page = ok(root, &["report", "--format", "html"]);
    assert_eq!((page.matches("<script").count(), page.matches("<img").count()), (2, 0));
    assert!(page.contains("default-src 'none'; base-uri 'none'; form-action 'none'"));
    let svg = ok(root, &["explain", "f1", "--format", "svg"]);
    assert!(svg.starts_with("<svg") && !svg.contains("<img"), "{svg}");

    // A baseline has a line for each.
    ok(root, &["check", "--baseline", "names", "--update-baseline"]);
    ok(root, &["check", "--baseline", "names"]);

    names_in_an_editor(root, &text);
}

/// Does it do more than be seen?
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
}

/// Hovers, tooltips, layouts and messages.
fn names_in_an_editor(root: &Path, library: &str) {
    let options = json!({ "hints": { "awaits": "all" } });
    let mut editor = Editor::open(root, Setup { options, ..Setup::default() });
    let file = root.join("src/lib.rs");
    editor.did_open(&file);
    let hints = editor.hints_when(&file, "sizes", |hints| hints.len() > NAMES.len());
    let mut markdown: Vec<String> = hints.into_iter().map(|hint| hint.tooltip).collect();
    markdown.push(editor.hover(&file, place_of(library, "all()")).expect("a hover").text);
    for index in 0..NAMES.len() {
        let await_ = place_of(library, &format!("m{index}::f{index}().await"));
        let await_ = (await_.0, await_.1 + format!("m{index}::f{index}().aw").len());
        markdown.push(editor.hover(&file, await_).expect("a hover").text);
    }
    for (index, name) in NAMES.iter().enumerate() {
        let file = root.join(format!("src/{name}.rs"));
        editor.did_open(&file);
        let hover = editor.hover(&file, (1, 14)).unwrap_or_else(|| panic!("no hover on f{index}"));
        markdown.push(hover.text);
    }
    for text in &markdown {
        expect_tame(text, &uri(root));
    }
    let layout = editor.request(
        "futurelens/layout",
        json!({
            "textDocument": { "uri": uri(&file) },
            "position": { "line": place_of(library, "all()").0, "character": 14 },
        }),
    );
    let text = layout["text"].as_str().expect("a text");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
    for message in editor.shown(Moment::start()) {
        assert!(!message.contains("](") && !message.contains("$("), "{message}");
    }
    editor.exit();
}

/// Is everything in this markdown, but for what we wrote, inside of code? Links lead to files of the project.
#[track_caller]
fn expect_tame(markdown: &str, root: &str) {
    let mut is_fence = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            is_fence = !is_fence;
            continue;
        }
        if is_fence {
            continue;
        }
        assert!(line.matches('`').count() % 2 == 0, "{line:?} in:\n{markdown}");
        let outside: Vec<&str> = line.split('`').step_by(2).collect();
        for piece in &outside {
            // `[` + code + `](file:…)`
            let links = piece.split("](").skip(1);
            for link in links {
                assert!(
                    link.starts_with(root) && !link.contains(['<', '`', ' ']) || link.starts_with(root),
                    "{line}"
                );
            }
            let rest: String =
                piece.split("](").map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect();
            assert!(
                !rest.contains(['<', '!', '|', '~', '_', '\u{1b}', '\u{202e}']),
                "{rest:?} of {line:?} in:\n{markdown}"
            );
        }
    }
    assert!(!is_fence, "{markdown}");
}

/// A URI's text.
fn decoded(uri: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = uri.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let code = std::str::from_utf8(&after[..2]).expect("two digits");
            bytes.push(u8::from_str_radix(code, 16).expect("two digits"));
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("a path of text")
}
