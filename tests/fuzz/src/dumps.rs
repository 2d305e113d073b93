//! The readers of what the compiler printed.

use futurelens::compiler::dep_info::sources;
use futurelens::dump::coroutine::{statement_spans, trimmed};
use futurelens::dump::drops::{Drops, Moved};
use futurelens::dump::names::{self, CoroutineName, Parameters};
use futurelens::dump::span::SpanRef;
use futurelens::dump::{CoroutineBody, TypeSizes};
use futurelens::layout::Body;
use std::collections::HashSet;
use std::path::PathBuf;

/// `-Zprint-type-sizes`, and the verbose names and spans in it.
pub fn sizes(text: &str) {
    let sizes = TypeSizes::parse(text);
    let mut records = sizes.skipped;
    for ty in &sizes.types {
        records += 1 + usize::from(ty.discriminant.is_some());
        for variant in sizes.variants(ty) {
            for field in sizes.fields(variant) {
                records += 1;
                assert!(field.offset.checked_add(field.size).is_some(), "{field:?} ends nowhere");
                field.ty.into_iter().for_each(name);
            }
        }
        name(ty.name);
    }
    assert!(records <= text.lines().count(), "more was read than is there");
    for line in text.lines().take(64) {
        name(line);
        span(line);
    }
}

fn span(text: &str) {
    let Some(read) = SpanRef::parse(text) else { return };
    let owned = read.to_span(&mut HashSet::new());
    let written = owned.to_string();
    assert_eq!(SpanRef::parse(&written), Some(read), "{written}");
}

/// A verbose type name, or what is in its place.
pub fn name(text: &str) {
    if let Some(end) = names::closing(text) {
        assert!(matches!(text.as_bytes()[end], b')' | b']' | b'}' | b'>'));
    }
    for what in [" as ", " upvar_tys=", "::"] {
        if let Some(at) = names::find_outside(text, what) {
            assert!(text[at..].starts_with(what));
        }
    }
    if let Some(coroutine) = CoroutineName::parse(text) {
        assert!(text.contains(coroutine.path) && text.contains(coroutine.upvars));
        names::function_of(coroutine.path);
    }
    let readable = names::readable(text, &|path| path.len().is_multiple_of(2).then(|| path.to_owned()));
    names::readable(&readable, &|_| None);
    let skeleton = names::skeleton(text);
    assert!(skeleton.len() <= text.len() * 4 + 16, "{skeleton}");
    names::without_arguments(text);
    if let Some(bindings) = names::unify(&skeleton, text, Parameters::AnyCapitalised) {
        for (parameter, value) in bindings {
            assert!(skeleton.contains(parameter) && text.contains(value));
        }
    }
    let (a, b) = text.split_at(text.floor_char_boundary(text.len() / 2));
    names::unify(a, b, Parameters::AnyCapitalised);
    names::substitute(a, &[("T".to_owned(), "u8".to_owned()), ("impl Future".to_owned(), b.to_owned())]);
}

/// A dumped body. Nothing that is read gets lost when it is trimmed; of what is not read, more may be.
pub fn body(text: &str) {
    let body = CoroutineBody::parse(text);
    let short = trimmed(text);
    let kept = CoroutineBody::parse(&short);
    match (&body, &kept) {
        (Some(CoroutineBody { unread: whole, example: Some(_), .. }), Some(CoroutineBody { unread, .. })) => {
            let goes_on = |before: bool, now: bool| now || !before;
            let all = goes_on(whole.place, unread.place)
                && goes_on(whole.layout, unread.layout)
                && goes_on(whole.conflicts, unread.conflicts)
                && goes_on(whole.code, unread.code);
            assert!(all, "trimmed, {unread:?} of {whole:?} are not read");
        }
        (Some(CoroutineBody { example: Some(_), .. }), None) => {}
        _ => assert_eq!(kept, body, "trimmed, it reads in another way"),
    }
    assert_eq!(trimmed(&short), short, "trimmed twice");
    assert_eq!(statement_spans(&short), statement_spans(text), "trimmed, it names other places");
    let Some(body) = body else { return };
    body.impl_span();
    assert!(body.spans().count() <= text.lines().count());
    let fields = body.variants.iter().flat_map(|variant| &variant.fields);
    let conflicts = body.storage_conflicts.iter().flat_map(|(row, column)| [row, column]);
    assert!(fields.chain(conflicts).all(|index| (*index as usize) < body.saved.len()));
    for block in 0..body.flow.blocks.len() as u32 {
        body.flow.events_of(block).iter().for_each(|event| _ = (event.span(), event.scope(), event.key()));
        body.flow.successors(block);
        body.flow.suspension(block);
    }
    // A body does what it does.
    if let Some(drops) = Drops::parse(text) {
        assert!(!matches!(Drops::moved(&drops, &drops), Moved::Values(_)), "{drops:?}");
    }
    // Why is what held?
    let file = "krate.a-{impl#0}-f-{closure#0}.-------.coroutine_post-transform.0.mir";
    if let Some(kept) = Body::new(&"krate-1".into(), "krate", file, &body) {
        assert_eq!(kept.saved.len(), body.saved.len());
        assert_eq!(kept.segments(), ["a", "{impl#0}", "f", "{closure#0}"]);
    }
}

/// The list of the files that the compiler read.
pub fn dep_info(text: &str) {
    let files = sources(text);
    assert!(files.iter().all(|file| !file.as_os_str().is_empty()));
    // As the compiler writes such a list.
    let is_file = |line: &&str| !line.is_empty() && !line.ends_with('\\') && !line.contains("\\ ");
    let names: Vec<&str> = text.lines().filter(is_file).filter(|line| !line.contains('\r')).collect();
    let escaped: Vec<String> = names.iter().map(|name| name.replace(' ', "\\ ")).collect();
    let written = format!("/t/a\\ b.d: {}\n\n{}:\n", escaped.join(" "), escaped.join(":\n"));
    assert_eq!(sources(&written), names.iter().map(PathBuf::from).collect::<Vec<_>>(), "{written}");
}
