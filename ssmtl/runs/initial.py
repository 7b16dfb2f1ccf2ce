"""`init: RUN`: a run that begins with another run's weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ssmtl.contracts.folders import Folders
from ssmtl.data.split_file import SplitFile
from ssmtl.errors import RunError
from ssmtl.experiment.experiment import Experiment
from ssmtl.experiment.namespaces import with_moved
from ssmtl.model.taking import taken
from ssmtl.model.weights import checksum, read_tensors, write_tensors
from ssmtl.recipe.init import Init
from ssmtl.runs.folder import RunFolder, check_own
from ssmtl.runs.own_weights import checked_weights


@dataclass(frozen=True)
class Initial:
    """:param run: the other run. :param sha256: of its weights. :param split: who trained and selected it.

    :param tensors: those that fit. :param lines: for people, what was taken and what was not.
    """

    run: RunFolder
    sha256: str
    tensors: Mapping[str, Tensor]
    lines: tuple[str, ...]
    split: SplitFile

    def facts(self) -> dict[str, object]:
        """For environment.json."""
        return {"run": str(self.run.path.absolute()), "sha256": self.sha256, "taken": list(self.lines)}

    def write(self, folder: RunFolder) -> None:
        """Keeps the tensors in a run's own folder, so that it needs the other run no more."""
        place = folder.weights("init")
        place.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(place, self.tensors, {"run": str(self.run.path), "sha256": self.sha256})


def initial_of(experiment: Experiment, folders: Folders) -> Initial | None:
    """The weights that the recipe names; None if it names none. :raises RunError: if they cannot be taken."""
    init = experiment.recipe.init
    if init is None:
        return None
    wanted = Init(run=init) if isinstance(init, str) else init
    return read_initial(wanted.run, wanted.weights, experiment.model, folders)


def read_initial(path: str, which: str, model: nn.Module, folders: Folders) -> Initial:
    """The weights of the run in the folder `path`, as far as they fit the model.

    :param which: best or last. :param folders: where data are now.
    :raises RunError: if it is no finished run, its weights are not those that it wrote, or none of them fits.
    """
    run = RunFolder(Path(path))
    if not run.path.is_dir():
        raise RunError(f"init: there is no folder {path}; expected that of a finished run")
    check_own(run.path)
    if not run.is_finished:
        raise RunError(f"init: {path} holds no finished run (no {run.results.name})")
    split = run.read_split()
    place = checked_weights(run, which, split)
    found = taken(model.state_dict(), read_tensors(place))
    if not found.tensors:
        raise RunError(f"init: nothing of {place} fits this recipe's model: {'; '.join(found.lines)}")
    who = with_moved(split, run.read_recipe().validated(), folders)
    return Initial(run, checksum(place), found.tensors, found.lines, who)


def load_initial(folder: RunFolder, model: nn.Module) -> None:
    """The tensors that the run's folder keeps.

    :raises RunError: if they are missing, damaged, or of another model.
    """
    place = folder.weights("init")
    tensors = read_tensors(place)
    state = model.state_dict()
    if any(name not in state or state[name].shape != tensor.shape for name, tensor in tensors.items()):
        raise RunError(f"the weights {place} are not of this recipe's model")
    model.load_state_dict({**state, **tensors})
