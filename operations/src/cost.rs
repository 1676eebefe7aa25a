//! What an account costs, what of that is explained, what is unusual, what is paid for without use, and what a change
//! has saved.

pub mod account;
pub mod anomaly;
pub mod bill;
pub mod commitment;
pub mod idle;
pub mod inventory;
pub mod month;
pub mod realised;
pub mod recommendation;
pub mod retention;
pub mod service;

#[cfg(test)]
mod tests;

pub use bill::Bill;
pub use recommendation::{Class, Recommendation};

/// The least saving worth a change, US dollars a month.
pub const LEAST_SAVING: f64 = 5.0;
/// The least saving worth a change, as a share of what is paid.
pub const LEAST_SHARE: f64 = 0.1;

/// Whether a saving is worth a change of what costs so much; both in US dollars a month.
pub fn worth(saving: f64, paid: f64) -> bool {
    saving >= LEAST_SAVING && saving >= LEAST_SHARE * paid
}

/// Rounded to whole cents.
pub fn cents(dollars: f64) -> f64 {
    (dollars * 100.0).round() / 100.0
}

/// The middle value: the mean of the two in the middle where there is an even number. `None` without values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    crate::history::percentile_of_sorted(&values, 50.0)
}
