//! When a workspace is built: the state, and nothing but the state. Events change it, [`Builds::next`] says what it asks
//! for.

use crate::lsp::protocol::WorkspaceState;

/// What is going on in a workspace. `R` is what is known about a build at work.
#[derive(Debug)]
pub enum Phase<R> {
    /// What an earlier session measured is being read, and shown before anything else happens. Is a build to follow?
    Opening {
        /// It is.
        then_build: bool,
    },
    /// A build is wanted, after a pause in which more saves may come (debounce).
    Waiting,
    /// A build is to begin now.
    Due,
    /// As before, but cargo is being asked about the project first.
    AskingCargo,
    /// A build is at work.
    Building {
        /// It.
        run: R,
        /// Is another one to follow?
        again: Again,
    },
    /// Nothing.
    Resting,
}

/// Whether another build is to follow the one at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Nothing changed since it began.
    No,
    /// When the pause is over in which more saves may come.
    AfterPause,
    /// As soon as it has ended.
    AtOnce,
}

/// How it is when nothing is being built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// All numbers hold, or there are none.
    Fresh,
    /// An earlier session measured what is shown, and nothing happened since that is known to change it.
    Warm,
    /// All numbers hold; but the compiler prints something that is not read. What, in a sentence.
    Drifted(String),
    /// Some crates do not compile. Which, in a sentence.
    Stale(String),
    /// It could not be measured. Why.
    Failed(String),
}

/// What the state asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To ask cargo about the project; [`Builds::project_found`] or [`Builds::project_not_found`] has to follow.
    AskCargo,
    /// To begin a build; [`Builds::began`] has to follow.
    Build,
}

/// Is a build to begin at once?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Yes, or as soon as the one at work has ended.
    Now,
    /// After a pause, which begins anew with each such wish.
    AfterPause,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Builds<R> {
    phase: Phase<R>,
    rest: Rest,
    /// `Cargo.toml`, the toolchain or the like changed since cargo was asked about the project.
    is_project_outdated: bool,
    /// Numbers pauses: only the end of the last one counts.
    pause: u64,
}

impl<R> Builds<R> {
    /// Of a workspace whose earlier numbers are being read. Pauses have numbers behind `first`.
    pub fn opening(then_build: bool, first: u64) -> Self {
        let phase = Phase::Opening { then_build };
        Builds { phase, rest: Rest::Fresh, is_project_outdated: false, pause: first }
    }

    /// The build at work.
    pub fn run(&self) -> Option<&R> {
        match &self.phase {
            Phase::Building { run, .. } => Some(run),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn run_mut(&mut self) -> Option<&mut R> {
        match &mut self.phase {
            Phase::Building { run, .. } => Some(run),
            _ => None,
        }
    }

    /// Are earlier numbers being read?
    pub fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::Opening { .. })
    }

    /// Is nothing going on?
    pub fn is_resting(&self) -> bool {
        matches!(self.phase, Phase::Resting)
    }

    /// How it is when nothing is being built.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// The same, as of now.
    pub fn set_rest(&mut self, rest: Rest) {
        self.rest = rest;
    }

    /// The build at work is of text that is out of date: another one follows at once.
    pub fn overtaken(&self) -> Option<&R> {
        match &self.phase {
            Phase::Building { run, again: Again::AtOnce } => Some(run),
            _ => None,
        }
    }

    /// What the editor is told, and why; nothing yet while the workspace is being opened.
    pub fn status(&self) -> Option<(WorkspaceState, Option<&str>)> {
        match (&self.phase, &self.rest) {
            (Phase::Opening { .. }, _) => None,
            (Phase::Building { .. }, _) => Some((WorkspaceState::Building, None)),
            (_, Rest::Fresh | Rest::Warm) => Some((WorkspaceState::Idle, None)),
            (_, Rest::Drifted(what)) => Some((WorkspaceState::Idle, Some(what))),
            (_, Rest::Stale(which)) => Some((WorkspaceState::Stale, Some(which))),
            (_, Rest::Failed(why)) => Some((WorkspaceState::Error, Some(why))),
        }
    }

    // Events.

    /// Earlier numbers were read, if there are any.
    pub fn opened(&mut self, is_warm: bool) {
        if let Phase::Opening { then_build } = self.phase {
            self.phase = if then_build { Phase::Due } else { Phase::Resting };
            if is_warm {
                self.rest = Rest::Warm;
            }
        }
    }

    /// Something changed that numbers depend on: a build is wanted that begins after this. The number of the pause that has
    /// to be waited for, if there is one.
    pub fn want(&mut self, when: When) -> Option<u64> {
        if self.rest == Rest::Warm {
            self.rest = Rest::Fresh;
        }
        let is_pause = match (&mut self.phase, when) {
            (Phase::Opening { then_build }, _) => {
                *then_build = true;
                false
            }
            (Phase::Resting | Phase::Waiting, When::AfterPause) => {
                self.phase = Phase::Waiting;
                true
            }
            (Phase::Resting | Phase::Waiting, When::Now) => {
                self.phase = Phase::Due;
                false
            }
            // That build has not begun.
            (Phase::Due | Phase::AskingCargo, _) => false,
            (Phase::Building { again, .. }, When::AfterPause) if *again != Again::AtOnce => {
                *again = Again::AfterPause;
                true
            }
            (Phase::Building { again, .. }, _) => {
                *again = Again::AtOnce;
                false
            }
        };
        is_pause.then(|| {
            self.pause += 1;
            self.pause
        })
    }

    /// A pause is over.
    pub fn pause_over(&mut self, number: u64) {
        if number != self.pause {
            return;
        }
        match &mut self.phase {
            Phase::Waiting => self.phase = Phase::Due,
            Phase::Building { again, .. } if *again == Again::AfterPause => *again = Again::AtOnce,
            _ => {}
        }
    }

    /// Cargo has to be asked about the project again before the next build.
    pub fn project_changed(&mut self) {
        self.is_project_outdated = true;
    }

    /// Cargo has told about the project as it is.
    pub fn project_found(&mut self) {
        self.is_project_outdated = false;
        if matches!(self.phase, Phase::AskingCargo) {
            self.phase = Phase::Due;
        }
    }

    /// Cargo cannot tell about the project. It is asked again when the next build is wanted.
    pub fn project_not_found(&mut self, why: String) {
        self.rest = Rest::Failed(why);
        if matches!(self.phase, Phase::AskingCargo) {
            self.phase = Phase::Resting;
        }
    }

    /// A build began, as [`Next::Build`] said.
    pub fn began(&mut self, run: R) {
        self.phase = Phase::Building { run, again: Again::No };
    }

    /// The user does not want the build at work, nor one for what happened until now.
    pub fn cancelled_by_user(&mut self) {
        if let Phase::Building { again, .. } = &mut self.phase {
            *again = Again::No;
        }
    }

    /// The build at work ended; `rest` if it tells how it is now.
    pub fn ended(&mut self, rest: Option<Rest>) {
        let Phase::Building { again, .. } = self.phase else { return };
        self.phase = match again {
            Again::No => Phase::Resting,
            Again::AfterPause => Phase::Waiting,
            Again::AtOnce => Phase::Due,
        };
        self.rest = match (rest, &self.rest) {
            (Some(rest), _) => rest,
            (None, Rest::Warm) => Rest::Fresh,
            (None, _) => return,
        };
    }

    /// The server is about to end: nothing is wanted any more.
    pub fn leave(&mut self) {
        match &mut self.phase {
            Phase::Building { again, .. } => *again = Again::No,
            phase => *phase = Phase::Resting,
        }
    }

    /// When does a build start? Here: what the state asks for, if anything.
    pub fn next(&mut self) -> Option<Next> {
        match self.phase {
            Phase::Due if self.is_project_outdated => {
                self.phase = Phase::AskingCargo;
                Some(Next::AskCargo)
            }
            Phase::Due => Some(Next::Build),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
