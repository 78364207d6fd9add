"""For loops that cannot watch a descriptor: a thread that waits on the queue and tells the loop."""

from __future__ import annotations

from threading import Event, Thread
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from ._loop import LoopBridge
    from ._native import Queue

#: How often the thread looks whether its loop is gone, in seconds.
_LOOK = 1.0


def start(bridge: LoopBridge, queue: Queue, loop: AbstractEventLoop) -> Callable[[], None]:
    """Starts the thread; gives what the loop must call after it has drained the queue."""
    drained = Event()
    Thread(target=_watch, args=(ref(bridge), queue, ref(loop), drained), name="tidegate-notify", daemon=True).start()
    return drained.set


def _watch(bridge: ref[LoopBridge], queue: Queue, loop: ref[AbstractEventLoop], drained: Event) -> None:
    while True:
        waiting = queue.wait(_LOOK)
        living, target = bridge(), loop()
        if living is None or target is None or target.is_closed():
            return
        if waiting:
            drained.clear()
            try:
                target.call_soon_threadsafe(living.drain)
            except RuntimeError:  # closed in between
                return
            del living, target
            drained.wait(_LOOK)
