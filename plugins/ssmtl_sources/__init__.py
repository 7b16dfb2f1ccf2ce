"""Sources: the phantom, digits, a reader for the layout of each public data set, and two for your own files."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ssmtl import hookimpl

if TYPE_CHECKING:
    from ssmtl import Source


@hookimpl
def ssmtl_sources() -> Mapping[str, Callable[..., "Source"]]:
    """The sources that a recipe may name with `use:`."""
    from ssmtl_sources.busi import Busi
    from ssmtl_sources.chest_xray import ChestXray
    from ssmtl_sources.covid_chestxray import CovidChestxray
    from ssmtl_sources.digits import Digits
    from ssmtl_sources.jsrt import Jsrt
    from ssmtl_sources.manifest import Manifest
    from ssmtl_sources.montgomery import Montgomery
    from ssmtl_sources.nih_chestxray14 import NihChestxray14
    from ssmtl_sources.phantom import Phantom
    from ssmtl_sources.plain_folders import PlainFolders
    from ssmtl_sources.shenzhen import Shenzhen

    return {
        "busi": Busi,
        "chest_xray": ChestXray,
        "covid_chestxray": CovidChestxray,
        "digits": Digits,
        "folders": PlainFolders,
        "jsrt": Jsrt,
        "manifest": Manifest,
        "montgomery": Montgomery,
        "nih_chestxray14": NihChestxray14,
        "phantom": Phantom,
        "shenzhen": Shenzhen,
    }
