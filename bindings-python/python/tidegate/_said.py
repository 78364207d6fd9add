"""What is said in a realtime session, in the vendor's words: one line an event."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Generic, Protocol, TypeVar

    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)

    class Speaks(Protocol[T_co]):
        """A session."""

        def send(self, event: Any) -> T_co: ...

else:
    T = None

    class Generic:
        __slots__ = ()
        __class_getitem__ = classmethod(lambda cls, _: cls)


class Words(Generic[T]):
    """A group of events."""

    __slots__ = ("_session",)

    def __init__(self, session: Speaks[T]) -> None:
        self._session = session


class Event:
    """An event that is sent by calling it with its members."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.__doc__ = f"Sends `{name}` with these members."

    def __get__(self, home: Words[T], owner: Any) -> Callable[..., T]:
        send, name = home._session.send, self._name
        return lambda **members: send({"type": name, **members})


class SessionWords(Words[T]):
    """`session.*`."""

    update = Event("session.update")


class TranscriptionSessionWords(Words[T]):
    """`transcription_session.*`."""

    update = Event("transcription_session.update")


class ResponseWords(Words[T]):
    """`response.*`."""

    create = Event("response.create")
    cancel = Event("response.cancel")


class InputAudioBufferWords(Words[T]):
    """`input_audio_buffer.*`."""

    append = Event("input_audio_buffer.append")
    commit = Event("input_audio_buffer.commit")
    clear = Event("input_audio_buffer.clear")


class OutputAudioBufferWords(Words[T]):
    """`output_audio_buffer.*`."""

    clear = Event("output_audio_buffer.clear")


class ItemWords(Words[T]):
    """`conversation.item.*`."""

    create = Event("conversation.item.create")
    delete = Event("conversation.item.delete")
    retrieve = Event("conversation.item.retrieve")
    truncate = Event("conversation.item.truncate")


class ConversationWords(Words[T]):
    """`conversation.*`."""

    @property
    def item(self) -> ItemWords[T]:
        """`item.create(item=...)` and its like."""
        return ItemWords(self._session)


class Says(Generic[T]):
    """A session's groups of events, as the vendor's package has them."""

    __slots__ = ()

    if TYPE_CHECKING:

        def send(self, event: Any) -> T: ...

    @property
    def session(self) -> SessionWords[T]:
        """`session.update(session=...)`."""
        return SessionWords(self)

    @property
    def transcription_session(self) -> TranscriptionSessionWords[T]:
        """`transcription_session.update(session=...)`."""
        return TranscriptionSessionWords(self)

    @property
    def response(self) -> ResponseWords[T]:
        """`response.create(...)`, `response.cancel()`."""
        return ResponseWords(self)

    @property
    def input_audio_buffer(self) -> InputAudioBufferWords[T]:
        """`input_audio_buffer.append(audio=...)`, `commit()`, `clear()`."""
        return InputAudioBufferWords(self)

    @property
    def output_audio_buffer(self) -> OutputAudioBufferWords[T]:
        """`output_audio_buffer.clear()`."""
        return OutputAudioBufferWords(self)

    @property
    def conversation(self) -> ConversationWords[T]:
        """`conversation.item.create(item=...)` and its like."""
        return ConversationWords(self)
