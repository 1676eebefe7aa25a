//! A store that lasts as long as the process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::{Entry, Space, Store, StoreError, Visit, VisitAll, Write};

type Spaces = BTreeMap<Space, BTreeMap<Vec<u8>, Vec<u8>>>;

/// Key spaces in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    spaces: RwLock<Spaces>,
}

impl Memory {
    fn read<T>(&self, read: impl FnOnce(&Spaces) -> T) -> T {
        read(&self.spaces.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Memory {
    fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        for Write { space, key, value } in writes {
            let entries = spaces.entry(space).or_default();
            match value {
                Some(mut value) => {
                    // It stays; the room it had to grow does not.
                    value.shrink_to_fit();
                    entries.insert(key, value)
                }
                None => entries.remove(&key),
            };
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        false
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read(|spaces| spaces.get(&space)?.get(key).cloned()))
    }

    fn scan(&self, space: Space, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        // A copy: the visitor may ask the store, and a lock must not be held while it does.
        let found: Vec<_> = self.read(|spaces| {
            let entries = spaces.get(&space).into_iter();
            entries
                .flat_map(|entries| entries.range(prefix.to_vec()..))
                .take_while(|(key, _)| key.starts_with(prefix))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        });
        found.iter().try_for_each(|(key, value)| visit(key, value))
    }

    fn page(&self, space: Space, prefix: &[u8], after: Option<&[u8]>, most: usize) -> Result<Vec<Entry>, StoreError> {
        let begin = after.map_or(Bound::Included(prefix), Bound::Excluded);
        Ok(self.read(|spaces| {
            let entries = spaces.get(&space).into_iter();
            entries
                .flat_map(|entries| entries.range::<[u8], _>((begin, Bound::Unbounded)))
                .take_while(|(key, _)| key.starts_with(prefix))
                .take(most)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }))
    }

    fn snapshot(&self, visit: &mut VisitAll<'_>) -> Result<(), StoreError> {
        let spaces = self.read(Clone::clone);
        for (space, entries) in &spaces {
            entries.iter().try_for_each(|(key, value)| visit(*space, key, value))?;
        }
        Ok(())
    }

    fn last(&self, space: Space, prefix: &[u8]) -> Result<Option<Entry>, StoreError> {
        Ok(self.read(|spaces| {
            let entries = spaces.get(&space)?;
            let end = match super::key::after_prefix(prefix) {
                Some(end) => entries.range(prefix.to_vec()..end).next_back(),
                None => entries.range(prefix.to_vec()..).next_back(),
            };
            end.map(|(key, value)| (key.clone(), value.clone()))
        }))
    }
}
