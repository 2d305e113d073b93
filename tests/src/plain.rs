//! Every future of every target of a workspace (libraries, binaries, examples, tests, benches, generic instances) against
//! a plain full build that prints type sizes, field by field: type, kind, name, place, size, alignment, and each state
//! with everything it holds.
//!
//! The plain build is `cargo build --all-targets` with a compiler wrapper that adds `-Zprint-type-sizes` to each compile of
//! a member and keeps what is printed.

use crate::binary::{cargo, nightly, run};
use crate::layouts::{Layout, printed, reported};
use crate::oracle::{self, Coroutine};
use crate::report::{Future, last_segment, parse, run_report};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// How to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// By rustup's name.
    pub toolchain: String,
    /// The cargo profile.
    pub profile: String,
    /// A triple, or the host.
    pub target: Option<String>,
    /// Tests and benches too.
    pub all_targets: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            toolchain: nightly().to_owned(),
            profile: "release".to_owned(),
            target: None,
            all_targets: true,
        }
    }
}

/// What was found about one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Coroutines of the crate that the plain build printed, each layout of each name once.
    pub printed: usize,
    /// Of them those that are reported with the same type, size, alignment, states and things held.
    pub same: usize,
    /// Of them those of which nothing is reported.
    pub missing: usize,
    /// Those that are reported otherwise.
    pub wrong: usize,
    /// Those under another name or kind than they have in the source.
    pub misnamed: usize,
    /// Those without a place in the workspace.
    pub placeless: usize,
    /// Reported ones that the plain build did not make: nothing uses them in this target.
    pub unused: usize,
}

/// What was found about a workspace.
#[derive(Debug, Default)]
pub struct Checked {
    /// By package and target: `lib`, `bin NAME`, `test NAME`, …
    pub rows: BTreeMap<(String, String), Row>,
    /// What is wrong, one line each.
    pub faults: Vec<String>,
    /// What is reported.
    pub futures: Vec<Future>,
    /// Compiles that were not compared, since their crate does not compile, and what cargo says of it.
    pub failed: Vec<String>,
}

impl Checked {
    /// All rows together.
    pub fn sum(&self) -> Row {
        self.rows.values().fold(Row::default(), |sum, row| Row {
            printed: sum.printed + row.printed,
            same: sum.same + row.same,
            missing: sum.missing + row.missing,
            wrong: sum.wrong + row.wrong,
            misnamed: sum.misnamed + row.misnamed,
            placeless: sum.placeless + row.placeless,
            unused: sum.unused + row.unused,
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { printed, same, missing, wrong, misnamed, placeless, unused } = self;
        write!(f, "{printed:>7} {same:>6} {missing:>7} {wrong:>5} {misnamed:>8} {placeless:>13} {unused:>6}")
    }
}

/// The columns of a [`Row`].
pub const COLUMNS: &str = "printed   same missing wrong misnamed without place unused";

/// One compile of a target.
struct Compile {
    package: String,
    /// See [`Checked::rows`].
    target: String,
    is_library: bool,
    crate_name: String,
    coroutines: Vec<Coroutine>,
}

struct Target {
    package: String,
    name: String,
    crate_name: String,
    source: PathBuf,
    is_library: bool,
}

struct Workspace {
    targets: Vec<Target>,
    /// Names by which crates of other packages are known.
    crates: HashSet<String>,
    /// Crate names of the members' libraries.
    libraries: HashSet<String>,
    root: PathBuf,
}

impl Workspace {
    fn ask(folder: &Path, options: &Options) -> Self {
        let mut command = cargo(&options.toolchain);
        let metadata = run(command.args(["metadata", "--format-version", "1"]).current_dir(folder));
        let metadata: Value =
            serde_json::from_str(&metadata.expect_success().stdout).expect("cargo metadata prints JSON");
        let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let members: HashSet<String> = array(&metadata["workspace_members"]).iter().map(text).collect();
        let mut crates: HashSet<String> = ["std", "core", "alloc"].map(str::to_owned).into();
        let (mut targets, mut libraries) = (Vec::new(), HashSet::new());
        for package in array(&metadata["packages"]) {
            for target in array(&package["targets"]) {
                let kind = array(&target["kind"]).first().map(text).unwrap_or_default();
                let crate_name = text(&target["name"]).replace('-', "_");
                let is_library = !["bin", "test", "example", "bench", "custom-build"].contains(&&*kind);
                if is_library {
                    crates.insert(crate_name.clone());
                }
                if kind == "custom-build" || !members.contains(&text(&package["id"])) {
                    continue;
                }
                if is_library {
                    libraries.insert(crate_name.clone());
                }
                let name =
                    if is_library { "lib".to_owned() } else { format!("{kind} {}", text(&target["name"])) };
                let source = PathBuf::from(text(&target["src_path"]));
                targets.push(Target {
                    package: text(&package["name"]),
                    name,
                    crate_name,
                    source,
                    is_library,
                });
            }
        }
        for node in array(&metadata["resolve"]["nodes"]) {
            crates.extend(array(&node["deps"]).iter().map(|dep| text(&dep["name"])));
        }
        let root = PathBuf::from(text(&metadata["workspace_root"]));
        Workspace { targets, crates, libraries, root }
    }

    /// What `cargo build` compiles and prints; second, what does not compile.
    fn compiles(&self, folder: &Path, options: &Options, work: &Path) -> (Vec<Compile>, Vec<String>) {
        let kept = work.join("printed");
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir_all(&kept).expect("the temporary directory is writable");
        let wrapper = work.join("wrapper");
        // Cargo's questions have no source file. A stable compiler takes the flag, too, if it is told to.
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in\n*\".rs \"*) ;;\n*) exec \"$@\" ;;\nesac\n\
             out={}/$$\nprintf '%s\\n' \"$CARGO_MANIFEST_DIR\" \"$@\" > $out.arguments\n\
             RUSTC_BOOTSTRAP=1 \"$@\" -Zprint-type-sizes > $out.txt || exit $?\nmv $out.txt $out.sizes\n",
            kept.display()
        );
        fs::write(&wrapper, script).expect("the temporary directory is writable");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&wrapper, mode).expect("the file is ours");
        }
        let mut command = cargo(&options.toolchain);
        command.args(["build", "--workspace", "--keep-going", "--quiet", "--profile", &options.profile]);
        command.args(options.all_targets.then_some("--all-targets"));
        command.args(options.target.iter().flat_map(|target| ["--target", target]));
        command.arg("--target-dir").arg(work.join("plain")).current_dir(folder);
        let built = run(command.env("RUSTC_WORKSPACE_WRAPPER", &wrapper));
        let mut failed = Vec::new();
        let mut compiles = Vec::new();
        let mut files: Vec<PathBuf> =
            fs::read_dir(&kept).expect("it was made").flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|it| it == "arguments")) {
            let text = fs::read_to_string(file).expect("the wrapper wrote it");
            let arguments: Vec<&str> = text.lines().collect();
            let source = arguments.iter().find(|argument| argument.ends_with(".rs")).expect("a source file");
            let of = |target: &&Target| {
                let at = [Path::new(arguments[0]), folder, &self.root].map(|dir| dir.join(source));
                at.contains(&target.source)
            };
            let crate_name = |target: &&Target| {
                let name = arguments.iter().position(|argument| *argument == "--crate-name");
                name.is_some_and(|name| arguments.get(name + 1) == Some(&&*target.crate_name))
            };
            // A build script is no target.
            let Some(target) = self.targets.iter().filter(of).find(crate_name) else { continue };
            match fs::read_to_string(file.with_extension("sizes")) {
                Ok(text) => compiles.push(Compile {
                    package: target.package.clone(),
                    target: target.name.clone(),
                    is_library: target.is_library,
                    crate_name: target.crate_name.clone(),
                    coroutines: oracle::parse(&text),
                }),
                Err(_) => failed.push(format!("{} {} does not compile", target.package, target.name)),
            }
        }
        let errors = built.stderr.lines().filter(|line| line.starts_with("error"));
        failed.extend(errors.take(20).map(str::to_owned));
        assert!(built.code == Some(0) || !failed.is_empty(), "{}", built.stderr);
        (compiles, failed)
    }
}

/// Compares a workspace. `work` is a folder that is empty, or that others were compared in: they share dependencies.
///
/// # Panics
///
/// If cargo or futurelens cannot be run at all.
pub fn check(folder: &Path, options: &Options, work: &Path) -> Checked {
    let workspace = Workspace::ask(folder, options);
    let (compiles, failed) = workspace.compiles(folder, options, work);
    let mut arguments = vec!["--profile", &options.profile, "--toolchain", &options.toolchain];
    arguments.extend(options.all_targets.then_some("--all-targets"));
    arguments.extend(options.target.iter().flat_map(|target| ["--target", target]));
    let target_dir = work.join("measured").to_string_lossy().into_owned();
    arguments.extend(["--target-dir", &target_dir]);
    let said = run_report(folder, &arguments);
    let mut checked = Checked { failed, ..Checked::default() };
    if said.stdout.is_empty() {
        checked.faults.push(format!("nothing is reported: {}", said.stderr));
        return checked;
    }
    let futures = parse(&said.stdout).futures;
    let mut groups: BTreeMap<(String, String), Vec<Compile>> = BTreeMap::new();
    for compile in compiles {
        groups.entry((compile.package.clone(), compile.target.clone())).or_default().push(compile);
    }
    let is_alone = |package: &str, crate_name: &str| {
        let of_package = workspace.targets.iter().filter(|target| target.package == package);
        let of_name = of_package.filter(|target| target.crate_name == crate_name);
        of_name.map(|target| &target.name).collect::<BTreeSet<_>>().len() == 1
    };
    for ((package, target), compiles) in &groups {
        let crate_name = &compiles[0].crate_name;
        let of_target = |future: &&Future| {
            let measured_in = future.unit.trim_end_matches(" (test)") == target;
            future.package == *package
                && future.crate_name == *crate_name
                && (measured_in || is_alone(package, crate_name))
        };
        let reported: Vec<&Future> = futures.iter().filter(of_target).collect();
        let row = compare(&workspace, (package, target), compiles, &reported, &futures, &mut checked.faults);
        checked.rows.insert((package.clone(), target.clone()), row);
    }
    let mut texts = BTreeMap::new();
    for future in &futures {
        let of_target = |(package, target): &&(String, String)| {
            *package == future.package && future.unit.trim_end_matches(" (test)") == target
        };
        let Some(of) = groups.keys().find(of_target) else { continue };
        let row = checked.rows.entry(of.clone()).or_default();
        match fault_of_place(&workspace.root, future, &mut texts) {
            Some((true, fault)) => {
                row.placeless += 1;
                checked.faults.push(fault);
            }
            Some((false, fault)) => {
                row.misnamed += 1;
                checked.faults.push(fault);
            }
            None => {}
        }
    }
    checked.futures = futures;
    checked
}

/// Those of one target. A target and its unit tests are two compiles of the same source.
fn compare(
    workspace: &Workspace,
    (package, target): (&str, &str),
    compiles: &[Compile],
    futures: &[&Future],
    all: &[Future],
    faults: &mut Vec<String>,
) -> Row {
    let mut row = Row::default();
    let mut own: BTreeMap<&str, BTreeSet<Layout>> = BTreeMap::new();
    let mut foreign: BTreeSet<(String, Layout)> = BTreeSet::new();
    for compile in compiles {
        let mut external = workspace.crates.clone();
        if compile.is_library {
            external.remove(&compile.crate_name);
        }
        // A module may be called as a dependency is.
        let dir = workspace.targets.iter().find(|it| it.package == package && it.name == target);
        if let Some(dir) = dir.and_then(|target| target.source.parent()) {
            external
                .retain(|name| !(dir.join(name).is_dir() || dir.join(name).with_extension("rs").exists()));
        }
        for coroutine in &compile.coroutines {
            let is_own = oracle::is_own(&coroutine.ty, &external);
            let libraries = workspace.libraries.iter().filter(|_| is_own && !compile.is_library);
            let direct = libraries.map(|library| without_way(&coroutine.ty, library, &external));
            match direct.flatten().next() {
                Some(direct) => _ = foreign.insert((direct, printed(coroutine))),
                None if is_own => _ = own.entry(&coroutine.ty).or_default().insert(printed(coroutine)),
                None => _ = foreign.insert((coroutine.ty.clone(), printed(coroutine))),
            }
        }
    }
    let mut by_name: BTreeMap<&str, BTreeSet<Layout>> = BTreeMap::new();
    for future in futures {
        by_name.entry(&future.ty).or_default().insert(reported(future));
    }
    let is_block = |name: &str| name.starts_with('{') && name.contains('@');
    // Blocks that only one side knows by this name: see [`crate::layouts::compare`].
    let mut unnamed: Vec<(&str, &Layout)> = Vec::new();
    for (name, layouts) in &own {
        for layout in layouts {
            row.printed += 1;
            match by_name.get(name) {
                Some(reported) if reported.contains(layout) => row.same += 1,
                Some(reported) => {
                    row.wrong += 1;
                    faults.push(format!("{package} {target}: {name} is {layout:?}, not {reported:?}"));
                }
                None if is_block(name) => unnamed.push((name, layout)),
                // A default method that a type of this crate does not have of its own is the trait's.
                None if all
                    .iter()
                    .any(|future| function(&future.ty) == function(name) && reported(future) == *layout) =>
                {
                    row.same += 1;
                }
                None => {
                    row.missing += 1;
                    faults.push(format!("{package} {target}: {name}, {} B, is not reported", layout.0));
                }
            }
        }
    }
    // Names that only the report has.
    let mut left: Vec<&Future> = Vec::new();
    for future in futures {
        match own.get(&*future.ty) {
            Some(layouts) if layouts.contains(&reported(future)) => {}
            Some(_) => {
                row.wrong += 1;
                faults.push(format!(
                    "{package} {target}: {} was never printed as {} B",
                    future.ty, future.size
                ));
            }
            None => left.push(future),
        }
    }
    for (name, layout) in unnamed {
        match left.iter().position(|future| is_block(&future.ty) && reported(future) == *layout) {
            Some(at) => {
                left.remove(at);
                row.same += 1;
            }
            None => {
                row.missing += 1;
                faults.push(format!("{package} {target}: {name}, {} B, is not reported", layout.0));
            }
        }
    }
    // Instances of the members' libraries that only this target makes.
    for (ty, layout) in &foreign {
        let path = ty.split_once(" of ").or_else(|| ty.split_once('@')).map_or("", |(_, path)| path);
        let Some(library) = workspace.libraries.iter().find(|library| {
            path.trim_start_matches('<').strip_prefix(&***library).is_some_and(|rest| rest.starts_with("::"))
        }) else {
            continue;
        };
        let name = (!is_block(ty)).then(|| function(ty));
        row.printed += 1;
        let found = all.iter().find(|future| {
            // The library may export another's.
            workspace.libraries.contains(&future.crate_name)
                && reported(future) == *layout
                && name.is_none_or(|name| function(&future.ty) == name)
        });
        match found {
            Some(found) => {
                row.same += 1;
                left.retain(|future| future.id != found.id);
            }
            None => {
                row.missing += 1;
                faults.push(format!(
                    "{package} {target}: {ty} of `{library}`, {} B, is not reported",
                    layout.0
                ));
            }
        }
    }
    row.unused = left.len();
    row
}

/// A name in which a library is called by the module that has its `extern crate`, without that: `{async fn body of
/// krate::f()}` of `{async fn body of common::krate::f()}`. None if it is not of the library.
fn without_way(ty: &str, library: &str, external: &HashSet<String>) -> Option<String> {
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let inside = format!("::{library}::");
    let mut direct = ty.to_owned();
    let mut from = 0;
    while let Some(at) = direct[from..].find(&inside).map(|at| from + at) {
        let start = direct[..at].rfind(|c| !is_path(c)).map_or(0, |before| before + 1);
        from = at + "::".len();
        let first = direct[start..].split("::").next().unwrap_or_default();
        if !first.is_empty() && !external.contains(first) {
            direct.replace_range(start..from, "");
            from = start;
        }
    }
    let path = direct.split_once(" of ").or_else(|| direct.split_once('@'))?.1.trim_start_matches('<');
    let is_of_library = path.strip_prefix(library).is_some_and(|rest| rest.starts_with("::"));
    (direct != ty && is_of_library).then_some(direct)
}

/// `f` of `{async fn body of m::S<u8>::f<T>()}`.
fn function(ty: &str) -> &str {
    last_segment(ty.split_once(" of ").map_or(ty, |(_, path)| path).trim_end_matches("()}"))
}

/// What the text at a future's place says against it; true if there is no place.
fn fault_of_place(
    root: &Path,
    future: &Future,
    texts: &mut BTreeMap<String, Option<String>>,
) -> Option<(bool, String)> {
    let text = texts
        .entry(future.file.clone())
        .or_insert_with(|| fs::read_to_string(root.join(&future.file)).ok())
        .as_deref();
    let line = text.and_then(|text| text.lines().nth(future.line.checked_sub(1)?));
    let at = line
        .and_then(|line| line.char_indices().nth(future.column.checked_sub(1)?).map(|(at, _)| &line[at..]));
    let says = |what: &str| format!("{} `{}` ({}): {what}", future.kind, future.name, future.ty);
    let Some(rest) = at else {
        return Some((true, says(&format!("no place: {}:{}:{}", future.file, future.line, future.column))));
    };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '#';
    let mut words = rest.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    let rest_is = |kind: &str| Some((false, says(&format!("its place is {kind}: {}", rest.trim_end()))));
    // What the compiler printed of it.
    let printed = [
        ("{async fn body", "async fn"),
        ("{async block", "async block"),
        ("{async closure", "async closure"),
    ];
    let printed = printed.iter().find(|(start, _)| future.ty.starts_with(start)).map(|(_, kind)| *kind);
    if words.next() == Some("async") {
        let modifiers = ["unsafe", "extern", "C", "gen"];
        let next = words.find(|word| !modifiers.contains(word));
        if next == Some("fn") {
            let name = words.next().unwrap_or_default();
            return match last_segment(&future.name).trim_start_matches("r#") == name.trim_start_matches("r#")
                || printed == Some("async block") && future.kind == "async block"
            {
                true if printed == Some("async fn") && future.kind != "async fn" => {
                    Some((false, says("the compiler says async fn")))
                }
                true => None,
                false => rest_is(&format!("fn {name}")),
            };
        }
        return match printed {
            Some(printed) if printed != future.kind => Some((false, says("the compiler says otherwise"))),
            _ => None,
        };
    }
    let is_macro = rest.starts_with('#')
        || rest.trim_start_matches(|c: char| is_word(c) || c == ':').trim_start().starts_with('!');
    let is_gen = rest.starts_with("gen");
    match printed {
        _ if is_gen => None,
        Some(printed) if is_macro && printed != future.kind && printed == "async fn" => {
            Some((false, says("the compiler says async fn")))
        }
        _ if is_macro => None,
        _ => Some((true, says(&format!("its place is `{}`", rest.trim_end())))),
    }
}

/// The workspaces in a folder: itself, or else the folders in it that have a manifest.
pub fn workspaces(folder: &Path) -> Vec<PathBuf> {
    if folder.join("Cargo.toml").exists() {
        return vec![folder.to_owned()];
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.join("Cargo.toml").exists()).collect();
    found.sort();
    found
}
