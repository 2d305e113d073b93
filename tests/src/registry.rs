//! Published crates as projects of their own, taken from the registry at test time.

use crate::binary::{cache_dir, cargo, nightly, run};
use crate::project::{Project, copy, manifest};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The source of a published crate, with the `Cargo.lock` it was published with, in a writable
/// place. It is shared between tests and kept between runs: do not edit it, copy it.
///
/// A crate inside the registry's own directory is not quite a project: it is read-only by custom,
/// and a directory above may make it part of a workspace. The copy has an empty `[workspace]` table
/// instead.
///
/// # Panics
///
/// If the registry cannot be reached and cargo has not downloaded the crate before.
pub fn checkout(name: &str, version: &str) -> PathBuf {
    static DONE: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    // A test that failed in here must not take the others with it.
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    done.get_or_insert_default()
        .entry(format!("{name}-{version}"))
        .or_insert_with_key(|id| {
            let kept = cache_dir().join("crates").join(id);
            if !kept.join("Cargo.toml").exists() {
                fetch(name, version, &kept);
            }
            kept
        })
        .clone()
}

/// The project that a command line names: `CRATE VERSION`, or `PATH`.
pub fn named(arguments: &[String]) -> Option<PathBuf> {
    match arguments {
        [name, version] => Some(checkout(name, version)),
        [path] => Some(PathBuf::from(path)),
        _ => None,
    }
}

/// Downloads a crate by way of a scratch project that depends on it.
fn fetch(name: &str, version: &str, to: &Path) {
    let scratch = Project::lib("scratch", "");
    scratch
        .write("Cargo.toml", &format!("{}\n[dependencies]\n{name} = \"={version}\"\n", manifest("scratch")));
    run(cargo(nightly()).arg("fetch").current_dir(scratch.root())).expect_success();
    let metadata =
        run(cargo(nightly()).args(["metadata", "--format-version", "1"]).current_dir(scratch.root()))
            .expect_success();
    let metadata: Value = serde_json::from_str(&metadata.stdout).expect("cargo metadata prints JSON");
    let source = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == name && package["version"] == version)
        .and_then(|package| package["manifest_path"].as_str())
        .map(|manifest| Path::new(manifest).with_file_name(""))
        .expect("cargo has just downloaded it");

    // Complete or not there at all, whatever happens in between.
    let parent = to.parent().expect("it is below the cache");
    fs::create_dir_all(parent).expect("the cache is writable");
    let fresh = tempfile::tempdir_in(parent).expect("the cache is writable");
    copy(&source, fresh.path());
    let _ = fs::remove_file(fresh.path().join(".cargo-ok"));
    let path = fresh.path().join("Cargo.toml");
    let mut text = fs::read_to_string(&path).expect("a published crate has a Cargo.toml");
    if !text.lines().any(|line| line.trim() == "[workspace]") {
        text.push_str("\n[workspace]\n");
        fs::write(&path, text).expect("the copy is writable");
    }
    let fresh = fresh.keep();
    if fs::rename(&fresh, to).is_err() {
        // Another test process was faster.
        let _ = fs::remove_dir_all(&fresh);
    }
}
