"""A local plugin whose components fail when the environment's FAIL says so."""

import os

import torch

from ssmtl import Strategy, hookimpl
from ssmtl.view import View

FAIL = os.environ.get("FAIL", "")


class Broken(Strategy):
    accepts = frozenset({"multiclass", "multilabel", "masks"})

    def __init__(self, output, /, *, at: float = 0.0):
        super().__init__()
        self.views = frozenset({View("labeled", "weak")})
        self.at = at

    def loss(self, batch, outputs, progress):
        (logits,) = outputs.values()
        loss = 0 * logits.mean()
        if progress < self.at or torch.is_inference_mode_enabled():
            return loss
        if FAIL == "nan":
            return loss + float("nan")
        if FAIL == "once" and progress < self.at + 0.1:
            return loss + float("inf")
        if FAIL == "gradient":
            return loss + (0 * logits.sum()).sqrt()
        if FAIL == "raise":
            raise ArithmeticError("seven")
        if FAIL == "memory":
            return loss + torch.zeros(2**43).sum()
        return loss


@hookimpl
def ssmtl_strategies():
    if FAIL == "provider":
        raise KeyError("lost")
    if FAIL == "nothing":
        return None
    return {"broken": Broken}


@hookimpl
def ssmtl_run_started(run):
    if FAIL == "observers":
        raise ValueError("run_started")


@hookimpl
def ssmtl_step_ended(step):
    if FAIL == "observers":
        raise ValueError("step_ended")


@hookimpl
def ssmtl_evaluated(result):
    if FAIL == "observers":
        raise ValueError("evaluated")


@hookimpl
def ssmtl_checkpoint_saved(saved):
    if FAIL == "observers":
        raise ValueError("checkpoint_saved")


@hookimpl
def ssmtl_run_ended(run):
    if FAIL == "observers":
        raise ValueError("run_ended")
