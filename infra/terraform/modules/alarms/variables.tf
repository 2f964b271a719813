variable "name" {
  description = "What names begin with."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "topic_arn" {
  description = "Where alarms go."
  type        = string
}

variable "balancer" {
  description = "The load balancer's names in metrics: metric, target."
  type        = object({ metric = string, target = string, dns_name = string, zone_id = string })
}

variable "databases" {
  description = "Databases' identifiers by name."
  type        = map(string)
}

variable "stale_gates" {
  description = "So many gates may be silent at once before somebody is woken."
  type        = number
  default     = 5
}
