output "bucket" {
  description = "For DOORWARD_S3_BUCKET."
  value       = aws_s3_bucket.objects.id
}

output "service_policy_json" {
  description = "Least privilege for the role that API and worker run as."
  value       = data.aws_iam_policy_document.service.json
}
