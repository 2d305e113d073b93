//! As you type: the sizes of one workspace's unsaved text, measured in the background after a pause in typing.
//! Never while a build runs.

use super::actions::Ground;
use super::job::{Job, Task};
use crate::compiler::{BuildError, Cancel};
use crate::engine::Unsaved as Measurer;
use crate::features::Snapshot;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long nothing must be typed.
pub const PAUSE: Duration = Duration::from_millis(300);

/// See the module's documentation.
#[derive(Debug)]
pub struct Unsaved {
    job: Job<Measurer>,
    wish: Wish,
    /// Numbers pauses: only the end of the last one counts.
    pause: u64,
    shown: Option<Arc<Snapshot>>,
}

/// Is text to be measured?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Nothing was typed.
    Nothing,
    /// When nothing is typed for a while.
    AfterPause,
    /// As soon as nothing else is at work.
    Now,
}

/// The end of a measurement.
#[derive(Debug)]
pub struct UnsavedReport {
    measurer: Option<Box<Measurer>>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// All text is as on the disk.
    Saved,
    Measured(Box<Snapshot>),
    /// The text does not compile, or it was told to stop.
    NotMeasured,
    /// It cannot be done: not tried again before the next build.
    GaveUp,
}

impl Unsaved {
    /// Of a workspace that was just opened; see [`Job::new`].
    pub fn new(first: u64) -> Self {
        Unsaved { job: Job::new(first), wish: Wish::Nothing, pause: first, shown: None }
    }

    /// The numbers of unsaved text, if there are any.
    pub fn shown(&self) -> Option<&Arc<Snapshot>> {
        self.shown.as_ref()
    }

    /// Is something at work?
    pub fn is_at_work(&self) -> bool {
        self.job.is_at_work()
    }

    /// The text changed: what is being measured is out of date. The number is for [`Unsaved::pause_over`].
    pub fn typed(&mut self) -> u64 {
        self.job.stop();
        self.pause += 1;
        self.wish = Wish::AfterPause;
        self.pause
    }

    /// Nothing was typed for a while.
    pub fn pause_over(&mut self, number: u64) {
        if number == self.pause && self.wish == Wish::AfterPause {
            self.wish = Wish::Now;
        }
    }

    /// A build is over: what was typed meanwhile is to be measured.
    pub fn built(&mut self) {
        self.wish = Wish::Now;
    }

    /// Stops: a build is due. What is wanted stays so.
    pub fn stop(&mut self) {
        if self.job.stop() && self.wish == Wish::Nothing {
            self.wish = Wish::Now;
        }
    }

    /// Forgets what was measured, and what was to be.
    pub fn clear(&mut self) {
        self.job.stop();
        self.job.retry();
        self.wish = Wish::Nothing;
        self.shown = None;
    }

    /// Leaves nothing behind; whether that is so already.
    pub fn leave(&mut self) -> bool {
        self.shown = None;
        self.job.leave()
    }

    /// Measures what is not as on the disk of these files with these texts, if that is wanted now and nothing is at work.
    /// `tell` gets the result, and the number to hear it with.
    pub fn go_on(
        &mut self,
        ground: impl FnOnce() -> Ground,
        texts: impl FnOnce() -> Vec<(PathBuf, Arc<str>)>,
        tell: impl FnOnce(u64, Box<UnsavedReport>) + Send + 'static,
    ) {
        let Some(idle) = self.job.idle().filter(|_| self.wish == Wish::Now) else { return };
        self.wish = Wish::Nothing;
        let (ground, texts) = (ground(), texts());
        idle.begin(move |Task { number, cancel, tool }| {
            let is_saved = |(file, text): &(PathBuf, Arc<str>)| {
                std::fs::read_to_string(file).is_ok_and(|saved| *saved == **text)
            };
            let unsaved = texts.into_iter().filter(|one| !is_saved(one));
            let unsaved: Vec<(PathBuf, String)> =
                unsaved.map(|(file, text)| (file, text.to_string())).collect();
            let report = match unsaved.is_empty() {
                true => UnsavedReport { measurer: tool, outcome: Outcome::Saved },
                false => measured(&ground, &unsaved, tool, &cancel),
            };
            tell(number, Box::new(report));
        });
    }

    /// Takes in a result.
    pub fn hear(&mut self, number: u64, report: UnsavedReport) {
        let gave_up = matches!(report.outcome, Outcome::GaveUp);
        if self.job.end(number, report.measurer, gave_up) {
            match report.outcome {
                Outcome::Saved => self.shown = None,
                Outcome::Measured(snapshot) => self.shown = Some(Arc::new(*snapshot)),
                Outcome::NotMeasured | Outcome::GaveUp => {}
            }
        }
    }
}

fn measured(
    ground: &Ground,
    texts: &[(PathBuf, String)],
    measurer: Option<Box<Measurer>>,
    cancel: &Cancel,
) -> UnsavedReport {
    let gave_up = |measurer, error: BuildError| {
        tracing::warn!("unsaved text cannot be measured: {error}");
        UnsavedReport { measurer, outcome: Outcome::GaveUp }
    };
    let mut measurer = match measurer.map_or_else(|| Measurer::new(&ground.project).map(Box::new), Ok) {
        Ok(measurer) => measurer,
        Err(error) => return gave_up(None, error),
    };
    let outcome = match measurer.measure(&ground.snapshot, &ground.units, texts, cancel) {
        Ok(Some(snapshot)) => Outcome::Measured(Box::new(snapshot)),
        Ok(None) | Err(BuildError::Cancelled) => Outcome::NotMeasured,
        Err(error) => return gave_up(Some(measurer), error),
    };
    UnsavedReport { measurer: Some(measurer), outcome }
}
