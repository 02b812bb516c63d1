// What is sent and how it is checked, as bench/support/payload.h has it.
use bytes::Bytes;

pub const KINDS: usize = 64; // distinct contents
pub const LARGE_SIZE: usize = 1 << 20;

pub struct Payloads {
    names: Vec<String>,
    greetings: Vec<String>,
    texts: Vec<Vec<u8>>,
}

impl Payloads {
    pub fn new() -> Self {
        let names: Vec<String> = (0..KINDS).map(|i| format!("world_{}", 1000 + i)).collect();
        let greetings = names.iter().map(|name| format!("Hello {name}")).collect();
        let text = |i: usize| (0..100).map(|k| b'!' + ((i * 7 + k) % 90) as u8).collect();
        Payloads { names, greetings, texts: (0..KINDS).map(text).collect() }
    }
    pub fn name(&self, i: u64) -> &str {
        &self.names[i as usize % KINDS]
    }
    pub fn greeting(&self, i: u64) -> &str {
        &self.greetings[i as usize % KINDS]
    }
    pub fn text(&self, i: u64) -> &[u8] {
        &self.texts[i as usize % KINDS]
    }
}

pub fn make_large() -> Bytes {
    (0..LARGE_SIZE).map(|i| ((i * 131) >> 3) as u8).collect()
}

// Call `i` with other contents than the one before, at both ends; in place, once nobody else holds the bytes.
pub fn stamped(large: Bytes, i: u64) -> Bytes {
    let mut large = match large.try_into_mut() {
        Ok(mine) => mine,
        Err(shared) => shared[..].into(),
    };
    large[..8].copy_from_slice(&i.to_le_bytes());
    large[LARGE_SIZE - 8..].copy_from_slice(&i.to_le_bytes());
    large.freeze()
}

pub fn same_large(sent: &[u8], got: &[u8], i: u64) -> bool {
    if got.len() != sent.len() {
        return false;
    }
    if i as usize % KINDS == 0 {
        return sent == got;
    }
    (8..sent.len()).step_by(65536).all(|at| sent[at] == got[at])
        && sent[..8] == got[..8]
        && sent[LARGE_SIZE - 8..] == got[LARGE_SIZE - 8..]
}
