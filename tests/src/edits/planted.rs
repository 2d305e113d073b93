//! A module that is planted into a crate: async code of every shape, each part with knobs to turn.

use super::Random;
use std::collections::BTreeMap;

/// What all parts use.
const GROUND: &str = "#![allow(warnings)]

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

pub struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

pub fn yield_now() -> YieldNow {
    YieldNow(false)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filler<const N: usize>(pub [u8; N]);

impl<const N: usize> Default for Filler<N> {
    fn default() -> Self {
        Filler([0; N])
    }
}

pub struct Held<const N: usize>(pub [u8; N]);

impl<const N: usize> Drop for Held<N> {
    fn drop(&mut self) {
        black_box(&self.0);
    }
}

pub async fn sized<T: Default>() -> usize {
    let kept = black_box(T::default());
    yield_now().await;
    black_box(&kept);
    std::mem::size_of::<T>()
}

pub async fn around<F: Future>(inner: F) -> F::Output {
    let started = black_box(1u64);
    let out = inner.await;
    black_box(&started);
    out
}

pub trait Stream {
    type Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>>;
}

pub struct Next<'a, S>(&'a mut S);

impl<S: Stream + Unpin> Future for Next<'_, S> {
    type Output = Option<S::Item>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut *self.0).poll_next(context)
    }
}

pub fn next<S: Stream + Unpin>(stream: &mut S) -> Next<'_, S> {
    Next(stream)
}

pub struct Both<A, B>(pub A, pub B);

impl<A: Future + Unpin, B: Future + Unpin> Future for Both<A, B> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let _ = Pin::new(&mut self.0).poll(context);
        Pin::new(&mut self.1).poll(context).map(drop)
    }
}
";

/// `@ID` and `@R` are names that may change, `@K` is a number of bytes, `@TOP` is what may be put before the
/// rest of a body, `@OTHER` is a call of some other part, `@AWAIT` is there or not; each part has a
/// `pub async fn part_@ID()`.
const SHAPES: [(&str, &str); 17] = [
    (
        "held",
        "pub async fn part_@ID() {
    @TOP
    let kept_@R = black_box([0u8; @K]);
    yield_now().await;
    black_box(&kept_@R);
}
",
    ),
    (
        "generic",
        "async fn generic_@ID<T: Default@PARAMETER>() -> usize {
    @TOP
    let kept_@R = black_box(T::default());
    sized::<T>().await;
    black_box(&kept_@R);
    @K
}

pub async fn part_@ID() {
    @CALLS
}
",
    ),
    (
        "chain",
        "pub async fn part_@ID() {
    @TOP
    @OTHER.await;
    let kept_@R = black_box([0u8; @K]);
    around(@OTHER).await;
    black_box(&kept_@R);
}
",
    ),
    (
        "trait object",
        "pub trait Step_@ID {
    fn step<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>>;
}

pub struct Small_@ID;

impl Step_@ID for Small_@ID {
    fn step<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
        Box::pin(async move {
            @TOP
            yield_now().await;
            1
        })
    }
}

pub struct Large_@ID([u8; @K]);

impl Step_@ID for Large_@ID {
    fn step<'a>(&'a self) -> Pin<Box<dyn Future<Output = u8> + Send + 'a>> {
        let copied_@R = self.0;
        Box::pin(async move {
            yield_now().await;
            black_box(&copied_@R);
            2
        })
    }
}

pub async fn part_@ID() {
    let steps: [&(dyn Step_@ID + Sync); 2] = [&Small_@ID, &Large_@ID([0; @K])];
    for step_@R in steps.iter() {
        step_@R.step().await;
    }
}
",
    ),
    (
        "macro",
        "macro_rules! made_@ID {
    (block $n:expr) => {
        async move {
            @TOP
            let kept = black_box([0u8; $n]);
            yield_now().await;
            black_box(&kept);
        }
    };
    (function $name:ident $n:expr) => {
        async fn $name() {
            let kept_@R = black_box([0u16; $n + @VARIANT]);
            yield_now().await;
            black_box(&kept_@R);
        }
    };
}

made_@ID!(function one_@ID 3);
made_@ID!(function two_@ID @K);

pub async fn part_@ID() {
    made_@ID!(block 3).await;
    made_@ID!(block @K).await; made_@ID!(block @K + 1).await;
    one_@ID().await;
    two_@ID().await;
}
",
    ),
    (
        "closures",
        "pub async fn part_@ID() {
    @TOP
    let outer_@R = |n: u8| {
        let kept = [n; @K];
        move || {
            let deep = move || async move {
                yield_now().await;
                black_box(&kept);
            };
            async move {
                deep().await;
                let second = async { yield_now().await };
                second.await;
            }
        }
    };
    outer_@R(1)().await;
    outer_@R(2)().await;
}
",
    ),
    (
        "struct",
        "const LEN_@ID: usize = @K;
type Alias_@ID = [u8; LEN_@ID + @VARIANT];

struct State_@ID {
    first: Alias_@ID,
    @FIELD
}

impl State_@ID {
    fn new() -> Self {
        State_@ID { first: [0; LEN_@ID + @VARIANT], @VALUE }
    }

    async fn run(&mut self) -> usize {
        @TOP
        let copied_@R = self.first;
        yield_now().await;
        black_box(&copied_@R).len()
    }
}

pub async fn part_@ID() {
    let mut state_@R = State_@ID::new();
    state_@R.run().await;
    let again = black_box(State_@ID::new());
    yield_now().await;
    black_box(&again);
}
",
    ),
    (
        "recursion",
        "async fn down_@ID(n: usize) -> usize {
    @TOP
    let kept_@R = black_box([n as u8; @K]);
    if n > 0 {
        Box::pin(down_@ID(n - 1)).await;
    }
    black_box(&kept_@R).len()
}

pub async fn part_@ID() {
    down_@ID(@VARIANT).await;
}
",
    ),
    (
        "async closures",
        "async fn apply_@ID<F: std::ops::AsyncFn(u8) -> usize>(f: F) -> usize {
    f(1).await + f(2).await
}

pub async fn part_@ID() {
    @TOP
    let kept_@R = black_box([0u8; @K]);
    let called = async |n: u8| {
        yield_now().await;
        black_box(&kept_@R).len() + usize::from(n)
    };
    called(1).await;
    apply_@ID(&called).await;
    apply_@ID(async |_| { yield_now().await; @VARIANT }).await;
}
",
    ),
    (
        "stream",
        "pub struct Count_@ID {
    left: u8,
    padding: [u8; @K],
}

impl Stream for Count_@ID {
    type Item = [u8; @VARIANT + 1];

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.left = self.left.saturating_sub(1);
        Poll::Ready((self.left > 0).then(|| [0; @VARIANT + 1]))
    }
}

pub async fn part_@ID() {
    @TOP
    let mut count_@R = Count_@ID { left: 3, padding: [0; @K] };
    while let Some(item) = next(&mut count_@R).await {
        yield_now().await;
        black_box(&item);
    }
}
",
    ),
    (
        "async trait",
        "pub trait Work_@ID {
    async fn work(&mut self) -> usize;

    async fn twice(&mut self) -> usize {
        @TOP
        self.work().await + self.work().await
    }
}

impl<const N: usize> Work_@ID for Filler<N> {
    async fn work(&mut self) -> usize {
        let kept_@R = black_box([0u8; N]);
        yield_now().await;
        black_box(&kept_@R).len()
    }
}

impl Work_@ID for String {
    async fn work(&mut self) -> usize {
        yield_now().await;
        @VARIANT
    }
}

pub async fn part_@ID() {
    Filler::<@K>::default().twice().await;
    String::new().twice().await;
}
",
    ),
    (
        "both",
        "pub async fn part_@ID() {
    @TOP
    let first_@R = Box::pin(@OTHER);
    let second_@R = std::pin::pin!(async {
        let kept = black_box([0u8; @K]);
        yield_now().await;
        black_box(&kept);
    });
    Both(first_@R, second_@R).await;
}
",
    ),
    (
        "arguments",
        "async fn inner_@ID(first: [u8; @K], second: Filler<@VARIANT>, third: &[u8]) -> usize {
    @TOP
    yield_now().await;
    first.len() + second.0.len() + third.len()
}

pub async fn part_@ID() {
    let text_@R = vec![0u8; 3];
    inner_@ID([0; @K], Filler::default(), &text_@R).await;
}
",
    ),
    (
        "drops",
        "pub async fn part_@ID() {
    let early_@R = Held([0u8; @K]);
    @TOP
    yield_now().await;
    if black_box(@VARIANT) > 1 {
        drop(early_@R);
        yield_now().await;
        return;
    }
    let late = Held([0u8; @VARIANT + 1]);
    match black_box(@VARIANT) {
        0 => sized::<u64>().await,
        1 => sized::<Filler<@K>>().await,
        _ => { let last = Held([1u8; 4]); yield_now().await; last.0.len() }
    };
}
",
    ),
    (
        "impl trait",
        "fn made_@ID<T: Send + 'static>(value: T) -> impl Future<Output = T> + Send {
    async move {
        @TOP
        yield_now().await;
        value
    }
}

fn boxed_@ID() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async { @OTHER.await; })
}

pub async fn part_@ID() {
    let kept_@R = made_@ID([0u8; @K]).await;
    made_@ID(String::new()).await;
    boxed_@ID().await;
    black_box(&kept_@R);
}
",
    ),
    (
        "constants",
        "trait Len_@ID {
    const LEN: usize;
}

impl Len_@ID for u8 {
    const LEN: usize = @K;
}

impl Len_@ID for u16 {
    const LEN: usize = <u8 as Len_@ID>::LEN + @VARIANT;
}

async fn of_@ID<T: Len_@ID>() -> usize {
    @TOP
    let kept_@R = black_box(vec![0u8; T::LEN]);
    yield_now().await;
    kept_@R.len()
}

pub async fn part_@ID() {
    let array = black_box([0u8; <u16 as Len_@ID>::LEN]);
    of_@ID::<u8>().await + of_@ID::<u16>().await;
    black_box(&array);
}
",
    ),
    (
        "not polled",
        "async fn quiet_@ID<T: Default>() -> usize {
    let kept_@R = black_box(T::default());
    sized::<T>().await;
    black_box(&kept_@R);
    @VARIANT
}

fn never_called_@ID() {
    let _ = quiet_@ID::<Filler<{ @K + @VARIANT }>>();
}

pub trait Send_@ID {
    fn send(&self) -> impl Future<Output = usize>;
}

impl Send_@ID for u8 {
    fn send(&self) -> impl Future<Output = usize> {
        quiet_@ID::<(Filler<@K>, u8)>()
    }
}

pub fn dropped_@ID() {
    let _ = quiet_@ID::<(Filler<@K>, u16)>();
}

pub async fn part_@ID() {
    @TOP
    let block_@R = async move { yield_now().await };
    let _ = quiet_@ID::<Filler<@K>>()@AWAIT;
    yield_now().await;
    drop(block_@R);
}
",
    ),
];

/// What generic fns are instantiated with.
const TYPES: [&str; 7] =
    ["u8", "u64", "String", "Vec<u16>", "Option<Box<u8>>", "Filler<@K>", "(Filler<3>, String)"];

/// What may stand at the top of a body, one for each bit of [`Part::top`].
const TOPS: [&str; 8] = [
    "{ let early = black_box([0u8; 9]); yield_now().await; black_box(&early); }",
    "let _unused = async { yield_now().await; };",
    "let _closure = |n: u8| n;",
    "black_box(async move { let inner = black_box([1u8; 5]); yield_now().await; inner }).await;",
    "let added = Held([0u8; 17]);",
    "\n\n    // One line.\n    // Another.",
    "/* The same line. */",
    "sized::<Filler<33>>().await;",
];

/// The file that the parts are in, below the crate.
pub const ROOT: &str = "src/planted.rs";

#[derive(Debug, Clone)]
struct Part {
    shape: usize,
    id: usize,
    name: usize,
    bytes: usize,
    variant: usize,
    top: usize,
    types: usize,
    parameter: bool,
    lines: usize,
    place: usize,
    other: usize,
}

/// The planted module as it is now.
#[derive(Debug, Clone, Default)]
pub struct Planted {
    parts: Vec<Part>,
}

impl Planted {
    /// One part of each shape.
    pub fn full(random: &mut Random, serial: &mut usize) -> Self {
        let mut planted = Planted::default();
        for shape in 0..SHAPES.len() {
            planted.add(shape, random, serial);
        }
        planted
    }

    fn add(&mut self, shape: usize, random: &mut Random, serial: &mut usize) {
        *serial += 1;
        self.parts.push(Part {
            shape,
            id: *serial,
            name: 0,
            bytes: 1 + random.below(200),
            variant: random.below(4),
            top: 0,
            types: random.below(1 << TYPES.len()),
            parameter: false,
            lines: 0,
            place: random.below(3),
            other: random.below(64),
        });
    }

    /// Turns one knob; says which.
    pub fn edit(&mut self, random: &mut Random, serial: &mut usize) -> (&'static str, String) {
        const KINDS: [&str; 15] = [
            "size",
            "block",
            "block",
            "rename local",
            "rename item",
            "move item",
            "move text",
            "instances",
            "no instances",
            "generics",
            "variant",
            "module",
            "other callee",
            "add part",
            "remove part",
        ];
        let kind = match self.parts.len() {
            0..6 => "add part",
            _ => *random.pick(&KINDS),
        };
        if kind == "add part" {
            let shape = random.below(SHAPES.len());
            self.add(shape, random, serial);
            return (kind, SHAPES[shape].0.to_owned());
        }
        let suits = |part: &Part| match kind {
            "instances" | "no instances" | "generics" => SHAPES[part.shape].0 == "generic",
            "variant" => SHAPES[part.shape].1.contains("@VARIANT"),
            "other callee" => SHAPES[part.shape].1.contains("@OTHER"),
            _ => true,
        };
        let candidates: Vec<usize> = (0..self.parts.len()).filter(|at| suits(&self.parts[*at])).collect();
        if candidates.is_empty() {
            self.add(1, random, serial);
            return ("add part", SHAPES[1].0.to_owned());
        }
        let at = *random.pick(&candidates);
        let length = self.parts.len();
        let part = &mut self.parts[at];
        let what = format!("{} {}", SHAPES[part.shape].0, part.id);
        match kind {
            "size" => part.bytes = 1 + random.below(600),
            "block" => part.top ^= 1 << random.below(TOPS.len()),
            "rename local" => part.name += 1,
            "rename item" => {
                *serial += 1;
                part.id = *serial;
            }
            "move text" => part.lines = random.below(6),
            "instances" => part.types ^= 1 << random.below(TYPES.len()),
            "no instances" => part.types = 0,
            "generics" => part.parameter = !part.parameter,
            "variant" => part.variant = (part.variant + 1) % 4,
            "module" => part.place = (part.place + 1 + random.below(2)) % 3,
            "other callee" => part.other = random.below(64),
            "remove part" => drop(self.parts.remove(at)),
            _ => {
                let part = self.parts.remove(at);
                self.parts.insert(random.below(length), part);
            }
        }
        (kind, what)
    }

    /// Its files, by path below the crate.
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut root = GROUND.to_owned();
        for part in &self.parts {
            let (id, text) = (part.id, self.text(part));
            root.push_str(&"\n// A line above.\n".repeat(part.lines));
            match part.place {
                0 => root.push_str(&format!("\n{text}")),
                1 => root.push_str(&format!("\npub mod inner_{id} {{\nuse super::*;\n{text}}}\n")),
                _ => {
                    root.push_str(&format!("\npub mod extra_{id};\n"));
                    let lines = "\n".repeat(part.lines);
                    let text = format!("use super::*;\n{lines}\n{text}");
                    files.insert(format!("src/planted/extra_{id}.rs"), text);
                }
            }
        }
        files.insert(ROOT.to_owned(), root);
        files
    }

    fn text(&self, part: &Part) -> String {
        let (id, bytes) = (part.id, part.bytes);
        let tops: Vec<&str> =
            (0..TOPS.len()).filter(|bit| part.top >> bit & 1 == 1).map(|b| TOPS[b]).collect();
        let more = if part.parameter { ", 7" } else { "" };
        let types = (0..TYPES.len()).filter(|bit| part.types >> bit & 1 == 1);
        let calls: Vec<String> =
            types.map(|bit| format!("generic_{id}::<{}{more}>().await;", TYPES[bit])).collect();
        let (field, value) = match part.variant % 2 {
            0 => ("", ""),
            _ => ("second: Filler<@K>,", "second: Filler::default()"),
        };
        // Only older parts, or a future might contain itself.
        let others: Vec<&Part> = self.parts.iter().filter(|other| other.id < id).collect();
        let other = match others.get(part.other % (others.len() + 1)) {
            None => "crate::planted::yield_now()".to_owned(),
            Some(other) => {
                let folder = match other.place {
                    0 => String::new(),
                    1 => format!("inner_{}::", other.id),
                    _ => format!("extra_{}::", other.id),
                };
                format!("crate::planted::{folder}part_{}()", other.id)
            }
        };
        let parameter = if part.parameter { ", const N: usize" } else { "" };
        SHAPES[part.shape]
            .1
            .replace("@TOP", &tops.join(" "))
            .replace("@CALLS", &calls.join("\n    "))
            .replace("@PARAMETER", parameter)
            .replace("@FIELD", field)
            .replace("@VALUE", value)
            .replace("@OTHER", &other)
            .replace("@AWAIT", if part.variant.is_multiple_of(2) { ".await" } else { "" })
            .replace("@VARIANT", &part.variant.to_string())
            .replace("@ID", &id.to_string())
            .replace("@R", &part.name.to_string())
            .replace("@K", &bytes.to_string())
    }
}
