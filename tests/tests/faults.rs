//! When the server or a command dies, nothing it started lives on, and nothing it wrote is half-written: whoever
//! comes next has the right numbers. Processes, that is; what can be wrong with disks and files is tried elsewhere.
#![cfg(target_os = "linux")]

use futurelens_tests::binary::{binary, clean_command, futurelens, kill, own_group, run, say, signal, skip};
use futurelens_tests::editor::{Editor, Hint, MARK, Moment, Process, Setup, marked, until};
use futurelens_tests::project::{PENDING_ONCE, Project, files, future_of};
use futurelens_tests::report::parse;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that is waited for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The text of a library with a future of `bytes + 2` bytes in its first line.
fn text(bytes: usize) -> String {
    format!("{}{PENDING_ONCE}", future_of("held", bytes))
}

/// A text that the compiler never comes to an end with.
fn endless(bytes: usize) -> String {
    format!(
        "{}\n#[allow(long_running_const_eval)]\npub const NEVER: u64 = {{\n    let mut n = 0;\n    \
         while n < u64::MAX {{\n        n += 1;\n    }}\n    n\n}};\n",
        text(bytes)
    )
}

/// A project, and its first file.
struct Victim {
    project: Project,
    file: PathBuf,
}

impl Victim {
    fn new(name: &str, source: &str) -> Self {
        let project = Project::lib(name, source);
        let file = project.root().join("src/lib.rs");
        Victim { project, file }
    }

    /// Has a build script that starts two programs, one in a process group of its own, and waits with them for as
    /// long as the file `hold` is there.
    fn with_build_script(name: &str) -> Self {
        let victim = Victim::new(name, &text(100));
        let hold = victim.project.beside("hold");
        let script = format!(
            "use std::os::unix::process::CommandExt as _;\nuse std::process::Command;\n\n\
             fn main() {{\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    \
             let hold = std::path::Path::new({hold:?});\n    if !hold.exists() {{\n        return;\n    }}\n    \
             let start = |seconds: &str, own: bool| {{\n        let mut sleep = Command::new(\"sleep\");\n        \
             sleep.arg(seconds);\n        if own {{\n            sleep.process_group(0);\n        }}\n        \
             sleep.spawn().expect(\"sleep starts\")\n    }};\n    \
             let _started = [start(\"3001\", false), start(\"3002\", true)];\n    \
             while hold.exists() {{\n        std::thread::sleep(std::time::Duration::from_millis(50));\n    }}\n}}\n"
        );
        victim.project.write("build.rs", &script);
        victim.hold();
        victim
    }

    fn hold(&self) {
        fs::write(self.project.beside("hold"), "").expect("the temporary directory is writable");
    }

    fn let_go(&self) {
        fs::remove_file(self.project.beside("hold")).expect("it was held");
    }

    /// Has compiler runs wait whose command line or folder is like this, a pattern of the shell, for as long as the
    /// file `hold` is there.
    fn gate(&self, pattern: &str) {
        let script = format!(
            "#!/bin/sh\ncase \"$PWD $*\" in {pattern}) while [ -e '{}' ]; do sleep 0.05; done;; esac\nexec \"$@\"\n",
            self.project.beside("hold").display()
        );
        self.project.compile_with("rustc-wrapper", &self.project.script("../gate.sh", &script));
    }

    fn open(&self) -> Editor {
        self.open_with(Setup::default())
    }

    fn open_with(&self, setup: Setup) -> Editor {
        let mut editor = Editor::open(self.project.root(), setup);
        editor.did_open(&self.file);
        editor
    }

    fn target(&self) -> PathBuf {
        self.project.root().join("target/futurelens")
    }

    /// Folders and files that somebody has made for a while.
    fn litter(&self) -> Vec<PathBuf> {
        let is_litter = |path: &Path| {
            let below = path.strip_prefix(self.target()).unwrap_or(path);
            below.components().any(|part| {
                let name = part.as_os_str().to_string_lossy();
                name.starts_with("scratch-") || name.starts_with(".futurelens-")
            })
        };
        files(&self.target()).into_iter().filter(|path| is_litter(path)).collect()
    }

    /// The next session shows the right number, and leaves nothing but what a build from nothing would.
    #[track_caller]
    fn expect_recovery(&self, bytes: usize) {
        let mut editor = self.open();
        expect_size(&mut editor, &self.file, bytes);
        editor.exit();
        editor.expect_no_children();
        self.expect_clean();
    }

    /// The next save is measured, and is all that is left of what happened.
    #[track_caller]
    fn goes_on(&self, mut editor: Editor) {
        editor.save_as(&self.file, &text(200));
        expect_size(&mut editor, &self.file, 200);
        editor.exit();
        self.expect_clean();
    }

    /// What is kept is what a build from nothing measures, and there is no litter.
    #[track_caller]
    fn expect_clean(&self) {
        let report = |target: &Path| {
            let mut command = futurelens();
            command
                .arg("report")
                .arg(self.project.root())
                .args(["--format", "json", "--target-dir"])
                .arg(target);
            parse(&run(&mut command).expect_success().stdout).facts()
        };
        let clean = self.project.beside("clean");
        let kept = report(&self.target());
        assert_eq!(kept, report(&clean));
        fs::remove_dir_all(clean).expect("it was just made");
        assert_eq!(self.litter(), Vec::<PathBuf>::new());
    }
}

/// Waits until the first future is shown with this size, plus its two bytes of its own.
#[track_caller]
fn expect_size(editor: &mut Editor, file: &Path, bytes: usize) {
    editor.hints_when(file, &format!("a size of {} bytes", bytes + 2), |hints| is_fresh(hints, bytes));
}

fn is_fresh(hints: &[Hint], bytes: usize) -> bool {
    let label = format!("{} B ·", bytes + 2);
    hints.iter().any(|hint| hint.line == 0 && hint.label.starts_with(&label) && !hint.is_stale())
}

/// Waits until something is running.
#[track_caller]
fn wait_for<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    until(PATIENCE, found).unwrap_or_else(|| panic!("{what} did not come"))
}

#[track_caller]
fn wait_for_child(editor: &mut Editor, what: &str, wanted: impl Fn(&Process) -> bool) -> Process {
    wait_for(what, || {
        // It answers meanwhile, as editors do.
        editor.now();
        editor.children().into_iter().find(&wanted)
    })
}

fn is_guard(process: &Process) -> bool {
    process.arguments().get(1).is_some_and(|argument| argument == "--futurelens-guard")
}

/// A guard of the build itself, and not of a question before it.
fn is_guard_of_build(process: &Process) -> bool {
    is_guard(process) && process.arguments().iter().any(|argument| argument == "--keep-going")
}

/// Our program in the place of the compiler.
fn is_wrapper(process: &Process) -> bool {
    process.name.starts_with("futurelens") && compiles(process)
}

fn is_rustc(process: &Process) -> bool {
    process.name == "rustc" && compiles(process)
}

/// Has a compiler's arguments, and is no guard of something else.
fn compiles(process: &Process) -> bool {
    !is_guard(process) && process.arguments().iter().any(|argument| argument == "--crate-name")
}

fn is_sleep(seconds: &'static str) -> impl Fn(&Process) -> bool {
    move |process| {
        process.name == "sleep" && process.arguments().get(1).is_some_and(|argument| argument == seconds)
    }
}

/// A compiler run that stands before a gate.
fn is_at_gate(process: &Process) -> bool {
    process.arguments().iter().any(|argument| argument.ends_with("gate.sh"))
}

#[track_caller]
fn wait_for_build_script(editor: &mut Editor) {
    wait_for_child(editor, "what the build script starts", is_sleep("3001"));
    wait_for_child(editor, "what it starts in a group of its own", is_sleep("3002"));
}

// The server is killed.

#[test]
fn killed_while_a_build_script_runs() {
    let victim = Victim::with_build_script("scripted");
    let mut editor = victim.open();
    wait_for_build_script(&mut editor);
    assert!(!victim.litter().is_empty(), "a build has a folder for itself");
    editor.kill();
    editor.expect_no_children();
    victim.let_go();
    victim.expect_recovery(100);
}

#[test]
fn killed_while_the_compiler_runs() {
    let victim = Victim::new("compiled", &text(100));
    let mut editor = victim.open();
    expect_size(&mut editor, &victim.file, 100);
    editor.save_as(&victim.file, &endless(200));
    wait_for_child(&mut editor, "the compiler", is_rustc);
    editor.kill();
    editor.expect_no_children();
    victim.project.write("src/lib.rs", &text(300));
    victim.expect_recovery(300);
}

#[test]
fn killed_while_edits_are_tried() {
    let source = format!(
        "{}pub async fn outer() {{\n    held().await;\n    PendingOnce(false).await;\n}}\n{PENDING_ONCE}",
        future_of("held", 4000)
    );
    let victim = Victim::new("tried", &source);
    victim.gate("*/overlay\\ *");
    victim.hold();
    let mut editor = victim.open();
    editor.wait_for_work(Moment::start());
    wait_for_child(&mut editor, "a compiler run in an overlay", |process| {
        let folder = fs::read_link(format!("/proc/{}/cwd", process.pid));
        is_at_gate(process) && folder.is_ok_and(|folder| folder.ends_with("overlay"))
    });
    editor.kill();
    editor.expect_no_children();
    victim.let_go();
    victim.project.write("src/lib.rs", &text(300));
    victim.expect_recovery(300);
}

#[test]
fn killed_while_something_is_measured_ahead() {
    let victim = Victim::new("ahead", &text(100));
    // Only such runs say nothing about the code.
    victim.gate("*--cap-lints=allow*");
    victim.hold();
    let mut editor = victim.open();
    editor.wait_for_work(Moment::start());
    wait_for_child(&mut editor, "a run ahead of cargo", is_at_gate);
    assert!(!editor.children().iter().any(|process| process.name == "cargo"), "{:?}", editor.children());
    editor.kill();
    editor.expect_no_children();
    victim.let_go();
    victim.expect_recovery(100);
}

/// Whatever is killed, and whenever: nothing is shown as measured that was not, and after the next save all is right.
#[test]
fn killed_at_any_moment() {
    let victim = Victim::new("moments", &text(100));
    let mut editor = victim.open();
    editor.wait_for_work(Moment::start());
    expect_size(&mut editor, &victim.file, 100);
    let (mut random, mut bytes, mut hits) = (4711_u64, 100, 0);
    type Is = fn(&Process) -> bool;
    let whom: [(&str, Option<Is>); 5] = [
        ("compiler", Some(is_rustc)),
        ("compiler wrapper", Some(is_wrapper)),
        ("guard", Some(is_guard_of_build)),
        ("cargo", Some(|process| process.name == "cargo")),
        ("server", None),
    ];
    for round in 0..15 {
        let (name, is_victim) = whom[round % whom.len()];
        // Every third time there is nothing to build on.
        if round % 3 == 2 {
            let is_base =
                |path: &PathBuf| path.extension().is_some_and(|extension| extension == "futurelens");
            files(&victim.target())
                .iter()
                .filter(|path| is_base(path))
                .for_each(|path| _ = fs::remove_file(path));
        }
        let before = bytes;
        bytes += 64;
        let since = editor.now();
        editor.save_as(&victim.file, &text(bytes));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pause = Duration::from_micros((random >> 33) % 300_000);
        match is_victim {
            Some(is_victim) => {
                // It may be over by then: so the first that is seen is killed a random time later, which may be too late.
                let begun = Instant::now();
                let hit = until(Duration::from_secs(5), || {
                    editor.now();
                    let found = editor.children().into_iter().find(is_victim);
                    let is_over = || begun.elapsed() > Duration::from_secs(2) && editor.children().is_empty();
                    found.map(Some).or_else(|| is_over().then_some(None))
                });
                if let Some(hit) = hit.flatten() {
                    std::thread::sleep(pause / 4);
                    hits += 1;
                    kill(hit.pid);
                }
                editor.wait_for_work(since);
                let hints = editor.hints(&victim.file);
                let of_before =
                    |hint: &Hint| hint.label.starts_with(&format!("{} B ·", before + 2)) && hint.is_stale();
                let is_honest =
                    is_fresh(&hints, bytes) || hints.iter().all(|hint| hint.is_stale() || hint.line != 0);
                assert!(is_honest || hints.iter().any(of_before), "{name}, round {round}: {hints:?}");
            }
            None => {
                std::thread::sleep(pause);
                editor.kill();
                editor.expect_no_children();
                editor = victim.open();
                expect_size(&mut editor, &victim.file, bytes);
            }
        }
        bytes += 64;
        editor.save_as(&victim.file, &text(bytes));
        expect_size(&mut editor, &victim.file, bytes);
    }
    say(&format!("killed {hits} of 12 beside the server"));
    editor.exit();
    editor.expect_no_children();
    victim.expect_clean();
}

/// What a wrapper leaves that is killed while it writes.
#[test]
fn what_was_not_finished_is_removed() {
    let victim = Victim::new("unfinished", &text(100));
    victim.expect_recovery(100);
    let kept: Vec<PathBuf> = files(&victim.target())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "futurelens"))
        .collect();
    assert!(!kept.is_empty());
    for path in kept {
        let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
        fs::write(path.with_file_name(format!(".futurelens-{name}-a1b2c3")), "half of").expect("it is ours");
    }
    assert!(!victim.litter().is_empty());
    victim.project.write("src/lib.rs", &text(200));
    victim.expect_recovery(200);
}

// What runs is killed.

#[test]
fn the_guard_is_killed() {
    let victim = Victim::with_build_script("unguarded");
    let mut editor = victim.open();
    wait_for_build_script(&mut editor);
    kill(wait_for_child(&mut editor, "the guard", is_guard_of_build).pid);
    editor.wait_for_work(Moment::start());
    // What was not below it any more is not found, as it has left its group: nobody is there who could.
    for process in editor.children().into_iter().filter(is_sleep("3002")) {
        kill(process.pid);
    }
    editor.expect_no_children();
    victim.let_go();
    victim.goes_on(editor);
}

/// cargo takes note of what the compiler answers to its questions, also if that was nothing.
#[test]
fn the_compiler_is_killed_over_a_question() {
    let victim = Victim::new("asked", &text(100));
    victim.gate("*--print=*");
    victim.hold();
    let mut editor = victim.open();
    kill(wait_for_child(&mut editor, "a question to the compiler", is_at_gate).pid);
    editor.wait_for_work(Moment::start());
    victim.let_go();
    victim.goes_on(editor);
}

#[test]
fn the_compiler_wrapper_is_killed() {
    let victim = Victim::new("unwrapped", &text(100));
    let mut editor = victim.open();
    editor.wait_for_work(Moment::start());
    let since = editor.now();
    editor.save_as(&victim.file, &endless(200));
    // Two may be at work on the same crate.
    let killed = until(PATIENCE, || {
        editor.children().iter().filter(|process| is_wrapper(process)).for_each(|process| kill(process.pid));
        let is_over = |message: &serde_json::Value| message["params"]["value"]["kind"] == "end";
        let now = editor.now();
        editor.has(since, now, is_over).then_some(())
    });
    assert!(killed.is_some(), "the build does not end");
    // The compiler that it left did not outlive the build.
    editor.expect_no_children();
    let hints = editor.hints(&victim.file);
    assert!(hints.iter().all(|hint| hint.is_stale()), "{hints:?}");
    editor.save_as(&victim.file, &text(300));
    expect_size(&mut editor, &victim.file, 300);
    editor.exit();
    victim.expect_clean();
}

// The server is told to end, or has nobody to work for any more.

/// Opens a project whose build waits, ends the server in some way, and has a look at what is left.
fn ended(name: &str, setup: Setup, end: impl FnOnce(&mut Editor)) -> Option<i32> {
    let victim = Victim::with_build_script(name);
    let mut editor = victim.open_with(setup);
    wait_for_build_script(&mut editor);
    end(&mut editor);
    let code = editor.exit_code();
    editor.expect_no_children();
    assert_eq!(victim.litter(), Vec::<PathBuf>::new(), "a server that ends cleans up");
    code
}

#[test]
fn told_to_exit() {
    let code = ended("exited", Setup::default(), |editor| {
        editor.notify("exit", serde_json::Value::Null);
    });
    assert_eq!(code, Some(1), "without a shutdown before, that is a failure");
}

#[test]
fn the_pipe_is_closed() {
    assert_eq!(ended("closed", Setup::default(), Editor::hang_up), Some(1));
}

#[test]
fn ended_by_the_system() {
    let with = |name: &'static str| move |editor: &mut Editor| signal(&editor.pid().to_string(), name);
    assert_eq!(ended("terminated", Setup::default(), with("TERM")), Some(128 + 15));
    assert_eq!(ended("hung", Setup::default(), with("HUP")), Some(128 + 1));
}

#[test]
fn shut_down_without_an_exit() {
    let code = ended("down", Setup::default(), |editor| {
        editor.request("shutdown", serde_json::Value::Null);
        editor.expect_no_children();
        // It waits for the word.
        editor.hang_up();
    });
    assert_eq!(code, Some(0));
}

/// Its pipes stay open: a program that it has started may have them, too.
#[test]
fn the_editor_dies() {
    let mut other = Command::new("sleep").arg("3003").spawn().expect("sleep starts");
    let setup = Setup { process_id: Some(other.id()), ..Setup::default() };
    let code = ended("orphaned", setup, |_| {
        other.kill().expect("it is ours");
        other.wait().expect("it is ours");
    });
    assert_eq!(code, Some(1));
}

/// An editor elsewhere has a number that is nobody's here.
#[test]
fn an_editor_out_of_sight_is_not_missed() {
    let victim = Victim::new("remote", &text(100));
    let mut gone = Command::new("true").spawn().expect("true starts");
    gone.wait().expect("it is ours");
    let mut editor = victim.open_with(Setup { process_id: Some(gone.id()), ..Setup::default() });
    expect_size(&mut editor, &victim.file, 100);
    editor.exit();
}

// Several at once.

#[test]
fn two_servers_and_a_command_in_one_workspace() {
    let victim = Victim::new("shared", &text(100));
    let mut editors = [victim.open(), victim.open()];
    let mut bytes = 100;
    let report = |root: &Path| {
        let mut command = futurelens();
        command.args(["report", "--format", "json"]).arg(root);
        std::thread::spawn(move || run(&mut command).expect_success().stdout)
    };
    let mut reports = Vec::new();
    for round in 0..6 {
        bytes += 64;
        editors[round % 2].save_as(&victim.file, &text(bytes));
        // The other one loads it anew.
        editors[(round + 1) % 2].did_change_all(&victim.file, &text(bytes));
        if round % 2 == 0 {
            reports.push(report(victim.project.root()));
        }
    }
    for report in reports {
        let report = parse(&report.join().expect("it succeeds"));
        // Each of the texts that were there meanwhile will do.
        let size =
            report.futures.iter().find(|future| future.name.ends_with("held")).expect("it is there").size;
        assert!((102..=102 + 6 * 64).contains(&size) && (size - 102) % 64 == 0, "{size}");
    }
    for editor in &mut editors {
        editor.did_save(&victim.file);
    }
    for editor in &mut editors {
        expect_size(editor, &victim.file, bytes);
    }
    for editor in &mut editors {
        editor.exit();
        editor.expect_no_children();
    }
    victim.expect_clean();
}

// Commands.

/// A command that was started, with everything that it starts.
struct Started {
    child: Child,
    mark: String,
}

impl Started {
    fn report(victim: &Victim) -> Self {
        // Who starts the tests in the background has them ignore what a terminal sends, and what they start, too.
        let mut command = clean_command("env");
        command.arg("--default-signal=HUP,INT,QUIT,TERM").arg(binary());
        let mark = format!("{}-{:?}", std::process::id(), Instant::now());
        command.arg("report").arg(victim.project.root()).env(MARK, &mark);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        own_group(&mut command);
        Started { child: command.spawn().expect("it starts"), mark }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        until(PATIENCE, || self.child.try_wait().expect("it is ours")).expect("it ends")
    }

    fn running(&self) -> Vec<Process> {
        marked(&self.mark)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.running().iter().for_each(|process| kill(process.pid));
    }
}

/// A signal to the command alone, as `timeout` and people send it, or to its process group, as a terminal does.
#[test]
fn a_command_is_killed() {
    use std::os::unix::process::ExitStatusExt as _;
    let victim = Victim::with_build_script("commanded");
    for (name, number, to_group) in
        [("KILL", 9, false), ("TERM", 15, false), ("HUP", 1, false), ("INT", 2, true), ("TERM", 15, true)]
    {
        victim.hold();
        let mut started = Started::report(&victim);
        wait_for("the build script", || {
            let running = started.running();
            let has = |seconds| running.iter().any(is_sleep(seconds));
            (has("3001") && has("3002")).then_some(())
        });
        let group = if to_group { "-" } else { "" };
        signal(&format!("{group}{}", started.child.id()), name);
        let status = started.wait();
        assert_eq!(status.signal(), Some(number), "{status}");
        let gone = until(PATIENCE, || started.running().is_empty().then_some(()));
        assert!(gone.is_some(), "{name} leaves {:#?}", started.running());
        victim.let_go();
    }
    victim.expect_clean();
}

/// Has a build script that leaves two programs behind: 3004 in a session of its own, as daemons do, and 3005.
fn leaving_two(name: &str) -> Victim {
    let victim = Victim::new(name, &text(100));
    let script = r#"
use std::process::{Command, Stdio};

fn main() {
    for (program, seconds) in [("setsid", "3004"), ("nohup", "3005")] {
        let mut command = Command::new(program);
        command.args(["sleep", seconds]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let name = format!("/proc/{}/comm", command.spawn().expect("it starts").id());
        // Until it is what it wants to be.
        while std::fs::read_to_string(&name).is_ok_and(|name| name != "sleep\n") {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
"#;
    victim.project.write("build.rs", script);
    victim
}

/// What a build leaves running is ended with it; but for what has left for a session of its own, such as the server
/// of a compiler cache.
#[test]
fn daemons_are_spared() {
    let victim = leaving_two("daemons");
    let mut started = Started::report(&victim);
    assert!(started.wait().success());
    let running = started.running();
    assert!(running.iter().any(is_sleep("3004")), "{running:#?}");
    assert!(!running.iter().any(is_sleep("3005")), "{running:#?}");
}

/// The same where our own session has no number, since the process that began it is elsewhere: so it is in
/// containers that are entered from outside.
#[test]
fn daemons_are_spared_in_containers() {
    let can = |arguments: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(arguments).arg("true").stderr(Stdio::null());
        unshare.status().is_ok_and(|status| status.success())
    };
    let inside = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let Some(inside) = [&inside[2..], &inside[..]].into_iter().find(|arguments| can(arguments)) else {
        skip("no process namespaces can be made here");
        return;
    };
    let victim = leaving_two("contained");
    let mut command = clean_command("unshare");
    command.args(inside).args(["sh", "-c"]);
    // All that runs there, once the command is done.
    let script = r#"cut -d" " -f6 /proc/$$/stat
"$1" report "$2" >&2 || exit 1
for process in /proc/[0-9]*; do tr "\0" " " <$process/cmdline; echo; done"#;
    command.arg(script).arg("sh").arg(binary()).arg(victim.project.root());
    let seen = run(&mut command).expect_success().stdout;
    let mut lines = seen.lines();
    assert_eq!(lines.next(), Some("0"), "the session has a number: {seen}");
    let left: Vec<_> = lines.filter(|line| line.starts_with("sleep")).collect();
    assert_eq!(left, ["sleep 3004 "], "{seen}");
}
