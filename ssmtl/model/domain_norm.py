"""Batch normalisation with statistics and affine parameters for each source."""

from collections.abc import Iterable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from ssmtl.contracts.task_names import key_in


class DomainRows:
    """Which rows of a pass are of which domain: told by the model before a pass, read by every layer in it.

    :param domains: by task, the name of its source.
    """

    def __init__(self, domains: Mapping[str, str]) -> None:
        self.domains = dict(domains)
        self.parts: list[tuple[str, int]] = []
        """(domain, rows) of the pass, in the order of the rows."""

    def tell(self, rows: Iterable[tuple[str, int]]) -> None:
        """:param rows: (task whose images they are, how many), in the order of the rows."""
        self.parts = [(self.domains[task], count) for task, count in rows]


class DomainBatchNorm(nn.Module):
    """One batch normalisation for each domain (Chang, You, Seo, Kwak and Han, "Domain-specific batch normalization for
    unsupervised domain adaptation", CVPR 2019): rows meet only those of their own domain.

    :param domains: by the name of the source, under which its tensors are kept: whatever the order of the tasks, a
        source finds its own. :param rows: shared by all layers of a network.
    """

    def __init__(self, domains: Mapping[str, nn.BatchNorm2d], rows: DomainRows) -> None:
        super().__init__()
        self.domains = nn.ModuleDict()
        for name, layer in domains.items():
            self.domains[key_in(self.domains, name)] = layer
        self.rows = rows

    def of(self, domain: str) -> nn.Module:
        """The normalisation of one source's rows."""
        return self.domains[key_in(self.domains, domain)]

    def forward(self, features: Tensor) -> Tensor:
        """(rows, channels, height, width) → the same shape.

        :raises ValueError: if these are not as many rows as the pass has.
        """
        parts = self.rows.parts
        used = list(dict.fromkeys(domain for domain, _ in parts))
        if len(used) == 1:
            return cast(Tensor, self.of(used[0])(features))
        counts = [count for _, count in parts]
        if sum(counts) != features.shape[0]:
            raise ValueError(
                f"norm: domain needs the rows of the pass in each layer: {sum(counts)}, found {features.shape[0]}"
            )
        pieces = list(torch.split(features, counts))
        for domain in used:
            own = [place for place, (one, _) in enumerate(parts) if one == domain]
            normed = self.of(domain)(torch.cat([pieces[place] for place in own]))
            for place, piece in zip(own, torch.split(normed, [counts[place] for place in own]), strict=True):
                pieces[place] = piece
        return torch.cat(pieces)


def rows_of(network: nn.Module) -> DomainRows | None:
    """What its layers read; None if none tells domains apart."""
    return next((part.rows for part in network.modules() if isinstance(part, DomainBatchNorm)), None)
