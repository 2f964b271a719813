variable "name" {
  description = "What names begin with."
  type        = string
}

variable "settings" {
  description = "Names of environment variables, one secret each."
  type        = list(string)
}

variable "key_policy_json" {
  description = "Policy of the keys of KMS."
  type        = string
}
