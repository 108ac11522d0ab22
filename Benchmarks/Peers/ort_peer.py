"""ONNX Runtime, for predictions. Modes: iobind (input and output bound once), run (given and returned at every call)."""

from timing import predict
from workloads import batch, chosen_mode, network, options, parameters, predicts

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

mode = chosen_mode('iobind', 'run')
if not predicts():
    raise SystemExit('ONNX Runtime predicts only; expected infer1-mlp or coldstart.')

net = network()
layers = parameters(net)
x, _ = batch(net)
nodes, values, last = [], [], 'x'
for i, layer in enumerate(layers):
    weight, bias, z = f'weight{i}', f'bias{i}', f'z{i}'
    values += [numpy_helper.from_array(layer.weight, weight), numpy_helper.from_array(layer.bias, bias)]
    nodes.append(helper.make_node('Gemm', [last, weight, bias], [z], transB=1))
    last = z
    if layer is not layers[-1]:
        last = f'a{i}'
        nodes.append(helper.make_node('Relu', [z], [last]))
shapes = [
    helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    for name, shape in (('x', x.shape), (last, (1, net.widths[-1])))
]
graph = helper.make_graph(nodes, 'mlp', shapes[:1], shapes[1:], values)
# Versions that runtimes from 2023 on understand.
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)

settings = onnxruntime.SessionOptions()
settings.intra_op_num_threads = options.threads
settings.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=['CPUExecutionProvider'])

if mode == 'iobind':
    out = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, net.widths[-1]), np.float32))
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
    parameters=sum(layer.weight.size + layer.bias.size for layer in layers),
    outputs=lambda value: value.numpy() if mode == 'iobind' else value,
)
