from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import Upstream, Vendor


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def busy() -> Iterator[Upstream]:
    """An upstream for load: it keeps no record and has two threads."""
    server = Upstream("--no-record", "--threads", "2")
    yield server
    server.stop()


@pytest.fixture
def vendor(upstream: Upstream) -> Vendor:
    return upstream.vendor()
