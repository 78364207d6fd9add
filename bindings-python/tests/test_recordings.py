"""Recorded answers of real vendors, read through the packages of all the others.

`TIDEGATE_CASSETTES` names the folder of recordings, which is not part of the repository.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from sdks import SDKS, in_process
from support import Upstream
from tidegate import Gateway

pytestmark = pytest.mark.skipif("TIDEGATE_CASSETTES" not in os.environ, reason="TIDEGATE_CASSETTES is not set")


@pytest.mark.parametrize("sdk", SDKS)
def test_recorded_answers_are_read_by_every_other_package(upstream: Upstream, sdk: str) -> None:
    pytest.importorskip(SDKS[sdk].package)
    from recordings import FINISHES, recordings

    providers: dict[str, Any] = {}
    played = []
    for number, recording in enumerate(recordings()):
        if recording.dialect == sdk:
            continue
        name = f"r{number}"
        kind = "text/event-stream" if recording.stream else "application/json"
        if recording.stream and recording.dialect == "bedrock":
            kind = "application/vnd.amazon.eventstream"
        reply = {"hex": recording.body.hex(), "headers": {"content-type": kind}, "times": "forever", "split": 997}
        vendor = upstream.vendor([reply])
        base = vendor.openai if recording.dialect in ("openai", "responses") else vendor.anthropic
        providers[name] = {"dialect": recording.dialect, "base_url": base, "api_key": "k"}
        played.append((name, recording))
    models = {name: {"targets": [f"{name}/m"], "retry": {"attempts": 1}} for name in providers}
    wrong, count = [], Counter[str]()
    with Gateway({"providers": providers, "models": models}) as gw:
        client = in_process(sdk, gw)
        for name, recording in played:
            count[recording.vendor] += 1
            try:
                said = client.ask(name, stream=recording.stream)
            except Exception as error:
                wrong.append(f"{recording.name} ({recording.dialect}): {type(error).__name__}: {error!s:.300}")
                continue
            want, finish = recording.said, FINISHES.get(str(recording.said.finish))
            checks = [("text", want.text, said.text), ("tools", want.tools, said.tools)]
            if finish is not None and not want.tools:
                checks.append(("finish", finish, said.finish))
            if want.usage != (None, None):
                checks.append(("usage", want.usage, said.usage))
            for what, wanted, got in checks:
                if wanted != got:
                    wrong.append(f"{recording.name} ({recording.dialect}) {what}: {wanted!r:.200} != {got!r:.200}")
    print(f"{sum(count.values())} answers of {len(count)} vendors")
    assert len(count) >= 8
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)
