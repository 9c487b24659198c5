"""What a key may see: its own connection's objects and nothing else; a foreign object does not exist."""

from bridge.domain.access import ApiKey
from bridge.domain.operation import Operation
from bridge.domain.problems import ProblemError
from bridge.domain.service import Service
from bridge.engine.admission import not_found
from bridge.store import connections, operations, services
from bridge.store.database import Transaction


def may_see(key: ApiKey, connection_id: str) -> bool:
    """Whether the key reaches the connection; an operator's key without one reaches all."""
    return key.connection_id is None or key.connection_id == connection_id


def service_of(conn: Transaction, key: ApiKey, service_key: str) -> Service:
    """The service, if the key may see it.

    Raises:
        ProblemError: 404.
    """
    service = services.get(conn, service_key)
    if service is None or not may_see(key, service.connection_id):
        raise not_found(service_key)
    return service


def operation_of(conn: Transaction, key: ApiKey, operation_id: str) -> Operation:
    """The operation, if the key may see it.

    Raises:
        ProblemError: 404.
    """
    operation = operations.get(conn, operation_id)
    if operation is None or not may_see(key, operation.connection_id):
        raise ProblemError("not_found", "There is no such operation. Check the id.")
    return operation


def connection_for(conn: Transaction, key: ApiKey, service_key: str) -> str:
    """The connection in which a command is meant: the key's, else the service's, else the only one there is.

    Raises:
        ProblemError: 400 `connection_required`.
    """
    if key.connection_id is not None:
        return key.connection_id
    service = services.get(conn, service_key)
    if service is not None:
        return service.connection_id
    known = connections.page(conn, None, 2)
    if len(known) != 1:
        raise ProblemError(
            "connection_required",
            "This key is for all connections. Use one that is bound to the connection you mean.",
        )
    return known[0].id
