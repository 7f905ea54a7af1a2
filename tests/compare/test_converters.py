"""Logs with the structure that lm-evaluation-harness and inspect_ai write, and outputs of other libraries."""

import numpy as np
import pytest
import torch
from prediction_logs import write_inspect, write_samples
from torchmetrics.functional.classification import multiclass_accuracy
from torchmetrics.functional.image import peak_signal_noise_ratio

from cifar_lightning.compare.api import compare
from cifar_lightning.compare.converters import (
    from_datasets,
    from_inspect_ai,
    from_lm_eval,
    from_predictions,
    from_values,
)


def test_sample_logs_of_lm_evaluation_harness_are_read(tmp_path):
    write_samples(tmp_path / "org__small", "gsm8k", [0, 1, 0])
    write_samples(tmp_path / "org__large", "gsm8k", [1, 1, 0])
    columns = from_lm_eval(tmp_path, "exact_match", group="passage")
    assert columns["model"] == ["org__large"] * 3 + ["org__small"] * 3
    assert columns["example"] == ["gsm8k/0", "gsm8k/1", "gsm8k/2"] * 2
    assert columns["value"] == [1, 1, 0, 0, 1, 0]
    assert columns["group"] == ["p0", "p0", "p1"] * 2
    assert "stratum" not in columns


def test_several_tasks_of_lm_evaluation_harness_are_strata(tmp_path):
    for model, scores in (("a", [0, 1]), ("b", [1, 1])):
        write_samples(tmp_path / model, "mmlu_anatomy", scores, metric="acc")
        write_samples(tmp_path / model, "mmlu_virology", scores, metric="acc")
    columns = from_lm_eval([tmp_path / "a", tmp_path / "b"], "acc")
    assert columns["stratum"] == ["mmlu_anatomy"] * 2 + ["mmlu_virology"] * 2 + columns["stratum"][:4]
    assert compare(columns, question="acc").num_images == 4


def test_of_several_filters_one_is_to_be_named(tmp_path):
    path = write_samples(tmp_path / "a", "gsm8k", [0, 1], filters=("strict-match", "flexible-extract"))
    with pytest.raises(ValueError, match=r"expected one filter of .*strict-match, flexible-extract, got None"):
        from_lm_eval(path, "exact_match")
    assert from_lm_eval(path, "exact_match", "strict-match")["value"] == [0, 1]
    assert from_lm_eval(path, "exact_match", "flexible-extract")["value"] == [1, 1]
    with pytest.raises(ValueError, match=r"expected one metric of .*exact_match, got acc"):
        from_lm_eval(path, "acc", "strict-match")


def test_the_epochs_of_inspect_ai_are_averaged_and_its_letters_are_numbers(tmp_path):
    write_inspect(tmp_path / "a.json", "ollama/llama3.1", [["C", "I"], ["P", "P"], ["N", "C"]])
    write_inspect(tmp_path / "b.json", "openai/gpt-4o", [[1, 0], [True, True], [0.25, 0.75]])
    columns = from_inspect_ai(tmp_path, group="passage")
    assert columns["model"] == ["ollama/llama3.1"] * 3 + ["openai/gpt-4o"] * 3
    assert columns["example"] == ["popularity/1", "popularity/2", "popularity/3"] * 2
    assert columns["value"] == [0.5, 0.5, 0.5, 0.5, 1, 0.5]
    assert columns["group"] == [0, 1, 1] * 2


def test_a_sample_of_inspect_ai_that_failed_is_a_missing_cell(tmp_path):
    write_inspect(tmp_path / "a.json", "a", [["C"], [None], ["I"]])
    write_inspect(tmp_path / "b.json", "b", [["C"], ["C"], ["C"]])
    with pytest.raises(ValueError, match=r"first of a on example popularity/2 \(row 1 of the table is empty\)"):
        compare(from_inspect_ai(tmp_path))
    assert compare(from_inspect_ai(tmp_path), shared_only=True).num_images == 2


def test_logs_of_inspect_ai_that_cannot_be_compared_are_refused(tmp_path):
    path = write_inspect(tmp_path / "a.json", "a", [["C"]], status="error")
    with pytest.raises(ValueError, match="has the status 'error'"):
        from_inspect_ai(path)
    path = write_inspect(tmp_path / "a.json", "a", [["C"]], scorers=("match", "model_graded_qa"))
    with pytest.raises(ValueError, match=r"expected one scorer of .*match, model_graded_qa, got None"):
        from_inspect_ai(path)
    assert from_inspect_ai(path, "match")["value"] == [1]
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"expected logs \*\.json below"):
        from_inspect_ai(empty)


def test_predictions_and_targets_of_torchmetrics_give_its_accuracy():
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 3, (60,), generator=generator)
    logits = {("net", seed): torch.randn(60, 3, generator=generator) for seed in range(3)}
    logits |= {("other", seed): torch.randn(60, 3, generator=generator) for seed in range(3)}
    columns = from_predictions(logits, targets)
    comparison = compare(columns)
    for summary in comparison.strategies:
        expected = [
            multiclass_accuracy(logits[summary.name, seed], targets, num_classes=3, average="micro").item()
            for seed in range(3)
        ]
        np.testing.assert_allclose(summary.values.mean(axis=1), expected, rtol=1e-6)


def test_values_of_torchmetrics_without_reduction_are_compared():
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(40, 1, 8, 8, generator=generator)
    found = {
        name: peak_signal_noise_ratio(
            images + noise * torch.randn(40, 1, 8, 8, generator=generator),
            images,
            data_range=(0.0, 1.0),
            reduction="none",
            dim=(1, 2, 3),
        )
        for name, noise in (("sharp", 0.05), ("blurred", 0.1))
    }
    comparison = compare(from_values(found), question="PSNR")
    assert comparison.answer == "Of these very models, by PSNR, sharp beats blurred."


def test_hugging_face_predictions_are_compared_by_label_or_by_the_name_of_an_example():
    references = [0, 1, 1, 0]
    columns = from_predictions({"a": [0, 1, 1, 0], "b": [0, 0, 1, 1]}, references)
    assert columns["value"] == [1, 1, 1, 1, 1, 0, 1, 0]
    # A dataset gives its columns by name, as a dictionary does.
    a = {"id": ["q1", "q2"], "prediction": ["yes", "no"], "label": ["yes", "yes"]}
    b = {"id": ["q2", "q1"], "prediction": ["yes", "no"], "label": ["yes", "yes"]}
    columns = from_datasets({"a": a, "b": b}, example="id")
    assert columns == {"model": list("aabb"), "example": ["q1", "q2", "q2", "q1"], "value": [1, 0, 1, 0]}
    with pytest.raises(ValueError, match=r"expected \(4,\) predictions of a, as there are targets, got \(3,\)"):
        from_predictions({"a": [0, 1, 1]}, references)


@pytest.mark.parametrize(
    ("given", "targets", "said"),
    [
        (
            [0.9, 0.2, 0.7],
            [1, 0, 1],
            r"labels \(N,\), or logits .* as predictions of a, got float64",
        ),
        (np.array([[2.0], [-1.0], [3.0]]), [1, 0, 1], r"as predictions of a, got float64 \(3, 1\)"),
        (["cat", "dog", "cat"], [1, 0, 1], "predictions of a of the same kind as the targets, got cat and 1; convert"),
    ],
)
def test_predictions_that_are_no_labels_are_refused(given, targets, said):
    with pytest.raises(ValueError, match=said):
        from_predictions({"a": given}, targets)


def test_tensors_that_want_a_gradient_are_read():
    logits = torch.tensor([[2.0, -1.0], [-1.0, 1.0]], requires_grad=True)
    assert from_predictions({"a": logits}, torch.tensor([0, 0]))["value"] == [1, 0]
    assert from_values({"a": logits.sum(1)})["value"] == [1, 0]


def test_a_task_without_filters_is_read_beside_one_with_them(tmp_path):
    write_samples(tmp_path / "a", "gsm8k", [0, 1], filters=("strict-match", "flexible-extract"))
    path = write_samples(tmp_path / "a", "drop", [1, 1])
    assert len(from_lm_eval(tmp_path, "exact_match", "strict-match")["value"]) == 4
    with pytest.raises(ValueError, match="expected a filter of these logs, got strict"):
        from_lm_eval(path, "exact_match", "strict")


def test_a_score_of_inspect_ai_that_is_no_number_is_named(tmp_path):
    path = write_inspect(tmp_path / "a.json", "a", [["best"]])
    with pytest.raises(ValueError, match=r"expected a number, or one of C, I, P, N, as score in .*a\.json, got 'best'"):
        from_inspect_ai(path)
