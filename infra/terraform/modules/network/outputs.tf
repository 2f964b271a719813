output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "For the load balancer."
  value       = [for subnet in aws_subnet.public : subnet.id]
}

output "task_subnet_ids" {
  description = "For API and worker."
  value       = [for subnet in aws_subnet.tasks : subnet.id]
}

output "database_subnet_ids" {
  description = "For databases."
  value       = [for subnet in aws_subnet.databases : subnet.id]
}

output "nat_addresses" {
  description = "Where requests of ours come from, for providers that ask."
  value       = [for address in aws_eip.nat : address.public_ip]
}
