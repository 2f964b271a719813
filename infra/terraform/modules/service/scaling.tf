# API tasks follow their processors, which photo checks fill. Workers follow the queue: most of a job is waiting.

resource "aws_appautoscaling_target" "this" {
  for_each           = { api = var.api, worker = var.worker }
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${each.key}"
  min_capacity       = each.value.least
  max_capacity       = each.value.most
  depends_on         = [aws_ecs_service.api, aws_ecs_service.worker]
}

resource "aws_appautoscaling_policy" "api" {
  name               = "processors"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this["api"].resource_id
  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 60
    scale_in_cooldown  = 600
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "worker" {
  name               = "queue"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this["worker"].resource_id
  target_tracking_scaling_policy_configuration {
    target_value       = 200
    scale_out_cooldown = 60
    scale_in_cooldown  = 600
    customized_metric_specification {
      namespace   = "Doorward"
      metric_name = "doorward_jobs_waiting"
      statistic   = "Maximum"
      dimensions {
        name  = "Deployment"
        value = var.name
      }
    }
  }
}
