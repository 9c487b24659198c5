"""What only the service can tell to be wrong with parameters: its sizes, its things, the limits of its package."""

from bridge.domain import parameters as p
from bridge.domain.problems import FieldErrors
from bridge.domain.service import Service


def no_shrinking(service: Service, params: p.Edit) -> FieldErrors:
    """A disk only grows."""
    if params.disk_gb is not None and service.disk_gb is not None and params.disk_gb < service.disk_gb:
        return {"disk_gb": {"valid": f"A disk cannot shrink; it has {service.disk_gb} GiB now."}}
    return {}


def known_address(service: Service, params: p.AddressId | p.ReverseDns) -> FieldErrors:
    """The address is the service's, and may go."""
    mine = [a for a in service.addresses if a.id == params.address_id]
    if not mine:
        return {"address_id": {"exists": "The service has no such address."}}
    if isinstance(params, p.AddressId) and mine[0].primary:
        return {"address_id": {"valid": "The primary address cannot be removed."}}
    return {}


def known_volume(service: Service, params: p.VolumeId | p.VolumeSize) -> FieldErrors:
    """The volume is the service's, and its new size fits."""
    mine = [v for v in service.volumes if v.id == params.volume_id]
    if not mine:
        return {"volume_id": {"exists": "The service has no such volume."}}
    if isinstance(params, p.VolumeSize):
        return volume_size(service, params.size_gb, mine[0].size_gb)
    return {}


def volume_size(service: Service, size_gb: int, present: int) -> FieldErrors:
    """A volume only grows, and not beyond the package's limit. `present` in GiB."""
    limit = service.limits.get("volume_gb")
    if size_gb < present:
        return {"size_gb": {"valid": f"A volume cannot shrink; it has {present} GiB now."}}
    if limit is not None and size_gb > limit:
        return {"size_gb": {"valid": f"The package allows volumes of up to {limit} GiB."}}
    return {}


def addresses_are_full(service: Service) -> str | None:
    """Why no address can be added, or None."""
    limit = service.limits.get("addresses")
    full = limit is not None and len(service.addresses) >= limit
    return f"The package allows {limit} addresses, and the service has them." if full else None


def volumes_are_full(service: Service) -> str | None:
    """Why no volume can be added, or None."""
    limit = service.limits.get("volumes")
    full = limit is not None and len(service.volumes) >= limit
    return f"The package allows {limit} volumes, and the service has them." if full else None


def room_for_address(service: Service, params: p.AddressFamily) -> FieldErrors:
    """The package allows one more address."""
    reason = addresses_are_full(service)
    return {} if reason is None else {"family": {"valid": reason}}


def room_for_volume(service: Service, params: p.NewVolume) -> FieldErrors:
    """The package allows one more volume of that size."""
    reason = volumes_are_full(service)
    return volume_size(service, params.size_gb, 0) if reason is None else {"name": {"valid": reason}}
