//! The user's own `rustc-wrapper`, which ours must not push out.

use super::cargo_config;
use super::toolchain::Toolchain;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Finds `build.rustc-wrapper` as cargo would: environment first, then its configuration files. `env` is what is added
/// to the environment.
pub fn configured(toolchain: &Toolchain, dir: &Path, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let set = env.get("RUSTC_WRAPPER").map(Into::into).or_else(|| std::env::var_os("RUSTC_WRAPPER"));
    match set {
        // Empty means: none, whatever the files say.
        Some(wrapper) => (!wrapper.is_empty()).then(|| wrapper.into()),
        None => cargo_config::rustc_wrapper(toolchain, dir, env),
    }
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
    fn caches_are_known_by_name() {
        assert!(is_cache(Path::new("/usr/bin/sccache")) && is_cache(Path::new("sccache.exe")));
        assert!(!is_cache(Path::new("tools/wrap.sh")));
    }
}
