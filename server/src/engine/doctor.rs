//! What measures a project, why, and what is in the way.

use crate::compiler::{self, Candidate, Candidates, Choice, Installed, Project, ReadAs, Request, Unfit};
use crate::dump::Dialect;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What was found. The JSON form is documented in `docs/doctor.md`.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// Version of this form.
    pub schema: u32,
    /// futurelens's own version.
    pub futurelens: &'static str,
    /// The project; none if that cannot be told.
    pub project: Option<Examined>,
    /// What would measure it; none if nothing does.
    pub chosen: Option<Chosen>,
    /// Every compiler that was looked at, best first.
    pub compilers: Vec<Compiler>,
    /// Where what is known of compilers is kept.
    pub cache: Option<PathBuf>,
    /// What is in the way, and what to do about it.
    pub problems: Vec<Problem>,
}

/// The project that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Examined {
    /// The workspace's folder.
    pub root: PathBuf,
    /// Whether its code may be run. None if nobody said so: who types a command in a folder trusts it.
    pub trusted: Option<bool>,
    /// Where size builds keep their files.
    pub target_dir: PathBuf,
    /// How large that folder is, in bytes.
    pub kept_bytes: u64,
    /// Of these, what the compilers printed.
    pub printed_bytes: u64,
    /// How many compiler runs that is of.
    pub units: usize,
}

/// The compiler that would measure.
#[derive(Debug, Clone, Serialize)]
pub struct Chosen {
    /// rustup's name; none for the project's own.
    pub toolchain: Option<String>,
    /// Its `-vV` line.
    pub version: String,
    /// It was named by the user.
    pub named: bool,
    /// Why this one.
    pub why: String,
}

/// An installed compiler.
#[derive(Debug, Clone, Serialize)]
pub struct Compiler {
    /// rustup's name; none for the project's own.
    pub toolchain: Option<String>,
    /// Its `-vV` line.
    pub version: String,
    /// `whole`, `sizes` or `nothing`; none if it was not tried.
    pub read: Option<&'static str>,
    /// In which form it dumps the layout of a coroutine; none if that is not read.
    pub dialect: Option<Dialect>,
    /// What of its output is not read, or why it was not tried.
    pub why: Option<String>,
    /// What it cannot do although all it prints is read.
    pub limits: Vec<&'static str>,
    /// It measures.
    pub chosen: bool,
}

/// Something that is in the way.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// What.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// Looks at a project and at all compilers that could measure it. Nothing of it is built. If it is not `trusted`,
/// neither cargo nor a compiler is asked, since both do what the project's files say.
pub fn diagnose(request: &Request, trusted: Option<bool>) -> Diagnosis {
    let mut diagnosis = Diagnosis {
        schema: 1,
        futurelens: env!("CARGO_PKG_VERSION"),
        project: None,
        chosen: None,
        compilers: Vec::new(),
        cache: compiler::cache_dir(),
        problems: Vec::new(),
    };
    if trusted == Some(false) {
        diagnosis.problem(
            "the project is not trusted, so nothing of it is run: neither its own toolchain nor cargo was asked",
            "if you trust it, say so in your editor; where that does not ask, the command is `futurelens.trust`",
        );
        return diagnosis;
    }
    let opened = Project::open(request);
    diagnosis.look_at_compilers(request, opened.as_ref().ok());
    match opened {
        Ok(project) => diagnosis.look_at(&project, trusted),
        Err(error) => {
            let text = error.to_string();
            let (what, advice) = text.split_once('\n').unwrap_or((&text, "see what cargo and rustup say"));
            diagnosis.problem(what, advice);
        }
    }
    diagnosis
}

impl Diagnosis {
    fn problem(&mut self, what: impl Into<String>, advice: impl AsRef<str>) {
        let advice = advice.as_ref().trim().to_owned();
        self.problems.push(Problem { what: what.into(), advice });
    }

    fn look_at_compilers(&mut self, request: &Request, project: Option<&Project>) {
        let Ok((dir, own, needs)) = Project::needs(request) else { return };
        if own.is_none() {
            self.problem(
                "the project's own toolchain does not run",
                "install it: `rustup show` in the project's folder says which one that is",
            );
        }
        let installed = Installed::look(&dir);
        let candidates: Vec<Candidate> = Candidates::new(&dir, own, &installed, &needs).collect();
        if !candidates.iter().any(|candidate| !candidate.toolchain.bootstrap) {
            self.problem(
                "no nightly compiler is installed",
                "nothing needs to be done as long as another one measures; `rustup toolchain install nightly --profile \
                 minimal` leaves `RUSTC_BOOTSTRAP=1` out of it",
            );
        }
        self.compilers = std::thread::scope(|scope| {
            let dir = &dir;
            let probed: Vec<_> =
                candidates.into_iter().map(|one| scope.spawn(move || Compiler::of(&one, dir))).collect();
            probed.into_iter().filter_map(|one| one.join().ok()).collect()
        });
        let Some(choice) = project.map(|project| &project.choice) else { return };
        for compiler in &mut self.compilers {
            let is_it = (&compiler.toolchain, &compiler.version)
                == (&choice.toolchain.name, &choice.toolchain.version);
            // One that is named may be listed under another name, or as the project's own.
            compiler.chosen = is_it || !choice.is_automatic && compiler.version == choice.toolchain.version;
        }
    }

    fn look_at(&mut self, project: &Project, trusted: Option<bool>) {
        let choice = &project.choice;
        self.chosen = Some(Chosen {
            toolchain: choice.toolchain.name.clone(),
            version: choice.toolchain.version.clone(),
            named: !choice.is_automatic,
            why: why(choice),
        });
        if let ReadAs::Sizes(line) = &choice.read {
            self.problem(
                format!("of what {} prints only the sizes are read: `{line}`", choice.toolchain.version),
                "update futurelens, or install a compiler that it knows: `rustup toolchain install nightly`",
            );
        }
        let kept = files(&project.target_dir);
        let printed = kept.iter().filter(|(file, _)| file.extension().is_some_and(|is| is == "futurelens"));
        self.project = Some(Examined {
            root: project.root.clone(),
            trusted,
            target_dir: project.target_dir.clone(),
            kept_bytes: kept.iter().map(|(_, bytes)| bytes).sum(),
            printed_bytes: printed.clone().map(|(_, bytes)| bytes).sum(),
            units: printed.count(),
        });
    }
}

fn why(choice: &Choice) -> String {
    if !choice.is_automatic {
        return "it was named".to_owned();
    }
    let first = match choice.toolchain.name {
        None => "the project's own compiler",
        Some(_) if !choice.toolchain.bootstrap => "the newest nightly that can build the project",
        Some(_) => "the newest of the other installed compilers",
    };
    let read = match choice.read {
        ReadAs::Whole => "all it prints is read",
        _ => "its sizes are read",
    };
    format!("{first}, and {read}")
}

impl Compiler {
    fn of(candidate: &Candidate, dir: &Path) -> Self {
        let toolchain = &candidate.toolchain;
        let probed = candidate.probe(dir);
        let (read, mut why) = match probed.read {
            ReadAs::Whole => ("whole", None),
            ReadAs::Sizes(line) => ("sizes", Some(format!("not read: `{line}`"))),
            ReadAs::Nothing(why) => ("nothing", Some(why)),
        };
        if let Some(unfit) = &candidate.unfit {
            why = Some(unfit.why().to_owned());
        }
        let mut limits = Vec::new();
        if read != "nothing" {
            if probed.how.list.is_none() {
                limits.push("each save is measured whole: it does not list all instances");
            }
            if !probed.how.checks {
                limits.push("nothing is measured by `futurelens cargo check`, nor ahead of a save's build: it lays out nothing when it checks");
            }
            if !probed.lists_tests {
                limits.push("of tests that use other crates (`--all-targets`) not all instances are found");
            }
        }
        let is_tried = !matches!(candidate.unfit, Some(Unfit::Dependency(_) | Unfit::NotTried));
        Compiler {
            toolchain: toolchain.name.clone(),
            version: toolchain.version.clone(),
            read: is_tried.then_some(read),
            dialect: probed.dialect.filter(|_| is_tried),
            why,
            limits,
            chosen: false,
        }
    }
}

/// Every file below a folder, with its size; links are not followed.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                Ok(meta) if meta.is_file() => found.push((entry.path(), meta.len())),
                _ => {}
            }
        }
    }
    found
}
