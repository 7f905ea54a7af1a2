"""A comparison on the terminal."""

from rich.table import Table

from cifar_lightning.compare.comparison import Comparison
from cifar_lightning.compare.questions import COMPUTE, SECONDS
from cifar_lightning.compare.wording import covered_by, in_unit, word_verdict, write_p
from cifar_lightning.printing import plain_console, print_prose


def print_comparison(comparison: Comparison) -> None:
    console = plain_console()
    print_prose(console, comparison.answer, style="bold")
    print_prose(console, f"{comparison.numbers}\n")
    console.print(_strategies_table(comparison))
    console.print(_pairs_table(comparison))
    if comparison.sensitivity:
        print_prose(console, comparison.sensitivity)
    if comparison.claims:
        console.print("\nwhat the lab says; a difference above 0 speaks for the claim")
    for claim in comparison.claims:
        print_prose(console, f"{claim.verdict.value}: {claim.text}", indent=2, style="bold")
        print_prose(console, claim.evidence, indent=4)
    for title, sentences in (
        ("what the verdict does not say", comparison.does_not_say),
        ("about these runs", comparison.notes),
    ):
        if sentences:
            console.print(f"\n{title}")
        for sentence in sentences:
            print_prose(console, sentence, indent=2)


def _strategies_table(comparison: Comparison) -> Table:
    scale = comparison.question.scale
    title = f"{comparison.question.label}{in_unit(scale.unit)}"
    if not comparison.question.higher_is_better:
        title += f"; {comparison.question.better}"
    table = Table(title=title, title_justify="left")
    # Names often differ at their ends alone, so none is cut.
    table.add_column(comparison.question.words.strategy, overflow="fold")
    # Very models have no seeds, and a table tells no costs.
    of_models = comparison.question.scope == "models"
    columns = ["mean", "95 % interval"] if of_models else ["runs", "mean", "sd", "95 % interval"]
    columns += ["MFLOP", "fit, s"] if comparison.has_costs else []
    for column in columns:
        table.add_column(column, justify="right")
    for summary in comparison.strategies:
        flops, seconds = summary.flops_per_image, summary.fit_seconds_median
        cells = {
            "runs": str(len(summary.runs)),
            "mean": scale.number(summary.mean),
            "sd": "-" if summary.sd is None else scale.number(summary.sd),
            "95 % interval": scale.interval(summary.ci95),
            "MFLOP": "-" if flops is None else COMPUTE.number(flops),
            "fit, s": "-" if seconds is None else SECONDS.number(seconds),
        }
        table.add_row(summary.name, *(cells[column] for column in columns))
    return table


def _pairs_table(comparison: Comparison) -> Table:
    scale = comparison.question.scale
    covered = covered_by([pair.method for pair in comparison.pairs], comparison.question)
    several = comparison.num_judged > 1
    by = "; verdicts by adjusted p" if several else ""
    table = Table(title=f"differences{in_unit(scale.difference_unit)}, for {covered}{by}", title_justify="left")
    table.add_column("pair", overflow="fold")
    for column in ("a - b", "95 % interval", *(("adjusted p", "Holm's p") if several else ("p",))):
        table.add_column(column, justify="right")
    table.add_column("verdict", overflow="fold")
    for pair in comparison.pairs:
        table.add_row(
            f"{pair.a} - {pair.b}",
            scale.number(pair.difference, "+"),
            f"{scale.difference_interval(pair.ci95)}\nat most {scale.number(pair.differs_by_at_most)}",
            *((write_p(pair.p_adjusted), write_p(pair.p_holm)) if several else (write_p(pair.p),)),
            word_verdict(pair, comparison.question),
        )
    return table
