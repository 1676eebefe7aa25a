//! After against the same hours of the weeks before, at equal load.

use super::{COVERAGE, Change, Compared, Finding, SETTLE_MS};
use crate::history::{History, WEEK_MS};
use crate::judge::{self, Baseline, Kind, Latency, Metric, Ratio, Request, Requests};
use crate::performance::load::Classes;
use crate::statistics::dependence;
use crate::statistics::trend::median;
use crate::time::Millis;

/// How many weeks before are looked at.
const WEEKS: i64 = 3;
/// Utilisation that is saturation whatever the target, in percent.
const SATURATED: f64 = 95.0;
/// The share that may be added to that of the worst week before: a hundredth of the time.
const TOLERANCE: f64 = 0.01;
/// The normal score from which a rise of a share is no chance: 0.4 % on one side, as it may be asked at every look.
const SCORE: f64 = 2.65;

/// The periods after a change and the same hours of the weeks before.
pub(super) struct Window<'a> {
    change: &'a Change,
    /// The beginnings of the periods after.
    after: Vec<Millis>,
    /// For each week, the same hours before, in the same order; all of them before the change.
    weeks: Vec<Vec<Millis>>,
    /// What tells the load: requests, or processor times tasks.
    load: History,
    /// Classes of the loads before.
    classes: Option<Classes>,
}

impl<'a> Window<'a> {
    pub(super) fn of(change: &'a Change) -> Self {
        let metrics = &change.metrics;
        let observed = metrics.cpu.between(change.acted_at + SETTLE_MS, change.at);
        let after: Vec<Millis> = (0..observed.len()).map(|index| observed.at(index)).collect();
        // After more than a week the week before is after the change, too: go further back.
        let back = |at: Millis, week: i64| at - ((at - change.acted_at).div_euclid(WEEK_MS) + week) * WEEK_MS;
        let weeks: Vec<Vec<Millis>> =
            (1..=WEEKS).map(|week| after.iter().map(|at| back(*at, week)).collect()).collect();
        let load =
            if metrics.requests.is_empty() { work(&metrics.cpu, &metrics.running) } else { metrics.requests.clone() };
        let classes = Classes::of(weeks.iter().flatten().filter_map(|at| load.value_at(*at)));
        Self { change, after, weeks, load, classes }
    }

    /// Why the data do not allow a judgement; `None` when they do.
    pub(super) fn gap(&self) -> Option<String> {
        let cpu = &self.change.metrics.cpu;
        let known = |periods: &[Millis]| share(periods.iter().map(|at| cpu.value_at(*at).is_some()));
        let percent = |share: f64| (100.0 * share).round();
        let after = known(&self.after);
        if after < COVERAGE {
            return Some(format!("only {} % of the time after the change is known, 80 % are needed", percent(after)));
        }
        let before = self.weeks.iter().map(|week| known(week)).fold(0.0, f64::max);
        let Some(classes) = self.classes.as_ref().filter(|_| before >= COVERAGE) else {
            return Some(format!(
                "only {} % of the same hours of a week before are known, 80 % are needed",
                percent(before)
            ));
        };
        let loads: Vec<f64> = self.after.iter().filter_map(|at| self.load.value_at(*at)).collect();
        let like = share(loads.iter().map(|load| classes.covers(*load)));
        (like < COVERAGE && !loads.is_empty())
            .then(|| format!("the load was unlike that of the weeks before for {} % of the time", percent(1.0 - like)))
    }

    /// All metrics.
    pub(super) fn metrics(&self) -> Vec<Compared> {
        let metrics = &self.change.metrics;
        let mut all = vec![self.saturation()];
        if let Some(objective) = self.change.limits.latency_p95_ms.filter(|_| !metrics.latency.is_empty()) {
            let slow = |at: Millis| metrics.latency.value_at(at).map(|latency| latency > objective);
            all.push(self.shares("time above the latency objective %", slow));
        }
        all.extend(self.judged());
        let level = |name: &str, history: &History, scale: f64| {
            let mean = |periods: &[Millis]| {
                let known: Vec<f64> = periods.iter().filter_map(|at| history.value_at(*at)).collect();
                (!known.is_empty()).then(|| round(scale * known.iter().sum::<f64>() / known.len() as f64))
            };
            let before = mean(&self.weeks.concat());
            Compared { name: name.to_owned(), before, after: mean(&self.after), verdict: Finding::Pass }
        };
        all.push(level("CPU %", &metrics.cpu, 1.0));
        all.push(level("task hours per day", &metrics.running, 24.0));
        if !metrics.requests.is_empty() {
            let hour = 3_600_000.0 / metrics.requests.period_ms() as f64;
            all.push(level("requests per hour", &metrics.requests, hour));
        }
        all
    }

    /// Processors that are full. That a service is at its maximum does not count: what the maximum was in the weeks before
    /// nobody has written down, and raising it step by step would look worse at each.
    fn saturation(&self) -> Compared {
        let cpu = &self.change.metrics.cpu;
        self.shares("saturation %", |at| cpu.value_at(at).map(|cpu| cpu > SATURATED))
    }

    /// Compares shares of the time in which something bad holds.
    fn shares(&self, name: &str, bad: impl Fn(Millis) -> Option<bool>) -> Compared {
        let as_number = |bad: bool| f64::from(u8::from(bad));
        let series = |periods: &[Millis], after: bool| -> Vec<Option<f64>> {
            periods.iter().map(|at| bad(*at).filter(|_| !after || self.comparable(*at)).map(as_number)).collect()
        };
        let (after, weeks) =
            (series(&self.after, true), self.weeks.iter().map(|week| series(week, false)).collect::<Vec<_>>());
        let worst = weeks.iter().filter_map(|week| mean(week)).fold(0.0, f64::max);
        let (Some(observed), Some(expected)) = (mean(&after), self.expected(&weeks)) else {
            return Compared {
                name: name.to_owned(),
                before: None,
                after: mean(&after).map(percent),
                verdict: Finding::Unknown,
            };
        };
        let before = weeks.concat();
        let (n, m) = (known(&after), known(&before));
        let pooled = (observed * n + expected * m) / (n + m);
        let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        let error = error * dependence::inflation(dependence::pooled(&after, &before));
        let rises = observed > worst.max(expected) + TOLERANCE;
        let verdict = match (rises, observed - expected > SCORE * error) {
            (false, _) => Finding::Pass,
            (true, true) => Finding::Fail,
            (true, false) => Finding::Unknown,
        };
        Compared { name: name.to_owned(), before: Some(percent(expected)), after: Some(percent(observed)), verdict }
    }

    /// Whether the load of a period was like one before; one whose load is not known is.
    fn comparable(&self, at: Millis) -> bool {
        match (&self.classes, self.load.value_at(at)) {
            (Some(classes), Some(load)) => classes.covers(load),
            _ => true,
        }
    }

    /// The share that the weeks before had at the loads that came after.
    fn expected(&self, weeks: &[Vec<Option<f64>>]) -> Option<f64> {
        let plain = mean(&weeks.concat())?;
        let Some(classes) = &self.classes else { return Some(plain) };
        let mut sums = vec![(0.0, 0.0); classes.count()];
        for (periods, values) in self.weeks.iter().zip(weeks) {
            for (at, value) in periods.iter().zip(values) {
                if let (Some(load), Some(value)) = (self.load.value_at(*at), value) {
                    let (sum, count) = &mut sums[classes.class(load)];
                    (*sum, *count) = (*sum + value, *count + 1.0);
                }
            }
        }
        let of_load = |load: f64| match sums[classes.class(load)] {
            (_, 0.0) => plain,
            (sum, count) => sum / count,
        };
        let like = self.after.iter().filter(|at| self.comparable(**at));
        let loads: Vec<f64> = like.filter_map(|at| self.load.value_at(*at)).map(of_load).collect();
        if loads.is_empty() { Some(plain) } else { Some(loads.iter().sum::<f64>() / loads.len() as f64) }
    }

    /// Latency and errors, judged as a release's are: over the periods that had requests.
    fn judged(&self) -> Vec<Compared> {
        let metrics = &self.change.metrics;
        let served = |at: Millis| metrics.requests.value_at(at).is_some_and(|requests| requests > 0.0);
        let served: Vec<usize> = (0..self.after.len())
            .filter(|index| served(self.after[*index]) && self.comparable(self.after[*index]))
            .collect();
        if metrics.requests.is_empty() || metrics.latency.is_empty() {
            return Vec::new();
        }
        let pick = |periods: &[Millis]| served.iter().map(|index| periods[*index]).collect::<Vec<_>>();
        let (after, weeks) = (pick(&self.after), self.weeks.iter().map(|week| pick(week)).collect::<Vec<_>>());
        let usual = self.usual_latency();
        let latency = |periods: &[Millis]| periods.iter().map(|at| usual(*at)).collect::<Vec<_>>();
        let requests = |periods: &[Millis]| periods.iter().map(|at| self.served(*at)).collect::<Vec<_>>();
        let level = Latency::new(latency(&after), Baseline::History(weeks.iter().map(|week| latency(week)).collect()));
        let errors = Ratio::new(requests(&after), Baseline::History(weeks.iter().map(|week| requests(week)).collect()));
        // What is at once too much is a hard limit's matter.
        let errors = Ratio { limit: None, ..errors };
        let asked = vec![
            Metric::new("p95 latency", "ms", Kind::Latency(level)).critical(),
            Metric::new("errors", "%", Kind::Ratio(errors)).critical(),
        ];
        let Ok(report) = judge::judge(&Request { metrics: asked, look: 1, looks: 1 }) else { return Vec::new() };
        let compared = |metric: judge::MetricReport| Compared {
            name: format!("{} {}", metric.name, metric.unit),
            before: metric.blue.and_then(|side| side.level).map(round),
            after: metric.green.level.map(round),
            verdict: match metric.verdict {
                judge::Verdict::Pass => Finding::Pass,
                judge::Verdict::Fail => Finding::Fail,
                judge::Verdict::Inconclusive | judge::Verdict::Continue => Finding::Unknown,
            },
        };
        report.metrics.into_iter().map(compared).collect()
    }

    /// Latency of a period as it would be at the median load: times what was usual there over what was usual at its own.
    /// Unknown where nothing is usual.
    fn usual_latency(&self) -> impl Fn(Millis) -> Option<f64> {
        let latency = &self.change.metrics.latency;
        let count = self.classes.as_ref().map_or(1, Classes::count);
        let class = |at: Millis| Some(self.classes.as_ref()?.class(self.load.value_at(at)?));
        let mut by_class = vec![Vec::new(); count];
        for at in self.weeks.iter().flatten() {
            if let (Some(class), Some(level)) = (class(*at), latency.value_at(*at)) {
                by_class[class].push(Some(level));
            }
        }
        let usual: Vec<Option<f64>> = by_class.iter().map(|levels| median(levels)).collect();
        let middle = median(&by_class.concat());
        move |at| {
            let own = usual[class(at)?].filter(|own| *own > 0.0)?;
            Some(latency.value_at(at)? * middle? / own)
        }
    }

    fn served(&self, at: Millis) -> Option<Requests> {
        let total = self.change.metrics.requests.value_at(at)?;
        let errors = self.change.metrics.errors.value_at(at).unwrap_or(0.0).min(total);
        // Counts of a load balancer are whole and far below 2^53.
        Some(Requests { errors: errors.max(0.0).round() as u64, total: total.max(0.0).round() as u64 })
    }
}

fn work(cpu: &History, running: &History) -> History {
    let values = cpu.values().iter().enumerate();
    let values = values.map(|(index, value)| Some((*value)? * running.value_at(cpu.at(index))?));
    History::new(cpu.start(), cpu.period_seconds(), values.collect())
}

fn known(series: &[Option<f64>]) -> f64 {
    series.iter().flatten().count() as f64
}

fn mean(series: &[Option<f64>]) -> Option<f64> {
    let count = known(series);
    (count > 0.0).then(|| series.iter().flatten().sum::<f64>() / count)
}

fn share(holds: impl Iterator<Item = bool>) -> f64 {
    let (all, some) = holds.fold((0.0, 0.0), |(all, some), holds| (all + 1.0, some + f64::from(u8::from(holds))));
    if all > 0.0 { some / all } else { 0.0 }
}

fn percent(share: f64) -> f64 {
    round(100.0 * share)
}

fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
