"""Reconcile: comparing what InfraFabric has with what the bridge believes; repairs where the connection allows them."""
