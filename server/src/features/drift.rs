//! What the compiler printed in a way that this version does not read.
//!
//! Both dumps are unstable formats. The readers check what they read against itself: the parts of a record add up to
//! its size, statements are numbered, the two dumps agree about every state. What does not is left out, and here it
//! is told what that is, of which futures, and what to do:
//!
//! ```text
//! warning: rustc 1.99.0 prints some things in a way that this version of futurelens does not read
//!   3 of 57 futures: only the size is shown, not the states and what they hold
//!     such as `print-type-size     niche: 3 bytes`
//!   update futurelens, or choose another toolchain: `--toolchain` (`futurelens.toolchain` in an editor)
//! ```

use crate::layout::Future;
use crate::render::size;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The futures themselves: there is a body, and nothing says how large it is.
    Futures,
    /// States, and what they hold and where. Size and alignment are there.
    States,
    /// Where the futures are, and what follows from it.
    Places,
    /// Where what is held is declared, where the future waits, and why things are held.
    Declarations,
    /// Why things are held.
    Reasons,
    /// What edits would save.
    Predictions,
    /// The source that was compiled.
    Sources,
    /// Names as people write them.
    Names,
    /// Nothing, but time: each save is measured whole.
    Instances,
    /// Instances of generic futures, but for those that are laid out where a crate is only checked.
    Generic,
}

impl Missing {
    /// In words, after `3 of 57 futures: `.
    fn words(self) -> &'static str {
        match self {
            Missing::Futures => "no size is known",
            Missing::States => "only the size is shown, not the states and what they hold",
            Missing::Places => {
                "only what is printed of sizes is shown, not where they are in the source, nor why things are held"
            }
            Missing::Declarations => {
                "not shown where things held are declared, where they wait, nor why things are held; no edits are offered"
            }
            Missing::Reasons => "not shown why things are held; no edits are offered that depend on it",
            Missing::Predictions => "not told what edits would save before they were tried",
            Missing::Sources => "not shown beside the source: which files were compiled is not known",
            Missing::Names => "named as the compiler writes them",
            Missing::Instances => "measured whole after each save, which takes longer",
            Missing::Generic => "shown without most instances of generic futures",
        }
    }

    /// What is not shown of a future, worst first; nothing if all of it is.
    pub fn of(future: &Future) -> Option<Missing> {
        let unread = future.body.as_ref().map(|body| body.unread).unwrap_or_default();
        if future.states.is_empty() {
            Some(Missing::States)
        } else if unread.layout {
            Some(Missing::Declarations)
        } else if unread.code {
            Some(Missing::Reasons)
        } else {
            unread.conflicts.then_some(Missing::Predictions)
        }
    }

    /// The same in a sentence, for who looks at the future. `compiler` is the one that measured.
    pub fn note(future: &Future, compiler: &str) -> Option<String> {
        let what = match Missing::of(future)? {
            Missing::States => "States are not shown",
            Missing::Declarations => "Where things are declared and why they are held is not shown",
            Missing::Reasons => "Why things are held is not shown",
            _ => "What edits would save is not predicted",
        };
        Some(format!(
            "{what}: {compiler} prints that in a way this version of futurelens does not read. {WHAT_TO_DO}"
        ))
    }
}

/// Where something is not understood.
pub(super) const WHAT_TO_DO: &str = "Update futurelens, or choose another toolchain (`--toolchain`, or `futurelens.toolchain` in an \
     editor).";

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// What is therefore not shown.
    pub missing: Missing,
    /// Of how many futures (of how many compiler runs, for what is not told of a single one).
    pub unread: usize,
    /// Of all of how many.
    pub of: usize,
    /// The first line that was not as expected, shortened; or the compiler's own words.
    pub example: String,
    /// Which futures, by identity, as far as that is known.
    pub futures: Vec<String>,
}

/// Longer lines are cut.
const EXAMPLE: usize = 160;

impl Drift {
    /// Something that could not be read, with an example.
    pub fn new(missing: Missing, (unread, of): (usize, usize), example: Option<&str>) -> Self {
        let line = example.unwrap_or_default().trim_end();
        let mut example: String = line.chars().take(EXAMPLE).collect();
        if example.len() < line.len() {
            example.push('…');
        }
        Drift { missing, unread, of, example, futures: Vec::new() }
    }

    /// Says which futures these are.
    pub fn with_futures<'a>(self, futures: impl Iterator<Item = &'a Arc<Future>>) -> Self {
        Drift { futures: futures.map(|future| future.id.to_string()).collect(), ..self }
    }
}

/// One for each thing that is missing, of all compiler runs together.
pub(super) fn sum<'a>(all: impl Iterator<Item = &'a Drift>) -> Vec<Drift> {
    let mut sums: BTreeMap<Missing, Drift> = BTreeMap::new();
    for drift in all {
        match sums.get_mut(&drift.missing) {
            None => _ = sums.insert(drift.missing, drift.clone()),
            Some(sum) => {
                sum.unread += drift.unread;
                sum.of += drift.of;
                sum.futures.extend(drift.futures.iter().cloned());
                if sum.example.is_empty() {
                    sum.example.clone_from(&drift.example);
                }
            }
        }
    }
    let mut sums: Vec<Drift> = sums.into_values().collect();
    for sum in &mut sums {
        sum.futures.sort();
        sum.futures.dedup();
    }
    sums
}

/// All of it in words, with what to do; several lines. Empty if there is nothing to say.
pub fn text(drift: &[Drift], compiler: &str) -> String {
    let mut text = headline(drift, compiler);
    for Drift { missing, unread, of, example, .. } in drift {
        let what = match missing {
            Missing::Sources | Missing::Instances | Missing::Generic => "crate",
            _ => "future",
        };
        let _ = write!(text, "\n  {unread} of {}: {}", size::count(*of, what), missing.words());
        if !example.is_empty() {
            let _ = write!(text, "\n    such as `{}`", example.trim_start());
        }
    }
    if !drift.is_empty() {
        text.push_str(
            "\n  update futurelens, or choose another toolchain: `--toolchain` (`futurelens.toolchain` in an editor)",
        );
    }
    text
}

fn headline(drift: &[Drift], compiler: &str) -> String {
    match drift {
        [] => String::new(),
        _ => format!("{compiler} prints some things in a way that this version of futurelens does not read"),
    }
}

/// The same in one message, the same one for as long as the same things are missing.
pub fn message(drift: &[Drift], compiler: &str) -> String {
    let words: Vec<&str> = drift.iter().map(|drift| drift.missing.words()).collect();
    format!("{}. Of some futures: {}. {WHAT_TO_DO}", headline(drift, compiler), words.join("; "))
}

#[cfg(test)]
mod tests;
