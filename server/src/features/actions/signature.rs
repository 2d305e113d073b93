//! Turns the signature of an `async fn` into that of a fn that returns a future.
//!
//! ```text
//! async fn get(&self, key: &str) -> u8      fn get(&self, key: &str) -> impl Future<Output = u8>
//! ```
//!
//! Before edition 2024 the return type names the lifetimes that the future captures: `+ use<'_, T>`. What a trait's method
//! returns captures all of them in every edition.

use crate::features::language::{Heap, Language};
use crate::source::{Edit, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasGenericParams, HasName};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken, WalkEvent};

/// The first minor version that knows `use<..>`.
const PRECISE_CAPTURING: u32 = 82;

/// Why a signature is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is a block or a closure, or a macro makes it.
    NotAnAsyncFn,
    /// The fn is declared by a trait, or, where all callers are edited, implements one.
    Trait,
    /// The fn, or what is around it, has an attribute that may need an `async fn`.
    Attribute,
    /// The fn is `const`, `extern`, `default` or `gen`.
    Qualifier,
    /// The fn returns `!`.
    Never,
    /// The signature has `impl Trait`, which `use<..>` cannot name, or which does not capture lifetimes.
    ImplTrait,
    /// The `impl` block around the fn has a lifetime without a name.
    UnnamedLifetime,
    /// `use<..>` is needed, and the crate's `rust-version` is a compiler that does not know it.
    OldCompiler,
}

/// The fn whose keyword `async` this is.
pub(super) fn function(tree: &SourceFile, keyword: TextRange) -> Result<ast::Fn, Refusal> {
    let token = tree.syntax().token_at_offset(keyword.start()).right_biased().ok_or(Refusal::NotAnAsyncFn)?;
    let function = token.parent().and_then(ast::Fn::cast).ok_or(Refusal::NotAnAsyncFn)?;
    let is_async = function.async_token().is_some_and(|it| it == token) && token.text_range() == keyword;
    if is_async && function.name().is_some() { Ok(function) } else { Err(Refusal::NotAnAsyncFn) }
}

/// The edition as a number. What is not known is taken for 2021.
pub(super) fn edition(language: &Language) -> u32 {
    language.edition.parse().unwrap_or(2021)
}

/// The edits that make an `async fn` one that returns a future, likeliest first: they differ in what `Future` is called.
/// [`look_around`] has been asked.
pub(super) fn returning(function: &ast::Fn, language: &Language) -> Result<Vec<Vec<Edit>>, Refusal> {
    let keyword = function.async_token().ok_or(Refusal::NotAnAsyncFn)?;
    let list = function.param_list().ok_or(Refusal::NotAnAsyncFn)?;
    let edition = edition(language);
    let behind = keyword.next_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let end = behind.map_or(keyword.text_range().end(), |it| it.text_range().end());
    let mut edits = vec![Edit::delete(TextRange::new(keyword.text_range().start(), end))];
    let is_in_trait_impl =
        associated(function).and_then(ast::Impl::cast).is_some_and(|around| around.trait_().is_some());
    let captures = match edition {
        2024.. => String::new(),
        _ if is_in_trait_impl => String::new(),
        _ => captures(function, &list, language, &mut edits)?,
    };
    let output = match function.ret_type() {
        Some(it) => Some(it.ty().ok_or(Refusal::NotAnAsyncFn)?.syntax().text_range()),
        None => None,
    };
    let with = |path: &str| {
        let mut edits = edits.clone();
        match output {
            Some(output) => {
                edits.push(Edit::insert(output.start(), format!("impl {path}<Output = ")));
                edits.push(Edit::insert(output.end(), format!(">{captures}")));
            }
            None => {
                let future = format!(" -> impl {path}<Output = ()>{captures}");
                edits.push(Edit::insert(list.syntax().text_range().end(), future));
            }
        }
        edits
    };
    Ok(future_paths(function, edition, language.heap).into_iter().map(with).collect())
}

/// Edits that take `.await` away from behind what is awaited.
pub(super) fn without_await(awaited: &ast::AwaitExpr) -> Option<Vec<Edit>> {
    let (dot, keyword) = (awaited.dot_token()?.text_range(), awaited.await_token()?.text_range());
    // Behind a comment a new line has to begin.
    let space = awaited.dot_token()?.prev_token().filter(|it| {
        let is_behind_comment = it.prev_token().is_some_and(|before| before.kind() == SyntaxKind::COMMENT);
        it.kind() == SyntaxKind::WHITESPACE && !is_behind_comment
    });
    let from = space.map_or(dot.start(), |it| it.text_range().start());
    Some(match dot.end() == keyword.start() {
        true => vec![Edit::delete(TextRange::new(from, keyword.end()))],
        false => vec![Edit::delete(TextRange::new(from, dot.end())), Edit::delete(keyword)],
    })
}

/// What the fn is, where it stands and what stands on it: the paths of the attributes that may be macros. Those get
/// another fn then, of which nobody knows what they make.
pub(super) fn look_around(function: &ast::Fn) -> Result<Vec<String>, Refusal> {
    if let Some(it) = function.ret_type().and_then(|it| it.ty()) {
        if matches!(it, ast::Type::NeverType(_)) {
            return Err(Refusal::Never);
        }
        // It may hide anything.
        if it.syntax().descendants().any(|node| ast::MacroType::can_cast(node.kind())) {
            return Err(Refusal::NotAnAsyncFn);
        }
    }
    let qualifiers =
        [function.const_token(), function.default_token(), function.gen_token(), function.safe_token()];
    if function.abi().is_some() || qualifiers.iter().any(Option::is_some) {
        return Err(Refusal::Qualifier);
    }
    let around = associated(function);
    if around.as_ref().is_some_and(|around| !ast::Impl::can_cast(around.kind())) {
        return Err(Refusal::Trait);
    }
    let attributes_of = |item: &SyntaxNode| item.children().filter_map(ast::Attr::cast).collect::<Vec<_>>();
    let is_left_alone = |attribute: &ast::Attr| is_inert(&attribute.syntax().text().to_string());
    if !around.iter().flat_map(attributes_of).all(|attribute| is_left_alone(&attribute)) {
        return Err(Refusal::Attribute);
    }
    let mut macros = Vec::new();
    for attribute in attributes_of(function.syntax()).into_iter().filter(|it| !is_left_alone(it)) {
        let path = attribute.path().map(|path| path.syntax().text().to_string()).unwrap_or_default();
        let path: String = path.split_whitespace().collect();
        let name = path.rsplit("::").next().unwrap_or_default();
        if name.is_empty() || NO_MACROS.contains(&path.as_str()) || WANT_ASYNC.contains(&name) {
            return Err(Refusal::Attribute);
        }
        macros.push(path);
    }
    Ok(macros)
}

/// Attributes that are no macros, but may do something else to a fn that is not `async`; and `cfg_attr` with others than
/// those in [`INERT`].
const NO_MACROS: &[&str] = &[
    "cfg_attr",
    "coverage",
    "export_name",
    "link_section",
    "naked",
    "no_mangle",
    "optimize",
    "target_feature",
    "test",
    "unsafe",
];

/// Macros, by their last name, that take nothing but an `async fn`, or make something else of what is none.
const WANT_ASYNC: &[&str] = &[
    "async_recursion",
    "async_trait",
    "bench",
    "instrument",
    "main",
    "rstest",
    "test",
    "test_case",
    "trait_variant",
];

/// The `impl` or `trait` that the fn is an item of.
pub(super) fn associated(function: &ast::Fn) -> Option<SyntaxNode> {
    let list = function.syntax().parent().filter(|it| it.kind() == SyntaxKind::ASSOC_ITEM_LIST)?;
    list.parent()
}

/// Attributes that do nothing else to a fn because it is `async`.
const INERT: &[&str] = &[
    "allow",
    "cfg",
    "clippy",
    "cold",
    "deny",
    "deprecated",
    "diagnostic",
    "doc",
    "expect",
    "forbid",
    "inline",
    "must_use",
    "rustfmt",
    "track_caller",
    "warn",
];

/// `#[inline]`, `#[cfg_attr(a, inline)]`
fn is_inert(attribute: &str) -> bool {
    let text = attribute.trim_start_matches(['#', '!', '[']).trim_start();
    is_inert_meta(text.strip_suffix(']').unwrap_or(text))
}

fn is_inert_meta(meta: &str) -> bool {
    let meta = meta.trim();
    let end = meta.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(meta.len());
    let (head, rest) = meta.split_at(end);
    if head != "cfg_attr" {
        return INERT.contains(&head);
    }
    let Some(list) = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    // The condition may hold strings; what else does, is not looked into.
    let (mut depth, mut is_string, mut start, mut parts) = (0usize, false, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '\\' => return false,
            '"' => is_string = !is_string,
            '(' | '[' if !is_string => depth += 1,
            ')' | ']' if !is_string => depth = depth.saturating_sub(1),
            ',' if !is_string && depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => (),
        }
    }
    parts.push(&list[start..]);
    parts.iter().skip(1).all(|part| part.trim().is_empty() || is_inert_meta(part))
}

/// The lifetimes written in a type, and the places where one is left out.
#[derive(Default)]
struct Lifetimes {
    written: bool,
    left_out: Vec<LeftOut>,
}

/// A lifetime that is left out.
enum LeftOut {
    /// Behind this `&`.
    At(TextSize),
    /// It is `'_`.
    Underscore(TextRange),
}

impl LeftOut {
    fn named(&self, name: &str) -> Edit {
        match self {
            LeftOut::At(at) => Edit::insert(*at, format!("{name} ")),
            LeftOut::Underscore(range) => Edit::replace(*range, name),
        }
    }
}

impl Lifetimes {
    fn of(root: &SyntaxNode) -> Lifetimes {
        let mut found = Lifetimes::default();
        let mut preorder = root.preorder();
        while let Some(event) = preorder.next() {
            let WalkEvent::Enter(node) = event else { continue };
            match node.kind() {
                // Those within are of these types' own.
                SyntaxKind::FN_PTR_TYPE | SyntaxKind::PARENTHESIZED_ARG_LIST => preorder.skip_subtree(),
                SyntaxKind::RET_TYPE if node != *root => preorder.skip_subtree(),
                SyntaxKind::REF_TYPE | SyntaxKind::SELF_PARAM => {
                    let token = |it: NodeOrToken<SyntaxNode, SyntaxToken>| it.into_token();
                    let mut tokens = node.children_with_tokens().filter_map(token);
                    let and = tokens.find(|it| it.kind() == SyntaxKind::AMP);
                    let has_lifetime = node.children().any(|it| it.kind() == SyntaxKind::LIFETIME);
                    if let Some(and) = and.filter(|_| !has_lifetime) {
                        found.left_out.push(LeftOut::At(and.text_range().end()));
                    }
                }
                SyntaxKind::LIFETIME if node.text() == "'_" => {
                    found.left_out.push(LeftOut::Underscore(node.text_range()));
                }
                SyntaxKind::LIFETIME => found.written = true,
                _ => (),
            }
        }
        found
    }
}

/// Is a lifetime left out in a type, as far as the text shows?
pub(super) fn leaves_out_lifetimes(node: &SyntaxNode) -> bool {
    !Lifetimes::of(node).left_out.is_empty()
}

/// ` + use<'_, T>`, for editions in which a returned `impl Trait` captures types, and lifetimes only if told so.
/// Names lifetimes if there is more than one that could be `'_`.
fn captures(
    function: &ast::Fn,
    list: &ast::ParamList,
    language: &Language,
    edits: &mut Vec<Edit>,
) -> Result<String, Refusal> {
    let around = associated(function).and_then(ast::Impl::cast);
    let mut lifetimes: Vec<String> = Vec::new();
    let mut types: Vec<String> = Vec::new();
    let outer = around.as_ref().and_then(|it| it.generic_param_list());
    let inner = function.generic_param_list();
    for parameter in outer.iter().chain(&inner).flat_map(|list| list.generic_params()) {
        let name = match &parameter {
            ast::GenericParam::LifetimeParam(it) => it.lifetime().map(|it| it.text().to_string()),
            ast::GenericParam::TypeParam(it) => it.name().map(|it| it.text().to_string()),
            ast::GenericParam::ConstParam(it) => it.name().map(|it| it.text().to_string()),
        };
        let is_lifetime = matches!(parameter, ast::GenericParam::LifetimeParam(_));
        if is_lifetime { &mut lifetimes } else { &mut types }.extend(name);
    }
    if let Some(ty) = around.as_ref().and_then(|it| it.self_ty())
        && !Lifetimes::of(ty.syntax()).left_out.is_empty()
    {
        return Err(Refusal::UnnamedLifetime);
    }
    let own = list.self_param().map(|it| Lifetimes::of(it.syntax())).unwrap_or_default();
    let mut others = Lifetimes::default();
    for parameter in list.params() {
        let found = Lifetimes::of(parameter.syntax());
        others.written |= found.written;
        others.left_out.extend(found.left_out);
    }
    let left_out = own.left_out.len() + others.left_out.len();
    if lifetimes.is_empty() && left_out == 0 {
        return Ok(String::new());
    }
    if language.oldest_compiler.is_some_and(|minor| minor < PRECISE_CAPTURING) {
        return Err(Refusal::OldCompiler);
    }
    let has_impl = |node: &SyntaxNode| node.descendants().any(|it| it.kind() == SyntaxKind::IMPL_TRAIT_TYPE);
    let output = function.ret_type();
    if has_impl(list.syntax()) || output.as_ref().is_some_and(|it| has_impl(it.syntax())) {
        return Err(Refusal::ImplTrait);
    }
    let mut all: Vec<String> = Vec::new();
    let is_clear = match own.left_out.len() {
        1 => !own.written && others.left_out.is_empty(),
        _ => !own.written && !others.written,
    };
    if left_out == 1 && is_clear {
        all.push("'_".to_owned());
    } else if left_out > 0 {
        let fresh = fresh(function, around.as_ref(), left_out).ok_or(Refusal::UnnamedLifetime)?;
        let places = own.left_out.iter().chain(&others.left_out);
        edits.extend(places.zip(&fresh).map(|(place, name)| place.named(name)));
        // What is left out in the return type is that of `self`.
        if let ([_], Some(output)) = (&own.left_out[..], &output) {
            edits.extend(Lifetimes::of(output.syntax()).left_out.iter().map(|place| place.named(&fresh[0])));
        }
        edits.extend(declared(function, inner.as_ref(), &fresh));
        all.extend(fresh);
    }
    all.extend(lifetimes);
    all.extend(types);
    Ok(format!(" + use<{}>", all.join(", ")))
}

/// Names for lifetimes that nothing in or around the fn has.
fn fresh(function: &ast::Fn, around: Option<&ast::Impl>, count: usize) -> Option<Vec<String>> {
    let header = around.and_then(|it| it.generic_param_list()).map(|it| it.syntax().clone());
    let nodes = header.iter().chain([function.syntax()]);
    let tokens = nodes.flat_map(|node| node.descendants_with_tokens()).filter_map(NodeOrToken::into_token);
    let known: Vec<String> = tokens
        .filter(|token| token.kind() == SyntaxKind::LIFETIME_IDENT)
        .map(|token| token.text().to_owned())
        .collect();
    let names: Vec<String> = ('a'..='z').map(|c| format!("'{c}")).filter(|it| !known.contains(it)).collect();
    names.get(..count).map(<[String]>::to_vec)
}

/// Adds lifetimes to the fn's generic parameters.
fn declared(function: &ast::Fn, list: Option<&ast::GenericParamList>, names: &[String]) -> Option<Edit> {
    let names = names.join(", ");
    let Some(list) = list else {
        return Some(Edit::insert(function.name()?.syntax().text_range().end(), format!("<{names}>")));
    };
    let last = list.generic_params().filter(|it| matches!(it, ast::GenericParam::LifetimeParam(_))).last();
    if let Some(last) = last {
        return Some(Edit::insert(last.syntax().text_range().end(), format!(", {names}")));
    }
    let separator = if list.generic_params().next().is_some() { ", " } else { "" };
    Some(Edit::insert(list.l_angle_token()?.text_range().end(), format!("{names}{separator}")))
}

/// What `Future` may be called there, likeliest first.
fn future_paths(function: &ast::Fn, edition: u32, heap: Heap) -> Vec<&'static str> {
    let path = if heap == Heap::Std { "std::future::Future" } else { "core::future::Future" };
    let module = function
        .syntax()
        .ancestors()
        .find(|it| matches!(it.kind(), SyntaxKind::ITEM_LIST | SyntaxKind::SOURCE_FILE));
    let items = module.iter().flat_map(|module| module.children());
    let mut meaning = None;
    for item in items {
        if let Some(tree) = ast::Use::cast(item.clone()).and_then(|it| it.use_tree()) {
            let imported = imported(&tree, "", 0);
            if let Some(of) = imported.iter().find_map(|(name, path)| (name == "Future").then_some(path)) {
                meaning = Some(["std::future::Future", "core::future::Future"].contains(&of.as_str()));
            }
        } else if item.children().any(|it| ast::Name::can_cast(it.kind()) && it.text() == "Future") {
            meaning = Some(false);
        }
    }
    match meaning {
        Some(true) => vec!["Future", path],
        None if edition >= 2024 => vec!["Future", path],
        _ => vec![path],
    }
}

/// The names a `use` brings and the paths they are for.
pub(super) fn imported(tree: &ast::UseTree, before: &str, depth: usize) -> Vec<(String, String)> {
    let path = tree.path().map(|it| it.syntax().text().to_string().split_whitespace().collect::<String>());
    let path = path.unwrap_or_default();
    let separator = if before.is_empty() || path.is_empty() { "" } else { "::" };
    let full = format!("{before}{separator}{path}");
    let full = full.strip_suffix("::self").unwrap_or(&full).trim_start_matches("::");
    if let Some(list) = tree.use_tree_list() {
        let trees = list.use_trees().filter(|_| depth < 32);
        return trees.flat_map(|tree| imported(&tree, full, depth + 1)).collect();
    }
    let name = match tree.rename() {
        Some(rename) => rename.name().map(|it| it.text().to_string()),
        None => full.rsplit("::").next().filter(|_| tree.star_token().is_none()).map(str::to_owned),
    };
    name.map(|name| (name, full.to_owned())).into_iter().collect()
}
