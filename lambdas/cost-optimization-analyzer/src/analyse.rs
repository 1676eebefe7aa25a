//! The analysis of one service.

use crate::CostOptimizationAnalyzer;
use crate::observe::Service;
use crate::request::Request;
use aws_sdk_ecs::types::DesiredStatus;
use clients::failure;
use clients::read::history::{self, Histories};
use operations::Error;
use operations::catalogue::Release;
use operations::cost::service::Facts;
use operations::cost::{Class, Recommendation, cents, recommendation, service};
use operations::error::Kind;
use operations::field::Object;
use operations::history::DAY_MS;
use operations::metrics::Query;
use operations::price::{Architecture, Prices};
use operations::proposal::Proposal;
use operations::sizing::need::DAYS;
use operations::sizing::{Analysis, Document, Observed, Size, Usage, analyse};
use operations::snapshot::Evidence;
use operations::time::Millis;
use serde_json::{Value, json};

/// How many revisions are looked at to find since when tasks have their size.
const REVISIONS: u32 = 10;
/// The periods of metrics, in seconds.
const PERIOD: u32 = 60;

/// A minute, milliseconds.
const MINUTE_MS: Millis = 60_000;

impl CostOptimizationAnalyzer {
    /// Analyses a service.
    pub(crate) async fn analyse(&self, payload: &Value, request: &Request) -> Result<Value, Error> {
        let object = Object::of(payload, "", Kind::InvalidInput)?;
        let images = architectures(&object)?;
        let told = object.optional_count("outOfMemoryMib")?;
        let name = request.service()?.service.clone();
        let service = self.service(request).await?;
        let at = request.at.div_euclid(MINUTE_MS) * MINUTE_MS;
        let from = at - DAYS * DAY_MS;
        let (document, autoscaling, read, killed) = tokio::try_join!(
            self.document(&service.world.task_definition),
            self.autoscaling(&service.world),
            self.usage(request, from, at),
            self.killed(&request.cluster, &name),
        )?;
        let size = document.size()?;
        let prices = Prices::built_in()?;
        let architecture = document.architecture()?;
        let rate = prices.fargate(&request.region, architecture)?;
        let (usage, mut partial) = read;
        let limits = [request.entry.limits.max_tasks, request.entry.optimization.most_tasks_by_connections()];
        let observed = Observed {
            at,
            name,
            settings: autoscaling.settings(size, service.world.desired),
            follows: autoscaling.follows,
            sized_at: self.sized_at(&document, size, &service, from).await?,
            deployed_at: service.deployed_at,
            deploying: service.world.deploying,
            out_of_memory_mib: killed.into_iter().chain(told).max(),
            rate,
            storage_gib: document.storage_gib(),
            most_tasks: limits.into_iter().flatten().min(),
            optimization: request.entry.optimization.clone(),
            usage,
        };
        let analysis = analyse(&observed);
        let facts = Facts {
            resource: &request.entry.arn,
            tier: request.entry.tier,
            settings: &observed.settings,
            tasks: observed.usage.running.mean().unwrap_or(0.0),
            cost: analysis.cost_per_month,
            rate,
            architecture,
            arm: prices.fargate(&request.region, Architecture::Arm).ok(),
            images: &images,
            stop_seconds: document.stop_seconds(),
            spot: service.spot,
            at,
        };
        partial.extend(prices.notices(at));
        if images.is_empty() && architecture == Architecture::X86 {
            partial.push("imageArchitectures was not passed: running on ARM is not judged".to_owned());
        }
        Ok(answer(request, &document, &observed, analysis, service::recommend(&facts), partial, &prices))
    }

    /// How the tasks were used, and what could not be read.
    async fn usage(&self, request: &Request, from: Millis, until: Millis) -> Result<(Usage, Vec<String>), Error> {
        let read = history::read(&self.metrics, &queries(request)?, PERIOD, from, until).await?;
        let mut partial = read.partial.clone();
        if read.get("running").coverage() == 0.0 && read.get("samples").coverage() > 0.0 {
            partial.push("without Container Insights the number of tasks is that of their samples a minute".to_owned());
        }
        Ok((usage(&read), partial))
    }

    /// Since when the tasks have their size: when the oldest revision of it was registered that no other size came after.
    /// Older than `from` is not looked for.
    async fn sized_at(
        &self,
        document: &Document,
        size: Size,
        service: &Service,
        from: Millis,
    ) -> Result<Millis, Error> {
        let mut since = document.registered_at().unwrap_or(from);
        let Some(revision) = document.revision() else { return Ok(since) };
        let mut first = true;
        for older in (1..revision).rev().take(REVISIONS as usize) {
            if since <= from {
                break;
            }
            let found = match self.document(&format!("{}:{older}", document.family())).await {
                Ok(found) => found,
                // A revision that was deleted says nothing, and neither do those before it.
                Err(error) if matches!(error.kind(), Kind::PreconditionFailed | Kind::ConfigInvalid) => break,
                Err(error) => return Err(error),
            };
            if found.size().ok() != Some(size) {
                // The size changed when this revision was deployed, which was after it was registered.
                return Ok(if first { since.max(service.deployed_at) } else { since });
            }
            since = found.registered_at().unwrap_or(from);
            first = false;
        }
        Ok(since)
    }

    /// The memory limit of a task of the service that was killed for want of memory, in MiB; ECS tells of the last hour.
    async fn killed(&self, cluster: &str, name: &str) -> Result<Option<u32>, Error> {
        let request = self.ecs.list_tasks().cluster(cluster).service_name(name).desired_status(DesiredStatus::Stopped);
        let call = format!("ecs:ListTasks of {name}");
        let page = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        if page.task_arns().is_empty() {
            return Ok(None);
        }
        let request = self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(page.task_arns().to_vec()));
        let page = request.send().await.map_err(|error| failure::of_sdk("ecs:DescribeTasks", &error))?;
        let killed = page.tasks().iter().filter(|task| {
            let own = task.stopped_reason().into_iter();
            let mut reasons = own.chain(task.containers().iter().filter_map(|container| container.reason()));
            reasons.any(|reason| reason.contains("OutOfMemory"))
        });
        Ok(killed.filter_map(|task| task.memory()?.parse().ok()).max())
    }
}

/// The metrics of a service that sizes are judged by.
fn queries(request: &Request) -> Result<[Query<'static>; 5], Error> {
    let service = &request.service()?.service;
    let own = [("ClusterName", request.cluster.clone()), ("ServiceName", service.clone())];
    let query = |id, namespace, name, statistic| Query { id, namespace, name, dimensions: own.to_vec(), statistic };
    Ok([
        query("cpu", "AWS/ECS", "CPUUtilization", "Average"),
        query("cpumax", "AWS/ECS", "CPUUtilization", "Maximum"),
        query("memory", "AWS/ECS", "MemoryUtilization", "Maximum"),
        query("running", "ECS/ContainerInsights", "RunningTaskCount", "Average"),
        // Every task sends one sample a minute.
        query("samples", "AWS/ECS", "CPUUtilization", "SampleCount"),
    ])
}

/// The histories as use; without Container Insights as many tasks ran as sent samples.
fn usage(read: &Histories) -> Usage {
    let running = read.get("running");
    let minutes = f64::from(read.get("samples").period_seconds()) / 60.0;
    let samples = || read.get("samples").map(|samples| samples / minutes);
    Usage {
        cpu_mean: read.get("cpu").clone(),
        cpu_max: read.get("cpumax").clone(),
        memory_max: read.get("memory").clone(),
        running: if running.coverage() > 0.0 { running.clone() } else { samples() },
    }
}

/// The field `imageArchitectures`: what all images of the service are made for.
fn architectures(object: &Object<'_>) -> Result<Vec<Architecture>, Error> {
    let names = object.texts("imageArchitectures")?;
    let known = names.iter().map(|name| {
        let problem = format!("has {name:?}: use X86_64, amd64, ARM64 or arm64");
        Architecture::from_name(name).ok_or_else(|| object.error("imageArchitectures", &problem))
    });
    known.collect()
}

/// The answer. What a tool owns is not proposed, but said: what to change there.
fn answer(
    request: &Request,
    document: &Document,
    observed: &Observed,
    analysis: Analysis,
    others: Vec<Recommendation>,
    mut partial: Vec<String>,
    prices: &Prices,
) -> Value {
    let entry = &request.entry;
    let mut recommendations = others;
    let owner = entry.optimization.owner();
    let mut proposal = analysis.proposal;
    let mut patch = None;
    if let Some(found) = &proposal {
        let class = if owner.is_some() { Class::Manual } else { Class::of(found.release(entry)) };
        recommendations.push(Recommendation::of_proposal(found, &entry.arn, class));
        patch = owner.map(|tool| patch_of(tool, found));
    }
    if owner.is_some() || entry.optimization.sizing == Release::Forbidden {
        proposal = None;
    }
    let insufficient = !analysis.insufficient.is_empty();
    partial.extend(analysis.insufficient);
    let mut evidence = analysis.evidence;
    evidence.push(Evidence::api("operations price data", json!(prices.provenance()), observed.at));
    let (days, class) = (entry.optimization.log_retention_days, Class::of(entry.optimization.housekeeping));
    let groups = document.log_groups().into_iter();
    let groups = groups.map(|group| json!({"logGroup": group, "retentionInDays": days, "class": class}));
    let mut answer = json!({
        "target": entry.catalog_id, "at": observed.at, "status": if insufficient { "INSUFFICIENT" } else { "ANALYSED" },
        "taskHours": (analysis.task_hours * 10.0).round() / 10.0, "costPerMonth": cents(analysis.cost_per_month),
        "need": analysis.need, "settings": observed.settings, "reasons": analysis.reasons,
        "recommendations": recommendation::sorted(recommendations), "spendByHour": analysis.spend_by_hour,
        "logGroups": groups.collect::<Vec<_>>(), "images": document.images(), "partial": partial, "evidence": evidence,
    });
    if let Some(proposal) = proposal {
        answer["proposal"] = proposal.to_json();
    }
    if let Some(patch) = patch {
        answer["patch"] = json!(patch);
    }
    answer
}

/// What to change where a tool owns the configuration.
fn patch_of(tool: &str, proposal: &Proposal) -> String {
    let number = |name: &str| proposal.proposed[name].clone();
    format!(
        "In {tool}, set cpu to {} and memory to {} in the task definition, and the limits of autoscaling to {} and {}",
        number("cpuUnits"),
        number("memoryMib"),
        number("minCapacity"),
        number("maxCapacity")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use operations::history::History;

    #[test]
    fn samples_count_tasks_where_container_insights_is_off() {
        let history = |period, value: Option<f64>| History::new(0, period, vec![value; 4]);
        let known = |name: &str, history| (name.to_owned(), history);
        let without = Histories::of([known("running", history(300, None)), known("samples", history(300, Some(20.0)))]);
        assert_eq!(usage(&without).running.mean(), Some(4.0), "five minutes hold five samples of each task");
        let with = Histories::of([known("running", history(60, Some(3.0))), known("samples", history(60, Some(20.0)))]);
        assert_eq!(usage(&with).running.mean(), Some(3.0));
    }

    #[test]
    fn an_architecture_is_read_as_images_and_task_definitions_write_it() {
        let payload = json!({"imageArchitectures": ["amd64", "ARM64"]});
        let object = Object::of(&payload, "", Kind::InvalidInput).unwrap();
        assert_eq!(architectures(&object).unwrap(), [Architecture::X86, Architecture::Arm]);
        let payload = json!({"imageArchitectures": ["riscv"]});
        let error = architectures(&Object::of(&payload, "", Kind::InvalidInput).unwrap()).unwrap_err();
        assert_eq!(error.message(), "imageArchitectures has \"riscv\": use X86_64, amd64, ARM64 or arm64");
    }
}
