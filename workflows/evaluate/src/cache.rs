//! A bounded memo of parsed expressions, keyed by their text.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// Texts kept at most; beyond it the memo starts afresh, which costs one parse each.
const CAPACITY: usize = 4096;

/// Texts longer than this many bytes are parsed each time: they are rare and would hold much memory.
const LONGEST: usize = 32 * 1024;

/// What texts were parsed to, shared by all threads.
pub(crate) struct Cache<T> {
    entries: LazyLock<RwLock<HashMap<Box<str>, Arc<T>>>>,
}

impl<T> Cache<T> {
    /// An empty memo.
    pub(crate) const fn new() -> Self {
        Self { entries: LazyLock::new(RwLock::default) }
    }

    /// What `text` was parsed to, by `parse` if it is new.
    pub(crate) fn get(&self, text: &str, parse: impl FnOnce(&str) -> T) -> Arc<T> {
        let known = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(text).cloned();
        if let Some(parsed) = known {
            return parsed;
        }
        let parsed = Arc::new(parse(text));
        if text.len() <= LONGEST {
            let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            if entries.len() >= CAPACITY {
                entries.clear();
            }
            entries.insert(text.into(), Arc::clone(&parsed));
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parsed_once_and_the_memo_stays_bounded() {
        let cache = Cache::new();
        let mut parses = 0;
        for _ in 0..3 {
            assert_eq!(
                *cache.get("a", |text| {
                    parses += 1;
                    text.len()
                }),
                1
            );
        }
        assert_eq!(parses, 1);
        for number in 0..CAPACITY * 2 {
            cache.get(&number.to_string(), str::len);
        }
        assert!(cache.entries.read().unwrap().len() <= CAPACITY);
    }
}
