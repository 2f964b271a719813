# The bucket for photographs. What is in it is ciphertext already; this is the second lock, and what makes deletion real:
# versions that were deleted do not linger, and nobody can make an object public.

terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

resource "aws_kms_key" "objects" {
  description             = "${var.name}: photographs at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = var.key_policy_json
}

resource "aws_s3_bucket" "objects" {
  #checkov:skip=CKV2_AWS_62:nobody reacts to objects but the processes that write them
  #checkov:skip=CKV_AWS_18:object keys would rest in another bucket after erasure; CloudTrail has the calls
  #checkov:skip=CKV_AWS_144:a replica is outside what erasure reaches
  bucket = var.bucket
  tags   = { Name = var.bucket }
}

resource "aws_s3_bucket_ownership_controls" "objects" {
  bucket = aws_s3_bucket.objects.id
  rule {
    # No object has an access list of its own.
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "objects" {
  bucket                  = aws_s3_bucket.objects.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "objects" {
  bucket = aws_s3_bucket.objects.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "objects" {
  bucket = aws_s3_bucket.objects.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.objects.arn
    }
    bucket_key_enabled = true
  }
}

# Erasure deletes every version itself. This sweeps up after a process that died between two of them.
resource "aws_s3_bucket_lifecycle_configuration" "objects" {
  bucket = aws_s3_bucket.objects.id
  rule {
    id     = "no-remains"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
    expiration {
      expired_object_delete_marker = true
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
  depends_on = [aws_s3_bucket_versioning.objects]
}

resource "aws_s3_bucket_policy" "objects" {
  bucket     = aws_s3_bucket.objects.id
  policy     = var.bucket_policy_json
  depends_on = [aws_s3_bucket_public_access_block.objects]
}
