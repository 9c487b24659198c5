"""What the stand-in sells."""

from typing import Any

DATACENTERS: list[dict[str, Any]] = [
    {"id": "fra1", "name": "Frankfurt 1", "country": "DE"},
    {"id": "ams1", "name": "Amsterdam 1", "country": "NL"},
    {"id": "nyc1", "name": "New York 1", "country": "US"},
]


def _plan(name: str, kind: str, cpus: int, memory_mb: int, disk_gb: int, amount: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name.replace("-", " ").title(),
        "type": kind,
        "cpus": cpus,
        "memory_mb": memory_mb,
        "disk_gb": disk_gb,
        "traffic_gb": cpus * 1000,
        "price": {"currency": "EUR", "amount": amount},
    }


PLANS: list[dict[str, Any]] = [
    _plan("vps-1", "vps", 1, 1024, 20, "4.00"),
    _plan("vps-2", "vps", 2, 2048, 40, "8.00"),
    _plan("vps-4", "vps", 4, 4096, 80, "16.00"),
    _plan("vps-8", "vps", 8, 8192, 160, "32.00"),
    _plan("vps-16", "vps", 16, 16384, 320, "64.00"),
    _plan("vps-32", "vps", 32, 65536, 640, "128.00"),
    _plan("ct-1", "container", 1, 512, 10, "2.00"),
    _plan("ct-2", "container", 2, 1024, 20, "4.00"),
    _plan("ct-4", "container", 4, 2048, 40, "8.00"),
]


def _image(name: str, title: str, family: str, kind: str, disk_gb: int) -> dict[str, Any]:
    return {"id": name, "name": title, "os": family, "type": kind, "min_disk_gb": disk_gb}


IMAGES: list[dict[str, Any]] = [
    _image("debian-12", "Debian 12", "debian", "vps", 5),
    _image("debian-13", "Debian 13", "debian", "vps", 5),
    _image("ubuntu-24.04", "Ubuntu 24.04 LTS", "ubuntu", "vps", 10),
    _image("alma-9", "AlmaLinux 9", "alma", "vps", 10),
    _image("windows-2025", "Windows Server 2025", "windows", "vps", 60),
    _image("ct-debian-12", "Debian 12", "debian", "container", 5),
    _image("ct-alpine-3", "Alpine 3", "alpine", "container", 5),
]


def find(items: list[dict[str, Any]], name: Any) -> dict[str, Any] | None:
    """The item with that id."""
    return next((item for item in items if item["id"] == name), None)
