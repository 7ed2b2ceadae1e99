"""Digests, references and documents: what is read strictly, and what is written canonically."""

import json

import pytest

from modelyard.errors import Invalid
from modelyard.oci.content import (
    CONFIG,
    DOCKER_MANIFEST,
    LAYER,
    Descriptor,
    Digest,
    ImageIndex,
    ImageManifest,
    Platform,
)
from modelyard.oci.image_config import ImageConfig
from modelyard.oci.reference import Reference, Repository
from modelyard.oci.strict_json import MAX_DOCUMENT

DIGEST = Digest.of(b"content")


class TestReferences:
    @pytest.mark.parametrize(
        "text",
        [
            "localhost/models",
            "localhost:5000/asgard-model:my-model-v1",
            "637423187518.dkr.ecr.eu-north-1.amazonaws.com/asgard-model:my-model-v1",
            f"registry.example.com/team/a__b/c-d.e:V1.0_x@{DIGEST}",
            f"[::1]:5000/models@{DIGEST}",
        ],
    )
    def test_what_is_valid_is_written_as_it_was_read(self, text: str) -> None:
        assert str(Reference.parse(text)) == text

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("localhost:5000/m:v1@sha256", "64 hexadecimal digits behind '@'"),
            (f"localhost:5000/m:v1@sha256:{'A' * 64}", "64 hexadecimal digits behind '@'"),
            ("localhost:5000/m:v1@", "64 hexadecimal digits behind '@'"),
            ("python:3.11", "<host>"),
            ("library/python:3.11", "the registry's host first"),
            ("https://localhost/m", "the registry's host first"),
            ("user@localhost:5000/m", "<host>"),
            ("localhost:5000/M", "lower-case"),
            ("localhost:5000/../m", "lower-case"),
            ("localhost:5000//m", "lower-case"),
            ("localhost:5000/m:", "a tag"),
            ("localhost:5000/m:-v1", "a tag"),
            ("localhost:70000/m", "a port"),
            ("localhost:5000/m?x=1", "lower-case"),
            ("", "<host>"),
        ],
    )
    def test_what_is_not_a_reference_is_refused_with_the_part_that_is_wrong(self, text: str, expected: str) -> None:
        with pytest.raises(Invalid, match="reference: expected") as refused:
            Reference.parse(text)
        assert expected in refused.value.message
        assert refused.value.code == "reference_invalid"

    def test_a_digest_counts_before_a_tag(self) -> None:
        reference = Reference.parse(f"localhost/m:v1@{DIGEST}")
        assert reference.manifest == str(DIGEST)
        assert Reference.parse("localhost/m:v1").pinned(DIGEST) == reference

    def test_a_repository_has_no_tag(self) -> None:
        assert str(Repository.parse("localhost:5000/m").tagged("my-model-v1")) == "localhost:5000/m:my-model-v1"
        with pytest.raises(Invalid, match="without tag and digest"):
            Repository.parse("localhost:5000/m:v1")


class TestDocuments:
    def test_a_manifest_is_read_as_it_was_written(self) -> None:
        manifest = ImageManifest(
            config=Descriptor(CONFIG, DIGEST, 7),
            layers=(Descriptor(LAYER, DIGEST, 7, annotations={"b": "2", "a": "1"}),),
            annotations={"z": "ä"},
        )
        assert ImageManifest.parse(manifest.to_bytes()) == manifest
        assert manifest.to_bytes() == ImageManifest.parse(manifest.to_bytes()).to_bytes()

    def test_the_order_of_names_does_not_change_a_digest(self) -> None:
        one = ImageManifest(Descriptor(CONFIG, DIGEST, 7), (), annotations={"a": "1", "b": "2"})
        other = ImageManifest(Descriptor(CONFIG, DIGEST, 7), (), annotations={"b": "2", "a": "1"})
        assert one.to_bytes() == other.to_bytes()

    def test_text_that_is_no_unicode_is_written_as_it_was_read(self) -> None:
        content = rb'{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[]},"config":{"Labels":{"a":"\ud800"}}}'
        config = ImageConfig.parse(content)
        assert ImageConfig.parse(config.to_bytes()) == config

    def test_dockers_manifest_is_read_too(self) -> None:
        entry = {"mediaType": CONFIG, "digest": str(DIGEST), "size": 7}
        document = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": entry, "layers": [entry]}
        assert ImageManifest.parse(json.dumps(document).encode()).config.digest == DIGEST

    def test_a_configuration_is_read_as_it_was_written(self) -> None:
        config = ImageConfig(Platform("arm64", variant="v8"), (DIGEST,), run={"Env": ["A=b=c"]}, created="2026")
        assert ImageConfig.parse(config.to_bytes()) == config
        assert config.environment == {"A": "b=c"}

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"<html>", "expected JSON"),
            (b"[" * 100_000, "expected JSON"),
            (b"[]", "expected an object"),
            (b'{"schemaVersion": NaN}', "expected JSON"),
            (b'{"schemaVersion": 1}', "schemaVersion: expected 2"),
            (b'{"schemaVersion": 2, "mediaType": "text/html"}', "mediaType"),
            (b'{"schemaVersion": 2, "layers": {}}', "layers: expected a list"),
            (b'{"schemaVersion": 2, "layers": [], "config": {"size": -1}}', "config.size"),
            (b'{"schemaVersion": 2, "layers": [], "config": {"size": true}}', "config.size"),
            (
                b'{"schemaVersion": 2, "layers": [], "config": {"size": 1, "mediaType": "a/b", "digest": "sha256:.."}}',
                "config.digest",
            ),
            (b" " * (MAX_DOCUMENT + 1), "at most"),
        ],
    )
    def test_what_is_no_manifest_is_refused(self, content: bytes, expected: str) -> None:
        with pytest.raises(Invalid, match=expected):
            ImageManifest.parse(content)

    def test_an_index_keeps_the_platforms(self) -> None:
        index = ImageIndex((Descriptor(CONFIG, DIGEST, 7, platform=Platform("amd64")),))
        assert ImageIndex.parse(index.to_bytes()) == index
