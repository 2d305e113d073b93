//! Makes what fuzzers start from: what the real compiler printed about the fixtures, and what is kept of it.
//!
//! `cargo run -p futurelens-tests --example seeds -- FOLDER` writes a folder for each fuzz target.

use futurelens::compiler::UnitOutput;
use futurelens_tests::binary::{clean_command, run};
use futurelens_tests::kept::{self, Kept};
use futurelens_tests::project::{Project, files};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

#[allow(dead_code, missing_docs, reason = "the fuzz targets' library; the rest of it is not for this")]
#[path = "../fuzz/src/measured.rs"]
mod measured;

/// More bytes are too much for one input.
const MOST: usize = 24 << 10;

fn main() {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds FOLDER");
        std::process::exit(2);
    };
    for name in ["article", "places", "why"] {
        let kept = kept::of(name);
        for file in &kept.units {
            let unit = UnitOutput::read(file).expect("it was just written");
            of_unit(&folder, name, &unit);
        }
        of_disk(&folder, name, &kept);
    }
    messages(&folder);
    front(&folder);
}

fn write(folder: &Path, target: &str, name: &str, number: usize, bytes: &[u8]) {
    if bytes.len() <= MOST {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join(format!("{name}-{number}")), bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
}

fn of_unit(folder: &Path, name: &str, unit: &UnitOutput) {
    let lines: Vec<&str> = unit.sizes().split_inclusive('\n').collect();
    for (number, part) in lines.chunks(60).enumerate().take(20) {
        write(folder, "sizes", name, number, part.concat().as_bytes());
    }
    for (number, (_, text)) in unit.bodies().enumerate().take(40) {
        write(folder, "bodies", name, number, text.as_bytes());
    }
    for (number, (_, text)) in unit.sources().enumerate() {
        // No edits, and a few choices.
        let mut bytes = vec![0];
        bytes.extend((0..24).map(|at| at * 11));
        bytes.extend(text.as_bytes().iter().take(4 << 10));
        write(folder, "edits", name, number, &bytes);
    }
    for (number, run) in measured::pieces(unit).iter().enumerate().take(40) {
        write(folder, "layouts", name, number, run.text().as_bytes());
        let twice = format!("{}%%% now\n{}", run.text(), run.text());
        write(folder, "messages", name, number, twice.as_bytes());
        // A few damages, and a unit made of the lines.
        let mut bytes = vec![1, 1, 1, 9, 0, 9, 0, 7, 0, 1, 2, 3];
        bytes.extend(run.text().as_bytes().iter().take(2 << 10));
        write(folder, "kept", name, number, &bytes);
    }
}

fn of_disk(folder: &Path, name: &str, kept: &Kept) {
    let mut number = 100;
    let mut add = |kind: u8, bytes: &[u8]| {
        number += 1;
        write(folder, "kept", name, number, &[&[kind], bytes].concat());
    };
    let index = fs::read_to_string(&kept.index).expect("it is there");
    add(2, index.as_bytes());
    add(2, index.lines().nth(2).unwrap_or_default().as_bytes());
    add(3, format!("{0}%%%{0}", kept.baseline).as_bytes());
    let mut report: serde_json::Value = serde_json::from_str(&kept.report).expect("it is JSON");
    report["futures"].as_array_mut().expect("it has futures").truncate(2);
    add(3, format!("{report}%%%{report}").as_bytes());
    let unit = fs::read(&kept.units[0]).expect("it is there");
    add(0, &unit[..unit.len().min(MOST / 2)]);
    let is_list = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "d");
    let target = kept.project.root().join("target/futurelens/release/deps");
    for (number, file) in files(&target).iter().filter(is_list).enumerate().take(4) {
        write(folder, "dep_info", name, number, &fs::read(file).expect("it is there"));
    }
}

/// What the compiler says about code that is wrong.
fn messages(folder: &Path) {
    let source = "macro_rules! m { ($e:expr) => { { let x: u8 = $e; x } } }\nasync fn f(n: u8) -> u8 { f(n).await }\nfn g() { m!(\"é\"); h() }\n";
    let project = Project::lib("wrong", source);
    let mut rustc = clean_command("rustc");
    rustc.args(["--edition", "2021", "--crate-type", "lib", "--error-format", "json", "src/lib.rs"]);
    let said = run(rustc.current_dir(project.root())).stderr;
    assert!(said.contains("E0733"), "{said}");
    write(folder, "messages", "wrong", 0, said.as_bytes());
}

/// A short session.
fn front(folder: &Path) {
    let uri = "file:///futurelens-nowhere/src/lib.rs";
    let place = json!({"line": 1, "character": 2});
    let range = json!({"start": place, "end": place});
    let session = [
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": {}}}),
        json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}),
        json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument":
            {"uri": uri, "languageId": "rust", "version": 1, "text": "async fn f() {}\n"}}}),
        json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"textDocument":
            {"uri": uri, "version": 2}, "contentChanges": [{"range": range, "text": "é"}]}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params":
            {"textDocument": {"uri": uri}, "position": place}}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "futurelens/report"}),
    ];
    let mut bytes = vec![0];
    for message in session {
        let text = message.to_string();
        bytes.extend(format!("Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes());
    }
    write(folder, "lsp", "session", 0, &bytes);
    for number in 1..16u8 {
        let bytes: Vec<u8> =
            (0..255u8).map(|at| at.wrapping_mul(number * 2 + 1).wrapping_add(number)).collect();
        write(folder, "lsp", "session", number.into(), &bytes);
    }
}
