variable "name" {
  description = "What names begin with."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets without a way out, in two zones at least."
  type        = list(string)
}

variable "tasks_security_group_id" {
  description = "The group of API, worker, migrations and restores."
  type        = string
}

variable "key_policy_json" {
  description = "Policy of the keys of KMS."
  type        = string
}

variable "trust_json" {
  description = "Policy that says who may take on the role that measures the instances."
  type        = string
}

variable "managed_policy_prefix" {
  description = "What the ARNs of AWS' own policies begin with."
  type        = string
}

variable "postgres_major" {
  description = "PostgreSQL's major version, 16 or newer; RDS brings pgvector 0.8 with it."
  type        = string
  default     = "17"
}

variable "data_class" {
  description = "Machine of the data. The galleries should fit its memory (docs/scale.md)."
  type        = string
}

variable "data_gigabytes" {
  description = "Disk of the data at first."
  type        = number
}

variable "data_most_gigabytes" {
  description = "How far its disk grows by itself."
  type        = number
}

variable "keys_class" {
  description = "Machine of the keys."
  type        = string
}

variable "multi_az" {
  description = "A standby in another zone."
  type        = bool
}

variable "protected" {
  description = "Whether Terraform may not delete the instances."
  type        = bool
}
