"""A comparison on the terminal."""

from rich.console import Console
from rich.table import Table

from cifar_lightning.compare.comparison import Comparison, Interval


def print_comparison(comparison: Comparison) -> None:
    """The answer, the strategies, the pairs, the lab's claims, and what the verdict leaves out."""
    console = Console(highlight=False)
    console.print(comparison.answer, soft_wrap=True)
    console.print(_strategies_table(comparison))
    console.print(_pairs_table(comparison))
    for claim in comparison.claims:
        console.print(f"{claim.verdict}: {claim.text}; {claim.evidence}", soft_wrap=True)
    for sentence in (*comparison.does_not_say, *comparison.notes):
        console.print(sentence, soft_wrap=True)


def _strategies_table(comparison: Comparison) -> Table:
    table = Table(title=comparison.label, title_justify="left")
    table.add_column("strategy")
    for column in ("runs", "mean", "sd", "95 % interval", "MFLOP", "fit, s"):
        table.add_column(column, justify="right")
    for summary in comparison.strategies:
        seconds = summary.fit_seconds_median
        table.add_row(
            summary.name,
            str(len(summary.runs)),
            f"{summary.mean:.3f}",
            "-" if summary.sd is None else f"{summary.sd:.3f}",
            _interval(summary.ci95),
            f"{summary.flops_per_image / 1e6:.1f}",
            "-" if seconds is None else f"{seconds:.0f}",
        )
    return table


def _pairs_table(comparison: Comparison) -> Table:
    table = Table(title="differences", title_justify="left")
    table.add_column("a - b")
    for column in ("difference", "95 % interval", "p", "p, Holm"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for pair in comparison.pairs:
        table.add_row(
            f"{pair.a} - {pair.b}",
            f"{pair.difference:+.3f}",
            _interval(pair.ci95),
            f"{pair.p:.3g}",
            f"{pair.p_holm:.3g}",
            pair.verdict,
        )
    return table


def _interval(bounds: Interval) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"
