"""What is read of a notebook's file."""

import json
from pathlib import Path
from typing import Any

import pytest
from notebook_files import code_cell, notebook_text

from modelyard_client.errors import Invalid
from modelyard_client.notebooks import MAX_NOTEBOOK_BYTES, Notebook
from modelyard_client.programs import Program

PRINTED = {"output_type": "stream", "name": "stdout", "text": "a secret of the last run"}


def parsed(*cells: Any, **metadata: Any) -> Notebook:
    return Notebook.parse("n.ipynb", notebook_text(*cells, **metadata))


class TestNotebook:
    def test_its_outputs_and_how_it_was_last_run_are_left_out(self) -> None:
        notebook = parsed(code_cell("x = 1", outputs=[PRINTED]), widgets={"state": {"a": 1}})

        assert "secret" not in notebook.text
        assert "widgets" not in notebook.text
        (cell,) = json.loads(notebook.text)["cells"]
        assert (cell["outputs"], cell["execution_count"], cell["metadata"]) == ([], None, {"tags": []})

    def test_the_same_code_is_the_same_text_whoever_ran_it(self) -> None:
        assert parsed(code_cell("x = 1", outputs=[PRINTED])).text == parsed(code_cell("x = 1")).text

    def test_its_text_is_a_notebook_again(self) -> None:
        notebook = parsed("x = 'ä'\ny = 2", {"cell_type": "markdown", "metadata": {}, "source": "# A"})

        assert Notebook.parse("n.ipynb", notebook.text) == notebook

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "expected JSON"),
            ("[" * 100_000, "not nested so deeply"),
            ('{"nbformat": 4, "cells": [NaN]}', "NaN"),
            ("[]", "the notebook: expected an object, got list"),
            (json.dumps({"nbformat": 3, "worksheets": []}), "`nbformat` 4, got 3"),
            (json.dumps({"nbformat": 4, "cells": []}), "1 to 5000 cells"),
            (json.dumps({"nbformat": 4, "cells": [[]]}), "cell 1: expected an object"),
            (json.dumps({"nbformat": 4, "cells": [{"cell_type": "sql"}]}), "cell 1: expected a cell_type"),
            (json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": 1}]}), "cell 1: expected a source"),
            (json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": " "}]}), "not empty"),
            (json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "'\ud800'"}]}), "UTF-8"),
            (notebook_text("x", language_info={"name": "R"}), "a notebook in Python, got 'R'"),
            (notebook_text("x", kernelspec={"language": "julia"}), "got 'julia'"),
            (" " * MAX_NOTEBOOK_BYTES + "{}", "clear its outputs"),
        ],
    )
    def test_what_is_no_notebook_in_python_is_refused_with_what_is_wrong(self, text: str, said: str) -> None:
        with pytest.raises(Invalid) as refused:
            Notebook.parse("n.ipynb", text)

        assert refused.value.code == "notebook_invalid"
        assert said in refused.value.message


class TestParameterNames:
    def test_they_are_what_the_first_tagged_cell_assigns(self) -> None:
        tagged = code_cell("%matplotlib inline\na = 1\nb: int = 2\nc, (d) = 3, 4\nprint(a)", tags=["parameters"])

        assert parsed("z = 1", tagged).parameter_names == frozenset("abcd")

    def test_without_a_tagged_cell_there_are_none(self) -> None:
        assert parsed("a = 1").parameter_names is None

    def test_a_tagged_cell_that_is_not_python_is_refused(self) -> None:
        with pytest.raises(Invalid, match="is not Python"):
            _ = parsed(code_cell("a = = 1", tags=["parameters"])).parameter_names


class TestProgram:
    def test_a_notebook_is_a_program_without_its_outputs(self, tmp_path: Path) -> None:
        file = tmp_path / "churn_rate.ipynb"
        block = "# /// script\n# dependencies = ['scikit-learn']\n# ///"
        file.write_text(notebook_text(block, code_cell("x = 1", outputs=[PRINTED])))

        program = Program.load(file)

        assert (program.script_name, program.model_name) == ("churn_rate.ipynb", "churn-rate")
        assert program.is_notebook
        assert program.needs.requirements == ("scikit-learn",)
        assert "secret" not in program.content

    def test_files_beside_it_say_what_it_needs(self, tmp_path: Path) -> None:
        (tmp_path / "train.ipynb").write_text(notebook_text("x = 1"))
        (tmp_path / "requirements.txt").write_text("pandas")

        assert Program.load(tmp_path / "train.ipynb").needs.requirements == ("pandas",)

    def test_it_may_be_a_projects_entry(self, tmp_path: Path) -> None:
        (tmp_path / "train.ipynb").write_text(notebook_text("x = 1"))
        settings = "[tool.modelyard]\nentry = 'train.ipynb'\nparameters = {depth = 3, region = 'eu'}\n"
        (tmp_path / "pyproject.toml").write_text(settings)

        program = Program.load(tmp_path)

        assert (program.script_name, program.settings.parameters) == ("train.ipynb", {"depth": 3, "region": "eu"})
        assert program.archive is not None
        assert "train.ipynb" in program.archive.names
