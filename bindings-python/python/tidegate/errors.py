"""Error classes, all under `TidegateError`: one per code, named as the table in the documentation."""

from __future__ import annotations

from ._error import TidegateError
from ._errors_gen import *  # noqa: F403
from ._errors_gen import BY_SLUG
from ._errors_gen import __all__ as _generated

__all__ = ["TidegateError", "from_json", *_generated]


def from_json(text: bytes | str) -> TidegateError:
    """The error that a JSON object of the engine describes.

    A slug that this version does not know becomes a plain `TidegateError` with that code.
    """
    import json

    facts = json.loads(text)
    error = BY_SLUG.get(facts["slug"], TidegateError)(
        facts.get("message", ""),
        status=facts.get("status"),
        retry_after=facts.get("retry_after"),
        attempts=facts.get("attempts", ()),
        param=facts.get("param"),
        upstream=facts.get("upstream"),
        request_id=facts.get("request_id"),
    )
    error.code, error.slug = facts["code"], facts["slug"]
    error.origin = facts.get("origin", error.origin)
    return error
