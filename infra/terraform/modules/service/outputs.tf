output "tasks_security_group_id" {
  description = "The group of all tasks."
  value       = aws_security_group.tasks.id
}

output "balancer" {
  description = "The load balancer: its name for DNS, and its names in metrics."
  value = {
    dns_name = aws_lb.this.dns_name
    zone_id  = aws_lb.this.zone_id
    metric   = aws_lb.this.arn_suffix
    target   = aws_lb_target_group.api.arn_suffix
  }
}

output "cluster" {
  description = "The cluster's name."
  value       = aws_ecs_cluster.this.name
}

output "migration_task" {
  description = "What `aws ecs run-task` is told before a release and after it: this very revision, with its image."
  value       = aws_ecs_task_definition.this["migration"].arn
}

output "restore_task" {
  description = "What `aws ecs run-task` is told after one of the databases was set back."
  value       = aws_ecs_task_definition.this["restore"].arn
}
