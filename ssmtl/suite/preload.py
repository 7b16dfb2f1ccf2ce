"""Imported once by the process that workers are forked from, so that they start at once."""

from ssmtl.experiment.assemble import assemble
from ssmtl.experiment.prepare import prepare
from ssmtl.registry.plugins import load_plugins
from ssmtl.runs.execute import execute

USED = (assemble, execute, load_plugins, prepare)
"""What a worker calls; plugins import their own libraries when a component first needs them."""
