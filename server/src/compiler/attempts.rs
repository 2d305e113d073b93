//! A compiler run that is made again where it has failed over something that is ours.

use super::flags::Refused;
use std::ffi::OsString;

/// How a compiler run is made.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Flags of ours that it is made without, since the compiler does not know them.
    pub without: Vec<Refused>,
    /// It builds on nothing.
    pub is_whole: bool,
    /// Code is generated, into a file that is not used: of the tests of a crate, which are an executable whatever
    /// else is said, compilers find no instances without.
    pub generates: bool,
}

/// How a run that was made so has ended.
pub(super) enum Attempt<T> {
    /// This came of it, and nothing else would come of another one.
    Ended(T),
    /// The compiler does not know a flag that can be done without.
    Refused(Refused),
    /// What it built on is of no use, or it cannot be told what of that still holds.
    BaseUnusable,
    /// Without generated code not all instances are found.
    NeedsCode,
}

impl<T> Attempt<T> {
    /// The same attempt; what came of it, if it has ended, is made of what had.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Attempt<U>, E> {
        Ok(match self {
            Attempt::Ended(end) => Attempt::Ended(make(end)?),
            Attempt::Refused(refused) => Attempt::Refused(refused),
            Attempt::BaseUnusable => Attempt::BaseUnusable,
            Attempt::NeedsCode => Attempt::NeedsCode,
        })
    }
}

impl Plan {
    /// Has a run made until it ends. That it is made again has each of these reasons at most once, and once for each
    /// flag: `attempt` gives none that the plan has dealt with.
    ///
    /// # Errors
    /// Those of `attempt`.
    pub fn follow<T, E>(&mut self, mut attempt: impl FnMut(&Plan) -> Result<Attempt<T>, E>) -> Result<T, E> {
        loop {
            match attempt(self)? {
                Attempt::Ended(end) => return Ok(end),
                Attempt::Refused(refused) => self.without.push(refused),
                Attempt::BaseUnusable => self.is_whole = true,
                Attempt::NeedsCode => (self.is_whole, self.generates) = (true, true),
            }
        }
    }

    /// Is another run worth it, without this flag?
    pub fn can_do_without(&self, refused: &Refused) -> bool {
        !refused.is_needed && !self.without.contains(refused)
    }

    /// Takes the flags that the compiler does not know out of its arguments.
    pub fn take_out(&self, args: &mut Vec<OsString>) {
        self.without.iter().for_each(|refused| refused.take_out(args));
    }

    /// The flags that it is made without.
    pub fn flags_left_out(&self) -> Vec<String> {
        self.without.iter().map(|refused| refused.flag.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_made_again_for_each_reason() {
        let refused = |flag: &str| Refused { flag: flag.to_owned(), is_needed: false };
        let mut plan = Plan::default();
        let mut runs = Vec::new();
        let end = plan.follow(|plan| {
            runs.push((plan.without.len(), plan.is_whole, plan.generates));
            Ok::<_, ()>(match runs.len() {
                1 => Attempt::Refused(refused("-Za")),
                2 => Attempt::BaseUnusable,
                3 => Attempt::Refused(refused("-Zb")),
                4 => Attempt::NeedsCode,
                _ => Attempt::Ended("end"),
            })
        });
        assert_eq!(end, Ok("end"));
        let expected =
            [(0, false, false), (1, false, false), (1, true, false), (2, true, false), (2, true, true)];
        assert_eq!(runs, expected);
        assert_eq!(plan.flags_left_out(), ["-Za", "-Zb"]);
        assert!(!plan.can_do_without(&refused("-Za")) && plan.can_do_without(&refused("-Zc")));
        assert!(!plan.can_do_without(&Refused { flag: "-Zc".to_owned(), is_needed: true }));
        let mut args = ["-Za", "-Zc=1", "-Zb=2"].map(OsString::from).to_vec();
        plan.take_out(&mut args);
        assert_eq!(args, ["-Zc=1"]);
    }

    #[test]
    fn an_error_ends_it() {
        let mut plan = Plan::default();
        assert_eq!(plan.follow(|_| Err::<Attempt<()>, _>("error")), Err("error"));
    }
}
