"""A service's history over HTTP."""

from bridge.demo.stack import Stack
from tests.acceptance.conftest import active


def test_history_can_be_read_from_its_end_in_pages(stack: Stack) -> None:
    """`order=newest_first` turns the list round, and its cursors go on in that direction."""
    key = active(stack)
    for hostname in ("one.example", "two.example", "three.example"):
        assert stack.act(key, "edit", {"hostname": hostname}, wait=30).body["state"] == "succeeded"
    path = f"/v1/services/{key}/operations"
    forwards = [item["id"] for item in stack.api("GET", path).body["items"]]
    first = stack.api("GET", f"{path}?order=newest_first&limit=3").body
    rest = stack.api("GET", f"{path}?order=newest_first&cursor={first['next_cursor']}").body
    assert rest["next_cursor"] is None
    backwards = [item["id"] for item in first["items"] + rest["items"]]
    assert (len(forwards), backwards) == (4, forwards[::-1])
