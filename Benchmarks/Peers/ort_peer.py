"""ONNX Runtime, for predictions. Modes: iobind (input and output bound once), run (given and returned at every call)."""

from timing import predict
from workloads import Dense, batch, chosen_mode, network, options, parameters, predicts

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

mode = chosen_mode('iobind', 'run')
if not predicts():
    raise SystemExit('ONNX Runtime predicts only; expected infer1-mlp, infer1-lenet or coldstart.')

net = network()
arrays = parameters(net)
x, _ = batch(net)


def node(layer, source, result):
    """A layer of the network as a node of the graph."""
    if isinstance(layer, str):
        kind, settings = {
            'relu': ('Relu', {}), 'pool': ('MaxPool', {'kernel_shape': [2, 2], 'strides': [2, 2]}), 'flatten': ('Flatten', {}),
        }[layer]
        return helper.make_node(kind, [source], [result], **settings)
    inputs = [source, layer.name + '.w', layer.name + '.b']
    if isinstance(layer, Dense):
        return helper.make_node('Gemm', inputs, [result], transB=1)
    return helper.make_node('Conv', inputs, [result], pads=[layer.padding] * 4, strides=[layer.stride] * 2)


names = ['x', *(f'y{i}' for i in range(len(net.layers)))]
nodes = [node(*parts) for parts in zip(net.layers, names, names[1:])]
values = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
last, outputs = names[-1], net.layers[-1].outputs
shapes = [
    helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    for name, shape in (('x', x.shape), (last, (1, outputs)))
]
graph = helper.make_graph(nodes, options.workload, shapes[:1], shapes[1:], values)
# Versions that runtimes from 2023 on understand.
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)

settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = options.threads
settings.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=['CPUExecutionProvider'])

if mode == 'iobind':
    out = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, outputs), np.float32))
    binding = session.io_binding()
    binding.bind_ortvalue_input('x', onnxruntime.OrtValue.ortvalue_from_numpy(x))
    binding.bind_ortvalue_output(last, out)

    def prediction():
        session.run_with_iobinding(binding)
        return out

else:

    def prediction():
        return session.run(None, {'x': x})[0]


predict(
    'onnxruntime', onnxruntime.__version__, mode, prediction, net,
    parameters=sum(array.size for array in arrays.values()),
    outputs=lambda value: value.numpy() if mode == 'iobind' else value,
)
