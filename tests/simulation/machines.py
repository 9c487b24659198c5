"""Machines that stand at InfraFabric without the bridge having made them."""

from datetime import timedelta
from typing import Any

from tests.simulation.clockwork import EPOCH
from tests.simulation.provider import SIZES


def standing(name: str, reference: str) -> dict[str, Any]:
    """A running machine that is older than everything in the simulation."""
    born = (EPOCH - timedelta(days=3)).isoformat()
    return {
        **{"id": name, "reference": reference, "type": "vps", "hostname": "old.example"},
        **{"datacenter": "fra1", "image": "debian-12", "plan": "vps-1", **SIZES["vps-1"]},
        **{"status": "running", "addresses": [], "volumes": [], "firewall": {"rules": [], "version": 0}},
        **{"expires_at": None, "labels": {"owner": "the old panel"}, "version": 3},
        **{"created_at": born, "updated_at": born},
    }
