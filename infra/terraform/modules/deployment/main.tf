# One deployment: everything wired, sizes left to the roots.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

locals {
  log_days = 30
  cidr     = "10.40.0.0/16"

  settings = [
    "DOORWARD_API_DATABASE_URL",
    "DOORWARD_WORKER_DATABASE_URL",
    "DOORWARD_MIGRATION_DATABASE_URL",
    "DOORWARD_KEYS_DATABASE_URL",
    "DOORWARD_OTP_HTTP_TOKEN",
  ]

  # What alarms and scaling read; everything else stays with whoever scrapes Prometheus.
  metrics = [
    "^doorward_jobs_waiting$",
    "^doorward_jobs_oldest_seconds$",
    "^doorward_erasures_overdue$",
    "^doorward_gates_stale$",
    "^doorward_migrations_outstanding$",
  ]

  # The account's own IAM decides who uses a key; without this line nobody could ever change it.
  key_policy = [{
    Sid       = "Account"
    Effect    = "Allow"
    Principal = { AWS = module.names.account_arn }
    Action    = "kms:*"
    Resource  = "*"
  }]
  key_policy_json = jsonencode({ Version = "2012-10-17", Statement = local.key_policy })

  logs_key_policy_json = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.key_policy, [
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = module.names.logs_principal }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = module.names.log_groups_arn } }
      },
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
      },
    ])
  })
}

module "names" {
  source      = "../names"
  environment = var.environment
  partition   = var.partition
  region      = var.region
  account_id  = var.account_id
}

module "policies" {
  source                = "../policies"
  bucket_arn            = module.names.bucket_arn
  objects_key_arn       = module.storage.key_arn
  master_key_arn        = module.secrets.master_key_arn
  secrets_key_arn       = module.secrets.secrets_key_arn
  secret_arns           = values(module.secrets.arns)
  metrics_log_group_arn = module.observability.metrics_log_group_arn
}

module "observability" {
  source               = "../observability"
  name                 = module.names.name
  log_days             = local.log_days
  logs_key_policy_json = local.logs_key_policy_json
  alarm_addresses      = var.alarm_addresses
}

module "network" {
  source       = "../network"
  name         = module.names.name
  cidr         = local.cidr
  zones        = var.zones
  nat_per_zone = var.sizes.nat_per_zone
  endpoints    = module.names.endpoints
  trust_json   = module.names.trust.flow
  log_days     = local.log_days
  logs_key_arn = module.observability.logs_key_arn
}

module "secrets" {
  source          = "../secrets"
  name            = module.names.name
  settings        = local.settings
  key_policy_json = local.key_policy_json
}

module "storage" {
  source             = "../storage"
  name               = module.names.name
  bucket             = module.names.bucket
  bucket_policy_json = module.policies.json.bucket
  key_policy_json    = local.key_policy_json
}

module "database" {
  source                  = "../database"
  name                    = module.names.name
  vpc_id                  = module.network.vpc_id
  subnet_ids              = module.network.database_subnet_ids
  tasks_security_group_id = module.service.tasks_security_group_id
  key_policy_json         = local.key_policy_json
  trust_json              = module.names.trust.monitoring
  managed_policy_prefix   = module.names.managed_policy_prefix
  data_class              = var.sizes.data_class
  data_gigabytes          = var.sizes.data_gigabytes
  data_most_gigabytes     = var.sizes.data_most_gigabytes
  keys_class              = var.sizes.keys_class
  multi_az                = var.sizes.multi_az
  protected               = var.sizes.protected
}

module "service" {
  source                = "../service"
  name                  = module.names.name
  region                = var.region
  vpc_id                = module.network.vpc_id
  vpc_cidr              = local.cidr
  public_subnet_ids     = module.network.public_subnet_ids
  task_subnet_ids       = module.network.task_subnet_ids
  image                 = var.image
  collector_image       = var.collector_image
  public_url            = var.public_url
  certificate_arn       = var.certificate_arn
  otp_http_url          = var.otp_http_url
  bucket                = module.storage.bucket
  master_key_arn        = module.secrets.master_key_arn
  secret_arns           = module.secrets.arns
  policies              = module.policies.json
  trust_json            = module.names.trust.tasks
  managed_policy_prefix = module.names.managed_policy_prefix
  log_groups            = module.observability.log_groups
  metrics               = local.metrics
  api                   = var.sizes.api
  worker                = var.sizes.worker
  protected             = var.sizes.protected
}

module "alarms" {
  source    = "../alarms"
  name      = module.names.name
  region    = var.region
  topic_arn = module.observability.topic_arn
  balancer  = module.service.balancer
  databases = module.database.identifiers
}
