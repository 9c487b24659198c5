"""What the bridge really answers during a service's life is what openapi.yaml says it answers."""

import uuid
from typing import Any

from bridge.api.routes import ROUTES
from bridge.demo.stack import SANDBOX_KEY, Answer, Stack, call
from tests.acceptance.life import standing, until
from tests.contract.document import described, document, validator


class Checked:
    """Calls the bridge, and holds every answer against the file."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self.seen = stack, set[tuple[str, str]]()

    def __call__(self, method: str, template: str, status: int, **options: Any) -> Any:
        """One call; `template` is the path as in the file, filled with `names`."""
        names = options.pop("names", {})
        path = template.format(**names) + options.pop("query", "")
        answer: Answer = self._stack.api(method, path, options.pop("body", None), **options)
        assert answer.status == status, (method, path, answer.body)
        self.seen.add((method, template))
        if status == 204:
            assert "204" in document()["paths"][template][method.lower()]["responses"]
            return None
        kind = answer.headers["content-type"].split(";")[0]
        schema = described(method, template, status, kind)
        if kind != "text/plain":
            validator(schema).validate(answer.body)
        return answer.body


_SERVICE = "/v1/services/{service_key}"
_ORDER = {"type": "vps", "hostname": "one.example", "image": "debian-12", "plan": "vps-1"}


def test_every_answer_fits_the_file(stack: Stack) -> None:
    """A whole life over every route: each body is validated, and no route is left out."""
    ask, key = Checked(stack), str(uuid.uuid4())
    names = {"service_key": key, "connection_id": "demo"}

    def act(action: str, body: dict[str, Any], status: int = 200) -> Any:
        template = f"{_SERVICE}/{action}"
        return ask("POST", template, status, body=body, names=names, wait=30)

    for probe in ("/healthz", "/readyz"):
        ask("GET", probe, 200)
    ask("GET", "/metrics", 200, key=stack.operator_key)
    ask("GET", _SERVICE, 404, names=names)
    act("create", {**_ORDER, "hostname": "-"}, 422)
    made = act("create", _ORDER)
    assert made["state"] == "succeeded"
    act("create", {**_ORDER, "plan": "vps-2"}, 409)
    service = act("add_address", {"family": "ipv4"})["service"]
    extra = next(a["id"] for a in service["addresses"] if not a["primary"])
    act("set_reverse_dns", {"address_id": extra, "reverse_dns": "one.example"})
    act("remove_address", {"address_id": extra})
    act(
        "set_firewall", {"rules": [{"direction": "in", "action": "accept", "protocol": "tcp", "ports": "22"}]}
    )
    volume = act("add_volume", {"name": "data", "size_gb": 10})["service"]["volumes"][0]["id"]
    act("resize_volume", {"volume_id": volume, "size_gb": 20})
    act("remove_volume", {"volume_id": volume})
    act("edit", {"plan": "vps-4"})
    act("renew", {"expires_at": "2031-01-01T00:00:00Z"})
    act("reboot", {})
    act("stop", {})
    act("start", {})
    act("reset_password", {})
    act("reinstall", {"image": "debian-13", "confirm": True})
    act("suspend", {"reason": "unpaid"})
    act("reboot", {}, 409)
    act("terminate_later", {"terminate_at": "2099-01-01T00:00:00Z"})
    act("unsuspend", {}, 409)
    act("undo_terminate", {})
    act("unsuspend", {})
    for part in ("", "/actions", "/credentials", "/operations", "/usage"):
        ask("GET", f"{_SERVICE}{part}", 200, names=names)
    _let_it_drift(stack, made["service"]["instance_id"])
    _read_lists(ask, made["id"])
    _run_operations(stack, ask)
    act("terminate", {"confirm": True})
    act("adopt", {"instance_id": "ins_none"}, 422)
    act("adopt", {"instance_id": standing(stack)["id"]})
    act("terminate", {"confirm": True})
    _change_connections(stack, ask)
    sent = {(method, path) for method, path, _ in ROUTES} - ask.seen
    assert sent == {("POST", "/v1/callbacks/infrafabric/{connection_id}")}  # has tests of its own


def _let_it_drift(stack: Stack, instance_id: str) -> None:
    """Somebody suspends the machine at InfraFabric's own panel, and reconcile finds it."""
    headers = {"Authorization": f"Bearer {SANDBOX_KEY}", "Idempotency-Key": uuid.uuid4().hex}
    stack.control("PUT", "webhook", {"url": "", "secrets": []})
    url = f"{stack.sandbox_url}/instances/{instance_id}/actions"
    assert call("POST", url, body={"action": "suspend"}, headers=headers).status == 202
    until(lambda: "state_drift" in stack.command("reconcile"))
    stack.aim_webhooks()


def _read_lists(ask: Checked, operation_id: str) -> None:
    for template in ("/v1/services", "/v1/operations", "/v1/changes", "/v1/drift", "/v1/connections"):
        ask("GET", template, 200)
        ask("GET", template, 422, query="?limit=0")
    for kind in ("plans", "images", "datacenters"):
        ask("GET", f"/v1/catalog/{kind}", 200)
    ask("GET", "/v1/operations/{operation_id}", 200, names={"operation_id": operation_id})
    ask("GET", "/v1/operations/{operation_id}", 404, names={"operation_id": "op_none"})


def _run_operations(stack: Stack, ask: Checked) -> None:
    """A create that hangs is canceled, and tried again."""
    stack.fault(endpoint="POST /instances", kind="operation_hangs", count=1)
    key = str(uuid.uuid4())
    begun = ask("POST", f"{_SERVICE}/create", 202, body=_ORDER, names={"service_key": key})
    names = {"operation_id": begun["id"]}
    canceled = ask("POST", "/v1/operations/{operation_id}/cancel", 200, names=names, body={}, wait=30)
    assert canceled["state"] == "canceled"
    again = ask("POST", "/v1/operations/{operation_id}/retry", 200, names=names, body={}, wait=30)
    assert (again["state"], again["retry_of"]) == ("succeeded", begun["id"])


def _change_connections(stack: Stack, ask: Checked) -> None:
    named, operator = "/v1/connections/{connection_id}", {"key": stack.operator_key, "actor": None}
    names = {"connection_id": "another"}
    settings = {"infrafabric_api_url": stack.sandbox_url, "infrafabric_api_key": "sandbox-key"}
    ask("PUT", named, 422, body={}, names=names, **operator)
    ask("PUT", named, 201, body=settings, names=names, **operator)
    ask("PUT", named, 200, body={"action_timeout": 60}, names=names, **operator)
    ask("GET", named, 200, names=names, **operator)
    ask("POST", f"{named}/test", 200, body={}, names=names, **operator)
    ask("DELETE", named, 204, names=names, **operator)
    ask("DELETE", named, 404, names=names, **operator)
    ask("DELETE", named, 403, names={"connection_id": "demo"})
