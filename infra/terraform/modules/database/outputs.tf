output "addresses" {
  description = "Host names by instance: data, keys."
  value       = { for name, instance in aws_db_instance.this : name => instance.address }
}

output "identifiers" {
  description = "Names by instance, for alarms."
  value       = { for name, instance in aws_db_instance.this : name => instance.identifier }
}

output "administrator_secret_arns" {
  description = "Where RDS keeps the administrators' passwords, for `doorward provision`."
  value       = { for name, instance in aws_db_instance.this : name => instance.master_user_secret[0].secret_arn }
}
