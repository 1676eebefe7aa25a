//! The operation `propose`: how well it goes, and what to change.

use crate::AutoScalingOptimizer;
use crate::read::Deployed;
use crate::request::Request;
use clients::read::history;
use operations::Error;
use operations::history::DAY_MS;
use operations::price::Prices;
use operations::proposal::Settings;
use operations::scaling::decide::{Decision, Situation, decide};
use operations::scaling::effectiveness::Effectiveness;
use operations::scaling::load::{self, Load};
use operations::scaling::refusal::Lately;
use operations::scaling::world::World;
use operations::scaling::{patch, refusal};
use operations::snapshot::Evidence;
use operations::time::Millis;
use serde_json::{Value, json};

impl AutoScalingOptimizer {
    pub(crate) async fn propose(&self, request: &Request) -> Result<Value, Error> {
        let place = &request.place;
        let (world, deployed) = tokio::try_join!(self.world(&place.resource), self.deployed(place))?;
        let settings = match settings(&world, &deployed) {
            Ok(settings) => settings,
            Err(reasons) => return Ok(answer(request, &Outcome::nothing(reasons), None)),
        };
        let until = load::whole_minute(request.at);
        let since = until - load::DAYS * DAY_MS;
        let queries = load::queries(&place.cluster, &place.service);
        let (histories, (activities, more)) = tokio::try_join!(
            history::read(&self.metrics, &queries, 60, since, until),
            self.activities(&place.resource, since)
        )?;
        let load = Load::of(|id| histories.get(id));
        let demand = load.demand(settings.cpu_units)?;
        let record = load.record(&demand, &settings);
        let effectiveness = load.effectiveness(&record, &settings, &activities);
        let mut partial = histories.partial.clone();
        partial.extend(more);
        partial.extend(unmeasured(&load, &effectiveness));
        let lately = Lately { changed_at: request.changed_at.max(world.created_at), ..deployed.lately };
        let refused = refusal::reasons(&request.entry, &lately, request.at);
        let own = self.services.aws.region().map(|region| region.as_ref().to_owned()).unwrap_or_default();
        let rate = Prices::built_in()?.at_most(&request.entry.arn, &own)?;
        let outcome = match refused.is_empty() {
            false => Outcome { status: "REFUSED", reasons: refused, ..Outcome::default() },
            true => {
                let situation = Situation {
                    entry: &request.entry,
                    settings: &settings,
                    demand: &demand,
                    record: &record,
                    effectiveness: &effectiveness,
                    price_per_task_hour: rate.hour(settings.cpu_units, settings.memory_mib),
                    highest_target: request.highest_target,
                    findings: &request.findings,
                    at: request.at,
                };
                outcome(request, &settings, decide(&situation)?)
            }
        };
        Ok(answer(request, &outcome, Some(&Known { settings, effectiveness, lately, partial })))
    }
}

/// What is said.
#[derive(Debug, Clone, Default, PartialEq)]
struct Outcome {
    status: &'static str,
    reasons: Vec<String>,
    proposal: Option<Value>,
    patch: Option<String>,
}

impl Outcome {
    fn nothing(reasons: Vec<String>) -> Self {
        Self { status: "NONE", reasons, ..Self::default() }
    }
}

/// What was found out on the way.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    settings: Settings,
    effectiveness: Effectiveness,
    lately: Lately,
    partial: Vec<String>,
}

/// The settings that can be replayed, or why there are none.
fn settings(world: &World, deployed: &Deployed) -> Result<Settings, Vec<String>> {
    match deployed.size {
        Some((cpu, memory)) => world.settings(cpu, memory),
        None => Err(vec!["its task definition has no cpu and memory: only tasks of a size can be replayed".to_owned()]),
    }
}

/// A decision as an outcome. What a tool owns is not proposed, but written down for that tool.
fn outcome(request: &Request, settings: &Settings, decision: Decision) -> Outcome {
    let proposal = match decision {
        Decision::Nothing(reasons) => return Outcome::nothing(reasons),
        Decision::Propose(proposal) => proposal,
    };
    if let (Some(tool), Ok(proposed)) = (request.entry.optimization.owner(), proposal.proposed_settings()) {
        let owned = format!("{tool} owns the autoscaling of {}: apply the patch there", request.entry.catalog_id);
        let reasons = [vec![owned, proposal.summary.clone()], proposal.reasons.clone()].concat();
        let patch = patch::text(tool, &request.place.resource, settings, &proposed);
        return Outcome { status: "REFUSED", reasons, patch: Some(patch), ..Outcome::default() };
    }
    Outcome {
        status: "PROPOSED",
        reasons: proposal.reasons.clone(),
        proposal: Some(proposal.to_json()),
        ..Outcome::default()
    }
}

/// What could not be measured, and what stands in for it.
fn unmeasured(load: &Load, effectiveness: &Effectiveness) -> Vec<String> {
    let mut texts = Vec::new();
    if load.desired.values().iter().all(Option::is_none) {
        texts.push(
            "ECS/ContainerInsights DesiredTaskCount has no data: running tasks count as wanted; switch Container \
             Insights on"
                .to_owned(),
        );
    }
    if effectiveness.start_minutes_p90.is_none() {
        let usual = operations::scaling::effectiveness::USUAL_START_MINUTES;
        texts.push(format!("no start of a task was seen: {usual} minutes are assumed"));
    }
    texts
}

fn answer(request: &Request, outcome: &Outcome, known: Option<&Known>) -> Value {
    let mut answer = json!({"target": request.entry.catalog_id, "at": request.at, "status": outcome.status,
        "reasons": outcome.reasons, "settings": null, "effectiveness": null, "partial": [], "evidence": []});
    if let Some(known) = known {
        answer["settings"] = json!(known.settings);
        answer["effectiveness"] = json!(known.effectiveness);
        answer["partial"] = json!(known.partial);
        answer["evidence"] = json!(evidence(known, request.at));
    }
    if let Some(proposal) = &outcome.proposal {
        answer["proposal"] = proposal.clone();
    }
    if let Some(patch) = &outcome.patch {
        answer["patch"] = json!(patch);
    }
    answer
}

fn evidence(known: &Known, at: Millis) -> Vec<Evidence> {
    let stats = &known.effectiveness.stats;
    let service = json!({"deploying": known.lately.deploying,
        "deployedAt": known.lately.deployed_at.map(operations::time::text)});
    let mut evidence = vec![
        Evidence::api("ecs:DescribeServices", service, at),
        Evidence::metric("saturationPercent", stats.saturation_percent, at),
        Evidence::metric("idlePercent", stats.idle_percent, at),
        Evidence::metric("reversalsPerDay", stats.reversals_per_day, at),
        Evidence::metric("taskHoursPerDay", stats.task_hours_per_day, at),
    ];
    let call = "application-autoscaling:DescribeScalingActivities";
    let reasons = known.effectiveness.not_scaled_per_day.iter();
    evidence.extend(reasons.map(|(reason, count)| {
        Evidence::api(call, json!({"notScaledReason": reason, "perDay": (count * 100.0).round() / 100.0}), at)
    }));
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use clients::Environment;
    use operations::proposal::{Capacity, Kind, Proposal, Risk};

    fn request(managed_by: Option<&str>) -> Request {
        let payload = json!({"operation": "propose", "target": "api", "entry": {"catalogId": "api",
            "kind": "ecs-service", "arn": "arn", "tier": 1, "cluster": "production", "service": "api",
            "optimization": {"managedBy": managed_by}}});
        Request::parse(&payload, &Environment::default(), 0).unwrap()
    }

    fn settings() -> Settings {
        Settings {
            min_capacity: 4,
            max_capacity: 12,
            policy_name: Some("api-cpu".to_owned()),
            metric: Some("ECSServiceAverageCPUUtilization".to_owned()),
            target: Some(60.0),
            scale_out_cooldown: 60,
            scale_in_cooldown: 300,
            scheduled: Vec::new(),
            cpu_units: 512,
            memory_mib: 1_024,
        }
    }

    fn proposal() -> Decision {
        Decision::Propose(Box::new(Proposal {
            id: "raise-maximum".to_owned(),
            kind: Kind::Scaling,
            summary: "api: raise the maximum from 12 to 15 tasks".to_owned(),
            current: json!(settings()),
            proposed: json!(Settings { max_capacity: 15, ..settings() }),
            capacity: Capacity::Raises,
            saving_per_month: -54.06,
            risk: Risk::Low,
            confidence: 0.9,
            reasons: vec!["at the maximum".to_owned()],
            evidence: Vec::new(),
        }))
    }

    #[test]
    fn what_a_tool_owns_is_a_patch_and_no_proposal() {
        let free = answer(&request(None), &outcome(&request(None), &settings(), proposal()), None);
        assert_eq!((&free["status"], &free["proposal"]["id"]), (&json!("PROPOSED"), &json!("raise-maximum")));
        assert_eq!(free.get("patch"), None);
        let owned = request(Some("terraform"));
        let told = answer(&owned, &outcome(&owned, &settings(), proposal()), None);
        assert_eq!((&told["status"], told.get("proposal")), (&json!("REFUSED"), None));
        assert_eq!(told["patch"], "aws_appautoscaling_target service/production/api:\n  max_capacity: 12 -> 15");
    }

    #[test]
    fn nothing_to_do_is_an_answer_with_its_reasons() {
        let nothing = outcome(&request(None), &settings(), Decision::Nothing(vec!["it scales well".to_owned()]));
        let told = answer(&request(None), &nothing, None);
        assert_eq!((&told["status"], &told["reasons"][0]), (&json!("NONE"), &json!("it scales well")));
    }

    #[test]
    fn tasks_without_a_size_have_no_settings() {
        let deployed = Deployed { size: None, lately: Lately::default() };
        let reasons = super::settings(&World::default(), &deployed).unwrap_err();
        assert!(reasons[0].contains("no cpu and memory"), "{reasons:?}");
    }

    #[test]
    fn what_stands_in_for_a_measurement_is_said() {
        let texts = unmeasured(&Load::default(), &Effectiveness::default());
        assert!(texts[0].contains("DesiredTaskCount") && texts[1].contains("2 minutes are assumed"), "{texts:?}");
    }
}
