variable "environment" {
  description = "Which deployment this is; a part of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment: 2 to 12 small letters and digits, as names of load balancers end at 32 characters."
  }
}

variable "partition" {
  description = "aws, or aws-cn for the regions in China, which have accounts of their own."
  type        = string
  validation {
    condition     = contains(["aws", "aws-cn"], var.partition)
    error_message = "partition: aws or aws-cn."
  }
}

variable "region" {
  description = "Where all of it runs. It must be one of the partition's."
  type        = string
  validation {
    condition     = startswith(var.region, "cn-") == (var.partition == "aws-cn")
    error_message = "region: those that begin with cn- belong to the partition aws-cn, all others to aws."
  }
}

variable "account_id" {
  description = "The account's twelve digits."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id: twelve digits."
  }
}
