"""The only package that knows InfraFabric's wire format."""
