"""A volume that could not be deleted is still somebody's, who can see it and remove it."""

from bridge.demo.stack import Stack
from tests.acceptance.conftest import active


def test_a_detached_volume_that_could_not_be_deleted_can_be_removed_again(stack: Stack) -> None:
    """Detaching succeeded and deleting failed: it stays in the list, and a second removal deletes it."""
    key = active(stack)
    added = stack.act(key, "add_volume", {"name": "data", "size_gb": 10}, wait=30)
    (volume,) = added.body["service"]["volumes"]
    stack.fault(endpoint="DELETE /volumes/{id}", kind="operation_fails", count=1, retryable=False)
    failed = stack.act(key, "remove_volume", {"volume_id": volume["id"]}, wait=30)
    assert failed.body["state"] == "failed"
    assert [(v["id"], v["status"]) for v in failed.body["service"]["volumes"]] == [
        (volume["id"], "available")
    ]
    stack.act(key, "reboot", {}, wait=30)
    again = stack.act(key, "remove_volume", {"volume_id": volume["id"]}, wait=30)
    assert again.body["state"] == "succeeded", again.body
    assert again.body["service"]["volumes"] == []
    assert stack.truth()["living_volumes"] == 0
