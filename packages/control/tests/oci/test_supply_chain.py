"""Inventories and provenance, judged by CycloneDX's own schema."""

import json
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from oci_parts import make_bundle, make_wheel

from modelyard.oci.content import MANIFEST, Descriptor, Digest
from modelyard.oci.layout import Layout
from modelyard.oci.supply_chain import Origin, attach, inventory, provenance_statement

IMAGE = Descriptor(MANIFEST, Digest.of(b"image"), 5)
BASE = Descriptor(MANIFEST, Digest.of(b"base"), 4)


class TestInventory:
    def test_it_is_valid_and_names_every_package_with_its_licence(self, tmp_path: Path) -> None:
        wheels = [
            make_wheel(tmp_path, "zebra", "2.0", metadata="Summary: Stripes\nLicense-Expression: MIT OR Apache-2.0\n"),
            make_wheel(tmp_path, "apple", metadata="Classifier: License :: OSI Approved :: BSD License\n"),
            make_wheel(tmp_path, "pear", metadata="License: LGPL\n"),
            make_wheel(tmp_path, "plum", "1.0+cpu", metadata="License: UNKNOWN\n"),
        ]
        document = inventory(IMAGE, base=BASE, wheels=wheels, bundle=make_bundle(tmp_path / "bundle"))
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.decode()) is None
        said = {each["name"]: each for each in json.loads(document)["components"]}
        assert list(said) == ["base", "my_model", "apple", "pear", "plum", "zebra"]
        assert said["zebra"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
        assert said["apple"]["licenses"] == [{"license": {"name": "BSD License"}}]
        assert said["pear"]["licenses"] == [{"license": {"name": "LGPL"}}]
        assert "licenses" not in said["plum"]
        assert said["plum"]["purl"] == "pkg:pypi/plum@1.0%2Bcpu"
        assert said["zebra"]["hashes"] == [{"alg": "SHA-256", "content": wheels[0].sha256}]

    def test_it_follows_from_the_image(self, tmp_path: Path) -> None:
        wheels = [make_wheel(tmp_path, "apple"), make_wheel(tmp_path, "pear")]
        bundle = make_bundle(tmp_path / "bundle")
        one = inventory(IMAGE, base=BASE, wheels=wheels, bundle=bundle)
        assert one == inventory(IMAGE, base=BASE, wheels=wheels[::-1], bundle=bundle)
        assert one != inventory(BASE, base=BASE, wheels=wheels, bundle=bundle)


class TestProvenance:
    def test_it_names_the_image_and_all_that_went_into_it(self, tmp_path: Path) -> None:
        wheel = make_wheel(tmp_path, "apple")
        origin = Origin(job_id="j-1", script_sha256="a" * 64, run_id="r-1", version_manifest_sha256="b" * 64)
        document = json.loads(
            provenance_statement(
                IMAGE,
                name="my-model-v1",
                base=BASE,
                lock_text="lock",
                wheels=[wheel],
                bundle=make_bundle(tmp_path / "bundle"),
                origin=origin,
            )
        )
        assert document["_type"] == "https://in-toto.io/Statement/v1"
        assert document["predicateType"] == "https://slsa.dev/provenance/v1"
        assert document["subject"] == [{"name": "my-model-v1", "digest": {"sha256": IMAGE.digest.hex}}]
        definition = document["predicate"]["buildDefinition"]
        assert definition["externalParameters"] == {"model": "my_model", "version": "1", "job": "j-1", "run": "r-1"}
        inputs = {
            each.get("name", each.get("uri")): each["digest"]["sha256"] for each in definition["resolvedDependencies"]
        }
        assert inputs["script"] == "a" * 64
        assert inputs["version"] == "b" * 64
        assert inputs["pkg:pypi/apple@1.0"] == wheel.sha256


class TestReferrers:
    def test_a_document_is_attached_once_and_found_by_its_subject(self, layout: Layout) -> None:
        image = layout.put(layout.blobs.add(b'{"schemaVersion":2}', MANIFEST), name="x")
        for _ in range(2):
            attached = attach(layout, image, b"{}", artifact_type="application/x+json", title="x.json", created="2026")
        assert [each.digest for each in layout.referrers(image.digest)] == [attached.digest]
        assert layout.manifest(attached).subject == Descriptor(MANIFEST, image.digest, image.size)
        assert layout.referrers(attached.digest) == []
