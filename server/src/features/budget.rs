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

use crate::layout::Future;
use serde_json::Value;

/// All budgets of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budgets {
    tables: Vec<Table>,
    /// What could not be understood, for the user.
    pub errors: Vec<String>,
}

/// One manifest's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    /// The crates it is about; `None` for all.
    crates: Option<Vec<String>>,
    all: Option<Limit>,
    /// Pattern and limit.
    some: Vec<(String, Limit)>,
}

/// Bytes, or explicitly none.
type Limit = Option<u64>;

impl Budgets {
    /// Reads the `futurelens` tables of the manifests: the crates each is about (`None`: the whole
    /// workspace), and the table.
    pub fn read<'a>(manifests: impl IntoIterator<Item = (Option<&'a [String]>, &'a Value)>) -> Self {
        let mut budgets = Budgets::default();
        for (crates, settings) in manifests {
            let whose = if crates.is_some() { "package" } else { "workspace" };
            let mut table = Table { crates: crates.map(<[String]>::to_vec), all: None, some: Vec::new() };
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
        budgets.tables.sort_by_key(|table| table.crates.is_none());
        budgets
    }

    /// The budget of a future in bytes; `default` where no manifest has one for it.
    pub fn of(&self, future: &Future, default: Option<u64>) -> Option<u64> {
        let tables = || {
            self.tables.iter().filter(|table| match &table.crates {
                Some(crates) => crates.iter().any(|krate| **krate == *future.krate),
                None => true,
            })
        };
        for table in tables() {
            let fits = table.some.iter().filter(|(pattern, _)| {
                matches(pattern, &future.name)
                    || pattern
                        .strip_prefix(&*future.krate)
                        .and_then(|rest| rest.strip_prefix("::"))
                        .is_some_and(|pattern| matches(pattern, &future.name))
            });
            if let Some((_, limit)) = fits.max_by_key(|(pattern, _)| pattern.len()) {
                return *limit;
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
        let budgets = Budgets::read([(None, &table)]);
        assert_eq!(budgets.errors.len(), 2, "{:?}", budgets.errors);
        assert!(budgets.errors[0].contains("[workspace.metadata.futurelens] `budget`"));
        assert_eq!(budgets.tables[0].some, [("a".to_owned(), Some(3))]);
    }
}
