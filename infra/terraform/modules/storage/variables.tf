variable "bucket" {
  description = "Name of the bucket; one a deployment."
  type        = string
}
