"""From a network to a program of PyTorch's plain operations, the bridges' input gradients among them.

`torch.export` refuses `autograd.grad` inside `forward`. Tracing below autograd does not see it: `make_fx` records the
operations of the gradient like all others, and what it recorded can be exported. NequIP does the same
(pytorch/pytorch#155605).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._functorch.compile_utils import fx_graph_cse
from torch._subclasses import FakeTensorMode
from torch.export import Dim, ExportedProgram
from torch.func import functional_call, functionalize
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext
from torch.utils._python_dispatch import TorchDispatchMode

from ssmtl.errors import RunError, first_line
from ssmtl.experiment.attribution import attributed
from ssmtl.exports.decompositions import backward_decompositions
from ssmtl.exports.outputs import NamedOutputs
from ssmtl.exports.quiet import quiet
from ssmtl.inference.model import Model

PLAIN_COPIES = (
    torch.ops.aten.detach.default,
    torch.ops.aten.alias.default,
    torch.ops.aten.lift_fresh_copy.default,
)
"""Operations that return what they are given, once there is no gradient."""


def program_of(model: Model, maps: bool) -> tuple[ExportedProgram, NamedOutputs]:
    """A program whose batch may have any size, and the module that it does the same as.

    :param model: on the CPU.
    :raises PluginError: naming the component that cannot be exported. :raises RunError: if it is not known which.
    """
    module = NamedOutputs(model.module, maps).eval()
    images = torch.rand(2, *model.shape, generator=torch.Generator().manual_seed(0))
    members = [model.module.member(number) for number in range(len(model.module.members))]
    with attributed(model.experiments[0], "while it was exported", *members, otherwise="the network"), torch.no_grad():
        if model.module.draws:
            with _RefusesDraws():  # type: ignore[no-untyped-call]
                module(images)
        names = list(module(images))
        with quiet():
            traced = _traced(module, images)
    try:
        with quiet(), torch.no_grad():
            program = torch.export.export(
                _Program(traced, names), (images,), dynamic_shapes={"images": {0: Dim("batch")}}, strict=False
            )
    except Exception as error:
        raise RunError(f"PyTorch cannot export the network: {first_line(error)}") from error
    for node in program.graph.nodes:  # where the code lies on this machine
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack"):
            node.meta.pop(key, None)
    return program, module


def _traced(module: nn.Module, images: Tensor) -> GraphModule:
    """Its operations without mutations, each computed once. Weights are attributes, named weight_0 and so on."""
    weights: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def plain(images: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(weights, values, strict=True))
        return tuple(functional_call(module, given, (images,)).values())

    with _fake(images, weights) as given:
        table = backward_decompositions()
        first = make_fx(plain, decomposition_table=table)(*given)
        _clean(first)
        traced = make_fx(functionalize(first, remove="mutations"), decomposition_table=table)(*given)
        _clean(traced)
    traced.graph = fx_graph_cse(traced.graph)
    _, *places = [node for node in traced.graph.nodes if node.op == "placeholder"]
    for number, (place, value) in enumerate(zip(places, weights.values(), strict=True)):
        if place.users:
            traced.register_buffer(f"weight_{number}", value.detach().clone())
            with traced.graph.inserting_before(place):
                place.replace_all_uses_with(traced.graph.get_attr(f"weight_{number}"))
        traced.graph.erase_node(place)
    traced.recompile()
    return traced


def _clean(traced: GraphModule) -> None:
    for node in list(traced.graph.nodes):
        if node.target in PLAIN_COPIES:
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.graph.eliminate_dead_code()
    traced.recompile()


@contextmanager
def _fake(images: Tensor, weights: Mapping[str, Tensor]) -> Iterator[list[Tensor]]:
    """Stand-ins without content, for tracing: the batch may be any, all other sizes are what they are."""
    mode = FakeTensorMode(shape_env=_AnyBatch())
    batch: Any = StatelessSymbolicContext(dynamic_sizes=[DimDynamic.DYNAMIC] + [DimDynamic.STATIC] * 3)
    with mode, enable_python_dispatcher(), torch.no_grad():
        values = [mode.from_tensor(value, static_shapes=True) for value in weights.values()]
        yield [mode.from_tensor(images, symbolic_context=batch), *values]


class _Program(nn.Module):
    """The traced operations, with the outputs' names."""

    def __init__(self, traced: GraphModule, names: list[str]) -> None:
        super().__init__()
        self.traced, self.names = traced, names

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.names, self.traced(images), strict=True))


class _AnyBatch(ShapeEnv):
    """Fails where the code fixes the number of images, so that the traceback leads to who did."""

    def _set_replacement(self, a: Any, tgt: Any, msg: str) -> None:
        if tgt.is_number:
            raise RuntimeError(
                f"it fixes the number of images of a batch to {tgt}, as len(images) does; expected images.shape[0]"
            )
        super()._set_replacement(a, tgt, msg)


class _RefusesDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails at the first operation that draws random numbers."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError("it draws random numbers even in evaluation, which an exported file cannot repeat")
        return func(*args, **(kwargs or {}))
