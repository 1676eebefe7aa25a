//! What the registry found in the images of a new revision.

use super::facts::Facts;
use super::problems::Problems;
use super::reference::{Reading, field, list};
use super::{Check, Outcome};
use crate::catalogue::Deployment;
use serde_json::{Value, json};

/// No image has more findings than the catalogue allows.
pub(super) fn image_scan(deployment: &Deployment, facts: &Facts) -> Check {
    const NAME: &str = "image-scan";
    if deployment.max_findings.is_empty() {
        return Check::new(NAME, Outcome::Pass, "entry.deployment.maxFindings sets no limit", Value::Null);
    }
    let Some(definition) = &facts.task_definition else { return Check::unread(NAME, "the new task definition") };
    let mut problems = Problems::default();
    let mut scans = Vec::new();
    for image in definition.containers.iter().map(|container| &container.image) {
        let counts = match Reading::find(&facts.scans, image) {
            None => Err((Outcome::Unknown, "has no scan that was read".to_owned())),
            Some(Err(why)) => Err((Outcome::Unknown, format!("has a scan that could not be read: {why}"))),
            Some(Ok(answer)) => counts(answer),
        };
        match counts {
            Err((outcome, why)) => problems.add(outcome, format!("{image} {why}")),
            Ok(counts) => {
                for (severity, most) in &deployment.max_findings {
                    let found = counts.get(severity).and_then(Value::as_f64).unwrap_or(0.0);
                    if found > f64::from(*most) {
                        problems
                            .fail(format!("{image} has {found} findings of severity {severity}, allowed are {most}"));
                    }
                }
                scans.push(json!({"image": image, "findings": counts}));
            }
        }
    }
    let passes = format!("{} images have no more findings than allowed", definition.containers.len());
    problems.check(NAME, passes, json!(scans))
}

/// The findings by severity in the answer of `DescribeImages`, or what stands in their way.
fn counts(answer: &Value) -> Result<&Value, (Outcome, String)> {
    let image = list(answer, "ImageDetails").and_then(|images| images.first());
    let status = image.and_then(|image| field(field(image, "ImageScanStatus")?, "Status")?.as_str());
    match status {
        // `ACTIVE` is a finished scan that goes on with every new vulnerability that becomes known.
        Some("COMPLETE" | "ACTIVE") => {
            let summary = image.and_then(|image| field(image, "ImageScanFindingsSummary"));
            let counts = summary.and_then(|summary| field(summary, "FindingSeverityCounts"));
            counts.ok_or_else(|| (Outcome::Unknown, "has a scan without findings by severity".to_owned()))
        }
        Some("IN_PROGRESS" | "PENDING") => Err((Outcome::Wait, "is being scanned".to_owned())),
        Some(other) => Err((Outcome::Unknown, format!("has a scan that is {other}"))),
        None => Err((Outcome::Unknown, "was not scanned: switch on scanning in its registry".to_owned())),
    }
}
