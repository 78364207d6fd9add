"""Runs functions of the program for the engine.

The engine puts questions into a queue. Plain functions run on a few threads that take from it, started
by the first call that may need them; coroutine functions run as tasks on the event loop whose call
needs them, and where there is none (blocking calls, the HTTP server) on a loop of this module's own.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary, ref

from . import _native
from ._native import Queue, in_function
from ._records import encode
from .functions import ProviderError, ProviderRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable
    from typing import Any

    from ._native import Engine, HostCall

#: Most plain functions of one gateway that run at a time. Those that wait for a call of their own to
#: the gateway do not count, so that any depth of such calls comes to its end.
MOST = 32
#: How long a thread without work stays, in seconds. The last one stays as long as the gateway.
_IDLE = 10.0
#: How often a thread that waits for room looks around, in seconds.
_LOOK = 1.0

_CALL = _native.HOST_CALL
_ROOM = _native.HOST_ROOM
_FULL = _native.FLOW_FULL
_GONE = _native.FLOW_GONE

_hosts: WeakValueDictionary[int, Host] = WeakValueDictionary()
_asked: dict[int, _Task] = {}
_tags = iter(range(1, 1 << 62))
_here = threading.local()
_guard = threading.Lock()
_loops: list[_OwnLoop] = []


def _after_fork() -> None:
    """Threads and tasks are the parent's; what they held is left to it."""
    global _guard
    _guard = threading.Lock()
    _loops.clear()
    _asked.clear()
    _here.__dict__.clear()
    in_function(False)
    for host in list(_hosts.values()):
        host.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def nested(on: bool) -> None:
    """A thread that runs functions is about to wait for the engine, or has waited."""
    home = getattr(_here, "home", None)
    if home is not None:
        home.nested(on)


def arrived(ticket: int, kind: int, call: HostCall | None, loop: AbstractEventLoop | None) -> None:
    """Takes a question, or news about one, out of a queue that `loop` drains, or a thread of a host."""
    if call is None:
        task = _asked.get(ticket)
        if task is not None:
            task.tell(kind)
        return
    host = _hosts.get(call.tag)
    # Letting go of a question fails it.
    if host is not None:
        host.run(ticket, call, loop)


class Host:
    """The functions of one gateway and the threads that run the plain ones."""

    __slots__ = ("__weakref__", "_busy", "_idle", "_lock", "_queue", "functions", "tag")

    def __init__(self, functions: dict[str, Callable[[ProviderRequest], Any]]) -> None:
        for name, function in functions.items():
            check(name, function)
        self.functions = functions
        self.tag = next(_tags)
        _hosts[self.tag] = self
        self.forget()

    def forget(self) -> None:
        """Begins anew, as after a fork."""
        self._lock = threading.Lock()
        self._queue: Queue | None = None
        self._idle = self._busy = 0

    def start(self, engine: Engine) -> None:
        """Has the functions asked here, in this process."""
        with self._lock:
            if self._queue is None:
                self._queue = Queue()
                for name in list(self.functions):
                    self._provide(engine, name)
                self._spawn()

    def add(self, engine: Engine, name: str, function: Callable[[ProviderRequest], Any]) -> None:
        """Registers a function, in place of one of that name."""
        check(name, function)
        with self._lock:
            self.functions[name] = function
            if self._queue is None:
                self._queue = Queue()
                for known in list(self.functions):
                    self._provide(engine, known)
                self._spawn()
            else:
                self._provide(engine, name)

    def _provide(self, engine: Engine, name: str) -> None:
        assert self._queue is not None
        engine.provide(name, self._queue, self.tag, is_async(self.functions[name]))

    def _spawn(self) -> None:
        self._idle += 1
        threading.Thread(target=_work, args=(ref(self), self._queue), name="tidegate-function", daemon=True).start()

    def _take(self) -> None:
        """This thread has something to do; another one must be left to wait."""
        with self._lock:
            self._idle -= 1
            self._busy += 1
            if self._idle == 0 and self._busy < MOST:
                self._spawn()

    def _done(self) -> None:
        with self._lock:
            self._busy -= 1
            self._idle += 1

    def _leave(self) -> bool:
        """Whether a thread that had nothing to do may end."""
        with self._lock:
            if self._idle > 1:
                self._idle -= 1
                return True
            return False

    def nested(self, on: bool) -> None:
        with self._lock:
            self._busy += -1 if on else 1
            if on and self._idle == 0:
                self._spawn()

    def work(self, queue: Queue) -> None:
        """Does what waits in the queue, once."""
        events = queue.drain(1)
        if not events:
            return
        self._take()
        try:
            for ticket, kind, call, _ in events:
                arrived(ticket, kind, call, None)
        finally:
            self._done()

    def run(self, ticket: int, call: HostCall, loop: AbstractEventLoop | None) -> None:
        """Runs a function: a coroutine function on the loop, any other on this thread."""
        function = self.functions.get(call.name)
        if function is None:
            call.fail(500, "the function is no longer registered", None)
        elif is_async(function):
            _asynchronously(ticket, call, function, ProviderRequest(call), loop)
        else:
            _here_and_now(ticket, call, function)

    def __del__(self) -> None:
        queue = getattr(self, "_queue", None)
        if queue is not None:
            queue.close()


def check(name: object, function: object) -> None:
    """Refuses what cannot be a function under a name."""
    if not isinstance(name, str):
        raise TypeError(f"providers: names are str, not {type(name).__name__}")
    if not callable(function):
        raise TypeError(f"providers[{name!r}]: a function, not {type(function).__name__}")


def is_async(function: Any) -> bool:
    """Whether a function must run on an event loop."""
    while isinstance(function, partial):
        function = function.func
    kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    made = type(function).__call__
    return any(kind(function) or kind(made) for kind in kinds)


def _work(host: ref[Host], queue: Queue) -> None:
    """A thread that runs plain functions. It does not keep the host alive while it waits."""
    while True:
        ready = queue.wait(_IDLE)
        living = host()
        if living is None or queue.closed():
            return
        if not ready:
            if living._leave():
                return
            continue
        _here.home = living
        in_function(True)
        try:
            living.work(queue)
        finally:
            in_function(False)
            _here.home = None
        del living


def _here_and_now(ticket: int, call: HostCall, function: Callable[[ProviderRequest], Any]) -> None:
    request = ProviderRequest(call)
    try:
        answer = function(request)
        if inspect.isawaitable(answer) or hasattr(answer, "__aiter__"):
            _asynchronously(ticket, call, lambda _: answer, request, None)
            return
        pieces = _pieces(answer)
        if pieces is None:
            _reply(call, answer)
            return
        try:
            for piece in pieces:
                flow = _push(call, piece)
                while flow == _FULL:
                    flow = call.wait(_LOOK)
                if flow == _GONE:
                    break
            call.end()
        finally:
            _close(pieces)
    except BaseException as error:
        _fail(call, error)


def _asynchronously(
    ticket: int,
    call: HostCall,
    function: Callable[[ProviderRequest], Any],
    request: ProviderRequest,
    loop: AbstractEventLoop | None,
) -> None:
    if loop is not None:
        _Task(ticket, call, loop).begin(function, request)
        return
    own = _own_loop()
    task = _Task(ticket, call, own.loop)
    own.loop.call_soon_threadsafe(task.begin, function, request)


class _Task:
    """A coroutine function at work on a loop."""

    __slots__ = ("_call", "_loop", "_room", "_task", "_ticket")

    def __init__(self, ticket: int, call: HostCall, loop: AbstractEventLoop) -> None:
        self._ticket, self._call, self._loop = ticket, call, loop
        self._room: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        _asked[ticket] = self

    def begin(self, function: Callable[[ProviderRequest], Any], request: ProviderRequest) -> None:
        if self._call.gone():
            _asked.pop(self._ticket, None)
            return
        self._task = self._loop.create_task(self._run(function, request))
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        _asked.pop(self._ticket, None)
        if task.cancelled() and not self._call.gone():
            self._call.fail(500, "the function was cancelled", None)

    async def _run(self, function: Callable[[ProviderRequest], Any], request: ProviderRequest) -> None:
        call = self._call
        try:
            answer = function(request)
            if inspect.isawaitable(answer):
                answer = await answer
            if hasattr(answer, "__aiter__"):
                try:
                    async for piece in answer:
                        if await self._push(piece) == _GONE:
                            break
                    call.end()
                finally:
                    if hasattr(answer, "aclose"):
                        await answer.aclose()
                return
            pieces = _pieces(answer)
            if pieces is None:
                _reply(call, answer)
                return
            try:
                for piece in pieces:
                    if await self._push(piece) == _GONE:
                        break
                call.end()
            finally:
                _close(pieces)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            _fail(call, error)

    async def _push(self, piece: Any) -> int:
        flow = _push(self._call, piece)
        while flow == _FULL:
            self._room = self._loop.create_future()
            flow = self._call.arm()
            if flow == _FULL:
                await self._room
                flow = self._call.arm()
        return flow

    def tell(self, kind: int) -> None:
        """There is room, or nobody listens any more. From any thread."""
        if self._loop is asyncio._get_running_loop():
            self._told(kind)
        else:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._told, kind)

    def _told(self, kind: int) -> None:
        if kind == _ROOM:
            if self._room is not None and not self._room.done():
                self._room.set_result(None)
        elif self._task is not None:
            self._task.cancel()
        else:
            _asked.pop(self._ticket, None)


class _OwnLoop:
    """An event loop on a thread of its own, for coroutine functions that no loop asked for."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        #: Functions on it that hold it up by a blocking call to the gateway.
        self.blocked = 0
        threading.Thread(target=self._run, name="tidegate-loop", daemon=True).start()

    def _run(self) -> None:
        _here.home = self
        in_function(True)
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def nested(self, on: bool) -> None:
        self.blocked += 1 if on else -1


def _own_loop() -> _OwnLoop:
    with _guard:
        for own in _loops:
            if not own.blocked:
                return own
        own = _OwnLoop()
        _loops.append(own)
        return own


def _pieces(answer: Any) -> Any:
    """The pieces of an answer that is given one by one; None for a whole one."""
    if isinstance(answer, (str, bytes, bytearray, dict, list, tuple)) or hasattr(answer, "keys"):
        return None
    if hasattr(answer, "model_dump_json") or hasattr(answer, "to_dict") or not hasattr(answer, "__iter__"):
        return None
    return iter(answer)


def _close(pieces: Any) -> None:
    if hasattr(pieces, "close"):
        pieces.close()


def _reply(call: HostCall, answer: Any) -> None:
    if isinstance(answer, str):
        call.reply_text(answer)
    else:
        call.reply_json(_json(answer))


def _push(call: HostCall, piece: Any) -> int:
    return call.push_text(piece) if isinstance(piece, str) else call.push_json(_json(piece))


def _json(value: Any) -> bytes:
    """An object of the function's, or of some vendor's package, as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif hasattr(value, "model_dump_json"):
        return value.model_dump_json(exclude_unset=True).encode()  # type: ignore[no-any-return]
    if value is None:
        raise TypeError("the function gave None")
    return encode(value)


def _fail(call: HostCall, error: BaseException) -> None:
    """Fails a call as the exception says. Only messages meant for callers go to them."""
    from ._error import TidegateError

    if isinstance(error, (ProviderError, TidegateError)):
        call.fail(int(error.status), error.message, error.retry_after)
        return
    if not call.gone():
        from logging import getLogger

        getLogger("tidegate").error("the function %r failed", call.name, exc_info=error)
    # Vendors' packages call it so.
    status = getattr(error, "status_code", 500)
    call.fail(status if isinstance(status, int) else 500, f"the function raised {type(error).__name__}", None)
