//! Image manifests as ECR answers them.

use super::reference::{field, list};
use serde_json::Value;

/// The digest of an image: of its manifest, or of its index when it has several platforms.
pub(crate) fn digest(facts: &Value) -> Option<String> {
    let image = list(facts, "Images")?.first()?;
    let id = field(image, "ImageId")?;
    field(id, "ImageDigest").and_then(Value::as_str).map(str::to_owned)
}

/// The platforms that an index lists: architecture and digest of each; empty for a single manifest, which does not say.
pub(crate) fn platforms(facts: &Value) -> Vec<(String, String)> {
    let image = list(facts, "Images").and_then(|images| images.first());
    let text = image.and_then(|image| field(image, "ImageManifest")).and_then(Value::as_str);
    let manifest: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let listed = manifest.get("manifests").and_then(Value::as_array).into_iter().flatten();
    let platform = |item: &Value| {
        let architecture = item.pointer("/platform/architecture")?.as_str()?;
        // Attestations are listed beside the images, for a platform called "unknown".
        (architecture != "unknown").then_some(())?;
        Some((architecture.to_owned(), item.get("digest")?.as_str()?.to_owned()))
    };
    listed.filter_map(platform).collect()
}

/// ECS's name of an architecture as image indexes write it.
pub(crate) fn architecture(ecs: &str) -> &str {
    match ecs {
        "ARM64" => "arm64",
        _ => "amd64",
    }
}
