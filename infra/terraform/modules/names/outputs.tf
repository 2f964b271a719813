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

output "endpoint_prefix" {
  description = "What names of VPC endpoints' services begin with."
  value       = var.partition == "aws-cn" ? "cn.com.amazonaws.${var.region}" : "com.amazonaws.${var.region}"
}
