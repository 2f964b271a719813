variable "name" {
  description = "What names begin with."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "vpc_cidr" {
  description = "The network's addresses."
  type        = string
}

variable "public_subnet_ids" {
  description = "For the load balancer."
  type        = list(string)
}

variable "task_subnet_ids" {
  description = "For the tasks."
  type        = list(string)
}

variable "image" {
  description = "The image of infra/docker/Dockerfile, by digest."
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image: name it by digest (…@sha256:…); a tag may mean another image tomorrow."
  }
}

variable "collector_image" {
  description = "AWS' distribution of the OpenTelemetry collector, by digest."
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.collector_image))
    error_message = "collector_image: name it by digest (…@sha256:…)."
  }
}

variable "public_url" {
  description = "The address that phones, gates and companies use, https."
  type        = string
  validation {
    condition     = startswith(var.public_url, "https://")
    error_message = "public_url: begins with https://."
  }
}

variable "certificate_arn" {
  description = "The certificate for that address."
  type        = string
}

variable "otp_http_url" {
  description = "The provider that sends one-time codes."
  type        = string
}

variable "bucket" {
  description = "The bucket of photographs."
  type        = string
}

variable "master_key_arn" {
  description = "The key of KMS that wraps communities' keys."
  type        = string
}

variable "secret_arns" {
  description = "Where the secret settings lie, by name."
  type        = map(string)
}

variable "policies" {
  description = "IAM documents: service, execution, metrics."
  type        = map(string)
}

variable "trust_json" {
  description = "Policy that says who may take on the tasks' roles."
  type        = string
}

variable "managed_policy_prefix" {
  description = "What the ARNs of AWS' own policies begin with."
  type        = string
}

variable "log_groups" {
  description = "Names of log groups: api, worker, migration, restore, metrics."
  type        = map(string)
}

variable "metrics_port" {
  description = "Where each process shows its metrics, inside its task only."
  type        = number
  default     = 9464
}

variable "metrics" {
  description = "Regular expressions of the metrics that CloudWatch is given."
  type        = list(string)
}

variable "api" {
  description = "API tasks: size (CPU units, MiB), processes, photographs checked at once, how many."
  type = object({
    cpu          = number
    memory       = number
    processes    = number
    face_threads = number
    least        = number
    most         = number
  })
}

variable "worker" {
  description = "Worker tasks: size (CPU units, MiB), how many."
  type = object({
    cpu    = number
    memory = number
    least  = number
    most   = number
  })
}

variable "requests_per_five_minutes" {
  description = "Above this an address is a flood."
  type        = number
  default     = 30000
}

variable "protected" {
  description = "Whether Terraform may not delete the load balancer."
  type        = bool
}
