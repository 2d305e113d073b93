//! Verbose type names, written for people.

use super::{
    Closings, CoroutineKind, CoroutineName, CoroutineSource, DEPTH_LIMIT, Resumption, char_len, closing,
    find_outside, function_of, is_word,
};
use std::fmt::Write as _;

/// Turns a verbose type name into the one people read.
///
/// `coroutine` says how to write a coroutine of this crate, given its verbose path; for others (`None`)
/// the path decides: a body straight inside a fn reads as that fn's, a deeper one as a block.
pub fn readable(name: &str, coroutine: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(name.len());
    Writer { coroutine, binders: Vec::new(), depth: 0 }.write(name, &mut out);
    out
}

struct Writer<'a> {
    coroutine: &'a dyn Fn(&str) -> Option<String>,
    /// Names of the lifetimes bound by each enclosing `for<…>`.
    binders: Vec<Vec<String>>,
    depth: usize,
}

impl Writer<'_> {
    fn write(&mut self, text: &str, out: &mut String) {
        if self.depth >= DEPTH_LIMIT {
            out.push_str(text);
            return;
        }
        self.depth += 1;
        let binders = self.binders.len();
        let mut closings = Closings::of(text);
        let mut at = 0;
        while at < text.len() {
            at += self.step(&mut closings, at, out);
        }
        self.binders.truncate(binders);
        self.depth -= 1;
    }

    /// Writes what stands at `at`; returns how many bytes that was.
    fn step(&mut self, closings: &mut Closings<'_>, at: usize, out: &mut String) -> usize {
        let text = &closings.text[at..];
        match text.as_bytes()[0] {
            b'&' => {
                out.push('&');
                1 + text[1..].strip_prefix("'{erased} ").map_or(0, |_| "'{erased} ".len())
            }
            b'\'' => {
                if let Some(rest) = text.strip_prefix("'{erased}") {
                    out.push_str("'_");
                    return text.len() - rest.len();
                }
                if let Some(len) = self.bound_lifetime(text, out) {
                    return len;
                }
                out.push('\'');
                1
            }
            b'(' => {
                let Some(end) = closings.closing(at) else {
                    out.push('(');
                    return 1;
                };
                let inner = &text[1..end];
                match inner.strip_suffix(" + '{erased}") {
                    // The compiler brackets a trait object only to print its lifetime.
                    Some(object) if object.starts_with("dyn ") => self.write(object, out),
                    _ => {
                        out.push('(');
                        self.write(inner, out);
                        out.push(')');
                    }
                }
                end + 1
            }
            b'{' => {
                let Some(end) = closings.closing(at) else {
                    out.push('{');
                    return 1;
                };
                self.braces(&text[..=end], out);
                end + 1
            }
            b'V' if text.starts_with("ValTree(") => {
                let Some(end) = closings.closing(at + "ValTree".len()) else {
                    out.push('V');
                    return 1;
                };
                let inner = &text["ValTree(".len().."ValTree".len() + end];
                match constant(inner) {
                    Some(value) => out.push_str(&value),
                    None => out.push_str(inner),
                }
                "ValTree".len() + end + 1
            }
            b'f' if text.starts_with("for<Region(") && !ends_in_word(out) => {
                let Some(end) = closings.closing(at + "for".len()) else {
                    out.push('f');
                    return 1;
                };
                let names = self.binder(&text[4..3 + end]);
                let _ = write!(out, "for<{}>", names.join(", "));
                self.binders.push(names);
                3 + end + 1
            }
            b'F' if text.starts_with("Fn") && (out.ends_with("::ops::") || !ends_in_word(out)) => {
                self.fn_trait(closings, at, out).unwrap_or_else(|| {
                    out.push('F');
                    1
                })
            }
            // The second thing of a name, as a test is, since there is a constant for it: `name#1`.
            b'#' if ends_in_item(out) && text[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                1 + text[1..].bytes().take_while(u8::is_ascii_digit).count()
            }
            // A constant parameter has its number behind it.
            b'/' if text.starts_with("/#") && ends_in_word(out) => {
                "/#".len() + text["/#".len()..].bytes().take_while(u8::is_ascii_digit).count()
            }
            _ => {
                let len = char_len(text, 0);
                out.push_str(&text[..len]);
                len
            }
        }
    }

    /// `Fn<(A, B), Output = R>` is written `Fn(A, B) -> R`.
    fn fn_trait(&mut self, closings: &mut Closings<'_>, at: usize, out: &mut String) -> Option<usize> {
        let text = &closings.text[at..];
        let name = ["FnMut", "FnOnce", "Fn"]
            .into_iter()
            .find(|n| text.strip_prefix(n).is_some_and(|rest| rest.starts_with("<(")))?;
        let end = name.len() + closings.closing(at + name.len())?;
        let inner = &text[name.len() + 1..end];
        let args_end = closing(inner)?;
        let output = inner[args_end + 1..].strip_prefix(", Output = ")?;
        out.push_str(name);
        out.push('(');
        let args = &inner[1..args_end];
        self.write(args.strip_suffix(',').unwrap_or(args), out);
        out.push(')');
        if output != "()" {
            out.push_str(" -> ");
            self.write(output, out);
        }
        Some(end + 1)
    }

    /// `{…}`: a coroutine, a closure, or the name of a function.
    fn braces(&mut self, text: &str, out: &mut String) {
        if let Some(name) = CoroutineName::parse(text) {
            match (self.coroutine)(name.path) {
                Some(known) => out.push_str(&known),
                None => self.foreign(&name, out),
            }
            return;
        }
        let inner = &text[1..text.len() - 1];
        let Some(path_end) = find_outside(inner, " closure_kind_ty=") else {
            out.push('{');
            self.write(inner, out);
            out.push('}');
            return;
        };
        let is_async = inner.contains(" coroutine_captures_by_ref_ty=");
        out.push_str(if is_async { "{async closure@" } else { "{closure@" });
        self.write(&inner[..path_end], out);
        out.push('}');
    }

    fn foreign(&mut self, name: &CoroutineName<'_>, out: &mut String) {
        match function_of(name.path).filter(|_| name.resumption == Resumption::Async) {
            Some(function) => {
                out.push_str("{async fn body of ");
                self.write(function, out);
                out.push_str("()}");
            }
            None => {
                let kind = CoroutineKind { resumption: name.resumption, source: CoroutineSource::Block };
                let _ = write!(out, "{{{}@", kind.words());
                self.write(name.path, out);
                out.push('}');
            }
        }
    }

    /// `'^0`, `'^0.Named(…)`: the lifetime a `for<…>` around it binds.
    fn bound_lifetime(&self, text: &str, out: &mut String) -> Option<usize> {
        let rest = text.strip_prefix("'^")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let index: usize = rest[..digits].parse().ok()?;
        let mut len = 2 + digits;
        if let Some(named) = rest[digits..].strip_prefix(".Named") {
            len += ".Named".len() + closing(named)? + 1;
        }
        match self.binders.last().and_then(|names| names.get(index)) {
            Some(name) => out.push_str(name),
            None => out.push_str("'_"),
        }
        Some(len)
    }

    /// `Region(BrAnon), Region(BrNamed(DefId(… ::'a)))`: names, made up where there is none.
    fn binder(&self, list: &str) -> Vec<String> {
        let taken = self.binders.iter().map(Vec::len).sum::<usize>();
        let mut names = Vec::new();
        let mut rest = list;
        while let Some(start) = rest.find("Region(") {
            let open = start + "Region".len();
            let Some(end) = closing(&rest[open..]) else { break };
            let region = &rest[open + 1..open + end];
            let named = region.rsplit("::").next().map(|name| name.trim_end_matches(')'));
            names.push(match named {
                Some(name) if name.starts_with('\'') && name != "'_" => name.to_owned(),
                _ => made_up_lifetime(taken + names.len()),
            });
            rest = &rest[open + end + 1..];
        }
        names
    }
}

fn ends_in_word(out: &str) -> bool {
    out.bytes().last().is_some_and(is_word)
}

/// Does it end in the name of an item, and not in `{closure`?
fn ends_in_item(out: &str) -> bool {
    let path = out.trim_end_matches(|c: char| c == '_' || c.is_alphanumeric());
    path.len() < out.len() && !path.ends_with('{')
}

fn made_up_lifetime(index: usize) -> String {
    match u8::try_from(index) {
        Ok(n) if n < 26 => format!("'{}", (b'a' + n) as char),
        _ => format!("'z{index}"),
    }
}

/// `Leaf(0x00000021): usize` → `33`.
fn constant(leaf: &str) -> Option<String> {
    let (hex, ty) = leaf.strip_prefix("Leaf(0x")?.split_once("): ")?;
    let value = u128::from_str_radix(hex, 16).ok()?;
    Some(match ty {
        "bool" => (value != 0).to_string(),
        "char" => format!("{:?}", char::from_u32(value as u32)?),
        _ if ty.starts_with('i') => {
            let bits = 4 * hex.len() as u32;
            if bits == 0 || bits > 128 {
                return None;
            }
            // Sign-extend from the constant's own width.
            let shift = 128 - bits;
            (((value << shift) as i128) >> shift).to_string()
        }
        _ => value.to_string(),
    })
}
