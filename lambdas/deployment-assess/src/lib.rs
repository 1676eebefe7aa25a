//! `deployment-assess`: what is a deployment made of, is it as it must be at this stage, and is its new revision as good
//! as the old one? It reads, and changes nothing.

mod codedeploy;
mod definition;
mod facts;
mod judge;
mod native;
mod reference;
mod sides;
mod task_set;
mod tasks;
mod usage;

use lambda_kit::{Function, Invocation, Services};
use operations::Error;
use operations::deployment::Target;
use operations::error::Kind;
use operations::gate::{Identified, Side};
use operations::snapshot::Evidence;
use reference::Reference;
use serde_json::{Value, json};

/// The function.
#[derive(Debug, Clone)]
pub struct DeploymentAssess {
    services: Services,
    ecs: aws_sdk_ecs::Client,
    balancer: aws_sdk_elasticloadbalancingv2::Client,
    metrics: aws_sdk_cloudwatch::Client,
    code_deploy: aws_sdk_codedeploy::Client,
}

/// The service that is deployed.
#[derive(Debug, Clone)]
struct Place {
    target: Target,
    cluster: String,
}

impl DeploymentAssess {
    /// The function with its clients.
    pub fn new(services: Services) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(&services.aws),
            balancer: aws_sdk_elasticloadbalancingv2::Client::new(&services.aws),
            metrics: aws_sdk_cloudwatch::Client::new(&services.aws),
            code_deploy: aws_sdk_codedeploy::Client::new(&services.aws),
            services,
        }
    }

    fn place(&self, payload: &Value) -> Result<Place, Error> {
        let target = Target::parse(payload)?;
        let cluster = match &target.cluster {
            Some(cluster) => cluster.clone(),
            None => self.services.environment.cluster(target.entry.service()?)?,
        };
        Ok(Place { target, cluster })
    }

    async fn identify(&self, payload: &Value) -> Result<Identified, Error> {
        let place = self.place(payload)?;
        let reference = Reference::parse(payload)?;
        let sides = self.sides(&place, &reference).await?;
        let at = self.services.clock.now();
        let definition = match &sides.task_definition {
            Some(arn) => Some(self.definition(arn).await?),
            None => None,
        };
        let blue = self.with_image(sides.blue).await?;
        let green = self.with_image(sides.green).await?;
        let references = definition.map(|definition| definition.references(&sides.subnets, sides.spot));
        let references = references.unwrap_or_default();
        let state = json!({"deployment": reference.id(), "state": sides.state, "current": sides.current,
            "lifecycleEvent": sides.lifecycle_event});
        Ok(Identified {
            current: sides.current,
            state: sides.state,
            lifecycle_event: sides.lifecycle_event,
            hook_id: sides.hook_id,
            blue,
            green,
            task_definition: sides.task_definition,
            references,
            evidence: vec![Evidence::api(reference.source(), state, at)],
        })
    }

    async fn with_image(&self, side: Option<Side>) -> Result<Option<Side>, Error> {
        let Some(side) = side else { return Ok(None) };
        let definition = self.definition(&side.task_definition).await?;
        Ok(Some(Side { image: definition.image().map(str::to_owned), ..side }))
    }
}

impl Function for DeploymentAssess {
    async fn call(&self, event: Value, _: Invocation) -> Result<Value, Error> {
        match event.get("operation").and_then(Value::as_str) {
            Some("identify") => Ok(json!(self.identify(&event).await?)),
            Some("check") => Ok(json!(self.check(&event).await?)),
            Some("judge") => self.judge(&event).await,
            _ => Err(Error::new(Kind::InvalidInput, "operation must be one of identify, check, judge")),
        }
    }
}
