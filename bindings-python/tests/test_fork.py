"""Processes that fork, before and after the engine is first used."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from support import MESSAGES, PRELUDE, Upstream, Vendor, python, scale, until

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

#: Makes calls of every kind and says so.
EXERCISE = """
import asyncio
from tidegate import AsyncGateway, Gateway

def exercise(gw, agw):
    assert gw.chat.completions.create(model="fast", messages=MESSAGES).choices
    assert len(list(gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True))) > 3
    async def main():
        replies = await asyncio.gather(
            *(agw.chat.completions.create(model="fast", messages=MESSAGES) for _ in range(5))
        )
        assert all(r.choices for r in replies)
        n = 0
        async for _ in await agw.chat.completions.create(model="fast", messages=MESSAGES, stream=True):
            n += 1
        assert n > 3
    asyncio.run(main())

def in_child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush(); sys.stderr.flush()
            os._exit(code)
    return pid

def reap(*pids):
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
"""


def run(code: str, vendor: Vendor, timeout: float = 60) -> str:
    # Without its indentation, so that it can follow the rest.
    return python(EXERCISE + textwrap.dedent(code), config=vendor.config(), timeout=timeout).stdout


def test_fork_before_first_use(vendor: Vendor) -> None:
    run(
        """
        gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
        reap(*[in_child(lambda: exercise(gw, agw)) for _ in range(3)])
        exercise(gw, agw)
        """,
        vendor,
    )


def test_fork_after_first_use_again_and_again(vendor: Vendor) -> None:
    run(
        """
        gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
        exercise(gw, agw)
        for _ in range(5):
            reap(*[in_child(lambda: exercise(gw, agw)) for _ in range(3)])
            exercise(gw, agw)
        """,
        vendor,
    )


def test_grandchildren(vendor: Vendor) -> None:
    run(
        """
        gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
        exercise(gw, agw)
        def child():
            exercise(gw, agw)
            reap(in_child(lambda: exercise(gw, agw)))
            exercise(gw, agw)
        reap(in_child(child))
        """,
        vendor,
    )


def test_fork_while_threads_are_busy(vendor: Vendor) -> None:
    rounds = scale("TIDEGATE_FORK_ROUNDS", 20)
    run(
        f"""
        import threading
        gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                list(gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True))
        threads = [threading.Thread(target=busy) for _ in range(4)]
        for t in threads: t.start()
        for _ in range({rounds}):
            reap(in_child(lambda: exercise(gw, agw)))
        stop.set()
        for t in threads: t.join()
        """,
        vendor,
        timeout=120,
    )


def test_streams_of_the_parent_stay_the_parents(upstream: Upstream) -> None:
    vendor = upstream.vendor([{"say": "a b c d e", "delay_ms": 10, "pace_ms": 200}])
    out = run(
        """
        import gc
        gw = Gateway(CONFIG)
        stream = gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
        next(stream)
        def child():
            global stream
            try:
                for _ in range(100000):
                    next(stream)
            except RuntimeError as error:
                print("refused:", error)
            del stream
            gc.collect()
        reap(in_child(child))
        print(len(list(stream)) > 3)
        """,
        vendor,
    )
    assert "refused: this stream was opened before the process forked" in out
    assert "True" in out


def test_child_that_exits_normally_neither_hangs_nor_crashes(vendor: Vendor) -> None:
    run(
        """
        gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
        exercise(gw, agw)
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                if _ % 2:
                    exercise(gw, agw)
                sys.exit(0)
            reap(pid)
        """,
        vendor,
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(vendor: Vendor, method: str, tmp_path: Path) -> None:
    # A file, because spawn and forkserver import the main module anew.
    script = tmp_path / "pool.py"
    script.write_text(
        PRELUDE
        + EXERCISE
        + f"""
gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)

def work(i):
    exercise(gw, agw)
    return i

if __name__ == "__main__":
    import multiprocessing
    exercise(gw, agw)
    with multiprocessing.get_context({method!r}).Pool(3) as pool:
        assert sorted(pool.map(work, range(9), chunksize=1)) == list(range(9))
    exercise(gw, agw)
    print("done")
"""
    )
    assert "done" in python(script, config=vendor.config(), timeout=120).stdout


def test_errors_travel_between_processes(vendor: Vendor) -> None:
    out = run(
        """
        import multiprocessing
        from tidegate import errors
        gw = Gateway(CONFIG)
        def work(_):
            gw.chat.completions.create(model="nothing", messages=MESSAGES)
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(1) as pool:
                try:
                    pool.map(work, [1])
                except errors.UnknownModel as error:
                    print("caught", error.slug)
        """,
        vendor,
    )
    assert "caught unknown_model" in out


def test_prefork_workers_with_loops_of_their_own(vendor: Vendor) -> None:
    """As Celery does it: the master uses the gateway, forks, and each worker runs loop after loop."""
    run(
        """
        gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
        exercise(gw, agw)
        def worker():
            for _ in range(5):
                exercise(gw, agw)
            loop = asyncio.new_event_loop()
            for _ in range(20):
                loop.run_until_complete(agw.chat.completions.create(model="fast", messages=MESSAGES))
            loop.close()
        for _ in range(2):
            reap(*[in_child(worker) for _ in range(4)])
        exercise(gw, agw)
        """,
        vendor,
        timeout=120,
    )


APP = (
    PRELUDE
    + """
import asyncio
from tidegate import AsyncGateway, Gateway
gw, agw = Gateway(CONFIG), AsyncGateway(CONFIG)
# The master uses it before it forks.
assert gw.chat.completions.create(model="fast", messages=MESSAGES).choices
asyncio.run(agw.chat.completions.create(model="fast", messages=MESSAGES))

def app(environ, start_response):
    if environ["PATH_INFO"] == "/async":
        text = asyncio.run(agw.chat.completions.create(model="fast", messages=MESSAGES)).choices[0].message.content
    elif environ["PATH_INFO"] == "/stream":
        text = "".join(
            c.choices[0].delta.content or ""
            for c in gw.chat.completions.create(model="fast", messages=MESSAGES, stream=True)
            if c.choices
        )
    else:
        text = gw.chat.completions.create(model="fast", messages=MESSAGES).choices[0].message.content
    start_response("200 OK", [("content-type", "text/plain"), ("x-pid", str(os.getpid()))])
    return [text.encode()]
"""
)


def test_gunicorn_preload_with_four_workers_under_load(upstream: Upstream, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    vendor = upstream.vendor()
    (tmp_path / "service.py").write_text(APP)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "--preload", "--workers", "4", "--threads", "2",
            "--bind", f"127.0.0.1:{port}", "--log-level", "warning", "--graceful-timeout", "5", "service:app",
        ],
        cwd=tmp_path,
        env={**os.environ, "TEST_CONFIG": json.dumps(vendor.config()), "TEST_MESSAGES": json.dumps(MESSAGES)},
    )  # fmt: skip
    try:

        def get(path: str) -> tuple[str, str]:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return answer.read().decode(), answer.headers["x-pid"]

        def up() -> bool:
            try:
                return bool(get("/"))
            except OSError:
                return False

        assert until(up, 30)
        failures: list[object] = []
        workers: set[str] = set()

        def load() -> None:
            for i in range(15):
                try:
                    text, pid = get(("/", "/async", "/stream")[i % 3])
                    workers.add(pid)
                    if text != "Hello from the mock upstream.":
                        failures.append(text)
                except OSError as error:
                    failures.append(error)

        threads = [threading.Thread(target=load) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failures, failures[:3]
        assert len(workers) > 1
        # A worker that is replaced under way starts from the used master again.
        os.kill(int(workers.pop()), signal.SIGKILL)
        time.sleep(0.5)
        load()
        assert len([f for f in failures if isinstance(f, str)]) == 0
    finally:
        server.terminate()
        assert server.wait(20) == 0
