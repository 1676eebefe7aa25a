//! A service's autoscaling as it is set up.

use crate::proposal::{Scheduled, Settings};
use crate::time::Millis;

/// The metrics whose target tracking is modelled: what they track is the processor.
pub const CPU_METRICS: [&str; 2] = ["ECSServiceAverageCPUUtilization", "ECSServiceAverageCPUUtilizationHighResolution"];

/// AWS's cooldowns for services of ECS where a policy does not say, in seconds.
pub const DEFAULT_COOLDOWN: u32 = 300;

/// A scaling policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// `TargetTrackingScaling`, `StepScaling` or `PredictiveScaling`.
    pub kind: String,
    /// The predefined metric that it tracks; absent for a custom one.
    pub metric: Option<String>,
    /// The target value.
    pub target: f64,
    /// Seconds.
    pub scale_out_cooldown: u32,
    /// Seconds.
    pub scale_in_cooldown: u32,
    /// Whether it never scales in.
    pub scale_in_disabled: bool,
}

/// A scheduled action with what [`Scheduled`] has no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// The action.
    pub scheduled: Scheduled,
    /// Its time zone; absent for UTC.
    pub timezone: Option<String>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// `MinCapacity` and `MaxCapacity`; `None` where no scalable target is registered.
    pub limits: Option<(u32, u32)>,
    /// Whether dynamic scaling in, out, or scheduled scaling is suspended.
    pub suspended: bool,
    /// The policies.
    pub policies: Vec<Policy>,
    /// The scheduled actions.
    pub scheduled: Vec<Action>,
    /// When the newest of these was created, in milliseconds since 1970.
    pub created_at: Option<Millis>,
}

impl World {
    /// The settings, for tasks of this size (processor units, MiB).
    ///
    /// # Errors
    /// Why there are none that could be replayed: texts for people.
    pub fn settings(&self, cpu_units: u32, memory_mib: u32) -> Result<Settings, Vec<String>> {
        let Some((min_capacity, max_capacity)) = self.limits else {
            return Err(vec!["no autoscaling is set up: register a scalable target first".to_owned()]);
        };
        if max_capacity == 0 || min_capacity > max_capacity {
            return Err(vec![format!("autoscaling keeps {min_capacity} to {max_capacity} tasks: it is switched off")]);
        }
        let policy = self.policy()?;
        let foreign = self.scheduled.iter().filter(|action| {
            let zone = action.timezone.as_deref().unwrap_or("UTC");
            !["UTC", "Etc/UTC"].contains(&zone)
        });
        let foreign: Vec<_> = foreign
            .map(|action| {
                let (name, zone) = (&action.scheduled.name, action.timezone.as_deref().unwrap_or_default());
                format!("the scheduled action {name} is in the time zone {zone}: only UTC can be replayed")
            })
            .collect();
        if !foreign.is_empty() {
            return Err(foreign);
        }
        Ok(Settings {
            min_capacity,
            max_capacity,
            policy_name: Some(policy.name.clone()),
            metric: policy.metric.clone(),
            target: Some(policy.target),
            scale_out_cooldown: policy.scale_out_cooldown,
            scale_in_cooldown: policy.scale_in_cooldown,
            scheduled: self.scheduled.iter().map(|action| action.scheduled.clone()).collect(),
            cpu_units,
            memory_mib,
        })
    }

    /// The one policy, if it is of the kind that is modelled.
    fn policy(&self) -> Result<&Policy, Vec<String>> {
        let names = || self.policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", ");
        let reason = match self.policies.as_slice() {
            [] => "no scaling policy is set up: put a target-tracking policy first".to_owned(),
            [policy] if self.suspended => {
                format!("scaling of {} is suspended: resume it or remove it", policy.name)
            }
            [policy] if policy.kind != "TargetTrackingScaling" => {
                format!("{} is a policy of type {}: only target tracking can be replayed", policy.name, policy.kind)
            }
            [policy] if policy.scale_in_disabled => {
                format!("{} never scales in: whoever does is not in its settings", policy.name)
            }
            [policy] => match &policy.metric {
                None => format!("{} tracks a custom metric, whose link to load is not known", policy.name),
                Some(metric) if CPU_METRICS.contains(&metric.as_str()) => {
                    if (1.0..=100.0).contains(&policy.target) {
                        return Ok(policy);
                    }
                    format!("{} tracks a utilisation of {} %, which is never reached", policy.name, policy.target)
                }
                Some(metric) => {
                    format!("{} tracks {metric}: only the processor's utilisation is replayed", policy.name)
                }
            },
            _ => format!(
                "the policies {} scale the same service: the one that wants most tasks wins, and the others hide what \
                 it does; keep one",
                names()
            ),
        };
        Err(vec![reason])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::proposal::tests::settings;

    pub(crate) fn world() -> World {
        let policy = Policy {
            name: "api-cpu".to_owned(),
            kind: "TargetTrackingScaling".to_owned(),
            metric: Some(CPU_METRICS[0].to_owned()),
            target: 60.0,
            scale_out_cooldown: 60,
            scale_in_cooldown: 300,
            scale_in_disabled: false,
        };
        World { limits: Some((4, 12)), policies: vec![policy], ..World::default() }
    }

    #[test]
    fn one_policy_of_the_processor_has_settings() {
        assert_eq!(world().settings(512, 1_024).unwrap(), settings());
    }

    #[test]
    fn what_is_not_modelled_is_said_by_name() {
        let refused = |change: &dyn Fn(&mut World), text: &str| {
            let mut world = world();
            change(&mut world);
            let reasons = world.settings(512, 1_024).unwrap_err();
            assert!(reasons[0].contains(text), "{reasons:?}");
        };
        refused(&|world| world.limits = None, "no autoscaling is set up");
        refused(&|world| world.limits = Some((0, 0)), "keeps 0 to 0 tasks: it is switched off");
        refused(&|world| world.policies.clear(), "no scaling policy");
        refused(&|world| world.policies[0].target = 120.0, "api-cpu tracks a utilisation of 120 %");
        refused(&|world| world.policies[0].kind = "StepScaling".to_owned(), "api-cpu is a policy of type StepScaling");
        refused(&|world| world.policies[0].metric = None, "api-cpu tracks a custom metric");
        refused(
            &|world| world.policies[0].metric = Some("ALBRequestCountPerTarget".to_owned()),
            "ALBRequestCountPerTarget",
        );
        refused(&|world| world.policies[0].scale_in_disabled = true, "never scales in");
        refused(&|world| world.suspended = true, "is suspended");
        let second = |world: &mut World| {
            let other = Policy { name: "api-memory".to_owned(), ..world.policies[0].clone() };
            world.policies.push(other);
        };
        refused(&second, "the policies api-cpu, api-memory scale the same service");
        let abroad = |world: &mut World| {
            let scheduled = Scheduled {
                name: "morning".to_owned(),
                schedule: "cron(0 8 * * ? *)".to_owned(),
                min_capacity: Some(6),
                max_capacity: None,
            };
            world.scheduled.push(Action { scheduled, timezone: Some("Europe/Berlin".to_owned()) });
        };
        refused(&abroad, "morning is in the time zone Europe/Berlin");
    }
}
