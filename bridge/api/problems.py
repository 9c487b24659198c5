"""Every error answer of the server as `application/problem+json` (RFC 9457), also those of the framework."""

import json
from http import HTTPStatus

from aiohttp import web

from bridge.domain.problems import Problem, ProblemError

CONTENT_TYPE = "application/problem+json"

_FRAMEWORK = {
    400: ("malformed", "The request is not valid HTTP or not valid JSON. Correct it and send it again."),
    404: ("not_found", "There is nothing at this address. Check the path against openapi.yaml."),
    405: ("method_not_allowed", "This address does not know the method. See the Allow header."),
    406: ("not_acceptable", "The bridge answers in JSON only."),
    408: ("request_timeout", "The request did not arrive completely. Send it again."),
    411: ("length_required", "Send a Content-Length."),
    413: ("too_large", "The request body is larger than the bridge accepts. Nothing was changed."),
    414: ("uri_too_long", "The request line is longer than the bridge accepts."),
    415: ("unsupported_media_type", "Send application/json in UTF-8 and without a content encoding."),
    417: ("expectation_failed", "The only expectation the bridge knows is 100-continue."),
    431: ("headers_too_large", "A header is longer than the bridge accepts."),
    501: ("not_implemented", "The request asks for something HTTP servers of this kind do not do."),
}


def response(problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    """The answer for a problem."""
    body = json.dumps(problem.to_json()).encode()
    return web.Response(body=body, status=problem.status, headers=headers, content_type=CONTENT_TYPE)


def of_error(error: ProblemError) -> web.Response:
    """The answer for a raised problem."""
    headers = dict(error.headers)
    if error.problem.status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="infrafabric-bridge"')
    return response(error.problem, headers)


def of_status(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """The answer for an error status that the framework chose."""
    code, detail = _FRAMEWORK.get(
        status, ("internal_error", "The bridge failed. Try again; if it lasts, see its log.")
    )
    return response(Problem(code, detail), headers)


def of_exception(error: web.HTTPException) -> web.Response:
    """The answer for an exception of the framework; 405 keeps its Allow header."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return of_status(error.status, headers)
