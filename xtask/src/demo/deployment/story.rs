//! The releases: what is released, and how it must end.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::demo::control::Control;
use crate::demo::ending::Ending;
use crate::demo::stack::Stack;
use crate::failure::{During, Failure};

/// The migration that the last story adds to those of `orders`.
const UNSAFE: &str = "0008_prices_in_units.sql";

/// The AppSpec that users start from.
const APPSPEC: &str = include_str!("../../../../infra/deployment/appspec.yaml");

/// What stories play on.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) control: Control,
    /// The migrations of `orders`, a copy that a story may add to.
    pub(crate) migrations: PathBuf,
    /// Where the migrations are that nobody should run.
    pub(crate) unsafe_migrations: PathBuf,
    /// Whether there is a PostgreSQL.
    pub(crate) database: bool,
}

/// An image, and how the sandbox lets it behave.
struct Image {
    tag: &'static str,
    behaviour: &'static str,
    /// How many times as slow, for the behaviour `latency`.
    amount: f64,
}

/// A release under way.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// What its executions' names begin with.
    pub(crate) id: String,
    /// How it began, for people.
    pub(crate) begun: String,
    /// The platform's name for it: an id or an ARN.
    platform: String,
}

/// Executions that have ended, by name, oldest first.
pub(crate) type Endings = [(String, Ending)];

/// One release.
#[derive(Debug)]
pub(crate) struct Story {
    /// What its lines begin with.
    pub(crate) tag: &'static str,
    /// What is released, for people.
    pub(crate) premise: &'static str,
    /// Stories of one act play at the same time.
    pub(crate) act: u8,
    /// It needs a PostgreSQL.
    needs_database: bool,
    /// Begins the release.
    pub(crate) begin: fn(&Stage, &Stack) -> Result<Release, Failure>,
    /// What the platform says in the end; nothing while it is under way.
    pub(crate) ended: fn(&Stage, &Release) -> Result<Option<String>, Failure>,
    /// How it ended, for people; fails unless that was as told.
    pub(crate) verify: fn(&Stage, &Release, &Endings) -> Result<String, Failure>,
}

/// The stories, in the order they begin.
pub(crate) fn all() -> Vec<Story> {
    vec![
        Story {
            tag: "good",
            premise: "a good revision of `orders`, by CodeDeploy: five hooks start executions, each answers CodeDeploy",
            act: 1,
            needs_database: true,
            begin: |stage, _| codedeploy(stage, &Image { tag: "good", behaviour: "good", amount: 1.0 }),
            ended: codedeploy_ended,
            verify: is_promoted,
        },
        Story {
            tag: "slow",
            premise: "a revision of `checkout` that is 40 % slower under load, released step by step without CodeDeploy",
            act: 1,
            needs_database: false,
            begin: |stage, stack| orchestrated(stage, stack, &Image { tag: "slow", behaviour: "latency", amount: 1.4 }),
            ended: orchestrated_ended,
            verify: |stage, release, executions| is_back_on_blue(stage, release, executions, "shift"),
        },
        Story {
            tag: "locking",
            premise: "a revision of `orders` with a migration that would lock the table, by CodeDeploy",
            act: 2,
            needs_database: true,
            begin: |stage, _| {
                let from = stage.unsafe_migrations.join(UNSAFE);
                std::fs::copy(&from, stage.migrations.join(UNSAFE)).during(|| from.display().to_string())?;
                codedeploy(stage, &Image { tag: "locking", behaviour: "good", amount: 1.0 })
            },
            ended: codedeploy_ended,
            verify: was_refused_before_install,
        },
        Story {
            tag: "crash loop",
            premise: "a revision of `checkout` whose tasks die as soon as they have started",
            act: 2,
            needs_database: false,
            begin: |stage, stack| {
                orchestrated(stage, stack, &Image { tag: "crashing", behaviour: "crash-loop", amount: 1.0 })
            },
            ended: orchestrated_ended,
            verify: |stage, release, executions| is_back_on_blue(stage, release, executions, "after-install"),
        },
    ]
}

impl Story {
    /// What its lines begin with, as wide as every other's.
    pub(crate) fn prefix(&self) -> String {
        format!("{:<12}", self.tag)
    }
}

impl Stage {
    /// Whether what the story needs is there.
    pub(crate) fn can_tell(&self, story: &Story) -> bool {
        !story.needs_database || self.database
    }

    /// Registers a revision of a service's task definition with this image; its ARN.
    fn revision(&self, service: &str, image: &Image) -> Result<String, Failure> {
        let Image { tag, behaviour, amount } = image;
        let mut release = json!({"service": service, "tag": tag, "behaviour": behaviour});
        if *behaviour == "latency" {
            release["amount"] = (*amount).into();
        }
        self.control.post("release", &release)?;
        let current = self
            .control
            .aws("AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition", &json!({"taskDefinition": service}))?;
        let mut definition = current["taskDefinition"].clone();
        let image = definition["containerDefinitions"][0]["image"].as_str().unwrap_or_default().to_owned();
        let repository = image.rsplit_once([':', '@']).map_or(image.as_str(), |(repository, _)| repository);
        definition["containerDefinitions"][0]["image"] = format!("{repository}:{tag}").into();
        for answered in
            ["taskDefinitionArn", "revision", "status", "registeredAt", "requiresAttributes", "compatibilities"]
        {
            definition.as_object_mut().map(|fields| fields.remove(answered));
        }
        let made = self.control.aws("AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition", &definition)?;
        let arn = made["taskDefinition"]["taskDefinitionArn"].as_str();
        arn.map(str::to_owned).ok_or_else(|| Failure::new(format!("RegisterTaskDefinition gave no ARN: {made}")))
    }
}

/// Gives `orders` migrations: the sandbox's own entry has none, since it has no database that could be migrated.
fn with_migrations(stage: &Stage) -> Result<(), Failure> {
    let update = json!({"TableName": "ops-catalog", "Key": {"catalogId": {"S": "orders"}},
        "UpdateExpression": "SET deployment.migrations = :migrations",
        "ExpressionAttributeValues": {":migrations": {"M": {"directory": {"S": "orders"}}}}});
    stage.control.aws("DynamoDB_20120810.UpdateItem", &update).map(drop)
}

/// Releases `orders` by CodeDeploy.
fn codedeploy(stage: &Stage, image: &Image) -> Result<Release, Failure> {
    with_migrations(stage)?;
    let definition = stage.revision("orders", image)?;
    let appspec = APPSPEC.replace("<TASK_DEFINITION_ARN>", &definition);
    let appspec = appspec.replace("<CONTAINER>", "orders").replace("<PORT>", "8080");
    let made = stage.control.aws(
        "CodeDeploy_20141006.CreateDeployment",
        &json!({"applicationName": "orders", "deploymentGroupName": "orders",
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": appspec}}}),
    )?;
    let id = made["deploymentId"].as_str().unwrap_or_default().to_owned();
    Ok(Release { begun: format!("CodeDeploy deployment {id} of {}", short(&definition)), platform: id.clone(), id })
}

fn codedeploy_ended(stage: &Stage, release: &Release) -> Result<Option<String>, Failure> {
    let status = codedeploy_status(stage, release)?;
    Ok(matches!(status.as_str(), "Succeeded" | "Failed" | "Stopped").then(|| format!("CodeDeploy says {status}")))
}

fn codedeploy_status(stage: &Stage, release: &Release) -> Result<String, Failure> {
    let answer = stage.control.aws("CodeDeploy_20141006.GetDeployment", &json!({"deploymentId": release.platform}))?;
    Ok(answer["deploymentInfo"]["status"].as_str().unwrap_or_default().to_owned())
}

/// Releases `checkout` by the workflow alone.
fn orchestrated(stage: &Stage, stack: &Stack, image: &Image) -> Result<Release, Failure> {
    let definition = stage.revision("checkout", image)?;
    let id = format!("checkout-{}", image.tag);
    let input = json!({"target": "checkout", "deploymentId": id, "taskDefinition": definition, "mode": "apply",
        "requestedBy": {"type": "pipeline", "id": "demo"}});
    let platform = stack.execute("blue-green-deployment", &id, &input)?;
    Ok(Release { begun: format!("blue-green-deployment of {}", short(&definition)), platform, id })
}

/// The workflow is the platform: it ends when its execution does.
fn orchestrated_ended(_: &Stage, _: &Release) -> Result<Option<String>, Failure> {
    Ok(Some("the release has ended".to_owned()))
}

fn is_promoted(stage: &Stage, release: &Release, gates: &Endings) -> Result<String, Failure> {
    let status = codedeploy_status(stage, release)?;
    for (name, ending) in gates {
        expect(name, &ending.succeeded()?["decision"], "PROMOTE")?;
    }
    if gates.len() != 5 || status != "Succeeded" {
        return Err(Failure::new(format!("{} gates answered and CodeDeploy says {status}", gates.len())));
    }
    Ok("promoted: five gates passed it, and CodeDeploy was told five times".to_owned())
}

/// A gate of this stage stopped the release, and everything is as it was.
fn is_back_on_blue(stage: &Stage, release: &Release, executions: &Endings, gate: &str) -> Result<String, Failure> {
    let workflow = executions.iter().find(|(name, _)| *name == release.id);
    let output = workflow.ok_or_else(|| Failure::new("its execution is not listed"))?.1.succeeded()?;
    expect("the report's status", &output["status"], "ROLLED_BACK")?;
    let gates = output["gates"].as_array().cloned().unwrap_or_default();
    let stopped = gates.iter().find(|gate| gate["decision"] == "ROLLBACK");
    let stopped = stopped.ok_or_else(|| Failure::new(format!("no gate said no: {gates:?}")))?;
    expect("the gate that said no", &stopped["stage"], gate)?;
    let checkout = stage.control.service("checkout")?;
    // What is left of green may still be draining: it must not serve.
    let sets = checkout["taskSets"].as_array().into_iter().flatten();
    let serving: Vec<&Value> = sets.filter(|set| set["productionPercent"] != 0.0).collect();
    match serving[..] {
        [blue] if blue["behaviour"] == "good" && blue["healthy"] == 4 => {}
        _ => return Err(Failure::new(format!("it is not blue alone that serves: {serving:?}"))),
    }
    Ok(output["summary"].as_str().unwrap_or_default().to_owned())
}

fn was_refused_before_install(stage: &Stage, release: &Release, gates: &Endings) -> Result<String, Failure> {
    expect("CodeDeploy", &codedeploy_status(stage, release)?.into(), "Failed")?;
    let [(name, only)] = gates else {
        return Err(Failure::new(format!("{} gates were asked instead of one", gates.len())));
    };
    let output = only.succeeded()?;
    expect(name, &output["decision"], "ROLLBACK")?;
    expect(name, &output["reason"]["Error"], "Migrate.UnsafeStatement")?;
    let cause = output["reason"]["Cause"].as_str().unwrap_or_default();
    // The first finding is enough here; the timeline has them all.
    let first = cause.split("; ").next().unwrap_or_default();
    Ok(format!("refused before install: {first}"))
}

fn expect(what: &str, found: &Value, wanted: &str) -> Result<(), Failure> {
    if found == wanted {
        return Ok(());
    }
    Err(Failure::new(format!("{what} is {found} instead of {wanted}")))
}

fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
