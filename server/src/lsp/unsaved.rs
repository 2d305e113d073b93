//! As you type: the sizes of one workspace's unsaved text, measured in the background after a pause in typing.
//! Never while a build runs.

use super::actions::Ground;
use crate::compiler::{BuildError, Cancel};
use crate::engine::Unsaved as Measurer;
use crate::features::Snapshot;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long nothing must be typed.
pub const PAUSE: Duration = Duration::from_millis(300);

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Unsaved {
    /// Counts edits; the reports of anything older do not count.
    number: u64,
    running: Option<Cancel>,
    /// Something is at work, even if it was told to stop: it has the measurer.
    is_busy: bool,
    /// The pause after an edit ended while something was at work.
    is_due: bool,
    /// It cannot be done: not tried again before the next build.
    gave_up: bool,
    measurer: Option<Box<Measurer>>,
    shown: Option<Arc<Snapshot>>,
}

/// The end of a measurement.
#[derive(Debug)]
pub struct Over {
    measurer: Option<Box<Measurer>>,
    /// None if the text does not compile, or it was told to stop.
    snapshot: Option<Snapshot>,
    gave_up: bool,
}

impl Unsaved {
    /// Of a workspace that was just opened; see [`Actions::new`](super::actions::Actions::new).
    pub fn new(number: u64) -> Self {
        Unsaved { number, ..Unsaved::default() }
    }

    /// The numbers of unsaved text, if there are any.
    pub fn shown(&self) -> Option<&Arc<Snapshot>> {
        self.shown.as_ref()
    }

    /// The text changed: what is being measured is of yesterday. The number is for [`Unsaved::begin`].
    pub fn typed(&mut self) -> u64 {
        self.number += 1;
        self.is_due = false;
        if let Some(running) = self.running.take() {
            running.cancel();
        }
        self.number
    }

    /// Forgets what was measured; whether there was anything.
    pub fn clear(&mut self) -> bool {
        self.typed();
        self.gave_up = false;
        self.shown.take().is_some()
    }

    /// Leaves nothing behind; whether that is so already.
    pub fn leave(&mut self) -> bool {
        self.clear();
        self.gave_up = true;
        self.measurer = None;
        !self.is_busy
    }

    /// Is it time to measure? `number` is of the last edit before the pause.
    pub fn is_time(&mut self, number: u64) -> bool {
        let is_last = number == self.number && !self.gave_up;
        self.is_due = is_last && self.is_busy;
        is_last && !self.is_busy
    }

    /// Measures these files with these texts. `tell` gets the result, and the number to hear it with.
    pub fn begin(
        &mut self,
        ground: Ground,
        texts: Vec<(PathBuf, String)>,
        tell: impl FnOnce(u64, Box<Over>) + Send + 'static,
    ) {
        let (number, cancel) = (self.number, Cancel::default());
        self.running = Some(cancel.clone());
        self.is_busy = true;
        let measurer = self.measurer.take();
        std::thread::spawn(move || tell(number, Box::new(measured(&ground, &texts, measurer, &cancel))));
    }

    /// Takes in a result; the number of an edit that waits for its turn, if there is one. Second, whether other
    /// numbers are to be shown now.
    pub fn hear(&mut self, number: u64, over: Over) -> (Option<u64>, bool) {
        self.measurer = over.measurer;
        self.is_busy = false;
        let is_last = number == self.number;
        if is_last {
            self.running = None;
            self.gave_up |= over.gave_up;
            if let Some(snapshot) = over.snapshot {
                self.shown = Some(Arc::new(snapshot));
                return (None, true);
            }
        }
        (self.is_due.then_some(self.number), false)
    }
}

fn measured(
    ground: &Ground,
    texts: &[(PathBuf, String)],
    measurer: Option<Box<Measurer>>,
    cancel: &Cancel,
) -> Over {
    let mut measurer = match measurer.map_or_else(|| Measurer::new(&ground.project).map(Box::new), Ok) {
        Ok(measurer) => measurer,
        Err(error) => {
            tracing::warn!("unsaved text cannot be measured: {error}");
            return Over { measurer: None, snapshot: None, gave_up: true };
        }
    };
    match measurer.measure(&ground.snapshot, &ground.units, texts, cancel) {
        Ok(snapshot) => Over { measurer: Some(measurer), snapshot, gave_up: false },
        Err(BuildError::Cancelled) => Over { measurer: Some(measurer), snapshot: None, gave_up: false },
        Err(error) => {
            tracing::warn!("unsaved text cannot be measured: {error}");
            Over { measurer: Some(measurer), snapshot: None, gave_up: true }
        }
    }
}
