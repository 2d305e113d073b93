//! What compilers say differently, and why.

use serde_json::Value;
use std::fmt;

/// A difference that has a reason.
pub struct Change {
    /// The first minor version that says it so: 99 for 1.99.
    pub since: u32,
    /// In which project.
    pub project: &'static str,
    /// What the future's identity, or the edit, has in it: one of these.
    pub of: &'static [&'static str],
    /// The compiler's reason.
    pub why: &'static str,
}

/// All of them, each seen and looked into.
pub const CHANGES: &[Change] = &[
    Change { since: 86, project: "places", of: &["streams::boxed::"], why: LISTED },
    Change {
        since: 86,
        project: "mini-redis",
        of: &[
            "subscribe_to_channel::{closure#0}::{closure#0}",
            "server::{impl#0}::run::{closure#0}::{closure#0}",
            "server::Listener::run::{closure#0}::{closure#0}",
        ],
        why: LISTED,
    },
    Change { since: 86, project: "places", of: &["wrapped::inside::{closure#0}::{closure#3}"], why: LISTED },
    Change { since: 99, project: "places", of: &["outside::declared::"], why: PINNED },
    Change { since: 99, project: "why", of: &["pinned_and_polled::", "polled_in_a_loop::"], why: PINNED },
    Change { since: 99, project: "places", of: &["wrapped::closures::"], why: SOURCES },
    Change { since: 101, project: "places", of: &["wrapped::closures::"], why: SOURCES },
    Change { since: 86, project: "places", of: UNUSED, why: EAGER },
    Change { since: 95, project: "places", of: UNUSED, why: EAGER },
    Change { since: 95, project: "places", of: &["macros::async_in_arguments::"], why: PIECES },
    Change { since: 95, project: "mini-redis", of: &["subscribe::{impl#0}::apply::"], why: PIECES },
    Change { since: 99, project: "places", of: &["macros::async_in_arguments::"], why: SCRUTINEE },
    Change {
        since: 99,
        project: "mini-redis",
        of: &[
            "buffer::buffer",
            "buffer::run",
            "client::{impl#1}::into_stream::",
            "cmd::subscribe::",
            "cmd::{impl#0}::apply::",
            "cmd::Command::apply",
            "server::run::",
            "server::{impl#0}::run::",
            "server::{impl#1}::run::",
            "server::Handler::run",
            "server::Listener::run",
        ],
        why: SCRUTINEE,
    },
];

/// Futures of `places` that nothing uses.
const UNUSED: &[&str] = &[
    "attributes::Service::twice",
    "functions::many_lines",
    "impls::Apply::by_default",
    "impls::Apply::desugared",
];

const LISTED: &str = "1.85 finds no instances in the body of an async fn that nothing polls";
const EAGER: &str = "1.86 to 1.88 list all instances only if those count that nothing uses";
const PIECES: &str =
    "what is printed is not kept in an array of pieces any more while an argument is awaited";
const PINNED: &str = "std's `pin!` keeps what it pins in a variable of its own";
const SOURCES: &str =
    "a closure of a macro is named after the macro's file, and std's files after the compiler";
const SCRUTINEE: &str = "what a `match`, an `if let` or a `for` has moved out of is not stored any more";

/// One difference.
pub struct Difference {
    /// `new`, `gone`, `future` or `edit`.
    kind: &'static str,
    of: String,
    how: String,
}

impl Change {
    /// Did it come between these two, which `-vV` lines name?
    pub fn is_between(&self, old: &str, new: &str) -> bool {
        let minor = |version: &str| version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
        let (Some(old), Some(new)) = (minor(old), minor(new)) else { return false };
        old < self.since && self.since <= new
    }

    /// Is it this one?
    pub fn explains(&self, difference: &Difference) -> bool {
        self.of.iter().any(|of| difference.of.contains(of))
    }
}

impl Difference {
    /// A future that is laid out, placed or explained otherwise.
    pub fn of_future(id: &str, old: &Value, new: &Value) -> Self {
        let mut differing = Vec::new();
        compare("", old, new, &mut differing);
        differing.truncate(6);
        Difference { kind: "future", of: id.to_owned(), how: differing.join("; ") }
    }

    /// A future that only the older one has.
    pub fn gone(id: &str) -> Self {
        Difference { kind: "gone", of: id.to_owned(), how: "gone".to_owned() }
    }

    /// A future that only the newer one has.
    pub fn new(id: &str) -> Self {
        Difference { kind: "new", of: id.to_owned(), how: "new".to_owned() }
    }

    /// An edit that only one of them offers.
    pub fn of_edit(edit: &str, is_new: bool) -> Self {
        let how = if is_new { "offered by the newer only" } else { "offered by the older only" };
        Difference { kind: "edit", of: edit.to_owned(), how: how.to_owned() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.kind, self.of, self.how)
    }
}

fn compare(path: &str, old: &Value, new: &Value, differing: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
            for key in keys {
                let at = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&format!("{path}.{key}"), &at(old), &at(new), differing);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter()
                .zip(b)
                .enumerate()
                .for_each(|(at, (a, b))| compare(&format!("{path}[{at}]"), a, b, differing));
        }
        (Value::Array(a), Value::Array(b)) => {
            differing.push(format!("{path}: {} and {} of them", a.len(), b.len()));
        }
        (old, new) if old != new => differing.push(format!("{path}: {old} and {new}")),
        _ => {}
    }
}

/// The second body of an async closure is `{closure#1}` up to 1.88 and `{synthetic#0}` later.
pub fn without_numbers(text: &str) -> String {
    text.replace("{synthetic#0}", "{closure#1}")
}

/// The same in every text of a value.
pub fn without_numbers_of_closures(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_numbers(text),
        Value::Array(list) => list.iter_mut().for_each(without_numbers_of_closures),
        Value::Object(map) => map.values_mut().for_each(without_numbers_of_closures),
        _ => {}
    }
}
