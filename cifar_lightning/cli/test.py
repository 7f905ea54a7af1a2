"""`test`: scores a checkpoint per class and writes scores.json to its run folder."""

from cifar_lightning.cli.arguments import parse_checkpoint
from cifar_lightning.cli.tables import print_scores
from cifar_lightning.runs.folder import find_run_folder
from cifar_lightning.training.evaluation import checkpoint_of
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.scoring import score


def run(arguments: list[str]) -> int:
    path, rest = parse_checkpoint("test", arguments)
    checkpoint = checkpoint_of(path)
    with quiet_framework():
        scores = score(checkpoint, rest)
    print_scores(scores, find_run_folder(checkpoint))
    return 0
