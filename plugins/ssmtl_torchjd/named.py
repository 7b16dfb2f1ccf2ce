"""The best-known of TorchJD's aggregators as balancers of their own name, with their own options."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from ssmtl_torchjd.aggregated import Aggregated, Option


class UpGrad(Aggregated):
    """The mean of the tasks' gradients, each projected on those directions in which no task's loss grows.

    Quinton and Rey, "Jacobian Descent for Multi-Objective Optimization", 2024.
    """

    def __init__(self, tasks: tuple[str, ...], /) -> None:
        super().__init__(tasks, aggregator="UPGrad")


class MultipleGradientDescent(Aggregated):
    """The shortest gradient in the convex hull of the tasks' gradients.

    Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", Comptes Rendus Mathématique
    2012; by the Frank-Wolfe solver of Sener and Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS
    2018.

    :param epsilon: the step of the solver below which it stops. :param max_iters: the most steps of the solver.
    """

    def __init__(
        self, tasks: tuple[str, ...], /, *, epsilon: PositiveFloat = 0.001, max_iters: PositiveInt = 100
    ) -> None:
        super().__init__(tasks, aggregator="MGDA", options={"epsilon": epsilon, "max_iters": max_iters})


class PcGrad(Aggregated):
    """The sum of the tasks' gradients, each without its part against any other task's, in random order.

    Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020.
    """

    def __init__(self, tasks: tuple[str, ...], /) -> None:
        super().__init__(tasks, aggregator="PCGrad")


class CaGrad(Aggregated):
    """The direction near the mean gradient along which the loss that falls least falls most.

    Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS 2021.

    :param c: how far from the mean, in lengths of the mean, in [0, 1); 0 is the mean.
    """

    def __init__(self, tasks: tuple[str, ...], /, *, c: Annotated[float, Field(ge=0, lt=1)] = 0.4) -> None:
        super().__init__(tasks, aggregator="CAGrad", options={"c": c})


class NashMtl(Aggregated):
    """The Nash bargaining solution: weights w with G w = 1 / w, for the Gramian G of the tasks' gradients.

    Navon et al., "Multi-Task Learning as a Bargaining Game", ICML 2022. Each step's solver starts from weights of 1,
    not from those of the step before, so that a resumed run repeats it.

    :param max_norm: the greatest length of the combined gradient; 0: any. :param optim_niter: the most rounds of the
        solver.
    """

    def __init__(
        self, tasks: tuple[str, ...], /, *, max_norm: NonNegativeFloat = 1.0, optim_niter: PositiveInt = 20
    ) -> None:
        options: dict[str, Option] = {"n_tasks": len(tasks), "max_norm": max_norm, "optim_niter": optim_niter}
        super().__init__(tasks, aggregator="NashMTL", options=options)


class ImtlG(Aggregated):
    """The gradient whose projections on all tasks' directions are equally long.

    Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021, IMTL-G.
    """

    def __init__(self, tasks: tuple[str, ...], /) -> None:
        super().__init__(tasks, aggregator="IMTLG")


class AlignedMtl(Aggregated):
    """The mean of the tasks' gradients, once they are made orthogonal and equally long.

    Senushkin et al., "Independent Component Alignment for Multi-Task Learning", CVPR 2023.
    """

    def __init__(self, tasks: tuple[str, ...], /) -> None:
        super().__init__(tasks, aggregator="AlignedMTL")
