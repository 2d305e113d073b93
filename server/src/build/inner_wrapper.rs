//! The user's own `rustc-wrapper`, which ours must not push out.

use super::{Cancel, Guarded, Toolchain};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Finds `build.rustc-wrapper` as cargo would: environment first, then its configuration files.
pub fn configured(toolchain: &Toolchain, dir: &Path) -> Option<PathBuf> {
    if let Some(wrapper) = std::env::var_os("RUSTC_WRAPPER") {
        // Empty means: none, whatever the files say.
        return (!wrapper.is_empty()).then(|| wrapper.into());
    }
    let mut cargo = toolchain.command("cargo");
    cargo.args(["-Zunstable-options", "config", "get", "--show-origin", "build.rustc-wrapper"]);
    cargo.env("RUSTC_BOOTSTRAP", "1").current_dir(dir);
    let cargo = Guarded::new("cargo", &cargo, true).ok()?.stdout(Stdio::piped()).stderr(Stdio::null());
    let output = cargo.output(&Cancel::default()).ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    parse(text.trim(), if cfg!(windows) { &['/', '\\'] } else { &['/'] }).map(PathBuf::from)
}

/// `build.rustc-wrapper = "tools/wrap" # /home/me/project/.cargo/config.toml`, where these separate the parts of a
/// path.
fn parse(line: &str, separators: &[char]) -> Option<String> {
    let (value, origin) = line.split_once(" = ")?.1.rsplit_once(" # ")?;
    let wrapper = match value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        // So it is written if there are backslashes in it.
        Some(literal) => literal.to_owned(),
        None => serde_json::from_str(value).ok()?,
    };
    if wrapper.is_empty() {
        return None;
    }
    // A name alone is looked up on the PATH; a path starts at the folder that holds `.cargo`.
    let is_path = wrapper.contains(separators);
    let mut parts = origin.rsplitn(3, separators);
    match parts.nth(2) {
        Some(base) if is_path && is_absolute(origin, separators) && !is_absolute(&wrapper, separators) => {
            Some(format!("{base}/{wrapper}"))
        }
        _ => Some(wrapper),
    }
}

fn is_absolute(path: &str, separators: &[char]) -> bool {
    let has_drive = separators.contains(&'\\') && path.get(1..2) == Some(":");
    path.starts_with(separators)
        || has_drive && path.get(2..).is_some_and(|rest| rest.starts_with(separators))
}

/// Does this wrapper answer from a cache? Then it must not see a measured unit: it would hand out what an
/// earlier run left, and a run that does not happen prints nothing.
pub fn is_cache(wrapper: &Path) -> bool {
    let stem = wrapper.file_stem().map(|stem| stem.to_string_lossy().to_ascii_lowercase());
    stem.is_some_and(|stem| {
        matches!(stem.as_str(), "sccache" | "ccache" | "cachepot" | "buildcache" | "kache")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_found_where_cargo_finds_them() {
        let read = |line| parse(line, &['/']);
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
        let read = |line| parse(line, &['/', '\\']);
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
    fn caches_are_known_by_name() {
        assert!(is_cache(Path::new("/usr/bin/sccache")) && is_cache(Path::new("sccache.exe")));
        assert!(!is_cache(Path::new("tools/wrap.sh")));
    }
}
