output "name" {
  description = "What every name of this deployment begins with."
  value       = local.name
}

output "bucket" {
  description = "The bucket's name; bucket names are unique in the whole partition, so the account is in it."
  value       = "${local.name}-${var.account_id}-${var.region}"
}

output "bucket_arn" {
  description = "The bucket's ARN."
  value       = "arn:${var.partition}:s3:::${local.name}-${var.account_id}-${var.region}"
}

output "account_arn" {
  description = "The account itself, as principal of key policies."
  value       = "arn:${var.partition}:iam::${var.account_id}:root"
}

output "managed_policy_prefix" {
  description = "What the ARNs of AWS' own policies begin with."
  value       = "arn:${var.partition}:iam::aws:policy"
}

output "logs_principal" {
  description = "The log service, as principal of key policies."
  value       = "logs.${var.region}.${local.dns_suffix}"
}

# Of many services the name begins with "cn." in China, but not of these two: S3 by gateway, and KMS.
output "endpoints" {
  description = "Names of the services that VPC endpoints lead to: s3 (gateway), kms (interface)."
  value       = { for service in ["s3", "kms"] : service => "com.amazonaws.${var.region}.${service}" }
}

output "log_groups_arn" {
  description = "All log groups of this deployment, as a pattern."
  value       = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/${local.name}/*"
}

# These three go by the same name in both partitions. Without the condition, another account could have the service
# take on our role for it.
output "trust" {
  description = "Policies that say who may take on a role: tasks, flow (logs of the network), monitoring (of databases)."
  value = {
    for name, service in {
      tasks      = "ecs-tasks.amazonaws.com"
      flow       = "vpc-flow-logs.amazonaws.com"
      monitoring = "monitoring.rds.amazonaws.com"
    } :
    name => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = service }
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      }]
    })
  }
}
