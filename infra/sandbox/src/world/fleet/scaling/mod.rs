//! Application Auto Scaling of the fleet: limits, target-tracking policies that act, scheduled actions, and everything
//! that was done or not done.

mod activity;
mod track;

use std::collections::VecDeque;

pub(crate) use activity::{Activity, NotScaled};

use crate::world::ecs::Service;
use crate::world::generator::Generator;
use crate::world::schedule::Schedule;

/// How long activities are kept (AWS: six weeks).
const KEPT_MS: i64 = 42 * 86_400_000;

/// What a policy tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// `ECSServiceAverageCPUUtilization`, percent.
    Cpu,
    /// `ECSServiceAverageMemoryUtilization`, percent.
    Memory,
    /// `ALBRequestCountPerTarget`, requests a minute.
    Requests,
}

const METRICS: [(Metric, &str); 3] = [
    (Metric::Cpu, "ECSServiceAverageCPUUtilization"),
    (Metric::Memory, "ECSServiceAverageMemoryUtilization"),
    (Metric::Requests, "ALBRequestCountPerTarget"),
];

impl Metric {
    /// Its predefined metric type.
    pub(crate) fn name(self) -> &'static str {
        METRICS.iter().find(|(metric, _)| *metric == self).map_or("", |(_, name)| name)
    }

    /// The metric of that predefined type.
    pub(crate) fn named(name: &str) -> Option<Self> {
        METRICS.iter().find(|(_, own)| *own == name).map(|(metric, _)| *metric)
    }
}

/// A target-tracking policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// Name.
    pub(crate) name: String,
    /// The UUID in its ARN and its alarms' names.
    pub(crate) id: String,
    /// What it tracks.
    pub(crate) metric: Metric,
    /// `ResourceLabel`, for requests per target.
    pub(crate) label: Option<String>,
    /// The value to hold.
    pub(crate) target: f64,
    /// Seconds.
    pub(crate) out_cooldown: i64,
    /// Seconds.
    pub(crate) in_cooldown: i64,
    /// Whether it never scales in.
    pub(crate) disable_in: bool,
    /// When it was created.
    pub(crate) created_ms: i64,
}

impl Policy {
    /// The name of one of its two alarms, `AlarmHigh` or `AlarmLow`.
    pub(crate) fn alarm(&self, resource: &str, which: &str) -> String {
        format!("TargetTracking-{resource}-{which}-{}", self.id)
    }
}

/// A scheduled action: new limits at certain times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scheduled {
    /// Name.
    pub(crate) name: String,
    /// The UUID in its ARN.
    pub(crate) id: String,
    /// The expression as it came.
    pub(crate) expression: String,
    /// What it says.
    pub(crate) schedule: Schedule,
    /// The new minimum.
    pub(crate) minimum: Option<i64>,
    /// The new maximum.
    pub(crate) maximum: Option<i64>,
    /// When it was created.
    pub(crate) created_ms: i64,
    /// The next time; `None`: never again.
    pub(crate) next_ms: Option<i64>,
}

/// A scalable target.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `service/<cluster>/<service>`.
    pub(crate) resource: String,
    /// The id in its ARN.
    pub(crate) id: String,
    /// Minimum capacity.
    pub(crate) minimum: i64,
    /// Maximum capacity.
    pub(crate) maximum: i64,
    /// When it was registered.
    pub(crate) created_ms: i64,
    /// Dynamic scale-in suspended.
    pub(crate) in_suspended: bool,
    /// Dynamic scale-out suspended.
    pub(crate) out_suspended: bool,
    /// Scheduled scaling suspended.
    pub(crate) scheduled_suspended: bool,
    /// Policies.
    pub(crate) policies: Vec<Policy>,
    /// Scheduled actions.
    pub(crate) scheduled: Vec<Scheduled>,
    /// Newest last.
    pub(crate) activities: VecDeque<Activity>,
    /// What activity and policy ids are drawn from.
    pub(crate) generator: Generator,
    /// When it last scaled out, and the capacity before.
    last_out: Option<(i64, i64)>,
    /// When it last scaled in.
    last_in_ms: Option<i64>,
    /// The reason last noted for not scaling, and when.
    noted: Option<(&'static str, i64)>,
}

impl Target {
    /// A target without policies.
    pub(crate) fn new(resource: String, limits: (i64, i64), created_ms: i64, mut generator: Generator) -> Self {
        Self {
            resource,
            id: format!("0ec5{}", generator.hex(28)),
            minimum: limits.0,
            maximum: limits.1,
            created_ms,
            in_suspended: false,
            out_suspended: false,
            scheduled_suspended: false,
            policies: Vec::new(),
            scheduled: Vec::new(),
            activities: VecDeque::new(),
            generator,
            last_out: None,
            last_in_ms: None,
            noted: None,
        }
    }

    /// New limits, which bring the desired count within them at once.
    pub(crate) fn set_limits(&mut self, service: &mut Service, minimum: i64, maximum: i64, now_ms: i64) {
        let raised = minimum > self.minimum;
        self.minimum = minimum;
        self.maximum = maximum;
        let bounded = service.desired.clamp(minimum, maximum);
        if bounded != service.desired {
            let (which, value) = if raised || bounded == minimum { ("minimum", minimum) } else { ("maximum", maximum) };
            self.scale(service, bounded, format!("{which} capacity was set to {value}"), now_ms);
        }
    }

    /// Sets the desired count and notes the activity.
    fn scale(&mut self, service: &mut Service, desired: i64, cause: String, now_ms: i64) {
        service.desired = desired;
        service.steady = false;
        let id = self.generator.uuid();
        self.note(Activity::scaled(id, desired, cause, now_ms));
    }

    fn note(&mut self, activity: Activity) {
        let oldest = activity.start_ms - KEPT_MS;
        self.activities.push_back(activity);
        while self.activities.front().is_some_and(|activity| activity.start_ms < oldest) {
            self.activities.pop_front();
        }
    }

    /// Carries out the scheduled actions that are due.
    pub(crate) fn run_schedule(&mut self, service: &mut Service, now_ms: i64) {
        for index in 0..self.scheduled.len() {
            let action = &mut self.scheduled[index];
            if action.next_ms.is_none_or(|next| next > now_ms) {
                continue;
            }
            action.next_ms = action.schedule.next(now_ms, action.created_ms);
            let (name, minimum, maximum) = (action.name.clone(), action.minimum, action.maximum);
            if self.scheduled_suspended {
                continue;
            }
            let maximum = maximum.unwrap_or(self.maximum);
            let minimum = minimum.unwrap_or(self.minimum).min(maximum);
            let id = self.generator.uuid();
            self.note(Activity::limits(id, minimum, maximum, &name, now_ms));
            self.set_limits(service, minimum, maximum, now_ms);
        }
    }
}
