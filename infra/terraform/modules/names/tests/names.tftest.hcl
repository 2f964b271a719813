run "worldwide" {
  command = plan
  variables {
    environment = "staging"
    partition   = "aws"
    region      = "eu-central-1"
    account_id  = "123456789012"
  }
  assert {
    condition     = output.bucket_arn == "arn:aws:s3:::doorward-staging-123456789012-eu-central-1"
    error_message = "the bucket's ARN"
  }
  assert {
    condition     = output.logs_principal == "logs.eu-central-1.amazonaws.com"
    error_message = "the log service's principal"
  }
  assert {
    condition     = length(output.bucket) <= 63
    error_message = "S3 takes names of 63 characters at most"
  }
}

run "china" {
  command = plan
  variables {
    environment = "production"
    partition   = "aws-cn"
    region      = "cn-north-1"
    account_id  = "123456789012"
  }
  assert {
    condition     = output.account_arn == "arn:aws-cn:iam::123456789012:root"
    error_message = "the account's ARN"
  }
  assert {
    condition     = output.logs_principal == "logs.cn-north-1.amazonaws.com.cn"
    error_message = "the log service's principal"
  }
  assert {
    condition     = output.endpoints.s3 == "com.amazonaws.cn-north-1.s3"
    error_message = "S3 by gateway has no cn. before it"
  }
  assert {
    condition     = output.endpoints.kms == "com.amazonaws.cn-north-1.kms"
    error_message = "KMS has no cn. before it"
  }
  assert {
    condition     = output.log_groups_arn == "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/doorward-production/*"
    error_message = "the pattern of log groups"
  }
  assert {
    condition = alltrue([
      for document in output.trust :
      jsondecode(document).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    ])
    error_message = "roles are taken on for this account alone"
  }
}

run "a_region_of_the_other_partition" {
  command = plan
  variables {
    environment = "staging"
    partition   = "aws"
    region      = "cn-north-1"
    account_id  = "123456789012"
  }
  expect_failures = [var.region]
}

run "a_name_that_no_load_balancer_takes" {
  command = plan
  variables {
    environment = "the-long-one"
    partition   = "aws"
    region      = "eu-central-1"
    account_id  = "123456789012"
  }
  expect_failures = [var.environment]
}
