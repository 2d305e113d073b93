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
use crate::layout::Future;
use serde_json::Value;

/// All budgets of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budgets {
    pub(super) tables: Vec<Table>,
    /// All packages of the workspace.
    pub(super) packages: Vec<String>,
    /// What could not be understood, for the user.
    pub errors: Vec<String>,
}

/// One manifest's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The package it is about; `None` for all.
    pub(super) package: Option<String>,
    all: Option<Limit>,
    /// Pattern and limit.
    pub(super) some: Vec<(String, Limit)>,
}

/// Bytes, or explicitly none.
pub(super) type Limit = Option<u64>;

impl Table {
    pub(super) fn is_about(&self, package: &str) -> bool {
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

fn limit(value: &Value) -> Option<Limit> {
    match value {
        Value::Bool(false) => Some(None),
        _ => value.as_u64().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wrong_budgets_are_said_and_the_others_hold() {
        let table = json!({"budget": "large", "budgets": {"a": 3, "b": true}});
        let budgets = Budgets::read([], [(None, &table)]);
        assert_eq!(budgets.errors.len(), 2, "{:?}", budgets.errors);
        assert!(budgets.errors[0].contains("[workspace.metadata.futurelens] `budget`"));
        assert_eq!(budgets.tables[0].some, [("a".to_owned(), Some(3))]);
    }
}
