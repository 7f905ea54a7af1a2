"""Logs with the structure that lm-evaluation-harness and inspect_ai write."""

import json


def write_samples(folder, task, scores, filters=("none",), metric="exact_match"):
    """A sample log of lm-evaluation-harness: one line per document and filter."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "doc_id": place,
            "doc": {"question": f"{place} + {place}?", "answer": str(2 * place), "passage": f"p{place // 2}"},
            "target": str(2 * place),
            "arguments": {"gen_args_0": {"arg_0": f"Q: {place} + {place}?\nA:", "arg_1": {"until": ["\n"]}}},
            "resps": [[f" {2 * place}"]],
            # The harness leaves a line separator as it is.
            "filtered_resps": [f"{2 * place}\u2028"],
            "filter": name,
            "metrics": [metric],
            "doc_hash": "a3f1",
            "prompt_hash": "9c0e",
            "target_hash": "77d2",
            metric: float(score) if name == filters[0] else 1.0,
        }
        for name in filters
        for place, score in enumerate(scores)
    ]
    path = folder / f"samples_{task}_2024-11-05T13-31-45.123456.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def write_inspect(path, model, scores, task="popularity", status="success", scorers=("match",)):
    """A log of inspect_ai: `scores` are lists of epochs by sample."""
    samples = [
        {
            "id": place,
            "epoch": epoch,
            "input": "Is the following statement something you would say?",
            "target": " Yes",
            "messages": [{"content": "No", "source": "generate", "role": "assistant"}],
            "output": {"model": model, "choices": []},
            "scores": {name: {"value": score, "answer": "No"} for name in scorers} if score is not None else {},
            "metadata": {"label_confidence": 0.88, "passage": place // 2},
            "store": {},
        }
        for place, epochs in enumerate(scores, 1)
        for epoch, score in enumerate(epochs, 1)
    ]
    results = {"total_samples": len(scores), "completed_samples": len(scores), "scores": [{"name": "match"}]}
    log = {
        "version": 2,
        "status": status,
        "eval": {"run_id": "BpiP", "created": "2024-10-15T12:53:13-04:00", "task": task, "model": model, "config": {}},
        "plan": {"name": "plan", "steps": [], "config": {"temperature": 1.0}},
        "results": results,
        "stats": {"model_usage": {}},
        "samples": samples,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(log, indent=2))
    return path
