"""A local plugin whose components fail as the environment variable FAIL says."""

import os
from pathlib import Path

import torch

from ssmtl import Strategy, hookimpl
from ssmtl.contracts.view import View

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
        if FAIL == "exit":
            raise SystemExit(0)
        if FAIL == "raise":
            raise ArithmeticError("seven")
        if FAIL == "memory":
            return loss + torch.zeros(2**43).sum()
        return loss


def observe(hook):
    if FAIL in ("observers", "observers exit") and Path(__file__).stem in (hook, "broken_plugin"):
        raise ValueError(hook) if FAIL == "observers" else SystemExit(0)


@hookimpl
def ssmtl_strategies():
    if FAIL == "provider":
        raise KeyError("lost")
    if FAIL == "nothing":
        return None
    return {"broken": Broken} if Path(__file__).stem == "broken_plugin" else {}


@hookimpl
def ssmtl_run_started(run):
    observe("run_started")


@hookimpl
def ssmtl_step_ended(step):
    observe("step_ended")


@hookimpl
def ssmtl_evaluated(result):
    observe("evaluated")


@hookimpl
def ssmtl_checkpoint_saved(saved):
    observe("checkpoint_saved")


@hookimpl
def ssmtl_run_ended(run):
    observe("run_ended")
