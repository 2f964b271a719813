output "log_groups" {
  description = "Names of the log groups."
  value       = { for name, group in aws_cloudwatch_log_group.this : name => group.name }
}

output "metrics_log_group_arn" {
  description = "Where metrics are written on their way to CloudWatch."
  value       = aws_cloudwatch_log_group.this["metrics"].arn
}

output "logs_key_arn" {
  description = "The key of KMS that logs are encrypted with."
  value       = aws_kms_key.logs.arn
}

output "topic_arn" {
  description = "Where alarms go."
  value       = aws_sns_topic.alarms.arn
}
