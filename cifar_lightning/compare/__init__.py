"""Which strategy is better, and how surely: run folders in; a table, figures and a page out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cifar_lightning.compare.api import compare
    from cifar_lightning.compare.comparison import Comparison

__all__ = ["Comparison", "compare"]


def __getattr__(name: str) -> Any:
    # SciPy takes a third of a second to import, and only who compares needs it.
    if name == "compare":
        from cifar_lightning.compare.api import compare

        return compare
    if name == "Comparison":
        from cifar_lightning.compare.comparison import Comparison

        return Comparison
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
