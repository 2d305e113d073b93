//! A page that needs nothing but itself: style, script and data are in it, and it may load nothing else.

use serde::Serialize;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// SHA-256 of what stands in the script element: the only script that the page may run, whatever else were in it. A
/// test says what it is after a change.
const HASH: &str = "wJRSmLrW3KXLXMAHcTpTf6/NruNkfgMOdEXtccTrb3U=";

/// The page. `data` is what `page.js` reads.
///
/// # Errors
///
/// If the data cannot be written as JSON.
pub fn page(title: &str, data: &impl Serialize) -> Result<String, serde_json::Error> {
    // Inside of a script element only `<` could end it or begin a comment.
    let data = serde_json::to_string(data)?.replace('<', "\\u003c");
    let mut out = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + data.len());
    let mut rest = PAGE;
    // One pass: what is put in is not looked at again.
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        out.push_str(before);
        match name {
            "title" => out.push_str(&escaped(title)),
            "style" => out.push_str(STYLE.trim_end()),
            "script" => out.push_str(SCRIPT.trim_end()),
            "hash" => out.push_str(HASH),
            _ => out.push_str(&data),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// As text between tags or in a quoted attribute, of XML too: it knows no control characters.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_is_markup() {
        let name = "</script><script>alert(1)</script><!-- {{script}}";
        let page = page("<b>&\"", &[name]).expect("it is JSON");
        assert!(!page.contains(name) && !page.contains("<b>"), "{page}");
        assert!(page.contains(r#"["\u003c/script>\u003cscript>alert(1)"#));
        assert_eq!(page.matches("<script").count(), 2);
        assert!(page.contains("&lt;b&gt;&amp;&quot;"));
    }

    /// Without a crate for it this takes a program.
    #[cfg(target_os = "linux")]
    #[test]
    fn it_runs_its_own_script_and_no_other() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};

        let page = page("", &()).expect("it is JSON");
        let (_, script) = page.split_once("<script>").expect("there is one");
        let (script, _) = script.split_once("</script>").expect("it ends");
        let mut program = Command::new("sha256sum");
        let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("coreutils");
        child.stdin.take().expect("piped").write_all(script.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let digits = String::from_utf8(output.stdout).expect("digits");
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
        let mut bytes: Vec<u8> = (0..64).step_by(2).map(byte).collect();
        bytes.push(0);
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut base64 = String::new();
        for three in bytes.chunks(3) {
            let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
            base64.extend([18, 12, 6, 0].map(|at| char::from(LETTERS[(bits >> at & 63) as usize])));
        }
        base64.replace_range(43.., "=");
        assert_eq!(HASH, base64);
        assert!(page.contains(&format!("script-src 'sha256-{HASH}'")));
    }

    #[test]
    fn it_may_load_nothing() {
        assert!(PAGE.contains("default-src 'none'"));
        for text in [PAGE, STYLE, SCRIPT] {
            for word in ["src=", "url(", "@import", "fetch(", "XMLHttpRequest", "innerHTML"] {
                assert!(!text.contains(word), "{word}");
            }
        }
    }
}
