//! What fails a check: futures over their budget, and futures that grew since the baseline.

mod github;
mod sarif;

pub use github::github;
pub use sarif::sarif;

use super::growth::{Comparison, Thing, What};
use super::record::{Key, Measured, Recorded, Recording};
use super::snapshot::Snapshot;
use crate::render::one_line;
use crate::render::size::{self, exact, in_full};
use serde::Serialize;
use std::fmt::Write as _;
use std::str::FromStr;

/// How much a future may grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// Bytes.
    Bytes(u64),
    /// Of what it was.
    Percent(f64),
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither a number of bytes (`64`) nor a share (`5%`)");
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| wrong())?;
                if percent.is_finite() && percent >= 0.0 { Ok(Self::Percent(percent)) } else { Err(wrong()) }
            }
            None => text.parse().map(Self::Bytes).map_err(|_| wrong()),
        }
    }
}

impl Tolerance {
    /// How many bytes a future of `size` bytes may grow.
    fn bytes(self, size: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            // Whole bytes, rounded down; a size is far below what a float holds exactly.
            Self::Percent(percent) => (size as f64 * percent / 100.0) as u64,
        }
    }
}

/// What fails the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// It grew since the baseline.
    Grown,
    /// It takes more than its budget.
    OverBudget,
}

impl Rule {
    /// All of them.
    const ALL: [Rule; 2] = [Rule::Grown, Rule::OverBudget];

    fn name(self) -> &'static str {
        match self {
            Rule::Grown => "grown",
            Rule::OverBudget => "over-budget",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Rule::Grown => "Future grew since the baseline",
            Rule::OverBudget => "Future over its budget",
        }
    }
}

/// One future that fails.
#[derive(Debug, Clone, Serialize)]
pub struct Finding<'a> {
    /// Why.
    pub rule: Rule,
    /// Path and instance.
    pub name: &'a str,
    /// `async fn`, …
    pub kind: &'a str,
    /// The crate its body is in.
    #[serde(rename = "crate")]
    pub krate: &'a str,
    /// The package of the unit. Two packages may have units of one name.
    pub package: &'a str,
    /// The unit that was compiled: `lib`, `bin NAME`, …
    pub unit: &'a str,
    /// Survives line moves.
    pub id: &'a str,
    /// Relative to the workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'a str>,
    /// One-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// One-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// Bytes.
    pub size: u64,
    /// Bytes it takes in the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Bytes it may take.
    pub limit: u64,
    /// What it holds that changed; of a future over its budget the largest things.
    pub held: Vec<Thing<'a>>,
    /// The same in words, what is to blame first.
    #[serde(skip)]
    pub culprits: Vec<String>,
}

impl Finding<'_> {
    /// `async fn a::f takes 1,520 bytes, 1,024 more than in the baseline (496)`.
    pub fn message(&self) -> String {
        let Self { kind, name, size, before, limit, .. } = self;
        let size_text = in_full(*size);
        match before {
            Some(before) => {
                let by = exact(size.saturating_sub(*before));
                format!(
                    "{kind} {name} takes {size_text}, {by} more than in the baseline ({})",
                    exact(*before)
                )
            }
            None => {
                let by = exact(size.saturating_sub(*limit));
                format!("{kind} {name} takes {size_text}, {by} more than its budget of {}", exact(*limit))
            }
        }
    }
}

/// The outcome of a check.
#[derive(Debug, Serialize)]
pub struct Check<'a> {
    schema: u32,
    compiler: &'a str,
    profile: &'a str,
    target: &'a str,
    /// Nothing was found, and nothing is missing.
    pub passed: bool,
    /// What was not measured since it does not compile, as cargo calls it; absent if there is nothing of that kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// How many futures were looked at.
    futures: usize,
    /// What fails, worst first.
    pub findings: Vec<Finding<'a>>,
    /// Futures that are in the baseline under another path, in the same size.
    renamed: usize,
    /// Futures that are not in the baseline.
    new: usize,
    /// Futures that are in the baseline only.
    gone: usize,
    /// The baseline's compiler, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline_compiler: Option<&'a str>,
}

/// What is asked for.
pub struct Question<'a> {
    /// Everything measured.
    pub snapshot: &'a Snapshot,
    /// The same, as it is compared.
    pub record: &'a Recording,
    /// Bytes a future may take where the manifests say nothing.
    pub budget: Option<u64>,
    /// The baseline's compiler, and what changed since.
    pub baseline: Option<(&'a Measured, &'a Comparison<'a>)>,
    /// How much a future may grow.
    pub tolerance: Tolerance,
}

/// Checks every future of the workspace.
pub fn check<'a>(question: &Question<'a>) -> Check<'a> {
    let Question { snapshot, record, .. } = question;
    let mut findings: Vec<Finding<'a>> = grown(question);
    findings.extend(over_budget(question));
    let count = |what: What| {
        let changes = question.baseline.map_or(&[][..], |(_, comparison)| &comparison.changes);
        changes.iter().filter(|change| change.what == what).count()
    };
    let compiler: &'a str = &record.measured.compiler;
    let baseline_compiler = question.baseline.map(|(measured, _)| &*measured.compiler);
    Check {
        schema: super::report::SCHEMA,
        compiler,
        profile: &snapshot.profile,
        target: &snapshot.target,
        passed: findings.is_empty(),
        missing: Vec::new(),
        futures: record.futures.len(),
        findings,
        renamed: question.baseline.map_or(0, |(_, comparison)| comparison.renamed),
        new: count(What::New),
        gone: count(What::Gone),
        baseline_compiler: baseline_compiler.filter(|other| !other.is_empty() && *other != compiler),
    }
}

fn finding<'a>(rule: Rule, key: &'a Key, future: &'a Recorded) -> Finding<'a> {
    let place = future.place.as_ref();
    Finding {
        rule,
        name: &future.name,
        kind: &future.kind,
        krate: key.krate(),
        package: &key.package,
        unit: &key.unit,
        id: &key.id,
        file: place.map(|place| &*place.file),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        size: future.size,
        before: None,
        limit: 0,
        held: Vec::new(),
        culprits: Vec::new(),
    }
}

fn grown<'a>(question: &Question<'a>) -> Vec<Finding<'a>> {
    let Some((_, comparison)) = question.baseline else { return Vec::new() };
    let grown = comparison.changes.iter().filter_map(|change| {
        let (before, after) = (change.before?, change.after?);
        let limit = before.size.saturating_add(question.tolerance.bytes(before.size));
        (after.size > limit).then(|| Finding {
            before: Some(before.size),
            limit,
            held: change.things.clone(),
            culprits: change.culprits(),
            ..finding(Rule::Grown, change.key, after)
        })
    });
    grown.collect()
}

fn over_budget<'a>(question: &Question<'a>) -> Vec<Finding<'a>> {
    let mut found = Vec::new();
    for placed in question.snapshot.futures(false) {
        let future = &placed.future;
        let Some(limit) = question.snapshot.budgets.of(future, question.budget) else { continue };
        let key = Key::of(future);
        if future.size <= limit {
            continue;
        }
        let Some((key, recorded)) = question.record.futures.get_key_value(&key) else { continue };
        let mut held: Vec<Thing<'a>> = recorded
            .held
            .iter()
            .map(|(name, &size)| Thing { name, before: None, after: Some(size) })
            .collect();
        held.sort_by_key(|thing| std::cmp::Reverse(thing.after));
        held.truncate(3);
        let culprits = held
            .iter()
            .map(|thing| format!("{}: {}", thing.name, in_full(thing.after.unwrap_or(0))))
            .collect();
        found.push(Finding { limit, held, culprits, ..finding(Rule::OverBudget, key, recorded) });
    }
    found
}

impl Check<'_> {
    /// The outcome if this was not measured: then it has not passed.
    #[must_use]
    pub fn without(self, missing: Vec<String>) -> Self {
        Check { passed: false, missing, ..self }
    }

    /// The triple that was measured for.
    pub fn target(&self) -> &str {
        self.target
    }

    /// For people.
    ///
    /// ```text
    /// error: async fn cmd::set::Set::apply takes 1,520 bytes, 1,024 more than in the baseline (496)
    ///   --> src/cmd/set.rs:128:18
    ///   buffer: 1,024 bytes, new
    ///
    /// 1 of 50 futures fails: 1 grown, 0 over budget (2 new since the baseline, 0 gone, 1 renamed)
    /// ```
    pub fn text(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let _ = writeln!(out, "error: {}", one_line(&finding.message()));
            if let (Some(file), Some(line), Some(column)) = (finding.file, finding.line, finding.column) {
                let _ = writeln!(out, "  --> {}:{line}:{column}", one_line(file));
            }
            for culprit in &finding.culprits {
                let _ = writeln!(out, "  {}", one_line(culprit));
            }
            out.push('\n');
        }
        if let Some(other) = self.baseline_compiler {
            let _ =
                writeln!(out, "note: the baseline was measured with {other}, this with {}", self.compiler);
        }
        let _ = writeln!(out, "{}", self.summary());
        out
    }

    fn summary(&self) -> String {
        let count = |rule: Rule| self.findings.iter().filter(|finding| finding.rule == rule).count();
        let (grown, over) = (count(Rule::Grown), count(Rule::OverBudget));
        let Self { futures, new, gone, renamed, .. } = self;
        let all = size::count(*futures, "future");
        let mut out = match self.findings.is_empty() {
            true => format!("{all}: none is over its budget, none grew"),
            false => format!("{all}: {grown} grew, {over} over budget"),
        };
        if (*new, *gone, *renamed) != (0, 0, 0) {
            let _ = write!(out, " (since the baseline: {new} new, {gone} gone, {renamed} renamed)");
        }
        out
    }
}
