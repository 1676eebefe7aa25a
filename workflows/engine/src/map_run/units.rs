//! What each child is given: one item or a batch of them, shaped.

use std::sync::Arc;

use asl::Value;
use execution::{Env, Failure, ItemBatcher, ItemShaper, MapItem};

use crate::clock::Clock;
use crate::entropy;
use crate::items::Source;
use crate::store::Span;

/// What one child is given.
pub(super) struct Unit {
    /// Index of the child.
    pub(super) index: u64,
    /// Which items it has.
    pub(super) span: Span,
    pub(super) input: Value,
    /// The input's compact text.
    pub(super) text: String,
    /// Its `$$.Map.Item`, without the value where that is the input.
    pub(super) item: Option<Value>,
}

/// The children's inputs, one after the other.
pub(super) struct Units {
    source: Source,
    shaper: ItemShaper,
    batcher: Option<ItemBatcher>,
    clock: Clock,
    /// Bytes of an input.
    most_bytes: usize,
    /// Index of the next child.
    index: u64,
    /// The item that did not fit the batch before.
    carried: Option<Shaped>,
    /// Items read.
    items: u64,
    ended: bool,
}

struct Shaped {
    index: u64,
    value: Value,
    text: String,
    item: MapItem,
}

impl Units {
    pub(super) const fn new(
        source: Source,
        shaper: ItemShaper,
        batcher: Option<ItemBatcher>,
        clock: Clock,
        most_bytes: usize,
    ) -> Self {
        Self { source, shaper, batcher, clock, most_bytes, index: 0, carried: None, items: 0, ended: false }
    }

    /// Passes over the items before `span`, which is the child `index`'s.
    ///
    /// # Errors
    /// The items cannot be read.
    pub(super) async fn skip_to(&mut self, index: u64, first: u64) -> Result<(), Failure> {
        while self.items < first && self.source.next().await?.is_some() {
            self.items += 1;
        }
        self.index = index;
        Ok(())
    }

    /// All items and all children, where that is known before the last is read, or once it has been.
    pub(super) fn totals(&self) -> (Option<u64>, Option<u64>) {
        if self.ended {
            return (Some(self.items), Some(self.index));
        }
        let items = self.source.total();
        (items, items.filter(|_| self.batcher.is_none()))
    }

    /// What the next child is given; `None` after the last.
    ///
    /// # Errors
    /// The items cannot be read or shaped, or one is too large.
    pub(super) async fn next(&mut self) -> Result<Option<Unit>, Failure> {
        let unit = match self.batcher.take() {
            None => self.single().await,
            Some(batcher) => {
                let unit = self.batch(&batcher).await;
                self.batcher = Some(batcher);
                unit
            }
        }?;
        match &unit {
            Some(_) => self.index += 1,
            None => self.ended = true,
        }
        Ok(unit)
    }

    async fn single(&mut self) -> Result<Option<Unit>, Failure> {
        let Some(shaped) = self.shaped().await? else { return Ok(None) };
        let Shaped { index: first, value, text, item } = shaped;
        self.check(&text, first)?;
        let mut context = item.context();
        if item.value == value
            && let Value::Object(members) = &mut context
        {
            Arc::make_mut(members).shift_remove("Value");
        }
        let span = Span { first, count: 1 };
        Ok(Some(Unit { index: self.index, span, input: value, text, item: Some(context) }))
    }

    async fn batch(&mut self, batcher: &ItemBatcher) -> Result<Option<Unit>, Failure> {
        let mut batch = batcher.begin(self.most_bytes);
        let mut span = Span::default();
        while !batch.is_full() {
            let Some(shaped) = self.shaped().await? else { break };
            let bytes = shaped.text.len();
            if !batch.takes(bytes) {
                self.carried = Some(shaped);
                break;
            }
            if span.count == 0 {
                span.first = shaped.index;
            }
            span.count += 1;
            batch.push(shaped.value, bytes);
        }
        let Some((input, _)) = batch.into_input() else { return Ok(None) };
        let text = input.to_string();
        self.check(&text, span.first)?;
        Ok(Some(Unit { index: self.index, span, input, text, item: None }))
    }

    async fn shaped(&mut self) -> Result<Option<Shaped>, Failure> {
        if let Some(carried) = self.carried.take() {
            return Ok(Some(carried));
        }
        let Some(item) = self.source.next().await? else { return Ok(None) };
        self.items += 1;
        let value = self.shaper.shape(&item, Env { now: self.clock.now(), seed: entropy::seed() })?;
        let text = value.to_string();
        Ok(Some(Shaped { index: item.index, value, text, item }))
    }

    fn check(&self, text: &str, index: u64) -> Result<(), Failure> {
        if text.len() <= self.most_bytes {
            return Ok(());
        }
        let most = self.most_bytes;
        let cause = format!(
            "The input of the child workflow execution that begins with the item {index} has {} bytes, {most} at most",
            text.len()
        );
        Err(Failure { error: Some("States.DataLimitExceeded".into()), cause: Some(cause.into()) })
    }
}
