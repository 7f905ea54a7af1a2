"""Signals that wait."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM take effect at the end of the block, as they would have before it.

    For what hands work to another thread: an exception from within a lock can leave it locked, or the other thread
    asleep, and whoever waits for it would wait for ever.
    """
    # Python delivers signals to the main thread, and lets no other one ask for them.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
