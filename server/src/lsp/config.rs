//! What the user can set. Every option is declared here and nowhere else.

use crate::compiler::{Request, Selection};
use crate::features::cache_line::CacheLine;
use crate::features::hints::{Awaits, HintSettings};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// See [`Config::trusted`].
const TRUSTED: &str = "trusted";

/// The settings under `futurelens.` in every editor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Compiler that measures: `auto` (the newest installed nightly, else the project's own with
    /// `RUSTC_BOOTSTRAP=1`) or the name of a rustup toolchain.
    pub toolchain: String,
    /// Cargo profile to measure: `release`, `dev` or one of the project's own.
    pub profile: String,
    /// How cargo is run.
    pub cargo: CargoConfig,
    /// When to measure.
    pub build: BuildConfig,
    /// Inlay hints.
    pub hints: HintsConfig,
    /// How large a future may be.
    pub budget: BudgetConfig,
    /// The machine's cache lines.
    pub cache_line: CacheLineConfig,
}

/// `futurelens.cargo.*`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CargoConfig {
    /// Features to enable; `"all"` for all of them.
    pub features: Features,
    /// Measure tests, examples and benches too.
    pub all_targets: bool,
    /// Target triple to measure for; the project's own default if not set.
    pub target: Option<String>,
    /// Where size builds keep their files; `futurelens` in the project's target directory if not set.
    pub target_dir: Option<String>,
    /// Environment variables for cargo and the compiler.
    pub extra_env: BTreeMap<String, String>,
}

/// A list of features, or `"all"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Features {
    /// `"all"`
    Word(AllWord),
    /// `["a", "b"]`
    List(Vec<String>),
}

impl Default for Features {
    fn default() -> Self {
        Features::List(Vec::new())
    }
}

/// The word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AllWord {
    /// `"all"`
    All,
}

/// `futurelens.build.*`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildConfig {
    /// Measure when a file is saved.
    pub on_save: bool,
    /// Measure when a project is opened.
    pub on_open: bool,
    /// Measure text that is not saved, too, after each pause in typing.
    pub as_you_type: bool,
}

impl Default for BuildConfig {
    fn default() -> Self {
        BuildConfig { on_save: true, on_open: true, as_you_type: false }
    }
}

/// `futurelens.hints.*`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct HintsConfig {
    /// Show sizes beside the code.
    pub enable: bool,
    /// Futures smaller than this many bytes get no hint.
    pub min_bytes: u64,
    /// Which `.await`s get one: `large` (at least half of the future), `all` or `off`.
    pub awaits: Awaits,
    /// Say the sizes as diagnostics, too, for editors that show the hints of one server only.
    pub as_diagnostics: bool,
}

impl Default for HintsConfig {
    fn default() -> Self {
        HintsConfig { enable: true, min_bytes: 0, awaits: Awaits::default(), as_diagnostics: false }
    }
}

/// `futurelens.budget.*`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetConfig {
    /// Bytes a future may take where `Cargo.toml` says nothing; none if not set.
    pub bytes: Option<u64>,
    /// Severity of all diagnostics: `hint`, `information`, `warning`, `error` or `off`.
    pub severity: Severity,
}

/// How loud diagnostics are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Barely visible.
    #[default]
    Hint,
    /// Listed.
    Information,
    /// Yellow.
    Warning,
    /// Red.
    Error,
    /// Not at all.
    Off,
}

/// `futurelens.cacheLine.*`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheLineConfig {
    /// Bytes of a cache line, `off` to show nothing of cache lines, or `auto`: what the target has.
    #[serde(deserialize_with = "cache_line")]
    pub bytes: CacheLine,
}

/// Says which setting is wrong.
fn cache_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CacheLine, D::Error> {
    let named = |error| serde::de::Error::custom(format!("cacheLine.bytes: {error}"));
    CacheLine::deserialize(deserializer).map_err(|error: D::Error| named(error))
}

impl Default for Config {
    fn default() -> Self {
        Config {
            toolchain: "auto".to_owned(),
            profile: "release".to_owned(),
            cargo: CargoConfig::default(),
            build: BuildConfig::default(),
            hints: HintsConfig::default(),
            budget: BudgetConfig::default(),
            cache_line: CacheLineConfig::default(),
        }
    }
}

impl Config {
    /// Reads what an editor sent: the settings themselves, or an object that has them as `futurelens`.
    /// `Ok(None)`: it says nothing about futurelens.
    ///
    /// # Errors
    /// The name of the setting that is wrong, and why.
    pub fn from_json(value: &Value) -> Result<Option<Self>, String> {
        let named = value.get("futurelens");
        let own = named.unwrap_or(value);
        match own {
            Value::Null => Ok(None),
            // Nothing set under our own name means the defaults; nothing at all says nothing.
            Value::Object(map) if map.is_empty() && named.is_none() => Ok(None),
            Value::Object(map) => {
                let set = map.iter().filter(|(key, _)| *key != TRUSTED);
                let set = Value::Object(set.map(|(key, value)| (key.clone(), value.clone())).collect());
                Config::deserialize(without_nulls(&set)).map(Some).map_err(|error| error.to_string())
            }
            _ => Config::deserialize(without_nulls(own)).map(Some).map_err(|error| error.to_string()),
        }
    }

    /// What an editor says about trust, beside the settings: `trusted`. `None` if it says nothing. It is no setting of
    /// a measurement but a word about the folder, and what is not clearly a yes is a no.
    pub fn trusted(value: &Value) -> Option<bool> {
        match value.get("futurelens").unwrap_or(value).get(TRUSTED)? {
            Value::Null => None,
            said => Some(*said == Value::Bool(true)),
        }
    }

    /// The measurement these settings ask for.
    pub fn request(&self, dir: &Path) -> Request {
        let (features, all_features) = match &self.cargo.features {
            Features::Word(AllWord::All) => (Vec::new(), true),
            Features::List(list) => (list.clone(), false),
        };
        Request {
            toolchain: self.toolchain.clone(),
            profile: self.profile.clone(),
            selection: Selection {
                features,
                all_features,
                all_targets: self.cargo.all_targets,
                targets: self.cargo.target.iter().cloned().collect(),
                ..Selection::default()
            },
            target_dir: self.cargo.target_dir.as_ref().map(Into::into),
            env: self.cargo.extra_env.clone(),
            own_group: true,
            whole: true,
            ..Request::new(dir.to_owned())
        }
    }

    /// The part the hints need, for what was measured for a target.
    pub fn hint_settings(&self, target: &str) -> HintSettings {
        HintSettings {
            min_bytes: self.hints.min_bytes,
            cache_line: self.cache_line.bytes.on(target),
            awaits: self.hints.awaits,
        }
    }
}

/// Editors send `null` for what is not set.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let set = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_read_bare_or_under_our_name() {
        let bare = json!({"profile": "dev", "hints": {"minBytes": 100}, "toolchain": null});
        let config = Config::from_json(&bare).unwrap().unwrap();
        assert_eq!((config.profile.as_str(), config.hints.min_bytes), ("dev", 100));
        assert_eq!(config.toolchain, "auto");
        assert_eq!(Config::from_json(&json!({"futurelens": bare})).unwrap(), Some(config));
        assert_eq!(Config::from_json(&json!({})).unwrap(), None);
        assert_eq!(Config::from_json(&json!({"futurelens": {}})).unwrap(), Some(Config::default()));
        let all = Config::from_json(&json!({"cargo": {"features": "all"}})).unwrap().unwrap();
        assert!(all.request(Path::new("/")).selection.all_features);
    }

    #[test]
    fn trust_is_said_beside_the_settings() {
        let said = |value: Value| (Config::trusted(&value), Config::from_json(&value).map(|c| c.is_some()));
        assert_eq!(said(json!({})), (None, Ok(false)));
        assert_eq!(said(json!({"profile": "dev", "trusted": null})), (None, Ok(true)));
        assert_eq!(said(json!({"trusted": true})), (Some(true), Ok(true)));
        assert_eq!(
            said(json!({"futurelens": {"trusted": false, "profile": "dev"}})),
            (Some(false), Ok(true))
        );
        assert_eq!(said(json!({"trusted": "true"})), (Some(false), Ok(true)));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let error = Config::from_json(&json!({"hints": {"minByte": 1}})).unwrap_err();
        assert!(error.contains("minByte"), "{error}");
        let error = Config::from_json(&json!({"profile": 3})).unwrap_err();
        assert!(error.contains("string"), "{error}");
    }

    #[test]
    fn cache_lines_are_of_some_bytes_or_off() {
        let set = |bytes: Value| Config::from_json(&json!({"cacheLine": {"bytes": bytes}}));
        let error = set(json!(0)).unwrap_err();
        assert_eq!(
            error,
            "cacheLine.bytes: invalid value: integer `0`, expected `auto`, `off` or a number of bytes, at least 1"
        );
        let error = set(json!("64")).unwrap_err();
        assert!(error.starts_with("cacheLine.bytes: unknown word `64`"), "{error}");
        let on = |bytes: Value, target: &str| {
            let config = set(bytes).unwrap().unwrap();
            config.hint_settings(target).cache_line.map(|line| line.get())
        };
        let (server, firmware) = ("x86_64-unknown-linux-gnu", "thumbv7em-none-eabihf");
        assert_eq!([on(json!("off"), server), on(json!("auto"), firmware)], [None, None]);
        assert_eq!([on(json!(null), server), on(json!(32), firmware)], [Some(64), Some(32)]);
    }

    /// Setting and default, as JSON.
    fn declared(value: &Value, name: &str, all: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(map) if name.is_empty() || !map.is_empty() => {
                for (key, value) in map {
                    let dot = if name.is_empty() { "" } else { "." };
                    declared(value, &format!("{name}{dot}{key}"), all);
                }
            }
            default => {
                all.insert(name.to_owned(), default.to_string());
            }
        }
    }

    /// First cells of a table's rows, and the rest of each row.
    fn rows(page: &str) -> BTreeMap<&str, &str> {
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).collect()
    }

    #[test]
    fn every_setting_is_written_down() {
        let mut settings = BTreeMap::new();
        declared(&serde_json::to_value(Config::default()).unwrap(), "", &mut settings);
        assert!(settings.len() > 10, "{settings:?}");
        for (page, heading) in [("docs/protocol.md", "## Settings"), ("docs/settings.md", "## Settings")] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
            let text = std::fs::read_to_string(path).unwrap();
            let (_, text) = text.split_once(heading).unwrap();
            let rows = rows(text.split("\n#").next().unwrap());
            let names: Vec<&str> = rows.keys().copied().collect();
            let declared: Vec<&str> = settings.keys().map(String::as_str).collect();
            assert_eq!(names, declared, "{page}");
            for (name, default) in settings.iter().filter(|(_, default)| *default != "null") {
                assert!(
                    rows[&**name].contains(&format!("| `{default}` |"))
                        || rows[&**name].starts_with(&format!(" `{default}` |")),
                    "{page}: {name} is {default}"
                );
            }
        }
    }
}
