//! Sites within macro arguments and macro definitions, where there is no syntax tree.
//!
//! What a macro does with its tokens is its own business; but where the user wrote `async move {`
//! in them, that is what he wrote, and the compiler's span leads there.

use ra_ap_syntax::{TextRange, TextSize};

use super::collect::{Collected, CollectedSite, Context, Definition, FnItem, SiteKind, join};
use super::tokens::Tokens;
use super::{attributes, generics};

/// A header, or a body without braces, of more tokens than this is none: looking for its end again and again would
/// take long.
const LONGEST: usize = 1 << 12;

/// Finds the sites in the tokens from `first` to (not including) `end`.
pub(super) fn scan(
    tokens: &Tokens<'_>,
    first: usize,
    end: usize,
    context: Context,
    collected: &mut Collected,
) {
    let mut stack = vec![(end, context)];
    let mut at = first;
    while at < end {
        while stack.len() > 1 && stack.last().is_some_and(|&(until, _)| at >= until) {
            stack.pop();
        }
        let Some((_, context)) = stack.last().cloned() else { return };
        let mut enter = |until: usize, context: Context| stack.push((until, context));
        match tokens.word(at) {
            "async" | "gen" => at = async_thing(tokens, at, end, &context, collected, &mut enter),
            "coroutine" if at > first + 1 && (tokens.word(at - 2), tokens.word(at - 1)) == ("#", "[") => {
                let mut start = at + 2;
                while start < end && tokens.word(start) == "#" {
                    start = tokens.group(start + 1, "[").map_or(end, |close| close + 1);
                }
                let mut bars = start;
                while bars < end && matches!(tokens.word(bars), "static" | "move") {
                    bars += 1;
                }
                let header = at;
                at += 1;
                if bars < end && tokens.word(at) == "]" {
                    let inside = context.deeper(1);
                    let token = tokens.cover(header - 2, at);
                    let site =
                        CollectedSite { kind: SiteKind::Coroutine, ..CollectedSite::at(token, &inside) };
                    if let Some((site, last)) = closure(tokens, (start, bars), end, site) {
                        collected.add(site);
                        enter(last + 1, inside);
                        at = bars + 1;
                    }
                }
            }
            "fn" => {
                at = match signature(tokens, at, end, &context) {
                    Some(fun) => {
                        let inside = context.within("fn", fun.name);
                        collected.fns.push(fun.item(tokens, &inside));
                        collected.generics.extend(generics::in_tokens(
                            tokens,
                            at + 2,
                            fun.open,
                            (at, fun.last),
                        ));
                        let keyword = first_keyword(tokens, at);
                        let parts = (keyword, fun.open, fun.last);
                        attributes_on(tokens, parts, fun.name_range, &inside, collected);
                        enter(fun.last + 1, inside);
                        fun.open
                    }
                    None => at + 1,
                }
            }
            "mod" | "trait" if tokens.is_name(at + 1) => {
                if let Some((open, close)) = header_end(tokens, at + 2, end) {
                    let mut inside = context.within(tokens.word(at), tokens.word(at + 1));
                    inside.async_trait = owner_is_async_trait(tokens, at);
                    collected.generics.extend(generics::in_tokens(tokens, at + 2, open, (at, close)));
                    attributes_on(tokens, (first_keyword(tokens, at), open, close), None, &inside, collected);
                    enter(close, inside);
                    at = open;
                }
                at += 1;
            }
            "impl" if starts_item(tokens, at, first) => {
                if let Some((open, close)) = header_end(tokens, at + 1, end) {
                    collected.generics.extend(generics::in_tokens(tokens, at + 1, open, (at, close)));
                    let header: Vec<&str> = (at + 1..open).map(|i| tokens.word(i)).collect();
                    let mut inside = context.within("impl", &join(&header));
                    inside.async_trait = owner_is_async_trait(tokens, at);
                    attributes_on(tokens, (first_keyword(tokens, at), open, close), None, &inside, collected);
                    enter(close, inside);
                    at = open;
                }
                at += 1;
            }
            "macro_rules" if tokens.word(at + 1) == "!" && tokens.is_name(at + 2) => {
                if let Some(close) = tokens.group(at + 3, "([{") {
                    let definition = collected.define(Definition {
                        name: tokens.word(at + 2).to_owned(),
                        range: tokens.cover(at, close),
                    });
                    enter(close, Context { definition: Some(definition), ..context });
                }
                at += 3;
            }
            "!" if at > first && tokens.is_name(at - 1) => {
                if let Some(close) = tokens.group(at + 1, "([{") {
                    let path = path_start(tokens, at - 1, first);
                    collected.add(CollectedSite::macro_call(
                        tokens.cover(path, at),
                        tokens.cover(at + 1, close),
                        &context,
                    ));
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// What starts with `async` or `gen` at `at`; gives where to go on.
fn async_thing(
    tokens: &Tokens<'_>,
    at: usize,
    end: usize,
    context: &Context,
    collected: &mut Collected,
    enter: &mut impl FnMut(usize, Context),
) -> usize {
    let is_async = tokens.word(at) == "async";
    let mut next = at + 1;
    let is_gen = !is_async || (tokens.word(next) == "gen" && next < end);
    if is_async && is_gen {
        next += 1;
    }
    while next < end && matches!(tokens.word(next), "move" | "static" | "unsafe" | "extern") {
        next += 1;
        if tokens.word(next).starts_with('"') {
            next += 1;
        }
    }
    if next >= end {
        return at + 1;
    }
    let kind = |plain, generator| if is_gen { generator } else { plain };
    let token = tokens.range(at);
    match tokens.word(next) {
        "fn" => {
            let Some(fun) = signature(tokens, next, end, context) else { return next + 1 };
            let keyword = first_keyword(tokens, at);
            let inside = Context { depth: 1, ..context.within("fn", fun.name) };
            collected.generics.extend(generics::in_tokens(tokens, next + 2, fun.open, (keyword, fun.last)));
            collected.fns.push(fun.item(tokens, &inside));
            collected.add(CollectedSite {
                kind: kind(SiteKind::AsyncFn, SiteKind::GenFn),
                token,
                hint: fun.hint(tokens),
                name: fun.name_range,
                range: tokens.cover(keyword, fun.last),
                body: tokens.cover(fun.open, fun.last),
                path: inside.path.clone(),
                depth: 1,
                definition: context.definition,
                attributes: attributes::before(tokens, keyword),
                async_trait: context.async_trait,
            });
            enter(fun.last + 1, inside);
            fun.open
        }
        "{" => {
            let Some(close) = tokens.group(next, "{").filter(|&it| it < end) else { return next };
            let inside = context.deeper(1);
            collected.add(CollectedSite {
                kind: kind(SiteKind::AsyncBlock, SiteKind::GenBlock),
                token,
                hint: tokens.range(next - 1).end(),
                range: tokens.cover(at, close),
                body: tokens.cover(next, close),
                ..CollectedSite::at(token, &inside)
            });
            enter(close, inside);
            next + 1
        }
        // `async move $block` of a definition
        "$" if context.definition.is_some() && next + 1 < end => {
            let inside = context.deeper(1);
            collected.add(CollectedSite {
                kind: kind(SiteKind::AsyncBlock, SiteKind::GenBlock),
                token,
                hint: tokens.range(next - 1).end(),
                range: tokens.cover(at, next + 1),
                body: tokens.cover(next, next + 1),
                ..CollectedSite::at(token, &inside)
            });
            next + 1
        }
        "|" | "||" => {
            let inside = context.deeper(2);
            let site = CollectedSite {
                kind: kind(SiteKind::AsyncClosure, SiteKind::GenClosure),
                ..CollectedSite::at(token, &inside)
            };
            if let Some((site, last)) = closure(tokens, (at, next), end, site) {
                collected.add(site);
                enter(last + 1, inside);
            }
            next + 1
        }
        _ => at + 1,
    }
}

/// A closure whose first token is `start` and whose `|` or `||` is `bars`: fills in the site, and gives its last token.
fn closure(
    tokens: &Tokens<'_>,
    (start, bars): (usize, usize),
    end: usize,
    site: CollectedSite,
) -> Option<(CollectedSite, usize)> {
    let mut params = bars;
    if tokens.word(params) == "|" {
        params += 1;
        let far = end.min(params + LONGEST);
        while params < far && tokens.word(params) != "|" && !tokens.is_closing(params) {
            params = tokens.group(params, "([{").unwrap_or(params) + 1;
        }
    } else if tokens.word(params) != "||" {
        return None;
    }
    let mut body = params + 1;
    if tokens.word(body).starts_with('-') {
        body = header_end(tokens, body, end).map_or(body, |(open, _)| open);
    }
    if body >= end || tokens.is_closing(body) {
        return None;
    }
    let last = match tokens.group(body, "{") {
        Some(close) if close < end => close,
        _ => {
            let mut at = body;
            let far = end.min(body + LONGEST);
            while at < far && !tokens.is_closing(at) && !matches!(tokens.word(at), "," | ";") {
                at = tokens.group(at, "([{").unwrap_or(at) + 1;
            }
            at.min(end).max(body + 1) - 1
        }
    };
    let site = CollectedSite {
        hint: tokens.range(body - 1).end(),
        range: tokens.cover(start, last),
        body: tokens.cover(body, last),
        ..site
    };
    Some((site, last))
}

/// A fn in tokens.
struct Fun<'a> {
    name: &'a str,
    /// `None` for a `$name`.
    name_range: Option<TextRange>,
    /// The body's first and last token.
    open: usize,
    last: usize,
}

impl Fun<'_> {
    fn hint(&self, tokens: &Tokens<'_>) -> TextSize {
        tokens.range(self.open.saturating_sub(1)).end()
    }

    fn item(&self, tokens: &Tokens<'_>, inside: &Context) -> FnItem {
        FnItem {
            name: self.name.to_owned(),
            path: inside.path.clone(),
            range: tokens.cover(self.open, self.last),
            body: tokens.cover(self.open, self.last),
            body_hash: 0,
            definition: inside.definition,
        }
    }
}

/// The fn whose `fn` is at `at`, if it has a name and a body.
fn signature<'a>(tokens: &Tokens<'a>, at: usize, end: usize, context: &Context) -> Option<Fun<'a>> {
    let mut next = at + 1;
    let is_variable = tokens.word(next) == "$";
    if is_variable {
        next += 1;
    }
    let is_name = tokens.is_name(next) || is_variable;
    if next >= end || !is_name {
        return None;
    }
    let name = tokens.word(next);
    let name_range = (!is_variable).then(|| tokens.range(next));
    next += 1;
    let far = end.min(next + LONGEST);
    while next < far && !tokens.is_closing(next) && tokens.word(next) != ";" {
        match tokens.group(next, "([{") {
            // `-> Array<{ N }>`
            Some(close) if tokens.word(next) == "{" && tokens.word(next - 1) == "<" => next = close,
            Some(close) if tokens.word(next) == "{" && close < end => {
                return Some(Fun { name, name_range, open: next, last: close });
            }
            Some(close) => next = close,
            None if context.definition.is_some() && is_body_variable(tokens, next) => {
                return Some(Fun { name, name_range, open: next, last: next + 1 });
            }
            None => (),
        }
        next += 1;
    }
    None
}

/// Whether a `$name` in a fn's header stands for its body: `fn f() -> $ty $body`.
fn is_body_variable(tokens: &Tokens<'_>, at: usize) -> bool {
    let before = match tokens.word(at - 1) {
        ">" if tokens.word(at - 2) == "-" => "->",
        word => word,
    };
    tokens.word(at) == "$"
        && tokens.word(at + 1) != "("
        && !matches!(
            before,
            "->" | ":" | "::" | "<" | "," | "&" | "=" | "+" | "mut" | "dyn" | "impl" | "where" | "for"
        )
        && !matches!(tokens.word(at + 2), "{" | ":" | "::" | "<" | "where")
}

/// The attributes that may be macros on an item that is no `async fn`, with its first keyword, `{` and `}`. In a
/// definition they are no attributes yet.
fn attributes_on(
    tokens: &Tokens<'_>,
    (keyword, open, close): (usize, usize, usize),
    name: Option<TextRange>,
    inside: &Context,
    collected: &mut Collected,
) {
    if inside.definition.is_some() {
        return;
    }
    for attribute in attributes::before(tokens, keyword) {
        collected.add(CollectedSite {
            kind: SiteKind::AttrFn,
            hint: if name.is_some() {
                tokens.range(open.saturating_sub(1)).end()
            } else {
                attribute.range.end()
            },
            name,
            range: tokens.cover(keyword, close),
            body: tokens.cover(open, close),
            ..CollectedSite::at(attribute.range, inside)
        });
    }
}

/// The first keyword of the item whose `async`, `fn` or `impl` is at `at`.
fn first_keyword(tokens: &Tokens<'_>, at: usize) -> usize {
    let mut first = at;
    while let Some(before) = first.checked_sub(1) {
        match tokens.word(before) {
            "const" | "default" | "unsafe" | "extern" | "safe" => first = before,
            word if word.starts_with('"') && before > 0 && tokens.word(before - 1) == "extern" => {
                first = before
            }
            _ => break,
        }
    }
    first
}

/// The braces that end an item's header.
fn header_end(tokens: &Tokens<'_>, mut at: usize, end: usize) -> Option<(usize, usize)> {
    let far = end.min(at + LONGEST);
    while at < far && !tokens.is_closing(at) && tokens.word(at) != ";" {
        match tokens.group(at, "([{") {
            Some(close) if tokens.word(at) == "{" => return (close < end).then_some((at, close)),
            Some(close) => at = close + 1,
            None => at += 1,
        }
    }
    None
}

/// Whether an `impl` is an item and not a type.
fn starts_item(tokens: &Tokens<'_>, at: usize, first: usize) -> bool {
    at == first || matches!(tokens.word(at - 1), "{" | "}" | ";" | "]" | "unsafe" | "default" | "(")
}

fn owner_is_async_trait(tokens: &Tokens<'_>, at: usize) -> bool {
    let first = if at > 0 && tokens.word(at - 1) == "unsafe" { at - 1 } else { at };
    attributes::before(tokens, first).iter().any(attributes::Attribute::is_async_trait)
}

/// The first token of the path whose last name is at `at`.
fn path_start(tokens: &Tokens<'_>, at: usize, first: usize) -> usize {
    let mut start = at;
    loop {
        let mut colons = start;
        while colons > first && tokens.word(colons - 1).starts_with(':') {
            colons -= 1;
        }
        if colons == start {
            return start;
        }
        let before = colons.checked_sub(1).filter(|&it| it >= first);
        match before {
            Some(it) if tokens.is_name(it) || matches!(tokens.word(it), "crate" | "self" | "super") => {
                start = it;
            }
            // `$crate::m!`
            _ => return start,
        }
    }
}
