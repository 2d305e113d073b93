//! What the actions on locals predict is what the compiler prints after their edits.

use crate::layout_check::measure;
use futurelens::features::Snapshot;
use futurelens::features::actions::{ActionKind, Candidate, candidates};
use futurelens::source::{Edit, edited};
use futurelens_tests::binary::{clean_command, say};
use futurelens_tests::project::{PENDING_ONCE, Project};

const SOURCE: &str = r#"
#![deny(warnings)]
#![allow(clippy::all)]
use std::cell::RefCell;
use std::hint::black_box;

pub struct Guard([u8; 40]);

impl Guard {
    pub fn get(&self) -> u64 {
        self.0.len() as u64
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        black_box(&self.0);
    }
}

pub fn fill(buffer: &mut [u8]) -> usize {
    black_box(buffer).len()
}

pub fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| *byte as u64).sum()
}

pub async fn tick() {
    PendingOnce(false).await
}

pub async fn borrowed() -> usize {
    let mut buf = [0u8; 1024];
    let n = fill(&mut buf);
    tick().await;
    n
}

pub async fn dropped(n: u8) {
    // Its destructor keeps it.
    let list = vec![black_box(n); 3];
    let total = sum(&list); // of all
    let page = black_box([n; 300]);
    tick().await;
    black_box((total, page));
}

pub async fn guarded() -> u64 {
    let lock = Guard([1; 40]);
    let n: u64 = lock.get();
    tick().await;
    tick().await;
    n
}

pub async fn tuple(n: u8) -> u64 {
    let mut buf = [n; 700];
    let read = fill(&mut buf);
    let first = sum(&buf[..read]);
    let last = buf.len() as u16;
    tick().await;
    first + last as u64 + read as u64
}

pub async fn mutable(n: u8) -> Vec<u8> {
    let buf = black_box([n; 500]);
    let mut out = Vec::new();
    out.push(black_box(&buf)[0]);
    tick().await;
    out.push(1);
    out
}

pub async fn only_inside(n: u8) -> u64 {
    let buf = black_box([n; 200]);
    let mut count = 0u64;
    for byte in &buf {
        count += *byte as u64;
    }
    tick().await;
    black_box(&count);
    tick().await;
    count
}

pub async fn await_inside(n: u8) -> u64 {
    let buf = black_box([n; 600]);
    tick().await;
    let total = sum(&buf);
    let other = black_box([2u8; 400]);
    tick().await;
    black_box(&other);
    total
}

pub async fn leaves_over_an_await(n: u8) -> u64 {
    let buf = black_box([n; 600]);
    let total = sum(&buf);
    tick().await;
    black_box((&buf, total));
    let other = black_box([2u8; 400]);
    tick().await;
    black_box(&other);
    total
}

pub async fn nested(n: u8) -> u64 {
    let mut total = 0;
    if n > 3 {
        loop {
            let buf = black_box([n; 800]);
            total += sum(&buf);
            tick().await;
            if total > 10 {
                break;
            }
        }
    }
    total
}

pub async fn formatted(n: u8) {
    let buf = black_box([n; 250]);
    /* kept
    as it is */
    let text = r"
    a string
";
    println!("{buf:?} {text}");
    println!(
        "{}
        more", // here
        buf.len(),
    );
    tick().await;
}

pub async fn borrows(n: u8) -> u8 {
    let buf = black_box([n; 130]);
    let part = &buf[..3];
    tick().await;
    part[0]
}

pub async fn cell() -> u64 {
    let cell = RefCell::new([3u64; 30]);
    let value = cell.borrow()[0];
    tick().await;
    value
}

pub async fn flagged(n: u8) {
    let list = vec![n; 3];
    let page = [n; 300];
    if sum(&page) > 3 {
        drop(list);
    }
    tick().await;
}

pub async fn one_pattern(n: u8) -> u64 {
    let (buf, n) = black_box(([n; 350], 3u64));
    black_box(&buf);
    tick().await;
    n
}

pub fn in_a_block(n: u8) -> impl std::future::Future<Output = u64> {
    async move {
        let buf = black_box([n; 450]);
        let n = sum(&buf);
        tick().await;
        n
    }
}

pub async fn kept_temporary(n: u8) -> usize {
    let buf = black_box([n; 260]);
    let list = &vec![buf[0]; 3];
    let other = &vec![black_box(n)];
    black_box((list, &buf));
    tick().await;
    other.len()
}

pub async fn maybe_mutable(n: u8) -> u64 {
    let buf = black_box([n; 270]);
    let mut rest = buf.len()..1000;
    black_box(rest.next());
    black_box(&buf);
    tick().await;
    rest.next().unwrap_or(0) as u64
}

pub async fn borrower(n: u8) -> usize {
    let mut buf = [n; 640];
    let part = &mut buf[..30];
    let read = fill(part);
    black_box(part.len());
    tick().await;
    read
}

pub struct Holder {
    pub large: Large,
}

pub async fn shorthand(n: u8) -> usize {
    let mut large = Large { bytes: [n; 512], len: 3 };
    large.bytes[0] = 1;
    tick().await;
    large.len += 1;
    assert_eq!(large.bytes, [1; 512]);
    let holder = Holder { large };
    take(holder.large)
}

pub async fn assigned(n: u8) -> u64 {
    let mut page: [u8; 512] = [n; 512];
    black_box(&page);
    tick().await;
    page = [n + 1; 512];
    for byte in page {
        black_box(byte);
    }
    tick().await;
    sum(&page)
}

pub struct Large {
    pub bytes: [u8; 512],
    pub len: usize,
}

pub async fn whole(n: u8) -> usize {
    let large = Large { bytes: [n; 512], len: 3 };
    tick().await;
    take(large)
}

pub async fn large(n: u8) -> u8 {
    let page = [n; 1000];
    tick().await;
    black_box(&page)[0]
}

pub async fn awaited_after_a_borrow(n: u8) -> u8 {
    let future = large(n);
    black_box(&future);
    future.await
}

pub async fn sent_after_a_borrow(n: u8) -> u8 {
    let mut page = [n; 800];
    let length = fill(&mut page);
    let sent = send(page).await;
    tick().await;
    sent + length as u8
}

pub async fn send(page: [u8; 800]) -> u8 {
    tick().await;
    page[0]
}

pub async fn in_the_way(out: &mut [u8]) -> u8 {
    let mut buffer = [0u8; 512];
    tick().await;
    buffer[0] = out[0];
    out[1] = buffer[0];
    tick().await;
    let other = large(3).await;
    out[0] + other
}

pub async fn in_nobodys_way(out: &mut [u8]) -> u8 {
    let mut buffer = [0u8; 512];
    buffer[0] = large(out[0]).await;
    out[1] = buffer[0];
    tick().await;
    out[0]
}

pub struct Big([u8; 700]);

impl Big {
    pub fn id(&self) -> u32 {
        self.0[0].into()
    }

    pub fn name(&self) -> Option<String> {
        None
    }

    pub fn part(&self) -> Option<&u8> {
        self.0.first()
    }

    pub fn list(&self) -> Vec<u8> {
        vec![self.0[3]]
    }
}

pub fn big() -> Big {
    black_box(Big([0; 700]))
}

pub async fn matched() -> u32 {
    match big().id() {
        0 => {
            tick().await;
            1
        }
        n => n,
    }
}

pub async fn matched_for_a_let(n: u32) -> u32 {
    let id = 3;
    let n = match big().id() + n {
        0..3 => {
            tick().await;
            1
        }
        n => n,
    };
    tick().await;
    n + id
}

pub async fn matched_in_an_arm(n: u8) -> usize {
    match n {
        0 => match big().name() {
            Some(ref mut name) => {
                name.push('a');
                tick().await;
                name.len()
            }
            None => 1,
        },
        _ => 3,
    }
}

pub async fn if_let_with_more_behind() {
    if let Some(name) = big().name() {
        tick().await;
        black_box(name);
    } else {
        black_box(3);
    }
    tick().await;
}

pub async fn while_let(n: u8) {
    while let Some(name) = big().name() {
        tick().await;
        black_box((name, n));
    }
}

pub async fn for_each() {
    for byte in big().list() {
        tick().await;
        black_box(byte);
    }
    tick().await;
}

pub async fn matched_twice() {
    if let Some(name) = big().name() {
        tick().await;
        black_box(name);
    }
    while let Some(name) = big().name() {
        tick().await;
        black_box(name);
    }
}

pub async fn matched_reference() {
    match big().part() {
        Some(part) => {
            tick().await;
            black_box(part);
        }
        None => {}
    }
}

pub async fn matched_reference_not_used() {
    match big().part() {
        Some(_) => tick().await,
        None => {}
    }
}

pub fn take(large: Large) -> usize {
    black_box(&large.bytes);
    large.len
}

pub async fn repeated() -> usize {
    let mut page = [0u8; 4096];
    let n = fill(&mut page);
    tick().await;
    page[0] as usize + n + page.len()
}
"#;

fn text() -> String {
    format!("{SOURCE}{PENDING_ONCE}")
}

struct Tried<'a> {
    candidate: &'a Candidate,
    way: usize,
    after: u64,
}

fn size(snapshot: &Snapshot, name: &str) -> u64 {
    let mut found = snapshot.futures(false).filter(|placed| &*placed.future.name == name);
    found.next().unwrap_or_else(|| panic!("no {name}")).future.size
}

fn compiles(text: &str, target: &Project) -> bool {
    let project = Project::lib("scopes", text);
    let mut command = clean_command("cargo");
    command.args(["check", "--quiet"]).current_dir(project.root());
    command.env("CARGO_TARGET_DIR", target.root());
    let output = command.output().expect("cargo starts");
    if !output.status.success() {
        say(&String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

/// Every candidate of a kind, by its first way that compiles; those of different futures at once.
fn tried<'a>(all: &'a [Candidate], kind: ActionKind) -> (Vec<Tried<'a>>, Vec<&'a Candidate>) {
    let target = Project::empty();
    let mut open: Vec<&Candidate> = all.iter().filter(|candidate| candidate.kind == kind).collect();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    while !open.is_empty() {
        let mut batch: Vec<(&Candidate, usize)> = Vec::new();
        let mut left = Vec::new();
        for candidate in std::mem::take(&mut open) {
            if batch.iter().any(|(other, _)| other.future == candidate.future) {
                left.push(candidate);
                continue;
            }
            let works = |way: &Vec<Edit>| compiles(&edited(&text(), way).expect("edits fit"), &target);
            match candidate.ways.iter().position(works) {
                Some(way) => batch.push((candidate, way)),
                None => failed.push(candidate),
            }
        }
        let edits: Vec<Edit> =
            batch.iter().flat_map(|(candidate, way)| candidate.ways[*way].clone()).collect();
        let after = edited(&text(), &edits).expect("they are in different functions");
        let project = Project::lib("scopes", &after);
        let snapshot = measure(project.root(), "release");
        for (candidate, way) in batch {
            done.push(Tried { candidate, way, after: size(&snapshot, &candidate.name) });
        }
        open = left;
    }
    (done, failed)
}

fn measured() -> (Project, Vec<Candidate>) {
    let project = Project::lib("scopes", &text());
    let snapshot = measure(project.root(), "release");
    let all = candidates(&snapshot, &project.root().join("src/lib.rs"));
    (project, all)
}

/// What an action does in a future, by name: bytes before, predicted and after.
fn faults(all: &[Candidate], kind: ActionKind, expected: &[&str], refused: &[&str]) -> Vec<String> {
    let (tried, failed) = tried(all, kind);
    let mut faults = Vec::new();
    for one in &tried {
        let candidate = one.candidate;
        say(&format!(
            "{}: {} ({:?}, drops {:?}), {:?} -> predicted {:?}, measured {} by way {}",
            candidate.name,
            candidate.label,
            candidate.anchors,
            candidate.drops_earlier,
            candidate.before,
            candidate.predicted,
            one.after,
            one.way,
        ));
        if let Some(predicted) = candidate.predicted.filter(|predicted| predicted.exact)
            && (predicted.size != one.after || candidate.before.is_none_or(|before| before <= one.after))
        {
            faults.push(format!("{}: {}", candidate.name, candidate.label));
        }
    }
    for candidate in &failed {
        say(&format!("{}: {} does not compile", candidate.name, candidate.label));
    }
    faults.extend(
        expected
            .iter()
            .filter(|name| {
                !tried
                    .iter()
                    .any(|one| *one.candidate.name == ***name && Some(one.after) < one.candidate.before)
            })
            .map(|name| format!("{name} is not smaller")),
    );
    let wrong = failed.iter().filter(|one| {
        !refused.contains(&&*one.name) || {
            // What does not compile is only ever tried, never offered on a prediction.
            kind == ActionKind::ScopeBlock && one.predicted.is_some()
        }
    });
    faults.extend(wrong.map(|one| format!("{} does not compile", one.name)));
    faults
}

#[test]
fn a_block_saves_what_was_predicted() {
    let (_project, all) = measured();
    let expected = [
        "borrowed",
        "dropped",
        "guarded",
        "tuple",
        "mutable",
        "only_inside",
        "await_inside",
        "nested",
        "formatted",
        "cell",
        "one_pattern",
        "flagged",
        "borrower",
        "in_a_block::{closure#0}",
        "maybe_mutable",
        "awaited_after_a_borrow",
        "sent_after_a_borrow",
        "in_the_way",
    ];
    assert!(!all.iter().any(|one| one.kind == ActionKind::ScopeBlock && &*one.name == "in_nobodys_way"));
    let faults = faults(&all, ActionKind::ScopeBlock, &expected, &["borrows", "kept_temporary"]);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_local_on_the_heap_is_a_pointer() {
    let (_project, all) = measured();
    let expected = [
        "borrowed",
        "repeated",
        "whole",
        "tuple",
        "nested",
        "shorthand",
        "assigned",
        "in_a_block::{closure#0}",
    ];
    let faults = faults(&all, ActionKind::BoxLocal, &expected, &[]);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn temporaries_of_a_matched_value_end_before_the_arms() {
    let (_project, all) = measured();
    let expected = [
        "matched",
        "matched_for_a_let",
        "matched_in_an_arm",
        "if_let_with_more_behind",
        "while_let",
        "for_each",
        "matched_twice",
    ];
    let refused = ["matched_reference", "matched_reference_not_used"];
    let faults = faults(&all, ActionKind::HoistScrutinee, &expected, &refused);
    assert!(faults.is_empty(), "{faults:#?}");
}
