//! Latencies that were measured.

/// Milliseconds, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        Self(millis)
    }

    /// How many.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that `share` (0 to 1) of all do not exceed; none of an empty sample.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        self.0.get((last as f64 * share).round() as usize).copied()
    }

    pub(crate) fn least(&self) -> Option<f64> {
        self.0.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sample = Sample::new(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(sample.quantile(0.5), Some(3.0));
        assert_eq!(sample.quantile(0.99), Some(5.0));
        assert_eq!(sample.least(), Some(1.0));
        assert_eq!(Sample::default().quantile(0.5), None);
    }
}
