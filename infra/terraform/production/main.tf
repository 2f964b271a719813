terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
  # State goes to a bucket of the operator's: terraform init -backend-config=backend.hcl
  backend "s3" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
  default_tags {
    tags = { Project = "doorward", Environment = "production" }
  }
}

module "deployment" {
  source          = "../modules/deployment"
  environment     = "production"
  partition       = var.partition
  region          = var.region
  account_id      = var.account_id
  zones           = var.zones
  image           = var.image
  collector_image = var.collector_image
  public_url      = var.public_url
  certificate_arn = var.certificate_arn
  otp_http_url    = var.otp_http_url
  alarm_addresses = var.alarm_addresses

  sizes = {
    # The programme's size: 59 communities, 133,000 people, 354 gates (docs/scale.md).
    nat_per_zone        = true
    multi_az            = true
    protected           = true
    data_class          = "db.m7g.large"
    data_gigabytes      = 100
    data_most_gigabytes = 1000
    keys_class          = "db.t4g.small"

    api    = { cpu = 2048, memory = 4096, processes = 2, face_threads = 2, least = 3, most = 12 }
    worker = { cpu = 1024, memory = 2048, least = 2, most = 6 }
  }
}

output "deployment" {
  description = "What the operator needs for the steps that Terraform does not do."
  value       = module.deployment
}
