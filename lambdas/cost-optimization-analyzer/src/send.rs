//! The calls of a change of size, as the SDKs send them.

use crate::CostOptimizationAnalyzer;
use crate::request::Request;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use clients::failure;
use operations::Error;
use operations::plan::capacity::Scaling;

impl CostOptimizationAnalyzer {
    /// Makes the service run a revision, with so many tasks where that is said.
    pub(crate) async fn update_service(
        &self,
        request: &Request,
        task_definition: &str,
        desired: Option<u32>,
    ) -> Result<(), Error> {
        let name = &request.service()?.service;
        let update = self.ecs.update_service().cluster(&request.cluster).service(name).task_definition(task_definition);
        let sent = update.set_desired_count(desired.map(number)).send().await;
        sent.map(drop).map_err(|error| failure::of_sdk(&format!("ecs:UpdateService of {name}"), &error))
    }

    /// Sets the limits of autoscaling.
    pub(crate) async fn set_limits(&self, resource_id: &str, limits: Scaling) -> Result<(), Error> {
        let request = self
            .scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(resource_id)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .min_capacity(number(limits.min))
            .max_capacity(number(limits.max));
        let call = format!("application-autoscaling:RegisterScalableTarget of {resource_id}");
        request.send().await.map(drop).map_err(|error| failure::of_sdk(&call, &error))
    }
}

fn number(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
