//! The metrics of blue/green services: per target group, per service and per task set.

use super::World;
use super::ecs::Service;
use super::generator::Generator;
use super::metrics::{Datum, Series};
use super::publish::{Minute, Tally, samples};
use super::task_set::{TaskSet, counts};

/// CPU and memory of a set's tasks, percent, and how many run.
struct Use {
    set: String,
    tasks: usize,
    cpu: f64,
    memory: f64,
}

impl World {
    /// Publishes the minute of a blue/green service; `unserved` is what found no target.
    pub(super) fn publish_blue_green(&mut self, name: &str, minute: &Minute, unserved: &Tally, at_ms: i64) {
        let Some(service) = self.services.get_mut(name) else { return };
        let Some(state) = service.blue_green.as_mut() else { return };
        let jitter = state.generator.between(-0.8, 0.8);
        let uses: Vec<Use> =
            state.sets.clone().iter().filter_map(|set| consumption(service, set, minute, jitter)).collect();
        let groups = self.group_tallies(name, minute);
        self.complain(name, minute);
        for (group, tally, hosts) in groups {
            self.publish_group(&group, &tally, hosts, at_ms);
        }
        if unserved.balancer_errors.round() > 0.0 {
            self.publish_unserved(unserved, at_ms);
        }
        self.publish_uses(name, &uses, at_ms);
    }

    /// What each of a service's target groups did: dimension, tally, healthy and unhealthy targets.
    fn group_tallies(&mut self, name: &str, minute: &Minute) -> Vec<(String, Tally, (f64, f64))> {
        let mut generator = match self.blue_green_mut(name) {
            Some(state) => Generator::new(state.generator.next()),
            None => return Vec::new(),
        };
        let Some((service, state)) = self.blue_green(name) else { return Vec::new() };
        let tallied = state.groups.iter().map(|group| {
            let mut tally = Tally::default();
            let (mut healthy, mut unhealthy) = (0.0, 0.0);
            for set in state.sets.iter().filter(|set| set.group == group.arn) {
                let (_, _, _, good, bad) = counts(service, set);
                healthy += good as f64;
                unhealthy += bad as f64;
                if let Some(own) = minute.set(&set.id) {
                    tally.add_requests(own);
                }
            }
            // Which requests fail is chance: the model says only how many are to be expected.
            let answered = tally.successes + tally.target_errors;
            tally.target_errors = generator.count(tally.target_errors).min(answered);
            tally.successes = answered - tally.target_errors;
            (format!("targetgroup/{}/{}", group.name, group.id), tally, (healthy, unhealthy))
        });
        tallied.collect()
    }

    /// Releases that fail requests say so in their log, once a minute.
    fn complain(&mut self, name: &str, minute: &Minute) {
        let Some((service, state)) = self.blue_green(name) else { return };
        let lines = state.sets.iter().filter(|set| set.conduct.failing() > 0.0).filter_map(|set| {
            let failed =
                minute.set(&set.id).map(|tally| tally.target_errors.round()).filter(|failed| *failed >= 1.0)?;
            let task = service.tasks.iter().find(|task| task.deployment == set.id && task.is_healthy())?;
            Some((set.id.clone(), task.id.clone(), format!("ERROR {failed} requests failed in the last minute")))
        });
        let lines = lines.collect();
        self.write(lines);
    }

    /// Requests that the load balancer answered itself, which belong to no target group.
    fn publish_unserved(&mut self, tally: &Tally, at_ms: i64) {
        let balancer = self.load_balancer_dimension();
        let mut datum = Datum::default();
        datum.add(1.0, tally.balancer_errors.round());
        for metric in ["HTTPCode_ELB_5XX_Count", "RequestCount"] {
            let series = Series::new("AWS/ApplicationELB", metric, &[("LoadBalancer", balancer.as_str())]);
            self.metrics.publish(series, at_ms, &datum);
        }
    }

    /// CPU and memory of the service, and of each task set.
    fn publish_uses(&mut self, name: &str, uses: &[Use], at_ms: i64) {
        let (mut cpu, mut memory) = (Datum::default(), Datum::default());
        let cluster = self.cluster.clone();
        for each in uses {
            let data = [("Cpu", samples(each.cpu, each.tasks)), ("Memory", samples(each.memory, each.tasks))];
            for (metric, datum) in &data {
                let dimensions =
                    [("ClusterName", cluster.as_str()), ("ServiceName", name), ("TaskSetId", each.set.as_str())];
                let series = Series::new("ECS/ContainerInsights", &format!("Task{metric}Utilization"), &dimensions);
                self.metrics.publish(series, at_ms, datum);
            }
            cpu.merge(&data[0].1);
            memory.merge(&data[1].1);
        }
        self.publish_ecs_datum(name, "CPUUtilization", &cpu, at_ms);
        self.publish_ecs_datum(name, "MemoryUtilization", &memory, at_ms);
        let Some(service) = self.services.get_mut(name) else { return };
        if cpu.count > 0.0 {
            let mean = cpu.sum / cpu.count;
            for target in self.scalable.iter_mut().filter(|target| target.service == name) {
                target.minute(service, mean);
            }
        }
    }
}

/// What the running tasks of a set used; `None` when none runs.
fn consumption(service: &Service, set: &TaskSet, minute: &Minute, jitter: f64) -> Option<Use> {
    let (_, tasks, ..) = counts(service, set);
    let tally = minute.set(&set.id).filter(|tally| tasks > 0 && tally.seconds > 0.0)?;
    Some(Use {
        set: set.id.clone(),
        tasks,
        cpu: (tally.cpu / tally.seconds + jitter).clamp(0.5, 100.0),
        memory: (tally.memory / tally.seconds + jitter / 2.0).clamp(1.0, 100.0),
    })
}
