//! Reader of the `.d` file in which rustc lists the files it read.

use std::path::PathBuf;

/// The files of the first rule: `target: a.rs b\ c.rs`.
pub fn sources(text: &str) -> Vec<PathBuf> {
    let Some(rule) = text.lines().find_map(|line| line.split_once(": ").map(|(_, files)| files)) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    let mut current = String::new();
    let mut chars = rule.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&' ') => current.extend(chars.next()),
            ' ' => files.push(PathBuf::from(std::mem::take(&mut current))),
            _ => current.push(c),
        }
    }
    files.push(PathBuf::from(current));
    files.retain(|file| !file.as_os_str().is_empty());
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_first_rule_with_escaped_spaces() {
        let text = "/t/deps/a-1.d: src/lib.rs src/my\\ file.rs C:\\x\\y.rs\n\nsrc/lib.rs:\nsrc/other.rs:\n";
        let files: Vec<_> = sources(text).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(files, ["src/lib.rs", "src/my file.rs", "C:\\x\\y.rs"]);
        assert!(sources("").is_empty());
        let text = "C:\\t\\deps\\a-1.d: src\\lib.rs C:\\my\\ folder\\y.rs\r\n\r\nsrc\\lib.rs:\r\n";
        let files: Vec<_> = sources(text).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(files, ["src\\lib.rs", "C:\\my folder\\y.rs"]);
    }
}
