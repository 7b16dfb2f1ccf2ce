"""Where a relative `root:` in a sources file is resolved."""

import os
from dataclasses import dataclass
from pathlib import Path

from ssmtl.errors import DataError


@dataclass(frozen=True)
class Folders:
    """Resolves a source's `root:` against `--data-root`, else SSMTL_DATA, else the current folder."""

    data_root: Path | None = None

    def base(self) -> tuple[Path, str]:
        """The folder that relative roots start from, and which setting named it."""
        if self.data_root is not None:
            return self.data_root, "--data-root"
        if os.environ.get("SSMTL_DATA"):
            return Path(os.environ["SSMTL_DATA"]), "the environment's SSMTL_DATA"
        return Path.cwd(), "the current folder; --data-root or SSMTL_DATA may name another"

    def resolve(self, root: str) -> Path:
        """The path that `root` stands for, whether there is something or not.

        :raises DataError: for the home folder of an unknown user.
        """
        try:
            path = Path(root).expanduser()
        except RuntimeError as error:  # such as ~name of an unknown user
            raise DataError(f"nothing at {root}: {error}") from error
        return path if path.is_absolute() else self.base()[0] / path

    def find(self, root: str, *, public_set: str = "") -> Path:
        """The path of the folder (or file) `root`.

        :param public_set: which data set belongs there and where to get it, for the error message.
        :raises DataError: if nothing is there, saying where it was looked for.
        """
        base, reason = self.base()
        resolved = self.resolve(root)
        if resolved.exists():
            return resolved
        start = "" if Path(root).expanduser().is_absolute() else f" ('{root}' under {base}, {reason})"
        get = f". Get {public_set}" if public_set else ""
        raise DataError(f"nothing at {resolved}{start}{get}")
