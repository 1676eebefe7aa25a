//! Volumes, log groups and images.

use super::super::retention;
use super::{Finding, GB, Known};
use crate::cost::{Recommendation, cents};
use crate::history::DAY_MS;
use crate::price::Other;
use crate::proposal::Risk;
use crate::snapshot::Evidence;
use serde_json::json;
use std::collections::BTreeMap;

/// How long images without a tag are kept, and images that nothing has pulled: days.
const UNTAGGED_DAYS: i64 = 14;
const OLD_DAYS: i64 = 90;
/// How many of the newest images of a repository are kept whatever their age.
const KEPT: usize = 10;
/// What is proposed for log groups that nobody has decided about, days.
const RETENTION_DAYS: u32 = 90;
/// Operations a second and MB a second that a gp3 volume has without extra cost.
const GP3_IOPS: f64 = 3_000.0;

/// Volumes of type gp2, together; those that have more operations a second than a gp3 volume has without extra cost are
/// left out.
pub(super) fn volumes(known: &Known<'_>, other: &Other) -> Option<Recommendation> {
    let gp2 = known.things("volumes").into_iter().filter(|thing| {
        thing.text("VolumeType") == Some("gp2") && thing.number("Iops").is_none_or(|iops| iops <= GP3_IOPS)
    });
    let gp2: Vec<_> = gp2.filter_map(|thing| Some((thing.text("VolumeId")?, thing.number("Size")?))).collect();
    let size: f64 = gp2.iter().map(|(_, size)| size).sum();
    let ids: Vec<_> = gp2.iter().map(|(id, _)| *id).collect();
    Finding {
        id: "gp2-volumes",
        resource: ids.first().copied().unwrap_or_default(),
        summary: format!("{} volumes of {size:.0} GB are gp2: gp3 is as fast and costs less", ids.len()),
        current: json!({"volumes": ids, "type": "gp2"}),
        proposed: json!({"volumes": ids, "type": "gp3"}),
        paid: size * other.gp2_gb_month,
        saving: Some(size * (other.gp2_gb_month - other.gp3_gb_month)),
        risk: Risk::Low,
        confidence: 0.9,
        evidence: vec![Evidence::api("ec2:DescribeVolumes", json!({"gp2": ids.len(), "gb": size}), known.at)],
        undo: "ec2:ModifyVolume back to gp2, 6 hours later at the earliest",
    }
    .recommend()
}

/// Log groups that keep their events for ever and that no catalogue entry governs.
pub(super) fn log_groups(known: &Known<'_>, other: &Other) -> Vec<Recommendation> {
    let found = known.things("logGroups").into_iter().filter_map(|thing| {
        let name = thing.text("LogGroupName")?;
        if thing.get("RetentionInDays").is_some() || known.governed.contains(name) {
            return None;
        }
        let stored = thing.number("StoredBytes")? / GB;
        let paid = stored * other.log_gb_month;
        let older = retention::older(thing.time("CreationTime")?, RETENTION_DAYS, known.at);
        Finding {
            id: "log-group-never-expires",
            resource: name,
            summary: format!(
                "{name} keeps {stored:.0} GB of events for ever: set optimization.logRetentionDays in the service's \
                 catalogue entry, or a retention by hand"
            ),
            current: json!({"logGroup": name, "retentionInDays": null}),
            proposed: json!({"logGroup": name, "retentionInDays": RETENTION_DAYS}),
            paid,
            saving: Some(paid * older),
            risk: Risk::Medium,
            confidence: 0.6,
            evidence: vec![Evidence::api("logs:DescribeLogGroups storedBytes", json!(stored * GB), known.at)],
            undo: "none: events that expired are gone",
        }
        .recommend()
    });
    found.collect()
}

/// Images without a tag and images that nothing has pulled for long, by repository. The newest and those that services
/// run are kept.
pub(super) fn images(known: &Known<'_>, other: &Other) -> Vec<Recommendation> {
    let mut by_repository: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
    let mut all = known.things("images");
    all.sort_by_key(|thing| std::cmp::Reverse(thing.time("ImagePushedAt")));
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for thing in all {
        let (Some(repository), Some(pushed)) = (thing.text("RepositoryName"), thing.time("ImagePushedAt")) else {
            continue;
        };
        let newer = seen.entry(repository).or_default();
        *newer += 1;
        let tags = thing.texts("ImageTags");
        let used = thing.time("LastRecordedPullTime").unwrap_or(pushed).max(pushed);
        let runs = known.images.iter().any(|image| {
            tags.iter().any(|tag| image.ends_with(&format!("/{repository}:{tag}")))
                || thing.text("ImageDigest").is_some_and(|digest| image.ends_with(digest))
        });
        let limit = if tags.is_empty() { UNTAGGED_DAYS } else { OLD_DAYS };
        if !runs && *newer > KEPT && known.at - used > limit * DAY_MS {
            let size = thing.number("ImageSizeInBytes").unwrap_or(0.0);
            by_repository.entry(repository).or_default().push((pushed, size));
        }
    }
    let found = by_repository.into_iter().filter_map(|(repository, images)| {
        let gb = images.iter().map(|(_, size)| size).sum::<f64>() / GB;
        let cost = gb * other.image_gb_month;
        let count = images.len();
        Finding {
            id: "old-images",
            resource: repository,
            summary: format!(
                "{count} images of {repository} are untagged for {UNTAGGED_DAYS} days or unused for {OLD_DAYS}: give it a \
                 lifecycle policy"
            ),
            current: json!({"images": count, "gb": cents(gb)}),
            proposed: json!({"images": 0}),
            paid: cost,
            saving: Some(cost),
            risk: Risk::Low,
            // Images share layers, which are stored once.
            confidence: 0.5,
            evidence: vec![Evidence::api("ecr:DescribeImages", json!({"images": count, "gb": cents(gb)}), known.at)],
            undo: "none: build and push them again",
        }
        .recommend()
    });
    found.collect()
}
