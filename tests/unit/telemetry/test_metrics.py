"""The exposition: names, units and labels by the rules (requirements E1, E2, E7)."""

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge import __version__
from bridge.telemetry.metrics import Metrics

_UNITS = ("seconds", "bytes", "total", "ratio", "info", "tokens")
_COUNTS = {
    "operations_unfinished",
    "terminate_overdue",
    "drifted_services",
    "queue_depth",
    "breaker_state",
    "drift_findings",
}
_ALLOWED_LABELS = {
    "action",
    "class",
    "outcome",
    "state",
    "type",
    "reason",
    "kind",
    "connection",
    "version",
    "http_request_method",
    "http_route",
    "http_response_status_code",
    "error_type",
    "le",
}


def _used() -> Metrics:
    """Metrics in which everything has happened once."""
    metrics = Metrics()
    metrics.operation_finished("create", "succeeded", 3.5)
    metrics.turn_lost()
    metrics.cleaned("fail")
    metrics.reconciled("full", "done")
    metrics.drift({"state_drift": 2})
    metrics.request_finished("GET", "/v1/services/{service_key}", 200, 0.02)
    metrics.request_finished("BREW", "/v1/services/{service_key}", 500, 0.02)
    metrics.callback_taken("operation.succeeded", "matched")
    metrics.callback_rejected("bad_signature")
    metrics.deduplicated("callback")
    metrics.provider_called("POST", "/instances", 202, 0.4)
    metrics.provider_called("POST", "/instances", 503, 0.4)
    metrics.provider_called("POST", "/instances", "timeout", 30)
    metrics.gate_changed("c1", "half_open", 400)
    metrics.unfinished.labels("queued").set(3)
    return metrics


def _families() -> list[Any]:
    return list(text_string_to_metric_families(_used().render()[0].decode()))


def test_E1_every_name_has_the_prefix_and_a_unit() -> None:
    """`infrafabric_bridge_` for the domain, OpenTelemetry's names for HTTP; seconds and bytes, never milliseconds."""
    for family in _families():
        if family.name.endswith("_created"):
            continue  # the library's own companions of counters and histograms
        name = family.name + ("_total" if family.type == "counter" else "")
        short = name.removeprefix("infrafabric_bridge_")
        assert short != name or name.startswith(("http_server_", "http_client_")), name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
        assert short in _COUNTS or name.endswith(_UNITS), name
        assert family.documentation, name


def test_E1_no_label_can_grow_without_end() -> None:
    """Labels are from short lists of words; no ids of services, operations, callers, and no raw paths."""
    for family in _families():
        for sample in family.samples:
            assert set(sample.labels) <= _ALLOWED_LABELS, sample


def _sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_E2_server_durations_by_template_method_and_status() -> None:
    """Buckets from 5 ms to 10 s; an unknown method is `_OTHER`; `error_type` only where something is wrong."""
    metrics = _used()
    good = {"http_request_method": "GET", "http_route": "/v1/services/{service_key}"}
    good |= {"http_response_status_code": "200", "error_type": ""}
    bad = good | {
        "http_request_method": "_OTHER",
        "http_response_status_code": "500",
        "error_type": "500",
    }
    name = "http_server_request_duration_seconds"
    assert _sample(metrics, f"{name}_count", **good) == 1
    assert _sample(metrics, f"{name}_count", **bad) == 1
    assert _sample(metrics, f"{name}_bucket", **good, le="0.01") == 0
    assert _sample(metrics, f"{name}_bucket", **good, le="0.025") == 1
    assert _sample(metrics, f"{name}_bucket", **good, le="10.0") == 1


@pytest.mark.parametrize(
    ("status", "error"), [("202", ""), ("503", "503"), ("", "timeout")], ids=["yes", "status", "silence"]
)
def test_E2_client_durations_say_what_went_wrong(status: str, error: str) -> None:
    """A status where there was one, else the kind of error."""
    labels = {"http_request_method": "POST", "http_route": "/instances"}
    labels |= {"http_response_status_code": status, "error_type": error}
    assert _sample(_used(), "http_client_request_duration_seconds_count", **labels) == 1


def test_E7_the_domain_s_metrics_are_there() -> None:
    """What an operator's alerts will be built on."""
    metrics = _used()
    prefix = "infrafabric_bridge_"
    assert _sample(metrics, prefix + "operations_total", action="create", outcome="succeeded") == 1
    assert _sample(metrics, prefix + "operations_unfinished", state="queued") == 3
    assert _sample(metrics, prefix + "oldest_unfinished_operation_age_seconds") == 0
    assert _sample(metrics, prefix + "dedupe_hits_total", kind="callback") == 1
    assert _sample(metrics, prefix + "callback_rejections_total", reason="bad_signature") == 1
    assert _sample(metrics, prefix + "lost_turns_total") == 1
    assert _sample(metrics, prefix + "cleanups_total", outcome="fail") == 1
    assert _sample(metrics, prefix + "breaker_state", connection="c1") == 1
    assert _sample(metrics, prefix + "retry_budget_tokens", connection="c1") == 400
    assert _sample(metrics, prefix + "drifted_services") == 0
    assert _sample(metrics, prefix + "queue_depth") == 0
    assert _sample(metrics, prefix + "build_info", version=__version__) == 1


@pytest.mark.parametrize("kind", ["operation.made_up_7", "x" * 64, "instance.", ""])
def test_a_sender_cannot_make_up_label_values(kind: str) -> None:
    """A callback of an unknown type is counted under one name, however many types there are."""
    metrics = Metrics()
    metrics.callback_taken(kind, "ignored")
    assert _sample(metrics, "infrafabric_bridge_callbacks_total", type="other", outcome="ignored") == 1


def test_two_bridges_in_one_process_do_not_share_metrics() -> None:
    """Each has its own registry."""
    one, two = Metrics(), Metrics()
    one.turn_lost()
    assert _sample(two, "infrafabric_bridge_lost_turns_total") == 0
