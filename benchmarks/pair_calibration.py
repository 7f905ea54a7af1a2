"""Does `compare` keep its promise for several nets, for equal ones, for unequal scatter and with few mistakes?

The studies are those of benchmarks/calibration.py, with 300 images unless it says otherwise. The tables that these
calls print are in docs/calibration.md:

    python benchmarks/pair_calibration.py families --seeds 5 10
    python benchmarks/pair_calibration.py equal --seeds 3 5 10
    python benchmarks/pair_calibration.py scatter
    python benchmarks/pair_calibration.py groups --seeds 3 5 10
    python benchmarks/pair_calibration.py few --seeds 3 5 10
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from calibration import CHUNK, Model, judge

from cifar_lightning.compare.analysis import analyse, combine, count_differing, find_equal_p
from cifar_lightning.compare.correction import correct_pairs, holm
from cifar_lightning.compare.pairs import UNEQUAL
from cifar_lightning.compare.summaries import mean_interval, spread
from cifar_lightning.compare.units import Units, find_evenness

# The accuracies of four nets, whose six pairs are judged together.
FAMILIES = ((0.92,) * 4, (0.96, 0.92, 0.92, 0.92), (0.96, 0.96, 0.92, 0.92), (0.97, 0.94, 0.92, 0.92))
# By accuracy, the margin within which two nets are to be called equal.
MARGINS = {0.6: 0.1, 0.92: 0.05, 0.98: 0.03, 0.99: 0.02}
# Accuracy, the seed noise of two nets (`Model.seeds`), and their seeds.
SCATTERS = [
    (accuracy, noise, seeds)
    for accuracy in (0.92, 0.98)
    for noise in ((0.15, 0.15), (0.15, 0.6), (0.1, 1.0), (0.1, 1.5))
    for seeds in ((3, 3), (5, 5), (10, 10), (20, 20), (10, 3))
]
# The sizes of groups of images that belong together.
LOGNORMAL = np.ceil(np.exp(1.5 * np.random.default_rng(0).standard_normal(100) + 1)).astype(int)
GROUPS = {
    "20 of 20 images": [20] * 20,
    "20 of lognormal sizes": LOGNORMAL[:20],
    "100 of lognormal sizes": LOGNORMAL,
    "8 of 2 to 200 images": [2, 5, 10, 20, 40, 80, 150, 200],
    "1 of 150, 30 of 5 images": [150] + [5] * 30,
}
# Accuracy, difference and number of images where few images tell two nets apart.
FEW = ((0.99, 0.01, 100), (0.98, 0.02, 100), (0.99, 0.01, 300), (0.98, 0.02, 300), (0.92, 0.04, 100))


def draw(
    studies: int, accuracies: Sequence[float], seeds: Sequence[int], num_images: int = 300, noise: Sequence[float] = ()
) -> Iterator[tuple[np.ndarray, ...]]:
    """Draws studies one by one: for each net, whether its answers are correct, float64 (S, N)."""
    generator = np.random.default_rng(3)
    for _ in range(studies // CHUNK):
        yield from zip(*Model().draw(generator, accuracies, seeds, (CHUNK, num_images), noise), strict=True)


def print_row(*cells: object) -> None:
    """Prints a row of a Markdown table, shares in percent."""
    texts = [f"{100 * cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells]
    print("| " + " | ".join(texts) + " |", flush=True)


def print_families(num_seeds: int, studies: int) -> None:
    """How often four nets get a false alarm, and how often all true differences are found: closed testing and Holm."""
    pairs = list(combinations(range(4), 2))
    for accuracies in FAMILIES:
        equal = np.array([accuracies[first] == accuracies[second] for first, second in pairs])
        shown = []
        for nets in draw(studies, accuracies, [num_seeds] * 4):
            p_values = [judge(nets[first], nets[second])[0] for first, second in pairs]
            shown.append((correct_pairs(p_values, 4), holm(p_values)))
        found = np.array(shown) < 0.05
        alarms = [float(share) for share in found[..., equal].any(axis=2).mean(axis=0)]
        everything = [float(share) for share in found[..., ~equal].all(axis=2).mean(axis=0)]
        named = ", ".join(f"{100 * accuracy:.0f}" for accuracy in accuracies)
        print_row(f"{named} %", num_seeds, *alarms, *(["", ""] if equal.all() else everything))


def print_equal(num_seeds: int, studies: int) -> None:
    """How often two nets are called equal within a margin that they differ by: as `compare` does, by the 90 % interval
    of the usual two one-sided tests; and how often equal nets are."""
    for accuracy, margin in MARGINS.items():
        shares = []
        for half in (margin / 2, 0.0):
            found = []
            for nets in draw(studies, (accuracy + half, accuracy - half), [num_seeds] * 2):
                _, (low, high) = judge(*nets)
                p = find_equal_p(analyse(nets), margin, 1.0)
                found.append((p < 0.05 and -margin < low and high < margin, p < 0.1))
            shares.append([float(share) for share in np.mean(found, axis=0)])
        print_row(f"{100 * accuracy:.0f} %", num_seeds, f"{100 * margin:.0f}", *shares[0], shares[1][0])


def print_scatter(studies: int) -> None:
    """False alarms of equal nets whose seeds scatter differently, on 2 000 images: in all studies, what share of them
    favours the noisier net, and where the runs show it."""
    for accuracy, noise, seeds in SCATTERS:
        alarms, seen, favours, spreads = [], [], [], []
        for calm, noisy in draw(studies, (accuracy, accuracy), seeds, 2000, noise):
            alarms.append(judge(calm, noisy)[0] < 0.05)
            favours.append(noisy.mean() > calm.mean())
            spreads.append([spread(calm) or 0.0, spread(noisy) or 0.0])
            seen.append(max(spreads[-1]) >= UNEQUAL * min(spreads[-1]))
        alarm, is_seen = np.array(alarms), np.array(seen)
        within = [float(alarm[mask].mean()) if mask.any() else "" for mask in (is_seen, ~is_seen)]
        print_row(
            f"{100 * accuracy:.0f} %",
            " and ".join(f"{100 * sd:.1f}" for sd in np.sqrt(np.square(spreads).mean(axis=0))),
            " and ".join(map(str, dict.fromkeys(seeds))),
            float(alarm.mean()),
            float(np.mean(np.array(favours)[alarm])),
            float(is_seen.mean()),
            *within,
        )


def print_groups(num_seeds: int, studies: int) -> None:
    """False alarms of equal nets on images in groups, which are as hard for all nets, and for one: image by image, and
    group by group."""
    generator = np.random.default_rng(3)
    for name, sizes in GROUPS.items():
        groups = np.repeat(np.arange(len(sizes)), sizes)
        num_images, alarms = len(groups), []
        for _ in range(studies):
            hard = 0.6 * generator.standard_normal(len(sizes))[groups] + 0.5 * generator.standard_normal(num_images)
            nets = [
                hard
                + 0.8 * generator.standard_normal(len(sizes))[groups]
                + 0.15 * generator.standard_normal((num_seeds, 1))
                + generator.standard_normal((num_seeds, num_images))
                > -0.5
                for _ in range(2)
            ]
            values = [net.astype(float) for net in nets]
            alarms.append([analyse(values, units=Units(given)).p < 0.05 for given in (None, groups)])
        worth = f"{len(sizes) * find_evenness(groups):.1f}"
        print_row(name, worth, num_seeds, *(float(share) for share in np.mean(alarms, axis=0)))


def print_few(num_seeds: int, studies: int) -> None:
    """Coverage of the difference and of the better net's mean where few images tell two nets apart."""
    for accuracy, difference, num_images in FEW:
        better = accuracy + difference / 2
        held, held_mean, differing = [], [], []
        for nets in draw(studies, (better, better - difference), [num_seeds] * 2, num_images):
            _, (low, high) = judge(*nets)
            held.append(low <= difference <= high)
            low, high = mean_interval(nets[0])
            held_mean.append(low <= better <= high)
            differing.append(count_differing(combine(nets, (1, -1))))
        print_row(
            f"{100 * better:.1f} and {100 * (better - difference):.1f} %",
            num_images,
            num_seeds,
            f"{np.mean(differing):.0f}",
            float(np.mean(held)),
            float(np.mean(held_mean)),
        )


def main() -> None:
    """Prints the rows of one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=("families", "equal", "scatter", "groups", "few"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[5])
    parser.add_argument("--studies", type=int, default=4000, help=f"a multiple of {CHUNK}")
    options = parser.parse_args()
    if options.table == "scatter":
        print_scatter(options.studies)
        return
    for num_seeds in options.seeds:
        tables = {"families": print_families, "equal": print_equal, "groups": print_groups, "few": print_few}
        tables[options.table](num_seeds, options.studies)


if __name__ == "__main__":
    main()
