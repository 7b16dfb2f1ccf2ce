"""The data of one task, by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ssmtl.contracts.head import Output
from ssmtl.contracts.source import Example
from ssmtl.data.cache import Decoded
from ssmtl.data.joined_rows import JoinedRows, Pool
from ssmtl.data.rows import Rows, rows_of
from ssmtl.data.split_file import TaskSplit


@dataclass(frozen=True)
class TaskData:
    """The parts of one task; `unlabeled` carries true labels where they are known, for diagnostics only.

    :param left_out: as in `TaskSplit`.
    """

    labeled: Rows
    unlabeled: Pool
    val: Rows
    test: Mapping[str, Rows]
    left_out: Mapping[str, int] = field(default_factory=dict)


def task_data(
    split: TaskSplit,
    output: Output,
    examples: Mapping[str, Sequence[Example]],
    decoded: Mapping[str, Decoded],
    patients: Mapping[str, Mapping[str, str]] | None = None,
) -> TaskData:
    """The task's rows, as named by the split. :param patients: by source, as in `rows_of`."""

    def rows(source: str, ids: Sequence[str], labeled: bool = True) -> Rows:
        return rows_of(source, ids, output, examples[source], decoded[source], labeled, (patients or {}).get(source))

    def unknown(source: str, ids: Sequence[str]) -> Rows:
        """Of another source: nothing is known of its images, whatever their classes are called there."""
        bare = [Example(one.id, one.patient, one.image) for one in examples[source]]
        return rows_of(source, ids, output, bare, decoded[source], False, (patients or {}).get(source))

    tests = {domain: rows(part.source, part.ids) for domain, part in split.test.items()}
    own = split.source
    mine = rows(own, split.unlabeled, False)
    others = {source: unknown(source, ids) for source, ids in split.unlabeled_of.items()}
    unlabeled = JoinedRows(({own: mine} if len(mine) else {}) | others) if others else mine
    return TaskData(rows(own, split.labeled), unlabeled, rows(own, split.val), tests, split.left_out)
