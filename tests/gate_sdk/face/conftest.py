import pytest

from gate_sdk.face import Detection, FaceEngine, ModelPack, choose
from tests import data


@pytest.fixture(scope="session")
def pack() -> ModelPack:
    return data.default_pack()


@pytest.fixture(scope="session")
def engine(pack: ModelPack) -> FaceEngine:
    return FaceEngine(pack)


@pytest.fixture(scope="session")
def face(engine: FaceEngine) -> Detection:
    """The face of the photograph that is always there."""
    photograph = data.astronaut()
    found = choose(engine.detect(photograph), photograph.shape)
    assert found is not None
    return found
