//! Uses the arguments of an `async fn` where they are captured. The fn itself stores them a second time, as
//! the variables of its body, if those are used after an await.
//!
//! ```text
//! async fn send(data: [u8; 4096]) {      fn send(data: [u8; 4096]) -> impl Future<Output = ()> {
//!     connect().await;                       async move {
//!     write(&data);                              connect().await;
//! }                                              write(&data);
//!                                            }
//!                                        }
//! ```
//!
//! Before edition 2024 the returned future is told which lifetimes it captures: `+ use<'_, T>`.
//!
//! Of several arguments with destructors some may then be dropped earlier: a block drops its captures in the
//! order in which it mentions them, a fn its arguments from the last to the first.
//!
//! A block's value is not converted to what the fn returns: one that becomes a `Box<dyn T>` only by being
//! returned does not compile then, which nothing but the compiler can tell.

use super::captured::{Captured, captured};
use super::{ActionKind, Candidate, Context};
use crate::features::language::{Heap, Language};
use crate::layout::FutureKind;
use crate::layout::whatif::{Change, Prediction};
use crate::source::{Edit, SiteKind, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasGenericArgs, HasGenericParams, HasName};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken, WalkEvent};

/// The first minor version that knows `use<..>`.
const PRECISE_CAPTURING: u32 = 82;

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    candidate(context).into_iter().collect()
}

fn candidate(context: &Context<'_>) -> Option<Candidate> {
    let site = context.site();
    let body = context.future.body.as_ref()?;
    // An attribute may have made something else of the `async fn`.
    if site.kind != SiteKind::AsyncFn || FutureKind::from(body.compiled) != FutureKind::AsyncFn {
        return None;
    }
    let function = function(context.tree, site.token).ok()?;
    let parameters = parameters(&function).ok()?;
    // The variables of the body that are the arguments again.
    let mut again: Vec<(u32, TextRange)> = Vec::new();
    for (index, saved) in body.saved.iter().enumerate() {
        let declared = saved.span.as_ref().and_then(|span| context.range(span));
        let found = parameters.iter().find(|parameter| {
            saved.names.iter().any(|name| **name == *parameter.name)
                && declared.is_some_and(|declared| parameter.range.contains_range(declared))
        });
        again.extend(found.map(|parameter| (index as u32, parameter.range)));
    }
    if again.is_empty() {
        return None;
    }
    let desugared = desugar(&function, context.language).ok()?;
    let mut changes: Vec<Change> = Vec::new();
    for &(saved, _) in &again {
        let states = context.future.states.iter().enumerate();
        let holds = states.filter(|(_, state)| state.held.iter().any(|held| held.saved == Some(saved)));
        let states = holds.map(|(index, _)| index as u32).collect();
        changes.push(Change::Remove { saved, states, beside: Vec::new() });
    }
    for name in &desugared.gone {
        let upvar = context.future.states.upvars().iter().position(|upvar| *upvar.name == **name);
        changes.extend(upvar.map(|upvar| Change::ResizeUpvar { upvar: upvar as u32, size: 0, align: 1 }));
    }
    let name = function.name()?;
    let label = format!("Store the arguments of `{}` once: return `impl Future`", name.text());
    let anchors = again.iter().map(|(_, range)| *range).collect();
    let mut candidate = context.candidate(ActionKind::DesugarAsyncFn, label, anchors);
    candidate.predicted = context
        .predict(&changes)
        .map(|predicted| Prediction { exact: predicted.exact && desugared.is_certain, ..predicted });
    candidate.ways = desugared.ways;
    candidate.drops_earlier = desugared.drops_earlier.iter().map(|name| format!("`{name}`").into()).collect();
    Some(candidate)
}

/// Why a fn is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// A block, a closure, or something that a macro makes.
    NotAnAsyncFn,
    /// Its implementations would have to change too, or it is one.
    Trait,
    /// It has an attribute that may want an `async fn`.
    Attribute,
    /// `const`, `extern`, `default` or `gen`.
    Qualifier,
    /// A parameter that is more than a name.
    Parameter,
    /// An argument would be dropped at the call, or parts of it.
    DroppedAtCall,
    /// `-> !`
    Never,
    /// `impl Trait`, which `use<..>` cannot name, or which does not capture lifetimes.
    ImplTrait,
    /// The `impl` block around it has a lifetime without a name.
    UnnamedLifetime,
    /// `use<..>` is needed and the crate is for compilers that do not know it.
    OldCompiler,
}

/// The rewritten fn.
#[derive(Debug)]
struct Desugared {
    ways: Vec<Vec<Edit>>,
    /// Arguments that are no longer stored at all.
    gone: Vec<String>,
    /// All others are captured as a whole.
    is_certain: bool,
    /// Arguments that are dropped before others that were dropped before them, where that may matter.
    drops_earlier: Vec<String>,
}

struct Parameter {
    name: String,
    range: TextRange,
    /// Dropping it does nothing.
    is_inert: bool,
    /// Its fields are behind a pointer.
    is_pointer: bool,
    /// Nobody can tell when it is dropped.
    is_quiet: bool,
}

/// The fn whose keyword `async` this is.
fn function(tree: &SourceFile, keyword: TextRange) -> Result<ast::Fn, Refusal> {
    let token = tree.syntax().token_at_offset(keyword.start()).right_biased().ok_or(Refusal::NotAnAsyncFn)?;
    let function = token.parent().and_then(ast::Fn::cast).ok_or(Refusal::NotAnAsyncFn)?;
    let is_async = function.async_token().is_some_and(|it| it == token) && token.text_range() == keyword;
    if is_async && function.name().is_some() { Ok(function) } else { Err(Refusal::NotAnAsyncFn) }
}

fn desugar(function: &ast::Fn, language: &Language) -> Result<Desugared, Refusal> {
    let keyword = function.async_token().ok_or(Refusal::NotAnAsyncFn)?;
    let list = function.param_list().ok_or(Refusal::NotAnAsyncFn)?;
    let body = function.body().and_then(|body| body.stmt_list()).ok_or(Refusal::NotAnAsyncFn)?;
    let (Some(open), Some(close)) = (body.l_curly_token(), body.r_curly_token()) else {
        return Err(Refusal::NotAnAsyncFn);
    };
    look_around(function)?;
    let edition = language.edition.parse::<u32>().unwrap_or(2021);
    let mut desugared =
        Desugared { ways: Vec::new(), gone: Vec::new(), is_certain: true, drops_earlier: Vec::new() };
    let parameters = parameters(function)?;
    desugared.drops_earlier = drops_earlier(body.syntax(), &parameters);
    for parameter in parameters {
        let captured = match captured(body.syntax(), &parameter.name, edition >= 2021) {
            Captured::Part if parameter.is_pointer => Captured::Whole,
            captured => captured,
        };
        match captured {
            Captured::Whole => (),
            _ if !parameter.is_inert => return Err(Refusal::DroppedAtCall),
            Captured::Part => desugared.is_certain = false,
            Captured::Nothing => desugared.gone.push(parameter.name),
        }
    }

    let mut edits = Vec::new();
    let behind = keyword.next_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let end = behind.map_or(keyword.text_range().end(), |it| it.text_range().end());
    edits.push(Edit::delete(TextRange::new(keyword.text_range().start(), end)));
    let captures = match edition {
        2024.. => String::new(),
        _ => captures(function, &list, language, &mut edits)?,
    };
    let output = function.ret_type();
    let output = match &output {
        Some(it) => Some(it.ty().ok_or(Refusal::NotAnAsyncFn)?.syntax().text_range()),
        None => None,
    };
    for path in future_paths(function, edition, language.heap) {
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
        wrap(body.syntax(), &open, &close, &mut edits);
        desugared.ways.push(edits);
    }
    Ok(desugared)
}

/// What the fn is, where it stands and what stands on it.
fn look_around(function: &ast::Fn) -> Result<(), Refusal> {
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
    let mut items = vec![function.syntax().clone()];
    match associated(function) {
        Some(around) if ast::Impl::cast(around.clone()).is_some_and(|it| it.trait_().is_none()) => {
            items.push(around);
        }
        Some(_) => return Err(Refusal::Trait),
        None => (),
    }
    let mut attributes = items.iter().flat_map(|item| item.children().filter_map(ast::Attr::cast));
    match attributes.all(|attribute| is_inert(&attribute.syntax().text().to_string())) {
        true => Ok(()),
        false => Err(Refusal::Attribute),
    }
}

/// The `impl` or `trait` that the fn is an item of.
fn associated(function: &ast::Fn) -> Option<SyntaxNode> {
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

fn parameters(function: &ast::Fn) -> Result<Vec<Parameter>, Refusal> {
    let list = function.param_list().ok_or(Refusal::NotAnAsyncFn)?;
    if list
        .syntax()
        .descendants()
        .any(|it| ast::Attr::can_cast(it.kind()) || it.kind() == SyntaxKind::MACRO_CALL)
    {
        return Err(Refusal::Parameter);
    }
    let mut found = Vec::new();
    if let Some(it) = list.self_param() {
        let ty = it.ty();
        let is_reference = it.amp_token().is_some() || ty.as_ref().is_some_and(is_inert_type);
        found.push(Parameter {
            name: "self".to_owned(),
            range: it.syntax().text_range(),
            is_inert: is_reference,
            is_quiet: is_reference || ty.as_ref().is_some_and(is_quiet_type),
            is_pointer: is_reference || ty.as_ref().is_some_and(is_pointer),
        });
    }
    for parameter in list.params() {
        let (Some(ast::Pat::IdentPat(pattern)), Some(ty)) = (parameter.pat(), parameter.ty()) else {
            return Err(Refusal::Parameter);
        };
        let is_plain = pattern.ref_token().is_none() && pattern.pat().is_none();
        let name = pattern.name().filter(|_| is_plain && parameter.dotdotdot_token().is_none());
        found.push(Parameter {
            name: name.ok_or(Refusal::Parameter)?.text().to_string(),
            range: pattern.syntax().text_range(),
            is_inert: is_inert_type(&ty),
            is_quiet: is_quiet_type(&ty),
            is_pointer: is_pointer(&ty),
        });
    }
    Ok(found)
}

const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
    "u128", "usize",
];

/// Does its look tell that dropping it does nothing?
fn is_inert_type(ty: &ast::Type) -> bool {
    match ty {
        ast::Type::RefType(_) | ast::Type::PtrType(_) | ast::Type::FnPtrType(_) => true,
        ast::Type::ArrayType(it) => it.ty().is_some_and(|it| is_inert_type(&it)),
        ast::Type::TupleType(it) => it.fields().all(|it| is_inert_type(&it)),
        ast::Type::ParenType(it) => it.ty().is_some_and(|it| is_inert_type(&it)),
        ast::Type::PathType(it) => PRIMITIVES.iter().any(|name| it.syntax().text() == *name),
        _ => false,
    }
}

/// Of what is in them it matters when that is dropped, but not of them.
const QUIET: &[&str] = &[
    "Arc",
    "BTreeMap",
    "BTreeSet",
    "Box",
    "Duration",
    "HashMap",
    "HashSet",
    "Instant",
    "Option",
    "OsString",
    "PathBuf",
    "Rc",
    "Result",
    "String",
    "SystemTime",
    "Vec",
    "VecDeque",
];

/// Does its look tell that nobody notices when it is dropped?
fn is_quiet_type(ty: &ast::Type) -> bool {
    match ty {
        ast::Type::ArrayType(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
        ast::Type::SliceType(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
        ast::Type::TupleType(it) => it.fields().all(|it| is_quiet_type(&it)),
        ast::Type::ParenType(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
        ast::Type::PathType(it) if !is_inert_type(ty) => {
            let Some(segment) = it.path().and_then(|it| it.segment()) else { return false };
            let is_known =
                segment.name_ref().is_some_and(|name| QUIET.iter().any(|known| name.text() == *known));
            let mut arguments = segment.generic_arg_list().into_iter().flat_map(|list| list.generic_args());
            is_known
                && arguments.all(|argument| match argument {
                    ast::GenericArg::TypeArg(it) => it.ty().is_some_and(|it| is_quiet_type(&it)),
                    _ => false,
                })
        }
        _ => is_inert_type(ty),
    }
}

/// A fn drops its arguments from the last to the first, a block its captures from the first it mentions on.
fn drops_earlier(body: &SyntaxNode, parameters: &[Parameter]) -> Vec<String> {
    let loud = parameters.iter().filter(|parameter| !parameter.is_quiet);
    let loud: Vec<(&str, Option<TextSize>)> =
        loud.map(|parameter| (&*parameter.name, first_mention(body, &parameter.name))).collect();
    let earlier = loud.iter().enumerate().filter(|(index, (_, at))| {
        let mut later = loud[index + 1..].iter();
        later.any(|(_, other)| at < other)
    });
    earlier.map(|(_, (name, _))| (*name).to_owned()).collect()
}

fn first_mention(body: &SyntaxNode, name: &str) -> Option<TextSize> {
    let mut tokens = body.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let found = tokens.find(|token| match token.kind() {
        // `"{name}"`
        SyntaxKind::STRING => token.text().contains(name),
        _ => token.text() == name,
    })?;
    Some(found.text_range().start())
}

/// Are a value's fields behind a pointer, so that a block that uses one captures the pointer?
fn is_pointer(ty: &ast::Type) -> bool {
    match ty {
        ast::Type::RefType(_) => true,
        ast::Type::PathType(it) => {
            let name = it.path().and_then(|it| it.segment()).and_then(|it| it.name_ref());
            name.is_some_and(|name| ["Arc", "Box", "Pin", "Rc"].iter().any(|known| name.text() == *known))
        }
        _ => false,
    }
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
fn imported(tree: &ast::UseTree, before: &str, depth: usize) -> Vec<(String, String)> {
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

/// Puts everything in the braces into an `async move` block, one level deeper.
fn wrap(body: &SyntaxNode, open: &SyntaxToken, close: &SyntaxToken, edits: &mut Vec<Edit>) {
    let (start, end) = (open.text_range().end(), close.text_range().start());
    let last = close.prev_token().filter(|it| it.kind() == SyntaxKind::WHITESPACE);
    let Some((before, base)) = last.as_ref().and_then(|it| it.text().rsplit_once('\n')) else {
        edits.push(Edit::insert(start, " async move {"));
        edits.push(Edit::insert(end, "} "));
        return;
    };
    let newline = if before.ends_with('\r') { "\r\n" } else { "\n" };
    let spaces = body.descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let spaces: Vec<SyntaxToken> = spaces.filter(|it| it.kind() == SyntaxKind::WHITESPACE).collect();
    let has_tabs = spaces.iter().any(|it| it.text().contains("\n\t"));
    let unit = if has_tabs { "\t" } else { "    " };
    edits.push(Edit::insert(start, format!("{newline}{base}{unit}async move {{")));
    for space in spaces {
        if let Some(line) = space.text().rfind('\n')
            && let Ok(line) = TextSize::try_from(line + 1)
        {
            edits.push(Edit::insert(space.text_range().start() + line, unit));
        }
    }
    edits.push(Edit::insert(end, format!("}}{newline}{base}")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Outline, edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use ra_ap_syntax::Edition;

    fn language(edition: &str) -> Language {
        Language { edition: edition.to_owned(), ..Language::default() }
    }

    /// The first `async fn` of a text.
    fn desugared(text: &str, language: &Language) -> Result<Desugared, Refusal> {
        let outline = Outline::new(text.into());
        let site = outline.sites().iter().find(|site| site.kind == SiteKind::AsyncFn);
        let look = |tree: &SourceFile| desugar(&function(tree, site.unwrap().token)?, language);
        with_tree(text, look).unwrap()
    }

    fn ways(text: &str, language: &Language) -> Vec<String> {
        let desugared = desugared(text, language).unwrap();
        desugared.ways.iter().map(|edits| edited(text, edits).unwrap()).collect()
    }

    fn check(edition: &str, text: &str, expected: Expect) {
        expected.assert_eq(&ways(text, &language(edition))[0]);
    }

    fn refused(text: &str) -> Refusal {
        desugared(text, &language("2021")).unwrap_err()
    }

    #[test]
    fn in_edition_2024_all_is_captured() {
        check(
            "2024",
            "
impl<'a, T> Sender<'a, T> {
    /// Sends.
    #[inline] // quickly
    pub(crate) async fn send(&self, data: [u8; 4096]) -> u8 where T: Send {
        self.go().await; // now

        /* a
        b */
        let text = \"c
        d\";
        data[0]
    }
}
",
            expect![[r#"

                impl<'a, T> Sender<'a, T> {
                    /// Sends.
                    #[inline] // quickly
                    pub(crate) fn send(&self, data: [u8; 4096]) -> impl Future<Output = u8> where T: Send {
                        async move {
                            self.go().await; // now

                            /* a
                        b */
                            let text = "c
                        d";
                            data[0]
                        }
                    }
                }
            "#]],
        );
    }

    #[test]
    fn before_it_lifetimes_are_named() {
        let text = "impl<'a, T, const N: usize> S<'a, T, N> { async fn f<'b, U>(&self, u: &'b U) -> &T { g(u).await } }";
        check(
            "2021",
            text,
            expect![
                "impl<'a, T, const N: usize> S<'a, T, N> { fn f<'b, U>(&self, u: &'b U) -> impl std::future::Future<Output = &T> + use<'_, 'a, 'b, T, N, U> { async move { g(u).await } } }"
            ],
        );
        check(
            "2018",
            "async fn f(a: &u8) -> &u8 { g(a).await }",
            expect![
                "fn f(a: &u8) -> impl std::future::Future<Output = &u8> + use<'_> { async move { g(a).await } }"
            ],
        );
        check(
            "2021",
            "async fn f<T>(a: T) { g(a).await }",
            expect!["fn f<T>(a: T) -> impl std::future::Future<Output = ()> { async move { g(a).await } }"],
        );
    }

    #[test]
    fn several_lifetimes_left_out_get_names() {
        check(
            "2021",
            "impl S<u8> { async fn f(&self, a: &mut A<'_>, c: fn(&u8) -> &u8) -> B<'_> { g(a).await } }",
            expect![
                "impl S<u8> { fn f<'a, 'b, 'c>(&'a self, a: &'b mut A<'c>, c: fn(&u8) -> &u8) -> impl std::future::Future<Output = B<'a>> + use<'a, 'b, 'c> { async move { g(a).await } } }"
            ],
        );
    }

    #[test]
    fn single_lines_stay() {
        check("2024", "async fn f(){}", expect!["fn f() -> impl Future<Output = ()>{ async move {} }"]);
        check(
            "2024",
            "async fn f() { g() }",
            expect!["fn f() -> impl Future<Output = ()> { async move { g() } }"],
        );
        check(
            "2024",
            "async unsafe fn f() {\n}",
            expect![[r#"
            unsafe fn f() -> impl Future<Output = ()> {
                async move {
                }
            }"#]],
        );
    }

    #[test]
    fn line_ends_and_tabs_stay() {
        let text =
            "mod m {\r\n\tasync fn f() {\r\n\t\tg();\r\n\r\n\t\th! {\r\n\t\t\ti\r\n\t\t}\r\n\t}\r\n}\r\n";
        let new = ways(text, &language("2024")).remove(0);
        assert_eq!(
            new,
            "mod m {\r\n\tfn f() -> impl Future<Output = ()> {\r\n\t\tasync move {\r\n\t\t\tg();\r\n\r\n\t\t\th! {\r\n\t\t\t\ti\r\n\t\t\t}\r\n\t\t}\r\n\t}\r\n}\r\n"
        );
    }

    #[test]
    fn names_of_future() {
        let path = |text: &str, language: &Language| -> Vec<String> {
            let ways = ways(text, language);
            let path = |way: &String| way.split("-> impl ").nth(1)?.split('<').next().map(str::to_owned);
            ways.iter().filter_map(path).collect()
        };
        let f = "async fn f() {}";
        let (old, new) = (language("2021"), language("2024"));
        let no_std = Language { heap: Heap::None, ..language("2021") };
        let full = "std::future::Future";
        assert_eq!(path(f, &old), [full]);
        assert_eq!(path(f, &Language::default()), [full]);
        assert_eq!(path(f, &new), ["Future", full]);
        assert_eq!(path(f, &no_std), ["core::future::Future"]);
        for import in [
            "use std::future::Future;",
            "use core::{a, future::{self, Future}};",
            "use ::std::future::{Future};",
        ] {
            assert_eq!(path(&format!("{import} {f}"), &old), ["Future", full], "{import}");
            assert_eq!(path(&format!("{import} mod m {{ {f} }}"), &old), [full], "{import}");
            assert_eq!(path(&format!("mod m {{ {import} }} {f}"), &old), [full], "{import}");
        }
        for other in [
            "use std::future::Future as _;",
            "use std::future;",
            "use futures::Future;",
            "struct Future;",
            "use a::B as Future;",
        ] {
            assert_eq!(path(&format!("{other} {f}"), &old), [full], "{other}");
        }
        assert_eq!(path(&format!("use futures::Future; {f}"), &new), [full]);
        assert_eq!(path(&format!("trait Future {{}} {f}"), &new), [full]);
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("m! { async fn f() {} }", Refusal::NotAnAsyncFn),
            ("macro_rules! m { () => { async fn f() {} } }", Refusal::NotAnAsyncFn),
            ("async fn f() -> m!() {}", Refusal::NotAnAsyncFn),
            ("trait T { async fn f() {} }", Refusal::Trait),
            ("impl T for S { async fn f() {} }", Refusal::Trait),
            ("#[tokio::main] async fn f() {}", Refusal::Attribute),
            ("#[cfg_attr(a, inline, b::c)] async fn f() {}", Refusal::Attribute),
            ("#[cfg_attr(a = \"(\", b)] async fn f() {}", Refusal::Attribute),
            ("#[target_feature(enable = \"avx\")] async fn f() {}", Refusal::Attribute),
            ("#[service] impl S { async fn f() {} }", Refusal::Attribute),
            ("const async fn f() {}", Refusal::Qualifier),
            ("async extern \"C\" fn f() {}", Refusal::Qualifier),
            ("async fn f((a, b): (u8, u8)) {}", Refusal::Parameter),
            ("async fn f(_: u8) {}", Refusal::Parameter),
            ("async fn f(ref a: u8) {}", Refusal::Parameter),
            ("async fn f(#[cfg(x)] a: u8) {}", Refusal::Parameter),
            ("async fn f(a: u8, ...) {}", Refusal::Parameter),
            ("async fn f(a: m!()) {}", Refusal::Parameter),
            ("async fn f(a: A) {}", Refusal::DroppedAtCall),
            ("async fn f(a: A) { g(a.b) }", Refusal::DroppedAtCall),
            ("impl S { async fn f(self) { g(self.b) } }", Refusal::DroppedAtCall),
            ("async fn f(a: A) { let a = b; g(a) }", Refusal::DroppedAtCall),
            ("async fn f() -> ! {}", Refusal::Never),
            ("async fn f(a: &u8, b: impl B) { g(b) }", Refusal::ImplTrait),
            ("async fn f(a: &u8) -> impl B {}", Refusal::ImplTrait),
            ("impl S<'_> { async fn f(&self) {} }", Refusal::UnnamedLifetime),
            ("impl S<&u8> { async fn f(&self) {} }", Refusal::UnnamedLifetime),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
        let old = Language { oldest_compiler: Some(81), ..language("2021") };
        assert_eq!(desugared("async fn f(a: &u8) {}", &old).unwrap_err(), Refusal::OldCompiler);
        assert!(desugared("async fn f(a: u8) {}", &old).is_ok());
        assert!(desugared("async fn f(a: &u8) {}", &Language { oldest_compiler: Some(82), ..old }).is_ok());
        for block in ["fn f() { async {} }", "fn f() { async || {} }"] {
            let token = Outline::new(block.into()).sites()[0].token;
            let found = with_tree(block, |tree| function(tree, token).err()).unwrap();
            assert_eq!(found, Some(Refusal::NotAnAsyncFn));
        }
    }

    #[test]
    fn not_refused() {
        for text in [
            "#[doc = \"a\"] #[allow(b)] #[cfg_attr(any(a, b = \"),\"), inline, doc(hidden),)] #[must_use] async fn f() {}",
            "#[cfg(a)] impl S { async fn f(&self) { self.a } }",
            "impl S { async fn f(self: Box<Self>) { g(self.a) } }",
            "async fn f(a: impl A) -> impl B { g(a) }",
            "async fn f(a: (u8, [f64; 3]), b: *const u8, mut c: &mut A) {}",
        ] {
            let new = desugared(text, &language("2021"));
            assert!(new.is_ok(), "{text}: {new:?}");
        }
        let text = "async fn f(a: A) { g(a.b) }";
        assert!(desugared(text, &language("2018")).is_ok());
        assert_eq!(desugared(text, &language("")).unwrap_err(), Refusal::DroppedAtCall);
    }

    #[test]
    fn what_is_not_captured_is_known() {
        let new =
            desugared("async fn f(a: u8, b: (u8, u8), c: u8) { g(b.0, c) }", &language("2021")).unwrap();
        assert_eq!((new.gone, new.is_certain), (vec!["a".to_owned()], false));
        let new = desugared("async fn f(a: &A, b: u8) { g(a.b, b) }", &language("2021")).unwrap();
        assert_eq!((new.gone, new.is_certain), (vec![], true));
    }

    #[test]
    fn destructors_that_run_earlier_are_known() {
        let earlier = |text: &str| desugared(text, &language("2021")).unwrap().drops_earlier;
        let none: [&str; 0] = [];
        assert_eq!(earlier("async fn f(a: A, b: B) { g(&a); g(&b) }"), ["a"]);
        assert_eq!(earlier("async fn f(a: A, b: B) { g(&b); g(&a) }"), none);
        assert_eq!(earlier("impl S { async fn f(self, a: u8, b: Arc<B>) { g(&self, b, a) } }"), ["self"]);
        assert_eq!(
            earlier("impl S { async fn f(&self, a: A, b: std::vec::Vec<u8>) { g(&self, a, b) } }"),
            none
        );
        assert_eq!(earlier("async fn f(a: Vec<(String, u8)>, b: Option<Box<[u8]>>) { g(a, b) }"), none);
        assert_eq!(earlier("async fn f<T>(a: T, b: Vec<T>) { g(a, b) }"), ["a"]);
    }

    /// Texts made of what matters here.
    fn rusty() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "async fn f(",
            "pub async unsafe fn g<'a, T>(",
            "&self, ",
            "a: &u8, ",
            "mut b: A<'_>, ",
            "c: &'a mut [T; 3]",
            ") {",
            ") -> u8 {",
            ") -> &T where T: B {",
            "}",
            "\n",
            "\r\n\t",
            "    ",
            "async {",
            "impl<'b> S<'b> {",
            "impl S {",
            "trait T {",
            "mod m {",
            "use std::future::Future;",
            "m! {",
            "#[inline] ",
            "#[cfg_attr(",
            ")]",
            "a.b;",
            "g(b).await;",
            "\"",
            "// c\n",
            "/*",
            "*/",
            "é",
            "'",
            "x",
            "-> ",
            "(",
            ")",
            "<",
            ">",
            ",",
            "|b|",
            "let b = ",
            "{b}",
            "println!(\"{b}\", b);",
            "fn(&u8)",
            "impl Fn(&u8)",
            "async ",
            "fn ",
            "&",
            "'_ ",
            "self",
            "r#\"",
            "\"#",
        ]);
        prop_oneof![
            8 => prop::collection::vec(word, 0..40).prop_map(|it| it.concat()),
            1 => "\\PC{0,80}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn any_text(text in rusty(), edition in prop::sample::select(vec!["", "2018", "2021", "2024"])) {
            let outline = Outline::new(text.as_str().into());
            let errors = |text: &str| SourceFile::parse(text, Edition::Edition2021).errors().len();
            let before = errors(&text);
            for site in outline.sites() {
                let look = |tree: &SourceFile| desugar(&function(tree, site.token)?, &language(edition));
                let looked = if text.starts_with('\u{feff}') { None } else { with_tree(&text, look) };
                for way in looked.into_iter().flatten().flat_map(|new| new.ways) {
                    let new = edited(&text, &way);
                    prop_assert!(new.is_some());
                    prop_assert!(before > 0 || errors(&new.unwrap()) == 0, "{text}");
                    prop_assert!(way.iter().all(|edit| site.range.contains_range(edit.range)));
                }
            }
        }
    }
}
