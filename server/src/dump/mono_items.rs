//! The list of instances that `-Zprint-mono-items` prints.

use super::names::CoroutineName;
use super::types::is_boxed_future;
use std::collections::HashMap;

/// What a line of the list begins with.
pub const PREFIX: &str = "MONO_ITEM ";

/// An instance that the compiler lists.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'a> {
    /// All that is printed of it.
    pub line: &'a str,
    /// The path if it is a fn: `a::B::<u8>::g`. None also if the line is of an unknown form.
    pub function: Option<&'a str>,
    /// The line is of a known form.
    pub is_understood: bool,
}

/// All that are listed.
pub fn instances(stdout: &str) -> impl Iterator<Item = Instance<'_>> {
    stdout.lines().filter_map(|line| line.strip_prefix(PREFIX)).map(|line| Instance {
        line,
        function: line.strip_prefix("fn ").and_then(|line| Some(line.split_once(" @@")?.0)),
        is_understood: line.contains(" @@"),
    })
}

/// The futures that a fn makes, and what `Box::pin` does, by the fn's path. The list of instances has the fn, but no
/// types that are only made by it.
pub fn makers<'a>(types: impl Iterator<Item = &'a str>) -> HashMap<String, Vec<&'a str>> {
    let mut makers: HashMap<String, Vec<&str>> = HashMap::new();
    for ty in types {
        let path = CoroutineName::parse(ty).and_then(|name| name.path.rsplit_once("::{closure#"));
        let pinned = ty.strip_prefix("std::pin::Pin<").filter(|_| is_boxed_future(ty));
        let boxed = pinned.and_then(|boxed| boxed.strip_suffix('>')).map(|boxed| format!("{boxed}::pin"));
        if let Some(maker) = boxed.or_else(|| path.map(|(maker, _)| as_in_types(maker))) {
            makers.entry(maker).or_default().push(ty);
        }
    }
    makers
}

/// A fn's path as it stands in the names of types: without the `::` before its arguments.
pub fn as_in_types(path: &str) -> String {
    path.replace("::<", "<")
}
