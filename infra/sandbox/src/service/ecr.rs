//! ECR: reading images.

use serde_json::json;

use super::input::Input;
use super::{Answer, Failure};
use crate::wire::Node;
use crate::world::World;
use crate::world::image::Image;

const MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// What an image weighs, bytes.
const SIZE: i64 = 48_211_904;
const FLEET_SIZE: i64 = 381_681_664;
/// Images of the fleet whose tag begins so have none: it went to a newer one.
const UNTAGGED: &str = "untagged-";
/// The tag of images in which the scan found something.
const VULNERABLE: &str = "bad-findings";

/// Performs an operation.
pub(super) fn perform(world: &mut World, operation: &str, input: &Input) -> Answer {
    Some(match operation {
        "BatchGetImage" => batch_get(world, input),
        "DescribeImages" => describe(world, input),
        "DescribeRepositories" if world.fleet.is_some() => describe_repositories(world, input),
        _ => return None,
    })
}

fn repository<'a>(world: &'a World, input: &Input<'a>) -> Result<(&'a str, &'a [Image]), Failure> {
    let name = input.required("repositoryName")?;
    let message = || {
        format!("The repository with name '{name}' does not exist in the registry with id '{}'", world.place.account)
    };
    let images = world.images.images(name);
    images.map(|images| (name, images)).ok_or_else(|| Failure::new("RepositoryNotFoundException", &message()))
}

/// The image that an image id asks for, or why there is none.
fn find<'a>(images: &'a [Image], id: &Input) -> Result<Result<&'a Image, (&'static str, &'static str)>, Failure> {
    let (tag, digest) = (id.text("imageTag")?, id.text("imageDigest")?);
    if tag.is_none() && digest.is_none() {
        return Ok(Err(("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")));
    }
    let wanted =
        |image: &&Image| tag.is_none_or(|tag| image.tag == tag) && digest.is_none_or(|digest| image.digest == digest);
    Ok(images.iter().find(wanted).ok_or(("ImageNotFound", "Requested image not found")))
}

fn batch_get(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["registryId", "repositoryName", "imageIds", "acceptedMediaTypes"])?;
    let (name, all) = repository(world, input)?;
    let ids = input.structures("imageIds")?;
    if ids.is_empty() || ids.len() > 100 {
        return Err(input.invalid("imageIds must have between 1 and 100 entries."));
    }
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for id in &ids {
        match find(all, id)? {
            Ok(image) => images.push(view(world, name, image)),
            Err((code, reason)) => failures.push(Node::map([
                ("imageId", Node::Json(id.value().clone())),
                ("failureCode", code.into()),
                ("failureReason", reason.into()),
            ])),
        }
    }
    Ok(Node::map([("images", Node::list(images)), ("failures", Node::list(failures))]))
}

/// The Image structure; its manifest is an index of images for Linux: on ARM, and in the fleet on x86 too.
fn view(world: &World, repository: &str, image: &Image) -> Node {
    let mut architectures = vec!["arm64"];
    if world.fleet.is_some() {
        architectures.insert(0, "amd64");
    }
    let manifests = architectures.into_iter().map(|architecture| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": image.digest,
            "size": 1_672,
            "platform": { "architecture": architecture, "os": "linux" },
        })
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "manifests": manifests.collect::<Vec<_>>(),
    });
    Node::map([
        ("registryId", world.place.account.as_str().into()),
        ("repositoryName", repository.into()),
        ("imageId", id(image)),
        ("imageManifest", manifest.to_string().into()),
        ("imageManifestMediaType", MEDIA_TYPE.into()),
    ])
}

fn id(image: &Image) -> Node {
    Node::map([("imageDigest", image.digest.as_str().into()), ("imageTag", image.tag.as_str().into())])
}

/// The ImageScanFindingsSummary structure: every image was scanned when it was pushed.
fn findings(image: &Image) -> Node {
    let counts = match image.tag.as_str() {
        VULNERABLE => Node::map([("CRITICAL", 1_i64.into()), ("HIGH", 2_i64.into())]),
        _ => Node::empty(),
    };
    Node::map([("imageScanCompletedAt", Node::Time(image.pushed_ms)), ("findingSeverityCounts", counts)])
}

/// The tags of an image; absent when it has none.
fn tags(world: &World, image: &Image) -> Node {
    if world.fleet.is_some() && image.tag.starts_with(UNTAGGED) {
        return Node::Absent;
    }
    Node::list([image.tag.as_str().into()])
}

fn describe_repositories(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["registryId", "repositoryNames", "maxResults", "nextToken"])?;
    let all = world.images.names();
    let asked = input.texts("repositoryNames")?;
    if let Some(gone) = asked.iter().find(|name| !all.contains(name)) {
        let account = &world.place.account;
        let message = format!("The repository with name '{gone}' does not exist in the registry with id '{account}'");
        return Err(Failure::new("RepositoryNotFoundException", &message));
    }
    let wanted = all.into_iter().filter(|name| asked.is_empty() || asked.contains(name));
    let created_ms = world.now_ms - 700 * 86_400_000;
    let views = wanted.map(|name| {
        let place = &world.place;
        Node::map([
            ("repositoryArn", place.arn("ecr", &format!("repository/{name}")).into()),
            ("registryId", place.account.as_str().into()),
            ("repositoryName", name.into()),
            ("repositoryUri", format!("{}.dkr.ecr.{}.amazonaws.com/{name}", place.account, place.region).into()),
            ("createdAt", Node::Time(created_ms)),
            ("imageTagMutability", "MUTABLE".into()),
        ])
    });
    Ok(Node::map([("repositories", Node::list(views))]))
}

fn describe(world: &World, input: &Input) -> Result<Node, Failure> {
    input.only(&["registryId", "repositoryName", "imageIds", "maxResults", "nextToken"])?;
    let (name, all) = repository(world, input)?;
    let mut wanted: Vec<&Image> = Vec::new();
    for id in input.structures("imageIds")? {
        let message = format!("The image requested does not exist within the repository with name '{name}'");
        wanted.push(find(all, &id)?.map_err(|_| Failure::new("ImageNotFoundException", &message))?);
    }
    if wanted.is_empty() {
        wanted.extend(all);
    }
    let details = wanted.into_iter().map(|image| {
        Node::map([
            ("registryId", world.place.account.as_str().into()),
            ("repositoryName", name.into()),
            ("imageDigest", image.digest.as_str().into()),
            ("imageTags", tags(world, image)),
            ("imageSizeInBytes", if world.fleet.is_some() { FLEET_SIZE } else { SIZE }.into()),
            ("imagePushedAt", Node::Time(image.pushed_ms)),
            ("imageManifestMediaType", MEDIA_TYPE.into()),
            ("imageScanStatus", Node::map([("status", "COMPLETE".into())])),
            ("imageScanFindingsSummary", findings(image)),
        ])
    });
    Ok(Node::map([("imageDetails", Node::list(details))]))
}
