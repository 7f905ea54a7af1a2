"""How errors are worded."""

import errno
import os
import shutil
import signal
import sys
import textwrap
import traceback
from types import TracebackType

from cifar_lightning.training.own_code import DEBUG_VARIABLE, is_of_library, is_of_own_code, keep_own_frames

CTRL_C = 128 + signal.SIGINT
# What to do about a disk that refuses.
_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room there"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "allow it, or name another place,"),
}


def fail(error: BaseException, code: int) -> int:
    """Prints what went wrong to stderr, and returns `code`."""
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error)
    else:
        text = f"cifar-lightning: {describe(error)}"
        if sys.stderr.isatty():
            columns = shutil.get_terminal_size().columns
            text = textwrap.fill(text, columns, break_long_words=False, break_on_hyphens=False)
        print(text, file=sys.stderr)
    return code


def describe(error: BaseException) -> str:
    """What went wrong and what to do, in one sentence."""
    # torch has no class of its own for it.
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "out of memory; lower data.batch_size, or close other programs"
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        otherwise = "check that path" if where else "check the disk and the network"
        advice = _ADVICE.get(error.errno or 0, otherwise)
        return f"the machine refused: {error.strerror}{where}; {advice} and run the command again"
    if type(error).__name__ == "OutOfMemoryError":
        return "the GPU is out of memory; lower data.batch_size, or use --trainer.accelerator cpu"
    return " ".join(str(error).split()) or type(error).__name__


def describe_failure(error: BaseException) -> str:
    """As `describe`, of a run of a study; with the traceback of an unexpected error."""
    was_foreseen = isinstance(error, ValueError | ImportError | OSError | MemoryError)
    if was_foreseen or (error.__cause__ is None and error.__traceback__ is None):
        return describe(error)
    # From another process it comes as the text of its traceback.
    trace = str(error.__cause__).strip(' "\n') if error.__cause__ else "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {describe(error)}\n{trace}"


class OwnCodeShown:
    """Shows the traceback of the user's own frames, where their net, source or callback fails.

    Raises SystemExit with code 2, after that traceback. Raises ValueError in place of an unexpected error inside
    a library that this package called, since a setting caused it.
    """

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        of_machine = isinstance(error, OSError | MemoryError) or type(error).__name__ == "OutOfMemoryError"
        if not isinstance(error, Exception) or of_machine or os.environ.get(DEBUG_VARIABLE) == "1":
            return
        if is_of_own_code(trace):
            keep_own_frames(error)
            traceback.print_exception(error)
            raise SystemExit(2) from error
        *_, (last, _) = traceback.walk_tb(trace)
        if not isinstance(error, ValueError | ImportError | RuntimeError) and is_of_library(last):
            raise ValueError(
                f"{last.f_globals['__name__']} refuses a setting ({type(error).__name__}: {describe(error)});"
                f" {DEBUG_VARIABLE}=1 shows where"
            ) from error
