//! What a walk through a text finds, before it is sorted and hashed.

use super::attributes::Attribute;
use super::generics::Generics;
use ra_ap_syntax::{TextRange, TextSize};
use std::sync::Arc;

/// What stands at a [`Site`](super::Site).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SiteKind {
    /// An `async fn` with a body.
    AsyncFn,
    /// An `async` or `async move` block.
    AsyncBlock,
    /// An `async |..|` closure.
    AsyncClosure,
    /// A `gen fn` or `async gen fn` with a body.
    GenFn,
    /// A `gen` or `async gen` block.
    GenBlock,
    /// A `gen` or `async gen` closure.
    GenClosure,
    /// A `#[coroutine]` closure.
    Coroutine,
    /// A macro call, whether or not it makes a future.
    MacroCall,
    /// An attribute that may be a macro, on an item that is not itself an `async fn`.
    AttrFn,
}

/// A fn with a body, `async` or not.
#[derive(Clone, Debug)]
pub(super) struct FnItem {
    pub(super) name: String,
    pub(super) path: Arc<str>,
    /// Without attributes.
    pub(super) range: TextRange,
    pub(super) body: TextRange,
    pub(super) body_hash: u64,
    pub(super) definition: Option<u32>,
}

/// A `macro_rules!` or `macro` item.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) range: TextRange,
}

/// Where the walk is.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) path: Arc<str>,
    /// Enclosing closures and async bodies since the last item.
    pub(super) depth: u32,
    pub(super) definition: Option<u32>,
    /// The enclosing impl or trait is `#[async_trait]`.
    pub(super) async_trait: bool,
}

impl Context {
    /// Inside an item.
    pub(super) fn within(&self, keyword: &str, name: &str) -> Context {
        let separator = if self.path.is_empty() { "" } else { "::" };
        Context {
            path: format!("{}{separator}{keyword} {name}", self.path).into(),
            depth: 0,
            definition: self.definition,
            async_trait: false,
        }
    }

    /// Inside closures or async bodies.
    pub(super) fn deeper(&self, by: u32) -> Context {
        Context { depth: self.depth + by, ..self.clone() }
    }
}

/// A site before its tokens can be hashed.
pub(super) struct CollectedSite {
    pub(super) kind: SiteKind,
    pub(super) token: TextRange,
    pub(super) hint: TextSize,
    pub(super) name: Option<TextRange>,
    pub(super) range: TextRange,
    pub(super) body: TextRange,
    pub(super) path: Arc<str>,
    pub(super) depth: u32,
    pub(super) definition: Option<u32>,
    pub(super) attributes: Vec<Attribute>,
    pub(super) async_trait: bool,
}

impl CollectedSite {
    /// An async block that is nothing but `token`, to be filled in.
    pub(super) fn at(token: TextRange, inside: &Context) -> CollectedSite {
        CollectedSite {
            kind: SiteKind::AsyncBlock,
            token,
            hint: token.end(),
            name: None,
            range: token,
            body: token,
            path: inside.path.clone(),
            depth: inside.depth,
            definition: inside.definition,
            attributes: Vec::new(),
            async_trait: false,
        }
    }

    pub(super) fn macro_call(path: TextRange, arguments: TextRange, context: &Context) -> CollectedSite {
        CollectedSite {
            kind: SiteKind::MacroCall,
            range: path.cover(arguments),
            body: arguments,
            ..CollectedSite::at(path, context)
        }
    }
}

/// What the walk has found so far.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) sites: Vec<CollectedSite>,
    pub(super) fns: Vec<FnItem>,
    pub(super) definitions: Vec<Definition>,
    pub(super) uses: Vec<TextRange>,
    pub(super) closures: Vec<TextRange>,
    pub(super) generics: Vec<Generics>,
}

impl Collected {
    pub(super) fn add(&mut self, site: CollectedSite) {
        self.sites.push(site);
    }

    pub(super) fn define(&mut self, definition: Definition) -> u32 {
        self.definitions.push(definition);
        self.definitions.len() as u32 - 1
    }
}

/// Words as they would be written: a space only between two that would run into one.
pub(super) fn join(words: &[&str]) -> String {
    let mut text = String::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
    for word in words {
        if text.ends_with(is_word) && word.starts_with(is_word) || matches!(*word, "+" | "=") {
            text.push(' ');
        }
        text.push_str(word);
        if matches!(*word, "," | "+" | "=" | ";") {
            text.push(' ');
        }
    }
    text
}
