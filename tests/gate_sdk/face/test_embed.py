from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from gate_sdk.face import (
    Detection,
    Embedding,
    FaceEngine,
    ModelPack,
    TemplateMalformed,
    align,
    choose,
    pack_template,
    template,
    unit,
    unpack_templates,
)
from tests.data import astronaut


def random_unit(count: int, dims: int = 128) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return unit(np.random.default_rng(3).normal(size=(count, dims)))


def test_embedding_is_a_unit_vector_and_keeps_its_norm(engine: FaceEngine, face: Detection) -> None:
    embedding = engine.embed(astronaut(), face)
    assert embedding.vector.dtype == np.float32
    assert embedding.vector.shape == (engine.pack.dims,)
    assert np.linalg.norm(embedding.vector) == pytest.approx(1.0, abs=1e-5)
    assert embedding.norm > 8


def test_the_same_person_smaller_turned_and_darker_is_the_same(engine: FaceEngine, face: Detection) -> None:
    image = Image.fromarray(astronaut())
    varied = np.asarray(image.resize((400, 400)).rotate(12).point(lambda value: value * 0.6))
    found = choose(engine.detect(varied), varied.shape)
    assert found is not None
    assert float(engine.embed(varied, found).vector @ engine.embed(astronaut(), face).vector) > 0.85


def test_threads_share_an_engine(engine: FaceEngine, face: Detection) -> None:
    alone = engine.embed(astronaut(), face).vector
    with ThreadPoolExecutor(4) as pool:
        for vector in pool.map(lambda _: engine.embed(astronaut(), engine.detect(astronaut())[0]).vector, range(12)):
            np.testing.assert_allclose(vector, alone, atol=1e-6)


def test_an_embedding_does_not_show_itself_in_a_log(engine: FaceEngine) -> None:
    text = repr(engine.embed_aligned(align(astronaut(), np.full((5, 2), 100.0))))
    assert text.startswith("Embedding(dims=128")
    assert len(text) < 50


def test_template_is_the_normalised_mean(engine: FaceEngine) -> None:
    parts = [Embedding(vector=vector, norm=10.0) for vector in random_unit(3)]
    mean = np.mean([part.vector for part in parts], axis=0)
    np.testing.assert_allclose(engine.template(parts), mean / np.linalg.norm(mean), atol=1e-6)


def test_no_template_comes_of_nothing_or_of_opposites() -> None:
    vector = random_unit(1)[0]
    with pytest.raises(TemplateMalformed):
        template([])
    with pytest.raises(TemplateMalformed):
        template([Embedding(vector=vector, norm=1.0), Embedding(vector=-vector, norm=1.0)])


def test_stored_template_comes_back_within_float16(pack: ModelPack) -> None:
    vectors = random_unit(50)
    blobs = [pack_template(vector) for vector in vectors]
    assert {len(blob) for blob in blobs} == {2 * pack.dims}
    back = unpack_templates(blobs, pack.dims)
    assert np.einsum("ij,ij->i", back, vectors).min() > 0.9999
    assert unpack_templates([], pack.dims).shape == (0, pack.dims)


def test_stored_form_is_little_endian_float16() -> None:
    vector = np.zeros(4, dtype=np.float32)
    vector[1] = 1.0
    assert pack_template(vector) == bytes.fromhex("0000003c00000000")


@pytest.mark.parametrize("blob", [b"", bytes(255), bytes(256), bytes(258), b"\xff" * 256, b"\x00\x7c" * 128])
def test_malformed_stored_templates_are_refused(blob: bytes) -> None:
    with pytest.raises(TemplateMalformed):
        unpack_templates([pack_template(random_unit(1)[0]), blob], 128)


@pytest.mark.parametrize("factor", [0.0, 2.0, float("nan")])
def test_only_unit_vectors_are_stored(factor: float) -> None:
    with pytest.raises(TemplateMalformed):
        pack_template(random_unit(1)[0] * np.float32(factor))
