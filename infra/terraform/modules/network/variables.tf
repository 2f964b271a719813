variable "name" {
  description = "What names begin with."
  type        = string
}

variable "cidr" {
  description = "The network's addresses, a /16."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zones" {
  description = "Names of availability zones: two at least, for load balancers and databases."
  type        = list(string)
  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3
    error_message = "zones: 2 or 3."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone; with one, its zone's failure silences text messages everywhere."
  type        = bool
}

variable "endpoints" {
  description = "Names of the services that VPC endpoints lead to: s3, kms."
  type        = object({ s3 = string, kms = string })
}

variable "trust_json" {
  description = "Policy that says who may take on the role that writes the network's log."
  type        = string
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
}

variable "logs_key_arn" {
  description = "The key of KMS that logs are encrypted with."
  type        = string
}
