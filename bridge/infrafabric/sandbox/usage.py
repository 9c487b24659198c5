"""Made-up metering, the same for the same machine and hour."""

import hashlib
from datetime import UTC, datetime, timedelta

from bridge.infrafabric.sandbox.problems import invalid
from bridge.infrafabric.sandbox.state import Json, now, stamp

_MOST_HOURS = 24 * 31


def usage(instance: Json, start: str | None, end: str | None) -> Json:
    """Hourly points between two moments; the last day by default."""
    to = _moment(end, "to") if end else now()
    begin = _moment(start, "from") if start else to - timedelta(days=1)
    hours = int((to - begin).total_seconds() // 3600)
    if not 0 <= hours <= _MOST_HOURS:
        raise invalid({"from": {"valid": "at most 31 days before to"}})
    first = begin.replace(minute=0, second=0, microsecond=0)
    series = [_point(instance, first + timedelta(hours=hour)) for hour in range(hours)]
    return {
        "instance_id": instance["id"],
        "from": stamp(begin),
        "to": stamp(to),
        "cpu_hours": round(sum(p["cpu_percent"] for p in series) / 100 * instance["cpus"], 3),
        "memory_gb_hours": round(instance["memory_mb"] / 1024 * hours, 3),
        "disk_gb_hours": instance["disk_gb"] * hours,
        "traffic_in_bytes": sum(p["traffic_in_bytes"] for p in series),
        "traffic_out_bytes": sum(p["traffic_out_bytes"] for p in series),
        "cost": {"currency": "EUR", "amount": f"{hours * instance['cpus'] * 0.005:.2f}"},
        "series": series,
    }


def _point(instance: Json, at: datetime) -> Json:
    dice = hashlib.sha256(f"{instance['id']}{at.isoformat()}".encode()).digest()
    return {
        "at": stamp(at),
        "cpu_percent": round(dice[0] / 2.56, 1),
        "traffic_in_bytes": int.from_bytes(dice[1:5], "big"),
        "traffic_out_bytes": int.from_bytes(dice[5:9], "big") // 2,
        "disk_used_gb": round(instance["disk_gb"] * (0.3 + dice[9] / 1024), 2),
    }


def _moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid({name: {"format": "an RFC 3339 moment"}}) from error
    if moment.tzinfo is None:
        raise invalid({name: {"format": "an RFC 3339 moment with a zone"}})
    return moment.astimezone(UTC)
