"""What the sealed files of a training hold, small."""

from typing import Any

import torch

from tests.tools.builders import make_dataset, make_seed

ROW = {"epoch": 1, "updates": 28, "reconstruction": 3.0}


def make_told(**changes: Any) -> dict[str, Any]:
    """What a trained seed says of its training."""
    names = ("commit", "dirty", "python", "torch", "numpy", "device", "threads", "precision")
    made = make_seed().provenance
    told = {name: getattr(made, name) for name in ("started", *names)}
    process = {"work": "training", **told}
    told |= {"seconds": 1.5, "stacked": 1, "stack": [[0, 0]], "processes": [process]}
    return {**told, "data": "f" * 64, "code": "0123456789abcdef", **changes}


def make_checkpoint(epochs: int = 1, **changes: Any) -> dict[str, Any]:
    """The state of a stack of one seed after ``epochs`` epochs."""
    training = {
        "models": {"encoder.weight": torch.zeros(1, 2, 3)},
        "optimisers": [{"state": {}, "param_groups": []}],
        "streams": {"batches": [torch.Generator().get_state()]},
        "batches": {"order": None, "position": 0},
        "average": {},
    }
    state = {"training": training, "histories": [[ROW]], "diverged": [False], "epochs": epochs}
    return {**make_told(), **state, **changes}


def make_fitted(**changes: Any) -> dict[str, Any]:
    """What lies beside the weights of a seed."""
    streams = {"batches": torch.Generator().get_state()}
    aside = {"history": [ROW], "diverged": False, "streams": streams, "told": make_told()}
    return {**aside, **changes}


def make_trained_stack(**changes: Any) -> dict[str, Any]:
    """Two seeds that are not kept one by one yet."""
    streams = {"batches": [torch.Generator().get_state()] * 2}
    state = {"weights": {"encoder.weight": torch.zeros(2, 2, 3)}, "streams": streams}
    told = make_told(stacked=2, stack=[[0, 0], [1, 1]])
    return {**state, "histories": [[ROW], []], "diverged": [False, True], "told": told, **changes}


def make_finished(**changes: Any) -> dict[str, Any]:
    """A measured seed before the record is whole."""
    arrays = {"codes": torch.zeros(6, 2)}
    result, dataset = make_seed().model_dump(), make_dataset().model_dump()
    return {"result": result, "arrays": arrays, "dataset": dataset, **changes}
