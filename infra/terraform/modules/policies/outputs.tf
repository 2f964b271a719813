output "statements" {
  description = "The statements by document: service, migration, execution, metrics, bucket."
  value       = local.documents
}

output "json" {
  description = "The documents as IAM and S3 take them; none where there is nothing to allow."
  value = {
    for name, statements in local.documents :
    name => jsonencode({ Version = "2012-10-17", Statement = statements }) if length(statements) > 0
  }
}
