"""The import contract that import-linter's own types cannot say: what a noun does not name public is private to it."""

from collections.abc import Iterator

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PublicModulesContract(Contract):
    """Modules belong to the noun in whose folder they are. Others import those only that are named public.

    Whatever is not named is private, so that a new module is private until somebody decides otherwise. What is named
    and used by nobody else is refused too: the list stays as short as it can be.

    Options:
        package: the package whose children are the nouns.
        public: names of modules that are public of every noun.
        also_public: modules that are public besides, as `noun.module`.
        open_packages: children of the package that are no nouns: all of them is for everybody.
        assemblers: modules that put the nouns together and may import everything.
    """

    type_name = "public_modules"

    package = fields.StringField()
    public = fields.SetField(subfield=fields.StringField())
    also_public = fields.SetField(subfield=fields.StringField())
    open_packages = fields.SetField(subfield=fields.StringField())
    assemblers = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001  # import-linter's own.
        """Imports of private modules from outside of their noun, and names that are public for nobody."""
        also = self._names("also_public")
        public = self._names("public")
        imports = set(self._between_nouns(graph))
        found = {one for one in imports if _module_of(one[1]) not in public and one[1] not in also}
        used = {name for _, name in imports}
        illegal = [f"{importer} -> {name} (private)" for importer, name in sorted(found)]
        illegal += [f"{name} is named public, and nobody else imports it" for name in sorted(also - used)]
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each import."""
        for line in check.metadata["illegal"]:
            output.print_error(f"- {line}", bold=False)

    def _names(self, name: str) -> set[str]:
        """One of the lists of the configuration."""
        return set(self.contract_options[name])

    def _between_nouns(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        """Who imports what of another noun, as `noun.module`."""
        package: str = self.contract_options["package"]
        opened = self._names("open_packages")
        assemblers = self._names("assemblers")
        for noun in sorted(graph.find_children(package)):
            name = noun.removeprefix(f"{package}.")
            if name in opened or name in assemblers:
                continue
            for module in sorted(graph.find_descendants(noun)):
                parts = module.removeprefix(f"{package}.").split(".")
                for importer in sorted(graph.find_modules_that_directly_import(module)):
                    theirs = importer.removeprefix(f"{package}.").split(".")[0]
                    if theirs != name and theirs not in assemblers:
                        yield importer, f"{name}.{parts[1]}"


def _module_of(name: str) -> str:
    return name.split(".")[1]
