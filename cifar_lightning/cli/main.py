"""The entry point: picks the command, and ends every failure in one sentence.

Nothing that takes time is imported here, so that help and a mistyped word answer at once, and Ctrl-C is heard from the
start: until `main` runs, Python answers it with a traceback.
"""

import codecs
import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from cifar_lightning import __version__
from cifar_lightning.cli.stopping import CTRL_C, ended_at_once, ended_by_exception
from cifar_lightning.hints import did_you_mean

DEBUG_VARIABLE = "CIFAR_LIGHTNING_DEBUG"

COMMANDS = {
    "fit": "train a net and write its run folder",
    "validate": "score a checkpoint on the validation pictures",
    "test": "score a checkpoint a class, on training and test pictures, into its run folder",
    "predict": "say what a checkpoint sees in pictures of your own",
    "study": "fit and test every strategy with every seed",
    "compare": "say which strategy is better, and how surely, from run folders",
    "data": "fetch and check the data, count pictures a class, draw some",
    "configs": "list the configs that ship with the package",
}

USAGE = f"""usage: cifar-lightning COMMAND [options]

Controlled comparisons of small convolutional nets on a few CIFAR-100 classes.

{chr(10).join(f"  {name:<10}{purpose}" for name, purpose in COMMANDS.items())}

  cifar-lightning fit --config quickstart      a first run, in seconds, without a download
  cifar-lightning COMMAND --help               all options of a command
"""

_SPELLED = "cifar_lightning.spelled"

# What to do about a disk that refuses.
_ADVICE = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "make room there"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "allow it, or name another place,"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command in `argv` (None: the process's own arguments) and returns its exit code.

    0: done; 1: the machine failed; 2: the user's mistake; 130 and 143: stopped by Ctrl-C and SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _print_anywhere()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return CTRL_C
    except BrokenPipeError:
        # Whoever read the output has seen enough (`| head`).
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 1
    # Of numbers that no machine has room for, OverflowError.
    except (ValueError, ImportError, OverflowError) as error:
        return _fail(error, 2)
    except (OSError, MemoryError, RuntimeError) as error:
        return _fail(error, 1)
    except SystemExit as stop:
        # How argparse ends `--help`, a run that was stopped by a signal, and a net that gives up with a sentence.
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code if isinstance(stop.code, int) else 0
    finally:
        if argv is None and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            # All is done: who presses Ctrl-C while the interpreter ends need not see where it was.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _print_anywhere() -> None:
    """Lets output go to terminals and files of any encoding: what it lacks is no reason to stop half-way."""
    codecs.register_error(_SPELLED, _spell)
    for stream in (sys.stdout, sys.stderr):
        # Whoever calls `main` may have put something else there.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SPELLED)


def _spell(error: UnicodeError) -> tuple[str, int]:
    """In place of what an encoding lacks: a hyphen for a minus, since a number must not lose its sign, else `?`."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end]
    return "".join("-" if letter == "\N{MINUS SIGN}" else "?" for letter in lacking), error.end


def _run(arguments: list[str]) -> int:
    command, *rest = arguments or [""]
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command == "--version":
        print(f"cifar-lightning {__version__}")
        return 0
    if command not in COMMANDS:
        raise ValueError(_describe_unknown(command))
    if command == "configs":
        return _configs(rest)
    if command == "compare":
        from cifar_lightning.cli.compare_command import run_compare

        return run_compare(rest)
    with ended_at_once():
        from cifar_lightning.cli.configs import prepare_config_arguments, refuse_special_values
        from cifar_lightning.cli.own_code import OwnCodeNamed
    rest = prepare_config_arguments(command, rest)
    refuse_special_values(rest)
    with ended_at_once():
        run_command = _load_command(command)
    with ended_by_exception(), OwnCodeNamed():
        return run_command(rest)


def _load_command(command: str) -> Callable[[list[str]], int]:
    # torch's threads wait for one another by spinning, by default for so long that two fits on the same cores hinder
    # each other; much shorter waits cost a fit alone a tenth, and more beside other work (docs/performance.md). Read
    # when torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    # A user's own net stands in a file of the working folder, which the console script leaves out of the search.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    if command == "data":
        from cifar_lightning.cli.data_command import run_data

        return run_data
    if command == "study":
        from cifar_lightning.cli.study_command import run_study

        return run_study
    from cifar_lightning.cli.trainer_commands import run_trainer_command

    return lambda rest: run_trainer_command(command, rest)


def _configs(rest: list[str]) -> int:
    if rest in (["-h"], ["--help"]):
        print("usage: cifar-lightning configs\n\nLists the configs that ship with the package.")
        return 0
    if rest:
        raise ValueError(f"expected `cifar-lightning configs` alone, got {rest[0]!r} behind it; leave it out")
    from cifar_lightning.cli.configs import list_configs

    for name, (path, purpose) in list_configs().items():
        print(f"{name:<14}{purpose}\n{'':<14}{path}")
    return 0


def _describe_unknown(command: str) -> str:
    commands = ", ".join(COMMANDS)
    if not command:
        return f"expected a command, one of {commands}; `cifar-lightning --help` explains them"
    hint = did_you_mean(command, COMMANDS, "`cifar-lightning --help` explains them")
    return f"expected a command, one of {commands}, got {command!r}; {hint}"


def _fail(error: BaseException, code: int) -> int:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error)
    else:
        print(f"cifar-lightning: {_describe(error)}", file=sys.stderr)
    return code


def _describe(error: BaseException) -> str:
    # torch has no class of its own for it.
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "out of memory; lower data.batch_size, or close other programs"
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        advice = _ADVICE.get(error.errno or 0, "fix that")
        return f"the machine refused: {error.strerror}{where}; {advice} and run the command again"
    if type(error).__name__ == "OutOfMemoryError":
        return "the GPU is out of memory; lower data.batch_size, or use --trainer.accelerator cpu"
    return " ".join(str(error).split()) or type(error).__name__
