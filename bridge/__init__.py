"""The InfraFabric Bridge for Blesta: durable, idempotent provisioning between a billing system and a cloud."""

__version__ = "0.1.0"
