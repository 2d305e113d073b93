//! What a unit is known by in all rooms.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Names one compiler run that cargo asks for: `CRATE-HASH`, the hash being cargo's own (`-C metadata`). It stays the same
/// from build to build; of one crate there are several if it is compiled for its library and for its tests, or in two
/// versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(Arc<str>);

impl UnitId {
    /// The crate's name as the compiler knows it.
    pub fn crate_name(&self) -> &str {
        self.0.rsplit_once('-').map_or(&self.0, |(name, _)| name)
    }

    /// The text, for who has the same one already.
    pub(crate) fn text_mut(&mut self) -> &mut Arc<str> {
        &mut self.0
    }
}

impl Deref for UnitId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for UnitId {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl Borrow<str> for UnitId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for UnitId {
    fn from(id: &str) -> Self {
        UnitId(id.into())
    }
}

impl From<&UnitId> for UnitId {
    fn from(id: &UnitId) -> Self {
        id.clone()
    }
}

impl From<String> for UnitId {
    fn from(id: String) -> Self {
        UnitId(id.into())
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
