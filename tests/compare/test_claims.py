"""The lab's claims about nets that were made to support or contradict them."""

import re
from pathlib import Path

import numpy as np
import pytest
from simulated_runs import PROBE_NAMES, predict

from cifar_lightning.compare.analysis import analyse, find_unseen_interval
from cifar_lightning.compare.claims import judge_claims, noise_change
from cifar_lightning.runs.probe_shares import ProbeShares
from cifar_lightning.runs.run import Run

IMAGES = 200
NOISE = "max pooling is robust to noise"
SHIFTS = "max pooling is robust to small shifts"
SMOOTHS = "average pooling smooths noise"
DETAIL = "a large stride loses detail"
OVERFITS = "a large stride overfits most"
BACKBONES = "cifar_lightning.models.backbones"


class RunInMemory(Run):
    """A run that was never written."""

    def has(self, name):
        return {"config.yaml": "settings", "probes.csv": "probes"}.get(name, "") in vars(self)


def make_runs(name, accuracy=0.9, noise=0.85, consistency=0.9, train=1.0, seeds=4, settings=None):
    """Runs whose answers, noisy answers and consistencies are right, or the same, with these chances."""
    generator = np.random.default_rng([ord(letter) for letter in name])

    def share(chance):
        return generator.binomial(8, chance, IMAGES) / 8

    runs = []
    for _ in range(seeds):
        test = predict(generator.random(IMAGES) < accuracy)
        chances = {"noise": noise, "consistency": consistency, "shift": accuracy}
        shares = {probe: share(chances[probe.partition("_")[0]]) for probe in PROBE_NAMES}
        run = RunInMemory(Path(name))
        vars(run).update(probes=ProbeShares(test.indices, shares), settings=settings or {})
        run._predictions.update(test=test, train=predict(np.arange(100) < 100 * train))
        runs.append(run)
    return runs


def judge(**nets):
    strategies = {name: make_runs(name, **changes) for name, changes in nets.items()}
    return {claim.text: claim for claim in judge_claims(strategies)}


ALIKE = {"maxpool": {}, "avgpool": {}, "stride": {}, "baseline": {}}


def test_nets_that_are_alike_support_no_claim():
    claims = judge(**ALIKE)
    assert {text: claim.verdict.value for text, claim in claims.items()} == dict.fromkeys(
        (NOISE, SHIFTS, SMOOTHS, DETAIL, OVERFITS), "not shown"
    )


@pytest.mark.parametrize(
    ("net", "changes", "claim", "verdict"),
    [
        ("maxpool", {"noise": 0.99}, NOISE, "supported"),
        ("maxpool", {"noise": 0.5}, NOISE, "contradicted"),
        ("maxpool", {"consistency": 0.99}, SHIFTS, "supported"),
        ("maxpool", {"consistency": 0.7}, SHIFTS, "contradicted"),
        ("avgpool", {"noise": 0.99}, SMOOTHS, "supported"),
        ("avgpool", {"noise": 0.5}, SMOOTHS, "contradicted"),
        ("stride", {"accuracy": 0.6}, DETAIL, "supported"),
        ("stride", {"accuracy": 1.0}, DETAIL, "contradicted"),
        ("stride", {"accuracy": 0.6}, OVERFITS, "supported"),
        ("stride", {"accuracy": 0.6, "train": 0.6}, OVERFITS, "contradicted"),
    ],
)
def test_a_claim_is_supported_or_contradicted_by_its_own_quantity_alone(net, changes, claim, verdict):
    claims = judge(**{**ALIKE, net: changes})
    assert claims[claim].verdict.value == verdict
    others = {SHIFTS, SMOOTHS, NOISE} - {claim}
    if "accuracy" not in changes:
        assert {claims[other].verdict.value for other in others} == {"not shown"}


def test_a_difference_above_zero_speaks_for_every_claim():
    robust = judge(**{**ALIKE, "maxpool": {"noise": 0.99, "consistency": 0.99}})
    coarse = judge(**{**ALIKE, "stride": {"accuracy": 0.6}})
    for claim in (robust[NOISE], robust[SHIFTS], coarse[DETAIL], coarse[OVERFITS]):
        assert claim.verdict.value == "supported"
        assert set(re.findall(r"(\S)[\d.]+ points against", claim.evidence)) == {"+"}


def test_overfitting_most_is_more_than_each_other_net():
    claims = judge(**{**ALIKE, "stride": {"accuracy": 0.6}, "avgpool": {"accuracy": 0.61}})
    assert claims[OVERFITS].verdict.value == "not shown"
    claims = judge(**{**ALIKE, "stride": {"accuracy": 0.75}, "avgpool": {"accuracy": 0.5}})
    assert claims[OVERFITS].verdict.value == "contradicted"


def test_the_numbers_are_those_of_the_crossed_analysis_against_the_mean_of_the_others():
    strategies = {name: make_runs(name, **changes) for name, changes in {**ALIKE, "maxpool": {"noise": 0.7}}.items()}
    (claim,) = (claim for claim in judge_claims(strategies) if claim.text == NOISE)
    changes = [np.stack([noise_change(run) for run in strategies[name]]) for name in ("maxpool", "stride", "baseline")]
    crossed = analyse(changes, (1, -0.5, -0.5))
    evidence = claim.evidence.replace("\N{MINUS SIGN}", "-")
    assert f"maxpool's accuracy changes by {100 * changes[0].mean():+.1f} points on average under noise" in evidence
    assert f"{100 * crossed.value:+.1f} points against the mean of stride and baseline" in evidence
    assert f"95 % interval {100 * crossed.ci95[0]:+.1f} to {100 * crossed.ci95[1]:+.1f}" in evidence
    run = strategies["maxpool"][0]
    noisy = np.mean([run.probes.shares[name] for name in ("noise_8", "noise_16", "noise_32")], axis=0)
    assert noise_change(run) == pytest.approx(noisy - run.predictions("test").is_right)


def test_where_nothing_varies_the_interval_is_what_so_many_images_have_not_shown():
    strategies = {name: make_runs(name) for name in ALIKE}
    for run in (run for runs in strategies.values() for run in runs):
        run.probes.shares.update(
            (f"consistency_{shift}", np.ones(len(run.predictions("test").labels))) for shift in (1, 2)
        )
    (claim,) = (claim for claim in judge_claims(strategies) if claim.text == SHIFTS)
    _, high = find_unseen_interval(0.0, IMAGES, (-1.0, 1.0))
    assert f"{100 * high:.1f} to {100 * high:+.1f}, Holm's p > 0.99)" in claim.evidence


def test_a_net_of_another_kind_is_not_the_labs_whatever_its_name():
    own, other = ({"model.backbone.class_path": f"{package}.StrideNet"} for package in (BACKBONES, "mine"))
    assert DETAIL in judge(maxpool={}, stride={"settings": own})
    assert judge(maxpool={}, stride={"settings": other}) == {}
    pooled = {"model.backbone.class_path": f"{BACKBONES}.AvgPoolNet"}
    assert set(judge(maxpool={"settings": pooled}, avgpool={}, stride={"settings": own})) == {SMOOTHS, DETAIL, OVERFITS}


def test_with_two_seeds_nothing_is_shown():
    strategies = {**ALIKE, "maxpool": {"noise": 0.3, "seeds": 2}}
    claim = judge(**strategies)[NOISE]
    assert (claim.verdict.value, "3 seeds of each are needed" in claim.evidence) == ("not shown", True)


def test_claims_about_nets_that_are_not_there_are_left_out():
    assert judge(mine={}, yours={}) == {}
    assert set(judge(maxpool={}, avgpool={})) == set()
    assert set(judge(maxpool={}, stride={})) == {NOISE, SHIFTS, DETAIL, OVERFITS}


@pytest.mark.parametrize(
    ("forget", "left"),
    [
        (lambda run: vars(run).pop("probes"), [DETAIL, OVERFITS]),
        (lambda run: run._predictions.pop("train"), [NOISE, SHIFTS, SMOOTHS, DETAIL]),
    ],
    ids=["probes.csv", "train_predictions.csv"],
)
def test_a_claim_is_left_out_where_one_run_lacks_its_file(forget, left):
    strategies = {net: make_runs(net) for net in ALIKE}
    forget(strategies["stride"][1])
    assert [claim.text for claim in judge_claims(strategies)] == left


def test_no_negative_number_is_called_better():
    claims = judge(**{**ALIKE, "stride": {"accuracy": 0.95, "train": 0.9}})
    evidence = claims[OVERFITS].evidence.replace("\N{MINUS SIGN}", "-")
    assert re.match(r"stride's training accuracy minus its test accuracy is -[\d.]+ points \(baseline \+", evidence)


def test_a_gap_of_nets_that_know_all_training_images_is_said_to_repeat_the_accuracy():
    said = "every training accuracy is 100 %, so this says no more than the test accuracies"
    assert said in judge(**ALIKE)[OVERFITS].evidence
    claims = judge(**{**ALIKE, "avgpool": {"train": 0.99}})
    assert [text for text, claim in claims.items() if said in claim.evidence] == []
