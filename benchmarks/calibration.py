"""Does `compare` keep its promise? It judges simulated studies whose truth is known, and so do other methods in use.

A study has two nets with S seeds each, and the same N images for all runs. A run of net g with seed s answers image i
correctly if

    m_g + images * u_i + interaction * v_gi + seeds * w_gs + e_gsi > 0,      u, v, w, e standard normal,

so an image is hard for all nets or for one, a seed is good or bad for a whole run, and the rest is chance. The truth
has a closed form: the share of new images that net g answers correctly is
Phi(m_g / sqrt(images^2 + interaction^2 + seeds^2 + 1)), and the variance of an estimated difference follows from
Phi_2, the bivariate normal distribution.

    python benchmarks/calibration.py --accuracy 0.92 --seeds 3 5 10 10,5 --studies 4000
    python benchmarks/calibration.py --draw

Every call replaces its settings in docs/calibration.json. `--draw` draws docs/calibration.png from all settings in that
file and prints them as a table. `--peers` asks autorank, rliable and deepsig about 220 studies; they must be installed.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal, ttest_ind, ttest_rel

from cifar_lightning.compare import analysis
from cifar_lightning.compare.one_seed import mcnemar
from cifar_lightning.compare.pairs import MIN_SEEDS
from cifar_lightning.compare.summaries import mean_interval
from cifar_lightning.compare.wording import TOO_FEW

DOCS = Path(__file__).parent.parent / "docs"
# By accuracy, the difference of two nets for which power is simulated: power is then neither near 0 nor near 1.
DIFFERENCES = {0.6: 0.08, 0.92: 0.04, 0.98: 0.02}
CHUNK = 50
BOOTSTRAPS = 500


@dataclass(frozen=True)
class Model:
    """The standard deviations of a simulated study, in units of the chance that is left (e in the formula)."""

    images: float = 2.8
    interaction: float = 1.7
    seeds: float = 0.15

    @property
    def total(self) -> float:
        """The variance of the whole sum."""
        return self.images**2 + self.interaction**2 + self.seeds**2 + 1

    def draw(
        self,
        generator: np.random.Generator,
        accuracies: Sequence[float],
        seeds: Sequence[int],
        shape: tuple[int, int],
        noise: Sequence[float] = (),
    ) -> list[np.ndarray]:
        """Draws T studies: for each net, whether its answers are correct, float64 (T, S, N). `shape` is (T, N).

        `noise` has a standard deviation `seeds` for each net, where they differ.
        """
        studies, num_images = shape

        def normal(sd: float, *size: int) -> np.ndarray:
            return sd * generator.standard_normal((studies, *size), dtype=np.float32)

        difficulty = normal(self.images, 1, num_images)
        return [
            (
                ndtri(accuracy) * (self.total - self.seeds**2 + its_noise**2) ** 0.5
                + difficulty
                + normal(self.interaction, 1, num_images)
                + normal(its_noise, num_seeds, 1)
                + normal(1, num_seeds, num_images)
                > 0
            ).astype(np.float64)
            for accuracy, num_seeds, its_noise in zip(
                accuracies, seeds, noise or [self.seeds] * len(seeds), strict=True
            )
        ]

    def covariance(self, first: float, second: float, shared: float) -> float:
        """The covariance of two answers, correct with these probabilities, that share `shared` of the variance."""
        correlation = shared / self.total
        both = multivariate_normal.cdf(
            [ndtri(first), ndtri(second)], mean=[0, 0], cov=[[1, correlation], [correlation, 1]]
        )
        return float(both - first * second)

    def variance(self, accuracies: tuple[float, float], seeds: tuple[int, int], num_images: int) -> float:
        """The exact variance of the estimated difference of two nets."""
        from_images = -2 * self.covariance(*accuracies, self.images**2)
        of_runs = 0.0
        for accuracy, num_seeds in zip(accuracies, seeds, strict=True):
            same_image = self.covariance(accuracy, accuracy, self.images**2 + self.interaction**2)
            same_seed = self.covariance(accuracy, accuracy, self.seeds**2)
            residual = accuracy * (1 - accuracy)
            of_runs += (residual + (num_seeds - 1) * same_image + (num_images - 1) * same_seed) / num_seeds
        return (from_images + of_runs) / num_images

    def describe(self, accuracy: float, num_images: int) -> dict[str, float]:
        """What can be compared with a real study: sd of runs (seeds and chance), sd of seeds, variance components."""
        same_image = self.covariance(accuracy, accuracy, self.images**2 + self.interaction**2)
        same_seed = self.covariance(accuracy, accuracy, self.seeds**2)
        between = self.covariance(accuracy, accuracy, self.images**2)
        residual = accuracy * (1 - accuracy) - same_image - same_seed
        return {
            "sd_of_runs": (same_seed + residual / num_images) ** 0.5,
            "sd_of_seeds": same_seed**0.5,
            "image_variance": same_image,
            "residual_variance": residual,
            "image_correlation_of_nets": between / same_image,
        }


def judge(a: np.ndarray, b: np.ndarray) -> tuple[float, tuple[float, float]]:
    """The p-value and the interval that `compare` gives."""
    if len(a) == len(b) == 1:
        p, ci95 = mcnemar(a[0], b[0])
    else:
        contrast = analysis.analyse([a, b])
        p, ci95 = contrast.p, contrast.ci95
    ci95, p = analysis.judge(float(a.mean() - b.mean()), ci95, p, a.shape[1], most=1.0)
    return p, ci95


def bootstrap_both_ways(generator: np.random.Generator, nets: list[np.ndarray]) -> np.ndarray:
    """Whether the percentile interval excludes 0 when seeds and images are resampled together, bool (T,)."""

    def draw(count: int) -> np.ndarray:
        return generator.multinomial(count, np.full(count, 1 / count), BOOTSTRAPS) / count

    # Drawn once for all studies of a chunk: for each study by itself the weights are still random.
    images = draw(nets[0].shape[2]).T
    weights = [draw(values.shape[1]) for values in nets]
    drawn = [np.einsum("tsb,bs->tb", values @ images, own) for own, values in zip(weights, nets, strict=True)]
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5], axis=1)
    return (low > 0) | (high < 0)


def simulate(
    model: Model, accuracies: tuple[float, float], seeds: tuple[int, int], num_images: int, studies: int, seed: int
) -> dict[str, float | None]:
    """By method, the share of studies that call two nets different; and the share of intervals with the truth."""
    generator = np.random.default_rng(seed)
    truth, error = accuracies[0] - accuracies[1], model.variance(accuracies, seeds, num_images) ** 0.5
    found: dict[str, list[bool]] = {}

    def note(name: str, values: np.ndarray | bool) -> None:
        found.setdefault(name, []).extend(np.atleast_1d(values).tolist())

    for _ in range(studies // CHUNK):
        nets = model.draw(generator, accuracies, seeds, (CHUNK, num_images))
        of_run = [values.mean(axis=2) for values in nets]
        difference = of_run[0].mean(axis=1) - of_run[1].mean(axis=1)
        note("oracle", 2 * ndtr(-np.abs(difference) / error) < 0.05)
        with np.errstate(invalid="ignore", divide="ignore"):
            if min(seeds) > 1:
                note("welch_t", ttest_ind(*of_run, axis=1, equal_var=False).pvalue < 0.05)
            if min(seeds) > 1 and seeds[0] == seeds[1]:
                note("paired_t", ttest_rel(*of_run, axis=1).pvalue < 0.05)
        if min(seeds) > 1:
            note("bootstrap", bootstrap_both_ways(generator, nets))
        for a, b in zip(*nets, strict=True):
            p, (low, high) = judge(a, b)
            note("compare", p < 0.05)
            note("coverage", low <= truth <= high)
            mean_low, mean_high = mean_interval(a, (0, 1))
            note("coverage_of_mean", mean_low <= accuracies[0] <= mean_high)
    names = ("compare", "oracle", "coverage", "coverage_of_mean", "welch_t", "paired_t", "bootstrap")
    return {name: float(np.mean(found[name])) if name in found else None for name in names}


def run_setting(accuracy: float, seeds: tuple[int, int], num_images: int, model: Model, studies: int) -> dict:
    """One row of docs/calibration.json."""
    half = DIFFERENCES[accuracy] / 2
    equal = simulate(model, (accuracy, accuracy), seeds, num_images, studies, seed=0)
    apart = simulate(model, (accuracy + half, accuracy - half), seeds, num_images, studies, seed=1)
    return {
        "accuracy": accuracy,
        "seeds": list(seeds),
        "images": num_images,
        "model": asdict(model),
        "studies": studies,
        "difference": DIFFERENCES[accuracy],
        "truth": model.describe(accuracy, num_images),
        "equal_nets": equal,
        "different_nets": apart,
    }


def ask_peers(studies: int, seed: int = 2) -> dict[str, float]:
    """By package, the share of studies of two equal nets (10 seeds, 300 images, 92 %) that it calls different."""
    import pandas as pd
    from autorank import autorank
    from deepsig import aso
    from rliable import library, metrics

    generator = np.random.default_rng(seed)
    judges: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {
        "autorank": lambda a, b: autorank(pd.DataFrame({"a": a, "b": b})).pvalue < 0.05,
        "rliable, probability of improvement": lambda a, b: _leaves_out_half(
            library.get_interval_estimates(
                {"a,b": (a[:, None], b[:, None])}, metrics.probability_of_improvement, reps=2000
            )[1]["a,b"]
        ),
        "deepsig, epsilon < 0.2": lambda a, b: (
            abs(aso(a, b, num_bootstrap_iterations=500, show_progress=False, seed=0) - 0.5) > 0.3
        ),
    }
    found: dict[str, list[bool]] = {name: [] for name in judges}
    nets = Model().draw(generator, (0.92, 0.92), (10, 10), (studies, 300))
    for a, b in zip(*(values.mean(axis=2) for values in nets), strict=True):
        for name, is_different in judges.items():
            found[name].append(bool(is_different(a, b)))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _leaves_out_half(interval: np.ndarray) -> bool:
    low, high = np.ravel(interval)
    return bool(low > 0.5 or high < 0.5)


def print_tables(rows: list[dict]) -> None:
    """Prints false alarms, coverage and power of every setting as a Markdown table."""
    header = ["accuracy", "seeds", "images", "sd of runs", "false alarms", "coverage", "of a mean", "power", "oracle"]
    print("| " + " | ".join([*header, "Welch t", "paired t", "bootstrap"]) + " |")
    print("|" + "---|" * (len(header) + 3))
    for row in rows:
        equal, apart = row["equal_nets"], row["different_nets"]
        coverage = (equal["coverage"] + apart["coverage"]) / 2
        of_mean = (equal["coverage_of_mean"] + apart["coverage_of_mean"]) / 2
        seeds = " and ".join(map(str, dict.fromkeys(row["seeds"])))
        shares = [equal["compare"], coverage, of_mean, apart["compare"], apart["oracle"]]
        shares += [equal["welch_t"], equal["paired_t"], equal["bootstrap"]]
        cells = [
            f"{100 * row['accuracy']:.0f} %",
            seeds,
            str(row["images"]),
            f"{100 * row['truth']['sd_of_runs']:.1f}",
        ]
        print("| " + " | ".join([*cells, *("" if share is None else f"{100 * share:.1f}" for share in shares)]) + " |")


def select(rows: list[dict], accuracy: float) -> Iterator[dict]:
    """The rows of a curve: both nets with the same number of seeds, 300 images, the usual seed noise."""
    for row in rows:
        usual = row["model"] == asdict(Model()) and row["images"] == 300
        if usual and row["accuracy"] == accuracy and row["seeds"][0] == row["seeds"][1]:
            yield row


def draw(rows: list[dict], path: Path) -> None:
    """Draws false alarms and power against the number of seeds, one column per accuracy."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    lines = {
        "compare": ("#0b5fa5", "-", "compare (crossed)"),
        "oracle": ("#555555", ":", "told the true variance"),
        "welch_t": ("#c2410c", "--", "Welch t over seeds"),
        "paired_t": ("#c2410c", "-.", "paired t over seeds"),
        "bootstrap": ("#3f7d20", "--", "bootstrap of both"),
    }
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "calibration"}):
        figure = Figure(figsize=(10, 6), layout="constrained")
        axes = figure.subplots(2, len(DIFFERENCES), sharex=True)
        for column, accuracy in enumerate(DIFFERENCES):
            chosen = [row for row in select(rows, accuracy) if row["seeds"][0] > 1]
            seeds = [row["seeds"][0] for row in chosen]
            for place, key in enumerate(("equal_nets", "different_nets")):
                axis = axes[place, column]
                for name, (colour, style, label) in lines.items():
                    if place == 1 and name not in ("compare", "oracle"):
                        continue
                    values = [np.nan if row[key][name] is None else 100 * row[key][name] for row in chosen]
                    axis.plot(seeds, values, style, color=colour, label=label, marker="o", markersize=3)
                axis.grid(alpha=0.25)
                axis.axvspan(1.8, MIN_SEEDS - 0.5, color="#000000", alpha=0.07, linewidth=0, label=TOO_FEW)
                axis.set_xlim(1.8, 10.2)
            axes[0, column].axhspan(3, 6, color="#0b5fa5", alpha=0.1, label="promised: 3 to 6 %")
            axes[0, column].set_title(f"{100 * accuracy:.0f} % accuracy")
            axes[0, column].set_ylim(0, 50)
            axes[1, column].set_ylim(0, 100)
            axes[1, column].set_xlabel("seeds per net")
            axes[1, column].set_title(f"nets {100 * DIFFERENCES[accuracy]:.0f} points apart", fontsize=9)
        axes[0, 0].set_ylabel("equal nets called different, %")
        axes[1, 0].set_ylabel("different nets told apart, %")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
        figure.savefig(path, dpi=150)


def main() -> None:
    """Runs the settings named by the arguments, or draws all settings that have been run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accuracy", type=float, choices=list(DIFFERENCES), nargs="+", default=list(DIFFERENCES))
    parser.add_argument("--seeds", nargs="+", default=["3", "5", "10", "10,5", "10,3"], help="a number, or one per net")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--seed_noise", type=float, default=Model.seeds, help="standard deviation `seeds` of the model")
    parser.add_argument("--studies", type=int, default=2000, help=f"a multiple of {CHUNK}")
    parser.add_argument("--output", type=Path, default=DOCS)
    parser.add_argument("--draw", action="store_true", help="draw and print what docs/calibration.json contains")
    parser.add_argument("--peers", action="store_true", help="ask autorank, rliable and deepsig")
    options = parser.parse_args()
    path = options.output / "calibration.json"
    content = json.loads(path.read_text()) if path.is_file() else {"rows": [], "peers": {}}
    rows = content["rows"]
    if options.draw:
        print_tables(rows)
        print(content["peers"])
        draw(rows, options.output / "calibration.png")
        return
    if options.peers:
        content["peers"] = ask_peers(220)
    else:
        model = Model(seeds=options.seed_noise)
        for accuracy in options.accuracy:
            for text in options.seeds:
                numbers = [int(number) for number in text.split(",")]
                seeds = (numbers[0], numbers[-1])
                new = run_setting(accuracy, seeds, options.images, model, options.studies)
                print(accuracy, text, new["equal_nets"], new["different_nets"], flush=True)
                key = _key(new)
                rows[:] = sorted([row for row in rows if _key(row) != key] + [new], key=_key)
    path.write_text(json.dumps(content, indent=1) + "\n")


def _key(row: dict) -> tuple:
    return row["model"]["seeds"], row["images"], row["accuracy"], *row["seeds"]


if __name__ == "__main__":
    main()
