"""Ctrl-C and SIGTERM: how a command is stopped."""

import contextlib
import signal
from collections.abc import Iterator

from cifar_lightning.runs.signals import exit_by_exception, signals_handled

CTRL_C = 128 + signal.SIGINT


@contextlib.contextmanager
def ended_at_once() -> Iterator[None]:
    """Leaves both signals to the system, for a block of imports: an exception within one may be changed, or lost.

    A signal that is ignored stays so: Ctrl-C is not meant for what a script has put into the background.
    """
    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    with signals_handled(dict.fromkeys(heard, signal.SIG_DFL)):
        yield


@contextlib.contextmanager
def ended_by_exception() -> Iterator[None]:
    """Lets SIGTERM raise SystemExit(143), so that half-written files are cleared away."""
    with signals_handled({signal.SIGTERM: exit_by_exception}):
        yield
