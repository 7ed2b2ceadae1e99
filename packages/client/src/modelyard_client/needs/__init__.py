"""What a training script needs, as its author wrote it down: the files of the field, read to plain requirements.

The command line reads them where they lie; the control plane reads those of an archive with the same code. Nothing here
asks an index, and no file may name one: which index is asked is the operator's to say.
"""

from modelyard_client.needs.needs import Needs, Reader, python_versions
from modelyard_client.needs.reading import combined, read_needs, required_python
from modelyard_client.needs.requirements_file import read_requirements_file

__all__ = ["Needs", "Reader", "combined", "python_versions", "read_needs", "read_requirements_file", "required_python"]
