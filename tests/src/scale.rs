//! Synthetic workspaces of any size: how time and memory grow with a project.

use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// How large a synthetic workspace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Library crates, in four layers; each depends on up to three of the layer below.
    pub crates: usize,
    /// `async fn`s in all, the large file's among them; every fifth is generic. At least ten for each crate,
    /// and those of the large file.
    pub futures: usize,
    /// `async fn`s of an ordinary file: a few hundred lines.
    pub per_file: usize,
}

impl Default for Scale {
    fn default() -> Self {
        Self { crates: 20, futures: 5_000, per_file: 25 }
    }
}

/// The `async fn`s of the large file, which is `src/large.rs` of the crate in the middle.
pub const LARGE_FUTURES: usize = 300;

/// Its lines, about.
pub const LARGE_LINES: usize = 5_000;

const LAYERS: usize = 4;

/// What every crate has.
const PRELUDE: &str = "
/// Something of the crate's own that is held.
#[derive(Clone, Debug, Default)]
pub struct Local {
    /// A number.
    pub number: u64,
    /// Some bytes.
    pub bytes: [u8; 24],
}

/// Pending once.
#[derive(Debug, Default)]
pub struct Pause(bool);

impl std::future::Future for Pause {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }
}

/// Somewhere to wait.
pub async fn pause() {
    Pause::default().await;
}

/// Uses all of it.
pub fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}
";

/// Writes a workspace of that size, without dependencies on others; the same each time.
///
/// # Panics
///
/// If the folder is not writable.
pub fn workspace(root: &Path, scale: &Scale) {
    write(root, "Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n");
    let large = scale.crates / 2;
    let others = scale.futures.saturating_sub(LARGE_FUTURES);
    let layer = |krate: usize| krate * LAYERS / scale.crates;
    for krate in 0..scale.crates {
        let name = name(krate);
        let below: Vec<usize> = (0..krate).filter(|other| layer(*other) + 1 == layer(krate)).collect();
        let mut deps: Vec<usize> =
            (0..3).filter_map(|n| below.get((krate * 7 + n * 3) % below.len().max(1)).copied()).collect();
        deps.sort_unstable();
        deps.dedup();
        let mut manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n"
        );
        for dep in &deps {
            let dep = self::name(*dep);
            let _ = writeln!(manifest, "{dep} = {{ path = \"../{dep}\" }}");
        }
        write(root, &format!("crates/{name}/Cargo.toml"), &manifest);

        let share = others * (krate + 1) / scale.crates - others * krate / scale.crates;
        let share = share.max(10);
        let mut lib = format!("//! Synthetic crate {krate}.\n\n");
        for (file, first) in (0..share).step_by(scale.per_file.max(2)).enumerate() {
            let fns = first..(first + scale.per_file.max(2)).min(share);
            let _ = writeln!(lib, "pub mod m{file};");
            let text = module(&format!("m{file}"), fns, krate, &deps, 0);
            write(root, &format!("crates/{name}/src/m{file}.rs"), &text);
        }
        if krate == large {
            lib.push_str("pub mod large;\n");
            let text = module("large", 0..LARGE_FUTURES, krate, &deps, LARGE_LINES.div_ceil(LARGE_FUTURES));
            write(root, &format!("crates/{name}/src/large.rs"), &text);
        }
        lib.push_str(PRELUDE);
        write(root, &format!("crates/{name}/src/lib.rs"), &lib);
    }
}

fn name(krate: usize) -> String {
    format!("part_{krate:02}")
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it is below the root"))
        .and_then(|()| fs::write(&path, text))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// A file of the fns with these numbers, each of at least so many lines.
fn module(name: &str, fns: Range<usize>, krate: usize, deps: &[usize], lines: usize) -> String {
    let mut text =
        "//! Async fns that hold things and await each other.\n\nuse crate::{Local, pause, sum};\n\n"
            .to_owned();
    for (n, number) in fns.enumerate() {
        // Spread over 8 to 519 bytes; a large one now and then.
        let mix = (number as u64 + 1).wrapping_mul(krate as u64 * 2 + 0x9E37_79B9_7F4A_7C15) >> 32;
        let held = 8 + mix % 512 + if mix.is_multiple_of(31) { 4096 } else { 0 };
        let before = text.len();
        let _ = writeln!(text, "/// Number {number}.");
        text.push_str(&function(name, n, held, deps));
        while text[before..].lines().count() + 1 < lines {
            text.push_str("// A comment, as there are in real code.\n");
        }
        text.push('\n');
    }
    // A file this short does not use everything.
    text.push_str("/// What a file of any length uses.\npub async fn all(local: &Local) -> u64 {\n    pause().await;\n    sum(&local.bytes)\n}\n");
    text
}

/// One fn; those in a group of ten await each other.
fn function(module: &str, n: usize, held: u64, deps: &[usize]) -> String {
    let f = |kind: usize| format!("f{}", n - n % 10 + kind);
    let own = f(n % 10);
    let plain = |body: &str| {
        format!(
            "pub async fn {own}(n: u64) -> u64 {{\n    let held = [n as u8; {held}];\n{body}    \
             total.wrapping_add(sum(&held))\n}}\n"
        )
    };
    match n % 10 {
        1 => format!(
            "pub async fn {own}<T: Clone + Default>(n: u64) -> u64 {{\n    let held = (T::default(), [n as u8; \
             {held}]);\n    pause().await;\n    let copy = held.clone();\n    let inner = {}(n).await;\n    \
             sum(&copy.1).wrapping_add(inner).wrapping_add(size_of_val(&held.0) as u64)\n}}\n",
            f(0)
        ),
        2 => format!(
            "impl Local {{\n    /// A method.\n    pub async fn {module}_{own}(&self, n: u64) -> u64 {{\n        \
             let held = [n as u8; {held}];\n        let inner = {}(self.number).await;\n        pause().await;\n        \
             sum(&held).wrapping_add(inner).wrapping_add(sum(&self.bytes))\n    }}\n}}\n",
            f(0)
        ),
        3 => plain(&format!(
            "    let mut total = {}(n).await;\n    total = total.wrapping_add({1}::<u8>(n).await);\n    total = \
             total.wrapping_add({1}::<[u64; 4]>(total).await);\n",
            f(0),
            f(1)
        )),
        4 => format!(
            "pub async fn {own}<F: std::future::Future<Output = u64>>(future: F, n: u64) -> u64 {{\n    let held = \
             [n as u8; {held}];\n    let total = future.await;\n    pause().await;\n    \
             total.wrapping_add(sum(&held))\n}}\n"
        ),
        5 => plain(&format!(
            "    let block = async move {{\n        let local = Local::default();\n        let inner = \
             {}(n).await;\n        pause().await;\n        inner.wrapping_add(local.number)\n    }};\n    let total \
             = block.await;\n",
            f(0)
        )),
        6 => {
            let dep = deps.get(n / 10 % deps.len().max(1)).map(|dep| format!("{}::m0::f", name(*dep)));
            let (first, generic) = match dep {
                Some(path) => (format!("{path}0"), format!("{path}1")),
                None => (f(0), f(1)),
            };
            plain(&format!(
                "    let mut total = {first}(n).await;\n    let local = Local::default();\n    total = \
                 total.wrapping_add({generic}::<Local>(total).await);\n    total = total.wrapping_add(sum(&local.bytes));\n"
            ))
        }
        7 => plain(&format!(
            "    let mut total = 0u64;\n    for step in 0..n % 4 {{\n        total = total.wrapping_add({}(step).await);\n        \
             if step == 2 {{\n            pause().await;\n        }}\n    }}\n",
            f(3)
        )),
        8 => plain(&format!(
            "    let first = {0}(async move {{ {1}(n).await.rotate_left(1) }}, n).await;\n    let total = \
             {0}({2}(first), first).await;\n",
            f(4),
            f(5),
            f(6)
        )),
        9 => plain(&format!(
            "    let local = Local::default();\n    let mut total = local.{module}_{}(n).await;\n    total = \
             total.wrapping_add({}(total).await);\n    total = total.wrapping_add({}(total).await);\n",
            f(2),
            f(7),
            f(8)
        )),
        _ => plain("    pause().await;\n    let total = n;\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::{clean_command, run};
    use crate::project::files;

    #[test]
    fn it_compiles_without_warnings_and_has_the_promised_size() {
        let dir = tempfile::tempdir().expect("the temporary directory is writable");
        let root = dir.path().join("scale");
        workspace(&root, &Scale { crates: 5, futures: 500, ..Scale::default() });
        let texts =
            files(&root).into_iter().map(|path| fs::read_to_string(path).expect("it was just written"));
        let count =
            |text: &str| text.matches("pub async fn f").count() + text.matches("(&self, n: u64)").count();
        let counts: Vec<(usize, usize)> = texts.map(|text| (count(&text), text.lines().count())).collect();
        assert_eq!(counts.iter().map(|(fns, _)| fns).sum::<usize>(), 500, "{counts:?}");
        assert!(counts.iter().any(|(_, lines)| (4_900..5_300).contains(lines)), "{counts:?}");
        let check = run(clean_command("cargo").arg("check").current_dir(&root)).expect_success();
        assert!(!check.stderr.contains("warning"), "{}", check.stderr);
    }
}
