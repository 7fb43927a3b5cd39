# A bucket for `--archive gs://… --retain 6y`, and a login that can add to it and read it. See retention.md.

terraform {
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.10"
    }
  }
}

variable "project" {
  type = string
}

variable "bucket" {
  type = string
}

variable "location" {
  type    = string
  default = "EU"
}

resource "google_storage_bucket" "archive" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Lets --retain lock each object; it can only be chosen when the bucket is made.
  enable_object_retention = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_service_account" "loader" {
  project      = var.project
  account_id   = "wandb-audit-archive"
  display_name = "wandb-audit archive"
}

# Locking an object needs storage.objects.setRetention, which no role has that cannot also delete.
resource "google_project_iam_custom_role" "archivist" {
  project = var.project
  role_id = "wandbAuditArchivist"
  title   = "wandb-audit archivist"
  permissions = [
    "storage.buckets.get",
    "storage.objects.create",
    "storage.objects.get",
    "storage.objects.list",
    "storage.objects.setRetention",
  ]
}

resource "google_storage_bucket_iam_member" "loader" {
  bucket = google_storage_bucket.archive.name
  role   = google_project_iam_custom_role.archivist.id
  member = google_service_account.loader.member
}

output "address" {
  value = "gs://${google_storage_bucket.archive.name}"
}
