//! The stories: what happens, what is asked for, and how it must end.

use serde_json::{Value, json};

use super::cache::{Cache, NEIGHBOURS};
use crate::demo::control::Control;
use crate::demo::ending::Ending;
use crate::demo::stack::Stack;
use crate::failure::Failure;

/// What stories play on.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) cache: Option<Cache>,
}

/// One incident.
#[derive(Debug)]
pub(crate) struct Story {
    /// What its lines begin with.
    pub(crate) tag: &'static str,
    /// What goes wrong, for people.
    pub(crate) premise: &'static str,
    pub(crate) incident: &'static str,
    /// The workflow's input.
    pub(crate) event: Value,
    /// Makes it go wrong.
    pub(crate) prepare: fn(&Stage) -> Result<(), Failure>,
    /// The CloudWatch alarm that must ring before the incident is injected.
    pub(crate) alarm: Option<&'static str>,
    /// How it stands, for people; asked when the incident begins and when it has ended.
    pub(crate) shows: fn(&Stage) -> Result<String, Failure>,
    /// Fails unless it was handled as told.
    pub(crate) verify: fn(&Stage, &Ending) -> Result<(), Failure>,
    /// Stories of one act play at the same time; an act begins when the one before it has ended.
    pub(crate) act: u8,
    /// It needs a real Redis.
    needs_cache: bool,
    /// The demo answers its question with yes.
    asks: bool,
}

/// The stories, in the order they begin.
pub(crate) fn all() -> Vec<Story> {
    vec![
        Story {
            tag: "scale-up api",
            premise: "four times its load reaches `api`; its latency rises",
            incident: "incident-1",
            event: event("scale_up", "api", "incident-1", "critical", "Latency of api is above its objective"),
            prepare: overload_api,
            alarm: Some("api-latency-p95"),
            shows: latency_of_api,
            verify: latency_is_back,
            act: 1,
            needs_cache: false,
            asks: false,
        },
        Story {
            tag: "restart auth",
            premise: "two tasks of `auth-service` hang, and ECS answers the first attempts with throttling and a 503",
            incident: "incident-2",
            event: event("restart_service", "auth-service", "incident-2", "high", "auth-service answers with errors"),
            prepare: hang_auth,
            alarm: Some("auth-service-unhealthy-hosts"),
            shows: health_of_auth,
            verify: was_restarted_once,
            act: 1,
            needs_cache: false,
            asks: false,
        },
        Story {
            tag: "scale-up db",
            premise: "`database` is short of CPU; growing it needs a person, and the demo is that person",
            incident: "incident-3",
            event: event("scale_up", "database", "incident-3", "high", "CPU of orders-db is above its objective"),
            prepare: overload_database,
            alarm: Some("database-cpu"),
            shows: load_of_database,
            verify: database_has_grown,
            act: 2,
            needs_cache: false,
            asks: true,
        },
        Story {
            tag: "clear cache",
            premise: "the catalogue in Redis is stale; its neighbours in the same Redis are not",
            incident: "incident-4",
            event: event("clear_cache", "cache", "incident-4", "medium", "The catalogue shows old prices"),
            prepare: |_| Ok(()),
            alarm: None,
            shows: keys_of_catalogue,
            verify: only_the_catalogue_is_gone,
            act: 1,
            needs_cache: true,
            asks: false,
        },
    ]
}

fn event(action: &str, target: &str, incident: &str, priority: &str, title: &str) -> Value {
    json!({
        "action": action,
        "target": target,
        "incidentId": incident,
        "priority": priority,
        "incidentDetails": {"title": title, "description": "Injected by cargo xtask demo."},
        "mode": "apply",
        "requestedBy": {"type": "alarm", "id": format!("{target}-alarm")},
    })
}

impl Stage {
    fn cache(&self) -> Result<&Cache, Failure> {
        self.cache.as_ref().ok_or_else(|| Failure::new("there is no Redis"))
    }

    /// Whether the alarm of a story rings; a story without one begins at once.
    pub(crate) fn rings(&self, story: &Story) -> Result<bool, Failure> {
        let Some(alarm) = story.alarm else { return Ok(true) };
        let state = self.control.state()?;
        let alarms = state["alarms"].as_array();
        let known = alarms.into_iter().flatten().find(|known| known["name"] == alarm);
        let known = known.ok_or_else(|| Failure::new(format!("the sandbox has no alarm {alarm}")))?;
        Ok(known["state"] == "ALARM")
    }

    /// Whether what the story needs is there.
    pub(crate) fn can_tell(&self, story: &Story) -> bool {
        !story.needs_cache || self.cache.is_some()
    }
}

impl Story {
    /// What its lines begin with, as wide as every other's.
    pub(crate) fn prefix(&self) -> String {
        format!("{:<16}", self.tag)
    }

    /// How it stands now, for people; fails unless it was handled as told.
    pub(crate) fn outcome(&self, stage: &Stage, ending: &Ending) -> Result<String, Failure> {
        succeeded(ending)?;
        (self.verify)(stage, ending)?;
        (self.shows)(stage)
    }

    /// Answers the story's question, once it is asked. Whether that is done, or there is nothing to answer.
    pub(crate) fn approve(&self, stack: &Stack) -> Result<bool, Failure> {
        if !self.asks {
            return Ok(true);
        }
        if stack.running("approval")?.is_empty() {
            return Ok(false);
        }
        let id = format!("{}-{}", self.incident, self.event["action"].as_str().unwrap_or_default());
        // The question is there a moment after its workflow has begun; until then there is nothing to approve.
        let approved = stack.approve(&id, "demo")?;
        if approved {
            println!("{:<16}          ✋ a person approves: stepwright approve {id}", self.tag);
        }
        Ok(approved)
    }
}

/// Every story ends with a remediated incident.
fn succeeded(ending: &Ending) -> Result<(), Failure> {
    let output = ending.succeeded()?;
    match output["status"].as_str() {
        Some("SUCCEEDED") => Ok(()),
        other => Err(Failure::new(format!("the report says {other:?} instead of SUCCEEDED: {output}"))),
    }
}

fn overload_api(stage: &Stage) -> Result<(), Failure> {
    stage.control.load("api", 900)
}

fn latency_of_api(stage: &Stage) -> Result<String, Failure> {
    let api = stage.control.service("api")?;
    Ok(format!("{} tasks, p95 latency {:.0} ms", api["running"], latency(&api)))
}

fn latency_is_back(stage: &Stage, _: &Ending) -> Result<(), Failure> {
    let api = stage.control.service("api")?;
    let (p95, desired) = (latency(&api), api["desired"].as_u64().unwrap_or(0));
    if p95 > 400.0 {
        return Err(Failure::new(format!("the p95 latency of api is {p95:.0} ms; its objective is 400 ms")));
    }
    if desired <= 4 {
        return Err(Failure::new(format!("api has {desired} desired tasks; it began with 4")));
    }
    Ok(())
}

fn hang_auth(stage: &Stage) -> Result<(), Failure> {
    stage.control.hang("auth-service", 2)?;
    let fault = |kind: &str, status: u16, code: &str| json!({"service": "ecs", "operation": "UpdateService", "resource": "auth-service", "kind": kind, "status": status, "code": code, "count": 1});
    stage.control.fault(&fault("throttle", 400, "ThrottlingException"))?;
    stage.control.fault(&fault("error", 503, "ServiceUnavailable"))
}

fn health_of_auth(stage: &Stage) -> Result<String, Failure> {
    let auth = stage.control.service("auth-service")?;
    Ok(format!("{} healthy tasks, {} unhealthy", auth["healthy"], auth["unhealthy"]))
}

fn was_restarted_once(stage: &Stage, ending: &Ending) -> Result<(), Failure> {
    let errors = ending.errors_of("Perform action");
    for expected in ["Ops.Throttled", "Ops.DependencyUnavailable"] {
        if !errors.iter().any(|error| error == expected) {
            return Err(Failure::new(format!("no attempt met {expected}; the attempts met {errors:?}")));
        }
    }
    let is_restart = |call: &&Value| call["status"] == 200 && call.to_string().contains("auth-service");
    let done = stage.control.calls("UpdateService")?.iter().filter(is_restart).count();
    if done != 1 {
        return Err(Failure::new(format!("auth-service was restarted {done} times instead of once")));
    }
    match stage.control.service("auth-service")?["unhealthy"].as_u64() {
        Some(0) => Ok(()),
        other => Err(Failure::new(format!("auth-service still has {other:?} unhealthy tasks"))),
    }
}

/// The rush on `api` is over; reports fill the database instead.
fn overload_database(stage: &Stage) -> Result<(), Failure> {
    stage.control.load("api", 240)?;
    stage.control.load("database", 1400)
}

fn load_of_database(stage: &Stage) -> Result<String, Failure> {
    let database = &stage.control.state()?["database"];
    let text = |name: &str| database[name].as_str().unwrap_or("?");
    Ok(format!("{}, {}, CPU {} %", text("class"), text("status"), database["cpuPercent"]))
}

fn database_has_grown(stage: &Stage, _: &Ending) -> Result<(), Failure> {
    let database = &stage.control.state()?["database"];
    let grown = database["class"] != "db.r6g.large" && database["status"] == "available";
    let relieved = database["cpuPercent"].as_f64().is_some_and(|cpu| cpu < 80.0);
    let failure = || Failure::new(format!("the database has not grown out of its trouble: {database}"));
    (grown && relieved).then_some(()).ok_or_else(failure)
}

fn keys_of_catalogue(stage: &Stage) -> Result<String, Failure> {
    let cache = stage.cache()?;
    Ok(format!("{} stale entries served, {} neighbours", cache.entries()?, cache.neighbours()?))
}

fn only_the_catalogue_is_gone(stage: &Stage, _: &Ending) -> Result<(), Failure> {
    let cache = stage.cache()?;
    match (cache.entries()?, cache.neighbours()?) {
        (0, NEIGHBOURS) => Ok(()),
        (0, neighbours) => {
            Err(Failure::new(format!("only {neighbours} of {NEIGHBOURS} keys beside the catalogue live")))
        }
        (left, _) => Err(Failure::new(format!("{left} stale entries of the catalogue are still served"))),
    }
}

fn latency(service: &Value) -> f64 {
    service["latencyP95Ms"].as_f64().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(status: &str, output: &Value) -> Ending {
        Ending::of(
            json!({"execution": {"status": status, "output": output.to_string(), "error": "Ops.X", "cause": "why"}}),
        )
    }

    #[test]
    fn a_story_that_ends_otherwise_says_how() {
        assert!(succeeded(&ending("SUCCEEDED", &json!({"status": "SUCCEEDED"}))).is_ok());
        let failed = succeeded(&ending("FAILED", &Value::Null)).unwrap_err().to_string();
        assert_eq!(failed, "the execution ended FAILED: Ops.X: why");
        let rejected = succeeded(&ending("SUCCEEDED", &json!({"status": "REJECTED"}))).unwrap_err().to_string();
        assert!(rejected.contains("Some(\"REJECTED\") instead of SUCCEEDED"), "{rejected}");
    }

    #[test]
    fn errors_are_those_of_the_step() {
        let ending = Ending::of(json!({"timeline": [
            {"step": "Perform action", "error": "Ops.Throttled"},
            {"step": "Perform action", "error": null},
            {"step": "Watch recovery", "error": "Ops.Other"},
        ]}));
        assert_eq!(ending.errors_of("Perform action"), ["Ops.Throttled"]);
    }

    #[test]
    fn every_story_has_an_incident_of_its_own() {
        let mut incidents: Vec<&str> = all().iter().map(|story| story.incident).collect();
        incidents.sort_unstable();
        incidents.dedup();
        assert_eq!(incidents.len(), all().len());
        for story in all() {
            assert_eq!(story.event["incidentId"], story.incident);
        }
    }
}
