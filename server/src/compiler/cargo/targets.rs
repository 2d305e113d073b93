//! What targets are called.

/// What a target is called that `--target` names, as the compiler calls it.
pub(in crate::compiler) fn triple(target: &str, host: &str) -> String {
    match target.strip_suffix(".json") {
        _ if target == "host-tuple" => host.to_owned(),
        Some(path) => path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned(),
        None => target.to_owned(),
    }
}

/// Each of these targets once, in this order; the host if there is none.
pub(super) fn triples(targets: &[String], host: &str) -> Vec<String> {
    let mut triples: Vec<String> = Vec::new();
    for triple in targets.iter().map(|target| triple(target, host)) {
        if !triples.contains(&triple) {
            triples.push(triple);
        }
    }
    if triples.is_empty() {
        triples.push(host.to_owned());
    }
    triples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_the_same_however_it_is_named() {
        let of =
            |targets: &[&str]| triples(&targets.iter().map(|t| t.to_string()).collect::<Vec<_>>(), "h-o-s");
        assert_eq!(of(&[]), ["h-o-s"]);
        assert_eq!(of(&["host-tuple", "thumb", "h-o-s", "boards/b.json"]), ["h-o-s", "thumb", "b"]);
    }
}
