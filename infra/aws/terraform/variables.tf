# The first seven are those of the module for CodeDeploy hooks that this one replaces.

variable "app_name" {
  description = "Application name; the stack is called APP_NAME-ENVIRONMENT"
  type        = string
}

variable "environment" {
  description = "Deployment environment"
  type        = string
}

variable "aws_region" {
  description = "AWS region; must be the provider's"
  type        = string
}

variable "ecs_cluster_name" {
  description = "ECS cluster name"
  type        = string
}

variable "ecs_service_name" {
  description = "ECS service name, which the hook functions judge"
  type        = string
}

variable "log_retention" {
  description = "CloudWatch log retention in days"
  type        = number
  default     = 30
}

variable "tags" {
  description = "Resource tags"
  type        = map(string)
  default     = {}
}

variable "template_url" {
  description = "HTTPS URL of the packaged template in S3: what `sam package` made of infra/aws/template.yaml"
  type        = string
}

variable "service_arns" {
  description = "ARNs of the ECS services in the catalogue"
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Subnets of the workers and of incident-clear-cache"
  type        = list(string)
}

variable "security_group_ids" {
  description = "Their security groups"
  type        = list(string)
}

variable "worker_image_uri" {
  description = "Image of the workers"
  type        = string
}

variable "parameters" {
  description = "Any other parameter of the template, by its name there"
  type        = map(string)
  default     = {}
}
