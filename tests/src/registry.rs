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

/// Crates of one project that were published one by one, and a project again when put together.
#[derive(Debug)]
pub struct Family {
    /// What to call it.
    pub name: &'static str,
    /// Names and versions.
    pub members: &'static [(&'static str, &'static str)],
}

/// A web framework with its runtime, server, client and macros.
pub const ACTIX: Family = Family {
    name: "actix",
    members: &[
        ("actix-codec", "0.5.4"),
        ("actix-files", "0.6.10"),
        ("actix-http", "3.20.0"),
        ("actix-macros", "0.2.5"),
        ("actix-multipart", "0.7.2"),
        ("actix-multipart-derive", "0.7.0"),
        ("actix-router", "0.5.4"),
        ("actix-rt", "2.15.0"),
        ("actix-server", "2.10.0"),
        ("actix-service", "2.0.3"),
        ("actix-tls", "3.6.1"),
        ("actix-utils", "3.0.2"),
        ("actix-web", "4.18.1"),
        ("actix-web-codegen", "4.5.0"),
        ("awc", "3.11.0"),
    ],
};

/// The sources of a family as one workspace whose members depend on each other by path. Without their tests'
/// dependencies. Kept as [`checkout`] keeps its crates: do not edit it, copy it.
///
/// # Panics
///
/// If the registry cannot be reached and cargo has not downloaded the crates before.
pub fn family(family: &Family) -> PathBuf {
    let kept = cache_dir().join("crates").join(format!("{}-family", family.name));
    if kept.join("Cargo.toml").exists() {
        return kept;
    }
    let (scratch, sources) = download(family.members);
    // Published manifests name each other by version only.
    let names: Vec<String> = family.members.iter().map(|(name, _)| format!("{name:?}")).collect();
    let mut manifest =
        format!("[workspace]\nresolver = \"2\"\nmembers = [{}]\n\n[patch.crates-io]\n", names.join(", "));
    keep(&kept, |fresh| {
        for ((name, _), source) in family.members.iter().zip(&sources) {
            copy(source, &fresh.join(name));
            let _ = fs::remove_file(fresh.join(name).join("Cargo.lock"));
            let path = fresh.join(name).join("Cargo.toml");
            let text = fs::read_to_string(&path).expect("a published crate has a Cargo.toml");
            fs::write(&path, without_tests(&text)).expect("the copy is writable");
            manifest.push_str(&format!("{name} = {{ path = \"{name}\" }}\n"));
        }
        fs::copy(scratch.root().join("Cargo.lock"), fresh.join("Cargo.lock"))
            .and_then(|_| fs::write(fresh.join("Cargo.toml"), &manifest))
            .expect("the copy is writable");
    });
    kept
}

/// A published manifest without the tables that only tests, benches and examples need.
fn without_tests(manifest: &str) -> String {
    let mut kept = true;
    let lines = manifest.lines().filter(|line| {
        if line.starts_with('[') {
            let unwanted = ["[[test]]", "[[bench]]", "[[example]]"].contains(line);
            kept = !unwanted && !line.contains("dev-dependencies");
        }
        kept
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A scratch project that depends on these crates, and where cargo has put their sources.
fn download(crates: &[(&str, &str)]) -> (Project, Vec<PathBuf>) {
    let scratch = Project::lib("scratch", "");
    let dependencies: Vec<String> =
        crates.iter().map(|(name, version)| format!("{name} = \"={version}\"\n")).collect();
    let manifest = format!("{}\n[dependencies]\n{}", manifest("scratch"), dependencies.concat());
    scratch.write("Cargo.toml", &manifest);
    run(cargo(nightly()).arg("fetch").current_dir(scratch.root())).expect_success();
    let metadata =
        run(cargo(nightly()).args(["metadata", "--format-version", "1"]).current_dir(scratch.root()))
            .expect_success();
    let metadata: Value = serde_json::from_str(&metadata.stdout).expect("cargo metadata prints JSON");
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let folder =
        |package: &Value| package["manifest_path"].as_str().map(|it| Path::new(it).with_file_name(""));
    let source = |(name, version): &(&str, &str)| {
        let is_it = |package: &&&Value| package["name"] == *name && package["version"] == *version;
        let found = packages.iter().find(is_it).and_then(|package| folder(package));
        // What is a program only is no dependency of anything, but it is downloaded.
        let beside = || {
            let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
            let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
            let registries = fs::read_dir(home.join("registry/src")).ok()?;
            let folders = registries.flatten().map(|entry| entry.path().join(format!("{name}-{version}")));
            folders.into_iter().find(|folder| folder.join("Cargo.toml").exists())
        };
        found.or_else(beside).expect("cargo has just downloaded it")
    };
    let sources = crates.iter().map(source).collect();
    (scratch, sources)
}

/// Fills a folder that is complete or not there at all, whatever happens in between.
fn keep(to: &Path, fill: impl FnOnce(&Path)) {
    let parent = to.parent().expect("it is below the cache");
    fs::create_dir_all(parent).expect("the cache is writable");
    let fresh = tempfile::tempdir_in(parent).expect("the cache is writable");
    fill(fresh.path());
    let fresh = fresh.keep();
    if fs::rename(&fresh, to).is_err() {
        // Another test process was faster.
        let _ = fs::remove_dir_all(&fresh);
    }
}

/// Downloads a crate and makes a project of it.
fn fetch(name: &str, version: &str, to: &Path) {
    let (_scratch, sources) = download(&[(name, version)]);
    keep(to, |fresh| {
        copy(&sources[0], fresh);
        let _ = fs::remove_file(fresh.join(".cargo-ok"));
        let path = fresh.join("Cargo.toml");
        let mut text = fs::read_to_string(&path).expect("a published crate has a Cargo.toml");
        if !text.lines().any(|line| line.trim() == "[workspace]") {
            text.push_str("\n[workspace]\n");
            fs::write(&path, text).expect("the copy is writable");
        }
    });
}
