//! The server under the stopwatch.

use futurelens_tests::editor::{Editor, Hint, Moment, Setup};
use futurelens_tests::project;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A size build of a large workspace on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// When hints were there, from when the server was told that the editor is ready.
pub struct Opened {
    pub editor: Editor,
    /// The first number.
    pub first: Duration,
    /// All of them: the build was over.
    pub all: Duration,
}

/// Starts the server on a project with files open, and waits for the first hint in any of them and for the end
/// of the build.
pub fn open(root: &Path, files: &[PathBuf]) -> Opened {
    let experimental = json!({ "futurelens": { "status": true } });
    let mut editor = Editor::open(root, Setup { experimental, ..Setup::default() });
    let start = Instant::now();
    editor.patience = PATIENCE;
    files.iter().for_each(|file| editor.did_open(file));
    let mut build = Build::default();
    // Only when the server says that there is something new: asking all the time takes from the compiler.
    let first = loop {
        let number = files.iter().find_map(|file| {
            let (at, hints) = editor.shown_hints(file);
            hints.iter().any(is_number).then_some(at)
        });
        if let Some(at) = number {
            break at - start;
        }
        assert!(!build.is_over(), "no hints in {files:?}: {}", editor.stderr());
        while build.next(&mut editor).1 != "refresh" && !build.is_over() {}
    };
    let all = build.wait(&mut editor) - start;
    Opened { editor, first, all: all.max(first) }
}

/// The build that is followed.
#[derive(Default)]
pub struct Build {
    since: Option<Moment>,
    began: bool,
    over: Option<Instant>,
}

impl Build {
    /// One that begins later.
    pub fn after(since: Moment) -> Self {
        Self { since: Some(since), ..Self::default() }
    }

    /// The server says something about builds or hints: the state, or `refresh`; and when.
    pub fn next(&mut self, editor: &mut Editor) -> (Instant, &'static str) {
        let since = self.since.unwrap_or_else(Moment::start);
        let (next, at, what) = editor.wait_for(since, "the end of a build", &mut news);
        self.since = Some(next);
        match what {
            "building" => self.began = true,
            "refresh" => {}
            _ if self.began => self.over = Some(at),
            _ => {}
        }
        (at, what)
    }

    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Waits for the end.
    pub fn wait(&mut self, editor: &mut Editor) -> Instant {
        loop {
            if let Some(over) = self.over {
                return over;
            }
            self.next(editor);
        }
    }
}

fn news(message: &Value) -> Option<&'static str> {
    match message["method"].as_str()? {
        "workspace/inlayHint/refresh" => Some("refresh"),
        "futurelens/status" => match message["params"]["state"].as_str()? {
            "building" => Some("building"),
            "idle" => Some("idle"),
            "stale" => Some("stale"),
            _ => panic!("could not be measured: {}", message["params"]),
        },
        _ => None,
    }
}

/// Does it say a size?
pub fn is_number(hint: &Hint) -> bool {
    hint.label.contains(" cache line")
}

/// Does something while the server and all that it has started stand still.
pub fn paused<T>(editor: &Editor, work: impl FnOnce() -> T) -> T {
    signal("-STOP", &[editor.pid()]);
    let children: Vec<u32> = editor.children().iter().map(|process| process.pid).collect();
    signal("-STOP", &children);
    let done = work();
    signal("-CONT", &children);
    signal("-CONT", &[editor.pid()]);
    done
}

fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let _ = Command::new("kill").arg(name).args(pids).stderr(Stdio::null()).status();
}

/// CPU seconds of a process and of its children that have ended; `self` is this one.
pub fn cpu(pid: &str) -> Cpu {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(4).flat_map(str::parse).collect();
    // A tick is a hundredth of a second wherever Linux runs.
    let seconds =
        |range: std::ops::Range<usize>| ticks.get(range).unwrap_or_default().iter().sum::<f64>() / 100.0;
    Cpu { own: seconds(0..2), children: seconds(2..4) }
}

/// See [`cpu`].
pub struct Cpu {
    pub own: f64,
    pub children: f64,
}

/// Megabytes of the kept units below a project.
pub fn kept(root: &Path) -> f64 {
    let all = project::files(&root.join("target/futurelens")).into_iter();
    let units = all.filter(|path| path.extension().is_some_and(|extension| extension == "futurelens"));
    units.flat_map(fs::metadata).map(|meta| meta.len()).sum::<u64>() as f64 / f64::from(1 << 20)
}
