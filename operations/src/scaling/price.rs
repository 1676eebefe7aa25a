//! What a task of Fargate costs.

/// US dollars of one vCPU for an hour, by AWS's price list of us-east-1, Linux, x86.
pub const VCPU_HOUR: f64 = 0.040_48;

/// US dollars of one GiB of memory for an hour, by the same.
pub const GIB_HOUR: f64 = 0.004_445;

/// US dollars of a task of this size for an hour: 1,024 units are one vCPU, memory in MiB.
pub fn task_hour(cpu_units: u32, memory_mib: u32) -> f64 {
    f64::from(cpu_units) / 1_024.0 * VCPU_HOUR + f64::from(memory_mib) / 1_024.0 * GIB_HOUR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::HOURS_OF_MONTH;

    #[test]
    fn a_month_of_a_task_costs_what_the_price_list_says() {
        let month = |cpu, memory| (task_hour(cpu, memory) * HOURS_OF_MONTH * 100.0).round() / 100.0;
        assert_eq!([month(256, 512), month(512, 1_024), month(1_024, 2_048)], [9.01, 18.02, 36.04]);
    }
}
