"""`validate`: scores a checkpoint on the validation images."""

from cifar_lightning.cli.arguments import parse_checkpoint
from cifar_lightning.runs.overfitting import validation_name
from cifar_lightning.training.evaluation import Evaluation, checkpoint_of
from cifar_lightning.training.quiet import quiet_framework


def run(arguments: list[str]) -> int:
    path, rest = parse_checkpoint("validate", arguments)
    with quiet_framework():
        evaluation = Evaluation(checkpoint_of(path), rest)
        data, model = evaluation.datamodule, evaluation.model
        if not data.validate_on_test and data.val_fraction == 0:
            raise ValueError("expected a validation share, but this run has none (data.val_fraction 0); use `test`")
        (scores,) = evaluation.trainer.validate(
            model, datamodule=data, ckpt_path=evaluation.checkpoint.path, verbose=False, weights_only=True
        )
    split = validation_name(data.validate_on_test)
    print(f"{split}: loss {scores['val_loss']:.4f}, accuracy {scores['val_accuracy']:.4f}")
    for name in model.class_names:
        print(f"  recall {name}: {scores[f'val_recall/{name}']:.4f}")
    return 0
