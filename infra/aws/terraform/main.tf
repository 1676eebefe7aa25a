# The suite for those who live in Terraform: the same template, as a stack. What it contains belongs to CloudFormation.

data "aws_region" "current" {}

resource "aws_cloudformation_stack" "suite" {
  name         = "${var.app_name}-${var.environment}"
  template_url = var.template_url
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
  tags         = var.tags

  parameters = merge({
    Environment      = var.environment
    EcsClusterName   = var.ecs_cluster_name
    EcsServiceName   = var.ecs_service_name
    LogRetention     = tostring(var.log_retention)
    ServiceArns      = join(",", var.service_arns)
    PrivateSubnetIds = join(",", var.private_subnet_ids)
    SecurityGroupIds = join(",", var.security_group_ids)
    WorkerImageUri   = var.worker_image_uri
  }, var.parameters)

  lifecycle {
    precondition {
      condition     = data.aws_region.current.name == var.aws_region
      error_message = "aws_region is not the provider's region: set both to the same."
    }
  }
}
