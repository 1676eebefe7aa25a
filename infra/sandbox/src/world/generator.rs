//! The world's only source of randomness: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", OOPSLA 2014), seeded.

/// A deterministic generator.
#[derive(Debug, Clone)]
pub(crate) struct Generator {
    state: u64,
}

impl Generator {
    /// The same seed gives the same sequence.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A count of independent events of which `mean` are expected: Poisson, for large means by its normal
    /// approximation (twelve uniforms, Irwin and Hall).
    pub(crate) fn count(&mut self, mean: f64) -> f64 {
        const LARGE: f64 = 60.0;
        if mean > LARGE {
            let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            return (mean + normal * mean.sqrt()).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean.max(0.0)).exp(), self.unit(), 0.0);
        while product > limit {
            product *= self.unit();
            count += 1.0;
        }
        count
    }

    /// A whole number of milliseconds, uniform in [low, high).
    pub(crate) fn milliseconds(&mut self, low: i64, high: i64) -> i64 {
        self.between(low as f64, high as f64) as i64
    }

    /// `length` hexadecimal digits, at most 32.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        let mut text = format!("{:016x}{:016x}", self.next(), self.next());
        text.truncate(length);
        text
    }

    /// `length` decimal digits, the first not zero.
    pub(crate) fn digits(&mut self, length: usize) -> String {
        (0..length).map(|index| char::from(b'0' + (self.next() % 9 + u64::from(index == 0)) as u8)).collect()
    }

    /// A version-4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let text = self.hex(32);
        format!("{}-{}-4{}-a{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut generator = Generator::new(1_234_567);
        assert_eq!(generator.next(), 6_457_827_717_110_365_317);
        assert_eq!(generator.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn counts_scatter_as_much_as_they_expect() {
        let mut generator = Generator::new(3);
        for mean in [0.2, 4.0, 300.0] {
            let counts: Vec<f64> = (0..4_000).map(|_| generator.count(mean)).collect();
            let average = counts.iter().sum::<f64>() / 4_000.0;
            let variance = counts.iter().map(|count| (count - average).powi(2)).sum::<f64>() / 4_000.0;
            assert!((average / mean - 1.0).abs() < 0.1 && (variance / mean - 1.0).abs() < 0.15, "{average} {variance}");
        }
        assert_eq!(generator.count(0.0), 0.0);
    }

    #[test]
    fn ids_have_their_shapes() {
        let mut generator = Generator::new(7);
        assert_eq!(generator.hex(32).len(), 32);
        assert!(generator.digits(19).bytes().all(|byte| byte.is_ascii_digit()));
        let uuid = generator.uuid();
        assert_eq!((uuid.len(), uuid.matches('-').count()), (36, 4));
    }
}
