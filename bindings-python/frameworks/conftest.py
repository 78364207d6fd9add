"""Tests of frameworks over the package, in an environment of their own (`requirements-frameworks.txt`)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from house import House
from support import Upstream


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    upstream = Upstream()
    made = House(upstream)
    yield made
    made.close()
    upstream.stop()


@pytest.fixture(scope="session")
def wait() -> Iterator[Any]:
    """Runs a coroutine. One loop for all: frameworks keep clients of their own that belong to it."""
    loop = asyncio.new_event_loop()
    yield loop.run_until_complete
    loop.close()


@pytest.fixture(params=["process", "http"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)
