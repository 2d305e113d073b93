//! What the user's configuration of cargo says: files and environment, as cargo itself reads them.

use super::process::{Cancel, Guarded};
use super::toolchain::Toolchain;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// What separates the parts of a path.
const SEPARATORS: &[char] = if cfg!(windows) { &['/', '\\'] } else { &['/'] };

/// A value and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Value {
    text: String,
    /// A file, or words about the environment.
    origin: String,
}

/// The user's own `build.rustc-wrapper`, unless that is empty. `env` is what is added to the environment.
pub fn rustc_wrapper(toolchain: &Toolchain, dir: &Path, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let said = ask(toolchain, dir, env, "build.rustc-wrapper")?;
    Some(path(values(&said).into_iter().next()?, SEPARATORS, |wrapper| wrapper.contains(SEPARATORS))?.into())
}

/// What `build.target` names, in the order that it has there, as `--target` takes it. Empty if it says nothing.
pub fn targets(toolchain: &Toolchain, dir: &Path, env: &BTreeMap<String, String>) -> Vec<String> {
    let said = ask(toolchain, dir, env, "build.target").unwrap_or_default();
    values(&said)
        .into_iter()
        .filter_map(|value| path(value, SEPARATORS, |name| name.ends_with(".json")))
        .collect()
}

fn ask(toolchain: &Toolchain, dir: &Path, env: &BTreeMap<String, String>, key: &str) -> Option<String> {
    let mut cargo = toolchain.command("cargo");
    cargo.args(["-Zunstable-options", "config", "get", "--show-origin", key]);
    cargo.envs(env).env("RUSTC_BOOTSTRAP", "1").current_dir(dir);
    let cargo = Guarded::new("cargo", &cargo, true).ok()?.stdout(Stdio::piped()).stderr(Stdio::null());
    let output = cargo.output(&Cancel::default()).ok()?;
    String::from_utf8(output.stdout).ok()
}

/// Reads one value, or a list of them.
///
/// ```text
/// build.rustc-wrapper = "tools/wrap" # /home/me/project/.cargo/config.toml
/// build.target = [
///     "thumbv6m-none-eabi", # /home/me/project/.cargo/config.toml
/// ]
/// ```
fn values(said: &str) -> Vec<Value> {
    let read = |line: &str| {
        let (value, origin) = line.trim().rsplit_once(" # ")?;
        let value = value.split_once(" = ").map_or(value, |(_, value)| value);
        let value = value.strip_suffix(',').unwrap_or(value);
        let text = match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
            // So it is written if there are backslashes in it.
            Some(literal) => literal.to_owned(),
            None => serde_json::from_str(value).ok()?,
        };
        Some(Value { text, origin: origin.to_owned() })
    };
    said.lines().filter_map(read).collect()
}

/// A value that may be a path: then it starts at the folder that holds `.cargo`. A name alone is looked up elsewhere.
fn path(value: Value, separators: &[char], is_path: impl Fn(&str) -> bool) -> Option<String> {
    let Value { text, origin } = value;
    if text.is_empty() {
        return None;
    }
    let base = origin.rsplitn(3, separators).nth(2);
    match base {
        Some(base)
            if is_path(&text) && is_absolute(&origin, separators) && !is_absolute(&text, separators) =>
        {
            Some(format!("{base}/{text}"))
        }
        _ => Some(text),
    }
}

fn is_absolute(path: &str, separators: &[char]) -> bool {
    let has_drive = separators.contains(&'\\') && path.get(1..2) == Some(":");
    path.starts_with(separators)
        || has_drive && path.get(2..).is_some_and(|rest| rest.starts_with(separators))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapper(line: &str, separators: &[char]) -> Option<String> {
        path(values(line).into_iter().next()?, separators, |wrapper| wrapper.contains(separators))
    }

    #[test]
    fn wrappers_are_found_where_cargo_finds_them() {
        let read = |line| wrapper(line, &['/']);
        assert_eq!(
            read(r#"build.rustc-wrapper = "tools/wrap" # /home/me/p/.cargo/config.toml"#).as_deref(),
            Some("/home/me/p/tools/wrap")
        );
        assert_eq!(
            read(r#"build.rustc-wrapper = "sccache" # /home/me/.cargo/config.toml"#).as_deref(),
            Some("sccache")
        );
        assert_eq!(
            read("build.rustc-wrapper = \"/a/b\" # environment variable `CARGO_BUILD_RUSTC_WRAPPER`")
                .as_deref(),
            Some("/a/b")
        );
        assert_eq!(read(r#"build.rustc-wrapper = "" # /x/.cargo/config.toml"#), None);
        assert_eq!(read(""), None);
        assert_eq!(
            read(r"build.rustc-wrapper = 'to\ols/wrap' # /home/m\e/p/.cargo/config.toml").as_deref(),
            Some(r"/home/m\e/p/to\ols/wrap")
        );
    }

    #[test]
    fn wrappers_are_found_on_windows() {
        let read = |line| wrapper(line, &['/', '\\']);
        assert_eq!(
            read(r"build.rustc-wrapper = 'tools\wrap.exe' # C:\Users\me\p\.cargo\config.toml").as_deref(),
            Some(r"C:\Users\me\p/tools\wrap.exe")
        );
        assert_eq!(
            read(r"build.rustc-wrapper = 'D:\bin\wrap.exe' # C:\Users\me\.cargo\config.toml").as_deref(),
            Some(r"D:\bin\wrap.exe")
        );
        assert_eq!(
            read(r#"build.rustc-wrapper = "sccache" # C:\Users\me\.cargo\config.toml"#).as_deref(),
            Some("sccache")
        );
    }

    #[test]
    fn a_list_is_read_in_its_order() {
        let said = "build.target = [\n    \"thumbv6m-none-eabi\", # /p/.cargo/config.toml\n    \
                    \"boards/b.json\", # /p/.cargo/config.toml\n    \
                    \"host-tuple\", # environment variable `CARGO_BUILD_TARGET`\n]\n\
                    # The following environment variables may affect the loaded values.\n# CARGO_BUILD_JOBS=2\n";
        let read = |value| path(value, &['/'], |name| name.ends_with(".json"));
        let list: Vec<String> = values(said).into_iter().filter_map(read).collect();
        assert_eq!(list, ["thumbv6m-none-eabi", "/p/boards/b.json", "host-tuple"]);
    }
}
