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
    tags = { Project = "doorward", Environment = "staging" }
  }
}

module "deployment" {
  source          = "../modules/deployment"
  environment     = "staging"
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
    nat_per_zone        = false
    multi_az            = false
    protected           = false
    data_class          = "db.t4g.medium"
    data_gigabytes      = 20
    data_most_gigabytes = 100
    keys_class          = "db.t4g.micro"

    api    = { cpu = 1024, memory = 2048, processes = 1, face_threads = 1, least = 1, most = 2 }
    worker = { cpu = 512, memory = 1024, least = 1, most = 2 }
  }
}

output "deployment" {
  description = "What the operator needs for the steps that Terraform does not do."
  value       = module.deployment
}
