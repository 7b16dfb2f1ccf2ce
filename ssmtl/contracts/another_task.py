"""An option of a strategy or a bridge that names another task of the recipe."""

from typing import Annotated

from pydantic import Field

MARK = "names_another_task"
"""In the JSON Schema of such an option."""

AnotherTask = Annotated[str, Field(json_schema_extra={MARK: True})]
"""The name of another task. Where a recipe leaves it out and has one other task, it is that one."""
