//! What to commit to.
//!
//! A commitment pays for capacity whether it is used or not, at a discount. At a discount of d it pays when more than
//! 1 − d of it is used. So it covers what is always there, the tenth to twentieth percentile of what an hour costs, and
//! not the mean.

use super::{Class, Recommendation, cents, worth};
use crate::history::{HOURS_OF_WEEK, percentile_of_sorted};
use crate::proposal::{HOURS_OF_MONTH, Risk};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde_json::json;

/// The percentiles of what an hour costs that may be committed to.
const PERCENTILES: [f64; 3] = [10.0, 15.0, 20.0];
/// How many hours of the week must be known.
const LEAST_HOURS: usize = 160;

/// A commitment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Commitment {
    /// What it covers, US dollars an hour at the price on demand.
    pub covers: f64,
    /// How much of it is used, 0 to 1.
    pub used: f64,
    /// US dollars saved in a month; below 0 it costs more than it saves.
    pub saving: f64,
}

/// A commitment that covers so much, at a discount (0 to below 1), for hours that cost so much.
pub fn commitment(hours: &[f64], covers: f64, discount: f64) -> Option<Commitment> {
    let used: f64 = hours.iter().map(|hour| hour.min(covers)).sum();
    let mean = used / hours.len() as f64;
    let saving = (mean - covers * (1.0 - discount)) * HOURS_OF_MONTH;
    (!hours.is_empty() && covers > 0.0).then(|| Commitment { covers, used: mean / covers, saving })
}

/// The commitment that saves most, of those that may be made; `None` when none saves.
pub fn best(hours: &[f64], discount: f64) -> Option<Commitment> {
    let mut sorted = hours.to_vec();
    sorted.sort_by(f64::total_cmp);
    let levels = PERCENTILES.into_iter().filter_map(|percentile| percentile_of_sorted(&sorted, percentile));
    let all = levels.filter_map(|level| commitment(hours, level, discount)).filter(|one| one.used > 1.0 - discount);
    all.max_by(|one, other| one.saving.total_cmp(&other.saving))
}

/// What all services together cost in the hours of the week that all know.
pub fn hours(services: &[Vec<Option<f64>>]) -> Vec<f64> {
    let sum = |hour: usize| services.iter().map(|one| one.get(hour).copied().flatten()).sum::<Option<f64>>();
    if services.is_empty() { Vec::new() } else { (0..HOURS_OF_WEEK).filter_map(sum).collect() }
}

/// What to commit to, or why nothing is recommended.
///
/// # Errors
/// The reason, for people.
pub fn recommend(hours: &[f64], discount: Option<f64>, at: Millis) -> Result<Recommendation, String> {
    if hours.len() < LEAST_HOURS {
        return Err("too few hours of the week are known: commitments are not judged".to_owned());
    }
    let Some(discount) = discount else {
        return Err("commitmentDiscount was not passed: commitments are not judged".to_owned());
    };
    let paid = hours.iter().sum::<f64>() / hours.len() as f64 * HOURS_OF_MONTH;
    let best = best(hours, discount).filter(|best| worth(best.saving, paid));
    let best = best.ok_or_else(|| format!("no commitment at a discount of {:.0} % saves enough", discount * 100.0))?;
    let hourly = best.covers * (1.0 - discount);
    Ok(Recommendation {
        id: "commitment".to_owned(),
        class: Class::Manual,
        resource: "Compute Savings Plan".to_owned(),
        summary: format!(
            "Commit to ${hourly:.3} an hour, which covers ${:.3} at the price on demand: {:.0} % of it is used, and it pays \
             above {:.0} %; carry out changes of size and number first",
            best.covers,
            best.used * 100.0,
            (1.0 - discount) * 100.0
        ),
        current: json!({"costPerMonth": cents(paid)}),
        proposed: json!({"commitmentPerHour": (hourly * 1e3).floor() / 1e3, "discount": discount}),
        saving_per_month: Some(cents(best.saving)),
        risk: Risk::Medium,
        confidence: 0.6,
        evidence: vec![Evidence::metric("10th to 20th percentile of what an hour costs, $", best.covers, at)],
        undo: "none: a commitment is kept until it ends".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_covers_what_is_always_there() {
        let hours: Vec<_> = (0..168).map(|hour| if hour % 24 < 8 { 1.0 } else { 3.0 }).collect();
        let best = best(&hours, 0.2).unwrap();
        assert_eq!((best.covers, best.used), (1.0, 1.0));
        assert!((best.saving - 0.2 * 730.0).abs() < 1e-9);
        let mean = commitment(&hours, 2.33, 0.2).unwrap();
        assert!(mean.used < 0.86 && mean.saving < best.saving, "the mean is used too little: {mean:?}");
        let recommended = recommend(&hours, Some(0.2), 0).unwrap_err();
        assert!(recommended.contains("20 % saves enough"), "a tenth of what is paid is needed: {recommended}");
        assert!(recommend(&hours, Some(0.3), 0).unwrap().summary.starts_with("Commit to $0.700 an hour"));
        assert!(recommend(&hours, None, 0).unwrap_err().starts_with("commitmentDiscount was not passed"));
        assert!(recommend(&[], Some(0.3), 0).is_err());
    }

    #[test]
    fn services_are_added_hour_by_hour() {
        let known = vec![Some(1.0); 168];
        let mut gap = vec![Some(0.5); 168];
        gap[3] = None;
        assert_eq!(hours(&[known, gap]), vec![1.5; 167]);
        assert!(hours(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn it_pays_if_and_only_if_enough_of_it_is_used(
            hours in proptest::collection::vec(0.0..100.0_f64, 1..200), covers in 0.01..150.0_f64, discount in 0.0..0.9_f64,
        ) {
            let one = commitment(&hours, covers, discount).unwrap();
            prop_assert!((0.0..=1.0 + 1e-9).contains(&one.used));
            let margin = one.used - (1.0 - discount);
            prop_assert!(margin.abs() < 1e-9 || (one.saving > 0.0) == (margin > 0.0));
            if let Some(best) = best(&hours, discount) {
                prop_assert!(best.saving >= 0.0);
            }
        }
    }
}
