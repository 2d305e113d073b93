//! One of each shape that the dumps have. It compiles with every compiler since 1.85, and says the same to all.

pub async fn leaf() {}

pub struct Guard(u8);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0 = 0;
    }
}

fn look<T: ?Sized>(_: &T) {}

/// A local and an argument that is stored, a drop flag, a temporary, two awaits, an early return.
pub async fn held(a: u64, guard: Guard) -> usize {
    let text = String::new();
    if a > 1 {
        drop(guard);
    }
    {
        let large = [0u16; 40];
        look(&large);
        leaf().await;
    }
    if let Some(byte) = text.as_bytes().first() {
        leaf().await;
        return usize::from(*byte);
    }
    text.len()
}

/// An argument that is stored twice.
pub async fn outer(n: u16) -> usize {
    held(n.into(), Guard(1)).await + usize::from(n)
}

pub async fn generic<T: Default>(value: T) -> T {
    let mut other = T::default();
    look(&other);
    leaf().await;
    std::mem::swap(&mut other, &mut { value });
    other
}

pub struct Pair {
    left: [u8; 24],
    right: u32,
}

pub trait Method {
    fn run(self) -> impl Future<Output = u32>;
}

impl Method for Pair {
    async fn run(self) -> u32 {
        look(&self.left);
        leaf().await;
        self.right
    }
}

/// A block that captures parts, an async closure, a loop with a guard, `?`.
pub async fn mixed(mut pair: Pair, list: Vec<Guard>) -> Option<u32> {
    let block = async {
        pair.right += 1;
        leaf().await;
        pair.left.len()
    };
    let length = block.await;
    let closure = async |more: u32| {
        leaf().await;
        more + length as u32
    };
    for guard in list {
        let found = generic([guard.0; 3]).await.first().copied()?;
        look(&found);
    }
    let left = closure(3).await;
    Some(left + pair.run().await)
}

pub async fn instances() -> u64 {
    let moved = generic((1u64, 2u8)).await;
    moved.0 + generic(5u64).await
}
