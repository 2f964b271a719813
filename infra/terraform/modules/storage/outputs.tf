output "bucket" {
  description = "For DOORWARD_S3_BUCKET."
  value       = aws_s3_bucket.objects.id
}

output "key_arn" {
  description = "The key of KMS that the bucket is encrypted with."
  value       = aws_kms_key.objects.arn
}
