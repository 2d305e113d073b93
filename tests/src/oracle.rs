//! Today's workflow, to compare with: a plain full build that prints type sizes, read with a parser
//! of its own.
//!
//! Nothing is added to that build but `-Zprint-type-sizes`, for the package in question only. It
//! generates code, links, and prints the names that people see. Only its dependencies are not optimized.

use crate::binary::{cache_dir, cargo, clean_command, nightly, run};
use crate::registry::checkout;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;

/// A coroutine, as the compiler printed it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coroutine {
    /// Its readable name, such as `{async fn body of cmd::set::Set::apply()}`.
    pub ty: String,
    /// In bytes.
    pub size: u64,
    /// In bytes.
    pub align: u64,
    /// Bytes of the tag.
    pub discriminant: u64,
    /// In the order printed.
    pub states: Vec<State>,
}

/// A variant of a coroutine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// `Unresumed`, `Suspend0`, …
    pub name: String,
    /// In bytes, without the discriminant.
    pub size: u64,
    /// Bytes between the things held.
    pub padding: u64,
    /// Upvars and locals, by offset.
    pub held: Vec<Held>,
}

/// A field of a variant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// In bytes, from the start of the future.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
    /// As printed, without the dot in front.
    pub name: String,
}

impl Coroutine {
    /// The states in which it is suspended. `Unresumed` says no more than the captured variables,
    /// and `Returned` and `Panicked` are empty.
    pub fn suspended(&self) -> BTreeSet<(String, u64)> {
        let suspended = self.states.iter().filter(|state| state.name.starts_with("Suspend"));
        suspended.map(|state| (state.name.clone(), state.size)).collect()
    }

    /// The file in its name, if it is named by the place of its block.
    pub fn file(&self) -> Option<&str> {
        block_place(&self.ty)?.split(':').next()
    }
}

/// What one compiler run said about one target of a package.
#[derive(Debug)]
pub struct Unit {
    /// `lib`, or the name of the binary.
    pub name: String,
    /// The name the compiler knows it by.
    pub crate_name: String,
    /// Those whose body is in this crate.
    pub own: Vec<Coroutine>,
    /// Those whose body is in another crate, in the standard library or in the package's library.
    pub foreign: Vec<Coroutine>,
}

/// Reads what `-Zprint-type-sizes` prints. A record is a coroutine if it has a state `Unresumed`.
pub fn parse(text: &str) -> Vec<Coroutine> {
    let mut found: Vec<Coroutine> = Vec::new();
    let mut open: Option<Coroutine> = None;
    // Where a field is that follows directly on the one before: only others print their offset, and
    // those after padding not even then.
    let mut next = 0;
    let is_coroutine = |record: &Coroutine| record.states.iter().any(|state| state.name == "Unresumed");
    for line in text.lines() {
        let Some(line) = line.strip_prefix("print-type-size ") else {
            continue;
        };
        if let Some(record) = line.strip_prefix("type: `") {
            found.extend(open.take().filter(is_coroutine));
            // A type can hold `: ` itself, as a block's place does.
            let Some((ty, numbers)) = record.rsplit_once("`: ") else {
                continue;
            };
            let mut numbers = numbers.split(' ').filter_map(|word| word.parse().ok());
            if let (Some(size), Some(align)) = (numbers.next(), numbers.next()) {
                let states = Vec::new();
                open = Some(Coroutine { ty: ty.to_owned(), size, align, discriminant: 0, states });
            }
            continue;
        }
        let Some(record) = &mut open else { continue };
        let line = line.trim_start();
        let Some((what, rest)) = line.split_once(": ") else { continue };
        if what == "discriminant" {
            record.discriminant = bytes(rest);
        } else if let Some(name) = quoted(what, "variant") {
            // Each variant is printed as if the tag came first, wherever it is.
            next = record.discriminant;
            let state = State { name: name.to_owned(), size: bytes(rest), padding: 0, held: Vec::new() };
            record.states.push(state);
        } else if let Some(state) = record.states.last_mut() {
            if what == "padding" {
                state.padding += bytes(rest);
                next += bytes(rest);
            } else if let Some(name) = quoted(what, "upvar").or_else(|| quoted(what, "local")) {
                // The type comes last and may hold anything.
                let numbers = rest.split(", type: ").next().unwrap_or_default();
                let printed = numbers.split(", ").find_map(|number| number.strip_prefix("offset: "));
                let offset = printed.map_or(next, bytes);
                let size = bytes(rest);
                next = offset + size;
                let name = name.strip_prefix('.').unwrap_or(name).to_owned();
                state.held.push(Held { offset, size, name });
                state.held.sort();
            }
        }
    }
    found.extend(open.filter(is_coroutine));
    found
}

/// The name in ``local `.name` ``.
fn quoted<'a>(text: &'a str, what: &str) -> Option<&'a str> {
    text.strip_prefix(what)?.strip_prefix(" `")?.strip_suffix('`')
}

/// 7 of `7 bytes, …`.
///
/// # Panics
///
/// If it does not begin with a number: then this parser has not understood the line.
fn bytes(text: &str) -> u64 {
    let word = text.split(' ').next().unwrap_or_default();
    word.parse().unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Measures every library and binary of a project of one package.
///
/// # Panics
///
/// If it does not build, or if it cannot be told which bodies are its own.
pub fn measure(root: &Path, profile: &str) -> Vec<Unit> {
    let text_of = |target: &Target, target_dir: &Path| print(root, profile, target, target_dir);
    units(root, text_of)
}

/// Measures a published crate. What the compiler printed is kept between test runs, under its
/// version: a full build of both profiles takes longer than all of the rest.
pub fn measure_published(name: &str, version: &str, profile: &str) -> Vec<Unit> {
    let root = checkout(name, version);
    let compiler =
        run(clean_command("rustc").args([&format!("+{}", nightly()), "--version"])).expect_success().stdout;
    let plain = |text: &str| text.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let kept =
        cache_dir().join("oracle").join(plain(compiler.trim())).join(format!("{name}-{version}-{profile}"));
    fs::create_dir_all(&kept).expect("the cache is writable");
    units(&root, |target, target_dir| {
        let path = kept.join(format!("{}.txt", target.name));
        fs::read_to_string(&path).unwrap_or_else(|_| {
            let text = print(&root, profile, target, target_dir);
            let fresh = path.with_extension(format!("{}", std::process::id()));
            fs::write(&fresh, &text).and_then(|()| fs::rename(&fresh, &path)).expect("the cache is writable");
            text
        })
    })
}

/// A target of the package.
struct Target {
    /// `lib`, or the name of the binary.
    name: String,
    /// The name the compiler knows it by.
    crate_name: String,
}

fn print(root: &Path, profile: &str, target: &Target, target_dir: &Path) -> String {
    let mut command = cargo(nightly());
    command.args(["rustc", "--profile", profile]);
    // What is optimized of the dependencies is none of the package's layouts, and most of the time of such a build.
    command.args(["--config", r#"profile.release.package."*".opt-level=0"#]);
    match target.name.as_str() {
        "lib" => command.arg("--lib"),
        bin => command.args(["--bin", bin]),
    };
    let printed =
        run(command.arg("--target-dir").arg(target_dir).args(["--", "-Zprint-type-sizes"]).current_dir(root))
            .expect_success();
    assert!(
        printed.stdout.contains("print-type-size type: "),
        "the compiler printed no sizes for {}",
        target.name
    );
    printed.stdout
}

fn units(root: &Path, text_of: impl Fn(&Target, &Path) -> String) -> Vec<Unit> {
    let metadata =
        run(cargo(nightly()).args(["metadata", "--format-version", "1"]).current_dir(root)).expect_success();
    let metadata: Value = serde_json::from_str(&metadata.stdout).expect("cargo metadata prints JSON");
    let package_id = &metadata["resolve"]["root"];
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is = |target: &Value, kinds: &[&str]| {
        array(&target["kind"]).iter().any(|kind| kinds.contains(&text(kind).as_str()))
    };
    let library = ["lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"];
    let crate_name = |target: &Value| text(&target["name"]).replace('-', "_");

    let mut external: HashSet<String> = ["std", "core", "alloc"].map(str::to_owned).into();
    let mut own_library = None;
    let mut targets = Vec::new();
    for package in array(&metadata["packages"]) {
        let own = package["id"] == *package_id;
        for target in array(&package["targets"]) {
            if is(&target, &library) {
                let name = crate_name(&target);
                if own {
                    own_library = Some(name.clone());
                    targets.insert(0, Target { name: "lib".to_owned(), crate_name: name });
                } else {
                    external.insert(name);
                }
            } else if own && is(&target, &["bin"]) && target["required-features"].is_null() {
                targets.push(Target { name: text(&target["name"]), crate_name: crate_name(&target) });
            }
        }
    }
    // Dependencies that the package knows by another name.
    for node in array(&metadata["resolve"]["nodes"]) {
        if node["id"] == *package_id {
            external.extend(array(&node["deps"]).iter().map(|dep| text(&dep["name"])));
        }
    }

    let target_dir = tempfile::tempdir().expect("the temporary directory is writable");
    targets
        .into_iter()
        .map(|target| {
            let mut external = external.clone();
            match &own_library {
                Some(library) if target.name != "lib" => external.insert(library.clone()),
                _ => external.remove(&target.crate_name),
            };
            let records = parse(&text_of(&target, target_dir.path()));
            for head in records.iter().flat_map(|record| heads(&record.ty)) {
                let file = root.join("src").join(head);
                assert!(
                    !external.contains(head) || !(file.is_dir() || file.with_extension("rs").exists()),
                    "`{head}` is a dependency and a module: the oracle cannot tell whose it is"
                );
            }
            let (own, foreign) = records.into_iter().partition(|record| is_own(&record.ty, &external));
            Unit { name: target.name, crate_name: target.crate_name, own, foreign }
        })
        .collect()
}

/// Whether the body of a coroutine is in the crate that was compiled.
///
/// A block of this crate is named by its place in a file (also if a macro of another crate wrote
/// it: the expansion is in this crate); a block of another crate is named by its path. A function
/// is named by its path, and the paths of other crates start with the name of their crate. The body
/// of a method of a trait is where the `impl` is, and the orphan rule puts that into the crate of
/// the type or of the trait.
pub fn is_own(ty: &str, external: &HashSet<String>) -> bool {
    block_place(ty).is_some() || heads(ty).iter().any(|head| !external.contains(*head))
}

/// `src/x.rs:1:2: 3:4` of `{async block@src/x.rs:1:2: 3:4}`; nothing if the name is a path.
fn block_place(ty: &str) -> Option<&str> {
    let place = ty.strip_prefix('{')?.split_once('@')?;
    // `@` of a type inside of generic arguments comes after `of`.
    if place.0.contains(" of ") {
        return None;
    }
    let place = place.1.strip_suffix('}')?;
    let is_place = place.contains(".rs:") && !place.contains("{closure#");
    is_place.then_some(place)
}

/// The first segments of the paths that decide where the body is: one for a path, and those of the
/// type and of the trait for `<Type as Trait>::method`.
fn heads(ty: &str) -> Vec<&str> {
    if block_place(ty).is_some() {
        return Vec::new();
    }
    let path = match ty.split_once(" of ") {
        Some((_, path)) => path,
        None => ty.split_once('@').map_or("", |(_, path)| path),
    };
    let Some(qualified) = path.strip_prefix('<') else {
        return vec![head(path)];
    };
    let mut depth = 0;
    let mut found = vec![head(qualified)];
    for (at, c) in qualified.char_indices() {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            // Not the arrow of a function pointer.
            '>' if qualified[..at].ends_with('-') => {}
            '>' | ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && qualified[at..].starts_with(" as ") {
            found.push(head(&qualified[at + " as ".len()..]));
            break;
        }
        if depth < 0 {
            break;
        }
    }
    // A primitive type has no path; then the trait decides alone.
    found.retain(|head| !PRIMITIVE.contains(head));
    found
}

const PRIMITIVE: [&str; 19] = [
    "", "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
    "isize", "f32", "f64", "fn",
];

/// The first segment of a path, past what a type can start with.
fn head(path: &str) -> &str {
    let mut path = path;
    loop {
        let before = path;
        for prefix in ["&", "*const ", "*mut ", "mut ", "dyn ", "(", "[", "'_ "] {
            path = path.strip_prefix(prefix).unwrap_or(path);
        }
        if path == before {
            break;
        }
    }
    let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    &path[..end.unwrap_or(path.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_coroutines_and_nothing_else() {
        let text = "\
print-type-size type: `{async fn body of a::b<[u8; 2]>()}`: 32 bytes, alignment: 8 bytes
print-type-size     discriminant: 1 bytes
print-type-size     variant `Unresumed`: 2 bytes
print-type-size         upvar `.x`: 2 bytes
print-type-size     variant `Suspend0`: 31 bytes
print-type-size         upvar `.x`: 2 bytes
print-type-size         padding: 5 bytes
print-type-size         local `.y`: 8 bytes, alignment: 8 bytes
print-type-size         local `.__awaitee`: 4 bytes, type: A<{async block@src/x.rs:1:2: 3:4}, offset: 9>
print-type-size         local `..coroutine_field3`: 0 bytes, offset: 0 bytes, alignment: 1 bytes, type: ()
print-type-size     variant `Returned`: 2 bytes
print-type-size     end padding: 1 bytes
print-type-size type: `std::option::Option<u8>`: 2 bytes, alignment: 1 bytes
print-type-size     variant `Some`: 1 bytes
print-type-size         field `.0`: 1 bytes
warning: something else
";
        let found = parse(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].ty, "{async fn body of a::b<[u8; 2]>()}");
        assert_eq!((found[0].size, found[0].align, found[0].discriminant), (32, 8, 1));
        assert_eq!(found[0].suspended(), [("Suspend0".to_owned(), 31)].into_iter().collect());
        let state = &found[0].states[1];
        let held: Vec<_> = state.held.iter().map(|held| (&*held.name, held.size, held.offset)).collect();
        assert_eq!(state.padding, 5);
        assert_eq!(held, [(".coroutine_field3", 0, 0), ("x", 2, 1), ("y", 8, 8), ("__awaitee", 4, 16)]);
    }

    #[test]
    fn knows_whose_body_it_is() {
        let external = ["std", "tokio", "ext"].map(str::to_owned).into();
        for (ty, own) in [
            ("{async block@src/x.rs:1:2: 3:4}", true),
            ("{async block@/far/away/macros.rs:1:2: 3:4}", true),
            ("{async block@ext::call::{closure#0}}", false),
            ("{async fn body of Root::method()}", true),
            ("{async fn body of cmd::Set::apply()}", true),
            ("{async fn body of tokio::sync::mpsc::Sender<cmd::Set>::send()}", false),
            ("{async fn body of pull::<impl ext::Consumer<pull::Config>>::messages()}", true),
            ("{async fn body of <cmd::Set as tokio::Service<()>>::call()}", true),
            ("{async fn body of <std::vec::Vec<cmd::Set> as ours::Apply>::apply()}", true),
            ("{async fn body of <ext::Wrapper<cmd::Set> as ext::Apply>::apply()}", false),
            ("{async fn body of <&'_ mut ext::Wrapper<fn() -> u8> as ours::Apply>::apply()}", true),
            ("{async fn body of <u8 as ext::Apply>::apply()}", false),
            ("{async fn body of ext::run<{async block@src/x.rs:1:2: 3:4}>()}", false),
        ] {
            assert_eq!(is_own(ty, &external), own, "{ty}");
        }
    }
}
