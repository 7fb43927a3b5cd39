# Dataset, service account and grants for wandb-audit, with least privilege. See bigquery.md.

terraform {
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 5.0"
    }
  }
}

variable "project" {
  type = string
}

variable "location" {
  type    = string
  default = "EU"
}

variable "staging_bucket" {
  description = "For ?staging=gs://…; if empty, files are uploaded with the load jobs."
  type        = string
  default     = ""
}

resource "google_bigquery_dataset" "audit" {
  project     = var.project
  dataset_id  = "wandb_audit"
  location    = var.location
  description = "Audit logs of Weights & Biases, loaded by wandb-audit."

  # Nothing in it expires by default (tables that do are not loaded into), and it cannot be destroyed without a change here first.
  delete_contents_on_destroy = false
  lifecycle {
    prevent_destroy = true
  }
}

resource "google_service_account" "loader" {
  project      = var.project
  account_id   = "wandb-audit"
  display_name = "wandb-audit"
}

# Access to this dataset only.
resource "google_bigquery_dataset_iam_member" "loader" {
  project    = var.project
  dataset_id = google_bigquery_dataset.audit.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.loader.member
}

# Load and query jobs run in a project.
resource "google_project_iam_member" "loader_jobs" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.loader.member
}

resource "google_storage_bucket" "staging" {
  count                       = var.staging_bucket == "" ? 0 : 1
  project                     = var.project
  name                        = var.staging_bucket
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Removes what a killed run left behind.
  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "Delete"
    }
  }
}

resource "google_storage_bucket_iam_member" "loader_staging" {
  count  = var.staging_bucket == "" ? 0 : 1
  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.objectUser"
  member = google_service_account.loader.member
}

# A load job looks at the bucket before it reads an object.
resource "google_storage_bucket_iam_member" "loader_staging_bucket" {
  count  = var.staging_bucket == "" ? 0 : 1
  bucket = google_storage_bucket.staging[0].name
  role   = "roles/storage.legacyBucketReader"
  member = google_service_account.loader.member
}

output "address" {
  value = "bigquery://${var.project}/${google_bigquery_dataset.audit.dataset_id}"
}
