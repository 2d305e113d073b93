//! Which compiler measures.
//!
//! The dumps need a nightly compiler, or a stable one that is told to behave like one
//! (`RUSTC_BOOTSTRAP=1`, set for the compiler runs that need it and nothing else).
//!
//! Unless one is named, it is the first of these whose output is read whole ([`super::probe`]):
//!
//! 1. the project's own, if that is a nightly;
//! 2. the newest installed nightly that is at least as new as the project's own, and as its packages ask for;
//! 3. the project's own;
//! 4. the other installed ones, newest first.
//!
//! One for which the standard library of the project's target is not installed comes behind those that have it. If none is
//! read whole, it is the first whose sizes are read. One that does not compile the project's dependencies is passed over
//! from then on: see [`Choice::pass_over`].

use super::environment::without_own_heap;
use super::error::BuildError;
use super::probe::{Probed, ReadAs};
use super::process::{Cancel, Guarded};
use super::toolchain::{Toolchain, in_words};
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};

/// The compiler that measures, and why not another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// This one measures.
    pub toolchain: Toolchain,
    /// How much of what it prints is read.
    pub read: ReadAs,
    /// It was chosen by us, not named by the user.
    pub is_automatic: bool,
    /// Those that come before it, best first.
    pub passed_over: Vec<PassedOver>,
}

/// A compiler that does not measure, although it would come first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// rustup's name; none for the project's own.
    pub name: Option<String>,
    /// Its first `-vV` line.
    pub version: String,
    /// Why not.
    pub why: String,
    /// What kind of reason that is.
    #[serde(skip)]
    pub because: Because,
}

/// Why a compiler does not measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// It is too old for the project, which is nothing unusual.
    TooOld,
    /// A dependency does not compile with it.
    Dependency,
    /// The standard library of a target is not installed for it.
    NoTarget,
    /// What it prints is not read.
    NotRead,
}

/// What a project asks of its compiler.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// The highest `rust-version` of its packages, as minor version: 98 for `1.98`.
    pub oldest: Option<u32>,
    /// Why a compiler of this version is known not to compile the project's dependencies.
    pub unfit: Vec<(String, String)>,
    /// The targets whose standard library has to be there, by triple.
    pub targets: Vec<String>,
}

/// An installed compiler, as `futurelens doctor` shows it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which.
    pub toolchain: Toolchain,
    /// Why it is not even tried.
    pub unfit: Option<Unfit>,
}

/// Why a compiler is of no use for a project.
#[derive(Debug, Clone)]
pub enum Unfit {
    /// It is older than what the project asks for.
    TooOld(String),
    /// A dependency does not compile with it.
    Dependency(String),
    /// The standard library of a target is not installed for it.
    NoTarget(String),
    /// It is not known whether the dependencies compile with it; with another one, that is not the project's own, they do
    /// not.
    NotTried,
}

impl Unfit {
    /// In words.
    pub fn why(&self) -> &str {
        match self {
            Unfit::TooOld(why) | Unfit::Dependency(why) | Unfit::NoTarget(why) => why,
            Unfit::NotTried => {
                "the project's own is taken, since a dependency does not compile with another one"
            }
        }
    }
}

impl Choice {
    /// The rustup toolchain of this name.
    ///
    /// # Errors
    /// [`BuildError::NoToolchain`] if it is missing, [`BuildError::CannotMeasure`] if it cannot measure.
    pub fn named(name: &str, dir: &Path) -> Result<Self, BuildError> {
        let name = name.trim_start_matches('+');
        let mut toolchain = match Toolchain::ask(Some(name), dir) {
            // Without rustup the name means nothing: the only compiler there is would answer.
            Ok(Some(toolchain)) if installed().is_some() => toolchain,
            _ => return Err(BuildError::NoToolchain { name: name.to_owned() }),
        };
        let read = toolchain.learn(dir);
        match &read {
            ReadAs::Nothing(why) => {
                let own = Toolchain::ask(None, dir);
                let other = Self::automatic(dir, own, &Installed::look(dir), &Needs::default()).ok();
                let other = other.filter(|other| other.toolchain.version != toolchain.version);
                Err(BuildError::CannotMeasure {
                    compiler: toolchain.version,
                    why: why.clone(),
                    other: other.map(|other| other.toolchain.in_words()),
                })
            }
            _ => Ok(Choice { toolchain, read, is_automatic: false, passed_over: Vec::new() }),
        }
    }

    /// What the user runs.
    pub(super) fn of_user(toolchain: Toolchain) -> Self {
        Choice { toolchain, read: ReadAs::Whole, is_automatic: false, passed_over: Vec::new() }
    }

    /// The best of those that are there. `own` is the project's own compiler.
    ///
    /// # Errors
    /// [`BuildError::NoProgram`] without any rustc, [`BuildError::NoToolchain`] if the project's own is missing and there
    /// is no other, [`BuildError::CannotMeasure`] if none can measure.
    pub fn automatic(
        dir: &Path,
        own: Result<Option<Toolchain>, BuildError>,
        installed: &Installed,
        needs: &Needs,
    ) -> Result<Self, BuildError> {
        let (own, error) = match own {
            Ok(Some(own)) => (Some(own), None),
            Ok(None) => (None, Some(BuildError::NoToolchain { name: "the project's own".to_owned() })),
            Err(error) => (None, Some(error)),
        };
        let mut passed_over = Vec::new();
        // The best of those that are not read whole.
        let mut second: Option<(Toolchain, ReadAs, usize)> = None;
        for candidate in Candidates::new(dir, own, installed, needs) {
            let Candidate { mut toolchain, unfit } = candidate;
            let mut because = Because::NotRead;
            let why = match unfit {
                Some(Unfit::NotTried) => continue,
                Some(unfit) => {
                    because = match unfit {
                        Unfit::TooOld(_) => Because::TooOld,
                        Unfit::NoTarget(_) => Because::NoTarget,
                        Unfit::Dependency(_) | Unfit::NotTried => Because::Dependency,
                    };
                    unfit.why().to_owned()
                }
                None => match toolchain.learn(dir) {
                    read @ ReadAs::Whole => {
                        return Ok(Choice { toolchain, read, is_automatic: true, passed_over });
                    }
                    ReadAs::Sizes(line) => {
                        let why = format!("only the sizes it prints are read: `{line}`");
                        if second.is_none() {
                            second = Some((toolchain.clone(), ReadAs::Sizes(line), passed_over.len()));
                        }
                        why
                    }
                    ReadAs::Nothing(why) => why,
                },
            };
            passed_over.push(PassedOver { name: toolchain.name, version: toolchain.version, why, because });
        }
        if let Some((toolchain, read, at)) = second {
            passed_over.truncate(at);
            return Ok(Choice { toolchain, read, is_automatic: true, passed_over });
        }
        Err(match (error, passed_over.pop()) {
            (Some(error), None) => error,
            (_, Some(last)) => {
                BuildError::CannotMeasure { compiler: last.version, why: last.why, other: None }
            }
            (None, None) => BuildError::NoToolchain { name: "the project's own".to_owned() },
        })
    }

    /// The same with the project's own compiler, since the one that was chosen does not compile a dependency.
    pub fn pass_over(&self, own: Toolchain, dir: &Path, why: String) -> Option<Self> {
        let mut toolchain = own;
        let read = toolchain.learn(dir);
        let mut passed_over = self.passed_over.clone();
        let Toolchain { name, version, .. } = self.toolchain.clone();
        passed_over.push(PassedOver { name, version, why, because: Because::Dependency });
        let is_of_use = !matches!(read, ReadAs::Nothing(_));
        is_of_use.then_some(Choice { toolchain, read, is_automatic: true, passed_over })
    }

    /// Is there nothing about it that would surprise anybody?
    pub fn is_expected(&self) -> bool {
        self.read == ReadAs::Whole && self.passed_over.iter().all(|one| one.because == Because::TooOld)
    }

    /// What to tell people in one line; none if there is nothing to tell.
    pub fn note(&self) -> Option<String> {
        let mut text = format!("{} measures", self.toolchain.in_words());
        match &self.read {
            ReadAs::Whole if self.passed_over.is_empty() => return None,
            ReadAs::Whole | ReadAs::Nothing(_) => {}
            ReadAs::Sizes(_) => text.push_str(", of whose output only the sizes are read"),
        }
        for (index, PassedOver { name, version, why, .. }) in self.passed_over.iter().enumerate() {
            text.push_str(if index == 0 { "; passed over: " } else { "; " });
            text.push_str(&in_words(name.as_deref(), version));
            text.push_str(&format!(" ({why})"));
        }
        if self.read != ReadAs::Whole {
            text.push_str("; `rustup toolchain install nightly` or an update of futurelens gives more");
        }
        Some(text)
    }
}

/// What rustup has.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    names: Vec<String>,
    /// Newest first.
    nightlies: Vec<Toolchain>,
}

impl Installed {
    /// Asks rustup for the names, and the nightlies for what they are.
    pub fn look(dir: &Path) -> Self {
        let names = installed().unwrap_or_default();
        let nightlies = Self::ask(dir, names.iter().filter(|name| is_nightly(name)));
        Installed { names, nightlies }
    }

    /// All of these that can be asked, newest first.
    fn ask<'a>(dir: &Path, names: impl Iterator<Item = &'a String>) -> Vec<Toolchain> {
        // Each question takes a while, and none needs the answer to another.
        let mut asked: Vec<Toolchain> = std::thread::scope(|scope| {
            let asked: Vec<_> = names
                .map(|name| scope.spawn(move || Toolchain::ask(Some(name), dir).ok().flatten()))
                .collect();
            asked.into_iter().filter_map(|one| one.join().ok().flatten()).collect()
        });
        asked.sort_by(|a, b| b.age().cmp(&a.age()));
        asked
    }
}

fn is_nightly(name: &str) -> bool {
    name.starts_with("nightly")
}

/// The compilers that could measure a project, best first. Those that are of no use unless all others fail are not asked
/// for what they are before that.
pub struct Candidates<'a> {
    dir: &'a Path,
    needs: &'a Needs,
    own: Option<Toolchain>,
    installed: &'a Installed,
    ready: std::collections::VecDeque<Toolchain>,
    stage: u8,
}

impl<'a> Candidates<'a> {
    /// For a project.
    pub fn new(dir: &'a Path, own: Option<Toolchain>, installed: &'a Installed, needs: &'a Needs) -> Self {
        Candidates { dir, needs, own, installed, ready: Default::default(), stage: 0 }
    }

    fn is_own(&self, toolchain: &Toolchain) -> bool {
        self.own.as_ref().is_some_and(|own| own.about == toolchain.about)
    }

    fn unfit(&self, toolchain: &Toolchain) -> Option<Unfit> {
        let known = self.needs.unfit.iter().find(|(version, _)| *version == toolchain.version);
        if let Some((_, why)) = known {
            return Some(Unfit::Dependency(why.clone()));
        }
        if let Some(target) = self.needs.targets.iter().find(|target| toolchain.lacks(target)) {
            return Some(Unfit::NoTarget(toolchain.target_advice(target)));
        }
        // The project's own is what it asks for.
        toolchain.name.as_ref()?;
        if let Some(own) = self.own.as_ref().filter(|own| own.age() > toolchain.age()) {
            return Some(Unfit::TooOld(format!("older than the project's own, {}", own.release())));
        }
        if !self.needs.unfit.is_empty() {
            return Some(Unfit::NotTried);
        }
        let needed =
            self.needs.oldest.filter(|oldest| toolchain.minor().is_some_and(|minor| minor < *oldest))?;
        let why = format!("older than `rust-version = \"1.{needed}\"`, which the project asks for");
        Some(Unfit::TooOld(why))
    }
}

impl Iterator for Candidates<'_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        while self.ready.is_empty() && self.stage < 4 {
            let own = self.own.clone();
            let more = match self.stage {
                0 => own.into_iter().filter(|own| !own.bootstrap).collect(),
                1 => self.installed.nightlies.iter().filter(|one| !self.is_own(one)).cloned().collect(),
                2 => own.into_iter().filter(|own| own.bootstrap).collect(),
                _ => {
                    let names = self.installed.names.iter().filter(|name| !is_nightly(name));
                    let mut others = Installed::ask(self.dir, names);
                    others.retain(|one| !self.is_own(one));
                    // `stable` and `1.99.1` may be one.
                    others.dedup_by(|a, b| a.about == b.about);
                    others
                }
            };
            self.ready.extend(more);
            self.stage += 1;
        }
        let toolchain = self.ready.pop_front()?;
        let unfit = self.unfit(&toolchain);
        Some(Candidate { toolchain, unfit })
    }
}

impl Candidate {
    /// What it is good for.
    pub fn probe(&self, dir: &Path) -> Probed {
        self.toolchain.probe(dir)
    }
}

impl Toolchain {
    /// One by rustup's name, or the project's own; as it wants to be asked.
    pub(super) fn named(name: Option<&str>, dir: &Path) -> Option<Self> {
        let mut toolchain = Self::ask(name, dir).ok().flatten()?;
        toolchain.learn(dir);
        Some(toolchain)
    }

    /// Finds out how it wants to be asked, and gives how much of its output is read.
    fn learn(&mut self, dir: &Path) -> ReadAs {
        let Probed { read, how, .. } = self.probe(dir);
        self.how = how;
        read
    }
}

/// The names of rustup's toolchains; `None` without rustup.
fn installed() -> Option<Vec<String>> {
    let mut rustup = Command::new("rustup");
    rustup.args(["toolchain", "list"]).stdin(Stdio::null());
    without_own_heap(&mut rustup);
    let rustup = Guarded::new("rustup", &rustup, true).ok()?.stdout(Stdio::piped()).stderr(Stdio::null());
    let output = rustup.output(&Cancel::default()).ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    output.success.then(|| names.map(str::to_owned).collect())
}
