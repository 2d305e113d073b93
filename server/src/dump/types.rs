//! Types in the text of other things: verbose names, and lines that have some in them.

/// Does a type's name name a body: a future's, or a closure's?
pub fn has_body(ty: &str) -> bool {
    // `'{erased}`
    let mut braces = memchr::memchr_iter(b'{', ty.as_bytes());
    braces.any(|at| at == 0 || ty.as_bytes()[at - 1] != b'\'')
}

/// Is it a future in a box, or the task of one? That large ones are boxed is told to people, too.
pub fn is_boxed_future(ty: &str) -> bool {
    let boxed = ty.strip_prefix("tokio::runtime::task::core::Cell<").unwrap_or(ty);
    boxed.starts_with("std::pin::Pin<std::boxed::Box<{")
}

/// Does a text name a type?
pub fn is_named(text: &str, ty: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), ty.as_bytes()).is_some()
}

/// Hands out a type, and what may be types in it.
pub fn every_type<'a>(ty: &'a str, is_type: &mut impl FnMut(&'a str)) {
    types(ty, is_type);
    mentions(ty, is_type);
}

/// Hands out what may be types in a line: what is between brackets and commas, at every depth.
pub fn mentions<'a>(line: &'a str, is_type: &mut impl FnMut(&'a str)) {
    // Where the bracket is, and where what is in it begins.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'<' | b'(' | b'[' | b'{' => open.push((at, at + 1)),
            b',' | b';' => {
                if let Some((_, start)) = open.last_mut() {
                    types(&line[*start..at], is_type);
                    *start = at + 1;
                }
            }
            b'>' if at > 0 && matches!(bytes[at - 1], b'-' | b'=') => {}
            b'>' | b')' | b']' | b'}' => {
                let Some((bracket, start)) = open.pop() else { continue };
                types(&line[start..at], is_type);
                if matches!(byte, b'}' | b')' | b']') {
                    is_type(&line[bracket..=at]);
                }
            }
            _ => {}
        }
    }
}

/// A type, the one it refers to, and the one in `TYPE as TRAIT`.
fn types<'a>(text: &'a str, is_type: &mut impl FnMut(&'a str)) {
    let text = text.trim();
    is_type(text);
    let mut inner = text;
    while let Some(referred) = referred(inner) {
        is_type(referred);
        inner = referred;
    }
    if let Some((ty, _)) = text.rsplit_once(" as ") {
        is_type(ty);
    }
}

fn referred(ty: &str) -> Option<&str> {
    let ty = ty.strip_prefix('&')?;
    // `'{erased} `
    let ty = match ty.strip_prefix('\'') {
        Some(lifetime) => lifetime.split_once(' ')?.1,
        None => ty,
    };
    Some(ty.strip_prefix("mut ").unwrap_or(ty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_at_every_depth() {
        let mut found = Vec::new();
        let line = "fn <a::B<(u8, c::D)> as e::F<fn() -> u16>>::g::<&'{erased} mut {static h<i::J>}> @@";
        mentions(line, &mut |ty| found.push(ty));
        for ty in ["a::B<(u8, c::D)>", "(u8, c::D)", "c::D", "u8", "{static h<i::J>}", "i::J"] {
            assert!(found.contains(&ty), "{ty} in {found:?}");
        }
    }
}
