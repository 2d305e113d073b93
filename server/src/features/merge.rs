//! Several reports made one: of packages that were measured on several machines.

use super::record::{RecordError, check_schema};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Why reports cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct MergeError {
    /// Which report is to blame, from zero.
    pub index: usize,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It is none.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It was measured in another way than the first: compiler, profile or target; the first's, and its own.
    #[error("it is of {0} `{2}`, the first one of `{1}`: sizes of different {0}s do not belong together")]
    Differs(&'static str, String, String),
    /// It does not agree with another one on a future: identity, bytes there, bytes here.
    #[error("`{0}` takes {2} bytes here and {1} in another one: measure the same source everywhere")]
    Contradicts(String, u64, u64),
}

/// Joins reports. What is in several of them is there once; the order is that of a report of all.
///
/// # Errors
///
/// If one is no report, or they cannot be of one project measured in one way.
pub fn merge(reports: &[String]) -> Result<Value, MergeError> {
    let mut merged: Option<Value> = None;
    let mut futures: BTreeMap<Rank, Value> = BTreeMap::new();
    let mut missing = BTreeSet::new();
    let mut sizes: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for (index, text) in reports.iter().enumerate() {
        let wrong = |why: Why| MergeError { index, why };
        let no_report = |text: &str| wrong(RecordError::Json(text.to_owned()).into());
        let mut report: Value = serde_json::from_str(text).map_err(|error| no_report(&error.to_string()))?;
        check_schema(&report).map_err(|error| wrong(error.into()))?;
        let Value::Array(more) = report["futures"].take() else {
            return Err(no_report("it has no `futures`"));
        };
        missing.extend(report["missing"].as_array().into_iter().flatten().map(text_of));
        let first = merged.get_or_insert_with(|| report.clone());
        for what in ["compiler", "profile", "target"] {
            if first[what] != report[what] {
                return Err(wrong(Why::Differs(what, text_of(&first[what]), text_of(&report[what]))));
            }
        }
        for future in more {
            let size = future["size"].as_u64().ok_or_else(|| no_report("a future has no `size`"))?;
            // Of a report of several targets each future names its own. Reports of an older futurelens have no package.
            let [package, unit, id, target] = ["package", "unit", "id", "target"]
                .map(|field| future[field].as_str().unwrap_or_default().to_owned());
            let unit = format!("{unit} {target}");
            match sizes.insert((package.clone(), unit.clone(), id.clone()), size) {
                Some(first) if first != size => return Err(wrong(Why::Contradicts(id, first, size))),
                Some(_) => {}
                None => drop(futures.insert((Reverse(size), id, unit, package), future)),
            }
        }
    }
    let mut merged = merged.unwrap_or_default();
    merged["futures"] = futures.into_values().collect();
    if !missing.is_empty() {
        merged["missing"] = missing.into_iter().collect();
    }
    Ok(merged)
}

/// What a report is sorted by: bytes, identity, unit, package.
type Rank = (Reverse<u64>, String, String, String);

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(profile: &str, futures: &[(&str, u64)]) -> String {
        let futures: Vec<Value> =
            futures.iter().map(|(id, size)| json!({ "id": id, "unit": "lib", "size": size })).collect();
        let json =
            json!({ "schema": 1, "compiler": "c", "profile": profile, "target": "t", "futures": futures });
        json.to_string()
    }

    #[test]
    fn what_two_measured_is_there_once_and_in_order() {
        let whole = report("release", &[("b", 9), ("c", 9), ("a", 4)]);
        let merged =
            merge(&[report("release", &[("c", 9), ("a", 4)]), report("release", &[("b", 9), ("c", 9)])]);
        assert_eq!(merged, Ok(serde_json::from_str(&whole).expect("it is JSON")));
    }

    #[test]
    fn packages_may_have_futures_of_one_name() {
        let of = |package: &str, size: u64| {
            let future = json!({ "id": "t::f", "unit": "test t", "package": package, "size": size });
            let futures = [future];
            let json = json!({ "schema": 1, "compiler": "c", "profile": "release", "target": "t", "futures": futures });
            json.to_string()
        };
        let merged = merge(&[of("p", 4), of("q", 9)]).expect("they are two futures");
        assert_eq!(merged["futures"].as_array().map(Vec::len), Some(2));
        assert!(merge(&[of("p", 4), of("p", 9)]).is_err());
    }

    #[test]
    fn what_does_not_belong_together_is_said() {
        let a = report("release", &[("a", 4)]);
        let said = |other: &str| merge(&[a.clone(), other.to_owned()]).expect_err(other).to_string();
        assert!(said(&report("dev", &[])).contains("of profile `dev`, the first one of `release`"));
        assert!(said(&report("release", &[("a", 5)])).contains("`a` takes 5 bytes here and 4"));
        assert!(said("{}").contains("no `schema`"));
        assert!(said(r#"{"schema": 2}"#).contains("newer"));
        assert!(said(r#"{"schema": 1}"#).contains("no `futures`"));
        assert!(said("").contains("no report"));
    }
}
