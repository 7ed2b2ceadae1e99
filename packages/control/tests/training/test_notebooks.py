"""Notebooks as jobs keep them, with parameters as papermill gives them."""

import json
from pathlib import Path
from typing import Any

import pytest
from notebook_files import code_cell, notebook_text

from modelyard.errors import Invalid
from modelyard.training.notebooks import driver_python
from modelyard.training.scripts import MAX_SCRIPT_BYTES, Script, content_to_run, request_of

TAGGED = code_cell("depth = 3\nregion = 'us'\noptions = {}", tags=["parameters"])
PRINTED = {"output_type": "stream", "name": "stdout", "text": "of the last run"}


def request(*cells: Any, project: Path | None = None, **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"script_name": "train.ipynb", "requirements": None, "script_content": None}
    if project is None:
        given["script_content"] = notebook_text(*cells)
    else:
        (project / "train.ipynb").write_text(notebook_text(*cells))
        given["project"] = "a" * 64
    return request_of(Script(**(given | fields)), project)


def refusal(*cells: Any, **fields: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        request(*cells, **fields)
    return caught.value


def sources(content: str | None) -> list[str]:
    assert content is not None
    return [cell["source"] for cell in json.loads(content)["cells"]]


class TestRequest:
    def test_it_has_the_notebook_without_outputs_and_its_digest_is_that_of_the_code(self) -> None:
        kept = request(code_cell("x = 1", outputs=[PRINTED]))

        assert "of the last run" not in kept["script_content"]
        assert kept["script_sha256"] == request(code_cell("x = 1"))["script_sha256"]

    def test_a_block_in_a_cell_says_what_it_needs(self) -> None:
        block = "# /// script\n# dependencies = ['pandas']\n# ///"

        assert request("x = 1", block)["requirements"] == ["pandas"]
        assert refusal(block, block).code == "script_metadata_invalid"

    def test_of_a_project_the_file_is_read_when_it_runs(self, tmp_path: Path) -> None:
        (tmp_path / "requirements.txt").write_text("numpy")
        kept = request(TAGGED, project=tmp_path, parameters={"depth": 8})

        assert (kept["script_content"], kept["requirements"]) == (None, ["numpy"])
        assert sources(content_to_run(kept, tmp_path))[1] == "# Parameters\ndepth = 8"

    def test_one_that_is_too_large_without_its_outputs_is_refused(self) -> None:
        assert request(code_cell("x = 1", outputs=[PRINTED | {"text": "x" * MAX_SCRIPT_BYTES}]))
        assert refusal("#" * (MAX_SCRIPT_BYTES + 1)).code == "script_content_invalid"

    def test_what_is_no_notebook_is_refused_at_the_door(self) -> None:
        assert refusal(script_content="{}").code == "notebook_invalid"
        assert refusal("x", script_name="Train.IPYNB").code == "script_name_invalid"

    def test_arguments_are_a_scripts_and_parameters_a_notebooks(self) -> None:
        assert refusal("x", arguments=["--depth"]).field == "arguments"
        refused = refusal(script_name="train.py", script_content="x = 1", parameters={"x": 2})
        assert "a script takes arguments" in refused.message


class TestParameters:
    def test_a_cell_right_behind_the_tagged_one_assigns_them(self) -> None:
        given = {"depth": 8, "region": "it's", "options": {"a": [None, True, 0.1]}}
        kept = request("import os", TAGGED, "fit(depth)", parameters=given)

        assert kept["parameters"] == given
        content = content_to_run(kept, None)
        cells = json.loads(content or "")["cells"]
        assert [cell["metadata"].get("tags") for cell in cells] == [[], ["parameters"], ["injected-parameters"], []]
        assigned: dict[str, Any] = {}
        exec(cells[2]["source"], assigned)  # It is what a kernel would do.
        assert {name: assigned[name] for name in given} == given
        assert len({cell["id"] for cell in cells}) == len(cells)

    def test_values_that_were_injected_before_give_way(self) -> None:
        earlier = code_cell("depth = 5", tags=["injected-parameters"])
        kept = request(TAGGED, earlier, "fit(depth)", parameters={"depth": 8})

        assert sources(content_to_run(kept, None))[1:] == ["# Parameters\ndepth = 8", "fit(depth)"]

    def test_without_any_the_notebook_runs_as_it_is(self) -> None:
        kept = request(TAGGED, "fit(depth)")

        assert content_to_run(kept, None) == kept["script_content"]

    @pytest.mark.parametrize(
        ("given", "field", "said"),
        [
            ({"width": 1}, "parameters.width", "assigns (depth, options, region)"),
            ({"depth; import os": 1}, "parameters.depth; import os", "expected a name"),
            ({"depth": float("inf")}, "parameters.depth", "finite"),
            ({"region": "\ud800"}, "parameters.region", "a value of JSON"),
            ({"region": "x" * 40_000}, "parameters", "bytes"),
        ],
    )
    def test_what_cannot_be_given_is_refused_by_its_name(self, given: dict[str, Any], field: str, said: str) -> None:
        refused = refusal(TAGGED, parameters=given)

        assert (refused.code, refused.field) == ("parameters_invalid", field)
        assert said in refused.message

    def test_a_value_that_is_nested_too_deeply_is_refused(self) -> None:
        value: list[Any] = []
        for _ in range(30):
            value = [value]

        assert refusal(TAGGED, parameters={"depth": value}).field == "parameters.depth"

    def test_without_a_tagged_cell_none_can_be_given(self) -> None:
        assert "no cell that is tagged `parameters`" in refusal("depth = 3", parameters={"depth": 8}).message


class TestDriver:
    @pytest.mark.parametrize(
        ("kernel", "driver"), [("3.11", "==3.11.*"), ("3.12.4", "==3.12.4"), ("3.9", ""), (None, "")]
    )
    def test_it_has_the_kernels_python_unless_that_is_too_old(self, kernel: str | None, driver: str) -> None:
        assert driver_python(kernel) == driver
