//! The actions of a project as a list: what `futurelens fix` prints.

use super::{ActionKind, Candidate, Saving};
use crate::features::report::relative;
use crate::render::one_line;
use crate::render::size::exact;
use crate::source::{Edit, TextRange};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// Changes whenever a field changes its meaning or goes.
const SCHEMA: u32 = 1;

/// `futurelens fix --format json`.
#[derive(Debug, Serialize)]
pub struct List {
    schema: u32,
    /// Whether everything was tried; not so after an interruption.
    complete: bool,
    /// Those that save most first, of the largest future around; behind all others those that drop something earlier or do
    /// something otherwise.
    pub actions: Vec<ListedAction>,
}

/// How a list came about: the last line of `futurelens fix --format json-lines`.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Summary {
    /// Edits that could be worth it.
    pub candidates: usize,
    /// How many of them have been tried.
    pub tried: usize,
    /// How many are listed.
    pub listed: usize,
    /// How often the compiler has run for it.
    pub runs: usize,
    /// Whether everything was tried.
    pub complete: bool,
}

/// One action.
#[derive(Debug, Serialize)]
pub struct ListedAction {
    /// Stable across line moves.
    id: String,
    kind: ActionKind,
    title: String,
    /// The name of the future that gets smaller.
    future: String,
    /// Relative to the workspace.
    file: String,
    /// Bytes of the future; `null` for one that does not compile.
    before: Option<u64>,
    /// Bytes after the edits; `null` if `before` is.
    after: Option<u64>,
    /// The largest future around it that gets smaller too, by a prediction; absent if it is in no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    outermost: Option<Outermost>,
    /// What is dropped at another time than before, as in the title; absent if there is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drops_earlier: Vec<String>,
    /// What else may be done otherwise or at another time, as in the title; absent if there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    does_otherwise: Option<String>,
    edits: Vec<EditEntry>,
    #[serde(skip)]
    place: String,
    /// See [`Saving::worth`]; what makes a crate compile is worth most.
    #[serde(skip)]
    worth: u64,
}

/// A future that gets smaller because one in it does.
#[derive(Debug, Serialize)]
struct Outermost {
    future: String,
    /// Bytes.
    saves: u64,
}

/// `text` comes in the place of the bytes from `start` to `end`.
#[derive(Debug, Serialize)]
struct EditEntry {
    file: String,
    start: u32,
    end: u32,
    text: String,
}

impl Default for List {
    fn default() -> Self {
        List { schema: SCHEMA, complete: true, actions: Vec::new() }
    }
}

impl List {
    /// Adds an action the way it compiles.
    pub fn push(&mut self, root: &Path, candidate: &Candidate, way: usize, saving: Option<&Saving>) {
        let file = relative(root, &candidate.file);
        let way = candidate.ways.get(way).map_or(&[][..], Vec::as_slice);
        let first = way.iter().map(|edit| edit.range.start()).min();
        let at = candidate.text.line_col(first.unwrap_or(candidate.site().token.start()));
        let edits = candidate.edits(way).into_iter().flat_map(|(file, text, edits)| {
            let file = relative(root, file);
            joined(text.text(), &edits).into_iter().map(move |edit| EditEntry {
                file: file.clone(),
                start: edit.range.start().into(),
                end: edit.range.end().into(),
                text: edit.text,
            })
        });
        self.actions.push(ListedAction {
            id: candidate.id.to_string(),
            kind: candidate.kind,
            title: candidate.title(saving),
            future: candidate.name.to_string(),
            before: candidate.before,
            after: saving.map(|saving| saving.after),
            outermost: saving
                .and_then(|saving| saving.outermost.as_ref())
                .map(|(future, saves)| Outermost { future: future.to_string(), saves: *saves }),
            worth: saving.map_or(u64::MAX, Saving::worth),
            drops_earlier: candidate.drops_earlier.iter().map(|words| words.to_string()).collect(),
            does_otherwise: candidate.does_otherwise.as_deref().map(str::to_owned),
            edits: edits.collect(),
            place: one_line(&format!("{file}:{}:{}", at.line, at.col)),
            file,
        });
    }

    /// Leaves out those after which the program may do something else, and says how many.
    pub fn fold(&mut self) -> usize {
        let all = self.actions.len();
        self.actions.retain(ListedAction::keeps_behaviour);
        all - self.actions.len()
    }

    /// There is more than what was added.
    pub fn set_incomplete(&mut self) {
        self.complete = false;
    }

    /// Those that save most first; what makes a crate compile before all others, what may do something else behind them.
    pub fn sort(&mut self) {
        self.actions.sort_by(|a, b| {
            let own = |one: &ListedAction| {
                one.before.zip(one.after).map(|(before, after)| before.saturating_sub(after))
            };
            let order = b.keeps_behaviour().cmp(&a.keeps_behaviour()).then_with(|| b.worth.cmp(&a.worth));
            order.then_with(|| own(b).cmp(&own(a))).then_with(|| a.id.cmp(&b.id))
        });
    }

    /// The first `most` of them, for people.
    ///
    /// ```text
    ///   saves   before    after  where            kind          action
    ///   4,083    4,100       17  src/lib.rs:9:5   box-awaitee   Box this future with Box::pin (saves 4083 B)
    /// ```
    pub fn table(&self, most: usize) -> String {
        let mut out = String::new();
        let actions = &self.actions[..self.actions.len().min(most)];
        if actions.is_empty() {
            return out;
        }
        let width = actions.iter().map(|one| one.place.chars().count()).max().unwrap_or(0).max(5);
        let _ = writeln!(
            out,
            "{:>9}  {:>9}  {:>9}  {:<width$}  {:<16}  action",
            "saves", "before", "after", "where", "kind"
        );
        for one in actions {
            let number = |value: Option<u64>| value.map_or("-".to_owned(), exact);
            let saves = one.before.zip(one.after).map(|(before, after)| before.saturating_sub(after));
            let _ = writeln!(
                out,
                "{:>9}  {:>9}  {:>9}  {:<width$}  {:<16}  {} in `{}`",
                number(saves),
                number(one.before),
                number(one.after),
                one.place,
                one.kind.name(),
                one_line(&one.title),
                one_line(&one.future)
            );
        }
        out
    }
}

impl ListedAction {
    /// See [`Candidate::keeps_behaviour`].
    fn keeps_behaviour(&self) -> bool {
        self.drops_earlier.is_empty() && self.does_otherwise.is_none()
    }
}

impl std::fmt::Display for ListedAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} in `{}`", self.place, one_line(&self.title), one_line(&self.future))
    }
}

/// Edits of one line made one: an expression that gets something around it is given whole.
fn joined(text: &str, edits: &[Edit]) -> Vec<Edit> {
    let mut edits = edits.to_vec();
    edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    let mut joined: Vec<Edit> = Vec::new();
    for edit in edits {
        if let Some(last) = joined.last_mut()
            && last.range.end() <= edit.range.start()
            && let Some(between) = text.get(usize::from(last.range.end())..usize::from(edit.range.start()))
            && !between.contains('\n')
        {
            last.range = TextRange::new(last.range.start(), edit.range.end());
            last.text = format!("{}{between}{}", last.text, edit.text);
        } else {
            joined.push(edit);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::edited;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joined_edits_do_the_same(text in "[aé\\n]{0,20}", edits in prop::collection::vec((0u32..24, 0u32..6, "[xü\\n]{0,2}"), 0..4)) {
            let range = |at: u32, len: u32| TextRange::at(at.into(), len.into());
            let edits: Vec<Edit> = edits.into_iter().map(|(at, len, new)| Edit::replace(range(at, len), new)).collect();
            if let Some(new) = edited(&text, &edits) {
                prop_assert_eq!(edited(&text, &joined(&text, &edits)), Some(new));
            }
        }
    }
}
