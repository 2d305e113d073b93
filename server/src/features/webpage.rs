//! The report as a page: the same entries, as small as they can be, since ten thousand futures are to fit in it.

use super::drift;
use super::report::{FutureEntry, HeldEntry, Report, StateEntry, WhyEntry};
use crate::render::html;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::num::NonZeroU64;

/// What the page's script reads: every text once, and elsewhere its number.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    compiler: &'a str,
    profile: &'a str,
    target: &'a str,
    cache_line: Option<NonZeroU64>,
    /// What is not shown, and what to do.
    drift: Option<String>,
    texts: Vec<String>,
    futures: Vec<Future>,
}

type Text = usize;

/// Name, kind, crate, unit, identity, type, file, line, bytes, alignment, bytes of the tag, bytes of padding, bytes
/// stored twice, states.
type Future = (
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    Option<Text>,
    u32,
    u64,
    u64,
    Option<u64>,
    Option<u64>,
    Option<u64>,
    Vec<StateRow>,
);

/// Name, bytes held, bytes free, bytes needed, where it waits, what it holds.
type StateRow = (Text, u64, u64, Option<u64>, Option<Text>, Vec<HeldRow>);

/// Name, kind, type, bytes, offset, where it is declared, why it is held, the identity of the future it is.
type HeldRow = (Text, Text, Option<Text>, u64, u64, Option<Text>, Option<Text>, Option<Text>);

/// The page. `title` is what the project is called, `cache_line` in bytes, none where cache lines are not shown.
///
/// # Errors
///
/// If the report cannot be written as JSON.
pub fn page(
    report: &Report<'_>,
    title: &str,
    cache_line: Option<NonZeroU64>,
) -> Result<String, serde_json::Error> {
    let mut texts = TextTable::default();
    let futures = report.futures.iter().map(|future| texts.future(future)).collect();
    let data = Data {
        compiler: report.compiler,
        profile: report.profile,
        target: &report.target,
        cache_line,
        drift: (!report.drift.is_empty()).then(|| drift::text(&report.drift, report.compiler)),
        futures,
        texts: texts.all,
    };
    html::page(&format!("Sizes of futures: {title}"), &data)
}

#[derive(Default)]
struct TextTable {
    all: Vec<String>,
    numbers: HashMap<String, Text>,
}

impl TextTable {
    fn number(&mut self, text: &str) -> Text {
        if let Some(&known) = self.numbers.get(text) {
            return known;
        }
        self.all.push(text.to_owned());
        self.numbers.insert(text.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }

    fn future(&mut self, future: &FutureEntry<'_>) -> Future {
        (
            self.number(&future.full_name()),
            self.number(future.kind.name()),
            self.number(future.krate),
            self.number(&of_target(future.unit, future.target)),
            self.number(&of_target(future.id, future.target)),
            self.number(future.ty),
            future.file.as_deref().map(|file| self.number(file)),
            future.line.unwrap_or(0),
            future.size,
            future.align,
            future.discriminant,
            future.padding,
            future.duplicated,
            future.states.iter().map(|state| self.state(state, future)).collect(),
        )
    }

    fn state(&mut self, state: &StateEntry<'_>, of: &FutureEntry<'_>) -> StateRow {
        let at =
            state.awaiting.as_ref().map(|at| self.number(&format!("{}:{}:{}", at.file, at.line, at.column)));
        let held = state.held.iter().map(|held| self.held(held, of)).collect();
        let (name, bytes) = (self.number(state.name), state.bytes);
        (name, bytes.held, bytes.free, state.needs, at, held)
    }

    fn held(&mut self, held: &HeldEntry<'_>, of: &FutureEntry<'_>) -> HeldRow {
        let declared = held.line.map(|line| match held.file.as_deref().or(of.file.as_deref()) {
            Some(file) => format!("{file}:{line}"),
            None => format!("line {line}"),
        });
        (
            self.number(held.written.unwrap_or(held.name)),
            self.number(held.kind.name()),
            held.ty.map(|ty| self.number(ty)),
            held.size,
            held.offset,
            declared.map(|declared| self.number(&declared)),
            held.why.as_ref().map(|why| self.number(&words(why))),
            held.future.map(|future| self.number(&of_target(future, of.target))),
        )
    }
}

/// In a report of several targets: `lib (thumbv6m-none-eabi)`.
fn of_target<'a>(text: &'a str, target: Option<&str>) -> Cow<'a, str> {
    target.map_or(text.into(), |target| format!("{text} ({target})").into())
}

/// `used later, line 17`.
fn words(why: &WhyEntry<'_>) -> String {
    let mut out = why.reason.replace('-', " ");
    match (&why.file, why.line) {
        (Some(file), Some(line)) => out.push_str(&format!(", {file}:{line}")),
        (None, Some(line)) => out.push_str(&format!(", line {line}")),
        _ => {}
    }
    if let Some(through) = why.through {
        out.push_str(&format!(", through {through}"));
    }
    if let Some(then) = &why.then {
        out.push_str("; ");
        out.push_str(&words(then));
    }
    out
}
