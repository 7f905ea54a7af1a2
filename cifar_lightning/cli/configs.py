"""Lists the configs that ship with the package."""

from cifar_lightning.cli.arguments import SentenceArguments
from cifar_lightning.training.configs import list_configs


def run(arguments: list[str]) -> int:
    SentenceArguments(prog="cifar-lightning configs", description=__doc__).parse_args(arguments)
    for name, (path, purpose) in list_configs().items():
        print(f"{name:<14}{purpose}\n{'':<14}{path}")
    return 0
