output "balancer_dns_name" {
  description = "What the public address must point to."
  value       = module.service.balancer.dns_name
}

output "databases" {
  description = "Host names of the two databases, and where RDS keeps their administrators' passwords."
  value = {
    addresses = module.database.addresses
    passwords = module.database.administrator_secret_arns
  }
}

output "secret_arns" {
  description = "Where the settings must be written that Terraform does not see."
  value       = module.secrets.arns
}

output "by_hand" {
  description = "What `aws ecs run-task` needs to bring the databases to a release's schema, and to finish a restore."
  value = {
    cluster   = module.service.cluster
    migration = module.service.migration_task
    restore   = module.service.restore_task
    network = join(",", [
      "awsvpcConfiguration={subnets=[${join(",", module.network.task_subnet_ids)}]",
      "securityGroups=[${module.service.tasks_security_group_id}]}",
    ])
  }
}

output "nat_addresses" {
  description = "Where our requests come from."
  value       = module.network.nat_addresses
}
