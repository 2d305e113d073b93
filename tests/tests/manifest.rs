//! The VS Code extension offers every setting of the server, with its type and its default, and no other.

use futurelens::lsp::config::Config;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What only the extension reads.
const OWN: [&str; 1] = ["server.path"];

/// The settings in the extension's manifest, without `futurelens.` before them.
fn offered() -> BTreeMap<String, Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vscode-extension/package.json");
    let text = std::fs::read_to_string(path).expect("the extension has a manifest");
    let manifest: Value = serde_json::from_str(&text).expect("the manifest is JSON");
    let properties = manifest["contributes"]["configuration"]["properties"].as_object().expect("settings");
    properties
        .iter()
        .map(|(key, schema)| {
            let key = key.strip_prefix("futurelens.").unwrap_or_else(|| panic!("{key} is not one of ours"));
            (key.to_owned(), schema.clone())
        })
        .collect()
}

/// The server's settings with their defaults.
fn declared() -> BTreeMap<String, Value> {
    fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
        match value {
            // An empty one is a setting that is a map.
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    flatten(&key, value, into);
                }
            }
            _ => {
                into.insert(prefix.to_owned(), value.clone());
            }
        }
    }
    let mut all = BTreeMap::new();
    flatten("", &serde_json::to_value(Config::default()).expect("settings are JSON"), &mut all);
    all
}

/// What the server says to one setting with this value.
fn take(key: &str, value: Value) -> Result<(), String> {
    let nested =
        key.rsplit('.').fold(value, |inner, part| Value::Object(Map::from_iter([(part.to_owned(), inner)])));
    Config::from_json(&nested).map(|_| ())
}

/// One value of each type of JSON.
fn samples() -> [(&'static str, Value); 6] {
    [
        ("boolean", json!(true)),
        ("integer", json!(7)),
        ("string", json!("release")),
        ("array", json!(["word"])),
        ("object", json!({"NAME": "value"})),
        ("null", Value::Null),
    ]
}

/// The types that a schema admits, and the words if they are counted.
fn admitted(schema: &Value) -> (BTreeSet<String>, Option<BTreeSet<String>>) {
    if let Some(ways) = schema["anyOf"].as_array() {
        let ways: Vec<_> = ways.iter().map(admitted).collect();
        let words: BTreeSet<String> = ways.iter().filter_map(|(_, words)| words.clone()).flatten().collect();
        let types = ways.into_iter().flat_map(|(types, _)| types).collect();
        return (types, (!words.is_empty()).then_some(words));
    }
    let strings = |value: &Value| -> BTreeSet<String> {
        let all = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
    };
    let words = schema.get("enum").map(strings);
    (strings(&schema["type"]), words)
}

#[test]
fn every_setting_of_the_server_is_offered_and_no_other() {
    let mut offered: BTreeSet<String> = offered().into_keys().collect();
    for own in OWN {
        assert!(offered.remove(own), "{own}");
    }
    assert_eq!(offered, declared().into_keys().collect());
}

#[test]
fn defaults_are_the_servers() {
    let offered = offered();
    for (key, default) in declared() {
        assert_eq!(offered[&key]["default"], default, "{key}");
    }
}

#[test]
fn types_are_the_servers() {
    let offered = offered();
    let declared = declared();
    for (key, default) in &declared {
        let (types, words) = admitted(&offered[key]);
        for (name, value) in samples() {
            // The server takes `null` for anything that is not set; it is offered where it is the default.
            let is_taken = match (name, &words) {
                ("null", _) => default.is_null(),
                ("string", Some(words)) => words.iter().all(|word| take(key, json!(word)).is_ok()),
                _ => take(key, value).is_ok(),
            };
            assert_eq!(types.contains(name), is_taken, "{key} as {name}");
        }
    }
}

#[test]
fn words_are_the_servers() {
    for (key, schema) in offered() {
        let (_, Some(words)) = admitted(&schema) else { continue };
        let error = take(&key, json!("no such word")).expect_err(&key);
        // "unknown variant `no such word`, expected one of `large`, `all`, `off`"
        let known: BTreeSet<String> =
            error.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect();
        if !known.is_empty() {
            assert_eq!(words, known, "{key}");
        }
    }
    let free: Vec<String> = declared()
        .into_iter()
        .filter(|(key, default)| default.is_string() && take(key, json!("no such word")).is_err())
        .map(|(key, _)| key)
        .filter(|key| admitted(&offered()[key]).1.is_none())
        .collect();
    assert!(free.is_empty(), "not every word is taken, but all are offered: {free:?}");
}

#[test]
fn every_setting_is_described() {
    for (key, schema) in offered() {
        let text = schema.get("description").or_else(|| schema.get("markdownDescription"));
        assert!(text.and_then(Value::as_str).is_some_and(|text| text.len() > 10), "{key}");
    }
}
