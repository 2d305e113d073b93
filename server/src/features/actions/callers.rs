//! The fns that call an `async fn` and await the returned future on the spot: all of them, in whatever file, for edits that
//! change how a fn is called.
//!
//! They are found by what the compiler says is awaited. Every other place that has the fn's name must be something else, as
//! far as the text tells.

use super::signature::{self, Refusal::NotAnAsyncFn};
use super::{Context, Elsewhere};
use crate::dump::absolute;
use crate::features::snapshot::Placed;
use crate::layout::HeldKind;
use crate::source::{Edit, TextRange, with_tree};
use crate::unit_id::UnitId;
use ra_ap_syntax::ast::{self, AstNode, HasAttrs, HasName, HasVisibility};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// For a title.
pub(super) const INTERFACE: &str = "changes the public interface";

/// Why it stays as it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The fn cannot have another signature
    Signature(signature::Refusal),
    /// The fn, or what is around it, has `#[cfg]`: in other configurations another fn may have its name.
    Conditional,
    /// What is awaited is not written as a call of the fn.
    NotCalled,
    /// The fn's name is used in another way, too: as a value, in a macro, in a call that is not awaited on the spot.
    Named,
}

impl From<signature::Refusal> for Refusal {
    fn from(why: signature::Refusal) -> Self {
        Refusal::Signature(why)
    }
}

/// The fn that is called.
#[derive(Debug)]
pub(super) struct Called {
    pub name: String,
    /// It is an item of an `impl`: only called by a path with something in front, or as a method.
    pub is_associated: bool,
    pub is_public: bool,
}

/// A fn that may be edited together with all that call it.
pub(super) fn called(function: &ast::Fn) -> Result<Called, Refusal> {
    if !signature::look_around(function)?.is_empty() {
        return Err(signature::Refusal::Attribute.into());
    }
    let around = signature::associated(function);
    if around.and_then(ast::Impl::cast).is_some_and(|it| it.trait_().is_some()) {
        return Err(signature::Refusal::Trait.into());
    }
    if function.syntax().ancestors().any(|node| has_attribute(&node, "cfg")) {
        return Err(Refusal::Conditional);
    }
    Ok(Called {
        name: function.name().ok_or(NotAnAsyncFn)?.text().to_string(),
        is_associated: signature::associated(function).is_some(),
        is_public: function.visibility().is_some_and(|it| it.syntax().text() == "pub"),
    })
}

/// Has a node an attribute with this word in it?
pub(super) fn has_attribute(node: &SyntaxNode, word: &str) -> bool {
    let mut attributes = node.children().filter_map(ast::Attr::cast);
    attributes.any(|attribute| {
        let mut tokens = attribute.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
        tokens.any(|token| token.text() == word)
    })
}

/// A future that awaits the fn's.
pub(super) struct Caller<'a> {
    pub placed: &'a Placed,
    /// The file that it awaits it in: absolute path.
    file: PathBuf,
    /// The stored futures of the fn, and the states that have them.
    pub held: Vec<(u32, u32)>,
}

/// Where the fn's future is awaited.
pub(super) struct Awaits<'a> {
    pub callers: Vec<Caller<'a>>,
    /// What is awaited, or the whole await, by absolute path.
    pub places: BTreeMap<PathBuf, Vec<TextRange>>,
}

/// All that the compiler says awaits the fn's future. `None` if one of them is in no text.
pub(super) fn awaits<'a>(context: &Context<'a>) -> Option<Awaits<'a>> {
    let of_site = &context.view.sites.get(&context.site)?.futures;
    let ids: HashSet<&Arc<str>> = of_site.iter().map(|future| &future.id).collect();
    let is_here = |id: &str, origin: &UnitId| {
        let placed = context.snapshot.future_in(id, origin);
        placed
            .and_then(|placed| placed.location.as_ref())
            .is_some_and(|location| location.file == context.file && location.site == context.site)
    };
    let mut found = Awaits { callers: Vec::new(), places: BTreeMap::new() };
    for placed in context.snapshot.futures(false) {
        let Some(body) = &placed.future.body else { continue };
        let mut stored = placed.future.parts.all().flat_map(|part| &part.embedded);
        if !stored.any(|one| ids.contains(&one.id)) {
            continue;
        }
        let mut callers: Vec<Caller<'a>> = Vec::new();
        for (state, index) in placed.future.states.iter().zip(0u32..) {
            for held in &state.held {
                let Some(id) = held.future.as_ref().filter(|id| ids.contains(id)) else { continue };
                if held.kind != HeldKind::Awaitee || !is_here(id, &body.origin) {
                    continue;
                }
                let declared = held.declared.as_ref()?;
                let range = context.snapshot.text(&placed.future, &declared.file)?.range(declared)?;
                let file = absolute(&placed.dir, &declared.file);
                let places = found.places.entry(file.clone()).or_default();
                if !places.contains(&range) {
                    places.push(range);
                }
                let caller = match callers.iter_mut().find(|caller| caller.file == file) {
                    Some(caller) => caller,
                    None => {
                        callers.push(Caller { placed, file, held: Vec::new() });
                        callers.last_mut()?
                    }
                };
                caller.held.push((held.saved?, index));
            }
        }
        found.callers.extend(callers);
    }
    Some(found)
}

/// The edits of all that call it: `edit` gives those of one awaited call. `None` if it may be used in any other way.
pub(super) fn elsewhere(
    context: &Context<'_>,
    awaits: &Awaits<'_>,
    of: &Called,
    edit: &(impl Fn(&ast::AwaitExpr) -> Option<Vec<Edit>> + Sync),
) -> Option<Vec<Elsewhere>> {
    let body = context.future.body.as_ref()?;
    let word = of.name.trim_start_matches("r#");
    let texts = context.snapshot.texts_around(context.file, word)?;
    if awaits.places.keys().any(|file| !texts.contains_key(file)) {
        return None;
    }
    let mut elsewhere: Vec<Elsewhere> = Vec::new();
    for (file, &text) in &texts {
        let places = awaits.places.get(file).map_or(&[][..], Vec::as_slice);
        if !text.text().contains(word) {
            continue;
        }
        // All offsets would be shifted by a byte order mark.
        if text.text().starts_with('\u{feff}') {
            return None;
        }
        let look = |tree: &SourceFile| calls(tree, of, places, edit);
        let edits = with_tree(text.text(), look)?.ok()?;
        if !edits.is_empty() {
            let bodies = awaits.callers.iter().filter(|caller| caller.file == *file);
            let bodies = bodies.filter_map(|caller| caller.placed.future.body.as_ref());
            let bodies = bodies.filter(|caller| caller.origin == body.origin);
            let bodies: BTreeSet<Arc<str>> = bodies.map(|body| body.def_path.clone()).collect();
            let bodies = bodies.into_iter().collect();
            elsewhere.push(Elsewhere { file: file.clone(), text: text.clone(), edits, bodies });
        }
    }
    Some(elsewhere)
}

/// Edits of the calls that are awaited at these places of a text. No other place in it may mean the fn.
pub(super) fn calls(
    tree: &SourceFile,
    of: &Called,
    places: &[TextRange],
    edit: &impl Fn(&ast::AwaitExpr) -> Option<Vec<Edit>>,
) -> Result<Vec<Edit>, Refusal> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut known: HashSet<TextRange> = HashSet::new();
    for place in places {
        let (name, awaited) = call(tree, of, *place).ok_or(Refusal::NotCalled)?;
        known.insert(name);
        edits.extend(edit(&awaited).ok_or(Refusal::NotCalled)?);
    }
    let tokens = tree.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
    let mut named = tokens.filter(|token| token.kind() == SyntaxKind::IDENT && token.text() == of.name);
    match named.any(|token| !known.contains(&token.text_range()) && may_mean(&token, of)) {
        true => Err(Refusal::Named),
        false => Ok(edits),
    }
}

/// The name in a call that is awaited on the spot, and the whole of it. `place` is what is awaited or the whole of it.
fn call(tree: &SourceFile, of: &Called, place: TextRange) -> Option<(TextRange, ast::AwaitExpr)> {
    let token = tree.syntax().token_at_offset(place.start()).right_biased()?;
    let mut around = token.parent_ancestors().filter_map(ast::AwaitExpr::cast);
    let awaited = around.find(|it| {
        let operand = it.expr().map(|operand| operand.syntax().text_range());
        it.syntax().text_range() == place || operand == Some(place)
    })?;
    let operand = awaited.expr()?;
    let name = match &operand {
        ast::Expr::CallExpr(call) => match call.expr()? {
            ast::Expr::PathExpr(callee) => callee.path()?.segment()?.name_ref()?,
            _ => return None,
        },
        ast::Expr::MethodCallExpr(call) if of.is_associated => call.name_ref()?,
        _ => return None,
    };
    if name.text() != of.name.as_str() || operand.attrs().next().is_some() {
        return None;
    }
    Some((name.syntax().text_range(), awaited))
}

/// Could the fn be meant by its name there? An import by that name is no use of it.
pub(super) fn may_mean(token: &SyntaxToken, of: &Called) -> bool {
    let Some(parent) = token.parent() else { return true };
    let Some(around) = parent.parent() else { return true };
    match parent.kind() {
        // What is declared is something else; but by a name given to an import nobody would know it.
        SyntaxKind::NAME => false,
        SyntaxKind::NAME_REF => match around.kind() {
            SyntaxKind::FIELD_EXPR => false,
            SyntaxKind::RECORD_EXPR_FIELD => {
                ast::RecordExprField::cast(around).is_none_or(|it| it.colon_token().is_none())
            }
            SyntaxKind::RECORD_PAT_FIELD => {
                ast::RecordPatField::cast(around).is_none_or(|it| it.colon_token().is_none())
            }
            SyntaxKind::METHOD_CALL_EXPR => of.is_associated,
            SyntaxKind::PATH_SEGMENT => path_may_mean(&around, of),
            _ => true,
        },
        // Whatever a macro makes of it.
        _ => true,
    }
}

fn path_may_mean(segment: &SyntaxNode, of: &Called) -> bool {
    let Some(path) = segment.parent().and_then(ast::Path::cast) else { return true };
    let Some(around) = path.syntax().parent() else { return true };
    match around.kind() {
        // It stands in front of another name.
        SyntaxKind::PATH => false,
        SyntaxKind::USE_TREE => ast::UseTree::cast(around).is_none_or(|it| it.rename().is_some()),
        SyntaxKind::PATH_TYPE | SyntaxKind::MACRO_CALL | SyntaxKind::VISIBILITY => false,
        _ => !of.is_associated || path.qualifier().is_some(),
    }
}
