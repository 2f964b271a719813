# Who may do what, as documents alone. Needs no provider, so that `terraform test` reads them without an account; the
# modules that own the resources attach them.

terraform {
  required_version = ">= 1.6"
}

locals {
  objects = "${var.bucket_arn}/*"

  # What backend/kit/s3.py calls. API and worker both remove: the API an object whose row was not committed, the worker
  # whatever is erased. Nobody may change the bucket, its versioning or its policy.
  store = [
    {
      Sid      = "Objects"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
      Resource = [local.objects]
    },
    {
      Sid      = "Versions"
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:ListBucketVersions"]
      Resource = [var.bucket_arn]
    },
    {
      Sid      = "ObjectsAtRest"
      Effect   = "Allow"
      Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
      Resource = [var.objects_key_arn]
    },
  ]

  # The master key wraps communities' keys. A call must name what it wraps (backend/keys/kms.py), so the trail of KMS
  # says whose key was opened; without a context nothing opens.
  master = [
    {
      Sid      = "MasterKey"
      Effect   = "Allow"
      Action   = ["kms:Encrypt", "kms:Decrypt"]
      Resource = [var.master_key_arn]
      Condition = {
        Null = { "kms:EncryptionContext:doorward" = "false" }
      }
    },
  ]

  documents = {
    service = concat(local.store, local.master)

    # Moves the schema of both databases, and reads and writes neither objects nor keys.
    migration = []

    # What starts the containers, before any of our code runs.
    execution = [
      {
        Sid      = "Settings"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.secret_arns
      },
      {
        Sid      = "SettingsAtRest"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [var.secrets_key_arn]
      },
    ]

    metrics = [
      # As lines of a log, out of which CloudWatch makes them: no right to put any by itself is needed.
      {
        Sid      = "MetricsAsLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        Resource = ["${var.metrics_log_group_arn}:*"]
      },
      {
        Sid      = "Traces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = ["*"] # Neither knows resources.
      },
    ]

    bucket = [
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [var.bucket_arn, local.objects]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  }
}
