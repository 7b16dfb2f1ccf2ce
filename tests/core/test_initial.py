"""What is taken of another run's weights, and who is then no longer scored."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_examples import example

from ssmtl.data.earlier import without_earlier
from ssmtl.data.pool import SourceFiles
from ssmtl.data.split_file import DomainPart, TaskSplit, read_split_file, write_split_file
from ssmtl.data.used_images import used_images
from ssmtl.errors import DataError, SsmtlWarning
from ssmtl.model.taking import taken
from ssmtl.recipe.models import SourceEntry


def state(**shapes):
    return {name.replace("__", "."): torch.zeros(shape) for name, shape in shapes.items()}


OWN = state(backbone__a__weight=(2, 1), backbone__a__bias=(2,), heads__t__b__weight=(1, 2), heads__t__b__bias=(1,))


def test_a_layer_is_taken_whole_or_not():
    given = state(
        backbone__a__weight=(2, 3), backbone__a__bias=(2,), heads__t__b__weight=(1, 2), heads__t__b__bias=(1,)
    )
    found = taken(OWN, given | state(heads__other__c__weight=(1,)))
    assert set(found.tensors) == {"heads.t.b.weight", "heads.t.b.bias"}
    assert found.lines == (
        "backbone: new",
        "heads.t: taken",
        "backbone.a.weight is 2 × 1 here, 2 × 3 there",
        "not in this recipe: heads.other",
    )


@given(missing=st.sets(st.sampled_from(sorted(OWN))))
def test_what_is_taken_is_the_other_models(missing):
    given = {name: torch.full_like(tensor, 7.0) for name, tensor in OWN.items() if name not in missing}
    found = taken(OWN, given)
    assert set(found.tensors) == set(given)
    assert all(tensor is given[name] for name, tensor in found.tensors.items())


ROWS = tuple(example(number, "a", patient=f"p{number // 2}") for number in range(20))
FILES = SourceFiles({"s": ROWS}, {"s": SourceEntry(use="x")})


def ids(*numbers):
    return [f"i{number}" for number in numbers]


def split(labeled, val, test):
    part = DomainPart(source="s", ids=ids(*test))
    return {"t": TaskSplit(source="s", labeled=ids(*labeled), unlabeled=[], val=ids(*val), test={"here": part})}


def written(folder, splits, earlier=None):
    write_split_file(folder, splits, 0, {}, FILES.identities, FILES.namespaces, FILES.people, earlier)
    return read_split_file(folder)


def test_nobody_who_trained_or_selected_it_is_tested_and_nobody_who_trained_it_validates(tmp_path):
    earlier = written(tmp_path / "a.json", split(range(4), range(4, 8), range(8, 12)))
    with pytest.warns(SsmtlWarning) as heard:
        found = without_earlier(split(range(12, 20), [2, 3, 5, 8], [1, 4, 7, 9, 10]), FILES, earlier, True)["t"]
    assert found.val == ids(5, 8)
    assert found.test["here"].ids == ids(9, 10)
    assert [str(one.message).split(":")[1].strip() for one in heard] == [
        "2 of 4 images left out",
        "3 of 5 images left out",
    ]


def test_a_part_of_which_nobody_is_left_is_an_error(tmp_path):
    earlier = written(tmp_path / "a.json", split(range(4), range(4, 8), range(8, 12)))
    with pytest.raises(DataError, match="task 't', test, here: 2 of 2 images, or whom they show, trained"):
        without_earlier(split(range(12, 20), [8], [0, 5]), FILES, earlier, True)


def test_who_trained_the_first_of_three_runs_trained_the_third(tmp_path):
    first = written(tmp_path / "a.json", split([0], [2], [10]))
    second = written(tmp_path / "b.json", split([4], [6], [12]), first)
    third = written(tmp_path / "c.json", split([8], [14], [16]), second)
    people = {int(one[1:]) // 2 for one in used_images(third, {"q": FILES.identities["s"]}, {"q": "s"})["q"]}
    assert people == {0, 1, 2, 3, 4, 7}
