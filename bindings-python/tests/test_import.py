"""What importing the package costs and does."""

from __future__ import annotations

import json

from support import Vendor, python


def test_import_starts_no_thread_and_loads_almost_nothing() -> None:
    done = python(
        """
        before = set(sys.modules)
        threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None
        files = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
        import tidegate
        tidegate.Gateway
        if threads is not None:
            assert len(os.listdir("/proc/self/task")) == threads
            assert len(os.listdir("/proc/self/fd")) == len(files)
        print(json.dumps(sorted(set(sys.modules) - before)))
        """
    )
    loaded = json.loads(done.stdout)
    heavy = {"asyncio", "typing", "decimal", "httpx", "httpx2", "dataclasses", "inspect", "logging", "socket", "ssl"}
    assert not heavy & set(loaded), loaded


def test_opening_a_gateway_starts_no_thread(vendor: Vendor) -> None:
    python(
        """
        import tidegate
        gw = tidegate.Gateway(CONFIG)
        assert len(os.listdir("/proc/self/task")) == 1
        gw.close()
        """,
        config=vendor.config(),
    )


def test_import_and_first_call_are_quick_and_small(vendor: Vendor) -> None:
    done = python(
        """
        import time
        def rss():
            for line in open("/proc/self/status"):
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) / 1024
        bare = rss()
        start = time.perf_counter()
        from tidegate import Gateway
        gw = Gateway(CONFIG)
        gw.chat.completions.create(model="fast", messages=MESSAGES).choices[0].message.content
        seconds = time.perf_counter() - start
        print(json.dumps([seconds, rss() - bare]))
        """,
        config=vendor.config(),
    )
    seconds, mib = json.loads(done.stdout)
    # Debug builds are an order of magnitude larger; the benches hold the release build to its figures.
    assert seconds < 2.0
    assert mib < 120


def test_every_public_name_resolves() -> None:
    import tidegate

    for name in tidegate.__all__:
        assert getattr(tidegate, name) is not None
    assert set(tidegate.__all__) <= set(dir(tidegate))
