variable "bucket_arn" {
  description = "The bucket of photographs."
  type        = string
}

variable "objects_key_arn" {
  description = "The key of KMS that the bucket is encrypted with."
  type        = string
}

variable "master_key_arn" {
  description = "The key of KMS that wraps communities' keys."
  type        = string
}

variable "secrets_key_arn" {
  description = "The key of KMS that settings are encrypted with."
  type        = string
}

variable "secret_arns" {
  description = "The settings that containers are started with."
  type        = list(string)
}

variable "metrics_log_group_arn" {
  description = "Where metrics are written on their way to CloudWatch."
  type        = string
}
