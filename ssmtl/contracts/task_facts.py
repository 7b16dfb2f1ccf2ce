"""What is known of a task before it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jaxtyping import Int
from torch import Tensor, nn

from ssmtl.contracts.backbone import Pyramid
from ssmtl.contracts.head import Head, Output
from ssmtl.errors import nearest


@dataclass(frozen=True)
class TaskFacts:
    """Given once, after the data are split and before the optimiser is made.

    :param task: its name. :param outputs: what each task's logits mean, in the recipe's order, its own included.
    :param pyramid: of the features that the task's head reads.
    :param images: training images in each pool, `labeled` and `unlabeled`.
    :param class_counts: labelled images of each class, shape (classes,); None where there are no classes.
    :param known_counts: labelled images of which it is known whether they have the class; None for masks.
    :param numbers: mean and standard deviation of each number over the labelled images, shape (numbers,), for a task
        that predicts numbers.
    :param steps: of the whole training. :param rows: of each pool in one step of one process; empty: not known.
    :param make_head: another head like the task's, initialised anew: a pure function of the seed and of how often it
        was called before.
    :param make_network: likewise another network for the task alone, without a bridge: images in [0, 1] to logits.
    """

    task: str
    outputs: Mapping[str, Output]
    pyramid: Pyramid
    images: Mapping[str, int]
    class_counts: Int[Tensor, " classes"] | None
    steps: int
    make_head: Callable[[], Head]
    make_network: Callable[[], nn.Module]
    known_counts: Int[Tensor, " classes"] | None = None
    numbers: tuple[Tensor, Tensor] | None = None
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def output(self) -> Output:
        """What the task's own logits mean."""
        return self.outputs[self.task]

    def output_of(self, task: str) -> Output:
        """What another task's logits mean.

        :raises ValueError: if there is no such task, it is the task itself, or predicts nothing.
        """
        if task == self.task:
            raise ValueError(f"'{task}' is the task itself; expected another one")
        try:
            output = self.outputs[task]
        except KeyError:
            hint = nearest(task, [name for name in self.outputs if name != self.task])
            raise ValueError(f"there is no task '{task}' ({hint})") from None
        if not output.has_labels:
            raise ValueError(f"the task '{task}' has no labels and predicts nothing; expected another one")
        return output
