//! How fast the dumps are read: real ones, of `async-nats`.
//!
//! `cargo bench -p futurelens-tests --bench readers` prints the throughput; the promise is 100 MB/s.

// What criterion's macros make has no documentation.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futurelens::compiler::UnitOutput;
use futurelens::dump::{CoroutineBody, TypeSizes};
use futurelens_tests::binary::{futurelens, run};
use futurelens_tests::registry::checkout;
use std::hint::black_box;
use std::path::Path;

fn readers(criterion: &mut Criterion) {
    let project = checkout("async-nats", "0.51.0");
    run(futurelens().arg("report").arg(&project)).expect_success();
    let unit = kept_unit(&project.join("target/futurelens/release/deps"), "async_nats-");

    let sizes = unit.sizes();
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Bytes(sizes.len() as u64));
    group.bench_function("print-type-sizes", |bencher| {
        bencher.iter(|| TypeSizes::parse(black_box(sizes)).types.len());
    });
    let bodies: Vec<&str> = unit.bodies().map(|(_, text)| text).collect();
    group.throughput(Throughput::Bytes(bodies.iter().map(|text| text.len() as u64).sum()));
    group.bench_function("dump-mir", |bencher| {
        let parse = |text: &&str| CoroutineBody::parse(black_box(text)).map_or(0, |body| body.saved.len());
        bencher.iter(|| bodies.iter().map(parse).sum::<usize>());
    });
    group.finish();
}

fn kept_unit(folder: &Path, prefix: &str) -> UnitOutput {
    let entries = std::fs::read_dir(folder).expect("the report left its artifacts").flatten();
    let kept = |name: &str| name.starts_with(prefix) && name.ends_with(".futurelens");
    let file = entries.map(|e| e.path()).find(|p| kept(&p.file_name().unwrap_or_default().to_string_lossy()));
    UnitOutput::read(&file.expect("the unit was kept")).expect("the unit is whole")
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = readers
}
criterion_main!(benches);
