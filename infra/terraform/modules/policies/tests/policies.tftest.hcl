variables {
  bucket_arn            = "arn:aws-cn:s3:::doorward-test"
  objects_key_arn       = "arn:aws-cn:kms:cn-north-1:123456789012:key/objects"
  master_key_arn        = "arn:aws-cn:kms:cn-north-1:123456789012:key/master"
  secrets_key_arn       = "arn:aws-cn:kms:cn-north-1:123456789012:key/secrets"
  secret_arns           = ["arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:one"]
  metrics_log_group_arn = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/doorward/metrics"
}

run "least_privilege" {
  command = plan

  assert {
    condition = alltrue([
      for statement in output.statements.service : !contains(statement.Resource, "*")
    ])
    error_message = "the service is bound to its own bucket and keys"
  }
  assert {
    condition = alltrue([
      for action in flatten([for statement in output.statements.service : statement.Action]) : !strcontains(action, "*")
    ])
    error_message = "every action of the service is named"
  }
  assert {
    condition = alltrue([
      for action in flatten([for statement in output.statements.service : statement.Action]) :
      !startswith(action, "s3:PutBucket") && !startswith(action, "s3:PutLifecycle") && action != "s3:PutObjectAcl"
    ])
    error_message = "the service changes objects, never the bucket"
  }
  assert {
    condition = length([
      for statement in output.statements.service : statement
      if contains(statement.Action, "kms:Decrypt") && statement.Resource == [var.master_key_arn]
      && try(statement.Condition.Null["kms:EncryptionContext:doorward"], "") == "false"
    ]) == 1
    error_message = "the master key opens nothing without an encryption context"
  }
}

run "migrations_touch_neither_objects_nor_keys" {
  command = plan
  assert {
    condition     = length(output.statements.migration) == 0 && !contains(keys(output.json), "migration")
    error_message = "the migration task needs no rights"
  }
}

run "the_bucket_refuses_plain_http" {
  command = plan
  assert {
    condition     = jsondecode(output.json.bucket).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "only encrypted transport"
  }
}
