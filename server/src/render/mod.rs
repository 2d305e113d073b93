//! Futures as text: pictures, trees, and the names in them.
//!
//! Everything here is pure: values in, a `String` out. Nothing is wider than it was asked to be, and no
//! name, however odd, can move the cursor or end the code fence it is shown in.

mod contents;
pub mod html;
mod line;
pub mod page;
pub mod picture;
pub mod size;
pub mod svg;
pub mod tree;
pub mod types;

pub use line::one_line;
pub use page::Page;
pub use picture::{PictureOptions, picture};
pub use svg::svg;
pub use tree::{Node, TreeOptions, tree};
pub use types::short_type;
