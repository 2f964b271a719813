"""The gate's recognition is enrolment's: the same steps, the same numbers."""

import math
from uuid import uuid4

import numpy as np
import pytest

from gate_sdk._compare import compare
from gate_sdk._face import FaceGallery, FaceRecognition
from gate_sdk._packs import Searchable
from gate_sdk._recognition import Evidence, UnusableError
from gate_sdk.face import ENROLMENT, GATE, FaceEngine, choose, pack_template
from gate_sdk.face.templates import unit
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import Head, Policy
from tests import data


@pytest.fixture(scope="module")
def recognition() -> FaceRecognition:
    return FaceRecognition(data.default_pack())


# A whole photograph, and one whose face is of a size at which enrolment looks twice.
@pytest.mark.parametrize("step", [1, 2])
def test_a_frame_is_embedded_at_the_gate_as_at_enrolment(recognition: FaceRecognition, step: int) -> None:
    engine = FaceEngine(data.default_pack())
    frame = np.ascontiguousarray(data.astronaut()[::step, ::step])
    face = choose(engine.detect(frame), frame.shape)
    assert face is not None
    enrolled = engine.embed(frame, face)
    seen = recognition.choose(recognition.detect(frame), frame, None)
    assert seen is not None
    evidence = recognition.embed(recognition.align(frame, seen))
    assert np.array_equal(evidence.vector, enrolled.vector)
    assert evidence.weight == enrolled.norm


def test_gate_takes_frames_that_enrolment_would_not(recognition: FaceRecognition) -> None:
    assert recognition.min_weight == GATE.norm < ENROLMENT.norm


def test_garbage_is_unusable_not_an_error(recognition: FaceRecognition) -> None:
    with pytest.raises(UnusableError, match="image_unreadable"):
        recognition.decode(b"\xff\xd8\xff garbage")


def test_evidence_does_not_show_its_vector() -> None:
    assert "vector" not in repr(Evidence(vector=syn.person(1), weight=20.0))


def test_fusing_weighs_frames_by_what_they_say(recognition: FaceRecognition) -> None:
    clear, blurred = Evidence(vector=syn.person(1), weight=30.0), Evidence(vector=syn.person(2), weight=3.0)
    fused = recognition.fuse([clear, blurred])
    assert float(fused @ clear.vector) > 0.98
    assert abs(float(np.linalg.norm(fused)) - 1.0) < 1e-6


def test_threshold_rises_with_the_gallery_and_stays_above_the_floor(recognition: FaceRecognition) -> None:
    bars = [recognition.threshold(people, 0.001, 1) for people in (1, 100, 10_000)]
    assert bars == sorted(bars)
    assert bars[0] >= recognition.floor


def test_malformed_template_costs_its_owner_only() -> None:

    one, two = uuid4(), uuid4()
    gallery = FaceGallery([(one, syn.template(1)), (two, b"\x00" * 5)], syn.DIMS)
    assert len(gallery) == 1
    found = gallery.search(syn.person(1))
    assert found is not None
    assert found.subject == one
    assert pack_template(syn.person(1)) == syn.template(1)


@pytest.mark.parametrize("fpir", [math.nan, -1.0, 0.0, 7.0])
def test_rate_that_means_nothing_refuses_no_frame(fpir: float, recognition: FaceRecognition) -> None:
    vector, subject = unit(np.ones(128)), uuid4()
    head = Head(subject, epoch=1, version=1, count=1, digest=b"", issued_at_us=1, policy=Policy(fpir=fpir))
    galleries = [Searchable(recognition, recognition.gallery([(subject, pack_template(vector))]))]
    found = compare([Evidence(vector, 20.0)], galleries, head, by=recognition)
    assert found is not None
    assert 0.5 <= found[1] <= 0.95
