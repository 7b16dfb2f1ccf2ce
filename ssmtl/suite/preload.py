"""Imported once by the process that workers are forked from, so that none of them takes seconds to start."""

from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.execute import execute

USED = (assemble, execute, load_plugins, prepare)
"""What a worker calls; plugins bring their own libraries with the first component that needs them."""
