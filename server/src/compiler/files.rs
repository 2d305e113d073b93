//! Files that futurelens writes: whole or not there, as readable as the user's umask says, and never through a link
//! that lies where a file of ours belongs.
//!
//! The target directory itself may be a link, that is its owner's choice. What is in it is ours, and a link there
//! would have us write, empty or delete what it leads to.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a file of ours in one step. A link in its place is replaced, not followed.
///
/// # Errors
/// Whatever the file system says; what was there is untouched then.
pub fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = BufWriter::new(temporary(path)?);
    write(&mut buffer)?;
    let file = buffer.into_inner().map_err(io::IntoInnerError::into_error)?;
    put_in_place(file, path)
}

/// Writes a file whose name the user gave, in one step where that can be: what is there keeps its permissions, a link
/// is followed, and a device or a pipe is written to.
///
/// # Errors
/// Whatever the file system says.
pub fn write_for_user(path: &Path, text: &str) -> io::Result<()> {
    let there = match std::fs::metadata(path) {
        Ok(meta) => meta,
        // A link that leads nowhere yet: as the shell's `>`.
        Err(_) if path.is_symlink() => return std::fs::write(path, text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return write(path, |file| file.write_all(text.as_bytes()));
        }
        Err(error) => return Err(error),
    };
    if !there.is_file() {
        return File::options().write(true).open(path)?.write_all(text.as_bytes());
    }
    match replace(path, text) {
        // One may write to the file, but not beside it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => std::fs::write(path, text),
        other => other,
    }
}

/// Replaces the text of a file in one step: a link to it stays one, and its permissions stay. Another name of the
/// same file (a hard link) keeps the old text.
///
/// # Errors
/// Whatever the file system says; the file is as it was then.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = dunce::canonicalize(path)?;
    let mut new = temporary(&path)?;
    new.write_all(text.as_bytes())?;
    new.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
    put_in_place(new, &path)
}

/// A file beside `path` that goes unless it is put there. What was to take that place before and was not finished,
/// because its writer was killed, is removed: of two that write the same file at the same time, one fails.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    remove_unfinished(path);
    let prefix = unfinished(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any file that a program makes. What is private by its owner's umask stays so.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(path))
}

/// Puts such a file in its place, in one step. Also where somebody is reading what is there, on every system:
/// [`NamedTempFile::persist`] does without what Windows has for that.
fn put_in_place(new: NamedTempFile, of: &Path) -> io::Result<()> {
    let new = new.into_temp_path().keep().map_err(|error| error.error)?;
    let renamed = std::fs::rename(&new, of);
    if renamed.is_err() {
        let _ = std::fs::remove_file(new);
    }
    renamed
}

/// Removes what was to become this file and was not finished.
pub(super) fn remove_unfinished(of: &Path) {
    let prefix = unfinished(of);
    for entry in std::fs::read_dir(folder_of(of)).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How files begin that are to become this one.
fn unfinished(of: &Path) -> OsString {
    let mut prefix = OsString::from(".futurelens-");
    prefix.push(of.file_name().unwrap_or_default());
    prefix.push("-");
    prefix
}

/// Makes a folder of ours; what stands above it may be a link.
///
/// # Errors
/// Whatever the file system says.
pub fn folder(path: &Path) -> io::Result<()> {
    if path.is_symlink() {
        remove_link(path)?;
    }
    std::fs::create_dir_all(path)
}

/// Makes a file of ours unless there is something of that name, a link that leads nowhere included.
///
/// # Errors
/// Whatever the file system says.
pub fn write_once(path: &Path, text: &str) -> io::Result<()> {
    match File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens an empty file of ours to be locked.
///
/// # Errors
/// Whatever the file system says.
pub fn lock(path: &Path) -> io::Result<File> {
    if path.is_symlink() {
        remove_link(path)?;
    }
    // Not emptied: whatever it is, it is of no use to us but by its name.
    File::options().write(true).create(true).truncate(false).open(path)
}

/// Is this a folder, and not a link to one?
pub(super) fn is_own_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

fn remove_link(path: &Path) -> io::Result<()> {
    // Windows has two kinds of links, and two ways to remove them.
    match std::fs::remove_file(path) {
        Err(_) if cfg!(windows) => std::fs::remove_dir(path),
        other => other,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct TestFolder {
        dir: tempfile::TempDir,
    }

    impl TestFolder {
        /// A folder with `there`, a file whose text is `theirs`.
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("there"), "theirs").unwrap();
            std::fs::create_dir(dir.path().join("folder")).unwrap();
            TestFolder { dir }
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.dir.path().join(name)
        }

        fn link(&self, name: &str, to: &str) -> std::path::PathBuf {
            symlink(self.path(to), self.path(name)).unwrap();
            self.path(name)
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.path(name)).unwrap()
        }

        fn mode(&self, name: &str) -> u32 {
            std::fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
        }

        fn set_mode(&self, name: &str, mode: u32) {
            std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn our_own_files_are_not_written_through_links() {
        let place = TestFolder::new();
        write(&place.link("a", "there"), |file| file.write_all(b"ours")).unwrap();
        lock(&place.link("b", "there")).unwrap();
        lock(&place.link("c", "nowhere")).unwrap();
        write_once(&place.link("d", "nowhere"), "ours").unwrap();
        folder(&place.link("e", "folder")).unwrap();
        write(&place.path("e/f"), |file| file.write_all(b"ours")).unwrap();
        assert_eq!((place.read("a"), place.read("there")), ("ours".to_owned(), "theirs".to_owned()));
        assert!(!place.path("nowhere").exists());
        assert_eq!(std::fs::read_dir(place.path("folder")).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_is_opened_twice() {
        let place = TestFolder::new();
        let first = lock(&place.path("lock")).unwrap();
        first.lock().unwrap();
        assert!(lock(&place.path("lock")).unwrap().try_lock().is_err());
    }

    #[test]
    fn what_the_user_names_is_written_as_any_tool_writes_it() {
        let place = TestFolder::new();
        write_for_user(&place.path("new"), "1").unwrap();
        std::fs::write(place.path("plain"), "").unwrap();
        assert_eq!((place.read("new"), place.mode("new")), ("1".to_owned(), place.mode("plain")));

        place.set_mode("there", 0o640);
        write_for_user(&place.link("link", "there"), "2").unwrap();
        assert!(place.path("link").is_symlink());
        assert_eq!((place.read("there"), place.mode("there")), ("2".to_owned(), 0o640));

        write_for_user(&place.link("dangling", "made"), "3").unwrap();
        assert_eq!(place.read("made"), "3");

        // In the place of a device nothing must stand; a link, so that a mistake costs only that.
        std::fs::create_dir(place.path("dev")).unwrap();
        symlink("/dev/null", place.path("dev/null")).unwrap();
        write_for_user(&place.path("dev/null"), "4").unwrap();
        assert!(place.path("dev/null").is_symlink());
        assert!(write_for_user(&place.path("folder"), "5").is_err());
        assert!(write_for_user(&place.path("none/at/all"), "6").is_err());
    }

    #[test]
    fn a_source_file_keeps_what_it_is_besides_its_text() {
        let place = TestFolder::new();
        place.set_mode("there", 0o755);
        std::fs::hard_link(place.path("there"), place.path("other name")).unwrap();
        replace(&place.link("link", "there"), "new").unwrap();
        assert!(place.path("link").is_symlink());
        assert_eq!((place.read("there"), place.mode("there")), ("new".to_owned(), 0o755));
        assert_eq!(place.read("other name"), "theirs");
        assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 4, "nothing is left beside them");
    }

    #[test]
    fn what_was_not_finished_goes_with_the_next_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("a.futurelens"), dir.path().join("b.futurelens"));
        let keep = |of: &Path| temporary(of).unwrap().keep().unwrap();
        keep(&file);
        let (_, of_other) = keep(&other);
        put_in_place(temporary(&file).unwrap(), &file).unwrap();
        let entries = std::fs::read_dir(dir.path()).unwrap().flatten();
        let mut left: Vec<_> = entries.map(|entry| entry.path()).collect();
        left.sort();
        assert_eq!(left, [of_other, file]);
    }
}
