# The first five are those of the module for CodeDeploy hooks that this one replaces.

output "validate_before_install_arn" {
  description = "ARN of the BeforeInstall Lambda function"
  value       = aws_cloudformation_stack.suite.outputs["ValidateBeforeInstallArn"]
}

output "validate_deployment_arn" {
  description = "ARN of the AfterInstall Lambda function"
  value       = aws_cloudformation_stack.suite.outputs["ValidateDeploymentArn"]
}

output "validate_test_traffic_arn" {
  description = "ARN of the AfterAllowTestTraffic Lambda function"
  value       = aws_cloudformation_stack.suite.outputs["ValidateTestTrafficArn"]
}

output "run_migrations_arn" {
  description = "ARN of the BeforeAllowTraffic Lambda function"
  value       = aws_cloudformation_stack.suite.outputs["RunMigrationsArn"]
}

output "validate_production_arn" {
  description = "ARN of the AfterAllowTraffic Lambda function"
  value       = aws_cloudformation_stack.suite.outputs["ValidateProductionArn"]
}

output "outputs" {
  description = "All outputs of the stack, by their names in the template"
  value       = aws_cloudformation_stack.suite.outputs
}
