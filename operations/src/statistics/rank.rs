//! Spearman's rank correlation: do two things rise together, whatever the form of their relation?

/// Spearman's ρ of pairs, -1 to 1: the correlation of their ranks, ties sharing theirs. `None` for fewer than three
/// pairs, or when one side never changes.
pub(crate) fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let left = centred_ranks(pairs.iter().map(|pair| pair.0));
    let right = centred_ranks(pairs.iter().map(|pair| pair.1));
    let product = |one: &[f64], two: &[f64]| one.iter().zip(two).map(|(one, two)| one * two).sum::<f64>();
    let scale = (product(&left, &left) * product(&right, &right)).sqrt();
    (scale > 0.0).then(|| product(&left, &right) / scale)
}

/// Every value's rank less the mean rank; ties share theirs.
fn centred_ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, two| values[*one].total_cmp(&values[*two]));
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let tied = order[first..].iter().take_while(|index| values[**index] == values[order[first]]).count();
        let rank = first as f64 + (tied as f64 - 1.0) / 2.0 - middle;
        for index in &order[first..first + tied] {
            ranks[*index] = rank;
        }
        first += tied.max(1);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_example() {
        // IQ and hours of television (the example of Wikipedia's article): ρ = −29/165.
        let iq = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0];
        let hours = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        let pairs: Vec<_> = iq.into_iter().zip(hours).collect();
        assert!((spearman(&pairs).unwrap() + 29.0 / 165.0).abs() < 1e-12);
    }

    #[test]
    fn any_rising_relation_is_one_and_a_constant_has_none() {
        let pairs: Vec<_> = (0..50).map(|x| (f64::from(x), f64::from(x).exp())).collect();
        assert!((spearman(&pairs).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(spearman(&[(1.0, 2.0), (2.0, 2.0), (3.0, 2.0)]), None);
        assert_eq!(spearman(&[(1.0, 2.0)]), None);
        assert_eq!(centred_ranks([5.0, 1.0, 5.0, 9.0].into_iter()), [0.0, -1.5, 0.0, 1.5]);
    }
}
