# Two PostgreSQL instances. Data: people, tenancies, galleries, ciphertext. Keys: the wrapped keys that open them. They
# never share a backup, a subnet group or a password, since erasure rests on it: a destroyed key must not come back with
# the data that it opened (docs/privacy.md).

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
  # Keys' backups must be unreadable on the date that certificates of erasure name. Data's may hold pages of galleries,
  # as RDS copies whole volumes and not tables: so neither outlives that date.
  backup_days = 7

  instances = {
    data = { class = var.data_class, gigabytes = var.data_gigabytes, most_gigabytes = var.data_most_gigabytes }
    keys = { class = var.keys_class, gigabytes = 20, most_gigabytes = 100 }
  }
}

resource "aws_kms_key" "this" {
  for_each                = local.instances
  description             = "${var.name}: ${each.key} at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = var.key_policy_json
}

resource "aws_db_subnet_group" "this" {
  for_each   = local.instances
  name       = "${var.name}-${each.key}"
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  for_each    = local.instances
  name        = "${var.name}-${each.key}-database"
  description = "PostgreSQL (${each.key}) for the service's tasks and nobody else"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-${each.key}-database" }
}

resource "aws_vpc_security_group_ingress_rule" "tasks" {
  for_each                     = aws_security_group.this
  security_group_id            = each.value.id
  description                  = "PostgreSQL from API, worker, migrations and restores"
  referenced_security_group_id = var.tasks_security_group_id
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_db_parameter_group" "this" {
  for_each = local.instances
  name     = "${var.name}-${each.key}"
  family   = "postgres${var.postgres_major}"

  dynamic "parameter" {
    for_each = {
      "rds.force_ssl" = "1"
      # Statements that fail are logged by their error alone: parameters are names, numbers and vectors.
      "log_statement"                     = "none"
      "log_min_duration_statement"        = "-1"
      "log_min_error_statement"           = "panic"
      "log_parameter_max_length"          = "0"
      "log_parameter_max_length_on_error" = "0"
      "log_connections"                   = "0"
      "log_lock_waits"                    = "1"
      # A request that forgot its transaction must not hold a community's roster.
      "idle_in_transaction_session_timeout" = "60000"
    }
    content {
      name         = parameter.key
      value        = parameter.value
      apply_method = "immediate"
    }
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_353:Performance Insights keeps statements in a place of its own; log_min_duration and the exporter answer the same
  #checkov:skip=CKV_AWS_161:the processes log in by passwords out of Secrets Manager; tokens of IAM last 15 minutes and pools hold longer
  #checkov:skip=CKV2_AWS_69:rds.force_ssl stands in the parameter group, in a dynamic block that the check does not read
  for_each       = local.instances
  identifier     = "${var.name}-${each.key}"
  engine         = "postgres"
  engine_version = var.postgres_major
  instance_class = each.value.class

  storage_type          = "gp3"
  allocated_storage     = each.value.gigabytes
  max_allocated_storage = each.value.most_gigabytes
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.this[each.key].arn

  username                      = "postgres"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.this[each.key].arn

  multi_az               = var.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this[each.key].name
  vpc_security_group_ids = [aws_security_group.this[each.key].id]
  parameter_group_name   = aws_db_parameter_group.this[each.key].name
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  # Point in time: to within five minutes.
  backup_retention_period  = local.backup_days
  backup_window            = each.key == "data" ? "18:00-19:00" : "20:00-21:00"
  maintenance_window       = "sun:21:30-sun:22:30"
  delete_automated_backups = true
  # A final snapshot never expires by itself: it would outlive every certificate's promise.
  skip_final_snapshot   = true
  deletion_protection   = var.protected
  copy_tags_to_snapshot = true

  auto_minor_version_upgrade      = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  tags                            = { Name = "${var.name}-${each.key}" }
}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-database-monitoring"
  assume_role_policy = var.trust_json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "${var.managed_policy_prefix}/service-role/AmazonRDSEnhancedMonitoringRole"
}
