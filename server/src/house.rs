//! The house holds what `ARCHITECTURE.md` says of it: rooms import what is below them, and no two files each other.

use crate::source::{TextRange, with_tree};
use ra_ap_syntax::ast::{self, AstNode, HasAttrs, HasModuleItem, HasName};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Of a file by its module's path: `[features, hints]`.
#[derive(Default)]
struct Module {
    /// Names of the modules in it that have a file.
    children: BTreeSet<String>,
    /// Of those that name their file: one for each system, maybe.
    files: Vec<(String, String)>,
    /// Other names that it knows: what it hands on, and what it imports. By name, an absolute path.
    imports: BTreeMap<String, Vec<String>>,
    /// Absolute paths of what it names in code or imports for itself.
    named: Vec<Vec<String>>,
}

type Modules = BTreeMap<Vec<String>, Module>;

/// All files of the crate but for tests.
fn modules() -> Modules {
    let mut modules = Modules::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![(Vec::new(), root.join("lib.rs"), root)];
    while let Some((path, file, folder)) = open.pop() {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let module = with_tree(&text, |tree| read(tree, &path)).expect("our own files can be parsed");
        for child in &module.children {
            let inner = folder.join(child);
            let named = module.files.iter().filter(|(name, _)| name == child);
            let named = named.map(|(_, path)| file.with_file_name(path));
            let usual = [folder.join(format!("{child}.rs")), inner.join("mod.rs")];
            let files: Vec<_> = named.chain(usual).filter(|file| file.exists()).collect();
            assert!(!files.is_empty(), "no file of mod {child} in {}", folder.display());
            let path: Vec<String> = path.iter().cloned().chain([child.clone()]).collect();
            open.extend(files.into_iter().map(|file| (path.clone(), file, inner.clone())));
        }
        let known = modules.entry(path).or_default();
        known.children.extend(module.children);
        known.imports.extend(module.imports);
        known.named.extend(module.named);
    }
    modules
}

fn is_test(item: &impl HasAttrs) -> bool {
    item.attrs().any(|attribute| attribute.syntax().text().to_string().replace(' ', "") == "#[cfg(test)]")
}

fn read(tree: &ast::SourceFile, path: &[String]) -> Module {
    let mut module = Module::default();
    let mut tests: Vec<TextRange> = Vec::new();
    for item in tree.items() {
        match &item {
            ast::Item::Module(inner) if is_test(inner) => tests.push(inner.syntax().text_range()),
            ast::Item::Module(inner) if inner.item_list().is_none() => {
                let Some(name) = inner.name().map(|name| name.text().to_string()) else { continue };
                let attributes = inner.attrs().map(|attribute| attribute.syntax().text().to_string());
                let path = attributes
                    .filter_map(|text| Some(text.split_once("path = \"")?.1.split_once('"')?.0.to_owned()));
                module.files.extend(path.map(|path| (name.clone(), path)));
                module.children.insert(name);
            }
            ast::Item::Fn(item) if is_test(item) => tests.push(item.syntax().text_range()),
            ast::Item::Use(item) => {
                // What is handed on is no use of it.
                let is_own = item.syntax().children().all(|child| !ast::Visibility::can_cast(child.kind()));
                let Some(tree) = item.use_tree().filter(|_| !is_test(item)) else { continue };
                for (name, target) in leaves(&tree, &[]) {
                    let target = absolute(&module, path, &target);
                    if is_own {
                        module.named.push(target.clone());
                    }
                    module.imports.insert(name, target);
                }
            }
            _ => {}
        }
    }
    for found in tree.syntax().descendants().filter_map(ast::Path::cast) {
        let is_outermost = found.syntax().parent().is_none_or(|parent| !ast::Path::can_cast(parent.kind()));
        let in_use = found.syntax().ancestors().any(|around| ast::Use::can_cast(around.kind()));
        let in_tests = tests.iter().any(|test| test.contains_range(found.syntax().text_range()));
        let names = segments(&found);
        let is_ours = |first: &String| {
            ["crate", "super", "self"].contains(&first.as_str())
                || module.imports.contains_key(first)
                || module.children.contains(first)
        };
        if is_outermost && !in_use && !in_tests && names.len() > 1 && names.first().is_some_and(is_ours) {
            let target = absolute(&module, path, &names);
            module.named.push(target);
        }
    }
    module
}

fn segments(path: &ast::Path) -> Vec<String> {
    let names = path.segments().filter_map(|segment| Some(segment.name_ref()?.text().to_string()));
    names.collect()
}

/// Every name that a `use` brings, with the path as it is written. A glob has the name `*`.
fn leaves(tree: &ast::UseTree, before: &[String]) -> Vec<(String, Vec<String>)> {
    let own = tree.path().map(|path| segments(&path)).unwrap_or_default();
    let path: Vec<String> = before.iter().cloned().chain(own).collect();
    if let Some(list) = tree.use_tree_list() {
        return list.use_trees().flat_map(|inner| leaves(&inner, &path)).collect();
    }
    let mut path = path;
    path.pop_if(|last| last == "self" && !before.is_empty());
    if tree.star_token().is_some() {
        return vec![("*".to_owned(), path)];
    }
    let renamed = tree.rename().and_then(|rename| Some(rename.name()?.text().to_string()));
    let Some(name) = renamed.or_else(|| path.last().cloned()) else { return Vec::new() };
    vec![(name, path)]
}

/// A path from the crate's root; one that begins with something else is of another crate, and stays as it is.
fn absolute(module: &Module, own: &[String], path: &[String]) -> Vec<String> {
    let up = path.iter().take_while(|name| *name == "super").count();
    let rest = |skip: usize| path[skip..].iter().cloned();
    match path.first().map(String::as_str) {
        Some("crate") => std::iter::once("crate".to_owned()).chain(rest(1)).collect(),
        Some("super") => {
            let around = own[..own.len().saturating_sub(up)].iter().cloned();
            std::iter::once("crate".to_owned()).chain(around).chain(rest(up)).collect()
        }
        Some("self") => {
            std::iter::once("crate".to_owned()).chain(own.iter().cloned()).chain(rest(1)).collect()
        }
        Some(first) if module.children.contains(first) => {
            std::iter::once("crate".to_owned()).chain(own.iter().cloned()).chain(rest(0)).collect()
        }
        Some(first) => match module.imports.get(first) {
            Some(target) => target.iter().cloned().chain(rest(1)).collect(),
            None => path.to_vec(),
        },
        None => Vec::new(),
    }
}

/// The file that defines what a path names; none for another crate's, and for a module as a whole: what of it is used
/// other paths say.
fn defined_in(modules: &Modules, path: &[String], depth: usize) -> Option<Vec<String>> {
    let names = path.strip_prefix(&["crate".to_owned()][..])?;
    let mut here: Vec<String> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let module = modules.get(&here)?;
        if module.children.contains(name) {
            here.push(name.clone());
            continue;
        }
        if let Some(target) = module.imports.get(name).filter(|_| depth < 16) {
            let target: Vec<String> = target.iter().chain(&names[at + 1..]).cloned().collect();
            return defined_in(modules, &target, depth + 1);
        }
        return Some(here);
    }
    None
}

/// Which file names what of which other ones. Those in its own folder are part of it: a module and what is in it may
/// know each other.
fn arrows(modules: &Modules) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let of = |(from, module): (&Vec<String>, &Module)| {
        let targets = module.named.iter().filter_map(|path| defined_in(modules, path, 0));
        (from.clone(), targets.filter(|to| !to.starts_with(from)).collect())
    };
    modules.iter().map(of).collect()
}

/// The lines of the block in `ARCHITECTURE.md` that has the rooms, upper ones first.
fn floors() -> Vec<Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let (_, block) = page.split_once("```rooms\n").expect("the block of rooms is there");
    let block = block.split("```").next().unwrap_or_default();
    let rooms = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    block.lines().map(rooms).collect()
}

#[test]
fn rooms_import_what_is_below_them() {
    let modules = modules();
    let floors = floors();
    let floor = |room: &str| {
        let is_there = |rooms: &Vec<String>| rooms.iter().any(|name| name == room);
        floors.iter().position(is_there).unwrap_or_else(|| panic!("`{room}` is not among the rooms"))
    };
    let mut faults = Vec::new();
    for (from, targets) in arrows(&modules) {
        for to in targets {
            let (Some(a), Some(b)) = (from.first(), to.first()) else { continue };
            if a != b && floor(a) >= floor(b) {
                faults.push(format!("{} names what is in {}", from.join("::"), to.join("::")));
            }
        }
    }
    assert_eq!(faults, [""; 0]);
}

#[test]
fn no_files_import_each_other() {
    let modules = modules();
    let mut arrows = arrows(&modules);
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 300, "the imports are read");
    // What imports nothing that is left is in no circle.
    loop {
        let left: BTreeSet<Vec<String>> = arrows.keys().cloned().collect();
        arrows.retain(|_, targets| {
            targets.retain(|to| left.contains(to));
            !targets.is_empty()
        });
        if arrows.len() == left.len() {
            break;
        }
    }
    // Nor is what nothing that is left imports.
    loop {
        let named: BTreeSet<Vec<String>> = arrows.values().flatten().cloned().collect();
        let before = arrows.len();
        arrows.retain(|from, _| named.contains(from));
        if arrows.len() == before {
            break;
        }
    }
    let circle = |(from, targets): (&Vec<String>, &BTreeSet<Vec<String>>)| {
        let targets: Vec<String> = targets.iter().map(|to| to.join("::")).collect();
        format!("{} -> {}", from.join("::"), targets.join(", "))
    };
    assert_eq!(arrows.iter().map(circle).collect::<Vec<_>>(), [""; 0], "circles");
}

#[test]
fn a_path_leads_to_the_file_that_defines_it() {
    let module = |text: &str, path: &[&str]| {
        let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        (path.clone(), with_tree(text, |tree| read(tree, &path)).unwrap())
    };
    let modules = Modules::from([
        module("mod a;\nmod b;\nfn own() {}", &[]),
        module("mod inner;\npub use inner::{Handed as Given};\nfn f() {}", &["a"]),
        module("pub struct Handed;", &["a", "inner"]),
        module(
            "use crate::a::{self, Given};\nuse std::fmt;\nfn g() { a::f(); super::own() }\n#[cfg(test)]\nmod tests { fn t() { crate::a::not_seen::x() } }",
            &["b"],
        ),
    ]);
    let arrows = arrows(&modules);
    let targets: Vec<String> = arrows[&vec!["b".to_owned()]].iter().map(|to| to.join("::")).collect();
    assert_eq!(targets, ["", "a", "a::inner"]);
    assert!(arrows[&Vec::new()].is_empty());
    assert!(arrows[&vec!["a".to_owned()]].is_empty());
}
