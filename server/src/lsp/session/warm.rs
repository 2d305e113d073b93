//! Reading back what an earlier session measured, beside asking cargo about the project: both take a while, and
//! both must be there before a number is shown. Nothing is written, and nothing but text is read.
//!
//! And noticing what rides along with the user's own builds, see [`watch`].

use crate::compiler::{Index, Request, ride_along};
use crate::engine::Warm;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Has each target directory read once for each request, on threads of their own.
#[derive(Debug, Default)]
pub struct WarmStart {
    readings: Vec<Reading>,
}

#[derive(Debug)]
struct Reading {
    target_dir: PathBuf,
    request: Request,
    result: Taken,
}

/// How far it is.
#[derive(Debug)]
pub enum Taken {
    /// It is being read: there will be news.
    NotYet,
    /// Numbers, if there are any.
    Read(Option<Box<Warm>>),
}

/// What was read, told to [`WarmStart::hear`].
#[derive(Debug)]
pub struct EarlierNumbers {
    target_dir: PathBuf,
    request: Request,
    warm: Option<Box<Warm>>,
}

impl WarmStart {
    /// Has a target directory read, unless that was begun before: `read` gets the means, for a thread that may wait for
    /// the disk, and [`WarmStart::hear`] has to get the result.
    pub fn begin<F>(&mut self, target_dir: PathBuf, request: &Request, read: F)
    where
        F: FnOnce(Box<dyn FnOnce() -> EarlierNumbers + Send>),
    {
        // The folder says nothing: what is read is that of the whole workspace.
        let request = Request { dir: PathBuf::new(), ..request.clone() };
        if self.find(&target_dir, &request).is_some() {
            return;
        }
        let result = Taken::NotYet;
        self.readings.push(Reading { target_dir: target_dir.clone(), request: request.clone(), result });
        read(Box::new(move || {
            let warm = Warm::read(&target_dir, &request).map(Box::new);
            EarlierNumbers { target_dir, request, warm }
        }));
    }

    fn find(&self, target_dir: &Path, request: &Request) -> Option<usize> {
        let is_it = |one: &Reading| one.target_dir == *target_dir && one.request == *request;
        self.readings.iter().position(is_it)
    }

    /// Takes note.
    pub fn hear(&mut self, read: EarlierNumbers) {
        if let Some(index) = self.find(&read.target_dir, &read.request) {
            self.readings[index].result = Taken::Read(read.warm);
        }
    }

    /// What was read; it is read once.
    pub fn take(&mut self, target_dir: &Path, request: &Request) -> Taken {
        let request = Request { dir: PathBuf::new(), ..request.clone() };
        let Some(index) = self.find(target_dir, &request) else { return Taken::Read(None) };
        match &mut self.readings[index].result {
            Taken::NotYet => Taken::NotYet,
            Taken::Read(warm) => Taken::Read(warm.take()),
        }
    }

    /// Lets go of what nobody took: guesses that were wrong.
    pub fn clear(&mut self) {
        self.readings.retain(|reading| matches!(reading.result, Taken::NotYet));
    }
}

/// How often the one file is looked at that tells of numbers that rode along. Asking for its time takes
/// microseconds; and editors do not watch target directories, or nothing at all.
const GLANCE: Duration = Duration::from_millis(200);

/// Tells whenever numbers that ride along with builds like `request` for a target are newer than the last, for as long as the
/// receipt is kept.
pub fn watch(
    folder: PathBuf,
    own: &Path,
    request: &Request,
    triple: String,
    tell: impl Fn() + Send + 'static,
) -> Watch {
    let (own, request) = (own.to_owned(), request.clone());
    let watch = Watch(Arc::new(()));
    let watched = Arc::downgrade(&watch.0);
    std::thread::spawn(move || {
        let written = || ride_along::written(&folder, &request, &triple);
        // What is older than the numbers of size builds is not news.
        let own = Index::written(&own, &Request { dir: PathBuf::new(), ..request.clone() });
        let mut last = written().filter(|time| own.is_some_and(|own| own > *time));
        while watched.strong_count() > 0 {
            let now = written();
            if now.is_some() && now != last {
                last = now;
                tell();
            }
            std::thread::sleep(GLANCE);
        }
    });
    watch
}

/// Keeps [`watch`] going.
#[derive(Debug)]
pub struct Watch(Arc<()>);

/// The target directory of size builds, if it has numbers for the request: where it is told, or in the nearest
/// folder of a project. Cargo will tell whether it is right. Looks at the disk.
pub fn guess(package: &Path, request: &Request) -> Option<PathBuf> {
    let is_there = |dir: &PathBuf| Index::is_there(dir, request, None);
    if let Some(own) = &request.target_dir {
        return Some(package.join(own)).filter(is_there);
    }
    if let Some(dir) = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from) {
        return Some(dir.join("futurelens")).filter(|dir| dir.is_absolute() && is_there(dir));
    }
    let package = dunce::canonicalize(package).ok()?;
    let folders = package.ancestors().filter(|folder| folder.join("Cargo.toml").is_file());
    folders.map(|folder| folder.join("target").join("futurelens")).find(is_there)
}
