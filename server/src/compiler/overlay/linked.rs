//! A folder that looks like another one, but for a few files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Makes `overlay` look like `original`, with other texts in some files (paths relative to it): these are real
/// files, the folders on the way to them real folders, and everything else links to what is there.
///
/// It is made anew each time. That takes a few links for each folder on the way, and leaves nothing of the
/// time before, whatever was changed then and is created or removed by now.
pub(super) fn make(overlay: &Path, original: &Path, changed: &BTreeMap<PathBuf, &str>) -> io::Result<()> {
    match std::fs::remove_dir_all(overlay) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    folder(overlay, original, Path::new(""), changed)
}

fn folder(
    overlay: &Path,
    original: &Path,
    relative: &Path,
    changed: &BTreeMap<PathBuf, &str>,
) -> io::Result<()> {
    std::fs::create_dir(overlay.join(relative))?;
    let is_in = |path: &Path| changed.keys().any(|file| file.starts_with(path));
    for entry in std::fs::read_dir(original.join(relative))? {
        let name = relative.join(entry?.file_name());
        if !is_in(&name) {
            link(&original.join(&name), &overlay.join(&name))?;
        } else if !changed.contains_key(&name) {
            folder(overlay, original, &name, changed)?;
        }
    }
    for (file, text) in changed.iter().filter(|(file, _)| file.parent() == Some(relative)) {
        std::fs::write(overlay.join(file), text)?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

#[cfg(windows)]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    // Symbolic links take a privilege that few have.
    if original.is_dir() { junction::create(original, link) } else { std::fs::copy(original, link).map(drop) }
}

#[cfg(not(any(unix, windows)))]
fn link(original: &Path, link: &Path) -> io::Result<()> {
    std::fs::copy(original, link).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_real_and_a_link_again_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let (original, overlay) = (dir.path().join("a"), dir.path().join("b"));
        for (file, text) in [("Cargo.toml", "m"), ("src/lib.rs", "l"), ("src/cmd/get.rs", "g"), ("x/y", "y")]
        {
            std::fs::create_dir_all(original.join(file).parent().unwrap()).unwrap();
            std::fs::write(original.join(file), text).unwrap();
        }
        let read = |file: &str| std::fs::read_to_string(overlay.join(file)).unwrap();
        let is_link = |file: &str| overlay.join(file).is_symlink();

        let (get, new) = (PathBuf::from("src/cmd/get.rs"), PathBuf::from("src/new.rs"));
        make(&overlay, &original, &BTreeMap::from([(get, "changed"), (new, "new")])).unwrap();
        assert_eq!(
            ["src/cmd/get.rs", "src/new.rs", "src/lib.rs", "x/y"].map(read),
            ["changed", "new", "l", "y"]
        );
        assert_eq!(["src", "src/cmd", "src/cmd/get.rs"].map(is_link), [false; 3]);
        if cfg!(unix) {
            assert_eq!(["Cargo.toml", "src/lib.rs", "x"].map(is_link), [true; 3]);
        }

        let lib = PathBuf::from("src/lib.rs");
        make(&overlay, &original, &BTreeMap::from([(lib, "other")])).unwrap();
        assert_eq!((read("src/cmd/get.rs"), read("src/lib.rs")), ("g".to_owned(), "other".to_owned()));
        assert!(!overlay.join("src/new.rs").exists());
        assert_eq!(std::fs::read_to_string(original.join("src/lib.rs")).unwrap(), "l");
    }
}
