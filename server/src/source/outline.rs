//! The places in a text where a future can be.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use ra_ap_syntax::ast::{self, AstNode, HasName};
use ra_ap_syntax::{NodeOrToken, SyntaxKind, SyntaxNode, TextRange, TextSize, WalkEvent};

use super::attributes::{self, Attribute};
use super::collect::{Collected, CollectedSite, Context, Definition, FnItem, SiteKind, join};
use super::generics::{self, Generics};
use super::matches::Matches;
use super::position::PositionMap;
use super::tokens::{Token, Tokens};
use super::tree::with_tree;
use super::trees;
use crate::dump::{LineCol, Span};

/// A place where a future can be. All ranges are byte ranges of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What stands there.
    pub kind: SiteKind,
    /// What the user wrote that makes the future: the keyword `async` (or `gen`), a macro's path
    /// with its `!`, an attribute from `#` to `]`.
    pub token: TextRange,
    /// Where an inlay hint goes: after a fn's signature, after `async move`, after a closure's
    /// header, after a macro's `!`.
    pub hint: TextSize,
    /// The name of a fn; `None` for other things and for a `$name` in a macro definition.
    pub name: Option<TextRange>,
    /// The whole thing: a fn from its first keyword on (no attributes, docs or visibility), a
    /// block with `async move`, a macro call without the `;`, the item an attribute stands on.
    pub range: TextRange,
    /// `{ .. }` of a fn or block, a closure's body, a macro call's arguments with their brackets.
    pub body: TextRange,
    /// Enclosing items and the fn itself: `mod a::impl Foo<T> for Bar::fn apply`. Things within
    /// one fn share its path.
    pub path: Arc<str>,
    /// Hash of the tokens of `range`, and of a fn's attributes that may be macros. White space and
    /// comments do not count. The same in every process.
    pub hash: u64,
}

/// What [`place`](super::place()) needs to know about a site beyond what users of it need.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    /// How many `{closure#N}` end the definition path of what is made here, as far as the text
    /// tells.
    pub(super) depth: u32,
    /// Within which macro definition it stands.
    pub(super) definition: Option<u32>,
    /// An attribute makes it a plain fn that runs an async block.
    pub(super) is_block: bool,
    /// It is in an impl or a trait that is `#[async_trait]`.
    pub(super) in_async_trait: bool,
    /// The attributes on it that may be macros.
    pub(super) attributes: Vec<TextRange>,
    /// `range` with the parentheses around it: the compiler's span of `(async {..})` has them.
    pub(super) parenthesized: TextRange,
    /// The last token, or group in brackets, of such a fn's body.
    pub(super) last: Option<TextRange>,
}

/// A text and the places in it where a future can be. A clone shares everything.
#[derive(Clone, Debug)]
pub struct Outline {
    map: PositionMap,
    /// Looked for when someone asks: of a hundred keystrokes, nobody may look at the text of ninety.
    found: Arc<OnceLock<Contents>>,
    /// Where the sites of measured texts are in this one.
    relocations: Arc<Mutex<Vec<Relocated>>>,
}

/// A measured text, and where its sites are; none if the texts are the same.
type Relocated = (Weak<OnceLock<Contents>>, Option<Arc<Matches>>);

/// Of one file more texts are measured only if it is part of many packages.
const RELOCATIONS: usize = 8;

#[derive(Debug, Default)]
struct Contents {
    sites: Vec<Site>,
    extras: Vec<Extra>,
    fns: Vec<FnItem>,
    definitions: Vec<Definition>,
    /// `use` and `extern crate` items.
    uses: Vec<TextRange>,
    /// Closures that are not async.
    closures: Vec<TextRange>,
    /// What the items declare that have generic parameters.
    generics: Vec<Generics>,
}

impl Outline {
    /// Finds the sites of a text, which may be broken in any way.
    pub fn new(text: Arc<str>) -> Outline {
        Outline { map: PositionMap::new(text), found: Arc::default(), relocations: Arc::default() }
    }

    /// What `make` tells of another text and this one; it is asked once. None if they are the same.
    pub(super) fn relocation_from(
        &self,
        measured: &Outline,
        make: impl FnOnce() -> Option<Matches>,
    ) -> Option<Arc<Matches>> {
        if Arc::ptr_eq(&self.found, &measured.found) {
            return None;
        }
        let mut known = self.relocations.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(text, _)| text.strong_count() > 0);
        let is_it = |(text, _): &&Relocated| std::ptr::eq(text.as_ptr(), Arc::as_ptr(&measured.found));
        if let Some((_, matches)) = known.iter().find(is_it) {
            return matches.clone();
        }
        let matches = make().map(Arc::new);
        if known.len() == RELOCATIONS {
            known.remove(0);
        }
        known.push((Arc::downgrade(&measured.found), matches.clone()));
        matches
    }

    fn found(&self) -> &Contents {
        self.found.get_or_init(|| find(self.map.text()))
    }

    /// The path by which a macro is called at a site, without `!`.
    pub(super) fn macro_path(&self, call: &Site) -> &str {
        self.text()[call.token].trim_end_matches('!').trim_end()
    }

    /// The last segment of that.
    pub fn macro_name(&self, call: &Site) -> &str {
        last_segment(self.macro_path(call))
    }

    /// The text.
    pub fn text(&self) -> &Arc<str> {
        self.map.text()
    }

    /// The text with its lines.
    pub fn positions(&self) -> &PositionMap {
        &self.map
    }

    /// The sites, in the order of their `token`s. An index into them is what other modules keep.
    pub fn sites(&self) -> &[Site] {
        &self.found().sites
    }

    /// The byte offset of a position the compiler printed; `None` if the text has no such position.
    pub fn offset(&self, at: LineCol) -> Option<TextSize> {
        self.map.offset(at)
    }

    /// The compiler's position of a byte offset, which is clamped to the text.
    pub fn line_col(&self, at: TextSize) -> LineCol {
        self.map.line_col(at)
    }

    /// The byte range of a span in this text, whatever file it names.
    pub fn range(&self, span: &Span) -> Option<TextRange> {
        self.map.range(span)
    }

    /// The innermost site of the given kinds whose range holds the offset.
    pub fn innermost(&self, at: TextSize, wanted: impl Fn(&Site) -> bool) -> Option<usize> {
        self.sites()
            .iter()
            .enumerate()
            .filter(|(_, site)| site.range.contains(at) && wanted(site))
            .min_by_key(|(_, site)| site.range.len())
            .map(|(i, _)| i)
    }

    /// A range of this text as the compiler prints it, who calls it by this path.
    pub fn span(&self, file: &Arc<str>, range: TextRange) -> Span {
        let (start, end) = (self.line_col(range.start()), self.line_col(range.end()));
        Span { file: file.clone(), start, end }
    }

    /// The names of the generic types and constants that the items around a place declare.
    pub fn generics_around(&self, at: TextSize) -> impl Iterator<Item = &str> {
        let around = self.found().generics.iter().filter(move |generics| generics.item.contains(at));
        around.flat_map(|generics| &generics.names).map(|name| &self.text()[*name])
    }

    /// Does a range lie in a site, or in an attribute on it?
    pub fn is_at(&self, site: usize, range: TextRange) -> bool {
        let Some(Site { range: whole, token, .. }) = self.sites().get(site) else { return false };
        let attributes = self.extra(site).attributes.iter();
        [whole, token].into_iter().chain(attributes).any(|part| part.contains_range(range))
    }

    /// Is a site in an impl or a trait that is `#[async_trait]`?
    pub fn is_in_async_trait(&self, site: usize) -> bool {
        self.found().extras.get(site).is_some_and(|extra| extra.in_async_trait)
    }

    pub(super) fn extra(&self, site: usize) -> &Extra {
        &self.found().extras[site]
    }

    pub(super) fn fns(&self) -> &[FnItem] {
        &self.found().fns
    }

    pub(super) fn definitions(&self) -> &[Definition] {
        &self.found().definitions
    }

    pub(super) fn uses(&self) -> &[TextRange] {
        &self.found().uses
    }

    pub(super) fn closures(&self) -> &[TextRange] {
        &self.found().closures
    }
}

/// `c` of `a::b::c`.
pub(super) fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

fn find(text: &str) -> Contents {
    // The parser wants no byte order mark.
    let shift = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    with_tree(&text[shift..], |tree| Walk { shift: TextSize::new(shift as u32), text }.run(tree.syntax()))
        .unwrap_or_default()
}

/// What is around the nodes within one.
enum Within {
    Same,
    Other(Context),
    /// Nothing to look at.
    Nothing,
}

struct Walk<'a> {
    shift: TextSize,
    text: &'a str,
}

impl Walk<'_> {
    /// What is in the tree.
    fn run(&self, root: &SyntaxNode) -> Contents {
        let tokens = root.descendants_with_tokens().filter_map(NodeOrToken::into_token);
        let list = tokens.filter(|token| !token.kind().is_trivia());
        let list =
            list.map(|token| Token { kind: token.kind(), range: token.text_range() + self.shift }).collect();
        let tokens = Tokens::new(self.text, list);
        let mut collected = Collected::default();
        let outside = Context { path: "".into(), depth: 0, definition: None, async_trait: false };
        // What is around the nodes entered, with the level at which it was.
        let mut stack = vec![(0, outside)];
        let mut level = 0;
        let mut preorder = root.preorder();
        while let Some(event) = preorder.next() {
            match event {
                WalkEvent::Enter(node) => {
                    level += 1;
                    let Some((_, context)) = stack.last() else { break };
                    match self.enter(&node, context, &tokens, &mut collected) {
                        Within::Same => (),
                        Within::Nothing => preorder.skip_subtree(),
                        Within::Other(inside) => stack.push((level, inside)),
                    }
                }
                WalkEvent::Leave(_) => {
                    stack.pop_if(|(entered, _)| *entered == level);
                    level -= 1;
                }
            }
        }
        finish(collected, &tokens)
    }

    /// Notes what is at the node, and tells what is within it.
    fn enter(
        &self,
        node: &SyntaxNode,
        context: &Context,
        tokens: &Tokens<'_>,
        collected: &mut Collected,
    ) -> Within {
        self.look(node, context, tokens, collected).unwrap_or(Within::Same)
    }

    /// `None` for what the text leaves incomplete.
    fn look(
        &self,
        node: &SyntaxNode,
        context: &Context,
        tokens: &Tokens<'_>,
        collected: &mut Collected,
    ) -> Option<Within> {
        if matches!(node.kind(), SyntaxKind::FN | SyntaxKind::IMPL | SyntaxKind::TRAIT) {
            collected.generics.extend(generics::of(node, self.shift));
        }
        let within = match node.kind() {
            // Nothing that is a future stands in these.
            SyntaxKind::ATTR
            | SyntaxKind::GENERIC_PARAM_LIST
            | SyntaxKind::LITERAL
            | SyntaxKind::NAME
            | SyntaxKind::NAME_REF
            | SyntaxKind::PARAM_LIST
            | SyntaxKind::PATH
            | SyntaxKind::RET_TYPE
            | SyntaxKind::VISIBILITY
            | SyntaxKind::WHERE_CLAUSE => Within::Nothing,
            SyntaxKind::USE | SyntaxKind::EXTERN_CRATE => {
                collected.uses.push(self.range(node));
                Within::Nothing
            }
            SyntaxKind::FN => {
                Within::Other(self.function(&ast::Fn::cast(node.clone())?, context, tokens, collected))
            }
            SyntaxKind::MODULE | SyntaxKind::TRAIT | SyntaxKind::CONST | SyntaxKind::STATIC => {
                let (keyword, name) = match node.kind() {
                    SyntaxKind::MODULE => ("mod", ast::Module::cast(node.clone())?.name()),
                    SyntaxKind::TRAIT => ("trait", ast::Trait::cast(node.clone())?.name()),
                    SyntaxKind::CONST => ("const", ast::Const::cast(node.clone())?.name()),
                    _ => ("static", ast::Static::cast(node.clone())?.name()),
                };
                let name = name.map(|it| it.text().to_string());
                let inside = context.within(keyword, name.as_deref().unwrap_or("_"));
                Within::Other(self.item(node, inside, tokens, collected))
            }
            SyntaxKind::IMPL => {
                let item = ast::Impl::cast(node.clone())?;
                let mut header = String::new();
                if let Some(it) = item.trait_() {
                    header = format!("{} for ", self.words(it.syntax(), tokens));
                }
                if let Some(it) = item.self_ty() {
                    header += &self.words(it.syntax(), tokens);
                }
                Within::Other(self.item(node, context.within("impl", &header), tokens, collected))
            }
            SyntaxKind::STRUCT | SyntaxKind::ENUM | SyntaxKind::UNION => {
                self.item(node, context.clone(), tokens, collected);
                Within::Same
            }
            SyntaxKind::BLOCK_EXPR => {
                let block = ast::BlockExpr::cast(node.clone())?;
                let keyword = block.async_token().or_else(|| block.gen_token());
                let (Some(keyword), Some(list)) = (keyword, block.stmt_list()) else {
                    return None;
                };
                let inside = context.deeper(1);
                let (token, body) = (keyword.text_range() + self.shift, self.range(list.syntax()));
                let is_gen = block.gen_token().is_some();
                collected.add(CollectedSite {
                    kind: if is_gen { SiteKind::GenBlock } else { SiteKind::AsyncBlock },
                    hint: tokens.end_before(body.start()),
                    range: token.cover(body),
                    body,
                    ..CollectedSite::at(token, &inside)
                });
                Within::Other(inside)
            }
            SyntaxKind::CLOSURE_EXPR => {
                let closure = ast::ClosureExpr::cast(node.clone())?;
                let keyword = closure.async_token().or_else(|| closure.gen_token());
                if let (None, Some(attribute), Some(body)) =
                    (&keyword, coroutine_attribute(&closure), closure.body())
                {
                    let inside = context.deeper(1);
                    let body = self.range(body.syntax());
                    let first = [closure.static_token(), closure.const_token(), closure.move_token()];
                    let first = first.into_iter().flatten().map(|it| it.text_range());
                    let bars = closure.param_list().map(|it| it.syntax().text_range());
                    let start = first.chain(bars).map(TextRange::start).min()? + self.shift;
                    collected.add(CollectedSite {
                        kind: SiteKind::Coroutine,
                        hint: tokens.end_before(body.start()),
                        range: TextRange::new(start, body.end()),
                        body,
                        ..CollectedSite::at(self.range(attribute.syntax()), &inside)
                    });
                    return Some(Within::Other(inside));
                }
                let (Some(keyword), Some(body)) = (keyword, closure.body()) else {
                    collected.closures.push(self.range(node));
                    return Some(Within::Other(context.deeper(1)));
                };
                let inside = context.deeper(2);
                let token = keyword.text_range() + self.shift;
                let body = self.range(body.syntax());
                let is_gen = closure.gen_token().is_some();
                collected.add(CollectedSite {
                    kind: if is_gen { SiteKind::GenClosure } else { SiteKind::AsyncClosure },
                    hint: tokens.end_before(body.start()),
                    range: token.cover(body),
                    body,
                    ..CollectedSite::at(token, &inside)
                });
                Within::Other(inside)
            }
            SyntaxKind::MACRO_CALL => {
                let call = ast::MacroCall::cast(node.clone())?;
                let tree = call.token_tree()?;
                let (arguments, excl) = (self.range(tree.syntax()), call.excl_token()?);
                if let Some(path) = call.path() {
                    let path = self.range(path.syntax()).cover(excl.text_range() + self.shift);
                    collected.add(CollectedSite::macro_call(path, arguments, context));
                }
                let (first, end) = (tokens.index(arguments.start()), tokens.index(arguments.end()));
                trees::scan(tokens, first, end, context.clone(), collected);
                Within::Nothing
            }
            SyntaxKind::MACRO_RULES | SyntaxKind::MACRO_DEF => {
                let name = match node.kind() {
                    SyntaxKind::MACRO_RULES => ast::MacroRules::cast(node.clone())?.name(),
                    _ => ast::MacroDef::cast(node.clone())?.name(),
                };
                let range = self.range(node);
                let name = name.map_or_else(String::new, |it| it.text().to_string());
                let definition = Some(collected.define(Definition { name, range }));
                for tree in node.children().filter(|it| it.kind() == SyntaxKind::TOKEN_TREE) {
                    let range = self.range(&tree);
                    let (first, end) = (tokens.index(range.start()), tokens.index(range.end()));
                    trees::scan(tokens, first, end, Context { definition, ..context.clone() }, collected);
                }
                Within::Nothing
            }
            _ => Within::Same,
        };
        Some(within)
    }

    fn function(
        &self,
        item: &ast::Fn,
        context: &Context,
        tokens: &Tokens<'_>,
        collected: &mut Collected,
    ) -> Context {
        let name = item.name();
        let text = name.as_ref().map(|it| it.text().to_string()).unwrap_or_default();
        let mut inside = context.within("fn", &text);
        let Some(body) = item.body() else { return inside };
        let body = self.range(body.syntax());
        let keyword = [item.default_token(), item.const_token(), item.async_token(), item.gen_token()]
            .into_iter()
            .chain([item.safe_token(), item.unsafe_token(), item.fn_token()])
            .flatten()
            .map(|it| it.text_range())
            .chain(item.abi().map(|it| it.syntax().text_range()))
            .min_by_key(|it| it.start());
        let start = keyword.map_or(body.start(), |it| it.start() + self.shift);
        let range = TextRange::new(start, body.end());
        let attributes = attributes::before(tokens, tokens.index(start));
        collected.fns.push(FnItem {
            name: text,
            path: inside.path.clone(),
            range,
            body,
            body_hash: 0,
            definition: None,
        });
        let name = name.map(|it| self.range(it.syntax()));
        let hint = tokens.end_before(body.start());
        let Some(keyword) = item.async_token().or_else(|| item.gen_token()) else {
            for attribute in &attributes {
                collected.add(CollectedSite {
                    kind: SiteKind::AttrFn,
                    hint,
                    name,
                    range,
                    body,
                    ..CollectedSite::at(attribute.range, &inside)
                });
            }
            return inside;
        };
        inside.depth = 1;
        collected.add(CollectedSite {
            kind: if item.gen_token().is_some() { SiteKind::GenFn } else { SiteKind::AsyncFn },
            token: keyword.text_range() + self.shift,
            hint,
            name,
            range,
            body,
            path: inside.path.clone(),
            depth: 1,
            definition: None,
            attributes,
            async_trait: context.async_trait,
        });
        inside
    }

    /// An item that is not a fn: the attributes on it are sites.
    fn item(
        &self,
        node: &SyntaxNode,
        mut inside: Context,
        tokens: &Tokens<'_>,
        collected: &mut Collected,
    ) -> Context {
        // Attributes, docs and visibility come first.
        let first = node.children_with_tokens().find(|it| {
            !it.kind().is_trivia() && !matches!(it.kind(), SyntaxKind::ATTR | SyntaxKind::VISIBILITY)
        });
        let Some(first) = first else { return inside };
        let start = first.text_range().start() + self.shift;
        let range = TextRange::new(start, self.range(node).end());
        let body = node.last_child().map(|it| self.range(&it));
        let body = body.filter(|it| range.contains_range(*it)).unwrap_or(range);
        for attribute in attributes::before(tokens, tokens.index(start)) {
            inside.async_trait |= attribute.is_async_trait();
            collected.add(CollectedSite {
                kind: SiteKind::AttrFn,
                range,
                body,
                ..CollectedSite::at(attribute.range, &inside)
            });
        }
        inside
    }

    fn range(&self, node: &SyntaxNode) -> TextRange {
        node.text_range() + self.shift
    }

    /// The node's text without comments, white space normalised.
    fn words(&self, node: &SyntaxNode, tokens: &Tokens<'_>) -> String {
        let range = self.range(node);
        let words: Vec<&str> =
            (tokens.index(range.start())..tokens.index(range.end())).map(|i| tokens.word(i)).collect();
        join(&words)
    }
}

/// Hashes and sorts.
fn finish(collected: Collected, tokens: &Tokens<'_>) -> Contents {
    let Collected { mut sites, mut fns, definitions, uses, closures, generics } = collected;
    sites.sort_by_key(|site| (site.token.start(), site.range.start()));
    let mut found = Contents { definitions, uses, closures, generics, ..Contents::default() };
    for site in sites {
        let own = &site.attributes;
        let hash = own.iter().fold(tokens.hash(site.range), |hash, attribute| {
            hash.rotate_left(1) ^ tokens.hash(attribute.range)
        });
        let makes_block = own.iter().any(Attribute::makes_block);
        found.extras.push(Extra {
            depth: site.depth,
            definition: site.definition,
            is_block: site.async_trait || makes_block,
            in_async_trait: site.async_trait,
            last: makes_block.then(|| tokens.last_within(site.body)).flatten(),
            attributes: own.iter().map(|it| it.range).collect(),
            parenthesized: tokens.with_parentheses(site.range),
        });
        found.sites.push(Site {
            kind: site.kind,
            token: site.token,
            hint: site.hint,
            name: site.name,
            range: site.range,
            body: site.body,
            path: site.path,
            hash,
        });
    }
    for item in &mut fns {
        item.body_hash = tokens.hash(item.body);
    }
    found.fns = fns;
    // They are kept for as long as the text is.
    found.sites.shrink_to_fit();
    found.extras.shrink_to_fit();
    found.fns.shrink_to_fit();
    found.closures.shrink_to_fit();
    found.generics.shrink_to_fit();
    found
}

/// The `#[coroutine]` that makes a closure one.
fn coroutine_attribute(closure: &ast::ClosureExpr) -> Option<ast::Attr> {
    let mut attributes = closure.syntax().children().filter_map(ast::Attr::cast);
    attributes.find(|it| it.simple_name().is_some_and(|name| name == "coroutine"))
}

#[cfg(test)]
pub(in crate::source) mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    /// One line for each site: kind, path, token, hint (as `|` in its line), body.
    fn check(text: &str, expected: Expect) {
        let outline = Outline::new(text.into());
        let mut out = String::new();
        for site in outline.sites() {
            let range = &text[site.range].split_whitespace().collect::<Vec<_>>().join(" ");
            let before = usize::from(site.hint - site.range.start().min(site.hint));
            let header = &text[site.range][..before].split_whitespace().collect::<Vec<_>>().join(" ");
            let body = &text[site.body].split_whitespace().collect::<Vec<_>>().join(" ");
            let token = text[site.token].split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(out, "{:?} `{}` {token}: {range}", site.kind, site.path).unwrap();
            writeln!(out, "    header {header}, body {body}").unwrap();
        }
        expected.assert_eq(&out);
    }

    #[test]
    fn async_fn() {
        check(
            "/// Docs.\n#[inline]\npub(crate) async unsafe fn f<T>(x: T) -> u8\nwhere T: Copy, // why\n{ 1 }",
            expect![[r#"
                AsyncFn `fn f` async: async unsafe fn f<T>(x: T) -> u8 where T: Copy, // why { 1 }
                    header async unsafe fn f<T>(x: T) -> u8 where T: Copy,, body { 1 }
            "#]],
        );
    }

    #[test]
    fn fn_without_body() {
        check(
            "trait T { async fn f(); async fn g() {} }",
            expect![[r#"
            AsyncFn `trait T::fn g` async: async fn g() {}
                header async fn g(), body {}
        "#]],
        );
    }

    #[test]
    fn methods() {
        check(
            "mod a { impl<T: Copy> Foo<T> for Bar<'static, u8> { async fn apply(&self) {} } impl Bar { const async fn b() {} } }",
            expect![[r#"
                AsyncFn `mod a::impl Foo<T> for Bar<'static, u8>::fn apply` async: async fn apply(&self) {}
                    header async fn apply(&self), body {}
                AsyncFn `mod a::impl Bar::fn b` async: const async fn b() {}
                    header const async fn b(), body {}
            "#]],
        );
    }

    #[test]
    fn fn_in_fn() {
        check(
            "fn a() { async fn b() {} }",
            expect![[r#"
            AsyncFn `fn a::fn b` async: async fn b() {}
                header async fn b(), body {}
        "#]],
        );
    }

    #[test]
    fn blocks_and_closures() {
        check(
            "async fn f() { async { 1 }; async move { async {} }; async |x: u8| x + 1; async move || -> u8 { 2 }; }",
            expect![[r#"
                AsyncFn `fn f` async: async fn f() { async { 1 }; async move { async {} }; async |x: u8| x + 1; async move || -> u8 { 2 }; }
                    header async fn f(), body { async { 1 }; async move { async {} }; async |x: u8| x + 1; async move || -> u8 { 2 }; }
                AsyncBlock `fn f` async: async { 1 }
                    header async, body { 1 }
                AsyncBlock `fn f` async: async move { async {} }
                    header async move, body { async {} }
                AsyncBlock `fn f` async: async {}
                    header async, body {}
                AsyncClosure `fn f` async: async |x: u8| x + 1
                    header async |x: u8|, body x + 1
                AsyncClosure `fn f` async: async move || -> u8 { 2 }
                    header async move || -> u8, body { 2 }
            "#]],
        );
    }

    #[test]
    fn in_constants() {
        check(
            "const A: fn() = || async {}; static B: X = async move {};",
            expect![[r#"
            AsyncBlock `const A` async: async {}
                header async, body {}
            AsyncBlock `static B` async: async move {}
                header async move, body {}
        "#]],
        );
    }

    #[test]
    fn macro_calls() {
        check(
            "m!{ a } fn f() { stream! { yield 1; }; let x = a::b!(2); }",
            expect![[r#"
            MacroCall `` m!: m!{ a }
                header m!, body { a }
            MacroCall `fn f` stream!: stream! { yield 1; }
                header stream!, body { yield 1; }
            MacroCall `fn f` a::b!: a::b!(2)
                header a::b!, body (2)
        "#]],
        );
    }

    #[test]
    fn written_in_macro_arguments() {
        check(
            "m! { async { 1 }, async move { n!(async {}) }, async |x, (y, z)| x + y, async || -> u8 { 3 } }",
            expect![[r#"
                MacroCall `` m!: m! { async { 1 }, async move { n!(async {}) }, async |x, (y, z)| x + y, async || -> u8 { 3 } }
                    header m!, body { async { 1 }, async move { n!(async {}) }, async |x, (y, z)| x + y, async || -> u8 { 3 } }
                AsyncBlock `` async: async { 1 }
                    header async, body { 1 }
                AsyncBlock `` async: async move { n!(async {}) }
                    header async move, body { n!(async {}) }
                MacroCall `` n!: n!(async {})
                    header n!, body (async {})
                AsyncBlock `` async: async {}
                    header async, body {}
                AsyncClosure `` async: async |x, (y, z)| x + y
                    header async |x, (y, z)|, body x + y
                AsyncClosure `` async: async || -> u8 { 3 }
                    header async || -> u8, body { 3 }
            "#]],
        );
    }

    #[test]
    fn items_in_macro_arguments() {
        check(
            "m! { #[x::test] pub async fn f(a: [u8; 3]) -> A<{ 1 }> { async {} } impl A for B { async unsafe fn g() {} } mod c { fn d() -> impl E { async {} } } }",
            expect![[r#"
                MacroCall `` m!: m! { #[x::test] pub async fn f(a: [u8; 3]) -> A<{ 1 }> { async {} } impl A for B { async unsafe fn g() {} } mod c { fn d() -> impl E { async {} } } }
                    header m!, body { #[x::test] pub async fn f(a: [u8; 3]) -> A<{ 1 }> { async {} } impl A for B { async unsafe fn g() {} } mod c { fn d() -> impl E { async {} } } }
                AsyncFn `fn f` async: async fn f(a: [u8; 3]) -> A<{ 1 }> { async {} }
                    header async fn f(a: [u8; 3]) -> A<{ 1 }>, body { async {} }
                AsyncBlock `fn f` async: async {}
                    header async, body {}
                AsyncFn `impl A for B::fn g` async: async unsafe fn g() {}
                    header async unsafe fn g(), body {}
                AsyncBlock `mod c::fn d` async: async {}
                    header async, body {}
            "#]],
        );
    }

    #[test]
    fn macro_definitions() {
        check(
            "macro_rules! m { ($n:ident, $b:block) => { async fn $n() -> $t $b async move $b async move { o!($n) } fn g() -> $t { async {} } }; }",
            expect![[r#"
                AsyncFn `fn n` async: async fn $n() -> $t $b
                    header async fn $n() -> $t, body $b
                AsyncBlock `` async: async move $b
                    header async move, body $b
                AsyncBlock `` async: async move { o!($n) }
                    header async move, body { o!($n) }
                MacroCall `` o!: o!($n)
                    header o!, body ($n)
                AsyncBlock `fn g` async: async {}
                    header async, body {}
            "#]],
        );
    }

    #[test]
    fn attributes_on_what_is_not_async() {
        check(
            "#[derive(Debug, Magic)] struct S; #[service] trait T { fn f(); } #[maybe_async] fn g() {}",
            expect![[r#"
                AttrFn `` #[derive(Debug, Magic)]: struct S;
                    header , body S
                AttrFn `trait T` #[service]: trait T { fn f(); }
                    header , body { fn f(); }
                AttrFn `fn g` #[maybe_async]: fn g() {}
                    header fn g(), body {}
            "#]],
        );
    }

    #[test]
    fn headers_without_end_take_little_time() {
        for part in ["fn a ", "mod a ", "async |a| ", "impl a {", "trait a ", "async move "] {
            let text = format!("m!({} fn last() {{ async {{}} }})", part.repeat(40_000));
            Outline::new(text.into());
        }
        let long = format!("m!(fn f(a: A<{}>) {{ async {{}} }})", "u8, ".repeat(400));
        assert_eq!(Outline::new(long.into()).sites().len(), 2);
    }

    #[test]
    fn broken_text() {
        check(
            "fn f( { async fn g() { async { let x = ; } ",
            expect![[r#"
            AsyncFn `fn f::fn g` async: async fn g() { async { let x = ; }
                header async fn g(), body { async { let x = ; }
            AsyncBlock `fn f::fn g` async: async { let x = ; }
                header async, body { let x = ; }
        "#]],
        );
    }

    #[test]
    fn gen_is_a_name_unless_the_feature_is_on() {
        check("fn f() { r.gen(); gen(1) }", expect![[""]]);
        check(
            "#![feature(gen_blocks)] fn f() { gen { yield 1 }; async gen move {} }",
            expect![[r#"
            GenBlock `fn f` gen: gen { yield 1 }
                header gen, body { yield 1 }
            GenBlock `fn f` async: async gen move {}
                header async gen move, body {}
        "#]],
        );
    }

    #[test]
    fn coroutines() {
        check(
            "fn f() -> impl C { #[coroutine] static move |x: u8| { yield x } }
             fn g() { let a = #[coroutine] || yield 1; b(#[allow(x)] #[coroutine] |_| {}) }
             fn h() { m!(#[coroutine] #[allow(x)] move |_| { yield }); m!(#[coroutine], coroutine) }
             fn i() { #[inline] || 1 }",
            expect![[r#"
                Coroutine `fn f` #[coroutine]: static move |x: u8| { yield x }
                    header static move |x: u8|, body { yield x }
                Coroutine `fn g` #[coroutine]: || yield 1
                    header ||, body yield 1
                Coroutine `fn g` #[coroutine]: |_| {}
                    header |_|, body {}
                MacroCall `fn h` m!: m!(#[coroutine] #[allow(x)] move |_| { yield })
                    header m!, body (#[coroutine] #[allow(x)] move |_| { yield })
                Coroutine `fn h` #[coroutine]: move |_| { yield }
                    header move |_|, body { yield }
                MacroCall `fn h` m!: m!(#[coroutine], coroutine)
                    header m!, body (#[coroutine], coroutine)
            "#]],
        );
    }

    #[test]
    fn byte_order_mark() {
        check(
            "\u{feff}async fn f() {}",
            expect![[r#"
            AsyncFn `fn f` async: async fn f() {}
                header async fn f(), body {}
        "#]],
        );
    }

    fn hash(text: &str) -> u64 {
        Outline::new(text.into()).sites()[0].hash
    }

    #[test]
    fn comments_and_space_have_no_hash() {
        let one = hash("async fn f(a: u8) { g(\"x\ny\") }");
        assert_eq!(one, hash("/// Docs.\npub  async\r\nfn f ( a : u8 ) { /* no */ g(\"x\r\ny\") // end\n }"));
        assert_ne!(one, hash("async fn f(a: u8) { g(\"x\ny \") }"));
        assert_ne!(one, hash("#[instrument] async fn f(a: u8) { g(\"x\ny\") }"));
    }

    #[test]
    fn deep_text_does_not_overflow_the_stack() {
        for text in ["(", "[", "{", "!", "|| ", "a = ", "A<", "return ", "async {", "m!(", "use {", "mod a {"]
        {
            for times in [100, 900, 100_000] {
                Outline::new(format!("fn f() {{ {}", text.repeat(times)).into());
            }
        }
    }

    /// Texts made of what matters here.
    pub(in crate::source) fn rusty() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "async",
            "move",
            "fn",
            "f",
            "x",
            "(",
            ")",
            "{",
            "}",
            "[",
            "]",
            "|",
            "||",
            "!",
            "m!",
            "$",
            "$x",
            ",",
            ";",
            "impl",
            "for",
            "mod",
            "trait",
            "#",
            "#[a::test]",
            "macro_rules!",
            "=>",
            "->",
            "::",
            ":",
            "gen",
            "\"",
            "'",
            "//",
            "/*",
            "\n",
            "\r\n",
            "é",
            "😀",
            "\u{feff}",
            "<",
            ">",
            ".await",
            "yield",
            "unsafe",
            "extern",
            "pub",
            "async fn f() {",
            "async move {",
            "async |x| ",
            "m!{",
            "impl T for S {",
            "macro_rules! m {",
            "#[cfg_attr(",
            "#[derive(",
            "pub(crate)",
            "const",
            "static",
            "gen_blocks",
            "=",
            "0",
        ]);
        prop_oneof![
            4 => prop::collection::vec(word, 0..60).prop_map(|it| it.join(" ")),
            1 => "\\PC{0,80}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn any_text(text in rusty()) {
            let outline = Outline::new(text.as_str().into());
            let mut last = TextSize::new(0);
            for site in outline.sites() {
                prop_assert!(site.token.start() >= last);
                last = site.token.start();
                for range in [site.token, site.range, site.body, TextRange::empty(site.hint)] {
                    prop_assert!(text.get(std::ops::Range::<usize>::from(range)).is_some());
                }
                let is_attribute = matches!(site.kind, SiteKind::AttrFn | SiteKind::Coroutine);
                prop_assert!(is_attribute || site.range.contains_range(site.token));
                prop_assert!(site.range.contains_range(site.body));
                let word = &text[site.token];
                prop_assert!(match site.kind {
                    SiteKind::MacroCall => word.ends_with('!'),
                    SiteKind::AttrFn => word.starts_with('#'),
                    SiteKind::GenFn | SiteKind::GenBlock | SiteKind::GenClosure => {
                        word == "gen" || word == "async"
                    }
                    SiteKind::Coroutine => word.starts_with("#["),
                    _ => word == "async",
                }, "{}", word);
            }
        }
    }
}
