"""A folder copied out of `plugins/`, with the eight lines of docs/plugins.md, is a plugin with another owner."""

import re
import shutil

import pytest
from scratch_install import REPOSITORY, SETTINGS, build, copy_of_the_project, install, ssmtl

PLUGIN, NAME = "ssmtl_multimix", "ssmtl-multimix"

pytestmark = pytest.mark.slow


def project_file():
    """The code block of docs/plugins.md, with other names."""
    text = (REPOSITORY / "docs" / "plugins.md").read_text(encoding="utf-8")
    lines = re.search(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]
    assert len(lines.splitlines()) == 8
    return lines.replace("my-bridge", NAME).replace('my_bridge = "my_bridge"', f'multimix = "{PLUGIN}"')


def test_a_copied_plugin_is_a_distribution_of_its_own(tmp_path):
    less = copy_of_the_project(tmp_path / "less", without=[PLUGIN])
    mine = tmp_path / "mine"
    shutil.copytree(REPOSITORY / "plugins" / PLUGIN, mine / PLUGIN, ignore=shutil.ignore_patterns("__pycache__"))
    (mine / "pyproject.toml").write_text(project_file(), encoding="utf-8")
    here = tmp_path / "here"
    here.mkdir()

    target = install(tmp_path / "target", build(less, tmp_path / "wheels" / "less"))
    code, shown, err = ssmtl(target, "plugins", cwd=here)
    assert code == 0, err
    assert "pooled_linear" in shown
    assert not [line for line in shown.splitlines() if line.startswith("saliency ")]
    code, _, err = ssmtl(target, "check", "multimix", cwd=here)
    assert code == 2
    assert "no backbone is called 'multimix_encoder'" in err

    install(target, build(mine, tmp_path / "wheels" / "mine"))
    code, shown, err = ssmtl(target, "plugins", cwd=here)
    assert code == 0, err
    for name in ("saliency", "fixmatch", "kl_consistency", "multimix_encoder", "multimix_decoder"):
        (row,) = [line for line in shown.splitlines() if line.startswith(f"{name} ")]
        assert f"multimix ({NAME})" in row
    code, shown, err = ssmtl(target, "check", "multimix", *SETTINGS, cwd=here)
    assert code == 0, err
    assert "bridge saliency" in shown
