//! A page that needs nothing but itself: style, script and data are in it, and it may load nothing else.

use serde::Serialize;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

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
