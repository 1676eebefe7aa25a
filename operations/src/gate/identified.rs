//! What a deployment is made of: its two sides.

use super::reference::Reference;
use crate::error::{Error, Kind};
use crate::snapshot::Evidence;
use crate::time::Millis;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// One side of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The task set, or the deployment of ECS's own controller: `ecs-svc/<number>`.
    pub id: String,
    /// The task definition's ARN.
    pub task_definition: String,
    /// The target group its tasks are registered with.
    #[serde(default)]
    pub target_group_arn: Option<String>,
    /// The image of its first essential container.
    #[serde(default)]
    pub image: Option<String>,
    /// How many tasks are wanted.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// When it was created, in milliseconds since 1970; only to be told.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Millis>,
    /// Its share of production traffic in percent; absent when the listener could not be read.
    #[serde(default, serialize_with = "percent", skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

/// Whole percents are written as whole numbers.
fn percent<S: Serializer>(weight: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match weight {
        Some(weight) if weight.fract() == 0.0 => serializer.serialize_i64(*weight as i64),
        Some(weight) => serializer.serialize_f64(*weight),
        None => serializer.serialize_none(),
    }
}

/// A deployment, identified.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identified {
    /// Whether the deployment still runs.
    pub current: bool,
    /// Its state in the words of its controller; `UNKNOWN` when the controller does not know it.
    pub state: String,
    /// The event of CodeDeploy, or the lifecycle stage of ECS, in progress.
    pub lifecycle_event: Option<String>,
    /// The pause hook of ECS that waits for an answer.
    pub hook_id: Option<String>,
    /// The old revision; absent when the service does not exist.
    pub blue: Option<Side>,
    /// The new revision; absent before its tasks are created.
    pub green: Option<Side>,
    /// The task definition of the new revision, also before its tasks are created.
    pub task_definition: Option<String>,
    /// What the new revision names, to be looked up.
    pub references: Vec<Reference>,
    /// The facts.
    pub evidence: Vec<Evidence>,
}

/// The part of an [`Identified`] that later operations are given back.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// The old revision.
    #[serde(default)]
    pub blue: Option<Side>,
    /// The new revision.
    #[serde(default)]
    pub green: Option<Side>,
    /// The task definition of the new revision.
    #[serde(default)]
    pub task_definition: Option<String>,
    /// What the new revision names.
    #[serde(default)]
    pub references: Vec<Reference>,
}

impl Known {
    /// Reads the field `identified` of a payload.
    ///
    /// # Errors
    /// `Ops.InvalidInput` naming what is missing or wrong.
    pub fn of_payload(payload: &Value) -> Result<Self, Error> {
        let value = payload.get("identified").filter(|value| value.is_object()).ok_or_else(|| {
            Error::new(
                Kind::InvalidInput,
                "identified is missing: pass the answer of the operation \"identify\" unchanged",
            )
        })?;
        Self::deserialize(value).map_err(|problem| {
            let message = format!("identified: {problem}: pass the answer of the operation \"identify\" unchanged");
            Error::new(Kind::InvalidInput, message)
        })
    }
}
