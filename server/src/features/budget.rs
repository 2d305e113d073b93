//! How large a future may be.
//!
//! ```toml
//! [workspace.metadata.futurelens]     # or package.metadata.futurelens
//! budget = 4096                       # bytes, for every future
//!
//! [workspace.metadata.futurelens.budgets]
//! "server::Handler::*" = 2048         # by path; `*` stands for anything; the longest that fits counts
//! "main" = false                      # no budget
//! ```

use super::called::Called;
use super::find::suggestions;
use super::snapshot::Snapshot;
use crate::layout::Future;
use serde_json::Value;

/// All budgets of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budgets {
    tables: Vec<Table>,
    /// All packages of the workspace.
    packages: Vec<String>,
    /// What could not be understood, for the user.
    pub errors: Vec<String>,
}

/// One manifest's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    /// The package it is about; `None` for all.
    package: Option<String>,
    all: Option<Limit>,
    /// Pattern and limit.
    some: Vec<(String, Limit)>,
}

/// Bytes, or explicitly none.
type Limit = Option<u64>;

impl Table {
    fn is_about(&self, package: &str) -> bool {
        self.package.as_ref().is_none_or(|own| own == package)
    }
}

impl Budgets {
    /// Reads the `futurelens` tables of the manifests: the package each is about (`None`: the whole
    /// workspace), and the table. `packages`: all of the workspace.
    pub fn read<'a>(
        packages: impl IntoIterator<Item = &'a str>,
        manifests: impl IntoIterator<Item = (Option<&'a str>, &'a Value)>,
    ) -> Self {
        let packages = packages.into_iter().map(str::to_owned).collect();
        let mut budgets = Budgets { packages, ..Budgets::default() };
        for (package, settings) in manifests {
            let whose = if package.is_some() { "package" } else { "workspace" };
            let mut table = Table { package: package.map(str::to_owned), all: None, some: Vec::new() };
            let mut wrong = |key: &str| {
                let text = format!(
                    "Cargo.toml: [{whose}.metadata.futurelens] `{key}` must be a number of bytes, or `false` \
                     for no budget"
                );
                budgets.errors.push(text);
            };
            for (key, value) in settings.as_object().into_iter().flatten() {
                match (key.as_str(), value) {
                    ("budget", value) => match limit(value) {
                        Some(limit) => table.all = Some(limit),
                        None => wrong("budget"),
                    },
                    ("budgets", Value::Object(entries)) => {
                        for (pattern, value) in entries {
                            match limit(value) {
                                Some(limit) => table.some.push((pattern.clone(), limit)),
                                None => wrong(&format!("budgets.{pattern}")),
                            }
                        }
                    }
                    ("budgets", _) => wrong("budgets"),
                    // Other tools and later versions may have settings there.
                    _ => {}
                }
            }
            budgets.tables.push(table);
        }
        // A package's own word comes before the workspace's.
        budgets.tables.sort_by_key(|table| table.package.is_none());
        budgets
    }

    /// The budget of a future in bytes; `default` where no manifest has one for it.
    pub fn of(&self, future: &Future, default: Option<u64>) -> Option<u64> {
        let package = future.body.as_ref().map_or(&future.package, |body| &body.package);
        let tables = || self.tables.iter().filter(|table| table.is_about(package));
        for table in tables().filter(|table| !table.some.is_empty()) {
            let called = Called::future(future);
            let longest = |fits: &dyn Fn(&str) -> bool| {
                let some = table.some.iter().filter(|(pattern, _)| fits(pattern));
                some.max_by_key(|(pattern, _)| pattern.len()).map(|(_, limit)| *limit)
            };
            // What a macro made in a fn has no name that anyone would write down.
            let limit = longest(&|pattern| called.fits(pattern));
            if let Some(limit) = limit.or_else(|| longest(&|pattern| called.is_part_of(pattern))) {
                return limit;
            }
        }
        tables().find_map(|table| table.all).unwrap_or(default)
    }
}

/// Keys of budgets that are the name of nothing, each as a warning. Nothing is said of a package that was not measured.
pub fn unused(snapshot: &Snapshot) -> Vec<String> {
    let budgets = &snapshot.budgets;
    let measured = snapshot.packages();
    let mut warnings = Vec::new();
    for table in budgets.tables.iter().filter(|table| !table.some.is_empty()) {
        let mut packages = budgets.packages.iter().filter(|package| table.is_about(package));
        if !packages.all(|package| measured.contains(package.as_str())) {
            continue;
        }
        // Generic ones may have no instance; and there may be futures without a body that is known.
        let bodies = snapshot.bodies().filter(|body| table.is_about(&body.package));
        let futures = snapshot.futures(false).map(|placed| &placed.future);
        let futures = futures.filter(|future| future.body.is_none() && table.is_about(&future.package));
        let called =
            bodies.map(|body| Called::body(body)).chain(futures.map(|future| Called::future(future)));
        let called: Vec<Called<'_>> = called.collect();
        for (pattern, _) in &table.some {
            if called.iter().any(|called| called.fits(pattern)) {
                continue;
            }
            let whose = if table.package.is_some() { "package" } else { "workspace" };
            let meant = suggestions(snapshot, pattern).into_iter().next();
            let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            warnings.push(format!(
                "Cargo.toml: [{whose}.metadata.futurelens.budgets] no future that was measured is called \
                 `{pattern}`{meant}"
            ));
        }
    }
    warnings
}

fn limit(value: &Value) -> Option<Limit> {
    match value {
        Value::Bool(false) => Some(None),
        _ => value.as_u64().map(Some),
    }
}

/// Does `*` in the pattern cover the rest of the name? Linear in both, whatever the pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(part) => rest.ends_with(part),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_cover_names() {
        for (pattern, name, fits) in [
            ("a::b", "a::b", true),
            ("a::b", "a::b::c", false),
            ("a::*", "a::b::c", true),
            ("*::run", "a::b::run", true),
            ("*b*c", "abxc", true),
            ("*b*c", "acxb", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn wrong_budgets_are_said_and_the_others_hold() {
        let table = json!({"budget": "large", "budgets": {"a": 3, "b": true}});
        let budgets = Budgets::read([], [(None, &table)]);
        assert_eq!(budgets.errors.len(), 2, "{:?}", budgets.errors);
        assert!(budgets.errors[0].contains("[workspace.metadata.futurelens] `budget`"));
        assert_eq!(budgets.tables[0].some, [("a".to_owned(), Some(3))]);
    }
}
