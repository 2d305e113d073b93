//! Futures inside futures, as a tree.
//!
//! ```text
//!   total      own
//! 4,100 B      1 B  boxes::caller_inline   src/boxes.rs:20
//! 4,099 B  4,097 B  └─ boxes::large_future   src/boxes.rs:12, held at :21
//!     2 B      1 B     └─ yield_now::yield_now   src/yield_now.rs:8, held at src/boxes.rs:14
//! ```

use super::line::{Line, Paper, Style, columns};
use super::size::bytes;

/// A future, and the futures that are stored in it. One that is boxed is not: only its pointer is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Path or readable type.
    pub name: String,
    /// Bytes, everything inside included.
    pub size: u64,
    /// Where it is written: `src/lib.rs:12`, or the crate and its version.
    pub at: Option<String>,
    /// Where the future around it awaits or keeps it: `src/lib.rs:21`.
    pub held_at: Option<String>,
    /// The futures it stores, in any state. They may share bytes.
    pub children: Vec<Node>,
    /// What else is to say: `boxed`, `stored twice`, `3 instances`.
    pub note: Option<String>,
    /// Bytes of it that are those of larger ones beside it, too, in other states.
    pub shared: u64,
}

impl Node {
    /// Bytes that none of the futures in it holds: what its own locals, captures, tag and padding take. With what each
    /// future in it does not share, they are its size.
    pub fn own(&self) -> u64 {
        let inside = self.children.iter().map(|child| child.size.saturating_sub(child.shared));
        self.size.saturating_sub(inside.fold(0, u64::saturating_add))
    }
}

/// How a tree is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeOptions {
    /// Columns; no line is wider.
    pub width: usize,
    /// Levels below the root that are shown; 0 shows the root alone.
    pub depth: usize,
    /// ANSI escapes, for terminals.
    pub color: bool,
    /// Draws with ASCII only. Names stay as they are in the source.
    pub ascii: bool,
}

impl Default for TreeOptions {
    fn default() -> Self {
        TreeOptions { width: 80, depth: 8, color: false, ascii: false }
    }
}

/// The tree below a future, one line each and ended by `\n`, the largest child first. Equal neighbours are
/// counted instead of repeated.
pub fn tree(root: &Node, options: &TreeOptions) -> String {
    let paper = Paper { width: options.width, color: options.color, ascii: options.ascii };
    let lines = lines(root, options.depth);
    let longest = |of: &dyn Fn(&Node) -> u64, least: &str| {
        lines
            .iter()
            .filter_map(|line| line.node)
            .map(|node| bytes(of(node)).len())
            .max()
            .unwrap_or(0)
            .max(least.len())
    };
    let total = longest(&|node| node.size, "total");
    let own = longest(&Node::own, "own");
    let mut out = String::new();
    let mut head = paper.line();
    head.put_right(total, Style::Dim, "total");
    head.put_right(total + 2 + own, Style::Dim, "own");
    head.end(&mut out);
    for entry in &lines {
        let mut line = paper.line();
        if let Some(node) = entry.node {
            line.put_right(total, Style::Bold, &bytes(node.size));
            line.put_right(total + 2 + own, Style::Plain, &bytes(node.own()));
        }
        line.to(total + 2 + own + 2);
        entry.branches(&mut line, paper);
        match entry.node {
            Some(node) => entry.describe(&mut line, node, paper),
            None => {
                let s = if entry.count == 1 { "" } else { "s" };
                line.put(Style::Dim, &format!("{} {} level{s} more inside", paper.ellipsis(), entry.count));
            }
        }
        line.end(&mut out);
    }
    out
}

/// A line of the tree.
struct TreeLine<'a> {
    /// `None`: something deeper than is shown.
    node: Option<&'a Node>,
    /// Equal neighbours that this line stands for; without a node, levels that are not shown.
    count: usize,
    /// For each level down to this: whether more follows on it.
    more: Vec<bool>,
    /// Where the future around this one is written.
    around: Option<&'a str>,
}

/// The lines from the root down. No recursion: how deep a tree may be is not decided here.
fn lines(root: &Node, depth: usize) -> Vec<TreeLine<'_>> {
    let mut out = Vec::new();
    let mut open = vec![TreeLine { node: Some(root), count: 1, more: Vec::new(), around: None }];
    while let Some(entry) = open.pop() {
        let (Some(node), level) = (entry.node, entry.more.len()) else {
            out.push(entry);
            continue;
        };
        let more = |last: bool| entry.more.iter().copied().chain([!last]).collect::<Vec<bool>>();
        if level >= depth {
            if !node.children.is_empty() {
                let hidden =
                    TreeLine { node: None, count: levels(&node.children), more: more(true), around: None };
                open.push(hidden);
            }
        } else {
            let mut children: Vec<&Node> = node.children.iter().collect();
            children.sort_by_key(|child| std::cmp::Reverse(child.size));
            let mut groups: Vec<(&Node, usize)> = Vec::new();
            for child in children {
                match groups.last_mut() {
                    // Comparing leaves only keeps this linear.
                    Some((same, count)) if same.children.is_empty() && *same == child => *count += 1,
                    _ => groups.push((child, 1)),
                }
            }
            // The stack gives them back in reverse.
            for (i, (child, count)) in groups.into_iter().rev().enumerate() {
                let around = node.at.as_deref();
                open.push(TreeLine { node: Some(child), count, more: more(i == 0), around });
            }
        }
        out.push(entry);
    }
    out
}

/// How many levels these nodes are deep.
fn levels(nodes: &[Node]) -> usize {
    let mut level: Vec<&Node> = nodes.iter().collect();
    let mut count = 0;
    while !level.is_empty() {
        count += 1;
        level = level.into_iter().flat_map(|node| &node.children).collect();
    }
    count
}

impl TreeLine<'_> {
    fn branches(&self, line: &mut Line, paper: Paper) {
        let Some((last, above)) = self.more.split_last() else { return };
        let (through, branch, corner) =
            if paper.ascii { ("|  ", "|- ", "'- ") } else { ("│  ", "├─ ", "└─ ") };
        // A tree deeper than the line is wide keeps its names in sight.
        let room = (paper.width / 2).saturating_sub(line.column()) / 3;
        let skipped = above.len().saturating_sub(room);
        if skipped > 0 {
            line.put(Style::Dim, &format!("{}{skipped} ", paper.ellipsis()));
        }
        for &more in &above[skipped..] {
            line.put(Style::Dim, if more { through } else { "   " });
        }
        line.put(Style::Dim, if *last { branch } else { corner });
    }

    fn describe(&self, line: &mut Line, node: &Node, paper: Paper) {
        let held_at = node.held_at.as_ref().map(|held_at| {
            // In the file of the future around it the line alone says it.
            let file = self.around.and_then(|around| Some(around.rsplit_once(':')?.0));
            match held_at.rsplit_once(':').filter(|(of, _)| Some(*of) == file) {
                Some((_, number)) => format!("held at :{number}"),
                None => format!("held at {held_at}"),
            }
        });
        let times = (self.count > 1).then(|| format!("{} times", self.count));
        let short_at = node.at.as_deref().map(|at| at.rsplit(['/', '\\']).next().unwrap_or(at).to_owned());
        let join = |parts: &[&Option<String>]| {
            parts.iter().filter_map(|part| part.as_deref()).collect::<Vec<&str>>().join(", ")
        };
        // What a line is too short for goes, the least telling first.
        let forms = [
            join(&[&node.at, &held_at, &node.note, &times]),
            join(&[&short_at, &held_at, &node.note, &times]),
            join(&[&short_at, &node.note, &times]),
            join(&[&short_at, &times]),
        ];
        let room = line.room();
        let fits = |rest: &&String| columns(rest) + 2 + columns(&node.name).min(room * 2 / 3) <= room;
        let rest = forms.iter().find(fits).or(times.as_ref()).map_or("", String::as_str);
        let for_name = if rest.is_empty() { room } else { room.saturating_sub(columns(rest) + 2) };
        line.put(Style::Plain, &paper.elide(&node.name, for_name));
        line.gap(2);
        line.put(Style::Dim, &paper.elide(rest, line.room()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::line;
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn node(name: &str, size: u64, at: &str, held_at: &str, children: Vec<Node>) -> Node {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Node { name: name.into(), size, at: some(at), held_at: some(held_at), children, ..Node::default() }
    }

    fn check(root: &Node, options: TreeOptions, expected: Expect) {
        let drawn = tree(root, &options);
        for line in drawn.lines() {
            assert!(line::columns(line) <= options.width, "{line}");
        }
        expected.assert_eq(&drawn);
    }

    /// Each level adds its discriminant.
    fn linear() -> Node {
        let mut inner = node("yield_now::yield_now", 2, "src/yield_now.rs:9", "src/nesting.rs:14", vec![]);
        for level in 0..6u64 {
            let held_at =
                if level < 5 { format!("src/nesting.rs:{}", 20 + level * 5) } else { String::new() };
            let at = format!("src/nesting.rs:{}", 12 + level * 5);
            inner = node(&format!("nesting::level_{level}"), 4 + level, &at, &held_at, vec![inner]);
        }
        inner
    }

    /// A future that is passed as an argument is stored as an upvar and again where it is awaited.
    fn doubling() -> Node {
        let mut inner = node("ready", 1, "src/lib.rs:3", "", vec![]);
        for level in 1..5u32 {
            let mut upvar = inner.clone();
            upvar.note = Some("as an argument".into());
            upvar.held_at = None;
            inner.held_at = Some(format!("src/lib.rs:{}", 4 + level * 4));
            let at = format!("src/lib.rs:{}", 3 + level * 4);
            inner = node(&format!("wrap_{level}"), (2 << level) - 1, &at, "", vec![upvar, inner]);
        }
        inner
    }

    #[test]
    fn nesting_adds_a_byte_a_level() {
        check(
            &linear(),
            TreeOptions::default(),
            expect![[r#"
                total  own
                  9 B  1 B  nesting::level_5  src/nesting.rs:37
                  8 B  1 B  └─ nesting::level_4  src/nesting.rs:32, held at :40
                  7 B  1 B     └─ nesting::level_3  src/nesting.rs:27, held at :35
                  6 B  1 B        └─ nesting::level_2  src/nesting.rs:22, held at :30
                  5 B  1 B           └─ nesting::level_1  src/nesting.rs:17, held at :25
                  4 B  2 B              └─ nesting::level_0  src/nesting.rs:12, held at :20
                  2 B  2 B                 └─ yield_now::yield_now  yield_now.rs:9, held at :14
            "#]],
        );
    }

    #[test]
    fn arguments_double_at_every_level() {
        check(
            &doubling(),
            TreeOptions { depth: 2, ..Default::default() },
            expect![[r#"
                total  own
                 31 B  1 B  wrap_4  src/lib.rs:19
                 15 B  1 B  ├─ wrap_3  src/lib.rs:15, as an argument
                  7 B  1 B  │  ├─ wrap_2  src/lib.rs:11, as an argument
                            │  │  └─ … 2 levels more inside
                  7 B  1 B  │  └─ wrap_2  src/lib.rs:11, held at :16
                            │     └─ … 2 levels more inside
                 15 B  1 B  └─ wrap_3  src/lib.rs:15, held at :20
                  7 B  1 B     ├─ wrap_2  src/lib.rs:11, as an argument
                               │  └─ … 2 levels more inside
                  7 B  1 B     └─ wrap_2  src/lib.rs:11, held at :16
                                  └─ … 2 levels more inside
            "#]],
        );
    }

    #[test]
    fn the_largest_child_comes_first_and_equal_ones_are_counted() {
        let sleep = || node("tokio::time::sleep", 112, "tokio 1.48.0", "src/server.rs:31", vec![]);
        let handle = node(
            "Handler::handle",
            34_952,
            "src/handler.rs:88",
            "src/server.rs:40",
            vec![node("Connection::read_frame", 96, "src/connection.rs:56", "src/handler.rs:92", vec![])],
        );
        let mut root =
            node("Listener::serve", 102_584, "src/server.rs:25", "", vec![sleep(), sleep(), handle]);
        root.note = Some("2 instances".into());
        check(
            &root,
            TreeOptions::default(),
            expect![[r#"
                    total       own
                102,584 B  67,408 B  Listener::serve  src/server.rs:25, 2 instances
                 34,952 B  34,856 B  ├─ Handler::handle  src/handler.rs:88, held at :40
                     96 B      96 B  │  └─ Connection::read_frame  connection.rs:56, held at :92
                    112 B     112 B  └─ tokio::time::sleep  tokio 1.48.0, held at :31, 2 times
            "#]],
        );
        check(
            &root,
            TreeOptions { ascii: true, width: 50, ..Default::default() },
            expect![[r#"
                    total       own
                102,584 B  67,408 B  Listener::serve  server.rs:25
                 34,952 B  34,856 B  |- Handler::handle
                     96 B      96 B  |  '- Connection::read_frame
                    112 B     112 B  '- tokio::t~e::sleep  2 times
            "#]],
        );
    }

    #[test]
    fn depth_is_limited() {
        check(
            &linear(),
            TreeOptions { depth: 0, ..Default::default() },
            expect![[r#"
            total  own
              9 B  1 B  nesting::level_5  src/nesting.rs:37
                        └─ … 6 levels more inside
        "#]],
        );
        check(
            &linear(),
            TreeOptions { depth: 2, width: 60, ..Default::default() },
            expect![[r#"
                total  own
                  9 B  1 B  nesting::level_5  src/nesting.rs:37
                  8 B  1 B  └─ nesting::level_4  nesting.rs:32, held at :40
                  7 B  1 B     └─ nesting::level_3  nesting.rs:27
                                  └─ … 4 levels more inside
            "#]],
        );
    }

    #[test]
    fn very_deep_trees_are_no_trouble() {
        let mut root = Node::default();
        for size in 0..1_000 {
            root = Node { size, children: vec![root], ..Default::default() };
        }
        let drawn = tree(&root, &TreeOptions { depth: 300, ..Default::default() });
        assert_eq!(drawn.lines().count(), 303);
    }

    fn any_node() -> impl Strategy<Value = Node> {
        let text = || prop_oneof![".{0,20}", "[a-z/.]{0,30}:[0-9]{0,4}", "[\\u{0}-\\u{20}変🦀]{0,5}"];
        let maybe = move || proptest::option::of(text());
        let leaf =
            (text(), any::<u64>(), maybe(), maybe(), maybe()).prop_map(|(name, size, at, held_at, note)| {
                Node { name, size, at, held_at, note, ..Node::default() }
            });
        leaf.prop_recursive(6, 24, 4, |inner| {
            let children = proptest::collection::vec(inner.clone(), 0..4);
            (inner, children).prop_map(|(mut node, children)| {
                node.children = children;
                node
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..Default::default() })]
        #[test]
        fn any_tree_is_drawn(root in any_node(), width in 1usize..200, depth in 0usize..8, ascii in any::<bool>()) {
            for line in tree(&root, &TreeOptions { width, depth, color: false, ascii }).lines() {
                prop_assert!(line::columns(line) <= width, "{line:?}");
                prop_assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
