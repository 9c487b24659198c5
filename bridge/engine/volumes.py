"""Which volumes are a service's."""

from bridge.domain.provider import Instance, Provider, Volume


async def volumes_of(provider: Provider, service_key: str, machine: Instance | None) -> tuple[Volume, ...]:
    """Those that carry its label, and what else is attached to its machine: one that was adopted brought its own.

    Raises:
        ProviderError: the provider could not be asked.
    """
    labelled = await provider.volumes(label=f"service_key:{service_key}")
    known = {volume.id for volume in labelled}
    if machine is None or known.issuperset(machine.volumes):
        return labelled
    attached = await provider.volumes(instance_id=machine.id)
    return (*labelled, *(volume for volume in attached if volume.id not in known))
