"""`predict`: says what a checkpoint sees in images of your own."""

from pathlib import Path

from cifar_lightning.cli.arguments import SentenceArguments, refuse_folder
from cifar_lightning.printing import count


def run(arguments: list[str]) -> int:
    parser = SentenceArguments(prog="cifar-lightning predict", allow_abbrev=False)
    parser.add_argument("--ckpt_path", required=True, type=Path)
    parser.add_argument("--images", required=True, type=Path)
    parser.add_argument("--output", default="predictions.csv", type=Path)
    parser.add_argument("--trainer.accelerator", dest="accelerator", default="auto")
    options = parser.parse_args(arguments)
    refuse_folder("--output", options.output)
    # As in `export`.
    from cifar_lightning.training.predicting import predict

    predictions = predict(options.ckpt_path, options.images, accelerator=options.accelerator)
    predictions.write(options.output)
    print(f"{count(len(predictions.files), 'prediction')}: {options.output}")
    return 0
