"""The import contract that import-linter's own types cannot say: a noun's rows are touched by that noun only."""

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OwnRowsContract(Contract):
    """Modules that belong to the folder in which they are: nobody outside of it imports them.

    Options:
        package: the package whose children are the nouns.
        modules: the names of the modules that are private to each of them.
        allowed_importers: modules that may import all of them.
    """

    type_name = "own_rows"

    package = fields.StringField()
    modules = fields.ListField(subfield=fields.StringField())
    allowed_importers = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001  # import-linter's own.
        """Every import of such a module from outside of its noun."""
        names: list[str] = self.contract_options["modules"]
        allowed: set[str] = set(self.contract_options["allowed_importers"])
        illegal = [
            f"{importer} -> {noun}.{name}"
            for noun in sorted(graph.find_children(self.contract_options["package"]))
            for name in names
            if f"{noun}.{name}" in graph.modules
            for importer in sorted(graph.find_modules_that_directly_import(f"{noun}.{name}") - allowed)
            if not importer.startswith(f"{noun}.")
        ]
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each import."""
        for line in check.metadata["illegal"]:
            output.print_error(f"- {line}: use the noun's service instead", bold=False)
