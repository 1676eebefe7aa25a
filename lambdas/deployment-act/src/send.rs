//! The calls of a release, as the SDKs send them.

use crate::Act;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};
use aws_sdk_ecs::types as ecs;
use aws_sdk_elasticloadbalancingv2::types as elb;
use clients::failure;
use operations::Error;
use operations::deployment::Command;
use operations::deployment::command::{
    CreateTaskSet, Forward, LoadBalancer, Network, RegisterScalableTarget, Scale, Template,
};
use operations::error::Kind;

impl Act {
    /// Sends a call; of a created task set it answers the id.
    pub(crate) async fn send(&self, command: &Command) -> Result<Option<String>, Error> {
        let name = command.call().to_string();
        match command {
            Command::Suspend(it) => self.suspend(it).await?,
            Command::Create(it) => return self.create(it).await,
            Command::Forward(it) => self.forward(it).await?,
            Command::Scale(it) => {
                let request = self.ecs.update_task_set().cluster(&it.cluster).service(&it.service);
                let sent = request.task_set(&it.task_set).scale(scale(&it.scale)).send().await;
                sent.map_err(|error| failure::of_sdk(&name, &error))?;
            }
            Command::Desire(it) => {
                let count = i32::try_from(it.desired_count).unwrap_or(i32::MAX);
                let request = self.ecs.update_service().cluster(&it.cluster).service(&it.service);
                let sent = request.desired_count(count).send().await;
                sent.map_err(|error| failure::of_sdk(&name, &error))?;
            }
            Command::Promote(it) => {
                let request = self.ecs.update_service_primary_task_set().cluster(&it.cluster).service(&it.service);
                let sent = request.primary_task_set(&it.primary_task_set).send().await;
                sent.map_err(|error| failure::of_sdk(&name, &error))?;
            }
            Command::Delete(it) => {
                let request = self.ecs.delete_task_set().cluster(&it.cluster).service(&it.service);
                let sent = request.task_set(&it.task_set).force(it.force).send().await;
                sent.map_err(|error| failure::of_sdk(&name, &error))?;
            }
        }
        Ok(None)
    }

    async fn suspend(&self, it: &RegisterScalableTarget) -> Result<(), Error> {
        let state = SuspendedState::builder()
            .dynamic_scaling_in_suspended(it.suspended_state.dynamic_scaling_in_suspended)
            .dynamic_scaling_out_suspended(it.suspended_state.dynamic_scaling_out_suspended)
            .scheduled_scaling_suspended(it.suspended_state.scheduled_scaling_suspended)
            .build();
        let request = self
            .scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::from(it.service_namespace.as_str()))
            .resource_id(&it.resource_id)
            .scalable_dimension(ScalableDimension::from(it.scalable_dimension.as_str()))
            .suspended_state(state);
        let sent = request.send().await;
        let call = format!("application-autoscaling:RegisterScalableTarget of {}", it.resource_id);
        sent.map(|_| ()).map_err(|error| failure::of_sdk(&call, &error))
    }

    async fn create(&self, it: &CreateTaskSet) -> Result<Option<String>, Error> {
        let Template { launch_type, capacity_provider_strategy, platform_version, .. } = &it.template;
        let mut request = self
            .ecs
            .create_task_set()
            .cluster(&it.cluster)
            .service(&it.service)
            .task_definition(&it.task_definition)
            .external_id(&it.external_id)
            .client_token(&it.client_token)
            .set_launch_type(launch_type.as_deref().map(ecs::LaunchType::from))
            .set_platform_version(platform_version.clone())
            .scale(scale(&it.scale));
        for provider in capacity_provider_strategy {
            let item = ecs::CapacityProviderStrategyItem::builder()
                .capacity_provider(&provider.capacity_provider)
                .weight(provider.weight)
                .base(provider.base);
            request = request.capacity_provider_strategy(item.build().map_err(unbuilt)?);
        }
        if let Some(configuration) = &it.template.network_configuration {
            request = request.network_configuration(network(configuration)?);
        }
        for balancer in &it.template.load_balancers {
            request = request.load_balancers(load_balancer(balancer));
        }
        let call = format!("ecs:CreateTaskSet of {}", it.service);
        let answer = request.send().await.map_err(|error| failure::of_sdk(&call, &error))?;
        Ok(answer.task_set().and_then(|set| set.id()).map(str::to_owned))
    }

    async fn forward(&self, it: &Forward) -> Result<(), Error> {
        let mut config = elb::ForwardActionConfig::builder();
        for (group, weight) in &it.weights {
            let weight = i32::try_from(*weight).unwrap_or(0);
            let group = elb::TargetGroupTuple::builder().target_group_arn(group).weight(weight).build();
            config = config.target_groups(group);
        }
        if let Some(seconds) = it.stickiness_seconds {
            let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
            let sticky = elb::TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(seconds).build();
            config = config.target_group_stickiness_config(sticky);
        }
        let action = elb::Action::builder().r#type(elb::ActionTypeEnum::Forward).forward_config(config.build()).build();
        if it.is_rule() {
            let sent = self.balancer.modify_rule().rule_arn(&it.arn).actions(action).send().await;
            let call = format!("elasticloadbalancing:ModifyRule of {}", it.arn);
            return sent.map(|_| ()).map_err(|error| failure::of_sdk(&call, &error));
        }
        let sent = self.balancer.modify_listener().listener_arn(&it.arn).default_actions(action).send().await;
        let call = format!("elasticloadbalancing:ModifyListener of {}", it.arn);
        sent.map(|_| ()).map_err(|error| failure::of_sdk(&call, &error))
    }
}

fn scale(scale: &Scale) -> ecs::Scale {
    ecs::Scale::builder().value(scale.value).unit(ecs::ScaleUnit::from(scale.unit.as_str())).build()
}

fn network(network: &Network) -> Result<ecs::NetworkConfiguration, Error> {
    let own = &network.awsvpc_configuration;
    let configuration = ecs::AwsVpcConfiguration::builder()
        .set_subnets(Some(own.subnets.clone()))
        .set_security_groups(Some(own.security_groups.clone()))
        .assign_public_ip(ecs::AssignPublicIp::from(own.assign_public_ip.as_str()))
        .build()
        .map_err(unbuilt)?;
    Ok(ecs::NetworkConfiguration::builder().awsvpc_configuration(configuration).build())
}

fn load_balancer(own: &LoadBalancer) -> ecs::LoadBalancer {
    ecs::LoadBalancer::builder()
        .target_group_arn(&own.target_group_arn)
        .container_name(&own.container_name)
        .container_port(own.container_port)
        .build()
}

fn unbuilt(problem: impl std::fmt::Display) -> Error {
    Error::new(Kind::InvalidInput, format!("plan: ecs:CreateTaskSet: {problem}: plan again"))
}
