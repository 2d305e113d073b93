//! What is an instance of which body, told by their types.

use crate::dump::names::{self, CoroutineName, Parameters};
use std::collections::HashMap;

/// Types of bodies, to find what is an instance of one.
pub(super) struct Instances<'a> {
    /// By what all instances have in common: the type, and what of it differs from instance to instance.
    pub own: HashMap<String, Vec<(&'a str, String)>>,
}

impl<'a> Instances<'a> {
    pub fn new(types: impl Iterator<Item = &'a str>) -> Self {
        let mut own: HashMap<String, Vec<(&str, String)>> = HashMap::new();
        for ty in types {
            if let Some(name) = CoroutineName::parse(ty) {
                own.entry(names::skeleton(name.path)).or_default().push((ty, Self::whole(&name)));
            }
        }
        Instances { own }
    }

    fn whole(name: &CoroutineName<'_>) -> String {
        format!("{}\n{}", name.path, name.upvars)
    }

    pub fn has(&self, ty: &str) -> bool {
        !self.all(ty).is_empty()
    }

    /// The bodies' types that a type may be an instance of, with what their parameters stand for in it.
    pub fn all(&self, ty: &str) -> Vec<(&'a str, Vec<(String, String)>)> {
        let Some(name) = CoroutineName::parse(ty).filter(|_| !self.own.is_empty()) else { return Vec::new() };
        let own = self.own.get(&names::skeleton(name.path)).into_iter().flatten();
        let whole = Self::whole(&name);
        let found = own.filter_map(|(ty, pattern)| {
            let arguments = names::unify(pattern, &whole, Parameters::AnyCapitalised)?.into_iter();
            Some((*ty, arguments.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
        });
        found.collect()
    }
}
