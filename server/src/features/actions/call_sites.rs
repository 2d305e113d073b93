//! The calls of an `async fn`, whatever is done with the future: it is spawned, stored, joined or awaited.
//!
//! ```text
//! spawn(f(x));    jobs.push(m::f(x));    join!(f(x), self.g(y));    f(x).await
//! ```
//!
//! The compiler tells of a future only where it is awaited. Of every other call the text has to tell whether it is one of
//! this fn: by the module in front of the name, or by what is imported and declared around it.

use super::callers::{Called, has_attribute, may_mean};
use super::{Context, local, macro_arguments, signature};
use crate::features::snapshot::FileView;
use crate::source::{SiteKind, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasName};
use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken, T};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why the calls cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The fn's name is used in another way than in a call: as a value, in a `use` with another name, in a macro of which it is
    /// not known what it does with its arguments. Or it stands in a file in which no future was measured.
    Named,
    /// Of a call the text does not tell which fn it calls: of a method that is not called on `self` and not awaited on the
    /// spot, or where another fn, a variable or an import has the same name.
    Unclear,
    /// A call has `#[cfg]`, or something around it has: nobody compiles it now.
    Conditional,
}

/// Which fn it is.
pub(super) struct Target<'a> {
    pub called: &'a Called,
    /// The last name of the module that it is in; `None` at the crate's root.
    pub module: Option<&'a str>,
    /// The crate's name.
    pub krate: &'a str,
    /// Of a fn in an `impl`, the last name of the type that this is of.
    pub of_type: Option<String>,
    /// How many parameters it has, `self` included.
    pub parameters: usize,
    pub has_self: bool,
}

/// A call.
#[derive(Debug, Clone)]
pub(super) struct CallSite {
    /// From the path, or what a method is called on, to the closing bracket.
    pub range: TextRange,
    /// What is passed, without `self`.
    pub arguments: Vec<TextRange>,
    /// `f(x).await`
    pub is_awaited: bool,
}

/// All calls in a text. `known`: what the compiler says is awaited there of this fn; `is_own`: the text has the fn in it.
pub(super) fn call_sites(
    tree: &SourceFile,
    of: &Target<'_>,
    known: &[TextRange],
    is_own: bool,
) -> Result<Vec<CallSite>, Refusal> {
    let tokens = tree.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let named = tokens.filter(|it| it.kind() == SyntaxKind::IDENT && it.text() == of.called.name);
    let named: Vec<SyntaxToken> = named.filter(|token| may_mean(token, of.called)).collect();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let around = Around::of(tree, of, is_own);
    let mut found = Vec::new();
    for token in named {
        let Some(call) = call(&token, of)? else { continue };
        let is_known = known.iter().any(|it| *it == call.site.range || Some(*it) == call.awaited);
        if !is_known {
            match around.is_meant(&token, &call, of) {
                Meant::Other => continue,
                Meant::Unclear => return Err(Refusal::Unclear),
                Meant::This => {}
            }
            let is_conditional = |node: &SyntaxNode| {
                has_attribute(node, "cfg") || has_attribute(node, "cfg_attr") || has_attribute(node, "test")
            };
            if token.parent_ancestors().any(|node| is_conditional(&node)) {
                return Err(Refusal::Conditional);
            }
        }
        found.push(call.site);
    }
    Ok(found)
}

/// A call of something that has the fn's name.
struct Call {
    site: CallSite,
    /// The whole of `f(x).await`.
    awaited: Option<TextRange>,
    kind: Kind,
}

enum Kind {
    /// `f(x)`
    Bare,
    /// `m::f(x)`, with the last name in front.
    Path(String),
    /// `self.f(x)`
    OfSelf,
    /// `a.f(x)`
    Method,
}

/// The call that a name stands in. `None` if it is another fn's, by the number of its arguments or where it stands.
fn call(token: &SyntaxToken, of: &Target<'_>) -> Result<Option<Call>, Refusal> {
    let parent = token.parent().ok_or(Refusal::Named)?;
    if parent.kind() == SyntaxKind::TOKEN_TREE {
        return in_macro(token, &parent, of).map(Some);
    }
    let around = parent.parent().ok_or(Refusal::Named)?;
    let (whole, list, kind) = match ast::MethodCallExpr::cast(around.clone()) {
        Some(it) => {
            let is_self = it.receiver().is_some_and(|it| it.syntax().text() == "self");
            (it.syntax().clone(), it.arg_list(), if is_self { Kind::OfSelf } else { Kind::Method })
        }
        None => {
            let path = around.ancestors().find_map(ast::Path::cast).ok_or(Refusal::Named)?;
            let callee = path.syntax().parent().and_then(ast::PathExpr::cast).ok_or(Refusal::Named)?;
            let it = callee.syntax().parent().and_then(ast::CallExpr::cast).ok_or(Refusal::Named)?;
            if it.expr().is_none_or(|it| it.syntax() != callee.syntax()) {
                return Err(Refusal::Named);
            }
            let kind = match path.qualifier() {
                None => Kind::Bare,
                Some(before) => {
                    let last = before.segment().and_then(|it| it.name_ref()).ok_or(Refusal::Unclear)?;
                    Kind::Path(last.text().to_string())
                }
            };
            (it.syntax().clone(), it.arg_list(), kind)
        }
    };
    let list = list.ok_or(Refusal::Named)?;
    if list.args().any(|it| it.syntax().children().any(|it| ast::Attr::can_cast(it.kind()))) {
        return Err(Refusal::Named);
    }
    let all: Vec<TextRange> = list.args().map(|it| it.syntax().text_range()).collect();
    let is_method = matches!(kind, Kind::OfSelf | Kind::Method);
    let Some(arguments) = without_self(all, is_method, of) else { return Ok(None) };
    let awaited = whole.parent().and_then(ast::AwaitExpr::cast).map(|it| it.syntax().text_range());
    let site = CallSite { range: whole.text_range(), arguments, is_awaited: awaited.is_some() };
    Ok(Some(Call { site, awaited, kind }))
}

/// What is passed besides `self`, if these are as many as the fn takes.
fn without_self(mut all: Vec<TextRange>, is_method: bool, of: &Target<'_>) -> Option<Vec<TextRange>> {
    if is_method && !of.has_self || all.len() + usize::from(is_method) != of.parameters {
        return None;
    }
    if of.has_self && !is_method {
        all.remove(0);
    }
    Some(all)
}

/// A call among the arguments of a macro that takes expressions: `join!(f(x), self.g(y))`.
fn in_macro(token: &SyntaxToken, tree: &SyntaxNode, of: &Target<'_>) -> Result<Call, Refusal> {
    let takes_expressions =
        |name: &str| macro_arguments::waits_for_several(name) || local::BY_REFERENCE.contains(&name);
    let beside = |from: &SyntaxToken, step: fn(&SyntaxToken) -> Option<SyntaxToken>| {
        std::iter::successors(step(from), step).find(|it| !it.kind().is_trivia())
    };
    let mut around = tree.ancestors().take_while(|it| it.kind() == SyntaxKind::TOKEN_TREE);
    let is_in_another = around.any(|tree| {
        let bang = tree.first_token().and_then(|it| beside(&it, SyntaxToken::prev_token));
        let name = bang.filter(|it| it.kind() == T![!]).and_then(|it| beside(&it, SyntaxToken::prev_token));
        name.is_some_and(|it| it.kind() == SyntaxKind::IDENT && !takes_expressions(it.text()))
    });
    let call = tree.ancestors().find_map(ast::MacroCall::cast).ok_or(Refusal::Named)?;
    let name = call.path().and_then(|it| it.segment()?.name_ref()).ok_or(Refusal::Named)?;
    if is_in_another || !takes_expressions(name.text()) {
        return Err(Refusal::Named);
    }
    let before = beside(token, SyntaxToken::prev_token).ok_or(Refusal::Named)?;
    let (start, kind) = match before.kind() {
        T![.] => {
            let receiver = beside(&before, SyntaxToken::prev_token).filter(|it| it.kind() == T![self]);
            (receiver.ok_or(Refusal::Named)?.text_range().start(), Kind::OfSelf)
        }
        T![:] | T![::] => return Err(Refusal::Named),
        _ => (token.text_range().start(), Kind::Bare),
    };
    let next = token.next_sibling_or_token().and_then(NodeOrToken::into_node);
    let list = next.filter(|it| it.kind() == SyntaxKind::TOKEN_TREE).ok_or(Refusal::Named)?;
    let all = arguments(&list).ok_or(Refusal::Named)?;
    let arguments = without_self(all, matches!(kind, Kind::OfSelf), of).ok_or(Refusal::Unclear)?;
    let range = TextRange::new(start, list.text_range().end());
    let behind = list.last_token().and_then(|it| beside(&it, SyntaxToken::next_token));
    let is_awaited = behind
        .filter(|it| it.kind() == T![.])
        .is_some_and(|dot| beside(&dot, SyntaxToken::next_token).is_some_and(|it| it.text() == "await"));
    Ok(Call { site: CallSite { range, arguments, is_awaited }, awaited: None, kind })
}

/// What stands between brackets, taken for the arguments of a call.
fn arguments(list: &SyntaxNode) -> Option<Vec<TextRange>> {
    const BEFORE: &str = "fn f() { f";
    let text = format!("{BEFORE}{} }}", list.text());
    let parsed = SourceFile::parse(&text, Edition::CURRENT);
    if !parsed.errors().is_empty() {
        return None;
    }
    let call = parsed.tree().syntax().descendants().find_map(ast::CallExpr::cast)?;
    let arguments = call.arg_list()?;
    let is_whole = arguments.syntax().text_range().start() == TextSize::of(BEFORE)
        && arguments.syntax().text_range().len() == list.text_range().len();
    let back = |range: TextRange| Some(range.checked_sub(TextSize::of(BEFORE))? + list.text_range().start());
    is_whole.then(|| arguments.args().filter_map(|it| back(it.syntax().text_range())).collect())
}

/// What else has the fn's name in a text.
struct Around {
    /// The fn may be what a bare name means there: it stands in this text, or is imported, and nothing else is.
    is_bare: Option<bool>,
    /// Other fns of the name, outside of `impl`s and traits.
    has_other: bool,
    /// Variables of the name.
    variables: Vec<ast::IdentPat>,
}

enum Meant {
    This,
    Other,
    Unclear,
}

impl Around {
    fn of(tree: &SourceFile, of: &Target<'_>, is_own: bool) -> Around {
        let name = of.called.name.as_str();
        let nodes = || tree.syntax().descendants();
        let functions = nodes().filter_map(ast::Fn::cast);
        let free = functions.filter(|it| {
            it.name().is_some_and(|it| it.text() == name) && signature::associated(it).is_none()
        });
        let declared = free.count();
        let has_other = declared > usize::from(is_own && !of.called.is_associated);
        let uses = nodes().filter_map(ast::Use::cast).filter_map(|it| it.use_tree());
        let mut imports: Vec<bool> = Vec::new();
        let mut has_foreign_glob = false;
        for tree in uses {
            for (imported, path) in signature::imported(&tree, "", 0) {
                if imported == name {
                    imports.push(path.rsplit("::").nth(1).is_some_and(|before| is_module(before, of)));
                }
            }
            let first = tree.syntax().text().to_string();
            let is_local = ["crate", "self", "super"].iter().any(|it| first.trim_start().starts_with(it));
            has_foreign_glob |= !is_local && first.contains('*');
        }
        let is_bare = match (&imports[..], is_own, has_other) {
            (_, true, true) => None,
            ([], true, false) => Some(true),
            ([], false, true) => Some(false),
            ([], false, false) => (!has_foreign_glob).then_some(true),
            (all, false, false) if all.iter().all(|it| *it) => Some(true),
            (all, false, false) if all.iter().all(|it| !it) => Some(false),
            _ => None,
        };
        let variables = nodes().filter_map(ast::IdentPat::cast);
        let variables = variables.filter(|it| it.name().is_some_and(|it| it.text() == name)).collect();
        Around { is_bare, has_other, variables }
    }

    /// Which fn is called?
    fn is_meant(&self, token: &SyntaxToken, call: &Call, of: &Target<'_>) -> Meant {
        match (&call.kind, &of.of_type) {
            (Kind::Bare, Some(_)) => Meant::Other,
            (Kind::Bare, None) if self.may_be_variable(token) => Meant::Unclear,
            (Kind::Bare, None) => match self.is_bare {
                Some(true) => Meant::This,
                Some(false) => Meant::Other,
                None => Meant::Unclear,
            },
            // A type's.
            (Kind::Path(before), None) if before.starts_with(|first: char| first.is_uppercase()) => {
                Meant::Other
            }
            (Kind::Path(before), None) => {
                let is_keyword = matches!(before.as_str(), "crate" | "self" | "super");
                match is_module(before, of) {
                    true if is_keyword && self.has_other => Meant::Unclear,
                    true => Meant::This,
                    false => Meant::Unclear,
                }
            }
            (Kind::Path(before), Some(ty)) => match before == ty || before == "Self" && is_in_impl(token, ty)
            {
                true => Meant::This,
                false if before == "Self" => Meant::Other,
                false => Meant::Unclear,
            },
            (Kind::OfSelf, Some(ty)) if is_in_impl(token, ty) => Meant::This,
            (Kind::OfSelf | Kind::Method, None) => Meant::Other,
            (Kind::OfSelf | Kind::Method, Some(_)) => Meant::Unclear,
        }
    }

    /// Is there a variable of the name, other than one that begins behind the call?
    fn may_be_variable(&self, token: &SyntaxToken) -> bool {
        let at = token.text_range();
        let function = |node: &SyntaxNode| node.ancestors().filter(|it| it.kind() == SyntaxKind::FN).last();
        let own = token.parent().and_then(|it| function(&it));
        let is_for = |variable: &ast::IdentPat| {
            // `let f = f(x);`
            let statement = variable.syntax().ancestors().find_map(ast::LetStmt::cast);
            let is_later = statement.is_some_and(|it| it.syntax().text_range().end() > at.start());
            !is_later && function(variable.syntax()) == own
        };
        self.variables.iter().any(is_for)
    }
}

/// May a name in front of the fn's be the module that it is in?
fn is_module(before: &str, of: &Target<'_>) -> bool {
    matches!(before, "crate" | "self" | "super") || before == of.krate || Some(before) == of.module
}

/// Is it in an `impl` of a type with this name?
fn is_in_impl(token: &SyntaxToken, ty: &str) -> bool {
    let around = token.parent_ancestors().find_map(ast::Impl::cast);
    around.and_then(|it| type_name(&it)).is_some_and(|it| it == ty)
}

/// The bodies, of the crate that is edited, of the futures that calls stand in: in each view of a text. Of a fn that is no future
/// there is none.
pub(super) fn bodies(
    context: &Context<'_>,
    views: &[FileView],
    calls: impl Iterator<Item = TextRange> + Clone,
) -> Vec<Arc<str>> {
    let Some(origin) = context.future.body.as_ref().map(|body| &body.origin) else { return Vec::new() };
    let mut found: BTreeSet<Arc<str>> = BTreeSet::new();
    for view in views {
        let innermost =
            |call: TextRange| view.outline.innermost(call.start(), |site| site.kind != SiteKind::MacroCall);
        let sites = calls.clone().filter_map(innermost).filter_map(|site| view.sites.get(&site));
        let bodies = sites.flat_map(|site| &site.bodies).filter(|body| body.origin == *origin);
        found.extend(bodies.map(|body| body.def_path.clone()));
    }
    found.into_iter().collect()
}

/// The last name of the type that an `impl` is of.
pub(super) fn type_name(of: &ast::Impl) -> Option<String> {
    let ast::Type::PathType(ty) = of.self_ty()? else { return None };
    Some(ty.path()?.segment()?.name_ref()?.text().to_string())
}
