//! cargo's command line.

use super::project::Project;
use super::request::{Request, Selection};
use crate::compiler::contract::{self, Settings, Task};
use crate::compiler::error::BuildError;
use crate::compiler::process::own_program;
use crate::compiler::unit::CurrentUnit;
use std::path::Path;
use std::process::Command;

/// What cargo is told to compile.
pub(super) enum Asked<'a> {
    /// Every member.
    Workspace,
    /// The package of the folder.
    Folder,
    /// The workspace's `default-members`.
    Default,
    /// These.
    Packages(Vec<&'a String>),
}

impl Project {
    /// The packages that a selection stands for.
    pub(super) fn asked_packages<'a>(&'a self, selection: &'a Selection) -> Asked<'a> {
        if !selection.packages.is_empty() {
            return Asked::Packages(selection.packages.iter().collect());
        }
        if self.dir != self.root {
            return Asked::Folder;
        }
        let Some(default) = &self.default_members else { return Asked::Workspace };
        let also = selection.also.iter().filter(|name| !default.contains(*name) && self.is_member(name));
        match also.clone().next() {
            None => Asked::Default,
            Some(_) => Asked::Packages(default.iter().chain(also).collect()),
        }
    }

    /// What a request asks for and was not measured, as cargo calls it: `` `app` (bin "app") ``.
    pub(super) fn missing(&self, request: &Request, units: &[CurrentUnit]) -> Vec<String> {
        let asked = self.asked_packages(&request.selection);
        let is_asked = |name: &String, folder: &Path| match &asked {
            Asked::Workspace => true,
            Asked::Folder => folder == self.dir,
            Asked::Default => !self.is_extra(name),
            Asked::Packages(packages) => packages.contains(&name),
        };
        let packages = self.members.values().filter(|(name, folder)| is_asked(name, folder));
        let mut missing = Vec::new();
        for (package, _) in packages {
            let is_there = |unit: &&String| {
                units.iter().any(|kept| kept.measured.package == *package && kept.measured.unit == **unit)
            };
            let compiled = self.compiled.get(package).into_iter().flatten();
            let gone = compiled.filter(|unit| !is_there(unit));
            missing.extend(gone.map(|unit| match unit.split_once(' ') {
                Some((kind, name)) => format!("`{package}` ({kind} \"{name}\")"),
                None => format!("`{package}` ({unit})"),
            }));
        }
        missing
    }

    /// What the compiler wrapper is told.
    pub(super) fn settings(&self, task: Task, scratch: &Path) -> Settings {
        Settings {
            task,
            members: self.member_folders(),
            user_wrapper: None,
            bootstrap: self.toolchain().bootstrap,
            how: self.toolchain().how.clone(),
            scratch: scratch.to_owned(),
            environment: Settings::environment_with(&self.env),
            awaited: Vec::new(),
        }
    }

    /// cargo, to be started.
    pub(super) fn command(&self, request: &Request, settings: &Settings) -> Result<Command, BuildError> {
        let wrapper = own_program().map_err(no_program)?;
        let mut cargo = match request.own_group {
            true => self.toolchain().background_command("cargo"),
            false => self.toolchain().command("cargo"),
        };
        let format = if request.color { "json-diagnostic-rendered-ansi" } else { "json" };
        cargo.current_dir(&self.dir).args(["check", "--keep-going", "--message-format", format]);
        cargo.arg("--target-dir").arg(&self.target_dir);
        match request.profile.as_str() {
            "release" => cargo.arg("--release"),
            profile => cargo.args(["--profile", profile]),
        };
        let selection = &request.selection;
        match self.asked_packages(selection) {
            Asked::Workspace => _ = cargo.arg("--workspace"),
            // cargo knows which.
            Asked::Folder | Asked::Default => {}
            Asked::Packages(packages) => {
                packages.into_iter().for_each(|package| _ = cargo.args(["--package", package]));
            }
        }
        for feature in &selection.features {
            cargo.args(["--features", feature]);
        }
        // One measurement is of one target. What the configuration names alone is left to cargo.
        let configured = self.targets.first().filter(|_| self.targets.len() > 1);
        if let Some(target) = selection.targets.first().or(configured) {
            cargo.args(["--target", target]);
        }
        for (flag, on) in [
            ("--all-features", selection.all_features),
            ("--no-default-features", selection.no_default_features),
            ("--all-targets", selection.all_targets),
            ("--locked", selection.locked),
            ("--offline", selection.offline),
        ] {
            if on {
                cargo.arg(flag);
            }
        }
        cargo
            .envs(&request.env)
            .env("RUSTC_WRAPPER", wrapper)
            .env(contract::ENV, settings.to_json()?)
            // How members are compiled incrementally is the wrapper's business.
            .env("CARGO_INCREMENTAL", "0")
            // So that the progress can be read off standard error.
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "200")
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_VERBOSE", "false")
            .env("CARGO_TERM_QUIET", "false");
        Ok(cargo)
    }
}

pub(super) fn no_program(source: std::io::Error) -> BuildError {
    BuildError::Io { context: "cannot find my own program".into(), source }
}
