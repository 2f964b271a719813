# Logs, alarms, and one page to look at. Objectives and queries stand in docs/slo.md.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

resource "aws_kms_key" "logs" {
  description             = "${var.name}: logs at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = var.logs_key_policy_json
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:logs are for finding faults; what must be proven stands in the audit trail, so 30 days, not a year
  for_each          = toset(["api", "worker", "migration", "restore", "metrics"])
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.logs.arn
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = aws_kms_key.logs.id
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = toset(var.alarm_addresses)
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}
