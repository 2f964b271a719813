output "arns" {
  description = "Where each setting's value lies."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "secrets_key_arn" {
  description = "The key of KMS that settings are encrypted with."
  value       = aws_kms_key.secrets.arn
}

output "master_key_arn" {
  description = "For DOORWARD_KMS_KEY_ID."
  value       = aws_kms_key.master.arn
}
