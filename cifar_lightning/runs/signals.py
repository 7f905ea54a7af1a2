"""Signals answered otherwise for the length of a block."""

import contextlib
import signal
import threading
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn


def exit_by_exception(number: int, frame: FrameType | None) -> NoReturn:
    """Answers SIGTERM by SystemExit(143): half-written files are cleared away, and a fit keeps its last epoch."""
    # Once is enough.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)


@contextlib.contextmanager
def signals_handled(handlers: Mapping[signal.Signals, Any]) -> Iterator[None]:
    """Answers these signals by these handlers, as `signal.signal` takes them; outside the main thread does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM take effect at the end of the block.

    For work handed to another thread: an exception within a lock can leave it locked, or that thread asleep, for ever.
    """
    came: list[int] = []
    try:
        with signals_handled(dict.fromkeys((signal.SIGINT, signal.SIGTERM), lambda number, frame: came.append(number))):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])
