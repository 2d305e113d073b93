//! One run put over what it built on.

use super::bodies::{Fate, Fates};
use super::layouts::Doubts;
use super::printed::{Form, Printed};
use crate::dump::records::Record;

impl Printed {
    /// All that holds now: this run's, and what is left of what it built on. `None` if that cannot be told.
    pub fn over(mut self, before: &Printed) -> Option<Printed> {
        if !self.is_understood {
            return None;
        }
        let fates = Fates::new(before, &self);
        let mut left = Vec::new();
        for (name, old) in before.bodies.iter().filter(|(name, _)| !self.bodies.contains_key(*name)) {
            match fates.of(name, old) {
                Fate::AsBefore => left.push((name.clone(), old.clone())),
                Fate::Gone => {}
                Fate::Unknown if self.form == Form::QuickPass && fates.is_macro_made(old) => {
                    left.push((name.clone(), old.clone()));
                }
                Fate::Unknown => return None,
            }
        }
        let doubts = Doubts::new(before, &self, &left);
        let kept = match self.form {
            Form::QuickPass => doubts.unless_gone(),
            Form::Complete | Form::Checked => doubts.settle()?,
        };
        let kept = kept.into_iter().map(|(name, records)| (name.clone(), records.clone()));
        let kept: Vec<(String, Vec<Record>)> = kept.collect();
        self.records.extend(kept);
        self.bodies.extend(left);
        Some(self)
    }
}
