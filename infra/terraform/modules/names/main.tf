# What differs between AWS' partitions, and how everything is called. Needs no provider, so `terraform test` runs it
# anywhere: an ARN of the wrong partition is otherwise found by the first apply in China.

terraform {
  required_version = ">= 1.6"
}

locals {
  dns_suffix = {
    aws    = "amazonaws.com"
    aws-cn = "amazonaws.com.cn"
  }[var.partition]

  name = "doorward-${var.environment}"
}
