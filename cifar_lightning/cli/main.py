"""The entry point: picks the command, and ends every failure in one sentence.

Nothing that takes time is imported here, so that help and a mistyped word answer at once, and Ctrl-C without a
traceback.
"""

import importlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence

from cifar_lightning import __version__
from cifar_lightning.cli.errors import CTRL_C, OwnCodeShown, fail
from cifar_lightning.cli.help import HELP
from cifar_lightning.hints import did_you_mean
from cifar_lightning.runs.signals import exit_by_exception, signals_handled

# Each is a module beside this one, with a function `run(arguments) -> exit code`.
COMMANDS = {
    "fit": "train a net and write its run folder",
    "validate": "score a checkpoint on the validation images",
    "test": "score a checkpoint per class and write scores.json to its run folder",
    "predict": "say what a checkpoint sees in images of your own",
    "study": "fit and test every strategy with every seed",
    "compare": "say which strategy or model is better, and how surely",
    "plan": "say how many seeds and images would show a difference",
    "runs": "list the run folders below a path",
    "explain": "draw what a net looks at, and what its poolings keep",
    "export": "write a trained net as an ONNX file, or as a web page that tries it",
    "data": "fetch and check the data, count images per class, draw some",
    "configs": "list the configs that ship with the package",
}

USAGE = f"""usage: cifar-lightning COMMAND [options]

Controlled comparisons of small convolutional nets on a few CIFAR-100 classes.

{chr(10).join(f"  {name:<10}{purpose}" for name, purpose in COMMANDS.items())}

  cifar-lightning fit --config quickstart   a first run, in seconds
  cifar-lightning COMMAND --help            the options of a command
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command in `argv` (None: the process's own arguments) and returns its exit code.

    0: done; 1: the machine failed; 2: the user's mistake; 130 and 143: stopped by Ctrl-C and SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # For a terminal that lacks a character.
            stream.reconfigure(errors="replace")
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return CTRL_C
    except BrokenPipeError:
        # Whoever read the output has seen enough (`| head`).
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 1
    except (ValueError, ImportError) as error:
        return fail(error, 2)
    except (OSError, MemoryError, RuntimeError) as error:
        return fail(error, 1)
    except SystemExit as stop:
        # From argparse after `--help`, from a signal, or from the user's own code.
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code if isinstance(stop.code, int) else 0
    finally:
        if argv is None and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            # No traceback of the interpreter's end.
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run(arguments: list[str]) -> int:
    command, *rest = arguments or [""]
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command == "--version":
        print(f"cifar-lightning {__version__}")
        return 0
    if command not in COMMANDS:
        known = f"expected a command, one of {', '.join(COMMANDS)}"
        where = "`cifar-lightning --help` explains them"
        if not command:
            raise ValueError(f"{known}; {where}")
        raise ValueError(f"{known}, got {command!r}; {did_you_mean(command, COMMANDS, where)}")
    text = HELP.get(command, "")
    if text and ({"-h", "--help"} & set(rest) or ("--help_all" in rest and "--help_all" not in text)):
        print(text, end="")
        return 0
    rest = ["--help" if argument == "--help_all" else argument for argument in rest]
    # How long torch's threads spin while they wait, read when torch is loaded: by default so long that two fits on the
    # same cores hinder each other (docs/performance.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    # For the user's own net: a console script does not look in the working folder.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    if any(argument.startswith(("--config", "-c")) for argument in rest):
        from cifar_lightning.training.configs import resolve_configs

        # A missing config is reported before anything that takes time is imported.
        resolve_configs(rest)
    # An exception within an import may be changed, or lost. What is ignored stays so: a script's background job.
    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    with signals_handled(dict.fromkeys(heard, signal.SIG_DFL)):
        module = importlib.import_module(f"cifar_lightning.cli.{command}")
    # Without the line of code that warned. Behind the import: Lightning sets a form of its own.
    warnings.formatwarning = lambda message, *_: f"cifar-lightning: {message}\n"
    with signals_handled({signal.SIGTERM: exit_by_exception}), OwnCodeShown():
        return int(module.run(rest))
