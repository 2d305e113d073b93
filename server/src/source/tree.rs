//! The syntax tree of a text, for as long as one look at it takes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxNode, WalkEvent};

use super::depth;

/// Bytes of stack that one level of nesting takes in the parser, measured without optimization
/// (under 4 KiB) and rounded up.
const STACK_PER_LEVEL: usize = 5 << 10;
/// Bytes of stack for everything else.
const STACK: usize = 2 << 20;
/// A text that nests up to here is parsed where we are.
const SHALLOW: usize = 100;
/// A text that may nest deeper than this is not parsed.
const TOO_DEEP: usize = 20_000;
/// A tree deeper than this is leaked: its release recurses, on a thread of the parser whose stack
/// is not ours to choose.
const LEAKED: usize = 2_000;

/// Parses a text, which may be broken in any way, and looks at its tree. `None` for one that nests too
/// deep, or should the parser or the look at it fail.
pub fn with_tree<R: Send>(text: &str, look: impl FnOnce(&SourceFile) -> R + Send) -> Option<R> {
    let parse = AssertUnwindSafe(|| {
        let tree = SourceFile::parse(text, edition(text));
        let seen = look(&tree.tree());
        if depth(&tree.syntax_node()) > LEAKED {
            std::mem::forget(tree);
        }
        seen
    });
    match depth::bound(text) {
        ..=SHALLOW => catch_unwind(parse).ok(),
        bound @ ..=TOO_DEEP => std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK + bound * STACK_PER_LEVEL);
            let running = thread.spawn_scoped(scope, || catch_unwind(parse).ok());
            running.ok().and_then(|it| it.join().ok()).flatten()
        }),
        _ => None,
    }
}

/// The edition to parse as. `gen` became a keyword in 2024 and is a common name of methods before,
/// so it is only read as one where a `gen` block or fn is likely meant.
fn edition(text: &str) -> Edition {
    if text.contains("gen_blocks") { Edition::Edition2024 } else { Edition::Edition2021 }
}

fn depth(root: &SyntaxNode) -> usize {
    let (mut level, mut deepest) = (0usize, 0);
    for event in root.preorder_with_tokens() {
        match event {
            WalkEvent::Enter(NodeOrToken::Node(_)) => {
                level += 1;
                deepest = deepest.max(level);
            }
            WalkEvent::Leave(NodeOrToken::Node(_)) => level -= 1,
            _ => (),
        }
    }
    deepest
}
