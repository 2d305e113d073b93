use super::bodies::ChangedText;
use super::code::without_comments;
use super::printed::DumpedBody;
use super::*;
use crate::dump::coroutine::trimmed;
use crate::dump::{LineCol, Span, mono_items, record_lines};
use crate::kept_text::KeptText;
use std::path::Path;

fn run(stdout: &str, before: Option<&Printed>) -> Printed {
    Printed::read(Form::Complete, stdout, Vec::new(), Vec::new(), before)
}

fn record(name: &str, size: u64) -> String {
    let prefix = record_lines::PREFIX;
    format!(
        "{prefix}type: `{name}`: {size} bytes, alignment: 1 bytes\n{prefix}    field `.0`: {size} bytes\n"
    )
}

/// A list of instances.
fn listed(functions: &[&str]) -> String {
    functions.iter().map(|function| format!("{}fn {function} @@ a[Internal]\n", mono_items::PREFIX)).collect()
}

fn coroutine(path: &str) -> String {
    format!("{{static {path}::{{closure#0}} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}}")
}

fn body(ty: &str, held: &[&str]) -> DumpedBody {
    let held = held.iter().map(|ty| (*ty).to_owned()).collect();
    DumpedBody { text: KeptText::new(""), ty: ty.to_owned(), span: None, held, is_understood: true }
}

fn with_bodies(printed: Printed, bodies: &[(&str, DumpedBody)]) -> Printed {
    let bodies = bodies.iter().map(|(name, body)| ((*name).to_owned(), body.clone()));
    Printed { bodies: bodies.collect(), ..printed }
}

#[test]
fn what_is_printed_replaces_and_what_is_not_mentioned_any_more_is_gone() {
    let items = |tys: &[&str]| -> String {
        tys.iter().map(|ty| format!("MONO_ITEM fn std::ptr::drop_glue::<{ty}> @@ a[Internal]\n")).collect()
    };
    let (kept, changed, gone, quiet) = ("{static k upvar_tys=()}", "a::B<u8>", "a::B<u16>", "a::Quiet");
    let twice = record("same", 2) + &record("same", 1);
    let first = [kept, changed, gone, quiet].map(|name| record(name, 9)).concat();
    let first = run(&(first + &twice + &items(&[kept, changed, gone])), None);
    assert_eq!(first.sizes().matches("`same`").count(), 2);
    let now = record(changed, 3) + &items(&[&format!("std::pin::Pin<&'{{erased}} mut {kept}>"), changed]);
    let sizes = run(&now, Some(&first)).over(&first).unwrap().sizes();
    assert!(sizes.contains(&record(kept, 9)) && sizes.contains(&record(quiet, 9)), "{sizes}");
    assert!(sizes.contains(&record(changed, 3)) && !sizes.contains(&record(changed, 9)), "{sizes}");
    assert!(!sizes.contains(gone), "{sizes}");
    assert_eq!(sizes.matches("`same`").count(), 2);
}

/// A run as it is when it was kept and read back.
fn kept(printed: &Printed) -> Option<Printed> {
    let sources = printed.sources.iter().filter_map(|(file, text)| Some((file.as_str(), text.as_deref()?)));
    let mentioned = printed.mentioned();
    let (sizes, facts) = (printed.sizes(), printed.facts());
    Printed::kept(printed.form, &sizes, mentioned.into_iter(), printed.bodies(), &facts, sources)
}

#[track_caller]
fn expect_same_bodies(printed: &Printed, bodies: Vec<(String, String)>) {
    let back = kept(printed).expect("the facts are of these bodies");
    // As if the kept text were read.
    let read = Printed::read(printed.form, "", bodies, Vec::new(), None);
    assert_eq!(read.bodies.len(), back.bodies.len());
    for (name, body) in &back.bodies {
        let is_understood = read.bodies[name].is_understood;
        assert_eq!(DumpedBody { is_understood, ..body.clone() }, read.bodies[name], "{name}");
    }
}

/// All dumps in a folder.
fn dumps_in(folder: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let dumps = files.filter(|file| file.extension().is_some_and(|extension| extension == "mir"));
    let name = |file: &Path| file.file_name().unwrap().to_str().unwrap().to_owned();
    dumps.map(|file| (name(&file), std::fs::read_to_string(&file).unwrap())).collect()
}

#[test]
fn what_is_read_back_of_a_body_is_what_its_text_says() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut count = 0;
    for folder in std::fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()) {
        let bodies = if folder.is_dir() { dumps_in(&folder) } else { Vec::new() };
        count += bodies.len();
        let trimmed = bodies.iter().map(|(name, text)| (name.clone(), trimmed(text))).collect::<Vec<_>>();
        for bodies in [bodies, trimmed] {
            let printed = Printed::read(Form::Complete, "", bodies.clone(), Vec::new(), None);
            expect_same_bodies(&printed, bodies);
        }
    }
    assert!(count > 50, "{count} dumps");
}

#[test]
fn facts_of_other_bodies_are_not_taken() {
    let printed = with_bodies(run("", None), &[("f.mir", body("f", &[])), ("g.mir", body("g", &["f"]))]);
    assert!(kept(&printed).is_some());
    let of = |facts: &str| {
        let nothing = std::iter::empty;
        Printed::kept(Form::Complete, "", nothing(), printed.bodies(), facts, std::iter::empty())
    };
    let facts = printed.facts();
    let first = facts.lines().next().unwrap();
    for wrong in ["", "\n", first, &facts[1..], &facts[..facts.len() - 2], &format!("{facts}{first}")] {
        assert!(of(wrong).is_none(), "{wrong}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_read_back_of_a_changed_dump_is_what_its_text_says(
        which in 0usize..1000, line in 0usize..400, other in 0usize..400, what in 0u8..4, word in "[a-z{}<>:\"\\\\é]{0,9}",
    ) {
        let bodies = dumps_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/1.95.0"));
        let (name, text) = &bodies[which % bodies.len()];
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (line, other) = (line % lines.len(), other % lines.len());
        match what {
            0 => drop(lines.remove(line)),
            1 => lines.swap(line, other),
            2 => lines[line].push_str(&word),
            _ => lines[line] = lines[line].replacen('(', &word, 1),
        }
        let bodies = vec![(name.clone(), lines.join("\n") + "\n")];
        let printed = Printed::read(Form::Complete, "", bodies.clone(), Vec::new(), None);
        expect_same_bodies(&printed, bodies);
    }
}

#[test]
fn what_wraps_a_future_is_there_only_if_something_holds_it() {
    let boxed = "std::pin::Pin<std::boxed::Box<{static f::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}>>";
    let instance = "{static g<u8>::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}";
    let holder = "{static h::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}";
    let with = |held: &[&str], records: String| Printed {
        bodies: [(
            "h.mir".to_owned(),
            DumpedBody {
                text: KeptText::new(""),
                ty: holder.to_owned(),
                span: None,
                held: held.iter().map(|ty| (*ty).to_owned()).collect(),
                is_understood: true,
            },
        )]
        .into(),
        ..run(&records, None)
    };
    let wrapped = format!("w::W<{instance}>");
    let all = || record(boxed, 8) + &record(instance, 9) + &record(&wrapped, 9) + &record(holder, 10);
    let list = listed(&[
        "std::boxed::Box::<{static f::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}>::pin",
        "g::<u8>",
    ]);
    let before = with(&[boxed, &wrapped], all() + &list);
    let sizes = |held: &[&str]| with(held, listed(&["h"])).over(&before).unwrap().sizes();
    let all_held = sizes(&[boxed, &wrapped]);
    assert!([boxed, instance, &wrapped, holder].iter().all(|ty| all_held.contains(&format!("`{ty}`"))));
    let one_held = sizes(&[&wrapped]);
    assert!(!one_held.contains("Pin<"), "{one_held}");
    assert!(one_held.contains(&wrapped) && one_held.contains(&record(instance, 9)), "{one_held}");
    let none_held = sizes(&[]);
    assert_eq!(none_held.matches("type: `").count(), 1, "{none_held}");
}

#[test]
fn instances_of_a_body_with_other_captures_are_gone() {
    let body = |upvars: &str| {
        let ty =
            format!("{{static f<T>::{{closure#0}} upvar_tys={upvars} resume_ty=R yield_ty=() return_ty=()}}");
        DumpedBody { text: KeptText::new(""), ty, span: None, held: Vec::new(), is_understood: true }
    };
    let instance = |upvars: &str| {
        format!("{{static f<u8>::{{closure#0}} upvar_tys={upvars} resume_ty=R yield_ty=() return_ty=()}}")
    };
    let with = |upvars: &str, of: &str| Printed {
        bodies: [("f.mir".to_owned(), body(upvars))].into(),
        ..run(&record(&instance(of), 9), None)
    };
    // Nothing mentions them in the list of instances: nobody polls them.
    let (before, now) = (with("(T, u16)", "(u8, u16)"), with("(u16, T)", "(u16, u8)"));
    let sizes = now.over(&before).unwrap().sizes();
    assert!(sizes.contains(&instance("(u16, u8)")) && !sizes.contains(&instance("(u8, u16)")), "{sizes}");
    let holder = DumpedBody { held: vec![instance("(u8, u16)")], ..body("()") };
    let mut same = with("(T, u16)", "(u32, u16)");
    same.bodies.insert("g.mir".to_owned(), holder);
    let same = same.over(&before).unwrap().sizes();
    assert!(same.contains(&instance("(u8, u16)")), "its captures are as before: {same}");
}

#[test]
fn a_future_is_there_if_the_list_has_the_fn_that_makes_it() {
    let (future, other) = (coroutine("a::B<u8>::g<c::D>"), record("other", 1));
    let list = listed(&["a::B::<u8>::g::<c::D>"]);
    let boxed = format!("std::pin::Pin<std::boxed::Box<{future}>>");
    let pin = listed(&[&format!("std::boxed::Box::<{future}>::pin")]);
    let before = run(&(record(&future, 9) + &record(&boxed, 8) + &list + &pin), None);
    let over = |now: &str| run(&(other.clone() + now), Some(&before)).over(&before);
    let both = over(&(list.clone() + &pin)).unwrap().sizes();
    assert!(both.contains(&record(&future, 9)) && both.contains(&record(&boxed, 8)), "{both}");
    assert_eq!(over(&listed(&["a::B::<u8>::g::<c::E>"])).unwrap().sizes(), other);
    // The list is no reason to lay it out. If there was another one, that may be gone.
    let (holder, list) = (coroutine("h"), listed(&["a::B::<u8>::g::<c::D>", "h"]));
    let held = run(&(record(&future, 9) + &record(&holder, 10) + &list), None);
    let held = with_bodies(held, &[("h.mir", body(&holder, &[&future]))]);
    let now = |holds: &[&str]| {
        with_bodies(run(&(other.clone() + &list), Some(&held)), &[("h.mir", body(&holder, holds))])
    };
    assert!(now(&[&future]).over(&held).is_some());
    assert!(now(&[]).over(&held).is_none());
    assert!(over(&list).is_none(), "perhaps the box was why");
}

#[test]
fn instances_go_with_their_body_and_take_along_what_wraps_them() {
    let (generic, instance) = (coroutine("f<T>"), coroutine("f<u8>"));
    let wrapped = format!("w::W<{instance}>");
    let sources = |files: &[&str]| -> Vec<(String, Option<String>)> {
        files.iter().map(|file| ((*file).to_owned(), Some(String::new()))).collect()
    };
    let place = LineCol { line: 1, col: 1 };
    let span = Some(Span { file: "gone.rs".into(), start: place, end: place });
    let before = run(&(record(&instance, 9) + &record(&wrapped, 9)), None);
    let before = with_bodies(before, &[("f.mir", DumpedBody { span, ..body(&generic, &[]) })]);
    let before = Printed { sources: sources(&["gone.rs", "lib.rs"]), ..before };
    // The fn is there still, without the block in it.
    let now = run(&listed(&["f::<u8>"]), Some(&before));
    let now = Printed { sources: sources(&["lib.rs"]), ..now };
    assert_eq!(now.over(&before).unwrap().sizes(), "");
}

#[test]
fn instances_of_a_body_that_stores_other_things_would_be_printed() {
    let (generic, instance) = (coroutine("f<T>"), coroutine("f<u8>"));
    let text = |stores: bool| {
        let (fields, held, conflicts) = match stores {
            false => ("},".to_owned(), "", "BitMatrix(0x0) {},".to_owned()),
            true => {
                let span = "            source_info: SourceInfo {\n                span: src/lib.rs:1:1: 1:2 (#0),\n";
                let field = format!("        _s0: CoroutineSavedTy {{\n{span}            }},\n        }},\n");
                let conflicts = "BitMatrix(1x1) {\n        (_s0, _s0),\n    },".to_owned();
                (format!("\n{field}    }},"), "_s0", conflicts)
            }
        };
        format!(
            "// MIR for `f::{{closure#0}}` 0 coroutine_post-transform\n/* coroutine_layout = CoroutineLayout \
             {{\n    field_tys: {{{fields}\n    variant_fields: {{\n        Unresumed(0): [],\n        \
             Returned (1): [],\n        Panicked (2): [],\n        Suspend0 (3): [{held}],\n    }},\n    \
             storage_conflicts: {conflicts}\n}} */\n\n\
             fn f::{{closure#0}}(_1: {generic}, _2: u8) -> () {{\n    \
             let mut _0: (); // return place in scope 0 at src/lib.rs:1:1: 1:2\n\n    bb0: {{\n        \
             discriminant(_1) = 3; // bb0[0]: scope 0 at src/lib.rs:1:1: 1:2\n        \
             return; // bb0[1]: scope 0 at src/lib.rs:1:1: 1:2\n    }}\n"
        )
    };
    let list = record("other", 1) + &listed(&["f::<u8>"]);
    let of = |stdout: &str, text: &str, before: Option<&Printed>| {
        let bodies = vec![("f.mir".to_owned(), text.to_owned())];
        Printed::read(Form::Complete, stdout, bodies, Vec::new(), before)
    };
    let before = of(&(record(&instance, 9) + &listed(&["f::<u8>"])), &text(true), None);
    assert_eq!(before.bodies["f.mir"].ty, generic);
    let has_it = |text: &str| {
        of(&list, text, Some(&before)).over(&before).unwrap().sizes().contains(&record(&instance, 9))
    };
    assert!(has_it(&text(true)));
    assert!(has_it(&text(true).replace("_2: u8", "_2: u16")), "it stores what it stored");
    assert!(!has_it(&text(false)));
}

#[test]
fn what_an_instance_holds_in_a_named_local_is_there() {
    let (generic, instance) = (coroutine("f<T>"), coroutine("f<u8>"));
    let (held, other) = (coroutine("g<(u8, T)>"), coroutine("g<(u8, u8)>"));
    let list = listed(&["f::<u8>"]);
    let bodies = [("f.mir", body(&generic, &[&held])), ("g.mir", body(&coroutine("g<T>"), &[]))];
    let of = |text: &str, printed: Printed| Printed {
        sources: vec![("lib.rs".to_owned(), Some(text.to_owned()))],
        ..with_bodies(printed, &bodies)
    };
    let before = of("fn a() { g(1) }", run(&(record(&instance, 9) + &record(&other, 7) + &list), None));
    let over = |now: String| of("fn a() { g(2) }", run(&(now + &list), Some(&before))).over(&before);
    assert!(over(record("other", 1)).unwrap().sizes().contains(&record(&other, 7)));
    // Who holds it would have had it printed again.
    assert!(over(record("other", 1) + &record(&instance, 9)).is_none());
}

#[test]
fn a_future_that_only_another_crate_knows_is_there_if_whatever_could_hold_it_is() {
    let (holder, held, list) = (coroutine("other::h"), coroutine("other::f"), listed(&["main"]));
    let holding = |bytes: u64| {
        let local = format!("{}    local `.kept`: {bytes} bytes\n", record_lines::PREFIX);
        record(&holder, 9) + &local
    };
    let over = |bytes: u64, now: String| {
        // `holder` is there as a fn of this crate holds it.
        let (own, ty) = (coroutine("main"), coroutine("other::h"));
        let own = ("main.mir", body(&own, &[&ty]));
        let before = run(&(holding(bytes) + &record(&held, 2) + &list), None);
        let before = with_bodies(before, &[own]);
        run(&now, Some(&before)).over(&before).map(|over| over.sizes().contains(&record(&held, 2)))
    };
    assert_eq!(over(2, record("printed", 1) + &list), Some(true));
    assert_eq!(over(1, record("printed", 1) + &list), None, "too small to hold it");
    assert_eq!(over(2, holding(2) + &list), None, "it does not hold it any more");
    assert_eq!(over(2, record("printed", 1)), None, "no list: it could be in any fn of a binary");
    assert_eq!(over(1, String::new()), Some(true), "nothing was compiled again");
}

#[test]
fn an_instance_that_a_plain_fn_makes_is_there_if_its_text_is() {
    let (generic, instance) = (coroutine("a::f<T>"), coroutine("a::f<u8>"));
    let text = "fn main() {\n    f(1);\n    g();\n}\n";
    let of = |stdout: &str, text: &str, before: Option<&Printed>| Printed {
        sources: vec![("main.rs".to_owned(), Some(text.to_owned()))],
        ..with_bodies(run(stdout, before), &[("f.mir", body(&generic, &[]))])
    };
    let before = of(&record(&instance, 9), text, None);
    let over = |printed: &str, text: &str| {
        let now = of(&record(printed, 1), text, Some(&before));
        now.over(&before).map(|over| over.sizes().contains(&record(&instance, 9)))
    };
    let moved = "\n// f\nfn main() {\n    h();\n        f(1); // f\n}\n";
    assert_eq!(over("printed", text), Some(true));
    assert_eq!(over("printed", moved), Some(true));
    assert_eq!(over("printed", &text.replace("f(1)", "f(1u16)")), None);
    assert_eq!(over("printed", &text.replace("f(1);", "")), None);
    assert_eq!(over("printed", &text.replace("f(1)", "/* f(1) */")), None);
    assert_eq!(over(&coroutine("a::f<u16>"), moved), None, "that may be what it makes now");
    let made = "macro_rules! m {\n    () => {\n        f(1)\n    };\n}\n";
    let in_macro = of(&record(&instance, 9), made, None);
    let now = of(&record("printed", 1), &format!("{made}\nfn g() {{}}\n"), Some(&in_macro));
    assert!(now.over(&in_macro).is_none());
}

#[test]
fn a_type_is_the_same_whatever_number_the_compiler_gives_its_definition() {
    let ty = |number: u32| format!("w::W<fn(DefId(0:{number} ~ a[1f]::f::'_))>");
    let before = run(&record(&ty(7), 9), None);
    let sizes = run(&record(&ty(18), 9), Some(&before)).over(&before).unwrap().sizes();
    assert_eq!(sizes.matches("type: ").count(), 1, "{sizes}");
}

#[test]
fn what_a_macro_made_is_there_if_the_body_around_it_is() {
    let span = |file: &str, line| Span {
        file: file.into(),
        start: LineCol { line, col: 1 },
        end: LineCol { line, col: 9 },
    };
    let ty = |path: &str| format!("{{static {path} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}}");
    let (outer, inner) = ("f::{closure#0}", "f::{closure#0}::{closure#0}");
    let file = |path: &str| format!("a.{}.-------.pass.0.mir", path.replace("::", "-"));
    let body = |path: &str, text: &str, span| DumpedBody {
        text: KeptText::new(text),
        ty: ty(path),
        span: Some(span),
        held: Vec::new(),
        is_understood: true,
    };
    let printed = |text: &str, bodies: Vec<(String, DumpedBody)>| Printed {
        bodies: bodies.into_iter().collect(),
        sources: vec![("a.rs".to_owned(), Some(text.to_owned()))],
        ..run("", None)
    };
    let made = || (file(inner), body(inner, "", span("other.rs", 7)));
    let around = |text: &str| (file(outer), body(outer, text, span("a.rs", 1)));
    let before = || printed("a\nb", vec![around(&ty(inner)), made()]);
    let names = |now: Option<Printed>| now.map(|now| now.bodies.into_keys().collect::<Vec<_>>());
    let both = vec![file(outer), file(inner)].into_iter().rev().collect::<Vec<_>>();
    // Not dumped again, and where it was.
    assert_eq!(names(printed("a\nc", vec![]).over(&before())), Some(both.clone()));
    // Dumped again.
    let dumped = |text: &str| printed("x\nb", vec![around(text)]);
    assert_eq!(names(dumped(&ty(inner)).over(&before())), Some(both));
    assert_eq!(names(dumped("").over(&before())), Some(vec![file(outer)]));
    // Nothing tells.
    let alone = printed("a\nb", vec![made()]);
    assert!(printed("a\nc", vec![]).over(&alone).is_none());
    assert!(printed("a\nb", vec![]).over(&alone).is_some(), "nothing has changed");
}

#[test]
fn a_text_is_the_same_where_only_comments_differ() {
    let body = |start, end| Span {
        file: "a.rs".into(),
        start: LineCol { line: start, col: 1 },
        end: LineCol { line: end, col: 2 },
    };
    let is_same = |old: &str, new: &str, start, end| {
        let texts = ChangedText { before: without_comments(old), now: without_comments(new) };
        texts.has_same(&body(start, end))
    };
    let text = "fn a() {}\n\nfn b()\n{\n    1; // one\n}\nfn c() {}";
    assert!(is_same(text, text, 4, 6));
    assert!(is_same(text, &text.replace("one", "two"), 4, 6), "a comment in it");
    assert!(is_same(text, &text.replace("a()", "x()").replace("c()", "y()"), 4, 6), "text around it");
    assert!(!is_same(text, &text.replace("1;", "2;"), 4, 6), "its text");
    assert!(!is_same(text, &text.replace("b()", "x()"), 4, 6), "its header");
    assert!(!is_same(text, &text.replace("{}\n\n", "{}\n#[cfg(x)]\n"), 4, 6), "its attributes");
    assert!(!is_same(text, &format!("\n{text}"), 4, 6), "its place");
    assert!(!is_same(text, "", 4, 6));
}
