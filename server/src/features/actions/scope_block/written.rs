//! Writes the block: which statements it takes in, and how what is used later leaves it.

use super::Refusal;
use crate::features::actions::local::{self, Declared};
use crate::source::{Edit, TextRange, TextSize};
use ra_ap_syntax::ast::{self, AstNode, HasArgList, HasAttrs, HasName};
use ra_ap_syntax::{NodeOrToken, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken};

/// A variable declared in the block.
#[derive(Debug)]
pub(super) struct Introduced {
    pub(super) name: String,
    /// Its pattern.
    pub(super) declared: TextRange,
    /// Its `let`.
    pub(super) statement: TextRange,
    pub(super) leaves: bool,
    /// What it is made of shows that it borrows from nothing else in the block.
    pub(super) is_alone: bool,
}

/// A block that ends a local.
#[derive(Debug)]
pub(super) struct Scoped {
    /// The statements in it.
    pub(super) range: TextRange,
    /// The statements around it, itself among them.
    pub(super) list: TextRange,
    pub(super) introduced: Vec<Introduced>,
    /// A macro in it may declare something nobody sees.
    pub(super) is_opaque: bool,
    pub(super) ways: Vec<Vec<Edit>>,
}

/// The block that ends the local whose pattern is at a range. `early`: temporaries of a block's last expression
/// are dropped before its variables. `moved`: where its value moves to what is awaited; then it leaves the block.
pub(super) fn scoped(
    tree: &SourceFile,
    text: &str,
    at: TextRange,
    early: bool,
    moved: Option<TextRange>,
) -> Result<Scoped, Refusal> {
    let Declared { binding, statement, list } = local::declared(tree, at).ok_or(Refusal::NotALet)?;
    let named = local::name(&binding);
    let all: Vec<ast::Stmt> = list.statements().collect();
    let own = all.iter().position(|it| it.syntax() == statement.syntax()).ok_or(Refusal::NotALet)?;

    let mut last = own;
    let mut is_shadowed = false;
    let tail = list.tail_expr();
    // The statement in which it is moved, or the value of what is around the statements.
    let until = match moved {
        None => all.len(),
        Some(moved) => {
            let is_in = |node: &SyntaxNode| node.text_range().contains_range(moved);
            let until = all.iter().position(|it| is_in(it.syntax()));
            let until = until.or_else(|| tail.as_ref().filter(|it| is_in(it.syntax())).map(|_| all.len()));
            until.filter(|until| *until > own).ok_or(Refusal::NotALet)?
        }
    };
    if let Some(moved) = moved {
        only_moved(&all[until..], tail.as_ref(), &named, moved)?;
    }
    for (index, statement) in all.iter().enumerate().take(until).skip(own + 1) {
        if local::mentions(statement.syntax(), &named) {
            last = index;
        }
        is_shadowed = local::binds(statement, &named);
        if is_shadowed {
            break;
        }
    }
    let in_tail = |name: &str| tail.as_ref().is_some_and(|tail| local::mentions(tail.syntax(), name));
    if last > own {
        last = with_borrowers(&all, own, last, at, &in_tail);
    }
    if moved.is_some() && (is_shadowed || last >= until) {
        return Err(Refusal::UsedWhereMoved);
    }
    let is_in_tail = moved.is_none() && !is_shadowed && in_tail(&named);
    if is_in_tail || (last + 1 == all.len() && tail.is_none()) {
        return Err(Refusal::UsedToTheEnd);
    }
    if last == own {
        return Err(Refusal::NeverUsed);
    }
    let (inside, behind) = (&all[own..=last], &all[last + 1..]);
    if inside.iter().any(is_item) {
        return Err(Refusal::Item);
    }

    let bindings = bindings(inside);
    let is_used_behind = |name: &str| last_use(behind, name, &in_tail) != LastUse::None;
    // Only the last variable of a name can be meant behind the block.
    let names: Vec<String> = bindings.iter().map(|(_, binding)| local::name(binding)).collect();
    let mut introduced = Vec::new();
    let mut leaving = Vec::new();
    for (index, (statement, binding)) in bindings.iter().enumerate() {
        let name = &names[index];
        let is_last = names[index + 1..].iter().all(|other| other != name);
        let is_own = binding.syntax().text_range() == at;
        let leaves = is_last && (!is_own || moved.is_some()) && is_used_behind(name);
        if leaves {
            if statement.initializer().is_none() {
                return Err(Refusal::Deferred);
            }
            if binding.ref_token().is_some() {
                return Err(Refusal::ByReference);
            }
            if statement.attrs().any(|attr| attr.syntax().text().to_string().contains("cfg")) {
                return Err(Refusal::Conditional);
            }
            leaving.push((statement.clone(), binding.clone()));
        }
        introduced.push(Introduced {
            is_alone: leaves && is_alone(inside, statement, name, &names),
            name: name.clone(),
            declared: binding.syntax().text_range(),
            statement: statement.syntax().text_range(),
            leaves,
        });
    }
    let is_opaque = inside.iter().any(|it| is_unknown_macro(it.syntax()));
    let behind: Vec<&SyntaxNode> =
        behind.iter().map(AstNode::syntax).chain(tail.as_ref().map(AstNode::syntax)).collect();
    let block = Block::new(text, inside, &behind, &leaving).ok_or(Refusal::NotALet)?;
    Ok(Scoped {
        range: block.range,
        list: list.syntax().text_range(),
        introduced,
        is_opaque,
        ways: block.ways(early),
    })
}

/// Is the local used nowhere from here on but where it is moved?
fn only_moved(
    behind: &[ast::Stmt],
    tail: Option<&ast::Expr>,
    named: &str,
    moved: TextRange,
) -> Result<(), Refusal> {
    // A variable of that name hides it behind its own statement.
    let hidden = behind.iter().position(|it| local::binds(it, named));
    let nodes = behind[..hidden.map_or(behind.len(), |at| at + 1)].iter().map(AstNode::syntax);
    let nodes = nodes.chain(tail.filter(|_| hidden.is_none()).map(AstNode::syntax));
    let mut uses = nodes.flat_map(|node| local::mentioning(node, named));
    let first = uses.next().ok_or(Refusal::UsedWhereMoved)?;
    let is_it = moved.contains_range(first.text_range()) && !local::is_in_macro(&first);
    if is_it && uses.next().is_none() { Ok(()) } else { Err(Refusal::UsedWhereMoved) }
}

fn is_item(statement: &ast::Stmt) -> bool {
    matches!(statement, ast::Stmt::Item(item) if !matches!(item, ast::Item::MacroCall(_)))
}

/// The variables that statements declare for those behind them.
fn bindings(inside: &[ast::Stmt]) -> Vec<(ast::LetStmt, ast::IdentPat)> {
    let mut found = Vec::new();
    for statement in inside {
        let ast::Stmt::LetStmt(statement) = statement else { continue };
        let own = statement.pat().map(|pattern| local::bindings(&pattern)).unwrap_or_default();
        found.extend(own.into_iter().map(|binding| (statement.clone(), binding)));
    }
    found
}

/// Where a variable is used for the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastUse {
    None,
    /// In this statement.
    At(usize),
    /// In the value of what is around the statements.
    Tail,
}

fn last_use(behind: &[ast::Stmt], name: &str, in_tail: &dyn Fn(&str) -> bool) -> LastUse {
    let mut last = LastUse::None;
    for (index, statement) in behind.iter().enumerate() {
        if local::mentions(statement.syntax(), name) {
            last = LastUse::At(index);
        }
        if local::binds(statement, name) {
            return last;
        }
    }
    if in_tail(name) { LastUse::Tail } else { last }
}

/// The last statement of the block if what may borrow from the local, but is done with before the next await,
/// goes into it too.
fn with_borrowers(
    all: &[ast::Stmt],
    own: usize,
    mut last: usize,
    at: TextRange,
    in_tail: &dyn Fn(&str) -> bool,
) -> usize {
    let waits = |statement: &ast::Stmt| {
        let mut tokens = statement.syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token);
        tokens.any(|token| token.kind() == SyntaxKind::AWAIT_KW || token.text() == "await")
    };
    loop {
        let (inside, behind) = (&all[own..=last], &all[last + 1..]);
        let bindings = bindings(inside);
        let names: Vec<String> = bindings.iter().map(|(_, binding)| local::name(binding)).collect();
        let ends = bindings.iter().enumerate().filter_map(|(index, (statement, binding))| {
            let name = &names[index];
            let is_last = names[index + 1..].iter().all(|other| other != name);
            if !is_last || binding.syntax().text_range() == at {
                return None;
            }
            let LastUse::At(end) = last_use(behind, name, in_tail) else { return None };
            let is_free = !behind[..=end].iter().any(|it| waits(it) || is_item(it));
            (is_free && !is_alone(inside, statement, name, &names)).then_some(end)
        });
        match ends.max() {
            Some(end) => last += end + 1,
            None => return last,
        }
    }
}

/// Does its own statement, or another one, show that a variable borrows from no other of these names?
fn is_alone(inside: &[ast::Stmt], own: &ast::LetStmt, name: &str, names: &[String]) -> bool {
    let others = |node: &SyntaxNode| names.iter().any(|other| other != name && local::mentions(node, other));
    let pattern = own.pat().map(|pattern| local::bindings(&pattern)).unwrap_or_default();
    let is_plain = pattern.len() == 1 && matches!(own.pat(), Some(ast::Pat::IdentPat(_)));
    if is_plain
        && (own.initializer().is_some_and(|it| is_number(&it))
            || own.ty().is_some_and(|ty| is_plain_type(&ty)))
    {
        return true;
    }
    if own.initializer().is_some_and(|it| keeps_temporary(it.syntax())) {
        return false;
    }
    let uses = |it: &&ast::Stmt| it.syntax() == own.syntax() || local::mentions(it.syntax(), name);
    pattern.len() == 1 && !inside.iter().filter(uses).any(|it| others(it.syntax()))
}

/// May a `let` with this value keep one without a name for as long as its own variable lives?
fn keeps_temporary(value: &SyntaxNode) -> bool {
    value.descendants().any(|node| match node.kind() {
        SyntaxKind::REF_EXPR => {
            let of = ast::RefExpr::cast(node).and_then(|it| it.expr());
            !of.is_some_and(|of| is_place(&of) || matches!(of, ast::Expr::Literal(_)))
        }
        SyntaxKind::MACRO_CALL => {
            let name = ast::MacroCall::cast(node).and_then(|call| call.path()?.segment()?.name_ref());
            !name.is_some_and(|name| ["format", "vec"].contains(&name.text()))
        }
        _ => false,
    })
}

/// Does an expression give a value that cannot borrow, whatever it is made of?
pub(in crate::features::actions) fn is_number(value: &ast::Expr) -> bool {
    match value {
        ast::Expr::Literal(_) => true,
        ast::Expr::ParenExpr(it) => it.expr().is_some_and(|it| is_number(&it)),
        ast::Expr::PrefixExpr(it) => {
            !matches!(it.op_kind(), Some(ast::UnaryOp::Deref)) && it.expr().is_some_and(|it| is_number(&it))
        }
        ast::Expr::BinExpr(it) => match it.op_kind() {
            Some(ast::BinaryOp::CmpOp(_) | ast::BinaryOp::LogicOp(_)) => true,
            _ => [it.lhs(), it.rhs()].into_iter().all(|side| side.is_some_and(|side| is_number(&side))),
        },
        ast::Expr::CastExpr(it) => it.ty().is_some_and(|ty| is_plain_type(&ty)),
        ast::Expr::MethodCallExpr(it) => it.name_ref().is_some_and(|name| OWNING.contains(&name.text())),
        _ => false,
    }
}

/// Methods whose value borrows from nothing.
const OWNING: [&str; 10] =
    ["len", "is_empty", "capacity", "count", "to_string", "to_vec", "is_some", "is_none", "is_ok", "is_err"];

fn is_plain_type(ty: &ast::Type) -> bool {
    const PLAIN: [&str; 17] = [
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64",
        "bool", "char", "String",
    ];
    let text = ty.syntax().text().to_string();
    PLAIN.contains(&text.as_str()) || PLAIN.iter().any(|plain| text == format!("Vec<{plain}>"))
}

/// Is a statement a macro's that may declare variables?
pub(super) fn is_unknown_macro(statement: &SyntaxNode) -> bool {
    const KNOWN: [&str; 25] = [
        "print",
        "println",
        "eprint",
        "eprintln",
        "write",
        "writeln",
        "assert",
        "assert_eq",
        "assert_ne",
        "debug_assert",
        "debug_assert_eq",
        "debug_assert_ne",
        "panic",
        "todo",
        "unimplemented",
        "unreachable",
        "dbg",
        "trace",
        "debug",
        "info",
        "warn",
        "error",
        "event",
        "format",
        "vec",
    ];
    let call = match ast::ExprStmt::cast(statement.clone()).and_then(|it| it.expr()) {
        Some(ast::Expr::MacroExpr(it)) => it.macro_call(),
        _ => ast::MacroCall::cast(statement.clone()),
    };
    call.is_some_and(|call| {
        let name = call.path().and_then(|path| path.segment()).and_then(|segment| segment.name_ref());
        name.is_none_or(|name| !KNOWN.contains(&name.text()))
    })
}

/// Whether statements change a variable in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Changes {
    No,
    Maybe,
    Yes,
}

fn changes<'n>(nodes: impl IntoIterator<Item = &'n SyntaxNode>, name: &str) -> Changes {
    let tokens = nodes.into_iter().flat_map(|node| local::mentioning(node, name));
    tokens.map(|token| changes_at(&token)).max().unwrap_or(Changes::No)
}

fn changes_at(token: &SyntaxToken) -> Changes {
    if local::is_in_macro(token) {
        return if token.kind() == SyntaxKind::IDENT { Changes::Maybe } else { Changes::No };
    }
    // From `x` out to all of the place `x.a[0]`.
    let Some(mut place) = token.parent_ancestors().find_map(ast::PathExpr::cast).map(ast::Expr::PathExpr)
    else {
        return Changes::Maybe;
    };
    while let Some(parent) = place.syntax().parent().and_then(ast::Expr::cast) {
        place = match parent {
            ast::Expr::FieldExpr(_) | ast::Expr::ParenExpr(_) => parent,
            ast::Expr::IndexExpr(it) if it.base().is_some_and(|base| base.syntax() == place.syntax()) => {
                ast::Expr::IndexExpr(it)
            }
            ast::Expr::RefExpr(it) => {
                return if it.mut_token().is_some() { Changes::Yes } else { Changes::No };
            }
            ast::Expr::BinExpr(it) => {
                let is_set = matches!(it.op_kind(), Some(ast::BinaryOp::Assignment { .. }));
                let is_target = it.lhs().is_some_and(|target| target.syntax() == place.syntax());
                return if is_set && is_target { Changes::Yes } else { Changes::No };
            }
            ast::Expr::MethodCallExpr(it)
                if it.receiver().is_some_and(|receiver| receiver.syntax() == place.syntax()) =>
            {
                let name = it.name_ref().map(|name| name.text().to_string()).unwrap_or_default();
                return match name.as_str() {
                    "len" | "is_empty" | "iter" | "as_slice" | "as_ref" | "as_str" | "clone" | "to_vec"
                    | "to_string" | "to_owned" | "contains" | "first" | "last" | "capacity" => Changes::No,
                    "push" | "push_str" | "insert" | "extend" | "clear" | "iter_mut" | "as_mut"
                    | "truncate" | "extend_from_slice" | "resize" | "append" | "drain" => Changes::Yes,
                    _ => Changes::Maybe,
                };
            }
            ast::Expr::PrefixExpr(_) | ast::Expr::MatchExpr(_) => return Changes::Maybe,
            _ => return Changes::No,
        };
    }
    Changes::No
}

/// One variable that leaves.
struct Leaving {
    /// As it is written.
    name: String,
    /// `mut` and the white space behind it.
    mutable: Option<TextRange>,
    /// Whether it is changed in the block, and behind it.
    changes: [Changes; 2],
}

/// What the edits are made of.
struct Block<'t> {
    text: &'t str,
    range: TextRange,
    /// The white space all its lines begin with.
    indent: &'t str,
    unit: &'static str,
    newline: &'static str,
    /// Where lines begin in it.
    lines: Vec<TextSize>,
    leaving: Vec<Leaving>,
    last: ast::Stmt,
}

impl<'t> Block<'t> {
    fn new(
        text: &'t str,
        inside: &[ast::Stmt],
        behind: &[&SyntaxNode],
        leaving: &[(ast::LetStmt, ast::IdentPat)],
    ) -> Option<Self> {
        let (first, last) = (inside.first()?, inside.last()?);
        let start = first.syntax().text_range().start();
        let mut end = last.syntax().text_range().end();
        // A comment at the end of the last line speaks of that line.
        let mut next = last.syntax().next_sibling_or_token();
        while let Some(NodeOrToken::Token(token)) = next {
            let is_comment = token.kind() == SyntaxKind::COMMENT && token.text().starts_with("//");
            if is_comment {
                end = token.text_range().end();
            }
            if is_comment || token.kind() != SyntaxKind::WHITESPACE || token.text().contains('\n') {
                break;
            }
            next = token.next_sibling_or_token();
        }
        let tokens = inside.iter().flat_map(|it| it.syntax().descendants_with_tokens());
        let between = inside.iter().filter_map(|it| it.syntax().next_sibling_or_token());
        let between = between.flat_map(|it| {
            std::iter::successors(Some(it), |it| match it {
                NodeOrToken::Token(_) => it.next_sibling_or_token(),
                NodeOrToken::Node(_) => None,
            })
        });
        let range = TextRange::new(start, end);
        let lines = tokens.chain(between).filter_map(NodeOrToken::into_token).filter_map(|token| {
            let newline = token.text().rfind('\n')? as u32 + 1;
            let at = token.text_range().start() + TextSize::from(newline);
            let is_line = token.kind() == SyntaxKind::WHITESPACE && range.contains(at);
            is_line.then_some(at)
        });
        let mut lines: Vec<TextSize> = lines.collect();
        lines.sort();
        lines.dedup();
        let indent = local::indentation(text, start);
        let leaving = leaving.iter().map(|(own, binding)| {
            let name = local::name(binding);
            let mutable = binding.mut_token().map(|token| {
                let space = token.next_token().filter(|next| next.kind() == SyntaxKind::WHITESPACE);
                let end = space.map_or(token.text_range().end(), |space| space.text_range().end());
                TextRange::new(token.text_range().start(), end)
            });
            let from = inside.iter().position(|it| it.syntax() == own.syntax()).map_or(0, |at| at + 1);
            let inner = changes(inside[from..].iter().map(AstNode::syntax), &name);
            let outer = changes(behind.iter().copied(), &name);
            let text = binding.name().map(|name| name.text().to_string()).unwrap_or_default();
            Leaving { name: text, mutable, changes: [inner, outer] }
        });
        Some(Block {
            text,
            range,
            indent,
            unit: if indent.contains('\t') { "\t" } else { "    " },
            newline: if text.contains("\r\n") { "\r\n" } else { "\n" },
            lines,
            leaving: leaving.collect(),
            last: last.clone(),
        })
    }

    /// The least `mut` first, because one that is not needed is warned of.
    fn ways(&self, early: bool) -> Vec<Vec<Edit>> {
        let mut ways: Vec<Vec<Edit>> = Vec::new();
        let values = match self.value(early) {
            Some(value) => vec![Some(value), None],
            None => vec![None],
        };
        for value in values {
            for maybe in [[false, false], [false, true], [true, false], [true, true]] {
                let way = self.way(value.as_ref(), maybe);
                if let Some(way) = way.filter(|way| !ways.contains(way)) {
                    ways.push(way);
                }
            }
        }
        // The last expression of a block keeps its temporaries longer than a statement does.
        let is_statement = matches!(&self.last, ast::Stmt::ExprStmt(it) if it.semicolon_token().is_none());
        if self.leaving.is_empty() && is_statement {
            let mut way = ways.first().cloned().unwrap_or_default();
            // Before what closes the block, wherever it is among the edits.
            way.insert(0, Edit::insert(self.last.syntax().text_range().end(), ";"));
            ways.push(way);
        }
        ways
    }

    /// One way: are variables, of which it is not clear, changed inside and behind the block?
    fn way(&self, value: Option<&Value>, maybe: [bool; 2]) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        let mut patterns = Vec::new();
        for one in &self.leaving {
            let is = |which: usize| match one.changes[which] {
                Changes::No => false,
                Changes::Maybe => maybe[which],
                Changes::Yes => true,
            };
            let (mut inner, mut outer) = (is(0), is(1));
            if let Some(range) = one.mutable {
                // It is there for a reason.
                if !inner && !outer {
                    match one.changes {
                        [Changes::Maybe, Changes::No] => inner = true,
                        [Changes::Maybe, Changes::Maybe] if maybe == [false, false] => return None,
                        _ => outer = true,
                    }
                }
                if !inner && value.is_none() {
                    edits.push(Edit::delete(range));
                }
            } else {
                outer = false;
            }
            patterns.push(format!("{}{}", if outer { "mut " } else { "" }, one.name));
        }
        let names: Vec<&str> = self.leaving.iter().map(|one| one.name.as_str()).collect();
        let (head, tail) = match &patterns[..] {
            [] => ("{".to_owned(), None),
            [one] => (format!("let {one} = {{"), Some(names[0].to_owned())),
            all => (format!("let ({}) = {{", all.join(", ")), Some(format!("({})", names.join(", ")))),
        };
        let Block { indent, unit, newline, .. } = self;
        edits.push(Edit::insert(self.range.start(), format!("{head}{newline}{indent}{unit}")));
        let goes = |at: TextSize| {
            let in_range = |range: TextRange| range.start() < at && at <= range.end();
            value.is_some_and(|value| in_range(value.before) || in_range(value.behind))
        };
        edits.extend(self.lines.iter().filter(|at| !goes(**at)).map(|at| Edit::insert(*at, *unit)));
        let end = match (tail, value) {
            (None, _) => format!("{newline}{indent}}}"),
            (Some(_), Some(value)) => {
                edits.push(Edit::delete(value.before));
                edits.push(Edit::delete(value.behind));
                format!("{newline}{indent}}};")
            }
            (Some(tail), None) => format!("{newline}{indent}{unit}{tail}{newline}{indent}}};"),
        };
        edits.push(Edit::insert(self.range.end(), end));
        Some(edits)
    }

    /// The value of the last statement, if that can be the block's.
    fn value(&self, early: bool) -> Option<Value> {
        let ([_], ast::Stmt::LetStmt(last)) = (&self.leaving[..], &self.last) else { return None };
        let Some(ast::Pat::IdentPat(binding)) = last.pat() else { return None };
        let is_simple = last.ty().is_none() && last.let_else().is_none() && last.attrs().next().is_none();
        let is_it = binding.name().is_some_and(|name| name.text() == self.leaving[0].name);
        let value = last.initializer()?;
        if !is_simple || !is_it || !(early || makes_no_temporaries(&value)) {
            return None;
        }
        let (all, value) = (last.syntax().text_range(), value.syntax().text_range());
        let is_clean = |range: TextRange| {
            let text = self.text.get(std::ops::Range::<usize>::from(range));
            text.is_some_and(|text| !text.contains('\n') && !text.contains("/*"))
        };
        let before = TextRange::new(all.start(), value.start());
        let behind = TextRange::new(value.end(), all.end());
        (is_clean(before) && is_clean(behind)).then_some(Value { before, behind })
    }
}

/// `let n = ` and `;` around a value.
struct Value {
    before: TextRange,
    behind: TextRange,
}

/// Does an expression leave no value without a name that could still need its variables when they are gone?
fn makes_no_temporaries(value: &ast::Expr) -> bool {
    let one = |it: Option<ast::Expr>| it.is_some_and(|it| makes_no_temporaries(&it));
    let place = |it: Option<ast::Expr>| it.is_some_and(|it| is_place(&it));
    let all = |list: Option<ast::ArgList>| list.is_some_and(|list| list.args().all(|it| one(Some(it))));
    match value {
        ast::Expr::Literal(_) | ast::Expr::PathExpr(_) => true,
        ast::Expr::ParenExpr(it) => one(it.expr()),
        ast::Expr::CastExpr(it) => one(it.expr()),
        ast::Expr::PrefixExpr(it) => one(it.expr()),
        ast::Expr::BinExpr(it) => one(it.lhs()) && one(it.rhs()),
        ast::Expr::TupleExpr(it) => it.fields().all(|it| one(Some(it))),
        ast::Expr::FieldExpr(it) => place(it.expr()),
        ast::Expr::IndexExpr(it) => place(it.base()) && one(it.index()),
        ast::Expr::RefExpr(it) => place(it.expr()),
        ast::Expr::CallExpr(it) => one(it.expr()) && all(it.arg_list()),
        ast::Expr::MethodCallExpr(it) => place(it.receiver()) && all(it.arg_list()),
        _ => false,
    }
}

/// `x.a[0]`
pub(in crate::features::actions) fn is_place(value: &ast::Expr) -> bool {
    match value {
        ast::Expr::PathExpr(_) => true,
        ast::Expr::FieldExpr(it) => it.expr().is_some_and(|it| is_place(&it)),
        ast::Expr::IndexExpr(it) => {
            it.base().is_some_and(|it| is_place(&it))
                && it.index().is_some_and(|it| makes_no_temporaries(&it))
        }
        _ => false,
    }
}
