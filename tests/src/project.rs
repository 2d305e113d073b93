//! Small cargo projects in temporary directories.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A cargo project of its own, gone when the value is dropped.
#[derive(Debug)]
pub struct Project {
    dir: TempDir,
    root: PathBuf,
}

impl Project {
    /// An empty directory.
    pub fn empty() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("futurelens-test-")
            .tempdir()
            .expect("the temporary directory is writable");
        // On some systems the temporary directory is a symbolic link, and cargo prints real paths.
        let root = dir.path().canonicalize().expect("it was just made").join("project");
        fs::create_dir(&root).expect("it was just made");
        Self { dir, root }
    }

    /// A library without dependencies, with this `src/lib.rs`.
    pub fn lib(name: &str, source: &str) -> Self {
        let project = Self::empty();
        project.write("Cargo.toml", &manifest(name));
        project.write("src/lib.rs", source);
        project
    }

    /// A copy of a directory, such as a fixture, without its `target`.
    pub fn copy_of(from: &Path) -> Self {
        let project = Self::empty();
        copy(from, &project.root);
        project
    }

    /// Writes a file below the root, and the directories above it.
    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it is below the root"))
            .and_then(|()| fs::write(&path, text))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Writes a shell script that can be started; as with [`Project::write`], the path begins at the root. Returns
    /// where it is.
    pub fn script(&self, path: &str, text: &str) -> PathBuf {
        self.write(path, text);
        let script = self.root.join(path).canonicalize().expect("it was just written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        script
    }

    /// Has cargo use a program as its `rustc` or its `rustc-wrapper`.
    pub fn compile_with(&self, setting: &str, program: &Path) -> &Self {
        self.write(".cargo/config.toml", &format!("[build]\n{setting} = {program:?}\n"))
    }

    /// The text of a file below the root.
    pub fn read(&self, path: &str) -> String {
        let path = self.root.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Where `Cargo.toml` is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path beside the project, for target directories, logs and caches.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.root.with_file_name(name)
    }

    /// Where the project and everything beside it is.
    pub fn outside(&self) -> &Path {
        self.dir.path()
    }
}

/// The `Cargo.toml` of a package that belongs to no workspace and has no dependencies.
pub fn manifest(name: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n")
}

/// An `async fn` with this name whose future is `bytes + 2` large: a local of `bytes` bytes across
/// one await of a one-byte future, and the discriminant.
///
/// It needs [`PENDING_ONCE`] in the same file.
pub fn future_of(name: &str, bytes: usize) -> String {
    format!(
        "pub async fn {name}() {{\n    let held = std::hint::black_box([1u8; {bytes}]);\n    \
         PendingOnce(false).await;\n    std::hint::black_box(&held);\n}}\n"
    )
}

/// `defer! { .. }`, which runs what it is given when a value without a name in the text is dropped.
pub const DEFER: &str = "
pub struct OnDrop<F: FnMut()>(pub F);
impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)()
    }
}
macro_rules! defer {
    ($($body:tt)*) => { let _guard = OnDrop(|| { $($body)* }); };
}
";

/// The one-byte future that [`future_of`] awaits.
pub const PENDING_ONCE: &str = "
pub struct PendingOnce(pub bool);

impl std::future::Future for PendingOnce {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    }
}
";

/// Copies a directory with everything in it, except for a `target` at its top.
///
/// # Panics
///
/// If something cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let relative = path.strip_prefix(from).expect("it was found below");
        if relative.starts_with("target") {
            continue;
        }
        let to = to.join(relative);
        fs::create_dir_all(to.parent().expect("it is below"))
            // Registry sources may be read-only; `fs::copy` would keep that.
            .and_then(|()| fs::read(&path))
            .and_then(|bytes| fs::write(&to, bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Every file below a directory, sorted; nothing if there is no such directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                _ => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}
