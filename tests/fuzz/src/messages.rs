//! What the compiler says in JSON, and what one run printed put over another's.

use super::measured::{Run, runs};
use futurelens::compiler::UnitOutput;
use futurelens::dump::diagnostics::errors;
use futurelens::incremental::{Form, Printed};

/// Both; which, the text tells.
pub fn any(text: &str) {
    if text.starts_with("%%%") { printed(text) } else { json(text) }
}

/// The compiler's JSON messages.
pub fn json(text: &str) {
    let found = errors(text);
    assert!(found.len() <= text.lines().count());
}

fn read(form: Form, run: &Run, before: Option<&Printed>) -> Printed {
    Printed::read(form, &run.sizes, run.bodies.clone(), run.sources.clone(), before)
}

/// Runs put over each other, one by one, as after saves.
pub fn printed(text: &str) {
    let runs = runs(text);
    for form in [Form::Complete, Form::QuickPass] {
        let mut before: Option<Printed> = None;
        for run in &runs {
            let now = read(form, run, before.as_ref());
            let whole = match &before {
                Some(before) => now.over(before),
                None => Some(now),
            };
            // To be measured whole.
            let whole = whole.unwrap_or_else(|| read(form, run, None));
            let mut unit = UnitOutput::new("", "/".into());
            unit.push_printed(&whole);
            assert_eq!(unit.sizes(), whole.sizes());
            let kept = unit.printed(form).expect("it was just added");
            assert_eq!(kept.facts(), whole.facts());
            assert_eq!(kept.sizes(), whole.sizes(), "kept, it is another");
            // The same printed again. Nothing is built on what is not understood.
            let again = read(form, run, Some(&kept));
            let is_known = again.is_understood() && run.sources.iter().all(|(_, text)| text.is_some());
            assert!(again.over(&kept).is_some() || !is_known);
            before = Some(kept);
        }
    }
}
