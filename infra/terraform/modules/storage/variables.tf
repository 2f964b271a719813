variable "name" {
  description = "What names begin with."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket; one a deployment."
  type        = string
}

variable "bucket_policy_json" {
  description = "Who may not do what with it."
  type        = string
}

variable "key_policy_json" {
  description = "Policy of the key of KMS."
  type        = string
}
