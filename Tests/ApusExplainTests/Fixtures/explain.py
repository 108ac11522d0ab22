"""Prints the numbers of N-17 to 15 digits, by PyTorch's automatic differentiation in float64."""

import torch

torch.set_default_dtype(torch.float64)
W1 = torch.tensor([[0.1, 0.2], [-0.3, 0.4]], requires_grad=True)
b1 = torch.tensor([0.05, -0.05], requires_grad=True)
W2 = torch.tensor([[0.7, -0.6], [0.5, 0.8]], requires_grad=True)
b2 = torch.tensor([0.1, -0.2], requires_grad=True)
z1 = W1 @ torch.tensor([1.0, 2.0]) + b1
a1 = torch.sigmoid(z1)
a2 = W2 @ a1 + b2
for t in (z1, a1, a2):
    t.retain_grad()
loss = 0.5 * ((a2 - torch.tensor([1.0, 0.0])) ** 2).sum()
loss.backward()
rows = {
    "z^[1]": z1, "a^[1]": a1, "a^[2]": a2, "L": loss, "da^[2]": a2.grad, "dW^[2]": W2.grad, "db^[2]": b2.grad,
    "da^[1]": a1.grad, "dz^[1]": z1.grad, "dW^[1]": W1.grad, "db^[1]": b1.grad,
    "W^[1]": W1 - 0.1 * W1.grad, "b^[1]": b1 - 0.1 * b1.grad, "W^[2]": W2 - 0.1 * W2.grad, "b^[2]": b2 - 0.1 * b2.grad,
}
for name, value in rows.items():
    print(f'("{name}", [{", ".join(f"{v:.15g}" for v in value.detach().flatten().tolist())}]),')
