//! Makes all edits of one future that can be made together and that change nothing the program does, as one edit.
//!
//! ```text
//! first().await;                      Box::pin(first()).await;
//! let page = [0; 4096];               let page = vec![0; 4096];
//! send(&page).await;                  send(&page[..]).await;
//! ```
//!
//! Each of them was compiled alone and saves something. Together they are compiled once more: only that tells whether
//! they fit each other, and what they save. Editors offer it; `futurelens fix` lists the edits one by one.

use super::{ActionKind, Candidate};
use crate::source::Edit;

/// Of some edits of one future, with the way each compiles and the size it leaves in bytes, those that fit together. `None` if
/// that is not more than one.
pub fn all_safe(edits: &[(&Candidate, usize, u64)]) -> Option<Candidate> {
    let mut sorted: Vec<&(&Candidate, usize, u64)> = edits.iter().collect();
    sorted.sort_by_key(|(candidate, _, after)| (*after, candidate.id.clone()));
    let mut chosen: Vec<&Candidate> = Vec::new();
    let mut way: Vec<Edit> = Vec::new();
    for (candidate, index, _) in sorted {
        let own = candidate.ways.get(*index)?;
        let touches = |edit: &Edit| way.iter().any(|known| known.range.intersect(edit.range).is_some());
        // Of a future that is not there any more, no other edit could be measured. What edits other fns, too, is more than
        // one future's.
        if candidate.becomes.is_none() && candidate.elsewhere.is_empty() && !own.iter().any(touches) {
            way.extend(own.iter().cloned());
            chosen.push(candidate);
        }
    }
    let (first, true) = (*chosen.first()?, chosen.len() > 1) else { return None };
    let fits = |other: &&Candidate| {
        other.file == first.file && other.site == first.site && other.future == first.future
    };
    if !chosen.iter().all(fits) {
        return None;
    }
    Some(Candidate {
        kind: ActionKind::AllSafe,
        id: format!("{}/{}", ActionKind::AllSafe.name(), first.future).into(),
        label: format!(
            "Make all {} edits that change nothing but the size of `{}`",
            chosen.len(),
            first.name
        ),
        anchors: chosen.iter().flat_map(|one| one.anchors.iter().copied()).collect(),
        ways: vec![way],
        predicted: None,
        drops_earlier: Vec::new(),
        ..first.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::super::Elsewhere;
    use super::super::examples::{Example, examples, in_fn};
    use super::*;
    use crate::source::{Outline, TextRange, edited};

    const TEXT: &str = "async fn f() { a().await; let b = [0; 9]; c(&b).await; }";

    fn candidate(kind: ActionKind, edits: &[(&str, &str)]) -> Candidate {
        candidate_in(TEXT, kind, edits)
    }

    fn candidate_in(text: &str, kind: ActionKind, edits: &[(&str, &str)]) -> Candidate {
        let edit = |(old, new): &(&str, &str)| {
            let at = text.find(old).expect("it is there") as u32;
            Edit::replace(TextRange::at(at.into(), (old.len() as u32).into()), *new)
        };
        Candidate {
            kind,
            id: format!("{}/f", kind.name()).into(),
            label: String::new(),
            future: "f".into(),
            name: "f".into(),
            origin: "demo-1".into(),
            file: "/lib.rs".into(),
            text: Outline::new(text.into()),
            site: 0,
            anchors: Vec::new(),
            ways: vec![edits.iter().map(edit).collect()],
            elsewhere: Vec::new(),
            before: Some(100),
            predicted: None,
            drops_earlier: Vec::new(),
            does_otherwise: None,
            becomes: None,
            plain: None,
        }
    }

    #[test]
    fn the_example() {
        for Example { before, after } in examples(include_str!("all_safe.rs")) {
            let text = in_fn(&before);
            let first = candidate_in(&text, ActionKind::BoxAwaitee, &[("first()", "Box::pin(first())")]);
            let page = [("[0; 4096]", "vec![0; 4096]"), ("(&page)", "(&page[..])")];
            let page = candidate_in(&text, ActionKind::BoxLocal, &page);
            let all = all_safe(&[(&first, 0, 60), (&page, 0, 40)]).expect("they fit");
            assert_eq!(edited(&text, &all.ways[0]), Some(in_fn(&after)));
        }
    }

    #[test]
    fn those_that_save_most_and_fit_together() {
        let a = candidate(ActionKind::BoxAwaitee, &[("a()", "Box::pin(a())")]);
        let b = candidate(ActionKind::BoxLocal, &[("[0; 9]", "vec![0; 9]"), ("(&b)", "(&b[..])")]);
        let c = candidate(ActionKind::BoxAwaitee, &[("c(&b)", "Box::pin(c(&b))")]);
        let all = all_safe(&[(&c, 0, 90), (&a, 0, 60), (&b, 0, 40)]).expect("two fit");
        let new = edited(TEXT, &all.ways[0]).expect("they fit");
        assert_eq!(new, "async fn f() { Box::pin(a()).await; let b = vec![0; 9]; c(&b[..]).await; }");
        assert!(all.label.starts_with("Make all 2 edits"), "{}", all.label);
        assert!(all_safe(&[(&b, 0, 40), (&c, 0, 90)]).is_none());
        assert!(all_safe(&[(&b, 0, 40)]).is_none());
        assert!(all_safe(&[]).is_none());
        assert!(all_safe(&[(&a, 1, 60), (&b, 0, 40)]).is_none(), "there is no such way");
        let gone = Candidate { becomes: Some("c".into()), ..a.clone() };
        assert!(all_safe(&[(&gone, 0, 60), (&b, 0, 40)]).is_none());
        let (file, text) = (a.file.clone(), a.text.clone());
        let other = Elsewhere { file, text, edits: a.ways[0].clone(), bodies: Vec::new() };
        let several = Candidate { elsewhere: vec![other], ..a };
        assert!(all_safe(&[(&several, 0, 60), (&b, 0, 40)]).is_none());
    }
}
