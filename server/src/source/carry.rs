//! Carries a place inside a site from the measured text into the current one.

use ra_ap_parser::{Edition, LexedStr};
use ra_ap_syntax::{TextRange, TextSize};

/// Two texts of one site, lined up: what stands before the first and behind the last change is in both.
///
/// White space and comments may differ freely.
#[derive(Debug)]
pub(super) enum Alignment {
    /// The texts are the same, byte for byte.
    Same,
    /// They are not.
    Edited(Edited),
}

/// All ranges are within the site.
#[derive(Debug)]
pub(super) struct Edited {
    old: Vec<TextRange>,
    new: Vec<TextRange>,
    /// How many tokens are the same at the start.
    before: usize,
    /// And at the end.
    after: usize,
}

impl Alignment {
    /// Of the measured text of a site and the current one.
    pub(super) fn new(measured: &str, current: &str) -> Alignment {
        if measured == current {
            return Alignment::Same;
        }
        let (old, new) = (tokens(measured), tokens(current));
        let same = |(a, b): &(&TextRange, &TextRange)| measured[**a] == current[**b];
        let before = old.iter().zip(&new).take_while(same).count();
        let shortest = old.len().min(new.len()) - before;
        let after = old.iter().rev().zip(new.iter().rev()).take(shortest).take_while(same).count();
        Alignment::Edited(Edited { old, new, before, after })
    }

    /// Where a range of the measured text is in the current one; none if it was edited.
    pub(super) fn carry(&self, range: TextRange) -> Option<TextRange> {
        match self {
            Alignment::Same => Some(range),
            Alignment::Edited(edited) => edited.carry(range),
        }
    }
}

impl Edited {
    fn carry(&self, range: TextRange) -> Option<TextRange> {
        let first = self.old.iter().position(|token| token.end() > range.start())?;
        let last = self.old.iter().rposition(|token| token.start() < range.end()).unwrap_or(first).max(first);
        // What begins or ends within a token keeps its distance from the token's start. What is between tokens may be
        // gone.
        let within = |index: usize, at: TextSize| {
            let token = self.old[index];
            Some(self.current(index)?.start() + (at.clamp(token.start(), token.end()) - token.start()))
        };
        let (start, end) = (within(first, range.start())?, within(last, range.end())?);
        (start <= end).then(|| TextRange::new(start, end))
    }

    /// Where a token of the measured text is.
    fn current(&self, index: usize) -> Option<TextRange> {
        let index = match index {
            _ if index < self.before => index,
            _ if index + self.after >= self.old.len() => {
                (index + self.new.len()).checked_sub(self.old.len())?
            }
            _ => return None,
        };
        self.new.get(index).copied()
    }
}

fn tokens(text: &str) -> Vec<TextRange> {
    let lexed = LexedStr::new(Edition::CURRENT, text);
    let token = |i| {
        let range = lexed.text_range(i);
        let offset = |at: usize| TextSize::try_from(at).ok();
        Some(TextRange::new(offset(range.start)?, offset(range.end)?))
    };
    (0..lexed.len()).filter(|&i| !lexed.kind(i).is_trivia()).filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Outline, Relocation};
    use super::*;
    use proptest::prelude::*;

    /// Where the text between `«` and `»` of `before` is in `after`.
    fn carried(before: &str, after: &str) -> Option<String> {
        let start = before.find('«').unwrap();
        let plain = before.replacen('«', "", 1);
        let end = plain.find('»').unwrap();
        let measured = Outline::new(plain.replacen('»', "", 1).into());
        let current = Outline::new(after.into());
        let range = TextRange::new((start as u32).into(), (end as u32).into());
        Relocation::new(&measured, &current).range(0, range).map(|range| {
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
            let relocation = Relocation::new(&measured, &current);
            for site in 0..measured.sites().len() {
                relocation.range(site, range);
                relocation.unchanged_range(site, range);
            }
        }
    }
}
