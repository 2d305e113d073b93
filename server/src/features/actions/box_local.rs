//! Moves a large local to the heap, so that only a pointer to it is stored.
//!
//! ```text
//! let mut page = [0u8; 4096];         let mut page = vec![0u8; 4096];
//! read(&mut page).await;              read(&mut page[..]).await;
//!
//! let config = Config::new();         let config = Box::new(Config::new());
//! run(&config).await;                 run(&*config).await;
//! ```
//!
//! An array made by repetition becomes a `Vec`, anything else goes into a `Box`. Method
//! calls, fields and indices dereference the pointer by themselves. Other uses are rewritten; whether all of them fit, only
//! the compiler can tell.

use super::box_awaitee::pin_path;
use super::{ActionKind, Candidate, Context, local, macro_arguments};
use crate::features::language::Heap;
use crate::layout::whatif::{Change, Prediction};
use crate::layout::{Held, HeldKind};
use crate::source::{Edit, TextRange, TextSize};
use ra_ap_syntax::ast::{self, ArrayExprKind, AstNode};
use ra_ap_syntax::{SourceFile, SyntaxKind, SyntaxNode, SyntaxToken};

/// Smaller ones are not worth an allocation, in bytes.
const LARGE: u64 = 256;

/// Why a local cannot be put on the heap by an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The variable is not declared by a `let` in a block, but by a parameter, a match arm or a macro.
    NotALet,
    /// The variable is a part of a larger pattern, or bound by `ref` or with `@`.
    Pattern,
    /// The variable gets its value later.
    NoValue,
    /// The variable is declared by `let … else`.
    LetElse,
    /// The variable is a reference or a pointer already.
    Pointer,
    /// The variable is in a constant, where nothing can be allocated.
    Constant,
    /// The variable is awaited: its value would be stored outside of the heap again.
    Awaited,
    /// A raw pointer to the variable is made.
    RawPointer,
    /// The variable is passed to a macro of which it is not known what it does with it.
    Macro,
}

/// Where the heap's things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paths {
    /// `Box`
    boxed: String,
    /// `vec!`
    vec: &'static str,
    /// `Vec`
    vec_type: &'static str,
}

impl Paths {
    fn new(heap: Heap, text: &str) -> Option<Self> {
        let pin = pin_path(heap, text)?;
        let (vec, vec_type) =
            if heap == Heap::Std { ("vec!", "Vec") } else { ("alloc::vec!", "alloc::vec::Vec") };
        Some(Paths { boxed: pin.strip_suffix("::pin")?.to_owned(), vec, vec_type })
    }
}

pub(super) fn candidates(context: &Context<'_>) -> Vec<Candidate> {
    let Some(paths) = Paths::new(context.language.heap, context.text()) else { return Vec::new() };
    let mut found = Vec::new();
    let mut done: Vec<u32> = Vec::new();
    for held in context.suspended().flat_map(|(_, state)| &state.held) {
        let is_large = held.kind == HeldKind::Local && held.size >= LARGE;
        let Some(saved) = held.saved.filter(|_| is_large) else { continue };
        if !done.contains(&saved) {
            done.push(saved);
            found.extend(moved(context, held, saved, &paths));
        }
    }
    found
}

fn moved(context: &Context<'_>, held: &Held, saved: u32, paths: &Paths) -> Option<Candidate> {
    let declared = context.range(held.declared.as_ref()?)?;
    let Moved { ways, is_vec } = moves(context.tree, declared, paths).ok()?;
    let label = format!("Move `{}` to the heap", held.name);
    let mut candidate = context.candidate(ActionKind::BoxLocal, label, vec![declared]);
    let resized = context.future.parts.pointer.and_then(|pointer| {
        let size = if is_vec { 3 * pointer } else { pointer };
        context.predict(&[Change::Resize { saved, size, align: pointer }])
    });
    // The pointer is held at least where the value is.
    if resized.is_some_and(|new| new.size >= context.shown.size) {
        return None;
    }
    // It has a destructor, for which it may be held longer.
    candidate.predicted = resized.map(|new| Prediction { exact: false, ..new });
    candidate.ways = ways;
    Some(candidate)
}

/// How a local is moved to the heap.
#[derive(Debug)]
pub(super) struct Moved {
    ways: Vec<Vec<Edit>>,
    /// The first way makes a `Vec`.
    is_vec: bool,
}

/// The edits that move the local whose pattern is at a range.
pub(super) fn moves(tree: &SourceFile, at: TextRange, paths: &Paths) -> Result<Moved, Refusal> {
    let local::Declared { binding, statement, list } = local::declared(tree, at).ok_or(Refusal::NotALet)?;
    let is_whole = statement.pat().is_some_and(|pattern| pattern.syntax() == binding.syntax());
    if !is_whole || binding.ref_token().is_some() || binding.at_token().is_some() {
        return Err(Refusal::Pattern);
    }
    if statement.let_else().is_some() {
        return Err(Refusal::LetElse);
    }
    let value = statement.initializer().ok_or(Refusal::NoValue)?;
    if is_pointer(&value, statement.ty()) {
        return Err(Refusal::Pointer);
    }
    if statement.syntax().ancestors().any(|node| is_constant(&node)) {
        return Err(Refusal::Constant);
    }
    let behind = statement.syntax().text_range().end();
    let uses = uses(&list, behind, &local::name(&binding))?;
    let name = binding.syntax().text_range();

    let mut ways = Vec::new();
    if let Some(list) = repetition(&value) {
        let heap = uses.iter().map(|(token, how)| as_vec(token, *how)).collect::<Option<Vec<_>>>();
        if let Some(rewritten) = heap {
            let mut edits = vec![Edit::insert(list.start(), paths.vec)];
            if let Some(ty) = statement.ty() {
                edits.extend(vec_type(&ty, name, paths));
            }
            edits.extend(rewritten.into_iter().flatten());
            ways.push(edits);
        }
    }
    let is_vec = !ways.is_empty();
    let value = value.syntax().text_range();
    let mut edits =
        vec![Edit::insert(value.start(), format!("{}::new(", paths.boxed)), Edit::insert(value.end(), ")")];
    if let Some(ty) = statement.ty() {
        let ty = ty.syntax().text_range();
        edits.push(Edit::insert(ty.start(), format!("{}<", paths.boxed)));
        edits.push(Edit::insert(ty.end(), ">"));
    }
    edits.extend(uses.iter().filter_map(|(token, how)| as_box(token, *how)));
    ways.push(edits);
    Ok(Moved { ways, is_vec })
}

fn is_pointer(value: &ast::Expr, ty: Option<ast::Type>) -> bool {
    use ast::Type::{DynTraitType, FnPtrType, ImplTraitType, PtrType, RefType, SliceType};
    let is_box = |ty: &ast::Type| {
        let text = ty.syntax().text().to_string();
        ["Box<", "Rc<", "Arc<", "Vec<", "Pin<"].iter().any(|pointer| text.starts_with(pointer))
    };
    matches!(value, ast::Expr::RefExpr(_))
        || ty.is_some_and(|ty| {
            is_box(&ty)
                || matches!(
                    ty,
                    DynTraitType(_)
                        | FnPtrType(_)
                        | ImplTraitType(_)
                        | PtrType(_)
                        | RefType(_)
                        | SliceType(_)
                )
        })
}

fn is_constant(node: &SyntaxNode) -> bool {
    match node.kind() {
        SyntaxKind::CONST | SyntaxKind::STATIC => true,
        SyntaxKind::BLOCK_EXPR => {
            ast::BlockExpr::cast(node.clone()).is_some_and(|block| block.const_token().is_some())
        }
        SyntaxKind::FN => ast::Fn::cast(node.clone()).is_some_and(|it| it.const_token().is_some()),
        _ => false,
    }
}

/// `[e; n]`
fn repetition(value: &ast::Expr) -> Option<TextRange> {
    let ast::Expr::ArrayExpr(array) = value else { return None };
    let is_repetition =
        matches!(array.kind(), ArrayExprKind::Repeat { initializer: Some(_), repeat: Some(_) });
    is_repetition.then(|| array.syntax().text_range())
}

/// `: [T; n]` becomes `: Vec<T>`, and the name of another type goes.
fn vec_type(ty: &ast::Type, name: TextRange, paths: &Paths) -> Vec<Edit> {
    let whole = ty.syntax().text_range();
    let element = match ty {
        ast::Type::ArrayType(array) => array.ty().map(|element| element.syntax().text_range()),
        _ => None,
    };
    match element {
        Some(element) => vec![
            Edit::replace(TextRange::new(whole.start(), element.start()), format!("{}<", paths.vec_type)),
            Edit::replace(TextRange::new(element.end(), whole.end()), ">"),
        ],
        None => vec![Edit::delete(TextRange::new(name.end(), whole.end()))],
    }
}

/// How a variable is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// `x.y`, `x.y()`, `x[0]`, `x()`, or in a macro that only looks at it: the pointer does it too.
    Through,
    /// `&x`, `&mut x`
    Reference,
    /// As a value, or assigned to.
    Value,
    /// `x?`
    Postfix,
    /// `for y in x`
    Iterated,
    /// `S { x }`
    Shorthand,
}

/// How that is written if the variable is a box; none if as it is.
pub(super) fn as_box(token: &SyntaxToken, how: Use) -> Option<Edit> {
    let range = token.text_range();
    match how {
        Use::Through => None,
        Use::Reference | Use::Value | Use::Iterated => Some(Edit::insert(range.start(), "*")),
        Use::Postfix => Some(Edit::replace(range, format!("(*{})", token.text()))),
        Use::Shorthand => Some(Edit::insert(range.start(), format!("{}: *", token.text()))),
    }
}

/// Not all uses of an array are also some of a `Vec`.
fn as_vec(token: &SyntaxToken, how: Use) -> Option<Option<Edit>> {
    match how {
        Use::Through | Use::Iterated => Some(None),
        Use::Reference => Some(Some(Edit::insert(token.text_range().end(), "[..]"))),
        Use::Value | Use::Postfix | Use::Shorthand => None,
    }
}

/// All uses of a local, by the statements around it and where its own ends: if it is from outside of them, that is where they
/// begin.
pub(super) fn uses(
    list: &ast::StmtList,
    behind: TextSize,
    name: &str,
) -> Result<Vec<(SyntaxToken, Use)>, Refusal> {
    let tokens = local::mentioning(list.syntax(), name).filter(|token| token.text_range().start() >= behind);
    let mut uses = Vec::new();
    for token in tokens.filter(|token| !is_shadowed(token, list, behind, name)) {
        if token.parent().is_some_and(|parent| parent.kind() == SyntaxKind::TOKEN_TREE) {
            match is_looked_at(&token) {
                true => uses.push((token, Use::Through)),
                false => uses.extend(used_in_arms(&token)?.map(|how| (token, how))),
            }
        } else if let Some(how) = used(&token)? {
            uses.push((token, how));
        }
    }
    Ok(uses)
}

/// Is the token an argument of a macro that takes references to all of them?
fn is_looked_at(token: &SyntaxToken) -> bool {
    const OTHERS: [&str; 6] = ["todo", "trace", "debug", "info", "warn", "error"];
    let call = token.parent_ancestors().find_map(ast::MacroCall::cast);
    let name = call.and_then(|call| call.path()?.segment()?.name_ref());
    name.is_some_and(|name| local::BY_REFERENCE.contains(&name.text()) || OTHERS.contains(&name.text()))
}

/// How the variable that a token names is used among the arguments of a macro that waits for several futures: these
/// are expressions and patterns, evaluated in place. Only what the tokens around it show for sure: `&mut x`, `x.y`, `x[0]`.
fn used_in_arms(token: &SyntaxToken) -> Result<Option<Use>, Refusal> {
    let call = token.parent_ancestors().find_map(ast::MacroCall::cast).ok_or(Refusal::Macro)?;
    let beside = |first: Option<SyntaxToken>, next: fn(&SyntaxToken) -> Option<SyntaxToken>| {
        std::iter::successors(first, next).filter(|it| !it.kind().is_trivia())
    };
    let before = |token: &SyntaxToken| beside(token.prev_token(), SyntaxToken::prev_token);
    let is_in_another =
        token.parent_ancestors().filter(|it| it.kind() == SyntaxKind::TOKEN_TREE).any(|tree| {
            let mut before =
                tree.first_token().into_iter().flat_map(|first| before(&first).collect::<Vec<_>>());
            let is_macro = before.next().is_some_and(|it| it.text() == "!");
            let name = before.next();
            is_macro && name.is_some_and(|name| !macro_arguments::waits_for_several(name.text()))
        });
    let name = call.path().and_then(|path| path.segment()?.name_ref());
    if is_in_another || !name.is_some_and(|name| macro_arguments::waits_for_several(name.text())) {
        return Err(Refusal::Macro);
    }
    let mut ahead = before(token).map(|it| it.text().to_owned());
    let [mut first, mut second] = [(); 2].map(|()| ahead.next().unwrap_or_default());
    if first == "." && second != "." {
        // A field or method of this name.
        return Ok(None);
    }
    let is_mutable = first == "mut";
    if is_mutable {
        (first, second) = (second, ahead.next().unwrap_or_default());
    }
    // Not so `a & x` and `a && x`.
    let ends_value = |text: &str| {
        text.ends_with(|last: char| last == '_' || last.is_alphanumeric() || ")]}\"'?&".contains(last))
            && !["return", "break", "in", "match", "if", "while", "else"].contains(&text)
    };
    let is_lent = first == "&" && !ends_value(&second);
    let mut behind = beside(token.next_token(), SyntaxToken::next_token).map(|it| it.text().to_owned());
    let [next, after] = [(); 2].map(|()| behind.next().unwrap_or_default());
    let is_through = next == "[" || next == "." && after != "." && after != "await";
    match (is_through, is_lent) {
        (true, _) if !is_mutable || is_lent => Ok(Some(Use::Through)),
        (false, true) if [",", ")", ";", "]", "}"].contains(&&*next) => Ok(Some(Use::Reference)),
        _ => Err(Refusal::Macro),
    }
}

/// Does another variable of this name come between a token and the local's `let`?
fn is_shadowed(token: &SyntaxToken, list: &ast::StmtList, behind: TextSize, name: &str) -> bool {
    let binds = |pattern: Option<ast::Pat>| {
        pattern.is_some_and(|pattern| local::bindings(&pattern).iter().any(|it| local::name(it) == name))
    };
    let is_before = |node: &SyntaxNode| node.text_range().end() <= token.text_range().start();
    let lets_before = |node: &SyntaxNode| {
        let mut lets = node.descendants().filter_map(ast::LetExpr::cast);
        lets.any(|it| is_before(it.syntax()) && binds(it.pat()))
    };
    for node in token.parent_ancestors() {
        let shadows = match node.kind() {
            SyntaxKind::STMT_LIST => {
                let statements = ast::StmtList::cast(node.clone()).into_iter().flat_map(|it| it.statements());
                let mut lets = statements.filter(|it| {
                    let is_own = node == *list.syntax() && it.syntax().text_range().start() < behind;
                    is_before(it.syntax()) && !is_own
                });
                lets.any(|it| local::binds(&it, name))
            }
            SyntaxKind::CLOSURE_EXPR => {
                let params = ast::ClosureExpr::cast(node.clone()).and_then(|it| it.param_list());
                params.is_some_and(|params| params.params().any(|param| binds(param.pat())))
            }
            SyntaxKind::MATCH_ARM => ast::MatchArm::cast(node.clone()).is_some_and(|arm| {
                binds(arm.pat()) || arm.guard().is_some_and(|it| lets_before(it.syntax()))
            }),
            SyntaxKind::FOR_EXPR => ast::ForExpr::cast(node.clone()).is_some_and(|it| {
                let iterable = it.iterable().is_some_and(|iterable| is_before(iterable.syntax()));
                iterable && binds(it.pat())
            }),
            SyntaxKind::IF_EXPR => ast::IfExpr::cast(node.clone()).is_some_and(|it| {
                let is_else = it.then_branch().is_none_or(|then| is_before(then.syntax()));
                !is_else && it.condition().is_some_and(|it| lets_before(it.syntax()))
            }),
            SyntaxKind::WHILE_EXPR => ast::WhileExpr::cast(node.clone())
                .is_some_and(|it| it.condition().is_some_and(|it| lets_before(it.syntax()))),
            SyntaxKind::FN | SyntaxKind::CONST | SyntaxKind::STATIC => true,
            _ => false,
        };
        if shadows {
            return true;
        }
        if node == *list.syntax() {
            return false;
        }
    }
    false
}

/// How the variable that a token names is used; none if it names something else.
fn used(token: &SyntaxToken) -> Result<Option<Use>, Refusal> {
    let path = token.parent().and_then(ast::NameRef::cast).and_then(|name| {
        let segment = ast::PathSegment::cast(name.syntax().parent()?)?;
        ast::PathExpr::cast(segment.syntax().parent()?.parent()?)
    });
    let Some(path) = path else { return Ok(None) };
    let mut node = path.syntax().clone();
    while let Some(parent) = node.parent().filter(|parent| parent.kind() == SyntaxKind::PAREN_EXPR) {
        node = parent;
    }
    let Some(parent) = node.parent() else { return Ok(None) };
    // Fields, methods, indices and calls: which of their parts is it?
    let is_first = parent.children().find(|child| ast::Expr::can_cast(child.kind())).as_ref() == Some(&node);
    let how = match parent.kind() {
        SyntaxKind::FIELD_EXPR | SyntaxKind::METHOD_CALL_EXPR => Use::Through,
        SyntaxKind::INDEX_EXPR | SyntaxKind::CALL_EXPR if is_first => Use::Through,
        SyntaxKind::REF_EXPR => {
            let is_raw = ast::RefExpr::cast(parent).is_some_and(|it| it.raw_token().is_some());
            if is_raw {
                return Err(Refusal::RawPointer);
            }
            Use::Reference
        }
        SyntaxKind::AWAIT_EXPR => return Err(Refusal::Awaited),
        SyntaxKind::TRY_EXPR => Use::Postfix,
        SyntaxKind::FOR_EXPR if is_first => Use::Iterated,
        SyntaxKind::RECORD_EXPR_FIELD => {
            let is_short = ast::RecordExprField::cast(parent).is_some_and(|it| it.colon_token().is_none());
            if is_short { Use::Shorthand } else { Use::Value }
        }
        _ => Use::Value,
    };
    Ok(Some(how))
}

#[cfg(test)]
mod tests {
    use super::super::examples::{Example, examples, in_fn};
    use super::super::texts;
    use super::*;
    use crate::source::{edited, with_tree};
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn std() -> Paths {
        Paths { boxed: "Box".to_owned(), vec: "vec!", vec_type: "Vec" }
    }

    fn ways(text: &str, paths: &Paths) -> Result<Vec<String>, Refusal> {
        ways_of("x", text, paths)
    }

    /// All texts that moving the first variable of this name makes.
    fn ways_of(name: &str, text: &str, paths: &Paths) -> Result<Vec<String>, Refusal> {
        let look = |tree: &SourceFile| {
            let mut bindings = tree.syntax().descendants().filter_map(ast::IdentPat::cast);
            let found = bindings.find(|it| local::name(it) == name).ok_or(Refusal::NotALet)?;
            let moved = moves(tree, found.syntax().text_range(), paths)?;
            Ok(moved.ways.iter().map(|edits| edited(text, edits).unwrap()).collect())
        };
        with_tree(text, look).unwrap()
    }

    fn check(body: &str, after: Expect) {
        let all = ways(&format!("async fn f() {{ {body} }}"), &std()).unwrap();
        let all: Vec<&str> =
            all.iter().map(|way| &way["async fn f() { ".len()..way.len() - " }".len()]).collect();
        after.assert_eq(&all.join("\n"));
    }

    fn refused(body: &str) -> Refusal {
        ways(&format!("async fn f() {{ {body} }}"), &std()).unwrap_err()
    }

    #[test]
    fn the_examples() {
        let examples = examples(include_str!("box_local.rs"));
        assert_eq!(examples.len(), 2);
        for (Example { before, after }, name) in examples.iter().zip(["page", "config"]) {
            assert_eq!(ways_of(name, &in_fn(before), &std()).unwrap()[0], in_fn(after));
        }
    }

    #[test]
    fn repetitions_become_vecs() {
        check(
            "let mut x = [0u8; 4096]; read(&mut x).await; x[0] + x.len() + y(&x)",
            expect![[r#"
            let mut x = vec![0u8; 4096]; read(&mut x[..]).await; x[0] + x.len() + y(&x[..])
            let mut x = Box::new([0u8; 4096]); read(&mut *x).await; x[0] + x.len() + y(&*x)"#]],
        );
        check(
            "let x: [u8; 9] = [0; 9]; for y in x {} a().await;",
            expect![[r#"
                let x: Vec<u8> = vec![0; 9]; for y in x {} a().await;
                let x: Box<[u8; 9]> = Box::new([0; 9]); for y in *x {} a().await;"#]],
        );
        check("let x = [0; 9]; y(x).await;", expect!["let x = Box::new([0; 9]); y(*x).await;"]);
    }

    #[test]
    fn uses_are_rewritten() {
        check(
            "let mut x: Large = Large::new(1); x.a = 1; x.b(); &x.c; g(x, (x), !x);",
            expect![
                "let mut x: Box<Large> = Box::new(Large::new(1)); x.a = 1; x.b(); &x.c; g(*x, (*x), !*x);"
            ],
        );
        check(
            "let mut x = y; x = z; x += 1; S { x, a: x }; x?; match x { _ => 1 }; x()",
            expect![
                "let mut x = Box::new(y); *x = z; *x += 1; S { x: *x, a: *x }; (*x)?; match *x { _ => 1 }; x()"
            ],
        );
        check(
            "let x = y; println!(\"{x:?} {}\", x); assert_eq!(x, y); async { &x }; || x",
            expect![[
                r#"let x = Box::new(y); println!("{x:?} {}", x); assert_eq!(x, y); async { &*x }; || *x"#
            ]],
        );
        check(
            "let x = y; m::x(); x::<u8>; a[x] = x[a];",
            expect!["let x = Box::new(y); m::x(); *x::<u8>; a[*x] = x[a];"],
        );
    }

    #[test]
    fn what_the_arms_of_a_select_lend_is_rewritten() {
        check(
            "let mut x = [0; 9]; select! { n = read(&mut x) => { send(&x[..n], c(&x)).await; } _ = s.x(x.len()) => x[0] }",
            expect![[r#"
                let mut x = vec![0; 9]; select! { n = read(&mut x[..]) => { send(&x[..n], c(&x[..])).await; } _ = s.x(x.len()) => x[0] }
                let mut x = Box::new([0; 9]); select! { n = read(&mut *x) => { send(&x[..n], c(&*x)).await; } _ = s.x(x.len()) => x[0] }"#]],
        );
    }

    #[test]
    fn other_variables_of_that_name_are_left_alone() {
        check(
            "let x = y; { let x = x; x } if let Some(x) = x { x } else { x }",
            expect!["let x = Box::new(y); { let x = *x; x } if let Some(x) = *x { x } else { *x }"],
        );
        check(
            "let x = y; |x| x; match x { x if x => x, _ => x } for x in x { x }",
            expect!["let x = Box::new(y); |x| x; match *x { x if x => x, _ => *x } for x in *x { x }"],
        );
        check(
            "let x = y; while let Some(x) = x { x } fn g() { x } let x = x; x",
            expect!["let x = Box::new(y); while let Some(x) = *x { x } fn g() { x } let x = *x; x"],
        );
        check(
            "x; let x = y; x; let S { x } = x else { x }; x",
            expect!["x; let x = Box::new(y); *x; let S { x } = *x else { *x }; x"],
        );
    }

    #[test]
    fn without_std_paths_are_full() {
        let text = "async fn f() { let x: [u8; 9] = [1; 9]; g(&x).await; }";
        assert_eq!(Paths::new(Heap::None, text), None);
        assert_eq!(Paths::new(Heap::Std, text), Some(std()));
        let all = ways(text, &Paths::new(Heap::Alloc, text).unwrap()).unwrap();
        assert_eq!(
            all,
            [
                "async fn f() { let x: alloc::vec::Vec<u8> = alloc::vec![1; 9]; g(&x[..]).await; }",
                "async fn f() { let x: alloc::boxed::Box<[u8; 9]> = alloc::boxed::Box::new([1; 9]); \
                 g(&*x).await; }",
            ]
        );
    }

    #[test]
    fn what_cannot_be_moved_is_refused() {
        assert_eq!(ways("async fn f(x: u8) { x }", &std()).unwrap_err(), Refusal::NotALet);
        assert_eq!(refused("if let Some(x) = y { x }"), Refusal::NotALet);
        assert_eq!(refused("m! { let x = 1; }"), Refusal::NotALet);
        assert_eq!(refused("let (x, y) = z; x"), Refusal::Pattern);
        assert_eq!(refused("let ref x = z; x"), Refusal::Pattern);
        assert_eq!(refused("let x @ S { .. } = z; x"), Refusal::Pattern);
        assert_eq!(refused("let x; x = 1;"), Refusal::NoValue);
        assert_eq!(refused("let x = y else { return };"), Refusal::LetElse);
        assert_eq!(refused("let x = &y;"), Refusal::Pointer);
        assert_eq!(refused("let x: &[u8] = y;"), Refusal::Pointer);
        assert_eq!(refused("let x: Box<[u8; 9]> = y;"), Refusal::Pointer);
        assert_eq!(refused("const { let x = 1; x };"), Refusal::Constant);
        assert_eq!(refused("const Y: u8 = { let x = 1; x };"), Refusal::Constant);
        assert_eq!(ways("const fn f() { let x = 1; }", &std()).unwrap_err(), Refusal::Constant);
        assert_eq!(refused("let x = y(); x.await;"), Refusal::Awaited);
        assert_eq!(refused("let x = y; &raw const x;"), Refusal::RawPointer);
        assert_eq!(refused("let x = y; addr_of!(x);"), Refusal::Macro);
        assert_eq!(refused("let x = y; matches!(x, S { .. });"), Refusal::Macro);
        assert_eq!(refused("let x = y; other! { a = b(&x) => {} }"), Refusal::Macro);
        for arms in [
            "x = b() => {}",
            "a = b(x) => {}",
            "a = x => {}",
            "a = b() => c & x,",
            "a = b() => c(a && x),",
            "a = b() => &&x,",
            "a = b() => other!(&x),",
            "a = b() => S { x },",
            "a = b() => { let mut x = 1; x.c() },",
            "a = b() => |x| x.c(),",
            "a = x.await => {}",
        ] {
            assert_eq!(refused(&format!("let x = y; select! {{ {arms} }}")), Refusal::Macro, "{arms}");
        }
    }

    fn statements() -> impl Strategy<Value = String> {
        const PIECES: [&str; 24] = [
            "let x = [0; 300];",
            "let mut x: [u8; 3] = [0; 3];",
            "let x = a(&x);",
            "let y = x;",
            "g(x, &x, &mut x);",
            "x += x;",
            "S { x };",
            "println!(\"{x}\", x);",
            "if let x = x { x } else { x }",
            "for x in x { x }",
            "{ let x = x; }",
            "x",
            "fn y() { x }",
            "match x { x => x, }",
            "&raw const x;",
            "x?;",
            "*x;",
            "|x| x;",
            "-x as u8;",
            "x..x;",
            "m! { x }",
            ";",
            "é",
            "let x: S",
        ];
        texts::pieces(&PIECES)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
        #[test]
        fn what_parsed_still_does(body in statements()) {
            let text = format!("async fn f() {{{body}}}\n");
            let errors = |text: &str| {
                SourceFile::parse(text, ra_ap_syntax::Edition::Edition2021).errors().len()
            };
            let had = errors(&text);
            let look = |tree: &SourceFile| {
                for found in tree.syntax().descendants().filter_map(ast::IdentPat::cast) {
                    let Ok(moved) = moves(tree, found.syntax().text_range(), &std()) else { continue };
                    assert!(!moved.ways.is_empty());
                    for way in moved.ways {
                        let new = edited(&text, &way).expect("edits fit");
                        assert!(had > 0 || errors(&new) == 0, "{text}\nbecame\n{new}");
                    }
                }
            };
            prop_assert!(with_tree(&text, look).is_some());
        }

        #[test]
        fn never_panics(text in "(let|mut|x|=|;|\\{|\\}|\\(|\\)| |\n|&|\"|!|#|fn|async|await|é|//|\\[|\\]|,|:){0,40}", start in 0u32..40, len in 0u32..9) {
            let look = |tree: &SourceFile| {
                let _ = moves(tree, TextRange::at(start.into(), len.into()), &std());
                for found in tree.syntax().descendants().filter_map(ast::IdentPat::cast) {
                    if let Ok(moved) = moves(tree, found.syntax().text_range(), &std()) {
                        assert!(moved.ways.iter().all(|way| edited(&text, way).is_some()));
                    }
                }
            };
            prop_assert!(with_tree(&text, look).is_some());
        }
    }
}
