variable "name" {
  description = "What names begin with."
  type        = string
}

variable "log_days" {
  description = "How long logs are kept. They hold request ids and no personal data."
  type        = number
}

variable "logs_key_policy_json" {
  description = "Policy of the key of KMS; the log service must be allowed to use it."
  type        = string
}

variable "alarm_addresses" {
  description = "E-mail addresses that alarms go to."
  type        = list(string)
}
