//! The sizes that Fargate offers.

/// CPU units, and the memory in MiB that may go with them: least, most, step.
const LADDER: [(u32, u32, u32, u32); 7] = [
    // 0.25 vCPU has three sizes, which no step describes: each doubles.
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// Whether Fargate runs tasks of this size: CPU units (1,024 are one vCPU) and memory in MiB.
pub fn valid(cpu: u32, memory: u32) -> bool {
    LADDER.iter().any(|(units, least, most, step)| {
        let step_fits = (memory.saturating_sub(*least)).is_multiple_of(*step);
        let odd = *units == 256 && memory == 1_536;
        *units == cpu && (*least..=*most).contains(&memory) && step_fits && !odd
    })
}

/// All sizes, CPU units and memory in MiB, smallest first.
pub fn sizes() -> Vec<(u32, u32)> {
    let mut sizes = Vec::new();
    for (cpu, least, most, step) in LADDER {
        let memories = (least..=most).step_by(step as usize);
        sizes.extend(memories.map(|memory| (cpu, memory)).filter(|(cpu, memory)| valid(*cpu, *memory)));
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_74_sizes() {
        assert_eq!(sizes().len(), 74);
        assert!(sizes().iter().all(|(cpu, memory)| valid(*cpu, *memory)));
        let brute =
            (0..=20_000).step_by(128).flat_map(|cpu| (0..=130_000).step_by(256).map(move |memory| (cpu, memory)));
        assert_eq!(brute.filter(|(cpu, memory)| valid(*cpu, *memory)).count(), 74);
    }

    #[test]
    fn the_edges_of_the_ladder_hold() {
        for (cpu, memory) in
            [(256, 512), (256, 1_024), (256, 2_048), (4_096, 30_720), (8_192, 20_480), (16_384, 122_880)]
        {
            assert!(valid(cpu, memory), "{cpu}/{memory}");
        }
        for (cpu, memory) in
            [(256, 1_536), (256, 4_096), (512, 512), (1_024, 1_024), (8_192, 17_408), (0, 0), (300, 512)]
        {
            assert!(!valid(cpu, memory), "{cpu}/{memory}");
        }
    }
}
