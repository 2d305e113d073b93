use super::super::job::Job;
use super::*;
use proptest::prelude::*;

/// What happens to a workspace.
#[derive(Debug, Clone, Copy)]
enum Event {
    EarlierNumbersRead {
        are_any: bool,
    },
    Saved,
    Rebuild,
    ProjectFileChanged,
    /// The pause that was begun last, or an older one, is over.
    PauseOver {
        is_last: bool,
    },
    CargoAnswered {
        is_good: bool,
    },
    /// The build that began last has ended, or an older one.
    Ended {
        is_last: bool,
        how: How,
    },
    CancelledByUser,
    /// It is opened once more.
    FolderClosed {
        then_build: bool,
    },
}

/// How a build ends.
#[derive(Debug, Clone, Copy)]
enum How {
    Measured,
    Failed,
    Cancelled,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        any::<bool>().prop_map(|are_any| Event::EarlierNumbersRead { are_any }),
        Just(Event::Saved),
        Just(Event::Saved),
        Just(Event::Rebuild),
        Just(Event::ProjectFileChanged),
        any::<bool>().prop_map(|is_last| Event::PauseOver { is_last }),
        any::<bool>().prop_map(|is_good| Event::CargoAnswered { is_good }),
        (any::<bool>(), prop_oneof![Just(How::Measured), Just(How::Failed), Just(How::Cancelled)])
            .prop_map(|(is_last, how)| Event::Ended { is_last, how }),
        Just(Event::CancelledByUser),
        any::<bool>().prop_map(|then_build| Event::FolderClosed { then_build }),
    ]
}

/// A workspace as the session keeps it, and what is going on around it.
struct World {
    builds: Builds<u64>,
    build: Job<()>,
    /// Counts workspaces.
    opened: u64,
    /// Builds at work, those of closed workspaces among them.
    at_work: Vec<u64>,
    /// Counts events.
    now: u64,
    /// When a build was wanted last that was not taken back since.
    wanted: Option<u64>,
    /// When the last build began, or cargo could not tell about the project.
    began: Option<u64>,
    pauses: Vec<u64>,
    is_cargo_asked: bool,
    told: Option<(WorkspaceState, Option<String>)>,
    is_leaving: bool,
}

impl World {
    fn new(then_build: bool) -> Self {
        World {
            builds: Builds::opening(then_build, 0),
            build: Job::new(0),
            opened: 0,
            at_work: Vec::new(),
            now: 0,
            wanted: then_build.then_some(0),
            began: None,
            pauses: Vec::new(),
            is_cargo_asked: false,
            told: None,
            is_leaving: false,
        }
    }

    fn want(&mut self, when: When) {
        self.wanted = Some(self.now);
        self.pauses.extend(self.builds.want(when));
    }

    fn happens(&mut self, event: Event) {
        self.now += 1;
        match event {
            Event::EarlierNumbersRead { are_any } => self.builds.opened(are_any),
            Event::Saved => {
                let when = if self.builds.is_resting() { When::Now } else { When::AfterPause };
                self.want(when);
            }
            Event::Rebuild => {
                self.builds.project_changed();
                self.want(When::Now);
            }
            Event::ProjectFileChanged => {
                self.builds.project_changed();
                self.want(When::AfterPause);
            }
            Event::PauseOver { is_last } => {
                if let Some(number) = taken(&mut self.pauses, is_last) {
                    self.builds.pause_over(number);
                }
            }
            Event::CargoAnswered { is_good } => {
                // It may also have been asked for a package of the workspace.
                self.is_cargo_asked = false;
                match is_good {
                    true => self.builds.project_found(),
                    false => {
                        if matches!(self.builds.phase, Phase::AskingCargo) {
                            self.wanted = None;
                        }
                        self.builds.project_not_found("no".to_owned());
                    }
                }
            }
            Event::Ended { is_last, how } => {
                let Some(number) = taken(&mut self.at_work, is_last) else { return };
                if self.build.end(number, None, false) {
                    self.builds.ended(match how {
                        How::Measured => Some(Rest::Fresh),
                        How::Failed => Some(Rest::Failed("no".to_owned())),
                        How::Cancelled => None,
                    });
                }
            }
            Event::CancelledByUser if self.builds.run().is_none() => {}
            Event::CancelledByUser => {
                self.builds.cancelled_by_user();
                self.wanted = None;
            }
            Event::FolderClosed { then_build } => {
                self.opened += 1;
                self.builds = Builds::opening(then_build, self.opened << 32);
                self.build = Job::new(self.opened << 32);
                self.wanted = then_build.then_some(self.now);
                self.is_cargo_asked = false;
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        if self.is_leaving {
            self.builds.leave();
        }
        match self.builds.next() {
            Some(Next::Build) => {
                let number = self.build.idle().expect("one at a time").begin(|_| ());
                self.at_work.push(number);
                self.began = Some(self.now);
                self.builds.began(number);
            }
            Some(Next::AskCargo) => self.is_cargo_asked = true,
            None => {}
        }
        self.told = self.builds.status().map(|(state, why)| (state, why.map(str::to_owned)));
    }

    /// Lets everything come to its end.
    fn end_all(&mut self) {
        self.happens(Event::EarlierNumbersRead { are_any: false });
        while !self.at_work.is_empty() || self.is_cargo_asked || !self.pauses.is_empty() {
            self.happens(Event::PauseOver { is_last: false });
            if self.is_cargo_asked {
                self.happens(Event::CargoAnswered { is_good: true });
            }
            self.happens(Event::Ended { is_last: false, how: How::Measured });
        }
    }
}

fn taken(numbers: &mut Vec<u64>, is_last: bool) -> Option<u64> {
    match is_last {
        true => numbers.pop(),
        false => (!numbers.is_empty()).then(|| numbers.remove(0)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_happens(then_build: bool, events in proptest::collection::vec(event(), 0..40)) {
        let mut world = World::new(then_build);
        for event in events {
            world.happens(event);
            // Doing it twice is doing it once.
            let before = format!("{:?}", world.builds);
            let asked = world.builds.next();
            prop_assert_eq!(asked, None);
            prop_assert_eq!(before, format!("{:?}", world.builds));
            prop_assert_eq!(world.build.is_at_work(), world.builds.run().is_some());
            if matches!(world.builds.phase, Phase::AskingCargo) {
                prop_assert!(world.is_cargo_asked, "nobody would answer");
            }
        }
        world.end_all();
        prop_assert!(world.builds.is_resting(), "{:?}", world.builds);
        if let Some(wanted) = world.wanted {
            prop_assert!(world.began.is_some_and(|began| began >= wanted), "a save has no build that began after it");
        }
        let now = world.builds.status().map(|(state, why)| (state, why.map(str::to_owned)));
        prop_assert_eq!(&world.told, &now);
        prop_assert!(now.is_some_and(|(state, _)| state != WorkspaceState::Building));
    }

    #[test]
    fn nothing_begins_any_more_when_the_server_is_about_to_end(
        then_build: bool,
        before in proptest::collection::vec(event(), 0..20),
        after in proptest::collection::vec(event(), 0..20),
    ) {
        let mut world = World::new(then_build);
        before.into_iter().for_each(|event| world.happens(event));
        let began = world.began;
        world.is_leaving = true;
        after.into_iter().for_each(|event| world.happens(event));
        world.end_all();
        prop_assert!(world.builds.is_resting() && world.build.leave(), "{:?}", world.builds);
        prop_assert_eq!(world.began, began);
    }
}

#[test]
fn what_cargo_says_of_one_workspace_is_not_said_of_another() {
    let (mut good, mut bad) = (World::new(false), World::new(false));
    for world in [&mut good, &mut bad] {
        world.happens(Event::EarlierNumbersRead { are_any: false });
        world.happens(Event::Rebuild);
        assert!(matches!(world.builds.phase, Phase::AskingCargo));
    }
    bad.happens(Event::CargoAnswered { is_good: false });
    assert_eq!(bad.told, Some((WorkspaceState::Error, Some("no".to_owned()))));
    assert!(!good.builds.is_resting(), "it waits for an answer of its own");
    good.happens(Event::CargoAnswered { is_good: true });
    assert!(good.builds.run().is_some());
}

#[test]
fn a_save_after_the_user_has_cancelled_is_measured() {
    let mut world = World::new(true);
    world.happens(Event::EarlierNumbersRead { are_any: false });
    assert!(world.builds.run().is_some());
    world.happens(Event::Saved);
    world.happens(Event::CancelledByUser);
    world.happens(Event::PauseOver { is_last: true });
    assert!(world.builds.overtaken().is_none(), "that save is older than the user's word");
    world.happens(Event::Saved);
    world.happens(Event::Ended { is_last: true, how: How::Cancelled });
    world.happens(Event::PauseOver { is_last: true });
    assert_eq!(world.began, Some(world.now));
}

#[test]
fn earlier_numbers_are_warm_until_something_changes() {
    let mut world = World::new(true);
    world.happens(Event::EarlierNumbersRead { are_any: true });
    assert!(world.builds.run().is_some() && *world.builds.rest() == Rest::Warm);
    world.happens(Event::Saved);
    assert_eq!(*world.builds.rest(), Rest::Fresh);
}
