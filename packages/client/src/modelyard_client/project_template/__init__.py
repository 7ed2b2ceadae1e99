"""The project of a model, rendered from templates of our own: training, tests of the served model, image, CI.

It renders texts and compares them; what is written to disk, and what is refused there, is in `folder.py`.
"""

from modelyard_client.project_template.answers import Answers as Answers
from modelyard_client.project_template.answers import Kind as Kind
from modelyard_client.project_template.changes import Change as Change
from modelyard_client.project_template.changes import template_changes as template_changes
from modelyard_client.project_template.folder import write_project as write_project
from modelyard_client.project_template.rendering import render_project as render_project
