# Places for the settings that nobody may read, and the master key. Terraform makes the places and never sees the
# values: what it knows stands in its state file.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

resource "aws_kms_key" "secrets" {
  description             = "${var.name}: settings at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = var.key_policy_json
}

# Wraps communities' keys, and through them everybody's. Rotation by KMS keeps what older versions wrapped readable.
resource "aws_kms_key" "master" {
  description             = "${var.name}: master key of the key store"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = var.key_policy_json

  lifecycle {
    # Without it every photograph, template and signing key of the deployment is lost.
    prevent_destroy = true
  }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:passwords are renewed by `doorward provision`, with the restart that goes with it (docs/runbook.md)
  for_each                = toset(var.settings)
  name                    = "${var.name}/${lower(each.key)}"
  description             = each.key
  kms_key_id              = aws_kms_key.secrets.arn
  recovery_window_in_days = 7
}
