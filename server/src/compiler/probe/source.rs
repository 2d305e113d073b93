pub async fn leaf() {}

pub struct Guard(u8);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0 = 0;
    }
}

fn look(_: &[u16]) {}

pub async fn held(a: u64, guard: Guard) -> usize {
    let text = String::new();
    if a > 1 {
        drop(guard);
    }
    {
        let large = [0; 40];
        look(&large);
        leaf().await;
    }
    if let Some(byte) = text.as_bytes().first() {
        leaf().await;
        return usize::from(*byte);
    }
    text.len()
}

pub async fn outer(n: u16) -> usize {
    held(n.into(), Guard(1)).await + usize::from(n)
}

pub async fn generic<T>(value: T) -> T {
    leaf().await;
    value
}

pub async fn caller(n: u32) -> u32 {
    let block = async move {
        leaf().await;
        n
    };
    generic([n; 9]).await[0] + block.await
}
