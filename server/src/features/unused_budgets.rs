//! Budgets that are nobody's: a key that is misspelled would allow whatever it was to forbid.

use super::called::Called;
use super::find::suggestions;
use super::snapshot::Snapshot;

/// Keys of budgets that are the name of nothing, each as a warning. Nothing is said of a package that was not measured.
pub fn unused(snapshot: &Snapshot) -> Vec<String> {
    let budgets = &snapshot.budgets;
    let measured = snapshot.packages();
    let mut warnings = Vec::new();
    for table in budgets.tables.iter().filter(|table| !table.some.is_empty()) {
        let mut packages = budgets.packages.iter().filter(|package| table.is_about(package));
        if !packages.all(|package| measured.contains(package.as_str())) {
            continue;
        }
        // Generic ones may have no instance; and there may be futures without a body that is known.
        let bodies = snapshot.bodies().filter(|body| table.is_about(&body.package));
        let futures = snapshot.futures(false).map(|placed| &placed.future);
        let futures = futures.filter(|future| future.body.is_none() && table.is_about(&future.package));
        let called =
            bodies.map(|body| Called::body(body)).chain(futures.map(|future| Called::future(future)));
        let called: Vec<Called<'_>> = called.collect();
        for (pattern, _) in &table.some {
            if called.iter().any(|called| called.fits(pattern)) {
                continue;
            }
            let whose = if table.package.is_some() { "package" } else { "workspace" };
            let meant = suggestions(snapshot, pattern).into_iter().next();
            let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
            warnings.push(format!(
                "Cargo.toml: [{whose}.metadata.futurelens.budgets] no future that was measured is called \
                 `{pattern}`{meant}"
            ));
        }
    }
    warnings
}
