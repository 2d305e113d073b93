//! Where a future is in the current text, and positions that survive edits.
//!
//! Everything here is a pure function of texts and of spans the compiler printed; nothing reads
//! the disk, and no text makes it panic.
//!
//! - [`Outline`]: the places in one text where a future can be ([`Site`]).
//! - [`place`]: which site a compiled body belongs to, macros included.
//! - [`call_of`]: which macro call something is of that a macro declares.
//! - [`Relocation`]: where what was measured in one text is in another, the current one.
//! - [`with_tree`]: a look at the syntax tree of a text; [`edited`]: the text with [`Edit`]s made.
//! - [`PositionMap`]: byte offsets, the compiler's positions and the editor's positions.

mod attributes;
mod calls;
mod carry;
mod collect;
mod depth;
mod edit;
mod generics;
mod matches;
mod outline;
mod place;
mod position;
mod relocate;
mod relocation;
mod spawns;
mod tokens;
mod tree;
mod trees;

pub use ra_ap_syntax::{TextRange, TextSize};

pub use calls::{call_of, has_word, scope_end};
pub use collect::SiteKind;
pub use edit::{Edit, edited};
pub use matches::Match;
pub use outline::{Outline, Site};
pub use place::{CompiledBody, Placement, header_span, place};
pub use position::{Encoding, Pos, PositionMap, apply_change};
pub use relocation::Relocation;
pub use spawns::{Argument, Spawn, spawns};
pub use tree::with_tree;
