//! Values that look random and are not: the same seed gives the same values, so a replay needs no recording.

/// Draws from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Draws that depend on `seed` and on `salt`, the place they are drawn at.
    pub(crate) fn new(seed: u128, salt: &str) -> Self {
        // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/, over the seed and the salt.
        let start = 0xcbf2_9ce4_8422_2325_u64;
        let hash = seed
            .to_le_bytes()
            .iter()
            .chain(salt.as_bytes())
            .fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self { state: hash }
    }

    /// 64 bits: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A double, 0 included, 1 excluded.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `bound`, which is at least 1. The bias is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }

    /// A version 4 UUID (RFC 9562) in lower case.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.bits(), self.bits());
        let high = (high & !0xf000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// `java.util.Random`, which AWS's seeded functions are, bit for bit. The algorithm is the one its documentation
/// specifies: a linear congruential generator of 48 bits.
pub(crate) struct Java {
    state: i64,
}

impl Java {
    const MASK: i64 = (1 << 48) - 1;

    /// The generator for `seed`.
    pub(crate) const fn new(seed: i64) -> Self {
        Self { state: (seed ^ 0x0005_deec_e66d) & Self::MASK }
    }

    /// The next `count` bits, 1 to 32.
    #[expect(clippy::cast_possible_truncation, reason = "the algorithm keeps the low 32 bits")]
    const fn next(&mut self, count: u32) -> i32 {
        self.state = self.state.wrapping_mul(0x0005_deec_e66d).wrapping_add(0xb) & Self::MASK;
        (self.state >> (48 - count)) as i32
    }

    /// `nextDouble`: 0 included, 1 excluded.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn unit(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        let low = i64::from(self.next(27));
        (high + low) as f64 / (1_i64 << 53) as f64
    }

    /// `nextInt(bound)`; `bound` is at least 1.
    pub(crate) fn below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            let product = i64::from(bound) * i64::from(self.next(31));
            return i32::try_from(product >> 31).unwrap_or_default();
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_generator_gives_the_figures_recorded_on_aws() {
        assert!((Java::new(42).unit() - 0.727_563_680_032_868_1).abs() < 1e-17);
        // Figures every Java gives for new Random(42): nextInt(10) twice.
        let mut java = Java::new(42);
        assert_eq!((java.below(10), java.below(10)), (0, 3));
    }

    #[test]
    fn uuids_are_version_4_and_follow_the_seed_and_the_place() {
        let uuid = Random::new(7, "Output").uuid();
        assert_eq!(uuid, Random::new(7, "Output").uuid());
        assert_ne!(uuid, Random::new(8, "Output").uuid());
        assert_ne!(uuid, Random::new(7, "Assign").uuid());
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert!("89ab".contains(&uuid[19..20]));
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut random = Random::new(1, "");
        for bound in 1..200 {
            assert!(random.below(bound) < bound);
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
