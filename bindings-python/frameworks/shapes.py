"""What the tests ask all frameworks for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from tools import TOOL_CALLS

#: What the vendor's model wants `tide` called with.
ARGUMENTS = {"city": "Zürich 🌊", "days": [1, 2], "deep": {"a": None}}
VECTORS = {
    "object": "list",
    "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": n, "embedding": [0.5, -1.0 - n]} for n in range(2)],
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


class Report(BaseModel):
    """The tide at a place."""

    city: str
    days: list[int]


class tide(Report):  # noqa: N801 - the name of the tool that the scripted vendors call
    """The tide at a place."""


REPORT = '{"city": "Zürich 🌊", "days": [1, 2]}'


def calls(dialect: str) -> dict[str, Any]:
    """One reply of that format which calls `tide`."""
    return {**TOOL_CALLS[dialect][1], "times": 1}


def refusal(status: int) -> dict[str, Any]:
    """A refusal in a shape that holds for all formats."""
    return {
        "status": status,
        "body": {"error": {"message": "slow down", "type": "t", "code": status, "status": "S"}, "message": "slow down"},
        "headers": {"retry-after": "0", "x-amzn-errortype": "ThrottlingException"},
        "times": "forever",
    }
