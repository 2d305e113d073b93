//! Texts, positions in them, edits of them, and what follows a place from one into the next.

use arbitrary::{Result, Unstructured};
use futurelens::dump::{LineCol, Span};
use futurelens::features::Snapshot;
use futurelens::features::actions::candidates;
use futurelens::features::snapshot::PrintedUnit;
use futurelens::source::{
    Argument, Edit, Encoding, Outline, Pos, PositionMap, Relocation, SiteKind, TextRange, TextSize,
    apply_change, edited, spawns,
};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::measured::Run;

/// A text and a sequence of edits as an editor sends them.
pub fn any(data: &[u8]) {
    let _ = edits(&mut Unstructured::new(data));
}

fn edits(u: &mut Unstructured<'_>) -> Result<()> {
    let mut changes = Vec::new();
    for _ in 0..u.int_in_range(0..=3)? {
        let pos = |u: &mut Unstructured<'_>| -> Result<Pos> {
            let far = u.int_in_range(0..=19)? == 0;
            let of = |u: &mut Unstructured<'_>, far| if far { u.arbitrary() } else { u.int_in_range(0..=40) };
            Ok(Pos { line: of(u, far)?, character: of(u, far)? })
        };
        changes.push((pos(u)?, pos(u)?, u.arbitrary::<u16>()?, u.arbitrary::<u8>()?));
    }
    let choices = u.bytes(24.min(u.len()))?.to_vec();
    let text = String::from_utf8_lossy(u.bytes(u.len())?).into_owned();
    positions(&text);
    spawned(&text);
    let measured = outline(&text);
    for encoding in [Encoding::Utf8, Encoding::Utf16] {
        let mut now = text.clone();
        for &(start, end, at, len) in &changes {
            let at = text.floor_char_boundary(usize::from(at) % (text.len() + 1));
            let new = &text[at..text.floor_char_boundary((at + usize::from(len) % 32).min(text.len()))];
            let expected = replaced(&now, start, end, new, encoding);
            apply_change(&mut now, Some((start, end)), new, encoding);
            assert_eq!(now, expected, "{start:?} {end:?} {encoding:?} {new:?}");
        }
        let current = outline(&now);
        follow(&measured, &current);
        follow(&current, &measured);
    }
    pieces(&text, &choices);
    actions(&text, &choices);
    Ok(())
}

/// What a change makes of a text, by the plainest reading of the protocol.
fn replaced(text: &str, start: Pos, end: Pos, new: &str, encoding: Encoding) -> String {
    let (a, b) = (naive(text, start, encoding), naive(text, end, encoding));
    format!("{}{new}{}", &text[..a.min(b)], &text[a.max(b)..])
}

fn naive(text: &str, at: Pos, encoding: Encoding) -> usize {
    let units = |c: char| if encoding == Encoding::Utf8 { c.len_utf8() } else { c.len_utf16() } as u64;
    let (mut line, mut seen) = (0, 0u64);
    let mut chars = text.char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        if line == at.line && (matches!(c, '\r' | '\n') || seen + units(c) > u64::from(at.character)) {
            return offset;
        }
        seen += units(c);
        if c == '\r' && chars.peek().is_some_and(|it| it.1 == '\n') {
            chars.next();
        }
        if matches!(c, '\r' | '\n') {
            (line, seen) = (line + 1, 0);
        }
    }
    text.len()
}

fn positions(text: &str) {
    let map = PositionMap::new(text.into());
    let step = (text.len() / 64).max(1);
    for offset in (0..text.len() + 3).step_by(step) {
        let at = TextSize::new(offset as u32);
        let floor = text.floor_char_boundary(offset.min(text.len()));
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            let pos = map.pos(at, encoding);
            let back = usize::from(map.offset_of(pos, encoding));
            // Within a line's end it is the end of the line.
            assert!(
                text.is_char_boundary(back) && back <= floor && text[back..floor].chars().all(|c| c == '\r')
            );
        }
        let line_col = map.line_col(at);
        let back = map.offset(line_col).expect("it was just made");
        assert!(text.is_char_boundary(back.into()));
        assert_eq!(map.line_col(back), line_col);
    }
    for line in [0, 1, 2, u32::MAX] {
        for col in [0, 1, 9, u32::MAX] {
            if let Some(at) = map.offset(LineCol { line, col }) {
                assert!(text.is_char_boundary(at.into()));
            }
        }
    }
}

fn spawned(text: &str) {
    for spawn in spawns(text) {
        assert!(text[spawn.name].contains("spawn") || text[spawn.name].contains("block_on"));
        if let Argument::Block(at) = spawn.argument {
            assert!(text[at.into()..].starts_with("async"));
        }
    }
}

/// An outline whose places are all in the text.
fn outline(text: &str) -> Outline {
    let outline = Outline::new(text.into());
    assert_eq!(&**outline.text(), text);
    let mut last = TextSize::new(0);
    for (index, site) in outline.sites().iter().enumerate() {
        let hint = TextRange::empty(site.hint);
        for range in [site.token, site.range, site.body, hint].into_iter().chain(site.name) {
            assert!(text.get(std::ops::Range::<usize>::from(range)).is_some(), "{site:?}");
        }
        assert!(site.range.contains_range(site.body) || site.kind == SiteKind::AttrFn, "{site:?}");
        assert!(outline.is_at(index, site.range) && outline.is_at(index, site.token));
        assert!(last <= site.token.start(), "not in order");
        last = site.token.start();
    }
    outline
}

/// Where everything of one text is in another.
fn follow(measured: &Outline, current: &Outline) {
    let relocation = Relocation::new(measured, current);
    let matches: Vec<_> = (0..measured.sites().len()).map(|site| relocation.site(site)).collect();
    assert_eq!(relocation.site(matches.len()), None);
    let mut taken: Vec<usize> = matches.iter().flatten().map(|it| it.site).collect();
    taken.sort_unstable();
    assert!(taken.windows(2).all(|pair| pair[0] != pair[1]), "two sites became one");
    for (site, (old, now)) in measured.sites().iter().zip(&matches).enumerate().take(64) {
        let Some(now) = *now else { continue };
        let new = &current.sites()[now.site];
        assert_eq!(old.kind, new.kind);
        assert!(now.changed || old.hash == new.hash);
        let middle = measured
            .text()
            .floor_char_boundary(usize::from(old.range.start()) + usize::from(old.range.len()) / 2);
        let middle = TextRange::new((middle as u32).into(), old.range.end());
        for range in [old.range, old.body, old.token, middle, TextRange::empty(old.range.end())] {
            let unchanged = relocation.unchanged_range(site, range);
            assert!(unchanged.is_none() || unchanged == relocation.range(site, range), "two places");
            if let Some(carried) = relocation.range(site, range) {
                assert!(new.range.contains_range(carried), "it landed outside");
                let text = current.text().get(std::ops::Range::<usize>::from(carried));
                assert!(text.is_some(), "within a character");
            }
        }
    }
}

/// Edits in our own form.
fn pieces(text: &str, choices: &[u8]) {
    let edit = |choice: &[u8]| {
        let at = |byte: u8| u32::from(byte) * text.len() as u32 / 250;
        let (a, b) = (at(choice[0]), at(choice[1]));
        Edit::replace(TextRange::new(a.min(b).into(), a.max(b).into()), "é")
    };
    let edits: Vec<Edit> = choices.chunks_exact(2).take(3).map(edit).collect();
    if let Some(new) = edited(text, &edits) {
        let gone: usize = edits.iter().map(|edit| usize::from(edit.range.len())).sum();
        assert_eq!(new.len() + gone, text.len() + "é".len() * edits.len());
    }
}

/// The actions of a text whose futures hold made-up things.
pub fn actions(text: &str, choices: &[u8]) {
    let run = made_up(text, choices);
    let snapshot = snapshot(&run, &[("src/lib.rs", text)]);
    for candidate in candidates(&snapshot, Path::new("/w/src/lib.rs")) {
        let site = candidate.site();
        for way in &candidate.ways {
            let new =
                edited(text, way).unwrap_or_else(|| panic!("{:?} cannot be made: {way:?}", candidate.kind));
            Outline::new(new.into());
            let whole = way.iter().map(|edit| edit.range).reduce(TextRange::cover);
            let outside = whole.is_some_and(|whole| whole.end() > site.range.end());
            assert!(!outside, "{:?} edits what is behind {site:?}: {way:?}", candidate.kind);
        }
        assert!(
            candidate.anchors.iter().all(|range| text.get(std::ops::Range::<usize>::from(*range)).is_some())
        );
        candidate.title(candidate.predicted_saving().as_ref());
    }
}

/// What was measured, as if by a compiler.
pub fn snapshot(run: &Run, sources: &[(&str, &str)]) -> Snapshot {
    let text = PrintedUnit {
        origin: &"a-1".into(),
        stamp: 1,
        package: "a",
        krate: "a",
        unit: "lib",
        edition: "2021",
        rust_version: None,
        dir: Path::new("/w"),
        texts: Arc::new(run.clone()),
        bodies: run.bodies.iter().map(|(name, _)| (name.as_str(), 1)).collect(),
        sources: sources.to_vec(),
        without: &[],
    };
    Snapshot::default().updated(&[text], &Default::default(), Default::default())
}

/// Dumps for the sites of a text: each future holds some of the words in it, and awaits what stands before
/// `.await`.
fn made_up(text: &str, choices: &[u8]) -> Run {
    let outline = Outline::new(text.into());
    let choice = |at: usize| usize::from(choices.get(at % choices.len().max(1)).copied().unwrap_or_default());
    let mut run = Run { sources: vec![("src/lib.rs".to_owned(), Some(text.to_owned()))], ..Run::default() };
    let is_future = |kind| !matches!(kind, SiteKind::MacroCall | SiteKind::AttrFn);
    for (number, site) in outline.sites().iter().filter(|site| is_future(site.kind)).take(6).enumerate() {
        let whole = if site.kind == SiteKind::AsyncBlock { site.range } else { site.body };
        let span = |range: TextRange| {
            let (start, end) = (outline.line_col(range.start()), outline.line_col(range.end()));
            Span { file: "src/lib.rs".into(), start, end }
        };
        let body = &text[site.body];
        let words = words(body, site.body.start());
        let awaits: Vec<TextRange> = body
            .match_indices(".await")
            .map(|(at, word)| TextRange::at(site.body.start() + TextSize::new(at as u32), TextSize::of(word)))
            .collect();
        let awaited = awaits.get(choice(number) % awaits.len().max(1)).copied();
        let awaited = awaited.unwrap_or(TextRange::empty(site.body.end()));
        let before = words.iter().rev().find(|word| word.end() <= awaited.start());
        let expression = before.map_or(awaited, |word| word.cover(awaited));
        // The awaitee, and words: mostly such as a `let` has in front of them.
        let mut saved = vec![("__awaitee".to_owned(), expression, 256u64)];
        for at in 0..3 {
            let declared: Vec<&TextRange> = words
                .windows(2)
                .filter(|pair| matches!(&text[pair[0]], "let" | "mut"))
                .map(|pair| &pair[1])
                .collect();
            let word = match choice(number + at + 1) % 4 {
                0 => words.get(choice(at) % words.len().max(1)),
                _ => declared.get(choice(at + 2) % declared.len().max(1)).copied(),
            };
            let Some(word) = word else { continue };
            let name = &text[*word];
            if saved.iter().all(|(known, ..)| known != name) {
                saved.push((name.to_owned(), *word, [1024, 8, 4096, 1][choice(at + number) % 4]));
            }
        }
        let arguments: Vec<(usize, TextRange)> = site
            .name
            .map(|name| self::words(&text[name.end().into()..site.body.start().into()], name.end()))
            .into_iter()
            .flatten()
            .take(2)
            .enumerate()
            .collect();
        let path = format!("f{number}::{{closure#0}}");
        let upvars: String =
            arguments.iter().map(|_| "[u8; ValTree(Leaf(0x0000000000000200): usize)], ").collect();
        let upvars = format!("({})", upvars.trim_end());
        let ty = format!(
            "{{static {path} upvar_tys={upvars} resume_ty=std::future::ResumeTy yield_ty=() return_ty=()}}"
        );
        let mut dump = format!(
            "// MIR for `{path}` 0 coroutine_post-transform\n/* coroutine_layout = CoroutineLayout {{\n    field_tys: {{\n"
        );
        for (index, (_, range, _)) in saved.iter().enumerate() {
            let _ = writeln!(
                dump,
                "        _s{index}: CoroutineSavedTy {{\n            source_info: SourceInfo {{\n                span: {} (#0),\n            }},\n        }},",
                span(*range)
            );
        }
        let all: Vec<String> = (0..saved.len()).map(|index| format!("_s{index}")).collect();
        let _ = writeln!(
            dump,
            "    }},\n    variant_fields: {{\n        Unresumed(0): [],\n        Returned (1): [],\n        Panicked (2): [],\n        Suspend0 (3): [{}],\n    }},\n    storage_conflicts: BitMatrix({n}x{n}) {{",
            all.join(", "),
            n = saved.len()
        );
        for row in 0..saved.len() {
            for column in 0..saved.len() {
                let _ = writeln!(dump, "        (_s{row}, _s{column}),");
            }
        }
        let _ = writeln!(
            dump,
            "    }},\n}} */\n\nfn {path}(_1: {ty}, _2: &'{{erased}} mut std::task::Context<'{{erased}}>) -> std::task::Poll<()> {{"
        );
        for (index, range) in &arguments {
            let _ = writeln!(
                dump,
                "    debug {} => (_1.{index}: [u8; 512]);  // in scope 0 at {}",
                &text[*range],
                span(*range)
            );
        }
        let _ = writeln!(
            dump,
            "    let mut _0: std::task::Poll<()>; // return place in scope 0 at {}",
            span(whole)
        );
        for (index, (name, range, size)) in saved.iter().enumerate() {
            let ty = if index == 0 {
                "{static g::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}".to_owned()
            } else {
                format!("[u8; {size}]")
            };
            let _ = writeln!(
                dump,
                "    debug {name} => ((_1 as variant#3).{index}: {ty});  // in scope 0 at {}",
                span(*range)
            );
        }
        let _ = writeln!(dump, "\n    bb0: {{");
        for (index, (_, range, size)) in saved.iter().enumerate().skip(1) {
            let _ = match (choice(index), arguments.first()) {
                (0..100, Some((argument, _))) => writeln!(
                    dump,
                    "        ((_1 as variant#3).{index}: [u8; {size}]) = move (_1.{argument}: [u8; 512]); // bb0[0]: scope 0 at {}",
                    span(*range)
                ),
                _ => writeln!(
                    dump,
                    "        _9 = &((_1 as variant#3).{index}: [u8; {size}]); // bb0[0]: scope 0 at {}",
                    span(*range)
                ),
            };
        }
        let _ = writeln!(
            dump,
            "        StorageDead(_26); // bb0[1]: scope 0 at {s}\n        discriminant(_1) = 3; // bb0[2]: scope 0 at {s}\n        return; // bb0[3]: scope 0 at {s}\n    }}\n\n    bb1: {{\n        StorageDead(_27); // bb1[0]: scope 0 at {s}\n        _2 = move _26; // bb1[1]: scope 0 at {s}",
            s = span(awaited)
        );
        for (index, (_, _, size)) in saved.iter().enumerate().skip(1) {
            let later = words.iter().rev().find(|word| word.start() >= awaited.end());
            let at = span(
                later.copied().unwrap_or(TextRange::at(site.body.end() - TextSize::new(1), TextSize::new(1))),
            );
            let _ = match choice(index + 5) % 3 {
                0 => writeln!(
                    dump,
                    "        _8 = &((_1 as variant#3).{index}: [u8; {size}]); // bb1[2]: scope 0 at {at}"
                ),
                1 => writeln!(
                    dump,
                    "        drop(((_1 as variant#3).{index}: [u8; {size}])) -> bb2; // bb1[2]: scope 0 at {at}"
                ),
                _ => Ok(()),
            };
        }
        let _ = writeln!(
            dump,
            "        goto -> bb2; // bb1[3]: scope 0 at {s}\n    }}\n\n    bb2: {{\n        return; // bb2[0]: scope 0 at {s}\n    }}\n}}",
            s = span(awaited)
        );
        run.bodies.push((format!("a.f{number}-{{closure#0}}.-------.coroutine_post-transform.0.mir"), dump));
        let held: u64 = saved.iter().map(|(_, _, size)| size).sum();
        let captured = 512 * arguments.len() as u64;
        let size = (held + captured + 1).next_multiple_of(8);
        let _ = writeln!(
            run.sizes,
            "print-type-size type: `{ty}`: {size} bytes, alignment: 8 bytes\nprint-type-size     discriminant: 1 bytes"
        );
        for state in ["Unresumed", "Suspend0", "Returned", "Panicked"] {
            let is_held = state == "Suspend0";
            let _ = writeln!(
                run.sizes,
                "print-type-size     variant `{state}`: {} bytes",
                captured + if is_held { held } else { 0 }
            );
            for (index, range) in &arguments {
                let _ = writeln!(
                    run.sizes,
                    "print-type-size         upvar `.{}`: 512 bytes, offset: {} bytes, alignment: 1 bytes",
                    &text[*range],
                    index * 512
                );
            }
            for (index, (name, _, size)) in saved.iter().enumerate().filter(|_| is_held) {
                let ty = if index == 0 {
                    ", type: {static g::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}"
                } else {
                    ""
                };
                let _ = writeln!(run.sizes, "print-type-size         local `.{name}`: {size} bytes{ty}");
            }
        }
    }
    run.sizes.push_str("print-type-size type: `{static g::{closure#0} upvar_tys=() resume_ty=R yield_ty=() return_ty=()}`: 256 bytes, alignment: 1 bytes\nprint-type-size     discriminant: 1 bytes\nprint-type-size type: `std::boxed::Box<u8>`: 8 bytes, alignment: 8 bytes\nprint-type-size     field `.0`: 8 bytes\n");
    run
}

/// The names and keywords in a text that begins at `from`.
fn words(text: &str, from: TextSize) -> Vec<TextRange> {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (is_part(c), start) {
            (true, None) => start = Some(at),
            (false, Some(first)) => {
                let (first, end) = (TextSize::new(first as u32), TextSize::new(at as u32));
                found.push(TextRange::new(from + first, from + end));
                start = None;
            }
            _ => {}
        }
    }
    found
}
