# What wakes somebody. Each alarm's text names the page of the runbook that says what to do.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

locals {
  balancer = { LoadBalancer = var.balancer.metric }
  target   = { LoadBalancer = var.balancer.metric, TargetGroup = var.balancer.target }
  own      = { Deployment = var.name }

  alarms = merge({
    api-down = {
      namespace  = "AWS/ApplicationELB", metric = "HealthyHostCount", statistic = "Minimum", dimensions = local.target,
      comparison = "LessThanThreshold", threshold = 1, minutes = 2, missing = "breaching",
      text       = "No API task is healthy. Gates decide on; nobody enrols. Runbook: The API does not answer."
    }
    api-errors = {
      namespace  = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum",
      dimensions = local.balancer, comparison = "GreaterThanThreshold", threshold = 50, minutes = 5,
      missing    = "notBreaching", text = "The API fails requests. Runbook: The API does not answer."
    }
    balancer-errors = {
      namespace  = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", statistic = "Sum",
      dimensions = local.balancer, comparison = "GreaterThanThreshold", threshold = 20, minutes = 5,
      missing    = "notBreaching",
      text       = "Requests end at the load balancer. Runbook: 502 and 504 at the load balancer, nothing in the API's log."
    }
    api-slow = {
      namespace  = "AWS/ApplicationELB", metric = "TargetResponseTime", statistic = "p90", dimensions = local.target,
      comparison = "GreaterThanThreshold", threshold = 30, minutes = 10, missing = "notBreaching",
      text       = "Answers take longer than a gate's long poll may. Runbook: The API is slow."
    }
    jobs-waiting = {
      namespace  = "Doorward", metric = "doorward_jobs_oldest_seconds", statistic = "Maximum", dimensions = local.own,
      comparison = "GreaterThanThreshold", threshold = 600, minutes = 5, missing = "breaching",
      text       = "Jobs have waited for ten minutes: erasures and messages are late. Runbook: Jobs wait."
    }
    erasures-overdue = {
      namespace  = "Doorward", metric = "doorward_erasures_overdue", statistic = "Maximum", dimensions = local.own,
      comparison = "GreaterThanThreshold", threshold = 0, minutes = 15, missing = "breaching",
      text       = "An erasure is not done in time. Runbook: An erasure does not end."
    }
    gates-stale = {
      namespace  = "Doorward", metric = "doorward_gates_stale", statistic = "Maximum", dimensions = local.own,
      comparison = "GreaterThanThreshold", threshold = var.stale_gates, minutes = 15, missing = "notBreaching",
      text       = "Gates have not been heard of. Runbook: Gates are stale."
    }
    migrations-outstanding = {
      namespace  = "Doorward", metric = "doorward_migrations_outstanding", statistic = "Maximum",
      dimensions = local.own, comparison = "GreaterThanThreshold", threshold = 0, minutes = 240,
      missing    = "notBreaching",
      text       = "A release's last migrations were not applied. Runbook: A new release."
    }
    }, merge([for name, identifier in var.databases : {
      "${name}-disk" = {
        namespace  = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum",
        dimensions = { DBInstanceIdentifier = identifier }, comparison = "LessThanThreshold",
        threshold  = 5 * 1024 * 1024 * 1024, minutes = 10, missing = "breaching",
        text       = "The disk of database ${name} is nearly full. Runbook: The disk is full."
      }
      "${name}-processors" = {
        namespace  = "AWS/RDS", metric = "CPUUtilization", statistic = "Average",
        dimensions = { DBInstanceIdentifier = identifier }, comparison = "GreaterThanThreshold",
        threshold  = 80, minutes = 15, missing = "breaching",
        text       = "Database ${name} has little left to give. Runbook: The API is slow."
      }
  }]...))
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for index, name in sort(keys(local.alarms)) : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = {
        title  = name
        region = var.region
        period = 60
        stat   = local.alarms[name].statistic
        metrics = [concat(
          [local.alarms[name].namespace, local.alarms[name].metric],
          flatten([for key, value in local.alarms[name].dimensions : [key, value]]),
        )]
        annotations = { horizontal = [{ label = "alarm", value = local.alarms[name].threshold }] }
      }
    }]
  })
}
