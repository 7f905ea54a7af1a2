"""Controlled comparisons of small convolutional nets on a few CIFAR-100 classes.

    import cifar_lightning as cl
    run = cl.fit("avgpool", {"trainer.max_epochs": 20})
    cl.test(run)
    cl.compare(cl.study("study", {"seeds": 3}))

Everything is loaded when it is first asked for: `import cifar_lightning` alone takes no torch.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cifar_lightning.compare.api import compare
    from cifar_lightning.compare.comparison import Comparison
    from cifar_lightning.compare.planning import Plan, plan
    from cifar_lightning.data import Cifar100, DrawnShapes, ImageFolder, LabelledImages, SubsetDataModule, Torchvision
    from cifar_lightning.export.explaining import explain
    from cifar_lightning.export.exporting import export
    from cifar_lightning.export.page import export_page
    from cifar_lightning.models.backbones import AvgPoolNet, BaselineNet, MaxPoolNet, StrideNet
    from cifar_lightning.models.classifier import ImageClassifier
    from cifar_lightning.runs.run import Run, load_run
    from cifar_lightning.runs.scores import Scores
    from cifar_lightning.study.executing import study
    from cifar_lightning.training.evaluation import load_model
    from cifar_lightning.training.fitting import fit
    from cifar_lightning.training.predicting import predict
    from cifar_lightning.training.scoring import test

_NAMES = {
    "training.fitting": ["fit"],
    "training.scoring": ["test"],
    "training.predicting": ["predict"],
    "training.evaluation": ["load_model"],
    "runs.run": ["Run", "load_run"],
    "runs.scores": ["Scores"],
    "study.executing": ["study"],
    "export.explaining": ["explain"],
    "export.exporting": ["export"],
    "export.page": ["export_page"],
    "compare.api": ["compare"],
    "compare.comparison": ["Comparison"],
    "compare.planning": ["Plan", "plan"],
    "data": ["Cifar100", "DrawnShapes", "ImageFolder", "LabelledImages", "SubsetDataModule", "Torchvision"],
    "models.classifier": ["ImageClassifier"],
    "models.backbones": ["AvgPoolNet", "BaselineNet", "MaxPoolNet", "StrideNet"],
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(types.ModuleType):
    """Keeps the functions `compare` and `study` from being hidden by the packages of the same names."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
