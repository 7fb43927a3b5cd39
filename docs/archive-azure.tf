# A container for `--archive az://… --retain 6y`. See retention.md.

terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.9"
    }
  }
}

provider "azurerm" {
  features {}
}

variable "account" {
  type = string
}

variable "resource_group" {
  type = string
}

variable "location" {
  type    = string
  default = "westeurope"
}

variable "days" {
  description = "For blobs that are written without a date of their own; --retain sets one for each blob."
  type        = number
  default     = 2192
}

variable "loader" {
  description = "Object id of the identity that runs wandb-audit."
  type        = string
}

resource "azurerm_storage_account" "archive" {
  name                            = var.account
  resource_group_name             = var.resource_group
  location                        = var.location
  account_tier                    = "Standard"
  account_replication_type        = "GRS"
  allow_nested_items_to_be_public = false
  min_tls_version                 = "TLS1_2"

  # Version-level immutability for all containers; it can only be chosen when the account is made.
  immutability_policy {
    state                         = "Unlocked"
    period_since_creation_in_days = var.days
    allow_protected_append_writes = false
  }

  blob_properties {
    versioning_enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_container" "archive" {
  name               = "wandb-audit"
  storage_account_id = azurerm_storage_account.archive.id
}

# Adds and reads blobs, and locks them; cannot delete.
resource "azurerm_role_definition" "archivist" {
  name  = "wandb-audit archivist (${var.account})"
  scope = azurerm_storage_account.archive.id
  permissions {
    data_actions = [
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/immutableStorage/runAsSuperUser/action",
    ]
  }
}

resource "azurerm_role_assignment" "loader" {
  scope              = azurerm_storage_account.archive.id
  role_definition_id = azurerm_role_definition.archivist.role_definition_resource_id
  principal_id       = var.loader
}

output "address" {
  value = "az://${azurerm_storage_account.archive.name}/${azurerm_storage_container.archive.name}"
}
