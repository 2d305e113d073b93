//! Edits that certainly change a size.

use super::server::is_number;
use futurelens_tests::editor::{Editor, Hint, byte_offset};
use futurelens_tests::project::files;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A concrete async fn with an await.
pub struct Target {
    pub file: PathBuf,
    /// Where its hint is.
    pub at: (usize, usize),
    pub label: String,
    /// Bytes into the text: after the brace that opens its body.
    body: usize,
}

impl Target {
    /// The text with something more held across every await. Every size above 102 bytes shows in a hint
    /// (`12.4 KiB`); those below 256 are not worth trying to save in the background.
    pub fn edited(&self, text: &str, number: usize) -> String {
        let count = 5 + number % 6;
        let (before, after) = text.split_at(self.body);
        // What needs dropping is held up to the end of the fn.
        let ty = format!("[::std::string::String; {count}]");
        let value = "::std::array::from_fn(|_| ::std::string::String::new());";
        match number % 2 {
            0 => format!("{before} let _held: {ty} = {value}{after}"),
            _ => format!("{before}\n    let _held: {ty} =\n        {value}{after}"),
        }
    }
}

/// The sources with the most async fns: one of each package, then others.
pub fn busiest_files(root: &Path, count: usize) -> Vec<PathBuf> {
    let sources = files(root).into_iter().filter(|path| {
        path.extension().is_some_and(|extension| extension == "rs")
            && path.components().any(|part| part.as_os_str() == "src")
            && !path.starts_with(root.join("target"))
            && !path.file_name().is_some_and(|name| name.to_string_lossy().contains("test"))
    });
    let mut found: Vec<(usize, PathBuf)> = sources
        .map(|path| (code(&fs::read_to_string(&path).unwrap_or_default()).matches("async fn ").count(), path))
        .filter(|(fns, _)| *fns > 0)
        .collect();
    found.sort_by_key(|(fns, path)| (Reverse(*fns), path.clone()));
    let mut packages = HashSet::new();
    let package =
        |path: &Path| path.ancestors().find(|dir| dir.join("Cargo.toml").exists()).map(Path::to_owned);
    let (first, others): (Vec<_>, Vec<_>) =
        found.into_iter().map(|(_, path)| path).partition(|path| packages.insert(package(path)));
    first.into_iter().chain(others).take(count).collect()
}

/// Without the unit tests below it.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// What can be edited in files that are open.
pub fn targets(editor: &mut Editor, texts: &BTreeMap<PathBuf, String>) -> Vec<Target> {
    let mut targets = Vec::new();
    for (file, text) in texts {
        let (_, hints) = editor.shown_hints(file);
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        for hint in hints.iter().filter(|hint| is_number(hint) && !hint.label.contains('(')) {
            let line = text.lines().nth(hint.line).unwrap_or_default();
            let at = starts[hint.line] + byte_offset(line, hint.character, &editor.encoding);
            if let Some(body) = body_of(text, at) {
                targets.push(target(file, hint, body));
            }
        }
    }
    targets
}

fn target(file: &Path, hint: &Hint, body: usize) -> Target {
    Target { file: file.to_owned(), at: (hint.line, hint.character), label: hint.label.clone(), body }
}

/// The body of the async fn whose hint is at this place, if it awaits something.
fn body_of(text: &str, hint: usize) -> Option<usize> {
    let (before, after) = text.split_at(hint);
    let signature = &before[before.rfind("async")?..];
    let body = hint + after.find('{').filter(|at| after[..*at].trim().is_empty())? + 1;
    // As far as braces tell: those of strings come in pairs, mostly.
    let mut depth = 1;
    let end = text[body..].char_indices().find_map(|(at, c)| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        (depth == 0).then_some(at)
    })?;
    let is_fn = signature.starts_with("async fn ") || signature.starts_with("async unsafe fn ");
    (is_fn && text[body..body + end].contains(".await")).then_some(body)
}
