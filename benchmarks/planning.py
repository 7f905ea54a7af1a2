"""Does `plan` keep its promise? Pilots are simulated, planned from, and the planned study is simulated too.

The nets are those of benchmarks/calibration.py. A pilot has S seeds of two nets and 300 images; the plan is for the
true difference of the two and a power of 80 %. The table of docs/calibration.md, "Planning":

    python benchmarks/planning.py --seeds 3 5 10 --pilots 1000
"""

import argparse
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache

import numpy as np
from calibration import CHUNK, Model, judge

from cifar_lightning.compare.planning import Plan
from cifar_lightning.compare.planning_noise import Noise, find_noise

PILOT_IMAGES = 300
# The mean accuracy of two nets, their difference, and the images of the planned study.
SETTINGS = (
    (0.6, 0.07, 300),
    (0.6, 0.045, 1000),
    (0.92, 0.04, 300),
    (0.92, 0.024, 1000),
    (0.98, 0.021, 300),
    (0.98, 0.012, 1000),
)
# Power is simulated at the next smaller of these sizes: a plan is never given more than it has.
SEEDS = (3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)
TIMES = (1, 1.2, 1.5, 2, 3)
POWER_STUDIES = 2000


def draw(
    accuracy: float, difference: float, seeds: int, num_images: int, studies: int, seed: int
) -> Iterator[tuple[np.ndarray, ...]]:
    """Draws studies of two nets one by one: whether their answers are correct, float64 (S, N) each."""
    generator = np.random.default_rng(seed)
    accuracies = accuracy + difference / 2, accuracy - difference / 2
    for _ in range(studies // CHUNK):
        yield from zip(*Model().draw(generator, accuracies, [seeds] * 2, (CHUNK, num_images)), strict=True)


@cache
def find_power(accuracy: float, difference: float, seeds: int, num_images: int) -> float:
    """The share of studies of this size that find the difference."""
    studies = draw(accuracy, difference, seeds, num_images, POWER_STUDIES, seed=5)
    return float(np.mean([judge(*nets)[0] < 0.05 for nets in studies]))


def judge_plan(noise: Noise, accuracy: float, difference: float, num_images: int) -> tuple[float, int | None]:
    """The true power of what is planned from this noise, and the planned seeds; None: more images are planned."""
    planned = Plan(difference, 0.8, num_images, [noise], 2, [])
    assert planned.enough is not None
    seeds, images = planned.enough
    seeds = SEEDS[bisect_right(SEEDS, seeds) - 1]
    times = TIMES[bisect_right(TIMES, images / num_images) - 1]
    return find_power(accuracy, difference, seeds, int(times * num_images)), planned.num_seeds


def print_setting(accuracy: float, difference: float, num_images: int, pilot_seeds: int, pilots: int) -> None:
    """Prints a row: the share of plans that reach 80 %, the planned seeds, the share that asks for more images."""
    cells = [f"{100 * accuracy:.0f} %", f"{100 * difference:g}", str(num_images), str(pilot_seeds)]
    judged: tuple[list[tuple[float, int | None]], ...] = ([], [])
    for nets in draw(accuracy, difference, pilot_seeds, PILOT_IMAGES, pilots, seed=4):
        bound = find_noise(nets)
        for place, noise in enumerate((bound, Noise(bound.seen, bound.seen))):
            judged[place].append(judge_plan(noise, accuracy, difference, num_images))
    for plans in judged:
        powers = np.array([power for power, _ in plans])
        seeds = np.median([np.inf if number is None else number for _, number in plans])
        cells += [f"{100 * np.mean(powers >= 0.8):.1f}", f"{100 * powers.mean():.1f}"]
        cells += [f"{seeds:.0f}" if np.isfinite(seeds) else "more images"]
    enough = [seeds for seeds in SEEDS if find_power(accuracy, difference, seeds, num_images) >= 0.8]
    cells.append(str(enough[0]) if enough else "more images")
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10], help="of the pilot")
    parser.add_argument("--pilots", type=int, default=1000, help=f"a multiple of {CHUNK}")
    options = parser.parse_args()
    columns = (
        "accuracy",
        "difference, points",
        "images",
        "pilot's seeds",
        "reached 80 %",
        "mean power",
        "seeds planned",
    )
    without = tuple(f"{name}, without bounds" for name in columns[4:])
    print("| " + " | ".join((*columns, *without, "seeds needed")) + " |\n" + "|---" * 11 + "|")
    for setting in SETTINGS:
        for pilot_seeds in options.seeds:
            print_setting(*setting, pilot_seeds, options.pilots)
