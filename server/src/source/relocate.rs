//! Where the sites of the measured text are in the current one.
//!
//! Sites are compared within the item they are in, so that whole items may move freely. Within one
//! item the order decides, as it does for a person who reads a diff: equal things are lined up
//! first, and what is left between two of them is taken for the same thing, edited.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::collect::{FnItem, SiteKind};
use super::matches::Match;
use super::outline::Outline;

/// Finds each site of `measured` in `current`; `None` for one that is no longer there.
///
/// A fn that was renamed, or whose impl's header was edited, is found by its body and counts as
/// changed. White space, comments and moves of whole items change nothing.
pub(super) fn relocate(measured: &Outline, current: &Outline) -> Vec<Option<Match>> {
    let renames = Renames::new(measured, current);
    let mut groups: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    let mut moved = vec![false; measured.sites().len()];
    let mut translated: FxHashMap<&str, (String, bool)> = FxHashMap::default();
    for (i, site) in measured.sites().iter().enumerate() {
        let (path, is_moved) = translated.entry(&site.path).or_insert_with(|| renames.translate(&site.path));
        moved[i] = *is_moved;
        match groups.get_mut(path.as_str()) {
            Some(group) => group.push(i),
            None => _ = groups.insert(path.clone(), vec![i]),
        }
    }
    let mut now: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
    for (i, site) in current.sites().iter().enumerate() {
        now.entry(&site.path).or_default().push(i);
    }
    let mut matches = vec![None; measured.sites().len()];
    for (path, group) in &groups {
        let Some(candidates) = now.get(path.as_str()) else { continue };
        for (old, new) in align(measured, group, current, candidates) {
            let changed = moved[old] || measured.sites()[old].hash != current.sites()[new].hash;
            matches[old] = Some(Match { site: new, changed });
        }
    }
    matches
}

/// What fns are called now that had another path.
#[derive(Default)]
struct Renames<'a> {
    /// The new path, and whether it is in another item than before.
    to: FxHashMap<&'a str, (&'a str, bool)>,
}

impl<'a> Renames<'a> {
    fn new(measured: &'a Outline, current: &'a Outline) -> Renames<'a> {
        let paths = |fns: &'a [FnItem]| -> FxHashSet<&'a str> { fns.iter().map(|it| &*it.path).collect() };
        let (before, now) = (paths(measured.fns()), paths(current.fns()));
        let gone = || measured.fns().iter().filter(|it| !now.contains(&*it.path));
        let new = || current.fns().iter().filter(|it| !before.contains(&*it.path));
        let mut renames = Renames::default();

        // In the same item, with the same body.
        let mut by_body: FxHashMap<(&str, u64), VecDeque<&str>> = FxHashMap::default();
        for item in new() {
            by_body.entry((parent(item), item.body_hash)).or_default().push_back(&item.path);
        }
        for item in gone() {
            let same = by_body.get_mut(&(parent(item), item.body_hash));
            if let Some(path) = same.and_then(VecDeque::pop_front) {
                renames.to.entry(&item.path).or_insert((path, false));
            }
        }

        // In another item, with the same name and body, if there is only one such.
        let mut by_name: FxHashMap<(&str, u64), Vec<&str>> = FxHashMap::default();
        for item in new() {
            by_name.entry((&item.name, item.body_hash)).or_default().push(&item.path);
        }
        let mut wanted: FxHashMap<(&str, u64), Vec<&str>> = FxHashMap::default();
        for item in gone() {
            if !now.contains(renames.translate(&item.path).0.as_str()) {
                wanted.entry((&item.name, item.body_hash)).or_default().push(&item.path);
            }
        }
        for (key, old) in wanted {
            if let ([old], Some([new])) = (&*old, by_name.get(&key).map(|it| &**it)) {
                renames.to.insert(old, (new, true));
            }
        }
        renames
    }

    /// The path as it is now, for things within a renamed fn too.
    fn translate(&self, path: &str) -> (String, bool) {
        let mut outer = path;
        while !self.to.is_empty() {
            if let Some(&(new, is_moved)) = self.to.get(outer) {
                return (format!("{new}{}", &path[outer.len()..]), is_moved);
            }
            match outer.rfind("::") {
                Some(at) => outer = &outer[..at],
                None => break,
            }
        }
        (path.to_owned(), false)
    }
}

/// The path of the item a fn is in.
fn parent(item: &FnItem) -> &str {
    let own = item.name.len() + "fn ".len();
    item.path.get(..item.path.len().saturating_sub(own)).unwrap_or("")
}

/// A table for the longest common subsequence has at most this many fields.
const TABLE: usize = 1 << 16;

/// Pairs the sites of one item.
fn align(measured: &Outline, old: &[usize], current: &Outline, new: &[usize]) -> Vec<(usize, usize)> {
    let key = |outline: &Outline, i: usize| (outline.sites()[i].kind, outline.sites()[i].hash);
    let is_same = |i: usize, j: usize| key(measured, old[i]) == key(current, new[j]);
    let mut partner: Vec<Option<usize>> = vec![None; old.len()];

    let shorter = old.len().min(new.len());
    let start = (0..shorter).take_while(|&i| is_same(i, i)).count();
    let end = (0..shorter - start).take_while(|&i| is_same(old.len() - 1 - i, new.len() - 1 - i)).count();
    for (i, it) in partner.iter_mut().enumerate() {
        if i < start {
            *it = Some(i);
        } else if i >= old.len() - end {
            *it = Some(i + new.len() - old.len());
        }
    }
    let (rows, columns) = (old.len() - start - end, new.len() - start - end);
    if rows.saturating_mul(columns) <= TABLE {
        for (i, j) in longest_common(rows, columns, |i, j| is_same(start + i, start + j)) {
            partner[start + i] = Some(start + j);
        }
    }

    let mut taken = vec![false; new.len()];
    for j in partner.iter().flatten() {
        taken[*j] = true;
    }
    // The same thing at another place of the item.
    pair(&mut partner, &mut taken, |i| key(measured, old[i]), |j| key(current, new[j]));

    // What lies between the same two neighbours is the same thing, edited.
    let class = |outline: &Outline, i: usize| -> (SiteKind, String) {
        let site = &outline.sites()[i];
        let is_named = matches!(site.kind, SiteKind::MacroCall | SiteKind::AttrFn);
        let name = if is_named { outline.text()[site.token].to_owned() } else { String::new() };
        (site.kind, name)
    };
    let mut anchors = Anchors { last: None, partner: partner.clone() };
    let gap_old: Vec<Option<usize>> = (0..old.len()).map(|i| anchors.gap(i)).collect();
    let mut gap_new = vec![None; new.len()];
    let mut is_anchor = vec![false; new.len()];
    for j in gap_old.iter().flatten() {
        is_anchor[*j] = true;
    }
    let mut last = None;
    for j in 0..new.len() {
        if is_anchor[j] {
            last = Some(j);
        }
        gap_new[j] = last;
    }
    pair(
        &mut partner,
        &mut taken,
        |i| (gap_old[i], class(measured, old[i])),
        |j| (gap_new[j], class(current, new[j])),
    );
    // Whatever else is of the same kind.
    pair(&mut partner, &mut taken, |i| class(measured, old[i]), |j| class(current, new[j]));

    partner.iter().enumerate().filter_map(|(i, it)| Some((old[i], new[(*it)?]))).collect()
}

/// Walks over the old sites and tells after which paired one each stands. Pairs that cross are
/// no anchors.
struct Anchors {
    last: Option<usize>,
    partner: Vec<Option<usize>>,
}

impl Anchors {
    fn gap(&mut self, i: usize) -> Option<usize> {
        if let Some(j) = self.partner[i]
            && self.last.is_none_or(|last| last < j)
        {
            self.last = Some(j);
        }
        self.last
    }
}

/// Pairs what has no partner yet and has the same key, in order.
fn pair<K: std::hash::Hash + Eq>(
    partner: &mut [Option<usize>],
    taken: &mut [bool],
    old: impl Fn(usize) -> K,
    new: impl Fn(usize) -> K,
) {
    if partner.iter().all(Option::is_some) || taken.iter().all(|it| *it) {
        return;
    }
    let mut free: FxHashMap<K, VecDeque<usize>> = FxHashMap::default();
    for j in (0..taken.len()).filter(|&j| !taken[j]) {
        free.entry(new(j)).or_default().push_back(j);
    }
    for (i, it) in partner.iter_mut().enumerate().filter(|(_, it)| it.is_none()) {
        if let Some(j) = free.get_mut(&old(i)).and_then(VecDeque::pop_front) {
            *it = Some(j);
            taken[j] = true;
        }
    }
}

/// The pairs of a longest common subsequence of two sequences of the given lengths.
fn longest_common(
    rows: usize,
    columns: usize,
    is_same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    let width = columns + 1;
    // `length[i][j]`: of the sequences from `i` and `j` on.
    let mut length = vec![0u32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            length[i * width + j] = if is_same(i, j) {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < rows && j < columns {
        if is_same(i, j) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length[(i + 1) * width + j] >= length[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(before: &str, after: &str, expected: Expect) {
        let (old, new) = (Outline::new(before.into()), Outline::new(after.into()));
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut out = String::new();
        for (i, it) in relocate(&old, &new).into_iter().enumerate() {
            let from = words(&before[old.sites()[i].range]);
            match it {
                None => writeln!(out, "{from} -> gone").unwrap(),
                Some(Match { site, changed }) => {
                    let (to, state) =
                        (words(&after[new.sites()[site].range]), if changed { "changed" } else { "same" });
                    writeln!(out, "{from} -> {to} ({state})").unwrap();
                }
            }
        }
        expected.assert_eq(&out);
    }

    #[test]
    fn comments_and_lines() {
        check(
            "async fn f() { g() }",
            "// New.\n\nasync fn f() {\n    g() // why\n}",
            expect![[r#"
            async fn f() { g() } -> async fn f() { g() // why } (same)
        "#]],
        );
    }

    #[test]
    fn a_fn_that_moved() {
        check(
            "async fn f() { 1 } async fn g() { 2 }",
            "async fn g() { 2 } async fn f() { 1 }",
            expect![[r#"
                async fn f() { 1 } -> async fn f() { 1 } (same)
                async fn g() { 2 } -> async fn g() { 2 } (same)
            "#]],
        );
    }

    #[test]
    fn an_edited_fn_with_an_unchanged_block() {
        check(
            "async fn f() { async { 1 }; 2 }",
            "async fn f() { async { 1 }; 3 }",
            expect![[r#"
            async fn f() { async { 1 }; 2 } -> async fn f() { async { 1 }; 3 } (changed)
            async { 1 } -> async { 1 } (same)
        "#]],
        );
    }

    #[test]
    fn an_edited_block() {
        check(
            "fn f() { async { 1 } }",
            "fn f() { async { 2 } }",
            expect![[r#"
            async { 1 } -> async { 2 } (changed)
        "#]],
        );
    }

    #[test]
    fn a_block_before_another() {
        check(
            "fn f() { async { 1 } }",
            "fn f() { async { 0 }; async { 1 } }",
            expect![[r#"
            async { 1 } -> async { 1 } (same)
        "#]],
        );
    }

    #[test]
    fn a_block_between_equal_ones() {
        check(
            "fn f() { async { 1 }; async { 2 }; async { 1 } }",
            "fn f() { async { 1 }; async { 0 }; async { 2 }; async { 1 } }",
            expect![[r#"
                async { 1 } -> async { 1 } (same)
                async { 2 } -> async { 2 } (same)
                async { 1 } -> async { 1 } (same)
            "#]],
        );
    }

    #[test]
    fn an_edited_block_stays_between_its_neighbours() {
        check(
            "fn f() { async { 1 }; async { 2 }; async { 3 } }",
            "fn f() { async { 0 }; async { 1 }; async { 22 }; async { 3 } }",
            expect![[r#"
                async { 1 } -> async { 1 } (same)
                async { 2 } -> async { 22 } (changed)
                async { 3 } -> async { 3 } (same)
            "#]],
        );
    }

    #[test]
    fn a_deleted_block() {
        check(
            "fn f() { async { 1 }; async { 2 } }",
            "fn f() { async { 2 } }",
            expect![[r#"
            async { 1 } -> gone
            async { 2 } -> async { 2 } (same)
        "#]],
        );
    }

    #[test]
    fn swapped_blocks() {
        check(
            "fn f() { async { 1 }; async { 2 } }",
            "fn f() { async { 2 }; async { 1 } }",
            expect![[r#"
            async { 1 } -> async { 1 } (same)
            async { 2 } -> async { 2 } (same)
        "#]],
        );
    }

    #[test]
    fn a_renamed_fn() {
        check(
            "impl A { async fn f() { async { 1 } } async fn h() { 2 } }",
            "impl A { async fn g() { async { 1 } } async fn h() { 2 } }",
            expect![[r#"
                async fn f() { async { 1 } } -> async fn g() { async { 1 } } (changed)
                async { 1 } -> async { 1 } (same)
                async fn h() { 2 } -> async fn h() { 2 } (same)
            "#]],
        );
    }

    #[test]
    fn a_renamed_plain_fn() {
        check(
            "fn f() { async { 1 } }",
            "fn g() { async { 1 } }",
            expect![[r#"
            async { 1 } -> async { 1 } (same)
        "#]],
        );
    }

    #[test]
    fn an_impl_with_another_header() {
        check(
            "impl A { async fn f() { async { 1 } } }",
            "impl<T> A<T> { async fn f() { async { 1 } } }",
            expect![[r#"
                async fn f() { async { 1 } } -> async fn f() { async { 1 } } (changed)
                async { 1 } -> async { 1 } (changed)
            "#]],
        );
    }

    #[test]
    fn renamed_and_edited_is_gone() {
        check(
            "async fn f() { 1 }",
            "async fn g() { 2 }",
            expect![[r#"
            async fn f() { 1 } -> gone
        "#]],
        );
    }

    #[test]
    fn a_new_attribute_changes_a_fn() {
        check(
            "async fn f() { 1 }",
            "#[instrument] async fn f() { 1 }",
            expect![[r#"
            async fn f() { 1 } -> async fn f() { 1 } (changed)
        "#]],
        );
        check(
            "async fn f() { 1 }",
            "#[inline] pub async fn f() { 1 }",
            expect![[r#"
            async fn f() { 1 } -> async fn f() { 1 } (same)
        "#]],
        );
    }

    #[test]
    fn macro_calls_match_by_name() {
        check(
            "fn f() { a!(1); b!(1); }",
            "fn f() { b!(2); }",
            expect![[r#"
            a!(1) -> gone
            b!(1) -> b!(2) (changed)
        "#]],
        );
    }

    #[test]
    fn many_sites_take_little_time() {
        let many = |from: usize| -> Outline {
            let blocks: String =
                (from..from + 10_000).map(|i| format!("async {{ {} }};\n", i % 3000)).collect();
            Outline::new(format!("fn f() {{ {blocks} }}").into())
        };
        let (old, new) = (many(0), many(7));
        let start = std::time::Instant::now();
        assert!(relocate(&old, &new).iter().all(Option::is_some));
        // Quadratic would be minutes.
        assert!(start.elapsed().as_secs() < 5);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_two_texts(
            before in super::super::outline::tests::rusty(),
            cut in 0usize..200,
            new in super::super::outline::tests::rusty(),
        ) {
            let at = (0..=cut.min(before.len())).rev().find(|&it| before.is_char_boundary(it)).unwrap_or(0);
            let after = format!("{}{new}{}", &before[..at], &before[at..]);
            let (old, new) = (Outline::new(before.into()), Outline::new(after.into()));
            let matches = relocate(&old, &new);
            prop_assert_eq!(matches.len(), old.sites().len());
            let mut targets: Vec<usize> = matches.iter().flatten().map(|it| it.site).collect();
            let count = targets.len();
            targets.sort_unstable();
            targets.dedup();
            prop_assert_eq!(targets.len(), count, "two sites became one");
            for (site, it) in old.sites().iter().zip(&matches) {
                if let Some(it) = it {
                    let now = &new.sites()[it.site];
                    prop_assert_eq!(site.kind, now.kind);
                    prop_assert!(it.changed || site.hash == now.hash);
                }
            }
            for (i, it) in relocate(&old, &old).into_iter().enumerate() {
                prop_assert_eq!(it, Some(Match { site: i, changed: false }));
            }
        }
    }
}
