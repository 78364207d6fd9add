"""`gw.serve` and the `tidegate` command."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support import MESSAGES, Vendor, until
from tidegate import AsyncGateway, Gateway, __version__, errors


def post(url: str, body: object) -> bytes:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        data: bytes = answer.read()
    return data


def test_serve_answers_until_shutdown(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw:
        server = gw.serve(host="127.0.0.1", port=0)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        chat = json.loads(post(f"{server.url}/v1/chat/completions", {"model": "fast", "messages": MESSAGES}))
        assert chat["choices"][0]["message"]["content"] == "Hello from the mock upstream."
        server.shutdown(1.0)
        server.shutdown()
        with pytest.raises(urllib.error.URLError):
            post(f"{server.url}/v1/chat/completions", {})


def test_server_and_client_share_one_engine(vendor: Vendor) -> None:
    config = vendor.config()
    config["models"]["fast"]["cache"] = {"mode": "exact", "ttl": "1h", "scope": "public"}
    with Gateway(config) as gw, gw.serve(port=0) as server:
        body = {"model": "fast", "messages": MESSAGES}
        post(f"{server.url}/v1/chat/completions", body)
        post(f"{server.url}/v1/chat/completions", body)
    assert len(vendor.log()) == 1


def test_taken_port_is_an_error(vendor: Vendor) -> None:
    with Gateway(vendor.config()) as gw, gw.serve(port=0) as server, pytest.raises(errors.TidegateError):
        gw.serve(listen=server.url.removeprefix("http://"))


def test_serve_from_an_event_loop(vendor: Vendor) -> None:
    async def main() -> None:
        async with AsyncGateway(vendor.config()) as gw, gw.serve(port=0) as server:
            body = {"model": "fast", "messages": MESSAGES}
            answer = await asyncio.to_thread(post, f"{server.url}/v1/chat/completions", body)
            assert b"Hello from the mock upstream." in answer

    asyncio.run(main())


def test_unix_socket(vendor: Vendor, tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with Gateway(vendor.config()) as gw, gw.serve(listen=f"unix:{path}"):
        assert path.exists()


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "tidegate", *args]


def test_command_prints_version_and_checks_configurations(tmp_path: Path) -> None:
    done = subprocess.run(command("--version"), capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and __version__ in done.stdout
    bad = tmp_path / "bad.yaml"
    bad.write_text("models: { fast: { targets: [ opnai/gpt-5-mini ] } }")
    done = subprocess.run(command("check", str(bad)), capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and "models.fast.targets[0]" in done.stdout + done.stderr
    assert subprocess.run(command("no-such-thing"), capture_output=True, timeout=30).returncode != 0


def test_ctrl_c_ends_the_served_command(vendor: Vendor, tmp_path: Path) -> None:
    config = tmp_path / "tidegate.json"
    config.write_text(json.dumps(vendor.config()))
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command("serve", "--config", str(config), "--listen", "127.0.0.1:0"),
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NO_COLOR": "1"},
        )
    try:
        assert until(lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()) is not None, 15), log.read_text()
        url = re.findall(r"http://127\.0\.0\.1:\d+", log.read_text())[0]
        assert b"Hello" in post(f"{url}/v1/chat/completions", {"model": "fast", "messages": MESSAGES})
        process.send_signal(signal.SIGINT)
        assert process.wait(15) in (0, 130, -signal.SIGINT)
    finally:
        process.kill()
