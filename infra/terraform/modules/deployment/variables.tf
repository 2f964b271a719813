variable "environment" {
  description = "Which deployment this is; a part of every name."
  type        = string
}

variable "partition" {
  description = "aws, or aws-cn."
  type        = string
}

variable "region" {
  description = "Where all of it runs."
  type        = string
}

variable "account_id" {
  description = "The account's twelve digits."
  type        = string
}

variable "zones" {
  description = "Names of two or three of the region's availability zones."
  type        = list(string)
}

variable "image" {
  description = "The image of infra/docker/Dockerfile, by digest."
  type        = string
}

variable "collector_image" {
  description = "AWS' distribution of the OpenTelemetry collector, by digest."
  type        = string
}

variable "public_url" {
  description = "The address that phones, gates and companies use."
  type        = string
}

variable "certificate_arn" {
  description = "The certificate for that address."
  type        = string
}

variable "otp_http_url" {
  description = "The provider that sends one-time codes."
  type        = string
}

variable "alarm_addresses" {
  description = "E-mail addresses that alarms go to."
  type        = list(string)
}

variable "sizes" {
  description = "What staging and production differ in."
  type = object({
    nat_per_zone        = bool
    multi_az            = bool
    protected           = bool
    data_class          = string
    data_gigabytes      = number
    data_most_gigabytes = number
    keys_class          = string
    api = object({
      cpu          = number
      memory       = number
      processes    = number
      face_threads = number
      least        = number
      most         = number
    })
    worker = object({
      cpu    = number
      memory = number
      least  = number
      most   = number
    })
  })
}
