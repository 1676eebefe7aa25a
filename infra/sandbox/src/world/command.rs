//! Commands from outside AWS: load, hanging, dying, and how rollouts fare.

use super::World;
use super::ecs::{Outcome, Phase, Service};
use super::scheduler;

impl World {
    /// The service of that name; the error names the services there are.
    fn controlled(&mut self, name: &str) -> Result<&mut Service, String> {
        let known: Vec<String> = self.services.keys().cloned().collect();
        self.services
            .get_mut(name)
            .ok_or_else(|| format!("service: '{name}' is unknown; the services are {}", known.join(", ")))
    }

    /// Sets a service's load, or the extra load on the database or the cache, in requests per second.
    pub(crate) fn set_load(&mut self, name: &str, rate: f64) -> Result<(), String> {
        if self.fleet.is_some() {
            return Err("requestsPerSecond: the load of a fleet service is changed by factor".to_owned());
        }
        if !(rate.is_finite() && (0.0..=1e6).contains(&rate)) {
            return Err("requestsPerSecond: give a number from 0 to 1,000,000".to_owned());
        }
        if name == "database" || name == self.database.id {
            self.database.extra_rate = rate;
        } else if name == "cache" || name == self.cache.id {
            self.cache.extra_rate = rate;
        } else {
            self.controlled(name)?.rate = rate;
        }
        Ok(())
    }

    /// Hangs up to `tasks` running tasks, oldest first, until they are replaced; `replaced` decides whether ECS does
    /// that by itself. Returns how many hang now.
    pub(crate) fn hang(&mut self, name: &str, tasks: usize, replaced: bool) -> Result<usize, String> {
        let service = self.controlled(name)?;
        service.replaces_unhealthy = replaced;
        let running = service.tasks.iter_mut().filter(|task| task.phase == Phase::Running && !task.hung);
        for task in running.take(tasks) {
            task.hung = true;
        }
        Ok(service.tasks.iter().filter(|task| task.phase == Phase::Running && task.hung).count())
    }

    /// Kills up to `tasks` running tasks, oldest first; returns how many died.
    pub(crate) fn kill(&mut self, name: &str, tasks: usize) -> Result<usize, String> {
        let now_ms = self.now_ms;
        let service = self.controlled(name)?;
        let mut died = 0;
        for task in service.tasks.iter_mut().filter(|task| task.phase == Phase::Running).take(tasks) {
            let reason = "OutOfMemoryError: Container killed due to memory usage";
            scheduler::exit(task, now_ms, 137, Some(reason));
            died += 1;
        }
        service.steady = false;
        Ok(died)
    }

    /// Decides how the tasks of a service's next deployments fare.
    pub(crate) fn set_rollout(&mut self, name: &str, outcome: Outcome) -> Result<(), String> {
        let service = self.controlled(name)?;
        if service.blue_green.is_some() {
            return Err(format!("service: '{name}' is released blue/green; decide by its image, with release"));
        }
        service.next_outcome = outcome;
        Ok(())
    }
}
