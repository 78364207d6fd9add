"""The scripted vendor and the subprocess runner that the tests share."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
_names = itertools.count(1)


def scale(variable: str, default: int) -> int:
    """A repetition count: `variable` from the environment, or `default`."""
    return int(os.environ.get(variable, default))


def _binary() -> Path:
    named = os.environ.get("TIDEGATE_MOCK_UPSTREAM")
    if named:
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    binary = target / "debug" / "mock-upstream"
    if not binary.exists():
        subprocess.run(["cargo", "build", "--quiet", "-p", "mock-upstream"], cwd=REPOSITORY, check=True)
    return binary


class Upstream:
    """A `mock-upstream` process. Every vendor name on it is a vendor of its own."""

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [str(_binary()), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.origin = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def vendor(self, replies: list[dict[str, Any]] | None = None) -> Vendor:
        """A fresh vendor; without replies it answers everything with a plausible text."""
        vendor = Vendor(self, f"v{next(_names)}-{os.getpid()}")
        if replies is not None:
            vendor.script(replies)
        return vendor

    def control(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.origin}/__{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=70) as answer:
            return json.load(answer)


class Vendor:
    """One name on the upstream."""

    def __init__(self, upstream: Upstream, name: str) -> None:
        self.upstream = upstream
        self.name = name
        self.anthropic = f"{upstream.origin}/{name}"
        self.openai = f"{self.anthropic}/v1"

    def script(self, replies: list[dict[str, Any]]) -> None:
        self.upstream.control("PUT", "script", {self.name: replies})

    def log(self, requests: int | None = None, closed: int | None = None, wait_ms: int = 5000) -> list[dict[str, Any]]:
        """What arrived; waits for that many requests, or that many that their client left early."""
        query = f"log?name={self.name}"
        if requests is not None:
            query += f"&requests={requests}&wait_ms={wait_ms}"
        if closed is not None:
            query += f"&closed={closed}&wait_ms={wait_ms}"
        entries: list[dict[str, Any]] = self.upstream.control("GET", query)["requests"]
        return entries

    def left(self, count: int, wait_ms: int = 5000) -> bool:
        """Whether that many requests were left early."""
        return sum(1 for e in self.log(closed=count, wait_ms=wait_ms) if e["closed_ms"] is not None) >= count

    def config(self, **more: Any) -> dict[str, Any]:
        """A configuration whose OpenAI and Anthropic are this vendor."""
        return {
            "providers": {
                "openai": {"api_key": "sk-upstream", "base_url": self.openai},
                "anthropic": {"api_key": "sk-upstream", "base_url": self.anthropic},
            },
            "models": {
                "fast": {"targets": ["openai/gpt-5-mini"], "retry": {"attempts": 1}},
                "claude": {"targets": ["anthropic/claude-haiku-4-5"], "retry": {"attempts": 1}},
            },
            **more,
        }


PRELUDE = """
import json, os, sys
CONFIG = json.loads(os.environ["TEST_CONFIG"])
MESSAGES = json.loads(os.environ["TEST_MESSAGES"])
"""

MESSAGES = [{"role": "user", "content": "Say hello"}]


def chat_body(text: str = "ok", **more: Any) -> dict[str, Any]:
    """A complete OpenAI reply."""
    message = {"role": "assistant", "content": text, "refusal": None, **more}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-5-mini",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
    }


def python(
    code: str | Path,
    *,
    config: object = None,
    timeout: float = 60,
    env: dict[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Runs a script in a fresh interpreter, bounded in time, with `CONFIG` and `MESSAGES` defined.

    A file is run as it is and starts with `PRELUDE` itself.
    """
    what = [str(code)] if isinstance(code, Path) else ["-c", PRELUDE + textwrap.dedent(code)]
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", *what],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "TEST_CONFIG": json.dumps(config), "TEST_MESSAGES": json.dumps(MESSAGES), **(env or {})},
    )
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def until(condition: Any, limit: float = 5.0) -> bool:
    """Polls `condition` until it holds or `limit` seconds have passed."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())
