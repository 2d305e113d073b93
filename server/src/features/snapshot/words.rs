//! The words of texts of which nothing else is kept.

use std::collections::BTreeSet;

/// The words of these texts, but for comments on lines of their own and what is only imported by its own name, as hashes in
/// order.
pub(super) fn all<'a>(texts: impl Iterator<Item = &'a str>) -> Box<[u64]> {
    let mut found: BTreeSet<u64> = BTreeSet::new();
    for text in texts {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        // Only those that begin a line: what else is one may be in a macro.
        let is_import = |line: &str| line.starts_with("use ") || line.starts_with("pub use ");
        let mut import = String::new();
        for line in lines {
            if import.is_empty() && !is_import(line) {
                found.extend(words(line).map(hash));
                continue;
            }
            import = import + line + "\n";
            if line.contains(';') {
                let is_plain = import.trim_end().ends_with(';') && import.matches(';').count() == 1;
                if !is_plain || import.contains(" as ") || import.contains(['"', '!', '=', '/']) {
                    found.extend(words(&import).map(hash));
                }
                import.clear();
            }
        }
        found.extend(words(&import).map(hash));
    }
    found.into_iter().collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !(char == '_' || char.is_alphanumeric())).filter(|word| !word.is_empty())
}

/// Of one word.
pub(super) fn hash(word: &str) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    std::hash::Hash::hash(word, &mut hasher);
    std::hash::Hasher::finish(&hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_only_imported_do_not_count() {
        let has = |text: &str| all([text].into_iter()).binary_search(&hash("f")).is_ok();
        for text in [
            "use a::f;",
            "pub use a::{\n    f,\n    g,\n};",
            "    // f",
            "use a::f;\nuse a::g;",
            "fn fg() {}",
        ] {
            assert!(!has(text), "{text}");
        }
        for text in [
            "use a::f as g;",
            "use a::g; f()",
            "m! {\n    use a::f;\n}",
            "use a::f",
            "use a::g\nf()",
            "r#f()",
        ] {
            assert!(has(text), "{text}");
        }
    }
}
