//! One background task after the other, each on a thread of its own.

use crate::compiler::Cancel;

/// Runs at most one task at a time: one that was cancelled counts until it has really ended. A tool goes from each task to
/// the next, with what it has prepared; `()` for tasks without one.
#[derive(Debug)]
pub struct Job<T> {
    /// Counts what was begun and stopped.
    number: u64,
    at_work: Option<AtWork>,
    tool: Option<Box<T>>,
    /// It cannot be done: not tried again before [`Job::retry`].
    gave_up: bool,
}

#[derive(Debug)]
struct AtWork {
    number: u64,
    cancel: Cancel,
}

/// What a task gets.
#[derive(Debug)]
pub struct Task<T> {
    /// What it reports comes with this number.
    pub number: u64,
    /// Tells it to end soon.
    pub cancel: Cancel,
    /// None if there is none yet, or it was lost.
    pub tool: Option<Box<T>>,
}

/// Nothing is at work: a task may begin.
pub struct Idle<'a, T>(&'a mut Job<T>);

impl<T: Send + 'static> Idle<'_, T> {
    /// Begins a task. When it ends, [`Job::end`] has to be told; the number is the task's.
    pub fn begin(self, work: impl FnOnce(Task<T>) + Send + 'static) -> u64 {
        let Idle(job) = self;
        job.number += 1;
        let (number, cancel) = (job.number, Cancel::default());
        job.at_work = Some(AtWork { number, cancel: cancel.clone() });
        let task = Task { number, cancel, tool: job.tool.take() };
        std::thread::spawn(move || work(task));
        number
    }
}

impl<T> Job<T> {
    /// Nothing was begun yet. Numbers begin behind `first`: what reports about a job with another one does not count.
    pub fn new(first: u64) -> Self {
        Job { number: first, at_work: None, tool: None, gave_up: false }
    }

    /// Is nothing at work, and any use in a task?
    pub fn can_begin(&self) -> bool {
        self.at_work.is_none() && !self.gave_up
    }

    /// The right to begin a task, if [`Job::can_begin`].
    pub fn idle(&mut self) -> Option<Idle<'_, T>> {
        self.can_begin().then_some(Idle(self))
    }

    /// Is something at work, even if it was cancelled?
    pub fn is_at_work(&self) -> bool {
        self.at_work.is_some()
    }

    /// Is this the number of the task at work, and was it not stopped?
    pub fn is_current(&self, number: u64) -> bool {
        number == self.number && self.at_work.is_some()
    }

    /// Has the task end soon. What it reports counts.
    pub fn cancel(&self) {
        self.at_work.iter().for_each(|task| task.cancel.cancel());
    }

    /// Has the task end soon. What it reports does not count any more. Was there one whose report counted?
    pub fn stop(&mut self) -> bool {
        let current = self.at_work.as_ref().filter(|task| task.number == self.number);
        let Some(task) = current else { return false };
        task.cancel.cancel();
        self.number += 1;
        true
    }

    /// A task ended: it gives its tool back, and may say that there is no use in another one. Does what it reports count?
    pub fn end(&mut self, number: u64, tool: Option<Box<T>>, gave_up: bool) -> bool {
        // Of a job that was given up together with its workspace.
        if self.at_work.as_ref().is_none_or(|task| task.number != number) {
            return false;
        }
        let is_current = self.is_current(number);
        self.at_work = None;
        // Of a task that was stopped, too: what it has prepared is still of use.
        self.tool = tool;
        self.gave_up |= is_current && gave_up;
        is_current
    }

    /// Things changed: it may be of use again.
    pub fn retry(&mut self) {
        self.gave_up = false;
    }

    /// Leaves nothing behind; whether that is so already.
    pub fn leave(&mut self) -> bool {
        self.stop();
        self.gave_up = true;
        self.tool = None;
        self.at_work.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn one_after_the_other_and_the_tool_goes_along() {
        let mut job: Job<String> = Job::new(7);
        let (sender, ended) = mpsc::channel();
        let work = |sender: mpsc::Sender<(u64, String, bool)>| {
            move |task: Task<String>| {
                let tool = task.tool.map_or_else(String::new, |tool| *tool) + "x";
                let _ = sender.send((task.number, tool, task.cancel.is_cancelled()));
            }
        };
        let first = job.idle().unwrap().begin(work(sender.clone()));
        assert!(job.idle().is_none() && job.is_current(first));
        let (number, tool, _) = ended.recv().unwrap();
        assert!(job.end(number, Some(Box::new(tool)), false));
        let second = job.idle().unwrap().begin(work(sender));
        let (number, tool, _) = ended.recv().unwrap();
        assert_eq!((number, &*tool), (second, "xx"));
        job.stop();
        job.stop();
        assert!(job.idle().is_none(), "it was stopped, and has not ended");
        assert!(!job.end(first, None, true), "not the one at work");
        assert!(!job.end(second, None, true), "it was stopped: what it says does not count");
        assert!(job.idle().is_some(), "nor that there is no use in another one");
    }

    #[test]
    fn what_cannot_be_done_is_not_tried_again() {
        let mut job: Job<()> = Job::new(0);
        let number = job.idle().unwrap().begin(|_| ());
        assert!(!job.leave(), "it is at work");
        assert!(!job.end(number, None, false));
        assert!(job.leave());
        assert!(job.idle().is_none());
        job.retry();
        let number = job.idle().unwrap().begin(|_| ());
        assert!(job.end(number, None, true));
        assert!(job.idle().is_none());
    }
}
