//! Which size, and how many of it.
//!
//! Where autoscaling keeps the processor at a target, the number of tasks follows from the size: so many as carry the
//! load at the target. Size and limits are therefore chosen together, and a price is that of the number the load of the
//! last weeks would have had. The price of Fargate is linear in processor and memory, so that two small tasks cost what
//! one of twice the size does: small ones follow the load more closely, until the memory that each needs for itself
//! costs more than that saves.

use super::Size;
use super::ladder;
use super::need::{HEADROOM, Need, Usage, part, rounded_up};
use crate::history::{Fold, History};
use crate::price::Rate;
use crate::proposal::Settings;

/// Prices this close count as the same: the smaller task then wins.
const SAME: f64 = 0.01;
/// The periods in which load is looked at, in seconds.
const LOAD_SECONDS: u32 = 300;

/// What the number of tasks depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Follows {
    /// Nothing that the size changes: it is fixed, or follows requests or a schedule.
    Nothing,
    /// The processor, kept at this many percent.
    Cpu(f64),
    /// The memory in percent: the size of the memory must stay.
    Memory,
    /// Several policies, or steps: the number of tasks of another size cannot be foretold.
    Unknown,
}

impl Follows {
    /// What the metrics of all scaling policies of a service make the number of tasks depend on: each the predefined
    /// metric of a target-tracking policy with its target in percent, or `None` for a policy of another kind.
    pub fn of(policies: &[Option<(&str, f64)>]) -> Self {
        match policies {
            [] => Follows::Nothing,
            [Some((metric, target))] if metric.starts_with("ECSServiceAverageCPUUtilization") => Follows::Cpu(*target),
            [Some(("ECSServiceAverageMemoryUtilization", _))] => Follows::Memory,
            [Some(("ALBRequestCountPerTarget", _))] => Follows::Nothing,
            _ => Follows::Unknown,
        }
    }
}

/// A size and how many of it there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The size.
    pub size: Size,
    /// The least number of tasks.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// How many there would have been, as a mean.
    pub tasks: f64,
    /// US dollars a month.
    pub cost: f64,
}

/// What is known when a size is chosen.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The settings now.
    pub settings: &'a Settings,
    /// How tasks were used.
    pub usage: &'a Usage,
    /// What one needs.
    pub need: Need,
    /// What the number of tasks depends on.
    pub follows: Follows,
    /// What a task costs.
    pub rate: &'a Rate,
    /// The least number of tasks that is ever chosen.
    pub least: u32,
    /// The most that there may be.
    pub most: Option<u32>,
}

impl Situation<'_> {
    /// The size now.
    pub fn size(&self) -> Size {
        Size::new(self.settings.cpu_units, self.settings.memory_mib)
    }

    /// What is now, priced as a choice is, so that both can be compared.
    pub fn current(&self) -> Option<Choice> {
        let load = self.load();
        self.priced(self.size(), self.settings.min_capacity, self.settings.max_capacity, &load)
    }

    /// The best choice, which may be what is now; `None` when nothing may be chosen: no size holds the need, or the
    /// number of tasks cannot be foretold.
    pub fn best(&self) -> Option<Choice> {
        let load = self.load();
        let choices: Vec<_> = ladder::sizes()
            .filter(|size| self.may(*size))
            .filter_map(|size| {
                let (min, max) = self.limits(size, &load)?;
                self.priced(size, min, max, &load)
            })
            .collect();
        let least = choices.iter().map(|choice| choice.cost).min_by(f64::total_cmp)?;
        let cheap = choices.into_iter().filter(|choice| choice.cost <= least * (1.0 + SAME));
        cheap.min_by(|one, other| one.size.cmp(&other.size).then(one.cost.total_cmp(&other.cost)))
    }

    /// Whether a size may be chosen: it holds the need, and its processor is at most one rung below the present one.
    fn may(&self, size: Size) -> bool {
        let (now, rung) = (self.size().rung(), size.rung());
        if rung + 1 < now {
            return false;
        }
        match self.follows {
            Follows::Nothing => size.holds(self.need.cpu_units, self.need.memory_mib),
            Follows::Memory => size.memory_mib == self.settings.memory_mib && size.cpu_units >= self.need.cpu_units,
            // More tasks share the load; what one needs of the processor is then a question of the target.
            Follows::Cpu(_) => {
                let bound = self.settings.scheduled.is_empty() || size.cpu_units == self.settings.cpu_units;
                let only = self.rescue().is_none_or(|cpu_units| size.cpu_units == cpu_units);
                rung <= now + 1 && bound && only && size.memory_mib >= self.memory(size)
            }
            Follows::Unknown => false,
        }
    }

    /// The processor that stays when memory is short: only that is mended then, unless no size of the same processor has
    /// as much.
    fn rescue(&self) -> Option<u32> {
        let Settings { cpu_units, memory_mib, .. } = *self.settings;
        let short = self.need.memory_mib > memory_mib;
        let same =
            || ladder::sizes().any(|size| size.cpu_units == cpu_units && size.memory_mib >= self.need.memory_mib);
        (short && same()).then_some(cpu_units)
    }

    /// The memory that a task of another processor needs: as much as now, and in a larger one as much more as the load
    /// that it has more needs. Whether less load needs less is not known, and not assumed.
    fn memory(&self, size: Size) -> u32 {
        let more = size.cpu_units.saturating_sub(self.settings.cpu_units);
        match self.follows {
            Follows::Cpu(target) if more > 0 => {
                let growth = self.memory_per_unit() * part(target, more) * HEADROOM;
                self.need.memory_mib.saturating_add(rounded_up(growth))
            }
            _ => self.need.memory_mib,
        }
    }

    /// MiB of memory that a processor unit of load takes: the upper bound that all memory is for load, and none the
    /// task's own.
    fn memory_per_unit(&self) -> f64 {
        let (cpu, memory) = (self.usage.cpu_mean.mean(), self.usage.memory_max.max());
        match (cpu, memory) {
            (Some(cpu), Some(memory)) if cpu > 0.0 => {
                part(memory, self.settings.memory_mib) / part(cpu, self.settings.cpu_units)
            }
            _ => f64::from(self.settings.memory_mib),
        }
    }

    /// The limits for tasks of a size: never less capacity at the most; at the least no less than the load needs that
    /// was there while the least number ran. `None` when there may not be so many tasks.
    fn limits(&self, size: Size, load: &Load) -> Option<(u32, u32)> {
        let Settings { min_capacity: min, max_capacity: max, cpu_units, .. } = *self.settings;
        let Follows::Cpu(target) = self.follows else { return Some((min, max)) };
        if size.cpu_units == cpu_units {
            return Some((min, max));
        }
        let as_much = |tasks: u32| rounded_up(f64::from(tasks) * f64::from(cpu_units) / f64::from(size.cpu_units));
        let enough = load.at_least.map_or(u32::MAX, |load| rounded_up(load * HEADROOM / part(target, size.cpu_units)));
        let least = enough.clamp(min.min(as_much(min)), as_much(min)).max(self.least);
        let most = as_much(max).max(least);
        self.most.is_none_or(|bound| most <= bound.max(max)).then_some((least, most))
    }

    /// A size with its limits, priced.
    fn priced(&self, size: Size, min: u32, max: u32, load: &Load) -> Option<Choice> {
        let tasks = match self.follows {
            Follows::Cpu(target) => tasks_at(&load.units, target, size.cpu_units, (min, max))?,
            _ => self.usage.running.mean()?,
        };
        Some(Choice { size, min, max, tasks, cost: tasks * size.month(self.rate) })
    }

    /// The load in processor units.
    fn load(&self) -> Load {
        let running = &self.usage.running;
        let units = load(&self.usage.cpu_mean, running, self.settings.cpu_units);
        let few = f64::from(self.settings.min_capacity) + 0.5;
        let calm: Vec<_> = units
            .known()
            .filter(|(at, _)| running.value_at(*at).is_some_and(|running| running <= few))
            .map(|(_, units)| Some(units))
            .collect();
        let at_least = History::new(0, LOAD_SECONDS, calm).percentile(99.0);
        Load { units, at_least }
    }
}

/// Load in processor units.
#[derive(Debug, Clone)]
struct Load {
    /// In periods of [`LOAD_SECONDS`], or longer.
    units: History,
    /// Its 99th percentile while the least number of tasks ran; `None` when more ran all the time.
    at_least: Option<f64>,
}

/// The load of a service in processor units, in periods of five minutes or longer: what its tasks used of theirs
/// (`cpu_mean`, percent of `cpu_units`), times how many ran.
pub fn load(cpu_mean: &History, running: &History, cpu_units: u32) -> History {
    let unit = |(index, percent): (usize, &Option<f64>)| {
        Some(part((*percent)?, cpu_units) * running.value_at(cpu_mean.at(index))?)
    };
    let values = cpu_mean.values().iter().enumerate().map(unit).collect();
    let units = History::new(cpu_mean.start(), cpu_mean.period_seconds(), values);
    let factor = usize::try_from(LOAD_SECONDS / cpu_mean.period_seconds().max(1)).unwrap_or(1).max(1);
    units.folded(factor, Fold::Mean)
}

/// How many tasks of so many processor units a load needs as a mean, when they are kept at `target` percent between the
/// limits. `None` for a load that is not known.
pub fn tasks_at(load: &History, target: f64, cpu_units: u32, (min, max): (u32, u32)) -> Option<f64> {
    let room = part(target.max(1.0), cpu_units.max(1));
    let (least, most) = (f64::from(min), f64::from(max.max(min)));
    load.map(|units| (units / room - 1e-9).ceil().clamp(least, most)).mean()
}
