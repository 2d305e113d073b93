//! Why a thing is held across an await.
//!
//! The compiler stores a local across a suspension if its storage has not ended, it has not been moved
//! out, and it is read or dropped later or was ever borrowed (`locals_live_across_suspend_points` in
//! rustc's coroutine transform). So the reasons are looked for in this order: what happens to it after the
//! resumption, then what happened to it before. Where the dump shows neither, there is no reason given. What the
//! awaited future has a reference to ([`lent`]) is not idle, whatever the compiler's reason for storing it.

mod analysis;
mod lent;
mod twice;

use crate::dump::Span;
pub(super) use analysis::{Whys, whys};
pub use lent::is_poll_fn;
use std::sync::Arc;
pub use twice::Copied as CopiedValue;

/// Why something is held in one state. Spans are where the compiler says it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is what is awaited.
    Awaited,
    /// It is a future that what is awaited polls: it stands in another place, pinned.
    Polled,
    /// What is awaited has a reference to it.
    Lent {
        /// Where that reference is made.
        at: Option<Span>,
    },
    /// It is used after the resumption.
    UsedLater {
        /// The first use.
        at: Span,
        /// Only the next iteration of a loop around the await gets there.
        next_iteration: bool,
        /// The use is of this reference to it, which is held too.
        through: Option<Arc<str>>,
    },
    /// It is not used again, only dropped.
    Dropped {
        /// The end of its scope; none if what the compiler names is no place in a file.
        at: Option<Span>,
        /// It is dropped because it is assigned to, at `at`, not because its scope ends there.
        overwritten: bool,
    },
    /// It is neither used nor dropped again; its storage stays because its address was taken.
    Borrowed {
        /// The first borrow before the suspension.
        at: Option<Span>,
        /// The end of its scope, if the dump tells.
        until: Option<Span>,
        /// Where it was moved out of before the suspension, whatever the way there.
        moved: Option<Span>,
    },
    /// A drop flag: whether another variable that may have been moved out still has to be dropped.
    DropFlag {
        /// That variable.
        of: Option<Arc<str>>,
        /// Where it is looked at.
        at: Option<Span>,
    },
    /// An argument or capture: it lives as long as the future.
    Capture {
        /// The variable it is stored in a second time.
        stored_again_as: Option<Arc<str>>,
    },
    /// A value without a name in the middle of a larger expression.
    Temporary {
        /// The expression that keeps it: of those the dump names, the smallest around it and the await. The
        /// value's own if none is known.
        of: Option<Span>,
        /// What happens to it later.
        then: Option<Box<Why>>,
    },
}

impl Why {
    /// Hands out every text in it.
    pub(super) fn texts(&mut self, text: &mut dyn FnMut(&mut Arc<str>)) {
        let (spans, names) = match self {
            Why::Awaited | Why::Polled => ([None, None, None], None),
            Why::UsedLater { at, through, .. } => ([Some(at), None, None], through.as_mut()),
            Why::Lent { at } | Why::Dropped { at, .. } => ([at.as_mut(), None, None], None),
            Why::Borrowed { at, until, moved } => ([at.as_mut(), until.as_mut(), moved.as_mut()], None),
            Why::DropFlag { of, at } => ([at.as_mut(), None, None], of.as_mut()),
            Why::Capture { stored_again_as } => ([None, None, None], stored_again_as.as_mut()),
            Why::Temporary { of, then } => {
                if let Some(then) = then {
                    then.texts(text);
                }
                ([of.as_mut(), None, None], None)
            }
        };
        spans.into_iter().flatten().map(|span| &mut span.file).chain(names).for_each(text);
    }
}

impl Why {
    /// The same with the user's call in place of what lies in a macro that is not the user's.
    pub(super) fn brought_home(
        self,
        is_away: &dyn Fn(&Span) -> bool,
        call: &dyn Fn(&Span) -> Option<Span>,
    ) -> Why {
        let home = |span: Option<Span>| match span {
            Some(span) if is_away(&span) => call(&span),
            span => span,
        };
        match self {
            Why::UsedLater { at, next_iteration, through } => {
                Why::UsedLater { at: home(Some(at.clone())).unwrap_or(at), next_iteration, through }
            }
            Why::Dropped { at, overwritten } => Why::Dropped { at: home(at), overwritten },
            Why::Borrowed { at, until, moved } => {
                Why::Borrowed { at: home(at), until: home(until), moved: home(moved) }
            }
            Why::Lent { at } => Why::Lent { at: home(at) },
            Why::DropFlag { of, at } => Why::DropFlag { of, at: home(at) },
            Why::Temporary { of, then } => {
                let then = then.map(|then| Box::new(then.brought_home(is_away, call)));
                Why::Temporary { of: home(of), then }
            }
            Why::Awaited | Why::Polled | Why::Capture { .. } => self,
        }
    }
}

impl Why {
    /// Every place it names.
    pub(super) fn places(&self) -> Vec<Span> {
        let mut places = Vec::new();
        let mut why = self;
        loop {
            let (spans, then) = match why {
                Why::Awaited | Why::Polled | Why::Capture { .. } => ([None, None, None], None),
                Why::UsedLater { at, .. } => ([Some(at), None, None], None),
                Why::Dropped { at, .. } | Why::DropFlag { at, .. } | Why::Lent { at } => {
                    ([at.as_ref(), None, None], None)
                }
                Why::Borrowed { at, until, moved } => ([at.as_ref(), until.as_ref(), moved.as_ref()], None),
                Why::Temporary { of, then } => ([of.as_ref(), None, None], then.as_deref()),
            };
            places.extend(spans.into_iter().flatten().cloned());
            match then {
                Some(then) => why = then,
                None => return places,
            }
        }
    }

    /// Puts the end of a scope where `end` says that it is.
    pub(super) fn end_scope(&mut self, end: &dyn Fn(&Span) -> Option<Span>) {
        match self {
            Why::Dropped { at: Some(at), overwritten: false } | Why::Borrowed { until: Some(at), .. } => {
                if let Some(end) = end(at) {
                    *at = end;
                }
            }
            Why::Temporary { then: Some(then), .. } => then.end_scope(end),
            _ => {}
        }
    }
}

/// Where the value of a stored local comes from: another thing that is stored too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// This stored local.
    Saved(u32),
    /// This capture.
    Upvar(u32),
}

/// One of several futures that are polled together: an arm of `select!`, an argument of `join!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyBranch {
    /// Verbose type in the body's own words; of a reference what it refers to.
    pub ty: Arc<str>,
    /// Where it stands in the body's own text.
    pub at: Option<Span>,
    /// Only a reference to it is handed over: it was stored before.
    pub is_lent: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::CoroutineBody;
    use crate::dump::span::SpanRef;
    use proptest::prelude::*;

    /// `loop { look(&x); tick().await }` and, behind it, the drop of `g`; shortened.
    const BODY: &str = r#"// MIR for `f::{closure#0}` 0 coroutine_post-transform
/* coroutine_layout = CoroutineLayout {
    field_tys: {
        _s0: CoroutineSavedTy {
            source_info: SourceInfo {
                span: src/m.rs:2:9: 2:10 (#0),
            },
        },
        _s1: CoroutineSavedTy {
            source_info: SourceInfo {
                span: src/m.rs:3:9: 3:10 (#0),
            },
        },
        _s2: CoroutineSavedTy {
            source_info: SourceInfo {
                span: src/m.rs:6:9: 6:21 (#3),
            },
        },
    },
    variant_fields: {
        Unresumed(0): [],
        Returned (1): [],
        Panicked (2): [],
        Suspend0 (3): [_s0, _s1, _s2],
    },
    storage_conflicts: BitMatrix(3x3) {
        (_s0, _s0),
        (_s0, _s1),
        (_s0, _s2),
        (_s1, _s0),
        (_s1, _s1),
        (_s1, _s2),
        (_s2, _s0),
        (_s2, _s1),
        (_s2, _s2),
    },
} */

fn f::{closure#0}(_1: {static f::{closure#0} upvar_tys=(m::P,) resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}, _2: &'{erased} mut std::task::Context<'{erased}>) -> std::task::Poll<()> {
    debug x => (_1.0: m::P);             // in scope 0 at src/m.rs:1:12: 1:13
    let mut _0: std::task::Poll<()>;     // return place in scope 0 at src/m.rs:1:20: 9:2
    scope 1 {
        debug x => ((_1 as variant#3).0: m::P); // in scope 1 at src/m.rs:2:9: 2:10
        scope 2 {
            debug g => ((_1 as variant#3).1: m::G); // in scope 2 at src/m.rs:3:9: 3:10
            scope 3 {
                debug __awaitee => ((_1 as variant#3).2: m::T); // in scope 3 at src/m.rs:6:9: 6:21
            }
        }
    }

    bb0: {
        nop;                             // bb0[0]: scope 0 at src/m.rs:2:9: 2:10
        ((_1 as variant#3).0: m::P) = move (_1.0: m::P); // bb0[1]: scope 0 at src/m.rs:2:9: 2:10
        nop;                             // bb0[2]: scope 1 at src/m.rs:3:9: 3:10
        ((_1 as variant#3).1: m::G) = ConstValue(ZeroSized: fn() -> m::G {m::guard})() -> [return: bb1, unwind: bb7]; // bb0[3]: scope 1 at src/m.rs:3:13: 3:20
    }

    bb1: {
        _5 = &'{erased} ((_1 as variant#3).0: m::P); // bb1[0]: scope 2 at src/m.rs:5:14: 5:16
        _6 = ConstValue(ZeroSized: fn() {m::look})(move _5) -> [return: bb2, unwind: bb7]; // bb1[1]: scope 2 at src/m.rs:5:9: 5:17
                                         // mir::ConstOperand
    }

    bb2: {
        ((_1 as variant#3).2: m::T) = move _7; // bb2[0]: scope 2 at src/m.rs:6:9: 6:21
        goto -> bb3;                     // bb2[1]: scope 3 at src/m.rs:6:16: 6:21
    }

    bb3: {
        _8 = discriminant(_9);           // bb3[0]: scope 3 at src/m.rs:6:16: 6:21
        switchInt(move _8) -> [0: bb6, 1: bb4, otherwise: bb8]; // bb3[1]: scope 3 at src/m.rs:6:16: 6:21
    }

    bb4: {
        StorageDead(_10);                // bb4[0]: scope 3 at src/m.rs:6:16: 6:21
        discriminant(_1) = 3;            // bb4[1]: scope 3 at src/m.rs:6:16: 6:21
        return;                          // bb4[2]: scope 3 at src/m.rs:6:16: 6:21
    }

    bb5: {
        _2 = move _10;                   // bb5[0]: scope 3 at src/m.rs:6:16: 6:21
        goto -> bb3;                     // bb5[1]: scope 3 at src/m.rs:6:16: 6:21
    }

    bb6: {
        switchInt(move _11) -> [0: bb1, otherwise: bb9]; // bb6[0]: scope 2 at src/m.rs:7:5: 7:6
    }

    bb7 (cleanup): {
        drop(((_1 as variant#3).1: m::G)) -> [return: bb8, unwind terminate(cleanup)]; // bb7[0]: scope 1 at src/m.rs:9:1: 9:2
    }

    bb8: {
        unreachable;                     // bb8[0]: scope 0 at no-location
    }

    bb9: {
        drop(((_1 as variant#3).1: m::G)) -> [return: bb10, unwind: bb7]; // bb9[0]: scope 1 at src/m.rs:9:1: 9:2
    }

    bb10: {
        nop;                             // bb10[0]: scope 1 at src/m.rs:9:1: 9:2
        nop;                             // bb10[1]: scope 0 at src/m.rs:9:1: 9:2
        return;                          // bb10[2]: scope 0 at src/m.rs:9:2: 9:2
    }
}
"#;

    fn found(text: &str) -> Option<Whys> {
        let dump = CoroutineBody::parse(text)?;
        let mut paths = Default::default();
        Some(whys(&dump, &mut |span| span.to_span(&mut paths)))
    }

    fn at(text: &str) -> Span {
        SpanRef::parse(text).unwrap().to_span(&mut Default::default())
    }

    #[test]
    fn looks_behind_the_resumption_for_uses_and_drops() {
        assert_eq!(CoroutineBody::parse(BODY).unwrap().example, None);
        let whys = found(BODY).unwrap();
        let expected = [
            Why::UsedLater { at: at("src/m.rs:5:14: 5:16"), next_iteration: true, through: None },
            Why::Dropped { at: Some(at("src/m.rs:9:1: 9:2")), overwritten: false },
            Why::Awaited,
        ];
        assert_eq!(whys.states[3], expected.map(Some));
        assert_eq!(whys.origins, [Some(Origin::Upvar(0)), None, None]);
    }

    #[test]
    fn looks_before_the_suspension_for_borrows_if_the_loop_ends() {
        let once = BODY.replace("[0: bb1, otherwise: bb9]", "[0: bb9, otherwise: bb9]");
        let whys = found(&once).unwrap();
        let expected = Why::Borrowed {
            at: Some(at("src/m.rs:5:14: 5:16")),
            until: Some(at("src/m.rs:9:1: 9:2")),
            moved: None,
        };
        assert_eq!(whys.states[3][0], Some(expected));
        // Statements in front of the one that the block begins with.
        let before = |statements: &[&str]| {
            let mut text = once.replace("bb2[1]", &format!("bb2[{}]", statements.len() + 1));
            text = text.replace("bb2[0]", &format!("bb2[{}]", statements.len()));
            let lines = statements.iter().enumerate();
            let lines = lines.map(|(i, code)| {
                format!("        {code}; // bb2[{i}]: scope 2 at src/m.rs:6:1: 6:{}\n", i + 3)
            });
            text.replace("    bb2: {\n", &format!("    bb2: {{\n{}", lines.collect::<String>()))
        };
        let moved_at = |text: &str| match &found(text).unwrap().states[3][0] {
            Some(Why::Borrowed { moved, .. }) => moved.clone(),
            other => panic!("{other:?}"),
        };
        let take = "_12 = move ((_1 as variant#3).0: m::P)";
        assert_eq!(moved_at(&before(&[take])), Some(at("src/m.rs:6:1: 6:3")));
        // It has a value again.
        assert_eq!(moved_at(&before(&[take, "((_1 as variant#3).0: m::P) = move _13"])), None);
        assert_eq!(moved_at(&before(&["_12 = move (((_1 as variant#3).0: m::P).0: m::A)"])), None);
    }

    #[test]
    fn what_the_awaited_has_a_reference_to_is_lent() {
        let once = BODY.replace("[0: bb1, otherwise: bb9]", "[0: bb9, otherwise: bb9]");
        let why = |right: &str| {
            found(&once.replace("= move _7;", &format!("= {right};"))).unwrap().states[3][0].clone()
        };
        let lent = Some(Why::Lent { at: Some(at("src/m.rs:5:14: 5:16")) });
        assert_eq!(why("m::Holder::<'{erased}> { at: move _5, n: const 1_u8 }"), lent);
        assert_eq!(why("move _5 as &'{erased} [u8] (PointerCoercion(Unsize, Implicit))"), lent);
        // Its address as a number, what it is compared with, and what is behind it are no references to it.
        for right in ["move _5 as usize (PointerExposeProvenance)", "Eq(move _5, copy _7)", "copy (*_5)"] {
            assert!(matches!(why(right), Some(Why::Borrowed { .. })), "{right}: {:?}", why(right));
        }
    }

    #[test]
    fn says_nothing_if_it_does_not_know_where_the_state_resumes() {
        let unknown = BODY.replace("_2 = move _10", "_2 = move _12").replace("_5 = &", "_5 = copy ");
        assert_eq!(found(&unknown).unwrap().states[3][..2], [None, None]);
    }

    proptest! {
        #[test]
        fn never_panics(cut in 0..BODY.len(), to in 0..BODY.len(), junk in "[(){}<>:;,#_s1=.> a-z0-9]{0,20}") {
            prop_assume!(BODY.is_char_boundary(cut) && BODY.is_char_boundary(to));
            let (cut, to) = (cut.min(to), cut.max(to));
            found(&format!("{}{junk}{}", &BODY[..cut], &BODY[to..]));
        }

        /// Any block may go on to any other.
        #[test]
        fn never_panics_on_any_control_flow(targets in proptest::collection::vec(0u32..12, 12)) {
            let mut targets = targets.into_iter().cycle();
            let pieces: Vec<&str> = BODY.split(": bb").collect();
            let mut text = pieces[0].to_owned();
            for piece in &pieces[1..] {
                let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
                text += &format!(": bb{}{rest}", targets.next().unwrap_or(0));
            }
            found(&text);
        }
    }
}
