# A bucket for `--archive s3://… --retain 6y`, and a login that can add to it and read it. See retention.md.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  type = string
}

variable "years" {
  description = "For objects that are written without a date of their own; --retain sets one for each object."
  type        = number
  default     = 6
}

resource "aws_s3_bucket" "archive" {
  bucket              = var.bucket
  object_lock_enabled = true

  lifecycle {
    prevent_destroy = true
  }
}

# Object Lock needs versions.
resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id
  versioning_configuration {
    status = "Enabled"
  }
}

# Compliance mode cannot be shortened or lifted by anyone, the root user included.
resource "aws_s3_bucket_object_lock_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    default_retention {
      mode  = "COMPLIANCE"
      years = var.years
    }
  }
  depends_on = [aws_s3_bucket_versioning.archive]
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# No s3:DeleteObject: it could hide an object behind a delete marker, although its version stays.
data "aws_iam_policy_document" "loader" {
  statement {
    actions   = ["s3:PutObject", "s3:PutObjectRetention", "s3:GetObject", "s3:GetObjectRetention"]
    resources = ["${aws_s3_bucket.archive.arn}/*"]
  }
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive.arn]
  }
}

resource "aws_iam_policy" "loader" {
  name   = "wandb-audit-archive"
  policy = data.aws_iam_policy_document.loader.json
}

output "address" {
  value = "s3://${aws_s3_bucket.archive.id}"
}
