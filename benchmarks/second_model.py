"""Does `compare` keep its promise where it is hard to keep? Studies drawn from a model unlike that of calibration.py.

Run s of net g answers image i, of class c, rightly with the chance 1 / (1 + exp(-h)), where

    h = m_gc + image_i + (net x image)_gi + seed_gs + (seed x class)_gsc + (seed x image)_gsi

with normal deviates. `agreement` is the share of the image variance that is the same for all nets. Near-duplicates have
all these terms in common. The truth is the mean of the logistic-normal distribution over the classes, by quadrature.

    python benchmarks/second_model.py --studies 4000

writes docs/second_model.json and prints it as the table that is in docs/calibration.md. `--only WORD` runs the settings
whose name contains WORD (`near-duplicates, 300 images`), and replaces their rows.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from cifar_lightning.compare import analysis
from cifar_lightning.compare.pairs import ENOUGH_SEEDS
from cifar_lightning.compare.summaries import mean_interval
from cifar_lightning.compare.units import EACH_ALONE, Units, count_units

DOCS = Path(__file__).parent.parent / "docs"
CHUNK = 20
# By accuracy, the difference of two nets for which coverage and power are simulated.
DIFFERENCES = {0.6: 0.08, 0.75: 0.08, 0.92: 0.04, 0.98: 0.02, 0.99: 0.01}
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)


@dataclass(frozen=True)
class Setting:
    """A study of two nets; standard deviations as logits, those of seeds in points of accuracy.

    Attributes:
        name: what is hard about it.
        seeds: the number of runs of each net.
        seed_points: the standard deviation over seeds of each net.
        shared_seeds: the correlation of the seeds of both nets.
        copies: the share of the images that has near-duplicates, and the number of images in such a group.
        num_classes: the number of classes, three where there is a `class_effect`.
        class_effect: by how many points each net is better on the first of three classes, and worse on the last; the
            second net the other way round.
    """

    name: str
    accuracy: float = 0.92
    num_images: int = 300
    seeds: tuple[int, int] = (10, 10)
    agreement: float = 0.75
    image: float = 6.5
    seed_image: float = 1.2
    seed_points: tuple[float, float] = (0.8, 0.8)
    seed_class: float = 0.0
    shared_seeds: float = 0.0
    copies: tuple[float, int] = (0.0, 2)
    class_effect: float = 0.0
    # No part of what seeds the generator.
    num_classes: int = field(default=3, repr=False)

    @property
    def has_plain(self) -> bool:
        """Whether groups, strata or pairs matter here."""
        return bool(self.copies[0] or self.class_effect or self.shared_seeds)

    @property
    def groups(self) -> np.ndarray:
        """int (N,): the first images are the groups of near-duplicates."""
        share, size = self.copies
        num_copied = round(share * self.num_images / size) * size
        places = np.arange(self.num_images)
        return np.where(places < num_copied, places // size, places)

    @property
    def strata(self) -> np.ndarray:
        """int (N,): the classes in turn."""
        return np.arange(self.num_images) % self.num_classes

    def draw(self, generator: np.random.Generator, difference: float) -> tuple[list[np.ndarray], list[float]]:
        """Draws studies: for each net whether its answers are right, float64 (T, S, N), and its true accuracy."""

        def normal(sd: float, *size: int) -> np.ndarray:
            return sd * generator.standard_normal((CHUNK, *size), dtype=np.float32)

        groups, strata, num_images = self.groups, self.strata, self.num_images
        common = normal(self.image * self.agreement**0.5, 1, num_images)
        both_seeds = normal(1, max(self.seeds), 1)
        nets, truths = [], []
        for place, (num_seeds, points) in enumerate(zip(self.seeds, self.seed_points, strict=True)):
            sign = 1 - 2 * place
            seed = _seed_deviation(self.accuracy, self.image, points / 100)
            total = float(np.sqrt(self.image**2 + self.seed_image**2 + self.seed_class**2 + seed**2))
            wanted = [
                self.accuracy + sign * (difference / 2 + self.class_effect / 100 * (1 - c))
                for c in range(self.num_classes)
            ]
            own_seeds = normal(1, num_seeds, 1)
            seeds = self.shared_seeds**0.5 * both_seeds[:, :num_seeds] + (1 - self.shared_seeds) ** 0.5 * own_seeds
            of_image = common + normal(self.image * (1 - self.agreement) ** 0.5, 1, num_images)
            of_both = normal(self.seed_image, num_seeds, num_images)
            of_class = normal(self.seed_class, num_seeds, self.num_classes)[..., strata]
            hidden = (of_image + of_both)[..., groups]
            located = np.array([_locate(accuracy, total) for accuracy in wanted], np.float32)[strata]
            chances = expit(located + hidden + seed * seeds + of_class)
            nets.append((generator.random(chances.shape, dtype=np.float32) < chances).astype(np.float64))
            truths.append(float(np.mean([wanted[stratum] for stratum in strata])))
        return nets, truths


@cache
def _locate(accuracy: float, sd: float) -> float:
    """The mean of a normal logit with this standard deviation whose mean chance is `accuracy`."""
    return float(brentq(lambda mean: _mean_chance(mean, sd) - accuracy, -60, 60))


@cache
def _seed_deviation(accuracy: float, image_sd: float, points: float) -> float:
    """The standard deviation of seeds as logits that moves the accuracy by `points`."""
    mean = _locate(accuracy, image_sd)
    return points / ((_mean_chance(mean + 0.01, image_sd) - _mean_chance(mean - 0.01, image_sd)) / 0.02)


def _mean_chance(mean: float, sd: float) -> float:
    return float((WEIGHTS * expit(mean + sd * NODES)).sum() / WEIGHTS.sum())


def judge(nets: Sequence[np.ndarray], units: Units, paired_seeds: bool) -> tuple[float, tuple[float, float]]:
    """The p-value and the interval that `compare` gives."""
    a, b = nets
    contrast = analysis.analyse(*(([a - b], [1]) if paired_seeds else (nets, [1, -1])), units)
    ci95, p = analysis.judge(contrast.value, contrast.ci95, contrast.p, count_units(a.shape[1], units.groups), most=1.0)
    return p, ci95


def simulate(setting: Setting, difference: float, studies: int) -> dict[str, float]:
    """Shares of studies: called different, the same without groups, strata or pairs, coverage, with a caveat."""
    generator = np.random.default_rng([difference > 0, crc32(repr(setting).encode())])
    found: dict[str, list[bool]] = {}

    def note(**values: bool) -> None:
        for name, value in values.items():
            found.setdefault(name, []).append(bool(value))

    units = Units(setting.groups if setting.copies[0] else None, setting.strata)
    for _ in range(studies // CHUNK):
        drawn, truths = setting.draw(generator, difference)
        for nets in zip(*drawn, strict=True):
            p, (low, high) = judge(nets, units, setting.shared_seeds > 0)
            note(different=p < 0.05, held=low <= truths[0] - truths[1] <= high)
            if setting.has_plain:
                note(plain_different=judge(nets, EACH_ALONE, paired_seeds=False)[0] < 0.05)
            if not difference:
                low, high = mean_interval(nets[0], (0, 1), units)
                note(mean_held=low <= truths[0] <= high)
            differing = analysis.count_differing(analysis.combine(nets, (1, -1)))
            copied = 3 * count_units(setting.num_images, units.groups) <= 2 * setting.num_images
            note(caveat=min(setting.seeds) < ENOUGH_SEEDS or differing < 10 or copied)
    return {name: float(np.mean(values)) for name, values in found.items()}


def list_settings() -> Iterator[Setting]:
    """All settings that are run by default."""
    every = ((3, 3), (5, 5), (10, 10), (10, 3))
    for accuracy, num_images in ((0.6, 100), (0.6, 300), (0.92, 100), (0.92, 300), (0.92, 2000)):
        for seeds in every:
            yield Setting("as the lab", accuracy, num_images, seeds)
    for agreement in (0.3, 0.9):
        for seeds in every:
            yield Setting("nets agree", agreement=agreement, seeds=seeds)
    for points in ((0.8, 2.4), (0.8, 3.2)):
        for seeds in ((3, 3), (10, 3), (10, 5), (10, 10)):
            yield Setting("unequal scatter", seeds=seeds, num_images=2000, seed_points=points)
    for accuracy, num_images in ((0.99, 100), (0.99, 300), (0.98, 100)):
        for seeds in ((5, 5), (10, 10)):
            yield Setting("few mistakes", accuracy, num_images, seeds)
    for copies in ((0.03, 2), (0.14, 2), (0.3, 2), (0.6, 2), (0.5, 5)):
        yield Setting("near-duplicates", copies=copies)
    for accuracy, effect in ((0.92, 3.0), (0.75, 15.0)):
        for seeds in every:
            yield Setting("class effects", accuracy, seeds=seeds, class_effect=effect)
    for seeds in every:
        yield Setting("seeds that favour a class", seeds=seeds, seed_class=0.5)
    for seeds in every:
        yield Setting("20 classes of 5 images", num_images=100, seeds=seeds, seed_class=0.5, num_classes=20)
    for correlation in (0.9, 0.0001):
        for seeds in every[:3]:
            yield Setting("paired seeds", seeds=seeds, seed_points=(2.8, 2.8), shared_seeds=correlation)


def print_rows(rows: Sequence[dict]) -> None:
    """Prints the rows of a Markdown table, shares in percent."""
    for row in rows:
        setting, equal, apart = row["setting"], row["equal_nets"], row["different_nets"]
        notes = {
            "nets agree": f": {setting['agreement']:g}",
            "unequal scatter": f": {setting['seed_points'][0]:g} and {setting['seed_points'][1]:g} points",
            "near-duplicates": f": {100 * setting['copies'][0]:g} % in groups of {setting['copies'][1]}",
            "class effects": f": {2 * setting['class_effect']:g} points",
            "paired seeds": f": correlation {setting['shared_seeds']:.1f}",
        }
        shares = [equal["different"], equal.get("plain_different"), min(equal["held"], apart["held"])]
        shares += [equal["mean_held"], apart["different"], apart.get("plain_different")]
        seeds = " and ".join(map(str, dict.fromkeys(setting["seeds"])))
        caveat = " *" if equal["caveat"] >= 0.9 else ""
        cells = [setting["name"] + notes.get(setting["name"], ""), f"{100 * setting['accuracy']:g} %"]
        cells += [
            str(setting["num_images"]),
            seeds + caveat,
            *("" if share is None else f"{100 * share:.1f}" for share in shares),
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Runs the settings, or prints all that were run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=4000, help=f"a multiple of {CHUNK}; 0 prints the table alone")
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--output", type=Path, default=DOCS / "second_model.json")
    options = parser.parse_args()
    known = json.loads(options.output.read_text()) if options.output.is_file() else []
    rows = {json.dumps(row["setting"]): row for row in known}
    for setting in list_settings() if options.studies else ():
        if options.only in f"{setting.name}, {setting.num_images} images":
            row = {"setting": json.loads(json.dumps(asdict(setting))), "studies": options.studies}
            row["equal_nets"] = simulate(setting, 0.0, options.studies)
            row["different_nets"] = simulate(setting, DIFFERENCES[setting.accuracy], options.studies)
            rows[json.dumps(row["setting"])] = row
            print_rows([row])
            options.output.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
    if not options.studies:
        header = [
            "setting",
            "accuracy",
            "images",
            "seeds",
            "false alarms",
            "plain",
            "coverage",
            "of a mean",
            "power",
            "plain",
        ]
        print("| " + " | ".join(header) + " |")
        print("|" + "---|" * len(header))
        print_rows(list(rows.values()))


if __name__ == "__main__":
    main()
