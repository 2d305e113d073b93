//! Carries a place inside a site from the measured text into today's.

use super::outline::Outline;
use super::relocate::Match;
use ra_ap_parser::{Edition, LexedStr};
use ra_ap_syntax::{TextRange, TextSize};

/// Where `range` of the measured text is now, given that the measured `site` is now at `now`.
///
/// White space and comments may have changed freely. In a site whose text changed, what stands before the
/// first and behind the last change is still found; what lies between is not.
pub fn carry(
    measured: &Outline,
    site: usize,
    current: &Outline,
    now: Match,
    range: TextRange,
) -> Option<TextRange> {
    let from = measured.sites().get(site)?.range;
    let to = current.sites().get(now.site)?.range;
    if !from.contains_range(range) {
        return None;
    }
    let (old, new) = (&measured.text()[from], &current.text()[to]);
    if old == new {
        return Some(range - from.start() + to.start());
    }
    let (old, new) = (tokens(old), tokens(new));
    let same = |(a, b): &(&(TextRange, &str), &(TextRange, &str))| a.1 == b.1;
    let before = old.iter().zip(&new).take_while(same).count();
    let shortest = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(shortest).take_while(same).count();
    let place = |index: usize| {
        if index < before {
            new.get(index)
        } else if index + after >= old.len() {
            new.get((index + new.len()).checked_sub(old.len())?)
        } else {
            None
        }
    };
    let inside = range - from.start();
    let first = old.iter().position(|(token, _)| token.end() > inside.start())?;
    let last = old.iter().rposition(|(token, _)| token.start() < inside.end()).unwrap_or(first).max(first);
    // What begins or ends within a token keeps its distance from the token's start. What is between tokens may be
    // gone.
    let within = |index: usize, at: TextSize| {
        let token = old[index].0;
        Some(place(index)?.0.start() + (at.clamp(token.start(), token.end()) - token.start()))
    };
    let (start, end) = (within(first, inside.start())?, within(last, inside.end())?);
    (start <= end).then(|| TextRange::new(start, end) + to.start())
}

fn tokens(text: &str) -> Vec<(TextRange, &str)> {
    let lexed = LexedStr::new(Edition::CURRENT, text);
    let token = |i| {
        let range = lexed.text_range(i);
        let offset = |at: usize| TextSize::try_from(at).ok();
        Some((TextRange::new(offset(range.start)?, offset(range.end)?), &text[range]))
    };
    (0..lexed.len()).filter(|&i| !lexed.kind(i).is_trivia()).filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::super::relocate;
    use super::*;
    use proptest::prelude::*;

    /// Where the text between `«` and `»` of `before` is in `after`.
    fn carried(before: &str, after: &str) -> Option<String> {
        let start = before.find('«').unwrap();
        let plain = before.replacen('«', "", 1);
        let end = plain.find('»').unwrap();
        let measured = Outline::new(plain.replacen('»', "", 1).into());
        let current = Outline::new(after.into());
        let now = relocate(&measured, &current)[0]?;
        let range = TextRange::new((start as u32).into(), (end as u32).into());
        carry(&measured, 0, &current, now, range).map(|range| {
            let line = current.line_col(range.start()).line;
            format!("{}:{}", line, &after[range])
        })
    }

    #[test]
    fn a_moved_fn_takes_its_places_along() {
        assert_eq!(
            carried("async fn f() { «g().await»; }", "\n\nasync fn f() { g().await; }").as_deref(),
            Some("3:g().await")
        );
    }

    #[test]
    fn comments_and_line_breaks_do_not_matter() {
        let after = "async fn f() {\n // why\n g()\n  .await;\n}";
        assert_eq!(carried("async fn f() { g().«await»; }", after).as_deref(), Some("4:await"));
    }

    #[test]
    fn places_around_a_change_are_kept() {
        let before = "async fn f() { «a().await»; let x = 1; c().await; }";
        let after = "async fn f() { a().await; let y = 2; b(); c().await; }";
        assert_eq!(carried(before, after).as_deref(), Some("1:a().await"));
        let before = "async fn f() { a().await; let x = 1; «c().await»; }";
        assert_eq!(carried(before, after).as_deref(), Some("1:c().await"));
        let before = "async fn f() { a().await; let «x» = 1; c().await; }";
        assert_eq!(carried(before, after), None);
    }

    #[test]
    fn white_space_at_an_end_is_not_carried() {
        let after = "async fn f() { g().await }";
        assert_eq!(carried("async fn f() { g()«.await   » }", after).as_deref(), Some("1:.await"));
    }

    proptest! {
        #[test]
        fn never_panics(a in "(async fn f\\(\\) \\{[a-z é(){};.\"'/*\\n]{0,20}\\}){0,2}", b in "(async fn f\\(\\) \\{[a-z é(){};.\"'/*\\n]{0,20}\\}){0,2}", start in 0u32..60, len in 0u32..20) {
            let (measured, current) = (Outline::new(a.as_str().into()), Outline::new(b.as_str().into()));
            let range = TextRange::at(start.into(), len.into());
            for (site, now) in relocate(&measured, &current).into_iter().enumerate() {
                if let Some(now) = now {
                    carry(&measured, site, &current, now, range);
                }
            }
        }
    }
}
