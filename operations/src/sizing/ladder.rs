//! The sizes that Fargate offers, and the cheapest that fits.

use crate::gate::fargate;
use crate::price::Rate;
use serde::{Deserialize, Serialize};

/// Processor units of the rungs, smallest first.
pub const RUNGS: [u32; 7] = [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384];

/// The size of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Size {
    /// Processor units: 1,024 are one vCPU.
    pub cpu_units: u32,
    /// Memory, in MiB.
    pub memory_mib: u32,
}

impl Size {
    /// A size, which Fargate may or may not offer.
    pub const fn new(cpu_units: u32, memory_mib: u32) -> Self {
        Self { cpu_units, memory_mib }
    }

    /// Whether Fargate offers it.
    pub fn valid(self) -> bool {
        fargate::valid(self.cpu_units, self.memory_mib)
    }

    /// Whether it has at least so much of both.
    pub fn holds(self, cpu_units: u32, memory_mib: u32) -> bool {
        self.cpu_units >= cpu_units && self.memory_mib >= memory_mib
    }

    /// The rung of its processor, 0 to 6: the first that has as many units; the last for more than all.
    pub fn rung(self) -> usize {
        RUNGS.iter().position(|units| *units >= self.cpu_units).unwrap_or(RUNGS.len() - 1)
    }

    /// US dollars of one task for a month.
    pub fn month(self, rate: &Rate) -> f64 {
        rate.month(self.cpu_units, self.memory_mib)
    }
}

impl std::fmt::Display for Size {
    /// As people say it: `0.5 vCPU / 1 GB`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (cpu, memory) = (f64::from(self.cpu_units) / 1_024.0, f64::from(self.memory_mib) / 1_024.0);
        write!(formatter, "{cpu} vCPU / {memory} GB")
    }
}

/// All sizes, smallest first.
pub fn sizes() -> impl Iterator<Item = Size> {
    fargate::sizes().into_iter().map(|(cpu, memory)| Size::new(cpu, memory))
}

/// The cheapest size that holds so much; of two that cost the same, the smaller. `None` when none is large enough.
pub fn fit(rate: &Rate, cpu_units: u32, memory_mib: u32) -> Option<Size> {
    let holding = sizes().filter(|size| size.holds(cpu_units, memory_mib));
    holding.min_by(|one, other| one.month(rate).total_cmp(&other.month(rate)).then(one.cmp(other)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::tests::rate;
    use proptest::prelude::*;

    #[test]
    fn the_cheapest_fitting_size_is_found() {
        assert_eq!(sizes().count(), 74);
        let cases = [
            (308, 1_536, (512, 2_048), Some(21.26)),
            (922, 9_216, (2_048, 9_216), Some(88.30)),
            (1_127, 3_072, (2_048, 4_096), None),
            (0, 0, (256, 512), Some(9.01)),
        ];
        for (cpu, memory, expected, month) in cases {
            let size = fit(&rate(), cpu, memory).unwrap();
            assert_eq!((size.cpu_units, size.memory_mib), expected, "{cpu}/{memory}");
            if let Some(month) = month {
                assert!((size.month(&rate()) - month).abs() < 0.006, "{}", size.month(&rate()));
            }
        }
        assert_eq!(fit(&rate(), 16_385, 0), None);
        assert_eq!(fit(&rate(), 0, 122_881), None);
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        assert_eq!(Size::new(512, 1_024).to_string(), "0.5 vCPU / 1 GB");
        assert_eq!(Size::new(256, 512).to_string(), "0.25 vCPU / 0.5 GB");
        assert_eq!([0, 256, 300, 16_384, 99_999].map(|cpu| Size::new(cpu, 0).rung()), [0, 0, 1, 6, 6]);
    }

    proptest! {
        #[test]
        fn what_fits_is_offered_holds_the_need_and_nothing_cheaper_does(cpu in 0..17_000_u32, memory in 0..125_000_u32) {
            match fit(&rate(), cpu, memory) {
                None => prop_assert!(cpu > 16_384 || memory > 122_880),
                Some(size) => {
                    prop_assert!(size.valid() && size.holds(cpu, memory));
                    let cheaper = sizes().find(|one| one.holds(cpu, memory) && one.month(&rate()) < size.month(&rate()));
                    prop_assert_eq!(cheaper, None);
                }
            }
        }
    }
}
