//! Reading back what an earlier session measured, beside asking cargo about the project: both take a while, and
//! both must be there before a number is shown. Nothing is written, and nothing but text is read.
//!
//! And noticing what rides along with the user's own builds, see [`watch`].

use crate::compiler::{Index, Request, ride_along};
use crate::engine::Warm;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Reads each target directory once for each request, on threads of their own.
#[derive(Debug, Default)]
pub struct WarmStart {
    readings: Vec<Reading>,
}

#[derive(Debug)]
struct Reading {
    target_dir: PathBuf,
    request: Request,
    result: State,
}

#[derive(Debug)]
enum State {
    Reading,
    Read(Option<Box<Warm>>),
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
pub struct News {
    target_dir: PathBuf,
    request: Request,
    warm: Option<Box<Warm>>,
}

impl WarmStart {
    /// Begins to read what a project's folder lets guess: cargo will tell whether it is right.
    pub fn guess(&mut self, package: &Path, request: &Request, tell: impl Fn(News) + Send + 'static) {
        if let Some(target_dir) = guess(package, request) {
            self.begin(target_dir, request, tell);
        }
    }

    /// Begins to read, unless that was begun before.
    pub fn begin(&mut self, target_dir: PathBuf, request: &Request, tell: impl Fn(News) + Send + 'static) {
        // The folder says nothing: what is read is that of the whole workspace.
        let request = Request { dir: PathBuf::new(), ..request.clone() };
        if self.find(&target_dir, &request).is_some() {
            return;
        }
        let result = State::Reading;
        self.readings.push(Reading { target_dir: target_dir.clone(), request: request.clone(), result });
        tokio::task::spawn_blocking(move || {
            let warm = Warm::read(&target_dir, &request).map(Box::new);
            tell(News { target_dir, request, warm });
        });
    }

    fn find(&self, target_dir: &Path, request: &Request) -> Option<usize> {
        let is_it = |one: &Reading| one.target_dir == *target_dir && one.request == *request;
        self.readings.iter().position(is_it)
    }

    /// Takes note.
    pub fn hear(&mut self, news: News) {
        if let Some(index) = self.find(&news.target_dir, &news.request) {
            self.readings[index].result = State::Read(news.warm);
        }
    }

    /// What was read; it is read once.
    pub fn take(&mut self, target_dir: &Path, request: &Request) -> Taken {
        let request = Request { dir: PathBuf::new(), ..request.clone() };
        let Some(index) = self.find(target_dir, &request) else { return Taken::Read(None) };
        match &mut self.readings[index].result {
            State::Reading => Taken::NotYet,
            State::Read(warm) => Taken::Read(warm.take()),
        }
    }

    /// Lets go of what nobody took: guesses that were wrong.
    pub fn clear(&mut self) {
        self.readings.retain(|reading| matches!(reading.result, State::Reading));
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
    // What is older than the numbers of size builds is not news.
    let own = Index::written(own, &Request { dir: PathBuf::new(), ..request.clone() });
    let written = move |request: &Request| ride_along::written(&folder, request, &triple);
    let mut last = written(request).filter(|time| own.is_some_and(|own| own > *time));
    let request = request.clone();
    let watch = Watch(Arc::new(()));
    let watched = Arc::downgrade(&watch.0);
    tokio::spawn(async move {
        while watched.strong_count() > 0 {
            let now = written(&request);
            if now.is_some() && now != last {
                last = now;
                tell();
            }
            tokio::time::sleep(GLANCE).await;
        }
    });
    watch
}

/// Keeps [`watch`] going.
#[derive(Debug)]
pub struct Watch(Arc<()>);

/// The target directory of size builds, if it has numbers for the request: where it is told, or in the nearest
/// folder of a project.
fn guess(package: &Path, request: &Request) -> Option<PathBuf> {
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
