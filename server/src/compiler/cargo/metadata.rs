//! What cargo knows of a project without building it.

use super::request::Request;
use crate::compiler::error::BuildError;
use crate::compiler::process::{Cancel, Guarded};
use cargo_metadata::{Metadata, TargetKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a manifest says to futurelens: `[package.metadata.futurelens]`, or `[workspace.metadata.futurelens]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The package it is about; `None` for the whole workspace.
    pub package: Option<String>,
    /// The table as cargo hands it on.
    pub settings: serde_json::Value,
}

/// Has cargo say what it knows of the project.
pub(super) fn read_metadata(
    request: &Request,
    dir: &Path,
    mut command: Command,
) -> Result<Metadata, BuildError> {
    command.current_dir(dir).args(["metadata", "--format-version=1", "--no-deps"]);
    // Or cargo would note this compiler's version in the user's target directory.
    command.env("CARGO_CACHE_RUSTC_INFO", "0");
    for (flag, on) in [("--locked", request.selection.locked), ("--offline", request.selection.offline)] {
        if on {
            command.arg(flag);
        }
    }
    let cargo = Guarded::new("cargo", &command, true)?.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = cargo.output(&Cancel::default())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let json = text.lines().find(|line| line.starts_with('{')).filter(|_| output.success);
    json.and_then(|json| cargo_metadata::MetadataCommand::parse(json).ok()).ok_or_else(|| {
        BuildError::Metadata { message: String::from_utf8_lossy(&output.stderr).trim_end().to_owned() }
    })
}

/// The folder of the nearest `Cargo.toml` at or above `path`.
pub(super) fn project_dir(path: &Path) -> Result<PathBuf, BuildError> {
    let no_project = || BuildError::NoProject { path: path.to_owned() };
    // Not in the form that begins with `\\?\`, which Windows has too: few programs take it.
    let path = dunce::canonicalize(path).map_err(|_| no_project())?;
    let mut folders = path.ancestors();
    let dir = folders.find(|dir| dir.join("Cargo.toml").is_file()).ok_or_else(no_project)?;
    Ok(dir.to_owned())
}

pub(super) fn own_target_dir(metadata: &Metadata) -> PathBuf {
    metadata.target_directory.as_std_path().join("futurelens")
}

pub(super) fn target_dir(request: &Request, metadata: &Metadata) -> PathBuf {
    request.target_dir.as_ref().map_or_else(|| own_target_dir(metadata), |dir| request.dir.join(dir))
}

/// The highest `rust-version` of the workspace's packages, as minor version.
pub(super) fn oldest(metadata: &Metadata) -> Option<u32> {
    let packages = metadata.workspace_packages().into_iter();
    packages.filter_map(|package| u32::try_from(package.rust_version.as_ref()?.minor).ok()).max()
}

pub(super) fn measurable(metadata: &cargo_metadata::Metadata) -> Vec<String> {
    let packages = metadata.workspace_packages().into_iter();
    packages
        .filter(|package| package.targets.iter().any(|target| unit_of(target).is_some()))
        .map(|it| it.name.to_string())
        .collect()
}

pub(super) fn manifests(metadata: &cargo_metadata::Metadata) -> Vec<Manifest> {
    let own = |value: &serde_json::Value| value.get("futurelens").cloned();
    let workspace = own(&metadata.workspace_metadata).map(|settings| Manifest { package: None, settings });
    let packages = metadata.workspace_packages().into_iter().filter_map(|package| {
        Some(Manifest { package: Some(package.name.to_string()), settings: own(&package.metadata)? })
    });
    workspace.into_iter().chain(packages).collect()
}

/// What a package's target is called as a unit; none of what is not measured.
pub(super) fn unit_of(target: &cargo_metadata::Target) -> Option<String> {
    Some(match target.kind.first()? {
        TargetKind::CustomBuild | TargetKind::ProcMacro => return None,
        TargetKind::Bin => format!("bin {}", target.name),
        TargetKind::Test => format!("test {}", target.name),
        TargetKind::Bench => format!("bench {}", target.name),
        TargetKind::Example => format!("example {}", target.name),
        _ => "lib".to_owned(),
    })
}

/// See [`Project::compiled`](super::project::Project::compiled).
pub(super) fn compiled(metadata: &Metadata, all_targets: bool) -> BTreeMap<String, Vec<String>> {
    let is_compiled = |target: &&cargo_metadata::Target| {
        let is_always = !target.is_test() && !target.is_bench() && !target.is_example();
        target.required_features.is_empty() && (is_always || all_targets)
    };
    let units = |package: &cargo_metadata::Package| {
        package.targets.iter().filter(is_compiled).filter_map(unit_of).collect()
    };
    let packages = metadata.workspace_packages().into_iter();
    packages.map(|package| (package.name.to_string(), units(package))).collect()
}

/// The names of the `default-members`, if the workspace's manifest names such and they are not all. A package at the
/// root that is cargo's default only as nothing is named is none: the root stands for the whole workspace. `of_root` is
/// what cargo says there; in the folder of a member it would name that one.
pub(super) fn default_members(of_root: &Metadata) -> Option<BTreeSet<String>> {
    if !of_root.workspace_default_members.is_available() {
        return None;
    }
    let default = of_root.workspace_default_packages();
    let is_part = !default.is_empty() && default.len() < of_root.workspace_members.len();
    is_part.then(|| default.into_iter().map(|package| package.name.to_string()).collect())
}

/// Does a manifest say which members are the default?
pub(super) fn names_default_members(manifest: &str) -> bool {
    let said = |line: &str| line.split('#').next().is_some_and(|said| said.contains("default-members"));
    manifest.lines().any(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_project_is_said_to_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let error = project_dir(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no Cargo.toml"), "{error}");
    }
}
